# %% [markdown]
# # Lecture 08: How to read a table of results
#
# {{badges}}
#
# Forty-five minutes, to be run while you listen. It goes with lab 14, [The attention U-Net](../labs/lab14_attention_unet/lab14_attention_unet.ipynb), and looks back at
# [lab 04](../labs/lab04_noise_and_classics/lab04_noise_and_classics.ipynb). A table says: *ours 38.5 dB, BM3D 29.1 dB*. Seven questions to ask before you believe it:
#
# 1. Which pixels were scored?
# 2. What was clipped, and which formula gave the score?
# 3. Was the rival at its best?
# 4. Would another seed say the same?
# 5. What does p speak about?
# 6. What can be compared with a published number?
# 7. What is not in the table?
#
# Each section makes a number better or worse **without changing the method**.
#
# "The deck" is Thomas, Namgyal, Devi Krishna and Babu, *Deep convolutional transfer learning based model with U-Net architecture and attention mechanism for denoising medical MR images*:
# undated slides. "The first deck" is the same group's *Denoising autoencoder for the removal of noise in medical images*.

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
# ## 1. Which pixels were scored?
#
# Take one slice, and put more and more air around it. The head does not change, nor does the method: non-local means, told the true sigma. Then score the whole image. (*Corrected* means that
# the mean is inverted, as in lecture 02.)

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
said = ", ".join(f"{name} {value:+.1f} dB" for name, value in change.items())
figure = viz.figure(9, 3.8, title=f"More air, same head: {said}\nInside the brain nothing moves by more than {steady:.1f} dB")
axes = figure.subplots()
for (name, values), colour in zip(scores.items(), ("#0072B2", "#D55E00", "#009E73"), strict=True):
    axes.plot(shares, values, "o-", color=colour, label=f"{name}, whole image")
    axes.plot(shares, inside[name], ":", color=colour, label=f"{name}, brain")
axes.set(xlabel="share of the image that is air (%)", ylabel="PSNR (dB)")
figure.legend(fontsize=8, loc="outside right center")
figure

# %% [markdown]
# Air is easy for a method that removes the noise there. A method that leaves the Rician floor is pushed towards 17.2 dB, the score of an image that is all floor at sigma 0.11. So a score of the whole image
# is also a score of the **cropping**. Tables from differently cropped slices cannot be compared, and skull-stripped images are mostly air. Ask for the region. Inside the brain the lines are nearly flat (each margin brings its own draw of the noise).
#
# ## 2. What was clipped, and which formula?
#
# The same noisy slices, the same method (BM3D), scored in ways that papers and programs use. (A few seconds.)

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
# None of these is a lie, as long as the paper says which it is. Without that, a difference of a decibel between two papers says nothing. The rule of this course: noisy images not clipped, outputs clipped, data range 1, SSIM of Wang et al.
# with the Gaussian window, the mean over slices of the PSNR of each. It stands under every table.
#
# Data range 2 is not far-fetched: older versions of scikit-image took it by default in `structural_similarity` for floating-point images, and 1 in `peak_signal_noise_ratio`. So a table
# could have a right PSNR beside an SSIM that is too high.
#
# The first deck says: "Generally SSIM values 0.97, 0.98, 0.99 for good quality reconstruction techniques." Good at which noise, and where? Here is BM3D, from hardly any noise to a lot:

# %%
levels = profile.pick(ci=[0.01, 0.1], cpu=[0.01, 0.02, 0.03, 0.05, 0.1], gpu=[0.01, 0.02, 0.03, 0.05, 0.07, 0.1])
few_masks = colin.brain_masks[:: profile.pick(ci=2, cpu=3, gpu=3)]
similarity = {"whole image": [], "brain": [], "whole image, unfiltered": []}
for level in levels:
    corrupted = noise.gaussian(few, level, generator=seeded(2))
    cleaned = bm3d(corrupted, level).clamp(0, 1)
    similarity["whole image"].append(float(metrics.ssim(cleaned, few, data_range=1).mean()))
    similarity["brain"].append(float(metrics.ssim(cleaned, few, data_range=1, mask=few_masks).mean()))
    similarity["whole image, unfiltered"].append(float(metrics.ssim(corrupted, few, data_range=1).mean()))
good = [level for level, value in zip(levels, similarity["brain"], strict=True) if value >= 0.97]
figure = viz.figure(7, 3.6, title=f"BM3D: SSIM 0.97 in the brain up to sigma {max(good, default=0):g}, and {similarity['brain'][-1]:.2f} at sigma {levels[-1]}")
axes = figure.subplots()
for (name, values), style in zip(similarity.items(), ("o-", "s--", "^:"), strict=True):
    axes.plot(levels, values, style, label=name)
