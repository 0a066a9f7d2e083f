#!/bin/sh
# A monitoring centre over MQTT 5: it stores each alert and event once, as a line of JSON in OUT, and then sends its receipt.
#
#     centre.sh OUT [mosquitto options: -h HOST -p PORT --cafile PEM --cert PEM --key PEM -u USER -P PASSWORD …]
#
# It needs mosquitto_sub, mosquitto_pub and jq (and the flock, sync and truncate of any Linux). From the environment come PREFIX,
# if it is not hoistway/v1, and CLIENT, a name that no other client of the broker has. It ends when it cannot connect or store:
# let a supervisor start it again.
# What people say needs no centre:  mosquitto_pub -V 5 -q 1 -t hoistway/v1/SITE/word -m '{"words": [{"word": "accepted", …}]}'
# (accepted, verified, dispatched, arrived, released, end_of_alarm, judged_false: README.md says what follows from each)
out=${1:?usage: centre.sh OUT [mosquitto options]}; shift
prefix=${PREFIX:-hoistway/v1} client=${CLIENT:-centre-$(uname -n)} tab=$(printf '\t')
tmp=$(mktemp -d) && mkfifo "$tmp/pipe" || exit 1

exec 9>>"$out" && flock 9 || exit 1  # one centre for one OUT: the one before may still be storing
[ -z "$(tail -c 1 "$out")" ] || truncate -s "-$(tail -n 1 "$out" | wc -c)" "$out"  # half a line had no receipt: it comes again
sync "$out" && jq -c .id "$out" >"$tmp/known" || exit 1

store_and_answer() {
    jq -r --unbuffered '.topic as $topic
        | try (.payload | fromjson
            | if .specversion == "1.0" and ([.id, .source, .type] | all(type == "string" and . != "")) then .
              else error("not a CloudEvent") end
            | [($topic | sub("/[^/]+/[^/]+$"; "/receipt")), (.id | tojson), tojson])
          catch ["-", $topic, (.[:200] | tojson)] | join("\t")' |
    while IFS=$tab read -r receipt id event; do  # id and event are still JSON: one line each, whatever is in them
        if [ "$receipt" = - ]; then printf 'skipped on %s: %s\n' "$id" "$event" >&2; continue; fi
        if ! printf '%s\n' "$id" | grep -qxFf - "$tmp/known"; then  # each id counts once; a repeat gets its receipt again
            { printf '%s\n' "$event" >>"$out" && sync "$out" && printf '%s\n' "$id" >>"$tmp/known"; } || exit 1
        fi  # now it is on the disk, and only now may the gateway forget it
        printf '{"id":%s}' "$id" | mosquitto_pub -V 5 "$@" -i "$client-receipt" -q 1 -t "$receipt" -s  # lost? it comes again
    done
    rm -r "$tmp"
}

# state, heartbeat and link need no receipt. Nor is the QoS 1 of a delivery one: what is under way when this is killed comes again.
store_and_answer "$@" <"$tmp/pipe" &
exec mosquitto_sub -V 5 "$@" -i "$client" -c -q 1 -F %j -t "$prefix/+/alert/+" -t "$prefix/+/event/+" >"$tmp/pipe"
