#!/usr/bin/env python3
"""A network's whole demand, driven by SUMO and by starling-sim drive: trips, speeds, flows.

Vehicles whose streets are not for cars, which starling-sim drive leaves out, are left out of SUMO's demand, too.
Prints the trips' table (compare_trips.py) and the flows through the busiest junctions: vehicles that
left a street towards the junction, as both simulators count them in their edgeData.
"""

import argparse
import gzip
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))

EXAMPLE = """example:
  bench/traffic/demand_beside_sumo.py --sim build/release/bin/starling-sim --network city.net.xml.gz \\
      --routes cars.rou.xml.gz --types types.add.xml --signals tls.add.xml --folder out/validation
"""

EDGE = re.compile(r"<edge [^>]*>")


def attribute(row, name):
    found = re.search(r'\b%s="([^"]*)"' % name, row)
    return found.group(1) if found else None


def opened(path):
    return gzip.open(path, "rt") if path.endswith(".gz") else open(path)


def run(command):
    print("demand_beside_sumo.py: " + " ".join(command), file=sys.stderr, flush=True)
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                          env=dict(os.environ, SUMO_HOME=os.environ.get("SUMO_HOME", "/usr/share/sumo")))
    if done.returncode != 0:
        sys.exit("demand_beside_sumo.py: it ended with %d:\n%s" % (done.returncode, done.stderr[-2000:]))


def leave_out(routes, names, target):
    """`routes` without the vehicles that are named, to the file `target`; how many were left out"""
    with open(names) as file:
        left_out = set(file.read().split("\n"))
    count = 0
    with open(target, "w") as out:
        out.write("<routes>\n")
        for name in routes.split(","):
            with opened(name) as file:
                text = file.read()
            text = text[text.index(">", text.index("<routes")) + 1:text.rindex("</routes>")]
            kept = []
            for piece in re.split(r"(<vehicle [^>]*/>|<vehicle [^>]*>.*?</vehicle>|<trip [^>]*/>|<trip [^>]*>.*?</trip>)", text,
                                  flags=re.DOTALL):
                if piece.startswith(("<vehicle ", "<trip ")) and attribute(piece, "id") in left_out:
                    count += 1
                else:
                    kept.append(piece)
            out.write("".join(kept))
        out.write("</routes>\n")
    return count


def junction_of_edges(network):
    """{edge: the junction that it leads to}"""
    with opened(network) as file:
        return {attribute(row, "id"): attribute(row, "to") for row in EDGE.findall(file.read()) if attribute(row, "to")}


def flows(path, junctions):
    """{junction: vehicles that left a street towards it}"""
    found = {}
    with opened(path) as file:
        for row in EDGE.findall(file.read()):
            junction = junctions.get(attribute(row, "id"))
            if junction:
                found[junction] = found.get(junction, 0) + int(float(attribute(row, "left") or 0))
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, epilog=EXAMPLE,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sim", required=True, help="starling-sim")
    parser.add_argument("--network", required=True)
    parser.add_argument("--routes", required=True, help="FILE[,FILE]")
    parser.add_argument("--types", help="additional file with types of vehicles")
    parser.add_argument("--signals", help="additional file with other programmes of signals")
    parser.add_argument("--end", type=int, default=3600, help="s (%(default)s)")
    parser.add_argument("--seed", type=int, default=42, help="of SUMO; ours is 1 (%(default)s)")
    parser.add_argument("--busiest", type=int, default=10, help="junctions shown (%(default)s)")
    parser.add_argument("--folder", default="out/validation", help="for what both write (%(default)s)")
    parser.add_argument("--sumo-done", action="store_true", help="take SUMO's files of an earlier run from there")
    options = parser.parse_args()

    os.makedirs(options.folder, exist_ok=True)
    path = lambda name: os.path.join(options.folder, name)
    times = [time for time in (300, 600, 900, 1800, 3600) if time <= options.end] or [options.end]
    ours = [options.sim, "drive", "--network", options.network, "--end", str(options.end), "--trips", path("starling.xml"),
            "--edges", path("starling.edges.xml"), "--left-out", path("left_out.txt"),
            "--routes", options.routes + ("," + options.types if options.types else "")]
    if options.signals:
        ours += ["--signals", options.signals]
    run(ours)
    if not options.sumo_done:
        with open(path("edges.add.xml"), "w") as file:
            file.write('<additional><edgeData id="all" file="%s"/></additional>\n' % os.path.abspath(path("sumo.edges.xml")))
        routes = path("routes.rou.xml")
        count = leave_out(options.routes, path("left_out.txt"), routes)
        print("demand_beside_sumo.py: %d vehicles are left out of both" % count, file=sys.stderr, flush=True)
        added = [name for name in (options.types, options.signals, path("edges.add.xml")) if name]
        run(["sumo", "-n", options.network, "-r", routes, "-a", ",".join(added), "--step-length", "0.1", "--seed",
             str(options.seed), "--time-to-teleport", "-1", "--end", str(options.end), "--tripinfo-output", path("sumo.xml"),
             "--no-step-log"])
    sys.stdout.flush()
    subprocess.run([sys.executable, os.path.join(HERE, "compare_trips.py"), path("sumo.xml"), path("starling.xml"), "--times",
                    ",".join(str(time) for time in times)], check=True)

    junctions = junction_of_edges(options.network)
    theirs, mine = flows(path("sumo.edges.xml"), junctions), flows(path("starling.edges.xml"), junctions)
    busiest = sorted(theirs, key=lambda junction: (-theirs[junction], junction))[:options.busiest]
    print("%-14s %10s %10s %9s" % ("junction", "SUMO", "ours", ""))
    for junction in busiest:
        count = mine.get(junction, 0)
        print("%-14s %10d %10d %+8.1f %%" % (junction, theirs[junction], count,
                                             100 * (count / theirs[junction] - 1) if theirs[junction] else 0))
    total = [sum(of.get(junction, 0) for junction in theirs) for of in (theirs, mine)]
    print("%-14s %10d %10d %+8.1f %%" % ("all", total[0], total[1], 100 * (total[1] / total[0] - 1)))


if __name__ == "__main__":
    main()
