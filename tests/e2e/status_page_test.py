"""The status page in a real browser, before a real coordinator with two workers and two real jobs.

Numbers on the page are the API's, buttons do what they say, nothing shows up as an error in the developer tools, and a
telephone's screen is wide enough. With $SEEDCAST_SCREENSHOTS the pictures are kept there, to be looked at.
"""
import http.client
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from status_page_browser import Browser, find_browser

SKIPPED = 77
SOURCE = os.environ.get("SEEDCAST_SOURCE_DIR", os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
BUILD = os.environ.get("SEEDCAST_BINARY_DIR", os.path.join(SOURCE, "build/release"))
NAMED_LIKE_MARKUP = "<b onclick=alert(1)>&amp;'\""
# Without SEEDCAST_BINARY_DIR and the like, which the programs take for misspelt options.
ENVIRONMENT = {key: value for key, value in os.environ.items() if not key.startswith("SEEDCAST_")}
UNITS = {"": 1, "µs": 1e-6, "ms": 1e-3, "s": 1, "%": 1e-2}

# Charts that are shown and have nothing painted on them.
EMPTY_CHARTS = """
[...document.querySelectorAll('figure:not([hidden])')].filter(figure => {
  const canvas = figure.querySelector('canvas');
  const empty = Object.assign(document.createElement('canvas'), {width: canvas.width, height: canvas.height});
  return canvas.toDataURL() === empty.toDataURL();
}).map(figure => figure.id)"""

GLYPHS = """
name: glyphs
proto_net: {dataset: GLYPHS, way: 5, filters: 16}
strategy: {population_size: 32}
generations: 4000
validation: {every: 3, episodes: {episodes: 10}}
"""
CLUSTERS = """
name: optimizer
learned_optimizer:
  clusters:
    - {name: quadratics, problems: [quadratic(20)]}
    - {name: bowls, problems: ["bowl(5)"]}
    - {name: softmax, problems: ["softmax(10, 2, 100)"]}
  unroll: {steps: 20}
strategy: {population_size: 16}
generations: 4
cluster_groups: 2
validation: {every: 2, episodes: {episodes: 4}}
"""


class Program:
    """A process of ours, with what it says on standard error."""

    def __init__(self, name, *arguments):
        self._process = subprocess.Popen([os.path.join(BUILD, name), *arguments], stderr=subprocess.PIPE, text=True,
                                         env=ENVIRONMENT)
        self._lines = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self):
        with self._process.stderr as lines:
            for line in lines:
                self._lines.append(line)

    def wait_for(self, pattern, seconds=60):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for line in list(self._lines):
                if found := re.search(pattern, line):
                    return found
            time.sleep(0.05)
        raise AssertionError(f"{pattern} is in none of these lines:\n{''.join(self._lines)}")

    def kill(self):
        self._process.kill()
        self._process.wait()
        self._reader.join()


def read(text):
    """The number at the beginning of a text of the page, and how far it may be off by rounding."""
    found = re.match(r"(-?[\d,.]+(?:e[+-]\d+)?)(?: (µs|ms|s|%)(?![a-z]))?", text)
    digits = found[1].replace(",", "")
    unit = UNITS[found[2] or ""]
    value = float(digits) * unit
    decimals = len(digits.partition(".")[2])
    last_digit = 0 if "e" in digits else 0.5 * 10 ** -decimals * unit
    return value, max(last_digit, 6e-4 * abs(value))  # four digits are written at most


class StatusPageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(directory.cleanup)
        cls.directory = directory.name
        cls.coordinator = cls.start("coordinator/seedcast-coordinator", "--listen", "127.0.0.1:0", "--http",
                                    "127.0.0.1:0", "--store", cls.directory + "/store", "--cache", cls.directory + "/c")
        serving = cls.coordinator.wait_for(r"serving.*address=(\S+).*http=127\.0\.0\.1:(\d+)")
        cls.address, cls.port = serving[1], int(serving[2])
        for i, name in enumerate(("honest", NAMED_LIKE_MARKUP)):
            cls.start("worker/seedcast-worker", "--coordinator", cls.address, "--id", name, "--slots", "1", "--http", "",
                      "--cache", f"{cls.directory}/w{i}")
        cls.browser = Browser(find_browser(), cls.directory + "/profile")
        cls.addClassCleanup(cls.browser.close)
        cls.browser.resize(1200, 900)

    @classmethod
    def start(cls, *arguments):
        program = Program(*arguments)
        cls.addClassCleanup(program.kill)
        return program

    def submit(self, job):
        path = self.directory + "/job.yaml"
        with open(path, "w", encoding="utf-8") as file:
            file.write(job)
        done = subprocess.run([BUILD + "/cli/seedcast", "submit", "--json", "--coordinator", self.address, path],
                              env=ENVIRONMENT, text=True, capture_output=True, timeout=120, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)["job_id"]

    def ask(self, method, path, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, path, headers=headers or {})
        response = connection.getresponse()
        return response.status, json.loads(response.read())

    def get(self, path, seconds=20):
        """Asks again where the coordinator says so: the page asks beside us, and two questions at a time are answered."""
        end = time.monotonic() + seconds
        while (answered := self.ask("GET", path))[0] == 503 and time.monotonic() < end:
            time.sleep(0.2)
        status, answer = answered
        self.assertEqual(status, 200, answer)
        return answer

    def wait_for_job(self, job_id, reached, seconds=180):
        end = time.monotonic() + seconds
        while not reached(job := self.get("/api/jobs/" + job_id)["status"]):
            self.assertLess(time.monotonic(), end, job)
            time.sleep(0.2)

    def open(self, job_id):
        self.browser.go_to(f"http://127.0.0.1:{self.port}/#job={job_id}")
        self.browser.wait_for(f"document.getElementById('job-id')?.textContent === '{job_id}'")

    def text(self, selector):
        return self.browser.evaluate(f"document.querySelector({json.dumps(selector)}).innerText.trim()")

    def rows(self, table):
        return self.browser.evaluate(
            f"[...document.querySelectorAll('#{table} tbody tr')].map(tr => [...tr.cells].map(td => td.innerText.trim()))")

    def shows(self, text, value):
        shown, rounding = read(text)
        self.assertLessEqual(abs(shown - float(value)), rounding, f"'{text}', expected {value}")

    def keep_picture(self, name):
        if directory := os.environ.get("SEEDCAST_SCREENSHOTS"):
            self.browser.screenshot(os.path.join(directory, name + ".png"))

    def test_a_job_from_its_first_generations_to_its_end(self):
        job_id = self.submit(GLYPHS)
        self.wait_for_job(job_id, lambda job: int(job["version"]) >= 10)
        self.open(job_id)
        self.browser.wait_for("document.getElementById('job-state').textContent === 'RUNNING'")

        self.browser.evaluate("document.querySelector('[data-action=pause]').click()")
        self.wait_for_job(job_id, lambda job: job["state"] == "PAUSED")
        time.sleep(2.5)  # the coordinator's figures are a second old at most, the page's two
        self.check_numbers(self.get("/api/jobs/" + job_id))
        self.check_workers()
        self.check_fits_a_telephone("paused")

        self.browser.evaluate("document.querySelector('[data-action=resume]').click()")
        self.wait_for_job(job_id, lambda job: job["state"] == "RUNNING")
        self.browser.wait_for("document.getElementById('job-state').textContent === 'RUNNING'")
        self.keep_picture("running")
        self.browser.evaluate("confirm = () => true; document.querySelector('[data-action=cancel]').click()")
        self.wait_for_job(job_id, lambda job: job["state"] == "CANCELLED")
        self.browser.wait_for("document.getElementById('buttons').hidden")
        self.assertEqual(self.browser.errors, [])

    def check_numbers(self, view):
        job, last = view["status"], view["status"]["last"]
        field = lambda name: self.text(f"[data-field={name}] span")
        self.assertEqual(field("version"), f"{int(job['version']):,} / 4,000")
        self.shows(field("fitness"), last["fitness_mean"])
        self.shows(field("validation"), job["last_validation"]["accuracy"])
        self.shows(field("best"), job["best"]["accuracy"])
        self.shows(field("rate"), job["evaluations_per_second"])
        self.shows(field("sigma"), last["sigma"])
        self.shows(field("learning-rate"), last["learning_rate"])
        self.shows(field("failed"), job["failed_evaluations"])
        self.assertEqual(field("parameters"), f"{int(job['num_parameters']):,}")
        self.assertEqual(field("workers"), str(job["workers"]))
        self.assertTrue(job["digest"].startswith(field("digest").split()[0]))
        for part in ("evaluation", "lease-wait", "update", "store"):
            self.shows(self.text(f"[data-part={part}]"), view["time"][part.replace("-", "_") + "_seconds"])
        self.check_curve("fitness-chart", 0, {p["generation"]: p["fitness_mean"] for p in view["generations"]})
        self.check_curve("accuracy-chart", 0, {p["generation"]: p["validation"]["accuracy"] for p in view["generations"]
                                               if "validation" in p})

    def check_curve(self, chart, dataset, expected):
        if not self.browser.evaluate("typeof Chart !== 'undefined'"):
            return  # built without libjs-chart.js
        drawn = self.browser.evaluate(
            f"Chart.getChart(document.querySelector('#{chart} canvas')).data.datasets[{dataset}].data")
        drawn = {str(point["x"]): point["y"] for point in drawn}
        self.assertGreater(len(expected), 2)
        for generation, value in expected.items():
            self.assertEqual(drawn[generation], value, generation)

    def check_workers(self):
        workers = self.get("/api/workers")["workers"]
        rows = self.rows("workers")
        self.assertEqual(sorted(worker["worker_id"] for worker in workers), sorted(["honest", NAMED_LIKE_MARKUP]))
        for row, worker in zip(rows, workers, strict=True):
            self.assertEqual(row[0], worker["worker_id"])  # as text, whatever it looks like
            self.assertEqual(row[1], ", ".join(worker["numeric_classes"]))
            self.shows(row[4], worker["rates"][0]["evaluations_per_second"])
            self.assertLess(worker["seen_seconds_ago"], 30)

    def check_fits_a_telephone(self, name):
        for width, kind, dark in ((1200, "wide", False), (390, "narrow", False), (1200, "dark", True)):
            self.browser.resize(width, 900, dark)
            time.sleep(2.5)  # the page writes itself anew with the next answer
            self.assertLessEqual(self.browser.evaluate("document.documentElement.scrollWidth"), width)
            self.assertEqual(self.browser.evaluate(EMPTY_CHARTS), [])
            self.keep_picture(f"{name}-{kind}")
        self.browser.resize(1200, 900)

    def test_clusters_and_their_groups(self):
        job_id = self.submit(CLUSTERS)
        self.wait_for_job(job_id, lambda job: job["state"] == "SUCCEEDED")
        self.open(job_id)
        self.browser.wait_for("document.getElementById('job-state').textContent === 'SUCCEEDED'")
        job = self.get("/api/jobs/" + job_id)["status"]
        self.shows(self.text("[data-field=validation] span"), job["last_validation"]["fitness"])
        last = job["last"]
        self.assertEqual(len(last["clusters"]), 3)
        for row, cluster in zip(self.rows("clusters"), last["clusters"], strict=True):
            self.assertEqual(row[:2], [cluster["name"], str(cluster["group"] + 1)])
            self.shows(row[2], cluster["fitness_mean"])
            self.shows(row[3], cluster["seconds"])
        self.assertEqual(len(last["groups"]), 2)
        for row, group in zip(self.rows("groups"), last["groups"], strict=True):
            self.assertEqual(row[1], str(group["workers"]))
            self.assertEqual(row[2], str(group["slots"]))
            self.shows(row[3], group["finished_seconds"])
            self.shows(row[4], group["predicted_seconds"])
            self.shows(row[5], group["measured_seconds"])
            self.assertEqual(row[6], group["stolen_pairs"])
        done = [group["finished_seconds"] for group in last["groups"]]
        self.shows(self.text("#balance").removeprefix("balance "), sum(done) / len(done) / max(done))
        self.check_fits_a_telephone("clusters")
        self.assertEqual(self.browser.errors, [])

    def test_other_sites_change_nothing(self):
        job_id = self.submit(GLYPHS)
        own = {"Host": f"127.0.0.1:{self.port}", "X-Seedcast": "1", "Origin": f"http://127.0.0.1:{self.port}"}
        for wrong in ({"X-Seedcast": ""}, {"Origin": "http://evil.example"}, {"Origin": "null"},
                      {"Host": f"evil.example:{self.port}", "Origin": f"http://evil.example:{self.port}"}):
            status, answer = self.ask("POST", f"/api/jobs/{job_id}/cancel", dict(own, **wrong))
            self.assertEqual(status, 403, (wrong, answer))
            self.assertEqual(self.get("/api/jobs/" + job_id)["status"]["state"], "RUNNING")
        self.assertEqual(self.ask("POST", f"/api/jobs/{job_id}/cancel", own)[1]["state"], "CANCELLED")
        self.assertEqual(self.ask("POST", f"/api/jobs/{job_id}/resume", own)[0], 409)
        self.assertEqual(self.ask("POST", "/api/jobs/nobody-1/cancel", own)[0], 404)

    def test_says_that_the_coordinator_is_gone(self):
        coordinator = self.start("coordinator/seedcast-coordinator", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0",
                                 "--store", self.directory + "/other", "--cache", self.directory + "/c")
        port = coordinator.wait_for(r"serving.*http=127\.0\.0\.1:(\d+)")[1]
        self.browser.go_to(f"http://127.0.0.1:{port}/")
        self.browser.wait_for("document.getElementById('freshness')?.textContent.startsWith('live')")
        self.assertFalse(self.browser.evaluate("document.getElementById('no-jobs').hidden"))
        self.keep_picture("empty")
        coordinator.kill()
        self.browser.wait_for("document.getElementById('freshness').textContent.startsWith('no answer since')")
        self.browser.errors.clear()  # the browser says in its console that nobody answers


if __name__ == "__main__":
    if find_browser() is None:
        print("skipped: there is no Chromium (Debian: chromium)")
        sys.exit(SKIPPED)
    unittest.main(verbosity=2)
