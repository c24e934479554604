# Named wrong answers of lab 02: each is a real misconception and loses just its exercise. See CONTRIBUTING.md.

# %% [mse] calls_the_library
# Calls the function that the exercise builds.
def mse(prediction, target):
    return metrics.mse(prediction, target)


# %% [mse] calls_scikit_image
# Calls another library's function instead of writing it.
def mse(prediction, target):
    from skimage.metrics import mean_squared_error

    return mean_squared_error(target, prediction)


# %% [mse] takes_the_root
# Confuses MSE with RMSE. (The example gives 1 for both.)
def mse(prediction, target):
    return np.sqrt(np.mean((prediction - target) ** 2))


# %% [mse] sums
# Forgets to divide by the number of pixels.
def mse(prediction, target):
    return np.sum((prediction - target) ** 2)


# %% [mse] averages_before_squaring
# Squares the mean difference: positive and negative errors cancel.
def mse(prediction, target):
    return np.mean(prediction - target) ** 2


# %% [mse] absolute_error
# Takes the mean of the absolute values.
def mse(prediction, target):
    return np.mean(np.abs(prediction - target))


# %% [psnr] calls_the_library
# Calls the function that the exercise builds.
def psnr(prediction, target, data_range):
    return metrics.psnr(prediction, target, data_range=data_range)


# %% [psnr] natural_logarithm
# Takes np.log for the logarithm to base 10.
def psnr(prediction, target, data_range):
    return 10 * np.log(data_range**2 / np.mean((prediction - target) ** 2))


# %% [psnr] range_not_squared
# Forgets the square of the data range: right only where it is 1.
def psnr(prediction, target, data_range):
    return 10 * np.log10(data_range / np.mean((prediction - target) ** 2))


# %% [psnr] largest_value_as_range
# Takes the largest value of the target for the data range.
def psnr(prediction, target, data_range):
    return 10 * np.log10(target.max() ** 2 / np.mean((prediction - target) ** 2))


# %% [psnr] twenty_times
# Mixes the two forms: 20·log10 belongs to the root of the MSE.
def psnr(prediction, target, data_range):
    return 20 * np.log10(data_range**2 / np.mean((prediction - target) ** 2))


# %% [psnr] upside_down
# Divides the MSE by the range: a good image gets a negative number.
def psnr(prediction, target, data_range):
    return 10 * np.log10(np.mean((prediction - target) ** 2) / data_range**2)


# %% [psnr] clips_first
# Clips the prediction inside the metric: errors outside [0, data_range] no longer count.
def psnr(prediction, target, data_range):
    error = np.mean((np.clip(prediction, 0, data_range) - target) ** 2)
    return 10 * np.log10(data_range**2 / error)


# %% [ssim] calls_the_library
# Calls the function that the exercise builds.
def ssim(prediction, target, data_range):
    return metrics.ssim(prediction, target, data_range=data_range)


# %% [ssim] calls_scikit_image
# Calls another library's function instead of writing it.
def ssim(prediction, target, data_range):
    from skimage.metrics import structural_similarity

    return structural_similarity(
        prediction, target, data_range=data_range, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )


# %% [ssim] one_window
# Uses the mean and variance of the whole image: structure is local.
def ssim(prediction, target, data_range):
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    mx, my = prediction.mean(), target.mean()
    covariance = ((prediction - mx) * (target - my)).mean()
    return ((2 * mx * my + c1) * (2 * covariance + c2)) / (
        (mx**2 + my**2 + c1) * (prediction.var() + target.var() + c2)
    )


# %% [ssim] mean_of_squares_as_variance
# Forgets to subtract the square of the mean.
def ssim(prediction, target, data_range):
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    mx, my = local_mean(prediction), local_mean(target)
    covariance = local_mean(prediction * target)
    variances = local_mean(prediction**2) + local_mean(target**2)
    return np.mean(((2 * mx * my + c1) * (2 * covariance + c2)) / ((mx**2 + my**2 + c1) * (variances + c2)))


# %% [ssim] constants_for_range_one
# Leaves the data range out of the constants: right only for images in [0, 1].
def ssim(prediction, target, data_range):
    c1, c2 = 0.01**2, 0.03**2
    mx, my = local_mean(prediction), local_mean(target)
    covariance = local_mean(prediction * target) - mx * my
    variances = local_mean(prediction**2) - mx**2 + local_mean(target**2) - my**2
    return np.mean(((2 * mx * my + c1) * (2 * covariance + c2)) / ((mx**2 + my**2 + c1) * (variances + c2)))


