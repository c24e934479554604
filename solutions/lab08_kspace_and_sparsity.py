# %% [markdown]
# # Lab 08: k-space and sparsity
#
# {{badges}}
#
# **The question of this lab: can you see a head when three quarters of its data were never measured?**
#
# {{head}}
#
# {{exercises}}
#
# ### BEGIN CARD
# level = "core"
# memory = "2 GB"
# compute_minutes = 3
# labs = ["04"]
# lectures = ["05", "06"]
# mathematics = "complex numbers; the Fourier transform as a sum of waves; least squares"
# objectives = [
#     "go from an image to its k-space and back",
#     "draw a sampling mask, and predict what it does to a head",
#     "say why chance is a better pattern than order, with one coil and with eight",
#     "write ISTA, the algorithm of compressed sensing, and the sparse coding of a patch",
#     "compare zero filling, wavelets, total variation and a dictionary, tuned fairly",
# ]
# minutes = {theory = 15, fft2c = 15, line_mask = 15, zero_filled = 10, soft_threshold = 15, ista = 20, sparse_code = 20, experiments = 30, honest = 15}
# ### END CARD

# %% tags=["setup"]
# `course build` writes the set-up cell here

# %% [markdown]
# ## Theory in half a page
#
# A scanner measures not pixels but the **k-space** of the slice, its Fourier transform, line by line. A quarter of the
# lines takes a quarter of the time. This factor, here 4, is the **acceleration** R.
#
# Let $x$ be the complex image, $F$ the Fourier transform, $F^H$ the way back, $M$ the **mask** (1 where we measured, 0 elsewhere) and
# $y = MFx$ the data. Many images fit $y$ exactly. The simplest puts 0 where nothing was measured, $x_u = F^H y$: **zero
# filling**. It shows ghosts of the head (*aliasing*) or a blur. **Compressed sensing** chooses the image that fits and is
# *sparsest* after a transform $\Psi$, such as wavelets: few coefficients hold nearly everything. The sum of their
# magnitudes, $\lVert\cdot\rVert_1$, is small then:
#
# $$ \min_x \; \tfrac12 \lVert MFx - y \rVert_2^2 + \lambda \lVert \Psi x \rVert_1 $$
#
# It needs three things (Lustig et al. 2007): the image is sparse after $\Psi$; the artefacts of the mask look
# like **noise** there, not like another image (*incoherence*); and an algorithm. **ISTA** repeats two lines: step towards
# the data; shrink the coefficients. A **dictionary** of small patches can also be *learned* from the corrupted image
# (Ravishankar and Bresler 2011).

# %%
import numpy as np
import pywt
import torch

from course_lib import kspace, viz
from course_lib.exercise import yours
from course_lib.student import instant_questions

# %% tags=["experiment"]
instant_questions("lab08", [1, 2, 3])

# %% [markdown]
# ## Exercise 1: to k-space ({{points fft2c}})
#
# **Goal.** `fft2c(image)` returns the k-space of a numpy image, real or complex, `(H, W)` or a stack `(…, H, W)`: the
# Fourier transform of the **last two** axes, zero frequency in the middle, with the energy of the image.
#
# **Steps.** `np.fft` counts pixels and frequencies from the **corner**; we count from the **middle**,
# `(H // 2, W // 2)`.
# 1. Bring the middle of the image to the corner (`np.fft.ifftshift`).
# 2. Transform (`np.fft.fft2` with `norm="ortho"`).
# 3. Bring the zero frequency back to the middle (`np.fft.fftshift`).
#
# **Example.** A 3×3 image of ones becomes 3 in the middle and 0 elsewhere. A 1 in the middle becomes 1/3 everywhere.
#
# **Hint.** Name the axes in all three calls. The two shifts differ for odd sizes, and Colin27 has 217×181 pixels.
#
# ### BEGIN EXPLANATION
# The FFT takes the first pixel for the origin. Without the shift before it, each frequency gets a phase that belongs
# to an image moved by half its size; the magnitudes look right, and that is why this mistake survives. For even sizes
# the two shifts are the same, so only odd sizes show who exchanged them. The orthonormal form keeps the energy, so
# noise has the same standard deviation in the image and in k-space.
# ### END EXPLANATION


# %% nbgrader={"grade_id": "fft2c", "solution": true}
def fft2c(image):
    """Centred, orthonormal Fourier transform of the last two axes."""
    ### BEGIN SOLUTION
    corner = np.fft.ifftshift(image, axes=(-2, -1))
    return np.fft.fftshift(np.fft.fft2(corner, norm="ortho"), axes=(-2, -1))
    ### END SOLUTION


# %% nbgrader={"grade_id": "fft2c_test", "points": 2}
from course_lib.exercise import without

### BEGIN HIDDEN TESTS
drawn = lambda rng, *shape: rng.normal(size=(*shape, 2)) @ [1, 1j]
### END HIDDEN TESTS
point, tall = np.pad([[1.0]], 1), np.array([[1, -2], [3j, 0.5], [2 + 1j, 1]])
lines = np.array([1.3742 - 0.3135j, -0.5577 + 2.4348j, -1.4289 - 1.633j, 1.0206 + 1.633j, 0, 0])
lines[4:] = 0.6671 - 1.7277j, 0.1494 - 0.3936j
lines, hint = lines.reshape(3, 2), "look at ifftshift, fft2, fftshift, over the last two axes"
cases = {  # an image, and its k-space
    "a 3×3 image of ones": (np.ones((3, 3)), 3 * point),
    "a point in the middle of 3×3": (point, np.full((3, 3), 1 / 3)),
    "a real image of 1×3": (np.array([[1, -2, 5]]), [[-2.8868 + 2j, 2.3094, -2.8868 - 2j]]),
    "a complex image of 3×2": (tall, lines),
    "a stack (2, 1, 3, 2)": (np.array([[tall], [2 * tall]]), np.array([[lines], [2 * lines]])),
    "a complex image of 3×2, in units of 0.00000001": (1e-8 * tall, 1e-8 * lines),
}
with without("course_lib.kspace.fft2c", "course_lib.kspace.ifft2c"):
    for name, (image, expected) in cases.items():
        given, largest = image.copy(), np.abs(expected).max()
        got = fft2c(given)
        kind = isinstance(got, np.ndarray) and got.shape == image.shape
        assert kind, f"{name}: a numpy array {image.shape}, got {type(got)} {np.shape(got)}"
        assert np.array_equal(given, image), f"{name}: your answer changed the image: make a copy"
        energy, wanted = (float((np.abs(array) ** 2).sum()) for array in (got, image))
        look = f'expected {wanted:.4g}, got {energy:.4g}: norm="ortho"; and keep k-space complex'
        assert abs(energy - wanted) < 1e-4 * wanted, f"{name}: the energy should stay. It is {look}"
        said = f"{name}: expected {np.array(expected).tolist()}, got {got.tolist()}"
        if np.allclose(np.abs(got) / largest, np.abs(expected) / largest, atol=1e-4):
            said += ". The amplitudes are right, the phases are not: keep the complex numbers"
        assert np.abs(got - expected).max() < 1e-4 * largest, f"{said}. {hint}"
    ### HIDDEN VALUE: [fft2c(rng.normal(size=shape)) for shape in [(7, 4), (1, 3, 8), (2, 1, 5, 3)]]
    ### HIDDEN VALUE: [fft2c(s * drawn(rng, 3, 6, 5)) / s for s in (1e-8, 1, 1e6)]
    ### HIDDEN VALUE: (lambda image: [fft2c(image), image])(rng.integers(-9, 9, (5, 2)))
print("fft2c: right")

# %% [markdown]
# Our files hold magnitudes; a real scan also has a **phase**, which varies smoothly with the field. `kspace.with_phase`
# adds one. Without it, k-space would be symmetric, and half of it known for free. (The slice is cut to 208×176 pixels,
# so that it can be halved four times.)

# %% tags=["experiment", "picture 1 3"]
from course_lib.data import brains

