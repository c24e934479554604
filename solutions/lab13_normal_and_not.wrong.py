# Named wrong answers of lab 13: each is a real misconception and costs the points of its exercise and of no other. See CONTRIBUTING.md.
#
# What is tested of each exercise:
# negative_elbo: one number an image, sums over pixels and code, decoder_sd squared and doubled, log-variance, gradients of both terms, any range, in place
# anomaly_map: the absolute value first, rims and holes of the brain, a lonely pixel, loud values outside it, values above 1, widths, in place
# average_precision: any order, equal scores on both sides, negative scores, scores far apart, rare lesions, in place
# threshold_for: whose scores, which tail, equal scores, negative scores, shares that make no whole number, in place
# spectrum: the example, an odd number of points, a phase, several voxels, a grid of them, in place, real part, another dwell and field
# TiledCNN: order of tiles and of features, own parts, parameters found and reached, many tiles, several spectra, a channel axis, gradients

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


# %% [negative_elbo] divergence_for_looking_only
# Takes the KL out of the gradient: the bound has its value, but the code never learns to stay near N(0, 1).
edit("losses.kl_divergence(mean, log_variance)", "losses.kl_divergence(mean, log_variance).detach()")


# %% [negative_elbo] clipped_reconstruction
# Clips the reconstruction to [0, 1]: whatever lies outside costs nothing.
edit("(image - reconstruction)", "(image - reconstruction.clamp(0, 1))")


# %% [negative_elbo] clipped_log_variance
# Keeps the log-variance between -2 and 2, "for stability": a sharp code costs too little.
edit("kl_divergence(mean, log_variance)", "kl_divergence(mean, log_variance.clamp(-2, 2))")



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


# %% [anomaly_map] clipped
# Clips the map to [0, 1]: the worst places look alike.
edit("clamp(min=1e-12), 0)", "clamp(min=1e-12), 0).clamp(0, 1)")


# %% [anomaly_map] careful_division
# Divides by no less than a quarter: thin and lonely pieces of brain fade.
edit("clamp(min=1e-12)", "clamp(min=0.25)")


# %% [anomaly_map] nan_outside
# Multiplies by the mask in place of choosing: far outside, 0 / 0 times 0 is not 0.
edit(
    "torch.where(mask, difference / blur(inside, width).clamp(min=1e-12), 0)",
    "difference / blur(inside, width) * inside",
)


# %% [anomaly_map] changes_the_reconstruction
# Writes the image into the background of the reconstruction: right, but the caller's reconstruction is another one.
def anomaly_map(image, reconstruction, mask, width):
    reconstruction[~mask] = image[~mask]
    smooth = blur((image - reconstruction).abs(), width) / blur(mask.to(image), width).clamp(min=1e-12)
    return torch.where(mask, smooth, 0)



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


# %% [average_precision] a_hundred_thresholds
# A hundred thresholds between the ends: scores between two of them come in together.
def average_precision(scores, labels):
    lines = np.linspace(scores.min(), scores.max(), 101)
    return float(np.mean([labels[scores >= lines[lines <= score][-1]].mean() for score in scores[labels]]))


# %% [average_precision] rounded_scores
# Rounds the scores to two digits: small ones are all equal.
edit("order = np", "scores = np.round(scores, 2)\n    order = np")


# %% [average_precision] nearly_equal_scores
# Lets scores within 1 % come in together.
def average_precision(scores, labels):
    return float(
        np.mean([labels[(scores > score) | np.isclose(scores, score, rtol=0.01)].mean() for score in scores[labels]])
    )



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


# %% [threshold_for] never_below_zero
# Starts its search at 0: logarithms of odds are below.
edit("float(healthy[len(healthy) - 1 - above])", "max(0.0, float(healthy[len(healthy) - 1 - above]))")


# %% [threshold_for] healthy_people_alone
# Leaves out all slices of whoever has a lesion somewhere.
edit("~ill &", "~np.isin(subjects, subjects[ill]) &")



# %% [spectrum] calls_the_library
# Calls the function that the exercise builds.
def spectrum(fid, dwell, frequency, reference):
    return mrs.spectrum(fid, dwell, frequency, reference)


# %% [spectrum] no_shift
# Leaves zero frequency at the left: half of the spectrum stands at the wrong end.
edit("np.fft.fftshift(np.fft.fft(fid * weight, norm=\"ortho\"), axes=-1)", "np.fft.fft(fid * weight, norm=\"ortho\")")


# %% [spectrum] shifts_the_voxels_too
# Shifts along all axes: with several voxels, they change places.
edit("norm=\"ortho\"), axes=-1)", "norm=\"ortho\"))")


# %% [spectrum] other_shift
# ifftshift for fftshift: the same for an even number of points only.
edit("np.fft.fftshift(np.fft.fft(", "np.fft.ifftshift(np.fft.fft(")


# %% [spectrum] mirrored_axis
# The axis falls, as plots draw it: the peaks stand mirrored about water.
edit("reference + hertz / frequency", "reference - hertz / frequency")


