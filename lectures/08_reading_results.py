# %% [markdown]
# # Lecture 08: How to read a table of results
#
# {{badges}}
#
# Forty minutes, to be run while you listen. It goes with lab 14. A table says: *ours 38.5 dB, BM3D 29.1 dB*. Seven questions to ask before you believe it:
#
# 1. Of which pixels?
# 2. Clipped where, and scored by which formula?
# 3. Was the opponent given his best?
# 4. Would another seed say the same?
# 5. What is p about?
# 6. What can be compared with what was published?
# 7. What is not in the table?
#
# Each section makes a number better or worse **without changing the method**.

# %% tags=["setup"]
# `course build` writes the set-up cell here

# %%
import functools

import numpy as np
import torch

from course_lib import evaluation, metrics, noise, training, viz
from course_lib.classical import filters
from course_lib.classical.bm3d import bm3d
from course_lib.classical.rician import bias_corrected
from course_lib.data import brains

colin = brains.brain_slices("colin27", slices=profile.pick(ci=4, cpu=12, gpu=24))
middle = len(colin) // 2
clean, brain = colin.images[middle : middle + 1], colin.brain_masks[middle : middle + 1]
psnr = functools.partial(metrics.psnr, data_range=1)
seeded = lambda seed: torch.Generator().manual_seed(seed)

# %% [markdown]
# ## 1. Of which pixels?
#
# Take one slice, and put more and more air around it. The head does not change, nor does the method: non-local means, told the true sigma. Then score the whole image.

# %%
margins = [0, 20, 40, 80, 120]
corrected = bias_corrected(filters.non_local_means)
CASES = {
    "Gaussian 0.1": (noise.gaussian, 0.1, filters.non_local_means),
    "Rician 0.11, uncorrected": (noise.rician, 0.11, filters.non_local_means),
    "Rician 0.11, corrected": (noise.rician, 0.11, corrected),
}
scores, inside, shares = {name: [] for name in CASES}, {name: [] for name in CASES}, []
for margin in margins:
    wide = torch.nn.functional.pad(clean, [margin] * 4)
    mask = torch.nn.functional.pad(brain, [margin] * 4)
    shares.append(100 * float((wide == 0).double().mean()))
    for name, (corrupt, sigma, denoiser) in CASES.items():
        answer = denoiser(corrupt(wide, sigma, generator=seeded(0)), sigma).clamp(0, 1)
        scores[name].append(float(psnr(answer, wide)))
        inside[name].append(float(psnr(answer, wide, mask=mask)))
change = {name: values[-1] - values[0] for name, values in scores.items()}
steady = max(max(values) - min(values) for values in inside.values())
figure = viz.figure(9, 3.8, title="More air, same head: " + ", ".join(f"{name} {value:+.1f} dB" for name, value in change.items()) + f"\nInside the brain nothing moves by more than {steady:.1f} dB")
axes = figure.subplots()
for (name, values), colour in zip(scores.items(), ("C0", "C3", "C2"), strict=True):
    axes.plot(shares, values, "o-", color=colour, label=f"{name}, whole image")
    axes.plot(shares, inside[name], ":", color=colour, label=f"{name}, brain")
axes.set(xlabel="share of the image that is air (%)", ylabel="PSNR (dB)")
figure.legend(fontsize=8, loc="outside right center")
figure

# %% [markdown]
# Air is easy for a method that leaves none of its noise there, and a wall of 17 dB for one that leaves the Rician floor. So a score of the whole image is a score of the **cropping**, too. Two tables from
# differently cropped slices cannot be compared, and skull-stripped images are mostly air. Ask for the region. Inside the brain the lines are nearly flat (each margin brings its own draw of the noise).
#
# ## 2. Clipped where, and which formula?
#
# The same noisy slices, the same method (BM3D), scored in the ways that one finds in papers and codes. (A few seconds.)

