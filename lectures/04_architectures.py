# %% [markdown]
# # Lecture 04: Architectures, or how a signal gets past the layers
#
# {{badges}}
#
# Forty minutes, to be run while you listen. It goes with
# [lab 06: residual autoencoders](../labs/lab06_residual_autoencoders/lab06_residual_autoencoders.ipynb); for words see the
# [glossary](glossary.md). Five questions:
#
# 1. Why does a deep chain of layers learn badly, and what does `x + F(x)` change?
# 2. What is lost by pooling, and what by a stride?
# 3. Why do transposed convolutions draw checkerboards?
# 4. Skips: added or joined? And what is left for the code to say?
# 5. What did the papers find, and what should we doubt?

# %% tags=["setup"]
# `course build` writes the set-up cell here

# %%
import functools

import numpy as np
import torch
from torch import nn

from course_lib import images, metrics, noise, training, viz
from course_lib.data import brains
from course_lib.models.autoencoders import MyronenkoCAE, ResidualUNet, ShallowResidualAE, SkipCAE
from course_lib.models.residual_blocks import OriginalBlock, PreActivationBlock

slices = profile.pick(ci=8, cpu=30, gpu=30)
cohort = brains.brain_slices("cohort", subjects=2, slices=slices)  # synthetic heads
colin = brains.brain_slices("colin27", slices=profile.pick(ci=3, cpu=12, gpu=30))


def small(pictures, side):
    """(N, 1, H, W) -> (N, 1, side, side): crop to the middle square, then average pixels."""
    edge = min(pictures.shape[-2:])
    top, left = (pictures.shape[-2] - edge) // 2, (pictures.shape[-1] - edge) // 2
    square = pictures[..., top : top + edge, left : left + edge]
    return nn.functional.interpolate(square, size=(side, side), mode="area")


# %% [markdown]
# ## 1. A chain of layers, and a sum
#
# He et al. (2016a) saw that a plain network of 56 layers had a larger error than one of 20, **on the training images** too. So this is not
# overfitting: the deep network could copy the shallow one and do nothing in the other layers, but training does not find that. Doing nothing is hard for a layer.
#
# Ask a fresh network, before any training: how strong is the gradient in its first convolution, compared with its last? (BN is batch
# normalisation.) Four chains of 16 channels:

# %%
class Plain(nn.Module):
    """conv-BN-ReLU-conv-BN-ReLU: the original block without shortcut; norm=False: without BN."""

    def __init__(self, inputs, outputs, norm=True):
        super().__init__()
        layers = []
        for channels in (inputs, outputs):
            layers.append(nn.Conv2d(channels, outputs, 3, padding=1))
            layers += [nn.BatchNorm2d(outputs), nn.ReLU()] if norm else [nn.ReLU()]
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        return self.layers(x)


KINDS = {
    "plain, no BN": functools.partial(Plain, norm=False),
    "plain": Plain,
    "original block": OriginalBlock,
    "pre-activation": PreActivationBlock,
}


def chain(block, depth, channels=16):
    """A first convolution, `depth` blocks, and a last convolution: image in, image out."""
    first, last = nn.Conv2d(1, channels, 3, padding=1), nn.Conv2d(channels, 1, 3, padding=1)
    return nn.Sequential(first, *(block(channels, channels) for _ in range(depth)), last)


clean = small(cohort.images[::4][:8], 32)
noisy = noise.gaussian(clean, 0.1, generator=torch.Generator().manual_seed(0))
depths, ratios = [1, 2, 4, 8, 16, 32], {name: [] for name in KINDS}
for name, block in KINDS.items():
    for depth in depths:
        values = []
        for seed in range(profile.pick(ci=1, cpu=2, gpu=5)):
            with training.fixed_seed(seed):
                network = chain(block, depth)
            nn.functional.mse_loss(network(noisy), clean).backward()
            layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)][1:-1]
            strengths = [float(layer.weight.grad.norm()) for layer in layers]
            values.append(strengths[0] / strengths[-1])
        ratios[name].append(np.exp(np.mean(np.log(np.maximum(values, 1e-30)))))

# %%
ends = {
    name: f"{values[-1]:.2g}" if values[-1] > 1e-29 else "below 1e-29"
    for name, values in ratios.items()
}
figure = viz.figure(
    6.4, 3.8, title=f"{2 * depths[-1]} convolutions, gradient of the first / of the last: "
    + ", ".join(f"{name} {end}" for name, end in ends.items())
)  # fmt: skip
axes = figure.subplots()
for (name, values), marker in zip(ratios.items(), "osD^", strict=True):
    axes.loglog([2 * depth for depth in depths], values, marker + "-", label=name)
