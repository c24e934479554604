# Named wrong answers of lab 04: each is a real misconception and loses just its exercise. See CONTRIBUTING.md.
#
# What is tested of each exercise:
# rician: four levels, whole numbers, a scanner's units; law of large, tall and tiny images, rare draws; new draws; seeds; in place
# sigma_from_background: faint and bright air, a head in it, tall and wide; n and n − 1 alike; in place; no constants (no air to speak of)
# soft_threshold: tiny and huge values, whole numbers, one to three axes, threshold 0, ties at the threshold; in place
# cycle_spinning: one to eight shifts, tall and wide, below 0 and above 1, threshold 0 and a huge one; in place
# nlm_weights: patch 0 to 3, places at the border, faint images and a scanner's units, tall and wide, below 0; in place
# corrected: answers below 0 and above 1, faint images and a scanner's units, sigma 0, a filter that hands its input back; in place

# %% [rician] calls_the_library
# Calls the function that the exercise builds.
def rician(image, sigma, generator):
    return noise.rician(image, sigma, generator=generator)


# %% [rician] noise_on_the_real_channel_only
# Forgets the noise of the imaginary channel: the magnitude of image + n1.
edit("return np.sqrt(real**2 + imaginary**2)", "return np.abs(real)")


# %% [rician] noise_on_the_imaginary_channel_only
# Adds noise to the empty channel only: bright tissue then has hardly any.
edit("real = image + sigma * generator.standard_normal(image.shape)", "real = image")


# %% [rician] same_noise_in_both_channels
# Draws once and uses it twice. (The mean square is right all the same.)
edit("imaginary = sigma * generator.standard_normal(image.shape)", "imaginary = real - image")


# %% [rician] correlated_channels
# The second channel is half the first: right mean square, wrong floor.
edit(
    "imaginary = sigma * generator.standard_normal(image.shape)",
    "imaginary = 0.6 * (real - image) + 0.8 * sigma * generator.standard_normal(image.shape)",
)


# %% [rician] adds_rayleigh_noise
# Adds the floor to everything: in bright tissue Rician noise has hardly any bias.
edit("return np.sqrt(real**2 + imaginary**2)", "return image + np.sqrt((real - image) ** 2 + imaginary**2)")


# %% [rician] image_in_both_channels
# Puts the image into the real and into the imaginary channel.
edit("imaginary = sigma", "imaginary = image + sigma")


# %% [rician] halves_the_variance
# Divides sigma by √2, so that both channels together have variance sigma².
edit("real = image", "sigma = sigma / np.sqrt(2)\n    real = image")


# %% [rician] variance_as_deviation
# Takes sigma² for the scale of the draws.
edit("real = image", "sigma = sigma**2\n    real = image")


# %% [rician] forgets_the_root
# Returns the squared magnitude.
edit("np.sqrt(real**2 + imaginary**2)", "real**2 + imaginary**2")


# %% [rician] clips
# Clips to [0, 1]: half of the noise of bright tissue is lost.
edit("np.sqrt(real**2 + imaginary**2)", "np.clip(np.sqrt(real**2 + imaginary**2), 0, 1)")


# %% [rician] clips_the_clean_image
# Clips the clean image to [0, 1]: a scanner's image is bright in other units.
edit("real = image + sigma", "real = np.clip(image, 0, 1) + sigma")


# %% [rician] drops_what_lies_below_zero
# Takes a value below 0 for a mistake. A clean image may have some, after a filter.
edit("real = image", "real = np.maximum(image, 0)")


# %% [rician] no_outliers
# Cuts the draws off at three sigma: a Gaussian has no end.
edit(
    "real = image + sigma * generator.standard_normal(image.shape)",
    "real = image + sigma * generator.standard_normal(image.shape).clip(-3, 3)",
)


