"""What `make lab` opens: the START page, with the lectures in reach, and without news or teacher's tools."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PATIENCE = 120


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The address of the server that the last command of `make lab` starts; `get(path)` reads from it."""
    asked = [
        "make",
        "-n",
        "--no-print-directory",
        "lab",
        f"VENV={sys.prefix}",
        "ARGS=--port PORT --IdentityProvider.token=word",
    ]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    asked[-1] = asked[-1].replace("PORT", str(port))
    plain = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    told = subprocess.run(asked, cwd=ROOT, env=plain | {"CI": "1"}, capture_output=True, text=True, check=True)
    command = re.sub(r"\\\n\s*", " ", told.stdout).strip().splitlines()[-1]
    home = tmp_path_factory.mktemp("home")
    environment = os.environ | {"HOME": str(home), "JUPYTER_CONFIG_DIR": str(home)}
    process = subprocess.Popen(["bash", "-c", command], cwd=ROOT, env=environment, start_new_session=True)
    address = f"http://127.0.0.1:{port}"
    for _ in range(PATIENCE):
        try:
            urllib.request.urlopen(f"{address}/api?token=word").close()
            break
        except OSError:
            assert process.poll() is None, "JupyterLab ended"
            time.sleep(1)
    yield address
    os.killpg(process.pid, signal.SIGTERM)
    process.wait(30)


def _get(address: str, path: str) -> str:
    with urllib.request.urlopen(f"{address}{path}?token=word", timeout=PATIENCE) as answer:
        return answer.read().decode()


@pytest.mark.slow
def test_make_lab_opens_the_start_page_and_the_lectures_are_in_reach(server):
    with urllib.request.urlopen(f"{server}/?token=word", timeout=PATIENCE) as answer:
        assert answer.url.startswith(f"{server}/lab/tree/labs/START.md")
    names = {entry["name"] for entry in json.loads(_get(server, "/api/contents/lectures"))["content"]}
    assert "01_autoencoders.ipynb" in names


@pytest.mark.slow
def test_make_lab_shows_no_news_and_markdown_as_a_page(server):
    def settings(plugin: str) -> dict:
        schema = json.loads(_get(server, f"/lab/api/settings/{plugin}"))["schema"]
        return {name: value.get("default") for name, value in schema["properties"].items()}

    news = settings("@jupyterlab/apputils-extension:notification")
    assert news["fetchNews"] == "false" and news["checkForUpdates"] is False
    assert settings("@jupyterlab/docmanager-extension:plugin")["defaultViewers"]["markdown"] == "Markdown Preview"


@pytest.mark.slow
def test_make_lab_has_no_tools_for_teachers(server):
    page = re.search(r'id="jupyter-config-data"[^>]*>(.*?)</script>', _get(server, "/lab"), re.DOTALL)[1]
    assert "@jupyter/nbgrader" in json.loads(page)["disabledExtensions"]
    with pytest.raises(urllib.error.HTTPError, match="404"):
        _get(server, "/formgrader")
