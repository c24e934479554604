# Named wrong answers of lab 02: each is a real misconception and loses just its exercise. See CONTRIBUTING.md.
#
# What the tests try, beside the example:
# mse: tall, below 0 and beyond 1, tiny and huge scales, in place, one number; numpy, no gradient
# psnr: below 0, beyond the range, several ranges, tiny and huge errors, tall, in place, one number; no gradient
# ConvDAE: beyond [0, 1], odd, tall, one and two images, gradient numbers of every layer and of the input, both modes
# random_crop: as large as the image in one or both directions, tall, two to four axes, all places, no order
# enough_images: any order, lucky points, 2 to 9 seeds, none, all, just equal, in place; many references

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
edit("np.mean((prediction - target) ** 2)", "np.sqrt(np.mean((prediction - target) ** 2))")


# %% [mse] sums
# Forgets to divide by the number of pixels.
edit("np.mean", "np.sum")


# %% [mse] averages_before_squaring
# Squares the mean difference: positive and negative errors cancel.
edit("((prediction - target) ** 2)", "(prediction - target) ** 2")


# %% [mse] absolute_error
# Takes the mean of the absolute values.
edit("(prediction - target) ** 2", "np.abs(prediction - target)")


# %% [mse] variance_of_the_error
# Takes the variance of the difference: a constant error then costs nothing.
edit("np.mean((prediction - target) ** 2)", "np.var(prediction - target)")


# %% [mse] thinks_in_squares
# Divides by the square of the width: right for square images only.
edit("np.mean((prediction - target) ** 2)", "np.sum((prediction - target) ** 2) / target.shape[1] ** 2")


# %% [mse] clips_first
# Clips both images to [0, 1]: errors outside no longer count.
edit("prediction - target", "np.clip(prediction, 0, 1) - np.clip(target, 0, 1)")


# %% [mse] works_in_place
# Subtracts in the prediction itself.
edit(
    "    return np.mean((prediction - target) ** 2)",
    "    prediction -= target\n    return np.mean(prediction**2)",
)


# %% [psnr] calls_the_library
# Calls the function that the exercise builds.
def psnr(prediction, target, data_range):
    return metrics.psnr(prediction, target, data_range=data_range)


# %% [psnr] natural_logarithm
# Takes np.log for the logarithm to base 10.
edit("np.log10", "np.log")


# %% [psnr] range_not_squared
# Forgets the square of the data range: right only where it is 1.
edit("np.log10(data_range**2", "np.log10(data_range")


# %% [psnr] largest_value_as_range
# Takes the largest value of the target for the data range.
edit("np.log10(data_range**2", "np.log10(target.max() ** 2")


# %% [psnr] twenty_times
# Mixes the two forms: 20·log10 belongs to the root of the MSE.
edit("return 10 *", "return 20 *")


# %% [psnr] range_at_least_one
# Thinks that no image has a data_range below 1.
edit("data_range**2", "max(data_range, 1) ** 2")


# %% [psnr] upside_down
# Divides the MSE by the range: a good image gets a negative number.
edit("data_range**2 / error", "error / data_range**2")


# %% [psnr] clips_first
# Clips the prediction inside the metric: errors outside [0, data_range] no longer count.
edit("(prediction - target)", "(np.clip(prediction, 0, data_range) - target)")


# %% [psnr] no_negatives
# Sets negative predictions to 0, "since a magnitude is positive".
edit("(prediction - target)", "(np.maximum(prediction, 0) - target)")


# %% [psnr] epsilon
# Adds a small number to the MSE so as never to divide by zero: no image gets more than 100 dB.
edit("data_range**2 / error", "data_range**2 / (error + 1e-10)")


# %% [psnr] never_negative
# Thinks that decibels cannot be negative.
edit("return 10 * np.log10(data_range**2 / error)", "return max(0, 10 * np.log10(data_range**2 / error))")


# %% [psnr] works_in_place
# Subtracts in the prediction itself.
edit(
    "error = np.mean((prediction - target) ** 2)",
    "prediction -= target\n    error = np.mean(prediction**2)",
)


# %% [ConvDAE] calls_the_library
# Makes the library's class its own.
from course_lib.models import dae


class ConvDAE(dae.ConvDAE):
    pass


# %% [ConvDAE] no_padding_to_a_multiple
# Right for sizes divisible by 4 only: an odd image comes back smaller.
edit("images.pad_to_multiple(noisy, 4)", "noisy")


# %% [ConvDAE] no_sigmoid
# Leaves the output linear.
edit(", nn.Sigmoid()", "")


