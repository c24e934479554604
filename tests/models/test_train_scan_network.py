"""The script that trains the network for scans: its noise is what it says, and a warm start changes nothing."""

import pytest
import torch

from course_lib import models
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


def test_neighbours_that_are_absent_are_black_and_the_middle_never_is(script):
    stack = torch.full((5, 24, 24), 0.5)
    lost = []
    for seed in range(400):
        noisy, _, _ = script.corrupt(stack, generator=seeded(seed))
        black = (noisy == 0).all((1, 2))
        assert not black[2]
        lost.append(tuple(black.int().tolist()))
    alone, one_side = lost.count((1, 1, 0, 1, 1)) / 400, sum(0 < sum(each) < 4 for each in lost) / 400
    assert alone == pytest.approx(0.3, abs=0.08) and one_side == pytest.approx(0.1, abs=0.05)
    assert {(1, 0, 0, 0, 0), (1, 1, 0, 0, 0), (0, 0, 0, 0, 1), (0, 0, 0, 1, 1)} <= set(lost)
    assert all(script.absent(1, draw) == [] for draw in (0.0, 0.31, 0.36, 0.9))


@pytest.mark.parametrize(("share", "expected"), [(0.0, 0.0), (0.25, 0.3), (0.5, 0.5)])
def test_noise_through_planes_keeps_its_level_and_is_shared_by_neighbours_alone(script, share, expected):
    stack = torch.zeros(5, 200, 200)
    found = script.through_planes(stack, 0.3, share, magnitude=False, generator=seeded(0))
    table = torch.corrcoef(found.flatten(1))
    assert float(found.std()) == pytest.approx(0.3, rel=0.01)
    assert table.diagonal(1).tolist() == pytest.approx([expected] * 4, abs=0.02)
    assert table.diagonal(2).abs().max() < 0.02
    magnitude = script.through_planes(stack, 0.3, share, magnitude=True, generator=seeded(0))
    assert float(magnitude.mean() / 0.3) == pytest.approx(noise_floor("rician"), rel=0.01)


def test_misplaced_neighbours_leave_the_middle_where_it_is(script):
    stack = torch.rand(1, 30, 30, generator=seeded(1)).repeat(5, 1, 1)
    moved = script.misplaced(stack, unrelated=False, generator=seeded(2))
    assert torch.equal(moved[2], stack[2])
    assert all(not torch.allclose(moved[number], stack[number]) for number in (0, 1, 3, 4))
    assert torch.equal(stack[0], stack[4])  # the input is left alone


def test_the_loss_looks_at_the_middle_alone_and_counts_a_floor_left_in_black_air(script):
    clean = torch.zeros(2, 5, 32, 32)
    clean[:, :, :, 16:] = 0.5
    other = clean.clone()
    other[:, [0, 1, 3, 4]] = torch.rand(2, 4, 32, 32, generator=seeded(0))
    assert float(script.Error(0.02)(other, clean).mean()) < 1.1e-4
    in_air, in_tissue = clean.clone(), clean.clone()
    in_air[:, 2, :, :16] += 0.01
    in_tissue[:, 2, :, 16:] += 0.01
    plain, both = script.Error(0.0), script.Error(0.02)
    torch.testing.assert_close(plain(in_air, clean), plain(in_tissue, clean))
    assert both(in_air, clean).mean() > both(in_tissue, clean).mean() + 0.001


@pytest.mark.parametrize("slices", [1, 3])
def test_a_warm_start_is_the_old_network_whatever_the_new_neighbours_show(script, tmp_path, slices):
    old = NoiseMapUNet(8, slices=slices).eval()
    with torch.no_grad():
        for parameter in old.parameters():
            parameter.copy_(0.1 * torch.randn(parameter.shape, generator=seeded(parameter.numel())))
    models.save(
        old, tmp_path / "old.safetensors", data="none", noise="none", stop="never", seed=0,
        arguments={"width": 8, "slices": slices},
    )  # fmt: skip
    model = NoiseMapUNet(8, slices=5).eval()
    script.begin_with_fewer_slices(model, tmp_path / "old.safetensors")
    stack = torch.rand(2, 5, 24, 20, generator=seeded(1))
    reach = slices // 2
    with torch.no_grad():
        expected = old(stack[:, 2 - reach : 3 + reach], 0.1, 1.25)
        torch.testing.assert_close(model(stack, 0.1, 1.25), expected, atol=1e-5, rtol=1e-4)
