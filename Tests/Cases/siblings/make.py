#!/usr/bin/env python3
"""Writes the traces of this folder; the same bytes each time. What is right of each stands in ../expected.tsv."""

from lift import ABSENT, START, Lift, write
from daily_life import daily_life
from messages import messages


def one_incident():
    """13, 44: one person, one alert."""
    a = Lift("S01A", floor=6, occupied=True).at(5, moving=1, direction=2).at(6, zone=False).at(9, floor=5)
    a.at(20, mode=5, moving=0, direction=0, codes=["41", "46"])
    a.at(40, moving=1, direction=2).at(55, moving=0, direction=0, codes=["41", "46", "04"])  # stranded a second time
    write("01_rescue_strands_again", a.rows(400))
    write("01_rescue_strands_again.noocc", a.without("occupied").rows(400))

    b = Lift("S01B", floor=6).at(5, moving=1, direction=2).at(6, zone=False)
    b.at(20, mode=5, moving=0, direction=0, codes=["41", "46"]).at(40, moving=1, direction=2)
    b.at(62, zone=True, floor=5).at(64, moving=0, direction=0).at(66, locked=False).at(69, open=True)
    write("01_rescue_of_an_empty_car", b.rows(300))

    c = Lift("S01C", floor=2, occupied=True)
    for begin in (5, 405):
        c.at(begin, moving=1, direction=1, occupied=True).at(begin + 1, zone=False)
        c.at(begin + 10, moving=0, direction=0, codes=["04"]).at(begin + 120, moving=1, direction=1, codes=[])
        c.at(begin + 126, zone=True).at(begin + 128, moving=0, direction=0)
        c.door(begin + 130, stays=20, occupied=False)
    write("01_two_incidents", c.rows(700))


def dead_controller():
    """45: mode 7 and neither motion nor zone nor doors."""
    gone = dict(mode=7, moving=ABSENT, direction=ABSENT, zone=ABSENT, floor=ABSENT, locked=ABSENT, open=ABSENT, occupied=ABSENT)
    nulls = {signal: None for signal in ("moving", "direction", "zone", "floor", "locked", "open", "occupied")}

    a = Lift("S02A", floor=12, occupied=True).at(5, moving=1, direction=2).at(6, zone=False).at(21, **gone)
    a.at(62, codes=["90"]).at(64, codes=[])
    write("02_button", a.rows(300))

    b = Lift("S02B", floor=3).at(200, **gone)
    write("02_parked_empty", b.rows(800))

    c = Lift("S02C", floor=3).at(30, moving=1, direction=1).at(31, zone=False)
    c.at(50, mode=7, **nulls).at(68, **NORMAL_AT_4)  # back within half a minute
    write("02_back_in_time", c.rows(300))

    d = Lift("S02D", floor=9, occupied=True, load=12).at(5, moving=1, direction=2).at(6, zone=False)
    d.at(15, moving=0, direction=0, codes=["04"]).at(40, mode=7, **nulls)
    write("02_off_level_first", d.rows(400))


NORMAL_AT_4 = dict(mode=1, moving=0, direction=0, zone=True, floor=4, locked=True, open=False, occupied=False)


