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
viz.plane_slider(colin.data, colin.voxel_size, title=f"Colin27, a real head: {share:.0%} of its voxels are brain, {(colin.data == 0).mean():.0%} exactly 0")

# %% [markdown]
# The second head is the **ICBM152** template: 152 people, aligned and averaged, without skull. It is smooth: folds that differ between
# people blur. From it the course makes *synthetic* heads: deformed at random, with a skull and scalp painted around (lab 02).

# %% tags=["experiment"]
template = brains.icbm152()
synthetic = brains.brain_slices("cohort", subjects=profile.pick(ci=2, cpu=3, gpu=3), slices=profile.pick(ci=6, cpu=30, gpu=30))
colin_axial = planes.cut(colin.data, [90])[0]
template_axial = planes.cut(template.t1, [90])[0]
shown = {"Colin27 (real)": (colin_axial, planes.cut(colin.brain_mask, [90])[0]), "ICBM152 (average)": (template_axial, template_axial > 0)}
for number in (0, 1):
    own = torch.nonzero(synthetic.subjects == number)[:, 0]
    middle = int(own[len(own) // 2])
    shown[f"synthetic head {number}"] = synthetic.images[middle, 0].numpy(), synthetic.brain_masks[middle, 0].numpy()
greys = [f"{np.median(picture[mask]):.2f}" for picture, mask in shown.values()]
viz.gallery([picture for picture, _ in shown.values()], titles=list(shown), title=f"MR intensities have no unit: the median grey of the brain is {', '.join(greys)}")

# %% [markdown]
# ## Exercise 1: which way does it lie? ({{points to_ras}})
#
# **Goal.** `to_ras(volume, affine)` of a numpy array with three axes and its 4×4 affine: the same voxels with axes that run right, front, top,
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

with without(
    "nibabel.as_closest_canonical", "nibabel.orientations.io_orientation", "nibabel.orientations.apply_orientation", "nibabel.orientations.aff2axcodes",
    "nibabel.affines.voxel_sizes", "course_lib.data.volumes.read_volume",
):  # fmt: skip
    block = np.array([[0.0, 0, -2], [3, 0, 0], [0, 1, 0]])
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = block, [40, -70, 10]
    stored = np.arange(24.0).reshape(2, 3, 4)
    before, affine_before = stored.copy(), affine.copy()
    answer = to_ras(stored, affine)
    assert isinstance(answer, tuple) and len(answer) == 2, f"return two things, (turned, sizes), got {type(answer).__name__}"
    turned, sizes = answer
    assert np.array_equal(stored, before) and np.array_equal(affine, affine_before), "your answer changed its input, the volume or the affine: work on a copy"
    assert np.shape(turned) == (4, 2, 3), f"the example's array (2, 3, 4) should become (4, 2, 3), got {np.shape(turned)}: which axis of the array follows x?"
    wanted = [[[stored[j, k, 3 - i] for k in range(3)] for j in range(2)] for i in range(4)]
    assert np.array_equal(turned, wanted), "the example: the axes are in order, but not their direction. Flip each axis whose largest entry is negative, after the transposition"
    assert np.allclose(np.ravel(sizes), [2, 3, 1]), f"the example: expected the sizes (2, 3, 1), got {np.round(sizes, 3).tolist()}: lengths of the columns, in the order of the new axes"

    def all_48_ways(what, turn):
        """A head in RAS, stored in all 48 ways."""
        head, size = np.random.default_rng(0).random((3, 4, 5)), np.array([0.9, 1.2, 5.0])
        for order in itertools.permutations(range(3)):
            for signs in itertools.product((1, -1), repeat=3):
                stored, affine = head.transpose(order), np.eye(4)
                for i, (axis, sign) in enumerate(zip(order, signs, strict=True)):
                    affine[:3, i] = sign * size[axis] * turn[:, axis]
                    stored = stored if sign > 0 else np.flip(stored, i)
                affine[:3, 3] = [-90, 126, -72]
                stored, before, affine_before = stored.copy(), stored.copy(), affine.copy()
                turned, sizes = to_ras(stored, affine)
                where = f"a {what} head, its axes stored as {''.join('RAS'[axis] if sign > 0 else 'LPI'[axis] for axis, sign in zip(order, signs, strict=True))}"
                assert np.array_equal(stored, before) and np.array_equal(affine, affine_before), f"{where}: your answer changed its input, the volume or the affine: work on a copy"
                assert np.shape(turned) == head.shape, f"{where}: the wrong order of axes. The largest entry of each *column* tells where that axis of the array goes"
                assert np.array_equal(turned, head), f"{where}: a wrong order or direction. Flip by the sign of the column's largest entry, and flip the new axis"
                assert np.allclose(np.ravel(sizes), size), (
                    f"{where}: expected the sizes {size.tolist()} mm along x, y, z, got {np.round(sizes, 2).tolist()}: the root of the sum of squares of each column, reordered like the axes"
                )

    a, b = np.radians(-30), np.radians(30)
    tilt = np.array([[np.cos(b), -np.sin(b), 0], [np.sin(b), np.cos(b), 0], [0, 0, 1]]) @ np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    all_48_ways("straight", np.eye(3))
    all_48_ways("tilted (twice by 30 degrees)", tilt)
    ### HIDDEN VALUE: [to_ras(rng.random((3, 4, 5)), np.vstack([np.hstack([np.eye(3)[rng.permutation(3)] * rng.uniform(1, 3, 3) * rng.choice([-1, 1], 3) + rng.uniform(-0.45, 0.45, (3, 3)), rng.normal(0, 50, (3, 1))]), [0, 0, 0, 1]])) for _ in range(6)]
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
        turn = nibabel.orientations.ornt_transform(nibabel.orientations.axcodes2ornt("RAS"), nibabel.orientations.axcodes2ornt(code))
        array = nibabel.orientations.apply_orientation(colin.data, turn)
        affine = nibabel.orientations.inv_ornt_aff(turn, colin.data.shape)  # 1 mm
        path = Path(folder) / f"{code}.nii"
        nibabel.save(nibabel.Nifti1Image(array, affine), path)
        image = nibabel.load(path)  # from here on nobody knows what is in the file
        array = image.get_fdata(dtype=np.float32)
        turned, sizes = to_ras(array, image.affine)
        as_stored[code] = array[:, :, array.shape[2] // 2].copy()
        after[code] = planes.cut(turned, [turned.shape[2] // 2])[0]
        print(f"{code}: array {array.shape}, diagonal of the affine {np.diag(image.affine)[:3].tolist()}, voxel sizes {np.round(sizes, 2).tolist()} mm")
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
    print(f"{name:9} pictures keep {left[across[0]]:.0%} of the detail from left to right, {left[across[1]]:.0%} upwards")
print("the library's order, best first:")
for name, voxel in {"these slices": (1, 1, 5), "IXI's T1 scans (published size)": (1.2, 0.94, 0.94)}.items():
    print(f"  {name}, {' × '.join(map(str, voxel))} mm: {', '.join(found.name for found in planes.slice_profiles(voxel))}")
viz.plane_slider(thick, (1, 1, 5), title=f"1 × 1 × 5 mm: of the fine detail, {left[0]:.0%} (x) and {left[1]:.0%} (y) are left, but {left[2]:.0%} along z: best cut is {planes.slice_profiles((1, 1, 5))[0].name}")

# %% [markdown]
# So: the profile whose pixels are **square**, and of these the finest. A rule of thumb like "always axial" is right for some scanners only.
#
# ## Exercise 2: intensities ({{points normalise}})
#
# MR intensities have no unit. The same brain may reach 300 on one scanner and 4000 on the next. Networks like a common scale.
#
# **Goal.** `normalise(train, test)` of two numpy arrays of volumes, `(N, X, Y, Z)` and `(M, X, Y, Z)`. It returns both, ready for a network.
#
# **Steps.**
# 1. For **each volume** alone, training or test: find its 1st and 99th percentile with `np.percentile`. Scale so that they become 0 and 1. Clip to [0, 1].
# 2. Mean `m` and standard deviation `s` over all voxels of the scaled **training** volumes: two numbers.
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
import math

from course_lib.exercise import without

with without("course_lib.data.intensity.unit_range", "course_lib.data.intensity.standardise", "course_lib.images.rescale", "skimage.exposure.rescale_intensity"):
    rng = np.random.default_rng(3)
    # 7·11·13 = 1001 voxels a volume: of the sorted values, percentile 1 is number 10 (from 0), percentile 99 number 990
    train = np.stack([rng.gamma(2, scale, (7, 11, 13)) + offset for scale, offset in ((100, 7), (40, 300), (900, 0))])
    train[:, 3, 4, 5] = [9e4, 5e4, 1e6]  # a shining voxel in each
    train[2, :, :, :4] = 0  # air around the third head
    test = np.stack([rng.gamma(4, scale, (7, 11, 13)) for scale in (10, 2000)])
    copies = train.copy(), test.copy()
    answer = normalise(train, test)
    assert isinstance(answer, (tuple, list)) and len(answer) == 2, "return two arrays: the training volumes and the test volumes"
    got_train, got_test = (np.asarray(part) for part in answer)
    assert got_train.shape == train.shape and got_test.shape == test.shape, f"the shapes should stay {train.shape} and {test.shape}, got {got_train.shape} and {got_test.shape}"
    assert np.array_equal(train, copies[0]) and np.array_equal(test, copies[1]), "your answer changed its input: make new arrays"
    first_alone, second_alone = (normalise(train, test[number : number + 1]) for number in (0, 1))
    counts = np.round(train[1:]).astype(np.int32), np.round(test).astype(np.int32)  # as scanners store them
    got_counts = [np.asarray(part) for part in normalise(*counts)]

    def by_hand(train, test):
        scaled = []
        for volume in (*train, *test):
            values = sorted(volume.ravel().tolist())
            scaled.append([min(max((v - values[10]) / (values[990] - values[10]), 0), 1) for v in volume.ravel().tolist()])
        known = [v for volume in scaled[: len(train)] for v in volume]
        m = sum(known) / len(known)
        s = math.sqrt(sum((v - m) ** 2 for v in known) / len(known))
        return [(np.reshape(part, (-1, 7, 11, 13)) - m) / s for part in (scaled[: len(train)], scaled[len(train) :])]

    wanted_train, wanted_test = by_hand(train, test)
    assert np.isfinite(got_train).all(), "some training values are not finite: np.percentile counts from 0 to 100, and neither high - low nor s must be 0"
    tops = [float(volume.max()) for volume in got_train]
    assert np.ptp(tops) < 1e-5, f"all volumes should end at one largest value (1 before step 2), got {np.round(tops, 2).tolist()}: percentiles of each volume by itself, then clip to [0, 1]; later one mean and one deviation for all"
    assert abs(got_train.mean()) < 1e-4, f"the training volumes together should have mean 0, got {got_train.mean():.3f}: subtract the mean of the scaled training volumes, all together"
    assert abs(got_train.std() - 1) < 0.01, f"the training volumes together should have standard deviation 1, got {got_train.std():.3f}: divide by np.std"
    worst = np.unravel_index(np.abs(got_train - wanted_train).argmax(), train.shape)
    assert np.allclose(got_train, wanted_train, atol=0.004), (
        f"training voxel {tuple(map(int, worst))} should become {wanted_train[worst]:.3f}, got {got_train[worst]:.3f}: percentiles 1 and 99 over *all* voxels of a volume, air too"
        " (a shining voxel must not matter), clip at both ends, then one mean and one standard deviation for all training volumes; do not round"
    )
    assert np.allclose(got_test, wanted_test, atol=0.004), (
        f"the test volumes should have the mean {wanted_test.mean():.3f}, got {got_test.mean():.3f}: percentiles of each test volume itself, but the mean and the deviation of the *training* volumes"
    )
    assert np.allclose(np.asarray(first_alone[1])[0], got_test[0], atol=1e-5), "a test volume comes out differently when the other test volume is absent: nothing may be computed over the test set"
    assert np.allclose(np.asarray(second_alone[1])[0], got_test[1], atol=1e-5), "a test volume comes out differently when the other test volume is absent: nothing may be computed over the test set"
    assert np.allclose(np.asarray(second_alone[0]), got_train, atol=1e-5), "the training volumes come out differently with other test volumes: the test set leaks into them"
    for got, wanted, which in zip(got_counts, by_hand(*counts), ("training", "test"), strict=True):
        assert got.shape == wanted.shape and np.allclose(got, wanted, atol=0.004), f"two training and two test volumes of whole numbers: the {which} volumes come out wrong. The results are fractions: do not write them into an array of integers; count on any number of volumes"
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
viz.gallery(list(shown.values()), columns=3, titles=list(shown), title=f"12 bright points: median grey of the brain {middle_grey[0]:.2f} → {middle_grey[1]:.2f} by maximum, {middle_grey[2]:.2f} by percentiles")

# %% [markdown]
# ## Exercise 3: low outliers ({{points not_low}})
#
# **Goal.** `not_low(scores, rule)` of a numpy array of scores: a boolean array in the same order, `True` for each slice whose score is **at least** the limit, which is
#
# | `rule` | limit |
# |---|---|
# | `"3 sigma"` | mean − 3 standard deviations |
# | `"iqr"` | Q1 − 1.5 · (Q3 − Q1) |
# | `"q1"` | Q1 |
#
# **Steps.** `np.percentile` gives the quartiles Q1 (25 %) and Q3 (75 %), also where they lie between two scores. Compute the limit, compare.
#
# **Example.** The scores `[1, 10, 11, 12, 13]` have Q1 = 10 and Q3 = 12. So `"iqr"` keeps what is at least 10 − 1.5·2 = 7, and `"q1"` what is at
# least 10: both drop the 1 only. `"3 sigma"` keeps all five: the 1 itself makes the standard deviation large.
#
# **Hint.** A slice with a very *high* score is no low outlier: it stays.

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

with without("course_lib.data.slices.relevant", "course_lib.data.slices.low_limit", "scipy.stats.zscore", "scipy.stats.iqr"):
    example = np.array([1.0, 10, 11, 12, 13])
    answers = {rule: not_low(example, rule) for rule in ("3 sigma", "iqr", "q1")}
    for rule, result in answers.items():
        assert np.shape(result) == (5,) and np.asarray(result).dtype == bool, f'"{rule}": return five booleans for five scores, got {result!r}'
    assert answers["iqr"].tolist() == [False, True, True, True, True], f'"iqr" should keep all but the 1 of [1, 10, 11, 12, 13], got {answers["iqr"].tolist()}'
    assert answers["q1"].tolist() == [False, True, True, True, True], f'"q1" should keep what is at least 10, the 10 too, got {answers["q1"].tolist()}'
    assert answers["3 sigma"].all(), f'"3 sigma" should keep all of [1, 10, 11, 12, 13]: the mean is 9.4 and 3 standard deviations are 12.9, got {answers["3 sigma"].tolist()}'
    # 41 scores: the quartiles are the 11th and the 31st of the sorted ones, 50 and 70; shuffled, with low and high outliers
    scores = np.array([19, 20, 21, 22, *range(44, 50), 50, *range(51, 70), 70, *range(71, 76), 90, 95, 99, 100, 101], dtype=float)
    scores = np.random.default_rng(1).permutation(scores)
    copy = scores.copy()
    kept_41 = {rule: not_low(scores, rule) for rule in ("iqr", "q1")}
    assert np.array_equal(scores, copy), "your answer changed the scores or their order (scores.sort() works in place): use np.sort, or np.percentile, which needs no sorting"
    for rule, limit, about in (("iqr", 20.0, "50 − 1.5·20"), ("q1", 50.0, "the lower quartile")):
        wrong = sorted(value for value, keep in zip(scores.tolist(), kept_41[rule], strict=True) if keep != (value >= limit))
        assert not wrong, f'"{rule}", Q1 = 50, Q3 = 70: the limit is {about} = {limit:g}, and scores from there on stay; wrong for {wrong[:6]}'
    # 10 scores: the quartiles lie between two scores, Q1 = 20 + (24 − 20) / 4 and Q3 = 32 + 3 (36 − 32) / 4
    scores = np.array([32.0, -3, 44, 24, 1, 28, 36, 20, 26, 40])
    kept_10 = {(rule, unit): not_low(scores / unit, rule) for rule in ("iqr", "q1", "3 sigma") for unit in (1, 64)}
    for (rule, unit), kept in kept_10.items():
        limit = {"iqr": 0, "q1": 21, "3 sigma": -99}[rule]
        wrong = [value / unit for value, keep in zip(scores.tolist(), kept, strict=True) if keep != (value >= limit)]
        why = {
            "3 sigma": "mean − 3 standard deviations (not variances) lies below all of them; scores may be negative or fractions",
            "iqr": f"Q1 = {21 / unit:.4g} and Q3 = {35 / unit:.4g} lie between two scores (np.percentile does that for you), so the limit is 0; scores may be negative or fractions",
            "q1": f"Q1 = {21 / unit:.4g} lies between two scores: np.percentile does that for you",
        }[rule]
        assert not wrong, f'"{rule}" of the scores {np.round(scores / unit, 3).tolist()}: wrong for {np.round(wrong, 3).tolist()}. {why}'
    # 100 scores: 64 of 10, 30 of 14, 6 others; mean and deviation by hand
    many = np.array([10.0] * 64 + [14.0] * 30 + [1, 2.2, 4, 4, 8, 22])
    kept, ties = not_low(many, "3 sigma"), not_low(many, "q1")
    m = sum(many.tolist()) / 100
    d = (sum((value - m) ** 2 for value in many.tolist()) / 100) ** 0.5
    assert bool(kept[99]), f'"3 sigma": mean {m:.2f}, deviation {d:.2f}: the score 22 is high, not low, and should stay: drop below mean − 3 deviations only'
    assert not kept[94] and not kept[95], f'"3 sigma": mean {m:.2f}, standard deviation {d:.2f}: the scores 1 and 2.2 lie more than 3 standard deviations below the mean and should go (the mean, not the median; deviations, not variances)'
    assert kept[:94].all() and kept[96:99].all(), f'"3 sigma": mean {m:.2f}, standard deviation {d:.2f}: 4 and 8 lie within 3 standard deviations and should stay'
    assert ties.tolist() == [True] * 94 + [False] * 5 + [True], '"q1", 64 of 100 scores are 10, and Q1 = 10: all of them are at least Q1 and stay. Compare with the limit, do not count slices'
print("not_low: right")

# %% [markdown]
# ## Exercise 4: how much brain? ({{points enough_brain}})
#
# **Goal.** `enough_brain(images, brain_masks)` of numpy arrays `(N, H, W)`, the masks boolean: `True` for each slice in which
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
    pictures, masks = np.zeros((6, 10, 20), dtype=np.float32), np.zeros((6, 10, 20), dtype=bool)
    # slice: brain pixels, bright pixels
    for number, (brain_pixels, bright) in enumerate([(9, 9), (8, 8), (0, 200), (8, 30), (200, 200), (12, 150)]):
        masks[number].flat[:brain_pixels] = True
        pictures[number].flat[:bright] = 1
    kept = np.asarray(enough_brain(pictures, masks))
    assert kept.shape == (6,) and kept.dtype == bool, f"return six booleans for six slices, got {kept!r}"
    assert bool(kept[0]), "9 of 200 pixels are 4.5 %, and that is enough: at least"
    assert not kept[1], "8 of 200 pixels are 4 % brain: not enough (all 200 pixels count, not only the bright ones)"
    assert not kept[2], "a slice that is all bright, but has no brain, should go: count the mask, not the image"
    assert not kept[3], "8 brain pixels among 30 bright ones are still 4 % of the picture: divide by all pixels of the slice"
    assert bool(kept[4]), "a slice that is all brain should stay"
    assert bool(kept[5]), "12 of 200 pixels are 6 % brain and should stay, also beside a slice that has far more: 4.5 % of its own pixels"
    empty = np.zeros((2, 7, 9), dtype=bool)
    assert not np.any(enough_brain(empty.astype(np.float32), empty)), "slices without any brain should go"
    # larger slices of 160 × 250 = 40 000 pixels: 1800 are enough, 1799 are not; some brain pixels are black, and the mask has holes
    rng = np.random.default_rng(2)
    pictures, masks = np.zeros((5, 160, 250), dtype=np.float32), np.zeros((5, 160, 250), dtype=bool)
    for number, brain_pixels in enumerate((1799, 1800, 30_000, 1801, 0)):
        masks[number].flat[rng.permutation(40_000)[:brain_pixels]] = True
        pictures[number] = rng.random((160, 250)) > 0.5
    copies = pictures.copy(), masks.copy()
    kept = np.asarray(enough_brain(pictures, masks))
    assert np.array_equal(pictures, copies[0]) and np.array_equal(masks, copies[1]), "your answer changed its input: make new arrays"
    assert kept.tolist() == [False, True, True, True, False], (
        f"slices of 160 × 250 pixels need 0.045 · 40000 = 1800 brain pixels; with 1799, 1800, 30000, 1801 and 0 expected False, True, True, True, False, got {kept.tolist()}:"
        " divide by H · W of these slices; count all pixels of the mask, black ones too; do not round"
    )
    ### HIDDEN VALUE: enough_brain(rng.random((60, 19, 21)), rng.random((60, 19, 21)) < rng.uniform(0, 0.09, (60, 1, 1)))
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
        volume[rng.integers(volume.shape[0], size=points), rng.integers(volume.shape[1], size=points), plane] = rng.uniform(1, 2, points)
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
    overlap = [extraction.dice(ours, np.ascontiguousarray(mask)) for ours, (_, mask) in zip(found, test_heads, strict=True)]
    print(f"{condition}: Dice of the found masks {min(overlap):.3f} to {max(overlap):.3f}")
for key, kept in choices.items():
    errors[key] = (int((kept & ~truth).sum()), int((~kept & truth).sum()))

# %% tags=["experiment"]
ways = [way for condition, way in choices if condition == "clean heads"]
spiked_errors = {way: sum(errors["with bright points", way]) for way in ways}
best = min(ways, key=spiked_errors.get)
second = sorted(spiked_errors.values())[1]
figure = viz.figure(9, 3.8, title=f"With bright points: {best}: {spiked_errors[best]} of {len(truth)} slices wrong; the best of the others {second}")
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
chosen = wrong[np.linspace(0, len(wrong) - 1, min(6, len(wrong))).astype(int)] if len(wrong) else np.flatnonzero(truth)[:1]
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
# 1. For each group: list its **heads**, each once (`np.unique(subjects)`). The dict may know more heads than have slices here.
# 2. Of a group with `n` heads, `max(1, round(share * n))` go to the test. Draw which, with `generator.permutation`.
# 3. A slice is a test slice if its head was drawn (`np.isin`).
#
# **Example.** Heads 1 to 8 are young, 9 to 12 old; `share = 0.25`. Then two of the young heads and one of the old are in the test, with all their slices.
#
# **Hint.** Draw heads, not slices: a head with 200 slices has the same chance as a head with 3.

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

with without(
    "course_lib.data.splits.split_volumes", "sklearn.model_selection.train_test_split", "sklearn.model_selection.GroupShuffleSplit",
    "sklearn.model_selection.StratifiedShuffleSplit", "sklearn.model_selection.StratifiedGroupKFold", "sklearn.model_selection.StratifiedKFold", "sklearn.model_selection.GroupKFold",
):  # fmt: skip
    state = lambda: np.random.get_state()[1:3]  # noqa: NPY002 (numpy's global generator, which nobody should touch)
    keys, position = state()
    heads_of = {"young": [1, 2, 3, 4, 5, 6, 7, 8], "old": [20, 33, 47, 90], "very old": [11, 60]}
    group_of = {head: group for group, members in heads_of.items() for head in members}
    slices_of = {head: 3 + (17 * head) % 40 for head in group_of}  # 3 to 42 slices
    subjects = np.random.default_rng(5).permutation(np.repeat(list(slices_of), list(slices_of.values())))
    before, groups_before, wanted = subjects.copy(), dict(group_of), {"young": 2, "old": 1, "very old": 1}
    generator, times, pairs = np.random.default_rng(0), dict.fromkeys(group_of, 0), set()
    for _ in range(200):
        test = np.asarray(split_by_volume(subjects, group_of, 0.25, generator))
        assert test.shape == subjects.shape and test.dtype == bool, f"return one boolean for each of the {len(subjects)} slices, got {test.dtype} {test.shape}"
        tested = set(subjects[test].tolist())
        both = tested & set(subjects[~test].tolist())
        assert not both, f"heads {sorted(both)[:5]} have slices on both sides: this is leakage. Draw heads, then np.isin(subjects, drawn)"
        for group, count in wanted.items():
            found = sorted(tested & set(heads_of[group]))
            assert len(found) == count, (
                f"of the {len(heads_of[group])} {group} heads, max(1, round(0.25 · {len(heads_of[group])})) = {count} should be in the test, got {len(found)}:"
                " draw within each group, count heads (not slices), and return True for the test"
            )
        for head in tested:
            times[head] += 1
        pairs.add(tuple(sorted(tested & set(heads_of["young"]))))
    # each young head is drawn 50 times of 200 on average, with a standard deviation of 6; each very old one 100 times, 7
    for group, members in heads_of.items():
        often, expected = [times[head] for head in members], 200 * wanted[group] / len(heads_of[group])
        assert min(often) > expected - 32 and max(often) < expected + 36, (
            f"in 200 splits each {group} head should be in the test about {expected:.0f} times, got {often}: every head of a group has the same chance, however many slices it has"
        )
    # 28 pairs of young heads, 200 draws: 0.02 pairs are missed on average
    assert len(pairs) > 22, f"8 young heads make 28 pairs; in 200 splits only {len(pairs)} of them came: draw the heads one by one (generator.permutation), not a run of neighbours"
    assert np.array_equal(subjects, before), "your answer changed `subjects` (generator.shuffle works in place): make a new array"
    assert group_of == groups_before, "your answer changed `group_of`: leave the caller's dict alone"
    one, again = (split_by_volume(subjects, group_of, 0.25, np.random.default_rng(8)) for _ in range(2))
    assert np.array_equal(one, again), "the same seed should give the same split: draw from `generator` only, and list the heads in a fixed order"
    assert np.array_equal(state()[0], keys) and state()[1] == position, "you drew from numpy's global generator: use `generator`"
    half = split_by_volume(np.array([7, 7, 5, 5, 5, 9, 2]), {2: "a", 5: "a", 7: "a", 9: "a"}, 0.5, np.random.default_rng(1))
    found = len({head for head, chosen in zip([7, 7, 5, 5, 5, 9, 2], half, strict=True) if chosen})
    assert found == 2, f'four heads, all of group "a", with share 0.5: two should be in the test, got {found}: use `share`, and take the groups from `group_of`'
    # other heads, other groups, share 0.4; the dict knows people who have no slice here
    heads_of = {"scanner A": [101, 104, 105, 110, 112, 119, 130], "scanner B": [7, 8, 301], "scanner C": [55]}
    group_of = {head: group for group, members in heads_of.items() for head in members} | dict.fromkeys([200, 201, 202, 203, 204, 205], "scanner B")
    subjects = np.random.default_rng(6).permutation(np.repeat([head for members in heads_of.values() for head in members], 4))
    generator = np.random.default_rng(3)
    for _ in range(20):
        tested = set(subjects[np.asarray(split_by_volume(subjects, group_of, 0.4, generator))].tolist())
        for (group, members), count in zip(heads_of.items(), (3, 1, 1), strict=True):
            found = len(tested & set(members))
            assert found == count, (
                f"share 0.4: of the {len(members)} heads of {group} that have slices, max(1, round({0.4 * len(members):.1f})) = {count} should be in the test, got {found}:"
                " round (neither up nor down), at least one; take the heads from `subjects` (the dict may know more people) and the groups from `group_of`"
            )
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
    print("IXI is not here: `course data fetch ixi --subjects 40` in a terminal brings some of it. Going on with synthetic heads.")
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
    titles=[f"head 0, slice {number}" for number in range(middle - 2, middle + 2)] + [f"head {number}, slice {middle}" for number in range(1, 4)],
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
        model, train, loss=nn.functional.mse_loss, epochs=profile.pick(ci=1, cpu=40, gpu=200), batch_size=32, learning_rate=1e-3, seed=seed, progress=False
    )
    return [training.denoise(model, test) for test in tests]


def denoiser(train, tests, seed):
    noisy = lambda image, generator: noise.gaussian(image, 0.1, generator=generator)
    with training.fixed_seed(seed):
        model = BrainCDAE()
    for learning_rate, epochs in ((3e-3, profile.pick(ci=1, cpu=14, gpu=70)), (3e-4, profile.pick(ci=1, cpu=6, gpu=30))):
        training.fit(
            model, train, loss=nn.functional.mse_loss, corrupt=noisy, transform=lambda image, generator: images.random_crop(image, 32, generator=generator),
            epochs=epochs, batch_size=16, learning_rate=learning_rate, seed=seed, progress=False,
        )  # fmt: skip
    return [training.denoise(model, noisy(test, torch.Generator().manual_seed(seed))) for test in tests]


MODELS = {"nearest neighbour": nearest_neighbour, "linear code, 16": linear_code, "dense autoencoder, 32": dense_autoencoder, "denoiser": denoiser}
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
        psnr[row, SPLITS.index(split), seeds.index(seed)] = [score(answer, target) for answer, target in zip(answers, (shared, new_pictures), strict=True)]

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
print(f"{people} {kind} heads, {each} slices each, scored on slices that are test slices in both splits; PSNR in dB, mean ± standard deviation over {len(seeds)} seeds (other splits, weights, noise)")
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
    axes.hist(values, bins=np.linspace(0, 1, 26), color=colour, alpha=0.75, label=f"split {split}: {np.mean(values):.2f} ± {np.std(values, ddof=1):.2f}")
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
# 1. Dropout: for each image draw a level from 0 to 0.05, uniformly. Set each of its pixels to 0 with this probability.
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
import random

from course_lib.exercise import without

with without("course_lib.data.augment.drop_pixels", "course_lib.data.augment.blank_square", "course_lib.data.augment.thesis_corruption", "torch.nn.functional.dropout", "torch.nn.functional.dropout2d"):
    generator, state = torch.Generator().manual_seed(0), torch.get_rng_state()
    others = lambda: (random.getstate(), str(np.random.get_state()))  # noqa: NPY002 (the global generators of Python and numpy)
    others_before = others()
    clean = 0.2 + 0.8 * torch.rand(1600, 1, 48, 60, generator=torch.Generator().manual_seed(1))
    before = clean.clone()
    spoilt = corrupt(clean, generator)
    later = corrupt(clean[:600], generator)
    assert isinstance(spoilt, torch.Tensor) and spoilt.shape == clean.shape, f"a tensor of shape {tuple(clean.shape)} should come back, got {tuple(getattr(spoilt, 'shape', ()))}"
    assert spoilt.dtype == clean.dtype, f"the type should stay {clean.dtype}, got {spoilt.dtype}"
    assert torch.equal(clean, before), "your answer changed the clean images: work on a copy"
    gone = spoilt == 0
    assert torch.equal(spoilt, clean.masked_fill(gone, 0)), "a pixel is either set to 0 or stays exactly as it was: no rescaling, no other value"

    def blanks_in(pictures):
        """The 3×3 windows that are all gone: dropout alone makes one with probability below 0.05**9."""
        zero = (pictures == 0)[:, 0]
        zero = zero[:, :-2] & zero[:, 1:-1] & zero[:, 2:]
        return zero[:, :, :-2] & zero[:, :, 1:-1] & zero[:, :, 2:]

    windows = blanks_in(spoilt)
    blanked = windows.flatten(1).any(1)
    share = blanked.float().mean().item()
    assert 0.07 < share < 0.13, f"a square should be blanked in 10 % of 1600 images (standard deviation 0.75 %), got {100 * share:.1f} %: a draw for each image, probability 0.1"
    # dropout, in the images without a blank
    lost = gone[~blanked, 0].float()
    levels = lost.mean((1, 2))
    often = lost.mean(0)  # how often each place is dropped: 0.025 ± 0.004
    assert 0.2 * often.mean() < often.min() and often.max() < 2.2 * often.mean(), f"each place should be dropped in about 2.5 % of the images, got {often.min():.1%} to {often.max():.1%}: a mask for each image, not one for the whole batch"
    chance = (levels**2).mean().item()  # two neighbours both dropped, if pixels are independent
    together = max((lost[:, 1:] * lost[:, :-1]).mean().item(), (lost[:, :, 1:] * lost[:, :, :-1]).mean().item())
    assert together < 1.5 * chance, "neighbouring pixels are dropped together: draw a number for each pixel, shape (N, 1, H, W)"
    for quantile in (0.1, 0.5, 0.9):
        value = torch.quantile(levels, quantile).item()
        assert abs(value - 0.05 * quantile) < 0.004, (
            f"levels should be uniform from 0 to 0.05, so {100 * quantile:.0f} % of the images lose less than {5 * quantile:.1f} % of their pixels;"
            f" here {100 * quantile:.0f} % lose less than {100 * value:.1f} %: draw a level for each image, 0.05 · torch.rand"
        )
    # the blanks: squares, sides 4 to 16, anywhere
    boxes = []
    for window in windows[blanked]:
        rows, columns = (torch.nonzero(window.any(axis))[:, 0] for axis in (1, 0))
        boxes.append((int(rows[0]), int(columns[0]), int(rows[-1] - rows[0]) + 3, int(columns[-1] - columns[0]) + 3))
    top, left, height, width = np.array(boxes).T
    square = np.mean(height == width)
    assert square > 0.95, f"the blanks should be squares inside the image, {100 * (1 - square):.0f} % of them are not: one side for both directions; H rows and W columns may differ"
    sides = set(height[height == width].tolist())
    assert min(sides) >= 4 and max(sides) <= 16, f"in images of 48×60 a blank's side should be 4 to 16 pixels (48 // 12 to 48 // 3), got {min(sides)} to {max(sides)}"
    assert set(range(4, 17)) <= sides, f"all sides from 4 to 16 should come (48 // 12 to 48 // 3), both included; never came {sorted(set(range(4, 17)) - sides)} in {len(boxes)} blanks"
    for name, start, room in (("rows", top, 48 - height), ("columns", left, 60 - width)):
        place = start / room  # uniform from 0 to 1: mean 0.5 ± 0.02
        assert abs(place.mean() - 0.5) < 0.11 and place.std() > 0.22, f"blanks should begin anywhere in the {name} where they fit, evenly; the mean place is {place.mean():.2f} of the way, the standard deviation {place.std():.2f} (expected 0.50 and 0.29)"
    fits = (height < 48) & (width < 60)
    together = np.corrcoef(top[fits] / (48 - height[fits]), left[fits] / (60 - width[fits]))[0, 1]  # 0 ± 0.08
    assert abs(together) < 0.45, f"rows and columns of the blanks go together (correlation {together:.2f}): draw a number of its own for each"
    # what depends on the image's number only comes again in the next call
    blanked_later = blanks_in(later).flatten(1).any(1)
    assert not torch.equal(blanked_later, blanked[:600]), "the same images are blanked in each call: draw for each image, from `generator`"
    free = ~blanked[:600] & ~blanked_later
    again = np.corrcoef((spoilt[:600][free] == 0).float().mean((1, 2, 3)), (later[free] == 0).float().mean((1, 2, 3)))[0, 1]  # 0 ± 0.05
    assert abs(again) < 0.3, f"each image gets much the same level in each call (correlation {again:.2f}): draw the levels from `generator`, and do not seed it anew inside"
    # small, upright images: a blank often begins in the first row and ends in the last; sides 24 // 12 to 24 // 3
    little = blanks_in(corrupt(torch.ones(5000, 1, 36, 24), generator))
    ends = little[:, -1].flatten(1).any(1).sum().item(), little[:, :, -1].flatten(1).any(1).sum().item()
    assert min(ends) > 0, "blanks never touch the last row or the last column: there are H - side + 1 places for the first row, and torch.randint stops before `high`"
    begins = little[:, 0].flatten(1).any(1).sum().item(), little[:, :, 0].flatten(1).any(1).sum().item()
    assert min(begins) > 0, "blanks never touch the first row or the first column: rows and columns count from 0"
    largest = int(max(little.any(1).sum(1).max(), little.any(2).sum(1).max())) + 2
    assert largest <= 9, f"in images of 36×24 a blank's side should be at most 24 // 3 = 8 pixels, got {largest}: the limits depend on the smaller one of H and W"
    some = clean[:40]
    first, second = (corrupt(some, torch.Generator().manual_seed(4)) for _ in range(2))
    assert torch.equal(first, second), "the same seed should give the same result: draw everything from `generator`"
    generator = torch.Generator().manual_seed(4)
    corrupt(some, generator)
    assert not torch.equal(corrupt(some, generator), first), "two calls with one generator should differ: do not seed it anew inside"
    assert torch.equal(state, torch.get_rng_state()), "you drew from the global generator: hand `generator` on to every torch.rand and torch.randint"
    assert others() == others_before, "you drew from the global generator of Python or numpy, or seeded it: draw everything from `generator`"
    del clean, before, spoilt, later, gone, windows, lost, little  # give the memory back
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
