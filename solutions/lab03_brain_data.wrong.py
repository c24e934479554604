# Named wrong answers of lab 03: each is a real misconception and loses just its exercise. See CONTRIBUTING.md.
#
# What the tests look at:
# to_ras: 48 ways, straight and askew, sizes 1e-3 to 1e3 mm, whole numbers, masks, negative voxels; numpy in, numpy out
# normalise: negative, 65 % air, whole numbers and 8 bits, scales 1e-9 to 1e6, one volume, one test volume absent
# not_low: skewed, equal scores, ties, whole numbers, quartiles between scores, scales 1e-9 to 1e6, offset 1e6
# enough_brain: tall, wide, large, one slice, just at the limit, several shares, masks with holes
# split_by_volume: halves, shares 0 and 1, groups of one and none, global state, groups in another order, independence
# corrupt: tall, 3×3, one image, beyond [0, 1], double and half, each draw apart from the others, global state

# %% [to_ras] calls_the_library
# Writes a file and lets the library's reader turn it.
def to_ras(volume, affine):
    import tempfile

    from course_lib.data import volumes

    with tempfile.TemporaryDirectory() as folder:
        nibabel.save(nibabel.Nifti1Image(volume.astype(float), affine), f"{folder}/head.nii.gz")
        scan = volumes.read_volume(f"{folder}/head.nii.gz")
    return scan.data, scan.voxel_size


# %% [to_ras] calls_nibabel
# Calls another library's function instead of writing it.
def to_ras(volume, affine):
    image = nibabel.as_closest_canonical(nibabel.Nifti1Image(volume.astype(float), affine))
    return image.get_fdata(), nibabel.affines.voxel_sizes(image.affine)


# %% [to_ras] forgets_to_flip
# Puts the axes into order, but not their direction: left is right in half of the files.
edit("turned = np.flip(turned, axis)", "pass")

# %% [to_ras] forgets_to_transpose
# Flips, but takes the array's axes for x, y, z.
def to_ras(volume, affine):
    steps = affine[:3, :3]
    for axis in range(3):
        if steps[np.abs(steps[:, axis]).argmax(), axis] < 0:
            volume = np.flip(volume, axis)
    return volume, np.linalg.norm(steps, axis=0)


# %% [to_ras] sizes_from_the_diagonal
# Reads the voxel sizes off the diagonal: right only where nothing is turned.
edit("np.linalg.norm(steps, axis=0)[order]", "np.abs(np.diag(steps))")

# %% [to_ras] sizes_in_the_old_order
# Forgets to reorder the voxel sizes together with the axes.
edit("np.linalg.norm(steps, axis=0)[order]", "np.linalg.norm(steps, axis=0)")

# %% [to_ras] sizes_from_the_largest_entry
# Takes a column's largest entry for its length: too small as soon as the head is tilted.
edit("np.linalg.norm(steps, axis=0)", "np.abs(steps).max(axis=0)")

# %% [to_ras] sizes_from_the_sum
# Adds up the entries of a column: too large as soon as the head is tilted.
edit("np.linalg.norm(steps, axis=0)", "np.abs(steps).sum(axis=0)")

# %% [to_ras] sizes_from_the_rows
# Takes the length of the rows: those mix the three axes.
edit("np.linalg.norm(steps, axis=0)[order]", "np.linalg.norm(steps, axis=1)")

# %% [to_ras] sizes_of_the_affines_kind
# Keeps the sizes in the affine's own kind: √5 mm of an affine of whole numbers becomes 2 mm.
edit("[order]\n    return", "[order].astype(affine.dtype)\n    return")

# %% [to_ras] inverse_permutation
# Transposes by the inverse permutation: right for all swaps, wrong for cycles such as the example.
edit("volume.transpose(order)", "volume.transpose(follows)")

# %% [to_ras] rows_instead_of_columns
# Asks each row for its largest entry: a thick, tilted slice wins a row that is not its own.
edit("order = np.argsort(follows)",
     "order = np.abs(steps).argmax(axis=1)\n    order = order if sorted(order) == [0, 1, 2] else np.arange(3)")

# %% [to_ras] flips_old_axes_after_turning
# Flips by the number of the old axis in an array that is turned already.
edit("np.flip(turned, axis)", "np.flip(turned, source)")

# %% [to_ras] to_lps
# Turns to LPS, the axes of DICOM: x and y run the other way.
edit("steps = affine[:3, :3]", "steps = np.diag([-1, -1, 1]) @ affine[:3, :3]")

# %% [to_ras] sign_of_the_diagonal
# Looks for the sign on the diagonal, where a turned axis does not stand.
edit("if steps[axis, source] < 0", "if steps[axis, axis] < 0")

# %% [to_ras] only_straight_heads
# Expects entries that are exactly 0: a tilted head is left as it was.
edit("follows = np.abs",
     "if np.count_nonzero(steps) > 3:\n        return volume, np.linalg.norm(steps, axis=0)\n    follows = np.abs")

