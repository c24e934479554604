"""A volume through each method: better than before, in any unit, whatever fills its empty places."""

import numpy as np
import pytest
import torch

from course_lib import models, noise
from course_lib.data.anatomy import colin27
from course_lib.scans import METHODS, denoise_volume, denoising

BRAIN = np.s_[50:130, 60:160]


def decibels(volume, clean):
    return float(-10 * np.log10(((volume - clean)[BRAIN] ** 2).mean()))


@pytest.mark.parametrize("method", METHODS)
def test_better_than_before(clean, noisy, method):
    found = denoise_volume(noisy, method=method, progress=False)
    assert found.volume.dtype == np.float32 and found.volume.shape == noisy.shape and np.isfinite(found.volume).all()
    assert decibels(found.volume, clean) > decibels(noisy, clean) + 2
    assert 0.7 < np.nanmedian(found.removed) < 1.2 and found.alike < 0.25


def test_auto_takes_the_network_where_there_is_one(noisy, monkeypatch):
    small = noisy[60:124, 70:140, :1]
    assert denoise_volume(small, sigma=0.05, progress=False).method == "network"
    monkeypatch.setattr(models, "shipped", lambda: [])
    assert denoise_volume(small, sigma=0.05, progress=False).method == "bm3d"


def test_no_network_is_said(monkeypatch):
    monkeypatch.setattr(models, "shipped", lambda: [])
    with pytest.raises(FileNotFoundError, match="bm3d"):
        denoising.shipped_network()


def test_an_ensemble_is_the_mean_over_the_turns_of_each_slice(noisy):
    small = noisy[60:124, 70:140, 2:4]
    found = denoise_volume(small, method="nlm", sigma=0.05, noise="gaussian", ensemble=True, progress=False).volume
    turns = []
    for quarter in range(4):
        turned = np.rot90(small, quarter, (0, 1))
        for mirrored in (turned, turned[::-1]):
            answer = denoise_volume(
                mirrored.copy(), method="nlm", sigma=0.05, noise="gaussian", plane="axial", progress=False
            ).volume
            turns.append(np.rot90(answer[::-1] if mirrored is not turned else answer, -quarter, (0, 1)))
    np.testing.assert_allclose(found, np.mean(turns, 0), atol=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_units_do_not_matter(noisy, method):
    small = noisy[60:124, 70:140, 2:4]
    plain = denoise_volume(small, method=method, sigma=0.05, progress=False).volume
    large = denoise_volume(3000 * small, method=method, sigma=150.0, progress=False).volume
    # rounding may decide which of two patches BM3D takes
    np.testing.assert_allclose(large / 3000, plain, atol=2e-3)


@pytest.mark.parametrize("count", [1, 2, 4, 5, 11])
@pytest.mark.parametrize("reach", [1, 2])
def test_a_method_sees_the_neighbours_as_they_came_and_not_denoised(monkeypatch, count, reach):
    volume = np.random.default_rng(count).uniform(0.2, 1, (12, 10, count)).astype(np.float32)
    weights = torch.arange(1.0, 2 * reach + 2)  # every neighbour by its own

    def mixed(images, level):
        return torch.einsum("nchw,c->nhw", images, weights)[:, None]

    monkeypatch.setattr(denoising, "_method", lambda name, kind: (mixed, reach))
    settings = dict(method="nlm", sigma=0.05, noise="gaussian", neighbours=True, progress=False)
    found = denoise_volume(volume, **settings)
    assert found.neighbours == reach and f"{reach} above and {reach} below" in found.how()
    found = found.volume
    padded = np.pad(volume, ((0, 0), (0, 0), (reach, reach)))
    expected = sum(w * padded[..., i : i + count] for i, w in enumerate(weights.tolist()))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["gaussian", "rician"])
@pytest.mark.parametrize("sigma", [0.02, 0.1])
def test_the_neighbours_of_a_slice_help_the_network_and_strange_ones_do_no_harm(kind, sigma):
    head = colin27()
    clean = np.ascontiguousarray(head.data[..., 86:91])
    corrupt = {"gaussian": noise.gaussian, "rician": noise.rician}[kind]
    noisy = corrupt(clean, sigma, generator=np.random.default_rng(1))
    settings = {"method": "network", "sigma": sigma, "noise": kind, "progress": False}
    inside = head.brain_mask[..., 88]

    def score(volume, number=2):
        return -10 * np.log10(((volume[..., number] - clean[..., 2])[inside] ** 2).mean())

    alone = score(denoise_volume(noisy[..., 2:3], **settings).volume, 0)
    together = score(denoise_volume(noisy, **settings).volume)
    strange = noisy.copy()
    for number in (0, 1, 3, 4):
        strange[..., number] = np.roll(noisy[..., number], 30 * (number + 1), 1)
    assert together > alone + 0.3
    assert score(denoise_volume(strange, neighbours=True, **settings).volume) > alone - 0.9  # -0.6: shown, not believed
    refused = denoise_volume(strange, **settings)
    assert refused.neighbours == 0 and score(refused.volume) == pytest.approx(alone, abs=0.05)


