#!/usr/bin/python3
"""What running it for real costs: TLS, being looked at, and many workers.

Usage: bench/service.py [--repetitions N] [--seconds S] [--workers N] [--build DIR] [--output DIR] [SECTION ...]
Sections: tls watched crowd scrape (default: all). Needs a release build with benchmarks (scripts/test.sh makes one). Prints tables; writes
DIR/service.json and DIR/service.md.

tls and watched compare two fleets of a coordinator and two workers of one slot, which stand side by side and take turns: the same job of
--seconds or so, on one and then on the other, --repetitions times. A ratio is that of a pair of neighbours; tables show the median and the
middle half. Beside evaluations a second there is processor time an evaluation (coordinator and workers, user and system), which load
from elsewhere moves less.
"""
import argparse
import contextlib
import os
import pathlib
import re
import socket
import statistics
import subprocess
import sys
import threading
import time
import urllib.request

import fleet

TICKS = os.sysconf("SC_CLK_TCK")
ROLES = {"coordinator/seedcast-coordinator": "coordinator", "worker/seedcast-worker": "worker"}
JOBS_BESIDE = 32  # as many as /metrics shows


class Service(fleet.Fleet):
    """A fleet that may speak TLS, and serve HTTP or not."""

    def __init__(self, build, workers=2, tls=False, http=True):
        super().__init__(build, workers)
        self.tls, self.http, self.http_addresses = tls, http, []

    def seedcast(self, *words):
        return super().seedcast(*words, *self._certificate("submitter"))

    def cpu_seconds(self):
        return sum(cpu_seconds(process.pid) for process in self.processes)

    def _start(self):
        if self.tls:
            subprocess.run([self.build / "cli/seedcast", "certs", self._certificates(), "--host", "127.0.0.1"], check=True, capture_output=True)
        super()._start()

    def _spawn(self, program, *words):
        http = f"127.0.0.1:{free_port()}" if self.http else ""
        self.http_addresses.append(http)
        return super()._spawn(program, *words, "--http", http, *self._certificate(ROLES[program]))

    def _certificates(self):
        return pathlib.Path(self.directory.name) / "certificates"

    def _certificate(self, role):
        if not self.tls:
            return []
        folder = self._certificates() / role
        return ["--tls-cert", folder / "tls.crt", "--tls-key", folder / "tls.key", "--tls-ca", folder / "ca.crt"]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident_bytes(pid):
    return 1024 * int(re.search(r"VmRSS:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/status").read_text()).group(1))


def job(generations):
    return {"name": "service", "seed": 1, "generations": generations, "validation": {"every": 0},
            "proto_net": {"dataset": "GLYPHS", "way": 5, "shot": 5, "query": 5, "filters": 32, "blocks": 4},
            "strategy": {"population_size": 128}}


def train(service, generations):
    """Evaluations a second of training, and processor seconds an evaluation."""
    before = service.cpu_seconds()
    status = service.run(job(generations))
    cpu = service.cpu_seconds() - before
    history = status["history"]
    evaluations = 128 * len(history)
    return {"rate": evaluations / sum(generation["seconds"] for generation in history), "cpu": cpu / evaluations}


def compare(arguments, plain, other):
    """Pairs of measurements, (plain, other), one after the other, in turns the other way round."""
    for service in (plain, other):
        first = train(service, 10)  # brings the data set, and says how long a job is to be
    generations = max(10, round(arguments.seconds * first["rate"] / 128))
    pairs = []
    for repetition in range(arguments.repetitions):
        order = (plain, other) if repetition % 2 == 0 else (other, plain)
        measured = {service: train(service, generations) for service in order}
        pairs.append((measured[plain], measured[other]))
        print(f"  {repetition + 1}/{arguments.repetitions}: {' '.join(spread(pairs, kind) for kind in ('rate', 'cpu'))}", file=sys.stderr, flush=True)
    return pairs


def ratios(pairs, kind):
    return sorted(other[kind] / plain[kind] for plain, other in pairs)


def spread(pairs, kind):
    found = ratios(pairs, kind)
    quarter = len(found) // 4
    return f"{statistics.median(found):.4f} ({found[quarter]:.4f} .. {found[-1 - quarter]:.4f})"


def comparison(names, pairs):
    rows = []
    for i, name in enumerate(names):
        rows.append([name, f"{statistics.median(pair[i]['rate'] for pair in pairs):,.0f}",
                     f"{1e6 * statistics.median(pair[i]['cpu'] for pair in pairs):,.0f}"])
    rows.append(["ratio of neighbours: median (middle half)", spread(pairs, "rate"), spread(pairs, "cpu")])
    return fleet.table(["", "evaluations/s", "processor µs an evaluation"], rows)


def tls(arguments):
    """Two single-slot workers over loopback, with mutual TLS against plain text."""
    with Service(arguments.build, http=False) as plain, Service(arguments.build, http=False, tls=True) as secured:
        pairs = compare(arguments, plain, secured)
    return {"pairs": pairs}, f"### TLS\n\n{comparison(['plain text', 'mutual TLS'], pairs)}"


