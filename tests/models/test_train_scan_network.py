"""The script that trains the network for scans: its noise is what it says, and a warm start changes nothing."""

import pytest
import torch

from course_lib import models, noise
from course_lib.data.brains import brain_slices
from course_lib.models.attention_unet import AttentionUNet
from course_lib.models.noise_map import NoiseMapUNet, noise_floor


@pytest.fixture(scope="module")
def script(load_script):
    return load_script("train_scan_network")


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def test_levels_kinds_and_clearings(script):
    image = torch.full((1, 64, 64), 0.5)
    image[:, :32] = 0
    floors, levels, cleared = set(), [], 0
    for seed in range(300):
        noisy, sigma, floor = script.corrupt(image, generator=seeded(seed))
        assert noisy.shape == image.shape and torch.isfinite(noisy).all()
        floors.add(round(float(floor), 4))
        levels.append(float(sigma))
        cleared += bool((noisy[:, :32] == 0).all())
        bright = noisy[:, 32:]
        assert float(bright.std()) == pytest.approx(float(sigma), rel=0.35)
        if not (noisy[:, :32] == 0).all():  # the floor is the mean of the air
            assert float(noisy[:, :32].mean() / sigma) == pytest.approx(float(floor), abs=0.25)
    assert script.SIGMA[0] <= min(levels) < 0.006 and 0.2 < max(levels) <= script.SIGMA[1]
    assert {0.0, round(noise_floor("rician"), 4), round(noise_floor("chi", 8), 4)} <= floors
    assert 60 < cleared < 120  # 30 %: four standard deviations around 90


def test_seed_exact(script):
    image = torch.rand(1, 32, 32, generator=seeded(0))
    one, two = (script.corrupt(image, generator=seeded(7)) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))


def test_a_warm_start_is_the_old_network_at_its_level(script, tmp_path):
    old = AttentionUNet(encoder="small", width=8)
    with torch.no_grad():
        for parameter in old.parameters():
            parameter.copy_(0.1 * torch.randn(parameter.shape, generator=seeded(parameter.numel())))
    models.save(
        old, tmp_path / "old.safetensors", data="none", noise="none", stop="never", seed=0,
        arguments={"encoder": "small", "width": 8},
    )  # fmt: skip
    model = NoiseMapUNet(8).eval()
    script.begin_at_one_level(model, tmp_path / "old.safetensors", 0.1)
    noisy = noise.gaussian(brain_slices("colin27", slices=1).images, 0.1, generator=seeded(1))
    with torch.no_grad():
        torch.testing.assert_close(model(noisy, 0.1), old.eval()(noisy), atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(model(noisy, 0.1, 1.25), model(noisy, 0.1))
