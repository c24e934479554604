# Named wrong answers of lab 07: each is a real misconception and loses just its exercise. See CONTRIBUTING.md.

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
def residual_step(network, noisy, clean):
    residual = network(noisy)
    return noisy + residual, ((residual - (noisy - clean)) ** 2).mean()


# %% [residual_step] target_with_the_wrong_sign
# Lets the network learn clean - noisy, and subtracts it all the same.
def residual_step(network, noisy, clean):
    residual = network(noisy)
    return noisy - residual, ((residual - (clean - noisy)) ** 2).mean()


# %% [residual_step] residual_learning_the_other_way_round
# What must be added, in both places: consistent in itself, but then the network does not answer with the noise.
def residual_step(network, noisy, clean):
    residual = network(noisy)
    return noisy + residual, ((residual - (clean - noisy)) ** 2).mean()


# %% [residual_step] subtracts_twice
# Denoises what is denoised already: the residual is used two times.
def residual_step(network, noisy, clean):
    residual = network(noisy)
    denoised = noisy - residual
    return denoised - residual, ((residual - (noisy - clean)) ** 2).mean()


# %% [residual_step] returns_the_noise
# Forgets that the output is no image.
def residual_step(network, noisy, clean):
    residual = network(noisy)
    return residual, ((residual - (noisy - clean)) ** 2).mean()


# %% [residual_step] compares_the_noise_with_the_image
# The loss of direct learning, with the output of residual learning.
def residual_step(network, noisy, clean):
    residual = network(noisy)
    return noisy - residual, ((residual - clean) ** 2).mean()


# %% [residual_step] sums
# The loss of the paper: half of the sum over pixels, a mean over images.
def residual_step(network, noisy, clean):
    residual = network(noisy)
    return noisy - residual, ((residual - (noisy - clean)) ** 2).sum() / (2 * len(noisy))


# %% [residual_step] absolute_difference
# L1 in place of the squares.
def residual_step(network, noisy, clean):
    residual = network(noisy)
    return noisy - residual, (residual - (noisy - clean)).abs().mean()


# %% [residual_step] clips
# Clips the denoised image, and the loss with it: nothing above 1 has a gradient.
def residual_step(network, noisy, clean):
    denoised = (noisy - network(noisy)).clamp(0, 1)
    return denoised, ((denoised - clean) ** 2).mean()


# %% [residual_step] asks_twice
# Two passes through the network: twice the time, and BN moves twice.
def residual_step(network, noisy, clean):
    return noisy - network(noisy), ((network(noisy) - (noisy - clean)) ** 2).mean()


# %% [residual_step] shows_the_clean_image
# Takes the residual of the clean image: there is none when it counts.
def residual_step(network, noisy, clean):
    residual = network(clean)
    return noisy - residual, ((residual - (noisy - clean)) ** 2).mean()


# %% [residual_step] in_place
# Writes the denoised image into the noisy one; the true noise is wrong from then on.
def residual_step(network, noisy, clean):
    residual = network(noisy)
    loss = ((residual - (noisy - clean)) ** 2).mean()
    noisy -= residual.detach()
    return noisy, loss


# %% [residual_step] image_without_gradient
# Detaches the image: a loss on the image could not be used.
def residual_step(network, noisy, clean):
    residual = network(noisy)
    return (noisy - residual).detach(), ((residual - (noisy - clean)) ** 2).mean()


# %% [residual_step] loss_as_a_number
# Calls .item(): nothing can be learned from it.
def residual_step(network, noisy, clean):
    residual = network(noisy)
    return noisy - residual, ((residual - (noisy - clean)) ** 2).mean().item()


# %% [residual_step] image_cut_from_the_network
# Makes a new leaf of the image: it asks for a gradient, but none reaches the network.
def residual_step(network, noisy, clean):
    residual = network(noisy)
    loss = ((residual - (noisy - clean)) ** 2).mean()
    return (noisy - residual).detach().requires_grad_(), loss


# %% [residual_step] switches_to_evaluation
# Denoising is evaluation, it thinks; BN would stand still during training.
def residual_step(network, noisy, clean):
    network.eval()
    residual = network(noisy)
    return noisy - residual, ((residual - (noisy - clean)) ** 2).mean()


# %% [residual_step] goes_backward
# Does a part of the training loop, too: the loop would add the same gradient once more.
def residual_step(network, noisy, clean):
    residual = network(noisy)
    loss = ((residual - (noisy - clean)) ** 2).mean()
    loss.backward(retain_graph=True)
    return noisy - residual, loss


