# %% [markdown]
# # Lab 07: Residual learning and dilation
#
# {{badges}}
#
# **The question of this lab: should a network draw the image or the noise? How far must it see? And what does it erase?**
#
# {{head}}
#
# {{exercises}}
#
# ### BEGIN CARD
# level = "core"
# memory = "1.5 GB"
# compute_minutes = 3
# labs = ["02", "04"]
# lectures = ["07"]
# mathematics = "variance and covariance; least squares"
# objectives = [
#     "build DnCNN, a network that learns the noise instead of the image",
#     "write a dilated filter, and compute how far a chain of filters sees",
#     "test on X-rays what residual learning and a larger view are worth",
#     "find out whether denoising erases microcalcifications",
# ]
# minutes = {theory = 10, residual_step = 10, dilated_filter = 20, receptive_field = 15, NoiseNet = 20, spot_heights = 15, detectability = 15, play = 5, experiments = 20, travel = 10, erase = 15}
# ### END CARD

# %% tags=["setup"]
# `course build` writes the set-up cell here

# %% [markdown]
# ## Theory in half a page
#
# A noisy image is `y = x + n`. You can train a network `R` in two ways:
#
# | | its output is | the denoised image | trained to minimise |
# |---|---|---|---|
# | direct | the image | `R(y)` | mean of `(R(y) − x)²` |
# | **residual** | the noise | `y − R(y)` | mean of `(R(y) − (y − x))²` |
#
# Both losses ask for the same image. But noise is small, has no anatomy and looks much the same everywhere; and an answer of 0 is already as good as the noisy image. **DnCNN** is built on this: 17 convolutions with batch normalisation (BN).
#
# A chain of convolutions sees a window of the image, its **receptive field**. With kernels of k pixels, **dilation** d (neighbouring weights lie d pixels apart) and strides s:
#
# $$ \text{side} = 1 + \sum_i (k_i - 1)\, d_i \prod_{j<i} s_j $$
#
# So 17 layers of 3×3 see 35×35 pixels. Seven layers with the dilations 1, 2, 3, 4, 3, 2, 1 (IRCNN) see 33×33, with a third of the weights.
#
# PSNR averages over all pixels, but a microcalcification, a speck of calcium in a mammogram, covers a handful. Can it still be **found**? An observer who knows its shape lays a **matched filter** over a place and reads a score. The distance between the mean scores with a spot and without, in standard deviations, is **d′**. The chance that a spot outscores an empty place is the **AUC** (area under the curve of hits against false alarms): 0.5 is guessing, 1 is perfect.
#
# | source | for |
# |---|---|
# | Zhang et al. 2017, [*Beyond a Gaussian denoiser*](https://arxiv.org/abs/1608.03981) | DnCNN |
# | Zhang et al. 2017, [*Learning deep CNN denoiser prior for image restoration*](https://arxiv.org/abs/1704.03264) | IRCNN |
# | Yu and Koltun 2016, [*Multi-scale context aggregation by dilated convolutions*](https://arxiv.org/abs/1511.07122) | dilation |
# | Luo et al. 2016, [*Understanding the effective receptive field*](https://arxiv.org/abs/1701.04128) | what the rim is worth |
# | Burgess et al. 2001, [*Human observer detection experiments with mammograms and power-law noise*](https://doi.org/10.1118/1.1355308) | the texture |
# | Barrett and Myers 2004, *Foundations of image science* | matched filter, d′, AUC |
# | Colliot and Vakalopoulou 2020, [*Deep learning for medical imaging*](http://www.aramislab.fr/teaching/DLMI-2019-2020/), part 5 and lab session | "the lecture"; quotes Sori et al. 2017, who took DnCNN to X-rays |
# | Suckling et al. 1994, *The Mammographic Image Analysis Society digital mammogram database* | mini-MIAS |
# | Yang et al. 2023, [*MedMNIST v2*](https://doi.org/10.1038/s41597-022-01721-8) | more X-rays |

# %%
import functools
import itertools

import numpy as np
import torch
from torch import nn

from course_lib import detection, evaluation, images, metrics, noise, training, viz
from course_lib._progress import progress_bar
from course_lib.data import mammograms, xray
from course_lib.exercise import yours
from course_lib.models import dncnn

# %% tags=["experiment"]
from course_lib.student import instant_questions

instant_questions("lab07", [1, 2])

# %% [markdown]
# ## Exercise 1: learn the noise ({{points residual_step}})
#
# **Goal.** `residual_step(network, noisy, clean)` takes a network that **answers with the noise**, and two batches `(N, 1, H, W)`. It returns two things: the denoised images, and the mean squared error of the noise, over all pixels of all images.
#
# **Steps.** What is the true noise? Which image follows from the answer? Ask the network once.
#
# **Example.** Two pixels: noisy `[0.5, 0.9]`, clean `[0.4, 1.0]`. The network answers `[0.1, 0.18]`. Denoised: `[0.4, 0.72]`. The true noise is `[0.1, −0.1]`, so the loss is $(0^2 + 0.28^2)/2 = 0.0392$.
#
# **Hint.** The noise was **added**. Gradients must flow to the network and to the noisy images. Do not clip, and leave the network's mode as it is.
#
# ### BEGIN EXPLANATION
# The noise was added, so the network's answer is subtracted, once. With `denoised = noisy − answer` the difference `answer − (noisy − clean)` is `clean − denoised`, so the loss of the noise equals the loss of the image.
# The common mistake is the sign: a network trained towards `clean − noisy` and then subtracted doubles the noise. The paper writes half a sum over pixels; that only rescales the gradient.
# ### END EXPLANATION

# %% nbgrader={"grade_id": "residual_step", "solution": true}
def residual_step(network, noisy, clean):
    """The denoised images, and the mean squared error of the noise that the network answers."""
    ### BEGIN SOLUTION
    residual = network(noisy)
    return noisy - residual, ((residual - (noisy - clean)) ** 2).mean()
    ### END SOLUTION


# %% nbgrader={"grade_id": "residual_step_test", "points": 1}
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
# Compare both losses. Is that a coincidence?

# %% tags=["experiment"]
def library_step(network, noisy, clean):
    answer = network(noisy)
    return noisy - answer, nn.functional.mse_loss(answer, noisy - clean)

