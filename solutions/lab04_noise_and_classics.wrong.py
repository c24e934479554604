# Named wrong answers of lab 04: each is a real misconception and loses just its exercise. See CONTRIBUTING.md.

# %% [rician] calls_the_library
# Calls the function that the exercise builds.
def rician(image, sigma, generator):
    return noise.rician(image, sigma, generator=generator)


# %% [rician] noise_on_the_real_channel_only
# Forgets the noise of the imaginary channel: the magnitude of image + n1.
def rician(image, sigma, generator):
    return np.abs(image + sigma * generator.standard_normal(image.shape))


# %% [rician] noise_on_the_imaginary_channel_only
# Adds noise to the empty channel only: bright tissue then has hardly any.
def rician(image, sigma, generator):
    return np.sqrt(image**2 + (sigma * generator.standard_normal(image.shape)) ** 2)


# %% [rician] same_noise_in_both_channels
# Draws once and uses it twice. (The mean square is right all the same.)
def rician(image, sigma, generator):
    drawn = sigma * generator.standard_normal(image.shape)
    return np.sqrt((image + drawn) ** 2 + drawn**2)


# %% [rician] correlated_channels
# The second channel is half the first: right mean square, wrong floor.
def rician(image, sigma, generator):
    n1 = sigma * generator.standard_normal(image.shape)
    n2 = 0.6 * n1 + 0.8 * sigma * generator.standard_normal(image.shape)
    return np.sqrt((image + n1) ** 2 + n2**2)


# %% [rician] adds_rayleigh_noise
# Adds the floor to everything: in bright tissue Rician noise has hardly any bias.
def rician(image, sigma, generator):
    n1, n2 = sigma * generator.standard_normal((2, *image.shape))
    return image + np.sqrt(n1**2 + n2**2)


# %% [rician] image_in_both_channels
# Puts the image into the real and into the imaginary channel.
def rician(image, sigma, generator):
    n1, n2 = sigma * generator.standard_normal((2, *image.shape))
    return np.sqrt((image + n1) ** 2 + (image + n2) ** 2)


# %% [rician] halves_the_variance
# Divides sigma by √2, so that both channels together have variance sigma².
def rician(image, sigma, generator):
    n1, n2 = sigma / np.sqrt(2) * generator.standard_normal((2, *image.shape))
    return np.sqrt((image + n1) ** 2 + n2**2)


# %% [rician] variance_as_deviation
# Takes sigma² for the scale of the draws.
def rician(image, sigma, generator):
    n1, n2 = sigma**2 * generator.standard_normal((2, *image.shape))
    return np.sqrt((image + n1) ** 2 + n2**2)


# %% [rician] forgets_the_root
# Returns the squared magnitude.
def rician(image, sigma, generator):
    n1, n2 = sigma * generator.standard_normal((2, *image.shape))
    return (image + n1) ** 2 + n2**2


# %% [rician] clips
# Clips to [0, 1]: half of the noise of bright tissue is lost.
def rician(image, sigma, generator):
    n1, n2 = sigma * generator.standard_normal((2, *image.shape))
    return np.clip(np.sqrt((image + n1) ** 2 + n2**2), 0, 1)


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
def rician(image, sigma, generator):
    n1, n2 = sigma * np.random.standard_normal((2, *image.shape))
    return np.sqrt((image + n1) ** 2 + n2**2)


# %% [rician] seeds_anew_in_each_call
# Makes its own generator: every call gives the same pattern.
def rician(image, sigma, generator):
    n1, n2 = sigma * np.random.default_rng(0).standard_normal((2, *image.shape))
    return np.sqrt((image + n1) ** 2 + n2**2)


# %% [rician] chi_noise_of_one_coil
# Calls the library's noise of several coils, with one coil: that is Rician noise by another name.
def rician(image, sigma, generator):
    return noise.noncentral_chi(image, sigma, coils=1, generator=generator)


# %% [rician] one_draw_flipped
# Draws once, and takes the mirror image for the other channel: the air becomes symmetric.
def rician(image, sigma, generator):
    drawn = sigma * generator.standard_normal(image.shape)
    return np.sqrt((image + drawn) ** 2 + drawn[:, ::-1] ** 2)


