# %% [markdown]
# # Lecture 03: Classical denoising, and what is a good image?
#
# {{badges}}
#
# Fifty minutes, to be run while you listen. It goes with labs 04 and 05,
# [Noise in MR images, and the classical filters](../labs/lab04_noise_and_classics/lab04_noise_and_classics.ipynb) and
# [What is a good image?](../labs/lab05_image_quality/lab05_image_quality.ipynb). Four questions:
#
# 1. What does a filter pay for the noise that it removes?
# 2. What do the bilateral filter, total variation, wavelets, non-local means and BM3D each assume about an image?
# 3. What is in the residual, the part that a filter takes away?
# 4. What does a metric see of all this, and what does it miss?

# %% tags=["setup"]
# `course build` writes the set-up cell here

# %%
import time
from functools import partial

import numpy as np
from scipy import fft, ndimage

from course_lib import evaluation, metrics, noise, viz
from course_lib.classical import filters
from course_lib.classical.bm3d import bm3d
from course_lib.data import brains

sigma = 0.1
slices = brains.brain_slices("colin27", slices=3)
clean = slices.images[1, 0].numpy()
noisy = noise.gaussian(clean, sigma, generator=np.random.default_rng(0))
head = (slice(40, 190), slice(15, 165))  # what we look at: 150×150 pixels
window = viz.window(clean)  # the greys that fit this head


def picture(name, denoiser):
    """Denoise, and show the answer with its difference map; the title says what it costs and what it takes away."""
    times = []
    for _ in range(2):  # the first call may load a library
        start = time.perf_counter()
        denoised = denoiser(noisy, sigma)
        times.append(time.perf_counter() - start)
    white = metrics.residual_whiteness(noisy, denoised)
    return viz.panel(
        clean[head], noisy[head], denoised[head], difference_range=0.25, window=window,
        title=f"{name}: {min(times):.2f} s for 217×181 pixels; whiteness of the residual {white:.2f} (noise: 1)",
    )  # fmt: skip


# %% [markdown]
# All pictures show one slice of Colin27 with Gaussian noise, sigma 0.1. The noisy image is not clipped; answers are clipped to [0, 1] before
# they are scored. The filters are those of `course_lib.classical`, with the strengths that were best on *synthetic* training heads.
#
# ## 1. Linear smoothing: bias against variance
#
# A Gaussian filter averages neighbours: `x̂ = g ∗ y`. It is linear, so its effect on `y = x + n` separates into two parts: it blurs
# the image (**bias**: `g ∗ x − x`), and it shrinks the noise (**variance**: `g ∗ n`). We can look at each alone.

# %%
widths = np.linspace(0.3, 2.5, 23)
bias = [np.mean((ndimage.gaussian_filter(clean, width) - clean) ** 2) for width in widths]
variance = [np.mean(ndimage.gaussian_filter(noisy - clean, width) ** 2) for width in widths]
total = [np.mean((ndimage.gaussian_filter(noisy, width) - clean) ** 2) for width in widths]
best = int(np.argmin(total))

figure = viz.figure(6.4, 3.6)
axes = figure.subplots()
axes.plot(widths, bias, label="bias²: the image, blurred")
axes.plot(widths, variance, label="variance: the noise, averaged")
axes.plot(widths, np.add(bias, variance), color="0.7", linewidth=5, label="their sum")
axes.plot(widths, total, "k--", label="MSE of the filtered image")
axes.axvline(widths[best], color="0.5", linewidth=0.8)
axes.set(
    xlabel="width of the Gaussian (pixels)", ylabel="mean square (data range 1)", ylim=(0, 0.008),
    title=f"Best at {widths[best]:.1f} pixels: {bias[best] / (bias[best] + variance[best]):.0%} of the error is blur, the rest is noise",
)  # fmt: skip
axes.legend(fontsize=8)
figure

# %%
picture("Gaussian filter", filters.gaussian)

# %% [markdown]
# Look at the difference map: the edges are in it. No width helps, because the filter treats an edge and a flat region alike. **Everything that follows
# answers one question: how can a filter know which pixels belong together?**
#
# ## 2. The median, the bilateral filter, total variation
#
# **Median**: `x̂ᵢ = median of yⱼ, j near i`. It assumes that bad pixels are few. For Gaussian noise, where every pixel is a little wrong, it gains
# nothing over the mean. For salt and pepper, where a few are wholly wrong, it is far better (the Gaussian filter is the one for sigma 0.1; another width would add less than 1 dB):

