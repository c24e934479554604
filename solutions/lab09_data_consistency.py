# %% [markdown]
# # Lab 09: Data consistency
#
# {{badges}}
#
# **The question of this lab: may a network change what the scanner has measured?**
#
# {{head}}
#
# {{exercises}}
#
# ### BEGIN CARD
# level = "core"
# memory = "2 GB"
# compute_minutes = 4
# labs = ["02", "08"]
# lectures = ["05", "06"]
# mathematics = "the chain rule; least squares; the Fourier transform as a matrix with F^H F = 1"
# objectives = [
#     "write the layer that puts the measured data back, and its backward pass by hand",
#     "find out which λ is right, and why a learned one may be near 0",
#     "write the data step for several coils, and see that it is no replacement",
#     "build a cascade, network and physics in turn, and compare it with a network without physics at equal budget",
#     "hide a small lesion that no network has seen, and measure who keeps it",
# ]
# minutes = {theory = 15, data_consistency = 20, SoftConsistency = 20, best_strength = 15, sense_step = 20, Cascade = 20, share_neighbours = 15, experiments = 30, trust = 15}
# ### END CARD

# %% tags=["setup"]
# `course build` writes the set-up cell here

# %% [markdown]
# ## Theory in half a page
#
# The scanner measures lines of k-space: $y = Fx$ where the mask is `True`, nothing elsewhere (lab 08). A network can help
# in two ways:
#
# - **Idea 1: no physics.** Fill the gaps with zeros, transform, and let a network remove the artefacts. Nothing holds its
#   answer to the data.
# - **Idea 2: the physics inside.** Let the network guess, and put the measured lines back:
#
# $$ s_\text{rec}(j) = \begin{cases} s_\text{cnn}(j) & j \notin \Omega \\ \dfrac{s_\text{cnn}(j) + \lambda\, s_0(j)}{1 + \lambda} & j \in \Omega \end{cases} \qquad s_\text{cnn} = F x_\text{cnn} $$
#
# $s_0$ is what was measured, Ω where. This is a **data-consistency layer**. λ says how far you trust the scanner: λ = 0 not
# at all, λ → ∞ completely. The formula minimises $|s - s_\text{cnn}|^2 + \lambda |s - s_0|^2$ at each measured point. The
# layer is linear in the image, so its backward pass is short:
#
# $$ \frac{\partial f}{\partial x^T} = F^H \Lambda F, \quad \Lambda_{jj} = \begin{cases} 1 & j \notin \Omega \\ \frac{1}{1+\lambda} & j \in \Omega \end{cases} \qquad
# \frac{\partial s_\text{rec}(j)}{\partial \lambda} = \begin{cases} 0 & j \notin \Omega \\ \dfrac{s_0(j) - s_\text{cnn}(j)}{(1+\lambda)^2} & j \in \Omega \end{cases} $$
#
# A **deep cascade** is a chain: a small CNN, the layer, another CNN, the layer, … Each CNN has its own weights
# (Schlemper et al. 2017). k-space is centred and orthonormal, and images are complex, as in lab 08.
#
# More: [lecture 06](../../lectures/06_sparsity_to_learned.ipynb); several coils:
# [lecture 05](../../lectures/05_how_mri_samples.ipynb).

# %%
import functools
import math

import numpy as np
import torch
from torch import nn

from course_lib import kspace, training, viz
from course_lib.exercise import yours
from course_lib.student import instant_questions

# %% tags=["experiment"]
instant_questions("lab09", [1, 2])

# %% [markdown]
# ## Exercise 1: the layer ({{points data_consistency}})
#
# **Goal.** `data_consistency(image, measured, mask, strength)` returns the image whose k-space is the formula of the
# theory. All tensors:
#
# | | |
# |---|---|
# | `image` | complex, `(N, 1, H, W)`: what a network made |
# | `measured` | complex k-space of the same shape, 0 where nothing was measured |
# | `mask` | bool, `(H, W)` or `(N, 1, H, W)`, `True` where measured |
# | `strength` | λ: a number, or a tensor with one number; `None` means λ → ∞: measured points are **replaced** |
#
# Gradients must pass: to the image, and to λ where it is a tensor.
#
# **Steps.** Go to k-space; mix where measured, and keep what the image has elsewhere; go back.
#
# **Example.** At a measured point the image has 2 and the scanner says 6. λ = 1: 4. λ = 3: (2 + 3·6) / 4 = 5. λ = 0: 2.
# `None`: 6. At a point that was not measured it stays 2.
#
# **Hint.** λ = 0 and `None` are opposites. `if strength:` cannot tell them apart.
#
# ### BEGIN EXPLANATION
# Where measured, the layer is a weighted mean of two opinions, with weights 1 and λ; elsewhere there is one opinion only.
# Two errors are easy to make: λ taken as its inverse, so that trust becomes distrust, and a mix
# that forgets the mask, which pulls the unmeasured lines towards 0, since nothing was measured there.
# ### END EXPLANATION


# %% nbgrader={"grade_id": "data_consistency", "solution": true}
def data_consistency(image, measured, mask, strength):
    """(s_cnn + λ·s_0) / (1 + λ) where measured; None replaces."""
    ### BEGIN SOLUTION
    predicted = kspace.fft2c(image)  # (N, 1, H, W)
    mixed = measured if strength is None else (predicted + strength * measured) / (1 + strength)
    return kspace.ifft2c(torch.where(mask, mixed, predicted))
    ### END SOLUTION


# %% nbgrader={"grade_id": "data_consistency_test", "points": 3}
from course_lib.exercise import without

### BEGIN HIDDEN TESTS


def put_back(rng, shape, lines, strength, size=1.0):
    image, data, pull = (torch.from_numpy(rng.normal(size=(*shape, 2)) @ [1, 1j]) for _ in "abc")
    image, mask = (size * image).requires_grad_(), torch.from_numpy(rng.random(lines) < 0.6)
    data = size * data * mask
    answer = data_consistency(image, data, mask, strength)
    (answer.conj() * pull).real.sum().backward()
    learned = [strength.grad / size] if torch.is_tensor(strength) else []
    bright = kspace.fft2c(data_consistency(1e8 * image.detach(), data, mask, None)) * mask
    return [answer / size, image.grad, data / size, mask, bright / size, *learned]


