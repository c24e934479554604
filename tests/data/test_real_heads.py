"""Two real heads for training: what they are, and that neither is the test head."""

import numpy as np
import torch

from course_lib.data.brains import brain_slices
from course_lib.data.real_heads import real_heads


def test_sizes_ranges_and_no_empty_slices():
    heads = real_heads()
    assert {name: len(slices) for name, slices in heads.items()} == {"T1": 247, "PD": 60}
    for image in [*heads["T1"], *heads["PD"]]:
        assert image.dtype == torch.float32 and image.ndim == 3 and image.shape[0] == 1 and min(image.shape[1:]) >= 80
        assert 0 <= image.min() and image.max() <= 1 and image.std() > 0.05


def test_air_of_the_first_head_is_cleared():
    middle = [image for image in real_heads()["T1"] if image.shape[-2:] == (109, 91)][30]
    assert float((middle == 0).float().mean()) > 0.2


def test_it_is_not_colin27():
    """The same slice of the same head would correlate nearly perfectly, at whatever height."""
    test = brain_slices("colin27", slices=40).images
    small = torch.nn.functional.interpolate(test, size=(109, 91), mode="bilinear", antialias=True).flatten(1)
    axial = torch.stack([image for image in real_heads()["T1"] if image.shape[-2:] == (109, 91)]).flatten(1)
    best = np.corrcoef(small.numpy(), axial.numpy())[: len(small), len(small) :].max()
    assert best < 0.95
