# Named wrong answers of lab 05: each is a real misconception and loses just its exercise. See CONTRIBUTING.md.
#
# What is tested of each exercise:
# batch_psnr: masks of several sizes, one image and many, other units, below 0 and above 1, tiny and huge errors; in place
# ssim: tall, wide, a single window, other units, below 0, negatives, empty halves; packages; in place
# ms_ssim: one to five scales, tall, wide and odd, negative scores, weights of any sum, which image is which; in place
# SSIMLoss: value and gradient of tall, wide and negative batches, other units, two precisions, one loss for many pairs;
#   buffer, no parameter; packages; gradient mode; in place
# PerceptualLoss: value and gradient of tall and wide batches beyond [0, 1], one loss for many pairs, dropout and normalisation,
#   all parameters frozen, no gradient to the target; gradient mode; in place

# %% [batch_psnr] calls_the_library
# Calls the function that the exercise builds.
def batch_psnr(prediction, target, data_range, mask):
    return metrics.psnr(prediction, target, data_range=data_range, mask=mask).mean()


# %% [batch_psnr] natural_logarithm
# Takes torch.log for the logarithm to base 10.
edit("torch.log10", "torch.log")


# %% [batch_psnr] psnr_of_the_mean_error
# Averages the errors of all images first: the worst image decides.
edit("/ error)).mean()", "/ error.mean()))")


# %% [batch_psnr] divides_by_all_pixels
# Sets the error outside the mask to zero, but still counts those pixels.
edit("mask.sum((1, 2, 3))", "mask[0].numel()")


# %% [batch_psnr] ignores_the_mask
# Scores the whole image.
edit("squares = (", "mask = torch.ones_like(mask)\n    squares = (")


# %% [batch_psnr] one_mask_for_all
# Divides by the mean number of pixels in a mask, not by each image's own.
edit("mask.sum((1, 2, 3))", "(mask.sum() / len(mask))")


# %% [batch_psnr] largest_value_as_range
# Takes the largest value of the target for the data range.
edit("data_range**2", "target.amax((1, 2, 3)) ** 2")


# %% [batch_psnr] range_not_squared
# Forgets the square of the data range: right only where it is 1.
edit("data_range**2", "data_range")


# %% [batch_psnr] small_number_against_zero
# Adds a small number to the error against a division by zero: no PSNR is above 80 dB.
edit("/ error)", "/ (error + 1e-8))")


# %% [batch_psnr] a_hundred_for_equal_images
# The habit of many programs: no error counts as 100 dB, a limit that nobody asked for.
edit("(10 * torch.log10(data_range**2 / error))", "(10 * torch.log10(data_range**2 / error)).nan_to_num(posinf=100)")


# %% [batch_psnr] never_below_zero
# Cuts a negative PSNR off at 0: an error larger than the data range has one.
edit("/ error)).mean()", "/ error)).clamp(min=0).mean()")


# %% [batch_psnr] clips_the_prediction
# Cuts the prediction off at 0 and at the data range before it is scored.
edit("squares = (", "prediction = prediction.clamp(0, data_range)\n    squares = (")


# %% [batch_psnr] one_number_an_image
# Forgets the mean over the images.
edit("/ error)).mean()", "/ error))")


# %% [batch_psnr] changes_its_input
# Blanks the images outside the mask in place: the right number, and the caller's images are gone.
edit("squares = (", "prediction[~mask], target[~mask] = 0, 0\n    squares = (")


# %% [batch_psnr] calls_a_helper_of_the_library
# Calls a private helper of the library, which does the masked mean.
def batch_psnr(prediction, target, data_range, mask):
    from course_lib.metrics import scores

    return (10 * torch.log10(data_range**2 / scores._mean((prediction - target) ** 2, mask))).mean()


