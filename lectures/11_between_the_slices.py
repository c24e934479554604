# %% [markdown]
# # Lecture 11: Between the slices; shapes as priors
#
# {{badges}}
#
# Forty-five minutes, to be run while you listen. For [lab 12](../labs/lab12_between_the_slices/lab12_between_the_slices.ipynb). It
# needs means, the Fourier transform of [lecture 05](05_how_mri_samples.ipynb), and orthogonal projections.
#
# 1. What does a thick slice measure, and where does it lie?
# 2. Which images fit the measurement, and how much does it help to fit it?
# 3. What can a network add, and what can it not?
# 4. How do you score an outline?
# 5. Can a network learn what a shape may be?

# %% tags=["setup"]
# `course build` writes the set-up cell here

# %%
import numpy as np
import torch
import torch.nn.functional as F

from course_lib import losses, metrics, resolution, viz
from course_lib.data import brains

heads = brains.brain_slices("colin27", slices=profile.pick(ci=1, cpu=8, gpu=24))
clean = heads.images[..., :180]
one = clean[len(clean) // 2]

# %% [markdown]
# ## 1. A slice is a mean
#
# A scanner excites a slab. What comes back is the sum over its thickness, weighted by the **slice profile** $h$: a box in a
# textbook, a bell in practice. Thick slice $i$ is $y_i = \sum_j h(j - c_i)\,x_j$, with its centre at $c_i$. So a slice does two
# things: it filters ($h$ is a low-pass filter), and it samples (one number every $k$).
#
# Sampling every $k$ thin slices folds all frequencies above $1/(2k)$ back below it. A good profile removes them first. Here is
# what the three profiles in `course_lib.resolution` leave of each frequency; the percentages are those of an image with equal power at
# all frequencies. (Real images have less at high ones.)

# %%
factor, count = 4, 240
figure = viz.figure(7.5, 3.6)
axes = figure.subplots()
frequencies = np.linspace(0, 0.5, 200)
beyond = {}
for number, name in enumerate(resolution.PROFILES):
    thick = resolution.thick_slices(np.eye(count), factor, profile=name)  # (thin, thick)
    weights = thick[:, count // factor // 2]  # of one slice in the middle
    shares = np.abs(np.exp(-2j * np.pi * np.outer(frequencies, np.arange(count))) @ weights)
    beyond[name] = float((shares[frequencies > 1 / (2 * factor)] ** 2).sum() / (shares**2).sum())
    axes.plot(frequencies, shares, ("-", "--", ":")[number], color=viz.COLOURS[number], label=name)
axes.axvline(1 / (2 * factor), color="0.5", linewidth=1)
axes.set(xlabel="frequency (cycles per thin slice)", ylabel="share that is left")
axes.legend(fontsize=8)
told = ", ".join(f"{name} {share:.0%}" for name, share in beyond.items())
figure.suptitle(f"Power that folds back (right of the line), slices {factor} times thicker: {told}", fontsize=11)
figure

# %% [markdown]
# Taking every $k$-th thin slice, as some public code does, has no filter at all: all that lies right of the line folds back at full
# strength, and the slices are sharper than any scanner's. A network that is trained on them solves another problem.
#
# **Where does a slice lie?** Box-shaped slice $i$ holds the thin slices $ik$ to $ik + k - 1$; its centre is $ik + (k-1)/2$. Below, we tell
# linear interpolation that the first centre lies elsewhere. The true centres are 0.5, 1 and 1.5.

# %%
def linear_at(thick, factor, centre):
    """Linear interpolation that takes `centre` for the centre of the first thick slice, in thin slices."""
    places = (np.arange(thick.shape[-1] * factor) - centre) / factor
    rows = thick.reshape(-1, thick.shape[-1]).numpy()
    lines = [np.interp(places, np.arange(len(row)), row) for row in rows]
    return torch.from_numpy(np.stack(lines)).float().reshape(*thick.shape[:-1], -1)


centres = np.linspace(-1, 3, 17)
figure = viz.figure(7.5, 3.6)
axes = figure.subplots()
found = []
for number, factor in enumerate((2, 3, 4)):
    thick = resolution.thick_slices(clean, factor)
    scores = [float(metrics.psnr(linear_at(thick, factor, c), clean, data_range=1).mean()) for c in centres]
    best, wrong = max(scores), scores[int(np.abs(centres).argmin())]
    found.append(f"×{factor} best at {centres[int(np.argmax(scores))]:.2f}, {wrong - best:+.1f} dB at 0")
    axes.plot(centres, scores, viz.figures.MARKERS[number] + "-", color=viz.COLOURS[number], label=f"×{factor}")
axes.set(xlabel="assumed centre of the first slice (thin slices)", ylabel="PSNR (dB)")
axes.legend(fontsize=8)
figure.suptitle(f"Linear interpolation, and what a centre of 0 costs\n{'; '.join(found)}", fontsize=11)
figure

# %% [markdown]
# ## 2. All images that fit
#
# $y = Ax$ has $k$ times fewer equations than unknowns. To any image that fits, you may add any $n$ with $An = 0$: numbers
# whose mean over each thick slice is 0. So the measurement cannot tell these two heads apart:

# %%
factor = 4
thick = resolution.thick_slices(one, factor)
fold = torch.zeros_like(one)
fold[..., 90:110, 88:92] = 0.3 * torch.tensor([1.0, -1.0, -1.0, 1.0])  # mean 0 over one thick slice
other = one + fold
misfit = float((resolution.thick_slices(other, factor) - thick).abs().max())
viz.gallery(
    [one, other, resolution.between_slices(thick, factor)],
    titles=["a head", "another head", "their thick slices, interpolated"],
    title=f"Two heads, the same thick slices (largest difference {misfit:.0e})",
    window=viz.window(one),
)

# %% [markdown]
# **The projection.** With the pseudo-inverse $A^+ = A^\top(AA^\top)^{-1}$, the nearest image to a guess $\hat x$ that fits is
# $\hat x + A^+(y - A\hat x)$. Split the error $e = \hat x - x$ into what a thick slice sees and what it does not:
#
# $$ \|e\|^2 = \underbrace{\|A^+A\,e\|^2}_{\text{seen}} + \underbrace{\|e - A^+A\,e\|^2}_{\text{not seen}} $$
#
# Without noise the projection sets the first part to 0 and leaves the second as it is. So it hurts *no* guess, and helps by
# exactly the part that was seen. (It is the data-consistency layer of
# [lecture 06](06_sparsity_to_learned.ipynb), with a mean in the place of a Fourier coefficient. With noise it keeps the noise, too.)

# %%
print("| slices | interpolation | PSNR (dB) | of its squared error, seen | PSNR with the means kept (dB) |\n|---|---|---|---|---|")
for factor in (2, 4):
    thick = resolution.thick_slices(clean, factor)
    for method in resolution.METHODS:
        guess = resolution.between_slices(thick, factor, method=method)
        kept = resolution.keep_measured(guess, thick, factor)
        seen = float((guess - kept).square().sum() / (guess - clean).square().sum())
        before, after = (float(metrics.psnr(image, clean, data_range=1).mean()) for image in (guess, kept))
        print(f"| ×{factor} | {method} | {before:.2f} | {seen:.0%} | {after:.2f} |")

# %% [markdown]
# "nearest" repeats the measured means, so it fits already. Linear interpolation is far from fitting. A network that is compared with
# linear or cubic interpolation alone has an easy opponent: the projection costs nothing. The opponent in lab 12 is a B-spline *with* it.
# In the brain (12 slices of Colin27) no other interpolation beats it by more than 0.01 dB: 42.97 dB and Lanczos 42.96 at ×2, 34.66 and
# 34.67 at ×4. Only for Gaussian slices is Fourier interpolation better: by 0.1 dB where the profile is known, by 0.2 dB where it is not.
#
# ## 3. What a network adds
#
# DeepResolve (Chaudhari et al. 2018, [*Super-resolution musculoskeletal MRI using deep learning*](https://doi.org/10.1002/mrm.27178);
# layers as in the same group's [arXiv 1808.04447](https://arxiv.org/abs/1808.04447)) interpolates
# to the thin grid and adds what 20 convolutions of 3×3×3 make of it: 1,995,329 parameters, trained by squared error on pairs of thin and
# thick slices of knees.
#
# The answer with the least squared error is the **mean of all thin slices that go with what the network sees**
# ([lecture 10](10_learning_without_truth.ipynb)); training comes near it at best.
# Where the anatomy decides (an edge runs on from slice to slice), this mean is sharp. Where several images fit, it is a blur of
# them; an adversarial loss would choose one of them, and it may be the wrong one
# ([lecture 09](09_adversaries_and_perception.ipynb)). No loss can bring back what no slice saw.
#
# Before you believe a table of super-resolution, ask:
#
# - How were the thick slices made: by a profile, or by leaving slices out?
# - Was the "truth" measured, or interpolated?
# - Do patches of one subject lie in training *and* test?
# - Is the PSNR that of the whole image, most of which is air?
# - Does the opponent fit the measurement?
#
# ## 4. Overlap and distance
#
# Dice depends on the size of the structure. Below, each prediction is a disc whose outline is wrong by the same
# distance, 1 mm; the Hausdorff distance shows that (to a pixel of 0.25 mm), and Dice does not.

# %%
y, x = np.mgrid[:241, :241] * 0.25 - 30  # mm
radii = np.array([2, 3, 4, 6, 8, 12, 16, 24])
discs = [(np.hypot(y, x) < radius + 1, np.hypot(y, x) < radius) for radius in radii]
dice = [float(metrics.dice(*pair)) for pair in discs]
distance = [float(metrics.hausdorff_distance(*pair, spacing=0.25)) for pair in discs]
figure = viz.figure(7.5, 3.4)
left, right = figure.subplots(1, 2)
left.plot(radii, dice, "o-", color=viz.COLOURS[0], label="Dice")
left.set(xlabel="radius of the structure (mm)", ylabel="Dice", ylim=(0, 1))
right.plot(radii, distance, "s-", color=viz.COLOURS[1], label="Hausdorff")
right.set(xlabel="radius of the structure (mm)", ylabel="Hausdorff distance (mm)", ylim=(0, 2))
figure.suptitle(
    f"Outlines wrong by 1 mm: Dice {dice[0]:.2f} for a radius of 2 mm, {dice[-1]:.2f} for 24 mm", fontsize=11
)
figure

# %% [markdown]
# **Classes of unequal size.** In a loss, the background dominates a sum over all classes. The generalised Dice loss (Sudre
# et al. 2017, [*Generalised Dice overlap …*](https://arxiv.org/abs/1707.03237)) weights class $l$ by $w_l = 1/(\sum_n r_{ln})^2$. A slide of
# the lecture *Deep learning for medical imaging* (Colliot and Vakalopoulou 2020) prints
# $1/\sum_n (r_{ln})^2$: the square has slipped inside, and for an $r$ of 0 and 1 that is $1/\text{volume}$. What changes? Here a structure
# of 16 of 1,024 pixels is missed altogether, then half of it is found.

# %%
def weighted_loss(p, r, power):
    """1 - the generalised Dice score with weights 1 / volume^power."""
    volume = r.flatten(2).sum(2)
    weight = volume.clamp(min=1) ** -power
    above, below = ((weight * part.flatten(2).sum(2)).sum(1) for part in (r * p, r + p))
    return float((1 - 2 * above / below).mean())


labels = torch.zeros(1, 32, 32, dtype=torch.long)
labels[:, 14:18, 14:18] = 1
truth = F.one_hot(labels, 2).movedim(-1, 1).float()
half = labels.clone()
half[:, 14:16] = 0
rows = {"missed": torch.zeros_like(labels), "half found": half, "found": labels}
print("| small structure | no weights | 1 / volume (the slide) | 1 / volume² (the paper) | the library |\n|---|---|---|---|---|")
for name, guess in rows.items():
    p = F.one_hot(guess, 2).movedim(-1, 1).float()
    values = [weighted_loss(p, truth, power) for power in (0, 1, 2)]
    print(f"| {name} | {' | '.join(f'{value:.3f}' for value in values)} | {float(losses.generalised_dice_loss(p, truth)):.3f} |")

# %% [markdown]
# ## 5. Shapes as priors
#
# Cross-entropy judges each voxel by itself, and Dice only counts them. A heart is more: one cavity in one closed wall. ACNN (Oktay et al.
# 2017, [*Anatomically constrained neural networks …*](https://arxiv.org/abs/1705.08302)) lets a network learn what hearts look like, in two steps.
#
# 1. An **autoencoder of label maps**: the encoder $f$ squeezes a map into 64 numbers, the *code*, and a decoder draws it again.
# 2. The segmentation network $\phi$ then minimises $\mathcal L = \text{cross-entropy} + \lambda\,\|f(\phi(x)) - f(y)\|^2$, with $f$ frozen.
#
# For super-resolution there are no labels to compare. There a **predictor** $p$ finds the code in the *image*. It is trained
# together with the autoencoder, so that a code holds what an image can tell (a **T-L network**: both legs of the T in training, one leg,
# the L, afterwards; Girdhar et al. 2016, [*Learning a predictable and generative vector representation for
# objects*](https://arxiv.org/abs/1603.08637)). The super-resolution network then minimises a smooth $L_1$ distance plus
# $\lambda\,\|p(\hat x) - p(x)\|^2$. In the library these are `losses.shape_prior_loss`, with either network, and `losses.shape_code_loss`.
# `scripts/shape_super_resolution.py` does all three on our hearts, with slices four pixels thick. In two seeds the prior had nothing to gain:
# from the plain network's images the predictor finds shapes as good as from the sharp ones (Dice within .003), so it moved no Dice
# by more than .001, and a $\lambda$ of 0.1 cost 0.02 and 0.21 dB.
#
# What does the code see? Below, label maps are changed in ways whose Dice and Hausdorff distance you can compute. The codes
# are scaled so that two slices of the training lie 1 apart (root mean square).

# %%
from course_lib.data.hearts import one_hot, synthetic_hearts
from course_lib.models.shape import heart_shapes

shapes = heart_shapes()
labels = synthetic_hearts(20, seed=2000).slices()[1]
labels = labels[(labels == 1).flatten(1).any(1)]


def blot(labels, row, column, value=1):
    """36 pixels of one class."""
    changed = labels.clone()
    changed[:, row : row + 6, column : column + 6] = value
    return changed


changes = {
    "moved by one pixel": labels.roll(1, 1),
    "moved by two pixels": labels.roll(2, 1),
    "36 wrong pixels beside the heart": blot(labels, 20, 44),
    "36 wrong pixels in a corner": blot(labels, 5, 5),
    "no wall": torch.where(labels == 2, 0, labels),
    "another heart": labels.roll(len(labels) // 2 + 4, 0),
}
with torch.no_grad():
    codes = shapes.encode(one_hot(labels))
    print("| change | distance of the codes, squared | cavity: Dice | Hausdorff (mm) |\n|---|---|---|---|")
    for name, changed in changes.items():
        apart = float((shapes.encode(one_hot(changed)) - codes).square().sum(1).mean())
        pair = (changed == 1)[:, None], (labels == 1)[:, None]
        overlap, far = metrics.dice(*pair).mean(), metrics.hausdorff_distance(*pair, spacing=2.0).mean()
        print(f"| {name} | {apart:.3f} | {float(overlap):.3f} | {float(far):.1f} |")

# %% [markdown]
# Moving the heart by one pixel changes the code more than 36 wrong pixels in a corner do, although these raise the Hausdorff distance
# to half the image. The autoencoder never had to draw an island, so its code has no number for one. The prior sees place, size and
# a missing wall. Against islands, delete all but the largest piece, or draw the answer again from its code: lab 12 measures both.
#
# Lab 12 trains on 40 hearts. With 4, the codes of test hearts come no nearer to the truth's (0.340 without the prior, 0.335 with it; means of
# three seeds), and the Dice of the cavity falls by .004. The prior compares *training* images with their truth. It brings no knowledge of other images.
#
# And what does it not know? The autoencoder was trained on normal, dilated and thickened hearts. Drawn again, an aneurysm loses its bulge:

# %%
known = synthetic_hearts(20, seed=2000).slices()[1]
bulging = synthetic_hearts(20, seed=2000, kinds=["aneurysm"]).slices()[1]
print("| hearts | Dice of cavity, drawn again | wall |\n|---|---|---|")
with torch.no_grad():
    for name, maps in {"unseen, of the kinds it knows": known, "aneurysm": bulging}.items():
        drawn, there = one_hot(shapes(one_hot(maps)).argmax(1)).bool(), one_hot(maps).bool()
        found = [metrics.dice(drawn[:, [k]], there[:, [k]])[there[:, k].flatten(1).any(1)].mean() for k in (1, 2)]
        print(f"| {name} | {float(found[0]):.3f} | {float(found[1]):.3f} |")

# %% [markdown]
# - **The unit of the code is an accident** of its training. With another autoencoder $\lambda$ means something else: scale the codes, or choose it anew.
# - **The frozen encoder wakes up** when it is part of a model and somebody calls `model.train()`.
# - **Exclusive classes need softmax.** A sigmoid for each lets a pixel be blood and muscle at once.
# - **Truth must be measured.** A high-resolution target that was itself interpolated teaches interpolation.
#
# ## What to remember
#
# - A thick slice is a mean with a place. Forget the mean, and you get aliasing; forget the place, and you lose decibels.
# - Keep the measured means: without noise it cannot hurt, and it costs nothing. Compare networks with an opponent that keeps them.
# - What fits the measurement is not the truth: within a slice, something was guessed.
# - Report an overlap and a distance, in mm, with the spacing, and say which average distance it is.
# - A shape prior knows the shapes that it was trained on. It makes a rare heart look usual.
