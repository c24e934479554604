"""Dictionary learning: the pursuit against scikit-learn, learning on known dictionaries, reconstruction on brains."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from course_lib import kspace, metrics, noise
from course_lib.classical import _pursuit, dictionary
from course_lib.data import brains, dynamic


def unit(rows):
    return rows / np.linalg.norm(rows.reshape(len(rows), -1), axis=1).reshape(-1, *[1] * (rows.ndim - 1))


def random_dictionary(atoms=40, shape=(16,), seed=0):
    return unit(np.random.default_rng(seed).standard_normal((atoms, *shape)))


def complex_normal(shape, seed):
    rng = np.random.default_rng(seed)
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


def test_the_pursuit_is_scikit_learns():
    from sklearn.linear_model import orthogonal_mp_gram

    atoms, patches = random_dictionary(), np.random.default_rng(1).standard_normal((300, 16))
    gram, products = atoms @ atoms.T, atoms @ patches.T
    for sparsity in (1, 4, 9):
        expected = orthogonal_mp_gram(gram, products, n_nonzero_coefs=sparsity).T
        found = dictionary.sparse_code(patches, atoms, sparsity=sparsity)
        assert np.allclose(found, expected, atol=1e-10)
        assert ((found != 0).sum(1) == sparsity).all()
    # scikit-learn takes one atom even where none is needed: only patches that need one are compared
    error = 0.5
    patches = patches[np.sqrt((patches**2).mean(1)) > error]
    energy = (patches**2).sum(1)
    expected = orthogonal_mp_gram(gram, atoms @ patches.T, tol=16 * error**2, norms_squared=energy).T
    found = dictionary.sparse_code(patches, atoms, sparsity=16, error=error)
    assert np.allclose(found, expected, atol=1e-10)
    assert len(set((found != 0).sum(1))) > 4  # patches need different numbers of atoms
    assert np.sqrt(((patches - found @ atoms) ** 2).mean(1)).max() <= error


def by_loops(patch, atoms, sparsity):
    """Pursuit of one complex patch, real and imaginary part sharing their atoms, with a least-squares fit each time."""
    support, left = [], patch
    for _ in range(sparsity):
        scores = np.abs(atoms @ left)
        scores[support] = -1
        support.append(int(scores.argmax()))
        values = np.linalg.lstsq(atoms[support].T.astype(complex), patch, rcond=None)[0]
        left = patch - values @ atoms[support]
    coefficients = np.zeros(len(atoms), complex)
    coefficients[support] = values
    return coefficients


def test_complex_patches_share_real_atoms_and_turn_with_their_phase():
    atoms, patches = random_dictionary(), complex_normal((50, 16), 2)
    found = dictionary.sparse_code(patches, atoms, sparsity=4)
    assert found.dtype == np.complex128
    assert np.allclose(found, [by_loops(patch, atoms, 4) for patch in patches], atol=1e-10)
    turned = dictionary.sparse_code(patches * np.exp(0.7j), atoms, sparsity=4)
    assert np.allclose(turned, found * np.exp(0.7j), atol=1e-10)
    # a real patch is one whose imaginary part is 0
    real = dictionary.sparse_code(patches.real.copy(), atoms, sparsity=4)
    assert np.allclose(dictionary.sparse_code(patches.real + 0j, atoms, sparsity=4), real, atol=1e-12)


def test_the_pursuit_finds_sparse_sums_exactly():
    rng = np.random.default_rng(3)
    atoms = np.linalg.qr(rng.standard_normal((25, 25)))[0].reshape(25, 5, 5)  # orthogonal: nothing to mistake
    truth = np.zeros((60, 25))
    for row in truth:
        row[rng.choice(25, rng.integers(0, 5), replace=False)] = rng.choice([-1, 1]) * rng.uniform(1, 2)
    patches = np.tensordot(truth, atoms, 1)
    assert np.allclose(dictionary.sparse_code(patches, atoms, sparsity=4), truth, atol=1e-12)
    # it stops by itself: with room for 25 atoms, no more are used than are there
    assert np.array_equal(dictionary.sparse_code(patches, atoms, sparsity=25, error=1e-6) != 0, truth != 0)


def test_zero_patches_repeated_atoms_and_many_chunks(monkeypatch):
    atoms, patches = random_dictionary(), np.random.default_rng(4).standard_normal((70, 16))
    patches[::7] = 0
    expected = dictionary.sparse_code(patches, atoms, sparsity=5, error=0.4)
    assert (expected[::7] == 0).all()
    twice = np.concatenate([atoms, atoms])  # each atom stands twice: what is left of the second is only rounding
    doubled = dictionary.sparse_code(patches, twice, sparsity=16)
    assert np.allclose(doubled @ twice, patches, atol=1e-8)
    assert not ((doubled[:, :40] != 0) & (doubled[:, 40:] != 0)).any()
    monkeypatch.setattr(_pursuit, "CHUNK", 8)
    assert np.allclose(dictionary.sparse_code(patches, atoms, sparsity=5, error=0.4), expected, atol=1e-12)


@pytest.mark.parametrize("is_complex", [False, True])
def test_learning_recovers_the_dictionary_that_made_the_patches(is_complex):
    rng = np.random.default_rng(5)
    atoms = random_dictionary(24, (4, 5), seed=6)
    weights = np.zeros((3000, 24), complex)
    for row in weights:
        chosen = rng.choice(24, 2, replace=False)
        row[chosen] = rng.uniform(0.5, 1.5, 2) * np.exp(2j * np.pi * rng.random(2))
    weights = weights if is_complex else weights.real
    patches = np.tensordot(weights, atoms, 1)
    learned = dictionary.learn(patches, atoms=24, sparsity=2, iterations=40)
    assert learned.shape == (24, 4, 5) and learned.dtype == np.float64
    assert np.allclose((learned**2).sum((1, 2)), 1)
    alike = np.abs(np.tensordot(atoms, learned, ([1, 2], [1, 2])))
    # by chance, the best of 24 atoms in 20 dimensions has about 0.5
    assert (alike.max(1) > 0.99).sum() >= 20


def test_learning_lowers_the_error_and_starts_where_it_is_told():
    patches = noise.gaussian(np.zeros((500, 6, 6)), 1, generator=np.random.default_rng(7)).cumsum(1).cumsum(2)

    def error(atoms):
        coded = dictionary.sparse_code(patches, atoms, sparsity=3) @ atoms.reshape(len(atoms), -1)
        return ((patches.reshape(500, -1) - coded) ** 2).sum()

    steps = [dictionary.learn(patches, atoms=50, sparsity=3, iterations=n) for n in (1, 3, 9)]
    first, third, ninth = map(error, steps)
    assert first > third > ninth
    on = dictionary.learn(patches, atoms=50, sparsity=3, iterations=2, dictionary=steps[0])
    assert np.allclose(on, steps[1], atol=1e-10)


def test_learning_is_as_good_as_scikit_learns():
    from sklearn.decomposition import MiniBatchDictionaryLearning

    image = brains.brain_slices("cohort", subjects=1, slices=1, progress=False).images[0, 0].numpy()
    windows = np.lib.stride_tricks.sliding_window_view(image, (6, 6)).reshape(-1, 36)
    windows = np.random.default_rng(0).permutation(windows[windows.max(1) > 0.1])[:2000].astype(np.float64)
    training, held_out = windows[:1000], windows[1000:]
    peer = MiniBatchDictionaryLearning(
        64, alpha=1, fit_algorithm="lars", batch_size=128, max_iter=4, transform_algorithm="omp", random_state=0
    ).fit(training)
    ours = dictionary.learn(training, atoms=64, sparsity=4, iterations=10)

    def error(atoms):
        return np.sqrt(((held_out - dictionary.sparse_code(held_out, atoms, sparsity=4) @ atoms) ** 2).mean())

    assert error(ours) < 1.02 * error(unit(peer.components_))


def test_learning_replaces_unused_atoms_by_what_is_badly_approximated():
    patches = np.zeros((40, 9))
    patches[:20, 0], patches[20:, 4] = 1, 2
    start = np.zeros((3, 9))
    start[:, [0, 8, 7]] = np.eye(3)  # only the first one is of use; one half of the patches has no atom
    learned = dictionary.learn(patches, atoms=3, sparsity=1, iterations=2, dictionary=start)
    assert np.allclose(np.abs(learned[0]), np.eye(9)[0])
    assert np.allclose(np.abs(learned[1]), np.eye(9)[4])
    # an atom that stands twice, but for its sign, is of no more use
    start[1:] = -start[0]
    twice = dictionary.learn(patches, atoms=3, sparsity=1, iterations=2, dictionary=start)
    assert np.allclose(np.abs(twice[:2]), np.eye(9)[[0, 4]])
    # fewer patches than atoms, and patches of nothing, are no obstacle
    assert np.isfinite(dictionary.learn(patches[:2], atoms=8, sparsity=1, iterations=2)).all()
    assert np.isfinite(dictionary.learn(np.zeros((5, 9)), atoms=8, sparsity=1, iterations=2)).all()


def scan(image, acceleration=4, *, center=None, seed=0, sigma=0.0):
    """A magnitude image with phase, its mask and its k-space; all torch."""
    generator = torch.Generator().manual_seed(seed)
    center = 0.32 / acceleration if center is None else center
    image = kspace.with_phase(image, generator=generator)
    mask = kspace.cartesian_mask(tuple(image.shape[-2:]), acceleration, center, generator=generator)
    return image, kspace.undersample(image, mask, sigma=sigma, generator=generator), mask


def mean_psnr(image, clean):
    pair = (x.abs().clamp(0, 1).reshape(-1, 1, *x.shape[-2:]) for x in (image, clean))
    return metrics.psnr(*pair, data_range=1).mean().item()


def small(shape=(48, 42), seed=1):
    """A picture of repeated structure that sits well inside a few pixels of nothing."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    picture = 0.5 + 0.3 * np.sign(np.sin(rows / 5 + rng.random()) * np.cos(columns / 4)) + 0.2 * (rows > columns)
    picture[:3], picture[:, :4] = 0, 0
    return torch.from_numpy(picture.astype(np.float32))


