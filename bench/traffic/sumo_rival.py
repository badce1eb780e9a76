#!/usr/bin/env python3
"""What SUMO takes for so many cars on a network: the rival of traffic_bench.

Cars stand on the network at places of their own, start at once and drive along random walks
that last longer than the run, so that their number stays what it is.  The walks are drawn here,
over the network's connections, and owe nothing to a router; --write-routes saves them, so that
another simulator can drive the very same ones.

What is measured: SUMO runs twice.  The first run loads, places the cars, warms up and saves its
state; the second one loads that state and runs on, without any output.  The figures are those
that the second run itself counts from its first step to its last one: wall-clock time without
loading, and vehicle updates, one for each car in each step.  One thread, steps of 0.1 s, SUMO's
own models (Krauss, LC2013), no teleporting, no TraCI.  cpu_s and process_s are of the whole
second process, loading too: where the first is much below the second the machine was busy with
something else, wall_s is worth nothing, and vehicle_updates_per_cpu_s, which leaves out the time
that others had, is the fair figure.

Measure whole cycles of the signals (netgenerate's have 90 s, all in step): what is driven, and
what a step costs, goes up and down with them.

Needs Debian's `sumo` (1.15 or later); python's standard library alone.
"""

import argparse
import gzip
import json
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree

CAR_M = 5.0
PITCH_M = 8.0          # a car and its gap, which SUMO wants to be 2.5 m
FASTER_MAX = 1.6       # than the limit, if the speed factor is drawn far out (deviation 0.1)

EXAMPLE = """example:
  export SUMO_HOME=/usr/share/sumo
  netgenerate --grid --grid.number 36 --grid.length 200 -L 2 --tls.guess -o grid.net.xml
  nice bench/traffic/sumo_rival.py --network grid.net.xml --vehicles 2000 --seconds 90
"""


def fail(message):
    sys.exit("sumo_rival.py: " + message)


def open_text(path, mode):
    return gzip.open(path, mode + "t") if path.endswith(".gz") else open(path, mode)


def passenger_allowed(lane):
    allow, disallow = lane.get("allow"), lane.get("disallow")
    if allow is not None:
        return "passenger" in allow.split() or "all" in allow.split()
    return disallow is None or not {"passenger", "all"} & set(disallow.split())


class Network:
    """Lanes for cars, and from each edge those next ones that a car can get to."""

    def __init__(self, path):
        self.lanes = {}     # edge: [(length, limit) or None]
        self.ways = {}      # edge: {next edge: [lanes that lead there]}
        allowed = set()
        connections = []
        with open_text(path, "r") as file:
            for _, element in ElementTree.iterparse(file):
                if element.tag == "edge":
                    lanes = element.findall("lane")
                    allowed.update(lane.get("id") for lane in lanes if passenger_allowed(lane))
                    if element.get("function", "normal") == "normal":
                        self.lanes[element.get("id")] = [
                            (float(lane.get("length")), float(lane.get("speed"))) if lane.get("id") in allowed else None
                            for lane in lanes]
                    element.clear()
                elif element.tag == "connection":
                    connections.append(dict(element.attrib))
                    element.clear()
        for way in connections:
            start, end = way["from"], way["to"]
            first, last = int(way["fromLane"]), int(way["toLane"])
            if start not in self.lanes or end not in self.lanes or way.get("dir") == "t":
                continue
            if self.lanes[start][first] is None or self.lanes[end][last] is None:
                continue
            if way.get("via") and way["via"] not in allowed:
                continue
            self.ways.setdefault(start, {}).setdefault(end, []).append(first)
        self.keep_largest_part()

    def keep_largest_part(self):
        """Edges from which one gets to each other one, without turning around: Kosaraju's algorithm."""
        back = {}
        for start, ends in self.ways.items():
            for end in ends:
                back.setdefault(end, []).append(start)
        finished, seen = [], set()
        for root in self.lanes:
            if root in seen:
                continue
            seen.add(root)
            stack = [(root, iter(self.ways.get(root, ())))]
            while stack:
                edge, ends = stack[-1]
                following = next((end for end in ends if end not in seen), None)
                if following is None:
                    finished.append(edge)
                    stack.pop()
                else:
                    seen.add(following)
                    stack.append((following, iter(self.ways.get(following, ()))))
        largest, seen = set(), set()
        for root in reversed(finished):
            if root in seen:
                continue
            part, stack = {root}, [root]
            seen.add(root)
            while stack:
                for start in back.get(stack.pop(), ()):
                    if start not in seen:
                        seen.add(start)
                        part.add(start)
                        stack.append(start)
            largest = max(largest, part, key=len)
        self.ways = {start: {end: lanes for end, lanes in ends.items() if end in largest}
                     for start, ends in self.ways.items() if start in largest}
        if not any(self.ways.values()):
            fail("no streets on which a car could drive for ever")

    def least_seconds(self, edge):
        return min(lane[0] / (lane[1] * FASTER_MAX) for lane in self.lanes[edge] if lane is not None)

    def lane_km(self):
        return sum(lane[0] for edge in self.ways for lane in self.lanes[edge] if lane is not None) / 1000