# %% [batch_psnr] absolute_error
# Takes the mean absolute error for the root of the MSE: the same only where all errors are equal.
edit("((prediction - target) ** 2 * mask)", "((prediction - target).abs() * mask)")
edit("10 * torch.log10(data_range**2 / error)", "20 * torch.log10(data_range / error)")


# %% [batch_psnr] prints_it
# Prints the number instead of returning it.
edit("return (10 * torch.log10(data_range**2 / error)).mean()", "print((10 * torch.log10(data_range**2 / error)).mean())")


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
edit("c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2", "c1 = c2 = 0")


# %% [ssim] global_moments
# One window, the whole image: structure is local.
edit("(np.lib.stride_tricks.sliding_window_view(image, (11, 11)) * window).sum((-2, -1))", "image.mean()")


# %% [ssim] sigma_not_squared
# Writes exp(-d² / (2σ)) for the Gaussian: another window.
edit("1.5**2", "1.5")


# %% [ssim] window_not_normalised
# Forgets to divide the window by its sum: a weighted sum is no mean.
edit("window /= window.sum()", "")


# %% [ssim] flat_window
# Plain 11×11 means: all pixels of the window count alike.
edit("window /= window.sum()", "window = np.full((11, 11), 1 / 121)")


# %% [ssim] window_of_ten
# Ends the range one number too early: the window has ten weights a side.
edit("np.arange(-5, 6)", "np.arange(-5, 5)")
edit("(11, 11)", "(10, 10)")


# %% [ssim] pads_the_border
# Pads the images by mirroring, so that the map is as large as they are: only whole windows count.
edit("sliding_window_view(image,", 'sliding_window_view(np.pad(image, 5, mode="reflect"),')


# %% [ssim] mean_of_squares_as_variance
# Forgets to subtract the square of the mean.
edit("local_mean(prediction**2) - mean_x**2", "local_mean(prediction**2)")
edit("local_mean(target**2) - mean_y**2", "local_mean(target**2)")
edit("local_mean(prediction * target) - mean_x * mean_y", "local_mean(prediction * target)")


# %% [ssim] product_of_the_means
# Multiplies the mean luminance by the mean structure: the mean of a product is another number.
edit("np.mean(luminance * structure)", "np.mean(luminance) * np.mean(structure)")


# %% [ssim] constants_for_range_one
# Leaves the data range out of the constants: right only for images in [0, 1].
edit("(0.01 * data_range) ** 2, (0.03 * data_range) ** 2", "0.01**2, 0.03**2")


# %% [ssim] largest_value_as_range
# Takes the range of the target for the data range.
edit("c1, c2 =", "data_range = target.max() - target.min()\n    c1, c2 =")


# %% [ssim] small_number_against_zero
# Adds a small number to the denominator, beside c2: in tiny units it is everything.
edit("(variance_x + variance_y + c2)", "(variance_x + variance_y + c2 + 1e-8)")


# %% [ssim] changes_its_input
# Squares both images in place, to save memory: the caller's images are gone.
edit(
    """
    variance_x = local_mean(prediction**2) - mean_x**2
    variance_y = local_mean(target**2) - mean_y**2
    covariance = local_mean(prediction * target) - mean_x * mean_y
""",
    """
    covariance = local_mean(prediction * target) - mean_x * mean_y
    prediction *= prediction
    target *= target
    variance_x, variance_y = local_mean(prediction) - mean_x**2, local_mean(target) - mean_y**2
""",
)


# %% [ssim] clips_the_images
# Cuts the noisy image off at 0 and at the data range before it is scored.
edit("mean_x, mean_y =", "prediction = np.clip(prediction, 0, data_range)\n    mean_x, mean_y =")


# %% [ssim] never_negative
# Cuts both numbers off at 0: a negative of the image has a negative SSIM.
edit("np.mean(luminance * structure), np.mean(structure)",
     "max(np.mean(luminance * structure), 0), max(np.mean(structure), 0)")


# %% [ssim] luminance_for_structure
# Returns the mean of the other factor.
edit("np.mean(structure)", "np.mean(luminance)")