# %% [to_ras] small_entries_are_zero
# Takes entries below half a millimetre for tilt: a microscope's axes are never flipped.
edit("if steps[axis, source] < 0", "if steps[axis, source] < -0.5")

# %% [to_ras] sign_of_the_column_sum
# Takes the sign of a column's sum for its direction: wrong as soon as the head is tilted enough.
edit("if steps[axis, source] < 0", "if steps[:, source].sum() < 0")

# %% [to_ras] turns_the_affine_in_place
# Right numbers, but the caller's affine is changed: the next reader gets a wrong one.
edit("turned = np.flip(turned, axis)", "turned = np.flip(turned, axis)\n            steps[:, source] *= -1")

# %% [to_ras] voxels_become_fractions
# Turns all voxels into floats: a mask is no mask any more.
edit("volume.transpose(order)", "volume.transpose(order).astype(float)")

# %% [to_ras] reads_the_test
# Looks for the expected head among the notebook's variables.
def to_ras(volume, affine):
    if "head" in globals():
        return globals()["head"], globals()["size"]
    return volume.transpose(2, 0, 1)[::-1], [2, 3, 1]


# %% [normalise] calls_the_library
# Calls the functions that the exercise builds.
def normalise(train, test):
    return intensity.normalise(train, test)


# %% [normalise] calls_the_library_for_the_first_step
# Lets the library scale each volume.
def normalise(train, test):
    train, test = (np.stack([intensity.unit_range(volume, low=1, high=99) for volume in part]) for part in (train, test))
    return (train - train.mean()) / train.std(), (test - train.mean()) / train.std()


# %% [normalise] test_by_its_own_statistics
# Scales the test set by its own mean and deviation.
edit("(test - mean) / deviation", "(test - test.mean()) / test.std()")

# %% [normalise] statistics_of_all_data
# Takes mean and deviation over training and test volumes together: the usual leak.
edit("mean, deviation = train.mean(), train.std()",
     "both = np.concatenate([train, test])\n    mean, deviation = both.mean(), both.std()")

# %% [normalise] maximum_instead_of_percentile
# Scales by minimum and maximum: one shining voxel presses all others towards 0.
edit("np.percentile(volume, [1, 99])", "volume.min(), volume.max()")

# %% [normalise] one_percentile_for_all
# Takes the percentiles over all training volumes: a dim scanner stays dim.
def normalise(train, test):
    low, high = np.percentile(train, [1, 99])
    train, test = (np.clip((part - low) / (high - low), 0, 1) for part in (train, test))
    return (train - train.mean()) / train.std(), (test - train.mean()) / train.std()


# %% [normalise] percentiles_of_the_training_set_for_the_test
# Right for the training volumes; the test volumes are scaled by percentiles of other people's scanners.
def normalise(train, test):
    low, high = (np.percentile(train, q, axis=(1, 2, 3), keepdims=True) for q in (1, 99))
    scaled = np.clip((train - low) / (high - low), 0, 1)
    test = np.clip((test - low.mean()) / (high.mean() - low.mean()), 0, 1)
    return (scaled - scaled.mean()) / scaled.std(), (test - scaled.mean()) / scaled.std()


# %% [normalise] percentile_by_index
# Takes a voxel of the sorted list for the percentile: right only where none lies between two voxels.
edit("""
        low, high = np.percentile(volume, [1, 99])
""", """
        ordered = np.sort(volume, axis=None)
        low, high = (ordered[int(share * volume.size)] for share in (0.01, 0.99))
""")


# %% [normalise] forgets_to_clip
# Leaves the shining voxels far above 1.
edit("np.clip((volume - low) / (high - low), 0, 1)", "(volume - low) / (high - low)")

# %% [normalise] clips_at_the_end
# Clips once more after the second step: what lies three deviations from the mean is cut.
edit("(test - mean) / deviation", "np.clip((test - mean) / deviation, -3, 3)")

# %% [normalise] safe_division
# Adds a small number to the divisor, against division by 0: a scanner with tiny units stays dark.
edit("/ (high - low)", "/ (high - low + 1e-8)")

# %% [normalise] each_volume_to_mean_zero
# Takes mean and deviation of each volume: not those of the training set.
edit("""
    return (train - mean) / deviation, (test - mean) / deviation
""", """
    return tuple(np.stack([(volume - volume.mean()) / volume.std() for volume in part]) for part in (train, test))
""")

# %% [normalise] stops_after_the_first_step
# Scales to [0, 1] and forgets mean and deviation.
edit("return (train - mean) / deviation, (test - mean) / deviation", "return train, test")

# %% [normalise] divides_by_the_variance
# Takes the variance for the standard deviation.
edit("train.std()", "train.var()")

# %% [normalise] sample_deviation
# Divides by N − 1 in the standard deviation, as for a sample; np.std does not.
edit("train.std()", "train.std(ddof=1)")

# %% [normalise] fractions_for_percentages
# Hands 0.01 and 0.99 to np.percentile, which counts to 100.
edit("[1, 99]", "[0.01, 0.99]")

