#!/usr/bin/python3
"""Cluster groups on two workers against one worker that does the same job alone: Table 2 and Figure 7 of "Accelerating
Gradient-based Meta Learner" (arXiv 2110.14459) on this machine.

Usage: bench/clusters.py [--generations 12] [--population 256] [--repeat 3] [--only table lengths sweep] [--build DIR] [--output DIR]

Both runs of a pair make the same meta-iterations and must end with the same digest, hence the same test accuracy; the program fails where they
do not. A virtual machine's speed drifts from minute to minute, so the pairs of Table 2 are repeated, one worker and two in turn; a ratio is the
median of the pairs', and beside it stands how much slot time the same evaluations took on two workers over that on one: what is not 1 there is the
machine, not the schedule. *Of what two can* is the ratio over 2 / that. Coordinator and workers are processes of their own, over loopback gRPC,
one slot a worker. Writes DIR/clusters.json, DIR/clusters.md and, where there is matplotlib (Debian: python3-matplotlib), DIR/clusters.svg.
"""
import argparse
import statistics
import sys

import fleet

# Clusters in the order in which they join: members of published families, so many that the first two cost about the same, for packing has no
# choice with two. The sweep below has clusters that packing cannot balance.
CLUSTERS = [
    ("softmax", ["softmax(10, 2, 100)", "softmax(100, 1, 50)", "noisy(softmax(100, 1, 50), 0.1)"]),
    ("nets", ["mlp(8, 8, 5, 10)", "mlp(9, 8, 128)", "mlp(7, 8, 5, 16)"]),
    ("quadratics", ["noisy(quadratic(20), 0.5)", "noisy(quadratic(25), 0)"]),
    ("bowls", ["bowl", "bowl_noisy"]),
    ("functions", ["optimization_test"]),
]
PUBLISHED = {2: (1450.15, 826.53), 3: (6313.8, 2977.83), 4: (11361.3, 4918.31), 5: (21932.75, 12473.1)}  # seconds, Table 2

# The sweep takes the first k members of each.
TASKS = [
    ("softmax", [f"softmax({n}, 2, 100)" for n in (10, 12, 14, 16, 18, 20, 22)]),
    ("nets", ["mlp(8, 8, 5, 10)", "mlp(5, 4, 4, 4, 4, 100)", "mlp(9, 8, 128)", "mlp(11, 4, 5, 6, 64)", "mlp(7, 8, 5, 16)",
              "mlp(12, 8, 5, 3, 200)", "mlp(5, 8, 8, 8, 8, 100)"]),
    ("quadratics", [f"quadratic({n})" for n in (20, 25, 50, 100, 30, 60, 80)]),
    ("bowls", ["bowl(1)", "bowl(5)", "bowl(5, 45)", "bowl(0.1)", "bowl(2)", "bowl(10)", "bowl(2, 45)"]),
    ("functions", ["rosenbrock", "beale", "booth", "styblinski_tang", "matyas", "branin", "ackley"]),
]
FIXED = {"steps": 100}
SHARED = {"lengths": "EXPONENTIAL", "steps": 50, "min_steps": 50}
INDEPENDENT = SHARED | {"independent": True}


def job(clusters, generations, population, unroll):
    return {"name": "clusters", "generations": generations, "validation": {"every": 0},
            "learned_optimizer": {"clusters": [{"name": name, "problems": problems} for name, problems in clusters], "unroll": unroll},
            "strategy": {"population_size": population, "sigma": {"initial": 0.05}, "learning_rate": {"initial": 0.1}}}


def train(arguments, spec, workers):
    with fleet.Fleet(arguments.build, workers) as processes:
        status = processes.run(spec | {"cluster_groups": workers})
        test = processes.evaluate(status["job_id"], arguments.test_episodes, status["version"])
    history = [generation for generation in status["history"] if generation["clusters"]]
    return {"workers": workers, "seconds": status["running_seconds"], "digest": status["digest"], "accuracy": test["accuracy"],
            "work": sum(cluster["seconds"] for generation in history for cluster in generation["clusters"]), "history": history}


def above_mean(values):
    return max(values) * len(values) / sum(values) - 1