axes.axhline(0.97, color="black", linewidth=1, linestyle="-.", label="0.97, “good quality”")
axes.set(xlabel="sigma of the Gaussian noise (data range 1)", ylabel="SSIM (Wang 2004)", ylim=(0, 1.02))
axes.legend(fontsize=8)
figure

# %% [markdown]
# An SSIM without its noise level is no quality. The same method is "good" at little noise and "bad" at much, and the same picture has another SSIM in another region. 0.97 is a fair goal for light noise; for sigma 0.1
# no classical method in this course comes near it.
#
# ## 3. Was the rival at its best?
#
# A filter has a knob. If the rival's knob is left where it was, while the new method is trained for this very noise, unlike things are compared. Let NLM be "ours", and total variation, with its knob, the rival:

# %%
strengths = profile.pick(ci=[0.5, 1.0, 2.0], cpu=[0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0], gpu=[0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0])
ours = float(psnr(filters.non_local_means(noisy, 0.1).clamp(0, 1), few).mean())
rival = [float(psnr(filters.total_variation(noisy, strength * 0.1).clamp(0, 1), few).mean()) for strength in strengths]
floor = noise.rician(few, 0.11, generator=seeded(1))
before, after = (float(psnr(denoiser(floor, 0.11).clamp(0, 1), few).mean()) for denoiser in (filters.total_variation, bias_corrected(filters.total_variation)))
figure = viz.figure(6.8, 3.8, title=f"“Ours” leads by {ours - max(rival):.1f} to {ours - min(rival):.1f} dB, depending on the rival's knob\nUnder Rician noise the rival, uncorrected, loses {after - before:.1f} dB more")
axes = figure.subplots()
axes.plot(strengths, rival, "s-", color="#D55E00", label="rival: total variation")
axes.axhline(ours, color="#0072B2", label="“ours”: NLM, tuned")
axes.axvline(1, color="0.6", linestyle=":", label="told the true sigma")
axes.set(xlabel="sigma that the rival is told / true sigma", ylabel="PSNR (dB)")
axes.legend(fontsize=8)
figure

# %% [markdown]
# So ask: how were the rival's parameters chosen, for which noise, on which images? Was it told sigma? Under Rician noise: was it corrected? In the deck all seven filters end
# within one decibel, near 17 dB. Scores so alike suggest a shared error, and the floor may be one. Section 6 asks whether it can be the only one.
#
# ## 4. Would another seed say the same?
#
# One small network, one recipe, several seeds: other initial weights, other patches, other noise. Then we pretend that they are different *methods*. (About 15 s on 2 cores.)

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
for k, gain in enumerate(best_of[1:], 2):
    print(f"the best of {k} seeds, for a normal distribution of this width: {gain:+.2f} dB over the mean")
table

# %% [markdown]
# "We report the best of k runs" adds that much to *any* method. If only **ours** was run k times (and a method in development is run many times), the lead comes from nothing. And the best run must not be picked by its score on the test set.
#
# A table needs, for each row: how many seeds, their mean, their spread.
#
# ## 5. What does p speak about?
#
# The same networks. The paired t-test over slices compares every pair. There is nothing to find: one architecture, one recipe.

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
# The pairing is right: the scores vary far more from slice to slice than the difference of two methods does, so look at differences. But the test takes the slices as independent, and knows nothing of training. Its p answers: *do these two files of weights differ on
# this head?* They nearly always do. Whether the **method** is better takes several seeds; whether it is better for **people** takes many heads, with one value for each. And always give the size of the difference beside p, with an interval: with enough slices
# even 0.02 dB is significant.
#
# ## 6. Published against measured
#
# Numbers of two papers cannot be subtracted. But a published table can be *checked*, without its data. Take that of the deck:

