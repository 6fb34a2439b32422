"""Inner steps per second of the hierarchical RNN optimizer in PyTorch, written the way a PyTorch user would: vectorised over
parameters, a loop over tensors, no gradients recorded. The same problem as bench/unroll_bench.cc: one tensor of n
parameters and the gradient of a separable quadratic. Each setting is one way to run it. Prints one JSON object a row.
"""
import argparse
import json
import time

import torch

SCALES, CELL0, CELL1, CELL2, FEATURES = 4, 10, 20, 20, 12


class Cell:
    """A GRU with biases given from outside."""

    def __init__(self, inputs, units):
        self.units = units
        deviation = 0.5 / (inputs + units) ** 0.5
        self.gates = torch.randn(inputs + units, 2 * units) * deviation
        self.gate_biases = torch.full((2 * units,), 2.2)
        self.candidate = torch.randn(inputs + units, units) * deviation
        self.candidate_biases = torch.zeros(units)

    def __call__(self, x, h, extra):
        gates = torch.sigmoid(torch.cat([x, h], -1) @ self.gates + self.gate_biases + extra[..., : 2 * self.units])
        reset, update = gates.chunk(2, -1)
        candidate = torch.tanh(
            torch.cat([x, reset * h], -1) @ self.candidate + self.candidate_biases + extra[..., 2 * self.units :])
        return update * h + (1 - update) * candidate


def affine(inputs, outputs):
    return torch.randn(inputs, outputs) * 0.5 / inputs ** 0.5, torch.zeros(outputs)


class Optimizer:
    def __init__(self):
        self.cell0 = Cell(FEATURES, CELL0)
        self.cell1 = Cell(CELL0 + FEATURES, CELL1)
        self.cell2 = Cell(CELL1, CELL2)
        self.tensor_to_parameter = affine(CELL1, 3 * CELL0)
        self.global_to_parameter = affine(CELL2, 3 * CELL0)
        self.global_to_tensor = affine(CELL2, 3 * CELL1)
        self.no_extra = torch.zeros(3 * CELL2)
        self.direction_hidden, self.direction_gradient = affine(CELL0, 1)[0], 0.25 + 0.05 * torch.randn(SCALES, 1)
        self.readouts = torch.cat([affine(CELL0, 1)[0], affine(CELL0, 1)[0], torch.zeros(CELL0, 1)], 1)
        self.readout_biases = torch.tensor([3.2, 2.2, 0.0])
        self.momentum, self.offset = torch.sigmoid(torch.tensor(3.2)), torch.tensor(-1.0)
        self.initial = [2 * torch.rand(units) - 1 for units in (CELL0, CELL1, CELL2)]

    def begin(self, sizes):
        tensors = [{
            "h0": self.initial[0].expand(n, CELL0).clone(),
            "h1": self.initial[1].clone(),
            "s": torch.zeros(n), "d": torch.zeros(n),
            "log_rate": torch.empty(n).uniform_(-13.8, -4.6),
            "accumulator": torch.zeros(n, SCALES), "mean_square": torch.zeros(n, SCALES),
        } for n in sizes]
        return {"tensors": tensors, "h2": self.initial[2].clone()}

    def step(self, parameters, gradients, state):
        tensors = state["tensors"]
        mean_log_rate = torch.cat([tensor["log_rate"] for tensor in tensors]).mean()
        from_global = state["h2"] @ self.global_to_parameter[0] + self.global_to_parameter[1]
        from_global1 = state["h2"] @ self.global_to_tensor[0] + self.global_to_tensor[1]
        for parameter, gradient, tensor in zip(parameters, gradients, tensors):
            d = tensor["d"]
            decays = [d]
            for _ in range(SCALES - 1):
                decays.append(decays[-1].sqrt())
            decay = torch.stack(decays, 1)
            accumulator = (1 - decay) * gradient[:, None] + decay * tensor["accumulator"]
            fresh = (tensor["mean_square"] == 0).all(0)
            s = torch.where(fresh, 0.0, tensor["s"][:, None])
            mean_square = (1 - s) * (accumulator ** 2 + 1e-12) + s * tensor["mean_square"]
            scaled = torch.asinh(accumulator / (mean_square + 1e-16).sqrt())
            logs = torch.log(mean_square + 1e-16)
            x = torch.cat([scaled, scaled[:, :-1] * scaled[:, 1:], logs - logs.mean(1, keepdim=True),
                           (tensor["log_rate"] - mean_log_rate)[:, None]], 1)
            extra = tensor["h1"] @ self.tensor_to_parameter[0] + self.tensor_to_parameter[1] + from_global
            h0 = self.cell0(x, tensor["h0"], extra)
            tensor["h1"] = self.cell1(torch.cat([h0, x], 1).mean(0), tensor["h1"], from_global1)
            direction = (h0 @ self.direction_hidden + scaled @ self.direction_gradient)[:, 0]
            direction = direction / (direction.square().mean() + 1e-16).sqrt()
            out = h0 @ self.readouts + self.readout_biases
            log_step = (tensor["log_rate"] + out[:, 2]).clamp(-33, 33)
            tensor["s"], tensor["d"] = torch.sigmoid(out[:, 0]), torch.sigmoid(out[:, 1])
            tensor["log_rate"] = self.momentum * tensor["log_rate"] + (1 - self.momentum) * log_step
            tensor["h0"], tensor["accumulator"], tensor["mean_square"] = h0, accumulator, mean_square
            parameter -= torch.exp(log_step + self.offset) * direction
        mean_h1 = torch.stack([tensor["h1"] for tensor in tensors]).mean(0)
        state["h2"] = self.cell2(mean_h1, state["h2"], self.no_extra)


def steps_per_second(n, seconds, *, threads=None, compile_it=False):
    """The best of many short runs, as unroll_bench counts."""
    if threads:
        torch.set_num_threads(threads)
    torch.manual_seed(1)
    optimizer = Optimizer()
    step = torch.compile(optimizer.step) if compile_it else optimizer.step
    x, curvature, centre = torch.zeros(n), torch.rand(n), torch.rand(n)
    with torch.no_grad():
        state = optimizer.begin([n])
        run = lambda count: [step([x], [curvature * (x - centre)], state) for _ in range(count)]
        run(20)
        end, best = time.perf_counter() + seconds, float("inf")
        while time.perf_counter() < end:
            start = time.perf_counter()
            run(5)
            best = min(best, (time.perf_counter() - start) / 5)
    return 1 / best


SETTINGS = {"default": {}, "one thread": {"threads": 1}, "one thread, compiled": {"threads": 1, "compile_it": True}}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--only", help="run the setting of this name alone")
    arguments = parser.parse_args()
    for name, options in SETTINGS.items():
        if arguments.only and name != arguments.only:
            continue
        for n in (2, 100, 2500):
            row = {"peer": f"PyTorch {torch.__version__}", "setting": name, "parameters": n}
            try:
                row["steps_per_second"] = steps_per_second(n, arguments.seconds, **options)
            except Exception as error:  # a setting that this build cannot run is a row, not the end
                row["error"] = str(error).splitlines()[0][:200]
            print(json.dumps(row), flush=True)