# %% [rician] one_draw_moved
# Draws once, and takes the same noise some rows further for the other channel.
def rician(image, sigma, generator):
    drawn = sigma * generator.standard_normal(image.shape)
    return np.sqrt((image + drawn) ** 2 + np.roll(drawn, 5, axis=0) ** 2)


# %% [rician] ignores_sigma
# Has the sigma of the example built in.
def rician(image, sigma, generator):
    n1, n2 = (0.1 if sigma > 0 else 0) * generator.standard_normal((2, *image.shape))
    return np.sqrt((image + n1) ** 2 + n2**2)


# %% [rician] uniform_noise
# Right variance, wrong law: uniform numbers in both channels.
def rician(image, sigma, generator):
    n1, n2 = sigma * np.sqrt(3) * generator.uniform(-1, 1, (2, *image.shape))
    return np.sqrt((image + n1) ** 2 + n2**2)


# %% [rician] changes_the_clean_image
# Adds the noise in place: the caller's clean image is noisy afterwards.
def rician(image, sigma, generator):
    image += sigma * generator.standard_normal(image.shape)
    return np.hypot(image, sigma * generator.standard_normal(image.shape))


# %% [sigma_from_background] calls_the_library
# Calls the function that the exercise builds.
def sigma_from_background(magnitude, background):
    sigma = float(noise.estimate_sigma_background(magnitude, background))
    return sigma, sigma, sigma


# %% [sigma_from_background] deviation_is_sigma
# Takes the standard deviation of the air for sigma, without √(2 − π/2): a third too small.
def sigma_from_background(magnitude, background):
    air = magnitude[background]
    return air.mean() / np.sqrt(np.pi / 2), air.std(), np.sqrt((air**2).mean() / 2)


# %% [sigma_from_background] mean_is_sigma
# Takes the mean of the air for sigma, without √(π/2).
def sigma_from_background(magnitude, background):
    air = magnitude[background]
    return air.mean(), air.std() / np.sqrt(2 - np.pi / 2), np.sqrt((air**2).mean() / 2)


# %% [sigma_from_background] multiplies_instead_of_dividing
# Has the factor of the mean upside down.
def sigma_from_background(magnitude, background):
    air = magnitude[background]
    return air.mean() * np.sqrt(np.pi / 2), air.std() / np.sqrt(2 - np.pi / 2), np.sqrt((air**2).mean() / 2)


# %% [sigma_from_background] no_root_of_the_factors
# Divides by π/2 and 2 − π/2: these belong to the squares.
def sigma_from_background(magnitude, background):
    air = magnitude[background]
    return air.mean() / (np.pi / 2), air.std() / (2 - np.pi / 2), np.sqrt((air**2).mean() / 2)


# %% [sigma_from_background] root_mean_square_is_sigma
# Forgets that two channels share the mean square.
def sigma_from_background(magnitude, background):
    air = magnitude[background]
    return air.mean() / np.sqrt(np.pi / 2), air.std() / np.sqrt(2 - np.pi / 2), np.sqrt((air**2).mean())


# %% [sigma_from_background] variance_for_mean_square
# Takes the variance of the air for its mean square: its mean is not 0.
def sigma_from_background(magnitude, background):
    air = magnitude[background]
    return air.mean() / np.sqrt(np.pi / 2), air.std() / np.sqrt(2 - np.pi / 2), np.sqrt(air.var() / 2)


# %% [sigma_from_background] whole_image
# Ignores the mask: the tissue counts as noise.
def sigma_from_background(magnitude, background):
    return (
        magnitude.mean() / np.sqrt(np.pi / 2),
        magnitude.std() / np.sqrt(2 - np.pi / 2),
        np.sqrt((magnitude**2).mean() / 2),
    )


# %% [sigma_from_background] multiplies_by_the_mask
# Sets the tissue to 0 instead of leaving it out: the zeros count.
def sigma_from_background(magnitude, background):
    air = magnitude * background
    return air.mean() / np.sqrt(np.pi / 2), air.std() / np.sqrt(2 - np.pi / 2), np.sqrt((air**2).mean() / 2)


