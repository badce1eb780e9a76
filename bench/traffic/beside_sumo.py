#!/usr/bin/env python3
"""Starling's traffic beside SUMO: the same network, the same cars on the same ways.

Draws the network with netgenerate unless one is given, lets sumo_rival.py draw the cars and
measure SUMO, then drives the same cars with starling-sim drive, with one thread and with two.
Both start their clocks after the warm-up and without output.  Nothing else should run meanwhile.

The models differ: SUMO drives Krauss and LC2013, Starling the Intelligent Driver Model and MOBIL,
with changes of lanes that take their time.  So the mean speeds stand beside the ratio.
"""

import argparse
import json
import os
import platform
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))

EXAMPLE = """example:
  bench/traffic/beside_sumo.py --sim build/release/bin/starling-sim --vehicles 2000 --out sumo.json
"""


def say(text):
    print("beside_sumo.py: " + text, file=sys.stderr, flush=True)


def run(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True,
                          env=dict(os.environ, SUMO_HOME=os.environ.get("SUMO_HOME", "/usr/share/sumo")))
    if done.returncode != 0:
        sys.exit("beside_sumo.py: %s ended with %d" % (" ".join(command), done.returncode))
    return done.stdout


def processor():
    try:
        with open("/proc/cpuinfo") as file:
            return next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or "unknown"


def main():
    parser = argparse.ArgumentParser(description=__doc__, epilog=EXAMPLE,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sim", required=True, help="starling-sim")
    parser.add_argument("--network", help=".net.xml; else a grid of 36 by 36 crossings with signals, 200 m apart")
    parser.add_argument("--vehicles", type=int, default=10000, help="cars on the road (%(default)s)")
    parser.add_argument("--seconds", type=float, default=90, help="measured, simulated (%(default)s)")
    parser.add_argument("--warm-up", type=float, default=90, help="simulated seconds before that (%(default)s)")
    parser.add_argument("--folder", default="out/bench", help="for the network and the ways (%(default)s)")
    parser.add_argument("--out", help="FILE for all figures, as JSON")
    options = parser.parse_args()

    os.makedirs(options.folder, exist_ok=True)
    network = options.network
    if network is None:
        network = os.path.join(options.folder, "grid.net.xml")
        say("drawing " + network)
        run(["netgenerate", "--grid", "--grid.number", "36", "--grid.length", "200", "-L", "2", "--tls.guess",
             "--no-warnings", "-o", network])
    routes = os.path.join(options.folder, "walks.rou.xml")
    say("SUMO drives %d cars for %g s; this takes minutes" % (options.vehicles, options.warm_up + options.seconds))
    rival = json.loads(run([sys.executable, os.path.join(HERE, "sumo_rival.py"), "--network", network,
                            "--vehicles", str(options.vehicles), "--seconds", str(options.seconds),
                            "--warm-up", str(options.warm_up), "--write-routes", routes]))
    ours = []
    for threads in (1, 2):
        say("Starling drives the same cars, threads: %d" % threads)
        ours.append(json.loads(run([options.sim, "drive", "--network", network, "--routes", routes, "--skip-broken",
                                    "--vehicles", str(options.vehicles), "--end",
                                    str(options.warm_up + options.seconds), "--warm-up", str(options.warm_up),
                                    "--threads", str(threads), "--json"])))
    ratio = ours[0]["updates_per_s"] / rival["vehicle_updates_per_cpu_s"]
    print("%-26s %14s %14s %14s" % ("", "SUMO " + rival["version"], "1 thread", "2 threads"))

    def row(name, form, of_rival, of_ours):
        print("%-26s %14s " % (name, form % of_rival) + " ".join("%14s" % (form % of_ours(one)) for one in ours))

    row("vehicle updates/s", "%.0f", rival["vehicle_updates_per_cpu_s"], lambda one: one["updates_per_s"])
    row("times real time", "%.1f", rival["simulated_s"] / rival["wall_s"], lambda one: options.seconds / one["wall_s"])
    row("vehicles", "%.0f", rival["vehicles"], lambda one: one["vehicle_updates"] / (options.seconds * 10))
    row("mean speed, m/s", "%.2f", rival["mean_speed_mps_after_warm_up"], lambda one: one["mean_speed_now_mps"])
    row("collisions", "%.0f", rival["collisions"], lambda one: one["collisions"])
    print("ratio, one thread: %.1f; two: %.1f" % (ratio, ours[1]["updates_per_s"] / rival["vehicle_updates_per_cpu_s"]))
    print("%s, %s lane-km, %g s after %g s; %s, %d cores.  SUMO's rate is for its CPU time, without what others took;"
          " Starling's for wall-clock time.  SUMO's mean speed is that after the warm-up, Starling's that at the end; Starling's"
          " collisions are those of the warm-up, too."
          % (os.path.basename(network), rival["lane_km"], options.seconds, options.warm_up, processor(), os.cpu_count()))
    if options.out:
        with open(options.out, "w") as file:
            json.dump({"sumo": rival, "starling": ours, "ratio": ratio}, file, indent=2)


if __name__ == "__main__":
    main()
