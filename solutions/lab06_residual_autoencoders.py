# %% [markdown]
# # Lab 06: Residual autoencoders
#
# {{badges}}
#
# **The question of this lab: does a shortcut make a better autoencoder, and can you prove it?**
#
# You need about two and a half hours. On 2 CPU cores the cells compute for about 5 minutes in all, and take less than
# 2 GB of memory. On a GPU the networks have the thesis's size, and are trained for longer, with three seeds.
#
# In this lab you will
#
# - write the two residual blocks of He et al., and a decoder step with a skip,
# - write what a variational autoencoder does between its encoder and its decoder,
# - write the loss of a master's thesis: DSSIM with an L2 penalty,
# - write the paired t-test, and see what it cannot prove,
# - train the thesis's twelve networks, and put its table beside yours.
#
# {{exercises}}

# %% tags=["setup"]
# `course build` writes the set-up cell here

# %% [markdown]
# ## Theory in half a page
#
# A deep network must carry the image through many layers, and the gradient back. A **shortcut** adds the input of a few
# layers to their output: `x + F(x)`. The layers then learn only what must change, the *residual* F. If nothing must change,
# F = 0 is easy to learn; a copy through convolutions is not. And the gradient of `x + F(x)` holds a 1 that no layer can shrink.
#
# | kind | what is added or joined | where | source |
# |---|---|---|---|
# | original block | `ReLU(x + F(x))`, F = conv-BN-ReLU-conv-BN (BN: batch normalisation) | inside the encoder | He et al. 2016a |
# | full pre-activation block | `x + F(x)`, F = BN-ReLU-conv-BN-ReLU-conv | inside the encoder | He et al. 2016b |
# | skip, added | encoder's image + decoder's image of the same size | across the code | Dong et al. 2018 |
# | skip, joined | both, as more channels | across the code | Ronneberger et al. 2015 (U-Net) |
#
# Why are there autoencoders without a skip, then? Because with a skip the image can go around the code. Then the code need not know the brain.
#
# Arnaiz-Rodríguez's thesis (2021) trained five shallow networks, with MSE and with **DSSIM** = (1 − SSIM) / 2, with and
# without an L2 penalty, to mend spoiled brain slices. It claims: (1) the residual U-Net is best, whatever the loss; (2) L2 helps
# with DSSIM, and hurts with MSE; (3) the differences are significant in a paired t-test. You will test all three.
#
# A **variational** autoencoder (VAE) does not give one code, but a distribution: a mean `μ` and a variance `s²` for each number. The
# decoder gets a draw from it. A price keeps the distribution near N(0, 1), so that later you can draw codes, and get new brains:
#
# $$ \mathrm{KL} = \tfrac12 \sum_i \left(\mu_i^2 + s_i^2 - 1 - \log s_i^2\right) $$
#
# **Sources.** He et al. 2016a, *Deep residual learning for image recognition*; He et al. 2016b, *Identity mappings in deep residual
# networks*; Ronneberger et al. 2015, *U-Net*; Dong et al. 2018, *Learning deep representations using convolutional auto-encoders with
# symmetric skip connections*; Myronenko 2018, *3D MRI brain tumor segmentation using autoencoder regularization*; Kingma and
# Welling 2014, *Auto-encoding variational Bayes*; Student 1908, *The probable error of a mean*; Holm 1979; healthy-brain thesis.

# %%
import functools
import itertools

import numpy as np
import torch
from torch import nn

from course_lib import evaluation, images, losses, metrics, noise, training, viz
from course_lib.data import brains

# %% [markdown]
# ## Exercise 1: the original residual block ({{points OriginalBlock}})
#
# **Goal.** A module `OriginalBlock(inputs, outputs, stride)`: `ReLU(shortcut(x) + F(x))`. It takes `(N, inputs, H, W)`.
#
# | | layers |
# |---|---|
# | F | conv 3×3 with the stride - BN - ReLU - conv 3×3 - BN |
# | shortcut | `x` itself, if the stride is 1 and `inputs == outputs`; else a 1×1 convolution with the stride, without BN |
#
# **Steps.** Make the layers in `__init__` (`nn.Conv2d` with bias, `padding=1` for 3×3; `nn.BatchNorm2d`, whose `momentum` and `eps`
# stay as PyTorch has them: Keras's momentum counts the other way). In `forward`: both ways, the sum, the ReLU.
#
# **Example.** If F is 0 everywhere, the block answers `ReLU(shortcut(x))`: `[-1, 2]` becomes `[0, 2]`. `OriginalBlock(4, 6, 2)` has
# 4·6·9 + 6 + 6·6·9 + 6 + 4·6 + 6 + 4·6 = 606 parameters, the last 24 for the two BNs.
#
# **Hint.** The second ReLU stands **after** the sum. Were it before, F could only add, and never take away: a denoiser must take away.


