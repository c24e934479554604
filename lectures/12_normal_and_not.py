# %% [markdown]
# # Lecture 12: Normal, and what is not
#
# {{badges}}
#
# Forty minutes, to be run while you listen. For [lab 13](../labs/lab13_normal_and_not/lab13_normal_and_not.ipynb). It needs the
# logarithm of a Gaussian density, means and variances, and Bayes' rule.
#
# 1. The evidence lower bound, and how one misplaced mean ruins it.
# 2. A short code: what it keeps out, and what it leaves behind.
# 3. Rare lesions: why an AUROC of .95 may mean nothing.
# 4. Restoration: the nearest healthy image.
# 5. Spectra, and a filter that has never seen a tumour.

# %% tags=["setup"]
# `course build` writes the set-up cell here

# %%
import math

import numpy as np
import torch
from torch import nn

from course_lib import losses, normative, viz
from course_lib.data.lesions import add_lesions
from course_lib.data.small_brains import small_brains

# %% [markdown]
# ## 1. A bound on how unlikely an image is
#
# A code $z \sim N(0, 1)$ is drawn, a decoder makes an image of it, and each pixel gets Gaussian noise of standard
# deviation $\sigma$. How likely is an image $x$? The integral over all codes has no closed form. But for *any* distribution
# $q(z)$, by Jensen's inequality,
#
# $$ -\log p(x) = -\log \int q(z)\,\frac{p(x|z)\,p(z)}{q(z)}\,dz\ \le\ E_q[-\log p(x|z)] + \mathrm{KL}(q\,\|\,p(z)) $$
#
# The right side is the **negative ELBO** (evidence lower bound). The gap between both sides is $\mathrm{KL}(q\,\|\,p(z|x))$: the encoder's
# job is to make $q$ like the true posterior $p(z|x)$, which says what codes an image may have come from. With a Gaussian $p(x|z)$, the
# first term is the mean of $\sum (x - \hat x)^2 / 2\sigma^2$ over codes drawn from $q$, plus a constant.
# (Kingma and Welling 2014, [*Auto-encoding variational Bayes*](https://arxiv.org/abs/1312.6114))
#
# Below, an image of two pixels and a linear decoder, so that $p(x)$ is known exactly. The encoder's mean and variance are
# varied around the best.

# %%
weights, sigma = torch.tensor([0.9, -0.6], dtype=torch.float64), 0.3
image = torch.tensor([0.8, 0.2], dtype=torch.float64)
covariance = torch.outer(weights, weights) + sigma**2 * torch.eye(2, dtype=torch.float64)
exact = -torch.distributions.MultivariateNormal(torch.zeros(2, dtype=torch.float64), covariance).log_prob(image)
precision = float(weights @ weights) / sigma**2 + 1
best_mean, best_variance = float(weights @ image) / sigma**2 / precision, 1 / precision


def bound(mean, variance):
    """The negative ELBO with its constant; the expectation over the code is exact."""
    code = torch.tensor([[mean]], dtype=torch.float64), torch.tensor([[math.log(variance)]], dtype=torch.float64)
    found = losses.negative_elbo(image[None], (weights * mean)[None], *code, decoder_sd=sigma)
    spread = float(weights @ weights) * variance / (2 * sigma**2)
    return float(found) + spread + math.log(2 * math.pi * sigma**2)


shifts = np.linspace(-0.6, 0.6, 41)
figure = viz.figure(7.5, 3.4)
axes = figure.subplots()
axes.plot(shifts, [bound(best_mean + shift, best_variance) for shift in shifts], color=viz.COLOURS[0], label="mean of q shifted")
axes.plot(shifts, [bound(best_mean, best_variance * math.exp(4 * shift)) for shift in shifts], "--", color=viz.COLOURS[1], label="log variance of q shifted by 4×")
axes.axhline(float(exact), color="0.4", linestyle=":", label=f"−log p(x) = {float(exact):.3f}")
axes.set(xlabel="shift from the best q", ylabel="negative ELBO (nats)")
axes.legend(fontsize=8)
figure.suptitle(f"The bound touches at the true posterior ({bound(best_mean, best_variance):.3f}) and nowhere else", fontsize=11)
figure