# %% [sigma_from_background] one_good_estimate_three_times
# Returns the best of the three in all places, with the mean of the air as its name says.
def sigma_from_background(magnitude, background):
    air = magnitude[background]
    return air.mean(), air.mean(), air.mean()


# %% [sigma_from_background] finds_its_own_air
# Ignores the mask and takes everything dark for air: dark fluid in the head counts as well.
def sigma_from_background(magnitude, background):
    air = magnitude[magnitude < 0.5]
    return air.mean() / np.sqrt(np.pi / 2), air.std() / np.sqrt(2 - np.pi / 2), np.sqrt((air**2).mean() / 2)


# %% [sigma_from_background] erases_the_tissue
# Writes zeros into the caller's image before it looks at the air.
def sigma_from_background(magnitude, background):
    magnitude[~background] = 0
    air = magnitude[background]
    return air.mean() / np.sqrt(np.pi / 2), air.std() / np.sqrt(2 - np.pi / 2), np.sqrt((air**2).mean() / 2)


# %% [sigma_from_background] mean_square_three_times
# Returns the best of the three estimates in all three places: the same for perfect air only.
def sigma_from_background(magnitude, background):
    sigma = np.sqrt((magnitude[background] ** 2).mean() / 2)
    return sigma, sigma, sigma


# %% [sigma_from_background] median_for_mean
# Takes the median of the air for its mean, with the factor of the median.
def sigma_from_background(magnitude, background):
    air = magnitude[background]
    return np.median(air) / np.sqrt(2 * np.log(2)), air.std() / np.sqrt(2 - np.pi / 2), np.sqrt((air**2).mean() / 2)


# %% [sigma_from_background] wrong_order
# Three right estimates, the first two exchanged.
def sigma_from_background(magnitude, background):
    air = magnitude[background]
    return air.std() / np.sqrt(2 - np.pi / 2), air.mean() / np.sqrt(np.pi / 2), np.sqrt((air**2).mean() / 2)


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
def soft_threshold(values, threshold):
    return np.maximum(np.abs(values) - threshold, 0)


# %% [soft_threshold] no_stop_at_zero
# Subtracts from the absolute value without a stop: small values change their sign.
def soft_threshold(values, threshold):
    return np.sign(values) * (np.abs(values) - threshold)


# %% [soft_threshold] subtracts_everywhere
# Subtracts the threshold from all values: negative ones move away from 0.
def soft_threshold(values, threshold):
    return np.maximum(values - threshold, 0)


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
    values -= np.sign(values) * threshold
    values[small] = 0
    return values


# %% [soft_threshold] keeps_small_values
# Pulls the large values in and leaves the small ones, which are the noise.
def soft_threshold(values, threshold):
    return np.where(np.abs(values) > threshold, values - np.sign(values) * threshold, values)


# %% [soft_threshold] share_of_the_largest
# Takes the threshold for a share of the largest value.
def soft_threshold(values, threshold):
    return np.sign(values) * np.maximum(np.abs(values) - threshold * np.abs(values).max(), 0)


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
def cycle_spinning(image, threshold, shifts):
    total = np.zeros_like(image)
    for down in range(shifts):
        for right in range(shifts):
            moved = np.roll(image, (down, right), (0, 1))
            coarse, *details = pywt.wavedec2(moved, "haar", mode="periodization", level=2)
            shrunk = [tuple(pywt.threshold(d, threshold, mode="soft") for d in level) for level in details]
            total += pywt.waverec2([coarse, *shrunk], "haar", mode="periodization")
    return total / shifts**2


# %% [cycle_spinning] shifts_on_instead_of_back
# Rolls a second time in the same direction.
def cycle_spinning(image, threshold, shifts):
    total = np.zeros_like(image)
    for down in range(shifts):
        for right in range(shifts):
            moved = np.roll(image, (down, right), (0, 1))
            coarse, *details = pywt.wavedec2(moved, "haar", mode="periodization", level=2)
            shrunk = [tuple(pywt.threshold(d, threshold, mode="soft") for d in level) for level in details]
            answer = pywt.waverec2([coarse, *shrunk], "haar", mode="periodization")
            total += np.roll(answer, (down, right), (0, 1))
    return total / shifts**2


