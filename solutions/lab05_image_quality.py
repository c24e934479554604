# %% [markdown]
# # Lab 05: What is a good image?
#
# {{badges}}
#
# **The question of this lab: when a number says that an image is better, is it?**
#
# You need about two hours. On 2 CPU cores the cells compute for about 5 minutes in all, and take less than 2 GB of
# memory. On a GPU the networks are trained for longer, with more seeds.
#
# In this lab you will
#
# - spoil one image in eight ways that have exactly the same mean squared error, and see that the other metrics disagree,
# - write PSNR for a batch, SSIM from local moments, and MS-SSIM,
# - turn a metric into a loss: SSIM, and a perceptual loss on the features of a network,
# - guess which picture was denoised by what,
# - train one small network with five losses, and see what each of them buys.
#
# {{exercises}}

# %% tags=["setup"]
# `course build` writes the set-up cell here

# %% [markdown]
# ## Theory in half a page
#
# A metric is a decision about what may be lost. The **MSE**, and with it PSNR, counts each pixel alone: it cannot tell a
# shift of brightness from noise. **SSIM** compares two images window by window, as a product of two factors:
#
# $$ \mathrm{SSIM} = \underbrace{\frac{2\mu_x\mu_y + c_1}{\mu_x^2 + \mu_y^2 + c_1}}_{l,\ \text{luminance}} \cdot
# \underbrace{\frac{2\sigma_{xy} + c_2}{\sigma_x^2 + \sigma_y^2 + c_2}}_{cs,\ \text{contrast and structure}}
# \qquad c_1 = (0.01\,L)^2,\ c_2 = (0.03\,L)^2 $$
#
# Here $\mu$, $\sigma^2$ and $\sigma_{xy}$ are the mean, the variance and the covariance inside the window, and $L$ is the data range.
#
# **MS-SSIM** looks from five distances. It halves the images again and again, takes the mean `cs` at each scale, the
# luminance only at the coarsest, and multiplies them, each to the power of its weight:
# $\mathrm{MS\text{-}SSIM} = \mathrm{SSIM}_M^{\,w_M}\,\prod_{j<M} cs_j^{\,w_j}$.
# Two more numbers from papers on medical images: the **EPI** (edge preservation index) is the correlation of the two
# images after a Laplacian filter: it sees edges and fine texture only. The **CoC** (coefficient of correlation) is the plain
# correlation: it does not mind brightness or contrast.
#
# What is minimised is another decision. L2 makes twice the error four times as bad, L1 only twice. `1 - SSIM` has a gradient too, so a
# network can learn from it. A **perceptual loss** compares not the pixels, but the features that a trained network
# (VGG16) sees in them.
#
# **Sources.** Wang et al. 2004, *Image quality assessment: from error visibility to structural similarity*; Wang et al. 2003,
# *Multiscale structural similarity*; Sattar et al. 1997 (EPI); Zhao et al. 2017, *Loss functions for image restoration
# with neural networks*; Johnson et al. 2016, *Perceptual losses for real-time style transfer*; lecture, part 5; attention
# U-Net deck (VGG loss).

# %%
import functools

import numpy as np
import torch
from torch import nn

from course_lib import images, losses, metrics, noise, training, viz
from course_lib.data import brains

# %% [markdown]
# ## Exercise 1: the PSNR of a batch ({{points batch_psnr}})
#
# A paper reports one PSNR for many images. There are two ways to come to it, and they are not the same number.
#
# **Goal.** `batch_psnr(prediction, target, data_range, mask)`: the PSNR of each image inside its mask, then averaged: one number.
# `prediction` and `target` are tensors `(N, 1, H, W)`; `mask` is boolean, of the same shape.
#
# **Steps.**
# 1. The squared error in each pixel, zero outside the mask.
# 2. For each image: the sum over its pixels, divided by the number of pixels **in its mask**. Now you have N numbers.
# 3. `10·log10(data_range² / MSE)` of each. Then the mean.
#
# **Example.** Two images, errors 0.1 and 0.01 in each pixel, all pixels in the mask, `data_range=1`: 20 dB and 40 dB, so 30 dB.
#
# **Hint.** The PSNR of the mean MSE would be 23 dB: there the worst image decides nearly alone. A number times `True` is
# itself, times `False` it is 0. To sum within each image: `.sum((1, 2, 3))`.

# %% nbgrader={"grade_id": "batch_psnr", "solution": true}
def batch_psnr(prediction, target, data_range, mask):
    """Mean over images of the PSNR inside the mask, in dB; tensors (N, 1, H, W), mask boolean."""
    ### BEGIN SOLUTION
    squares = ((prediction - target) ** 2 * mask).sum((1, 2, 3))  # (N, 1, H, W) -> (N,)
    error = squares / mask.sum((1, 2, 3))
    return (10 * torch.log10(data_range**2 / error)).mean()
    ### END SOLUTION


# %% nbgrader={"grade_id": "batch_psnr_test", "points": 2}
import warnings

from course_lib.exercise import without

with without(
    "course_lib.metrics.psnr", "course_lib.metrics.mse", "skimage.metrics.peak_signal_noise_ratio"
), warnings.catch_warnings(action="ignore"):  # fmt: skip
    flat, everywhere = torch.full((2, 1, 4, 5), 0.5), torch.ones(2, 1, 4, 5, dtype=torch.bool)
    errors = torch.tensor([0.1, 0.01]).reshape(2, 1, 1, 1)
    value = batch_psnr(flat + errors, flat, 1, everywhere)
    assert value is not None, "nothing came back: `return` the mean (print only shows it)"
    assert np.ndim(value) == 0, f"return one number, the mean over the images; got the shape {tuple(np.shape(value))}"
    assert abs(float(value) - 30) < 1e-3, (
        f"the example (20 dB and 40 dB) should give 30, got {float(value):.2f}:"
        " logarithm to base 10, of data_range² / MSE; one PSNR for each image, and only then the mean"
    )
    rng = np.random.default_rng(0)
    a, b = rng.random((3, 1, 6, 7)), rng.random((3, 1, 6, 7))
    a[1] = b[1] + 0.3 * (a[1] - b[1])
    inside = rng.random((3, 1, 6, 7)) < np.array([0.2, 0.5, 0.9]).reshape(3, 1, 1, 1)
    each = []
    for x, y, m in zip(a, b, inside, strict=True):  # pixel by pixel, each image for itself
        squares = [(u - v) ** 2 for u, v, w in zip(x.ravel(), y.ravel(), m.ravel(), strict=True) if w]
        each.append(10 * np.log10(1 / (sum(squares) / len(squares))))
    wanted, given = sum(each) / 3, [torch.from_numpy(array) for array in (a, b, inside)]
    mine = [tensor.clone() for tensor in given]
    got = batch_psnr(mine[0], mine[1], 1, mine[2])
    for name, before, after in zip(("prediction", "target", "mask"), given, mine, strict=True):
        assert torch.equal(before, after), f"your answer changes `{name}`, and the caller's images with it: no -=, *=, [...] = or sub_() on what is handed in"
    assert abs(float(got) - wanted) < 1e-4, (
        f"with a mask: expected {wanted:.3f} dB, got {float(got):.3f}."
        " Only pixels inside the mask count, and each image is divided by the number of pixels in its own mask"
    )
    got = float(batch_psnr(255 * given[0], 255 * given[1], 255, given[2]))
    assert abs(got - wanted) < 1e-4, f"in other units (255 times image and data_range) expected {wanted:.3f} dB again, got {got:.3f}: data_range is squared"
    got = float(batch_psnr(given[0] + 1, given[1] + 1, 1, given[2]))
    assert abs(got - wanted) < 1e-4, f"both images one brighter: expected {wanted:.3f} dB again, got {got:.3f}. Do not clip, and do not take the largest value for data_range"
    ### HIDDEN VALUE: batch_psnr(random_tensor(rng, 3, 1, 9, 11), random_tensor(rng, 3, 1, 9, 11), float(rng.uniform(0.5, 3)), random_tensor(rng, 3, 1, 9, 11) < random_tensor(rng, 3, 1, 1, 1) + 0.1)