def planned(row):
    """The generations but the first, which is planned without having measured anything."""
    return [generation for generation in row["history"][1:] if len(generation["groups"]) > 1]


def balance(rows):
    """Means over the planned generations of all rows."""
    generations = [generation for row in rows for generation in planned(row)]
    mean = lambda value: sum(value(generation) for generation in generations) / len(generations)
    of_groups = lambda field: mean(lambda generation: above_mean([group[field] for group in generation["groups"]]))
    pairs = lambda generation: sum(group["stolen_pairs"] for group in generation["groups"])
    return {"predicted": of_groups("predicted_seconds"), "packed": of_groups("measured_seconds"),
            "idle_share": mean(lambda generation: generation["idle_share"]),
            "stolen_pairs": mean(pairs),
            "group_seconds": [{field: mean(lambda generation: generation["groups"][number][field])
                               for field in ("predicted_seconds", "measured_seconds", "finished_seconds")} for number in range(2)]}


def after_stealing(row):
    """The most by which a worker's busy time can be above the workers' mean: none is busy for longer than the meta-iteration takes."""
    return row["idle_share"] / (1 - row["idle_share"])


def compare(arguments, spec, label, repeat=1):
    """One job sequentially on one worker, and in two cluster groups on two, `repeat` times in turn."""
    pairs = [[train(arguments, spec, workers) for workers in (1, 2)] for _ in range(repeat)]
    if len({(run["digest"], run["accuracy"]) for pair in pairs for run in pair}) > 1:
        raise SystemExit(f"{label}: not the same result: "
                         + ", ".join(f"digest {run['digest']}, accuracy {run['accuracy']} on {run['workers']}" for pair in pairs for run in pair))
    ratios = sorted(one["seconds"] / two["seconds"] for one, two in pairs)
    median = lambda values: statistics.median(list(values))
    row = {"label": label, "one": median(one["seconds"] for one, _ in pairs), "two": median(two["seconds"] for _, two in pairs),
           "ratio": median(ratios), "ratios": ratios, "work_ratio": median(two["work"] / one["work"] for one, two in pairs),
           "digest": pairs[0][0]["digest"], "accuracy": pairs[0][0]["accuracy"]}
    row |= balance([two for _, two in pairs])
    print(f"  {label}: {row['one']:.2f} s, {row['two']:.2f} s, {ratio(row)}, idle {percent(row['idle_share'])}", file=sys.stderr, flush=True)
    return row


def ratio(row):
    """The median, with the range where there are more."""
    among = f" ({row['ratios'][0]:.2f} to {row['ratios'][-1]:.2f})" if len(row["ratios"]) > 1 else ""
    return f"{row['ratio']:.2f}x{among}"


def percent(share):
    return f"{100 * share:.1f} %"


def table2(arguments):
    rows = []
    for count in PUBLISHED:
        spec = job(CLUSTERS[:count], arguments.generations, arguments.population, FIXED)
        rows.append(compare(arguments, spec, f"{count} clusters", arguments.repeat) | {"clusters": count})
    cells = []
    for row in rows:
        base, optimised = PUBLISHED[row["clusters"]]
        cells.append([row["clusters"], f"{row['one']:.1f} s", f"{row['two']:.1f} s", f"**{ratio(row)}**", f"{row['work_ratio']:.2f}",
                      percent(row["ratio"] * row["work_ratio"] / 2), percent(row["packed"]), percent(after_stealing(row)), percent(row["idle_share"]), f"{100 * row['accuracy']:.2f} %", row["digest"][:12],
                      f"{base} s -> {optimised} s, {base / optimised:.2f}x"])
    groups = [[row["clusters"], number] + [f"{group[field]:.3f} s" for field in ("predicted_seconds", "measured_seconds", "finished_seconds")]
              for row in rows for number, group in enumerate(row["group_seconds"])]
    text = (f"### Table 2: sequential against two cluster groups, {arguments.generations} meta-iterations, medians of {arguments.repeat}\n\n"
            + fleet.table(["clusters", "one worker", "two workers", "ratio", "same work, two over one", "of what two can", "imbalance as packed", "after stealing",
                           "idle share", "test accuracy, both", "digest, both", "published"], cells)
            + "\n\nA meta-iteration's groups, mean:\n\n"
            + fleet.table(["clusters", "group", "predicted work", "measured work", "finished after"], groups))
    return rows, text


