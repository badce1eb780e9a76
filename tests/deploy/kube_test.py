#!/usr/bin/env python3
"""The chart's values-laptop-kafka.yaml run for real, without a cluster and without a registry.

The image is built by buildah on a base by debootstrap, from programs that are built already; what helm renders is played by
podman: a broker, two shards, a gateway.  A city of vehicles drives through a load balancer, which asks the gateways'
/readyz as a cluster does, and meanwhile everything is replaced: the gateway by a new one, the shard that stands by, the
shard that owns the region.  What the simulator reports in the end is what counts: nothing dropped, no command late or
twice; and no vehicle was away for longer than two seconds.

    kube_test.py --source DIR --bin DIR --tools DIR --work DIR [--vehicles N] [--seconds S] [--report FILE]

podman 4.3 plays Pods, ConfigMaps and claims of volumes; how the rest is played is in RULES, and is printed.
Exit codes: 0 all holds, 1 something does not, 2 this machine cannot do it (the last line says what is missing).
"""

import argparse
import atexit
import copy
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import yaml

RULES = """\
  StatefulSet, Deployment   a Pod for each replica, named as the cluster would; a new generation is a new Pod
  volumeClaimTemplates      a PersistentVolumeClaim for each replica
  emptyDir                  a PersistentVolumeClaim, removed with its Pod
  Service of one's own      a name in /etc/hosts of the Pods
  Service for vehicles      HAProxy on this machine, TCP passed through, backends by /readyz
  Job                       a Pod that is waited for
  probes                    asked by HAProxy and by this test: podman would ask with curl, which the image has not
  containerPort             left out: podman 4.3 publishes it on this machine
  Pod with initContainers   with "restartPolicy: OnFailure": podman 4.3 starts them for ever otherwise
  Secret                    a volume that this test fills: podman 4.3 hands out what is in it undecoded
  requests of processor     two cores each: a weight, and nothing here is weighed by requests but these Pods
  not played                ServiceAccount, PodDisruptionBudget, HorizontalPodAutoscaler, NetworkPolicy"""

NETWORK, SUBNET = "starling-test", "10.89.77."
VEHICLES_PORT = 17443
PAGES_PORTS = {"gateway": 17480, "starling-shard-0": 17481, "starling-shard-1": 17482}
AWAY_SECONDS_MAX = 2.0
COST_SECONDS = 5


class CannotRun(Exception):
    pass


def say(text):
    print(f"{time.monotonic() - BEGAN:6.1f} s  {text}", flush=True)


BEGAN = time.monotonic()


def run(*command, check=True, timeout=300, **how):
    done = subprocess.run([str(part) for part in command], stdin=subprocess.DEVNULL if "input" not in how else None,
                          capture_output=True, text=True, timeout=timeout, **how)
    if check and done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command[:4]))} ... ended with {done.returncode}: "
                           f"{(done.stderr or done.stdout).strip()[-1500:]}")
    return done


TOKEN = {}    # header that says who asks


def get(address, path, patience=2.0):
    """(status, body) of a page; (0, reason) if nobody answers."""
    host, port = address.rsplit(":", 1)
    connection = http.client.HTTPConnection(host, int(port), timeout=patience)
    try:
        connection.request("GET", path, headers=TOKEN)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except (OSError, http.client.HTTPException) as error:
        return 0, str(error)
    finally:
        connection.close()


def figure(address, group, name):
    status, body = get(address, "/v1/stats")
    return json.loads(body).get(group, {}).get(name) if status == 200 else None


def wait_for(what, patience, ask):
    end = time.monotonic() + patience
    while time.monotonic() < end:
        answer = ask()
        if answer:
            return answer
        time.sleep(0.1)
    raise RuntimeError(f"{what}: not within {patience} s")


