"""A student's first minutes: `make lab`, a real browser, the START page, lab 00, Run All Cells, the noise slider.

Needs chromium and chromedriver (Debian: `apt install chromium chromium-driver`); `make test-browser` runs it.
The screenshots are kept as artifacts/start.png and artifacts/lab00.png.
"""

from __future__ import annotations

import base64
import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import chromium
import numpy as np
import psutil
import pytest

ROOT = Path(__file__).resolve().parents[2]
LAB = "lab00_orientation/lab00_orientation.ipynb"
PATIENCE = 180  # seconds, for each thing that is waited for: shared machines are slow
IDLE = "window.jupyterapp?.shell?.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
SETTINGS = {
    # every output stands in the page, not only those in sight; nothing is saved
    "notebook-extension/tracker": {"windowingMode": "none"},
    "docmanager-extension/plugin": {"autosave": False},
}

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1200)]


def stop(process: subprocess.Popen) -> list[psutil.Process]:
    """End a process and all that it started; returns what had to be killed."""
    family = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)  # the server then shuts its kernels down, which have their own groups
    _, stubborn = psutil.wait_procs(family, timeout=30)
    for member in stubborn:
        member.kill()
    psutil.wait_procs(stubborn, timeout=10)
    process.wait(timeout=10)
    return stubborn


@pytest.fixture
def jupyterlab(tmp_path):
    """The address, token included, of the JupyterLab that `make lab` starts."""
    if not shutil.which("make"):
        pytest.skip("make is not installed")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    for name, values in SETTINGS.items():
        file = tmp_path / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))
    environment = os.environ | {
        "COURSE_PROFILE": "cpu",  # profile ci has no slider
        "JUPYTER_CONFIG_DIR": str(tmp_path / "config"),
        "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(tmp_path / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(tmp_path / "workspaces"),
        "IPYTHONDIR": str(tmp_path / "ipython"),
    }
    options = (
        f"--port {port} --no-browser --LabApp.expose_app_in_browser=True"
        f" --FileCheckpoints.checkpoint_dir={tmp_path / 'checkpoints'}"
    )
    log = tmp_path / "make-lab.log"
    before = (ROOT / "labs" / LAB).read_bytes()
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["make", "lab", f"ARGS={options}"],
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    try:
        yield wait_for_address(process, log, port)
    finally:
        killed = stop(process)
        after = (ROOT / "labs" / LAB).read_bytes()
        if after != before:
            (ROOT / "labs" / LAB).write_bytes(before)
    assert after == before, "reading and running the lab should not save it"
    assert not killed, f"`make lab` left processes behind when it was asked to stop: {killed}"


def wait_for_address(process: subprocess.Popen, log: Path, port: int) -> str:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        text = log.read_text(errors="replace")
        if found := re.search(rf"http://(?:localhost|127\.0\.0\.1):{port}/lab/tree/labs/START\.md\?token=\w+", text):
            return found[0]
        if process.poll() is not None:
            break
        time.sleep(0.5)
    pytest.fail(f"`make lab` printed no address with a token; its output ends with\n{text[-3000:]}")


@pytest.fixture
def browser(tmp_path):
    """Headless chromium on a profile of its own."""
    opened = chromium.start(tmp_path / "chromium")
    family = [psutil.Process(opened.service.process.pid)]
    family += family[0].children(recursive=True)
    opened.set_script_timeout(PATIENCE)
    try:
        yield opened
    finally:
        opened.quit()
        _, stubborn = psutil.wait_procs(family, timeout=20)
        for member in stubborn:
            member.kill()


def errors_of_cells(browser) -> list[str]:
    """Name and message of each exception that the notebook shows."""
    return browser.execute_script(
        """
        const notebook = window.jupyterapp?.shell?.currentWidget?.content?.model?.toJSON?.();
        return (notebook?.cells ?? []).flatMap(cell => cell.outputs ?? [])
            .filter(output => output.output_type === 'error')
            .map(output => `${output.ename}: ${output.evalue}`);
        """
    )


