"""Denoise a scan of your own: a NIfTI file in, the same file without (most of) its noise out.

`denoise_file` is `course denoise`; `denoise_volume` does the same to an array; `measure_noise` says how strong the
noise of a scan is, of which kind, and whether it is white. What is found is told, and doubts are told in words.
"""

from __future__ import annotations

from course_lib.scans.denoising import METHODS, Denoised, denoise_volume
from course_lib.scans.files import StoredImage, read_stored, write_stored
from course_lib.scans.levels import ScanNoise, measure_noise
from course_lib.scans.run import denoise_file

__all__ = [
    "METHODS",
    "Denoised",
    "ScanNoise",
    "StoredImage",
    "denoise_file",
    "denoise_volume",
    "measure_noise",
    "read_stored",
    "write_stored",
]