axes.axhline(1, color="grey", linewidth=0.8)
axes.set(
    xlabel="convolutions in the chain",
    ylabel="gradient of the first convolution\n/ gradient of the last one",
)
counts = [2 * depth for depth in depths]
axes.set_xticks(counts, counts)
axes.minorticks_off()
axes.legend(fontsize=8)
figure

# %% [markdown]
# Without BN the gradient dies on its way back (in the deepest chain it is no longer a number that float32 can hold). With BN, but without shortcuts, it *grows* on its way: the first
# layers move wildly while the last ones barely do. With a shortcut it has about the same size everywhere, at any depth.
#
# Does it matter? Train, and see. 48 convolutions of 8 channels, the same steps, the same noise, two seeds (about 25 s):

# %%
crops = functools.partial(images.random_crop, size=24)
seeds = range(profile.pick(ci=1, cpu=2, gpu=5))


def learn(kind, seed):
    """A chain of one kind of block, trained to denoise; its history."""
    with training.fixed_seed(seed):
        network = chain(KINDS[kind], profile.pick(ci=2, cpu=24, gpu=24), channels=8)
    return training.fit(
        network, cohort.images, loss=nn.functional.mse_loss,
        corrupt=functools.partial(noise.gaussian, sigma=0.1),
        transform=lambda image, generator: crops(image, generator=generator),
        epochs=profile.pick(ci=1, cpu=22, gpu=100), batch_size=16, learning_rate=2e-3, seed=seed,
    )  # fmt: skip


kinds = ("plain", "original block", "pre-activation")
histories = {name: [learn(name, seed) for seed in seeds] for name in kinds}

# %%
last = {  # the mean of the last three epochs, for each seed
    name: [float(np.mean(history.train_loss[-3:])) for history in of_seeds]
    for name, of_seeds in histories.items()
}
figure = viz.figure(
    6.4, 3.8, title=f"Training error at the end, {len(seeds)} seed(s) (MSE; the noise has 0.01): "
    + "; ".join(f"{name} " + ", ".join(f"{v:.4f}" for v in values) for name, values in last.items())
)  # fmt: skip
axes = figure.subplots()
for (name, of_seeds), colour in zip(histories.items(), viz.COLOURS, strict=False):
    for seed, history in enumerate(of_seeds):
        label = name if seed == 0 else None
        epoch = range(1, len(history.train_loss) + 1)
        axes.semilogy(epoch, history.train_loss, color=colour, label=label, marker=".")
axes.axhline(0.01, color="grey", linestyle=":", label="the noisy image")
axes.set(xlabel=f"epoch ({len(cohort)} slices each)", ylabel="training error (MSE)")
axes.legend(fontsize=8)
figure

# %% [markdown]
# Two seeds, and fewer than a hundred steps: a beginning, not a proof. On our CPU the plain chain stayed behind with both seeds, while the seeds of the two kinds of residual block
# overlap: this plot does not rank them. (With 20 convolutions the plain chain kept up with the original blocks; try it.) The chain of plain blocks must push the whole image through every layer. In the
# pre-activation chain it passes by itself, and each block only says what must change. The two kinds of blocks differ in one thing: in the original one the sum is rectified, so between blocks nothing is ever negative. In the other one nothing stands in the way:
#
# $$ x_L = x_l + \sum_{i=l}^{L-1} F_i(x_i) \qquad \frac{\partial \text{loss}}{\partial x_l} = \frac{\partial \text{loss}}{\partial x_L}\Big(1 + \frac{\partial}{\partial x_l} \sum_i F_i\Big) $$
#
# The 1 is the free way (He et al. 2016b, equations 4 and 5).
#
# ## 2. Pooling, or a stride?
#
# Max-pooling keeps the largest of four pixels, and forgets which of them it was. A convolution with stride 2 keeps what it has learnt to keep. Give each the same task, without any noise: put a
# slice into 4 channels of half its size (as many numbers as before), and bring it back. (A few seconds.)

