"""The beating hearts: repeatable, periodic, textured; muscle keeps its area, and texture moves with it; refusals."""

import numpy as np
import pytest
import torch

from course_lib import kspace
from course_lib.data import dynamic
from course_lib.data.dynamic import beating_hearts, contraction


@pytest.fixture(scope="module")
def hearts():
    return beating_hearts(6, 0, frames=12, size=96)


# --- what comes -------------------------------------------------------------------------------------------------


def test_shapes_values_and_kinds(hearts):
    assert hearts.images.shape == (6, 12, 96, 96) and hearts.images.dtype == torch.float32
    assert hearts.hearts.shape == (6, 1, 96, 96) and hearts.hearts.dtype == torch.bool
    assert len(hearts) == 6 and hearts.seed == 0
    assert hearts.images.min() >= 0 and hearts.images.max() <= 1
    assert (hearts.images.amax(dim=(1, 2, 3)) > 0.5).all(), "blood and fat are bright"
    corners = hearts.images[:, :, [0, 0, -1, -1], [0, -1, 0, -1]]
    assert corners.max() < 1e-3, "outside there is air"
    assert (hearts.images > 0.05).float().mean() > 0.3


def test_a_subject_depends_on_seed_and_number_alone(hearts):
    before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    again = beating_hearts(2, 0, frames=12, size=96)
    assert torch.equal(again.images, hearts.images[:2]) and torch.equal(again.hearts, hearts.hearts[:2])
    other = beating_hearts(1, 1, frames=12, size=96)
    assert (other.images[0] - hearts.images[0]).abs().mean() > 0.01
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.array_equal(np.random.get_state()[1], before[1])  # noqa: NPY002


def test_subjects_differ(hearts):
    for one in range(6):
        for other in range(one):
            assert (hearts.images[one, 0] - hearts.images[other, 0]).abs().mean() > 0.02


def test_frames_are_moments_of_the_beat(hearts):
    # frame t of T is the moment t / T: every third of 12 is one of 4
    fewer = beating_hearts(1, 0, frames=4, size=96)
    assert torch.equal(fewer.images[0], hearts.images[0, ::3])


def test_another_size_shows_the_same_chest(hearts):
    large = beating_hearts(2, 0, frames=2, size=192).images[:, :1]
    small = torch.nn.functional.avg_pool2d(large, 2)
    found = hearts.images[:2, :1]
    assert (small - found).abs().mean() < 0.02 < 0.06 < (small - found.flip(-1)).abs().mean()


# --- what moves -------------------------------------------------------------------------------------------------


def test_contraction_is_a_beat():
    moments = np.linspace(0, 1, 1001)
    curve = contraction(moments)
    assert curve.min() == pytest.approx(0, abs=1e-6) and curve.max() == pytest.approx(1, abs=1e-5)
    assert moments[curve.argmax()] == pytest.approx(0.35, abs=0.002), "systole is shorter than diastole"
    assert np.allclose(contraction(moments + 3), curve, atol=1e-9), "period 1"
    top = curve.argmax()
    assert (np.diff(curve[: top + 1]) >= 0).all() and (np.diff(curve[top:]) <= 0).all()
    assert np.abs(np.diff(curve)).max() < 0.01, "no jump, not from the last frame to the first either"


def test_the_heart_moves_and_the_rest_hardly(hearts):
    change = (hearts.images - hearts.images[:, :1]).abs().amax(dim=1, keepdim=True)  # (N, 1, H, W)
    for subject in range(6):
        inside = change[subject][hearts.hearts[subject]].mean()
        outside = change[subject][~hearts.hearts[subject]].mean()
        assert inside > 0.05 and inside > 3 * outside


def test_the_film_goes_round(hearts):
    steps = (hearts.images - hearts.images.roll(1, 1)).abs().mean(dim=(2, 3))  # (N, T), from each frame to the next
    assert (steps[:, 0] < 1.5 * steps[:, 1:].amax(dim=1)).all(), "from the last frame to the first as between others"
    assert (steps > 1e-4).all(), "no two frames are the same"


@pytest.mark.parametrize("number", range(3))
def test_the_pool_empties_and_the_wall_keeps_its_area(number):
    # counted on a fine grid, from where each point comes from: no brightness, no borders
    heart = dynamic._Heart(np.random.default_rng([5, number]))
    axis = np.linspace(-1, 1, 601)
    y, x = np.meshgrid(axis, axis, indexing="ij")
    areas = []
    for contracted in (0.0, 0.5, 1.0):
        v, u = heart.origin(y, x, contracted)
        radius = np.hypot(v - heart.centre[0], u - heart.centre[1])
        areas.append(((radius < heart.pool).sum(), ((radius >= heart.pool) & (radius < heart.ring)).sum()))
    (full, wall), _, (empty, thick) = areas
    assert empty / full == pytest.approx((1 - heart.shortening) ** 2, rel=0.03)
    assert thick == pytest.approx(wall, rel=0.03)
    assert areas[1][1] == pytest.approx(wall, rel=0.03)


