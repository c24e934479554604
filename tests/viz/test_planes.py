"""The plane slider shows the planes that meet in its point, upright and in mm, and moves with its sliders."""

import io
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from course_lib import viz

SHAPE = (7, 9, 5)
SIZE = (1.0, 2.0, 5.0)


def random_volume(seed=0):
    return np.random.default_rng(seed).random(SHAPE, dtype=np.float32)


def pixels(png):
    from matplotlib.image import imread

    return imread(io.BytesIO(png), format="png")


def shown(axes):
    return np.asarray(axes.images[0].get_array())


@pytest.fixture
def notebook(monkeypatch):
    import IPython

    monkeypatch.delenv("COURSE_PROFILE", raising=False)
    monkeypatch.setattr(IPython, "get_ipython", lambda: SimpleNamespace(kernel=object()))


@pytest.mark.parametrize("convert", [lambda volume: volume, torch.from_numpy])
def test_static_picture_shows_the_three_planes_through_the_point(convert):
    volume = random_volume()
    figure = viz.plane_slider(convert(volume), SIZE, position=(1, 6, 3), title="A head")
    sagittal, coronal, axial = figure.axes
    for row in range(5):
        for column in range(9):
            assert shown(sagittal)[row, column] == volume[1, column, 4 - row], "front on the right, top up"
        for column in range(7):
            assert shown(coronal)[row, column] == volume[column, 6, 4 - row], "left on the left, top up"
    for row in range(9):
        for column in range(7):
            assert shown(axial)[row, column] == volume[column, 8 - row, 3], "left on the left, front up"
    assert figure.get_suptitle() == "A head"


def test_axes_count_millimetres_and_lines_mark_the_other_planes():
    figure = viz.plane_slider(random_volume(), SIZE, position=(1, 6, 3))
    # (profile, its place in mm, right end, top end, vertical line, horizontal line)
    expected = [
        ("sagittal, x = 1.5 mm", 18, 25, 13, 17.5),
        ("coronal, y = 13 mm", 7, 25, 1.5, 17.5),
        ("axial, z = 17.5 mm", 7, 18, 1.5, 13),
    ]
    for axes, (heading, width, height, vertical, horizontal) in zip(figure.axes, expected, strict=True):
        assert axes.get_title() == heading
        assert tuple(axes.images[0].get_extent()) == (0, width, 0, height)
        assert axes.get_aspect() == 1, "a millimetre is as long to the right as upwards"
        assert [line.get_xdata()[0] for line in axes.lines][0] == pytest.approx(vertical)
        assert axes.lines[1].get_ydata()[0] == pytest.approx(horizontal)
        assert "(mm)" in axes.get_xlabel() and "(mm)" in axes.get_ylabel()


def test_default_is_the_middle_and_the_grey_scale_is_the_data_range():
    volume = 3 * random_volume()
    figure = viz.plane_slider(volume, data_range=3)
    np.testing.assert_array_equal(shown(figure.axes[2]), volume[:, :, 2].T[::-1])
    assert figure.axes[0].images[0].get_clim() == (0, 3)


def test_masks_and_tensors_of_masks_are_welcome():
    mask = random_volume() > 0.5
    for volume in (mask, torch.from_numpy(mask)):
        np.testing.assert_array_equal(shown(viz.plane_slider(volume).axes[2]), mask[:, :, 2].T[::-1])


def test_moving_a_slider_changes_the_picture_and_moving_back_restores_it():
    box = viz.plane_slider(random_volume(), SIZE, position=(1, 6, 3), live=True)
    *controls, picture = box.children
    assert [(c.min, c.max, c.value) for c in controls] == [(0, 6, 1), (0, 8, 6), (0, 4, 3)]
    assert [c.description for c in controls] == ["sagittal (x)", "coronal (y)", "axial (z)"]
    first = pixels(picture.value)
    for control in controls:
        before = control.value
        control.value = 0
        moved = pixels(picture.value)
        assert moved.shape == first.shape, "the picture should not jump"
        assert not np.array_equal(moved, first)
        control.value = before
        np.testing.assert_array_equal(pixels(picture.value), first)


def test_the_box_carries_a_picture_for_paper():
    box = viz.plane_slider(random_volume(), SIZE, live=True, title="A head")
    bundle = box._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    static = viz.plane_slider(random_volume(), SIZE, live=False, title="A head")
    np.testing.assert_array_equal(pixels(bundle["image/png"]), pixels(static._repr_png_()))


def test_widget_in_a_notebook_static_in_profile_ci_and_without_ipywidgets(notebook, monkeypatch):
    import ipywidgets
    from matplotlib.figure import Figure

    assert isinstance(viz.plane_slider(random_volume()), ipywidgets.VBox)
    monkeypatch.setenv("COURSE_PROFILE", "ci")
    assert isinstance(viz.plane_slider(random_volume()), Figure)
    monkeypatch.delenv("COURSE_PROFILE")
    monkeypatch.setitem(sys.modules, "ipywidgets", None)  # as if it were not installed
    assert isinstance(viz.plane_slider(random_volume()), Figure)


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({"volume": np.zeros((4, 5), np.float32)}, r"volume: expected the shape \(X, Y, Z\)"),
        ({"volume": np.full(SHAPE, np.nan)}, "volume: expected finite"),
        ({"voxel_size": (1, 1)}, "voxel_size: expected three numbers"),
        ({"voxel_size": 1}, "voxel_size: expected three numbers"),
        ({"voxel_size": (1, 0, 1)}, "voxel_size: expected a finite number above 0"),
        ({"position": (1, 2)}, "position: expected three numbers"),
        ({"position": (0, 9, 0)}, "position: expected a voxel below 9 along y, got 9"),
        ({"position": (-1, 0, 0)}, "position"),
        ({"data_range": 0}, "data_range: expected a finite number above 0"),
    ],
)
@pytest.mark.parametrize("live", [True, False])
def test_refuses_what_it_cannot_show(named, message, live):
    with pytest.raises(ValueError, match=message):
        viz.plane_slider(**({"volume": random_volume(), "live": live} | named))


def test_refuses_whole_numbers():
    with pytest.raises(TypeError, match="volume"):
        viz.plane_slider(np.zeros(SHAPE, dtype=np.int16))