@contextlib.contextmanager
def looking(service):
    """A Prometheus that scrapes each process once a second, and somebody who has the status page open on the newest job."""
    stop = threading.Event()
    coordinator = f"http://{service.http_addresses[0]}"
    times, seen = [], []

    def get(url):
        begin = time.monotonic()
        with urllib.request.urlopen(url, timeout=10) as answer:
            text = answer.read()
        times.append(time.monotonic() - begin)
        return text

    def scrape():
        while not stop.wait(1):
            for address in service.http_addresses:
                get(f"http://{address}/metrics")

    def read_the_page():  # what page.js asks every two seconds
        while not stop.wait(2):
            ids = re.findall(rb'"job_id":"([^"]+)"', get(coordinator + "/api/jobs"))
            get(coordinator + "/api/workers")
            if ids:
                seen.append(len(get(f"{coordinator}/api/jobs/{ids[-1].decode()}?after=-1")))

    threads = [threading.Thread(target=work) for work in (scrape, read_the_page)]
    for thread in threads:
        thread.start()
    try:
        yield times
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    if not times or not seen:
        raise SystemExit("nobody looked")


def watched(arguments):
    """Scraped every second and shown on a status page, against no HTTP at all."""
    with Service(arguments.build, http=False) as alone, Service(arguments.build) as shown, looking(shown) as times:
        pairs = compare(arguments, alone, shown)
    text = comparison(["--http off", "scraped each second, one status page open"], pairs)
    return {"pairs": pairs, "requests": len(times)}, f"### Metrics and status page\n\n{text}"


@contextlib.contextmanager
def idle_workers(service, count):
    words = [service.build / "bench/idle_workers", "--coordinator", service.address, "--count", count, *service._certificate("worker")]
    process = subprocess.Popen([str(word) for word in words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        if process.stdout.readline() != "connected\n":
            raise SystemExit("idle_workers did not connect")
        yield
    finally:
        process.kill()
        process.wait()


def crowd(arguments):
    """Memory of a coordinator with many connected, idle workers, after some heartbeats."""
    figures, rows = [], []
    for encrypted in (False, True):
        with Service(arguments.build, workers=0, tls=encrypted) as service:
            pid = service.processes[0].pid
            time.sleep(2)
            before = resident_bytes(pid)
            begin = time.monotonic()
            with idle_workers(service, arguments.workers):
                seconds = time.monotonic() - begin
                time.sleep(15)
                after = resident_bytes(pid)
                cpu = cpu_seconds(pid)
                time.sleep(10)
                cpu = (cpu_seconds(pid) - cpu) / 10
        figures.append({"tls": encrypted, "workers": arguments.workers, "before": before, "after": after, "seconds": seconds, "idle_cores": cpu})
        rows.append(["mutual TLS" if encrypted else "plain text", f"{before / 1e6:.0f} MB", f"{after / 1e6:.0f} MB",
                     f"{(after - before) / arguments.workers / 1e3:.1f} kB", f"{seconds:.1f} s", f"{100 * cpu:.1f} %"])
    header = ["", "before", f"with {arguments.workers:,} workers", "a worker", "all connected after", "of a core, idle"]
    return figures, f"### Idle workers\n\n{fleet.table(header, rows)}"


def scrape(arguments):
    """A GET of /metrics from outside, with 1,000 idle workers connected and as many jobs as it shows, one of them running."""
    with Service(arguments.build) as service, idle_workers(service, 1000):
        file = pathlib.Path(service.directory.name) / "job.json"
        file.write_text(fleet.json.dumps(job(100000)))
        for number in range(JOBS_BESIDE):
            job_id = service.seedcast("submit", file)["job_id"]
            if number > 0:
                service.seedcast("pause", job_id)
        time.sleep(5)
        times = []
        for _ in range(100):
            begin = time.monotonic()
            with urllib.request.urlopen(f"http://{service.http_addresses[0]}/metrics", timeout=10) as answer:
                text = answer.read()
            times.append(time.monotonic() - begin)
            time.sleep(0.05)
    if b'seedcast_workers{class="F32"} 1002' not in text or text.count(b"seedcast_job_generation{") != JOBS_BESIDE:
        raise SystemExit("the scrape does not show what is there")
    times.sort()
    figures = {"median": times[50], "99%": times[98], "most": times[-1], "bytes": len(text)}
    row = [f"{1000 * figures[key]:.1f} ms" for key in ("median", "99%", "most")] + [f"{figures['bytes']:,}"]
    header = ["scrape with 1,002 workers, 32 jobs: median", "99 %", "most", "bytes"]
    return figures, f"### Scrape\n\n{fleet.table(header, [row])}"


SECTIONS = {"tls": tls, "watched": watched, "crowd": crowd, "scrape": scrape}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sections", nargs="*", choices=[*SECTIONS, []], metavar="SECTION")
    parser.add_argument("--repetitions", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=8, help="of a job of tls and watched")
    parser.add_argument("--workers", type=int, default=5000, help="of crowd")
    fleet.add_arguments(parser)
    arguments = parser.parse_args()
    fleet.check_build(parser, arguments)
    figures, texts = {}, []
    for name in arguments.sections or SECTIONS:
        figures[name], text = SECTIONS[name](arguments)
        texts.append(text)
    fleet.write(arguments, "service", figures, "\n\n".join(texts))


if __name__ == "__main__":
    main()