# %% nbgrader={"grade_id": "OriginalBlock", "solution": true}
class OriginalBlock(nn.Module):
    """ReLU(shortcut(x) + F(x)) with F = conv-BN-ReLU-conv-BN."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        ### BEGIN SOLUTION
        self.residual = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs),
        )  # fmt: skip
        fits = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if fits else nn.Conv2d(inputs, outputs, 1, stride)
        ### END SOLUTION

    def forward(self, x):
        ### BEGIN SOLUTION
        return torch.relu(self.shortcut(x) + self.residual(x))
        ### END SOLUTION


# %% nbgrader={"grade_id": "OriginalBlock_test", "points": 2}
from course_lib.exercise import random_tensor, random_weights, without

### BEGIN HIDDEN TESTS


def seen(rng, inputs, outputs, stride):
    """In both modes, of huge and tiny inputs: output, gradients, what the BNs remember."""
    block, found = random_weights(OriginalBlock(inputs, outputs, stride), rng).double(), []
    for phase, scale in ((False, 4), (False, 1e6), (True, 4), (True, 1e-3)):
        x = (scale * (random_tensor(rng, 2, inputs, 9, 8).double() - 0.5)).requires_grad_()
        block.train(phase).zero_grad()
        output = block(x * 1)
        output.sin().sum().backward()
        slopes = sorted(float(values.grad.abs().sum()) for values in block.parameters())
        memory = sorted(float(values.abs().sum()) for values in block.buffers() if values.ndim)
        found.append([output, x.grad, slopes, memory])
    return found


### END HIDDEN TESTS
CASES = [  # inputs, outputs, stride, H, W, training, size; mean, spread, last of output and slope
    (5, 5, 1, 6, 9, False, 480, [0.50674, 0.82549, 1.0792], [0.18865, 0.60983, 0.13182]),
    (4, 6, 1, 7, 5, True, 606, [0.85816, 1.3553, 0.46871], [0.057269, 1.1527, 0.56947]),
    (5, 5, 2, 8, 7, True, 510, [0.68518, 1.1422, 0.0], [-0.0086, 0.47377, -0.12401]),
    (6, 4, 3, 10, 8, False, 412, [1.8969, 2.3043, 1.2008], [0.00058209, 0.50713, 0.11567]),
]
few = lambda many: [round(float(one), 4) for one in (many.mean(), many.std(), many.ravel()[-1])]
with (
    torch.random.fork_rng(),
    without("course_lib.models.residual_blocks.OriginalBlock", "course_lib.models.residual_blocks.PreActivationBlock"),
):
    for inputs, outputs, stride, high, wide, phase, size, *right in CASES:
        block, rng = OriginalBlock(inputs, outputs, stride), np.random.default_rng(1)
        where = f"OriginalBlock({inputs}, {outputs}, {stride}), training={phase}: "
        assert (found := sum(values.numel() for values in block.parameters())) == size, where + (
            f"expected {size} parameters, got {found}: two 3×3 convolutions, BNs after them, a 1×1"
            " one where x does not fit; all with bias. PyTorch finds no layer in a plain list"
        )
        random_weights(block, rng).train(phase)
        x = (4 * random_tensor(rng, 3, inputs, high, wide) - 2).requires_grad_()
        output = block(given := x * 1)
        assert torch.equal(given, x), where + "the block has changed x: no in-place ReLU or +="
        (slope,) = torch.autograd.grad(output.sin().sum() + 0 * x.sum(), x)  # of any function
        for many, wanted, what in (
            (output.detach(), right[0], "ReLU(shortcut(x) + F(x)), F = conv-BN-ReLU-conv-BN, has"),
            (slope, right[1], "the gradient of x (no detach(), no_grad() or .data) has"),
        ):
            message = f"{where}{what} mean, spread, last {wanted}, yours has {few(many)}"
            assert np.allclose(few(many), wanted, rtol=1e-3, atol=1e-3), message
    ### BEGIN HIDDEN TESTS
    blocks = [OriginalBlock(4, 6, 2) for _ in range(2)]
    weights = [next(one for one in block.parameters() if one.ndim > 1) for block in blocks]
    assert not torch.equal(*weights), "two new blocks should have different weights: seed nothing"
    for shape in [(5, 5, 1), (4, 6, 1), (6, 4, 1), (5, 5, 2), (4, 6, 2), (4, 6, 3)]:
        where, block = f"OriginalBlock{shape}", OriginalBlock(*shape)
        kinds = [type(layer).__name__ for layer in block.modules()]
        for kind, number in (("Conv2d", 2 + (shape not in [(5, 5, 1)])), ("BatchNorm2d", 2)):
            message = f"{where}: expected {number} nn.{kind}, got {kinds.count(kind)}"
            assert kinds.count(kind) == number, message
        norms = [layer for layer in block.modules() if isinstance(layer, nn.BatchNorm2d)]
        numbers = [(norm.momentum, norm.eps) for norm in norms]
        message = f"{where}: leave momentum and eps of nn.BatchNorm2d as they are, got {numbers}"
        assert numbers == [(0.1, 1e-5)] * 2, message
        with torch.no_grad():
            for values in block.parameters():
                values.zero_()
            x = torch.tensor([-1.0, 2.0]).expand(2, shape[0], 7, 2).contiguous()
            output = block.eval()(x)
        assert torch.equal(output, x.clamp(min=0) if shape == (5, 5, 1) else 0 * output), (
            f"{where}: with all weights at 0 F is 0, and the block should answer"
            " ReLU(shortcut(x)): look at the shortcut and at the last ReLU"
        )
        random_weights(block, np.random.default_rng(2)).train()
        state, means = torch.get_rng_state(), [norm.running_mean.clone() for norm in norms]
        block(random_tensor(np.random.default_rng(3), 3, shape[0], 9, 8)).sin().sum().backward()
        assert not any(map(torch.equal, means, (norm.running_mean for norm in norms))), (
            f"{where}: in training mode each BN should move its running mean: call the layer, as in self.norm(y)"
        )
        idle = [label for label, values in block.named_parameters() if values.grad is None]
        assert not idle, f"{where}: no gradient reaches {idle}"
        assert block.training and norms[0].training, f"{where}: forward should not change the mode"
        assert torch.equal(state, torch.get_rng_state()), f"{where}: forward should draw nothing"
    ### END HIDDEN TESTS
### HIDDEN VALUE: [seen(rng, *sizes) for sizes in ((5, 5, 1), (6, 4, 1), (5, 5, 2), (4, 6, 3))]
print("OriginalBlock: right")

# %% [markdown]
# ## Exercise 2: the full pre-activation block ({{points PreActivationBlock}})
#
# In the original block a ReLU stands in the way of the sum: nothing negative passes from block to block. He et al. (2016b) moved BN and
# ReLU **before** each convolution. Now nothing stands in the way.
#
# **Goal.** A module `PreActivationBlock(inputs, outputs, stride)`: `shortcut(x) + F(x)`, with F = BN - ReLU - conv 3×3 with the stride -
# BN - ReLU - conv 3×3. The shortcut is that of exercise 1.
#
# **Steps.** As in exercise 1, BNs too. The first BN sees the input: how many channels has it?
#
# **Example.** If F is 0 everywhere, the block answers `shortcut(x)`: `[-1, 2]` stays `[-1, 2]`. `PreActivationBlock(4, 6, 2)` has 602 parameters: four
# fewer than the original, as its first BN has 4 channels, not 6.
#
# **Hint.** The shortcut starts at `x` itself, before the first BN. (Some codes let a 1×1 convolution start after the first BN and
# ReLU. The thesis does not, and neither do we.) `nn.ReLU(inplace=True)` does no harm behind a BN, but never let it write into `x`: the shortcut still needs it.


# %% nbgrader={"grade_id": "PreActivationBlock", "solution": true}
class PreActivationBlock(nn.Module):
    """shortcut(x) + F(x) with F = BN-ReLU-conv-BN-ReLU-conv."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        ### BEGIN SOLUTION
        self.residual = nn.Sequential(
            nn.BatchNorm2d(inputs), nn.ReLU(), nn.Conv2d(inputs, outputs, 3, stride, padding=1),
            nn.BatchNorm2d(outputs), nn.ReLU(), nn.Conv2d(outputs, outputs, 3, padding=1),
        )  # fmt: skip
        fits = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if fits else nn.Conv2d(inputs, outputs, 1, stride)
        ### END SOLUTION

    def forward(self, x):
        ### BEGIN SOLUTION
        return self.shortcut(x) + self.residual(x)
        ### END SOLUTION


# %% nbgrader={"grade_id": "PreActivationBlock_test", "points": 2}
from course_lib.exercise import random_tensor, random_weights, without

### BEGIN HIDDEN TESTS


def seen(rng, inputs, outputs, stride):
    """In both modes, of huge and tiny inputs: output, gradients, what the BNs remember."""
    block, found = random_weights(PreActivationBlock(inputs, outputs, stride), rng).double(), []
    for phase, scale in ((False, 4), (False, 1e6), (True, 4), (True, 1e-3)):
        x = (scale * (random_tensor(rng, 2, inputs, 9, 8).double() - 0.5)).requires_grad_()
        block.train(phase).zero_grad()
        output = block(x * 1)
        output.sin().sum().backward()
        slopes = sorted(float(values.grad.abs().sum()) for values in block.parameters())
        memory = sorted(float(values.abs().sum()) for values in block.buffers() if values.ndim)
        found.append([output, x.grad, slopes, memory])
    return found


### END HIDDEN TESTS
CASES = [  # inputs, outputs, stride, H, W, training, size; mean, spread, last of output and slope
    (5, 5, 1, 6, 9, False, 480, [-0.19508, 1.2726, 1.0798], [0.35978, 0.66409, 1.515]),
    (4, 6, 1, 7, 5, True, 602, [0.15984, 2.2037, 0.60283], [0.093648, 1.5722, 0.17171]),
    (5, 5, 2, 8, 7, True, 510, [-0.41936, 1.628, -1.7419], [-0.045909, 0.65697, 0.028239]),
    (6, 4, 3, 10, 8, False, 416, [0.64973, 1.9212, 0.39871], [-0.035326, 0.49627, -0.10791]),
]
few = lambda many: [round(float(one), 4) for one in (many.mean(), many.std(), many.ravel()[-1])]
with (
    torch.random.fork_rng(),
    without("course_lib.models.residual_blocks.OriginalBlock", "course_lib.models.residual_blocks.PreActivationBlock"),
):
    for inputs, outputs, stride, high, wide, phase, size, *right in CASES:
        block, rng = PreActivationBlock(inputs, outputs, stride), np.random.default_rng(1)
        where = f"PreActivationBlock({inputs}, {outputs}, {stride}), training={phase}: "
        assert (found := sum(values.numel() for values in block.parameters())) == size, where + (
            f"expected {size} parameters, got {found}: two 3×3 convolutions, BNs before them, a 1×1"
            " one where x does not fit; all with bias. PyTorch finds no layer in a plain list"
        )
        random_weights(block, rng).train(phase)
        x = (4 * random_tensor(rng, 3, inputs, high, wide) - 2).requires_grad_()
        output = block(given := x * 1)
        assert torch.equal(given, x), where + "the block has changed x: no in-place ReLU or +="
        (slope,) = torch.autograd.grad(output.sin().sum() + 0 * x.sum(), x)  # of any function
        for many, wanted, what in (
            (output.detach(), right[0], "shortcut(x) + F(x), F = BN-ReLU-conv-BN-ReLU-conv, has"),
            (slope, right[1], "the gradient of x (no detach(), no_grad() or .data) has"),
        ):
            message = f"{where}{what} mean, spread, last {wanted}, yours has {few(many)}"
            assert np.allclose(few(many), wanted, rtol=1e-3, atol=1e-3), message
    ### BEGIN HIDDEN TESTS
    blocks = [PreActivationBlock(4, 6, 2) for _ in range(2)]
    weights = [next(one for one in block.parameters() if one.ndim > 1) for block in blocks]
    assert not torch.equal(*weights), "two new blocks should have different weights: seed nothing"
    for shape in [(5, 5, 1), (4, 6, 1), (6, 4, 1), (5, 5, 2), (4, 6, 2), (4, 6, 3)]:
        where, block = f"PreActivationBlock{shape}", PreActivationBlock(*shape)
        kinds = [type(layer).__name__ for layer in block.modules()]
        for kind, number in (("Conv2d", 2 + (shape not in [(5, 5, 1)])), ("BatchNorm2d", 2)):
            message = f"{where}: expected {number} nn.{kind}, got {kinds.count(kind)}"
            assert kinds.count(kind) == number, message
        norms = [layer for layer in block.modules() if isinstance(layer, nn.BatchNorm2d)]
        numbers = [(norm.momentum, norm.eps) for norm in norms]
        message = f"{where}: leave momentum and eps of nn.BatchNorm2d as they are, got {numbers}"
        assert numbers == [(0.1, 1e-5)] * 2, message
        with torch.no_grad():
            for values in block.parameters():
                values.zero_()
            x = torch.tensor([-1.0, 2.0]).expand(2, shape[0], 7, 2).contiguous()
            output = block.eval()(x)
        assert torch.equal(output, x if shape == (5, 5, 1) else 0 * output), (
            f"{where}: with all weights at 0 F is 0, and the block should answer"
            " shortcut(x): it starts at x itself, and nothing is done to the sum"
        )
        random_weights(block, np.random.default_rng(2)).train()
        state, means = torch.get_rng_state(), [norm.running_mean.clone() for norm in norms]
        block(random_tensor(np.random.default_rng(3), 3, shape[0], 9, 8)).sin().sum().backward()
        assert not any(map(torch.equal, means, (norm.running_mean for norm in norms))), (
            f"{where}: in training mode each BN should move its running mean: call the layer, as in self.norm(y)"
        )
        idle = [label for label, values in block.named_parameters() if values.grad is None]
        assert not idle, f"{where}: no gradient reaches {idle}"
        assert block.training and norms[0].training, f"{where}: forward should not change the mode"
        assert torch.equal(state, torch.get_rng_state()), f"{where}: forward should draw nothing"
    ### END HIDDEN TESTS