# %% [rician] normalised_noise
# Forces mean 0 and deviation sigma on the draws of each channel: no longer independent, and of one pixel NaN.
edit(
    """
    return np.sqrt(real**2 + imaginary**2)
""",
    """
    n1, n2 = (sigma * (n - n.mean()) / (n.std() or 1) for n in (real - image, imaginary))
    return np.sqrt((image + n1) ** 2 + n2**2)
""",
)


# %% [rician] shuffled_pattern
# Takes the draws of the first channel in another order for the second: in a small image these are the same draws.
edit(
    "imaginary = sigma * generator.standard_normal(image.shape)",
    "imaginary = generator.permutation((real - image).ravel()).reshape(image.shape)",
)


# %% [rician] sum_of_uniforms
# Makes a Gaussian of twelve uniform numbers, as old programs did: it ends at six sigma, and its rare draws are too few.
def rician(image, sigma, generator):
    n1, n2 = sigma * (generator.random((12, 2, *image.shape)).sum(0) - 6)
    return np.sqrt((image + n1) ** 2 + n2**2)


# %% [rician] seeds_the_global_generator
# Seeds numpy's global generator "to be safe": whoever draws from it afterwards gets the same numbers again.
edit("real = image", "np.random.seed(0)\n    real = image")


# %% [rician] one_number_for_all_pixels
# Draws one number a channel, not one a pixel.
def rician(image, sigma, generator):
    n1, n2 = sigma * generator.standard_normal(2)
    return np.sqrt((image + n1) ** 2 + n2**2)


# %% [rician] one_row_for_all
# Draws one row and repeats it down the image: right histogram, but stripes.
def rician(image, sigma, generator):
    n1, n2 = sigma * generator.standard_normal((2, 1, image.shape[1]))
    return np.sqrt((image + n1) ** 2 + n2**2)


# %% [rician] global_generator
# Draws from numpy's global generator, so that no run can be repeated.
edit("real = image", "generator = np.random\n    real = image")


# %% [rician] seeds_anew_in_each_call
# Makes its own generator: every call gives the same pattern.
edit("real = image", "generator = np.random.default_rng(0)\n    real = image")


# %% [rician] chi_noise_of_one_coil
# Calls the library's noise of several coils, with one coil: that is Rician noise by another name.
def rician(image, sigma, generator):
    return noise.noncentral_chi(image, sigma, coils=1, generator=generator)


# %% [rician] one_draw_flipped
# Draws once, and takes the mirror image for the other channel: the air becomes symmetric.
edit("imaginary = sigma * generator.standard_normal(image.shape)", "imaginary = (real - image)[:, ::-1]")


# %% [rician] one_draw_moved
# Draws once, and takes the same noise some rows further for the other channel.
edit("imaginary = sigma * generator.standard_normal(image.shape)", "imaginary = np.roll(real - image, 5, axis=0)")


# %% [rician] ignores_sigma
# Has the sigma of the example built in.
edit("real = image", "sigma = 0.1 if sigma > 0 else 0\n    real = image")


# %% [rician] relative_to_the_range
# Takes sigma for a share of the image's range: a flat image gets no noise.
edit("real = image", "sigma = sigma * (image.max() - image.min())\n    real = image")


# %% [rician] keeps_whole_numbers
# Returns the type that came: whole numbers are cut off, and the mean is half too low.
edit("np.sqrt(real**2 + imaginary**2)", "np.sqrt(real**2 + imaginary**2).astype(image.dtype)")


# %% [rician] uniform_noise
# Right variance, wrong law: uniform numbers in both channels.
def rician(image, sigma, generator):
    n1, n2 = sigma * np.sqrt(3) * generator.uniform(-1, 1, (2, *image.shape))
    return np.sqrt((image + n1) ** 2 + n2**2)


# %% [rician] changes_the_clean_image
# Adds the noise in place: the caller's clean image is noisy afterwards.
edit("return np.sqrt", "image[:] = real\n    return np.sqrt")