FAST = dict(patch_size=(5, 4), atoms=24, sparsity=3, iterations=4, training_patches=150, progress=False)


def one_iteration_by_loops(measured, mask, size, atoms, sparsity, allowed):
    """Code the patches at every pixel (wrapping around), average them, put the measured samples back."""
    image = kspace.ifft2c(measured)
    total = np.zeros_like(image)
    for corner in itertools.product(*map(range, image.shape)):
        place = np.ix_(
            *[(first + np.arange(side)) % n for first, side, n in zip(corner, size, image.shape, strict=True)]
        )
        coefficients = dictionary.sparse_code(image[place][None], atoms, sparsity=sparsity, error=allowed)
        total[place] += (coefficients @ atoms.reshape(len(atoms), -1)).reshape(size)
    return kspace.ifft2c(np.where(mask, measured, kspace.fft2c(total / np.prod(size))))


@pytest.mark.parametrize("shape", [(15, 12), (12, 17)])
def test_an_iteration_is_the_three_steps_written_as_loops(shape, monkeypatch):
    clean, measured, mask = (part.numpy() for part in scan(small(shape), 2))
    measured = measured.astype(np.complex128)
    for chunk in (2048, 37):
        monkeypatch.setattr(dictionary, "CHUNK", chunk)
        monkeypatch.setattr(_pursuit, "CHUNK", chunk)
        settings = FAST | dict(iterations=1, stride=1, error=(0.1, 0.1))
        found = dictionary.reconstruct(measured, mask, **settings)
        allowed = 0.1 * np.abs(kspace.ifft2c(measured)).max()
        expected = one_iteration_by_loops(measured, mask, (5, 4), found.dictionary, 3, allowed)
        assert found.image.dtype == np.complex128
        assert np.allclose(found.image, expected, atol=1e-9)
        zero_filled = kspace.zero_filled(measured)
        change = np.linalg.norm(expected - zero_filled) / np.linalg.norm(expected)
        assert found.change == pytest.approx([change], rel=1e-6)
        assert change > 0.02  # it does something