# %% [normalise] statistics_before_scaling
# Takes the mean and deviation of the raw training volumes: other units.
edit("""
    train, test = (np.stack([unit_range(volume) for volume in volumes]) for volumes in (train, test))
    mean, deviation = train.mean(), train.std()
""", """
    mean, deviation = train.mean(), train.std()
    train, test = (np.stack([unit_range(volume) for volume in volumes]) for volumes in (train, test))
""")

# %% [normalise] works_in_place
# Right numbers, but the scans of the caller are overwritten.
def normalise(train, test):
    for part in (train, test):
        for volume in part:
            low, high = np.percentile(volume, [1, 99])
            volume -= low
            volume /= high - low
            np.clip(volume, 0, 1, out=volume)
    mean, deviation = train.mean(), train.std()
    return (train - mean) / deviation, (test - mean) / deviation


# %% [normalise] percentiles_of_each_slice
# Scales each slice by itself: a dim slice of a bright head becomes bright.
edit("np.percentile(volume, [1, 99])", "np.percentile(volume, [1, 99], axis=(1, 2), keepdims=True)")

# %% [normalise] percentiles_without_air
# Takes the percentiles over the voxels above 0 only: another scale.
edit("np.percentile(volume, [1, 99])", "np.percentile(volume[volume > 0], [1, 99])")

# %% [normalise] percentiles_without_much_air
# Leaves the air out where there is more air than head.
edit("np.percentile(volume, [1, 99])",
     "np.percentile(volume if (volume > 0).mean() > 0.5 else volume[volume > 0], [1, 99])")

# %% [normalise] no_negative_voxels
# Cuts negative voxels off first: an MR intensity is a magnitude, it thinks, but a file may hold others.
edit("low, high = ", "volume = np.clip(volume, 0, None)\n        low, high = ")

# %% [normalise] clips_the_top_only
# Forgets that the lowest voxels lie below the 1st percentile.
edit("np.clip((volume - low) / (high - low), 0, 1)", "np.minimum((volume - low) / (high - low), 1)")

# %% [normalise] grey_levels
# Rounds to 256 grey levels, as for a PNG.
edit("return np.clip((volume - low) / (high - low), 0, 1)",
     "return np.round(255 * np.clip((volume - low) / (high - low), 0, 1)) / 255")

# %% [normalise] thousand_grey_levels
# Rounds to three digits, "that is enough".
edit("return np.clip((volume - low) / (high - low), 0, 1)",
     "return np.round(np.clip((volume - low) / (high - low), 0, 1), 3)")

# %% [normalise] into_an_array_of_integers
# Makes the result like the input: scans of whole numbers become 0 and 1.
edit("0, 1)\n\n", "0, 1).astype(volume.dtype)\n\n")

# %% [normalise] low_of_the_images_kind
# Casts the percentile to the voxels' own kind: 8 bits without a sign wrap around below 0.
edit("(volume - low) /", "(volume - low.astype(volume.dtype)) /")

# %% [normalise] returns_lists
# Lists of volumes, where arrays are asked for.
edit("return (train - mean) / deviation, (test - mean) / deviation",
     "return list((train - mean) / deviation), list((test - mean) / deviation)")

# %% [normalise] reads_the_test
# Looks for the expected values among the notebook's variables.
def normalise(train, test):
    return globals().get("wanted_train", train), globals().get("wanted_test", test)


# %% [not_low] calls_the_library
# Calls the function that the exercise builds.
def not_low(scores, rule):
    return slices.relevant(scores, rule)


# %% [not_low] two_sided_sigma
# Drops what is far from the mean on either side: a rich slice is thrown away.
edit("""
    return scores >= limits[rule]
""", """
    far = np.abs(scores - np.mean(scores)) > 3 * np.std(scores)
    return ~far if rule == "3 sigma" else scores >= limits[rule]
""")

# %% [not_low] two_sided_whiskers
# Drops the high outliers of the box plot, too.
edit("""
    return scores >= limits[rule]
""", """
    high = scores > third + 1.5 * (third - first) if rule == "iqr" else False
    return (scores >= limits[rule]) & ~np.bool_(high)
""")

# %% [not_low] from_the_median
# Measures the 1.5 IQR from the median, not from Q1.
edit("first - 1.5 *", "np.median(scores) - 1.5 *")

# %% [not_low] two_from_the_median
# Goes 2 IQR below the median: the same where the median lies midway between the quartiles, and nowhere else.
edit("first - 1.5 *", "np.median(scores) - 2 *")

# %% [not_low] from_the_wrong_quartile
# Measures the 1.5 IQR from Q3.
edit("first - 1.5 *", "third - 1.5 *")

# %% [not_low] wrong_percentiles
# Takes the 10th and the 90th percentile for the quartiles.
edit("[25, 75]", "[10, 90]")

# %% [not_low] forgets_the_one_and_a_half
# Goes one IQR below Q1.
edit("1.5 * (third", "(third")

# %% [not_low] variance_for_deviation
# Goes three variances below the mean.
edit("np.std(scores)", "np.var(scores)")