# %% [sigma_from_background] calls_the_library
# Calls the function that the exercise builds.
def sigma_from_background(magnitude, background):
    sigma = float(noise.estimate_sigma_background(magnitude, background))
    return sigma, sigma, sigma


# %% [sigma_from_background] deviation_is_sigma
# Takes the standard deviation of the air for sigma, without √(2 − π/2): a third too small.
edit("air.std() / np.sqrt(2 - np.pi / 2)", "air.std()")


# %% [sigma_from_background] mean_is_sigma
# Takes the mean of the air for sigma, without √(π/2).
edit("air.mean() / np.sqrt(np.pi / 2)", "air.mean()")


# %% [sigma_from_background] multiplies_instead_of_dividing
# Has the factor of the mean upside down.
edit("air.mean() / np", "air.mean() * np")


# %% [sigma_from_background] no_root_of_the_factors
# Divides by π/2 and 2 − π/2: these belong to the squares.
edit("np.sqrt(np.pi / 2)", "(np.pi / 2)")
edit("np.sqrt(2 - np.pi / 2)", "(2 - np.pi / 2)")


# %% [sigma_from_background] root_mean_square_is_sigma
# Forgets that two channels share the mean square.
edit("(air**2).mean() / 2", "(air**2).mean()")


# %% [sigma_from_background] variance_for_mean_square
# Takes the variance of the air for its mean square: its mean is not 0.
edit("(air**2).mean()", "air.var()")


# %% [sigma_from_background] whole_image
# Ignores the mask: the tissue counts as noise.
edit("magnitude[background]", "magnitude")


# %% [sigma_from_background] multiplies_by_the_mask
# Sets the tissue to 0 instead of leaving it out: the zeros count.
edit("magnitude[background]", "magnitude * background")


# %% [sigma_from_background] one_good_estimate_three_times
# Returns the best of the three in all places, with the mean of the air as its name says.
edit("return from_mean, from_deviation, from_square", "return air.mean(), air.mean(), air.mean()")


# %% [sigma_from_background] finds_its_own_air
# Ignores the mask and takes everything dark for air: dark fluid in the head counts as well.
edit("magnitude[background]", "magnitude[magnitude < 0.5]")


# %% [sigma_from_background] leaves_the_outliers_out
# Cuts off what looks too bright for air: the law has no end, and its large values count.
edit("air = magnitude[background]", "air = magnitude[background]\n    air = air[air <= np.percentile(air, 99.9)]")


# %% [sigma_from_background] leaves_the_zeros_out
# Takes a 0 for a pixel that was not measured.
edit("magnitude[background]", "magnitude[background & (magnitude > 0)]")


# %% [sigma_from_background] erases_the_tissue
# Writes zeros into the caller's image before it looks at the air.
edit("air = magnitude", "magnitude[~background] = 0\n    air = magnitude")


# %% [sigma_from_background] mean_square_three_times
# Returns the best of the three estimates in all three places: the same for perfect air only.
edit("return from_mean, from_deviation, from_square", "return from_square, from_square, from_square")


# %% [sigma_from_background] median_for_mean
# Takes the median of the air for its mean, with the factor of the median.
edit("air.mean() / np.sqrt(np.pi / 2)", "np.median(air) / np.sqrt(2 * np.log(2))")


# %% [sigma_from_background] wrong_order
# Three right estimates, the first two exchanged.
edit("return from_mean, from_deviation,", "return from_deviation, from_mean,")


# %% [sigma_from_background] rounded_factor
# Takes 0.66 for √(2 − π/2), and 1.25 for √(π/2): half a percent is lost.
edit("np.sqrt(np.pi / 2)", "1.25")
edit("np.sqrt(2 - np.pi / 2)", "0.66")


# %% [sigma_from_background] three_decimals
# Rounds to three decimals: faint air has sigma 0.
edit(
    "return from_mean, from_deviation, from_square",
    "return tuple(np.round((from_mean, from_deviation, from_square), 3))",
)


