# %% [markdown]
# # Lab 05: What is a good image?
#
# {{badges}}
#
# **The question of this lab: when a number says that an image is better, is it?**
#
# {{head}}
#
# {{exercises}}
#
# ### BEGIN CARD
# level = "core"
# memory = "2 GB"
# compute_minutes = 3
# labs = ["02", "04"]
# lectures = ["03", "08"]
# mathematics = "mean, variance and covariance; the chain and the product rule"
# objectives = [
#     "write PSNR for a batch, SSIM from local moments, and MS-SSIM",
#     "predict what eight metrics say of eight images with one mean squared error, and explain where you were wrong",
#     "work out the gradients of L1 and MS-SSIM, and check them against autograd",
#     "turn a metric into a loss: SSIM, and a perceptual loss on the features of a network",
#     "train one small network with five losses, and judge what each of them buys",
# ]
# minutes = {theory = 15, batch_psnr = 10, ssim = 25, ms_ssim = 15, eight = 15, SSIMLoss = 15, PerceptualLoss = 15, experiment = 20, judge = 15}
# ### END CARD

# %% tags=["setup"]
# `course build` writes the set-up cell here

# %% [markdown]
# ## Theory in half a page
#
# A metric is a decision about what may be lost. The **MSE**, and with it PSNR, counts each pixel alone: it cannot tell a
# shift of brightness from noise. **SSIM** (structural similarity) compares window by window:
# luminance times contrast times structure.
#
# $$ \mathrm{SSIM} = \underbrace{\frac{2\mu_x\mu_y + c_1}{\mu_x^2 + \mu_y^2 + c_1}}_{l} \cdot
# \underbrace{\frac{2\sigma_x\sigma_y + c_2}{\sigma_x^2 + \sigma_y^2 + c_2}}_{c} \cdot
# \underbrace{\frac{\sigma_{xy} + c_3}{\sigma_x\sigma_y + c_3}}_{s}
# \qquad c_1 = (0.01\,L)^2,\ c_2 = (0.03\,L)^2,\ c_3 = c_2/2 $$
#
# Here $\mu$, $\sigma^2$ and $\sigma_{xy}$ are the mean, the variance and the covariance inside the window, and $L$ is the
# data range, the distance from black to white. Why $c_3 = c_2/2$? Because then $2\sigma_x\sigma_y + c_2 = 2(\sigma_x\sigma_y + c_3)$,
# the bracket cancels, and two factors are left:
#
# $$ \mathrm{SSIM} = l \cdot cs \qquad cs = c \cdot s = \frac{2\sigma_{xy} + c_2}{\sigma_x^2 + \sigma_y^2 + c_2} $$
#
# **MS-SSIM** (multi-scale SSIM) looks from several distances. It halves the images again and again, takes the mean `cs` at each
# scale, and the luminance only at the coarsest scale $M$: $\mathrm{SSIM}_M^{\,w_M}\,\prod_{j<M} cs_j^{\,w_j}$, with a weight $w_j$ for each scale.
#
# Three more numbers: the **SNR** (signal-to-noise ratio) divides the energy of the image,
# not the data range, by the error. The **CoC** (coefficient of correlation) is the correlation of all pixels: `s` with one window, the
# whole image, and $c_3 = 0$. The **EPI** (edge preservation index) is that correlation after a Laplacian filter, which leaves
# edges and fine texture.
#
# What is minimised is another decision. With L2 (mean squared error) twice the error costs four times as much, with L1 (mean
# absolute error) twice as much. `1 - SSIM` has a gradient too. A **perceptual loss** compares the
# features that a trained network (VGG16) computes.
#
# **Sources.** Wang et al. 2004, [*Image quality assessment: from error visibility to structural
# similarity*](https://doi.org/10.1109/TIP.2003.819861); Wang, Simoncelli and Bovik 2003, [*Multiscale structural similarity for image
# quality assessment*](https://doi.org/10.1109/ACSSC.2003.1292216); Sattar et al. 1997, *Image enhancement based on a nonlinear
# multiscale method* (EPI); Zhao et al. 2017, [*Loss functions for image restoration with neural
# networks*](https://arxiv.org/abs/1511.08861); Johnson, Alahi and Fei-Fei 2016, [*Perceptual losses for real-time style transfer and
# super-resolution*](https://arxiv.org/abs/1603.08155); Olivier Colliot and Maria Vakalopoulou 2020, [*Deep learning for medical
# imaging*](http://www.aramislab.fr/teaching/DLMI-2019-2020/), part 5 (below: "the DLMI lecture").

# %%
import functools

import numpy as np
import torch
from torch import nn

from course_lib import images, losses, metrics, noise, training, viz
from course_lib.data import brains
from course_lib.exercise import yours
from course_lib.student import instant_questions

# %% tags=["experiment"]
instant_questions("lab05", [1, 2, 3])

# %% [markdown]
# ## Exercise 1: the PSNR of a batch ({{points batch_psnr}})
#
# A paper reports one PSNR for many images. There are two ways to average.
#
# **Goal.** `batch_psnr(prediction, target, data_range, mask)`: the PSNR of each image inside its mask, then averaged: one number.
# `prediction` and `target` are tensors `(N, 1, H, W)`; `mask` is boolean, of the same shape.
#
# **Steps.**
# 1. For each image, the mean squared error over the pixels **in its own mask**: N numbers.
# 2. The PSNR of each, then the mean. Clip nothing and add no small number: equal images have infinitely many dB.
#
# **Example.** Two images, errors 0.1 and 0.01 in each pixel, all pixels in the mask, `data_range=1`: 20 dB and 40 dB, so 30 dB.
#
# **Hint.** The PSNR of the mean MSE would be 23 dB: there the worst image decides almost alone.
#
# ### BEGIN EXPLANATION
# PSNR is a logarithm, and the mean of logarithms is not the logarithm of the mean. Averaging the errors first lets the worst image
# decide: 0.1 and 0.01 give 23 dB that way, and 30 dB if each image counts once. Inside a mask, divide by the number of pixels in that
# mask. Setting the rest to zero and dividing by all pixels is the common mistake: it lowers the error and flatters every method.
# ### END EXPLANATION

# %% nbgrader={"grade_id": "batch_psnr", "solution": true}
def batch_psnr(prediction, target, data_range, mask):
    """Mean over images of the PSNR inside the mask, in dB; tensors (N, 1, H, W), mask boolean."""
    ### BEGIN SOLUTION
    squares = ((prediction - target) ** 2 * mask).sum((1, 2, 3))  # (N, 1, H, W) -> (N,)
    error = squares / mask.sum((1, 2, 3))
    return (10 * torch.log10(data_range**2 / error)).mean()
    ### END SOLUTION


# %% nbgrader={"grade_id": "batch_psnr_test", "points": 2}
from course_lib.exercise import without
### BEGIN HIDDEN TESTS
import sys


def packages_of(call):
    """The packages whose Python code runs in a call."""
    found, before = set(), sys.getprofile()
    sys.setprofile(lambda frame, *_: found.add(frame.f_globals.get("__name__", "").split(".")[0]))
    try:
        call()
    finally:
        sys.setprofile(before)
    known = "course_lib", "kornia", "monai", "piqa", "pytorch_msssim", "tensorflow", "torchmetrics"
    return found.intersection(known)


def psnr_in(unit, shape, rng):
    """Of images that reach below 0, with little noise or much, each in a mask of its own size."""
    target = unit * torch.from_numpy(rng.normal(0, 1, shape))
    level = 10 ** rng.uniform(-3, 1, (shape[0], 1, 1, 1))
    noise = torch.from_numpy(level * rng.normal(0, 1, shape))
    mask = torch.from_numpy(rng.random(shape) < rng.uniform(0.2, 0.9, (shape[0], 1, 1, 1)))
    return batch_psnr(target + unit * noise, target, unit * rng.uniform(1, 3), mask)