# %% [markdown]
# Both terms are sums. Much public code takes `F.mse_loss`, a *mean* over pixels, and adds a *summed* KL: for 64 × 64 pixels the
# errors then count 4096 times less. That is the same as a $\sigma$ that is 64 times larger. Which $\sigma$ is right? It can be fitted: the
# best one is the rms error of the reconstruction itself.
#
# ## 2. What a short code keeps out
#
# The simplest autoencoder is linear. Its best weights are known without training: the first $k$ principal components, the $k$ directions in
# which the training images differ most. So we can watch, for each $k$,
# what happens to a healthy brain and to a lesion. If $P$ projects onto the components (of images minus their mean), the residual of a brain with a lesion is
#
# $$ (x + \ell) - P(x + \ell) = \underbrace{(x - Px)}_{\text{folds, left behind}} + \underbrace{(\ell - P\ell)}_{\text{lesion, kept out}} $$
#
# A short code leaves the folds behind, a long code lets the lesion through.

# %%
LEVELS = profile.pick(ci=3, cpu=15, gpu=24)
train = small_brains(subjects=profile.pick(ci=4, cpu=20, gpu=40), slices=LEVELS, seed=0)
unseen = small_brains(subjects=profile.pick(ci=2, cpu=6, gpu=10), slices=LEVELS, seed=1)
flat = train.images.flatten(1)
average = flat.mean(0)
components = torch.linalg.svd(flat - average, full_matrices=False).Vh


def through(images, k):
    """Images through the first k principal components."""
    return (average + (images.flatten(1) - average) @ components[:k].T @ components[:k]).view_as(images)


sick = add_lesions(unseen.images, unseen.brain_masks, "dark", 0.2, seed=3)
healthy, brain = unseen.images[sick.rows], unseen.brain_masks[sick.rows]
lengths = [k for k in (1, 2, 4, 8, 16, 32, 64, 128, 256) if k < len(train)]
folds, lesion, area = [], [], []
for k in lengths:
    rebuilt = through(sick.images, k)
    folds.append(float(((healthy - through(healthy, k))[brain] ** 2).mean().sqrt()))
    let_through = (rebuilt - through(healthy, k))[sick.masks].mean() / (sick.images - healthy)[sick.masks].mean()
    lesion.append(1 - float(let_through))
    area.append(normative.area_under_curve(normative.anomaly_map(sick.images, rebuilt, brain)[brain], sick.masks[brain]))
figure = viz.figure(9, 3.4)
for axes, values, name in zip(
    figure.subplots(1, 3), (folds, lesion, area),
    ("rms error of healthy brains", "share of the lesion kept out", "AUROC of the map"), strict=True,
):  # fmt: skip
    axes.plot(lengths, values, "o-", color=viz.COLOURS[0], label=name)
    axes.set(xscale="log", xlabel="numbers in the code")
    axes.set_xticks(lengths[::2], [str(k) for k in lengths[::2]])
    axes.minorticks_off()
    axes.set_title(name, fontsize=9)
best = lengths[int(np.argmax(area))]
figure.suptitle(f"Longer codes leave fewer folds and let more of the lesion through; here the map is best at {best}", fontsize=11)
figure

# %% [markdown]
# Nothing in the training asked for lesions to be kept out. It is a by-product of a short code, and it goes away with skips, with
# wide spatial codes, and with too many numbers in the code.
#
# ## 3. Rare lesions
#
# Let the scores of healthy pixels be $N(0, 1)$ and those of lesion pixels $N(d', 1)$. Then the AUROC depends on $d'$ alone. What a marked
# pixel is worth (the average precision, AP) depends on how many healthy ones there are as well.

# %%
rng = np.random.default_rng(0)
shift = 2.326  # an AUROC of .95: Φ(d'/√2)
shares = [0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005]
rows = []
for share in shares:
    labels = np.arange(200_000) < 200_000 * share
    scores = rng.normal(0, 1, 200_000) + shift * labels
    rows.append((normative.area_under_curve(scores, labels), normative.average_precision(scores, labels), normative.best_dice(scores, labels)))
figure = viz.figure(7.5, 3.4)
axes = figure.subplots()
for number, (name, values) in enumerate(zip(("AUROC", "average precision", "best Dice"), np.transpose(rows), strict=True)):
    axes.plot(shares, values, "os^"[number] + "-", color=viz.COLOURS[number], label=name)
axes.set(xscale="log", xlabel="share of lesion pixels", ylabel="score", ylim=(0, 1.02))
axes.legend(fontsize=8)
figure.suptitle(f"The same separation: AUROC {rows[0][0]:.2f} throughout, AP from {rows[0][1]:.2f} to {rows[-1][1]:.2f}", fontsize=11)
figure

