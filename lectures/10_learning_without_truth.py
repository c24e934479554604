# %% [markdown]
# # Lecture 10: What a network can learn without the truth
#
# {{badges}}
#
# Forty minutes, to be run while you listen. For [lab 11](../labs/lab11_without_clean_images/lab11_without_clean_images.ipynb). It needs means, variances and
# one integration by parts.
#
# 1. The mean of a noisy target is the truth, or is not.
# 2. A pixel that cannot see itself cannot copy its noise.
# 3. Stein's formula: the error, without the truth.
# 4. Compressed sensing with a denoiser, and the term that keeps its noise white.

# %% tags=["setup"]
# `course build` writes the set-up cell here

# %%
import math

import numpy as np
import torch
import torch.nn.functional as F

from course_lib import noise, selfsupervised, viz
from course_lib.classical.amp import damp
from course_lib.classical.measurements import dct_measurement, gaussian_measurement

# %% [markdown]
# ## 1. A noisy target
#
# A network that is trained with squared error, on enough data, answers the **mean of all targets that go with its input**. Let the
# target be $z' = x + n'$, with $n'$ independent of what the network sees:
#
# $$ E\|f(z) - z'\|^2 = E\|f(z) - x\|^2 - 2\,E\langle f(z) - x,\ n' \rangle + E\|n'\|^2 $$
#
# The middle term is 0 if $n'$ has mean 0 given $x$ and $z$: then the noisy target costs a constant, and the best network
# is the same. Other losses learn something else: the absolute error learns the *median* of the targets.
#
# Below, a "network" may answer one number for a pixel of true brightness 0.2. Which number is best, by the mean
# over 100,000 noisy targets? (Lehtinen et al. 2018, [Noise2Noise](https://arxiv.org/abs/1803.04189))

# %%
truth, sigma = 0.2, 0.15
pixel = np.full(100_000, truth)
targets = {
    "Gaussian": noise.gaussian(pixel, sigma, generator=np.random.default_rng(0)),
    "Rician": noise.rician(pixel, sigma, generator=np.random.default_rng(0)),
    "Poisson (20 counts at 1)": noise.poisson(pixel, 20, generator=np.random.default_rng(0)),
}
answers = np.linspace(0, 0.5, 101)
figure = viz.figure(7.5, 3.6)
axes = figure.subplots()
best = {}
for number, (name, values) in enumerate(targets.items()):
    losses = np.array([np.mean((values - answer) ** 2) for answer in answers])
    best[name] = answers[losses.argmin()]
    axes.plot(answers, losses, label=f"{name}: best {best[name]:.3f}", color=viz.COLOURS[number])
    axes.plot(best[name], losses.min(), "o", color=viz.COLOURS[number])
axes.axvline(truth, color="0.5", linestyle="--", label=f"truth {truth}")
axes.set(xlabel="answer", ylabel="mean squared error against noisy targets")
axes.legend(fontsize=8)
figure.suptitle(f"Only noise of mean 0 teaches the truth ({truth}): Rician noise teaches {best['Rician']:.3f}", fontsize=11)
figure

# %% [markdown]
# The Poisson noise varies with the signal, and teaches the truth all the same: its *mean* is right. The noise need be
# neither Gaussian nor constant; it must be unbiased.
#
# ## 2. A blind spot
#
# With one noisy image only, the network must not see the pixel that it guesses: what it can say of it comes from the
# neighbours, and they do not know its noise. That costs what the pixel itself would have told. Here, three
# weights of a linear filter (the pixel itself, its 8 neighbours, the 16 around these) are fitted by least squares, as a
# network would learn them. (Krull et al. 2019, [Noise2Void](https://arxiv.org/abs/1811.10980))

# %%
generator = torch.Generator().manual_seed(1)
rough = torch.rand(40, 1, 16, 16, generator=generator)
clean = F.interpolate(rough, size=(64, 64), mode="bicubic").clamp(0, 1)


def rings(image):
    """The pixel, the mean of its 8 neighbours, and of the 16 around them: (pixels, 3)."""
    means = [F.avg_pool2d(F.pad(image, (r,) * 4, mode="reflect"), 2 * r + 1, 1) * (2 * r + 1) ** 2 for r in range(3)]
    return torch.stack([means[0], (means[1] - means[0]) / 8, (means[2] - means[1]) / 16], -1).flatten(0, -2)


