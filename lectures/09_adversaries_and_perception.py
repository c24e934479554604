# %% [markdown]
# # Lecture 09: Adversaries, and perception against distortion
#
# {{badges}}
#
# Forty minutes, to be run while you listen. For [lab 10](../labs/lab10_low_dose_ct/lab10_low_dose_ct.ipynb). It needs
# expectations, conditional means and the norm of a gradient.
#
# 1. A judge that is always right teaches nothing; a critic with a bounded slope does.
# 2. What keeps the slope bounded.
# 3. The most natural answer has twice the error of the best one.
# 4. What a noisy reference does to the comparison.

# %% tags=["setup"]
# `course build` writes the set-up cell here

# %%
import math

import numpy as np
import torch
from torch import nn

from course_lib import losses, viz

# %% [markdown]
# ## 1. Two ways to judge
#
# A GAN (Goodfellow et al. 2014, [arXiv](https://arxiv.org/abs/1406.2661)) trains two networks. A discriminator says with which
# probability a picture is real; the generator tries to be taken for real. If the discriminator is the best there is, the
# generator minimises the **Jensen-Shannon divergence** of the two distributions. That has an end: once they do not overlap, it
# is $\log 2$, whether they lie close or far apart. A constant has no gradient.
#
# The **Wasserstein distance** is the least work to move one heap onto the other: mass times distance. It also is the
# largest difference of mean marks that any critic can give whose slope is nowhere above 1 (Kantorovich and Rubinstein;
# Arjovsky et al. 2017, [Wasserstein GAN](https://arxiv.org/abs/1701.07875)):
#
# $$ W(P, Q) = \max_{\|\nabla D\| \le 1} E_P[D] - E_Q[D] $$
#
# Below, two heaps of width 0.3 are pulled apart, and each distance is computed on a grid.

# %%
grid = np.linspace(-6, 12, 6001)
step = grid[1] - grid[0]


def heap(centre, width=0.3):
    """A normal density on the grid."""
    return np.exp(-((grid - centre) ** 2) / (2 * width**2)) / (width * math.sqrt(2 * math.pi))


def jensen_shannon(p, q):
    middle = (p + q) / 2
    parts = [np.where(one > 0, one * np.log(np.maximum(one, 1e-300) / np.maximum(middle, 1e-300)), 0) for one in (p, q)]
    return step * (parts[0].sum() + parts[1].sum()) / 2


def wasserstein(p, q):
    return step * np.abs(np.cumsum(p - q) * step).sum()


apart = np.linspace(0, 5, 26)
curves = {
    "Jensen-Shannon": [jensen_shannon(heap(0), heap(distance)) for distance in apart],
    "Wasserstein": [wasserstein(heap(0), heap(distance)) for distance in apart],
}
slopes = {name: (values[-1] - values[-2]) / (apart[-1] - apart[-2]) for name, values in curves.items()}
told = ", ".join(f"{name} {slope:.2f}" for name, slope in slopes.items())
figure = viz.figure(7.5, 3.4, title=f"Slope where the heaps lie 5 apart: {told}")
axes = figure.subplots()
for number, (name, values) in enumerate(curves.items()):
    axes.plot(apart, values, color=viz.COLOURS[number], label=name)
axes.set(xlabel="distance of the two heaps (each 0.3 wide)", ylabel="distance of the distributions")
axes.legend(fontsize=8)
figure

# %% [markdown]
# ## 2. A bounded slope
#
# Without a bound a critic can raise its marks without end: twice the marks are twice the difference. Gulrajani et al. 2017
# ([arXiv](https://arxiv.org/abs/1704.00028)) add $10\,(\|\nabla D(\hat x)\| - 1)^2$, at places $\hat x$ between a real and a fake
# picture, one norm for each picture. Here a small critic learns to tell two clouds of points in the plane apart, which
# lie 3 apart, with the penalty and without.


