#!/usr/bin/env python3
"""The chart, without a cluster: helm's linter, every values file rendered, and what is rendered held against Kubernetes'
schemas and against what the chart promises.

    chart_test.py --chart DIR --tools DIR [--versions 1.27,1.31] [--promtool PROGRAM]

Prints what was checked, and at the end how many objects of which kinds.  Kinds that are not Kubernetes' own (KEDA's,
Strimzi's, cert-manager's, the Prometheus operator's) have no schema here: they are counted as such, and held against the
fields that this file lists.  Exit codes: 0 all holds, 1 something does not.
"""

import argparse
import collections
import json
import pathlib
import subprocess
import sys
import tempfile

import kubernetes_validate
import yaml

KUBE = "1.31"

failures = []
checks = 0


def expect(holds, what):
    global checks
    checks += 1
    if not holds:
        failures.append(what)
        print(f"FAILED: {what}")


# What the chart uses of kinds whose schemas are not Kubernetes': all keys of spec that are allowed, and those needed.
FOREIGN = {
    "keda.sh/v1alpha1/ScaledObject": (
        {"scaleTargetRef", "minReplicaCount", "maxReplicaCount", "pollingInterval", "cooldownPeriod", "fallback", "advanced",
         "triggers"}, {"scaleTargetRef", "triggers"}),
    "kafka.strimzi.io/v1beta2/Kafka": ({"kafka", "entityOperator"}, {"kafka"}),
    "kafka.strimzi.io/v1beta2/KafkaNodePool": ({"replicas", "roles", "storage", "resources"}, {"replicas", "roles", "storage"}),
    "kafka.strimzi.io/v1beta2/KafkaTopic": ({"topicName", "partitions", "replicas", "config"}, {"topicName", "partitions"}),
    "kafka.strimzi.io/v1beta2/KafkaUser": ({"authentication", "authorization"}, {"authentication", "authorization"}),
    "cert-manager.io/v1/Certificate": (
        {"secretName", "commonName", "dnsNames", "duration", "renewBefore", "usages", "privateKey", "issuerRef"},
        {"secretName", "issuerRef"}),
    "monitoring.coreos.com/v1/ServiceMonitor": ({"selector", "namespaceSelector", "endpoints"}, {"selector", "endpoints"}),
    "monitoring.coreos.com/v1/PrometheusRule": ({"groups"}, {"groups"}),
}


class NoTwice(yaml.SafeLoader):
    """A mapping with a key twice is a mistake that Kubernetes' own reader only warns of."""


def no_twice(loader, node, deep=False):
    keys = [loader.construct_object(key, deep) for key, _ in node.value]
    twice = [key for key, count in collections.Counter(map(str, keys)).items() if count > 1]
    if twice:
        raise yaml.YAMLError(f"{twice[0]} stands twice at {node.start_mark}")
    return yaml.SafeLoader.construct_mapping(loader, node, deep)


NoTwice.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, no_twice)


class Chart:
    def __init__(self, folder, helm):
        self.folder, self.helm = folder, helm

    def run(self, *arguments):
        return subprocess.run([self.helm, *map(str, arguments)], capture_output=True, text=True, timeout=60)

    def render(self, *arguments):
        """The objects; raises what helm said if it refuses."""
        done = self.run("template", "fleet", self.folder, "--namespace", "city", "--kube-version", KUBE, *arguments)
        if done.returncode != 0:
            raise RuntimeError(done.stderr.strip())
        return [each for each in yaml.load_all(done.stdout, NoTwice) if each]


def pods(objects):
    """(name, pod's spec, controller) of everything that runs."""
    for each in objects:
        spec = each.get("spec", {})
        if each["kind"] == "CronJob":
            spec = spec["jobTemplate"]["spec"]
        if "template" in spec and each["kind"] in ("Deployment", "StatefulSet", "Job", "CronJob"):
            yield f"{each['kind']}/{each['metadata']['name']}", spec["template"]["spec"], each


