"""Blind spots: one in each box, hidden behind a neighbour that is another pixel; the loss looks nowhere else."""

import pytest
import torch

from course_lib.selfsupervised import blind_spots, masked_loss


def numbered(number, channels, height, width):
    """Images in which every pixel has a value of its own."""
    return torch.arange(number * channels * height * width, dtype=torch.float64).view(number, channels, height, width)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(("size", "box"), [((16, 24), 8), ((17, 9), 8), ((5, 7), 3), ((1, 6), 4), ((3, 2), 8)])
def test_each_box_has_one_blind_spot(size, box):
    _, mask = blind_spots(numbered(3, 1, *size), box=box, generator=seeded())
    assert mask.shape == (3, 1, *size) and mask.dtype == torch.bool
    for image in mask[:, 0]:
        for top in range(0, size[0], box):
            for left in range(0, size[1], box):
                assert int(image[top : top + box, left : left + box].sum()) == 1


@pytest.mark.parametrize(("size", "radius"), [((16, 24), 2), ((9, 11), 5), ((1, 6), 3), ((2, 1), 1)])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_hidden_pixel_shows_a_neighbour_and_never_itself(size, radius, channels):
    noisy = numbered(4, channels, *size)
    pixels = size[0] * size[1]
    for seed in range(20):
        hidden, mask = blind_spots(noisy, box=4, radius=radius, generator=seeded(seed))
        assert torch.equal(hidden[~mask.expand_as(hidden)], noisy[~mask.expand_as(noisy)]), "the rest stays"
        n, _, y, x = mask.nonzero(as_tuple=True)
        for channel in range(channels):
            shown = hidden[n, channel, y, x].long()
            assert bool((shown // pixels == n * channels + channel).all()), "of the same image and channel"
            there_y, there_x = shown % pixels // size[1], shown % pixels % size[1]
            assert bool(((there_y - y).abs() <= radius).all()) and bool(((there_x - x).abs() <= radius).all())
            assert not bool(((there_y == y) & (there_x == x)).any()), "the pixel itself would hide nothing"


def test_all_neighbours_are_equally_likely_also_at_the_rim():
    noisy = torch.arange(9, dtype=torch.float64).view(1, 1, 3, 3).expand(40_000, -1, -1, -1)
    hidden, mask = blind_spots(noisy, box=8, radius=1, generator=seeded())
    place, shown = noisy[mask], hidden[mask]
    assert torch.allclose(
        torch.bincount(place.long()) / 40_000,
        torch.full((9,), 1 / 9, dtype=torch.float64).float(),
        atol=0.01,
    )
    for pixel, neighbours in {4: 8, 0: 3, 1: 5}.items():
        counts = torch.bincount(shown[place == pixel].long(), minlength=9).double()
        assert int((counts > 0).sum()) == neighbours and counts[pixel] == 0
        assert float(counts.max() / counts.sum()) == pytest.approx(1 / neighbours, abs=0.03)


def test_images_of_a_batch_differ_the_seed_decides_and_the_input_stays():
    noisy = torch.rand(2, 1, 32, 32)
    before = noisy.clone()
    (one, mask), (two, again), (_, other) = (blind_spots(noisy, generator=seeded(s)) for s in (1, 1, 2))
    assert torch.equal(one, two) and torch.equal(mask, again) and not torch.equal(mask, other)
    assert not torch.equal(mask[0], mask[1]) and torch.equal(noisy, before)
    assert one.dtype == noisy.dtype


def test_the_loss_sees_hidden_pixels_only():
    noisy = torch.rand(2, 3, 8, 8, dtype=torch.float64)
    _, mask = blind_spots(noisy, box=4, generator=seeded())
    wrong_elsewhere = torch.where(mask, noisy + 0.5, noisy + 100)
    assert float(masked_loss(wrong_elsewhere, noisy, mask)) == pytest.approx(0.25)
    guess = noisy.clone().requires_grad_()
    masked_loss(guess * 1.1, noisy, mask).backward()
    assert torch.equal(guess.grad != 0, mask.expand_as(noisy))


def test_bad_input_is_refused_in_words():
    noisy = torch.rand(1, 1, 4, 4)
    for call, words in [
        (lambda: blind_spots(torch.rand(4, 4)), "N, C, H, W"),
        (lambda: blind_spots(torch.rand(1, 1, 1, 1)), "two pixels"),
        (lambda: blind_spots(noisy, box=0), "box"),
        (lambda: masked_loss(noisy, noisy, torch.zeros(1, 1, 4, 4, dtype=torch.bool)), "at least one hidden"),
        (lambda: masked_loss(noisy, noisy, torch.ones(1, 1, 4, 4)), "booleans"),
    ]:
        with pytest.raises((TypeError, ValueError), match=words):
            call()
