# %% [markdown]
# # Lab 02: A convolutional denoising autoencoder
#
# {{badges}}
#
# **The question of this lab: how many images does a network need before it beats a filter that needs none?**
#
# {{head}}
#
# {{exercises}}
#
# ### BEGIN CARD
# level = "core"
# memory = "2 GB"
# compute_minutes = 4
# labs = ["01"]
# lectures = ["01"]
# mathematics = "logarithms; mean, standard deviation and standard error"
# objectives = [
#     "compute MSE and PSNR, and say what the data range does to them",
#     "build a convolutional autoencoder and count its weights",
#     "decide from a learning curve with error bars how many images suffice",
#     "predict what pooling costs, measure it, and explain the difference",
#     "show why a high SSIM does not prove that an image is useful",
# ]
# minutes = {theory = 10, mse = 5, psnr = 5, ConvDAE = 20, random_crop = 15, enough_images = 20, pooling = 15, enough = 15, experiments = 25}
# ### END CARD

# %% tags=["setup"]
# `course build` writes the set-up cell here

# %% [markdown]
# ## Theory in half a page
#
# A dense layer connects every pixel with every other. A **convolution** looks at 3×3 pixels at a time and uses the same
# weights everywhere: an edge is an edge wherever it lies. **Pooling** keeps one number of each 2×2 block, so the
# next convolution sees a larger piece of the image. A **decoder** brings the small image back to full size. Together they make
# a convolutional denoising autoencoder (CDAE). Its code may hold *more* numbers than the image (here 32 · H/4 · W/4 = 2·H·W).
# Copying its input would not help it: the input is noisy, and the target is not.
#
# Lovedeep Gondara trained such a network on a few hundred X-rays and mammograms of 64×64 pixels. He reported that it
# beat the median filter and non-local means (NLM: a mean over pixels whose surroundings look alike), and that different kinds of images
# may be mixed when there are few.
#
# How good is a denoised image `x`, if `y` is the clean one? Two numbers, for images of m×n pixels, and always for a stated **data range** `L`,
# the distance from black to white (here images lie in [0, 1], so `L = 1`):
#
# $$ \mathrm{MSE} = \frac{1}{mn}\sum_{i,j} (x_{ij} - y_{ij})^2 \qquad
# \mathrm{PSNR} = 10 \log_{10} \frac{L^2}{\mathrm{MSE}} $$
#
# The third number of this lab is **SSIM**, structural similarity: brightness, contrast and structure compared in each small
# window, then averaged; 1 means equal. You will build it in lab 05. Here the library computes it.
#
# **Sources.** Lovedeep Gondara 2016, [*Medical image denoising using convolutional denoising
# autoencoders*](https://arxiv.org/abs/1608.04667); Zhou Wang et al. 2004, [*Image quality assessment: from error visibility to
# structural similarity*](https://doi.org/10.1109/TIP.2003.819861); Akshaya Thomas, Dawa Namgyal, Devi Krishna K R and Dhanya
# Babu 2022, *Denoising autoencoder for the removal of noise in medical images* (slides of a student project, phase 1; below:
# "the phase-1 slides").

# %%
import functools

import numpy as np
import torch
from scipy import ndimage
from torch import nn

from course_lib import evaluation, images, metrics, noise, training, viz
from course_lib.data import brains
from course_lib.data.digits import digits
from course_lib.exercise import yours
from course_lib.models import dae

# %% [markdown]
# ## Exercise 1: mean squared error ({{points mse}})
#
# **Goal.** `mse(prediction, target)` of two numpy images of the same shape: one number. Neither image is changed or clipped,
# here and in the next exercise.
#
# **Steps.** Read the formula from the inside out.
#
# **Example.** `[[0, 0], [0, 0]]` against `[[0, 0], [0, 2]]` gives 4 / 4 = 1.
#
# **Hint.** If you average first, positive and negative errors cancel.
#
# ### BEGIN EXPLANATION
# MSE is the mean of the *squared* differences: a pixel that is wrong by 0.2 costs four times as much as one that is wrong by 0.1,
# so a few large errors dominate. The common mistake is to take the root (that is RMSE), or to average before squaring,
# which measures only the mean brightness.
# ### END EXPLANATION

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
    value = mse(one_wrong, zero)
    assert np.ndim(value) == 0, f"return one number: the mean over all pixels, not {value}"
    assert np.isclose(value, 1), f"the example should give 1, got {value}: what is averaged?"
    one, other = np.random.default_rng(0).normal(0.5, 2, (2, 9, 4))
    for scale in (1.0, 1e-6, 1e6):
        a, b = scale * one, scale * other
        expected, before = 7.89122 * scale**2, (a.copy(), b.copy())
        for value in (mse(a, b), mse(b, a)):
            assert np.isclose(value, expected, rtol=1e-4, atol=0), (
                f"expected {expected}, got {value}: an error twice as large costs four times as"
                " much, every pixel counts the same, and the order of the two does not matter"
            )
        assert np.array_equal(a, before[0]) and np.array_equal(b, before[1]), (
            "your function changed an image that it was given"
        )
    ### HIDDEN VALUE: [mse(*rng.normal(2, 3, (2, *shape))) for shape in [(7, 9), (11, 4), (1, 5)]]
    ### HIDDEN VALUE: [mse(*rng.normal(0, s, (2, 8, 3))) / s**2 for s in (1e-8, 1e6)]
print("mse: right")