def test_measured_samples_stay_as_they_are_without_noise():
    clean, measured, mask = scan(small())
    found = dictionary.reconstruct(measured, mask, **FAST)
    assert torch.allclose(kspace.fft2c(found.image)[mask], measured[mask], atol=1e-5)
    assert not torch.allclose(found.image, kspace.zero_filled(measured), atol=0.02)
    # what stands at places that were not measured plays no part
    soiled = torch.where(mask, measured, 3 + 4j)
    assert torch.equal(dictionary.reconstruct(soiled, mask, **FAST).image, found.image)


def test_a_fully_measured_image_comes_back():
    clean, measured, _ = scan(small())
    everything = torch.ones(clean.shape, dtype=torch.bool)
    found = dictionary.reconstruct(kspace.fft2c(clean), everything, **FAST)
    assert torch.allclose(found.image, clean, atol=1e-5)
    assert max(found.change) < 1e-5


def test_numbers_scale_with_the_image_and_turn_with_its_phase():
    _, measured, mask = scan(small())
    expected = dictionary.reconstruct(measured.to(torch.complex128), mask, **FAST).image
    factor = 40 * np.exp(0.4j)
    found = dictionary.reconstruct(factor * measured.to(torch.complex128), mask, **FAST).image
    assert torch.allclose(found, factor * expected, atol=40e-5)


