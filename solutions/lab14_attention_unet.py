# %% [markdown]
# # Lab 14: The attention U-Net
#
# {{badges}}
#
# **The question of this lab: you build the network of the slides, part by part. Which part earns its place, and does the whole beat BM3D?**
#
# This is the capstone. You need about four hours. On 2 CPU cores the cells compute for about 5 minutes in all (a minute more the first time), with small networks and small budgets, and
# take less than 2 GB of memory. On a GPU the whole network is trained.
#
# In this lab you will
#
# - write the attention block, scSE,
# - turn an encoder that has seen a million colour photographs into one for grey MR images,
# - write a step of the decoder, and the frame that lets a network take any size,
# - write the perceptual loss,
# - add part after part, with several seeds, and ask after each whether it helped,
# - put your numbers beside the published ones, and BM3D at its best beside both,
# - save your model, and have it judged on noise that it cannot know.
#
# {{exercises}}

# %% tags=["setup"]
# `course build` writes the set-up cell here

# %% [markdown]
# ## Theory in half a page
#
# **UNet-DCTD-A** is the network of the attention U-Net deck: *Deep Convolutional Transfer Learning based Denoising model with U-Net architecture and Attention*.
# A U-Net halves the image several times, and doubles it again. What was fine goes straight across. Five ideas are added to it:
#
# | idea | what it does | what it is said to buy | source |
# |---|---|---|---|
# | residual output | the network answers with the noise, and `image + answer` is the result | "do nothing" is easy | Zhang et al. 2017 |
# | dilated bottleneck | kernels with gaps, where the image is smallest | sees far, at no price in parameters | Yu and Koltun 2016 |
# | scSE | multiplies features by numbers from 0 to 1 that it computes from them | looks at what matters | Roy et al. 2018 |
# | transfer | the encoder starts with weights that were learnt on ImageNet | less to learn | He et al. 2016 |
# | perceptual loss | compares what VGG16 sees, not only pixels | edges and texture | Johnson et al. 2016 |
#
# Here is the whole, as `course_lib.models.attention_unet.AttentionUNet` builds it:
#
# ```
# image ──┬──────────────────────────── + ─────────────────────────────► result
#         │ unshuffle 2×2 → 4 channels                    ▲ shuffle back
#         ├─► stem ───────────────────────────────► + ──► head
#         └─► encoder 1/2 ───────────────────────► step ──┘       (scSE in each step)
#               └─► 1/4 ─────────────────────► step ─┘
#                    └─► … ─► dilated blocks ──┘
# ```
#
# There are two of them. `encoder="resnet18"` is the network of the deck: 17 million parameters, for a GPU. `encoder="small"` has the same parts, but narrow: 1.9 million
# parameters, and it learns on a CPU in minutes.
#
# **Sources.** Attention U-Net deck; Ronneberger et al. 2015, *U-Net*; Zhang et al. 2017, *Beyond a Gaussian denoiser*; Yu and Koltun 2016, *Multi-scale context
# aggregation by dilated convolutions*; Hu et al. 2018, *Squeeze-and-excitation networks*; Roy, Navab and Wachinger 2018, *Concurrent spatial and channel squeeze and
# excitation*; He et al. 2016; Johnson et al. 2016, *Perceptual losses*; Simonyan and Zisserman 2015 (VGG); lectures 07 and 08.

# %%
import functools
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

from course_lib import evaluation, losses, metrics, noise, training, viz

# %% [markdown]
# ## Exercise 1: the attention block, scSE ({{points ScSE}})
#
# **Goal.** A module `ScSE(channels, reduction)`. It takes `x` `(N, channels, H, W)`, and returns `x·c + x·s`, the same shape, with two *gates*:
#
# | gate | squeezes | layers | shape |
# |---|---|---|---|
# | c, *what* | space: the mean over H and W | 1×1 conv to `hidden` - ReLU - 1×1 conv back to `channels` - sigmoid | `(N, channels, 1, 1)` |
# | s, *where* | channels | 1×1 conv to one channel - sigmoid | `(N, 1, H, W)` |
#
# `hidden` is `channels // reduction`, but never less than 1.
#
# **Steps.** Three `nn.Conv2d(…, 1)` in `__init__`, with bias. In `forward`: the mean, the gate c; the gate s; both from the same `x`; the sum.
#
# **Example.** With all weights and biases at 0, both gates are sigmoid(0) = ½ everywhere, and `ScSE` answers `x·½ + x·½ = x`. `ScSE(8, 4)` has
# 8·2 + 2 + 2·8 + 8 + 8 + 1 = 51 parameters.
#
# **Hint.** The two gates stand side by side. Neither sees what the other one has done. And `4 // 8` is 0: a layer of nothing.