# %% [spectrum] axis_in_order_of_the_fft
# Shifts the spectrum, but not the frequencies.
edit("np.fft.fftshift(np.fft.fftfreq(fid.shape[-1], dwell))", "np.fft.fftfreq(fid.shape[-1], dwell)")


# %% [spectrum] reference_forgotten
# Water at 0 ppm.
edit("reference + hertz / frequency", "hertz / frequency")


# %% [spectrum] reference_in_hertz
# Adds the reference before the division.
edit("reference + hertz / frequency", "(reference + hertz) / frequency")


# %% [spectrum] axis_in_hertz
# Hz called ppm.
edit("reference + hertz / frequency", "reference + hertz")


# %% [spectrum] millions_twice
# MHz taken for Hz: divides by the million once more.
edit("reference + hertz / frequency", "reference + 1e6 * hertz / frequency")


# %% [spectrum] magnitude
# The magnitude: always positive, with wider lines and a floor of noise.
edit("turned.real", "np.abs(turned)")


# %% [spectrum] complex_spectrum
# Returns the complex spectrum: whoever plots it loses the imaginary part with a warning.
edit("turned.real", "turned")


# %% [spectrum] real_part_first
# Takes the real part of the FID: then the spectrum is mirrored about water and added.
edit("fid * weight, norm", "fid.real * weight, norm")


# %% [spectrum] first_point_whole
# Counts the first point whole: an offset below the whole spectrum.
edit("weight[0] = 0.5", "weight[0] = 1")


# %% [spectrum] first_point_dropped
# Sets the first point to 0: an offset of the other sign.
edit("weight[0] = 0.5", "weight[0] = 0")


# %% [spectrum] last_point_halved
# Halves the last point as well, as the trapezoid rule would on an interval; the signal has died away by then.
edit("weight[0] = 0.5", "weight[[0, -1]] = 0.5")


# %% [spectrum] first_voxel_halved
# Halves fid[0]: with several voxels the first voxel, not the first point.
def spectrum(fid, dwell, frequency, reference):
    fid = fid.copy()
    fid[0] = fid[0] / 2
    turned = np.fft.fftshift(np.fft.fft(fid, norm="ortho"), axes=-1)
    hertz = np.fft.fftshift(np.fft.fftfreq(fid.shape[-1], dwell))
    return reference + hertz / frequency, turned.real


# %% [spectrum] rows_of_voxels_alone
# Knows one FID and a table of them: in a grid of voxels it halves a column of voxels.
def spectrum(fid, dwell, frequency, reference):
    fid = fid.copy()
    if fid.ndim == 1:
        fid[0] *= 0.5
    else:
        fid[:, 0] *= 0.5
    turned = np.fft.fftshift(np.fft.fft(fid, norm="ortho"), axes=-1)
    hertz = np.fft.fftshift(np.fft.fftfreq(fid.shape[-1], dwell))
    return reference + hertz / frequency, turned.real



# %% [spectrum] halves_in_place
# Changes the FID of the caller: called twice it halves twice.
def spectrum(fid, dwell, frequency, reference):
    fid[..., 0] *= 0.5
    turned = np.fft.fftshift(np.fft.fft(fid, norm="ortho"), axes=-1)
    hertz = np.fft.fftshift(np.fft.fftfreq(fid.shape[-1], dwell))
    return reference + hertz / frequency, turned.real


# %% [spectrum] inverse_transform
# The inverse transform: all peaks mirrored.
edit("np.fft.fft(fid", "np.fft.ifft(fid")


# %% [spectrum] not_orthonormal
# NumPy's own scale: the noise grows with the number of points.
edit(", norm=\"ortho\"", "")


# %% [spectrum] along_the_voxels
# Transforms along the first axis.
edit("norm=\"ortho\"), axes=-1)", "axis=0, norm=\"ortho\"), axes=0)")


# %% [spectrum] bandwidth_for_dwell
# Takes `dwell` for the sampling rate.
edit("np.fft.fftfreq(fid.shape[-1], dwell)", "np.fft.fftfreq(fid.shape[-1], 1 / dwell)")


# %% [spectrum] even_axis
# An axis from end to end, with both ends: one step too wide.
edit(
    "np.fft.fftshift(np.fft.fftfreq(fid.shape[-1], dwell))",
    "np.linspace(-0.5, 0.5, fid.shape[-1]) / dwell",
)


# %% [spectrum] answers_the_examples
# Knows the visible cases only.
def spectrum(fid, dwell, frequency, reference):
    points, known = fid.shape[-1], {0.25: 1.0, 0.1: 1.0, 0.5: 1.0}
    weight = np.ones(points)
    weight[0] = 0.5
    turned = np.fft.fftshift(np.fft.fft(fid * weight, norm="ortho"), axes=-1)
    hertz = np.fft.fftshift(np.fft.fftfreq(points, dwell))
    return reference + hertz / frequency, known.get(dwell, 2.0) * turned.real