def test_the_seed_decides_and_the_global_state_is_left_alone():
    _, measured, mask = scan(small())
    before = torch.get_rng_state()
    first, again = (dictionary.reconstruct(measured, mask, **FAST) for _ in range(2))
    other = dictionary.reconstruct(measured, mask, seed=1, **FAST)
    assert torch.equal(first.image, again.image) and torch.equal(first.dictionary, again.dictionary)
    assert not torch.equal(first.image, other.image)
    assert torch.equal(torch.get_rng_state(), before)


def test_numpy_and_torch_and_batches_agree():
    parts = [scan(small(seed=seed), seed=seed) for seed in range(2)]
    measured = torch.stack([part[1] for part in parts])[:, None]
    mask = torch.stack([part[2] for part in parts])[:, None]
    before = measured.clone()
    together = dictionary.reconstruct(measured, mask, **FAST)
    assert together.image.shape == (2, 1, 48, 42) and together.image.dtype == torch.complex64
    assert together.dictionary.shape == (2, 24, 5, 4) and len(together.change) == 4
    assert torch.equal(measured, before)
    for n in range(2):
        alone = dictionary.reconstruct(measured[n, 0].numpy(), mask[n, 0].numpy(), **FAST)
        assert isinstance(alone.image, np.ndarray) and isinstance(alone.dictionary, np.ndarray)
        assert alone.image.shape == (48, 42) and alone.dictionary.dtype == np.float32
        assert np.array_equal(alone.image, together.image[n, 0].numpy())
        assert np.array_equal(alone.dictionary, together.dictionary[n].numpy())
    one_mask = dictionary.reconstruct(measured, mask[0, 0], **FAST)
    assert torch.equal(one_mask.image[0], together.image[0])
    assert not one_mask.image.requires_grad
    with_gradient = dictionary.reconstruct(measured.requires_grad_(), mask, **FAST)
    assert not with_gradient.image.requires_grad and torch.equal(with_gradient.image, together.image)


def test_patches_in_time_beat_patches_in_space():
    clean = dynamic.beating_hearts(1, 0, frames=6, size=40, phase=1.0).images[0]  # complex (T, H, W)
    masks = kspace.interleaved_mask(6, (40, 40), 4, 0.08, generator=torch.Generator().manual_seed(2))
    measured = kspace.undersample(clean, masks)
    settings = FAST | dict(atoms=48, iterations=12, training_patches=500, stride=2)
    films = dictionary.reconstruct(measured, masks, **settings | dict(patch_size=(4, 4, 4)))
    assert films.image.shape == (6, 40, 40) and films.dictionary.shape == (48, 4, 4, 4)
    assert torch.allclose(kspace.fft2c(films.image)[masks], measured[masks], atol=1e-5)
    frames = dictionary.reconstruct(measured[:, None], masks[:, None], **settings | dict(patch_size=(6, 6)))
    scores = [mean_psnr(image, clean.abs()) for image in (kspace.zero_filled(measured), frames.image, films.image)]
    assert scores[0] + 0.4 < scores[1] < scores[2] - 5
    batch = dictionary.reconstruct(measured[None], masks, **settings | dict(patch_size=(4, 4, 4)))
    assert torch.equal(batch.image[0], films.image) and torch.equal(batch.dictionary[0], films.dictionary)


