#!/usr/bin/env python3
"""A monitoring centre over HTTP(S): stores what gateways POST, then says so.

    centre.py PORT OUT [--cert PEM --key PEM] [--client-ca PEM] [--token TOKEN] [--words FILE]

It listens on 127.0.0.1:PORT. OUT gets each event once, one line of JSON each. With --cert and --key it speaks TLS; with
--client-ca a gateway needs a certificate of that CA, with --token the bearer token. What a person says goes into the --words
FILE as a JSON array; it is sent with the next answer, and the file is removed:

    echo '[{"word": "accepted", "alert_id": "5c09435c-…", "by": "Li Wei", "word_id": "c-1042"}]' > FILE

It is enough for one building. A centre with many keeps words for each site: an answer reaches only the gateway that asked.
"""
import argparse, hmac, json, os, ssl, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NO_RECEIPT = {"org.hoistway.site.v1", "org.hoistway.heartbeat.v1"}  # how things are now: the next one says it again
known, lock = set(), threading.Lock()


def is_event(e):  # what CloudEvents 1.0 requires, and no more: unknown members and types may come
    return isinstance(e, dict) and e.get("specversion") == "1.0" and all(
        isinstance(e.get(name), str) and e[name] for name in ("id", "source", "type"))


def store(events):
    with lock:  # two routes may bring the same event at the same moment
        new = {e["id"]: json.dumps(e, allow_nan=False) + "\n" for e in events if e["id"] not in known}
        size = os.path.getsize(args.out)
        try:
            with open(args.out, "a") as out:
                out.writelines(new.values())
                out.flush()
                os.fsync(out.fileno())
        except OSError:  # the disk is full, say: take half a line back, so that the repeat is stored whole
            os.truncate(args.out, size)
            raise
        known.update(new)  # only now: a repeat must not be answered before the first copy is on the disk


def take_words():  # a word without a word_id may be lost with the connection; with one it can be sent again, and counts once
    with lock:
        try:
            with open(args.words, encoding="utf-8") as file:
                words = json.load(file)
            os.remove(args.words)
            return words
        except (OSError, ValueError):  # none, or somebody is still writing it
            return []


class Centre(BaseHTTPRequestHandler):
    protocol_version, timeout = "HTTP/1.1", 150  # a connection is kept: the gateway comes at least once a minute

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        claim = self.headers.get("Authorization", "")
        if args.token is not None and not hmac.compare_digest(claim.encode(), f"Bearer {args.token}".encode()):
            return self.answer(401)  # the gateway fetches a new token and tries again
        try:
            events = json.loads(body)
            events = events if isinstance(events, list) else [events]  # a batch, or one alone
            if not all(map(is_event, events)):
                raise ValueError("not CloudEvents")
            store([e for e in events if e["type"] not in NO_RECEIPT])
        except (ValueError, RecursionError):
            return self.answer(400)  # of a batch nothing is stored: the gateway sends each event alone
        except OSError as problem:
            print(problem, file=sys.stderr)
            return self.answer(500)  # not stored, so no 2xx: the gateway tries again
        words = take_words() if args.words else []
        self.answer(200, {"words": words}) if words else self.answer(204)  # 2xx is the receipt, also for a repeat

    def answer(self, status, body=None):
        content = json.dumps(body).encode() if body else b""
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("port", type=int)
parser.add_argument("out")