# %% [ConvDAE] never_pools
# Stacks convolutions at full size: the right shape and number of parameters, but no encoder.
edit(
    "nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)",
    "nn.Conv2d(1, 32, 3, padding=1), nn.ReLU()",
)
edit("""
            nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        )
""", """
            nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(),
        )
""")
edit("""
            nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(), nn.Upsample(scale_factor=2),
            nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(), nn.Upsample(scale_factor=2),
""", """
            nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(),
""")


# %% [ConvDAE] average_pooling
# Averages where the exercise asks for the maximum.
edit(
    "nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)",
    "nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2)",
)


# %% [ConvDAE] no_relu_in_the_decoder
# Thinks that only the encoder needs to be nonlinear.
edit("""
            nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(), nn.Upsample(scale_factor=2),
            nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(), nn.Upsample(scale_factor=2),
""", """
            nn.Conv2d(32, 32, 3, padding=1), nn.Upsample(scale_factor=2),
            nn.Conv2d(32, 32, 3, padding=1), nn.Upsample(scale_factor=2),
""")


# %% [ConvDAE] bilinear_upsampling
# Smooths while it upsamples, where the exercise repeats pixels.
edit(
    "nn.Upsample(scale_factor=2),\n            nn.Conv2d(32, 1",
    'nn.Upsample(scale_factor=2, mode="bilinear"),\n            nn.Conv2d(32, 1',
)


# %% [ConvDAE] pads_to_even_only
# Makes the sides even, but two poolings need a multiple of 4.
edit("pad_to_multiple(noisy, 4)", "pad_to_multiple(noisy, 2)")


# %% [ConvDAE] crops_the_wrong_corner
# Pads below and to the right, and crops above and to the left.
edit("[..., :height, :width]", "[..., -height:, -width:]")


# %% [ConvDAE] pads_with_zeros
# Pads with black, which the network takes for an edge.
edit("images.pad_to_multiple(noisy, 4)", "nn.functional.pad(noisy, (0, -width % 4, 0, -height % 4))")


# %% [ConvDAE] clips_the_input
# Brings the noisy image to [0, 1] first: that throws away noise which the network could use.
edit("pad_to_multiple(noisy, 4)", "pad_to_multiple(noisy.clamp(0, 1), 4)")


# %% [ConvDAE] detached_code
# Cuts the graph at the code: the encoder never learns.
edit("self.decoder(code)", "self.decoder(code.detach())")


# %% [ConvDAE] seeds_in_forward
# Wants the same numbers each time, and so all the noise of the training is the same, too.
edit("height, width = noisy.shape[-2:]", "torch.manual_seed(0)\n        height, width = noisy.shape[-2:]")


# %% [ConvDAE] adds_dropout
# Adds dropout, which has no parameters but makes the training another one.
edit("self.decoder(code)", "self.decoder(nn.functional.dropout(code, 0.2, self.training))")


# %% [random_crop] calls_the_library
# Calls the function that the exercise builds.
def random_crop(image, size, generator):
    return images.random_crop(image, size, generator=generator)


# %% [random_crop] rows_and_columns_come_first
# Takes the shape of a numpy picture, (H, W, …).
edit("image.shape[-2:]", "image.shape[:2]")


# %% [random_crop] turns_into_float32
# Makes floats of whatever it cuts, masks too.
edit("left : left + size]", "left : left + size].float()")


# %% [random_crop] always_the_middle
# Cuts the centre: nothing is random.
edit("int(torch.randint(height - size + 1, (), generator=generator))", "(height - size) // 2")
edit("int(torch.randint(width - size + 1, (), generator=generator))", "(width - size) // 2")


# %% [random_crop] misses_the_last_place
# Forgets the + 1: the last row and column are never seen.
edit("torch.randint(height - size + 1,", "torch.randint(max(height - size, 1),")
edit("torch.randint(width - size + 1,", "torch.randint(max(width - size, 1),")


# %% [random_crop] needs_room
# Takes an image with one place for the crop for one that is too small.
edit("    top =", """
    if size in (height, width):
        return image
    top =
""")


# %% [random_crop] only_along_the_diagonal
# Uses one random number for rows and columns.
edit("left = int(torch.randint(width - size + 1, (), generator=generator))", "left = min(top, width - size)")


# %% [random_crop] rounds_the_place
# Rounds a random number to the next place: those at the border come half as often.
edit(
    "int(torch.randint(height - size + 1, (), generator=generator))",
    "round(float(torch.rand((), generator=generator)) * (height - size))",
)


# %% [random_crop] avoids_the_border
# Draws places near the middle a little more often, and those at the far ends never.
edit(
    "int(torch.randint(height - size + 1, (), generator=generator))",
    "int((0.02 + 0.96 * float(torch.rand((), generator=generator))) * (height - size + 1))",
)