# %% [soft_threshold] calls_the_library
# Calls the function that the exercise builds.
def soft_threshold(values, threshold):
    return pywt.threshold(values, threshold, mode="soft")


# %% [soft_threshold] hard
# Sets small values to 0 and leaves large ones alone: the hard threshold.
def soft_threshold(values, threshold):
    return np.where(np.abs(values) > threshold, values, 0)


# %% [soft_threshold] loses_the_sign
# Forgets to give the sign back.
edit("np.sign(values) * ", "")


# %% [soft_threshold] no_stop_at_zero
# Subtracts from the absolute value without a stop: small values change their sign.
edit("np.maximum(np.abs(values) - threshold, 0)", "(np.abs(values) - threshold)")


# %% [soft_threshold] subtracts_everywhere
# Subtracts the threshold from all values: negative ones move away from 0.
edit("np.sign(values) * np.maximum(np.abs(values) - threshold, 0)", "np.maximum(values - threshold, 0)")


# %% [soft_threshold] clips
# Clips to ±threshold: that is what soft thresholding takes away, not what it leaves.
def soft_threshold(values, threshold):
    return np.clip(values, -threshold, threshold)


# %% [soft_threshold] garrote
# Shrinks by threshold²/|v|: a compromise between hard and soft, and another filter.
def soft_threshold(values, threshold):
    large = np.maximum(np.abs(values), 1e-12)
    return values * np.maximum(1 - (threshold / large) ** 2, 0)


# %% [soft_threshold] changes_its_input
# Works in place: the caller's array is no longer what it was.
def soft_threshold(values, threshold):
    small = np.abs(values) <= threshold
    values[:] = values - np.sign(values) * threshold
    values[small] = 0
    return values


# %% [soft_threshold] keeps_small_values
# Pulls the large values in and leaves the small ones, which are the noise.
def soft_threshold(values, threshold):
    return np.where(np.abs(values) > threshold, values - np.sign(values) * threshold, values)


# %% [soft_threshold] share_of_the_largest
# Takes the threshold for a share of the largest value.
edit("- threshold", "- threshold * np.abs(values).max()")


# %% [soft_threshold] keeps_whole_numbers
# Writes into an array of the type that came: whole numbers are cut off.
def soft_threshold(values, threshold):
    shrunk = np.zeros_like(values)
    shrunk[values > threshold] = values[values > threshold] - threshold
    shrunk[values < -threshold] = values[values < -threshold] + threshold
    return shrunk


# %% [soft_threshold] small_number_against_zero
# Adds a small number to the divisor against 0 / 0: very small values vanish.
def soft_threshold(values, threshold):
    return values * np.maximum(1 - threshold / (np.abs(values) + 1e-8), 0)


# %% [soft_threshold] flattens
# Goes through the values one by one, and forgets the shape.
edit("return np", "values = values.ravel()\n    return np")


# %% [cycle_spinning] calls_the_library
# Calls the function that the exercise builds.
def cycle_spinning(image, threshold, shifts):
    from course_lib.classical import filters

    return filters.shift_invariant_wavelet(image, threshold)


# %% [cycle_spinning] calls_scikit_image
# Calls another library's cycle spinning.
def cycle_spinning(image, threshold, shifts):
    from skimage.restoration import cycle_spin

    def shrink(x):
        coarse, *details = pywt.wavedec2(x, "haar", mode="periodization", level=2)
        details = [tuple(pywt.threshold(d, threshold, mode="soft") for d in level) for level in details]
        return pywt.waverec2([coarse, *details], "haar", mode="periodization")

    return cycle_spin(image, shrink, max_shifts=shifts - 1, num_workers=1)


# %% [cycle_spinning] forgets_to_shift_back
# Averages the moved images as they are: a blur.
edit("np.roll(answer, (-down, -right), (0, 1))", "answer")


