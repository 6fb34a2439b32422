"""What the checks of deploy/ share: where it is, what was found, and what METRICS.md says that there is."""
import functools
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
problems = []


def check(good, where, what):
    if not good:
        problems.append(f"{where}: {what}")


def check_image(where, image):
    name, _, tag = image.rpartition(":")
    check(name and tag not in ("", "latest"), where, f"image '{image}' has no fixed tag")


@functools.cache
def documented_metrics():
    text = (ROOT / "deploy/METRICS.md").read_text()
    kinds = dict(re.findall(r"^\| (\w+) \| (gauge|counter|histogram) ", text, re.M))
    histograms = {name for name, kind in kinds.items() if kind == "histogram"}
    return set(kinds) | {name + suffix for name in histograms for suffix in ("_bucket", "_sum", "_count")}


def check_metrics(where, expression):
    for name in re.findall(r"\b(?:seedcast|process)_\w+", re.sub(r'"[^"]*"', "", expression)):
        check(name in documented_metrics(), where, f"{name} is not in METRICS.md")