@pytest.mark.parametrize("number", range(4))
def test_the_motion_folds_nothing_and_fades(number):
    heart = dynamic._Heart(np.random.default_rng([6, number]))
    axis = np.linspace(-1, 1, 401)
    y, x = np.meshgrid(axis, axis, indexing="ij")
    assert np.allclose(heart.origin(y, x, 0.0), (y, x), atol=1e-12), "at the start every point is where it is"
    v, u = heart.origin(y, x, 1.0)
    step = axis[1] - axis[0]
    (vy, vx), (uy, ux) = np.gradient(v, step), np.gradient(u, step)
    assert (vy * ux - vx * uy).min() > 0.1, "a negative determinant is a fold"
    far = np.hypot(y - heart.centre[0], x - heart.centre[1]) > 1.05
    assert np.hypot(v - y, u - x)[far].max() < 0.01
    assert np.hypot(v - y, u - x).max() > 0.05


def test_the_texture_moves_with_the_tissue(hearts):
    # in the blood of the left ventricle: undoing the motion leaves less change than doing nothing
    rng = np.random.default_rng([0, 0])
    for _ in dynamic.BRIGHTNESS:
        rng.uniform()
    heart = dynamic._Heart(rng)
    axis = ((np.arange(96) - 47.5) * 2 / 96).astype(np.float32)
    y, x = np.meshgrid(axis, axis, indexing="ij")
    first, last = hearts.images[0, 0], hearts.images[0, 4]
    contracted = float(contraction(4 / 12))
    v, u = heart.origin(y, x, contracted)
    grid = torch.from_numpy(np.stack([u, v], -1))[None].float()
    moved = torch.nn.functional.grid_sample(first[None, None], grid, align_corners=False)[0, 0]
    region = torch.from_numpy(np.hypot(y - heart.centre[0], x - heart.centre[1]) < heart.ring)
    assert (moved - last).abs()[region].mean() < 0.35 * (first - last).abs()[region].mean()


def test_tissues_are_textured(hearts):
    # within the liver and the blood pool neighbouring pixels differ, by much less than tissues do
    image = hearts.images[0, 0]
    rough = (image[1:, 1:] - image[:-1, 1:]).abs()[hearts.hearts[0, 0][1:, 1:]]
    assert rough.median() > 0.003


# --- phase ------------------------------------------------------------------------------------------------------


def test_a_phase_leaves_the_magnitude_and_is_smooth_and_at_rest(hearts):
    found = beating_hearts(2, 0, frames=12, size=96, phase=1.5)
    assert found.images.dtype == torch.complex64
    assert torch.allclose(found.images.abs(), hearts.images[:2], atol=1e-6)
    assert torch.equal(found.hearts, hearts.hearts[:2])
    bright = hearts.images[:2].amin(dim=1) > 0.05
    angle = found.images.angle()
    assert angle.abs().max() <= 1.5 + 1e-5 and angle[:, 0][bright].abs().max() > 0.5
    assert (angle - angle[:, :1]).abs().amax(dim=1)[bright].max() < 1e-4, "the same in all frames"
    both = bright[:, 1:] & bright[:, :-1]
    assert (angle[:, 0, 1:] - angle[:, 0, :-1]).abs()[both].max() < 0.15, "smooth"
    # a phase makes the k-space of a real image lose its symmetry
    space = kspace.fft2c(found.images[0, 0, :95, :95])
    assert (space - space.flip(-1, -2).conj()).abs().mean() > 0.1 * space.abs().mean()


def test_it_can_be_sampled_and_shared():
    film = beating_hearts(1, 0, frames=8, size=64, phase=1.0).images
    mask = kspace.interleaved_mask(8, (64, 64), 4, 0.1, generator=torch.Generator().manual_seed(0))
    measured = kspace.undersample(film, mask)
    error = (kspace.zero_filled(measured) - film).abs().square().mean()
    assert 1e-4 < error < film.abs().square().mean()


# --- refusals ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"n": 0}, ValueError, "n: expected at least 1"),
        ({"n": 1.5}, TypeError, "n: expected a whole number"),
        ({"seed": -1}, ValueError, "seed: expected at least 0"),
        ({"seed": None}, TypeError, "seed: expected a whole number"),
        ({"frames": 1}, ValueError, "frames: expected at least 2"),
        ({"size": 31}, ValueError, "size: expected at least 32"),
        ({"size": (64, 64)}, TypeError, "size: expected a whole number"),
        ({"phase": -1.0}, ValueError, "phase: expected a finite number of at least 0"),
        ({"phase": float("nan")}, ValueError, "phase: expected"),
        ({"phase": "1"}, TypeError, "phase: expected a number"),
    ],
)
def test_bad_input_is_refused_in_words(settings, error, message):
    with pytest.raises(error, match=message):
        beating_hearts(**({"n": 1, "seed": 0, "frames": 2, "size": 32} | settings))
