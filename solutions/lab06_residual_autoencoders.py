# %% [markdown]
# # Lab 06: Residual autoencoders
#
# {{badges}}
#
# **The question of this lab: does a shortcut make a better autoencoder, and can you prove it?**
#
# {{head}}
#
# {{exercises}}
#
# ### BEGIN CARD
# level = "core"
# memory = "2 GB"
# compute_minutes = 5
# labs = ["03", "05"]
# lectures = ["04", "08"]
# mathematics = "the normal distribution; mean and standard deviation"
# objectives = [
#     "write the two residual blocks of He et al., and a decoder step with a skip",
#     "write the draw and the penalty of a variational autoencoder",
#     "write the rule of early stopping, and predict what narrows the gap of overfitting",
#     "train a thesis's twelve networks with several seeds, and put its tables beside yours",
#     "write the paired t-test, and see what it cannot prove",
# ]
# minutes = {theory = 15, residual_blocks = 25, SkipStep = 10, draw_code = 20, early_stop = 15, thesis_loss = 15, paired_t = 15, experiments = 30, overfit = 15, proof = 20}
# ### END CARD

# %% tags=["setup"]
# `course build` writes the set-up cell here

# %% [markdown]
# ## Theory in half a page
#
# A deep network must carry the image through many layers, and the gradient back. A **shortcut** adds the input of a few
# layers to their output: `x + F(x)`. The layers learn only what must change, the *residual* F. If nothing must change,
# F = 0 is easy to learn; a copy through convolutions is not. And the gradient of `x + F(x)` holds a 1 that F cannot shrink.
#
# | kind | what is added or joined | where | source |
# |---|---|---|---|
# | original block | `ReLU(x + F(x))`, F = conv-BN-ReLU-conv-BN (BN: batch normalisation) | inside the encoder | He et al. 2016a |
# | full pre-activation block | `x + F(x)`, F = BN-ReLU-conv-BN-ReLU-conv | inside the encoder | He et al. 2016b |
# | skip, added | encoder's image + decoder's image of the same size | across the code | Dong et al. 2018 |
# | skip, joined | both, as more channels | across the code | Ronneberger et al. 2015 |
#
# With a skip the image can go around the **code**, the stage with the fewest pixels.
#
# A master's thesis (Arnaiz-Rodríguez 2021; below: "the thesis") trained four such networks to restore corrupted brain slices, with MSE and with **DSSIM** = (1 − SSIM) / 2, with and
# without an L2 penalty on the weights. It claims: (1) the residual U-Net is best, whatever the loss; (2) L2 helps
# with DSSIM and hurts with MSE; (3) the differences are significant in a paired t-test.
#
# A **variational** autoencoder (VAE) does not give one code, but a distribution: a mean `μ` and a variance `s²` for each number. The
# decoder gets a draw from it. A KL (Kullback-Leibler) penalty keeps it close to N(0, 1), so that later you can draw codes and get new brains:
#
# $$ \mathrm{KL} = \tfrac12 \sum_i \left(\mu_i^2 + s_i^2 - 1 - \log s_i^2\right) $$
#
# **Sources.**
#
# | author, year | title |
# |---|---|
# | He et al. 2016a | [*Deep residual learning for image recognition*](https://arxiv.org/abs/1512.03385) |
# | He et al. 2016b | [*Identity mappings in deep residual networks*](https://arxiv.org/abs/1603.05027) |
# | Dong et al. 2018 | [*Learning deep representations using convolutional auto-encoders with symmetric skip connections*](https://arxiv.org/abs/1611.09119) |
# | Ronneberger et al. 2015 | [*U-Net: convolutional networks for biomedical image segmentation*](https://arxiv.org/abs/1505.04597) |
# | Myronenko 2018 | [*3D MRI brain tumor segmentation using autoencoder regularization*](https://arxiv.org/abs/1810.11654) |
# | Kingma and Welling 2014 | [*Auto-encoding variational Bayes*](https://arxiv.org/abs/1312.6114) |
# | Prechelt 1998 | [*Early stopping, but when?*](https://doi.org/10.1007/3-540-49430-8_3) |
# | Student 1908; Holm 1979 | [*The probable error of a mean*](https://doi.org/10.1093/biomet/6.1.1); [*A simple sequentially rejective multiple test procedure*](https://www.jstor.org/stable/4615733) |
# | Adrián Arnaiz-Rodríguez 2021 | *Deep convolutional autoencoders for reconstructing magnetic resonance images of the healthy brain*, master's thesis, Universitat Oberta de Catalunya |

# %%
import functools
import itertools

import numpy as np
import torch
from torch import nn

from course_lib import evaluation, losses, metrics, noise, training, viz
from course_lib.data import brains
from course_lib.exercise import yours
from course_lib.student import instant_questions

# %% [markdown]
# ## Exercise 1: two residual blocks ({{points residual_blocks}})
#
# In the original block nothing negative passes from block to block. So He et al. (2016b) moved BN and ReLU **before** each
# convolution: the same layers, in another order.
#
# **Goal.** Two modules, `OriginalBlock(inputs, outputs, stride)` and `PreActivationBlock(inputs, outputs, stride)`. Both take
# `(N, inputs, H, W)`.
#
# | | original | full pre-activation |
# |---|---|---|
# | answer | `ReLU(shortcut(x) + F(x))` | `shortcut(x) + F(x)` |
# | F | conv 3×3 with the stride - BN - ReLU - conv 3×3 - BN | BN - ReLU - conv 3×3 with the stride - BN - ReLU - conv 3×3 |
# | shortcut | `x` itself, if the stride is 1 and `inputs == outputs`; else a 1×1 convolution with the stride, without BN | the same: it starts at `x`, before the first BN |
#
# **Steps.** Make the layers in `__init__` (`nn.Conv2d` with bias; `nn.BatchNorm2d` with PyTorch's own `momentum` and `eps`).
# Write one block, test it by eye, then reorder its layers. How many channels has the first BN of each?
#
# **Example.** If F is 0 everywhere, `[-1, 2]` becomes `[0, 2]` in the original block and stays `[-1, 2]` in the other. `OriginalBlock(4, 6, 2)` has
# 4·6·9 + 6 + 6·6·9 + 6 + 4·6 + 6 + 4·6 = 606 parameters, the last 24 for the two BNs; `PreActivationBlock(4, 6, 2)` has four fewer.
#
# **Hint.** F must be able to take away, too: the original's second ReLU stands **after** the sum. And no ReLU may write into `x`: the
# shortcut still needs it.
#
# ### BEGIN EXPLANATION
# F is a correction, so it must be able to have both signs; therefore nothing rectifies it before the sum. The 1×1 convolution only makes
# the shapes fit, and where they fit already, x itself passes. With BN and ReLU in front, nothing is done to the sum either: a chain of blocks is a plain sum of its
# inputs and corrections, and the gradient has a free way back. The first BN then normalises what comes in, hence `inputs` channels. Two slips are common:
# a ReLU at F's end (such a block can brighten but never darken), and a shortcut that starts after the first BN (then x no longer passes as it is).
# ### END EXPLANATION

# %% nbgrader={"grade_id": "residual_blocks", "solution": true}
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