# %%
few = colin.images[:: profile.pick(ci=2, cpu=3, gpu=3)]
noisy = torch.cat([noise.gaussian(image[None], 0.1, generator=seeded(number)) for number, image in enumerate(few)])
raw, raw_clipped = bm3d(noisy, 0.1), bm3d(noisy.clamp(0, 1), 0.1)
answer = raw.clamp(0, 1)
error = metrics.mse(answer, few)
peaks = few.amax((1, 2, 3))
uniform = functools.partial(metrics.ssim, data_range=1, window="uniform")
WAYS = {  # name: (PSNR, SSIM)
    "ours: input as it is, output clipped": (float(psnr(answer, few).mean()), float(metrics.ssim(answer, few, data_range=1).mean())),
    "output not clipped": (float(psnr(raw, few).mean()), float(metrics.ssim(raw, few, data_range=1).mean())),
    "noisy input clipped to [0, 1]": (float(psnr(raw_clipped.clamp(0, 1), few).mean()), float(metrics.ssim(raw_clipped.clamp(0, 1), few, data_range=1).mean())),
    "PSNR of the mean MSE; SSIM 7×7": (float(-10 * torch.log10(error.mean())), float(uniform(answer, few).mean())),
    "peak of each slice as data range": (float((10 * torch.log10(peaks**2 / error)).mean()), None),
    "data range 2 (“images are in [−1, 1]”)": (float(metrics.psnr(answer, few, data_range=2).mean()), float(metrics.ssim(answer, few, data_range=2).mean())),
    "8-bit output": (float(psnr((answer * 255).round() / 255, few).mean()), float(metrics.ssim((answer * 255).round() / 255, few, data_range=1).mean())),
}
start = WAYS["ours: input as it is, output clipped"]
for name, (value, similarity) in WAYS.items():
    print(f"{name:42} PSNR {value:6.2f} dB ({value - start[0]:+.2f})" + (f"   SSIM {similarity:.3f} ({similarity - start[1]:+.3f})" if similarity is not None else ""))
span = [value for value, _ in WAYS.values()]
print(f"\nOne method, the same pixels: from {min(span):.1f} to {max(span):.1f} dB.")

# %% [markdown]
# None of these is a lie, if the paper says which it is. Without that, a difference of a decibel between two papers says nothing. The rule of this course: noisy images not clipped, outputs clipped, data range 1, SSIM of Wang et al.
# with the Gaussian window, the mean over slices of the PSNR of each. It stands under every table.
#
# ## 3. Was the opponent given his best?
#
# A filter has a knob. Whoever leaves the opponent's knob where it was, but trains his own method for this very noise, compares unlike things. Let NLM be "ours", and total variation, with a knob, the opponent:

# %%
strengths = profile.pick(ci=[0.5, 1.0, 2.0], cpu=[0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0], gpu=[0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0])
ours = float(psnr(filters.non_local_means(noisy, 0.1).clamp(0, 1), few).mean())
opponent = [float(psnr(filters.total_variation(noisy, strength * 0.1).clamp(0, 1), few).mean()) for strength in strengths]
floor = noise.rician(few, 0.11, generator=seeded(1))
before, after = (float(psnr(denoiser(floor, 0.11).clamp(0, 1), few).mean()) for denoiser in (filters.total_variation, bias_corrected(filters.total_variation)))
figure = viz.figure(6.8, 3.8, title=f"“Ours” leads by {ours - max(opponent):.1f} to {ours - min(opponent):.1f} dB, as you please\nUnder Rician noise the opponent, uncorrected, loses {after - before:.1f} dB more")
axes = figure.subplots()
axes.plot(strengths, opponent, "s-", color="#D55E00", label="opponent: total variation")
axes.axhline(ours, color="#0072B2", label="“ours”: NLM, tuned")
axes.axvline(1, color="0.6", linestyle=":", label="told the true sigma")
axes.set(xlabel="sigma that the opponent is told / true sigma", ylabel="PSNR (dB)")
axes.legend(fontsize=8)
figure

# %% [markdown]
# So ask: how were the opponent's parameters chosen, for which noise, on which images? Was he told sigma? Under Rician noise: corrected? In the deck of the attention U-Net all seven filters end
# within one decibel, near 17 dB. Seven methods that score alike have one error in common: nobody took the floor away (lab 04).
#
# ## 4. Would another seed say the same?
#
# One small network, one recipe, several seeds: other first weights, other patches, other noise. Then we pretend that they were *methods*. (About 15 s on 2 cores.)

