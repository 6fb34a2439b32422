#!/usr/bin/env python3
"""Holds what deploy/ says against itself and against the binaries' documents, without a cluster.

Every overlay is rendered by kubectl and must agree with itself: ports, selectors, probes, volumes, resources, no floating
tags, pods that are neither root nor may write. Compose files, dashboards and rules must name files, options and metrics
that exist. Exit code 77, "skipped" to ctest, where python3-yaml or kubectl is missing.
"""
import functools
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from fields import unknown_fields
from requirements import skip, yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMPOSE_FILES = ("docker-compose.yml", "deploy/compose/tls.yml")
problems = []


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


def check_workers(documents, overlay):
    """As many slots as cores are allowed, and no number of pods, which belongs to `kubectl scale` and autoscalers."""
    for worker in of_kind(documents, "Deployment"):
        if pod_labels(worker).get("app.kubernetes.io/component") != "worker":
            continue
        where = f"{overlay}: {name_of(worker)}"
        check("replicas" not in worker["spec"], where, "sets the number of pods back when it is applied again")
        for container in worker["spec"]["template"]["spec"]["containers"]:
            sources = {v["name"]: v.get("valueFrom", {}) for v in container.get("env", [])}
            source = sources.get("SEEDCAST_SLOTS", {}).get("resourceFieldRef", {}).get("resource")
            check(source == "limits.cpu", where, "does not take its slots from its limit of cores")
            check("cpu" in container["resources"]["limits"], where, "has no limit of cores")


def check_secured(documents, overlay):
    """All of seedcast's processes have certificates and none speaks plain text, or all do."""
    for workload in workloads(documents):
        for container in workload["spec"]["template"]["spec"]["containers"]:
            if not container["image"].startswith("seedcast-"):
                continue
            where = f"{overlay}: {name_of(workload)}"
            secured = any(v["name"] == "SEEDCAST_TLS_CERT" for v in container.get("env", []))
            plain = "--insecure" in container["args"] or any(
                v["name"] == "SEEDCAST_INSECURE" for v in container.get("env", []))
            check(secured == ("tls" in overlay), where, "has certificates or not, unlike the overlay's name")
            check(plain != secured, where, "speaks plain text or not, unlike the overlay's name")


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
            for peer in rule.get("to", []):
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


def check_workload_fields(workload, where):
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


def kubectl_renders():
    """Whether kubectl is there and knows components: since 1.24, whose kustomize is 4.5."""
    if not shutil.which("kubectl"):
        return False
    done = subprocess.run(["kubectl", "version", "--client", "-o", "json"], capture_output=True, text=True, timeout=60, check=True)
    version = json.loads(done.stdout)["clientVersion"]
    return (int(version["major"]), int(re.match(r"\d+", version["minor"])[0])) >= (1, 24)


def render(overlay, directory):
    done = subprocess.run(
        ["kubectl", "kustomize", str(directory)],
        capture_output=True, text=True, timeout=60, check=False)
    check(done.returncode == 0, overlay, done.stderr.strip())
    return list(yaml.safe_load_all(done.stdout))


def check_documents(documents, overlay):
    check(len(workloads(documents)) >= 2, overlay, "has no coordinator or no workers")
    for document in documents:
        where = f"{overlay}: {name_of(document)}"
        if document["kind"] in ("Deployment", "StatefulSet"):
            check_workload(document, where)
            check_workload_fields(document, where)
        else:
            check(not unknown_fields(document), where, f"unknown fields {unknown_fields(document)}")
    check_workers(documents, overlay)
    check_secured(documents, overlay)
    check_references(documents, overlay)
    check_services(documents, overlay)
    check_policies(documents, overlay)


def render_with(components, overlay):
    """Components on top of an overlay, as a user adds them."""
    with tempfile.TemporaryDirectory() as directory:
        kubernetes = os.path.relpath(ROOT / "deploy/kubernetes", os.path.realpath(directory))
        above = {"resources": [f"{kubernetes}/overlays/{overlay}"],
                 "components": [f"{kubernetes}/components/{component}" for component in components]}
        pathlib.Path(directory, "kustomization.yaml").write_text(yaml.safe_dump(above))
        return render(f"{overlay} with {components}", directory)


