"""`compare_reconstructions` and `tune_reconstruction`: numbers by numpy, one acquisition for all, films, refusals."""

from __future__ import annotations

import math
from functools import partial
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from course_lib import evaluation, kspace, metrics
from course_lib.evaluation import ZERO_FILLED, trial
from course_lib.profiles import seeded
from course_lib.training import undersampling

quiet = {"progress": False}
acquire = undersampling(4, 0.1, sigma=0.02)
compare = partial(evaluation.compare_reconstructions, **quiet)
tune = partial(evaluation.tune_reconstruction, **quiet)


@pytest.fixture(scope="module")
def images():
    rows, columns = torch.meshgrid(torch.arange(21.0), torch.arange(24.0), indexing="ij")
    waves = [0.5 + 0.3 * torch.sin(rows / (2 + k)) * torch.cos(columns / 3) for k in range(5)]
    generator = torch.Generator().manual_seed(1)
    return kspace.with_phase(torch.stack(waves)[:, None], generator=generator)  # (5, 1, 21, 24)


def scaled(measured, mask, factor=1.0):
    return factor * kspace.zero_filled(measured)


def smooth(measured, mask):
    """A magnitude, as a network without phase might return."""
    return torch.nn.functional.avg_pool2d(kspace.zero_filled(measured).abs(), 3, 1, 1, count_include_pad=False)


def measured_by_hand(image, seed, index):
    """What `acquire` must have given the methods for one image (1, H, W), and its zero filling by numpy."""
    measured, mask = acquire(image, generator=torch.Generator().manual_seed(seeded(seed, "acquisition", index)))
    shifted = np.fft.ifftshift(measured.numpy(), axes=(-2, -1))
    return measured, mask, np.fft.fftshift(np.fft.ifft2(shifted, norm="ortho"), axes=(-2, -1))


def psnr(found, target):
    return -10 * math.log10(np.mean((np.clip(np.abs(found), 0, 1) - np.abs(target)) ** 2))


def ssim(found, target):
    pair = (np.clip(np.abs(image[0]), 0, 1).astype(float) for image in (found, target))
    wang = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1}
    full = structural_similarity(*pair, full=True, **wang)[1]
    return full[5:-5, 5:-5].mean()


def test_values_are_those_of_magnitudes_computed_by_numpy(images):
    found = compare({"triple": partial(scaled, factor=3.0)}, images, acquire, seed=4, repeats=2, batch_size=2)
    assert found.methods == [ZERO_FILLED, "triple"] and list(found.seconds) == found.methods
    for name, factor in ((ZERO_FILLED, 1), ("triple", 3)):
        for metric, oracle in (("PSNR", psnr), ("SSIM", ssim)):
            expected = [
                [oracle(factor * measured_by_hand(images[i], 4 + r, i)[2], images[i].numpy()) for i in range(5)]
                for r in range(2)
            ]
            assert np.allclose(found.values["whole image"][metric][name], expected, atol=2e-5), (name, metric)
    assert (np.abs(3 * measured_by_hand(images[0], 4, 0)[2]) > 1).any(), "clipping must have been tested"


def test_one_acquisition_for_all_whatever_is_compared(images):
    state = torch.get_rng_state()
    seen = []

    def spy(measured, mask):
        seen.append((measured.clone(), mask.clone()))
        return kspace.zero_filled(measured)

    first = compare({"a": smooth, "spy": spy}, images, acquire, seed=1, batch_size=5)
    second = compare({"spy": spy, "a": smooth}, images[:3], acquire, seed=1)
    assert np.allclose(first.per_slice("a")[:3], second.per_slice("a"), atol=1e-5)
    measured, mask = seen[1]  # the first call warms up
    assert measured.shape == (5, 1, 21, 24) and mask.shape == (5, 1, 21, 24) and mask.dtype == torch.bool
    for index in range(5):
        expected = measured_by_hand(images[index], 1, index)
        assert torch.equal(measured[index], expected[0]) and torch.equal(mask[index], expected[1])
    assert len({each.numpy().tobytes() for each in mask}) > 1, "a mask of its own for each image"
    other = compare({"a": smooth}, images, acquire, seed=2)
    assert not np.allclose(first.per_slice("a"), other.per_slice("a"), atol=1e-3)
    assert torch.equal(state, torch.get_rng_state())


