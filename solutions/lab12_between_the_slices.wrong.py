# Named wrong answers of lab 12: each is a real misconception and costs the points of its exercise and of no other. See CONTRIBUTING.md.
#
# What is tested of each exercise:
# thick_slices: factors from 1 to the whole width, lines, batches and squares, a remainder, values below 0, in place
# between_slices: factors from 1 to 4, one slice, lines and batches, both ends, in place
# keep_measured: factors from 1 to 4, a guess that fits, values outside [0, 1], gradients, in place
# generalised_dice_loss: classes of unequal size, one or several absent classes, images of unequal difficulty, an empty
#   answer, gradients
# surface_scores: masks of unequal size, both orders, unequal spacing, holes, masks at the rim, pieces far away, in place
# shape_loss: one image and several, an encoder with batch norm and dropout, probabilities in doubt, gradients

# %% [thick_slices] calls_the_library
# Calls the function that the exercise builds.
def thick_slices(image, factor):
    return resolution.thick_slices(image, factor)


# %% [thick_slices] every_kth_slice
# Leaves slices out: sharp, aliased, and no scanner does it.
edit("image.reshape(*image.shape[:-1], -1, factor).mean(-1)", "image[..., ::factor]")


# %% [thick_slices] the_middle_slice
# Takes the middle slice of each group.
edit("image.reshape(*image.shape[:-1], -1, factor).mean(-1)", "image[..., factor // 2 :: factor]")


# %% [thick_slices] sum_of_the_slices
# The sum: a thick slice is then brighter.
edit(".mean(-1)", ".sum(-1)")


# %% [thick_slices] moving_mean_then_every_kth
# A mean centred on every k-th slice: the slices are moved.
edit(
    "image.reshape(*image.shape[:-1], -1, factor).mean(-1)",
    "torch.stack([image.roll(shift, -1) for shift in range(factor)]).mean(0)[..., ::factor]",
)


# %% [thick_slices] other_axis
# Averages along the rows' axis.
edit(
    "image.reshape(*image.shape[:-1], -1, factor).mean(-1)",
    "image.movedim(-1, -2).reshape(*image.shape[:-2], image.shape[-1], -1, factor).mean(-1).movedim(-1, -2) if image.ndim > 1 and image.shape[-2] % factor == 0 else image.reshape(*image.shape[:-1], -1, factor).mean(-1)",
)


# %% [thick_slices] both_axes
# Averages squares of pixels, as a picture is made smaller.
edit(
    "return image.reshape(*image.shape[:-1], -1, factor).mean(-1)",
    "thick = image.reshape(*image.shape[:-1], -1, factor).mean(-1)\n    if thick.ndim > 1 and thick.shape[-2] % factor == 0:\n        thick = thick.unflatten(-2, (-1, factor)).mean(-2)\n    return thick",
)


# %% [thick_slices] groups_turned_round
# Averages slices that lie far apart: the reshape has its axes turned round.
edit("reshape(*image.shape[:-1], -1, factor).mean(-1)", "reshape(*image.shape[:-1], factor, -1).mean(-2)")


# %% [thick_slices] drops_the_remainder
# Drops what is left over, in silence.
def thick_slices(image, factor):
    whole = image.shape[-1] // factor * factor
    return image[..., :whole].reshape(*image.shape[:-1], -1, factor).mean(-1)


# %% [thick_slices] median
# The median: a scanner adds up signals.
edit(".mean(-1)", ".median(-1).values")


# %% [thick_slices] highest_value
# The brightest of the slices: a maximum intensity projection.
edit(".mean(-1)", ".amax(-1)")


# %% [thick_slices] adds_up_in_place
# Adds the slices up in the image itself: right once, and the thin slices are lost.
def thick_slices(image, factor):
    if image.shape[-1] % factor:
        raise ValueError(f"expected a multiple of {factor} thin slices, got {image.shape[-1]}")
    for i in range(1, factor):
        image[..., ::factor] += image[..., i::factor]
    return image[..., ::factor] / factor


# %% [thick_slices] divides_in_place
# Divides in place before it adds: the caller's image is darker afterwards.
edit(".mean(-1)", ".div_(factor).sum(-1)")


# %% [between_slices] calls_the_library
# Calls the function that the exercise builds.
def between_slices(thick, factor):
    return resolution.between_slices(thick, factor)


# %% [between_slices] no_shift
# Takes the first thin slice of each thick one for its centre: the image moves.
edit("- (factor - 1) / 2", "")