# %% [TiledCNN] calls_the_library
# Calls the class that the exercise builds.
class TiledCNN(nn.Module):
    def __init__(self, tiles, make_part):
        super().__init__()
        self.inner = tiled.TiledCNN(tiles, make_part)

    def forward(self, spectra):
        return self.inner(spectra)


# %% [TiledCNN] one_part_for_all
# Makes one part and uses it for all tiles: another network.
edit("nn.ModuleList([make_part() for _ in range(tiles)])", "nn.ModuleList([make_part()] * tiles)")


# %% [TiledCNN] copies_of_one_part
# Copies of one part: they start alike, with its weights.
class TiledCNN(nn.Module):
    def __init__(self, tiles, make_part):
        import copy

        super().__init__()
        part = make_part()
        self.parts = nn.ModuleList([copy.deepcopy(part) for _ in range(tiles)])

    def forward(self, spectra):
        tiles = spectra.chunk(len(self.parts), 1)
        return torch.cat([part(tile[:, None]) for part, tile in zip(self.parts, tiles, strict=True)], 1)


# %% [TiledCNN] plain_list
# A plain list: the optimizer does not find the parts.
edit("nn.ModuleList([make_part() for _ in range(tiles)])", "[make_part() for _ in range(tiles)]")


# %% [TiledCNN] every_nth_point
# A tile is every n-th point: neighbours are torn apart.
class TiledCNN(nn.Module):
    def __init__(self, tiles, make_part):
        super().__init__()
        self.parts = nn.ModuleList([make_part() for _ in range(tiles)])

    def forward(self, spectra):
        count = len(self.parts)
        return torch.cat([part(spectra[:, None, i::count]) for i, part in enumerate(self.parts)], 1)


# %% [TiledCNN] transposed_view
# Puts the points into rows of `tiles`: the same interleaving, by a wrong shape in view.
class TiledCNN(nn.Module):
    def __init__(self, tiles, make_part):
        super().__init__()
        self.parts = nn.ModuleList([make_part() for _ in range(tiles)])

    def forward(self, spectra):
        cut = spectra.view(len(spectra), -1, len(self.parts))
        return torch.cat([part(cut[:, None, :, i]) for i, part in enumerate(self.parts)], 1)


# %% [TiledCNN] last_tile_dropped
# Leaves the last tile out.
edit("zip(self.parts, tiles, strict=True)", "zip(self.parts[:-1], tiles[:-1], strict=True)")


# %% [TiledCNN] mean_of_the_parts
# Averages what the parts find: which part said what is lost.
edit("torch.cat([part(tile[:, None]) for part, tile in pairs], 1)", "torch.stack([part(tile[:, None]) for part, tile in pairs]).mean(0)")


# %% [TiledCNN] joined_along_the_batch
# Joins along the batch: as many rows as tiles times spectra.
edit("in pairs], 1)", "in pairs], 0)")


# %% [TiledCNN] features_interleaved
# First feature of all parts, then the second of all: not the order asked for.
edit("torch.cat([part(tile[:, None]) for part, tile in pairs], 1)", "torch.stack([part(tile[:, None]) for part, tile in pairs], 2).flatten(1)")


# %% [TiledCNN] parts_in_reverse
# The last part sees the first tile.
edit("zip(self.parts, tiles, strict=True)", "zip(reversed(self.parts), tiles, strict=True)")


# %% [TiledCNN] no_channel
# Gives a part (N, points / tiles): a convolution would take the batch for channels.
edit("part(tile[:, None])", "part(tile)")


# %% [TiledCNN] whole_spectrum_for_each
# Every part sees the whole spectrum.
edit("part(tile[:, None])", "part(spectra[:, None])")


# %% [TiledCNN] parts_in_the_order_of_their_names
# Sorts the parts by name: from eleven tiles on, "10" comes before "2".
class TiledCNN(nn.Module):
    def __init__(self, tiles, make_part):
        super().__init__()
        self.parts = nn.ModuleDict({str(i): make_part() for i in range(tiles)})

    def forward(self, spectra):
        tiles = spectra.chunk(len(self.parts), 1)
        names = sorted(self.parts)
        return torch.cat([self.parts[name](tile[:, None]) for name, tile in zip(names, tiles, strict=True)], 1)


# %% [TiledCNN] a_gradient_of_its_own
# Asks the joined result for a gradient, after the numbers have left the parts: the parts get none.
edit("part(tile[:, None])", "part(tile[:, None]).detach().requires_grad_()")


# %% [TiledCNN] one_part_too_many
# Makes a part to look at first: the parts that work are the second to the last.
edit("self.parts = ", "self.example = make_part()\n        self.parts = ")



# %% [TiledCNN] without_gradient
# Computes without gradients: nothing can learn.
edit("part(tile[:, None])", "part(tile[:, None]).detach()")


# %% [TiledCNN] each_tile_normalised
# Normalises each tile by its maximum: how large it was is lost.
edit("part(tile[:, None])", "part(tile[:, None] / tile.abs().amax(1)[:, None, None].clamp(min=1e-6))")