# %%
from course_lib.data.mixture import Mixture
from course_lib.models.attention_unet import AttentionUNet

cohort = brains.brain_slices("cohort", subjects=2, slices=profile.pick(ci=8, cpu=30, gpu=30))  # synthetic heads
steps, seeds = profile.pick(ci=2, cpu=60, gpu=400), range(profile.pick(ci=3, cpu=6, gpu=10))
networks = {}
for seed in seeds:
    with training.fixed_seed(seed):
        networks[f"seed {seed}"] = AttentionUNet(encoder="small", width=16)
    recipe = training.ATTENTION_RECIPE["MSE"] | {"epochs": 1, "batch_size": 8, "schedule": None}
    training.fit(networks[f"seed {seed}"], Mixture({"heads": cohort.images}, count=8 * steps, size=48), corrupt=training.noising("gaussian", 0.1), seed=seed, progress=False, **recipe)

methods = {name: lambda noisy, sigma, network=network: training.denoise(network, noisy, batch_size=8) for name, network in networks.items()}
table = evaluation.compare(methods, colin.images, noise.gaussian, sigma=0.1, masks={"whole image": None, "brain": colin.brain_masks}, progress=False)
means = np.array([table.mean(name) for name in networks])
sd = means.std(ddof=1)
draws = np.random.default_rng(0).normal(size=(20000, len(seeds)))
best_of = [float(sd * draws[:, :k].max(1).mean()) for k in range(1, len(seeds) + 1)]
print(f"{len(seeds)} seeds: {means.min():.2f} to {means.max():.2f} dB, standard deviation {sd:.2f} dB")
for k, gain in enumerate(best_of, 1):
    print(f"the best of {k} seeds, for a normal distribution of this width: {gain:+.2f} dB over the mean")
table

# %% [markdown]
# "We report the best of k runs" adds that much to *any* method. If only **ours** was run k times (and whoever develops a method runs it many times), this is a lead out of nothing. And the number that picks the best run must not be that of the test set.
#
# A table needs, for each row: how many seeds, their mean, their spread.
#
# ## 5. What is p about?
#
# The same networks. Every pair is compared by the paired t-test over slices. There is nothing to find: one architecture, one recipe.

# %%
names = list(networks)
pairs = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
tests = {pair: evaluation.paired_test(table.per_slice(pair[0]), table.per_slice(pair[1])) for pair in pairs}
small = [pair for pair, test in tests.items() if test.p < 0.05]
corrected_p = dict(zip(tests, evaluation.holm([test.p for test in tests.values()]), strict=True))
still = sum(p < 0.05 for p in corrected_p.values())
lag = [float(np.corrcoef(d[:-1], d[1:])[0, 1]) for a, b in pairs for d in [table.per_slice(a) - table.per_slice(b)] if len(d) > 2]
a, b = max(tests, key=lambda pair: abs(tests[pair].difference))
first, second, d = table.per_slice(a), table.per_slice(b), tests[a, b]
pooled = float(np.sqrt((first.var(ddof=1) + second.var(ddof=1)) / 2))
figure = viz.figure(9, 3.6, title=f"{len(small)} of {len(pairs)} pairs of equal recipes are “significant” (p < 0.05), {still} after Holm's correction")
left, right = figure.subplots(1, 2)
left.plot(first, "o-", label=a)
left.plot(second, "s-", label=b)
left.set(xlabel="slice, from below", ylabel="PSNR (dB)")
left.set_title(f"slices differ by {pooled:.1f} dB (sd)", fontsize=9)
left.legend(fontsize=8)
right.plot(first - second, "k.-")
right.axhline(0, color="0.6")
right.set(xlabel="slice, from below", ylabel=f"{a} − {b} (dB)")
right.set_title(f"the difference by {d.sd:.2f} dB; neighbours: r = {np.median(lag):.2f} (all pairs)", fontsize=9)
figure