# %% [between_slices] shift_the_other_way
# Moves by the same amount, to the other side.
edit("- (factor - 1) / 2", "+ (factor - 1) / 2")


# %% [between_slices] half_a_thick_slice
# Forgets that a thin slice has a centre, too: half a thin slice off.
edit("(factor - 1) / 2", "factor / 2")


# %% [between_slices] ends_on_ends
# Puts the first and last slice on the first and last thin one, as align_corners=True does: the image is stretched.
edit(
    "((torch.arange(n * factor) - (factor - 1) / 2) / factor).clamp(0, n - 1)",
    "torch.arange(n * factor) * ((n - 1) / max(n * factor - 1, 1))",
)


# %% [between_slices] repeats
# Repeats each thick slice: no interpolation.
edit("share = (place - left)", "share = 0 * (place - left)")


# %% [between_slices] nearest
# The nearest slice.
edit("share = (place - left)", "share = (place - left > 0.5)")


# %% [between_slices] shares_swapped
# Gives the larger weight to the farther slice.
edit("thick[..., left] * (1 - share) + thick[..., right] * share", "thick[..., left] * share + thick[..., right] * (1 - share)")


# %% [between_slices] zeros_beyond_the_ends
# Sees darkness beyond the first and the last slice.
def between_slices(thick, factor):
    n = thick.shape[-1]
    place = (torch.arange(n * factor) - (factor - 1) / 2) / factor + 1
    left = place.floor().long()
    share = (place - left).to(thick.dtype)
    padded = F.pad(thick, (1, 1))
    return padded[..., left] * (1 - share) + padded[..., left + 1] * share


# %% [between_slices] draws_the_line_on
# Draws the line on beyond the ends: values that nobody measured.
def between_slices(thick, factor):
    n = thick.shape[-1]
    if n == 1:
        return thick.repeat_interleave(factor, -1)
    place = (torch.arange(n * factor) - (factor - 1) / 2) / factor
    left = place.floor().long().clamp(0, n - 2)
    share = (place - left).to(thick.dtype)
    return thick[..., left] * (1 - share) + thick[..., left + 1] * share


# %% [between_slices] wraps_round
# The first slice's neighbour is the last one.
def between_slices(thick, factor):
    n = thick.shape[-1]
    place = (torch.arange(n * factor) - (factor - 1) / 2) / factor
    left = place.floor().long()
    share = (place - left).to(thick.dtype)
    return thick[..., left % n] * (1 - share) + thick[..., (left + 1) % n] * share


# %% [between_slices] both_axes
# Interpolates rows and columns alike.
edit(
    "return thick[..., left] * (1 - share) + thick[..., right] * share",
    "wide = thick[..., left] * (1 - share) + thick[..., right] * share\n    return F.interpolate(wide, scale_factor=(factor, 1), mode='bilinear') if wide.ndim == 4 else wide",
)


# %% [keep_measured] calls_the_library
# Calls the function that the exercise builds.
def keep_measured(guess, thick, factor):
    return resolution.keep_measured(guess, thick, factor)


# %% [keep_measured] divides_by_the_factor
# Shares the difference out among the slices: each gets a part of what all need.
edit("(thick - would)", "(thick - would) / factor")


# %% [keep_measured] the_other_sign
# Moves the guess away from what was measured.
edit("(thick - would)", "(would - thick)")


# %% [keep_measured] replaces_every_kth_slice
# Writes what was measured into one slice of each group, as for samples.
def keep_measured(guess, thick, factor):
    found = guess.clone()
    found[..., ::factor] = thick
    return found


# %% [keep_measured] difference_interpolated
# Interpolates the difference: smoother, but the means fit no longer.
edit(
    "(thick - would).repeat_interleave(factor, -1)",
    "F.interpolate((thick - would).reshape(-1, 1, thick.shape[-1]), scale_factor=factor, mode='linear').reshape(guess.shape)",
)


# %% [keep_measured] mean_of_both
# The mean of the guess and the repeated slices: half way.
edit("guess + (thick - would)", "guess + (thick - would) / 2 + 0 * (thick - would)")


# %% [keep_measured] only_the_measured
# Returns the thick slices, repeated: the guess is lost.
edit("guess + (thick - would).repeat_interleave(factor, -1)", "thick.repeat_interleave(factor, -1) + 0 * guess")


# %% [keep_measured] clips
# Clips to [0, 1] at the end: the means fit no longer.
edit("guess + (thick - would).repeat_interleave(factor, -1)", "(guess + (thick - would).repeat_interleave(factor, -1)).clamp(0, 1)")