### HIDDEN VALUE: [seen(rng, *sizes) for sizes in ((5, 5, 1), (6, 4, 1), (5, 5, 2), (4, 6, 3))]
print("PreActivationBlock: right")

# %% [markdown]
# ## Exercise 3: a decoder step with a skip ({{points SkipStep}})
#
# The decoder doubles the image by a **transposed convolution**: a convolution run backwards, whose stride spreads the pixels out. Then it
# adds what the encoder had at this size. The thesis adds it **before** its ReLU, so that the sum is rectified once.
#
# **Goal.** A module `SkipStep(inputs, outputs)`. `step(code, skip)` takes `code` `(N, inputs, H, W)` and `skip` `(N, outputs, 2·H, 2·W)`, the
# encoder's output after its BN and before its ReLU. It returns `ReLU(BN(transposed convolution of code) + skip)`.
#
# **Steps.** `nn.ConvTranspose2d` with 3×3 and `stride=2`, then `nn.BatchNorm2d`, as PyTorch has it. Choose `padding` and `output_padding` so that the
# size doubles exactly. In `forward`: convolve, BN, add, ReLU.
#
# **Example.** For `code` of 5×7, the answer has 10×14 pixels. Where BN gives −3 and the skip is 2, it is `ReLU(−1) = 0`.
#
# **Hint.** The size becomes `(H − 1)·2 − 2·padding + 3 + output_padding`. With `padding=1` that is `2·H − 1 + output_padding`.


# %% nbgrader={"grade_id": "SkipStep", "solution": true}
class SkipStep(nn.Module):
    """ReLU(BN(transposed conv of the code) + the encoder's output of that size)."""

    def __init__(self, inputs, outputs):
        super().__init__()
        ### BEGIN SOLUTION
        self.up = nn.ConvTranspose2d(inputs, outputs, 3, stride=2, padding=1, output_padding=1)
        self.norm = nn.BatchNorm2d(outputs)
        ### END SOLUTION

    def forward(self, code, skip):
        ### BEGIN SOLUTION
        return torch.relu(self.norm(self.up(code)) + skip)  # (N, inputs, H, W) -> (N, outputs, 2·H, 2·W)
        ### END SOLUTION


# %% nbgrader={"grade_id": "SkipStep_test", "points": 2}
from course_lib.exercise import random_tensor, random_weights, without

### BEGIN HIDDEN TESTS


def seen(rng, inputs, outputs):
    """In both modes, of huge and tiny inputs: output, gradients, what the BN remembers."""
    step, found = random_weights(SkipStep(inputs, outputs), rng).double(), []
    for phase, scale in ((False, 4), (False, 1e6), (True, 4), (True, 1e-3)):
        code, skip = (
            (scale * (random_tensor(rng, 2, *shape).double() - 0.5)).requires_grad_()
            for shape in ((inputs, 6, 5), (outputs, 12, 10))
        )
        step.train(phase).zero_grad()
        output = step(code * 1, skip * 1)
        output.sin().sum().backward()
        slopes = sorted(float(values.grad.abs().sum()) for values in step.parameters())
        memory = sorted(float(values.abs().sum()) for values in step.buffers() if values.ndim)
        found.append([output, code.grad, skip.grad, slopes, memory])
    return found


### END HIDDEN TESTS
CASES = [  # inputs, outputs, H, W, training, size; mean, spread, last of output and two gradients
    (6, 4, 5, 3, False, 228, [0.7826, 1.0338, 0], [0.0628, 0.8798, -1.6529], [0.1306, 0.5036, 0]),
    (3, 3, 4, 1, True, 90, [0.7246, 0.8856, 0], [0.0575, 0.6518, -0.0780], [0.2117, 0.5011, 0]),
]
few = lambda many: [round(float(one), 4) for one in (many.mean(), many.std(), many.ravel()[-1])]
with (
    torch.random.fork_rng(),
    without("course_lib.models.residual_blocks.doubling", "course_lib.models.residual_blocks.up_block"),
):
    for inputs, outputs, high, wide, phase, size, *right in CASES:
        step, rng = SkipStep(inputs, outputs), np.random.default_rng(1)
        where = f"SkipStep({inputs}, {outputs}), training={phase}, code {high}×{wide}: "
        assert (found := sum(values.numel() for values in step.parameters())) == size, where + (
            f"expected {size} parameters, got {found}: a transposed 3×3 convolution and a BN"
        )
        random_weights(step, rng).train(phase)
        code = (4 * random_tensor(rng, 3, inputs, high, wide) - 2).requires_grad_()
        skip = (4 * random_tensor(rng, 3, outputs, 2 * high, 2 * wide) - 2).requires_grad_()
        try:
            output = step(*(given := [code * 1, skip * 1]))
        except RuntimeError as error:
            raise AssertionError(f"{where}look at padding and output_padding: {error}") from None
        assert all(map(torch.equal, given, [code, skip])), where + "the step has changed its input"
        loss = output.sin().sum() + 0 * (code.sum() + skip.sum())  # any function of the output
        found = output.detach(), *torch.autograd.grad(loss, (code, skip))
        rule = "ReLU(BN(transposed conv) + skip)", "the gradient of code", "the gradient of skip"
        for what, wanted, many in zip(rule, right, found, strict=True):
            message = f"{where}{what} has mean, spread, last {wanted}, yours has {few(many)}"
            assert np.allclose(few(many), wanted, rtol=1e-3, atol=1e-3), message
    ### BEGIN HIDDEN TESTS
    blocks = [SkipStep(4, 6) for _ in range(2)]
    weights = [next(one for one in block.parameters() if one.ndim > 1) for block in blocks]
    assert not torch.equal(*weights), "two new steps should have different weights: seed nothing"
    for sizes in [(6, 4), (3, 3), (1, 2)]:
        where, rng = f"SkipStep{sizes}", np.random.default_rng(2)
        step = random_weights(SkipStep(*sizes), rng).train()
        norms = [layer for layer in step.modules() if isinstance(layer, nn.BatchNorm2d)]
        numbers = [(norm.momentum, norm.eps) for norm in norms]
        message = f"{where}: leave momentum and eps of nn.BatchNorm2d as they are, got {numbers}"
        assert numbers == [(0.1, 1e-5)], message
        doubles = [layer for layer in step.modules() if isinstance(layer, nn.ConvTranspose2d)]
        assert len(doubles) == 1, f"{where}: expected one nn.ConvTranspose2d, got {len(doubles)}"
        code, skip = random_tensor(rng, 3, sizes[0], 6, 5), random_tensor(rng, 3, sizes[1], 12, 10)
        state, mean = torch.get_rng_state(), norms[0].running_mean.clone()
        step(code, skip - 0.5).sin().sum().backward()
        assert not torch.equal(norms[0].running_mean, mean), (
            f"{where}: in training mode the BN should move its running mean: call the layer, as in self.norm(y)"
        )
        idle = [label for label, values in step.named_parameters() if values.grad is None]
        assert not idle, f"{where}: no gradient reaches {idle}"
        assert step.training and norms[0].training, f"{where}: forward should not change the mode"
        assert torch.equal(state, torch.get_rng_state()), f"{where}: forward should draw nothing"
    ### END HIDDEN TESTS
### HIDDEN VALUE: [seen(rng, *sizes) for sizes in ((4, 3), (3, 3), (2, 5))]
print("SkipStep: right")