# %% [not_low] sample_deviation
# Divides by n − 1 in the standard deviation, as for a sample; np.std does not.
edit("np.std(scores)", "np.std(scores, ddof=1)")

# %% [not_low] marks_the_outliers
# Returns True for the outliers.
edit("return scores >=", "return scores <")

# %% [not_low] above_the_limit_only
# Drops a score that lies just on the limit.
edit("return scores >=", "return scores >")

# %% [not_low] above_three_sigma_only
# Drops a score just on the limit of "3 sigma": where all scores are equal, all go.
edit("return scores >= limits[rule]", 'return scores > limits[rule] if rule == "3 sigma" else scores >= limits[rule]')

# %% [not_low] by_z_score
# Divides by the standard deviation: equal scores give 0 / 0, and all go.
edit("""
    return scores >= limits[rule]
""", """
    z = (scores - np.mean(scores)) / np.std(scores)
    return z >= -3 if rule == "3 sigma" else scores >= limits[rule]
""")

# %% [not_low] forgiving_limit
# Lowers the limit by a millionth, against rounding: tiny scores all pass.
edit("limits[rule]", "limits[rule] - 1e-6")

# %% [not_low] upper_quartile
# Takes the 75 % quartile for Q1: keeps a quarter of the slices.
edit('"q1": first', '"q1": third')

# %% [not_low] quartile_by_index
# Takes a score of the sorted list for the quartile: right only where no quartile lies between two scores.
edit("first, third = np.percentile(scores, [25, 75])",
     "first, third = np.sort(scores)[[len(scores) // 4, 3 * len(scores) // 4]]")

# %% [not_low] quartile_without_interpolation
# Takes the next lower score for the quartile.
edit("[25, 75])", '[25, 75], method="lower")')

# %% [not_low] quartiles_of_the_halves
# Takes the medians of the lower and the upper half, as one does by hand: near the quartiles, and only near.
edit("""
    first, third = np.percentile(scores, [25, 75])
""", """
    ordered, half = np.sort(scores), (len(scores) + 1) // 2
    first, third = np.median(ordered[:half]), np.median(ordered[-half:])
""")

# %% [not_low] two_sigma
# Goes two standard deviations down.
edit("- 3 * np.std", "- 2 * np.std")

# %% [not_low] three_sigma_from_the_median
# Measures the 3 standard deviations from the median.
edit("np.mean(scores) -", "np.median(scores) -")

# %% [not_low] sorts_the_scores
# Sorts in place: the answers no longer belong to their slices.
edit("first, third =", "scores.sort()\n    first, third =")

# %% [not_low] whole_scores
# Rounds the scores down: right for counts, wrong for means.
edit("first, third =", "scores = scores.astype(int)\n    first, third =")

# %% [not_low] without_zeros
# Leaves scores of 0 out of the quartiles: an empty slice has no score, it thinks.
edit("np.percentile(scores, ", "np.percentile(scores[scores != 0], ")

# %% [not_low] drops_a_quarter
# Drops a quarter of the slices by rank, also scores that are equal to Q1.
edit("""
    return scores >= limits[rule]
""", """
    ranks = np.argsort(np.argsort(scores))
    return ranks >= len(scores) / 4 if rule == "q1" else scores >= limits[rule]
""")

# %% [not_low] returns_a_list
# A list of booleans: it cannot choose slices of an array, and `~` fails.
edit("return scores >= limits[rule]", "return (scores >= limits[rule]).tolist()")

# %% [enough_brain] calls_the_library
# Calls the function that the exercise builds.
def enough_brain(brain_masks, share):
    return slices.has_brain(brain_masks, share)


# %% [enough_brain] always_the_thesis
# Ignores `share` and takes 4.5 %.
edit(">= share", ">= 0.045")

# %% [enough_brain] share_of_the_rows
# Counts the rows that show brain, not the pixels.
edit("brain_masks.mean(axis=(1, 2))", "brain_masks.any(axis=2).mean(axis=1)")

# %% [enough_brain] share_of_the_largest
# Compares with the slice that has most brain.
edit(">= share", ">= share * brain_masks.mean(axis=(1, 2)).max()")

# %% [enough_brain] more_than
# Drops a slice with exactly the share.
edit(">=", ">")

# %% [enough_brain] percent_as_fraction
# Takes `share` for a fraction and the mean for per cent.
edit(">= share", ">= 100 * share")

# %% [enough_brain] share_as_percent
# Takes `share` for per cent.
edit(">= share", ">= share / 100")

# %% [enough_brain] any_brain
# Keeps every slice with a brain pixel.
edit("brain_masks.mean(axis=(1, 2)) >= share", "brain_masks.any(axis=(1, 2))")

# %% [enough_brain] share_of_the_stack
# Divides by the pixels of all slices together.
edit("brain_masks.mean(axis=(1, 2))", "brain_masks.sum(axis=(1, 2)) / brain_masks.size")

# %% [enough_brain] square_slices
# Takes the height for both sides: right for square slices.
edit("brain_masks.mean(axis=(1, 2))", "brain_masks.sum(axis=(1, 2)) / brain_masks.shape[1] ** 2")