def test_a_method_that_works_in_place_spoils_nothing(images):
    def in_place(measured, mask):
        mask.fill_(True)
        return measured.zero_()

    def halves(image, *, generator):
        return acquire(image.mul_(0.5), generator=generator)

    before = images.clone()
    assert compare({"a": scaled}, images, halves).mean("a") < 12 and torch.equal(images, before)
    found = compare({"zero": in_place, "keep": scaled}, images, acquire)
    alone = compare({"keep": scaled}, images, acquire)
    assert np.array_equal(found.per_slice("keep"), alone.per_slice("keep"))
    assert np.array_equal(found.per_slice("keep"), found.per_slice(ZERO_FILLED)), "zero filling is the first row"
    assert torch.equal(images, before) and found.mean("zero") < 10


def test_regions_and_metrics_of_your_own(images):
    mask = torch.zeros(images.shape, dtype=torch.bool)
    mask[..., :6] = True

    def right_is_wrong(measured, _):
        found = kspace.zero_filled(measured)
        return torch.where(mask[: len(found)], found, torch.zeros(()))

    masks = {"whole image": None, "left": mask}
    found = compare({"a": right_is_wrong}, images, acquire, masks=masks, metrics={"MSE": metrics.mse})
    assert np.allclose(found.per_slice("a", "MSE", "left"), found.per_slice(ZERO_FILLED, "MSE", "left"))
    whole = found.per_slice("a", "MSE"), found.per_slice(ZERO_FILLED, "MSE")
    expected = [images[i, :, :, 6:].abs().square().mean().item() * 18 / 24 for i in range(5)]
    inside = found.per_slice("a", "MSE", "left") * 6 / 24
    assert np.allclose(whole[0], inside + expected, atol=1e-6) and (whole[0] > whole[1]).all()


def test_a_perfect_answer_of_the_wrong_phase_is_perfect_and_real_images_are_welcome(images):
    turned = compare({"turned": lambda measured, mask: images[: len(measured)] * 1j}, images, acquire)
    assert (turned.per_slice("turned") > 100).all() and turned.mean("turned", "SSIM") == pytest.approx(1)
    real = images.abs()
    found = compare({"as real": smooth, "as complex": scaled}, real, acquire)
    for index in range(5):
        assert found.per_slice("as complex")[index] == pytest.approx(
            psnr(measured_by_hand(real[index], 0, index)[2], real[index].numpy()), abs=1e-4
        )
    assert np.isfinite(found.per_slice("as real")).all()


def test_films_and_their_regions(images):
    films = images.reshape(1, 5, 21, 24).repeat(3, 1, 1, 1)
    region = torch.zeros(3, 1, 21, 24, dtype=torch.bool)
    region[..., :10, :] = True
    shapes = []

    def spy(measured, mask):
        shapes.append((tuple(measured.shape), tuple(mask.shape)))
        return kspace.zero_filled(measured)

    masks = {"all": None, "top": region, "the same": region.expand(3, 5, 21, 24)}
    found = compare({"spy": spy}, films, acquire, masks=masks, metrics={"MSE": metrics.mse}, batch_size=2, keep=[1])
    assert shapes[1:] == [((2, 5, 21, 24),) * 2, ((1, 5, 21, 24),) * 2]
    assert np.array_equal(found.per_slice("spy", "MSE", "top"), found.per_slice("spy", "MSE", "the same"))
    assert "a slice is a film of 5 frames" in found.caption
    image = found.pictures["spy"][0]
    expected = ((image.abs().clamp(max=1) - films[1].abs())[:, :10] ** 2).mean()
    assert found.per_slice("spy", "MSE", "top")[1] == pytest.approx(expected.item(), rel=1e-4)
    drawn = found.panel(frame=3)
    assert "frame 3" in drawn.get_suptitle()
    pictures = {axes.get_title(): axes.images[0].get_array() for axes in drawn.axes if axes.get_title()}
    assert np.allclose(pictures["spy"], image[3].abs()) and np.allclose(pictures["clean"], films[1, 3].abs())
    with pytest.raises(ValueError, match="frame: expected a number below 5, got 5"):
        found.panel(frame=5)


def test_several_coils_and_a_named_tuple(images):
    coils = torch.as_tensor(kspace.birdcage_sensitivities((21, 24), 3), dtype=torch.complex64)

    class Found(NamedTuple):
        image: torch.Tensor
        objective: list

    def sense(measured, mask, sensitivities):
        assert measured.shape[1:] == sensitivities.shape[1:] == (3, 21, 24)
        return Found(kspace.adjoint(measured, mask, sensitivities), [1.0])

    found = compare({"sense": sense}, images, undersampling(2, 0.2, sensitivities=coils))
    assert np.allclose(found.per_slice("sense"), found.per_slice(ZERO_FILLED), atol=1e-4)
    assert "3 coils" in found.caption


