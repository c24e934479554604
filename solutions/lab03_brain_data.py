# %% [markdown]
# # Lab 03: Brain MRI as data
#
# {{badges}}
#
# **The question of this lab: how can a model score so well on brains that it has merely memorised?**
#
# You need about two hours. On 2 CPU cores the cells compute for about 4 minutes in all, and take less than 2 GB of
# memory. On a GPU more heads and more seeds are used.
#
# In this lab you will
#
# - read a head from a file, whichever way it lies there, and look at it in three planes,
# - see which profile of an anisotropic head is worth cutting,
# - scale intensities without looking at the test set,
# - choose slices in three ways, and watch two of them fail,
# - split by volume, and measure what a split by slice pretends,
# - spoil pictures as a thesis did, to train on.
#
# {{exercises}}

# %% tags=["setup"]
# `course build` writes the set-up cell here

# %% [markdown]
# ## Theory in half a page
#
# A scan is a block of **voxels**, numbers in three dimensions. Which way is up in it, the array does not say. The file's **affine** does: a
# 4×4 matrix that turns voxel indices into millimetres. **RAS** means that x grows to the subject's **r**ight, y to the
# **a**nterior (front), z to the **s**uperior (top):
#
# $$ (x, y, z, 1)^T = A \, (i, j, k, 1)^T $$
#
# Column `i` of its upper left 3×3 block is one step along the array's axis `i`, in mm. Its length is the voxel size, its
# direction says where the axis points.
#
# Many scans are **anisotropic**: fine within a slice, coarse between slices. Cut the head along another **profile** (sagittal, coronal, axial:
# across x, y, z), and you get pictures with oblong, coarse pixels.
#
# Not every slice shows brain. A thesis on autoencoders of the healthy brain tried three choices: by the count of the non-zero pixels,
# by their mean, and by the share of brain. For the first two a slice is dropped where its score is a **low outlier**: below mean − 3σ, below
# Q1 − 1.5·IQR, or below Q1 (Q1 and Q3 are the quartiles, IQR = Q3 − Q1). The third keeps what has at least 4.5 % brain.
#
# Neighbouring slices of one head are almost one picture. If some of them are used for training and some for testing, the test asks what the
# model has seen. This is **leakage**. So split by *volume*, and **stratify**: the groups (age, sex …) have the same share on both sides. Leakage has
# smaller doors too: whatever is computed over the test set (a mean, a standard deviation) must not enter the model.
#
# **Sources.** NIfTI-1 standard (affine, RAS); Arnaiz-Rodríguez 2021, *Deep convolutional autoencoders for reconstructing magnetic resonance images of the
# healthy brain* (profile, slice choice, split, augmentation); Tukey 1977 (quartile rule); Kaufman et al. 2012, *Leakage in data mining*;
# Holmes et al. 1998 (Colin27); Fonov et al. 2011 (ICBM152).

# %%
import nibabel
import numpy as np
import torch
from torch import nn

from course_lib import images, metrics, noise, training, viz
from course_lib.data import augment, brains, extraction, heads, intensity, ixi, planes, slices

# %% [markdown]
# ## Look at a head
#
# **Colin27** is a real person, scanned 27 times and averaged. This course only tests on him. The sliders move a point through the head. Find
# the ventricles (dark, in the middle), the cerebellum (at the back, below), and the eyes.

# %% tags=["experiment"]
colin = brains.colin27()
share = colin.brain_mask.mean()
viz.plane_slider(
    colin.data,
    colin.voxel_size,
    title=f"Colin27, a real head: {share:.0%} of its voxels are brain, {(colin.data == 0).mean():.0%} exactly 0",
)

# %% [markdown]
# The second head is the **ICBM152** template: 152 people, aligned and averaged, without skull. It is smooth: folds that differ between
# people blur. From it the course makes *synthetic* heads: deformed at random, with a skull and scalp painted around (lab 02).

