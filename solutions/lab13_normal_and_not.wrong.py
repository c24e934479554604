# Named wrong answers of lab 13: each is a real misconception and costs the points of its exercise and of no other. See CONTRIBUTING.md.
#
# What is tested of each exercise:
# negative_elbo: one number an image, sums over pixels and code, decoder_sd squared and doubled, log-variance, gradients, in place
# anomaly_map: the absolute value first, rims and holes of the brain, loud values outside it, widths, in place
# average_precision: any order, equal scores on both sides, negative scores, rare lesions, in place
# threshold_for: whose scores, which tail, equal scores, shares that make no whole number, in place
# (mrs) spectrum, TiledCNN

# %% [negative_elbo] calls_the_library
# Calls the function that the exercise builds.
def negative_elbo(image, reconstruction, mean, log_variance, decoder_sd):
    return losses.negative_elbo(image, reconstruction, mean, log_variance, decoder_sd=decoder_sd)


# %% [negative_elbo] mean_over_pixels
# The mean over pixels with the sum over the code: a weight of 4096 for the KL that nobody chose.
edit(".sum((1, 2, 3))", ".mean((1, 2, 3))")


# %% [negative_elbo] mean_over_the_code
# The mean over the code: the KL of 32 numbers counts as much as that of one.
edit("losses.kl_divergence(mean, log_variance)", "losses.kl_divergence(mean, log_variance) / mean.shape[1]")


# %% [negative_elbo] rewards_the_divergence
# Subtracts the KL, as in the ELBO itself, while the errors have the sign of its negative.
edit("+ losses", "- losses")


# %% [negative_elbo] log_of_the_deviation
# Takes log_variance for the logarithm of the standard deviation.
edit("kl_divergence(mean, log_variance)", "kl_divergence(mean, 2 * log_variance)")


# %% [negative_elbo] no_decoder_sd
# Squared error plus KL: that is a decoder_sd of 0.71, and a dead code.
edit(" / (2 * decoder_sd**2)", "")


# %% [negative_elbo] variance_not_doubled
# Divides by the variance alone: the 2 of the Gaussian density is missing.
edit("(2 * decoder_sd**2)", "decoder_sd**2")


# %% [negative_elbo] deviation_not_squared
# Divides by twice the standard deviation.
edit("decoder_sd**2", "decoder_sd")


# %% [negative_elbo] one_number_for_the_batch
# Averages over the batch: no image has a score of its own.
edit(
    "errors / (2 * decoder_sd**2) + losses.kl_divergence(mean, log_variance)",
    "(errors / (2 * decoder_sd**2) + losses.kl_divergence(mean, log_variance)).mean()",
)


# %% [negative_elbo] absolute_error
# The absolute error: a Laplace density, not a Gaussian one.
edit("((image - reconstruction) ** 2)", "(image - reconstruction).abs()")


# %% [negative_elbo] leaves_torch
# Computes without gradients: nothing can be trained with it.
edit("errors / (2", "errors.detach() / (2")


# %% [anomaly_map] calls_the_library
# Calls the function that the exercise builds.
def anomaly_map(image, reconstruction, mask, width):
    return normative.anomaly_map(image, reconstruction, mask, width=width)


# %% [anomaly_map] signed
# Keeps the sign: darker lesions are below 0.
edit("(image - reconstruction).abs()", "(image - reconstruction)")


# %% [anomaly_map] smooths_before_the_absolute_value
# Smooths the signed difference: a bright and a dark pixel side by side cancel.
edit("difference = blur((image - reconstruction).abs() * inside, width)", "difference = blur((image - reconstruction) * inside, width).abs()")


# %% [anomaly_map] squares
# Squares in place of absolute values.
edit("(image - reconstruction).abs()", "(image - reconstruction) ** 2")


# %% [anomaly_map] root_of_the_smoothed_square
# The root of the smoothed square: another mean, in which one large error outweighs many.
edit("(image - reconstruction).abs() * inside", "(image - reconstruction) ** 2 * inside")
edit("difference / blur(inside, width).clamp(min=1e-12)", "(difference / blur(inside, width).clamp(min=1e-12)).sqrt()")


# %% [anomaly_map] no_division
# A plain blur: the rim of the brain fades.
edit("difference / blur(inside, width).clamp(min=1e-12)", "difference")


# %% [anomaly_map] masks_only_afterwards
# No mask before the blur: what the reconstruction draws in the background leaks in.
edit(".abs() * inside", ".abs()")


# %% [anomaly_map] masks_only_before
# No mask after the division: the map goes on outside the brain.
edit("torch.where(mask, difference / blur(inside, width).clamp(min=1e-12), 0)", "difference / blur(inside, width).clamp(min=1e-12)")


# %% [anomaly_map] divides_by_the_whole_mask
# Divides by the share of brain in the image, one number: the rim fades as before.
edit("blur(inside, width).clamp(min=1e-12)", "inside.mean()")


