# Named wrong answers of lab 03: each is a real misconception and loses just its exercise. See CONTRIBUTING.md.

# %% [to_ras] calls_the_library
# Writes a file and lets the library's reader turn it.
def to_ras(volume, affine):
    import tempfile

    from course_lib.data import volumes

    with tempfile.TemporaryDirectory() as folder:
        nibabel.save(nibabel.Nifti1Image(volume, affine), f"{folder}/head.nii.gz")
        scan = volumes.read_volume(f"{folder}/head.nii.gz")
    return scan.data, scan.voxel_size


# %% [to_ras] calls_nibabel
# Calls another library's function instead of writing it.
def to_ras(volume, affine):
    image = nibabel.as_closest_canonical(nibabel.Nifti1Image(volume, affine))
    return image.get_fdata(), nibabel.affines.voxel_sizes(image.affine)


# %% [to_ras] forgets_to_flip
# Puts the axes into order, but not their direction: left is right in half of the files.
def to_ras(volume, affine):
    steps = affine[:3, :3]
    order = np.argsort(np.abs(steps).argmax(axis=0))
    return volume.transpose(order), np.linalg.norm(steps, axis=0)[order]


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
def to_ras(volume, affine):
    steps = affine[:3, :3]
    order = np.argsort(np.abs(steps).argmax(axis=0))
    for axis, source in enumerate(order):
        if steps[axis, source] < 0:
            volume = np.flip(volume, source)
    return volume.transpose(order), np.abs(np.diag(steps))


# %% [to_ras] sizes_in_the_old_order
# Forgets to reorder the voxel sizes together with the axes.
def to_ras(volume, affine):
    steps = affine[:3, :3]
    order = np.argsort(np.abs(steps).argmax(axis=0))
    turned = volume.transpose(order)
    for axis, source in enumerate(order):
        if steps[axis, source] < 0:
            turned = np.flip(turned, axis)
    return turned, np.linalg.norm(steps, axis=0)


# %% [to_ras] sizes_from_the_largest_entry
# Takes a column's largest entry for its length: too small as soon as the head is tilted.
def to_ras(volume, affine):
    steps = affine[:3, :3]
    order = np.argsort(np.abs(steps).argmax(axis=0))
    turned = volume.transpose(order)
    for axis, source in enumerate(order):
        if steps[axis, source] < 0:
            turned = np.flip(turned, axis)
    return turned, np.abs(steps).max(axis=0)[order]


# %% [to_ras] sizes_from_the_rows
# Takes the length of the rows: those mix the three axes.
def to_ras(volume, affine):
    steps = affine[:3, :3]
    order = np.argsort(np.abs(steps).argmax(axis=0))
    turned = volume.transpose(order)
    for axis, source in enumerate(order):
        if steps[axis, source] < 0:
            turned = np.flip(turned, axis)
    return turned, np.linalg.norm(steps, axis=1)


# %% [to_ras] inverse_permutation
# Transposes by the inverse permutation: right for all swaps, wrong for cycles such as the example.
def to_ras(volume, affine):
    steps = affine[:3, :3]
    follows = np.abs(steps).argmax(axis=0)
    order = np.argsort(follows)
    turned = volume.transpose(follows)
    for axis, source in enumerate(order):
        if steps[axis, source] < 0:
            turned = np.flip(turned, axis)
    return turned, np.linalg.norm(steps, axis=0)[order]


# %% [to_ras] rows_instead_of_columns
# Asks each row for its largest entry: a thick, tilted slice wins a row that is not its own.
def to_ras(volume, affine):
    steps = affine[:3, :3]
    order = np.abs(steps).argmax(axis=1)
    if sorted(order) != [0, 1, 2]:
        order = np.arange(3)
    turned = volume.transpose(order)
    for axis, source in enumerate(order):
        if steps[axis, source] < 0:
            turned = np.flip(turned, axis)
    return turned, np.linalg.norm(steps, axis=0)[order]


# %% [to_ras] flips_old_axes_after_turning
# Flips by the number of the old axis in an array that is turned already.
def to_ras(volume, affine):
    steps = affine[:3, :3]
    order = np.argsort(np.abs(steps).argmax(axis=0))
    turned = volume.transpose(order)
    for axis, source in enumerate(order):
        if steps[axis, source] < 0:
            turned = np.flip(turned, source)
    return turned, np.linalg.norm(steps, axis=0)[order]


# %% [to_ras] to_lps
# Turns to LPS, the axes of DICOM: x and y run the other way.
def to_ras(volume, affine):
    steps = np.diag([-1, -1, 1]) @ affine[:3, :3]
    order = np.argsort(np.abs(steps).argmax(axis=0))
    turned = volume.transpose(order)
    for axis, source in enumerate(order):
        if steps[axis, source] < 0:
            turned = np.flip(turned, axis)
    return turned, np.linalg.norm(steps, axis=0)[order]


# %% [to_ras] sign_of_the_diagonal
# Looks for the sign on the diagonal, where a turned axis does not stand.
def to_ras(volume, affine):
    steps = affine[:3, :3]
    order = np.argsort(np.abs(steps).argmax(axis=0))
    turned = volume.transpose(order)
    for axis in range(3):
        if steps[axis, axis] < 0:
            turned = np.flip(turned, axis)
    return turned, np.linalg.norm(steps, axis=0)[order]


# %% [to_ras] only_straight_heads
# Expects entries that are exactly 0: a tilted head is left as it was.
def to_ras(volume, affine):
    steps = affine[:3, :3]
    if np.count_nonzero(steps) > 3:
        return volume, np.linalg.norm(steps, axis=0)
    order = np.argsort(np.abs(steps).argmax(axis=0))
    turned = volume.transpose(order)
    for axis, source in enumerate(order):
        if steps[axis, source] < 0:
            turned = np.flip(turned, axis)
    return turned, np.linalg.norm(steps, axis=0)[order]


