"""Number 7: what nobody may be sent out for, and beside it what somebody must be."""

from lift import ABSENT, Lift, write


def ride(lift, seconds, to, leaves=True):
    """Somebody enters, rides and leaves. Returns the time at which the doors are locked again."""
    time = lift.door(seconds, occupied=True)
    time = lift.run(time + 2, to)
    return lift.door(time + 2, **({"occupied": False} if leaves else {}))


def links():
    # The link goes at 25 s in a ride that ends at 51 s, and comes back N s later. A second ride follows.
    for seconds in (5, 15, 40, 90, 140):
        for name, missing in (("truth", ()), ("noocc", ("occupied",)), ("noopen", ("open",))):
            a = Lift(f"A{seconds}{name}", floor=1)
            ride(a, 2, 10)
            ride(a, 300, 4)
            a.without(*missing)
            a.away = [(25, 25 + seconds)]
            write(f"07_away_{seconds}_s_in_a_ride.{name}", a.rows(600))

    b = Lift("S07A", floor=7).without("occupied")
    b.away = [(150, 450)]
    write("07_away_from_a_parked_lift.noocc", b.rows(800))

    c = Lift("S07B", floor=1)
    ride(c, 5, 3)
    c.without("occupied")
    c.away = [(62, 400)]  # gone 14 s after the doors locked behind the last passenger
    write("07_away_soon_after_the_doors_locked.noocc", c.rows(800))

    # Twin: the same absence in a run, and the car stands between floors when the link is back.
    d = Lift("S07C", floor=1)
    d.door(2, occupied=True)
    d.at(19, moving=1, direction=1).at(20, zone=False).at(40, moving=0, direction=0, codes=["04"])
    d.away = [(25, 115)]
    write("07_away_and_really_stuck", d.rows(400))


def people():
    # A child presses while the door opens, and just before it does.
    for name, before in (("07_child_presses_on_leaving", -1), ("07_child_presses_before_the_door_opens", 4)):
        a = Lift("S07D", floor=1)
        a.door(2, occupied=True)
        time = a.run(19, 4)
        a.door(time + 2, occupied=False)
        a.press(time + 3 - before)
        write(name, a.rows(300))
    b = Lift("S07E", floor=1)
    b.door(2, occupied=True)
    time = b.run(19, 4)
    b.door(time + 2, occupied=False)
    b.press(time + 4).without("open")
    write("07_child_presses_on_leaving.noopen", b.rows(300))

    # Two people chat behind shut doors; an attendant waits in the car; a family moves in.
    c = Lift("S07F", floor=1, load=0)
    c.door(2, occupied=True, load=22)
    time = c.run(19, 5)
    c.door(time + 2, stays=6)
    ride(c.at(time + 700, load=22), time + 705, 1)
    write("07_chatting_in_a_parked_car", c.rows(900))
    write("07_chatting_in_a_parked_car.noopen", c.without("open").rows(900))

    d = Lift("S07G", floor=1, occupied=True, load=11)
    for begin in (300, 1300):
        time = d.door(begin, stays=10)
        time = d.run(time + 3, 6 if begin == 300 else 1)
        d.door(time + 2, stays=10)
    write("07_attendant", d.rows(2000))

    e = Lift("S07H", floor=1, load=0).at(20, locked=False).at(22, open=True)
    for begin in range(40, 1200, 60):
        e.at(begin, occupied=True, load=30).at(begin + 35, occupied=False)
    e.at(1220, open=False, occupied=True, load=60).at(1223, locked=True)
    time = e.run(1226, 9)
    e.at(time + 2, locked=False).at(time + 4, open=True).at(time + 200, occupied=False, load=0)
    write("07_moving_in", e.rows(1700))

    # A hose keeps the door of a firefighters' lift from closing.
    f = Lift("S07I", floor=1, mode=4, occupied=True, codes=["45"])
    time = f.run(5, 9)
    f.at(time + 2, locked=False).at(time + 4, open=True).at(time + 20, open=False, codes=["45", "02"])
    f.at(time + 60, occupied=False).at(time + 90, occupied=True)
    write("07_hose_in_the_door", f.rows(1500))
    write("07_hose_in_the_door.noopen", f.without("open").rows(1500))


def power():
    # A dip stops the car for 13 s; a correction run passes two zones and ends at the third.
    def dip(lift):
        a = Lift(lift, floor=6, occupied=True).at(5, moving=1, direction=2).at(6, zone=False)
        a.at(25, moving=0, direction=0, codes=["41"]).at(30, codes=[]).at(38, moving=1, direction=2)
        return a.at(60, zone=True, floor=5).at(64, zone=False)

    a = dip("S07J").at(90, zone=True, floor=4).at(94, zone=False).at(120, zone=True, floor=3).at(122, moving=0, direction=0)
    a.door(124, stays=20, occupied=False)
    write("07_dip_and_creeps_home", a.rows(400))
    write("07_dip_and_creeps_home.noocc", a.without("occupied").rows(400))
    write("07_dip_and_stalls", dip("S07K").rows(500))  # twin: no further zone

    # Switched off each night. A sensor that has only ever said "somebody", and one that is proven, with somebody behind the doors.
    b = Lift("S07L", floor=1, occupied=True)
    time = 10
    for floor in (3, 1, 4, 1):
        time = b.door(time, stays=6)
        time = b.run(time + 5, floor)
        time = b.door(time + 2, stays=6) + 20
    b.at(time + 60, mode=0, codes=["42"])
    write("07_switched_off_with_a_stuck_sensor", b.rows(time + 1500))

    c = Lift("S07M", floor=1)
    time = 10
    for floor in (3, 1):
        time = ride(c, time, floor) + 20
    c.door(time, stays=6, occupied=True)
    time = c.run(time + 14, 4)
    c.at(time + 5, mode=0, codes=["42"])
    write("07_switched_off_over_somebody", c.rows(time + 600))


