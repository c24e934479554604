# %% [markdown]
# # Lab 02: A convolutional denoising autoencoder
#
# {{badges}}
#
# **The question of this lab: how many images does a network need before it beats a filter that needs none?**
#
# You need about two hours. On 2 CPU cores the cells compute for about 5 minutes in all, and take less than 2 GB of
# memory. On a GPU more networks are trained, for longer.
#
# In this lab you will
#
# - write MSE, PSNR and SSIM, the three numbers that every paper on denoising reports,
# - build a convolutional autoencoder,
# - train networks on 50, 100 and 300 slices, and compare them with tuned filters, with error bars,
# - pool brains with quite different pictures,
# - denoise whole slices of a head that no network has seen.
#
# {{exercises}}

# %% tags=["setup"]
# `course build` writes the set-up cell here

# %% [markdown]
# ## Theory in half a page
#
# A dense layer connects each pixel with each other. A **convolution** looks at 3×3 pixels at a time, with the same
# weights everywhere: an edge is an edge wherever it lies. Two convolutions with a pooling between them see a
# larger piece of the image; a decoder brings the small image back to full size. That is the convolutional denoising
# autoencoder (CDAE). Its code may hold *more* numbers than the image (in this lab 32 · H/4 · W/4 = 2·H·W). What keeps it from
# copying is the noise in its input, not a narrow code. Lovedeep Gondara trained one on a few hundred X-rays and mammograms of 64×64 pixels, and reported that it
# beat the median filter and non-local means, and that quite different images may be **pooled** when there are few.
#
# How good is a denoised image? Three numbers, always for a stated **data range** `L` (here images lie in [0, 1], so `L = 1`):
#
# $$ \mathrm{MSE} = \frac{1}{mn}\sum_{i,j} (x_{ij} - y_{ij})^2 \qquad
# \mathrm{PSNR} = 10 \log_{10} \frac{L^2}{\mathrm{MSE}} \qquad
# \mathrm{SSIM} = \frac{(2\mu_x\mu_y + c_1)(2\sigma_{xy} + c_2)}{(\mu_x^2 + \mu_y^2 + c_1)(\sigma_x^2 + \sigma_y^2 + c_2)} $$
#
# with `c1 = (0.01 L)²` and `c2 = (0.03 L)²`. SSIM is computed in every 11×11 window and then averaged.
#
# **Sources.** Gondara 2016, *Medical image denoising using convolutional denoising autoencoders*; Wang et al. 2004, *Image
# quality assessment: from error visibility to structural similarity*; phase-1 deck; lecture, part 5.

# %%
import functools

import numpy as np
import torch
from torch import nn

from course_lib import images, metrics, noise, training, viz
from course_lib.data import brains
from course_lib.data.digits import digits

# %% [markdown]
# ## Exercise 1: mean squared error ({{points mse}})
#
# **Goal.** `mse(prediction, target)` of two numpy images of the same shape: one number.
#
# **Steps.** Subtract. Square each difference. Take the mean.
#
# **Example.** `[[0, 0], [0, 0]]` against `[[0, 0], [0, 2]]` gives 4 / 4 = 1.
#
# **Hint.** Square first, then average. The other way round, positive and negative errors cancel.

# %% nbgrader={"grade_id": "mse", "solution": true}
def mse(prediction, target):
    """Mean squared error of two numpy images."""
    ### BEGIN SOLUTION
    return np.mean((prediction - target) ** 2)
    ### END SOLUTION


# %% nbgrader={"grade_id": "mse_test", "points": 1}
from course_lib.exercise import without

with without("course_lib.metrics.mse", "skimage.metrics.mean_squared_error"):
    zero, one_wrong = np.zeros((2, 2)), np.array([[0.0, 0.0], [0.0, 2.0]])
    assert np.isclose(mse(one_wrong, zero), 1), f"the example should give 1, got {mse(one_wrong, zero)}: the mean of the squares (no root)"
    rng = np.random.default_rng(0)
    a, b = rng.random((7, 9)), rng.random((7, 9))
    expected = sum((x - y) ** 2 for x, y in zip(a.ravel(), b.ravel(), strict=True)) / 63
    assert np.isclose(mse(a, b), expected), f"expected {expected:.4f}, got {mse(a, b)}: sum of the squared differences, divided by the number of pixels"
    assert np.isclose(mse(a, b), mse(b, a)), "the order of the two images should not matter"
    ### HIDDEN VALUE: mse(rng.random((7, 9)), rng.random((7, 9)))
print("mse: right")