# %%
HALVINGS = {
    "max-pool": lambda: nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.MaxPool2d(2)),
    "average-pool": lambda: nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.AvgPool2d(2)),
    "stride 2": lambda: nn.Conv2d(1, 4, 3, stride=2, padding=1),
}
train_slices, test_slices = small(cohort.images, 64), small(colin.images, 64)
copies = {}
for name, make in HALVINGS.items():
    with training.fixed_seed(0):
        copier = nn.Sequential(make(), nn.ConvTranspose2d(4, 1, 4, stride=2, padding=1))
    training.fit(
        copier, train_slices, loss=nn.functional.mse_loss, batch_size=8, learning_rate=1e-2, seed=0,
        epochs=profile.pick(ci=1, cpu=60, gpu=100), progress=False,
    )  # fmt: skip
    copies[name] = training.denoise(copier, test_slices).clamp(0, 1)

# %%
psnr = functools.partial(metrics.psnr, data_range=1)
quality = {name: psnr(copy, test_slices).mean().item() for name, copy in copies.items()}
middle = len(test_slices) // 2
window = viz.window(test_slices[middle])  # the greys that fit this head
scores = ", ".join(f"{name} {value:.1f} dB" for name, value in quality.items())
viz.panel(
    test_slices[middle], test_slices[middle], {name: copy[middle] for name, copy in copies.items()},
    titles=["Colin27", "input, no noise", *copies], window=window,
    title=f"Halved and brought back, no noise: {scores} (mean PSNR)",
)  # fmt: skip

# %% [markdown]
# The thesis of lab 06 therefore uses no pooling at all. But a stride has a price, too: it takes every second pixel of a convolution, and detail finer than two pixels
# comes back as something coarser (*aliasing*), unless the convolution has learnt to blur first.
#
# ## 3. Checkerboards
#
# A transposed convolution with stride 2 spreads each pixel over 3×3 pixels; the centres are two apart, so these squares overlap. How many of them reach a pixel of the large image? With a 3×3 kernel 1, 2 or 4, in a
# checkerboard. The network must learn weights that undo this. With a 4×4 kernel each pixel is reached by 4 (Odena et al. 2016). Look for traces of it in the difference maps above and below.

# %%
ones = torch.ones(1, 1, 6, 6)
repeated = ones.repeat_interleave(2, 2).repeat_interleave(2, 3)
spread = functools.partial(nn.functional.conv_transpose2d, ones, stride=2, padding=1)
counts = {
    "3×3, stride 2": spread(torch.ones(1, 1, 3, 3), output_padding=1),
    "4×4, stride 2": spread(torch.ones(1, 1, 4, 4)),
    "repeat, then 3×3": nn.functional.conv2d(repeated, torch.ones(1, 1, 3, 3), padding=1),
}
inside = {name: count[0, 0, 2:-2, 2:-2].unique().int().tolist() for name, count in counts.items()}
viz.gallery(
    [count / count.max() for count in counts.values()], columns=3,
    titles=[f"{name}: {', '.join(map(str, values))}" for name, values in inside.items()],
    title="How many products make a pixel (away from the border)",
)  # fmt: skip

# %% [markdown]
# ## 4. Skips: what is left for the code to say?
#
# The networks of lab 06. "Code" is the smallest stage between encoder and decoder:

# %%
count = lambda model: sum(parameter.numel() for parameter in model.parameters())
print(f"{'':32}{'parameters':>12}   skips across the code")
for name, model, skips in [
    ("shallow residual, original", ShallowResidualAE("original"), "none"),
    ("shallow residual, pre-activation", ShallowResidualAE(), "none"),
    ("residual U-Net", ResidualUNet(), "joined: more channels in the decoder"),
    ("skip CAE", SkipCAE(), "added: no more parameters than without"),
    ("Myronenko CAE", MyronenkoCAE(), "none"),
]:
    print(f"{name:32}{count(model):>12,}   {skips}")
print("The code of each: 128 channels of H/8 · W/8 numbers. Two for each pixel: no bottleneck.")

# %% [markdown]
# Train a small residual U-Net, then cut it: once the code is set to zero, once the skips. (A few seconds.)

# %%
with training.fixed_seed(0):
    unet = ResidualUNet(width=16)
training.fit(
    unet, train_slices, loss=nn.functional.mse_loss,
    corrupt=functools.partial(noise.gaussian, sigma=0.05),
    epochs=profile.pick(ci=1, cpu=30, gpu=200), batch_size=8, learning_rate=2e-3, seed=0,
)  # fmt: skip
noisy = noise.gaussian(test_slices, 0.05, generator=torch.Generator().manual_seed(1))


