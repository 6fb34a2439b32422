"""Every overlay, and components on top of one, rendered by kubectl: they must agree with themselves and with their names."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from checks import ROOT, check, check_metrics
from fields import unknown_fields
from requirements import yaml
from workloads import (check_secured, check_workers, check_workload, check_workload_fields, name_of,
                       namespace_of, of_kind, ports_of, selected, workloads)


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
