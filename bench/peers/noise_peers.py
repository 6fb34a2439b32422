"""Gaussian values per second of what ES users draw their noise with, one thread. Prints one JSON object a generator."""
import json
import time

import numpy
import torch

SIZE = 111_680  # the parameters of conv4-64


def rate(draw, seconds=1.0):
    draw()
    start, count = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        draw()
        count += SIZE
    return count / (time.perf_counter() - start) / 1e9


torch.set_num_threads(1)
theta = torch.zeros(SIZE)
generator = numpy.random.default_rng(1)
zeros = numpy.zeros(SIZE, numpy.float32)
for name, draw in [
    (f"torch.randn {torch.__version__}, theta + sigma * noise", lambda: theta + 0.1 * torch.randn(SIZE)),
    (f"numpy {numpy.__version__} standard_normal, theta + sigma * noise",
     lambda: zeros + numpy.float32(0.1) * generator.standard_normal(SIZE, dtype=numpy.float32)),
]:
    print(json.dumps({"generator": name, "giga_values_per_second": rate(draw)}), flush=True)
