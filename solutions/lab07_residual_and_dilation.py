# %% [markdown]
# # Lab 07: Residual learning and dilation
#
# {{badges}}
#
# **The question of this lab: should a network draw the image, or the noise? How far must it see? And what does it erase?**
#
# You need about two and a half hours. On 2 CPU cores the cells compute for about 4 minutes in all, and take less than
# 2 GB of memory. On a GPU the networks are larger, and are trained for longer.
#
# In this lab you will
#
# - let a network learn the noise instead of the image, and build that network: DnCNN,
# - write a dilated filter by hand, and compute how far a chain of filters sees,
# - rebuild a published table on X-rays, with batch normalisation switched on and off,
# - find out what a larger view buys, and compare with what theory allows,
# - ask whether denoising erases the small bright spots that a radiologist looks for in a mammogram.
#
# {{exercises}}

# %% tags=["setup"]
# `course build` writes the set-up cell here

# %% [markdown]
# ## Theory in half a page
#
# A noisy image is `y = x + n`. A network `R` can be trained in two ways:
#
# | | its output is | the denoised image | trained to minimise |
# |---|---|---|---|
# | direct | the image | `R(y)` | mean of `(R(y) − x)²` |
# | **residual** | the noise | `y − R(y)` | mean of `(R(y) − (y − x))²` |
#
# Both losses ask for the same image. But noise is small, has no anatomy, and looks alike everywhere; and a network that knows nothing yet, R = 0, is already as good as the noisy image. Zhang et al. (2017)
# built **DnCNN** on that: 17 convolutions, with batch normalisation (BN). Sori et al. (2017), in the lecture, took it to X-rays.
#
# A chain of convolutions sees a window of the image, its **receptive field**. With kernels of k pixels, **dilation** d (d − 1 pixels are left out between two weights) and strides s:
#
# $$ \text{side} = 1 + \sum_i (k_i - 1)\, d_i \prod_{j<i} s_j $$
#
# So 17 layers of 3×3 see 35×35 pixels. Seven layers with the dilations 1, 2, 3, 4, 3, 2, 1 see 33×33: about as far, with a third of the weights (Zhang et al. 2017b, IRCNN).
#
# PSNR averages over all pixels. A microcalcification in a mammogram covers a handful of them. Whether it can still be **found** is another question. An observer who knows its shape slides a **matched filter** over the image and gets a score.
# Compare the scores where a spot is with those where none is: how far apart they are, in standard deviations, is **d′**. How often a spot scores higher than an empty place is the **AUC**: 0.5 is guessing, 1 is always.
#
# **Sources.** Zhang et al. 2017, *Beyond a Gaussian denoiser: residual learning of deep CNN for image denoising* (DnCNN); Zhang et al. 2017b, *Learning deep CNN denoiser prior for image restoration* (IRCNN); Sori et al. 2017, in the DLMI lecture; Yu and
# Koltun 2016, *Multi-scale context aggregation by dilated convolutions*; Luo et al. 2016, *Understanding the effective receptive field*; Burgess et al. 2001, *Human observer detection experiments with mammograms and power-law noise*; Barrett and Myers
# 2004, *Foundations of image science*.

# %%
import functools
import itertools

import numpy as np
import torch
from torch import nn

from course_lib import evaluation, metrics, noise, training, viz

# %% [markdown]
# ## Exercise 1: learn the noise ({{points residual_step}})
#
# **Goal.** `residual_step(network, noisy, clean)` takes a network that **answers with the noise**, and two batches `(N, 1, H, W)`. It returns two things:
#
# 1. the denoised images,
# 2. the loss: the mean, over all pixels of all images, of the squared difference between the network's answer and the true noise, `noisy − clean`.
#
# **Steps.** Ask the network once. Subtract its answer from the noisy images. Compare its answer with the true noise.
#
# **Example.** Two pixels: noisy `[0.5, 0.9]`, clean `[0.4, 1.0]`. The network answers `[0.1, 0.18]`. Denoised: `[0.4, 0.72]`. The true noise is `[0.1, −0.1]`, so the loss is (0² + 0.28²) / 2 = 0.0392.
#
# **Hint.** Which sign? The noise is what was **added**: `noisy = clean + noise`. Gradients must pass, to the network and to the noisy images; clip nothing, and leave the network's mode as it is. (The paper has ½ and a sum over pixels; we take the mean, as `mse_loss` does.)


# %% nbgrader={"grade_id": "residual_step", "solution": true}
def residual_step(network, noisy, clean):
    """The denoised images, and the mean squared error of the noise that the network answers."""
    ### BEGIN SOLUTION
    residual = network(noisy)
    return noisy - residual, ((residual - (noisy - clean)) ** 2).mean()
    ### END SOLUTION


# %% nbgrader={"grade_id": "residual_step_test", "points": 2}
from course_lib.exercise import without

### BEGIN HIDDEN TESTS
weighed = lambda d, e, inputs, weights: [
    d, e, *torch.autograd.grad(e + (d * weights).sum(), inputs)
]  # fmt: skip
probed = lambda net, y, x, weights: [  # images, loss, gradients; and what BN has noted
    *weighed(*residual_step(net, y, x), [y, *net.parameters()], weights), *net.buffers()
]  # fmt: skip
### END HIDDEN TESTS
beyond = [[3.0, 1], [-2, -1], [0.5, 0.5], [1, 2], [-0.5, 0], [2, 4]]  # pairs of noisy and clean
with without("course_lib.models.dncnn.DnCNN"):
    for case, height, factor, pairs, image, number, slopes in (
        ("the example", 2, 0.2, [[0.5, 0.4], [0.9, 1]], [0.4, 0.72], 0.0392, [-1.4, 0.252]),
        ("beyond [0, 1]", 3, 0.5, beyond, [1.5, -1, 0.25, 0.5, -0.25, 1], 1.9375, [-4, 2]),
    ):
        network, seen = nn.Conv2d(1, 1, 1, bias=False), []  # answers with `factor` times its input
        nn.init.constant_(network.weight, factor)
        network.register_forward_hook(lambda _, given, __: seen.append(given[0].detach().clone()))
        noisy, clean = torch.tensor(pairs).reshape(-1, 1, height, 1, 2).unbind(-1)
        answer = residual_step(network, noisy, clean)
        right = type(answer) in (tuple, list) and [np.ndim(part) for part in answer] == [4, 0]
        assert right, f"return two things, first the images, then the loss; got {answer}"
        denoised, loss = (torch.as_tensor(part) for part in answer)
        got = denoised.flatten().tolist()
        told = f"{case}: denoised should be {image}, got {got}: noisy − answer, once, unclipped"
        assert np.allclose(got, image, atol=1e-5), told
        assert abs(loss.item() - number) < 1e-5, (
            f"{case}: expected the loss {number}, got {loss.item():.4f}: the mean, over all pixels,"
            " of (answer − (noisy − clean))². The network learns the noise, with its sign"
        )
        assert len(seen) == 1 and torch.equal(seen[0], noisy), "show it the noisy images, once"
        for part, slope, what in zip((denoised, loss), slopes, ("images", "loss"), strict=True):
            assert part.requires_grad, f"the {what}: no gradient: no item(), detach() or no_grad()"
            asked = {"inputs": network.weight, "retain_graph": True, "materialize_grads": True}
            found = torch.autograd.grad(part.sum(), **asked)[0].item()
            assert abs(found - slope) < 1e-4, f"{what}: expected the gradient {slope}, got {found}"
    ### BEGIN HIDDEN TESTS
    for mode in (True, False):  # double precision, tall images, old gradients, gradients off
        network = nn.Sequential(nn.Conv2d(1, 3, 1), nn.BatchNorm2d(3), nn.Conv2d(3, 1, 1))
        layer, norm, _ = network.double().train(mode)
        old = layer.weight.grad = torch.full_like(layer.weight, 7)
        modes, rng = [], np.random.default_rng(1)
        note = lambda: modes.append((norm.training, torch.is_grad_enabled()))
        norm.register_forward_hook(lambda *_: note())
        noisy, clean = torch.from_numpy(rng.normal(0, 2, (2, 2, 1, 7, 5)))
        copies, state = (noisy.clone(), clean.clone()), torch.get_rng_state()
        denoised, loss = residual_step(network, noisy, clean)
        assert torch.equal(noisy, copies[0]) and torch.equal(clean, copies[1]), "nothing in place"
        assert denoised.dtype == loss.dtype == torch.float64, "the type of the images should stay"
        assert denoised.shape == noisy.shape, f"images of {noisy.shape}, got {denoised.shape}"
        assert all(part.training == mode for part in network.modules()), (
            "your answer called network.eval() or train(): whoever trains decides on the mode"
        )
        assert layer.weight.grad is old and (old == 7).all(), (
            "your answer called zero_grad() or backward(): the training loop does that"
        )
        with torch.no_grad():
            parts = residual_step(network, noisy, clean)
            assert not torch.is_grad_enabled(), "your answer turned gradients on for good"
            assert not parts[1].requires_grad, "gradients were turned off: leave that as it is"
        assert modes == [(mode, True), (mode, False)], (
            "ask the network once, in the mode in which it comes: BN moves its mean each time"
        )
        assert torch.equal(torch.get_rng_state(), state), "nothing is drawn here: no manual_seed()"
    ### END HIDDEN TESTS
    ### HIDDEN VALUE: probed(random_weights(nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.BatchNorm2d(2), nn.Conv2d(2, 1, 3, padding=1)), rng).double().train(), *[torch.from_numpy(rng.normal(0, 2, (3, 1, 8, 5))).requires_grad_() for _ in range(3)])
    ### HIDDEN VALUE: probed(random_weights(nn.Conv2d(1, 1, 3, padding=1), rng), *[(4 * random_tensor(rng, 1, 1, 5, 9) - 2).requires_grad_() for _ in range(3)])