# %%
noise_only = 20 * np.log10(1 / 0.1)
bound = 20 * np.log10(1 / (0.11 * np.sqrt(np.pi / 2)))
PUBLISHED = {"Gaussian": (16.84, 0.3562), "bilateral": (17.74, 0.4709), "TV": (17.01, 0.4895), "wavelet": (16.88, 0.4105), "shift-invariant wavelet": (16.90, 0.4408), "NLM": (16.94, 0.4824), "BM3D": (16.92, 0.4835)}
below = sum(value < bound for value, _ in PUBLISHED.values())
print(f"Gaussian, sigma 0.1: the noisy image itself has {noise_only:.1f} dB, if data range and sigma have the same unit. Published: Gaussian filter 24.6, bilateral 22.0.")
print(f"Rician, sigma 0.11: an image that is all air, averaged perfectly and not corrected, has {bound:.1f} dB. Of the {len(PUBLISHED)} published filters {below} lie below that.")
for name, value, ssim in (("UNet-DCTD-A, Gaussian", 38.47, 0.9613), ("UNet-DCTD-A, Rician", 36.75, 0.9415), ("BM3D, Gaussian", 29.13, 0.8343)):
    print(f"{name:24} {value} dB is a root mean squared error of {10 ** (-value / 20):.4f}: {0.1 / 10 ** (-value / 20):.1f} times less than the noise; SSIM {ssim}")

# %% [markdown]
# The bias is largest in air. So the bias *alone* gives at least 17.2 dB, whatever the image shows (if data range and sigma have the same unit), and real images are not all air. That the floor was not subtracted is likely:
# corrected filters score far higher here. But the floor alone does not explain the row. Three explanations stand side by side, and each predicts PSNR **and** SSIM. Do they hold?

# %%
FILTERS = {"Gaussian": filters.gaussian, "bilateral": filters.bilateral, "TV": filters.total_variation, "wavelet": filters.wavelet, "shift-invariant wavelet": filters.shift_invariant_wavelet, "NLM": filters.non_local_means, "BM3D": bm3d}
weak = {name: (lambda noisy, sigma, method=method: method(noisy, sigma / 4)) for name, method in FILTERS.items()}
EXPLANATIONS = {"the floor (sigma 0.11)": (0.11, FILTERS), "sigma 0.13": (0.13, FILTERS), "weak filters (sigma 0.11)": (0.11, weak)}
crosses = np.array(list(PUBLISHED.values()))
print(f"{'published, mean of seven filters':46} {crosses[:, 0].mean():5.1f} dB   SSIM {crosses[:, 1].mean():.2f}")
for head, pictures in {"whole head": few, "skull-stripped": few * few_masks}.items():
    print(f"{head} ({100 * float((pictures == 0).double().mean()):.0f} % air)")
    for name, (level, methods) in EXPLANATIONS.items():
        trial = evaluation.compare(methods, pictures, noise.rician, sigma=level, progress=False)
        ours = np.array([[trial.mean(method, metric) for metric in ("PSNR", "SSIM")] for method in FILTERS])
        off = np.abs(ours - crosses).mean(0)
        unfiltered = f"unfiltered {trial.mean(trial.methods[0]):.1f} dB / {trial.mean(trial.methods[0], 'SSIM'):.2f}"
        print(f"    {name:42} {ours[:, 0].mean():5.1f} dB   SSIM {ours[:, 1].mean():.2f}   off by {off[0]:.1f} dB and {off[1]:.2f}   ({unfiltered})")

# %% [markdown]
# Skull-stripped heads at sigma 0.13 fit the PSNR, and miss the SSIM by far. Filters that hardly filter come near in PSNR too (look at the unfiltered image), with an even lower SSIM. Whole heads come nearer in SSIM, and have 2 to 4 dB too much. **None fits both.** It stays
# unexplained: the images, their scaling, the SSIM (data range 2, section 2, would add 0.04 to 0.11 here), the filters' parameters, or several of these at once. That is the honest end of such a check: not "it is the floor", but
# "the table does not show what it seems to show".
#
# Three more things that a reader sees in these slides. (1) The table says *sigma 0.11*, the conclusion *13 % noise*: which? (2) The title of Table 1 has "noise factor 0.1, mean 0, standard deviation 1", which is clear if the images were in [0, 1]; the slides do not say. (3)
# "Increasing the epoch count could potentially enhance the SSIM performance": then training was not finished, and perhaps that of the rival, the CDAE, was not either.
#
# None of this says that the network is bad. It says that the table does not show how good it is. The remedy is always the same: **the same noisy images for every method**, in one run of one program. That is what `evaluation.compare`, and `course evaluate` on hidden seeds, are for.
#
# ## 7. And where there is no clean image?
#
# Your own scan has no clean twin, so no PSNR and no SSIM. What you can still read is what a method **took away**. If that was noise and nothing else, it is as large as the noise (its standard
# deviation is sigma), its neighbouring pixels share nothing, and no anatomy shows in it. `course denoise scan.nii.gz out.nii.gz --report page.html` measures sigma, looks at the first two, and shows you the third. Here it gets Colin27 in a scanner's units, with
# Rician noise of sigma 45 of 900. Once it measures sigma itself, twice we tell it a wrong one. The dB are known only because Colin27 has a clean twin. (A few seconds.)

