# Named wrong answers of lab 07: each is a real misconception and loses just its exercise. See CONTRIBUTING.md.
#
# What the tests look at:
# residual_step: values beyond [0, 1], tall, double, gradients through both, mode inside, old gradients, no_grad
# dilated_filter: tall, wide, kernels a×b, reach beyond the image, whole numbers, 8 bits, tiny; no gradient: numpy
# receptive_field: no layers, even kernels, kernels of 1, strides that multiply, 12 layers, lists changed in place
# NoiseNet: beyond [0, 1], tall, wide, batch of one, double, both modes, gradients, running means, two layers
# spot_heights: tall, uneven template, at the rim, one place, whole numbers, ground 1e5, template 1e-7, negative
# detectability: other lengths, ties, whole numbers, outliers, scales 1e-8 to 1e6, offset 1e3, changed in place

# %% [residual_step] calls_the_library
# Lets the library's network do the subtraction.
def residual_step(network, noisy, clean):
    from course_lib.models.dncnn import DnCNN

    model = DnCNN(2, 1)
    model.noise = network
    denoised = model(noisy)
    return denoised, ((denoised - clean) ** 2).mean()


# %% [residual_step] adds_the_noise
# Wrong sign: the noise is added once more.
edit("return noisy - residual", "return noisy + residual")

# %% [residual_step] target_with_the_wrong_sign
# Lets the network learn clean - noisy, and subtracts it all the same.
edit("(noisy - clean)", "(clean - noisy)")

# %% [residual_step] residual_learning_the_other_way_round
# What must be added, in both places: consistent in itself, but then the network does not answer with the noise.
edit("return noisy - residual", "return noisy + residual")
edit("(noisy - clean)", "(clean - noisy)")

# %% [residual_step] subtracts_twice
# Denoises what is denoised already: the residual is used two times.
edit("return noisy - residual", "return noisy - residual - residual")

# %% [residual_step] returns_the_noise
# Forgets that the output is no image.
edit("return noisy - residual", "return residual")

# %% [residual_step] compares_the_noise_with_the_image
# The loss of direct learning, with the output of residual learning.
edit("(noisy - clean)", "clean")

# %% [residual_step] sums
# The loss of the paper: half of the sum over pixels, a mean over images.
edit(".mean()", ".sum() / (2 * len(noisy))")

# %% [residual_step] absolute_difference
# L1 in place of the squares.
edit("((residual - (noisy - clean)) ** 2)", "(residual - (noisy - clean)).abs()")

# %% [residual_step] huber
# Takes the smooth L1 loss for squares: below a difference of 1 it is half of them, above it is not.
edit("((residual - (noisy - clean)) ** 2).mean()", "2 * nn.functional.smooth_l1_loss(residual, noisy - clean)")

# %% [residual_step] variance
# Takes the variance for the mean of squares: a network that is wrong by a constant costs nothing.
edit("((residual - (noisy - clean)) ** 2).mean()", "(residual - (noisy - clean)).var(correction=0)")


# %% [residual_step] clips
# Clips the denoised image, and the loss with it: nothing above 1 has a gradient.
def residual_step(network, noisy, clean):
    denoised = (noisy - network(noisy)).clamp(0, 1)
    return denoised, ((denoised - clean) ** 2).mean()


# %% [residual_step] clips_the_input
# Believes that a noisy image ends at 0 and 1: the noise beyond is cut off before the network sees it.
edit("network(noisy)", "network(noisy.clamp(0, 1))")

# %% [residual_step] asks_twice
# Two passes through the network: twice the time, and BN moves twice.
edit("return noisy - residual", "return noisy - network(noisy)")

# %% [residual_step] image_by_image
# Shows the network one image after the other: BN never sees a batch.
edit("network(noisy)", "torch.cat([network(image[None]) for image in noisy])")

# %% [residual_step] shows_the_clean_image
# Takes the residual of the clean image: there is none when it counts.
edit("network(noisy)", "network(clean)")


# %% [residual_step] in_place
# Writes the denoised image into the noisy one; the true noise is wrong from then on.
def residual_step(network, noisy, clean):
    residual = network(noisy)
    loss = ((residual - (noisy - clean)) ** 2).mean()
    noisy -= residual.detach()
    return noisy, loss


# %% [residual_step] image_without_gradient
# Detaches the image: a loss on the image could not be used.
edit("return noisy - residual", "return (noisy - residual).detach()")

# %% [residual_step] input_without_gradient
# Detaches the noisy images before the network: what stands before it, a layer or a search in the image, cannot learn.
edit("network(noisy)", "network(noisy.detach())")