# %% [cycle_spinning] shifts_on_instead_of_back
# Rolls a second time in the same direction.
edit("(-down, -right)", "(down, right)")


# %% [cycle_spinning] shifts_back_transposed
# Exchanges rows and columns on the way back.
edit("(-down, -right)", "(-right, -down)")


# %% [cycle_spinning] thresholds_the_approximation
# Shrinks the coarse picture too: the image gets darker.
edit("[coarse, *shrunk]", '[pywt.threshold(coarse, threshold, mode="soft"), *shrunk]')


# %% [cycle_spinning] hard_threshold
# Takes the hard threshold for the soft one.
edit('mode="soft"', 'mode="hard"')


# %% [cycle_spinning] only_along_the_diagonal
# Moves rows and columns together: shifts moves instead of shifts².
edit("for right in range(shifts)", "for right in [down]")
edit("shifts**2", "shifts")


# %% [cycle_spinning] sum_instead_of_mean
# Adds the answers and forgets to divide.
edit("return total / shifts**2", "return total")


# %% [cycle_spinning] finest_level_only
# Shrinks the finest details and leaves the second level alone.
edit("[coarse, *shrunk]", "[coarse, details[0], shrunk[1]]")


# %% [cycle_spinning] one_level
# Goes one level deep.
edit("level=2", "level=1")


# %% [cycle_spinning] spares_the_diagonal
# Shrinks rows and columns, and forgets the third array of each level.
edit("for d in level) for", "for d in level[:2]) + level[2:] for")


# %% [cycle_spinning] never_moves
# Shrinks once: the answer without cycle spinning.
edit("total = np", "shifts = 1\n    total = np")


# %% [cycle_spinning] at_most_four_moves
# Stops at 4×4 moves, since the blocks lie there again after four pixels: the mean of more moves is another one.
edit("total = np", "shifts = min(shifts, 4)\n    total = np")


# %% [cycle_spinning] overwrites_the_image
# Right numbers, but written into the caller's noisy image.
edit(
    """
    return total / shifts**2
""",
    """
    image[:] = total / shifts**2
    return image
""",
)


# %% [cycle_spinning] one_after_the_other
# Shrinks the answer of the last move again, instead of the image each time.
edit("total += np.roll", "image = np.roll")
edit("return total / shifts**2", "return image")


# %% [cycle_spinning] clips
# Clips the answer to [0, 1].
edit("return total / shifts**2", "return (total / shifts**2).clip(0, 1)")


# %% [cycle_spinning] looks_the_answer_up
# Looks for the numbers of the test cell in the notebook's memory.
def cycle_spinning(image, threshold, shifts):
    return globals().get("wanted", {}).get((threshold, shifts), image)


# %% [nlm_weights] calls_the_library
# Calls the filter, whose answer for one bright pixel after the other would show the weights.
def nlm_weights(image, row, column, patch, search, h, sigma):
    from course_lib.classical import filters

    weights = np.zeros((2 * search + 1, 2 * search + 1))
    for down in range(-search, search + 1):
        for right in range(-search, search + 1):
            weights[search + down, search + right] = filters.non_local_means(image, sigma)[row + down, column + right]
    return weights / weights.sum()


# %% [nlm_weights] calls_scikit_image
# The same with another library's filter.
def nlm_weights(image, row, column, patch, search, h, sigma):
    from skimage.restoration import denoise_nl_means

    answer = denoise_nl_means(image, patch_size=2 * patch + 1, patch_distance=search, h=h, sigma=sigma)
    weights = answer[row - search : row + search + 1, column - search : column + search + 1]
    return weights / weights.sum()


# %% [nlm_weights] not_normalised
# Forgets to divide by the sum: the image would get many times brighter.
edit("return weights / weights.sum()", "return weights")


# %% [nlm_weights] divides_by_the_largest
# Makes the largest weight 1 instead of the sum.
edit("weights.sum()", "weights.max()")