def lengths(arguments):
    generations = max(arguments.generations // 2, 2)
    rows = [compare(arguments, job(CLUSTERS, generations, arguments.population, unroll), label)
            for label, unroll in (("shared lengths", SHARED), ("independent lengths", INDEPENDENT))]
    cells = [[row["label"], f"{row['one']:.1f} s", f"{row['two']:.1f} s", f"{row['ratio']:.2f}x", percent(row["packed"]), percent(after_stealing(row)),
              percent(row["idle_share"])] for row in rows]
    return rows, (f"### Random unroll lengths, 5 clusters, {generations} meta-iterations\n\n"
                  + fleet.table(["lengths", "one worker", "two workers", "ratio", "imbalance as packed", "after stealing", "idle share"], cells))


def sweep(arguments):
    rows = []
    for each in arguments.tasks_of_a_cluster:
        clusters = [(name, problems[:each]) for name, problems in TASKS]
        spec = job(clusters, max(arguments.generations * 5 // 6, 2), max(arguments.population // 4, 8), FIXED)
        rows.append(compare(arguments, spec, f"{5 * each} tasks") | {"tasks": 5 * each})
    cells = [[row["tasks"], f"{row['one']:.2f} s", f"{row['two']:.2f} s", f"{row['ratio']:.2f}x", percent(row["packed"]), percent(after_stealing(row)),
              percent(row["idle_share"])] for row in rows]
    draw(rows, arguments.output / "clusters.svg")
    return rows, ("### Figure 7: tasks in five clusters\n\n"
                  + fleet.table(["tasks", "one worker", "two workers", "ratio", "imbalance as packed", "after stealing", "idle share"], cells))


def draw(rows, path):
    pyplot = fleet.pyplot()
    if pyplot is None:
        return
    figure, (times, ratios) = pyplot.subplots(1, 2, figsize=(10, 3.6))
    tasks = [row["tasks"] for row in rows]
    times.plot(tasks, [row["one"] for row in rows], marker="s", color="black", label="one worker, sequential")
    times.plot(tasks, [row["two"] for row in rows], marker="o", color="tab:blue", label="two workers, two cluster groups")
    times.set_ylabel("seconds")
    times.legend(fontsize=8)
    ratios.plot(tasks, [row["ratio"] for row in rows], marker="o", color="tab:blue", label="measured")
    ratios.plot(tasks, [2 / (1 + row["packed"]) for row in rows], marker="x", color="grey", linestyle=":", label="bound of packing alone, without stealing")
    ratios.axhline(2, color="grey", linewidth=0.8)
    ratios.set_ylabel("ratio")
    ratios.set_ylim(1, 2.1)
    ratios.legend(fontsize=8, loc="lower right")
    for panel in (times, ratios):
        panel.set_xlabel("tasks, in five clusters")
        panel.set_xticks(tasks)
        panel.set_ylim(bottom=min(panel.get_ylim()[0], 1) if panel is ratios else 0)
        panel.grid(True, alpha=0.2)
    figure.suptitle("Same meta-iterations, same digest")
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})


SECTIONS = {"table": table2, "lengths": lengths, "sweep": sweep}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--generations", type=int, default=12, help="meta-iterations of a run, at least 3")
    parser.add_argument("--population", type=int, default=256)
    parser.add_argument("--repeat", type=int, default=3, help="pairs of runs of each row of Table 2")
    parser.add_argument("--test-episodes", type=int, default=200)
    parser.add_argument("--tasks-of-a-cluster", type=int, nargs="+", default=[1, 2, 3, 4, 5, 6, 7])
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    fleet.add_arguments(parser)
    arguments = parser.parse_args()
    fleet.check_build(parser, arguments)
    if arguments.generations < 3:
        parser.error("--generations: at least 3, for the first is planned without a measurement")
    if arguments.repeat < 1:
        parser.error("--repeat: at least 1")
    figures, texts = {}, []
    for section in arguments.only:
        figures[section], text = SECTIONS[section](arguments)
        texts.append(text)
    fleet.write(arguments, "clusters", figures, "\n\n".join(texts))


if __name__ == "__main__":
    main()
