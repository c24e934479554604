# Named wrong answers of lab 05: each is a real misconception and loses just its exercise. See CONTRIBUTING.md.

# %% [batch_psnr] calls_the_library
# Calls the function that the exercise builds.
def batch_psnr(prediction, target, data_range, mask):
    return metrics.psnr(prediction, target, data_range=data_range, mask=mask).mean()


# %% [batch_psnr] natural_logarithm
# Takes torch.log for the logarithm to base 10.
def batch_psnr(prediction, target, data_range, mask):
    error = ((prediction - target) ** 2 * mask).sum((1, 2, 3)) / mask.sum((1, 2, 3))
    return (10 * torch.log(data_range**2 / error)).mean()


# %% [batch_psnr] psnr_of_the_mean_error
# Averages the errors of all images first: the worst image decides.
def batch_psnr(prediction, target, data_range, mask):
    error = ((prediction - target) ** 2 * mask).sum((1, 2, 3)) / mask.sum((1, 2, 3))
    return 10 * torch.log10(data_range**2 / error.mean())


# %% [batch_psnr] divides_by_all_pixels
# Sets the error outside the mask to zero, but still counts those pixels.
def batch_psnr(prediction, target, data_range, mask):
    error = ((prediction - target) ** 2 * mask).mean((1, 2, 3))
    return (10 * torch.log10(data_range**2 / error)).mean()


# %% [batch_psnr] ignores_the_mask
# Scores the whole image.
def batch_psnr(prediction, target, data_range, mask):
    error = ((prediction - target) ** 2).mean((1, 2, 3))
    return (10 * torch.log10(data_range**2 / error)).mean()


# %% [batch_psnr] one_mask_for_all
# Divides by the mean number of pixels in a mask, not by each image's own.
def batch_psnr(prediction, target, data_range, mask):
    error = ((prediction - target) ** 2 * mask).sum((1, 2, 3)) / (mask.sum() / len(mask))
    return (10 * torch.log10(data_range**2 / error)).mean()


# %% [batch_psnr] largest_value_as_range
# Takes the largest value of the target for the data range.
def batch_psnr(prediction, target, data_range, mask):
    error = ((prediction - target) ** 2 * mask).sum((1, 2, 3)) / mask.sum((1, 2, 3))
    return (10 * torch.log10(target.amax((1, 2, 3)) ** 2 / error)).mean()


# %% [batch_psnr] range_not_squared
# Forgets the square of the data range: right only where it is 1.
def batch_psnr(prediction, target, data_range, mask):
    error = ((prediction - target) ** 2 * mask).sum((1, 2, 3)) / mask.sum((1, 2, 3))
    return (10 * torch.log10(data_range / error)).mean()


# %% [batch_psnr] one_number_an_image
# Forgets the mean over the images.
def batch_psnr(prediction, target, data_range, mask):
    error = ((prediction - target) ** 2 * mask).sum((1, 2, 3)) / mask.sum((1, 2, 3))
    return 10 * torch.log10(data_range**2 / error)


# %% [batch_psnr] changes_its_input
# Blanks the images outside the mask in place: the right number, and the caller's images are gone.
def batch_psnr(prediction, target, data_range, mask):
    prediction[~mask], target[~mask] = 0, 0
    error = ((prediction - target) ** 2).sum((1, 2, 3)) / mask.sum((1, 2, 3))
    return (10 * torch.log10(data_range**2 / error)).mean()


# %% [batch_psnr] calls_a_helper_of_the_library
# Calls a private helper of the library, which does the masked mean.
def batch_psnr(prediction, target, data_range, mask):
    return (10 * torch.log10(data_range**2 / metrics._mean((prediction - target) ** 2, mask))).mean()


# %% [batch_psnr] absolute_error
# Takes the mean absolute error for the root of the MSE: the same only where all errors are equal.
def batch_psnr(prediction, target, data_range, mask):
    error = ((prediction - target).abs() * mask).sum((1, 2, 3)) / mask.sum((1, 2, 3))
    return (20 * torch.log10(data_range / error)).mean()


# %% [batch_psnr] prints_it
# Prints the number instead of returning it.
def batch_psnr(prediction, target, data_range, mask):
    error = ((prediction - target) ** 2 * mask).sum((1, 2, 3)) / mask.sum((1, 2, 3))
    print((10 * torch.log10(data_range**2 / error)).mean())


# %% [ssim] calls_the_library
# Calls the function that the exercise builds.
def ssim(prediction, target, data_range):
    value = metrics.ssim(prediction, target, data_range=data_range)
    return value, value