class PreActivationBlock(nn.Module):
    """shortcut(x) + F(x) with F = BN-ReLU-conv-BN-ReLU-conv."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        ### BEGIN SOLUTION
        self.change = nn.Sequential(
            nn.BatchNorm2d(inputs), nn.ReLU(), nn.Conv2d(inputs, outputs, 3, stride, padding=1),
            nn.BatchNorm2d(outputs), nn.ReLU(), nn.Conv2d(outputs, outputs, 3, padding=1),
        )  # fmt: skip
        same = inputs == outputs and stride == 1
        self.passes = nn.Identity() if same else nn.Conv2d(inputs, outputs, 1, stride)
        ### END SOLUTION

    def forward(self, x):
        ### BEGIN SOLUTION
        return self.passes(x) + self.change(x)
        ### END SOLUTION


# %% nbgrader={"grade_id": "residual_blocks_test", "points": 3}
from course_lib.exercise import random_tensor, random_weights, without
### BEGIN HIDDEN TESTS


def seen(rng, Block, inputs, outputs, stride):
    """In both modes, of huge and tiny inputs: output, gradients, what the BNs remember."""
    block, found = random_weights(Block(inputs, outputs, stride), rng).double(), []
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
    (OriginalBlock, "ReLU(shortcut(x) + F(x)), F = conv-BN-ReLU-conv-BN,", [
        (5, 5, 1, 6, 9, False, 480, [0.50674, 0.82549, 1.0792], [0.18865, 0.60983, 0.13182]),
        (4, 6, 1, 7, 5, True, 606, [0.85816, 1.3553, 0.46871], [0.057269, 1.1527, 0.56947]),
        (5, 5, 2, 8, 7, True, 510, [0.68518, 1.1422, 0.0], [-0.0086, 0.47377, -0.12401])]),
    (PreActivationBlock, "shortcut(x) + F(x), F = BN-ReLU-conv-BN-ReLU-conv,", [
        (5, 5, 1, 6, 9, False, 480, [-0.19508, 1.2726, 1.0798], [0.35978, 0.66409, 1.515]),
        (4, 6, 1, 7, 5, True, 602, [0.15984, 2.2037, 0.60283], [0.093648, 1.5722, 0.17171]),
        (5, 5, 2, 8, 7, True, 510, [-0.41936, 1.628, -1.7419], [-0.045909, 0.65697, 0.028239])])]
### BEGIN HIDDEN TESTS
CASES[0][2].append(
    (6, 4, 3, 10, 8, False, 412, [1.8969, 2.3043, 1.2008], [0.00058209, 0.50713, 0.11567])
)
CASES[1][2].append(
    (6, 4, 3, 10, 8, False, 416, [0.64973, 1.9212, 0.39871], [-0.035326, 0.49627, -0.10791])
)
### END HIDDEN TESTS
few = lambda many: [round(float(one), 4) for one in (many.mean(), many.std(), many.ravel()[-1])]
with torch.random.fork_rng(), without("course_lib.models.residual_blocks.OriginalBlock",
                                      "course_lib.models.residual_blocks.PreActivationBlock"):
    for Kind, rule, (inputs, outputs, stride, high, wide, phase, size, *right) in [
            (*case[:2], one) for case in CASES for one in case[2]]:
        block, rng = Kind(inputs, outputs, stride), np.random.default_rng(1)
        where = f"{Kind.__name__}({inputs}, {outputs}, {stride}), training={phase}: "
        assert (found := sum(values.numel() for values in block.parameters())) == size, where + (
            f"expected {size} parameters, got {found}: two 3×3 convolutions, two BNs, a 1×1 one"
            " where x does not fit; all with bias. PyTorch finds no layer in a plain list")
        random_weights(block, rng).train(phase)
        x = (4 * random_tensor(rng, 3, inputs, high, wide) - 2).requires_grad_()
        output = block(given := x * 1)
        assert torch.equal(given, x), where + "the block has changed x: no in-place ReLU or +="
        (slope,) = torch.autograd.grad(output.sin().sum() + 0 * x.sum(), x)  # of any function
        for many, wanted, what in ((output.detach(), right[0], rule), (slope, right[1],
                                   "the gradient of x (no detach(), no_grad() or .data)")):
            message = f"{where}{what} has mean, spread, last {wanted}, yours has {few(many)}"
            assert np.allclose(few(many), wanted, rtol=1e-3, atol=1e-3), message
    ### BEGIN HIDDEN TESTS
    for Kind, alone, told in (
        (OriginalBlock, torch.relu, "look at the shortcut and at the last ReLU"),
        (PreActivationBlock, torch.clone, "it starts at x itself, and nothing is done to the sum"),
    ):
        answer = f"{'ReLU(shortcut(x))' if Kind is OriginalBlock else 'shortcut(x)'}: {told}"
        blocks = [Kind(4, 6, 2) for _ in range(2)]
        weights = [next(one for one in block.parameters() if one.ndim > 1) for block in blocks]
        assert not torch.equal(*weights), (
            f"two new {Kind.__name__}s should have different weights: seed nothing"
        )
        for shape in [(5, 5, 1), (4, 6, 1), (6, 4, 1), (5, 5, 2), (4, 6, 2), (4, 6, 3)]:
            where, block = f"{Kind.__name__}{shape}", Kind(*shape)
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
            assert torch.equal(output, alone(x) if shape == (5, 5, 1) else 0 * output), (
                f"{where}: with all weights at 0 F is 0, and the block should answer {answer}"
            )
            random_weights(block, np.random.default_rng(2)).train()
            state, means = torch.get_rng_state(), [norm.running_mean.clone() for norm in norms]
            block(random_tensor(np.random.default_rng(3), 3, shape[0], 9, 8)).sin().sum().backward()
            assert not any(map(torch.equal, means, (norm.running_mean for norm in norms))), (
                f"{where}: in training mode each BN should move its running mean:"
                " call the layer, as in self.norm(y)"
            )
            idle = [label for label, values in block.named_parameters() if values.grad is None]
            assert not idle, f"{where}: no gradient reaches {idle}"
            assert block.training and norms[0].training, (
                f"{where}: forward should not change the mode"
            )
            assert torch.equal(state, torch.get_rng_state()), f"{where}: forward should draw nothing"
    ### END HIDDEN TESTS
### HIDDEN VALUE: [seen(rng, OriginalBlock, *sizes) for sizes in ((5, 5, 1), (6, 4, 1), (5, 5, 2), (4, 6, 3))]
### HIDDEN VALUE: [seen(rng, PreActivationBlock, *sizes) for sizes in ((5, 5, 1), (6, 4, 1), (5, 5, 2), (4, 6, 3))]
print("residual_blocks: right")

# %% [markdown]
# ## Exercise 2: a decoder step with a skip ({{points SkipStep}})
#
# The decoder doubles the image by a **transposed convolution**, whose stride spreads the pixels out. Then it
# adds what the encoder had at this size, **before** its ReLU, so that the sum is rectified once.
#
# **Goal.** A module `SkipStep(inputs, outputs)`. `step(code, skip)` takes `code` `(N, inputs, H, W)` and `skip` `(N, outputs, 2·H, 2·W)`, the
# encoder's output after its BN and before its ReLU. It returns `ReLU(BN(transposed convolution of code) + skip)`.
#
# **Steps.** A 3×3 `nn.ConvTranspose2d` with `stride=2`, then BN. Choose `padding` and `output_padding` so that the
# size doubles exactly.
#
# **Example.** For `code` of 5×7, the answer has 10×14 pixels. Where BN gives −3 and the skip is 2, it is `ReLU(−1) = 0`.
#
# **Hint.** The size becomes `(H − 1)·2 − 2·padding + 3 + output_padding`. With `padding=1` that is `2·H − 1 + output_padding`.
#
# ### BEGIN EXPLANATION
# A stride of 2 maps 2H − 1 and 2H pixels to the same H, so the way back is ambiguous; `output_padding` picks one. The sum is taken before the ReLU, so a
# negative part of the skip can still cancel what the decoder made. Rectifying both terms first loses that.
# ### END EXPLANATION

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


# %% nbgrader={"grade_id": "SkipStep_test", "points": 1}
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
with torch.random.fork_rng(), without("course_lib.models.residual_blocks.doubling",
                                      "course_lib.models.residual_blocks.up_block"):
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
            f"{where}: in training mode the BN should move its running mean:"
            " call the layer, as in self.norm(y)"
        )
        idle = [label for label, values in step.named_parameters() if values.grad is None]
        assert not idle, f"{where}: no gradient reaches {idle}"
        assert step.training and norms[0].training, f"{where}: forward should not change the mode"
        assert torch.equal(state, torch.get_rng_state()), f"{where}: forward should draw nothing"
    ### END HIDDEN TESTS
### HIDDEN VALUE: [seen(rng, *sizes) for sizes in ((4, 3), (3, 3), (2, 5))]
print("SkipStep: right")

# %% [markdown]
# ## Exercise 3: what a VAE does between encoder and decoder ({{points draw_code}})
#
# For each number of the code the encoder gives a mean `μ` and the **logarithm of the variance**, `log s²`.
#
# **Goal.** `draw_code(mean, log_variance, generator)` takes two tensors `(N, …)` and returns
#
# 1. a draw from N(μ, s²), of the same shape, through which gradients pass to `mean` and `log_variance` (*reparameterisation*),
# 2. the KL divergence from N(0, 1) of each image's code, `(N,)`: the formula of the theory, **summed** over the code.
#
# **Steps.** Draw `n` from N(0, 1) with `torch.randn(shape, generator=generator)`, a number of its own for each number of each
# code. The code is `μ + s·n`; clamp and add nothing.
#
# **Example.** μ = 1 and log s² = 0: KL is ½·(1 + 1 − 1 − 0) = 0.5. For μ = 0 and log s² = 0 it is 0.
#
# **Hint.** `s` is the root of the variance. `torch.normal(mean, s)` draws the same numbers, but with a
# gradient of 0: the encoder would learn nothing.
#
# ### BEGIN EXPLANATION
# The random number n is drawn beside the network, so the code is an ordinary function of μ and s and gradients reach both. KL is summed over the code
# because the numbers of a code are independent: their divergences add. Two slips are common: `exp(log_variance)` used as s, and a mean in place of the sum.
# ### END EXPLANATION

# %% nbgrader={"grade_id": "draw_code", "solution": true}
def draw_code(mean, log_variance, generator):
    """A draw from N(mean, exp(log_variance)), and each image's KL divergence, (N,)."""
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
with without("course_lib.models.vae.reparameterise", "course_lib.losses.kl_divergence",
             "torch.distributions.kl.kl_divergence", "torch.distributions.normal.Normal"):
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
        ("mean", n.mean(), 0, 0.01), ("standard deviation", n.std(), 1, 0.01),
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
# ## Exercise 4: when does a training stop? ({{points early_stop}})
#
# A network that learns its training images by heart **overfits**. So the thesis watches the validation loss, and
# stops when it no longer falls: **early stopping**.
#
# **Goal.** `early_stop(losses, patience, min_delta)`: from the validation losses of epochs 1, 2, 3, … it returns two whole numbers, `(best, last)`: the
# epoch whose weights are kept, and the last epoch that runs.
#
# **Steps.**
# 1. Epoch 1 is the best at first. A later epoch becomes the best if its loss is **more than** `min_delta` below the loss of the best.
# 2. The training ends after `patience` epochs in a row without a new best, or with the list.
#
# **Example.** Losses 5, 3, 4, 2.9, 3.5, `patience=2`, `min_delta=0.25`: epoch 2 is the best. Epoch 3 is worse, and 2.9 in epoch 4 is not low enough: `(2, 4)`.
#
# **Hint.** Compare with the best, not with the epoch before. (The recipe's second rule: on a **plateau**, 4 epochs without a
# gain, the learning rate is multiplied by 0.2.)
#
# ### BEGIN EXPLANATION
# Validation losses jump, so one worse epoch proves nothing: patience asks for several in a row, and min_delta ignores gains too small to matter. The kept weights are those
# of the best epoch, not of the last. Comparing with the epoch before is the common mistake: a loss that creeps down then never counts, and one that jumps up and falls back counts as progress.
# ### END EXPLANATION