# %% [ssim] contrast_instead_of_covariance
# Takes the product of the standard deviations for the covariance: a negative image then looks similar.
def ssim(prediction, target, data_range):
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    mx, my = local_mean(prediction), local_mean(target)
    vx = np.maximum(local_mean(prediction**2) - mx**2, 0)
    vy = np.maximum(local_mean(target**2) - my**2, 0)
    return np.mean(((2 * mx * my + c1) * (2 * np.sqrt(vx * vy) + c2)) / ((mx**2 + my**2 + c1) * (vx + vy + c2)))


# %% [ssim] forgets_the_brightness
# Leaves out the first factor, which compares the means.
def ssim(prediction, target, data_range):
    c2 = (0.03 * data_range) ** 2
    mx, my = local_mean(prediction), local_mean(target)
    covariance = local_mean(prediction * target) - mx * my
    variances = local_mean(prediction**2) - mx**2 + local_mean(target**2) - my**2
    return np.mean((2 * covariance + c2) / (variances + c2))


# %% [ssim] returns_the_map
# Forgets the last step, the mean of the map.
def ssim(prediction, target, data_range):
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    mx, my = local_mean(prediction), local_mean(target)
    covariance = local_mean(prediction * target) - mx * my
    variances = local_mean(prediction**2) - mx**2 + local_mean(target**2) - my**2
    return ((2 * mx * my + c1) * (2 * covariance + c2)) / ((mx**2 + my**2 + c1) * (variances + c2))


# %% [ConvDAE] calls_the_library
# Makes the library's class its own.
from course_lib.models import dae


class ConvDAE(dae.ConvDAE):
    pass