# %% [markdown]
# ## Exercise 2: peak signal-to-noise ratio ({{points psnr}})
#
# **Goal.** `psnr(prediction, target, data_range)` in decibels (dB).
#
# **Steps.** Compute the mean squared error (write it again here, in one line). Put it into the formula.
#
# **Example.** An error of 0.1 in each pixel, `data_range=1`: the MSE is 0.01, and the PSNR is 20 dB. With an error of
# 0.2 it is about 14 dB: twice the error costs 6 dB.
#
# **Hint.** An image in [0, 255] with `data_range=255` has the same PSNR as the same image in [0, 1] with `data_range=1`.
#
# ### BEGIN EXPLANATION
# PSNR compares the mean squared error with the square of the data range, on a logarithmic scale to base 10. So the unit of the
# image cancels, and ten times less MSE is always 10 dB more. Taking the largest value of the image for the range is the most
# common mistake: then two papers with the same images print different numbers.
# ### END EXPLANATION

# %% nbgrader={"grade_id": "psnr", "solution": true}
def psnr(prediction, target, data_range):
    """10 log10(data_range² / MSE), in dB."""
    ### BEGIN SOLUTION
    error = np.mean((prediction - target) ** 2)
    return 10 * np.log10(data_range**2 / error)
    ### END SOLUTION


# %% nbgrader={"grade_id": "psnr_test", "points": 1}
from course_lib.exercise import without

with without(
    "course_lib.metrics.psnr",
    "course_lib.metrics.mse",
    "skimage.metrics.peak_signal_noise_ratio",
    "skimage.metrics.mean_squared_error",
):
    flat = np.full((5, 6), 0.4)
    value = psnr(flat + 0.1, flat, 1)
    assert np.isclose(value, 20), (
        f"an error of 0.1 everywhere is 20 dB, got {value}: which logarithm, and of which ratio?"
    )
    image, error = np.random.default_rng(1).normal(0.3, 0.8, (2, 11, 6))
    for data_range, size, expected, look in [
        (1, 0.1, 21.8586, "use data_range, not the largest value, and clip nothing"),
        (2.5, 0.1, 29.8174, "data_range is squared"),
        (0.1, 0.1, 1.8586, "a data_range may be below 1"),
        (255, 3.0, 40.447, "data_range is squared"),
        (1, 1e-6, 121.8586, "a tiny error counts: add nothing to the MSE"),
        (1, 4.0, -10.1826, "an error larger than the range gives a negative number"),
    ]:
        prediction, before, target = image + size * error, image + size * error, image.copy()
        value = psnr(prediction, target, data_range)
        assert np.ndim(value) == 0, f"return one number, not {value}"
        assert np.isclose(value, expected, rtol=1e-5), f"{expected} dB, not {value}: {look}"
        assert np.array_equal(prediction, before) and np.array_equal(target, image), (
            "your function changed an image that it was given"
        )
    ### HIDDEN VALUE: [psnr(10 * rng.random((6, 11)), rng.random((6, 11)), r) for r in rng.uniform(0, [1, 9])]
    ### HIDDEN VALUE: [psnr(*rng.normal(1, s, (2, 9, 4)), rng.uniform(1, 9)) for s in (1e-6, 50)]
print("psnr: right")

# %% [markdown]
# ## Play: what does the number see?
#
# Move the noise. Before each move, guess the PSNR: noise of strength sigma has an MSE of sigma², so it should be 20·log10(1 / sigma). At which sigma would you no longer trust a diagnosis?
# Which PSNR is that?

# %% tags=["experiment"]
colin = brains.brain_slices("colin27", slices=profile.pick(ci=3, cpu=12, gpu=30))
middle = len(colin) // 2
measure = yours("psnr", metrics.psnr, name="psnr")
picture = colin.images[middle, 0].numpy()
for level in (0.05, 0.1, 0.2, 0.4):
    grainy = noise.gaussian(picture, level, generator=np.random.default_rng(0))
    guess, measured = 20 * np.log10(1 / level), measure(grainy, picture, data_range=1)
    print(f"sigma {level:<4}: expected {guess:.2f} dB, measured {measured:.2f} dB")
viz.noise_slider(picture, noise.gaussian, label="sigma", maximum=0.4, value=0.1)

# %% [markdown]
# ## Exercise 3: the convolutional autoencoder ({{points ConvDAE}})
#
# **Goal.** A class `ConvDAE`, in the spirit of Gondara's paper:
#
# | | layers |
# |---|---|
# | encoder | conv 1→32, ReLU, max-pool 2; conv 32→32, ReLU, max-pool 2 |
# | decoder | conv 32→32, ReLU, upsample 2; conv 32→32, ReLU, upsample 2; conv 32→1, sigmoid |
#
# All convolutions are 3×3 with `padding=1`. Upsampling is `nn.Upsample(scale_factor=2)`, which repeats pixels. Input and
# output are `(N, 1, H, W)`, for **any** `H` and `W`.
#
# **Steps.** Make encoder and decoder in `__init__`, in the order in which the image passes them. In `forward`, take care of sizes
# that two poolings do not divide: `images.pad_to_multiple` is the function that you wrote in lab 00. Crop the answer to the size of the input.
#
# **Example.** `ConvDAE()(torch.rand(2, 1, 27, 31)).shape` is `(2, 1, 27, 31)`. The network has 28,353 parameters.
#
# **Hint.** Predict the number of parameters of each layer before you run the test: how many weights does one output channel need, and
# how many biases are there?
#
# ### BEGIN EXPLANATION
# A 3×3 convolution from a to b channels has 9·a·b weights and b biases: 320 + 3 · 9,248 + 289 = 28,353. The image size plays no
# part, so one network serves all sizes. Two poolings need sides that are multiples of 4: pad before, crop after. A
# common mistake is to pad with zeros, which the network takes for a black edge, or to crop from the wrong side.
# ### END EXPLANATION

# %% nbgrader={"grade_id": "ConvDAE", "solution": true}
class ConvDAE(nn.Module):
    """Convolutional autoencoder: two poolings down, two upsamplings up, a sigmoid."""

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
### BEGIN HIDDEN TESTS
def slopes(network, image):
    image = (3 * image - 1).requires_grad_()  # noise leaves [0, 1]
    output = network.train()(image)
    found = torch.autograd.grad(output.square().sum(), [image, *network.parameters()])
    return [output, found[0], *[slope.square().sum() for slope in found]]