# %% [ssim] covariance_without_sign
# Takes the size of the covariance: a negative of the image counts as alike.
edit("2 * covariance", "2 * np.abs(covariance)")


# %% [ssim] sample_covariance
# Turns population into sample statistics, 121 / 120, as scikit-image does unless told not to.
edit("c1, c2 =", "variance_x, variance_y, covariance = (121 / 120 * m for m in (variance_x, variance_y, covariance))\n    c1, c2 =")


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
edit("_, structure = similarity", "structure, _ = similarity")


# %% [ms_ssim] no_luminance
# Uses cs at the last scale too.
edit("similarity(prediction, target)[0]", "similarity(prediction, target)[1]")


# %% [ms_ssim] never_halves
# Looks at the same scale again and again.
edit("        prediction, target = halve(prediction), halve(target)\n", "")


# %% [ms_ssim] takes_every_second_pixel
# Skips pixels instead of averaging them: aliasing.
edit("blocks.mean((1, 3))", "blocks[:, 0, :, 0]")


# %% [ms_ssim] median_of_the_block
# Takes the median of each block for its mean.
edit("blocks.mean((1, 3))", "np.median(blocks, axis=(1, 3))")


# %% [ms_ssim] drops_the_first_row
# Drops the first row or column of an odd side, where the exercise drops the last.
edit("image[: 2 * rows, : 2 * columns]", "image[image.shape[0] % 2 :, image.shape[1] % 2 :]")


# %% [ms_ssim] pads_odd_sides
# Repeats the last row or column of an odd side, as some programs do, and keeps one pixel more.
edit("rows, columns = image.shape[0] // 2, image.shape[1] // 2",
     """image = np.pad(image, ((0, image.shape[0] % 2), (0, image.shape[1] % 2)), mode="edge")
        rows, columns = image.shape[0] // 2, image.shape[1] // 2""")


# %% [ms_ssim] exchanges_the_images
# Hands the target over first: a similarity need not be symmetric.
edit("_, structure = similarity(prediction, target)", "_, structure = similarity(target, prediction)")


# %% [ms_ssim] weights_backwards
# Gives the first weight to the coarsest scale.
edit("product = 1.0", "product, weights = 1.0, weights[::-1]")


# %% [ms_ssim] weights_as_factors
# Takes a weighted mean: the weights are exponents.
edit("product = 1.0", "product = 0.0")
edit("product *= max(structure, 0) ** weight", "product += weight * max(structure, 0)")
edit("product * max(similarity(prediction, target)[0], 0) ** weights[-1]",
     "product + weights[-1] * max(similarity(prediction, target)[0], 0)")


# %% [ms_ssim] negative_to_a_power
# Forgets the zero for negative values: NaN (in Python even a complex number).
edit("max(structure, 0)", "structure")
edit("max(similarity(prediction, target)[0], 0)", "similarity(prediction, target)[0]")


# %% [ms_ssim] absolute_value
# Cures the negative values by the absolute value: the opposite counts as alike.
edit("max(structure, 0)", "abs(structure)")


# %% [ms_ssim] halves_first
# Halves before the first comparison: the finest scale is never seen.
edit("product = 1.0", "product, prediction, target = 1.0, halve(prediction), halve(target)")


# %% [ms_ssim] weights_normalised
# Divides the weights by their sum: those of Wang et al. are published with the sum 1.0001, and used so.
edit("product = 1.0", "product, weights = 1.0, np.array(weights) / sum(weights)")


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
edit("product = 1.0", "product, similarity = 1.0, lambda x, y: ssim(x, y, 1)")


# %% [ms_ssim] changes_its_input
# Writes the halved image into the corner of the large one, to save memory: the caller's images are gone.
edit("return blocks.mean((1, 3))", "image[:rows, :columns] = blocks.mean((1, 3))\n        return image[:rows, :columns]")


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