### END HIDDEN TESTS
rng, learned, total = np.random.default_rng(1), torch.tensor(3.0, requires_grad=True), 0.0
cases = [  # λ, k-space where 6 + 3j was measured, where 0 was, share of the gradient that passes
    (0.0, 2 - 1j, 2 - 1j, 1), (1, 4 + 1j, 1 - 0.5j, 0.5), (None, 6 + 3j, 0, 0),
    (learned, 5 + 2j, 0.5 - 0.25j, 0.25), (199.0, 5.98 + 2.98j, 0.01 - 0.005j, 0.005),
]  # fmt: skip
with without("course_lib.kspace.DataConsistency"):
    for number, (strength, mixed, zero, share) in enumerate(cases + cases):
        shape, name = ((2, 1, 5, 5), (3, 1, 6, 3))[number // 5], f"λ = {strength}"
        mask = torch.from_numpy(rng.random(shape if number > 4 else shape[2:]) < 0.5)
        here, one = mask.expand(shape), torch.ones(shape) + 0j
        image, measured = kspace.ifft2c((2 - 1j) * one).requires_grad_(), (6 + 3j) * one * mask
        measured[..., 0] = 0  # also where it was measured
        answer = data_consistency(image, *(given := (measured.clone(), mask.clone())), strength)
        assert torch.is_tensor(answer) and answer.is_complex(), f"{name}: return a complex tensor"
        assert all(map(torch.equal, given, (measured, mask))), f"{name}: you changed the input"
        found = torch.stack([here, measured, kspace.fft2c(answer.detach())], -1).reshape(-1, 3)
        for seen, y, got in found.tolist():
            where = f"{name}, {'measured' if seen else 'not measured'}: image 2 − 1j, scanner {y}"
            expected = (mixed if y else zero) if seen else 2 - 1j
            assert abs(got - expected) < 1e-4, f"{where}: expected {expected}, got {got:.3f}"
        assert answer.requires_grad, f"{name}: no gradient reaches the image: detach(), no_grad()?"
        (answer.conj() * kspace.ifft2c((2 + 1j) * one)).real.sum().backward()
        off = (kspace.fft2c(image.grad) / (2 + 1j) - torch.where(here, share, 1.0)).abs().max()
        hint = "the numbers are right, the gradient is not: is the way cut by detach() or float()?"
        assert off < 1e-3, f"{name}: {hint} Where measured, {share} of it passes to the image"
        total += (strength is learned) * (0.9375 * (measured != 0).sum() - 0.1875 * here.sum())
    assert learned.grad is not None and abs(learned.grad - total) < 1e-3, f"λ: {hint}"
    ### BEGIN HIDDEN TESTS
    with torch.no_grad():
        assert torch.is_tensor(data_consistency(image, *given, None)), "return a tensor, always"
        assert not torch.is_grad_enabled(), "your answer turns gradients on for its caller"
    ### END HIDDEN TESTS
    ### HIDDEN VALUE: [put_back(rng, (2, 1, 7, 4), (7, 4), s) for s in (None, 0, rng.random(), 1e4)]
    ### HIDDEN VALUE: put_back(rng, (2, 1, 5, 5), 5, torch.tensor(rng.random(1)).requires_grad_())
    ### HIDDEN VALUE: [put_back(rng, (1, 1, 4, 9), 9, 9 * rng.random(), s) for s in (1e-8, 1e6)]
print("data_consistency: right")

# %% [markdown]
# ## See it: measured lines, kept exactly
#
# A slice of Colin27 with a smooth phase, R = 4, variable density: complete in the middle, fewer lines further out. The
# "network" is a foolish one, a blur. How far is its k-space from the data, before your layer and after it?

# %% tags=["experiment"]
from course_lib.data import brains

side = profile.pick(ci=32, cpu=96, gpu=128)


def small(pictures):
    """(N, 1, H, W) -> (N, 1, side, side): crop to a square around the middle, average pixels."""
    edge = min(pictures.shape[-2:])
    top, left = (pictures.shape[-2] - edge) // 2, (pictures.shape[-1] - edge) // 2
    square = pictures[..., top : top + edge, left : left + edge].float()
    return nn.functional.interpolate(square, size=(side, side), mode="area")


def library_layer(image, measured, mask, strength):
    return kspace.DataConsistency(strength)(image, measured, mask)


seeded = torch.Generator().manual_seed
my_layer = yours("data_consistency", library_layer, name="data_consistency")
colin = brains.brain_slices("colin27", slices=profile.pick(ci=6, cpu=20, gpu=48))
test = kspace.with_phase(small(colin.images), generator=seeded(0))  # complex
brain = small(colin.brain_masks) > 0.5
middle = len(test) // 2
DENSE = dict(kind="variable_density")
quarter = kspace.cartesian_mask((side, side), 4, 0.08, **DENSE, generator=seeded(0))
data = kspace.undersample(test, quarter)

# %% tags=["experiment"]
smooth = functools.partial(nn.functional.avg_pool2d, kernel_size=3, stride=1, padding=1)
blurred = torch.complex(smooth(test.real), smooth(test.imag))
figure, largest = viz.figure(7, 3.6), {}
axes = figure.subplots()
for name, strength in {"0": 0.0, "1": 1.0, "10": 10.0, "∞": None}.items():
    after = kspace.fft2c(my_layer(blurred, data, quarter, strength))
    off = (after - data)[middle, 0].abs().square().mean(0).sqrt()[quarter[0]]  # each line
    largest[name] = off.max().item()
    axes.semilogy(np.flatnonzero(quarter[0]), off.clamp(min=1e-9), ".-", label=f"λ = {name}")
axes.set(xlabel="measured line (column of k-space)", ylabel="distance to the data")
axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
said = ", ".join(f"{largest[name]:.2g} at λ = {name}" for name in ("0", "1", "∞"))
figure.suptitle(f"Largest distance to a measured line: {said}", fontsize=11)
figure

# %% [markdown]
# λ = 1 halves every distance; λ = ∞ leaves what float32 cannot hold. So whatever a network does, with λ = ∞ the measured
# lines stay. That is a guarantee, and the only one in this lab.
#
# ## Exercise 2: backward, by hand ({{points SoftConsistency}})
#
# PyTorch would find the gradients. You write them once, to know what passes through the layer.
#
# **Goal.** The `backward` of `SoftConsistency`. It gets `gradient`, the gradient of the loss for the layer's **output**. It
# returns that for the image (complex, same shape) and that for λ (one real number).
#
# **Steps.** PyTorch's gradient for `a + ib` is `∂L/∂a + i·∂L/∂b`. So for `z = A x` the gradient for `x` is `Aᴴ` times that
# for `z`; for a real λ it is the sum of `Re(conj(g)·∂z/∂λ)` over all points, with `g` the gradient for `z`. Apply both
# rules to the layer, in k-space.
#
# **Example.** One pixel (its k-space is itself), measured: image 2, scanner 6, λ = 1, gradient 1. For the image ½, for λ
# (6 − 2) / 4 = 1. Not measured: 1 and 0.
#
# **Hint.** `F` is orthonormal: `Fᴴ` is `ifft2c`, so the gradient for `s` in `z = ifft2c(s)` is `fft2c` of that for `z`.
#
# ### BEGIN EXPLANATION
# FᴴΛF is its own adjoint, so the gradient goes through the same steps as the image, with Λ instead of the mix. Where
# measured, only 1/(1 + λ) of it passes: with λ → ∞ the network learns nothing about lines that will be overwritten. λ is
# one real number for all points, so its gradient is a sum of real parts; without the conjugate the phases do not cancel,
# and without the mask the unmeasured points, where λ does not occur, are counted.
# ### END EXPLANATION


# %% nbgrader={"grade_id": "SoftConsistency", "solution": true}
class SoftConsistency(torch.autograd.Function):
    """`SoftConsistency.apply(image, measured, mask, strength)`, λ a tensor with one number."""

    @staticmethod
    def forward(ctx, image, measured, mask, strength):
        """Complete: leave it as it is."""
        predicted = kspace.fft2c(image)
        ctx.save_for_backward(predicted, measured, mask, strength)
        mixed = (predicted + strength * measured) / (1 + strength)
        return kspace.ifft2c(torch.where(mask, mixed, predicted))

    @staticmethod
    def backward(ctx, gradient):
        """The gradients for image and strength, from that for the output."""
        predicted, measured, mask, strength = ctx.saved_tensors
        ### BEGIN SOLUTION
        slope = kspace.fft2c(gradient)
        for_image = kspace.ifft2c(torch.where(mask, slope / (1 + strength), slope))
        pull = (slope.conj() * (measured - predicted)).real
        for_strength = torch.where(mask, pull, 0).sum() / (1 + strength) ** 2
        ### END SOLUTION
        return for_image, None, None, for_strength


# %% nbgrader={"grade_id": "SoftConsistency_test", "points": 2}
from course_lib.exercise import without

### BEGIN HIDDEN TESTS


def both(rng, shape, sides, strength, size=1.0):
    image, data, pull = (torch.from_numpy(rng.normal(size=(*shape, 2)) @ [1, 1j]) for _ in range(3))
    image, mask = image.requires_grad_(), torch.from_numpy(rng.random(sides) < 0.6)
    data[..., 0] = 0
    trust = torch.tensor(strength, requires_grad=True)
    output = SoftConsistency.apply(image, data * mask, mask, trust)
    given = size * pull
    slopes = SoftConsistency.backward(output.grad_fn, given)
    return [output, slopes[0] / size, slopes[3] / size, given / size]


### END HIDDEN TESTS
rng, cases = np.random.default_rng(2), [  # shapes of image and mask, λ, what passes, slope for λ
    ((1, 1, 6, 4), (6, 4), 1.0, 0.5, -0.69114), ((2, 1, 5, 5), (5, 5), 0.25, 0.8, -2.55233),
    ((3, 1, 3, 8), (3, 1, 3, 8), 4.0, 0.2, -0.20668)]  # fmt: skip
for shape, sides, strength, share, expected in cases:
    image, data, pull = (torch.from_numpy(rng.normal(size=(*shape, 2)) @ [1, 1j]) for _ in range(3))
    mask, trust = torch.from_numpy(rng.random(sides) < 0.5), torch.tensor(strength).requires_grad_()
    data, given = data * mask, [image.clone().requires_grad_(), pull.clone()]
    data[..., 0] = 0  # also where it was measured
    output = SoftConsistency.apply(given[0], data, mask, trust)
    with without("course_lib.kspace.DataConsistency",
                 "torch.autograd.grad", "torch.autograd.backward"):  # fmt: skip
        slopes = SoftConsistency.backward(output.grad_fn, given[1])
    full = len(slopes) == 4 and all(map(torch.is_tensor, slopes[::3]))
    assert full, f"backward returns four: for image, None, None, and for strength; got {slopes}"
    same = torch.equal(given[0].detach(), image) and torch.equal(given[1], pull)
    assert same, "backward changed what it was given: write into new tensors"
    (output.conj() * pull).real.sum().backward()  # the whole way, as in training
    for for_image, for_strength in (slopes[::3], (given[0].grad, trust.grad)):
        name, passed = f"λ = {strength}: the gradient for", kspace.fft2c(pull)
        assert for_image.shape == shape, f"{name} the image should have its shape, {shape}"
        off = (kspace.fft2c(for_image) - torch.where(mask, share * passed, passed)).abs().max()
        hint = f"Fᴴ Λ F, Λ = {share} where measured and 1 elsewhere; fft2c there, ifft2c back"
        assert off < 1e-4, f"{name} the image is off by up to {off:.2g} in k-space: {hint}"
        assert for_strength.numel() == 1, f"{name} λ should be one number, got {for_strength}: sum"
        hint = "Re(conj(g)·(s_0 − s_cnn)) / (1 + λ)², g in k-space, over the measured points only"
        close = abs(for_strength.item() - expected) < 1e-3
        assert close, f"{name} λ should be {expected}, got {for_strength.item():.4f}: {hint}"
### HIDDEN VALUE: [both(rng, (2, 1, 7, 4), (7, 4), trust) for trust in (2 * rng.random(), 0.0)]
### HIDDEN VALUE: [both(rng, *2 * [(2, 1, 5, 5)], 9 * rng.random(), size) for size in (1e-6, 1e6)]
print("SoftConsistency: right")

# %% [markdown]
# λ can be learned like any weight. But an optimiser knows no bounds, and at λ = −1 the formula divides by 0. So the library
# trains θ = log λ, and computes λ = exp(θ): always positive, always with a gradient. (`clamp` would be positive too, but its
# gradient is 0 below its bound: λ could never come back.)
#
# ## Exercise 3: which λ is right? ({{points best_strength}})
#
# With noise, neither side is right. On **training** data you know the truth, so you can ask which λ is best.
#
# **Goal.** `best_strength(predicted, measured, truth, mask)` of four tensors: k-space of the network, measured k-space, true
# k-space (complex, `(N, 1, H, W)`) and the mask `(H, W)`. It returns λ ≥ 0, a Python number, for which
# `(predicted + λ·measured) / (1 + λ)` is nearest to the truth: the smallest sum of |difference|² over all **measured**
# points.
#
# **Steps.**
# 1. The mix is `predicted + w·d`, with `d = measured − predicted` and `w = λ / (1 + λ)`. Find the w of least squares.
# 2. A weight of 0 or less means λ = 0, a weight of 1 or more `math.inf`; between them, λ = w / (1 − w).
#
# **Example.** One point: network 0, scanner 4, truth 3. Then w = ¾ and λ = 3: (0 + 3·4) / 4 = 3.
#
# **Hint.** With `t = truth − predicted`: `w = Σ Re(conj(d)·t) / Σ |d|²`. `float("inf")` is `math.inf`.
#
# ### BEGIN EXPLANATION
# If the errors of both sides are independent, λ is the mean |error of the network|² over the mean |noise|²: the worse the
# network, the more the scanner counts. But a network that was fed with the same noisy data makes errors that go with the
# noise, and then the ratio is wrong: λ is too large by it where the network's error is smaller than the noise, too small where
# it is larger. That is why one must take the product d·t and not assume independence.
# ### END EXPLANATION


# %% nbgrader={"grade_id": "best_strength", "solution": true}
def best_strength(predicted, measured, truth, mask):
    """The λ whose mix is nearest to the truth, over the measured points."""
    ### BEGIN SOLUTION
    where = mask.expand(predicted.shape)
    d, t = (measured - predicted)[where], (truth - predicted)[where]
    weight = ((d.conj() * t).real.sum() / d.abs().square().sum()).item()
    if weight >= 1:
        return math.inf
    return max(weight, 0) / (1 - max(weight, 0))
    ### END SOLUTION


# %% nbgrader={"grade_id": "best_strength_test", "points": 2}
from course_lib.exercise import without

### BEGIN HIDDEN TESTS


def share(rng, shape, noise, size=1.0, dtype=torch.complex128):
    truth, error, other = (torch.from_numpy(rng.normal(size=(*shape, 2)) @ [1, 1j]) for _ in "abc")
    mask = torch.from_numpy(rng.random(shape[2:]) < 0.6)
    measured = (truth + noise * other) * mask
    measured[..., 0] = 0
    parts = [(size * part).to(dtype) for part in (truth + error + 3 * ~mask, measured, truth)]
    given = [part.clone() for part in parts]
    return [1 / (1 + best_strength(*given, mask)), *[part / size for part in given]]


### END HIDDEN TESTS
rng = np.random.default_rng(4)
cases = {  # shape, error of the network, noise, its share in both, size of all, the best λ
    "a good network, much noise": ((2, 1, 6, 4), 0.3, 1.0, 0, 1, 0.0498522),
    "a bad network, little noise": ((2, 1, 5, 5), 1.0, 0.3, 0, 1, 3.33388),
    "errors that go with the noise": ((1, 1, 7, 6), 0.5, 0.8, 0.5, 1, 0.10362),
    "hardly any noise, tiny numbers": ((1, 1, 9, 8), 0.7, 0.03, 0, 1e-8, 2312.4),
    "no noise": ((1, 1, 4, 5), 1.0, 0.0, 0, 1, math.inf),
    "the scanner lies between network and truth": ((1, 1, 4, 5), 0.0, 1.0, 2.5, 1, math.inf),
    "the network lies between scanner and truth": ((1, 1, 4, 5), 0.0, 1.0, 0.4, 1, 0.0),
}
with without("course_lib.kspace.DataConsistency"):
    for number, (name, (shape, error, noise, both, size, expected)) in enumerate(cases.items()):
        truth, own, bad = (torch.from_numpy(rng.normal(size=(*shape, 2)) @ [1, 1j]) for _ in "123")
        mask = torch.from_numpy(rng.random(shape[2:]) < 0.6)
        predicted = truth + error * own + both * noise * bad + 5 * ~mask  # far off elsewhere
        measured = (truth + noise * bad) * mask
        measured[..., 0] *= number > 2  # measured, and it happens to be 0
        parts = size * predicted, size * measured, size * truth
        given = [part.clone() for part in (*parts, mask)]
        value = best_strength(*given)
        assert all(map(torch.equal, given, (*parts, mask))), f"{name}: you changed the input"
        kind = isinstance(value, (int, float, np.floating)) and value >= 0
        assert kind, f"{name}: return one real number ≥ 0 (.item()), got {value!r}"
        close = value == expected or abs(value - expected) < 1e-3 * expected
        hint = "least squares for w over the measured points, λ = w / (1 − w); more is more scanner"
        close = close or (name == "no noise" and value > 1e6)  # w is 1, up to rounding
        assert close, f"{name}: λ = {expected} comes nearest to the truth, got {value:.5g}: {hint}"
    ### HIDDEN VALUE: [share(rng, (2, 1, 7, 4), noise) for noise in (rng.random(), 15)]
    ### HIDDEN VALUE: [share(rng, (1, 1, 5, 5), 0.2, size) for size in (1e-8, 1e6)]
    ### HIDDEN VALUE: share(rng, (3, 1, 4, 9), 1.5, 1.0, torch.complex64)
print("best_strength: right")

# %% [markdown]
# ## Play: how much do you trust the scanner?
#
# The guess is the **next slice** of the same head: wrong in detail, and without noise. Move λ and the noise.

# %% tags=["experiment", "picture 2 8"]
phase = test[middle] / test[middle].abs().clamp(min=1e-6)
neighbour = test[middle + 1].abs() * phase  # its magnitude, the phase of ours
title = "A guess from the next slice, and the measured lines"
viz.consistency_slider(test[middle, 0], neighbour[0], quarter, sigma=0.1, title=title)

# %% [markdown]
# ## Exercise 4: several coils ({{points sense_step}})
#
# Real scanners have many coils (lab 08): $y_c = M F S_c x$. The measured lines now belong to the *coil* images, so they
# cannot be replaced in the image. What remains is a gradient step on $\frac12 \sum_c \lVert M F S_c x - y_c \rVert^2$.
#
# **Goal.** `sense_step(image, measured, mask, maps)` returns the image after such a step of size 1. Gradients must pass.
#
# | | |
# |---|---|
# | `image` | complex, `(N, 1, H, W)` |
# | `measured` | complex, `(N, coils, H, W)`, 0 where nothing was measured |
# | `mask` | bool, `(H, W)` or `(N, 1, H, W)` |
# | `maps` | complex, `(coils, H, W)` or `(N, coils, H, W)`; $\sum_c \lvert S_c\rvert^2 = 1$ at each pixel |
#
# **Steps.** What does each coil see of the image? What of its data does that not explain, where it was measured? Bring this
# back to an image for each coil, and combine the coils by the **adjoint** of `maps * image`.
#
# **Example.** One pixel, measured; maps 0.6 and 0.8i, data 3 and 4i, image 2. The coils see 1.2 and 1.6i, so 1.8 and 2.4i
# are missing. Combined: 0.6·1.8 + conj(0.8i)·2.4i = 3. The image becomes 5, which explains both.
#
# **Hint.** The adjoint of a multiplication by $S_c$ is a multiplication by its conjugate, and a **sum** over coils.
#
# ### BEGIN EXPLANATION
# The step is x + SᴴFᴴM(y − MFSx), the same as in ISTA with one more factor. The conjugate turns back the phase that each
# coil gave the signal; without it the coils add up with their phases doubled, and partly cancel. The root of the sum of
# squares is no adjoint: it is not linear and has no sign. With several coils one step is no projection, since bringing one
# coil's lines back changes what the other coils see, so it has to be repeated.
# ### END EXPLANATION


# %% nbgrader={"grade_id": "sense_step", "solution": true}
def sense_step(image, measured, mask, maps):
    """One gradient step towards the data of all coils."""
    ### BEGIN SOLUTION
    missing = torch.where(mask, measured - kspace.fft2c(maps * image), 0)  # (N, coils, H, W)
    change = maps.conj() * kspace.ifft2c(missing)
    return image + change.sum(1, keepdim=True)  # (N, 1, H, W)
    ### END SOLUTION


# %% nbgrader={"grade_id": "sense_step_test", "points": 3}
from course_lib.exercise import without

### BEGIN HIDDEN TESTS


def stepped(rng, shape, lines, own_maps, size=1.0):
    draw = lambda *shape: torch.from_numpy(rng.normal(size=(*shape, 2)) @ [1, 1j])
    count, coils, height, width = shape
    maps = draw(*(shape if own_maps else shape[1:]))
    maps = maps / maps.abs().square().sum(-3, keepdim=True).sqrt()
    image, pull = draw(count, 1, height, width), draw(count, 1, height, width)
    image = (size * image).requires_grad_()
    mask = torch.from_numpy(rng.random(lines) < 0.6)
    data = size * draw(*shape) * mask
    data[..., 0] = 0
    given = [part.clone() for part in (data, mask, maps)]
    answer = sense_step(image, *given)
    (answer.conj() * pull).real.sum().backward()
    return [answer / size, image.grad, given[0] / size, *given[1:]]


### END HIDDEN TESTS
rng, cases = np.random.default_rng(7), {  # shape of the data, of mask, of maps; two sums
    "two coils": ((1, 2, 5, 4), (5, 4), (2, 5, 4), (-69.244-54.101j), 692.407),
    "each image with its mask": ((2, 3, 4, 3), (2, 1, 4, 3), (3, 4, 3), (43.022-16.388j), 1435.341),
    "each image with its maps": ((3, 2, 3, 5), (3, 5), (3, 2, 3, 5), (118.105+30.952j), 7282.422),
}  # fmt: skip
draw = lambda *shape: torch.from_numpy(rng.normal(size=(*shape, 2)) @ [1, 1j])
pixel = lambda *values: torch.tensor(values, dtype=torch.complex128).reshape(1, -1, 1, 1)
with without("course_lib.kspace.DataConsistency", "course_lib.classical.sense.cg_sense"):
    for seen, right in ((True, 5), (False, 2)):
        data, two, here = pixel(3 * seen, 4j * seen), pixel(0.6, 0.8j)[0], torch.tensor([[seen]])
        got = complex(sense_step(pixel(2), data, here, two).sum())
        assert abs(got - right) < 1e-4, f"the example, measured {seen}: expected {right}, got {got}"
    for name, (shape, sides, own, total, slope) in cases.items():
        maps, mask = draw(*own), torch.from_numpy(rng.random(sides) < 0.6)
        maps /= maps.abs().square().sum(-3, keepdim=True).sqrt()
        data, image = draw(*shape) * mask, draw(shape[0], 1, *shape[2:])
        given = [part.clone() for part in (image, data, mask, maps)]
        answer = sense_step(given[0].requires_grad_(), *given[1:])
        assert all(map(torch.equal, given, (image, data, mask, maps))), "you changed the input"
        kind = (answer.dtype, answer.shape) == (image.dtype, image.shape)
        assert kind, f"{name}: return one complex image for all coils, {tuple(image.shape)}"
        numbers = torch.arange(image.numel()).reshape(image.shape)
        got, hint = (numbers * answer).sum().item(), "conj(maps), mask, sum over coils"
        assert abs(got - total) < 1e-2, f"{name}: sum {got:.4f}, expected {total}: {hint}"
        (numbers * answer.real).sum().backward()
        got = 0 if given[0].grad is None else (numbers * given[0].grad).sum().item()
        assert abs(got - slope) < 1e-2, f"{name}: its gradient has the sum {got:.4f}, not {slope}"
    ### HIDDEN VALUE: [stepped(rng, (2, n, 7, 4), (7, 4), n > 2) for n in (1, 2, 5)]
    ### HIDDEN VALUE: stepped(rng, (3, 3, 5, 5), (3, 1, 5, 5), True)
    ### HIDDEN VALUE: [stepped(rng, (1, 2, 4, 9), 9, False, size) for size in (1e-8, 1e6)]
print("sense_step: right")

# %% [markdown]
# Eight coils, R = 4, no noise. **Predict:** what share of the distance to the measured lines is left after one step of your
# layer? After 10? (With one coil it would be 0 after the first.)

# %% tags=["experiment"]
left_over = {1: None, 10: None}  # shares, between 0 and 1


# %% tags=["experiment"]
def library_step(image, measured, mask, maps):
    return kspace.DataConsistency()(image, measured, mask, maps)


my_step = yours("sense_step", library_step, name="sense_step")
maps = torch.from_numpy(kspace.birdcage_sensitivities((side, side), 8))
heard = kspace.undersample(test, quarter, sensitivities=maps)
image, gaps, errors = torch.zeros_like(test), [], []


def distances(image):
    """To the measured lines of all coils, and to the truth, as shares."""
    gap = kspace.forward(image, quarter, maps) - heard
    return (gap.norm() / heard.norm()).item(), ((image - test).norm() / test.norm()).item()


steps = [distances(image)]
for _ in range(30):
    image = my_step(image, heard, quarter, maps)
    steps.append(distances(image))
for n in (1, 10, 30):
    said = f"you predicted {left_over[n]}" if left_over.get(n) else ""
    gap, error = steps[n]
    print(f"{n:2} gradient steps: {gap:.3f} of the gap is left, image error {error:.1%} {said}")
for n in (1, 3, 10, 30):
    gap, error = distances(kspace.DataConsistency(iterations=n)(0 * test, heard, quarter, maps))
    print(f"{n:2} conjugate gradients: {gap:.4f} of the gap is left, image error {error:.1%}")

# %% [markdown]
# With one coil your layer of exercise 1 replaces, once and for all. With eight, the lines come nearer step by step.
# **Conjugate gradients** choose better directions: MoDL (Aggarwal et al. 2019) does some of them in each data step, and the
# library does with `kspace.DataConsistency(iterations=10)`.
#
# ## Exercise 5: the cascade ({{points Cascade}})
#
# **Goal.** A module `Cascade(make_block, cascades, consistency)`. `model(measured, mask)` returns the complex image
# `(N, 1, H, W)`.
#
# | | |
# |---|---|
# | `make_block` | a function without arguments; each call makes a **new** network, which takes and gives `(N, 2, H, W)`: real and imaginary part |
# | `cascades` | how many blocks |
# | `consistency` | a function `f(image, measured, mask)`, such as your layer with a λ |
#
# **Steps.** Begin with the zero-filled image. For each block: it sees the image as two channels, and what it gives is
# **added** to the image; then comes the consistency.
#
# **Example.** Blocks that answer 0, and a consistency that returns its image, give the zero-filled image.
#
# **Hint.** PyTorch finds blocks in an `nn.ModuleList`. `[make_block()] * 5` is one block, five times.
#
# ### BEGIN EXPLANATION
# Each block corrects what the blocks before it left, so it needs weights of its own; a list with five times the same block
# trains one. A plain list hides the blocks from the optimiser. The block predicts a change (residual), so that it begins
# near the identity, and the consistency stands inside the loop: only then does the next block see an image that agrees with
# the data.
# ### END EXPLANATION


# %% nbgrader={"grade_id": "Cascade", "solution": true}
class Cascade(nn.Module):
    """Block, consistency, block, consistency, …; each block with its own weights."""

    def __init__(self, make_block, cascades, consistency):
        super().__init__()
        ### BEGIN SOLUTION
        self.blocks = nn.ModuleList([make_block() for _ in range(cascades)])
        self.consistency = consistency
        ### END SOLUTION

    def forward(self, measured, mask):
        ### BEGIN SOLUTION
        image = kspace.ifft2c(measured)
        for block in self.blocks:
            change = block(torch.cat([image.real, image.imag], 1))  # (N, 1, H, W) complex -> (N, 2, H, W)
            image = image + torch.complex(change[:, :1], change[:, 1:])
            image = self.consistency(image, measured, mask)
        return image
        ### END SOLUTION


# %% nbgrader={"grade_id": "Cascade_test", "points": 3}
from course_lib.exercise import without

### BEGIN HIDDEN TESTS


def trained(rng, cascades, shape, lines, mode):
    data = torch.from_numpy(rng.normal(0, 3, (*shape, 2)) @ [1, 1j])
    where, modes = torch.from_numpy(rng.random(lines) < 0.6), []
    note = lambda block, *_: modes.append(block.training)
    put = lambda image, measured, mask: 0.8j * image.conj() + torch.where(mask, measured, 1j)

    def make():
        block = nn.Conv2d(2, 2, 3, padding=1).double()
        block.register_forward_hook(note)
        return block

    model = Cascade(make, cascades, put)
    output = (model if mode else model.eval())(data * where, where)
    output.abs().square().mean().backward()
    return [output, [parameter.grad for parameter in model.parameters()], modes, torch.rand(2)]


### END HIDDEN TESTS
rng = np.random.default_rng(5)  # below: cascades, mask, Σ (number · pixel), slopes for the biases
three = 3, (6, 4), 1662.232 - 698.077j, [125.465, 40.3307, 64.8636]
two = 2, (2, 1, 5, 5), -2894.548 + 3301.603j, [400.154, -64.4142]
with without("course_lib.models.cascade.DeepCascade",
             "course_lib.models.cascade.ReconstructionCNN"), torch.random.fork_rng():  # fmt: skip
    for cascades, lines, total, slopes in (three, two):
        made, seen, name = [], [], f"{cascades} cascades"
        make = lambda: made.append(nn.Conv2d(2, 2, 1).double()) or made[-1]
        spy = lambda *given: seen.append(given) or (0.6 + 0.3j) * given[0] + given[2]
        model = Cascade(make, cascades, spy)
        assert len(made) == cascades, f"{name}, but make_block was called {len(made)} times"
        parts = [part for block in made for part in block.parameters()]
        assert {*parts} == {*model.parameters()}, f"{name}: PyTorch finds others: an nn.ModuleList?"
        for part in parts:
            part.data = torch.from_numpy(rng.normal(size=part.shape))
        mask, shape = torch.from_numpy(rng.random(lines) < 0.5), (2, 1, *lines[-2:], 2)
        measured = torch.from_numpy(rng.normal(size=shape) @ [1, 1j]) * mask
        output = model(measured.clone(), mask)
        right = [x.is_complex() and y.equal(measured) and m.equal(mask) for x, y, m in seen]
        hint = "consistency(image, measured, mask) after each block, all as they came"
        assert right == [True] * cascades, f"{name}: {hint}; it had {len(seen)} calls"
        got = (torch.arange(output.numel()) * output.flatten()).sum().item()
        hint = "zero-filled; then image + block(real, imaginary), consistency; complex to the end"
        assert abs(got - total) < 1e-4 * abs(total), f"{name}: sum {got:.4f}, not {total}: {hint}"
        output.abs().square().sum().backward()
        found = [0 if block.bias.grad is None else block.bias.grad[0].item() for block in made]
        assert np.allclose(found, slopes, rtol=1e-4), f"{name}: gradients {found}: detached?"
    ### HIDDEN VALUE: [trained(rng, n, (2, 1, 7, 4), (7, 4), n > 2) for n in (2, 3)]
    ### HIDDEN VALUE: trained(rng, 2, (3, 1, 5, 5), (3, 1, 5, 5), True)
print("Cascade: right")

# %% [markdown]
# ## Idea 1 against idea 2
#
# Training: **synthetic subjects**, split by subject. Test: Colin27, a real head, one coil. R = 4 or 8 at random. The
# *CNN* is idea 1; the *cascade* idea 2, your class with the **same blocks** and λ = ∞; the *U-Net* is idea 1 with a wide
# view. Same images, masks and number of steps, two seeds. **Predict** the gain over the zero-filled image inside the brain
# at R = 8, in dB. (About two minutes.)

# %% tags=["experiment"]
gain_in_brain = {"CNN": None, "cascade": None}  # dB at R = 8
reason = ""  # one sentence

# %% tags=["experiment"]
from course_lib._progress import progress_bar
from course_lib.models.cascade import DeepCascade, ReconstructionCNN

cascades, convolutions, width = profile.pick(ci=(2, 3, 4), cpu=(4, 4, 16), gpu=(5, 5, 64))
architecture = dict(cascades=cascades, convolutions=convolutions, width=width)


def block():
    """The small CNN of each cascade, as the library has it."""
    return ReconstructionCNN(1, convolutions, width).blocks[0]


def library_cascade(make_block, cascades, consistency):
    return DeepCascade(**architecture, strength=consistency.keywords["strength"])


Chain = yours("Cascade", library_cascade, name="Cascade")


def make_cascade(strength=None):
    """Idea 2 with this λ."""
    return Chain(block, cascades, functools.partial(my_layer, strength=strength))


wide = profile.pick(ci=4, cpu=8, gpu=32)
MODELS = {
    "CNN": functools.partial(ReconstructionCNN, **architecture),
    "U-Net": functools.partial(ReconstructionCNN, cascades=1, block="unet", width=wide, depth=3),
    "cascade": make_cascade,
}

# %% tags=["experiment"]
subjects = profile.pick(ci=2, cpu=12, gpu=20)
cohort = brains.brain_slices("cohort", subjects=subjects, slices=profile.pick(ci=8, cpu=15, gpu=30))
train_slices = small(cohort.images[cohort.subjects < subjects - max(1, subjects // 6)])
ACQUIRE = {R: training.undersampling(R, 0.32 / R, **DENSE) for R in (4, 8)}
budget = dict(
    epochs=profile.pick(ci=1, cpu=6, gpu=20), batch_size=profile.pick(ci=2, cpu=2, gpu=8),
    learning_rate=2e-3, transform=kspace.with_phase, loss=training.squared_error, progress=False,
)  # fmt: skip


# %% tags=["experiment"]
def either(image, generator):
    """R = 4 or R = 8, with equal chances."""
    R = 4 if torch.rand((), generator=generator) < 0.5 else 8
    return ACQUIRE[R](image, generator=generator)


def train(make, seed, images=train_slices, **options):
    """A new network: the same seed, the same first weights, masks, phases and order of images."""
    with training.fixed_seed(seed):
        model = make()
    options = budget | {"corrupt": either} | options
    if "optimizer" in options:
        del options["learning_rate"]
    return model, training.fit(model, images, seed=seed, **options)


count = lambda model: sum(weights.numel() for weights in model.parameters())
seeds, networks = range(2 if profile.name != "ci" else 1), {}
for name, seed in progress_bar([(name, seed) for name in MODELS for seed in seeds]):
    networks[name, seed], history = train(MODELS[name], seed)
    seconds = sum(history.seconds)
    print(f"{name:8} seed {seed}: {count(networks[name, seed]):9,} parameters, {seconds:4.0f} s")

# %% [markdown]
# Now Colin27: magnitudes, clipped to [0, 1]. Two more rows: total variation (lab 08), and **CNN, then DC once**: your layer
# behind the trained CNN. Is that enough?

# %% tags=["experiment"]
from course_lib import evaluation
from course_lib.classical import sparse


def once(model):
    """A trained network, then the layer: measured lines replaced."""
    return lambda *data: my_layer(training.reconstruct(model, *data), *data, None)


def methods_of(seed):
    nets = {name: functools.partial(training.reconstruct, networks[name, seed]) for name in MODELS}
    return {"TV": sparse.total_variation, **nets, "CNN, then DC once": once(networks["CNN", seed])}


regions = {"whole image": None, "brain": brain}
compare = functools.partial(evaluation.compare_reconstructions, masks=regions, progress=False)
pairs = [(R, seed) for R in ACQUIRE for seed in seeds]
compared = {(R, seed): compare(methods_of(seed), test, ACQUIRE[R]) for R, seed in pairs}
names = ["zero-filled", *methods_of(0)]
mean = {(name, R, region): np.mean([compared[R, seed].mean(name, "PSNR", region) for seed in seeds])
        for name in names for R in ACQUIRE for region in regions}  # fmt: skip
print("PSNR (dB), mean of the seeds:  R = 4, whole   brain     R = 8, whole   brain")
for name in names:
    row = [mean[name, R, region] for R in ACQUIRE for region in regions]
    print(f"{name:26}{row[0]:14.2f}{row[1]:9.2f}{row[2]:16.2f}{row[3]:9.2f}")
for name, guess in gain_in_brain.items():
    gain = mean[name, 8, "brain"] - mean["zero-filled", 8, "brain"]
    print(f"{name}: {gain:+.2f} dB in the brain at R = 8; you predicted {guess or '–'}")
compared[8, 0]

# %% tags=["experiment"]
best = max(names, key=lambda name: mean[name, 4, "whole image"])
compared[4, 0].panel(title=f"R = 4, middle slice. Best over all slices: {best}")

# %% [markdown]
# And the measured lines? How far is each answer from the truth, where k-space was measured, and where not?

# %% tags=["experiment"]
measured, masks = ACQUIRE[4](test, generator=seeded(3))
full = kspace.fft2c(test)
print("Root mean squared error in k-space, R = 4     measured points     other points")
plain = {"zero-filled": lambda data, _: kspace.zero_filled(data)}
for name, method in (plain | methods_of(0)).items():
    answer = method(measured, masks)
    wrong = (kspace.fft2c(getattr(answer, "image", answer)) - full).abs().square()
    where = masks.expand(wrong.shape)
    print(f"{name:36}{wrong[where].mean().sqrt():>22.1e}{wrong[~where].mean().sqrt():>19.4f}")

# %% [markdown]
# What the zero-filled image has right, a CNN changes. The cascade cannot: its blocks spend everything on the missing lines.
#
# Be fair: the U-Net has many weights and had few steps. And compare inside the brain at R = 8: hardly any method does
# better than the zero-filled image. What the whole image gains, it gains at skull and scalp.
#
# ## With noise
#
# Now each point has noise of standard deviation σ in its real and its imaginary part. Two equal cascades: hard replacement,
# and one learned λ for each cascade, from 1 on, with a learning rate of its own (else log λ would hardly move in so short a
# training).

# %% tags=["experiment"]
sigma = 0.1
noisy_scan = lambda level: training.undersampling(4, 0.08, **DENSE, sigma=level)


def own_rate(parameters):
    """Adam with a learning rate for λ (single numbers) that is 25 times that of the weights."""
    parameters = list(parameters)
    weights, strengths = ([p for p in parameters if (p.ndim > 0) is many] for many in (True, False))
    return torch.optim.Adam([{"params": weights, "lr": 2e-3}, {"params": strengths, "lr": 5e-2}])


soft = functools.partial(DeepCascade, **architecture, strength=1.0, learned=True)
hard, _ = train(make_cascade, 0, corrupt=noisy_scan(sigma))
learned, _ = train(soft, 0, corrupt=noisy_scan(sigma), optimizer=own_rate)
lambdas = [layer.strength for layer in learned.consistency]
rebuild = {name: functools.partial(training.reconstruct, model)
           for name, model in (("hard", hard), ("learned λ", learned))}  # fmt: skip
print(f"PSNR (dB), brain, R = 4; one seed each, trained at sigma {sigma}")
print("sigma  zero-filled       hard  learned λ")
for level in (0.0, 0.05, 0.1, 0.15):
    found = compare(rebuild, test, noisy_scan(level))
    row = [found.mean(name, "PSNR", "brain") for name in ("zero-filled", *rebuild)]
    print(f"{level:5}" + "".join(f"{value:11.2f}" for value in row))

# %% [markdown]
# Where the noise is strong, hard replacement writes it into the image after the last block, and nobody removes it. Without
# noise the hard layer should win. And what would `best_strength` have said, cascade by cascade, on training slices?


# %% tags=["experiment"]
def library_best(predicted, measured, truth, mask):
    """Least squares for the weight, as in the exercise."""
    d, t = ((x - predicted)[..., mask] for x in (measured, truth))
    weight = ((d.conj() * t).real.sum() / d.abs().square().sum()).clamp(0, 1)
    return (weight / (1 - weight)).item()


my_best = yours("best_strength", library_best, name="best_strength")
model = learned.cpu().eval()
known = kspace.with_phase(train_slices[::5], generator=seeded(5))
noisy = kspace.undersample(known, quarter, sigma=sigma, generator=seeded(6))
full = kspace.fft2c(known)
print("cascade   learned λ   best_strength   error² / noise², as if independent")
with torch.no_grad():
    image = kspace.zero_filled(noisy)
    for number, (part, layer) in enumerate(zip(model.blocks, model.consistency, strict=True)):
        change = part(torch.cat([image.real, image.imag], 1))
        image = image + torch.complex(change[:, :1], change[:, 1:])
        predicted = kspace.fft2c(image)
        ratio = (predicted - full).abs().square()[..., quarter].mean().item() / (2 * sigma**2)
        best = my_best(predicted, noisy, full, quarter)
        print(f"{number + 1:5}{lambdas[number]:14.2f}{best:16.2f}{ratio:20.2f}")
        image = layer(image, noisy, quarter)

# %% [markdown]
# As long as the image is bad, the scanner is trusted; the better it gets, the less. The last column is the textbook's. But
# these blocks saw the noisy data, so their errors go with the noise, and the columns differ. A λ near 0 is no failure: the
# block has taken from the data what it can use. But then no line is guaranteed.
#
# ## When it goes wrong: a small lesion
#
# No head of the training had a lesion. We put a disc, a little brighter than its surroundings, at random places in the
# brain, and compare the reconstructions with and without it, from the same lines:
#
# $$ \text{kept} = \frac{c(\text{with}) - c(\text{without})}{c(\text{truth with}) - c(\text{truth without})}, \qquad c = \text{mean in the disc} - \text{mean in a ring around it} $$
#
# 1 is perfect, 0 is erased. The **error** is the size of what is wrong with the image of the lesion (with minus without),
# over its size: 0 is perfect, 1 is what you get by leaving the lesion out. **Predict** the kept share of the smallest disc at
# R = 8, for the cascade and for the CNN. "DC off" is the trained cascade with λ = 0.

# %% tags=["experiment"]
kept_share = {"CNN": None, "cascade": None}

# %% tags=["experiment"]
rows, columns = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
count_places, brightness = profile.pick(ci=4, cpu=32, gpu=96), 0.25
radii = [side / 96 * radius for radius in (1, 2, 4)]


def lesions(radius, generator):
    """Slices with and without a lesion, discs and rings, at random places in the brain."""
    reach = round(radius) + 1
    inside = nn.functional.avg_pool2d(brain.float(), 2 * reach + 1, stride=1, padding=reach) > 0.999
    usable = inside.flatten(1).any(1).nonzero()[:, 0]
    slices = usable[torch.arange(count_places) % len(usable)]
    discs, rings = [], []
    for index in slices.tolist():
        places = inside[index, 0].nonzero()
        row, column = places[int(torch.randint(len(places), (), generator=generator))]
        distance = ((rows - row) ** 2 + (columns - column) ** 2).sqrt()
        discs.append(distance <= radius)
        rings.append((distance > radius + 1) & (distance <= radius + 3) & brain[index, 0])
    discs, healthy = torch.stack(discs)[:, None], test[slices]
    ill = healthy + brightness * discs * healthy / healthy.abs().clamp(min=1e-6)
    return healthy, ill, discs, torch.stack(rings)[:, None]


def contrast(images, discs, rings):
    """Mean in the disc minus mean in the ring, of the magnitude: (N,)."""
    total = lambda values: values.sum((1, 2, 3))
    inner, outer = (total(images.abs() * part) / total(part) for part in (discs, rings))
    return inner - outer


# %% tags=["experiment"]
no_layer = make_cascade(0.0)
no_layer.load_state_dict(networks["cascade", 0].state_dict())
FINDERS = plain | methods_of(0)
FINDERS["cascade, DC off"] = functools.partial(training.reconstruct, no_layer)
del FINDERS["TV"]  # too slow for so many slices
kept, wrong, shown = {}, {}, {}
for R, acquire in ACQUIRE.items():
    for radius in radii:
        healthy, ill, discs, rings = lesions(radius, seeded(7))
        pairs = [acquire(images, generator=seeded(8)) for images in (healthy, ill)]  # same masks
        true = contrast(ill, discs, rings) - contrast(healthy, discs, rings)
        for name, method in FINDERS.items():
            without, with_it = (method(*pair) for pair in pairs)
            change = contrast(with_it, discs, rings) - contrast(without, discs, rings)
            kept[R, radius, name] = (change / true).numpy()
            off = (with_it - without - (ill - healthy)).flatten(1).norm(dim=1)
            wrong[R, radius, name] = (off / (ill - healthy).flatten(1).norm(dim=1)).numpy()
            shown[R, radius, name] = with_it
        shown[R, radius, "truth"], shown[R, radius, "disc"] = ill, discs
interval = lambda values: 1.96 * values.std(ddof=1) / np.sqrt(len(values))

# %% tags=["experiment"]
tiny = radii[0]
print(f"Kept contrast ± 95 % interval, {count_places} places; last column: error, smallest disc")
for R in ACQUIRE:
    print(f"R = {R}, radius" + "".join(f"{radius:>14g} px" for radius in radii))
    for name in FINDERS:
        row = [kept[R, radius, name] for radius in radii]
        cells = "".join(f"{values.mean():10.2f} ± {interval(values):.2f}" for values in row)
        print(f"  {name:18}{cells}{wrong[R, tiny, name].mean():12.2f}")
print(f"You predicted for the smallest disc at R = 8: {kept_share}")

# %% tags=["experiment"]
values = {name: kept[8, tiny, name].mean() for name in ("cascade", "CNN")}
said = ", ".join(f"the {name} {value:.0%}" for name, value in values.items())
title = f"Contrast kept of a lesion of radius {tiny:g} px at R = 8: {said}"
figure = viz.figure(9, 3.8, title=title)
for R, axes in zip(ACQUIRE, figure.subplots(1, 2, sharey=True), strict=True):
    for shift, (name, marker) in enumerate(zip(FINDERS, "osD^vP", strict=False)):
        row = [kept[R, radius, name] for radius in radii]
        heights, bars = [x.mean() for x in row], [interval(x) for x in row]
        places = np.array(radii) + 0.05 * shift
        axes.errorbar(places, heights, bars, marker=marker, capsize=2, label=name)
    axes.axhline(1, color="black", linestyle=":")
    axes.set(title=f"R = {R}", xlabel="radius (pixels)", ylabel="kept contrast")
figure.axes[1].legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
figure

# %% tags=["experiment"]
which = int(np.argsort(kept[8, tiny, "CNN"])[count_places // 2])  # the median place of the CNN
centre = shown[8, tiny, "disc"][which, 0].nonzero().float().mean(0).round().int().tolist()
edge = min(side // 5, 16)
top, left = (min(max(place - edge, 0), side - 2 * edge) for place in centre)
window = slice(top, top + 2 * edge), slice(left, left + 2 * edge)
cut = lambda images: images[(which, 0, *window)].abs().clamp(max=1)
titles = [f"{name}\nkept {kept[8, tiny, name][which]:.2f}" for name in FINDERS]
viz.gallery(
    [cut(shown[8, tiny, name]) for name in ("truth", *FINDERS)], columns=4,
    titles=["truth", *titles],
    title=f"R = 8: the disc in the middle has {brightness:g} more than its surroundings",
)  # fmt: skip

# %% [markdown]
# Read the tables, not the picture.
#
# - Compare with the zero-filled image: most of a tiny lesion at R = 8 was never measured.
# - Is more contrast true? A CNN may raise all contrasts; the error tells. Look at "DC off", contrast first, then error: which
#   one would a salesman show you?
# - Data consistency protects what was measured. In the unmeasured part, the network writes what it knows from healthy heads.
#
# ## Over time: frames that help each other
#
# A heart is scanned as a film, each frame with different lines. What one frame did not measure, its neighbours perhaps did:
# **data sharing** (Schlemper et al. 2018).
#
# ## Exercise 6: borrow from the neighbours ({{points share_neighbours}})
#
# **Goal.** `share_neighbours(measured, mask, reach)` returns two tensors, `(filled, known)`.
#
# | | |
# |---|---|
# | `measured` | complex k-space `(N, T, H, W)`: N films of T frames; 0 where not measured |
# | `mask` | bool, `(N, T, H, W)` |
# | `reach` | frames at most so far away may lend; T is at least 2·`reach` + 1 |
# | `filled` | of the dtype of `measured`. Where the frame measured: its own value. Elsewhere: the mean over those neighbours that **did** measure there. Where none did: 0 |
# | `known` | bool: where `filled` comes from a measurement, own or borrowed |
#
# **Steps.** The film is a circle: the last frame is a neighbour of the first (`torch.roll` turns it). Collect what all
# neighbours in reach measured, and how many they are.
#
# **Example.** At one point, five frames measured (5, –, –, 8, –). Reach 1: (5, 5, 8, 8, 6.5).
#
# **Hint.** A neighbour that did not measure says nothing. It must not count as a 0.
#
# ### BEGIN EXPLANATION
# The mean goes over the neighbours that measured, so sum and count are collected separately and divided once. A gap counted
# as 0 makes borrowed values too small; a value that was borrowed must not be lent again, or the reach grows. An own
# measurement always wins, since it alone is of this moment.
# ### END EXPLANATION


# %% nbgrader={"grade_id": "share_neighbours", "solution": true}
def share_neighbours(measured, mask, reach):
    """K-space with its gaps filled from frames at most `reach` away, and where it is filled now."""
    ### BEGIN SOLUTION
    total, count = torch.zeros_like(measured), torch.zeros(measured.shape)
    for step in range(-reach, reach + 1):
        if step:
            total = total + torch.roll(measured, step, dims=1)  # (N, T, H, W)
            count = count + torch.roll(mask, step, dims=1)
    filled = torch.where(mask, measured, total / count.clamp(min=1))
    return filled, mask | (count > 0)
    ### END SOLUTION


# %% nbgrader={"grade_id": "share_neighbours_test", "points": 2}
from course_lib.exercise import without

### BEGIN HIDDEN TESTS


def lent(rng, shape, share, reach):
    measured = torch.from_numpy(rng.normal(size=(*shape, 2)) @ [1, 1j])
    mask = torch.from_numpy(rng.random(shape) < share)
    measured[..., 0] = 0
    return [*share_neighbours(measured * mask, mask, reach), mask]


### END HIDDEN TESTS
gap = complex("nan")
films = [  # reach, one point of k-space over time, what becomes of it, and where it is known
    (1, [5, gap, gap, 8, gap], [5, 5, 8, 8, 6.5], [1, 1, 1, 1, 1]),
    (1, [0, gap, gap, 6j, gap, gap, gap], [0, 0, 6j, 6j, 6j, 0, 0], [1, 1, 1, 1, 1, 0, 1]),
    (2, [0, 3, gap, gap, gap, 6, gap], [0, 3, 1.5, 4.5, 6, 6, 3], [1] * 7),
    (4, [9j, *[gap] * 6, 3, gap], [9j, *[1.5 + 4.5j] * 6, 3, 1.5 + 4.5j], [1] * 9),
]
with without("course_lib.models.cascade.share_frames"):
    for reach, *film in films:  # as films (2, T, 3, 2), where each point begins at another time
        film = torch.tensor(film, dtype=torch.complex128)
        film = torch.stack([film.roll(start, 1) for start in range(12)], -1)
        measured, filled, known = film.reshape(3, -1, 2, 3, 2).movedim(2, 1)
        mask, known = ~measured.isnan(), known.bool()
        measured[~mask] = 0
        answer = share_neighbours(*(given := (measured.clone(), mask.clone())), reach)
        assert all(map(torch.equal, given, (measured, mask))), "your answer changed its input"
        pair = len(answer) == 2 and all(map(torch.is_tensor, answer))
        assert pair, f"return two tensors, (filled, known); got {answer}"
        kinds = [(part.shape, part.dtype) for part in answer]
        wanted = [(mask.shape, measured.dtype), (mask.shape, torch.bool)]
        assert kinds == wanted, f"expected (shape, dtype) {wanted}, got {kinds}"
        off = ~((answer[0] - filled).abs() < 1e-5) | (answer[1] != known)
        for n, _, row, column in off.nonzero()[:1].tolist():
            here = [part[n, :, row, column] for part in (measured, mask, filled, known, *answer)]
            own, seen, right, where, got, told = (points.tolist() for points in here)
            said = f"reach {reach}, measured {own} where {seen}: expected {right}, known {where}"
            raise AssertionError(f"{said}; got {got}, {told}: own stays, a film is a circle")
    ### HIDDEN VALUE: [lent(rng, (2, 2 * n + 1, 4, 3), 0.3, n) for n in (1, 2, 4)]
    ### HIDDEN VALUE: lent(rng, (3, 8, 2, 5), 0.15, int(rng.integers(2, 4)))
print("share_neighbours: right")

# %% [markdown]
# A beating phantom, a **synthetic** film with a heart in it, R = 8. First without any network: what does borrowing do?

# %% tags=["experiment"]
from course_lib.data import dynamic
from course_lib.models.cascade import DynamicCascade, share_frames

my_share = yours("share_neighbours", share_frames, name="share_neighbours")
frames, film_side = profile.pick(ci=8, cpu=12, gpu=16), profile.pick(ci=32, cpu=48, gpu=128)
make_films = functools.partial(dynamic.beating_hearts, frames=frames, size=film_side, phase=1.0)
patients = make_films(profile.pick(ci=2, cpu=4, gpu=10), 1000)
films, hearts = patients.images, patients.hearts.expand(patients.images.shape)
measured, masks = ACQUIRE[8](films, generator=seeded(0))
clipped = lambda images: images.abs().clamp(max=1)
mse = lambda images, where: (clipped(images) - films.abs())[where].square().mean().item()
psnr = lambda images, where: -10 * math.log10(mse(images, where))
shared = {}
for reach in (0, 1, 2, 3):
    filled, known = my_share(measured, masks, reach) if reach else (measured, masks)
    shared[reach] = kspace.ifft2c(filled)
    heart, rest = (psnr(shared[reach], where) for where in (hearts, ~hearts))
    full = known.float().mean().item()
    print(f"reach {reach}: {full:4.0%} filled; heart {heart:.2f} dB, rest {rest:.2f} dB")
through = hearts[0, 0].any(1).nonzero().float().mean().round().int().item()  # a row
taller = max(1, film_side // frames)
over_time = lambda film: clipped(film[0, :, through]).repeat_interleave(taller, 0)
viz.gallery(
    [over_time(film) for film in (films, *shared.values())], columns=5,
    titles=["truth", *(f"reach {n}\n{psnr(film, hearts):.1f} dB" for n, film in shared.items())],
    title="One row through the heart over time (downwards), R = 8: PSNR of the heart",
)  # fmt: skip

# %% [markdown]
# What rests gains from every lender. What moves is smeared over time. So data sharing gives the borrowed frames to the
# network as **additional pictures**, and lets it decide.
#
# ## The table of the paper
#
# Schlemper et al. compared with DLTG, a dictionary of small pieces of film (Caballero et al. 2014), on 10 subjects. Ours are
# synthetic; the dictionary is that of lab 08 with pieces of 4×4 pixels and 4 frames. (About two minutes.)

# %% tags=["experiment"]
from course_lib.classical import dictionary

train_films = make_films(profile.pick(ci=2, cpu=24, gpu=40), 0).images
as_frames = lambda films: films.flatten(0, 1)[:, None]  # (N, T, H, W) -> (N·T, 1, H, W)
in_time = profile.pick(ci=(2, 2, 4), cpu=(5, 2, 12), gpu=(5, 5, 32))
epochs_2d, epochs_3d = profile.pick(ci=(1, 1), cpu=(4, 8), gpu=(6, 15))
film_options = dict(transform=None, epochs=epochs_3d, batch_size=1)
plane_options = film_options | {"epochs": epochs_2d, "batch_size": 4}
plane, _ = train(make_cascade, 0, as_frames(train_films), **plane_options)
nets = {}
for name, lent in (("2D+t, no sharing", 0), ("2D+t, sharing", profile.pick(ci=2, cpu=4, gpu=5))):
    make = functools.partial(DynamicCascade, *in_time, sharing=lent)
    model, _ = train(make, 0, train_films, **film_options)
    nets[name] = functools.partial(training.reconstruct, model)


def frame_by_frame(measured, mask):
    return training.reconstruct(plane, as_frames(measured), as_frames(mask)).reshape(measured.shape)


pieces = dict(patch_size=(4, 4, 4), progress=False)
pieces |= profile.pick(ci={"iterations": 1, "atoms": 16}, cpu={}, gpu={})
in_pieces = functools.partial(dictionary.reconstruct, **pieces)
FILM_METHODS = {"TV": sparse.total_variation, "dictionary": in_pieces, "2D": frame_by_frame, **nets}

# %% tags=["experiment"]
PUBLISHED = {"dictionary": ("27.5 (1.31)", "22.6 (0.95)", "about 6 h, CPU"),
             "2D+t, sharing": ("31.0 (1.08)", "25.2 (1.00)", "10 s, GPU")}  # fmt: skip
options = dict(masks={"whole film": None, "heart": hearts}, batch_size=2, progress=False)
options["metrics"] = {"PSNR": evaluation.METRICS["PSNR"]}
both = lambda values: f"{values.mean():.2f} ({values.std(ddof=1):.2f})"
print(f"PSNR (dB): mean (standard deviation), {len(films)} synthetic subjects; published: 10 real")
for place, (R, acquire) in enumerate(ACQUIRE.items()):
    table = evaluation.compare_reconstructions(FILM_METHODS, films, acquire, **options)
    print(f"R = {R}{'film':>27}{'heart':>14}{'published':>14}{'s a film':>10}{'published':>18}")
    for name in ("zero-filled", *FILM_METHODS):
        film, heart = (both(table.per_slice(name, region=part)) for part in ("whole film", "heart"))
        theirs = PUBLISHED.get(name, ("–", "–", "–"))
        seconds = f"{table.seconds[name]:10.2f}{theirs[2]:>18}"
        print(f"{name:18}{film:>14}{heart:>14}{theirs[place]:>14}{seconds}")

# %% [markdown]
# **Published** and ours must not be compared number by number: theirs were scans of real hearts, ours are drawn, small and
# short; and DLTG looks at changes over time in addition. (The source does not say whether its "CNN" is the 2D or the 2D+t
# network; we put it beside the largest.) Compare the order and the gaps. Our phantom is smooth and periodic, which small
# pieces of film like, and the networks of profile `cpu` learned for a minute.

# %% tags=["experiment"]
instant_questions("lab09", [3, 4])

# %% [markdown]
# ## In your own words ({{points trust}})
#
# A company sells a network that makes a scan eight times faster. "Our network has data consistency, so it invents nothing." A
# radiologist asks you whether she can trust it with small lesions. First compare two of your **predictions** with the
# measurement: where did your reason hold? Then: what does data consistency promise, and what not? What would you measure
# before you say yes? Five to ten sentences, with your own numbers.

# %% [markdown] nbgrader={"grade_id": "trust", "solution": true, "points": 3}
# I predicted that the cascade would gain 2 dB in the brain at R = 8, since it never touches a right line; in the brain it gained nothing (24.0 dB, zero-filled 24.2), and what the whole image gained lay at skull and scalp: that my lines are right does not make the others right. I expected the smallest lesion to be kept better by the cascade than by the CNN; it was, but with 28 % against 23 %, where zero filling keeps 20 %: the lesion was not erased by a network, most of it had not been measured.
# Data consistency with λ = ∞ promises that the measured lines stay as the scanner gave them: in my measurement to about 1e-7, while the CNN without physics changed lines that had no error. At R = 8 that is an eighth of k-space. In the other seven eighths the network writes what it learned from its training images, and nothing checks it. With noise the promise is weaker: a learned λ does not keep the lines, and a hard one keeps the noise. With several coils even a hard layer meets the lines only after many steps. So "invents nothing" is wrong.
# Before I say yes I would put lesions of many sizes and contrasts at many places (and of kinds the network never saw), measure the kept contrast and the error with intervals and not one picture, at her noise level, with her coils and masks, also count lesions that appear where there are none, and compare with R = 4. PSNR of the whole image would not show it: the lesion is a few pixels.
#
# ### BEGIN MARK SCHEME
# - 1: compares two recorded predictions with the measurements, and says why the reasons held or failed
# - 1: says what data consistency promises: the measured lines, and nothing about the rest
# - 1: names what to measure: contrast kept of lesions of many sizes, false ones counted, at her noise and masks, with intervals
# ### END MARK SCHEME
#
# ### BEGIN EXPLANATION
# The layer is a statement about the measured part of k-space only. A small lesion is spread over all of k-space, so at R = 8 most of it is in the part that nothing protects; that it is missing there is no fault of the layer. The common slip is to take agreement with the data for truth: infinitely many images agree with the same data.
# ### END EXPLANATION

# %% [markdown]
# ## What to remember
#
# - Where measured: (s_cnn + λ·s_0) / (1 + λ). Elsewhere: the network. λ is trust in the scanner, not its inverse.
# - The mask belongs into both branches and both gradients: what will be overwritten need not be learned.
# - The best λ depends on the noise, and on how much the network knows.
# - With several coils the data step is a gradient step, or conjugate gradients, not a replacement.
# - A cascade: residual block, data step, repeated; each block has its own weights.
# - Data consistency protects what was measured. Nothing protects the rest.
#
# The library has what you wrote as `kspace.DataConsistency` (exercises 1 to 4), `models.cascade.DeepCascade` and
# `models.cascade.share_frames`.
#
# | source | |
# |---|---|
# | Schlemper et al. 2017 | [*A deep cascade of convolutional neural networks for MR image reconstruction*](https://arxiv.org/abs/1703.00555) |
# | Schlemper et al. 2018 | [*… for dynamic MR image reconstruction*](https://arxiv.org/abs/1704.02422) |
# | Hammernik et al. 2018 | [*Learning a variational network for reconstruction of accelerated MRI data*](https://arxiv.org/abs/1704.00447) |
# | Aggarwal, Mani and Jacob 2019 | [*MoDL: model-based deep learning architecture for inverse problems*](https://arxiv.org/abs/1712.02862) |
# | Pruessmann et al. 1999 | *SENSE: sensitivity encoding for fast MRI* |
# | Caballero et al. 2014 | [*Dictionary learning and time sparsity for dynamic MR data reconstruction*](https://doi.org/10.1109/TMI.2014.2301271) (DLTG) |
# | Antun et al. 2020 | [*On instabilities of deep learning in image reconstruction*](https://arxiv.org/abs/1902.05300) |
# | Colliot and Vakalopoulou 2020 | lecture [*Deep learning for medical imaging*](http://www.aramislab.fr/teaching/DLMI-2019-2020/) |
