#!/usr/bin/env python3
"""Makes incidents happen to a small city, and times what wakes whom.

Each incident gets an orchestrator, a city and a Prometheus of its own, all real programs.  The
rules are those of cloud/deploy/prometheus, with their own `for`; Prometheus scrapes and
evaluates every 5 s, as in the example beside them.  Before the fault nothing may fire; from the
fault on the script notes when the expected alert is pending, when it fires, what else fires,
what /readyz says and, where the program has it, what `starling doctor` names.

./run incidents builds what is needed and calls it.  Exit codes: 0 every expected alert fired and
none before its time, 1 otherwise, 2 cannot start.
"""

import argparse
import datetime
import http.client
import json
import mmap
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRAPE_S = 5
# Windows of a minute have to be full before a rate means something.
WARM_UP_S = 45

# Places in struct FaultControl, sim/chaos/fault_control.h.
DISK_FULL, CLOCK_STEP, DISK_LOW, FAULT_BYTES = 4, 16, 48, 4096


def say(text):
    print(f"incidents: {text}", file=sys.stderr, flush=True)


def cannot_start(text):
    say(text)
    sys.exit(2)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def get(port, path, timeout=3):
    """Status and body; None if nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


class Child:
    """A program that ends with this one, and by its own number."""

    def __init__(self, command, output, environment=None):
        self.command = [str(word) for word in command]
        self.output = output
        with open(output, "ab") as file:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *self.command], stdout=file, stderr=file,
                stdin=subprocess.DEVNULL, env={**os.environ, **(environment or {})}, start_new_session=True)

    def running(self):
        return self.process.poll() is None

    def end(self, patience=15):
        if self.running():
            self.process.terminate()
            try:
                self.process.wait(patience)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()

    def last_lines(self, count=5):
        return "".join(open(self.output, errors="replace").readlines()[-count:])


def wait_until(what, patience, predicate, *children):
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if predicate():
            return
        for child in children:
            if not child.running():
                raise RuntimeError(f"{what}: {child.command[0]} has ended:\n{child.last_lines()}")
        time.sleep(0.1)
    raise RuntimeError(f"{what}: not within {patience} s")


class Faults:
    """The file by which libstarling-faults is told what to do."""

    def __init__(self, path):
        self.path = path
        with open(path, "wb") as file:
            file.write(struct.pack("<I", 0x43484131).ljust(FAULT_BYTES, b"\0"))
        with open(path, "r+b") as file:
            self.memory = mmap.mmap(file.fileno(), FAULT_BYTES)

    def set(self, place, value, form="<I"):
        struct.pack_into(form, self.memory, place, value)


class City:
    """Orchestrator, vehicles and Prometheus, in a folder of their own."""

    def __init__(self, options, name, kafka=None):
        self.options = options
        self.folder = options.folder / name
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.certs = self.folder / "certs"
        self.kafka = kafka
        self.children = []
        self.http = free_port()
        self.prometheus_port = free_port()
        self.faults = Faults(self.folder / "faults")
        self.cloud = None

    def start(self):
        certificates = subprocess.run(
            [self.options.bin / "starling", "init", self.certs, "--vehicles",
             str(self.options.vehicles + self.options.crowd)], capture_output=True, text=True)
        if certificates.returncode != 0:
            raise RuntimeError(certificates.stderr)
        data = self.folder / "data"
        (self.folder / "cloud.json").write_text(json.dumps(
            {"gateway": {"connections_max": self.options.vehicles + self.options.crowd + 50}}))
        ports = self.folder / "ports.json"
        command = [self.options.bin / "starling-cloud", "--certs", self.certs, "--data", data,
                   "--config", self.folder / "cloud.json", "--listen", "127.0.0.1:0",
                   "--http", f"127.0.0.1:{self.http}", "--port-file", ports]
        if self.kafka:
            command += ["--log", "kafka", "--kafka", self.kafka]
        self.cloud = self.child(command, "cloud.log", {
            "LD_PRELOAD": str(self.options.bin / "libstarling-faults.so"),
            "STARLING_FAULTS": str(self.faults.path), "STARLING_FAULTS_IN": str(data)})
        wait_until("the orchestrator's start", 60, ports.exists, self.cloud)
        self.port = json.loads(ports.read_text())["listen"]
        self.child([self.options.bin / "starling-sim", "--connect", f"127.0.0.1:{self.port}",
                    "--http", f"127.0.0.1:{self.http}", "--certs", self.certs, "--vehicles", self.options.vehicles,
                    "--seconds", 3600, "--seed", 1, "--headless", "--report", self.folder / "report.json"], "sim.log")
        self.start_prometheus()

    def start_prometheus(self):
        config = self.folder / "prometheus.yaml"
        config.write_text(f"""
