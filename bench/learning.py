#!/usr/bin/python3
"""How long each estimator takes to meta-train an optimizer under which softmax regression reaches accuracies of 0.65, as published, of 0.8
and of 0.82 (true labels), on one and on two workers.

Usage: bench/learning.py [--accuracies 0.65 0.8 0.82] [--estimators full_es ...] [--build DIR] [--output DIR]

An inner training is 100 steps; full ES makes all of them in an evaluation, the others 20 a meta-iteration, which is why they get more
meta-iterations. gradient_published has the lengths and the settings of tensorflow/models' research/learned_optimizer instead, one problem a
meta-iteration; all are measured after 100 steps. Every second version is measured on validation instances; the first that has an accuracy counts for it. Time is that of all
meta-iterations until then, validation included. Test accuracy is that of the last version. One and two workers must end with the same digest; the
program fails where they do not. Coordinator and workers are processes of their own, over loopback gRPC, one slot a worker. Writes
DIR/learning.json, DIR/learning.md and, where there is matplotlib (Debian: python3-matplotlib), DIR/learning.svg.
"""
import argparse
import sys

import fleet

PROBLEMS = ["softmax(10, 2, 100)", "softmax(100, 1, 50)"]
EVERY = 2
# Meta-iterations and strategy of each, the best of those tried (bench/README.md).
ESTIMATORS = {
    "full_es": ("full ES", 40, {"estimator": "FULL_ES", "population_size": 64, "sigma": {"initial": 0.05}, "learning_rate": {"initial": 0.1}}),
    "pes": ("PES", 120, {"estimator": "PES", "population_size": 128, "sigma": {"initial": 0.05}, "learning_rate": {"initial": 0.03}}),
    "nres": ("NRES", 120, {"estimator": "NRES", "population_size": 128, "sigma": {"initial": 0.05}, "learning_rate": {"initial": 0.03}}),
    "gradient": ("truncated backpropagation", 120,
                 {"estimator": "GRADIENT", "population_size": 64, "learning_rate": {"initial": 0.01}, "gradient_clip": 0.001}),
    "gradient_published": ("truncated backpropagation, as published", 400,
                           {"estimator": "GRADIENT", "population_size": 2, "learning_rate": {"initial": 1e-6, "decay": "CONSTANT"},
                            "rms_prop": {"decay": 0.9, "epsilon": 1e-10, "initial_mean_square": 1}, "gradient_clip": 1e4}),
}
STEPS = 100  # after which accuracy is measured
UNROLL = {"steps": 20, "count": 5}
PUBLISHED_UNROLL = {"lengths": "EXPONENTIAL", "steps": 200, "min_steps": 50, "count": 41, "restarts": 5}


def job(arguments, estimator):
    _, generations, strategy = ESTIMATORS[estimator]
    unroll = PUBLISHED_UNROLL if estimator == "gradient_published" else UNROLL
    return {"name": estimator.replace("_", "-"), "generations": generations, "strategy": strategy,
            "learned_optimizer": {"clusters": [{"name": "softmax", "problems": PROBLEMS}], "unroll": unroll,
                                  "problems_per_evaluation": 1},
            "validation": {"every": EVERY, "episodes": {"episodes": arguments.validation_episodes, "steps": STEPS}}}


def curve(history):
    """Accuracy on validation instances against seconds, version by version."""
    seconds, points = 0.0, []
    for generation in history:
        seconds += generation["seconds"]
        if "validation" in generation:
            points.append({"version": generation["generation"], "seconds": seconds, "accuracy": generation["validation"]["accuracy"],
                           "interval": generation["validation"]["interval"]})
    return points


def inner_steps(estimator, version):
    """What training until then took, whatever the machine; a gradient's steps are made forwards and back, by one training a pair."""
    strategy = ESTIMATORS[estimator][2]
    trainings = strategy["population_size"] // (2 if strategy["estimator"] == "GRADIENT" else 1)
    unroll = PUBLISHED_UNROLL if estimator == "gradient_published" else UNROLL
    steps = unroll["steps"] + unroll.get("min_steps", 0)  # the mean, where they are random
    return version * trainings * steps * (unroll["count"] if strategy["estimator"] == "FULL_ES" else 1)