def draw_vehicles(network, count, seconds, seed):
    """[(lane, position, edges)]: places that do not touch, and walks that last for `seconds`."""
    drawn = random.Random(seed)
    following = {edge: sorted(ends) for edge, ends in sorted(network.ways.items())}
    places = []
    for edge, ends in following.items():
        for number in sorted({lane for end in ends for lane in network.ways[edge][end]}):
            length = network.lanes[edge][number][0]
            steps = int((length - CAR_M - 1) // PITCH_M) + 1 if length > CAR_M + 1 else 0
            places.extend((edge, number, CAR_M + 0.5 + PITCH_M * step) for step in range(steps))
    if len(places) < count:
        fail("room for %d cars, not for %d" % (len(places), count))
    vehicles = []
    for edge, number, position in drawn.sample(places, count):
        # The first turn is one that the car's lane has: nobody has to change lanes to begin.
        edges = [edge, drawn.choice([end for end in following[edge] if number in network.ways[edge][end]])]
        lasts = network.least_seconds(edges[1])
        while lasts < seconds:
            edges.append(drawn.choice(following[edges[-1]]))
            lasts += network.least_seconds(edges[-1])
        vehicles.append((number, position, edges))
    return vehicles


def write_routes(path, vehicles):
    with open_text(path, "w") as file:
        file.write('<routes>\n  <vType id="car" vClass="passenger"/>\n')
        for index, (lane, position, edges) in enumerate(vehicles):
            file.write('  <vehicle id="%d" type="car" depart="0" departLane="%d" departPos="%.2f" departSpeed="0">'
                       '<route edges="%s"/></vehicle>\n' % (index, lane, position, " ".join(edges)))
        file.write("</routes>\n")


def run_sumo(arguments, options):
    command = ["sumo", "--net-file", options.network, "--step-length", "0.1", "--threads", "1",
               "--time-to-teleport", "-1", "--collision.action", "warn", "--no-step-log", "--xml-validation", "never",
               "--duration-log.statistics", "--seed", str(options.seed)] + arguments
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          env=dict(os.environ, SUMO_HOME=os.environ.get("SUMO_HOME", "/usr/share/sumo")))
    process_s, after = time.monotonic() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        fail("sumo failed:\n" + done.stdout[-2000:])
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return done.stdout, process_s, cpu_s


def figure(log, name, absent=None):
    found = re.search(r"^ *%s: *([0-9.e+]+)" % name, log, re.MULTILINE)
    if found is None and absent is None:
        fail("sumo did not say %r:\n%s" % (name, log[-2000:]))
    return float(found.group(1)) if found else absent