print("batch_psnr: right")

# %% [markdown]
# ## Exercise 2: SSIM from local moments ({{points ssim}})
#
# In lab 02 the window was given. Now you build it. (Moments are means, variances and covariances.)
#
# **Goal.** `ssim(prediction, target, data_range)` of two numpy images `(H, W)`. It returns **two numbers**: the mean of the SSIM map
# `l · cs`, and the mean of its second factor `cs` alone (MS-SSIM needs it). All from plain numpy: another library's SSIM is no answer.
#
# **Steps.**
# 1. The Gaussian window: 11×11 weights `exp(-(i² + j²) / (2·1.5²))` with `i, j` from −5 to 5, divided by their sum.
# 2. All windows at once: `np.lib.stride_tricks.sliding_window_view(image, (11, 11))` is `(H - 10, W - 10, 11, 11)`. Times the weights,
#    summed over the last two axes, it is the local mean.
# 3. Local variance: the local mean of the squares minus the square of the local mean. The covariance likewise: the local mean of
#    the product minus the product of the local means.
# 4. `l` and `cs` of the theory, window by window. Return `(mean of l · cs, mean of cs)`.
#
# **Example.** `ssim(x, x, 1)` is `(1, 1)`. For `x` = 0.5 and `y` = 0.6 everywhere, `cs` is 1, as nothing varies, and
# `l` is (2 · 0.5 · 0.6 + 0.0001) / (0.25 + 0.36 + 0.0001) = 0.984: the answer is `(0.984, 1)`.
#
# **Hint.** Where both images are zero, the constants `c1` and `c2` keep you from 0 / 0.

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
import sys
import warnings

from course_lib.exercise import without


def window_by_window(x, y, data_range):
    """The definition, with two loops: slow, and independent."""
    weights = np.array([[np.exp(-(i * i + j * j) / 4.5) for j in range(-5, 6)] for i in range(-5, 6)])
    weights /= weights.sum()
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    both, structure = [], []
    for row in range(x.shape[0] - 10):
        for column in range(x.shape[1] - 10):
            u, v = x[row : row + 11, column : column + 11], y[row : row + 11, column : column + 11]
            mu, mv = (weights * u).sum(), (weights * v).sum()
            su, sv = (weights * (u - mu) ** 2).sum(), (weights * (v - mv) ** 2).sum()
            suv = (weights * (u - mu) * (v - mv)).sum()
            structure.append((2 * suv + c2) / (su + sv + c2))
            both.append(structure[-1] * (2 * mu * mv + c1) / (mu**2 + mv**2 + c1))
    return sum(both) / len(both), sum(structure) / len(structure)


rng = np.random.default_rng(2)
rows, columns = np.mgrid[:17, :21]
x = 0.5 + 0.45 * np.sin(rows / 3) * np.cos(columns / 4)
half = np.where(columns < 12, 0, x)  # the left half is empty, as the air around a head
cases = {
    "a noisy image": (x + 0.1 * rng.standard_normal(x.shape), x),  # some pixels below 0, some above 1
    "a darker image": (0.6 * x, x),
    "a negative": (1 - x, x),
    "an image with an empty half": (1.2 * half, half),
}
wanted = {name: window_by_window(u, v, 1) for name, (u, v) in cases.items()}
del window_by_window  # the answer must not lean on it

packages = set()


def note(frame, event, argument):  # python calls it at each function call: it writes down whose code runs
    packages.add(frame.f_globals.get("__name__", "").partition(".")[0])


with without(
    "course_lib.metrics.ssim", "course_lib.metrics.dssim", "course_lib.metrics.ms_ssim", "course_lib.losses.SSIMLoss",
    "course_lib.losses.DSSIMLoss", "course_lib.losses.MSSSIMLoss", "skimage.metrics.structural_similarity",
), warnings.catch_warnings(action="ignore"):  # fmt: skip
    before = sys.getprofile()
    sys.setprofile(note)
    try:
        mine = x.copy(), x.copy()
        value = ssim(*mine, 1)
    finally:
        sys.setprofile(before)
    borrowed = packages & {"piqa", "pytorch_msssim", "torchmetrics", "monai", "kornia", "tensorflow"}
    assert not borrowed, f"your answer lets {borrowed} do the work: write the computation yourself"
    assert np.shape(value) == (2,), f"return two numbers, (mean of l·cs, mean of cs); got {np.shape(value)}"
    for name, after in zip(("prediction", "target"), mine, strict=True):
        assert np.array_equal(after, x), f"your answer changes `{name}`, and the caller's image with it: no -=, *=, [...] = or out= on what is handed in"
    assert np.allclose(value, 1, atol=1e-4), f"two equal images should give (1, 1), got ({value[0]:.3f}, {value[1]:.3f})"
    value = ssim(np.full((12, 13), 0.5), np.full((12, 13), 0.6), 1)
    assert np.allclose(value, (0.6001 / 0.6101, 1), atol=2e-3), f"0.5 against 0.6 everywhere should give (0.984, 1), got ({value[0]:.3f}, {value[1]:.3f}): look at c1 and c2, at the variance, and at the window, whose weights have the sum 1"
    for name, (u, v) in cases.items():
        got = ssim(u.copy(), v.copy(), 1)
        assert np.isfinite(got).all(), f"{name}: got {got}. Where both images are zero, c1 and c2 keep the division from being 0 / 0"
        for what, expected, number in zip(("the mean of l·cs", "the mean of cs"), wanted[name], got, strict=True):
            assert abs(number - expected) < 2e-5, (
                f"{name}: expected {expected:.5f} for {what}, got {number:.5f}."
                " Nothing is clipped. Moments are local, with the weights exp(-(i² + j²) / (2·1.5²)); variance = mean of squares minus square of the mean"
            )
    u, v = cases["a noisy image"]
    got = ssim(255 * u, 255 * v, 255)
    expected = wanted["a noisy image"][0]
    assert np.allclose(got, wanted["a noisy image"], atol=2e-5), f"in other units (255 times image and data_range) expected {expected:.5f} again, got {got[0]:.5f}: c1 and c2 contain data_range, squared"
    ### HIDDEN VALUE: (lambda x: ssim(0.6 * x + 0.4 * rng.random((17, 21)), x, rng.uniform(1.5, 4)))(rng.random((17, 21)))