def train(arguments, estimator, workers):
    with fleet.Fleet(arguments.build, workers) as processes:
        status = processes.run(job(arguments, estimator))
        points = curve(status["history"])
        reached = [next((point for point in points if point["accuracy"] >= accuracy), None) for accuracy in arguments.accuracies]
        first, last = (processes.evaluate(status["job_id"], arguments.test_episodes, version, STEPS) for version in (0, status["version"]))
    row = {"estimator": estimator, "workers": workers, "digest": status["digest"], "seconds": status["running_seconds"], "points": points,
           "reached": reached, "first": first, "last": last}
    print(f"  {estimator}, {workers} workers: {', '.join(map(at, reached))}, at the end {percent(last)}", file=sys.stderr, flush=True)
    return row


def percent(result):
    return f"{100 * result['accuracy']:.1f} ± {100 * result['interval']:.1f} %"


def at(reached):
    return f"{reached['seconds']:.1f} s, version {reached['version']}" if reached else "never"


def check_digests(rows):
    for one, two in zip(rows[::2], rows[1::2]):
        if (one["digest"], one["last"]["accuracy"]) != (two["digest"], two["last"]["accuracy"]):
            raise SystemExit(f"{one['estimator']}: digest {one['digest']} on one worker, {two['digest']} on two")


def reached_cell(estimator, one, two):
    if not one:
        return "never"
    return f"{one['seconds']:.1f} s / {two['seconds']:.1f} s, version {one['version']}, {inner_steps(estimator, one['version']):,}"


def report(arguments, rows):
    cells = []
    for one, two in zip(rows[::2], rows[1::2]):
        name, generations, _ = ESTIMATORS[one["estimator"]]
        reached = [reached_cell(one["estimator"], *both) for both in zip(one["reached"], two["reached"])]
        cells.append([name, *reached, f"{percent(one['last'])}, version {generations}", f"{one['seconds']:.1f} s / {two['seconds']:.1f} s",
                      one["digest"][:12]])
    return ("### Time to an accuracy on softmax regression: one worker / two workers, version, inner steps\n\n"
            + fleet.table(["estimator", *map(str, arguments.accuracies), "test accuracy at the end", "whole run, one / two workers", "digest, both"], cells)
            + f"\n\nTest accuracy of version 0: {percent(rows[0]['first'])}.")


def draw(arguments, rows, path):
    pyplot = fleet.pyplot()
    if pyplot is None:
        return
    figure, (times, steps) = pyplot.subplots(1, 2, figsize=(11, 4), sharey=True)
    colours = dict(zip(ESTIMATORS, ("black", "tab:blue", "tab:green", "tab:orange", "tab:red")))
    for row in rows:
        name, colour = ESTIMATORS[row["estimator"]][0], colours[row["estimator"]]
        accuracies = [point["accuracy"] for point in row["points"]]
        times.plot([point["seconds"] for point in row["points"]], accuracies, color=colour, linestyle="-" if row["workers"] == 2 else ":",
                   marker=".")
        if row["workers"] == 2:  # the same versions on one
            steps.plot([inner_steps(row["estimator"], point["version"]) for point in row["points"]], accuracies, color=colour, marker=".", label=name)
    for panel, label in ((times, "seconds"), (steps, "inner steps of training")):
        for accuracy in arguments.accuracies:
            panel.axhline(accuracy, color="grey", linewidth=0.8)
        panel.set_xlabel(label)
        panel.set_xscale("log")
        panel.grid(True, which="both", alpha=0.2)
    times.set_title("two workers; dotted: one", fontsize=9)
    figure.legend(*steps.get_legend_handles_labels(), fontsize=8, loc="lower center", ncols=len(ESTIMATORS))
    times.set_ylabel(f"accuracy after 100 steps, {arguments.validation_episodes} validation instances")
    figure.tight_layout(rect=(0, 0.06, 1, 1))
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accuracies", type=float, nargs="+", default=[0.65, 0.8, 0.82])
    parser.add_argument("--estimators", nargs="+", choices=ESTIMATORS, default=list(ESTIMATORS))
    parser.add_argument("--validation-episodes", type=int, default=64)
    parser.add_argument("--test-episodes", type=int, default=400)
    fleet.add_arguments(parser)
    arguments = parser.parse_args()
    fleet.check_build(parser, arguments)
    rows = [train(arguments, estimator, workers) for estimator in arguments.estimators for workers in (1, 2)]
    check_digests(rows)
    draw(arguments, rows, arguments.output / "learning.svg")
    fleet.write(arguments, "learning", rows, report(arguments, rows))


if __name__ == "__main__":
    main()