def adapters():
    nulls = {signal: None for signal in ("moving", "direction", "zone", "floor", "locked", "open", "occupied")}
    known = dict(mode=1, moving=0, direction=0, zone=True, floor=4, locked=True, open=False)

    a = Lift("S07N", floor=4).online(199.0, False).online(200.0, True)
    a.away = [(199, 200)]
    a.at(200, mode=7, **nulls).at(270, occupied=False, **known)
    a.sequence_from = [200.0]
    write("07_adapter_boots_with_nulls", a.rows(600))

    b = Lift("S07O", floor=4, occupied=ABSENT).online(199.0, False).online(200.0, True)
    b.away = [(199, 200)]
    b.at(200, mode=7, **{k: v for k, v in nulls.items() if k != "occupied"}).at(300, **known)
    b.sequence_from = [200.0]
    write("07_adapter_boots_with_nulls.noocc", b.rows(600))

    # The moving flag comes 3 s after the zone is left, and goes 4 s after the car stands.
    c = Lift("S07P", floor=1)
    time = 10
    for floor in (4, 1, 6, 2):
        time = c.door(time, occupied=True)
        step = 1 if floor > c.state(time)["floor"] else -1
        origin = c.state(time)["floor"]
        c.at(time + 2, zone=False).at(time + 5, moving=1, direction=1 if step > 0 else 2)
        time += 5
        for level in range(origin + step, floor + step, step):
            time += 2
            c.at(time, floor=level)
        c.at(time + 1, zone=True).at(time + 3, locked=False).at(time + 5, moving=0, direction=0, open=True)
        c.at(time + 8, occupied=False).at(time + 14, open=False).at(time + 17, locked=True)
        time += 30
    write("07_moving_flag_lags", c.rows(time + 60))
    write("07_moving_flag_lags.noopen", c.without("open").rows(time + 60))


def switched_off():
    """By code 42 alone, with somebody seen: whether the sensor is to be believed shows in what it did today."""
    def lift(name, after):
        a = Lift(name, floor=1)
        time = ride(a, 10, 4)
        if after:
            # Somebody has left, and what the sensor sees of him goes out behind the locked doors.
            a.at(time + 20, occupied=True).at(time + 70, occupied=False)
        time = a.door(time + 120, occupied=True)
        a.at(time + 60, mode=0, codes=["42"])
        return a.rows(time + 400)

    write("07_switched_off_with_somebody_seen", lift("S07S", after=False))
    write("07_switched_off_and_a_sensor_out_of_step", lift("S07T", after=True))


def few_sensors():
    """Neither zone nor open limit are told: a door that was unlocked at a stop is a way out for all one knows."""
    a = Lift("S07U", floor=1, occupied=True).at(10, moving=1, direction=1).at(15, floor=2)
    a.at(20, moving=0, direction=0, codes=["41"]).at(55, codes=[], moving=1, direction=1).at(60, moving=0, direction=0)
    time = a.door(61, occupied=False)
    # Half an hour later there is a short dip again, and all is well again after it.
    a.at(1800, moving=1, direction=1).at(1805, moving=0, direction=0, codes=["41"]).at(1825, codes=[], moving=1, direction=1)
    a.at(1830, moving=0, direction=0)
    a.door(1832)
    a.without("zone", "open")
    write("07_a_dip_with_neither_zone_nor_limit", a.rows(2400))

    # The dip lasts, the doors stay locked: nothing has changed for whoever is inside.
    b = Lift("S07V", floor=1, occupied=True).at(10, moving=1, direction=1).at(15, floor=2)
    b.at(20, moving=0, direction=0, codes=["41"]).without("zone", "open")
    write("07_trapped_with_neither_zone_nor_limit", b.rows(400))


def after_a_correction_run():
    """It stood between floors, was level again, took somebody on, and stands between floors again: that is no creeping."""
    a = Lift("S07W", floor=2, occupied=ABSENT).at(15, moving=1, direction=1).at(16, zone=False)
    a.at(20, moving=0, direction=0).at(50, moving=1, direction=1).at(54, floor=3, zone=True).at(56, moving=0, direction=0)
    time = a.door(60, stays=6)
    a.at(time + 2, moving=1, direction=1).at(time + 3, zone=False).at(time + 6, moving=0, direction=0)
    write("07_stuck_again_after_a_correction_run.noocc", a.rows(400))


def daily_life():
    for part in (links, people, power, adapters, switched_off, few_sensors, after_a_correction_run):
        part()