### END HIDDEN TESTS

with without("course_lib.models.dae.ConvDAE"):
    with torch.random.fork_rng():
        network = ConvDAE()
    sizes = [tuple(p.shape) for p in network.parameters() if p.ndim == 4]
    wanted = [(32, 1, 3, 3), *[(32, 32, 3, 3)] * 3, (1, 32, 3, 3)]
    assert sizes == wanted, f"five convolutions in the order of the table, with weights {wanted}"
    count = sum(parameter.numel() for parameter in network.parameters())
    assert count == 28353, f"expected 28,353 parameters, got {count}: 3×3 convolutions with bias"
    draw = np.random.default_rng(2)
    with torch.no_grad():
        for parameter in network.parameters():  # neither dead nor saturated
            scale = 1.4 / (9 * parameter.shape[1]) ** 0.5 if parameter.ndim == 4 else 0.2
            parameter.copy_(torch.from_numpy(scale * draw.standard_normal(parameter.shape)))
    for shape, expected, look in [
        ((2, 1, 16, 24), [0.5226, 0.0409, 0.5078, 0.7360], "what stands after each convolution?"),
        ((1, 1, 30, 21), [0.6516, 0.0264, 0.1802, 0.5003], "pad to multiples of 4, then crop"),
    ]:
        batch = torch.from_numpy(draw.normal(0.5, 1, shape)).float()  # noise leaves [0, 1]
        output = network(batch)
        assert output.shape == batch.shape, f"{shape} became {tuple(output.shape)}: {look}"
        got = output.detach()[-1, 0, [0, 5, -1, -1], [0, 7, 3, -1]]
        assert np.allclose(got, expected, atol=2e-4), f"{shape}: {expected} became {got}: {look}"
    assert output.requires_grad, "nothing could be learnt: no detach() or no_grad() in forward"
    output.square().sum().backward()
    learnt = [p.grad is not None and p.grad.square().sum().item() for p in network.parameters()]
    expected = [1948, 498.1, 226328, 395.1, 1079590, 638.2, 1798950, 2570, 1105380, 2911]
    assert np.allclose(learnt, expected, rtol=2e-3), f"gradients {expected} expected, got {learnt}"
    ### BEGIN HIDDEN TESTS
    with torch.random.fork_rng():
        first, second = (next(ConvDAE().parameters()) for _ in range(2))
        state = torch.get_rng_state()
        network(batch)
        kept = torch.equal(state, torch.get_rng_state())
    assert not torch.equal(first, second), "each new network should start with weights of its own"
    assert kept, "forward draws or seeds nothing: leave the global random state alone"
    ### END HIDDEN TESTS
    ### HIDDEN VALUE: random_weights(ConvDAE(), rng)(random_tensor(rng, 2, 1, 1, 7))
    ### HIDDEN VALUE: slopes(random_weights(ConvDAE(), rng), random_tensor(rng, 1, 1, 21, 30))
    ### HIDDEN VALUE: slopes(random_weights(ConvDAE(), rng), random_tensor(rng, 2, 1, 27, 16))
print("ConvDAE: right")

# %% tags=["experiment"]
from course_lib.student import instant_questions

instant_questions("lab02", [1, 2])

# %% [markdown]
# ## First on digits
#
# The digits of lab 01, the same noise, the same number of epochs, both networks by the same loop. It is `training.fit`: the loop
# that you wrote in lab 01, grown up. Your `ConvDAE` takes part if it passed its test. Which network is better? And how many
# numbers did each of them have to learn?
#
# One thing is new: the loss. Four fifths of a digit's pixels are black, and an all-black answer is a poor solution that
# training rarely leaves: the sigmoid is flat there, so the squared error has almost no gradient. The binary **cross-entropy** (BCE)
# keeps its gradient. See what each loss makes of the same network. (One seed, so differences of a few tenths of a dB may be chance.
# About 15 s.)

# %% tags=["experiment"]
Convolutional = yours("ConvDAE", dae.ConvDAE, name="ConvDAE")
train_digits, _ = digits("train", count=profile.pick(ci=64, cpu=3000, gpu=6000))
test_digits, _ = digits("test")
digit_noise = functools.partial(noise.gaussian, sigma=0.5)
noisy_digits = digit_noise(test_digits, generator=torch.Generator().manual_seed(0))
restored = {}
for name, make, loss in [
    ("dense, BCE", dae.DenseDAE, nn.functional.binary_cross_entropy),
    ("conv., BCE", Convolutional, nn.functional.binary_cross_entropy),
    ("conv., MSE", Convolutional, nn.functional.mse_loss),
]:
    with training.fixed_seed(0):
        model = make()
    training.fit(
        model, train_digits, loss=loss, corrupt=digit_noise, seed=0, batch_size=32,
        epochs=profile.pick(ci=1, cpu=6, gpu=20), learning_rate=2e-3,
    )  # fmt: skip
    restored[name] = training.denoise(model, noisy_digits).clamp(0, 1)
    measures = metrics.psnr, metrics.ssim
    quality = [f(restored[name], test_digits, data_range=1).mean().item() for f in measures]
    count = sum(parameter.numel() for parameter in model.parameters())
    print(f"{name:12} {count:>8,} parameters   PSNR {quality[0]:.2f} dB   SSIM {quality[1]:.3f}")
viz.panel(
    test_digits[7], noisy_digits[7], {name: answer[7] for name, answer in restored.items()},
    title="The same test digit, and what each network changed",
)

