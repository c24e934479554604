"""Hounsfield units: from what a file stores, to what a beam meets, to what a screen shows."""

from __future__ import annotations

import numpy as np

from course_lib._checks import Array, check_image, check_number

#: Attenuation of water at 70 keV, about the mean energy of a 120 kV beam, in 1/mm. Source: NIST XCOM.
WATER = 0.0193
#: Air, in HU.
AIR = -1000.0
#: What radiologists look at, (centre, width) in HU. Abdomen: as Yang et al. 2018, from -160 to 240.
WINDOWS = {"abdomen": (40.0, 400.0), "brain": (40.0, 80.0), "lung": (-600.0, 1500.0), "bone": (400.0, 1800.0)}


def to_attenuation(hounsfield: Array) -> Array:
    """What a beam of 70 keV loses for each millimetre: `0.0193 · (1 + HU / 1000)`, never less than 0.

    Args:
        hounsfield: any shape, floating point, in HU.

    Returns:
        In 1/mm, same shape and type.

    Raises:
        TypeError, ValueError: bad input.

    Source: Hounsfield 1980, Med. Phys. 7, 283.
    Lab: 10.
    """
    check_image(hounsfield, "hounsfield")
    attenuation = WATER * (1 + hounsfield / 1000)
    return attenuation.clip(0, None)


def to_hounsfield(attenuation: Array) -> Array:
    """The inverse of `to_attenuation`: 0 for water, -1000 where nothing is lost.

    Args:
        attenuation: any shape, floating point, in 1/mm; negative values, which noise makes, are kept.

    Returns:
        In HU, same shape and type.

    Raises:
        TypeError, ValueError: bad input.

    Source: Hounsfield 1980, Med. Phys. 7, 283.
    Lab: 10.
    """
    check_image(attenuation, "attenuation")
    return 1000 * (attenuation / WATER - 1)


def rescale_stored(
    stored: np.ndarray, slope: float = 1, intercept: float = 0, *, padding: int | None = None
) -> np.ndarray:
    """Hounsfield units of the whole numbers that a DICOM file stores: `slope · stored + intercept`.

    Computed in floating point: 16-bit numbers would run over. What lies below air, as scanners fill the corners outside
    their circle (-2000 is common), is set to -1000.

    Args:
        stored: whole numbers of any kind and shape.
        slope, intercept: of the file (RescaleSlope, RescaleIntercept).
        padding: the stored number that means "nothing was measured" (PixelPaddingValue).

    Returns:
        float32, same shape, in HU, at least -1000.

    Raises:
        TypeError, ValueError: bad input.

    Source: DICOM PS3.3, section C.11.1.
    Lab: 10.
    """
    if not isinstance(stored, np.ndarray) or not np.issubdtype(stored.dtype, np.integer):
        got = stored.dtype if isinstance(stored, np.ndarray) else type(stored).__name__
        raise TypeError(f"stored: expected an array of whole numbers, as a DICOM file holds them, got {got}")
    slope, intercept = check_number(slope, "slope"), check_number(intercept, "intercept")
    if slope == 0:
        raise ValueError("slope: expected a number other than 0, which would make all tissue alike")
    hounsfield = slope * stored.astype(np.float64) + intercept
    if padding is not None:
        hounsfield[stored == padding] = AIR
    return np.maximum(hounsfield, AIR).astype(np.float32)


def window(hounsfield: Array, centre: float = 40, width: float = 400, *, clip: bool = True) -> Array:
    """Grey values of a display window: `(HU - centre) / width + 1/2`, so that the window is [0, 1].

    Args:
        hounsfield: any shape, floating point, in HU.
        centre, width: in HU, see `WINDOWS`; a width above 0. Default: the abdomen, -160 to 240 HU.
        clip: whether what lies outside is cut to 0 and 1, as on a screen. Networks learn better from what is not cut.

    Returns:
        Same shape and type.

    Raises:
        TypeError, ValueError: bad input.

    Source: Yang et al. 2018 (the abdomen).
    Lab: 10.
    """
    check_image(hounsfield, "hounsfield")
    centre, width = check_number(centre, "centre"), check_number(width, "width", low=0, above=True)
    grey = (hounsfield - centre) / width + 0.5
    return grey.clip(0, 1) if clip else grey


def unwindow(grey: Array, centre: float = 40, width: float = 400) -> Array:
    """The inverse of `window` where that did not clip.

    Args:
        grey: any shape, floating point; 0 to 1 is the window.
        centre, width: as for `window`.

    Returns:
        In HU, same shape and type.

    Raises:
        TypeError, ValueError: bad input.

    Lab: 10.
    """
    check_image(grey, "grey")
    centre, width = check_number(centre, "centre"), check_number(width, "width", low=0, above=True)
    return (grey - 0.5) * width + centre
