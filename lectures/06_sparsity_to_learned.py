# %% [markdown]
# # Lecture 06: From sparsity to learned reconstruction
#
# {{badges}}
#
# Forty-five minutes, to be run while you listen. It goes with
# [lab 08](../labs/lab08_kspace_and_sparsity/lab08_kspace_and_sparsity.ipynb) and
# [lab 09](../labs/lab09_data_consistency/lab09_data_consistency.ipynb). Five questions:
#
# 1. What do all reconstructions have in common, from wavelets to networks?
# 2. What changes when the prior is learned: from the image itself, or from other images?
# 3. What does *unrolling* mean, and where does it come from?
# 4. Idea 1 or idea 2: a network after the Fourier transform, or physics inside the network?
# 5. What did the papers find, and what should we doubt?

# %% tags=["setup"]
# `course build` writes the set-up cell here

# %%
import numpy as np
import torch
from torch import nn

from course_lib import kspace, metrics, training, viz
from course_lib.classical import dictionary, sparse
from course_lib.classical.bm3d import bm3d
from course_lib.data import brains

side = profile.pick(ci=32, cpu=96, gpu=128)


def small(pictures):
    """(N, 1, H, W) -> (N, 1, side, side): crop to a square around the middle, then average pixels."""
    edge = min(pictures.shape[-2:])
    top, left = (pictures.shape[-2] - edge) // 2, (pictures.shape[-1] - edge) // 2
    return nn.functional.interpolate(pictures[..., top : top + edge, left : left + edge].float(), size=(side, side), mode="area")