# %% nbgrader={"grade_id": "ScSE", "solution": true}
class ScSE(nn.Module):
    """x·c + x·s: one gate for each channel (cSE), one for each place (sSE), both computed from x."""

    def __init__(self, channels, reduction):
        super().__init__()
        ### BEGIN SOLUTION
        hidden = max(channels // reduction, 1)
        self.squeeze, self.excite = nn.Conv2d(channels, hidden, 1), nn.Conv2d(hidden, channels, 1)
        self.where = nn.Conv2d(channels, 1, 1)
        ### END SOLUTION

    def forward(self, x):
        ### BEGIN SOLUTION
        mean = x.mean((2, 3), keepdim=True)  # (N, C, H, W) -> (N, C, 1, 1)
        c = torch.sigmoid(self.excite(torch.relu(self.squeeze(mean))))
        s = torch.sigmoid(self.where(x))  # (N, C, H, W) -> (N, 1, H, W)
        return x * c + x * s
        ### END SOLUTION


# %% nbgrader={"grade_id": "ScSE_test", "points": 3}
from course_lib.exercise import random_tensor, random_weights, without

### BEGIN HIDDEN TESTS


def seen(rng, channels, reduction, count, *size):
    """In both modes, of huge and tiny inputs: output, gradient of x, sizes of the others."""
    block, found = random_weights(ScSE(channels, reduction), rng).double(), []
    for phase, scale in ((False, 8), (True, 8), (True, 1e-3), (False, 1e4)):
        x = (scale * (random_tensor(rng, count, channels, *size).double() - 0.4)).requires_grad_()
        block.train(phase).zero_grad()
        output = block(x * 1)
        output.sin().sum().backward()
        slopes = sorted(float(values.grad.abs().sum()) for values in block.parameters())
        found.append([output, x.grad, slopes])
    return found


### END HIDDEN TESTS
CASES = [  # channels, reduction, N, H, W, training, size; mean, spread, last of output and slope
    (6, 2, 3, 7, 5, True, 52, [0.66859, 2.2445, 3.9938], [-0.095943, 0.70136, -0.83523]),
    (8, 4, 2, 3, 4, False, 51, [1.1748, 2.2734, 0.60873], [-0.062514, 0.90145, 0.23618]),
    (4, 8, 1, 6, 1, True, 18, [1.3202, 2.6789, 5.4088], [0.22093, 0.70641, 0.73621]),
    (8, 3, 3, 2, 3, True, 51, [1.1858, 2.4057, -0.25681], [-0.039154, 0.83433, 0.97753]),
]
few = lambda many: [round(float(one), 4) for one in (many.mean(), many.std(), many.ravel()[-1])]
with torch.random.fork_rng(), without("course_lib.models.attention.ConcurrentSE",
    "course_lib.models.attention.ChannelSE", "course_lib.models.attention.SpatialSE"):  # fmt: skip
    for channels, reduction, *shape, phase, size, right, pull in CASES:
        block, where = ScSE(channels, reduction).train(phase), f"ScSE({channels}, {reduction}): "
        assert (found := sum(values.numel() for values in block.parameters())) == size, where + (
            f"expected {size} parameters, got {found}: three nn.Conv2d of 1×1 with bias; for c to"
            " max(channels // reduction, 1) channels and back, for s to one"
        )
        random_weights(block, rng := np.random.default_rng(1)).train(phase)
        x = (8 * random_tensor(rng, shape[0], channels, *shape[1:]) - 3).requires_grad_()
        output = block(given := x * 1)
        assert torch.equal(given, x), where + "the block has changed x: the other gate needs it"
        message = f"{where}x·c + x·s has mean, spread, last {right}, yours {few(output.detach())}"
        assert np.allclose(few(output.detach()), right, rtol=1e-3, atol=1e-3), message
        (slope,) = torch.autograd.grad(output.sin().sum() + 0 * x.sum(), x)  # of any function
        message = f"{where}the gradient of x has mean, spread, last {pull}, yours has {few(slope)}"
        assert np.allclose(few(slope), pull, rtol=1e-3, atol=1e-3), message + ": detach nothing"
        block.load_state_dict({name: 0 * one for name, one in block.state_dict().items()})
        assert torch.allclose(block(x), x), where + "with weights of 0 both gates are ½: x·½ + x·½"
    ### BEGIN HIDDEN TESTS
    for sizes in [(6, 2), (4, 8), (1, 1), (9, 4)]:
        where, blocks = f"ScSE{sizes}", [ScSE(*sizes) for _ in range(2)]
        kinds = [type(layer).__name__ for layer in blocks[0].modules()]
        assert kinds.count("Conv2d") == 3, f"{where}: expected three nn.Conv2d, got {kinds}"
        starts = [torch.cat([values.flatten() for values in one.parameters()]) for one in blocks]
        assert not torch.equal(*starts), "two new blocks should start differently: seed nothing"
        x, state = random_tensor(np.random.default_rng(2), 3, sizes[0], 5, 4), torch.get_rng_state()
        for phase in (True, False):
            blocks[0].train(phase).zero_grad()
            blocks[0](x).sin().sum().backward()
            idle = [label for label, one in blocks[0].named_parameters() if one.grad is None]
            assert not idle, f"{where}: no gradient reaches {idle}"
            assert blocks[0].training == phase, f"{where}: forward should not change the mode"
        assert torch.equal(state, torch.get_rng_state()), f"{where}: forward should draw nothing"
    ### END HIDDEN TESTS
### HIDDEN VALUE: [seen(rng, *one) for one in ((6, 2, 3, 7, 5), (4, 8, 1, 6, 1), (9, 4, 2, 2, 3))]
print("ScSE: right")

# %% [markdown]
# ## Exercise 2: from colour to grey ({{points grey_first_layer}})
#
# ResNet-18 expects three channels, each of them normalised: `(x_k − m_k) / s_k`, with mean `m` and standard deviation `s` of the colours of ImageNet. You have one channel, from 0
# to 1. You *could* copy it three times, normalise, and go on. Cheaper: change the first layer, once, so that it does all that by itself.
#
# **Goal.** `grey_first_layer(weight, mean, deviation)` returns `(new, bias)`. For every grey image `x`, the convolution with `new` `(O, 1, k, k)` and `bias` `(O,)` gives what the
# convolution with `weight` `(O, 3, k, k)` gives for three copies of `x`, normalised with `mean` and `deviation`, both `(3,)`. All are tensors.
#
# **Steps.** A convolution is a sum of products. Write it for one place, with the three copies all equal to `x`:
#
# $$ \sum_k W_k \frac{x - m_k}{s_k} = \Big(\sum_k \frac{W_k}{s_k}\Big) x - \sum_k \frac{W_k}{s_k} m_k $$
#
# The bracket is `new`; it keeps its axis of channels, of size 1. The rest does not depend on x: that is the bias. It is summed over the k×k places of the kernel, too.
#
# **Example.** One 1×1 kernel with the weights 1, 2, 3, mean ½ for all colours, deviations ½, ¼, ½: `new` is 2 + 8 + 6 = 16, and `bias` −(1 + 4 + 3) = −8. A pixel of ½ gives 16·½ − 8 = 0: it is
# the mean colour.
#
# **Hint.** The three copies are *summed* in a convolution. If you average the weights, all features come out three times too small, and BN behind them divides by a variance that it
# has learnt for large ones.

# %%
MEAN, DEVIATION = (
    torch.tensor([0.485, 0.456, 0.406]),
    torch.tensor([0.229, 0.224, 0.225]),
)  # of ImageNet: red, green, blue


# %% nbgrader={"grade_id": "grey_first_layer", "solution": true}
def grey_first_layer(weight, mean, deviation):
    """(O, 3, k, k) for normalised colours -> (O, 1, k, k) and a bias (O,) for grey in [0, 1]."""
    ### BEGIN SOLUTION
    scaled = weight / deviation[:, None, None]  # (O, 3, k, k) / (3, 1, 1)
    bias = -(scaled * mean[:, None, None]).sum((1, 2, 3))  # (O, 3, k, k) -> (O,)
    return scaled.sum(1, keepdim=True), bias
    ### END SOLUTION


# %% nbgrader={"grade_id": "grey_first_layer_test", "points": 2}
from course_lib.exercise import random_tensor, without

### BEGIN HIDDEN TESTS


def layer(rng, outputs, side, scale):
    """The new layer in double precision. scale: of the deviations."""
    weight = 2 * random_tensor(rng, outputs, 3, side, side).double() - 0.7
    mean, deviation = 4 * random_tensor(rng, 3).double() - 2, scale * (0.2 + random_tensor(rng, 3))
    return grey_first_layer(weight, mean, deviation.double())


### END HIDDEN TESTS
rng, half = np.random.default_rng(2), torch.full((3,), 0.5)
example = torch.tensor([1.0, 2, 3]).reshape(1, 3, 1, 1), half, torch.tensor([0.5, 0.25, 0.5])
CASES = [example, (2 * random_tensor(rng, 4, 3, 1, 1) - 0.7, half, random_tensor(rng, 3) + 0.2)]
for outputs, side in [(5, 3), (3, 2), (3, 7)]:
    weight = 2 * random_tensor(rng, outputs, 3, side, side) - 0.7
    CASES.append((weight, random_tensor(rng, 3), random_tensor(rng, 3) + 0.2))
with without("course_lib.models.attention_unet.grey_weights"):
    for case in CASES:
        (outputs, _, side, _), where = case[0].shape, f"weights {tuple(case[0].shape)}: "
        new, bias = grey_first_layer(*(copies := [values.clone() for values in case]))
        assert all(map(torch.equal, copies, case)), where + "the function has changed its input"
        assert torch.is_tensor(new) and torch.is_tensor(bias), where + "return two tensors"
        shapes = [(outputs, 1, side, side), (outputs,)]
        found = [tuple(new.shape), tuple(bias.shape)]
        assert found == shapes, f"{where}expected the shapes {shapes} of new and bias, got {found}"
        for grey, what in (
            (torch.zeros(2, 1, 9, 8), "a black image (here only the bias speaks: −Σ m·W/s)"),
            (random_tensor(rng, 2, 1, 9, 8), "a random image (W/s is summed over the colours)"),
        ):
            colours = [(grey - m) / s for m, s in zip(case[1], case[2], strict=True)]
            wanted = nn.functional.conv2d(torch.cat(colours, dim=1), case[0])
            off = float((nn.functional.conv2d(grey, new, bias) - wanted).abs().max())
            message = f"{where}for {what} the features of three copies differ by {off:.3g}"
            assert off < 1e-3, message
### HIDDEN VALUE: [layer(rng, *one) for one in ((4, 3, 1), (3, 7, 1e-3), (1, 1, 1e3), (3, 4, 1))]
print("grey_first_layer: right")

# %% [markdown]
# ## Exercise 3: any size, and the residual ({{points denoise_any_size}})
#
# A network that halves the image five times wants sides that divide by 32. A slice has 217×181 pixels. So the image is *padded*, and the answer is cropped. Around it goes the residual:
# what the network answers is not the image, but what must be **added** to it.
#
# **Goal.** `denoise_any_size(network, image, multiple)` for `image` `(N, 1, H, W)`: `image` plus the network's answer for the padded image, cropped to H×W.
#
# **Steps.**
# 1. Pad at the bottom and on the right, until both sides are multiples of `multiple`, by repeating the last row and column
#    (`nn.functional.pad(image, (left, right, top, bottom), mode="replicate")`). What fits gets no padding.
# 2. `network(padded)`: once.
# 3. Crop its answer, and add it to the image.
#
# **Example.** 217×181 pixels and multiple 8: padded to 224×184. 16×24 stays 16×24. With a network that always answers 0, the image comes back.
#
# **Hint.** How much is missing to the next multiple of 8? `-217 % 8` is 7 in Python. And zeros would be a poor padding: they draw an edge that is not there.
# A network is trained in this frame: the gradient must pass, and its mode stays as it is.


# %% nbgrader={"grade_id": "denoise_any_size", "solution": true}
def denoise_any_size(network, image, multiple):
    """image + network(padded image), cropped: (N, 1, H, W) -> (N, 1, H, W)."""
    ### BEGIN SOLUTION
    height, width = image.shape[-2:]
    padded = nn.functional.pad(image, (0, -width % multiple, 0, -height % multiple), mode="replicate")
    return image + network(padded)[..., :height, :width]
    ### END SOLUTION


# %% nbgrader={"grade_id": "denoise_any_size_test", "points": 2}
from course_lib.exercise import random_tensor, random_weights, without
### BEGIN HIDDEN TESTS


def framed(rng, multiple, scale, *shape):
    """Output, gradient of the image and of a network's weights, in double precision."""
    network = random_weights(nn.Conv2d(1, 1, 3, padding=1), rng).double()
    image = (scale * (random_tensor(rng, *shape).double() - 0.5)).requires_grad_()
    output = denoise_any_size(network, image * 1, multiple)
    return [output, *torch.autograd.grad(output.sin().sum(), (image, *network.parameters()))]


### END HIDDEN TESTS
CASES = [  # N, H, W, multiple, padded; mean, spread, last of the output, and of the slope
    (2, 24, 16, 8, (24, 16), [1.8412, 1.1344, 3.7616], [-0.0081195, 0.85663, 0.91856]),
    (1, 5, 17, 16, (16, 32), [0.65283, 0.55791, 0.7088], [0.073725, 0.96351, 1.504]),
    (1, 16, 10, 8, (16, 16), [1.1658, 0.78198, 2.2255], [0.011713, 0.77702, 0.87355]),
]
few = lambda many: [round(float(one), 4) for one in (many.mean(), many.std(), many.ravel()[-1])]
with without("course_lib.images.pad_to_multiple"):

    def scripted(image):  # writes down what it sees, and tells every place from every other
        seen.append(image.detach().clone())
        return torch.arange(image[0].numel()).reshape(image.shape[1:]) / 100 - image**2

    for count, high, wide, multiple, padded, right, pull in CASES:
        seen, where = [], f"{high}×{wide} pixels, multiple {multiple}: "
        image = 2 * random_tensor(np.random.default_rng(3), count, 1, high, wide) - 0.5
        output = denoise_any_size(scripted, given := image.requires_grad_() * 1, multiple)
        assert torch.equal(given, image), where + "the function has changed the image: no `+=`"
        found = [tuple(one.shape[2:]) for one in seen]
        assert found == [padded], f"{where}the network sees {padded} pixels, once; it saw {found}"
        rows, columns = seen[0][..., high - 1 :, :], seen[0][..., wide - 1 :]  # last, and padding
        kept = torch.equal(seen[0][..., :high, :wide], image) and not rows.diff(dim=-2).any()
        message = where + "pad at the bottom and on the right, by repeating the last row and column"
        assert kept and not columns.diff().any(), message
        (slope,) = torch.autograd.grad(output.sin().sum() + 0 * image.sum(), image)  # any function
        for many, wanted, what in (
            (output.detach(), right, "image + cropped answer"),
            (slope, pull, "the gradient of the image (no detach(), no_grad() or numpy)"),
        ):
            message = f"{where}{what} has mean, spread, last {wanted}, yours has {few(many)}"
            assert np.allclose(few(many), wanted, rtol=1e-3, atol=1e-3), message
    ### BEGIN HIDDEN TESTS
    for phase in (True, False):
        network = nn.Sequential(nn.Conv2d(1, 1, 3, padding=1), nn.Dropout()).train(phase)
        note = lambda layer, *_: modes.append((layer.training, torch.is_grad_enabled()))
        network[1].register_forward_hook(note)
        modes, state = [], torch.get_rng_state()
        with torch.random.fork_rng(), torch.set_grad_enabled(phase):
            denoise_any_size(network, image, 8)
        assert modes == [(phase, phase)], "the network is asked in the mode that it has"
        assert network.training == phase, "the function should leave the network's mode as it is"
        assert torch.equal(state, torch.get_rng_state()), "the function should draw nothing"
    ### END HIDDEN TESTS
### HIDDEN VALUE: [framed(rng, 4, 4, 2, 1, 13, 10), framed(rng, 7, 1e4, 1, 1, 9, 14)]
### HIDDEN VALUE: [framed(rng, 16, 1e-3, 3, 1, 5, 3), framed(rng, 1, 2, 1, 1, 7, 5)]
print("denoise_any_size: right")

# %% [markdown]
# ## Exercise 4: a step of the decoder ({{points DecoderStep}})
#
# **Goal.** A module `DecoderStep(below, here, attention)`. `step(x, across)` takes `x` `(N, below, H, W)` from below, and `across` `(N, here, 2·H, 2·W)` from the encoder. It returns
# `attention(u + F(u))`, `(N, here, 2·H, 2·W)`:
#
# | | |
# |---|---|
# | u | transposed conv 2×2, stride 2, of `x`, from `below` to `here` channels, **plus** `across` |
# | F | conv 3×3 - ReLU - conv 3×3, all with `here` channels, `padding=1`; no BN |
# | attention | the module that was handed in, as your `ScSE` |
#
# **Steps.** Three layers, and the attention as it came, in `__init__`. Set the weight and the bias of the **last** convolution of F to 0 (`nn.init.zeros_`). In `forward`: double, add, F, add, attention.
#
# **Example.** At the start F is 0, so a new step answers `attention(u)`. `DecoderStep(6, 4, nn.Identity())` has 6·4·4 + 4 + 2·(4·4·9 + 4) = 396 parameters.
#
# **Hint.** Why zero? Without BN nothing keeps the sizes of features in bounds. A block that starts by doing nothing cannot do harm. (It does learn: the gradient of the last convolution is not 0.)


# %% nbgrader={"grade_id": "DecoderStep", "solution": true}
class DecoderStep(nn.Module):
    """attention(u + F(u)), u = doubled x + across, F = conv-ReLU-conv that starts at 0."""

    def __init__(self, below, here, attention):
        super().__init__()
        ### BEGIN SOLUTION
        self.doubled = nn.ConvTranspose2d(below, here, 2, stride=2)
        self.conv1, self.conv2 = nn.Conv2d(here, here, 3, padding=1), nn.Conv2d(here, here, 3, padding=1)
        nn.init.zeros_(self.conv2.weight), nn.init.zeros_(self.conv2.bias)
        self.attention = attention
        ### END SOLUTION

    def forward(self, x, across):
        ### BEGIN SOLUTION
        u = self.doubled(x) + across  # (N, below, H, W) -> (N, here, 2·H, 2·W)
        return self.attention(u + self.conv2(torch.relu(self.conv1(u))))
        ### END SOLUTION


# %% nbgrader={"grade_id": "DecoderStep_test", "points": 3}
from course_lib.exercise import random_tensor, random_weights, without
### BEGIN HIDDEN TESTS


class Attention(nn.Module):
    """A gate with weights of its own: twice, or in another place, it gives other numbers."""

    def __init__(self, channels):
        super().__init__()
        self.mix = nn.Conv2d(channels, channels, 1)

    def forward(self, u):
        return self.mix(u) * torch.sigmoid(u) + 0.5


def seen(rng, below, here):
    """In both modes, of huge and tiny inputs: output, gradients, sizes of the weights' ones."""
    step, found = random_weights(DecoderStep(below, here, Attention(here)), rng).double(), []
    for phase, scale in ((False, 4), (False, 1e4), (True, 4), (True, 1e-3)):
        x, across = (
            (scale * (random_tensor(rng, 2, *shape).double() - 0.5)).requires_grad_()
            for shape in ((below, 5, 3), (here, 10, 6))
        )
        step.train(phase).zero_grad()
        output = step(x * 1, across * 1)
        output.sin().sum().backward()
        slopes = sorted(float(values.grad.abs().sum()) for values in step.parameters())
        found.append([output, x.grad, across.grad, slopes])
    return found


### END HIDDEN TESTS
CASES = [  # below, here, H, W, training, size; mean, spread, last of output and of both slopes
    (6, 4, 5, 3, True, 396, [1.652, 1.844, -0.227], [-0.019, 1.371, 0.971], [-0.033, 0.976, 0.532]),
    (3, 5, 2, 4, False, 525, [0.315, 0.947, 0.229], [0.266, 0.943, 0.109], [0.176, 0.614, 1.329]),
]
few = lambda many: [round(float(one), 4) for one in (many.mean(), many.std(), many.ravel()[-1])]
with torch.random.fork_rng(), without("course_lib.models.attention_unet.DecoderBlock",
    "course_lib.models.attention_unet.ResidualBlock"):  # fmt: skip
    for below, here, high, wide, phase, size, *right in CASES:
        where, gate = f"DecoderStep({below}, {here}, nn.SiLU()): ", nn.SiLU()
        step = DecoderStep(below, here, gate)
        assert (found := sum(values.numel() for values in step.parameters())) == size, where + (
            f"expected {size} parameters, got {found}: a 2×2 transposed and two 3×3 convolutions"
        )
        assert gate in step.modules(), where + "keep the attention handed in as an attribute"
        rng, new = np.random.default_rng(1), DecoderStep(below, here, nn.Identity())
        random_weights(step, rng).train(phase)
        x = (4 * random_tensor(rng, 3, below, high, wide) - 2).requires_grad_()
        across = (4 * random_tensor(rng, 3, here, 2 * high, 2 * wide) - 2).requires_grad_()
        message = where + "the last conv starts at 0: a new step adds across as it is"
        assert torch.allclose(new(x, 1 * across) - new(x, 0 * across), across, atol=1e-5), message
        output = step(*(given := [x * 1, across * 1]))
        assert all(map(torch.equal, given, [x, across])), where + "the step has changed its input"
        loss = output.sin().sum() + 0 * (x.sum() + across.sum())  # any function of the output
        found = output.detach(), *torch.autograd.grad(loss, (x, across))
        rule = "attention(u + F(u))", "the gradient of x", "the gradient of across"
        for what, wanted, many in zip(rule, right, found, strict=True):
            message = f"{where}{what} has mean, spread, last {wanted}, yours has {few(many)}"
            assert np.allclose(few(many), wanted, rtol=1e-3, atol=1e-3), message
    ### BEGIN HIDDEN TESTS
    for sizes in [(6, 4), (3, 5), (1, 2)]:
        where, gates = f"DecoderStep{sizes}", [Attention(sizes[1]) for _ in range(2)]
        before = [one.detach().clone() for one in gates[0].parameters()]
        steps = [DecoderStep(*sizes, gate) for gate in gates]
        assert all(map(torch.equal, before, gates[0].parameters())), (
            f"{where}: the step has changed the attention's weights: only the last convolution is 0"
        )
        assert gates[0].training, f"{where}: leave the mode of the attention as it is"
        own = [one for one in steps[0].modules() if isinstance(one, nn.Conv2d)]
        own = [one for one in own if one is not gates[0].mix]
        filled = sorted([bool(one.weight.any()), bool(one.bias.any())] for one in own)
        assert filled[0] == [False, False] and filled[1][0], (
            f"{where}: one of two convolutions, the last, starts at 0, and the first one does not"
        )
        layers = [[*step.modules()] for step in steps]
        doubles = [next(one for one in found if getattr(one, "transposed", 0)) for found in layers]
        starts = [one.weight for one in doubles]
        assert not torch.equal(*starts), "two new steps should start differently: seed nothing"
        rng, state = np.random.default_rng(2), torch.get_rng_state()
        x, across = random_tensor(rng, 2, sizes[0], 3, 2), random_tensor(rng, 2, sizes[1], 6, 4)
        step = random_weights(steps[0], rng)
        for phase in (True, False):
            step.train(phase).zero_grad()
            step(x, across).sin().sum().backward()
            idle = [label for label, one in step.named_parameters() if one.grad is None]
            assert not idle, f"{where}: no gradient reaches {idle}"
            assert step.training == phase, f"{where}: forward should not change the mode"
        assert torch.equal(state, torch.get_rng_state()), f"{where}: forward should draw nothing"
        new = steps[1]
        wanted = gates[1](doubles[1](x) + across)
        assert torch.allclose(new(x, across), wanted, atol=1e-5), (
            f"{where}: a new step answers attention(doubled x + across), as F is 0"
        )
    ### END HIDDEN TESTS
### HIDDEN VALUE: [seen(rng, *sizes) for sizes in ((6, 4), (3, 5), (2, 1))]
print("DecoderStep: right")

# %% [markdown]
# ## Exercise 5: the perceptual loss ({{points perceptual_loss}})
#
# Pixels do not know what an edge is. VGG16 does: it was trained to tell a thousand things in photographs. So compare two images by what its layers make of them.
#
# **Goal.** `perceptual_loss(prediction, target, stages)`: one number. `stages` is a list of modules, the pieces of VGG in their order; each takes what the one before it gave. After **each** piece
# compare: the mean squared difference of the features of both images. The loss is the **sum** over the pieces.
#
# **Steps.**
# 1. Three copies of the grey image side by side: `image.expand(-1, 3, -1, -1)`. Normalise: `(image − MEAN) / DEVIATION`, with the constants of exercise 2 as `(3, 1, 1)`. Both images alike.
# 2. Through the first piece; compare; what came out goes into the second piece; compare; and so on.
#
# **Example.** With one piece, `nn.Identity()`, and images that differ by 0.1 everywhere, the loss is the mean of (0.1 / s)² over the three colours: 0.196. Equal images: 0.
#
# **Hint.** VGG has only ever seen normalised colours. Without the normalisation it is another network, and the loss another loss; nothing crashes. The gradient must pass to `prediction`, also where
# it lies beyond [0, 1]: clip nothing. And a loss only looks: the pieces keep their mode, their gradients and what in them is frozen.


# %% nbgrader={"grade_id": "perceptual_loss", "solution": true}
def perceptual_loss(prediction, target, stages):
    """Sum over the stages of the mean squared difference of features; grey images (N, 1, H, W) in [0, 1]."""
    ### BEGIN SOLUTION
    x, y = (
        (image.expand(-1, 3, -1, -1) - MEAN[:, None, None]) / DEVIATION[:, None, None] for image in (prediction, target)
    )
    total = 0
    for stage in stages:
        x, y = stage(x), stage(y)
        total = total + ((x - y) ** 2).mean()
    return total
    ### END SOLUTION


# %% nbgrader={"grade_id": "perceptual_loss_test", "points": 3}
from course_lib.exercise import random_tensor, random_weights, without
### BEGIN HIDDEN TESTS


def judged(rng, count, scale, *shape):
    """The loss of `count` stages, and the gradients of the prediction and of the stages."""
    layers = nn.Conv2d(3, 5, 3), nn.Conv2d(5, 4, 1), nn.Conv2d(4, 5, 3), nn.Conv2d(5, 2, 1)
    stages = [nn.Sequential(layer, nn.LeakyReLU(0.1)).double() for layer in layers[:count]]
    random_weights(nn.ModuleList(stages), rng)
    prediction = (3 * random_tensor(rng, *shape).double() - 1).requires_grad_()
    target = prediction.detach() + scale * (random_tensor(rng, *shape) - 0.5)
    loss = perceptual_loss(prediction * 1, target, stages)
    return [loss, *torch.autograd.grad(loss / scale**2, (prediction, stages[0][0].weight))]


### END HIDDEN TESTS
first, second = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 6, 3, padding=1)
pieces = [nn.Sequential(first, nn.ReLU()), nn.Sequential(nn.MaxPool2d(2), second, nn.ReLU())]
pieces, rng = [*pieces, nn.Conv2d(6, 3, 1)], np.random.default_rng(5)
random_weights(nn.ModuleList(pieces), rng)
prediction = 1.6 * random_tensor(rng, 2, 1, 14, 10) - 0.3  # beyond [0, 1], as an answer may be
target = random_tensor(rng, 2, 1, 14, 10)
CASES = [  # pieces, their number, the loss, and 1000 times its gradient: mean, spread, last
    ([nn.Identity()], 6.138134, [1.0349, 78.448, 41.834]),
    (pieces[:1], 5.152296, [-11.592, 81.381, -7.1956]),
    (pieces[:2], 12.370825, [-11.824, 288.29, -39.547]),
    (pieces, 22.846321, [-33.289, 616.59, -128.04]),
]
few = lambda many: [round(float(one), 3) for one in (many.mean(), many.std(), many.ravel()[-1])]
with without("course_lib.losses.PerceptualLoss"):
    flat = torch.full((2, 1, 8, 8), 0.4)
    value = float(perceptual_loss(flat + 0.1, flat, [nn.Identity()]))
    assert abs(value - 0.1958) < 1e-3, f"the example: expected 0.196, got {value:.4g}: normalise"
    for stages, right, pull in CASES:
        given = [(prediction * 1).requires_grad_(), target.clone()]
        loss = perceptual_loss(*given, stages)
        assert np.shape(loss) == (), f"return one number, got the shape {np.shape(loss)}"
        assert all(map(torch.equal, given, [prediction, target])), "you have changed an image"
        message = f"{len(stages)} piece(s): expected {right}, got {float(loss):.6g}: of each piece"
        assert abs(float(loss) - right) < 1e-4 * right, message + " the mean square; clip nothing"
        (slope,) = torch.autograd.grad(loss + 0 * given[0].sum(), given[:1])
        message = f"1000 times the gradient should have mean, spread, last {pull}: detach nothing"
        assert np.allclose(few(1000 * slope), pull, rtol=1e-3, atol=1e-2), message
    ### BEGIN HIDDEN TESTS
    same = float(perceptual_loss(target, target.clone(), pieces))
    assert same == 0, f"equal images should have the loss 0, got {same:.3g}"
    for learning in (True, False):
        modes = []
        stages = nn.ModuleList([nn.Conv2d(3, 2, 1), nn.BatchNorm2d(2)]).train(learning)
        stages[0].bias.requires_grad_(learning)
        for one in stages.parameters():
            one.grad = torch.ones_like(one)
        stages[1].register_forward_hook(lambda layer, *_: modes.append(layer.training))
        perceptual_loss(prediction, target, list(stages))
        left = {*modes, stages.training, stages[1].training, stages[0].bias.requires_grad}
        assert left == {learning}, "the function should leave the mode of the pieces as it is"
        kept = all(one.grad is not None and one.grad.eq(1).all() for one in stages.parameters())
        assert kept, "the function should leave the gradients of the pieces alone"
    ### END HIDDEN TESTS