def inspection():
    """38: who is at the switch, and who is in the car."""
    def stopped(lift, **signals):
        l = Lift(lift, floor=2, **signals).at(15, moving=1, direction=1).at(16, zone=False)
        return l.at(24, floor=3).at(25, mode=2, codes=["43"]).at(25.4, moving=0, direction=0)

    write("03_switch_stops_an_unseen_rider.noocc", stopped("S03A", occupied=ABSENT).rows(400))
    write("03_switch_stops_a_heavy_rider", stopped("S03B", occupied=True, load=80).rows(400))

    a = Lift("S03C", floor=2, occupied=ABSENT).at(5, moving=1, direction=1).at(6, zone=False)
    a.at(20, moving=0, direction=0, locked=False).at(60, mode=2, codes=["43"]).at(90, locked=True)
    write("03_landing_door_first.noocc", a.rows(600))

    b = Lift("S03D", floor=2, occupied=ABSENT).at(5, moving=1, direction=1).at(6, zone=False)
    b.at(20, moving=0, direction=0, locked=False).press(40).at(60, mode=2, codes=["43"]).at(90, locked=True)
    write("03_landing_door_first_and_a_press.noocc", b.rows(600))

    c = Lift("S03E", floor=2, occupied=True).at(25, mode=2, codes=["43"]).at(40, moving=1, direction=1)
    c.at(41, zone=False).at(50, moving=0, direction=0)
    write("03_moved_under_inspection", c.rows(1200))

    # The adapter boots while the fitter works: null is no end of his inspection.
    d = Lift("S03F", floor=2, occupied=ABSENT).at(20, mode=2, codes=["43"]).at(40, moving=1, direction=1)
    d.at(41, zone=False).at(50, moving=0, direction=0)
    d.at(300, mode=None, moving=None, direction=None, zone=None, floor=None, locked=None, open=None)
    d.at(320, mode=2, moving=0, direction=0, zone=False, floor=2, locked=True, open=False)
    write("03_adapter_boots_in_an_inspection.noocc", d.rows(800))

    # A dip between floors that was over in 20 s is still suspected without a sensor, when the fitter comes and stops the car between floors.
    e = Lift("S03G", floor=2, occupied=ABSENT).at(15, moving=1, direction=1).at(16, zone=False)
    e.at(20, moving=0, direction=0).at(40, moving=1, direction=1).at(44, floor=3, zone=True).at(46, moving=0, direction=0)
    time = e.door(48)
    e.at(time + 240, mode=2, codes=["43"]).at(time + 260, moving=1, direction=2).at(time + 262, zone=False)
    e.at(time + 270, moving=0, direction=0)
    write("03_an_old_suspicion_and_a_fitter.noocc", e.rows(900))


def holds():
    """11, 20: ajar at a landing, and holds that begin anew."""
    a = Lift("S04A", floor=8, occupied=ABSENT).at(5, moving=1, direction=1).at(6, zone=False).at(12, moving=0)
    for begin in range(18, 300, 7):
        a.at(begin, moving=1).at(begin + 1, moving=0)
    write("04_jerks_every_7_s.noocc", a.rows(300))

    b = Lift("S04B", floor=8, occupied=True).at(5, moving=1, direction=1).at(6, zone=False)
    b.at(12, moving=0).at(16, moving=1).at(17, moving=0).at(21, moving=1).at(28, zone=True, floor=9).at(30, moving=0, direction=0)
    b.door(32, stays=12, occupied=False)
    write("04_two_jerks_then_home", b.rows(200))

    c = Lift("S04C", floor=2, occupied=True)
    time = 5
    for floor in (3, 4, 5, 6, 7):
        time = c.run(time, floor)
        c.at(time + 1, codes=["03"]).at(time + 16, codes=[])
        time += 17
    write("04_fails_landing_after_landing", c.rows(time + 200))

    for name, lift in (("04_ajar_and_leaves.noopen", "S04D"), ("04_ajar_no_sensor.noopen.noocc", "S04E")):
        d = Lift(lift, floor=1, occupied=True, open=ABSENT)
        time = d.run(5, 2)
        d.at(time + 1, locked=False).at(time + 2, codes=["02"]).press(100)
        d.at(130, occupied=False) if "leaves" in name else d.without("occupied")
        write(name, d.rows(400))


