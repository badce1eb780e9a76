#!/usr/bin/env python3
"""What the real agent of a vehicle costs on this machine, beside its limits.

    bench/edge/beside_limits.py --bin build/release/bin --edge out/edge/amd64/starling-edge \\
        --drive out/bench/edge_bench.json --out out/bench/edge_limits.json

A real starling-cloud and, over mutual TLS on loopback with the spool on disk, five agents that take
10 samples a second of a drive with bends and errors of positions: one as it is, whose memory is read;
two under valgrind's callgrind, for 10 and for 40 seconds, whose difference is what 300 samples cost in
user space, ticks of the timers, TLS and JSON included; and two more for whom each position is off by
20 cm anew, which the cloud cannot predict.  What is the same on any machine comes from edge_bench.

Exit codes: 0 measured, whatever it is; 1 it could not be.
"""
import argparse
import json
import math
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

PROGRAM_BYTES_MAX = 2 << 20
ANON_KB_MAX = 4 << 10
INSTRUCTIONS_MAX = 20_000
ALLOCATIONS_MAX = 0
SAMPLES_SHORT, SAMPLES_LONG = 100, 400
# Metres by which a position is off, anew each time: of a receiver that filters, and of one that does not.
JITTER_M, JITTER_ROUGH_M = 0.03, 0.2
INTERVAL_S = 0.1


def fail(why):
    print(f'beside_limits.py: {why}', file=sys.stderr)
    sys.exit(1)


def drive(samples, jitter_m):
    """Lines of JSON: 40 km/h, a bend every 20 s; positions err by half a metre that changes over a
    minute, as a receiver's do, and by jitter_m from one to the next."""
    noise = random.Random(1)
    keep = math.exp(-INTERVAL_S / 60)
    drift = [noise.gauss(0, 0.5), noise.gauss(0, 0.5)]
    lat, lon, heading = 48.1351, 11.582, 0.0
    for i in range(samples):
        turning = i % 200 < 40
        heading = (heading + (2.25 if turning else 0)) % 360
        step = 11.1 * INTERVAL_S
        lat += step * math.cos(math.radians(heading)) / 111_195
        lon += step * math.sin(math.radians(heading)) / 74_422
        drift = [keep * d + noise.gauss(0, 0.5 * math.sqrt(1 - keep * keep)) for d in drift]
        yield json.dumps({
            'lat_deg': round(lat + (drift[0] + noise.gauss(0, jitter_m)) / 111_195, 7),
            'lon_deg': round(lon + (drift[1] + noise.gauss(0, jitter_m)) / 74_422, 7),
            'heading_deg': round(heading, 2), 'speed_mps': round(11.1 + noise.gauss(0, 0.05), 2),
            'yaw_rate_dps': 22.5 if turning else 0, 'accuracy_m': 0.2}, separators=(',', ':')) + '\n'


class Vehicle:
    """One agent that is fed as a vehicle would."""

    def __init__(self, folder, name, edge, port, samples, jitter_m, prefix=()):
        self.report_file = os.path.join(folder, name + '.json')
        self.log = open(os.path.join(folder, name + '.log'), 'w+')
        self.samples = samples
        self.jitter_m = jitter_m
        self.process = subprocess.Popen(
            [*prefix, edge, '--connect', f'127.0.0.1:{port}', '--certs', os.path.join(folder, 'certs'), '--name', name,
             '--spool', os.path.join(folder, name + '.spool'), '--report', self.report_file],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=self.log, text=True)
        self.anon_kb = None
        self.thread = threading.Thread(target=self.feed)
        self.thread.start()

    def feed(self):
        start = time.monotonic()
        try:
            for i, line in enumerate(drive(self.samples, self.jitter_m)):
                time.sleep(max(0, start + i * INTERVAL_S - time.monotonic()))
                self.process.stdin.write(line)
                self.process.stdin.flush()
            status = open(f'/proc/{self.process.pid}/status').read()
            self.anon_kb = int(re.search(r'RssAnon:\s+(\d+) kB', status).group(1))
            self.file_kb = int(re.search(r'RssFile:\s+(\d+) kB', status).group(1))
            self.process.stdin.close()
        except (BrokenPipeError, FileNotFoundError):
            pass  # It has ended: the exit code is what counts.

    def end(self):
        self.thread.join()
        code = self.process.wait(timeout=60)
        self.log.seek(0)
        said = self.log.read()
        if code != 0:
            fail(f'an agent ended with {code}:\n{said[-2000:]}')
        self.report = json.load(open(self.report_file))
        if self.report['ledger']['delivered'] != self.samples:
            fail(f'of {self.samples} samples {self.report["ledger"]["delivered"]} were delivered')
        return said


def start_cloud(folder, programs):
    subprocess.run([os.path.join(programs, 'starling'), 'init', os.path.join(folder, 'certs'), '--vehicles', '5'],
                   check=True, stdout=subprocess.DEVNULL)
    ports = os.path.join(folder, 'ports.json')
    with open(os.path.join(folder, 'cloud.json'), 'w') as config:
        config.write('{"gateway": {"connections_max": 100}}')
    cloud = subprocess.Popen(
        [os.path.join(programs, 'starling-cloud'), '--certs', os.path.join(folder, 'certs'), '--data',
         os.path.join(folder, 'data'), '--config', os.path.join(folder, 'cloud.json'), '--listen', '127.0.0.1:0',
         '--http', '127.0.0.1:0', '--port-file', ports],
        stdout=subprocess.DEVNULL, stderr=open(os.path.join(folder, 'cloud.log'), 'w'))
    end = time.monotonic() + 60
    while not os.path.exists(ports):
        if cloud.poll() is not None or time.monotonic() > end:
            fail('the cloud did not start: ' + open(os.path.join(folder, 'cloud.log')).read()[-2000:])
        time.sleep(0.05)
    return cloud, json.load(open(ports))['listen']