print("ssim: right")

# %% [markdown]
# ## Exercise 3: MS-SSIM ({{points ms_ssim}})
#
# **Goal.** `ms_ssim(prediction, target, similarity, weights)`: one number for two numpy images. `similarity(x, y)` returns `(ssim, cs)`,
# as your function of exercise 2 does. `weights` has one number for each scale, the finest first.
#
# **Steps.** Start with a product of 1. At each scale call `similarity(prediction, target)` once.
# 1. At every scale but the last: multiply by `cs` to the power of the weight. Then halve both images: average blocks of 2×2
#    pixels (where a side is odd, its last row or column is dropped).
# 2. At the last scale: multiply by `ssim` (it holds the luminance) to the power of its weight.
# 3. `cs` and `ssim` can be negative, and a negative number to the power of 0.3 is no real number: replace it by 0 before.
#
# **Example.** Two scales, weights `(0.5, 0.5)`. If `similarity` answers `(0.8, 0.81)` at the first scale and `(0.64, 0.9)` at the second:
# √0.81 · √0.64 = 0.9 · 0.8 = 0.72.
#
# **Hint.** A block mean without loops: cut to even sides, `.reshape(H // 2, 2, W // 2, 2)`, and take the mean over axes 1 and 3.

# %%
WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # Wang 2003: from people who compared pictures; their sum is 1.0001


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


# %% nbgrader={"grade_id": "ms_ssim_test", "points": 3}
import warnings

from course_lib.exercise import without