# %% [to_ras] sign_of_the_column_sum
# Takes the sign of a column's sum for its direction: wrong as soon as the head is tilted enough.
def to_ras(volume, affine):
    steps = affine[:3, :3]
    order = np.argsort(np.abs(steps).argmax(axis=0))
    turned = volume.transpose(order)
    for axis, source in enumerate(order):
        if steps[:, source].sum() < 0:
            turned = np.flip(turned, axis)
    return turned, np.linalg.norm(steps, axis=0)[order]


# %% [to_ras] turns_the_affine_in_place
# Right numbers, but the caller's affine is changed: the next reader gets a wrong one.
def to_ras(volume, affine):
    steps = affine[:3, :3]  # a view
    order = np.argsort(np.abs(steps).argmax(axis=0))
    turned = volume.transpose(order)
    for axis, source in enumerate(order):
        if steps[axis, source] < 0:
            turned = np.flip(turned, axis)
            steps[:, source] *= -1
    return turned, np.linalg.norm(steps, axis=0)[order]


# %% [to_ras] reads_the_test
# Looks for the expected head among the notebook's variables.
def to_ras(volume, affine):
    if "head" in globals():
        return globals()["head"], globals()["size"]
    return volume.transpose(2, 0, 1)[::-1], [2, 3, 1]


# %% [normalise] calls_the_library
# Calls the functions that the exercise builds.
def normalise(train, test):
    train, test = (np.stack([intensity.unit_range(volume, low=1, high=99) for volume in part]) for part in (train, test))
    return (train - train.mean()) / train.std(), (test - train.mean()) / train.std()


# %% [normalise] test_by_its_own_statistics
# Scales the test set by its own mean and deviation.
def normalise(train, test):
    def scaled(volumes):
        parts = []
        for volume in volumes:
            low, high = np.percentile(volume, [1, 99])
            parts.append(np.clip((volume - low) / (high - low), 0, 1))
        parts = np.stack(parts)
        return (parts - parts.mean()) / parts.std()

    return scaled(train), scaled(test)


# %% [normalise] statistics_of_all_data
# Takes mean and deviation over training and test volumes together: the usual leak.
def normalise(train, test):
    both = np.concatenate([train, test])
    low, high = (np.percentile(both, q, axis=(1, 2, 3), keepdims=True) for q in (1, 99))
    both = np.clip((both - low) / (high - low), 0, 1)
    both = (both - both.mean()) / both.std()
    return both[: len(train)], both[len(train) :]


# %% [normalise] maximum_instead_of_percentile
# Scales by minimum and maximum: one shining voxel presses all others towards 0.
def normalise(train, test):
    def unit(volumes):
        low, high = (f(axis=(1, 2, 3), keepdims=True) for f in (volumes.min, volumes.max))
        return (volumes - low) / (high - low)

    train, test = unit(train), unit(test)
    return (train - train.mean()) / train.std(), (test - train.mean()) / train.std()


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


# %% [normalise] forgets_to_clip
# Leaves the shining voxels far above 1.
def normalise(train, test):
    def unit(volumes):
        low, high = (np.percentile(volumes, q, axis=(1, 2, 3), keepdims=True) for q in (1, 99))
        return (volumes - low) / (high - low)

    train, test = unit(train), unit(test)
    return (train - train.mean()) / train.std(), (test - train.mean()) / train.std()


# %% [normalise] each_volume_to_mean_zero
# Takes mean and deviation of each volume: not those of the training set.
def normalise(train, test):
    def scaled(volumes):
        low, high = (np.percentile(volumes, q, axis=(1, 2, 3), keepdims=True) for q in (1, 99))
        volumes = np.clip((volumes - low) / (high - low), 0, 1)
        mean, deviation = (f(axis=(1, 2, 3), keepdims=True) for f in (volumes.mean, volumes.std))
        return (volumes - mean) / deviation

    return scaled(train), scaled(test)


# %% [normalise] stops_after_the_first_step
# Scales to [0, 1] and forgets mean and deviation.
def normalise(train, test):
    def unit(volumes):
        low, high = (np.percentile(volumes, q, axis=(1, 2, 3), keepdims=True) for q in (1, 99))
        return np.clip((volumes - low) / (high - low), 0, 1)

    return unit(train), unit(test)


# %% [normalise] divides_by_the_variance
# Takes the variance for the standard deviation.
def normalise(train, test):
    def unit(volumes):
        low, high = (np.percentile(volumes, q, axis=(1, 2, 3), keepdims=True) for q in (1, 99))
        return np.clip((volumes - low) / (high - low), 0, 1)

    train, test = unit(train), unit(test)
    return (train - train.mean()) / train.var(), (test - train.mean()) / train.var()


# %% [normalise] fractions_for_percentages
# Hands 0.01 and 0.99 to np.percentile, which counts to 100.
def normalise(train, test):
    def unit(volumes):
        low, high = (np.percentile(volumes, q, axis=(1, 2, 3), keepdims=True) for q in (0.01, 0.99))
        return np.clip((volumes - low) / (high - low), 0, 1)

    train, test = unit(train), unit(test)
    return (train - train.mean()) / train.std(), (test - train.mean()) / train.std()


# %% [normalise] statistics_before_scaling
# Takes the mean and deviation of the raw training volumes: other units.
def normalise(train, test):
    def unit(volumes):
        low, high = (np.percentile(volumes, q, axis=(1, 2, 3), keepdims=True) for q in (1, 99))
        return np.clip((volumes - low) / (high - low), 0, 1)

    mean, deviation = train.mean(), train.std()
    return (unit(train) - mean) / deviation, (unit(test) - mean) / deviation


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
def normalise(train, test):
    def unit(volumes):
        low, high = (np.percentile(volumes, q, axis=(2, 3), keepdims=True) for q in (1, 99))
        return np.clip((volumes - low) / (high - low), 0, 1)

    train, test = unit(train), unit(test)
    return (train - train.mean()) / train.std(), (test - train.mean()) / train.std()