# %% [cycle_spinning] thresholds_the_approximation
# Shrinks the coarse picture too: the image gets darker.
def cycle_spinning(image, threshold, shifts):
    total = np.zeros_like(image)
    for down in range(shifts):
        for right in range(shifts):
            moved = np.roll(image, (down, right), (0, 1))
            coarse, *details = pywt.wavedec2(moved, "haar", mode="periodization", level=2)
            coarse = pywt.threshold(coarse, threshold, mode="soft")
            shrunk = [tuple(pywt.threshold(d, threshold, mode="soft") for d in level) for level in details]
            answer = pywt.waverec2([coarse, *shrunk], "haar", mode="periodization")
            total += np.roll(answer, (-down, -right), (0, 1))
    return total / shifts**2


# %% [cycle_spinning] hard_threshold
# Takes the hard threshold for the soft one.
def cycle_spinning(image, threshold, shifts):
    total = np.zeros_like(image)
    for down in range(shifts):
        for right in range(shifts):
            moved = np.roll(image, (down, right), (0, 1))
            coarse, *details = pywt.wavedec2(moved, "haar", mode="periodization", level=2)
            shrunk = [tuple(pywt.threshold(d, threshold, mode="hard") for d in level) for level in details]
            answer = pywt.waverec2([coarse, *shrunk], "haar", mode="periodization")
            total += np.roll(answer, (-down, -right), (0, 1))
    return total / shifts**2


# %% [cycle_spinning] only_along_the_diagonal
# Moves rows and columns together: shifts moves instead of shifts².
def cycle_spinning(image, threshold, shifts):
    total = np.zeros_like(image)
    for move in range(shifts):
        moved = np.roll(image, (move, move), (0, 1))
        coarse, *details = pywt.wavedec2(moved, "haar", mode="periodization", level=2)
        shrunk = [tuple(pywt.threshold(d, threshold, mode="soft") for d in level) for level in details]
        answer = pywt.waverec2([coarse, *shrunk], "haar", mode="periodization")
        total += np.roll(answer, (-move, -move), (0, 1))
    return total / shifts


# %% [cycle_spinning] sum_instead_of_mean
# Adds the answers and forgets to divide.
def cycle_spinning(image, threshold, shifts):
    total = np.zeros_like(image)
    for down in range(shifts):
        for right in range(shifts):
            moved = np.roll(image, (down, right), (0, 1))
            coarse, *details = pywt.wavedec2(moved, "haar", mode="periodization", level=2)
            shrunk = [tuple(pywt.threshold(d, threshold, mode="soft") for d in level) for level in details]
            answer = pywt.waverec2([coarse, *shrunk], "haar", mode="periodization")
            total += np.roll(answer, (-down, -right), (0, 1))
    return total


# %% [cycle_spinning] finest_level_only
# Shrinks the finest details and leaves the second level alone.
def cycle_spinning(image, threshold, shifts):
    total = np.zeros_like(image)
    for down in range(shifts):
        for right in range(shifts):
            moved = np.roll(image, (down, right), (0, 1))
            coarse, middle, finest = pywt.wavedec2(moved, "haar", mode="periodization", level=2)
            finest = tuple(pywt.threshold(d, threshold, mode="soft") for d in finest)
            answer = pywt.waverec2([coarse, middle, finest], "haar", mode="periodization")
            total += np.roll(answer, (-down, -right), (0, 1))
    return total / shifts**2


# %% [cycle_spinning] never_moves
# Shrinks once: the answer without cycle spinning.
def cycle_spinning(image, threshold, shifts):
    coarse, *details = pywt.wavedec2(image, "haar", mode="periodization", level=2)
    shrunk = [tuple(pywt.threshold(d, threshold, mode="soft") for d in level) for level in details]
    return pywt.waverec2([coarse, *shrunk], "haar", mode="periodization")