print("residual_step: right")

# %% [markdown]
# Look at the loss again. With `denoised = noisy − answer`, the difference `answer − (noisy − clean)` is `clean − denoised`: the loss of the noise **is** the loss of the image. So what does residual learning change? Only where the network
# starts, and what its layers must carry. We shall measure whether that matters.
#
# ## Exercise 2: a dilated filter, by hand ({{points dilated_filter}})
#
# **Goal.** `dilated_filter(image, kernel, dilation)` of two numpy arrays, `(H, W)` and `(a, b)` with a and b odd, of whole numbers or of fractions, returns the filtered image, an array `(H, W)` too. It is what deep learning calls a convolution (nothing is turned round):
#
# $$ \text{out}[y, x] = \sum_{i,j} \text{kernel}[i, j] \cdot \text{image}\!\left[\,y + d\,(i - \tfrac{a-1}{2}),\; x + d\,(j - \tfrac{b-1}{2})\right] $$
#
# Outside the image everything is 0.
#
# **Steps.** Pad the image with zeros: how many on each side, so that the size stays? Then add up shifted copies of it, one for each weight of the kernel. You need no loop over pixels. (`torch`'s and SciPy's convolutions are closed.)
#
# **Example.** Image `[[5, 0, 0, 7, 0]]`, kernel `[[1, 2, 3]]`, dilation 2. The answer is `[[10, 21, 5, 14, 0]]`: its second number is 1·0 (outside) + 2·0 + 3·7 = 21.
#
# **Hint.** Dilation 2 leaves **one** pixel out between two weights. The kernel of side a then reaches d·(a − 1)/2 pixels to each side.