with without(
    "course_lib.metrics.ms_ssim", "course_lib.losses.MSSSIMLoss", "course_lib.metrics.ssim",
    "skimage.metrics.structural_similarity",
), warnings.catch_warnings(action="ignore"):  # fmt: skip
    seen = []

    def scripted(answers):
        """A `similarity` that answers from a list, and writes down what it was shown."""
        seen.clear()

        def similarity(x, y):
            seen.append((np.array(x), np.array(y)))
            assert len(seen) <= len(answers), f"{len(answers)} weights are {len(answers)} scales, but similarity was called more often: once for each scale is enough"
            return answers[len(seen) - 1]

        return similarity

    rng = np.random.default_rng(3)
    x, y = rng.random((45, 46)), rng.random((45, 46))
    value = ms_ssim(x.copy(), y.copy(), scripted([(0.8, 0.81), (0.64, 0.9)]), (0.5, 0.5))
    assert value is not None and np.ndim(value) == 0, f"return one number, got {value}"
    assert seen, "your answer never calls the `similarity` that is handed in: it may be another one than yours"
    assert np.isclose(value, 0.72), f"the example should give 0.72, got {value}: cs at each scale but the last, ssim at the last, each to the power of its weight"
    mine = x.copy(), y.copy()
    value = ms_ssim(*mine, scripted([(0.1, 0.9), (0.2, 0.7), (0.5, 0.3)]), (0.2, 0.3, 0.4))
    for name, before, after in zip(("prediction", "target"), (x, y), mine, strict=True):
        assert np.array_equal(before, after), f"your answer changes `{name}`, and the caller's image with it: no [...] = on what is handed in; a halved image is a new array"
    expected = 0.9**0.2 * 0.7**0.3 * 0.5**0.4
    assert np.isclose(value, expected), (
        f"three scales: expected 0.9^0.2 · 0.7^0.3 · 0.5^0.4 = {expected:.4f}, got {value}:"
        " the first weight belongs to the finest scale, and weights are taken as they come, whatever their sum"
    )
    assert len(seen) == 3, f"three weights are three scales, but similarity was called {len(seen)} times"
    assert np.array_equal(seen[0][0], x) and np.array_equal(seen[0][1], y), "the first scale is similarity(prediction, target) of the images as they are: halve after it, not before"
    for scale, (rows, columns) in ((1, (22, 23)), (2, (11, 11))):
        for mine, before, name in zip(seen[scale], seen[scale - 1], ("prediction", "target"), strict=True):
            assert mine.shape == (rows, columns), f"scale {scale + 1} of a 45×46 image should be {rows}×{columns}, got {mine.shape}: halve both sides, drop an odd row or column"
            for i in range(rows):
                for j in range(columns):
                    block = before[2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
                    assert abs(mine[i, j] - block.sum() / 4) < 1e-5, f"{name} at scale {scale + 1}, pixel ({i}, {j}): expected {block.sum() / 4:.4f}, the mean of a 2×2 block, got {mine[i, j]:.4f}"
    for answers in ([(0.5, -0.2), (0.6, 0.7)], [(0.5, 0.4), (-0.1, 0.7)], [(0.5, -0.2), (-0.1, 0.7)]):
        value = ms_ssim(x.copy(), y.copy(), scripted(answers), (0.4, 0.6))
        assert np.isclose(value, 0), f"where cs or the last ssim is negative (or both are), expected 0, got {value}: replace each negative value by 0 before you take its power"
    value = ms_ssim(x.copy(), y.copy(), scripted([(0.7, 0.1)]), (1.0,))
    assert np.isclose(value, 0.7), f"with one scale MS-SSIM is SSIM: expected 0.7, got {value}"
    ### HIDDEN VALUE: ms_ssim(rng.random((45, 46)), rng.random((45, 46)), lambda x, y: (float(np.mean(x * y)), float(np.mean(x / (1 + y)))), [0.2, 0.3, 0.4])
print("ms_ssim: right")

# %% [markdown]
# ## One error, eight pictures
#
# One slice of Colin27 is spoilt in eight ways: brighter, more contrast, noise, salt and pepper, blur, 8×8 blocks as in a JPEG file,
# k-space cut off (ringing), and moved by little more than one pixel. Each one is made just so strong that the **MSE is the same**, but
# for rounding. (First the strength is found by bisection. Where it can change in jumps only, a small rest is left: then the difference
# is scaled.) Nothing is clipped.
#
# Before you run the cell: which picture will SSIM like best, and which least? And EPI?

# %% tags=["experiment"]
from scipy import fft, ndimage

colin = brains.brain_slices("colin27", slices=profile.pick(ci=3, cpu=12, gpu=30))
clean = colin.images[len(colin) // 2, 0].double().numpy()
pattern = np.random.default_rng(0)
gaussian_pattern, uniform_pattern = pattern.standard_normal(clean.shape), pattern.random(clean.shape)


def blocks(image, step):
    """Quantise the 8×8 cosine transform in steps, coarser for higher frequencies, as a JPEG file does."""
    height, width = image.shape
    padded = np.pad(image, ((0, -height % 8), (0, -width % 8)), mode="edge")
    tiles = padded.reshape(padded.shape[0] // 8, 8, padded.shape[1] // 8, 8)  # (H/8, 8, W/8, 8)
    steps = step * (1 + np.add.outer(np.arange(8), np.arange(8)))[:, None, :]
    tiles = steps * np.round(fft.dctn(tiles, axes=(1, 3), norm="ortho") / steps)
    return fft.idctn(tiles, axes=(1, 3), norm="ortho").reshape(padded.shape)[:height, :width]


def low_frequencies(image, cut):
    """Keep the middle of k-space only: a share 1 - cut of its radius."""
    rows, columns = np.meshgrid(*(np.fft.fftfreq(size) for size in image.shape), indexing="ij")
    return np.fft.ifft2(np.fft.fft2(image) * (np.hypot(rows, columns) < 0.5 * (1 - cut))).real


DISTORTIONS = {  # name -> (function of the image and a strength, largest strength)
    "brighter": (lambda x, s: x + s, 1),
    "more contrast": (lambda x, s: x + s * (x - x.mean()), 3),
    "Gaussian noise": (lambda x, s: x + s * gaussian_pattern, 1),
    "salt and pepper": (lambda x, s: np.where(uniform_pattern < s / 2, 0, np.where(uniform_pattern > 1 - s / 2, 1, x)), 1),
    "blur": (lambda x, s: ndimage.gaussian_filter(x, s), 20),
    "8×8 blocks": (blocks, 3),
    "k-space cut off": (low_frequencies, 1),
    "moved": (lambda x, s: ndimage.shift(x, (s, 0.6 * s)), 10),
}


def spoil(image, name, error):
    """The distortion of that name with a mean squared error of exactly `error`."""
    distort, high = DISTORTIONS[name]
    low = 0
    for _ in range(25):
        middle = (low + high) / 2
        low, high = (middle, high) if np.mean((distort(image, middle) - image) ** 2) < error else (low, middle)
    difference = distort(image, high) - image
    return image + difference * np.sqrt(error / np.mean(difference**2))


spoilt = {name: spoil(clean, name, 0.05**2) for name in DISTORTIONS}
METRICS = {
    "PSNR (dB)": lambda x: metrics.psnr(x, clean, data_range=1),
    "SSIM": lambda x: metrics.ssim(x, clean, data_range=1),
    "MS-SSIM": lambda x: metrics.ms_ssim(x, clean, data_range=1),
    "EPI": lambda x: metrics.epi(x, clean),
    "CoC": lambda x: metrics.coc(x, clean),
}
seen = {name: {metric: float(function(x)) for metric, function in METRICS.items()} for name, x in spoilt.items()}
print(f"{'MSE 0.0025 each':17}" + "".join(f"{metric:>11}" for metric in METRICS) + f"{'yours: SSIM':>13}{'MS-SSIM':>9}")
for name, x in spoilt.items():
    yours = ssim(x, clean, 1)[0], ms_ssim(x, clean, functools.partial(ssim, data_range=1), WEIGHTS)
    print(f"{name:17}" + "".join(f"{value:11.3f}" for value in seen[name].values()) + f"{yours[0]:13.3f}{yours[1]:9.3f}")
print(f"\nsalt and pepper changed {np.mean(spoilt['salt and pepper'] != clean):.1%} of the pixels")

# %% [markdown]
# (Your MS-SSIM differs a little from the library's: 217×181 pixels cannot be halved evenly. You drop the last row, the library
# keeps it, as the program of Wang et al. does. Programs differ there, so a paper should name its own.)

# %% tags=["experiment"]
names = sorted(spoilt, key=lambda name: -seen[name]["SSIM"])
figure = viz.figure(
    15, 5, title=f"PSNR {seen[names[0]]['PSNR (dB)']:.2f} dB for all eight, SSIM from {seen[names[0]]['SSIM']:.2f} ({names[0]}) down to {seen[names[-1]]['SSIM']:.2f} ({names[-1]})"
)
grid = figure.subplots(2, 9)
for axes in grid.ravel():
    axes.set_xticks([])
    axes.set_yticks([])
grid[0, 0].imshow(clean, cmap="gray", vmin=0, vmax=1)
grid[0, 0].set_title("clean", fontsize=9)
grid[1, 0].set_axis_off()
for column, name in enumerate(names, start=1):
    grid[0, column].imshow(spoilt[name], cmap="gray", vmin=0, vmax=1)
    grid[0, column].set_title(name, fontsize=9)
    grid[0, column].set_xlabel("\n".join(f"{metric} {seen[name][metric]:.3f}" for metric in ("SSIM", "MS-SSIM", "EPI", "CoC")), fontsize=8)
    maps = grid[1, column].imshow(spoilt[name] - clean, cmap="RdBu_r", vmin=-0.15, vmax=0.15)
    grid[1, column].set_title(f"{name} - clean", fontsize=8)
figure.colorbar(maps, ax=grid[1, 1:], shrink=0.8, extend="both").set_label("difference (data range 1)", fontsize=8)
figure

# %% tags=["experiment"]
from scipy.stats import spearmanr

ranked = {metric: np.argsort(np.argsort([-seen[name][metric] for name in names])) + 1 for metric in list(METRICS)[1:]}
agreement = spearmanr(ranked["SSIM"], ranked["EPI"]).statistic
figure = viz.figure(7.5, 4.2, title=f"Eight pictures of one PSNR in the order of four metrics (SSIM against EPI: rank correlation {agreement:+.2f})")
axes = figure.subplots()
for index, name in enumerate(names):
    ranks = [ranks[index] for ranks in ranked.values()]
    axes.plot(range(len(ranked)), ranks, marker="osD^vPX*"[index], label=name)
    axes.annotate(f"  {name}", (len(ranked) - 1, ranks[-1]), va="center", fontsize=9)
axes.set_xticks(range(len(ranked)), ranked)
axes.set(xlim=(-0.2, len(ranked) - 0.2), ylim=(8.5, 0.5), ylabel="rank (1 = best of eight)", xlabel="metric")
figure

# %% [markdown]
# Ask for each metric what it does *not* see. CoC and EPI forgive every brightness and contrast. MS-SSIM nearly forgives the brightness: it
# compares the luminance only at the coarsest scale. EPI falls far for a shift by little more than one pixel, which no radiologist would mind.
# SSIM likes salt and pepper surprisingly well: very few pixels are changed, and a window without such a pixel is perfect. It likes Gaussian
# noise least of all: that is in every window, and where the clean image is flat, as in the air, the two have no structure in common. None of
# them knows where the lesion is.
#
# ## Play: as bad as noise
#
# Move the blur. At which width does it cost as much as the pictures above (standard deviation of the difference 0.05)? Would you rather read that
# image, or the noisy one?

# %% tags=["experiment"]
viz.noise_slider(
    colin.images[len(colin) // 2, 0].numpy(),
    lambda image, width, generator: ndimage.gaussian_filter(image, width),
    label="blur (pixels)", maximum=3, value=1, title="Blur in place of noise: the difference sits on the edges",
)  # fmt: skip

# %% [markdown]
# ## Exercise 4: SSIM as a loss ({{points SSIMLoss}})
#
# A loss must have a gradient. So all is torch now, from the images to the number. Nothing may leave the graph. (And as before:
# another library's SSIM is no answer.)
#
# **Goal.** A module `SSIMLoss(data_range)`: called with two tensors `(N, 1, H, W)`, it returns **1 − SSIM**, averaged over all windows
# of all images: one number, with a gradient to the prediction. It has nothing to learn, so it has no parameters.
#
# **Steps.**
# 1. In `__init__`: keep the data range, `self.data_range = data_range`. Then the window of exercise 2 as a tensor `(1, 1, 11, 11)`, kept by `self.register_buffer("window", …)`: a
#    buffer moves to the GPU with the module, but is no parameter.
# 2. In `forward`: the local mean is `nn.functional.conv2d(image, self.window)`. No padding: only whole windows count.
# 3. The formula, and `1 - ` its mean. Do not cut it off at 0 or 1: SSIM can be negative, and where a value is cut off there is no gradient.
#
# **Example.** Equal images give 0. `x` = 0.5 against `y` = 0.6 everywhere gives 1 − 0.984 = 0.016.
#
# **Hint.** A loss must fall when the image gets better. `.item()`, `.numpy()`, `.detach()` and `torch.no_grad()` all cut the gradient.

# %% nbgrader={"grade_id": "SSIMLoss", "solution": true}
class SSIMLoss(nn.Module):
    """1 - SSIM (Gaussian window 11, sigma 1.5), the mean over all windows of a batch (N, 1, H, W)."""

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


# %% nbgrader={"grade_id": "SSIMLoss_test", "points": 3}
import sys
import warnings

from course_lib.exercise import without


def loss_by_loops(x, y, data_range):
    """1 - SSIM with loops, in numpy: slow, and independent."""
    weights = np.array([[np.exp(-(i * i + j * j) / 4.5) for j in range(-5, 6)] for i in range(-5, 6)])
    weights /= weights.sum()
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    values = []
    for one, other in zip(x[:, 0], y[:, 0], strict=True):
        for row in range(x.shape[2] - 10):
            for column in range(x.shape[3] - 10):
                u, v = one[row : row + 11, column : column + 11], other[row : row + 11, column : column + 11]
                mu, mv = (weights * u).sum(), (weights * v).sum()
                su, sv = (weights * (u - mu) ** 2).sum(), (weights * (v - mv) ** 2).sum()
                suv = (weights * (u - mu) * (v - mv)).sum()
                values.append((2 * mu * mv + c1) * (2 * suv + c2) / ((mu**2 + mv**2 + c1) * (su + sv + c2)))
    return 1 - sum(values) / len(values)


rng = np.random.default_rng(4)
rows, columns = np.mgrid[:15, :18]
y = np.stack([0.5 + 0.3 * np.sin(rows / 3) * np.cos(columns / 4), np.where(columns < 12, 0, 0.2 + rows / 30)])[:, None]  # (2, 1, 15, 18)
x = y + 0.1 * rng.standard_normal(y.shape)
direction = rng.standard_normal(y.shape)
wanted, wanted_negative = loss_by_loops(x, y, 1), loss_by_loops(1 - y, y, 1)
slope = (loss_by_loops(x + 1e-5 * direction, y, 1) - loss_by_loops(x - 1e-5 * direction, y, 1)) / 2e-5
del loss_by_loops  # the answer must not lean on it

packages = set()


def note(frame, event, argument):  # python calls it at each function call: it writes down whose code runs
    packages.add(frame.f_globals.get("__name__", "").partition(".")[0])


with without(
    "course_lib.losses.SSIMLoss", "course_lib.losses.DSSIMLoss", "course_lib.losses.MSSSIMLoss", "course_lib.losses.MixLoss",
    "course_lib.metrics.ssim", "course_lib.metrics.dssim", "course_lib.metrics.ms_ssim", "skimage.metrics.structural_similarity",
), warnings.catch_warnings(action="ignore"):  # fmt: skip
    noisy_batch, clean_batch = torch.tensor(x), torch.tensor(y)
    before = sys.getprofile()
    sys.setprofile(note)
    try:
        loss = SSIMLoss(1).double()  # double precision, as numpy: a buffer follows, a plain attribute does not
        learnt = [name for name, _ in loss.named_parameters()]
        assert not learnt, f"the loss should have no parameters (an optimiser would change them), but it has {learnt}: register_buffer for the window"
        value = loss(clean_batch, clean_batch.clone())
    except RuntimeError as error:
        raise AssertionError(f"torch says: {error}. Keep the window by register_buffer, so that it moves with the module (.double(), .to('cuda'))") from None
    finally:
        sys.setprofile(before)
    borrowed = packages & {"piqa", "pytorch_msssim", "torchmetrics", "monai", "kornia", "tensorflow"}
    assert not borrowed, f"your answer lets {borrowed} do the work: write the computation yourself"
    assert torch.is_tensor(value), f"return a tensor, got {value!r}: no .item() and no float(), they cut the gradient"
    assert tuple(value.shape) == (), f"return one number for the whole batch, got the shape {tuple(value.shape)}"
    assert abs(float(value)) < 1e-4, f"equal images should give a loss of 0, got {float(value):.4f}: 1 minus SSIM"
    flat = torch.full((1, 1, 12, 13), 0.5).double()
    value = float(loss(flat, flat + 0.1))
    assert abs(value - 0.01639) < 1e-3, f"0.5 against 0.6 everywhere should give 0.0164, got {value:.4f}: look at the window (sum 1), at c1 and c2, and at the sign"
    value = float(loss(noisy_batch, clean_batch))
    for name, after, array in (("prediction", noisy_batch, x), ("target", clean_batch, y)):
        assert np.array_equal(after.numpy(), array), f"your answer changes the {name}, and the caller's images with it: no -=, no [...] = and no clamp_() on what is handed in"
    assert abs(value - wanted) < 2e-5, f"a noisy batch: expected {wanted:.4f}, got {value:.4f}: 1 - SSIM, the mean over all whole windows (no padding)"
    value = float(SSIMLoss(255).double()(255 * noisy_batch, 255 * clean_batch))
    assert abs(value - wanted) < 2e-5, f"in other units expected {wanted:.4f} again, got {value:.4f}: c1 and c2 contain data_range, squared"
    value = float(loss(1 - clean_batch, clean_batch))
    assert abs(value - wanted_negative) < 2e-5, f"a negative has a negative SSIM: expected a loss of {wanted_negative:.4f}, got {value:.4f}. Do not cut it off: there would be no gradient"
    prediction = noisy_batch.clone().requires_grad_()
    value = loss(prediction, clean_batch)
    assert value.requires_grad, "the loss has no gradient, so no network could learn from it: no .item(), .numpy(), .detach() or no_grad() on the way"
    value.backward()
    assert prediction.grad is not None, "no gradient came to the prediction: nothing on the way from it to the loss may be detached"
    got = float((prediction.grad.numpy() * direction).sum())
    assert abs(got - slope) < 1e-5 + 1e-3 * abs(slope), f"the gradient is not that of 1 - SSIM: along a test direction expected {slope:.4f} (by finite differences), got {got:.4f}: is some part of the formula detached?"
    ### HIDDEN VALUE: (lambda x: SSIMLoss(float(rng.uniform(1.5, 4)))(0.6 * x + 0.4 * random_tensor(rng, 2, 1, 15, 17), x))(random_tensor(rng, 2, 1, 15, 17))
print("SSIMLoss: right")

# %% [markdown]
# ## Exercise 5: a perceptual loss ({{points PerceptualLoss}})
#
# Two images look alike if a network that has learnt to see finds the same features in them. Which network? That is handed in: `features`
# is a module that takes `(N, 3, H, W)` and returns a **list** of feature maps, one for each chosen layer, of different sizes.
#
# **Goal.** A module `PerceptualLoss(features)`: called with two grey batches `(N, 1, H, W)` in [0, 1], it returns one number, the
# **sum over the layers of the mean squared difference** of their feature maps.
#
# **Steps.**
# 1. In `__init__`: keep `features`, in evaluation mode (`.eval()`: no dropout), and frozen (`.requires_grad_(False)`: the judge must not learn).
# 2. Make three equal channels of the grey one: `.expand(-1, 3, -1, -1)`.
# 3. Normalise as the network was trained: `(image - MEAN) / STD`, channel by channel.
# 4. Features of both. Those of the target need no gradient: compute them in `with torch.no_grad():`.
# 5. In each layer the **mean** of the squared differences, so that a large map does not outvote a small one. Then the sum over layers.
#
# **Example.** Two layers, of 1000 and of 10 numbers. All numbers differ by 0.1 in the first layer and by 2 in the second: 0.01 + 4 = 4.01.
#
# **Hint.** Frozen is not the same as detached: the gradient must pass *through* the features to the prediction.

# %%
# red, green, blue: means and standard deviations of ImageNet's photographs in [0, 1]
MEAN = torch.tensor([0.485, 0.456, 0.406]).reshape(1, 3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225]).reshape(1, 3, 1, 1)


# %% nbgrader={"grade_id": "PerceptualLoss", "solution": true}
class PerceptualLoss(nn.Module):
    """Sum over layers of the mean squared difference of features; features(N, 3, H, W) -> list of maps."""

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


# %% nbgrader={"grade_id": "PerceptualLoss_test", "points": 3}
import warnings

from course_lib.exercise import without


class Eyes(nn.Module):
    """A small stand-in for VGG: three maps of different size, and a dropout that is off in evaluation mode."""

    inputs = []  # what any of them was shown

    def __init__(self):
        super().__init__()
        generator = torch.Generator().manual_seed(5)
        self.first, self.second = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 6, 3)
        self.dropout = nn.Dropout(0.5)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator))

    def forward(self, image):
        assert image.ndim == 4 and image.shape[1] == 3, f"the features want (N, 3, H, W), three channels, got {tuple(image.shape)}"
        self.inputs.append(image.detach().clone())
        one = self.first(image).relu()
        two = self.second(self.dropout(nn.functional.avg_pool2d(one, 2))).relu()
        return [one, two, 3 * two.mean((2, 3), keepdim=True)]


