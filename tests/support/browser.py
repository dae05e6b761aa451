"""A headless Chromium, driven over WebDriver, and pages for it to show. Nothing but the standard library and Debian's
chromium and chromium-driver."""

import contextlib
import http.server
import json
import re
import shutil
import subprocess
import tempfile
import threading
import urllib.error
import urllib.request

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--disable-default-apps", "--no-proxy-server"]


def missing():
    """Which of the programs are not there."""
    return [name for name in ("chromium", "chromedriver") if not shutil.which(name)]


class Browser:
    def __init__(self, base, session):
        self.base, self.session = base, session

    def command(self, method, path, body=None):
        data = json.dumps(body or {}).encode() if method == "POST" else None
        request = urllib.request.Request(f"{self.base}/session/{self.session}{path}", data, {"Content-Type": "application/json"},
                                         method=method)
        try:
            with urllib.request.urlopen(request, timeout=90) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as failure:
            raise AssertionError(failure.read().decode()) from None

    def open(self, url):
        self.command("POST", "/url", {"url": url})

    def text(self):
        return self.run("done(document.body.innerText)")

    def run(self, script, *arguments):
        """Runs JavaScript in the page; what it gives to done(…) is the answer."""
        return self.command("POST", "/execute/async", {
            "script": "const done = arguments[arguments.length - 1];" + script, "args": list(arguments)})


@contextlib.contextmanager
def chromium(names):
    """A Browser for whom these names are this machine."""
    rules = ",".join(f"MAP {name} 127.0.0.1" for name in names)
    with tempfile.TemporaryDirectory(prefix="awssim-test-") as folder:
        driver = subprocess.Popen([shutil.which("chromedriver"), "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                                  env={"PATH": "/usr/bin:/bin", "HOME": folder, "TMPDIR": folder})
        try:
            port = next(found[1] for found in (re.search(r"successfully on port (\d+)", line) for line in driver.stdout) if found)
            options = {"binary": shutil.which("chromium"),
                       "args": [*FLAGS, f"--user-data-dir={folder}/profile", f"--host-resolver-rules={rules}"]}
            wanted = {"capabilities": {"alwaysMatch": {"goog:chromeOptions": options, "timeouts": {"script": 60000}}}}
            request = urllib.request.Request(f"http://127.0.0.1:{port}/session", json.dumps(wanted).encode(),
                                             {"Content-Type": "application/json"})
            with urllib.request.urlopen(request, timeout=90) as answer:
                browser = Browser(f"http://127.0.0.1:{port}", json.load(answer)["value"]["sessionId"])
            try:
                yield browser
            finally:
                browser.command("DELETE", "")
        finally:
            driver.terminate()
            driver.wait(timeout=30)
            driver.stdout.close()


@contextlib.contextmanager
def pages(content="<!doctype html><title>page</title><body>page</body>"):
    """A server of that page, whatever path is asked for; its port."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):  # noqa: N802
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content.encode())

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
