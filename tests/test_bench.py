"""`scripts/bench.py`: every item runs at a tiny size, and the file keeps what was not measured anew."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NAMES = [
    "imports", "ssim", "msssim", "bm3d", "nlm", "filters", "pipeline", "training", "cohort", "reconstruction",
    "consistency", "ct", "surfaces", "attention", "small_model", "scans", "grading", "lab02",
]  # fmt: skip


def _bench(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
    command = [sys.executable, str(ROOT / "scripts" / "bench.py"), *arguments]
    settings = os.environ | {"OMP_NUM_THREADS": "1", "COURSE_PROFILE": "ci"} | environment
    return subprocess.run(command, cwd=ROOT, env=settings, capture_output=True, text=True, timeout=240)


def _section(text: str, name: str) -> str:
    return re.search(rf"<!-- begin {name} -->\n(.*?)<!-- end {name} -->", text, re.DOTALL)[1]


@pytest.mark.slow
def test_every_item_runs_and_a_broken_peer_gets_a_row_that_says_so(tmp_path):
    out, broken = tmp_path / "out.md", tmp_path / "peers"
    broken.mkdir()
    (broken / "monai.py").write_text("raise ImportError('broken on purpose')")
    done = _bench("--quick", "--out", str(out), PYTHONPATH=str(broken), COURSE_DATA=str(tmp_path / "data"))
    assert done.returncode == 0, done.stderr
    text = out.read_text()
    assert re.findall(r"<!-- begin (\w+) -->", text) == NAMES
    for name in NAMES:
        section = _section(text, name)
        assert "Smoke run" in section and "| --- |" in section and f"--only {name}`" in section
    assert str(tmp_path) not in text and str(ROOT) not in text
    ssim = _section(text, "ssim")
    assert "| monai | not measured: ImportError |" in ssim
    differences = dict(re.findall(r"^\| ([\w-]+) .* ([+-]\S+e[+-]\d+) \|$", ssim, re.MULTILINE))
    assert abs(float(differences["course_lib"])) < 1e-5
    assert "| `import torch` |" in _section(text, "imports")
    assert re.search(r"BrainCDAE, \S+ min \| 1 \|", _section(text, "lab02"))


@pytest.mark.slow
def test_only_keeps_the_other_sections(tmp_path):
    out = tmp_path / "out.md"
    old = "<!-- begin {0} -->\nold {0}\n<!-- end {0} -->\n"
    out.write_text("# Benchmarks\n" + old.format("ssim") + old.format("training"))
    done = _bench("--quick", "--only", "training", "--out", str(out))
    assert done.returncode == 0, done.stderr
    text = out.read_text()
    assert _section(text, "ssim") == "old ssim\n"
    assert "old training" not in text and "plain PyTorch loop" in _section(text, "training")


def test_a_smoke_run_never_overwrites_the_measured_file():
    done = _bench("--quick")
    assert done.returncode == 2 and "--out" in done.stderr


def test_an_unknown_item_is_refused():
    done = _bench("--only", "nonsense")
    assert done.returncode == 2 and "nonsense" in done.stderr
