# %% [markdown]
# # Lab 08: k-space and sparsity
#
# {{badges}}
#
# **The question of this lab: can you see a head when three quarters of its data were never measured?**
#
# You need about two and a half hours. On 2 CPU cores the cells compute for less than 5 minutes in all, and take less than
# 2 GB of memory.
#
# In this lab you will
#
# - go from an image to its k-space, and back,
# - draw a sampling mask, and see at once what it does to a head,
# - see why chance is a better pattern than order,
# - write the two algorithms of compressed sensing, ISTA and FISTA,
# - learn a dictionary from one spoiled slice, and mend the slice with it,
# - put zero filling, wavelets, total variation and the dictionary in one table, tuned fairly.
#
# {{exercises}}

# %% tags=["setup"]
# `course build` writes the set-up cell here

# %% [markdown]
# ## Theory in half a page
#
# A scanner does not measure pixels. It measures the **k-space** of the slice, its Fourier transform, one line after another. Each line costs
# the same time. Measure only a quarter of the lines, and the patient is free in a quarter of the time. This factor, here 4, is the **acceleration** R.
#
# Write $x$ for the image (complex), $F$ for the Fourier transform, $M$ for the **mask** (1 where we measured, 0 elsewhere), and $y = MFx$ for
# what we have. R times fewer numbers than unknowns: many images fit $y$ exactly. The simplest one puts 0 where nothing was measured, $x_u = F^H y$: **zero filling**. It shows ghosts of the head (*aliasing*), or a blur.
#
# **Compressed sensing** takes another of the images that fit: the one that is *sparsest* after some transform $\Psi$, such as wavelets.
#
# $$ \min_x \; \tfrac12 \lVert MFx - y \rVert_2^2 + \lambda \lVert \Psi x \rVert_1 $$
#
# Three things are needed (Lustig, Donoho and Pauly 2007):
#
# 1. the image is sparse after $\Psi$: few coefficients hold nearly everything,
# 2. what the mask spoils looks like **noise** after $\Psi$, not like another sparse image: *incoherence*,
# 3. an algorithm that asks for both, sparsity and data. **ISTA** repeats two lines: go a step towards the data; shrink the coefficients.
#
# Where does $\Psi$ come from? Wavelets and total variation are **generic**: made for all images. A **dictionary** of small patches can be *learned*, even from the spoiled image itself: sparse code
# all patches, put the measured data back, and again (Ravishankar and Bresler 2011; for a beating heart Caballero et al. 2014, the *DLTG* of the lecture). Lab 09 learns the whole reconstruction.
#
# **Sources.** DLMI lecture, part 5; Lustig, Donoho and Pauly 2007, *Sparse MRI*; Candès, Romberg and Tao 2006, *Robust uncertainty principles*; Donoho 2006, *Compressed sensing*; Daubechies, Defrise and De Mol 2004, *An iterative thresholding algorithm for linear
# inverse problems* (ISTA); Beck and Teboulle 2009, *A fast iterative shrinkage-thresholding algorithm* (FISTA); Chambolle and Pock 2011, *A first-order primal-dual algorithm*; Ravishankar and Bresler 2011, *MR image
# reconstruction from highly undersampled k-space data by dictionary learning*; Caballero et al. 2014, *Dictionary learning and time sparsity for dynamic MR data reconstruction*; Zbontar et al. 2018, *fastMRI* (the masks);
# lecture 05.

# %%
import numpy as np
import pywt
import torch

from course_lib import kspace, viz

# %% [markdown]
# ## Exercise 1: to k-space ({{points fft2c}})
#
# **Goal.** `fft2c(image)` returns the k-space of a numpy image, real or complex, as a numpy array: the Fourier transform of its **last two** axes, with the zero frequency in the
# middle, and with the energy of the image. It takes `(H, W)`, and also stacks of images, `(…, H, W)`.
#
# **Steps.** `np.fft` counts pixels and frequencies from the **corner**. We count from the **middle**, the place `(H // 2, W // 2)`. So
# 1. bring the middle of the image to the corner: `np.fft.ifftshift(image, axes=(-2, -1))`,
# 2. transform: `np.fft.fft2(…, norm="ortho")`,
# 3. bring the zero frequency from the corner to the middle: `np.fft.fftshift(…, axes=(-2, -1))`.
#
# **Example.** A 3×3 image of ones becomes 3 in the middle, and 0 elsewhere. An image with a 1 in the middle, and 0 elsewhere, becomes 1/3 everywhere: no phase.
#
# **Hint.** `ifftshift` undoes `fftshift`. For even sizes they are the same, for odd ones not: Colin27 has 217×181 pixels. Without `norm="ortho"` k-space would have
# H·W times the energy of the image.

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
# Here is the k-space of a real head. A brain in our files is a magnitude image; a real scan has a **phase** too, which winds smoothly with the errors of the field. `kspace.with_phase` adds
# one, and leaves the magnitude as it is. All data of this lab are measured on such complex images, and without noise. Without it k-space would be symmetric, and half of it would be known for free.

# %% tags=["experiment"]
from course_lib.data import brains