to_kspace = yours("fft2c", kspace.fft2c, name="fft2c")
colin = brains.brain_slices("colin27", slices=profile.pick(ci=2, cpu=8, gpu=24))
clean = colin.images[len(colin) // 2, 0].numpy()[4:212, 2:178].astype(np.float64)
head = kspace.with_phase(clean, generator=np.random.default_rng(0)).astype(np.complex64)
height, width = head.shape
lines = to_kspace(head)
energy = np.abs(lines) ** 2
rows, columns = np.ogrid[:height, :width]
inner = np.maximum(abs(rows / height - 0.5), abs(columns / width - 0.5)) < 0.05
share = energy[inner].sum() / energy.sum()
decades = 4 + np.log10(np.abs(lines) + 1e-4)  # 0 to about 6
viz.gallery(
    [clean / clean.max(), (np.angle(head) / np.pi + 1) / 2, decades / decades.max()],
    titles=["magnitude", "phase (black −π, white π)", "k-space (log of the amplitude)"],
    title=f"The middle {inner.mean():.0%} of k-space hold {share:.1%} of the energy",
)

# %% [markdown]
# The middle holds large shapes and contrast. The rim holds edges, with little energy, and a doctor looks for edges.
#
# ## Exercise 2: which lines? ({{points line_mask}})
#
# A line is a **column** of our k-space. The mask of fastMRI (Zbontar et al. 2018) takes all lines in the middle, where the
# energy is, and others by chance.
#
# **Goal.** `line_mask(width, acceleration, center_fraction, generator)` returns which columns are measured: an array
# `(width,)` of booleans. `generator` is a `numpy.random.Generator`.
#
# **Steps.**
# 1. In all: `round(width / acceleration)` columns. In the middle: `c = round(width * center_fraction)`.
# 2. The middle ones stand side by side, the first at column `(width - c + 1) // 2`.
# 3. The rest are drawn from the columns outside the middle: each equally likely, none twice.
#
# **Example.** `line_mask(12, 3, 0.17, generator)`: 4 columns, 2 in the middle (5 and 6), and 2 of the other ten.
#
# **Hint.** The middle counts: 4 in all, not 4 and the middle, in every mask.
#
# ### BEGIN EXPLANATION
# The number of lines is the scan time, so it must be exact, and the middle is paid from the same budget. Drawing "R
# lines and the middle" measures more than R allows, and looks better than it is. `choice(..., replace=False)` makes all
# sets of columns equally likely; one column from each part of k-space, or mirrored pairs, would bring back some order.
# ### END EXPLANATION


# %% nbgrader={"grade_id": "line_mask", "solution": true}
def line_mask(width, acceleration, center_fraction, generator):
    """Which columns are measured: the middle ones, and others by chance."""
    ### BEGIN SOLUTION
    total, centre = round(width / acceleration), round(width * center_fraction)
    first = (width - centre + 1) // 2
    mask = np.zeros(width, dtype=bool)
    mask[first : first + centre] = True
    mask[generator.choice(np.flatnonzero(~mask), total - centre, replace=False)] = True
    return mask
    ### END SOLUTION


# %% nbgrader={"grade_id": "line_mask_test", "points": 2}
from course_lib.exercise import without

### BEGIN HIDDEN TESTS
several = lambda *how: np.array([line_mask(*how) for _ in range(400)])
always = lambda *how: (lambda masks: [masks.any(0), masks.all(0), masks.sum(1)])(several(*how))
### END HIDDEN TESTS
state = lambda: str(np.random.get_state())  # noqa: NPY002 (the generator that nobody should touch)
before, generator, outer = state(), np.random.default_rng(7), [*range(10), *range(14, 24)]
cases = [  # width, acceleration, center_fraction; columns in all, in the middle, first of these
    (12, 3, 0.17, 4, 2, 5), (11, 2.2, 0.28, 5, 3, 4), (10, 2, 0.3, 5, 3, 4), (20, 4, 0.14, 5, 3, 9),
    (181, 4, 0.08, 45, 14, 84), (181, 8, 0.04, 23, 7, 87), (128, 3, 0, 43, 0, 0),
    (50, 4, 0.05, 12, 2, 24),  # 12.5 and 2.5, rounded
]  # fmt: skip
with without("course_lib.kspace.cartesian_mask", "course_lib.kspace.interleaved_mask"):
    for *case, total, count, first in cases:
        mask, name = line_mask(*case, np.random.default_rng(3)), f"line_mask{(*case,)}"
        kind = isinstance(mask, np.ndarray) and mask.dtype == bool and mask.shape == (case[0],)
        assert kind, f"{name}: expected a numpy array of {case[0]} booleans, got {mask!r}"
        hint = f"c = round(width · center_fraction), at (width − c + 1) // 2. Got {mask.nonzero()}"
        hint = f"{name}: the {count} columns from {first} on are the middle: {hint}"
        assert mask[first : first + count].all(), hint
        hint = "round(width / acceleration), the middle among them, none twice"
        assert mask.sum() == total, f"{name}: expected {total} columns, got {mask.sum()}: {hint}"
    one, two = (line_mask(181, 4, 0.08, generator) for _ in range(2))
    again = line_mask(181, 4, 0.08, np.random.default_rng(7))
    assert np.array_equal(one, again), "one seed should give one mask: draw from `generator`, only"
    assert not np.array_equal(one, two), "two calls should give two masks: do not seed inside"
    assert state() == before, "you used numpy's global generator: draw from `generator`"
    share = np.mean([line_mask(24, 3, 0.17, generator) for _ in range(2000)], axis=0)  # to 0.009
    odd = outer[int(np.abs(share[outer] - 0.2).argmax())]
    hint = f"column {odd} is in {100 * share[odd]:.0f} % of masks, not 20 %: all outside the middle"
    assert abs(share[odd] - 0.2) < 0.06, f"{hint} are equally likely, left and right, near and far"
    ### BEGIN HIDDEN TESTS
    masks = np.array([line_mask(24, 3, 0.17, generator) for _ in range(2000)])
    assert (masks.sum(1) == 8).all(), "each mask has the exact number of columns"
    # two columns come together in 4/20 · 3/19 = 3.2 % of the masks, to 0.4 %; 190 pairs: 2.4 %
    together = (masks[:, outer].T.astype(float) @ masks[:, outer]) / len(masks)
    np.fill_diagonal(together, 0.0316)
    assert np.abs(together - 0.0316).max() < 0.024, (
        "some columns come together too often, or too rarely:"
        " choose each column by chance, not a whole pattern or one from each part"
    )
    # two of the four are left of the middle, two right: in 45 · 45 / 4845 = 41.8 %, to 1.1 %
    halves = (masks[:, :10].sum(1) == 2).mean()
    assert abs(halves - 0.418) < 0.07, (
        f"{100 * halves:.0f} % of your masks have as many columns left as right, expected 42 %:"
        " draw all at once from all columns outside the middle, not so many from each side"
    )
    # of the four, as many lie in the nearer half of the columns as in the farther one: 2, to 0.02
    near = masks[:, [*range(5, 10), *range(14, 19)]].sum(1).mean()
    assert abs(near - 2) < 0.12, (
        f"of the four columns outside the middle {near:.2f} lie in its nearer half, not 2:"
        " no column is likelier because it lies near the middle"
    )
    ### END HIDDEN TESTS
    ### HIDDEN VALUE: [always(int(w), 3, c, rng) for w in rng.integers(20, 40, 3) for c in (0, 0.1)]
    ### HIDDEN VALUE: [always(4 * int(w) + 1, 2, 0.1, rng) for w in rng.integers(5, 15, 2)]
    ### HIDDEN VALUE: [always(16 * int(w) + 4, 2, 0.125, rng) for w in rng.integers(1, 5, 2)]
print("line_mask: right")

# %% [markdown]
# ## Exercise 3: measure, and fill with zeros ({{points zero_filled}})
#
# **Goal.** `zero_filled(image, mask)` returns **two** complex numpy arrays of the image's shape: what was measured,
# $y = MFx$, with 0 elsewhere; and the picture $F^H y$. `mask` is boolean, `(H, W)`, or `(W,)` for columns.
#
# **Steps.** To k-space, 0 where the mask is `False`, and back. Use `kspace.fft2c` and `kspace.ifft2c`.
#
# **Example.** Image `[[4, 0], [0, 0]]`, mask `True` only at (1, 1), the middle of k-space: one number of amplitude 2
# is measured, and the picture has the magnitude 1 everywhere.
#
# **Hint.** Leave the picture complex, and do not multiply it by R.
#
# ### BEGIN EXPLANATION
# Zero filling is the adjoint of the measurement, not its inverse: it returns the part of the image that was seen, at
# the right brightness, and nothing of the rest. Whoever multiplies by R makes the well-measured middle R times too
# bright. Filling the gaps with the conjugates of the mirrored lines adds errors, too: with a phase, k-space is not
# symmetric.
# ### END EXPLANATION


# %% nbgrader={"grade_id": "zero_filled", "solution": true}
def zero_filled(image, mask):
    """What the mask lets through of k-space, and the picture of it, both complex."""
    ### BEGIN SOLUTION
    measured = np.where(mask, kspace.fft2c(image), 0)
    return measured, kspace.ifft2c(measured)
    ### END SOLUTION


# %% nbgrader={"grade_id": "zero_filled_test", "points": 2}
from course_lib.exercise import without

### BEGIN HIDDEN TESTS
scan = lambda rng, s, lines: zero_filled(rng.normal(size=s) + 1j, rng.random(lines) < 0.6)
### END HIDDEN TESTS
corner, tall = np.array([[4.0, 0], [0, 0]]), np.array([[1, -2], [3j, 0.5], [2 + 1j, 1]])
column = np.array([[1.3742 - 0.3135j, 0], [-1.4289 - 1.633j, 0], [0.6671 - 1.7277j, 0]])
stripes = np.array([[1.5], [-0.25 + 1.5j], [0.5 + 0.5j]]) * [1, -1]
line, rest = [[-2.8868 + 2j, 0, -2.8868 - 2j]], [[-0.3333, -3.3333, 3.6667]]
cases = {  # image, mask, what was measured, the picture
    "the example": (corner, [[0, 0], [0, 1]], [[0, 0], [0, 2]], [[1, 1], [1, 1]]),
    "the example with a mask of columns": (corner, [0, 1], [[0, -2], [0, 2]], [[2, 2], [0, 0]]),
    "a complex image of 3×2, a mask of columns": (tall, [1, 0], column, stripes),
    "the same in units of 0.00000001": (1e-8 * tall, [1, 0], 1e-8 * column, 1e-8 * stripes),
    "a real image of 1×3": (np.array([[1.0, -2, 5]]), [1, 0, 1], line, rest),
}
with without(
    "course_lib.kspace.undersample", "course_lib.kspace.forward", "course_lib.kspace.adjoint",
    "course_lib.kspace.zero_filled", "course_lib.kspace.DataConsistency",
):  # fmt: skip
    for name, (image, mask, *wanted) in cases.items():
        given = image.copy(), np.array(mask, dtype=bool)
        answer = zero_filled(*given)
        same = np.array_equal(given[0], image) and np.array_equal(given[1], mask)
        assert same, f"{name}: your answer changed the image or the mask: make new arrays"
        assert len(answer) == 2, f"return what was measured and the picture, got {answer}"
        for what, got, expected in zip(("measured", "the picture"), answer, wanted, strict=True):
            kind = isinstance(got, np.ndarray) and got.shape == image.shape and np.iscomplexobj(got)
            assert kind, f"{name}: {what} should be a complex array {image.shape}, got {got}"
            said = f"{name}: {what} should be {np.array(expected).tolist()}, got {got.tolist()}"
            hint = "kspace.fft2c, and 0 where the mask is False; kspace.ifft2c, times nothing"
            assert np.abs(got - expected).max() < 1e-4 * np.abs(expected).max(), f"{said}: {hint}"
    ### HIDDEN VALUE: [[*scan(rng, s, s[1:]), *scan(rng, s, s)] for s in [(5, 5), (7, 4), (4, 9)]]
    ### HIDDEN VALUE: [1e8 * x for x in zero_filled(1e-8 * rng.random((7, 4)), rng.random(4) < 0.6)]
print("zero_filled: right")

# %% [markdown]
# Four ways to spend a quarter of the time: the middle lines alone; every fourth line; lines by chance; the middle and
# chance. **Predict first:** which zero-filled picture will have the highest PSNR, and why? And how much will compressed
# sensing gain with every fourth line, with lines, and with single points by chance?

# %% tags=["experiment"]
best_mask = None  # "middle only", "every fourth", "by chance" or "middle and chance"
# in dB; FISTA is the algorithm of compressed sensing that you will meet below
fista_gain = {"every fourth": None, "middle and chance": None, "points": None}
reason = ""  # one sentence

# %% tags=["experiment"]
from course_lib import metrics


def library_mask(width, acceleration, center_fraction, generator):
    """The library's mask as one row of columns."""
    return kspace.cartesian_mask((1, width), acceleration, center_fraction, generator=generator)[0]


def library_scan(image, mask):
    """What is measured, and the zero-filled picture."""
    measured = kspace.undersample(image, np.broadcast_to(mask, image.shape).copy())
    return measured, kspace.zero_filled(measured)


def psnr(picture):
    """PSNR of the magnitude, clipped to [0, 1], against the clean slice."""
    picture = np.abs(picture).clip(0, 1).astype(np.float64)
    return float(metrics.psnr(picture, clean, data_range=1))


draw_lines = yours("line_mask", library_mask, name="line_mask")
scan = yours("zero_filled", library_scan, name="zero_filled")
budget, generator = round(width / 4), np.random.default_rng(0)
MASKS = {name: np.zeros(width, dtype=bool) for name in ("middle only", "every fourth", "by chance")}
MASKS["middle only"][(width - budget + 1) // 2 :][:budget] = True
MASKS["every fourth"][width // 2 % 4 :: 4] = True  # the zero frequency among them
MASKS["by chance"][generator.choice(width, budget, replace=False)] = True
MASKS["middle and chance"] = draw_lines(width, 4, 0.08, generator)

# %% tags=["experiment"]
zeros = {name: scan(head, mask)[1] for name, mask in MASKS.items()}
scores = {name: psnr(picture) for name, picture in zeros.items()}
winner = max(scores, key=scores.get)
print(f"Highest PSNR: {winner}. Your prediction: {best_mask}.")
viz.panel(
    clean, np.abs(zeros["middle only"]), {name: np.abs(zeros[name]) for name in [*MASKS][1:]},
    titles=["clean", *MASKS], window=viz.window(clean),
    title=f"{budget} of {width} lines, zero-filled: "
    + ", ".join(f"{name} {score:.1f} dB" for name, score in scores.items()),
)  # fmt: skip

# %% [markdown]
# The middle alone has by far the best number. Remember that when somebody shows you a PSNR: nearly all energy lies in
# the middle. But everything finer than four pixels is gone in one direction, and no algorithm knows what it was.
#
# Every fourth line gives four sharp heads on top of each other. Chance gives streaks, more like noise.
#
# ## Play: draw a mask, see the aliasing
#
# You see the mask; its **point spread**, what becomes of one bright pixel; the zero-filled head; the difference.

# %% tags=["experiment"]
viz.sampling_slider(head, acceleration=4, center_fraction=0.08, title="Colin27")

# %% [markdown]
# ## Why chance? The point spread
#
# Zero filling smears every pixel by the **point spread**. Beside its peak it should be flat. `kspace.incoherence` is the
# largest **side lobe**, as a share of the peak.

# %% tags=["experiment"]
KINDS = {
    "regular lines": dict(kind="regular", center_fraction=0.0),
    "random lines": dict(kind="random", center_fraction=0.0),
    "variable density lines": dict(kind="variable_density", center_fraction=0.08),
    "random points": dict(kind="random", center_fraction=0.0, points=True),
    "variable density points": dict(kind="variable_density", center_fraction=0.08, points=True),
}
patterns = {
    name: kspace.cartesian_mask(head.shape, 4, generator=np.random.default_rng(0), **options)
    for name, options in KINDS.items()
}
lobes = {name: kspace.incoherence(mask) for name, mask in patterns.items()}
spreads = [np.abs(kspace.point_spread(mask)) for mask in patterns.values()]
middle = np.s_[height // 2 - 48 : height // 2 + 48, width // 2 - 48 : width // 2 + 48]
viz.gallery(
    [np.clip(1 + np.log10(x / x.max() + 1e-9) / 2, 0, 1)[middle] for x in spreads],
    titles=[f"{name}: {lobe:.0%}" for name, lobe in lobes.items()],
    columns=3,
    title=f"Point spread (black −40 dB). Largest side lobe: {lobes['regular lines']:.0%} with"
    f" regular lines, {lobes['random points']:.0%} with random points",
)

# %% [markdown]
# Regular lines: side lobes as high as the peak. Random lines spread the same energy over **one** direction, random points
# over **two**, so each lobe is lower. (In a 2D scan a point takes as long as a line. In a 3D scan, where lines are points
# of a plane, points are real.)
#
# ## How sparse is a head?
#
# Keep only the largest wavelet coefficients (db4, four levels), and go back: how many do you need?


# %% tags=["experiment"]
def wavelets(image):
    """All coefficients of an orthonormal wavelet transform, in one array."""
    bands = pywt.wavedec2(image, "db4", mode="periodization", level=4)
    return pywt.coeffs_to_array(bands)[0]


WHAT = {
    "pixels, clean": head,
    "wavelets, clean": wavelets(head),
    "wavelets, every fourth line": wavelets(zeros["every fourth"]),
    "wavelets, lines by chance": wavelets(zeros["by chance"]),
    "wavelets, points by chance": wavelets(scan(head, patterns["random points"])[1]),
}
figure = viz.figure(7, 3.8)
axes, needed = figure.subplots(), {}
for (name, values), dashes in zip(WHAT.items(), ["-", "-", "--", ":", "-."], strict=True):
    ordered = np.sort((np.abs(values) ** 2).ravel())
    missing = np.sqrt(np.cumsum(ordered)[::-1] / ordered.sum())  # with 0, 1, … kept
    share = 100 * np.arange(len(missing)) / len(missing)
    needed[name] = share[np.argmax(missing < 0.05)]
    axes.semilogy(share, missing, dashes, label=f"{name}: {needed[name]:.0f} %")
axes.axhline(0.05, color="black", linewidth=0.5)
axes.set(xlabel="largest coefficients kept (%)", ylabel="relative error", ylim=(0.005, 3))
axes.legend(fontsize=8, title="kept for an error of 5 %")
figure.suptitle(f"5 % error: {needed['pixels, clean']:.0f} % of the pixels, or"
                f" {needed['wavelets, clean']:.0f} % of the wavelet coefficients")  # fmt: skip
figure

# %% [markdown]
# The clean head is much sparser in wavelets. Points by chance scatter small coefficients everywhere: **the true image is
# sparse, the corrupted one is not**. But four sharp heads, and lines by chance, are about as sparse as one head.
#
# ## Exercise 4: the soft threshold of complex numbers ({{points soft_threshold}})
#
# **Goal.** `soft_threshold(values, threshold)` for a numpy array, real (also of integers) or complex: each value
# comes closer to 0 by `threshold`, on the straight line to 0, and stops at 0. `threshold` is a number, or an array
# that numpy stretches.
#
# **Steps.** Shorten the magnitude by the threshold, but not below 0, and keep the phase. Mind magnitudes
# of 0.
#
# **Example.** With threshold 1, `3 + 4j` (magnitude 5) becomes `2.4 + 3.2j`, 4/5 of itself; `0.6j` and 0 become 0; −3
# becomes −2.
#
# **Hint.** Shrinking real and imaginary part separately turns the phase.
#
# ### BEGIN EXPLANATION
# The penalty is the sum of the magnitudes, and its best answer moves each number straight towards 0. The phase of an
# MR image depends on the field, not on the anatomy, so a method must not care about it: multiplying all values by one
# complex number of magnitude 1 must multiply the answer by it. Shrinking both parts separately breaks that. Dividing by
# a magnitude of 0 gives NaN, which then spreads over the whole image in the next transform.
# ### END EXPLANATION


# %% nbgrader={"grade_id": "soft_threshold", "solution": true}
def soft_threshold(values, threshold):
    """Shrink the magnitude by `threshold`, not below 0; keep the phase."""
    ### BEGIN SOLUTION
    magnitude = np.abs(values)
    return values * (np.maximum(magnitude - threshold, 0) / np.where(magnitude > 0, magnitude, 1))
    ### END SOLUTION


# %% nbgrader={"grade_id": "soft_threshold_test", "points": 2}
from course_lib.exercise import without

### BEGIN HIDDEN TESTS
drawn, cut = lambda rng, *shape: rng.normal(size=(*shape, 2)) @ [1, 1j], soft_threshold
### END HIDDEN TESTS
cases = [  # values, threshold, expected
    ([3 + 4j, 0.6j, 0, -3], 1, [2.4 + 3.2j, 0, 0, -2]),
    ([-3.0, -0.5, 0, 0.5, 3], 1, [-2, 0, 0, 0, 2]),
    ([[-3, 2, 0], [0, 1, -1]], 0.5, [[-2.5, 1.5, 0], [0, 0.5, -0.5]]),
    ([[0, 1 - 1j], [2, 0]], 0, [[0, 1 - 1j], [2, 0]]),
    ([[-3 + 4j], [-3 - 4j], [4 - 3j]], 2, [[-1.8 + 2.4j], [-1.8 - 2.4j], [2.4 - 1.8j]]),
    ([3e-9 + 4e-9j, 6e-10j, 0, -3e-9], 1e-9, [2.4e-9 + 3.2e-9j, 0, 0, -2e-9]),
    ([[5, -5j], [3 - 4j, -5]], np.array([1, 2.5]), [[4, -2.5j], [2.4 - 3.2j, -2.5]]),
    ([[[5.0, -0.2]], [[5.0, -0.2]]], np.array([0, 2]).reshape(2, 1, 1), [[[5, -0.2]], [[3, 0]]]),
]
with without("course_lib.classical.sparse.soft_threshold", "pywt.threshold", "pywt.threshold_firm"):
    for values, threshold, expected in cases:
        values, name = np.array(values), f"{values} with threshold {np.ravel(threshold).tolist()}"
        given = values.copy()
        try:
            got = soft_threshold(given, threshold)
        except (TypeError, ValueError) as error:
            raise AssertionError(f"{name}: numpy stretches it, yours stops: {error}") from error
        assert np.array_equal(given, values), f"{name}: your answer changed its input: make a copy"
        kind = isinstance(got, np.ndarray) and got.shape == values.shape
        assert kind, f"{name}: expected a numpy array of shape {values.shape}, got {got!r}"
        said, near = f"{name}: expected {expected}, got {got.tolist()}", 1e-6 * np.abs(values).max()
        assert not np.isnan(got).any(), f"{said}: do not divide by a magnitude of 0"
        hint = "max(magnitude − threshold, 0), with the magnitude of the whole complex number"
        assert np.abs(np.abs(got) - np.abs(expected)).max() < near, f"{said}: {hint}"
        assert np.abs(got - expected).max() < near, f"{said}: the phase (or sign) must stay"
    ### HIDDEN VALUE: [cut(s * drawn(rng, 4, 4), s * rng.random(4)) / s for s in (1e-9, 1e6)]
    ### HIDDEN VALUE: (lambda x: [cut(x, rng.random((5, 1))), x])(rng.integers(-9, 9, (5, 2)))
    ### HIDDEN VALUE: soft_threshold(1j * rng.normal(size=(2, 1, 9)).round(), 0)
print("soft_threshold: right")

# %% [markdown]
# ### Three spikes
#
# Compressed sensing on one line (after Lustig 2007, Fig. 2): 128 numbers hold three spikes. We measure a quarter of the
# frequencies, every fourth or 32 by chance. Then we repeat: shrink; put the measured frequencies back.


# %% tags=["experiment"]
def library_shrink(values, threshold):
    return pywt.threshold(values, threshold, mode="soft")


shrink = yours("soft_threshold", library_shrink, name="soft_threshold")
signal = np.zeros(128, dtype=complex)
signal[[20, 58, 95]] = 1.0, 0.6, 0.35
by_chance = np.isin(np.arange(128), np.random.default_rng(5).choice(128, 32, replace=False))
chosen = {"every fourth": np.arange(128) % 4 == 0, "32 by chance": by_chance}
figure = viz.figure(9, 4)
found = {}
grid = figure.subplots(2, 2, sharey=True).T
for (above, below), (name, mask) in zip(grid, chosen.items(), strict=True):
    data = np.where(mask, np.fft.fft(signal, norm="ortho"), 0)
    start = guess = np.fft.ifft(data, norm="ortho")
    for threshold in np.geomspace(0.15, 1e-4, 300):
        guess = np.fft.fft(shrink(guess, threshold), norm="ortho")
        guess = np.fft.ifft(np.where(mask, data, guess), norm="ortho")
    found[name] = np.abs(guess - signal).max()
    for axes, values, what in [(above, start, "zero-filled"), (below, guess, "300 rounds")]:
        axes.plot(np.abs(values), color="#0072B2", linewidth=1)
        axes.plot(np.abs(signal), color="#D55E00", linestyle=":", linewidth=1)
        axes.set_title(f"{name}, {what} (dotted: truth)", fontsize=9)
    above.set_ylabel("magnitude")
    below.set(xlabel="position", ylabel="magnitude")
figure.suptitle("Largest error after 300 rounds: "
                + ", ".join(f"{name} {error:.2f}" for name, error in found.items()))  # fmt: skip
figure

# %% [markdown]
# Every fourth: each spike has four equal copies, and they stay. By chance: shrinking takes the noise, the measured
# frequencies bring the spikes back, and with the noise of the high spikes gone, the low one can be seen.
#
# ## Exercise 5: ISTA ({{points ista}})
#
# **Goal.** `ista(measured, mask, threshold, iterations, analyse, synthesise)` returns the complex image after so many
# rounds.
#
# | | |
# |---|---|
# | `measured` | k-space `(H, W)`, 0 where nothing was measured |
# | `mask` | boolean, `(H, W)` or `(W,)` |
# | `threshold` | a number, or an array that numpy stretches |
# | `analyse(image)` | gives an array of coefficients |
# | `synthesise(coefficients)` | gives the image again |
#
# **Steps.** Start with the zero-filled image. In each round:
# 1. **towards the data**: a gradient step of size 1 on $\frac12\lVert MFx - y\rVert^2$, that is
#    $x - F^H(MFx - y)$,
# 2. **towards sparsity**: the soft threshold of the image's coefficients, and back to an image.
#
# Use `kspace.fft2c`, `kspace.ifft2c` and `pywt.threshold(values, threshold, mode="soft")`.
#
# **Example.** Everything measured, coefficients = pixels, threshold 1: `3 + 4j` becomes `2.4 + 3.2j` in round 1. Round 2
# starts from the data, `3 + 4j`, and gives the same.
#
# **Hint.** $MFx - y$ is 0 where nothing was measured. A step of size 1 has another name: *replace the measured lines*.
#
# ### BEGIN EXPLANATION
# The first line is the gradient of the misfit, the second the proximal operator of the penalty; together they never
# raise the objective for a step of size 1, because A = MF has norm 1. Forgetting the mask in the first line compares the
# gaps with 0 and pulls the image back to zero filling in every round. Thresholding the image instead of its
# coefficients asks for a dark image, not for a sparse transform.
# ### END EXPLANATION


# %% nbgrader={"grade_id": "ista", "solution": true}
def ista(measured, mask, threshold, iterations, analyse, synthesise):
    """min ½‖MFx − y‖² + threshold·‖Ψx‖₁, by steps towards the data and towards sparsity."""
    ### BEGIN SOLUTION
    image = kspace.ifft2c(measured)
    for _ in range(iterations):
        residual = np.where(mask, kspace.fft2c(image), 0) - measured
        image = image - kspace.ifft2c(residual)
        image = synthesise(pywt.threshold(analyse(image), threshold, mode="soft"))
    return image
    ### END SOLUTION


# %% nbgrader={"grade_id": "ista_test", "points": 3}
from course_lib.exercise import without

### BEGIN HIDDEN TESTS


def mine(rng, shape, lines, size, *how):
    measured, mask = size * rng.normal(size=(*shape, 2)) @ [1, 1j], rng.random(lines) < 0.6
    measured *= mask
    return [ista(measured, mask, *how, there, back) / size, mask, measured / size]


### END HIDDEN TESTS
rng, bands = np.random.default_rng(3), np.array([0, 0.3]).reshape(2, 1, 1)
there = lambda x: np.stack([np.fft.fft(x, axis=0, norm="ortho"), x]) / 2**0.5  # two bands
back = lambda c: (np.fft.ifft(c[0], axis=0, norm="ortho") + c[1]) / 2**0.5
cases = {  # shapes of image and mask, threshold, rounds, and the sum of pixel number · pixel
    "no round: the zero-filled image": ((5, 7), (7,), 0.3, 0, -0.3983 - 3.0403j),
    "threshold 0: the zero-filled image stays": ((5, 7), (7,), 0.0, 4, 5.5582 + 25.6364j),
    "one round: towards the data, then the coefficients": ((5, 7), (7,), 0.3, 1, -3.4055 + 6.3364j),
    "two rounds: the next begins where the last ended": ((5, 7), (7,), 0.3, 2, 27.0890 + 64.8561j),
    "sixty small rounds, a square image": ((9, 9), (9,), 0.0004, 60, -14.6797 + 28.8379j),
    "a mask of points, five rounds": ((6, 3), (6, 3), 0.2, 5, 7.9982 - 11.8689j),
    "a threshold for each band, four rounds": ((5, 7), (7,), bands, 4, -22.1278 + 34.9623j),
    "zeros were measured, the mask tells where": ((4, 6), (6,), 0.2, 4, 1.3719 - 4.1617j),
}
with without("course_lib.classical.sparse.ista", "course_lib.classical.sparse.fista",
             "course_lib.kspace.DataConsistency"):  # fmt: skip
    for name, (shape, lines, threshold, rounds, expected) in cases.items():
        mask = rng.random(lines) < 0.5
        measured = (rng.normal(size=(*shape, 2)) @ [1, 1j]) * mask
        measured[1] *= not name.startswith("zeros")
        got = ista(*(given := (measured.copy(), mask.copy())), threshold, rounds, there, back)
        same = np.array_equal(given[0], measured) and np.array_equal(given[1], mask)
        assert same, f"{name}: your answer changed what was measured, or the mask: make new arrays"
        kind = f"{name}: a complex image {shape}, no real part in any round; got {got!r}"
        assert np.shape(got) == shape and np.iscomplexobj(got), kind
        hint = "x − Fᴴ(MFx − y); then analyse, shrink by the magnitude, synthesise"
        total = np.vdot(np.arange(got.size), got)
        assert abs(total - expected) < 1e-3, f"{name}. {hint}; sum {total:.4f}, expected {expected}"
    ### HIDDEN VALUE: [mine(rng, (n, 9), 9, 1, 0.003 * rng.random((2, n, 1)), 70) for n in (5, 8)]
    ### HIDDEN VALUE: [mine(rng, (7, 4), (7, 4), size, 0.2 * size, 3) for size in (1e-8, 1e5)]
print("ista: right")

# %% [markdown]
# ### Faster: FISTA
#
# An orthonormal wavelet transform cuts the image into blocks. Lab 04 had the cure: all shifts at once, here of Haar
# wavelets. **FISTA** (Beck and Teboulle 2009) starts each round of ISTA from a point **further on**, in the direction of
# the last move. How far grows from round to round.

# %% tags=["experiment"]
from course_lib.classical import sparse

LAMBDA = 0.005  # from other heads; how, you see below
# the coarse band is not shrunk; a level less than the next finer one: its values are means
BANDS = np.array([0, *np.repeat(0.5 ** np.arange(4, 0, -1), 3)], np.float32).reshape(13, 1, 1)


def analyse(image):
    """Shift-invariant Haar coefficients (13, H, W): coarse, then three details for each level."""
    coarse, *levels = pywt.swt2(image, "haar", 4, trim_approx=True, norm=True)
    return np.stack([coarse, *(band for level in levels for band in level)])


def synthesise(bands):
    """The image of such coefficients: the inverse of analyse, and its adjoint."""
    levels = [tuple(bands[first : first + 3]) for first in range(1, 13, 3)]
    return pywt.iswt2([bands[0], *levels], "haar", norm=True)


def fista(step, start, iterations):
    """Rounds of `step`, each from a point further on; yields the image after each."""
    image, point, t = start, start, 1.0
    for _ in range(iterations):
        before, image = image, step(point)
        t_before, t = t, (1 + np.sqrt(1 + 4 * t**2)) / 2
        point = image + (t_before - 1) / t * (image - before)
        yield image


# %% [markdown]
# The kindest mask first: points by chance, more of them in the middle. (About 15 s.)


# %% tags=["experiment"]
def library_ista(measured, mask, threshold, iterations, analyse, synthesise):
    """The library's ISTA with the same transform and the same strength."""
    options = dict(strength=LAMBDA, iterations=iterations, wavelet="haar", undecimated=True)
    return sparse.ista(measured, mask, **options).image


my_ista = yours("ista", library_ista, name="ista")
points = patterns["variable density points"]
data, filled = scan(head, points)


# %% tags=["experiment"]
def one_round(point, data=data, mask=points):
    """A round of ISTA from any image."""
    point = point - kspace.ifft2c(np.where(mask, kspace.fft2c(point), 0) - data)
    return synthesise(pywt.threshold(analyse(point), LAMBDA * BANDS, mode="soft"))


rounds = profile.pick(ci=5, cpu=60, gpu=150)
slow = {}
for n in (1, rounds // 3, rounds):
    slow[n] = psnr(my_ista(data, points, LAMBDA * BANDS, n, analyse, synthesise))
fast = [psnr(image) for image in fista(one_round, filled, rounds)]
reached = 1 + int(np.argmax(np.array(fast) >= slow[rounds]))
title = f"FISTA reaches in {reached} rounds what ISTA reaches in {rounds}"
figure = viz.figure(6.4, 3.4, title=title)
axes = figure.subplots()
axes.plot(range(1, rounds + 1), fast, label=f"FISTA: {fast[-1]:.2f} dB at the end")
axes.plot([*slow], [*slow.values()], "o--", label=f"ISTA: {slow[rounds]:.2f} dB at the end")
axes.axhline(psnr(filled), color="black", linewidth=0.5, label="zero-filled")
axes.set(xlabel="round", ylabel="PSNR (dB)")
axes.legend(fontsize=8)
print(f"Best PSNR of FISTA: round {np.argmax(fast) + 1}. The best fit is not the best picture.")
figure

# %% [markdown]
# ## The mask is worth more than the algorithm
#
# The same head, budget and algorithm, and five masks. *Detail* is the share of the energy in the outer half of the lines
# that came back. Below 0, what stands there is wrong. (About 10 s.)

# %% tags=["experiment"]
outer = abs(np.arange(width) - width // 2) > width // 4
STRONG = dict(strength=LAMBDA, wavelet="haar", undecimated=True)
STRONG["iterations"] = profile.pick(ci=5, cpu=60, gpu=100)


def detail(picture):
    """Percent of the energy of the outer half of the lines that came back."""
    wanted = kspace.fft2c(head)[:, outer]
    wrong = kspace.fft2c(picture)[:, outer] - wanted
    return 100 * (1 - np.linalg.norm(wrong) ** 2 / np.linalg.norm(wanted) ** 2)


FIVE = {**MASKS, "points": points}
gains, answers = {}, {}
print("R = 4                    zero-filled             FISTA           gain    you predicted")
for name, mask in FIVE.items():
    mask = np.broadcast_to(mask, head.shape).copy()
    data, before = scan(head, mask)
    answers[name] = after = sparse.fista(data, mask, **STRONG).image
    gains[name] = psnr(after) - psnr(before)
    row = "".join(f"{psnr(x):8.2f} dB, detail {detail(x):4.0f} %" for x in (before, after))
    print(f"{name:18}{row} {gains[name]:+6.2f} dB   {fista_gain.get(name) or '–'}")

# %% tags=["experiment"]
viz.panel(
    clean, np.abs(zeros["every fourth"]),
    {name: np.abs(answers[name]) for name in ("every fourth", "middle and chance", "points")},
    titles=["clean", "every fourth, zeros", *(f"{name}, FISTA" for name in [*fista_gain])],
    window=viz.window(clean),
    title="FISTA gains " + ", ".join(f"{gains[name]:+.1f} dB ({name})" for name in fista_gain),
)  # fmt: skip

# %% [markdown]
# The copies of every fourth line stay. Points gain most by far, lines by chance little. With the middle and
# chance, PSNR rises while *detail* falls: what sparsity puts into the outer half is not what was there.
#
# ## Eight coils
#
# A head coil is a ring of small antennas. Each sees the head times its **sensitivity**, a smooth complex map:
# $y_c = MFS_cx + \text{noise}$, $\sum_c |S_c|^2 = 1$. So coils can take copies apart (SENSE, Pruessmann et al. 1999).
# `classical.sense.cg_sense` solves the least-squares problem for any mask by **conjugate gradients**, which need only the
# measurement and its adjoint (Pruessmann et al. 2001). The noise is added in k-space.

# %% tags=["experiment"]
from course_lib.classical import sense

coils = kspace.birdcage_sensitivities(head.shape, 8)
away = np.arange(width) - width // 2
regular = {R: np.tile(away % R == 0, (height, 1)) for R in (1, 2, 4)}
regular["4, chance"] = np.tile(MASKS["middle and chance"], (height, 1))


def listen(mask, seed=0):
    """What eight coils measure, noise included."""
    noise = np.random.default_rng(seed)
    return kspace.undersample(head, mask, sigma=0.01, sensitivities=coils, generator=noise)


print("PSNR (dB)     zero-filled   CG-SENSE after 3, 10, 40 rounds     FISTA with coils")
with_coils = {}
for R, mask in regular.items():
    heard = listen(mask)
    plain = kspace.root_sum_of_squares(kspace.zero_filled(heard))
    solved = [sense.cg_sense(heard, mask, coils, iterations=n).image for n in (3, 10, 40)]
    both = sparse.fista(heard, mask, sensitivities=coils, **STRONG | {"strength": 0.002}).image
    with_coils[R] = {"zero-filled": plain, "CG-SENSE, 10 rounds": solved[1], "FISTA": both}
    scores = "".join(f"{psnr(image):9.2f}" for image in solved)
    print(f"R = {R!s:10}{psnr(plain):11.2f}{scores:>33}{psnr(both):21.2f}")

# %% tags=["experiment"]
repeats = [sense.cg_sense(listen(regular[R], seed), regular[R], coils, iterations=10).image
           for R in (1, 4) for seed in range(profile.pick(ci=2, cpu=12, gpu=40))]  # fmt: skip
full, fewer = (np.std(part, axis=0) for part in np.split(np.array(repeats), 2))
noise_ratio = fewer / full.mean() / 2  # √R = 2 of it comes from fewer lines alone
growth = noise_ratio[clean > 0.05]
print(f"R = 4, 10 rounds of CG-SENSE: median g {np.median(growth):.1f}, largest {growth.max():.1f}")
by_order, by_luck = with_coils[4], with_coils["4, chance"]
shown = {"CG-SENSE": by_order["CG-SENSE, 10 rounds"], "FISTA with coils": by_order["FISTA"]}
shown["FISTA, lines by chance"] = by_luck["FISTA"]
viz.panel(
    clean, np.abs(by_order["zero-filled"]), {name: np.abs(x) for name, x in shown.items()},
    titles=["clean", "every fourth line, zeros", *shown], window=viz.window(clean),
    title="Eight coils, R = 4: " + ", ".join(f"{n} {psnr(x):.1f} dB" for n, x in shown.items()),
)  # fmt: skip

# %% [markdown]
# At R = 2 the copies are gone, without any sparsity. At R = 4 the coils see the copies nearly alike, and taking them apart
# multiplies the noise by the **g-factor**, beside the √R of fewer lines. The first rounds of CG-SENSE find what the coils
# see well, the later ones mostly noise. Coils *and* sparsity together are best. (The maps of real coils must be
# estimated.)
#
# ## Exercise 6: sparse coding ({{points sparse_code}})
#
# Back to one coil. Every 8×8 patch should be a sum of a few small pictures, the *atoms* of a **dictionary**. Which few, and
# how much of each? The greedy answer is **orthogonal matching pursuit** (Pati et al. 1993).
#
# **Goal.** `sparse_code(patch, dictionary, sparsity)` returns how much of each atom: an array `(atoms,)`, 0 except for at
# most `sparsity` atoms.
#
# | | |
# |---|---|
# | `patch` | `(d,)`, real or complex |
# | `dictionary` | `(atoms, d)`, real, each row of length 1 |
#
# **Steps.** Begin with nothing: what is left is the patch. Then, `sparsity` times:
# 1. choose the atom, not yet chosen, that is most like what is left: the largest **magnitude** of the inner product,
# 2. fit **all** chosen atoms anew to the patch by least squares (`np.linalg.lstsq`); what is left is the patch minus
#    that fit.
#
# **Example.** Atoms (1, 0), (0.6, 0.8), (0, 1); patch (3, 2). Inner products: 3, 3.4, 2. One atom: (0, 3.4, 0). Two:
# what is left is (0.96, −0.72), so the first atom joins, and the fit is (1.5, 2.5, 0).
#
# **Hint.** Atoms are not orthogonal, so the old coefficients change when a new atom joins.
#
# ### BEGIN EXPLANATION
# Choosing the largest inner products once takes several atoms that all describe the same edge. The pursuit subtracts
# what is explained before it looks again. Fitting all chosen atoms anew makes what is left orthogonal to all of them,
# so none is chosen twice and the error is the smallest that these atoms allow; in the example the second atom falls from
# 3.4 to 2.5. Without the new fit (plain matching pursuit) it keeps 3.4 and the sum is off. The magnitude counts, since
# an atom may enter with a negative or complex coefficient.
# ### END EXPLANATION


# %% nbgrader={"grade_id": "sparse_code", "solution": true}
def sparse_code(patch, dictionary, sparsity):
    """Coefficients of at most `sparsity` atoms, chosen greedily and fitted together."""
    ### BEGIN SOLUTION
    coefficients = np.zeros(len(dictionary), np.result_type(patch, dictionary, np.float32))
    chosen, left = [], patch
    for _ in range(sparsity):
        likeness = np.abs(dictionary @ left)
        likeness[chosen] = -1
        chosen.append(int(likeness.argmax()))
        values = np.linalg.lstsq(dictionary[chosen].T, patch, rcond=None)[0]
        left = patch - values @ dictionary[chosen]
    if chosen:
        coefficients[chosen] = values
    return coefficients
    ### END SOLUTION


# %% nbgrader={"grade_id": "sparse_code_test", "points": 3}
from course_lib.exercise import without

### BEGIN HIDDEN TESTS
scaled = lambda atoms: atoms / np.linalg.norm(atoms, axis=1, keepdims=True)
unit = lambda rng, *shape: scaled(rng.normal(size=shape))
coded = lambda rng, patch, atoms, k: [sparse_code(patch, atoms, k), patch, atoms]
### END HIDDEN TESTS
rng, three = np.random.default_rng(6), np.array([[1, 0], [0.6, 0.8], [0, 1]])
many, (real, imaginary) = rng.normal(size=(9, 6)), rng.normal(size=(2, 6))
many /= np.linalg.norm(many, axis=1, keepdims=True)
cases = {  # patch, atoms, sparsity, and the coefficients that are not 0
    "the example, one atom": ([3.0, 2.0], three, 1, {1: 3.4}),
    "the example, two atoms, whole numbers": ([3, 2], three, 2, {0: 1.5, 1: 2.5}),
    "a negative patch": ([-3.0, -2.0], three, 2, {0: -1.5, 1: -2.5}),
    "a complex patch": ([-3j, 1 - 2j], three, 1, {1: 0.8 - 3.4j}),
    "an atom itself, then nothing is left": ([3.0, 0.0], three, 2, {0: 3.0}),
    "three of nine atoms": (real, many, 3, {1: -2.6563, 6: -1.5457, 7: 1.5697}),
    "a tiny patch": (1e-8 * real, many, 3, {1: -2.6563e-8, 6: -1.5457e-8, 7: 1.5697e-8}),
    "a complex patch, three atoms": (real + 1j * imaginary, many, 3,
        {4: 1.6633-1.2347j, 5: -1.312-0.2629j, 7: 0.8804+1.4188j}),
}  # fmt: skip
with without("course_lib.classical.dictionary.sparse_code", "sklearn.linear_model.orthogonal_mp"):
    for name, (patch, atoms, sparsity, expected) in cases.items():
        given = np.array(patch), atoms.copy()
        got = sparse_code(*given, sparsity)
        same = np.array_equal(given[0], patch) and np.array_equal(given[1], atoms)
        assert same, f"{name}: your answer changed the patch or the atoms: make new arrays"
        kind, shape = isinstance(got, np.ndarray), (len(atoms),)
        assert kind and got.shape == shape, f"{name}: expected an array {shape}, got {got!r}"
        used = {i: got[i] for i in np.flatnonzero(abs(got) > 1e-9 * np.abs(patch).max()).tolist()}
        said = f"{name}: expected {expected}, got {used}"
        assert {*used} == {*expected}, f"{said}: the largest magnitude of atom · what is left, anew"
        off = max([abs(used[place] - value) for place, value in expected.items()], default=0)
        assert off < 1e-3 * np.abs(patch).max(), f"{said}: fit all chosen atoms to the patch"
    ### HIDDEN VALUE: [coded(rng, rng.normal(size=8), unit(rng, 20, 8), k) for k in (1, 2, 4, 6)]
    ### HIDDEN VALUE: coded(rng, rng.normal(size=(9, 2)) @ [1, 1j], unit(rng, 30, 9), 5)
    ### HIDDEN VALUE: [sparse_code(atoms[0] * rng.uniform(1, 3), atoms, 3) for atoms in [unit(rng, 4, 5) for _ in range(40)]]
    ### HIDDEN VALUE: 1e7 * sparse_code(1e-7 * rng.normal(size=6), unit(rng, 5, 6), 4)
print("sparse_code: right")

# %% [markdown]
# Now 128 atoms are learned from the corrupted slice itself, and every patch is coded with them. **Predict:** with how many
# atoms (1 to 32) is a coded patch nearest to the **clean** one, if noise has corrupted it? If aliasing of lines has?

# %% tags=["experiment"]
best_atoms = {"noise": None, "aliasing": None}

# %% tags=["experiment"]
from course_lib.classical import dictionary


def cut(image, step):
    """All patches of 8×8 pixels, each `step`-th place, as rows."""
    windows = np.lib.stride_tricks.sliding_window_view(image, (8, 8))[::step, ::step]
    return windows.reshape(-1, 64).copy()


def library_code(patch, atoms, sparsity):
    return dictionary.sparse_code(patch[None], atoms, sparsity=sparsity)[0]


my_code = yours("sparse_code", library_code, name="sparse_code")
everything = np.ones(head.shape, bool)
noisy = kspace.undersample(head, everything, sigma=0.05, generator=np.random.default_rng(0))
corrupted = {"noise": kspace.ifft2c(noisy), "aliasing": zeros["middle and chance"]}
truth = cut(head, 8)
usable = np.flatnonzero((np.abs(truth) ** 2).mean(1) > 0.01)  # not those of air
counts, errors = (1, 2, 3, 5, 8, 12, 20, 32)[: profile.pick(ci=2, cpu=8, gpu=8)], {}
for name, image in corrupted.items():
    atoms = dictionary.learn(cut(image, 2)[::3], iterations=8).reshape(-1, 64)
    rows = cut(image, 8)[usable]
    coded = {k: np.array([my_code(row, atoms, k) for row in rows]) @ atoms for k in counts}
    errors[name] = [np.linalg.norm(x - truth[usable]) for x in [*coded.values(), rows]]
    errors[name] = 100 * np.array(errors[name]) / np.linalg.norm(truth[usable])

# %% tags=["experiment"]
figure = viz.figure(6.8, 3.6)
axes, best_count = figure.subplots(), {}
for (name, values), colour in zip(errors.items(), viz.COLOURS, strict=False):
    best_count[name] = counts[int(values[:-1].argmin())]
    label = f"{name}: best with {best_count[name]} atoms"
    axes.semilogx(counts, values[:-1], "o-", color=colour, label=label)
    axes.axhline(values[-1], color=colour, linestyle=":", label=f"{name}: not coded")
    if best_atoms[name]:
        axes.axvline(best_atoms[name], color=colour, linewidth=0.5, label=f"{name}: predicted")
axes.set_xticks(counts, counts)
axes.minorticks_off()
axes.set(xlabel="atoms in each patch", ylabel="distance to the clean patches (%)")
axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
changes = {name: values[:-1].min() - values[-1] for name, values in errors.items()}
said = ", ".join(f"{change:+.1f} points ({name})" for name, change in changes.items())
figure.suptitle(f"Coding changes the error by {said}")
figure

# %% [markdown]
# Noise looks like no atom: a few atoms leave it behind, many bring it back. Aliasing of lines is made of copies of the
# same edges, so the atoms code it, too, and coding alone does not help. That is why the lecture **repeats** three steps:
# *learn* the atoms; *sparse code* all patches, and average where they overlap; put the measured lines back.

# %% tags=["experiment"]
few = dict(iterations=profile.pick(ci=2, cpu=20, gpu=30), progress=False)
on_lines = np.tile(MASKS["middle and chance"], (height, 1))
learned = dictionary.reconstruct(scan(head, on_lines)[0], on_lines, **few)
atoms = learned.dictionary[np.argsort(-np.abs(learned.dictionary).max((1, 2)))][:24]
atoms = (atoms - atoms.min((1, 2), keepdims=True)) / np.ptp(atoms, (1, 2), keepdims=True)
viz.gallery(
    atoms, columns=8,
    title=f"24 of {len(learned.dictionary)} atoms learned from one corrupted slice:"
    f" {psnr(learned.image):.1f} dB; FISTA {psnr(answers['middle and chance']):.1f} dB",
)  # fmt: skip

# %% [markdown]
# Stripes among the atoms have learned the aliasing.
#
# ## Tune, but not on the test head
#
# The strength $\lambda$ is chosen on the synthetic heads of the cohort, **never on Colin27**, for each R anew. (About a
# minute.)

# %% tags=["experiment"]
from functools import partial

from course_lib import evaluation, training

some = profile.pick(ci=1, cpu=2, gpu=6)
cohort = brains.brain_slices("cohort", subjects=some, slices=some)
seeded = torch.Generator().manual_seed
others = kspace.with_phase(cohort.images, generator=seeded(1)).to(profile.device)
SCANS = {4: training.undersampling(4, 0.08), 8: training.undersampling(8, 0.04)}  # as in fastMRI
rounds = profile.pick(ci=5, cpu=50, gpu=150)
all_shifts = dict(iterations=rounds, wavelet="haar", undecimated=True)
GRIDS = {
    "wavelet": (partial(sparse.fista, iterations=rounds), [0.0005, 0.001, 0.002, 0.005]),
    "all shifts": (partial(sparse.fista, **all_shifts), [0.002, 0.005, 0.01, 0.02]),
    "TV": (partial(sparse.total_variation, iterations=4 * rounds), [0.001, 0.002, 0.005, 0.01]),
}
best = {}
for factor, acquire in SCANS.items():
    for name, (method, grid) in GRIDS.items():
        tuning = evaluation.tune_reconstruction(method, {"strength": grid}, others, acquire)
        best[factor, name] = tuning.best["strength"]
        edge = "   (at the edge of its grid)" if tuning.at_edge else ""
        print(f"R = {factor}  {name:12} best strength {best[factor, name]:g}{edge}")

# %% [markdown]
# ## The table
#
# Colin27, one coil, no noise, the lines of fastMRI, another mask for each slice and seed. Magnitudes are clipped to
# [0, 1]. (About a minute and a half.)

# %% tags=["experiment"]
from IPython.display import Markdown, display

test_images = kspace.with_phase(colin.images, generator=seeded(2)).to(profile.device)
regions = {"whole image": None, "brain": colin.brain_masks.to(profile.device)}
tables = {}
for factor, acquire in SCANS.items():
    methods = {"dictionary": partial(dictionary.reconstruct, **few)}
    for name, (method, _) in GRIDS.items():
        methods[name] = partial(method, strength=best[factor, name])
    tables[factor] = evaluation.compare_reconstructions(
        methods, test_images, acquire, masks=regions, repeats=profile.pick(ci=1, cpu=2, gpu=4)
    )
    display(Markdown(f"**R = {factor}**"), tables[factor])

# %% tags=["experiment"]
figure, gains = viz.figure(9, 4), {}
names = [*methods]
for axes, (factor, table) in zip(figure.subplots(1, 2, sharey=True), tables.items(), strict=True):
    for region, colour, shift in zip(regions, viz.COLOURS, (-0.15, 0.15), strict=False):
        for place, name in enumerate(names):
            values = table.values[region]["PSNR"]
            gain = (values[name] - values[evaluation.ZERO_FILLED]).ravel()  # each mask and slice
            gains[factor, name, region] = float(gain.mean())
            axes.plot(gain, np.full(gain.size, place + shift), ".", color=colour, alpha=0.4)
            axes.plot(gain.mean(), place + shift, "|", color=colour, markersize=16)
    axes.axvline(0, color="black", linewidth=1)
    axes.set_yticks(range(len(names)), names)
    axes.set(title=f"R = {factor}")
    axes.set_xlabel("gain over zero filling (dB)\nblue: whole image, orange: brain")
best_of = {R: max(names, key=lambda name, R=R: gains[R, name, "brain"]) for R in tables}
said = ", ".join(f"R = {R} {best} {gains[R, best, 'brain']:+.1f} dB" for R, best in best_of.items())
figure.suptitle(f"Largest mean gain in the brain (orange): {said}", fontsize=11)
figure

# %% [markdown]
# Each dot is one slice with one mask. How far do they scatter, compared with the
# distance between methods? The maps below show what each method did **not** bring back, and what it invented.

# %% tags=["experiment"]
for factor, table in tables.items():
    display(table.panel(title=f"R = {factor}: best in the brain is {best_of[factor]}"))

# %% [markdown]
# At R = 8, which borders of the ventricles are true? Without the clean slice, nobody could say.

# %% tags=["experiment"]
instant_questions("lab08", [4, 5])

# %% [markdown]
# ## In your own words ({{points honest}})
#
# A colleague plans a scan with one coil: "R = 8, every eighth line. Compressed sensing will clean the ghosts. I tried
# strengths on the test head until the PSNR was best, and one slice with one mask is 2 dB above zero filling." First
# compare your **predictions** with what you measured: where did your reason hold? Then answer him: what the pattern does,
# and what eight coils would change; what his tuning does to the number; what a PSNR does not tell at R = 8. Five to ten
# sentences, with your own measurements.

# %% [markdown] nbgrader={"grade_id": "honest", "solution": true, "points": 4}
# I predicted that the middle and chance would have the best PSNR, since they have both shapes and detail. The middle alone had it, by far: nearly all energy lies there, and PSNR counts energy, not detail. I also expected a few dB for every fourth line; FISTA gained nothing there, a fraction of a dB with lines by chance and about 4 dB with points.
# Every eighth line gives eight copies of the head with equal weight: side lobes as high as the peak. Each copy is as sparse as the true head, and fits the data as well, so no sparsity can tell them apart. I would change the pattern: chance, more in the middle, in two directions if the scan is 3D. With eight coils regular lines become solvable, since each coil weighs the copies differently; but at R = 4 the noise had grown, and R = 8 with eight coils would be hopeless without sparsity.
# His strength was chosen on the test head, so his number says how well he could fit that head, not how well the method does on the next one; and one slice with one mask is a draw: my gains scattered by more than a dB over slices and masks. Already at R = 4, with the middle and chance, less of the fine detail was right after FISTA than before it, although the PSNR rose; at R = 8 no method gained more than a fraction of a dB in the brain. The pictures look smooth, nothing marks what is missing or invented, and the PSNR hardly sees it.
#
# ### BEGIN MARK SCHEME
# - 1: compares a recorded prediction with its measurement, and says why the reason held or failed
# - 1: says that a regular pattern makes copies that sparsity cannot tell apart, but that several coils can, at the price of noise
# - 1: says that a strength tuned on the test head, and a single mask, flatter the number
# - 1: says that fine detail was missing or invented without the PSNR showing it, with a number of the own measurement
# ### END MARK SCHEME
#
# ### BEGIN EXPLANATION
# The energy of an image lies in the middle of k-space, so PSNR rewards a blur. Sparsity needs artefacts that look unlike an image; equal copies are the opposite of that. Coils add equations instead: R pixels that fold together are unknown, and each coil gives one equation, as long as the maps differ at these places. The most common slip is to take a good-looking picture at R = 8 for a true one.
# ### END EXPLANATION

# %% [markdown]
# ## What to remember
#
# - The middle of k-space holds the energy, the rim the detail.
# - Regular gaps make copies; gaps by chance make something like noise. Sparsity can remove noise, not copies. Coils can
#   separate copies, and amplify noise.
# - ISTA: put the measured lines back; shrink the magnitudes, keep the phases.
# - Sparse coding: choose an atom, fit all chosen ones, look at what is left.
# - Tune elsewhere. Use several masks and slices, and look at what is missing.
#
# In [lab 09](../lab09_data_consistency/lab09_data_consistency.ipynb) a network takes the place of the threshold.
#
# | source | |
# |---|---|
# | Lustig, Donoho and Pauly 2007 | [*Sparse MRI*](https://doi.org/10.1002/mrm.21391) |
# | Candès, Romberg and Tao 2006 | [*Robust uncertainty principles*](https://doi.org/10.1109/TIT.2005.862083) |
# | Donoho 2006 | [*Compressed sensing*](https://doi.org/10.1109/TIT.2006.871582) |
# | Daubechies, Defrise and De Mol 2004 | [*An iterative thresholding algorithm*](https://doi.org/10.1002/cpa.20042) (ISTA) |
# | Beck and Teboulle 2009 | [*A fast iterative shrinkage-thresholding algorithm*](https://doi.org/10.1137/080716542) (FISTA) |
# | Pruessmann et al. 1999 | *SENSE: sensitivity encoding for fast MRI* |
# | Pruessmann et al. 2001 | [*Advances in sensitivity encoding*](https://doi.org/10.1002/mrm.1241) (CG-SENSE) |
# | Pati, Rezaiifar and Krishnaprasad 1993 | *Orthogonal matching pursuit* |
# | Ravishankar and Bresler 2011 | [*MR image reconstruction by dictionary learning*](https://doi.org/10.1109/TMI.2010.2090538) |
# | Caballero et al. 2014 | [*Dictionary learning and time sparsity*](https://doi.org/10.1109/TMI.2014.2301271) |
# | Zbontar et al. 2018 | [*fastMRI*](https://arxiv.org/abs/1811.08839) |
# | Colliot and Vakalopoulou 2020 | lecture [*Deep learning for medical imaging*](http://www.aramislab.fr/teaching/DLMI-2019-2020/) |