def after_a_way_out():
    """4, 6, 7: the same, an ordinary door before it: what has been over says nothing of what comes."""
    def leaves(lift, **signals):
        l = Lift(lift, floor=7, occupied=True, **signals)
        l.door(5, stays=5)
        return l.at(20, moving=1, direction=2).at(21, zone=False).at(23, floor=6)

    a = leaves("S04F").at(25, moving=0, direction=0, codes=["04"])
    for time in range(31, 300, 7):
        a.at(time, moving=1, direction=2).at(time + 1, moving=0, direction=0)
    write("04_jerks_after_a_way_out", a.rows(300))

    b = leaves("S04G").at(25, moving=0, direction=0)
    for time in range(31, 200, 9):
        b.at(time, moving=1, direction=2).at(time + 2, moving=0, direction=0)
    write("04_jerks_and_a_press", b.press(60).rows(200))

    c = leaves("S04H").at(30, zone=True, floor=5).at(31, moving=0, direction=0, codes=["03"])
    for time in range(45, 400, 10):
        c.at(time, zone=False).at(time + 2, zone=True)
    write("04_zone_flickers_at_a_landing", c.press(200).rows(400))

    d = leaves("S04I").at(25, moving=0, direction=0)
    d.away.append((25.5, 400))
    write("07_a_stop_heard_of_once", d.rows(395))

    e = leaves("S04J", codes=[]).without("occupied").at(25, moving=0, direction=0, codes=["41"])
    e.at(40, moving=1, direction=2, codes=[]).at(52, zone=True, floor=5).at(53, moving=0, direction=0)
    write("07_creeps_home_and_parks_shut.noocc", e.rows(500))

    f = Lift("S04K", floor=9, zone=True)
    for number, time in enumerate((60, 63, 66, 69)):
        f.at(time, zone=False).at(time + 2.6, floor=8 - number, zone=True)
    write("06_rolls_past_landings", f.rows(120))


def sensors_blink():
    """22: a blink is nobody who left, ten seconds are."""
    for name, lift, blink in (("05_blinks_for_5_s", "S05A", 5), ("05_leaves", "S05B", 60)):
        a = Lift(lift, floor=14, occupied=True, load=9).at(5, moving=1, direction=2).at(6, zone=False)
        a.at(12, moving=0, direction=0, codes=["04"]).at(240, moving=1, direction=2)
        a.at(250, zone=True, floor=13, codes=[]).at(252, moving=0, direction=0).at(254, locked=False).at(256, open=True)
        a.at(262, occupied=False, load=0).at(262 + blink, occupied=blink < 10, load=9 if blink < 10 else 0)
        a.at(330, open=False).at(333, locked=True)
        write(name, a.rows(700))


def movement():
    """01, 27, 37, 42, 02, 06, 07, 31: commanded or not."""
    a = Lift("S06A", floor=4, locked=False, open=ABSENT, occupied=True, speed=0.0).at(20, speed=0.2)
    a.at(22, zone=False).at(26, floor=3).at(30, speed=0.0, codes=["01"])
    write("06_creeps_away_ajar.noopen", a.rows(200))

    b = Lift("S06B", floor=4, locked=False, open=True, occupied=True)
    for begin in (20, 60, 100):
        b.at(begin, moving=1, direction=1).at(begin + 2, moving=0, direction=0)
    write("06_relevels_in_the_zone", b.rows(200))

    c = Lift("S06C", floor=4, occupied=True)
    time = c.run(5, 6)
    c.at(time - 0.6, locked=False).at(time + 1, open=True).at(time + 9, open=False, occupied=False).at(time + 12, locked=True)
    write("06_opens_before_it_stands", c.rows(100))

    d = Lift("DEEP", floor=3, occupied=True).at(5, moving=1, direction=2).at(6, zone=False).at(8, floor=2).at(10, floor=1)
    d.at(11, zone=True).at(11.8, zone=False).at(12.2, moving=0, direction=0).at(12.5, codes=["01", "04"])
    write("06_under_the_bottom", d.rows(200))

    e = Lift("S06E", floor=9, speed=0.0).at(30, zone=False, speed=0.3).at(36, speed=0.6).at(40, speed=0.0, codes=["04"])
    write("06_rolls_empty_and_locked", e.rows(200))

    f = Lift("S06F", floor=9)
    f.at(60, floor=0).at(62, floor=4).at(64, floor=9)  # the controller starts and finds its floor
    f.sequence_from = [60.0]
    write("06_a_controller_starts", f.rows(200))

    g = Lift("S06G", floor=9, codes=["07"]).at(60, floor=8).at(64, floor=7).at(70, floor=9).at(90, codes=[])
    write("06_position_lost", g.rows(200))