# %%
def trained_critic(weight, steps=150):
    """Differences of the mean marks while a critic learns, and its mean slope at the end."""
    torch.manual_seed(0)
    g = torch.Generator().manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(2, 32), nn.LeakyReLU(0.2), nn.Linear(32, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1))  # fmt: skip
    optimizer = torch.optim.Adam(network.parameters(), 5e-3, betas=(0.5, 0.9))
    differences = []
    for _ in range(steps):
        real, fake = (0.3 * torch.randn(64, 1, 1, 2, generator=g) for _ in range(2))
        fake = fake + torch.tensor([3.0, 0.0])
        difference = losses.critic_loss(network, real, fake)
        penalty = losses.gradient_penalty(network, real, fake, generator=g)
        optimizer.zero_grad()
        (difference + weight * penalty).backward()
        optimizer.step()
        differences.append(-float(difference.detach()))
    return differences, 1 + math.sqrt(float(penalty.detach()))


figure = viz.figure(7.5, 3.4)
axes = figure.subplots()
ends = {}
for number, (name, weight) in enumerate({"with penalty": 10, "without": 0}.items()):
    differences, slope = trained_critic(weight)
    ends[name] = differences[-1]
    axes.plot(differences, color=viz.COLOURS[number], label=name)
axes.axhline(3, color="0.4", linestyle="--", label="Wasserstein distance, 3")
axes.set(xlabel="step of the critic", ylabel="difference of the mean marks", yscale="symlog", ylim=(0, None))
axes.legend(fontsize=8)
told = ", ".join(f"{name} {value:.3g}" for name, value in ends.items())
figure.suptitle(f"Difference of the marks at the end, for a distance of 3: {told}", fontsize=11)
figure

# %% [markdown]
# With the penalty the difference of the marks stays near the distance, and can be read while training. It lies a little
# above: the penalty is a price and no wall, and a slope $s$ of $1 + 3/20$ has the least $-3s + 10(s - 1)^2$. Without it,
# the marks only show how long the critic has learned. A critic must judge each picture alone: batch normalisation mixes
# the pictures of a batch, and the penalty is about each one.
#
# ## 3. Perception against distortion
#
# Let $z$ be a noisy picture, and $x$ what it may have been. Two answers compete:
#
# - the **mean** $E[x \mid z]$: no answer has a smaller squared error;
# - a **sample** from $p(x \mid z)$: one picture that may have been. All samples together are distributed as the true
#   pictures are: nobody can tell them apart.
#
# Given $z$, truth $x$ and sample $\hat x$ are independent draws from the same distribution, so
#
# $$ E\|x - \hat x\|^2 = E\|x - E[x|z]\|^2 + E\|\hat x - E[x|z]\|^2 = 2\,\text{MMSE} $$
#
# Twice the error: **3.01 dB**. Blau and Michaeli 2018 ([The perception-distortion
# tradeoff](https://arxiv.org/abs/1711.06077)) show that for every measure of error there is a curve that no method can
# pass: closer to the look of real pictures is farther from this one. For squared error, no method that looks perfect
# needs to lose more than these 3 dB.
#
# The toy: a pixel is tissue of 40 HU or of 100 HU, each with a texture of 6 HU, and the noise is 40 HU. The posterior is
# known exactly, so we can draw from it.

# %%
MEANS, TEXTURE, NOISE = np.array([40.0, 100.0]), 6.0, 40.0
rng = np.random.default_rng(0)
truth = MEANS[rng.integers(0, 2, 200_000)] + TEXTURE * rng.standard_normal(200_000)
noisy = truth + NOISE * rng.standard_normal(truth.shape)
spread = TEXTURE**2 + NOISE**2
odds = np.exp(-((noisy[:, None] - MEANS) ** 2) / (2 * spread))
odds /= odds.sum(1, keepdims=True)
within = (MEANS * NOISE**2 + noisy[:, None] * TEXTURE**2) / spread  # mean of x for each tissue
mean = (odds * within).sum(1)
tissue = (rng.random(len(noisy)) > odds[:, 0]).astype(int)
deviation = TEXTURE * NOISE / math.sqrt(spread)
sample = within[np.arange(len(noisy)), tissue] + deviation * rng.standard_normal(len(noisy))