# %%
from course_lib import scans
from course_lib.data.anatomy import colin27, upright

# a network for scans sees neighbours, too: these five slices lie one above the other
pictures, inside = (torch.from_numpy(upright(part[..., 84:89]))[:, None] for part in (colin27().data, colin27().brain_mask))
stored = noise.rician(pictures, 0.05, generator=seeded(3))
volume = 900 * stored[:, 0].permute(2, 1, 0).numpy()  # (N, H, W) -> (W, H, N)
rests, titles = [], []
for name, told in {"measured": "auto", "told half": 22.5, "told twice": 90.0}.items():
    found = scans.denoise_volume(volume, sigma=told, progress=False)
    image = torch.from_numpy(found.volume).permute(2, 1, 0)[:, None] / 900  # -> (N, 1, H, W)
    decibels = float(psnr(image, pictures, mask=inside).mean())
    away = float(np.nanmedian(found.removed * found.noise.sigma))
    print(f"{name}: sigma {np.median(found.noise.sigma):.1f}, by {found.method}: {decibels:.1f} dB in the brain; taken away: {away:.0f}; neighbouring pixels share {found.alike:.2f}")
    print(*[f"    doubt: {doubt}" for doubt in found.doubts], sep="\n", end="\n" if found.doubts else "")
    rests.append(0.5 + (stored - image)[len(image) // 2, 0] / 0.4)
    titles.append(f"{name}: {decibels:.1f} dB")
viz.gallery(rests, titles=titles, title="What was taken away: told half, too little; told twice, with anatomy in it")

# %% [markdown]
# A wrong sigma shows without any clean image. A right one does not prove that all is well: a method that replaces fine detail by noise-free *invented* detail takes away noise, too (lecture 09).
#
# ## 8. What is not in the table?
#
# | ask | good answer | in this course |
# |---|---|---|
# | Which images, how many people? | named, public, test people apart from training people | Colin27 (one head!); IXI by subject where it is available |
# | Which region? | whole image and brain | both in the main tables |
# | Noise: which, which sigma, clipped? | said | caption of every table |
# | Which metric, in which form? | formula or function | `metrics`, window and data range said |
# | Baselines: tuned on what, told sigma, corrected? | at their best, on other images | tuned on synthetic heads; under Rician noise also corrected |
# | The noisy row? | printed | first row of every table |
# | Seeds? | several, with spread | not always: some small experiments have one seed, and are to be read as section 4 says |
# | Test? | paired, over people, corrected for many | `paired_tests(…, groups=…)`, Holm |
# | Budget? | the same for all, until none improves | said where it is not so |
# | Weights? | where the network started from | `init: imagenet` or `random` in each row |
# | Pictures? | with difference maps, chosen before looking | the middle slice |
# | Can I run it? | code, seed, machine | each number has its command |
#
# ## What to remember
#
# - A score belongs to pixels, a formula, and a way of clipping. Change one of them, and decibels move.
# - Compare with the strongest rival, at its best, on the same noisy images.
# - Use several seeds. The best of k is better than the mean by chance alone.
# - p over slices speaks about files of weights; over seeds, about a method; over people, about people.
# - A published table can be checked by arithmetic, but not subtracted from yours. A bound refutes; one number that fits does not prove.
#
# **Sources.** The deck, Tables 1 and 2; the first deck; Gudbjartsson and Patz 1995, [The Rician distribution of noisy MRI data](https://doi.org/10.1002/mrm.1910340618) (the floor); Wang et al. 2004, [Image quality assessment: from error visibility
# to structural similarity](https://doi.org/10.1109/TIP.2003.819861); Student 1908, [The probable error of a mean](https://doi.org/10.1093/biomet/6.1.1); Holm 1979, *A simple sequentially rejective multiple test procedure*; Henderson et al. 2018, [Deep
# reinforcement learning that matters](https://arxiv.org/abs/1709.06560) (seeds); Bouthillier et al. 2021, [Accounting for variance in machine learning benchmarks](https://arxiv.org/abs/2103.03098); scikit-image, [pull request
# 6595](https://github.com/scikit-image/scikit-image/pull/6595) (the data range of SSIM).
