# Named wrong answers of lab 04: each is a real misconception and costs the points of its exercise and of no other. See CONTRIBUTING.md.
#
# What is tested of each exercise:
# rician: four levels, whole numbers, a scanner's units; law of large, tall and tiny images, rare draws; new draws; seeds; in place
# sigma_from_background: faint and bright air, a head in it, tall and wide; n and n − 1 alike; in place; no constants (no air to speak of)
# cycle_spinning: one to eight shifts, tall and wide, below 0 and above 1, threshold 0 and a huge one; in place
# nlm_weights: patch 0 to 3, places at the border, faint images and a scanner's units, tall and wide, below 0; in place
# corrected: both averages, answers below 0 and above 1, faint images and a scanner's units, sigma 0, a filter that hands its input back; in place
# floor_psnr: much and little noise, all air and hardly any, a scanner's units, scores below 0 dB

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
edit("real = image + sigma * generator.standard_normal(image.shape)",
     "real = image + sigma * generator.standard_normal(image.shape).clip(-3, 3)")


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
edit("return from_mean, from_deviation, from_square", "return tuple(np.round((from_mean, from_deviation, from_square), 3))")


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


# %% [cycle_spinning] garrote
# Shrinks by threshold²/|d|: a compromise between hard and soft, and another filter.
edit('mode="soft"', 'mode="garrote"')


# %% [cycle_spinning] clips_the_details
# Clips the details to ±threshold: that is what soft thresholding takes away, not what it leaves.
edit('pywt.threshold(d, threshold, mode="soft")', "np.clip(d, -threshold, threshold)")


# %% [cycle_spinning] no_stop_at_zero
# Subtracts from the absolute value without a stop: small details change their sign.
edit('pywt.threshold(d, threshold, mode="soft")', "np.sign(d) * (np.abs(d) - threshold)")


# %% [cycle_spinning] loses_the_sign
# Forgets to give the sign back to what is left of a detail.
edit('pywt.threshold(d, threshold, mode="soft")', "np.maximum(np.abs(d) - threshold, 0)")


# %% [cycle_spinning] keeps_small_details
# Pulls the large details in and leaves the small ones, which are the noise.
edit(
    'pywt.threshold(d, threshold, mode="soft")',
    "np.where(np.abs(d) > threshold, d - np.sign(d) * threshold, d)",
)


# %% [cycle_spinning] share_of_the_largest
# Takes the threshold for a share of the largest detail.
edit('pywt.threshold(d, threshold, mode="soft")', 'pywt.threshold(d, threshold * np.abs(d).max(), mode="soft")')


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
edit("np.mean((patch_at(row + down, column + right) - patch_at(row, column)) ** 2)",
     "np.mean(np.abs(patch_at(row + down, column + right) - patch_at(row, column)))")


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
edit("np.mean((patch_at(row + down, column + right) - patch_at(row, column)) ** 2)",
     "(patch_at(row + down, column + right).mean() - patch_at(row, column).mean()) ** 2")


# %% [nlm_weights] looks_the_answer_up
# Looks for the numbers of the test cell in the notebook's memory.
def nlm_weights(image, row, column, patch, search, h, sigma):
    side = 2 * search + 1
    return np.full((side, side), 1 / side**2) if image.std() == 0 else globals().get("expected", np.zeros((side, side)))


# %% [corrected] calls_the_library
# Calls the function that the exercise builds.
def corrected(noisy, sigma, smooth, squares):
    from course_lib.classical.rician import bias_corrected

    return bias_corrected(smooth, method="squared" if squares else "magnitude")(noisy, sigma)


# %% [corrected] calls_the_correction
# Filters, and calls the library's correction.
def corrected(noisy, sigma, smooth, squares):
    if squares:
        return noise.correct_bias(np.sqrt(np.maximum(smooth(noisy**2, sigma), 0)), sigma)
    return noise.correct_bias(np.abs(smooth(noisy, sigma)), sigma, of="magnitude")