# %% [markdown]
# ## Exercise 2: peak signal-to-noise ratio ({{points psnr}})
#
# **Goal.** `psnr(prediction, target, data_range)` in decibels.
#
# **Steps.** Compute the mean squared error (write it again here, in one line). Divide `data_range²` by it. Take `10·log10`.
#
# **Example.** An error of 0.1 in each pixel, `data_range=1`: the MSE is 0.01, and the PSNR is 10·log10(1 / 0.01) = 20 dB.
#
# **Hint.** An image in [0, 255] with `data_range=255` has the same PSNR as the same image in [0, 1] with `data_range=1`.

# %% nbgrader={"grade_id": "psnr", "solution": true}
def psnr(prediction, target, data_range):
    """10 log10(data_range² / MSE), in dB."""
    ### BEGIN SOLUTION
    error = np.mean((prediction - target) ** 2)
    return 10 * np.log10(data_range**2 / error)
    ### END SOLUTION


# %% nbgrader={"grade_id": "psnr_test", "points": 2}
from course_lib.exercise import without

with without(
    "course_lib.metrics.psnr", "course_lib.metrics.mse", "skimage.metrics.peak_signal_noise_ratio", "skimage.metrics.mean_squared_error"
):
    flat = np.full((5, 6), 0.4)
    value = psnr(flat + 0.1, flat, 1)
    assert np.isclose(value, 20), f"an error of 0.1 everywhere is 20 dB, got {value}: 10·log10 (base 10) of data_range²/MSE"
    rng = np.random.default_rng(1)
    a, b = rng.random((6, 11)) * 0.7, rng.random((6, 11)) * 0.7
    expected = -10 * np.log10(((a - b) ** 2).sum() / 66)
    assert np.isclose(psnr(a, b, 1), expected), f"expected {expected:.3f} dB, got {psnr(a, b, 1)}: use data_range, not the largest value of the image"
    assert np.isclose(psnr(np.full((4, 4), 1.5), np.ones((4, 4)), 1), 20 * np.log10(2)), "an error of 0.5 is 6.02 dB also above 1: do not clip inside psnr"
    assert np.isclose(psnr(255 * a, 255 * b, 255), expected), "in other units (255 times image and data_range) the PSNR should stay: data_range is squared"
    ### HIDDEN VALUE: psnr(10 * rng.random((6, 11)), rng.random((6, 11)), rng.uniform(2, 3))
print("psnr: right")

# %% [markdown]
# ## Exercise 3: structural similarity ({{points ssim}})
#
# Here is a helper. It gives the **weighted mean in every 11×11 window** (Gaussian weights, sigma 1.5) that lies whole inside
# the image.

# %%
from scipy import ndimage


def local_mean(image):
    """Gaussian-weighted mean in each 11×11 window: (H, W) -> (H - 10, W - 10)."""
    return ndimage.gaussian_filter(image, sigma=1.5, truncate=3.5)[5:-5, 5:-5]


# %% [markdown]
# **Goal.** `ssim(prediction, target, data_range)` of two numpy images, one number, as in the formula above.
#
# **Steps.**
# 1. Local means: `local_mean(prediction)`, `local_mean(target)`.
# 2. Local variances: the mean of the squares minus the square of the mean. The covariance likewise: the mean of the
#    **product** minus the product of the means.
# 3. Put them into the formula, window by window. You get a map.
# 4. Return the mean of the map.
#
# **Example.** `ssim(x, x, 1)` is 1. `ssim(x, 1 - x, 1)` is far below it: where `x` rises, `1 - x` falls.
#
# **Hint.** `c1 = (0.01 · data_range)²` and `c2 = (0.03 · data_range)²`.

# %% nbgrader={"grade_id": "ssim", "solution": true}
def ssim(prediction, target, data_range):
    """Mean structural similarity (Wang 2004, Gaussian window) of two numpy images."""
    ### BEGIN SOLUTION
    mean_x, mean_y = local_mean(prediction), local_mean(target)
    variance_x = local_mean(prediction**2) - mean_x**2
    variance_y = local_mean(target**2) - mean_y**2
    covariance = local_mean(prediction * target) - mean_x * mean_y
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    numerator = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    denominator = (mean_x**2 + mean_y**2 + c1) * (variance_x + variance_y + c2)
    return np.mean(numerator / denominator)
    ### END SOLUTION


# %% nbgrader={"grade_id": "ssim_test", "points": 3}
from course_lib.exercise import without