# %% [markdown]
# A map that helps a doctor needs a high precision. A published AUROC needs the share of lesion pixels beside it, and a rival that was never
# trained: Meissen et al. 2021 ([*Challenging current semi-supervised anomaly segmentation methods for brain
# MRI*](https://arxiv.org/abs/2109.06023)) marked the brightest pixels of FLAIR images, in which many lesions shine, and beat most of the networks.
#
# ## 4. Restoration
#
# One pass through the autoencoder blurs everything. *Restoration* looks for the image that is likely under the model *and* differs
# from the given one in few, connected pieces (You et al. 2019, [*Unsupervised lesion detection via image restoration with a normative
# prior*](https://proceedings.mlr.press/v102/you19a.html)). TV is the total variation of lab 04:
#
# $$ \min_{x'}\ \text{negative ELBO}(x') + \lambda\,\mathrm{TV}(x' - x) $$
#
# Our model is the linear one, as a VAE whose encoder is exact (probabilistic PCA).

# %%
class LinearVAE(nn.Module):
    """Probabilistic PCA: the decoder is linear, and the encoder is its exact posterior."""

    def __init__(self, k, sigma):
        super().__init__()
        spread = ((flat - average) @ components[:k].T).std(0)
        self.weights, self.noise = components[:k].T * spread, sigma  # (pixels, k)
        self.precision = spread**2 / sigma**2 + 1

    def forward(self, images):
        mean = (images.flatten(1) - average) @ self.weights / self.noise**2 / self.precision
        return (average + mean @ self.weights.T).view_as(images), mean, -self.precision.log().expand_as(mean)


SIGMA, few = 0.08, slice(0, profile.pick(ci=2, cpu=48, gpu=48))
model = LinearVAE(min(16, len(train) - 1), SIGMA).eval()
steps = profile.pick(ci=5, cpu=100, gpu=100)
made = {"one pass": model(sick.images[few])[0]}
for weight in (3, 15, 60):
    found = normative.restore(model, sick.images[few], decoder_sd=SIGMA, weight=weight, steps=steps, rate=0.01)
    made[f"restored, λ = {weight}"] = found
areas = {}
for name, images in made.items():
    values = normative.anomaly_map(sick.images[few], images, brain[few])[brain[few]]
    areas[name] = normative.area_under_curve(values, sick.masks[few][brain[few]])
row = int(sick.masks[few].flatten(1).sum(1).argmax())
shown = {"dark lesion": sick.images[row], "truth": sick.masks[row].float()}
shown |= {f"{name}\nAUROC {areas[name]:.2f}": images[row] for name, images in made.items()}
best = max(areas, key=areas.get)
viz.gallery(
    list(shown.values()), titles=list(shown), columns=3, window=viz.window(sick.images[row]),
    title=f"Best map of {len(sick.images[few])} slices: {best}, AUROC {areas[best]:.2f}",
)  # fmt: skip

# %% [markdown]
# With this model restoration loses, for each of the three λ that we tried (the titles say by how much). Our explanation: a linear model
# leaves folds everywhere, and to the total variation they look like lesions. In the table of Meissen et al. (lab 13) a deep VAE with
# restoration has an AP of .275, a plain autoencoder .163 (published, MSLUB). What helps depends on what the model can draw: measure it.
#
# ## 5. Spectra
#
# A proton's frequency depends a little on the molecule that it sits in. So the decaying signal of a voxel, the FID (free induction decay)
# $s(t) = \sum_k a_k\, e^{2\pi i f_k t - t/T_2}$, has a spectrum with peaks at places of their own. Their distance from a
# reference, over the scanner's frequency, is the **chemical shift** in parts per million (ppm), and does not depend on the
# scanner.
#
# The Fourier integral begins at $t = 0$. The sum over points that stands for it counts its first point half, as the
# trapezoid rule does: whole, it would add $s(0)/2$ to every point, a false baseline. (Orthonormal: $s(0)/2\sqrt N$.)
#
# **Couplings.** Neighbouring protons split each other's peaks by $J$, a few Hz whatever the scanner. A spin echo undoes shifts
# but not couplings: a doublet turns by $\pm\pi J\,\mathrm{TE}$, and at $\mathrm{TE} = 1/J$, 144 ms for lactate, it
# hangs upside down; at twice that it is upright again, and smaller. Radiologists choose 144 ms to tell lactate from fat at the same place.
# Below, the spins of lactate are computed in full: the Hamiltonian of four coupled spins is a matrix of 16 × 16.

# %%
from course_lib import mrs