# %% [markdown]
# ## Exercise 4: what a VAE does between encoder and decoder ({{points draw_code}})
#
# The encoder of a VAE answers with two numbers for each number of the code: the mean `μ`, and the **logarithm of the variance**, `log s²`
# (a network may answer any number, but a variance is positive).
#
# **Goal.** `draw_code(mean, log_variance, generator)` takes two tensors `(N, …)` and returns two things:
#
# 1. a draw from N(μ, s²), of the same shape, through which gradients pass to `mean` and `log_variance` (*reparameterisation*),
# 2. the KL divergence from N(0, 1) of each image's code, `(N,)`: the formula of the theory, **summed** over the code.
#
# **Steps.** Draw `n` from N(0, 1) with `torch.randn(shape, generator=generator)`: one number for each number of the code, in each
# image. The code is `μ + s·n`; clamp and add nothing. For KL, replace `s²` and `log s²` in the formula; sum over all axes but the first.
#
# **Example.** μ = 1 and log s² = 0: KL is ½·(1 + 1 − 1 − 0) = 0.5. For μ = 0 and log s² = 0 it is 0.
#
# **Hint.** `s` is the root of the variance: `exp(log_variance / 2)`. Why so complicated? `torch.normal(mean, s)` draws the same numbers, but its
# gradient for `mean` and `s` is 0: the encoder would learn nothing.


# %% nbgrader={"grade_id": "draw_code", "solution": true}
def draw_code(mean, log_variance, generator):
    """A draw from N(mean, exp(log_variance)) with gradients, and the KL divergence of each image's code, (N,)."""
    ### BEGIN SOLUTION
    draw = torch.randn(mean.shape, generator=generator)
    code = mean + torch.exp(log_variance / 2) * draw
    divergence = (mean**2 + torch.exp(log_variance) - 1 - log_variance) / 2
    return code, divergence.flatten(1).sum(1)  # (N, …) -> (N, code) -> (N,)
    ### END SOLUTION


# %% nbgrader={"grade_id": "draw_code_test", "points": 3}
from course_lib.exercise import random_tensor, without
### BEGIN HIDDEN TESTS


def seen(rng, *shape):
    """Divergence, gradients (of the code by what was drawn), and a code whose s is 0."""
    mean = (6 * random_tensor(rng, *shape).double() - 3).requires_grad_()
    logs = (26 * random_tensor(rng, *shape).double() - 20).requires_grad_()
    code, divergence = draw_code(mean * 1, logs * 1, torch.Generator().manual_seed(0))
    pull = torch.autograd.grad(divergence.sum(), (mean, logs), retain_graph=True)
    moved, widened = torch.autograd.grad(code.sum(), (mean, logs))
    still = draw_code(mean, logs * 0 - 200, torch.Generator().manual_seed(0))
    return [divergence, *pull, moved, widened / (code - mean), *still]


### END HIDDEN TESTS
with without(
    "course_lib.models.vae.reparameterise",
    "course_lib.losses.kl_divergence",
    "torch.distributions.kl.kl_divergence",
    "torch.distributions.normal.Normal",
):
    mean = torch.tensor([[[0, -1.5], [2, 0.3]], [[1, 0], [0, 0]], [[0.5, -3], [-0.2, 1.2]]])
    logs = torch.tensor([[[-8.0, 5], [1, -2]], [[0, 0], [0, 0]], [[3, -5], [0.4, -0.7]]])
    given = [mean.requires_grad_() * 1, logs.requires_grad_() * 1]
    draws, state = torch.Generator().manual_seed(5), torch.get_rng_state()
    code, divergence = draw_code(*given, draws)
    assert all(map(torch.equal, given, [mean, logs])), "the function has changed its input"
    found, right = divergence.tolist(), [78.8036, 0.5, 15.5553]  # by integration
    message = f"expected the divergences {right}, got {found}: look at the ½, the sum, s², log s²"
    assert np.shape(found) == (3,) and np.allclose(found, right, rtol=1e-4), message
    for what, many, slopes in (
        ("code should have the gradients 1 and s·n / 2", code, (1 + 0 * mean, (code - mean) / 2)),
        ("KL should have the gradients μ and (s² − 1) / 2", divergence, (mean, logs.expm1() / 2)),
    ):
        total = many.sum() + 0 * (mean + logs).sum()  # has a gradient in any case
        found = torch.autograd.grad(total, (mean, logs), retain_graph=True)
        message = f"the {what} for mean and log_variance: mean + s·n, nothing detached"
        assert all(map(torch.allclose, found, slopes)), message
    normal = torch.full((4, 5, 20000), 2.0), torch.full((4, 5, 20000), -1.3862944)  # N(2, 0.5²)
    n = (draw_code(*normal, draws)[0] - 2) / 0.5  # 400,000 draws: their mean is good to 0.002
    for what, found, right, far in (
        ("mean", n.mean(), 0, 0.01),
        ("standard deviation", n.std(), 1, 0.01),
        ("share beyond four s", (n.abs() > 4).float().mean(), 6.3e-5, 5e-5),  # good to 1.3e-5
    ):
        message = f"of 400,000 draws of n the {what} should be {right}, got {found:.4g}: n is"
        assert abs(found - right) < far, message + " what torch.randn gives, and s the root of s²"
    assert torch.equal(state, torch.get_rng_state()), "you drew without `generator`: hand it on"
    ### BEGIN HIDDEN TESTS
    assert code.shape == mean.shape, f"expected a code of {mean.shape}, got {code.shape}"
    assert len(n.unique()) > 100_000, "draw n in single precision or better, and do not round it"
    off = abs(float(n.mean())), abs(float(n.std()) - 1)
    assert max(off) < 0.007, f"mean and standard deviation of n are off by {off}: stretch nothing"
    share = float((n.abs() < 1).float().mean())  # good to 0.001
    assert abs(share - 0.683) < 0.006, f"68.3 % of the draws should lie within s, got {share:.1%}"
    for what, rows in (("images", n), ("numbers of a code", n.transpose(0, 1))):
        strongest = float((torch.corrcoef(rows.flatten(1)) - torch.eye(len(rows))).abs().max())
        message = f"two {what} have draws correlated by {strongest:.2f}: n has the mean's shape"
        assert strongest < 0.05, message  # by chance 0.01
    first, second = (draw_code(*normal, torch.Generator().manual_seed(6))[0] for _ in range(2))
    assert torch.equal(first, second), "one seed should give one code: hand `generator` on"
    first, second = (draw_code(*(one[:1, :1, :9] for one in normal), draws)[0] for _ in range(2))
    assert not torch.equal(first, second), "two calls draw different numbers: seed nothing"
    for shape in ((1, 2), (2, 1), (2, 2, 1, 1)):  # 1000 calls: figures good to 0.03
        calls = [draw_code(torch.zeros(shape), torch.zeros(shape), draws)[0] for _ in range(1000)]
        few = torch.stack(calls).flatten(1).T  # a row for each number of a code
        rows = torch.cat([few[:, :-1], few[:, 1:]])  # one call, and the next
        assert (rows.std(1) - 1).abs().max() < 0.15, "do not normalise n in each call"
        likeness = (torch.corrcoef(rows) - torch.eye(len(rows))).abs().max()
        assert likeness < 0.2, "each number of each code, in each call, has a draw of its own"
    assert torch.is_grad_enabled(), "the function should leave gradients switched on"
    ### END HIDDEN TESTS
### HIDDEN VALUE: [seen(rng, *shape) for shape in ((3, 2, 4), (1, 5), (4, 2, 3, 1), (2, 1))]
print("draw_code: right")

# %% [markdown]
# ## Exercise 5: the loss of the thesis ({{points thesis_loss}})
#
# Lab 05 had 1 − SSIM as a loss. The thesis minimises **DSSIM** = (1 − SSIM) / 2, and in some runs adds an **L2 penalty**: `l2` times the sum of all
# squared weights, as in Keras. It pulls weights that earn nothing towards 0.
#
# **Goal.** `thesis_loss(model, prediction, target, ssim, l2)`: one number, the mean DSSIM of the batch + `l2` · Σ w².
#
# **Steps.**
# 1. `ssim(prediction, target)` gives one SSIM for each image, `(N,)`. From it the mean DSSIM.
# 2. The sum of the squares of all **kernels** of `model`: the parameters with two axes or more, in blocks too, frozen ones too, whatever
#    the layer. Biases, and BN's scale and shift, have one axis; they are not punished.
#
# The function only computes: weights, gradients and the mode of `model` stay as they are.
#
# **Example.** SSIMs 0.9 and −0.2: the DSSIMs are 0.05 and 0.6, their mean 0.325. Kernels 2 and −3, and `l2` = 0.01: 0.325 + 0.01 · (4 + 9) = 0.455.
#
# **Hint.** The penalty needs its gradient: no `.item()`, no `.data`. (An optimiser of PyTorch with `weight_decay` adds `weight_decay · w` to the gradient.
# The gradient of `l2 · w²` is `2 · l2 · w`. So Keras's 1e-5 is a `weight_decay` of 2e-5.)


