# %% [markdown]
# # Lecture 05: How MRI samples
#
# {{badges}}
#
# Forty minutes, to be run while you listen. It goes with
# [lab 08](../labs/lab08_kspace_and_sparsity/lab08_kspace_and_sparsity.ipynb) and
# [lab 09](../labs/lab09_data_consistency/lab09_data_consistency.ipynb). Seven questions:
#
# 1. What does the scanner measure, and why is it the Fourier transform of the slice?
# 2. What lies where in k-space?
# 3. How far apart may the lines be, and how far out must they go?
# 4. What happens if lines are left out, in order or by chance?
# 5. What do several coils know that one does not?
# 6. Must the lines be parallel?
# 7. What changes if the patient moves?
#
# All pictures are computed here, and the titles are measured.

# %% tags=["setup"]
# `course build` writes the set-up cell here

# %%
import numpy as np

from course_lib import kspace, metrics, viz
from course_lib.data import brains

slices = brains.brain_slices("colin27", slices=3)
clean = slices.images[1, 0].numpy().astype(np.float64)  # (217, 181), in [0, 1]
head = kspace.with_phase(clean, generator=np.random.default_rng(0))  # a real scan has a phase
height, width = head.shape


def psnr(picture):
    """Of the magnitude, clipped to [0, 1]."""
    return float(metrics.psnr(np.abs(picture).clip(0, 1), clean, data_range=1))


# %% [markdown]
# ## 1. Gradients write waves
#
# In a field $B$ a spin turns with the frequency $\gamma B / 2\pi$: 42.6 million turns a second at 1 tesla, for hydrogen. A **gradient** coil makes the field a little stronger on one side, so spins turn at different rates: after a time their phases form a **wave** across the slice. The antenna hears only the
# sum of all spins. So at each moment the scanner measures one number: how much of *this wave* is in the slice (Lauterbur 1973; Mansfield and Grannell 1973; Kumar, Welti and Ernst 1975; as a path through k-space, Ljunggren 1983 and Twieg 1983).
#
# $$ s(t) = \sum_{\text{pixels } r} x(r)\, e^{-2\pi i\, k(t) \cdot r} \qquad k(t) = \frac{\gamma}{2\pi} \int_0^t G(\tau)\, d\tau $$
#
# The place $k(t)$ moves as long as the gradient is on. Is that sum the Fourier transform that we compute? We play the scanner at three places.

