# %% [markdown]
# # Lecture 07: Transfer, dilation, attention
#
# {{badges}}
#
# Forty-five minutes, to be run while you listen. It goes with
# [lab 07](../labs/lab07_residual_and_dilation/lab07_residual_and_dilation.ipynb) and
# [lab 14](../labs/lab14_attention_unet/lab14_attention_unet.ipynb), which builds UNet-DCTD-A: in the words of its authors a
# "Deep Convolutional Transfer Learning Based Denoising Model with U-Net Architecture and Attention Mechanism". Dilated
# convolutions are part of it too, though not of its name. Five questions:
#
# 1. What can a network that knows photographs know about a brain?
# 2. One channel or three: how does a grey image get into a network that was made for colour?
# 3. How does a network see far: deep, strided or dilated? And how far does it really look?
# 4. What can attention do that a convolution cannot?
# 5. What did the papers find, and what should we doubt?

# %% tags=["setup"]
# `course build` writes the set-up cell here

# %%
import numpy as np
import torch
from torch import nn

from course_lib import images, metrics, noise, training, viz
from course_lib.data import brains, photographs
from course_lib.models import dncnn
from course_lib.models.attention import AttentionGate, ChannelSE, ConcurrentSE, SpatialSE
from course_lib.models.attention_unet import IMAGENET_DEVIATION, IMAGENET_MEAN, AttentionUNet
from course_lib.models.attention_unet import freeze, grey_weights, unfreeze

seeded = lambda seed: torch.Generator().manual_seed(seed)