# %%
spotted = noise.salt_and_pepper(clean, 0.1, generator=np.random.default_rng(1))
outcome = {
    f"{corruption}, {name}": float(metrics.psnr(np.clip(answer, 0, 1), clean, data_range=1))
    for corruption, image in (("Gaussian noise", noisy), ("salt and pepper", spotted))
    for name, answer in (("Gaussian filter", filters.gaussian(image, sigma)), ("median", filters.median(image, sigma)))
}
for name, value in outcome.items():
    print(f"{name:36}{value:6.2f} dB")
viz.panel(
    clean[head], spotted[head], {"Gaussian filter": filters.gaussian(spotted, sigma)[head], "median": filters.median(spotted, sigma)[head]}, window=window,
    title=f"Salt and pepper: the median gains {outcome['salt and pepper, median'] - outcome['salt and pepper, Gaussian filter']:+.1f} dB over the Gaussian filter"
    f" (for Gaussian noise {outcome['Gaussian noise, median'] - outcome['Gaussian noise, Gaussian filter']:+.1f} dB)",
)  # fmt: skip

# %% [markdown]
# **Bilateral** (Tomasi and Manduchi 1998): average the neighbours that look alike,
# $\hat x_i = \sum_j w_{ij}\, y_j / \sum_j w_{ij}$ with $w_{ij} = \exp\left(-\frac{|i-j|^2}{2 s^2} - \frac{(y_i-y_j)^2}{2 c^2}\right)$.
# Its weakness: it compares single *noisy* pixels.

# %%
picture("bilateral filter", filters.bilateral)

# %% [markdown]
# **Total variation** (Rudin, Osher and Fatemi 1992): of all images near `y`, the one with the least total slope,
# $\hat x = \arg\min_u \tfrac12 \lVert u - y\rVert^2 + \lambda \sum |\nabla u|$. It assumes that images are flat regions with sharp borders, so a brain comes
# to look like a map.

# %%
picture("total variation", filters.total_variation)

# %% [markdown]
# ## 3. Shrinkage: find a basis in which a few coefficients hold the image
#
# An orthogonal transform turns white noise into white noise, with the same sigma in every coefficient. But it packs the image into a few
# large coefficients. How few?

# %%
import pywt

wavelets, _ = pywt.coeffs_to_array(pywt.wavedec2(clean, "sym8", mode="periodization", level=3))
spectra = {"pixels": clean, "wavelets (sym8)": wavelets, "cosines (DCT)": fft.dctn(clean, norm="ortho")}
figure = viz.figure(6.4, 3.6)
axes = figure.subplots()
shares = {}
for name, coefficients in spectra.items():
    energy = np.sort(coefficients.ravel() ** 2)[::-1]
    shares[name] = np.searchsorted(np.cumsum(energy) / energy.sum(), 0.99) / clean.size
    axes.loglog(np.arange(1, energy.size + 1) / clean.size, np.sqrt(energy), label=f"{name}: 99 % of the energy in {shares[name]:.1%}")
axes.axhline(sigma, color="k", linestyle=":", label="sigma of the noise, in every basis")
axes.set(
    xlabel="share of the coefficients, largest first", ylabel="size of the coefficient", ylim=(1e-3, 100),
    title=f"99 % of the energy: {shares['pixels']:.0%} of the pixels, {shares['wavelets (sym8)']:.1%} of the wavelets",
)  # fmt: skip
axes.legend(fontsize=8)
figure

# %% [markdown]
# So: transform, shrink the coefficients, transform back. **Hard** threshold: `c` where `|c| > t`, else 0. **Soft**: `sign(c) · max(|c| − t, 0)`. Which `t`?
#
# - *Universal* (Donoho and Johnstone 1994): `t = σ √(2 ln N)` for `N` pixels, large enough that almost no noise survives.
# - *BayesShrink* (Chang, Yu and Vetterli 2000): `t = σ² / s` in each band, where `s` is the standard deviation of its signal.
#
# The answer depends on the grid, too: move the image by one pixel, and the wavelets cut it at other places. **Cycle spinning** (Coifman and Donoho 1995) averages over all shifts.