# %% [nlm_weights] distance_not_squared
# Takes the mean of the absolute differences.
edit(
    "np.mean((patch_at(row + down, column + right) - patch_at(row, column)) ** 2)",
    "np.mean(np.abs(patch_at(row + down, column + right) - patch_at(row, column)))",
)


# %% [nlm_weights] sum_of_squares
# Sums the squared differences instead of taking their mean: a larger patch then punishes more.
edit("np.mean(", "np.sum(")


# %% [nlm_weights] forgets_the_noise
# Leaves 2·sigma² out: patches that differ by noise alone are punished.
edit("distance - 2 * sigma**2", "distance")


# %% [nlm_weights] one_sigma_squared
# Subtracts sigma² instead of 2·sigma²: both patches are noisy.
edit("2 * sigma**2", "sigma**2")


# %% [nlm_weights] no_stop_at_zero
# Forgets the max: the factor exp(2·sigma²/h²) is then the same for all, and cancels in the sum.
edit("max(distance - 2 * sigma**2, 0)", "(distance - 2 * sigma**2)")


# %% [nlm_weights] h_not_squared
# Divides by h.
edit("/ h**2", "/ h")


# %% [nlm_weights] small_number_against_zero
# Adds a small number to h²: in a faint image, with a small h, all weights become alike.
edit("/ h**2", "/ (h**2 + 1e-8)")


# %% [nlm_weights] pixels_not_patches
# Compares single pixels: that is the bilateral filter's idea, not non-local means.
edit("image[r - patch : r + patch + 1, c - patch : c + patch + 1]", "image[r, c]")


# %% [nlm_weights] patch_as_width
# Takes `patch` for the width of the patch, not for what lies on each side.
edit("image[r - patch : r + patch + 1, c - patch : c + patch + 1]", "image[r : r + patch + 1, c : c + patch + 1]")


# %% [nlm_weights] rows_and_columns_swapped
# Writes the weights transposed.
edit("weights[search + down, search + right]", "weights[search + right, search + down]")


# %% [nlm_weights] upside_down
# Writes the weights with the minus sign of a convolution: turned by half a turn.
edit("weights[search + down, search + right]", "weights[search - down, search - right]")


# %% [nlm_weights] centre_as_large_as_the_next
# Gives the pixel itself the largest weight of the others, as some programs do.
edit("return weights", "weights[search, search] = np.sort(weights.ravel())[-2]\n    return weights")


# %% [nlm_weights] changes_the_image
# Works in place: takes the patch's mean off the caller's image, which changes no difference.
edit("weights = np", "image -= patch_at(row, column).mean()\n    weights = np")


# %% [nlm_weights] clips_the_image
# Clips the noisy image to [0, 1] before it compares.
edit("def patch_at", "image = image.clip(0, 1)\n\n    def patch_at")


# %% [nlm_weights] two_h_squared
# Divides by 2·h², as in the density of a Gaussian.
edit("/ h**2", "/ (2 * h**2)")


# %% [nlm_weights] means_of_patches
# Compares the means of the patches: two quite different patches may have the same.
edit(
    "np.mean((patch_at(row + down, column + right) - patch_at(row, column)) ** 2)",
    "(patch_at(row + down, column + right).mean() - patch_at(row, column).mean()) ** 2",
)


# %% [nlm_weights] looks_the_answer_up
# Looks for the numbers of the test cell in the notebook's memory.
def nlm_weights(image, row, column, patch, search, h, sigma):
    side = 2 * search + 1
    return np.full((side, side), 1 / side**2) if image.std() == 0 else globals().get("expected", np.zeros((side, side)))


# %% [corrected] calls_the_library
# Calls the function that the exercise builds.
def corrected(noisy, sigma, denoise):
    from course_lib.classical.rician import bias_corrected

    return bias_corrected(denoise)(noisy, sigma)