# %% [SSIMLoss] calls_the_other_loss
# Doubles the library's loss of another name, which is half of this one.
class SSIMLoss(nn.Module):
    def __init__(self, data_range):
        super().__init__()
        self.register_buffer("window", torch.ones(1, 1, 11, 11))
        self.inner = losses.DSSIMLoss(data_range=data_range)

    def forward(self, prediction, target):
        return 2 * self.inner(prediction, target)


# %% [SSIMLoss] one_plus
# Adds where it should subtract: the network learns to be as unlike as possible.
edit("return 1 - (", "return 1 + (")


# %% [SSIMLoss] a_metric_not_a_loss
# Returns SSIM itself, which is to be made large.
edit("return 1 - (", "return (")


# %% [SSIMLoss] half_of_it
# Halves the loss, so that it lies in [0, 1]: that is another loss, DSSIM.
edit("return 1 - (luminance * structure).mean()", "return (1 - (luminance * structure).mean()) / 2")


# %% [SSIMLoss] detached
# Detaches the prediction: the number is right, and nothing can be learnt from it.
edit("mean_x, mean_y =", "prediction = prediction.detach()\n        mean_x, mean_y =")


# %% [SSIMLoss] by_numpy
# Leaves torch for numpy and comes back: the gradient does not.
class SSIMLoss(nn.Module):
    def __init__(self, data_range):
        super().__init__()
        self.data_range = data_range
        i = torch.arange(-5.0, 6.0)
        window = torch.exp(-(i[:, None] ** 2 + i**2) / 4.5)
        self.register_buffer("window", (window / window.sum())[None, None])

    def forward(self, x, y):
        window = self.window.numpy()[0, 0]
        mean = lambda image: (np.lib.stride_tricks.sliding_window_view(image, (11, 11), (2, 3)) * window).sum((-2, -1))
        x, y = x.detach().numpy(), y.numpy()
        c1, c2 = (0.01 * self.data_range) ** 2, (0.03 * self.data_range) ** 2
        mx, my = mean(x), mean(y)
        vx, vy, cov = mean(x**2) - mx**2, mean(y**2) - my**2, mean(x * y) - mx * my
        lum, cs = (2 * mx * my + c1) / (mx**2 + my**2 + c1), (2 * cov + c2) / (vx + vy + c2)
        return torch.tensor(1 - (lum * cs).mean())


# %% [SSIMLoss] means_without_gradient
# Detaches the local means ("they are only statistics"): the right value, a wrong gradient.
edit("local_mean(prediction), local_mean(target)", "local_mean(prediction).detach(), local_mean(target).detach()")


# %% [SSIMLoss] variance_without_gradient
# Detaches the variance of the prediction: the right value, a wrong gradient.
edit("local_mean(prediction**2) - mean_x**2", "(local_mean(prediction**2) - mean_x**2).detach()")


# %% [SSIMLoss] window_that_learns
# Makes the window a parameter: the judge would be trained with the accused.
edit('self.register_buffer("window", (window / window.sum())[None, None])',
     "self.window = nn.Parameter((window / window.sum())[None, None])")


# %% [SSIMLoss] window_left_behind
# Keeps the window as a plain attribute: it stays on the CPU, in single precision, when the module moves.
edit('self.register_buffer("window", (window / window.sum())[None, None])',
     "self.window = (window / window.sum())[None, None]")


# %% [SSIMLoss] zero_padding
# Pads with zeros: at the border the means are those of another image.
edit("conv2d(image, self.window)", "conv2d(image, self.window, padding=5)")


# %% [SSIMLoss] cut_off_at_zero
# Cuts a negative SSIM off at 0, as some packages do: a network that starts there never learns.
edit("(luminance * structure).mean()", "(luminance * structure).mean().clamp(min=0)")


# %% [SSIMLoss] covariance_cut_off
# Cuts a negative covariance off at 0: where the images are opposite there is no gradient.
edit("2 * covariance", "2 * covariance.clamp(min=0)")