# %% [markdown]
# ## Exercise 4: random crops ({{points random_crop}})
#
# A whole slice has 39,277 pixels. Small crops make training cheap, and each epoch shows other ones.
#
# **Goal.** `random_crop(image, size, generator)` cuts a square of `size` × `size` pixels out of a tensor `(…, H, W)` of any dtype, at
# a random place, **every** place equally likely.
#
# **Steps.** Count the places where a crop can begin, in rows and in columns. Draw one of each with
# `torch.randint(n, (), generator=generator)`, which gives a whole number from 0 to `n - 1`. Slice.
#
# **Example.** A crop of 3×3 from a 5×6 image can begin in rows 0, 1, 2 and in columns 0, 1, 2, 3.
#
# **Hint.** How many places are there for a crop that has as many rows as the image?
#
# ### BEGIN EXPLANATION
# A crop of s rows from H rows can begin in rows 0 to H − s: these are H − s + 1 places. Whoever forgets the one never shows the
# last row to the network; whoever rounds a random number shows the border half as often as the middle. Row and column
# need draws of their own, or all crops lie on a diagonal.
# ### END EXPLANATION

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
### BEGIN HIDDEN TESTS
def places(rng, size, shape):
    picture, generator = torch.from_numpy(rng.random(shape)), torch.Generator().manual_seed(1)
    crops = [random_crop(picture, size, generator) for _ in range(300)]
    return [sorted({float(crop.flatten()[0]) for crop in crops}), list(crops[0].shape)]
### END HIDDEN TESTS