def measure(folder, programs, edge):
    cloud, port = start_cloud(folder, programs)
    try:
        vehicles = [Vehicle(folder, 'veh-00001', edge, port, SAMPLES_LONG, JITTER_M)]
        for jitter_m in (JITTER_M, JITTER_ROUGH_M):
            for samples in (SAMPLES_SHORT, SAMPLES_LONG):
                name = f'veh-{len(vehicles) + 1:05}'
                out = os.path.join(folder, name + '.callgrind')
                vehicles.append(Vehicle(folder, name, edge, port, samples, jitter_m,
                                        ('valgrind', '--tool=callgrind', '--callgrind-out-file=' + out)))
        said = [vehicle.end() for vehicle in vehicles]
    finally:
        cloud.terminate()
        cloud.wait(timeout=60)
    collected = [int(re.search(r'Collected : (\d+)', text).group(1)) for text in said[1:]]
    agent, rough = vehicles[0], vehicles[4]
    more = SAMPLES_LONG - SAMPLES_SHORT
    return {
        'anon_kb': agent.anon_kb, 'file_kb': agent.file_kb,
        'instructions_per_sample': (collected[1] - collected[0]) / more,
        'instructions_per_rough_sample': (collected[3] - collected[2]) / more,
        'live_frames_per_rough_sample': rough.report['agent']['live_frames'] / SAMPLES_LONG,
        'instructions_to_start': collected[0],
        'live_frames_per_sample': agent.report['agent']['live_frames'] / SAMPLES_LONG,
        'link_bytes_per_sample': agent.report['uplink']['bytes_up'] / SAMPLES_LONG,
        'flash_bytes_per_sample': agent.report['spool']['bytes_written'] / SAMPLES_LONG,
    }


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument('--bin', required=True, help='folder of starling and starling-cloud')
    options.add_argument('--edge', required=True, help="this machine's program: FOLDER/ARCHITECTURE/starling-edge")
    options.add_argument('--drive', required=True, help="edge_bench's results")
    options.add_argument('--out', help='JSON')
    given = options.parse_args()
    if shutil.which('valgrind') is None:
        fail('valgrind is missing: apt-get install valgrind')
    drive_costs = json.load(open(given.drive))['benchmarks'][0]
    with tempfile.TemporaryDirectory(prefix='edge-limits-') as folder:
        real = measure(folder, given.bin, os.path.abspath(given.edge))

    rows = []
    kinds = os.path.dirname(os.path.dirname(os.path.abspath(given.edge)))
    for architecture in ('arm64', 'armhf', 'amd64'):
        program = os.path.join(kinds, architecture, 'starling-edge')
        size = os.path.getsize(program) if os.path.exists(program) else None
        rows.append((f'stripped program, {architecture}, bytes', size, PROGRAM_BYTES_MAX))
    here = os.path.basename(os.path.dirname(os.path.abspath(given.edge)))
    rows += [
        (f'own memory (RssAnon), {here}, with TLS, KiB', real['anon_kb'], ANON_KB_MAX),
        ('  pages of program and libraries (RssFile), KiB', real['file_kb'], None),
        (f'instructions a sample, {here}, all in', real['instructions_per_sample'], INSTRUCTIONS_MAX),
        ('  until 10 s after the start, in all', real['instructions_to_start'], None),
        ('  live frames a sample in that run', real['live_frames_per_sample'], None),
        ('  the same where positions jump by 20 cm', real['instructions_per_rough_sample'], INSTRUCTIONS_MAX),
        ('  live frames a sample in that run', real['live_frames_per_rough_sample'], None),
        ('allocations a sample, virtual drive', drive_costs['allocations_per_sample'], ALLOCATIONS_MAX),
        ('  samples that send and commit nothing', drive_costs['alloc_quiet'], ALLOCATIONS_MAX),
        ('  of frames', drive_costs['alloc_frames'], None),
        ("  of the spool's commits", drive_costs['alloc_commits'], None),
        ('  of history batches', drive_costs['alloc_batches'], None),
        ('flash bytes a sample, virtual drive', drive_costs['flash_bytes_per_sample'], None),
        ('  the real run, its start included', real['flash_bytes_per_sample'], None),
        ('  a page of 4 KiB for each sync', drive_costs['flash_pages_per_sample'], None),
        ('link bytes a sample, live lane, virtual drive', drive_costs['live_bytes_per_sample'], None),
        ('  history lane', drive_costs['history_bytes_per_sample'], None),
        ('  clock', drive_costs['other_bytes_per_sample'], None),
        ("  TLS's records", drive_costs['tls_bytes_per_sample'], None),
        ('  the real run, its handshake included', real['link_bytes_per_sample'], None),
    ]
    above = []
    print(f'\n{"":52}{"measured":>12}{"limit":>12}')
    for name, value, limit in rows:
        shown = 'not built' if value is None else f'{value:,.0f}' if value >= 1000 else f'{value:,.3g}'
        over = value is not None and limit is not None and value > limit
        print(f'{name:52}{shown:>12}{"" if limit is None else format(limit, ","):>12}{"  ABOVE" if over else ""}')
        if over:
            above.append(name.strip())
    print('above its limit: ' + '; '.join(above) if above else 'nothing is above its limit')
    print(f'Memory and instructions are those of {here}: no package of Debian 12 has a plugin of qemu-user that counts')
    print("arm's.")
    if given.out:
        with open(given.out, 'w') as out:
            json.dump([{'name': n.strip(), 'measured': v, 'limit': l} for n, v, l in rows], out, indent=1)


main()
