"""ES evaluations per second with evosax on JAX: the same evaluation as torch_es.py, jit + vmap over the population.

evosax's Open_ES makes the population matrix (ask), the fitness of all members is one jitted call, tell updates. Members share
no episode here (each has its own images), as seedcast's pairs do not. Prints one JSON object a setting.
"""
import argparse
import json
import time

import jax
import jax.numpy as jnp
from evosax.algorithms import Open_ES

WAY, SHOT, QUERY = 5, 5, 5


def initial_parameters(key, filters, blocks):
    parameters, channels = [], 1
    for block in range(blocks):
        scale = (2 / (9 * channels)) ** 0.5
        weight = jax.random.normal(jax.random.fold_in(key, block), (3, 3, channels, filters)) * scale
        parameters.append({"weight": weight, "gamma": jnp.ones(filters), "beta": jnp.zeros(filters)})
        channels = filters
    return parameters


def embed(parameters, x, dtype):
    x = x.astype(dtype)
    for p in parameters:
        x = jax.lax.conv_general_dilated(x, p["weight"].astype(dtype), (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
        x = x.astype(jnp.float32)
        mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
        x = jax.nn.relu((x - mean) * jax.lax.rsqrt(variance + 1e-5) * p["gamma"] + p["beta"])
        x = jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID").astype(dtype)
    return x.reshape(x.shape[0], -1).astype(jnp.float32)


def fitness(parameters, images, dtype):
    z = embed(parameters, images, dtype)
    prototypes = z[: WAY * SHOT].reshape(WAY, SHOT, -1).mean(1)
    distances = ((z[WAY * SHOT :, None] - prototypes[None]) ** 2).sum(-1)
    labels = jnp.repeat(jnp.arange(WAY), QUERY)
    return jnp.take_along_axis(jax.nn.log_softmax(-distances), labels[:, None], 1).mean()


def measure(seconds, filters, blocks, population, dtype, over_members):
    key = jax.random.key(0)
    solution = initial_parameters(key, filters, blocks)
    strategy = Open_ES(population_size=population, solution=solution)
    hyper = strategy.default_params
    state = strategy.init(key, solution, hyper)

    @jax.jit
    def generation(key, state):
        ask_key, tell_key, image_key = jax.random.split(key, 3)
        members, state = strategy.ask(ask_key, state, hyper)
        shape = (population, WAY * (SHOT + QUERY), 28, 28, 1)
        images = (jax.random.uniform(image_key, shape) > 0.8).astype(jnp.float32)
        scores = over_members(lambda args: fitness(args[0], args[1], dtype), (members, images))
        state, _ = strategy.tell(tell_key, members, -scores, state, hyper)
        return state, scores

    state, scores = generation(key, state)
    scores.block_until_ready()
    start, count = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        state, scores = generation(jax.random.fold_in(key, count), state)
        scores.block_until_ready()
        count += population
    return count / (time.perf_counter() - start)


def by_vmap(function, arguments):
    return jax.vmap(function)(arguments)


def one_by_one(function, arguments):
    return jax.lax.map(function, arguments)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--filters", type=int, default=64)
    parser.add_argument("--blocks", type=int, default=4)
    parser.add_argument("--population", type=int, default=64)
    arguments = parser.parse_args()
    for name, over_members, dtype in [
        ("jit + vmap", by_vmap, jnp.float32),
        ("jit + map", one_by_one, jnp.float32),
        ("jit + vmap, bf16", by_vmap, jnp.bfloat16),
        ("jit + map, bf16", one_by_one, jnp.bfloat16),
    ]:
        row = {"peer": f"evosax on JAX {jax.__version__}", "setting": name, "bf16": dtype == jnp.bfloat16}
        try:
            row["evaluations_per_second"] = measure(
                arguments.seconds, arguments.filters, arguments.blocks, arguments.population, dtype, over_members)
        except Exception as error:
            row["error"] = str(error).splitlines()[0][:200]
        print(json.dumps(row), flush=True)