def test_one_coil_that_sees_everything_is_no_coil_and_coils_help():
    clean, measured, mask = scan(small(), 3)
    ones = torch.ones(1, 48, 42, dtype=torch.complex64)
    alone = dictionary.reconstruct(measured, mask, **FAST).image
    assert torch.allclose(dictionary.reconstruct(measured[None], mask, sensitivities=ones, **FAST).image, alone)
    # a gradient step depends on A'A alone, so a coil that is twice as strong changes the size and nothing else
    twice = dictionary.reconstruct(2 * measured[None], mask, sensitivities=2 * ones, **FAST).image
    assert twice.shape == alone.shape
    coils = torch.from_numpy(kspace.birdcage_sensitivities((48, 42), 4))
    several = kspace.undersample(clean, mask, sensitivities=coils)
    settings = FAST | dict(iterations=12)
    found = dictionary.reconstruct(several, mask, sensitivities=coils, **settings)
    assert found.image.shape == (48, 42)
    assert (
        mean_psnr(found.image, clean) > mean_psnr(dictionary.reconstruct(measured, mask, **settings).image, clean) + 3
    )
    batch = dictionary.reconstruct(several[None], mask, sensitivities=coils[None], **settings)
    assert batch.image.shape == (1, 1, 48, 42)
    assert torch.equal(batch.image[0, 0], found.image)


@pytest.fixture(scope="module")
def heads():
    return brains.brain_slices("cohort", subjects=2, slices=2, progress=False).images[:, 0, ::2, ::2].contiguous()


BRAIN = dict(patch_size=(6, 6), atoms=96, iterations=15, training_patches=1000, progress=False)


@pytest.mark.parametrize(("acceleration", "gain"), [(4, 3.0), (8, 0.8)])
def test_brains_gain_over_zero_filling(heads, acceleration, gain):
    clean, measured, mask = scan(heads[1], acceleration)
    found = dictionary.reconstruct(measured, mask, **BRAIN)
    assert mean_psnr(found.image, clean) > mean_psnr(kspace.zero_filled(measured), clean) + gain
    assert found.change[-1] < found.change[1]


def test_noisy_samples_are_averaged_with_the_coded_ones(heads):
    clean, measured, mask = scan(heads[1], sigma=0.08)
    told = mean_psnr(dictionary.reconstruct(measured, mask, sigma=0.08, **BRAIN).image, clean)
    hard = mean_psnr(dictionary.reconstruct(measured, mask, **BRAIN).image, clean)
    assert told > hard + 0.7
    # with far more noise than signal it stays finite, and darker than what was measured
    found = dictionary.reconstruct(measured, mask, sigma=50.0, **FAST | dict(iterations=2)).image
    assert torch.isfinite(found).all() and found.abs().max() < kspace.zero_filled(measured).abs().max()


def test_autocast_does_not_touch_it():
    patches, atoms = (
        torch.randn(50, 9, generator=torch.Generator().manual_seed(0)),
        torch.from_numpy(GOOD).reshape(12, 9),
    )
    _, measured, mask = scan(small())

    def everything():
        learned = dictionary.learn(patches, atoms=12, sparsity=2, iterations=2)
        coded = dictionary.sparse_code(patches, atoms, sparsity=2)
        return learned, coded, dictionary.reconstruct(measured, mask, **FAST | dict(iterations=1)).image

    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = everything()
    assert all(map(torch.equal, inside, everything()))


def test_a_bar_shows_what_is_left(capsys, monkeypatch):
    import tqdm

    bars = []
    whole = tqdm.tqdm
    monkeypatch.setattr(tqdm, "tqdm", lambda **options: bars.append(whole(**options)) or bars[-1])
    _, measured, mask = scan(small())
    dictionary.reconstruct(measured[None, None], mask, **FAST | dict(progress=True))
    assert bars[0].total == bars[0].n == 4
    dictionary.reconstruct(measured, mask, **FAST)
    assert bars[1].disable