# %%
rows, columns = np.mgrid[:height, :width]
all_of_it = kspace.fft2c(head)
places = [(0, 3), (5, -4), (20, 11)]  # frequencies: waves over the height and over the width of the image
figure = viz.figure(9, 3.9)
differences = []
for axes, (down, right) in zip(figure.subplots(1, 3), places, strict=True):
    wave = np.exp(-2j * np.pi * (down * (rows - height // 2) / height + right * (columns - width // 2) / width))
    heard = (head * wave).sum() / np.sqrt(height * width)  # orthonormal: divided by the root of the number of pixels
    computed = all_of_it[height // 2 + down, width // 2 + right]
    differences.append(abs(heard - computed) / abs(computed))
    axes.imshow(clean * wave.real, cmap="RdBu_r", vmin=-0.8, vmax=0.8)
    axes.set(title=f"wave ({down}, {right})", xticks=[], yticks=[], xlabel=f"sum of all spins {heard:.2f}")
figure.suptitle(f"The sum over all spins and the FFT differ by at most {max(differences):.0e} of the value", fontsize=11)
figure

# %% [markdown]
# One excitation allows one **line**: the gradient along the line stays on while the antenna listens (*frequency encoding*, a few milliseconds). To get to another line, another gradient is switched on for a moment before (*phase encoding*), and then one waits for the spins, the repetition time TR. So the points of a line take hardly any time, and **the number of lines
# sets the scan time**. Some arithmetic:

# %%
for name, repetition, phase_lines in [("spin echo, TR 2 s, 256 lines", 2.0, 256), ("fast gradient echo, TR 5 ms, 256 lines", 0.005, 256), ("3D, TR 10 ms, 256 × 180 lines", 0.010, 256 * 180)]:
    times = ", ".join(f"R {factor}: {repetition * phase_lines / factor:8.1f} s" for factor in (1, 4, 8))
    print(f"{name:40} {times}")

# %% [markdown]
# ## 2. What lies where
#
# The middle of k-space holds slow waves: shapes and contrast. The rim holds fast ones: edges. How is the energy shared? What is left if one keeps only the middle, or throws it away?

# %%
energy = np.abs(all_of_it) ** 2
distance = np.hypot((rows - height // 2) / height, (columns - width // 2) / width)  # cycles per pixel; 0.5 is the end of a line
order = np.argsort(distance, axis=None)
collected = np.cumsum(energy.ravel()[order]) / energy.sum()
middle = distance < 0.06
low, high = (kspace.ifft2c(np.where(part, all_of_it, 0)) for part in (middle, ~middle))
figure = viz.figure(10, 3.6, title=f"{100 * middle.mean():.1f} % of k-space hold {100 * energy[middle].sum() / energy.sum():.1f} % of the energy")
axes = figure.subplots(1, 3)
axes[0].semilogx(100 * np.arange(1, order.size + 1) / order.size, 100 * collected)
axes[0].set(xlabel="share of k-space, from the middle on (%)", ylabel="share of the energy (%)", xlim=(0.01, 100))
for place, picture, name in [(axes[1], low, f"the middle {100 * middle.mean():.1f} %"), (axes[2], high, f"the other {100 * (~middle).mean():.1f} %")]:
    place.imshow(np.abs(picture), cmap="gray", vmin=0, vmax=float(np.abs(picture).max()))
    place.set(title=name, xticks=[], yticks=[])
figure

# %% [markdown]
# Two more facts. A **real** image has a symmetric k-space, the value at $-k$ is the conjugate of that at $k$: half of it would be known for free. But the field is never perfect: the image has a phase, which breaks the symmetry. That is why a test on magnitude images, without a phase, flatters a method.

# %%
asymmetry = {}
for name, picture in [("magnitude image, no phase", clean.astype(complex)), ("with a smooth phase", head)]:
    values = kspace.fft2c(picture)
    mirrored = np.conj(values[::-1, ::-1])  # odd sizes: the middle stays in its place
    asymmetry[name] = np.linalg.norm(values - mirrored) / np.linalg.norm(values)
print("how far k-space is from symmetric: " + ", ".join(f"{name}: {value:.2f}" for name, value in asymmetry.items()))

# %% [markdown]
# ## 3. Two rules
#
# Nyquist's rule, twice (Shannon 1949):
#
# - **How close?** Lines $\Delta k$ apart show a field of view of $1 / \Delta k$. What lies outside folds in from the other side.
# - **How far?** Lines out to $k_{max}$ resolve pixels of $1 / (2 k_{max})$.
#
# One can save half of the lines in two ways: every second line, or the inner half. The first has an exact formula: if R divides the number of columns, every R-th line gives the **mean of R copies**, each moved on by $W / R$. (With the zero frequency among the lines. Other lines give the copies a phase.)

# %%
even = head[:, 1:]  # 180 columns: can be divided by 2 and by 4
folded = {}
worst = 0.0
for factor in (2, 4):
    keep = (np.arange(180) - 90) % factor == 0
    folded[factor] = kspace.ifft2c(np.where(keep, kspace.fft2c(even), 0))
    copies = sum(np.roll(even, move * 180 // factor, axis=1) for move in range(factor)) / factor
    worst = max(worst, float(np.abs(folded[factor] - copies).max()))
inner = kspace.ifft2c(np.where(abs(np.arange(180) - 90) < 45, kspace.fft2c(even), 0))
viz.gallery(
    [np.abs(picture) / np.abs(picture).max() for picture in (even, folded[2], folded[4], inner)], columns=4,
    titles=["all 180 lines", "every second line", "every fourth line", "the inner half"],
    title=f"Every R-th line is the mean of R moved copies: largest difference {worst:.0e}",
)  # fmt: skip

# %% [markdown]
# ## 4. Order or chance?
#
# Left-out lines smear each pixel in the same way: by the **point spread function**, the zero-filled image of one bright pixel. Four patterns, each with a quarter of the measurements; all but the first measure the whole middle. (Lustig, Donoho and Pauly 2007.)

# %%
generator = np.random.default_rng(3)
patterns = {
    "regular lines": kspace.cartesian_mask((height, width), 4, 0.0, kind="regular", generator=generator),
    "random lines": kspace.cartesian_mask((height, width), 4, 0.08, generator=generator),
    "variable density lines": kspace.cartesian_mask((height, width), 4, 0.08, kind="variable_density", generator=generator),
    "variable density points": kspace.cartesian_mask((height, width), 4, 0.02, kind="variable_density", points=True, generator=generator),
}
lobes = {name: 100 * kspace.incoherence(mask) for name, mask in patterns.items()}
figure = viz.figure(8.5, 7.4, title="Largest side lobe, in % of the peak: " + ", ".join(f"{name} {value:.0f}" for name, value in lobes.items()))
grid = figure.subplots(3, 4)
for (above, middle_row, below), (name, mask) in zip(grid.T, patterns.items(), strict=True):
    above.imshow(mask, cmap="gray", interpolation="nearest")
    above.set_title(f"{name}\nR = {kspace.acceleration_of(mask):.2f}", fontsize=9)
    spread = np.abs(kspace.point_spread(mask))
    middle_row.plot(np.arange(width) - width // 2, 20 * np.log10(np.maximum(spread.max(0) / spread.max(), 1e-3)), linewidth=1)
    middle_row.set(ylim=(-45, 2), box_aspect=height / width)
    middle_row.set_xlabel("columns away", fontsize=8)
    middle_row.tick_params(labelsize=7, labelleft=middle_row is grid[1, 0])
    picture = kspace.zero_filled(kspace.undersample(head, mask))
    below.imshow(np.abs(picture), cmap="gray", vmin=0, vmax=1)
    below.set_xlabel(f"zero-filled: {psnr(picture):.1f} dB", fontsize=8)
    for axes in (above, below):
        axes.set(xticks=[], yticks=[])
grid[1, 0].set_ylabel("point spread (dB of its peak)", fontsize=8)
figure

# %% [markdown]
# Order makes copies of the head, chance makes something like noise. Lines can be random in one direction only; points in two, and the same energy is spread over many more pixels. (In 3D, where the lines stand upright on a plane, points are lines, and cost nothing more.) Lab 08 asks which of these can be undone.
#
# ## 5. Several coils
#
# A head coil is a ring of small antennas. Each hears best what is near it: its image is the head times its **sensitivity**, a smooth complex map. This tells *where* a signal comes from, besides the gradients. Here are eight ideal coils around the head (birdcage), and what they hear.

# %%
coils = 8
sensitivities = kspace.birdcage_sensitivities((height, width), coils)
each = sensitivities * head  # (coils, H, W)
combined = kspace.root_sum_of_squares(each)
viz.gallery(
    np.abs(each), columns=8, data_range=float(np.abs(each).max()), titles=[f"coil {number}" for number in range(coils)],
    title=f"Root of the sum of squares: at most {np.abs(combined - clean).max():.0e} from the head",
)  # fmt: skip

# %% [markdown]
# **SENSE** (Pruessmann et al. 1999). Every second line: each coil sees two pixels on top of each other, but *with known weights*, its sensitivities at the two places. Eight coils, eight equations, two unknowns: solve them by least squares, pixel by pixel. With R copies there are R unknowns, and R can never exceed the number of coils.
#
# The cost is noise. Fewer lines alone make it √R times stronger. And where the coils hear two places in nearly the same way, the equations are nearly the same, and solving them multiplies the noise once more, by the **g-factor**, $g = \sqrt{[(S^H S)^{-1}]_{ii}\, [S^H S]_{ii}} \ge 1$.

# %%
def sense(coil_images, sensitivities, factor):
    """Unfold R copies: least squares for each group of R pixels, W / R apart. Returns the image and the g-factor."""
    size = coil_images.shape[-1]
    place = (np.arange(size // factor)[:, None] + size // factor * np.arange(factor)) % size  # (W / R, R)
    weights = np.moveaxis(sensitivities[:, :, place], 0, -2)  # (coils, H, W / R, R) -> (H, W / R, coils, R)
    seen = np.moveaxis(coil_images[:, :, place[:, 0]], 0, -1)[..., None] * factor  # (H, W / R, coils, 1)
    gram = np.conj(np.swapaxes(weights, -2, -1)) @ weights
    inverse = np.linalg.pinv(gram, rcond=1e-6, hermitian=True)
    solved = inverse @ (np.conj(np.swapaxes(weights, -2, -1)) @ seen)
    picture, g = np.zeros(coil_images.shape[1:], dtype=complex), np.zeros(coil_images.shape[1:])
    picture[:, place] = solved[..., 0]
    g[:, place] = np.sqrt(np.abs(np.einsum("...ii,...ii->...i", inverse, gram)))
    return picture, g


maps = kspace.birdcage_sensitivities((height, 180), coils)
sigma, results = 0.005, {}
for factor in (1, 2, 3, 4):
    mask = np.broadcast_to((np.arange(180) - 90) % factor == 0, (height, 180))
    measured = kspace.undersample(even, mask, sigma=sigma, sensitivities=maps, generator=np.random.default_rng(factor))
    results[factor] = sense(kspace.ifft2c(measured), maps, factor)
inside = clean[:, 1:] > 0
truth = clean[:, 1:]
scores = {factor: float(metrics.psnr(np.abs(picture).clip(0, 1), truth, data_range=1)) for factor, (picture, _) in results.items()}
figure = viz.figure(10, 6.2, title=f"{coils} coils, noise {sigma}: from {scores[1]:.1f} dB at R = 1 to {scores[4]:.1f} dB at R = 4; g up to {results[4][1][inside].max():.0f}")
for (above, below), (factor, (picture, g)) in zip(figure.subplots(2, 4).T, results.items(), strict=True):
    above.imshow(np.abs(picture), cmap="gray", vmin=0, vmax=1)
    above.set_title(f"SENSE, R = {factor}: {scores[factor]:.1f} dB", fontsize=9)
    shown = below.imshow(np.where(inside, g, np.nan), cmap="viridis", vmin=1, vmax=8)
    below.set_xlabel(f"g: median {np.median(g[inside]):.2f}, largest {g[inside].max():.1f}", fontsize=8)
    for axes in (above, below):
        axes.set(xticks=[], yticks=[])
figure.colorbar(shown, ax=figure.axes[1::2], shrink=0.8).set_label("g-factor", fontsize=8)
figure

# %% [markdown]
# (These eight coils are ideal and smooth, so neighbours hear nearly the same. Real coils lie closer to the head and differ more, but their maps must be estimated.)
#
# Order is right **here**: the copies of regular lines are few and known, and the coils tell them apart. With one coil, the same copies are hopeless.
#
# Pixel by pixel works for regular lines only. For any other mask all pixels hang together, and one minimises $\lVert MFSx - y \rVert^2$ as a whole, with **conjugate gradients** (CG-SENSE, Pruessmann et al. 2001): each iteration needs one measurement and one adjoint. The early iterations find what the coils see well, the late ones
# what they hardly tell apart. With noise one stops early:

# %%
from course_lib.classical.sense import cg_sense

by_chance = kspace.cartesian_mask((height, 180), 4, 0.08, generator=np.random.default_rng(0))
quarter = {"every fourth line": np.broadcast_to((np.arange(180) - 90) % 4 == 0, (height, 180)), "lines by chance": by_chance}
rounds = (1, 2, 3, 5, 8, 12, 20, 35)
figure = viz.figure(7, 3.8)
axes, peaks = figure.subplots(), {}
for name, mask in quarter.items():
    heard = kspace.undersample(even, mask, sigma=sigma, sensitivities=maps, generator=np.random.default_rng(4))
    found = [np.abs(cg_sense(heard, mask.copy(), maps, iterations=count).image).clip(0, 1) for count in rounds]
    values = [float(metrics.psnr(picture, truth, data_range=1)) for picture in found]
    peaks[name] = rounds[int(np.argmax(values))]
    axes.semilogx(rounds, values, "o-", label=name)
axes.set(xlabel="conjugate gradients", ylabel="PSNR (dB)")
axes.legend(fontsize=8)
figure.suptitle(f"CG-SENSE, R = 4, noise {sigma}: best after " + ", ".join(f"{count} ({name})" for name, count in peaks.items()), fontsize=11)
figure

# %% [markdown]
# The ideas can be joined: random lines, several coils, and sparsity. `kspace.forward` and `adjoint` take `sensitivities` for that, and so do the methods of lab 08. (GRAPPA, Griswold et al.
# 2002, does it without known sensitivities: it learns from the fully sampled middle how a missing line follows from its neighbours in all coils.)
#
# ## 6. Other paths
#
# $k(t)$ is the integral of the gradients, so any smooth path can be driven. **Radial** spokes (Lauterbur's first images) all pass through the middle; **spirals** (Ahn, Kim and Cho 1986) cover all of k-space in one or a few shots. Both measure the middle more often than the rim. Real paths do not meet a grid, and need *gridding* (a non-uniform FFT). Here they are
# drawn on the grid, for play.

# %%
shown, titles, scores = [], [], {}
for name, draw in {"radial": kspace.radial_mask, "spiral": kspace.spiral_mask}.items():
    for factor in (4, 10):
        mask = draw((height, width), factor)
        picture = np.abs(kspace.zero_filled(kspace.undersample(head, mask)))
        spread = np.abs(kspace.point_spread(mask))
        scores[name, factor] = psnr(picture)
        shown += [mask, np.clip(1 + np.log10(spread / spread.max() + 1e-9) / 3, 0, 1), picture]
        titles += [f"{name}, R = {kspace.acceleration_of(mask):.1f}", "point spread (60 dB)", f"zero-filled: {psnr(picture):.1f} dB"]
viz.gallery(shown, columns=6, titles=titles, title="Zero-filled: " + ", ".join(f"{name}, R {factor}: {score:.1f} dB" for (name, factor), score in scores.items()))

# %% [markdown]
# Radial aliasing is streaks through the whole image, from every sharp edge; a spiral's is rings and swirls. (Our spiral is as sparse in the middle as at the rim, the spokes crowd in the middle: you see in the numbers what the middle is worth.) Both look more like noise than the copies of parallel lines, and a patient who moves blurs the image instead of making ghosts. They are harder to drive, and a wrong field frequency blurs them.
#
# ## 7. What moves
#
# A beating heart is a film: one image for each of T moments, and each has its own k-space. There is hardly any time: a quarter of the lines, each moment. Two ideas help.
#
# - **Gating** (ECG): take a few lines at the same moment of each of many heartbeats. Fine, while the heart beats regularly and the patient holds the breath.
# - **Interleaving** (2D+t): take *other lines at each moment*. What one frame lacks, its neighbours have. Where nothing moves, the mean over time has all lines.

# %%
from course_lib.data import dynamic

film = dynamic.beating_hearts(1, seed=0, frames=12, size=128, phase=0.8).images[0].numpy()  # (T, H, W), synthetic
frames, size = film.shape[:2]
moving = kspace.interleaved_mask(frames, (size, size), 4, 0.06, generator=np.random.default_rng(0))
fixed = np.broadcast_to(moving[:1], moving.shape)
measured = {name: kspace.undersample(film, mask) for name, mask in {"the same lines in each frame": fixed, "interleaved": moving}.items()}
covered = {}
figure = viz.figure(10, 3.6)
axes = figure.subplots(1, 4)
for place, (name, mask) in zip(axes[:2], {"the same lines in each frame": fixed, "interleaved": moving}.items(), strict=True):
    covered[name] = 100 * mask.any(0).mean()
    place.imshow(mask[:, 0], cmap="gray", aspect="auto", interpolation="nearest")
    place.set(title=name, xlabel="line", ylabel="frame")
means = {}
for place, (name, mask) in zip(axes[2:], {"the same lines in each frame": fixed, "interleaved": moving}.items(), strict=True):
    count = np.maximum(mask.sum(0), 1)
    means[name] = kspace.ifft2c(measured[name].sum(0) / count)  # the mean over the frames in which a line was measured
    error = float(metrics.psnr(np.abs(means[name]).clip(0, 1), np.abs(film.mean(0)), data_range=1))
    place.imshow(np.abs(means[name]), cmap="gray", vmin=0, vmax=1)
    place.set(title="mean over time", xlabel=f"{error:.1f} dB from the true mean", xticks=[], yticks=[])
figure.suptitle(f"All frames together measure {covered['the same lines in each frame']:.0f} % of the lines if they are the same, {covered['interleaved']:.0f} % if they are interleaved", fontsize=11)
figure

# %% [markdown]
# The mean is sharp where nothing moves, and wrong where the heart beats. So fill each frame's gaps from its nearest neighbours in time (*view sharing*), and see where that fails: at the heart.

# %%
def shared(measured, mask, reach):
    """Each frame's gaps filled with the mean of what was measured there, up to `reach` frames away (the beat is periodic)."""
    total = sum(np.roll(measured, move, 0) for move in range(-reach, reach + 1))
    count = sum(np.roll(mask, move, 0).astype(int) for move in range(-reach, reach + 1))
    return np.where(mask, measured, total / np.maximum(count, 1))


heart = dynamic.beating_hearts(1, seed=0, frames=12, size=128, phase=0.8).hearts[0, 0].numpy()
curves = {"whole image": [], "heart": []}
for reach in range(6):
    answer = np.abs(kspace.ifft2c(shared(measured["interleaved"], moving, reach)))
    error = (answer - np.abs(film)) ** 2
    curves["whole image"].append(-10 * np.log10(error.mean()))
    curves["heart"].append(-10 * np.log10(error[:, heart].mean()))
best = {region: int(np.argmax(values)) for region, values in curves.items()}
middle_frame, shown = frames // 3, {}
for reach in (0, 1, 5):
    shown[reach] = np.abs(kspace.ifft2c(shared(measured["interleaved"], moving, reach)))[middle_frame]
figure = viz.figure(11, 3.4, title=f"Best reach: {best['whole image']} frames for the whole image, {best['heart']} for the heart")
axes = figure.subplots(1, 5)
for region, values in curves.items():
    axes[0].plot(range(6), values, "o-", label=region)
axes[0].set(xlabel="frames shared on each side", ylabel="PSNR (dB)")
axes[0].legend(fontsize=8)
for place, (name, picture) in zip(axes[1:], {"true frame": np.abs(film[middle_frame]), **{f"{reach} shared": picture for reach, picture in shown.items()}}.items(), strict=True):
    place.imshow(picture, cmap="gray", vmin=0, vmax=1)
    place.set(title=name, xticks=[], yticks=[])
figure

# %% [markdown]
# Sharing is a trade: fewer ghosts, but a heart smeared over several moments. Dictionaries of small *films* (Caballero et al. 2014) and the 2D+t networks of lab 09 (Schlemper et al. 2018) learn that trade. DLTG, the first of these, needed six hours a patient on a CPU, says the lecture; the network, ten seconds on a GPU (published).
#
# ## What to remember
#
# - The scanner measures waves, a line at a time. Lines are time.
# - The distance of the lines sets the field of view, their reach the pixel size. Every R-th line: R copies.
# - The point spread of the mask does to every pixel the same. Order gives ghosts, chance gives something like noise, and more so in two directions than in one.
# - Coils know where. They unfold regular copies, and pay in noise (√R and g).
# - In a film, other lines at each moment.
# - Test with a phase: without it, half of k-space is known for free.
#
# | source | |
# |---|---|
# | Lauterbur 1973 | [*Image formation by induced local interactions*](https://doi.org/10.1038/242190a0) |
# | Mansfield and Grannell 1973 | *NMR diffraction in solids?* |
# | Kumar, Welti and Ernst 1975 | *NMR Fourier zeugmatography* |
# | Ljunggren 1983 | *A simple graphical representation of Fourier-based imaging methods* |
# | Twieg 1983 | *The k-trajectory formulation of the NMR imaging process* |
# | Shannon 1949 | [*Communication in the presence of noise*](https://doi.org/10.1109/JRPROC.1949.232969) |
# | Ahn, Kim and Cho 1986 | *High-speed spiral-scan echo planar NMR imaging* |
# | Pruessmann, Weiger, Scheidegger and Boesiger 1999 | *SENSE: sensitivity encoding for fast MRI* |
# | Pruessmann et al. 2001 | [*Advances in sensitivity encoding with arbitrary k-space trajectories*](https://doi.org/10.1002/mrm.1241) |
# | Griswold et al. 2002 | [*GRAPPA*](https://doi.org/10.1002/mrm.10171) |
# | Tsao, Boesiger and Pruessmann 2003 | [*k-t BLAST and k-t SENSE*](https://doi.org/10.1002/mrm.10611) |
# | Lustig, Donoho and Pauly 2007 | [*Sparse MRI*](https://doi.org/10.1002/mrm.21391) |
# | Caballero et al. 2014 | [*Dictionary learning and time sparsity for dynamic MR data reconstruction*](https://doi.org/10.1109/TMI.2014.2301271) |
# | Schlemper et al. 2018 | [*A deep cascade … for dynamic MR image reconstruction*](https://arxiv.org/abs/1704.02422) |
# | Colliot and Vakalopoulou 2020 | lecture [*Deep learning for medical imaging*](http://www.aramislab.fr/teaching/DLMI-2019-2020/) |