# %% [ConvDAE] no_padding_to_a_multiple
# Right for sizes divisible by 4 only: an odd image comes back smaller.
class ConvDAE(nn.Module):
    def __init__(self):
        super().__init__()
        down = lambda a, b: [nn.Conv2d(a, b, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        up = lambda a, b: [nn.Conv2d(a, b, 3, padding=1), nn.ReLU(), nn.Upsample(scale_factor=2)]
        self.layers = nn.Sequential(
            *down(1, 32), *down(32, 32), *up(32, 32), *up(32, 32), nn.Conv2d(32, 1, 3, padding=1), nn.Sigmoid()
        )

    def forward(self, noisy):
        return self.layers(noisy)


# %% [ConvDAE] no_sigmoid
# Leaves the output linear.
class ConvDAE(nn.Module):
    def __init__(self):
        super().__init__()
        down = lambda a, b: [nn.Conv2d(a, b, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        up = lambda a, b: [nn.Conv2d(a, b, 3, padding=1), nn.ReLU(), nn.Upsample(scale_factor=2)]
        self.layers = nn.Sequential(*down(1, 32), *down(32, 32), *up(32, 32), *up(32, 32), nn.Conv2d(32, 1, 3, padding=1))

    def forward(self, noisy):
        height, width = noisy.shape[-2:]
        return self.layers(images.pad_to_multiple(noisy, 4))[..., :height, :width]


# %% [ConvDAE] never_pools
# Stacks convolutions at full size: the right shape and number of parameters, but no encoder.
class ConvDAE(nn.Module):
    def __init__(self):
        super().__init__()
        block = lambda a, b: [nn.Conv2d(a, b, 3, padding=1), nn.ReLU()]
        self.layers = nn.Sequential(
            *block(1, 32), *block(32, 32), *block(32, 32), *block(32, 32), nn.Conv2d(32, 1, 3, padding=1), nn.Sigmoid()
        )

    def forward(self, noisy):
        return self.layers(noisy)


# %% [ConvDAE] average_pooling
# Averages where the exercise asks for the maximum.
class ConvDAE(nn.Module):
    def __init__(self):
        super().__init__()
        down = lambda a, b: [nn.Conv2d(a, b, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2)]
        up = lambda a, b: [nn.Conv2d(a, b, 3, padding=1), nn.ReLU(), nn.Upsample(scale_factor=2)]
        self.layers = nn.Sequential(
            *down(1, 32), *down(32, 32), *up(32, 32), *up(32, 32), nn.Conv2d(32, 1, 3, padding=1), nn.Sigmoid()
        )

    def forward(self, noisy):
        height, width = noisy.shape[-2:]
        return self.layers(images.pad_to_multiple(noisy, 4))[..., :height, :width]


# %% [ConvDAE] no_relu_in_the_decoder
# Thinks that only the encoder needs to be nonlinear.
class ConvDAE(nn.Module):
    def __init__(self):
        super().__init__()
        down = lambda a, b: [nn.Conv2d(a, b, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        up = lambda a, b: [nn.Conv2d(a, b, 3, padding=1), nn.Upsample(scale_factor=2)]
        self.layers = nn.Sequential(
            *down(1, 32), *down(32, 32), *up(32, 32), *up(32, 32), nn.Conv2d(32, 1, 3, padding=1), nn.Sigmoid()
        )

    def forward(self, noisy):
        height, width = noisy.shape[-2:]
        return self.layers(images.pad_to_multiple(noisy, 4))[..., :height, :width]


# %% [ConvDAE] bilinear_upsampling
# Smooths while it upsamples, where the exercise repeats pixels.
class ConvDAE(nn.Module):
    def __init__(self):
        super().__init__()
        down = lambda a, b: [nn.Conv2d(a, b, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        up = lambda a, b: [nn.Conv2d(a, b, 3, padding=1), nn.ReLU(), nn.Upsample(scale_factor=2, mode="bilinear")]
        self.layers = nn.Sequential(
            *down(1, 32), *down(32, 32), *up(32, 32), *up(32, 32), nn.Conv2d(32, 1, 3, padding=1), nn.Sigmoid()
        )

    def forward(self, noisy):
        height, width = noisy.shape[-2:]
        return self.layers(images.pad_to_multiple(noisy, 4))[..., :height, :width]


# %% [ConvDAE] pads_to_even_only
# Makes the sides even, but two poolings need a multiple of 4.
class ConvDAE(nn.Module):
    def __init__(self):
        super().__init__()
        down = lambda a, b: [nn.Conv2d(a, b, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        up = lambda a, b: [nn.Conv2d(a, b, 3, padding=1), nn.ReLU(), nn.Upsample(scale_factor=2)]
        self.layers = nn.Sequential(
            *down(1, 32), *down(32, 32), *up(32, 32), *up(32, 32), nn.Conv2d(32, 1, 3, padding=1), nn.Sigmoid()
        )

    def forward(self, noisy):
        height, width = noisy.shape[-2:]
        return self.layers(images.pad_to_multiple(noisy, 2))[..., :height, :width]


# %% [random_crop] calls_the_library
# Calls the function that the exercise builds.
def random_crop(image, size, generator):
    return images.random_crop(image, size, generator=generator)


# %% [random_crop] always_the_middle
# Cuts the centre: nothing is random.
def random_crop(image, size, generator):
    height, width = image.shape[-2:]
    top, left = (height - size) // 2, (width - size) // 2
    return image[..., top : top + size, left : left + size]


# %% [random_crop] misses_the_last_place
# Forgets the + 1: the last row and column are never seen.
def random_crop(image, size, generator):
    height, width = image.shape[-2:]
    top = int(torch.randint(height - size, (), generator=generator))
    left = int(torch.randint(width - size, (), generator=generator))
    return image[..., top : top + size, left : left + size]


# %% [random_crop] only_along_the_diagonal
# Uses one random number for rows and columns.
def random_crop(image, size, generator):
    start = int(torch.randint(min(image.shape[-2:]) - size + 1, (), generator=generator))
    return image[..., start : start + size, start : start + size]


# %% [random_crop] ignores_the_generator
# Draws from the global generator, so that no run can be repeated.
def random_crop(image, size, generator):
    height, width = image.shape[-2:]
    top, left = int(torch.randint(height - size + 1, ())), int(torch.randint(width - size + 1, ()))
    return image[..., top : top + size, left : left + size]


# %% [random_crop] shuffles_the_pixels
# Chooses random rows and columns instead of a connected piece.
def random_crop(image, size, generator):
    rows = torch.randperm(image.shape[-2], generator=generator)[:size]
    columns = torch.randperm(image.shape[-1], generator=generator)[:size]
    return image[..., rows, :][..., columns]


# %% [random_crop] numbers_of_the_example
# Writes the numbers of the example, 3 and 4 places, into the function.
def random_crop(image, size, generator):
    top, left = int(torch.randint(3, (), generator=generator)), int(torch.randint(4, (), generator=generator))
    return image[..., top : top + size, left : left + size]
