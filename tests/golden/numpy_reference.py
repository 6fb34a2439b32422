#!/usr/bin/env python3
"""Noise and updates in plain numpy, written from the documentation alone, compared bit by bit with what dump_update
prints.

The documentation is the comments of common/noise/noise.h, common/strategy/{shaping,estimator,schedule,optimizer,update}.h,
and job.proto. Cosine
and exponential schedules need elementary functions, which differ by machine in numpy; the learning rate that comes of
them is rounded to float32 once, so numpy's serve as long as they are within a few units of the last place of a double
(a wrong bit would show as a failure, never as a pass).

usage: numpy_reference.py path/to/dump_update   exit status 77: numpy is not installed
"""
import json
import subprocess
import sys

try:
    import numpy as np
except ImportError:
    print("skipped: numpy is not installed (Debian: python3-numpy)")
    sys.exit(77)

F = np.float32
MASK = np.uint64(0xFFFFFFFF)


def philox(blocks, pair, generation, domain, seed):
    """Philox4x32-10: (4, len(blocks)) words, as uint64 below 2^32."""
    c = [blocks.astype(np.uint64)] + [np.full(blocks.shape, v, np.uint64) for v in (pair, generation, domain)]
    k0, k1 = seed & 0xFFFFFFFF, seed >> 32
    for _ in range(10):
        p0, p1 = np.uint64(0xD2511F53) * c[0], np.uint64(0xCD9E8D57) * c[2]
        c = [(p1 >> np.uint64(32)) ^ c[1] ^ np.uint64(k0), p1 & MASK,
             (p0 >> np.uint64(32)) ^ c[3] ^ np.uint64(k1), p0 & MASK]
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return np.stack(c)