def count(module, learning=False):
    """How many parameters a module has, or how many of them learn."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad or not learning)


# %% [markdown]
# ## 1. Transfer: borrowed knowledge
#
# *Transfer learning*: train on task A, where images are many, and go on from there on task B, where they are few. It works where the
# first layers of B need what the first layers of A have learned: edges, lines and spots at all orientations. Yosinski et al. (2014)
# showed that early layers are general and late ones special.
#
# The encoder of UNet-DCTD-A is a ResNet-18 with ImageNet's weights: 1.3 million photographs, a thousand classes. They are a
# download of 45 MB; without it the model says so, and every result carries `init: random`. So that this lecture runs anywhere, we
# do the experiment on a small scale. Task A is *denoising photographs* (those that come with scikit-image), task B *denoising
# brains*, of which we have **four slices**. Two things to know before you compare. The transferred networks have had their steps on
# photographs before. And they go on at a smaller learning rate (0.001 instead of 0.005), as is usual, so that they do not forget at
# once. One seed each: read large differences only. (About half a minute on 2 cores.)

# %%
sigma, steps = 0.1, profile.pick(ci=4, cpu=500, gpu=4000)
pictures = photographs.photographs(profile.pick(ci=["camera", "coins"], cpu=None, gpu=None))
cohort = brains.brain_slices("cohort", subjects=1, slices=profile.pick(ci=4, cpu=16, gpu=16))
colin = brains.brain_slices("colin27", slices=profile.pick(ci=2, cpu=6, gpu=24))
few = cohort.images[:: max(1, len(cohort) // 4)][:4]
crop = lambda image, generator: images.random_crop(image, 40, generator=generator)


def learn(model, clean, steps, *, parameters=None, learning_rate=5e-3):
    """So many steps with four crops each; the PSNR on Colin27 (outputs clipped, mean of the slices)."""
    repeated = clean.repeat(-(-4 * steps // len(clean)), 1, 1, 1)[: 4 * steps]
    learning = parameters or model.parameters()
    training.fit(
        model,
        repeated,
        loss=nn.functional.mse_loss,
        corrupt=training.noising("gaussian", sigma),
        transform=crop,
        epochs=1,
        batch_size=4,
        optimizer=lambda _: torch.optim.Adam(learning, lr=learning_rate),
        schedule="one cycle",
        clip_norm=0.1,
        seed=0,
        progress=False,
    )
    return score(model)


noisy_colin = noise.gaussian(colin.images, sigma, generator=seeded(1))


def score(model):
    """Mean PSNR on Colin27, dB."""
    answer = training.denoise(model, noisy_colin).clamp(0, 1)
    return metrics.psnr(answer, colin.images, data_range=1).mean().item()


def fresh():
    with training.fixed_seed(0):
        return dncnn.DnCNN(depth=6, width=16, batch_norm=False)


teacher = fresh()
patches = photographs.patches(profile.pick(ci=16, cpu=400, gpu=4000), 64, seed=0)
at_once = learn(teacher, patches, 3 * steps)
budgets = profile.pick(ci=[2], cpu=[25, 100, 400], gpu=[100, 400, 1600])
SCRATCH, ALL, LAST = "from scratch", "transferred, all layers learn", "transferred, last layer learns"
curves = {SCRATCH: [], ALL: [], LAST: []}
for budget in budgets:
    for name, values in curves.items():
        student = fresh()
        if name != SCRATCH:
            student.load_state_dict(teacher.state_dict())
        last = list(student.layers[-1].parameters()) if name == LAST else None
        rate = 5e-3 if name == SCRATCH else 1e-3
        values.append(learn(student, few, budget, parameters=last, learning_rate=rate))
lead = curves[ALL][0] - curves[SCRATCH][0], curves[ALL][-1] - curves[SCRATCH][-1]
figure = viz.figure(
    7.5, 3.8,
    title=f"Four slices to learn from: transfer is ahead by {lead[0]:+.1f} dB after {budgets[0]} steps, "
    f"by {lead[1]:+.1f} dB after {budgets[-1]}",
)  # fmt: skip
axes = figure.subplots()
for (name, values), colour, marker in zip(curves.items(), viz.COLOURS, "os^", strict=False):
    axes.semilogx(budgets, values, marker + "-", color=colour, label=name)
axes.axhline(at_once, color="0.4", linestyle=":", label="photographs only, no brain at all")
axes.set(xlabel="steps on four synthetic slices", ylabel="PSNR on Colin27 (dB)")
axes.set_xticks(budgets, budgets)
axes.minorticks_off()
figure.legend(fontsize=8, loc="outside lower center", ncols=2)
figure

# %% [markdown]
# Look at the dotted line: a network that has seen photographs only, and never a head. For *denoising*, A and B are close. With
# more steps the lead shrinks; with more slices one expects the same. He et al. (2019) found it for ImageNet and a large data set,
# COCO: transfer saves time, and the end is the same. Raghu et al. (2019) found little gain on two large sets of medical images. Where B has few images, transfer may give more than time.
#
# What should be frozen? Frozen layers cannot forget, and they cost no gradient; but what they do not know they never learn. A common
# way is in two stages: first train everything but the encoder, then everything. The model of lab 14 has the switches:

# %%
unet = AttentionUNet(encoder="resnet18", pretrained=False)
print(f"init: {unet.init}. All: {count(unet):,} parameters, all learn.")
freeze(unet)
print(f"encoder frozen:  {count(unet, learning=True):,} learn")
unfreeze(unet)
print(f"unfrozen again:  {count(unet, learning=True):,} learn")
print("parts that can be frozen:", ", ".join(unet.stages()))

# %% [markdown]
# A trap is BN (batch normalisation). A layer that still updates its running mean is not frozen. `freeze` keeps it in evaluation mode.
#
# ## 2. One channel or three
#
# ImageNet's first layer expects red, green and blue, each normalised: `(x − mean) / deviation`. A grey image x could be copied three
# times. That triples the work in the first layer for nothing: since convolution is linear, one channel can do the same. **Sum** the
# weights over the colours, each divided by its deviation.
#
# $$ \sum_c w_c * \frac{x - m_c}{d_c} = \Big(\sum_c \frac{w_c}{d_c}\Big) * x \;-\; \sum_c \frac{m_c}{d_c} \sum w_c $$
#
# The last term is a bias. Let us check it, with random weights in place of ImageNet's, and beside it three common mistakes:

# %%
weight = torch.randn(8, 3, 7, 7, generator=seeded(0))
x = colin.images[[len(colin) // 2]]
mean = torch.tensor(IMAGENET_MEAN).reshape(1, 3, 1, 1)
deviation = torch.tensor(IMAGENET_DEVIATION).reshape(1, 3, 1, 1)
colours = (x.repeat(1, 3, 1, 1) - mean) / deviation
truth = nn.functional.conv2d(colours, weight, stride=2)  # no padding: it would pad with grey
grey, bias = grey_weights(weight, IMAGENET_MEAN, IMAGENET_DEVIATION)
ways = {
    "summed, rescaled, with bias (ours)": (grey, bias),
    "summed, normalisation forgotten": (weight.sum(1, keepdim=True), None),
    "mean in place of the sum": (grey / 3, bias),
    "red only": (weight[:, :1] / deviation[0, 0], None),
}
print("difference from the features of three copies, in percent of their standard deviation:")
for name, (kernel, shift) in ways.items():
    error = nn.functional.conv2d(x, kernel, shift, stride=2) - truth
    print(f"  {name:36} {100 * (error.square().mean() / truth.var()).sqrt():10.4f} %")

# %% [markdown]
# (At the border a padded zero is black in our network and the mean colour in the normalised one. Inside, the two agree.)
#
# ## 3. Seeing far
#
# Three ways to a large receptive field:
#
# | way | side after n layers of 3×3 | price |
# |---|---|---|
# | deeper | 1 + 2n | weights, time, harder to train |
# | strides or pooling | grows with 2ⁿ | position is lost, skips must bring it back |
# | dilation | 1 + 2·Σ d | gaps if badly chosen; the border comes nearer |
#
# Yu and Koltun (2016) doubled the dilation from layer to layer: the view grows exponentially, the weights linearly, and no pixel is
# left out. Take d = 2 everywhere instead, and each output sees one pixel in four. Its neighbour sees others, and the two know
# nothing of each other: a **grid** appears (Wang et al. 2018). Here are networks whose weights are all equal:

# %%
shown, titles = [], []
for name in ("1-1-1-1", "1-2-4-1", "2-2-2-2", "1-3-9-1", "4-4-4-4"):
    rates = [int(rate) for rate in name.split("-")]
    layers = dncnn.DnCNN(width=2, batch_norm=False, dilations=rates).layers
    seen = dncnn.footprint(layers, 37)
    shown.append((seen / seen.max()).sqrt())
    side = dncnn.receptive_field_formula(rates)
    titles.append(f"{name}\n{side}×{side}, {100 * float((seen > 0).sum()) / side**2:.0f} %")
viz.gallery(
    shown, columns=5, titles=titles,
    title="Four layers: size of the view, share of it that is seen. Brighter weighs more (square root)",
)  # fmt: skip

# %% [markdown]
# A second limit is the size of the image. At 1/32 of a 128×128 patch a map is 4×4 pixels, and the outer taps of a kernel with
# dilation 4 read nothing but padding: their gradient is exactly 0, and they never learn. So lab 14's ResNet-18 stops at 1/8, with
# dilation in place of its last two strides (as in DeepLab, Chen et al. 2018). Ask of every dilated layer how large its map is **in
# training**.
#
# Even without gaps the middle weighs most: many paths lead to it, and only one to the corner. So the **effective** receptive field is
# much smaller than the formula says (Luo et al. 2016): its width grows with √n, not with n. And what does a *trained* network look
# at? We ask ours of part 1: the gradient of its answer in one pixel, averaged over places.

# %%
def looked_at(model, side=33):
    """Mean size of the gradient of the middle pixel, over many noisy patches."""
    many = colin.images.repeat(profile.pick(ci=1, cpu=4, gpu=4), 1, 1, 1)
    patches = images.random_crop(many, side, generator=seeded(2))
    starts = noise.gaussian(patches, sigma, generator=seeded(3)).requires_grad_()
    model(starts)[..., side // 2, side // 2].sum().backward()
    return starts.grad.abs().mean((0, 1))


seen = looked_at(teacher)
rings = np.maximum(*np.abs(np.mgrid[-16:17, -16:17]))
share = [float(seen[rings <= reach].sum() / seen.sum()) for reach in range(17)]
ninety = 2 * int(np.argmax(np.array(share) >= 0.9)) + 1
view = dncnn.receptive_field_formula((1,) * 6)
figure = viz.figure(
    8, 3.4,
    title=f"Six layers see {view}×{view} pixels; 90 % of the trained network's gradient lies in {ninety}×{ninety}",
)  # fmt: skip
left, right = figure.subplots(1, 2)
drawn = left.imshow(
    (seen / seen.max()).clamp(min=1e-4).log10(), extent=(-16.5, 16.5, 16.5, -16.5), cmap="cividis"
)
left.set(xlabel="columns away (pixels)", ylabel="rows away (pixels)")
figure.colorbar(drawn, ax=left).set_label("log10 of the gradient")
right.plot([2 * reach + 1 for reach in range(17)], share, "o-", markersize=3, color=viz.COLOURS[0])
right.set(xlabel="side of the middle square (pixels)", ylabel="share of the gradient", ylim=(0, 1.02))
figure

# %% [markdown]
# Lab 07 asks the next question: what is a larger view *worth*? For a texture with a known spectrum one can compute it, and the answer depends on the noise.
#
# ## 4. Attention
#
# A convolution does the same everywhere, to every image. **Attention** multiplies the features by numbers that are computed from the
# features themselves: a **gate** between 0 and 1. scSE adds the results of two gates, so its factor lies between 0 and 2. Squeeze and
# excitation has two forms, and scSE has both (Hu et al. 2018; Roy et al. 2018):
#
# | | squeeze over | answers | question |
# |---|---|---|---|
# | cSE | H and W: a mean for each channel | C numbers an image | *which feature* matters in this image? |
# | sSE | C: a 1×1 convolution | H·W numbers an image | *which place* matters? |
# | scSE | both | cSE(x) + sSE(x), side by side | |
# | gate (Oktay et al. 2018) | C, with a signal from below | H·W numbers | which place of the **skip** matters? |
#
# Their price in parameters, for 64 channels, beside a single 3×3 convolution:

# %%
channels = 64
blocks = {
    "3×3 convolution": nn.Conv2d(channels, channels, 3),
    "cSE, reduction 16": ChannelSE(channels, 16),
    "cSE, reduction 2": ChannelSE(channels, 2),
    "sSE": SpatialSE(channels),
    "scSE, reduction 16": ConcurrentSE(channels, 16),
    "attention gate": AttentionGate(channels, 2 * channels),
}
for name, module in blocks.items():
    print(f"{name:22}{count(module):>9,}")
features = torch.randn(2, channels, 8, 8, generator=seeded(4))
with training.fixed_seed(0):
    block = ConcurrentSE(channels, 16).requires_grad_(False)
both = block.channel(features) + block.spatial(features)
gates = [float(part.gate(features).mean()) for part in (block.channel, block.spatial)]
print(f"scSE − (cSE + sSE): {float((block(features) - both).abs().max()):.1g}")
print(f"two new gates: {gates[0]:.2f} and {gates[1]:.2f}. Their sum passes x nearly unchanged")

# %% [markdown]
# What can cSE do that convolutions cannot? Its squeeze is a mean over the **whole image**. So the network may learn: *this image is
# noisy, smooth more*. A convolution sees a window and must guess the noise from it. We test that where it should show: in **blind**
# denoising, with sigma anywhere between 0 and 0.3. The networks are small and see little; some have attention after each layer but
# the last. (About a minute on 2 cores.)

# %%
class Attentive(nn.Module):
    """Four 3×3 convolutions; after each but the last ReLU and attention. Subtracts its answer."""

    def __init__(self, attention, width=16):
        super().__init__()
        layers = []
        for inputs in (1, width, width):
            layers += [nn.Conv2d(inputs, width, 3, padding=1), nn.ReLU(), attention(width)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(width, 1, 3, padding=1))
        nn.init.zeros_(self.layers[-1].weight)

    def forward(self, x):
        return x - self.layers(x)


KINDS = {
    "none": lambda width: nn.Identity(),
    "cSE": lambda width: ChannelSE(width, 2),
    "sSE": SpatialSE,
    "scSE": lambda width: ConcurrentSE(width, 2),
}
blind_steps, seeds = profile.pick(ci=3, cpu=400, gpu=4000), range(profile.pick(ci=1, cpu=2, gpu=3))
levels = [0.02, 0.05, 0.1, 0.2, 0.3]
tests = {level: noise.gaussian(colin.images, level, generator=seeded(5)) for level in levels}
results, models = {name: [] for name in KINDS}, {}
for name, attention in KINDS.items():
    for seed in seeds:
        with training.fixed_seed(seed):
            model = Attentive(attention)
        repeated = patches.repeat(-(-4 * blind_steps // len(patches)), 1, 1, 1)[: 4 * blind_steps]
        training.fit(
            model,
            repeated,
            loss=nn.functional.mse_loss,
            corrupt=training.noising("gaussian", (0.0, 0.3)),
            epochs=1,
            batch_size=4,
            learning_rate=5e-3,
            schedule="one cycle",
            clip_norm=0.1,
            seed=seed,
            progress=False,
        )
        answers = [training.denoise(model, noisy).clamp(0, 1) for noisy in tests.values()]
        scores = [metrics.psnr(answer, colin.images, data_range=1).mean() for answer in answers]
        results[name].append([float(score) for score in scores])
        models[name, seed] = model
print("PSNR (dB) on Colin27, blind, trained on photographs; mean over seeds")
columns = "".join(f"{f'σ {level:g}':>9}" for level in levels)
print(f"{'':8}{'parameters':>12}{columns}{'mean':>9}   each seed")
for name, values in results.items():
    means = "".join(f"{value:9.2f}" for value in (*np.mean(values, 0), np.mean(values)))
    each = ", ".join(f"{value:.2f}" for value in np.mean(values, 1))
    print(f"{name:8}{count(models[name, 0]):>12,}{means}   {each}")


# %%
def gates_of(model, noisy):
    """The gates of each cSE layer, mean over the slices: a list of (width,)."""
    found, features = [], noisy
    with torch.no_grad():
        for layer in model.layers:
            if isinstance(layer, ChannelSE):
                found.append(layer.gate(features).mean(0).flatten())
            features = layer(features)
    return found


found = [torch.cat(gates_of(models["cSE", 0], noisy)) for noisy in tests.values()]
table = torch.stack(found)  # (levels, 3 · width)
moves = (table.max(0).values - table.min(0).values).sort(descending=True)
most, median = float(moves.values[0]), float(moves.values.median())
figure = viz.figure(
    7, 3.6,
    title=f"Gates of cSE from sigma {levels[0]} to {levels[-1]}: the most active one moves by {most:.2f}, "
    f"the median one by {median:.2f}",
)  # fmt: skip
axes = figure.subplots()
for channel, colour, marker in zip(moves.indices[:6].tolist(), viz.COLOURS[:6], "osD^vP", strict=True):
    name = f"layer {channel // 16 + 1}, channel {channel % 16}"
    axes.plot(levels, table[:, channel], marker + "-", color=colour, label=name)
axes.set(xlabel="sigma of the noise", ylabel="gate, mean over slices", ylim=(0, 1))
figure.legend(fontsize=8, loc="outside lower center", ncols=3)
figure

# %% [markdown]
# What can a small experiment teach?
#
# - *Do the gates follow the noise?* The title says by how much. That attention **could** use the level does not mean that it does, and
#   four hundred steps are few.
# - *Is it worth it?* Compare each gain with the distance between two seeds.
# - *Why?* New gates stand near ½. So cSE and sSE alone halve the features three times in a row and start with an eighth of the
#   signal; their **sum** in scSE starts near 1. What looks like the merit of scSE may be the merit of a better start. To tell them
#   apart, start cSE's gates at 1, or train longer. A table in a paper cannot show you that.
#
# And beware of what a global mean does: one bright patch far away changes every pixel. A network with cSE has no finite receptive
# field, and its answer for a crop is not the crop of its answer:

# %%
whole, part = x, (..., slice(60, 140), slice(60, 140))
inner = (..., slice(10, -10), slice(10, -10))
noisy = noise.gaussian(whole, 0.1, generator=seeded(6))
for name in KINDS:
    model = models[name, 0]
    difference = (training.denoise(model, noisy)[part] - training.denoise(model, noisy[part]))[inner]
    largest = float(difference.abs().max())
    print(f"{name:6} answer for a crop less crop of the answer, away from the border: {largest:.1g}")

# %% [markdown]
# So train on crops as large as the images at test, or expect a gap.
#
# ## 5. What the papers found, and what to doubt
#
# *Yosinski et al. 2014*: early layers are general; freezing too much, or cutting in the middle, costs. *Hu et al. 2018*: cSE, first
# place in ILSVRC 2017 for very little extra arithmetic. *Roy et al. 2018*: scSE in three segmentation networks, on MR brains and
# CT: better than either half. *Oktay et al. 2018*: gates for the pancreas. *Yu and Koltun 2016*: dilation for segmentation. *Zhang
# et al. 2017b* (IRCNN): dilation 1-2-3-4-3-2-1 for denoising, which sees 33×33 pixels with seven layers. *The attention U-Net deck*
# puts transfer, dilation, scSE, augmentation and a VGG loss together: 38.47 dB at noise factor 0.1 (published). Doubt with us:
#
# - **Many changes, one number.** Which of the five did it? Only an ablation tells, with seeds. That is lab 14.
# - **Segmentation is not denoising.** Attention and dilation were brought in to find out *what is in an image, and where*. Denoising is mostly local.
# - **Transfer of what?** ImageNet teaches classes of sharp photographs. BN brings their statistics along.
# - **Parameters are not equal.** An encoder of eleven million parameters against a small CDAE does not compare ideas.
# - **A map of attention explains nothing by itself.** It says what a gate multiplied, not why the answer is right.
#
# ## What to remember
#
# - Transfer gives you a start. Say which weights, and print it beside every result.
# - Grey into RGB weights: sum over the colours, divide by the deviation, fold the mean into a bias. Frozen means BN, too.
# - Dilation widens the view without weights. Equal rates leave gaps, and small maps leave taps without a gradient. The effective view is
#   smaller than the formula says.
# - cSE asks which feature, sSE asks which place. scSE adds the two; it does not chain them.
# - Channel attention sees the whole image: crops and images behave differently.
# - One change at a time, several seeds, the same budget.
#
# **Sources.** Thomas, Namgyal, Devi Krishna K R and Babu, *Deep convolutional transfer learning based model with U-Net architecture and
# attention mechanism for denoising medical MR images* (slides, undated: the attention U-Net deck). Colliot and Vakalopoulou,
# [*Deep learning for medical imaging*](http://www.aramislab.fr/teaching/DLMI-2019-2020/) (lecture, 2019-2020). Yosinski et al. 2014,
# [*How transferable are features in deep neural networks?*](https://arxiv.org/abs/1411.1792). He et al. 2019,
# [*Rethinking ImageNet pre-training*](https://arxiv.org/abs/1811.08883). Raghu et al. 2019,
# [*Transfusion: understanding transfer learning for medical imaging*](https://arxiv.org/abs/1902.07208). Yu and Koltun 2016,
# [*Multi-scale context aggregation by dilated convolutions*](https://arxiv.org/abs/1511.07122). Chen et al. 2018,
# [*DeepLab*](https://arxiv.org/abs/1606.00915). Wang et al. 2018,
# [*Understanding convolution for semantic segmentation*](https://arxiv.org/abs/1702.08502). Luo et al. 2016,
# [*Understanding the effective receptive field*](https://arxiv.org/abs/1701.04128). Zhang et al. 2017,
# [*Beyond a Gaussian denoiser*](https://arxiv.org/abs/1608.03981). Zhang et al. 2017b,
# [*Learning deep CNN denoiser prior for image restoration*](https://arxiv.org/abs/1704.03264). Hu et al. 2018,
# [*Squeeze-and-excitation networks*](https://arxiv.org/abs/1709.01507). Roy et al. 2018,
# [*Concurrent spatial and channel squeeze and excitation*](https://arxiv.org/abs/1803.02579). Oktay et al. 2018,
# [*Attention U-Net*](https://arxiv.org/abs/1804.03999).