# %% tags=["experiment"]
template = brains.icbm152()
synthetic = brains.brain_slices(
    "cohort", subjects=profile.pick(ci=2, cpu=3, gpu=3), slices=profile.pick(ci=6, cpu=30, gpu=30)
)
colin_axial = planes.cut(colin.data, [90])[0]
template_axial = planes.cut(template.t1, [90])[0]
shown = {
    "Colin27 (real)": (colin_axial, planes.cut(colin.brain_mask, [90])[0]),
    "ICBM152 (average)": (template_axial, template_axial > 0),
}
for number in (0, 1):
    own = torch.nonzero(synthetic.subjects == number)[:, 0]
    middle = int(own[len(own) // 2])
    shown[f"synthetic head {number}"] = synthetic.images[middle, 0].numpy(), synthetic.brain_masks[middle, 0].numpy()
greys = [f"{np.median(picture[mask]):.2f}" for picture, mask in shown.values()]
viz.gallery(
    [picture for picture, _ in shown.values()],
    titles=list(shown),
    title=f"MR intensities have no unit: the median grey of the brain is {', '.join(greys)}",
)

# %% [markdown]
# ## Exercise 1: which way does it lie? ({{points to_ras}})
#
# **Goal.** `to_ras(volume, affine)` of a numpy array with three axes and its 4×4 affine: the same voxels, of the same type, with axes that run right, front, top,
# and the three voxel sizes in mm along these **new** axes. Return both, `(turned, sizes)`. Nothing is resampled.
#
# **Steps.**
# 1. Take the 3×3 block, `affine[:3, :3]`. Column `i` belongs to axis `i` of the array.
# 2. Each column's largest entry, without its sign, tells which of x, y, z the axis follows.
# 3. Transpose: first the axis that follows x, then y, then z.
# 4. Flip each axis whose largest entry is negative: it runs to the left, to the back or downwards.
# 5. The sizes are the lengths of the columns, put into the same order.
#
# **Example.** The block `[[0, 0, -2], [3, 0, 0], [0, 1, 0]]`: the array's first axis runs to the front in steps of 3 mm, its second one to the top
# in steps of 1 mm, its third one to the **left** in steps of 2 mm. The result is `volume.transpose(2, 0, 1)`, its first axis flipped. The sizes are `(2, 3, 1)`.
#
# **Hint.** Heads lie a little askew, so no entry is exactly 0. And the diagonal of a turned affine does not hold the voxel sizes.


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
askew = lambda rng, scale: np.vstack(
    [
        np.hstack(
            [  # a tilted affine; the largest entries are clear
                scale
                * (
                    np.eye(3)[rng.permutation(3)] * rng.uniform(1, 3, 3) * rng.choice([-1, 1], 3)
                    + rng.uniform(-0.45, 0.45, (3, 3))
                ),
                rng.normal(0, 50, (3, 1)),
            ]
        ),
        [0, 0, 0, 1],
    ]
)
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
# Here Colin27 is written to four files as four scanners would. Above: slice `array[:, :, middle]`, drawn as it comes.
# Below: the same after your `to_ras`.

# %% tags=["experiment"]
import tempfile
from pathlib import Path

as_stored, after = {}, {}
with tempfile.TemporaryDirectory() as folder:
    for code in ("RAS", "LPS", "PIR", "SAL"):
        turn = nibabel.orientations.ornt_transform(
            nibabel.orientations.axcodes2ornt("RAS"), nibabel.orientations.axcodes2ornt(code)
        )
        array = nibabel.orientations.apply_orientation(colin.data, turn)
        affine = nibabel.orientations.inv_ornt_aff(turn, colin.data.shape)  # 1 mm
        path = Path(folder) / f"{code}.nii"
        nibabel.save(nibabel.Nifti1Image(array, affine), path)
        image = nibabel.load(path)  # from here on nobody knows what is in the file
        array = image.get_fdata(dtype=np.float32)
        turned, sizes = to_ras(array, image.affine)
        as_stored[code] = array[:, :, array.shape[2] // 2].copy()
        after[code] = planes.cut(turned, [turned.shape[2] // 2])[0]
        print(
            f"{code}: array {array.shape}, diagonal of the affine {np.diag(image.affine)[:3].tolist()}, voxel sizes {np.round(sizes, 2).tolist()} mm"
        )
equal = [sum(np.array_equal(pictures[code], pictures["RAS"]) for code in pictures) for pictures in (as_stored, after)]
viz.gallery(
    [*as_stored.values(), *after.values()],
    columns=4,
    titles=[f"{code} as stored" for code in as_stored] + [f"{code} after to_ras" for code in after],
    title=f"One head in four files: {equal[0]} of 4 show the picture of the first as stored, {equal[1]} of 4 after to_ras",
)

# %% [markdown]
# A network that sees brains from four sides has more to learn. And left and right, once confused, can hardly be told apart by looking: a brain is
# almost symmetric.
#
# ## Why the profile matters
#
# Many scanners make thick slices. We average five planes along z: voxels of 1 × 1 × 5 mm. Then we ask of each profile how much of the finest detail is left,
# that is, of the mean absolute difference from one millimetre to the next.

# %% tags=["experiment"]
count = colin.data.shape[2] // 5
thin = colin.data[:, :, : 5 * count]
thick = thin.reshape(*thin.shape[:2], count, 5).mean(axis=3)  # (X, Y, 5·n) -> (X, Y, n, 5) -> (X, Y, n)


def detail(volume, axis, size):
    """Mean absolute difference per mm along an axis."""
    return np.abs(np.diff(volume, axis=axis)).mean() / size


left = [detail(thick, axis, size) / detail(thin, axis, 1) for axis, size in enumerate((1, 1, 5))]
for name, across in zip(planes.PROFILES, ((1, 2), (0, 2), (0, 1)), strict=True):
    print(
        f"{name:9} pictures keep {left[across[0]]:.0%} of the detail from left to right, {left[across[1]]:.0%} upwards"
    )
print("the library's order, best first:")
for name, voxel in {"these slices": (1, 1, 5), "IXI's T1 scans (published size)": (1.2, 0.94, 0.94)}.items():
    print(
        f"  {name}, {' × '.join(map(str, voxel))} mm: {', '.join(found.name for found in planes.slice_profiles(voxel))}"
    )
viz.plane_slider(
    thick,
    (1, 1, 5),
    title=f"1 × 1 × 5 mm: of the fine detail, {left[0]:.0%} (x) and {left[1]:.0%} (y) are left, but {left[2]:.0%} along z: best cut is {planes.slice_profiles((1, 1, 5))[0].name}",
)

# %% [markdown]
# So: the profile whose pixels are **square**, and of these the finest. A rule of thumb like "always axial" is right for some scanners only.
#
# ## Exercise 2: intensities ({{points normalise}})
#
# MR intensities have no unit. The same brain may reach 300 on one scanner and 4000 on the next. Networks like a common scale.
#
# **Goal.** `normalise(train, test)` of two numpy arrays of volumes, `(N, X, Y, Z)` and `(M, X, Y, Z)`. It returns both, two arrays, ready for a network.
#
# **Steps.**
# 1. For **each volume** alone, training or test: find its 1st and 99th percentile with `np.percentile`, over all its voxels. Scale so that they become 0 and 1. Clip to [0, 1].
# 2. Mean `m` and standard deviation `s` (`np.std`, as it comes) over all voxels of the scaled **training** volumes: two numbers.
# 3. Return `(train − m) / s` and `(test − m) / s`: the same two numbers for both.
#
# **Example.** A volume with the values 0, 1, …, 100 has the percentiles 1 and 99. So 50 becomes 0.5, and 99 and 100 become 1. If the training
# volumes have `m = 0.4` and `s = 0.2` after that, this 0.5 becomes 0.5.
#
# **Hint.** Scans often come as whole numbers, the results are fractions: make new arrays, and leave the input as it is. The test volumes do not end with mean 0. They must not: a model in the clinic meets one patient, not a test set to average over.


# %% nbgrader={"grade_id": "normalise", "solution": true}
def normalise(train, test):
    """Each volume to [0, 1] by its percentiles 1 and 99, then both by the mean and deviation of the training volumes."""

    ### BEGIN SOLUTION
    def unit_range(volume):
        low, high = np.percentile(volume, [1, 99])
        return np.clip((volume - low) / (high - low), 0, 1)

    train, test = (np.stack([unit_range(volume) for volume in volumes]) for volumes in (train, test))
    mean, deviation = train.mean(), train.std()
    return (train - mean) / deviation, (test - mean) / deviation
    ### END SOLUTION


# %% nbgrader={"grade_id": "normalise_test", "points": 3}
from course_lib.exercise import without

with without(
    "course_lib.data.intensity.unit_range", "course_lib.data.intensity.standardise",
    "course_lib.images.rescale", "skimage.exposure.rescale_intensity",
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
    told = "differ with other test volumes: nothing may be computed over the test set"
    for alone, got in zip((normalise(train, test[[n]]) for n in (0, 1)), answer[1], strict=True):
        assert np.allclose(alone[1][0], got), f"the test volumes {told}"
        assert np.allclose(alone[0], answer[0]), f"the training volumes {told}"
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
# Why percentiles? Put a few shining voxels into a slice, as a bright vessel or a fault may do, and scale by the maximum.

# %% tags=["experiment"]
rng = np.random.default_rng(0)
spiked = colin_axial.copy()
spiked[rng.integers(20, 200, 12), rng.integers(20, 160, 12)] = rng.uniform(2, 5, 12)
brain = planes.cut(colin.brain_mask, [90])[0]
shown = {
    "by maximum": colin_axial / colin_axial.max(),
    "bright points, by maximum": spiked / spiked.max(),
    "bright points, by percentiles": intensity.unit_range(spiked, low=1, high=99),
}
middle_grey = [np.median(picture[brain]) for picture in shown.values()]
viz.gallery(
    list(shown.values()),
    columns=3,
    titles=list(shown),
    title=f"12 bright points: median grey of the brain {middle_grey[0]:.2f} → {middle_grey[1]:.2f} by maximum, {middle_grey[2]:.2f} by percentiles",
)

# %% [markdown]
# ## Exercise 3: low outliers ({{points not_low}})
#
# **Goal.** `not_low(scores, rule)` of a numpy array of scores: a boolean array in the same order, `True` for each slice whose score is **at least** the limit, which is
#
# | `rule` | limit |
# |---|---|
# | `"3 sigma"` | mean − 3 standard deviations (`np.std`, as it comes) |
# | `"iqr"` | Q1 − 1.5 · (Q3 − Q1) |
# | `"q1"` | Q1 |
#
# **Steps.** `np.percentile` gives the quartiles Q1 (25 %) and Q3 (75 %), also where they lie between two scores. Compute the limit, compare.
#
# **Example.** The scores `[1, 10, 11, 12, 13]` have Q1 = 10 and Q3 = 12. So `"iqr"` keeps what is at least 10 − 1.5·2 = 7, and `"q1"` what is at
# least 10: both drop the 1 only. `"3 sigma"` keeps all five: the 1 itself makes the standard deviation large.
#
# **Hint.** A slice with a very *high* score is no low outlier: it stays. And equal scores all stay.


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
# **Goal.** `enough_brain(images, brain_masks)` of numpy arrays `(N, H, W)`, the masks boolean: a boolean array `(N,)`, `True` for each slice in which
# at least 4.5 % of **all** pixels are brain.
#
# **Steps.** Count the `True` pixels of each mask. Divide by the pixels of a slice, `H · W`. Compare.
#
# **Example.** A slice of 10 × 20 pixels needs 9 brain pixels: 9 / 200 = 4.5 %.
#
# **Hint.** What shines in the image (scalp, fat, bright points) is not brain. You do not need `images` at all.


# %% nbgrader={"grade_id": "enough_brain", "solution": true}
def enough_brain(images, brain_masks):
    """True for slices (N, H, W) with at least 4.5 % brain."""
    ### BEGIN SOLUTION
    return brain_masks.mean(axis=(1, 2)) >= 0.045
    ### END SOLUTION


# %% nbgrader={"grade_id": "enough_brain_test", "points": 1}
from course_lib.exercise import without

with without("course_lib.data.slices.has_brain", "course_lib.data.slices.brain_share"):
    draws = np.random.default_rng(2)
    for height, width, counts, wanted, why in (
        (10, 20, [(9, 9)], [1], "9 of 200 pixels are 4.5 %, and that is enough: at least"),
        (10, 20, [(8, 30)], [0], "8 of 200 pixels are 4 %: all pixels count, not only bright ones"),
        (20, 10, [(0, 200), (9, 0)], [0, 1], "count the mask, not the image"),
        (20, 10, [(200, 200), (12, 150), (8, 8)], [1, 1, 0], "each slice has a share of its own"),
        (7, 9, [(0, 0), (0, 5)], [0, 0], "slices without any brain should go"),
        (160, 250, [(1799, 9), (1800, 9), (30_000, 9), (1801, 9)], [0, 1, 1, 1],
         "0.045 · 40000 = 1800 are needed: divide by H · W of these slices, do not round"),
        (250, 160, [(1800, 30_000), (0, 40_000), (1799, 0)], [1, 0, 0], "black brain is brain"),
    ):  # fmt: skip
        masks = np.zeros((len(counts), height, width), dtype=bool)
        pictures = np.zeros(masks.shape, dtype=np.float32)
        for mask, picture, (brain_pixels, bright) in zip(masks, pictures, counts, strict=True):
            mask.flat[draws.permutation(height * width)[:brain_pixels]] = True
            picture.flat[draws.permutation(height * width)[:bright]] = 1
        copies = pictures.copy(), masks.copy()
        kept = enough_brain(*copies)
        same = all(map(np.array_equal, copies, (pictures, masks)))
        assert same, "your answer changed its input: make new arrays"
        told = f"slices of {height}×{width} with (brain, bright) pixels {counts}: expected"
        right = type(kept) is np.ndarray and kept.dtype == bool and kept.shape == (len(counts),)
        assert right, f"{told} an array of {len(counts)} booleans, got {kept!r}"
        assert kept.tolist() == wanted, f"{told} {np.array(wanted) > 0}, got {kept}: {why}"
    ### HIDDEN VALUE: [enough_brain(rng.normal(0, 1, (60, *size)), rng.random((60, *size)) < rng.uniform(0, 0.09, (60, 1, 1))) for size in ((19, 21), (37, 11))]
    ### HIDDEN VALUE: [enough_brain(rng.random((20, 100, 203)), np.arange(20_300).reshape(1, 100, 203) < rng.integers(880, 950, (20, 1, 1))), enough_brain(rng.integers(0, 2, (9, 203, 100)), np.arange(20_300).reshape(1, 203, 100) >= rng.integers(19_340, 19_440, (9, 1, 1)))]
print("enough_brain: right")

# %% [markdown]
# ## Choose slices three ways
#
# Now the three ways compete, on Colin27 and some synthetic heads, all planes from the neck to the crown, 3 mm apart. The truth is the **known** brain mask. Your third way does not get it:
# it gets the mask that `extraction.brain_mask` finds in the picture by thresholds and morphology. (The thesis used a trained network here.)
#
# Then the same with **bright points**: in every second plane, at random, 5 to 60 pixels shine. This stands for any fault that makes pixels bright. (About 30 s on 2 cores.)

# %% tags=["experiment"]
from tqdm.auto import tqdm

step = profile.pick(ci=6, cpu=3, gpu=2)  # mm between planes
test_heads = [(colin.data[:, :, ::step].copy(), colin.brain_mask[:, :, ::step])]
for number in tqdm(range(profile.pick(ci=1, cpu=3, gpu=8)), desc="whole synthetic heads"):
    pictures, masks, _ = heads.synthetic_head(0, number).paint(np.arange(0, colin.data.shape[2], step))
    # pictures (N, Y, X), front up -> volume (X, Y, N)
    test_heads.append(tuple(np.ascontiguousarray(stack[:, ::-1].transpose(2, 1, 0)) for stack in (pictures, masks)))


def with_bright_points(volume, rng):
    """A copy in which every second plane, at random, has 5 to 60 pixels as bright as 1 to 2."""
    volume = volume.copy()
    for plane in np.flatnonzero(rng.random(volume.shape[2]) < 0.5):
        points = rng.integers(5, 61)
        volume[rng.integers(volume.shape[0], size=points), rng.integers(volume.shape[1], size=points), plane] = (
            rng.uniform(1, 2, points)
        )
    return volume


def as_slices(volumes):
    """Volumes (X, Y, Z) -> all their axial slices (N, H, W)."""
    return np.concatenate([planes.cut(volume) for volume in volumes])


RULES = ("3 sigma", "iqr", "q1")
rng = np.random.default_rng(0)
conditions = {"clean heads": [volume for volume, _ in test_heads]}
conditions["with bright points"] = [with_bright_points(volume, rng) for volume, _ in test_heads]
true_masks = as_slices([mask for _, mask in test_heads])
truth = enough_brain(np.zeros_like(true_masks, dtype=np.float32), true_masks)
errors, choices = {}, {}  # (condition, way) -> wrongly kept, wrongly dropped
for condition, volumes in conditions.items():
    pictures = as_slices(volumes)
    found = [extraction.brain_mask(volume, (1, 1, step)) for volume in tqdm(volumes, desc=f"brains, {condition}")]
    nonzero = (pictures != 0).sum(axis=(1, 2))
    scores = {"count of non-zero": nonzero, "mean of non-zero": pictures.sum(axis=(1, 2)) / np.maximum(nonzero, 1)}
    for name, rule in [(name, rule) for name in scores for rule in RULES]:
        choices[condition, f"{name}, {rule}"] = not_low(scores[name], rule)
    choices[condition, "brain share, found mask"] = enough_brain(pictures, as_slices(found))
    overlap = [
        extraction.dice(ours, np.ascontiguousarray(mask)) for ours, (_, mask) in zip(found, test_heads, strict=True)
    ]
    print(f"{condition}: Dice of the found masks {min(overlap):.3f} to {max(overlap):.3f}")
for key, kept in choices.items():
    errors[key] = (int((kept & ~truth).sum()), int((~kept & truth).sum()))

# %% tags=["experiment"]
ways = [way for condition, way in choices if condition == "clean heads"]
spiked_errors = {way: sum(errors["with bright points", way]) for way in ways}
best = min(ways, key=spiked_errors.get)
second = sorted(spiked_errors.values())[1]
figure = viz.figure(
    9,
    3.8,
    title=f"With bright points: {best}: {spiked_errors[best]} of {len(truth)} slices wrong; the best of the others {second}",
)
for axes, condition in zip(figure.subplots(1, 2, sharex=True, sharey=True), conditions, strict=True):
    kept_wrongly, dropped_wrongly = (np.array([errors[condition, way][side] for way in ways]) for side in (0, 1))
    axes.barh(ways, kept_wrongly, label="kept without enough brain", color="#D55E00")
    axes.barh(ways, dropped_wrongly, left=kept_wrongly, label="dropped with enough brain", color="#0072B2")
    axes.set_title(condition, fontsize=9)
    axes.set_xlabel(f"wrong slices ({truth.sum()} of {len(truth)} have ≥ 4.5 % brain)", fontsize=8)
    axes.tick_params(labelsize=8)
axes.invert_yaxis()
figure.legend(*axes.get_legend_handles_labels(), fontsize=8, loc="outside lower center", ncols=2)
figure

# %% [markdown]
# Look below at slices that the mean let pass. Which ones are they? Where a slice shows nothing but the points, their mean is high, and "bright" is what the score asks for. The count asks how
# much is not 0: at the neck that is a lot. Neither asks for *brain*. The rule Q1 drops about a quarter of the slices whatever they show. How many good ones does it throw away (blue)?

# %% tags=["experiment"]
kept = choices["with bright points", "mean of non-zero, iqr"]
wrong = np.flatnonzero(kept & ~truth)
chosen = (
    wrong[np.linspace(0, len(wrong) - 1, min(6, len(wrong))).astype(int)] if len(wrong) else np.flatnonzero(truth)[:1]
)
share_of = true_masks.mean(axis=(1, 2))
viz.gallery(
    as_slices(conditions["with bright points"])[chosen].clip(0, 1),
    titles=[f"{share_of[number]:.1%} brain" for number in chosen],
    title=f"Mean of non-zero, Q1 − 1.5 IQR: {len(wrong)} of the {(~truth).sum()} slices without enough brain were kept",
)

# %% [markdown]
# ## Exercise 5: split by volume ({{points split_by_volume}})
#
# **Goal.** `split_by_volume(subjects, group_of, share, generator)` returns a boolean array, `True` for the **test** slices. All
# slices of a head go the same way.
#
# - `subjects`: numpy array (N,), the number of the head that each slice comes from, in any order,
# - `group_of`: a dict, from the number of a head to its group (an age group, say),
# - `share`: the share of the heads that go to the test,
# - `generator`: a `numpy.random.Generator`.
#
# **Steps.**
# 1. For each group: list its **heads**, each once (`np.unique(subjects)`). The dict may know more heads, and groups, than have slices here.
# 2. Of a group with `n` heads, `max(1, round(share * n))` go to the test (of a group without slices nobody). Draw which, with `generator.permutation`.
# 3. A slice is a test slice if its head was drawn (`np.isin`).
#
# **Example.** Heads 1 to 8 are young, 9 to 12 old; `share = 0.25`. Then two of the young heads and one of the old are in the test, with all their slices.
#
# **Hint.** Draw heads, not slices: a head with 200 slices has the same chance as a head with 3. And the same seed gives the same split, tomorrow too: a `set` of texts comes in another order in
# each start of Python, so sort it.


# %% nbgrader={"grade_id": "split_by_volume", "solution": true}
def split_by_volume(subjects, group_of, share, generator):
    """True for test slices: whole heads, and of each group of heads the same share, at least one."""
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
# ## Real scans, if you have them
#
# **IXI** is a public collection of nearly 600 healthy heads. In a terminal, `course data fetch ixi --subjects 40` brings the first 40, once. The cell
# below uses them if they are here, and else synthetic heads. Of these say *synthetic*: they are one anatomy, deformed.

# %% tags=["experiment"]
people = profile.pick(ci=4, cpu=12, gpu=24)
each = profile.pick(ci=6, cpu=30, gpu=60)  # slices of a head
real = len(ixi.volumes()) >= people
if not real:
    print(
        "IXI is not here: `course data fetch ixi --subjects 40` in a terminal brings some of it. Going on with synthetic heads."
    )
kind = "IXI" if real else "synthetic"
cohort = brains.brain_slices("ixi" if real else "cohort", subjects=people, slices=each, size=224)
new_head = brains.brain_slices("colin27", slices=each, size=224)


def small(pictures):
    """(N, 1, 224, 224) -> (N, 1, 64, 64), averaged."""
    return nn.functional.interpolate(pictures, size=(64, 64), mode="area")


pictures, new_pictures, heads_of_slices = small(cohort.images[:]), small(new_head.images), cohort.subjects.numpy()
squared = lambda distance: ((pictures[distance:] - pictures[:-distance]) ** 2).mean((1, 2, 3))
to_next_slice = squared(1)[heads_of_slices[1:] == heads_of_slices[:-1]].mean().item()
to_next_head = squared(each).mean().item()  # the slice with the same number
middle = each // 2
viz.gallery(
    [*pictures[middle - 2 : middle + 2], *(pictures[number * each + middle] for number in range(1, 4))],
    columns=7,
    titles=[f"head 0, slice {number}" for number in range(middle - 2, middle + 2)]
    + [f"head {number}, slice {middle}" for number in range(1, 4)],
    title=f"{kind}: the same slice of another head is {to_next_head / to_next_slice:.1f} times as far away (squared) as the next slice",
)

# %% [markdown]
# ## An honest experiment: what does a split by slice pretend?
#
# Four models, from pure memory to none:
#
# - **nearest neighbour** answers with the most similar training slice. It can do nothing but remember.
# - **linear code**: an autoencoder without non-linearities, 16 numbers for an image (principal components).
# - **dense autoencoder**: `DenseDAE` of lab 01, 32 numbers for an image.
# - **denoiser**: `BrainCDAE` of lab 02, noise sigma 0.1. Its convolutions see a small neighbourhood only.
#
# Each is trained twice: on a split **by slice** (a third of all slices at random is the test) and on your split **by volume** (a third of the heads). Some slices are
# test slices in both splits, about one in nine. We score on these: both face the same pictures, and neither was trained on one of them. And the referee: both are also scored on a head that
# *neither* has ever seen, Colin27. (Two to three minutes on 2 cores.)

# %% tags=["experiment"]
from course_lib.models.dae import BrainCDAE, DenseDAE


def nearest_neighbour(train, tests, seed):
    """Each test image's most similar training image."""
    return [train[torch.cdist(test.flatten(1), train.flatten(1)).argmin(1)] for test in tests]


def linear_code(train, tests, seed, numbers=16):
    """Through the first principal components of the training images and back."""
    mean = train.flatten(1).mean(0)
    directions = torch.linalg.svd(train.flatten(1) - mean, full_matrices=False)[2][:numbers]  # (16, H·W)
    return [((test.flatten(1) - mean) @ directions.T @ directions + mean).view_as(test) for test in tests]


def dense_autoencoder(train, tests, seed):
    with training.fixed_seed(seed):
        model = DenseDAE((64, 64), hidden=256, code=32)
    training.fit(
        model,
        train,
        loss=nn.functional.mse_loss,
        epochs=profile.pick(ci=1, cpu=40, gpu=200),
        batch_size=32,
        learning_rate=1e-3,
        seed=seed,
        progress=False,
    )
    return [training.denoise(model, test) for test in tests]


def denoiser(train, tests, seed):
    noisy = lambda image, generator: noise.gaussian(image, 0.1, generator=generator)
    with training.fixed_seed(seed):
        model = BrainCDAE()
    for learning_rate, epochs in (
        (3e-3, profile.pick(ci=1, cpu=14, gpu=70)),
        (3e-4, profile.pick(ci=1, cpu=6, gpu=30)),
    ):
        training.fit(
            model, train, loss=nn.functional.mse_loss, corrupt=noisy, transform=lambda image, generator: images.random_crop(image, 32, generator=generator),
            epochs=epochs, batch_size=16, learning_rate=learning_rate, seed=seed, progress=False,
        )  # fmt: skip
    return [training.denoise(model, noisy(test, torch.Generator().manual_seed(seed))) for test in tests]


MODELS = {
    "nearest neighbour": nearest_neighbour,
    "linear code, 16": linear_code,
    "dense autoencoder, 32": dense_autoencoder,
    "denoiser": denoiser,
}
SPLITS = ("by slice", "by volume")
seeds = range(profile.pick(ci=2, cpu=3, gpu=8))


def score(answer, target):
    return metrics.psnr(answer.clamp(0, 1), target, data_range=1).mean().item()


def two_splits(seed, group_of):
    """Test slices by slice and by volume: equally many."""
    by_volume = split_by_volume(heads_of_slices, group_of, 1 / 3, np.random.default_rng(seed))
    by_slice = np.zeros_like(by_volume)
    by_slice[np.random.default_rng([seed, 1]).permutation(len(by_volume))[: by_volume.sum()]] = True
    return {"by slice": by_slice, "by volume": by_volume}


psnr = np.zeros((len(MODELS), len(SPLITS), len(seeds), 2))  # model, split, seed, (shared test slices, Colin27)
jobs = [(seed, split) for seed in seeds for split in SPLITS]
for seed, split in tqdm(jobs, desc="seeds and splits"):
    test = two_splits(seed, dict.fromkeys(heads_of_slices.tolist(), "all"))
    shared = pictures[test["by slice"] & test["by volume"]]
    for row, model in enumerate(MODELS.values()):
        answers = model(pictures[~test[split]], [shared, new_pictures], seed)
        psnr[row, SPLITS.index(split), seeds.index(seed)] = [
            score(answer, target) for answer, target in zip(answers, (shared, new_pictures), strict=True)
        ]

# %% tags=["experiment"]
optimism = psnr[:, 0, :, 0] - psnr[:, 1, :, 0]  # model, seed: by slice minus by volume, on the same test slices
gain = psnr[:, 0, :, 1] - psnr[:, 1, :, 1]  # the same on Colin27
deviations = lambda values: values.std(-1, ddof=1)
largest = int(optimism.mean(1).argmax())
figure = viz.figure(
    9.5, 4.4,
    title=f"What a split by slice pretends: {optimism.mean(1)[largest]:+.1f} dB ({list(MODELS)[largest]}); what it gains on a new head: {gain.mean(1)[largest]:+.1f} dB",
)  # fmt: skip
left, right = figure.subplots(1, 2)
places = np.arange(len(MODELS))
for column, (split, colour) in enumerate(zip(SPLITS, ("#D55E00", "#0072B2"), strict=True)):
    for target, (name, marker, shift) in enumerate((("test slices", "o", -0.12), ("Colin27", "D", 0.12))):
        values = psnr[:, column, :, target]
        left.errorbar(
            places + shift + 0.06 * (2 * column - 1), values.mean(1), deviations(values), fmt=marker, color=colour, capsize=3,
            markerfacecolor="white" if target else colour, label=f"trained {split}, {name}",
        )  # fmt: skip
left.set_xticks(places, [name.replace(" ", "\n", 1) for name in MODELS], fontsize=8)
left.set_ylabel("PSNR at 64×64 (dB, outputs clipped to [0, 1])")
left.set_ylim(top=psnr.mean(2).max() + 0.5 * np.ptp(psnr.mean(2)))
for values, name, colour, shift in ((optimism, "test slices", "#CC79A7", -0.18), (gain, "Colin27", "0.6", 0.18)):
    right.bar(places + shift, values.mean(1), 0.34, yerr=deviations(values), color=colour, capsize=3, label=name)
right.axhline(0, color="black", linewidth=0.8)
right.set_xticks(places, [name.replace(" ", "\n", 1) for name in MODELS], fontsize=8)
right.set_ylabel("split by slice minus by volume (dB)")
right.legend(fontsize=8)
left.legend(fontsize=8, loc="upper left")
print(
    f"{people} {kind} heads, {each} slices each, scored on slices that are test slices in both splits; PSNR in dB, mean ± standard deviation over {len(seeds)} seeds (other splits, weights, noise)"
)
print(f"{'model':24}{'by slice':>16}{'by volume':>16}{'optimism':>16}{'on Colin27':>16}")
for row, name in enumerate(MODELS):
    cells = [psnr[row, 0, :, 0], psnr[row, 1, :, 0], optimism[row], gain[row]]
    print(f"{name:24}" + "".join(f"{values.mean():>9.2f} ± {deviations(values):<4.2f}" for values in cells))
figure

# %% [markdown]
# Read the last two columns together. *Optimism* is what the split by slice adds to the score you would print. The column beside it is what the model really gained on a head that it has never
# seen. Where the first is large and the second is not, the number got better, and the model did not. (A small gain on Colin27 can be real: the split
# by slice trains on slices of all heads, yours on two thirds of the heads.)
#
# Now compare the models. Is a model with more memory flattered more? The denoiser looks at small neighbourhoods, and those repeat from head to head: is its optimism larger than its error bar? If not, say so.
# Leakage is not always large. But you only know after you have split honestly. (Do not compare Colin27 with the test slices: other pictures are harder or easier. And
# heads of one cohort are still relatives, synthetic ones above all: test on another kind of head, too.)
#
# ## The worst case: a diagnosis by coin toss
#
# Toss a coin for each head, and call heads "ill" and tails "healthy". There is *nothing* to learn: on new heads nobody can be right more than half the time on average. Let the nearest
# neighbour diagnose slices.

# %% tags=["experiment"]
tosses = range(profile.pick(ci=10, cpu=40, gpu=100))
flat = pictures.flatten(1)
distance = torch.cdist(flat, flat).numpy()
accuracy = {split: [] for split in SPLITS}
for toss in tosses:
    coin = np.random.default_rng([toss, 2]).permutation(np.arange(people) % 2)  # as many ill as healthy
    illness = coin[heads_of_slices]
    for split, test in two_splits(toss, dict(enumerate(coin.tolist()))).items():  # stratified by the illness
        twin = np.flatnonzero(~test)[distance[test][:, ~test].argmin(axis=1)]
        accuracy[split].append(float((illness[twin] == illness[test]).mean()))
figure = viz.figure(
    6.8, 3.4,
    title=f"An illness that is a coin toss, “diagnosed”: {np.mean(accuracy['by slice']):.0%} right in a split by slice, {np.mean(accuracy['by volume']):.0%} by volume",
)  # fmt: skip
axes = figure.subplots()
for split, colour in zip(SPLITS, ("#D55E00", "#0072B2"), strict=True):
    values = accuracy[split]
    axes.hist(
        values,
        bins=np.linspace(0, 1, 26),
        color=colour,
        alpha=0.75,
        label=f"split {split}: {np.mean(values):.2f} ± {np.std(values, ddof=1):.2f}",
    )
axes.axvline(0.5, color="black", linestyle="--", label="all that is possible on new heads")
axes.set(xlabel="share of the test slices with the right diagnosis", ylabel=f"tosses (of {len(tosses)})")
axes.legend(fontsize=8)
figure

# %% [markdown]
# So this is the answer to the question of the lab. The model recognises the **head**, and remembers what you told it about it. Whenever you read of 99 %, look for the sentence on the split.
#
# ## Exercise 6: spoil pictures ({{points corrupt}})
#
# An autoencoder that shall repair pictures needs spoilt ones. The thesis drops pixels and blanks out a square. (It also adds noise and blur: `augment.add_noise` and `augment.blur` do that.)
#
# **Goal.** `corrupt(images, generator)` for a tensor `(N, 1, H, W)` of any size: a spoilt copy of the same type. **Each image** has draws of its own.
#
# **Steps.**
# 1. Dropout: for each image draw a level from 0 to 0.05, uniformly. Set each of its pixels to 0 with this probability, each by a draw of its own.
# 2. Blanking: for each image, with probability 0.1, set a square to 0. Its side is a whole number from `s // 12` to `s // 3`, both included, where `s` is the smaller one of `H` and
#    `W`. Its place is random: it may lie anywhere inside, also at the border.
#
# Use `torch.rand(shape, generator=generator)` and `torch.randint(low, high, (), generator=generator)`, which stops before `high`.
#
# **Example.** An image of 48 × 60 pixels that was drawn the level 0.03 loses about 86 of its 2880 pixels. If it is blanked with side 10, its upper left corner lies in rows 0 to 38 and
# columns 0 to 50.
#
# **Hint.** Levels have the shape `(N, 1, 1, 1)`, the draws for the pixels `(N, 1, H, W)`. What is not dropped stays as it is: no rescaling.


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


# %% nbgrader={"grade_id": "corrupt_test", "points": 3}
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
# ## Augment
#
# Six times one slice, spoilt by your `corrupt`; below, moved by the library: flipped, and bent a little, input and target alike. Why must the first kind *not* change the target?

# %% tags=["experiment"]
slice_ = new_head.images[len(new_head) // 2][None]
generator = torch.Generator().manual_seed(3)
spoilt = corrupt(slice_.repeat(6, 1, 1, 1), generator)
moved = augment.deform(augment.flip(slice_.repeat(6, 1, 1, 1), generator=generator), generator=generator)
head_pixels = (slice_[0] > 0).sum()
lost = [int(((picture == 0) & (slice_[0] > 0)).sum()) / int(head_pixels) for picture in spoilt]
viz.gallery(
    [*spoilt, *moved.clamp(0, 1)],
    columns=6,
    titles=[f"{value:.1%} lost" for value in lost] + ["moved"] * 6,
    title=f"One slice, twelve ways: your corrupt takes {min(lost):.1%} to {max(lost):.1%} of the head's pixels; the library moves it",
)

# %% [markdown]
# ## In your own words ({{points leak}})
#
# A paper reports: "30,000 slices of 300 patients were randomly divided into training (80 %) and test (20 %) sets; our network reaches 99.1 % accuracy." The data were scaled to mean 0 and standard deviation 1 before
# the division. Name two things that are wrong, and what each does to the number. How would you repeat the study? Use what you measured. Four to eight sentences.

# %% [markdown] nbgrader={"grade_id": "leak", "solution": true, "points": 2}
# The split is by slice: with 100 slices a patient, nearly every test slice has a neighbour of the same patient in the training set, so the network can recognise the patient. In my experiment a nearest neighbour
# diagnosed a coin toss nearly always right in a split by slice, and about half the time by volume; autoencoders looked one to two dB better, and gained only about half a dB or less on Colin27. So 99.1 % says nothing about new patients. (One point.) Second,
# the mean and standard deviation were taken over all data, the test set included: information from the test enters the training. Usually this effect is small, but it is wrong, and nobody knows
# its size beforehand. I would split by patient, stratified by diagnosis, age group and sex; take all statistics from the training patients; repeat it over several splits, and give
# the standard deviation; and test at last on patients of another hospital. (One point for split by patient and training statistics.)
#
# ### BEGIN MARK SCHEME
# - 1: names the split by slice, and that it lifts the score, with the own measurement
# - 1: names the statistics taken over all data, and repeats the study by patient with training statistics only
# ### END MARK SCHEME

# %% [markdown]
# ## What to remember
#
# - An array does not know left from right: the affine does. Bring everything to RAS, and test it.
# - Cut the profile whose pixels are square and finest.
# - Scale by percentiles. What is computed over several images comes from the training images alone.
# - A score of intensities is not a score of anatomy. Ask for brain.
# - Split by volume, stratified. A good score on a split by slice can be pure memory.
#
# The functions that you wrote are `course_lib.data.volumes.read_volume` (turning to RAS), `course_lib.data.intensity`, `course_lib.data.slices.relevant` and `has_brain`,
# `course_lib.data.splits.split_volumes`, and `course_lib.data.augment.drop_pixels` and `blank_square`.
