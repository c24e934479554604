"""`Mixture`: shares, crops, turns, gamma and brightness; all of it from the generator."""

from __future__ import annotations

import pytest
import torch

from course_lib.data.mixture import Mixture
from course_lib.data.photographs import photographs

PLAIN = dict(gamma=(1, 1), brightness=(1, 1), turned=False)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def flat(value: float, count: int = 1, size: tuple[int, int] = (12, 9)) -> torch.Tensor:
    return torch.full((count, 1, *size), value)


def drawn(mixture: Mixture, count: int, seed: int = 0) -> torch.Tensor:
    one = generator(seed)
    return torch.stack([mixture.draw(index, generator=one) for index in range(count)])


def test_sources_come_by_their_shares_and_their_images_evenly():
    """2000 draws, 4 standard deviations of a count: sqrt(2000 p (1 - p)) of them."""
    sources = {"a": flat(0.2, 5), "b": [flat(0.5)[0], flat(0.6, size=(8, 20))[0]], "c": flat(0.9)}
    mixture = Mixture(sources, {"c": 1, "a": 6, "b": 3}, count=10, size=4, **PLAIN)
    assert list(mixture.shares) == ["a", "b", "c"] and list(mixture.shares.values()) == pytest.approx([0.6, 0.3, 0.1])
    values = drawn(mixture, 2000)[:, 0, 0, 0]
    for value, share in ((0.2, 0.6), (0.5, 0.15), (0.6, 0.15), (0.9, 0.1)):
        found = (values - value).abs().lt(1e-6).float().mean().item()
        assert abs(found - share) < 4 * (share * (1 - share) / 2000) ** 0.5, value
    equal = Mixture(sources, count=10, size=4)
    assert list(equal.shares.values()) == pytest.approx([1 / 3] * 3)


def test_a_patch_is_a_piece_of_its_image_from_anywhere():
    image = torch.arange(54.0).view(1, 1, 6, 9) / 54
    places = (54 * drawn(Mixture({"a": image}, count=1, size=5, **PLAIN), 300)[:, 0]).round()
    corners = places[:, 0, 0]
    assert set(corners.tolist()) == {0.0, 1, 2, 3, 4, 9, 10, 11, 12, 13}, "2×5 places, each of them"
    expected = corners[:, None, None] + 9 * torch.arange(5.0)[:, None] + torch.arange(5.0)
    assert torch.equal(places, expected)
    whole = Mixture({"a": image[..., :6]}, count=1, size=6, **PLAIN)
    assert torch.allclose(whole[0], image[0, :, :, :6])


def test_it_turns_in_all_eight_ways_alike():
    image = torch.rand(1, 1, 4, 4, generator=generator())
    ways = [turned.rot90(k, (-2, -1)) for turned in (image[0], image[0].flip(-1)) for k in range(4)]
    found = drawn(Mixture({"a": image}, count=1, size=4, gamma=(1, 1), brightness=(1, 1)), 800)
    counts = [sum(torch.equal(way, patch) for patch in found) for way in ways]
    assert sum(counts) == 800 and all(abs(count - 100) < 4 * (800 * 7 / 64) ** 0.5 for count in counts)


def test_gamma_and_brightness():
    image = flat(0.25)
    found = drawn(Mixture({"a": image}, count=1, size=3, brightness=(1, 1), gamma=(0.5, 2)), 600)[:, 0, 0, 0]
    exponents = found.log() / torch.tensor(0.25).log()
    changed = (exponents - 1).abs() > 1e-4
    assert 0.42 < changed.float().mean() < 0.58 and 0.5 <= exponents.min() + 1e-4 and exponents.max() <= 2 + 1e-4
    assert abs(exponents[changed].mean() - 1.25) < 4 * (1.5 / 12**0.5) / 300**0.5 + 0.01

    found = drawn(Mixture({"a": flat(0.5)}, count=1, size=3, brightness=(0.6, 1.1), gamma=(1, 1)), 600)[:, 0, 0, 0]
    factors = 2 * found
    changed = (factors - 1).abs() > 1e-5
    assert 0.42 < changed.float().mean() < 0.58 and 0.6 <= factors.min() + 1e-5 and factors.max() <= 1.1 + 1e-5
    assert abs(factors[changed].mean() - 0.85) < 4 * (0.5 / 12**0.5) / 300**0.5 + 0.01
    bright = drawn(Mixture({"a": flat(1.0)}, count=1, size=3, brightness=(1.2, 1.5)), 20)
    assert bright.max() == 1, "what becomes brighter than 1 is cut off"


