"""Workloads of the rendered manifests, and what holds for each of them by itself."""
import json
import subprocess

from checks import check, check_image


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