### END HIDDEN TESTS
a, b = np.random.default_rng(0).random((2, 3, 1, 7, 6))
a[1] = b[1] + 0.3 * (a[1] - b[1])
names, shares = ("prediction", "target", "mask"), np.array([0.2, 0.5, 0.9]).reshape(3, 1, 1, 1)
a, b, mask = map(torch.from_numpy, (a, b, np.random.default_rng(1).random((3, 1, 7, 6)) < shares))
flat, errors = torch.full((2, 1, 4, 5), 0.5), torch.tensor([0.1, 0.01]).view(2, 1, 1, 1)
cases = [  # prediction, target, data range, mask, expected, what to look at
    (flat + errors, flat, 1, flat > 0, 30, "the example, 20 and 40 dB"),
    (a, b, 1, mask, 12.36596, "pixels inside, divided by the number in each image's own mask"),
    (255 * a, 255 * b, 255, mask, 12.36596, "other units: data_range is squared"),
    (a + 1, b + 1, 1, mask, 12.36596, "brighter: nothing is clipped"),
    (a - 2, b - 2, 1, mask, 12.36596, "below 0: nothing is clipped"),
    (errors**3, 0 * errors, 1, errors > 0, 90, "60 and 120 dB: nothing is added or cut off"),
    (a[2:], b[2:], 1, mask[2:], 7.07854, "a batch of one image"),
    (a, torch.cat([b[:2], a[2:]]), 1, mask, np.inf, "one pair of equal images: no limit"),
]
with without(
    "course_lib.metrics.psnr", "course_lib.metrics.mse", "course_lib.metrics.snr",
    "skimage.metrics.peak_signal_noise_ratio",
), np.errstate(divide="ignore"):  # fmt: skip
    for *given, data_range, inside, expected, hint in cases:
        mine = [tensor.clone() for tensor in (*given, inside)]
        value = batch_psnr(mine[0], mine[1], data_range, mine[2])
        for name, before, after in zip(names, (*given, inside), mine, strict=True):
            assert torch.equal(before, after), f"your answer changes `{name}`: no -=, no [...] ="
        assert value is not None and np.ndim(value) == 0, f"return one number, got {value}"
        assert np.isclose(float(value), expected, rtol=0, atol=1e-3), (
            f"{hint}: expected {expected} dB, got {value:.3f}: 10·log10 of each, then the mean"
        )
    ### BEGIN HIDDEN TESTS
    borrowed = packages_of(lambda: batch_psnr(a, b, 1, mask))
    assert not borrowed, f"your answer lets {borrowed} do the work: write it yourself"
    ### END HIDDEN TESTS
    ### HIDDEN VALUE: [psnr_in(unit, (n, 1, 12, 9), rng) for unit, n in ((1, 1), (0.1, 3), (9, 4))]
print("batch_psnr: right")

# %% [markdown]
# ## Exercise 2: SSIM from local moments ({{points ssim}})
#
# In lab 02 the library computed SSIM for you. Now you build it. (Moments are means, variances and covariances.)
#
# **Goal.** `ssim(prediction, target, data_range)` of two numpy images `(H, W)`. It returns **two numbers**: the mean of the SSIM map
# `l · cs`, and the mean of `cs` alone (MS-SSIM needs it). Plain numpy only; calling another library's SSIM does not count.
#
# **Steps.**
# 1. The Gaussian window: 11×11 weights `exp(-(i² + j²) / (2·1.5²))` with `i, j` from −5 to 5, divided by their sum.
# 2. All windows at once: `np.lib.stride_tricks.sliding_window_view(image, (11, 11))` is `(H - 10, W - 10, 11, 11)`. Multiplied by the weights and
#    summed over the last two axes, it is the local mean.
# 3. Local variance: the local mean of the squares minus the square of the local mean. The covariance likewise.
# 4. `l` and `cs` of the theory, window by window. Return `(mean of l · cs, mean of cs)`.
#
# **Example.** `ssim(x, x, 1)` is `(1, 1)`. For `x` = 0.5 and `y` = 0.6 everywhere, `cs` is 1, as nothing varies, and
# `l` is (2 · 0.5 · 0.6 + 0.0001) / (0.25 + 0.36 + 0.0001) = 0.984: the answer is `(0.984, 1)`.
#
# **Hint.** Where both images are zero, the constants `c1` and `c2` keep you from 0 / 0.
#
# ### BEGIN EXPLANATION
# SSIM is local: every moment belongs to one window, and the map is averaged only at the end. So the mean of `l · cs` is not the product of the
# two means. The constants scale with the square of the data range, or the score would change with the units. Forgetting to subtract the square of
# the mean is the most common slip: then bright flat regions count as structure.
# ### END EXPLANATION

# %% nbgrader={"grade_id": "ssim", "solution": true}
def ssim(prediction, target, data_range):
    """Mean SSIM, and mean of its contrast-structure factor, of two numpy images (H, W)."""
    ### BEGIN SOLUTION
    offsets = np.arange(-5, 6)
    window = np.exp(-(offsets[:, None] ** 2 + offsets**2) / (2 * 1.5**2))
    window /= window.sum()

    def local_mean(image):  # (H, W) -> (H - 10, W - 10)
        return (np.lib.stride_tricks.sliding_window_view(image, (11, 11)) * window).sum((-2, -1))

    mean_x, mean_y = local_mean(prediction), local_mean(target)
    variance_x = local_mean(prediction**2) - mean_x**2
    variance_y = local_mean(target**2) - mean_y**2
    covariance = local_mean(prediction * target) - mean_x * mean_y
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    structure = (2 * covariance + c2) / (variance_x + variance_y + c2)
    return np.mean(luminance * structure), np.mean(structure)
    ### END SOLUTION


# %% nbgrader={"grade_id": "ssim_test", "points": 3}
from course_lib.exercise import without

### BEGIN HIDDEN TESTS
import sys


def packages_of(call):
    """The packages whose Python code runs in a call."""
    found, before = set(), sys.getprofile()
    sys.setprofile(lambda frame, *_: found.add(frame.f_globals.get("__name__", "").split(".")[0]))
    try:
        call()
    finally:
        sys.setprofile(before)
    known = "course_lib", "kornia", "monai", "piqa", "pytorch_msssim", "tensorflow", "torchmetrics"
    return found.intersection(known)


def ssim_in(unit, gain, shape, rng):
    """In units, of a noisy image of this contrast, or its negative; a large data range."""
    target, noise = rng.normal(0, 1, (2, *shape))
    return ssim(unit * (gain * target + 0.4 * noise), unit * target, unit * rng.uniform(3, 9))


### END HIDDEN TESTS
rows, columns = np.mgrid[:21, :17]
x = 0.5 + 0.45 * np.sin(rows / 3) * np.cos(columns / 4)
half = np.where(columns < 12, 0, x)  # the left half is empty, as the air around a head
noisy = x + 0.1 * np.random.default_rng(2).standard_normal(x.shape)  # from -0.08 to 1.12
cases = [  # prediction, target, data range, what should come, what to look at
    (x, x, 1, (1, 1), "two equal images"),
    (0 * x + 0.5, 0 * x + 0.6, 1, (0.983609, 1), "0.5 against 0.6: c1, c2, and a window of sum 1"),
    (noisy, x, 1, (0.753336, 0.754186), "a noisy image: window and local moments"),
    (255 * noisy, 255 * x, 255, (0.753336, 0.754186), "other units: data_range is squared"),
    (1e-6 * noisy, 1e-6 * x, 1e-6, (0.753336, 0.754186), "tiny units: add c1 and c2 only"),
    (noisy - 3, x - 3, 2, (0.770195, 0.770218), "below 0: nothing is clipped"),
    (0.6 * x, x, 1, (0.783565, 0.887991), "a darker image"),
    (1 - x, x, 1, (-0.788527, -0.933652), "a negative: SSIM keeps its sign"),
    (1.2 * half, half, 1, (0.983193, 0.990431), "empty halves: c1 and c2 keep it from being 0 / 0"),
    (noisy[:11, :11], x[:11, :11], 1, (0.820047, 0.820614), "one window"),
]
with without(
    "course_lib.metrics.ssim", "course_lib.metrics.ms_ssim", "course_lib.losses.SSIMLoss",
    "skimage.metrics.structural_similarity",
):  # fmt: skip
    for prediction, target, data_range, expected, hint in cases:
        mine = prediction.copy(), target.copy()
        got = np.array(ssim(*mine, data_range))
        assert np.shape(got) == (2,), f"return two numbers (mean of l·cs, mean of cs), got {got}"
        assert np.array_equal(mine, (prediction, target)), "your answer changes its images"
        assert np.allclose(got, expected, atol=1e-5), f"{hint}: expected {expected}, got {got}"
    ### BEGIN HIDDEN TESTS
    borrowed = packages_of(lambda: ssim(noisy, x, 1))
    assert not borrowed, f"your answer lets {borrowed} do the work: write it yourself"
    ### END HIDDEN TESTS
    ### HIDDEN VALUE: [ssim_in(1e-4, 0.6, (19, 14), rng), ssim_in(30, -0.8, (12, 23), rng)]
