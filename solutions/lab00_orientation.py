# %% [markdown]
# # Lab 00: Orientation
#
# {{badges}}
#
# **The question of this lab: what is an MR image to a computer, and how will this course check what you write?**
#
# {{head}}
#
# {{exercises}}
#
# ### BEGIN CARD
# level = "start"
# memory = "1 GB"
# compute_minutes = 0.2
# labs = []
# lectures = []
# mathematics = "mean and standard deviation. You need a little Python and numpy, and no deep learning yet"
# objectives = [
#     "check that your machine is ready",
#     "look at a real head, as numbers and as a picture, and make it noisy",
#     "write three small functions that turn a picture into what a network accepts",
#     "predict what averaging does to noise, and measure it",
# ]
# minutes = {reading = 12, rescale = 8, to_batch = 5, pad_to_multiple = 10, experiment = 4, averaging = 8}
# ### END CARD

# %% [markdown]
# ## Start here
#
# Click on the cell below and press **Shift+Enter**. It finds the course's library and says what your machine has.
# Run the cells of a lab from top to bottom, always.

# %% tags=["setup"]
# `course build` writes the set-up cell here

# %% [markdown]
# Is something missing? The doctor looks. `OK` means that there is nothing to do, even where it finds no GPU or no
# network. `WARN` is a limit that you can live with. `FAIL` comes with what to do.

# %% tags=["experiment"]
from course_lib import doctor

doctor.report()

# %% [markdown]
# ## 1. An image is an array of numbers
#
# Colin Holmes was scanned 27 times, and the 27 scans were averaged. So this head is nearly free of noise. That makes it
# our **test head** (Holmes 1998): no network of this course learns from it.

# %%
import numpy as np
import torch

from course_lib import images, metrics, noise, viz
from course_lib.data import brains

# %% tags=["experiment"]
head = brains.colin27()
print("volume:", head.data.shape, head.data.dtype, "voxel size", head.voxel_size, "mm")

slices = brains.brain_slices("colin27", slices=9)
clean = slices.images[4, 0].numpy()  # (9, 1, H, W) -> (H, W)
print("one slice:", clean.shape, clean.dtype, f"from {clean.min():.2f} to {clean.max():.2f}")

viz.gallery(
    [slices.images[i, 0] for i in (1, 4, 7)],
    columns=3,
    window=viz.window(clean),
    title="Three slices of Colin27, a real head",
)

# %% [markdown]
# Each number is the brightness of one **voxel** (a pixel with a thickness). In this course a **clean** image is `float32`,
# from 0 (black) to 1 (white). Noise may carry some pixels below 0 or above 1, and we leave them there: cutting them off
# would change the noise. (This slice ends below 1: the brightest voxel of the head lies in another one.)
#
# The nine slices came as `(9, 1, H, W)`: image, channel, row, column. `[4, 0]` takes image 4 and its only channel; an index
# drops its axis, so `(H, W)` is left. Ten rows and ten columns of it look like this:

# %% tags=["experiment"]
print(np.round(clean[100:110, 80:90], 2))

# %% [markdown]
# ## 2. Play: make it noisy
#
# Noise of strength `sigma` adds a random number to each pixel, with the standard deviation `sigma`. Move the slider. At which `sigma` do *you* lose the grey matter? (On paper, or without widgets, you see four levels side by side.)

# %% tags=["experiment"]
viz.noise_slider(clean, noise.gaussian, maximum=0.5, value=0.1, window=viz.window(clean))

# %% [markdown]
# ## 3. How this course checks your work
#
# An exercise has two cells. In the first you write code in place of the line `raise NotImplementedError(...)`.
# The second is a **test cell**: you cannot change it, and you run it to see whether you are right. If it prints
# *right*, you very probably have the points: the grader may try further numbers. If it fails, its message tells you what
# to look at.
#
# Three rules:
#
# 1. Write the function yourself. `course_lib`, the library of the course, has one that does the same. While your answer is
#    checked, it is closed.
# 2. Keep the name and the arguments of the function, and leave the notebook's names and settings (`images`, `np.seterr`,
#    `torch.set_default_dtype`) as they are: later cells use them. Try things out in a cell of your own.
# 3. Before you submit: *Kernel → Restart Kernel and Run All Cells* (Colab: *Runtime → Restart session and run all*). Then you
#    see what the grader sees. The last cell of each lab says how far you are.