# %% nbgrader={"grade_id": "thesis_loss", "solution": true}
def thesis_loss(model, prediction, target, ssim, l2):
    """Mean DSSIM of a batch, plus l2 times the sum of the squares of all kernels."""
    ### BEGIN SOLUTION
    dissimilarity = ((1 - ssim(prediction, target)) / 2).mean()
    kernels = [parameter for parameter in model.parameters() if parameter.ndim >= 2]
    return dissimilarity + l2 * sum((kernel**2).sum() for kernel in kernels)
    ### END SOLUTION


# %% nbgrader={"grade_id": "thesis_loss_test", "points": 2}
from course_lib.exercise import random_tensor, random_weights, without

### BEGIN HIDDEN TESTS


def pulled(rng, l2, count):
    """The loss and its gradients, in double precision: SSIMs from −2 to 1, one layer frozen."""
    block = nn.Sequential(nn.ConvTranspose2d(3, 2, 2), nn.Bilinear(2, 2, 1), nn.Conv3d(1, 1, 2))
    model = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), block, nn.Linear(3, 2, bias=False))
    random_weights(model, rng).double()[2][0].requires_grad_(False)
    prediction, target = (2 * random_tensor(rng, count).double() - 1 for _ in range(2))
    learning = [values for values in model.parameters() if values.requires_grad]
    learning.append(prediction.requires_grad_())
    loss = thesis_loss(model, prediction, target, lambda x, y: x - y**2, l2)
    zero = 0 * sum(values.sum() for values in learning)
    return [loss, *torch.autograd.grad(loss + zero, learning)]


### END HIDDEN TESTS
scores, target = torch.tensor([0.9, -0.2], requires_grad=True), torch.tensor([7.0, 8.0])
two = nn.Sequential(nn.Linear(1, 1), nn.Linear(1, 1))
block = nn.Sequential(nn.ConvTranspose2d(3, 2, 2), nn.PReLU(2), nn.Conv1d(1, 2, 3))
deep = nn.Sequential(nn.Embedding(2, 2), nn.BatchNorm2d(3), block, nn.Conv3d(1, 1, 2))
deep[0].weight.requires_grad_(False)  # a frozen layer
with without(
    "course_lib.losses.DSSIMLoss", "course_lib.losses.SSIMLoss", "course_lib.metrics.dssim", "course_lib.metrics.ssim"
):

    def scripted(x, y):  # an SSIM that is the prediction itself
        assert x is scores and y is target, "call ssim(prediction, target), in this order"
        return x * 1.0

    for model, values, l2, right, hint in (
        (two, (2, 5, -3, 7), 0, 0.325, "no penalty: the mean of (1 − SSIM) / 2, nothing clipped"),
        (two, (2, 5, -3, 7), 0.01, 0.455, "the example: the squares of 2 and −3, no bias"),
        (deep, np.arange(1, 11) / 10, 0.02, 0.591, "all kernels: in blocks, frozen, 2 to 5 axes"),
    ):
        learning = [scores, *(one for one in model.parameters() if one.requires_grad)]
        for parameter, value in zip(model.parameters(), values, strict=True):
            nn.init.constant_(parameter, value)
        loss = thesis_loss(model, scores, target, scripted, l2)
        assert np.shape(loss) == (), f"return one number, got the shape {np.shape(loss)}"
        assert abs(float(loss) - right) < 1e-5, f"{hint}: expected {right}, got {float(loss):.5f}"
        slopes = torch.autograd.grad(loss + 0 * sum(one.sum() for one in learning), learning)
        for one, slope in zip(learning, slopes, strict=True):
            wanted = -0.25 if one is scores else 2 * l2 * one.detach() * (one.ndim > 1)
            message = f"{hint}: the gradient should be {wanted}, not {slope}: detach nothing"
            assert torch.allclose(slope, wanted + 0 * one), message
    ### BEGIN HIDDEN TESTS
    one = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.Dropout())
    random_weights(one, np.random.default_rng(8))
    for phase in (False, True):
        one.train(phase)
        one[0].bias.requires_grad_(phase)
        for values in one.parameters():
            values.grad = torch.ones_like(values)
        before = [values.detach().clone() for values in one.state_dict().values()]
        state = torch.get_rng_state()
        loss = thesis_loss(one, scores, target, scripted, 0.1)
        assert all(map(torch.equal, before, one.state_dict().values())), (
            "the function has changed the weights: the optimiser moves them, the loss counts them"
        )
        kept = [values.grad is not None and values.grad.eq(1).all() for values in one.parameters()]
        assert all(kept), "the function has changed gradients: the training step clears them and calls backward()"
        left = one.training, one[2].training, one[0].bias.requires_grad
        assert left == (phase,) * 3, "the function should leave the model's mode as it is"
        assert torch.equal(state, torch.get_rng_state()), "the function should draw nothing"
    ### END HIDDEN TESTS
### HIDDEN VALUE: [pulled(rng, l2, count) for l2, count in ((rng.uniform(0.01, 0.1), 5), (0, 1))]
print("thesis_loss: right")

# %% [markdown]
# ## Exercise 6: the paired t-test ({{points paired_t}})
#
# Two networks mend the same n images. Some images are hard for both, so the errors of one network scatter more than the networks differ. Look at the
# **difference** in each image, and the hardness is gone: that is what *paired* (or *dependent*) means.
#
# **Goal.** `paired_t(first, second)` of two numpy arrays `(n,)`, one value an image, returns `(t, p)`:
#
# $$ t = \frac{\bar d}{s_d / \sqrt n} \qquad d = \text{first} - \text{second} \qquad s_d^2 = \frac{1}{n-1} \sum_i (d_i - \bar d)^2 $$
#
# and p, **two-sided**: how often would |t| be at least so large, by chance alone, if the true mean difference were 0?
#
# **Steps.** The differences; their mean; their standard deviation with `n − 1` below. Then t. For p: `stats.t.sf(x, degrees)` is the chance of a t
# above x, with n − 1 degrees of freedom. Take it for |t|, twice.
# (`1 - stats.t.cdf(x, degrees)` is the same on paper, and 0 where p is tiny.)
#
# **Example.** `[3, 5, 7]` and `[2, 3, 4]`: d is `[1, 2, 3]`, its mean 2, s 1, so t = 2 / (1/√3) = 3.46, and p = 0.074.
#
# **Hint.** `np.std` divides by n, unless you say `ddof=1`. (On the slide of the thesis the formula stands with a root too many, and without the squares in
# the standard deviation. Slides have slips; check a formula by an example.)

# %%
from scipy import stats


# %% nbgrader={"grade_id": "paired_t", "solution": true}
def paired_t(first, second):
    """t and two-sided p of the paired t-test of two numpy arrays (n,)."""
    ### BEGIN SOLUTION
    d = first - second
    t = d.mean() / (d.std(ddof=1) / np.sqrt(len(d)))
    return t, 2 * stats.t.sf(abs(t), len(d) - 1)
    ### END SOLUTION


# %% nbgrader={"grade_id": "paired_t_test", "points": 3}
from course_lib.exercise import without

rng = np.random.default_rng(7)
hard = rng.normal(30, 6, 14)  # images differ by 6 dB, the methods by less than 1
one, two, three = hard + rng.normal([[0], [0.3], [0.03]], 0.4, (3, 14))
ties = np.array([4.0, 6, 3, 9, 8]), np.array([4.0, 5, 3, 7, 9])
CASES = [  # what, first, second, t, p
    ("three images", np.array([3.0, 5, 7]), np.array([2.0, 3, 4]), 3.4641016, 0.0741799),
    ("fourteen images, the second method is better", one, two, -4.286481, 0.0008851779),
    ("fourteen images, both methods exchanged", two, one, 4.286481, 0.0008851779),
    ("fourteen images, hardly a difference", one, three, -2.3491528, 0.03528175),
    ("two images", one[:2], three[:2], 2.8873543, 0.2122545),
    ("five images, two of them alike for both methods", *ties, 0.7844645, 0.4766207),
    ("very small numbers", 1e-9 * one, 1e-9 * two, -4.286481, 0.0008851779),
    ("a clear difference, whose p is tiny", 60 + one, two, 500.3186706, 3.0684036e-29),
]
with without(
    "course_lib.evaluation.paired_test",
    "course_lib.evaluation.paired_tests",
    "scipy.stats.ttest_rel",
    "scipy.stats.ttest_1samp",
    "scipy.stats.ttest_ind",
    "scipy.stats.ttest_ind_from_stats",
    "scipy.stats.mstats.ttest_rel",
    "scipy.stats.mstats.ttest_1samp",
    "scipy.stats.mstats.ttest_ind",
):
    for what, first, second, right_t, right_p in CASES:
        answer = paired_t(*(given := [first.copy(), second.copy()]))
        assert np.shape(answer) == (2,), f"return two numbers, (t, p); got {answer!r}"
        assert np.array_equal(given, [first, second]), "the function has changed its input"
        message = f"{what}: expected t = {right_t:.5g}, got {answer[0]:.5g}: d = first − second"
        assert np.isclose(answer[0], right_t, rtol=1e-6), message + ", ddof=1, √n"
        message = f"{what}: t is right, expected p = {right_p:.5g}, got {answer[1]:.5g}: two-sided"
        assert np.isclose(answer[1], right_p, 1e-5, 0), message + ", n − 1 degrees"