# %% [random_crop] ignores_the_generator
# Draws from the global generator, so that no run can be repeated.
edit("height - size + 1, (), generator=generator", "height - size + 1, ()")
edit("width - size + 1, (), generator=generator", "width - size + 1, ()")


# %% [random_crop] shuffles_the_pixels
# Chooses random rows and columns instead of a connected piece.
def random_crop(image, size, generator):
    rows = torch.randperm(image.shape[-2], generator=generator)[:size]
    columns = torch.randperm(image.shape[-1], generator=generator)[:size]
    return image[..., rows, :][..., columns]


# %% [random_crop] numbers_of_the_example
# Writes the numbers of the example, 3 and 4 places, into the function.
edit("height - size + 1", "3")
edit("width - size + 1", "4")


# %% [random_crop] starts_its_own_generator
# Seeds a new generator in each call: all crops come from one place.
edit(
    "    height, width",
    "    generator = torch.Generator().manual_seed(generator.initial_seed())\n    height, width",
)


# %% [random_crop] one_channel_only
# Thinks that an image has no axes but its own two and one for the channel.
edit("image[..., top", "image.reshape(-1, height, width)[:1, top")


# %% [enough_images] calls_the_library
# Calls the function that the exercise builds.
def enough_images(counts, scores, reference):
    return evaluation.enough_images(counts, scores, reference)


# %% [enough_images] mean_alone
# Compares the mean with the reference and forgets that it is uncertain.
edit(" - 2 * error > reference", " > reference")


# %% [enough_images] deviation_for_error
# Takes the standard deviation of the seeds for the error of their mean.
edit(" / np.sqrt(len(scores))", "")


# %% [enough_images] divides_by_the_number_of_seeds
# Divides the standard deviation by the number of seeds, not by its root.
edit("np.sqrt(len(scores))", "len(scores)")


# %% [enough_images] deviation_of_a_population
# Forgets ddof=1: with few seeds the error comes out too small.
edit("scores.std(axis=0, ddof=1)", "scores.std(axis=0)")


# %% [enough_images] one_standard_error
# Goes down by one standard error.
edit("- 2 * error", "- error")


# %% [enough_images] adds_the_error
# Adds the error, "to be fair to the network".
edit("- 2 * error", "+ 2 * error")


# %% [enough_images] best_seed
# Takes the best seed of each number of images.
edit("scores.mean(axis=0) - 2 * error > reference", "scores.max(axis=0) > reference")


# %% [enough_images] every_seed
# Wants every single seed to win.
edit("scores.mean(axis=0) - 2 * error > reference", "scores.min(axis=0) > reference")


# %% [enough_images] first_lucky_point
# Takes the smallest number that wins, although a larger one loses.
edit("            break\n", "            continue\n")


# %% [enough_images] only_the_next_one
# Asks only whether the next larger number wins as well.
def enough_images(counts, scores, reference):
    error = scores.std(axis=0, ddof=1) / np.sqrt(len(scores))
    order = np.argsort(counts)
    wins = (scores.mean(axis=0) - 2 * error > reference)[order]
    for place in range(len(order)):
        if wins[place] and wins[min(place + 1, len(order) - 1)]:
            return counts[order[place]]
    return None


# %% [enough_images] thinks_that_counts_are_sorted
# Goes through the list as it comes.
edit("np.argsort(counts)[::-1]", "range(len(counts))[::-1]")


# %% [enough_images] rank_for_order
# Takes the rank of each number for the order in which to look: right for sorted lists and for swaps.
edit("np.argsort(counts)[::-1]", "np.argsort(np.argsort(counts))[::-1]")


# %% [enough_images] sorts_the_callers_list
# Sorts the list of the caller: the next cell draws scores at the wrong counts.
edit(
    "    enough = None\n",
    "    enough, wins = None, wins[np.argsort(counts)]\n    counts.sort()\n",
)


# %% [enough_images] at_least
# Lets an equal score win.
edit("> reference", ">= reference")


# %% [enough_images] place_for_count
# Returns where the number stands, not the number.
edit("enough = counts[place]", "enough = place")


# %% [enough_images] the_largest_at_least
# Returns the largest number where none suffices.
edit("enough = None", "enough = max(counts)")


# %% [enough_images] mean_over_the_wrong_axis
# Averages over the numbers of images instead of the seeds.
edit("scores.mean(axis=0)", "scores.mean(axis=1)")


# %% [enough_images] mean_of_everything
# Takes one error for all numbers of images.
edit("scores.std(axis=0, ddof=1)", "scores.std(ddof=1)")