# %% [markdown]
# ## Exercise 1: rescale an image ({{points rescale}})
#
# Scanners write numbers from 0 to 4095, or to 32767, or to anything. A network wants [0, 1].
#
# **Goal.** `rescale(image)` shifts and stretches a numpy image so that its smallest value becomes 0 and its largest 1.
# The result is a numpy image, too.
#
# **Steps.** Take the smallest and the largest value. Subtract the smallest. Divide by the difference of the two.
# An image that has one value everywhere has no contrast to stretch: return zeros then.
#
# **Example.** `rescale(np.array([[10.0, 20.0], [30.0, 50.0]]))` gives `[[0, 0.25], [0.5, 1]]`.
#
# **Hint.** Do not change the image that you were given: make a new one. Scanners store whole numbers, so begin with
# `image = image.astype(np.float32)`: that is a new array already.
#
# ### BEGIN EXPLANATION
# Subtracting the minimum moves the darkest value to 0, and dividing by max − min stretches the brightest to 1. A common mistake is to
# divide by the maximum alone: that is right only where the minimum is 0. Whole numbers of 16 bits overflow when they are
# subtracted, so the conversion comes first. A constant image would divide 0 by 0.
# ### END EXPLANATION


# %% nbgrader={"grade_id": "rescale", "solution": true}
def rescale(image):
    """Shift and stretch a numpy image to [0, 1]; a constant image becomes all zero."""
    ### BEGIN SOLUTION
    image = image.astype(np.float32)
    low, high = image.min(), image.max()
    if high == low:
        return np.zeros_like(image)
    return (image - low) / (high - low)
    ### END SOLUTION


# %% nbgrader={"grade_id": "rescale_test", "points": 2}
from course_lib.exercise import without

with without("course_lib.images.rescale"):
    eighths = np.array([[0, 2, 8], [5, 1, 4], [3, 7, 6], [1, 8, 2]]) / 8
    for image, expected, look in [
        (np.array([[10.0, 20.0], [30.0, 50.0]]), [[0, 0.25], [0.5, 1]], "the example of the text"),
        (800 * eighths - 300, eighths, "negative values: subtract the minimum, whatever its sign"),
        (eighths / 4 + 0.25, eighths, "an image inside [0, 1] has to be stretched, too"),
        (1e-9 * eighths, eighths, "a tiny range is a range: add nothing to (max - min)"),
    ]:
        for kind in (np.float32, np.float64):
            given = image.astype(kind)
            before = given.copy()
            result = rescale(given)
            assert isinstance(result, np.ndarray), f"return a numpy array, not {type(result)}"
            assert np.array_equal(given, before), "you changed the given image: make a new one"
            assert np.allclose(result, expected, atol=1e-6), (
                f"{look}. Smallest 0, largest 1, the rest in proportion: {expected}, got {result}"
            )
    whole = np.array([[-30000, 0], [10000, 30000], [15000, 7500]], dtype=np.int16)
    assert np.allclose(rescale(whole), [[0, 0.5], [2 / 3, 1], [0.75, 0.625]], atol=1e-6), (
        "whole numbers of 16 bits overflow when they are subtracted: convert to float32 first"
    )
    for shape, value in [((3, 4), 7.0), ((217, 181), 0.1), ((1, 1), -5.0), ((4, 3), 0.0)]:
        flat = rescale(np.full(shape, value, dtype=np.float32))
        assert np.array_equal(flat, np.zeros(shape)), (
            f"an image of {value} everywhere should become all zero: is max equal to min?"
        )
    ### HIDDEN VALUE: [rescale(rng.normal(-3, 2, (11, 5)) * scale) for scale in (1e-8, 1.0, 1e6)]
    ### HIDDEN VALUE: rescale(rng.integers(-32768, 32767, (9, 4)).astype(np.int16))
    ### HIDDEN VALUE: (lambda x: [rescale(x), x])(rng.uniform(0.2, 0.7, (6, 7)).astype(np.float32))
print("rescale: right")