# %% nbgrader={"grade_id": "early_stop", "solution": true}
def early_stop(losses, patience, min_delta):
    """The epoch whose weights are kept and the last that runs, counted from 1."""
    ### BEGIN SOLUTION
    best = 0
    for epoch, loss in enumerate(losses):
        if loss < losses[best] - min_delta:
            best = epoch
        if epoch - best >= patience:
            return best + 1, epoch + 1
    return best + 1, len(losses)
    ### END SOLUTION


# %% nbgrader={"grade_id": "early_stop_test", "points": 2}
from course_lib.exercise import without

### BEGIN HIDDEN TESTS


def stops(rng, count):
    """Of random walks that fall: patience and min_delta differ from walk to walk."""
    walks = 2 - np.arange(60) / 60 + rng.normal(0, 0.15, (count, 60))
    rules = zip(rng.integers(2, 9, count).tolist(), rng.uniform(0, 0.2, count).tolist(), strict=True)
    return [early_stop(walk, *rule) for walk, rule in zip(walks.tolist(), rules, strict=True)]


### END HIDDEN TESTS
CASES = [  # validation losses, patience, min_delta, (best, last), what to look at
    ([5, 3, 4, 2.9, 3.5], 2, 0.25, (2, 4), "the example"),
    ([3, 2, 1.5, 1.25], 2, 0, (4, 4), "a loss that falls to the end: all epochs run"),
    ([1, 2, 3, 4, 5], 3, 0, (1, 4), "the first epoch is the best, and three more follow"),
    ([4, 3, 3, 2, 2, 2, 1], 2, 0, (4, 6), "a new best starts the count again; equal is no gain"),
    ([8, 7.75, 7.5, 7.25, 7], 4, 0.5, (4, 5), "small gains add up: compare with the best"),
    ([2, 1.75, 1.5, 1.25], 2, 1, (1, 3), "gains below min_delta are none, however many"),
    ([2, 1, 1.5, 1.25, 0.5], 2, 0, (2, 4), "what comes after the stop never happens"),
    ([4, 1, 3, 2, 1.5, 1.75], 4, 0, (2, 6), "better than the epoch before is not a new best"),
    ([0.5, 0.25, 0.125], 1, 0.25, (1, 2), "a gain of exactly min_delta is not more than it"),
    ([9], 1, 0, (1, 1), "one epoch"),
    ([1, -2], 5, 0, (2, 2), "two epochs, fewer than the patience; a loss may lie below 0"),
]
with without("course_lib.training.history.History"):
    for values, patience, min_delta, expected, hint in CASES:
        mine = list(values)
        answer = early_stop(mine, patience, min_delta)
        assert np.shape(answer) == (2,), f"return two numbers, (best, last), got {answer!r}"
        assert mine == values, "your answer changes the list of losses"
        assert tuple(answer) == expected, (
            f"{hint}: losses {values}, patience {patience}, min_delta {min_delta}: expected (best,"
            f" last) = {expected}, got {tuple(answer)}; epochs count from 1"
        )
