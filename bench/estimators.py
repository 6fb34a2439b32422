#!/usr/bin/python3
"""What an estimator of the meta-gradient is worth: full ES, truncated ES, PES, NRES and truncated backpropagation against
the true gradient, over unrolls of several lengths.

Usage: bench/estimators.py [--trainings 20000] [--output DIR] [--json]

Needs a release build (scripts/run.sh makes one), and for the picture Debian's python3-matplotlib. Writes
DIR/estimators.json, DIR/estimators.md and DIR/estimators.svg, prints the table (with --json the figures instead).
"""
import argparse
import json
import pathlib
import subprocess
import sys

import fleet

ROOT = pathlib.Path(__file__).resolve().parent.parent
BENCH = ROOT / "build/release/bench/estimator_bench"
STYLES = {"full_es": ("full ES", "black", "s"), "truncated_es": ("truncated ES", "tab:red", "v"),
          "pes": ("PES", "tab:blue", "o"), "nres": ("NRES", "tab:green", "^"),
          "gradient": ("truncated backpropagation", "tab:orange", "x")}
TITLES = {"influence": "influence balancing (Tallec and Ollivier 2017)",
          "quadratic": "learning rate of gradient descent on a quadratic"}


def draw(rows, path):
    try:
        import matplotlib
    except ImportError:
        print("no picture: matplotlib is missing (Debian: python3-matplotlib)", file=sys.stderr)
        return
    matplotlib.use("svg")
    from matplotlib import pyplot
    problems = list(dict.fromkeys(row["problem"] for row in rows))
    figure, panels = pyplot.subplots(1, len(problems), figsize=(6 * len(problems), 4), squeeze=False)
    for panel, problem in zip(panels[0], problems):
        own = [row for row in rows if row["problem"] == problem]
        panel.axhline(own[0]["truth"], color="grey", linestyle=":", label="true gradient")
        for number, (estimator, (label, colour, marker)) in enumerate(STYLES.items()):
            points = [row for row in own if row["estimator"] == estimator]
            beside = 1 + 0.03 * (number - 2)  # so that intervals do not hide one another
            panel.errorbar([beside * p["steps"] for p in points], [p["mean"] for p in points],
                           [p["interval"] for p in points], marker=marker, markersize=4, linewidth=0.8, capsize=2,
                           color=colour, label=label)
        panel.set_xscale("log")
        ticks = sorted({row["steps"] for row in own})
        panel.set_xticks(ticks, [str(t) for t in ticks])
        panel.minorticks_off()
        panel.set_xlabel(f"steps of an unroll, inner training of {own[0]['steps'] * own[0]['count']}")
        panel.set_ylabel("mean estimate of the meta-gradient")
        panel.set_title(TITLES[problem], fontsize=10)
        panel.grid(True, alpha=0.2)
    panels[0][0].legend(fontsize=8)
    figure.suptitle(f"{rows[0]['trainings']:,} inner trainings a point, 95 % intervals")
    figure.tight_layout()
    figure.savefig(path)


def report(rows):
    header = ["problem", "unrolls", "estimator", "mean ± 95 %", "truth", "mean - truth", "truth inside"]
    return fleet.table(header, [
        [row["problem"], f"{row['count']} x {row['steps']}", STYLES[row["estimator"]][0], f"{row['mean']:.4g} ± {row['interval']:.2g}",
         f"{row['truth']:.4g}", f"{row['mean'] - row['truth']:+.2g}", "yes" if row["inside"] else "no"] for row in rows])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trainings", type=int, default=20000, help="inner trainings a point")
    parser.add_argument("--output", type=pathlib.Path, default=ROOT / "results")
    parser.add_argument("--bench", type=pathlib.Path, default=BENCH, help="the binary")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if not arguments.bench.exists():
        parser.error(f"no {arguments.bench}: run scripts/run.sh or scripts/test.sh first")
    command = [str(arguments.bench), "--json", "--trainings", str(arguments.trainings)]
    text = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout
    rows = json.loads(text)
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / "estimators.json").write_text(text)
    draw(rows, arguments.output / "estimators.svg")
    (arguments.output / "estimators.md").write_text(report(rows) + "\n")
    print(text.rstrip() if arguments.json else report(rows))


if __name__ == "__main__":
    main()