def words_of_the_centre():
    """{alert} stands for the id of the trace's first entrapment; the runner puts it in."""
    def order(seconds, *parts):
        return {"t": START + seconds, "event": "order", "order": "\x1f".join(parts)}

    def silent(lift):
        a = Lift(lift, floor=4, occupied=True).at(5, moving=1, direction=2).at(6, zone=False)
        a.at(30, floor=3, zone=True).at(32, moving=0, direction=0).at(34, locked=False).at(36, open=True)
        a.at(40, occupied=False).at(50, open=False).at(53, locked=True)
        a.away = [(17, 300)]
        return a

    write("08_accepted", silent("S08A").rows(600) + [order(100, "accepted", "{alert}", "Li")])
    write("08_verified", silent("S08B").rows(600) + [order(100, "verified", "{alert}", "Li", "2", "", "calm", "voice")])

    b = Lift("S08C", floor=4, occupied=True, speed=0.0).at(5, moving=1, direction=2, speed=1.0).at(6, zone=False)
    b.at(12, moving=0, direction=0, speed=0.0, codes=["04"]).at(300, speed=0.3).at(306, floor=3).at(312, speed=0.0, zone=True)
    b.at(330, locked=False).at(333, open=True).at(345, occupied=False)
    write("08_arrived_and_lowered_by_hand", b.rows(500) + [order(200, "arrived", "{alert}", "Wang", "", "")])


def drives_and_doors():
    """05, 08, 25, 40."""
    a = Lift("SLOW", floor=1, occupied=True).at(5, moving=1, direction=1).at(7, zone=False)  # the rope slips
    write("09_rope_slips", a.rows(400))

    b = Lift("SLOW", floor=1, occupied=True, speed=0.0).at(5, moving=1, direction=1, speed=0.4).at(6, zone=False)
    b.at(20, speed=0.6).at(30, floor=2, speed=0.4).at(34, zone=True).at(36, moving=0, direction=0, speed=0.0)
    write("09_too_fast_for_the_register", b.rows(100))

    c = Lift("S09C", floor=1, occupied=True, speed=0.0, rated=2.0).at(5, moving=1, direction=2, speed=-2.0).at(6, zone=False)
    c.at(12, speed=-2.1).at(16, speed=-2.0).at(18, floor=0).at(19, zone=True).at(21, moving=0, direction=0, speed=0.0)
    write("09_a_little_fast", c.rows(100))

    d = Lift("S09D", floor=3, occupied=True)
    for begin in (10, 30, 50):
        d.at(begin, locked=False).at(begin + 2, open=True).at(begin + 9, open=False)
    d.at(62, locked=True)
    write("09_opens_three_times", d.rows(200))

    e = Lift("S09E", floor=3, occupied=True, open=ABSENT)
    for begin in range(10, 190, 13):
        e.at(begin, locked=False).at(begin + 9, locked=True)
    write("09_cycles.noopen", e.rows(300))


def buttons():
    """33."""
    for name, lift, held in (("10_button_stuck", "S10A", 9999), ("10_button_held_for_3_minutes", "S10B", 180)):
        a = Lift(lift, floor=1).at(30, codes=["90"])
        time = 60
        for floor in (2, 1, 2):
            a.door(time, occupied=True)
            time = a.run(time + 14, floor)
            time = a.door(time + 2, occupied=False) + 30
        if held < 9999:
            a.at(30 + held, codes=[])
        write(name, a.rows(1000))

    b = Lift("S10C", floor=1)
    time = 20
    for ride in range(9):
        b.door(time, stays=4, occupied=True)
        b.press(time + 10, held=1).press(time + 12, held=1).press(time + 14, held=1)
        time = b.run(time + 15, 3 - b.state(time)["floor"])
        time = b.door(time + 1, stays=4, occupied=False) + 8
    write("10_button_chatters", b.rows(time + 60))


