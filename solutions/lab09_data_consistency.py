# %% [markdown]
# # Lab 09: Data consistency
#
# {{badges}}
#
# **The question of this lab: may a network change what the scanner has measured?**
#
# You need about two and a half hours. On 2 CPU cores the cells compute for about 4 minutes in all, and take less than
# 2 GB of memory. On a GPU the networks are larger, and are trained for longer.
#
# In this lab you will
#
# - write the layer that puts the measured data back, and its backward pass by hand,
# - keep a learned λ positive, and find out which λ is right,
# - build a cascade: network, physics, network, physics,
# - let the frames of a film lend each other what they measured,
# - train a network without physics against one with physics, at equal budget,
# - hide a small lesion that no network has ever seen, and look who finds it.
#
# {{exercises}}

# %% tags=["setup"]
# `course build` writes the set-up cell here

# %% [markdown]
# ## Theory in half a page
#
# The scanner measures lines of k-space: `y = F x` where the mask is `True`, nothing elsewhere (lab 08). Two ideas how a network can help:
#
# - **Idea 1: no physics.** Fill the gaps with zeros, transform, and let a network remove the artefacts: `x = f(x_u)`. That is denoising, as in labs 01 to 07. Nothing holds
#   its answer to the data.
# - **Idea 2: integrate the physics.** What was measured is known. Let the network guess the rest, and put the measured lines back:
#
# $$ s_\text{rec}(j) = \begin{cases} s_\text{cnn}(j) & j \notin \Omega \\ \dfrac{s_\text{cnn}(j) + \lambda\, s_0(j)}{1 + \lambda} & j \in \Omega \end{cases} \qquad s_\text{cnn} = F x_\text{cnn} $$
#
# `s_0` is what was measured, Ω where. This is a **data-consistency layer**. λ says how much you trust the scanner: λ = 0 not at all, λ → ∞ (without noise) completely. The
# formula is the minimum of `|s − s_cnn|² + λ·|s − s_0|²` at each measured point: a weighted mean. The layer is linear in the image, so its backward pass is short:
#
# $$ \frac{\partial f}{\partial x^T} = F^H \Lambda F, \quad \Lambda_{jj} = \begin{cases} 1 & j \notin \Omega \\ \frac{1}{1+\lambda} & j \in \Omega \end{cases} \qquad
# \frac{\partial s_\text{rec}(j)}{\partial \lambda} = \begin{cases} 0 & j \notin \Omega \\ \dfrac{s_0(j) - s_\text{cnn}(j)}{(1+\lambda)^2} & j \in \Omega \end{cases} $$
#
# A **deep cascade** is a chain: a small CNN, the layer, another small CNN, the layer, … Each CNN has its own weights and sees an image that agrees with the data. (Compressed sensing did the
# same with a threshold in place of the CNN: lecture 06.)
#
# Conventions: k-space is centred and orthonormal, as in lab 08 (`kspace.fft2c`, `kspace.ifft2c`). Images are complex: real brains have a phase.
#
# **Sources.** Schlemper et al. 2017, *A deep cascade of convolutional neural networks for MR image reconstruction*, and 2018, *… for dynamic MR image reconstruction*; Hammernik et al. 2018, *Learning a
# variational network for reconstruction of accelerated MRI data*; Aggarwal et al. 2019, *MoDL*; Caballero et al. 2014, *Dictionary learning and time sparsity for dynamic MR data reconstruction* (DLTG); Antun et al. 2020, *On instabilities of deep
# learning in image reconstruction*; DLMI lecture.

# %%
import functools
import math

import numpy as np
import torch
from torch import nn

from course_lib import kspace, metrics, training, viz

# %% [markdown]
# ## Exercise 1: the layer ({{points data_consistency}})
#
# **Goal.** `data_consistency(image, measured, mask, strength)` returns the image whose k-space is the formula of the theory. All tensors:
#
# | | |
# |---|---|
# | `image` | complex, `(N, 1, H, W)`: what a network made |
# | `measured` | complex k-space of the same shape, 0 where nothing was measured |
# | `mask` | bool, `(H, W)` or `(N, 1, H, W)`, `True` where measured |
# | `strength` | λ: a number, or a tensor with one number; `None` means λ → ∞: measured points are **replaced** |
#
# Gradients must pass: to the image, and to λ where it is a tensor. (A cascade trains through your layer, and exercise 3 trains λ.)
#
# **Steps.** Transform the image with `kspace.fft2c`. Mix where measured; elsewhere keep what the image has (`torch.where(mask, a, b)`). Go back with `kspace.ifft2c`.
#
# **Example.** At a measured point the image has 2 and the scanner says 6. λ = 1: 4. λ = 3: (2 + 3·6) / 4 = 5. λ = 0: 2. `None`: 6. At a point that was not measured it stays 2, whatever λ is.
#
# **Hint.** λ = 0 and `None` are opposites. `if strength:` cannot tell them apart.

# %% nbgrader={"grade_id": "data_consistency", "solution": true}
def data_consistency(image, measured, mask, strength):
    """The image with the measured k-space mixed in: (s_cnn + λ·s_0) / (1 + λ) where measured; None replaces."""
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
# A slice of Colin27 with a realistic phase, measured at R = 4: a quarter of the lines, the middle complete, and further out fewer and fewer (variable density). As "network" we take something foolish on purpose: a blur. How far is its k-space from the data, line by line, before
# your layer and after it?

# %% tags=["experiment"]
from course_lib.data import brains

side = profile.pick(ci=32, cpu=96, gpu=128)


def small(pictures):
    """(N, 1, H, W) -> (N, 1, side, side): crop to a square around the middle, then average pixels."""
    edge = min(pictures.shape[-2:])
    top, left = (pictures.shape[-2] - edge) // 2, (pictures.shape[-1] - edge) // 2
    return nn.functional.interpolate(pictures[..., top : top + edge, left : left + edge].float(), size=(side, side), mode="area")


colin = brains.brain_slices("colin27", slices=profile.pick(ci=6, cpu=20, gpu=48))
test = kspace.with_phase(small(colin.images), generator=torch.Generator().manual_seed(0))  # complex
brain = small(colin.brain_masks) > 0.5
middle = len(test) // 2
lines = kspace.cartesian_mask((side, side), 4, 0.08, kind="variable_density", generator=torch.Generator().manual_seed(0))
data = kspace.undersample(test, lines)
blurred = torch.complex(*(nn.functional.avg_pool2d(part, 3, stride=1, padding=1) for part in (test.real, test.imag)))
figure = viz.figure(7.5, 3.6)
axes = figure.subplots()
distances = {}
for name, strength in {"λ = 0 (the blur itself)": 0.0, "λ = 1": 1.0, "λ = 10": 10.0, "λ = ∞": None}.items():
    after = kspace.fft2c(data_consistency(blurred, data, lines, strength))
    by_line = (after - data)[middle, 0].abs().square().mean(0).sqrt()  # of each column
    distances[name] = by_line[lines[0]].max().item()
    axes.semilogy(np.flatnonzero(lines[0]), by_line[lines[0]].clamp(min=1e-9), ".-", label=name)
