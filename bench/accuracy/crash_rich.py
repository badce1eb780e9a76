#!/usr/bin/env python3
"""How right the collision horizon is on recordings that are rich in crashes.

Debian's SUMO drives networks of several kinds, in which one driver in five breaks rules: ignores who has right of
way, runs red lights, follows too closely.  Each recording has its trajectories (FCD, 10 Hz), its network and,
where SUMO can, its conflicts; `starling-sim accuracy` is run on each, and what it counted is added up, by set.

There are four sets, named before anything was run on them.  `tuning`: grids with signals and with priority, seeds from
1: the method may be chosen by it.  `held-out`: the same kinds, seeds from 101; `other-kinds`: spider's webs, random
networks and roundabouts, seeds from 201; `lawful`: drivers who break no rule, seeds from 301.  No constant of the
horizon may be chosen by the last three.

What is made depends on SUMO's version; with the same one the files are the same, byte for byte.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

EXAMPLE = """examples:
  bench/accuracy/crash_rich.py --sim build/release/bin/starling-sim --set tuning
  bench/accuracy/crash_rich.py --sim build/release/bin/starling-sim --set held-out --set other-kinds --out figures.json
"""

# Kind of network: netgenerate's options.  Streets of one lane and of two; 50 km/h.
KINDS = {
    "signals": ["--grid", "--grid.number", "7", "--grid.length", "160", "-L", "2", "-j", "traffic_light"],
    "priority": ["--grid", "--grid.number", "8", "--grid.length", "120", "-L", "1", "-j", "priority"],
    "spider": ["--spider", "--spider.arm-number", "9", "--spider.circle-number", "6", "--spider.space-radius", "110",
               "-L", "1", "-j", "right_before_left"],
    "random": ["--rand", "--rand.iterations", "90", "--rand.min-distance", "70", "--rand.max-distance", "190",
               "--rand.bidi-probability", "1", "-L", "1", "--rand.random-lanenumber"],
    "roundabouts": ["--grid", "--grid.number", "6", "--grid.length", "200", "-L", "1", "-j", "priority"],
}
SETS = {
    "tuning": [("signals", 1), ("priority", 2), ("signals", 3), ("priority", 4)],
    "held-out": [("signals", 101), ("priority", 102), ("signals", 103), ("priority", 104)],
    "other-kinds": [("spider", 201), ("random", 202), ("roundabouts", 203)],
    "lawful": [("signals", 301), ("priority", 302), ("spider", 303), ("roundabouts", 304)],
}

LAWLESS_SHARE = 0.2
# Of those drivers.  A change of lanes takes its time, unlike SUMO's default.
LAWLESS = {"tau": "0.3", "sigma": "0.9", "jmIgnoreFoeProb": "0.5", "jmIgnoreFoeSpeed": "20",
           "jmIgnoreJunctionFoeProb": "0.5", "jmDriveAfterRedTime": "8", "lcImpatience": "1", "speedFactor": "1.2"}
LENGTH_M, WIDTH_M = 4.6, 1.8
WARM_UP_S = 120


def say(text):
    print("crash_rich.py: " + text, file=sys.stderr, flush=True)


def attempt(command):
    environment = dict(os.environ, SUMO_HOME=os.environ.get("SUMO_HOME", "/usr/share/sumo"))
    return subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run(command):
    done = attempt(command)
    if done.returncode != 0:
        sys.exit("crash_rich.py: %s ended with %d:\n%s" % (" ".join(command), done.returncode, done.stderr[-2000:]))


def with_roundabouts(folder, network):
    """Puts a ring in the place of each inner crossing, which netgenerate cannot draw."""
    run(["netconvert", "-s", network, "--plain-output-prefix", folder + "/plain"])
    nodes = ElementTree.parse(folder + "/plain.nod.xml")
    edges = ElementTree.parse(folder + "/plain.edg.xml")
    places = {node.get("id"): (float(node.get("x")), float(node.get("y"))) for node in nodes.getroot().iter("node")}
    degree = {}
    for edge in edges.getroot().iter("edge"):
        degree[edge.get("from")] = degree.get(edge.get("from"), 0) + 1
    ring_m = 14
    ringed = {name for name, count in degree.items() if count == 4}
    root = nodes.getroot()
    arms = {}

    def arm(name, towards):
        """The ring's node where the street to `towards` joins."""
        x, y = places[name]
        angle = math.atan2(places[towards][1] - y, places[towards][0] - x)
        node = "%s_%d" % (name, round(math.degrees(angle)) % 360)
        if node not in places:
            places[node] = (x + ring_m * math.cos(angle), y + ring_m * math.sin(angle))
            ElementTree.SubElement(root, "node", id=node, x="%.2f" % places[node][0], y="%.2f" % places[node][1],
                                   type="priority")
            arms.setdefault(name, []).append((angle % (2 * math.pi), node))
        return node

    for edge in edges.getroot().iter("edge"):
        begin, end = edge.get("from"), edge.get("to")
        if begin in ringed:
            edge.set("from", arm(begin, end))
        if end in ringed:
            edge.set("to", arm(end, begin))
        for attribute in ("shape", "length"):
            edge.attrib.pop(attribute, None)
    for node in [node for node in root.iter("node") if node.get("id") in ringed]:
        root.remove(node)
    for name, joined in arms.items():
        joined.sort()
        for (angle, node), (next_angle, next_node) in zip(joined, joined[1:] + joined[:1]):
            turn = (next_angle - angle) % (2 * math.pi)
            x, y = places[name]
            shape = ["%.2f,%.2f" % (x + ring_m * math.cos(angle + turn * i / 6), y + ring_m * math.sin(angle + turn * i / 6))
                     for i in range(7)]
            ElementTree.SubElement(edges.getroot(), "edge", {
                "id": "ring_" + node, "from": node, "to": next_node, "numLanes": "1", "speed": "8.33", "priority": "20",
                "shape": " ".join(shape)})
    nodes.write(folder + "/rings.nod.xml")
    edges.write(folder + "/rings.edg.xml")
    run(["netconvert", "-n", folder + "/rings.nod.xml", "-e", folder + "/rings.edg.xml", "--roundabouts.guess",
         "--no-turnarounds", "-o", network])