seeded = lambda seed: torch.Generator().manual_seed(seed)
colin = brains.brain_slices("colin27", slices=profile.pick(ci=3, cpu=9, gpu=20))
test = kspace.with_phase(small(colin.images), generator=seeded(0))
truth = test[[len(test) // 2]]  # (1, 1, H, W), complex
mask = kspace.cartesian_mask((side, side), 4, 0.08, kind="variable_density", generator=seeded(1))
measured = kspace.undersample(truth, mask)
score = lambda image, clean=truth: float(metrics.psnr(image.abs().clamp(max=1), clean.abs(), data_range=1).mean())
print(f"one slice of Colin27, {side}×{side}, R = {kspace.acceleration_of(mask):.2f}: zero-filled {score(kspace.zero_filled(measured)):.2f} dB")

# %% [markdown]
# A quarter of the lines, the middle complete, fewer and fewer further out. All PSNR here: magnitudes, clipped to [0, 1], whole image.
#
# ## 1. One scheme for all
#
# The scanner gives `y = F_u x`: a part of k-space. Infinitely many images agree with it. So one asks for two things:
#
# $$ \min_x \; \underbrace{\tfrac12 \lVert F_u x - y \rVert^2}_{\text{agree with the data}} + \underbrace{R(x)}_{\text{look like an image}} $$
#
# ISTA (lab 08) takes turns: one step towards the data, one step towards the prior.
#
# $$ z = x - F_u^H (F_u x - y), \qquad x = \text{shrink}(z) $$
#
# Look at the first step. With a single coil and an orthonormal transform, `F_u x − y` is the difference at the measured points. Taking it away **puts the measured points back**. A gradient step *is* the data-consistency layer at λ = ∞:

# %%
x = truth + 0.1 * torch.randn(truth.shape, dtype=torch.complex64, generator=seeded(2))
gradient_step = x - kspace.adjoint(kspace.forward(x, mask) - measured, mask)
layer = kspace.DataConsistency(None)(x, measured, mask)
print(f"largest difference between a gradient step and the data-consistency layer: {(gradient_step - layer).abs().max():.1g}")

# %% [markdown]
# So compressed sensing was always: *consistency, prior, consistency, prior, …* Since then mostly the prior has changed:
#
# | prior | what it says | learned from | source |
# |---|---|---|---|
# | wavelets | few large details | no image | Lustig et al. 2007 |
# | total variation | few edges | no image | Block et al. 2007 |
# | dictionary | patches are sums of few atoms | **this** image | Ravishankar and Bresler 2011, Caballero et al. 2014 (DLTG) |
# | any denoiser | what it would leave unchanged | depends | Venkatakrishnan et al. 2013 (plug and play) |
# | CNN | what it learned | **other** images, with truth | Schlemper et al. 2017, Hammernik et al. 2018 |
#
# ## 2. The prior is a denoiser
#
# Look at the second step: `shrink` takes an image with artefacts and gives one with fewer. That is a denoiser. So let BM3D of lab 04 take its place, in turn with the layer. Its sigma falls from step to step, since the artefacts do. (About ten seconds.)

# %%
steps = profile.pick(ci=2, cpu=12, gpu=20)
image, curve = kspace.zero_filled(measured), []
for sigma in np.geomspace(0.08, 0.008, steps):
    image = torch.complex(*(bm3d(part.contiguous(), float(sigma)) for part in (image.real, image.imag)))  # the prior
    image = kspace.DataConsistency(None)(image, measured, mask)  # the data
    curve.append(score(image))
answers = {
    "wavelets": sparse.fista(measured, mask).image,
    "TV": sparse.total_variation(measured, mask).image,
    "dictionary": (learned := dictionary.reconstruct(measured, mask, progress=False, **profile.pick(ci={"iterations": 1, "atoms": 16}, cpu={}, gpu={}))).image,
    "BM3D": image,
}
quality = {name: score(answer) for name, answer in answers.items()}
viz.panel(
    truth.abs(), kspace.zero_filled(measured).abs(), {name: answer.abs() for name, answer in answers.items()}, titles=["truth", "zero-filled", *answers],
    title="Only the prior differs, R = 4: " + ", ".join(f"{name} {value:.1f} dB" for name, value in quality.items()),
)  # fmt: skip

# %% [markdown]
# One slice, one mask, and strengths that were tuned on slices of another size (BM3D's were not tuned at all): do not trust the order too far. Lab 08 has the table.
#
# A dictionary is learned **from the corrupted image itself**. The lecture's three steps: learn atoms from random patches; code all patches with a few atoms each, and average; put the measured data back. Here are the atoms that it found:

# %%
atoms = learned.dictionary.reshape(-1, *learned.dictionary.shape[-2:])
most = min(len(atoms), 32)
viz.gallery(
    [(atom - atom.min()) / (atom.max() - atom.min()).clamp(min=1e-6) for atom in atoms[:most]], columns=16,
    title=f"{most} of the {len(atoms)} atoms (8×8 pixels), learned from one undersampled slice: {quality['dictionary']:.1f} dB",
)  # fmt: skip

# %% [markdown]
# It never saw a clean image. That is its strength, and its limit: it learns for each image anew, which takes long (DLTG: six hours for a film, published), and it cannot know what a brain is.
#
# ## 3. Unrolling: ten iterations are ten layers
#
# ISTA runs until it converges: a hundred iterations or more, all with the same threshold. Gregor and LeCun (2010) asked: if only ten are allowed, which ten would be best? Written out, one after the other, they are a network of ten layers. Its parameters (the thresholds) can be **learned**, by
# the gradient of the error on training images. We do it: undecimated Haar wavelets, ten iterations, ten thresholds. (Half a minute.)

# %%
def analyse(image, levels=3):
    """Undecimated Haar details of each level, and what is left: a tight frame, `synthesise(*analyse(x))` is x."""
    details = []
    for level in range(levels):
        shift = 2**level
        across, down = torch.roll(image, shift, -1), torch.roll(image, shift, -2)
        both = torch.roll(across, shift, -2)
        details.append(torch.stack([image - across + down - both, image + across - down - both, image - across - down + both]) / 4)
        image = (image + across + down + both) / 4
    return image, details


def synthesise(image, details):
    """The adjoint of `analyse`, and its inverse."""
    for level, (a, b, c) in reversed([*enumerate(details)]):
        shift = -(2**level)
        here, across, down, both = image + a + b + c, image - a + b - c, image + a - b - c, image - a - b + c
        image = (here + torch.roll(across, shift, -1) + torch.roll(down, shift, -2) + torch.roll(both, (shift, shift), (-2, -1))) / 4
    return image


class UnrolledISTA(nn.Module):
    """Shrink, put the data back, ten times; each time with a threshold of its own, learned as its logarithm."""

    def __init__(self, iterations=10, start=0.01):
        super().__init__()
        self.log_threshold = nn.Parameter(torch.full((iterations,), float(np.log(start))))
        self.consistency = kspace.DataConsistency(None)

    def forward(self, measured, mask):
        image = kspace.zero_filled(measured)
        for threshold in self.log_threshold.exp():
            coarse, details = analyse(image)
            details = [d * torch.relu(1 - threshold / d.abs().clamp(min=1e-8)) for d in details]
            image = self.consistency(synthesise(coarse, details), measured, mask)
        return image


exact = (synthesise(*analyse(truth)) - truth).abs().max().item()
cohort = brains.brain_slices("cohort", subjects=profile.pick(ci=1, cpu=4, gpu=10), slices=profile.pick(ci=4, cpu=20, gpu=30))
train_slices = small(cohort.images)  # synthetic subjects
acquire = training.undersampling(4, 0.08, kind="variable_density")
tuned = {}
for start in (0.003, 0.01, 0.03, 0.1):  # the best single threshold, on training slices
    known = kspace.with_phase(train_slices[:: profile.pick(ci=4, cpu=8, gpu=8)], generator=seeded(3))
    tuned[start] = score(training.reconstruct(UnrolledISTA(start=start), *acquire(known, generator=seeded(4))), known)
start = max(tuned, key=tuned.get)
unrolled = UnrolledISTA(start=start)
training.fit(
    unrolled, train_slices, loss=training.squared_error, corrupt=acquire, transform=kspace.with_phase, epochs=profile.pick(ci=1, cpu=5, gpu=20), batch_size=8,
    optimizer=lambda parameters: torch.optim.Adam(parameters, lr=0.1), seed=0,
)  # fmt: skip
given = acquire(test, generator=seeded(5))
ten = {name: score(training.reconstruct(model, *given), test) for name, model in {"one threshold": UnrolledISTA(start=start), "learned thresholds": unrolled}.items()}
figure = viz.figure(6.4, 3.6, title=f"Ten iterations, {len(test)} slices of Colin27: best single threshold {ten['one threshold']:.2f} dB, ten learned ones {ten['learned thresholds']:.2f} dB")
axes = figure.subplots()
axes.semilogy(range(1, 11), unrolled.log_threshold.detach().exp(), "o-", label="learned")
axes.axhline(start, color="grey", linestyle=":", label=f"best single one on the training slices, {start:g}")
axes.set(xlabel="iteration", ylabel="threshold (data range 1)", xticks=range(1, 11))
axes.legend(fontsize=8)
print(f"the Haar frame is tight: {exact:.1g}")
figure

# %% [markdown]
# The gain is small. Look at the shape: strong at the beginning, weak at the end, as you would have chosen by hand (and as BM3D's sigma fell above). Only ten numbers are learned, and every part has a meaning. Now let the training choose, one by one, what is still fixed:
#
# | | the prior step | learned | parameters |
# |---|---|---|---|
# | unrolled ISTA (Gregor and LeCun 2010; ours) | fixed filters, soft threshold | thresholds | 10 |
# | variational network (Hammernik et al. 2018) | learned filters, learned activation, their transposes: the gradient of a learned energy | filters, activations, λ | not built here |
# | deep cascade (Schlemper et al. 2017) | a small CNN, residual | all weights; λ | 565,770 (D5C5, ours) |
# | MoDL (Aggarwal et al. 2019) | a CNN, **the same** in each step | weights, λ; data step by conjugate gradients | those of one CNN |
#
# The variational network keeps an energy, so that one may still say what is minimised. The cascade gives that up, and gains freedom. MoDL shares the weights on purpose: fewer parameters, any number of steps. (Sharing by mistake is another thing: lab 09.)
#
# ## 4. Idea 1, idea 2
#
# *Idea 1*: treat zero-filled images as noisy ones, and train a denoiser on them (often a U-Net). *Idea 2*: put the data step between the layers. We train both with the same blocks, about the same number of parameters, the same number of steps: and idea 2 with few large or many small blocks. (About a minute on 2 cores.)

# %%
from course_lib.models.cascade import DeepCascade, ReconstructionCNN

count = lambda model: sum(parameter.numel() for parameter in model.parameters())
plans = {
    "idea 1: no data step": (ReconstructionCNN, profile.pick(ci=(1, 2, 4), cpu=(4, 4, 12), gpu=(5, 5, 48))),
    "idea 2: 1 block": (DeepCascade, profile.pick(ci=(1, 2, 4), cpu=(1, 10, 14), gpu=(1, 21, 52))),
    "idea 2: 2 blocks": (DeepCascade, profile.pick(ci=(1, 2, 4), cpu=(2, 6, 13), gpu=(2, 11, 50))),
    "idea 2: 4 or 5 blocks": (DeepCascade, profile.pick(ci=(2, 2, 4), cpu=(4, 4, 12), gpu=(5, 5, 48))),
}
halved = lambda pictures: nn.functional.avg_pool2d(pictures, profile.pick(ci=1, cpu=2, gpu=1))  # to save time
few = kspace.with_phase(halved(test.abs()), generator=seeded(0))
given, results = acquire(few, generator=seeded(5)), {}
for name, (kind, (cascades, convolutions, width)) in plans.items():
    with training.fixed_seed(0):
        model = kind(cascades, convolutions, width)
    history = training.fit(
        model, halved(train_slices), loss=training.squared_error, corrupt=acquire, transform=kspace.with_phase, epochs=profile.pick(ci=1, cpu=12, gpu=40),
        batch_size=8, learning_rate=2e-3, seed=0, progress=False,
    )  # fmt: skip
    results[name] = score(training.reconstruct(model, *given), few)
    print(f"{name:24} {count(model):8,} parameters  {sum(history.seconds):4.0f} s   {results[name]:.2f} dB on Colin27")
start = score(kspace.zero_filled(given[0]), few)
figure = viz.figure(6.4, 2.8, title=f"Gain over the zero-filled image ({start:.1f} dB): " + ", ".join(f"{value - start:+.1f}" for value in results.values()) + " dB")
axes = figure.subplots()
axes.barh([*results], [value - start for value in results.values()], color=[viz.COLOURS[1], *[viz.COLOURS[0]] * 3])
axes.invert_yaxis()
axes.set(xlabel="gain in PSNR (dB), one seed")
figure

# %% [markdown]
# One seed, small images, a short training. Lab 09 does it with several seeds, and asks what happens with noise, and with a lesion that no network has seen. Why should the data step in between help at all, and not only at the end? After each step the next block sees an image in which everything measured is right. What is left is the
# aliasing that is still to be removed; and its gradient, `Fᴴ Λ F`, lets no block waste its strength on lines that will be overwritten.
#
# ## 5. What the papers found, and what to doubt
#
# *Schlemper et al. 2017*, 10 subjects, cine films of hearts, PSNR published: DLTG 27.5 dB at R = 4 and 22.6 at R = 8, in about 6 h on a CPU; the cascade 31.0 and 25.2, in 0.69 s (2D) or 10 s (2D+t) on a GPU. *Hammernik et al. 2018*: knees, several coils, read by radiologists. *Knoll et al. 2020* and *Muckley et al. 2021*, the fastMRI
# challenges: many entries unroll; readers compared them, and they report that **small pathologies can be lost, and structures appear that are not there**. *Antun et al. 2020*: tiny changes of the input, large ones of the output. (The decibels and seconds are those of our source; what is said of the other papers comes from reading, and no cell here checks it: look it up.) Doubt with us:
#
# - **The data.** Our brains are magnitude images with a phase drawn by us, from one head averaged over 27 scans (Colin27), or from a warped template (the cohort). Shimron et al. (2022) call it an *implicit data crime* to train on processed images and to speak of raw data: the results come out too good. We say so, and call the subjects synthetic. Raw data: fastMRI.
# - **One coil.** Scanners have many. Then a gradient step is no replacement any more, and MoDL solves the data step by conjugate gradients (`kspace.DataConsistency(iterations=10)`; lectures 05, lab 09).
# - **The mask of the test is of the same kind as that of the training.** Change R, and see (lab 09 trains one network for two).
# - **PSNR.** A lesion of a few pixels can vanish, and the mean over all pixels hardly changes.
# - **The budget.** Idea 1 trained ten times as long may catch up. It will still not keep the measured lines.
#
# ## What to remember
#
# - All reconstructions take turns: agree with the data, look like an image. With one coil the data step *is* replacement in k-space.
# - A prior is a denoiser. It may be fixed, learned from the image itself, or from other images.
# - Unrolling: a fixed number of iterations is a network; what was tuned by hand is learned. From 10 parameters to half a million.
# - Idea 1 is denoising. Idea 2 keeps the physics inside, and what was measured stays.
# - The more is learned, the more the training images decide what can be seen.
#
# | source | |
# |---|---|
# | Lustig, Donoho and Pauly 2007 | [*Sparse MRI*](https://doi.org/10.1002/mrm.21391) |
# | Block, Uecker and Frahm 2007 | [*Undersampled radial MRI with multiple coils: iterative image reconstruction using a total variation constraint*](https://doi.org/10.1002/mrm.21236) |
# | Gregor and LeCun 2010 | *Learning fast approximations of sparse coding* |
# | Ravishankar and Bresler 2011 | [*MR image reconstruction from highly undersampled k-space data by dictionary learning*](https://doi.org/10.1109/TMI.2010.2090538) |
# | Venkatakrishnan, Bouman and Wohlberg 2013 | [*Plug-and-play priors for model based reconstruction*](https://doi.org/10.1109/GlobalSIP.2013.6737048) |
# | Caballero et al. 2014 | [*Dictionary learning and time sparsity for dynamic MR data reconstruction*](https://doi.org/10.1109/TMI.2014.2301271) (DLTG) |
# | Schlemper et al. 2017 | [*A deep cascade of convolutional neural networks for MR image reconstruction*](https://arxiv.org/abs/1703.00555) |
# | Schlemper et al. 2018 | [*… for dynamic MR image reconstruction*](https://arxiv.org/abs/1704.02422) |
# | Hammernik et al. 2018 | [*Learning a variational network for reconstruction of accelerated MRI data*](https://arxiv.org/abs/1704.00447) |
# | Aggarwal, Mani and Jacob 2019 | [*MoDL: model-based deep learning architecture for inverse problems*](https://arxiv.org/abs/1712.02862) |
# | Knoll et al. 2020, Muckley et al. 2021 | the fastMRI challenges, [first](https://arxiv.org/abs/2001.02518) and [second](https://arxiv.org/abs/2012.06318) |
# | Antun et al. 2020 | [*On instabilities of deep learning in image reconstruction*](https://arxiv.org/abs/1902.05300) |
# | Shimron et al. 2022 | [*Implicit data crimes*](https://doi.org/10.1073/pnas.2117203119) |
# | Colliot and Vakalopoulou 2020 | lecture [*Deep learning for medical imaging*](http://www.aramislab.fr/teaching/DLMI-2019-2020/) |