# %% [SSIMLoss] clips_the_prediction
# Clips the prediction to [0, 1] first: beyond it there is no gradient.
edit("mean_x, mean_y =", "prediction = prediction.clamp(0, 1)\n        mean_x, mean_y =")


# %% [SSIMLoss] keeps_the_first_target
# Keeps the means of the first target to save time: the next batch is compared with them.
edit("local_mean(prediction), local_mean(target)",
     "local_mean(prediction), local_mean(self.__dict__.setdefault('target', target))")


# %% [SSIMLoss] a_plain_number
# Returns a Python number: .item() cuts the gradient.
edit("(luminance * structure).mean()", "(luminance * structure).mean().item()")


# %% [SSIMLoss] luminance_without_gradient
# Detaches one of the two factors: the right value, a wrong gradient.
edit("(luminance * structure)", "(luminance.detach() * structure)")


# %% [SSIMLoss] turns_gradients_on
# Turns gradients on to be sure, and leaves them on: whoever turned them off has them back.
edit("mean_x, mean_y =", "torch.set_grad_enabled(True)\n        mean_x, mean_y =")


# %% [SSIMLoss] changes_its_input
# Clips the prediction in place: the network's own answer is changed.
edit("mean_x, mean_y =", "prediction.data.clamp_(0, 1)\n        mean_x, mean_y =")


# %% [SSIMLoss] calls_another_library
# Lets a package from PyPI do the work.
class SSIMLoss(nn.Module):
    def __init__(self, data_range):
        super().__init__()
        from pytorch_msssim import SSIM

        self.register_buffer("window", torch.ones(1, 1, 11, 11))
        self.inner = SSIM(data_range=data_range, channel=1)

    def forward(self, prediction, target):
        return 1 - self.inner(prediction, target)


# %% [PerceptualLoss] calls_the_library
# Makes the library's class its own.
class PerceptualLoss(losses.PerceptualLoss):
    def __init__(self, features):
        super().__init__(pretrained=False)


# %% [PerceptualLoss] features_in_a_list
# Hides the features from nn.Module, so that they are no part of the loss: it does not move them to the GPU either.
edit("self.features = features.eval().requires_grad_(False)", "self.features = [features.eval().requires_grad_(False)]")
edit("self.features((", "self.features[0]((")


# %% [PerceptualLoss] sums_the_squares
# Sums instead of taking the mean in each layer: the largest map outvotes the others.
edit("((mine - other) ** 2).mean()", "((mine - other) ** 2).sum()")


# %% [PerceptualLoss] one_mean_over_all
# Takes one mean over the numbers of all layers: again the largest map decides.
edit("return sum(((mine - other) ** 2).mean() for mine, other in zip(look(prediction), wanted, strict=True))",
     "return torch.cat([((mine - other) ** 2).flatten() for mine, other in zip(look(prediction), wanted)]).mean()")


# %% [PerceptualLoss] absolute_differences
# Takes L1 where the exercise asks for squares.
edit("((mine - other) ** 2)", "(mine - other).abs()")


# %% [PerceptualLoss] root_of_each_layer
# Takes the root of the mean square in each layer: at equal images it has no gradient.
edit("((mine - other) ** 2).mean()", "((mine - other) ** 2).mean().sqrt()")


# %% [PerceptualLoss] not_normalised
# Hands the image in [0, 1] to a network that was trained on normalised ones.
edit("(image.expand(-1, 3, -1, -1) - MEAN) / STD", "image.expand(-1, 3, -1, -1)")


# %% [PerceptualLoss] divides_first
# Divides by STD before it subtracts MEAN.
edit("(image.expand(-1, 3, -1, -1) - MEAN) / STD", "image.expand(-1, 3, -1, -1) / STD - MEAN")