### HIDDEN VALUE: stops(rng, 25)
print("early_stop: right")

# %% [markdown]
# ## Exercise 5: the loss of the thesis ({{points thesis_loss}})
#
# The **L2 penalty**, `l2` times the sum of all squared weights, pulls weights that earn nothing towards 0.
#
# **Goal.** `thesis_loss(model, prediction, target, ssim, l2)`: one number, the mean DSSIM of the batch + `l2` · Σ w².
#
# **Steps.**
# 1. `ssim(prediction, target)` gives one SSIM for each image, `(N,)`.
# 2. The sum goes over all **kernels** of `model`: the parameters with two axes or more, in blocks too, frozen ones too, whatever
#    the layer. Biases and BN go free.
#
# The function only computes: weights, gradients and the mode of `model` stay as they are.
#
# **Example.** SSIMs 0.9 and −0.2: the DSSIMs are 0.05 and 0.6, their mean 0.325. Kernels 2 and −3, and `l2` = 0.01: 0.325 + 0.01 · (4 + 9) = 0.455.
#
# **Hint.** The penalty needs its gradient: no `.item()`, no `.data`. (PyTorch's `weight_decay` adds `weight_decay · w` to the gradient,
# `l2 · w²` adds `2 · l2 · w`. So Keras's 1e-5 is a `weight_decay` of 2e-5.)
#
# ### BEGIN EXPLANATION
# The penalty acts through its gradient, 2 · l2 · w, so it must stay in the graph. Biases and BN's parameters go free because they shift and scale but do not make a
# function steeper. PyTorch's weight decay leaves out the 2: whoever copies 1e-5 from Keras to PyTorch halves the penalty.
# ### END EXPLANATION

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
with without("course_lib.losses.DSSIMLoss", "course_lib.losses.SSIMLoss",
             "course_lib.metrics.dssim", "course_lib.metrics.ssim"):
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
        assert all(kept), (
            "the function has changed gradients: the training step clears them and calls backward()"
        )
        left = one.training, one[2].training, one[0].bias.requires_grad
        assert left == (phase,) * 3, "the function should leave the model's mode as it is"
        assert torch.equal(state, torch.get_rng_state()), "the function should draw nothing"
    ### END HIDDEN TESTS
### HIDDEN VALUE: [pulled(rng, l2, count) for l2, count in ((rng.uniform(0.01, 0.1), 5), (0, 1))]
print("thesis_loss: right")

# %% [markdown]
# ## Exercise 6: the paired t-test ({{points paired_t}})
#
# Some images are hard for both of two networks, so scores scatter more than the networks differ. Look at the
# **difference** in each image, and the hardness is gone: that is what *paired* means.
#
# **Goal.** `paired_t(first, second)` of two numpy arrays `(n,)`, one value an image, returns `(t, p)`:
#
# $$ t = \frac{\bar d}{s_d / \sqrt n} \qquad d = \text{first} - \text{second} \qquad s_d^2 = \frac{1}{n-1} \sum_i (d_i - \bar d)^2 $$
#
# and p, **two-sided**: how often would |t| be at least this large, by chance alone, if the true mean difference were 0?
#
# **Steps.** For p: `stats.t.sf(x, degrees)` is the chance of a t
# above x, with n − 1 degrees of freedom. Take it for |t|, twice.
#
# **Example.** `[3, 5, 7]` and `[2, 3, 4]`: d is `[1, 2, 3]`, its mean 2, s 1, so t = 2 / (1/√3) = 3.46, and p = 0.074.
#
# **Hint.** `np.std` divides by n, unless you say `ddof=1`. (The thesis's slide has one root too many, and no squares in
# the standard deviation. Check a formula by an example.)
#
# ### BEGIN EXPLANATION
# Pairing removes what both networks share, the hardness of the image, and leaves n differences. Their mean is divided by its standard error, with n − 1 because
# the mean was estimated from the same numbers. `1 - cdf` ends at 1e-16, so a clear difference gets p = 0: use `sf`.
# ### END EXPLANATION

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


# %% nbgrader={"grade_id": "paired_t_test", "points": 2}
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
with without("course_lib.evaluation.paired_test", "course_lib.evaluation.paired_tests",
             "scipy.stats.ttest_rel", "scipy.stats.ttest_1samp", "scipy.stats.ttest_ind",
             "scipy.stats.ttest_ind_from_stats", "scipy.stats.mstats.ttest_rel",
             "scipy.stats.mstats.ttest_1samp", "scipy.stats.mstats.ttest_ind"):
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
# ## The data, and four corruptions
#
# Training and validation: **synthetic subjects**, split by subject. Test: Colin27, a real head. Slices have 128×128
# pixels as in the thesis, on a CPU 64×64.
#
# Each training image is corrupted anew in every epoch (`augment.thesis_corruption` of lab 03): 0 to 5 % of the pixels dropped, Gaussian noise of sigma 0 to 0.04,
# a blank square (probability 0.1), blur (0.1).

# %% tags=["experiment"]
from course_lib.data import augment

side = profile.pick(ci=64, cpu=64, gpu=128)


def small(pictures):
    """(N, 1, H, W) -> (N, 1, side, side): crop to the middle square, then average pixels."""
    edge = min(pictures.shape[-2:])
    top, left = (pictures.shape[-2] - edge) // 2, (pictures.shape[-1] - edge) // 2
    square = pictures[..., top : top + edge, left : left + edge].float()
    return nn.functional.interpolate(square, size=(side, side), mode="area")