def check_pods(case, objects):
    for name, pod, controller in pods(objects):
        where = f"{case}: {name}"
        security = pod["securityContext"]
        expect(security["runAsNonRoot"] and security["runAsUser"] > 0, f"{where} runs as somebody")
        expect(pod["automountServiceAccountToken"] is False, f"{where} has no token of the cluster's")
        expect(security["seccompProfile"]["type"] == "RuntimeDefault", f"{where} has the runtime's seccomp profile")
        mounted = {volume["name"] for volume in pod.get("volumes", [])}
        mounted |= {claim["metadata"]["name"] for claim in controller["spec"].get("volumeClaimTemplates", [])}
        for container in pod["containers"] + pod.get("initContainers", []):
            own = container["securityContext"]
            expect(own["readOnlyRootFilesystem"], f"{where} writes to its volumes alone")
            expect(own["allowPrivilegeEscalation"] is False and own["capabilities"]["drop"] == ["ALL"],
                   f"{where} has no capabilities")
            for mount in container.get("volumeMounts", []):
                expect(mount["name"] in mounted, f"{where}: volume {mount['name']} is there")
        if controller["kind"] in ("Deployment", "StatefulSet") and not name.endswith("-broker"):
            container = pod["containers"][0]
            expect(container["readinessProbe"]["httpGet"]["path"] == "/readyz", f"{where} is ready when /readyz says so")
            expect(container["livenessProbe"]["httpGet"]["path"] == "/healthz", f"{where} lives while /healthz answers")
            expect("memory" in container["resources"]["limits"], f"{where} has a limit of memory")
            delay = [int(a.split("=")[1]) for a in container["args"] if a.startswith("--drain-delay=")]
            # The gateway waits ten seconds at most for what is due.
            expect(pod["terminationGracePeriodSeconds"] > sum(delay) + 10, f"{where} has time to drain")


def check_selectors(case, objects):
    """What points at pods points at some: services, budgets, policies."""
    labels = [each["spec"]["template"]["metadata"]["labels"] for each in objects
              if each["kind"] in ("Deployment", "StatefulSet", "Job")]
    labels += [each["spec"]["jobTemplate"]["spec"]["template"]["metadata"]["labels"] for each in objects
               if each["kind"] == "CronJob"]
    for each in objects:
        spec = each.get("spec", {})
        selector = {"Service": spec.get("selector"), "PodDisruptionBudget": spec.get("selector", {}).get("matchLabels"),
                    "NetworkPolicy": spec.get("podSelector", {}).get("matchLabels")}.get(each["kind"])
        if selector and not each["metadata"]["name"].endswith("-operator"):
            expect(any(selector.items() <= pod.items() for pod in labels),
                   f"{case}: {each['kind']}/{each['metadata']['name']} selects pods")
    names = {(each["kind"], each["metadata"]["name"]) for each in objects}
    for name, pod, _ in pods(objects):
        expect(("ServiceAccount", pod["serviceAccountName"]) in names, f"{case}: the account of {name} is there")
    twice = [key for key, count in collections.Counter(
        (each["apiVersion"], each["kind"], each["metadata"]["name"]) for each in objects).items() if count > 1]
    expect(not twice, f"{case}: no object twice {twice}")
    for each in objects:
        target = each.get("spec", {}).get("scaleTargetRef")
        if target:
            expect((target.get("kind", "Deployment"), target["name"]) in names, f"{case}: {target['name']} is there to be scaled")
            kind = target.get("kind", "Deployment")
            scaled = [o for o in objects if (o["kind"], o["metadata"]["name"]) == (kind, target["name"])]
            expect(all("replicas" not in o["spec"] for o in scaled), f"{case}: an upgrade does not undo what scales {target['name']}")