def noise(kind, seed, generation, pair, count):
    bits_each = 16 if kind == "POPCOUNT" else 1
    group_size = 16 * 128 // bits_each
    groups = -(-count // group_size)
    words = philox(np.arange(16 * groups), pair, generation, 0, seed)  # (word, block)
    bits = words[:, :, None] >> np.arange(32, dtype=np.uint64) & np.uint64(1)  # (word, block, bit)
    bits = bits.astype(np.int64).reshape(4, groups, 16, 32 // bits_each, bits_each)
    bits = bits.transpose(1, 0, 3, 2, 4)  # (group, word, half or bit, block of 16, bits)
    n = bits.sum(-1) - 8 if kind == "POPCOUNT" else 1 - 2 * bits[..., 0]
    return n.reshape(-1)[:count]


def noise_scale(kind, sigma):
    mantissa, exponent = np.frexp(np.float64(sigma) / 2 if kind == "POPCOUNT" else np.float64(sigma))
    return F(np.ldexp(np.rint(mantissa * 65536), exponent - 16))


def doubled_ranks(values):
    """Twice the rank from 0; equal values share the mean of their ranks."""
    below = (values[None, :] < values[:, None]).sum(1)
    not_above = (values[None, :] <= values[:, None]).sum(1)
    return below + not_above - 1


def pair_weights(shaping, fitness):
    plus, minus = fitness[0::2].astype(np.float64), fitness[1::2].astype(np.float64)
    if shaping == "CENTERED_RANKS":
        u = doubled_ranks(np.where(np.isfinite(fitness), fitness, -np.inf)) - (len(fitness) - 1)
        return u[0::2] - u[1::2]
    finite = np.isfinite(plus) & np.isfinite(minus)
    d = plus[finite] - minus[finite]
    weights = np.zeros(len(plus), np.int64)
    if shaping == "SIGNED_RANKS":
        weights[finite] = np.sign(d).astype(np.int64) * (doubled_ranks(np.abs(d)) + 2)
    else:
        total = 0.0
        for x in d:
            total += x * x
        rms = np.sqrt(total / len(d))
        weights[finite] = np.rint(np.clip(d / rms, -4, 4) * 4096).astype(np.int64)
    return weights


def estimate_scale(shaping, population):
    n, p = np.float64(population), np.float64(population) / 2
    return {"CENTERED_RANKS": 1 / (n * np.sqrt((n * n - 1) / 3)),
            "SIGNED_RANKS": 1 / (p * np.sqrt(2 * (p + 1) * (2 * p + 1) / 3)),
            "NORMALIZED_DIFFERENCES": 1 / (4096 * p)}[shaping]


def value_at(schedule, generation, generations):
    a, b, start = schedule["initial"], schedule["final"], schedule["start"]
    x = generation / generations
    y = 0.0 if x <= start else (x - start) / (1 - start)
    value = {"CONSTANT": lambda: a,
             "LINEAR": lambda: a + (b - a) * y,
             "COSINE": lambda: b + (a - b) * (0.5 * (1 + np.cos(np.pi * y))),
             "EXPONENTIAL": lambda: a * np.exp(y * np.log(b / a))}[schedule["decay"]]()
    warm_after = schedule["warmup"] * generations
    return value * ((generation + 1) / warm_after) if generation + 1 < warm_after else value


def power(base, exponent):
    result, square = 1.0, base
    while exponent:
        if exponent & 1:
            result *= square
        square *= square
        exponent >>= 1
    return result


def step(strategy, rate, version, g, theta, m, v):
    keep, r = F(1 - rate * strategy["weight_decay"]), F(rate)
    if "sgd" in strategy:
        m = F(strategy["sgd"]["momentum"]) * m + g
        return keep * theta + r * m, m, v
    if "rms_prop" in strategy:
        o = strategy["rms_prop"]
        v = F(o["decay"]) * v + F(1 - o["decay"]) * (g * g)
        m = F(o["momentum"]) * m + g / (np.sqrt(v) + F(o["epsilon"]))
        return keep * theta + r * m, m, v
    o, t = strategy["adam"], version + 1
    m = F(o["beta1"]) * m + F(1 - o["beta1"]) * g
    v = F(o["beta2"]) * v + F(1 - o["beta2"]) * (g * g)
    a = F(rate / (1 - power(o["beta1"], t)))
    q = F(1 / np.sqrt(1 - power(o["beta2"], t)))
    return keep * theta + (a * m) / (np.sqrt(v) * q + F(o["epsilon"])), m, v


def starts_training(unroll, seed, generation, pair):
    """Whether there is a boundary, restart or reset, before this generation of the pair."""
    if generation == 0:
        return True
    if unroll["lengths"] == "FIXED":
        return (generation + pair) % unroll["count"] == 0
    word = int(philox(np.arange(1), pair, generation, 4, seed)[0, 0])
    return word * unroll["count"] >> 32 == 0


def weighed_generations(spec, generation, pair):
    """Whose noise the fitness of a pair weighs."""
    estimator = spec["strategy"]["estimator"]
    if estimator in ("FULL_ES", "TRUNCATED_ES"):
        return [generation]
    unroll = next(spec[task] for task in ("learned_optimizer", "influence") if task in spec)["unroll"]
    start = generation
    while not starts_training(unroll, int(spec["seed"]), start, pair):
        start -= 1
    return range(start, generation + 1) if estimator == "PES" else [start]


def combined_weights(spec, fitness):
    """Of all pairs, over clusters, and the sum of the clusters' weights."""
    clusters = spec.get("learned_optimizer", {"clusters": [{"weight": 1}]})["clusters"]
    rows = fitness.reshape(len(clusters), -1)
    weights = sum(c["weight"] * pair_weights(spec["strategy"]["shaping"], row) for c, row in zip(clusters, rows))
    return weights, sum(c["weight"] for c in clusters)


def update(spec, version, fitness, theta, m, v):
    strategy, seed = spec["strategy"], int(spec["seed"])
    weights, cluster_weights = combined_weights(spec, fitness)
    total = np.zeros(len(theta), np.int64)
    for p, w in enumerate(weights):
        for generation in weighed_generations(spec, version, p):
            total += w * noise(strategy["noise"], seed, generation, p, len(theta))
    scale = estimate_scale(strategy["shaping"], int(strategy["population_size"])) / cluster_weights
    g = total.astype(F) * F(scale / 2 if strategy["noise"] == "POPCOUNT" else scale)
    rate = value_at(strategy["learning_rate"], version, int(spec["generations"]))
    return step(strategy, rate, version, g, theta, m, v)


def floats(text):
    return np.frombuffer(bytes.fromhex(text), ">u4").astype(np.uint32).view(F)


def same(name, ours, theirs):
    if ours.dtype == theirs.dtype and ours.tobytes() == theirs.tobytes():
        return True
    wrong = np.flatnonzero(ours != theirs)
    where = f"{len(wrong)} of {len(ours)} differ"
    if len(wrong):
        where += f", first at {wrong[0]}: numpy {ours[wrong[0]]}, seedcast {theirs[wrong[0]]}"
    print(f"FAILED {name}: {where}")
    return False


def check_noise(line):
    theirs = np.array(line["n"], np.int64)
    ours = noise(line["noise"], int(line["seed"]), line["generation"], line["pair"], len(theirs))
    return same(f"noise {line['noise']}", ours, theirs)


def check_update(line):
    spec, version, strategy = line["spec"], line["version"], line["spec"]["strategy"]
    optimizer = next(o for o in ("adam", "sgd", "rms_prop") if o in strategy)
    name = f"update {strategy['estimator']} {strategy['noise']} {strategy['shaping']} {optimizer} {strategy['learning_rate']['decay']}"
    sigma = value_at(strategy["sigma"], version, int(spec["generations"]))
    good = same(name + " noise scale", np.array([noise_scale(strategy["noise"], sigma)]), floats(line["noise_scale"]))
    theta, fitness = floats(line["theta"]), floats(line["fitness"])
    m, v = np.zeros_like(theta), np.full_like(theta, strategy.get("rms_prop", {}).get("initial_mean_square", 0))
    for generation in (version, version + 1):
        theta, m, v = update(spec, generation, fitness, theta, m, v)
    good &= same(name + " theta", theta, floats(line["new_theta"]))
    good &= same(name + " first moment", m, floats(line["first_moment"]))
    if line["second_moment"]:
        good &= same(name + " second moment", v, floats(line["second_moment"]))
    return good


def main():
    output = subprocess.run([sys.argv[1]], check=True, stdout=subprocess.PIPE, text=True).stdout
    lines = [json.loads(line) for line in output.splitlines()]
    results = [check_noise(line) if line["kind"] == "noise" else check_update(line) for line in lines]
    print(f"{sum(results)} of {len(results)} reproduced bit by bit")
    return 0 if results and all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