# %% [residual_step] loss_as_a_number
# Calls .item(): nothing can be learned from it.
edit(".mean()", ".mean().item()")

# %% [residual_step] image_cut_from_the_network
# Makes a new leaf of the image: it asks for a gradient, but none reaches the network.
edit("return noisy - residual", "return (noisy - residual).detach().requires_grad_()")

# %% [residual_step] single_precision
# Casts to float32: a network in double precision cannot take that.
edit("network(noisy)", "network(noisy.float())")

# %% [residual_step] switches_to_evaluation
# Denoising is evaluation, it thinks; BN would stand still during training.
edit("residual = network(noisy)", "residual = network.eval()(noisy)")

# %% [residual_step] evaluation_for_a_moment
# Puts the mode back afterwards; but the loss is that of a network that is not trained like this.
edit(
    """
    residual = network(noisy)
""",
    """
    mode = network.training
    residual = network.eval()(noisy)
    network.train(mode)
""",
)

# %% [residual_step] switches_to_training
# A loss means training, it thinks: the validation loss would move BN's means.
edit("residual = network(noisy)", "residual = network.train()(noisy)")

# %% [residual_step] turns_gradients_on
# Makes sure of a gradient for the whole notebook: the caller's no_grad() is gone.
edit("residual = network(noisy)", "torch.set_grad_enabled(True)\n    residual = network(noisy)")

# %% [residual_step] zeroes_the_gradients
# Does a part of the training loop, too: whoever gathers gradients over several batches loses them.
edit("residual = network(noisy)", "network.zero_grad()\n    residual = network(noisy)")


# %% [residual_step] goes_backward
# Does a part of the training loop, too: the loop would add the same gradient once more.
def residual_step(network, noisy, clean):
    residual = network(noisy)
    loss = ((residual - (noisy - clean)) ** 2).mean()
    loss.backward(retain_graph=True)
    return noisy - residual, loss


# %% [residual_step] square_of_the_mean
# Squares after the mean: noise of mean 0 costs nothing.
edit("((residual - (noisy - clean)) ** 2).mean()", "(residual - (noisy - clean)).mean() ** 2")

# %% [residual_step] loss_first
# The two results in the other order.
edit(
    "noisy - residual, ((residual - (noisy - clean)) ** 2).mean()",
    "((residual - (noisy - clean)) ** 2).mean(), noisy - residual",
)


