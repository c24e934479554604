"""Lab 10's training code, as it stands in its source, trains all networks of the published table, at the paper's size.

Nobody runs profile `gpu` in CI: a name that has changed, or a layer that does not fit, would be found by a student.
"""

import warnings
from pathlib import Path

import jupytext
import pytest
import torch

from course_lib.profiles import Profile

SOURCE = Path(__file__).resolve().parents[1] / "solutions" / "lab10_low_dose_ct.py"
WANTED = ("from course_lib import ct, losses", "def library_penalty(", "def patches(", "def objective(", "def train(")
WAYS = ["CNN-MSE", "CNN-VGG", "WGAN-MSE", "WGAN-VGG", "WGAN", "GAN"]


@pytest.fixture(scope="module")
def lab():
    """The names of the lab's cells that train, in profile `gpu` but on the CPU, for two patches of random scans."""
    cells = [cell.source for cell in jupytext.read(SOURCE).cells if cell.cell_type == "code"]
    generator = torch.Generator().manual_seed(0)
    scans = torch.rand(2, 1, 256, 256, generator=generator)
    names = {"profile": Profile("gpu", "cpu"), "full": scans, "quarter": scans.roll(1, 0)}
    exec("from course_lib.exercise import yours", names)
    for words in WANTED:
        (cell,) = (text for text in cells if words in text)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "the ImageNet weights")  # random features serve as well here
            exec(cell, names)
    names["BATCH"] = 2
    return names


def test_the_sizes_are_the_papers(lab):
    assert lab["SIZE"] == 64 and lab["features"].layers == ("relu5_3",)
    critic = lab["CTCritic"](lab["SIZE"], **lab["small"])
    assert sum(weight.numel() for weight in critic.parameters()) == 17_923_521


@pytest.mark.parametrize("way", WAYS)
def test_each_of_the_six_networks_makes_a_step(lab, way):
    torch.manual_seed(3)
    start = lab["CTGenerator"]()
    torch.nn.init.normal_(start.layers[-1].weight, std=0.01)  # at 0, the layers before it have no gradient
    before = {name: weight.clone() for name, weight in start.state_dict().items()}
    network = lab["train"](way, 1, 5e-4, 0, start)
    assert not network.training
    for name, weight in network.state_dict().items():
        assert bool(torch.isfinite(weight).all()) and not torch.equal(weight, before[name]), name


def test_the_lab_names_them_all():
    text = SOURCE.read_text()
    assert all(f'"{way}": (' in text for way in WAYS), "a row of the published table"
    named = next(line for line in text.splitlines() if "gpu=[" in line)
    assert all(f'"{way}"' in named for way in WAYS[1:]), "profile gpu trains what starts from CNN-MSE"
