#!/usr/bin/env python3
"""Two simulators' trips side by side: tripinfo files of SUMO's format, plain or .gz.

The upper table has the trips that ended until a time; the lower one those vehicles that both have
brought to an end, by when they set off: what a jam does to them, whoever finishes more of them.
"""

import argparse
import gzip
import re
import sys

EXAMPLE = """example:
  sumo -n city.net.xml -r cars.rou.xml --end 3600 --tripinfo-output sumo.xml
  starling-sim drive --network city.net.xml --routes cars.rou.xml --end 3600 --trips starling.xml
  bench/traffic/compare_trips.py sumo.xml starling.xml
"""

ROW = re.compile(r"<tripinfo [^>]*>")


def attribute(row, name):
    found = re.search(r'\b%s="([^"]*)"' % name, row)
    if found is None:
        sys.exit("compare_trips.py: a trip without %s: %s" % (name, row))
    return found.group(1)


def trips(path):
    """{id: (depart, arrival, duration, route length)}"""
    with (gzip.open(path, "rt") if path.endswith(".gz") else open(path)) as file:
        found = {}
        for line in file:
            for row in ROW.findall(line):
                found[attribute(row, "id")] = tuple(
                    float(attribute(row, name)) for name in ("depart", "arrival", "duration", "routeLength"))
    if not found:
        sys.exit("compare_trips.py: no trips in " + path)
    return found


def mean(values):
    values = list(values)
    return sum(values) / len(values) if values else float("nan")


def more(ours, theirs):
    return "%+.1f %%" % (100 * (ours / theirs - 1)) if theirs else "-"


def main():
    parser = argparse.ArgumentParser(description=__doc__, epilog=EXAMPLE,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("first", help="the reference's")
    parser.add_argument("second")
    parser.add_argument("--times", default="300,600,900,1800,3600", help="s, with commas (%(default)s)")
    options = parser.parse_args()
    first, second = trips(options.first), trips(options.second)
    times = [float(time) for time in options.times.split(",")]
    print("%-14s %8s %8s %10s %10s %9s %10s %10s %9s" % (
        "ended until", "trips", "", "time, s", "", "", "speed, m/s", "", ""))
    for time in times:
        a, b = ([trip for trip in all_trips.values() if trip[1] <= time] for all_trips in (first, second))
        if not a or not b:
            continue
        seconds = [mean(trip[2] for trip in trips_) for trips_ in (a, b)]
        speeds = [sum(trip[3] for trip in trips_) / sum(trip[2] for trip in trips_) for trips_ in (a, b)]
        print("%-14g %8d %8d %10.1f %10.1f %9s %10.2f %10.2f %9s" % (
            time, len(a), len(b), seconds[0], seconds[1], more(seconds[1], seconds[0]), speeds[0], speeds[1],
            more(speeds[1], speeds[0])))
    print("%-14s %8s %8s %10s %10s %9s %10s %10s %9s" % (
        "set off", "vehicles", "", "time, s", "", "", "way, m", "", ""))
    both = [name for name in first if name in second]
    for begin, end in zip([0] + times, times):
        names = [name for name in both if begin <= first[name][0] < end]
        if not names:
            continue
        seconds = [mean(of[name][2] for name in names) for of in (first, second)]
        metres = [mean(of[name][3] for name in names) for of in (first, second)]
        print("%-14s %8d %8s %10.1f %10.1f %9s %10.0f %10.0f %9s" % (
            "%g-%g" % (begin, end), len(names), "", seconds[0], seconds[1], more(seconds[1], seconds[0]), metres[0],
            metres[1], more(metres[1], metres[0])))


if __name__ == "__main__":
    main()