# %% [ssim] calls_scikit_image
# Calls another library's function instead of writing it.
def ssim(prediction, target, data_range):
    from skimage.metrics import structural_similarity

    value = structural_similarity(
        prediction, target, data_range=data_range, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    return value, value


# %% [ssim] no_constants
# Leaves out c1 and c2: 0 / 0 in the empty background.
def ssim(prediction, target, data_range):
    i = np.arange(-5, 6)
    window = np.exp(-(i[:, None] ** 2 + i**2) / 4.5)
    window /= window.sum()
    mean = lambda x: (np.lib.stride_tricks.sliding_window_view(x, (11, 11)) * window).sum((-2, -1))
    mx, my = mean(prediction), mean(target)
    vx, vy = mean(prediction**2) - mx**2, mean(target**2) - my**2
    cov = mean(prediction * target) - mx * my
    with np.errstate(all="ignore"):
        lum, cs = 2 * mx * my / (mx**2 + my**2), 2 * cov / (vx + vy)
    return np.mean(lum * cs), np.mean(cs)


# %% [ssim] global_moments
# One window, the whole image: structure is local.
def ssim(prediction, target, data_range):
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    mx, my = prediction.mean(), target.mean()
    cov = ((prediction - mx) * (target - my)).mean()
    lum = (2 * mx * my + c1) / (mx**2 + my**2 + c1)
    cs = (2 * cov + c2) / (prediction.var() + target.var() + c2)
    return lum * cs, cs


# %% [ssim] sigma_not_squared
# Writes exp(-d² / (2σ)) for the Gaussian: another window.
def ssim(prediction, target, data_range):
    i = np.arange(-5, 6)
    window = np.exp(-(i[:, None] ** 2 + i**2) / (2 * 1.5))
    window /= window.sum()
    mean = lambda x: (np.lib.stride_tricks.sliding_window_view(x, (11, 11)) * window).sum((-2, -1))
    mx, my = mean(prediction), mean(target)
    vx, vy = mean(prediction**2) - mx**2, mean(target**2) - my**2
    cov = mean(prediction * target) - mx * my
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    lum, cs = (2 * mx * my + c1) / (mx**2 + my**2 + c1), (2 * cov + c2) / (vx + vy + c2)
    return np.mean(lum * cs), np.mean(cs)


# %% [ssim] window_not_normalised
# Forgets to divide the window by its sum: a weighted sum is no mean.
def ssim(prediction, target, data_range):
    i = np.arange(-5, 6)
    window = np.exp(-(i[:, None] ** 2 + i**2) / 4.5)
    mean = lambda x: (np.lib.stride_tricks.sliding_window_view(x, (11, 11)) * window).sum((-2, -1))
    mx, my = mean(prediction), mean(target)
    vx, vy = mean(prediction**2) - mx**2, mean(target**2) - my**2
    cov = mean(prediction * target) - mx * my
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    lum, cs = (2 * mx * my + c1) / (mx**2 + my**2 + c1), (2 * cov + c2) / (vx + vy + c2)
    return np.mean(lum * cs), np.mean(cs)


# %% [ssim] flat_window
# Plain 11×11 means: all pixels of the window count alike.
def ssim(prediction, target, data_range):
    mean = lambda x: np.lib.stride_tricks.sliding_window_view(x, (11, 11)).mean((-2, -1))
    mx, my = mean(prediction), mean(target)
    vx, vy = mean(prediction**2) - mx**2, mean(target**2) - my**2
    cov = mean(prediction * target) - mx * my
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    lum, cs = (2 * mx * my + c1) / (mx**2 + my**2 + c1), (2 * cov + c2) / (vx + vy + c2)
    return np.mean(lum * cs), np.mean(cs)


# %% [ssim] mean_of_squares_as_variance
# Forgets to subtract the square of the mean.
def ssim(prediction, target, data_range):
    i = np.arange(-5, 6)
    window = np.exp(-(i[:, None] ** 2 + i**2) / 4.5)
    window /= window.sum()
    mean = lambda x: (np.lib.stride_tricks.sliding_window_view(x, (11, 11)) * window).sum((-2, -1))
    mx, my = mean(prediction), mean(target)
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    lum = (2 * mx * my + c1) / (mx**2 + my**2 + c1)
    cs = (2 * mean(prediction * target) + c2) / (mean(prediction**2) + mean(target**2) + c2)
    return np.mean(lum * cs), np.mean(cs)


# %% [ssim] product_of_the_means
# Multiplies the mean luminance by the mean structure: the mean of a product is another number.
def ssim(prediction, target, data_range):
    i = np.arange(-5, 6)
    window = np.exp(-(i[:, None] ** 2 + i**2) / 4.5)
    window /= window.sum()
    mean = lambda x: (np.lib.stride_tricks.sliding_window_view(x, (11, 11)) * window).sum((-2, -1))
    mx, my = mean(prediction), mean(target)
    vx, vy = mean(prediction**2) - mx**2, mean(target**2) - my**2
    cov = mean(prediction * target) - mx * my
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    lum, cs = (2 * mx * my + c1) / (mx**2 + my**2 + c1), (2 * cov + c2) / (vx + vy + c2)
    return np.mean(lum) * np.mean(cs), np.mean(cs)


# %% [ssim] constants_for_range_one
# Leaves the data range out of the constants: right only for images in [0, 1].
def ssim(prediction, target, data_range):
    i = np.arange(-5, 6)
    window = np.exp(-(i[:, None] ** 2 + i**2) / 4.5)
    window /= window.sum()
    mean = lambda x: (np.lib.stride_tricks.sliding_window_view(x, (11, 11)) * window).sum((-2, -1))
    mx, my = mean(prediction), mean(target)
    vx, vy = mean(prediction**2) - mx**2, mean(target**2) - my**2
    cov = mean(prediction * target) - mx * my
    lum, cs = (2 * mx * my + 0.01**2) / (mx**2 + my**2 + 0.01**2), (2 * cov + 0.03**2) / (vx + vy + 0.03**2)
    return np.mean(lum * cs), np.mean(cs)


# %% [ssim] changes_its_input
# Squares both images in place, to save memory: the caller's images are gone.
def ssim(prediction, target, data_range):
    i = np.arange(-5, 6)
    window = np.exp(-(i[:, None] ** 2 + i**2) / 4.5)
    window /= window.sum()
    mean = lambda x: (np.lib.stride_tricks.sliding_window_view(x, (11, 11)) * window).sum((-2, -1))
    mx, my = mean(prediction), mean(target)
    cov = mean(prediction * target) - mx * my
    prediction *= prediction
    target *= target
    vx, vy = mean(prediction) - mx**2, mean(target) - my**2
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    lum, cs = (2 * mx * my + c1) / (mx**2 + my**2 + c1), (2 * cov + c2) / (vx + vy + c2)
    return np.mean(lum * cs), np.mean(cs)


# %% [ssim] clips_the_images
# Cuts the noisy image off at 0 and at the data range before it is scored.
def ssim(prediction, target, data_range):
    prediction = np.clip(prediction, 0, data_range)
    i = np.arange(-5, 6)
    window = np.exp(-(i[:, None] ** 2 + i**2) / 4.5)
    window /= window.sum()
    mean = lambda x: (np.lib.stride_tricks.sliding_window_view(x, (11, 11)) * window).sum((-2, -1))
    mx, my = mean(prediction), mean(target)
    vx, vy = mean(prediction**2) - mx**2, mean(target**2) - my**2
    cov = mean(prediction * target) - mx * my
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    lum, cs = (2 * mx * my + c1) / (mx**2 + my**2 + c1), (2 * cov + c2) / (vx + vy + c2)
    return np.mean(lum * cs), np.mean(cs)


# %% [ssim] covariance_without_sign
# Takes the size of the covariance: a negative of the image counts as alike.
def ssim(prediction, target, data_range):
    i = np.arange(-5, 6)
    window = np.exp(-(i[:, None] ** 2 + i**2) / 4.5)
    window /= window.sum()
    mean = lambda x: (np.lib.stride_tricks.sliding_window_view(x, (11, 11)) * window).sum((-2, -1))
    mx, my = mean(prediction), mean(target)
    vx, vy = mean(prediction**2) - mx**2, mean(target**2) - my**2
    cov = mean(prediction * target) - mx * my
    cov = np.abs(cov)
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    lum, cs = (2 * mx * my + c1) / (mx**2 + my**2 + c1), (2 * cov + c2) / (vx + vy + c2)
    return np.mean(lum * cs), np.mean(cs)


# %% [ssim] sample_covariance
# Turns population into sample statistics, 121 / 120, as scikit-image does unless told not to.
def ssim(prediction, target, data_range):
    i = np.arange(-5, 6)
    window = np.exp(-(i[:, None] ** 2 + i**2) / 4.5)
    window /= window.sum()
    mean = lambda x: (np.lib.stride_tricks.sliding_window_view(x, (11, 11)) * window).sum((-2, -1))
    mx, my = mean(prediction), mean(target)
    vx, vy = mean(prediction**2) - mx**2, mean(target**2) - my**2
    cov = mean(prediction * target) - mx * my
    vx, vy, cov = (121 / 120 * moment for moment in (vx, vy, cov))
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    lum, cs = (2 * mx * my + c1) / (mx**2 + my**2 + c1), (2 * cov + c2) / (vx + vy + c2)
    return np.mean(lum * cs), np.mean(cs)


# %% [ssim] calls_a_helper_of_the_library
# Calls a private helper of the library, which gives all four parts of the formula.
def ssim(prediction, target, data_range):
    from course_lib.metrics import structure as _ssim

    x, y = torch.from_numpy(prediction), torch.from_numpy(target)
    a, b, c, d = _ssim._factors(x, y, data_range, "gaussian", 0.01, 0.03)
    return float((a * c / (b * d)).mean()), float((c / d).mean())


# %% [ssim] calls_another_library
# Lets a package from PyPI do the work; it has both numbers.
def ssim(prediction, target, data_range):
    from importlib import import_module

    x, y = (torch.from_numpy(image)[None, None] for image in (prediction, target))
    window = torch.exp(-(torch.arange(-5, 6).double() ** 2) / 4.5)
    both, structure = import_module("pytorch_msssim.ssim")._ssim(x, y, data_range, (window / window.sum())[None, None, None])
    return float(both), float(structure)


# %% [ms_ssim] calls_the_library
# Calls the function that the exercise builds.
def ms_ssim(prediction, target, similarity, weights):
    big = [np.kron(image, np.ones((16, 16))) for image in (prediction, target)]
    return metrics.ms_ssim(*big, data_range=1)


# %% [ms_ssim] luminance_at_every_scale
# Uses the whole SSIM at each scale, where only the coarsest has the luminance.
def ms_ssim(prediction, target, similarity, weights):
    halve = lambda x: x[: x.shape[0] // 2 * 2, : x.shape[1] // 2 * 2].reshape(x.shape[0] // 2, 2, -1, 2).mean((1, 3))
    product = 1.0
    for weight in weights:
        product *= max(similarity(prediction, target)[0], 0) ** weight
        prediction, target = halve(prediction), halve(target)
    return product


# %% [ms_ssim] no_luminance
# Uses cs at the last scale too.
def ms_ssim(prediction, target, similarity, weights):
    halve = lambda x: x[: x.shape[0] // 2 * 2, : x.shape[1] // 2 * 2].reshape(x.shape[0] // 2, 2, -1, 2).mean((1, 3))
    product = 1.0
    for weight in weights:
        product *= max(similarity(prediction, target)[1], 0) ** weight
        prediction, target = halve(prediction), halve(target)
    return product


# %% [ms_ssim] never_halves
# Looks at the same scale again and again.
def ms_ssim(prediction, target, similarity, weights):
    product = 1.0
    for weight in weights[:-1]:
        product *= max(similarity(prediction, target)[1], 0) ** weight
    return product * max(similarity(prediction, target)[0], 0) ** weights[-1]


# %% [ms_ssim] takes_every_second_pixel
# Skips pixels instead of averaging them: aliasing.
def ms_ssim(prediction, target, similarity, weights):
    skip = lambda x: x[: x.shape[0] // 2 * 2 : 2, : x.shape[1] // 2 * 2 : 2]
    product = 1.0
    for weight in weights[:-1]:
        product *= max(similarity(prediction, target)[1], 0) ** weight
        prediction, target = skip(prediction), skip(target)
    return product * max(similarity(prediction, target)[0], 0) ** weights[-1]


# %% [ms_ssim] weights_backwards
# Gives the first weight to the coarsest scale.
def ms_ssim(prediction, target, similarity, weights):
    halve = lambda x: x[: x.shape[0] // 2 * 2, : x.shape[1] // 2 * 2].reshape(x.shape[0] // 2, 2, -1, 2).mean((1, 3))
    product = 1.0
    for weight in weights[:0:-1]:
        product *= max(similarity(prediction, target)[1], 0) ** weight
        prediction, target = halve(prediction), halve(target)
    return product * max(similarity(prediction, target)[0], 0) ** weights[0]


# %% [ms_ssim] weights_as_factors
# Takes a weighted mean: the weights are exponents.
def ms_ssim(prediction, target, similarity, weights):
    halve = lambda x: x[: x.shape[0] // 2 * 2, : x.shape[1] // 2 * 2].reshape(x.shape[0] // 2, 2, -1, 2).mean((1, 3))
    total = 0.0
    for weight in weights[:-1]:
        total += weight * max(similarity(prediction, target)[1], 0)
        prediction, target = halve(prediction), halve(target)
    return total + weights[-1] * max(similarity(prediction, target)[0], 0)


# %% [ms_ssim] negative_to_a_power
# Forgets the zero for negative values: NaN (in Python even a complex number).
def ms_ssim(prediction, target, similarity, weights):
    halve = lambda x: x[: x.shape[0] // 2 * 2, : x.shape[1] // 2 * 2].reshape(x.shape[0] // 2, 2, -1, 2).mean((1, 3))
    product = 1.0
    for weight in weights[:-1]:
        product *= similarity(prediction, target)[1] ** weight
        prediction, target = halve(prediction), halve(target)
    return product * similarity(prediction, target)[0] ** weights[-1]


# %% [ms_ssim] halves_first
# Halves before the first comparison: the finest scale is never seen.
def ms_ssim(prediction, target, similarity, weights):
    halve = lambda x: x[: x.shape[0] // 2 * 2, : x.shape[1] // 2 * 2].reshape(x.shape[0] // 2, 2, -1, 2).mean((1, 3))
    product = 1.0
    for scale, weight in enumerate(weights):
        prediction, target = halve(prediction), halve(target)
        product *= max(similarity(prediction, target)[0 if scale == len(weights) - 1 else 1], 0) ** weight
    return product


# %% [ms_ssim] weights_normalised
# Divides the weights by their sum: those of Wang et al. are published with the sum 1.0001, and used so.
def ms_ssim(prediction, target, similarity, weights):
    halve = lambda x: x[: x.shape[0] // 2 * 2, : x.shape[1] // 2 * 2].reshape(x.shape[0] // 2, 2, -1, 2).mean((1, 3))
    weights = np.array(weights) / sum(weights)
    product = 1.0
    for weight in weights[:-1]:
        product *= max(similarity(prediction, target)[1], 0) ** weight
        prediction, target = halve(prediction), halve(target)
    return product * max(similarity(prediction, target)[0], 0) ** weights[-1]


# %% [ms_ssim] zero_at_the_end
# Keeps the sign beside the power, and replaces only a negative product: two negative scales make it positive.
def ms_ssim(prediction, target, similarity, weights):
    halve = lambda x: x[: x.shape[0] // 2 * 2, : x.shape[1] // 2 * 2].reshape(x.shape[0] // 2, 2, -1, 2).mean((1, 3))
    product = 1.0
    for scale, weight in enumerate(weights):
        value = similarity(prediction, target)[0 if scale == len(weights) - 1 else 1]
        product *= np.sign(value) * abs(value) ** weight
        prediction, target = halve(prediction), halve(target)
    return max(product, 0)


# %% [ms_ssim] ignores_the_similarity
# Calls the own function of exercise 2, whatever is handed in.
def ms_ssim(prediction, target, similarity, weights):
    halve = lambda x: x[: x.shape[0] // 2 * 2, : x.shape[1] // 2 * 2].reshape(x.shape[0] // 2, 2, -1, 2).mean((1, 3))
    product = 1.0
    for weight in weights[:-1]:
        product *= max(ssim(prediction, target, 1)[1], 0) ** weight
        prediction, target = halve(prediction), halve(target)
    return product * max(ssim(prediction, target, 1)[0], 0) ** weights[-1]


# %% [ms_ssim] changes_its_input
# Writes the halved image into the corner of the large one, to save memory: the caller's images are gone.
def ms_ssim(prediction, target, similarity, weights):
    def halve(x):
        rows, columns = x.shape[0] // 2, x.shape[1] // 2
        x[:rows, :columns] = x[: 2 * rows, : 2 * columns].reshape(rows, 2, columns, 2).mean((1, 3))
        return x[:rows, :columns]

    product = 1.0
    for weight in weights[:-1]:
        product *= max(similarity(prediction, target)[1], 0) ** weight
        prediction, target = halve(prediction), halve(target)
    return product * max(similarity(prediction, target)[0], 0) ** weights[-1]


# %% [SSIMLoss] calls_the_library
# Makes the library's class its own.
class SSIMLoss(losses.SSIMLoss):
    pass


# %% [SSIMLoss] calls_the_metric
# Wraps the library's metric.
class SSIMLoss(nn.Module):
    def __init__(self, data_range):
        super().__init__()
        self.data_range = data_range

    def forward(self, prediction, target):
        return 1 - metrics.ssim(prediction, target, data_range=self.data_range).mean()


# %% [SSIMLoss] one_plus
# Adds where it should subtract: the network learns to be as unlike as possible.
class SSIMLoss(nn.Module):
    def __init__(self, data_range):
        super().__init__()
        self.c1, self.c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
        i = torch.arange(-5.0, 6.0)
        window = torch.exp(-(i[:, None] ** 2 + i**2) / 4.5)
        self.register_buffer("window", (window / window.sum())[None, None])

    def forward(self, x, y):
        mean = lambda image: nn.functional.conv2d(image, self.window)
        mx, my = mean(x), mean(y)
        vx, vy, cov = mean(x**2) - mx**2, mean(y**2) - my**2, mean(x * y) - mx * my
        lum, cs = (2 * mx * my + self.c1) / (mx**2 + my**2 + self.c1), (2 * cov + self.c2) / (vx + vy + self.c2)
        return 1 + (lum * cs).mean()


# %% [SSIMLoss] a_metric_not_a_loss
# Returns SSIM itself, which is to be made large.
class SSIMLoss(nn.Module):
    def __init__(self, data_range):
        super().__init__()
        self.c1, self.c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
        i = torch.arange(-5.0, 6.0)
        window = torch.exp(-(i[:, None] ** 2 + i**2) / 4.5)
        self.register_buffer("window", (window / window.sum())[None, None])

    def forward(self, x, y):
        mean = lambda image: nn.functional.conv2d(image, self.window)
        mx, my = mean(x), mean(y)
        vx, vy, cov = mean(x**2) - mx**2, mean(y**2) - my**2, mean(x * y) - mx * my
        lum, cs = (2 * mx * my + self.c1) / (mx**2 + my**2 + self.c1), (2 * cov + self.c2) / (vx + vy + self.c2)
        return (lum * cs).mean()


# %% [SSIMLoss] detached
# Detaches the prediction: the number is right, and nothing can be learnt from it.
class SSIMLoss(nn.Module):
    def __init__(self, data_range):
        super().__init__()
        self.c1, self.c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
        i = torch.arange(-5.0, 6.0)
        window = torch.exp(-(i[:, None] ** 2 + i**2) / 4.5)
        self.register_buffer("window", (window / window.sum())[None, None])

    def forward(self, x, y):
        x, mean = x.detach(), lambda image: nn.functional.conv2d(image, self.window)
        mx, my = mean(x), mean(y)
        vx, vy, cov = mean(x**2) - mx**2, mean(y**2) - my**2, mean(x * y) - mx * my
        lum, cs = (2 * mx * my + self.c1) / (mx**2 + my**2 + self.c1), (2 * cov + self.c2) / (vx + vy + self.c2)
        return 1 - (lum * cs).mean()


# %% [SSIMLoss] by_numpy
# Leaves torch for numpy and comes back: the gradient does not.
class SSIMLoss(nn.Module):
    def __init__(self, data_range):
        super().__init__()
        self.data_range = data_range

    def forward(self, x, y):
        i = np.arange(-5, 6)
        window = np.exp(-(i[:, None] ** 2 + i**2) / 4.5)
        window /= window.sum()
        mean = lambda image: (np.lib.stride_tricks.sliding_window_view(image, (11, 11), (2, 3)) * window).sum((-2, -1))
        x, y = x.detach().numpy(), y.numpy()
        c1, c2 = (0.01 * self.data_range) ** 2, (0.03 * self.data_range) ** 2
        mx, my = mean(x), mean(y)
        vx, vy, cov = mean(x**2) - mx**2, mean(y**2) - my**2, mean(x * y) - mx * my
        lum, cs = (2 * mx * my + c1) / (mx**2 + my**2 + c1), (2 * cov + c2) / (vx + vy + c2)
        return torch.tensor(1 - (lum * cs).mean())


# %% [SSIMLoss] means_without_gradient
# Detaches the local means ("they are only statistics"): the right value, a wrong gradient.
class SSIMLoss(nn.Module):
    def __init__(self, data_range):
        super().__init__()
        self.c1, self.c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
        i = torch.arange(-5.0, 6.0)
        window = torch.exp(-(i[:, None] ** 2 + i**2) / 4.5)
        self.register_buffer("window", (window / window.sum())[None, None])

    def forward(self, x, y):
        mean = lambda image: nn.functional.conv2d(image, self.window)
        mx, my = mean(x).detach(), mean(y).detach()
        vx, vy, cov = mean(x**2) - mx**2, mean(y**2) - my**2, mean(x * y) - mx * my
        lum, cs = (2 * mx * my + self.c1) / (mx**2 + my**2 + self.c1), (2 * cov + self.c2) / (vx + vy + self.c2)
        return 1 - (lum * cs).mean()


# %% [SSIMLoss] window_that_learns
# Makes the window a parameter: the judge would be trained with the accused.
class SSIMLoss(nn.Module):
    def __init__(self, data_range):
        super().__init__()
        self.c1, self.c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
        i = torch.arange(-5.0, 6.0)
        window = torch.exp(-(i[:, None] ** 2 + i**2) / 4.5)
        self.window = nn.Parameter((window / window.sum())[None, None])

    def forward(self, x, y):
        mean = lambda image: nn.functional.conv2d(image, self.window)
        mx, my = mean(x), mean(y)
        vx, vy, cov = mean(x**2) - mx**2, mean(y**2) - my**2, mean(x * y) - mx * my
        lum, cs = (2 * mx * my + self.c1) / (mx**2 + my**2 + self.c1), (2 * cov + self.c2) / (vx + vy + self.c2)
        return 1 - (lum * cs).mean()


# %% [SSIMLoss] window_left_behind
# Keeps the window as a plain attribute: it stays on the CPU, in single precision, when the module moves.
class SSIMLoss(nn.Module):
    def __init__(self, data_range):
        super().__init__()
        self.c1, self.c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
        i = torch.arange(-5.0, 6.0)
        window = torch.exp(-(i[:, None] ** 2 + i**2) / 4.5)
        self.window = (window / window.sum())[None, None]

    def forward(self, x, y):
        mean = lambda image: nn.functional.conv2d(image, self.window)
        mx, my = mean(x), mean(y)
        vx, vy, cov = mean(x**2) - mx**2, mean(y**2) - my**2, mean(x * y) - mx * my
        lum, cs = (2 * mx * my + self.c1) / (mx**2 + my**2 + self.c1), (2 * cov + self.c2) / (vx + vy + self.c2)
        return 1 - (lum * cs).mean()


# %% [SSIMLoss] zero_padding
# Pads with zeros: at the border the means are those of another image.
class SSIMLoss(nn.Module):
    def __init__(self, data_range):
        super().__init__()
        self.c1, self.c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
        i = torch.arange(-5.0, 6.0)
        window = torch.exp(-(i[:, None] ** 2 + i**2) / 4.5)
        self.register_buffer("window", (window / window.sum())[None, None])

    def forward(self, x, y):
        mean = lambda image: nn.functional.conv2d(image, self.window, padding=5)
        mx, my = mean(x), mean(y)
        vx, vy, cov = mean(x**2) - mx**2, mean(y**2) - my**2, mean(x * y) - mx * my
        lum, cs = (2 * mx * my + self.c1) / (mx**2 + my**2 + self.c1), (2 * cov + self.c2) / (vx + vy + self.c2)
        return 1 - (lum * cs).mean()


# %% [SSIMLoss] cut_off_at_zero
# Cuts a negative SSIM off at 0, as some packages do: a network that starts there never learns.
class SSIMLoss(nn.Module):
    def __init__(self, data_range):
        super().__init__()
        self.c1, self.c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
        i = torch.arange(-5.0, 6.0)
        window = torch.exp(-(i[:, None] ** 2 + i**2) / 4.5)
        self.register_buffer("window", (window / window.sum())[None, None])

    def forward(self, x, y):
        mean = lambda image: nn.functional.conv2d(image, self.window)
        mx, my = mean(x), mean(y)
        vx, vy, cov = mean(x**2) - mx**2, mean(y**2) - my**2, mean(x * y) - mx * my
        lum, cs = (2 * mx * my + self.c1) / (mx**2 + my**2 + self.c1), (2 * cov + self.c2) / (vx + vy + self.c2)
        return 1 - (lum * cs).mean().clamp(min=0)


# %% [SSIMLoss] a_plain_number
# Returns a Python number: .item() cuts the gradient.
class SSIMLoss(nn.Module):
    def __init__(self, data_range):
        super().__init__()
        self.c1, self.c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
        i = torch.arange(-5.0, 6.0)
        window = torch.exp(-(i[:, None] ** 2 + i**2) / 4.5)
        self.register_buffer("window", (window / window.sum())[None, None])

    def forward(self, x, y):
        mean = lambda image: nn.functional.conv2d(image, self.window)
        mx, my = mean(x), mean(y)
        vx, vy, cov = mean(x**2) - mx**2, mean(y**2) - my**2, mean(x * y) - mx * my
        lum, cs = (2 * mx * my + self.c1) / (mx**2 + my**2 + self.c1), (2 * cov + self.c2) / (vx + vy + self.c2)
        return 1 - (lum * cs).mean().item()


# %% [SSIMLoss] luminance_without_gradient
# Detaches one of the two factors: the right value, a wrong gradient.
class SSIMLoss(nn.Module):
    def __init__(self, data_range):
        super().__init__()
        self.c1, self.c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
        i = torch.arange(-5.0, 6.0)
        window = torch.exp(-(i[:, None] ** 2 + i**2) / 4.5)
        self.register_buffer("window", (window / window.sum())[None, None])

    def forward(self, x, y):
        mean = lambda image: nn.functional.conv2d(image, self.window)
        mx, my = mean(x), mean(y)
        vx, vy, cov = mean(x**2) - mx**2, mean(y**2) - my**2, mean(x * y) - mx * my
        lum, cs = (2 * mx * my + self.c1) / (mx**2 + my**2 + self.c1), (2 * cov + self.c2) / (vx + vy + self.c2)
        return 1 - (lum.detach() * cs).mean()


# %% [SSIMLoss] changes_its_input
# Clips the prediction in place: the network's own answer is changed.
class SSIMLoss(nn.Module):
    def __init__(self, data_range):
        super().__init__()
        self.c1, self.c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
        i = torch.arange(-5.0, 6.0)
        window = torch.exp(-(i[:, None] ** 2 + i**2) / 4.5)
        self.register_buffer("window", (window / window.sum())[None, None])

    def forward(self, x, y):
        x.data.clamp_(0, 1)
        mean = lambda image: nn.functional.conv2d(image, self.window)
        mx, my = mean(x), mean(y)
        vx, vy, cov = mean(x**2) - mx**2, mean(y**2) - my**2, mean(x * y) - mx * my
        lum, cs = (2 * mx * my + self.c1) / (mx**2 + my**2 + self.c1), (2 * cov + self.c2) / (vx + vy + self.c2)
        return 1 - (lum * cs).mean()


# %% [SSIMLoss] calls_another_library
# Lets a package from PyPI do the work.
class SSIMLoss(nn.Module):
    def __init__(self, data_range):
        super().__init__()
        from pytorch_msssim import SSIM

        self.inner = SSIM(data_range=data_range, channel=1)

    def forward(self, prediction, target):
        return 1 - self.inner(prediction, target)


# %% [PerceptualLoss] calls_the_library
# Makes the library's class its own.
class PerceptualLoss(losses.PerceptualLoss):
    def __init__(self, features):
        super().__init__(weights="random")


# %% [PerceptualLoss] sums_the_squares
# Sums instead of taking the mean in each layer: the largest map outvotes the others.
class PerceptualLoss(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.features = features.eval().requires_grad_(False)

    def forward(self, prediction, target):
        look = lambda image: self.features((image.expand(-1, 3, -1, -1) - MEAN) / STD)
        with torch.no_grad():
            wanted = look(target)
        return sum(((a - b) ** 2).sum() for a, b in zip(look(prediction), wanted, strict=True))


# %% [PerceptualLoss] one_mean_over_all
# Takes one mean over the numbers of all layers: again the largest map decides.
class PerceptualLoss(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.features = features.eval().requires_grad_(False)

    def forward(self, prediction, target):
        look = lambda image: self.features((image.expand(-1, 3, -1, -1) - MEAN) / STD)
        with torch.no_grad():
            wanted = look(target)
        pairs = zip(look(prediction), wanted, strict=True)
        return torch.cat([((a - b) ** 2).flatten() for a, b in pairs]).mean()


# %% [PerceptualLoss] absolute_differences
# Takes L1 where the exercise asks for squares.
class PerceptualLoss(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.features = features.eval().requires_grad_(False)

    def forward(self, prediction, target):
        look = lambda image: self.features((image.expand(-1, 3, -1, -1) - MEAN) / STD)
        with torch.no_grad():
            wanted = look(target)
        return sum((a - b).abs().mean() for a, b in zip(look(prediction), wanted, strict=True))


# %% [PerceptualLoss] not_normalised
# Hands the image in [0, 1] to a network that was trained on normalised ones.
class PerceptualLoss(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.features = features.eval().requires_grad_(False)

    def forward(self, prediction, target):
        look = lambda image: self.features(image.expand(-1, 3, -1, -1))
        with torch.no_grad():
            wanted = look(target)
        return sum(((a - b) ** 2).mean() for a, b in zip(look(prediction), wanted, strict=True))


# %% [PerceptualLoss] one_channel_and_two_empty_ones
# Fills up with zeros instead of repeating the grey channel.
class PerceptualLoss(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.features = features.eval().requires_grad_(False)

    def forward(self, prediction, target):
        look = lambda image: self.features((nn.functional.pad(image, (0, 0, 0, 0, 0, 2)) - MEAN) / STD)
        with torch.no_grad():
            wanted = look(target)
        return sum(((a - b) ** 2).mean() for a, b in zip(look(prediction), wanted, strict=True))


# %% [PerceptualLoss] last_layer_only
# Compares the deepest features only.
class PerceptualLoss(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.features = features.eval().requires_grad_(False)

    def forward(self, prediction, target):
        look = lambda image: self.features((image.expand(-1, 3, -1, -1) - MEAN) / STD)
        with torch.no_grad():
            wanted = look(target)
        return ((look(prediction)[-1] - wanted[-1]) ** 2).mean()


# %% [PerceptualLoss] features_learn
# Forgets to freeze the features: an optimiser would make the judge mild.
class PerceptualLoss(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.features = features.eval()

    def forward(self, prediction, target):
        look = lambda image: self.features((image.expand(-1, 3, -1, -1) - MEAN) / STD)
        with torch.no_grad():
            wanted = look(target)
        return sum(((a - b) ** 2).mean() for a, b in zip(look(prediction), wanted, strict=True))


# %% [PerceptualLoss] training_mode
# Leaves dropout on: the same pair gets another loss each time.
class PerceptualLoss(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.features = features.requires_grad_(False)

    def forward(self, prediction, target):
        look = lambda image: self.features((image.expand(-1, 3, -1, -1) - MEAN) / STD)
        with torch.no_grad():
            wanted = look(target)
        return sum(((a - b) ** 2).mean() for a, b in zip(look(prediction), wanted, strict=True))


# %% [PerceptualLoss] gradient_to_the_target
# Keeps the graph of the target too: twice the memory, and the target would be pulled to the prediction.
class PerceptualLoss(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.features = features.eval().requires_grad_(False)

    def forward(self, prediction, target):
        look = lambda image: self.features((image.expand(-1, 3, -1, -1) - MEAN) / STD)
        return sum(((a - b) ** 2).mean() for a, b in zip(look(prediction), look(target), strict=True))


# %% [PerceptualLoss] all_without_gradient
# Puts both images into no_grad: frozen is not the same as detached.
class PerceptualLoss(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.features = features.eval().requires_grad_(False)

    def forward(self, prediction, target):
        look = lambda image: self.features((image.expand(-1, 3, -1, -1) - MEAN) / STD)
        with torch.no_grad():
            mine, wanted = look(prediction), look(target)
        return sum(((a - b) ** 2).mean() for a, b in zip(mine, wanted, strict=True))


# %% [PerceptualLoss] one_layer_without_gradient
# Detaches one layer of the prediction: the right value, a wrong gradient.
class PerceptualLoss(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.features = features.eval().requires_grad_(False)

    def forward(self, prediction, target):
        look = lambda image: self.features((image.expand(-1, 3, -1, -1) - MEAN) / STD)
        with torch.no_grad():
            wanted = look(target)
        mine = look(prediction)
        mine[1] = mine[1].detach()
        return sum(((a - b) ** 2).mean() for a, b in zip(mine, wanted, strict=True))


# %% [PerceptualLoss] mean_over_layers
# Takes the mean over the layers where the sum is asked for.
class PerceptualLoss(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.features = features.eval().requires_grad_(False)

    def forward(self, prediction, target):
        look = lambda image: self.features((image.expand(-1, 3, -1, -1) - MEAN) / STD)
        with torch.no_grad():
            wanted = look(target)
        layers = [((a - b) ** 2).mean() for a, b in zip(look(prediction), wanted, strict=True)]
        return sum(layers) / len(layers)


# %% [PerceptualLoss] one_mean_for_all_channels
# Normalises all channels alike ("it is grey anyway"): the network was trained otherwise.
class PerceptualLoss(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.features = features.eval().requires_grad_(False)

    def forward(self, prediction, target):
        look = lambda image: self.features((image.expand(-1, 3, -1, -1) - MEAN.mean()) / STD.mean())
        with torch.no_grad():
            wanted = look(target)
        return sum(((a - b) ** 2).mean() for a, b in zip(look(prediction), wanted, strict=True))


# %% [PerceptualLoss] a_plain_number
# Returns a Python number: .item() cuts the gradient.
class PerceptualLoss(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.features = features.eval().requires_grad_(False)

    def forward(self, prediction, target):
        look = lambda image: self.features((image.expand(-1, 3, -1, -1) - MEAN) / STD)
        with torch.no_grad():
            wanted = look(target)
        return sum(((a - b) ** 2).mean().item() for a, b in zip(look(prediction), wanted, strict=True))


# %% [PerceptualLoss] changes_its_input
# Clips the target in place: the training data are changed.
class PerceptualLoss(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.features = features.eval().requires_grad_(False)

    def forward(self, prediction, target):
        target.data.clamp_(0.1, 0.9)
        look = lambda image: self.features((image.expand(-1, 3, -1, -1) - MEAN) / STD)
        with torch.no_grad():
            wanted = look(target)
        return sum(((a - b) ** 2).mean() for a, b in zip(look(prediction), wanted, strict=True))


# %% [PerceptualLoss] other_eyes
# Builds features of its own, whatever is handed in.
class PerceptualLoss(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.look = nn.Conv2d(3, 4, 3).requires_grad_(False)

    def forward(self, prediction, target):
        look = lambda image: self.look((image.expand(-1, 3, -1, -1) - MEAN).to(self.look.weight) / STD)
        return ((look(prediction) - look(target.detach())) ** 2).mean()