subjects = profile.pick(ci=2, cpu=12, gpu=20)
slices = profile.pick(ci=8, cpu=30, gpu=30)
cohort = brains.brain_slices("cohort", subjects=subjects, slices=slices)
held_out = cohort.subjects >= subjects - max(1, subjects // 6)  # split by subject, not by slice
train_slices, validation = small(cohort.images[~held_out]), small(cohort.images[held_out][::2])
colin = brains.brain_slices("colin27", slices=profile.pick(ci=6, cpu=24, gpu=48))
test, brain = small(colin.images), small(colin.brain_masks) > 0.5
middle = len(test) // 2
window = viz.window(test[middle])
print(f"synthetic: {len(train_slices)} slices to train, {len(validation)} for validation")
print(f"real: {len(test)} slices of Colin27 to test; all {side}×{side}")

# %% tags=["experiment", "picture 3 5"]
edge = side // 6
hole = torch.zeros(1, 1, side, side, dtype=torch.bool)
hole[..., side // 3 : side // 3 + edge, side // 3 : side // 3 + edge] = True  # on the brain
CORRUPTIONS = {  # each of the four alone, at its strongest; a function of images and a generator
    "noise 0.04": lambda x, generator: noise.gaussian(x, 0.04, generator=generator),
    "5 % dropped": lambda x, generator: noise.masking(x, 0.05, generator=generator),
    "blur": lambda x, generator: augment.blur(x, probability=1, generator=generator),
    "blank square": lambda x, generator: x * ~hole,
}
corrupted = {
    name: corrupt(test, torch.Generator().manual_seed(0)) for name, corrupt in CORRUPTIONS.items()
}
psnr = functools.partial(metrics.psnr, data_range=1)
quality = {name: psnr(pictures, test).mean().item() for name, pictures in corrupted.items()}
viz.gallery(
    [test[middle], *(pictures[middle] for pictures in corrupted.values())], columns=5,
    titles=["Colin27", *(f"{name}\n{value:.1f} dB" for name, value in quality.items())],
    title=f"{min(quality, key=quality.get)} costs most (mean PSNR of {len(test)} slices)",
    window=window,
)  # fmt: skip

# %% [markdown]
# ## Play: how much may be lost?
#
# At which share do the ventricles disappear?

# %% tags=["experiment"]
viz.noise_slider(
    test[middle, 0], noise.masking, label="share dropped", maximum=0.6, value=0.05, window=window,
    title="Dropped pixels",
)  # fmt: skip

# %% [markdown]
# ## The thesis's tables, with and without augmentation
#
# Published, MSE loss, IXI. "Clean" is without augmentation: clean image in, clean image out, "for watching how models overfit".
#
# | network | L2 | clean: val loss | MSE | PSNR | corrupted: val loss | MSE | PSNR |
# |---|---|---|---|---|---|---|---|
# | skip CAE | no | 1.10e-5 | 1.07e-5 | 49.8 | 3.10e-4 | 2.99e-4 | 35.7 |
# | shallow residual | no | 3.92e-5 | 3.82e-5 | 44.4 | 1.55e-4 | 1.51e-4 | 38.6 |
# | shallow residual | yes | 1.10e-4 | 8.56e-5 | 41.0 | 3.72e-4 | 3.24e-4 | 35.2 |
# | shallow, original block | no | 1.11e-4 | 1.09e-4 | 39.7 | | | |
# | Myronenko CAE | no | 1.83e-4 | 1.81e-4 | 37.7 | 3.38e-4 | 3.27e-4 | 35.1 |
# | Myronenko CAE | yes | 1.47e-3 | 1.27e-3 | 29.3 | | | |
# | residual U-Net | no | | | | 3.58e-5 | 3.44e-5 | 44.9 |
# | skip CAE | yes | | | | 2.69e-4 | 2.25e-4 | 36.8 |
#
# Compare "val loss" (on validation images) with "MSE" (on test images).

# %% tags=["experiment"]
instant_questions("lab06", [1, 2, 3, 4])

# %% [markdown]
# ## The experiment: twelve networks, several seeds
#
# The code has 128 · H/8 · W/8 = **2·H·W** numbers, twice as many as the image. The thesis
# speaks of a lower dimension, but this is no bottleneck. What keeps these networks from copying is the corrupted input.
#
# | here | in the library | skips |
# |---|---|---|
# | residual U-Net | `ResidualUNet`, with the pre-activation block of exercise 1 | joined |
# | shallow residual | `ShallowResidualAE`, with the pre-activation block of exercise 1 | inside the encoder only |
# | skip CAE | `SkipCAE`, with the step of exercise 2 | added |
# | Myronenko CAE | `MyronenkoCAE`: the library's pre-activation blocks, deeper | inside the encoder only |
#
# The first two differ in the joined skips only. All train by `training.THESIS_RECIPE`: RMSprop, learning rate 0.001, both rules of exercise 4.
# On a CPU: half the width, and 12 epochs of 19 batches; the thesis had
# thousands an epoch. **Each network trains with two seeds** (three on a GPU): with one you cannot tell a better network from a luckier one.

# %% tags=["experiment"]
from course_lib.models import residual_blocks
from course_lib.models.autoencoders import MyronenkoCAE, ResidualUNet, ShallowResidualAE, SkipCAE

Block = yours("residual_blocks", residual_blocks.PreActivationBlock, name="PreActivationBlock")
Original = yours("residual_blocks", residual_blocks.OriginalBlock, name="OriginalBlock")
Step = yours("SkipStep", None, name="SkipStep")  # the library has it inside SkipCAE


def blocks(kind, w):
    """The three residual blocks of the thesis: two of them halve the image."""
    return [kind(w, 2 * w, 2), kind(2 * w, 2 * w, 1), kind(2 * w, 4 * w, 2)]


class UNet(ResidualUNet):
    def __init__(self, width):
        super().__init__(width=width)
        self.block1, self.block2, self.block3 = blocks(Block, width)


class Shallow(ShallowResidualAE):
    def __init__(self, width, kind=Block):
        super().__init__(width=width)
        self.encoder = nn.Sequential(self.encoder[0], *blocks(kind, width))


# %% tags=["experiment"]
class Skip(SkipCAE):
    def __init__(self, width):
        super().__init__(width=width)
        self.up1, self.up2 = Step(4 * width, 2 * width), Step(2 * width, width)

    def forward(self, noisy):
        large = self.down1(noisy)  # no ReLU yet
        small = self.down2(large.relu())
        code = self.down3(small.relu()).relu()
        return self.head(self.up3(self.up2(self.up1(code, small), large)).relu())


MODELS = {
    "residual U-Net": UNet,
    "shallow residual": Shallow,
    "skip CAE": SkipCAE if Step is None else Skip,
    "Myronenko CAE": MyronenkoCAE,
    "shallow, original block": functools.partial(Shallow, kind=Original),
}
PUBLISHED = {  # the thesis, IXI, corrupted: (network, recipe) -> MSE, DSSIM, PSNR
    ("residual U-Net", "MSE"): (3.44e-5, 2.95e-3, 44.9),
    ("shallow residual", "MSE"): (1.51e-4, 6.75e-3, 38.6),
    ("shallow residual", "MSE + L2"): (3.24e-4, 1.14e-2, 35.2),
    ("skip CAE", "MSE"): (2.99e-4, 9.36e-3, 35.7),
    ("skip CAE", "MSE + L2"): (2.25e-4, 1.65e-2, 36.8),
    ("Myronenko CAE", "MSE"): (3.27e-4, 1.57e-2, 35.1),
}

# %% tags=["experiment"]
PUBLISHED |= {
    ("residual U-Net", "DSSIM"): (7.49e-5, 1.44e-3, 41.8),
    ("shallow residual", "DSSIM"): (2.88e-4, 4.14e-3, 35.9),
    ("shallow residual", "DSSIM + L2"): (2.34e-4, 3.70e-3, 36.7),
    ("skip CAE", "DSSIM"): (4.57e-4, 4.71e-3, 33.7),
    ("skip CAE", "DSSIM + L2"): (4.08e-4, 4.38e-3, 34.2),
    ("Myronenko CAE", "DSSIM"): (6.69e-4, 4.31e-3, 32.1),
}
own_loss = yours("thesis_loss", None, name="thesis_loss")
ssim = functools.partial(metrics.ssim, data_range=1)
width = profile.pick(ci=4, cpu=16, gpu=32)
seeds = range(profile.pick(ci=1, cpu=2, gpu=3))
epochs, batch = profile.pick(ci=(1, 16), cpu=(12, 16), gpu=(60, 32))

def train(network, recipe, seed, *, slices=train_slices, corrupt=augment.thesis_corruption, **more):
    """A new network and its history; one seed gives one order of images and one noise."""
    with training.fixed_seed(seed):
        model = MODELS[network](width=width)
    settings = training.THESIS_RECIPE[recipe] | {"epochs": epochs, "batch_size": batch} | more
    if recipe.startswith("DSSIM") and own_loss is not None:  # L2 is left to the optimiser
        settings["loss"] = lambda x, y: own_loss(model, x, y, ssim, 0)
    history = training.fit(
        model, slices, validation, corrupt=corrupt, seed=seed, progress=False, **settings
    )
    return model, history


# %% [markdown]
# (About four minutes and 1 GB on 2 cores; on a GPU not measured yet.)

# %% tags=["experiment"]
from course_lib._progress import progress_bar

jobs = {f"{network}, {recipe}": (network, recipe) for network, recipe in PUBLISHED}
networks, histories = [], []  # one dict {name: network} for each seed
for seed in seeds:
    bar = progress_bar(jobs.items(), desc=f"twelve networks, seed {seed}")
    trained = {name: train(*job, seed) for name, job in bar}
    networks.append({name: model for name, (model, _) in trained.items()})
    histories.append({name: history for name, (_, history) in trained.items()})

CLEAN = {"skip CAE": 49.8, "shallow residual": 44.4, "shallow, original block": 39.7}  # published
clean = {
    name: [train(name, "MSE", seed, corrupt=None)[0] for seed in seeds]
    for name in progress_bar(CLEAN, desc="without augmentation")
}

# %% tags=["experiment"]
SCORES = {
    "MSE": metrics.mse,
    "DSSIM": functools.partial(metrics.dssim, data_range=1),
    "PSNR": psnr,
}
published = {name: dict(zip(SCORES, PUBLISHED[job], strict=True)) for name, job in jobs.items()}


def thesis_corruption(image, sigma, generator):
    """`evaluation.compare` names a sigma; the thesis draws its own, at most 0.04."""
    return augment.thesis_corruption(image, generator=generator)


def compare(models, seed):
    methods = {
        name: lambda noisy, _, model=model: training.denoise(model, noisy)
        for name, model in models.items()
    }
    return evaluation.compare(
        methods, test, thesis_corruption, sigma=0.04, metrics=SCORES, masks={"whole image": None},
        seed=0, repeats=profile.pick(ci=1, cpu=4, gpu=4), published=published, progress=False,
    )  # fmt: skip


tables = [compare(models, seed) for seed, models in enumerate(networks)]
tables[0]

# %% [markdown]
# Published and ours differ in images, size and training: compare the **order**, not the numbers. The first row is the corrupted
# image itself: a network that scores worse does harm.

# %% tags=["experiment"]
runs = {  # metric -> name -> one value a seed
    metric: {name: np.array([table.mean(name, metric) for table in tables]) for name in jobs}
    for metric in SCORES
}
values = {metric: {name: v.mean() for name, v in row.items()} for metric, row in runs.items()}
noisy_row = {metric: tables[0].mean(evaluation.NOISY, metric) for metric in SCORES}
worse = [name for name in jobs if values["MSE"][name] > noisy_row["MSE"]]
print(f"Worse than doing nothing, by MSE: {len(worse)} of 12. " + "; ".join(worse))

print("\nClaim 1: the residual U-Net is best, whatever the loss")
for loss, metric in itertools.product(("MSE", "DSSIM"), ("MSE", "DSSIM")):
    group = [name for name in jobs if name.split(", ")[1].startswith(loss)]
    first, second = sorted(group, key=values[metric].get)[:2]
    best_two = ", then ".join(f"{name} {values[metric][name]:.2e}" for name in (first, second))
    print(f"  trained with {loss}, by {metric}: {best_two}")

print("\nWithout augmentation, on clean images: PSNR in dB, published and ours (each seed)")
for name, theirs in CLEAN.items():
    scores = [psnr(training.denoise(model, test).clamp(0, 1), test).mean() for model in clean[name]]
    print(f"  {name:24} {theirs}   " + "  ".join(f"{score:.1f}" for score in scores))

# %% tags=["experiment"]
print("Claim 2: L2 helps with DSSIM, and hurts with MSE. What L2 changes, in percent:")
for network, loss in itertools.product(("shallow residual", "skip CAE"), ("MSE", "DSSIM")):
    plain, punished = f"{network}, {loss}", f"{network}, {loss} + L2"
    for metric in ("MSE", "DSSIM"):
        theirs = 100 * (published[punished][metric] / published[plain][metric] - 1)
        ours = 100 * (runs[metric][punished] / runs[metric][plain] - 1)
        each = "  ".join(f"{change:+.0f}" for change in ours)
        print(f"  {plain:24} {metric:5} published {theirs:+4.0f}   ours, each seed: {each}")
if len(seeds) > 1:
    print("For comparison, another seed alone changes, in percent:")
    for metric in ("MSE", "DSSIM"):
        other = [100 * abs(v[1] / v[0] - 1) for v in runs[metric].values()]
        print(f"  {metric:5} median {np.median(other):.0f}, at most {max(other):.0f} (12 networks)")

# %% tags=["experiment"]
COLOURS = dict(zip(MODELS, viz.COLOURS, strict=False))
MARKERS = {"MSE": "o", "MSE + L2": "s", "DSSIM": "^", "DSSIM + L2": "D"}
ranks = {
    metric: stats.spearmanr(
        [published[name][metric] for name in jobs], [values[metric][name] for name in jobs]
    ).statistic
    for metric in ("MSE", "DSSIM")
}
figure = viz.figure(
    9, 6, title="Rank correlation of our twelve networks with the published: "
    + ", ".join(f"{rank:+.2f} by {metric}" for metric, rank in ranks.items())
)  # fmt: skip
for metric, axes in zip(ranks, figure.subplots(1, 2), strict=True):
    for name, (network, recipe) in jobs.items():
        style = {"marker": MARKERS[recipe], "color": COLOURS[network], "linestyle": ""}
        axes.loglog(published[name][metric], values[metric][name], label=name, **style)
    axes.axhline(noisy_row[metric], color="grey", linestyle=":", label="corrupted images")
    axes.set(xlabel=f"{metric}, published (IXI)", ylabel=f"{metric}, ours (Colin27)")
    ticks = {"MSE": [3e-5, 1e-4, 3e-4], "DSSIM": [2e-3, 5e-3, 1e-2]}[metric]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.xaxis.set_minor_formatter("")
figure.legend(*axes.get_legend_handles_labels(), fontsize=8, loc="outside lower center", ncols=3)
figure

# %% tags=["experiment"]
falls = [1 - h.validation_loss[-1] / h.validation_loss[-4:][0] for h in histories[0].values()]
figure = viz.figure(
    9, 4.2, title="In the last three epochs the validation loss fell by a median"
    f" of {np.median(falls):.0%} (first seed)"
)  # fmt: skip
for loss, axes in zip(("MSE", "DSSIM"), figure.subplots(1, 2), strict=True):
    for network, part in itertools.product([*MODELS][:4], ("train", "validation")):
        curve = getattr(histories[0][f"{network}, {loss}"], f"{part}_loss")
        line = {"color": COLOURS[network], "linestyle": "--" if part == "train" else "-"}
        epoch = range(1, len(curve) + 1)
        axes.semilogy(epoch, curve, marker=".", label=f"{network}, {part}", **line)
    axes.set(xlabel="epoch", ylabel=f"{loss}, as a loss")
figure.legend(*axes.get_legend_handles_labels(), fontsize=8, loc="outside lower center", ncols=4)
figure

# %% [markdown]
# Does the order agree? Where not, think of the budget: without a skip, every fine line must go through the code, and that takes
# long to learn. After two hundred steps you see which learns *fast*; the thesis saw which ends *best*.
# If another seed alone changes as much as L2 does, there is nothing to report.
#
# ## Watching a network overfit
#
# Overfitting shows as a **gap**: validation loss divided by training loss. The residual U-Net trains on slices of one head, clean or corrupted, and of
# all training heads, corrupted; each time it sees equally many images. **Predict the three ratios.** Which narrows the gap more,
# augmentation or more heads?

# %% tags=["experiment"]
prediction = {"one head, clean": None, "one head, corrupted": None, "all heads, corrupted": None}

# %% tags=["experiment"]
def by_the_library(losses, patience, min_delta):
    history = training.History()
    for loss in losses:
        history.add_validation([loss], min_delta, patience)
        if history.stopped_early:
            break
    return history.best_epoch, len(history.validation_loss)


stop = yours("early_stop", by_the_library, name="early_stop")
one, every = train_slices[: slices : 2], train_slices[::2]
long, short = profile.pick(ci=(3, 3), cpu=(120, 12), gpu=(600, 60))
SETTINGS = {
    "one head, clean": {"slices": one, "corrupt": None, "epochs": long},
    "one head, corrupted": {"slices": one, "epochs": long},
    "all heads, corrupted": {"slices": every, "epochs": short},
}
watched = {
    name: [
        train("residual U-Net", "MSE", seed, batch_size=8, patience=None, **setting)[1]
        for seed in seeds
    ]
    for name, setting in progress_bar(SETTINGS.items(), desc="three trainings")
}

# %% tags=["experiment"]
gaps = {}
for name, of_seeds in watched.items():
    last = max(1, len(of_seeds[0].train_loss) // 10)  # the last tenth of the epochs
    each = [np.mean(h.validation_loss[-last:]) / np.mean(h.train_loss[-last:]) for h in of_seeds]
    gaps[name] = np.mean(each)
    print(f"{name:22} validation / training loss: you said {prediction[name]}, measured", end=" ")
    print(", ".join(f"{gap:.1f}" for gap in each))
figure = viz.figure(
    9, 3.8, title="Validation loss / training loss at the end: "
    + ", ".join(f"{name} {gap:.1f}" for name, gap in gaps.items())
)  # fmt: skip
for (name, of_seeds), axes in zip(watched.items(), figure.subplots(1, 3, sharey=True), strict=True):
    history = of_seeds[0]
    epoch = range(1, len(history.train_loss) + 1)
    axes.semilogy(epoch, history.train_loss, ".--", label="training", markersize=2)
    axes.semilogy(epoch, history.validation_loss, ".-", label="validation", markersize=2)
    best, end = stop(history.validation_loss, patience=20, min_delta=2e-7)
    axes.axvline(best, color="0.4", linestyle=":", label=f"kept: epoch {best} (stop: {end})")
    axes.set(xlabel="epoch", ylabel="MSE" if axes.get_subplotspec().is_first_col() else None)
    axes.set_title(name, fontsize=9)
    axes.legend(fontsize=8)
figure

# %% [markdown]
# ## Prediction and measurement ({{points overfit}})
#
# Compare your three ratios with the measured ones, and say why you expected yours. Which narrows the gap more?
# Then take one validation curve: what would early stopping have saved, and what could it not repair? Four to six sentences.

# %% [markdown] nbgrader={"grade_id": "overfit", "solution": true, "points": 2}
# I expected augmentation to close most of the gap, since no input is seen twice. I was wrong: with one head the ratio is 4.1 with clean input and still 3.2 with
# corrupted input, because the *targets* are the same few slices. All heads bring it to 1.4, at the same
# number of images seen. So variety of anatomy is what the network lacked. (The ratio for corrupted input also falls because its training loss is larger: the task is harder.)
# With one head, corrupted, the validation loss flattens and barely rises; early stopping would have ended the training at epoch 71 of 120 and kept epoch 51, whose loss is almost the same. It saves
# time and cannot close the gap: it only picks the best epoch of a network that has seen too little.
#
# ### BEGIN MARK SCHEME
# - 1: a prediction with a reason, compared with the measured ratios (which of the two narrows the gap more)
# - 1: early stopping chooses an epoch and saves time, but does not supply the missing variety; argued with a curve
# ### END MARK SCHEME
#
# ### BEGIN EXPLANATION
# Corrupting the input changes what goes in, but not what must come out: with one head the targets are the same few slices, and the network learns that anatomy. New heads bring new targets. Many
# expect the validation loss to rise again; here it flattens, and the gap is the sign of overfitting.
# ### END EXPLANATION

# %% [markdown]
# ## Claim 3: significance
#
# The paired t-test against the residual U-Net, slice by slice, with Holm's correction: in eleven independent tests at 5 % a false find has a chance of 43 %. So the smallest p is multiplied by the
# number of tests, the next one by one less, and so on.

# %% tags=["experiment"]
evaluation.paired_tests(tables[0], reference="residual U-Net, MSE", metric="MSE")

# %% tags=["experiment"]
def library_t(first, second):
    test = evaluation.paired_test(first, second)
    return test.t, test.p


t_test = yours("paired_t", library_t, name="paired_t")
if len(seeds) > 1:
    print("The same network, the same recipe, another seed:")
    for name in [*jobs][:4]:
        first, second = (table.per_slice(name, "MSE") for table in tables[:2])
        t, p = t_test(first, second)
        print(f"  {name:26} t = {t:6.2f}, p = {p:.2g} over {len(first)} slices")
reference = tables[0].per_slice("residual U-Net, MSE", "MSE")
differences = [tables[0].per_slice(name, "MSE") - reference for name in [*jobs][1:]]
rho = float(np.median([np.corrcoef(d[:-1], d[1:])[0, 1] for d in differences]))
independent = max(1, len(reference) * (1 - rho) / (1 + rho))
print(f"Correlation of a difference with that in the next slice: {rho:.2f} (median of 11).")
print(f"So {len(reference)} slices say about as much as {independent:.0f} independent ones,")
print("if the correlation falls geometrically. All are one head: as people, n = 1.")

# %% [markdown]
# The test says that *these two trained networks* differ on *slices of this one head*, as if slices were independent. And
# it does not know that you could have trained again. If another seed of the same network is "significantly different" too, p says nothing about
# architectures. For that, let several heads be the pairs (`evaluation.paired_tests(..., groups=...)`).

# %% tags=["experiment"]
instant_questions("lab06", [5])

# %% [markdown]
# ## Which network repairs what?
#
# The thesis says: all networks remove noise and blur; dropped pixels stay visible in the shallow residual one; DSSIM fills blank squares best.

# %% tags=["experiment"]
shown = [f"{name}, {loss}" for name in [*MODELS][:3] for loss in ("MSE", "DSSIM")]
repaired = {
    (kind, name): training.denoise(networks[0][name], pictures).clamp(0, 1)
    for kind, pictures in corrupted.items()
    for name in shown
}
square = hole & brain
with_square = square.flatten(1).any(1)


def score(pictures, kind):
    """Mean PSNR; for the blank square inside the square alone, where it lies on brain."""
    if kind == "blank square":
        pairs = pictures[with_square], test[with_square]
        return psnr(*pairs, mask=square[with_square]).mean().item()
    return psnr(pictures, test).mean().item()


print(f"PSNR (dB), Colin27, {len(test)} slices, first seed; blank square: inside the square.")
print(f"{'':26}" + "".join(f"{kind:>15}" for kind in corrupted))
row = "".join(f"{score(pictures, kind):>15.2f}" for kind, pictures in corrupted.items())
print(f"{'corrupted':26}" + row)
for name in shown:
    row = "".join(f"{score(repaired[kind, name], kind):>15.2f}" for kind in corrupted)
    print(f"{name:26}" + row)

# %% tags=["experiment"]
from IPython.display import display

four = [*shown[:3], shown[4]]
for kind, pictures in corrupted.items():
    results = {name: score(repaired[kind, name], kind) for name in four}
    order = sorted(four, key=results.get)
    ends = [f"{results[name]:.1f} dB ({name})" for name in (order[0], order[-1])]
    where = "in the square" if kind == "blank square" else "mean of all slices"
    display(
        viz.panel(
            test[middle], pictures[middle], {name: repaired[kind, name][middle] for name in four},
            titles=["Colin27", kind, *four], window=window,
            title=f"{kind}: from " + " to ".join(ends) + f", {where}",
        )
    )  # fmt: skip

# %% [markdown]
# Compare with the first row. After the short training on a CPU, dropped pixels mostly improve, noise only with skips *and* MSE; blur costs so little that every network makes it
# **worse**, and the squares stay nearly black. Where a network without a skip leaves edges in the difference map, it has *blurred*.
#
# Where long training fills the square, its content is **invented**. In a picture that a doctor reads, what would you rather see there?
#
# ## New brains: a variational autoencoder
#
# `draw_code` in the middle of a small dense network: 32×32 pixels, 16 numbers in the code. The loss is the squared
# error of an image / (2·σ²) + KL. Here σ is the error that we grant the decoder in each pixel: a small σ makes errors expensive. (*Nats*: KL by the natural logarithm.)

# %% tags=["experiment"]
from course_lib.models import vae


def library_code(mean, log_variance, generator):
    code = vae.reparameterise(mean, log_variance, generator=generator)
    return code, losses.kl_divergence(mean, log_variance)


draw = yours("draw_code", library_code, name="draw_code")
tiny_train, tiny_test = (
    nn.functional.interpolate(pictures, size=(32, 32), mode="area")
    for pictures in (train_slices, test)
)
granted, numbers = (0.02, 0.1, 0.5), 16


def new_vae():
    layers = nn.Flatten(), nn.Linear(32 * 32, 256), nn.ReLU(), nn.Linear(256, 2 * numbers)
    back = nn.Linear(numbers, 256), nn.ReLU(), nn.Linear(256, 32 * 32), nn.Sigmoid()
    return nn.Sequential(*layers), nn.Sequential(*back, nn.Unflatten(1, (1, 32, 32)))


# %% tags=["experiment"]
def train_vae(decoder_sd, epochs):
    """Encoder and decoder, the draw between them. The loop of lab 01."""
    with training.fixed_seed(0):
        encoder, decoder = new_vae()
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=1e-3)
    generator = torch.Generator().manual_seed(0)
    for _ in progress_bar(range(epochs), desc=f"VAE, σ = {decoder_sd:g}"):
        for rows in torch.randperm(len(tiny_train), generator=generator).split(16):
            mean, log_variance = encoder(tiny_train[rows]).chunk(2, dim=1)  # two times (N, 16)
            code, divergence = draw(mean, log_variance, generator)
            error = ((decoder(code) - tiny_train[rows]) ** 2).sum((1, 2, 3))
            optimizer.zero_grad()
            (error / (2 * decoder_sd**2) + divergence).mean().backward()
            optimizer.step()
    return encoder.requires_grad_(False), decoder.requires_grad_(False)


vaes, found = {}, {}
for sd in granted:
    encoder, decoder = vaes[sd] = train_vae(sd, profile.pick(ci=2, cpu=150, gpu=600))
    for name, pictures in {"training images": tiny_train, "Colin27": tiny_test}.items():
        mean, log_variance = encoder(pictures).chunk(2, dim=1)
        kl, length = losses.kl_divergence(mean, log_variance).mean().item(), mean.norm(dim=1).mean()
        error = metrics.mse(decoder(mean), pictures).mean().item() ** 0.5
        found[sd, name] = kl, error
        print(f"σ = {sd:<5} {name:16} KL {kl:5.1f} nats, rms error {error:.3f}, |μ| {length:.1f}")

# %% tags=["experiment"]
codes = torch.randn(6, numbers, generator=torch.Generator().manual_seed(0))
(kl0, error0), (kl1, error1) = (found[sd, "training images"] for sd in (0.02, 0.5))
viz.gallery(
    [picture for _, decoder in vaes.values() for picture in decoder(codes)], columns=6,
    titles=[f"σ = {sd:g}" for sd in vaes for _ in range(6)], window=window,
    title=f"Codes from N(0, 1). From σ = 0.02 to 0.5 KL goes from {kl0:.0f} to {kl1:.0f} nats,"
    f" the error from {error0:.3f} to {error1:.3f}",
)  # fmt: skip

# %% [markdown]
# With a small σ the codes are narrow and lie farther out (|μ|) than draws from N(0, 1) (about √16 = 4): few draws hit one. With a large σ
# the draws look alike. Colin27 is rebuilt worse than the training heads: these are one anatomy, deformed.
#
# ## In your own words ({{points proof}})
#
# A colleague writes: "The residual U-Net is better than the shallow residual autoencoder: paired t-test over 24 slices of a test head, p = 1e-6. So shortcuts make better autoencoders."
# What does this p prove, and what not? How would you find out whether *shortcuts* help? Use your measurements. Four to eight sentences.

# %% [markdown] nbgrader={"grade_id": "proof", "solution": true, "points": 3}
# The p says that these two trained networks differ on slices of this one head by more than the slices scatter. It takes the 24 slices as independent, but
# neighbouring slices are nearly the same picture (in my test the 24 count for about 2), so p is far too small; as people, n is 1. It knows nothing of the training: in
# my test the shallow residual network differs "significantly" from itself with another seed, too (p = 0.02). So it says nothing about architectures. And "shortcuts"
# are two things: both networks have residual blocks, only the skips across the code differ, and with them the number of parameters in the decoder. I would train
# each network with several seeds, with equal budgets, and until none gets better; test on many heads, with one mean a head as a pair; add a
# network without the residual shortcuts but with as many layers; and report the size of the difference with its interval, not only p. Whether the gain is
# worth it is another question: a skip also lets the image go around the code.
#
# ### BEGIN MARK SCHEME
# - 1: says what p proves: two trained networks on one head; slices are not independent
# - 1: uses the measured spread over seeds: another seed of the same network gives a small p too
# - 1: plans a test of shortcuts: several seeds and heads, equal budgets, a network without them, the size of the difference
# ### END MARK SCHEME
#
# ### BEGIN EXPLANATION
# A p-value answers one question: how surprising are these differences if the true mean were 0 and the pairs independent? Neither the training nor other heads are in that question. The common
# mistake is to read p as the chance that the finding is wrong. The yardstick is another seed, and the unit is the head.
# ### END EXPLANATION

# %% [markdown]
# ## What to remember
#
# - `x + F(x)`: doing nothing is easy, and the gradient has a free way.
# - Pre-activation: nothing is done to the sum. A skip crosses the code: added or joined.
# - Count the numbers in the code. With clean input a skip copies.
# - Early stopping keeps the best epoch; it cannot replace missing variety.
# - Pairs in a paired test must be independent. Slices of a head are not; another seed is the yardstick.
#
# The functions that you wrote are `course_lib.models.residual_blocks.OriginalBlock` and `PreActivationBlock`, the steps inside `models.autoencoders.SkipCAE`,
# `models.vae.reparameterise` and `losses.kl_divergence`, `training.History.add_validation`, `losses.DSSIMLoss` with `training.THESIS_RECIPE`, and `evaluation.paired_test`.
