"""A browser that looks at the pages of the site: what a load asks for, what the console says, what axe finds."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import chromium
from test_lab_in_browser import PATIENCE

ARTIFACTS = Path(__file__).resolve().parents[2] / "artifacts"
WIDE, PHONE = (1280, 1000), (400, 850)
SETTLED = """
    const done = arguments[arguments.length - 1];
    const formulas = Promise.resolve(window.MathJax?.startup?.promise);
    formulas.then(() => document.fonts.ready).then(() => setTimeout(done, 150));
"""


@dataclass(frozen=True)
class Load:
    """What one load of a page asked for. failed: answers that were errors, or none; size: in bytes, uncompressed."""

    requests: tuple[str, ...]
    failed: tuple[str, ...]
    console: tuple[str, ...]
    size: int
    seconds: float

    def outside(self, server: str) -> list[str]:
        """The requests that went to another host than `server`."""
        return [address for address in self.requests if not address.startswith((server, "data:", "blob:", "about:"))]


class SiteBrowser:
    """Headless chromium on one site. Nothing is kept from page to page, so that each load asks for all it needs."""

    def __init__(self, driver, server: str) -> None:
        self.driver, self.server = driver, server
        driver.set_script_timeout(PATIENCE)
        self.command("Network.enable")
        self.command("Network.setCacheDisabled", cacheDisabled=True)

    def command(self, name: str, **parameters):
        """A command of Chromium's own protocol."""
        return self.driver.execute_cdp_cmd(name, parameters)

    def window(self, size: tuple[int, int], colours: str = "light") -> None:
        """How wide and high the page is shown, and whether the reader's system is light or dark. Nothing fades."""
        width, height = size
        self.command(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        wishes = {"prefers-color-scheme": colours, "prefers-reduced-motion": "reduce"}
        features = [{"name": name, "value": value} for name, value in wishes.items()]
        self.command("Emulation.setEmulatedMedia", features=features)

    def open(self, path: str) -> Load:
        """Load a page and wait until its formulas and fonts are there."""
        self.driver.get("about:blank")
        for log in ("performance", "browser"):
            self.driver.get_log(log)
        self.driver.get(self.server + path)
        self.driver.execute_async_script(SETTLED)
        timing = "return performance.getEntriesByType('navigation')[0].loadEventEnd / 1000"
        return self._load(float(self.driver.execute_script(timing)))

    def _load(self, seconds: float) -> Load:
        requests, failed, size = [], [], 0
        for entry in self.driver.get_log("performance"):
            event = json.loads(entry["message"])["message"]
            told = event["params"]
            if event["method"] == "Network.requestWillBeSent":
                requests.append(told["request"]["url"])
            elif event["method"] == "Network.responseReceived" and told["response"]["status"] >= 400:
                failed.append(f"{told['response']['status']} {told['response']['url']}")
            elif event["method"] == "Network.loadingFailed":
                failed.append(f"{told['errorText']} {told['type']}")
            elif event["method"] == "Network.loadingFinished":
                size += int(told["encodedDataLength"])
        console = [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]
        return Load(tuple(requests), tuple(failed), tuple(console), size, seconds)

    def run(self, script: str, *values):
        return self.driver.execute_script(script, *values)

    def axe(self, rules: Sequence[str] = (), leave_out: Sequence[str] = ()) -> list[str]:
        """What axe-core calls serious or critical, a line each. rules: only these, or all; leave_out: all but these."""
        from axe_core_python.base import AXE_SCRIPT

        if not self.run("return !!window.axe"):
            self.driver.execute_script(AXE_SCRIPT)
        options: dict[str, object] = {"resultTypes": ["violations"]}
        options["rules"] = {rule: {"enabled": False} for rule in leave_out}
        if rules:
            options["runOnly"] = list(rules)
        found = self.driver.execute_async_script(
            """
            const [options, done] = arguments;
            axe.run(document, options).then(result => done(result.violations), error => done(String(error)));
            """,
            options,
        )
        assert isinstance(found, list), f"axe ended with {found}"
        return [
            f"{finding['impact']} {finding['id']}: {node['html'][:150]} ({node['failureSummary'][-150:]})"
            for finding in found
            if finding["impact"] in ("serious", "critical")
            for node in finding["nodes"][:4]
        ]

    def too_wide(self) -> list[str]:
        """The parts of the page that make it scroll sideways; none if it does not."""
        return self.run(
            """
            const width = document.documentElement.clientWidth;
            if (document.documentElement.scrollWidth <= width && document.body.scrollWidth <= width) return [];
            const boxed = part => part && part !== document.body && (
                getComputedStyle(part).overflowX !== 'visible' || getComputedStyle(part).position === 'fixed'
                || boxed(part.parentElement));
            const sticksOut = box => box.width > 0 && box.right > width + 1;
            const found = [...document.querySelectorAll('body *')].filter(
                part => sticksOut(part.getBoundingClientRect()) && !boxed(part));
            const told = part => `${part.tagName}.${part.className}: ${part.textContent.trim().slice(0, 60)}`;
            return [`the page is ${document.documentElement.scrollWidth} wide`, ...found.slice(-5).map(told)];
            """
        )

    def screenshot(self, name: str) -> None:
        ARTIFACTS.mkdir(exist_ok=True)
        taken = self.command("Page.captureScreenshot", format="png")
        (ARTIFACTS / name).write_bytes(base64.b64decode(taken["data"]))


@contextmanager
def open_browser(server: str, profile: Path) -> Iterator[SiteBrowser]:
    """Headless chromium that writes down what it asks for. server: the site's address; profile: an empty folder."""
    opened = chromium.start(profile, "--hide-scrollbars", logs={"performance": "ALL", "browser": "ALL"})
    try:
        yield SiteBrowser(opened, server)
    finally:
        opened.quit()


def wait_for(browser: SiteBrowser, script: str, seconds: float = 20):
    """The first true value of a JavaScript expression, or its last value."""
    deadline = time.monotonic() + seconds
    while not (value := browser.run(f"return ({script})")) and time.monotonic() < deadline:
        time.sleep(0.1)
    return value
