"""The course's website: built once, its links followed, its pages opened, measured and looked at.

Needs chromium and chromedriver, as `test_lab_in_browser.py`. The screenshots are kept as artifacts/site-*.png.
COURSE_SITE=FOLDER proves a site that has been built before, such as build/website/html.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from site_browser import PHONE, WIDE, Load, SiteBrowser, open_browser, wait_for
from site_pages import Page, broken_links, nameless_pictures, outside_loads, read_pages
from site_secrets import leaked, secrets, strings

from course_staff.publishing.leaks import leaks
from website.address import SiteAddress
from website.server import server

ROOT = Path(__file__).resolve().parents[2]
#: One of each kind, and those that are unlike all others.
OPENED = (
    "index.html",
    "gallery.html",
    "labs/index.html",
    "labs/lab05_image_quality.html",
    "lectures/02_mr_noise.html",
    "reference/index.html",
    "reference/kspace.html",
    "play/index.html",
    "glossary.html",
    "systems.html",
    "benchmarks.html",
)
HEAVIEST, WITH_FORMULAS = 2_000_000, 3_000_000  # bytes that a load asks for, uncompressed
SECONDS = 1.0  # until the start page is there, from a server on this computer

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> tuple[Path, str]:
    """The folder of the site, and what its build said."""
    if given := os.environ.get("COURSE_SITE"):
        return Path(given).resolve(), ""
    folder = tmp_path_factory.mktemp("site") / "html"
    command = [sys.executable, "-m", "website.build", "--profile", "ci", "--workers", "2", "--out", str(folder)]
    run = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"}, text=True, capture_output=True, timeout=1000
    )
    said = run.stdout + run.stderr
    assert run.returncode == 0, f"the site cannot be built; the end of what was said:\n{said[-4000:]}"
    return folder, said


@pytest.fixture(scope="module")
def site(built) -> Path:
    return built[0]


@pytest.fixture(scope="module")
def pages(site) -> dict[str, Page]:
    return read_pages(site)


@pytest.fixture(scope="module")
def browser(site, tmp_path_factory) -> Iterator[SiteBrowser]:
    root = SiteAddress.of(ROOT).root
    with server(site, root, port=0) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{running.server_address[1]}{root}"
        with open_browser(address, tmp_path_factory.mktemp("chromium")) as opened:
            yield opened
        running.shutdown()


@dataclass
class Visit:
    """What a browser saw of one page."""

    path: str
    load: Load
    formulas: bool
    findings: list[str] = field(default_factory=list)
    too_wide: list[str] = field(default_factory=list)


@pytest.fixture(scope="module", params=OPENED)
def visit(request, browser, site) -> Visit:
    """Open a page light, dark and on a phone, unfold what is folded, and let axe look at it each time."""
    path = request.param
    assert (site / path).is_file(), f"the site has no {path}"
    name = "site-" + path.removesuffix(".html").replace("/", "-")
    browser.window(WIDE)
    load = browser.open(path)
    seen = Visit(path, load, bool(browser.run("return !!window.MathJax")))
    browser.screenshot(f"{name}-light.png")
    browser.run("for (const folded of document.querySelectorAll('main details')) folded.open = true")
    seen.findings += [f"light: {line}" for line in browser.axe()]
    browser.window(WIDE, "dark")
    wait_for(browser, "document.documentElement.dataset.theme === 'dark'")
    browser.screenshot(f"{name}-dark.png")
    seen.findings += [f"dark: {line}" for line in browser.axe(["color-contrast"])]
    browser.window(PHONE)
    wait_for(browser, "document.documentElement.dataset.theme === 'light'")
    seen.findings += [f"phone: {line}" for line in browser.axe(leave_out=["color-contrast"])]
    seen.too_wide = browser.too_wide()
    browser.screenshot(f"{name}-phone.png")
    return seen


def test_the_build_gives_no_warning(built):
    site, said = built
    assert (site / "index.html").is_file()
    assert not [line for line in said.splitlines() if "WARNING" in line or "ERROR" in line]


def test_each_link_and_each_anchor_leads_somewhere(site, pages):
    broken, count = broken_links(site, pages, SiteAddress.of(ROOT).root)
    print(f"{len(pages)} pages, {count} links inside the site")
    assert not broken
    assert len(pages) > 50 and count > 5_000, f"too few to be the course: {len(pages)} pages, {count} links"


def test_no_page_would_load_from_another_host(site, pages):
    assert not outside_loads(site, pages.values())


def test_each_picture_says_what_it_shows(pages):
    assert not list(nameless_pictures(pages))


def test_no_page_gives_a_solution_away(site, pages):
    notebooks = [strings(path.read_text(encoding="utf-8")) for path in (ROOT / "labs").rglob("lab*.ipynb")]
    secret = secrets(ROOT, notebooks)
    assert len(secret) > 2_000, f"only {len(secret)} secret lines were found in the sources"
    texts = {name: page.text for name, page in pages.items()}
    for path in site.rglob("*"):
        if path.suffix in (".ipynb", ".json", ".js", ".md", ".txt", ".py", ".xml"):
            text = path.read_text(encoding="utf-8", errors="ignore")
            texts[path.relative_to(site).as_posix()] = strings(text) if path.suffix in (".ipynb", ".json") else text
    assert not leaked(texts, secret)
    marks = ((name, text.encode()) for name, text in texts.items() if name.startswith(("labs/", "_downloads/")))
    assert not leaks(marks, frozenset()), "only the sources of the labs have these marks"


def test_no_request_leaves_this_computer_and_none_fails(browser, visit):
    assert not visit.load.outside(browser.server)
    assert not visit.load.failed
    assert not visit.load.console


def test_a_page_is_light_enough(visit):
    most = WITH_FORMULAS if visit.formulas else HEAVIEST
    print(f"{visit.path}: {visit.load.size / 1e6:.2f} MB{' with formulas' if visit.formulas else ''}")
    assert visit.load.size < most


def test_axe_finds_nothing_serious(visit):
    assert not visit.findings, "\n".join(visit.findings)


def test_a_page_fits_a_phone(visit):
    assert not visit.too_wide


def test_every_lab_and_lecture_fits_a_phone(browser, pages):
    browser.window(PHONE)
    wide = {}
    for name in pages:
        if name.startswith(("labs/", "lectures/")) and name not in OPENED:
            browser.open(name)
            browser.run("for (const folded of document.querySelectorAll('main details')) folded.open = true")
            if found := browser.too_wide():
                wide[name] = found
    assert not wide


def test_the_start_page_is_there_in_a_second(browser):
    browser.window(WIDE)
    tries = []
    while len(tries) < 3 and min(tries, default=SECONDS) >= SECONDS:
        if tries:
            time.sleep(1)
        tries.append(browser.open("index.html").seconds)
    print(f"seconds until the start page was there: {tries}")
    assert min(tries) < SECONDS, tries


@pytest.mark.parametrize("word, anchor", [("DataConsistency", "kspace.DataConsistency"), ("psnr", "metrics.psnr")])
def test_search_finds_the_entry(browser, word, anchor):
    browser.window(WIDE)
    load = browser.open(f"search.html?q={word}")
    wait_for(browser, "document.querySelectorAll('#search-results ul.search li a').length > 1")
    found = browser.run("return [...document.querySelectorAll('#search-results ul.search li a')].map(a => a.href)")
    browser.screenshot(f"site-search-{word}.png")
    assert any(address.endswith(f"#course_lib.{anchor}") for address in found[:2]), found[:5]
    assert not load.outside(browser.server) and not load.console


def test_what_is_missing_is_told_at_any_depth(browser):
    browser.window(WIDE)
    load = browser.open("labs/no/such/page.html")
    missing = [line for line in load.failed if not line.endswith("labs/no/such/page.html")]
    assert not missing, "the page for what is missing finds its own style"
    assert browser.run("return document.querySelectorAll('a[href*=\"index.html\"], a.navbar-brand').length") > 0
    browser.screenshot("site-404.png")