def make(folder, kind, seed, seconds, vehicles, lawless):
    """Draws the network and the cars, and has SUMO drive them; does nothing if all is there."""
    network = folder + "/net.net.xml"
    if os.path.exists(folder + "/done"):
        return
    os.makedirs(folder, exist_ok=True)
    run(["netgenerate", *KINDS[kind], "--seed", str(seed), "--default.speed", "13.89", "--no-turnarounds", "-o", network])
    if kind == "roundabouts":
        with_roundabouts(folder, network)
    with open(folder + "/types.add.xml", "w") as file:
        size = 'length="%s" width="%s"' % (LENGTH_M, WIDTH_M)
        wrong = " ".join('%s="%s"' % pair for pair in LAWLESS.items())
        file.write('<additional><vTypeDistribution id="cars">\n'
                   '  <vType id="lawful" probability="%g" %s/>\n'
                   '  <vType id="lawless" probability="%g" %s %s/>\n'
                   "</vTypeDistribution></additional>\n" % (1 - lawless, size, lawless, size, wrong))
    with open(folder + "/dims.txt", "w") as file:
        file.write("".join("%s %s %s\n" % (name, LENGTH_M, WIDTH_M) for name in ("lawful", "lawless")))
    trips = folder + "/trips.xml"
    end = WARM_UP_S + seconds
    run([sys.executable, "/usr/share/sumo/tools/randomTrips.py", "-n", network, "-o", trips, "-e", str(end),
         "-p", "%g" % (60.0 / vehicles), "--seed", str(seed), "--fringe-factor", "2", "--trip-attributes",
         'type="cars" departSpeed="max" departLane="random"'])
    ssm = ["--device.ssm.probability", "1", "--device.ssm.measures", "TTC DRAC PET", "--device.ssm.thresholds",
           "3.0 3.0 2.0", "--device.ssm.range", "50", "--device.ssm.extratime", "5", "--device.ssm.file", folder + "/ssm.xml"]
    # SUMO passes through whom it touches; 60 s are what a trip takes, so about `vehicles` drive at a time.
    drive = ["sumo", "-X", "never", "--no-step-log", "--no-warnings", "-n", network, "-r", trips, "-a",
             folder + "/types.add.xml", "--seed", str(seed), "--step-length", "0.1", "--lanechange.duration", "3",
             "--collision.action", "warn", "--collision.check-junctions", "--collision.mingap-factor", "0", "--end", str(end),
             "--time-to-teleport", "-1", "--ignore-route-errors", "--fcd-output", folder + "/fcd.xml.gz", "--device.fcd.begin", str(WARM_UP_S),
             "--precision", "2", "--fcd-output.acceleration", "--fcd-output.attributes",
             "x,y,angle,speed,acceleration,type,lane"]
    # SUMO 1.15's SSM device ends the program in some recordings; those have no conflicts of SUMO's.
    if attempt(drive + ssm).returncode != 0:
        say("SUMO's SSM device failed; once more without it")
        if os.path.exists(folder + "/ssm.xml"):
            os.remove(folder + "/ssm.xml")
        run(drive)
    with open(folder + "/done", "w") as file:
        file.write("")