figure.suptitle(f"Largest distance to a measured line: {distances['λ = 0 (the blur itself)']:.2g} at λ = 0, {distances['λ = 1']:.2g} at λ = 1, {distances['λ = ∞']:.1g} at λ = ∞", fontsize=11)
axes.set(xlabel="measured line (column of k-space)", ylabel="distance to the data\n(root mean square)")
axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
figure

# %% [markdown]
# λ = 1 halves every distance. λ = ∞ leaves what float32 cannot hold. So whatever a network does, with λ = ∞ the measured lines are as the scanner gave them. That is a guarantee, and the only one in this lab.
#
# ## Exercise 2: backward, by hand ({{points SoftConsistency}})
#
# PyTorch would find the gradients by itself. You write them once, to know what passes through the layer.
#
# **Goal.** The `backward` of `SoftConsistency`. It gets `gradient`: the gradient of the loss for the layer's **output**, a complex tensor. It returns the gradient for the image (complex, same shape) and for λ (one real number); `measured`
# and `mask` need none.
#
# PyTorch's convention for a complex number `a + ib` is the gradient `∂L/∂a + i·∂L/∂b`. With it, for a linear layer `z = A x`, the gradient for `x` is `Aᴴ` times the gradient for `z`. For λ, which is real: the sum over all
# points of `Re(conj(g)·∂z/∂λ)`, where `g` is the gradient for z.
#
# **Steps.**
# 1. Bring the gradient to k-space with `kspace.fft2c`. (`F` is orthonormal: `Fᴴ` is `ifft2c`, and the gradient for `z = ifft2c(s)` is `fft2c` of it.)
# 2. For the image: multiply with Λ of the theory, go back with `kspace.ifft2c`.
# 3. For λ: `Re(conj(g)·(s_0 − s_cnn)) / (1 + λ)²`, summed over all **measured** points.
#
# **Example.** One pixel (its k-space is itself), measured: image 2, scanner 6, λ = 1, gradient 1. For the image ½, for λ: (6 − 2) / 4 = 1. Not measured: 1 and 0.
#
# **Hint.** With λ → ∞ no gradient reaches the measured part of k-space: whatever the network does there will be overwritten, so it need not learn it.

# %% nbgrader={"grade_id": "SoftConsistency", "solution": true}
class SoftConsistency(torch.autograd.Function):
    """Data consistency with λ (a tensor with one number); `SoftConsistency.apply(image, measured, mask, strength)`."""

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


# %% nbgrader={"grade_id": "SoftConsistency_test", "points": 3}
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
# ## Exercise 3: a λ that stays positive ({{points PositiveStrength}})
#
# λ can be learned like any weight. But an optimiser knows no bounds: with a bad batch it would step below 0, and at λ = −1 the formula divides by 0. So one trains a number θ that may be anything, and computes a λ from it that cannot be negative.
#
# **Goal.** A module `PositiveStrength(start)`: `module()` returns λ, a tensor with one number. At the beginning λ = `start`, any positive number such as 0.0000001 or 1000. It has **one** parameter, with one number. Whatever value that takes (we try −12 to 12), λ > 0, and it always has a gradient. It is bounded neither above nor away from 0 (we look as far as ±80): training may need any λ.
#
# **Steps.** Choose a function from all numbers to the positive ones, growing everywhere: `exp(θ)`, or `softplus(θ) = log(1 + exp(θ))`. In `__init__` make `nn.Parameter(torch.tensor(θ₀))`, with the θ₀ that gives `start`. In `forward`: the function of it.
#
# **Example.** `PositiveStrength(0.5)()` is 0.5. With `exp`, θ₀ = log(0.5) = −0.693.
#
# **Hint.** `clamp(θ, min=0)` is positive, too. But once θ is below 0, its gradient is 0, and λ never comes back. And `exp(1000)` is more than a float can hold: if you invert softplus, mind large `start`s.

# %% nbgrader={"grade_id": "PositiveStrength", "solution": true}
class PositiveStrength(nn.Module):
    """A learned λ > 0 that begins at `start`."""

    def __init__(self, start):
        super().__init__()
        ### BEGIN SOLUTION
        self.log_strength = nn.Parameter(torch.tensor(math.log(start)))
        ### END SOLUTION

    def forward(self):
        ### BEGIN SOLUTION
        return self.log_strength.exp()
        ### END SOLUTION


# %% nbgrader={"grade_id": "PositiveStrength_test", "points": 2}
from course_lib.exercise import without

with without("course_lib.kspace.DataConsistency"):
    for start in (0.0000001, 0.0001, 0.3, 1, 7.0, 60.0, 1000):
        module, slopes = PositiveStrength(start), []
        value, found = module(), list(module.parameters())
        kind = torch.is_tensor(value) and value.numel() == 1
        assert kind, f"module() should return a tensor with one number, got {value!r}"
        said = f"λ should begin at {start}, got {value}: θ₀ is what your function turns into that"
        assert abs(value.item() - start) < 1e-3 * start, said
        said = f"expected one nn.Parameter with one number, as an attribute of self; got {found}"
        assert [parameter.numel() for parameter in found] == [1], said
        at = lambda theta: (found[0].data.fill_(theta), module())[1]
        for theta in np.linspace(-12, 12, 41).tolist():
            steep = (at(theta + 0.05) - at(theta - 0.05)).item() / 0.1
            module.train(theta > 0).zero_grad()  # for the others, evaluation mode
            value, said = at(theta), f"start {start}, θ = {theta}, λ = {at(theta)}"
            assert 0 < value.item() < math.inf, f"{said}: it should be positive and finite"
            assert value.requires_grad, f"{said}: no gradient. A .item(), .data or detach()?"
            value.sum().backward()
            slopes.append(0.0 if found[0].grad is None else found[0].grad.sum().item())
            assert slopes[-1] != 0, f"{said}: the gradient is 0, so λ could never move again"
            same = abs(slopes[-1] - steep) < 0.02 * abs(steep) + 2e-6
            assert same, f"{said}: gradient {slopes[-1]:.4g}, by finite differences {steep:.4g}"
            assert abs(found[0].item() - theta) < 1e-5, "module() changed its parameter"
        assert min(slopes) > 0 or max(slopes) < 0, "λ turns round: two values of θ mean the same λ"
        lowest, low, high, highest = sorted(at(theta).item() for theta in (-80, -40, 40, 80))
        wide = lowest <= low / 1.5 and (highest > 1.5 * high or highest == math.inf)
        assert wide, f"θ = −80, −40, 40, 80: λ = {lowest}, {low}, {high}, {highest}: a bound"
    ### HIDDEN VALUE: [math.log(PositiveStrength(s)().item()) for s in 10 ** rng.uniform(-7, 4, 9)]
    ### HIDDEN VALUE: [PositiveStrength(int(rng.integers(2, 500)))().item(), torch.rand(2)]
