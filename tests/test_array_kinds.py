"""Arrays as scans give them: turned by np.rot90, read-only, in Fortran's order, big-endian: as good as a copy."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from course_lib import detection, images, kspace, metrics, noise, resolution
from course_lib.classical import filters, rician, sparse
from course_lib.classical.bm3d import bm3d
from course_lib.data import intensity, planes, slices


def turned(array):
    return np.ascontiguousarray(array[::-1, ::-1])[::-1, ::-1]


def read_only(array):
    copy = array.copy()
    copy.setflags(write=False)
    return copy


KINDS = {
    "turned": turned,
    "read-only": read_only,
    "Fortran's order": np.asfortranarray,
    "big-endian": lambda array: array.astype(array.dtype.newbyteorder(">")),
}

# x noisy, y clean, m a mask
CALLS = {
    "mse": lambda x, y, m: metrics.mse(x, y, mask=m),
    "psnr": lambda x, y, m: metrics.psnr(x, y, data_range=1, mask=m),
    "snr": lambda x, y, m: metrics.snr(x, y, mask=m),
    "ssim": lambda x, y, m: metrics.ssim(x, y, data_range=1, mask=m),
    "ms_ssim": lambda x, y, m: metrics.ms_ssim(x, y, data_range=1, scales=2, mask=m),
    "coc": lambda x, y, m: metrics.coc(x, y, mask=m),
    "epi": lambda x, y, m: metrics.epi(x, y, mask=m),
    "residual_whiteness": lambda x, y, m: metrics.residual_whiteness(x, y, mask=m),
    "dice": lambda x, y, m: metrics.dice(x > 0.3, m),
    "bm3d": lambda x, y, m: bm3d(x, 0.1),
    "non_local_means": lambda x, y, m: filters.non_local_means(x, 0.1),
    "total_variation": lambda x, y, m: filters.total_variation(x, 0.1),
    "bilateral": lambda x, y, m: filters.bilateral(x, 0.1),
    "gaussian filter": lambda x, y, m: filters.gaussian(x, 0.1),
    "wavelet": lambda x, y, m: filters.wavelet(x, 0.1),
    "stabilised": lambda x, y, m: rician.stabilised(filters.gaussian)(x, 0.1),
    "soft_threshold": lambda x, y, m: sparse.soft_threshold(x, 0.1),
    "estimate_sigma_mad": lambda x, y, m: noise.estimate_sigma_mad(x, mask=m),
    "estimate_sigma_local": lambda x, y, m: noise.estimate_sigma_local(x),
    "correct_bias": lambda x, y, m: noise.correct_bias(x, 0.1),
    "gaussian noise": lambda x, y, m: noise.gaussian(x, 0.1, generator=np.random.default_rng(0)),
    "rician noise": lambda x, y, m: noise.rician(x, 0.1, generator=np.random.default_rng(0)),
    "fft2c": lambda x, y, m: kspace.fft2c(x),
    "thick_slices": lambda x, y, m: resolution.thick_slices(x, 2),
    "between_slices": lambda x, y, m: resolution.between_slices(x, 2),
    "matched_filter": lambda x, y, m: detection.matched_filter(x, y[:5, :5]),
    "to_batch": lambda x, y, m: images.to_batch(x),
    "rescale": lambda x, y, m: images.rescale(x),
    "unit_range": lambda x, y, m: intensity.unit_range(x),
    "standardise": lambda x, y, m: intensity.standardise(x, m),
    "crop_or_pad": lambda x, y, m: planes.crop_or_pad(x, (30, 50)),
    "resample": lambda x, y, m: planes.resample(x, (1, 1), 2),
    "brain_share": lambda x, y, m: slices.brain_share(m[None]),
}


def arrays():
    rng = np.random.default_rng(0)
    clean = np.add.outer(np.sin(np.arange(36) / 5), np.cos(np.arange(40) / 7)).astype(np.float32) / 4 + 0.5
    noisy = np.abs(clean + rng.normal(0, 0.1, clean.shape).astype(np.float32))
    return noisy, clean, clean > 0.3


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", CALLS)
def test_any_kind_of_array_is_as_good_as_a_copy(name, kind):
    expected = np.asarray(CALLS[name](*arrays()))
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # torch warns once in a process of read-only memory
        found = np.asarray(CALLS[name](*map(KINDS[kind], arrays())))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