global: {{scrape_interval: {SCRAPE_S}s, evaluation_interval: {SCRAPE_S}s}}
rule_files: ["{ROOT}/cloud/deploy/prometheus/rules.yaml"]
scrape_configs:
  - job_name: starling
    static_configs: [{{targets: ["127.0.0.1:{self.http}"]}}]
""")
        prometheus = self.child(
            ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={self.folder}/prometheus",
             f"--web.listen-address=127.0.0.1:{self.prometheus_port}"], "prometheus.log")
        wait_until("Prometheus", 30, lambda: (get(self.prometheus_port, "/-/ready") or (0,))[0] == 200, prometheus)

    def child(self, command, output, environment=None):
        child = Child(command, self.folder / output, environment)
        self.children.append(child)
        return child

    def unruly(self, **wishes):
        command = [self.options.bin / "unruly-vehicles", "--port", self.port, "--certs", self.certs,
                   "--first", self.options.vehicles + 1]
        for name, value in wishes.items():
            command += [f"--{name}", value]
        unruly = self.child(command, "unruly.log")
        time.sleep(1)
        if not unruly.running():
            raise RuntimeError(f"unruly-vehicles has ended:\n{unruly.last_lines()}")

    def alerts(self):
        """By name: pending or firing."""
        answer = get(self.prometheus_port, "/api/v1/alerts")
        if answer is None:
            return {}
        found = {}
        for alert in json.loads(answer[1])["data"]["alerts"]:
            name = alert["labels"]["alertname"]
            if found.get(name, ("",))[0] != "firing":
                found[name] = (alert["state"], alert["annotations"]["summary"])
        return found

    def query(self, expression):
        answer = get(self.prometheus_port, "/api/v1/query?" + urllib.parse.urlencode({"query": expression}))
        result = json.loads(answer[1])["data"]["result"] if answer else []
        return float(result[0]["value"][1]) if result else None

    def readyz(self):
        answer = get(self.http, "/readyz")
        return None if answer is None else answer[1].strip()

    def doctor(self):
        """The first line of `starling doctor` that names a fault; '' where the program has no such command."""
        if not self.options.doctor:
            return ""
        try:
            answer = subprocess.run([self.options.bin / "starling", *self.options.doctor.format(
                http=f"127.0.0.1:{self.http}", port=self.port, certs=self.certs).split()],
                capture_output=True, text=True, timeout=30)
        except subprocess.TimeoutExpired:
            return "(no answer in 30 s)"
        lines = [line.strip() for line in (answer.stdout + answer.stderr).splitlines() if line.strip()]
        bad = [line for line in lines if any(word in line.lower() for word in ("fail", "not ok", "✗", "wrong", "warn"))]
        return (bad or lines or [""])[0]

    def end(self):
        for child in reversed(self.children):
            child.end()


class Incident:
    name = ""
    done = ""
    alert = ""
    patience = 180
    needs_kafka = False

    def prepare(self, city):
        """Before the clock runs."""

    def strike(self, city):
        """Returns the moment from which it is an incident."""
        raise NotImplementedError


class CertificateExpires(Incident):
    name = "server's certificate expires"
    done = "one from the fleet's authority that ends 40 s later is put into the folder of a running orchestrator"
    alert = "StarlingCertificateExpired"

    def prepare(self, city):
        self.ends = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0) + datetime.timedelta(seconds=40)
        make_server_certificate(city.certs, city.folder / "ca", self.ends)

    def strike(self, city):
        left = (self.ends - datetime.datetime.now(datetime.timezone.utc)).total_seconds()
        say(f"  expires in {left:.0f} s")
        time.sleep(max(left, 0))
        return time.monotonic()


def make_server_certificate(certs, folder, ends):
    """With openssl's own authority, because only that can end a certificate at a given second."""
    folder.mkdir()
    (folder / "index").touch()
    (folder / "openssl.cnf").write_text(f"""
[ca]
default_ca = fleet
[fleet]
new_certs_dir = {folder}
database = {folder}/index
rand_serial = yes
default_md = sha256
policy = names
x509_extensions = server
[names]
commonName = supplied
[server]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:starling-cloud,DNS:localhost,IP:127.0.0.1
""")

    def openssl(*words):
        outcome = subprocess.run(["openssl", *map(str, words)], capture_output=True, text=True)
        if outcome.returncode != 0:
            raise RuntimeError(outcome.stderr)

    request, made = folder / "server.csr", folder / "server.pem"
    openssl("req", "-new", "-key", certs / "server.key", "-subj", "/CN=starling-cloud", "-out", request)
    begins = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=1)
    openssl("ca", "-batch", "-notext", "-config", folder / "openssl.cnf", "-cert", certs / "ca.pem", "-keyfile",
            certs / "ca.key", "-in", request, "-startdate", begins.strftime("%Y%m%d%H%M%SZ"), "-enddate",
            ends.strftime("%Y%m%d%H%M%SZ"), "-out", made)
    os.replace(made, certs / "server.pem")