print("PositiveStrength: right")

# %% [markdown]
# ## Exercise 4: which λ is right? ({{points best_strength}})
#
# With noise, neither side is right: the network guesses, and the scanner is noisy. On **training** data you know the truth, so you can ask which λ would have been best.
#
# **Goal.** `best_strength(predicted, measured, truth, mask)` of four tensors: k-space of the network, measured k-space, true k-space (all complex, `(N, 1, H, W)`) and the mask `(H, W)`. It returns λ ≥ 0, a Python number, for which `(predicted + λ·measured) / (1 + λ)`
# comes nearest to the truth: the smallest sum of |difference|² over all **measured** points.
#
# **Steps.**
# 1. Write the mix as `predicted + w·d` with `d = measured − predicted` and the weight `w = λ / (1 + λ)`. With `t = truth − predicted` the best w is that of least squares: `w = Σ Re(conj(d)·t) / Σ |d|²`.
# 2. A weight of 0 or less means λ = 0. A weight of 1 or more means `math.inf`. Between them, λ = w / (1 − w).
#
# **Example.** One point: the network says 0, the scanner 4, the truth is 3. Then w = ¾, and λ = 3: (0 + 3·4) / 4 = 3.
#
# **Hint.** If the errors of both sides are independent, this becomes λ = (mean |error of the network|²) / (mean |noise|²): a network that errs twice as much makes λ four times as large. But a network that was fed with the same noisy data makes errors that go *with* the noise.

# %% nbgrader={"grade_id": "best_strength", "solution": true}
def best_strength(predicted, measured, truth, mask):
    """The λ whose mix of prediction and measurement is nearest to the truth, over the measured points."""
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
# The guess is not from a network this time: it is the **next slice** of the same head, a few millimetres away. Wrong in detail, and without noise. Move λ and the noise. Without noise more λ is better: every measured line helps. With noise there
# is a best λ between; the curve shows where. (It knows nothing of your exercises.)

# %% tags=["experiment"]
neighbour = test[middle + 1].abs() * test[middle] / test[middle].abs().clamp(min=1e-6)  # its magnitude, the phase of ours
viz.consistency_slider(test[middle, 0], neighbour[0], lines, sigma=0.1, title="A guess from the next slice, and the measured lines")

# %% [markdown]
# Does your formula find the best λ? For an independent guess it should be the ratio of the hint. (The slider scores magnitudes, and there only about half of the noise shows, the part in phase with the image. So its best λ is about twice as large, or more.)

# %% tags=["experiment"]
full, guess = kspace.fft2c(test[[middle]]), kspace.fft2c(neighbour[None])
print("noise (sigma)   best λ    ratio of the mean squared errors")
for sigma in (0.02, 0.05, 0.1, 0.2):
    noisy = kspace.undersample(test[[middle]], lines, sigma=sigma, generator=torch.Generator().manual_seed(1))
    wrong = (guess - full).abs().square()[..., lines].mean().item()
    print(f"{sigma:9}    {best_strength(guess, noisy, full, lines):9.2f}    {wrong / (2 * sigma**2):9.2f}")

# %% [markdown]
# ## Exercise 5: the cascade ({{points Cascade}})
#
# **Goal.** A module `Cascade(make_block, cascades, consistency)`. `model(measured, mask)` returns the complex image `(N, 1, H, W)`.
#
# | | |
# |---|---|
# | `make_block` | a function without arguments; each call makes a **new** network, which takes and gives `(N, 2, H, W)`: real and imaginary part |
# | `cascades` | how many blocks |
# | `consistency` | a function `f(image, measured, mask)`, such as your layer with a λ |
#
# **Steps.** In `__init__`: as many blocks as cascades, in an `nn.ModuleList`. In `forward`: begin with the zero-filled image, `kspace.ifft2c(measured)`. For each block: the image as two channels (`torch.cat([image.real, image.imag], 1)`); what the block gives is **added** to
# the image (residual; `torch.complex(change[:, :1], change[:, 1:])`); then the consistency.
#
# **Example.** Blocks that answer 0 change nothing, and a consistency that returns its image neither: the zero-filled image comes back.
#
# **Hint.** `[make_block()] * 5` is one block in a list five times. Widely copied code shared its weights in this way.

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
# ## An honest experiment: idea 1 against idea 2
#
# Training: **synthetic subjects** of the cohort, split by subject. Test: Colin27, a real head. A new mask and a new phase in each epoch; R = 4 or 8, at random, so that one network serves both.
#
# | | |
# |---|---|
# | CNN | idea 1. Residual blocks, no physics: `models.cascade.ReconstructionCNN` |
# | U-Net | idea 1, with a wide view. Aliasing spreads over the whole image; a few 3×3 convolutions cannot see that far |
# | cascade | idea 2: `models.cascade.DeepCascade`, your exercise 5 with the layer at λ = ∞. The **same blocks** as the CNN, as many parameters: only the physics differs |
#
# Same images, same masks, same number of steps, several seeds. Equal steps are not equal seconds, so those are printed, too. (About two minutes on 2 cores. The first time the heads are built, too. On a GPU it trains D5C5 of the paper at full width; how long that takes was not measured yet.)

# %% tags=["experiment"]
from tqdm.auto import tqdm

from course_lib.models.cascade import DeepCascade, ReconstructionCNN

