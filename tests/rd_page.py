"""rd_page.py PAGE OUT   Looks at a page of `vqz rd` in headless Chromium: what it shows, that keys work it, that it asks for nothing from anywhere, in light and in dark.
Writes screenshots to OUT. Exit status 77: there is no Chromium; without arguments it only says so."""
import base64
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


class Browser:
    """Chromium's debugging protocol through a pair of pipes: messages of JSON, each ended by a zero byte."""

    def __init__(self, program, profile):
        to_read, self.to = os.pipe()
        self.answers, to_write = os.pipe()

        def become():
            os.dup2(to_read, 1003)      # not 3 and 4 at once: one of the pipes may have such a number
            os.dup2(to_write, 1004)
            os.dup2(1003, 3)
            os.dup2(1004, 4)

        self.process = subprocess.Popen(
            [program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-pipe", f"--user-data-dir={profile}", "about:blank"],
            preexec_fn=become, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_read)
        os.close(to_write)
        self.number, self.rest, self.events, self.session = 0, b"", [], None

    def message(self):
        while b"\0" not in self.rest:
            data = os.read(self.answers, 1 << 20)
            if not data:
                sys.exit("the browser has ended")
            self.rest += data
        one, self.rest = self.rest.split(b"\0", 1)
        return json.loads(one)

    def call(self, method, **params):
        self.number += 1
        text = {"id": self.number, "method": method, "params": params}
        if self.session:
            text["sessionId"] = self.session
        os.write(self.to, json.dumps(text).encode() + b"\0")
        while True:
            answer = self.message()
            if answer.get("id") == self.number:
                if "error" in answer:
                    sys.exit(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def wait_for(self, event):
        while not any(e.get("method") == event for e in self.events):
            self.events.append(self.message())

    def open(self, url):
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        self.call("Page.navigate", url=url)
        self.wait_for("Page.loadEventFired")

    def value(self, expression):
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            sys.exit(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def press(self, key, code=0):
        typed = {"text": "\r"} if key == "Enter" else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, code=key, windowsVirtualKeyCode=code, **typed)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, code=key, windowsVirtualKeyCode=code)

    def picture(self, path, width, height):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.value("new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)))")
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))

    def close(self):
        self.process.terminate()
        self.process.wait()