def check_schemas(case, objects, versions, seen):
    for each in objects:
        kind = f"{each['apiVersion']}/{each['kind']}"
        if kind in FOREIGN:
            allowed, needed = FOREIGN[kind]
            keys = set(each["spec"])
            expect(needed <= keys <= allowed, f"{case}: {kind} has the fields {sorted(keys - allowed) or sorted(needed - keys)}")
            seen["foreign"][kind] += 1
            continue
        for version in versions:
            try:
                kubernetes_validate.validate(each, version, strict=True)
                expect(True, "")
            except kubernetes_validate.ValidationError as error:
                expect(False, f"{case}: {kind} {each['metadata']['name']} for {version}: {error.message} at "
                              f"{'/'.join(map(str, error.path))}")
            except kubernetes_validate.SchemaNotFoundError:
                expect(False, f"{case}: Kubernetes {version} has no {kind}")
        seen["own"][kind] += 1


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--chart", required=True, type=pathlib.Path)
    parser.add_argument("--tools", required=True, type=pathlib.Path)
    parser.add_argument("--versions", default="1.27,1.31")
    parser.add_argument("--promtool", default="promtool")
    options = parser.parse_args()
    chart = Chart(options.chart, str(options.tools / "helm"))
    versions = options.versions.split(",")
    seen = {"own": collections.Counter(), "foreign": collections.Counter()}

    files = sorted(options.chart.glob("values-*.yaml"))
    expect(len(files) >= 4, "there are values files")
    # Each file alone, and what no file has.
    cases = {file.stem: ["-f", file] for file in files}
    cases["cluster"] = ["--set", "kafka.bootstrap=kafka:9092"]
    cases["cluster-names"] = ["--set", "kafka.bootstrap=kafka:9092,fullnameOverride=a,kafka.configSecret=who,image.pullSecrets[0].name=x",
                              "--set", "nodeSelector.disk=fast,priorityClassName=high"]
    cases["cluster-hpa"] = ["--set", "kafka.bootstrap=kafka:9092,gateways.autoscaling.enabled=true,shards.autoscaling.enabled=true"]
    cases["cluster-keda"] = [*cases["cluster-hpa"], "--set", "gateways.autoscaling.kind=keda,shards.autoscaling.kind=keda"]
    cases["single-certmanager"] = ["--set", "mode=single,certificates.certManager.enabled=true",
                                   "--set", "certificates.certManager.issuerRef.name=fleet"]

    for case, arguments in cases.items():
        lint = chart.run("lint", "--strict", options.chart, *arguments)
        expect(lint.returncode == 0, f"{case}: helm lint --strict: {lint.stdout}{lint.stderr}")
        try:
            objects = chart.render(*arguments)
        except (RuntimeError, yaml.YAMLError) as error:
            expect(False, f"{case} renders: {error}")
            continue
        expect(len(objects) > 4, f"{case} has objects")
        check_schemas(case, objects, versions, seen)
        check_pods(case, objects)
        check_selectors(case, objects)
        print(f"{case}: {len(objects)} objects")

    # What cannot work is refused, with the reason.
    refusals = {
        "kafka.bootstrap": [],
        "regions.map": ["--set", "kafka.bootstrap=kafka:9092,regions.count=4"],
        "Additional property replica is not allowed": ["--set", "kafka.bootstrap=kafka:9092,gateways.replica=4"],
        "mode": ["--set", "mode=both"],
        "connections": ["--set", "kafka.bootstrap=kafka:9092,gateways.connections=many"],
        "issuerRef.name": ["--set", "kafka.bootstrap=kafka:9092,certificates.certManager.enabled=true"],
        "bootstrap": ["--set", "kafka.bootstrap=nowhere"],
    }
    for reason, arguments in refusals.items():
        try:
            chart.render(*arguments)
            expect(False, f"refused, naming {reason}")
        except RuntimeError as error:
            said = str(error).replace("additional properties 'replica' not allowed", "Additional property replica is not allowed")
            expect(reason in said, f"the refusal names {reason}: {error}")

    # A gateway's vehicles are asked to come back within the time that was promised.
    for case, arguments in cases.items():
        for each in chart.render(*arguments):
            if each["kind"] == "ConfigMap" and "cloud.json" in each["data"]:
                gateway = json.loads(each["data"]["cloud.json"])["gateway"]
                expect(gateway["connections_max"] / gateway["reconnects_per_second"] <= 1.5,
                       f"{case}: the vehicles of a gateway that goes are asked to be back within 1.5 s")

    rules = options.chart / "files" / "rules.yaml"
    if rules.exists():
        done = subprocess.run([options.promtool, "check", "rules", str(rules)], capture_output=True, text=True, timeout=60)
        expect(done.returncode == 0, f"promtool check rules: {done.stdout}{done.stderr}")
        objects = chart.render("--set", "kafka.bootstrap=kafka:9092,monitoring.rules.enabled=true")
        rendered = [each for each in objects if each["kind"] == "PrometheusRule"]
        expect(rendered and rendered[0]["spec"] == yaml.safe_load(rules.read_text()), "the rules are those of the file")
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            yaml.safe_dump(rendered[0]["spec"], file)
            file.flush()
            done = subprocess.run([options.promtool, "check", "rules", file.name], capture_output=True, text=True, timeout=60)
            expect(done.returncode == 0, f"promtool check rules, as rendered: {done.stdout}{done.stderr}")
        print(f"rules: {done.stdout.strip().splitlines()[-1] if done.stdout.strip() else ''}")
    expect(rules.exists(), "the chart has the alert rules")

    # What judges here finds mistakes: a field that there is not, and one of the wrong kind.
    for path, value in ((("spec", "replica"), 1), (("spec", "replicas"), "two"), (("spec", "template", "spec", "hostnetwork"), True)):
        wrong = next(each for each in chart.render(*cases["cluster"]) if each["kind"] == "Deployment")
        place = wrong
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value
        for version in versions:
            try:
                kubernetes_validate.validate(wrong, version, strict=True)
                expect(False, f"{'.'.join(path)} = {value} is refused by the schemas of {version}")
            except kubernetes_validate.ValidationError:
                expect(True, "")

    for what, kinds in seen.items():
        print(f"{'held against schemas of Kubernetes ' + ', '.join(versions) if what == 'own' else 'of others, by fields'}: " +
              ", ".join(f"{count} {kind.split('/')[-1]}" for kind, count in sorted(kinds.items())))
    print(f"{checks - len(failures)} of {checks} checks hold")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