# %%
multiples = np.array([0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 5])
quality = lambda image: float(metrics.psnr(np.clip(image, 0, 1), clean, data_range=1))
curves = {
    f"{shrinkage}{', all shifts' if all_shifts else ''}": [
        quality((filters.shift_invariant_wavelet if all_shifts else filters.wavelet)(noisy, sigma, strength=m, shrinkage=shrinkage, basis="sym8"))
        for m in multiples
    ]
    for all_shifts in (False, True)
    for shrinkage in ("soft", "hard")
}
universal, bayes = np.sqrt(2 * np.log(clean.size)), quality(filters.wavelet(noisy, sigma, strength=None))
peaks = {name: max(values) for name, values in curves.items()}
figure = viz.figure(6.8, 4)
axes = figure.subplots()
for (name, values), style in zip(curves.items(), ("o--", "s--", "o-", "s-"), strict=True):
    axes.plot(multiples, values, style, label=f"{name}: best {peaks[name]:.1f} dB at {multiples[int(np.argmax(values))]:g} σ")
axes.axvline(universal, color="0.5", label=f"universal threshold, {universal:.1f} σ")
axes.axhline(bayes, color="0.5", linestyle=":", label=f"BayesShrink, soft: {bayes:.1f} dB")
axes.set(xlabel="threshold (multiples of σ)", ylabel="PSNR (dB)", title=f"Cycle spinning: {max(peaks['hard, all shifts'], peaks['soft, all shifts']) - max(peaks['hard'], peaks['soft']):+.1f} dB over the best single threshold on one grid")
axes.legend(fontsize=8)
figure

# %%
picture("wavelet, BayesShrink, one grid", filters.wavelet)

# %%
picture("shift-invariant wavelet", filters.shift_invariant_wavelet)

# %% [markdown]
# ## 4. Non-local means: who looks like me?
#
# The bilateral filter compares pixels. **Non-local means** (the idea: Buades, Coll and Morel 2005; these weights, with $2\sigma^2$: the same authors, 2011) compares the *patches* around them, and looks further away:
# $\hat x_i = \sum_j w_{ij}\, y_j / \sum_j w_{ij}$ with $w_{ij} = \exp(-\max(d_{ij}^2 - 2\sigma^2, 0) / h^2)$, where $d_{ij}^2$ is the mean squared
# difference of the two patches. A patch of 25 noisy pixels is a better witness than one pixel. Here are the weights of one pixel:

# %%
row, column, reach = 96, 60, 12  # the pixel, and how far we look


def patch_distance(image, size):
    """Mean squared difference between the patch around (row, column) and those around its neighbours."""
    half = size // 2
    patch = lambda r, c: image[r - half : r + half + 1, c - half : c + half + 1]
    window = range(-reach, reach + 1)
    return np.array([[np.mean((patch(row + i, column + j) - patch(row, column)) ** 2) for j in window] for i in window])


h = 0.7 * sigma
around = (slice(row - reach, row + reach + 1), slice(column - reach, column + reach + 1))
shown = {"clean": clean[around], "noisy": noisy[around]}
agreement = {}
for side in (1, 5):
    name = f"weights, patches of {side}×{side}"
    shown[name] = np.exp(-np.maximum(patch_distance(noisy, side) - 2 * sigma**2, 0) / h**2)
    agreement[name] = np.corrcoef(shown[name].ravel(), -np.abs(clean[around] - clean[row, column]).ravel())[0, 1]
pixel, patch = agreement.values()
figure = viz.figure(9, 3, title=f"Weights of one pixel (cross): correlation with the true likeness {pixel:.2f} from single pixels, {patch:.2f} from patches")
places = figure.subplots(1, 4)
for axes, (name, image) in zip(places, shown.items(), strict=True):
    drawn = axes.imshow(image, cmap="viridis" if name in agreement else "gray", vmin=0, vmax=1 if name in agreement else window[1])
    axes.plot(reach, reach, "+", color="#D55E00", markersize=10)
    axes.set_title(name, fontsize=9)
    axes.set(xticks=[], yticks=[])
