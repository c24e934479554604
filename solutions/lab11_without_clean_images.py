# %% [markdown]
# # Lab 11: Learning without clean images
#
# {{badges}}
#
# **The question of this lab: no patient ever gave us a clean scan. Can a network learn from noisy
# ones alone, and when will it fool us?**
#
# {{head}}
#
# {{exercises}}
#
# ### BEGIN CARD
# level = "core"
# memory = "2 GB"
# compute_minutes = 5
# labs = ["04", "07", "08"]
# lectures = ["10"]
# mathematics = "mean and variance; a partial derivative; the norm of a vector"
# objectives = [
#     "train a network against a second noisy image, and know when that is allowed",
#     "hide pixels so that a network cannot copy its own noise",
#     "estimate the error of a denoiser without the truth, by Stein's formula",
#     "reconstruct from far too few random measurements with any denoiser, and see what one term does",
#     "put a network in the denoiser's place, and let it learn on from noisy images alone",
#     "see each of the three ways fail, under Rician and under correlated noise",
# ]
# minutes = {theory = 15, noise2noise_loss = 10, blind_spots = 25, masked_loss = 10, sure = 20, damp_step = 20, rician_floor = 10, play = 5, experiments = 40, magnitudes = 20}
# ### END CARD

# %% tags=["setup"]
# `course build` writes the set-up cell here

# %% [markdown]
# ## Theory in half a page
#
# You have noisy images $z = x + n$. Nobody has $x$. Three ideas put something else in its place.
#
# - **Noise2Noise.** Take a second noisy image $z' = x + n'$ of the same thing as the target. Then
#   $E\|f(z) - z'\|^2 = E\|f(z) - x\|^2 + \text{const}$, so both targets have the same best network. It
#   holds if $n'$ has **mean 0** whatever the image is, and is **independent** of $n$.
# - **Noise2Void.** One noisy image is enough if the network cannot see the pixel that it has to guess.
#   Hide a few pixels, and compare only there. It holds if the noise has mean 0, and that of a pixel
#   tells nothing about that of its neighbours.
# - **SURE.** Stein's formula estimates the error itself. With $N$ pixels,
#
# $$ \mathrm{SURE} = \tfrac1N\|f(z) - z\|^2 - \sigma^2 + \tfrac{2\sigma^2}{N}\,\mathrm{div} f(z),
# \qquad \mathrm{div} f = \sum_i \frac{\partial f_i}{\partial z_i} $$
#
#   The **divergence** says how strongly the answer follows its own pixel: how much of its noise it kept.
#   It holds if the noise is Gaussian, white, and of known $\sigma$ (and $f$ has no jumps).
#
# The last part uses a denoiser for **compressed sensing**: from $M$ random measurements $y = Ax + w$ of an
# image of $N > M$ pixels, D-AMP goes back and forth between the measurements and a denoiser. One term,
# **Onsager's**, makes what the denoiser sees nearly the image plus white Gaussian noise, at every step.
#
# **Sources.** Lehtinen et al. 2018, [Noise2Noise](https://arxiv.org/abs/1803.04189); Krull et al. 2019,
# [Noise2Void](https://arxiv.org/abs/1811.10980); Stein 1981, *Estimation of the mean of a multivariate
# normal distribution*; Ramani, Blu and Unser 2008, [Monte-Carlo
# SURE](https://doi.org/10.1109/TIP.2008.2001404); Soltanayev and Chun 2018, [training by
# SURE](https://arxiv.org/abs/1803.01314); Metzler, Maleki and Baraniuk 2016, [D-AMP](https://arxiv.org/abs/1406.4175);
# Metzler, Mousavi and Baraniuk 2017, [LDAMP](https://arxiv.org/abs/1704.06625); Metzler et al. 2018,
# [SURE-LDAMP](https://arxiv.org/abs/1805.10531); the table of the DLMI lecture.
# [Lecture 10](../../lectures/10_learning_without_truth.ipynb) derives the three formulas.

# %%
import functools
import math

import numpy as np
import torch
import torch.nn.functional as F

from course_lib import noise, selfsupervised, viz

# %% [markdown]
# ## Exercise 1: a noisy target ({{points noise2noise_loss}})
#
# **Goal.** `noise2noise_loss(network, noisy, other)` returns the mean squared error of the denoised
# `noisy` against `other`, a second noisy image of the same thing. Tensors `(N, 1, H, W)`; one number.
#
# **Steps.** The network sees `noisy`, and nothing else. What it answers is compared with `other`.
#
# **Example.** `noisy` is 0.5 everywhere, `other` 0.7, and the network changes nothing: 0.04.
#
# **Hint.** A network that changes nothing gets $2\sigma^2$ on average, and a perfect one $\sigma^2$:
# even the truth does not reach 0. Noise goes below 0 and above 1, and stays there: do not clip.
#
# ### BEGIN EXPLANATION
# The second noise cannot be predicted from the first, so the best the network can do is the mean of
# all targets that go with its input, and that is the mean of all clean images that go with it. Averaging both images first, for
# a better target, breaks this: then the target holds the input's own noise, and copying it pays.
# ### END EXPLANATION

# %% nbgrader={"grade_id": "noise2noise_loss", "solution": true}
def noise2noise_loss(network, noisy, other):
    """Mean squared error of the denoised image against a second noisy one; tensors (N, 1, H, W)."""
    ### BEGIN SOLUTION
    return ((network(noisy) - other) ** 2).mean()
    ### END SOLUTION


# %% nbgrader={"grade_id": "noise2noise_loss_test", "points": 2}
from course_lib.exercise import without

with without("course_lib.selfsupervised.noise2noise_loss"):
    generator = torch.Generator().manual_seed(0)
    first, second = 2 * torch.randn(2, 3, 1, 4, 6, generator=generator, dtype=torch.float64) + 0.5
    weight = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    flat = torch.full((1, 1, 2, 2), 0.5)
    cases = [  # network, what it sees, the target, expected, what to look at
        (lambda z: z, flat, flat + 0.2, 0.04, "the example"),
        (lambda z: 0 * z, first, second, 3.446941, "a black answer: it is compared with `other`"),
        (lambda z: z, first, second, 9.438014, "the identity: nothing is clipped"),
        (lambda z: 0.5 * z, first, second, 5.225360, "the network halves `noisy`"),
        (lambda z: 0.5 * z, second, first, 6.291507, "the other way round it is another number"),
        (lambda z: 0.5 * z, first[:1], second[:1], 5.112853, "a batch of one image"),
    ]
    for network, given, target, expected, hint in cases:
        before = given.clone(), target.clone()
        got = noise2noise_loss(network, given, target)
        assert got is not None and np.ndim(got) == 0, f"{hint}: return one number, got {got}"
        right = abs(float(got) - expected) < 1e-4
        assert right, f"{hint}: expected {expected}, got {float(got):.6f}"
        same = torch.equal(before[0], given) and torch.equal(before[1], target)
        assert same, "your answer changed an image: no -=, no [...] ="
    loss = noise2noise_loss(lambda z: weight * z, first, second)
    assert getattr(loss, "requires_grad", False), "the loss has no gradient: no .item() in it"
    loss.backward()
    assert abs(float(weight.grad) - 5.991) < 1e-2, (
        f"expected the gradient 5.991, got {float(weight.grad):.3f}: the mean of squares"
    )
    ### HIDDEN VALUE: [noise2noise_loss(lambda z: a * z + b, random_tensor(rng, n, 1, 5, 7) * 4 - 1, random_tensor(rng, n, 1, 5, 7) * 3 - 2) for a, b, n in rng.integers(1, 4, (3, 3)).tolist()]
