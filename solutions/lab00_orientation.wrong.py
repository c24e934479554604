# Named wrong answers of lab 00: each is a real misconception and loses just its exercise. See CONTRIBUTING.md.
#
# What the tests try, beside the example:
# rescale: negative, tiny and huge values, tall, [0, 1] already, integers, two floats, constants, in place; no gradient
# to_batch: one row, one column, stacks of 1 to 4, tall, three types, beyond [0, 1], in place; no gradient
# pad_to_multiple: tall, odd, one pixel, nothing missing, several channels, float64, below 0, gradient numbers

# %% [rescale] calls_the_library
# Calls the function that the exercise builds.
def rescale(image):
    return images.rescale(image)


# %% [rescale] forgets_the_minimum
# Thinks that every image starts at 0, so that dividing by the maximum is enough.
edit("(image - low) / (high - low)", "image / high")


# %% [rescale] divides_by_255
# Thinks that every image has 8 bits.
edit("(image - low) / (high - low)", "image / 255")


# %% [rescale] clips
# Cuts off what lies outside [0, 1] instead of stretching.
edit("(image - low) / (high - low)", "np.clip(image, 0, 1)")


# %% [rescale] divides_by_zero
# Forgets that a constant image has no contrast: the result is NaN.
edit("if high == low:", "if False:")


# %% [rescale] works_in_place
# Changes the caller's image.
def rescale(image):
    image -= image.min()
    if image.max() > 0:
        image /= image.max()
    return image


# %% [rescale] copies_only_to_convert
# Thinks that a conversion always copies: an image that is float32 already is changed in place.
edit("image = image.astype(np.float32)", "image = np.asarray(image, dtype=np.float32)")
edit("return (image - low) / (high - low)", "image -= low\n    image /= high - low\n    return image")


# %% [rescale] overflows
# Computes with the scanner's 16-bit numbers: their difference does not fit into 16 bits.
edit("    image = image.astype(np.float32)\n", "")
edit("return (image - low)", "with np.errstate(over='ignore'):\n        return (image - low)")


# %% [rescale] constant_by_deviation
# Asks whether the standard deviation is 0: rounding leaves a little of it in most constant images.
edit("if high == low:", "if image.std() == 0:")


# %% [rescale] epsilon_below
# Adds a small number so as never to divide by zero: a faint image is not stretched to 1.
edit("(high - low)", "(high - low + 1e-6)")


# %% [rescale] small_range_is_constant
# Takes a small range for no range at all.
edit("if high == low:", "if high - low < 1e-3:")


# %% [rescale] leaves_unit_images
# Thinks that an image inside [0, 1] is rescaled already.
edit(
    "    if high == low:",
    "    if low >= 0 and high <= 1 and high > low:\n        return image\n    if high == low:",
)


# %% [to_batch] calls_the_library
# Calls the function that the exercise builds.
def to_batch(image):
    return images.to_batch(image)


# %% [to_batch] slices_as_channels
# Puts a stack of slices into the channel axis of one image.
edit("return tensor[:, None]", "return tensor[None]")


# %% [to_batch] channels_last
# Follows the order of matplotlib and TensorFlow: (N, H, W, C).
edit("return tensor[:, None]", "return tensor[..., None]")


# %% [to_batch] scrambles_the_pixels
# Gets the shape right, but by a transpose and a reshape that move the pixels.
edit("return tensor[:, None]", "return tensor.transpose(-1, -2).reshape(-1, 1, *image.shape[-2:])")


# %% [to_batch] keeps_float64
# Forgets that numpy's default is double precision.
edit(", dtype=torch.float32", "")


# %% [to_batch] converts_float64_only
# Knows that double precision is too much, and forgets that scanners store whole numbers.
edit(", dtype=torch.float32)", ")\n    tensor = tensor.float() if tensor.dtype == torch.float64 else tensor")


# %% [to_batch] squeezes_first
# Removes all axes of length 1, also that of an image with one row or column.
edit("torch.as_tensor(image,", "torch.as_tensor(np.squeeze(image),")
edit("if tensor.ndim == 2:", "while tensor.ndim < 3:")


# %% [to_batch] small_stacks_are_channels
# Takes a short first axis for the channels of one image.
edit("return tensor[:, None]", "return tensor[None] if len(tensor) in (2, 4) else tensor[:, None]")


# %% [to_batch] clips_the_stack
# Cuts a stack to [0, 1] on the way.
edit("return tensor[:, None]", "return tensor[:, None].clamp(0, 1) if image.ndim == 3 else tensor[:, None]")


# %% [pad_to_multiple] calls_the_library
# Calls the function that the exercise builds.
def pad_to_multiple(batch, multiple):
    return images.pad_to_multiple(batch, multiple)


# %% [pad_to_multiple] always_adds
# Adds a whole multiple where nothing is missing.
edit(
    "-width % multiple, 0, -height % multiple",
    "multiple - width % multiple, 0, multiple - height % multiple",
)


# %% [pad_to_multiple] pads_with_zeros
# Uses the default mode of pad: a black border that the network takes for an edge.
edit(', mode="replicate"', "")


# %% [pad_to_multiple] height_and_width_swapped
# Thinks that pad counts axes from the first one.
edit("(0, -width % multiple, 0, -height % multiple)", "(0, -height % multiple, 0, -width % multiple)")


# %% [pad_to_multiple] swapped_for_tall
# Orders the sides by their length: right for wide images only.
edit("    return", "    height, width = sorted((height, width))\n    return")


# %% [pad_to_multiple] moves_the_image
# Pads above and to the left, so that the crop afterwards cuts off the image.
edit("(0, -width % multiple, 0, -height % multiple)", "(-width % multiple, 0, -height % multiple, 0)")


# %% [pad_to_multiple] cuts_the_gradient
# Pads in numpy: no network that pads so inside can learn what stands before it.
def pad_to_multiple(batch, multiple):
    height, width = batch.shape[-2:]
    padding = ((0, 0), (0, 0), (0, -height % multiple), (0, -width % multiple))
    return torch.from_numpy(np.pad(batch.detach().numpy(), padding, mode="edge"))


# %% [pad_to_multiple] first_channel_only
# Thinks that every image has one channel.
edit("pad(batch,", "pad(batch[:, :1],")


# %% [pad_to_multiple] to_single_precision
# Converts to float32 on the way.
edit("pad(batch,", "pad(batch.float(),")
