# %% [markdown]
# # Lecture 07: Transfer, dilation, attention
#
# {{badges}}
#
# Forty-five minutes, to be run while you listen. It goes with labs 07 and 14, and explains the three letters of UNet-**DCTD-A**: *transfer*, *dilation*, *attention*. Five questions:
#
# 1. What can a network that knows photographs know about a brain?
# 2. One channel or three: how does a grey image get into a network that was made for colour?
# 3. How does a network see far: deep, strided, or dilated? And how far does it really look?
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
from course_lib.models.attention_unet import IMAGENET_DEVIATION, IMAGENET_MEAN, AttentionUNet, freeze, grey_weights, unfreeze

count = lambda module, learning=False: sum(p.numel() for p in module.parameters() if p.requires_grad or not learning)
seeded = lambda seed: torch.Generator().manual_seed(seed)

# %% [markdown]
# ## 1. Transfer: borrowed knowledge
#
# *Transfer learning*: train on task A, where images are many; go on from there on task B, where they are few. It works where the first layers of B need what the first layers of A have learned: edges, lines, spots, at all orientations. Yosinski et al. (2014) showed that early layers are general, late ones special.
#
# The deck's encoder is a ResNet-18 with ImageNet's weights: 1.3 million photographs, a thousand classes. They are a download of 45 MB; without it the model says so, and every result carries `init: random`. So that this lecture runs anywhere, we do the experiment in small:
# task A is *denoising photographs* (those inside scikit-image), task B *denoising brains*, of which we have **four slices**. Two things to know before you compare: the transferred networks had their steps on photographs before, and go on at a smaller learning rate (0.001, not 0.005), as one does, so that they do not forget at once. One seed each. (About half a minute on 2 cores.)