def cut(*names):
    """The network's answer while the outputs of these layers are set to zero."""
    zero = lambda layer, inputs, output: output * 0
    handles = [getattr(unet, name).register_forward_hook(zero) for name in names]
    answer = training.denoise(unet, noisy).clamp(0, 1)
    for handle in handles:
        handle.remove()
    return answer


def without_skips():
    """The same decoder, fed with zeros in place of the skips."""
    with torch.no_grad():
        unet.cpu().eval()
        code = unet.block3(unet.block2(unet.block1(unet.first(noisy))))
        x = unet.up1(code)
        x = unet.up2(torch.cat([x, x * 0], 1))
        return unet.head(unet.up3(torch.cat([x, x * 0], 1))).clamp(0, 1)


# %%
answers = {"all": cut(), "code cut": cut("block3"), "skips cut": without_skips()}
quality = {name: psnr(answer, test_slices).mean().item() for name, answer in answers.items()}
before = psnr(noisy, test_slices).mean().item()
viz.panel(
    test_slices[middle], noisy[middle], {name: answer[middle] for name, answer in answers.items()},
    title=f"Noisy {before:.1f} dB; the whole U-Net {quality['all']:.1f}, without its code"
    f" {quality['code cut']:.1f}, without its skips {quality['skips cut']:.1f} dB (mean PSNR)",
    window=window,
)  # fmt: skip

# %% [markdown]
# A cut network is not a network trained without that part. But the picture says where the image went: through the skips. For denoising that is what you want.
# For a *model of the healthy brain*, whose code should know what is normal, it is a way around. The thesis's own table shows it: with clean input, where copying
# is all there is to do, the skip CAE reaches 49.8 dB; with corrupted input 35.7 dB (published; lab 06 sets both tables side by side).
#
# ## 5. What the papers found, and what to doubt
#
# *He et al. 2016a*: with shortcuts, networks of 152 layers train better than those of 34, on photographs with a thousand classes. *He et al. 2016b*: with pre-activation, even 1001 layers.
# *Ronneberger et al. 2015*: joined skips, cells under the microscope from 30 images. *Dong et al. 2018* (after Mao et al. 2016): added skips for
# restoration. *Myronenko 2018*: a VAE (variational autoencoder) branch as a helper for segmentation. *Arnaiz-Rodríguez 2021*, the thesis of lab 06: a residual U-Net restores corrupted brain slices best. What to doubt:
#
# - The networks of the thesis have six to ten convolutions in residual blocks. Was depth ever their problem? Above you saw at which depth it begins.
# - Several changes at once: the residual U-Net differs from the skip CAE in its blocks, in its skips, and has two and a half times the parameters.
# - The thesis's slides name no second seed. In lab 06 each network has two, and you measure what the second one changes.
#
# ## What to remember
#
# - A deep plain chain fails on its training images too. A shortcut makes "do nothing" easy.
# - Pre-activation: nothing stands on the way of the sum.
# - Pooling forgets where; a stride learns what to keep, and may alias. A 3×3 transposed convolution with stride 2 starts as a chessboard.
# - Added skips cost no parameters, joined ones do. Either way the image can go around the code.
#
# **Next.** [Lab 06](../labs/lab06_residual_autoencoders/lab06_residual_autoencoders.ipynb), where you write the blocks and train the twelve networks.
#
# **Sources.** He et al. 2016a, [*Deep residual learning for image recognition*](https://arxiv.org/abs/1512.03385); He et al. 2016b,
# [*Identity mappings in deep residual networks*](https://arxiv.org/abs/1603.05027); Ronneberger et al. 2015, [*U-Net: convolutional networks for
# biomedical image segmentation*](https://arxiv.org/abs/1505.04597); Mao et al. 2016, [*Image restoration using very deep convolutional
# encoder-decoder networks with symmetric skip connections*](https://arxiv.org/abs/1603.09056); Dong et al. 2018, [*Learning deep representations
# using convolutional auto-encoders with symmetric skip connections*](https://arxiv.org/abs/1611.09119); Odena et al. 2016, [*Deconvolution and
# checkerboard artifacts*](https://doi.org/10.23915/distill.00003); Springenberg et al. 2015, [*Striving for simplicity: the all convolutional
# net*](https://arxiv.org/abs/1412.6806); Myronenko 2018, [*3D MRI brain tumor segmentation using autoencoder
# regularization*](https://arxiv.org/abs/1810.11654); Adrián Arnaiz-Rodríguez 2021, *Deep convolutional autoencoders for reconstructing magnetic
# resonance images of the healthy brain* (master's thesis, Universitat Oberta de Catalunya: "the thesis").