generator = torch.Generator().manual_seed(6)
prediction, target, direction = torch.rand(3, 2, 1, 10, 14, generator=generator, dtype=torch.float64)


def by_hand(prediction, target):
    """Layer by layer, number by number, each layer divided by its size."""
    eyes, maps = Eyes().double().eval(), []
    for grey in (prediction, target):
        rgb = torch.cat([(grey - m) / s for m, s in ((0.485, 0.229), (0.456, 0.224), (0.406, 0.225))], 1)
        maps.append([layer.detach().flatten().tolist() for layer in eyes(rgb)])
    layers = zip(*maps, strict=True)
    return rgb, sum(sum((a - b) ** 2 for a, b in zip(u, v, strict=True)) / len(u) for u, v in layers)


rgb_target, wanted = by_hand(prediction, target)
step = 1e-6 * (direction - 0.2)
slope = 1e6 * (by_hand(prediction + step / 2, target)[1] - by_hand(prediction - step / 2, target)[1])
del by_hand  # the answer must not lean on it

with without("course_lib.losses.PerceptualLoss"), torch.random.fork_rng(devices=[]), warnings.catch_warnings(action="ignore"):
    eyes = Eyes().double()
    eyes.inputs.clear()
    loss = PerceptualLoss(eyes)
    mine, other = target.clone(), target.clone()
    value = loss(mine, other)
    assert torch.is_tensor(value), f"return a tensor, got {value!r}: no .item() and no float(), they cut the gradient"
    assert tuple(value.shape) == (), f"return one number for the whole batch, got the shape {tuple(value.shape)}"
    assert eyes.inputs, "your answer never calls the `features` that are handed in"
    for name, after in (("prediction", mine), ("target", other)):
        assert torch.equal(after, target), f"your answer changes the {name}, and the caller's images with it: no -=, no mul_() or clamp_() on what is handed in"
    shown = torch.cat(eyes.inputs)
    assert shown.shape[1:] == rgb_target.shape[1:], f"the features should see images of {tuple(rgb_target.shape[2:])} pixels, as they came, got {tuple(shown.shape[2:])}"
    assert torch.allclose(shown.double(), rgb_target.repeat(len(shown) // 2, 1, 1, 1), atol=1e-4), (
        f"what the features see has the channel means {[round(float(m), 3) for m in shown.mean((0, 2, 3))]},"
        f" expected {[round(float(m), 3) for m in rgb_target.mean((0, 2, 3))]}, for prediction and target alike:"
        " three equal channels, and then (image - MEAN) / STD"
    )
    assert abs(float(value)) < 1e-6, f"equal images should give 0, got {float(value):.4f}: are the features in evaluation mode (no dropout)?"
    mine, other = prediction.clone().requires_grad_(), target.clone().requires_grad_()
    value = loss(mine, other)
    assert abs(float(value.detach()) - wanted) < 1e-4 * wanted, (
        f"expected {wanted:.4f}, got {float(value.detach()):.4f}: squared differences, the mean in each layer, the sum over all layers."
        " Both images are normalised, and the features are in evaluation mode"
    )
    assert value.requires_grad, "the loss has no gradient: freeze the parameters of the features, but let the gradient pass through them to the prediction"
    value.backward()
    assert mine.grad is not None, "no gradient came to the prediction: only the target's features stand in no_grad()"
    assert other.grad is None, "a gradient went to the target: compute its features in `with torch.no_grad():`, which also saves memory"
    learning = {name for name, parameter in loss.named_parameters() if parameter.requires_grad}
    learning |= {name for name, parameter in eyes.named_parameters() if parameter.grad is not None}
    assert not learning, f"the features should be frozen, but {sorted(learning)} would learn: .requires_grad_(False)"
    got = float((mine.grad * step).sum()) * 1e6
    assert abs(got - slope) < 1e-3 * abs(slope), (
        f"the gradient is not that of the loss: along a test direction expected {slope:.4f} (by finite differences), got {got:.4f}:"
        " is some layer detached?"
    )
    ### HIDDEN VALUE: PerceptualLoss(random_weights(Eyes(), rng).train())(random_tensor(rng, 2, 1, 12, 10), random_tensor(rng, 2, 1, 12, 10))
print("PerceptualLoss: right")

# %% [markdown]
# ## An honest experiment: one network, five losses
#
# Everything is the same but the loss: the same small network (`BrainCDAE`, width 32), the same synthetic heads, the same crops, the same noise
# (Gaussian, sigma 0.1), the same steps. To save time the first stage is shared: the network learns with L2. Then it is copied five
# times, and each copy trains on with its own loss. So the table shows where each loss **pulls** a network, and not how well each
# would do alone after a very long time.
#
# | loss | formula |
# |---|---|
# | L2 | `nn.MSELoss()` |
# | L1 | `nn.L1Loss()` |
# | SSIM | `losses.SSIMLoss(data_range=1)`: what you wrote |
# | MS-SSIM + L1 | `losses.MixLoss(data_range=1)`: 0.84 · (1 − MS-SSIM) + 0.16 · L1 (Zhao et al. 2017) |
# | L2 + VGG | L2 + factor · `losses.PerceptualLoss(...)`; the factor makes the two terms equally large at the start |
#
# Two remarks. MS-SSIM with five scales needs 161 pixels a side; crops of 64 allow three. And the weights of VGG16 are a download of
# 528 MiB. If they are not on this machine, the perceptual loss has **random features**, and the table says so: that is another loss.
#
# (The first time about a minute for the synthetic heads, with a progress bar; then they are kept on disk.)

# %% tags=["experiment"]
subjects = profile.pick(ci=2, cpu=12, gpu=20)
cohort = brains.brain_slices("cohort", subjects=subjects, slices=profile.pick(ci=8, cpu=30, gpu=30))
train_slices = cohort.images[cohort.subjects < subjects - max(1, subjects // 6)]  # the rest is for tuning, as in lab 02
sigma = 0.1
corrupt = functools.partial(noise.gaussian, sigma=sigma)
layers = profile.pick(ci=["relu1_2"], cpu=["relu1_2", "relu2_2"], gpu=["relu1_2", "relu2_2", "relu3_3", "relu4_3"])
try:
    perceptual, eyes = losses.PerceptualLoss(layers), "VGG"
except FileNotFoundError:  # the weights are not on this machine
    perceptual, eyes = losses.PerceptualLoss(layers, weights="random"), "random features"
print(f"train on {tuple(train_slices.shape)}, synthetic; test on {tuple(colin.images.shape)}, Colin27")
print(f"perceptual loss: {perceptual}")

# %% [markdown]
# Now train. (About four minutes and 1.5 GB on 2 cores; on a GPU longer, with more seeds.)

# %% tags=["experiment"]
import copy

from tqdm.auto import tqdm

from course_lib import evaluation
from course_lib.models.dae import BrainCDAE

crop, scales = profile.pick(ci=(64, 3), cpu=(64, 3), gpu=(176, 5))
seeds = range(profile.pick(ci=1, cpu=3, gpu=5))
shared_epochs, own_epochs = profile.pick(ci=(8, 2), cpu=(10, 3), gpu=(100, 40))


def train(model, loss, epochs, seed, learning_rate):
    """`training.fit` on random crops; the same seed gives the same crops and the same noise, whatever the loss."""
    training.fit(
        model, train_slices, loss=loss, corrupt=corrupt, epochs=epochs, batch_size=8, learning_rate=learning_rate, seed=seed,
        transform=lambda image, generator: images.random_crop(image, crop, generator=generator), progress=False,
    )  # fmt: skip
    return model


def perceptual_factor(model):
    """The factor with which the perceptual term is as large as the squared error, on eight noisy training slices."""
    some = train_slices[:: max(1, len(train_slices) // 8), :, 40:104, 40:104]
    answer = training.denoise(model, corrupt(some, generator=torch.Generator().manual_seed(0)))
    return float(nn.functional.mse_loss(answer, some) / perceptual(answer, some))


trained = {}  # loss -> the networks of all seeds
for seed in tqdm(seeds, desc="seeds"):
    with training.fixed_seed(seed):
        start = train(BrainCDAE(width=32), nn.MSELoss(), shared_epochs, seed, 3e-3)
    factor = perceptual_factor(start)
    five = {
        "L2": nn.MSELoss(),
        "L1": nn.L1Loss(),
        "SSIM": losses.SSIMLoss(data_range=1),
        "MS-SSIM + L1": losses.MixLoss(data_range=1, scales=scales),
        f"L2 + {eyes}": lambda prediction, target, factor=factor: (
            nn.functional.mse_loss(prediction, target) + factor * perceptual(prediction, target)
        ),
    }
    for name, loss in tqdm(five.items(), desc=f"losses, seed {seed}", leave=False):
        model = train(copy.deepcopy(start), loss, own_epochs, seed + 100, 1e-3)
        trained.setdefault(name, []).append(train(model, loss, own_epochs, seed + 200, 2e-4))

# %% tags=["experiment"]
SCORES = {
    "PSNR": functools.partial(metrics.psnr, data_range=1), "SSIM": functools.partial(metrics.ssim, data_range=1),
    "MS-SSIM": functools.partial(metrics.ms_ssim, data_range=1), "EPI": metrics.epi, "CoC": metrics.coc,
}  # fmt: skip
regions = {"whole image": None, "brain": colin.brain_masks}
tables = [
    evaluation.compare(
        {name: lambda noisy, _, model=models[seed]: training.denoise(model, noisy) for name, models in trained.items()},
        colin.images, noise.gaussian, sigma=sigma, metrics=SCORES, masks=regions, seed=seed, progress=False,
    )
    for seed in seeds
]  # fmt: skip
values = {
    (region, name): np.array([[table.mean(name, metric, region) for metric in SCORES] for table in tables])
    for region in regions
    for name in trained
}  # each (seeds, metrics)
print(f"Colin27, {len(colin)} slices, Gaussian noise sigma {sigma}; mean ± standard deviation over {len(seeds)} seed(s);")
print("SSIM: Wang 2004; networks clipped to [0, 1] before scoring, the noisy image is not clipped at all.")
for region in regions:
    print(f"\n{region:28}" + "".join(f"{metric:>18}" for metric in SCORES))
    for name in trained:
        mean, deviation = values[region, name].mean(0), values[region, name].std(0, ddof=min(1, len(seeds) - 1))
        cells = [f"{m:.2f} ± {d:.2f}" if index == 0 else f"{m:.4f} ± {d:.4f}" for index, (m, d) in enumerate(zip(mean, deviation, strict=True))]
        print(f"{name:28}" + "".join(f"{cell:>18}" for cell in cells))

# %% [markdown]
# A column of numbers hides what belongs together. So take the difference from L2 **of the same seed**: same first stage, same crops, same noise.

# %% tags=["experiment"]
others = [name for name in trained if name != "L2"]
gains = {name: values["brain", name] - values["brain", "L2"] for name in others}  # each (seeds, metrics)
best = {metric: max(others, key=lambda name: gains[name][:, column].mean()) for column, metric in enumerate(SCORES)}
summary = ", ".join(f"{metric} {name} ({gains[name][:, column].mean():{'+.2f' if column == 0 else '+.4f'}})" for column, (metric, name) in enumerate(best.items()))
figure = viz.figure(13, 3.6, title=f"Inside the brain, against L2, the best of the others for {summary}")
for column, (metric, axes) in enumerate(zip(SCORES, figure.subplots(1, len(SCORES)), strict=True)):
    for row, name in enumerate(others):
        axes.barh(row, gains[name][:, column].mean(), color="0.8")
        axes.plot(gains[name][:, column], [row] * len(seeds), "k.", markersize=5)
    axes.axvline(0, color="k", linewidth=0.8)
    axes.set_yticks(range(len(others)), others if column == 0 else [""] * len(others))
    axes.invert_yaxis()
    axes.tick_params(axis="x", labelsize=7)
    axes.locator_params(axis="x", nbins=3)
    axes.set_xlabel(f"{metric} minus that of L2{' (dB)' if column == 0 else ''}\nbar: mean, points: seeds", fontsize=8)
figure

# %% tags=["experiment"]
middle = len(colin) // 2
noisy = corrupt(colin.images, generator=torch.Generator().manual_seed(0))
answers = {name: training.denoise(models[0], noisy).clamp(0, 1) for name, models in trained.items()}
rows = slice(70, 150)
columns = slice(50, 130)
spread = {name: float((answer - colin.images)[colin.brain_masks].std()) for name, answer in answers.items()}
viz.panel(
    colin.images[middle][..., rows, columns], noisy[middle][..., rows, columns],
    {name: answer[middle][..., rows, columns] for name, answer in answers.items()},
    title="A piece of the brain, five losses: standard deviation of the error in all brains from "
    + " to ".join(f"{spread[name]:.4f} ({name})" for name in (min(spread, key=spread.get), max(spread, key=spread.get))),
)  # fmt: skip

# %% [markdown]
# What does each loss buy? Go through the columns one by one. A network is often best, or nearly so, in what it was trained for. That is no proof that
# its pictures are better, and the metric that was the loss is no longer a neutral judge. Then look at the size of the gains: is any of
# them larger than what ten minutes more of training, or twice as many heads, would give? Then look at the difference maps: which one
# has the edges in it? And at the means below them: which losses let the brightness drift?
#
# ## Play: which was denoised by what?
#
# Four filters of lab 04, and two of your networks. They have the same noisy slice. Guess before you reveal. (The filters take a few seconds.)

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
viz.blind_test(colin.images[middle], blind, seed=5, zoom=(70, 50, 60), title="Which was denoised by what?")

# %% [markdown]
# ## In your own words ({{points judge}})
#
# A paper says: "Trained with our SSIM loss, the network reaches an SSIM of 0.93, and with MSE only 0.91. So SSIM is the better loss for diagnosis."
# What is wrong with this argument, and what would you ask for? Use the eight pictures and the table of this lab. Four to eight sentences.

# %% [markdown] nbgrader={"grade_id": "judge", "solution": true, "points": 2}
# The network was trained for the number that judges it, so a higher SSIM is what one expects, not a finding: a second metric must say so
# too, and in my table the other columns do not all agree. SSIM is one decision about what may be lost: among eight pictures of the same
# MSE it put salt and pepper far before Gaussian noise, and noise costs it most in the empty air, which nobody reads. So I ask for
# the numbers inside the brain, with the window and the data range, for several seeds with error bars, and for PSNR and EPI
# beside them. Neither number knows where a lesion is. Diagnosis means a task: readers who do not know the
# method find lesions, or an algorithm does, in images of both networks. And I want to see the difference maps: anatomy
# in them is anatomy that was taken away or made up.

# %% [markdown]
# ## What to remember
#
# - A metric is a decision about what may be lost. Say which one, its window, its data range, its region.
# - Equal MSE means equal PSNR, and nothing else: SSIM, EPI and CoC order the same eight pictures in different ways.
# - Average PSNR over images, not their errors; inside the mask, by its own pixels.
# - What is a loss is no neutral judge any more. Report others beside it, with seeds.
# - A perceptual loss is as good as its features, and without trained weights it is another loss. Say so.
#
# The functions that you wrote are `course_lib.metrics.psnr` (with `.mean()`), `ssim` and `ms_ssim`, and
# `course_lib.losses.SSIMLoss` and `PerceptualLoss`.