# %%
sigma, steps = 0.1, profile.pick(ci=4, cpu=500, gpu=4000)
pictures = photographs.photographs(profile.pick(ci=["camera", "coins"], cpu=None, gpu=None))
cohort = brains.brain_slices("cohort", subjects=1, slices=profile.pick(ci=4, cpu=16, gpu=16))  # a synthetic head
colin = brains.brain_slices("colin27", slices=profile.pick(ci=2, cpu=6, gpu=24))
few = cohort.images[:: max(1, len(cohort) // 4)][:4]
crop = lambda image, generator: images.random_crop(image, 40, generator=generator)


def learn(model, clean, steps, *, parameters=None, learning_rate=5e-3):
    """So many steps with four crops each; returns the PSNR on Colin27 (outputs clipped, mean of the slices)."""
    repeated = clean.repeat(-(-4 * steps // len(clean)), 1, 1, 1)[: 4 * steps]
    training.fit(
        model, repeated, loss=nn.functional.mse_loss, corrupt=training.noising("gaussian", sigma), transform=crop, epochs=1, batch_size=4, schedule="one cycle", clip_norm=0.1, seed=0,
        optimizer=lambda _: torch.optim.Adam(parameters or model.parameters(), lr=learning_rate), progress=False,
    )  # fmt: skip
    return score(model)


noisy_colin = noise.gaussian(colin.images, sigma, generator=seeded(1))
score = lambda model: metrics.psnr(training.denoise(model, noisy_colin).clamp(0, 1), colin.images, data_range=1).mean().item()


def fresh():
    with training.fixed_seed(0):
        return dncnn.DnCNN(depth=6, width=16, batch_norm=False)


teacher = fresh()
patches = photographs.patches(profile.pick(ci=16, cpu=400, gpu=4000), 64, seed=0)
at_once = learn(teacher, patches, 3 * steps)
budgets = profile.pick(ci=[2], cpu=[25, 100, 400], gpu=[100, 400, 1600])
curves = {"from scratch": [], "transferred, all layers learn": [], "transferred, only the last layer learns": []}
for budget in budgets:
    for name, values in curves.items():
        student = fresh()
        if name != "from scratch":
            student.load_state_dict(teacher.state_dict())
        last = list(student.layers[-1].parameters())
        rate = 5e-3 if name == "from scratch" else 1e-3
        values.append(learn(student, few, budget, parameters=last if "last" in name else None, learning_rate=rate))
figure = viz.figure(6.4, 3.6, title=f"Four slices to learn from, {budgets[0]} steps: " + ", ".join(f"{name.split(',')[0] if 'last' not in name else 'last layer'} {values[0]:.1f}" for name, values in curves.items()) + " dB")
axes = figure.subplots()
for (name, values), marker in zip(curves.items(), "os^", strict=True):
    axes.semilogx(budgets, values, marker + "-", label=name)
axes.axhline(at_once, color="grey", linestyle=":", label="photographs only, no brain at all")
axes.set(xlabel="steps on four synthetic slices", ylabel="PSNR on Colin27 (dB)")
axes.set_xticks(budgets, budgets)
axes.minorticks_off()
axes.legend(fontsize=8)
figure

# %% [markdown]
# Look at the dotted line: a network that has seen photographs only, and never a head. For *denoising*, A and B are close. How far the start is ahead depends on how little the other has: with more steps or more slices the lead shrinks. That is what He et al. (2019) found for ImageNet, too: transfer buys time, and often nothing else;
# Raghu et al. (2019) found the same for medical images. Where B has few images, it may buy more than time.
#
# What to freeze? Frozen layers cannot forget, and cost no gradient; but what they do not know they never learn. The model of lab 14 has the switches:

# %%
unet = AttentionUNet(encoder="resnet18", pretrained=False)
print(f"init: {unet.init}. All: {count(unet):,} parameters, all learn.")
freeze(unet)
print(f"encoder frozen:  {count(unet, learning=True):,} learn")
print("stages:", ", ".join(unet.stages()))
unfreeze(unet)
print(f"unfrozen again:  {count(unet, learning=True):,} learn")

# %% [markdown]
# A trap: BN. A frozen layer that still updates its running mean is not frozen. `freeze` keeps it in evaluation mode.
#
# ## 2. One channel or three
#
# ImageNet's first layer expects red, green and blue, each normalised: `(x − mean) / deviation`. A grey image x could be copied three times. That costs three times the work in the first layer, for nothing; since convolution is linear, one channel can do the same: **sum** the weights over the colours, each divided by its deviation.
#
# $$ \sum_c w_c * \frac{x - m_c}{d_c} = \Big(\sum_c \frac{w_c}{d_c}\Big) * x \;-\; \sum_c \frac{m_c}{d_c} \sum w_c $$
#
# The last term is a bias. We check it, with random weights in place of ImageNet's, and with three mistakes that are easily made:

# %%
weight = torch.randn(8, 3, 7, 7, generator=seeded(0))
x = colin.images[[len(colin) // 2]]
mean, deviation = (torch.tensor(values).reshape(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_DEVIATION))
truth = nn.functional.conv2d((x.repeat(1, 3, 1, 1) - mean) / deviation, weight, stride=2)  # no padding: it would pad with grey
grey, bias = grey_weights(weight, IMAGENET_MEAN, IMAGENET_DEVIATION)
ways = {
    "summed, rescaled, with bias (ours)": (grey, bias),
    "summed, normalisation forgotten": (weight.sum(1, keepdim=True), None),
    "mean in place of the sum": (grey / 3, bias),
    "red only": (weight[:, :1] / deviation[0, 0], None),
}
print("difference from the features of the grey image's RGB copy, in percent of their standard deviation:")
for name, (kernel, shift) in ways.items():
    error = nn.functional.conv2d(x, kernel, shift, stride=2) - truth
    print(f"  {name:36} {100 * (error.square().mean() / truth.var()).sqrt():10.4f} %")

# %% [markdown]
# (At the border a padded zero is black in our network, and mid-grey in the normalised one. Inside, the two agree.)
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
# Yu and Koltun (2016) doubled the dilation from layer to layer: the view grows exponentially, the weights linearly, and no pixel is left out. Take d = 2 everywhere instead, and each output sees one pixel in four: its neighbour sees others, and they know nothing of each other. That draws a **grid** (Wang et al. 2018). We look at it with networks whose weights are all equal:

# %%
chains = {"1-1-1-1": (1, 1, 1, 1), "1-2-4-1": (1, 2, 4, 1), "2-2-2-2": (2, 2, 2, 2), "1-3-9-1": (1, 3, 9, 1), "4-4-4-4": (4, 4, 4, 4)}
shown, titles = [], []
for name, rates in chains.items():
    layers = dncnn.DnCNN(width=2, batch_norm=False, dilations=rates).layers
    seen = dncnn.footprint(layers, 37)
    shown.append((seen / seen.max()).sqrt())
    side = dncnn.receptive_field_formula(rates)
    titles.append(f"{name}\n{side}×{side}, {100 * float((seen > 0).sum()) / side**2:.0f} %")
viz.gallery(shown, columns=5, titles=titles, title="Four layers: size of the view, share of it that is seen. Brighter weighs more (square root)")

# %% [markdown]
# Even without gaps the middle weighs most: many paths lead to it, one to the corner. So the **effective** receptive field is much smaller than the formula says (Luo et al. 2016): its width grows with √n, not with n. And what does a *trained* network look at? We ask ours of part 1: the gradient of its estimate of the noise, averaged over places.

# %%
def looked_at(model, side=33):
    """Mean size of the gradient of the middle pixel with respect to its surroundings, over many noisy patches."""
    starts = noise.gaussian(images.random_crop(colin.images.repeat(profile.pick(ci=1, cpu=4, gpu=4), 1, 1, 1), side, generator=seeded(2)), sigma, generator=seeded(3)).requires_grad_()
    model(starts)[..., side // 2, side // 2].sum().backward()
    return starts.grad.abs().mean((0, 1))


seen = looked_at(teacher)
rings = np.maximum(*np.abs(np.mgrid[-16:17, -16:17]))
share = [float(seen[rings <= reach].sum() / seen.sum()) for reach in range(17)]
ninety = 2 * int(np.argmax(np.array(share) >= 0.9)) + 1
figure = viz.figure(7.5, 3.2, title=f"Six layers see {dncnn.receptive_field_formula((1,) * 6)}×{dncnn.receptive_field_formula((1,) * 6)} pixels; 90 % of the gradient of the trained network lies in {ninety}×{ninety}")
left, right = figure.subplots(1, 2)
drawn = left.imshow((seen / seen.max()).clamp(min=1e-4).log10(), extent=(-16.5, 16.5, 16.5, -16.5))
left.set(xlabel="columns away (pixels)", ylabel="rows away (pixels)")
figure.colorbar(drawn, ax=left).set_label("log10 of the gradient")
right.plot([2 * reach + 1 for reach in range(17)], share, "o-", markersize=3)
right.set(xlabel="side of the middle square (pixels)", ylabel="share of the gradient", ylim=(0, 1.02))
figure

# %% [markdown]
# Lab 07 asks the next question: what is a larger view *worth*? For a texture with a known spectrum one can compute it, and the answer depends on the noise.
#
# ## 4. Attention
#
# A convolution does the same everywhere, to every image. **Attention** multiplies the features by numbers that are computed from the features themselves: a **gate** between 0 and 1 (in scSE the sum of two gates). Squeeze and excitation has two forms, and scSE has both (Hu et al. 2018; Roy et al. 2018):
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
for name, module in {
    "3×3 convolution": nn.Conv2d(channels, channels, 3), "cSE, reduction 16": ChannelSE(channels, 16), "cSE, reduction 2": ChannelSE(channels, 2), "sSE": SpatialSE(channels),
    "scSE, reduction 16": ConcurrentSE(channels, 16), "attention gate": AttentionGate(channels, 2 * channels),
}.items():  # fmt: skip
    print(f"{name:22}{count(module):>9,}")
features = torch.randn(2, channels, 8, 8, generator=seeded(4))
with training.fixed_seed(0):
    block = ConcurrentSE(channels, 16).requires_grad_(False)
both = block.channel(features) + block.spatial(features)
print(f"scSE − (cSE + sSE): {float((block(features) - both).abs().max()):.1g};   at the start the two gates are about {float(block.channel.gate(features).mean()):.2f} and {float(block.spatial.gate(features).mean()):.2f}: their sum passes x nearly unchanged")

# %% [markdown]
# What can cSE do that convolutions cannot? Its squeeze is a mean over the **whole image**. So the network may learn: *this image is noisy, so smooth more*. A convolution sees a window, and must guess the noise from it. We test that, where it should show: **blind** denoising, sigma anywhere between 0 and 0.3, small networks with a small view, and the same with cSE or sSE after each
# layer but the last. (About a minute on 2 cores.)

# %%
class Attentive(nn.Module):
    """Four 3×3 convolutions with ReLU, each followed by attention; answers with the noise, which is subtracted."""

    def __init__(self, attention, width=16):
        super().__init__()
        layers = []
        for inputs in (1, width, width):
            layers += [nn.Conv2d(inputs, width, 3, padding=1), nn.ReLU(), attention(width)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(width, 1, 3, padding=1))
        nn.init.zeros_(self.layers[-1].weight)

    def forward(self, x):
        return x - self.layers(x)


KINDS = {"none": lambda width: nn.Identity(), "cSE": lambda width: ChannelSE(width, 2), "sSE": SpatialSE, "scSE": lambda width: ConcurrentSE(width, 2)}
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
            model, repeated, loss=nn.functional.mse_loss, corrupt=training.noising("gaussian", (0.0, 0.3)), epochs=1, batch_size=4, learning_rate=5e-3, schedule="one cycle", clip_norm=0.1, seed=seed, progress=False,
        )  # fmt: skip
        results[name].append([metrics.psnr(training.denoise(model, noisy).clamp(0, 1), colin.images, data_range=1).mean().item() for noisy in tests.values()])
        models[name, seed] = model
print("PSNR (dB) on Colin27, blind, trained on photographs; mean over seeds" + f"\n{'':8}{'parameters':>12}" + "".join(f"{f'σ {level:g}':>9}" for level in levels) + f"{'mean':>9}   each seed")
for name, values in results.items():
    print(f"{name:8}{count(models[name, 0]):>12,}" + "".join(f"{value:9.2f}" for value in np.mean(values, 0)) + f"{np.mean(values):9.2f}   " + ", ".join(f"{value:.2f}" for value in np.mean(values, 1)))

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


table = torch.stack([torch.cat(gates_of(models["cSE", 0], noisy)) for noisy in tests.values()])  # (levels, 3 · width)
moves = (table.max(0).values - table.min(0).values).sort(descending=True)
figure = viz.figure(6.4, 3.4, title=f"Gates of all cSE layers: from sigma {levels[0]} to {levels[-1]} the most active one moves by {float(moves.values[0]):.2f}, the median one by {float(moves.values.median()):.2f}")
axes = figure.subplots()
for channel in moves.indices[:6]:
    axes.plot(levels, table[:, channel], "o-", label=f"layer {int(channel) // 16 + 1}, channel {int(channel) % 16}")
axes.set(xlabel="sigma of the noise", ylabel="gate, mean over slices", ylim=(0, 1))
axes.legend(fontsize=8, ncols=2)
figure

# %% [markdown]
# Three things to learn from a small experiment:
#
# - *Do the gates follow the noise?* The title says by how much. In four hundred steps they hardly begin to (on a CPU). That attention **could** use the level does not mean that it does.
# - *Does it pay?* Compare each gain with the distance between two seeds.
# - *Why?* Fresh gates stand near ½. So cSE and sSE alone halve the features three times in a row, and start with an eighth of the signal; their **sum** in scSE starts near 1. What looks like the merit of scSE may be the merit of a better start. To tell them apart one would start cSE's gates at 1, or train for longer. In a table of a paper you cannot see that.
#
# And beware of what a global mean does: one bright patch far away changes every pixel. A network with cSE has no finite receptive field, and its answer for a crop is not the crop of its answer:

# %%
whole, part = x, (..., slice(60, 140), slice(60, 140))
inner = (..., slice(10, -10), slice(10, -10))
noisy = noise.gaussian(whole, 0.1, generator=seeded(6))
for name in KINDS:
    model = models[name, 0]
    difference = training.denoise(model, noisy)[part][inner] - training.denoise(model, noisy[part])[inner]
    print(f"{name:6} answer for a crop, less the crop of the answer, away from the border: largest {float(difference.abs().max()):.1g}")

# %% [markdown]
# So train with crops as large as the images at test, or expect a gap.
#
# ## 5. What the papers found, and what to doubt
#
# *Yosinski et al. 2014*: early layers are general; freezing too much, or cutting in the middle, costs. *Hu et al. 2018*: cSE, first place in ILSVRC 2017, for hardly more arithmetic. *Roy et al. 2018*: scSE in three segmentation networks; MR brains and CT: better with scSE than with either half. *Oktay et al. 2018*: gates for the pancreas. *Yu and Koltun 2016*: dilation for segmentation. *Zhang et al. 2017b* (IRCNN): dilation 1-2-3-4-3-2-1
# for denoising, to see 33×33 pixels with seven layers. The *attention U-Net deck* puts all of it together: 38.47 dB at noise factor 0.1 (published). Doubt with us:
#
# - **Many changes, one number.** Transfer, dilation, attention, a VGG loss, augmentation: which one did it? Only an ablation tells, with seeds. That is lab 14.
# - **Segmentation is not denoising.** Attention and dilation were invented for *what is where*. Denoising is mostly local.
# - **Transfer of what?** ImageNet teaches classes of sharp photographs. BN carries their statistics along.
# - **Parameters are not equal.** An encoder of eleven million parameters against a small CDAE is no comparison of ideas.
# - **A map of attention explains nothing by itself.** It says what a gate multiplied, not why the answer is right.
#
# ## What to remember
#
# - Transfer buys a start. Say which weights, and print it beside every result.
# - Grey into RGB weights: sum over the colours, divide by the deviation, fold the mean into a bias. Frozen means BN, too.
# - Dilation buys view without weights; equal rates leave gaps. The effective view is smaller than the formula.
# - cSE asks which feature, sSE asks which place; scSE adds the two, it does not chain them.
# - Channel attention sees the whole image: crops and images behave differently.
# - One change at a time, several seeds, the same budget.
#
# **Sources.** Yosinski et al. 2014, *How transferable are features in deep neural networks?*; He et al. 2019, *Rethinking ImageNet pre-training*; Raghu et al. 2019, *Transfusion: understanding transfer learning for medical imaging*; Yu and Koltun 2016, *Multi-scale context aggregation by dilated convolutions*; Wang et al. 2018, *Understanding convolution for semantic segmentation*;
# Luo et al. 2016, *Understanding the effective receptive field in deep convolutional neural networks*; Zhang et al. 2017, 2017b; Hu et al. 2018, *Squeeze-and-excitation networks*; Roy et al. 2018, *Concurrent spatial and channel squeeze & excitation in fully convolutional networks*; Oktay et al. 2018, *Attention U-Net*; attention U-Net deck; DLMI lecture.
