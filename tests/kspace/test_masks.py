"""Masks: exact counts, stated laws (oracle: MONAI's port of fastMRI), one seed one mask, no global state touched."""

import itertools

import numpy as np
import pytest
import torch

from course_lib import kspace
from course_lib.kspace.checks import check_sampling
from course_lib.kspace.masks import KINDS, _marginals, _systematic


def seeded(kind, seed=0):
    return np.random.default_rng(seed) if kind == "numpy" else torch.Generator().manual_seed(seed)


def lines(mask):
    """The measured columns of a mask that consists of whole columns."""
    mask = np.asarray(mask)
    assert (mask == mask[:1]).all(), "a column is measured in part"
    return mask[0]


def fastmri_centre(width, fraction):
    low = round(width * fraction)
    first = (width - low + 1) // 2
    return slice(first, first + low)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("library", ["numpy", "torch"])
@pytest.mark.parametrize(
    ("width", "acceleration", "fraction"),
    [
        (181, 4, 0.08),
        (181, 8, 0.04),
        (128, 4, 0.08),
        (368, 8, 0.04),
        (37, 2.5, 0.1),
        (20, 1, 0.3),
        (20, 4, 0),
        (9, 3, 1 / 3),
    ],
)
def test_count_and_centre_of_lines_are_exact(kind, library, width, acceleration, fraction):
    for seed in range(20):
        mask = kspace.cartesian_mask((6, width), acceleration, fraction, kind=kind, generator=seeded(library, seed))
        assert mask.shape == (6, width) and str(mask.dtype).endswith("bool")
        assert isinstance(mask, torch.Tensor) == (library == "torch")
        measured = lines(mask)
        assert measured.sum() == round(width / acceleration)
        assert measured[fastmri_centre(width, fraction)].all()
        assert kspace.acceleration_of(mask) == pytest.approx(width / round(width / acceleration))
        assert kspace.center_fraction_of(mask) >= round(width * fraction) / width - 1e-12


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(40, 30), (31, 37)])
def test_count_and_centre_of_points_are_exact(kind, shape):
    height, width = shape
    y = (np.arange(height) - height // 2)[:, None] / height
    x = (np.arange(width) - width // 2)[None] / width
    radius = np.hypot(y, x)
    for seed, (acceleration, fraction) in itertools.product(
        range(5), [(4, 0.08), (7.3, 0.02), (1, 0.1), (3, 0), (2, 0.5)]
    ):
        mask = kspace.cartesian_mask(
            shape, acceleration, fraction, kind=kind, points=True, generator=seeded("numpy", seed)
        )
        assert mask.sum() == round(height * width / acceleration)
        low = round(height * width * fraction)
        nearest = np.sort(radius.ravel())[:low]
        assert mask[radius < (nearest[-1] if low else 0) - 1e-12].all(), "a gap in the centre"
        assert kspace.center_fraction_of(mask) >= low / mask.size - 1e-12
        if acceleration > 1:
            assert not (mask == mask[:1]).all(), "lines, not points"


def test_centre_stands_where_fastmri_has_it():
    transforms = pytest.importorskip("monai.apps.reconstruction.transforms.array")
    for width, fraction in [(181, 0.08), (180, 0.08), (368, 0.04), (33, 0.2), (32, 0.2), (31, 0.2), (30, 0.1)]:
        low = round(width * fraction)
        centre_only = transforms.RandomKspaceMask(center_fractions=[fraction], accelerations=[width / low])
        centre_only(np.zeros((1, 4, width, 2), dtype=np.float32))
        expected = centre_only.mask.numpy().ravel() > 0
        ours = kspace.cartesian_mask((4, width), width / low, fraction)
        assert np.array_equal(lines(ours), expected)


def test_random_lines_follow_the_law_of_fastmri():
    """Each line's frequency, and that of pairs, over 4000 masks: within 5 standard deviations of the law."""
    width, acceleration, fraction, draws = 60, 4, 0.1, 4000
    generator = np.random.default_rng(0)
    masks = np.stack(
        [kspace.cartesian_mask((2, width), acceleration, fraction, generator=generator)[0] for _ in range(draws)]
    )
    outside = np.delete(masks, np.r_[fastmri_centre(width, fraction)], axis=1)
    low = round(width * fraction)
    probability = (width / acceleration - low) / (width - low)  # fastMRI's
    deviation = (probability * (1 - probability) / draws) ** 0.5
    assert abs(outside.mean(0) - probability).max() < 5 * deviation
    # 9 of 54 lines, all subsets alike: a pair has probability 9/54 · 8/53
    pairs = (outside[:, :, None] & outside[:, None, :]).mean(0)[~np.eye(width - low, dtype=bool)]
    both = 9 / 54 * 8 / 53
    assert abs(pairs - both).max() < 5.5 * (both * (1 - both) / draws) ** 0.5

    transforms = pytest.importorskip("monai.apps.reconstruction.transforms.array")
    theirs = transforms.RandomKspaceMask(center_fractions=[fraction], accelerations=[acceleration])
    theirs.set_random_state(seed=0)
    empty, rows = np.zeros((1, 1, width, 2), dtype=np.float32), []
    for _ in range(500):
        theirs(empty)
        rows.append(theirs.mask.numpy().ravel() > 0)
    frequency = np.mean(rows, axis=0)
    assert abs(frequency - masks.mean(0)).max() < 5 * (probability * (1 - probability) * (1 / draws + 1 / 500)) ** 0.5


@pytest.mark.parametrize("points", [False, True])
def test_variable_density_falls_with_the_distance_as_stated(points):
    shape, acceleration, fraction, decay, draws = (8, 60) if not points else (12, 15), 5, 0.1, 2.0, 3000
    generator = np.random.default_rng(0)
    options = {"kind": "variable_density", "points": points, "decay": decay, "generator": generator}
    masks = np.stack([kspace.cartesian_mask(shape, acceleration, fraction, **options) for _ in range(draws)])
    frequency = masks.mean(0).ravel() if points else masks.mean(0)[0]
    if points:
        y, x = (np.arange(12) - 6)[:, None] / 12, (np.arange(15) - 7)[None] / 15
        distance, count, low = np.hypot(y, x).ravel(), 36, 18
    else:
        distance, count, low = abs(np.arange(60) - 30), 12, 6
    reach = distance.max() * (1 + 1 / max(shape if points else (60,)))
    density = (1 - distance / reach) ** decay
    outside = frequency < 1
    assert outside.sum() < outside.size - low + 1
    expected = density * (count - (~outside).sum()) / density[outside].sum()
    assert abs(frequency - expected)[outside].max() < 5 * (0.25 / draws) ** 0.5
    assert (expected[~outside] > 0).all() and frequency.sum() == pytest.approx(count)


def test_decay_zero_is_random_and_a_large_decay_widens_the_centre():
    options = {"shape": (4, 80), "acceleration": 4, "center_fraction": 0.1, "kind": "variable_density"}
    flat = kspace.cartesian_mask(**options, decay=0, generator=np.random.default_rng(3))
    assert np.array_equal(flat, kspace.cartesian_mask((4, 80), 4, 0.1, generator=np.random.default_rng(3)))
    steep = lines(kspace.cartesian_mask(**options, decay=500, generator=np.random.default_rng(3)))
    assert abs(np.flatnonzero(steep) - 40).max() <= 12


@pytest.mark.parametrize("width", [60, 61])
def test_systematic_sampling_fulfils_every_probability_exactly(width):
    centre = np.zeros(width, dtype=bool)
    centre[28:32] = True
    for decay, count in itertools.product([0, 1, 3, 30], [4, 5, 20, 59]):
        marginals = _marginals(centre, count, decay)
        assert marginals.sum() == pytest.approx(count) and (marginals[centre] == 1).all()
        assert marginals.min() >= 0 and marginals.max() <= 1
        order = np.random.default_rng(decay).permutation(width)
        starts = (np.arange(2000) + 0.5) / 2000
        chosen = np.stack([_systematic(marginals, order, start) for start in starts])
        assert (chosen.sum(1) == count).all()
        assert abs(chosen.mean(0) - marginals).max() < 1.5 / 2000


@pytest.mark.parametrize("seed", range(5))
def test_regular_lines_are_equally_spaced(seed):
    mask = lines(kspace.cartesian_mask((4, 256), 4, 0, kind="regular", generator=np.random.default_rng(seed)))
    assert set(np.diff(np.flatnonzero(mask))) == {4}
    mask = lines(kspace.cartesian_mask((4, 181), 4, 0.08, kind="regular", generator=np.random.default_rng(seed)))
    outside = np.delete(mask, np.r_[fastmri_centre(181, 0.08)])
    spacing = (181 - 14) / (45 - 14)  # fastMRI's adjusted acceleration
    assert set(np.diff(np.flatnonzero(outside))) <= {int(spacing), int(spacing) + 1}


def test_regular_lines_begin_anywhere():
    generator = np.random.default_rng(0)
    first = [
        np.flatnonzero(kspace.cartesian_mask((1, 64), 4, 0, kind="regular", generator=generator)[0])[0]
        for _ in range(800)
    ]
    counts = np.bincount(first, minlength=4)
    assert len(counts) == 4 and abs(counts - 200).max() < 5 * (800 * 0.25 * 0.75) ** 0.5


def test_regular_points_are_a_lattice():
    mask = kspace.cartesian_mask((24, 32), 4, 0, kind="regular", points=True, generator=np.random.default_rng(0))
    assert (mask.sum(1) == 8).all()
    # the same lattice seen from each of its points: shifts by (0, 4) and (1, -2) change nothing
    assert np.array_equal(np.roll(mask, 4, axis=1), mask) and np.array_equal(np.roll(mask, (1, -2), (0, 1)), mask)


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_one_seed_is_one_mask_and_another_seed_another(library):
    def every(seed):
        generator = seeded(library, seed)
        cartesian = [
            kspace.cartesian_mask((16, 24), 3, 0.1, kind=kind, points=points, generator=generator)
            for kind in KINDS
            for points in (False, True)
        ]
        films = [kspace.interleaved_mask(3, (16, 24), 3, 0.1, kind=kind, generator=generator) for kind in KINDS]
        turned = [make((16, 24), 3, generator=generator) for make in (kspace.radial_mask, kspace.spiral_mask)]
        return cartesian + films + turned

    differs = []
    for one, same, other in zip(every(0), every(0), every(1), strict=True):
        assert np.array_equal(one, same)
        differs.append(not np.array_equal(one, other))
    assert sum(differs) >= len(differs) - 2, "a lattice may start alike by chance"


def test_global_random_state_is_left_alone_and_none_is_fresh():
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    masks = [kspace.cartesian_mask((4, 200), 4, 0.08) for _ in range(3)]
    kspace.interleaved_mask(2, (4, 200), 4, 0.08)
    assert all(isinstance(mask, np.ndarray) for mask in masks)
    assert not np.array_equal(masks[0], masks[1]) or not np.array_equal(masks[0], masks[2])
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert np.array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002


def test_only_the_last_two_sides_of_the_shape_count():
    expected = kspace.cartesian_mask((10, 24), 3, 0.1, generator=np.random.default_rng(0))
    for shape in [[10, 24], (5, 1, 10, 24), torch.zeros(2, 10, 24).shape, np.array([10, 24])]:
        assert np.array_equal(kspace.cartesian_mask(shape, 3, 0.1, generator=np.random.default_rng(0)), expected)


@pytest.mark.parametrize("kind", ["random", "regular"])
@pytest.mark.parametrize(("width", "acceleration", "fraction"), [(64, 4, 0.125), (181, 4, 0.08), (37, 5, 0)])
def test_interleaved_frames_take_turns(kind, width, acceleration, fraction):
    frames = 12
    film = kspace.interleaved_mask(frames, (6, width), acceleration, fraction, kind=kind, generator=seeded("numpy", 4))
    assert film.shape == (frames, 6, width) and film.dtype == bool
    measured = np.stack([lines(frame) for frame in film])
    assert (measured.sum(1) == round(width / acceleration)).all()
    centre = fastmri_centre(width, fraction)
    assert measured[:, centre].all()
    outside = np.delete(measured, np.r_[centre], axis=1)
    times = outside.cumsum(0)
    # no line comes a second time before all had their first, give or take the frame in which a round ends
    for time in times:
        assert time.max() - time.min() <= 1 or time.max() <= 1 + np.ceil(frames / acceleration)
    period = outside.shape[1] / outside[0].sum()
    for start in range(frames - int(period) + 1):
        assert outside[start : start + int(period)].sum(0).max() == 1, "a line was measured twice within one round"
    assert outside[: int(np.ceil(period))].any(0).all(), "a line had no turn"
    assert abs(times[-1] - frames / period).max() < 1 + 1e-9


def test_interleaved_random_lines_lie_anywhere():
    """The measured ones of a frame and of the next: gaps of many sizes, and no constant shift."""
    film = kspace.interleaved_mask(2, (2, 181), 4, 0.08, generator=np.random.default_rng(0))[:, 0]
    outside = np.delete(film, np.r_[fastmri_centre(181, 0.08)], axis=1)
    assert len(set(np.diff(np.flatnonzero(outside[0])))) > 5
    assert len(set(np.flatnonzero(outside[1]) - np.flatnonzero(outside[0]))) > 5


def test_interleaved_regular_moves_on_by_one_line():
    film = kspace.interleaved_mask(4, (2, 32), 4, 0, kind="regular", generator=np.random.default_rng(0))
    rows = film[:, 0]
    for frame in range(3):
        assert np.array_equal(np.roll(rows[frame], 1), rows[frame + 1])


def test_interleaved_variable_density_has_its_law_and_other_lines_in_the_next_frame():
    frames, width = 400, 64
    film = kspace.interleaved_mask(
        frames, (2, width), 4, 0.1, kind="variable_density", generator=np.random.default_rng(0)
    )[:, 0]
    assert (film.sum(1) == 16).all()
    expected = _marginals(np.isin(np.arange(width), np.r_[fastmri_centre(width, 0.1)]), 16, 3.0)
    assert abs(film.mean(0) - expected).max() < 0.02, "each line has its turns as often as its probability says"
    rare = expected < 0.38
    assert not (film[1:] & film[:-1])[:, rare].any(), "a line was measured in two neighbouring frames"


@pytest.mark.parametrize("make", [kspace.radial_mask, kspace.spiral_mask])
@pytest.mark.parametrize("shape", [(64, 64), (45, 60), (61, 33)])
@pytest.mark.parametrize("acceleration", [1, 1.1, 3, 8, 30])
def test_trajectories_are_exact_in_number_and_stay_in_the_disc(make, shape, acceleration):
    height, width = shape
    mask = make(shape, acceleration)
    assert mask.shape == shape and mask.dtype == bool and mask.sum() == round(height * width / acceleration)
    assert mask[height // 2, width // 2], "the zero frequency is not measured"
    y = (np.arange(height) - height // 2)[:, None] / height
    x = (np.arange(width) - width // 2)[None] / width
    if acceleration >= 3:
        assert not mask[np.hypot(y, x) > 0.5 + 1e-12].any(), "beyond the disc"


def test_spokes_thin_out_and_a_spiral_does_not():
    size = 128
    place = (np.arange(size) - size // 2) / size
    radius = np.hypot(place[:, None], place[None])
    inner, outer = (radius > 0.1) & (radius < 0.2), (radius > 0.3) & (radius < 0.5)
    spokes, spiral = kspace.radial_mask((size, size), 6), kspace.spiral_mask((size, size), 6)
    # mean of 1/r over the rings: 2 / (0.1 + 0.2) and 2 / (0.3 + 0.5)
    assert spokes[inner].mean() / spokes[outer].mean() == pytest.approx(0.8 / 0.3, rel=0.1)
    assert spiral[inner].mean() / spiral[outer].mean() == pytest.approx(1, rel=0.1)
    assert spokes[size // 2].all(), "without a generator, the first spoke lies along the middle row"


def test_spokes_are_one_grid_step_wide():
    size = 129
    mask = kspace.radial_mask((size, size), 6)
    # walk once around a square: each spoke is met twice
    low, high = 24, 104
    rim = np.concatenate([mask[low, low:high], mask[low:high, high], mask[high, high:low:-1], mask[high:low:-1, low]])
    spokes = np.count_nonzero(rim & ~np.roll(rim, 1)) / 2
    # 16641 / 6 points; n spokes cover 2 n a - n² / π of the disc of radius a = 64.5: that makes 23
    assert spokes == pytest.approx(23, abs=1)
    assert rim.sum() / (2 * spokes) < 1.5


def test_spokes_pass_through_the_middle():
    mask = kspace.radial_mask((65, 65), 8, generator=np.random.default_rng(0))
    assert np.mean(mask != mask[::-1, ::-1]) < 0.01, "a spoke looks the same from both of its ends"
    other = kspace.radial_mask((65, 65), 8, generator=torch.Generator().manual_seed(1))
    assert isinstance(other, torch.Tensor) and not np.array_equal(mask, other)


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_what_was_achieved_is_reported(library):
    mask = np.zeros((6, 10), dtype=bool)
    mask[:, [0, 4, 5, 6, 9]] = True
    points = np.zeros((5, 5), dtype=bool)
    points[2, 1:4] = points[1:4, 2] = True
    missing = mask.copy()
    missing[:, 5] = False
    film = np.stack([mask, mask])
    film[1, :, 6] = False
    kind = (lambda array: array) if library == "numpy" else torch.from_numpy
    assert kspace.acceleration_of(kind(mask)) == 2 and kspace.acceleration_of(kind(points)) == 5
    assert kspace.acceleration_of(kind(film)) == pytest.approx(20 / 9)
    assert kspace.center_fraction_of(kind(mask)) == pytest.approx(0.3)
    assert kspace.center_fraction_of(kind(missing)) == 0
    assert kspace.center_fraction_of(kind(film)) == pytest.approx(0.2)
    assert kspace.center_fraction_of(kind(points)) == pytest.approx(5 / 25)
    assert kspace.center_fraction_of(kind(np.ones((3, 4), dtype=bool))) == 1
    assert kspace.center_fraction_of(kind(np.ones((1, 1, 3, 5), dtype=bool))) == 1


def test_a_mask_is_laid_on_what_it_broadcasts_to():
    values = np.zeros((3, 4, 6, 8), dtype=np.complex64)
    for shape in [(6, 8), (1, 6, 8), (4, 6, 8), (3, 1, 6, 8), (1, 4, 6, 8), (3, 4, 6, 8)]:
        check_sampling(np.ones(shape, dtype=bool), values)
    for shape in [(8, 6), (1, 8), (6, 1), (3, 6, 8), (2, 1, 6, 8), (1, 3, 4, 6, 8)]:
        with pytest.raises(ValueError, match="mask: expected shape"):
            check_sampling(np.ones(shape, dtype=bool), values)


def cartesian(shape=(8, 20), acceleration=4, center_fraction=0.1, **options):
    return kspace.cartesian_mask(shape, acceleration, center_fraction, **options)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: cartesian(acceleration=0.5),
            ValueError,
            "acceleration: expected a finite number of at least 1, got 0.5",
        ),
        (lambda: cartesian(acceleration=float("nan")), ValueError, "acceleration: expected .* got nan"),
        (lambda: cartesian(acceleration="4"), TypeError, "acceleration: expected a number, got '4'"),
        (
            lambda: cartesian(acceleration=100),
            ValueError,
            "acceleration: expected at most 20, the number of lines, got 100",
        ),
        (lambda: cartesian(center_fraction=1.5), ValueError, "center_fraction: expected a number from 0 to 1, got 1.5"),
        (lambda: cartesian(center_fraction=-0.1), ValueError, "center_fraction: expected a number from 0 to 1"),
        (
            lambda: cartesian(center_fraction=0.5),
            ValueError,
            r"center_fraction: expected at most 0.25 at acceleration 4 \(its centre alone would need 10 of the 5 lines",
        ),
        (
            lambda: cartesian(center_fraction=0.3, points=True),
            ValueError,
            "centre alone would need 48 of the 40 points that may be measured",
        ),
        (
            lambda: cartesian(kind="gaussian"),
            ValueError,
            "kind: expected one of 'random', 'regular', 'variable_density'",
        ),
        (lambda: cartesian(points="yes"), TypeError, "points: expected True or False, got 'yes'"),
        (lambda: cartesian(decay=-1), ValueError, "decay: expected a finite number of at least 0, got -1"),
        (lambda: cartesian(shape=20), TypeError, r"shape: expected \(H, W\) in whole numbers.* got 20"),
        (lambda: cartesian(shape=(20,)), ValueError, r"shape: expected \(H, W\).* got \(20,\)"),
        (lambda: cartesian(shape=(8, 0)), ValueError, "shape: expected at least 1, got 0"),
        (lambda: cartesian(shape=(8.0, 20)), TypeError, "shape: expected"),
        (lambda: cartesian(generator=0), TypeError, "generator: expected a numpy.random.Generator .* got int"),
        (lambda: kspace.interleaved_mask(0, (8, 20), 4, 0.1), ValueError, "frames: expected at least 1, got 0"),
        (lambda: kspace.interleaved_mask(2, (8, 20), 4, 0.5), ValueError, "center_fraction: expected at most 0.25"),
        (lambda: kspace.interleaved_mask(2, (8, 20), 4, 0.1, decay="a"), TypeError, "decay: expected a number"),
        (lambda: kspace.radial_mask((8, 8), 0.9), ValueError, "acceleration: expected .* at least 1, got 0.9"),
        (
            lambda: kspace.spiral_mask((8, 8), 200),
            ValueError,
            "acceleration: expected at most 64, the number of points",
        ),
        (lambda: kspace.spiral_mask((8,), 2), ValueError, "shape: expected"),
        (
            lambda: kspace.acceleration_of(np.zeros((4, 4), dtype=bool)),
            ValueError,
            "mask: expected at least one measured",
        ),
        (lambda: kspace.acceleration_of(np.ones((4, 4))), TypeError, "mask: expected booleans, .* got float64"),
        (lambda: kspace.center_fraction_of(np.ones((0, 4, 4), dtype=bool)), ValueError, "mask: expected at least one"),
    ],
)
def test_bad_input_gets_a_clear_error(call, error, message):
    with pytest.raises(error, match=message):
        call()