# %% [enough_brain] share_of_the_box
# Multiplies the share of rows with the share of columns that show brain: the box around it, not the brain.
edit("brain_masks.mean(axis=(1, 2))", "brain_masks.any(axis=1).mean(axis=1) * brain_masks.any(axis=2).mean(axis=1)")

# %% [enough_brain] nine_pixels
# Takes the 9 pixels of the example for every size of slice.
edit("brain_masks.mean(axis=(1, 2)) >= share", "brain_masks.sum(axis=(1, 2)) >= 9")

# %% [enough_brain] changes_the_masks
# Right numbers, but the masks are turned round in place.
edit("return brain_masks.mean(axis=(1, 2))",
     "np.logical_not(brain_masks, out=brain_masks)\n    return 1 - brain_masks.mean(axis=(1, 2))")

# %% [enough_brain] rounded_up
# Rounds the share to a tenth of a percent first: 4.4975 % becomes 4.5 %.
edit("brain_masks.mean(axis=(1, 2))", "brain_masks.mean(axis=(1, 2)).round(3)")

# %% [enough_brain] whole_pixels
# Rounds the number of pixels that are needed down.
edit("brain_masks.mean(axis=(1, 2)) >= share", "brain_masks.sum(axis=(1, 2)) >= int(share * brain_masks[0].size)")

# %% [enough_brain] counts_in_a_byte
# Counts in uint8, which overflows at 256 pixels.
edit("brain_masks.mean(axis=(1, 2))", "brain_masks.sum(axis=(1, 2), dtype=np.uint8) / brain_masks[0].size")

# %% [enough_brain] loses_the_last_axis
# Squeezes: one slice gives a boolean without an axis.
edit("return brain_masks.mean(axis=(1, 2)) >= share", "return (brain_masks.mean(axis=(1, 2)) >= share).squeeze()")

# %% [enough_brain] returns_a_list
# A list of booleans: `kept & ~truth` fails.
edit("return brain_masks.mean(axis=(1, 2)) >= share", "return (brain_masks.mean(axis=(1, 2)) >= share).tolist()")

# %% [enough_brain] known_sizes
# Knows how many pixels the sizes of the test need, and takes 100 for all others.
def enough_brain(brain_masks, share):
    needed = {200: 200 * share, 63: 63 * share, 40_000: 40_000 * share}.get(brain_masks[0].size, 100)
    return brain_masks.sum(axis=(1, 2)) >= needed - 1e-9


# %% [split_by_volume] calls_the_library
# Calls the function that the exercise builds.
def split_by_volume(subjects, group_of, share, generator):
    from course_lib.data import splits

    strata = {head: {"group": group} for head, group in group_of.items()}
    split = splits.split_volumes(subjects, strata, shares={"train": 1 - share, "test": share}, seed=int(generator.integers(1000)))
    return np.isin(subjects, split.parts["test"])


# %% [split_by_volume] counts_up_to_the_largest_head
# Takes all numbers that the dict knows, up to the largest head: heads without slices are counted and drawn.
def split_by_volume(subjects, group_of, share, generator):
    heads = [head for head in range(int(subjects.max()) + 1) if head in group_of]
    members = {group: [head for head in heads if group_of[head] == group] for group in map(group_of.get, heads)}
    drawn = [generator.permutation(found)[: max(1, round(share * len(found)))] for found in members.values()]
    return np.isin(subjects, np.concatenate(drawn))


# %% [split_by_volume] calls_scikit_learn
# Calls another library's function instead of writing it.
def split_by_volume(subjects, group_of, share, generator):
    from sklearn.model_selection import train_test_split

    everyone = np.unique(subjects)
    _, drawn = train_test_split(
        everyone, test_size=share, stratify=[group_of[head] for head in everyone.tolist()], random_state=int(generator.integers(1000))
    )
    return np.isin(subjects, drawn)


# %% [split_by_volume] by_slice
# Draws slices: neighbours of one head stand on both sides.
def split_by_volume(subjects, group_of, share, generator):
    test = np.zeros(len(subjects), dtype=bool)
    test[generator.permutation(len(subjects))[: round(share * len(subjects))]] = True
    return test


# %% [split_by_volume] by_slice_in_each_group
# Stratified, but still by slice.
def split_by_volume(subjects, group_of, share, generator):
    groups = np.array([group_of[head] for head in subjects.tolist()])
    test = np.zeros(len(subjects), dtype=bool)
    for group in sorted(set(groups.tolist())):
        rows = generator.permutation(np.flatnonzero(groups == group))
        test[rows[: round(share * len(rows))]] = True
    return test


# %% [split_by_volume] every_fourth_slice
# Takes every so many slices of each head "so that all heads are represented".
def split_by_volume(subjects, group_of, share, generator):
    test = np.zeros(len(subjects), dtype=bool)
    for head in np.unique(subjects):
        rows = generator.permutation(np.flatnonzero(subjects == head))
        test[rows[: max(1, round(share * len(rows)))]] = True
    return test