step = yours("residual_step", library_step, name="residual_step")
pair = torch.rand(2, 4, 1, 16, 16, generator=torch.Generator().manual_seed(0))  # noisy, clean
denoised, loss = step(nn.Conv2d(1, 1, 3, padding=1), *pair)
of_image = nn.functional.mse_loss(denoised, pair[1]).item()
print(f"mean squared error of the noise {loss.item():.6f}, of the image {of_image:.6f}")

# %% [markdown]
# So residual learning changes only where the network starts and what its layers must carry.
#
# ## Exercise 2: a dilated filter by hand ({{points dilated_filter}})
#
# **Goal.** `dilated_filter(image, kernel, dilation)` of two numpy arrays, `(H, W)` and `(a, b)` with a and b odd, returns the filtered image, an array `(H, W)`. Nothing is flipped:
#
# $$ \text{out}[y, x] = \sum_{i,j} \text{kernel}[i, j] \cdot \text{image}\!\left[\,y + d\,(i - \tfrac{a-1}{2}),\; x + d\,(j - \tfrac{b-1}{2})\right] $$
#
# Outside the image everything is 0. Both arrays may hold fractions or whole numbers, even 8-bit ones.
#
# **Steps.** Pad with zeros: how many on each side, so that the size stays? Then add up shifted copies, one for each weight. (`torch`'s and SciPy's convolutions are closed.)
#
# **Example.** Image `[[5, 0, 0, 7, 0]]`, kernel `[[1, 2, 3]]`, dilation 2. The answer is `[[10, 21, 5, 14, 0]]`: its second number is $1·0 + 2·0 + 3·7 = 21$.
#
# **Hint.** Dilation 2 leaves **one** pixel out between two weights. And 8 bits end at 255: compute in floating point.
#
# ### BEGIN EXPLANATION
# A kernel of side a with dilation d reaches d·(a − 1)/2 pixels to each side, so that much padding keeps the size. Dilation d leaves d − 1 pixels out, not d.
# Numbers of 8 bits wrap round at 256 without a warning, so `np.uint8(2) * np.uint8(200)` is 144; casting the *sum* to float comes too late.
# ### END EXPLANATION

