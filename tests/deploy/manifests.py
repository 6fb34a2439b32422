#!/usr/bin/env python3
"""Holds what deploy/ says against itself and against the binaries' documents, without a cluster.

Every overlay is rendered by kubectl and must agree with itself: ports, selectors, probes, volumes, resources, no floating
tags, pods that are neither root nor may write. Compose files, dashboards and rules must name files, options and metrics
that exist. Exit code 77, "skipped" to ctest, where python3-yaml or kubectl is missing.
"""
import json
import re
import sys

from checks import ROOT, check, check_image, check_metrics, documented_metrics, problems
from overlays import check_combinations, check_keda, kubectl_renders
from requirements import skip, yaml

COMPOSE_FILES = ("docker-compose.yml", "deploy/compose/tls.yml")


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