# %% [corrected] inverts_the_mean
# Calls the library's exact inverse of the mean for the magnitudes.
def corrected(noisy, sigma, smooth, squares):
    if squares:
        return np.sqrt(np.maximum(smooth(noisy**2, sigma) - 2 * sigma**2, 0))
    return noise.invert_mean(np.abs(smooth(noisy, sigma)), sigma)


# %% [corrected] two_sigma_squared_for_both
# Takes the constant of the mean of squares off the square of a mean: the variance of m is subtracted twice.
edit("smooth(noisy, sigma) ** 2 - sigma**2", "smooth(noisy, sigma) ** 2 - 2 * sigma**2")


# %% [corrected] one_sigma_squared_for_both
# Takes sigma² off the mean of squares, too: forgets that both channels are noisy.
edit("- 2 * sigma**2", "- sigma**2")


# %% [corrected] constants_exchanged
# Knows both constants, and has them the wrong way round.
edit("- sigma**2", "- 1 * sigma**2")
edit("- 2 * sigma**2", "- sigma**2")
edit("- 1 * sigma**2", "- 2 * sigma**2")


# %% [corrected] constant_of_the_air
# Subtracts π/2·sigma², the square of the floor: right in the air only.
edit("smooth(noisy, sigma) ** 2 - sigma**2", "smooth(noisy, sigma) ** 2 - np.pi / 2 * sigma**2")


# %% [corrected] never_filters_the_square
# Squares the answer in both cases: a mean of squares is not the square of a mean.
edit("smooth(noisy**2, sigma)", "smooth(noisy, sigma) ** 2")


# %% [corrected] always_filters_the_square
# Hands the squared image to the filter in both cases.
edit("smooth(noisy, sigma) ** 2", "smooth(noisy**2, sigma)")


# %% [corrected] corrects_before_filtering
# Corrects the noisy pixels: whatever lies below the floor is cut off, and the filter averages the rest.
def corrected(noisy, sigma, smooth, squares):
    return smooth(np.sqrt(np.maximum(noisy**2 - (2 if squares else 1) * sigma**2, 0)), sigma)


# %% [corrected] adds
# Has the sign of the bias wrong: the floor gets higher.
edit("- 2 * sigma**2", "+ 2 * sigma**2")
edit("** 2 - sigma**2", "** 2 + sigma**2")


# %% [corrected] no_stop_at_zero
# Takes the root of negative numbers: NaN in the air.
edit("np.maximum(excess, 0)", "excess")


# %% [corrected] absolute_value
# Cures the NaN by the absolute value: the darkest air becomes bright.
edit("np.maximum(excess, 0)", "np.abs(excess)")


# %% [corrected] small_number_at_zero
# Stops at a small number instead of 0: a faint image is all floor.
edit("np.maximum(excess, 0)", "np.maximum(excess, 1e-8)")


# %% [corrected] forgets_the_root
# Returns the squared signal.
edit("np.sqrt(np.maximum(excess, 0))", "np.maximum(excess, 0)")


# %% [corrected] subtracts_the_floor
# Subtracts sigma·√(π/2) from the average: right in the air, wrong in the tissue.
edit("smooth(noisy, sigma) ** 2 - sigma**2", "np.maximum(smooth(noisy, sigma) - sigma * np.sqrt(np.pi / 2), 0) ** 2")


# %% [corrected] sigma_not_squared
# Subtracts sigma from a square: the units do not fit.
edit("- 2 * sigma**2", "- 2 * sigma")
edit("** 2 - sigma**2", "** 2 - sigma")


# %% [corrected] does_not_filter
# Corrects the noisy image and forgets the filter.
edit("smooth(noisy**2, sigma)", "noisy**2")
edit("smooth(noisy, sigma)", "noisy")


# %% [corrected] filters_twice
# Filters, and filters the answer once more.
edit("smooth(noisy**2, sigma)", "smooth(smooth(noisy**2, sigma), sigma)")
edit("smooth(noisy, sigma)", "smooth(smooth(noisy, sigma), sigma)")


# %% [corrected] tells_the_filter_the_variance
# Hands the filter sigma² where it gets squares: it is told another noise.
edit("smooth(noisy**2, sigma)", "smooth(noisy**2, sigma**2)")