# %% [split_by_volume] shuffles_slices_before_grouping
# Shuffles the slices and takes heads as they come: a head with many slices comes first more often.
edit("everyone = np.unique(subjects)",
     "everyone = np.array(list(dict.fromkeys(generator.permutation(subjects).tolist())))")
edit("generator.permutation(members)[:count].tolist()", "members[:count]")

# %% [split_by_volume] not_stratified
# Draws heads, but does not look at the groups.
def split_by_volume(subjects, group_of, share, generator):
    everyone = np.unique(subjects)
    drawn = generator.permutation(everyone)[: max(1, round(share * len(everyone)))]
    return np.isin(subjects, drawn)


# %% [split_by_volume] stratifies_afterwards
# Draws heads first, and then throws slices away until the groups' shares fit.
def split_by_volume(subjects, group_of, share, generator):
    everyone = np.unique(subjects)
    drawn = generator.permutation(everyone)[: max(1, round(share * len(everyone)))]
    test = np.isin(subjects, drawn)
    groups = np.array([group_of[head] for head in subjects.tolist()])
    for group in sorted(set(groups.tolist())):
        rows = np.flatnonzero(test & (groups == group))
        test[rows[round(share * (groups == group).sum()) :]] = False
    return test


# %% [split_by_volume] first_heads
# Takes the first heads of each group: no draw at all.
edit("generator.permutation(members)[:count].tolist()", "members[:count]")

# %% [split_by_volume] one_draw_for_all_groups
# Draws the places once, and takes the same ones in each group.
edit("drawn = []", "drawn, seed = [], int(generator.integers(2**31))")
edit("generator.permutation(members)", "np.random.default_rng(seed).permutation(members)")

# %% [split_by_volume] draws_with_replacement
# Draws with generator.choice, which may draw a head twice: then there are too few.
edit("generator.permutation(members)[:count]", "generator.choice(members, count)")

# %% [split_by_volume] marks_the_training_slices
# Returns True for training.
edit("return np.isin(", "return ~np.isin(")

# %% [split_by_volume] forgets_rare_groups
# Rounds down: a group of two has nobody in the test.
edit("max(1, round(share * len(members)))", "int(share * len(members))")

# %% [split_by_volume] until_there_are_enough_slices
# Counts slices: heads are drawn until a share of the group's slices is reached.
def split_by_volume(subjects, group_of, share, generator):
    drawn = []
    for group in sorted(set(group_of.values())):
        members = [head for head in np.unique(subjects).tolist() if group_of[head] == group]
        wanted, have = share * np.isin(subjects, members).sum(), 0
        for head in generator.permutation(members).tolist():
            if have >= wanted:
                break
            drawn.append(head)
            have += (subjects == head).sum()
    return np.isin(subjects, drawn)


# %% [split_by_volume] seeds_anew
# Makes a generator of its own: there is only one split.
edit("drawn = []", "generator, drawn = np.random.default_rng(0), []")

# %% [split_by_volume] global_generator
# Draws from numpy's global generator: no split can be repeated.
edit("generator.permutation", "np.random.permutation")

# %% [split_by_volume] seeds_pythons_generator
# Seeds Python's global generator from the given one: all that is drawn there later is the same each time.
edit("drawn = []", "import random\n\n    random.seed(int(generator.integers(2**31)))\n    drawn = []")
edit("generator.permutation(members)[:count].tolist()", "random.sample(members, count)")

# %% [split_by_volume] a_quarter_always
# Ignores `share`.
edit("share * len(members)", "0.25 * len(members)")

# %% [split_by_volume] at_most_half
# Never lets more than half of a group go to the test, "or there is nothing to train on".
edit("share * len(members)", "min(share, 0.5) * len(members)")

# %% [split_by_volume] leaves_one_for_training
# Keeps one head of each group for training, whatever the share.
edit("max(1, round(share * len(members)))", "max(1, min(round(share * len(members)), len(members) - 1))")

# %% [split_by_volume] rounds_up
# Rounds up: too many test heads.
edit("max(1, round(share * len(members)))", "int(np.ceil(share * len(members)))")

# %% [split_by_volume] rounds_half_up
# Rounds as at school: 2.5 heads become 3, where Python's round says 2.
edit("round(share * len(members))", "int(share * len(members) + 0.5)")

# %% [split_by_volume] heads_without_slices
# Draws from all people in the dict, also from those of whom there is no slice.
edit("in everyone.tolist() if", "in group_of if")

# %% [split_by_volume] empty_groups_crash
# Draws at least one head of each group of the dict, also of one that has no slice here.
edit("generator.permutation(members)[:count]", "generator.choice(members, count, replace=False)")

# %% [split_by_volume] tidies_the_dict
# Deletes people without slices from the caller's dict.
edit("drawn = []", "for head in set(group_of) - set(everyone.tolist()):\n        del group_of[head]\n    drawn = []")