figure.colorbar(drawn, ax=places[2:]).set_label("weight", fontsize=8)
figure

# %%
picture("non-local means", filters.non_local_means)

# %% [markdown]
# ## 5. BM3D in pictures
#
# BM3D (Dabov et al. 2007) joins the two ideas: find similar patches, stack them, and shrink the **stack** in a 3D transform.
#
# *Match.* One patch of 8×8 pixels, and the 15 most similar ones among its neighbours (39×39 places):

# %%
size, search, count = 8, 19, 16
top, left = 70, 79  # the reference patch, on the border of a ventricle
patches = {name: np.lib.stride_tricks.sliding_window_view(image, (size, size)) for name, image in (("clean", clean), ("noisy", noisy))}


def match(top, left):
    """The places (row, column) of the most similar noisy patches, the patch itself first, and their distances."""
    first_row, first_column = max(top - search, 0), max(left - search, 0)
    window = patches["noisy"][first_row : top + search + 1, first_column : left + search + 1]  # (rows, columns, 8, 8)
    distances = ((window - patches["noisy"][top, left]) ** 2).mean((2, 3))
    nearest = np.argsort(distances, axis=None)[:count]
    rows, columns = np.unravel_index(nearest, distances.shape)
    return first_row + rows, first_column + columns, distances.ravel()[nearest]


rows, columns, distances = match(top, left)
group, truth = patches["noisy"][rows, columns], patches["clean"][rows, columns]  # (16, 8, 8)

from matplotlib.patches import Rectangle

figure = viz.figure(9, 4.2, title=f"The {count} patches differ by {truth.std(0).mean():.3f} (standard deviation across the clean group), the noise by {sigma}")
left_side, right_side = figure.subfigures(1, 2)
axes = left_side.subplots()
axes.imshow(noisy, cmap="gray", vmin=0, vmax=window[1])
for index, (r, c) in enumerate(zip(rows, columns, strict=True)):
    axes.add_patch(Rectangle((c - 0.5, r - 0.5), size, size, fill=False, edgecolor="#D55E00" if index == 0 else "#56B4E9", linewidth=1.5 if index == 0 else 0.8))
axes.set(xlim=(left - 35, left + 43), ylim=(top + 43, top - 35), xticks=[], yticks=[], title="reference patch (orange) and its matches")
for index, axes in enumerate(right_side.subplots(4, 4).ravel()):
    axes.imshow(group[index], cmap="gray", vmin=0, vmax=window[1])
    axes.set(xticks=[], yticks=[])
    axes.set_title(f"d² = {distances[index]:.3f}", fontsize=6)
figure

# %% [markdown]
# *Transform and threshold.* A 3D cosine transform of the group (the paper uses a Haar transform across the patches; the idea is the same). What all
# patches share goes into one plane of coefficients. The noise spreads over all of them.

# %%
threshold = 2.7 * sigma
keep_large = lambda c: c * (np.abs(c) > threshold)


def estimates(group, truth):
    """The group, thresholded in three ways: patch by patch, together, and by the Wiener filter that knows the truth."""
    alone = np.stack([fft.idctn(keep_large(fft.dctn(patch, norm="ortho")), norm="ortho") for patch in group])
    together = fft.idctn(keep_large(fft.dctn(group, norm="ortho")), norm="ortho")
    power = fft.dctn(truth, norm="ortho") ** 2
    ideal = fft.idctn(fft.dctn(group, norm="ortho") * power / (power + sigma**2), norm="ortho")
    return {"noisy": group, "patch by patch": alone, "as a group": together, "ideal Wiener": ideal}


errors = {}  # of the reference patches in 200 groups with structure, drawn at random
generator = np.random.default_rng(2)
while len(errors.get("noisy", [])) < 200:
    r, c = generator.integers(40, 170), generator.integers(20, 150)
    if patches["clean"][r, c].std() > 0.05:  # flat patches are easy for all
        found = match(r, c)[:2]
        for name, stack in estimates(patches["noisy"][found], patches["clean"][found]).items():
            errors.setdefault(name, []).append(np.mean((stack[0] - patches["clean"][r, c]) ** 2))