### HIDDEN VALUE: [judged(rng, 1, 2, 2, 1, 7, 5), judged(rng, 4, 2, 3, 1, 9, 6)]
### HIDDEN VALUE: [judged(rng, 2, 1e-3, 1, 1, 8, 3), judged(rng, 3, 100, 2, 1, 5, 6)]
print("perceptual_loss: right")

# %% [markdown]
# ## Exercise 6: the noise-level sweep ({{points noise_sweep}})
#
# A network is trained at one noise level. What does it do at another one? The deck shows such a curve (its Fig. 3). You write the function that measures it.
#
# **Goal.** `noise_sweep(denoise, images, levels, seed)` returns a numpy array `(levels, N)`: the PSNR in dB of each of N images at each noise level. `denoise(noisy)` takes and returns `(N, 1, H, W)`.
#
# **Steps.**
# 1. Draw **one** pattern from N(0, 1), `torch.randn(images.shape, generator=...)`, from a `torch.Generator` seeded with `seed`.
# 2. For each level: `noisy = images + level · pattern`, **not** clipped. Denoise. Clip the *answer* to [0, 1].
# 3. Of each image the mean squared error against the clean one, and from it `10·log10(1 / MSE)`.
#
# **Example.** A `denoise` that is wrong by 0.1 in every pixel (and inside [0, 1]) scores 20 dB at every level.
#
# **Hint.** Why one pattern? So that a curve changes by the level alone, and not by the luck of the draw. And the mean of PSNRs is not the PSNR of the mean MSE: return one number an image, and nobody has to guess.