# %% [normalise] percentiles_without_air
# Takes the percentiles over the non-zero voxels only: another scale.
def normalise(train, test):
    def unit(volume):
        low, high = np.percentile(volume[volume > 0], [1, 99])
        return np.clip((volume - low) / (high - low), 0, 1)

    train, test = (np.stack([unit(volume) for volume in part]) for part in (train, test))
    return (train - train.mean()) / train.std(), (test - train.mean()) / train.std()


# %% [normalise] clips_the_top_only
# Forgets that the lowest voxels lie below the 1st percentile.
def normalise(train, test):
    def unit(volumes):
        low, high = (np.percentile(volumes, q, axis=(1, 2, 3), keepdims=True) for q in (1, 99))
        return np.minimum((volumes - low) / (high - low), 1)

    train, test = unit(train), unit(test)
    return (train - train.mean()) / train.std(), (test - train.mean()) / train.std()


# %% [normalise] grey_levels
# Rounds to 256 grey levels, as for a PNG.
def normalise(train, test):
    def unit(volumes):
        low, high = (np.percentile(volumes, q, axis=(1, 2, 3), keepdims=True) for q in (1, 99))
        return np.round(255 * np.clip((volumes - low) / (high - low), 0, 1)) / 255

    train, test = unit(train), unit(test)
    return (train - train.mean()) / train.std(), (test - train.mean()) / train.std()


# %% [normalise] into_an_array_of_integers
# Makes the result like the input: scans of whole numbers become 0 and 1.
def normalise(train, test):
    def unit(volumes):
        scaled = np.zeros_like(volumes)
        for number, volume in enumerate(volumes):
            low, high = np.percentile(volume, [1, 99])
            scaled[number] = np.clip((volume - low) / (high - low), 0, 1)
        return scaled

    train, test = unit(train), unit(test)
    return (train - train.mean()) / train.std(), (test - train.mean()) / train.std()


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
def not_low(scores, rule):
    first, third = np.percentile(scores, [25, 75])
    if rule == "3 sigma":
        return np.abs(scores - np.mean(scores)) <= 3 * np.std(scores)
    return scores >= (first - 1.5 * (third - first) if rule == "iqr" else first)


# %% [not_low] two_sided_whiskers
# Drops the high outliers of the box plot, too.
def not_low(scores, rule):
    first, third = np.percentile(scores, [25, 75])
    reach = 1.5 * (third - first)
    if rule == "iqr":
        return (scores >= first - reach) & (scores <= third + reach)
    return scores >= (np.mean(scores) - 3 * np.std(scores) if rule == "3 sigma" else first)


# %% [not_low] from_the_median
# Measures the 1.5 IQR from the median, not from Q1.
def not_low(scores, rule):
    first, middle, third = np.percentile(scores, [25, 50, 75])
    limits = {"3 sigma": np.mean(scores) - 3 * np.std(scores), "iqr": middle - 1.5 * (third - first), "q1": first}
    return scores >= limits[rule]


# %% [not_low] from_the_wrong_quartile
# Measures the 1.5 IQR from Q3.
def not_low(scores, rule):
    first, third = np.percentile(scores, [25, 75])
    limits = {"3 sigma": np.mean(scores) - 3 * np.std(scores), "iqr": third - 1.5 * (third - first), "q1": first}
    return scores >= limits[rule]


# %% [not_low] wrong_percentiles
# Takes the 10th and the 90th percentile for the quartiles.
def not_low(scores, rule):
    first, third = np.percentile(scores, [10, 90])
    limits = {"3 sigma": np.mean(scores) - 3 * np.std(scores), "iqr": first - 1.5 * (third - first), "q1": first}
    return scores >= limits[rule]


# %% [not_low] forgets_the_one_and_a_half
# Goes one IQR below Q1.
def not_low(scores, rule):
    first, third = np.percentile(scores, [25, 75])
    limits = {"3 sigma": np.mean(scores) - 3 * np.std(scores), "iqr": first - (third - first), "q1": first}
    return scores >= limits[rule]


# %% [not_low] variance_for_deviation
# Goes three variances below the mean.
def not_low(scores, rule):
    first, third = np.percentile(scores, [25, 75])
    limits = {"3 sigma": np.mean(scores) - 3 * np.var(scores), "iqr": first - 1.5 * (third - first), "q1": first}
    return scores >= limits[rule]


# %% [not_low] marks_the_outliers
# Returns True for the outliers.
def not_low(scores, rule):
    first, third = np.percentile(scores, [25, 75])
    limits = {"3 sigma": np.mean(scores) - 3 * np.std(scores), "iqr": first - 1.5 * (third - first), "q1": first}
    return scores < limits[rule]


# %% [not_low] above_the_limit_only
# Drops a score that lies just on the limit.
def not_low(scores, rule):
    first, third = np.percentile(scores, [25, 75])
    limits = {"3 sigma": np.mean(scores) - 3 * np.std(scores), "iqr": first - 1.5 * (third - first), "q1": first}
    return scores > limits[rule]


# %% [not_low] upper_quartile
# Takes the 75 % quartile for Q1: keeps a quarter of the slices.
def not_low(scores, rule):
    third, first = np.percentile(scores, [25, 75])
    limits = {"3 sigma": np.mean(scores) - 3 * np.std(scores), "iqr": first - 1.5 * (first - third), "q1": first}
    return scores >= limits[rule]


