"""The page "Play" in a real browser: the keyboard moves a slider, and numbers, words and picture follow.

The widgets are served as they stand in the source of the page; the look of the whole site is tested elsewhere.
"""

from __future__ import annotations

import re
import threading
from pathlib import Path

import chromium
import pytest

from website import play, server

ROOT = Path(__file__).resolve().parents[2]
HEAVIEST = 1_500_000  # bytes of all frames together

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder with the page's raw HTML and all that it loads."""
    folder = tmp_path_factory.mktemp("site")
    play.write(ROOT, folder)
    text = (folder / "play" / "index.md").read_text()
    parts = re.findall(r"```\{raw\} html\n(.*?)\n```", text, flags=re.DOTALL)
    (folder / "play" / "index.html").write_text(
        "<!doctype html><html lang=en><meta charset=utf-8><title>Play</title><link rel=icon href=data:>"
        + "".join(parts)
    )
    return folder


@pytest.fixture(scope="module")
def address(site):
    served = server.server(site, port=0)
    threading.Thread(target=served.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{served.server_port}/play/index.html"
    served.shutdown()


@pytest.fixture(scope="module")
def chrome(tmp_path_factory):
    opened = chromium.start(tmp_path_factory.mktemp("chromium"), size=(900, 1200), logs={"browser": "ALL"})
    yield opened
    opened.quit()


@pytest.fixture
def browser(chrome, address):
    chrome.get(address)
    yield chrome
    assert not [entry["message"] for entry in chrome.get_log("browser")], "the browser has nothing to complain of"


def state(browser, widget: str) -> dict[str, str]:
    """All that a reader sees or hears of a widget, by its slots; a picture is the frame that lies in its window."""
    return browser.execute_script(
        """
        const section = document.querySelector(`[data-widget="${arguments[0]}"]`);
        return Object.fromEntries([...section.querySelectorAll('[data-slot]')].map(slot => [slot.dataset.slot,
            slot.tagName === 'IMG' ? `${slot.alt} | ${slot.getAttribute('src')} at ${slot.style.left}`
            : slot.tagName === 'INPUT' ? slot.getAttribute('aria-valuetext')
            : slot.getAttribute('d') || slot.getAttribute('transform') || slot.getAttribute('aria-label')
            || slot.textContent]));
        """,
        widget,
    )


def windows(browser, widget: str) -> list[bytes]:
    """The pictures as they are seen."""
    return [
        window.screenshot_as_png
        for window in browser.find_elements("css selector", f"[data-widget={widget}] .play-window")
    ]


def press(browser, name: str, key: str):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    browser.find_element(By.ID, name).send_keys(getattr(Keys, key))


def changed(browser, widget: str, before: dict[str, str]) -> dict[str, str]:
    """The state after it is another than before."""
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(browser, 20, poll_frequency=0.05).until(lambda _: state(browser, widget) != before)
    return state(browser, widget)


@pytest.mark.parametrize(
    ("widget", "slider"),
    [("noise", "noise-sigma"), ("sampling", "sampling-factor"), ("strength", "strength-told")],
)
def test_the_keyboard_moves_numbers_words_and_pictures(browser, widget, slider):
    before, seen = state(browser, widget), windows(browser, widget)
    press(browser, slider, "ARROW_RIGHT")
    after = changed(browser, widget, before)
    for one, other in zip(seen, windows(browser, widget), strict=True):
        assert one != other, "every picture shows another frame"
    for slot in ("readout", "told", "psnr", "difference"):
        assert after[slot] != before[slot], f"{slot} should follow the slider"
    press(browser, slider, "ARROW_LEFT")
    assert changed(browser, widget, after) == before, "the same place shows the same"


def test_the_page_begins_as_it_was_written(browser, site):
    """What stands there without JavaScript is what JavaScript shows first, drawings included."""
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.refresh()
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    plain = {widget: state(browser, widget) for widget in ("noise", "sampling", "strength", "floor")}
    assert browser.execute_script("return typeof rician") == "undefined", "no script of the page has run"
    assert "Without JavaScript" in browser.find_element("css selector", "[data-widget=noise]").text
    browser.refresh()
    assert browser.execute_script("return typeof rician") == "object"
    assert "Without JavaScript" not in browser.find_element("css selector", "[data-widget=noise]").text
    for widget, words in plain.items():
        now = state(browser, widget)
        for slot, value in words.items():
            assert close(now[slot], value), f"{widget}, {slot}: {now[slot][:80]} and not {value[:80]}"


def close(one: str, other: str) -> bool:
    """The same words, and numbers that differ by rounding alone."""
    number = r"-?\d+(?:\.\d+)?"
    values = [[float(value) for value in re.findall(number, text)] for text in (one, other)]
    return len(values[0]) == len(values[1]) and all(abs(a - b) < 0.15 for a, b in zip(*values, strict=True))


def test_another_noise_changes_picture_and_air(browser):
    before = state(browser, "noise")
    press(browser, "noise-kind-rician", "SPACE")
    after = changed(browser, "noise", before)
    assert "rician" in after["noisy"] and "rician" in after["difference"]
    assert abs(float(before["air"].replace("−", "-"))) < 0.01 and float(after["air"]) == pytest.approx(0.125, abs=0.005)
    loaded = browser.execute_script(
        "return [...document.querySelectorAll('[data-widget=noise] img')].every(i => i.complete && i.naturalWidth)"
    )
    assert loaded, "the new pictures were there before they were shown"


def test_without_its_centre_a_mask_darkens_the_head(browser):
    before = state(browser, "sampling")
    press(browser, "sampling-centre", "SPACE")
    after = changed(browser, "sampling", before)
    assert float(after["psnr"].split()[0]) < float(before["psnr"].split()[0]) - 3


def test_the_law_is_drawn_anew(browser):
    before = state(browser, "floor")
    press(browser, "floor-signal", "HOME")
    after = changed(browser, "floor", before)
    assert after["mean"] == "1.25" and after["bias"] == "+1.25" and after["told"].startswith("signal 0.0 sigma")
    assert after["rice-line"] != before["rice-line"] and after["law-mean"] != before["law-mean"]
    press(browser, "floor-signal", "END")
    assert changed(browser, "floor", after)["bias"] == "+0.08"


def test_frames_are_light_and_fit_a_phone(browser, site):
    sizes = [file.stat().st_size for file in (site / "_static" / "play").glob("*.webp")]
    assert len(sizes) == 28 and sum(sizes) < HEAVIEST
    browser.set_window_size(500, 900)  # chromium has no narrower window
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 400, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    )
    try:
        assert browser.execute_script("return document.documentElement.scrollWidth") <= 400
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
