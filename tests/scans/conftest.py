"""Slabs of the test head with noise of a known level."""

import numpy as np
import pytest

from course_lib import noise
from course_lib.data.brains import brain_slices


@pytest.fixture(scope="session")
def clean():
    """float32 (181, 217, 6), x to the right, y to the front: six axial planes of Colin27."""
    planes = brain_slices("colin27", slices=6).images[:, 0].numpy()
    return np.ascontiguousarray(np.moveaxis(planes, 0, 2)[::-1].transpose(1, 0, 2))


@pytest.fixture(scope="session")
def noisy(clean):
    """The same under Rician noise of 0.05."""
    return noise.rician(clean, 0.05, generator=np.random.default_rng(0))