# %% [keep_measured] scales
# Multiplies instead of adding: not the nearest image, and it fails in the dark.
edit("guess + (thick - would).repeat_interleave(factor, -1)", "guess * (thick / would.clamp(min=1e-6)).repeat_interleave(factor, -1)")


# %% [keep_measured] one_difference_for_all
# Corrects the mean of the whole line only.
edit("(thick - would).repeat_interleave(factor, -1)", "(thick - would).mean(-1, keepdim=True)")


# %% [keep_measured] changes_the_guess
# Adds in place.
def keep_measured(guess, thick, factor):
    would = guess.reshape(*thick.shape, factor).mean(-1)
    guess.data += (thick - would).repeat_interleave(factor, -1)
    return guess


# %% [keep_measured] detaches_the_guess
# Takes what the guess would give out of the gradient.
edit(".mean(-1)\n", ".mean(-1).detach()\n")


# %% [keep_measured] changes_the_measured
# Takes the difference in place: what was measured is overwritten.
edit("(thick - would)", "thick.sub_(would.detach())")


# %% [generalised_dice_loss] calls_the_library
# Calls the function that the exercise builds.
def generalised_dice_loss(probabilities, target):
    return losses.generalised_dice_loss(probabilities, target)


# %% [generalised_dice_loss] square_inside_the_sum
# Squares the terms, as the slide prints it: one over the volume.
edit("1 / volume.clamp(min=1) ** 2", "1 / volume.clamp(min=1)")


# %% [generalised_dice_loss] no_weights
# All classes weigh the same: the background rules.
edit("1 / volume.clamp(min=1) ** 2", "1.0")


# %% [generalised_dice_loss] weights_from_the_prediction
# Weighs by what was predicted: the network chooses what counts.
edit("volume = r.sum(2)", "volume = p.sum(2)")


# %% [generalised_dice_loss] mean_of_dice
# The plain mean of each class's Dice.
edit("(1 - 2 * overlap / size).mean()", "(1 - (2 * (r * p).sum(2) / (r + p).sum(2)).mean(1)).mean()")


# %% [generalised_dice_loss] adds_one
# Adds 1 to both sums, against division by zero: an empty answer is rewarded.
edit("2 * overlap / size", "(2 * overlap + 1) / (size + 1)")


# %% [generalised_dice_loss] one_over_zero
# A class that is absent weighs 1/0: not a number.
edit(
    "weight = torch.where(volume > 0, 1 / volume.clamp(min=1) ** 2, 0)\n    weight = torch.where(volume > 0, weight, weight.amax(1, keepdim=True))",
    "weight = 1 / volume**2",
)


# %% [generalised_dice_loss] absent_class_weighs_nothing
# Leaves an absent class out: what is wrongly called so costs less.
edit("weight = torch.where(volume > 0, weight, weight.amax(1, keepdim=True))", "pass")


# %% [generalised_dice_loss] absent_class_weighs_one
# Takes 1 for the volume of an absent class.
edit("weight = torch.where(volume > 0, 1 / volume.clamp(min=1) ** 2, 0)", "weight = 1 / volume.clamp(min=1) ** 2")


# %% [generalised_dice_loss] argmax_first
# Decides first: no gradient is left.
edit("probabilities.flatten(2)", "F.one_hot(probabilities.argmax(1), probabilities.shape[1]).movedim(-1, 1).to(probabilities).flatten(2)")


# %% [generalised_dice_loss] one_batch_one_volume
# Adds up the volumes of all images: one loss for the batch.
edit(
    "p, r = probabilities.flatten(2), target.flatten(2)",
    "p, r = (x.movedim(0, 1).flatten(1)[None] for x in (probabilities, target))",
)


# %% [generalised_dice_loss] without_background
# Leaves the background out.
edit(
    "p, r = probabilities.flatten(2), target.flatten(2)",
    "p, r = probabilities[:, 1:].flatten(2), target[:, 1:].flatten(2)",
)


# %% [generalised_dice_loss] forgets_the_two
# Forgets the 2: the truth itself then costs a half.
edit("1 - 2 * overlap", "1 - overlap")


# %% [generalised_dice_loss] the_score
# Returns the score, not the loss: training makes it worse.
edit("(1 - 2 * overlap / size)", "(2 * overlap / size)")


# %% [generalised_dice_loss] squares_in_the_denominator
# Squares the terms of the denominator, as in V-Net's Dice.
edit("(r + p)", "(r**2 + p**2)")