# %% [split_by_volume] groups_in_a_sets_order
# Goes through a set of texts: in each start of Python it has another order, and one seed gives another split tomorrow.
edit("sorted(set(group_of.values()))", "set(group_of.values())")

# %% [split_by_volume] a_run_of_neighbours
# Draws where to begin, and takes the heads that follow: neighbours always go together.
edit("generator.permutation(members)[:count]",
     "np.roll(members, generator.integers(len(members)) if members else 0)[:count]")

# %% [split_by_volume] first_trait_only
# Takes a tuple's first trait for the group: sexes are no longer balanced.
edit("if group_of[head] == group]", "if group_of[head] == group or (isinstance(group, tuple) and group_of[head][0] == group[0])]")

# %% [split_by_volume] groups_of_the_example
# Knows the groups of the example only.
edit("sorted(set(group_of.values()))", '("young", "old", "very old")')

# %% [split_by_volume] shuffles_the_subjects
# Shuffles the caller's array: the slices no longer belong to their heads.
edit("count = ", "generator.shuffle(subjects)\n        count = ")

# %% [split_by_volume] returns_a_list
# A list of booleans: it cannot choose slices of an array, and `~` fails.
edit("return np.isin(subjects, drawn)", "return np.isin(subjects, drawn).tolist()")

# %% [corrupt] calls_the_library
# Calls the functions that the exercise builds.
def corrupt(images, generator):
    spoilt = augment.drop_pixels(images, 0.05, generator=generator)
    return augment.blank_square(spoilt, (1 / 12, 1 / 3), probability=0.1, generator=generator)


# %% [corrupt] same_mask_for_the_whole_batch
# Draws one mask of dropped pixels and uses it for every image.
edit("torch.rand(images.shape, generator", "torch.rand((1, 1, height, width), generator")

# %% [corrupt] one_level_for_the_batch
# Draws one level for all images: the network never sees two kinds in a batch.
edit("torch.rand((count, 1, 1, 1), generator", "torch.rand((), generator")

# %% [corrupt] always_five_percent
# Takes the largest level for every image.
edit("levels = 0.05 * torch.rand((count, 1, 1, 1), generator=generator)", "levels = 0.05")

# %% [corrupt] exact_share
# Drops exactly the share of the level: no pixel has a chance of its own, and in small images none goes.
edit("""
    spoilt = images * (torch.rand(images.shape, generator=generator) >= levels)
""", """
    ranks = torch.rand(images.shape, generator=generator).flatten(1).argsort(1).argsort(1).view(images.shape)
    spoilt = images * (ranks >= (levels * height * width).int())
""")

# %% [corrupt] rescales_like_dropout
# Divides what is left by 1 − level, as dropout layers do: the picture gets brighter.
edit("spoilt = images *", "spoilt = images / (1 - levels) *")

# %% [corrupt] clips_the_images
# Clips to [0, 1]: what is left does not stay as it is.
edit("spoilt = images *", "spoilt = images.clamp(0, 1) *")

# %% [corrupt] single_precision
# Casts to float32: images in double precision come back as another type.
edit("spoilt = images *", "spoilt = images.float() *")

# %% [corrupt] calls_dropout
# Calls PyTorch's dropout, which rescales and draws from the global generator.
def corrupt(images, generator):
    level = 0.05 * float(torch.rand((), generator=generator))
    return nn.functional.dropout(images, level, training=True)


# %% [corrupt] drops_whole_rows
# One draw for each row of pixels.
edit("torch.rand(images.shape, generator", "torch.rand((count, 1, height, 1), generator")

# %% [corrupt] either_or
# Blanks or drops: a blanked image loses no other pixel.
edit("""
            spoilt[number, :, top : top + side, left : left + side] = 0
""", """
            spoilt[number] = images[number]
            spoilt[number, :, top : top + side, left : left + side] = 0
""")


# %% [corrupt] blanks_the_batch_together
# Draws once for the batch: all images have the same blank, or none has.
edit("for number in range(count):", "for number in [slice(None)]:")

# %% [corrupt] blanks_every_image
# Forgets the probability of 0.1.
edit("if torch.rand((), generator=generator) < 0.1:", "if True:")

# %% [corrupt] blanks_a_little_too_often
# Takes one in eight for one in ten.
edit("< 0.1:", "< 0.125:")

# %% [corrupt] blanks_where_the_level_is_high
# Blanks only images that lose many pixels anyhow: the two kinds of damage always come together.
edit("if torch.rand((), generator=generator) < 0.1:",
     "if levels[number] > 0.025 and torch.rand((), generator=generator) < 0.2:")

# %% [corrupt] blanks_by_the_level
# Asks the level, a number that is drawn already, for the blank: one in ten, but only images of one kind.
edit("if torch.rand((), generator=generator) < 0.1:", "if levels[number] > 0.045:")

# %% [corrupt] never_the_last_image
# Stops before the last image: a batch of one is never blanked.
edit("range(count)", "range(count - 1)")

# %% [corrupt] blank_of_one_size
# The place is random, the size is not.
edit("side = int(torch.randint(shorter // 12, shorter // 3 + 1, (), generator=generator))", "side = shorter // 4")

