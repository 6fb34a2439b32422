#!/usr/bin/env python3
"""Evaluates every PromQL expression of dashboards and rules against a real Prometheus, coordinator, two workers and jobs.

Usage: observe.py [BUILD_DIRECTORY]     (default build/release; needs Debian's prometheus and python3-yaml)

An expression of a dashboard must return data. One of a rule is a condition: it must evaluate, and may be empty, for
that it fires is shown by deploy/prometheus/rules_test.yml. What is scraped must please `promtool check metrics`. Exit
codes: 0 all is well, 1 it is not, 77 skipped.
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

# A validation each few generations and many generations: every panel has something to show. Accuracy and clusters are of jobs
# that have them.
JOBS = {
    "sphere": """
sphere: {dimension: 1000, fitness_noise: 0.1}
strategy:
  population_size: 512
  sigma: {initial: 0.1}
  learning_rate: {initial: 0.05}
validation: {every: 20, episodes: {episodes: 10}}
""",
    "glyphs": """
proto_net: {dataset: GLYPHS, way: 2, filters: 16, blocks: 1}
strategy: {population_size: 16}
validation: {every: 1, episodes: {episodes: 2}}
""",
    "clusters": """
learned_optimizer:
  clusters:
    - {name: quadratics, problems: [quadratic(20)]}
    - {name: bowls, problems: [bowl(5)]}
  unroll: {steps: 5}
strategy: {population_size: 16}
""",
}
SHOWN_BY = {"seedcast_job_validation_accuracy": "glyphs", "seedcast_job_cluster_": "clusters"}  # the others by "sphere"


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def job_of(expression, job_ids):
    return job_ids[next((job for name, job in SHOWN_BY.items() if name in expression), "sphere")]


def dashboard_expressions(job_ids):
    for path in sorted((ROOT / "deploy/grafana/dashboards").glob("*.json")):
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel["targets"]:
                yield f"{path.stem}: {panel['title']}", target["expr"].replace("$job", job_of(target["expr"], job_ids))


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


def submit(directory, coordinator, name):
    (directory / f"{name}.yaml").write_text(f"name: {name}\nseed: 1\ngenerations: 1000000\n{JOBS[name]}")
    done = subprocess.run(
        [BUILD / "cli/seedcast", "submit", directory / f"{name}.yaml", "--coordinator", coordinator, "--json"],
        capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        raise SystemExit(f"submit: {done.stderr}")
    return re.search(r'"(?:id|job_id)": *"([^"]+)"', done.stdout).group(1)


def start_all(processes, directory):
    """The port of Prometheus, those with metrics, and the jobs' ids."""
    grpc, http, prometheus, *workers = [free_port() for _ in range(5)]
    (directory / "prometheus.yml").write_text(prometheus_config(http, workers))
    processes.start("coordinator", BUILD / "coordinator/seedcast-coordinator", "--listen", f"127.0.0.1:{grpc}",
                    "--http", f"127.0.0.1:{http}", "--store", directory / "store")
    wait_for(f"http://127.0.0.1:{http}/healthz")
    for i, port in enumerate(workers):
        processes.start(f"worker{i}", BUILD / "worker/seedcast-worker", "--coordinator", f"127.0.0.1:{grpc}",
                        "--http", f"127.0.0.1:{port}", "--slots", "1", "--id", f"w{i}")
    processes.start("prometheus", "prometheus", f"--config.file={directory}/prometheus.yml",
                    f"--storage.tsdb.path={directory}/tsdb", f"--web.listen-address=127.0.0.1:{prometheus}")
    wait_for(f"http://127.0.0.1:{prometheus}/-/ready")
    return prometheus, [http, *workers], {name: submit(directory, f"127.0.0.1:{grpc}", name) for name in JOBS}


def evaluate(prometheus, job_ids):
    """The number of expressions without data."""
    wanted = list(dashboard_expressions(job_ids))
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
    return len(wanted)


def complaints(ports):
    """What promtool says about metrics as they are scraped."""
    said = ""
    for port in ports:
        scraped = wait_for(f"http://127.0.0.1:{port}/metrics")
        done = subprocess.run(["promtool", "check", "metrics"], input=scraped, capture_output=True, timeout=60, check=False)
        said += (done.stdout + done.stderr).decode()
        if done.returncode != 0 and not said:
            said = f"promtool ends with {done.returncode}\n"
    return said


def main():
    if not shutil.which("prometheus"):
        skip("prometheus is not installed")
    if not (BUILD / "coordinator/seedcast-coordinator").exists():
        skip(f"no binaries in {BUILD}")
    with tempfile.TemporaryDirectory() as name:
        processes = Processes(pathlib.Path(name))
        try:
            prometheus, with_metrics, job_ids = start_all(processes, pathlib.Path(name))
            without_data = evaluate(prometheus, job_ids)
            said = complaints(with_metrics)
            print(said or "promtool finds nothing wrong with the metrics", end="" if said else "\n")
            return 1 if without_data or said else 0
        finally:
            processes.stop()


if __name__ == "__main__":
    sys.exit(main())
