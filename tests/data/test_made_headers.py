"""Made NIfTI headers of every kind (hypothesis): each voxel has its value and its place, and damage is told by name."""

from __future__ import annotations

import gzip
import warnings

import numpy as np
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from nifti_bytes import CODES, FIELDS, file

from course_lib.data import volumes


@st.composite
def affines(draw):
    """Voxel to mm: a rotation, an order of axes, signs, sides from .3 to 7 mm, a place."""
    angles = [draw(st.floats(-0.5, 0.5)) for _ in range(3)]
    cos, sin = np.cos(angles), np.sin(angles)
    about_x = np.array([[1, 0, 0], [0, cos[0], -sin[0]], [0, sin[0], cos[0]]])
    about_z = np.array([[cos[2], -sin[2], 0], [sin[2], cos[2], 0], [0, 0, 1]])
    order = np.eye(3)[list(draw(st.permutations(range(3))))]
    signs = np.diag([draw(st.sampled_from([-1.0, 1.0])) for _ in range(3)])
    sides = np.diag([draw(st.floats(0.3, 7)) for _ in range(3)])
    affine = np.eye(4)
    affine[:3, :3] = about_z @ about_x @ order @ signs @ sides
    affine[:3, 3] = [draw(st.floats(-200, 200)) for _ in range(3)]
    return affine


@settings(max_examples=120, deadline=None, derandomize=True)
@given(
    affine=affines(),
    kind=st.sampled_from(sorted(CODES)),
    order=st.sampled_from("<>"),
    shape=st.tuples(*[st.integers(1, 6)] * 3).filter(lambda shape: np.prod(shape) > 1),
    slope=st.sampled_from([1.0, 0.5, -2.0, 1e-3, 0.0, float("nan")]),
    intercept=st.sampled_from([0.0, -1024.0, 3.5]),
    gap=st.sampled_from([0, 4, 16, 100]),
    units=st.sampled_from([0, 2, 10]),
    packed=st.booleans(),
    extra=st.integers(0, 3),
)
def test_every_voxel_has_its_value_and_its_place(
    tmp_path_factory, affine, kind, order, shape, slope, intercept, gap, units, packed, extra
):
    """The oracle is the standard: value · slope + intercept, at srow · (i, j, k, 1)."""
    assume(
        kind[0] != "f" or slope != 1e-3 or intercept != -1024
    )  # refused: float32 has 8 steps from -1024 to -1023.999
    stored = (np.arange(np.prod(shape)) % 120).reshape(shape).astype(kind)
    rows = np.float32(affine)
    content = file(
        stored, order, gap, scl_slope=slope, scl_inter=intercept, xyzt_units=units,
        srow_x=rows[0], srow_y=rows[1], srow_z=rows[2], dim=[3 + extra, *shape, *[1] * 4],
    )  # fmt: skip
    name = "head.nii.gz" if packed else "head.nii"
    path = tmp_path_factory.mktemp("made") / name
    path.write_bytes(gzip.compress(content) if packed else content)
    scan = volumes.read_volume(path)
    scaled = stored.astype(np.float64)
    if slope and np.isfinite(slope):
        scaled = scaled * np.float32(slope) + intercept
    assert scan.data.dtype == np.float32 and scan.data.dtype.isnative and scan.data.size == stored.size
    back = np.linalg.inv(scan.affine)
    for index in np.ndindex(shape):
        place = rows.astype(np.float64) @ [*index, 1]
        found = back @ place
        voxel = np.round(found[:3]).astype(int)
        assert np.abs(found[:3] - voxel).max() < 1e-3
        assert scan.data[tuple(voxel)] == np.float32(scaled[index])
    # RAS: each axis runs mostly along its own direction, the positive one
    directions = scan.affine[:3, :3] / scan.voxel_size
    assert np.linalg.det(np.round(directions * 0.9)) >= 0 and (np.diag(directions) > 0).all()


@settings(max_examples=250, deadline=None, derandomize=True)
@given(
    changes=st.lists(st.tuples(st.integers(0, 351), st.integers(0, 255)), min_size=1, max_size=12),
    field=st.sampled_from(sorted(FIELDS)),
    number=st.sampled_from([-1, 0, 1, 2, 7, 255, 32767, -32768, float("nan"), float("inf"), 1e30, -1e30, 1e-30, 0.3]),
    order=st.sampled_from("<>"),
)
@example(changes=[(123, 7)], field="dim", number=3, order="<")
def test_any_damage_to_a_header_is_a_scan_or_a_refusal_by_name(tmp_path_factory, changes, field, number, order):
    raw = bytearray(file(order=order))
    start, dtype = FIELDS[field]
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        packed = np.array(np.float64(number)).astype(order + dtype).tobytes()
    raw[start : start + len(packed)] = packed
    for place, byte in changes:
        raw[place] = byte
    path = tmp_path_factory.mktemp("damaged") / "head.nii"
    path.write_bytes(raw)
    try:
        scan = volumes.read_volume(path)
    except ValueError as error:
        assert str(path) in str(error)
        return
    assert scan.data.ndim == 3 and scan.data.dtype == np.float32 and np.isfinite(scan.data).all()
    assert np.isfinite(scan.affine).all() and min(scan.voxel_size) > 0