def areas_and_falls():
    """14, 34, 16, 18, 50, 53."""
    def moving(lift, floor):
        return Lift(lift, floor=floor, occupied=True).at(5, moving=1, direction=1).at(6, zone=False)

    x, y, z = moving("S11A", 3), moving("S11B", 7), Lift("S11C", floor=1)
    x.away, y.away = [(28, 9999)], [(35, 9999)]
    write("11_two_of_three_silent", x.rows(600) + y.rows(600) + z.rows(600))

    x, y = Lift("S11D", floor=3), Lift("S11E", floor=7)
    x.away, y.away = [(40, 9999)], [(340, 9999)]
    write("11_silent_one_after_the_other", x.rows(600) + y.rows(600) + Lift("S11F").rows(600))

    a = Lift("S11G", floor=24, mode=4, occupied=True, codes=["45"]).at(30, codes=["45", "41", "46"])
    write("11_firefighters_on_emergency_power", a.rows(500))

    b = Lift("S11H", floor=5, occupied=True).at(5, moving=1, direction=1).at(6, zone=False)
    b.at(12, moving=0, direction=0, codes=["04"]).at(200, occupied=False)
    write("11_lost_from_sight_behind_locked_doors", b.rows(400))

    c = Lift("S11I", floor=5, occupied=True).at(5, moving=1, direction=1).at(6, zone=False)
    c.at(12, moving=0, direction=0, codes=["04"]).at(200, locked=False).at(215, occupied=False)
    write("11_falls.noopen", c.without("open").rows(400))

    for name, lift, load in (("11_shut_in_with_load", "S11J", 14), ("11_shut_in_without_load", "S11K", ABSENT)):
        d = Lift(lift, floor=1, occupied=True, load=load)
        d.run(5, 5)
        write(name, d.rows(900))

    e = Lift("S11L", floor=3, occupied=ABSENT).at(30, codes=["03"]).at(75, codes=[])
    write("11_door_fault_for_45_s.noocc", e.rows(300))


def texts():
    """46, 03."""
    a = Lift("S12A", floor=ABSENT, occupied=True).at(5, moving=1, direction=1).at(6, zone=False)
    a.away = [(17, 9999)]
    write("12_silent_without_a_floor", a.rows(17))

    for name, lift, load in (("12_load_against_the_sensor", "S12B", 40), ("12_empty_off_level", "S12C", 0)):
        b = Lift(lift, floor=11, occupied=False, load=load).at(5, moving=1, direction=1).at(6, zone=False)
        b.at(14, moving=0, direction=0, codes=["04"])
        write(name, b.rows(300))


def early_warning():
    """16, 30, and a lift engineer's wishes."""
    a = Lift("S13A", floor=6, open=ABSENT, occupied=ABSENT).at(5, moving=1, direction=1).at(6, zone=False)
    a.at(12, moving=0, direction=0).at(90, locked=False)
    write("13_prised_off_level.noopen.noocc", a.rows(200))

    b = Lift("S13B", floor=6, occupied=True, load=20)
    time = b.run(5, 8)
    b.door(time + 2, stays=10, occupied=False, load=0)
    write("13_an_ordinary_landing", b.rows(120))

    c = Lift("S13C", floor=2, occupied=True, load=20).at(30, locked=False).at(32, open=True).at(40, open=True, locked=True)
    c.at(45, moving=1, direction=1).at(46, zone=False).at(54, floor=3, zone=True).at(56, moving=0, direction=0)
    write("13_runs_with_the_door_open", c.rows(120))

    d = Lift("S13D", floor=1, load=0).at(20, locked=False).at(22, open=True).at(60, load=115).at(75, load=90)
    write("13_overloaded_and_open_for_long", d.rows(400))


def main():
    for part in (one_incident, dead_controller, inspection, holds, after_a_way_out, sensors_blink, movement, words_of_the_centre, drives_and_doors, buttons,
                 areas_and_falls, texts, early_warning, daily_life, messages):
        part()


if __name__ == "__main__":
    main()
