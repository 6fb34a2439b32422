"""ES evaluations per second in PyTorch: conv4 ProtoNet, 5-way 5-shot 5-query, noise included.

One evaluation = draw the pair's noise (shared by its two members), perturb the parameters, embed the episode's 50 images with
batch statistics, prototypes, cross-entropy. Written the way a PyTorch user would write it; each setting is one way to run it,
and the best one counts. Prints one JSON object a setting.
"""
import argparse
import contextlib
import json
import multiprocessing
import os
import time

import torch
import torch.nn.functional as F

WAY, SHOT, QUERY, SIGMA = 5, 5, 5, 0.1


def make_parameters(filters, blocks):
    shapes, channels = [], 1
    for _ in range(blocks):
        shapes += [(filters, channels, 3, 3), (filters,), (filters,)]
        channels = filters
    return [torch.randn(s) * (2 / (9 * s[1])) ** 0.5 if len(s) == 4 else torch.ones(s) for s in shapes]


def embed(parameters, x):
    for weight, gamma, beta in zip(*[iter(parameters)] * 3):
        x = F.conv2d(x, weight, padding=1)
        x = F.batch_norm(x, None, None, gamma, beta, training=True)
        x = F.max_pool2d(F.relu(x), 2)
    return x.flatten(1)


def fitness(parameters, images, labels):
    z = embed(parameters, images).float()
    prototypes = z[: WAY * SHOT].view(WAY, SHOT, -1).mean(1)
    distances = ((z[WAY * SHOT :, None] - prototypes[None]) ** 2).sum(-1)
    return -F.cross_entropy(-distances, labels)


def evaluate_pair(theta, images, labels, function, autocast):
    noise = [torch.randn_like(t) for t in theta]
    results = []
    for sign in (SIGMA, -SIGMA):
        member = [t + sign * n for t, n in zip(theta, noise)]
        with autocast():
            results.append(float(function(member, images, labels)))
    return results


def loop(seconds, filters, blocks, *, bf16=False, channels_last=False, compile_it=False, threads=None):
    torch.manual_seed(os.getpid())
    if threads:
        torch.set_num_threads(threads)
    theta = make_parameters(filters, blocks)
    images = (torch.rand(WAY * (SHOT + QUERY), 1, 28, 28) > 0.8).float()
    labels = torch.arange(WAY).repeat_interleave(QUERY)
    if channels_last:
        images = images.to(memory_format=torch.channels_last)
        theta = [t.to(memory_format=torch.channels_last) if t.dim() == 4 else t for t in theta]
    function = torch.compile(fitness) if compile_it else fitness
    autocast = (lambda: torch.autocast("cpu", torch.bfloat16)) if bf16 else contextlib.nullcontext
    with torch.inference_mode():
        for _ in range(3):
            evaluate_pair(theta, images, labels, function, autocast)
        start, count = time.perf_counter(), 0
        while time.perf_counter() - start < seconds:
            evaluate_pair(theta, images, labels, function, autocast)
            count += 2
        return count / (time.perf_counter() - start)


def _worker(connection, seconds, filters, blocks, options):
    connection.send(loop(seconds, filters, blocks, threads=1, **options))


def processes(seconds, filters, blocks, **options):
    """One single-threaded process a core: what a user does who has found that small convolutions do not scale over threads."""
    context = multiprocessing.get_context("spawn")
    workers = []
    for _ in range(os.cpu_count()):
        mine, theirs = context.Pipe()
        process = context.Process(target=_worker, args=(theirs, seconds, filters, blocks, options))
        process.start()
        workers.append((process, mine))
    rates = [connection.recv() for _, connection in workers]
    for process, _ in workers:
        process.join()
    return sum(rates)


SETTINGS = {
    "default": (loop, {}),
    "processes": (processes, {}),
    "processes, channels-last": (processes, {"channels_last": True}),
    "bf16 autocast": (loop, {"bf16": True}),
    "processes, bf16": (processes, {"bf16": True}),
    "processes, bf16, channels-last": (processes, {"bf16": True, "channels_last": True}),
    "processes, compiled": (processes, {"compile_it": True}),
    "processes, compiled, bf16": (processes, {"compile_it": True, "bf16": True}),
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--filters", type=int, default=64)
    parser.add_argument("--blocks", type=int, default=4)
    parser.add_argument("--only", help="run the setting of this name alone")
    arguments = parser.parse_args()
    for name, (function, options) in SETTINGS.items():
        if arguments.only and name != arguments.only:
            continue
        row = {"peer": f"PyTorch {torch.__version__}", "setting": name, "bf16": "bf16" in name}
        try:
            row["evaluations_per_second"] = function(arguments.seconds, arguments.filters, arguments.blocks, **options)
        except Exception as error:  # a setting that this build cannot run is a row, not the end
            row["error"] = str(error).splitlines()[0][:200]
        print(json.dumps(row), flush=True)