class DiskNearlyFull(Incident):
    name = "disk nearly full"
    done = "the data folder's file system says that 2 % are free"
    alert = "StarlingDiskFull"

    def strike(self, city):
        city.faults.set(DISK_LOW, 1)
        return time.monotonic()


class DiskFull(Incident):
    name = "disk full"
    done = "every write under the data folder fails with ENOSPC: the log fails, and the process ends"
    alert = "StarlingDown"

    def strike(self, city):
        city.faults.set(DISK_FULL, 1)
        return time.monotonic()


class BrokerDown(Incident):
    name = "broker down"
    done = "SIGKILL of the only Kafka broker"
    alert = "StarlingKafkaDown"
    needs_kafka = True

    def strike(self, city):
        subprocess.run([city.options.kafka_script, "--kill-node", "1", "--data", city.options.folder / "kafka"],
                       check=True, stdout=subprocess.DEVNULL)
        return time.monotonic()


class VehicleFloods(Incident):
    name = "one vehicle floods"
    done = "a vehicle with a valid certificate sends 300 fixes a second, and comes back each time it is cut"
    alert = "StarlingVehicleFloods"

    def strike(self, city):
        city.unruly(vehicles=1, rate=300, seconds=600)
        return time.monotonic()


class RegionHot(Incident):
    name = "a region too hot"
    alert = "StarlingRegionHot"
    patience = 300

    def strike(self, city):
        self.done = (f"{city.options.crowd} more vehicles at {city.options.crowd_rate} fixes a second, all within "
                     f"{city.options.crowd_spread} m")
        city.unruly(vehicles=city.options.crowd, rate=city.options.crowd_rate, spread=city.options.crowd_spread,
                    seconds=600)
        return time.monotonic()


class ClockSteps(Incident):
    def __init__(self, step_s):
        self.step_s = step_s
        self.name = f"clock steps {'forwards' if step_s > 0 else 'back'}"
        self.done = f"the orchestrator's clock is set by {step_s:+} s"
        self.alert = "StarlingClockStepped"

    def strike(self, city):
        city.faults.set(CLOCK_STEP, self.step_s * 1_000_000_000, "<q")
        return time.monotonic()


INCIDENTS = {
    "certificate": CertificateExpires(), "disk-low": DiskNearlyFull(), "disk": DiskFull(), "broker": BrokerDown(),
    "flood": VehicleFloods(), "hot": RegionHot(), "clock-back": ClockSteps(-5), "clock-forward": ClockSteps(5),
}


class Kafka:
    def __init__(self, options):
        data = options.folder / "kafka"
        shutil.rmtree(data, ignore_errors=True)
        data.mkdir(parents=True)
        self.child = Child([options.kafka_script, "--foreground", "--fresh", "--port", "0", "--data", data],
                           options.folder / "kafka.log")
        wait_until("Kafka", 180, (data / "env").exists, self.child)
        settings = dict(line.split("=", 1) for line in (data / "env").read_text().splitlines() if "=" in line)
        self.address = settings["KAFKA_BOOTSTRAP"]
        topics = subprocess.run([options.bin / "starling", "topics", "apply", "--bootstrap", self.address],
                                capture_output=True, text=True)
        if topics.returncode != 0:
            raise RuntimeError(topics.stderr)

    def end(self):
        self.child.end(30)


def watch(city, incident, began):
    """Until the expected alert fires: what was seen, and after how many seconds."""
    seen = {"pending": None, "fires": None, "also": {}, "readyz": None, "readyz_after": None, "summary": ""}
    while time.monotonic() - began < incident.patience:
        after = time.monotonic() - began
        for name, (state, summary) in city.alerts().items():
            if name == incident.alert:
                if seen["pending"] is None:
                    seen["pending"] = after
                if state == "firing" and seen["fires"] is None:
                    seen["fires"] = after
                    seen["summary"] = summary
            elif state == "firing" and name not in seen["also"]:
                seen["also"][name] = after
        said = city.readyz()
        if said != "ready" and seen["readyz"] is None:
            seen["readyz"] = said if said is not None else "(nobody answers)"
            seen["readyz_after"] = after
        if seen["fires"] is not None:
            break
        time.sleep(0.25)
    seen["doctor"] = city.doctor()
    return seen


