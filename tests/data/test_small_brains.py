"""Small brains: a square of the picture, without skull, averaged over boxes; subjects and levels keep their order."""

import pytest
import torch

from course_lib.data.brains import brain_slices
from course_lib.data.small_brains import small_brains


@pytest.mark.parametrize("size", [64, 33])
def test_they_are_means_of_the_brain_over_boxes(size):
    found = small_brains("colin27", slices=4, size=size)
    assert found.images.shape == found.brain_masks.shape == (4, 1, size, size)
    assert found.brain_masks.dtype == torch.bool and found.subjects.tolist() == [0] * 4
    assert not found.images[~found.brain_masks].any() and float(found.images[found.brain_masks].min()) > 0
    full = brain_slices("colin27", slices=4)
    area = full.brain_masks.sum((1, 2, 3)) / found.brain_masks.sum((1, 2, 3)) / (181 / size) ** 2
    # the lowest and the highest slice are small, and nearly all rim
    assert torch.allclose(area, torch.ones(4), atol=0.06), "as much brain as before"
    level = [
        full.images[n][full.brain_masks[n]].mean() / found.images[n][found.brain_masks[n]].mean() for n in range(4)
    ]
    assert torch.allclose(torch.stack(level), torch.ones(4), atol=0.1), "and as bright, but for its rim"


def test_it_names_what_is_wrong():
    with pytest.raises(ValueError, match="size"):
        small_brains("colin27", size=4)
