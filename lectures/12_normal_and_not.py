# %% [markdown]
# # Lecture 12: Normal, and what is not
#
# {{badges}}
#
# Forty minutes, to be run while you listen. For [lab 13](../labs/lab13_normal_and_not/lab13_normal_and_not.ipynb). It needs the
# logarithm of a Gaussian density, means and variances.
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
# The right side is the **negative ELBO**. The gap between both sides is $\mathrm{KL}(q\,\|\,p(z|x))$: the encoder's job is to make $q$
# like the true posterior. With a Gaussian $p(x|z)$, the first term is $\sum (x - \hat x)^2 / 2\sigma^2$ and a constant.
# (Kingma and Welling 2014, [arXiv](https://arxiv.org/abs/1312.6114))
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
# errors then count 4096 times less. That is the same as asking for a $\sigma$ that is 64 times larger. Which $\sigma$ is right? It can be fitted: the
# best one is the rms error of the reconstruction itself.
#
# ## 2. What a short code keeps out
#
# The simplest autoencoder is linear. Its best weights are known without training: the first $k$ principal components. So we can watch, for each $k$,
# what happens to a healthy brain and to a lesion. If $P$ projects onto the components, the residual of a brain with a lesion is
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
    axes.set_title(name, fontsize=9)
best = lengths[int(np.argmax(area))]
figure.suptitle(f"Longer codes leave fewer folds and let more of the lesion through; here the map is best at {best}", fontsize=11)
figure

# %% [markdown]
# Nothing in the training asked for lesions to be kept out. It is a by-product of a short code, and it goes away with skips, with
# wide spatial codes, and with training on too many numbers.
#
# ## 3. Rare lesions
#
# Let the scores of healthy pixels be $N(0, 1)$ and those of lesions $N(d', 1)$. Then the AUROC depends on $d'$ alone. What a marked pixel is
# worth depends on how many healthy ones there are.

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
# A map that helps a doctor needs a high precision. A published AUROC needs its share of lesion beside it, and a rival that was never trained:
# Meissen et al. 2021 ([arXiv](https://arxiv.org/abs/2109.06023)) marked the brightest pixels of FLAIR images and beat most of the networks.
#
# ## 4. Restoration
#
# One pass through the autoencoder blurs everything. *Restoration* looks for the image that is likely under the model *and* differs
# from the given one in few, connected pieces (You et al. 2019, *Unsupervised lesion detection via image restoration with a normative prior*):
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


SIGMA = 0.08
model = LinearVAE(min(32, len(train) - 1), SIGMA).eval()
few = slice(0, profile.pick(ci=2, cpu=24, gpu=60))
steps = profile.pick(ci=5, cpu=100, gpu=200)
restored = normative.restore(model, sick.images[few], decoder_sd=SIGMA, weight=30, steps=steps, rate=0.005)
passed = model(sick.images[few])[0]
scores = {}
for name, made in {"one pass": passed, "restored": restored}.items():
    values = normative.anomaly_map(sick.images[few], made, brain[few])[brain[few]]
    truth = sick.masks[few][brain[few]]
    scores[name] = normative.area_under_curve(values, truth), normative.average_precision(values, truth)
row = few.stop // 2
told = "; ".join(f"{name}: AUROC {area:.2f}, AP {ap:.2f}" for name, (area, ap) in scores.items())
viz.gallery(
    [sick.images[row], passed[row], restored[row], sick.masks[row].float()], columns=4,
    titles=["dark lesion", "one pass", "restored", "truth"], window=viz.window(sick.images[row]), title=told,
)  # fmt: skip

# %% [markdown]
# ## 5. Spectra
#
# (helper `mrs`)
#
# ## What to remember
#
# - The negative ELBO is a sum over pixels and over the code. A mean in one place is a weight that nobody chose.
# - A short code keeps lesions out and leaves folds behind; a long one does neither.
# - For rare lesions read the average precision, and ask for a rival without training.
# - A threshold comes from healthy people who were neither trained on nor tested.
