#!/usr/bin/python3
"""Measures seedcast beside what users would take instead, on this machine, in one run.

Usage: bench/run.py [--seconds S] [--skip-peers] [--output DIR] [SECTION ...]
Sections: evaluations noise kernels unroll engine processes (default: all). Needs a release build with benchmarks (scripts/test.sh makes
one). Peers are installed into build/peers, a virtual environment of their own. Prints tables; writes DIR/bench.json and DIR/bench.md.
"""
import argparse
import json
import os
import pathlib
import platform
import re
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build/release"
PEERS = ROOT / "build/peers"
PEER_PACKAGES = ["torch", "numpy", "jax[cpu]", "evosax", "setuptools"]


def lines_of_json(command, **options):
    print("  $", " ".join(str(word) for word in command), file=sys.stderr, flush=True)
    result = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, check=True, text=True, **options)
    return [json.loads(line) for line in result.stdout.splitlines() if line.startswith("{")]


def table(title, header, rows):
    text = [f"\n### {title}\n", "| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    text += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(text)


def peers_python():
    python = PEERS / "bin/python"
    if not python.exists():
        print(f"installing {', '.join(PEER_PACKAGES)} into {PEERS}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", PEERS], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *PEER_PACKAGES], check=True)
    return python


def evaluations(arguments):
    """ES evaluations/s of a 5-way 5-shot 5-query episode, conv4-64, all cores: before and after the peers, for a fair mean."""
    bench = [BUILD / "bench/evaluation_bench", "--seconds", arguments.seconds]
    ours = lines_of_json(bench)
    peers = []
    if not arguments.skip_peers:
        for script in ("torch_es.py", "evosax_es.py"):
            peers += lines_of_json([peers_python(), ROOT / "bench/peers" / script, "--seconds", arguments.seconds])
        for first, second in zip(ours, lines_of_json(bench)):
            for key in ("evaluations_per_second", "inference_per_second"):
                first[key] = (first[key] + second[key]) / 2
    measured = [p for p in peers if "evaluations_per_second" in p]
    default = next((p["evaluations_per_second"] for p in measured if p["setting"] == "default"), None)
    best = max((p["evaluations_per_second"] for p in measured), default=None)
    ratio = lambda mine, other: f"{mine / other:.1f}x" if other else "–"
    rows = [[f"seedcast {o['numeric_class']} ({o['kernels']})", f"{o['evaluations_per_second']:.0f}",
             ratio(o["evaluations_per_second"], default), ratio(o["evaluations_per_second"], best),
             f"{100 * o['evaluations_per_second'] / o['inference_per_second']:.1f} %"] for o in ours]
    for p in peers:
        rate = p.get("evaluations_per_second")
        rows.append([f"{p['peer']}, {p['setting']}", f"{rate:.1f}" if rate else p["error"],
                     ratio(rate, default) if rate else "–", ratio(rate, best) if rate else "–", ""])
    text = table("ES evaluations per second (5-way 5-shot 5-query, conv4-64, all cores, noise included)",
                 ["what", "evaluations/s", "of PyTorch's default", "of the best peer", "of pure inference"], rows)
    return {"ours": ours, "peers": peers}, text


def google_benchmark(name):
    result = subprocess.run([BUILD / "bench" / name, "--benchmark_format=json"], stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL, check=True, text=True)
    return json.loads(result.stdout)["benchmarks"]


def rate_of(row):
    rate = row.get("values/s")
    return f"{rate / 1e9:.2f} G/s" if rate else f"{row['real_time']:.1f} {row['time_unit']}"


def noise(arguments):
    ours = google_benchmark("noise_bench")
    peers = [] if arguments.skip_peers else lines_of_json([peers_python(), ROOT / "bench/peers/noise_peers.py"])
    rows = [[o["name"], rate_of(o)] for o in ours]
    rows += [[p["generator"], f"{p['giga_values_per_second']:.3f} G/s"] for p in peers]
    return {"ours": ours, "peers": peers}, table("Noise, values per second on one core", ["what", "rate"], rows)


def printed(title, command):
    """A benchmark that prints a table of its own."""
    text = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, check=True, text=True).stdout
    return text, f"\n### {title}\n\n```\n{text.strip()}\n```"


def kernels(arguments):
    return printed("Kernels, one core", [BUILD / "bench/kernel_bench", arguments.seconds / 10])