# %% nbgrader={"grade_id": "dilated_filter", "solution": true}
def dilated_filter(image, kernel, dilation):
    """The image (H, W), filtered by weights `dilation` pixels apart; zeros outside, size kept."""
    ### BEGIN SOLUTION
    (height, width), (rows, columns) = image.shape, kernel.shape
    padded = np.pad(image, [(dilation * (rows - 1) // 2,) * 2, (dilation * (columns - 1) // 2,) * 2])
    result, kernel = np.zeros((height, width)), kernel.astype(float)  # products of 8 bits overflow
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
        (np.uint8([[200, 100]]), np.uint8([[2, 1, 3]]), 1, [[500, 500]], "8 bits end at 255: cast"),
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
    got = dilated_filter(squares, np.uint8([[200, 0, 255], [1, 250, 90], [255, 3, 180]]), 1)
    wanted = [[5158, 12446, 8737], [18937, 39268, 26388], [46465, 87502, 56601]]
    wanted += [[87997, 157948, 99576], [90745, 126139, 80646]]
    told = f"image and kernel of 8 bits: expected {wanted}, got {got}: their products need more"
    assert np.allclose(got, wanted), told
    ### END HIDDEN TESTS
    ### HIDDEN VALUE: [dilated_filter(rng.normal(0, 3, size), rng.normal(0, 1, sides), dilation) for size, sides, dilation in (((13, 8), (3, 3), 1), ((9, 14), (5, 3), 2), ((12, 7), (1, 5), 2), ((5, 6), (3, 3), 7), ((1, 9), (3, 7), 3))]
    ### HIDDEN VALUE: [dilated_filter(rng.integers(0, 256, (7, 6)).astype(np.uint8), rng.integers(0, 256, sides).astype(np.uint8), 2) for sides in ((3, 3), (1, 5), (5, 3))]
    ### HIDDEN VALUE: [dilated_filter(rng.integers(-99, 255, (8, 5)), rng.normal(0, 1, (3, 3)), 2), dilated_filter(rng.integers(0, 255, (6, 9)), rng.integers(-5, 5, (5, 1)), 1), 1e8 * dilated_filter(1e-8 * rng.normal(0, 1, (7, 6)), rng.normal(0, 1, (3, 3)), 3)]
print("dilated_filter: right")

# %% [markdown]
# ## Exercise 3: how far does a chain see? ({{points receptive_field}})
#
# **Goal.** `receptive_field(kernels, dilations, strides)` takes three lists of whole numbers, one number a layer, starting at the image. It returns the side of the receptive field, in pixels of the image.
#
# **Steps.** A pixel sees itself: 1. How many pixels **of its own input** does a layer add? How many pixels of the image is each of these worth?
#
# **Example.** Two layers of 3×3: 5. One layer of 3×3 with dilation 4: 9. A 3×3 layer with stride 2, then another 3×3 layer: $1 + 2 + 2·2 = 7$. Three empty lists: 1.
#
# **Hint.** A stride counts for the layers **after** it, and strides multiply. Pooling of 2×2 is a layer with `k = s = 2`.
#
# ### BEGIN EXPLANATION
# Each layer adds (k − 1)·d steps of its own input, and one such step is worth the product of all strides before it. A stride has no effect on its own layer, because that layer still reads neighbouring numbers.
# Many add k instead of k − 1: windows of neighbouring outputs overlap, so each layer adds one pixel less than its side.
# ### END EXPLANATION

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
# Test the formula: send one bright pixel through a chain of filters, and see where it arrives.

# %% tags=["experiment"]
def torch_filter(image, kernel, dilation):
    """A dilated filter as torch has it."""
    image, kernel = (torch.from_numpy(part)[None, None].double() for part in (image, kernel))
    padding = [dilation * (side // 2) for side in kernel.shape[2:]]
    return nn.functional.conv2d(image, kernel, padding=padding, dilation=dilation)[0, 0].numpy()

formula = lambda kernels, rates, strides: dncnn.receptive_field_formula(rates, strides=strides)
filtered = yours("dilated_filter", torch_filter, name="dilated_filter")
side_of_view = yours("receptive_field", formula, name="receptive_field")
CHAINS = {
    "17 layers (DnCNN)": (1,) * 17,
    "7 layers": (1,) * 7,
    "7 layers, 1-2-3-4-3-2-1": dncnn.IRCNN_DILATIONS,
    "7 layers, all 2": (2,) * 7,
}
print(f"{'3×3, width 64, BN':24}{'formula':>8}{'found':>8}{'seen':>8}{'parameters':>12}")
for name, rates in CHAINS.items():
    spread = np.pad([[1.0]], 32)  # (65, 65), one bright pixel
    for rate in rates:
        spread = filtered(spread, np.ones((3, 3)), rate)
    found = int(np.ptp(np.nonzero(spread.any(0)))) + 1
    side = side_of_view([3] * len(rates), list(rates), [1] * len(rates))
    count = sum(weights.numel() for weights in dncnn.DnCNN(dilations=rates).parameters())
    seen = 100 * np.count_nonzero(spread) / side**2
    print(f"{name:24}{side:>8}{found:>8}{f'{seen:.0f} %':>8}{count:>12,}")

# %% [markdown]
# ## Play: which pixels are seen?
#
# Choose a chain and add layer after layer. Why does the chain of twos see only one pixel in four? And does the rim weigh as much as the middle?

# %% tags=["experiment", "picture 3 8"]
phantom = mammograms.synthetic_mammograms(1, 3).images[0]
viz.receptive_field_slider(phantom, title="A synthetic mammogram, seen through 3×3 filters")

# %% tags=["experiment"]
instant_questions("lab07", [3])

# %% [markdown]
# ## Exercise 4: the network ({{points NoiseNet}})
#
# **Goal.** A module `NoiseNet(dilations, width, batch_norm)`: a chain of 3×3 convolutions, one for each of `dilations` (at least two). It takes `(N, 1, H, W)` and answers with the **noise**, of the same shape.
#
# | | with BN | without BN |
# |---|---|---|
# | first layer, 1 → width | conv - ReLU | conv - ReLU |
# | all between, width → width | conv **without bias** - BN - ReLU | conv - ReLU |
# | last layer, width → 1 | conv | conv |
#
# **Steps.** Convolution i has `dilation=dilations[i]`. Which padding keeps the size? Create the layers in order.
#
# **Example.** `NoiseNet([1, 2, 1], 4, True)` has $(9·4+4) + (9·4·4+8) + (9·4+1) = 229$ parameters, 8 of them in BN. `NoiseNet([1] * 17, 64, True)`, the paper's DnCNN, has 556,097.
#
# **Hint.** BN has a shift of its own, so a bias before it does nothing. Noise is negative as often as positive: what must not stand at the end? Use `nn.BatchNorm2d(width)` as it comes.
#
# ### BEGIN EXPLANATION
# A 3×3 filter with dilation d reaches d pixels to each side, so its padding is d. BN subtracts the mean, and with it any bias before it; its own shift takes over.
# A ReLU at the end is the common mistake: half of all noise is negative, and such a network could never brighten what the noise has darkened.
# ### END EXPLANATION

# %% nbgrader={"grade_id": "NoiseNet", "solution": true}
class NoiseNet(nn.Module):
    """conv-ReLU, conv-BN-ReLU …, conv: 3×3, one dilation each. Answers with the noise."""

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
# ## Experiment 1: image or noise?
#
# The embedded X-rays show **two people**: training and validation patches are of one chest, the test tiles of another person's lower leg, on another machine. So this is an example, not statistics. (For those, `SOURCE = "chestmnist"` downloads chest X-rays of MedMNIST+, CC BY 4.0.)
#
# The lecture's noise levels, 15 and 25 on a scale to 255, are 0.059 and 0.098 on ours, to 1.

# %% tags=["experiment"]
SOURCE = "embedded"
SIGMAS = {15: 15 / 255, 25: 25 / 255}
steps, batch, epochs = profile.pick(ci=(4, 2, 1), cpu=(600, 4, 5), gpu=(6000, 16, 12))
side = profile.pick(ci=32, cpu=40, gpu=50)
train_patches = xray.xrays("train", count=steps * batch // epochs, size=side, source=SOURCE)
validation = xray.xrays(
    "validation", count=profile.pick(ci=2, cpu=16, gpu=64), size=64, source=SOURCE
)
leg = xray.xrays(
    "test", size=180 if SOURCE == "embedded" else 128, count=profile.pick(ci=1, cpu=None, gpu=None),
    source=SOURCE,
)  # fmt: skip
viz.gallery(
    [*train_patches[:6], *leg[:2]],
    titles=[*["chest"] * 6, *["leg"] * len(leg[:2])],
    title=f"Train on {len(train_patches)} patches of one chest ({side}×{side} pixels),"
    f" test on {len(leg)} tiles of one leg ({leg.shape[-1]}×{leg.shape[-1]})",
)

# %% [markdown]
# You will train four networks, two seeds each: residual (with BN: “DnCNN”) or direct, with or without BN. On a CPU they have seven layers of 16 channels, on a GPU DnCNN's 17 of 64.
#
# **Predict.** By how many decibels does the residual network beat the direct one (with BN, sigma 25/255) on another part of the same chest, and on the leg? Your reason goes into the question below.

# %% tags=["experiment"]
prediction = {"chest": None, "leg": None}  # residual minus direct, in dB

# %% tags=["experiment"]
width, depth = profile.pick(ci=4, cpu=16, gpu=64), profile.pick(ci=3, cpu=7, gpu=17)
seeds = range(profile.pick(ci=1, cpu=2, gpu=3))

def library_noise(dilations, width, batch_norm):
    """All of DnCNN but the subtraction."""
    return dncnn.DnCNN(width=width, batch_norm=batch_norm, dilations=dilations).layers

Network = yours("NoiseNet", library_noise, name="NoiseNet")

class Denoiser(nn.Module):
    """Takes a network's answer for the noise (residual) or for the image (direct)."""

    def __init__(self, network, direct):
        super().__init__()
        self.network, self.direct = network, direct

    def forward(self, noisy):
        answer = self.network(noisy)
        return answer if self.direct else noisy - answer

# %% [markdown]
# (About a minute on 2 cores.)

# %% tags=["experiment"]
def train(patches, corrupt, seed, *, rates=(1,) * depth, batch_norm=True, direct=False, **more):
    """A trained denoiser and its history; the same seed gives the same weights and noise."""
    network = Network(list(rates), width, batch_norm)
    convolutions = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    with training.fixed_seed(seed):
        for layer in convolutions:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    nn.init.zeros_(convolutions[-1].weight)
    model = Denoiser(network, direct)
    history = training.fit(
        model, patches, loss=nn.functional.mse_loss, corrupt=corrupt, epochs=epochs,
        batch_size=batch, learning_rate=profile.pick(ci=1e-2, cpu=1e-2, gpu=2e-3),
        schedule="one cycle", clip_norm=0.1, seed=seed, progress=False, **more,
    )  # fmt: skip
    return model, history

gaussian = lambda sigma: functools.partial(noise.gaussian, sigma=sigma)

# %% tags=["experiment"]
KINDS = {
    "DnCNN": {},
    "without BN": {"batch_norm": False},
    "direct": {"direct": True},
    "direct, without BN": {"direct": True, "batch_norm": False},
}
jobs = [*itertools.product([25], KINDS, seeds), *itertools.product([15], list(KINDS)[:2], seeds)]
trained = {
    (level, name, seed): train(
        train_patches, gaussian(SIGMAS[level]), seed, validation=validation, **KINDS[name]
    )
    for level, name, seed in progress_bar(jobs, desc="networks")
}
chest = {job: -10 * np.log10(trained[job][1].validation_loss) for job in jobs}  # dB
ends = {name: np.mean([chest[25, name, seed][-1] for seed in seeds]) for name in KINDS}
told = ", ".join(f"{name} {value:.1f}" for name, value in ends.items())
figure = viz.figure(7, 3.6, title=f"Another part of the same chest, last epoch (dB): {told}")
axes = figure.subplots()
for (name, colour), seed in itertools.product(zip(KINDS, viz.COLOURS, strict=False), seeds):
    label = f"{name}, seed {seed}"
    passed = np.arange(1, epochs + 1) * steps // epochs
    line = "--" if seed else "-"
    axes.plot(passed, chest[25, name, seed], line, marker="o", color=colour, label=label)
axes.axhline(-20 * np.log10(SIGMAS[25]), color="grey", linestyle=":", label="noisy image")
axes.set(xlabel="steps", ylabel="PSNR of the mean squared error (dB)")
axes.legend(fontsize=8)
figure

# %% [markdown]
# The lecture's table: its published rows come from 547 images of 180×180 pixels (CNN DAE: 235 of 64×64). Outputs are clipped to [0, 1], noisy images are not.

# %% tags=["experiment"]
from IPython.display import display

from course_lib.classical.bm3d import bm3d

PUBLISHED = {  # Sori et al. 2017, quoted in the lecture
    15: {
        "BM3D": {"PSNR": 40.018}, "DnCNN": {"PSNR": 41.116, "SSIM": 0.963},
        "Sori et al.": {"PSNR": 41.217, "SSIM": 0.963}, "CNN DAE": {"SSIM": 0.89},
    },
    25: {
        "BM3D": {"PSNR": 37.265}, "DnCNN": {"PSNR": 38.871, "SSIM": 0.949},
        "Sori et al.": {"PSNR": 38.882, "SSIM": 0.959}, "CNN DAE": {"SSIM": 0.89},
    },
}  # fmt: skip

named = lambda name, seed: f"{name}, seed {seed}" if seed else name
method = lambda model: lambda noisy, sigma: training.denoise(model, noisy)

# %% tags=["experiment"]
tables = {}
for level, sigma in SIGMAS.items():
    models = {named(job[1], job[2]): method(trained[job][0]) for job in jobs if job[0] == level}
    tables[level] = evaluation.compare(
        {"BM3D": bm3d, **models}, leg, noise.gaussian, sigma=sigma, published=PUBLISHED[level],
        progress=False,
    )  # fmt: skip
    print(f"sigma {level}/255, {len(leg)} tiles of one leg:")
    display(tables[level])

on_leg = {name: [tables[25].mean(named(name, seed)) for seed in seeds] for name in KINDS}
print("Leg, sigma 25/255, mean over seeds (smallest to largest), PSNR in dB:")
for name, values in on_leg.items():
    print(f"  {name:20}{np.mean(values):6.2f}  ({min(values):.2f} to {max(values):.2f})")
mean = {name: np.mean(values) for name, values in on_leg.items()}
print("Residual instead of direct, in dB:")
for part, values in (("chest", ends), ("leg", mean)):
    first, bare, direct, bare_direct = values.values()  # in the order of KINDS
    told = f"with BN (predicted: {prediction[part]}), {bare - bare_direct:+.1f} without"
    print(f"  {part:6}{first - direct:+6.1f} {told}")

# %% tags=["experiment"]
middle = len(leg) // 2
noisy_leg = noise.gaussian(leg, SIGMAS[25], generator=torch.Generator().manual_seed(0))
answers = {"BM3D": bm3d(noisy_leg[[middle]], SIGMAS[25])[0]}
for name in ("DnCNN", "direct"):
    answers[name] = training.denoise(trained[25, name, 0][0], noisy_leg[[middle]])[0]
told = ", ".join(f"{name} {tables[25].mean(name):.1f} dB" for name in answers)
viz.panel(
    leg[middle], noisy_leg[middle], answers, titles=["leg", "noisy", *answers],
    title=f"Mean of all tiles, sigma 25/255: {told}",
)  # fmt: skip

# %% [markdown]
# Which pixels are wrong? Look at the maps, then at the mean error by grey, and at how often training had that grey.

# %% tags=["experiment"]
edges = np.linspace(0, 1, 21)
greys, bins = (edges[1:] + edges[:-1]) / 2, np.digitize(leg.numpy().ravel(), edges) - 1

def by_grey(values, summary=np.mean):
    """The mean over the pixels of each grey; NaN where there are hardly any."""
    groups = [values.numpy().ravel()[bins == number] for number in range(20)]
    return np.array([summary(group) if len(group) > 50 else np.nan for group in groups])

models = {name: trained[25, name, 0][0] for name in KINDS}
shift = {name: by_grey(training.denoise(models[name], noisy_leg) - leg) for name in KINDS}
dark = [100 * float((part < 0.1).double().mean()) for part in (train_patches, leg)]
figure = viz.figure(
    7, 4.4, title=f"Darker than 0.1: {dark[0]:.1f} % of the training, {dark[1]:.0f} % of the leg."
    f" Error there: DnCNN {shift['DnCNN'][:2].mean():+.3f}, "
    f"direct {shift['direct'][:2].mean():+.3f}",
)  # fmt: skip
upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
for (name, values), colour in zip(shift.items(), viz.COLOURS, strict=False):
    upper.plot(greys, values, "o-", markersize=4, color=colour, label=name)
upper.axhline(0, color="grey", linewidth=0.8)
upper.set(ylabel="mean error on the leg\n(answer − truth)")
upper.legend(fontsize=8)
share = np.histogram(train_patches.numpy(), edges)[0] / train_patches.numel()
lower.bar(greys, 100 * share, width=0.045, color="0.5")
lower.set(xlabel="true grey", ylabel="pixels in\ntraining (%)")
figure

# %% [markdown]
# - **Residual or direct.** A direct network must carry every grey through its layers, and it learned that for the greys of a chest. A residual network carries no greys: the image goes round it. So the gap is wider on the leg.
# - **BN.** Is its gain larger than the distance between two seeds, on the chest (curves) and on the leg (table)? On our computer it was not.
#
# ### The noise of a real X-ray
#
# An X-ray detector counts photons, and a count N scatters by √N: **Poisson noise**. Few photons pass through bone, which is bright here, so count on the negative, `1 − x`: the air is noisiest. (The logarithm of most machines turns this round.) In ultrasound, **speckle** multiplies the image (`noise.speckle`): dark tissue stays dark.
#
# What does it cost to train with the wrong noise? (Networks without BN.)

# %% tags=["experiment"]
peak = float((1 - leg).mean() / SIGMAS[25] ** 2)  # on average as strong as sigma 25/255

def count_photons(image, sigma=None, *, generator=None):
    """Poisson noise on the negative."""
    return 1 - noise.poisson(1 - image, peak, generator=generator)

methods = {"BM3D, told sigma 25/255": bm3d}
for seed in seeds:
    methods[named("Gaussian noise", seed)] = method(trained[25, "without BN", seed][0])
    photon = train(train_patches, count_photons, seed, batch_norm=False)[0]
    methods[named("Poisson noise", seed)] = method(photon)
noisy_photons = count_photons(leg, generator=torch.Generator().manual_seed(0))
strength = by_grey(noisy_photons - leg, np.std)
first, last = (np.flatnonzero(np.isfinite(strength))[end] for end in (0, -1))
print(f"{peak:.0f} photons a pixel where nothing is in the way. Standard deviation of the noise:")
for end in (first, last):
    print(f"  {strength[end]:.3f} at grey {greys[end]:.2f}")
evaluation.compare(methods, leg, count_photons, sigma=SIGMAS[25], progress=False)

# %% [markdown]
# The right noise gained 0.8 dB on our computer, about as much as two seeds differ.
#
# ## In your own words: what travels? ({{points travel}})
#
# Compare your prediction with the measurement. Why does the test picture matter? Use the figure of the greys. Name one change to the training that should help the direct network, and a test of it. Three to five sentences.
#
# ### BEGIN EXPLANATION
# Both kinds minimise the same loss, so on pictures like those in training they can be equally good. They differ in what must pass the layers: a direct network must reproduce each grey, and for greys that it never saw nothing taught it to.
# Whoever explains the gap by "residual networks train faster" explains the chest, but not the leg.
# BM3D wins here because a leg is smooth and our small network saw one chest for seconds; with 547 training images DnCNN wins by 1.1 and 1.6 dB (published, on other images).
# ### END EXPLANATION

# %% [markdown] nbgrader={"grade_id": "travel", "solution": true, "points": 2}
# I predicted 1 dB on both pictures: the loss is the same, and I thought that the residual network only starts better. Measured, with BN, it was 5.9 dB on the chest and 16.6 dB on the leg, so I was wrong, above all on the leg.
# The figure shows why: a third of the leg is darker than 0.1, but practically no pixel of the training patches is. There the direct network is too bright by 0.25, the residual one by 0.002. The direct network must carry every grey through its layers and never learned these; the residual one subtracts noise, which looks alike on every grey.
# I would add patches of air, or vary brightness and contrast at random, train two seeds with and two without, and compare the error on the dark greys of the leg.
#
# ### BEGIN MARK SCHEME
# - 1: a prediction with a reason from the theory, compared with the measured differences on both chest and leg
# - 1: explains the leg by greys that the direct network never saw in training, and proposes a change with its test,
#   such as patches with air, or random brightness and contrast, two seeds, scored on the dark greys
# ### END MARK SCHEME

# %% [markdown]
# ## Experiment 2: what does a larger view buy?
#
# Seven layers see 15×15 pixels, or 33×33 with dilation. For our synthetic texture you can **compute** what a view is worth: its power spectrum, 1/f³, fixes its covariance, and on a Gaussian texture no method has a smaller mean squared error than the best linear filter (Wiener's). So the best filter in a window bounds every network that sees no more.
#
# **Predict.** How many decibels can 33×33 pixels gain over 15×15, at sigma 25/255 and at 0.4?

# %% tags=["experiment"]
prediction_views = {"25/255": None, "0.4": None}  # gain in dB

# %% tags=["experiment"]
def best_psnr(side, sigmas, beta=3.0, size=128, deviation=0.1):
    """PSNR of the best filter of side×side pixels on Gaussian 1/f^beta texture of known mean."""
    # ours is nearly that: each picture has the same mean and spread, and is clipped to [0, 1]
    frequency = np.hypot(np.fft.fftfreq(2 * size)[:, None], np.fft.fftfreq(2 * size))
    frequency[0, 0] = np.inf
    covariance = np.fft.ifft2(frequency**-beta).real  # (2·size, 2·size), by distance
    near = np.arange(1 - size, size)
    overlap = np.outer(size - np.abs(near), size - np.abs(near))
    covariance -= (overlap * covariance[np.ix_(near, near)]).sum() / size**4  # mean known
    covariance *= deviation**2 / covariance[0, 0]
    rows, columns = np.mgrid[:side, :side].reshape(2, -1)
    between = covariance[rows[:, None] - rows, columns[:, None] - columns]
    middle, found = between[side * side // 2], []
    for sigma in sigmas:
        weights = np.linalg.solve(between + sigma**2 * np.eye(side**2), middle)
        found.append(-10 * np.log10(covariance[0, 0] - weights @ middle))
    return found


STRONG = 0.4
sides, levels = [3, 5, 7, 9, 11, 13, 15, 17, 21, 25, 33], [15 / 255, 25 / 255, 0.2, STRONG]
theory = np.array([best_psnr(side, levels) for side in sides])  # (sides, levels)
gains = dict(zip(["15/255", "25/255", "0.2", "0.4"], theory[-1] - theory[6], strict=True))
for level, gain in gains.items():
    told = f"    your prediction: {prediction_views[level]}" if level in prediction_views else ""
    print(f"sigma {level:7} 33×33 instead of 15×15: {gain:+.3f} dB{told}")

# %% [markdown]
# Far pixels help only when the near ones drown in noise. So train at sigma 0.4, and chains of four layers too. (About a minute.)

# %% tags=["experiment"]
rim = 16
texture, texture_test = (
    mammograms.synthetic_mammograms(count, seed, masses=0, clusters=0).images
    for seed, count in enumerate(profile.pick(ci=(4, 2), cpu=(80, 16), gpu=(400, 48)))
)
VIEWS = [(1, 1, 1, 1), (1, 2, 2, 1), (1, 2, 4, 1), (1,) * 7, dncnn.IRCNN_DILATIONS]
VIEWS = VIEWS[: profile.pick(ci=2, cpu=5, gpu=5)]
crops = profile.pick(ci=40, cpu=48, gpu=64)
inner = lambda pictures: pictures[..., rim:-rim, rim:-rim]  # zeros outside do not reach here
cut = lambda image, generator: images.random_crop(image, crops, generator=generator)

def as_many(pictures):
    """The pictures again and again, as many as an epoch has steps for."""
    needed = steps * batch // epochs
    return pictures.repeat(-(-needed // len(pictures)), 1, 1, 1)[:needed]

# %% tags=["experiment"]
noisy_texture = noise.gaussian(texture_test, STRONG, generator=torch.Generator().manual_seed(1))
views = {}
for rates, seed in progress_bar([*itertools.product(VIEWS, seeds)], desc="networks"):
    model, _ = train(
        as_many(texture), gaussian(STRONG), seed, rates=rates, batch_norm=False, transform=cut
    )
    answer = training.denoise(model, noisy_texture).clamp(0, 1)
    views[rates, seed] = [
        metrics.psnr(part(answer), part(texture_test), data_range=1).mean().item()
        for part in (inner, lambda whole: whole)
    ]
sides_of = {rates: side_of_view([3] * len(rates), list(rates), [1] * len(rates)) for rates in VIEWS}
print(f"{'dilations':15}{'view':>6}{'PSNR inside, dB (seeds)':>27}{'whole image':>13}{'theory':>8}")
for rates, side in sides_of.items():
    inside, whole = np.transpose([views[rates, seed] for seed in seeds])
    told = f"{inside.mean():.2f} ({inside.min():.2f} to {inside.max():.2f})"
    best = best_psnr(side, [STRONG])[0]
    print(f"{'-'.join(map(str, rates)):15}{side:>6}{told:>27}{whole.mean():>13.2f}{best:>8.2f}")

# %% tags=["experiment"]
figure = viz.figure(
    9, 3.8, title="From 15×15 to 33×33 pixels theory allows"
    f" {gains['25/255']:+.2f} dB at sigma 25/255, {gains['0.4']:+.2f} dB at 0.4",
)  # fmt: skip
left, right = figure.subplots(1, 2)
for level, curve, colour in zip(gains, (theory - theory[0]).T, viz.COLOURS, strict=False):
    left.plot(sides, curve, "o-", markersize=3, color=colour, label=f"sigma {level}")
left.set(xlabel="side of the window (pixels)", ylabel="best gain over a 3×3 window (dB)")
left.legend(fontsize=8)
right.plot(sides, theory[:, -1], "-", color=viz.COLOURS[3], label="best possible")
for length, marker, colour in ((4, "s", viz.COLOURS[0]), (7, "o", viz.COLOURS[1])):
    shown = [(rates, seed) for rates, seed in views if len(rates) == length]
    points = [(sides_of[rates], views[rates, seed][0]) for rates, seed in shown]
    if points:
        right.plot(*np.transpose(points), marker, color=colour, label=f"{length} layers")
right.set(xlabel="side of the receptive field (pixels)", ylabel="PSNR inside, sigma 0.4 (dB)")
right.legend(fontsize=8)
figure

# %% [markdown]
# Compare chains with equally many weights. On our computer dilation gained 1.5 dB for four layers; for seven, two seeds differ by more than it gained. Each point mixes what the view *allows* (the curve), what the training *reached*, and, in the whole image, the **border**, where dilated chains meet the zeros outside earlier.
#
# ## Experiment 3: does denoising erase microcalcifications?
#
# A cluster of small bright spots can be the first sign of breast cancer. Can it still be found? That takes an observer.
#
# ## Exercise 5: the matched filter ({{points spot_heights}})
#
# How high is a spot of a known shape, the template t, on a ground of unknown grey? Fit `height · t + ground` to the patch p around the place, by least squares. The solution is
#
# $$ \text{height} = \frac{\sum g\,p}{\sum g^2}, \qquad g = t - \text{mean}(t) $$
#
# **Goal.** `spot_heights(image, template, positions)` with numpy arrays: an image `(H, W)`, a template `(K, K)`, K odd, and rows and columns of n places, `(n, 2)`, where the whole template fits in. It returns n heights, an array `(n,)`.
#
# **Steps.** Find g, then the patch around each place, then the two sums.
#
# **Example.** The template `[[0, 0, 0], [0, 9, 0], [0, 0, 0]]` has the mean 1, so g is −1, in the middle 8, and $\sum g^2 = 72$. On a patch of 0.5 everywhere, with $0.5 + 0.9$ in the middle, the height is $8·0.9/72 = 0.1$: a tenth of the template.
#
# **Hint.** Were the mean left in, a bright ground would look like a spot. The patch starts `K // 2` rows above the place.
#
# ### BEGIN EXPLANATION
# The ground adds the same number to every pixel of the patch, and Σg = 0 cancels it. Dividing by Σg² gives a height in units of the image; dividing by its root gives a score in units of the noise, which is no height.
# A common mistake takes the mean out of the patch only: the sum above stays right, but below the template still has its mean, and every height comes out too small.
# ### END EXPLANATION

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
# ## Exercise 6: how well do two score distributions separate? ({{points detectability}})
#
# **Goal.** `detectability(present, absent)` of two numpy arrays of scores, `(n,)` with a spot and `(m,)` without, returns `(d′, AUC)`:
#
# $$ d' = \frac{\bar p - \bar a}{\sqrt{\tfrac12 (s_p^2 + s_a^2)}} $$
#
# Divide the sums in the variances s² by `n − 1` and `m − 1`. AUC is the share of all n·m pairs in which the score with a spot is higher; ties count half.
#
# **Steps.** Means and variances first. For AUC compare each score with each: `present[:, None]` and `absent`.
#
# **Example.** `[3, 5]` and `[1, 3, 2]`: the means are 4 and 2, the variances 2 and 1, so $d' = 2/\sqrt{1.5} = 1.633$. Of 6 pairs 5 are higher and one is a tie: AUC is $5.5/6 = 0.917$.
#
# **Hint.** Both variances count equally. Where spots score lower, d′ is negative and AUC below 0.5.
#
# ### BEGIN EXPLANATION
# d′ measures a distance in units of the spread of single scores, so it does not grow with the number of scores: whoever divides by √n has computed t. AUC needs no spread and no Gaussian shape, only the order of pairs.
# Ties count half because a guess is right half of the time; AUC by Φ(d′/√2) holds only for two Gaussians of equal width.
# ### END EXPLANATION

# %% nbgrader={"grade_id": "detectability", "solution": true}
def detectability(present, absent):
    """d' and AUC of two sets of scores."""
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

# %% tags=["experiment"]
instant_questions("lab07", [4])

# %% [markdown]
# ### The pictures
#
# They are **synthetic** (no person, no anatomy), so the place and height of each spot are known. Each is 0.4 mm wide (two pixels) and 1.2 to 2 sigma high (sigma 25/255).
#
# **Real mammograms.** `MAMMOGRAMS = "mini-mias"` downloads mini-MIAS, 322 pictures of 161 women, and puts the synthetic spots on real tissue. Its [licence](http://peipa.essex.ac.uk/info/mias.html) allows research only, and no passing on: read it first.

# %% tags=["experiment"]
MAMMOGRAMS = "phantom"  # or "mini-mias"
sigma, tallest = SIGMAS[25], 0.2
template = detection.spot(mammograms.SPOT_WIDTH)

def with_and_without(count, seed, split, tallest=tallest):
    """Pictures with spots, the same without, and where the spots are."""
    made = mammograms.synthetic_mammograms(count, seed, contrast=tallest)
    if MAMMOGRAMS == "phantom":
        return made.images, made.backgrounds, made
    tissue = mammograms.mini_mias(split, count=count, size=made.images.shape[-1], seed=seed)
    return (tissue + made.images - made.backgrounds).clamp(0, 1), tissue, made

counts = profile.pick(ci=(4, 2), cpu=(80, 24), gpu=(400, 100))
lessons = with_and_without(counts[0], 0, "train")
truth, empty, phantoms = with_and_without(counts[1], 100, "test")
viz.gallery(
    [truth[0], empty[0], phantoms.calcifications[0]], titles=["with spots", "without", "the spots"],
    title=f"{sum(map(len, phantoms.positions))} synthetic spots in {len(truth)} pictures",
)  # fmt: skip

# %% [markdown]
# One network trains on pictures with spots, one never sees a spot (two seeds each). The matched filter scores all known places. (About 20 seconds.)
#
# **Predict**, with a reason, the AUC in the noisy pictures and after each denoiser.

# %% tags=["experiment"]
prediction_spots = {"noisy": None, "Gaussian filter": None, "BM3D": None, "network": None}

# %% tags=["experiment"]
from course_lib.classical import filters

DENOISERS = {
    "noisy": lambda noisy: noisy,
    "Gaussian filter": lambda noisy: filters.gaussian(noisy, sigma),
    "BM3D": lambda noisy: bm3d(noisy, sigma),
}
for (name, lesson), seed in itertools.product(
    {"network": lessons[0], "never saw a spot": lessons[1]}.items(), seeds
):
    model, _ = train(
        as_many(lesson), gaussian(sigma), seed, rates=(1,) * 7, batch_norm=False, transform=cut
    )
    DENOISERS[named(name, seed)] = functools.partial(training.denoise, model)

def library_heights(image, template, positions):
    return detection.matched_filter(image, template)[positions[:, 0], positions[:, 1]]

def library_detectability(present, absent):
    found = detection.detectability(present, absent)
    return found.d_prime, found.auc

heights_at = yours("spot_heights", library_heights, name="spot_heights")
separation = yours("detectability", library_detectability, name="detectability")

# %% tags=["experiment"]
def scores(pictures, positions):
    """The height that the matched filter finds at each place."""
    pairs = zip(pictures, positions, strict=True)
    found = [heights_at(one[0].numpy(), template, places.numpy()) for one, places in pairs]
    return np.concatenate(found)

generator = torch.Generator().manual_seed(0)
seen, unseen = (noise.gaussian(part, sigma, generator=generator) for part in (truth, empty))
height = float(torch.cat(phantoms.contrasts).mean())
ideal = detection.ideal_detectability(template, height, sigma)
print(f"On flat ground theory gives d′ = {ideal:.2f} in the noisy picture; texture lowers it.")
print(f"{'':26}{'PSNR':>6}{'height left':>13}{'d′':>7}{'AUC (std. error)':>18}{'predicted':>11}")
quality, area, shown = {}, {}, {}
for name, denoise in DENOISERS.items():
    cleaned = denoise(seen)
    heights = [scores(part, phantoms.positions) for part in (cleaned, denoise(unseen))]
    d_prime, area[name] = separation(*heights)
    scored = cleaned if name == "noisy" else cleaned.clamp(0, 1)
    quality[name] = metrics.psnr(scored, truth, data_range=1).mean().item()
    shown[name] = cleaned[0]
    left = f"{100 * (heights[0].mean() - heights[1].mean()) / height:.0f} %"
    told = f"{area[name]:.3f} ({detection.detectability(*heights).auc_error:.3f})"
    said = prediction_spots.get(name) or ""
    print(f"{name:26}{quality[name]:>6.2f}{left:>13}{d_prime:>7.2f}{told:>18}{said!s:>11}")

# %% tags=["experiment"]
corner = (phantoms.positions[0].double().mean(0).round() - 24).clamp(0, 80).int().tolist()
zoomed = (..., slice(corner[0], corner[0] + 48), slice(corner[1], corner[1] + 48))
best = max(quality, key=quality.get)
viz.panel(
    truth[0][zoomed], shown["noisy"][zoomed],
    {name: shown[name][zoomed] for name in ("Gaussian filter", "BM3D", "network")},
    window=tuple(round(float(end), 2) for end in truth[0][zoomed].aminmax()),
    title=f"One cluster. Highest PSNR: {best}, {quality[best]:.1f} dB, AUC {area[best]:.2f}."
    f" Noisy: {quality['noisy']:.1f} dB, AUC {area['noisy']:.2f}",
)  # fmt: skip

# %% [markdown]
# PSNR rose by 12 dB on our computer, and the spots became **harder** to find, whether training had shown spots or not. Spots are rare, and a bright pixel is mostly noise. So a network that minimises the squared error pulls it down; that costs a few pixels out of 16,384.
#
# No method that sees only the noisy picture can add information. But is the lost information gone, or hidden? Let the observer learn too, on other phantoms treated alike: the best linear weights for the 9×9 pixels around a place (Fisher's discriminant; here, Hotelling's observer).

# %% tags=["experiment"]
def windows(pictures, positions, reach=4):
    """The pixels around all places, (places, 81)."""
    return np.stack([
        picture[0, row - reach : row + reach + 1, column - reach : column + reach + 1].ravel()
        for picture, places in zip(pictures.numpy(), positions, strict=True)
        for row, column in places.tolist()
    ])  # fmt: skip

*grounds, others = with_and_without(profile.pick(ci=16, cpu=100, gpu=400), 300, "validation")
noisy_others = [noise.gaussian(part, sigma, generator=generator) for part in grounds]
print(f"AUC (standard error){'matched filter':>22}{'observer who has learned':>27}")
for name in ("noisy", "Gaussian filter", "network"):
    denoise = DENOISERS[name]
    first, second = (windows(denoise(part), others.positions) for part in noisy_others)
    covariance = (np.cov(first.T) + np.cov(second.T)) / 2
    covariance += 1e-3 * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    weights = np.linalg.solve(covariance, first.mean(0) - second.mean(0))
    learned = detection.detectability(
        *(windows(denoise(part), phantoms.positions) @ weights for part in (seen, unseen))
    )
    print(f"{name:20}{area[name]:>22.3f}{f'{learned.auc:.3f} ({learned.auc_error:.3f})':>27}")

# %% [markdown]
# So most of it was **hidden**: an observer who learns gets nearly all of it back from the Gaussian filter, and much from the network. A radiologist may have to relearn, too.
#
# Does the network lose the faint spots or the bright ones?

# %% tags=["experiment"]
kept = ("Gaussian filter", "network", "never saw a spot")
print(f"height kept{'':15}{''.join(f'{name:>20}' for name in kept)}")
for number, top in enumerate(profile.pick(ci=[0.2, 0.4], cpu=[0.1, 0.3, 0.5], gpu=[0.1, 0.3, 0.5])):
    many = profile.pick(ci=2, cpu=16, gpu=60)
    *parts, made = with_and_without(many, 200 + number, "test", top)
    noisy_parts = [noise.gaussian(part, sigma, generator=generator) for part in parts]
    level, row = float(torch.cat(made.contrasts).mean()), ""
    for name in kept:
        heights = [scores(DENOISERS[name](part), made.positions).mean() for part in noisy_parts]
        row += f"{100 * (heights[0] - heights[1]) / level:>18.0f} %"
    print(f"spots of {level / sigma:.1f} sigma{'':11}{row}")

# %% [markdown]
# A linear filter keeps the same share of every spot; after its short training ours does too. One that trains for longer may erase only the faint ones; then a test with bright spots would tell you that all is well.
#
# Not measured: a human eye (smoothing may help it), an observer who must **search**, real noise in real tissue.
#
# ## In your own words: what is erased? ({{points erase}})
#
# A company offers a denoiser for mammograms at half the dose: "PSNR rises by 12 dB, so nothing is lost." Will a radiologist still find microcalcifications? Compare your prediction with your numbers, and answer her. What would you measure before she uses it, and what would you change in the training? Five to eight sentences.
#
# ### BEGIN EXPLANATION
# PSNR and SSIM average over thousands of pixels, so the loss of a few bright ones cannot show in them. Squared error rewards the best guess on average, and for one bright pixel that guess is mostly noise.
# The common wrong conclusion is that the information is gone: a denoiser cannot add any, but an observer who learns on denoised pictures gets part of it back.
# ### END EXPLANATION

# %% [markdown] nbgrader={"grade_id": "erase", "solution": true, "points": 3}
# I predicted that every denoiser would raise the AUC, because the spots would stand out from less noise. I measured the opposite: noisy 0.92, Gaussian filter 0.86, BM3D 0.75, network 0.78, with a standard error of 0.02.
# PSNR is a mean over all pixels, and the spots are a handful of them: the network raised it from 20 to 32 dB and left 17 % of the spots' height; d′ fell from 1.9 to 1.1. BM3D did the same, so it is not about networks, and spots in the training pictures did not help: squared error pays for pulling rare bright pixels down.
# So my answer is: not as easily as before. An observer who had learned on denoised pictures came back to 0.89, so most was hidden, not gone; but you have not learned on them.
# Before you use it I would measure detection itself: spots of many heights and sizes, in tissue like yours, at your dose, with and without denoising, first by model observers, then by radiologists who must search, and count false alarms. In the training I would give spots more weight in the loss, or train for detection; and I would show the noisy picture beside the denoised one.
# My pictures are synthetic and the observer knew the places, so my numbers are a warning, not a forecast.
#
# ### BEGIN MARK SCHEME
# - 1: compares a prediction, with its reason, with the measured AUC or height left of at least one denoiser
# - 1: says that PSNR cannot see small things, with a measured gain in PSNR beside a measured loss for the spots
# - 1: asks for a test of the task (spots of many heights, observers who search, false alarms counted) and names a change
#   of the training, such as a loss that weighs spots
# ### END MARK SCHEME

# %% [markdown]
# ## What to remember
#
# - Residual learning: answer with the noise, subtract it once. Noise looks alike on every grey, so it travels better.
# - Dilation buys view without weights; equal dilations leave gaps. For a known texture you can compute what a view is worth.
# - Train with the noise that you will meet: photons give Poisson noise, ultrasound speckle.
# - d′ and AUC ask whether a thing can still be found. PSNR does not.
# - A denoiser cannot add information. It can hide or erase what is small, rare and faint while its PSNR rises.
#
# In the library: `course_lib.models.dncnn.DnCNN`, `dncnn.receptive_field_formula`, `course_lib.detection.matched_filter` and `detectability`.