# %% [markdown]
# ## Exercise 2: make a batch ({{points to_batch}})
#
# PyTorch networks take **batches**: tensors with four axes `(N, C, H, W)`, that is number of images, channels, height,
# width. A photograph has 3 channels (red, green, blue). A slice of a magnitude MR image has 1.
#
# **Goal.** `to_batch(image)` turns one image `(H, W)` into `(1, 1, H, W)`, and a stack of slices `(N, H, W)` into
# `(N, 1, H, W)`. The result is a `torch.float32` tensor.
#
# **Steps.** Make it a tensor. Add the axes that are missing, at the right place. Convert to `float32`.
#
# **Example.** `to_batch(np.zeros((5, 4))).shape` is `(1, 1, 5, 4)`; `to_batch(np.zeros((3, 5, 4))).shape` is `(3, 1, 5, 4)`.
#
# **Hint.** `torch.as_tensor` takes numpy arrays. `tensor[None]` adds an axis in front, `tensor[:, None]` one after the first. No
# value may move or change. An image of one row or one column is an image, too.
#
# ### BEGIN EXPLANATION
# A stack of slices is a batch of many images with one channel each, so the new axis comes second. With `tensor[None]` the slices
# become the channels of one image, and a network would mix them. numpy computes in float64 unless told otherwise; networks use float32.
# ### END EXPLANATION


# %% nbgrader={"grade_id": "to_batch", "solution": true}
def to_batch(image):
    """(H, W) -> (1, 1, H, W); (N, H, W) -> (N, 1, H, W); a float32 tensor."""
    ### BEGIN SOLUTION
    tensor = torch.as_tensor(image, dtype=torch.float32)
    if tensor.ndim == 2:
        tensor = tensor[None]  # (H, W) -> (1, H, W)
    return tensor[:, None]  # (N, H, W) -> (N, 1, H, W)
    ### END SOLUTION


# %% nbgrader={"grade_id": "to_batch_test", "points": 1}
from course_lib.exercise import without

with without("course_lib.images.to_batch"):
    for shape, wanted in [
        ((5, 4), (1, 1, 5, 4)),
        ((3, 5, 4), (3, 1, 5, 4)),
        ((1, 4), (1, 1, 1, 4)),
        ((5, 1), (1, 1, 5, 1)),
        ((1, 5, 4), (1, 1, 5, 4)),
        ((2, 7, 1), (2, 1, 7, 1)),
        ((4, 2, 3), (4, 1, 2, 3)),
    ]:
        for kind in (np.float64, np.float32, np.int16):
            image = (100 * np.random.default_rng(1).normal(0, 1, shape)).astype(kind)
            before = image.copy()
            batch = to_batch(image)
            assert isinstance(batch, torch.Tensor), f"expected a torch tensor, got {type(batch)}"
            assert tuple(batch.shape) == wanted, (
                f"{shape} should become {wanted}, got {tuple(batch.shape)}: slices are not channels"
            )
            assert batch.dtype == torch.float32, f"expected float32 in any case, got {batch.dtype}"
            assert np.array_equal(batch.numpy().ravel(), before.astype(np.float32).ravel()), (
                f"{shape}: the pixels moved or changed: add axes, do not transpose or scale"
            )
            assert image.shape == shape and np.array_equal(image, before), (
                "your function changed the image that it was given"
            )
    ### HIDDEN VALUE: [to_batch(rng.normal(0, 9, s)) for s in [(7, 4), (1, 6), (5, 1), (6, 2, 3)]]
    ### HIDDEN VALUE: [to_batch(rng.normal(0, 9, (n, 4, 5))) for n in (1, 2, 3, 4)]
    ### HIDDEN VALUE: (lambda b: [b, str(b.dtype)])(to_batch(rng.integers(0, 256, (5, 3))))
print("to_batch: right")

# %% [markdown]
# ## Exercise 3: pad to a multiple ({{points pad_to_multiple}})
#
# Many networks halve an image twice and then double it twice. An image with 217 rows comes back with 216 or 220: it no
# longer fits. The cure is to pad first, and to crop the result.
#
# **Goal.** `pad_to_multiple(batch, multiple)` makes height and width divisible by `multiple`. It adds rows **below** and
# columns **to the right**, as few as possible, and repeats the last row and column. The type of the numbers stays. Use torch only, not
# numpy: later labs pad inside their networks, and a network learns only through what torch has computed.
#
# **Steps.** How many rows are missing, and how many columns? Python's `%` gives it in one go (try `-217 % 4` and `-216 % 4`).
# `torch.nn.functional.pad` adds them: its help says in which order it wants the four sides, and which `mode` repeats.
#
# **Example.** `(1, 1, 5, 6)` with `multiple=4` becomes `(1, 1, 8, 8)`; `(1, 1, 8, 4)` stays as it is.
#
# **Hint.** `pad` counts axes from the **last** one: width first, then height.
#
# ### BEGIN EXPLANATION
# `-height % multiple` is 0 where nothing is missing; `multiple - height % multiple` would add a whole multiple there. Zeros would put a black edge into
# the image, which a network takes for anatomy; repeated pixels do not. And it has to stay in torch, since a conversion to numpy cuts the
# gradient, so that nothing before it could learn.
# ### END EXPLANATION