def ssim_window_by_window(x, y, data_range):
    """The definition, with two loops: slow, and independent of `local_mean`."""
    offsets = np.arange(-5, 6)
    weights = np.exp(-(offsets[:, None] ** 2 + offsets**2) / (2 * 1.5**2))
    weights /= weights.sum()
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    values = []
    for row in range(x.shape[0] - 10):
        for column in range(x.shape[1] - 10):
            u, v = x[row : row + 11, column : column + 11], y[row : row + 11, column : column + 11]
            mu, mv = (weights * u).sum(), (weights * v).sum()
            su, sv = (weights * (u - mu) ** 2).sum(), (weights * (v - mv) ** 2).sum()
            suv = (weights * (u - mu) * (v - mv)).sum()
            values.append((2 * mu * mv + c1) * (2 * suv + c2) / ((mu**2 + mv**2 + c1) * (su + sv + c2)))
    return np.mean(values)


rng = np.random.default_rng(2)
rows, columns = np.mgrid[:17, :21]
x = 0.5 + 0.3 * np.sin(rows / 3) * np.cos(columns / 4)
y = np.clip(x + 0.1 * rng.standard_normal(x.shape), 0, 1)
cases = {"a noisy image": (y, x), "a darker image": (0.6 * x, x), "a negative": (1 - x, x)}
wanted = {name: ssim_window_by_window(u, v, 1) for name, (u, v) in cases.items()}
del ssim_window_by_window  # the answer must not lean on it

with without("course_lib.metrics.ssim", "skimage.metrics.structural_similarity"):
    value = ssim(x, x, 1)
    assert np.ndim(value) == 0, "return one number: the mean of the map"
    assert np.isclose(value, 1), f"two equal images should give 1, got {value}"
    for name, (u, v) in cases.items():
        expected, got = wanted[name], ssim(u, v, 1)
        assert np.isclose(got, expected, atol=2e-4), (
            f"{name}: expected {expected:.4f}, got {got:.4f}."
            " Variance = mean of squares minus square of the mean, in each window; covariance = mean of the product minus product of the means"
        )
    assert np.isclose(ssim(255 * y, 255 * x, 255), wanted["a noisy image"], atol=2e-4), "in other units the SSIM should stay: c1 and c2 contain data_range, squared"
    ### HIDDEN VALUE: (lambda x: ssim(0.6 * x + 0.4 * rng.random((17, 21)), x, rng.uniform(1.5, 4)))(rng.random((17, 21)))
print("ssim: right")

# %% [markdown]
# ## Play: what do the numbers see?
#
# Move the noise. Guess the PSNR: 20·log10(1 / sigma). At which sigma would you no longer trust a diagnosis? Which PSNR is that?

