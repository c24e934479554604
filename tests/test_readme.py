"""What the README promises: its example runs, its links lead somewhere, its commands are commands."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from course_staff import cli

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
# the table of labs is derived, and `course build --check` answers for it
OWN_TEXT = re.sub(r"<!-- labs:begin -->.*?<!-- labs:end -->", "", TEXT, flags=re.DOTALL)


def test_it_speaks_to_students_first():
    opening = TEXT.split("## ")[0]
    assert re.findall(r"^make ([\w-]+)", opening, re.MULTILINE) == ["lab"]
    assert re.findall("^## (.+)", TEXT, re.MULTILINE)[:3] == ["Student", "The labs", "Instructor"]
    assert TEXT.count("<!-- labs:begin -->") == TEXT.count("<!-- labs:end -->") == 1


BLOCKS = re.findall(r"```python\n(.*?)```", OWN_TEXT, re.DOTALL)


def _printed(block: str) -> str:
    result = subprocess.run([sys.executable, "-c", block], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_its_first_example_measures_the_noise_that_it_adds():
    psnr, ssim = (float(number) for number in re.findall(r": +([\d.]+)", _printed(BLOCKS[0])))
    # Gaussian noise of standard deviation 0.1 means a PSNR of 20 dB, give or take the sample
    assert 19.5 < psnr < 20.5 and 0 < ssim < 1


def test_its_second_example_prints_the_table_that_it_promises():
    rows = [line for line in _printed(BLOCKS[1]).splitlines() if line.startswith("|")]
    psnr = {row.split("|")[1].strip(): float(re.search(r"[\d.]+", row.split("|")[2])[0]) for row in rows[2:]}
    assert psnr["noisy (not clipped)"] < psnr["NLM"] < psnr["BM3D"] < psnr["BM3D, stabilised"]


def test_its_third_example_reconstructs_better_than_zeros():
    zeros, variation = (float(number) for number in re.findall(r": +([\d.]+) dB", _printed(BLOCKS[2])))
    assert zeros + 1 < variation


def test_its_fourth_example_denoises_with_a_network_that_comes_along():
    noisy, network = (float(number) for number in re.findall(r": +([\d.]+) dB", _printed(BLOCKS[3])))
    assert len(BLOCKS) == 4 and noisy + 10 < network


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\((?!https?:)([^)#]+)\)", OWN_TEXT))))
def test_its_links_lead_somewhere(target):
    assert (ROOT / target).exists()


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\bmake ([a-z][a-z-]+)[ `\n]", OWN_TEXT))))
def test_its_make_targets_exist(target):
    result = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


# in code only: "the course evaluates" is no command
CODE = "\n".join(re.findall(r"```\w*\n.*?```|`[^`\n]+`", OWN_TEXT, re.DOTALL))
COMMANDS = re.findall(r"\bcourse ([a-z]+)\b", CODE)


@pytest.mark.parametrize("command", sorted(set(COMMANDS)))
def test_its_course_commands_exist(command, capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main([command, "--help"])
    assert {"doctor", "evaluate", "grade", "my", "update"} <= set(COMMANDS), "the README names them"
    assert stopped.value.code == 0 and f"course {command}" in capsys.readouterr().out


def test_the_citation_says_the_version_of_the_package():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert citation["cff-version"] == "1.2.0" and citation["authors"] and citation["message"]
    assert citation["version"] == project["version"]