def version():
    try:
        said = subprocess.run(["sumo", "--version"], stdout=subprocess.PIPE, text=True).stdout
    except FileNotFoundError:
        fail("sumo is not installed: Debian's package sumo has it")
    found = re.search(r"Version v?(\d+)[._](\d+)\S*", said)
    if found is None or (int(found.group(1)), int(found.group(2))) < (1, 15):
        fail("SUMO 1.15 or later is needed, not " + (said.splitlines() or ["nothing"])[0])
    return found.group(0).split()[1]


def measure(options, folder, vehicles):
    routes, state = os.path.join(folder, "rival.rou.xml"), os.path.join(folder, "state.xml.gz")
    write_routes(routes, vehicles)
    log, _, _ = run_sumo(["--route-files", routes, "--save-state.times", "%g" % options.warm_up, "--save-state.files",
                          state, "--end", "%g" % (options.warm_up + 0.1)], options)
    inserted = int(figure(log, "Inserted"))
    if inserted != len(vehicles):
        print("sumo_rival.py: SUMO placed %d of %d cars in the warm-up" % (inserted, len(vehicles)), file=sys.stderr)
    with gzip.open(state, "rt") as file:
        speeds = [float(speed) for speed in re.findall(r'<vehicle [^>]*\bspeed="([0-9.]+)', file.read())]
    end = options.warm_up + options.seconds
    log, process_s, cpu_s = run_sumo(["--load-state", state, "--begin", "%g" % options.warm_up, "--end", "%g" % end],
                                     options)
    wall_s = figure(log, "Duration")
    updates = figure(log, "UPS") * wall_s
    steps = round(options.seconds / 0.1)
    return {
        "rival": "SUMO",
        "version": version(),
        "network": os.path.basename(options.network),
        "seed": options.seed,
        "vehicles": round(updates / steps, 1),
        "vehicles_wanted": options.vehicles,
        "vehicles_at_end": int(figure(log, "Running")),
        "mean_speed_mps_after_warm_up": round(sum(speeds) / max(len(speeds), 1), 2),
        "warm_up_s": options.warm_up,
        "simulated_s": options.seconds,
        "step_s": 0.1,
        "wall_s": wall_s,
        "vehicle_updates": round(updates),
        "vehicle_updates_per_s": round(updates / wall_s),
        "vehicle_updates_per_cpu_s": round(updates / (wall_s * min(cpu_s / process_s, 1))),
        "real_time_factor": round(options.seconds / wall_s, 2),
        "collisions": len(re.findall(r"collision with vehicle", log)),
        "emergency_brakings": len(re.findall(r"emergency braking", log)),
        "process_s": round(process_s, 2),
        "cpu_s": round(cpu_s, 2),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, epilog=EXAMPLE,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", required=True, help=".net.xml or .net.xml.gz")
    parser.add_argument("--vehicles", type=int, default=2000, help="cars on the road (%(default)s)")
    parser.add_argument("--seconds", type=float, default=90, help="that are measured, simulated (%(default)s)")
    parser.add_argument("--warm-up", type=float, default=120, help="simulated seconds before that (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of places, walks and of SUMO (%(default)s)")
    parser.add_argument("--write-routes", metavar="FILE",
                        help="also save the cars and their routes as .rou.xml or .rou.xml.gz")
    parser.add_argument("--no-run", action="store_true", help="with --write-routes: save, and run nothing")
    options = parser.parse_args()
    if options.vehicles < 1 or options.seconds <= 0 or options.warm_up < 0.1:
        parser.error("a car, some seconds and a warm-up of at least 0.1 s are needed")
    network = Network(options.network)
    vehicles = draw_vehicles(network, options.vehicles, options.warm_up + options.seconds, options.seed)
    if options.write_routes:
        write_routes(options.write_routes, vehicles)
    if options.no_run:
        return
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(options, folder, vehicles)
    figures["lane_km"] = round(network.lane_km(), 1)
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