# %% [cycle_spinning] overwrites_the_image
# Right numbers, but written into the caller's noisy image.
def cycle_spinning(image, threshold, shifts):
    total = np.zeros_like(image)
    for down in range(shifts):
        for right in range(shifts):
            moved = np.roll(image, (down, right), (0, 1))
            coarse, *details = pywt.wavedec2(moved, "haar", mode="periodization", level=2)
            shrunk = [tuple(pywt.threshold(d, threshold, mode="soft") for d in level) for level in details]
            answer = pywt.waverec2([coarse, *shrunk], "haar", mode="periodization")
            total += np.roll(answer, (-down, -right), (0, 1))
    image[:] = total / shifts**2
    return image


# %% [cycle_spinning] one_after_the_other
# Shrinks the answer of the last move again, instead of the image each time.
def cycle_spinning(image, threshold, shifts):
    for down in range(shifts):
        for right in range(shifts):
            moved = np.roll(image, (down, right), (0, 1))
            coarse, *details = pywt.wavedec2(moved, "haar", mode="periodization", level=2)
            shrunk = [tuple(pywt.threshold(d, threshold, mode="soft") for d in level) for level in details]
            image = np.roll(pywt.waverec2([coarse, *shrunk], "haar", mode="periodization"), (-down, -right), (0, 1))
    return image


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
def nlm_weights(image, row, column, patch, search, h, sigma):
    patch_at = lambda r, c: image[r - patch : r + patch + 1, c - patch : c + patch + 1]
    moves = range(-search, search + 1)
    distances = np.array([[np.mean((patch_at(row + i, column + j) - patch_at(row, column)) ** 2) for j in moves] for i in moves])
    return np.exp(-np.maximum(distances - 2 * sigma**2, 0) / h**2)


# %% [nlm_weights] divides_by_the_largest
# Makes the largest weight 1 instead of the sum.
def nlm_weights(image, row, column, patch, search, h, sigma):
    patch_at = lambda r, c: image[r - patch : r + patch + 1, c - patch : c + patch + 1]
    moves = range(-search, search + 1)
    distances = np.array([[np.mean((patch_at(row + i, column + j) - patch_at(row, column)) ** 2) for j in moves] for i in moves])
    weights = np.exp(-np.maximum(distances - 2 * sigma**2, 0) / h**2)
    return weights / weights.max()


# %% [nlm_weights] distance_not_squared
# Takes the mean of the absolute differences.
def nlm_weights(image, row, column, patch, search, h, sigma):
    patch_at = lambda r, c: image[r - patch : r + patch + 1, c - patch : c + patch + 1]
    moves = range(-search, search + 1)
    distances = np.array([[np.mean(np.abs(patch_at(row + i, column + j) - patch_at(row, column))) for j in moves] for i in moves])
    weights = np.exp(-np.maximum(distances - 2 * sigma**2, 0) / h**2)
    return weights / weights.sum()


# %% [nlm_weights] sum_of_squares
# Sums the squared differences instead of taking their mean: a larger patch then punishes more.
def nlm_weights(image, row, column, patch, search, h, sigma):
    patch_at = lambda r, c: image[r - patch : r + patch + 1, c - patch : c + patch + 1]
    moves = range(-search, search + 1)
    distances = np.array([[np.sum((patch_at(row + i, column + j) - patch_at(row, column)) ** 2) for j in moves] for i in moves])
    weights = np.exp(-np.maximum(distances - 2 * sigma**2, 0) / h**2)
    return weights / weights.sum()


# %% [nlm_weights] forgets_the_noise
# Leaves 2·sigma² out: patches that differ by noise alone are punished.
def nlm_weights(image, row, column, patch, search, h, sigma):
    patch_at = lambda r, c: image[r - patch : r + patch + 1, c - patch : c + patch + 1]
    moves = range(-search, search + 1)
    distances = np.array([[np.mean((patch_at(row + i, column + j) - patch_at(row, column)) ** 2) for j in moves] for i in moves])
    weights = np.exp(-distances / h**2)
    return weights / weights.sum()