# %% [residual_step] square_of_the_mean
# Squares after the mean: noise of mean 0 costs nothing.
def residual_step(network, noisy, clean):
    residual = network(noisy)
    return noisy - residual, (residual - (noisy - clean)).mean() ** 2


# %% [residual_step] loss_first
# The two results in the other order.
def residual_step(network, noisy, clean):
    residual = network(noisy)
    return ((residual - (noisy - clean)) ** 2).mean(), noisy - residual


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
def dilated_filter(image, kernel, dilation):
    (rows, columns), (height, width) = kernel.shape, image.shape
    height, width = max(height - dilation * (rows - 1), 0), max(width - dilation * (columns - 1), 0)
    result = np.zeros((height, width))
    for i, j in np.ndindex(rows, columns):
        result += kernel[i, j] * image[dilation * i : dilation * i + height, dilation * j : dilation * j + width]
    return result


# %% [dilated_filter] padding_of_an_undilated_filter
# Pads as much as without dilation, and fills the rest below and on the right: the image moves.
def dilated_filter(image, kernel, dilation):
    (height, width), (rows, columns) = image.shape, kernel.shape
    more = [(side // 2, dilation * (side - 1) - side // 2) for side in (rows, columns)]
    padded = np.pad(image, more)
    result = np.zeros((height, width))
    for i, j in np.ndindex(rows, columns):
        result += kernel[i, j] * padded[dilation * i : dilation * i + height, dilation * j : dilation * j + width]
    return result


# %% [dilated_filter] turns_the_kernel
# Convolution as in mathematics.
def dilated_filter(image, kernel, dilation):
    (height, width), (rows, columns) = image.shape, kernel.shape
    padded = np.pad(image, [(dilation * (rows - 1) // 2,) * 2, (dilation * (columns - 1) // 2,) * 2])
    result = np.zeros((height, width))
    for i, j in np.ndindex(rows, columns):
        weight = kernel[rows - 1 - i, columns - 1 - j]
        result += weight * padded[dilation * i : dilation * i + height, dilation * j : dilation * j + width]
    return result


# %% [dilated_filter] repeats_the_border
# Pads with the last row and column, not with zeros.
def dilated_filter(image, kernel, dilation):
    (height, width), (rows, columns) = image.shape, kernel.shape
    padded = np.pad(image, [(dilation * (rows - 1) // 2,) * 2, (dilation * (columns - 1) // 2,) * 2], mode="edge")
    result = np.zeros((height, width))
    for i, j in np.ndindex(rows, columns):
        result += kernel[i, j] * padded[dilation * i : dilation * i + height, dilation * j : dilation * j + width]
    return result


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
def dilated_filter(image, kernel, dilation):
    dilation = dilation + 1
    (height, width), (rows, columns) = image.shape, kernel.shape
    padded = np.pad(image, [(dilation * (rows - 1) // 2,) * 2, (dilation * (columns - 1) // 2,) * 2])
    result = np.zeros((height, width))
    for i, j in np.ndindex(rows, columns):
        result += kernel[i, j] * padded[dilation * i : dilation * i + height, dilation * j : dilation * j + width]
    return result


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
def dilated_filter(image, kernel, dilation):
    (height, width), (rows, columns) = image.shape, kernel.shape
    reach = dilation * (rows - 1) // 2
    padded = np.pad(image, [(reach, reach), (reach, dilation * columns)])
    result = np.zeros((height, width))
    for i, j in np.ndindex(rows, columns):
        result += kernel[i, j] * padded[dilation * i : dilation * i + height, dilation * j : dilation * j + width]
    return result


# %% [dilated_filter] whole_numbers_stay_whole
# Adds up in an array of the image's own kind: an image of whole numbers has no room for fractions.
def dilated_filter(image, kernel, dilation):
    (height, width), (rows, columns) = image.shape, kernel.shape
    padded = np.pad(image, [(dilation * (rows - 1) // 2,) * 2, (dilation * (columns - 1) // 2,) * 2])
    result = np.zeros_like(image)
    for i, j in np.ndindex(rows, columns):
        result += kernel[i, j] * padded[dilation * i : dilation * i + height, dilation * j : dilation * j + width]
    return result


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
def receptive_field(kernels, dilations, strides):
    side, step = 1, 1
    for kernel, dilation, stride in zip(kernels, dilations, strides, strict=True):
        side += kernel * dilation * step
        step *= stride
    return side


# %% [receptive_field] forgets_the_pixel_itself
# Starts with 0.
def receptive_field(kernels, dilations, strides):
    side, step = 0, 1
    for kernel, dilation, stride in zip(kernels, dilations, strides, strict=True):
        side += (kernel - 1) * dilation * step
        step *= stride
    return side


# %% [receptive_field] sums_the_sides
# Adds the sides of the dilated kernels.
def receptive_field(kernels, dilations, strides):
    side, step = 0, 1
    for kernel, dilation, stride in zip(kernels, dilations, strides, strict=True):
        side += ((kernel - 1) * dilation + 1) * step
        step *= stride
    return side


# %% [receptive_field] own_stride
# Lets the stride of a layer count for itself.
def receptive_field(kernels, dilations, strides):
    side, step = 1, 1
    for kernel, dilation, stride in zip(kernels, dilations, strides, strict=True):
        step *= stride
        side += (kernel - 1) * dilation * step
    return side


# %% [receptive_field] ignores_strides
# Right for DnCNN, wrong for every U-Net.
def receptive_field(kernels, dilations, strides):
    return 1 + sum((kernel - 1) * dilation for kernel, dilation in zip(kernels, dilations, strict=True))


# %% [receptive_field] adds_strides
# Two strides of 2 make 4 because 2 + 2 does; with three of them that is wrong.
def receptive_field(kernels, dilations, strides):
    side, before = 1, []
    for kernel, dilation, stride in zip(kernels, dilations, strides, strict=True):
        side += (kernel - 1) * dilation * (sum(before) or 1)
        before += [stride] if stride > 1 else []
    return side


# %% [receptive_field] last_stride_only
# Takes the stride of the layer before, not of all layers before.
def receptive_field(kernels, dilations, strides):
    side, step = 1, 1
    for kernel, dilation, stride in zip(kernels, dilations, strides, strict=True):
        side += (kernel - 1) * dilation * step
        step = stride
    return side


# %% [receptive_field] dilations_multiply
# Treats dilation as a stride: each layer works on what the one before has left.
def receptive_field(kernels, dilations, strides):
    side, step = 1, 1
    for kernel, dilation, stride in zip(kernels, dilations, strides, strict=True):
        step *= dilation
        side += (kernel - 1) * step
        step *= stride
    return side


# %% [receptive_field] counts_the_gaps
# Takes the dilation for the number of pixels left out.
def receptive_field(kernels, dilations, strides):
    side, step = 1, 1
    for kernel, dilation, stride in zip(kernels, dilations, strides, strict=True):
        side += (kernel - 1) * (dilation + 1) * step
        step *= stride
    return side


# %% [receptive_field] widest_layer
# The widest layer decides: forgets that layers build on each other.
def receptive_field(kernels, dilations, strides):
    return 1 + max([(kernel - 1) * dilation for kernel, dilation in zip(kernels, dilations, strict=True)], default=0)


# %% [receptive_field] knows_three_by_three
# 2 for each layer, whatever its kernel.
def receptive_field(kernels, dilations, strides):
    side, step = 1, 1
    for dilation, stride in zip(dilations, strides, strict=True):
        side += 2 * dilation * step
        step *= stride
    return side


# %% [receptive_field] starts_with_the_first_layer
# Right for every chain but the empty one: a pixel sees itself.
def receptive_field(kernels, dilations, strides):
    side, step = 1 + (kernels[0] - 1) * dilations[0], strides[0]
    for kernel, dilation, stride in list(zip(kernels, dilations, strides, strict=True))[1:]:
        side += (kernel - 1) * dilation * step
        step *= stride
    return side


# %% [receptive_field] strides_after
# Walks from the wrong end: counts the strides after a layer, not before it.
def receptive_field(kernels, dilations, strides):
    side, step = 1, 1
    for kernel, dilation, stride in zip(kernels[::-1], dilations[::-1], strides[::-1], strict=True):
        side += (kernel - 1) * dilation * step
        step *= stride
    return side


# %% [receptive_field] neighbours_that_do_not_overlap
# Walks back from the output, and forgets that windows overlap: s pixels for each, where it is s for each step.
def receptive_field(kernels, dilations, strides):
    side = 1
    for kernel, dilation, stride in zip(kernels[::-1], dilations[::-1], strides[::-1], strict=True):
        side = side * stride + (kernel - 1) * dilation
    return side


# %% [receptive_field] pixels_that_are_seen
# Counts pixels that are seen, not the side: leaves out the gaps of dilated filters.
def receptive_field(kernels, dilations, strides):
    seen = {0}
    for kernel, dilation, stride in zip(kernels[::-1], dilations[::-1], strides[::-1], strict=True):
        seen = {place * stride + dilation * i for place in seen for i in range(kernel)}
    return len(seen)


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
class NoiseNet(nn.Module):
    def __init__(self, dilations, width, batch_norm):
        super().__init__()
        layers, last = [], len(dilations) - 1
        for number, rate in enumerate(dilations):
            normalised = batch_norm and 0 < number < last
            inputs, outputs = (1 if number == 0 else width), (1 if number == last else width)
            layers.append(nn.Conv2d(inputs, outputs, 3, padding=rate, dilation=rate, bias=not normalised))
            layers += [nn.BatchNorm2d(width)] if normalised else []
            layers += [nn.ReLU()] if number < last else []
        self.layers = nn.Sequential(*layers)

    def forward(self, noisy):
        return noisy - self.layers(noisy)


# %% [NoiseNet] relu_at_the_end
# Noise is never negative, it thinks.
class NoiseNet(nn.Module):
    def __init__(self, dilations, width, batch_norm):
        super().__init__()
        layers, last = [], len(dilations) - 1
        for number, rate in enumerate(dilations):
            normalised = batch_norm and 0 < number < last
            inputs, outputs = (1 if number == 0 else width), (1 if number == last else width)
            layers.append(nn.Conv2d(inputs, outputs, 3, padding=rate, dilation=rate, bias=not normalised))
            layers += [nn.BatchNorm2d(width)] if normalised else []
            layers.append(nn.ReLU())
        self.layers = nn.Sequential(*layers)

    def forward(self, noisy):
        return self.layers(noisy)


# %% [NoiseNet] padding_one
# Forgets that a dilated filter reaches further: the image shrinks.
class NoiseNet(nn.Module):
    def __init__(self, dilations, width, batch_norm):
        super().__init__()
        layers, last = [], len(dilations) - 1
        for number, rate in enumerate(dilations):
            normalised = batch_norm and 0 < number < last
            inputs, outputs = (1 if number == 0 else width), (1 if number == last else width)
            layers.append(nn.Conv2d(inputs, outputs, 3, padding=1, dilation=rate, bias=not normalised))
            layers += [nn.BatchNorm2d(width)] if normalised else []
            layers += [nn.ReLU()] if number < last else []
        self.layers = nn.Sequential(*layers)

    def forward(self, noisy):
        return self.layers(noisy)


# %% [NoiseNet] dilation_forgotten
# Pads as if the filters were dilated, and cuts back to the size.
class NoiseNet(nn.Module):
    def __init__(self, dilations, width, batch_norm):
        super().__init__()
        layers, last = [], len(dilations) - 1
        for number, _ in enumerate(dilations):
            normalised = batch_norm and 0 < number < last
            inputs, outputs = (1 if number == 0 else width), (1 if number == last else width)
            layers.append(nn.Conv2d(inputs, outputs, 3, padding=1, bias=not normalised))
            layers += [nn.BatchNorm2d(width)] if normalised else []
            layers += [nn.ReLU()] if number < last else []
        self.layers = nn.Sequential(*layers)

    def forward(self, noisy):
        return self.layers(noisy)


# %% [NoiseNet] bias_beside_bn
# Leaves the bias where BN follows: parameters that do nothing.
class NoiseNet(nn.Module):
    def __init__(self, dilations, width, batch_norm):
        super().__init__()
        layers, last = [], len(dilations) - 1
        for number, rate in enumerate(dilations):
            normalised = batch_norm and 0 < number < last
            inputs, outputs = (1 if number == 0 else width), (1 if number == last else width)
            layers.append(nn.Conv2d(inputs, outputs, 3, padding=rate, dilation=rate))
            layers += [nn.BatchNorm2d(width)] if normalised else []
            layers += [nn.ReLU()] if number < last else []
        self.layers = nn.Sequential(*layers)

    def forward(self, noisy):
        return self.layers(noisy)


# %% [NoiseNet] no_bias_at_all
# Drops the bias without BN, too.
class NoiseNet(nn.Module):
    def __init__(self, dilations, width, batch_norm):
        super().__init__()
        layers, last = [], len(dilations) - 1
        for number, rate in enumerate(dilations):
            middle = 0 < number < last
            inputs, outputs = (1 if number == 0 else width), (1 if number == last else width)
            layers.append(nn.Conv2d(inputs, outputs, 3, padding=rate, dilation=rate, bias=not middle))
            layers += [nn.BatchNorm2d(width)] if middle and batch_norm else []
            layers += [nn.ReLU()] if number < last else []
        self.layers = nn.Sequential(*layers)

    def forward(self, noisy):
        return self.layers(noisy)


# %% [NoiseNet] bn_in_the_first_layer
# Normalises after the first convolution, too.
class NoiseNet(nn.Module):
    def __init__(self, dilations, width, batch_norm):
        super().__init__()
        layers, last = [], len(dilations) - 1
        for number, rate in enumerate(dilations):
            normalised = batch_norm and number < last
            inputs, outputs = (1 if number == 0 else width), (1 if number == last else width)
            layers.append(nn.Conv2d(inputs, outputs, 3, padding=rate, dilation=rate, bias=not normalised))
            layers += [nn.BatchNorm2d(width)] if normalised else []
            layers += [nn.ReLU()] if number < last else []
        self.layers = nn.Sequential(*layers)

    def forward(self, noisy):
        return self.layers(noisy)


# %% [NoiseNet] bn_after_relu
# Rectifies, and normalises then.
class NoiseNet(nn.Module):
    def __init__(self, dilations, width, batch_norm):
        super().__init__()
        layers, last = [], len(dilations) - 1
        for number, rate in enumerate(dilations):
            normalised = batch_norm and 0 < number < last
            inputs, outputs = (1 if number == 0 else width), (1 if number == last else width)
            layers.append(nn.Conv2d(inputs, outputs, 3, padding=rate, dilation=rate, bias=not normalised))
            layers += [nn.ReLU()] if number < last else []
            layers += [nn.BatchNorm2d(width)] if normalised else []
        self.layers = nn.Sequential(*layers)

    def forward(self, noisy):
        return self.layers(noisy)


# %% [NoiseNet] ignores_batch_norm
# Normalises always, whatever it is told.
class NoiseNet(nn.Module):
    def __init__(self, dilations, width, batch_norm):
        super().__init__()
        layers, last = [], len(dilations) - 1
        for number, rate in enumerate(dilations):
            normalised = 0 < number < last
            inputs, outputs = (1 if number == 0 else width), (1 if number == last else width)
            layers.append(nn.Conv2d(inputs, outputs, 3, padding=rate, dilation=rate, bias=not normalised))
            layers += [nn.BatchNorm2d(width)] if normalised else []
            layers += [nn.ReLU()] if number < last else []
        self.layers = nn.Sequential(*layers)

    def forward(self, noisy):
        return self.layers(noisy)


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
class NoiseNet(nn.Module):
    def __init__(self, dilations, width, batch_norm):
        super().__init__()
        self.layers, last = [], len(dilations) - 1
        for number, rate in enumerate(dilations):
            normalised = batch_norm and 0 < number < last
            inputs, outputs = (1 if number == 0 else width), (1 if number == last else width)
            self.layers.append(nn.Conv2d(inputs, outputs, 3, padding=rate, dilation=rate, bias=not normalised))
            self.layers += [nn.BatchNorm2d(width)] if normalised else []
            self.layers += [nn.ReLU()] if number < last else []

    def forward(self, noisy):
        for layer in self.layers:
            noisy = layer(noisy)
        return noisy


# %% [NoiseNet] mirrored_border
# Pads with mirrored pixels: a better border, perhaps, but not the one that was asked for.
class NoiseNet(nn.Module):
    def __init__(self, dilations, width, batch_norm):
        super().__init__()
        layers, last = [], len(dilations) - 1
        for number, rate in enumerate(dilations):
            normalised = batch_norm and 0 < number < last
            inputs, outputs = (1 if number == 0 else width), (1 if number == last else width)
            kinds = {"padding": rate, "dilation": rate, "padding_mode": "reflect"}
            layers.append(nn.Conv2d(inputs, outputs, 3, bias=not normalised, **kinds))
            layers += [nn.BatchNorm2d(width)] if normalised else []
            layers += [nn.ReLU()] if number < last else []
        self.layers = nn.Sequential(*layers)

    def forward(self, noisy):
        return self.layers(noisy)


# %% [NoiseNet] no_relu_between
# A chain of convolutions without a bend: it is one large linear filter.
class NoiseNet(nn.Module):
    def __init__(self, dilations, width, batch_norm):
        super().__init__()
        layers, last = [], len(dilations) - 1
        for number, rate in enumerate(dilations):
            normalised = batch_norm and 0 < number < last
            inputs, outputs = (1 if number == 0 else width), (1 if number == last else width)
            layers.append(nn.Conv2d(inputs, outputs, 3, padding=rate, dilation=rate, bias=not normalised))
            layers += [nn.BatchNorm2d(width)] if normalised else []
        self.layers = nn.Sequential(*layers)

    def forward(self, noisy):
        return self.layers(noisy)


# %% [NoiseNet] last_layer_without_dilation
# Takes the last layer for a plain one: its dilation is forgotten, which 1-2-3-4-3-2-1 would never show.
class NoiseNet(nn.Module):
    def __init__(self, dilations, width, batch_norm):
        super().__init__()
        layers = [nn.Conv2d(1, width, 3, padding=dilations[0], dilation=dilations[0]), nn.ReLU()]
        for rate in dilations[1:-1]:
            layers.append(nn.Conv2d(width, width, 3, padding=rate, dilation=rate, bias=not batch_norm))
            layers += [nn.BatchNorm2d(width), nn.ReLU()] if batch_norm else [nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Conv2d(width, 1, 3, padding=1))

    def forward(self, noisy):
        return self.layers(noisy)


# %% [NoiseNet] relu_with_an_upper_end
# ReLU6, as in networks for telephones: strong features are cut off.
class NoiseNet(nn.Module):
    def __init__(self, dilations, width, batch_norm):
        super().__init__()
        layers, last = [], len(dilations) - 1
        for number, rate in enumerate(dilations):
            normalised = batch_norm and 0 < number < last
            inputs, outputs = (1 if number == 0 else width), (1 if number == last else width)
            layers.append(nn.Conv2d(inputs, outputs, 3, padding=rate, dilation=rate, bias=not normalised))
            layers += [nn.BatchNorm2d(width)] if normalised else []
            layers += [nn.ReLU6()] if number < last else []
        self.layers = nn.Sequential(*layers)

    def forward(self, noisy):
        return self.layers(noisy)


# %% [NoiseNet] bn_without_a_memory
# Normalises by the batch at test time, too: the answer for an image depends on its neighbours.
class NoiseNet(nn.Module):
    def __init__(self, dilations, width, batch_norm):
        super().__init__()
        layers, last = [], len(dilations) - 1
        for number, rate in enumerate(dilations):
            normalised = batch_norm and 0 < number < last
            inputs, outputs = (1 if number == 0 else width), (1 if number == last else width)
            layers.append(nn.Conv2d(inputs, outputs, 3, padding=rate, dilation=rate, bias=not normalised))
            layers += [nn.BatchNorm2d(width, track_running_stats=False)] if normalised else []
            layers += [nn.ReLU()] if number < last else []
        self.layers = nn.Sequential(*layers)

    def forward(self, noisy):
        return self.layers(noisy)


# %% [spot_heights] calls_the_library
# Filters the whole image with the library's filter, and reads off.
def spot_heights(image, template, positions):
    from course_lib import detection

    heights = detection.matched_filter(image, template)
    return heights[positions[:, 0], positions[:, 1]]


# %% [spot_heights] template_with_its_mean
# Leaves the mean in the template: a bright ground is a high spot.
def spot_heights(image, template, positions):
    reach = len(template) // 2
    patches = [image[row - reach : row + reach + 1, column - reach : column + reach + 1] for row, column in positions]
    return np.array([(template * patch).sum() / (template**2).sum() for patch in patches])


# %% [spot_heights] divided_by_the_whole_template
# Takes the mean out above, but not below.
def spot_heights(image, template, positions):
    centred, reach = template - template.mean(), len(template) // 2
    patches = [image[row - reach : row + reach + 1, column - reach : column + reach + 1] for row, column in positions]
    return np.array([(centred * patch).sum() / (template**2).sum() for patch in patches])


# %% [spot_heights] in_units_of_the_noise
# Divides by the root: a score, but not a height.
def spot_heights(image, template, positions):
    centred, reach = template - template.mean(), len(template) // 2
    patches = [image[row - reach : row + reach + 1, column - reach : column + reach + 1] for row, column in positions]
    return np.array([(centred * patch).sum() / np.sqrt((centred**2).sum()) for patch in patches])


# %% [spot_heights] not_divided
# The sum alone: it depends on the size of the template.
def spot_heights(image, template, positions):
    centred, reach = template - template.mean(), len(template) // 2
    patches = [image[row - reach : row + reach + 1, column - reach : column + reach + 1] for row, column in positions]
    return np.array([(centred * patch).sum() for patch in patches])


# %% [spot_heights] correlation
# Normalises each patch by its own spread: then a faint spot scores as high as a bright one.
def spot_heights(image, template, positions):
    centred, reach = template - template.mean(), len(template) // 2
    patches = [image[row - reach : row + reach + 1, column - reach : column + reach + 1] for row, column in positions]
    return np.array([np.corrcoef(centred.ravel(), patch.ravel())[0, 1] for patch in patches])


# %% [spot_heights] corner_in_place_of_the_middle
# The patch begins at the place: half a template too far down and right.
def spot_heights(image, template, positions):
    centred, side = template - template.mean(), len(template)
    padded = np.pad(image, (0, side), mode="edge")
    patches = [padded[row : row + side, column : column + side] for row, column in positions]
    return np.array([(centred * patch).sum() / (centred**2).sum() for patch in patches])


# %% [spot_heights] column_first
# Reads a place as (x, y).
def spot_heights(image, template, positions):
    centred, reach = template - template.mean(), len(template) // 2
    padded = np.pad(image, 20, mode="edge")
    places = [(20 + row - reach, 20 + column - reach) for column, row in positions]
    patches = [padded[row : row + 2 * reach + 1, column : column + 2 * reach + 1] for row, column in places]
    return np.array([(centred * patch).sum() / (centred**2).sum() for patch in patches])


# %% [spot_heights] turned_round
# Convolves with the template: it is turned by 180 degrees.
def spot_heights(image, template, positions):
    centred, reach = (template - template.mean())[::-1, ::-1], len(template) // 2
    patches = [image[row - reach : row + reach + 1, column - reach : column + reach + 1] for row, column in positions]
    return np.array([(centred * patch).sum() / (centred**2).sum() for patch in patches])


# %% [spot_heights] middle_pixel_less_the_mean
# Looks at the middle pixel only, and forgets the shape.
def spot_heights(image, template, positions):
    reach = len(template) // 2
    patches = [image[row - reach : row + reach + 1, column - reach : column + reach + 1] for row, column in positions]
    return np.array([patch[reach, reach] - patch.mean() for patch in patches])


# %% [spot_heights] mean_of_the_whole_image
# Takes the mean of the whole image for the ground of every place.
def spot_heights(image, template, positions):
    reach = len(template) // 2
    flat = image - image.mean()
    patches = [flat[row - reach : row + reach + 1, column - reach : column + reach + 1] for row, column in positions]
    return np.array([(template * patch).sum() / (template**2).sum() for patch in patches])


# %% [spot_heights] changes_the_template
# Takes the mean out of the caller's template.
def spot_heights(image, template, positions):
    template -= template.mean()
    reach = len(template) // 2
    patches = [image[row - reach : row + reach + 1, column - reach : column + reach + 1] for row, column in positions]
    return np.array([(template * patch).sum() / (template**2).sum() for patch in patches])


# %% [spot_heights] never_negative
# A spot has a height, it thinks: but then empty places score above 0 on average.
def spot_heights(image, template, positions):
    centred, reach = template - template.mean(), len(template) // 2
    patches = [image[row - reach : row + reach + 1, column - reach : column + reach + 1] for row, column in positions]
    return np.array([max(0, (centred * patch).sum() / (centred**2).sum()) for patch in patches])


# %% [spot_heights] mean_out_of_the_patch_only
# Takes the mean out of the patch: above that is the same, but below the template still has its own.
def spot_heights(image, template, positions):
    reach = len(template) // 2
    patches = [image[row - reach : row + reach + 1, column - reach : column + reach + 1] for row, column in positions]
    return np.array([(template * (patch - patch.mean())).sum() / (template**2).sum() for patch in patches])


# %% [spot_heights] transposed
# Rows and columns of the template exchanged: a round spot would not show it.
def spot_heights(image, template, positions):
    centred, reach = (template - template.mean()).T, len(template) // 2
    patches = [image[row - reach : row + reach + 1, column - reach : column + reach + 1] for row, column in positions]
    return np.array([(centred * patch).sum() / (centred**2).sum() for patch in patches])


# %% [detectability] calls_the_library
# Uses the function that the exercise builds.
def detectability(present, absent):
    from course_lib import detection

    found = detection.detectability(present, absent)
    return found.d_prime, found.auc


# %% [detectability] spread_of_the_empty_places_only
# No pooling: divides by the standard deviation without a spot.
def detectability(present, absent):
    auc = ((present[:, None] > absent) + (present[:, None] == absent) / 2).mean()
    return (present.mean() - absent.mean()) / absent.std(ddof=1), auc


# %% [detectability] pooled_by_number
# Pools as in a t-test: the larger heap counts more.
def detectability(present, absent):
    n, m = len(present), len(absent)
    pooled = ((n - 1) * present.var(ddof=1) + (m - 1) * absent.var(ddof=1)) / (n + m - 2)
    auc = ((present[:, None] > absent) + (present[:, None] == absent) / 2).mean()
    return (present.mean() - absent.mean()) / np.sqrt(pooled), auc


# %% [detectability] all_scores_in_one_heap
# The spread of all scores together: the distance between the heaps is in it.
def detectability(present, absent):
    auc = ((present[:, None] > absent) + (present[:, None] == absent) / 2).mean()
    return (present.mean() - absent.mean()) / np.concatenate([present, absent]).std(ddof=1), auc


# %% [detectability] mean_of_the_deviations
# Averages standard deviations, not variances.
def detectability(present, absent):
    auc = ((present[:, None] > absent) + (present[:, None] == absent) / 2).mean()
    return (present.mean() - absent.mean()) / ((present.std(ddof=1) + absent.std(ddof=1)) / 2), auc


# %% [detectability] sum_of_the_variances
# Forgets the ½: the spread of a difference, not of a score.
def detectability(present, absent):
    auc = ((present[:, None] > absent) + (present[:, None] == absent) / 2).mean()
    return (present.mean() - absent.mean()) / np.sqrt(present.var(ddof=1) + absent.var(ddof=1)), auc


# %% [detectability] standard_error
# Divides by √n, too: that is t, which grows with the number of scores.
def detectability(present, absent):
    auc = ((present[:, None] > absent) + (present[:, None] == absent) / 2).mean()
    error = np.sqrt(present.var(ddof=1) / len(present) + absent.var(ddof=1) / len(absent))
    return (present.mean() - absent.mean()) / error, auc


# %% [detectability] divided_by_n
# numpy's default: n below, not n - 1.
def detectability(present, absent):
    auc = ((present[:, None] > absent) + (present[:, None] == absent) / 2).mean()
    return (present.mean() - absent.mean()) / np.sqrt((present.var() + absent.var()) / 2), auc


# %% [detectability] without_a_sign
# The absolute value: a denoiser that turns spots into holes would look fine.
def detectability(present, absent):
    auc = ((present[:, None] > absent) + (present[:, None] == absent) / 2).mean()
    spread = np.sqrt((present.var(ddof=1) + absent.var(ddof=1)) / 2)
    return abs(present.mean() - absent.mean()) / spread, auc


# %% [detectability] ties_count_nothing
# Equal scores count for the other side.
def detectability(present, absent):
    spread = np.sqrt((present.var(ddof=1) + absent.var(ddof=1)) / 2)
    return (present.mean() - absent.mean()) / spread, (present[:, None] > absent).mean()


# %% [detectability] auc_by_the_gaussian_formula
# Computes AUC from d': right for Gaussian heaps of equal width alone.
def detectability(present, absent):
    from scipy import stats

    d = (present.mean() - absent.mean()) / np.sqrt((present.var(ddof=1) + absent.var(ddof=1)) / 2)
    return d, stats.norm.cdf(d / np.sqrt(2))


# %% [detectability] share_above_one_threshold
# The share of right answers at one threshold, half way between the means: no AUC.
def detectability(present, absent):
    d = (present.mean() - absent.mean()) / np.sqrt((present.var(ddof=1) + absent.var(ddof=1)) / 2)
    threshold = (present.mean() + absent.mean()) / 2
    return d, ((present > threshold).mean() + (absent <= threshold).mean()) / 2


# %% [detectability] auc_never_below_a_half
# Turns the scores round where that looks better.
def detectability(present, absent):
    d = (present.mean() - absent.mean()) / np.sqrt((present.var(ddof=1) + absent.var(ddof=1)) / 2)
    auc = ((present[:, None] > absent) + (present[:, None] == absent) / 2).mean()
    return d, max(auc, 1 - auc)


# %% [detectability] ties_count_whole
# Equal scores count for the spot.
def detectability(present, absent):
    spread = np.sqrt((present.var(ddof=1) + absent.var(ddof=1)) / 2)
    return (present.mean() - absent.mean()) / spread, (present[:, None] >= absent).mean()


# %% [detectability] pairs_in_order
# Compares the first with the first, the second with the second: a few of all n·m pairs.
def detectability(present, absent):
    spread = np.sqrt((present.var(ddof=1) + absent.var(ddof=1)) / 2)
    n = min(len(present), len(absent))
    auc = ((present[:n] > absent[:n]) + (present[:n] == absent[:n]) / 2).mean()
    return (present.mean() - absent.mean()) / spread, auc


# %% [detectability] divided_by_the_variance
# Forgets the root: d' would change with the unit of the scores.
def detectability(present, absent):
    auc = ((present[:, None] > absent) + (present[:, None] == absent) / 2).mean()
    return (present.mean() - absent.mean()) / ((present.var(ddof=1) + absent.var(ddof=1)) / 2), auc


# %% [detectability] a_hundred_thresholds
# The area under a ROC of a hundred equidistant thresholds: near the AUC, and only near.
def detectability(present, absent):
    d = (present.mean() - absent.mean()) / np.sqrt((present.var(ddof=1) + absent.var(ddof=1)) / 2)
    scores = np.concatenate([present, absent])
    thresholds = np.linspace(scores.max(), scores.min(), 100)[:, None]
    hits, alarms = ((heap >= thresholds).mean(1) for heap in (present, absent))
    return d, (np.diff(alarms) * (hits[1:] + hits[:-1]) / 2).sum()