colin = brains.brain_slices("colin27", slices=profile.pick(ci=2, cpu=8, gpu=24))
middle = len(colin) // 2
clean = colin.images[middle, 0].numpy().astype(np.float64)
head = kspace.with_phase(clean, generator=np.random.default_rng(0))
height, width = head.shape
lines = fft2c(head)
energy = np.abs(lines) ** 2
rows, columns = np.ogrid[:height, :width]
reach = np.maximum(abs(rows - height // 2) / height, abs(columns - width // 2) / width)  # 0 in the middle, 0.5 at the edge
inner = reach < 0.05  # the middle tenth of the lines, and of each line
figure = viz.figure(9, 3.6, title=f"The middle {100 * inner.mean():.0f} % of k-space hold {100 * energy[inner].sum() / energy.sum():.1f} % of the energy")
pictures = [("magnitude", np.abs(head), "gray", "intensity (data range 1)"), ("phase", np.angle(head), "twilight", "phase (radian)"), ("k-space", np.log10(np.abs(lines) + 1e-4), "gray", "log10 of the amplitude")]
for axes, (name, shown, colours, label) in zip(figure.subplots(1, 3), pictures, strict=True):
    drawn = axes.imshow(shown, cmap=colours)
    axes.set(title=name, xticks=[], yticks=[])
    figure.colorbar(drawn, ax=axes, shrink=0.8).set_label(label, fontsize=8)
figure

# %% [markdown]
# The middle of k-space holds the large shapes and the contrast. The rim holds the edges and the fine lines, with very little energy: and that is what a doctor looks at.
#
# ## Exercise 2: which lines? ({{points line_mask}})
#
# The scanner measures whole lines. In our pictures of k-space a line is a **column**. The mask of the fastMRI challenge takes all lines in the middle, where the energy is, and some others by chance.
#
# **Goal.** `line_mask(width, acceleration, center_fraction, generator)` returns which of `width` columns are measured: a numpy array `(width,)` of booleans. `generator` is a `numpy.random.Generator`.
#
# **Steps.**
# 1. How many in all: `round(width / acceleration)`. How many in the middle: `round(width * center_fraction)`, call it `c`.
#    (Python's `round`: 2.5 becomes 2.)
# 2. The middle ones stand side by side, the first at column `(width - c + 1) // 2`. That is where fastMRI puts them.
# 3. Choose the rest among the columns outside the middle: each equally likely, none twice (`generator.choice(…, replace=False)`).
#
# **Example.** `line_mask(12, 3, 0.17, generator)`: 4 columns in all, 2 in the middle, at 5 and 6, and 2 of the other ten.
#
# **Hint.** The middle counts: 4 in all, not 4 and the middle. And the number is exact in every mask, not only on average. (fastMRI throws a coin for each line, so its number scatters; each line is as likely as in ours.)

# %% nbgrader={"grade_id": "line_mask", "solution": true}
def line_mask(width, acceleration, center_fraction, generator):
    """Which columns are measured: the middle ones, and as many others by chance as there is time for."""
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
# **Goal.** `zero_filled(image, mask)` plays the scanner, and makes the simplest picture. It returns **two** complex numpy arrays of the image's shape: what was measured, $y = MFx$, with 0 where nothing was measured; and the picture $F^H y$.
# `mask` is boolean, `(H, W)`, or `(W,)` for columns: numpy stretches it.
#
# **Steps.** Transform the image, put 0 where the mask is `False`, transform back. Here you may take the library's `kspace.fft2c` and its inverse `kspace.ifft2c`, so that a slip in exercise 1 does not cost you twice.
#
# **Example.** A 2×2 image `[[4, 0], [0, 0]]`, and a mask with only the middle of k-space, the place (1, 1): measured is one number of amplitude 2, and the picture has the magnitude 1 everywhere. With a mask that is `True` everywhere the image comes back.
#
# **Hint.** Leave the picture complex: no magnitude, no real part. And multiply with nothing: R times too few lines is not R times too dark, since the middle is there.

# %% nbgrader={"grade_id": "zero_filled", "solution": true}
def zero_filled(image, mask):
    """What the mask lets through of the image's k-space, and the picture of it: (measured, picture), both complex."""
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
# Four ways to spend a quarter of the time, seen through your function: the middle lines alone; every fourth line; lines by chance; and your mask, the middle and chance.

# %% tags=["experiment"]
from course_lib import metrics

budget, generator = round(width / 4), np.random.default_rng(0)
low_pass, regular, chance = (np.zeros(width, dtype=bool) for _ in range(3))
low_pass[(width - budget + 1) // 2 :][:budget] = True
regular[width // 2 % 4 :: 4] = True  # the zero frequency among them
chance[generator.choice(width, budget, replace=False)] = True
chance[width // 2] = True
MASKS = {"middle only": low_pass, "every fourth": regular, "by chance": chance, "middle and chance": line_mask(width, 4, 0.08, generator)}


def psnr(picture):
    """PSNR of the magnitude, clipped to [0, 1], against the clean slice."""
    return float(metrics.psnr(np.abs(picture).clip(0, 1), clean, data_range=1))


spoiled = {name: zero_filled(head, mask)[1] for name, mask in MASKS.items()}
scores = {name: psnr(picture) for name, picture in spoiled.items()}
viz.panel(
    clean, np.abs(spoiled["middle only"]), {name: np.abs(picture) for name, picture in spoiled.items() if name != "middle only"},
    titles=["clean", *MASKS], title=f"{budget} of {width} lines, zero-filled: " + ", ".join(f"{name} {score:.1f} dB" for name, score in scores.items()),
)  # fmt: skip

# %% [markdown]
# The middle alone has by far the best number. Remember that when somebody shows you a PSNR: nearly all energy lies in the middle, and Colin27, a mean of 27 scans, has little at the rim. But in one direction everything finer than four pixels is gone, and a blur cannot be undone: the rim was not measured. We come back to that.
#
# Every fourth line gives four heads on top of each other, sharp ones. Each of them could be the true one. Chance gives streaks that look more like noise, and noise is what lab 04 could take away.
#
# ## Play: draw a mask, see the aliasing
#
# Choose a pattern and move the acceleration. Left the mask; then its **point spread**: what becomes of one bright pixel; the zero-filled head; and the difference. First *regular lines*: count the copies as R grows.
# Then *random lines* and *random points*: which of them looks most like noise? What happens without a centre (fraction 0)? Radial and spiral lines are drawn on the grid here; a real scanner measures between the grid points.

# %% tags=["experiment"]
viz.sampling_slider(head, acceleration=4, center_fraction=0.08, title="Colin27")

# %% [markdown]
# ## Why chance? The point spread
#
# Take an image that is one bright pixel, measure with a mask, fill with zeros: what comes out is the **point spread function** of the mask. Zero filling does to every pixel of the head what it does to this one. Beside its peak it should be as flat as can be.
# `kspace.incoherence` is the largest **side lobe**, the largest value outside the peak, as a share of the peak.

# %% tags=["experiment"]
KINDS = {
    "regular lines": dict(kind="regular", center_fraction=0.0),
    "random lines": dict(kind="random", center_fraction=0.0),
    "random lines and middle": dict(kind="random", center_fraction=0.08),
    "variable density lines": dict(kind="variable_density", center_fraction=0.08),
    "random points": dict(kind="random", center_fraction=0.0, points=True),
    "variable density points": dict(kind="variable_density", center_fraction=0.08, points=True),
}
patterns = {name: kspace.cartesian_mask((height, width), 4, generator=np.random.default_rng(0), **options) for name, options in KINDS.items()}
lobes = {name: 100 * kspace.incoherence(mask) for name, mask in patterns.items()}
figure = viz.figure(11, 4.6, title="Largest side lobe: " + ", ".join(f"{name} {lobes[name]:.0f} %" for name in ("regular lines", "random lines", "random points")))
grid = figure.subplots(2, len(patterns))
for (above, below), (name, mask) in zip(grid.T, patterns.items(), strict=True):
    above.imshow(mask, cmap="gray", interpolation="nearest")
    above.set_title(f"{name}\nR {kspace.acceleration_of(mask):.2f}", fontsize=8)
    above.set(xticks=[], yticks=[])
    spread = np.abs(kspace.point_spread(mask)).max(0)  # the largest value in each column
    below.plot(np.arange(width) - width // 2, 20 * np.log10(np.maximum(spread / spread.max(), 0.01)), linewidth=1)
    below.set(ylim=(-40, 2), box_aspect=height / width)
    below.set_xlabel(f"columns away\nlargest side lobe {lobes[name]:.0f} %", fontsize=8)
    below.tick_params(labelsize=7, labelleft=below is grid[1, 0])
grid[1, 0].set_ylabel("point spread (dB of its peak)", fontsize=8)
figure

# %% [markdown]
# Regular lines: side lobes nearly as high as the peak (as high, if R divided the 181 columns). Sparsity cannot tell which of the heads is the true one. Random lines spread the same energy over **one** direction; random points over **two**, so each lobe is much lower. (Points are for play in a 2D scan: a scanner
# measures a line about as fast as a point. In a 3D scan, where lines are points of a plane, it is real.)
#
# ## How sparse is a head?
#
# Keep only the largest wavelet coefficients, set the others to 0, and go back: how many do you need? (db4 wavelets, four levels; the slice is cut to 208×176 pixels, so that it can be halved four times.)

# %% tags=["experiment"]
def wavelets(image):
    """All coefficients of an orthonormal wavelet transform, in one array."""
    return pywt.coeffs_to_array(pywt.wavedec2(image[4:212, 2:178], "db4", mode="periodization", level=4))[0]


WHAT = {
    "pixels, clean": head,
    "wavelets, clean": wavelets(head),
    "wavelets, every fourth line": wavelets(spoiled["every fourth"]),
    "wavelets, lines by chance": wavelets(spoiled["by chance"]),
    "wavelets, points by chance": wavelets(zero_filled(head, patterns["random points"])[1]),
}
figure = viz.figure(7, 3.8)
axes = figure.subplots()
needed = {}
for name, values in WHAT.items():
    ordered = np.sort((np.abs(values) ** 2).ravel())
    missing = np.sqrt(np.cumsum(ordered)[::-1] / ordered.sum())  # relative error when the largest 0, 1, 2, … are kept
    share = 100 * np.arange(len(missing)) / len(missing)
    needed[name] = share[np.argmax(missing < 0.05)]
    axes.semilogy(share, missing, label=f"{name}: {needed[name]:.0f} % for an error of 5 %")
axes.axhline(0.05, color="black", linestyle=":", linewidth=1)
axes.set(xlabel="largest coefficients kept (%)", ylabel="relative error", ylim=(0.005, 3), xlim=(0, 80))
axes.legend(fontsize=8, loc="upper right")
figure.suptitle(f"To keep for 5 % error: pixels {needed['pixels, clean']:.0f} %, wavelets {needed['wavelets, clean']:.0f} %; after random points {needed['wavelets, points by chance']:.0f} %", fontsize=11)
figure

# %% [markdown]
# The clean head is sparse in wavelets, much more than in pixels. "Aliasing makes the assumption break down" (DLMI lecture): points by chance scatter small coefficients everywhere, and the curve rises. That is good news: **the true image is sparse, the spoiled one is not**, so one can tell them apart. And every fourth line? Four sharp heads are
# about as sparse as one. Lines by chance lie close to that: chance in one direction only is a weak kind of chance. Keep an eye on it.
#
# ## Exercise 4: the soft threshold of complex numbers ({{points soft_threshold}})
#
# In lab 04 you shrank real details. The coefficients of an MR image are complex: they have a magnitude and a phase. The threshold asks for the **magnitude**.
#
# **Goal.** `soft_threshold(values, threshold)` for a numpy array, real (also of integers) or complex: each value comes closer to 0 by `threshold`, on the straight line to 0, and stops at 0. The phase stays. `threshold` is a number, or an array
# with a threshold for each part of the values, which numpy stretches.
#
# **Steps.** The magnitude; how long it shall be, `max(magnitude − threshold, 0)`; multiply each value by new length / old length. Take care where the magnitude is 0, also if the threshold is 0.
#
# **Example.** With threshold 1, `3 + 4j` (magnitude 5) becomes 4/5 of itself, `2.4 + 3.2j`; `0.6j` and 0 become 0; −3 becomes −2.
#
# **Hint.** Not the real and the imaginary part, each for itself: that turns the phase. Turn the whole image by 30 degrees, and the answer must turn by 30 degrees, and else be the same.

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
# Here is all of compressed sensing on one line (after Lustig 2007, Fig. 2). A signal of 128 numbers holds three spikes, and is 0 elsewhere. We measure a quarter of its frequencies: every fourth, or 32 by chance. Then two lines are repeated, with your soft threshold: shrink; put the measured frequencies back.

# %% tags=["experiment"]
signal = np.zeros(128, dtype=complex)
signal[[20, 58, 95]] = 1.0, 0.6, 0.35
chosen = {"every fourth frequency": np.arange(128) % 4 == 0, "32 by chance": np.isin(np.arange(128), np.random.default_rng(5).choice(128, 32, replace=False))}
figure = viz.figure(10, 4.2)
found = {}
for (above, below), (name, mask) in zip(figure.subplots(2, 2, sharex=True, sharey=True).T, chosen.items(), strict=True):
    data = np.where(mask, np.fft.fft(signal, norm="ortho"), 0)
    start = guess = np.fft.ifft(data, norm="ortho")
    for threshold in np.geomspace(0.15, 1e-4, 300):
        guess = soft_threshold(guess, threshold)
        guess = np.fft.ifft(np.where(mask, data, np.fft.fft(guess, norm="ortho")), norm="ortho")
    found[name] = np.abs(guess - signal).max()
    for axes, values, what in [(above, start, "zero-filled"), (below, guess, "after 300 rounds")]:
        axes.plot(np.abs(values), color="#0072B2", linewidth=1)
        axes.plot([20, 58, 95], [1.0, 0.6, 0.35], "o", color="#D55E00", markersize=5, fillstyle="none", label="truth")
        axes.set_title(f"{name}, {what}", fontsize=9)
    below.set_xlabel("place")
    above.set_ylabel("magnitude" if name.startswith("every") else "")
    below.set_ylabel("magnitude" if name.startswith("every") else "")
figure.axes[0].legend(fontsize=8)
figure.suptitle("Largest error after 300 rounds: " + ", ".join(f"{name} {error:.2f}" for name, error in found.items()), fontsize=11)
figure

# %% [markdown]
# Every fourth frequency: each spike has four copies of equal height, and they stay. By chance: the spikes stand out of something like noise, the highest first. Shrinking takes the noise, the measured frequencies bring the spikes back, and the noise of the high spikes goes with
# them, so that the low spike can be seen at last. A quarter of the data, and nothing is missing. A head is not that sparse; but it is sparse.
#
# ## Exercise 5: ISTA ({{points ista}})
#
# **Goal.** `ista(measured, mask, threshold, iterations, analyse, synthesise)` returns the image after so many rounds of ISTA, complex. `measured` is k-space `(H, W)` with 0 where nothing was measured; `mask` is boolean, `(H, W)` or `(W,)`. `analyse(image)` gives an array of coefficients, `synthesise(coefficients)`
# the image again. `threshold` is a number, or an array with a threshold for each band of coefficients, which numpy stretches: hand it on as it is.
#
# **Steps.** Start with the zero-filled image. In each round:
# 1. **towards the data**: the k-space of the image, where it was measured, minus `measured`; that difference as an image; subtract it. ($x - F^H(MFx - y)$, a gradient step with step size 1.)
# 2. **towards sparsity**: analyse, soft threshold of the coefficients, synthesise.
#
# Take `kspace.fft2c` and `kspace.ifft2c`, and `pywt.threshold(values, threshold, mode="soft")` for the threshold (it knows complex numbers): a slip in the exercises before costs nothing here.
#
# **Example.** With threshold 0 nothing is shrunk, and the zero-filled image stays as it is, whatever the number of rounds. If all was measured, and analyse and synthesise change nothing, one round answers the soft threshold of the image, and so do ten.
#
# **Hint.** $MFx - y$ is 0 where nothing was measured: there the image may become what sparsity wants. Step 1 with step size 1 has another name: *replace the measured lines*. It may be written so, too. The last line of a round is step 2.

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
# ### A transform without blocks
#
# Which $\Psi$? An orthonormal wavelet transform cuts the image into blocks, and the answer depends on where they lie. Lab 04 had the cure: all shifts at once. Below is the **shift-invariant Haar transform**: sums and differences of
# neighbours, then of neighbours 2, 4 and 8 pixels apart. It gives 13 images of coefficients, one coarse and three with details for each of four levels; they hold the energy of the image, and `synthesise` brings it back. The coarse image is not shrunk, and a coarser level less than a finer one (`BANDS`), since its
# coefficients are means of more pixels.

# %% tags=["experiment"]
def analyse(image, levels=4):
    """Shift-invariant Haar coefficients (3·levels + 1, H, W) of an image (H, W): coarse, then details from fine to coarse."""
    bands = []
    for level in range(levels):
        step = 2**level
        down = np.roll(image, step, 0)
        low, high = (image + down) / 2, (image - down) / 2
        (image, *details) = [(part + sign * np.roll(part, step, 1)) / 2 for part in (low, high) for sign in (1, -1)]
        bands += details
    return np.stack([image, *bands])


def synthesise(coefficients, levels=4):
    """The image of such coefficients: the inverse of analyse, and its adjoint."""
    image, *bands = coefficients
    for level in reversed(range(levels)):
        step = 2**level
        four = [image, *bands[3 * level : 3 * level + 3]]
        low, high = ((four[k] + np.roll(four[k], -step, 1) + four[k + 1] - np.roll(four[k + 1], -step, 1)) / 2 for k in (0, 2))
        image = (low + np.roll(low, -step, 0) + high - np.roll(high, -step, 0)) / 2
    return image


BANDS = np.array([0, *np.repeat(0.5 ** np.arange(1, 5), 3)], dtype=np.float32).reshape(13, 1, 1)
head = head.astype(np.complex64)  # half the memory, and faster
assert np.allclose(synthesise(analyse(head)), head, atol=1e-5)
assert np.isclose((np.abs(analyse(head)) ** 2).sum(), (np.abs(head) ** 2).sum(), rtol=1e-4)

# %% [markdown]
# Does it work on a head? Begin with the kindest mask, points by chance in two directions, more of them in the middle; R = 4. Your zero filling, your ISTA. The strength $\lambda$ = 0.005 comes from other heads; how, you see below. (About 5 s.)

# %% tags=["experiment"]
LAMBDA = 0.005
scattered = patterns["variable density points"]
scan, filled = zero_filled(head, scattered)
counts = profile.pick(ci=(1, 3, 10), cpu=(1, 10, 100), gpu=(1, 10, 100))
mended = {f"{n} round{'s' if n > 1 else ''}": ista(scan, scattered, LAMBDA * BANDS, n, analyse, synthesise) for n in counts}
scores = {name: psnr(picture) for name, picture in mended.items()}
viz.panel(
    clean, np.abs(filled), {name: np.abs(picture) for name, picture in mended.items()},
    titles=["clean", "zero-filled", *mended], title=f"ISTA, points, R = 4: from {psnr(filled):.1f} dB, " + ", ".join(f"{name} {score:.1f} dB" for name, score in scores.items()),
)  # fmt: skip

# %% [markdown]
# It works, and it is slow. No round can move a coefficient further than its threshold, where no data pull.
#
# ## Exercise 6: FISTA's momentum ({{points fista}})
#
# Beck and Teboulle (2009) found that two more lines make it much faster. Do not start the next round from the image, but from a point **further on**, in the direction of the last move. How far grows from round to round.
#
# **Goal.** `fista(step, start, iterations)`: `step(point)` is one round of any such algorithm (both lines of ISTA), and returns a new image. `fista` returns the image after so many rounds.
#
# **Steps.** Begin with $x_0 = z_1 =$ `start` and $t_1 = 1$. For $k = 1, 2, …$:
#
# $$ x_k = \text{step}(z_k) \qquad t_{k+1} = \frac{1 + \sqrt{1 + 4 t_k^2}}{2} \qquad z_{k+1} = x_k + \frac{t_k - 1}{t_{k+1}} \, (x_k - x_{k-1}) $$
#
# and return the last $x$.
#
# **Example.** $t$ is 1, 1.618, 2.194, …, so the factor is 0 in the first round, then 0.282, 0.434, … and it goes to 1. Let `step(z)` be `z + 1`, and start with 0: $x$ is 1, 2, 3.282, 4.838, …: faster and faster.
#
# **Hint.** The factor has the **old** t above and the **new** t below. The move is between two $x$, not two $z$. And `step` is called once a round.

# %% nbgrader={"grade_id": "fista", "solution": true}
def fista(step, start, iterations):
    """Rounds of `step`, each from a point further on in the direction of the last move."""
    ### BEGIN SOLUTION
    image, point, t = start, start, 1.0
    for _ in range(iterations):
        before, image = image, step(point)
        t_before, t = t, (1 + np.sqrt(1 + 4 * t**2)) / 2
        point = image + (t_before - 1) / t * (image - before)
    return image
    ### END SOLUTION


# %% nbgrader={"grade_id": "fista_test", "points": 3}
from course_lib.exercise import without

FACTORS = 0, 0, 0.281754, 0.434043, 0.531064, 0.598779, 0.648923, 0.687646, 0.7185, 0.743691
noise = np.random.default_rng(4).normal(size=(4, 3, 2)) @ [1, 1j]
cases = [  # the step in words, the step, start, rounds
    ("z + 1", lambda z: z + 1, np.array([0.0, 0.5]), 4),
    ("z / 2 + 1", lambda z: z / 2 + 1, np.array([3.0, -1.0]), 0),
    ("a turn and a shift", lambda z: (0.5 + 0.3j) * z + (0.2 - 0.1j), noise, 7),
    ("not linear", lambda z: 0.9 * z / (1 + np.abs(z) ** 2) + 0.3j, noise, 10),
    ("z + 0.000001", lambda z: z + 1e-6, np.zeros(3), 10),
]
with without("course_lib.classical.sparse.fista", "course_lib.classical.sparse.ista"):
    for name, step, start, rounds in cases:
        points, images, given = [], [start], start.copy()
        note = lambda z: points.append(np.array(z)) or images.append(step(+z)) or +images[-1]
        got, name = np.array(fista(note, given, rounds)), f"step(z): {name}; {rounds} rounds"
        assert np.array_equal(given, start), f"{name}: your answer changed `start`: no += on it"
        assert len(points) == rounds, f"{name}: step called {len(points)} times, not once a round"
        for k, (point, factor) in enumerate(zip(points, FACTORS, strict=False)):
            expected = images[k] + factor * (images[k] - images[k - (k > 0)])
            near = 1e-4 * np.abs(images[k]).max()
            said = f"{name}: step number {k + 1} is from {np.ravel(expected)[0]:.5g} (1st number),"
            said += f" x + {factor:.3f}·(x − x before); yours from {np.ravel(point)[0]:.5g}"
            hint = "t begins with 1, the factor is (old t − 1) / new t"
            assert np.allclose(point, expected, rtol=0, atol=near), f"{said}: {hint}"
        same = got.shape == start.shape and np.allclose(got, images[-1], rtol=1e-4, atol=0)
        assert same, f"{name}: the steps are right; return the last x, not the point z"
    many = fista(lambda z: z + 1, np.zeros(1), 40)[0]
    assert abs(many - 233.2235) < 0.01, f"40 rounds: {many:.2f}, not 233.22: t grows without end"
    ### HIDDEN VALUE: [fista(lambda z: z + s, s * rng.normal(size=5), 300) / s for s in (1e-8, 1e4)]
    ### HIDDEN VALUE: (lambda x: [fista(lambda z: z / 3 - 1j, x, 30), x])(rng.normal(size=(4, 3)))
    ### HIDDEN VALUE: fista(lambda z: 2 / (1 + np.abs(z)) - 0.5j, rng.normal(size=7) + 0j, 9)
print("fista: right")

# %% [markdown]
# ## ISTA against FISTA
#
# The same objective, the same rounds: your `fista` around one round of ISTA. How far is each above the smallest value that we know of? (About 15 s.)
#
# (Our transform has more coefficients $c$ than the image has pixels, so not all $c$ belong to an image. ISTA pays half of the energy of what does not; the objective below holds this third term.)

# %% tags=["experiment"]
def one_round(point, data=scan, mask=scattered):
    """Both lines of ISTA, from any image: the new image, and the coefficients that it was made of."""
    residual = np.where(mask, kspace.fft2c(point), 0) - data
    coefficients = soft_threshold(analyse(point - kspace.ifft2c(residual)), LAMBDA * BANDS)
    return synthesise(coefficients), coefficients


def energy_of(values):
    return float((np.abs(values).astype(np.float64) ** 2).sum())


def watched(history):
    """One round that writes down the objective and the PSNR of what it gives."""

    def step(point):
        image, coefficients = one_round(point)
        misfit = energy_of(np.where(scattered, kspace.fft2c(image), 0) - scan)
        beyond = energy_of(coefficients) - energy_of(image)
        history.append((0.5 * misfit + 0.5 * beyond + float((LAMBDA * BANDS * np.abs(coefficients)).sum(dtype=np.float64)), psnr(image)))
        return image

    return step


rounds = profile.pick(ci=15, cpu=120, gpu=300)
slow, fast = [], []
step, image = watched(slow), filled
for _ in range(rounds):
    image = step(image)
fista(watched(fast), filled, rounds)
further = []
fista(watched(further), filled, profile.pick(ci=30, cpu=250, gpu=900))
floor = min(value for value, _ in further)
slow, fast = np.array(slow), np.array(fast)
reached = int(np.argmax(fast[:, 0] <= slow[-1, 0])) + 1
figure = viz.figure(9, 3.6, title=f"What ISTA reaches in {rounds} rounds, FISTA reaches in {reached}")
left, right = figure.subplots(1, 2)
for values, name, colour in [(slow, "ISTA", "#0072B2"), (fast, "FISTA", "#D55E00")]:
    left.semilogy(range(1, rounds + 1), values[:, 0] - floor, color=colour, label=name)
    right.plot(range(1, rounds + 1), values[:, 1], color=colour, label=f"{name}: {values[-1, 1]:.2f} dB at the end")
left.set(xlabel="round", ylabel="objective above the smallest known")
right.set(xlabel="round", ylabel="PSNR (dB)")
for axes in (left, right):
    axes.legend(fontsize=8)
print(f"Rounds in which the objective of FISTA rises: {int((np.diff(fast[:, 0]) > 0).sum())} of {rounds - 1}; of ISTA: {int((np.diff(slow[:, 0]) > 1e-6 * slow[0, 0]).sum())}.")
print(f"FISTA: best PSNR in round {int(fast[:, 1].argmax()) + 1} of {rounds}, lowest objective in round {int(fast[:, 0].argmin()) + 1}.")
figure

# %% [markdown]
# Compare the two panels, and the printed rounds: **the smallest objective is not the best picture**. It is the best answer to the question that we asked. (The objective of ISTA never rises. That of FISTA may: momentum can overshoot.)
#
# Now the promise of the point spread. The same algorithm, R = 4, and three masks: every fourth line; your lines, the middle and chance; and the points, more of them in the middle. (About 5 s.)

# %% tags=["experiment"]
rebuilt = {"points, zeros": filled}
for name, mask in {"fourth": MASKS["every fourth"], "lines": MASKS["middle and chance"], "points": scattered}.items():
    data, rebuilt[f"{name}, zeros"] = zero_filled(head, mask)
    rebuilt[f"{name}, FISTA"] = fista(lambda point, data=data, mask=mask: one_round(point, data, mask)[0], rebuilt[f"{name}, zeros"], profile.pick(ci=10, cpu=60, gpu=100))
gain = {name: psnr(rebuilt[f"{name}, FISTA"]) - psnr(rebuilt[f"{name}, zeros"]) for name in ("fourth", "lines", "points")}
order = ["fourth, zeros", "fourth, FISTA", "lines, zeros", "lines, FISTA", "points, zeros", "points, FISTA"]
viz.panel(
    clean, np.abs(rebuilt[order[0]]), {name: np.abs(rebuilt[name]) for name in order[1:]}, titles=["clean", *order],
    title=f"FISTA gains {gain['fourth']:+.1f} dB with every fourth line, {gain['lines']:+.1f} dB with lines by chance, {gain['points']:+.1f} dB with points by chance",
)  # fmt: skip

# %% [markdown]
# The copies of every fourth line stay: each of them is sparse, and each fits the data. Points by chance are nearly undone. Lines by chance lie between, and nearer to the copies than one would like: their smear runs in one direction, and looks like stripes.
#
# ## The mask is worth more than the algorithm
#
# Same head, same budget, same algorithm (the library's FISTA, shift-invariant Haar, strength 0.005), five masks. How much does the algorithm bring, and how much the mask? Beside the PSNR: how much of the **fine detail** is there, the outer half of the lines? 100 % is all of it, 0 % none; below 0, what stands there is wrong. (About 5 s.)

# %% tags=["experiment"]
from course_lib.classical import sparse

MASK_KINDS = {
    "middle only": None,
    "random lines": dict(kind="random"),
    "variable density lines": dict(kind="variable_density"),
    "random points": dict(kind="random", points=True),
    "variable density points": dict(kind="variable_density", points=True),
}
outer = abs(np.arange(width) - width // 2) > width // 4


def detail(picture):
    """Percent of the energy of the outer half of the lines that came back."""
    wanted = kspace.fft2c(head)[:, outer]
    return 100 * (1 - energy_of(kspace.fft2c(picture)[:, outer] - wanted) / energy_of(wanted))


worth, kept = {}, {}
for factor, centre in ((4, 0.08), (8, 0.04)):
    for name, options in MASK_KINDS.items():
        if options is None:  # the whole budget in the middle
            mask = kspace.cartesian_mask(head.shape, factor, round(width / factor) / width)
        else:
            mask = kspace.cartesian_mask(head.shape, factor, centre, generator=np.random.default_rng(2), **options)
        data = kspace.undersample(head, mask)
        answer = sparse.fista(data, mask, strength=0.005, iterations=profile.pick(ci=5, cpu=60, gpu=200), wavelet="haar", undecimated=True).image
        for how, picture in (("zero-filled", kspace.zero_filled(data)), ("FISTA", answer)):
            worth[factor, name, how], kept[factor, name, how] = psnr(picture), detail(picture)
figure = viz.figure(10, 4.2)
places, titles = np.arange(len(MASK_KINDS)), []
for axes, factor in zip(figure.subplots(1, 2), (4, 8), strict=True):
    for shift, how in ((-0.2, "zero-filled"), (0.2, "FISTA")):
        values = [worth[factor, name, how] for name in MASK_KINDS]
        axes.barh(places + shift, values, 0.4, label=how)
        for place, value, name in zip(places, values, MASK_KINDS, strict=True):
            axes.text(value + 0.2, place + shift, f"{value:.1f} dB, detail {kept[factor, name, how]:.0f} %", va="center", fontsize=7)
    axes.set_yticks(places, MASK_KINDS)
    axes.invert_yaxis()
    axes.set(xlabel="PSNR (dB)", xlim=(15, 16 + 1.6 * (max(worth.values()) - 15)), title=f"R = {factor}")
    gains = [worth[factor, name, "FISTA"] - worth[factor, name, "zero-filled"] for name in MASK_KINDS]
    scores = [worth[factor, name, "FISTA"] for name in MASK_KINDS]
    rising = [name for name in MASK_KINDS if kept[factor, name, "FISTA"] > kept[factor, name, "zero-filled"] + 1]
    print(f"R = {factor}: FISTA brings back detail with " + (", ".join(rising) or "none of the masks"))
    titles.append(f"R = {factor}: the algorithm brings {min(gains):+.1f} to {max(gains):+.1f} dB, the masks lie {max(scores) - min(scores):.1f} dB apart")
figure.axes[1].set_yticklabels([])
figure.legend(*figure.axes[0].get_legend_handles_labels(), fontsize=8, loc="outside lower center", ncols=2)
figure.suptitle("\n".join(titles), fontsize=10)
figure

# %% [markdown]
# Look where FISTA brings most: where the measurements are dense in the middle, and chance has its way around it. And look at *detail*, and at the printed lines. With lines the picture gets nicer and the PSNR better, but the share of true detail falls: what sparsity puts into the gaps of the outer half is not what was there. With the middle alone it *invents* most, and a good PSNR gets
# worse.
#
# Most scanners measure lines, and the fastMRI challenge has the random ones. So these make the table below. It is not the kindest mask for the methods; you know now what a kinder one would do.
#
# ## A dictionary, learned from the spoiled slice itself
#
# Wavelets are made for all images. Take 8×8 patches instead, and look for a **dictionary**: 128 small pictures ("atoms"), so that every patch is a sum of a few of them. The lecture has three steps, and they are repeated:
#
# 1. **learn** the dictionary from patches of the current image, spoiled as it is,
# 2. **sparse code** all patches with a few atoms, put them back, take the mean where they overlap: what no atom looks like, as aliasing, is left out,
# 3. **data consistency**: put the measured lines back.
#
# `classical.dictionary.reconstruct` does that. The atoms are real, the coefficients complex. It gets your lines, the middle and chance. (A few seconds.)

# %% tags=["experiment"]
from course_lib.classical import dictionary

few = dict(iterations=profile.pick(ci=2, cpu=20, gpu=30), progress=False)
on_lines = np.tile(MASKS["middle and chance"], (height, 1))  # your lines again, for every row
learned = dictionary.reconstruct(kspace.undersample(head, on_lines), on_lines, **few)
atoms = learned.dictionary[np.argsort(-np.abs(learned.dictionary).max((1, 2)))][:36]
atoms = (atoms - atoms.min((1, 2), keepdims=True)) / np.ptp(atoms, (1, 2), keepdims=True)
print(f"Change of the image from round to round: {learned.change[0]:.1%} at first, {learned.change[-1]:.2%} at last.")
viz.gallery(atoms, columns=12, title=f"36 of {len(learned.dictionary)} atoms, each stretched to black and white, learned from one slice at R = 4")

# %% tags=["experiment"]
pictures = {"FISTA": rebuilt["lines, FISTA"], "dictionary": learned.image}
viz.panel(
    clean, np.abs(rebuilt["lines, zeros"]), {name: np.abs(picture) for name, picture in pictures.items()}, titles=["clean", "zero-filled", *pictures],
    title=f"Lines, R = 4: zero-filled {psnr(rebuilt['lines, zeros']):.1f} dB, " + ", ".join(f"{name} {psnr(picture):.1f} dB" for name, picture in pictures.items()),
)  # fmt: skip

# %% [markdown]
# Nobody showed the dictionary a clean brain. It found edges and textures because they come again and again in the slice; aliasing is less alike from place to place. Not always: do you see stripes among the atoms? These have learned the aliasing.
#
# ## An honest experiment, first part: tune, but not on the test head
#
# The strength $\lambda$ decides. It may be chosen on the synthetic heads of the cohort, **never on Colin27**. For each acceleration anew: there is more to clean at R = 8. (About a minute. The grids are small; each line tells if the best value stands at the edge of its grid.)

# %% tags=["experiment"]
from course_lib import evaluation, training

cohort = brains.brain_slices("cohort", subjects=profile.pick(ci=1, cpu=2, gpu=6), slices=profile.pick(ci=1, cpu=2, gpu=6))
training_images = kspace.with_phase(cohort.images, generator=torch.Generator().manual_seed(1)).to(profile.device)
SCANS = {4: training.undersampling(4, 0.08), 8: training.undersampling(8, 0.04)}  # the centre as in fastMRI
rounds = profile.pick(ci=5, cpu=50, gpu=150)


def wavelet(measured, mask, strength):
    return sparse.fista(measured, mask, strength=strength, iterations=rounds)


def all_shifts(measured, mask, strength):
    return sparse.fista(measured, mask, strength=strength, iterations=rounds, wavelet="haar", undecimated=True)


def variation(measured, mask, strength):
    return sparse.total_variation(measured, mask, strength=strength, iterations=4 * rounds)


def patches(measured, mask):
    return dictionary.reconstruct(measured, mask, **few)


GRIDS = {"wavelet": (wavelet, [0.0005, 0.001, 0.002, 0.005]), "shift-invariant wavelet": (all_shifts, [0.002, 0.005, 0.01, 0.02]), "TV": (variation, [0.001, 0.002, 0.005, 0.01])}
best = {}
for factor, acquire in SCANS.items():
    for name, (method, grid) in GRIDS.items():
        tuning = evaluation.tune_reconstruction(method, {"strength": grid}, training_images, acquire)
        best[factor, name] = tuning.best["strength"]
        tried = ", ".join(f"{values['strength']:g}: {score:.2f}" for values, score, _ in sorted(tuning.tried, key=lambda entry: entry[0]["strength"]))
        print(f"R = {factor}  {name:24} best strength {best[factor, name]:<6g} PSNR (dB) {tried}" + ("   (at the edge of the grid)" if tuning.at_edge else ""))

# %% [markdown]
# ## Second part: the table
#
# Colin27, with a smooth phase, without noise. Every slice and every seed has its own mask; the numbers after ± are standard deviations over slices. Scored is the magnitude, clipped to [0, 1], in the whole image and inside the brain. The dictionary runs with the library's parameters, chosen on the cohort as well, but with fewer rounds, to save time. (About a minute and a half.)

# %% tags=["experiment"]
from functools import partial

from IPython.display import Markdown, display

test = colin.images
brain = colin.brain_masks.to(profile.device)
test_images = kspace.with_phase(test, generator=torch.Generator().manual_seed(2)).to(profile.device)
seeds = profile.pick(ci=1, cpu=2, gpu=4)
tables = {}
for factor, acquire in SCANS.items():
    methods = {name: partial(method, strength=best[factor, name]) for name, (method, _) in GRIDS.items()} | {"dictionary": patches}
    tables[factor] = evaluation.compare_reconstructions(
        methods, test_images, acquire, masks={"whole image": None, "brain": brain}, repeats=seeds
    )
    display(Markdown(f"**R = {factor}**"), tables[factor])

# %% tags=["experiment"]
figure = viz.figure(10, 4.2)
gains = {}
names = [name for name in tables[4].methods if name != evaluation.ZERO_FILLED]
for axes, (factor, table) in zip(figure.subplots(1, 2), tables.items(), strict=True):
    for place, name in enumerate(names):
        for region, colour, shift in (("whole image", "#0072B2", -0.15), ("brain", "#D55E00", 0.15)):
            values = table.values[region]["PSNR"]
            gain = values[name] - values[evaluation.ZERO_FILLED]  # (seeds, slices)
            gains[factor, name, region] = float(gain.mean())
            axes.plot(gain.ravel(), np.full(gain.size, place + shift) + np.linspace(-0.08, 0.08, gain.size), ".", color=colour, alpha=0.5)
            axes.plot(gain.mean(), place + shift, "|", color=colour, markersize=16, markeredgewidth=2, label=region if place == 0 else None)
    axes.axvline(0, color="black", linewidth=1)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set(xlabel="gain over zero filling (dB), each slice and mask", title=f"R = {factor}")
figure.axes[1].set_yticklabels([])
figure.axes[0].legend(fontsize=8)
champions = {(factor, region): max(names, key=lambda name, factor=factor, region=region: gains[factor, name, region]) for factor in tables for region in ("whole image", "brain")}
figure.suptitle("\n".join(f"R = {factor}, largest mean gain: " + ", ".join(f"{region} {gains[factor, champions[factor, region], region]:+.1f} dB ({champions[factor, region]})" for region in ("whole image", "brain")) for factor in tables), fontsize=10)
figure

# %% [markdown]
# Each dot is one slice with one mask. How far do they scatter, beside the distance of the methods? A table with one mask would be a lottery ticket. And compare the two colours: the method that is best in the whole image is not always best in the brain.
#
# Look at the pictures, too. The maps show what each method did **not** bring back, and what it invented.

# %% tags=["experiment"]
display(*(tables[factor].panel(columns=6, title=f"R = {factor}: best in the whole image is {champions[factor, 'whole image']} ({tables[factor].mean(champions[factor, 'whole image']):.1f} dB over all slices and masks)") for factor in tables))

# %% [markdown]
# Remember the numbers for the detail when a picture looks clean. A smooth picture at R = 8 is not a picture of what was there: it is the sparsest, or the smoothest, or the one most like the rest of the slice, of all that fit. Find the ventricles in each: which of their borders are true? Without the clean slice beside it, nobody could say.
#
# ## In your own words ({{points honest}})
#
# A colleague plans a fast scan: "R = 8, every eighth line, which is easy to program. Compressed sensing will clean the ghosts. I tried strengths on the test head until the PSNR was best, and one slice with one mask is 2 dB above zero filling." What do you answer? Say what the pattern does, and why; what his tuning does to
# the number; what one mask says; and what you saw at R = 8 that a number in dB does not tell. Four to eight sentences, with your own measurements.

# %% [markdown] nbgrader={"grade_id": "honest", "solution": true, "points": 2}
# Every eighth line gives eight copies of the head with nearly equal weight; with every fourth line I measured side lobes of 90 % of the peak. Each copy is as sparse as the true head, and a moved head alone would fit the data nearly as well, so no sparsity can tell them apart; at R = 4 FISTA gained nothing with every fourth line, half a dB with lines by chance and the middle, and nearly 5 dB with points by
# chance, more of them in the middle. So I would change the pattern first: chance, more in the middle, in two directions if the scan is 3D. His strength was chosen on the test head, so his number says how well he could fit that head, not how well the method does on the next one; it has to be chosen on other heads, for this acceleration and this mask. One slice with one mask is a draw: in my figure the gains of one
# method scatter by more than a dB, about as much as the methods differ, so he needs several masks and slices, and their standard deviation. And at R = 8 the fine detail was gone: with every mask, what FISTA put into the outer half of k-space was further from the truth than zeros. The pictures look smooth, nothing marks what is missing or invented, and the PSNR hardly sees it, since nearly all energy lies in the middle.
# (Two points: the coherence of the regular pattern with its reason; and tuning on the test head or the single mask, with what is lost at R = 8. One point if only one of the two is explained.)
#
# ### BEGIN MARK SCHEME
# - 1: says that a regular pattern makes copies that sparsity cannot tell apart, and what one mask is worth
# - 1: says that a strength tuned on the test head flatters it, and that fine detail at R = 8 was wrong without the PSNR showing it
# ### END MARK SCHEME

# %% [markdown]
# ## What to remember
#
# - k-space: ifftshift, fft2 with `norm="ortho"`, fftshift, over the last two axes. Odd sizes show who got it wrong.
# - R times fewer lines, R times less time. The middle holds the energy, the rim the detail.
# - Regular gaps make copies, gaps by chance make something like noise, best in two directions. Sparsity can take away noise, but no copies.
# - The soft threshold of a complex number shrinks its magnitude and keeps its phase.
# - ISTA: replace what was measured; shrink. FISTA: the same from a point further on, (old t − 1) / new t.
# - The mask was worth more than the algorithm, and a transform without blocks (all shifts) more than the faster algorithm.
# - Tune elsewhere, for each R. Several masks, several slices, brain and whole image, and look at what is missing.
#
# The functions that you wrote are `course_lib.kspace.fft2c`, `cartesian_mask`, `undersample` and `zero_filled`, and `course_lib.classical.sparse.soft_threshold`, `ista` and `fista`. `total_variation` and `course_lib.classical.dictionary` are there too: now you can read them. Lab 09 puts a network in the place of
# the threshold.
