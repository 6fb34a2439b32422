#!/usr/bin/env python3
"""Evaluates every PromQL expression of dashboards and rules against a real Prometheus, coordinator, two workers and job.

Usage: observe.py [BUILD_DIRECTORY]     (default build/release; needs `prometheus` and python3-yaml)

An expression of a dashboard must return data. One of a rule is a condition: it must evaluate, and may be empty, for
that it fires is shown by deploy/prometheus/rules_test.yml. Exit codes: 0 all do, 1 some do not, 77 skipped.
"""
import json
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

from requirements import skip, yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build/release").resolve()
PATIENCE = 120  # seconds; rates need two scrapes and a job under way

# A validation each few generations and many generations: every panel has something to show.
JOB = """
name: observed
seed: 1
sphere: {dimension: 1000, fitness_noise: 0.1}
strategy:
  population_size: 512
  sigma: {initial: 0.1}
  learning_rate: {initial: 0.05}
generations: 1000000
validation: {every: 20, episodes: {episodes: 10}}
"""
# What the job above has no reason to show. Each has a word why, and a test of its own.
ABSENT = {
    "seedcast_job_cluster_fitness": "sphere has no clusters; tests/coordinator/metrics",
    "seedcast_job_cluster_seconds": "sphere has no clusters; tests/coordinator/metrics",
    "seedcast_job_validation_accuracy": "sphere has no accuracy; tests/coordinator/metrics",
}


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def dashboard_expressions(job_id):
    for path in sorted((ROOT / "deploy/grafana/dashboards").glob("*.json")):
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel["targets"]:
                yield f"{path.stem}: {panel['title']}", target["expr"].replace("$job", job_id)


def rule_expressions():
    for group in yaml.safe_load((ROOT / "deploy/prometheus/rules.yml").read_text())["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"]


def query(port, expression):
    """The number of series; an error of Prometheus is one of this program."""
    address = f"http://127.0.0.1:{port}/api/v1/query?" + urllib.parse.urlencode({"query": expression})
    with urllib.request.urlopen(address, timeout=10) as answer:
        return len(json.load(answer)["data"]["result"])


def prometheus_config(coordinator, workers):
    config = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["rule_files"] = [str(ROOT / "deploy/prometheus/rules.yml")]
    targets = {"seedcast-coordinator": [coordinator], "seedcast-worker": workers}
    for scrape in config["scrape_configs"]:
        scrape.pop("dns_sd_configs", None)
        scrape["static_configs"] = [{"targets": [f"127.0.0.1:{port}" for port in targets[scrape["job_name"]]]}]
    return yaml.safe_dump(config)


class Processes:
    def __init__(self, directory):
        self.directory, self.running = directory, []

    def start(self, name, *command):
        log = open(self.directory / f"{name}.log", "w", encoding="utf-8")
        self.running.append(subprocess.Popen([str(word) for word in command], stdout=log, stderr=log))

    def stop(self):
        for process in reversed(self.running):
            process.terminate()
        for process in self.running:
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()


def wait_for(address):
    deadline = time.monotonic() + 60
    while True:
        try:
            return urllib.request.urlopen(address, timeout=5).read()
        except (urllib.error.URLError, ConnectionError) as error:
            if time.monotonic() > deadline:
                raise SystemExit(f"{address}: {error}") from error
            time.sleep(0.2)


def start_all(processes, directory):
    """Ports of gRPC and of Prometheus, and the job's id."""
    grpc, http, prometheus, *workers = [free_port() for _ in range(5)]
    (directory / "prometheus.yml").write_text(prometheus_config(http, workers))
    (directory / "job.yaml").write_text(JOB)
    processes.start("coordinator", BUILD / "coordinator/seedcast-coordinator", "--listen", f"127.0.0.1:{grpc}",
                    "--http", f"127.0.0.1:{http}", "--store", directory / "store")
    wait_for(f"http://127.0.0.1:{http}/healthz")
    for i, port in enumerate(workers):
        processes.start(f"worker{i}", BUILD / "worker/seedcast-worker", "--coordinator", f"127.0.0.1:{grpc}",
                        "--http", f"127.0.0.1:{port}", "--slots", "1", "--id", f"w{i}")
    processes.start("prometheus", "prometheus", f"--config.file={directory}/prometheus.yml",
                    f"--storage.tsdb.path={directory}/tsdb", f"--web.listen-address=127.0.0.1:{prometheus}")
    wait_for(f"http://127.0.0.1:{prometheus}/-/ready")
    done = subprocess.run(
        [BUILD / "cli/seedcast", "submit", directory / "job.yaml", "--coordinator", f"127.0.0.1:{grpc}", "--json"],
        capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        raise SystemExit(f"submit: {done.stderr}")
    return prometheus, re.search(r'"(?:id|job_id)": *"([^"]+)"', done.stdout).group(1)


def wants_data(expression):
    return not any(name in expression for name in ABSENT)


def evaluate(prometheus, job_id):
    wanted = [e for e in dashboard_expressions(job_id) if wants_data(e[1])]
    total = len(wanted)
    deadline = time.monotonic() + PATIENCE
    while wanted and time.monotonic() < deadline:
        time.sleep(2)
        wanted = [(where, expression) for where, expression in wanted if query(prometheus, expression) == 0]
    for where, expression in wanted:
        print(f"no data: {where}: {expression}")
    rules = list(rule_expressions())
    firing = [name for name, expression in rules if query(prometheus, expression) > 0]
    print(f"{total - len(wanted)} of {total} expressions of dashboards return data; {len(rules)} rules evaluate, "
          f"of which {len(firing)} hold now {firing}")
    for name, why in ABSENT.items():
        print(f"not expected here: {name} ({why})")
    return 1 if wanted else 0


def main():
    if not shutil.which("prometheus"):
        skip("prometheus is not installed")
    if not (BUILD / "coordinator/seedcast-coordinator").exists():
        skip(f"no binaries in {BUILD}")
    with tempfile.TemporaryDirectory() as name:
        processes = Processes(pathlib.Path(name))
        try:
            return evaluate(*start_all(processes, pathlib.Path(name)))
        finally:
            processes.stop()


if __name__ == "__main__":
    sys.exit(main())
