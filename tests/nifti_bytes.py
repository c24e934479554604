"""NIfTI-1 files written field by field, without nibabel: what a header says is what a test wants it to say."""

from __future__ import annotations

import numpy as np

SHAPE = (5, 6, 7)
COUNT = int(np.prod(SHAPE))
# the standard's own layout (nifti1.h): field -> (byte, type)
FIELDS = {
    "dim": (40, "i2"), "datatype": (70, "i2"), "pixdim": (76, "f4"), "vox_offset": (108, "f4"),
    "scl_slope": (112, "f4"), "scl_inter": (116, "f4"), "xyzt_units": (123, "u1"),
    "qform_code": (252, "i2"), "sform_code": (254, "i2"), "quatern": (256, "f4"), "qoffset": (268, "f4"),
    "srow_x": (280, "f4"), "srow_y": (296, "f4"), "srow_z": (312, "f4"),
}  # fmt: skip
CODES = {"u1": 2, "i2": 4, "i4": 8, "f4": 16, "f8": 64, "i1": 256, "u2": 512, "u4": 768, "i8": 1024, "u8": 1280}


def file(stored=None, order="<", gap=4, **fields):
    """The bytes of a NIfTI-1 file, written field by field, without nibabel; `gap` bytes behind the header."""
    stored = np.arange(COUNT, dtype="i2").reshape(SHAPE) if stored is None else stored
    kind = stored.dtype.str[1:]
    given = {
        "dim": [3, *stored.shape, 1, 1, 1, 1], "datatype": CODES[kind], "pixdim": [1] * 8, "vox_offset": 348 + gap,
        "scl_slope": 1, "scl_inter": 0, "xyzt_units": 2, "qform_code": 0, "sform_code": 1, "quatern": [0, 0, 0],
        "qoffset": [0, 0, 0], "srow_x": [1, 0, 0, 0], "srow_y": [0, 1, 0, 0], "srow_z": [0, 0, 1, 0],
    } | fields  # fmt: skip
    raw = bytearray(348)
    raw[:4], raw[344:348] = np.array(348, order + "i4").tobytes(), b"n+1\0"
    raw[72:74] = np.array(8 * stored.dtype.itemsize, order + "i2").tobytes()
    for name, values in given.items():
        start, dtype = FIELDS[name]
        packed = np.array(values, order + dtype).tobytes()
        raw[start : start + len(packed)] = packed
    return bytes(raw) + bytes(gap) + stored.astype(order + kind).tobytes(order="F")