with without("course_lib.images.random_crop"):
    state, generator = torch.get_rng_state(), torch.Generator().manual_seed(0)
    for shape, size, rows, columns, draws in [
        ((1, 5, 6), 3, 3, 4, 1200),  # the example of the text: 3 × 4 places
        ((2, 3, 9, 5), 4, 6, 2, 900),
        ((5, 6), 5, 1, 2, 200),
        ((1, 1, 7, 4), 4, 4, 1, 300),
        ((2, 3), 1, 2, 3, 400),
    ]:
        picture = torch.arange(float(np.prod(shape))).reshape(shape)
        found, what = np.zeros((rows + 1, columns + 1)), f"{size}×{size} from {shape}"
        for _ in range(draws):
            crop = random_crop(picture, size, generator)
            assert crop.shape == (*shape[:-2], size, size), f"{what} became {tuple(crop.shape)}"
            row, column = divmod(int(crop.flatten()[0]), shape[-1])
            piece = picture[..., row : row + size, column : column + size]
            assert torch.equal(crop, piece), f"{what}: no piece of the image, at one place for all"
            found[row, column] += 1
        missing = np.argwhere(found[:rows, :columns] == 0).tolist()
        assert not missing, f"{what}: no crop began at {missing}: count the places"
        mean = draws / (rows * columns)
        uneven = ((found[:rows, :columns] - mean) ** 2).sum() / mean  # chi-squared, at most 11 ± 5
        assert uneven < 50, f"{what}: all places should be equally likely, got {found.tolist()}"
    assert torch.equal(state, torch.get_rng_state()), "draw from `generator` only"
    starts = [torch.Generator().manual_seed(7) for _ in range(2)]
    one, two = [[random_crop(picture, 1, start) for _ in range(20)] for start in starts]
    assert torch.equal(torch.stack(one), torch.stack(two)), "one seed should give the same crops"
    ### BEGIN HIDDEN TESTS
    for kind in (torch.uint8, torch.bool, torch.float64):
        got = random_crop(torch.ones(3, 4, dtype=kind), 2, generator).dtype
        assert got == kind, f"a crop of {kind} should stay {kind}, got {got}: cut, and change nothing"
    strip = torch.arange(606.0).reshape(202, 3)  # 200 places: each end of 4 is missed once in 1e9
    tops = [int(random_crop(strip, 3, generator)[0, 0]) // 3 for _ in range(1000)]
    assert min(tops) < 4 and max(tops) > 195, "places at the border are rarer than others"
    pairs = np.corrcoef(tops[1:], tops[:-1])[0, 1]  # deviation 0.03
    assert abs(pairs) < 0.2, "each crop should have a place of its own, whatever the one before"
    ### END HIDDEN TESTS
    ### HIDDEN VALUE: [places(rng, 3, (1, 3, 3 + n)) for n in rng.integers(0, 6, 4)]
    ### HIDDEN VALUE: [places(rng, 4, (2, 1, 4 + n, 5)) for n in rng.integers(0, 6, 4)]
print("random_crop: right")

# %% [markdown]
# ## The data: synthetic heads to train on, a real head to test on
#
# The training heads are **synthetic subjects**: one anatomy (the ICBM152 template, an average of 152 brains) deformed at random, with random
# contrast and a skull and scalp built around it. The test head is Colin27, a real one, never in training.
#
# (The first time this takes about a minute, with a progress bar; then the heads are kept on disk.)

# %% tags=["experiment", "picture 1 2"]
subjects = profile.pick(ci=2, cpu=12, gpu=20)
cohort = brains.brain_slices("cohort", subjects=subjects, slices=profile.pick(ci=8, cpu=30, gpu=30))
held_out = cohort.subjects >= subjects - max(1, subjects // 6)  # split by subject, not by slice
train_slices, tune_slices = cohort.images[~held_out], cohort.images[held_out]
print(f"train {tuple(train_slices.shape)}, tune filters {tuple(tune_slices.shape)}")
print(f"test {tuple(colin.images.shape)}")
third, half = len(train_slices) // 3, len(train_slices) // 2
viz.gallery(
    [train_slices[third, 0], train_slices[half, 0], colin.images[middle, 0]],
    columns=3,
    titles=["synthetic", "synthetic", "Colin27, real"],
    window=viz.window(colin.images[middle]),
    title="Synthetic heads for training, a real one for the test",
)

# %% [markdown]
# ## Exercise 5: read a learning curve ({{points enough_images}})
#
# You train with 50, 100 and 300 images, and each time with several **seeds** (other first weights, other noise). How many images suffice
# to beat a filter? Looking at the curve is not enough: seeds differ, and one number of images may be lucky.
#
# **Goal.** `enough_images(counts, scores, reference)`: the smallest number of images that **suffices**, or `None` if none does.
#
# - `counts`: how many images, a list of different whole numbers in any order,
# - `scores`: PSNR in dB, a numpy array `(seeds, counts)`; at least two seeds,
# - `reference`: the filter's PSNR, one number.
#
# **Steps.**
# 1. A number of images *wins* if the mean over the seeds, less **two standard errors**, lies above the reference. The standard error
#    is the standard deviation of a *sample* (`ddof=1`) divided by the root of the number of seeds.
# 2. A number *suffices* if it wins and every larger number wins too.
#
# **Example.** `counts` = `[50, 100, 300]`, means 30.0, 31.0, 32.0 dB, standard errors 0.2 dB each. Against 30.5 dB the answer is 100,
# because 31.0 − 0.4 is still above it. Against 31.7 dB it is `None`: 32.0 − 0.4 is not.
#
# **Hint.** Which number of images do you look at first: the smallest or the largest?
#
# ### BEGIN EXPLANATION
# The mean of n seeds is known to about one standard error, s/√n; two of them make a one-in-forty accident on one side for many
# seeds, and more for three. The standard *deviation* tells how far one training strays, not how well the mean is known. Taking the
# first point above the line is the common mistake: between noisy points one is lucky, so all larger numbers must win as well.
# ### END EXPLANATION

# %% nbgrader={"grade_id": "enough_images", "solution": true}
def enough_images(counts, scores, reference):
    """The smallest count that beats the reference, and all larger ones too."""
    ### BEGIN SOLUTION
    error = scores.std(axis=0, ddof=1) / np.sqrt(len(scores))
    wins = scores.mean(axis=0) - 2 * error > reference
    enough = None
    for place in np.argsort(counts)[::-1]:
        if not wins[place]:
            break
        enough = counts[place]
    return enough
    ### END SOLUTION


# %% nbgrader={"grade_id": "enough_images_test", "points": 2}
from course_lib.exercise import without

### BEGIN HIDDEN TESTS
def curves(rng, seeds, points, rise, times=6):
    """Answers for several noisy curves in a random order; 0 stands for None."""
    found = []
    for _ in range(times):
        counts = rng.choice(90_000, points, replace=False) + 1000
        rank = np.argsort(np.argsort(counts))
        scores = 30 + rise * rank + rng.normal(0, 0.5, (seeds, points))
        steps = scores.mean(0) - 2 * scores.std(0, ddof=1) / seeds**0.5
        references = [*(np.sort(steps)[:-1] + np.diff(np.sort(steps)) / 2), scores.max() + 1]
        found.append([enough_images(counts.tolist(), scores, float(r)) or 0 for r in references])
    return found
### END HIDDEN TESTS

with without("course_lib.evaluation.sufficiency.enough_images"):
    flat = np.array([[29.8, 30.8, 31.8], [30.0, 31.0, 32.0], [30.2, 31.2, 32.2]])  # errors 0.115
    lucky = np.array([[29.0, 31.4, 30.2, 31.0], [29.2, 31.6, 30.4, 31.2]])  # errors 0.1
    spread = np.array([[28.0, 30.0], [31.0, 31.0], [34.0, 32.0], [27.0, 31.4], [33.0, 30.6]])
    for counts, scores, reference, wanted, look in (
        ([50, 100, 300], flat, 30.5, 100, "100 wins: 31 − 2·0.115 is above 30.5"),
        ([50, 100, 300], flat, 30.85, 300, "31 is above, but 31 − 2·0.115 is not"),
        ([50, 100, 300], flat, 31.9, None, "32 − 2·0.115 is below 31.9: not even 300 wins"),
        ([50, 100, 300], flat, 29.0, 50, "all three win"),
        ([100, 300, 50], flat[:, [1, 2, 0]], 31.5, 300, "the counts may come in any order"),
        ([50, 100, 200, 400], lucky, 30.5, 400, "100 was lucky: 200 does not win"),
        ([50, 100, 200, 400], lucky, 30.05, 100, "200 wins with 30.3 − 0.2"),
        ([10, 20], spread, 29.6, 20, "10 varies far more from seed to seed than 20"),
        ([10, 20], spread, 30.25, 20, "31 − 2·0.34 wins: divide by the root of 5 seeds"),
        ([10, 20], spread, 30.355, None, "31 − 2·0.34 is below: is it ddof=1, and the root of 5?"),
    ):
        before, order = scores.copy(), list(counts)
        got = enough_images(counts, scores, reference)
        assert got == wanted, f"{order}, {reference} dB: expected {wanted}, got {got}: {look}"
        assert np.array_equal(scores, before), "your function changed the scores"
        assert counts == order, "your function changed the counts: sorted() makes a new list"
    assert enough_images([7, 9], np.array([[1.0, 1], [1, 1]]), 1) is None, "equal is not above"
    ### HIDDEN VALUE: curves(rng, 3, 5, 0.4)
    ### HIDDEN VALUE: [curves(rng, seeds, 4, 0.2, times=3) for seeds in (2, 4, 9)]
print("enough_images: right")

# %% [markdown]
# ## Predict first
#
# The next experiment trains two networks with more and more slices:
#
# - your `ConvDAE`: two poolings, 28,353 parameters, a sigmoid at the end;
# - `BrainCDAE`, the baseline of all later labs: it halves the image once, by a convolution of **stride** 2 (it moves two pixels at a
#   time); 98,905 parameters, **batch normalisation** (each feature is brought to mean 0 and deviation 1 over the batch), no sigmoid.
#
# Then it takes **one pooling** (and one upsampling) out of `ConvDAE`: the same five convolutions, the same number of parameters.
#
# Fill in the cell below before you go on. For each network: how many of the slices suffice to beat the best tuned filter
# (a number, or "never")? And `BrainCDAE` will be better than `ConvDAE`: which share of that gap disappears when one
# pooling goes (0: none of it, 1: all)? Note your reason. You will be asked for it.

# %%
prediction = {"ConvDAE": None, "BrainCDAE": None, "share of the gap": None}
reason = ""

# %% [markdown]
# ## The experiment: how few images suffice?
#
# As Gondara did, we work at 64×64 pixels. Every network is trained for about the **same number of steps**, so that more images
# hardly mean more computing. Noise: Gaussian, sigma 0.1. Test: Colin27. Against the networks stand three filters that need no training,
# only a strength: each gets the one that is best on heads of the tuning set.
#
# All training slices come from a few synthetic heads (ten on a CPU), and these are one anatomy, deformed. So 300 slices say far less than 300
# patients would, and the test is one real head: the error bars show seeds, not people. Each seed has other first weights, other
# noise and, below 300, other slices.
#
# Outputs are clipped to [0, 1] before scoring, noisy images are not. (About two minutes on 2 cores.)

# %% tags=["experiment"]
sigma = 0.1
corrupt = functools.partial(noise.gaussian, sigma=sigma)


def small(pictures):
    """(N, 1, H, W) -> (N, 1, 64, 64): crop to a square around the middle, then average pixels."""
    side = min(pictures.shape[-2:])
    top, left = (pictures.shape[-2] - side) // 2, (pictures.shape[-1] - side) // 2
    square = pictures[..., top : top + side, left : left + side]
    return nn.functional.interpolate(square, size=(64, 64), mode="area")


def noisy_copy(pictures, seed, sigma=sigma):
    return noise.gaussian(pictures, sigma, generator=torch.Generator().manual_seed(seed))


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
    "Gaussian": (ndimage.gaussian_filter, [0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2]),
    "median": (ndimage.median_filter, [3, 5]),
    "NLM": (
        lambda x, s: denoise_nl_means(x, patch_size=5, patch_distance=6, h=s * sigma, sigma=sigma),
        [0.4, 0.5, 0.6, 0.7, 0.8, 1.0],
    ),
}


def apply_filter(name, strength, pictures):
    """Run a filter on each image of a batch (N, 1, H, W)."""
    filtered = [FILTERS[name][0](picture[0], strength) for picture in pictures.numpy()]
    return torch.from_numpy(np.stack(filtered))[:, None].float()


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
    answer = apply_filter(name, strength, small_noisy)
    filter_scores[f"{name} {strength:g}"] = scores(answer, small_test)
for name, (p, s) in filter_scores.items():
    print(f"{name:14} PSNR {p:.2f} dB, SSIM {s:.3f}")

# %% tags=["experiment"]
steps, batch_size = profile.pick(ci=4, cpu=160, gpu=3000), 16
seeds = range(profile.pick(ci=2, cpu=3, gpu=5))


def train_in_two_stages(make, pictures, steps, seed, title=None, corrupt=corrupt, **options):
    """Train a new model, 70 % of it with large steps. With a title it draws the loss."""
    with training.fixed_seed(seed):
        model = make()
    for rate, share in ((3e-3, 0.7), (3e-4, 0.3)):
        epochs = max(1, round(share * steps / np.ceil(len(pictures) / batch_size)))
        live = viz.LiveCurves(title=f"{title}, learning rate {rate:g}") if title else None
        training.fit(
            model, pictures, loss=nn.functional.mse_loss, corrupt=corrupt, epochs=epochs,
            batch_size=batch_size, learning_rate=rate, seed=seed, on_epoch=live, **options,
        )  # fmt: skip
    return model


def scores_after(make, pictures, seed):
    """Train at 64×64, then (PSNR, SSIM) on Colin27."""
    model = train_in_two_stages(make, pictures, steps, seed, progress=False)
    return scores(training.denoise(model, small_noisy), small_test)


# %% tags=["experiment"]
from course_lib._progress import progress_bar

everything = len(small_train)
few = profile.pick(ci=[4], cpu=[50, 100], gpu=[50, 100, 200])
counts = [*few, everything]
networks = {"ConvDAE": Convolutional, "BrainCDAE": dae.BrainCDAE}
shape = len(seeds), len(counts), 2  # seed, number of images, (PSNR, SSIM)
quality = {name: np.zeros(shape) for name in networks}
for row, seed in enumerate(progress_bar(seeds, desc="seeds")):
    order = torch.randperm(everything, generator=torch.Generator().manual_seed(seed))
    for column, count in enumerate(counts):
        for name, make in networks.items():
            quality[name][row, column] = scores_after(make, small_train[order[:count]], seed)

best_name = max(filter_scores, key=lambda name: filter_scores[name][0])
best_psnr = filter_scores[best_name][0]
margins = [f"{name} {v[:, -1, 0].mean() - best_psnr:+.2f} dB" for name, v in quality.items()]
viz.curve_with_errors(
    counts,
    {name: values[:, :, 0] for name, values in quality.items()},
    xlabel="training images",
    ylabel="PSNR on Colin27 at 64×64 (dB)",
    title=f"{everything} slices, {steps} steps, against {best_name}: {', '.join(margins)}",
    references={name: values[0] for name, values in filter_scores.items()},
)

# %% tags=["experiment"]
class OnePooling(nn.Module):
    """ConvDAE without its second pooling and its first upsampling; for even sides."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(),
            nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(),
            nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(), nn.Upsample(scale_factor=2),
            nn.Conv2d(32, 1, 3, padding=1), nn.Sigmoid(),
        )  # fmt: skip

    def forward(self, noisy):
        return self.layers(noisy)


suffice = yours("enough_images", evaluation.enough_images, name="enough_images")
for name, values in quality.items():
    measured = suffice(counts, values[:, :, 0], best_psnr) or "never"
    print(f"{name:10} suffices: measured {measured}, predicted {prediction[name]}")
two, brain = (quality[name][:2, -1, 0].mean() for name in networks)
one = np.mean([scores_after(OnePooling, small_train, seed)[0] for seed in progress_bar(seeds[:2])])
print(f"all slices, 2 seeds: ConvDAE {two:.1f} dB, one pooling {one:.1f}, BrainCDAE {brain:.1f}")
share = (one - two) / (brain - two)
print(f"share of the gap: measured {share:.2f}, predicted {prediction['share of the gap']}")

# %% [markdown]
# Look at the curve: at an equal number of steps, what did more images buy? Then set `steps` to 240 and run the cells from
# there on again (three minutes). Does your answer to the question of the lab change?
#
# ## What pooling costs ({{points pooling}})
#
# Compare your predictions with the measurement. What did you expect, and why? Which share of the gap is pooling, and why
# does pooling hurt where the answer must be as sharp as the input? Name one other difference between the two
# networks that may explain the rest, and say how you would test it. Four to six sentences.

# %% [markdown] nbgrader={"grade_id": "pooling", "solution": true, "points": 2}
# I expected pooling to explain nearly all of the gap: max-pooling keeps one number of four and forgets where it stood, twice, so a thin line
# cannot be put back in its place; upsampling only repeats what is left. Measured, a large part of the gap disappears with one pooling,
# but not all of it, and two seeds do not fix the share to a percent. The networks also differ in batch normalisation, in the number of
# parameters and layers, and in the sigmoid. To test batch normalisation I would put it into the one-pooling network, change nothing
# else, and train it with the same seeds and steps.
#
# ### BEGIN MARK SCHEME
# - 1: states the prediction with a reason from the theory (pooling loses where something was), and compares it with the measurement
# - 1: says that pooling is not the whole gap, names another difference, and changes one thing at a time to test it
# ### END MARK SCHEME
#
# ### BEGIN EXPLANATION
# Max-pooling keeps the largest of four numbers and forgets its place; two poolings leave one number of sixteen in each channel.
# That is a large part of the gap, but the two networks differ in more than pooling: a comparison of two things that differ in five ways
# explains nothing. Only an ablation, one change at a time, does. Many read "it pools, so it blurs" as the whole story.
# ### END EXPLANATION

# %% [markdown]
# ## Pooled images
#
# Say that you have only 50 slices. Gondara pooled different kinds of images (this pooling has nothing to do with layers). We add pieces of
# photographs (coins, a page of text, grass, the moon …) until there are as many as before, and compare with the 50 slices alone and
# with as many slices of heads. (About half a minute.)

# %% tags=["experiment"]
from skimage import data as photographs
from skimage.color import rgb2gray

NAMES = "camera coins page text grass gravel brick moon coffee chelsea".split()
cut = yours("random_crop", images.random_crop, name="random_crop")


def photo_pieces(count, seed):
    """Random 64×64 pieces of photographs that come with scikit-image: (count, 1, 64, 64)."""
    generator, pictures = torch.Generator().manual_seed(seed), []
    for name in NAMES:
        picture = getattr(photographs, name)()
        grey = rgb2gray(picture) if picture.ndim == 3 else picture / 255
        pictures.append(images.to_batch(grey)[0])
    chosen = [pictures[i % len(pictures)] for i in range(count)]
    return torch.stack([cut(picture, 64, generator=generator) for picture in chosen])


# %% tags=["experiment"]
few, pooled = counts[0], []
for seed in progress_bar(seeds, desc="seeds"):
    order = torch.randperm(everything, generator=torch.Generator().manual_seed(seed))
    pictures = torch.cat([small_train[order[:few]], photo_pieces(everything - few, seed)])
    pooled.append(scores_after(dae.BrainCDAE, pictures, seed))
results = {
    f"{few} slices": quality["BrainCDAE"][:, 0],
    f"{few} slices + {everything - few} photos": np.array(pooled),
    f"{everything} slices": quality["BrainCDAE"][:, -1],
}
for name, values in results.items():
    (p, s), (dp, ds) = values.mean(0), values.std(0, ddof=1)
    print(f"BrainCDAE, {name:24} PSNR {p:.2f} ± {dp:.2f} dB   SSIM {s:.3f} ± {ds:.3f}")

# %% [markdown]
# ## Very strong noise
#
# The phase-1 slides say that even a simple network can restore images "with corruption levels so high that noise and
# signal are not differentiable to human eye". The slides do not test it. Here is a test: sigma 1, as large as the whole range.
# Look at the answer. Which parts of it would you trust, and which did the network draw from the heads that it knows? (About 20 s.)

# %% tags=["experiment"]
strong = 1.0
strong_noise = functools.partial(noise.gaussian, sigma=strong)
strong_test, strong_tune = noisy_copy(small_test, 2, strong), noisy_copy(small_tune, 3, strong)
widths = [1.5, 2, 2.5, 3, 3.5, 4, 5, 6]
quality_of = lambda width: scores(apply_filter("Gaussian", width, strong_tune), small_tune)[0]
width = max(widths, key=quality_of)
strong_model = train_in_two_stages(
    dae.BrainCDAE, small_train, 2 * steps, 0, corrupt=strong_noise, progress=False
)
strong_answers = {
    f"Gaussian filter {width:g}": apply_filter("Gaussian", width, strong_test),
    "BrainCDAE": training.denoise(strong_model, strong_test),
}
points = {name: scores(answer, small_test) for name, answer in strong_answers.items()}
points = {"noisy": scores(strong_test, small_test, clip=False), **points}
for name, (p, s) in points.items():
    print(f"sigma {strong:g}, {name:20} PSNR {p:.2f} dB, SSIM {s:.3f}")
viz.panel(
    small_test[middle],
    strong_test[middle],
    {name: answer[middle].clamp(0, 1) for name, answer in strong_answers.items()},
    title=f"Sigma 1: from {points['noisy'][0]:.1f} dB to {points['BrainCDAE'][0]:.1f} dB",
    window=viz.window(small_test[middle]),
)

# %% [markdown]
# ## Whole slices: the brain-size network
#
# At full size fine detail counts. `BrainCDAE` is trained on random crops of 64×64, cut by your
# `random_crop`, new ones in every epoch. Then it denoises whole slices of Colin27: a convolution does not mind the size.
#
# (A good minute on 2 cores.)

# %% tags=["experiment"]
middle_of_tune = tune_slices[::10, :, 60:156, 40:136]  # crops are enough to watch the loss
brain_network = train_in_two_stages(
    dae.BrainCDAE,
    train_slices,
    profile.pick(ci=4, cpu=1200, gpu=12000),
    seed=0,
    transform=lambda image, generator: cut(image, 64, generator=generator),
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

print(f"Colin27, {len(colin)} slices, Gaussian noise sigma {sigma}; outputs clipped to [0, 1]")
print("before scoring, the noisy image not; SSIM: Wang 2004, Gaussian window 11")
print(f"{'':16}{'whole image':>24}{'inside the brain':>24}")
for name, answer in answers.items():
    clip = name != "noisy"
    whole = scores(answer, colin.images, clip=clip)
    inside = scores(answer, colin.images, colin.brain_masks, clip)
    cells = [f"{p:>13.2f} dB {s:>7.3f}" for p, s in (whole, inside)]
    print(f"{name:16}{''.join(cells)}")

# %% tags=["experiment"]
filters_only = [name for name in answers if name not in ("noisy", "BrainCDAE")]
best_filter = max(filters_only, key=lambda name: scores(answers[name], colin.images)[0])
viz.panel(
    colin.images[middle],
    noisy[middle],
    {name: answers[name][middle].clamp(0, 1) for name in (best_filter, "BrainCDAE")},
    title="A real head that neither method has seen: what each of them takes away",
    window=viz.window(colin.images[middle]),
)

# %% [markdown]
# ## Is SSIM .97 good?
#
# The phase-1 slides say: "Generally SSIM values 0.97, 0.98, 0.99 for good quality reconstruction techniques." Below, one slice gets a small bright **lesion**. Two pictures
# of it: in the first the noise is visible, and so is the lesion. The second is perfect, but the lesion is gone.

# %% tags=["experiment"]
healthy = colin.images[middle]
rows, columns = torch.meshgrid(*map(torch.arange, healthy.shape[-2:]), indexing="ij")
row, column = 75, 70  # in the white matter
lesion = ((rows - row) ** 2 + (columns - column) ** 2) <= 3**2
ill = torch.where(lesion, torch.tensor(0.95), healthy)
similarity = lambda picture: metrics.ssim(picture[None], ill[None], data_range=1).item()
levels = np.geomspace(0.002, 0.05, 25)
grainy = [noise.gaussian(ill, s, generator=torch.Generator().manual_seed(0)) for s in levels]
grainy = min(grainy, key=lambda picture: abs(similarity(picture) - 0.97))
viz.panel(
    ill,
    grainy,
    healthy,
    titles=["truth, with a lesion", "grainy", "lesion erased", "erased minus truth"],
    window=viz.window(healthy),
    title=f"Lesion there: SSIM {similarity(grainy):.3f}; lesion gone: {similarity(healthy):.3f}",
)

# %% [markdown]
# A lesion of 29 pixels is less than one pixel in a thousand. An average over all windows hardly notices it. Which question would you have to ask
# a picture instead of "how similar is it?"

# %% tags=["experiment"]
instant_questions("lab02", [3, 4])

# %% [markdown]
# ## In your own words ({{points enough}})
#
# A colleague writes: "Our network needs only 100 training images and reaches an SSIM of 0.95, so it is ready for the clinic."
# Name three things that you would ask before you believe it. For each, give a number of your own from this lab. Four to eight sentences.

# %% [markdown] nbgrader={"grade_id": "enough", "solution": true, "points": 3}
# First: SSIM of which region, window and data range? Whole image and brain are two numbers, and in my table they rank the methods
# by different margins. Second: against what? A tuned filter needs no training image at all, and at 64×64 my
# `ConvDAE` did not beat it with any number of slices; a comparison with an untuned filter means nothing. Third: 100 images of how many people, split how, over how many
# seeds? Slices of one head in training and test make the number look better. And a mean SSIM does not see a lesion: in my last
# picture it was higher without the lesion than with it and a little noise. So I would ask for difference maps and for patients with lesions.
#
# ### BEGIN MARK SCHEME
# - 1: asks in which terms the score was computed (region, window, data range), or what a tuned filter reaches
# - 1: asks how many people the images come from, how they were split, and over how many seeds
# - 1: supports the questions with numbers measured in this lab, among them that a high SSIM can hide a lost lesion
# ### END MARK SCHEME
#
# ### BEGIN EXPLANATION
# A score means something only with its terms (region, window, data range), its rival (a tuned filter) and its sample (how many people, which
# split, how many seeds). SSIM .95 is a mean over thousands of windows: what matters to a patient may lie in ten of them.
# The common mistake is to take a high number for usefulness.
# ### END EXPLANATION

# %% [markdown]
# ## What to remember
#
# - MSE, PSNR and SSIM mean nothing without the data range, the window and the region: say all three.
# - A convolution shares its weights: few parameters, any image size.
# - How many images suffice depends on the rival. Tune the filters, on images that are not the test.
# - Two networks that differ in five ways explain nothing. Change one thing at a time.
# - A high mean can hide a lost lesion. Look at the difference maps.
#
# The functions that you wrote are `course_lib.metrics.mse` and `psnr`, `course_lib.models.dae.ConvDAE`,
# `course_lib.images.random_crop` and `course_lib.evaluation.enough_images`. Next: [lab 03](../lab03_brain_data/lab03_brain_data.ipynb).