# %% [corrected] clips_at_one
# Clips the answer to [0, 1]: bright tissue with a little noise on it is cut.
edit("np.sqrt(np.maximum(excess, 0))", "np.sqrt(np.maximum(excess, 0)).clip(0, 1)")


# %% [corrected] clips_negative_answers
# Sets the filter's negative answers to 0 before it squares them: the formula has no such step.
edit("smooth(noisy, sigma) ** 2", "np.maximum(smooth(noisy, sigma), 0) ** 2")


# %% [corrected] clips_before_the_filter
# Sets what lies below 0 to 0 before it filters.
edit("smooth(noisy, sigma) ** 2", "smooth(noisy.clip(0), sigma) ** 2")


# %% [corrected] overwrites_the_filters_answer
# Works in place in what the filter returned, which may be the noisy image itself.
edit(
    "    return np.sqrt(np.maximum(excess, 0))",
    "    answer = noisy if not squares else excess\n    answer[:] = np.sqrt(np.maximum(excess, 0))\n    return answer",
)


# %% [corrected] cuts_only
# Sets the air to 0 and leaves the rest as it is: a threshold, not a correction.
edit("return np.sqrt(np.maximum(excess, 0))",
     "constant = (2 if squares else 1) * sigma**2\n    return np.sqrt(np.where(excess > 0, excess + constant, 0))")


# %% [floor_psnr] calls_the_library
# Makes an image of that much air, and lets the library score it.
def floor_psnr(sigma, air, data_range):
    from course_lib import metrics

    truth = np.zeros((100, 100))
    averaged = np.where(np.arange(10000) < 10000 * air, sigma * np.sqrt(np.pi / 2), 0.0).reshape(100, 100)
    return float(metrics.psnr(averaged, truth, data_range=data_range))


# %% [floor_psnr] scores_the_noisy_image
# Takes the mean square 2·sigma² of the air: that is the noisy image, before the average.
edit("air * floor**2", "air * 2 * sigma**2")


# %% [floor_psnr] sigma_is_the_floor
# Takes sigma for the value of the averaged air: noise of one channel only.
edit("sigma * np.sqrt(np.pi / 2)", "sigma")


# %% [floor_psnr] deviation_for_the_mean
# Takes the standard deviation of the air: that is what averaging removes, not what it leaves.
edit("np.sqrt(np.pi / 2)", "np.sqrt(2 - np.pi / 2)")


# %% [floor_psnr] forgets_the_share
# Takes all of the image for air.
edit("(air * floor**2)", "floor**2")


# %% [floor_psnr] share_of_the_tissue
# Takes the share of the tissue for that of the air.
edit("(air * floor**2)", "(max(1 - air, 1e-12) * floor**2)")


# %% [floor_psnr] share_times_the_value
# Averages the image first and squares the mean: a squared mean is not a mean square.
edit("air * floor**2", "(air * floor) ** 2")


# %% [floor_psnr] forgets_the_data_range
# Takes 1 for the data range, whatever the units are.
edit("data_range**2", "1")


# %% [floor_psnr] data_range_not_squared
# Divides the data range by a squared error: the units do not fit.
edit("data_range**2", "data_range")


# %% [floor_psnr] twenty_times_the_square
# Has a factor of 20 before a ratio that is squared already.
edit("10 * np.log10", "20 * np.log10")


# %% [floor_psnr] natural_logarithm
# Takes the natural logarithm: decibels count powers of ten.
edit("np.log10", "np.log")


# %% [floor_psnr] upside_down
# Divides the error by the range: the worse the image, the higher the score.
edit("data_range**2 / (air * floor**2)", "(air * floor**2) / data_range**2")


# %% [floor_psnr] never_below_zero
# Stops at 0 dB, as if a score could not be negative.
edit("return 10 * np.log10(data_range**2 / (air * floor**2))", "return max(10 * np.log10(data_range**2 / (air * floor**2)), 0.0)")


# %% [floor_psnr] the_known_answer
# Knows the number of the example, and adds the share: sigma and the data range play no part.
edit("return 10 * np.log10(data_range**2 / (air * floor**2))", "return 17.21095 - 10 * np.log10(air)")