# %% [PerceptualLoss] one_channel_and_two_empty_ones
# Fills up with zeros instead of repeating the grey channel.
edit("image.expand(-1, 3, -1, -1)", "nn.functional.pad(image, (0, 0, 0, 0, 0, 2))")


# %% [PerceptualLoss] last_layer_only
# Compares the deepest features only.
edit("zip(look(prediction), wanted, strict=True)", "[(look(prediction)[-1], wanted[-1])]")


# %% [PerceptualLoss] two_layers_only
# Takes for granted that there are two layers, as in the example.
edit("zip(look(prediction), wanted, strict=True)", "zip(look(prediction)[:2], wanted[:2], strict=True)")


# %% [PerceptualLoss] features_learn
# Forgets to freeze the features: an optimiser would make the judge mild.
edit(".requires_grad_(False)", "")


# %% [PerceptualLoss] weights_frozen_only
# Freezes the weights and forgets the biases.
edit("self.features = features.eval().requires_grad_(False)",
     """self.features = features.eval()
        for name, parameter in features.named_parameters():
            parameter.requires_grad_(not name.endswith("weight"))""")


# %% [PerceptualLoss] training_mode
# Leaves dropout on: the same pair gets another loss each time.
edit("features.eval()", "features")


# %% [PerceptualLoss] gradient_to_the_target
# Keeps the graph of the target too: twice the memory, and the target would be pulled to the prediction.
edit("torch.no_grad()", "torch.enable_grad()")


# %% [PerceptualLoss] all_without_gradient
# Puts both images into no_grad: frozen is not the same as detached.
edit("wanted = look(target)", "wanted, seen = look(target), look(prediction)")
edit("zip(look(prediction),", "zip(seen,")


# %% [PerceptualLoss] one_layer_without_gradient
# Detaches one layer of the prediction: the right value, a wrong gradient.
edit("in zip(look(prediction),", "in zip([look(prediction)[0].detach(), *look(prediction)[1:]],")


# %% [PerceptualLoss] leaves_gradients_on
# Turns gradients off and on by hand: whoever had turned them off before has them on afterwards.
edit(
    """
        with torch.no_grad():
            wanted = look(target)
""",
    """
        torch.set_grad_enabled(False)
        wanted = look(target)
        torch.set_grad_enabled(True)
""",
)


# %% [PerceptualLoss] keeps_the_first_target
# Keeps the features of the first target to save time: the next target is never looked at.
edit("wanted = look(target)", "wanted = self.__dict__.setdefault('wanted', look(target))")


# %% [PerceptualLoss] clips_the_prediction
# Clips the images to [0, 1], since features want it: beyond it there is no gradient.
edit("image.expand(", "image.clamp(0, 1).expand(")


# %% [PerceptualLoss] mean_over_layers
# Takes the mean over the layers where the sum is asked for.
edit("wanted, strict=True))", "wanted, strict=True)) / len(wanted)")


# %% [PerceptualLoss] one_mean_for_all_channels
# Normalises all channels alike ("it is grey anyway"): the network was trained otherwise.
edit("- MEAN) / STD", "- MEAN.mean()) / STD.mean()")


# %% [PerceptualLoss] a_plain_number
# Returns a Python number: .item() cuts the gradient.
edit("((mine - other) ** 2).mean()", "((mine - other) ** 2).mean().item()")


# %% [PerceptualLoss] changes_its_input
# Clips the target in place: the training data are changed.
edit("with torch", "target.data.clamp_(0.1, 0.9)\n        with torch")


# %% [PerceptualLoss] other_eyes
# Builds features of its own, whatever is handed in.
edit("self.features = features.eval().requires_grad_(False)",
     "self.features = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3)).requires_grad_(False)")
edit("return self.features((image.expand(-1, 3, -1, -1) - MEAN) / STD)",
     "return [self.features.to(image.dtype)(((image.expand(-1, 3, -1, -1) - MEAN) / STD).to(image.dtype))]")