# %% tags=["experiment"]
colin = brains.brain_slices("colin27", slices=profile.pick(ci=3, cpu=12, gpu=30))
viz.noise_slider(colin.images[len(colin) // 2, 0], noise.gaussian, label="sigma", maximum=0.4, value=0.1)

# %% [markdown]
# ## Exercise 4: the convolutional autoencoder ({{points ConvDAE}})
#
# **Goal.** A class `ConvDAE`, as in Gondara's paper in spirit:
#
# | | layers |
# |---|---|
# | encoder | conv 1→32, ReLU, max-pool 2; conv 32→32, ReLU, max-pool 2 |
# | decoder | conv 32→32, ReLU, upsample 2; conv 32→32, ReLU, upsample 2; conv 32→1, sigmoid |
#
# All convolutions are 3×3 with `padding=1`. Upsampling is `nn.Upsample(scale_factor=2)`, which repeats pixels. Input and
# output are `(N, 1, H, W)`, for **any** `H` and `W`.
#
# **Steps.** Make encoder and decoder with `nn.Sequential`. In `forward`: pad the image to a multiple of 4
# (`images.pad_to_multiple`, which you wrote in lab 00), encode, decode, and crop to the size of the input.
#
# **Example.** `ConvDAE()(torch.rand(2, 1, 27, 31)).shape` is `(2, 1, 27, 31)`. The network has 28,353 parameters.
#
# **Hint.** A 3×3 convolution from `a` to `b` channels has `9·a·b + b` parameters. Check the sum before you run the test. Make the
# layers in the order in which the image passes them.

# %% nbgrader={"grade_id": "ConvDAE", "solution": true}
class ConvDAE(nn.Module):
    """Convolutional autoencoder: two times down by pooling, two times up by upsampling, sigmoid at the end."""

    def __init__(self):
        super().__init__()
        ### BEGIN SOLUTION
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        )  # fmt: skip
        self.decoder = nn.Sequential(
            nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(), nn.Upsample(scale_factor=2),
            nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(), nn.Upsample(scale_factor=2),
            nn.Conv2d(32, 1, 3, padding=1), nn.Sigmoid(),
        )  # fmt: skip
        ### END SOLUTION

    def forward(self, noisy):
        ### BEGIN SOLUTION
        height, width = noisy.shape[-2:]
        code = self.encoder(images.pad_to_multiple(noisy, 4))  # (N, 1, H', W') -> (N, 32, H'/4, W'/4)
        return self.decoder(code)[..., :height, :width]
        ### END SOLUTION


# %% nbgrader={"grade_id": "ConvDAE_test", "points": 3}
from course_lib.exercise import without

with without("course_lib.models.dae.ConvDAE"):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = ConvDAE()
    count = sum(parameter.numel() for parameter in network.parameters())
    assert count == 28353, f"expected 28,353 parameters, got {count}: five 3×3 convolutions with bias, 1-32-32-32-32-1 channels"
    sizes = [tuple(parameter.shape) for parameter in network.parameters() if parameter.ndim == 4]
    assert sizes == [(32, 1, 3, 3), *[(32, 32, 3, 3)] * 3, (1, 32, 3, 3)], (
        f"make the five convolutions in the order in which the image passes them; your weights have shapes {sizes}"
    )
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in network.parameters():
            scale = 1.7 / (9 * parameter.shape[1]) ** 0.5 if parameter.ndim == 4 else 0.2
            parameter.copy_(scale * torch.randn(parameter.shape, generator=generator))
    w1, b1, w2, b2, w3, b3, w4, b4, w5, b5 = [parameter.detach() for parameter in network.parameters()]
    convolve, pool = nn.functional.conv2d, nn.functional.max_pool2d

    def by_hand(x):
        x = pool(convolve(x, w1, b1, padding=1).clamp(min=0), 2)
        x = pool(convolve(x, w2, b2, padding=1).clamp(min=0), 2)
        x = convolve(x, w3, b3, padding=1).clamp(min=0).repeat_interleave(2, 2).repeat_interleave(2, 3)
        x = convolve(x, w4, b4, padding=1).clamp(min=0).repeat_interleave(2, 2).repeat_interleave(2, 3)
        return 1 / (1 + torch.exp(-convolve(x, w5, b5, padding=1)))

    batch = torch.rand(2, 1, 16, 24, generator=generator)
    with torch.no_grad():
        output = network(batch)
    assert tuple(output.shape) == (2, 1, 16, 24), f"(2, 1, 16, 24) in should give the same shape out, got {tuple(output.shape)}"
    assert output.min() >= 0 and output.max() <= 1, "the output should lie in [0, 1]: a sigmoid after the last convolution"
    assert torch.allclose(output, by_hand(batch), atol=1e-4), (
        "the numbers differ from conv-ReLU-maxpool twice, conv-ReLU-upsample twice, conv-sigmoid: look at what stands after each convolution"
    )
    assert network(batch).requires_grad, "the output has no gradient, so nothing could be learnt: no detach() or no_grad() in forward"
    odd = torch.rand(1, 1, 25, 30, generator=generator)
    with torch.no_grad():
        output = network(odd)
    assert tuple(output.shape) == (1, 1, 25, 30), f"a 25×30 image should come back as 25×30, got {tuple(output.shape[-2:])}: pad first, crop at the end"
    expected = by_hand(nn.functional.pad(odd, (0, 2, 0, 3), mode="replicate"))[..., :25, :30]
    assert torch.allclose(output, expected, atol=1e-4), "pad with images.pad_to_multiple(noisy, 4), and crop [..., :height, :width]"
    ### HIDDEN VALUE: random_weights(ConvDAE(), rng)(random_tensor(rng, 2, 1, 16, 24))
    ### HIDDEN VALUE: random_weights(ConvDAE(), rng)(random_tensor(rng, 1, 1, 21, 30))
print("ConvDAE: right")

# %% [markdown]
# ## First on digits
#
# The digits of lab 01, the same noise, the same number of epochs, both networks by the same loop. It is `training.fit`: the loop
# that you wrote in lab 01, grown up. Which network is better? And how many numbers did each of them have to learn?
#
# One thing is new: the loss. Four fifths of a digit's pixels are black, and all-black is a deep trap: there the sigmoid is flat, and the
# squared error gives hardly any gradient. The binary **cross-entropy** (BCE) does not flatten out. See what each of them makes of the same
# network. (About 30 s.)

# %% tags=["experiment"]
from course_lib.models.dae import DenseDAE

train_digits, _ = digits("train", count=profile.pick(ci=64, cpu=3000, gpu=6000))
test_digits, _ = digits("test")
digit_noise = functools.partial(noise.gaussian, sigma=0.5)
noisy_digits = digit_noise(test_digits, generator=torch.Generator().manual_seed(0))
restored = {}
for name, make, loss in [
    ("dense, BCE", DenseDAE, nn.functional.binary_cross_entropy),
    ("conv., BCE", ConvDAE, nn.functional.binary_cross_entropy),
    ("conv., MSE", ConvDAE, nn.functional.mse_loss),
]:
    with training.fixed_seed(0):
        model = make()
    training.fit(
        model, train_digits, loss=loss, corrupt=digit_noise, seed=0, batch_size=32,
        epochs=profile.pick(ci=1, cpu=6, gpu=20), learning_rate=2e-3,
    )  # fmt: skip
    restored[name] = training.denoise(model, noisy_digits).clamp(0, 1)
    quality = [f(restored[name], test_digits, data_range=1).mean().item() for f in (metrics.psnr, metrics.ssim)]
    count = sum(parameter.numel() for parameter in model.parameters())
    print(f"{name:12} {count:>8,} parameters   PSNR {quality[0]:.2f} dB   SSIM {quality[1]:.3f}")
viz.panel(
    test_digits[7], noisy_digits[7], {name: images_[7] for name, images_ in restored.items()},
    title="The same test digit, and what each network changed",
)

# %% [markdown]
# ## Exercise 5: random crops ({{points random_crop}})
#
# A whole slice has 39,277 pixels. Small crops make training cheap, and each epoch shows other ones.
#
# **Goal.** `random_crop(image, size, generator)` cuts a square of `size` × `size` pixels out of a tensor `(…, H, W)`, at
# a random place, **every** place equally likely.
#
# **Steps.** Draw the first row and the first column with `torch.randint(n, (), generator=generator)`, which gives a whole
# number from 0 to `n - 1`. How many places are there for a crop of 3 rows in an image of 5? Slice.
#
# **Example.** A crop of 3×3 from a 5×6 image can begin in rows 0, 1, 2 and in columns 0, 1, 2, 3.
#
# **Hint.** There are `H - size + 1` places. Forget the `+ 1`, and the last row is never seen.

# %% nbgrader={"grade_id": "random_crop", "solution": true}
def random_crop(image, size, generator):
    """A random size × size piece of a tensor (…, H, W)."""
    ### BEGIN SOLUTION
    height, width = image.shape[-2:]
    top = int(torch.randint(height - size + 1, (), generator=generator))
    left = int(torch.randint(width - size + 1, (), generator=generator))
    return image[..., top : top + size, left : left + size]
    ### END SOLUTION


# %% nbgrader={"grade_id": "random_crop_test", "points": 2}
from course_lib.exercise import without

with without("course_lib.images.random_crop"):
    picture = torch.arange(30.0).reshape(1, 5, 6)
    generator, state = torch.Generator().manual_seed(0), torch.get_rng_state()
    found = {}
    for _ in range(1200):  # 12 places, 100 times each on average, with a standard deviation of 10
        crop = random_crop(picture, 3, generator)
        assert tuple(crop.shape) == (1, 3, 3), f"a crop of size 3 should have the shape (1, 3, 3), got {tuple(crop.shape)}"
        corner = int(crop[0, 0, 0])
        row, column = corner // 6, corner % 6
        assert torch.equal(crop, picture[:, row : row + 3, column : column + 3]), "a crop should be a piece of the image, rows and columns in order"
        found[row, column] = found.get((row, column), 0) + 1
    tall = torch.arange(2 * 3 * 9 * 5.0).reshape(2, 3, 9, 5)
    corners = set()
    for _ in range(400):  # 6 × 2 places, 33 times each on average
        crop = random_crop(tall, 4, generator)
        assert tuple(crop.shape) == (2, 3, 4, 4), f"a crop of size 4 from (2, 3, 9, 5) should have the shape (2, 3, 4, 4), got {tuple(crop.shape)}"
        row, column = divmod(int(crop[0, 0, 0, 0]), 5)
        assert torch.equal(crop, tall[..., row : row + 4, column : column + 4]), "cut all images and channels at the same place"
        corners.add((row, column))
    assert torch.equal(state, torch.get_rng_state()), "you drew from the global generator: hand `generator` on to torch.randint"
    places = {(row, column) for row in range(3) for column in range(4)}
    missing = sorted(places - set(found))
    assert not missing, f"crops that begin at (row, column) {missing} never came: there are H - size + 1 places, and W - size + 1"
    expected = {(row, column) for row in range(6) for column in range(2)}
    assert corners == expected, f"a 4×4 crop of 9×5 can begin in rows 0 to 5 and columns 0 and 1, got {sorted(corners)}"
    assert min(found.values()) > 50, f"all places should be equally likely (about 100 of 1200 each), got {found}"
    first, second = (random_crop(picture, 3, torch.Generator().manual_seed(7)) for _ in range(2))
    assert torch.equal(first, second), "the same seed should give the same crop: use `generator`"
print("random_crop: right")

# %% [markdown]
# ## The data: synthetic heads to train on, a real head to test on
#
# The training heads are **synthetic subjects**: one anatomy (the ICBM152 template) deformed at random, with random contrast
# and a skull and scalp built around it. They are always called synthetic. The test head is Colin27, a real one, never in training.
#
# (The first time about a minute, with a progress bar; then they are kept on disk.)

# %% tags=["experiment"]
subjects = profile.pick(ci=2, cpu=12, gpu=20)
cohort = brains.brain_slices("cohort", subjects=subjects, slices=profile.pick(ci=8, cpu=30, gpu=30))
held_out = cohort.subjects >= subjects - max(1, subjects // 6)  # split by subject, not by slice
train_slices, tune_slices = cohort.images[~held_out], cohort.images[held_out]
print("train", tuple(train_slices.shape), "tune filters and look at", tuple(tune_slices.shape), "test", tuple(colin.images.shape))
viz.gallery(
    [train_slices[len(train_slices) // 3, 0], train_slices[len(train_slices) // 2, 0], colin.images[len(colin) // 2, 0]],
    columns=3,
    titles=["synthetic", "synthetic", "Colin27, real"],
    title="Synthetic heads for training, a real one for the test",
)

# %% [markdown]
# ## An honest experiment: how few images suffice?
#
# As Gondara did, we work at 64×64 pixels. Two networks are trained on 50, 100 and all slices, each time for about the **same
# number of steps** (the last batch of an epoch may be smaller), so that more images hardly mean more computing: your `ConvDAE`, which pools
# twice, and `BrainCDAE`, which halves the image only once, by a strided convolution. Noise: Gaussian, sigma 0.1. Test: Colin27.
# Against them stand three filters that need no training, but a strength: each gets the one that is best on heads
# of the tuning set.
#
# All training slices come from a few synthetic heads (ten on a CPU), and these are one anatomy, deformed. So 300 slices say far less than 300
# patients would, and the test is one real head: the error bars show seeds, not people. With all slices every seed has the same ones.
#
# Outputs are clipped to [0, 1] before scoring, noisy images are not. Error bars: standard deviation over seeds, each with other weights,
# other noise and, below 300, other training slices. (About two minutes on 2 cores.)

# %% tags=["experiment"]
sigma = 0.1
corrupt = functools.partial(noise.gaussian, sigma=sigma)


def small(pictures):
    """(N, 1, H, W) -> (N, 1, 64, 64): crop to a square around the middle, then average pixels."""
    side = min(pictures.shape[-2:])
    top, left = (pictures.shape[-2] - side) // 2, (pictures.shape[-1] - side) // 2
    return nn.functional.interpolate(pictures[..., top : top + side, left : left + side], size=(64, 64), mode="area")


def noisy_copy(pictures, seed):
    return corrupt(pictures, generator=torch.Generator().manual_seed(seed))


def scores(prediction, target, mask=None, clip=True):
    """Mean PSNR and SSIM over images, after clipping to [0, 1]."""
    prediction = prediction.clamp(0, 1) if clip else prediction
    return [
        metrics.psnr(prediction, target, data_range=1, mask=mask).mean().item(),
        metrics.ssim(prediction, target, data_range=1, mask=mask).mean().item(),
    ]


# %% tags=["experiment"]
from skimage.restoration import denoise_nl_means

FILTERS = {  # name -> (filter of a numpy image with a strength, strengths to try)
    "Gaussian": (lambda x, s: ndimage.gaussian_filter(x, s), [0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2]),
    "median": (lambda x, s: ndimage.median_filter(x, s), [3, 5]),
    "NLM": (
        lambda x, s: denoise_nl_means(x, patch_size=5, patch_distance=6, h=s * sigma, sigma=sigma),
        [0.4, 0.5, 0.6, 0.7, 0.8, 1.0],
    ),
}


def apply_filter(name, strength, pictures):
    """Run a filter on each image of a batch (N, 1, H, W)."""
    filter, _ = FILTERS[name]
    return torch.from_numpy(np.stack([filter(x[0], strength) for x in pictures.numpy()]))[:, None].float()


def tuned_strength(name, pictures):
    """The strength with the best PSNR on `pictures`, which are never test images."""
    noisy = noisy_copy(pictures, 100)
    return max(FILTERS[name][1], key=lambda s: scores(apply_filter(name, s, noisy), pictures)[0])


# %% tags=["experiment"]
small_train, small_tune, small_test = small(train_slices), small(tune_slices), small(colin.images)
small_noisy = noisy_copy(small_test, 0)
filter_scores = {}
for name in FILTERS:
    strength = tuned_strength(name, small_tune[:: profile.pick(ci=8, cpu=4, gpu=1)])
    filter_scores[f"{name} {strength:g}"] = scores(apply_filter(name, strength, small_noisy), small_test)
for name, (p, s) in filter_scores.items():
    print(f"{name:14} PSNR {p:.2f} dB, SSIM {s:.3f}")

# %% tags=["experiment"]
from tqdm.auto import tqdm

from course_lib.models.dae import BrainCDAE

steps, batch_size = profile.pick(ci=4, cpu=160, gpu=3000), 16
counts = profile.pick(ci=[4, len(small_train)], cpu=[50, 100, len(small_train)], gpu=[50, 100, 200, len(small_train)])
seeds = range(profile.pick(ci=1, cpu=3, gpu=5))


def train_in_two_stages(make, pictures, steps, seed, title=None, **options):
    """Train a new model: 70 % of the steps large, the rest small. With a title it draws the loss meanwhile."""
    with training.fixed_seed(seed):
        model = make()
    for learning_rate, share in ((3e-3, 0.7), (3e-4, 0.3)):
        epochs = max(1, round(share * steps / np.ceil(len(pictures) / batch_size)))
        training.fit(
            model, pictures, loss=nn.functional.mse_loss, corrupt=corrupt, epochs=epochs, batch_size=batch_size,
            learning_rate=learning_rate, seed=seed,
            on_epoch=viz.LiveCurves(title=f"{title}, learning rate {learning_rate:g}") if title else None, **options,
        )  # fmt: skip
    return model


networks = {"ConvDAE": ConvDAE, "BrainCDAE": BrainCDAE}
quality = {name: np.zeros((len(seeds), len(counts), 2)) for name in networks}  # seed, number of images, (PSNR, SSIM)
for row, seed in enumerate(tqdm(seeds, desc="seeds")):
    order = torch.randperm(len(small_train), generator=torch.Generator().manual_seed(seed))
    for column, count in enumerate(counts):
        for name, make in networks.items():
            model = train_in_two_stages(make, small_train[order[:count]], steps, seed, progress=False)
            quality[name][row, column] = scores(training.denoise(model, small_noisy), small_test)

best_name = max(filter_scores, key=lambda name: filter_scores[name][0])
margins = {name: (values[:, -1, 0] - filter_scores[best_name][0]).mean() for name, values in quality.items()}
viz.curve_with_errors(
    counts,
    {name: values[:, :, 0] for name, values in quality.items()},
    xlabel="training images",
    ylabel="PSNR on Colin27 at 64×64 (dB)",
    title=f"{counts[-1]} slices, {steps} steps, against {best_name}: " + ", ".join(f"{n} {m:+.2f} dB" for n, m in margins.items()),
    references={name: values[0] for name, values in filter_scores.items()},
)

# %% [markdown]
# The title of the figure is computed from the numbers. Do they agree with the paper? If not, why not? (Think of the
# pooling: what happens to a fine line in a network that first makes the image four times smaller in each direction?) And what do
# more images buy here, beside more steps?
#
# ## Pooled images
#
# Say that you have only 50 slices. Gondara pooled different kinds of images. We fill up with pieces of photographs
# (coins, a page of text, grass, the moon …) and train as before. Compare with the 50 slices alone, and with as many slices of heads: these
# two were trained above. (About 40 s.)

# %% tags=["experiment"]
from skimage import data as photographs
from skimage.color import rgb2gray


def photo_pieces(count, seed):
    """Random 64×64 pieces of photographs that come with scikit-image: (count, 1, 64, 64)."""
    generator, names = torch.Generator().manual_seed(seed), ["camera", "coins", "page", "text", "grass", "gravel", "brick", "moon", "coffee", "chelsea"]
    pictures = []
    for name in names:
        picture = getattr(photographs, name)()
        grey = rgb2gray(picture) if picture.ndim == 3 else picture / 255
        pictures.append(images.to_batch(grey)[0])
    return torch.stack([random_crop(pictures[i % len(pictures)], 64, generator) for i in range(count)])


few, many = counts[0], counts[-1]
pooled = []
for seed in tqdm(seeds, desc="seeds"):
    order = torch.randperm(len(small_train), generator=torch.Generator().manual_seed(seed))
    pictures = torch.cat([small_train[order[:few]], photo_pieces(many - few, seed)])
    model = train_in_two_stages(BrainCDAE, pictures, steps, seed, progress=False)
    pooled.append(scores(training.denoise(model, small_noisy), small_test))
results = {
    f"{few} slices": quality["BrainCDAE"][:, 0],
    f"{few} slices + {many - few} photos": np.array(pooled),
    f"{many} slices": quality["BrainCDAE"][:, -1],
}
for name, values in results.items():
    mean, deviation = values.mean(0), values.std(0, ddof=min(1, len(values) - 1))
    print(f"BrainCDAE, {name:24} PSNR {mean[0]:.2f} ± {deviation[0]:.2f} dB   SSIM {mean[1]:.3f} ± {deviation[1]:.3f}   ({len(values)} seeds)")

# %% [markdown]
# ## Whole slices: the brain-size network
#
# At full size fine detail counts. `BrainCDAE` is the baseline of all later labs. It is trained on random crops of 64×64, cut by your
# `random_crop`, new ones in every epoch. Then it denoises whole slices of Colin27: a convolution does not mind the size.
#
# (About a minute and a half on 2 cores.)

# %% tags=["experiment"]
middle_of_tune = tune_slices[::10, :, 60:156, 40:136]  # crops are enough to watch the loss
brain_network = train_in_two_stages(
    BrainCDAE,
    train_slices,
    profile.pick(ci=4, cpu=1200, gpu=12000),
    seed=0,
    transform=lambda image, generator: random_crop(image, 64, generator),
    validation=middle_of_tune,
    title="BrainCDAE: loss (MSE)",
)

# %% tags=["experiment"]
noisy = noisy_copy(colin.images, 1)
answers = {"noisy": noisy}
for name in FILTERS:
    strength = tuned_strength(name, tune_slices[:: profile.pick(ci=8, cpu=10, gpu=5)])
    answers[f"{name} {strength:g}"] = apply_filter(name, strength, noisy)
answers["BrainCDAE"] = training.denoise(brain_network, noisy)

print(f"Colin27, {len(colin)} slices, Gaussian noise sigma {sigma}; SSIM: Wang 2004, Gaussian window 11;")
print("outputs clipped to [0, 1] before scoring, the noisy image not")
print(f"{'':16}{'whole image':>24}{'inside the brain':>24}")
for name, answer in answers.items():
    clip = name != "noisy"
    whole, inside = scores(answer, colin.images, clip=clip), scores(answer, colin.images, colin.brain_masks, clip)
    print(f"{name:16}{whole[0]:>13.2f} dB {whole[1]:>7.3f}{inside[0]:>13.2f} dB {inside[1]:>7.3f}")

# %% tags=["experiment"]
middle = len(colin) // 2
best_filter = max((name for name in answers if name not in ("noisy", "BrainCDAE")), key=lambda name: scores(answers[name], colin.images)[0])
viz.panel(
    colin.images[middle],
    noisy[middle],
    {name: answers[name][middle].clamp(0, 1) for name in (best_filter, "BrainCDAE")},
    title="A real head that neither method has seen: what each of them takes away",
)

# %% [markdown]
# ## In your own words ({{points enough}})
#
# A colleague writes: "Our network needs only 100 training images and reaches an SSIM of 0.95, so it is ready for the clinic."
# Name three things that you would ask before you believe it. Use what you measured in this lab. Four to eight sentences.

# %% [markdown] nbgrader={"grade_id": "enough", "solution": true, "points": 2}
# First: SSIM of what region, window and data range? Whole image and brain are two numbers, and they may rank the methods
# differently. Second: against what? A tuned filter needs no training image at all, and at 64×64 it was hard to beat;
# a comparison with an untuned filter means nothing. Third: how was the data split, and over how many
# seeds? Slices of the same head in training and test make the number look better, and the error bars between seeds can be as large as the
# difference between methods. I would also ask for difference maps, for other noise levels and scanners, and for patients
# with lesions.

# %% [markdown]
# ## What to remember
#
# - MSE, PSNR and SSIM mean nothing without the data range, the window and the region: say all three.
# - A convolution shares its weights: few parameters, any image size.
# - How many images suffice depends on what you compare with. Tune the filters, on images that are not the test.
# - Split by subject. Show error bars. Look at the difference maps.
#
# The functions that you wrote are `course_lib.metrics.mse`, `psnr`, `ssim`, `course_lib.models.dae.ConvDAE` and
# `course_lib.images.random_crop`.