# %% [markdown]
# The pairing is right: slices differ far more than methods do, so look at differences. But the test takes the slices as independent, and knows nothing of training. Its p answers: *do these two files of weights differ on
# this head?* They nearly always do. Whether the **method** is better is a question to seeds; whether it is better for **people**, one to heads: one value a head, many heads. And always the size of the difference beside p, with an interval: a
# difference of 0.02 dB can be as significant as you like.
#
# ## 6. Published against measured
#
# Numbers of two papers cannot be subtracted. But a published table can be *checked*, without its data. Take that of the deck:

# %%
noise_only = 20 * np.log10(1 / 0.1)
bound = 20 * np.log10(1 / (0.11 * np.sqrt(np.pi / 2)))
share = 10 ** ((bound - 16.92) / 10)
spread = 17.74 - 16.84
print(f"Gaussian, sigma 0.1: the noisy image itself has {noise_only:.1f} dB, if data range and sigma have the same unit. Published: Gaussian filter 24.6, bilateral 22.0.")
print(f"Rician, sigma 0.11: an image that is all air, with perfect averaging, has {bound:.1f} dB. Published: seven filters from 16.8 to 17.7, {spread:.1f} dB apart.")
print(f"BM3D's published 16.92 dB are {share:.0%} of the squared error of nothing but floor: the bias alone explains the row.")
for name, value, similarity in (("UNet-DCTD-A, Gaussian", 38.47, 0.9613), ("UNet-DCTD-A, Rician", 36.75, 0.9415), ("BM3D, Gaussian", 29.13, 0.8343)):
    print(f"{name:24} {value} dB is a root mean squared error of {10 ** (-value / 20):.4f}: {0.1 / 10 ** (-value / 20):.1f} times less than the noise; SSIM {similarity}")

# %% [markdown]
# Three more things a reader sees in these slides. (1) The table says *sigma 0.11*, the conclusion *13 % noise*: which? (2) The title of Table 1 has "noise factor 0.1, mean 0, standard deviation 1": fine, if the images were in [0, 1]; it does not say. (3)
# "Increasing the epoch count could enhance the SSIM": then it was not trained to its end, and neither, perhaps, was its rival, the CDAE.
#
# None of this says that the network is bad. It says that the table does not show how good it is. The remedy is always the same: **the same noisy images for everybody**, in one run of one code. That is what `evaluation.compare`, and `course evaluate` on hidden seeds, are for.
#
# ## 7. What is not in the table?
#
# | ask | good answer | in this course |
# |---|---|---|
# | Which images, how many people? | named, public, test people apart from training people | Colin27 (one head!); IXI by subject where it is at hand |
# | Which region? | whole image and brain | both, always |
# | Noise: which, which sigma, clipped? | said | caption of every table |
# | Which metric, in which form? | formula or function | `metrics`, window and data range said |
# | Baselines: tuned on what, told sigma, corrected? | at their best, on other images | tuned on synthetic heads; BM3D also stabilised |
# | Seeds? | several, with spread | at least two in every ablation |
# | Test? | paired, over people, corrected for many | `paired_tests(…, groups=…)`, Holm |
# | Budget? | the same for all, and until none gets better | said where it is not so |
# | Weights? | what the network began as | `init: imagenet` or `random` in each row |
# | Pictures? | with difference maps, chosen before looking | the middle slice |
# | Can I run it? | code, seed, machine | each number has its command |
#
# ## What to remember
#
# - A score belongs to pixels, a formula, and a way of clipping. Change one of them, and decibels move.
# - The strongest opponent, at his best, on the same noisy images.
# - Several seeds. The best of k is better than the mean by chance alone.
# - p over slices speaks about files of weights; over seeds, about a method; over people, about people.
# - A published table can be checked by arithmetic, but not be subtracted from yours.
#
# **Sources.** Attention U-Net deck, Tables 1 and 2; Gudbjartsson and Patz 1995 (the floor); Wang et al. 2004 (SSIM); Student 1908; Holm 1979; Henderson et al. 2018, *Deep reinforcement learning that matters* (seeds); Bouthillier et al. 2021, *Accounting for
# variance in machine learning benchmarks*.