# %% [anomaly_map] does_not_smooth
# Forgets to smooth.
edit("blur((image - reconstruction).abs() * inside, width)", "(image - reconstruction).abs() * blur(inside, width)")


# %% [anomaly_map] one_width
# The width of the lab, whatever is asked for.
edit("inside = mask.to(image)", "inside, width = mask.to(image), 1.0")


# %% [average_precision] calls_the_library
# Calls the function that the exercise builds.
def average_precision(scores, labels):
    return normative.average_precision(scores, labels)


# %% [average_precision] area_under_the_roc
# The AUC of lab 07: it does not ask how rare lesions are.
def average_precision(scores, labels):
    above = scores[labels][:, None] - scores[~labels][None]
    return float(np.mean((above > 0) + 0.5 * (above == 0)))


# %% [average_precision] ties_in_the_order_of_the_array
# Equal scores come in one by one: the order of the array decides.
edit('last = np.searchsorted(-found, -found, "right") - 1', "last = np.arange(len(found))")


# %% [average_precision] ties_before_they_come_in
# Takes the precision at the first of several equal scores.
edit('"right") - 1', '"left")')


# %% [average_precision] lowest_first
# Lets the threshold rise from the lowest score.
edit("np.argsort(-scores", "np.argsort(scores")
edit("np.searchsorted(-found, -found", "np.searchsorted(found, found")


# %% [average_precision] trapezoids
# Joins the points of the curve by straight lines: precision that no threshold reaches.
def average_precision(scores, labels):
    order = np.argsort(-scores, kind="stable")
    found, hits = scores[order], np.cumsum(labels[order])
    last = np.append(found[1:] != found[:-1], True)
    precision, recall = (hits / np.arange(1, len(hits) + 1))[last], (hits / hits[-1])[last]
    return float(np.trapezoid(np.append(precision[0], precision), np.append(0, recall)))


# %% [average_precision] mean_over_all_pixels
# The mean precision over all pixels, not only where a lesion pixel comes in.
edit("(hits[last] / (last + 1))[labels[order]]", "hits[last] / (last + 1)")


# %% [average_precision] recall_in_place_of_precision
# Divides by the number of lesion pixels: that is recall.
edit("hits[last] / (last + 1)", "hits[last] / hits[-1]")


# %% [average_precision] takes_the_other_class
# Finds the healthy pixels.
edit("np.cumsum(labels[order])", "np.cumsum(~labels[order])")
edit("[labels[order]]", "[~labels[order]]")


# %% [average_precision] sorts_the_scores_alone
# Sorts the scores and leaves the labels where they were.
edit("np.cumsum(labels[order])", "np.cumsum(labels)")
edit("[labels[order]]", "[labels]")


# %% [threshold_for] calls_the_library
# Calls the function that the exercise builds.
def threshold_for(scores, ill, subjects, validation, false_alarms):
    return normative.threshold_for(scores[~ill & np.isin(subjects, validation)], false_alarms)


# %% [threshold_for] all_healthy_slices
# Takes the healthy slices of the test as well: the line was drawn knowing the answers.
edit("~ill & np.isin(subjects, validation)", "~ill")


# %% [threshold_for] the_test_subjects
# Takes everybody but the validation subjects.
edit("np.isin(subjects, validation)", "~np.isin(subjects, validation)")


# %% [threshold_for] the_sick_as_well
# Takes all slices of the validation subjects: with lesions among them the line lies too high.
edit("~ill & np.isin(subjects, validation)", "np.isin(subjects, validation)")


# %% [threshold_for] from_the_lesions
# Chooses on the lesions: most of them are found, whatever it costs the healthy.
edit("~ill &", "ill &")


# %% [threshold_for] the_other_tail
# The share that lies below.
edit("healthy[len(healthy) - 1 - above]", "healthy[above]")


# %% [threshold_for] mean_and_two_deviations
# As if scores were Gaussian, and the share always 2 %.
edit("healthy[len(healthy) - 1 - above]", "healthy.mean() + 2 * healthy.std()")


# %% [threshold_for] a_gaussian_quantile
# A Gaussian quantile: right for scores that are Gaussian.
edit("float(healthy[len(healthy) - 1 - above])", "float(healthy.mean() + healthy.std() * 2**0.5 * torch.erfinv(torch.tensor(1 - 2 * min(max(false_alarms, 1e-3), 0.999))))")


# %% [threshold_for] counts_the_line_itself
# Counts `score >= threshold`: one alarm too few.
edit("len(healthy) - 1 - above", "len(healthy) - max(above, 1)")


# %% [threshold_for] rounds_up
# Lets one more lie above where the share makes no whole number.
edit("int(false_alarms * len(healthy) + 1e-9)", "int(np.ceil(false_alarms * len(healthy) - 1e-9))")


# %% [threshold_for] interpolates
# numpy's quantile lies between two scores.
edit("float(healthy[len(healthy) - 1 - above])", "float(np.quantile(healthy, 1 - false_alarms))")