def wait_until(browser, what: str, script: str):
    """The first true value of a JavaScript expression; fails after PATIENCE seconds, soon after an error."""
    deadline, failing = time.monotonic() + PATIENCE, False
    while time.monotonic() < deadline:
        if value := browser.execute_script(f"return ({script});"):
            return value
        if not failing and errors_of_cells(browser):
            # "Run All" stops here; what earlier cells sent may still be on its way to the page
            failing, deadline = True, min(deadline, time.monotonic() + 30)
        time.sleep(0.3)
    save_screenshot(browser, "lab00-failed.png")
    pytest.fail(f"{what} did not come; artifacts/lab00-failed.png shows the page; {errors_of_cells(browser)=}")


def save_screenshot(browser, name: str) -> None:
    (ROOT / "artifacts").mkdir(exist_ok=True)
    (ROOT / "artifacts" / name).write_bytes(browser.get_screenshot_as_png())


def picture(browser) -> np.ndarray:
    """The pixels of the slider's picture as the browser has them: (H, W, 4)."""
    from matplotlib.image import imread

    data = browser.execute_async_script(
        """
        const done = arguments[arguments.length - 1];
        fetch(document.querySelector('img.widget-image').src)
            .then(answer => answer.blob())
            .then(blob => {
                const reader = new FileReader();
                reader.onload = () => done(reader.result);
                reader.readAsDataURL(blob);
            })
            .catch(error => done(null));  // replaced while it was read
        """
    )
    if data is None:
        return picture(browser)
    return imread(io.BytesIO(base64.b64decode(data.split(",")[1])), format="png")


def settled(browser) -> np.ndarray:
    """The picture once the kernel has answered to all that the slider sent."""
    last = picture(browser)
    while True:
        time.sleep(1)
        wait_until(browser, "an idle kernel", IDLE)
        now = picture(browser)
        if np.array_equal(now, last):
            return now
        last = now


def test_slider_of_lab_00_moves_the_picture(jupyterlab, browser):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    browser.get(jupyterlab)
    link = f".jp-MarkdownViewer a[href*='{Path(LAB).name}']"
    wait_until(browser, "the START page", f'document.querySelector("{link}")')
    save_screenshot(browser, "start.png")
    assert not browser.find_elements(By.CSS_SELECTOR, ".jp-toast-message, .Toastify__toast"), (
        "nothing asks or tells news"
    )
    menus = browser.find_element(By.CSS_SELECTOR, ".jp-MenuBar, #jp-MainMenu").text
    assert "Kernel" in menus and "Nbgrader" not in menus, "teachers' tools are not here"
    browser.find_element(By.CSS_SELECTOR, link).click()
    wait_until(browser, "lab 00 with a kernel", IDLE)
    browser.execute_script("window.jupyterapp.commands.execute('notebook:run-all-cells')")
    wait_until(browser, "the noise slider", "document.querySelector('.widget-slider .noUi-handle')")
    wait_until(
        browser,
        "its picture",
        "(document.querySelector('img.widget-image')?.naturalWidth ?? 0) > 100",
    )
    # unsolved exercises say so in words, and the run comes to its end
    wait_until(browser, "the unsolved exercises", IDLE)
    errors = errors_of_cells(browser)
    assert len(errors) == 3 and all(error.startswith("NotImplementedError") for error in errors), errors

    first = browser.execute_script("return document.querySelector('.jp-CodeCell .jp-OutputArea').innerText")
    assert re.search(r"profile\s+cpu", first), f"the first cell should print the profile, it printed: {first!r}"

    handle = browser.find_element(By.CSS_SELECTOR, ".widget-slider .noUi-handle")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", handle)
    level, before = float(handle.get_attribute("aria-valuenow")), settled(browser)
    assert level == pytest.approx(0.1)
    for _ in range(10):
        handle.send_keys(Keys.ARROW_RIGHT)
    assert float(handle.get_attribute("aria-valuenow")) > level, "the arrow key should move the slider"
    after = settled(browser)
    save_screenshot(browser, "lab00.png")
    assert after.shape == before.shape
    # the picture stands for clean | noisy | difference: the first stays, the second changes
    height, width = after.shape[:2]
    clean, noisy = np.s_[: height // 2, : width // 4], np.s_[: height // 2, width // 3 : width // 2]
    assert np.array_equal(after[clean], before[clean])
    assert np.abs(after[noisy] - before[noisy]).mean() > 0.01, "more noise should be seen"

    for _ in range(10):
        handle.send_keys(Keys.ARROW_LEFT)
    np.testing.assert_array_equal(settled(browser), before, "the same level should give the same picture")