print("ssim: right")

# %% [markdown]
# ## Exercise 3: MS-SSIM ({{points ms_ssim}})
#
# **Goal.** `ms_ssim(prediction, target, similarity, weights)`: one number for two numpy images. `similarity(x, y)` returns `(ssim, cs)`,
# as your function of exercise 2 does. `weights` has one number for each scale, the finest first.
#
# **Steps.** The product of the theory; call `similarity(prediction, target)` once at each scale.
# 1. At every scale but the last, use `cs`. Then halve both images: average blocks of 2×2
#    pixels (drop the last row or column of an odd side).
# 2. At the last scale, use `ssim`: it holds the luminance.
# 3. A negative number to the power of 0.3 is not real: replace a negative `cs` or `ssim` by 0 first.
#
# **Example.** Two scales, weights `(0.5, 0.5)`. If `similarity` answers `(0.8, 0.81)` at the first scale and `(0.64, 0.9)` at the second:
# √0.81 · √0.64 = 0.9 · 0.8 = 0.72.
#
# **Hint.** A block mean without loops: cut to even sides, `.reshape(H // 2, 2, W // 2, 2)`, and take the mean over axes 1 and 3.
#
# ### BEGIN EXPLANATION
# Each scale multiplies its own `cs`, because contrast and structure differ from scale to scale; the luminance would be nearly the same number
# five times, so it enters once, at the coarsest. The weights are exponents, not factors of a weighted mean. Taking every second pixel in place of
# block means is the usual mistake: it folds fine detail into coarse detail (aliasing).
# ### END EXPLANATION

# %%
# Wang et al. 2003, fitted to how people compared pictures; they sum to 1.0001
WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


# %% nbgrader={"grade_id": "ms_ssim", "solution": true}
def ms_ssim(prediction, target, similarity, weights):
    """Multi-scale SSIM of two numpy images; similarity(x, y) -> (ssim, cs) at one scale."""
    ### BEGIN SOLUTION

    def halve(image):
        rows, columns = image.shape[0] // 2, image.shape[1] // 2
        blocks = image[: 2 * rows, : 2 * columns].reshape(rows, 2, columns, 2)  # (H, W) -> (H/2, 2, W/2, 2)
        return blocks.mean((1, 3))

    product = 1.0
    for weight in weights[:-1]:
        _, structure = similarity(prediction, target)
        product *= max(structure, 0) ** weight
        prediction, target = halve(prediction), halve(target)
    return product * max(similarity(prediction, target)[0], 0) ** weights[-1]
    ### END SOLUTION


# %% nbgrader={"grade_id": "ms_ssim_test", "points": 2}
from course_lib.exercise import without

### BEGIN HIDDEN TESTS


def scores(x, y):
    """Two numbers in which each pixel counts, its place, and which image comes first."""
    wave = np.cos(np.arange(x.size)).reshape(x.shape)
    first, second = np.mean(wave * (x - y**2)), np.sum(wave * x * y)
    return 0.5 + 0.4 * np.tanh(first), 0.5 + 0.4 * np.tanh(second)


def ms_ssim_of(shape, scales, rng):
    """With weights of another sum than 1."""
    x, y = rng.normal(0, 2, (2, *shape))
    return ms_ssim(x, y, scores, rng.uniform(0.2, 0.9, scales).tolist())


### END HIDDEN TESTS
x = np.arange(210.0).reshape(15, 14)  # a ramp, so its halves are ramps, too
halved = 7.5 + np.add.outer(28 * np.arange(7), 2 * np.arange(7))
quarter = 22.5 + np.add.outer(56 * np.arange(3), 4 * np.arange(3))
cases = [  # what `similarity` answers at each scale; weights; what should come; what to look at
    ([(0.7, 0.1)], (0.5,), 0.836660, "one scale: SSIM to the power of its weight"),
    ([(0.8, 0.81), (0.64, 0.9)], (0.5, 0.5), 0.72, "the example: cs, and ssim at the last scale"),
    ([(0.1, 0.9), (0.2, 0.7), (0.5, 0.3)], (0.2, 0.3, 0.4), 0.666754, "finest first, as they come"),
    ([(0.5, -0.2), (0.6, 0.7)], (0.4, 0.6), 0, "0 in place of a negative cs"),
    ([(0.5, 0.4), (-0.1, 0.7)], (0.4, 0.6), 0, "0 in place of a negative ssim"),
    ([(0.5, -0.2), (-0.1, 0.7)], (0.4, 0.6), 0, "0 in place of each, at once"),
]
with without("course_lib.metrics.ms_ssim", "course_lib.metrics.ssim"):
    for answers, weights, expected, hint in cases:
        seen, mine = [], (x.copy(), 1 - x)
        more = iter(answers + 99 * [(0, 0)])
        note = lambda u, v: seen.append((np.array(u), np.array(v))) or next(more)
        value = ms_ssim(*mine, note, weights)
        assert value is not None and np.ndim(value) == 0, f"return one number, got {value}"
        assert len(seen) == len(weights), f"similarity was called {len(seen)} times: {hint}"
        assert np.array_equal(mine, (x, 1 - x)), "your answer changes its images (-=, [...] =)"
        for image, pair in zip((x, halved, quarter), seen, strict=False):
            for which, wanted, got in zip((1, 2), (image, 1 - image), pair, strict=True):
                assert got.shape == wanted.shape and np.allclose(got, wanted), (
                    f"image {which} at this scale: expected {wanted.shape} pixels that begin with"
                    f" {wanted[:2, :4].tolist()} …, got {got.shape} and {got[:2, :4].tolist()} …"
                )
        assert np.isclose(value, expected, atol=1e-5), f"{hint}: expected {expected}, got {value}"
    ### HIDDEN VALUE: [ms_ssim_of(shape, n, rng) for shape, n in [((45, 34), 3), ((37, 91), 5)]]
print("ms_ssim: right")

# %% [markdown]
# ## One error, eight pictures
#
# One slice of Colin27 is distorted in eight ways. Each strength is chosen so that the **MSE is the same**, up to
# rounding: bisection first, then the difference image is scaled. Nothing is clipped.

# %% tags=["experiment"]
from scipy import fft, ndimage