class Podman:
    """Containers of this test, with storage, settings and network of their own."""

    def __init__(self, work):
        self.work = work
        work.mkdir(parents=True, exist_ok=True)
        (work / "containers.conf").write_text(
            '[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n'
            f'[network]\nnetwork_backend = "netavark"\nnetwork_config_dir = "{work}/networks"\n'
            '[containers]\ndefault_ulimits = ["nofile=20000:20000", "nproc=10000:10000"]\n')
        (work / "storage.conf").write_text(
            f'[storage]\ndriver = "overlay"\ngraphroot = "{work}/storage"\nrunroot = "{work}/running"\n')
        self.environment = dict(os.environ, CONTAINERS_CONF=str(work / "containers.conf"),
                                CONTAINERS_STORAGE_CONF=str(work / "storage.conf"), BUILDAH_ISOLATION="chroot",
                                STARLING_IMAGE_BUILDER="buildah")

    def __call__(self, *arguments, program="podman", **how):
        return run(program, *arguments, env=self.environment, **how)

    def look(self):
        if os.geteuid() != 0:
            raise CannotRun("containers with addresses of their own need root")
        missing = [program for program in ("ip", "podman", "buildah", "runc", "catatonit", "debootstrap", "haproxy") if not shutil.which(program)]
        if missing:
            raise CannotRun(f"not here: {', '.join(missing)}; on Debian: apt-get install iproute2 podman buildah runc netavark catatonit debootstrap haproxy")

    def prepare(self):
        try:
            self("info")
            self("network", "rm", "-f", NETWORK, check=False)
            # Without the network's own route no packet for its Pods may leave this machine.
            run("ip", "route", "replace", "blackhole", SUBNET + "0/24", "metric", "4294967295")
            self("network", "create", "--disable-dns", "--subnet", SUBNET + "0/24", NETWORK)
        except RuntimeError as error:
            raise CannotRun(f"podman does not work on this kernel: {error}") from error

    def play(self, documents, address):
        # What is there already, from the Pod that this one takes the place of, podman takes for a mistake.
        documents = [each for each in documents if each["kind"] != "PersistentVolumeClaim" or
                     self("volume", "inspect", each["metadata"]["name"], check=False).returncode != 0]
        text = yaml.safe_dump_all(documents)
        self("kube", "play", "--network", f"{NETWORK}:ip={address}", "-", input=text)
        route = run("ip", "-o", "route", "get", address, check=False)
        if route.returncode != 0 or " via " in route.stdout or " dev podman" not in route.stdout:
            raise CannotRun(f"this machine has no way of its own to the Pods' network: {route.stdout}{route.stderr}")

    def fill(self, secret, files):
        self("volume", "create", f"secret-{secret}")
        folder = pathlib.Path(self("volume", "inspect", "-f", "{{.Mountpoint}}", f"secret-{secret}").stdout.strip())
        os.chown(folder, 10001, 10001)
        for name, content in files.items():
            (folder / name).write_bytes(content)
            os.chown(folder / name, 10001, 10001)
            (folder / name).chmod(0o440)

    def clean(self):
        self("pod", "rm", "-f", "-a", "-t", "5", check=False)
        self("volume", "rm", "-f", "-a", check=False)
        self("network", "rm", "-f", NETWORK, check=False)
        run("ip", "route", "del", "blackhole", SUBNET + "0/24", check=False)