# %% nbgrader={"grade_id": "dilated_filter", "solution": true}
def dilated_filter(image, kernel, dilation):
    """The image (H, W), filtered by a kernel whose weights stand `dilation` pixels apart; zeros outside, size kept."""
    ### BEGIN SOLUTION
    (height, width), (rows, columns) = image.shape, kernel.shape
    padded = np.pad(image, [(dilation * (rows - 1) // 2,) * 2, (dilation * (columns - 1) // 2,) * 2])
    result = np.zeros((height, width))
    for i, j in np.ndindex(rows, columns):
        result += kernel[i, j] * padded[dilation * i : dilation * i + height, dilation * j : dilation * j + width]
    return result
    ### END SOLUTION


# %% nbgrader={"grade_id": "dilated_filter_test", "points": 2}
from torch.overrides import TorchFunctionMode
from course_lib.exercise import without


class NoConvolution(TorchFunctionMode):
    def __torch_function__(self, function, types, arguments=(), keywords=None):
        assert "conv" not in getattr(function, "__name__", ""), "torch's convolution is closed here"
        return function(*arguments, **(keywords or {}))


with without(
    "torch.nn.modules.conv._ConvNd", "torch.nn.modules.conv.Conv2d", "scipy.signal.fftconvolve",
    "scipy.ndimage.correlate", "scipy.ndimage.convolve", "scipy.ndimage.correlate1d",
    "scipy.ndimage.convolve1d", "scipy.signal.correlate2d", "scipy.signal.convolve2d",
    "scipy.signal.correlate", "scipy.signal.convolve", "scipy.signal.oaconvolve",
), NoConvolution():  # fmt: skip
    for image, kernel, dilation, wanted, hint in (
        ([[5.0, 0, 0, 7, 0]], [[1.0, 2, 3]], 2, [[10, 21, 5, 14, 0]], "the example"),
        ([[0, 0, 0], [0, 1.0, 0], [0, 0, 0]], [[1, 2, 3], [4, 5, 6], [7, 8, 9.0]], 1,
         [[9, 8, 7], [6, 5, 4], [3, 2, 1]], "kernel[0, 0] meets the pixel up and left, unturned"),
        ([[1.0], [2], [3], [4]], [[1.0], [-2], [3]], 2, [[7], [8], [-5], [-6]], "d rows apart"),
        ([[2.0, 4, 6]], [[1, 2, 3]] * 3, 7, [[4, 8, 12]], "a view beyond the image: zeros there"),
        ([[2, 250, 1]], [[0.5, -1, 0.25]], 1, [[60.5, -248.75, 124]], "a sum of fractions"),
    ):  # fmt: skip
        try:
            got = dilated_filter(np.array(image), np.array(kernel), dilation)
        except TypeError as error:  # numpy refuses to add fractions to whole numbers
            raise AssertionError(f"{hint}: {error}. Begin with np.zeros(image.shape)") from None
        told = f"{hint}. {image} by {kernel}, d = {dilation}: expected {wanted}, got {got}"
        right = type(got) is np.ndarray and got.shape == np.shape(wanted)
        assert right and np.allclose(got, wanted, atol=1e-4), told
    ### BEGIN HIDDEN TESTS
    rng = np.random.default_rng(2)
    image, kernel = rng.normal(0, 9, (7, 4)), rng.normal(0, 1, (3, 5))
    copies = image.copy(), kernel.copy()
    first, again = dilated_filter(image, kernel, 1), dilated_filter(image, kernel, 1)
    assert all(map(np.array_equal, copies, (image, kernel))), "your answer changed its input"
    assert np.array_equal(first, again) and not np.shares_memory(first, image), "return a new array"
    squares = np.arange(1, 16).reshape(5, 3).astype(np.uint8) ** 2
    got = dilated_filter(squares, np.array([[1, 0, -2], [3, 0.5, 7], [-1, 2, 4]]), 2)
    wanted = [[485.5, 130, 120.5], [1036, 254.5, 254], [1811.5, 424, 469.5], [986, 60.5, 388]]
    wanted += [[1497.5, 98, 668.5]]
    assert np.allclose(got, wanted), f"whole numbers of 8 bits: expected {wanted}, got {got}"
    ### END HIDDEN TESTS
    ### HIDDEN VALUE: [dilated_filter(rng.normal(0, 3, size), rng.normal(0, 1, sides), dilation) for size, sides, dilation in (((13, 8), (3, 3), 1), ((9, 14), (5, 3), 2), ((12, 7), (1, 5), 2), ((5, 6), (3, 3), 7), ((1, 9), (3, 7), 3))]
    ### HIDDEN VALUE: [dilated_filter(rng.integers(-99, 255, (8, 5)), rng.normal(0, 1, (3, 3)), 2), dilated_filter(rng.integers(0, 255, (6, 9)), rng.integers(-5, 5, (5, 1)), 1), 1e8 * dilated_filter(1e-8 * rng.normal(0, 1, (7, 6)), rng.normal(0, 1, (3, 3)), 3)]
print("dilated_filter: right")

# %% [markdown]
# ## Exercise 3: how far does a chain see? ({{points receptive_field}})
#
# **Goal.** `receptive_field(kernels, dilations, strides)` takes three lists of whole numbers, one number for each layer, from the image on. It returns the side of the receptive field of one number of the last layer, in pixels of the image.
#
# **Steps.** A pixel sees itself: 1. Each layer adds `(k − 1)·d` pixels of **what it is given**. Where a layer before had the stride s, one of these is worth s pixels of the image; several strides multiply.
#
# **Example.** Two layers of 3×3: 5. One layer of 3×3 with dilation 4: 9. A 3×3 layer with stride 2, and another 3×3 layer: 1 + 2 + 2·2 = 7. Three empty lists: 1.
#
# **Hint.** The stride of a layer counts for the layers **after** it, not for itself. Pooling of 2×2 is a layer with k = 2 and s = 2.


# %% nbgrader={"grade_id": "receptive_field", "solution": true}
def receptive_field(kernels, dilations, strides):
    """Side of the receptive field of a chain of convolutions, in pixels of the image."""
    ### BEGIN SOLUTION
    side, step = 1, 1
    for kernel, dilation, stride in zip(kernels, dilations, strides, strict=True):
        side += (kernel - 1) * dilation * step
        step *= stride
    return side
    ### END SOLUTION


# %% nbgrader={"grade_id": "receptive_field_test", "points": 2}
from course_lib.exercise import without

with without(
    "course_lib.models.dncnn.receptive_field_formula", "course_lib.models.dncnn.receptive_field",
    "course_lib.models.dncnn.footprint",
):  # fmt: skip
    for name, lists, side in (
        ("two layers of 3×3", ([3, 3], [1, 1], [1, 1]), 5),
        ("one layer of 3×3 with dilation 4", ([3], [4], [1]), 9),
        ("3×3 with stride 2, then 3×3", ([3, 3], [1, 1], [2, 1]), 7),
        ("three layers of 1×1", ([1, 1, 1], [1, 5, 2], [1, 1, 1]), 1),
        ("17 layers of 3×3 (DnCNN)", ([3] * 17, [1] * 17, [1] * 17), 35),
        ("dilations of IRCNN", ([3] * 7, [1, 2, 3, 4, 3, 2, 1], [1] * 7), 33),
        ("7×7, 5×5 with dilation 3, 3×3 with 2", ([7, 5, 3], [1, 3, 2], [1, 1, 1]), 23),
        ("3×3, 3×3, pooling, three times", ([3, 3, 2] * 3, [1] * 9, [1, 1, 2] * 3), 36),
        ("strides 2, 3, 1, dilations 1, 2, 3", ([3, 5, 3], [1, 2, 3], [2, 3, 1]), 55),
        ("a stride in the last layer only", ([5, 3], [1, 2], [1, 2]), 9),
        ("no layer at all: a pixel sees itself", ([], [], []), 1),
    ):
        given = [list(part) for part in lists]
        try:
            got = receptive_field(*given)
        except IndexError as error:
            raise AssertionError(f"{name}: {error}. Start with 1, not with a layer") from None
        assert np.shape(got) == () and got == side, (
            f"{name}: expected {side} pixels, got {got!r}: start with 1, and add for each layer"
            " (k − 1)·d·(product of all strides before this layer)"
        )
        assert given == list(lists), f"{name}: your answer changed the caller's lists (pop?)"
    ### HIDDEN VALUE: [receptive_field(*rng.integers(1, 6, (3, layers)).tolist()) for layers in (0, 1, 2, 3, 4, 6)]
    ### HIDDEN VALUE: receptive_field(rng.integers(2, 4, 12).tolist(), rng.integers(1, 9, 12).tolist(), rng.integers(1, 3, 12).tolist())
print("receptive_field: right")

# %% [markdown]
# Let us see it. The next cell asks a **network**, not the formula: which pixels of the image can change the pixel in the middle of the output? The gradient tells. Then the same for chains of your own.

# %% tags=["experiment"]
from course_lib.models import dncnn

NETWORKS = {
    "17 layers (DnCNN)": dncnn.DnCNN(17),
    "7 layers": dncnn.DnCNN(7),
    "7 layers, 1-2-3-4-3-2-1": dncnn.DnCNN(dilations=dncnn.IRCNN_DILATIONS),
    "7 layers, all 2": dncnn.DnCNN(dilations=(2,) * 7),
}
print(
    f"{'3×3 convolutions, width 64, BN':32}{'by formula':>12}{'by gradient':>13}{'seen of the window':>21}{'parameters':>12}"
)
for name, network in NETWORKS.items():
    rates = network.dilations
    side, found = receptive_field([3] * len(rates), rates, [1] * len(rates)), dncnn.receptive_field(network)
    seen = int((dncnn.footprint(network, 65) > 0).sum())
    print(
        f"{name:32}{f'{side}×{side}':>12}{'{}×{}'.format(*found):>13}{100 * seen / side**2:>19.0f} %{sum(p.numel() for p in network.parameters()):>12,}"
    )

# %% [markdown]
# ## Play: which pixels are seen?
#
# Add layer after layer, and choose a chain. All of them have the same number of weights in each layer. Two questions: why does the chain of twos see only one pixel in four? And look at the right picture: is the rim of the receptive field worth as much as its middle?

# %% tags=["experiment"]
from course_lib.data import mammograms

phantom = mammograms.synthetic_mammograms(1, 3)
viz.receptive_field_slider(phantom.images[0], title="A synthetic mammogram, seen through 3×3 filters")

# %% [markdown]
# ## Exercise 4: the network ({{points NoiseNet}})
#
# **Goal.** A module `NoiseNet(dilations, width, batch_norm)`: a chain of 3×3 convolutions, one for each number in `dilations` (two at least). It takes `(N, 1, H, W)` and answers with the **noise**, `(N, 1, H, W)`.
#
# | | with BN | without BN |
# |---|---|---|
# | first layer, 1 → width | conv - ReLU | conv - ReLU |
# | all between, width → width | conv **without bias** - BN - ReLU | conv - ReLU |
# | last layer, width → 1 | conv | conv |
#
# **Steps.** Convolution i has `dilation=dilations[i]`. Which padding keeps the size? Make the layers in the order in which they run.
#
# **Example.** `NoiseNet([1, 2, 1], 4, True)` has (9·4 + 4) + (9·4·4 + 8) + (9·4 + 1) = 229 parameters, the 8 for the BN. `NoiseNet([1] * 17, 64, True)` has 556,097, the DnCNN of the paper.
#
# **Hint.** BN has a shift of its own, so a bias before it would be of no use. And noise is negative as often as positive: what must not stand at the end? BN is `nn.BatchNorm2d(width)`, as it comes.


# %% nbgrader={"grade_id": "NoiseNet", "solution": true}
class NoiseNet(nn.Module):
    """conv-ReLU, conv-BN-ReLU …, conv: all 3×3, each with its own dilation, all of one size. Answers with the noise."""

    def __init__(self, dilations, width, batch_norm):
        super().__init__()
        ### BEGIN SOLUTION
        layers, last = [], len(dilations) - 1
        for number, rate in enumerate(dilations):
            normalised = batch_norm and 0 < number < last
            inputs, outputs = (1 if number == 0 else width), (1 if number == last else width)
            layers.append(nn.Conv2d(inputs, outputs, 3, padding=rate, dilation=rate, bias=not normalised))
            if normalised:
                layers.append(nn.BatchNorm2d(width))
            if number < last:
                layers.append(nn.ReLU())
        self.layers = nn.Sequential(*layers)
        ### END SOLUTION

    def forward(self, noisy):
        ### BEGIN SOLUTION
        return self.layers(noisy)  # (N, 1, H, W) -> (N, width, H, W) -> (N, 1, H, W)
        ### END SOLUTION


# %% nbgrader={"grade_id": "NoiseNet_test", "points": 3}
from course_lib.exercise import random_weights, without

### BEGIN HIDDEN TESTS
lengths = lambda parts: sum(part.abs().sum() for part in parts)
slopes = lambda y, inputs: torch.autograd.grad(y.sin().sum(), inputs)
probed = lambda net, x: (  # noise, its gradients for images and weights, what BN has noted
    lambda y: (lambda slope, *rest: [y, slope, lengths(rest), lengths(net.buffers())])(
        *slopes(y, [x, *net.parameters()])
    )
)(net(x))
### END HIDDEN TESTS
with without("course_lib.models.dncnn.DnCNN"):
    for holes, width, norm, mode, count, wanted, slopes_wanted in (
        ([1, 2, 1], 4, True, False, 229, [-0.2167, 5.5966, 0.4624], [57.178, 2169.19]),
        ([1, 2, 1], 4, True, True, 229, [-0.0907, -0.2572, -0.2475], [8.60451, 1032.68]),
        ([1, 2, 3, 2], 3, False, True, 226, [-0.5598, -0.6742, -0.3763], [9.00123, 704.505]),
        ([2, 1, 4, 3, 3], 3, True, False, 319, [-0.2093, -0.1990, -0.1408], [4.1679, 567.026]),
        ([3, 2], 2, True, False, 39, [1.4589, 0.7369, -1.2029], [18.6812, 677.684]),
    ):
        network, where = NoiseNet(holes, width, norm), f"NoiseNet({holes}, {width}, {norm})"
        got = sum(weights.numel() for weights in network.parameters())
        told = f"{where}: expected {count} parameters, got {got}: no bias before BN; PyTorch finds"
        assert got == count, f"{told} layers in attributes and nn.Sequential, not in a plain list"
        random_weights(network, np.random.default_rng(1)).double().train(mode)
        x = torch.from_numpy(np.random.default_rng(2).normal(0, 4, (2, 1, 9, 5))).requires_grad_()
        noise_got, where = network(1 * x), f"{where}, {'training' if mode else 'evaluation'}"
        told = f"{where}: expected noise {tuple(x.shape)}, got {tuple(noise_got.shape)}"
        assert noise_got.shape == x.shape, f"{told}: the padding of a 3×3 layer is its dilation"
        got = [noise_got[place].item() for place in ((0, 0, 0, 0), (0, 0, 4, 2), (1, 0, 8, 4))]
        told = f"{where}: at three pixels expected {wanted}, got {np.round(got, 3)}: look at each"
        told += " layer's dilation, zeros outside, BN before ReLU, nothing after the last; answer"
        assert np.allclose(got, wanted, atol=2e-3), f"{told} with the noise, not with x − noise"
        assert noise_got.requires_grad, f"{where}: no gradient: no detach() or no_grad() in forward"
        inputs = [x, *network.parameters()]
        sizes = torch.autograd.grad(noise_got.sin().sum(), inputs, materialize_grads=True)
        got = [abs(sizes[0]).sum().item(), sum(abs(part).sum().item() for part in sizes[1:])]
        told = f"{where}: expected gradients of sizes {slopes_wanted}, got {got}: detach nothing"
        assert np.allclose(got, slopes_wanted, rtol=1e-3), told
    ### BEGIN HIDDEN TESTS
    holes = [1, 3, 2, 1]
    for norm in (True, False):
        network = NoiseNet(holes, 3, norm)
        assert holes == [1, 3, 2, 1], "your answer changed the caller's list of dilations"
        shapes = [(3, 1, 3, 3), (1, 3, 3, 3), (1,), *[(3, 3, 3, 3)] * 2, *[(3,)] * (3 + 2 * norm)]
        got = sorted(tuple(weights.shape) for weights in network.parameters())
        assert got == sorted(shapes), f"expected parameters of shapes {sorted(shapes)}, got {got}"
        assert all(weights.requires_grad for weights in network.parameters()), "some do not learn"
        kinds = [type(layer) for layer in network.modules()]
        assert kinds.count(nn.BatchNorm2d) == 2 * norm, "BN after the two layers between, if asked"
        x = torch.from_numpy(np.random.default_rng(3).normal(0, 9, (1, 1, 11, 6)))
        kept = x.clone()
        noise_got = random_weights(network, np.random.default_rng(1)).double()(x)
        assert torch.equal(x, kept), "your answer changed the images: nothing in place"
        assert noise_got.shape == x.shape, f"one image {x.shape}: got {noise_got.shape}"
        assert noise_got.dtype == x.dtype, f"the type should stay {x.dtype}, got {noise_got.dtype}"
        assert not any(layer.training for layer in network.modules()), "leave the mode as it is"
        with torch.no_grad():
            assert not network(x).requires_grad, "gradients were turned off: leave that as it is"
    first, second = (NoiseNet([1, 1], 9, False).state_dict() for _ in range(2))
    assert not all(map(torch.equal, first.values(), second.values())), (
        "two networks begin with the same weights: no manual_seed() in __init__"
    )
    ### END HIDDEN TESTS
    ### HIDDEN VALUE: [probed(random_weights(NoiseNet(rng.integers(1, 4, layers).tolist(), 3, norm), rng).double().train(training), torch.from_numpy(rng.normal(0, 3, (n, 1, 10, 7))).requires_grad_()) for layers, norm, training, n in ((3, True, True, 2), (4, True, False, 1), (5, False, True, 1), (2, True, True, 3), (6, True, True, 2))]
    ### HIDDEN VALUE: random_weights(NoiseNet(rng.integers(1, 5, 7).tolist(), 4, True), rng)(10 * random_tensor(rng, 2, 1, 9, 16) - 5)
print("NoiseNet: right")

# %% [markdown]
# ## Exercise 5: the matched filter ({{points spot_heights}})
#
# How high is the spot at this place, if there is one? We know its shape, the template t, but not the grey of the ground that it stands on. So fit `height · t + ground` to the patch p around the place, by least squares. The solution is
#
# $$ \text{height} = \frac{\sum g\,p}{\sum g^2}, \qquad g = t - \text{mean}(t) $$
#
# **Goal.** `spot_heights(image, template, positions)` with numpy arrays: an image `(H, W)`, a template `(K, K)`, K odd, and whole numbers `(n, 2)`, row and column of n places, none nearer to the border than the template reaches. It returns the n heights, an array `(n,)`.
#
# **Steps.** Take the mean out of the template. For each place cut out the patch of K×K pixels with the place in its middle. Then the two sums.
#
# **Example.** The template `[[0, 0, 0], [0, 9, 0], [0, 0, 0]]` has the mean 1, so g is −1, in the middle 8, and Σg² = 72. On a patch that is 0.5 everywhere, and 0.5 + 0.9 in the middle, the height is 8·0.9 / 72 = 0.1: a tenth of the template, whatever the ground.
#
# **Hint.** Why must the mean go? A bright ground would look like a high spot. And the patch stands **around** the place: it starts K // 2 rows above.


# %% nbgrader={"grade_id": "spot_heights", "solution": true}
def spot_heights(image, template, positions):
    """At each place the height of the spot that fits best there, on a ground of any grey."""
    ### BEGIN SOLUTION
    centred, reach = template - template.mean(), len(template) // 2
    patches = [image[row - reach : row + reach + 1, column - reach : column + reach + 1] for row, column in positions]
    return np.array([(centred * patch).sum() / (centred**2).sum() for patch in patches])
    ### END SOLUTION


# %% nbgrader={"grade_id": "spot_heights_test", "points": 2}
from course_lib.exercise import without

rng, places = np.random.default_rng(5), np.array([[11, 6], [2, 2], [7, 4], [2, 6], [7, 4]])
spike, ground = np.pad([[9.0]], 1), np.pad([[1.4]], ((3, 2), (5, 3)), constant_values=0.5)
bump = np.exp(-np.add.outer(np.arange(-2, 3) ** 2, np.arange(-2, 3) ** 2) / 4.5)
tall = np.full((14, 9), 30.0)
for (row, column), height in zip(((11, 6), (2, 2)), (25, -0.2), strict=True):
    tall[row - 2 : row + 3, column - 2 : column + 3] += height * bump
noisy, uneven = rng.normal(0.4, 2, (14, 9)), rng.normal(1, 0.5, (5, 5))
grey, counts = np.round(9 * noisy).astype(int), np.round(9 * uneven).astype(int)
with without("course_lib.detection.matched_filter", "course_lib.detection.spot_detectability"):
    for name, image, template, where, wanted in (
        ("the example", ground, spike, np.array([[3, 5], [1, 1]]), [0.1, 0]),
        ("a bump of 25, a dark one, ground 30", tall, bump, places[:2], [25, -0.2]),
        ("uneven, to the rim", noisy, uneven, places, [-0.5256, -0.6217, -1.3699, 1.3301, -1.3699]),
        ("whole numbers", grey, counts, places[:3], [-0.4428, -0.7191, -1.4016]),
        ("one place only", noisy, uneven[1:4, 1:4], np.array([[1, 7]]), [3.9077]),
    ):
        copies = image.copy(), template.copy(), where.copy()
        got = spot_heights(*copies)
        same = all(map(np.array_equal, copies, (image, template, where)))
        assert same, f"{name}: your answer changed its input: template - …, not template -= …"
        told = f"{name}: expected an array of {len(where)} heights, got {got!r}"
        assert type(got) is np.ndarray and got.shape == (len(where),), told
        assert np.allclose(got, wanted, atol=1e-4), (
            f"{name}: expected the heights {wanted}, got {np.round(got, 4)}. Look at: the mean of"
            " the template taken out; the place (row, column) in the middle of the patch;"
            " divided by Σg², not by its root and not by Σt²; nothing turned round"
        )
    ### HIDDEN VALUE: [spot_heights(rng.normal(0.4, 2, size), rng.normal(1, 2, (side, side)), rng.integers(side // 2, np.subtract(size, side // 2), (n, 2))) for size, side, n in (((17, 11), 3, 7), ((9, 20), 5, 1), ((16, 15), 7, 5), ((7, 7), 7, 2))]
    ### HIDDEN VALUE: [spot_heights(rng.integers(0, 255, (9, 12)), rng.integers(0, 99, (3, 3)), rng.integers(1, 8, (4, 2))), 1e-7 * spot_heights(rng.normal(0, 1, (9, 8)), 1e-7 * rng.random((5, 5)), rng.integers(2, 6, (3, 2))), spot_heights(1e5 + rng.normal(0, 1, (9, 8)), rng.random((3, 3)), rng.integers(1, 7, (3, 2)))]
print("spot_heights: right")

# %% [markdown]
# ## Exercise 6: how well are two heaps told apart? ({{points detectability}})
#
# **Goal.** `detectability(present, absent)` of two numpy arrays of scores, `(n,)` with a spot and `(m,)` without, returns `(d′, AUC)`:
#
# $$ d' = \frac{\bar p - \bar a}{\sqrt{\tfrac12 (s_p^2 + s_a^2)}} $$
#
# with the variances s² that have n − 1 (and m − 1) below. AUC is the share of all n·m pairs in which the score with a spot is the higher one; equal scores count half.
#
# **Steps.** Means and variances. For AUC compare each with each: `present[:, None]` and `absent`.
#
# **Example.** `[3, 5]` and `[1, 3, 2]`: the means are 4 and 2, the variances 2 and 1, so d′ = 2 / √1.5 = 1.633. Of 6 pairs 5 are higher and one is equal: AUC = 5.5 / 6 = 0.917.
#
# **Hint.** Both heaps scatter, so both variances count, however many scores each has. Smaller with a spot than without? Then d′ is negative, and AUC below 0.5.


# %% nbgrader={"grade_id": "detectability", "solution": true}
def detectability(present, absent):
    """d' and AUC of two heaps of scores."""
    ### BEGIN SOLUTION
    spread = np.sqrt((present.var(ddof=1) + absent.var(ddof=1)) / 2)
    higher, equal = present[:, None] > absent, present[:, None] == absent  # (n, m)
    return (present.mean() - absent.mean()) / spread, (higher + equal / 2).mean()
    ### END SOLUTION


# %% nbgrader={"grade_id": "detectability_test", "points": 2}
from course_lib.exercise import without

cases = (
    ("the example", [3.0, 5], [1.0, 3, 2], 1.63299, 0.91667),
    ("one heap wide, one narrow", [2.0, 9, -3, 0, 4], [0.5, 1, 0.2, -0.1], 0.62439, 0.65000),
    ("many with, few without", [1.5, 2, 0, 4, 3, 2.5, -2, 1, 3.5, 6], [0.0, 1.2], 0.92079, 0.77500),
    ("few with, many without", [1.0, 2.5], [0.0, -1, 1.5, 2, 0.5, -3, 1.2, 0.1], 1.17366, 0.81250),
    ("smaller with a spot", [-2.0, -1, 0, 0.5], [1.0, 0.2, 2, 3, -0.5], -1.40036, 0.15000),
    ("whole numbers, many equal", [0, 1, 1, 2, 3, 3, 1], [0, 0, 1, 2, 1], 0.77420, 0.70000),
    ("not Gaussian", [0.01, 0.2, 9, 40, 1, 0.3], [0.5, -0.5, 1.1, 0.05], 0.72458, 0.66667),
    ("far apart", [9.0, 10, 8.5], [0.0, 1, -1, 0.3], 11.39803, 1.00000),
)
with without(
    "course_lib.detection.detectability", "course_lib.detection.spot_detectability",
    "course_lib.detection.auc_of",
):  # fmt: skip
    for name, with_spot, without_spot, d, auc in cases:
        present, absent = np.array(with_spot), np.array(without_spot)
        answer = detectability(present, absent)
        assert np.shape(answer) == (2,), f"return two numbers, (d′, AUC); got {answer!r}"
        same = present.tolist() == with_spot and absent.tolist() == without_spot
        assert same, f"{name}: your answer changed its input: no sorting in place"
        assert abs(answer[0] - d) < 1e-4 * max(1, abs(d)), (
            f"{name}: expected d′ = {d}, got {answer[0]:.5f}: present − absent; below it the root"
            " of the mean of **both** variances (ddof=1), each counted once, however many scores"
        )
        told = f"{name}: expected AUC = {auc}, got {answer[1]:.5f}: the share of all pairs in which"
        assert abs(answer[1] - auc) < 1e-4, f"{told} `present` is higher, equal ones counted half"
    ### HIDDEN VALUE: [detectability(rng.normal(0.5, 2, n), rng.normal(0, 1, m)) for n, m in ((7, 7), (40, 3), (2, 30), (25, 24))] + [detectability(rng.integers(0, 4, 30), rng.integers(-1, 3, 20)), detectability(rng.exponential(1, 30) ** 3 + 40 * (np.arange(30) == 3), rng.normal(0, 1, 25))]
    ### HIDDEN VALUE: [detectability(offset + scale * rng.normal(1, 1, 12), offset + scale * rng.normal(0, 1, 15)) for offset, scale in ((0, 1e-8), (1e3, 1e-2), (-3, 1e6))]
print("detectability: right")

# %% [markdown]
# ## The X-rays
#
# The embedded pictures are **two people**: a network trains on patches of one chest, is validated on another part of the same chest, and is tested on a lower leg of somebody else, taken by another machine. That is an honest test, and an example, not statistics:
# five tiles of one leg say nothing about other legs. (Their spread is printed all the same; it is a spread over tiles.) For numbers change `SOURCE` to `"chestmnist"` (it downloads MedMNIST+, and needs `size` at most 128).
#
# The noise of the lecture's table has standard deviations of 15 and 25, for pixels from 0 to 255. Ours run from 0 to 1: 15/255 = 0.059 and 25/255 = 0.098.

# %% tags=["experiment"]
from course_lib import images
from course_lib.data import xray

SOURCE = "embedded"
SIGMAS = {15: 15 / 255, 25: 25 / 255}
steps, batch, epochs = profile.pick(ci=(4, 2, 1), cpu=(600, 4, 5), gpu=(6000, 16, 12))
side = profile.pick(ci=32, cpu=40, gpu=50)
train_patches = xray.xrays("train", count=steps * batch // epochs, size=side, source=SOURCE)
validation = xray.xrays("validation", count=profile.pick(ci=2, cpu=16, gpu=64), size=64, source=SOURCE)
leg = xray.xrays(
    "test", size=180 if SOURCE == "embedded" else 128, count=profile.pick(ci=1, cpu=None, gpu=None), source=SOURCE
)
viz.gallery(
    [*train_patches[:6], *leg[:2]], columns=8, titles=[*[f"chest, {side}×{side}"] * 6, *[f"leg, {leg.shape[-1]}×{leg.shape[-1]}"] * len(leg[:2])],
    title=f"Train on {len(train_patches)} patches of one chest, test on {len(leg)} tiles of one leg: two people",
)  # fmt: skip

# %% [markdown]
# ## An honest experiment: residual or direct, with and without BN
#
# Four networks with the same layers (on a CPU seven layers of 16 channels, on a GPU DnCNN's 17 of 64), two seeds each, the same patches and steps. They differ in one thing at a time. Each last convolution starts at 0: so the
# residual network starts by answering the noisy image, the direct one by answering a black one. (About a minute on 2 cores.)

# %% tags=["experiment"]
from tqdm.auto import tqdm

width, depth = profile.pick(ci=4, cpu=16, gpu=64), profile.pick(ci=3, cpu=7, gpu=17)
seeds = range(profile.pick(ci=1, cpu=2, gpu=3))


class Direct(nn.Module):
    """The same layers, but their output is the image itself."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, noisy):
        return self.network.noise(noisy)


def train(
    patches,
    sigma,
    seed,
    *,
    rates=(1,) * depth,
    batch_norm=True,
    direct=False,
    validation=None,
    transform=None,
    width=width,
):
    """A new network, trained at one noise level; the same seed gives the same order of images and the same noise."""
    with training.fixed_seed(seed):
        network = dncnn.DnCNN(width=width, batch_norm=batch_norm, dilations=rates)
    model = Direct(network) if direct else network
    history = training.fit(
        model, patches, validation, loss=nn.functional.mse_loss, corrupt=training.noising("gaussian", sigma), transform=transform, epochs=epochs, batch_size=batch,
        learning_rate=profile.pick(ci=1e-2, cpu=1e-2, gpu=2e-3), schedule="one cycle", clip_norm=0.1, seed=seed, progress=False,
    )  # fmt: skip
    return model, history


KINDS = {
    "DnCNN": {},
    "without BN": {"batch_norm": False},
    "direct": {"direct": True},
    "direct, without BN": {"direct": True, "batch_norm": False},
}
jobs = [(25, name, seed) for name in KINDS for seed in seeds] + [
    (15, name, seed) for name in ("DnCNN", "without BN") for seed in seeds
]
trained = {
    job: train(train_patches, SIGMAS[job[0]], job[2], validation=validation, **KINDS[job[1]])
    for job in tqdm(jobs, desc="networks")
}
figure = viz.figure(
    6.4,
    3.6,
    title="Validation (another part of the same chest), sigma 25/255, at the end: "
    + "; ".join(f"{name} {-10 * np.log10(trained[25, name, 0][1].validation_loss[-1]):.1f}" for name in KINDS)
    + " dB",
)
axes = figure.subplots()
for (name, colour), seed in itertools.product(zip(KINDS, ("C0", "C1", "C2", "C3"), strict=True), seeds):
    losses_seen = np.array(trained[25, name, seed][1].validation_loss)
    axes.plot(
        np.arange(1, epochs + 1) * steps // epochs,
        -10 * np.log10(losses_seen),
        "o-",
        color=colour,
        alpha=1 if seed == 0 else 0.4,
        label=name if seed == 0 else None,
    )
axes.axhline(-20 * np.log10(SIGMAS[25]), color="grey", linestyle=":", label="the noisy image")
axes.set(xlabel="steps", ylabel="PSNR of the mean squared error (dB)")
axes.legend(fontsize=8)
figure

# %% [markdown]
# Now the lecture's table. The published rows are Sori et al.'s, not ours: trained on 547 images of 180×180 pixels (the row CNN DAE: 235 images of 64×64). Noisy images are not clipped, outputs are clipped to [0, 1]. (A few seconds.)

# %% tags=["experiment"]
from IPython.display import display

from course_lib.classical.bm3d import bm3d

PUBLISHED = {  # Sori et al. 2017, in the DLMI lecture: 180×180 pixels, but the CNN DAE 64×64
    15: {
        "BM3D": {"PSNR": 40.018},
        "DnCNN": {"PSNR": 41.116, "SSIM": 0.963},
        "Sori et al.": {"PSNR": 41.217, "SSIM": 0.963},
        "CNN DAE": {"SSIM": 0.89},
    },
    25: {
        "BM3D": {"PSNR": 37.265},
        "DnCNN": {"PSNR": 38.871, "SSIM": 0.949},
        "Sori et al.": {"PSNR": 38.882, "SSIM": 0.959},
        "CNN DAE": {"SSIM": 0.89},
    },
}
tables = {}
for level, sigma in SIGMAS.items():
    methods = {"BM3D": bm3d}
    for job in jobs:
        if job[0] == level:
            methods[job[1] + (f", seed {job[2]}" if job[2] else "")] = lambda noisy, _, model=trained[job][0]: (
                training.denoise(model, noisy)
            )
    tables[level] = evaluation.compare(
        methods, leg, noise.gaussian, sigma=sigma, published=PUBLISHED[level], progress=False
    )
    print(f"sigma {level}/255, {len(leg)} tiles of one leg:")
    display(tables[level])

means = {name: [tables[25].mean(name + (f", seed {seed}" if seed else "")) for seed in seeds] for name in KINDS}
print("sigma 25/255, mean over seeds (from smallest to largest), PSNR in dB:")
for name, values in means.items():
    print(f"  {name:20} {np.mean(values):6.2f}  ({min(values):.2f} to {max(values):.2f})")
print(
    f"  residual instead of direct: {np.mean(means['DnCNN']) - np.mean(means['direct']):+.1f} dB with BN, {np.mean(means['without BN']) - np.mean(means['direct, without BN']):+.1f} dB without"
)
print(
    f"  BN instead of none:         {np.mean(means['DnCNN']) - np.mean(means['without BN']):+.1f} dB residual, {np.mean(means['direct']) - np.mean(means['direct, without BN']):+.1f} dB direct"
)

# %% tags=["experiment"]
number = len(leg) // 2
noisy_leg = noise.gaussian(leg, SIGMAS[25], generator=torch.Generator().manual_seed(0))
answers = {
    "BM3D": bm3d(noisy_leg[[number]], SIGMAS[25])[0],
    **{name: training.denoise(trained[25, name, 0][0], noisy_leg[[number]])[0] for name in ("DnCNN", "direct")},
}
viz.panel(
    leg[number], noisy_leg[number], answers, titles=["leg", "noisy", *answers],
    title="Mean of all tiles, sigma 25/255: " + ", ".join(f"{name} {tables[25].mean(name):.1f} dB" for name in answers),
)  # fmt: skip

# %% [markdown]
# Compare the two: on *another part of the same chest* (the curves above) the direct network came close to the residual one, at least without BN. On the *leg* it may be worse than the noisy picture! Which pixels are wrong? Look at the maps, and then at the greys: what does each network answer, on average, where the truth has
# this grey? And how often did the training patches have it?

# %% tags=["experiment"]
edges = np.linspace(0, 1, 21)
greys, where = (edges[1:] + edges[:-1]) / 2, np.digitize(leg.numpy().ravel(), edges) - 1
mean_at = lambda values: np.array(
    [values[where == number].mean() if (where == number).sum() > 50 else np.nan for number in range(20)]
)
shift = {name: mean_at((training.denoise(trained[25, name, 0][0], noisy_leg) - leg).numpy().ravel()) for name in KINDS}
seen_in_training = np.histogram(train_patches.numpy(), edges)[0] / train_patches.numel()
darkest = float((leg < 0.1).double().mean()), float((train_patches < 0.1).double().mean())
figure = viz.figure(
    7,
    4.4,
    title=f"Darker than 0.1: {100 * darkest[1]:.1f} % of the pixels in training, {100 * darkest[0]:.0f} % of the leg's. Error there: DnCNN {shift['DnCNN'][:2].mean():+.3f}, direct {shift['direct'][:2].mean():+.3f}",
)
upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
for (name, values), colour in zip(shift.items(), ("C0", "C1", "C2", "C3"), strict=True):
    upper.plot(greys, values, "o-", markersize=4, color=colour, label=name)
upper.axhline(0, color="grey", linewidth=0.8)
upper.set(ylabel="mean error on the leg\n(answer − truth)")
upper.legend(fontsize=8)
lower.bar(greys, 100 * seen_in_training, width=0.045, color="0.5")
lower.set(xlabel="true grey", ylabel="pixels in\ntraining (%)")
figure

# %% [markdown]
# Read with care.
#
# - **Residual against direct.** The direct network must carry every grey through its layers, and it has learned to do so for greys that it has seen. The air beside the leg is darker than nearly all of the chest. The residual network does not carry greys at all: the image goes around it, and noise looks alike on every
#   grey. So residual learning bought more than speed here: it bought *safety* where the test differs from the training. That is what this experiment shows, for one chest and one leg; trained on many people, or much longer, the direct network would see all greys, and the gap would shrink.
# - **BN.** Compare its gain with the distance between two seeds, on the chest (the curves) and on the leg (the table). On our computer it had another sign on the one than on the other. BN carries the statistics of the training patches along; for denoising many have dropped it since.
# - **BM3D.** It needs no training and has never seen a chest, and on a CPU it wins clearly: a leg is smooth, BM3D looks for similar patches in a wide neighbourhood, and our small network saw one chest for some seconds. In Sori's table, trained on 547 images, DnCNN wins by 1.1 and 1.6 dB (published).
# - **What cannot be compared:** our decibels with the published ones. Other pictures, other sizes of networks, other SSIM perhaps.
#
# ## What does a larger view buy?
#
# Seven layers see 15×15 pixels, or 33×33 with dilation, with the same number of weights. Does the rest of the view help? For our synthetic texture we can **compute** what any view could give. Its spectrum is known, 1/f³, so its covariance is, too; and for a Gaussian
# texture no method is better than the best linear filter. Of all filters with a window of so many pixels we take the best one, and ask for its error. No network with that receptive field can do better on such a texture, however long it trains. (All our pictures have the same mean grey, which a network will learn; so the filter is told it, too. It
# pulls what it sees towards that grey, the more the stronger the noise is. The pictures are a little less than Gaussian: each is given the same mean and spread, and clipped to [0, 1].)


# %% tags=["experiment"]
def best_psnr(side, sigmas, beta=3.0, size=128, deviation=0.1):
    """PSNR of the best filter with a window of side×side pixels on 1/f^beta texture of known mean, far from the border: one number for each sigma."""
    frequency = np.hypot(np.fft.fftfreq(2 * size)[:, None], np.fft.fftfreq(2 * size))
    frequency[0, 0] = np.inf
    covariance = np.fft.ifft2(frequency**-beta).real  # (2·size, 2·size), by distance
    near, overlap = np.arange(1 - size, size), size - np.abs(np.arange(1 - size, size))
    mean_of_all = (np.outer(overlap, overlap) * covariance[np.ix_(near, near)]).sum() / size**4
    covariance -= mean_of_all  # around the mean of a picture of this size, which is known
    covariance *= deviation**2 / covariance[0, 0]
    rows, columns = np.mgrid[:side, :side].reshape(2, -1)
    between = covariance[rows[:, None] - rows, columns[:, None] - columns]
    middle, found = between[side * side // 2], []
    for sigma in sigmas:
        weights = np.linalg.solve(between + sigma**2 * np.eye(side**2), middle)  # Wiener's filter
        found.append(-10 * np.log10(covariance[0, 0] - weights @ middle))
    return found


sides, levels = [3, 5, 7, 9, 11, 13, 15, 17, 21, 25, 33], [15 / 255, 25 / 255, 0.2, 0.4]
theory = np.array([best_psnr(side, levels) for side in sides])  # (sides, levels)
gain = {level: theory[-1, column] - theory[sides.index(15), column] for column, level in enumerate(levels)}
for level, value in gain.items():
    print(f"sigma {level:.3f}: the best filter of 33×33 pixels is {value:.3f} dB better than the best one of 15×15")

# %% [markdown]
# At the noise levels of the X-rays there is practically nothing to win beyond 15×15: neighbours far away know nothing that the near ones do not. Only when the near ones drown in noise, far ones help. So we test at sigma 0.4, which is very strong, and with shallow chains of four layers, too.
# (About a minute on 2 cores.)

# %% tags=["experiment"]
STRONG, rim = 0.4, 16
texture = mammograms.synthetic_mammograms(profile.pick(ci=4, cpu=80, gpu=400), 0, masses=0, clusters=0).images
texture_test = mammograms.synthetic_mammograms(profile.pick(ci=2, cpu=16, gpu=48), 1, masses=0, clusters=0).images
VIEWS = profile.pick(
    ci=[(1, 1, 1, 1), (1, 2, 4, 1)],
    cpu=[(1, 1, 1, 1), (1, 2, 2, 1), (1, 2, 4, 1), (1,) * 7, dncnn.IRCNN_DILATIONS],
    gpu=[(1, 1, 1, 1), (1, 2, 2, 1), (1, 2, 4, 1), (1,) * 7, dncnn.IRCNN_DILATIONS],
)
crops = profile.pick(ci=40, cpu=48, gpu=64)


def as_many(pictures):
    """The pictures again and again, as many as an epoch has steps for."""
    return pictures.repeat(-(-steps * batch // epochs // len(pictures)), 1, 1, 1)[: steps * batch // epochs]


cut = lambda image, generator: images.random_crop(image, crops, generator=generator)
noisy_texture = noise.gaussian(texture_test, STRONG, generator=torch.Generator().manual_seed(1))
inner = (..., slice(rim, -rim), slice(rim, -rim))
views = {}
for rates, seed in tqdm([*itertools.product(VIEWS, seeds)], desc="networks"):
    model, _ = train(as_many(texture), STRONG, seed, rates=rates, batch_norm=False, transform=cut)
    answer = training.denoise(model, noisy_texture).clamp(0, 1)
    views[rates, seed] = [
        metrics.psnr(part(answer), part(texture_test), data_range=1).mean().item()
        for part in (lambda x: x[inner], lambda x: x)
    ]
print(
    f"{'dilations':16}{'view':>8}{'weights':>9}{'away from the border (seeds), dB':>36}{'whole image, dB':>18}{'theory, dB':>12}"
)
for rates in VIEWS:
    side = receptive_field([3] * len(rates), rates, [1] * len(rates))
    values, whole = ([views[rates, seed][part] for seed in seeds] for part in (0, 1))
    weights = sum(
        parameter.numel() for parameter in dncnn.DnCNN(width=width, batch_norm=False, dilations=rates).parameters()
    )
    print(
        f"{'-'.join(map(str, rates)):16}{f'{side}×{side}':>8}{weights:>9,}{f'{np.mean(values):.2f}  ({min(values):.2f} to {max(values):.2f})':>36}{np.mean(whole):>18.2f}{best_psnr(side, [STRONG])[0]:>12.2f}"
    )

# %% tags=["experiment"]
figure = viz.figure(
    9.5,
    3.8,
    title=f"From 15×15 to 33×33 pixels theory promises {gain[25 / 255]:+.2f} dB at sigma 25/255, {gain[STRONG]:+.2f} dB at {STRONG}",
)
left, right = figure.subplots(1, 2)
for column, (level, colour) in enumerate(zip(levels, ("C0", "C1", "C2", "C3"), strict=True)):
    left.plot(
        sides, theory[:, column] - theory[0, column], "o-", markersize=3, color=colour, label=f"sigma {level:.3f}"
    )
left.set(xlabel="side of the window (pixels)", ylabel="best possible gain over a 3×3 window (dB)")
left.legend(fontsize=8)
right.plot(sides, theory[:, -1], "-", color="C3", label="best possible")
for count, marker in ((4, "s"), (7, "o")):
    points = [
        (receptive_field([3] * count, rates, [1] * count), views[rates, seed][0])
        for rates, seed in views
        if len(rates) == count
    ]
    if points:
        right.plot(
            *zip(*points, strict=True), marker, color="C0" if count == 4 else "C1", label=f"networks of {count} layers"
        )
right.set(xlabel="side of the receptive field (pixels)", ylabel=f"PSNR away from the border,\nsigma {STRONG} (dB)")
right.legend(fontsize=8)
figure

# %% [markdown]
# What do you see? Compare chains with equally many weights, and keep the distance between seeds in mind. On our computer 1-2-4-1 gained 1.5 dB over 1-1-1-1, with the same 4,945 weights, and beat the seven plain layers, too. But seven layers with dilation gained nothing over seven without. Three things are mixed in each point: what the view
# *allows* (the curve); what the training *reached* (all points lie below the curve, and with equally many layers the wider the view the further: 0.9 dB for 1-1-1-1, 2.3 dB for 1-2-3-4-3-2-1; 600 steps are few, and more is to be learned); and, in the column of the whole image, the **border**: a dilated chain reaches over it earlier, and finds zeros there. That is why we score 16 pixels away from it, and print both.
#
# So dilation is no gift. It buys a view at no cost in weights. Whether the view is worth something depends on the noise and on the texture: anatomy has longer lines than this texture, and BM3D, which compares patches far apart, lives from that.
#
# ## Does denoising erase microcalcifications?
#
# Small bright spots in a cluster can be the first sign of breast cancer. Our pictures are **synthetic** (no person, no anatomy), but they have what no real picture has: the truth about where each spot is and how high, and the same picture without any.
#
# Each spot is 0.4 mm wide at half its height (two pixels), and 0.12 to 0.2 high: 1.2 to 2 times the noise, whose sigma is 25/255. We denoise pictures with and without spots, each with its own noise, and let the matched filter score all known places. Three networks: one that was trained with spots in its pictures, one that has never seen a spot, and a dilated one that has. (About half a minute.)

# %% tags=["experiment"]
from course_lib import detection
from course_lib.classical import filters

sigma, height = SIGMAS[25], 0.2
phantoms = mammograms.synthetic_mammograms(profile.pick(ci=2, cpu=24, gpu=100), 100, contrast=height)
lessons = mammograms.synthetic_mammograms(profile.pick(ci=4, cpu=80, gpu=400), 0, contrast=height)
template = detection.spot(mammograms.SPOT_WIDTH)
plain = (1,) * 7
taught = {
    "network": train(as_many(lessons.images), sigma, 0, rates=plain, batch_norm=False, transform=cut)[0],
    "network, dilated": train(
        as_many(lessons.images), sigma, 0, rates=dncnn.IRCNN_DILATIONS, batch_norm=False, transform=cut
    )[0],
    "network, never saw a spot": train(
        as_many(lessons.backgrounds), sigma, 0, rates=plain, batch_norm=False, transform=cut
    )[0],
}
DENOISERS = {
    "noisy": lambda x: x,
    "Gaussian filter": lambda x: filters.gaussian(x, sigma),
    "BM3D": lambda x: bm3d(x, sigma),
    **{name: lambda x, model=model: training.denoise(model, x) for name, model in taught.items()},
}
generator = torch.Generator().manual_seed(0)
with_spots, without_spots = (
    noise.gaussian(pictures, sigma, generator=generator) for pictures in (phantoms.images, phantoms.backgrounds)
)
true_height = float(torch.cat(phantoms.contrasts).mean())
found, quality, shown = {}, {}, {}
for name, denoise in DENOISERS.items():
    present, absent = denoise(with_spots), denoise(without_spots)
    found[name] = detection.spot_detectability(present, absent, phantoms.positions, template)
    quality[name] = (
        metrics.psnr(present if name == "noisy" else present.clamp(0, 1), phantoms.images, data_range=1).mean().item()
    )
    shown[name] = present[0]
spots = found["noisy"].present
print(
    f"{spots} spots in {len(phantoms)} synthetic pictures. On flat ground theory gives d′ = {detection.ideal_detectability(template, true_height, sigma):.2f} in the noisy picture; the texture takes some of it."
)
print(f"{'':28}{'PSNR (dB)':>10}{'height left':>13}{'d′':>8}{'AUC (standard error)':>24}")
for name, result in found.items():
    print(
        f"{name:28}{quality[name]:>10.2f}{100 * result.contrast / true_height:>11.0f} %{result.d_prime:>8.2f}{f'{result.auc:.3f} ({result.auc_error:.3f})':>24}"
    )

# %% tags=["experiment"]
best = max(quality, key=quality.get)
row, column = (int(value) for value in phantoms.positions[0].float().mean(0))
top, left = (int(np.clip(value - 24, 0, 128 - 48)) for value in (row, column))
zoom = lambda picture: picture[0, top : top + 48, left : left + 48]
truth = zoom(phantoms.images[0])
figure = viz.figure(
    10,
    5.6,
    title=f"One cluster. Highest PSNR of all: {best}, {quality[best]:.1f} dB, AUC {found[best].auc:.2f}. The noisy picture: {quality['noisy']:.1f} dB, AUC {found['noisy'].auc:.2f}",
)
headings = {
    "truth (synthetic)": truth,
    **{f"{name}\n{quality[name]:.1f} dB, AUC {found[name].auc:.2f}": zoom(picture) for name, picture in shown.items()},
}
panels = figure.subplots(2, 4).ravel()
for axes, (heading, picture) in zip(panels, headings.items(), strict=False):
    axes.imshow(picture, cmap="gray", vmin=float(truth.min()), vmax=float(truth.max()), interpolation="nearest")
    axes.set_title(heading, fontsize=9)
    axes.set(xticks=[], yticks=[])
for axes in panels[len(headings) :]:
    axes.set_axis_off()
panels[0].scatter(
    *(phantoms.positions[0] - torch.tensor([top, left])).flip(1).T, s=90, facecolors="none", edgecolors="#D55E00"
)
figure.supxlabel(
    "48×48 pixels of one picture; grey from the darkest to the brightest pixel of the truth; circles: where the spots are",
    fontsize=8,
)
figure

# %% [markdown]
# Look at d′ and AUC. On our computer the network won twelve decibels, and the spots were **harder** to find than in the noise. Yes, for this observer. The network that minimises the squared error asks: how likely is a spot here? There are few, and a bright pixel is mostly noise. So it pulls each one down: the cost is a few pixels out of 16,384.
# Compare the network that knows spots with the one that has never seen any, and with the standard error of the AUC. To have spots in the training pictures is not enough: the *loss* does not care.
#
# In the noisy picture the matched filter is nearly the best that anybody can do, and **no** method that sees only the noisy picture can add information. Can it at least be got back? Our observer stayed the same, but denoising has changed the shape of the spots, and the noise is no longer white. So let the observer learn: from other phantoms, treated
# alike, the best linear weights for the 9×9 pixels around a place (Fisher's discriminant: the inverse of the covariance, times the difference of the means; in this field it is called Hotelling's observer). (About ten seconds.)

# %% tags=["experiment"]
others = mammograms.synthetic_mammograms(profile.pick(ci=16, cpu=100, gpu=400), 300, contrast=height)
noisy_others = [
    noise.gaussian(pictures, sigma, generator=generator) for pictures in (others.images, others.backgrounds)
]


def windows(pictures, positions, reach=4):
    """The pixels around all places, (places, 81)."""
    return np.stack(
        [
            picture[0, row - reach : row + reach + 1, column - reach : column + reach + 1].numpy().ravel()
            for picture, places in zip(pictures, positions, strict=True)
            for row, column in places.tolist()
        ]
    )


adapted = {}
for name in ("noisy", "Gaussian filter", "network"):
    denoise = DENOISERS[name]
    heaps = [windows(denoise(pictures), others.positions) for pictures in noisy_others]
    covariance = sum(np.cov(heap.T) for heap in heaps) / 2
    weights = np.linalg.solve(
        covariance + 1e-3 * np.trace(covariance) / len(covariance) * np.eye(len(covariance)),
        heaps[0].mean(0) - heaps[1].mean(0),
    )
    adapted[name] = detection.detectability(
        *(windows(denoise(pictures), phantoms.positions) @ weights for pictures in (with_spots, without_spots))
    )
    print(
        f"{name:18} the same observer for all: AUC {found[name].auc:.3f} ({found[name].auc_error:.3f})    an observer that has learned on such pictures: AUC {adapted[name].auc:.3f} ({adapted[name].auc_error:.3f})"
    )

# %% [markdown]
# So say exactly what was lost. Height is lost, and with it the spots for whoever looks for spots as they are. But compare the second column with the noisy row: with our networks of a CPU most of the information was still there, only **hidden**, and from the Gaussian filter, which can nearly be undone, an observer who has learned gets all of it back.
# A radiologist has learned on pictures as they came from *her* machine; a new denoiser makes her a beginner.
#
# Faint spots and bright ones: at which height is one lost?

# %% tags=["experiment"]
shares, heights = {"network": [], "network, never saw a spot": [], "Gaussian filter": []}, []
for number, tallest in enumerate(
    profile.pick(ci=[0.2, 0.4], cpu=[0.1, 0.2, 0.3, 0.4, 0.5], gpu=[0.1, 0.2, 0.3, 0.4, 0.5])
):
    ladder = mammograms.synthetic_mammograms(profile.pick(ci=2, cpu=12, gpu=60), 200 + number, contrast=tallest)
    noisy_ladder = [
        noise.gaussian(pictures, sigma, generator=generator) for pictures in (ladder.images, ladder.backgrounds)
    ]
    heights.append(float(torch.cat(ladder.contrasts).mean()))
    for name in shares:
        present, absent = (DENOISERS[name](pictures) for pictures in noisy_ladder)
        shares[name].append(
            100 * detection.spot_detectability(present, absent, ladder.positions, template).contrast / heights[-1]
        )
figure = viz.figure(
    6.4,
    3.6,
    title=f"Height kept by the network: {shares['network'][0]:.0f} % of spots of {heights[0]:.2f}, {shares['network'][-1]:.0f} % of spots of {heights[-1]:.2f}",
)
axes = figure.subplots()
for (name, values), marker in zip(shares.items(), "os^", strict=True):
    axes.plot(np.array(heights) / sigma, values, marker + "-", label=name)
axes.set(
    xlabel="mean height of the spots (in standard deviations of the noise)", ylabel="height kept (%)", ylim=(0, 110)
)
axes.legend(fontsize=8)
figure

# %% [markdown]
# A linear filter keeps the same share of every spot: its line is flat. Is the network's? After the short training on a CPU it nearly was: our network had hardly become more than a good smoother, and even a spot of four sigma lost most of its height. A network that is trained for longer may learn to keep what is clearly there, and to erase what is faint. Then a
# phantom with bright spots alone would tell you that all is well. So always measure over a range of heights.
#
# What we did not measure: a human eye (it is no matched filter; smoothing may help it), an observer who must **search**, and real tissue. With `mammograms.mini_mias("test")` you can run the networks on real mammograms of mini-MIAS (a download; its licence does not allow us to ship it); but nobody knows the truth without noise there.
#
# ## In your own words ({{points erase}})
#
# A company offers a denoiser for mammograms at half the dose: "PSNR rises by 12 dB, SSIM by 0.5, so nothing is lost." A radiologist asks you whether she will still find microcalcifications. What do you answer, with your numbers? What would you measure before she may use it, and what would you change in the training? Four to eight sentences.

# %% [markdown] nbgrader={"grade_id": "erase", "solution": true, "points": 2}
# PSNR is a mean over all pixels, and the spots are a handful of them, so 12 dB say nothing about the spots. In my measurement the network raised PSNR from 20 to 32 dB, and left about a sixth of the spots' height; d′ fell from 1.9 to 1.1, and AUC from 0.92 to 0.78
# with a standard error of 0.02, so it is no accident. BM3D did the same, so it is not about networks; and spots in the training pictures did not help. It cannot be otherwise: no denoiser adds information, and squared error pays for pulling rare bright pixels down.
# (Two points: PSNR does not see small things, with the measured loss; and a task-based test. One point where only one of them is there.) A linear observer who had learned on denoised pictures came back to 0.89: most was hidden, not gone. But my radiologist has not learned on them. Before she may use it I would measure detection itself: many spots of many heights and sizes, in tissue like hers, at her dose, with and without denoising, with
# intervals, by model observers and then by radiologists who must search; and count false alarms, too. In training I would weigh the spots in the loss, or train for the detection itself; and I would show the noisy picture beside the denoised one. My pictures are synthetic, and the observer knew the places:
# so my numbers are a warning, not a prognosis.
#
# ### BEGIN MARK SCHEME
# - 1: says that PSNR does not see small things, with the loss that was measured
# - 1: asks for a test of the task: spots of many heights, by observers who must search, false alarms counted
# ### END MARK SCHEME

# %% [markdown]
# ## What to remember
#
# - Residual learning: answer with the noise, subtract it once. The loss is the same; the start and the task of the layers are not. Noise looks alike on every grey, so it travels better to pictures of another kind.
# - Side of the receptive field: 1 + Σ (k − 1)·d·(strides before). Padding of a dilated 3×3 filter: its dilation.
# - Dilation buys view without weights. Equal dilations leave gaps; and the rim of the view weighs little.
# - What a view is worth can be computed for a known texture. At moderate noise it is less than one thinks.
# - d′ and AUC ask whether a thing can still be found. PSNR does not.
# - A denoiser cannot add information. It can hide or erase what is small, rare and faint, and its PSNR will rise. Ask for whom: a fixed observer, or one who has learned on such pictures.
# - Two people are an example, not statistics.
#
# The functions that you wrote are the forward pass and the layers of `course_lib.models.dncnn.DnCNN`, `dncnn.receptive_field_formula`, and `course_lib.detection.matched_filter` and `detectability`.
