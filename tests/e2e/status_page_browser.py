"""A headless Chromium and one page in it, spoken to over the DevTools protocol on a pair of pipes."""
import base64
import json
import os
import select
import shutil
import subprocess
import time

NAMES = ("chromium", "chromium-headless-shell", "google-chrome")


def find_browser():
    return next((path for path in map(shutil.which, NAMES) if path), None)


class Browser:
    """Everything that a person with the developer tools open would see as an error is collected in `errors`."""

    def __init__(self, program, profile):
        to_browser, self._commands = os.pipe()
        self._messages, from_browser = os.pipe()

        def as_descriptors_3_and_4():
            # First out of the way: either may be 3 or 4 itself.
            for source, target in ((os.dup(to_browser), 3), (os.dup(from_browser), 4)):
                os.dup2(source, target)

        self._process = subprocess.Popen(
            [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--hide-scrollbars",
             f"--user-data-dir={profile}", "--remote-debugging-pipe", "about:blank"],
            preexec_fn=as_descriptors_3_and_4, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_browser)
        os.close(from_browser)
        self._bytes = b""
        self._last_id = 0
        self._session = None
        self._size = None
        self.errors = []
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._call(domain + ".enable")

    def close(self):
        self._process.kill()
        self._process.wait()
        os.close(self._commands)
        os.close(self._messages)

    def go_to(self, url):
        self._call("Page.navigate", url=url)

    def resize(self, width, height, dark=False):
        self._size = width, height, dark
        self._call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                   mobile=width < 600)
        self._call("Emulation.setEmulatedMedia",
                   features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def evaluate(self, expression):
        """The value of a JavaScript expression, or of the promise that it is."""
        answer = self._call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise AssertionError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def wait_for(self, expression, seconds=60):
        end = time.monotonic() + seconds
        while not self.evaluate(expression):
            if time.monotonic() > end:
                raise AssertionError(f"not within {seconds} s: {expression}\n{self.evaluate('document.body.innerText')}")
            time.sleep(0.1)

    def screenshot(self, path):
        """The whole page, however long."""
        width, height, dark = self._size
        self.resize(width, max(height, self.evaluate("document.documentElement.scrollHeight")), dark)
        time.sleep(0.5)  # charts follow
        picture = self._call("Page.captureScreenshot")
        self.resize(width, height, dark)
        with open(path, "wb") as file:
            file.write(base64.b64decode(picture["data"]))

    def _call(self, method, **parameters):
        self._last_id += 1
        message = {"id": self._last_id, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next_message()
            if answer.get("id") == self._last_id:
                if "error" in answer:
                    raise AssertionError(f"{method}: {answer['error']}")
                return answer["result"]
            self._note(answer)

    def _next_message(self):
        while b"\0" not in self._bytes:
            ready, _, _ = select.select([self._messages], [], [], 120)
            more = os.read(self._messages, 1 << 16) if ready else b""
            if not more:
                raise AssertionError("the browser does not answer")
            self._bytes += more
        message, self._bytes = self._bytes.split(b"\0", 1)
        return json.loads(message)

    def _note(self, event):
        method, what = event.get("method"), event.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.errors.append(json.dumps(what["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled" and what["type"] in ("error", "warning", "assert"):
            self.errors.append(json.dumps(what["args"]))
        elif method == "Log.entryAdded" and what["entry"]["level"] in ("error", "warning"):
            self.errors.append(json.dumps(what["entry"]))
        elif method == "Network.responseReceived" and what["response"]["status"] >= 400:
            self.errors.append(f"{what['response']['status']} {what['response']['url']}")