class Manifests:
    """What helm has rendered, as podman can play it (RULES)."""

    def __init__(self, objects):
        self.of = {(each["kind"], each["metadata"]["name"]): each for each in objects}
        self.extras = [each for each in objects if each["kind"] == "ConfigMap"]
        self.addresses = {}          # of Pods
        self.names = {}              # of Services: address

    def pod(self, kind, controller, name, address, generation=None):
        """The documents that play one replica."""
        template = copy.deepcopy(self.of[kind, controller]["spec"]["template"])
        spec = template["spec"]
        claims = [claim["metadata"]["name"] for claim in self.of[kind, controller]["spec"].get("volumeClaimTemplates", [])]
        claims += [volume["name"] for volume in spec.get("volumes", []) if "emptyDir" in volume]
        spec["volumes"] = [volume for volume in spec.get("volumes", []) if "emptyDir" not in volume]
        documents = []
        for claim in claims:
            documents.append({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": f"{claim}-{name}"},
                              "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}})
            spec["volumes"].append({"name": claim, "persistentVolumeClaim": {"claimName": f"{claim}-{name}"}})
        for container in spec["containers"] + spec.get("initContainers", []):
            for key in ("startupProbe", "livenessProbe", "readinessProbe", "ports"):
                container.pop(key, None)
        for key in ("topologySpreadConstraints", "serviceAccountName"):
            spec.pop(key, None)
        for volume in spec["volumes"]:
            if "secret" in volume:
                volume["persistentVolumeClaim"] = {"claimName": f"secret-{volume.pop('secret')['secretName']}"}
        spec["hostAliases"] = [{"ip": to, "hostnames": [host]} for host, to in self.names.items()]
        used = {volume.get("configMap", {}).get("name") for volume in spec["volumes"]}
        documents += [each for each in self.extras if each["metadata"]["name"] in used]
        metadata = {"name": name, "labels": template["metadata"]["labels"]}
        if "initContainers" in spec:
            spec["restartPolicy"] = "OnFailure"
        self.addresses[name] = address
        return documents + [{"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}]


class Balancer:
    """HAProxy in the place of the Service for vehicles; and of pages for the simulator, which has no token to show."""

    def __init__(self, work, gateways, shards):
        def servers(of, port):
            return "".join(f"  server {name} {address}:{port} check port 7480 inter 200ms fall 1 rise 1\n"
                           for name, address in of.items())

        def pages(name, of):
            return (f"listen pages-{name}\n  mode http\n  bind 127.0.0.1:{PAGES_PORTS[name]}\n  balance first\n" +
                    "".join(f'  http-request set-header {key} "{value}"\n' for key, value in TOKEN.items()) + servers(of, 7480))

        text = ("global\n  maxconn 8000\ndefaults\n  mode tcp\n  timeout connect 2s\n  timeout client 1h\n  timeout server 1h\n"
                "  timeout check 1s\n  option httpchk GET /readyz\n"
                f"listen vehicles\n  bind 127.0.0.1:{VEHICLES_PORT}\n  balance leastconn\n{servers(gateways, 7443)}" +
                pages("gateway", gateways) + "".join(pages(name, {name: shards[name]}) for name in shards))
        (work / "haproxy.cfg").write_text(text)
        with open(work / "haproxy.log", "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(["haproxy", "-f", str(work / "haproxy.cfg")], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


class Watch(threading.Thread):
    """Counts the connected vehicles of all gateways, and knows for how long some were missing; and how many times slower
    this machine was meanwhile than an idle one: what a moment's work took, by the time that the processor gave it."""

    def __init__(self, gateways, vehicles):
        super().__init__(daemon=True)
        self.gateways, self.vehicles = gateways, vehicles
        self.missing_since, self.longest, self.least = None, 0.0, vehicles
        self.spun, self.slower = [], 1.0
        self.ending = threading.Event()
        self.full = False

    def run(self):
        while not self.ending.wait(0.05):
            connected = sum(int(figure(address + ":7480", "gateway", "connections") or 0) for address in self.gateways)
            now = time.monotonic()
            if connected >= self.vehicles:
                if self.missing_since is not None:
                    self.arrived(now)
                self.missing_since, self.full = None, True
            elif self.full:
                self.least = min(self.least, connected)
                if self.missing_since is None:
                    self.missing_since, self.spun = now, []
                worked = time.thread_time()
                while time.thread_time() - worked < 0.004:
                    pass
                self.spun.append((time.monotonic() - now) / 0.004)

    def arrived(self, now):
        if now - self.missing_since > self.longest:
            self.longest = now - self.missing_since
            self.slower = max(1.0, sum(self.spun) / max(1, len(self.spun)))

    def stop(self):
        self.ending.set()
        self.join()
        if self.missing_since is not None:
            self.arrived(time.monotonic())


def check_strimzi(options, podman, broker, expect):
    """Topics and users that the chart has Strimzi make are those that `starling topics` would."""
    chart = options.source / "cloud/deploy/helm/starling"
    objects = [each for each in yaml.safe_load_all(run(
        options.tools / "helm", "template", "fleet", chart, "--kube-version", "1.31", "-f", chart / "values-large.yaml", "--set",
        "kafka.replication=1").stdout) if each]
    planned = json.loads(podman("run", "--pull", "never", "--rm", "--network", NETWORK, "--add-host", f"starling-broker:{broker}",
                                "--entrypoint", "/usr/bin/starling", "localhost/starling:test", "topics", "apply", "--dry-run",
                                "--json", "--bootstrap", "starling-broker:9092", "--regions", "8", "--replication", "1",
                                check=False).stdout)["topics"]
    rendered = {each["spec"]["topicName"]: (each["spec"]["partitions"], each["spec"]["config"]) for each in objects
                if each["kind"] == "KafkaTopic"}
    expect(rendered == {each["name"]: (each["partitions"], each["settings"]) for each in planned} and len(rendered) == 9,
           "the chart's KafkaTopics are what `starling topics apply` makes")

    allowed = json.loads(run(options.bin / "starling", "topics", "acl", "--json", *(
        word for role in ("gateway", "shard", "operator", "analyst") for word in (f"--{role}", role))).stdout)
    wanted = {(each["role"], each["resource"], each["name"], each["prefix"], each["operation"]) for each in allowed}
    given = {(user["metadata"]["name"].split("-")[-2], acl["resource"]["type"].replace("transactionalId", "transactional-id"),
              acl["resource"]["name"], acl["resource"]["patternType"] == "prefix",
              "".join(("-" if letter.isupper() and at else "") + letter.lower() for at, letter in enumerate(operation)))
             for user in objects if user["kind"] == "KafkaUser" for acl in user["spec"]["authorization"]["acls"]
             for operation in acl["operations"]}
    # Kafka gives Describe with each of the others; Strimzi wants it said.
    expect(wanted <= given and all(each[4] == "describe" for each in given - wanted),
           "the chart's KafkaUsers may do what `starling topics acl` says, and nothing else")


def build_images(options, podman, expect):
    """localhost/starling:test and localhost/starling-broker:test, from programs that are built already."""
    work = options.work
    base = work / "base.tar"
    run(options.source / "tests/deploy/base.sh", base, timeout=600)
    podman("import", "-q", base, "localhost/starling-base:test")
    say("base image")
    shlibs = work / "shlibs"
    architecture = run("dpkg", "--print-architecture").stdout.strip()
    shlibs.write_text("".join(file.read_text() for file in pathlib.Path("/var/lib/dpkg/info").glob("*.shlibs")
                              if ":" not in file.name or file.name.endswith(f":{architecture}.shlibs")))
    programs = options.source / "out/image/programs" / architecture
    run(options.source / "cloud/deploy/image/programs.sh", architecture, options.bin, programs, shlibs)
    archive = work / "starling.tar"
    run(options.source / "cloud/deploy/image/build.sh", architecture, archive, "localhost/starling:test", "given",
        "localhost/starling-base:test", env=podman.environment, timeout=600)
    size = archive.stat().st_size
    sbom = json.loads((work / "starling.tar.spdx.json").read_text())
    say(f"image, {size / 1e6:.0f} MB, {len(sbom['packages'])} packages in its SBOM")
    inspected = json.loads(podman("image", "inspect", "localhost/starling:test").stdout)[0]
    expect(inspected["User"] == "10001:10001", "it is nobody in particular")
    shell = podman("run", "--pull", "never", "--rm", "--network", "none", "--entrypoint", "/bin/sh", "localhost/starling:test", "-c", "true", check=False)
    expect(shell.returncode != 0, "there is no shell in it")
    named = {package["name"] for package in sbom["packages"]}
    expect({"libc6", "librdkafka1", "starling-cloud", "starling"} <= named, "its SBOM names libraries and programs")

    context = work / "broker"
    shutil.rmtree(context, ignore_errors=True)
    (context / "image").mkdir(parents=True)
    run(options.source / "cloud/deploy/kafka/broker.sh", "--tool", "kafka.Kafka", "--version", check=False, timeout=300)
    shutil.copytree(options.source / "out/kafka/lib", context / "lib")
    shutil.copy(options.source / "cloud/deploy/image/root.sh", context / "image")
    podman("build", "--file", options.source / "tests/deploy/broker.Dockerfile", "--build-arg", f"TARGETARCH={architecture}",
           "--build-arg", "BASE=localhost/starling-base:test", "--pull=never", "--format", "docker", "--tag",
           "localhost/starling-broker:test", context, program="buildah", timeout=600)
    say("broker's image")


def main():
    parser = argparse.ArgumentParser()
    for name in ("source", "bin", "tools", "work"):
        parser.add_argument(f"--{name}", required=True, type=lambda text: pathlib.Path(text).resolve())
    parser.add_argument("--vehicles", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=400, help="at most; it ends when the update has")
    parser.add_argument("--report", type=pathlib.Path)
    parser.add_argument("--reuse-images", action="store_true", help="those of the last run")
    options = parser.parse_args()
    work = options.work
    podman = Podman(work)
    failures = []

    def expect(holds, what):
        print(f"  {'holds ' if holds else 'FAILED'}  {what}", flush=True)
        if not holds:
            failures.append(what)

    podman.look()
    atexit.register(podman.clean)
    podman.clean()
    podman.prepare()
    print(RULES)

    if not options.reuse_images:
        build_images(options, podman, expect)
    in_image = podman("run", "--pull", "never", "--rm", "--network", "none", "--read-only", "--cap-drop", "all",
                      "localhost/starling:test", "--help").stdout
    expect("Starling's orchestrator" in in_image, "the image's program starts read-only and without capabilities")

    # ---- manifests
    certificates = work / "certificates"
    shutil.rmtree(certificates, ignore_errors=True)
    run(options.bin / "starling", "init", certificates, "--vehicles", options.vehicles)
    secrets = {"starling-certificates": {file.name: file.read_bytes() for file in certificates.iterdir()
                                         if file.name in ("ca.pem", "server.pem", "server.key", "ticket.key", "ca.crl")}}
    # A request is a weight against what else runs.
    settings = ("image.repository=localhost/starling,image.tag=test,image.pullPolicy=Never,"
                "kafka.broker.image=localhost/starling-broker:test" +
                "".join(f",{part}.resources.requests.cpu=2" for part in ("gateways", "shards", "kafka.broker")))
    if "--http-tokens" in in_image:
        tokens = work / "tokens"
        tokens.unlink(missing_ok=True)
        told = run(options.bin / "starling", "tokens", "create", "test", "--role", "viewer", "--file", tokens).stdout
        TOKEN["Authorization"] = "Bearer " + told.split()[-1]
        secrets["starling-tokens"] = {"tokens": tokens.read_bytes()}
    else:
        settings += ",console.tokensSecret="
    chart = options.source / "cloud/deploy/helm/starling"
    rendered = run(options.tools / "helm", "template", "starling", chart, "--kube-version", "1.31", "-f", chart / "values-laptop-kafka.yaml", "--set",
                   settings).stdout
    (work / "rendered.yaml").write_text(rendered)
    manifests = Manifests([each for each in yaml.safe_load_all(rendered) if each])
    for name, files in secrets.items():
        podman.fill(name, files)
    addresses = {name: SUBNET + str(last) for name, last in (
        ("starling-broker-0", 10), ("starling-topics", 11), ("starling-shard-0", 20), ("starling-shard-1", 21),
        ("starling-gateway-a", 30), ("starling-gateway-b", 31))}
    manifests.names = {"starling-broker": addresses["starling-broker-0"]}
    for name in ("starling-shard-0", "starling-shard-1"):
        manifests.names[f"{name}.starling-shard"] = addresses[name]

    def play(kind, controller, name):
        podman.play(manifests.pod(kind, controller, name, addresses[name]), addresses[name])

    def ready(name):
        return get(addresses[name] + ":7480", "/readyz")[0] == 200

    def owns(name):
        return figure(addresses[name] + ":7480", "runner", "owner") == 1

    def stop(name, grace=60):
        # The Pod's network goes last, which `podman pod stop` does not see to.
        container = f"{name}-{name.split('-')[1]}"
        podman("stop", "-t", grace, container)
        told = podman("logs", container, check=False)
        podman("pod", "rm", "-f", name)
        log = told.stderr + told.stdout
        if "ended in order" not in log:
            print(f"---- {container}\n{log[-2000:]}")
        return log

    balancer = simulator = watch = None
    try:
        # ---- first start
        played = time.monotonic()
        play("StatefulSet", "starling-broker", "starling-broker-0")

        def broker_answers():
            with socket.socket() as link:
                link.settimeout(1)
                return link.connect_ex((addresses["starling-broker-0"], 9092)) == 0

        wait_for("the broker", 60, broker_answers)
        say(f"broker, {time.monotonic() - played:.1f} s after it was played")
        check_strimzi(options, podman, addresses["starling-broker-0"], expect)
        job = next(name for kind, name in manifests.of if kind == "Job")
        play("Job", job, "starling-topics")
        wait_for("the topics", 60, lambda: podman("inspect", "-f", "{{.State.Status}}", "starling-topics-topics").stdout.strip() == "exited")
        expect(podman("inspect", "-f", "{{.State.ExitCode}}", "starling-topics-topics").stdout.strip() == "0", "the Job makes the topics")
        podman("pod", "rm", "-f", "starling-topics")
        for name in ("starling-shard-0", "starling-shard-1"):
            play("StatefulSet", "starling-shard", name)
            if name.endswith("0"):
                wait_for("a shard owns the region", 150, lambda: owns("starling-shard-0"))
        play("Deployment", "starling-gateway", "starling-gateway-a")
        wait_for("all are ready", 120, lambda: all(map(ready, ("starling-shard-0", "starling-shard-1", "starling-gateway-a"))))
        say(f"gateway and shards ready, {time.monotonic() - played:.1f} s after the first was played")
        balancer = Balancer(work, {name: addresses[name] for name in ("starling-gateway-a", "starling-gateway-b")},
                            {name: addresses[name] for name in ("starling-shard-0", "starling-shard-1")})
        pages = [f"127.0.0.1:{port}" for port in PAGES_PORTS.values()]
        wait_for("the balancer", 10, lambda: all(get(page, "/readyz")[0] == 200 for page in pages))

        report = options.report or work / "report.json"
        with open(work / "simulator.log", "w", encoding="utf-8") as log:
            simulator = subprocess.Popen(
                [str(options.bin / "starling-sim"), "--connect", f"127.0.0.1:{VEHICLES_PORT}", "--http", *pages,
                 "--certs", str(certificates), "--vehicles", str(options.vehicles), "--seconds", str(options.seconds), "--seed", "1", "--headless", "--report",
                 str(report)], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        atexit.register(simulator.kill)
        gateways = [addresses["starling-gateway-a"], addresses["starling-gateway-b"]]
        watch = Watch(gateways, options.vehicles)
        watch.start()
        wait_for("the first command", 120, lambda: figure(gateways[0] + ":7480", "gateway", "commands_sent"))
        first_command = time.monotonic() - played
        say(f"first command, {first_command:.1f} s after the first pod was played; {options.vehicles} vehicles")
        wait_for("all vehicles", 60, lambda: watch.full)

        # ---- what it costs while nothing happens; for the table of sizes
        def usage():
            return {name: [figure(addresses[name] + ":7480", "process", of) for of in ("cpu_seconds", "rss_peak_bytes")]
                    for name in ("starling-gateway-a", "starling-shard-0", "starling-shard-1")}

        before, since = usage(), time.monotonic()
        time.sleep(COST_SECONDS)
        cost = {name: {"cores": round((now[0] - before[name][0]) / (time.monotonic() - since), 3), "rss_peak_mb": round(now[1] / 1e6)}
                for name, now in usage().items()}

        # ---- everything is replaced, one after the other
        started = time.monotonic()
        say("rolling update: a new gateway, then the old one stops")
        play("Deployment", "starling-gateway", "starling-gateway-b")
        wait_for("the new gateway", 120, lambda: ready("starling-gateway-b"))
        time.sleep(1)
        log = stop("starling-gateway-a")
        expect("ended in order" in log, "the old gateway ends in order")
        wait_for("all vehicles at the new gateway", 30,
                 lambda: figure(gateways[1] + ":7480", "gateway", "connections") == options.vehicles)
        say("the shard that stands by is replaced")
        expect("ended in order" in stop("starling-shard-1"), "it ends in order")
        play("StatefulSet", "starling-shard", "starling-shard-1")
        wait_for("it stands by again", 120, lambda: ready("starling-shard-1"))
        time.sleep(5)
        say("the shard that owns the region is replaced")
        commands = figure(gateways[1] + ":7480", "gateway", "commands_sent")
        stopping = threading.Thread(target=lambda: expect("ended in order" in stop("starling-shard-0"), "it ends in order, too"))
        asked = time.monotonic()
        stopping.start()
        wait_for("the other one owns it", 30, lambda: owns("starling-shard-1"))
        took_over = time.monotonic() - asked
        wait_for("commands go on", 30, lambda: figure(gateways[1] + ":7480", "gateway", "commands_sent") > commands)
        stopping.join()
        play("StatefulSet", "starling-shard", "starling-shard-0")
        wait_for("the former owner stands by", 120, lambda: ready("starling-shard-0"))
        expect(owns("starling-shard-1") and not owns("starling-shard-0"), "one shard owns the region, the other stands by")
        updated = time.monotonic() - started
        say(f"all replaced in {updated:.1f} s; the other shard owned the region {took_over:.1f} s after the first was told to stop")
        expect(simulator.poll() is None, "vehicles drove all the while")
        watch.stop()
        # Once: early, with the report.
        simulator.send_signal(signal.SIGINT)
        code = simulator.wait(120)
        with open(report, encoding="utf-8") as file:
            told = json.load(file)
        ledger, commands = told["ledger"], told["commands"]
        say(f"sampled {ledger['sampled']} = delivered {ledger['delivered']}; commands applied {commands['applied']}, late "
            f"{commands['acted_late']}, twice {commands['acted_twice']}; some vehicles away for {watch.longest:.2f} s at most, "
            f"on a machine that was {watch.slower:.1f} times slower then than an idle one")
        for name, each in cost.items():
            say(f"{name}: {each['cores']} cores, {each['rss_peak_mb']} MB with {options.vehicles} vehicles")
        expect(code == 0 and told["passed"], f"the run passes {told['failures']}")
        expect(0 < ledger["sampled"] == ledger["delivered"] and ledger["balanced"], "every sample was delivered")
        expect(commands["acted_late"] == 0 and commands["acted_twice"] == 0, "no command was late, none came twice")
        expect(commands["applied"] > 0, "commands were applied")
        expect(watch.longest <= AWAY_SECONDS_MAX * watch.slower,
               f"no vehicle was away for longer than {AWAY_SECONDS_MAX} s of an idle machine's")
        expect(watch.least < options.vehicles, "the watch saw vehicles change over")
        (work / "result.json").write_text(json.dumps({
            "vehicles": options.vehicles, "first_command_s": round(first_command, 1),
            "rolling_update_s": round(updated, 1), "takeover_s": round(took_over, 2), "away_longest_s": round(watch.longest, 2), "slower": round(watch.slower, 2),
            "cost": cost, "ledger": ledger, "commands": commands}, indent=1))
    except (RuntimeError, OSError, subprocess.TimeoutExpired) as error:
        expect(False, str(error))
        for name in podman("ps", "-a", "--format", "{{.Names}}", check=False).stdout.split():
            if not name.endswith("-infra"):
                print(f"---- {name}\n" + podman("logs", "--tail", "15", name, check=False).stderr)
        if (work / "simulator.log").exists():
            print("---- simulator\n" + (work / "simulator.log").read_text()[-1500:])
    finally:
        if watch is not None:
            watch.ending.set()
        if simulator is not None and simulator.poll() is None:
            simulator.kill()
        if balancer is not None:
            balancer.stop()
    say("FAILED: " + "; ".join(failures) if failures else "all holds")
    return 1 if failures else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        sys.exit(main())
    except CannotRun as reason:
        print(f"cannot run here: {reason}")
        sys.exit(2)
