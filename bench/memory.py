#!/usr/bin/python3
"""Peak memory of one worker against the length of an unroll, for evolution strategies and for untruncated backpropagation.

Usage: bench/memory.py [--steps 50 500 5000 50000] [--limit-gib 12] [--build DIR] [--output DIR]

A point is a job of one problem with 1,000 parameters, on a worker process of its own with one slot; its peak resident set (VmHWM of /proc) is
taken when the job has ended. All jobs have at least two meta-iterations and 20,000 inner steps, so that short unrolls see as many of the
process's own ups and downs. Nothing is subtracted: "idle" is the peak of a worker that has joined and had no job. Points whose
predicted size is beyond --limit-gib are left out, and the table says so. Writes DIR/memory.json, DIR/memory.md and, where there is matplotlib
(Debian: python3-matplotlib), DIR/memory.svg.
"""
import argparse
import sys

import fleet

PROBLEM, PARAMETERS = "isotropic_quadratic(1000)", 1000
LEAST_STEPS = 20000
# Estimator to how an inner training of `steps` is cut: PES and NRES carry their state over two unrolls of that length.
ESTIMATORS = {"full_es": ("FULL_ES", 1), "pes": ("PES", 2), "nres": ("NRES", 2), "gradient": ("GRADIENT", 1)}
LABELS = {"full_es": "full ES", "pes": "PES", "nres": "NRES", "gradient": "backpropagation, untruncated"}
RECORD_BYTES = 4 * (23 * PARAMETERS + 40)  # of one step of backpropagation (worker/tasks/learned_optimizer/hrnn_adjoint.h) and its parameters
FLAT = 0.02


def job(estimator, steps):
    name, unrolls = ESTIMATORS[estimator]
    generations = max(2, LEAST_STEPS // steps)
    return {"name": "memory", "generations": generations, "validation": {"every": 0}, "max_failed_evaluations": 2 * generations,
            "learned_optimizer": {"clusters": [{"name": "quadratic", "problems": [PROBLEM]}], "unroll": {"steps": steps, "count": unrolls}},
            "strategy": {"estimator": name, "population_size": 2, "sigma": {"initial": 0.001}, "learning_rate": {"initial": 0.0001}}}


def measure(arguments, estimator, steps):
    with fleet.Fleet(arguments.build, workers=1) as processes:
        status = processes.run(job(estimator, steps))
        diverged = sum(generation["diverged"] for generation in status["history"])
        if diverged:
            raise SystemExit(f"{estimator}, {steps} steps: {diverged} inner trainings diverged and stopped early: no measure of this length")
        point = {"estimator": estimator, "steps": steps, "bytes": processes.worker_peak_bytes(), "seconds": status["running_seconds"],
                 "failed": status["failed_evaluations"]}
    print(f"  {estimator}, {steps} steps: {mebibytes(point['bytes'])}, {point['seconds']:.1f} s", file=sys.stderr, flush=True)
    return point


def idle_bytes(arguments):
    with fleet.Fleet(arguments.build, workers=1) as processes:
        return processes.worker_peak_bytes()


def mebibytes(size):
    return f"{size / 2**20:,.1f} MiB"


def draw(points, idle, path):
    pyplot = fleet.pyplot()
    if pyplot is None:
        return
    figure, panel = pyplot.subplots(figsize=(7, 4))
    for (estimator, label), marker in zip(LABELS.items(), "so^x"):
        own = [point for point in points if point["estimator"] == estimator]
        panel.plot([p["steps"] for p in own], [p["bytes"] / 2**20 for p in own], marker=marker, label=label)
    panel.axhline(idle / 2**20, color="grey", linestyle=":", label="a worker without a job")
    panel.set_xscale("log")
    panel.set_yscale("log")
    panel.set_xlabel("inner steps of an unroll")
    panel.set_ylabel("peak resident set of a worker, MiB")
    panel.grid(True, which="both", alpha=0.2)
    panel.legend(fontsize=8)
    figure.suptitle(f"Memory against unroll length, {PARAMETERS:,} parameters trained", fontsize=10)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})


def report(points, lengths, idle):
    size = {(point["estimator"], point["steps"]): point["bytes"] for point in points}
    rows = []
    for estimator, label in LABELS.items():
        own = [size[estimator, steps] for steps in lengths if (estimator, steps) in size]
        spread = max(own) / min(own) - 1
        rows.append([label] + [mebibytes(size[estimator, steps]) if (estimator, steps) in size else "beyond the limit" for steps in lengths]
                    + [f"{100 * spread:.1f} %" if estimator != "gradient" else f"x {max(own) / min(own):,.0f}"])
    text = (f"### Peak memory of one worker against unroll length, {PROBLEM}\n\n"
            + fleet.table(["estimator"] + [f"{steps:,} steps" for steps in lengths] + ["largest over smallest"], rows)
            + f"\n\nA worker without a job: {mebibytes(idle)}.")
    ratios = {}
    for steps in lengths:
        if ("gradient", steps) in size:
            rest = max(size[estimator, steps] for estimator in ("full_es", "pes", "nres"))
            ratios[steps] = size["gradient", steps] / rest
    text += " Backpropagation over the largest of the three others: " + ", ".join(
        f"{ratio:.1f}x at {steps:,}" for steps, ratio in ratios.items()) + "."
    return ratios, text


def check_flat(points):
    for estimator in ("full_es", "pes", "nres"):
        own = [point["bytes"] for point in points if point["estimator"] == estimator]
        if max(own) > (1 + FLAT) * min(own):
            raise SystemExit(f"{estimator} is not flat within {100 * FLAT:.0f} %: {', '.join(mebibytes(size) for size in own)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, nargs="+", default=[50, 500, 5000, 50000])
    parser.add_argument("--limit-gib", type=float, default=12, help="do not try backpropagation that needs more")
    fleet.add_arguments(parser)
    arguments = parser.parse_args()
    fleet.check_build(parser, arguments)
    idle = idle_bytes(arguments)
    points = [measure(arguments, estimator, steps) for steps in arguments.steps for estimator in ESTIMATORS
              if estimator != "gradient" or steps * RECORD_BYTES <= arguments.limit_gib * 2**30]
    ratios, text = report(points, arguments.steps, idle)
    draw(points, idle, arguments.output / "memory.svg")
    fleet.write(arguments, "memory", {"idle_bytes": idle, "points": points, "ratios": ratios}, text)
    check_flat(points)


if __name__ == "__main__":
    main()