### HIDDEN VALUE: [paired_t(rng.normal(30 + n / 50, 1, n), rng.normal(30, 1, n)) for n in (2, 9, 45, 200)]
### HIDDEN VALUE: paired_t(*(rng.normal(0.1, 1, (2, 12)) * 10 ** rng.uniform(-9, 9)))
### HIDDEN VALUE: paired_t(*(10 ** rng.uniform(5, 6) + rng.normal(0.1, 1, (2, 12))))
print("paired_t: right")

# %% [markdown]
# ## The data, and four ways to spoil a brain
#
# Training and validation: **synthetic subjects**, split by subject. Test: Colin27, a real head, never in training. The thesis resized its slices to 128×128
# pixels. So do we on a GPU; on a CPU it is 64×64, to save time.
#
# Each training image is spoiled anew in every epoch, as in the thesis: 0 to 5 % of the pixels dropped, Gaussian noise of sigma 0 to 0.04, sometimes a blank square
# (probability 0.1), sometimes blur (0.1). That is `augment.thesis_corruption` of lab 03.
#
# (The first time about a minute, with a progress bar; then the heads are kept on disk.)

# %% tags=["experiment"]
from course_lib.data import augment

side = profile.pick(ci=64, cpu=64, gpu=128)


def small(pictures):
    """(N, 1, H, W) -> (N, 1, side, side): crop to a square around the middle, then average pixels."""
    edge = min(pictures.shape[-2:])
    top, left = (pictures.shape[-2] - edge) // 2, (pictures.shape[-1] - edge) // 2
    return nn.functional.interpolate(
        pictures[..., top : top + edge, left : left + edge].float(), size=(side, side), mode="area"
    )


subjects = profile.pick(ci=2, cpu=12, gpu=20)
cohort = brains.brain_slices("cohort", subjects=subjects, slices=profile.pick(ci=8, cpu=30, gpu=30))
held_out = cohort.subjects >= subjects - max(1, subjects // 6)  # split by subject, not by slice
train_slices, validation = small(cohort.images[~held_out]), small(cohort.images[held_out][::2])
colin = brains.brain_slices("colin27", slices=profile.pick(ci=6, cpu=24, gpu=48))
test, brain = small(colin.images), small(colin.brain_masks) > 0.5
print(
    "train",
    tuple(train_slices.shape),
    "validation",
    tuple(validation.shape),
    "(synthetic); test",
    tuple(test.shape),
    "(Colin27, real)",
)

edge = side // 6
hole = torch.zeros(1, 1, side, side, dtype=torch.bool)
hole[..., side // 3 : side // 3 + edge, side // 3 : side // 3 + edge] = True  # a square in the left half of the brain
SPOILED = {  # each of the four alone, at its strongest; a function of images and a generator
    "noise 0.04": lambda x, generator: noise.gaussian(x, 0.04, generator=generator),
    "5 % dropped": lambda x, generator: noise.masking(x, 0.05, generator=generator),
    "blur": lambda x, generator: augment.blur(x, probability=1, generator=generator),
    "blank square": lambda x, generator: x * ~hole,
}
spoiled = {name: spoil(test, torch.Generator().manual_seed(0)) for name, spoil in SPOILED.items()}
middle = len(test) // 2
quality = {name: metrics.psnr(pictures, test, data_range=1).mean().item() for name, pictures in spoiled.items()}
viz.gallery(
    [test[middle], *(pictures[middle] for pictures in spoiled.values())], columns=5,
    titles=["Colin27", *(f"{name}\n{value:.1f} dB" for name, value in quality.items())],
    title=f"Four ways to spoil a brain: {min(quality, key=quality.get)} costs most (mean PSNR of {len(test)} slices)",
)  # fmt: skip

# %% [markdown]
# ## Play: how much may be lost?
#
# Drop more and more pixels. At which share would you no longer find the ventricles? The networks below have seen at most 5 %.

# %% tags=["experiment"]
viz.noise_slider(test[middle, 0], noise.masking, label="share dropped", maximum=0.6, value=0.05, title="Dropped pixels")

# %% [markdown]
# ## An honest experiment: the thesis's twelve networks
#
# Five architectures; the last row of their encoder is 8 times smaller than the image, and has 128 channels. Count: that is a code of 128 · H/8 · W/8 = **2·H·W**
# numbers, twice as many as the image has. The thesis speaks of a lower dimension; the narrow place is none. What keeps these networks
# from copying is the spoiled input, as in lab 02.
#
# | here | in the library | skips |
# |---|---|---|
# | residual U-Net | `ResidualUNet` | pre-activation blocks, and skips that are joined |
# | shallow residual | `ShallowResidualAE`: your block of exercise 2 | inside the encoder only |
# | skip CAE | `SkipCAE`: your step of exercise 3 | added |
# | Myronenko CAE | `MyronenkoCAE`: pre-activation blocks, deeper | inside the encoder only |
#
# (The fifth, with original blocks, is not among the twelve.) Look at the first two: they are the same network, with and without the joined skips. All train by the
# thesis's recipe, `training.THESIS_RECIPE`: RMSprop, learning rate 0.001, a lower rate on a plateau, the best epoch's weights. What we changed on a CPU: half the
# width (16 channels, not 32; Myronenko's too), batches of 16, 12 epochs. That is about 230 steps, where the thesis had thousands of batches in each epoch.
#
# One network is trained twice, with **another seed**: the yardstick for all differences. Outputs are clipped to [0, 1] before scoring; the spoiled images are not.
#
# (About three minutes and 1 GB on 2 cores. On a GPU it trains three seeds at full size; how long that takes was not measured yet.)

# %% tags=["experiment"]
from tqdm.auto import tqdm

from course_lib.models.autoencoders import MyronenkoCAE, ResidualUNet, ShallowResidualAE, SkipCAE

MODELS = {
    "residual U-Net": ResidualUNet,
    "shallow residual": ShallowResidualAE,
    "skip CAE": SkipCAE,
    "Myronenko CAE": MyronenkoCAE,
}
PUBLISHED = {  # healthy-brain thesis, IXI, with augmentation: (architecture, recipe) -> MSE, DSSIM, PSNR
    ("residual U-Net", "MSE"): (3.44e-5, 2.95e-3, 44.9),
    ("shallow residual", "MSE"): (1.51e-4, 6.75e-3, 38.6),
    ("shallow residual", "MSE + L2"): (3.24e-4, 1.14e-2, 35.2),
    ("skip CAE", "MSE"): (2.99e-4, 9.36e-3, 35.7),
    ("skip CAE", "MSE + L2"): (2.25e-4, 1.65e-2, 36.8),
    ("Myronenko CAE", "MSE"): (3.27e-4, 1.57e-2, 35.1),
    ("residual U-Net", "DSSIM"): (7.49e-5, 1.44e-3, 41.8),
    ("shallow residual", "DSSIM"): (2.88e-4, 4.14e-3, 35.9),
    ("shallow residual", "DSSIM + L2"): (2.34e-4, 3.70e-3, 36.7),
    ("skip CAE", "DSSIM"): (4.57e-4, 4.71e-3, 33.7),
    ("skip CAE", "DSSIM + L2"): (4.08e-4, 4.38e-3, 34.2),
    ("Myronenko CAE", "DSSIM"): (6.69e-4, 4.31e-3, 32.1),
}
width = profile.pick(ci=4, cpu=16, gpu=32)
seeds = range(profile.pick(ci=1, cpu=1, gpu=3))
budget = profile.pick(
    ci={"epochs": 1, "batch_size": 16}, cpu={"epochs": 12, "batch_size": 16}, gpu={"epochs": 60, "batch_size": 32}
)


def train(architecture, recipe, seed):
    """A new network, trained as in the thesis; the same seed gives the same order of images and the same noise."""
    with training.fixed_seed(seed):
        model = MODELS[architecture](width=width)
    history = training.fit(
        model, train_slices, validation, corrupt=augment.thesis_corruption, seed=seed, progress=False,
        **(training.THESIS_RECIPE[recipe] | budget),
    )  # fmt: skip
    return model, history


OTHER = "residual U-Net, MSE, other seed"
jobs = {f"{architecture}, {recipe}": (architecture, recipe) for architecture, recipe in PUBLISHED}
networks, histories = [], []  # one dict {name: network} for each seed
for seed in seeds:
    trained = {name: train(*job, seed) for name, job in tqdm(jobs.items(), desc=f"networks, seed {seed}")}
    networks.append({name: model for name, (model, _) in trained.items()})
    histories.append({name: history for name, (_, history) in trained.items()})
networks[0][OTHER], _ = train("residual U-Net", "MSE", 100)

# %% tags=["experiment"]
SCORES = {
    "MSE": metrics.mse,
    "DSSIM": functools.partial(metrics.dssim, data_range=1),
    "PSNR": functools.partial(metrics.psnr, data_range=1),
}
published = {
    f"{architecture}, {recipe}": dict(zip(SCORES, row, strict=True))
    for (architecture, recipe), row in PUBLISHED.items()
}


def thesis_corruption(image, sigma, generator):
    """`evaluation.compare` names a sigma; the thesis draws its own, at most 0.04."""
    return augment.thesis_corruption(image, generator=generator)


def compare(models, seed):
    methods = {name: lambda noisy, _, model=model: training.denoise(model, noisy) for name, model in models.items()}
    return evaluation.compare(
        methods, test, thesis_corruption, sigma=0.04, metrics=SCORES, masks={"whole image": None}, seed=seed, repeats=profile.pick(ci=1, cpu=4, gpu=4),
        published=published, progress=False,
    )  # fmt: skip


tables = [compare(models, seed) for seed, models in enumerate(networks)]
tables[0]

# %% [markdown]
# Read this table slowly. Published and ours are not the same images, not the same size, and not the same training. What can be compared is the
# **order**, and not the numbers. The first row is the spoiled image itself: a network that scores worse would better have done nothing.
#
# The next cell tests the first two claims with numbers. The third follows below.

# %% tags=["experiment"]
values = {  # per name: mean over seeds
    metric: {name: np.mean([table.mean(name, metric) for table in tables]) for name in jobs} for metric in SCORES
}
noisy_row = {metric: tables[0].mean(evaluation.NOISY, metric) for metric in SCORES}
worse = [name for name in jobs if values["MSE"][name] > noisy_row["MSE"]]
print(
    f"The spoiled images: MSE {noisy_row['MSE']:.2e}, DSSIM {noisy_row['DSSIM']:.2e}, PSNR {noisy_row['PSNR']:.2f} dB"
)
print(
    f"Networks that are worse than doing nothing, by MSE: {len(worse)} of 12"
    + (": " + "; ".join(worse) if worse else "")
)

print("\nClaim 1: the residual U-Net is best, whatever the loss")
for loss in ("MSE", "DSSIM"):
    group = [name for name in jobs if name.split(", ")[1].startswith(loss)]
    for metric in ("MSE", "DSSIM"):
        order = sorted(group, key=values[metric].get)
        print(
            f"  trained with {loss:5}  by {metric:5}  best: {order[0]:28} {values[metric][order[0]]:.2e}   then: {order[1]:28} {values[metric][order[1]]:.2e}"
        )

print("\nClaim 2: L2 helps with DSSIM, and hurts with MSE")
gains = {}  # (architecture, loss) -> metric -> (published, ours): change by L2 in percent
for architecture, loss in itertools.product(("shallow residual", "skip CAE"), ("MSE", "DSSIM")):
    plain, punished = f"{architecture}, {loss}", f"{architecture}, {loss} + L2"
    gains[architecture, loss] = {
        metric: (
            100 * (published[punished][metric] / published[plain][metric] - 1),
            100 * (values[metric][punished] / values[metric][plain] - 1),
        )
        for metric in ("MSE", "DSSIM")
    }
    print(
        f"  {plain:24}"
        + "".join(
            f"   {metric}: {theirs:+5.0f} % published, {ours:+5.0f} % ours"
            for metric, (theirs, ours) in gains[architecture, loss].items()
        )
    )
another = {
    metric: 100 * (tables[0].mean(OTHER, metric) / tables[0].mean("residual U-Net, MSE", metric) - 1)
    for metric in ("MSE", "DSSIM")
}
print(
    f"  For comparison, another seed alone (residual U-Net, MSE): MSE {another['MSE']:+.0f} %, DSSIM {another['DSSIM']:+.0f} %"
)

# %% tags=["experiment"]
COLOURS = dict(zip(MODELS, ("C0", "C1", "C2", "C3"), strict=True))
MARKERS = {"MSE": "o", "MSE + L2": "s", "DSSIM": "^", "DSSIM + L2": "D"}
ranks = {
    metric: stats.spearmanr(
        [published[name][metric] for name in jobs], [values[metric][name] for name in jobs]
    ).statistic
    for metric in ("MSE", "DSSIM")
}
figure = viz.figure(
    10.5,
    4.3,
    title="Rank correlation of our twelve networks with the published: "
    + ", ".join(f"{rank:+.2f} by {metric}" for metric, rank in ranks.items()),
)
for metric, axes in zip(ranks, figure.subplots(1, 2), strict=True):
    for name, (architecture, recipe) in jobs.items():
        axes.loglog(
            published[name][metric],
            values[metric][name],
            MARKERS[recipe],
            color=COLOURS[architecture],
            markersize=7,
            label=name,
        )
    axes.axhline(noisy_row[metric], color="grey", linestyle=":", label="spoiled images")
    axes.set(xlabel=f"{metric}, published (IXI)", ylabel=f"{metric}, ours (Colin27)")
    ticks = {"MSE": [3e-5, 1e-4, 3e-4], "DSSIM": [2e-3, 5e-3, 1e-2]}[metric]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.xaxis.set_minor_formatter("")
axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5))
figure