results = {name: np.sqrt(np.mean(values)) for name, values in errors.items()}

coefficients, true_coefficients = (fft.dctn(stack, norm="ortho") for stack in (group, truth))
kept = np.abs(coefficients) > threshold
figure = viz.figure(9, 3.6)
axes, bars = figure.subplots(1, 2)
for name, values in (("noisy group", coefficients), ("clean group", true_coefficients)):
    axes.semilogy(np.sort(np.abs(values).ravel())[::-1][:200], label=name)
axes.axhline(threshold, color="k", linestyle=":", label="threshold 2.7 σ")
axes.set(xlabel="coefficient of the group, largest first", ylabel="size", ylim=(1e-3, 30), title=f"{kept.sum()} of {kept.size} coefficients survive")
axes.legend(fontsize=8)
bars.bar(list(results), list(results.values()), color="0.7")
bars.set(ylabel="root mean square error", title=f"200 patches: error alone / as a group = {results['patch by patch'] / results['as a group']:.2f}")
bars.tick_params(axis="x", labelsize=8)
figure

# %% [markdown]
# *Aggregate*: each pixel lies in many groups, so average its estimates. *Wiener stage*: do it all again, but now the first estimate `x̂₁` says how much signal
# each coefficient holds, and the factor is $\hat c_1^2 / (\hat c_1^2 + \sigma^2)$ instead of 0 or 1. The bar "ideal Wiener" shows what that would give if the first estimate were
# the truth.

# %%
picture("BM3D", bm3d)

# %% [markdown]
# ## 6. All of them, and what is left in the residual
#
# Three slices of Colin27. (A few seconds.)

# %%
METHODS = {
    "Gaussian": filters.gaussian, "median": filters.median, "bilateral": filters.bilateral, "total variation": filters.total_variation,
    "wavelet": filters.wavelet, "shift-invariant wavelet": filters.shift_invariant_wavelet, "non-local means": filters.non_local_means, "BM3D": bm3d,
}  # fmt: skip
comparison = evaluation.compare(
    METHODS, slices.images, noise.gaussian, sigma=sigma,
    metrics={**evaluation.METRICS, "MS-SSIM": partial(metrics.ms_ssim, data_range=1), "EPI": metrics.epi},
    masks={"whole image": None, "brain": slices.brain_masks}, progress=False,
)  # fmt: skip
comparison

# %% [markdown]
# A perfect denoiser takes away the noise and nothing else: the residual `noisy − denoised` is then **white**, without edges. `metrics.residual_whiteness` asks
# how strongly neighbouring pixels of it are correlated: about 1 if no more than by chance (from 0.7 to 1.7), 0.1 if ten times as much.
# Two things make it smaller: anatomy in what was taken, and frequencies at which nothing was taken. The spectrum below the pictures tells them
# apart: at 1 as much was taken as there was noise, below 1 some noise was left in, above 1 part of the image went with it.

# %%
shown = {name: batch[0, 0].numpy() for name, batch in comparison.pictures.items()}  # the slice in the middle
residuals = {name: shown["noisy"] - shown[name] for name in METHODS}
white = {name: float(metrics.residual_whiteness(shown["noisy"], shown[name])) for name in METHODS}
four = ["Gaussian", "total variation", "non-local means", "BM3D"]
figure = viz.figure(9, 5.6, title="Whiteness of what was taken away: " + ", ".join(f"{name} {white[name]:.2f}" for name in four))
grid = figure.subplot_mosaic([four, ["spectrum"] * 4], height_ratios=[1, 1.2])
frequency = np.hypot(*np.meshgrid(*(np.fft.fftfreq(side) for side in clean.shape), indexing="ij"))
rings = np.minimum((frequency * 40).astype(int), 19)  # 20 rings, up to the highest frequency of the axes
for name, style in zip(four, ("-", "--", "-.", ":"), strict=True):
    drawn = grid[name].imshow(residuals[name][head], cmap="RdBu_r", vmin=-0.3, vmax=0.3)
    grid[name].set(xticks=[], yticks=[])
    grid[name].set_title(name, fontsize=9)
    power = np.abs(np.fft.fft2(residuals[name], norm="ortho")) ** 2 / sigma**2
    power = np.bincount(rings.ravel(), power.ravel()) / np.bincount(rings.ravel())
    grid["spectrum"].semilogy((np.arange(20) + 0.5) / 40, power, style, label=name)
