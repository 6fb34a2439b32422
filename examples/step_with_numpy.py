#!/usr/bin/env python3
"""Steps a small problem with an exported learned optimizer, in numpy, and compares with what seedcast computed.

    seedcast export learned-optimizer-1 --output optimizer.npz
    python3 examples/step_with_numpy.py optimizer.npz

The file holds the optimizer's meta-parameters by name, what its job said of `published.global_from_last_tensor`, and a
worked example: a quadratic 1/2 |W x - y|^2 whose ten
parameters come in tensors of 6 and 4, with the losses of 20 steps. This program is all that is needed to use such an
optimizer elsewhere. It computes in float64 where seedcast computes in float32: losses agree to 1 part in 1,000, and with
the optimizers seen so far to 1 in 100,000.
"""
import sys

import numpy as np

TOLERANCE = 1e-3  # relative to the loss, and to a millionth of the first loss
SCALES = 4
MAX_LOG_RATE = 33


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


class Cell:
    """A GRU whose update gate keeps the old state, and whose biases are shifted from outside."""

    def __init__(self, model, name):
        self.gates = model[name + ".gates.weights"], model[name + ".gates.biases"]
        self.candidate = model[name + ".candidate.weights"], model[name + ".candidate.biases"]

    def step(self, x, h, shift):
        units = h.shape[-1]
        weights, biases = self.gates
        gates = sigmoid(np.concatenate([x, h], axis=-1) @ weights + biases + shift[: 2 * units])
        reset, update = gates[..., :units], gates[..., units:]
        weights, biases = self.candidate
        candidate = np.tanh(np.concatenate([x, reset * h], axis=-1) @ weights + biases + shift[2 * units :])
        return update * h + (1 - update) * candidate


class LearnedOptimizer:
    """The hierarchical RNN: a cell a parameter, a cell a tensor, a global cell."""

    def __init__(self, model, tensor_sizes, log_learning_rate):
        self.model = model
        self.global_from_last_tensor = bool(model["published.global_from_last_tensor"])
        self.parameter_cell = Cell(model, "parameter_cell")
        self.tensor_cell = Cell(model, "tensor_cell")
        self.global_cell = Cell(model, "global_cell")
        self.splits = np.cumsum(tensor_sizes)[:-1]
        self.log_rate = self.split(log_learning_rate)
        self.h0 = [np.tile(model["initial.parameter"], (size, 1)) for size in tensor_sizes]
        self.h1 = [model["initial.tensor"] for _ in tensor_sizes]
        self.h2 = model["initial.global"]
        self.scale_decay = [np.zeros(size) for size in tensor_sizes]
        self.input_decay = [np.zeros(size) for size in tensor_sizes]
        self.accumulator = [np.zeros((SCALES, size)) for size in tensor_sizes]
        self.mean_square = [np.zeros((SCALES, size)) for size in tensor_sizes]

    def split(self, values):
        return np.split(values, self.splits)

    def affine(self, x, name):
        return x @ self.model[name + ".weights"] + self.model[name + ".biases"]

    def step(self, parameters, gradient):
        mean_log_rate = np.mean(np.concatenate(self.log_rate))
        old_h2 = self.h2
        moves = []
        for t, g in enumerate(self.split(gradient)):
            moves.append(self.step_tensor(t, g, mean_log_rate, old_h2))
        seen = self.h1[-1] if self.global_from_last_tensor else np.mean(self.h1, axis=0)
        self.h2 = self.global_cell.step(seen, old_h2, np.zeros(60))
        return parameters - np.concatenate(moves)

    def step_tensor(self, t, g, mean_log_rate, old_h2):
        scaled, log_square = self.scaled_gradients(t, g)
        features = np.concatenate(
            [scaled, scaled[:-1] * scaled[1:], log_square - log_square.mean(axis=0), [self.log_rate[t] - mean_log_rate]]
        ).T
        shift = self.affine(self.h1[t], "parameter_from_tensor") + self.affine(old_h2, "parameter_from_global")
        h0 = self.h0[t] = self.parameter_cell.step(features, self.h0[t], shift)
        seen = np.concatenate([h0, features], axis=1).mean(axis=0)
        self.h1[t] = self.tensor_cell.step(seen, self.h1[t], self.affine(old_h2, "tensor_from_global"))

        direction = h0 @ self.model["direction.hidden"] + scaled.T @ self.model["direction.gradient"]
        direction = direction / np.sqrt(np.mean(direction**2) + 1e-16)
        return np.exp(self.next_log_rate(t, h0) + self.model["learning_rate.offset"]) * direction

    def scaled_gradients(self, t, g):
        scaled, log_square = [], []
        decay = self.input_decay[t]
        for i in range(SCALES):
            accumulator = self.accumulator[t][i] = (1 - decay) * g + decay * self.accumulator[t][i]
            keep = self.scale_decay[t] * np.any(self.mean_square[t][i] != 0)
            square = (1 - keep) * (accumulator**2 + 1e-12) + keep * self.mean_square[t][i]
            self.mean_square[t][i] = square
            scaled.append(np.arcsinh(accumulator / np.sqrt(square + 1e-16)))
            log_square.append(np.log(square + 1e-16))
            decay = np.sqrt(decay)
        return np.array(scaled), np.array(log_square)

    def next_log_rate(self, t, h0):
        """The log step size; and what the next step needs: decays, and the running log learning rate."""
        m = self.model
        self.scale_decay[t] = sigmoid(h0 @ m["scale_decay.weights"] + m["scale_decay.bias"])
        self.input_decay[t] = sigmoid(h0 @ m["input_decay.weights"] + m["input_decay.bias"])
        change = h0 @ m["learning_rate.weights"] + m["learning_rate.bias"]
        log_step = np.clip(self.log_rate[t] + change, -MAX_LOG_RATE, MAX_LOG_RATE)
        momentum = sigmoid(m["learning_rate.momentum"])
        self.log_rate[t] = momentum * self.log_rate[t] + (1 - momentum) * log_step
        return log_step


def main(path):
    with np.load(path) as file:
        arrays = {name: file[name].astype(np.float64) for name in file.files if name != "metadata.json"}
    # Columns and single numbers as what they are.
    model = {name: np.squeeze(a, axis=1) if a.ndim == 2 and a.shape[1] == 1 else a for name, a in arrays.items()}
    matrix, target, x = arrays["example.matrix"], arrays["example.target"], arrays["example.start"]
    sizes = arrays["example.tensor_sizes"].astype(int)
    optimizer = LearnedOptimizer(model, sizes, arrays["example.log_learning_rate"])

    losses = arrays["example.losses"]
    worst = 0.0
    for step, expected in enumerate(losses):
        residual = matrix @ x - target
        loss = 0.5 * residual @ residual
        worst = max(worst, abs(loss - expected) / (abs(expected) + 1e-6 * losses[0]))
        if step % 5 == 0:
            print(f"step {step:3d}   numpy {loss:.6g}   seedcast {expected:.6g}")
        x = optimizer.step(x, matrix.T @ residual)
    print(f"largest relative difference {worst:.1e}, allowed {TOLERANCE:.0e}")
    return 0 if worst <= TOLERANCE else 1


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