def error(answer, target=truth):
    return float(np.mean((answer - target) ** 2))


def unlike(answer):
    """Wasserstein distance to the distribution of true pixels, in HU."""
    return float(np.abs(np.sort(answer) - np.sort(truth)).mean())


price = 10 * math.log10(error(sample) / error(mean))
figure = viz.figure(8.5, 3.6, title=f"The sample looks true and costs {price:.2f} dB")
left, right = figure.subplots(1, 2)
bins = np.linspace(0, 140, 71)
for number, (name, values) in enumerate({"truth": truth, "mean": mean, "sample": sample}.items()):
    heights, _ = np.histogram(values, bins, density=True)
    left.plot((bins[1:] + bins[:-1]) / 2, heights, ("-", "--", ":")[number], color=viz.COLOURS[number], label=name)
left.set(xlabel="HU", ylabel="density of the answers")
left.legend(fontsize=8)
mixes = [(1 - share) * mean + share * sample for share in np.linspace(0, 1, 11)]
right.plot([math.sqrt(error(mix)) for mix in mixes], [unlike(mix) for mix in mixes], "o-", label="from mean to sample")
right.plot(math.sqrt(error(noisy)), unlike(noisy), "s", color=viz.COLOURS[1], label="noisy pixel")
right.set(xlabel="distortion: root mean squared error, HU", ylabel="distance to the look of the truth, HU")
right.legend(fontsize=8)
figure

# %% [markdown]
# The mean answers 60 or 80 HU where it is unsure: values that no tissue has. The sample always says a tissue, and
# is wrong more often by all of 60 HU. **That is what a hallucination is**: a plausible picture of something that is not
# there. A critic that sees only whether pictures look real asks for the sample; a content loss pulls towards the mean.
#
# A sample has another use: several of them for one scan show what the scan leaves open.
#
# ## 4. A noisy reference
#
# Scored against a second noisy picture, whose noise is independent, every method gets the variance of that noise on top:
# $E\|\hat x - y\|^2 = E\|\hat x - x\|^2 + \sigma_y^2$. No picture passes the **ceiling** $\sigma_y^2$, and differences
# between methods shrink below it.

# %%
rows = []
for sigma in (0.0, 20.0, 40.0):
    reference = truth + sigma * rng.standard_normal(truth.shape)
    decibels = {
        name: -10 * math.log10(max(error(answer, reference), 1e-12) / 400**2)
        for name, answer in {"noisy": noisy, "sample": sample, "mean": mean, "truth itself": truth}.items()
    }
    rows.append((sigma, decibels))
print("| noise of the reference, HU | " + " | ".join(rows[0][1]) + " |\n|---|---|---|---|---|")
for sigma, decibels in rows:
    scores = [f"{value:.2f}" if value < 100 else "no limit" for value in decibels.values()]
    print(f"| {sigma:g} | {' | '.join(scores)} |")

# %% [markdown]
# PSNR in a window of 400 HU, as in the low-dose CT table of Yang et al. 2018
# ([arXiv](https://arxiv.org/abs/1708.00961)). Its reference is a full-dose scan with 36 HU of noise in the liver (published). That is why
# its scores are so low, and why they lie so close together.
#
# ## What to remember
#
# - A judge that is always right has no gradient. A critic with slope 1 measures a distance.
# - The penalty is about each picture: one norm over all of its pixels.
# - The best look costs up to 3 dB of squared error. The price is paid in pictures of what is not there.
# - A noisy reference adds its variance to every score.
#
# Now to [lab 10](../labs/lab10_low_dose_ct/lab10_low_dose_ct.ipynb).