print("noise2noise_loss: right")

# %% [markdown]
# ## Exercise 2: blind spots ({{points blind_spots}})
#
# **Goal.** `blind_spots(noisy, box, radius, generator)` returns a copy of the images in which one pixel of
# each box is hidden, and a boolean mask that is `True` there. Both have the shape `(N, 1, H, W)`.
#
# **Steps.**
# 1. Tile each image with boxes of `box × box` pixels, from the upper left corner; those at the right and
#    lower edge may be smaller.
# 2. In each box draw one pixel, all equally likely. Draw anew for each box and each image.
# 3. Draw one of its neighbours: all pixels of the image that lie at most `radius` rows and columns away
#    are equally likely, but never the pixel itself.
# 4. The copy shows the neighbour's value, as the *noisy* image has it.
#
# **Example.** One row `[1, 2, 3, 4]`, `box=4`, `radius=1`: if the third pixel is drawn, the copy is
# `[1, 2, 2, 4]` or `[1, 2, 4, 4]`, and the mask `[False, False, True, False]`.
#
# **Hint.** `whole_number(low, high, generator)` draws from `low` to `high - 1`. A neighbour that is the
# pixel itself hides nothing: draw again.
#
# ### BEGIN EXPLANATION
# Boxes keep the hidden pixels apart, so that each is guessed from pixels that are seen. A zero in the
# hidden pixel's place would teach the network to look for zeros; a neighbour's value looks like any other
# pixel. If the pixel itself may be drawn, the network sees its target now and then, and learns to copy a
# little. Taking the neighbour from the copy lets values wander from box to box.
# ### END EXPLANATION

# %%
def whole_number(low, high, generator):
    """A random whole number from low to high - 1."""
    return int(torch.randint(low, high, (), generator=generator))

# %% nbgrader={"grade_id": "blind_spots", "solution": true}
def blind_spots(noisy, box, radius, generator):
    """A copy with one hidden pixel in each box, and the mask of these; tensors (N, 1, H, W)."""
    ### BEGIN SOLUTION
    hidden, mask = noisy.clone(), torch.zeros_like(noisy, dtype=torch.bool)
    height, width = noisy.shape[-2:]
    for image in range(len(noisy)):
        for top in range(0, height, box):
            for left in range(0, width, box):
                y = whole_number(top, min(top + box, height), generator)
                x = whole_number(left, min(left + box, width), generator)
                v, u = y, x
                while (v, u) == (y, x):
                    v = whole_number(max(y - radius, 0), min(y + radius + 1, height), generator)
                    u = whole_number(max(x - radius, 0), min(x + radius + 1, width), generator)
                hidden[image, 0, y, x] = noisy[image, 0, v, u]
                mask[image, 0, y, x] = True
    return hidden, mask
    ### END SOLUTION


# %% nbgrader={"grade_id": "blind_spots_test", "points": 3}
from course_lib.exercise import without