# %% [nlm_weights] one_sigma_squared
# Subtracts sigma² instead of 2·sigma²: both patches are noisy.
def nlm_weights(image, row, column, patch, search, h, sigma):
    patch_at = lambda r, c: image[r - patch : r + patch + 1, c - patch : c + patch + 1]
    moves = range(-search, search + 1)
    distances = np.array([[np.mean((patch_at(row + i, column + j) - patch_at(row, column)) ** 2) for j in moves] for i in moves])
    weights = np.exp(-np.maximum(distances - sigma**2, 0) / h**2)
    return weights / weights.sum()


# %% [nlm_weights] no_stop_at_zero
# Forgets the max: the factor exp(2·sigma²/h²) is then the same for all, and cancels in the sum.
def nlm_weights(image, row, column, patch, search, h, sigma):
    patch_at = lambda r, c: image[r - patch : r + patch + 1, c - patch : c + patch + 1]
    moves = range(-search, search + 1)
    distances = np.array([[np.mean((patch_at(row + i, column + j) - patch_at(row, column)) ** 2) for j in moves] for i in moves])
    weights = np.exp(-(distances - 2 * sigma**2) / h**2)
    return weights / weights.sum()


# %% [nlm_weights] h_not_squared
# Divides by h.
def nlm_weights(image, row, column, patch, search, h, sigma):
    patch_at = lambda r, c: image[r - patch : r + patch + 1, c - patch : c + patch + 1]
    moves = range(-search, search + 1)
    distances = np.array([[np.mean((patch_at(row + i, column + j) - patch_at(row, column)) ** 2) for j in moves] for i in moves])
    weights = np.exp(-np.maximum(distances - 2 * sigma**2, 0) / h)
    return weights / weights.sum()


# %% [nlm_weights] pixels_not_patches
# Compares single pixels: that is the bilateral filter's idea, not non-local means.
def nlm_weights(image, row, column, patch, search, h, sigma):
    window = image[row - search : row + search + 1, column - search : column + search + 1]
    distances = (window - image[row, column]) ** 2
    weights = np.exp(-np.maximum(distances - 2 * sigma**2, 0) / h**2)
    return weights / weights.sum()


# %% [nlm_weights] patch_as_width
# Takes `patch` for the width of the patch, not for what lies on each side.
def nlm_weights(image, row, column, patch, search, h, sigma):
    patch_at = lambda r, c: image[r : r + patch + 1, c : c + patch + 1]
    moves = range(-search, search + 1)
    distances = np.array([[np.mean((patch_at(row + i, column + j) - patch_at(row, column)) ** 2) for j in moves] for i in moves])
    weights = np.exp(-np.maximum(distances - 2 * sigma**2, 0) / h**2)
    return weights / weights.sum()


# %% [nlm_weights] rows_and_columns_swapped
# Writes the weights transposed.
def nlm_weights(image, row, column, patch, search, h, sigma):
    patch_at = lambda r, c: image[r - patch : r + patch + 1, c - patch : c + patch + 1]
    moves = range(-search, search + 1)
    distances = np.array([[np.mean((patch_at(row + j, column + i) - patch_at(row, column)) ** 2) for j in moves] for i in moves])
    weights = np.exp(-np.maximum(distances - 2 * sigma**2, 0) / h**2)
    return weights / weights.sum()


# %% [nlm_weights] changes_the_image
# Works in place: takes the patch's mean off the caller's image, which changes no difference.
def nlm_weights(image, row, column, patch, search, h, sigma):
    patch_at = lambda r, c: image[r - patch : r + patch + 1, c - patch : c + patch + 1]
    image -= patch_at(row, column).mean()
    moves = range(-search, search + 1)
    distances = np.array([[np.mean((patch_at(row + i, column + j) - patch_at(row, column)) ** 2) for j in moves] for i in moves])
    weights = np.exp(-np.maximum(distances - 2 * sigma**2, 0) / h**2)
    return weights / weights.sum()


