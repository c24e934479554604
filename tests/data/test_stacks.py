"""Stacks of slices to train on: neighbours of a head, near and far, and of pictures that have none."""

import numpy as np
import pytest
import torch

from course_lib.data.brains import brain_slices
from course_lib.data.heads import synthetic_head
from course_lib.data.stacks import drifting, head_stacks


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def test_the_middle_is_the_slice_of_the_cohort_and_the_rest_lies_around_it():
    stacks, brains = head_stacks(1, slices=3, reach=1, seed=7, distances=(2,), progress=False)
    assert stacks.shape == brains.shape == (3, 3, 217, 181) and stacks.dtype == torch.float16
    alone = brain_slices("cohort", subjects=1, slices=3, seed=7, cache=False, progress=False)
    torch.testing.assert_close(stacks[:, 1:2].float(), alone.images, atol=3e-4, rtol=0)
    assert torch.equal(brains[:, 1:2], alone.brain_masks)
    head = synthetic_head(7, 0)
    around, _, _ = head.paint(head.planes(3)[1] + np.array([-2, 2]))
    np.testing.assert_allclose(stacks[1, [0, 2]].float().numpy(), around, atol=3e-4)


def test_distances_are_drawn_and_seed_exact():
    one, two = (head_stacks(1, slices=6, reach=1, seed=7, distances=(1, 8), progress=False)[0] for _ in range(2))
    assert torch.equal(one, two)
    apart = (one[:, 0].float() - one[:, 1].float()).pow(2).mean((1, 2)).sqrt()
    assert apart.max() > 1.5 * apart.min()


@pytest.mark.parametrize("shape", [(64, 64), (57, 83)])
def test_drifting_keeps_the_middle_and_moves_the_rest_further_the_further_away(shape):
    image = torch.rand(1, *shape, generator=seeded(0))
    image = torch.nn.functional.avg_pool2d(image, 5, stride=1, padding=2, count_include_pad=False)
    stack = drifting(image, 2, generator=seeded(1))
    assert stack.shape == (5, *shape) and torch.equal(stack[2], image[0])
    assert 0 <= stack.min() and stack.max() <= 1
    apart = [float((stack[number] - image[0]).pow(2).mean()) for number in (0, 1, 3, 4)]
    assert apart[0] > apart[1] > 0 and apart[3] > apart[2] > 0
    assert torch.equal(stack, drifting(image, 2, generator=seeded(1)))


def test_drifting_at_no_speed_is_still():
    image = torch.rand(1, 40, 50, generator=seeded(0))
    torch.testing.assert_close(
        drifting(image, 1, speed=0.0, generator=seeded(1)), image.expand(3, 40, 50), atol=1e-5, rtol=0
    )


def test_drifting_follows_a_known_motion():
    """A wave in the middle row: how far it moved is read from its phase, and doubles with the distance."""
    x = torch.arange(96.0)
    wave = 0.5 + 0.4 * torch.sin(2 * torch.pi * x / 24).expand(1, 96, 96)
    stack = drifting(wave, 2, speed=1.0, scale=400, generator=seeded(3))  # the slowest field that there is

    def phase(picture):
        return torch.fft.rfft(picture[48] - picture[48].mean())[4].angle()

    moved = [(phase(stack[number]) - phase(wave[0])).remainder(2 * torch.pi) for number in (3, 4)]
    moved = [float(each if each < torch.pi else each - 2 * torch.pi) for each in moved]
    assert abs(moved[0]) > 0.005 and moved[1] == pytest.approx(2 * moved[0], rel=0.25, abs=0.03)


def test_speed_is_the_root_mean_square_of_the_velocity():
    """Of a ramp, the change from slice to slice is the velocity itself."""
    ramp = torch.linspace(0, 1, 201).expand(1, 201, 201)
    stack = drifting(ramp, 1, speed=0.7, generator=seeded(4))
    velocity = 200 * (stack[2] - ramp[0])[20:-20, 20:-20]
    other = 200 * (drifting(ramp.transpose(1, 2), 1, speed=0.7, generator=seeded(4))[2] - ramp[0].T)[20:-20, 20:-20]
    assert float(((velocity**2).mean() + (other**2).mean()).div(2).sqrt()) == pytest.approx(0.7, rel=0.15)


def test_what_moves_up_on_one_side_moves_down_on_the_other_and_each_axis_on_its_own():
    down = torch.linspace(0, 1, 101)[:, None].expand(1, 101, 101)
    lines, columns = (
        100 * (drifting(ramp, 1, generator=seeded(5)) - ramp)[:, 15:-15, 15:-15]
        for ramp in (down, down.transpose(1, 2))
    )  # each (3, 71, 71): how far, in pixels, along one axis
    for moved in (lines, columns):
        torch.testing.assert_close(moved[0], -moved[2], atol=0.05, rtol=0)
        assert moved[2].abs().mean() > 0.1
    assert (lines[2] - columns[2]).abs().mean() > 0.2


@pytest.mark.parametrize("bad", [torch.rand(2, 8, 8), torch.rand(8, 8), torch.rand(1, 1, 8)])
def test_drifting_wants_one_picture(bad):
    with pytest.raises(ValueError, match=r"\(1, H, W\)"):
        drifting(bad, 1)