def unroll(arguments):
    """Inner steps/s of the learned optimizer, gradient of a separable quadratic included: before and after PyTorch, the best counts."""
    bench = [BUILD / "bench/unroll_bench", arguments.seconds / 5]
    ours = lines_of_json(bench)
    peers = []
    if not arguments.skip_peers:
        peers = lines_of_json([peers_python(), ROOT / "bench/peers/torch_hrnn.py", "--seconds", arguments.seconds])
        for first, second in zip(ours, lines_of_json(bench)):
            if second["steps_per_second"] > first["steps_per_second"]:
                first.update(second)
    rows = []
    for n in (2, 100, 2500):
        theirs = {p["setting"]: p["steps_per_second"] for p in peers if p["parameters"] == n and "steps_per_second" in p}
        for o in ours:
            if o["what"] != "step" or o["parameters"] != n:
                continue
            rate = o["steps_per_second"]
            rows.append([n, f"seedcast ({o['kernels']})", f"{rate:,.0f}", f"{o['gflops']:.1f} of {o['peak_gflops']:.0f}"]
                        + [f"{rate / theirs[setting]:.0f}x" if setting in theirs else "–" for setting in UNROLL_PEERS])
        rows += [[n, f"PyTorch, {setting}", f"{rate:,.0f}"] + [""] * (1 + len(UNROLL_PEERS)) for setting, rate in theirs.items()]
        rows += [[n, "seedcast, step and back", f"{o['steps_per_second']:,.0f}"] + [""] * (1 + len(UNROLL_PEERS))
                 for o in ours if o["what"] != "step" and o["parameters"] == n]
    text = table("Learned optimizer, inner steps per second of one core (gradient of a separable quadratic included)",
                 ["parameters", "what", "steps/s", "GFLOP/s of peak", *(f"of PyTorch, {s}" for s in UNROLL_PEERS)], rows)
    return {"ours": ours, "peers": peers}, text


UNROLL_PEERS = ["default", "one thread", "one thread, compiled"]


def engine(arguments):
    return printed("Engine and codec, one core, 2,048 simulated workers", [BUILD / "bench/engine_bench"])


JOB = {"name": "bench", "generations": 20, "validation": {"every": 0},
       "proto_net": {"dataset": "GLYPHS", "way": 5, "shot": 5, "query": 5},
       "strategy": {"population_size": 512}}


def processes(arguments):
    """The same job in one process, and by a coordinator with two single-slot workers over gRPC: rates and digests."""
    with tempfile.TemporaryDirectory() as directory:
        job_file = pathlib.Path(directory) / "bench.yaml"
        job_file.write_text(json.dumps(JOB))  # JSON is YAML
        seedcast = BUILD / "cli/seedcast"
        local = json.loads(subprocess.run(
            [seedcast, "run", job_file, "--store", f"{directory}/one", "--slots", "2", "--test-episodes", "0", "--json"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, text=True).stdout)
        coordinator = subprocess.Popen(
            [BUILD / "coordinator/seedcast-coordinator", "--listen", "127.0.0.1:0", "--store", f"{directory}/two"],
            stderr=subprocess.PIPE, text=True)
        started = [coordinator]
        try:
            address = None
            while address is None:
                found = re.search(r"127\.0\.0\.1:\d+", coordinator.stderr.readline())
                address = found.group(0) if found else None
            for _ in range(2):
                started.append(subprocess.Popen([BUILD / "worker/seedcast-worker", "--coordinator", address, "--slots", "1"],
                                                stderr=subprocess.DEVNULL))
            time.sleep(1)
            remote = json.loads(subprocess.run(
                [seedcast, "submit", job_file, "--coordinator", address, "--watch", "--json"],
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, text=True).stdout.splitlines()[-1])
        finally:
            for process in reversed(started):
                process.terminate()
                process.wait()
    evaluations_done = JOB["generations"] * JOB["strategy"]["population_size"]
    rates = [evaluations_done / o[key] for o, key in ((local, "seconds"), (remote, "running_seconds"))]
    rows = [["one process, 2 slots", f"{rates[0]:.0f}", "100 %", local["digest"][:16]],
            ["coordinator + 2 workers over gRPC", f"{rates[1]:.0f}", f"{100 * rates[1] / rates[0]:.1f} %", remote["digest"][:16]]]
    if local["digest"] != remote["digest"]:
        raise SystemExit(f"digests differ: {local['digest']} in one process, {remote['digest']} over gRPC")
    return {"local": local, "remote": remote}, table("In one process and over gRPC",
                                                     ["how", "evaluations/s", "of in-process", "digest"], rows)


SECTIONS = {"evaluations": evaluations, "noise": noise, "kernels": kernels, "unroll": unroll, "engine": engine, "processes": processes}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=", ".join(SECTIONS))
    parser.add_argument("--seconds", type=float, default=5, help="per measurement")
    parser.add_argument("--skip-peers", action="store_true")
    parser.add_argument("--output", type=pathlib.Path, default=ROOT / "results")
    arguments = parser.parse_args()
    for name in arguments.sections:
        if name not in SECTIONS:
            parser.error(f"unknown section '{name}', expected one of: {', '.join(SECTIONS)}")
    if not (BUILD / "bench/evaluation_bench").exists():
        parser.error(f"no benchmarks in {BUILD}: run scripts/test.sh first")
    cpu = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    report = {"machine": cpu.group(1) if cpu else platform.machine(), "cores": os.cpu_count()}
    texts = [f"Machine: {report['machine']}, {report['cores']} cores."]
    print(texts[0])
    for name in arguments.sections or SECTIONS:
        print(f"measuring {name}", file=sys.stderr)
        report[name], text = SECTIONS[name](arguments)
        texts.append(text)
        print(text, flush=True)
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / "bench.json").write_text(json.dumps(report, indent=1))
    (arguments.output / "bench.md").write_text("\n".join(texts) + "\n")


if __name__ == "__main__":
    main()