# %% nbgrader={"grade_id": "pad_to_multiple", "solution": true}
def pad_to_multiple(batch, multiple):
    """Repeat the last row and column of (N, C, H, W) until H and W are multiples of `multiple`."""
    ### BEGIN SOLUTION
    height, width = batch.shape[-2:]
    return torch.nn.functional.pad(batch, (0, -width % multiple, 0, -height % multiple), mode="replicate")
    ### END SOLUTION


# %% nbgrader={"grade_id": "pad_to_multiple_test", "points": 2}
from course_lib.exercise import without
### BEGIN HIDDEN TESTS
def slope(x, multiple):
    return torch.autograd.grad(pad_to_multiple(x, multiple).square().sum(), x)
### END HIDDEN TESTS

with without("course_lib.images.pad_to_multiple"):
    generator = torch.Generator().manual_seed(0)
    for height, width, multiple, shape in [
        (5, 6, 4, (8, 8)), (7, 9, 8, (8, 16)), (9, 7, 8, (16, 8)), (8, 4, 4, (8, 4)),
        (3, 10, 5, (5, 10)), (10, 3, 5, (10, 5)), (7, 5, 1, (7, 5)), (1, 1, 3, (3, 3)),
    ]:  # fmt: skip
        batch = torch.randn(2, 3, height, width, generator=generator, dtype=torch.float64)
        padded = pad_to_multiple(batch, multiple)
        assert tuple(padded.shape) == (2, 3, *shape), (
            f"(2, 3, {height}, {width}) with multiple {multiple} should become {(2, 3, *shape)},"
            f" got {tuple(padded.shape)}: as few rows and columns as possible, height first"
        )
        assert padded.dtype == batch.dtype, f"{batch.dtype} became {padded.dtype}: use torch alone"
        assert torch.equal(padded[..., :height, :width], batch), (
            "the image should stay in the upper left corner: pad below and to the right only"
        )
        bottom, right = padded[..., height - 1 :, :], padded[..., width - 1 :]
        assert (bottom == bottom[..., :1, :]).all() and (right == right[..., :1]).all(), (
            "the new pixels should repeat the last row and column, not be zero"
        )
    image = torch.ones(1, 1, 2, 3, requires_grad=True)
    padded = pad_to_multiple(image, 4)
    assert padded.requires_grad, "nothing can be learned through it: no numpy, no detach(), no copy"
    padded.sum().backward()
    assert image.grad[0, 0].tolist() == [[1, 1, 2], [3, 3, 6]], (
        "the gradient of the sum should count how often each pixel appears: the last ones repeat"
    )
    ### HIDDEN VALUE: [slope(random_tensor(rng, 1, 2, 7, 5).requires_grad_(), m) for m in (1, 4, 5)]
    ### HIDDEN VALUE: [pad_to_multiple(random_tensor(rng, 2, 3, n, 9) - 0.5, 4) for n in (1, 8, 11)]
print("pad_to_multiple: right")

# %% [markdown]
# ## 4. An experiment: what does averaging buy?
#
# Colin was scanned 27 times. Was that worth it? Suppose that one scan has the noise `sigma`, and that the noise of each
# scan is drawn anew. You average `n` scans. Which share of the noise is left, for 4, 9 and 27 scans?
#
# **Write your prediction down before you go on**: numbers between 0 (no noise) and 1 (as much as one scan has), and your reason.

# %%
prediction = {4: None, 9: None, 27: None}
reason = ""

# %% tags=["experiment"]
sigma, repeats = 0.1, profile.pick(ci=2, cpu=10, gpu=10)
averages = [1, 2, 4, 9, 16, 27]
generator = np.random.default_rng(0)
left = np.zeros((repeats, len(averages)))  # the share of the noise that is left
for repeat in range(repeats):
    scans = np.stack([noise.gaussian(clean, sigma, generator=generator) for _ in range(27)])
    for column, count in enumerate(averages):
        left[repeat, column] = np.std(scans[:count].mean(0) - clean) / sigma

for count, guess in prediction.items():
    measured = left[:, averages.index(count)].mean()
    print(f"{count:3} scans: predicted {guess}, measured {measured:.3f}")

