# Named wrong answers of lab 00: each is a real misconception and loses just its exercise. See CONTRIBUTING.md.

# %% [rescale] calls_the_library
# Calls the function that the exercise builds.
def rescale(image):
    return images.rescale(image)


# %% [rescale] forgets_the_minimum
# Thinks that every image starts at 0, so that dividing by the maximum is enough.
def rescale(image):
    return image / image.max()


# %% [rescale] divides_by_255
# Thinks that every image has 8 bits.
def rescale(image):
    return image / 255


# %% [rescale] clips
# Cuts off what lies outside [0, 1] instead of stretching.
def rescale(image):
    return np.clip(image, 0, 1)


# %% [rescale] divides_by_zero
# Forgets that a constant image has no contrast: the result is NaN.
def rescale(image):
    with np.errstate(invalid="ignore"):
        return (image - image.min()) / (image.max() - image.min())


# %% [rescale] works_in_place
# Changes the caller's image.
def rescale(image):
    image -= image.min()
    if image.max() > 0:
        image /= image.max()
    return image


# %% [rescale] overflows
# Computes with the scanner's 16-bit numbers: their difference does not fit into 16 bits.
def rescale(image):
    low, high = image.min(), image.max()
    if high == low:
        return np.zeros_like(image)
    with np.errstate(over="ignore"):
        return (image - low) / (high - low)


# %% [to_batch] calls_the_library
# Calls the function that the exercise builds.
def to_batch(image):
    return images.to_batch(image)


# %% [to_batch] slices_as_channels
# Puts a stack of slices into the channel axis of one image.
def to_batch(image):
    return torch.as_tensor(image, dtype=torch.float32).reshape(1, -1, *image.shape[-2:])


# %% [to_batch] channels_last
# Follows the order of matplotlib and TensorFlow: (N, H, W, C).
def to_batch(image):
    return torch.as_tensor(image, dtype=torch.float32).reshape(-1, *image.shape[-2:], 1)


# %% [to_batch] scrambles_the_pixels
# Gets the shape right, but by a transpose and a reshape that move the pixels.
def to_batch(image):
    tensor = torch.as_tensor(image, dtype=torch.float32)
    return tensor.transpose(-1, -2).reshape(-1, 1, *image.shape[-2:])


# %% [to_batch] keeps_float64
# Forgets that numpy's default is double precision.
def to_batch(image):
    tensor = torch.as_tensor(image)
    return tensor[None, None] if tensor.ndim == 2 else tensor[:, None]


# %% [pad_to_multiple] calls_the_library
# Calls the function that the exercise builds.
def pad_to_multiple(batch, multiple):
    return images.pad_to_multiple(batch, multiple)


# %% [pad_to_multiple] always_adds
# Adds a whole multiple where nothing is missing.
def pad_to_multiple(batch, multiple):
    height, width = batch.shape[-2:]
    below, right = multiple - height % multiple, multiple - width % multiple
    return torch.nn.functional.pad(batch, (0, right, 0, below), mode="replicate")


# %% [pad_to_multiple] pads_with_zeros
# Uses the default mode of pad: a black border that the network takes for an edge.
def pad_to_multiple(batch, multiple):
    height, width = batch.shape[-2:]
    return torch.nn.functional.pad(batch, (0, -width % multiple, 0, -height % multiple))


# %% [pad_to_multiple] height_and_width_swapped
# Thinks that pad counts axes from the first one.
def pad_to_multiple(batch, multiple):
    height, width = batch.shape[-2:]
    return torch.nn.functional.pad(batch, (0, -height % multiple, 0, -width % multiple), mode="replicate")


# %% [pad_to_multiple] moves_the_image
# Pads above and to the left, so that the crop afterwards cuts off the image.
def pad_to_multiple(batch, multiple):
    height, width = batch.shape[-2:]
    return torch.nn.functional.pad(batch, (-width % multiple, 0, -height % multiple, 0), mode="replicate")