def interval(found, of):
    """Wilson's, 95 %."""
    if of == 0:
        return [0.0, 1.0]
    z = 1.959963984540054
    share = found / of
    middle = (share + z * z / (2 * of)) / (1 + z * z / of)
    half = z / (1 + z * z / of) * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return [middle - half, middle + half]


def share(pairs):
    found = sum(pair["is"] for pair in pairs)
    of = sum(pair["of"] for pair in pairs)
    return {"is": found, "of": of, "share": found / of if of else None, "interval": interval(found, of)}


def median_lead(points):
    leads = sorted(encounter["lead_s"] for point in points for encounter in point["encounters"]["trajectories"]
                   if encounter["outcome"] == "found")
    return leads[len(leads) // 2] if leads else None


def add_up(points, hours):
    """One point of all recordings of a set."""
    scores = [point["scores"]["trajectories"] for point in points]
    figures = {"recall": share([score["recall"] for score in scores]),
               "recall_of_touches": share([score["recall_of_touches"] for score in scores]),
               "precision": share([score["precision"] for score in scores])}
    for group in ("recall_by_foresight", "recall_by_kind"):
        figures[group] = {name: share([score[group][name] for score in scores]) for name in scores[0][group]}
    for group in ("false_alarms", "false_alarms_by_cause"):
        figures[group] = {name: sum(score[group][name]["count"] for score in scores) / hours for name in scores[0][group]}
    if "encounters" in points[0]:
        figures["median_lead_s"] = median_lead(points)
    for name in ("episodes", "avoidance_commands"):
        figures[name + "_a_vehicle_hour"] = sum(point[name]["count"] for point in points) / hours
    return figures


def collect(reports):
    hours = sum(report["recording"]["vehicle_hours"] for report in reports)
    result = {"vehicle_hours": hours, "recordings": len(reports), "points": [], "sweep": []}
    for part in ("points", "sweep"):
        for i, first in enumerate(reports[0][part]):
            point = {key: first[key] for key in ("noise_m", "ways_known", "required_decel_min_mps2")}
            point.update(add_up([report[part][i] for report in reports], hours))
            result[part].append(point)
    return result


def percent(of):
    if of["share"] is None:
        return "none of none"
    return "%d of %d, %.1f %% (%.1f to %.1f)" % (of["is"], of["of"], 100 * of["share"], *(100 * bound for bound in of["interval"]))


def show(name, figures):
    print("\n%s: %d recordings, %.1f vehicle-hours" % (name, figures["recordings"], figures["vehicle_hours"]))
    for point in figures["points"]:
        print("  noise %g m, ways known: %s" % (point["noise_m"], point["ways_known"]))
        print("    recall      %s; touches %s" % (percent(point["recall"]), percent(point["recall_of_touches"])))
        for group in ("recall_by_foresight", "recall_by_kind"):
            for part, of in point[group].items():
                print("      %-18s %s" % (part, percent(of)))
        print("    precision   %s" % percent(point["precision"]))
        lead = point.get("median_lead_s")
        print("    lead        median %s s" % ("none" if lead is None else "%.2f" % lead))
        print("    an hour of a vehicle: %.1f episodes, %.1f avoidance commands; false alarms: %s; of these %s" % (
            point["episodes_a_vehicle_hour"], point["avoidance_commands_a_vehicle_hour"],
            ", ".join("%s %.2f" % pair for pair in point["false_alarms"].items()),
            ", ".join("%s %.2f" % pair for pair in point["false_alarms_by_cause"].items())))
    for point in figures["sweep"]:
        print("  %-7s alarm at %3g m/s2: recall %5.1f %%, of those seen before %5.1f %%, of touches %5.1f %%, precision %5.1f %%, "
              "%6.1f avoidance commands" % (
                  point["ways_known"], point["required_decel_min_mps2"], 100 * (point["recall"]["share"] or 0),
                  100 * (point["recall_by_foresight"]["seen"]["share"] or 0), 100 * (point["recall_of_touches"]["share"] or 0),
                  100 * (point["precision"]["share"] or 0), point["avoidance_commands_a_vehicle_hour"]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, epilog=EXAMPLE,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sim", required=True, help="starling-sim")
    parser.add_argument("--set", action="append", choices=list(SETS), help="which recordings; repeat (tuning)")
    parser.add_argument("--seconds", type=int, default=180, help="of each recording, after a warm-up (%(default)s)")
    parser.add_argument("--vehicles", type=int, default=120, help="that set off in a minute (%(default)s)")
    parser.add_argument("--noise", default="0", help="as starling-sim accuracy has it (%(default)s)")
    parser.add_argument("--sweep", action="store_true", help="other thresholds, too")
    parser.add_argument("--folder", default="out/crash-rich", help="for recordings and reports (%(default)s)")
    parser.add_argument("--out", help="FILE for all figures, as JSON")
    options = parser.parse_args()

    results = {}
    for name in options.set or ["tuning"]:
        reports = []
        for kind, seed in SETS[name]:
            folder = "%s/%s-%d-%d-%d" % (options.folder, kind, seed, options.vehicles, options.seconds)
            say("%s, seed %d: recording" % (kind, seed))
            make(folder, kind, seed, options.seconds, options.vehicles, 0 if name == "lawful" else LAWLESS_SHARE)
            say("%s, seed %d: measuring" % (kind, seed))
            run([options.sim, "accuracy", "--fcd", folder + "/fcd.xml.gz", "--types",
                 folder + "/dims.txt", "--network", folder + "/net.net.xml", "--coordinates", "metres", "--paths",
                 "--no-reference", "--noise", options.noise, "--report", folder + "/report.json"]
                + (["--ssm", folder + "/ssm.xml"] if os.path.exists(folder + "/ssm.xml") else []) + (["--sweep"] if options.sweep else []))
            with open(folder + "/report.json") as file:
                reports.append(json.load(file))
        results[name] = collect(reports)
        show(name, results[name])
    if options.out:
        with open(options.out, "w") as file:
            json.dump(results, file, indent=1)
            file.write("\n")


if __name__ == "__main__":
    main()