KEYS = {"ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40, "Tab": 9, "Enter": 13}
failures = []


def check(good, what):
    if not good:
        failures.append(what)
        print("FAIL:", what)


def contents(b, data):
    """The page shows what its data says."""
    curves, pictures, metrics = len(data["curves"]), len(data["pictures"]), len(data["metrics"])
    with_mean = sum(1 for c in data["curves"] if c["mean"][0])
    check(b.value("document.querySelectorAll('#chart polyline').length") == with_mean > 0, "a curve for each coder")
    check(b.value("document.querySelectorAll('#bd tbody tr').length") == curves, "a row of BD-rates for each coder")
    check(b.value("document.querySelectorAll('#bd tbody tr')[0].cells.length") == metrics + 3, "a column for each metric")
    check(b.value("document.querySelectorAll('#pictures tbody tr').length") == pictures, "a row for each picture")
    check(b.value("document.querySelectorAll('#rows tbody tr').length") == sum(len(r) for r in data["pictures"][0]["rows"]), "every row of the first picture")
    names = b.value("[...document.querySelectorAll('#pictures tbody .name')].map(n => n.textContent)")
    check(sorted(names) == sorted(p["name"] for p in data["pictures"]), f"names as they are: {names}")
    check(b.value("document.querySelectorAll('img:not(#img-left):not(#img-right)').length") == 0, "no elements out of names")
    for a in data["absent"]:
        check(a["name"] in b.value("document.getElementById('notices').textContent"), f"{a['name']} is named as left out")
    check(b.value("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), "nothing sticks out at the side")


def keys(b):
    """Everything can be done with keys."""
    press = lambda *names: [b.press(n, KEYS[n]) for n in names]
    b.value("document.getElementById('chart').focus()")
    press("ArrowRight")
    first = b.value("document.getElementById('reading').textContent")
    press("ArrowRight")
    second = b.value("document.getElementById('reading').textContent")
    press("ArrowDown")
    third = b.value("document.getElementById('reading').textContent")
    check("bpp" in first and len({first, second, third}) == 3, f"arrows move through the diagram: {first} / {second} / {third}")
    b.value("document.querySelector('#metric input').focus()")
    before = b.value("document.getElementById('chart').getAttribute('aria-label')")
    press("ArrowRight")
    check(before != b.value("document.getElementById('chart').getAttribute('aria-label')"), "arrows choose another metric")
    curves = b.value("document.querySelectorAll('#chart polyline').length")
    b.value("document.querySelector('#legend button').focus()")
    press("Enter")
    check(b.value("document.querySelectorAll('#chart polyline').length") == curves - 1, "Enter hides a curve")
    press("Enter")
    check(b.value("document.querySelectorAll('#chart polyline').length") == curves, "and shows it again")
    b.value("document.getElementById('slide').focus()")
    clip = b.value("document.getElementById('img-right').style.clipPath")
    press("ArrowRight", "ArrowRight")
    check(b.value("+document.getElementById('slide').value") == 52, "arrows move the slider")
    check(clip != b.value("document.getElementById('img-right').style.clipPath"), "and what is seen of the two pictures")
    order = "[...document.querySelectorAll('#pictures tbody .name')].map(n => n.textContent).join('|')"
    b.value("document.querySelector('#pictures thead button').focus()")
    before = b.value(order)
    press("Enter")
    check(before != b.value(order), "Enter sorts the other way round")
    b.value("document.body.focus()")
    seen = set()
    for _ in range(40):
        press("Tab")
        seen.add(b.value("document.activeElement.id || document.activeElement.closest('[id]')?.id || ''"))
    check({"chart", "curve-picture", "legend", "slide", "cut-left", "cut-right", "pictures", "rows-picture"} <= seen, f"Tab reaches all: {seen}")


def sides(b):
    check(b.value("['left', 'right'].every(s => { const i = document.getElementById('img-' + s); return i.complete && i.naturalWidth > 0; })"), "both cuts are pictures")
    check(b.value("document.getElementById('img-left').src != document.getElementById('img-right').src"), "the two sides differ")
    b.value("(s => { s.value = 'original'; s.dispatchEvent(new Event('change')); })(document.getElementById('cut-left'))")
    check("original" in b.value("document.getElementById('tag-left').textContent"), "the original can be chosen")


def quiet(b):
    """No errors, no requests but the page itself."""
    b.value("1")
    asked = [e["params"]["request"]["url"] for e in b.events if e.get("method") == "Network.requestWillBeSent"]
    outside = [u[:100] for u in asked if not u.startswith(("file://", "data:"))]
    check(not outside and sum(u.startswith("file://") for u in asked) == 1, f"requests: {[u[:100] for u in asked if not u.startswith('data:')]}")
    wrong = [e for e in b.events if e.get("method") in ("Runtime.exceptionThrown", "Page.javascriptDialogOpening")
             or (e.get("method") == "Log.entryAdded" and e["params"]["entry"]["level"] == "error")]
    check(not wrong, f"errors: {wrong}")


def look(b, page, data, out):
    b.open(page.as_uri())
    b.picture(out / "light.png", 1100, 2600)
    contents(b, data)
    sides(b)
    keys(b)
    ground = b.value("getComputedStyle(document.body).backgroundColor")
    b.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    check(ground != b.value("getComputedStyle(document.body).backgroundColor"), "dark is another colour")
    b.picture(out / "dark.png", 1100, 2600)
    b.picture(out / "small.png", 400, 2000)
    check(b.value("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), "nothing sticks out of a small screen")
    quiet(b)


def main():
    program = next((p for p in map(shutil.which, BROWSERS) if p), None)
    if not program:
        print("skipped: no Chromium (tools/install-packages.sh full)")
        sys.exit(77)
    if len(sys.argv) == 1:
        return
    page, out = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2])
    text = page.read_text(encoding="utf-8")
    data = json.loads(text.split('<script id="data" type="application/json">', 1)[1].split("</script>", 1)[0])
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        b = Browser(program, profile)
        try:
            look(b, page, data, out)
        finally:
            b.close()
    print(f"{len(failures)} failures" if failures else "all good")
    sys.exit(1 if failures else 0)


main()
