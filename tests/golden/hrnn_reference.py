#!/usr/bin/env python3
"""The hierarchical RNN optimizer in plain numpy (float64), written from the documentation alone: the equations of
worker/tasks/learned_optimizer/hrnn_reference.h and the layout of HrnnTensors.

usage: hrnn_reference.py GOLDEN            compares GOLDEN with what the equations give
       hrnn_reference.py --write GOLDEN    writes it
exit status 77: numpy is not installed

GOLDEN (JSON) is what hrnn_golden_test.cc holds the C++ step to. theta, gradients and the state before the first step are
the formulas of `inputs`, which the test repeats.
"""
import json
import sys

try:
    import numpy as np
except ImportError:
    print("skipped: numpy is not installed (Debian: python3-numpy)")
    sys.exit(77)

SIZES, STEPS = [3, 2], 4

SHAPES = [  # name, shape
    ("G0", (22, 20)), ("g0", (20,)), ("C0", (22, 10)), ("c0", (10,)),
    ("T0", (20, 30)), ("t0", (30,)), ("P0", (20, 30)), ("p0", (30,)),
    ("G1", (42, 40)), ("g1", (40,)), ("C1", (42, 20)), ("c1", (20,)), ("P1", (20, 60)), ("p1", (60,)),
    ("G2", (40, 40)), ("g2", (40,)), ("C2", (40, 20)), ("c2", (20,)),
    ("i0", (10,)), ("i1", (20,)), ("i2", (20,)),
    ("wu", (10,)), ("wg", (4,)), ("ws", (10,)), ("bs", ()), ("wd", (10,)), ("bd", ()), ("wl", (10,)), ("bl", ()),
    ("m", ()), ("o", ()),
]


def weights(theta):
    result, at = {}, 0
    for name, shape in SHAPES:
        count = int(np.prod(shape))
        result[name] = theta[at : at + count].reshape(shape)
        at += count
    assert at == len(theta) == 8349
    return result


def inputs():
    i = np.arange(8349)
    theta = ((i * 7919) % 2003 - 1001) / 2048  # exact in float32
    n = sum(SIZES)
    p = np.arange(n)
    gradients = [((p * 31 + t * 17) % 23 - 11) / 8 for t in range(STEPS)]
    log_rate = -4 + ((p * 13) % 7) / 4
    parameters = (p % 5) / 2
    return theta, gradients, log_rate, parameters


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def cell(x, h, extra, gates, gate_biases, candidate, candidate_biases):
    units = h.shape[-1]
    r_u = sigmoid(np.concatenate([x, h], -1) @ gates + gate_biases + extra[..., : 2 * units])
    r, u = r_u[..., :units], r_u[..., units:]
    c = np.tanh(np.concatenate([x, r * h], -1) @ candidate + candidate_biases + extra[..., 2 * units :])
    return u * h + (1 - u) * c


def step(w, gradient, state, parameters, last_tensor):
    h1_old, h2_old, mean_rate = state["h1"].copy(), state["h2"].copy(), state["l"].mean()
    first = 0
    for t, size in enumerate(SIZES):
        p = slice(first, first + size)
        first += size
        g, s, d = gradient[p], state["s"][p], state["d"][p]
        scaled, logs = [], []
        for i in range(4):
            state["a"][i, p] = (1 - d) * g + d * state["a"][i, p]
            old = state["v"][i, p]
            used = s if np.any(old != 0) else np.zeros_like(s)
            state["v"][i, p] = (1 - used) * (state["a"][i, p] ** 2 + 1e-12) + used * old
            scaled.append(np.arcsinh(state["a"][i, p] / np.sqrt(state["v"][i, p] + 1e-16)))
            logs.append(np.log(state["v"][i, p] + 1e-16))
            d = np.sqrt(d)
        mean_log = sum(logs) / 4
        x = np.stack(scaled + [scaled[i] * scaled[i + 1] for i in range(3)] + [log - mean_log for log in logs]
                     + [state["l"][p] - mean_rate], 1)
        extra = h1_old[t] @ w["T0"] + w["t0"] + h2_old @ w["P0"] + w["p0"]
        h0 = cell(x, state["h0"][:, p].T, extra, w["G0"], w["g0"], w["C0"], w["c0"])
        state["h0"][:, p] = h0.T
        state["h1"][t] = cell(np.concatenate([h0, x], 1).mean(0), h1_old[t], h2_old @ w["P1"] + w["p1"],
                              w["G1"], w["g1"], w["C1"], w["c1"])
        u = h0 @ w["wu"] + np.stack(scaled, 1) @ w["wg"]
        q = u / np.sqrt((u ** 2).mean() + 1e-16)
        state["s"][p], state["d"][p] = sigmoid(h0 @ w["ws"] + w["bs"]), sigmoid(h0 @ w["wd"] + w["bd"])
        k = np.clip(state["l"][p] + h0 @ w["wl"] + w["bl"], -33, 33)
        y = sigmoid(w["m"])
        state["l"][p] = y * state["l"][p] + (1 - y) * k
        parameters[p] -= np.exp(k + w["o"]) * q
    mean_h1 = state["h1"][-1] if last_tensor else state["h1"].mean(0)
    state["h2"] = cell(mean_h1, h2_old, np.zeros(60), w["G2"], w["g2"], w["C2"], w["c2"])


def run(last_tensor):
    theta, gradients, log_rate, parameters = inputs()
    w, n = weights(theta), sum(SIZES)
    state = {"h0": np.repeat(w["i0"][:, None], n, 1), "s": np.zeros(n), "d": np.zeros(n), "l": log_rate,
             "a": np.zeros((4, n)), "v": np.zeros((4, n)), "h1": np.tile(w["i1"], (len(SIZES), 1)), "h2": w["i2"].copy()}
    rows = []
    for gradient in gradients:
        step(w, gradient, state, parameters, last_tensor)
        row = {"parameters": parameters} | state
        rows.append({name: np.ravel(values).tolist() for name, values in row.items()})
    return rows


def main():
    write = sys.argv[1] == "--write"
    results = {"mean_of_tensors": run(False), "last_tensor": run(True)}
    if write:
        with open(sys.argv[2], "w") as golden:
            parts = [f'"{name}": [\n' + ",\n".join(map(json.dumps, rows)) + "]" for name, rows in results.items()]
            golden.write("{" + ",\n".join(parts) + "}\n")
        return 0
    with open(sys.argv[1]) as golden:
        stored = json.load(golden)
    for name, rows in results.items():
        for t, row in enumerate(rows):
            for array, values in row.items():
                np.testing.assert_allclose(stored[name][t][array], values, rtol=1e-12, atol=1e-14,
                                           err_msg=f"{name}, step {t}, {array}")
    print(f"{sys.argv[1]} is what the equations give")
    return 0


if __name__ == "__main__":
    sys.exit(main())