GOOD = random_dictionary(12, (3, 3))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (dict(patches=[[1.0]]), TypeError, "patches"),
        (dict(patches=np.ones((5, 9), int)), TypeError, "patches"),
        (dict(patches=np.full((5, 3, 3), np.nan)), ValueError, "patches.*NaN"),
        (dict(patches=np.full((5, 3, 3), 1j * np.nan)), ValueError, "patches.*NaN"),
        (dict(patches=np.ones(9)), ValueError, "patches.*N, "),
        (dict(patches=np.ones((5, 9))), ValueError, "dictionary"),
        (dict(patches=np.ones((5, 2, 3))), ValueError, "dictionary"),
        (dict(dictionary=2 * GOOD), ValueError, "norm 1, got norms from 2 to 2"),
        (dict(dictionary=torch.from_numpy(GOOD)), TypeError, "kind"),
        (dict(dictionary=GOOD + 0j), TypeError, "dictionary"),
        (dict(sparsity=0), ValueError, "sparsity"),
        (dict(sparsity=10), ValueError, "at most 9"),
        (dict(sparsity=2.5), TypeError, "sparsity"),
        (dict(error=-1), ValueError, "error"),
    ],
)
def test_coding_says_what_is_wrong(change, error, message):
    settings = dict(patches=np.ones((5, 3, 3)), dictionary=GOOD, sparsity=2) | change
    with pytest.raises(error, match=message):
        dictionary.sparse_code(settings.pop("patches"), settings.pop("dictionary"), **settings)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (dict(atoms=0), ValueError, "atoms"),
        (dict(atoms=2, sparsity=3), ValueError, "at most 2"),
        (dict(iterations=0), ValueError, "iterations"),
        (dict(seed=-1), ValueError, "seed"),
        (dict(dictionary=GOOD, atoms=11), ValueError, "expected 11 atoms, got 12"),
        (dict(error=np.inf), ValueError, "error"),
    ],
)
def test_learning_says_what_is_wrong(change, error, message):
    with pytest.raises(error, match=message):
        dictionary.learn(np.ones((5, 3, 3)), **dict(atoms=12, sparsity=2) | change)


MEASURED = complex_normal((20, 18), 0).astype(np.complex64)
MASK = np.ones((20, 18), bool)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (dict(measured=MEASURED.real), TypeError, "measured.*complex"),
        (dict(measured=MEASURED * np.nan), ValueError, "measured.*NaN"),
        (dict(measured=MEASURED[None]), ValueError, "measured.*H, W"),
        (dict(measured=np.stack([MEASURED] * 2)[None]), ValueError, r"measured.*\(N, 1, H, W\)"),
        (dict(patch_size=(4, 4, 4)), ValueError, r"measured.*\(T, H, W\)"),
        (dict(mask=MASK[:, :17]), ValueError, "mask"),
        (dict(mask=MASK.astype(float)), TypeError, "mask"),
        (dict(mask=torch.from_numpy(MASK)), TypeError, "mask"),
        (dict(mask=~MASK), ValueError, "mask"),
        (dict(measured=np.stack([MEASURED] * 2)[:, None], mask=np.stack([MASK, ~MASK])[:, None]), ValueError, "every"),
        (dict(patch_size=8), ValueError, "patch_size"),
        (dict(patch_size="88"), ValueError, "patch_size"),
        (dict(patch_size=(8,)), ValueError, "patch_size"),
        (dict(patch_size=(4, 19)), ValueError, "patch_size.*at most"),
        (dict(patch_size=(0, 4)), ValueError, "patch_size"),
        (dict(sparsity=17, patch_size=(4, 4)), ValueError, "at most 16"),
        (dict(error=0.1), TypeError, "error.*two"),
        (dict(error=(0.1, 0.0)), ValueError, "error"),
        (dict(iterations=0), ValueError, "iterations"),
        (dict(momentum=1), ValueError, "momentum"),
        (dict(stride=9), ValueError, "gaps"),
        (dict(training_patches=0), ValueError, "training_patches"),
        (dict(sigma=-0.1), ValueError, "sigma"),
        (dict(seed=0.5), TypeError, "seed"),
        (dict(sensitivities=np.ones((2, 20, 18), np.complex64)), ValueError, "sensitivities"),
        (
            dict(measured=np.stack([MEASURED] * 4), patch_size=(2, 4, 4), sensitivities=np.ones((4, 20, 18), "c8")),
            ValueError,
            "sequences have one coil",
        ),
    ],
)
def test_reconstruction_says_what_is_wrong(change, error, message):
    settings = dict(measured=MEASURED, mask=MASK) | change
    with pytest.raises(error, match=message):
        dictionary.reconstruct(settings.pop("measured"), settings.pop("mask"), progress=False, **settings)
