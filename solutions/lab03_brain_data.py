# %% [markdown]
# # Lab 03: Brain MRI as data
#
# {{badges}}
#
# **The question of this lab: how can a model score so well on brains that it has merely memorised?**
#
# {{head}}
#
# {{exercises}}
#
# ### BEGIN CARD
# level = "core"
# memory = "2 GB"
# compute_minutes = 2
# labs = ["01", "02"]
# lectures = ["01", "08"]
# mathematics = "4×4 matrices; quartiles; probability"
# objectives = [
#     "turn a head to a standard orientation",
#     "bring intensities to one scale without looking at the test set",
#     "choose slices in three ways, and see two of them fail",
#     "split by volume, stratified by age, sex and ethnicity",
#     "predict and measure what a split by slice pretends",
# ]
# minutes = {theory = 10, to_ras = 25, normalise = 10, not_low = 15, enough_brain = 5, split_by_volume = 20, corrupt = 20, predicted = 15, leak = 15, experiments = 20}
# ### END CARD

# %% tags=["setup"]
# `course build` writes the set-up cell here

# %% [markdown]
# ## Theory in half a page
#
# A scan is a block of **voxels**, numbers in three dimensions. The array does not say which way is up. The file's **affine** does, a
# 4×4 matrix that turns voxel indices into millimetres. **RAS** means that x grows to the subject's **r**ight, y to the
# **a**nterior (front), z to the **s**uperior (top):
#
# $$ (x, y, z, 1)^T = A \, (i, j, k, 1)^T $$
#
# Column `i` of the upper left 3×3 block is one step along the array's axis `i`, in mm. Its length is the voxel size.
# **Anisotropic** scans are fine within a slice and coarse between slices.
#
# Not every slice shows brain. A thesis on autoencoders of the healthy brain tried three scores: the count of non-zero pixels,
# their mean, and the share of brain. By the first two it drops **low outliers** (exercise 3); by the third it keeps what has at
# least 4.5 % brain.
#
# Neighbouring slices of one head are almost the same picture. If one is used for training and the other for testing, the test asks
# what the model has already seen: **leakage**. So split by *volume*, and **stratify**: give each group (of age, sex,
# ethnicity) the same share on both sides. Nor may anything computed over the test set enter the model.
#
# **Sources.** [NIfTI-1 standard](https://nifti.nimh.nih.gov/nifti-1/) (affine, RAS); Adrián Arnaiz Rodríguez 2021, *Deep convolutional
# autoencoders for reconstructing magnetic resonance images of the healthy brain* (slides of a master's thesis,
# [code](https://github.com/AdrianArnaiz/Brain-MRI-Autoencoder); below: "the thesis"); John Tukey 1977, *Exploratory Data
# Analysis* (quartile rule); Shachar Kaufman et al. 2012, [*Leakage in data mining*](https://doi.org/10.1145/2382577.2382579); Colin
# Holmes et al. 1998, *Enhancement of MR images using registration for signal averaging* (Colin27);
# Vladimir Fonov et al. 2011, [*Unbiased average age-appropriate atlases for pediatric
# studies*](https://doi.org/10.1016/j.neuroimage.2010.07.033) (ICBM152).

# %%
import functools
import tempfile
from pathlib import Path

import nibabel
import numpy as np
import torch
from torch import nn

from course_lib import images, metrics, training, viz
from course_lib._progress import progress_bar
from course_lib.data import augment, brains, demographics, extraction, heads, intensity, ixi
from course_lib.data import planes, slices
from course_lib.data.splits import pool_rare, split_volumes
from course_lib.exercise import yours

# %% [markdown]
# ## Look at a head
#
# **Colin27** is a real person, scanned 27 times and averaged; this course only tests on his head. Find
# the ventricles (dark, in the middle), the cerebellum (at the back) and the eyes.

# %% tags=["experiment"]
colin = brains.colin27()
share = colin.brain_mask.mean()
title = f"Colin27, a real head: {share:.0%} of its voxels are brain"
viz.plane_slider(colin.data, colin.voxel_size, title=title)

# %% [markdown]
# The **ICBM152** template is an average of 152 people, without skull, and smooth. From it the course makes *synthetic* heads: deformed
# at random, with a painted skull and scalp.