def run_one(options, key, incident):
    say(f"{incident.name}: a city of {options.vehicles} vehicles")
    kafka = Kafka(options) if incident.needs_kafka else None
    city = City(options, key, kafka.address if kafka else None)
    try:
        city.start()
        wait_until("the city", 60, lambda: (city.query("starling_gateway_connections") or 0) >= options.vehicles)
        deadline = time.monotonic() + WARM_UP_S
        early = {}
        while time.monotonic() < deadline:
            early.update({name: summary for name, (state, summary) in city.alerts().items() if state == "firing"})
            time.sleep(0.5)
        incident.prepare(city)
        began = incident.strike(city)
        say(f"  struck: {incident.done}")
        seen = watch(city, incident, began)
        seen["early"] = early
        end = f"{seen['fires']:.0f} s" if seen["fires"] is not None else f"NOT within {incident.patience} s"
        say(f"  {incident.alert} fires after {end}; /readyz: {seen['readyz'] or 'ready'}")
        if early:
            say(f"  fired before it: {early}")
        return seen
    finally:
        city.end()
        if kafka:
            kafka.end()


def table(results):
    def span(value):
        return "–" if value is None else f"{value:.0f} s"

    lines = ["| incident | what is done | alert | pending after | fires after | also fires | `/readyz` | `starling doctor` |",
             "|---|---|---|---|---|---|---|---|"]
    for incident, seen in results:
        also = ", ".join(f"{name} ({span(after)})" for name, after in seen["also"].items()) or "–"
        ready = "ready" if seen["readyz"] is None else f"after {span(seen['readyz_after'])}: {seen['readyz']}"
        lines.append(f"| {incident.name} | {incident.done} | {incident.alert} | {span(seen['pending'])} | "
                     f"{span(seen['fires'])} | {also} | {ready} | {seen['doctor'] or '–'} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(prog="./run incidents", description="Makes incidents happen, and times the alerts.")
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build/release/bin")
    parser.add_argument("--folder", type=pathlib.Path, default=ROOT / "out/incidents")
    parser.add_argument("--only", action="append", choices=sorted(INCIDENTS), metavar="INCIDENT",
                        help=f"only this one (repeat): {', '.join(INCIDENTS)}")
    parser.add_argument("--vehicles", type=int, default=100, help="of the city [100]")
    parser.add_argument("--crowd", type=int, default=600, help="of the region that gets too hot [600]")
    parser.add_argument("--crowd-rate", type=float, default=10, help="fixes of each in a second [10]")
    parser.add_argument("--crowd-spread", type=float, default=200, help="metres, side of the square that they are in [200]")
    parser.add_argument("--kafka-script", type=pathlib.Path, default=ROOT / "cloud/deploy/kafka/broker.sh")
    parser.add_argument("--doctor", default="", help="words of the command that names a fault, with {http}, {port}, {certs}")
    parser.add_argument("--report", type=pathlib.Path, help="file that gets the results, JSON")
    options = parser.parse_args()
    options.folder = options.folder.resolve()
    options.bin = options.bin.resolve()
    if shutil.which("prometheus") is None:
        cannot_start("prometheus is not there: apt-get install --no-install-recommends prometheus")
    for program in ("starling", "starling-cloud", "starling-sim", "libstarling-faults.so"):
        if not (options.bin / program).exists():
            cannot_start(f"{options.bin / program} is not built; ./run incidents builds it")
    # Every child is ended on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))

    results = []
    for key in options.only or INCIDENTS:
        try:
            results.append((INCIDENTS[key], run_one(options, key, INCIDENTS[key])))
        except RuntimeError as failure:
            say(str(failure))
            return 1
    print(table(results))
    if options.report:
        options.report.parent.mkdir(parents=True, exist_ok=True)
        options.report.write_text(json.dumps(
            [{"incident": incident.name, "alert": incident.alert, **seen} for incident, seen in results], indent=1))
    return 0 if all(seen["fires"] is not None and not seen["early"] for _, seen in results) else 1


if __name__ == "__main__":
    sys.exit(main())