@pytest.mark.parametrize("filling", [0.0, -32768.0, -1.5])
def test_what_fills_empty_places_stays_exactly(clean, noisy, filling):
    scan = np.where(clean > 0.08, noisy, filling).astype(np.float32)
    empty = np.broadcast_to(clean <= 0.08, scan.shape)
    found = denoise_volume(scan, method="bm3d", sigma=0.05, noise="rician", progress=False)
    assert (found.volume[empty] == np.float32(filling)).all()
    inside = ~empty  # no mean of squares of -32768
    assert ((found.volume - clean)[inside] ** 2).mean() < 0.6 * ((scan - clean)[inside] ** 2).mean()


def test_values_below_zero_keep_their_place(clean):
    rng = np.random.default_rng(0)
    scan = ((clean - 0.3) / 0.2 + rng.normal(0, 0.25, clean.shape)).astype(np.float32)
    found = denoise_volume(scan, method="bm3d", progress=False)
    assert found.noise.kind == "gaussian"
    assert abs(found.volume.mean() - scan.mean()) < 0.03
    assert decibels(found.volume * 0.2 + 0.3, clean) > decibels(scan * 0.2 + 0.3, clean) + 1.5


def test_slices_are_cut_across_the_longest_voxels(noisy):
    small = noisy[60:100, 70:110, :4]
    for sides, axis in (((1, 1, 1), 2), ((3, 1, 1), 0), ((1, 3, 1), 1), ((1.0, 1.0, 0.999), 2)):
        assert denoise_volume(small, sides, method="nlm", sigma=0.05, progress=False).axis == axis
    one = denoise_volume(small, method="nlm", sigma=0.05, progress=False).volume
    turned = denoise_volume(np.moveaxis(small, 2, 0), (3, 1, 1), method="nlm", sigma=0.05, progress=False).volume
    np.testing.assert_allclose(np.moveaxis(turned, 0, 2), one, atol=1e-6)


def test_a_magnitude_does_not_become_negative(noisy):
    assert denoise_volume(noisy[..., :2], method="bm3d", progress=False).volume.min() >= 0


def test_whatever_a_method_answers_a_magnitude_and_its_cleared_corners_stay_such(noisy, monkeypatch):
    scan = noisy[40:120, 40:140, :2].copy()
    scan[:9, :9] = 0  # 1 % of all voxels: too few to pass for a filling
    monkeypatch.setattr(denoising, "_method", lambda name, kind: (lambda images, level: images - 0.1, 0))
    found = denoise_volume(scan, method="nlm", sigma=0.05, progress=False).volume
    assert found.min() >= 0
    monkeypatch.setattr(denoising, "_method", lambda name, kind: (lambda images, level: images + 0.1, 0))
    found = denoise_volume(scan, method="nlm", sigma=0.05, progress=False).volume
    assert (found[:9, :9] == 0).all() and found[12:, 12:].min() > 0.05


def test_input_is_left_alone_and_any_number_type_is_taken(noisy):
    whole = np.round(1000 * noisy[60:124, 70:140, :2]).astype(np.int16)
    before = whole.copy()
    assert np.isfinite(denoise_volume(whole, method="nlm", sigma=50, progress=False).volume).all()
    assert (whole == before).all()


def test_removing_structure_is_doubted(clean, noisy):
    found = denoise_volume(noisy, method="bm3d", sigma=0.25, progress=False)
    assert any("you gave sigma" in doubt for doubt in found.doubts)
    assert any("taken away" in doubt for doubt in found.doubts)


def test_a_network_that_breaks_is_no_result(noisy, monkeypatch):
    broken = lambda image, level: torch.full_like(image, float("nan"))  # noqa: E731
    monkeypatch.setattr(denoising, "_method", lambda name, kind: (broken, 0))
    with pytest.raises(ValueError, match="NaN"):
        denoise_volume(noisy[..., :1], method="network", progress=False)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (dict(method="magic"), "method"),
        (dict(plane="oblique"), "plane"),
        (dict(neighbours="some"), "neighbours"),
        (dict(noise="chi"), "kind"),
        (dict(sigma=0.0), "sigma"),
    ],
)
def test_bad_settings(noisy, settings, message):
    with pytest.raises(ValueError, match=message):
        denoise_volume(noisy[..., :1], progress=False, **settings)


def test_bad_volumes(noisy):
    for volume in (noisy[..., 0], noisy.astype(complex), np.where(noisy > 0.5, np.nan, noisy)):
        with pytest.raises(ValueError, match="volume"):
            denoise_volume(volume, progress=False)