figure.colorbar(drawn, ax=[grid[name] for name in four], shrink=0.8).set_label("noisy - denoised", fontsize=8)
grid["spectrum"].axhline(1, color="0.7")
grid["spectrum"].set(xlabel="spatial frequency (cycles a pixel)", ylabel="power of the residual / σ²")
grid["spectrum"].legend(fontsize=8)
figure

# %% [markdown]
# So whiteness as one number is no ranking: it mixes two things. A filter that leaves the low frequencies alone scores low although it took no anatomy. Look at the
# spectrum and at the picture.

# %% [markdown]
# ## 7. What does a metric see?
#
# The same answers, ranked by four metrics, for the whole image and inside the brain.

# %%
figure = viz.figure(9, 4)
both = figure.subplots(1, 2, sharey=True)
winners = {}
for axes, region in zip(both, ("whole image", "brain"), strict=True):
    names = ("PSNR", "SSIM", "MS-SSIM", "EPI")
    scores = {metric: [comparison.mean(name, metric, region) for name in METHODS] for metric in names}
    ranks = {metric: np.argsort(np.argsort(-np.array(values))) + 1 for metric, values in scores.items()}
    for index, name in enumerate(METHODS):
        axes.plot(range(4), [ranks[metric][index] for metric in names], marker="osD^vPX*"[index], label=name)
    winners[region] = {metric: list(METHODS)[int(np.argmax(values))] for metric, values in scores.items()}
    axes.set_xticks(range(4), names)
    axes.set(title=f"{region}; first: {', '.join(sorted(set(winners[region].values())))}", xlabel="metric", ylim=(8.5, 0.5))
both[0].set_ylabel("rank (1 = best of eight)")
both[1].legend(fontsize=8, bbox_to_anchor=(1.02, 1), loc="upper left")
figure

# %% [markdown]
# The order depends on the metric and on the region, most of all in the middle of the field. So say which ones you used. In lab 05 you build these metrics, and make
# eight pictures with exactly the same PSNR that nobody would call equally good.
#
# ## What to remember
#
# - A filter trades blur (bias) for noise (variance). All later ideas are ways to find out which pixels belong together.
# - Shrinkage works because a good basis holds an image in a few coefficients, and noise in none; average over shifts, or the grid shows.
# - Patches are better witnesses than pixels: non-local means. A stack of patches needs even fewer coefficients: BM3D.
# - Look at the residual. Anatomy in it is anatomy lost.
# - Rank by more than one metric, in more than one region.
#
# **Sources.** Tomasi and Manduchi 1998, [Bilateral filtering for gray and color images](https://doi.org/10.1109/ICCV.1998.710815); Rudin, Osher and Fatemi 1992, [Nonlinear total variation based
# noise removal algorithms](https://doi.org/10.1016/0167-2789(92)90242-F); Donoho and Johnstone 1994, [Ideal spatial adaptation by wavelet shrinkage](https://doi.org/10.1093/biomet/81.3.425); Coifman and Donoho 1995, [Translation-invariant
# de-noising](https://doi.org/10.1007/978-1-4612-2544-7_9); Chang, Yu and Vetterli 2000, [Adaptive wavelet thresholding for image denoising and compression](https://doi.org/10.1109/83.862633); Buades, Coll and Morel 2005, [A non-local
# algorithm for image denoising](https://doi.org/10.1109/CVPR.2005.38), and 2011, [Non-local means denoising](https://doi.org/10.5201/ipol.2011.bcm_nlm); Dabov, Foi, Katkovnik and Egiazarian 2007, [Image denoising by sparse 3-D
# transform-domain collaborative filtering](https://doi.org/10.1109/TIP.2007.901238). The filters of the table are those of Thomas, Namgyal, Devi Krishna and Babu, *Deep convolutional transfer learning based model with U-Net architecture
# and attention mechanism for denoising medical MR images* (undated slides); metrics and losses for denoising are in part 5 of Vakalopoulou and Colliot 2020, *Deep learning for medical imaging* (lecture slides).