def test_smaller_photographs_beside_heads_of_their_own_size():
    """On a ramp the step from pixel to pixel tells the factor."""
    ramp = torch.arange(100.0).expand(1, 1, 100, 100) / 100
    options = dict(count=1, size=16, smallest={"photographs": 0.25}, **PLAIN)
    found = drawn(Mixture({"heads": ramp / 2, "photographs": ramp}, **options), 400)[:, 0]
    steps = 100 * (found[:, 0, 11] - found[:, 0, 4]) / 7  # at its border a triangle of weights is cut
    assert (steps - 0.5).abs().lt(1e-3).float().mean() == pytest.approx(0.5, abs=0.1), "heads: never"
    assert 3 < steps.max() < 4.1 and steps.min() > 0.49
    assert found.diff(dim=-2).abs().max() < 1e-6
    short = Mixture({"a": ramp[..., :20, :]}, count=1, size=16, smallest=0.25, **PLAIN)
    steps = 100 * drawn(short, 50)[:, 0, 0, 4:12].diff(dim=-1)
    assert steps.max() == pytest.approx(20 / 16, abs=0.1), "as far as the image is large enough, and evenly"


def test_everything_comes_from_the_generator():
    mixture = Mixture(
        {"a": torch.rand(3, 2, 9, 9, generator=generator()), "b": torch.rand(1, 2, 7, 8, generator=generator())},
        count=5,
        size=4,
    )
    state = torch.get_rng_state()
    assert torch.equal(drawn(mixture, 6, 1), drawn(mixture, 6, 1)) and not torch.equal(
        drawn(mixture, 6, 1), drawn(mixture, 6, 2)
    )
    assert torch.equal(mixture.draw(0, generator=generator(5)), mixture.draw(3, generator=generator(5)))
    assert len(mixture) == 5 and torch.equal(mixture[1], mixture[1]) and torch.equal(mixture[-1], mixture[4])
    assert len(list(mixture)) == 5 and not torch.equal(mixture[0], mixture[1])
    assert torch.equal(state, torch.get_rng_state())
    with pytest.raises(IndexError, match="below 5, got 5"):
        mixture[5]


def test_types_and_sources_are_left_as_they_were():
    images = torch.rand(2, 1, 8, 8, generator=generator()).half()
    kept = images.clone()
    found = drawn(Mixture({"half": images, "photographs": photographs(["camera"])}, count=1, size=8), 40)
    assert found.dtype == torch.float32 and found.shape == (40, 1, 8, 8) and torch.equal(images, kept)
    assert found.min() >= 0 and found.max() <= 1


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"sources": {}}, TypeError, "sources: expected images by name"),
        ({"sources": flat(0.5)}, TypeError, "sources: expected images by name.*got Tensor"),
        ({"sources": {"a": []}}, ValueError, "a: expected at least one image"),
        ({"sources": {"a": flat(0.5)[0]}}, ValueError, r"a: expected images \(N, C, H, W\) or a list"),
        ({"sources": {"a": [flat(0.5)[0, 0]]}}, TypeError, r"a: expected tensors \(C, H, W\), got \(12, 9\)"),
        ({"sources": {"a": [3]}}, TypeError, "got int"),
        ({"sources": {"a": flat(1.5)}}, ValueError, r"a: expected values in \[0, 1\], got 1.5"),
        ({"sources": {"a": flat(float("nan"))}}, ValueError, "a: expected finite"),
        ({"sources": {"a": flat(0.5).byte()}}, TypeError, "a: expected floating-point"),
        (
            {"sources": {"a": flat(0.5), "b": flat(0.5).expand(1, 2, 12, 9)}},
            ValueError,
            "as many channels, got .*'b': 2",
        ),
        ({"sources": {"a": [flat(0.5)[0], flat(0.5).expand(1, 2, 12, 9)[0]]}}, ValueError, "as many channels"),
        ({"size": 10}, ValueError, r"a: expected images of at least 10×10, got \(12, 9\)"),
        ({"size": 0}, ValueError, "size: expected at least 1"),
        ({"count": 0}, ValueError, "count: expected at least 1"),
        ({"shares": {"b": 1}}, ValueError, r"shares: expected one for each of \['a'\], got \['b'\]"),
        ({"shares": {"a": 0}}, ValueError, r"shares\['a'\]: expected a finite number above 0"),
        ({"smallest": {"b": 0.5}}, ValueError, "smallest: expected names out of"),
        ({"smallest": 0.0}, ValueError, "smallest: expected a number from 0.05"),
        ({"gamma": 1.0}, ValueError, r"gamma: expected \(low, high\)"),
        ({"gamma": (0, 1)}, ValueError, "gamma: .*above 0"),
        ({"brightness": (1.1, 0.6)}, ValueError, "brightness: .*low <= high"),
    ],
)
def test_bad_arguments_are_refused(change, error, message):
    with pytest.raises(error, match=message):
        Mixture(**({"sources": {"a": flat(0.5)}, "count": 4, "size": 4} | change))