# %% [markdown]
# Does the order agree? Where not, think of the budget: an autoencoder without a skip must push every fine line through its code, and that takes
# long to learn. With a skip the image is there at once. After two hundred steps you see who learns *fast*; the thesis saw who ends *best*.
#
# And L2? Compare the lines of claim 2 with the last one: if another seed alone changes as much as L2 does, there is nothing to report. On a CPU the penalty, 1e-5 · Σ w²,
# had only about 230 steps in which to pull.
#
# ## Claim 3: significance
#
# The paired t-test against the residual U-Net, slice by slice, with Holm's correction: with twelve independent tests at 5 %, the chance of at least one false find is 46 %. So the smallest p is multiplied by the
# number of tests, the next one by one less, and so on.

# %% tags=["experiment"]
evaluation.paired_tests(tables[0], reference="residual U-Net, MSE", metric="MSE")

# %% tags=["experiment"]
reference = tables[0].per_slice("residual U-Net, MSE", "MSE")
d = tables[0].per_slice(OTHER, "MSE") - reference
t, p = paired_t(d, np.zeros_like(d))
print(f"The same network, the same recipe, another seed: t = {t:.2f}, p = {p:.2g} over {len(d)} slices.")
neighbours = {}
for name in [*jobs][1:]:
    difference = tables[0].per_slice(name, "MSE") - reference
    neighbours[name] = np.corrcoef(difference[:-1], difference[1:])[0, 1]
rho = float(np.median(list(neighbours.values())))
independent = len(d) * (1 - rho) / (1 + rho)
print(f"Correlation of the difference in one slice with that in the next: {rho:.2f} (median of 11 comparisons).")
print(
    f"So {len(d)} slices say about as much as {max(1, independent):.0f} independent ones (if the correlation falls geometrically), and all are one head: as people, n = 1."
)

# %% [markdown]
# What is tested here? That *these two trained networks* differ on *slices of this one head*. The pairs should be independent, and neighbouring slices are not. And nothing in
# the test knows that you could have trained again. If the second seed of the same network is "significantly different" too, then p cannot speak about
# architectures. For that you need several seeds, and several heads: then average within a head, and let the heads be the pairs
# (`evaluation.paired_tests(..., groups=...)`).
#
# ## Who mends what?
#
# The thesis says: all networks remove noise and blur; dropped pixels stay visible in the shallow residual one; blank squares are filled best by networks with DSSIM. Each spoiling alone:

# %% tags=["experiment"]
shown = [
    "residual U-Net, MSE",
    "residual U-Net, DSSIM",
    "shallow residual, MSE",
    "shallow residual, DSSIM",
    "skip CAE, MSE",
    "skip CAE, DSSIM",
]
mended = {
    (spoil, name): training.denoise(networks[0][name], pictures)
    for spoil, pictures in spoiled.items()
    for name in shown
}
hole_in_brain = hole & brain
slices_with_hole = hole_in_brain.flatten(1).any(1)


def score(pictures, spoil):
    """Mean PSNR; for the blank square inside the square alone, where it lies on brain."""
    if spoil == "blank square":
        return (
            metrics.psnr(
                pictures[slices_with_hole], test[slices_with_hole], data_range=1, mask=hole_in_brain[slices_with_hole]
            )
            .mean()
            .item()
        )
    return metrics.psnr(pictures, test, data_range=1).mean().item()