### BEGIN HIDDEN TESTS
def examined(number, size, box, radius, generator):
    """What is hidden, and faults: tens of thousands for each kind."""
    noisy = torch.arange(number * size[0] * size[1], dtype=torch.float64).view(number, 1, *size) + 1
    hidden, mask = blind_spots(noisy.clone(), box, radius, generator)
    n, _, y, x = mask.nonzero(as_tuple=True)
    shown = hidden[mask].long() - 1
    image, place = shown // (size[0] * size[1]), shown % (size[0] * size[1])
    dy, dx = (place // size[1] - y).abs(), (place % size[1] - x).abs()
    faults = int((~mask & (hidden != noisy)).any()), int((image != n).any())
    faults += int(((dy > radius) | (dx > radius)).any()), int(((dy == 0) & (dx == 0)).any())
    boxes = torch.stack([n, y // box, x // box], 1).unique(dim=0)
    return len(n) + 10 * (len(n) - len(boxes)) + 10_000 * sum(faults), float(noisy.sum())


def chances(generator):
    """How often each pixel of 3×3 is hidden, and each neighbour of its middle shown, if all is well 0."""
    noisy = torch.arange(9.0).view(1, 1, 3, 3).expand(4000, -1, -1, -1)
    hidden, mask = blind_spots(noisy, 5, 1, generator)
    place, shown = noisy[mask].long(), hidden[mask].long()
    if len(place) != 4000:
        return 1
    even = (torch.bincount(place, minlength=9) - 4000 / 9).abs().max() < 120  # six deviations
    around = torch.bincount(shown[place == 4], minlength=9)[[0, 1, 2, 3, 5, 6, 7, 8]]
    corner = torch.bincount(shown[place == 0], minlength=9)[[1, 3, 4]]
    level = (around - around.sum() / 8).abs().max() < 45 and (corner - corner.sum() / 3).abs().max() < 45
    return 0 if even and level else 1


### END HIDDEN TESTS
with without("course_lib.selfsupervised.blind_spots"):
    generator = torch.Generator().manual_seed(0)
    for size, box, radius in [((8, 12), 4, 2), ((7, 5), 3, 1), ((1, 9), 4, 2), ((6, 6), 8, 5)]:
        noisy = torch.arange(2.0 * size[0] * size[1]).view(2, 1, *size)
        before = noisy.clone()
        for _ in range(20):
            hidden, mask = blind_spots(noisy, box, radius, generator)
            assert torch.equal(noisy, before), "your answer changes its input: make a copy"
            shaped = mask.shape == noisy.shape and mask.dtype == torch.bool
            assert shaped, "the mask is boolean, (N, 1, H, W)"
            assert torch.equal(hidden[~mask], noisy[~mask]), "elsewhere the copy is the image"
            for image in mask[:, 0]:
                tiles = [t.sum() for row in image.split(box, 0) for t in row.split(box, 1)]
                assert set(map(int, tiles)) == {1}, f"{size}, box {box}: one pixel in each box"
            n, _, y, x = mask.nonzero(as_tuple=True)
            place = (hidden[mask].long() - n * size[0] * size[1]).clamp(0)
            dy, dx = (place // size[1] - y).abs(), (place % size[1] - x).abs()
            near = bool(((dy <= radius) & (dx <= radius)).all())
            assert near, f"shown is a neighbour's value, at most {radius} away, of the same image"
            assert bool((dy + dx > 0).all()), "a pixel shows itself: that hides nothing"
    one, two = (torch.Generator().manual_seed(seed) for seed in (3, 3))
    first, again, other = (blind_spots(torch.rand(2, 1, 9, 9), 3, 2, g)[1] for g in (one, two, one))
    assert torch.equal(first, again) and not torch.equal(first, other), "draw with `generator` only"
    hidden, mask = blind_spots(torch.tensor([0.0, 1.0, 0.0]).repeat(200, 1, 1, 1), 2, 2, one)
    first_shown = mask[..., 0] & (hidden[..., 2] == 0)  # the last pixel is a box of its own
    assert first_shown.any(), "a hidden neighbour counts too, and one of the same value"
    ### HIDDEN VALUE: [examined(int(n), (int(h), int(w)), int(box), int(radius), torch.Generator().manual_seed(int(n * h))) for n, h, w, box, radius in rng.integers((1, 5, 4, 2, 1), (4, 20, 20, 7, 4), (6, 5))]
    ### HIDDEN VALUE: [chances(torch.Generator().manual_seed(5)), examined(1, (int(rng.integers(2, 9)), 1), 3, 1, torch.Generator().manual_seed(1))]
print("blind_spots: right")

# %% [markdown]
# ## Exercise 3: look only there ({{points masked_loss}})
#
# **Goal.** `masked_loss(prediction, noisy, mask)`: the mean squared error over the hidden pixels, against
# what the noisy image has there.
#
# **Steps.** Square the differences; keep those of the mask; divide by how many there are.
#
# **Example.** Differences of 1, 2 and 9, of which the first two are hidden: (1 + 4) / 2 = 2.5.
#
# **Hint.** Everywhere else the network has seen its target.
#
# ### BEGIN EXPLANATION
# Over all pixels, nearly all of the loss comes from pixels that the network sees, and copying them is
# perfect: it learns to change nothing, and its score is that of the noisy image. A sum divided by all
# pixels has the same minimum as the mean over the mask, but a gradient that is 64 times too small.
# ### END EXPLANATION

# %% nbgrader={"grade_id": "masked_loss", "solution": true}
def masked_loss(prediction, noisy, mask):
    """Mean squared error where mask is True; tensors (N, 1, H, W)."""
    ### BEGIN SOLUTION
    return ((prediction - noisy) ** 2)[mask].mean()
    ### END SOLUTION


# %% nbgrader={"grade_id": "masked_loss_test", "points": 1}
from course_lib.exercise import without

with without("course_lib.selfsupervised.masked_loss"):
    noisy = torch.tensor([[1.0, 5.0, -2.0], [0.5, 3.0, 0.0]]).view(2, 1, 1, 3)
    wrong = torch.tensor([[1.0, -2.0, 9.0], [0.5, 0.0, 7.0]]).view(2, 1, 1, 3)
    answer = (noisy + wrong).requires_grad_()
    mask = torch.tensor([[True, True, False], [True, False, False]]).view(2, 1, 1, 3)
    cases = [  # mask, expected, what to look at
        (torch.tensor([True, True, False]).expand(2, 1, 1, 3), 1.3125, "two pixels of each image"),
        (mask, 1.75, "two of one image, one of the other: all hidden pixels count the same"),
        (torch.tensor([False, False, True]).expand(2, 1, 1, 3), 65.0, "the third pixel of each"),
    ]
    for where, expected, hint in cases:
        loss = masked_loss(answer, noisy, where)
        assert loss is not None and np.ndim(loss) == 0, f"{hint}: return one number, got {loss}"
        got = float(loss)
        assert abs(got - expected) < 1e-5, f"{hint}: expected {expected}, got {got:.5f}"
    loss = masked_loss(answer, noisy, mask)
    assert getattr(loss, "requires_grad", False), "the loss has no gradient: no .item() in it"
    loss.backward()
    slope = answer.grad.flatten().tolist()
    expected = [2 / 3, -4 / 3, 0, 1 / 3, 0, 0]
    assert np.allclose(slope, expected, atol=1e-5), f"expected the gradient {expected}, got {slope}"
    ### HIDDEN VALUE: [masked_loss(random_tensor(rng, 3, 1, h, 9) * 5 - 2, random_tensor(rng, 3, 1, h, 9) * 3, random_tensor(rng, 3, 1, h, 9) < 0.2) for h in (7, 12)]
print("masked_loss: right")

# %% [markdown]
# ## Exercise 4: the error, without the truth ({{points sure}})
#
# **Goal.** `sure(denoise, noisy, sigma, epsilon, generator)` returns Stein's estimate of the mean squared
# error, one number. `denoise` is any function of images; `noisy` is a tensor `(N, 1, H, W)`.
#
# **Steps.**
# 1. Draw a probe `b` of the shape of `noisy` by `signs(noisy, generator)`: each pixel is −1 or +1.
# 2. Divergence, per pixel: the mean of `b · (f(z + epsilon·b) − f(z)) / epsilon`.
# 3. Put it into the formula at the top of the lab, all per pixel.
#
# **Example.** `denoise` halves its input, the noisy pixels are 1 and 3, `sigma` is 1. The divergence per pixel
# is 0.5, so SURE is (0.25 + 2.25) / 2 − 1 + 2 · 0.5 = 1.25.
#
# **Hint.** For the identity the first term is 0, and SURE must come out as `sigma²`. Without the 2 it
# comes out as 0, and promises a perfect answer.
#
# ### BEGIN EXPLANATION
# The distance to the noisy image mistakes noise for signal in two ways: all of the variance is in it, and
# what the answer kept of its own noise is missing from it. Stein's formula corrects both. The probe finds
# the divergence of any program without its derivative: only terms in which a pixel answers to itself
# survive the mean. Both calls must use the same function: with dropout the difference is divided by a
# tiny epsilon, and explodes.
# ### END EXPLANATION

# %%
def signs(noisy, generator):
    """Random signs of the shape of `noisy`."""
    return 2.0 * torch.randint(0, 2, noisy.shape, generator=generator).to(noisy) - 1

# %% nbgrader={"grade_id": "sure", "solution": true}
def sure(denoise, noisy, sigma, epsilon, generator):
    """Stein's unbiased estimate of the mean squared error of denoise(noisy); one number."""
    ### BEGIN SOLUTION
    answer, probe = denoise(noisy), signs(noisy, generator)
    divergence = (probe * (denoise(noisy + epsilon * probe) - answer)).mean() / epsilon
    return ((answer - noisy) ** 2).mean() - sigma**2 + 2 * sigma**2 * divergence
    ### END SOLUTION


# %% nbgrader={"grade_id": "sure_test", "points": 3}
from course_lib.exercise import without

with without("course_lib.selfsupervised.sure", "course_lib.selfsupervised.monte_carlo_divergence"):
    z = torch.randn(2, 1, 30, 20, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    three = torch.tensor([1.0, 3.0, -1.0]).view(3, 1, 1, 1)  # three images of one pixel
    shift = lambda image: torch.roll(image, 1, -1)  # a pixel answers to its neighbour: divergence 0
    cases = [  # denoise, noisy, sigma, epsilon, expected, tolerance, what to look at
        (lambda x: 0.5 * x, torch.tensor([[[[1.0, 3.0]]]]), 1, 0.1, 1.25, 1e-5, "the example"),
        (lambda x: x, z, 0.3, 0.01, 0.09, 1e-6, "the identity keeps all of the noise"),
        (lambda x: 0 * x, z, 2.0, 0.01, -2.966980, 1e-5, "a black answer: it may fall below 0"),
        (lambda x: x * x, three, 1, 0.5, 16.666667, 1e-4, "b by `signs`, one step from z"),
        (lambda x: 0.7 * x + 2, z, 0.3, 1e-3, 4.115902, 1e-5, "squares, less the variance"),
        (lambda x: 0.7 * x + 2, z, 2.0, 1e-3, 5.679902, 1e-5, "sigma enters as its square, twice"),
        (shift, z, 0.3, 0.01, 1.990, 0.03, "a shifted image: nothing answers to itself"),
        (lambda x: F.softshrink(x, 0.5), z, 1.0, 1e-4, 0.390251, 0.001, "a soft threshold"),
    ]
    for denoise, noisy, sigma, epsilon, expected, allowed, hint in cases:
        before = noisy.clone()
        got = sure(denoise, noisy, sigma, epsilon, torch.Generator().manual_seed(2))
        assert got is not None and np.ndim(got) == 0, f"{hint}: return one number, got {got}"
        assert abs(got - expected) < allowed, f"{hint}: expected {expected}, got {float(got):.5f}"
        assert torch.equal(noisy, before), "your answer changes its input"
    weight = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    sure(lambda x: weight * x, z, 0.3, 0.01, torch.Generator().manual_seed(2)).backward()
    slope = float(weight.grad)  # both calls of the network teach it
    assert abs(slope + 0.439812) < 1e-5, f"gradient: expected -0.439812, got {slope:.6f}"
    seeds = map(torch.Generator().manual_seed, (5, 5, 6))
    one, two, other = (float(sure(shift, z, 0.3, 0.01, seed)) for seed in seeds)
    assert one == two != other, "draw the probe with `generator`, once"
    ### HIDDEN VALUE: [sure(lambda x: a * x + b * x.abs(), random_tensor(rng, n, 1, h, 8) * 6 + 2, s, 1e-3, torch.Generator().manual_seed(3)) for a, b, s, n, h in zip(rng.uniform(-1, 2, 4), rng.uniform(-1, 1, 4), rng.uniform(0.1, 3, 4), (1, 2, 3, 1), (5, 9, 4, 16))]
    ### HIDDEN VALUE: [sure(lambda x: a * x**2 + torch.roll(x, 1, -1), random_tensor(rng, n, 1, 6, 5) * 4 - 1, 1.5, 0.25, torch.Generator().manual_seed(n)) for a, n in zip(rng.uniform(0.5, 2, 3), (1, 2, 3))]
print("sure: right")

# %% [markdown]
# ## Which filter is best? Ask SURE
#
# A filter mixes an image with its mean of 25 pixels. How strong should it be? Move the slider: the true
# error needs the clean head, SURE only the noisy one. Then choose *Rician* in the menu.

# %% tags=["experiment", "picture 1 2"]
from course_lib.data import brains

heads = brains.brain_slices("colin27", slices=profile.pick(ci=1, cpu=6, gpu=24))
middle = heads.images[len(heads) // 2][None]
greys = viz.window(middle)


def mixed(image, strength):
    blurred = F.avg_pool2d(F.pad(image, (2,) * 4, mode="reflect"), 5, 1)
    return (1 - strength) * image + strength * blurred


viz.risk_slider(middle, mixed, np.linspace(0, 1, 11).tolist(), window=greys)

# %% [markdown]
# ## Exercise 5: a step of D-AMP ({{points damp_step}})
#
# **Goal.** `damp_step(x, z, y, forward, adjoint, denoise, divergence)` makes one iteration, and returns
# the new image, the new residual, and sigma. In numpy arrays: `x` is the image so far, `z` the residual
# (M numbers), `y` the M measurements. `forward(image)` measures, `adjoint(values)` lays values back into
# an image.
#
# **Steps.**
# 1. `r = x + adjoint(z)`: what the denoiser sees.
# 2. `sigma = ‖z‖ / √M`: how noisy that is.
# 3. The new image is `denoise(r, sigma)`.
# 4. The new residual is `y − forward(new image)`, plus Onsager's term: the *old* residual times
#    `divergence(r, sigma) / M`. The divergence is a sum over all pixels.
#
# **Example.** Two pixels, both measured: `forward` and `adjoint` change nothing, `x = [0, 0]`, `y = z = [3, 4]`,
# and the denoiser halves. Then sigma = 5/√2, the divergence is 2 · 0.5 = 1, the new image `[1.5, 2]`, and the new
# residual `[1.5, 2] + [3, 4] · 1/2 = [3, 4]`.
#
# **Hint.** M is the length of `y`, not the number of pixels.
#
# ### BEGIN EXPLANATION
# Without the last term the error of one step is correlated with the measurements used in the next, and
# what the denoiser sees is no longer the image plus white noise: it then removes too little or the wrong
# thing. Onsager's term cancels just that correlation. It belongs to the old residual, since that is what
# the image has learned from.
# ### END EXPLANATION

# %% nbgrader={"grade_id": "damp_step", "solution": true}
def damp_step(x, z, y, forward, adjoint, denoise, divergence):
    """One iteration of D-AMP: the new image, the new residual, and the sigma of this step."""
    ### BEGIN SOLUTION
    r = x + adjoint(z)
    sigma = np.linalg.norm(z) / np.sqrt(len(y))
    image = denoise(r, sigma)
    residual = y - forward(image) + z * divergence(r, sigma) / len(y)
    return image, residual, sigma
    ### END SOLUTION


# %% nbgrader={"grade_id": "damp_step_test", "points": 3}
from course_lib.exercise import without

### BEGIN HIDDEN TESTS
def damp_steps(rng, m, n, steps):
    """A few steps with a denoiser that leans on sigma, from a random start."""
    matrix = rng.normal(0, 1, (m, n)) / np.sqrt(m)
    x, z, y = rng.normal(0, 1, n), rng.normal(0, 2, m), rng.normal(0, 1, m)
    shrink = lambda r, s: r / (1 + 0.3 * s) + 0.05 * s
    for _ in range(steps):
        x, z, sigma = damp_step(
            x, z, y, lambda v: matrix @ v, lambda v: matrix.T @ v, shrink, lambda r, s: n / (1 + 0.3 * s) + r[0]
        )
    return x, z, sigma


### END HIDDEN TESTS
with without("course_lib.classical.amp.damp_step", "course_lib.classical.amp.damp"):
    same = lambda values: values
    y = np.array([3.0, 4.0])
    found = damp_step(np.zeros(2), y, y, same, same, lambda r, s: r / 2, lambda r, s: 1.0)
    assert found is not None and len(found) == 3, "return three things: image, residual, sigma"
    names, right = ("image", "residual", "sigma"), ([1.5, 2], [3, 4], 3.535534)
    for got, name, expected in zip(found, names, right, strict=True):
        assert np.allclose(got, expected), f"example, {name}: expected {expected}, got {got}"
    A = np.array([[1.0, -0.5, 0.2, 0.0], [0.3, 0.8, 0.0, -1.0]])  # 2 measurements of 4 pixels
    told = []
    denoise = lambda r, s: told.append((np.array(r), float(s))) or r / (1 + s)
    x, z, y = np.array([0.1, 0.0, -0.4, 2.0]), np.array([1.0, -2.0]), np.array([0.5, 0.7])
    image, residual, sigma = damp_step(
        x, z, y, lambda v: A @ v, lambda v: A.T @ v, denoise, lambda r, s: 8 * r[0] / (1 + s)
    )
    assert len(told) == 1, f"call the denoiser once, on r: it was called {len(told)} times"
    assert np.allclose(told[0][0], [0.5, -2.1, -0.2, 4]), "r is x plus what adjoint(z) lays back"
    for got in (told[0][1], sigma):
        assert np.isclose(got, 1.5811388), f"sigma: expected ‖z‖ / √M = 1.5811, got {got:.4f}"
    assert np.allclose(image, [0.193713, -0.813594, -0.077485, 1.549704], atol=1e-5), "D(r, sigma)"
    expected = [0.689839, 1.292762]
    assert np.allclose(residual, expected, atol=1e-5), (
        f"residual: expected {expected}, got {residual}:"
        " y − forward(new image) + old residual · divergence(r, sigma) / M"
    )
    kept = x.tolist() == [0.1, 0, -0.4, 2] and z.tolist() == [1, -2] and y.tolist() == [0.5, 0.7]
    assert kept, "x, z and y stay as they were: no -=, no [...] ="
    ### HIDDEN VALUE: [damp_steps(rng, m, n, steps) for m, n, steps in ((3, 8, 1), (5, 6, 2), (9, 9, 3), (2, 20, 2))]
print("damp_step: right")

# %% [markdown]
# ## Exercise 6: what a noisy target teaches ({{points rician_floor}})
#
# **Goal.** `rician_floor(sigma)`: the value that Noise2Noise learns for air, if both images are magnitude
# images with Rician noise of that `sigma`.
#
# **Steps.** The best network answers the **mean** of all targets that go with its input. In air the
# target is `√(n1² + n2²)`, both normal with standard deviation `sigma`. Lab 04 has its mean.
#
# **Example.** For `sigma` 0.2 it is 0.2507.
#
# **Hint.** Try it: draw a million.
#
# ### BEGIN EXPLANATION
# Rayleigh noise has the mean sigma·√(π/2), 1.25 sigma. Noise2Noise learns means, so it learns the floor as
# faithfully as the brain. No amount of training helps; correcting the *answer* does.
# ### END EXPLANATION

# %% nbgrader={"grade_id": "rician_floor", "solution": true}
def rician_floor(sigma):
    """What Noise2Noise answers for air under Rician noise."""
    ### BEGIN SOLUTION
    return sigma * math.sqrt(math.pi / 2)
    ### END SOLUTION


# %% nbgrader={"grade_id": "rician_floor_test", "points": 1}
from course_lib.exercise import without

with without("course_lib.noise.rician"):
    for sigma, expected in [(0.2, 0.250663), (1.0, 1.253314), (0.01, 0.012533), (40.0, 50.132565)]:
        value = rician_floor(sigma)
        assert value is not None and np.ndim(value) == 0, f"return one number, got {value}"
        assert abs(float(value) - expected) < 1e-4 * sigma, (
            f"sigma {sigma}: expected {expected}, got {float(value):.6f}: the mean of Rayleigh"
            " noise by its formula, not by a draw"
        )
    ### HIDDEN VALUE: [rician_floor(sigma) for sigma in rng.uniform(0.01, 9, 5).tolist()]
print("rician_floor: right")

# %% [markdown]
# ## Predict
#
# Next, five ways to denoise the same test head: with clean targets (N2C), with noisy ones (N2N), with blind
# spots (N2V), with SURE, and BM3D. All networks are alike, and get the same number of steps (one of SURE takes twice as long).
#
# Write down what you expect, before you run on: which training without clean images comes closest to N2C, and
# what mean N2N leaves in the air under Rician noise of sigma 0.11. Say why in the question at the end.

# %% tags=["experiment"]
prediction = {"closest to N2C": None, "air after N2N, Rician": None}  # a name; a number

# %% [markdown]
# ## The experiment
#
# The training loop is yours of lab 01, with one line for each way to learn. All trainings of this lab take
# about four minutes on 2 cores. The training heads are synthetic; the test head is real, and no network has
# seen it.
#
# Be warned of one comfort: each step draws *new* noise for a clean patch, so no noisy image comes twice. A
# hospital has each scan once or twice. With so few noisy images, training without clean ones ends lower.

# %% tags=["experiment"]
from course_lib._progress import progress_bar
from course_lib.exercise import yours
from course_lib.models.dncnn import DnCNN

clean = brains.brain_slices(
    "cohort", subjects=profile.pick(ci=1, cpu=3, gpu=10), slices=profile.pick(ci=2, cpu=12, gpu=24)
).images


def library_spots(noisy, box, radius, generator):
    return selfsupervised.blind_spots(noisy, box=box, radius=radius, generator=generator)


def library_sure(denoise, noisy, sigma, epsilon, generator):
    own = torch.Generator(noisy.device)  # a GPU wants its own
    own.manual_seed(whole_number(0, 2**31, generator))
    return selfsupervised.sure(denoise, noisy, sigma, epsilon=epsilon, generator=own).mean()


pair_loss = yours("noise2noise_loss", selfsupervised.noise2noise_loss, name="noise2noise_loss")
spots = yours("blind_spots", library_spots, name="blind_spots")
spot_loss = yours("masked_loss", selfsupervised.masked_loss, name="masked_loss")
stein = yours("sure", library_sure, name="sure")

# %% tags=["experiment"]
def crops(images, count, size, generator):
    """Random patches (count, 1, size, size)."""
    found = []
    for _ in range(count):
        n, y, x = (whole_number(0, k, generator) for k in (len(images), 217 - size, 181 - size))
        found.append(images[n, :, y : y + size, x : x + size])
    return torch.stack(found)

# %% tags=["experiment"]
STEPS, WIDTH = profile.pick(ci=2, cpu=300, gpu=1500), profile.pick(ci=8, cpu=32, gpu=64)
device = profile.device


def loss_of(way, network, truth, corrupt, sigma, g):
    """What one of four ways to learn minimises; corrupt(image, generator=g) makes the noise."""
    noisy = corrupt(truth, generator=g)
    if way == "N2V":
        hidden, mask = (part.to(device) for part in spots(noisy, 8, 2, g))
        return spot_loss(network(hidden), noisy.to(device), mask)
    if way == "SURE":
        return stein(network, noisy.to(device), sigma, sigma / 100, g)
    if way == "N2N":
        return pair_loss(network, noisy.to(device), corrupt(truth, generator=g).to(device))
    return F.mse_loss(network(noisy.to(device)), truth.to(device))

# %% tags=["experiment"]
def descend(network, loss, steps, rate, limit, name):
    """Adam for so many steps; loss() draws a batch; gradients longer than `limit` are cut."""
    network.to(device)
    optimizer = torch.optim.Adam(network.parameters(), rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in progress_bar(range(steps), desc=name):
        optimizer.zero_grad()
        loss().backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), limit)
        optimizer.step()
        schedule.step()
    return network.eval().cpu()


def train(way, corrupt, sigma, seed=0):
    """A small DnCNN, trained in one of four ways."""
    torch.manual_seed(seed)
    g = torch.Generator().manual_seed(seed)
    network = DnCNN(7, WIDTH, batch_norm=False)

    def loss():
        truth = crops(clean, profile.pick(ci=2, cpu=8, gpu=32), 48, g)
        return loss_of(way, network, truth, corrupt, sigma, g)

    return descend(network, loss, STEPS, 2e-3, 0.1, way)

# %% [markdown]
# ### Gaussian noise: all conditions hold

# %% tags=["experiment"]
from course_lib import evaluation, training
from course_lib.classical.bm3d import bm3d

SIGMA, SEEDS = 0.1, range(profile.pick(ci=1, cpu=2, gpu=3))
WAYS = ["N2C", "N2N", "N2V", "SURE"]
gaussian = functools.partial(noise.gaussian, sigma=SIGMA)
regions = {"whole image": None, "brain": heads.brain_masks}


def by_network(network):
    return lambda noisy, sigma: training.denoise(network, noisy)


def compared(methods, corrupt, sigma):
    images = heads.images
    return evaluation.compare(methods, images, corrupt, sigma=sigma, masks=regions, progress=False)


tables = []
for seed in SEEDS:
    networks = {way: train(way, gaussian, SIGMA, seed) for way in WAYS}
    methods = {way: by_network(network) for way, network in networks.items()}
    if seed == 0:
        methods["BM3D"] = bm3d
    tables.append(compared(methods, noise.gaussian, SIGMA))
tables[0]

# %% tags=["experiment"]
def decibels(table, way, region):
    return float(np.mean(table.values[region]["PSNR"][way]))


spread = {way: [decibels(table, way, "brain") for table in tables] for way in WAYS}
means = {way: np.mean(values) for way, values in spread.items()}
closest = min(WAYS[1:], key=lambda way: abs(means[way] - means["N2C"]))
behind = means[closest] - means["N2C"]
figure = viz.figure(6.4, 3.2, title=f"Brain: closest to N2C is {closest}, {behind:+.2f} dB")
axes = figure.subplots()
for number, way in enumerate(WAYS):
    axes.plot([number] * len(SEEDS), spread[way], "o", color=viz.COLOURS[number], label=way)
line = decibels(tables[0], "BM3D", "brain")
axes.axhline(line, color=viz.COLOURS[6], linestyle="--", label="BM3D")
axes.set(xticks=range(len(WAYS)), xticklabels=WAYS, ylabel="PSNR in the brain (dB), a dot a seed")
axes.legend(fontsize=8)
print("you predicted:", prediction["closest to N2C"])
figure

# %% tags=["experiment"]
noisy = noise.gaussian(middle, SIGMA, generator=torch.Generator().manual_seed(9))
answers = {way: training.denoise(networks[way], noisy) for way in WAYS}
viz.panel(middle, noisy, answers, window=greys, title=f"Four ways to learn, {STEPS} steps each")

# %% [markdown]
# **And if nobody knows sigma?** UNSURE (Tachella, Davies and Jacques 2024; `selfsupervised.UnsureLoss`) finds it on the way.
# With the same 300 steps and two seeds it reached 29.1 and 29.3 dB in the brain; SURE, told sigma, 29.9 and 29.8. It
# found 0.105 and 0.120 for sigma, 0.1 in truth. That is what a blind spot reaches too, with one pass of the network instead of
# two, so it has no row here.

# %% [markdown]
# ### Rician noise: the mean is not 0
#
# Now the images are magnitudes. N2C is told the truth; N2N sees two noisy magnitudes. Where it says *corrected*,
# the answer of N2N went through lab 04's inversion of the mean.

# %% tags=["experiment"]
RICIAN = 0.11
rician = functools.partial(noise.rician, sigma=RICIAN)
floor = yours("rician_floor", lambda sigma: sigma * math.sqrt(math.pi / 2), name="rician_floor")
methods = {}
for seed in SEEDS:
    networks = {way: train(way, rician, RICIAN, seed) for way in ("N2C", "N2N", "SURE")}
    methods |= {f"{way}, seed {seed}": by_network(network) for way, network in networks.items()}
    methods[f"N2N corrected, seed {seed}"] = lambda noisy, sigma, network=networks["N2N"]: (
        noise.invert_mean(training.denoise(network, noisy).clamp(min=0), sigma)
    )
compared(methods, noise.rician, RICIAN)

# %% tags=["experiment"]
lifted = noise.rician(middle, RICIAN, generator=torch.Generator().manual_seed(9))
air = middle == 0
answers = {name: method(lifted, RICIAN) for name, method in methods.items()}
left = {name: float(answer[air].mean()) for name, answer in answers.items()}
print(f"theory: {floor(RICIAN):.4f}; you predicted: {prediction['air after N2N, Rician']}")
print(", ".join(f"{name}: {value:.4f}" for name, value in left.items()))
first = {name.split(",")[0]: answer for name, answer in answers.items() if "seed 0" in name}
told = ", ".join(f"{name} {left[f'{name}, seed 0']:.3f}" for name in first)
viz.panel(middle, lifted, first, window=greys, title=f"Mean of the air (truth 0): {told}")

# %% [markdown]
# ### Correlated noise: neighbours know
#
# Scanners interpolate and smooth, and then noise comes in blobs. Here white noise is blurred over
# 3×3 pixels and scaled up to the same standard deviation.

# %% tags=["experiment"]
def blobs(image, sigma, generator=None):
    """Gaussian noise of standard deviation sigma, blurred over 3×3 pixels."""
    white = torch.randn(image.shape, generator=generator).reshape(-1, 1, *image.shape[-2:])
    blurred = 3 * F.avg_pool2d(F.pad(white, (1,) * 4, mode="circular"), 3, 1)
    return image + sigma * blurred.reshape(image.shape)


correlated = functools.partial(blobs, sigma=SIGMA)
blobby = {(way, seed): train(way, correlated, SIGMA, seed) for seed in SEEDS for way in WAYS}
methods = {f"{way}, seed {seed}": by_network(net) for (way, seed), net in blobby.items()}
compared(methods, blobs, SIGMA)

# %% tags=["experiment"]
noisy = blobs(middle, SIGMA, generator=torch.Generator().manual_seed(9))
answers = {way: training.denoise(blobby[way, 0], noisy) for way in WAYS}
kept = {way: float((answer - middle)[~air].std() / SIGMA) for way, answer in answers.items()}
told = ", ".join(f"{way} {share:.0%}" for way, share in kept.items())
viz.panel(middle, noisy, answers, window=greys, title=f"Error left, of the noise: {told}")

# %% [markdown]
# Is one training enough for such claims? In our run two seeds differed by 0.2 dB at most, in both tables. N2C and N2N
# under correlated noise lie no further apart than that. All other gaps are wider than luck.

# %% [markdown]
# ### From 5 to 25 % of the measurements
#
# D-AMP with BM3D, on a small picture of the test head, 64 × 64 pixels, with Gaussian weights, drawn five times. The
# published numbers are those of the lecture's table: another set of pictures, coded diffraction,
# 180 × 180 pixels. Read them as company, not as a race.

# %% tags=["experiment"]
from course_lib.classical.amp import damp
from course_lib.classical.measurements import gaussian_measurement

small = F.interpolate(middle[..., 18:198, :180], size=(64, 64), mode="area")
PUBLISHED = {0.05: 21.40, 0.15: 26.74, 0.25: 30.10}  # BM3D-AMP, Metzler et al. 2018


def by_bm3d(noisy, sigma):
    return bm3d(noisy, float(sigma))  # sigma begins above 1: it must not be cut off


DRAWS = range(profile.pick(ci=1, cpu=5, gpu=5))  # of weights and noise


def measured(ratio, draw):
    """The operator, and the measurements of the small picture."""
    g = torch.Generator().manual_seed(draw)
    operator = gaussian_measurement((64, 64), ratio, generator=g)
    return operator, operator.forward(small) + torch.randn(1, operator.count, generator=g) / 255


def reconstructed(ratio, onsager, draw):
    (operator, y), g = measured(ratio, draw), torch.Generator().manual_seed(100 + draw)
    steps = profile.pick(ci=2, cpu=12, gpu=30)
    return damp(y, operator, by_bm3d, iterations=steps, onsager=onsager, keep=True, generator=g)


def score(image):
    return float(-10 * torch.log10(((image.clamp(0, 1) - small) ** 2).mean()))

# %% tags=["experiment"]
import itertools

cases = list(itertools.product(PUBLISHED, (True, False), DRAWS))
runs = {case: reconstructed(*case) for case in progress_bar(cases, desc="D-AMP")}


def spread_of(values):
    """The middle one of some scores, and the lowest and the highest."""
    return f"{np.median(values):.1f} ({min(values):.1f} to {max(values):.1f})"


print("| M/N | D-AMP (dB) | without Onsager's term (dB) | published, other pictures (dB) |")
print("|---|---|---|---|")
for ratio, published in PUBLISHED.items():
    found = [[score(runs[ratio, term, draw].image) for draw in DRAWS] for term in (True, False)]
    print(f"| {ratio:.0%} | {' | '.join(map(spread_of, found))} | {published:.2f} |")

# %% tags=["experiment"]
figure = viz.figure(8.5, 3.4)
ends = {}
for axes, onsager in zip(figure.subplots(1, 2, sharey=True), (True, False), strict=True):
    found = runs[0.25, onsager, 0]
    believed = [float(sigma) for sigma in found.sigma]
    true = [float((noisy - small).std()) for noisy in found.noisy]
    ends[onsager] = true[-1]
    steps = range(1, len(true) + 1)
    axes.plot(steps, true, "o-", color=viz.COLOURS[0], label="true deviation of r")
    axes.plot(steps, believed, "s--", color=viz.COLOURS[1], label="sigma that it believes")
    axes.set(xlabel="iteration", ylabel="standard deviation", yscale="log")
    axes.set_title("with Onsager's term" if onsager else "without", fontsize=9)
    axes.legend(fontsize=8)
told = f"{ends[True]:.3f} with the term, {ends[False]:.3f} without"
figure.suptitle(f"Noise of r at the end: {told}", fontsize=11)
figure

# %% [markdown]
# ### A network in BM3D's place
#
# **LDAMP** is ten iterations of D-AMP, unrolled, with a small DnCNN as denoiser. In each one it sees the image plus
# nearly white noise. Divided by sigma, that noise is 1 everywhere. And since this DnCNN has no biases, it scales
# with its input: one set of weights serves all iterations, and all three rates.
#
# White Gaussian noise of known sigma is just what SURE asks for. So here is a way that needs no clean head:
#
# 1. learn from clean **photographs**, which nobody has to be scanned for;
# 2. go on with noisy heads, by SURE.
#
# A third network learns from clean heads, with as many steps as both together. It shows what the missing truth costs.

# %% tags=["experiment"]
import copy

from course_lib.data.photographs import photographs
from course_lib.models.ldamp import LDAMP

heads64 = F.interpolate(clean[..., 18:198, :180], size=(64, 64), mode="area")


def squares(count, generator):
    """Random squares of photographs, shrunk to 64 × 64."""
    found, pictures = [], photographs()
    for _ in range(count):
        picture = pictures[whole_number(0, len(pictures), generator)]
        y, x = (whole_number(0, side - 191, generator) for side in picture.shape[1:])
        found.append(picture[:, y : y + 192, x : x + 192])
    return F.interpolate(torch.stack(found), size=(64, 64), mode="area")

# %% tags=["experiment"]
def learn(model, way, images, steps, rate, seed):
    """Train the denoiser of an unrolled network for noise of 0.02 to 1.4, by MSE or by SURE."""
    g, network = torch.Generator().manual_seed(seed), model.denoiser(0)

    def loss():
        truth = images[torch.randint(len(images), (4,), generator=g)]
        truth = truth / (0.02 * 70 ** torch.rand(4, 1, 1, 1, generator=g))  # divided by sigma
        noisy = truth + torch.randn(truth.shape, generator=g)
        if way == "SURE":
            return stein(network, noisy.to(device), 1, 0.01, g)
        return F.mse_loss(network(noisy.to(device)), truth.to(device))

    descend(network, loss, steps, rate, 0.5, f"LDAMP by {way}")
    return model

# %% tags=["experiment"]
FIRST, THEN = profile.pick(ci=2, cpu=400, gpu=4000), profile.pick(ci=2, cpu=200, gpu=2000)
PHOTOGRAPHS, SURE, HEADS = "photographs", "then noisy heads, by SURE", "clean heads"
unrolled = {}
for seed in SEEDS:
    torch.manual_seed(seed)
    pictures = squares(300, torch.Generator().manual_seed(seed))
    start = learn(LDAMP(10, width=WIDTH), "MSE", pictures, FIRST, 2e-3, seed)
    unrolled[PHOTOGRAPHS, seed] = start
    unrolled[SURE, seed] = learn(copy.deepcopy(start), "SURE", heads64, THEN, 5e-4, seed)
    fresh = LDAMP(10, width=WIDTH)
    unrolled[HEADS, seed] = learn(fresh, "MSE", heads64, FIRST + THEN, 2e-3, seed)

# %% tags=["experiment"]
LDAMP_PUBLISHED = {SURE: (21.44, 27.65, 31.46), HEADS: (22.07, 27.78, 31.65)}  # SURE, MSE
scores = {}
for ratio, draw in itertools.product(PUBLISHED, DRAWS):
    operator, y = measured(ratio, draw)
    for key, model in unrolled.items():
        with torch.no_grad():
            answer = model(y, operator, generator=torch.Generator().manual_seed(100 + draw))
        scores[key, ratio, draw] = score(answer)
print("| LDAMP learned from | " + " | ".join(f"{r:.0%} (dB)" for r in PUBLISHED) + " | published |")
print("|---|---|---|---|---|")
for name, seed in unrolled:
    told = [
        spread_of([scores[(name, seed), ratio, draw] for draw in DRAWS]) for ratio in PUBLISHED
    ]
    published = " / ".join(f"{value:.2f}" for value in LDAMP_PUBLISHED.get(name, ()))
    print(f"| {name}, seed {seed} | {' | '.join(told)} | {published} |")

# %% [markdown]
# Each cell is the median of five draws, with the lowest and the highest. In our run SURE lifted the photographs' network
# by 2.2 and 1.7 dB at 25 % (seeds 0 and 1), by 0.5 and 0.8 dB at 15 %, and never saw a clean head. It stayed about 4 dB behind
# the network that had, and about 5 to 7 dB behind BM3D. At 5 % it fails: the noise stays near 1 all the way, which it
# hardly learned to remove. BM3D is no rock there either: 11 to 20 dB, by the draw. The published networks learned far
# longer, from many more images, and there SURE is within 0.7 dB of clean targets.
#
# Why so far behind? The gradient of SURE is right on average, but noisier than that of a clean target, so it needs more
# steps. From nothing, 600 steps of SURE gave 18 and 23 dB at 15 and 25 %.

# %% [markdown]
# ## Questions to test yourself

# %% tags=["experiment"]
from course_lib.student import instant_questions

instant_questions("lab11")

# %% [markdown]
# ## Written question ({{points magnitudes}})
#
# A start-up trains Noise2Noise on two magnitude scans of each patient. It reports an SSIM of .95 against the
# mean of ten magnitude scans. What is right about the plan, what is wrong, and what would you ask for? Use your
# prediction and what you measured. Five to eight sentences.

# %% [markdown] nbgrader={"grade_id": "magnitudes", "solution": true, "points": 3}
# Two scans with independent noise are the right idea, and no clean scan is needed. But magnitudes are Rician: the
# network learns the mean of the noisy target, which in air is 1.25 sigma and in dark tissue still too bright. I
# predicted 0.138 for sigma 0.11, and measured 0.138 in the air of the test head (profile cpu). The mean of ten magnitudes has the same floor, so
# the reference agrees with the bias and the SSIM hides it. I would ask for complex data, averaged before the magnitude
# is taken, or for a correction of the network's answer, and for scores against such a reference, in the brain and in
# air. And I would ask whether the patient moved between the scans: then the targets differ by more than noise.
#
# ### BEGIN MARK SCHEME
# - 1: compares a prediction, with its reason, to what was measured (the air after N2N, or the order of the methods)
# - 1: the mean of a magnitude is biased, so N2N learns the floor; the reference of ten magnitudes has the same bias
# - 1: asks for something that mends it: complex averaging, a correction of the answer, or no motion between scans
# ### END MARK SCHEME
#
# ### BEGIN EXPLANATION
# Noise2Noise learns the mean of its targets. If the noise has mean 0 that is the truth; magnitudes have no such noise.
# A reference with the same bias cannot show it. Complex data have Gaussian noise of mean 0, so average or train there.
# ### END EXPLANATION

# %% [markdown]
# ## What to remember
#
# - A network learns the mean of its targets. Noise of mean 0 in the target costs data and time, not the goal.
# - Rician noise does not have mean 0. Noise2Noise learns the floor with the brain; correct the answer.
# - A blind spot needs noise of mean 0 that its neighbours do not share. Stein's formula needs Gaussian, white noise and its sigma.
# - Each of the three fails quietly: its loss goes on falling. (A negative SURE is an alarm, though: no error is
#   negative.) Look at the air, at the residual, and at a case where you know the truth.
# - With random measurements Onsager's term keeps the noise nearly white, so that any denoiser may serve: BM3D, or a network
#   that learned from noisy images.