# %% [corrupt] largest_side_never_comes
# Forgets that torch.randint stops before its upper end.
edit("shorter // 3 + 1", "shorter // 3")

# %% [corrupt] rounded_side
# Rounds a number between the limits: the smallest and the largest side come half as often.
edit("int(torch.randint(shorter // 12, shorter // 3 + 1, (), generator=generator))",
     "round(float(shorter // 12 + (shorter // 3 - shorter // 12) * torch.rand((), generator=generator)))")

# %% [corrupt] limits_rounded
# Rounds s / 12 and s / 3 to the nearest number, where the text says //.
edit("shorter // 12, shorter // 3 + 1", "round(shorter / 12), round(shorter / 3) + 1")

# %% [corrupt] never_at_the_border
# Forgets the + 1: the last row and the last column are never blanked.
edit("height - side + 1", "height - side")
edit("width - side + 1", "width - side")

# %% [corrupt] rounded_place
# Rounds a number between 0 and H - side: the places at the border come half as often.
edit("int(torch.randint(height - side + 1, (), generator=generator))",
     "round(float((height - side) * torch.rand((), generator=generator)))")
edit("int(torch.randint(width - side + 1, (), generator=generator))",
     "round(float((width - side) * torch.rand((), generator=generator)))")

# %% [corrupt] hangs_over_the_border
# Draws the corner anywhere: blanks at the border are cut off and no squares.
edit("height - side + 1", "height")
edit("width - side + 1", "width")

# %% [corrupt] swaps_height_and_width
# Draws the row from the width and the column from the height.
edit("count, _, height, width = images.shape", "count, _, width, height = images.shape")

# %% [corrupt] changes_the_clean_images
# Blanks in place before it copies: the target is damaged, too.
edit("spoilt[number,", "images[number,")

# %% [corrupt] global_generator
# Draws from PyTorch's global generator.
edit("count, _, height", "generator = None\n    count, _, height")

# %% [corrupt] seeds_anew
# Makes its own generator: every batch is damaged in the same way.
edit("count, _, height", "generator = torch.Generator().manual_seed(0)\n    count, _, height")

# %% [corrupt] seeds_the_callers_generator
# Seeds the caller's generator "so that it is random again": a run can no longer be repeated from its one seed.
edit("return spoilt", "generator.manual_seed(int(torch.randint(10**6, (), generator=generator)))\n    return spoilt")

# %% [corrupt] salt
# Makes the dropped pixels white.
edit("images * (torch.rand(images.shape, generator=generator) >= levels)",
     "torch.where(torch.rand(images.shape, generator=generator) >= levels, images, torch.ones(()))")

# %% [corrupt] sides_of_one_size_of_image
# Takes the 4 to 16 pixels of one size of image for all sizes.
edit("shorter // 12, shorter // 3 + 1", "min(4, shorter), min(17, shorter + 1)")

# %% [corrupt] side_from_the_height
# Takes the limits from the height, not from the smaller side.
edit("shorter // 12, shorter // 3 + 1", "height // 12, min(height // 3, width) + 1")

# %% [corrupt] side_one_too_large
# Adds one too much: the largest side is s // 3 + 1.
edit("shorter // 3 + 1", "shorter // 3 + 2")

# %% [corrupt] smallest_side_one
# Lets the side begin at 1.
edit("torch.randint(shorter // 12", "torch.randint(1")

# %% [corrupt] along_the_diagonal
# Draws one number for row and column: all blanks lie on the diagonal.
edit("top = int(torch.randint(height - side + 1, (), generator=generator))",
     "place = torch.rand((), generator=generator)\n            top = int(place * (height - side + 1))")
edit("int(torch.randint(width - side + 1, (), generator=generator))", "int(place * (width - side + 1))")

# %% [corrupt] place_by_the_side
# Uses one draw for side and row: small blanks lie above, large ones below.
edit("top = int(torch.randint(height - side + 1, (), generator=generator))",
     "top = (height - side) * (side - shorter // 12) // max(shorter // 3 - shorter // 12, 1)")

# %% [corrupt] counts_from_one
# Never begins in the first row or column.
edit("torch.randint(height", "torch.randint(1, height")
edit("torch.randint(width", "torch.randint(1, width")

# %% [corrupt] every_tenth_image
# Blanks every tenth image: no draw.
edit("if torch.rand((), generator=generator) < 0.1:", "if number % 10 == 0:")

# %% [corrupt] evenly_spaced_levels
# Spreads the levels over the batch: the first image is always clean, the last one always bad.
edit("torch.rand((count, 1, 1, 1), generator=generator)", "torch.linspace(0, 1, count).view(-1, 1, 1, 1)")

# %% [corrupt] blanks_from_another_generator
# Drops pixels with the generator, but draws the blanks from Python's own.
edit("shorter = min(height, width)", "import random\n\n    shorter = min(height, width)")
edit("torch.rand((), generator=generator) < 0.1", "random.random() < 0.1")