def fitted(image, target, blind):
    """Weights of the rings, by least squares; blind: the pixel itself is not seen."""
    seen = rings(image)
    weights = torch.zeros(3)
    weights[int(blind) :] = torch.linalg.lstsq(seen[:, int(blind) :], target.reshape(-1, 1)).solution[:, 0]
    return weights


white = noise.gaussian(clean, 0.15, generator=generator)
smear = F.avg_pool2d(F.pad(torch.randn(clean.shape, generator=generator), (1,) * 4, mode="circular"), 3, 1)
blobs = clean + 0.15 * 3 * smear
rows = []
for name, noisy in {"white noise": white, "correlated noise": blobs}.items():
    second = noise.gaussian(clean, 0.15, generator=generator)
    ways = {
        "clean target": fitted(noisy, clean, False),
        "noisy target": fitted(noisy, second, False),
        "itself, blind spot": fitted(noisy, noisy, True),
        "itself, no blind spot": fitted(noisy, noisy, False),
    }
    for way, weights in ways.items():
        error = float(((rings(noisy) @ weights - clean.flatten()) ** 2).mean())
        rows.append((name, way, *weights.tolist(), -10 * math.log10(error)))
print("| noise | target | itself | 8 around | 16 around | PSNR (dB) |\n|---|---|---|---|---|---|")
for name, way, *weights, decibels in rows:
    print(f"| {name} | {way} | {' | '.join(f'{weight:+.2f}' for weight in weights)} | {decibels:.2f} |")

# %% [markdown]
# Without a blind spot the filter learns to copy: weight 1 on itself. With one, it learns what the neighbours say, and
# with white noise that costs less than 1 dB. With correlated noise the neighbours *do* know the noise of the pixel, and the
# blind spot learns to rebuild a part of it.
#
# ## 3. Stein's formula
#
# How wrong is $f(z)$? Write $x = z - n$:
#
# $$ E\|f(z) - x\|^2 = E\|f(z) - z\|^2 + 2\,E\langle f(z) - z,\ n\rangle + E\|n\|^2 $$
#
# For a Gaussian density $g' = -n\,g/\sigma^2$, so one integration by parts for each pixel gives, where $f$ has no jumps,
# $E[n_i f_i(z)] = \sigma^2 E[\partial f_i / \partial z_i]$, and $E\langle z, n\rangle = N\sigma^2$. Together:
#
# $$ E\|f(z) - x\|^2 = E\big[\|f(z) - z\|^2 - N\sigma^2 + 2\sigma^2\,\mathrm{div} f(z)\big] $$
#
# No $x$ is left on the right. A random probe $b$ finds the divergence of any program:
# $\mathrm{div} f \approx b^\top (f(z + \varepsilon b) - f(z))/\varepsilon$. (Stein 1981; Ramani et al. 2008,
# [Monte-Carlo SURE](https://doi.org/10.1109/TIP.2008.2001404))

# %%
thresholds = np.linspace(0, 0.6, 13)
sparse = torch.where(torch.rand(1, 1, 128, 128, generator=generator) < 0.1, 1.0, 0.0)
noisy = noise.gaussian(sparse, 0.15, generator=generator)
true, estimate, distance = [], [], []
for threshold in thresholds.tolist():
    shrink = lambda z, threshold=threshold: F.softshrink(z, threshold)
    true.append(float(((shrink(noisy) - sparse) ** 2).mean()))
    distance.append(float(((shrink(noisy) - noisy) ** 2).mean()))
    estimate.append(float(selfsupervised.sure(shrink, noisy, 0.15, epsilon=1e-4, generator=generator).mean()))
figure = viz.figure(7.5, 3.6)
axes = figure.subplots()
for number, (name, values) in enumerate({"true error": true, "SURE": estimate, "distance to z": distance}.items()):
    axes.plot(thresholds, values, ("-", "--", ":")[number], color=viz.COLOURS[number], label=name)
axes.set(xlabel="soft threshold", ylabel="mean squared error")
axes.legend(fontsize=8)
right, guessed = thresholds[np.argmin(true)], thresholds[np.argmin(estimate)]
figure.suptitle(f"The best threshold is {right:.2f}; SURE, which never saw the truth, says {guessed:.2f}", fontsize=11)
figure

