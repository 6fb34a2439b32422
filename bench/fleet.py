"""A coordinator and workers as processes of their own, over loopback gRPC: what the benchmarks of whole jobs run on."""
import json
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build/release"


def add_arguments(parser):
    parser.add_argument("--build", type=pathlib.Path, default=BUILD, help="the release build (scripts/run.sh makes one)")
    parser.add_argument("--output", type=pathlib.Path, default=ROOT / "results")


def check_build(parser, arguments):
    if not (arguments.build / "cli/seedcast").exists():
        parser.error(f"no seedcast in {arguments.build}: run scripts/run.sh or scripts/test.sh first")


class Fleet:
    """with Fleet(build, workers=2) as fleet: one coordinator, `workers` workers of one slot each, all of them joined."""

    def __init__(self, build, workers):
        self.build, self.count = build, workers

    def __enter__(self):
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that __exit__ ends the processes
        self.directory = tempfile.TemporaryDirectory()
        self.processes = []
        try:
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *_):
        self._stop()

    def run(self, job):
        """Trains a job to its end: its status, with the history of its generations as "history"."""
        file = pathlib.Path(self.directory.name) / "job.yaml"
        file.write_text(json.dumps(job))  # JSON is YAML
        job_id = self.seedcast("submit", file, "--watch")["job_id"]
        shown = self.seedcast("show", job_id)
        return shown["status"] | {"history": shown["history"]["generations"]}

    def evaluate(self, job_id, episodes, version, steps=0):
        """steps: inner steps of a learned optimizer's episode; 0: as in training."""
        words = ("--steps", steps) if steps else ()
        return self.seedcast("evaluate", job_id, "--episodes", episodes, "--version", version, *words)

    def seedcast(self, *words):
        """The last line that the command prints, which is JSON."""
        command = [str(word) for word in (self.build / "cli/seedcast", *words, "--coordinator", self.address, "--json")]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            raise SystemExit(f"{' '.join(command)}\n{done.stderr}")
        return json.loads(done.stdout.splitlines()[-1])

    def worker_peak_bytes(self):
        """The most memory that the first worker has had resident since it started."""
        status = pathlib.Path(f"/proc/{self.processes[1].pid}/status").read_text()
        return 1024 * int(re.search(r"VmHWM:\s+(\d+) kB", status).group(1))

    def _start(self):
        coordinator = self._spawn("coordinator/seedcast-coordinator", "--listen", "127.0.0.1:0", "--store",
                                  self.directory.name)
        self.address = self._await_line(coordinator, r"address=(127\.0\.0\.1:\d+)")
        for number in range(self.count):
            worker = self._spawn("worker/seedcast-worker", "--coordinator", self.address, "--slots", "1", "--id",
                                 f"worker-{number}")
            self._await_line(worker, r"(connected) ")

    def _spawn(self, program, *words):
        log = pathlib.Path(self.directory.name) / f"log-{len(self.processes)}"  # a file fills up no pipe
        with log.open("w") as stream:
            process = subprocess.Popen([str(self.build / program), *words], stderr=stream)
        process.log = log
        self.processes.append(process)
        return process

    @staticmethod
    def _await_line(process, pattern):
        while True:
            text = process.log.read_text()
            found = re.search(pattern, text)
            if found:
                return found.group(1)
            if process.poll() is not None:
                raise SystemExit(f"{process.args[0]} ended: {text}")
            time.sleep(0.05)

    def _stop(self):
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            process.wait()
        self.directory.cleanup()


def pyplot():
    """matplotlib's, drawing SVG; None, with a line about it, where matplotlib is missing."""
    try:
        import matplotlib
    except ImportError:
        print("no picture: matplotlib is missing (Debian: python3-matplotlib)", file=sys.stderr)
        return None
    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "seedcast"  # the same picture for the same figures
    from matplotlib import pyplot as drawing
    return drawing


def table(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows])


def write(arguments, name, figures, text):
    """The tables to the screen and to DIR/name.md, the figures to DIR/name.json."""
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / f"{name}.json").write_text(json.dumps(figures, indent=1))
    (arguments.output / f"{name}.md").write_text(text + "\n")
    print(text, flush=True)