# %% tags=["experiment"]
template = brains.icbm152()
synthetic = brains.brain_slices(
    "cohort", subjects=profile.pick(ci=2, cpu=3, gpu=3), slices=profile.pick(ci=6, cpu=30, gpu=30)
)
axial, axial_brain = (planes.cut(volume, [90])[0] for volume in (colin.data, colin.brain_mask))
template_axial = planes.cut(template.t1, [90])[0]
shown = {"Colin27 (real)": (axial, axial_brain)}
shown["ICBM152 (average)"] = template_axial, template_axial > 0
for number in (0, 1):
    own = torch.nonzero(synthetic.subjects == number)[:, 0]
    place = int(own[len(own) // 2])
    pair = synthetic.images[place, 0].numpy(), synthetic.brain_masks[place, 0].numpy()
    shown[f"synthetic head {number}"] = pair
greys = ", ".join(f"{np.median(picture[mask]):.2f}" for picture, mask in shown.values())
viz.gallery(
    [picture for picture, _ in shown.values()],
    titles=list(shown),
    title=f"MR intensities have no unit: the median grey of the brain is {greys}",
)

# %% [markdown]
# ## Exercise 1: which way does it lie? ({{points to_ras}})
#
# **Goal.** `to_ras(volume, affine)` of a numpy array with three axes and its 4×4 affine: the same voxels, of the same type, with
# axes that run right, front, top, and the three voxel sizes in mm along these **new** axes. Return both, `(turned, sizes)`. The input
# stays as it is.
#
# **Steps.**
# 1. In the 3×3 block, column `i` belongs to axis `i` of the array. Its largest entry, without the sign, tells which of x, y, z the axis follows.
# 2. Put the axes into the order x, y, z.
# 3. Flip each axis that runs to the left, to the back or downwards.
# 4. The sizes are the lengths of the columns, in the new order.
#
# **Example.** The block `[[0, 0, -2], [3, 0, 0], [0, 1, 0]]`: the array's axes run to the front (3 mm), to the top (1 mm) and to the
# **left** (2 mm). The result is `volume.transpose(2, 0, 1)` with its first axis flipped. The sizes are `(2, 3, 1)`.
#
# **Hint.** Heads lie a little askew: no entry is exactly 0, and a column is longer than its largest entry.
#
# ### BEGIN EXPLANATION
# Each column of the block is the step of one axis of the array, in mm: its largest entry names the axis of the body, the sign of that
# entry names the direction, its length is the voxel size. Reading the diagonal works only for heads that lie straight. Using the inverse
# permutation is right for swaps and wrong for cycles such as the example.
# ### END EXPLANATION

# %% nbgrader={"grade_id": "to_ras", "solution": true}
def to_ras(volume, affine):
    """The volume with axes to the right, front and top, and its voxel sizes in mm along them."""
    ### BEGIN SOLUTION
    steps = affine[:3, :3]
    follows = np.abs(steps).argmax(axis=0)  # axis of the array -> 0, 1, 2 for x, y, z
    order = np.argsort(follows)  # x, y, z -> axis of the array
    turned = volume.transpose(order)
    for axis, source in enumerate(order):
        if steps[axis, source] < 0:
            turned = np.flip(turned, axis)
    sizes = np.linalg.norm(steps, axis=0)[order]
    return turned, sizes
    ### END SOLUTION


# %% nbgrader={"grade_id": "to_ras_test", "points": 3}
import itertools

from course_lib.exercise import without

### BEGIN HIDDEN TESTS
askew = lambda rng, scale: np.vstack([np.hstack([  # a tilted affine; the largest entries are clear
    scale * (np.eye(3)[rng.permutation(3)] * rng.uniform(1, 3, 3) * rng.choice([-1, 1], 3)
             + rng.uniform(-0.45, 0.45, (3, 3))), rng.normal(0, 50, (3, 1))]), [0, 0, 0, 1]])
per_scale = lambda scale, turned, sizes: [turned, np.divide(sizes, scale)]
### END HIDDEN TESTS
with without(
    "nibabel.as_closest_canonical", "nibabel.orientations.io_orientation",
    "nibabel.orientations.apply_orientation", "nibabel.orientations.aff2axcodes",
    "nibabel.affines.voxel_sizes", "course_lib.data.volumes.read_volume",
):  # fmt: skip
    tilt = [[0.866, -0.433, -0.25], [0.5, 0.75, 0.433], [0, -0.5, 0.866]]  # twice by 30 degrees
    head, size = np.arange(24).reshape(4, 2, 3) - 9, np.array([2.0, 3, 1])
    ways = itertools.product([np.eye(3), tilt], itertools.permutations(range(3)), *[(-1, 1)] * 3)
    example = np.eye(3), (1, 2, 0), 1, 1, -1
    for turn, order, *signs in [example, *ways]:  # stored in all 48 ways, straight and tilted
        flips, affine = tuple(slice(None, None, sign) for sign in signs), np.eye(4)
        stored = head.transpose(order)[flips]
        affine[:3] = np.c_[(np.asarray(turn) * size)[:, order] * signs, [40, -70, 10]]
        copies = stored.copy(), affine.copy()
        answer = to_ras(*copies)
        where = f"the block {np.round(affine[:3, :3], 2).tolist()}"
        assert type(answer) is tuple and len(answer) == 2, "return two things, (turned, sizes)"
        same = np.array_equal(copies[0], stored) and np.array_equal(copies[1], affine)
        assert same, f"{where}: your answer changed its input, the volume or the affine"
        told = f"{where}: the result should have the shape (4, 2, 3), got {np.shape(answer[0])}"
        assert np.shape(answer[0]) == (4, 2, 3), f"{told}: each *column's* largest entry decides"
        told = f"{where}: wrong order or direction. Flip by the sign of the column's largest entry"
        assert np.array_equal(answer[0], head), f"{told}, and flip the new axis"
        told = f"{where}: expected the sizes (2, 3, 1) mm along x, y, z, got {answer[1]}"
        assert np.allclose(np.ravel(answer[1]), size, rtol=1e-3), f"{told}: lengths of the columns"
    ### BEGIN HIDDEN TESTS
    rng, block = np.random.default_rng(0), np.array([[0, 0, -2], [3, 1, 0], [0, 4, 1]])
    for stored in (rng.integers(0, 255, (3, 4, 5), dtype=np.uint8), rng.random((3, 4, 5)) > 0.5):
        affine = np.eye(4, dtype=int)
        affine[:3, :3] = block
        turned, sizes = to_ras(stored, affine)
        assert np.asarray(turned).dtype == stored.dtype, f"the voxels should stay {stored.dtype}"
        assert np.array_equal(turned, stored.transpose(2, 0, 1)[::-1]), "whole numbers, or a mask"
        assert np.allclose(np.ravel(sizes), [5**0.5, 3, 17**0.5]), "an affine of whole numbers"
    ### END HIDDEN TESTS
    ### HIDDEN VALUE: [to_ras(rng.normal(0, 9, (3, 4, 5)), askew(rng, 1)) for _ in range(6)]
    ### HIDDEN VALUE: [per_scale(scale, *to_ras(rng.normal(0, 9, (6, 3, 2)), askew(rng, scale))) for scale in (1e-3, 0.1, 25, 1e3)]
print("to_ras: right")

# %% [markdown]
# ## The same head, stored four ways
#
# Colin27 is written to four files. Above: slice `array[:, :, middle]`, drawn as it comes. Below: the same after `to_ras`.

# %% tags=["experiment", "picture 3 7"]
def nibabel_to_ras(volume, affine):
    image = nibabel.as_closest_canonical(nibabel.Nifti1Image(volume, affine))
    return np.asarray(image.dataobj), image.header.get_zooms()


turn_to_ras = yours("to_ras", nibabel_to_ras, name="to_ras")
orientation = nibabel.orientations
as_stored, after = {}, {}
with tempfile.TemporaryDirectory() as folder:
    for code in ("RAS", "LPS", "PIR", "SAL"):
        codes = [orientation.axcodes2ornt(letters) for letters in ("RAS", code)]
        turn = orientation.ornt_transform(*codes)
        affine = orientation.inv_ornt_aff(turn, colin.data.shape)  # 1 mm
        stored = nibabel.Nifti1Image(orientation.apply_orientation(colin.data, turn), affine)
        nibabel.save(stored, Path(folder) / f"{code}.nii")
        image = nibabel.load(Path(folder) / f"{code}.nii")  # the file alone says what it holds
        array = image.get_fdata(dtype=np.float32)
        turned, sizes = turn_to_ras(array, image.affine)
        as_stored[code] = array[:, :, array.shape[2] // 2].copy()
        after[code] = planes.cut(turned, [turned.shape[2] // 2])[0]
equal = [sum(np.array_equal(part[c], part["RAS"]) for c in part) for part in (as_stored, after)]
viz.gallery(
    [*as_stored.values(), *after.values()],
    columns=4,
    titles=[f"{code} as stored" for code in as_stored] + [f"{code} after" for code in after],
    title=f"Of four files, {equal[0]} shows the first picture as stored, {equal[1]} after to_ras",
    window=viz.window(after["RAS"]),
)

# %% [markdown]
# Beware of left and right: a brain is almost symmetric, so a flipped one looks fine.
#
# ## Why the profile matters
#
# A **profile** is the direction in which you cut (not the `profile` of the set-up cell): sagittal, coronal, axial (across x, y, z). Many scanners make thick slices. Average
# five planes along z, so that voxels measure 1 × 1 × 5 mm: how much of the finest detail is left along each axis?

# %% tags=["experiment"]
count = colin.data.shape[2] // 5
thin = colin.data[:, :, : 5 * count]
# (X, Y, 5·n) -> (X, Y, n, 5) -> (X, Y, n)
thick = thin.reshape(*thin.shape[:2], count, 5).mean(axis=3)


def detail(volume, axis, size):
    """Mean absolute difference per mm along an axis."""
    return np.abs(np.diff(volume, axis=axis)).mean() / size


shares = [detail(thick, axis, size) / detail(thin, axis, 1) for axis, size in enumerate((1, 1, 5))]
best = planes.slice_profiles((1, 1, 5))[0].name
ixi_best = planes.slice_profiles((1.2, 0.94, 0.94))[0].name
print(f"IXI's T1 scans, 1.2 × 0.94 × 0.94 mm (published size): best cut is {ixi_best}")
left = ", ".join(f"{value:.0%} along {axis}" for value, axis in zip(shares, "xyz", strict=True))
viz.plane_slider(thick, (1, 1, 5), title=f"1 × 1 × 5 mm: detail left {left}; best cut is {best}")

# %% [markdown]
# So cut the profile whose pixels are **square** and finest. "Always axial" is right for some scanners only.
#
# ## Exercise 2: intensities ({{points normalise}})
#
# The same brain may reach 300 on one scanner and 4000 on the next. Networks need a common scale.
#
# **Goal.** `normalise(train, test)` of two numpy arrays of volumes, `(N, X, Y, Z)` and `(M, X, Y, Z)`: two new arrays on one scale.
#
# **Steps.**
# 1. For **each volume** alone, training or test: find its 1st and 99th percentile over all its voxels (`np.percentile`). Scale so that
#    they become 0 and 1. Clip to [0, 1].
# 2. Take the mean `m` and the standard deviation `s` (`np.std`, as it comes) of all voxels of the scaled **training** volumes: two numbers.
# 3. Subtract `m` from both sets and divide by `s`.
#
# **Example.** A volume with the values 0, 1, …, 100 has the percentiles 1 and 99. So 50 becomes 0.5, and 99 and 100 become 1. If
# `m = 0.4` and `s = 0.2`, this 0.5 becomes 0.5.
#
# **Hint.** The test volumes do not end with mean 0, and they must not: a model in the clinic meets one patient, not a test set.
#
# ### BEGIN EXPLANATION
# A volume's own percentiles may be used for any volume, because a patient brings them along. A mean over several volumes may not come from the
# test set: it is not known when the first patient arrives. Scaling by the maximum fails as soon as one voxel shines. The most common leak is
# to take mean and deviation over all data before the split.
# ### END EXPLANATION

# %% nbgrader={"grade_id": "normalise", "solution": true}
def normalise(train, test):
    """Each volume to [0, 1] by its percentiles, then all by the training volumes' mean and sd."""
    ### BEGIN SOLUTION
    def unit_range(volume):
        low, high = np.percentile(volume, [1, 99])
        return np.clip((volume - low) / (high - low), 0, 1)

    train, test = (np.stack([unit_range(volume) for volume in volumes]) for volumes in (train, test))
    mean, deviation = train.mean(), train.std()
    return (train - mean) / deviation, (test - mean) / deviation
    ### END SOLUTION


# %% nbgrader={"grade_id": "normalise_test", "points": 2}
from course_lib.exercise import without

with without(
    "course_lib.data.intensity.normalise", "course_lib.data.intensity.unit_range",
    "course_lib.data.intensity.standardise", "course_lib.images.rescale",
    "skimage.exposure.rescale_intensity",
):  # fmt: skip
    rng, at = np.random.default_rng(3), ([0, 1, 1, -1], [0, 5, 0, 6], [1, 2, 2, 4], [2, 0, 1, 2])
    scans = [scale * rng.random((7, 5, 3)) - 7 * (scale > 1) for scale in (100, 40, 9000, 10, 0.2)]
    train, test = np.stack(scans[:3]), np.stack(scans[3:])
    train[:, 3, 4, 1], train[2, :4] = [9e4, 5e4, 1e6], 0  # shining voxels; air around a head
    answer = normalise(*(copies := (train.copy(), test.copy())))
    assert [type(part) for part in answer] == [np.ndarray] * 2, "return two arrays, train and test"
    assert all(map(np.array_equal, copies, (train, test))), "your answer changed its input"
    for name, got, shape, wanted in (
        ("training", answer[0], (3, 7, 5, 3), [0.0421, -1.284, -0.2342, -0.9052]),
        ("test", answer[1], (2, 7, 5, 3), [-1.284, -0.1372, -0.1991, 0.3202]),
    ):
        assert got.shape == shape, f"{name}: the shape should stay {shape}, got {got.shape}"
        tops = [round(float(volume.max()), 3) for volume in got]
        told = f"{name}: all volumes should end at one largest value (1 before step 2), got {tops}"
        assert np.ptp(tops) < 1e-2, f"{told}: percentiles of each volume by itself, then clip"
        got = np.round(got[at], 4).tolist()
        told = f"four {name} voxels should become {wanted}, got {got}: percentiles 1, 99 (of 100)"
        told += " over *all* voxels of a volume, clip at both ends; one mean and deviation for all:"
        assert np.allclose(got, wanted, atol=1e-3), f"{told} of the scaled *training* voxels"
    told = "the result changes with *other* test volumes: compute nothing over the test set"
    for alone, got in zip((normalise(train, test[[n]]) for n in (0, 1)), answer[1], strict=True):
        assert np.allclose(alone[1][0], got) and np.allclose(alone[0], answer[0]), told
    ### BEGIN HIDDEN TESTS
    for kind in (np.uint8, np.int16, np.float32):
        part = (200 * np.random.default_rng(4).random((2, 9, 4, 3)) ** 2).astype(kind)
        got, wanted = (normalise(given, given[:1]) for given in (part, part.astype(float)))
        assert np.allclose(got[0], wanted[0], atol=1e-4), f"{kind.__name__}: results are fractions"
        assert np.allclose(got[1], wanted[1], atol=1e-4), f"{kind.__name__}: results are fractions"
    ### END HIDDEN TESTS
    ### HIDDEN VALUE: normalise(rng.normal(0, 50, (3, 5, 4, 2)), rng.exponential(9, (2, 5, 4, 2)) ** 2)
    ### HIDDEN VALUE: [normalise(1e-9 * rng.random((1, 3, 17, 2)), 1e6 * rng.random((3, 3, 17, 2))), normalise(rng.integers(0, 255, (2, 6, 5, 4)), rng.integers(-99, 999, (1, 6, 5, 4))), normalise(np.maximum(rng.normal(-0.4, 1, (2, 8, 5, 3)), 0), rng.integers(0, 200, (1, 8, 5, 3), dtype=np.uint8))]
print("normalise: right")

# %% [markdown]
# One head from three scanners in different units. Scanner C adds twelve bright points to every plane, as vessels or faults may do.

# %% tags=["experiment"]
rng = np.random.default_rng(0)
block, block_brain = (v[:, :, 80:101:10].astype(float) for v in (colin.data, colin.brain_mask))
spiked = block.copy()
for plane in range(block.shape[2]):
    spots = rng.integers(20, 160, 12), rng.integers(20, 200, 12), plane
    spiked[spots] = rng.uniform(2, 5, 12)
train, test = np.stack([300 * block, 4000 * block]), 1200 * spiked[None]
rescale = yours("normalise", intensity.normalise, name="normalise")
ready = np.concatenate(rescale(train, test))
by_maximum = np.concatenate([part / part.max((1, 2, 3), keepdims=True) for part in (train, test)])
low, high = ready.min(), ready.max()
greys = {}
for name, stack in {"maximum": by_maximum, "normalise": (ready - low) / (high - low)}.items():
    for scanner, volume in zip("ABC", stack, strict=True):
        grey = np.median(volume[block_brain > 0])
        greys[f"{scanner}, {name}: {grey:.2f}"] = planes.cut(volume, [1])[0]
viz.gallery(
    list(greys.values()), columns=3, titles=list(greys),
    title="12 bright points in C: median grey of the brain by maximum and by percentiles",
)  # fmt: skip

# %% [markdown]
# May one go further and enhance the contrast? The thesis warns: "Could lead to destroying some important clinical aspects
# despite it looks better". We **paint** a small lesion, a little brighter than the white matter around it.

# %% tags=["experiment"]
rows, columns = np.indices(axial.shape)
lesion = (rows - 72) ** 2 + (columns - 62) ** 2 <= 4**2
ring = ((rows - 72) ** 2 + (columns - 62) ** 2 <= 8**2) & ~lesion
ill = np.where(lesion, 0.53, axial)
black, white = np.percentile(ill, [30, 85])
views = {"as scanned": ill, "enhanced": np.clip((ill - black) / (white - black), 0, 1)}
spread = [np.subtract(*np.percentile(view[axial_brain], [75, 25])) for view in views.values()]
contrast = [view[lesion].mean() - np.median(view[ring]) for view in views.values()]
times = spread[1] / spread[0], contrast[1] / contrast[0]
viz.gallery(
    [ill / ill.max(), views["enhanced"]],
    titles=[f"{n}: lesion {c:+.2f}" for n, c in zip(views, contrast, strict=True)],
    title=f"Brain: middle half of the greys × {times[0]:.1f}. Lesion: contrast × {times[1]:.1f}",
)

# %% [markdown]
# ## Exercise 3: low outliers ({{points not_low}})
#
# **Goal.** `not_low(scores, rule)` of a numpy array of scores: a boolean array in the same order, `True` for each slice whose score is
# **at least** the limit, which is
#
# | `rule` | limit |
# |---|---|
# | `"3 sigma"` | mean − 3 standard deviations (`np.std`, as it comes) |
# | `"iqr"` | Q1 − 1.5 · (Q3 − Q1) |
# | `"q1"` | Q1 |
#
# **Steps.** Find the quartiles Q1 (25 %) and Q3 (75 %) with `np.percentile`; `scipy.stats.iqr` and `zscore` are closed here. Compute the
# limit, compare.
#
# **Example.** The scores `[1, 10, 11, 12, 13]` have Q1 = 10 and Q3 = 12. So `"iqr"` keeps what is at least 10 − 1.5·2 = 7, and `"q1"`
# what is at least 10: both drop only the 1. `"3 sigma"` keeps all five: the 1 itself makes σ large.
#
# **Hint.** Is a slice with a very *high* score a low outlier? And what happens to equal scores?
#
# ### BEGIN EXPLANATION
# Each rule is one limit from below; a high score is never dropped. An outlier inflates the standard deviation by which it is judged, so the
# 3-sigma rule may miss it; quartiles barely move. Q1 as a limit drops about a quarter of the slices, good or bad. Dropping on both
# sides, as a box plot suggests, is the common mistake.
# ### END EXPLANATION

# %% nbgrader={"grade_id": "not_low", "solution": true}
def not_low(scores, rule):
    """True for scores that are no low outliers; rule: "3 sigma", "iqr" or "q1"."""
    ### BEGIN SOLUTION
    first, third = np.percentile(scores, [25, 75])
    limits = {"3 sigma": np.mean(scores) - 3 * np.std(scores), "iqr": first - 1.5 * (third - first), "q1": first}
    return scores >= limits[rule]
    ### END SOLUTION


# %% nbgrader={"grade_id": "not_low_test", "points": 2}
from course_lib.exercise import without

with without(
    "course_lib.data.slices.relevant", "course_lib.data.slices.low_limit", "scipy.stats.zscore",
    "scipy.stats.iqr",
):  # fmt: skip
    example, ten = [1.0, 10, 11, 12, 13], [4, -0.375, 5.5, 3, 0.125, 3.5, 4.5, 2.5, 3.25, 5]
    equal, hundred = [2.0] * 8, [1, 2.2, 4, 4, 8, 22] + [10.0] * 64 + [14] * 30
    eleven = [10.0, 9.4, 9.6, 0, 10.2, 10.4, 9.8, 10.6, 10, 10.4, 10.2]
    skewed = [0.0, 1, 1, 2, 3, 5, 8, 13, 40, 41, 1.5, 60, -34, -44, -50, -52]
    for scores, rule, limit, gone in (
        *((example, rule, "7 by iqr, 10 by q1; 10 itself stays", [1]) for rule in ("iqr", "q1")),
        (example, "3 sigma", "9.4 − 3·4.317: below all of them", []),
        (ten, "iqr", "2.625 − 1.5·1.75 = 0: quartiles lie between two scores", [-0.375]),
        (ten, "q1", "2.625: it lies between two scores", [-0.375, 0.125, 2.5]),
        (hundred, "3 sigma", "11.01 − 3·2.719 = 2.854; the 22 is high, not low", [1, 2.2]),
        (hundred, "q1", "10: compare with the limit, do not count slices", [1, 2.2, 4, 4, 8]),
        (hundred, "iqr", "10 − 1.5·4 = 4: at least, so the 4 stays", [1, 2.2]),
        (eleven, "3 sigma", "9.145 − 3·2.912 = 0.409 (np.std, as it comes)", [0]),
        (skewed, "iqr", "−8.5 − 1.5·17.75 = −35.125, from Q1", [-52, -50, -44]),
        *((equal, rule, "2: equal scores all stay", []) for rule in ("3 sigma", "iqr", "q1")),
    ):
        given = np.array(scores)
        kept, told = not_low(given, rule), f'"{rule}" of {str(scores)[:60]}: '
        assert given.tolist() == scores, f"{told}your answer changed the scores or their order"
        right = type(kept) is np.ndarray and kept.dtype == bool and kept.shape == given.shape
        assert right, f"{told}expected an array of {len(scores)} booleans, got {kept!r}"
        went = sorted(given[~kept].tolist())
        assert went == sorted(gone), f"{told}limit {limit}: only {gone} should go, but {went} did"
    ### HIDDEN VALUE: [not_low(np.concatenate([rng.normal(5, 1, 150), rng.uniform(-3, 3, 53)])[rng.permutation(203)], rule) for rule in ("3 sigma", "iqr", "q1") for _ in range(3)]
    ### HIDDEN VALUE: [not_low(scale * np.concatenate([rng.exponential(1, 60), -rng.exponential(2, 22), np.zeros(5)]) + offset, rule) for rule in ("3 sigma", "iqr", "q1") for scale, offset in ((1e-9, 0), (1e6, -7), (1, 0), (1, 1e6))]
    ### HIDDEN VALUE: [not_low(rng.poisson(9, 70), "q1"), not_low(rng.integers(0, 90, 34) ** 2, "iqr"), not_low(np.append(rng.integers(90, 99, 30), rng.integers(0, 99, 4)), "3 sigma")]
print("not_low: right")

# %% [markdown]
# ## Exercise 4: how much brain? ({{points enough_brain}})
#
# **Goal.** `enough_brain(brain_masks, share)` of boolean masks `(N, H, W)`: a boolean array `(N,)`, `True` for each slice in which
# at least `share` of **all** pixels are brain.
#
# **Example.** With `share=0.045`, a slice of 10 × 20 pixels needs 9 brain pixels.
#
# **Hint.** What is the mean of a boolean array?
#
# ### BEGIN EXPLANATION
# The share is counted over all pixels of the slice, so it does not depend on the image size. Dividing by the bright pixels instead would
# keep a slice of the neck with a little brainstem, because little else in it is bright.
# ### END EXPLANATION

# %% nbgrader={"grade_id": "enough_brain", "solution": true}
def enough_brain(brain_masks, share):
    """True for slices (N, H, W) of which at least this share is brain."""
    ### BEGIN SOLUTION
    return brain_masks.mean(axis=(1, 2)) >= share
    ### END SOLUTION


# %% nbgrader={"grade_id": "enough_brain_test", "points": 1}
from course_lib.exercise import without

with without("course_lib.data.slices.has_brain", "course_lib.data.slices.brain_share"):
    draws = np.random.default_rng(2)
    for height, width, counts, share, wanted, why in (
        (10, 20, [9], 0.045, [1], "9 of 200 pixels are 4.5 %, and that is enough: at least"),
        (10, 20, [8], 0.045, [0], "8 of 200 pixels are 4 %: all pixels of the slice count"),
        (10, 20, [8, 2], 0.03, [1, 0], "6 of 200 pixels are 3 %: use `share`"),
        (20, 10, [0, 9], 0.045, [0, 1], "a slice without brain goes"),
        (20, 10, [200, 12, 8], 0.045, [1, 1, 0], "each slice has a share of its own"),
        (7, 9, [0, 0], 0.01, [0, 0], "slices without any brain should go"),
        (7, 9, [62, 63], 1, [0, 1], "a share of 1 is the whole slice"),
        (160, 250, [1799, 1800, 30_000, 1801], 0.045, [0, 1, 1, 1], "1800 are needed, no rounding"),
        (250, 160, [4000, 3999], 0.1, [1, 0], "4000 of 40000 are needed"),
    ):  # fmt: skip
        masks = np.zeros((len(counts), height, width), dtype=bool)
        for mask, brain_pixels in zip(masks, counts, strict=True):
            mask.flat[draws.permutation(height * width)[:brain_pixels]] = True
        copy = masks.copy()
        kept = enough_brain(copy, share)
        assert np.array_equal(copy, masks), "your answer changed its input: make new arrays"
        told = f"slices of {height}×{width} with {counts} brain pixels, share {share}: expected"
        right = type(kept) is np.ndarray and kept.dtype == bool and kept.shape == (len(counts),)
        assert right, f"{told} an array of {len(counts)} booleans, got {kept!r}"
        assert kept.tolist() == wanted, f"{told} {np.array(wanted) > 0}, got {kept}: {why}"
    ### HIDDEN VALUE: [enough_brain(rng.random((60, *size)) < rng.uniform(0, 0.09, (60, 1, 1)), share) for size in ((19, 21), (37, 11)) for share in (0.045, *rng.uniform(0.02, 0.07, 2))]
    ### HIDDEN VALUE: [enough_brain(np.arange(20_300).reshape(1, 100, 203) < rng.integers(880, 950, (20, 1, 1)), 0.045), enough_brain(np.arange(20_300).reshape(1, 203, 100) >= rng.integers(19_340, 19_440, (9, 1, 1)), 0.045)]
print("enough_brain: right")

# %% [markdown]
# ## Choose slices three ways
#
# The three ways compete on planes of Colin27 and some synthetic heads, 3 mm apart. The truth is your rule of exercise 4 on the
# **known** brain mask, so the third way has a head start. But it has to find its own mask: `extraction.brain_mask` uses thresholds and
# morphology (the thesis, a trained network). Then the same with **bright points** in every second plane. (About 20 s.)

# %% tags=["experiment"]
step = profile.pick(ci=6, cpu=3, gpu=2)  # mm between planes
test_heads = [(colin.data[:, :, ::step].copy(), colin.brain_mask[:, :, ::step])]
for number in progress_bar(range(profile.pick(ci=1, cpu=3, gpu=8)), desc="whole synthetic heads"):
    head = heads.synthetic_head(0, number).paint(np.arange(0, colin.data.shape[2], step))
    # pictures (N, Y, X), front up -> volume (X, Y, N)
    test_heads.append(
        tuple(np.ascontiguousarray(stack[:, ::-1].transpose(2, 1, 0)) for stack in head[:2])
    )


def with_bright_points(volume, rng):
    """A copy in which every second plane, at random, has 5 to 60 pixels as bright as 1 to 2."""
    volume = volume.copy()
    width, height, depth = volume.shape
    for plane in np.flatnonzero(rng.random(depth) < 0.5):
        points = rng.integers(5, 61)
        spots = rng.integers(width, size=points), rng.integers(height, size=points), plane
        volume[spots] = rng.uniform(1, 2, points)
    return volume


def as_slices(volumes):
    """Volumes (X, Y, Z) -> all their axial slices (N, H, W)."""
    return np.concatenate([planes.cut(volume) for volume in volumes])


# %% tags=["experiment"]
outlier_rule = yours("not_low", slices.relevant, name="not_low")
has_brain = yours("enough_brain", slices.has_brain, name="enough_brain")
rng = np.random.default_rng(0)
conditions = {"clean heads": [volume for volume, _ in test_heads]}
conditions["with bright points"] = [with_bright_points(volume, rng) for volume, _ in test_heads]
true_masks = as_slices([mask for _, mask in test_heads])
truth = has_brain(true_masks, 0.045)
choices = {}  # (condition, way) -> kept or not
for condition, volumes in conditions.items():
    pictures = as_slices(volumes)
    bar = progress_bar(volumes, desc=condition)
    found = [extraction.brain_mask(volume, (1, 1, step)) for volume in bar]
    nonzero = (pictures != 0).sum(axis=(1, 2))
    scores = {"count": nonzero, "mean": pictures.sum(axis=(1, 2)) / np.maximum(nonzero, 1)}
    for name, values in scores.items():
        for rule in ("3 sigma", "iqr", "q1"):
            choices[condition, f"{name} of non-zero, {rule}"] = outlier_rule(values, rule)
    choices[condition, "brain share, found mask"] = has_brain(as_slices(found), 0.045)

# %% tags=["experiment"]
ways = [way for condition, way in choices if condition == "clean heads"]
wrong = {way: int((choices["with bright points", way] != truth).sum()) for way in ways}
best, second = sorted(ways, key=wrong.get)[:2]
title = f"Bright points: {best}, {wrong[best]} of {len(truth)} wrong; the next best {wrong[second]}"
figure = viz.figure(9, 3.8, title=title)
both = figure.subplots(1, 2, sharex=True, sharey=True)
for axes, condition in zip(both, conditions, strict=True):
    choice = np.stack([choices[condition, way] for way in ways])
    keeps, drops = (choice & ~truth).sum(1), (~choice & truth).sum(1)
    axes.barh(ways, keeps, label="kept without enough brain", color="#D55E00")
    axes.barh(ways, drops, left=keeps, label="dropped with enough brain", color="#0072B2")
    axes.set_title(condition, fontsize=9)
    axes.set_xlabel(f"wrong slices ({truth.sum()} of {len(truth)} have enough brain)", fontsize=8)
    axes.tick_params(labelsize=8)
axes.invert_yaxis()
names = axes.get_legend_handles_labels()
figure.legend(*names, fontsize=8, loc="outside lower center", ncols=2)
figure

# %% [markdown]
# The mean asks for "bright", and a slice of nothing but bright points is bright. The count asks how much is not 0: at the neck
# that is a lot. Neither asks for *brain*. The rule Q1 drops a quarter of the slices, good ones too (blue).

# %% tags=["experiment"]
from course_lib.student import instant_questions

instant_questions("lab03", [1, 2, 3])

# %% [markdown]
# ## Exercise 5: split by volume ({{points split_by_volume}})
#
# **Goal.** `split_by_volume(subjects, group_of, share, generator)` returns a boolean array, `True` for the **test** slices. All
# slices of a head go the same way.
#
# - `subjects`: numpy array (N,), the number of each slice's head, in any order,
# - `group_of`: a dict from a head's number to its group: a text, a number, or a tuple such as `("young", "female", "white")`,
# - `share`: of the heads, for the test,
# - `generator`: a `numpy.random.Generator`.
#
# **Steps.**
# 1. For each group: list its **heads**, each once. The dict may know more heads, and groups, than have slices here.
# 2. Of a group with `n` heads, `max(1, round(share * n))` go to the test (of a group without slices none). Draw which ones with
#    `generator.permutation`.
# 3. A slice is a test slice if its head was drawn.
#
# **Example.** Heads 1 to 8 are young, 9 to 12 old; `share = 0.25`. Then two of the young heads and one of the old are in the test.
#
# **Hint.** A head with 200 slices has the same chance as a head with 3. The same seed must give the
# same split tomorrow: a `set` of texts has another order in each start of Python, so sort it.
#
# ### BEGIN EXPLANATION
# The unit of the draw is the person, because slices of one person are not independent. Within each group the same share of people is
# drawn, so test and training people are alike. The common mistakes are to draw slices within each group (stratified, but leaking),
# and to count slices instead of people.
# ### END EXPLANATION

# %% nbgrader={"grade_id": "split_by_volume", "solution": true}
def split_by_volume(subjects, group_of, share, generator):
    """True for test slices: whole heads, and of each group the same share, at least one."""
    ### BEGIN SOLUTION
    everyone = np.unique(subjects)
    drawn = []
    for group in sorted(set(group_of.values())):
        members = [head for head in everyone.tolist() if group_of[head] == group]
        count = max(1, round(share * len(members)))
        drawn.extend(generator.permutation(members)[:count].tolist())
    return np.isin(subjects, drawn)
    ### END SOLUTION


# %% nbgrader={"grade_id": "split_by_volume_test", "points": 3}
from course_lib.exercise import without

### BEGIN HIDDEN TESTS
import random


def cohort(sizes, order, *strangers):
    """Slices in random order, 1 to 9 a head; the dict: groups of so many heads, and strangers among their numbers."""
    numbers = order.permutation(900).tolist()
    groups = [group for group, size in sizes.items() for _ in range(size)]
    heads, others = numbers[: len(groups)], numbers[len(groups) :]
    subjects = order.permutation(np.repeat(heads, order.integers(1, 10, len(heads))))
    return subjects, dict(zip(heads, groups, strict=True)) | dict(zip(others, strangers, strict=False))


def drawn(subjects, group_of, share, seed=0):
    """How many heads of each group are in the test, and how many heads stand on both sides."""
    test = np.asarray(split_by_volume(subjects, group_of, share, np.random.default_rng(seed)))
    inside, outside = set(subjects[test].tolist()), set(subjects[~test].tolist())
    groups = [group_of[head] for head in inside]
    return [*map(groups.count, sorted(set(group_of.values()))), len(inside & outside)]


class Name(str):
    """A text whose hash we choose: Python chooses another one in each start."""

    salt = 1

    def __hash__(self):
        return self.salt * len(self) % 31


state = lambda: (random.getstate(), np.random.get_state()[1].tobytes())  # noqa: NPY002 (the global)
### END HIDDEN TESTS
with without(
    "course_lib.data.splits.split_volumes", "sklearn.model_selection.train_test_split",
    "sklearn.model_selection.GroupShuffleSplit", "sklearn.model_selection.GroupKFold",
    "sklearn.model_selection.StratifiedShuffleSplit", "sklearn.model_selection.StratifiedKFold",
    "sklearn.model_selection.StratifiedGroupKFold",
):  # fmt: skip
    heads_of = {"young": [*range(1, 9)], "old": [20, 33, 47, 90], "very old": [11, 60]}
    group_of = {head: group for group, members in heads_of.items() for head in members}
    listed = np.repeat([*group_of], [3 + (17 * head) % 40 for head in group_of])  # 3 to 42 a head
    subjects, generator = np.random.default_rng(5).permutation(listed), np.random.default_rng(0)
    listed, times = subjects.copy(), dict.fromkeys(group_of, 0)
    for _ in range(200):
        test = split_by_volume(subjects, group_of, 0.25, generator)
        right = type(test) is np.ndarray and test.dtype == bool and test.shape == subjects.shape
        assert right, f"return an array of {len(subjects)} booleans, one a slice, got {test!r}"
        tested = set(subjects[test].tolist())
        both = tested & set(subjects[~test].tolist())
        assert not both, f"heads {both} on both sides: this is leakage. Draw heads, then np.isin"
        for group, count in (("young", 2), ("old", 1), ("very old", 1)):
            told = f"{group}: {count} in the test, got {tested & set(heads_of[group])}: draw in"
            assert len(tested & set(heads_of[group])) == count, f"{told} each group, count heads"
        times.update({head: times[head] + 1 for head in tested})
    often = [times[head] for head in range(1, 9)]  # 50 on average, with a standard deviation of 6
    assert 20 < min(often) and max(often) < 84, f"about 50 times each, got {often}: equal chances"
    assert np.array_equal(subjects, listed), "your answer changed `subjects`: make a new array"
    same = [split_by_volume(subjects, group_of, 0.25, np.random.default_rng(8)) for _ in range(2)]
    assert np.array_equal(*same), "the same seed should give the same split: use `generator` only"
    ### BEGIN HIDDEN TESTS
    wanted = {head: group for group, members in heads_of.items() for head in members}
    assert group_of == wanted, "your answer changed `group_of`: leave the dict alone"
    told = "you drew from the global generator of Python or numpy, or seeded it: use `generator`"
    states = state()  # here: the first call may import what draws numbers itself
    split_by_volume(subjects, group_of, 0.25, np.random.default_rng(8))
    assert state() == states, told
    pairs, ranks = set(), set()
    twins = {head: "ab"[head % 2] for head in range(16)}
    for _ in range(200):
        test = split_by_volume(np.repeat(np.arange(16), 2), twins, 0.25, generator)
        found = np.flatnonzero(test[::2])
        pairs.add(tuple(found[found % 2 == 0]))
        ranks.add((tuple(found[found % 2 == 0] // 2), tuple(found[found % 2 == 1] // 2)))
    # 28 pairs, 200 draws: 0.02 pairs are missed on average; of 784 pairs of pairs about 176 come
    told = f"8 heads make 28 pairs; in 200 splits only {len(pairs)} of them came: draw head by head"
    assert len(pairs) > 22, told
    assert len(ranks) > 100, "two groups of one size always draw the same places: draw for each"
    for sizes, share, wanted, why in (
        ({"a": 10, "b": 6}, 0.25, [2, 2, 0], "round(2.5) is 2: the text says round"),
        ({"a": 7, "b": 3, "c": 1}, 0.4, [3, 1, 1, 0], "neither up nor down, and at least one"),
        ({"a": 5, "b": 1}, 1.0, [5, 1, 0], "a share of 1: all heads"),
        ({"a": 4, "b": 2}, 0.0, [1, 1, 0], "a share of 0: one of each group all the same"),
        ({"a": 9, "b": 4}, 0.8, [7, 3, 0], "use `share`"),
        ({"a": 6}, 0.5, [3, 0], "one group"),
        ({("old", "f"): 4, ("old", "m"): 3, ("young", "f"): 8}, 0.25, [1, 1, 2, 0], "tuples as groups"),
    ):
        got = drawn(*cohort(sizes, np.random.default_rng(6)), share)
        told = f"groups {sizes}, share {share}: expected {wanted[:-1]} test heads, got {got[:-1]}"
        assert got == wanted, f"{told}: {why}"
    got = drawn(*cohort({"a": 5, "b": 3}, np.random.default_rng(6), *"aaaabbbbbccc"), 0.4)
    told = f"the dict knows people, and a group, without slices: expected [2, 1, 0], got {got[:-1]}"
    assert got == [2, 1, 0, 0], told
    names = {Name("n" * length): 6 for length in (1, 2, 3, 4, 5)}
    subjects, group_of = cohort(names, np.random.default_rng(6))
    splits = []
    for Name.salt in (1, 7, 13):
        splits.append(split_by_volume(subjects, group_of, 0.3, np.random.default_rng(1)).tolist())
    told = "a set of texts has another order in each start of Python: sort the groups"
    assert splits[0] == splits[1] == splits[2], told
    ### END HIDDEN TESTS
    ### HIDDEN VALUE: [drawn(*cohort(dict(zip("abcdef", rng.integers(1, 13, 6).tolist())), rng, *"aabbgh"), share) for share in (*rng.uniform(0, 1, 4), 0.25, 0.5)]
    ### HIDDEN VALUE: [drawn(*cohort({3: 10, 1: 6, 2: 14}, rng), (2 * rng.integers(1, 5) + 1) / 20), drawn(*cohort(dict.fromkeys(range(9), 2), rng), rng.choice([0.25, 0.75]))]
print("split_by_volume: right")

# %% [markdown]
# ## Stratify by age, sex and ethnicity
#
# The thesis splits by three traits at once. Here are 200 **made-up** people, split 100 times: how far is the share of any trait in the
# test from its share in all people? "Pooled" joins rare combinations.

# %% tags=["experiment"]
def library_split(subjects, group_of, share, generator):
    """The library's split in the exercise's words."""
    shares, seed = {"train": 1 - share, "test": share}, int(generator.integers(10**6))
    strata = {head: {"group": str(group_of[head])} for head in np.unique(subjects).tolist()}
    found = split_volumes(subjects, strata, shares=shares, seed=seed)
    return np.isin(subjects, found.parts["test"])


split = yours("split_by_volume", library_split, name="split_by_volume")
rng, everyone = np.random.default_rng(0), np.arange(200)
names = ["white", "Asian", "Black", "Chinese", "other"]
ethnicities = rng.choice(names, 200, p=[0.8, 0.1, 0.05, 0.03, 0.02])
ages, sexes = rng.uniform(18, 88, 200), rng.choice(["female", "male"], 200)
traits = {
    number: demographics.Person(number, sex, age, ethnicity).strata()
    for number, sex, age, ethnicity in zip(everyone.tolist(), sexes, ages, ethnicities, strict=True)
}
groupings = {"no groups": dict.fromkeys(traits, "all")}
groupings["age"] = {number: found["age group"] for number, found in traits.items()}
groupings["age, sex, ethnicity"] = {number: tuple(f.values()) for number, f in traits.items()}
groupings["the same, pooled"] = pool_rare(traits, least=4)
columns = np.array([list(found.values()) for found in traits.values()])
marks = np.stack([column == v for column in columns.T for v in set(column)])  # (values, 200)
for name, group_of in groupings.items():
    tests = [split(everyone, group_of, 0.25, np.random.default_rng(seed)) for seed in range(100)]
    worst = np.mean([np.abs(marks[:, test].mean(1) - marks.mean(1)).max() for test in tests])
    count = len(set(group_of.values()))
    print(f"{name:20} {count:3} groups, {np.mean(tests):.1%} in the test, ", end="")
    print(f"a share is off by up to {100 * worst:.1f} percentage points (mean of 100 splits)")

# %% [markdown]
# In your function "at least one" sends the only member of a rare group into *every* test (third row). Finer is not always better.
#
# ## Exercise 6: corrupt pictures ({{points corrupt}})
#
# To learn restoration, a network needs corrupted images. The thesis drops pixels and blanks a square.
#
# **Goal.** `corrupt(images, generator)` for a tensor `(N, 1, H, W)` of any size: a corrupted copy of the same type. **Each image** has draws of its own.
#
# **Steps.**
# 1. Dropout: draw a level from 0 to 0.05 for each image, uniformly. Set each of its pixels to 0 with this probability, independently.
# 2. Blanking: for each image, with probability 0.1, set a square to 0. Its side is a whole number from `s // 12` to `s // 3`, both included,
#    where `s` is the smaller of `H` and `W`. It lies anywhere inside, also at the border.
#
# Use `torch.rand(shape, generator=generator)` and `torch.randint(low, high, (), generator=generator)`, which stops before `high`.
#
# **Example.** An image of 48 × 60 pixels with the level 0.03 loses about 86 pixels. A square of side 10 begins in rows 0 to 38 and
# columns 0 to 50.
#
# **Hint.** What is not dropped stays as it is: no rescaling. Which shape must the levels have so that each image has its own?
#
# ### BEGIN EXPLANATION
# Two random things per image: a level for the dropout, and whether, where and how large a square is blanked. One draw for the whole batch, or
# one mask for all images, makes all images of a batch alike, and the network sees far fewer kinds of damage. The clean target must stay clean:
# work on a copy.
# ### END EXPLANATION

# %% nbgrader={"grade_id": "corrupt", "solution": true}
def corrupt(images, generator):
    """Drop 0 to 5 % of the pixels of each image, and blank a random square in one of ten."""
    ### BEGIN SOLUTION
    count, _, height, width = images.shape
    levels = 0.05 * torch.rand((count, 1, 1, 1), generator=generator)
    spoilt = images * (torch.rand(images.shape, generator=generator) >= levels)
    shorter = min(height, width)
    for number in range(count):
        if torch.rand((), generator=generator) < 0.1:
            side = int(torch.randint(shorter // 12, shorter // 3 + 1, (), generator=generator))
            top = int(torch.randint(height - side + 1, (), generator=generator))
            left = int(torch.randint(width - side + 1, (), generator=generator))
            spoilt[number, :, top : top + side, left : left + side] = 0
    return spoilt
    ### END SOLUTION


# %% nbgrader={"grade_id": "corrupt_test", "points": 2}
from course_lib.exercise import without

### BEGIN HIDDEN TESTS
import random


def windows_of(pictures):
    """The 3×3 windows that are all 0: dropout alone makes one with probability below 0.05**9."""
    zero = (pictures == 0)[:, 0]
    zero = zero[:, :-2] & zero[:, 1:-1] & zero[:, 2:]
    return zero[:, :, :-2] & zero[:, :, 1:-1] & zero[:, :, 2:]


def boxes_of(pictures):
    """Top, left, height, width of each blank of side 3 or more; and the numbers of their images."""
    windows = windows_of(pictures)
    numbers = torch.nonzero(windows.flatten(1).any(1))[:, 0]
    boxes = []
    for window in windows[numbers]:
        rows, columns = (torch.nonzero(window.any(axis))[:, 0] for axis in (1, 0))
        boxes.append((rows[0], columns[0], rows[-1] - rows[0] + 3, columns[-1] - columns[0] + 3))
    return np.array(boxes).reshape(-1, 4).T, numbers


def sides_of(count, height, width, seed=0):
    """Which sides the squares have, among so many images."""
    spoilt = corrupt(torch.ones(count, 1, height, width), torch.Generator().manual_seed(seed))
    (_, _, heights, widths), _ = boxes_of(spoilt)
    return sorted(set(heights[heights == widths].tolist()))


def extremes(pictures, copies=1500):
    """Of many spoilt copies of each: at each pixel the largest and smallest number; the type."""
    generator = torch.Generator().manual_seed(1)
    spoilt = [corrupt(picture.repeat(copies, 1, 1, 1), generator) for picture in pictures]
    return [[part.amax(0), part.amin(0), str(part.dtype)] for part in spoilt]


others = lambda: (random.getstate(), np.random.get_state()[1].tobytes())  # noqa: NPY002 (global)
### END HIDDEN TESTS
with without(
    "course_lib.data.augment.drop_pixels", "course_lib.data.augment.blank_square",
    "course_lib.data.augment.thesis_corruption", "torch.nn.functional.dropout",
    "torch.nn.functional.dropout2d",
):  # fmt: skip
    generator = torch.Generator().manual_seed(0)
    clean = 0.2 + 0.8 * torch.rand(1600, 1, 48, 60, generator=torch.Generator().manual_seed(1))
    spoilt = corrupt(given := clean.clone(), generator)
    right = torch.is_tensor(spoilt) and spoilt.shape == clean.shape and spoilt.dtype == clean.dtype
    assert right, f"return a tensor of the same type and shape {tuple(clean.shape)}"
    assert torch.equal(given, clean), "your answer changed the clean images: work on a copy"
    told = "a pixel is set to 0 or stays exactly as it was: no rescaling, no other value"
    assert torch.equal(spoilt, clean.masked_fill(spoilt == 0, 0)), told
    windows = ~(spoilt[:, 0] != 0).unfold(1, 3, 1).any(-1).unfold(2, 3, 1).any(-1)  # 3×3 zeros
    blanked = windows.flatten(1).any(1)
    told = f"a square should be blanked in 10 % of the images, got {blanked.float().mean():.1%}"
    assert 0.07 < blanked.float().mean() < 0.13, f"{told}: a draw for each image"  # ± 0.0075
    rows, columns = (windows[blanked].any(axis).sum(1) + 2 for axis in (2, 1))
    sides = sorted(set(rows[rows == columns].tolist()))
    assert sides == [*range(4, 17)], f"squares: sides 48 // 12 to 48 // 3, both; got {sides}"
    for part in (0.1, 0.5, 0.9):
        value = (spoilt[~blanked] == 0).float().mean((1, 2, 3)).quantile(part).item()
        told = f"{part:.0%} of the images should lose less than {5 * part} % of the pixels, here"
        assert abs(value - 0.05 * part) < 0.002, f"{told} {value:.2%}: a level for each image"
    first, second = (corrupt(clean[:40], torch.Generator().manual_seed(4)) for _ in range(2))
    assert torch.equal(first, second), "the same seed, another result: draw all from `generator`"
    assert not torch.equal(corrupt(clean[:40], generator), spoilt[:40]), "do not seed anew inside"
    ### BEGIN HIDDEN TESTS
    right = (rows == columns).float().mean() > 0.95
    assert right, "the blanks should be squares inside the image, of H rows and W columns"
    before = others(), torch.get_rng_state()  # here: the first call may import what draws numbers itself
    later = corrupt(clean[:600], generator)
    told = "you drew from the global generator of {}: hand `generator` on to every draw"
    assert torch.equal(before[1], torch.get_rng_state()), told.format("PyTorch, or seeded it")
    assert others() == before[0], told.format("Python or numpy, or seeded it")
    assert generator.initial_seed() == 0, "your answer seeds the caller's generator: do not"
    # dropout, in the images without a blank; of each place 0.025 ± 0.004, of neighbours 0.0008
    lost = (spoilt[~blanked, 0] == 0).float()
    often, chance = lost.mean(0), (lost.mean((1, 2)) ** 2).mean().item()
    told = f"each place should be dropped in about 2.5 % of the images, got {often.min():.1%} to"
    told += f" {often.max():.1%}: a mask for each image, not one for the whole batch"
    assert 0.2 * often.mean() < often.min() and often.max() < 2.2 * often.mean(), told
    pairs = (lost[:, 1:] * lost[:, :-1]).mean(), (lost[:, :, 1:] * lost[:, :, :-1]).mean()
    told = "neighbouring pixels are dropped together: a number for each pixel, shape (N, 1, H, W)"
    assert max(pairs) < 1.5 * chance, told
    # a blanked image has a level, too: 0.025 ± 0.0012 on average
    (top, left, height, width), numbers = boxes_of(spoilt)
    area = torch.from_numpy(height * width)
    level = (((spoilt[numbers] == 0).sum((1, 2, 3)) - area) / (48 * 60 - area)).mean().item()
    told = f"blanked images should lose 2.5 % of the other pixels, too, got {level:.1%}: each image"
    assert 0.019 < level < 0.031, f"{told} has dropout, and the blank is drawn apart from the level"
    # the blanks lie anywhere: mean 0.5 ± 0.02, correlations 0 ± 0.08
    fits = (height < 48) & (width < 60)
    down, right = top[fits] / (48 - height[fits]), left[fits] / (60 - width[fits])
    for name, place in (("rows", down), ("columns", right)):
        told = f"blanks should begin anywhere in the {name} where they fit, evenly; the mean place"
        told += f" is {place.mean():.2f} of the way, std {place.std():.2f} (wanted 0.50, 0.29)"
        assert abs(place.mean() - 0.5) < 0.11 and place.std() > 0.22, told
    for one, other in ((down, right), (down, height[fits]), (right, height[fits])):
        together = np.corrcoef(one, other)[0, 1]
        told = f"row, column and side of the blanks go together ({together:.2f}): draw three times"
        assert abs(together) < 0.45, told
    # what depends on the image's number only comes again in the next call
    blanked_later = windows_of(later).flatten(1).any(1)
    told = "the same images are blanked in each call: draw for each image, from `generator`"
    assert not torch.equal(blanked_later, blanked[:600]), told
    free = ~blanked[:600] & ~blanked_later
    shares = [(part[:600][free] == 0).float().mean((1, 2, 3)) for part in (spoilt, later)]
    again = np.corrcoef(*shares)[0, 1]  # 0 ± 0.05
    told = f"each image gets much the same level in each call (correlation {again:.2f}): draw it"
    assert abs(again) < 0.3, told
    # 12×13 pixels, sides 1 to 4: 3 and 4 are seen, a quarter of the blanks each, 500 ± 22
    tiny = corrupt(torch.ones(20_000, 1, 13, 12), generator)
    (top, left, height, width), _ = boxes_of(tiny)
    seen = [int(((height == side) & (width == side)).sum()) for side in (3, 4)]
    told = f"of 2000 blanks of sides 1 to 4, a quarter each, {seen} have sides 3 and 4: s // 12 to"
    assert min(seen) > 385 and max(seen) < 615, f"{told} s // 3, evenly (and 10 % of the images)"
    assert sum(seen) < 1125, f"{told} s // 3, and 10 % of the images, not more"
    ends = [part.mean() for part in (top == 0, left == 0, top + height == 13, left + width == 12)]
    told = f"of blanks of 3 or 4 pixels about 10 % should lie at each border of 13×12, got {ends}"
    assert min(ends) > 0.06 and max(ends) < 0.15, f"{told}: H - side + 1 places from 0 on, evenly"
    # 3×3 pixels: dropout of each pixel by chance, and a blank of 1 pixel in 5 % of the images
    share = (corrupt(torch.ones(8000, 1, 3, 3), generator) == 0).float().mean().item()  # ± 0.0007
    told = f"of images of 3×3 pixels 3.0 % should be lost (sides 0, 1), got {share:.2%}: each pixel"
    assert 0.0265 < share < 0.034, f"{told} by chance, no fixed number; sides from s // 12 on"
    # one image at a time
    alone = [corrupt(clean[:1], generator) for _ in range(300)]
    blanks = int(windows_of(torch.cat(alone)).flatten(1).any(1).sum())  # 30 ± 5
    assert 8 < blanks < 60, f"one image at a time, 300 times: about 30 blanks, got {blanks}"
    lost = sum(bool((one == 0).any()) for one in alone)
    assert lost > 280, f"one image at a time: only {lost} of 300 lost a pixel: draws for each"
    for kind in (torch.float64, torch.float16):
        assert corrupt(clean[:3].to(kind), generator).dtype == kind, f"the type should stay {kind}"
    del clean, given, spoilt, later, windows, lost, tiny  # give the memory back
    ### END HIDDEN TESTS
    ### HIDDEN VALUE: extremes(torch.from_numpy(rng.normal(0, 4, (2, 1, 14, 9)))) + extremes(4 * random_tensor(rng, 1, 1, 7, 12) - 2)
    ### HIDDEN VALUE: sides_of(2000, 57, 38 + 3 * int(rng.integers(6)))
print("corrupt: right")

# %% [markdown]
# ## Real scans, if you have them
#
# **IXI** is a public collection of nearly 600 healthy heads: `course data fetch ixi --subjects 40` brings 40. Without
# them the cell takes synthetic heads.

# %% tags=["experiment"]
people = profile.pick(ci=4, cpu=12, gpu=24)
each = profile.pick(ci=6, cpu=30, gpu=60)  # slices of a head
kind, source = ("IXI", "ixi") if len(ixi.volumes()) >= people else ("synthetic", "cohort")
cohort = brains.brain_slices(source, subjects=people, slices=each, size=224)
new_head = brains.brain_slices("colin27", slices=each, size=224)


def small(pictures):
    """(N, 1, 224, 224) -> (N, 1, 64, 64), averaged."""
    return nn.functional.interpolate(pictures, size=(64, 64), mode="area")


pictures, new_pictures = small(cohort.images[:]), small(new_head.images)
heads_of_slices = cohort.subjects.numpy()
squared = lambda distance: ((pictures[distance:] - pictures[:-distance]) ** 2).mean((1, 2, 3))
to_next_slice = squared(1)[heads_of_slices[1:] == heads_of_slices[:-1]].mean().item()
to_next_head = squared(each).mean().item()  # the slice with the same number
middle = each // 2
titles = [f"head 0, slice {number}" for number in range(middle - 2, middle + 2)]
viz.gallery(
    [*pictures[middle - 2 : middle + 2], *(pictures[n * each + middle] for n in range(1, 4))],
    columns=4,
    titles=titles + [f"head {number}, slice {middle}" for number in range(1, 4)],
    title=f"Another head is {to_next_head / to_next_slice:.1f} times as far away as the next slice",
    window=viz.window(pictures[middle]),
)

# %% [markdown]
# ## Predict first
#
# Four models, from pure memory to none:
#
# - **nearest neighbour** answers with the most similar training slice. It can only remember.
# - **linear code**: 16 numbers for an image (principal components).
# - **dense autoencoder**: `DenseDAE` of lab 01, 32 numbers for an image.
# - **restorer**: `BrainCDAE` of lab 02, trained with your `corrupt`. It sees a small neighbourhood only.
#
# Each is trained twice: on a split **by slice** (a third of all slices is the test) and **by volume** (a third of the heads). We
# score on the slices that are test slices in both. *Optimism* is the score by slice minus the score by volume. Both are also scored on
# Colin27, which *neither* has ever seen.
#
# Predict the optimism of each model in dB, with a reason. You will be asked for it.

# %%
prediction = {
    "nearest neighbour": None,
    "linear code, 16": None,
    "dense autoencoder, 32": None,
    "restorer": None,
}

# %% [markdown]
# ## The experiment: what does a split by slice pretend?
#
# (About a minute on 2 cores.)

# %% tags=["experiment"]
from course_lib.models import dae


def nearest_neighbour(train, tests, seed):
    """Each test image's most similar training image."""
    nearest = lambda test: torch.cdist(test.flatten(1), train.flatten(1)).argmin(1)
    return [train[nearest(test)] for test in tests]


def linear_code(train, tests, seed, numbers=16):
    """Through the first principal components of the training images and back."""
    mean = train.flatten(1).mean(0)
    _, _, directions = torch.linalg.svd(train.flatten(1) - mean, full_matrices=False)
    there_and_back = directions[:numbers].T @ directions[:numbers]  # (H·W, H·W)
    return [((t.flatten(1) - mean) @ there_and_back + mean).view_as(t) for t in tests]


def dense_autoencoder(train, tests, seed):
    with training.fixed_seed(seed):
        model = dae.DenseDAE((64, 64), hidden=256, code=32)
    training.fit(
        model, train, loss=nn.functional.mse_loss, epochs=profile.pick(ci=1, cpu=40, gpu=200),
        batch_size=32, learning_rate=1e-3, seed=seed, progress=False,
    )  # fmt: skip
    return [training.denoise(model, test) for test in tests]


# %% tags=["experiment"]
def library_corrupt(images, generator):
    dropped = augment.drop_pixels(images, 0.05, generator=generator)
    return augment.blank_square(dropped, (1 / 12, 1 / 3), probability=0.1, generator=generator)


damage = yours("corrupt", library_corrupt, name="corrupt")


def restorer(train, tests, seed):
    one_damaged = lambda image, generator: damage(image[None], generator)[0]
    with training.fixed_seed(seed):
        model = dae.BrainCDAE()
    rates = (3e-3, profile.pick(ci=1, cpu=14, gpu=70)), (3e-4, profile.pick(ci=1, cpu=6, gpu=30))
    for learning_rate, epochs in rates:
        training.fit(
            model, train, loss=nn.functional.mse_loss, corrupt=one_damaged, epochs=epochs,
            transform=functools.partial(images.random_crop, size=32), batch_size=16,
            learning_rate=learning_rate, seed=seed, progress=False,
        )  # fmt: skip
    generator = torch.Generator().manual_seed(seed)
    return [training.denoise(model, damage(test, generator)) for test in tests]


six = new_pictures[middle][None].repeat(6, 1, 1, 1)
damaged = damage(six, torch.Generator().manual_seed(3))
inside = six[0] > 0
gone = [((one == 0) & inside).sum() / inside.sum() for one in damaged]
title = f"One slice, damaged six times: {min(gone):.1%} to {max(gone):.1%} of its pixels lost"
captions = [f"{part:.1%} lost" for part in gone]
viz.gallery(damaged, columns=6, titles=captions, window=viz.window(six[0]), title=title)

# %% tags=["experiment"]
functions = nearest_neighbour, linear_code, dense_autoencoder, restorer
MODELS = dict(zip(prediction, functions, strict=True))
SPLITS = ("by slice", "by volume")
seeds = range(profile.pick(ci=2, cpu=3, gpu=8))


def score(answer, target):
    return metrics.psnr(answer.clamp(0, 1), target, data_range=1).mean().item()


def two_splits(seed, group_of):
    """Test slices by slice and by volume: equally many."""
    by_volume = split(heads_of_slices, group_of, 1 / 3, np.random.default_rng(seed))
    by_slice = np.zeros_like(by_volume)
    order = np.random.default_rng([seed, 1]).permutation(len(by_volume))
    by_slice[order[: by_volume.sum()]] = True
    return {"by slice": by_slice, "by volume": by_volume}


psnr = np.zeros((len(MODELS), 2, len(seeds), 2))  # model, split, seed, (shared slices, Colin27)
everyone_alike = dict.fromkeys(heads_of_slices.tolist(), "all")
for seed in progress_bar(seeds, desc="seeds"):
    tests = two_splits(seed, everyone_alike)
    shared = pictures[tests["by slice"] & tests["by volume"]]
    for column, name in enumerate(SPLITS):
        for row, model in enumerate(MODELS.values()):
            answers = model(pictures[~tests[name]], [shared, new_pictures], seed)
            pairs = zip(answers, (shared, new_pictures), strict=True)
            psnr[row, column, seed] = [score(answer, target) for answer, target in pairs]

# %% tags=["experiment"]
optimism = psnr[:, 0, :, 0] - psnr[:, 1, :, 0]  # model, seed: on the shared test slices
gain = psnr[:, 0, :, 1] - psnr[:, 1, :, 1]  # the same on Colin27
print(f"{people} {kind} heads, {each} slices each; PSNR in dB, mean ± sd of {len(seeds)} seeds")
print(f"{'model':24}{'by slice':>16}{'by volume':>16}{'optimism':>16}{'on Colin27':>16}")
for row, name in enumerate(MODELS):
    cells = [psnr[row, 0, :, 0], psnr[row, 1, :, 0], optimism[row], gain[row]]
    print(f"{name:24}" + "".join(f"{v.mean():>9.2f} ± {v.std(ddof=1):<4.2f}" for v in cells))
top = int(optimism.mean(1).argmax())
found = f"{optimism.mean(1)[top]:+.1f} dB by the split, {gain.mean(1)[top]:+.1f} dB on a new head"
title = f"{list(MODELS)[top]}: {found}"
figure = viz.figure(8, 4, title=title)
axes, places = figure.subplots(), np.arange(len(MODELS))
bars = (optimism, "shared test slices", "#D55E00", -0.18), (gain, "Colin27", "#0072B2", 0.18)
for values, name, colour, shift in bars:
    spread = values.std(1, ddof=1)
    axes.bar(places + shift, values.mean(1), 0.34, yerr=spread, color=colour, capsize=3, label=name)
said = [(place, value) for place, value in enumerate(prediction.values()) if value is not None]
if said:
    axes.plot(*zip(*said, strict=True), "k*", markersize=12, label="your prediction")
axes.axhline(0, color="black", linewidth=0.8)
axes.set_xticks(places, [name.replace(" ", "\n", 1) for name in MODELS], fontsize=8)
axes.set_ylabel("by slice minus by volume (dB)\nlines: ± sd over seeds")
figure.legend(fontsize=8, loc="outside lower center", ncols=3)
figure

# %% [markdown]
# Where the optimism is large and the gain on Colin27 is not, the number got better, and the model did not. (A small gain can be real: the split
# by slice trains on slices of all heads.)
#
# ## Prediction and measurement ({{points predicted}})
#
# Which model did you expect to be flattered most, and why? Where were you right, where not? Is
# the restorer's optimism larger than its error bar, and what in its structure explains that? Three to five sentences.

# %% [markdown] nbgrader={"grade_id": "predicted", "solution": true, "points": 2}
# I expected the nearest neighbour to be flattered most, because it can only remember: in a split by slice its training set holds the slices next
# to each test slice. The measurement agrees: its optimism is by far the largest, and its gain on Colin27 is much smaller. The two autoencoders lie between. The
# restorer sees only a small neighbourhood, and such neighbourhoods repeat from head to head, so it has nothing to gain from
# knowing the head; its optimism is smaller than its error bar.
#
# ### BEGIN MARK SCHEME
# - 1: states the prediction with a reason (how much a model can remember, how much of the image it sees)
# - 1: compares it with the measurement, error bars included, and explains the restorer by its small neighbourhood
# ### END MARK SCHEME
#
# ### BEGIN EXPLANATION
# Optimism grows with the ability to recognise the head: the nearest neighbour looks at the whole picture and only remembers, the restorer sees
# a few pixels, which look alike in all heads. Leakage is not always large; but one knows only after an honest split. Many take any
# gain on test slices for a better model, although the gain on a new head is what counts.
# ### END EXPLANATION

# %% [markdown]
# ## The worst case: a random diagnosis
#
# Half of the people, chosen at random, are "ill", the others "healthy". There is *nothing* to learn. Let the nearest neighbour diagnose
# slices.

# %% tags=["experiment"]
tosses = range(profile.pick(ci=10, cpu=40, gpu=100))
flat = pictures.flatten(1)
distance = torch.cdist(flat, flat).numpy()
accuracy = {name: [] for name in SPLITS}
for toss in tosses:
    coin = np.random.default_rng([toss, 2]).permutation(np.arange(people) % 2)  # half of them ill
    illness = coin[heads_of_slices]
    for name, test in two_splits(toss, dict(enumerate(coin.tolist()))).items():
        twin = np.flatnonzero(~test)[distance[test][:, ~test].argmin(axis=1)]
        accuracy[name].append(float((illness[twin] == illness[test]).mean()))
means = {name: np.mean(values) for name, values in accuracy.items()}
found = f"{means['by slice']:.0%} right by slice, {means['by volume']:.0%} by volume"
title = f"Random diagnoses: {found}"
figure = viz.figure(7, 3.6, title=title)
axes = figure.subplots()
for (name, values), colour in zip(accuracy.items(), ("#D55E00", "#0072B2"), strict=True):
    axes.hist(values, bins=np.linspace(0, 1, 26), color=colour, alpha=0.75, label=f"split {name}")
axes.axvline(0.5, color="black", linestyle="--", label="to be expected on new people")
axes.set(xlabel="share of right diagnoses", ylabel=f"draws (of {len(tosses)})")
figure.legend(fontsize=8, loc="outside lower center", ncols=3)
figure

# %% [markdown]
# This answers the question of the lab: a model that recognises the **person** need only remember what you told it. Whenever you read of
# 99 %, look for the sentence on the split.

# %% tags=["experiment"]
instant_questions("lab03", [4])

# %% [markdown]
# ## In your own words ({{points leak}})
#
# A paper reports: "30,000 slices of 300 patients, scaled together to mean 0 and standard deviation 1, were then randomly divided into training (80 %) and test
# (20 %) sets; our network reaches 99.1 % accuracy." Name two things that are wrong, and what each does to the number. How would you
# repeat the study? Use what you measured. Four to eight sentences.

# %% [markdown] nbgrader={"grade_id": "leak", "solution": true, "points": 3}
# The split is by slice: with 100 slices a patient, nearly every test slice has a neighbour of the same patient in the training set, so the network
# can recognise the patient. In my experiment the nearest neighbour gave a random diagnosis nearly always right in a split by slice and about half the time by
# volume, although there was nothing to learn; so 99.1 % may say nothing about new patients. Second, mean and standard deviation were taken over
# all data: information from the test set enters the training. That effect is usually small, but nobody knows its size beforehand. I would split
# by patient, stratified by diagnosis, age group, sex and ethnicity, with rare combinations pooled; take all statistics from the training
# patients; repeat it over several splits with their standard deviation; and finally test on patients of another hospital.
#
# ### BEGIN MARK SCHEME
# - 1: names the split by slice and what it does to the number, supported by a measurement of this lab
# - 1: names the statistics taken over all data, and says that information from the test enters the model
# - 1: repeats the study by patient, stratified, with statistics of the training patients, and with several splits or another hospital
# ### END MARK SCHEME
#
# ### BEGIN EXPLANATION
# Two doors let the test into the training: slices of the same patients, and numbers computed over everybody. The first can make any number
# look perfect, as the random diagnosis shows; the second is usually small. A frequent answer blames only the small one, or asks for more
# slices, which makes the first door wider.
# ### END EXPLANATION

# %% [markdown]
# ## What to remember
#
# - An array does not know left from right: the affine does.
# - Scale by percentiles. Statistics of several images come from the training images alone.
# - Enhanced contrast may hide a lesion.
# - Split by volume, stratified. A good score on a split by slice can be pure memory.
#
# In `course_lib.data` your functions are `volumes.read_volume` (turning to RAS), `intensity.normalise`, `slices.relevant`, `slices.has_brain`,
# `splits.split_volumes`, `augment.drop_pixels` and `augment.blank_square`. Next: [lab 04](../lab04_noise_and_classics/lab04_noise_and_classics.ipynb).
