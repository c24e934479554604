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
# **Goal.** `mse(prediction, target)` of two numpy images of the same shape: one number. Neither image is changed or clipped,
# here and in the next two exercises.
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
    value = mse(one_wrong, zero)
    assert np.ndim(value) == 0, f"return one number: the mean over all pixels, not {value}"
    assert np.isclose(value, 1), f"the example should give 1, got {value}: the mean of the squares"
    one, other = np.random.default_rng(0).normal(0.5, 2, (2, 9, 4))
    for scale in (1.0, 1e-6, 1e6):
        a, b = scale * one, scale * other
        expected, before = 7.89122 * scale**2, (a.copy(), b.copy())
        for value in (mse(a, b), mse(b, a)):
            assert np.isclose(value, expected, rtol=1e-4, atol=0), (
                f"expected {expected}, got {value}: the sum of the squared differences, divided by"
                " the number of pixels. No root, no clipping, in either order"
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
    "course_lib.metrics.psnr",
    "course_lib.metrics.mse",
    "skimage.metrics.peak_signal_noise_ratio",
    "skimage.metrics.mean_squared_error",
):
    flat = np.full((5, 6), 0.4)
    value = psnr(flat + 0.1, flat, 1)
    assert np.isclose(value, 20), (
        f"an error of 0.1 everywhere is 20 dB, got {value}: 10·log10 (base 10) of data_range²/MSE"
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

rows, columns = np.mgrid[:21, :17]
x = 0.5 + 0.3 * np.sin(rows / 3) * np.cos(columns / 4)
y = x + 0.1 * np.random.default_rng(2).standard_normal(x.shape)
with without("course_lib.metrics.ssim", "skimage.metrics.structural_similarity"):
    assert np.isclose(ssim(x, x, 1), 1), f"two equal images should give 1, got {ssim(x, x, 1)}"
    for name, prediction, target, data_range, expected in [
        ("a noisy image", y, x, 1, 0.59770),
        ("a darker image", 0.6 * x, x, 1, 0.78906),
        ("a negative", 1 - x, x, 1, -0.79134),
        ("values below 0", y - 0.6, x - 0.6, 1, 0.55194),
        ("two dark images", 0.05 * y, 0.03 * x, 1, 0.87703),
        ("two flat images", 0 * x + 0.5, 0 * x + 0.4, 1, 0.97562),
        ("data_range 8 (c1 and c2 contain its square)", y, x, 8, 0.87653),
        ("data_range 255, images times 255", 255 * y, 255 * x, 255, 0.59770),
    ]:
        before = prediction.copy(), target.copy()
        got = ssim(prediction, target, data_range)
        assert np.ndim(got) == 0, f"return one number, the mean of the map, not {np.shape(got)}"
        assert np.isclose(got, expected, rtol=0, atol=3e-5), (
            f"{name}: expected {expected:.5f}, got {got:.5f}. In each window, variance = mean of"
            " the squares minus square of the mean; covariance = mean of the product minus product"
            " of the means. Only c1 and c2 depend on data_range"
        )
        assert np.array_equal(prediction, before[0]) and np.array_equal(target, before[1]), (
            "your function changed an image that it was given"
        )
    ### BEGIN HIDDEN TESTS
    similar = lambda x, y, data_range: ssim(0.6 * x + 0.4 * y, x, data_range)
    ### END HIDDEN TESTS
    ### HIDDEN VALUE: [similar(*rng.random((2, 23, 15)), rng.uniform(*r)) for r in ((0.05, 0.3), (1.5, 4))]
    ### HIDDEN VALUE: [similar(*rng.normal(0, s, (2, 14, 19)), rng.uniform(9, 20)) for s in (1, 5)]
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
    test_digits[7],
    noisy_digits[7],
    {name: images_[7] for name, images_ in restored.items()},
    title="The same test digit, and what each network changed",
)

# %% [markdown]
# ## Exercise 5: random crops ({{points random_crop}})
#
# A whole slice has 39,277 pixels. Small crops make training cheap, and each epoch shows other ones.
#
# **Goal.** `random_crop(image, size, generator)` cuts a square of `size` × `size` pixels out of a tensor `(…, H, W)` of any dtype, at
# a random place, **every** place equally likely.
#
# **Steps.** Draw the first row and the first column with `torch.randint(n, (), generator=generator)`, which gives a whole
# number from 0 to `n - 1`. How many places are there for a crop of 3 rows in an image of 5? Slice.
#
# **Example.** A crop of 3×3 from a 5×6 image can begin in rows 0, 1, 2 and in columns 0, 1, 2, 3.
#
# **Hint.** There are `H - size + 1` places. Forget the `+ 1`, and the last row is never seen. An image of just `size` rows has
# one place for them.


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
        assert not missing, f"{what}: no crop began at {missing}: there are H - size + 1 rows"
        mean = draws / (rows * columns)
        uneven = ((found[:rows, :columns] - mean) ** 2).sum() / mean  # chi-squared, at most 11 ± 5
        assert uneven < 50, f"{what}: all places should be equally likely, got {found.tolist()}"
    assert torch.equal(state, torch.get_rng_state()), "hand `generator` on to torch.randint"
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
# The training heads are **synthetic subjects**: one anatomy (the ICBM152 template) deformed at random, with random contrast
# and a skull and scalp built around it. They are always called synthetic. The test head is Colin27, a real one, never in training.
#
# (The first time about a minute, with a progress bar; then they are kept on disk.)

# %% tags=["experiment"]
subjects = profile.pick(ci=2, cpu=12, gpu=20)
cohort = brains.brain_slices("cohort", subjects=subjects, slices=profile.pick(ci=8, cpu=30, gpu=30))
held_out = cohort.subjects >= subjects - max(1, subjects // 6)  # split by subject, not by slice
train_slices, tune_slices = cohort.images[~held_out], cohort.images[held_out]
print(
    "train",
    tuple(train_slices.shape),
    "tune filters and look at",
    tuple(tune_slices.shape),
    "test",
    tuple(colin.images.shape),
)
viz.gallery(
    [
        train_slices[len(train_slices) // 3, 0],
        train_slices[len(train_slices) // 2, 0],
        colin.images[len(colin) // 2, 0],
    ],
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
    title=f"{counts[-1]} slices, {steps} steps, against {best_name}: "
    + ", ".join(f"{n} {m:+.2f} dB" for n, m in margins.items()),
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
    generator, names = (
        torch.Generator().manual_seed(seed),
        ["camera", "coins", "page", "text", "grass", "gravel", "brick", "moon", "coffee", "chelsea"],
    )
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
    print(
        f"BrainCDAE, {name:24} PSNR {mean[0]:.2f} ± {deviation[0]:.2f} dB   SSIM {mean[1]:.3f} ± {deviation[1]:.3f}   ({len(values)} seeds)"
    )

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
best_filter = max(
    (name for name in answers if name not in ("noisy", "BrainCDAE")),
    key=lambda name: scores(answers[name], colin.images)[0],
)
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
#
# ### BEGIN MARK SCHEME
# - 1: asks for the score in its terms: region, window, data range, or a tuned filter beside it
# - 1: asks how the data were split and over how many seeds, and leans on a number of this lab
# ### END MARK SCHEME

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