def check_combinations():
    """A ready overlay of several parts is what its name says, and nothing of one part is lost by another."""
    for overlay in sorted(path.name for path in (ROOT / "deploy/kubernetes/overlays").iterdir()):
        documents = render(overlay, ROOT / "deploy/kubernetes/overlays" / overlay)
        check_documents(documents, overlay)
        observed = any(name_of(d) == "Deployment/prometheus" for d in documents)
        check(observed == ("monitoring" in overlay), overlay, "has a Prometheus or not, unlike its name")
        for device in ("gpu", "tpu"):
            asks = f"{device}\": \"" in json.dumps([w["spec"] for w in workloads(documents)])
            check(asks == (device in overlay), overlay, f"asks for a {device} or not, unlike its name")


def check_keda():
    documents = render_with(["keda"], "tls-monitoring")
    check_documents(documents, "tls-monitoring with keda")
    for scaled in of_kind(documents, "ScaledObject"):
        targets = [w for w in workloads(documents) if namespace_of(w) == namespace_of(scaled)
                   and w["metadata"]["name"] == scaled["spec"]["scaleTargetRef"]["name"]]
        check(len(targets) == 1, "keda", "scales nothing")
        check_metrics("keda", scaled["spec"]["triggers"][0]["metadata"]["query"])
    check(len(of_kind(documents, "ScaledObject")) == 1, "keda", "has no ScaledObject")


def check_compose():
    for path in COMPOSE_FILES:
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


def speaks_plain_text(service):
    return "--insecure" in service.get("command", []) or service.get("environment", {}).get("SEEDCAST_INSECURE") == "true"


def check_compose_services():
    """Prometheus finds each of ours, and the file for TLS leaves none of them in plain text."""
    services, secured = [yaml.safe_load((ROOT / path).read_text())["services"] for path in COMPOSE_FILES]
    scraped = json.dumps(yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text()))
    for name, service in services.items():
        if not service["image"].startswith("seedcast-"):
            continue
        over = secured.get(name, {})
        above = {**service, **over, "environment": {**service.get("environment", {}), **over.get("environment", {})}}
        check(speaks_plain_text(service), COMPOSE_FILES[0], f"'{name}' neither has certificates nor may speak plain text")
        check(not speaks_plain_text(above) and "SEEDCAST_TLS_CERT" in above["environment"], COMPOSE_FILES[1], f"'{name}' speaks plain text")
        if not service["image"].startswith("seedcast-cli:"):
            check(re.search(rf'"{name}[:"]', scraped), "deploy/prometheus/prometheus.yml", f"does not look for '{name}'")


@functools.cache
def documented_metrics():
    text = (ROOT / "deploy/METRICS.md").read_text()
    kinds = dict(re.findall(r"^\| (\w+) \| (gauge|counter|histogram) ", text, re.M))
    histograms = {name for name, kind in kinds.items() if kind == "histogram"}
    return set(kinds) | {name + suffix for name in histograms for suffix in ("_bucket", "_sum", "_count")}


def check_metrics(where, expression):
    for name in re.findall(r"\b(?:seedcast|process)_\w+", re.sub(r'"[^"]*"', "", expression)):
        check(name in documented_metrics(), where, f"{name} is not in METRICS.md")


def check_expressions():
    check(len(documented_metrics()) > 30, "deploy/METRICS.md", "has no tables of metrics")
    rules = yaml.safe_load((ROOT / "deploy/prometheus/rules.yml").read_text())
    alerts = [rule for group in rules["groups"] for rule in group["rules"]]
    expressions = [(rule["alert"], rule["expr"]) for rule in alerts]
    for path in sorted((ROOT / "deploy/grafana/dashboards").glob("*.json")):
        for panel in json.loads(path.read_text())["panels"]:
            check(panel["datasource"]["uid"] == "prometheus", path.name, f"panel '{panel['title']}' has another source")
            expressions += [(f"{path.name}: {panel['title']}", target["expr"]) for target in panel["targets"]]
    for where, expression in expressions:
        check_metrics(where, expression)
    runbook = (ROOT / "deploy/RUNBOOK.md").read_text()
    for rule in alerts:
        check(f"## {rule['alert']}\n" in runbook, "RUNBOOK.md", f"has no entry for {rule['alert']}")
        check(rule["annotations"]["runbook"].endswith("#" + rule["alert"].lower()), rule["alert"], "points elsewhere")


def main():
    check_compose()
    check_compose_services()
    check_expressions()
    if kubectl_renders():
        check_combinations()
        check_keda()
    for problem in problems:
        print(problem)
    if not problems and not kubectl_renders():
        skip("no kubectl of 1.24 or newer, so the overlays were not rendered; the rest is in order")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