# %% [generalised_dice_loss] second_largest_weight
# Takes the second largest weight, since the largest is infinite: right as long as one class is absent.
edit(
    "weight = torch.where(volume > 0, 1 / volume.clamp(min=1) ** 2, 0)\n    weight = torch.where(volume > 0, weight, weight.amax(1, keepdim=True))",
    "weight = 1 / volume**2\n    weight = torch.where(volume > 0, weight, weight.topk(2).values[:, 1:])",
)


# %% [generalised_dice_loss] mends_one_absent_class
# Looks for the smallest volume and mends this class only, where an image may lack several.
edit(
    "weight = torch.where(volume > 0, weight, weight.amax(1, keepdim=True))",
    "weight = weight.scatter(1, volume.argmin(1, keepdim=True), weight.amax(1, keepdim=True))",
)


# %% [generalised_dice_loss] largest_weight_so_far
# Goes through the classes in order and takes the largest weight so far: right where the last class is absent.
edit("weight.amax(1, keepdim=True)", "weight.cummax(1).values")


# %% [generalised_dice_loss] largest_weight_of_the_structures
# Takes the largest weight without the background's: nothing is left where there is only background.
edit("weight.amax(1, keepdim=True)", "weight[:, 1:].amax(1, keepdim=True)")


# %% [generalised_dice_loss] only_the_last_class_may_be_absent
# Mends the last class only.
edit(
    "weight = torch.where(volume > 0, weight, weight.amax(1, keepdim=True))",
    "weight[:, -1] = torch.where(volume[:, -1] > 0, weight[:, -1], weight.amax(1))",
)


# %% [surface_scores] calls_the_library
# Calls the functions that the exercise builds.
def surface_scores(prediction, target, spacing):
    return (
        metrics.hausdorff_distance(prediction, target, spacing=tuple(spacing)),
        metrics.average_surface_distance(prediction, target, spacing=tuple(spacing)),
    )


# %% [surface_scores] calls_the_library_for_the_distances
# Writes the sums, and lets the library find the distances.
def surface_scores(prediction, target, spacing):
    there, back = metrics.surface_distances(prediction, target, spacing=tuple(spacing))
    return max(there.max(), back.max()), (there.mean() + back.mean()) / 2


# %% [surface_scores] one_direction
# From the prediction to the truth only: what the prediction misses is not seen.
edit("return max(there.max(), back.max()), (there.mean() + back.mean()) / 2", "return there.max(), there.mean()")


# %% [surface_scores] one_direction_for_the_largest
# The directed distance for the largest, both for the average.
edit("max(there.max(), back.max())", "there.max()")


# %% [surface_scores] no_spacing
# Counts voxels.
edit("* spacing for", "* 1.0 for")


# %% [surface_scores] spacing_turned_round
# Takes the spacing in the order x, y, z.
edit("* spacing for", "* np.asarray(spacing)[::-1] for")


# %% [surface_scores] all_voxels
# Takes all voxels for the border: inside each other, the distance is 0.
edit("np.argwhere(mask & ~ndimage.binary_erosion(mask))", "np.argwhere(mask)")


# %% [surface_scores] no_border_at_the_edge
# Finds no border where the mask touches the edge of the image.
edit("ndimage.binary_erosion(mask)", "ndimage.binary_erosion(mask, border_value=1)")


# %% [surface_scores] neighbours_by_corners
# Neighbours by corners, too: a thicker border.
edit("ndimage.binary_erosion(mask)", "ndimage.binary_erosion(mask, np.ones((3,) * mask.ndim))")


# %% [surface_scores] border_outside
# Takes the voxels around the mask for its border.
edit("mask & ~ndimage.binary_erosion(mask)", "ndimage.binary_dilation(mask) & ~mask")


# %% [surface_scores] pooled_mean
# Pools all distances: the longer border counts more.
edit("(there.mean() + back.mean()) / 2", "np.concatenate([there, back]).mean()")


# %% [surface_scores] mean_for_the_largest
# The larger of the two means for Hausdorff.
edit("max(there.max(), back.max())", "max(there.mean(), back.mean())")


# %% [surface_scores] smallest_of_both
# The smaller direction.
edit("max(there.max(), back.max())", "min(there.max(), back.max())")


# %% [surface_scores] farthest_pair
# The farthest pair of all, not the farthest of the nearest.
edit("max(there.max(), back.max())", "distances.max()")


# %% [surface_scores] percentile
# The 95th percentile.
edit("max(there.max(), back.max())", "max(np.percentile(there, 95), np.percentile(back, 95))")


