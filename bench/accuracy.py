#!/usr/bin/python3
"""Test accuracy against wall-clock and against evaluations, over several seeds.

Usage: bench/accuracy.py [JOB_FILE] [--seeds 1,2,3] [--set PATH=VALUE ...] [--points 12] [--output DIR]
       bench/accuracy.py --store DIR --job ID ...       (jobs that have been trained already)
       bench/accuracy.py --keep ...                     (adds to the curves in accuracy.json)

Trains the job once a seed, then measures versions along each run on 1,000 held-out episodes, 5-way 5-shot. Replaying
the log gives any version back, so training is not disturbed. Needs a release build (scripts/run.sh makes one), and for the picture Debian's
python3-matplotlib. Writes DIR/accuracy.json and DIR/accuracy.svg, prints a table.
"""
import argparse
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SEEDCAST = ROOT / "build/release/cli/seedcast"


def seedcast(*arguments):
    command = [str(word) for word in (SEEDCAST, *arguments, "--json")]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout)


def train(arguments, seed):
    overrides = [word for item in [f"seed={seed}", *arguments.overrides] for word in ("--set", item)]
    return seedcast("run", arguments.job_file, "--store", arguments.store, "--test-episodes", 0, *overrides)["job_id"]


def versions_along(last, points):
    """Versions at even steps of the square root of the time: a curve bends early."""
    return sorted({max(1, round(last * (i / points) ** 2)) for i in range(1, points + 1)})


def curve(arguments, job):
    shown = seedcast("show", job, "--store", arguments.store)
    history, status = shown["history"]["generations"], shown["status"]
    spec = status["spec"]
    population = spec["strategy"]["population_size"]
    seconds = [0.0]
    for generation in history:
        seconds.append(seconds[-1] + generation["seconds"])
    points = []
    for version in versions_along(status["version"], arguments.points):
        result = seedcast("evaluate", job, "--store", arguments.store, "--version", version, "--episodes", 1000)
        points.append({"version": version, "seconds": seconds[version], "evaluations": version * population,
                       "accuracy": result["accuracy"], "interval": result["interval"]})
        print(f"  {job} version {version}: {100 * result['accuracy']:.2f} %", file=sys.stderr, flush=True)
    return {"job": job, "seed": spec["seed"], "network": network(spec["proto_net"]), "points": points}


def network(task):
    """conv4-32, or conv4-16/32/32/64 where the blocks differ."""
    filters = task.get("filters_per_block") or [task["filters"]]
    return f"conv{len(filters) if len(filters) > 1 else task['blocks']}-{'/'.join(str(f) for f in filters)}"


def merged(kept, measured):
    """A curve measured again replaces the one before."""
    def key(one):
        return one["job"], one["seed"], one["network"]
    new = {key(one) for one in measured}
    return [one for one in kept if key(one) not in new] + measured


def draw(curves, path):
    try:
        import matplotlib
    except ImportError:
        print("no picture: matplotlib is missing (Debian: python3-matplotlib)", file=sys.stderr)
        return
    matplotlib.use("svg")
    from matplotlib import pyplot
    figure, panels = pyplot.subplots(1, 2, figsize=(10, 4), sharey=True)
    for panel, key, label, unit in ((panels[0], "seconds", "wall-clock, minutes", 60),
                                    (panels[1], "evaluations", "evaluations, millions", 1e6)):
        for one in curves:
            points = one["points"]
            panel.errorbar([p[key] / unit for p in points], [100 * (1 - p["accuracy"]) for p in points],
                           [100 * p["interval"] for p in points], marker="o", markersize=3, label=f"{one['job']}, {one['network']}, seed {one['seed']}")
        for accuracy, name in ((0.984, "ES-ProtoNet paper, 98.4 %"), (0.95, "95 %")):
            panel.axhline(100 * (1 - accuracy), color="grey", linestyle=":", linewidth=1)
            panel.annotate(name, (0.01, 100 * (1 - accuracy)), xycoords=("axes fraction", "data"), ha="left", va="bottom",
                           fontsize=8, color="grey")
        panel.set_xlabel(label)
        panel.set_xscale("log")
        panel.xaxis.set_major_formatter("{x:g}")
        panel.set_yscale("log")
        panel.grid(True, which="both", alpha=0.2)
    ticks = [1, 1.5, 2, 3, 5, 7, 10, 20]
    panels[0].set_yticks(ticks, [f"{t} %" for t in ticks])
    panels[0].minorticks_off()
    panels[0].set_ylabel("test error, 5-way 5-shot")
    panels[1].legend(fontsize=8)
    figure.suptitle("Omniglot, held-out characters, 1,000 episodes a point, 95 % intervals")
    figure.tight_layout()
    figure.savefig(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("job_file", nargs="?", default=ROOT / "examples/omniglot.yaml")
    parser.add_argument("--seeds", default="1,2,3", help="one run each")
    parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="PATH=VALUE")
    parser.add_argument("--points", type=int, default=12, help="versions measured along a run")
    parser.add_argument("--job", action="append", default=[], help="measure this job of --store instead of training")
    parser.add_argument("--keep", action="store_true", help="keep the curves of other jobs in DIR/accuracy.json")
    parser.add_argument("--store", type=pathlib.Path, default=ROOT / "results/store")
    parser.add_argument("--output", type=pathlib.Path, default=ROOT / "results")
    arguments = parser.parse_args()
    if not SEEDCAST.exists():
        parser.error(f"no {SEEDCAST}: run scripts/run.sh or scripts/test.sh first")
    jobs = arguments.job or [train(arguments, int(seed)) for seed in arguments.seeds.split(",")]
    curves = [curve(arguments, job) for job in jobs]
    arguments.output.mkdir(parents=True, exist_ok=True)
    record = arguments.output / "accuracy.json"
    if arguments.keep and record.exists():
        curves = merged(json.loads(record.read_text()), curves)
    record.write_text(json.dumps(curves, indent=1))
    draw(curves, arguments.output / "accuracy.svg")
    print("| job | network | seed | evaluations | minutes | accuracy |\n|---|---|---|---|---|---|")
    for one in curves:
        for p in one["points"]:
            print(f"| {one['job']} | {one['network']} | {one['seed']} | {p['evaluations'] / 1e6:.2f} M | "
                  f"{p['seconds'] / 60:.1f} | {100 * p['accuracy']:.2f} ± {100 * p['interval']:.2f} % |")


if __name__ == "__main__":
    main()