# %% nbgrader={"grade_id": "noise_sweep", "solution": true}
def noise_sweep(denoise, images, levels, seed):
    """PSNR (dB), an array (levels, N), of Gaussian noise of one pattern at several levels."""
    ### BEGIN SOLUTION
    pattern = torch.randn(images.shape, generator=torch.Generator().manual_seed(seed))
    scores = []
    for level in levels:
        answer = denoise(images + level * pattern).clamp(0, 1)
        error = ((answer - images) ** 2).mean((1, 2, 3))  # (N, 1, H, W) -> (N,)
        scores.append(-10 * torch.log10(error).numpy())
    return np.stack(scores)
    ### END SOLUTION


# %% nbgrader={"grade_id": "noise_sweep_test", "points": 3}
from course_lib.exercise import random_tensor, without

### BEGIN HIDDEN TESTS


def swept(rng, error, levels, seed, *shape):
    """Scores of an answer that ignores the noise, and of one that does not."""
    images = random_tensor(rng, *shape).double()
    bright = noise_sweep(lambda noisy: images + error, images, levels, seed)
    return [bright, noise_sweep(lambda noisy: 1.1 * noisy**2 - 0.1, images, levels, seed)]


### END HIDDEN TESTS
bright = torch.tensor([0.2, 0.6, 0.9]).reshape(3, 1, 1, 1)
images = random_tensor(np.random.default_rng(6), 3, 1, 50, 40) * bright
levels, right, seen = [0.1, 0.05, 0.3, 0.2], [30.0921, 15.6331, 14.0139], []
scripted = lambda noisy: seen.append(noisy.detach().clone()) or 1.7 * images[: len(noisy)] - 0.1
with (
    torch.enable_grad(),
    without(
        "course_lib.evaluation.sweep",
        "course_lib.evaluation.compare",
        "course_lib.metrics.psnr",
        "course_lib.metrics.mse",
    ),
):
    state, before = torch.get_rng_state(), images.clone()
    flat = noise_sweep(lambda noisy: 0.8 * images + 0.1, 0.8 * images, [0.2, 0.4], 0)
    assert isinstance(flat, np.ndarray), f"return a numpy array, not a {type(flat).__name__}"
    message = f"an answer 0.1 too bright should score 20 dB, got {flat}: 10·log10(1 / MSE)"
    assert np.allclose(flat, 20, atol=1e-3), message
    found = noise_sweep(scripted, images, levels, 7)
    assert torch.equal(images, before), "the function has changed the clean images: no `+=`"
    assert torch.equal(state, torch.get_rng_state()), "hand a torch.Generator to torch.randn"
    shapes = [tuple(one.shape) for one in seen]
    assert shapes == [(3, 1, 50, 40)] * 4, f"denoise all images, once a level: it saw {shapes}"
    message = f"expected {right} dB at all 4 levels, got {found}: clip the answer to [0, 1]"
    right = [right] * 4
    assert found.shape == (4, 3) and np.allclose(found, right, atol=1e-3), message
    patterns = [(one - images) / level for one, level in zip(seen, levels, strict=True)]
    off = max(float((one - patterns[0]).abs().max()) for one in patterns)
    assert off < 1e-3, f"noise / level is off by {off:.3g} between levels: draw once, clip nothing"
    numbers = patterns[0].flatten()  # 6000: mean good to 0.013, deviation to 0.01
    assert abs(numbers.mean()) < 0.07 > abs(numbers.std() - 1), "the pattern is from N(0, 1)"
    noise_sweep(scripted, images, [0.1], 8)
    assert not torch.allclose(seen[-1], seen[0]), "another seed gives another pattern: use `seed`"
    ### BEGIN HIDDEN TESTS
    assert torch.is_grad_enabled(), "the function should leave gradients switched on"
    assert numbers.abs().max() > 3.2, "the noise holds nothing beyond 3.2: clip no draw"
    fourth = float((numbers**4).mean())  # 3 for N(0, 1), 1.8 for uniform noise; good to 0.13
    assert abs(fourth - 3) < 0.8, f"the noise should have a fourth moment of 3, got {fourth:.2f}"
    likeness = torch.corrcoef(patterns[0].flatten(1)) - torch.eye(3)  # by chance below 0.1
    assert likeness.abs().max() < 0.2, "the images of a batch have the same noise: use images.shape"
    again = noise_sweep(lambda noisy: noisy, images[:1], np.array([0.1]), 7)
    assert again.shape == (1, 1), f"one level, one image: expected (1, 1), got {again.shape}"
    ### END HIDDEN TESTS