echoes = (0.0, 0.144, 0.288)
lactate = np.eye(len(mrs.COMPONENTS))[mrs.COMPONENTS.index("Lac")]
figure = viz.figure(7, 3.2)
axes = figure.subplots()
methyl = np.linspace(1.06, 1.56, 200)
peaks = {}
for number, echo in enumerate(echoes):
    scanner = mrs.Scanner(echo_time=echo)
    drawn = mrs.spectrum_at(mrs.signals(lactate, width=2.0, scanner=scanner), methyl, scanner=scanner)
    axes.plot(methyl, drawn, color=viz.COLOURS[number], label=f"TE {1000 * echo:.0f} ms")
    peaks[echo] = drawn[np.abs(drawn).argmax()]
axes.set(xlabel="ppm", ylabel="real part", xlim=(1.56, 1.06))
axes.legend(fontsize=8)
told = ", ".join(f"{peak:+.1f} at {1000 * echo:.0f} ms" for echo, peak in peaks.items())
figure.suptitle(f"Lactate's tallest peak: {told}", fontsize=11)
figure

# %% [markdown]
# **A filter learns what its training set calls good.** With scores $P(\text{bad} \mid x)$, Bayes' rule says
#
# $$ P(\text{bad} \mid x) = \frac{p(x \mid \text{bad})\,P(\text{bad})}
# {p(x \mid \text{bad})\,P(\text{bad}) + p(x \mid \text{good})\,P(\text{good})} $$
#
# If no good spectrum in training looked like $x$, but some bad ones came near it, then $p(x \mid \text{good})$ is far smaller than
# $p(x \mid \text{bad})$ there, and the score is nearly 1, *however good the spectrum is*. (Where neither came near, the network is free to
# say anything.) The training loss cannot complain: it never sees such a case. Nor can the AUC, if the
# test set has none. In the picture a random forest (many decision trees that vote) sees two numbers only, the heights of NAA and of choline.

# %%
from sklearn.ensemble import RandomForestClassifier


def two_heights(fids):
    spectra = mrs.spectrum_at(fids)
    return np.stack([spectra[:, np.abs(mrs.PPM - ppm) < 0.06].max(1) for ppm in (2.01, 3.21)], 1)


def drawn(patients, seed, **options):
    return mrs.simulate(patients, generator=np.random.default_rng(seed), **options)


training = drawn(150, 0, tumours=0)
forest = RandomForestClassifier(100, min_samples_leaf=20, random_state=0)
forest.fit(two_heights(training.fids), training.bad)
groups = {
    "good healthy": drawn(40, 1, tumours=0, bad=0), "good tumour": drawn(40, 2, tumours=1, bad=0),
}  # fmt: skip
figure = viz.figure(7, 3.6)
axes = figure.subplots()
with_artefact = two_heights(training.fids[training.bad])
axes.plot(*with_artefact.T, ".", color="0.6", markersize=3, label="healthy, with artefact (training)")
called = {}
for number, (name, group) in enumerate(groups.items()):
    heights = two_heights(group.fids)
    called[name] = forest.predict(heights).mean()
    axes.plot(*heights.T, "o^"[number], color=viz.COLOURS[number], markersize=3, label=name)
axes.set(xlabel="height of NAA", ylabel="height of choline", xlim=(-20, 180), ylim=(-20, 260))
axes.legend(fontsize=8)
told = ", ".join(f"{name} {share:.0%}" for name, share in called.items())
figure.suptitle(f"Called bad by a forest trained on healthy people: {told}", fontsize=11)
figure

# %% [markdown]
# More data of the same kind do not help: the gap is in *who* was measured. Lab 13 measures it for five judges, and shows how few
# tumours in training mend most of it. The lesson is not about spectra alone. Before a filter is used, ask for its error in each group
# of people that it will meet.
#
# **Sources.** Gurbani et al. 2018, [*A convolutional neural network to filter artifacts in spectroscopic
# MRI*](https://www.ncbi.nlm.nih.gov/pmc/articles/PMC6107370/); Govindaraju, Young and Maudsley 2000, [*Proton NMR chemical shifts
# and coupling constants for brain metabolites*](https://doi.org/10.1002/1099-1492%28200005%2913:3%3C129::AID-NBM619%3E3.0.CO;2-V),
# NMR in Biomedicine 13.
#
# ## What to remember
#
# - The negative ELBO is a sum over pixels and over the code. A mean in one place is a weight that nobody chose.
# - A short code keeps lesions out and leaves folds in the map; a long one does neither.
# - For rare lesions read the average precision, and ask for a rival without training.
# - A threshold comes from healthy people who were neither trained on nor tested.
# - A filter calls bad what training never called good. Ask for its error in each group of people.