print(
    f"PSNR (dB), Colin27, {len(test)} slices; blank square: inside the square. Outputs clipped to [0, 1], spoiled images not."
)
print(f"{'':26}" + "".join(f"{spoil:>15}" for spoil in spoiled))
print(f"{'spoiled':26}" + "".join(f"{score(pictures, spoil):>15.2f}" for spoil, pictures in spoiled.items()))
for name in shown:
    print(f"{name:26}" + "".join(f"{score(mended[spoil, name].clamp(0, 1), spoil):>15.2f}" for spoil in spoiled))

# %% tags=["experiment"]
from IPython.display import display

for spoil, pictures in spoiled.items():
    results = {name: score(mended[spoil, name].clamp(0, 1), spoil) for name in shown}
    four = shown[:3] + shown[4:5]
    best, last = max(results, key=results.get), min(results, key=results.get)
    display(
        viz.panel(
            test[middle], pictures[middle], {name: mended[spoil, name][middle] for name in four}, titles=["Colin27", spoil, *four],
            title=f"{spoil}: from {results[last]:.1f} dB ({last}) to {results[best]:.1f} dB ({best}), mean of all slices" + (", in the square" if spoil == "blank square" else ""),
        )
    )  # fmt: skip

# %% [markdown]
# Compare with the first line of the table, the spoiled images. After the short training on a CPU, noise and dropped pixels are mended; but blur costs so little that every network makes it
# **worse** than it was, and the squares stay nearly black (only one training image in ten had one). Look at the difference maps: where a network without a skip leaves edges, it has *blurred*, and the map shows
# the anatomy that is gone. Is there a frame at the border, with DSSIM? SSIM's windows lie whole inside the image, so the outermost pixels hardly count.
#
# And where a long training does fill the square: whatever stands there is **invented**. It may look like a brain; nobody has measured it. In a picture that a doctor reads, what would you rather see there?
#
# ## New brains: a variational autoencoder
#
# Your `draw_code` in the middle of a small dense network, at 32×32 pixels, with 16 numbers in the code. The loss is what Kingma and Welling minimise: the squared
# error of an image / (2·s²) + KL. Here s is the standard deviation that we grant the decoder in each pixel. A small s makes errors dear, and KL cheap beside them; a large s the other
# way round. (The convolutional one, after Myronenko, is `models.vae.MyronenkoVAE`. It needs far more steps. About 20 s.)

# %% tags=["experiment"]
tiny_train, tiny_test = (
    nn.functional.interpolate(pictures, size=(32, 32), mode="area") for pictures in (train_slices, test)
)
granted, numbers = profile.pick(ci=[0.02, 0.1, 0.5], cpu=[0.02, 0.1, 0.5], gpu=[0.02, 0.1, 0.5]), 16


def train_vae(decoder_sd, epochs):
    """Encoder and decoder; `draw_code` between them. The loop of lab 01."""
    with training.fixed_seed(0):
        encoder = nn.Sequential(nn.Flatten(), nn.Linear(32 * 32, 256), nn.ReLU(), nn.Linear(256, 2 * numbers))
        decoder = nn.Sequential(
            nn.Linear(numbers, 256), nn.ReLU(), nn.Linear(256, 32 * 32), nn.Sigmoid(), nn.Unflatten(1, (1, 32, 32))
        )
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=1e-3)
    generator = torch.Generator().manual_seed(0)
    for _ in tqdm(range(epochs), desc=f"VAE, s = {decoder_sd:g}", leave=False):
        for rows in torch.randperm(len(tiny_train), generator=generator).split(16):
            mean, log_variance = encoder(tiny_train[rows]).chunk(2, dim=1)  # (N, 32) -> two times (N, 16)
            code, divergence = draw_code(mean, log_variance, generator)
            error = ((decoder(code) - tiny_train[rows]) ** 2).sum((1, 2, 3))
            loss = (error / (2 * decoder_sd**2) + divergence).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return encoder.requires_grad_(False), decoder.requires_grad_(False)


vaes, found = {}, {}
for decoder_sd in granted:
    encoder, decoder = vaes[decoder_sd] = train_vae(decoder_sd, profile.pick(ci=2, cpu=150, gpu=600))
    for name, pictures in {"training images": tiny_train, "Colin27": tiny_test}.items():
        mean, log_variance = encoder(pictures).chunk(2, dim=1)
        found[decoder_sd, name] = (
            losses.kl_divergence(mean, log_variance).mean().item(),
            metrics.mse(decoder(mean), pictures).mean().item() ** 0.5,
        )
        print(
            f"s = {decoder_sd:<5} {name:16} KL {found[decoder_sd, name][0]:7.1f} nats an image   root mean squared error of the rebuilt images {found[decoder_sd, name][1]:.3f}"
        )

# %% tags=["experiment"]
codes = torch.randn(6, numbers, generator=torch.Generator().manual_seed(0))
first, last = found[granted[0], "training images"], found[granted[-1], "training images"]
viz.gallery(
    [picture for _, decoder in vaes.values() for picture in decoder(codes)], columns=6, titles=[f"s = {s:g}" for s in vaes for _ in range(6)],
    title=f"Codes from N(0, 1). From s = {granted[0]:g} to {granted[-1]:g} KL goes from {first[0]:.0f} to {last[0]:.0f} nats, the error from {first[1]:.3f} to {last[1]:.3f}",
)  # fmt: skip

# %% [markdown]
# With a small s the codes of real brains lie far from N(0, 1): a draw from N(0, 1) falls between them, and the decoder has hardly seen such a code. With a large s
# the draws look alike, since the code says little. Between them lies what one wants. And Colin27? He is rebuilt much worse than the heads of the training: all of these are one anatomy, deformed.
#
# Now walk from one slice to another **through the code**.

# %% tags=["experiment"]
encoder, decoder = vaes[granted[1]]
start, end = (
    encoder(tiny_train[[row]])[:, :numbers] for row in (len(tiny_train) // 40, len(tiny_train) // 14)
)  # the means; one synthetic head, low and high


def walk(share):
    return decoder((1 - share) * start + share * end)


if profile.name != "ci":  # nobody moves a slider there
    try:
        import ipywidgets
    except ImportError:
        print("for the slider: pip install ipywidgets")
    else:
        ipywidgets.interact(
            lambda share: viz.gallery([walk(share)], titles=[f"share {share:.2f}"]), share=(0.0, 1.0, 0.05)
        )
steps = torch.linspace(0, 1, 6)
half_way = float((walk(0.5) - (walk(0) + walk(1)) / 2).abs().mean())
viz.gallery(
    [walk(float(share)) for share in steps], columns=6, titles=[f"share {share:.1f}" for share in steps],
    title=f"From a low slice to a high one through the code: half way, {half_way:.3f} a pixel from a double exposure",
)  # fmt: skip

# %% [markdown]
# ## In your own words ({{points proof}})
#
# A colleague writes: "The residual U-Net is better than the shallow residual autoencoder: paired t-test over 24 slices of a test head, p = 1e-6. So shortcuts make better autoencoders."
# What does his p prove, and what not? What would you do to find out whether *shortcuts* help? Use what you measured. Four to eight sentences.

# %% [markdown] nbgrader={"grade_id": "proof", "solution": true, "points": 2}
# His p says that these two trained networks differ on slices of this one head by more than the slices scatter. It takes the 24 slices as independent, but
# neighbouring slices are nearly the same picture, so p is far too small; as people, n is 1. It knows nothing of the training: in
# my test another seed of the same network gave a small p, too (0.002 on my computer). So it says nothing about architectures. And "shortcuts"
# are two things: both networks have residual blocks, only the skips across the code differ, and with them the number of parameters in the decoder. I would train
# each network with several seeds, with equal budgets, and until none gets better; test on many heads, with one mean a head as a pair; add a
# network without the residual shortcuts but with as many layers; and report the size of the difference with its interval, not only p. Whether the gain is
# worth it is another question: a skip also lets the image go around the code.
#
# ### BEGIN MARK SCHEME
# - 1: says what p proves: two trained networks on one head; slices are not independent, another seed gives a small p too
# - 1: plans a test of shortcuts: several seeds and heads, equal budgets, a network without them, the size of the difference
# ### END MARK SCHEME

# %% [markdown]
# ## What to remember
#
# - `x + F(x)`: where nothing must change, F = 0 is easy, and the gradient has a free way.
# - Original: the sum is rectified. Full pre-activation: nothing is done to the sum. A skip crosses the code: added (before the ReLU) or joined.
# - Count the numbers in the code before you say "lower dimension".
# - KL has a ½, a sum over the code, and log s² is no s. The draw is `μ + s·n`, so that μ and s can learn.
# - `weight_decay` = 2 · l2, for plain L2.
# - Pairs in a paired test must be independent. Slices of a head are not; another seed is the yardstick for all differences.
#
# The functions that you wrote are `course_lib.models.residual_blocks.OriginalBlock` and `PreActivationBlock`, the steps inside `models.autoencoders.SkipCAE`,
# `models.vae.reparameterise` and `losses.kl_divergence`, `losses.DSSIMLoss` with `training.THESIS_RECIPE`, and `evaluation.paired_test`.