### HIDDEN VALUE: [swept(rng, 1e-5, [0.2, 0.1], 3, 2, 1, 45, 31)]
### HIDDEN VALUE: [swept(rng, 0.3, [1], 4, 1, 1, 6, 9)]
print("noise_sweep: right")

# %% [markdown]
# ## The data
#
# Training: slices of **synthetic** heads (70 %), and photographs (30 %): sharp edges and fine texture, of which synthetic heads have too little. Random patches, mirrored and turned, some
# darker, some with another contrast: the augmentation of the deck. Test: Colin27, a real head that no training has seen.
#
# (The first time about a minute, with a progress bar; then the heads are kept on disk.)

# %% tags=["experiment"]
from course_lib.data import brains
from course_lib.data.mixture import Mixture
from course_lib.data.photographs import photographs

subjects = profile.pick(ci=2, cpu=12, gpu=20)
cohort = brains.brain_slices("cohort", subjects=subjects, slices=profile.pick(ci=8, cpu=30, gpu=30))
held_out = cohort.subjects >= subjects - max(1, subjects // 6)  # split by subject, not by slice
heads = cohort.images[~held_out]
validation = cohort.images[held_out][:: profile.pick(ci=8, cpu=10, gpu=5), :, 40:168, 24:152]
colin = brains.brain_slices("colin27", slices=profile.pick(ci=2, cpu=24, gpu=24))
REGIONS = {"whole image": None, "brain": colin.brain_masks}
middle = len(colin) // 2
pictures = photographs()


def material(patches, size):
    """`patches` an epoch, drawn anew: 70 % of heads, 30 % of photographs (some of them reduced first)."""
    return Mixture(
        {"heads": heads, "photographs": pictures},
        {"heads": 0.7, "photographs": 0.3},
        count=patches,
        size=size,
        smallest={"photographs": 0.35},
    )


some = material(12, profile.pick(ci=48, cpu=96, gpu=96))
viz.gallery(
    [some[index] for index in range(12)],
    columns=6,
    title=f"What the network learns from: {len(heads)} slices of synthetic heads, {len(pictures)} photographs",
)

# %% [markdown]
# ## How it is trained
#
# `training.ATTENTION_RECIPE`: AdamW, gradients clipped to norm 1, and an average of the weights (EMA); in a long training, on a GPU, a learning rate that falls as half a cosine. The loss is the MSE, unless we say
# otherwise. On a CPU half precision (bf16) is faster on some machines and slower on others. So measure; the cell takes what is faster **here**.

# %% tags=["experiment"]
from course_lib.models.attention_unet import AttentionUNet

RECIPE = training.ATTENTION_RECIPE["MSE"] | {
    "schedule": profile.pick(ci=None, cpu=None, gpu="cosine")
}  # in a short training it does not pay


def train(model, corrupt, budget, *, seed=0, loss=RECIPE["loss"], epochs=1, validation=None, progress=False, **options):
    """The recipe, with this budget: `steps` batches of `batch` patches of `size` pixels a side."""
    steps, batch, size = budget["steps"], budget["batch"], budget["size"]
    return training.fit(
        model, material(steps * batch // epochs, size), validation, corrupt=corrupt, seed=seed, progress=progress,
        **(RECIPE | {"epochs": epochs, "batch_size": batch, "loss": loss, "mixed_precision": precision} | options),
    )  # fmt: skip


seconds, precision = {}, None  # None: on a GPU `fit` chooses by itself
if profile.name == "cpu":
    for precision in ("no", "no", "bf16", "bf16"):  # the first call of each warms up
        with training.fixed_seed(0):
            model = AttentionUNet(encoder="small")
        start = time.perf_counter()
        train(model, training.noising("gaussian", 0.1), {"steps": 4, "batch": 8, "size": 64})
        seconds[precision] = (time.perf_counter() - start) / 4
    precision = min(seconds, key=seconds.get)
    print(", ".join(f"{name}: {value:.3f} s a step" for name, value in seconds.items()), "- taken:", precision)

# %% [markdown]
# ## Your parts, put together
#
# Before the large network, a small one of your own parts: one level down, a dilated convolution, your step of the decoder with your attention, your frame around it. (About 10 s.)


# %% tags=["experiment"]
class MyUNet(nn.Module):
    """A U-Net with one level."""

    def __init__(self, width=16):
        super().__init__()
        self.stem, self.down = nn.Conv2d(1, width, 3, padding=1), nn.Conv2d(width, 2 * width, 2, stride=2)
        self.middle = nn.Conv2d(2 * width, 2 * width, 3, padding=2, dilation=2)
        self.step, self.head = DecoderStep(2 * width, width, ScSE(width, 8)), nn.Conv2d(width, 1, 3, padding=1)
        nn.init.zeros_(self.head.weight), nn.init.zeros_(self.head.bias)  # so that it starts by doing nothing

    def change(self, image):
        fine = torch.relu(self.stem(image))
        coarse = torch.relu(self.middle(torch.relu(self.down(fine))))  # (N, width, H, W) -> (N, 2·width, H/2, W/2)
        return self.head(self.step(coarse, fine))

    def forward(self, image):
        return denoise_any_size(self.change, image, 2)


with training.fixed_seed(0):
    mine = MyUNet()
train(
    mine,
    training.noising("gaussian", 0.1),
    profile.pick(
        ci={"steps": 2, "batch": 2, "size": 32},
        cpu={"steps": 200, "batch": 8, "size": 48},
        gpu={"steps": 2000, "batch": 16, "size": 96},
    ),
)
slice_ = colin.images[middle : middle + 1]
noisy = noise.gaussian(slice_, 0.1, generator=torch.Generator().manual_seed(0))
answer = training.denoise(mine, noisy)
before, after = (float(metrics.psnr(image, slice_, data_range=1)) for image in (noisy, answer.clamp(0, 1)))
viz.panel(
    slice_,
    noisy,
    answer,
    title=f"Your own parts, {sum(p.numel() for p in mine.parameters()):,} parameters: from {before:.1f} to {after:.1f} dB on a head that they have never seen",
)

# %% [markdown]
# And your `grey_first_layer`? It belongs to ResNet-18. Take its first layer (ImageNet's weights, where they are at hand, else random ones), and compare.

# %% tags=["experiment"]
from torchvision.models import resnet18

file = Path(torch.hub.get_dir()) / "checkpoints" / "resnet18-f37072fd.pth"
with training.fixed_seed(0):
    first = resnet18().conv1.weight.detach()
if file.is_file():
    first = torch.load(file, weights_only=True)["conv1.weight"]
colours = (slice_.expand(-1, 3, -1, -1) - MEAN[:, None, None]) / DEVIATION[:, None, None]
wanted = nn.functional.conv2d(colours, first, stride=2)
new, bias = grey_first_layer(first, MEAN, DEVIATION)
ways = {
    "yours": (new, bias),
    "averaged, as some codes do": (new / 3, bias / 3),
    "summed, the normalisation forgotten": (first.sum(1, keepdim=True), None),
}
print(
    "weights:",
    "ImageNet" if file.is_file() else "random",
    f"- the features of three normalised copies have the standard deviation {float(wanted.std()):.3f}",
)
for name, (weight, offset) in ways.items():
    features = nn.functional.conv2d(slice_, weight, offset, stride=2)
    print(
        f"{name:36} standard deviation {float(features.std()):.3f}, largest difference {float((features - wanted).abs().max()):.2g}"
    )

# %% [markdown]
# ## An honest experiment: part after part
#
# Start with a plain U-Net, and add one part after the other. Each row has everything of the row above:
#
# | row | what changes |
# |---|---|
# | plain U-Net | the answer is the image itself; bottleneck with dilation 1, 1, 1; no attention |
# | + residual | the answer is what must be added (your exercise 3) |
# | + dilation | bottleneck 1, 2, 4: as many parameters as before |
# | + scSE | your exercise 1, in every step of the decoder |
# | + transfer | the encoder starts with ImageNet weights (your exercise 2). Only for ResNet-18, and only where its weights are at hand |
# | + perceptual | MSE + 0.01 · VGG (your exercise 5). Without the file of VGG16: *random features*, another loss, and the row says so |
#
# On a CPU: the small encoder, half its width, 100 steps of 8 patches of 48×48 pixels, three seeds. This is **not** the training of the deck (200 epochs). It asks who learns fast. First, does your loss do what the
# library's does? Then the experiment. (About a minute and a half on 2 cores. On a GPU with ResNet-18, 1200 steps; how long that takes on a T4 was not measured yet.)

# %% tags=["experiment"]
from tqdm.auto import tqdm

LAYERS = profile.pick(ci=("relu1_2",), cpu=("relu1_2", "relu2_2"), gpu=("relu1_2", "relu2_2", "relu3_3", "relu4_3"))
file = Path(torch.hub.get_dir()) / "checkpoints" / "vgg16-397923af.pth"  # torchvision's; nothing is downloaded here
vgg = losses.PerceptualLoss(LAYERS, weights="imagenet" if file.is_file() else "random")


def stages_of(vgg):
    """The library's VGG16, cut behind each layer that is compared: what your `perceptual_loss` takes."""
    stages, layers, block = [], [], "1"
    for name in vgg.used:
        if name[4] != block:  # relu2_1: a maximum stands before each block but the first
            layers, block = [*layers, nn.MaxPool2d(2)], name[4]
        kernel = getattr(vgg, f"{name}_weight")
        convolution = nn.Conv2d(kernel.shape[1], kernel.shape[0], 3, padding=1).requires_grad_(False)
        convolution.weight.copy_(kernel), convolution.bias.copy_(getattr(vgg, f"{name}_bias"))
        layers += [convolution, nn.ReLU()]
        if name in vgg.layers:
            stages, layers = [*stages, nn.Sequential(*layers)], []
    return stages


patch = colin.images[middle : middle + 1, :, 60:108, 60:108]
pair = noise.gaussian(patch, 0.1, generator=torch.Generator().manual_seed(0)), patch
print(
    f"perceptual loss of a noisy patch: yours {float(perceptual_loss(*pair, stages_of(vgg))):.4f}, the library's {float(vgg(*pair)):.4f} ({vgg.weights} features)"
)


def with_perceptual(prediction, target):
    return nn.functional.mse_loss(prediction, target) + 0.01 * vgg(prediction, target)


encoder = profile.pick(ci="small", cpu="small", gpu="resnet18")
here = encoder == "resnet18" and AttentionUNet(pretrained="if available").init == "imagenet"
PLAIN = {
    "encoder": encoder,
    "width": profile.pick(ci=8, cpu=24, gpu=48),
    "dilations": (1, 1, 1),
    "attention": None,
    "residual": False,
}
CHANGES = {
    "plain U-Net": {},
    "+ residual": {"residual": True},
    "+ dilation": {"dilations": (1, 2, 4)},
    "+ scSE": {"attention": "scse"},
}
CHANGES |= {"+ transfer": {"pretrained": True}} if here else {}
CHANGES |= {"+ perceptual" + ("" if vgg.weights == "imagenet" else " (random features)"): {}}
if not here:
    print(
        "+ transfer is left out:",
        "the small encoder has no ImageNet weights" if encoder == "small" else "the weights of ResNet-18 are not here",
    )
ABLATION = profile.pick(
    ci={"steps": 2, "batch": 2, "size": 32},
    cpu={"steps": 100, "batch": 8, "size": 48},
    gpu={"steps": 1200, "batch": 16, "size": 128},
)
seeds = range(profile.pick(ci=2, cpu=3, gpu=3))

variants, arguments = [], {}  # one dict {row: network} a seed
for name, change in CHANGES.items():
    arguments[name] = PLAIN | change if not arguments else [*arguments.values()][-1] | change
with tqdm(total=len(seeds) * len(CHANGES), desc="networks") as bar:
    for seed in seeds:
        variants.append({})
        for name in CHANGES:
            with training.fixed_seed(seed):
                variants[-1][name] = AttentionUNet(**arguments[name])
            train(
                variants[-1][name],
                training.noising("gaussian", 0.1),
                ABLATION,
                seed=seed,
                loss=with_perceptual if "perceptual" in name else RECIPE["loss"],
            )
            bar.update()


# %% tags=["experiment"]
def method(network):
    """A network as `evaluation` wants it: it is not told sigma."""
    return lambda noisy, sigma: training.denoise(network, noisy, batch_size=8)


few = slice(None, None, profile.pick(ci=1, cpu=2, gpu=1))
ablation = [
    evaluation.compare(
        {name: method(network) for name, network in networks.items()}, colin.images[few], noise.gaussian, sigma=0.1,
        masks={"whole image": None, "brain": colin.brain_masks[few]}, progress=False,
    )
    for networks in variants
]  # fmt: skip
values = {name: np.array([table.mean(name) for table in ablation]) for name in CHANGES}  # (seeds,)
tests, previous = {}, None
print(
    f"{'Colin27, Gaussian, sigma 0.1':34}{'init':>9}{'parameters':>12}  {'PSNR (dB), one a seed':26}{'mean':>7}{'step':>8}   {'p, slices':>10}{'p, seeds':>10}"
)
for name, network in variants[0].items():
    row = f"{name:34}{network.init:>9}{sum(p.numel() for p in network.parameters()):>12,}  {'  '.join(f'{value:.2f}' for value in values[name]):26}{values[name].mean():7.2f}"
    if previous:
        over_slices = evaluation.paired_test(ablation[0].per_slice(name), ablation[0].per_slice(previous))
        tests[name] = evaluation.paired_test(values[name], values[previous])
        row += f"{tests[name].difference:+8.2f}   {over_slices.p:10.2g}{tests[name].p:10.2g}"
    print(row)
    previous = name
found = dict(zip(tests, evaluation.holm([test.p for test in tests.values()]), strict=True))
print("p, slices: this row against the one above, paired over slices of one head, seed 0. p, seeds: paired over seeds.")
print("Holm's correction over the steps, seeds:", ", ".join(f"{name} {p:.2g}" for name, p in found.items()))

# %% tags=["experiment"]
largest = max(tests, key=lambda name: abs(tests[name].difference))
spread = {name: value.max() - value.min() for name, value in values.items()}
figure = viz.figure(
    8,
    3.8,
    title=f"Largest step: {largest} ({tests[largest].difference:+.2f} dB). Between seeds of one row: up to {max(spread.values()):.2f} dB",
)
axes = figure.subplots()
for seed, marker in zip(seeds, "osD^v", strict=False):
    axes.plot([value[seed] for value in values.values()], marker, alpha=0.8, label=f"seed {seed}")
axes.plot([value.mean() for value in values.values()], "k_-", markersize=22, linewidth=0.8, label="mean")
axes.set_xticks(range(len(values)), [name.replace(" (", "\n(") for name in values], fontsize=8)
axes.set(ylabel="PSNR on Colin27, whole image (dB)")
axes.grid(axis="y", alpha=0.3)
axes.legend(fontsize=8)
figure

# %% [markdown]
# Read the two columns of p. The one over slices is nearly always tiny: these two trained networks differ on this head, that is all. The one over seeds asks what you want to know: would the part help
# *again*, if you trained again? Three seeds can show only steps that are large and steady.
#
# Ask of every step whether it is larger than the distance between two seeds of one row. What is smaller, this experiment has not shown, in either direction. A part can help a long training and not a short
# one. And the last row has another goal: a perceptual loss gives PSNR away for texture, so do not judge it by PSNR alone.
#
# ## The whole network
#
# Now the whole, for both noises of the deck: Gaussian with sigma 0.1, Rician with sigma 0.11. Under Rician noise the target is the clean image, so the network learns to take the floor away, too.
#
# The learning rate is high, so that a minute is enough for something. Sometimes it is too high: the loss jumps, and needs a while to come back. So the weights are those of the epoch that was best on *validation*
# heads (`patience`), and not simply the last ones. Never choose the epoch on Colin27.
#
# (On 2 CPU cores about a minute and a half in all: 600 steps each. That is a *beginning*: the model that comes with the course, if there is one, was trained for far longer.)

# %% tags=["experiment"]
MODEL = profile.pick(ci={"encoder": "small", "width": 8}, cpu={"encoder": "small"}, gpu={"encoder": "resnet18"})
WHOLE = profile.pick(
    ci={"steps": 4, "batch": 2, "size": 32},
    cpu={"steps": 600, "batch": 8, "size": 64},
    gpu={"steps": 8000, "batch": 16, "size": 128},
)
NOISES = {"gaussian": (noise.gaussian, 0.1), "rician": (noise.rician, 0.11)}
networks, histories, minutes = {}, {}, {}
for kind, (_, sigma) in NOISES.items():
    with training.fixed_seed(0):
        networks[kind] = AttentionUNet(**MODEL, **({"pretrained": "if available"} if encoder == "resnet18" else {}))
    start = time.perf_counter()
    epochs = profile.pick(
        ci=2, cpu=10, gpu=40
    )  # patience: never stops, but takes the weights of the epoch that was best in validation
    histories[kind] = train(
        networks[kind],
        training.noising(kind, sigma),
        WHOLE,
        epochs=epochs,
        patience=epochs,
        validation=validation,
        progress=True,
    )
    minutes[kind] = (time.perf_counter() - start) / 60
    print(
        f"{kind}: {WHOLE['steps']} steps in {minutes[kind]:.1f} minutes, init: {networks[kind].init}; taken: epoch {histories[kind].best_epoch} of {epochs}"
    )
drop = histories["rician"].validation_loss
viz.loss_curves(
    histories["rician"],
    log=True,
    ylabel="MSE",
    title=f"Rician noise: validation from {drop[0]:.4f} to {min(drop):.4f} at its best, {drop[-1]:.4f} at the end",
)

# %% [markdown]
# Does the course come with a trained model? Then it takes part: the end of the road for those who have no GPU. Its card says how it was made.

# %% tags=["experiment"]
from course_lib import models

MINE = {kind: f"AttentionUNet, yours (init: {network.init})" for kind, network in networks.items()}
players = {kind: {MINE[kind]: network} for kind, network in networks.items()}
for path in models.shipped():
    card = models.read_card(path)
    print(card, end="\n\n")
    for kind in NOISES:
        if kind in card.noise.lower():
            players[kind][f"AttentionUNet, shipped: {path.stem} (init: {card.init})"] = models.load(path)
shipped = {kind: [name for name in found if name != MINE[kind]] for kind, found in players.items()}
if not any(shipped.values()):
    print("No trained model comes with this version of the course: the tables hold the one that you have just trained.")
label = lambda name: name.replace("AttentionUNet, ", "").split(" (init")[0]  # for pictures; the tables say it in full

# %% [markdown]
# ## Table 1: Gaussian noise, sigma 0.1
#
# All methods get the same noisy images. These are not clipped, outputs are clipped to [0, 1] before they are scored. SSIM is that of Wang et al. (Gaussian window). The columns *published* are from the deck: other
# images, other details, so only their **order** can be compared with ours. (About half a minute.)

# %% tags=["experiment"]
from course_lib.classical import filters
from course_lib.classical.bm3d import bm3d
from course_lib.classical.rician import bias_corrected, stabilised

FILTERS = {
    "Gaussian": filters.gaussian, "bilateral": filters.bilateral, "TV": filters.total_variation, "wavelet": filters.wavelet,
    "shift-invariant wavelet": filters.shift_invariant_wavelet, "NLM": filters.non_local_means, "BM3D": bm3d,
}  # fmt: skip
DECK = ("PSNR", "SSIM")
PUBLISHED = {  # attention U-Net deck, Tables 1 and 2
    "gaussian": {
        "Gaussian": (24.62, 0.5681), "bilateral": (21.98, 0.6805), "TV": (22.36, 0.6824), "wavelet": (24.99, 0.7574), "shift-invariant wavelet": (26.12, 0.7982),
        "NLM": (26.40, 0.8214), "BM3D": (29.13, 0.8343), "CDAE (network)": (33.76, 0.9235), "UNet-DCTD-A (network)": (38.47, 0.9613),
    },
    "rician": {
        "Gaussian": (16.84, 0.3562), "bilateral": (17.74, 0.4709), "TV": (17.01, 0.4895), "wavelet": (16.88, 0.4105), "shift-invariant wavelet": (16.90, 0.4408),
        "NLM": (16.94, 0.4824), "BM3D": (16.92, 0.4835), "CDAE (network)": (21.83, 0.8012), "UNet-DCTD-A (network)": (36.75, 0.9415),
    },
}  # fmt: skip
PUBLISHED = {
    kind: {name: dict(zip(DECK, row, strict=True)) for name, row in rows.items()} for kind, rows in PUBLISHED.items()
}


def table(kind, methods):
    corrupt, sigma = NOISES[kind]
    ours = {name: method(network) for name, network in players[kind].items()}
    return evaluation.compare(
        methods | ours, colin.images, corrupt, sigma=sigma, masks=REGIONS, published=PUBLISHED[kind]
    )


tables = {"gaussian": table("gaussian", FILTERS)}
tables["gaussian"]

# %% [markdown]
# ## Table 2: Rician noise, sigma 0.11
#
# First the rows of the deck: every filter gets the magnitude, and its answer is scored as it is. Then what the deck left out: BM3D **at its best**, with each of the three ways to treat the bias (lab 04). (About half a minute.)

# %% tags=["experiment"]
BEST_BM3D = {
    "BM3D, bias-corrected": bias_corrected(bm3d),
    "BM3D, mean inverted": bias_corrected(bm3d, method="mean"),
    "BM3D, stabilised": stabilised(bm3d),
}
tables["rician"] = table("rician", FILTERS | BEST_BM3D)
tables["rician"]

# %% [markdown]
# Against whom does the network compete? In each column against the best form of BM3D **in that column**: we choose our opponent after we have seen the scores, in his favour. That is strict, and it is on purpose.

# %% tags=["experiment"]
OPPONENTS = {"gaussian": ["BM3D"], "rician": list(BEST_BM3D)}
leads = {}
for kind, results in tables.items():
    for region in REGIONS:
        for metric, unit, digits in (("PSNR", " dB", 2), ("SSIM", "", 3)):
            rival = max(OPPONENTS[kind], key=lambda name: results.mean(name, metric, region))
            for name in players[kind]:
                test = evaluation.paired_test(
                    results.per_slice(name, metric, region), results.per_slice(rival, metric, region)
                )
                leads[kind, region, metric, name] = test.difference
                print(
                    f"{kind:9}{region:12}{metric:5} {name:44} {results.mean(name, metric, region):7.{digits}f}, {rival} {results.mean(rival, metric, region):.{digits}f}:"
                    f" {test.difference:+.{digits}f}{unit} ({test.low:+.{digits}f} to {test.high:+.{digits}f} over slices)"
                )
plain, best = tables["rician"].mean("BM3D"), max(tables["rician"].mean(name) for name in BEST_BM3D)
yours = tables["rician"].mean(MINE["rician"])
print(
    f"Rician, whole image, as the deck compares: your network {yours - plain:+.2f} dB against *uncorrected* BM3D. The correction alone gives BM3D {best - plain:+.2f} dB."
)

# %% tags=["experiment"]
chosen = {kind: shipped[kind][0] if shipped[kind] else MINE[kind] for kind in NOISES}  # the best trained one
short = {kind: "shipped network" if shipped[kind] else "your network" for kind in NOISES}
figure = viz.figure(10.5, 4.6)
for axes, (kind, results) in zip(figure.subplots(1, 2), tables.items(), strict=True):
    names = [name for name in results.methods if name != evaluation.NOISY]
    places = np.arange(len(names))
    for region, marker in zip(REGIONS, "oD", strict=True):
        axes.plot([results.mean(name, "PSNR", region) for name in names], places, marker, label=f"{region}, measured")
    known = [place for place, name in enumerate(names) if name in PUBLISHED[kind]]
    axes.plot(
        [PUBLISHED[kind][names[place]]["PSNR"] for place in known],
        known,
        "x",
        color="0.4",
        label="published (other images)",
    )
    axes.axvline(
        PUBLISHED[kind]["UNet-DCTD-A (network)"]["PSNR"],
        color="0.4",
        linestyle="--",
        linewidth=1,
        label="UNet-DCTD-A, published",
    )
    axes.set_yticks(places, [label(name) for name in names], fontsize=8)
    axes.invert_yaxis()
    axes.grid(alpha=0.3)
    lead = {region: leads[kind, region, "PSNR", chosen[kind]] for region in REGIONS}
    axes.set_title(
        f"{kind}: {short[kind]} against the best BM3D\n"
        + ", ".join(f"{region} {value:+.1f} dB" for region, value in lead.items()),
        fontsize=10,
    )
    axes.set(xlabel=f"PSNR (dB), sigma {NOISES[kind][1]}")
handles, labels = axes.get_legend_handles_labels()
figure.legend(handles, labels, fontsize=8, loc="outside lower center", ncols=4)
figure

# %% [markdown]
# And the pictures. Look at the difference maps, not at the images: where is anatomy?

# %% tags=["experiment"]
from IPython.display import display

for kind, rival in (("gaussian", "BM3D"), ("rician", max(BEST_BM3D, key=tables["rician"].mean))):
    results = tables[kind]
    shown = [*(["BM3D"] if kind == "rician" else ["NLM"]), rival, *players[kind]]
    display(
        viz.panel(
            results.pictures["clean"][0], results.pictures["noisy"][0], {label(name): results.pictures[name][0] for name in shown},
            title=f"{kind}, sigma {NOISES[kind][1]}: {rival} {results.mean(rival):.1f} dB, {short[kind]} {results.mean(chosen[kind]):.1f} dB (mean over all slices)",
        )
    )  # fmt: skip

# %% [markdown]
# ## Other noise levels
#
# Your `noise_sweep` first: the network that was trained at sigma 0.1, and nothing else. (A few seconds.)

# %% tags=["experiment"]
levels = profile.pick(
    ci=[0.05, 0.1], cpu=[0.03, 0.06, 0.1, 0.15, 0.2], gpu=[0.02, 0.04, 0.06, 0.08, 0.1, 0.13, 0.16, 0.2]
)
three = colin.images[:: profile.pick(ci=2, cpu=8, gpu=4)]
sweep = noise_sweep(
    lambda noisy: training.denoise(players["gaussian"][chosen["gaussian"]], noisy), three, levels, seed=0
).mean(1)
without_network = noise_sweep(lambda noisy: noisy, three, levels, seed=0).mean(1)
for level, value, before in zip(levels, sweep, without_network, strict=True):
    print(
        f"sigma {level:<5g} {short['gaussian']} {value:6.2f} dB   noisy image, clipped {before:6.2f} dB   gain {value - before:+.2f} dB"
    )

# %% [markdown]
# Now beside BM3D, which is *told* each level, and under Rician noise. A network that was trained at one level has learnt one floor. (About 20 s.)

# %% tags=["experiment"]
network = players["rician"][chosen["rician"]]
curves = evaluation.sweep(
    {short["rician"]: method(network), "BM3D, stabilised": stabilised(bm3d), "BM3D, uncorrected": bm3d}, three, noise.rician, [level + 0.01 for level in levels],
    masks={"whole image": None}, progress=False,
)  # fmt: skip
ahead = (curves.values(short["rician"]) - curves.values("BM3D, stabilised")).mean(0)
wins = [f"{level:g}" for level, lead in zip(curves.levels, ahead, strict=True) if lead > 0]
curves.figure(
    title=f"Trained at 0.11: ahead of stabilised BM3D at {len(wins)} of {len(levels)} levels"
    + (f" (sigma {', '.join(wins)})" if wins else "")
)

# %% [markdown]
# Below its level the network smooths what it should keep; above it, it leaves noise behind. BM3D is told sigma, so this is not quite fair to the network. The remedy is *blind* training:
# `training.noising("gaussian", (0.02, 0.2))` draws a level anew for each image, and the network must find out.
#
# ## Play: move the noise
#
# Where does the curve of the network leave that of BM3D? Look at the picture on both sides of the dashed line. (About 10 s to compute all levels, then it moves at once.)


# %% tags=["experiment"]
def on_a_slice(network):
    """The slider gives (H, W), a network takes (N, 1, H, W)."""
    return lambda noisy, sigma: training.denoise(network, noisy[None, None])[0, 0]


order = sorted(players["gaussian"], key=lambda name: name != chosen["gaussian"])  # the best trained one first
viz.level_slider(
    colin.images[middle], {label(name): on_a_slice(players["gaussian"][name]) for name in order[:3]} | {"BM3D": bm3d},
    levels=profile.pick(ci=[0.05, 0.1, 0.2], cpu=[0.02, 0.04, 0.06, 0.08, 0.1, 0.12, 0.15, 0.2], gpu=[0.02, 0.04, 0.06, 0.08, 0.1, 0.12, 0.15, 0.2]), trained=0.1, title="Gaussian noise on Colin27",
)  # fmt: skip

# %% [markdown]
# ## Save it, and let it be judged
#
# `models.save` writes the weights and a **card**: architecture, data, noise, seed, what was measured, what the encoder began as. The format is safetensors: numbers only. (What `torch.save` writes is a
# *pickle*, and a pickle is a program: whoever loads it runs what its maker put in.)

# %% tags=["experiment"]
import tempfile

folder = Path(tempfile.mkdtemp() if profile.name == "ci" else "models")
saved = {}
for kind, network in networks.items():
    saved[kind] = folder / f"mine_{kind}.safetensors"
    card = models.save(
        network, saved[kind], arguments=MODEL, seed=0, noise=f"{kind}, sigma {NOISES[kind][1]}", half=True,
        data=f"{len(heads)} slices of synthetic heads (70 %), {len(pictures)} photographs (30 %); {WHOLE['steps']} steps of {WHOLE['batch']} patches of {WHOLE['size']}²",
        metrics={f"PSNR, Colin27, {region}": round(tables[kind].mean(MINE[kind], "PSNR", region), 2) for region in REGIONS},
    )  # fmt: skip
    again = models.load(saved[kind])
    noisy = NOISES[kind][0](three[:1], NOISES[kind][1], generator=torch.Generator().manual_seed(0))
    change = float((training.denoise(again, noisy) - training.denoise(network, noisy)).abs().max())
    print(
        f"{saved[kind].name}: {saved[kind].stat().st_size / 1e6:.1f} MB in half precision; loaded again it answers the same to {change:.1g}"
    )
print(card)

# %% [markdown]
# **The leaderboard.** Your own scores were measured with a seed that you knew. The leaderboard draws one that nobody knew, the same for all models of a run, and tells it afterwards. It ranks by PSNR inside the brain, the mean over
# *both* noises: one file serves for both. On the command line that is
#
# ```
# course evaluate models/mine_gaussian.safetensors models/mine_rician.safetensors
# ```
#
# with a table and pictures out; here is the same from Python. With scans of IXI on the disk (`course data fetch ixi`) add `--images ixi`: real people, one head each. (About 10 s on a CPU, with few slices.)

# %% tags=["experiment"]
from course_lib import leaderboard

board = leaderboard.evaluate(saved.values(), slices=profile.pick(ci=1, cpu=4, gpu=24), progress=False)
print("The hidden seed was", board.seed)
board

# %% tags=["experiment"]
board.panel("gaussian")

# %% [markdown]
# A network that knows one noise only pays for it here: under Rician noise the Gaussian one leaves the floor, and under Gaussian noise the Rician one takes a floor away that is not there. **Your challenge:** one network for both, and for
# every level. What you need is a `corrupt` that draws the kind of the noise, too; more steps; a GPU. The rest stands above.
#
# ## In your own words ({{points verdict}})
#
# The deck concludes: "our model has achieved state of the art performance", with 38.5 dB where BM3D has 29.1, and 36.8 dB where BM3D has 16.9 (all four published). You have rebuilt both tables. Write the paragraph that should stand in
# the deck instead: what did each part add in *your* ablation, and is that more than another seed? How far is the whole network from BM3D at its best, in the whole image and in the brain? What did the deck compare with, and what would it have
# to report for a reader to believe it? Five to ten sentences, with your numbers.

# %% [markdown] nbgrader={"grade_id": "verdict", "solution": true, "points": 4}
# (One point for each: the ablation with its seeds; the distance to the best BM3D in both regions; what is wrong with the comparison; what is missing.) In my short training on a CPU no part has shown that it helps: the
# largest step was 0.2 dB, and downwards, while two seeds of one row lay up to 0.55 dB apart. The p over slices was tiny all the same (6e-11 for the residual output, where the p over seeds was 0.78): it speaks about two trained networks and one
# head. That does not say that the parts are useless, only that 100 steps and three seeds cannot show it. Transfer was not tested (init: random), and the perceptual loss had random features. My whole network, after a minute of training,
# stayed below BM3D in the whole image and by about half a decibel in the brain, with both noises; The models that come with the course, trained far longer, pass BM3D inside the brain with both noises (31.9 against 31.6 dB, 31.2 against 30.9), and in the whole image under Rician noise (31.3 against 29.9) but not under Gaussian noise (32.4 against 32.7): so it is the training that decides, and skull and scalp that synthetic heads do not teach. All this against BM3D on the same noisy images, told the true sigma, and under Rician noise corrected. The deck's 20 dB under Rician noise
# are mostly the floor: on my slices the correction alone gave BM3D 8.8 dB in the whole image. The deck names no images, no region, no clipping, no SSIM window, no seeds, no spread, and no ablation. I would report mean and spread
# over people and seeds, the brain beside the whole image, corrected baselines, the init of each row, and a test set that no choice was made on.
#
# ### BEGIN MARK SCHEME
# - 1: the ablation with its seeds: no part has shown more than another seed
# - 1: the distance to BM3D at its best, in the whole image and in the brain
# - 1: what is wrong with the comparison: uncorrected filters under Rician noise, other images
# - 1: what is missing: subjects, error bars, regions, the same images for all
# ### END MARK SCHEME

# %% [markdown]
# ## What to remember
#
# - scSE: two gates side by side, from the same x, summed. A hidden layer never has 0 channels.
# - Colour weights to grey: sum, with the normalisation folded in. The average is three times too small.
# - Pad by repeating, crop, and add the residual once.
# - A perceptual loss is only as good as its features, and its network wants the normalisation it was trained with.
# - Add one part at a time, with seeds. A step that is smaller than the distance of two seeds has not been shown.
# - Choose the strongest opponent, in his best form, on the same images. Report the brain beside the whole image.
# - Hand models on as numbers with a card, never as programs.
#
# What you wrote is `course_lib.models.attention.ConcurrentSE`, `models.attention_unet.grey_weights`, the frame of `AttentionUNet` and its `DecoderBlock`, `losses.PerceptualLoss`, and `evaluation.sweep`.