def test_seconds_are_those_of_a_slice_zero_filling_included(images, monkeypatch):
    now = 0.0

    def clock():  # a busy machine does not change what it shows
        nonlocal now
        now += 0.001
        return now

    monkeypatch.setattr(trial, "time", SimpleNamespace(perf_counter=clock))

    def slow(measured, mask):
        nonlocal now
        now += 0.02 * len(measured)
        return kspace.zero_filled(measured)

    found = compare({"slow": slow}, images, acquire, batch_size=2, repeats=2)
    assert 0.02 <= found.seconds["slow"] < 0.06 and 0 < found.seconds[ZERO_FILLED] < 0.02


def test_pictures_keep_their_phase_and_the_panel_shows_magnitudes(images):
    found = compare({"a": partial(scaled, factor=1.2), "b": smooth}, images, acquire, seed=3, repeats=2, keep=(4, 1))
    assert found.kept == (4, 1) and list(found.pictures) == ["clean", ZERO_FILLED, "a", "b"]
    assert torch.equal(found.pictures["clean"], images[[4, 1]]) and not found.pictures["b"].is_complex()
    by_hand = [measured_by_hand(images[index], 3, index)[2] for index in (4, 1)]
    assert np.allclose(found.pictures["a"], 1.2 * np.stack(by_hand), atol=1e-6)
    drawn = found.panel(1)
    shown = {axes.get_title(): axes for axes in drawn.axes if axes.get_title()}
    assert list(shown) == ["clean", ZERO_FILLED, "a", "b"]
    magnitude, clean = 1.2 * np.abs(by_hand[1][0]), images[1, 0].abs().numpy()
    assert np.allclose(shown["a"].images[0].get_array(), magnitude, atol=1e-6)
    assert shown["a"].get_xlabel().startswith(f"{psnr(magnitude, clean):.2f} dB")
    maps = [axes for axes in drawn.axes if not axes.get_title() and axes.images]
    assert np.allclose(maps[1].images[0].get_array(), magnitude - clean, atol=1e-6)
    assert any("magnitudes clipped to [0, 1]" in text.get_text() for text in drawn.texts)


def test_the_caption_says_what_a_reader_needs(images):
    found = compare({"a": scaled}, images, acquire, seed=3, repeats=4, published={"paper": {"PSNR": 31.0}})
    for words in (
        "standard deviation over 5 slices", "random lines, acceleration 4, centre 0.1, noise sigma 0.02",
        "1 of 4 samples", "seeds 3 to 6", "magnitudes, clipped to [0, 1]", "SSIM: Wang et al. 2004",
        "not measured here",
    ):  # fmt: skip
        assert words in found.caption, words
    assert "noisy" not in found.caption and found.markdown().splitlines()[2].startswith(f"| {ZERO_FILLED}")

    def everything(image, *, generator):
        return kspace.fft2c(image), torch.ones(21, 24, dtype=torch.bool)

    full = compare({"a": scaled}, images[:1], everything)
    assert "everything (1 of 1 samples), seed 0." in full.caption and full.mean("a") > 100


def test_paired_tests_leave_zero_filling_out_unless_it_is_the_reference(images):
    def better(measured, mask):
        return 0.9 * images[: len(measured)] + 0.1 * kspace.zero_filled(measured)

    found = compare({"a": scaled, "b": smooth, "c": better}, images, acquire, batch_size=5)
    tests = evaluation.paired_tests(found, reference="a")
    assert list(tests.tests) == ["b", "c"] and tests.tests["c"].difference > 5
    assert list(evaluation.paired_tests(found, reference=ZERO_FILLED).tests) == ["a", "b", "c"]


# --- tune -------------------------------------------------------------------------------------------------------


def test_tune_finds_the_best_of_the_grid(images):
    found = tune(scaled, {"factor": [0.5, 1.0, 1.2, 3.0]}, images, acquire, seed=2, batch_size=2)
    scores = {
        factor: np.mean([psnr(factor * measured_by_hand(images[i], 2, i)[2], images[i].numpy()) for i in range(5)])
        for factor in (0.5, 1.0, 1.2, 3.0)
    }
    assert found.best == {"factor": max(scores, key=scores.get)} and found.at_edge == ()
    assert {p["factor"]: score for p, score, _ in found.tried} == pytest.approx(scores, abs=1e-4)
    assert "scaled: mean PSNR over 5 training slices, magnitudes clipped to [0, 1]. Measured: random" in found.caption
    assert "1 of 4 samples" in found.caption and "seed 2" in found.caption


