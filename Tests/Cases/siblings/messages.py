"""Numbers 14 to 20: old messages, clocks, spellings, codes."""

import json

from lift import START, Lift, row, stamp, write


def history():
    # Two minutes are buffered, in which the button was pressed and the door opened; they come behind live messages.
    a = Lift("S14A", floor=5)
    rows = a.rows(600)
    for index in range(12):
        payload = json.loads(rows[20]["payload"])
        payload.update(Sequence=22 + index, Time_Stamps=stamp(205 + index * 10), Message_Code=["90"] if index == 3 else [])
        rows.append(row(400 + index, "lifts/S14A/state", payload))
    rows = [r for r in rows if not 205 <= r["t"] - rows[0]["t"] < 330 or "S14A" not in r["topic"]]
    write("14_an_old_press", rows)

    # What is buffered ends in a car that stands between floors, and still does: the live messages tell it.
    b = Lift("S14B", floor=5, occupied=True).at(200, moving=1, direction=1).at(201, zone=False)
    b.at(212, moving=0, direction=0, codes=["04"])
    rows = []
    for index, entry in enumerate(b.rows(900)):
        late = 95 <= entry["t"] - START < 500
        rows.append(dict(entry, t=START + 500 + index * 0.01) if late else entry)
    write("14_buffered_and_still_stuck", rows)

    # One message of 50 s ago says that the door had been open at the landing.
    c = Lift("S14C", floor=5).at(100, locked=False).at(102, open=True, occupied=True).at(110, open=False).at(113, locked=True)
    c.at(116, moving=1, direction=2).at(117, zone=False).at(125, moving=0, direction=0, codes=["04"])
    rows = c.rows(500)
    old = json.loads(next(r for r in rows if r["t"] == START + 102)["payload"])
    old["Passenger_Status"] = False
    write("14_an_old_open_door", rows + [row(300.5 + i, "lifts/S14C/state", dict(old, Time_Stamps=stamp(102 + i))) for i in range(15)])


def clocks():
    for name, lift, change in (("15_frozen_clock_and_a_press", "S15A", True), ("15_frozen_clock_then_silent", "S15B", False)):
        a = Lift(lift, floor=5)
        if change:
            a.at(101, codes=["90"]).at(103, codes=[])
        a.stamped = lambda seconds: "2000-01-01T00:00:00.000+08:00"
        write(name, a.rows(300 if change else 120))
    # A broker that hands out the retained state again and again is no sign of life.
    b = Lift("S15C", floor=5)
    rows = b.rows(100)
    last = json.loads(rows[-1]["payload"])
    rows += [dict(row(100 + 10 * i, "lifts/S15C/state", last, retain=True), session=1 + i) for i in range(1, 30)]
    write("15_retained_copies", rows)
    # The box's own clock is set back by 5 s while somebody is held up.
    c = Lift("S16A", floor=5, occupied=True).at(5, moving=1, direction=1).at(6, zone=False)
    c.at(12, moving=0, direction=0, codes=["04"])
    rows = [dict(r, t=r["t"] - 5 if r["t"] >= START + 50 else r["t"]) for r in c.rows(300)]
    write("16_arrival_steps_back", rows, in_order=True)
    write("17_the_same_name_elsewhere", c.rows(300))


def spellings():
    def held_up(name, spell):
        a = Lift("S19A", floor=7, occupied=True, moving=1, direction=1, zone=False)
        a.at(20, moving=0, direction=0, codes=["04"])
        rows = []
        for entry in a.rows(300):
            payload = {key: spell(key, value) for key, value in json.loads(entry["payload"]).items()}
            rows.append(row(entry["t"] - START, entry["topic"], payload))
        write(name, rows)

    flags = ("Car_Status", "Door_Zone", "Door_Status", "Passenger_Status", "Door_Open_Limit")
    held_up("19_quoted_flags", lambda k, v: ("true" if v else "false") if k in flags else str(v) if k == "Service_Mode" else v)
    held_up("19_quoted_numbers", lambda k, v: str(int(v)) if k in flags else v)
    held_up("19_floats", lambda k, v: float(v) if k in flags or k == "Service_Mode" else v)
    held_up("19_a_mode_that_nobody_names", lambda k, v: 9 if k == "Service_Mode" else v)

    def code(name, value):
        a = Lift("S20A", floor=7).at(40, codes=value).at(60, codes=[])
        write(name, a.rows(200))

    code("20_a_number", [90])
    code("20_a_letter_before_it", ["E90"])
    code("20_an_object_in_objects", [{"fault": {"no": 90}}])
    code("20_nine_hundred", ["900"])
    # The payload in ASCII, as Python writes it by default: the name in it is escaped, the one in the topic is not.
    a = Lift("塔楼B1", floor=7, occupied=True, moving=1, direction=1, zone=False).at(20, moving=0, direction=0, codes=["04"])
    write("20_an_escaped_name", [dict(r, payload=json.dumps(json.loads(r["payload"]))) for r in a.rows(300)])


def messages():
    history()
    clocks()
    spellings()