# %% [dilated_filter] calls_the_library
# Lets PyTorch's layer do it.
def dilated_filter(image, kernel, dilation):
    sides = [dilation * (side - 1) // 2 for side in kernel.shape]
    layer = nn.Conv2d(1, 1, kernel.shape, padding=sides, dilation=dilation, bias=False, dtype=torch.float64)
    layer.weight.data[0, 0] = torch.from_numpy(kernel)
    return layer(torch.from_numpy(image)[None, None])[0, 0].detach().numpy()


# %% [dilated_filter] calls_the_function_of_torch
# The same through nn.functional.
def dilated_filter(image, kernel, dilation):
    sides = [dilation * (side - 1) // 2 for side in kernel.shape]
    image, kernel = torch.from_numpy(image)[None, None], torch.from_numpy(kernel)[None, None]
    return nn.functional.conv2d(image, kernel, padding=sides, dilation=dilation)[0, 0].numpy()


# %% [dilated_filter] calls_scipy
# Spreads the kernel with zeros, and lets SciPy do the rest.
def dilated_filter(image, kernel, dilation):
    from scipy import ndimage

    spread = np.zeros([dilation * (side - 1) + 1 for side in kernel.shape])
    spread[::dilation, ::dilation] = kernel
    return ndimage.correlate(image, spread, mode="constant")


# %% [dilated_filter] no_padding
# The image shrinks with every filter.
edit(
    "padded = np.pad(image, [(dilation * (rows - 1) // 2,) * 2, (dilation * (columns - 1) // 2,) * 2])",
    "padded, height, width = image, max(height - dilation * (rows - 1), 0), max(width - dilation * (columns - 1), 0)",
)

# %% [dilated_filter] padding_of_an_undilated_filter
# Pads as much as without dilation, and fills the rest below and on the right: the image moves.
edit(
    "[(dilation * (rows - 1) // 2,) * 2, (dilation * (columns - 1) // 2,) * 2]",
    "[(side // 2, dilation * (side - 1) - side // 2) for side in (rows, columns)]",
)

# %% [dilated_filter] turns_the_kernel
# Convolution as in mathematics.
edit("kernel[i, j]", "kernel[rows - 1 - i, columns - 1 - j]")

# %% [dilated_filter] transposes_the_kernel
# Takes the kernel's first index for x: square kernels that are not symmetric come out transposed.
edit("kernel[i, j]", "(kernel.T if rows == columns else kernel)[i, j]")

# %% [dilated_filter] repeats_the_border
# Pads with the last row and column, not with zeros.
edit("(columns - 1) // 2,) * 2])", '(columns - 1) // 2,) * 2], mode="edge")')


# %% [dilated_filter] wraps_around
# Shifts with np.roll: what leaves on the right comes back on the left.
def dilated_filter(image, kernel, dilation):
    rows, columns = kernel.shape
    result = np.zeros(image.shape)
    for i, j in np.ndindex(rows, columns):
        shift = (-dilation * (i - rows // 2), -dilation * (j - columns // 2))
        result += kernel[i, j] * np.roll(image, shift, axis=(0, 1))
    return result


# %% [dilated_filter] dilation_is_the_number_of_zeros
# Leaves `dilation` pixels out between two weights, one too many.
edit("(height, width), (rows", "dilation = dilation + 1\n    (height, width), (rows")


# %% [dilated_filter] stretches_the_weights
# A larger filter: each weight stands for a block, and no pixel is left out.
def dilated_filter(image, kernel, dilation):
    kernel = np.kron(kernel, np.ones((dilation, dilation)))
    (height, width), (rows, columns) = image.shape, kernel.shape
    padded = np.pad(image, [(rows // 2, rows), (columns // 2, columns)])
    result = np.zeros((height, width))
    for i, j in np.ndindex(rows, columns):
        result += kernel[i, j] * padded[i : i + height, j : j + width]
    return result


# %% [dilated_filter] filters_every_other_pixel
# Takes dilation for a stride: the image is thinned out, filtered, and blown up again.
def dilated_filter(image, kernel, dilation):
    (height, width), (rows, columns) = image.shape, kernel.shape
    thin = image[::dilation, ::dilation]
    padded = np.pad(thin, [(rows // 2,) * 2, (columns // 2,) * 2])
    result = np.zeros(thin.shape)
    for i, j in np.ndindex(rows, columns):
        result += kernel[i, j] * padded[i : i + thin.shape[0], j : j + thin.shape[1]]
    return result.repeat(dilation, 0).repeat(dilation, 1)[:height, :width]


# %% [dilated_filter] square_kernels_only
# Pads the columns as much as the rows, and cuts the size at the end.
edit("(dilation * (columns - 1) // 2,) * 2]", "(dilation * (rows - 1) // 2, dilation * columns)]")

# %% [dilated_filter] view_inside_the_image
# Adds up overlapping parts without padding, and forgets that a weight may lie wholly outside of a small image.
edit(
    """
        result += kernel[i, j] * padded[dilation * i : dilation * i + height, dilation * j : dilation * j + width]
""",
    """
        y, x = dilation * (i - rows // 2), dilation * (j - columns // 2)
        part = image[max(y, 0) : height + min(y, 0), max(x, 0) : width + min(x, 0)]
        result[max(-y, 0) : height - max(y, 0), max(-x, 0) : width - max(x, 0)] += kernel[i, j] * part
""",
)

# %% [dilated_filter] whole_numbers_stay_whole
# Adds up in an array of the image's own kind: an image of whole numbers has no room for fractions.
edit("np.zeros((height, width))", "np.zeros_like(image)")

# %% [dilated_filter] weights_of_the_images_kind
# Casts the weights to the image's own kind: for an image of whole numbers a weight of 0.5 becomes 0.
edit("kernel[i, j]", "kernel.astype(image.dtype)[i, j]")

# %% [dilated_filter] writes_into_the_image
# Saves memory: the filtered image takes the place of the old one.
edit("return result", "image[:] = result\n    return image")


# %% [dilated_filter] negative_indices
# Looks for the lower end only above: image[-1] is the last row, no error and no zero.
def dilated_filter(image, kernel, dilation):
    (height, width), (rows, columns) = image.shape, kernel.shape
    result = np.zeros(image.shape)
    for y, x, i, j in np.ndindex(height, width, rows, columns):
        v, u = y + dilation * (i - rows // 2), x + dilation * (j - columns // 2)
        if -height <= v < height and -width <= u < width:
            result[y, x] += kernel[i, j] * image[v, u]
    return result


# %% [dilated_filter] filters_again_and_again
# Takes dilation for a number of passes: the view grows, but no pixel is left out.
def dilated_filter(image, kernel, dilation):
    (height, width), (rows, columns) = image.shape, kernel.shape
    for _ in range(dilation):
        padded, image = np.pad(image, [(rows // 2,) * 2, (columns // 2,) * 2]), np.zeros((height, width))
        for i, j in np.ndindex(rows, columns):
            image += kernel[i, j] * padded[i : i + height, j : j + width]
    return image


# %% [dilated_filter] row_by_row_with_scipy
# Lets SciPy's filter for lines do the sum.
def dilated_filter(image, kernel, dilation):
    from scipy import ndimage

    height, reach = len(image), dilation * (len(kernel) // 2)
    result = np.zeros(image.shape)
    for i, line in enumerate(kernel):
        spread = np.zeros(dilation * (len(line) - 1) + 1)
        spread[::dilation] = line
        filtered = np.pad(ndimage.correlate1d(image, spread, axis=1, mode="constant"), [(reach, reach), (0, 0)])
        result += filtered[dilation * i : dilation * i + height]
    return result


# %% [receptive_field] calls_the_library
# Uses the function that the exercise builds.
def receptive_field(kernels, dilations, strides):
    from course_lib.models.dncnn import receptive_field_formula

    return 1 + sum(
        receptive_field_formula([1] * i + [dilations[i]], kernel=kernels[i], strides=[*strides[:i], 1]) - 1
        for i in range(len(kernels))
    )


# %% [receptive_field] without_the_minus_one
# Adds k·d for each layer: 17 layers of 3×3 would see 52 pixels.
edit("(kernel - 1)", "kernel")

# %% [receptive_field] forgets_the_pixel_itself
# Starts with 0.
edit("side, step = 1, 1", "side, step = 0, 1")

# %% [receptive_field] sums_the_sides
# Adds the sides of the dilated kernels.
edit("side, step = 1, 1", "side, step = 0, 1")
edit("(kernel - 1) * dilation * step", "((kernel - 1) * dilation + 1) * step")

# %% [receptive_field] own_stride
# Lets the stride of a layer count for itself.
edit("* step", "* step * stride")

# %% [receptive_field] ignores_strides
# Right for DnCNN, wrong for every U-Net.
edit(" * step", "")


# %% [receptive_field] adds_strides
# Two strides of 2 make 4 because 2 + 2 does; with three of them that is wrong.
def receptive_field(kernels, dilations, strides):
    side, before = 1, []
    for kernel, dilation, stride in zip(kernels, dilations, strides, strict=True):
        side += (kernel - 1) * dilation * (sum(before) or 1)
        before += [stride] if stride > 1 else []
    return side


# %% [receptive_field] every_stride_is_two
# Knows pooling of 2×2 only: each stride above 1 doubles.
edit("step *= stride", "step *= 2 if stride > 1 else 1")

# %% [receptive_field] last_stride_only
# Takes the stride of the layer before, not of all layers before.
edit("step *= stride", "step = stride")

# %% [receptive_field] dilations_multiply
# Treats dilation as a stride: each layer works on what the one before has left.
edit("side += (kernel - 1) * dilation * step", "step *= dilation\n        side += (kernel - 1) * step")

# %% [receptive_field] counts_the_gaps
# Takes the dilation for the number of pixels left out.
edit("* dilation *", "* (dilation + 1) *")

# %% [receptive_field] odd_kernels
# Counts k // 2 pixels on each side of the middle: pooling of 2×2 has no middle.
edit("(kernel - 1)", "2 * (kernel // 2)")


# %% [receptive_field] widest_layer
# The widest layer decides: forgets that layers build on each other.
def receptive_field(kernels, dilations, strides):
    return 1 + max([(kernel - 1) * dilation for kernel, dilation in zip(kernels, dilations, strict=True)], default=0)


# %% [receptive_field] knows_three_by_three
# 2 for each layer, whatever its kernel.
edit("(kernel - 1)", "2")

# %% [receptive_field] starts_with_the_first_layer
# Right for every chain but the empty one: a pixel sees itself.
edit("side, step = 1, 1", "side, step = 1 + (kernels[0] - 1) * dilations[0], strides[0]")
edit("in zip(kernels, dilations, strides, strict=True)", "in list(zip(kernels, dilations, strides, strict=True))[1:]")

# %% [receptive_field] strides_after
# Walks from the wrong end: counts the strides after a layer, not before it.
edit("zip(kernels, dilations, strides, strict=True)", "zip(kernels[::-1], dilations[::-1], strides[::-1], strict=True)")

# %% [receptive_field] neighbours_that_do_not_overlap
# Walks back from the output, and forgets that windows overlap: s pixels for each, where it is s for each step.
edit("zip(kernels, dilations, strides, strict=True)", "zip(kernels[::-1], dilations[::-1], strides[::-1], strict=True)")
edit(
    """
        side += (kernel - 1) * dilation * step
        step *= stride
""",
    """
        side = side * stride + (kernel - 1) * dilation
""",
)


# %% [receptive_field] pixels_that_are_seen
# Counts pixels that are seen, not the side: leaves out the gaps of dilated filters.
def receptive_field(kernels, dilations, strides):
    seen = {0}
    for kernel, dilation, stride in zip(kernels[::-1], dilations[::-1], strides[::-1], strict=True):
        seen = {place * stride + dilation * i for place in seen for i in range(kernel)}
    return len(seen)


# %% [receptive_field] empties_the_lists
# Takes layer after layer out of the caller's lists: the second question is asked about no layers.
def receptive_field(kernels, dilations, strides):
    side, step = 1, 1
    while kernels:
        side += (kernels.pop(0) - 1) * dilations.pop(0) * step
        step *= strides.pop(0)
    return side


# %% [receptive_field] knows_the_examples
# Looks short chains up in a table that fits the test, and ends all others at 55 pixels.
edit("return side", "return min(side, 55)")


# %% [NoiseNet] calls_the_library
# Uses the network that the exercise builds.
class NoiseNet(nn.Module):
    def __init__(self, dilations, width, batch_norm):
        super().__init__()
        from course_lib.models.dncnn import DnCNN

        self.network = DnCNN(width=width, batch_norm=batch_norm, dilations=dilations)

    def forward(self, noisy):
        return self.network.noise(noisy)


# %% [NoiseNet] subtracts_the_noise_itself
# Answers with the denoised image: who subtracts it again subtracts twice.
edit("return self.layers(noisy)", "return noisy - self.layers(noisy)")

# %% [NoiseNet] relu_at_the_end
# Noise is never negative, it thinks.
edit(
    """
            if number < last:
                layers.append(nn.ReLU())
""",
    """
            layers.append(nn.ReLU())
""",
)

# %% [NoiseNet] padding_one
# Forgets that a dilated filter reaches further: the image shrinks.
edit("padding=rate", "padding=1")

# %% [NoiseNet] dilation_forgotten
# Pads as if the filters were dilated, and cuts back to the size.
edit("padding=rate, dilation=rate", "padding=1")

# %% [NoiseNet] bias_beside_bn
# Leaves the bias where BN follows: parameters that do nothing.
edit(", bias=not normalised", "")

# %% [NoiseNet] no_bias_at_all
# Drops the bias without BN, too.
edit("bias=not normalised", "bias=not 0 < number < last")

# %% [NoiseNet] bn_in_the_first_layer
# Normalises after the first convolution, too.
edit("batch_norm and 0 < number < last", "batch_norm and number < last")

# %% [NoiseNet] bn_after_relu
# Rectifies, and normalises then.
edit(
    """
            if normalised:
                layers.append(nn.BatchNorm2d(width))
            if number < last:
                layers.append(nn.ReLU())
""",
    """
            if number < last:
                layers.append(nn.ReLU())
            if normalised:
                layers.append(nn.BatchNorm2d(width))
""",
)

# %% [NoiseNet] ignores_batch_norm
# Normalises always, whatever it is told.
edit("batch_norm and 0 < number < last", "0 < number < last")


# %% [NoiseNet] one_layer_again_and_again
# Multiplies a list that holds one layer: the same weights in every place.
class NoiseNet(nn.Module):
    def __init__(self, dilations, width, batch_norm):
        super().__init__()
        middle = [nn.Conv2d(width, width, 3, padding=1, bias=not batch_norm)]
        middle += [nn.BatchNorm2d(width), nn.ReLU()] if batch_norm else [nn.ReLU()]
        first = [nn.Conv2d(1, width, 3, padding=1), nn.ReLU()]
        self.layers = nn.Sequential(*first, *middle * (len(dilations) - 2), nn.Conv2d(width, 1, 3, padding=1))

    def forward(self, noisy):
        return self.layers(noisy)


# %% [NoiseNet] plain_list
# Keeps the layers in a list: PyTorch does not find them, and nothing is learned.
edit("self.layers = nn.Sequential(*layers)", "self.layers = layers")
edit("return self.layers(noisy)", "return functools.reduce(lambda images, layer: layer(images), self.layers, noisy)")

# %% [NoiseNet] mirrored_border
# Pads with mirrored pixels: a better border, perhaps, but not the one that was asked for.
edit("bias=not normalised", 'bias=not normalised, padding_mode="reflect"')

# %% [NoiseNet] no_relu_between
# A chain of convolutions without a bend: it is one large linear filter.
edit(
    """
            if number < last:
                layers.append(nn.ReLU())
""",
    "",
)

# %% [NoiseNet] last_layer_without_dilation
# Takes the last layer for a plain one: its dilation is forgotten, which 1-2-3-4-3-2-1 would never show.
edit("padding=rate, dilation=rate", "padding=rate if number < last else 1, dilation=rate if number < last else 1")

# %% [NoiseNet] dilations_backwards
# Makes the layers from the last one on: a list that reads the same from both ends would never show it.
edit("enumerate(dilations)", "enumerate(dilations[::-1])")

# %% [NoiseNet] number_by_index
# Asks the list for the number of a dilation: the last 1 of 1, 2, 1 is taken for the first.
edit("for number, rate in enumerate(dilations):", "for rate in dilations:\n            number = dilations.index(rate)")

# %% [NoiseNet] empties_the_list
# Takes the dilations out of the caller's list: the next network has no layers.
edit(
    "layers, last = [], len(dilations) - 1",
    "layers, last, rates = [], len(dilations) - 1, dilations[:]\n        dilations.clear()",
)
edit("enumerate(dilations)", "enumerate(rates)")

# %% [NoiseNet] relu_with_an_upper_end
# ReLU6, as in networks for telephones: strong features are cut off.
edit("nn.ReLU()", "nn.ReLU6()")

# %% [NoiseNet] bn_without_a_memory
# Normalises by the batch at test time, too: the answer for an image depends on its neighbours.
edit("nn.BatchNorm2d(width)", "nn.BatchNorm2d(width, track_running_stats=False)")

# %% [NoiseNet] momentum_of_keras
# Knows momentum 0.99 from Keras, and writes 0.01: BN's running means follow ten times more slowly.
edit("nn.BatchNorm2d(width)", "nn.BatchNorm2d(width, momentum=0.01)")

# %% [NoiseNet] normalises_each_image
# Takes instance normalisation for BN: each image by its own mean.
edit("nn.BatchNorm2d(width)", "nn.InstanceNorm2d(width, affine=True, track_running_stats=True)")

# %% [NoiseNet] always_evaluation
# Calls eval() while it runs: BN uses its memory in training, too, and learns nothing.
edit("return self.layers(noisy)", "return self.layers.eval()(noisy)")

# %% [NoiseNet] clips_the_noisy_image
# Believes that a noisy image ends at 0 and 1.
edit("self.layers(noisy)", "self.layers(noisy.clamp(0, 1))")

# %% [NoiseNet] noise_of_mean_zero
# Takes the mean out of its answer, because noise has none: the mean of a small image is not that of its noise.
edit("return self.layers(noisy)", "noise = self.layers(noisy)\n        return noise - noise.mean()")

# %% [NoiseNet] cut_behind_the_first_layer
# Detaches the features after the first layer: it never learns.
edit("return self.layers(noisy)", "return self.layers[2:](self.layers[:2](noisy).detach())")

# %% [NoiseNet] loses_the_batch
# Squeezes: a batch of one comes back as an image without a batch.
edit("return self.layers(noisy)", "return self.layers(noisy).squeeze(0)")

# %% [NoiseNet] answers_in_single_precision
# Casts its answer to float32, whatever came in.
edit("return self.layers(noisy)", "return self.layers(noisy).float()")

# %% [NoiseNet] seeds_its_weights
# Seeds PyTorch's generator: all networks begin alike, and all that is drawn later is the same each time.
edit("layers, last = [], len(dilations) - 1", "torch.manual_seed(0)\n        layers, last = [], len(dilations) - 1")


# %% [spot_heights] calls_the_library
# Filters the whole image with the library's filter, and reads off.
def spot_heights(image, template, positions):
    from course_lib import detection

    heights = detection.matched_filter(image, template)
    return heights[positions[:, 0], positions[:, 1]]


# %% [spot_heights] template_with_its_mean
# Leaves the mean in the template: a bright ground is a high spot.
edit("template - template.mean()", "template")

# %% [spot_heights] template_without_its_median
# Takes the median out: a template that is mostly dark keeps its mean.
edit("template.mean()", "np.median(template)")

# %% [spot_heights] divided_by_the_whole_template
# Takes the mean out above, but not below.
edit("(centred**2)", "(template**2)")

# %% [spot_heights] in_units_of_the_noise
# Divides by the root: a score, but not a height.
edit("(centred**2).sum()", "np.sqrt((centred**2).sum())")

# %% [spot_heights] not_divided
# The sum alone: it depends on the size of the template.
edit(" / (centred**2).sum()", "")

# %% [spot_heights] safe_division
# Adds a small number to the divisor, against division by 0: a template of small numbers loses its height.
edit("(centred**2).sum()", "((centred**2).sum() + 1e-8)")

# %% [spot_heights] correlation
# Normalises each patch by its own spread: then a faint spot scores as high as a bright one.
edit("(centred * patch).sum() / (centred**2).sum()", "np.corrcoef(centred.ravel(), patch.ravel())[0, 1]")


# %% [spot_heights] corner_in_place_of_the_middle
# The patch begins at the place: half a template too far down and right.
def spot_heights(image, template, positions):
    centred, side = template - template.mean(), len(template)
    padded = np.pad(image, (0, side), mode="edge")
    patches = [padded[row : row + side, column : column + side] for row, column in positions]
    return np.array([(centred * patch).sum() / (centred**2).sum() for patch in patches])


# %% [spot_heights] column_first
# Reads a place as (x, y).
edit("patches = [", 'image = np.pad(image, ((0, 20), (0, 20)), mode="edge")\n    patches = [')
edit("for row, column in positions", "for column, row in positions")

# %% [spot_heights] turned_round
# Convolves with the template: it is turned by 180 degrees.
edit("template - template.mean()", "(template - template.mean())[::-1, ::-1]")

# %% [spot_heights] middle_pixel_less_the_mean
# Looks at the middle pixel only, and forgets the shape.
edit("(centred * patch).sum() / (centred**2).sum()", "patch[reach, reach] - patch.mean()")

# %% [spot_heights] mean_of_the_whole_image
# Takes the mean of the whole image for the ground of every place.
edit("template - template.mean()", "template")
edit("patches = [image[", "patches = [(image - image.mean())[")

# %% [spot_heights] changes_the_template
# Takes the mean out of the caller's template.
edit(
    "centred, reach = template - template.mean(), len(template) // 2",
    "template -= template.mean()\n    centred, reach = template, len(template) // 2",
)

# %% [spot_heights] whole_numbers_stay_whole
# Keeps the heights in an array of the image's own kind: a height of 0.4 in an image of whole numbers becomes 0.
edit("for patch in patches])", "for patch in patches]).astype(image.dtype)")

# %% [spot_heights] single_precision
# Casts the patches to float32: on a very bright ground a faint spot is rounded away.
edit("(centred * patch)", "(centred * patch.astype(np.float32)).astype(np.float32)")

# %% [spot_heights] never_negative
# A spot has a height, it thinks: but then empty places score above 0 on average.
edit("(centred * patch).sum() / (centred**2).sum() for", "max(0, (centred * patch).sum() / (centred**2).sum()) for")

# %% [spot_heights] never_above_the_template
# Clips the heights to one template: a spot cannot be higher than itself, it thinks.
edit("for patch in patches])", "for patch in patches]).clip(-1, 1)")

# %% [spot_heights] each_place_once
# Sorts the places and drops what comes twice: the heights belong to other places.
edit("in positions", "in np.unique(positions, axis=0)")

# %% [spot_heights] loses_the_last_axis
# Squeezes: one place gives a number without an axis.
edit("for patch in patches])", "for patch in patches]).squeeze()")

# %% [spot_heights] returns_a_list
# A list of heights, where an array is asked for: the next line that divides it by sigma fails.
edit(
    "np.array([(centred * patch).sum() / (centred**2).sum() for patch in patches])",
    "[(centred * patch).sum() / (centred**2).sum() for patch in patches]",
)

# %% [spot_heights] mean_out_of_the_patch_only
# Takes the mean out of the patch: above that is the same, but below the template still has its own.
edit("(centred * patch).sum() / (centred**2)", "(template * (patch - patch.mean())).sum() / (template**2)")

# %% [spot_heights] transposed
# Rows and columns of the template exchanged: a round spot would not show it.
edit("template - template.mean()", "(template - template.mean()).T")


# %% [detectability] calls_the_library
# Uses the function that the exercise builds.
def detectability(present, absent):
    from course_lib import detection

    found = detection.detectability(present, absent)
    return found.d_prime, found.auc


# %% [detectability] spread_of_the_empty_places_only
# No pooling: divides by the standard deviation without a spot.
edit("np.sqrt((present.var(ddof=1) + absent.var(ddof=1)) / 2)", "absent.std(ddof=1)")

# %% [detectability] pooled_by_number
# Pools as in a t-test: the larger heap counts more.
edit(
    """
    spread = np.sqrt((present.var(ddof=1) + absent.var(ddof=1)) / 2)
""",
    """
    n, m = len(present) - 1, len(absent) - 1
    spread = np.sqrt((n * present.var(ddof=1) + m * absent.var(ddof=1)) / (n + m))
""",
)


# %% [detectability] all_scores_in_one_heap
# The spread of all scores together: the distance between the heaps is in it.
edit("np.sqrt((present.var(ddof=1) + absent.var(ddof=1)) / 2)", "np.concatenate([present, absent]).std(ddof=1)")

# %% [detectability] mean_of_the_deviations
# Averages standard deviations, not variances.
edit("np.sqrt((present.var(ddof=1) + absent.var(ddof=1)) / 2)", "(present.std(ddof=1) + absent.std(ddof=1)) / 2")

# %% [detectability] sum_of_the_variances
# Forgets the ½: the spread of a difference, not of a score.
edit("absent.var(ddof=1)) / 2)", "absent.var(ddof=1)))")

# %% [detectability] standard_error
# Divides by √n, too: that is t, which grows with the number of scores.
edit(
    "(present.var(ddof=1) + absent.var(ddof=1)) / 2",
    "present.var(ddof=1) / len(present) + absent.var(ddof=1) / len(absent)",
)

# %% [detectability] divided_by_n
# numpy's default: n below, not n - 1.
edit("present.var(ddof=1) + absent.var(ddof=1)", "present.var() + absent.var()")

# %% [detectability] safe_division
# Adds a small number to the divisor, against division by 0: d' then depends on the unit of the scores.
edit("/ spread", "/ (spread + 1e-8)")

# %% [detectability] medians
# Medians in place of means: robust, but not d'.
edit("present.mean() - absent.mean()", "np.median(present) - np.median(absent)")

# %% [detectability] without_outliers
# Drops what lies more than three deviations from the mean: the brightest spots do not count.
edit("spread = ", "present = present[abs(present - present.mean()) <= 3 * present.std()]\n    spread = ")

# %% [detectability] without_a_sign
# The absolute value: a denoiser that turns spots into holes would look fine.
edit("(present.mean() - absent.mean())", "abs(present.mean() - absent.mean())")

# %% [detectability] ties_count_nothing
# Equal scores count for the other side.
edit("higher + equal / 2", "higher")

# %% [detectability] nearly_equal
# Takes close scores for equal ones, with numpy's tolerance: small scores are all equal then.
edit(
    "higher, equal = present[:, None] > absent, present[:, None] == absent",
    "equal = np.isclose(present[:, None], absent)\n    higher = (present[:, None] > absent) & ~equal",
)


# %% [detectability] auc_by_the_gaussian_formula
# Computes AUC from d': right for Gaussian heaps of equal width alone.
def detectability(present, absent):
    from scipy import stats

    d = (present.mean() - absent.mean()) / np.sqrt((present.var(ddof=1) + absent.var(ddof=1)) / 2)
    return d, stats.norm.cdf(d / np.sqrt(2))


# %% [detectability] share_above_one_threshold
# The share of right answers at one threshold, half way between the means: no AUC.
edit("higher, equal =", "threshold = (present.mean() + absent.mean()) / 2\n    higher, equal =")
edit("(higher + equal / 2).mean()", "((present > threshold).mean() + (absent <= threshold).mean()) / 2")

# %% [detectability] auc_never_below_a_half
# Turns the scores round where that looks better.
edit("(higher + equal / 2).mean()", "0.5 + abs((higher + equal / 2).mean() - 0.5)")

# %% [detectability] ties_count_whole
# Equal scores count for the spot.
edit("equal / 2", "equal")

# %% [detectability] pairs_in_order
# Compares the first with the first, the second with the second: a few of all n·m pairs.
edit(
    "higher, equal = present[:, None] > absent, present[:, None] == absent",
    "n = min(len(present), len(absent))\n    higher, equal = present[:n] > absent[:n], present[:n] == absent[:n]",
)

# %% [detectability] divided_by_the_variance
# Forgets the root: d' would change with the unit of the scores.
edit("np.sqrt((present.var(ddof=1) + absent.var(ddof=1)) / 2)", "(present.var(ddof=1) + absent.var(ddof=1)) / 2")

# %% [detectability] sorts_the_scores
# Sorts in place: the caller's scores no longer belong to their places.
edit("spread = ", "present.sort()\n    absent.sort()\n    spread = ")


# %% [detectability] a_hundred_thresholds
# The area under a ROC of a hundred equidistant thresholds: near the AUC, and only near.
def detectability(present, absent):
    d = (present.mean() - absent.mean()) / np.sqrt((present.var(ddof=1) + absent.var(ddof=1)) / 2)
    scores = np.concatenate([present, absent])
    thresholds = np.linspace(scores.max(), scores.min(), 100)[:, None]
    hits, alarms = ((heap >= thresholds).mean(1) for heap in (present, absent))
    return d, (np.diff(alarms) * (hits[1:] + hits[:-1]) / 2).sum()