figure = viz.figure(6, 3.5)
axes = figure.subplots()
axes.loglog(averages, 1 / np.sqrt(averages), "-", color="grey", label="1 / sqrt(n)")
axes.errorbar(averages, left.mean(0), left.std(0), fmt="o", color="#0072B2", label="measured")
guesses = {count: guess for count, guess in prediction.items() if guess is not None}
if guesses:
    axes.plot(*zip(*guesses.items(), strict=True), "s", color="#D55E00", label="your prediction")
axes.set(
    xlabel="number of averaged scans n",
    ylabel="share of the noise that is left",
    title=f"27 scans leave {left[:, -1].mean():.2f} of the noise of one",
)
axes.set_xticks(averages, averages)
axes.set_yticks([0.1, 0.2, 0.5, 1], [0.1, 0.2, 0.5, 1])
axes.minorticks_off()
axes.legend()
figure

# %% [markdown]
# The grey line is the law: independent noise with mean zero has the standard deviation `sigma / sqrt(n)` after averaging.
# (The noise of a *magnitude* image has no mean of zero where the image is dark. There averaging leaves a bias, see lab 04.)
#
# From here on you see a denoised image with its **difference map**: denoised minus clean. A good method leaves only noise
# in it. If you see the head in the difference map, the method has changed the head. (Below the pictures stand two scores,
# PSNR and SSIM: higher is better. Labs 02 and 05 build them.)

# %% tags=["experiment", "picture 2 3"]
noisy = noise.gaussian(clean, 0.1, generator=np.random.default_rng(1))
nine = scans[:9].mean(0).astype(np.float32)
share = np.std(nine - clean) / np.std(noisy - clean)
title = f"The mean of nine scans has {share:.2f} of the noise of one"
viz.panel(clean, noisy, nine, title=title, window=viz.window(clean))

# %% [markdown]
# ## 5. In your own words ({{points averaging}})
#
# First compare your prediction with the measurement: how many scans does it take to halve the noise, and how many to halve
# it again? Then: averaging works, and it invents nothing. Why do hospitals not simply scan everybody 27 times? Name two
# reasons, say which of the two a denoising network could ease, and which new risk it brings. Four to seven sentences.

# %% [markdown] nbgrader={"grade_id": "averaging", "solution": true, "points": 3}
# I predicted a quarter for 4 scans, because I thought of the variance; the standard deviation is only halved. It takes 4 scans to halve
# the noise and 16 to halve it again: each further step costs four times as much.
#
# Against 27 scans: time and motion. One scan takes minutes, 27 take hours; a person moves, breathes and swallows, and the
# average of moved images is blurred. And cost: one scanner serves many patients. A network could ease the time: it makes one scan look
# like an average of several. Its risk: it fills in what is likely, from the heads it has learnt from. A small lesion that it
# never saw may be smoothed away, or a likely structure invented. An average cannot do that.
#
# ### BEGIN MARK SCHEME
# - 1: compares the recorded prediction and its reason with the measurement: 4 scans halve the noise, 16 halve it again
# - 1: names two reasons against 27 scans, such as time, motion or cost, and says that a network eases the time
# - 1: names the new risk: it fills in what is likely, so a rare lesion may vanish or a structure be invented
# ### END MARK SCHEME
#
# ### BEGIN EXPLANATION
# Variances add up: the sum of n independent draws has n times the variance, so the mean has a variance n times smaller, and a
# standard deviation sqrt(n) times smaller. Many people predict a quarter for 4 scans, since they think of the variance. An average uses only what
# was measured; a network adds what it learned elsewhere, and that may be wrong for this patient.
# ### END EXPLANATION

# %% [markdown]
# ## What to remember
#
# - A clean image is an array of `float32` in [0, 1]; a network takes `(N, C, H, W)`.
# - Noise has a standard deviation, `sigma`, in units of the data range. Averaging `n` scans divides it by `sqrt(n)`.
# - Look at the difference map before you believe a denoised image.
# - The test head is Colin27: no network of this course learns from it.
#
# **Sources.** Holmes et al. 1998, [*Enhancement of MR images using registration for signal
# averaging*](https://doi.org/10.1097/00004728-199803000-00032); Colliot and Vakalopoulou 2020, [*Deep learning for medical
# imaging*](http://www.aramislab.fr/teaching/DLMI-2019-2020/), lecture on denoising and reconstruction.
#
# Next: lab 00b, your first network. If you have trained networks before, go on to lab 01.