# %% [corrected] calls_the_correction
# Denoises, and calls the library's correction.
def corrected(noisy, sigma, denoise):
    return noise.correct_bias(denoise(noisy, sigma), sigma)


# %% [corrected] corrects_before_filtering
# Corrects the noisy pixels: whatever lies below the floor is cut off, and the filter averages the rest.
def corrected(noisy, sigma, denoise):
    return denoise(np.sqrt(np.maximum(noisy**2 - 2 * sigma**2, 0)), sigma)


# %% [corrected] adds
# Has the sign of the bias wrong: the floor gets higher.
edit("denoised**2 - 2", "denoised**2 + 2")


# %% [corrected] one_sigma_squared
# Subtracts sigma²: forgets that both channels are noisy.
edit("2 * sigma**2", "sigma**2")


# %% [corrected] no_stop_at_zero
# Takes the root of negative numbers: NaN in the air.
edit("np.maximum(denoised**2 - 2 * sigma**2, 0)", "denoised**2 - 2 * sigma**2")


# %% [corrected] absolute_value
# Cures the NaN by the absolute value: the darkest air becomes bright.
edit("np.maximum(denoised**2 - 2 * sigma**2, 0)", "np.abs(denoised**2 - 2 * sigma**2)")


# %% [corrected] small_number_at_zero
# Stops at a small number instead of 0: a faint image is all floor.
edit("sigma**2, 0)", "sigma**2, 1e-8)")


# %% [corrected] forgets_the_root
# Returns the squared signal.
edit("np.sqrt(np.maximum(denoised**2 - 2 * sigma**2, 0))", "np.maximum(denoised**2 - 2 * sigma**2, 0)")


# %% [corrected] subtracts_the_floor
# Subtracts sigma·√(π/2) everywhere: right in the air, wrong in the tissue.
edit("np.sqrt(np.maximum(denoised**2 - 2 * sigma**2, 0))", "np.maximum(denoised - sigma * np.sqrt(np.pi / 2), 0)")


# %% [corrected] sigma_not_squared
# Subtracts 2·sigma from a square: the units do not fit.
edit("2 * sigma**2", "2 * sigma")


# %% [corrected] does_not_filter
# Corrects the noisy image and forgets the filter.
edit("denoise(noisy, sigma)", "noisy")


# %% [corrected] filters_twice
# Denoises, and denoises the answer once more.
edit("denoise(noisy, sigma)", "denoise(denoise(noisy, sigma), sigma)")


# %% [corrected] clips_at_one
# Clips the answer to [0, 1]: bright tissue with a little noise on it is cut.
edit("sigma**2, 0))", "sigma**2, 0)).clip(0, 1)")


# %% [corrected] clips_negative_answers
# Sets the filter's negative answers to 0 before it squares them: the formula has no such step.
edit("denoise(noisy, sigma)", "np.maximum(denoise(noisy, sigma), 0)")


# %% [corrected] clips_before_the_filter
# Sets what lies below 0 to 0 before it filters.
edit("denoise(noisy, sigma)", "denoise(noisy.clip(0), sigma)")


# %% [corrected] overwrites_the_filters_answer
# Works in place in what the filter returned, which may be the noisy image itself.
edit("return np", "denoised **= 2\n    denoised -= 2 * sigma**2\n    return np")
edit("np.maximum(denoised**2 - 2 * sigma**2, 0)", "np.maximum(denoised, 0)")


# %% [corrected] filters_the_square
# Hands the squared image to the filter, whose sigma then does not fit.
edit("denoise(noisy, sigma)", "denoise(noisy**2, sigma)")
edit("denoised**2 - 2", "denoised - 2")


# %% [corrected] cuts_only
# Sets the air to 0 and leaves the rest as it is: a threshold, not a correction.
edit("np.sqrt(np.maximum(denoised**2 - 2 * sigma**2, 0))", "np.where(denoised**2 > 2 * sigma**2, denoised, 0)")