# %% [surface_scores] steps_along_the_axes
# Adds up the steps along the axes.
edit("np.linalg.norm(a[:, None] - b[None], axis=-1)", "np.abs(a[:, None] - b[None]).sum(-1)")


# %% [surface_scores] erodes_the_masks_in_place
# Leaves only their borders of the masks that it was given.
def surface_scores(prediction, target, spacing):
    def border(mask):
        mask ^= ndimage.binary_erosion(mask)
        return np.argwhere(mask) * spacing

    a, b = border(prediction), border(target)
    distances = np.linalg.norm(a[:, None] - b[None], axis=-1)
    there, back = distances.min(1), distances.min(0)
    return max(there.max(), back.max()), (there.mean() + back.mean()) / 2


# %% [shape_loss] calls_the_library
# Calls the function that the exercise builds.
def shape_loss(encoder, probabilities, target):
    return losses.shape_prior_loss(encoder.eval(), probabilities, target)


# %% [shape_loss] argmax
# Compares the labels that were chosen: no gradient.
edit("encoder(probabilities)", "encoder(F.one_hot(probabilities.argmax(1), probabilities.shape[1]).movedim(-1, 1).to(target))")


# %% [shape_loss] softmax_again
# Takes the probabilities for logits.
edit("encoder(probabilities)", "encoder(probabilities.softmax(1))")


# %% [shape_loss] logarithms
# Gives the encoder what cross-entropy works with.
edit("encoder(probabilities)", "encoder(probabilities.clamp(min=1e-9).log())")


# %% [shape_loss] freezes_by_no_grad
# Stops the gradient for all in order to freeze the encoder.
def shape_loss(encoder, probabilities, target):
    encoder.eval()
    with torch.no_grad():
        return (encoder(probabilities) - encoder(target)).square().sum(1).mean()


# %% [shape_loss] detaches_the_prediction
# Detaches the code that has to learn.
edit("encoder(probabilities)", "encoder(probabilities.detach())")


# %% [shape_loss] mean_over_the_code
# The mean over the code: with 64 numbers the weight means 64 times less.
edit(".sum(1).mean()", ".mean()")


# %% [shape_loss] sum_over_the_batch
# Sums over the images too: the weight depends on the size of the batch.
edit(".sum(1).mean()", ".sum()")


# %% [shape_loss] not_squared
# The distance, not its square.
edit(".sum(1).mean()", ".sum(1).sqrt().mean()")


# %% [shape_loss] absolute
# Absolute differences.
edit(".square()", ".abs()")


# %% [shape_loss] encodes_the_difference
# Encodes the difference of the maps: right only if the encoder were linear.
edit("(encoder(probabilities) - encoder(target))", "encoder(probabilities - target)")


# %% [shape_loss] compares_the_maps
# Compares the maps pixel by pixel, as cross-entropy does already.
edit("(encoder(probabilities) - encoder(target)).square().sum(1)", "(probabilities - target).square().flatten(1).sum(1)")


# %% [shape_loss] encoder_learns
# Leaves the encoder's weights free: one code for all shapes would be a loss of 0.
edit("encoder.eval().requires_grad_(False)", "encoder.eval()")


# %% [shape_loss] encoder_in_training_mode
# Leaves the encoder in training mode: the code changes from call to call.
edit("encoder.eval().requires_grad_(False)", "encoder.requires_grad_(False)")


# %% [shape_loss] distance_of_the_mean_codes
# Compares the mean code of the batch.
edit(".square().sum(1).mean()", ".mean(0).square().sum()")


# %% [shape_loss] only_dropout_in_eval_mode
# Puts dropout to sleep and forgets batch norm, which then takes its means from the batch.
edit(
    "encoder.eval().requires_grad_(False)",
    "encoder.requires_grad_(False)\n    for layer in encoder.modules():\n        if isinstance(layer, torch.nn.Dropout):\n            layer.eval()",
)


# %% [shape_loss] only_batch_norm_in_eval_mode
# Puts batch norm to sleep and forgets dropout.
edit(
    "encoder.eval().requires_grad_(False)",
    "encoder.requires_grad_(False)\n    for layer in encoder.modules():\n        if isinstance(layer, torch.nn.BatchNorm2d):\n            layer.eval()",
)


# %% [shape_loss] attribute_of_the_module
# Sets an attribute of the module that PyTorch never reads: the weights still learn.
edit("encoder.eval().requires_grad_(False)", "encoder.eval()\n    encoder.requires_grad = False")
