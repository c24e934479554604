"""The three-plane viewer of lab 03, and the picture that stands in for it on paper. Public in `viz`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from course_lib._checks import check_count, check_image, check_number
from course_lib.data.planes import PROFILES, cut
from course_lib.viz.figures import figure
from course_lib.viz.play.widgets import WIDE, box, show_snapshot, shown_picture, widgets
from course_lib.viz.rendering import Snapshot, snapshot
from course_lib.viz.windows import Window, grey

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: What runs along the axes of a volume in RAS.
DIRECTIONS = ("left to right", "back to front", "bottom to top")
_LONGEST = 3.2  # inches for the longest side of the volume
_LINE = "#E69F00"


def plane_slider(
    volume: Any,
    voxel_size: Sequence[float] = (1.0, 1.0, 1.0),
    *,
    position: Sequence[int] | None = None,
    data_range: float = 1.0,
    window: tuple[float, float] | None = None,
    title: str | None = None,
    live: bool | None = None,
) -> Any:
    """Three sliders that move a point through a head, over the sagittal, coronal and axial plane that meet there.

    The lines mark the other two planes. A voxel is drawn as long as it is, never smoothed, and the axes count mm from
    the first voxel's edge. Leave it on the last line of a cell.

    Args:
        volume: (X, Y, Z) in canonical RAS axes, floating point or bool, numpy or torch.
        voxel_size: mm along x, y, z.
        position: the first point, in voxels; default the middle.
        data_range: grey runs from 0 to it.
        window: (low, high), the values that are black and white; `viz.window(image)` fits it to a head.
        title: of the figure.
        live: overrides the choice between a box and a static figure.

    Returns:
        An ipywidgets box (sliders, picture) in a notebook, and elsewhere, without ipywidgets and in profile ci, a
        static `Figure` of the first position.

    Raises:
        TypeError, ValueError: what is no volume, sizes that are not positive and a position outside.

    Lab: 03.
    """
    volume = _volume(volume)
    data_range = check_number(data_range, "data_range", low=0, above=True)
    greys = grey(window, data_range)
    size = _triple(voxel_size, "voxel_size")
    size = tuple(check_number(side, "voxel_size", low=0, above=True) for side in size)
    middle = tuple(count // 2 for count in volume.shape)
    place = middle if position is None else _triple(position, "position")
    for axis, (number, count) in enumerate(zip(place, volume.shape, strict=True)):
        if check_count(number, "position", low=0) >= count:
            raise ValueError(f"position: expected a voxel below {count} along {'xyz'[axis]}, got {number}")

    def static() -> Figure:
        return _drawing(volume, size, data_range, greys, title)[1](place)

    ipywidgets = widgets(live)
    if ipywidgets is None:
        return static()

    draw = _drawing(volume, size, data_range, greys, title)[0]
    wide = ipywidgets.Layout(**WIDE)
    controls = [
        ipywidgets.IntSlider(
            value=number,
            min=0,
            max=count - 1,
            description=f"{name} ({axis})",
            tooltip=f"{name} plane, voxel 0 to {count - 1} along {axis}",
            style={"description_width": "initial"},
            layout=wide,
        )
        for axis, name, number, count in zip("xyz", PROFILES, place, volume.shape, strict=True)
    ]
    shown = shown_picture(draw(place))
    for control in controls:
        control.observe(lambda _: show_snapshot(shown, draw([c.value for c in controls])), names="value")

    return box([*controls, shown], static)


def _drawing(
    volume: np.ndarray, size: Sequence[float], data_range: float, greys: Window, title: str | None
) -> tuple[Callable[[Sequence[int]], Snapshot], Callable[[Sequence[int]], Figure]]:
    """What turns a position into a PNG, and into the figure itself."""
    extent = np.array(volume.shape) * size  # mm
    # profile -> the axes of the volume that run to the right and up in its picture
    across = [tuple(axis for axis in range(3) if axis != cutting) for cutting in range(3)]
    scale = _LONGEST / extent.max()
    width = sum(max(extent[right] * scale, 1.0) for right, _ in across) + 2.2
    height = max(max(extent[up] * scale, 1.0) for _, up in across) + 0.9
    drawn = figure(width, height, title=title)
    panels = drawn.subplots(1, 3, width_ratios=[max(extent[right] * scale, 1.0) for right, _ in across])
    pictures, lines = [], []
    for axes, (right, up) in zip(panels, across, strict=True):
        empty = np.zeros((volume.shape[up], volume.shape[right]), dtype=np.float32)
        frame = (0, extent[right], 0, extent[up])
        pictures.append(axes.imshow(empty, "gray", vmin=greys[0], vmax=greys[1], interpolation="nearest", extent=frame))
        lines.append((axes.axvline(0, color=_LINE, linewidth=0.7), axes.axhline(0, color=_LINE, linewidth=0.7)))
        axes.set_xlabel(f"{'xyz'[right]}, {DIRECTIONS[right]} (mm)", fontsize=8)
        axes.set_ylabel(f"{'xyz'[up]}, {DIRECTIONS[up]} (mm)", fontsize=8)
        axes.tick_params(labelsize=7)

    def move(place: Sequence[int]) -> Figure:
        middle = (np.array(place) + 0.5) * size
        for cutting, (right, up) in enumerate(across):
            pictures[cutting].set_data(cut(volume, [place[cutting]], PROFILES[cutting])[0])
            lines[cutting][0].set_xdata([middle[right]] * 2)
            lines[cutting][1].set_ydata([middle[up]] * 2)
            heading = f"{PROFILES[cutting]}, {'xyz'[cutting]} = {middle[cutting]:.4g} mm"
            panels[cutting].set_title(heading, fontsize=9)
        return drawn

    def draw(place: Sequence[int]) -> Snapshot:
        image = snapshot(move(place))
        drawn.set_layout_engine("none")  # laid out once: an update then costs half
        return image

    return draw, move


def _volume(volume: Any) -> np.ndarray:
    """Checked, as numpy floats; no copy where none is needed."""
    if getattr(volume, "dtype", None) in (np.dtype(bool), torch.bool):
        volume = volume.astype(np.float32) if isinstance(volume, np.ndarray) else volume.float()
    check_image(volume, "volume")
    if isinstance(volume, torch.Tensor):
        volume = volume.detach().cpu().to(torch.promote_types(volume.dtype, torch.float32)).numpy()
    if volume.ndim != 3:
        raise ValueError(f"volume: expected the shape (X, Y, Z), got {volume.shape}")
    return volume


def _triple(values: Any, name: str) -> tuple:
    try:
        values = tuple(values)
    except TypeError:
        values = (values,)
    if len(values) != 3:
        raise ValueError(f"{name}: expected three numbers, for x, y and z, got {values!r}")
    return values