# %% [not_low] quartile_by_index
# Takes a score of the sorted list for the quartile: right only where no quartile lies between two scores.
def not_low(scores, rule):
    ordered = np.sort(scores)
    first, third = ordered[len(scores) // 4], ordered[3 * len(scores) // 4]
    limits = {"3 sigma": np.mean(scores) - 3 * np.std(scores), "iqr": first - 1.5 * (third - first), "q1": first}
    return scores >= limits[rule]


# %% [not_low] quartile_without_interpolation
# Takes the next lower score for the quartile.
def not_low(scores, rule):
    first, third = np.percentile(scores, [25, 75], method="lower")
    limits = {"3 sigma": np.mean(scores) - 3 * np.std(scores), "iqr": first - 1.5 * (third - first), "q1": first}
    return scores >= limits[rule]


# %% [not_low] two_sigma
# Goes two standard deviations down.
def not_low(scores, rule):
    first, third = np.percentile(scores, [25, 75])
    limits = {"3 sigma": np.mean(scores) - 2 * np.std(scores), "iqr": first - 1.5 * (third - first), "q1": first}
    return scores >= limits[rule]


# %% [not_low] three_sigma_from_the_median
# Measures the 3 standard deviations from the median.
def not_low(scores, rule):
    first, third = np.percentile(scores, [25, 75])
    limits = {"3 sigma": np.median(scores) - 3 * np.std(scores), "iqr": first - 1.5 * (third - first), "q1": first}
    return scores >= limits[rule]


# %% [not_low] sorts_the_scores
# Sorts in place: the answers no longer belong to their slices.
def not_low(scores, rule):
    scores.sort()
    first, third = np.percentile(scores, [25, 75])
    limits = {"3 sigma": np.mean(scores) - 3 * np.std(scores), "iqr": first - 1.5 * (third - first), "q1": first}
    return scores >= limits[rule]


# %% [not_low] whole_scores
# Rounds the scores down: right for counts, wrong for means.
def not_low(scores, rule):
    scores = scores.astype(int)
    first, third = np.percentile(scores, [25, 75])
    limits = {"3 sigma": np.mean(scores) - 3 * np.std(scores), "iqr": first - 1.5 * (third - first), "q1": first}
    return scores >= limits[rule]


# %% [not_low] drops_a_quarter
# Drops a quarter of the slices by rank, also scores that are equal to Q1.
def not_low(scores, rule):
    first, third = np.percentile(scores, [25, 75])
    if rule == "q1":
        return np.argsort(np.argsort(scores)) >= len(scores) / 4
    return scores >= {"3 sigma": np.mean(scores) - 3 * np.std(scores), "iqr": first - 1.5 * (third - first)}[rule]


# %% [enough_brain] calls_the_library
# Calls the function that the exercise builds.
def enough_brain(images, brain_masks):
    return slices.has_brain(brain_masks)


# %% [enough_brain] counts_bright_pixels
# Counts the non-zero pixels of the image, not those of the brain.
def enough_brain(images, brain_masks):
    return (images != 0).mean(axis=(1, 2)) >= 0.045


# %% [enough_brain] share_of_the_head
# Divides by the non-zero pixels: at the neck a little brain is much of little.
def enough_brain(images, brain_masks):
    head = np.maximum((images != 0).sum(axis=(1, 2)), 1)
    return brain_masks.sum(axis=(1, 2)) / head >= 0.045


# %% [enough_brain] share_of_the_largest
# Compares with the slice that has most brain.
def enough_brain(images, brain_masks):
    area = brain_masks.sum(axis=(1, 2))
    return area >= 0.045 * area.max()


# %% [enough_brain] more_than
# Drops a slice with exactly 4.5 %.
def enough_brain(images, brain_masks):
    return brain_masks.mean(axis=(1, 2)) > 0.045


# %% [enough_brain] percent_as_fraction
# Compares a share with 4.5, which no share reaches.
def enough_brain(images, brain_masks):
    return brain_masks.mean(axis=(1, 2)) >= 4.5


# %% [enough_brain] any_brain
# Keeps every slice with a brain pixel.
def enough_brain(images, brain_masks):
    return brain_masks.any(axis=(1, 2))


# %% [enough_brain] share_of_the_stack
# Divides by the pixels of all slices together.
def enough_brain(images, brain_masks):
    return brain_masks.sum(axis=(1, 2)) / brain_masks.size >= 0.045


# %% [enough_brain] nine_pixels
# Takes the 9 pixels of the example for every size of slice.
def enough_brain(images, brain_masks):
    return brain_masks.sum(axis=(1, 2)) >= 9


# %% [enough_brain] bright_brain_only
# Counts brain pixels that are not 0 in the image: dark brain is lost.
def enough_brain(images, brain_masks):
    return ((images != 0) & brain_masks).mean(axis=(1, 2)) >= 0.045


# %% [enough_brain] changes_the_masks
# Cuts the masks in place.
def enough_brain(images, brain_masks):
    brain_masks &= images > 0
    return brain_masks.mean(axis=(1, 2)) >= 0.045


# %% [enough_brain] rounded_up
# Rounds the share to a tenth of a percent first: 4.4975 % becomes 4.5 %.
def enough_brain(images, brain_masks):
    return np.round(100 * brain_masks.mean(axis=(1, 2)), 1) >= 4.5


# %% [enough_brain] counts_in_a_byte
# Counts in uint8, which overflows at 256 pixels.
def enough_brain(images, brain_masks):
    return brain_masks.sum(axis=(1, 2), dtype=np.uint8) / brain_masks[0].size >= 0.045


# %% [split_by_volume] calls_the_library
# Calls the function that the exercise builds.
def split_by_volume(subjects, group_of, share, generator):
    from course_lib.data import splits

    strata = {head: {"group": group} for head, group in group_of.items()}
    split = splits.split_volumes(subjects, strata, shares={"train": 1 - share, "test": share}, seed=int(generator.integers(1000)))
    return np.isin(subjects, split.parts["test"])


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
def split_by_volume(subjects, group_of, share, generator):
    drawn = []
    order = list(dict.fromkeys(generator.permutation(subjects).tolist()))
    for group in sorted(set(group_of.values())):
        members = [head for head in order if group_of[head] == group]
        drawn += members[: max(1, round(share * len(members)))]
    return np.isin(subjects, drawn)


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
def split_by_volume(subjects, group_of, share, generator):
    drawn = []
    for group in sorted(set(group_of.values())):
        members = [head for head in np.unique(subjects).tolist() if group_of[head] == group]
        drawn += members[: max(1, round(share * len(members)))]
    return np.isin(subjects, drawn)


# %% [split_by_volume] marks_the_training_slices
# Returns True for training.
def split_by_volume(subjects, group_of, share, generator):
    drawn = []
    for group in sorted(set(group_of.values())):
        members = [head for head in np.unique(subjects).tolist() if group_of[head] == group]
        drawn += generator.permutation(members)[: max(1, round(share * len(members)))].tolist()
    return ~np.isin(subjects, drawn)


# %% [split_by_volume] forgets_rare_groups
# Rounds down: a group of two has nobody in the test.
def split_by_volume(subjects, group_of, share, generator):
    drawn = []
    for group in sorted(set(group_of.values())):
        members = [head for head in np.unique(subjects).tolist() if group_of[head] == group]
        drawn += generator.permutation(members)[: int(share * len(members))].tolist()
    return np.isin(subjects, drawn)


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
def split_by_volume(subjects, group_of, share, generator):
    generator, drawn = np.random.default_rng(0), []
    for group in sorted(set(group_of.values())):
        members = [head for head in np.unique(subjects).tolist() if group_of[head] == group]
        drawn += generator.permutation(members)[: max(1, round(share * len(members)))].tolist()
    return np.isin(subjects, drawn)


# %% [split_by_volume] global_generator
# Draws from numpy's global generator: no split can be repeated.
def split_by_volume(subjects, group_of, share, generator):
    drawn = []
    for group in sorted(set(group_of.values())):
        members = [head for head in np.unique(subjects).tolist() if group_of[head] == group]
        drawn += np.random.permutation(members)[: max(1, round(share * len(members)))].tolist()
    return np.isin(subjects, drawn)


# %% [split_by_volume] a_quarter_always
# Ignores `share`.
def split_by_volume(subjects, group_of, share, generator):
    drawn = []
    for group in sorted(set(group_of.values())):
        members = [head for head in np.unique(subjects).tolist() if group_of[head] == group]
        drawn += generator.permutation(members)[: max(1, round(0.25 * len(members)))].tolist()
    return np.isin(subjects, drawn)


# %% [split_by_volume] rounds_up
# Rounds up: too many test heads.
def split_by_volume(subjects, group_of, share, generator):
    drawn = []
    for group in sorted(set(group_of.values())):
        members = [head for head in np.unique(subjects).tolist() if group_of[head] == group]
        drawn += generator.permutation(members)[: int(np.ceil(share * len(members)))].tolist()
    return np.isin(subjects, drawn)


# %% [split_by_volume] heads_without_slices
# Draws from all people in the dict, also from those of whom there is no slice.
def split_by_volume(subjects, group_of, share, generator):
    drawn = []
    for group in sorted(set(group_of.values())):
        members = [head for head in group_of if group_of[head] == group]
        drawn += generator.permutation(members)[: max(1, round(share * len(members)))].tolist()
    return np.isin(subjects, drawn)


# %% [split_by_volume] a_run_of_neighbours
# Draws where to begin, and takes the heads that follow: neighbours always go together.
def split_by_volume(subjects, group_of, share, generator):
    drawn = []
    for group in sorted(set(group_of.values())):
        members = [head for head in np.unique(subjects).tolist() if group_of[head] == group]
        start = int(generator.integers(len(members)))
        drawn += np.roll(members, -start)[: max(1, round(share * len(members)))].tolist()
    return np.isin(subjects, drawn)


# %% [split_by_volume] groups_of_the_example
# Knows the groups of the example only.
def split_by_volume(subjects, group_of, share, generator):
    drawn = []
    for group in ("young", "old", "very old"):
        members = [head for head in np.unique(subjects).tolist() if group_of[head] == group]
        drawn += generator.permutation(members)[: max(1, round(share * len(members)))].tolist()
    return np.isin(subjects, drawn)


# %% [split_by_volume] shuffles_the_subjects
# Shuffles the caller's array: the slices no longer belong to their heads.
def split_by_volume(subjects, group_of, share, generator):
    drawn = []
    for group in sorted(set(group_of.values())):
        members = [head for head in np.unique(subjects).tolist() if group_of[head] == group]
        generator.shuffle(subjects)
        drawn += generator.permutation(members)[: max(1, round(share * len(members)))].tolist()
    return np.isin(subjects, drawn)


# %% [corrupt] calls_the_library
# Calls the functions that the exercise builds.
def corrupt(images, generator):
    spoilt = augment.drop_pixels(images, 0.05, generator=generator)
    return augment.blank_square(spoilt, (1 / 12, 1 / 3), probability=0.1, generator=generator)


# %% [corrupt] same_mask_for_the_whole_batch
# Draws one mask of dropped pixels and uses it for every image.
def corrupt(images, generator):
    levels = 0.05 * torch.rand((len(images), 1, 1, 1), generator=generator)
    spoilt = images * (torch.rand((1, 1, *images.shape[-2:]), generator=generator) >= levels)
    height, width = spoilt.shape[-2:]
    for number in range(len(spoilt)):
        if torch.rand((), generator=generator) < 0.1:
            side = int(torch.randint(min(height, width) // 12, min(height, width) // 3 + 1, (), generator=generator))
            top = int(torch.randint(height - side + 1, (), generator=generator))
            left = int(torch.randint(width - side + 1, (), generator=generator))
            spoilt[number, :, top : top + side, left : left + side] = 0
    return spoilt


# %% [corrupt] one_level_for_the_batch
# Draws one level for all images: the network never sees two kinds in a batch.
def corrupt(images, generator):
    level = 0.05 * torch.rand((), generator=generator)
    spoilt = images * (torch.rand(images.shape, generator=generator) >= level)
    height, width = spoilt.shape[-2:]
    for number in range(len(spoilt)):
        if torch.rand((), generator=generator) < 0.1:
            side = int(torch.randint(min(height, width) // 12, min(height, width) // 3 + 1, (), generator=generator))
            top = int(torch.randint(height - side + 1, (), generator=generator))
            left = int(torch.randint(width - side + 1, (), generator=generator))
            spoilt[number, :, top : top + side, left : left + side] = 0
    return spoilt


# %% [corrupt] always_five_percent
# Takes the largest level for every image.
def corrupt(images, generator):
    spoilt = images * (torch.rand(images.shape, generator=generator) >= 0.05)
    height, width = spoilt.shape[-2:]
    for number in range(len(spoilt)):
        if torch.rand((), generator=generator) < 0.1:
            side = int(torch.randint(min(height, width) // 12, min(height, width) // 3 + 1, (), generator=generator))
            top = int(torch.randint(height - side + 1, (), generator=generator))
            left = int(torch.randint(width - side + 1, (), generator=generator))
            spoilt[number, :, top : top + side, left : left + side] = 0
    return spoilt


# %% [corrupt] rescales_like_dropout
# Divides what is left by 1 − level, as dropout layers do: the picture gets brighter.
def corrupt(images, generator):
    levels = 0.05 * torch.rand((len(images), 1, 1, 1), generator=generator)
    spoilt = images * (torch.rand(images.shape, generator=generator) >= levels) / (1 - levels)
    height, width = spoilt.shape[-2:]
    for number in range(len(spoilt)):
        if torch.rand((), generator=generator) < 0.1:
            side = int(torch.randint(min(height, width) // 12, min(height, width) // 3 + 1, (), generator=generator))
            top = int(torch.randint(height - side + 1, (), generator=generator))
            left = int(torch.randint(width - side + 1, (), generator=generator))
            spoilt[number, :, top : top + side, left : left + side] = 0
    return spoilt


# %% [corrupt] calls_dropout
# Calls PyTorch's dropout, which rescales and draws from the global generator.
def corrupt(images, generator):
    level = 0.05 * float(torch.rand((), generator=generator))
    return nn.functional.dropout(images, level, training=True)


# %% [corrupt] drops_whole_rows
# One draw for each row of pixels.
def corrupt(images, generator):
    levels = 0.05 * torch.rand((len(images), 1, 1, 1), generator=generator)
    spoilt = images * (torch.rand((*images.shape[:3], 1), generator=generator) >= levels)
    height, width = spoilt.shape[-2:]
    for number in range(len(spoilt)):
        if torch.rand((), generator=generator) < 0.1:
            side = int(torch.randint(min(height, width) // 12, min(height, width) // 3 + 1, (), generator=generator))
            top = int(torch.randint(height - side + 1, (), generator=generator))
            left = int(torch.randint(width - side + 1, (), generator=generator))
            spoilt[number, :, top : top + side, left : left + side] = 0
    return spoilt


# %% [corrupt] blanks_the_batch_together
# Draws once for the batch: all images have the same blank, or none has.
def corrupt(images, generator):
    levels = 0.05 * torch.rand((len(images), 1, 1, 1), generator=generator)
    spoilt = images * (torch.rand(images.shape, generator=generator) >= levels)
    height, width = spoilt.shape[-2:]
    if torch.rand((), generator=generator) < 0.1:
        side = int(torch.randint(min(height, width) // 12, min(height, width) // 3 + 1, (), generator=generator))
        top = int(torch.randint(height - side + 1, (), generator=generator))
        left = int(torch.randint(width - side + 1, (), generator=generator))
        spoilt[:, :, top : top + side, left : left + side] = 0
    return spoilt


# %% [corrupt] blanks_every_image
# Forgets the probability of 0.1.
def corrupt(images, generator):
    levels = 0.05 * torch.rand((len(images), 1, 1, 1), generator=generator)
    spoilt = images * (torch.rand(images.shape, generator=generator) >= levels)
    height, width = spoilt.shape[-2:]
    for number in range(len(spoilt)):
        side = int(torch.randint(min(height, width) // 12, min(height, width) // 3 + 1, (), generator=generator))
        top = int(torch.randint(height - side + 1, (), generator=generator))
        left = int(torch.randint(width - side + 1, (), generator=generator))
        spoilt[number, :, top : top + side, left : left + side] = 0
    return spoilt


# %% [corrupt] blank_of_one_size
# The place is random, the size is not.
def corrupt(images, generator):
    levels = 0.05 * torch.rand((len(images), 1, 1, 1), generator=generator)
    spoilt = images * (torch.rand(images.shape, generator=generator) >= levels)
    height, width = spoilt.shape[-2:]
    side = min(height, width) // 4
    for number in range(len(spoilt)):
        if torch.rand((), generator=generator) < 0.1:
            top = int(torch.randint(height - side + 1, (), generator=generator))
            left = int(torch.randint(width - side + 1, (), generator=generator))
            spoilt[number, :, top : top + side, left : left + side] = 0
    return spoilt


# %% [corrupt] largest_side_never_comes
# Forgets that torch.randint stops before its upper end.
def corrupt(images, generator):
    levels = 0.05 * torch.rand((len(images), 1, 1, 1), generator=generator)
    spoilt = images * (torch.rand(images.shape, generator=generator) >= levels)
    height, width = spoilt.shape[-2:]
    for number in range(len(spoilt)):
        if torch.rand((), generator=generator) < 0.1:
            side = int(torch.randint(min(height, width) // 12, min(height, width) // 3, (), generator=generator))
            top = int(torch.randint(height - side + 1, (), generator=generator))
            left = int(torch.randint(width - side + 1, (), generator=generator))
            spoilt[number, :, top : top + side, left : left + side] = 0
    return spoilt


# %% [corrupt] never_at_the_border
# Forgets the + 1: the last row and the last column are never blanked.
def corrupt(images, generator):
    levels = 0.05 * torch.rand((len(images), 1, 1, 1), generator=generator)
    spoilt = images * (torch.rand(images.shape, generator=generator) >= levels)
    height, width = spoilt.shape[-2:]
    for number in range(len(spoilt)):
        if torch.rand((), generator=generator) < 0.1:
            side = int(torch.randint(min(height, width) // 12, min(height, width) // 3 + 1, (), generator=generator))
            top = int(torch.randint(height - side, (), generator=generator))
            left = int(torch.randint(width - side, (), generator=generator))
            spoilt[number, :, top : top + side, left : left + side] = 0
    return spoilt


# %% [corrupt] hangs_over_the_border
# Draws the corner anywhere: blanks at the border are cut off and no squares.
def corrupt(images, generator):
    levels = 0.05 * torch.rand((len(images), 1, 1, 1), generator=generator)
    spoilt = images * (torch.rand(images.shape, generator=generator) >= levels)
    height, width = spoilt.shape[-2:]
    for number in range(len(spoilt)):
        if torch.rand((), generator=generator) < 0.1:
            side = int(torch.randint(min(height, width) // 12, min(height, width) // 3 + 1, (), generator=generator))
            top = int(torch.randint(height, (), generator=generator))
            left = int(torch.randint(width, (), generator=generator))
            spoilt[number, :, top : top + side, left : left + side] = 0
    return spoilt


# %% [corrupt] swaps_height_and_width
# Draws the row from the width and the column from the height.
def corrupt(images, generator):
    levels = 0.05 * torch.rand((len(images), 1, 1, 1), generator=generator)
    spoilt = images * (torch.rand(images.shape, generator=generator) >= levels)
    width, height = spoilt.shape[-2:]
    for number in range(len(spoilt)):
        if torch.rand((), generator=generator) < 0.1:
            side = int(torch.randint(min(height, width) // 12, min(height, width) // 3 + 1, (), generator=generator))
            top = int(torch.randint(height - side + 1, (), generator=generator))
            left = int(torch.randint(width - side + 1, (), generator=generator))
            spoilt[number, :, top : top + side, left : left + side] = 0
    return spoilt


# %% [corrupt] spoils_the_clean_images
# Blanks in place before it copies: the target is spoilt, too.
def corrupt(images, generator):
    height, width = images.shape[-2:]
    for number in range(len(images)):
        if torch.rand((), generator=generator) < 0.1:
            side = int(torch.randint(min(height, width) // 12, min(height, width) // 3 + 1, (), generator=generator))
            top = int(torch.randint(height - side + 1, (), generator=generator))
            left = int(torch.randint(width - side + 1, (), generator=generator))
            images[number, :, top : top + side, left : left + side] = 0
    levels = 0.05 * torch.rand((len(images), 1, 1, 1), generator=generator)
    return images * (torch.rand(images.shape, generator=generator) >= levels)


# %% [corrupt] global_generator
# Draws from PyTorch's global generator.
def corrupt(images, generator):
    levels = 0.05 * torch.rand((len(images), 1, 1, 1))
    spoilt = images * (torch.rand(images.shape) >= levels)
    height, width = spoilt.shape[-2:]
    for number in range(len(spoilt)):
        if torch.rand(()) < 0.1:
            side = int(torch.randint(min(height, width) // 12, min(height, width) // 3 + 1, ()))
            top, left = int(torch.randint(height - side + 1, ())), int(torch.randint(width - side + 1, ()))
            spoilt[number, :, top : top + side, left : left + side] = 0
    return spoilt


# %% [corrupt] seeds_anew
# Makes its own generator: every batch is spoilt in the same way.
def corrupt(images, generator):
    generator = torch.Generator().manual_seed(0)
    levels = 0.05 * torch.rand((len(images), 1, 1, 1), generator=generator)
    spoilt = images * (torch.rand(images.shape, generator=generator) >= levels)
    height, width = spoilt.shape[-2:]
    for number in range(len(spoilt)):
        if torch.rand((), generator=generator) < 0.1:
            side = int(torch.randint(min(height, width) // 12, min(height, width) // 3 + 1, (), generator=generator))
            top = int(torch.randint(height - side + 1, (), generator=generator))
            left = int(torch.randint(width - side + 1, (), generator=generator))
            spoilt[number, :, top : top + side, left : left + side] = 0
    return spoilt


# %% [corrupt] salt
# Makes the dropped pixels white.
def corrupt(images, generator):
    levels = 0.05 * torch.rand((len(images), 1, 1, 1), generator=generator)
    return torch.where(torch.rand(images.shape, generator=generator) >= levels, images, torch.ones(()))


# %% [corrupt] sides_of_one_size_of_image
# Takes the 4 to 16 pixels of one size of image for all sizes.
def corrupt(images, generator):
    levels = 0.05 * torch.rand((len(images), 1, 1, 1), generator=generator)
    spoilt = images * (torch.rand(images.shape, generator=generator) >= levels)
    height, width = spoilt.shape[-2:]
    for number in range(len(spoilt)):
        if torch.rand((), generator=generator) < 0.1:
            side = int(torch.randint(4, min(17, min(height, width) + 1), (), generator=generator))
            top = int(torch.randint(height - side + 1, (), generator=generator))
            left = int(torch.randint(width - side + 1, (), generator=generator))
            spoilt[number, :, top : top + side, left : left + side] = 0
    return spoilt


# %% [corrupt] side_from_the_height
# Takes the limits from the height, not from the smaller side.
def corrupt(images, generator):
    levels = 0.05 * torch.rand((len(images), 1, 1, 1), generator=generator)
    spoilt = images * (torch.rand(images.shape, generator=generator) >= levels)
    height, width = spoilt.shape[-2:]
    for number in range(len(spoilt)):
        if torch.rand((), generator=generator) < 0.1:
            side = int(torch.randint(height // 12, min(height // 3, width) + 1, (), generator=generator))
            top = int(torch.randint(height - side + 1, (), generator=generator))
            left = int(torch.randint(width - side + 1, (), generator=generator))
            spoilt[number, :, top : top + side, left : left + side] = 0
    return spoilt


# %% [corrupt] side_one_too_large
# Adds one too much: the largest side is s // 3 + 1.
def corrupt(images, generator):
    levels = 0.05 * torch.rand((len(images), 1, 1, 1), generator=generator)
    spoilt = images * (torch.rand(images.shape, generator=generator) >= levels)
    height, width = spoilt.shape[-2:]
    for number in range(len(spoilt)):
        if torch.rand((), generator=generator) < 0.1:
            side = int(torch.randint(min(height, width) // 12, min(height, width) // 3 + 2, (), generator=generator))
            top = int(torch.randint(height - side + 1, (), generator=generator))
            left = int(torch.randint(width - side + 1, (), generator=generator))
            spoilt[number, :, top : top + side, left : left + side] = 0
    return spoilt


# %% [corrupt] smallest_side_one
# Lets the side begin at 1.
def corrupt(images, generator):
    levels = 0.05 * torch.rand((len(images), 1, 1, 1), generator=generator)
    spoilt = images * (torch.rand(images.shape, generator=generator) >= levels)
    height, width = spoilt.shape[-2:]
    for number in range(len(spoilt)):
        if torch.rand((), generator=generator) < 0.1:
            side = int(torch.randint(1, min(height, width) // 3 + 1, (), generator=generator))
            top = int(torch.randint(height - side + 1, (), generator=generator))
            left = int(torch.randint(width - side + 1, (), generator=generator))
            spoilt[number, :, top : top + side, left : left + side] = 0
    return spoilt


# %% [corrupt] along_the_diagonal
# Draws one number for row and column: all blanks lie on the diagonal.
def corrupt(images, generator):
    levels = 0.05 * torch.rand((len(images), 1, 1, 1), generator=generator)
    spoilt = images * (torch.rand(images.shape, generator=generator) >= levels)
    height, width = spoilt.shape[-2:]
    for number in range(len(spoilt)):
        if torch.rand((), generator=generator) < 0.1:
            side = int(torch.randint(min(height, width) // 12, min(height, width) // 3 + 1, (), generator=generator))
            place = torch.rand((), generator=generator)
            top, left = int(place * (height - side + 1)), int(place * (width - side + 1))
            spoilt[number, :, top : top + side, left : left + side] = 0
    return spoilt


# %% [corrupt] counts_from_one
# Never begins in the first row or column.
def corrupt(images, generator):
    levels = 0.05 * torch.rand((len(images), 1, 1, 1), generator=generator)
    spoilt = images * (torch.rand(images.shape, generator=generator) >= levels)
    height, width = spoilt.shape[-2:]
    for number in range(len(spoilt)):
        if torch.rand((), generator=generator) < 0.1:
            side = int(torch.randint(min(height, width) // 12, min(height, width) // 3 + 1, (), generator=generator))
            top = int(torch.randint(1, height - side + 1, (), generator=generator))
            left = int(torch.randint(1, width - side + 1, (), generator=generator))
            spoilt[number, :, top : top + side, left : left + side] = 0
    return spoilt


# %% [corrupt] every_tenth_image
# Blanks every tenth image: no draw.
def corrupt(images, generator):
    levels = 0.05 * torch.rand((len(images), 1, 1, 1), generator=generator)
    spoilt = images * (torch.rand(images.shape, generator=generator) >= levels)
    height, width = spoilt.shape[-2:]
    for number in range(len(spoilt)):
        if number % 10 == 0:
            side = int(torch.randint(min(height, width) // 12, min(height, width) // 3 + 1, (), generator=generator))
            top = int(torch.randint(height - side + 1, (), generator=generator))
            left = int(torch.randint(width - side + 1, (), generator=generator))
            spoilt[number, :, top : top + side, left : left + side] = 0
    return spoilt


# %% [corrupt] evenly_spaced_levels
# Spreads the levels over the batch: the first image is always clean, the last one always bad.
def corrupt(images, generator):
    levels = 0.05 * torch.linspace(0, 1, len(images))[:, None, None, None]
    spoilt = images * (torch.rand(images.shape, generator=generator) >= levels)
    height, width = spoilt.shape[-2:]
    for number in range(len(spoilt)):
        if torch.rand((), generator=generator) < 0.1:
            side = int(torch.randint(min(height, width) // 12, min(height, width) // 3 + 1, (), generator=generator))
            top = int(torch.randint(height - side + 1, (), generator=generator))
            left = int(torch.randint(width - side + 1, (), generator=generator))
            spoilt[number, :, top : top + side, left : left + side] = 0
    return spoilt


# %% [corrupt] blanks_from_another_generator
# Drops pixels with the generator, but draws the blanks from Python's own.
def corrupt(images, generator):
    import random

    levels = 0.05 * torch.rand((len(images), 1, 1, 1), generator=generator)
    spoilt = images * (torch.rand(images.shape, generator=generator) >= levels)
    height, width = spoilt.shape[-2:]
    for number in range(len(spoilt)):
        if random.random() < 0.1:
            side = random.randint(min(height, width) // 12, min(height, width) // 3)
            top, left = random.randint(0, height - side), random.randint(0, width - side)
            spoilt[number, :, top : top + side, left : left + side] = 0
    return spoilt