subjects = profile.pick(ci=2, cpu=12, gpu=20)
cohort = brains.brain_slices("cohort", subjects=subjects, slices=profile.pick(ci=8, cpu=15, gpu=30))
held_out = cohort.subjects >= subjects - max(1, subjects // 6)  # split by subject, not by slice
train_slices = small(cohort.images[~held_out])
validation = kspace.with_phase(small(cohort.images[held_out][::4]), generator=torch.Generator().manual_seed(1))
print("train", tuple(train_slices.shape), "validation", tuple(validation.shape), "(synthetic); test", tuple(test.shape), "(Colin27, real)")

ACQUIRE = {4: training.undersampling(4, 0.08, kind="variable_density"), 8: training.undersampling(8, 0.04, kind="variable_density")}


def either(image, generator):
    """R = 4 or R = 8, with equal chances."""
    return ACQUIRE[4 if torch.rand((), generator=generator) < 0.5 else 8](image, generator=generator)


architecture = profile.pick(ci={"cascades": 2, "convolutions": 3, "width": 4}, cpu={"cascades": 4, "convolutions": 4, "width": 16}, gpu={"cascades": 5, "convolutions": 5, "width": 64})
MODELS = {
    "CNN": functools.partial(ReconstructionCNN, **architecture),
    "U-Net": functools.partial(ReconstructionCNN, cascades=1, block="unet", width=profile.pick(ci=4, cpu=8, gpu=32), depth=3),
    "cascade": functools.partial(DeepCascade, **architecture),
}
seeds = range(profile.pick(ci=1, cpu=2, gpu=2))
epochs = profile.pick(ci=1, cpu=6, gpu=20)
batch_size = profile.pick(ci=2, cpu=2, gpu=8)


validation_data = ACQUIRE[4](validation, generator=torch.Generator().manual_seed(2))  # the same masks for all networks


def validate(model):
    """Root mean squared error on the validation subjects at R = 4."""
    return training.squared_error(training.reconstruct(model, *validation_data), validation).sqrt().item()


def train(make, seed, images=train_slices, transform=kspace.with_phase, errors=None, **options):
    """A new network; the same seed gives the same first weights, order of images, masks and phases. `errors` collects validation errors."""
    with training.fixed_seed(seed):
        model = make()
    watch = None if errors is None else lambda _: errors.append(validate(model))
    history = training.fit(
        model, images, loss=training.squared_error, corrupt=either, transform=transform, seed=seed, progress=False, on_epoch=watch,
        **({"epochs": epochs, "batch_size": batch_size, "learning_rate": 2e-3} | options),
    )  # fmt: skip
    return model, history


count = lambda model: sum(parameter.numel() for parameter in model.parameters())
networks, histories, curves = {}, {}, {name: [[] for _ in seeds] for name in MODELS}
for seed in seeds:
    for name in tqdm(MODELS, desc=f"networks, seed {seed}"):
        networks[name, seed], histories[name, seed] = train(MODELS[name], seed, errors=curves[name][seed])
for name in MODELS:
    print(f"{name:8} {count(networks[name, 0]):9,} parameters, {sum(histories[name, 0].seconds):4.0f} s for {epochs} epochs")
last = {name: np.mean([curve[-1] for curve in of_seeds]) for name, of_seeds in curves.items()}
viz.curve_with_errors(
    range(1, epochs + 1), curves, xlabel="epoch", ylabel="root mean squared error, validation, R = 4",
    title=f"After equally many steps: {min(last, key=last.get)} is lowest, {min(last.values()):.3f}; {max(last, key=last.get)} {max(last.values()):.3f}",
)  # fmt: skip

# %% [markdown]
# Now the table on Colin27: magnitudes, clipped to [0, 1]; whole image and inside the brain mask. Two more rows: total variation (lab 08; its strength was tuned on the cohort, on larger slices), and **CNN, then DC once**: the trained CNN with your layer (λ = ∞) behind it. Does that do?

# %% tags=["experiment"]
from course_lib import evaluation
from course_lib.classical import sparse


def once(model):
    """A trained network, then your layer: measured lines replaced."""
    return lambda measured, mask: data_consistency(training.reconstruct(model, measured, mask), measured, mask, None)


def methods_of(seed):
    trained = {name: functools.partial(training.reconstruct, networks[name, seed]) for name in MODELS}
    return {"TV": sparse.total_variation, **trained, "CNN, then DC once": once(networks["CNN", seed]), "U-Net, then DC once": once(networks["U-Net", seed])}


REGIONS = {"whole image": None, "brain": brain}
tables = {
    (acceleration, seed): evaluation.compare_reconstructions(methods_of(seed), test, ACQUIRE[acceleration], masks=REGIONS, progress=False)
    for acceleration in ACQUIRE
    for seed in seeds
}
tables[4, 0]

# %% tags=["experiment"]
tables[8, 0]

# %% tags=["experiment"]
names = ["zero-filled", *methods_of(0)]
for region in REGIONS:
    print(f"PSNR (dB), {region}: mean over the slices of Colin27, for seed " + ", ".join(map(str, seeds)))
    for name in names:
        print(f"  {name:22}" + "".join(f"   R = {acceleration}: " + ", ".join(f"{tables[acceleration, seed].mean(name, 'PSNR', region):5.2f}" for seed in seeds) for acceleration in ACQUIRE))

# %% tags=["experiment"]
found = {name: np.mean([tables[4, seed].mean(name) for seed in seeds]) for name in names}
best = max(found, key=found.get)
tables[4, 0].panel(title=f"R = 4, middle slice. Over all slices {best} is best, {found[best]:.1f} dB; zero-filled {found['zero-filled']:.1f}, CNN {found['CNN']:.1f} dB (PSNR, whole image)")

# %% [markdown]
# And the measured lines? For each network, how far its answer lies from the truth: where k-space was measured, and where not.

# %% tags=["experiment"]
measured, masks = ACQUIRE[4](test, generator=torch.Generator().manual_seed(3))
full = kspace.fft2c(test)
print("Root mean squared error in k-space, R = 4, seed 0")
print(f"{'':22}{'measured points':>18}{'other points':>16}")
for name, method in {"zero-filled": lambda measured, mask: kspace.zero_filled(measured), **methods_of(0)}.items():
    answer = method(measured, masks)
    wrong = (kspace.fft2c(getattr(answer, "image", answer)) - full).abs().square()
    where = masks.expand(wrong.shape)
    print(f"{name:22}{wrong[where].mean().sqrt():>18.1e}{wrong[~where].mean().sqrt():>16.4f}")

# %% [markdown]
# What the zero-filled image has right, a CNN spoils: it changes lines that were measured without any error. The cascade cannot. Its blocks may spend everything on the lines that are missing. (TV bends the measured lines, too: its strength
# is a λ that is not infinite.)
#
# Be fair when you read the tables. The U-Net has many weights, and had few steps: it has hardly left its beginning (it starts as the identity). The number of steps is equal; that does not mean enough. And compare inside the brain, at R = 8: there hardly anybody is better than the zero-filled image. What the whole image gains, it gains
# outside the brain, at skull and scalp. A number for the whole image hides that.
#
# ## What happens with noise?
#
# Now each measured point has noise, of standard deviation σ (in units of the data range) in its real part, and the same in its imaginary part: its |noise|² has the mean 2σ². Two networks, equal but for the layer: hard replacement, and a λ that is learned (one for each cascade, from 1 on). A trick of the trade: Adam moves a number by about its learning rate a step, so log λ would hardly have moved in a short
# training. It gets a learning rate of its own. (About half a minute on 2 cores.)

# %% tags=["experiment"]
sigma = 0.1
NOISY = training.undersampling(4, 0.08, kind="variable_density", sigma=sigma)


def own_rate(model):
    """Adam with a learning rate for λ that is 25 times as large as for the weights."""
    strengths = [parameter for name, parameter in model.named_parameters() if name.endswith("log_strength")]
    others = [parameter for name, parameter in model.named_parameters() if not name.endswith("log_strength")]
    return lambda _: torch.optim.Adam([{"params": others, "lr": 2e-3}, {"params": strengths, "lr": 5e-2}])


KINDS = {"hard": {}, "learned λ": {"strength": 1.0, "learned": True}}
under_noise = {}
for name, options in KINDS.items():
    with training.fixed_seed(0):
        model = DeepCascade(**architecture, **options)
    rate = {"optimizer": own_rate(model)} if options else {"learning_rate": 2e-3}
    training.fit(
        model, train_slices, loss=training.squared_error, corrupt=NOISY, transform=kspace.with_phase, epochs=epochs, batch_size=batch_size, seed=0, progress=False, **rate
    )
    under_noise[name] = model
lambdas = [layer.strength for layer in under_noise["learned λ"].consistency]
print("learned λ, first cascade to last:", ", ".join(f"{value:.2f}" for value in lambdas))
print(f"\nPSNR (dB), Colin27, R = 4, brain; both were trained at sigma {sigma:g}; zero-filled for comparison")
print(f"{'sigma':>8}" + "".join(f"{name:>14}" for name in ("zero-filled", *KINDS)))
levels, under = (0.0, 0.05, 0.1, 0.15), {}
for level in levels:
    under[level] = evaluation.compare_reconstructions(
        {name: functools.partial(training.reconstruct, model) for name, model in under_noise.items()}, test, training.undersampling(4, 0.08, kind="variable_density", sigma=level), masks=REGIONS, progress=False
    )
    print(f"{level:8}" + "".join(f"{under[level].mean(name, 'PSNR', 'brain'):14.2f}" for name in ("zero-filled", *KINDS)))

# %% [markdown]
# Look at all four lines. Where the noise is strong, hard replacement writes it into the image at the very end, after the last block, and nobody removes it. But a λ that was learned for one noise level is wrong for another: without noise, the hard layer should win. And what would `best_strength` have said, cascade by cascade, on a training subject? We catch what each block hands to its layer.

# %% tags=["experiment"]
model = under_noise["learned λ"].cpu().eval()
caught = []
known = kspace.with_phase(train_slices[::5], generator=torch.Generator().manual_seed(5))
lines = kspace.cartesian_mask((side, side), 4, 0.08, kind="variable_density", generator=torch.Generator().manual_seed(5))
noisy, full = kspace.undersample(known, lines, sigma=sigma, generator=torch.Generator().manual_seed(6)), kspace.fft2c(known)
with torch.no_grad():
    image = kspace.zero_filled(noisy)
    for block, layer in zip(model.blocks, model.consistency, strict=True):
        change = block(torch.cat([image.real, image.imag], 1))
        image = image + torch.complex(change[:, :1], change[:, 1:])
        caught.append(kspace.fft2c(image))
        image = layer(image, noisy, lines)
print("cascade   learned λ   best_strength for this block alone   if errors and noise were independent")
for number, (value, predicted) in enumerate(zip(lambdas, caught, strict=True), start=1):
    error = (predicted - full).abs().square()[..., lines].mean().item()
    print(f"{number:5}{value:14.2f}{best_strength(predicted, noisy, full, lines):22.2f}{error / (2 * sigma**2):36.2f}")

# %% [markdown]
# Read it from the first cascade to the last: as long as the image is bad, the scanner is trusted; the better it gets, the less. The last column is the textbook's: error of the network over noise. But these blocks were fed with the noisy data, so their errors go with the noise, and the two columns differ. A block that had removed all noise that can be removed would not want the layer at all: λ = 0. A learned λ near 0 is
# therefore no failure: the block has already taken from the noisy data what it can use, and to mix them in once more would only bring noise back. But it says what you lose: no line is guaranteed any more.
#
# ## When it goes wrong: a small lesion
#
# No head of the training had a lesion. We put one into Colin27: a small disc, a little brighter than its surroundings, at a random place in the brain. Then we measure, reconstruct, and ask: how much of its contrast is left?
#
# $$ \text{kept} = \frac{c(\text{with}) - c(\text{without})}{c(\text{truth with}) - c(\text{truth without})}, \qquad c = \text{mean in the disc} - \text{mean in a ring around it} $$
#
# 1 is perfect, 0 is erased. With and without have the same mask. But a network that raises all contrasts would get much of this, so we look more closely, at k-space of the **image of the lesion** (with minus without):
#
# - its **gain** at the measured points, and at the others: 1 is as in truth, 0 is nothing, and more than 1 is too much;
# - its **error**: the size of what is wrong with it, over its size. 0 is perfect; 1 is what you get by leaving the lesion out.
#
# "DC off" is the trained cascade whose layers are switched off (λ = 0). All intervals: 95 % of the mean over the places.

# %% tags=["experiment"]
import copy

rows, columns = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
places_per_radius, brightness = profile.pick(ci=4, cpu=32, gpu=96), 0.25
radii = [side / 96 * radius for radius in (1, 2, 4)]
generator = torch.Generator().manual_seed(7)


def lesions(radius):
    """Slices with and without a lesion, discs and rings, at random places that lie inside the brain."""
    inside = nn.functional.avg_pool2d(brain.float(), 2 * round(radius) + 3, stride=1, padding=round(radius) + 1) > 0.999
    usable = inside.flatten(1).any(1).nonzero()[:, 0]
    slices, discs, rings = [], [], []
    for number in range(places_per_radius):
        index = int(usable[number % len(usable)])
        candidates = inside[index, 0].nonzero()
        row, column = candidates[int(torch.randint(len(candidates), (), generator=generator))]
        distance = ((rows - row) ** 2 + (columns - column) ** 2).sqrt()
        slices.append(index)
        discs.append(distance <= radius)
        rings.append((distance > radius + 1) & (distance <= radius + 3) & brain[index, 0])
    discs, rings = torch.stack(discs)[:, None], torch.stack(rings)[:, None]
    without_lesion = test[slices]
    phase = without_lesion / without_lesion.abs().clamp(min=1e-6)
    return without_lesion, without_lesion + brightness * discs * phase, discs, rings


def contrast(images, discs, rings):
    """Mean in the disc minus mean in the ring, of the magnitude: (N,)."""
    images = images.abs()
    return (images * discs).sum((1, 2, 3)) / discs.sum((1, 2, 3)) - (images * rings).sum((1, 2, 3)) / rings.sum((1, 2, 3))


def off(model):
    """The same cascade with λ = 0 in every layer."""
    model = copy.deepcopy(model)
    model.consistency = nn.ModuleList([kspace.DataConsistency(0.0) for _ in model.consistency])
    return model


FINDERS = {"zero-filled": lambda measured, mask: kspace.zero_filled(measured), **methods_of(0), "cascade, DC off": functools.partial(training.reconstruct, off(networks["cascade", 0]))}
del FINDERS["TV"]  # too slow for so many slices
kept, gains, examples = {}, {}, {}
for acceleration, acquire in ACQUIRE.items():
    for radius in radii:
        healthy, ill, discs, rings = lesions(radius)
        pairs = [acquire(images, generator=torch.Generator().manual_seed(8)) for images in (healthy, ill)]  # the same masks
        true = contrast(ill, discs, rings) - contrast(healthy, discs, rings)
        lesion, measured_points, answers = kspace.fft2c(ill - healthy), pairs[0][1], {}
        for name, method in FINDERS.items():
            if name.endswith("then DC once"):  # its network has answered already
                found = [data_consistency(answer, *pair, None) for answer, pair in zip(answers[name.split(",")[0]], pairs, strict=True)]
            else:
                found = answers[name] = [method(*pair) for pair in pairs]
            kept[acceleration, radius, name] = ((contrast(found[1], discs, rings) - contrast(found[0], discs, rings)) / true).numpy()
            seen = kspace.fft2c(found[1] - found[0])
            for where, region in {"measured": measured_points, "elsewhere": ~measured_points}.items():
                overlap = (lesion.conj() * seen).real * region
                gains[acceleration, radius, name, where] = (overlap.sum((1, 2, 3)) / (lesion.abs().square() * region).sum((1, 2, 3))).numpy()
            gains[acceleration, radius, name, "error"] = ((seen - lesion).flatten(1).norm(dim=1) / lesion.flatten(1).norm(dim=1)).numpy()
            examples[acceleration, radius, name] = found[1]
        examples[acceleration, radius, "truth"], examples[acceleration, radius, "disc"] = ill, discs

interval = lambda values: 1.96 * values.std(ddof=1) / np.sqrt(len(values))
print(f"Share of the lesion's contrast that is kept: mean ± 95 % interval over {places_per_radius} places")
for acceleration in ACQUIRE:
    print(f"R = {acceleration}, disc of radius" + "".join(f"{radius:>17g} px" for radius in radii))
    for name in FINDERS:
        values = [kept[acceleration, radius, name] for radius in radii]
        print(f"  {name:22}" + "".join(f"{value.mean():13.2f} ± {interval(value):.2f}" for value in values))
print(f"\nThe image of a lesion of radius {radii[0]:g} px:   gain at measured points    gain elsewhere            error")
for acceleration in ACQUIRE:
    print(f"R = {acceleration}")
    for name in FINDERS:
        values = [gains[acceleration, radii[0], name, column] for column in ("measured", "elsewhere", "error")]
        print(f"  {name:30}" + "".join(f"{value.mean():16.3f} ± {interval(value):.3f}" for value in values))

# %% tags=["experiment"]
shown = ["zero-filled", "CNN", "U-Net", "CNN, then DC once", "cascade", "cascade, DC off"]
smallest = radii[0]
with_physics, without_physics = kept[8, smallest, "cascade"].mean(), kept[8, smallest, "CNN"].mean()
figure = viz.figure(10.5, 4, title=f"R = 8, a lesion of radius {smallest:g} px: the cascade keeps {100 * with_physics:.0f} % of its contrast, the CNN {100 * without_physics:.0f} %, with DC once {100 * kept[8, smallest, 'CNN, then DC once'].mean():.0f} %")
for acceleration, axes in zip(ACQUIRE, figure.subplots(1, 2, sharey=True), strict=True):
    for position, (name, marker) in enumerate(zip(shown, "osD^vP", strict=True)):
        values = [kept[acceleration, radius, name] for radius in radii]
        axes.errorbar(
            np.array(radii) + 0.05 * position, [value.mean() for value in values], [interval(value) for value in values], marker=marker, capsize=2, label=name
        )
    axes.axhline(1, color="grey", linestyle=":")
    axes.axhline(0, color="grey", linewidth=0.8)
    axes.set(title=f"R = {acceleration}", xlabel="radius of the lesion (pixels)")
figure.axes[0].set_ylabel("share of the contrast that is kept")
figure.axes[1].legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
figure

# %% tags=["experiment"]
which = int(np.argsort(kept[8, smallest, "CNN"])[places_per_radius // 2])  # a typical place: the median of the CNN
window = examples[8, smallest, "disc"][which, 0].nonzero().float().mean(0).round().int().tolist()
edge = min(side // 5, 16)
top, left = (min(max(position - edge, 0), side - 2 * edge) for position in window)
cut = lambda images: images[which, 0, top : top + 2 * edge, left : left + 2 * edge].abs().clamp(max=1)
viz.gallery(
    [cut(examples[8, smallest, "truth"]), *(cut(examples[8, smallest, name]) for name in shown)], columns=len(shown) + 1,
    titles=["truth", *(f"{name}\nkept {kept[8, smallest, name][which]:.2f}" for name in shown)],
    title=f"R = 8, a typical place for the CNN: the disc in the middle of each cut has {brightness:g} more than its surroundings",
)  # fmt: skip

# %% [markdown]
# Read the tables, not the one picture. Four things to ask of them:
#
# - **How much is lost at all?** Compare with the zero-filled image. At R = 8 most of a tiny lesion is gone before any network has seen it: it is spread over all lines of k-space, and seven of eight were not measured. Of a large disc more lies in the middle, which always is measured.
# - **Who has more contrast, and is it true?** Compare a network with and without the layer. Without it the contrast can be *higher*: a CNN may raise all contrasts, also in lines that were measured right. Look at the gain at the measured points: with the layer (λ = ∞, no noise) it is 1, and without it is not.
# - **Who brings something back?** That is the gain elsewhere. It is what the network has guessed, from healthy heads. And the error says whether the guess was worth it: below the zero-filled image's, yes.
# - **DC off** has the same weights as the cascade. Look at its contrast, and then at its error. Which one would a salesman show you?
#
# So data consistency protects what was measured. It is no proof that all of the picture is true: in the unmeasured part, the network writes what it knows from healthy heads.
#
# ## Over time: frames that help each other
#
# A heart is scanned as a film, frame by frame, each with other lines. Between two frames little moves. So what one frame did not measure, its neighbours perhaps did: **data sharing** (Schlemper et al. 2018).
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
# A heart beats on and on: the film is a circle, and the last frame is a neighbour of the first. `torch.roll(measured, step, dims=1)` turns it.
#
# **Steps.** For each step −reach, …, reach but 0: add up the rolled `measured`, and count the rolled `mask`. Divide the sum by the count (`clamp(min=1)` where it is 0). Own values win (`torch.where`).
#
# **Example.** At one point of k-space, five frames measured (5, –, –, 8, –), where – is not measured. Reach 1: (5, 5, 8, 8, 6.5). The second frame borrows from the first, the third from the fourth, the fifth from both its neighbours: the fourth, and the first.
#
# **Hint.** A neighbour that did not measure says nothing. It must not count as a 0.

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


# %% nbgrader={"grade_id": "share_neighbours_test", "points": 3}
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
# ## A beating phantom
#
# `data.dynamic.beating_hearts` draws a chest with a heart in it: a **synthetic** film, another one for each subject, with texture and phase. First without any network: what does borrowing do? R = 8.

# %% tags=["experiment"]
from course_lib.data import dynamic

frames, film_side = profile.pick(ci=8, cpu=12, gpu=16), profile.pick(ci=32, cpu=48, gpu=128)
make_films = functools.partial(dynamic.beating_hearts, frames=frames, size=film_side, phase=1.0)
patients = make_films(profile.pick(ci=2, cpu=4, gpu=10), 1000)
films, hearts = patients.images, patients.hearts.expand(patients.images.shape)
measured, masks = ACQUIRE[8](films, generator=torch.Generator().manual_seed(0))
psnr = lambda images, region: float(np.mean([-10 * math.log10((a.abs().clamp(max=1) - b.abs())[r].square().mean()) for a, b, r in zip(images, films, region, strict=True)]))
print(f"R = 8, {len(films)} films of {frames} frames: PSNR (dB), and the share of k-space that is filled")
shared = {}
for reach in profile.pick(ci=(0, 1, 2, 3), cpu=(0, 1, 2, 3, 5), gpu=(0, 1, 2, 4, 7)):
    filled, known = share_neighbours(measured, masks, reach) if reach else (measured, masks)
    shared[reach] = kspace.ifft2c(filled)
    print(f"reach {reach}: {100 * known.float().mean():3.0f} % filled; moving heart {psnr(shared[reach], hearts):.2f}, all that rests {psnr(shared[reach], ~hearts):.2f}")

# %% tags=["experiment"]
line = hearts[0, 0].any(1).nonzero().float().mean().round().int().item()  # a row through the heart
over_time = lambda film: film[0, :, line].abs().clamp(max=1)  # (T, W)
stretch = lambda picture: picture.repeat_interleave(max(1, film_side // frames), 0)
moving = {reach: psnr(images, hearts) for reach, images in shared.items()}
best_reach = max(moving, key=moving.get)
viz.gallery(
    [films[0, 0].abs().clamp(max=1), *(stretch(over_time(film)) for film in (films, *shared.values()))], columns=7,
    titles=["one frame", "one row over time", *(f"reach {reach}\n{moving[reach]:.1f} dB" for reach in shared)],
    title=f"Borrowing, R = 8; time runs downwards. The moving heart is best at reach {best_reach}, {moving[best_reach]:.1f} dB; alone {moving[0]:.1f} dB",
)  # fmt: skip

# %% [markdown]
# What rests gains from every lender. What moves gains, too, as long as a gap is worse than a value from a wrong moment; but it is smeared over time: a neighbour shows where the heart *was*. So data sharing gives the borrowed frames to the network as **additional pictures** and lets it decide; and the data-consistency layer uses only what the frame measured itself.
#
# ## The table of the paper
#
# Schlemper et al. compared with DLTG, a dictionary of small pieces of film (Caballero et al. 2014), on 10 subjects. Our rows: zero-filled; TV, frame by frame; the dictionary of lab 08 with pieces of 4×4 pixels and 4 frames (beside it stands the published DLTG); a CNN without physics; a 2D cascade, frame by frame; a 2D+t cascade with 3D convolutions, without and with data sharing.
# Trained on other synthetic subjects than it is tested on. (About two minutes on 2 cores.)

# %% tags=["experiment"]
from course_lib.classical import dictionary
from course_lib.models.cascade import DynamicCascade

train_films = make_films(profile.pick(ci=2, cpu=24, gpu=40), 0).images
as_frames = lambda films: films.flatten(0, 1)[:, None]  # (N, T, H, W) -> (N·T, 1, H, W)
dynamic_architecture = profile.pick(ci={"cascades": 2, "convolutions": 2, "width": 4}, cpu={"cascades": 5, "convolutions": 2, "width": 12}, gpu={"cascades": 5, "convolutions": 5, "width": 32})
sharing = profile.pick(ci=2, cpu=4, gpu=5)  # frames
plans = {  # name: network, films or frames, batch
    "CNN": (functools.partial(ReconstructionCNN, **architecture), as_frames(train_films), 4),
    "cascade, 2D": (functools.partial(DeepCascade, **architecture), as_frames(train_films), 4),
    "cascade, 2D+t, no sharing": (functools.partial(DynamicCascade, **dynamic_architecture, sharing=0), train_films, 1),
    "cascade, 2D+t, sharing": (functools.partial(DynamicCascade, **dynamic_architecture, sharing=sharing), train_films, 1),
}
film_epochs = profile.pick(ci={"2D": 1, "2D+t": 1}, cpu={"2D": 4, "2D+t": 8}, gpu={"2D": 6, "2D+t": 15})
film_networks = {}
for name, (make, pictures, batch) in tqdm(plans.items(), desc="networks"):
    film_networks[name], history = train(make, 0, images=pictures, transform=None, epochs=film_epochs["2D+t" if "+t" in name else "2D"], batch_size=batch)
    print(f"{name:26} {count(film_networks[name]):9,} parameters, {sum(history.seconds):4.0f} s")


def frame_by_frame(model):
    """A 2D network on films (N, T, H, W)."""
    return lambda measured, mask: training.reconstruct(model, as_frames(measured), as_frames(mask)).reshape(measured.shape)


FILM_METHODS = {
    "TV": sparse.total_variation,
    "dictionary": functools.partial(dictionary.reconstruct, patch_size=(4, 4, 4), progress=False, **profile.pick(ci={"iterations": 1, "atoms": 16}, cpu={}, gpu={})),
    "CNN": frame_by_frame(film_networks["CNN"]),
    "cascade, 2D": frame_by_frame(film_networks["cascade, 2D"]),
    "cascade, 2D+t, no sharing": functools.partial(training.reconstruct, film_networks["cascade, 2D+t, no sharing"]),
    "cascade, 2D+t, sharing": functools.partial(training.reconstruct, film_networks["cascade, 2D+t, sharing"]),
}

# %% tags=["experiment"]
PUBLISHED = {  # Schlemper et al., 10 subjects (cine scans of real hearts): PSNR in dB (standard deviation)
    4: {"dictionary": {"PSNR": 27.5}, "cascade, 2D+t, sharing": {"PSNR": 31.0}},
    8: {"dictionary": {"PSNR": 22.6}, "cascade, 2D+t, sharing": {"PSNR": 25.2}},
}
film_tables = {
    acceleration: evaluation.compare_reconstructions(
        FILM_METHODS, films, acquire, masks={"whole film": None, "heart": hearts}, metrics={"PSNR": evaluation.METRICS["PSNR"]},
        published=PUBLISHED[acceleration], batch_size=2, progress=False,
    )
    for acceleration, acquire in ACQUIRE.items()
}
mean_and_sd = lambda values: f"{values.mean():5.2f} ({values.std(ddof=1):.2f})"
print(f"PSNR (dB): mean (standard deviation) over {len(films)} synthetic subjects; magnitudes, clipped to [0, 1]. Seconds for one film of {frames} frames, on this machine ({profile.device}).")
print(f"{'':28}" + "".join(f"{f'R = {acceleration}':>16}{'heart':>15}{'published':>15}" for acceleration in ACQUIRE) + f"{'seconds':>12}{'published':>30}")
PAPER = {"dictionary": ("27.5 (1.31)", "22.6 (0.95)", "about 6 h, CPU"), "cascade, 2D+t, sharing": ("31.0 (1.08)", "25.2 (1.00)", "10 s, GPU (2D: 0.69 s)")}
for name in ("zero-filled", *FILM_METHODS):
    row = "".join(
        f"{mean_and_sd(film_tables[acceleration].per_slice(name)):>16}{mean_and_sd(film_tables[acceleration].per_slice(name, region='heart')):>15}{PAPER.get(name, ('–',) * 3)[number]:>15}"
        for number, acceleration in enumerate(ACQUIRE)
    )
    print(f"{name:28}{row}{film_tables[8].seconds[name]:12.3f}{PAPER.get(name, ('–',) * 3)[2]:>30}")

# %% [markdown]
# **Published** and ours stand beside each other, and must not be compared number by number: theirs were scans of real hearts, ours are drawn, small and short; and DLTG looks at changes over time in addition, which our dictionary does not. (The source calls its network "CNN" and does not say whether it is the 2D or the 2D+t one: we put it beside the largest.) Compare the order and the gaps: is the dictionary behind the networks, and by about as
# much? On our computer it was not: on the whole film it came close to the best network at R = 4, and was a little ahead of it at R = 8; and far ahead of all that saw single frames. Our phantom is smooth and periodic, which small pieces of film like; the networks of profile `cpu` are small, and learned for a minute. What does time bring, what sharing? And compare the
# seconds: the dictionary learns anew for each film, a network once for all.

# %% tags=["experiment"]
results = {name: method(*(part[:1] for part in (measured, masks))) for name, method in FILM_METHODS.items()}
results = {name: getattr(answer, "image", answer) for name, answer in results.items()}
ordered = sorted(FILM_METHODS, key=lambda name: film_tables[8].mean(name))
viz.gallery(
    [stretch(over_time(film)) for film in (films, kspace.zero_filled(measured), *results.values())], columns=4,
    titles=["truth", "zero-filled", *(f"{name.replace(', ', chr(10), 1)}\n{film_tables[8].mean(name):.1f} dB" for name in results)],
    title=f"One row through the heart, over time (downwards), R = 8; means over {len(films)} subjects. Best: {ordered[-1]}, {film_tables[8].mean(ordered[-1]):.1f} dB",
)  # fmt: skip

# %% [markdown]
# ## In your own words ({{points trust}})
#
# A company sells a network that makes a scan eight times faster. "Our network has data consistency, so it invents nothing." A radiologist asks you whether she can trust it with small lesions. What does data consistency promise, and what not? What would you measure before you say yes? Use what you found. Five to ten sentences.

# %% [markdown] nbgrader={"grade_id": "trust", "solution": true, "points": 2}
# Data consistency with λ = ∞ promises that the measured lines stay as the scanner gave them: in my measurement to about 1e-7, while the CNN without physics spoiled lines that had no error. At R = 8 that is an eighth of k-space. In the other seven eighths the network writes what it learned from its
# training images, and nothing checks it. Of a tiny lesion the cascade kept about a quarter of the contrast at R = 8 in my run (the zero-filled image a fifth), of a large one less than half: it was not erased by the network, it had not been measured. With the layer the gain at measured points was 1; without it the
# contrast was sometimes higher, but the picture of the lesion was more wrong. With noise the promise is weaker still: a learned λ does not keep the lines, and a hard one keeps the noise. So "invents nothing" is wrong. Before I say yes I would put lesions of many sizes and contrasts at many places (and of kinds the network never saw), measure the kept contrast with
# intervals and not one picture, at her noise level and with her masks, count also lesions that appear where there is none, and compare with R = 4. PSNR of the whole image would not show it: the lesion is a few pixels.
#
# ### BEGIN MARK SCHEME
# - 1: says what data consistency promises: the measured lines, and nothing about the rest
# - 1: names what to measure: contrast kept of lesions of many sizes, false ones counted, at her noise and masks, with intervals
# ### END MARK SCHEME

# %% [markdown]
# ## What to remember
#
# - Where measured: (s_cnn + λ·s_0) / (1 + λ). Elsewhere: the network. λ → ∞ keeps the measured lines exactly; λ = 0 is the network alone. λ is trust in the scanner, not its inverse.
# - The mask belongs into both branches, and into both gradients. Backward is Fᴴ Λ F: what will be overwritten need not be learned.
# - A learned λ is trained as its logarithm. The best one depends on the noise, and on how much the network knows already.
# - A cascade: residual block, layer, and again, each block with its own weights. Same parameters, same number of steps: the physics makes the difference.
# - Neighbouring frames lend what they measured. What rests gains; what moves is smeared, so the network decides.
# - Data consistency protects what was measured. Nothing protects the rest.
#
# The functions that you wrote are `course_lib.kspace.DataConsistency` (exercises 1 to 4), `models.cascade.DeepCascade`, and `models.cascade.share_frames`, which `models.cascade.DynamicCascade` uses.
