"""A lift that sends the national items as JSON: a message at each change and every 10 s."""

import json
import os
from datetime import datetime, timedelta, timezone

START = 1772323200.0  # 2026-03-01T08:00:00+08:00, as in the other cases
FOLDER = os.path.dirname(os.path.abspath(__file__))
ABSENT = "absent"  # the field is not sent; None is sent as null

NAMES = {
    "mode": "Service_Mode", "moving": "Car_Status", "direction": "Car_Direction", "zone": "Door_Zone",
    "floor": "Car_Position", "locked": "Door_Status", "open": "Door_Open_Limit",
    "occupied": "Passenger_Status", "load": "Car_Load", "speed": "Car_Speed", "rated": "Rated_Speed",
    "codes": "Message_Code",
}
NORMAL = dict(mode=1, moving=0, direction=0, zone=True, floor=1, locked=True, open=False, occupied=False, codes=[])


def stamp(seconds):
    zone = timezone(timedelta(hours=8))
    return datetime.fromtimestamp(START + seconds, zone).isoformat(timespec="milliseconds")


class Lift:
    """Changes at times; `away` are the times in which nothing arrives."""

    def __init__(self, lift, **signals):
        self.lift, self.changes, self.away, self.extra = lift, {0.0: dict(NORMAL, **signals)}, [], []
        self.stamped = lambda seconds: stamp(seconds)
        self.sequence_from = []  # times at which the sequence begins again with 1

    def at(self, seconds, **signals):
        self.changes.setdefault(float(seconds), {}).update(signals)
        return self

    def without(self, *signals):
        """Sensors that this lift does not have."""
        for change in self.changes.values():
            for signal in signals:
                if signal in change:
                    change[signal] = ABSENT
        return self

    def event(self, seconds, code, active=True):
        """A code at once on the topic of events."""
        payload = {"Message_Code": code, "Active": active, "Time_Stamps": stamp(seconds)}
        self.extra.append(row(seconds, f"lifts/{self.lift}/event", payload))
        return self

    def online(self, seconds, is_online, retain=False):
        self.extra.append(row(seconds, f"lifts/{self.lift}/online", {"Online": is_online}, retain))
        return self

    def run(self, seconds, to, floors=1, seconds_a_floor=2.0):
        """A run from `seconds` on; arrives in the zone of `to` and stands; returns the time at which it stands."""
        state = self.state(seconds)
        origin = state["floor"]
        step = 1 if to > origin else -1
        self.at(seconds, moving=1, direction=1 if step > 0 else 2)
        self.at(seconds + 1, zone=False)
        time = seconds + 1
        for floor in range(origin + step, to + step, step):
            time += seconds_a_floor
            self.at(time, floor=floor)
        self.at(time + 1, zone=True)
        self.at(time + 2, moving=0, direction=0)
        return time + 2

    def door(self, seconds, stays=8, **inside):
        """Opens and shuts at a landing; `inside` is set while it is open. Returns the time at which it is locked."""
        self.at(seconds, locked=False).at(seconds + 2, open=True)
        if inside:
            self.at(seconds + 4, **inside)
        self.at(seconds + 2 + stays, open=False).at(seconds + 5 + stays, locked=True)
        return seconds + 5 + stays

    def press(self, seconds, held=2):
        codes = self.state(seconds)["codes"]
        self.at(seconds, codes=codes + ["90"])
        self.at(seconds + held, codes=codes)
        return self

    def state(self, seconds):
        state = {}
        for time in sorted(self.changes):
            if time <= seconds:
                state.update(self.changes[time])
        return state

    def rows(self, until, every=10.0):
        times, last = [], None
        for time in sorted(t for t in self.changes if t <= until):
            while last is not None and time - last > every:
                last += every
                times.append(last)
            times.append(time)
            last = time
        while last + every <= until:
            last += every
            times.append(last)
        times = [t for t in times if not any(a <= t < b for a, b in self.away)]
        # A link that is back brings the state at once.
        times = sorted(set(times + [b for a, b in self.away if b <= until]))
        sequence, rows = 0, []
        for time in times:
            sequence = 1 if time in self.sequence_from else sequence + 1
            state = self.state(time)
            payload = {"Identification_Number": self.lift, "Sequence": sequence}
            payload.update({NAMES[k]: v for k, v in state.items() if v != ABSENT and k in NAMES})
            payload["Time_Stamps"] = self.stamped(time)
            rows.append(row(time, f"lifts/{self.lift}/state", payload))
        return rows + self.extra


def row(seconds, topic, payload, retain=False):
    text = payload if isinstance(payload, str) else json.dumps(payload, ensure_ascii=False)
    return {"t": START + seconds, "topic": topic, "payload": text, "retain": retain, "qos": 1, "session": 1}


def write(name, rows, in_order=False):
    """By time of arrival, but for `in_order`."""
    rows = rows if in_order else sorted(rows, key=lambda r: r["t"])
    with open(os.path.join(FOLDER, name + ".ndjson"), "w", encoding="utf-8") as file:
        for entry in rows:
            file.write(json.dumps(entry, ensure_ascii=False) + "\n")
