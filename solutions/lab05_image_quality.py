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
# 3. `10·log10(data_range² / MSE)` of each: nothing is clipped, and no small number is added (equal images have infinitely many dB). Then the mean.
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
    "salt and pepper": (
        lambda x, s: np.where(uniform_pattern < s / 2, 0, np.where(uniform_pattern > 1 - s / 2, 1, x)),
        1,
    ),
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
    print(
        f"{name:17}" + "".join(f"{value:11.3f}" for value in seen[name].values()) + f"{yours[0]:13.3f}{yours[1]:9.3f}"
    )
print(f"\nsalt and pepper changed {np.mean(spoilt['salt and pepper'] != clean):.1%} of the pixels")

# %% [markdown]
# (Your MS-SSIM differs a little from the library's: 217×181 pixels cannot be halved evenly. You drop the last row, the library
# keeps it, as the program of Wang et al. does. Programs differ there, so a paper should name its own.)

# %% tags=["experiment"]
names = sorted(spoilt, key=lambda name: -seen[name]["SSIM"])
figure = viz.figure(
    15,
    5,
    title=f"PSNR {seen[names[0]]['PSNR (dB)']:.2f} dB for all eight, SSIM from {seen[names[0]]['SSIM']:.2f} ({names[0]}) down to {seen[names[-1]]['SSIM']:.2f} ({names[-1]})",
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
    grid[0, column].set_xlabel(
        "\n".join(f"{metric} {seen[name][metric]:.3f}" for metric in ("SSIM", "MS-SSIM", "EPI", "CoC")), fontsize=8
    )
    maps = grid[1, column].imshow(spoilt[name] - clean, cmap="RdBu_r", vmin=-0.15, vmax=0.15)
    grid[1, column].set_title(f"{name} - clean", fontsize=8)
figure.colorbar(maps, ax=grid[1, 1:], shrink=0.8, extend="both").set_label("difference (data range 1)", fontsize=8)
figure

# %% tags=["experiment"]
from scipy.stats import spearmanr

ranked = {metric: np.argsort(np.argsort([-seen[name][metric] for name in names])) + 1 for metric in list(METRICS)[1:]}
agreement = spearmanr(ranked["SSIM"], ranked["EPI"]).statistic
figure = viz.figure(
    7.5,
    4.2,
    title=f"Eight pictures of one PSNR in the order of four metrics (SSIM against EPI: rank correlation {agreement:+.2f})",
)
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
# 2. In `forward`: the local mean is `nn.functional.conv2d(image, self.window)`. No padding: only whole windows
#    count. Nothing is clipped.
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
# Two images look alike if a network that has learnt to see finds the same features in them. Which network? That is handed in: `features`
# is a module that takes `(N, 3, H, W)` and returns a **list** of feature maps, one for each chosen layer, of different sizes.
#
# **Goal.** A module `PerceptualLoss(features)`: called with two grey batches `(N, 1, H, W)`, in [0, 1] or a little beyond (nothing is
# clipped), it returns one number, the **sum over the layers of the mean squared difference** of their feature maps. Each call gets
# another pair.
#
# **Steps.**
# 1. In `__init__`: keep `features` as an attribute (in a list it would not move to the GPU with the loss), in evaluation mode (`.eval()`: no dropout), and frozen (`.requires_grad_(False)`: the judge must not learn).
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
seen, cases = (
    [],
    [  # target; the loss, its gradient times the prediction; what to look at
        (one, 0, 0, "equal images: are the features in evaluation mode, without dropout?"),
        (two, 0.946983, 0.857466, "squares, their mean in each layer, the sum of these; no clipping"),
        (one.flip(-1), 0.428211, -0.064283, "another target: nothing is kept from call to call"),
    ],
)
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
print(
    f"Colin27, {len(colin)} slices, Gaussian noise sigma {sigma}; mean ± standard deviation over {len(seeds)} seed(s);"
)
print("SSIM: Wang 2004; networks clipped to [0, 1] before scoring, the noisy image is not clipped at all.")
for region in regions:
    print(f"\n{region:28}" + "".join(f"{metric:>18}" for metric in SCORES))
    for name in trained:
        mean, deviation = values[region, name].mean(0), values[region, name].std(0, ddof=min(1, len(seeds) - 1))
        cells = [
            f"{m:.2f} ± {d:.2f}" if index == 0 else f"{m:.4f} ± {d:.4f}"
            for index, (m, d) in enumerate(zip(mean, deviation, strict=True))
        ]
        print(f"{name:28}" + "".join(f"{cell:>18}" for cell in cells))

# %% [markdown]
# A column of numbers hides what belongs together. So take the difference from L2 **of the same seed**: same first stage, same crops, same noise.

# %% tags=["experiment"]
others = [name for name in trained if name != "L2"]
gains = {name: values["brain", name] - values["brain", "L2"] for name in others}  # each (seeds, metrics)
best = {metric: max(others, key=lambda name: gains[name][:, column].mean()) for column, metric in enumerate(SCORES)}
summary = ", ".join(
    f"{metric} {name} ({gains[name][:, column].mean():{'+.2f' if column == 0 else '+.4f'}})"
    for column, (metric, name) in enumerate(best.items())
)
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
#
# ### BEGIN MARK SCHEME
# - 1: says that the network was trained for the number that judges it, and asks for another metric, regions, seeds
# - 1: asks for a task: lesions found by readers or by an algorithm, or difference maps with anatomy in them
# ### END MARK SCHEME

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