def test_tune_by_ssim_or_a_function_and_with_a_named_tuple(images):
    class Found(NamedTuple):
        image: torch.Tensor

    def method(measured, mask, factor):
        return Found(scaled(measured, mask, factor))

    darkest = lambda prediction, target: -prediction.mean((1, 2, 3))  # noqa: E731
    found = tune(method, {"factor": [0.5, 1, 2]}, images, acquire, score=darkest)
    assert found.best == {"factor": 0.5} and found.at_edge == ("factor",) and "method" in found.caption
    assert tune(method, {"factor": [0.1, 1, 9]}, images, acquire, score="ssim").best == {"factor": 1}


# --- refusals ---------------------------------------------------------------------------------------------------


def acquires(change):
    """An `acquire` that spoils what the real one returns."""
    return {"acquire": lambda image, generator: change(*acquire(image, generator=generator))}


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"methods": {}}, ValueError, r"methods: expected at least one \{name: f\(measured, mask\)\}"),
        ({"methods": {"a": 3}}, TypeError, r"methods\['a'\]: expected a function f\(measured, mask\)"),
        ({"methods": {ZERO_FILLED: scaled}}, ValueError, "'zero-filled' is there already"),
        ({"methods": {"a": lambda k, m: k[..., 1:]}}, ValueError, r"a: expected .* 21, 24\), got \(5, 1, 21, 23"),
        ({"methods": {"a": lambda k, m: k.numpy()}}, ValueError, "a: expected it to return a tensor .* got ndarray"),
        ({"methods": {"a": lambda k, m: k * math.nan}}, ValueError, "a: expected finite values"),
        ({"methods": {"a": lambda k, m: m}}, TypeError, "a: expected floating-point"),
        ({"images": np.ones((2, 1, 20, 20))}, TypeError, "images: expected a tensor"),
        ({"images": torch.ones(20, 20)}, ValueError, r"\(N, C, H, W\)"),
        ({"images": torch.full((1, 1, 20, 20), 2j)}, ValueError, r"a magnitude in \[0, 1\], got 0 to 2"),
        ({"images": torch.full((1, 1, 20, 20), -0.5)}, ValueError, r"a magnitude in \[0, 1\], got -0.5 to"),
        ({"images": torch.full((1, 1, 20, 20), 1j * math.nan)}, ValueError, "images: expected finite"),
        (acquires(lambda k, m: k), TypeError, r"acquire: expected .* tuple \(measured, mask\), got Tensor"),
        (acquires(lambda k, m: (k,)), TypeError, "acquire: .* got 1 part"),
        (acquires(lambda k, m: (k, 4)), TypeError, "acquire: expected .* tuple of tensors .* got int"),
        (acquires(lambda k, m: (m, k)), TypeError, "what acquire returned: expected"),
        (acquires(lambda k, m: (k, m.float())), TypeError, "mask: expected booleans"),
        (acquires(lambda k, m: (k, m[..., 1:])), ValueError, "mask: expected shape"),
        (acquires(lambda k, m: (k, m & False)), ValueError, "at least one measured place"),
        (acquires(lambda k, m: (k / 0, m)), ValueError, "what acquire returned: expected finite"),
        (
            acquires(lambda k, m: (torch.cat([k] * (1 + int(1e6 * abs(k[0, 10, 12])) % 7)), m)),
            ValueError,
            "acquire: expected the same shapes for every image",
        ),
        ({"metrics": {}}, ValueError, "metrics: expected at least one"),
        ({"masks": {}}, ValueError, "masks: expected at least one"),
        ({"masks": {"half": torch.ones(5, 1, 3, 3, dtype=torch.bool)}}, ValueError, "the image's shape"),
        ({"repeats": 0}, ValueError, "repeats"),
        ({"batch_size": 0}, ValueError, "batch_size"),
        ({"keep": [5]}, ValueError, "keep: expected numbers of slices below 5"),
    ],
)  # fmt: skip
def test_compare_refuses_in_words(images, change, error, says):
    with pytest.raises(error, match=says):
        compare(**({"methods": {"a": scaled}, "images": images, "acquire": acquire} | change))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"grid": {}}, "grid: expected at least one"),
        ({"grid": {"factor": "12"}}, r"grid\['factor'\]"),
        ({"score": "beauty"}, "'psnr', 'ssim' or a function"),
        ({"images": torch.ones(20, 20)}, r"\(N, C, H, W\)"),
    ],
)
def test_tune_refuses_in_words(images, change, says):
    with pytest.raises(ValueError, match=says):
        tune(scaled, **({"grid": {"factor": [1]}, "images": images, "acquire": acquire} | change))