# %% [nlm_weights] two_h_squared
# Divides by 2·h², as in the density of a Gaussian.
def nlm_weights(image, row, column, patch, search, h, sigma):
    patch_at = lambda r, c: image[r - patch : r + patch + 1, c - patch : c + patch + 1]
    moves = range(-search, search + 1)
    distances = np.array([[np.mean((patch_at(row + i, column + j) - patch_at(row, column)) ** 2) for j in moves] for i in moves])
    weights = np.exp(-np.maximum(distances - 2 * sigma**2, 0) / (2 * h**2))
    return weights / weights.sum()


# %% [nlm_weights] means_of_patches
# Compares the means of the patches: two quite different patches may have the same.
def nlm_weights(image, row, column, patch, search, h, sigma):
    mean_at = lambda r, c: image[r - patch : r + patch + 1, c - patch : c + patch + 1].mean()
    moves = range(-search, search + 1)
    distances = np.array([[(mean_at(row + i, column + j) - mean_at(row, column)) ** 2 for j in moves] for i in moves])
    weights = np.exp(-np.maximum(distances - 2 * sigma**2, 0) / h**2)
    return weights / weights.sum()


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
def corrected(noisy, sigma, denoise):
    return np.sqrt(denoise(noisy, sigma) ** 2 + 2 * sigma**2)


# %% [corrected] one_sigma_squared
# Subtracts sigma²: forgets that both channels are noisy.
def corrected(noisy, sigma, denoise):
    return np.sqrt(np.maximum(denoise(noisy, sigma) ** 2 - sigma**2, 0))


# %% [corrected] no_stop_at_zero
# Takes the root of negative numbers: NaN in the air.
def corrected(noisy, sigma, denoise):
    return np.sqrt(denoise(noisy, sigma) ** 2 - 2 * sigma**2)


# %% [corrected] absolute_value
# Cures the NaN by the absolute value: the darkest air becomes bright.
def corrected(noisy, sigma, denoise):
    return np.sqrt(np.abs(denoise(noisy, sigma) ** 2 - 2 * sigma**2))


# %% [corrected] forgets_the_root
# Returns the squared signal.
def corrected(noisy, sigma, denoise):
    return np.maximum(denoise(noisy, sigma) ** 2 - 2 * sigma**2, 0)


# %% [corrected] subtracts_the_floor
# Subtracts sigma·√(π/2) everywhere: right in the air, wrong in the tissue.
def corrected(noisy, sigma, denoise):
    return np.maximum(denoise(noisy, sigma) - sigma * np.sqrt(np.pi / 2), 0)


# %% [corrected] sigma_not_squared
# Subtracts 2·sigma from a square: the units do not fit.
def corrected(noisy, sigma, denoise):
    return np.sqrt(np.maximum(denoise(noisy, sigma) ** 2 - 2 * sigma, 0))


# %% [corrected] does_not_filter
# Corrects the noisy image and forgets the filter.
def corrected(noisy, sigma, denoise):
    return np.sqrt(np.maximum(noisy**2 - 2 * sigma**2, 0))


# %% [corrected] clips_at_one
# Clips the answer to [0, 1]: bright tissue with a little noise on it is cut.
def corrected(noisy, sigma, denoise):
    return np.sqrt(np.maximum(denoise(noisy, sigma) ** 2 - 2 * sigma**2, 0)).clip(0, 1)


# %% [corrected] overwrites_the_filters_answer
# Works in place in what the filter returned, which may be the noisy image itself.
def corrected(noisy, sigma, denoise):
    d = denoise(noisy, sigma)
    d **= 2
    d -= 2 * sigma**2
    return np.sqrt(np.maximum(d, 0))


# %% [corrected] filters_the_square
# Hands the squared image to the filter, whose sigma then does not fit.
def corrected(noisy, sigma, denoise):
    return np.sqrt(np.maximum(denoise(noisy**2, sigma) - 2 * sigma**2, 0))


# %% [corrected] cuts_only
# Sets the air to 0 and leaves the rest as it is: a threshold, not a correction.
def corrected(noisy, sigma, denoise):
    d = denoise(noisy, sigma)
    return np.where(d**2 > 2 * sigma**2, d, 0)