# %% [markdown]
# ## 4. A denoiser for compressed sensing
#
# From $M < N$ random measurements $y = Ax + w$, go back and forth: $r = x_t + A^\top z_t$, $x_{t+1} = D(r)$,
# $z_{t+1} = y - A x_{t+1}$. The error of $r$ looks like noise, but it is not independent of $A$: the same matrix made
# it in the step before. **Onsager's term**, $z_t\,\mathrm{div} D(r)/M$, takes that out, if $A$ is large and has
# independent random entries; what $r$ holds is then $x$ plus nearly white Gaussian noise, whose $\sigma$ is about $\|z_t\|/\sqrt M$. (Metzler et al. 2016,
# [D-AMP](https://arxiv.org/abs/1406.4175))
#
# Here the image has few pixels that are not 0, and a soft threshold is the denoiser.

# %%
image = torch.randn(1, 1, 64, 64, generator=generator) * (torch.rand(1, 1, 64, 64, generator=generator) < 0.06)


def soft(noisy, sigma):
    return torch.sign(noisy) * (noisy.abs() - 1.5 * sigma).clamp(min=0)


figure = viz.figure(9, 3.4)
ends = {}
for axes, (name, operator, onsager) in zip(
    figure.subplots(1, 3, sharey=True),
    [
        ("Gaussian weights", gaussian_measurement((64, 64), 0.3, generator=generator), True),
        ("without Onsager's term", gaussian_measurement((64, 64), 0.3, generator=generator), False),
        ("random signs, cosines", dct_measurement((64, 64), 0.3, generator=generator), True),
    ],
    strict=True,
):  # fmt: skip
    y = operator.forward(image) + 0.01 * torch.randn(1, operator.count, generator=generator)
    found = damp(y, operator, soft, iterations=15, onsager=onsager, keep=True, generator=generator)
    true = [float((seen - image).std()) for seen in found.noisy]
    believed = [float(value) for value in found.sigma]
    ends[name] = true[-1]
    axes.plot(true, "-", color=viz.COLOURS[0], label="true deviation of r")
    axes.plot(believed, "--", color=viz.COLOURS[1], label="σ that it believes")
    axes.set(xlabel="iteration", yscale="log")
    axes.set_title(name, fontsize=9)
axes.legend(fontsize=8)
figure.axes[0].set_ylabel("standard deviation")
told = ", ".join(f"{name} {value:.2g}" for name, value in ends.items())
figure.suptitle(f"True noise of r at the end: {told}", fontsize=11)
figure

# %% [markdown]
# MRI measures Fourier coefficients, most of them at low frequencies, without random signs. There the error of $r$ is
# aliasing, not white noise, and its $\sigma$ differs from frequency to frequency. D-AMP as it stands may fail or diverge; its relative
# VDAMP (Millard et al. 2020, [arXiv](https://arxiv.org/abs/2003.02701)) and the data consistency of
# [lab 09](../labs/lab09_data_consistency/lab09_data_consistency.ipynb) are made for that.
#
# The denoiser may be a network, and D-AMP unrolled: **LDAMP** (Metzler, Mousavi and Baraniuk 2017,
# [arXiv](https://arxiv.org/abs/1704.06625)). It need not be trained end to end: since $r$ is the image plus nearly white noise of
# known $\sigma$, each layer is a denoiser by itself. And because that is just what Stein's formula asks for, it can learn
# without clean images: part 3 and part 4 meet in SURE-LDAMP (Metzler et al. 2018,
# [arXiv](https://arxiv.org/abs/1805.10531)). If the network has no biases, $D(a r) = a D(r)$ for $a > 0$. Then
# $r/\sigma$, with noise of 1, may stand for every iteration, and one set of weights serves them all.
#
# ## What to remember
#
# - Squared error learns the mean of the target. Unbiased noise in the target is harmless, biased noise is learned.
# - A blind spot works as long as the noise has mean 0 and neighbours do not share it.
# - Stein's formula turns Gaussian noise of known $\sigma$ into knowledge of the error.
# - With random measurements, Onsager's term keeps the errors of an iteration nearly white, and that is what lets any denoiser in.