colin = brains.brain_slices("colin27", slices=profile.pick(ci=3, cpu=12, gpu=30))
clean = colin.images[len(colin) // 2, 0].double().numpy()
window = viz.window(clean)  # the greys that fit this head
pattern = np.random.default_rng(0)
normal, uniform = pattern.standard_normal(clean.shape), pattern.random(clean.shape)


def blocks(image, step):
    """Quantise the 8×8 cosine transform, coarser for higher frequencies, as a JPEG file does."""
    height, width = image.shape
    padded = np.pad(image, ((0, -height % 8), (0, -width % 8)), mode="edge")
    tiles = padded.reshape(padded.shape[0] // 8, 8, padded.shape[1] // 8, 8)  # (H/8, 8, W/8, 8)
    steps = step * (1 + np.add.outer(np.arange(8), np.arange(8)))[:, None, :]
    tiles = steps * np.round(fft.dctn(tiles, axes=(1, 3), norm="ortho") / steps)
    whole = fft.idctn(tiles, axes=(1, 3), norm="ortho").reshape(padded.shape)
    return whole[:height, :width]


def low_frequencies(image, cut):
    """Keep the middle of k-space only: a share 1 - cut of its radius."""
    rows, columns = np.meshgrid(*map(np.fft.fftfreq, image.shape), indexing="ij")
    return np.fft.ifft2(np.fft.fft2(image) * (np.hypot(rows, columns) < 0.5 * (1 - cut))).real


# %% tags=["experiment"]
def salt_and_pepper(image, share):
    return np.where(uniform < share / 2, 0, np.where(uniform > 1 - share / 2, 1, image))


DISTORTIONS = {  # name -> (function of the image and a strength, largest strength)
    "brighter": (lambda x, s: x + s, 1),
    "more contrast": (lambda x, s: x + s * (x - x.mean()), 3),
    "Gaussian noise": (lambda x, s: x + s * normal, 1),
    "salt and pepper": (salt_and_pepper, 1),
    "blur": (ndimage.gaussian_filter, 20),
    "8×8 blocks": (blocks, 3),
    "k-space cut off": (low_frequencies, 1),
    "moved": (lambda x, s: ndimage.shift(x, (s, 0.6 * s)), 10),
}


def distorted(image, name, error):
    """The image with the distortion of that name, and a mean squared error of `error`."""
    distort, high = DISTORTIONS[name]
    low = 0
    for _ in range(25):
        middle = (low + high) / 2
        too_weak = np.mean((distort(image, middle) - image) ** 2) < error
        low, high = (middle, high) if too_weak else (low, middle)
    difference = distort(image, high) - image
    return image + difference * np.sqrt(error / np.mean(difference**2))


pictures = {name: distorted(clean, name, 0.05**2) for name in DISTORTIONS}

# %% [markdown]
# **Predict before you look.** Which of the eight will SSIM rank best, which worst? Which will EPI rank worst? And
# which of the factors `l`, `c` and `s` does each of the eight lower? You need your reasons below.

# %% tags=["experiment"]
prediction = {"best SSIM": None, "worst SSIM": None, "worst EPI": None}  # for example "blur"

# %% tags=["experiment"]
own_ssim = yours("ssim", None, name="ssim")
METRICS = {
    "PSNR": functools.partial(metrics.psnr, data_range=1),
    "SNR": metrics.snr,
    "SSIM": functools.partial(metrics.ssim, data_range=1),
    "MS-SSIM": functools.partial(metrics.ms_ssim, data_range=1),
    "EPI": metrics.epi,
    "l": lambda x, y: 2 * x.mean() * y.mean() / (x.mean() ** 2 + y.mean() ** 2),
    "c": lambda x, y: 2 * x.std() * y.std() / (x.var() + y.var()),
    "s = CoC": metrics.coc,
}
if own_ssim is not None:
    METRICS["SSIM"] = lambda x, y: own_ssim(x, y, 1)[0]
seen = {
    name: {metric: float(score(x, clean)) for metric, score in METRICS.items()}
    for name, x in pictures.items()
}
print("MSE 0.0025 each; PSNR and SNR in dB; l, c and s with one window, the whole image")
print(f"{'':16}" + "".join(f"{metric:>10}" for metric in METRICS))
for name, row in seen.items():
    print(f"{name:16}" + "".join(f"{value:10.4f}" for value in row.values()))
names = sorted(pictures, key=lambda name: -seen[name]["SSIM"])
found = {"best SSIM": names[0], "worst SSIM": names[-1]}
found["worst EPI"] = min(names, key=lambda name: seen[name]["EPI"])
for what, name in found.items():
    print(f"{what}: you said {prediction[what]}, measured {name}")

# %% tags=["experiment"]
share = np.mean(pictures["salt and pepper"] != clean)
print(f"Salt and pepper changed {share:.1%} of the pixels.")
print(f"1 − MSE / (2σ²) = {1 - 0.0025 / (2 * clean.var()):.4f}")
own_ms_ssim = yours("ms_ssim", None, name="ms_ssim")
if own_ssim is not None and own_ms_ssim is not None:
    similarity = functools.partial(own_ssim, data_range=1)
    score = own_ms_ssim(pictures["blur"], clean, similarity, WEIGHTS)
    print(f"MS-SSIM of the blur: yours {score:.4f}, the library's {seen['blur']['MS-SSIM']:.4f}")
print("Gaussian noise, sigma 0.05, on two slices of the same head:")
for index in (0, len(colin) // 2):
    one = colin.images[index, 0].double().numpy()
    scores = METRICS["PSNR"](one + 0.05 * normal, one), metrics.snr(one + 0.05 * normal, one)
    print(f"  slice {index}: PSNR {scores[0]:.2f} dB, SNR {scores[1]:.2f} dB")

# %% [markdown]
# (Your MS-SSIM differs a little from the library's: of an odd side you drop the last row, the library
# keeps it, as Wang's program does. A paper should name its program.)

# %% tags=["experiment", "picture 1 8"]
best, worst = names[0], names[-1]
figure = viz.figure(
    9, 11, title=f"One PSNR, {seen[best]['PSNR']:.2f} dB, for all eight pictures;"
    f" SSIM from {seen[best]['SSIM']:.2f} down to {seen[worst]['SSIM']:.2f}"
)  # fmt: skip
grid = figure.subplots(4, 4)
for axes in grid.ravel():
    axes.set_xticks([])
    axes.set_yticks([])
for index, name in enumerate(names):
    above, below = grid[2 * (index // 4), index % 4], grid[2 * (index // 4) + 1, index % 4]
    above.imshow(pictures[name], cmap="gray", vmin=window[0], vmax=window[1])
    above.set_title(name, fontsize=9)
    scores = [f"{metric} {seen[name][metric]:.3f}" for metric in ("SSIM", "MS-SSIM", "EPI")]
    above.set_xlabel("\n".join(scores), fontsize=8)
    maps = below.imshow(pictures[name] - clean, cmap="RdBu_r", vmin=-0.15, vmax=0.15)
    below.set_title(f"{name} - clean", fontsize=8)
bar = figure.colorbar(maps, ax=grid[1::2], shrink=0.5, extend="both")
bar.set_label("difference (data range 1)", fontsize=8)
figure

# %% tags=["experiment"]
from scipy.stats import rankdata, spearmanr

three = ("SSIM", "MS-SSIM", "EPI")
ranks = {m: rankdata([-round(seen[name][m], 5) for name in names]) for m in three}
agreement = spearmanr(ranks["SSIM"], ranks["EPI"]).statistic
figure = viz.figure(
    7.5, 4.2, title="Eight pictures of one PSNR, ranked by three metrics"
    f" (SSIM against EPI: rank correlation {agreement:+.2f})"
)  # fmt: skip
axes = figure.subplots()
for index, name in enumerate(names):
    line = [ranks[metric][index] for metric in three]
    axes.plot(range(3), line, marker="osD^vPX*"[index], label=name)
    axes.annotate(f"  {name}", (0, line[0]), xytext=(-8, 0), textcoords="offset points",
                  va="center", ha="right", fontsize=9)  # fmt: skip
axes.set_xticks(range(3), three)
axes.set(xlim=(-0.7, 2.1), ylim=(8.5, 0.5), ylabel="rank (1 = best of eight)", xlabel="metric")
figure

# %% [markdown]
# Ask of each metric what it does *not* see.
#
# - **PSNR and SNR** see no difference: both divide by the same error. Change the *image*, and SNR moves while PSNR stays: a
#   slice with more air has less energy. So compare SNR on one image only.
# - **CoC** forgives brightness and contrast (two pictures score 1). The other six score almost the same. For the reason, read this identity
#   with the MSE given: $\mathrm{MSE} = (\mu_x - \mu_y)^2 + (\sigma_x - \sigma_y)^2 + 2\sigma_x\sigma_y(1 - \mathrm{CoC})$.
# - **MS-SSIM** nearly forgives brightness: luminance enters only at the coarsest scale.
# - **EPI** falls far for a small shift, which no radiologist would mind.
# - **SSIM** likes salt and pepper: few pixels change, and a window without one is perfect. It likes Gaussian noise least: where
#   the clean image is flat, as in air, the two have no structure in common.
#
# None of them knows where the lesion is.
#
# ## Prediction and measurement ({{points eight}})
#
# Compare your predictions with the table, those about `l`, `c` and `s` too. Give your reasons, and explain one result that you did not
# expect. Then use the identity: why can CoC not rank the last six rows? Four to six sentences.

# %% [markdown] nbgrader={"grade_id": "eight", "solution": true, "points": 3}
# I expected SSIM to rank "more contrast" best and salt and pepper worst, since black and white dots look ugly. A constant leaves variances and the
# covariance alone, so "brighter" can lower only `l`; more contrast around the mean lowers only `c`; the other six must lower `s`,
# as they add something that does not follow the image. The table agrees with that: `s` is 1 for these two only. My guess about salt and pepper failed. The dots
# sit on fewer than one pixel in a hundred, so about half of the windows hold none and score 1, while Gaussian noise is in every window and ruins those
# in the air, where the variance of the clean image is near 0. CoC cannot rank the six: with one MSE, and nearly equal means and standard deviations, the
# identity leaves about 1 − MSE / (2σ²) for each of them, so the third decimal holds only the small changes of σ.
#
# ### BEGIN MARK SCHEME
# - 1: a prediction with a reason from the formula (which of `l`, `c`, `s` a distortion changes, or how many windows it touches)
# - 1: names a prediction that failed or held, and explains the measured value by windows, variances or the Laplacian
# - 1: CoC: equal MSE with nearly equal means and standard deviations fixes the correlation
# ### END MARK SCHEME
#
# ### BEGIN EXPLANATION
# SSIM averages over windows, so the number of windows that a distortion touches matters more than how ugly it looks. Many expect salt
# and pepper at the bottom; Gaussian noise is there, because it fills the empty air. CoC looks like a fourth opinion and is none: MSE is a sum of three terms, and
# when two of them are small, the third, 1 − CoC, is fixed.
# ### END EXPLANATION

# %% [markdown]
# ## Play: as bad as noise
#
# At which width does blur cost as much as the pictures above (standard deviation of the difference 0.05)? Would you rather read that
# image, or the noisy one?

# %% tags=["experiment"]
viz.noise_slider(
    colin.images[len(colin) // 2, 0].numpy(),
    lambda image, width, generator: ndimage.gaussian_filter(image, width),
    label="blur (pixels)", maximum=3, value=1, window=window,
    title="Blur in place of noise: the difference sits on the edges",
)  # fmt: skip

# %% [markdown]
# ## Where does a loss pull?
#
# A network sees a loss only through its gradient. For N pixels $x_p$ with targets $y_p$:
#
# $$ \frac{\partial L_2}{\partial x_p} = \frac{2}{N}(x_p - y_p) \qquad \frac{\partial L_1}{\partial x_p} = \frac{1}{N}\,\mathrm{sign}(x_p - y_p) $$
#
# And MS-SSIM? It is a product of powers, so its logarithm is a sum, and with $f_j = cs_j$, at the last scale $f_M = \mathrm{SSIM}_M$:
#
# $$ \frac{\partial\,\text{MS-SSIM}}{\partial x} = \text{MS-SSIM} \cdot \sum_{j=1}^{M} \frac{w_j}{f_j}\,\frac{\partial f_j}{\partial x} $$
#
# (The DLMI lecture has all weights 1, and its sum begins at scale 0, its product at scale 1: a slip; both run over the same
# scales.) The next cell checks all three formulas against autograd.

# %% tags=["experiment"]
from course_lib.metrics.structure import scale_terms  # cs of each scale, SSIM of the last

y = torch.from_numpy(clean)[None, None]
x = torch.from_numpy(pictures["blur"])[None, None].requires_grad_()
weights = torch.tensor(WEIGHTS, dtype=torch.float64)
factors = scale_terms(x, y, 1, scales=5).flatten()
slopes = [torch.autograd.grad(factor, x, retain_graph=True)[0] for factor in factors]
ms = (factors**weights).prod()
by_hand = {
    "L2": 2 / x.numel() * (x - y).detach(),
    "L1": torch.sign(x - y).detach() / x.numel(),
    "MS-SSIM": sum(
        (ms * w / f * s).detach() for w, f, s in zip(weights, factors, slopes, strict=True)
    ),
}
values = {"L2": ((x - y) ** 2).mean(), "L1": (x - y).abs().mean(), "MS-SSIM": ms}
for name, value in values.items():
    (slope,) = torch.autograd.grad(value, x, retain_graph=True)
    apart = float((slope - by_hand[name]).abs().max() / slope.abs().max())
    print(f"{name:8} formula and autograd differ by {apart:.0e} of the largest slope")
pulls = {"L2": -by_hand["L2"], "L1": -by_hand["L1"], "1 − MS-SSIM": by_hand["MS-SSIM"]}

# %% tags=["experiment"]
strength = np.abs(ndimage.laplace(clean))
edges = torch.from_numpy(strength > np.quantile(strength, 0.9))[None, None]
parts = {name: float(pull[edges].abs().sum() / pull.abs().sum()) for name, pull in pulls.items()}
figure = viz.figure(
    9, 3.9, title="Share of the pull on the tenth of the pixels with the strongest edges: "
    + ", ".join(f"{name} {part:.0%}" for name, part in parts.items())
)  # fmt: skip
for axes, (name, pull) in zip(figure.subplots(1, 3), pulls.items(), strict=True):
    limit = float(pull.abs().quantile(0.99))
    axes.imshow(pull[0, 0], cmap="RdBu_r", vmin=-limit, vmax=limit)
    axes.set_title(f"{name}: where the blur should change", fontsize=9)
    axes.set_xlabel("red: brighter, blue: darker (own scale)", fontsize=8)
    axes.set_xticks([])
    axes.set_yticks([])
figure

# %% tags=["experiment"]
instant_questions("lab05", [4, 5])

# %% [markdown]
# ## Exercise 4: SSIM as a loss ({{points SSIMLoss}})
#
# A loss must have a gradient. So now everything is torch, and nothing may leave the graph.
#
# **Goal.** A module `SSIMLoss(data_range)`: called with two tensors `(N, 1, H, W)`, it returns **1 − SSIM**, averaged over all windows
# of all images: one number, with a gradient to the prediction. It has no parameters.
#
# **Steps.**
# 1. In `__init__`: keep the data range. Then the window of exercise 2 as a tensor `(1, 1, 11, 11)`, kept by
#    `self.register_buffer("window", …)`: a buffer moves to the GPU with the module, but does not learn.
# 2. In `forward`: the local mean is a convolution with the window, without padding. Clip nothing: SSIM can be negative, and
#    where a value is cut off there is no gradient.
#
# **Example.** Equal images give 0. `x` = 0.5 against `y` = 0.6 everywhere gives 1 − 0.984 = 0.016.
#
# **Hint.** A loss must fall when the image gets better. `.item()`, `.numpy()`, `.detach()` and `torch.no_grad()` all cut the gradient.
#
# ### BEGIN EXPLANATION
# A metric becomes a loss when it has a gradient everywhere and falls as the image improves. Cutting SSIM off at 0 looks harmless, but a prediction whose
# contrast is reversed then has a gradient of exactly 0 and never recovers. The window is a buffer: as a parameter, the training would bend the ruler it is measured with.
# ### END EXPLANATION

# %% nbgrader={"grade_id": "SSIMLoss", "solution": true}
class SSIMLoss(nn.Module):
    """1 - SSIM (Gaussian window 11, sigma 1.5), the mean over all windows of (N, 1, H, W)."""

    def __init__(self, data_range):
        super().__init__()
        ### BEGIN SOLUTION
        self.data_range = data_range
        offsets = torch.arange(-5.0, 6.0)
        window = torch.exp(-(offsets[:, None] ** 2 + offsets**2) / (2 * 1.5**2))
        self.register_buffer("window", (window / window.sum())[None, None])
        ### END SOLUTION

    def forward(self, prediction, target):
        ### BEGIN SOLUTION
        def local_mean(image):
            return nn.functional.conv2d(image, self.window)  # (N, 1, H, W) -> (N, 1, H - 10, W - 10)

        mean_x, mean_y = local_mean(prediction), local_mean(target)
        variance_x = local_mean(prediction**2) - mean_x**2
        variance_y = local_mean(target**2) - mean_y**2
        covariance = local_mean(prediction * target) - mean_x * mean_y
        c1, c2 = (0.01 * self.data_range) ** 2, (0.03 * self.data_range) ** 2
        luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
        structure = (2 * covariance + c2) / (variance_x + variance_y + c2)
        return 1 - (luminance * structure).mean()
        ### END SOLUTION


# %% nbgrader={"grade_id": "SSIMLoss_test", "points": 2}
from course_lib.exercise import without

### BEGIN HIDDEN TESTS
import sys


def packages_of(call):
    """The packages whose Python code runs in a call."""
    found, before = set(), sys.getprofile()
    sys.setprofile(lambda frame, *_: found.add(frame.f_globals.get("__name__", "").split(".")[0]))
    try:
        call()
    finally:
        sys.setprofile(before)
    known = "course_lib", "kornia", "monai", "piqa", "pytorch_msssim", "tensorflow", "torchmetrics"
    return found.intersection(known)


def ssim_slopes(shapes, rng):
    """One loss for all batches: each value, and each gradient to the prediction."""
    loss, found = SSIMLoss(rng.uniform(0.7, 4)).double(), []
    for shape in shapes:
        target = torch.from_numpy(rng.normal(0, 1, shape))
        gain, noise = rng.uniform(-0.9, 0.9, (shape[0], 1, 1, 1)), rng.normal(0, 0.4, shape)
        prediction = torch.from_numpy(gain) * target + torch.from_numpy(noise)
        value = loss(prediction.requires_grad_(), target)
        value.backward()
        found += [value, 1000 * prediction.grad]
    return found


### END HIDDEN TESTS
rows, columns = np.mgrid[:18, :15]
waves, half = 0.5 + 0.3 * np.sin(rows / 3) * np.cos(columns / 4), (columns >= 9) * (0.2 + rows / 30)
y = torch.tensor(np.stack([waves, half])[:, None])  # the left of the second is empty, like air
x = y + 0.1 * torch.from_numpy(np.random.default_rng(4).standard_normal((2, 1, 18, 15)))
cases = [  # prediction, target, data range; loss, its gradient times the prediction; look at
    (y, y.clone(), 1, 0, 0, "equal images: 1 minus SSIM"),
    (0 * y + 0.5, 0 * y + 0.6, 1, 0.016391, -0.177340, "flat: c1, c2, a window of sum 1"),
    (x, y, 1, 0.399727, 0.128659, "a noisy batch: the mean over all whole windows, no padding"),
    (255 * x, 255 * y, 255, 0.399727, 0.128659, "other units: data_range is squared"),
    (x - 2, y - 2, 3, 0.235033, 0.211768, "below 0: nothing is clipped"),
    (1 - y, y, 1, 1.539753, -0.040810, "a negative: where SSIM is cut off there is no gradient"),
]
with without("course_lib.losses.SSIMLoss", "course_lib.metrics.ssim", "course_lib.metrics.ms_ssim"):
    for *pair, data_range, expected, slope, hint in cases:
        mine, loss = [image.clone() for image in pair], SSIMLoss(data_range).double()
        assert not list(loss.parameters()), "the window is no parameter: use register_buffer"
        assert list(loss.buffers()), "the window must move with the loss: use register_buffer"
        value = loss(mine[0].requires_grad_(), mine[1])
        assert torch.is_tensor(value) and value.shape == (), f"return one tensor, got {value!r}"
        assert value.requires_grad, "no gradient: .item(), .numpy(), .detach() and no_grad() cut it"
        assert abs(value.item() - expected) < 2e-5, f"{hint}: expected {expected}, got {value:.6f}"
        assert all(map(torch.equal, mine, pair)), "your answer changes its images (-=, clamp_())"
        value.backward()
        got = float((mine[0].grad * mine[0].detach()).sum()) if mine[0].grad is not None else 0
        assert abs(got - slope) < 2e-5, f"{hint}; gradient {slope}, got {got:.6f}: a part detached?"
    ### BEGIN HIDDEN TESTS
    value = float(SSIMLoss(1)(x.float(), y.float()))
    assert abs(value - 0.399727) < 2e-4, f"in single precision: expected 0.3997, got {value:.4f}"
    borrowed = packages_of(lambda: SSIMLoss(1)(x.float(), y.float()))
    assert not borrowed, f"your answer lets {borrowed} do the work: write it yourself"
    with torch.no_grad():
        SSIMLoss(1)(x.float(), y.float())
        assert not torch.is_grad_enabled(), "your answer turns gradients on for everybody else"
    ### END HIDDEN TESTS
    ### HIDDEN VALUE: ssim_slopes([(3, 1, 19, 13), (1, 1, 12, 22)], rng)
print("SSIMLoss: right")

# %% [markdown]
# ## Exercise 5: a perceptual loss ({{points PerceptualLoss}})
#
# Two images look alike if a network that has learnt to see finds the same features in them. `features`
# is a module that takes `(N, 3, H, W)` and returns a **list** of feature maps, one for each chosen layer, of different sizes.
#
# **Goal.** A module `PerceptualLoss(features)`: called with two grey batches `(N, 1, H, W)`, in [0, 1] or a little beyond (clip
# nothing), it returns one number, the **sum over the layers of the mean squared difference** of their feature maps.
#
# **Steps.**
# 1. Keep `features` as an attribute, in evaluation mode (no dropout) and frozen: the judge must not learn.
# 2. Make three equal channels of the grey one (`.expand`), and normalise them as the network was trained: minus `MEAN`, then divided by `STD`.
# 3. Features of both; those of the target need no gradient. In each layer the **mean** of the squared differences, so that a large map does not outvote a small one.
#
# **Example.** Two layers, of 1000 and of 10 numbers. All numbers differ by 0.1 in the first layer and by 2 in the second: 0.01 + 4 = 4.01.
#
# **Hint.** Frozen is not the same as detached: the gradient must pass *through* the features to the prediction.
#
# ### BEGIN EXPLANATION
# Frozen means that the features' weights do not learn; detached means that no gradient passes. The loss needs the first and must avoid the second for the
# prediction, while the target may be detached. Leaving the features in training mode is the quiet mistake: dropout then gives the same pair another loss each time.
# ### END EXPLANATION

# %%
# red, green, blue: means and standard deviations of ImageNet's photographs in [0, 1]
MEAN = torch.tensor([0.485, 0.456, 0.406]).reshape(1, 3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225]).reshape(1, 3, 1, 1)


# %% nbgrader={"grade_id": "PerceptualLoss", "solution": true}
class PerceptualLoss(nn.Module):
    """Sum over layers of the mean squared difference; features(N, 3, H, W) -> list of maps."""

    def __init__(self, features):
        super().__init__()
        ### BEGIN SOLUTION
        self.features = features.eval().requires_grad_(False)
        ### END SOLUTION

    def forward(self, prediction, target):
        ### BEGIN SOLUTION
        def look(image):
            return self.features((image.expand(-1, 3, -1, -1) - MEAN) / STD)  # (N, 1, H, W) -> (N, 3, H, W) -> maps

        with torch.no_grad():
            wanted = look(target)
        return sum(((mine - other) ** 2).mean() for mine, other in zip(look(prediction), wanted, strict=True))
        ### END SOLUTION


# %% nbgrader={"grade_id": "PerceptualLoss_test", "points": 2}
from course_lib.exercise import without

### BEGIN HIDDEN TESTS
from course_lib.exercise import random_weights


class MoreEyes(nn.Module):
    """Three maps, with a normalisation and a dropout that evaluation mode makes harmless."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 6, 3)
        self.norm = nn.BatchNorm2d(4)

    def forward(self, image):
        one = self.norm(self.first(image)).relu()
        two = self.second(nn.functional.dropout(one, 0.5, self.training))
        return [one, two.tanh(), 2 * two.mean((2, 3), keepdim=True)]


def perceptual_slopes(rng):
    """One loss for several pairs: each value, and each gradient to the prediction."""
    loss, found = PerceptualLoss(random_weights(MoreEyes(), rng).double().train()), []
    for shape in [(2, 1, 12, 7), (1, 1, 5, 16)]:
        prediction, target = torch.from_numpy(rng.uniform(-0.3, 1.3, (2, *shape)))
        value = loss(prediction.requires_grad_(), target)
        value.backward()
        found += [value, 100 * prediction.grad]
    return found


### END HIDDEN TESTS
one, two = torch.from_numpy(np.random.default_rng(5).uniform(-0.2, 1.2, (2, 2, 1, 9, 6)))
seen, cases = [], [  # target; the loss, its gradient times the prediction; what to look at
    (one, 0, 0, "equal images: are the features in evaluation mode, without dropout?"),
    (two, 0.946983, 0.857466, "squares, their mean in each layer, the sum of these; no clipping"),
    (one.flip(-1), 0.428211, -0.064283, "another target: nothing is kept from call to call"),
]
with without("course_lib.losses.PerceptualLoss"):
    class Eyes(nn.Sequential):  # two maps of different size, in place of a large network
        def forward(self, image):
            maps = seen.append(image.detach()) or super().forward(image)
            return [maps, maps[..., :2] ** 2]
    eyes = Eyes(nn.Conv2d(3, 2, 3, bias=False), nn.Tanh(), nn.Dropout(0.5)).double()
    eyes[0].weight.data = torch.linspace(-0.1, 0.15, 54).reshape(2, 3, 3, 3).double()
    loss = PerceptualLoss(eyes)
    assert not any(p.requires_grad for p in loss.parameters()), "freeze: .requires_grad_(False)"
    for target, expected, slope, hint in cases:
        mine = [one.clone().requires_grad_(), target.clone().requires_grad_()]
        value, means = loss(*mine), np.round(seen[0].mean((0, 2, 3)).numpy() if seen else 0, 3)
        assert np.allclose(means, [0.16, 0.3, 0.52], atol=9e-3), (
            f"the features saw channels of mean {means}, not 0.16, 0.30, 0.52: (image - MEAN) / STD"
        )
        assert torch.is_tensor(value) and value.shape == (), f"return one tensor, got {value!r}"
        assert value.requires_grad, "no gradient: it passes through the frozen features"
        assert abs(value.item() - expected) < 1e-5, f"{hint}: expected {expected}, got {value:.6f}"
        value.backward()
        assert mine[0].grad is not None and mine[1].grad is None, "gradient to the prediction alone"
        assert abs((mine[0].grad * one).sum() - slope) < 1e-5, "another gradient: a layer detached?"
    ### BEGIN HIDDEN TESTS
    mine = one.clone(), two.clone()
    loss(*mine)
    assert all(map(torch.equal, mine, (one, two))), "your answer changes its images: -=, clamp_()"
    more = PerceptualLoss(MoreEyes())
    assert [*more.parameters()], "keep `features` as an attribute: in a list nn.Module cannot see it"
    assert not any(p.requires_grad for p in more.parameters()), "freeze all parameters, not some"
    with torch.no_grad():
        loss(one, two)
        assert not torch.is_grad_enabled(), "your answer turns gradients on for everybody else"
    ### END HIDDEN TESTS
    ### HIDDEN VALUE: perceptual_slopes(rng)
print("PerceptualLoss: right")

# %% [markdown]
# ## One network, five losses
#
# The same small network (`BrainCDAE`, width 32), synthetic heads, crops, noise
# (Gaussian, sigma 0.1) and number of steps; only the loss differs. To save time the network first learns with L2. Then it is copied five
# times, and each copy trains on with its own loss. So the table shows where each loss **pulls** a network, not how well each
# would do alone after a very long time.
#
# | loss | formula |
# |---|---|
# | L2 | `nn.MSELoss()` |
# | L1 | `nn.L1Loss()` |
# | SSIM | `SSIMLoss(data_range=1)`, yours if it passed its test |
# | MS-SSIM + L1 | `losses.MixLoss(data_range=1)`: 0.84 · (1 − MS-SSIM) + 0.16 · L1 (Zhao et al. 2017) |
# | L2 + VGG | L2 + factor · `PerceptualLoss`, yours on a CPU; the factor makes the two terms equally large at the start |
#
# Crops of 64 pixels allow MS-SSIM three scales. `course data fetch vgg16` gets VGG16's weights (528 MiB);
# without them the perceptual loss has **random features**, and the table says so: that is another loss.
#
# **Predict before you train.** Which of the five will be best inside the brain by PSNR, by SSIM, by EPI?

# %% tags=["experiment"]
prediction_of_losses = {"PSNR": None, "SSIM": None, "EPI": None}  # for example "L1"

# %% [markdown]
# (The first time, about a minute for the synthetic heads.)

# %% tags=["experiment"]
subjects = profile.pick(ci=2, cpu=12, gpu=20)
slices = profile.pick(ci=8, cpu=30, gpu=30)
cohort = brains.brain_slices("cohort", subjects=subjects, slices=slices)
train_slices = cohort.images[cohort.subjects < subjects - max(1, subjects // 6)]  # rest: tuning
sigma = 0.1
corrupt = functools.partial(noise.gaussian, sigma=sigma)
deep = ["relu1_2", "relu2_2", "relu3_3", "relu4_3"]
layers = profile.pick(ci=deep[:1], cpu=deep[:2], gpu=deep)
vgg = losses.PerceptualLoss(layers, pretrained="if here")
eyes = "VGG" if vgg.init == "imagenet" else "random features"


class Features(nn.Module):
    """The layers of VGG16 as exercise 5 wants them; the library's normalise, so undo yours."""

    def forward(self, image):
        return vgg.features(image * STD + MEAN)


perceptual = vgg
if profile.device == "cpu":  # MEAN and STD stay on the CPU
    perceptual = yours("PerceptualLoss", lambda features: vgg, name="PerceptualLoss")(Features())
ssim_loss = yours("SSIMLoss", losses.SSIMLoss, name="SSIMLoss")(data_range=1).to(profile.device)
print(f"train on {len(train_slices)} synthetic slices; test on {len(colin)} of Colin27")
print(f"features: {vgg}")

# %% [markdown]
# Now train. (Two to three minutes and 1.5 GB on 2 cores; on a GPU longer, with more seeds.)

# %% tags=["experiment"]
import copy

from course_lib import evaluation
from course_lib._progress import progress_bar
from course_lib.models.dae import BrainCDAE

crop, scales = profile.pick(ci=(64, 3), cpu=(64, 3), gpu=(176, 5))
seeds = range(profile.pick(ci=1, cpu=3, gpu=5))
shared_epochs, own_epochs = profile.pick(ci=(8, 2), cpu=(10, 3), gpu=(100, 40))


def train(model, loss, epochs, seed, learning_rate):
    """`training.fit` on random crops; one seed gives the same crops and noise for every loss."""
    training.fit(
        model, train_slices, loss=loss, corrupt=corrupt, epochs=epochs, batch_size=8,
        learning_rate=learning_rate, seed=seed, progress=False,
        transform=lambda image, generator: images.random_crop(image, crop, generator=generator),
    )  # fmt: skip
    return model


def perceptual_factor(model):
    """Makes the perceptual term as large as the squared error, on eight training slices."""
    some = train_slices[:: max(1, len(train_slices) // 8), :, 40:104, 40:104]
    answer = training.denoise(model, corrupt(some, generator=torch.Generator().manual_seed(0)))
    return float(nn.functional.mse_loss(answer, some) / perceptual(answer, some))


# %% tags=["experiment"]
def with_perceptual(factor):
    """L2 plus the perceptual loss times a factor."""
    return lambda x, y: nn.functional.mse_loss(x, y) + factor * perceptual(x, y)


trained = {}  # loss -> the networks of all seeds
for seed in progress_bar(seeds, desc="seeds"):
    with training.fixed_seed(seed):
        start = train(BrainCDAE(width=32), nn.MSELoss(), shared_epochs, seed, 3e-3)
    five = {
        "L2": nn.MSELoss(),
        "L1": nn.L1Loss(),
        "SSIM": ssim_loss,
        "MS-SSIM + L1": losses.MixLoss(data_range=1, scales=scales),
        f"L2 + {eyes}": with_perceptual(perceptual_factor(start)),
    }
    for name, loss in five.items():
        model = train(copy.deepcopy(start), loss, own_epochs, seed + 100, 1e-3)
        trained.setdefault(name, []).append(train(model, loss, own_epochs, seed + 200, 2e-4))

# %% tags=["experiment"]
SCORES = {
    "PSNR": functools.partial(metrics.psnr, data_range=1),
    "SSIM": functools.partial(metrics.ssim, data_range=1),
    **{name: METRICS[name] for name in ("MS-SSIM", "EPI", "SNR")},
}
regions = {"whole image": None, "brain": colin.brain_masks}


def compare(seed):
    methods = {
        name: lambda noisy, _, model=models[seed]: training.denoise(model, noisy)
        for name, models in trained.items()
    }
    return evaluation.compare(
        methods, colin.images, noise.gaussian, sigma=sigma, metrics=SCORES, masks=regions,
        seed=seed, progress=False,
    )  # fmt: skip


tables = [compare(seed) for seed in seeds]
values = {  # each (seeds, metrics)
    (region, name): np.array([[table.mean(name, m, region) for m in SCORES] for table in tables])
    for region in regions
    for name in trained
}

# %% tags=["experiment"]
print(f"Colin27, {len(colin)} slices, noise sigma {sigma}: mean ± sd of {len(seeds)} seed(s).")
print("SSIM: Wang 2004; PSNR and SNR in dB; networks clipped to [0, 1] before scoring.")
for region in regions:
    print(f"\n{region:20}" + "".join(f"{metric:>18}" for metric in SCORES))
    for name in trained:
        of_seeds = values[region, name]
        mean, deviation = of_seeds.mean(0), of_seeds.std(0, ddof=min(1, len(seeds) - 1))
        digits = [2 if metric in ("PSNR", "SNR") else 4 for metric in SCORES]
        rows = zip(mean, deviation, digits, strict=True)
        cells = [f"{m:.{places}f} ± {d:.{places}f}" for m, d, places in rows]
        print(f"{name:20}" + "".join(f"{cell:>18}" for cell in cells))
print()
for metric, said in prediction_of_losses.items():
    column = list(SCORES).index(metric)
    winner = max(trained, key=lambda name: values["brain", name][:, column].mean())
    print(f"best {metric} inside the brain: you said {said}, measured {winner}")

# %% [markdown]
# Now the difference from L2 **of the same seed**: same first stage, same crops, same noise.

# %% tags=["experiment"]
others = [name for name in trained if name != "L2"]
gains = {name: values["brain", name] - values["brain", "L2"] for name in others}
best = {}
for column, metric in enumerate(SCORES):
    name = max(others, key=lambda name: gains[name][:, column].mean())
    best[metric] = f"{metric} {gains[name][:, column].mean():+.2g} ({name})"
best.pop("SNR")  # its gains are those of PSNR: both have the same error below
figure = viz.figure(
    9, 5.6, title="Inside the brain, the largest gain over L2: " + ", ".join(best.values())
)  # fmt: skip
places = figure.subplots(2, 2).ravel()
for column, (metric, axes) in enumerate(zip(best, places, strict=True)):
    for row, name in enumerate(others):
        axes.barh(row, gains[name][:, column].mean(), color="0.8")
        axes.plot(gains[name][:, column], [row] * len(seeds), "k.", markersize=5)
    axes.axvline(0, color="k", linewidth=0.8)
    axes.set_yticks(range(len(others)), others if column % 2 == 0 else [""] * len(others))
    axes.invert_yaxis()
    axes.tick_params(labelsize=8)
    axes.locator_params(axis="x", nbins=3)
    unit = " (dB)" if metric == "PSNR" else ""
    axes.set_xlabel(f"{metric} minus that of L2{unit}\nbar: mean, points: seeds", fontsize=8)
figure

# %% tags=["experiment"]
middle = len(colin) // 2
noisy = corrupt(colin.images, generator=torch.Generator().manual_seed(0))
answers = {name: training.denoise(models[0], noisy).clamp(0, 1) for name, models in trained.items()}
errors = {name: (answer - colin.images)[colin.brain_masks] for name, answer in answers.items()}
order = sorted(errors, key=lambda name: errors[name].std())
ends = [f"{errors[name].std():.4f} ({name})" for name in (order[0], order[-1])]
viz.panel(
    colin.images[middle, 0, 70:150, 50:130], noisy[middle, 0, 70:150, 50:130],
    {name: answer[middle, 0, 70:150, 50:130] for name, answer in answers.items()}, window=window,
    title="Five losses: standard deviation of the error in all brains from " + " to ".join(ends),
)  # fmt: skip

# %% [markdown]
# What does each loss buy? A network is often best, or nearly so, in what it was trained for. That is no proof that
# its pictures are better. Which gains have the same sign in every seed? Which difference map
# has the edges in it? And which losses let the brightness drift (the means below the maps)?
#
# ## Play: which was denoised by what?
#
# Four filters of lab 04 and two of your networks got the same noisy slice. Guess before you reveal.

# %% tags=["experiment"]
from course_lib.classical import filters
from course_lib.classical.bm3d import bm3d

one = noisy[middle : middle + 1]
blind = {
    "Gaussian filter": filters.gaussian(one, sigma),
    "total variation": filters.total_variation(one, sigma),
    "non-local means": filters.non_local_means(one, sigma),
    "BM3D": bm3d(one, sigma),
    "network, L2": answers["L2"][middle],
    "network, SSIM": answers["SSIM"][middle],
}
viz.blind_test(
    colin.images[middle], blind, seed=5, zoom=(70, 50, 60), window=window,
    title="Which was denoised by what?",
)  # fmt: skip

# %% [markdown]
# ## In your own words ({{points judge}})
#
# A paper says: "Trained with our SSIM loss, the network reaches an SSIM of 0.93, and with MSE only 0.91. So SSIM is the better loss for diagnosis."
# What is wrong with this argument, and what would you ask for? Use the eight pictures, and compare your prediction for the five losses with the table. Four to eight sentences.

# %% [markdown] nbgrader={"grade_id": "judge", "solution": true, "points": 3}
# The network was trained for the number that judges it, so a higher SSIM is what one expects, not a finding; a second metric must say so
# too. I predicted that each loss would win its own column, and inside the brain it did: SSIM by 0.010 (spread over seeds 0.004), L2 in PSNR by
# 0.07 dB over the next, far less than the seeds differ (0.5 dB). I had not expected EPI: the SSIM loss won it by 0.12, with every seed, though nothing was
# trained for it. That is a better argument than the paper's. SSIM is one decision about what may be lost: among eight pictures of the same
# MSE it put salt and pepper far before Gaussian noise, and noise costs it most in the empty air, which nobody reads. So I ask for
# the numbers inside the brain, with the window and the data range, for several seeds with error bars, and for PSNR and EPI
# beside them. No metric here knows where a lesion is. Diagnosis means a task: readers who do not know the
# method find lesions, or an algorithm does, in images of both networks. And I want to see the difference maps: anatomy
# in them is anatomy that was taken away or made up.
#
# ### BEGIN MARK SCHEME
# - 1: says that the network was trained for the number that judges it, and asks for another metric, regions or seeds
# - 1: compares the own prediction for the five losses with the table, and the size of a gain with the spread over seeds
# - 1: asks for a task: lesions found by readers or by an algorithm, or difference maps with anatomy in them
# ### END MARK SCHEME
#
# ### BEGIN EXPLANATION
# A loss that is also the judge wins its own contest; that says nothing about another judge. Most gains in the table are smaller than the spread over seeds, so only differences within one
# seed are worth reading. The common mistake is to trade one number for another: a diagnosis is a task, and needs a test with lesions.
# ### END EXPLANATION

# %% [markdown]
# ## What to remember
#
# - A metric is a decision about what may be lost. Say which one, its window, its data range, its region.
# - Equal MSE on one image means equal PSNR, SNR and nearly CoC: SSIM, MS-SSIM and EPI rank the same pictures differently.
# - SSIM = luminance · contrast · structure; with c3 = c2/2 the last two become one fraction.
# - L1 pulls every pixel equally hard, L2 in proportion to its error.
# - Average PSNR over images, each inside its own mask.
# - What is a loss is no longer a neutral judge. Report others beside it, with seeds.
# - A perceptual loss is as good as its features.
#
# The functions that you wrote are `course_lib.metrics.psnr` (with `.mean()`), `ssim` and `ms_ssim`, and
# `course_lib.losses.SSIMLoss` and `PerceptualLoss`.
