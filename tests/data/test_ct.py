"""CT slices: the real one is what its notice says, the synthetic ones look like bodies and are seed-exact."""

import numpy as np
import pytest
import torch

from course_lib.data import ct


def test_the_real_abdomen_is_upright_and_in_hounsfield_units():
    slice_ = ct.abdomen()
    assert slice_.shape == (1, 1, 256, 256) and slice_.dtype == torch.float32
    assert float(slice_.min()) == -1000 and float(slice_.max()) > 700
    liver = slice_[0, 0][ct.LIVER]
    assert 85 < float(liver.mean()) < 110 and float(liver.std()) < 20, "a liver with contrast medium"
    bone = (slice_[0, 0] > 300).nonzero().double().mean(0)
    assert bone[0] > 150, "the spine lies in the lower half"
    corner = slice_[0, 0, :20, :20]
    assert float(corner.max()) == -1000, "outside of what all views see there is air"


@pytest.mark.parametrize("draw", [ct.synthetic_bodies, ct.synthetic_heads])
@pytest.mark.parametrize("size", [64, 97])
def test_synthetic_slices_are_seed_exact_and_a_smaller_set_is_their_beginning(draw, size):
    three, again = draw(3, size=size, seed=5), draw(2, size=size, seed=5)
    assert three.shape == (3, 1, size, size) and three.dtype == torch.float32
    assert torch.equal(three[:2], again)
    assert not torch.equal(three[0], three[1]) and not torch.equal(three[0], draw(1, size=size, seed=6)[0])


def test_bodies_hold_fat_soft_tissue_bone_and_air_around():
    bodies = ct.synthetic_bodies(12, size=128, seed=1)
    for slice_ in bodies[:, 0].numpy():
        inside = slice_ > -300
        assert 0.15 < inside.mean() < 0.75
        assert slice_[:4].max() < -900 and slice_[:, :4].max() < -900, "nothing touches the rim"
        assert ((slice_ > -130) & (slice_ < -60)).sum() > 200, "fat"
        assert ((slice_ > 20) & (slice_ < 220)).sum() > 1000, "organs and muscle"
        assert (slice_ > 250).sum() > 40, "bone"
        # the spine lies behind: bone has its centre below that of the body
        rows = np.arange(128)[:, None]
        assert (rows * (slice_ > 250)).sum() / (slice_ > 250).sum() > (rows * inside).sum() / inside.sum()


def test_heads_are_bone_around_brain():
    for slice_ in ct.synthetic_heads(6, size=128, seed=2)[:, 0].numpy():
        middle = slice_[50:78, 50:78]
        assert 0 < np.median(middle) < 60 and (slice_ > 800).mean() > 0.03


def test_the_global_random_state_is_left_alone():
    before = torch.get_rng_state(), str(np.random.mtrand._rand.get_state())
    ct.synthetic_bodies(1, size=32)
    assert torch.equal(before[0], torch.get_rng_state()) and before[1] == str(np.random.mtrand._rand.get_state())


@pytest.mark.parametrize(("arguments", "words"), [({"count": 0}, "count"), ({"count": 1, "size": 8}, "size")])
def test_bad_arguments_are_refused_in_words(arguments, words):
    with pytest.raises(ValueError, match=words):
        ct.synthetic_bodies(**arguments)
