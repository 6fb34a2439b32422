#!/usr/bin/env python3
"""Holds what deploy/ says against itself and against the binaries' documents, without a cluster.

Every overlay is rendered by kubectl and must agree with itself: ports, selectors, probes, volumes, resources, no floating
tags, pods that are neither root nor may write. Compose files, dashboards and rules must name files, options and metrics
that exist. Exit code 77, "skipped" to ctest, where python3-yaml or kubectl is missing.
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
OVERLAYS = ("cpu", "gpu", "tpu", "tls", "monitoring")
problems = []


def skip(why):
    print(f"skipped: {why}")
    sys.exit(77)


try:
    import yaml
except ImportError:
    skip("python3-yaml is not installed")


def check(good, where, what):
    if not good:
        problems.append(f"{where}: {what}")


def name_of(document):
    return f"{document['kind']}/{document['metadata']['name']}"


def namespace_of(document):
    return document["metadata"].get("namespace", "default")


def of_kind(documents, *kinds):
    return [document for document in documents if document["kind"] in kinds]


def workloads(documents):
    return of_kind(documents, "Deployment", "StatefulSet")


def pod_labels(workload):
    return workload["spec"]["template"]["metadata"]["labels"]


def matches(selector, labels):
    return all(labels.get(key) == value for key, value in selector.items())


def selected(documents, namespace, selector):
    return [w for w in workloads(documents) if namespace_of(w) == namespace and matches(selector, pod_labels(w))]


def ports_of(workload):
    containers = workload["spec"]["template"]["spec"]["containers"]
    return {port["name"]: port["containerPort"] for c in containers for port in c.get("ports", [])}


def check_image(where, image):
    name, _, tag = image.rpartition(":")
    check(name and tag not in ("", "latest"), where, f"image '{image}' has no fixed tag")


def check_container(where, container, pod):
    check_image(where, container["image"])
    security = container.get("securityContext", {})
    check(security.get("readOnlyRootFilesystem") is True, where, "may write to its root file system")
    check(security.get("allowPrivilegeEscalation") is False, where, "may gain privileges")
    check(security.get("capabilities", {}).get("drop") == ["ALL"], where, "keeps capabilities")
    resources = container.get("resources", {})
    check({"cpu", "memory"} <= set(resources.get("requests", {})), where, "requests no cpu or memory")
    check("memory" in resources.get("limits", {}), where, "has no memory limit")
    ports = {port["name"] for port in container.get("ports", [])}
    check("readinessProbe" in container, where, "has no readiness probe")
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        if probe in container:
            check(container[probe]["httpGet"]["port"] in ports, where, f"{probe} asks a port that is not there")
    volumes = {volume["name"] for volume in pod.get("volumes", [])}
    for mount in container.get("volumeMounts", []):
        check(mount["name"] in volumes, where, f"mounts '{mount['name']}', which is no volume")
    check_paths(where, container)


def check_paths(where, container):
    """What options and variables name as directories and files must lie on a volume, for the rest is read-only."""
    mounts = [mount["mountPath"] for mount in container.get("volumeMounts", [])]
    arguments = container.get("args", [])
    paths = [arguments[i + 1] for i, a in enumerate(arguments) if a in ("--store", "--cache")]
    paths += [v["value"] for v in container.get("env", []) if v["name"].startswith("SEEDCAST_TLS_")]
    for path in paths:
        check(any(path == m or path.startswith(m + "/") for m in mounts), where, f"{path} is on no volume")


def check_workload(workload, where):
    template = workload["spec"]["template"]
    check(matches(workload["spec"]["selector"]["matchLabels"], pod_labels(workload)), where, "does not select its pods")
    pod = dict(template["spec"])
    claims = workload["spec"].get("volumeClaimTemplates", [])
    pod["volumes"] = pod.get("volumes", []) + [{"name": claim["metadata"]["name"]} for claim in claims]
    security = pod.get("securityContext", {})
    check(security.get("runAsNonRoot") is True, where, "may run as root")
    check(security.get("seccompProfile", {}).get("type") == "RuntimeDefault", where, "has no seccomp profile")
    check(pod.get("automountServiceAccountToken") is False, where, "gets a token that it does not need")
    uses_secret = any("secret" in volume for volume in pod["volumes"])
    check(not uses_secret or "fsGroup" in security, where, "cannot read its secret without fsGroup")
    for container in pod["containers"]:
        check_container(f"{where}/{container['name']}", container, pod)


def check_references(documents, overlay):
    config_maps = {(namespace_of(d), d["metadata"]["name"]) for d in of_kind(documents, "ConfigMap")}
    claims = {(namespace_of(d), d["metadata"]["name"]) for d in of_kind(documents, "PersistentVolumeClaim")}
    for workload in workloads(documents):
        where, namespace = f"{overlay}: {name_of(workload)}", namespace_of(workload)
        for volume in workload["spec"]["template"]["spec"].get("volumes", []):
            if "configMap" in volume:
                check((namespace, volume["configMap"]["name"]) in config_maps, where, f"no ConfigMap for {volume}")
            if "persistentVolumeClaim" in volume:
                check((namespace, volume["persistentVolumeClaim"]["claimName"]) in claims, where, f"no claim for {volume}")
    services = {d["metadata"]["name"] for d in of_kind(documents, "Service")}
    for stateful in of_kind(documents, "StatefulSet"):
        check(stateful["spec"]["serviceName"] in services, overlay, f"{name_of(stateful)} has no service")


def check_services(documents, overlay):
    for service in of_kind(documents, "Service"):
        where = f"{overlay}: {name_of(service)}"
        pods = selected(documents, namespace_of(service), service["spec"]["selector"])
        check(len(pods) == 1, where, f"selects {len(pods)} workloads, expected 1")
        for port in service["spec"]["ports"]:
            check(pods and port["targetPort"] in ports_of(pods[0]), where, f"no container port '{port['targetPort']}'")


def check_policies(documents, overlay):
    for policy in of_kind(documents, "NetworkPolicy"):
        where = f"{overlay}: {name_of(policy)}"
        pods = selected(documents, namespace_of(policy), policy["spec"]["podSelector"]["matchLabels"])
        check(pods, where, "selects no pods")
        names = {name for pod in pods for name in ports_of(pod)}
        for rule in policy["spec"].get("ingress", []):
            for port in rule["ports"]:
                check(port["port"] in names, where, f"no container port '{port['port']}'")
        for rule in policy["spec"].get("egress", []):
            for peer in rule["to"]:
                if "podSelector" not in peer:
                    continue
                target = selected(documents, namespace_of(policy), peer["podSelector"]["matchLabels"])
                check(target, where, "lets out to no pods")
                reached = {number for pod in target for number in ports_of(pod).values()}
                check(all(port["port"] in reached for port in rule["ports"]), where, "lets out to a closed port")
    for budget in of_kind(documents, "PodDisruptionBudget"):
        pods = selected(documents, namespace_of(budget), budget["spec"]["selector"]["matchLabels"])
        check(pods, f"{overlay}: {name_of(budget)}", "selects no pods")


def keys_of(node, path=""):
    if isinstance(node, dict):
        return {p for key, value in node.items() for p in keys_of(value, f"{path}.{key}") | {f"{path}.{key}"}}
    if isinstance(node, list):
        return {p for item in node for p in keys_of(item, f"{path}[]")}
    return set()


def check_fields(workload, where):
    """kubectl decodes into its own types and drops what they do not have: what is missing after that is misspelt."""
    done = subprocess.run(
        ["kubectl", "set", "env", "--local", "-f", "-", "SEEDCAST_CHECKED=1", "-o", "json"],
        input=json.dumps(workload), capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        check(False, where, done.stderr.strip())
        return
    # An empty map may be left out: emptyDir and the like stay.
    lost = keys_of(workload) - keys_of(json.loads(done.stdout))
    check(not lost, where, f"unknown fields {sorted(lost)}")


def render(overlay, directory):
    done = subprocess.run(
        ["kubectl", "kustomize", "--load-restrictor", "LoadRestrictionsNone", str(directory)],
        capture_output=True, text=True, timeout=60, check=False)
    if "unknown flag" in done.stderr:
        skip("kubectl is too old to render the overlays; 1.24 or newer is needed")
    check(done.returncode == 0, overlay, done.stderr.strip())
    return list(yaml.safe_load_all(done.stdout))


def check_overlay(overlay):
    documents = render(overlay, ROOT / "deploy/kubernetes/overlays" / overlay)
    check(len(workloads(documents)) >= 2, overlay, "has no coordinator or no workers")
    for workload in workloads(documents):
        where = f"{overlay}: {name_of(workload)}"
        check_workload(workload, where)
        check_fields(workload, where)
    check_references(documents, overlay)
    check_services(documents, overlay)
    check_policies(documents, overlay)


def check_keda():
    """The component on top of an overlay, as a user adds it: it scales a workload that has no number of its own."""
    with tempfile.TemporaryDirectory() as directory:
        above = {"resources": ["overlays/cpu"], "components": ["components/keda"], "namespace": "seedcast"}
        kubernetes = os.path.relpath(ROOT / "deploy/kubernetes", os.path.realpath(directory))
        for key in ("resources", "components"):
            above[key] = [f"{kubernetes}/{path}" for path in above[key]]
        pathlib.Path(directory, "kustomization.yaml").write_text(yaml.safe_dump(above))
        documents = render("keda", directory)
    for scaled in of_kind(documents, "ScaledObject"):
        targets = [w for w in workloads(documents) if w["metadata"]["name"] == scaled["spec"]["scaleTargetRef"]["name"]]
        check(len(targets) == 1, "keda", "scales nothing")
        check(all("replicas" not in w["spec"] for w in targets), "keda", "scales what has a number of its own")
    check(of_kind(documents, "ScaledObject"), "keda", "has no ScaledObject")


def check_compose():
    for path in ("docker-compose.yml", "deploy/compose/tls.yml"):
        document = yaml.safe_load((ROOT / path).read_text())
        for name, service in document["services"].items():
            where = f"{path}: {name}"
            if "image" in service:
                check_image(where, service["image"])
            for volume in service.get("volumes", []):
                source = volume.split(":")[0]
                if source.startswith("./deploy"):
                    check((ROOT / source).exists(), where, f"{source} does not exist")
                elif not source.startswith("."):
                    check(source in document.get("volumes", {}), where, f"volume '{source}' is not declared")


def documented_metrics():
    text = (ROOT / "deploy/METRICS.md").read_text()
    kinds = dict(re.findall(r"^\| (\w+) \| (gauge|counter|histogram) ", text, re.M))
    histograms = {name for name, kind in kinds.items() if kind == "histogram"}
    return set(kinds) | {name + suffix for name in histograms for suffix in ("_bucket", "_sum", "_count")}


def check_expressions():
    known = documented_metrics()
    check(len(known) > 30, "deploy/METRICS.md", "has no tables of metrics")
    rules = yaml.safe_load((ROOT / "deploy/prometheus/rules.yml").read_text())
    alerts = [rule for group in rules["groups"] for rule in group["rules"]]
    expressions = [(rule["alert"], rule["expr"]) for rule in alerts]
    for path in sorted((ROOT / "deploy/grafana/dashboards").glob("*.json")):
        for panel in json.loads(path.read_text())["panels"]:
            check(panel["datasource"]["uid"] == "prometheus", path.name, f"panel '{panel['title']}' has another source")
            expressions += [(f"{path.name}: {panel['title']}", target["expr"]) for target in panel["targets"]]
    for where, expression in expressions:
        for name in re.findall(r"\b(?:seedcast|process)_\w+", re.sub(r'"[^"]*"', "", expression)):
            check(name in known, where, f"{name} is not in METRICS.md")
    runbook = (ROOT / "deploy/RUNBOOK.md").read_text()
    for rule in alerts:
        check(f"## {rule['alert']}\n" in runbook, "RUNBOOK.md", f"has no entry for {rule['alert']}")
        check(rule["annotations"]["runbook"].endswith("#" + rule["alert"].lower()), rule["alert"], "points elsewhere")


def main():
    check_compose()
    check_expressions()
    if shutil.which("kubectl"):
        for overlay in OVERLAYS:
            check_overlay(overlay)
        check_keda()
    for problem in problems:
        print(problem)
    if not problems and not shutil.which("kubectl"):
        skip("kubectl is not installed, so the overlays were not rendered; the rest is in order")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
