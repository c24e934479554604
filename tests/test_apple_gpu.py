"""An Apple GPU is taken where a tiny network learns there as on the CPU. The GPU is faked: another device plays it."""

from __future__ import annotations

import pytest
import torch
import torch._dynamo  # the first optimizer imports it, and it looks at what the tests replace

from course_lib import apple_gpu, profiles, start
from course_lib.profiles import Profile, check_device, network_device, profile
from course_lib.training import fit


@pytest.fixture(autouse=True)
def apple(monkeypatch):
    """A computer with an Apple GPU, without CUDA; the CPU plays the GPU. Each test asks anew."""
    monkeypatch.delenv("COURSE_PROFILE", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(apple_gpu, "DEVICE", "cpu")
    apple_gpu.problem.cache_clear()
    yield
    apple_gpu.problem.cache_clear()


def test_a_gpu_that_computes_as_the_cpu_does_trains_networks_and_is_named():
    assert apple_gpu.problem() is None and network_device() == check_device(None) == "mps"
    assert profile() == Profile("cpu", "cpu"), "what a lab computes itself stays on the CPU: mps has no float64"
    assert "networks train on the Apple GPU, mps" in start.describe("lab", "this computer", profile())


@pytest.mark.parametrize("name", ["cpu", "ci"])
def test_a_profile_that_was_asked_for_keeps_to_the_cpu(monkeypatch, name):
    monkeypatch.setenv("COURSE_PROFILE", name)
    assert network_device() == "cpu"
    assert "Apple" not in start.describe("lab", "this computer", profile())


def test_cuda_comes_first(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert network_device() == "cuda"


def test_a_gpu_that_lacks_an_operation_is_left_alone(monkeypatch):
    monkeypatch.setattr(apple_gpu, "DEVICE", "meta")  # it computes nothing
    assert apple_gpu.problem() is not None and network_device() == "cpu"


@pytest.mark.parametrize(
    ("spoilt", "words"),
    [(lambda x: x * 1.01, "other numbers than on the CPU"), (lambda x: x / 0, "infinite numbers")],
)
def test_a_gpu_with_wrong_numbers_is_left_alone(monkeypatch, spoilt, words):
    right, asked = apple_gpu._trained, []

    def trained(device):
        asked.append(device)
        return spoilt(right(device)) if len(asked) == 2 else right(device)

    monkeypatch.setattr(apple_gpu, "_trained", trained)
    assert words in apple_gpu.problem() and network_device() == "cpu"
    network_device()
    assert len(asked) == 2, "asked once a process"


def test_the_self_test_really_learns_and_leaves_the_random_state_alone():
    before = torch.random.get_rng_state()
    numbers = apple_gpu._trained("cpu")
    assert numbers[apple_gpu.STEPS - 1] < 0.9 * numbers[0]
    assert torch.equal(torch.random.get_rng_state(), before)


def test_fit_asks_for_it(monkeypatch):
    asked = []
    monkeypatch.setattr(profiles, "network_device", lambda: asked.append("asked") or "cpu")
    model = torch.nn.Conv2d(1, 1, 1)
    fit(model, torch.rand(4, 1, 8, 8), loss=torch.nn.functional.mse_loss, epochs=1, progress=False)
    assert asked
