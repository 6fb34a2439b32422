"""The fields that kinds have which kubectl does not decode into its own types here, as far as deploy/ may want them.

A workload's own fields are checked by kubectl (manifests.py). A list has the fields of its items.
"""
ANY = None  # whatever is below
_SELECTOR = {"matchLabels": ANY, "matchExpressions": ANY}
_PEERS = {"podSelector": _SELECTOR, "namespaceSelector": _SELECTOR, "ipBlock": {"cidr": ANY, "except": ANY}}
_POLICY_PORTS = {"port": ANY, "endPort": ANY, "protocol": ANY}
_METADATA = {"name": ANY, "namespace": ANY, "labels": ANY, "annotations": ANY}
_KINDS = {
    "Namespace": {},
    "ServiceAccount": {"automountServiceAccountToken": ANY},
    "ConfigMap": {"data": ANY},
    "Service": {"spec": {
        "selector": ANY, "clusterIP": ANY, "type": ANY, "publishNotReadyAddresses": ANY,
        "ports": {"name": ANY, "port": ANY, "targetPort": ANY, "protocol": ANY}}},
    "PersistentVolumeClaim": {"spec": {
        "accessModes": ANY, "storageClassName": ANY,
        "resources": {"requests": {"storage": ANY}, "limits": {"storage": ANY}}}},
    "PodDisruptionBudget": {"spec": {"maxUnavailable": ANY, "minAvailable": ANY, "selector": _SELECTOR}},
    "NetworkPolicy": {"spec": {
        "podSelector": _SELECTOR, "policyTypes": ANY,
        "ingress": {"from": _PEERS, "ports": _POLICY_PORTS},
        "egress": {"to": _PEERS, "ports": _POLICY_PORTS}}},
    "ScaledObject": {"spec": {
        "scaleTargetRef": {"name": ANY, "kind": ANY, "apiVersion": ANY},
        "minReplicaCount": ANY, "maxReplicaCount": ANY, "pollingInterval": ANY, "cooldownPeriod": ANY,
        "triggers": {
            "type": ANY, "name": ANY,
            "metadata": {"serverAddress": ANY, "query": ANY, "threshold": ANY, "activationThreshold": ANY}}}},
}


def _unknown(node, fields, path):
    if fields is ANY:
        return []
    if isinstance(node, list):
        return [found for item in node for found in _unknown(item, fields, f"{path}[]")]
    if not isinstance(node, dict):
        return [f"{path} has no fields"] if fields else []
    return [found for key, value in node.items()
            for found in (_unknown(value, fields[key], f"{path}.{key}") if key in fields else [f"{path}.{key}"])]


def unknown_fields(document):
    """Paths that the document's kind does not have; all of a kind that is not known."""
    kind = document["kind"]
    if kind not in _KINDS:
        return [f"kind {kind}"]
    return _unknown(document, {"apiVersion": ANY, "kind": ANY, "metadata": _METADATA, **_KINDS[kind]}, "")
