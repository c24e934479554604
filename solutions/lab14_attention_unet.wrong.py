# Named wrong answers of lab 14: each is a real misconception and loses just its exercise. See CONTRIBUTING.md.

# %% [ScSE] calls_the_library
# Uses the block that the exercise builds.
class ScSE(nn.Module):
    def __init__(self, channels, reduction):
        super().__init__()
        from course_lib.models import attention

        self.block = attention.ConcurrentSE(channels, reduction)

    def forward(self, x):
        return self.block(x)


# %% [ScSE] sigmoid_missing_in_the_channel_gate
# A gate without a sigmoid is no gate: it may turn features round, or blow them up.
class ScSE(nn.Module):
    def __init__(self, channels, reduction):
        super().__init__()
        hidden = max(channels // reduction, 1)
        self.squeeze, self.excite = nn.Conv2d(channels, hidden, 1), nn.Conv2d(hidden, channels, 1)
        self.where = nn.Conv2d(channels, 1, 1)

    def forward(self, x):
        mean = x.mean((2, 3), keepdim=True)
        c = self.excite(torch.relu(self.squeeze(mean)))
        s = torch.sigmoid(self.where(x))
        return x * c + x * s


# %% [ScSE] sigmoid_missing_in_the_spatial_gate
# The same, for the places.
class ScSE(nn.Module):
    def __init__(self, channels, reduction):
        super().__init__()
        hidden = max(channels // reduction, 1)
        self.squeeze, self.excite = nn.Conv2d(channels, hidden, 1), nn.Conv2d(hidden, channels, 1)
        self.where = nn.Conv2d(channels, 1, 1)

    def forward(self, x):
        mean = x.mean((2, 3), keepdim=True)
        c = torch.sigmoid(self.excite(torch.relu(self.squeeze(mean))))
        s = self.where(x)
        return x * c + x * s


# %% [ScSE] squeezes_over_the_channels
# The mean over the wrong axis: one number a place, then stretched to all channels.
class ScSE(nn.Module):
    def __init__(self, channels, reduction):
        super().__init__()
        hidden = max(channels // reduction, 1)
        self.squeeze, self.excite = nn.Conv2d(channels, hidden, 1), nn.Conv2d(hidden, channels, 1)
        self.where = nn.Conv2d(channels, 1, 1)

    def forward(self, x):
        mean = x.mean(1, keepdim=True).expand_as(x)
        c = torch.sigmoid(self.excite(torch.relu(self.squeeze(mean))))
        s = torch.sigmoid(self.where(x))
        return x * c + x * s


# %% [ScSE] squeezes_over_the_batch
# The mean over the batch as well: an image's result depends on its neighbours.
class ScSE(nn.Module):
    def __init__(self, channels, reduction):
        super().__init__()
        hidden = max(channels // reduction, 1)
        self.squeeze, self.excite = nn.Conv2d(channels, hidden, 1), nn.Conv2d(hidden, channels, 1)
        self.where = nn.Conv2d(channels, 1, 1)

    def forward(self, x):
        mean = x.mean((0, 2, 3), keepdim=True)
        c = torch.sigmoid(self.excite(torch.relu(self.squeeze(mean))))
        s = torch.sigmoid(self.where(x))
        return x * c + x * s


# %% [ScSE] squeezes_by_the_maximum
# The largest value of a channel, not its mean.
class ScSE(nn.Module):
    def __init__(self, channels, reduction):
        super().__init__()
        hidden = max(channels // reduction, 1)
        self.squeeze, self.excite = nn.Conv2d(channels, hidden, 1), nn.Conv2d(hidden, channels, 1)
        self.where = nn.Conv2d(channels, 1, 1)

    def forward(self, x):
        mean = x.amax((2, 3), keepdim=True)
        c = torch.sigmoid(self.excite(torch.relu(self.squeeze(mean))))
        s = torch.sigmoid(self.where(x))
        return x * c + x * s


# %% [ScSE] in_sequence
# The spatial gate sees what the channel gate has left, as in CBAM.
class ScSE(nn.Module):
    def __init__(self, channels, reduction):
        super().__init__()
        hidden = max(channels // reduction, 1)
        self.squeeze, self.excite = nn.Conv2d(channels, hidden, 1), nn.Conv2d(hidden, channels, 1)
        self.where = nn.Conv2d(channels, 1, 1)

    def forward(self, x):
        mean = x.mean((2, 3), keepdim=True)
        c = torch.sigmoid(self.excite(torch.relu(self.squeeze(mean))))
        y = x * c
        return y * torch.sigmoid(self.where(y))


# %% [ScSE] in_sequence_but_summed
# Sums, but the second gate is computed from what the first one has done.
class ScSE(nn.Module):
    def __init__(self, channels, reduction):
        super().__init__()
        hidden = max(channels // reduction, 1)
        self.squeeze, self.excite = nn.Conv2d(channels, hidden, 1), nn.Conv2d(hidden, channels, 1)
        self.where = nn.Conv2d(channels, 1, 1)

    def forward(self, x):
        mean = x.mean((2, 3), keepdim=True)
        c = torch.sigmoid(self.excite(torch.relu(self.squeeze(mean))))
        y = x * c
        return y + x * torch.sigmoid(self.where(y))


# %% [ScSE] gates_multiplied
# Multiplies the gates: at the start a quarter of x is left.
class ScSE(nn.Module):
    def __init__(self, channels, reduction):
        super().__init__()
        hidden = max(channels // reduction, 1)
        self.squeeze, self.excite = nn.Conv2d(channels, hidden, 1), nn.Conv2d(hidden, channels, 1)
        self.where = nn.Conv2d(channels, 1, 1)

    def forward(self, x):
        mean = x.mean((2, 3), keepdim=True)
        c = torch.sigmoid(self.excite(torch.relu(self.squeeze(mean))))
        s = torch.sigmoid(self.where(x))
        return x * c * s


# %% [ScSE] averaged
# Takes the mean of the two, not the sum: every step of the decoder halves its features.
class ScSE(nn.Module):
    def __init__(self, channels, reduction):
        super().__init__()
        hidden = max(channels // reduction, 1)
        self.squeeze, self.excite = nn.Conv2d(channels, hidden, 1), nn.Conv2d(hidden, channels, 1)
        self.where = nn.Conv2d(channels, 1, 1)

    def forward(self, x):
        mean = x.mean((2, 3), keepdim=True)
        c = torch.sigmoid(self.excite(torch.relu(self.squeeze(mean))))
        s = torch.sigmoid(self.where(x))
        return (x * c + x * s) / 2


# %% [ScSE] larger_of_both
# Takes the larger one, a later variant of the authors.
class ScSE(nn.Module):
    def __init__(self, channels, reduction):
        super().__init__()
        hidden = max(channels // reduction, 1)
        self.squeeze, self.excite = nn.Conv2d(channels, hidden, 1), nn.Conv2d(hidden, channels, 1)
        self.where = nn.Conv2d(channels, 1, 1)

    def forward(self, x):
        mean = x.mean((2, 3), keepdim=True)
        c = torch.sigmoid(self.excite(torch.relu(self.squeeze(mean))))
        s = torch.sigmoid(self.where(x))
        return torch.maximum(x * c, x * s)


# %% [ScSE] no_relu
# Two layers with nothing between are one layer.
class ScSE(nn.Module):
    def __init__(self, channels, reduction):
        super().__init__()
        hidden = max(channels // reduction, 1)
        self.squeeze, self.excite = nn.Conv2d(channels, hidden, 1), nn.Conv2d(hidden, channels, 1)
        self.where = nn.Conv2d(channels, 1, 1)

    def forward(self, x):
        mean = x.mean((2, 3), keepdim=True)
        c = torch.sigmoid(self.excite(self.squeeze(mean)))
        s = torch.sigmoid(self.where(x))
        return x * c + x * s


# %% [ScSE] adds_x_once_more
# Puts a residual around it.
class ScSE(nn.Module):
    def __init__(self, channels, reduction):
        super().__init__()
        hidden = max(channels // reduction, 1)
        self.squeeze, self.excite = nn.Conv2d(channels, hidden, 1), nn.Conv2d(hidden, channels, 1)
        self.where = nn.Conv2d(channels, 1, 1)

    def forward(self, x):
        mean = x.mean((2, 3), keepdim=True)
        c = torch.sigmoid(self.excite(torch.relu(self.squeeze(mean))))
        s = torch.sigmoid(self.where(x))
        return x + x * c + x * s


# %% [ScSE] gates_detached
# Stops the gradient of the gates: the attention never learns.
class ScSE(nn.Module):
    def __init__(self, channels, reduction):
        super().__init__()
        hidden = max(channels // reduction, 1)
        self.squeeze, self.excite = nn.Conv2d(channels, hidden, 1), nn.Conv2d(hidden, channels, 1)
        self.where = nn.Conv2d(channels, 1, 1)

    def forward(self, x):
        mean = x.mean((2, 3), keepdim=True)
        c = torch.sigmoid(self.excite(torch.relu(self.squeeze(mean))))
        s = torch.sigmoid(self.where(x))
        return x * c.detach() + x * s.detach()


# %% [ScSE] writes_into_x
# Multiplies in place: the other gate sees changed features, and so does the skip.
class ScSE(nn.Module):
    def __init__(self, channels, reduction):
        super().__init__()
        hidden = max(channels // reduction, 1)
        self.squeeze, self.excite = nn.Conv2d(channels, hidden, 1), nn.Conv2d(hidden, channels, 1)
        self.where = nn.Conv2d(channels, 1, 1)

    def forward(self, x):
        mean = x.mean((2, 3), keepdim=True)
        c = torch.sigmoid(self.excite(torch.relu(self.squeeze(mean))))
        s = torch.sigmoid(self.where(x))
        y = x * s
        x *= c
        return x + y


# %% [ScSE] reduction_on_the_wrong_layer
# Widens in the middle, where it should be narrow.
class ScSE(nn.Module):
    def __init__(self, channels, reduction):
        super().__init__()
        hidden = channels * reduction
        self.squeeze, self.excite = nn.Conv2d(channels, hidden, 1), nn.Conv2d(hidden, channels, 1)
        self.where = nn.Conv2d(channels, 1, 1)

    def forward(self, x):
        mean = x.mean((2, 3), keepdim=True)
        c = torch.sigmoid(self.excite(torch.relu(self.squeeze(mean))))
        s = torch.sigmoid(self.where(x))
        return x * c + x * s


# %% [ScSE] reduction_in_the_spatial_gate
# Reduces the channels of s, where one is wanted, and not those of c.
class ScSE(nn.Module):
    def __init__(self, channels, reduction):
        super().__init__()
        hidden = max(channels // reduction, 1)
        self.squeeze, self.excite = nn.Conv2d(channels, channels, 1), nn.Conv2d(channels, channels, 1)
        self.where = nn.Sequential(nn.Conv2d(channels, hidden, 1), nn.ReLU(), nn.Conv2d(hidden, 1, 1))

    def forward(self, x):
        mean = x.mean((2, 3), keepdim=True)
        c = torch.sigmoid(self.excite(torch.relu(self.squeeze(mean))))
        s = torch.sigmoid(self.where(x))
        return x * c + x * s


# %% [ScSE] reduction_reaches_zero
# Divides without a floor: 4 // 8 channels are none.
class ScSE(nn.Module):
    def __init__(self, channels, reduction):
        super().__init__()
        hidden = channels // reduction
        self.squeeze, self.excite = nn.Conv2d(channels, hidden, 1), nn.Conv2d(hidden, channels, 1)
        self.where = nn.Conv2d(channels, 1, 1)

    def forward(self, x):
        mean = x.mean((2, 3), keepdim=True)
        c = torch.sigmoid(self.excite(torch.relu(self.squeeze(mean))))
        s = torch.sigmoid(self.where(x))
        return x * c + x * s


# %% [ScSE] hidden_rounded
# Rounds channels / reduction to the nearest, where the goal says //.
class ScSE(nn.Module):
    def __init__(self, channels, reduction):
        super().__init__()
        hidden = max(round(channels / reduction), 1)
        self.squeeze, self.excite = nn.Conv2d(channels, hidden, 1), nn.Conv2d(hidden, channels, 1)
        self.where = nn.Conv2d(channels, 1, 1)

    def forward(self, x):
        mean = x.mean((2, 3), keepdim=True)
        c = torch.sigmoid(self.excite(torch.relu(self.squeeze(mean))))
        s = torch.sigmoid(self.where(x))
        return x * c + x * s


# %% [ScSE] input_of_the_gate_detached
# The gate c does not pass a gradient to x.
class ScSE(nn.Module):
    def __init__(self, channels, reduction):
        super().__init__()
        hidden = max(channels // reduction, 1)
        self.squeeze, self.excite = nn.Conv2d(channels, hidden, 1), nn.Conv2d(hidden, channels, 1)
        self.where = nn.Conv2d(channels, 1, 1)

    def forward(self, x):
        mean = x.detach().mean((2, 3), keepdim=True)
        c = torch.sigmoid(self.excite(torch.relu(self.squeeze(mean))))
        s = torch.sigmoid(self.where(x))
        return x * c + x * s


# %% [grey_first_layer] calls_the_library
# Calls the function that the exercise builds.
def grey_first_layer(weight, mean, deviation):
    from course_lib.models import attention_unet

    return attention_unet.grey_weights(weight, tuple(mean.tolist()), tuple(deviation.tolist()))


# %% [grey_first_layer] averaged
# Averages over the colours: everything comes out three times too small.
def grey_first_layer(weight, mean, deviation):
    scaled = weight / deviation[:, None, None]
    return scaled.mean(1, keepdim=True), -(scaled * mean[:, None, None]).mean(1).sum((1, 2))


# %% [grey_first_layer] averaged_but_bias_summed
# Averages the weights only.
def grey_first_layer(weight, mean, deviation):
    scaled = weight / deviation[:, None, None]
    return scaled.mean(1, keepdim=True), -(scaled * mean[:, None, None]).sum((1, 2, 3))


# %% [grey_first_layer] summed_but_not_rescaled
# Sums the weights as they are: the normalisation is forgotten.
def grey_first_layer(weight, mean, deviation):
    return weight.sum(1, keepdim=True), torch.zeros(len(weight))


# %% [grey_first_layer] bias_forgotten
# Divides by the deviation, and forgets the mean.
def grey_first_layer(weight, mean, deviation):
    scaled = weight / deviation[:, None, None]
    return scaled.sum(1, keepdim=True), torch.zeros(len(weight))


# %% [grey_first_layer] bias_with_the_wrong_sign
# Adds the mean where it is taken away.
def grey_first_layer(weight, mean, deviation):
    scaled = weight / deviation[:, None, None]
    return scaled.sum(1, keepdim=True), (scaled * mean[:, None, None]).sum((1, 2, 3))


# %% [grey_first_layer] bias_not_divided
# The bias from the weights as they were.
def grey_first_layer(weight, mean, deviation):
    scaled = weight / deviation[:, None, None]
    return scaled.sum(1, keepdim=True), -(weight * mean[:, None, None]).sum((1, 2, 3))


# %% [grey_first_layer] bias_averaged_over_the_kernel
# The mean over the k×k places: right for 1×1 kernels only.
def grey_first_layer(weight, mean, deviation):
    scaled = weight / deviation[:, None, None]
    return scaled.sum(1, keepdim=True), -(scaled * mean[:, None, None]).sum(1).mean((1, 2))


# %% [grey_first_layer] one_colour_only
# Takes the weights of green, the middle one.
def grey_first_layer(weight, mean, deviation):
    scaled = weight / deviation[:, None, None]
    return scaled[:, 1:2], -(scaled[:, 1:2] * mean[1]).sum((1, 2, 3))


# %% [grey_first_layer] luminance
# Weighs the colours as an eye does.
def grey_first_layer(weight, mean, deviation):
    weights = torch.tensor([0.299, 0.587, 0.114])[:, None, None]
    scaled = weight / deviation[:, None, None]
    return (scaled * weights).sum(1, keepdim=True), -(scaled * weights * mean[:, None, None]).sum((1, 2, 3))


# %% [grey_first_layer] one_deviation_for_all
# Divides by the mean deviation: right only where all are equal.
def grey_first_layer(weight, mean, deviation):
    scaled = weight / deviation.mean()
    return scaled.sum(1, keepdim=True), -(scaled * mean[:, None, None]).sum((1, 2, 3))


# %% [grey_first_layer] multiplied_by_the_deviation
# Multiplies where it should divide.
def grey_first_layer(weight, mean, deviation):
    scaled = weight * deviation[:, None, None]
    return scaled.sum(1, keepdim=True), -(scaled * mean[:, None, None]).sum((1, 2, 3))


# %% [grey_first_layer] divides_in_place
# Right numbers, but the weights that were handed in are changed.
def grey_first_layer(weight, mean, deviation):
    weight /= deviation[:, None, None]
    return weight.sum(1, keepdim=True), -(weight * mean[:, None, None]).sum((1, 2, 3))


# %% [grey_first_layer] constants_of_imagenet
# Takes MEAN and DEVIATION from outside, and not its arguments.
def grey_first_layer(weight, mean, deviation):
    scaled = weight / DEVIATION[:, None, None]
    return scaled.sum(1, keepdim=True), -(scaled * MEAN[:, None, None]).sum((1, 2, 3))


# %% [grey_first_layer] means_averaged
# One mean brightness for all colours.
def grey_first_layer(weight, mean, deviation):
    scaled = weight / deviation[:, None, None]
    return scaled.sum(1, keepdim=True), -scaled.sum((1, 2, 3)) * mean.mean()


# %% [denoise_any_size] calls_the_library
# Lets the library pad.
def denoise_any_size(network, image, multiple):
    from course_lib import images

    height, width = image.shape[-2:]
    return image + network(images.pad_to_multiple(image, multiple))[..., :height, :width]


# %% [denoise_any_size] residual_added_twice
# Adds the padded image to the answer, and then the image to that.
def denoise_any_size(network, image, multiple):
    height, width = image.shape[-2:]
    padded = nn.functional.pad(image, (0, -width % multiple, 0, -height % multiple), mode="replicate")
    return image + (padded + network(padded))[..., :height, :width]


# %% [denoise_any_size] residual_forgotten
# Takes what must be added for the result.
def denoise_any_size(network, image, multiple):
    height, width = image.shape[-2:]
    padded = nn.functional.pad(image, (0, -width % multiple, 0, -height % multiple), mode="replicate")
    return network(padded)[..., :height, :width]


# %% [denoise_any_size] subtracts
# Subtracts the answer, as DnCNN does with the noise.
def denoise_any_size(network, image, multiple):
    height, width = image.shape[-2:]
    padded = nn.functional.pad(image, (0, -width % multiple, 0, -height % multiple), mode="replicate")
    return image - network(padded)[..., :height, :width]


# %% [denoise_any_size] pads_with_zeros
# A black frame: an edge that is not there.
def denoise_any_size(network, image, multiple):
    height, width = image.shape[-2:]
    padded = nn.functional.pad(image, (0, -width % multiple, 0, -height % multiple))
    return image + network(padded)[..., :height, :width]


# %% [denoise_any_size] pads_what_fits
# Adds a whole multiple where nothing is missing.
def denoise_any_size(network, image, multiple):
    height, width = image.shape[-2:]
    padded = nn.functional.pad(
        image, (0, multiple - width % multiple, 0, multiple - height % multiple), mode="replicate"
    )
    return image + network(padded)[..., :height, :width]


# %% [denoise_any_size] sides_exchanged
# Pads the width by what the height lacks: right for square images.
def denoise_any_size(network, image, multiple):
    height, width = image.shape[-2:]
    padded = nn.functional.pad(image, (0, -height % multiple, 0, -width % multiple), mode="replicate")
    return image + network(padded)[..., :height, :width]


# %% [denoise_any_size] pads_top_and_left
# Pads on the other sides, and crops there, too: everything else is right.
def denoise_any_size(network, image, multiple):
    height, width = image.shape[-2:]
    padded = nn.functional.pad(image, (-width % multiple, 0, -height % multiple, 0), mode="replicate")
    return image + network(padded)[..., -height:, -width:]


# %% [denoise_any_size] crops_the_wrong_end
# Pads at the bottom, and crops at the top.
def denoise_any_size(network, image, multiple):
    height, width = image.shape[-2:]
    padded = nn.functional.pad(image, (0, -width % multiple, 0, -height % multiple), mode="replicate")
    return image + network(padded)[..., -height:, -width:]


# %% [denoise_any_size] not_cropped
# Returns the padded size.
def denoise_any_size(network, image, multiple):
    height, width = image.shape[-2:]
    padded = nn.functional.pad(image, (0, -width % multiple, 0, -height % multiple), mode="replicate")
    return padded + network(padded)


# %% [denoise_any_size] clips
# Clips the result: scoring may do so, a network not.
def denoise_any_size(network, image, multiple):
    height, width = image.shape[-2:]
    padded = nn.functional.pad(image, (0, -width % multiple, 0, -height % multiple), mode="replicate")
    return (image + network(padded)[..., :height, :width]).clamp(0, 1)


# %% [denoise_any_size] cuts_instead_of_padding
# Throws away what does not fit, and stretches the answer.
def denoise_any_size(network, image, multiple):
    height, width = image.shape[-2:]
    small = image[..., : max(height // multiple, 1) * multiple, : max(width // multiple, 1) * multiple]
    return image + nn.functional.interpolate(network(small), size=(height, width))


# %% [denoise_any_size] resizes
# Stretches the image to the next multiple: every pixel is blurred.
def denoise_any_size(network, image, multiple):
    height, width = image.shape[-2:]
    fit = nn.functional.interpolate(
        image, size=(height + -height % multiple, width + -width % multiple), mode="bilinear"
    )
    return image + nn.functional.interpolate(network(fit), size=(height, width), mode="bilinear")


# %% [denoise_any_size] adds_in_place
# Right numbers, but the noisy image is gone.
def denoise_any_size(network, image, multiple):
    height, width = image.shape[-2:]
    padded = nn.functional.pad(image, (0, -width % multiple, 0, -height % multiple), mode="replicate")
    image += network(padded)[..., :height, :width]
    return image


# %% [denoise_any_size] one_image_at_a_time
# Asks the network once for each image.
def denoise_any_size(network, image, multiple):
    height, width = image.shape[-2:]
    padded = nn.functional.pad(image, (0, -width % multiple, 0, -height % multiple), mode="replicate")
    return image + torch.cat([network(one[None]) for one in padded])[..., :height, :width]


# %% [denoise_any_size] without_gradient
# Asks under no_grad, as one does when a network is tested: it can never be trained in this frame.
def denoise_any_size(network, image, multiple):
    height, width = image.shape[-2:]
    padded = nn.functional.pad(image, (0, -width % multiple, 0, -height % multiple), mode="replicate")
    with torch.no_grad():
        change = network(padded)
    return image + change[..., :height, :width]


# %% [denoise_any_size] image_detached
# Detaches what the network sees: no gradient passes through it to what stands before.
def denoise_any_size(network, image, multiple):
    height, width = image.shape[-2:]
    padded = nn.functional.pad(image, (0, -width % multiple, 0, -height % multiple), mode="replicate")
    return image + network(padded.detach())[..., :height, :width]


# %% [denoise_any_size] reflects
# Mirrors at the edge: a deeper padding than the image is high, and it crashes.
def denoise_any_size(network, image, multiple):
    height, width = image.shape[-2:]
    padded = nn.functional.pad(image, (0, -width % multiple, 0, -height % multiple), mode="reflect")
    return image + network(padded)[..., :height, :width]


# %% [denoise_any_size] through_numpy
# Pads in numpy: the gradient for the image ends there.
def denoise_any_size(network, image, multiple):
    height, width = image.shape[-2:]
    padded = torch.from_numpy(
        np.pad(image.detach().numpy(), ((0, 0), (0, 0), (0, -height % multiple), (0, -width % multiple)), mode="edge")
    )
    return image + network(padded)[..., :height, :width]


# %% [DecoderStep] calls_the_library
# Uses the block that the exercise builds.
class DecoderStep(nn.Module):
    def __init__(self, below, here, attention):
        super().__init__()
        from course_lib.models import attention_unet

        self.block = attention_unet.DecoderBlock(below, here, None)
        self.attention = attention

    def forward(self, x, across):
        return self.attention(self.block(x, across))


# %% [DecoderStep] residual_added_twice
# The block adds u, and the step adds it once more.
class DecoderStep(nn.Module):
    def __init__(self, below, here, attention):
        super().__init__()
        self.doubled = nn.ConvTranspose2d(below, here, 2, stride=2)
        self.conv1, self.conv2 = nn.Conv2d(here, here, 3, padding=1), nn.Conv2d(here, here, 3, padding=1)
        nn.init.zeros_(self.conv2.weight), nn.init.zeros_(self.conv2.bias)
        self.attention = attention

    def forward(self, x, across):
        u = self.doubled(x) + across
        return self.attention(u + (u + self.conv2(torch.relu(self.conv1(u)))))


# %% [DecoderStep] residual_missing
# Two convolutions after each other: at the start, with zeros, the network is blind.
class DecoderStep(nn.Module):
    def __init__(self, below, here, attention):
        super().__init__()
        self.doubled = nn.ConvTranspose2d(below, here, 2, stride=2)
        self.conv1, self.conv2 = nn.Conv2d(here, here, 3, padding=1), nn.Conv2d(here, here, 3, padding=1)
        nn.init.zeros_(self.conv2.weight), nn.init.zeros_(self.conv2.bias)
        self.attention = attention

    def forward(self, x, across):
        u = self.doubled(x) + across
        return self.attention(self.conv2(torch.relu(self.conv1(u))))


# %% [DecoderStep] attention_before_the_convolutions
# Attention first, convolutions after it.
class DecoderStep(nn.Module):
    def __init__(self, below, here, attention):
        super().__init__()
        self.doubled = nn.ConvTranspose2d(below, here, 2, stride=2)
        self.conv1, self.conv2 = nn.Conv2d(here, here, 3, padding=1), nn.Conv2d(here, here, 3, padding=1)
        nn.init.zeros_(self.conv2.weight), nn.init.zeros_(self.conv2.bias)
        self.attention = attention

    def forward(self, x, across):
        u = self.attention(self.doubled(x) + across)
        return u + self.conv2(torch.relu(self.conv1(u)))


# %% [DecoderStep] attention_on_what_comes_across
# Weighs the skip only, as an attention gate does.
class DecoderStep(nn.Module):
    def __init__(self, below, here, attention):
        super().__init__()
        self.doubled = nn.ConvTranspose2d(below, here, 2, stride=2)
        self.conv1, self.conv2 = nn.Conv2d(here, here, 3, padding=1), nn.Conv2d(here, here, 3, padding=1)
        nn.init.zeros_(self.conv2.weight), nn.init.zeros_(self.conv2.bias)
        self.attention = attention

    def forward(self, x, across):
        u = self.doubled(x) + self.attention(across)
        return u + self.conv2(torch.relu(self.conv1(u)))


# %% [DecoderStep] attention_on_the_change_only
# Weighs F, and lets u pass.
class DecoderStep(nn.Module):
    def __init__(self, below, here, attention):
        super().__init__()
        self.doubled = nn.ConvTranspose2d(below, here, 2, stride=2)
        self.conv1, self.conv2 = nn.Conv2d(here, here, 3, padding=1), nn.Conv2d(here, here, 3, padding=1)
        nn.init.zeros_(self.conv2.weight), nn.init.zeros_(self.conv2.bias)
        self.attention = attention

    def forward(self, x, across):
        u = self.doubled(x) + across
        return u + self.attention(self.conv2(torch.relu(self.conv1(u))))


# %% [DecoderStep] attention_forgotten
# Keeps the attention, and never uses it.
class DecoderStep(nn.Module):
    def __init__(self, below, here, attention):
        super().__init__()
        self.doubled = nn.ConvTranspose2d(below, here, 2, stride=2)
        self.conv1, self.conv2 = nn.Conv2d(here, here, 3, padding=1), nn.Conv2d(here, here, 3, padding=1)
        nn.init.zeros_(self.conv2.weight), nn.init.zeros_(self.conv2.bias)
        self.attention = attention

    def forward(self, x, across):
        u = self.doubled(x) + across
        return u + self.conv2(torch.relu(self.conv1(u)))


# %% [DecoderStep] across_forgotten
# A U-Net without its skips.
class DecoderStep(nn.Module):
    def __init__(self, below, here, attention):
        super().__init__()
        self.doubled = nn.ConvTranspose2d(below, here, 2, stride=2)
        self.conv1, self.conv2 = nn.Conv2d(here, here, 3, padding=1), nn.Conv2d(here, here, 3, padding=1)
        nn.init.zeros_(self.conv2.weight), nn.init.zeros_(self.conv2.bias)
        self.attention = attention

    def forward(self, x, across):
        u = self.doubled(x)
        return self.attention(u + self.conv2(torch.relu(self.conv1(u))))


# %% [DecoderStep] across_added_twice
# Adds what comes across before F and after it.
class DecoderStep(nn.Module):
    def __init__(self, below, here, attention):
        super().__init__()
        self.doubled = nn.ConvTranspose2d(below, here, 2, stride=2)
        self.conv1, self.conv2 = nn.Conv2d(here, here, 3, padding=1), nn.Conv2d(here, here, 3, padding=1)
        nn.init.zeros_(self.conv2.weight), nn.init.zeros_(self.conv2.bias)
        self.attention = attention

    def forward(self, x, across):
        u = self.doubled(x) + across
        return self.attention(u + self.conv2(torch.relu(self.conv1(u))) + across)


# %% [DecoderStep] starts_at_random
# Forgets the zeros.
class DecoderStep(nn.Module):
    def __init__(self, below, here, attention):
        super().__init__()
        self.doubled = nn.ConvTranspose2d(below, here, 2, stride=2)
        self.conv1, self.conv2 = nn.Conv2d(here, here, 3, padding=1), nn.Conv2d(here, here, 3, padding=1)
        self.attention = attention

    def forward(self, x, across):
        u = self.doubled(x) + across
        return self.attention(u + self.conv2(torch.relu(self.conv1(u))))


# %% [DecoderStep] wrong_convolution_starts_at_zero
# Zeros in the first convolution: then F is not 0, only constant.
class DecoderStep(nn.Module):
    def __init__(self, below, here, attention):
        super().__init__()
        self.doubled = nn.ConvTranspose2d(below, here, 2, stride=2)
        self.conv1, self.conv2 = nn.Conv2d(here, here, 3, padding=1), nn.Conv2d(here, here, 3, padding=1)
        nn.init.zeros_(self.conv1.weight), nn.init.zeros_(self.conv1.bias)
        self.attention = attention

    def forward(self, x, across):
        u = self.doubled(x) + across
        return self.attention(u + self.conv2(torch.relu(self.conv1(u))))


# %% [DecoderStep] relu_after_the_sum
# Rectifies the sum: what must be subtracted cannot pass.
class DecoderStep(nn.Module):
    def __init__(self, below, here, attention):
        super().__init__()
        self.doubled = nn.ConvTranspose2d(below, here, 2, stride=2)
        self.conv1, self.conv2 = nn.Conv2d(here, here, 3, padding=1), nn.Conv2d(here, here, 3, padding=1)
        nn.init.zeros_(self.conv2.weight), nn.init.zeros_(self.conv2.bias)
        self.attention = attention

    def forward(self, x, across):
        u = self.doubled(x) + across
        return self.attention(torch.relu(u + self.conv2(torch.relu(self.conv1(u)))))


# %% [DecoderStep] no_relu
# Two convolutions without anything between.
class DecoderStep(nn.Module):
    def __init__(self, below, here, attention):
        super().__init__()
        self.doubled = nn.ConvTranspose2d(below, here, 2, stride=2)
        self.conv1, self.conv2 = nn.Conv2d(here, here, 3, padding=1), nn.Conv2d(here, here, 3, padding=1)
        nn.init.zeros_(self.conv2.weight), nn.init.zeros_(self.conv2.bias)
        self.attention = attention

    def forward(self, x, across):
        u = self.doubled(x) + across
        return self.attention(u + self.conv2(self.conv1(u)))


# %% [DecoderStep] one_convolution_twice
# Uses the same weights twice.
class DecoderStep(nn.Module):
    def __init__(self, below, here, attention):
        super().__init__()
        self.doubled = nn.ConvTranspose2d(below, here, 2, stride=2)
        self.conv1, self.conv2 = nn.Conv2d(here, here, 3, padding=1), nn.Conv2d(here, here, 3, padding=1)
        nn.init.zeros_(self.conv2.weight), nn.init.zeros_(self.conv2.bias)
        self.attention = attention

    def forward(self, x, across):
        u = self.doubled(x) + across
        return self.attention(u + self.conv2(torch.relu(self.conv2(u))))


# %% [DecoderStep] interpolates
# Doubles by repeating pixels, and convolves then.
class DecoderStep(nn.Module):
    def __init__(self, below, here, attention):
        super().__init__()
        self.doubled = nn.Conv2d(below, here, 1)
        self.conv1, self.conv2 = nn.Conv2d(here, here, 3, padding=1), nn.Conv2d(here, here, 3, padding=1)
        nn.init.zeros_(self.conv2.weight), nn.init.zeros_(self.conv2.bias)
        self.attention = attention

    def forward(self, x, across):
        u = nn.functional.interpolate(self.doubled(x), scale_factor=2) + across
        return self.attention(u + self.conv2(torch.relu(self.conv1(u))))


# %% [DecoderStep] joined_instead_of_added
# Joins what comes across as more channels.
class DecoderStep(nn.Module):
    def __init__(self, below, here, attention):
        super().__init__()
        self.doubled = nn.ConvTranspose2d(below, here, 2, stride=2)
        self.conv1, self.conv2 = nn.Conv2d(here, here, 3, padding=1), nn.Conv2d(here, here, 3, padding=1)
        nn.init.zeros_(self.conv2.weight), nn.init.zeros_(self.conv2.bias)
        self.attention, self.join = attention, nn.Conv2d(2 * here, here, 1)

    def forward(self, x, across):
        u = self.join(torch.cat([self.doubled(x), across], dim=1))
        return self.attention(u + self.conv2(torch.relu(self.conv1(u))))


# %% [DecoderStep] attention_in_a_list
# Hides the attention in a plain list: PyTorch does not find its weights.
class DecoderStep(nn.Module):
    def __init__(self, below, here, attention):
        super().__init__()
        self.doubled = nn.ConvTranspose2d(below, here, 2, stride=2)
        self.conv1, self.conv2 = nn.Conv2d(here, here, 3, padding=1), nn.Conv2d(here, here, 3, padding=1)
        nn.init.zeros_(self.conv2.weight), nn.init.zeros_(self.conv2.bias)
        self.attention = [attention]

    def forward(self, x, across):
        u = self.doubled(x) + across
        return self.attention[0](u + self.conv2(torch.relu(self.conv1(u))))


# %% [DecoderStep] across_detached
# No gradient reaches the encoder by the skip.
class DecoderStep(nn.Module):
    def __init__(self, below, here, attention):
        super().__init__()
        self.doubled = nn.ConvTranspose2d(below, here, 2, stride=2)
        self.conv1, self.conv2 = nn.Conv2d(here, here, 3, padding=1), nn.Conv2d(here, here, 3, padding=1)
        nn.init.zeros_(self.conv2.weight), nn.init.zeros_(self.conv2.bias)
        self.attention = attention

    def forward(self, x, across):
        u = self.doubled(x) + across.detach()
        return self.attention(u + self.conv2(torch.relu(self.conv1(u))))


# %% [DecoderStep] adds_in_place
# Writes the sum into the encoder's output.
class DecoderStep(nn.Module):
    def __init__(self, below, here, attention):
        super().__init__()
        self.doubled = nn.ConvTranspose2d(below, here, 2, stride=2)
        self.conv1, self.conv2 = nn.Conv2d(here, here, 3, padding=1), nn.Conv2d(here, here, 3, padding=1)
        nn.init.zeros_(self.conv2.weight), nn.init.zeros_(self.conv2.bias)
        self.attention = attention

    def forward(self, x, across):
        across += self.doubled(x)
        u = across
        return self.attention(u + self.conv2(torch.relu(self.conv1(u))))


# %% [DecoderStep] change_from_a_detached_sum
# F is computed from u without its gradient: the parts below learn past it.
class DecoderStep(nn.Module):
    def __init__(self, below, here, attention):
        super().__init__()
        self.doubled = nn.ConvTranspose2d(below, here, 2, stride=2)
        self.conv1, self.conv2 = nn.Conv2d(here, here, 3, padding=1), nn.Conv2d(here, here, 3, padding=1)
        nn.init.zeros_(self.conv2.weight), nn.init.zeros_(self.conv2.bias)
        self.attention = attention

    def forward(self, x, across):
        u = self.doubled(x) + across
        return self.attention(u + self.conv2(torch.relu(self.conv1(u.detach()))))


# %% [DecoderStep] skip_detached_inside
# u.detach() + F(u): the short way for the gradient is closed, and F starts at 0.
class DecoderStep(nn.Module):
    def __init__(self, below, here, attention):
        super().__init__()
        self.doubled = nn.ConvTranspose2d(below, here, 2, stride=2)
        self.conv1, self.conv2 = nn.Conv2d(here, here, 3, padding=1), nn.Conv2d(here, here, 3, padding=1)
        nn.init.zeros_(self.conv2.weight), nn.init.zeros_(self.conv2.bias)
        self.attention = attention

    def forward(self, x, across):
        u = self.doubled(x) + across
        return self.attention(u.detach() + self.conv2(torch.relu(self.conv1(u))))


# %% [DecoderStep] change_of_what_comes_from_below
# F sees only what was doubled.
class DecoderStep(nn.Module):
    def __init__(self, below, here, attention):
        super().__init__()
        self.doubled = nn.ConvTranspose2d(below, here, 2, stride=2)
        self.conv1, self.conv2 = nn.Conv2d(here, here, 3, padding=1), nn.Conv2d(here, here, 3, padding=1)
        nn.init.zeros_(self.conv2.weight), nn.init.zeros_(self.conv2.bias)
        self.attention = attention

    def forward(self, x, across):
        u = self.doubled(x) + across
        return self.attention(u + self.conv2(torch.relu(self.conv1(self.doubled(x)))))


# %% [DecoderStep] both_at_zero
# Sets both convolutions to 0: then neither ever learns.
class DecoderStep(nn.Module):
    def __init__(self, below, here, attention):
        super().__init__()
        self.doubled = nn.ConvTranspose2d(below, here, 2, stride=2)
        self.conv1, self.conv2 = nn.Conv2d(here, here, 3, padding=1), nn.Conv2d(here, here, 3, padding=1)
        for layer in (self.conv1, self.conv2):
            nn.init.zeros_(layer.weight), nn.init.zeros_(layer.bias)
        self.attention = attention

    def forward(self, x, across):
        u = self.doubled(x) + across
        return self.attention(u + self.conv2(torch.relu(self.conv1(u))))


# %% [DecoderStep] only_weight_at_zero
# Sets the weight to 0, and forgets the bias.
class DecoderStep(nn.Module):
    def __init__(self, below, here, attention):
        super().__init__()
        self.doubled = nn.ConvTranspose2d(below, here, 2, stride=2)
        self.conv1, self.conv2 = nn.Conv2d(here, here, 3, padding=1), nn.Conv2d(here, here, 3, padding=1)
        nn.init.zeros_(self.conv2.weight)
        self.attention = attention

    def forward(self, x, across):
        u = self.doubled(x) + across
        return self.attention(u + self.conv2(torch.relu(self.conv1(u))))


# %% [perceptual_loss] calls_the_library
# Calls the loss that the exercise builds.
def perceptual_loss(prediction, target, stages):
    from course_lib import losses

    return losses.PerceptualLoss(("relu1_2",), weights="random")(prediction, target)


# %% [perceptual_loss] without_the_normalisation_of_imagenet
# Hands VGG what it has never seen.
def perceptual_loss(prediction, target, stages):
    x, y = prediction.expand(-1, 3, -1, -1), target.expand(-1, 3, -1, -1)
    total = 0
    for stage in stages:
        x, y = stage(x), stage(y)
        total = total + ((x - y) ** 2).mean()
    return total


# %% [perceptual_loss] mean_not_taken_away
# Divides, and forgets the mean.
def perceptual_loss(prediction, target, stages):
    x, y = ((image.expand(-1, 3, -1, -1)) / DEVIATION[:, None, None] for image in (prediction, target))
    total = 0
    for stage in stages:
        x, y = stage(x), stage(y)
        total = total + ((x - y) ** 2).mean()
    return total


# %% [perceptual_loss] multiplied_by_the_deviation
# Multiplies where it should divide.
def perceptual_loss(prediction, target, stages):
    x, y = (
        (image.expand(-1, 3, -1, -1) - MEAN[:, None, None]) * DEVIATION[:, None, None] for image in (prediction, target)
    )
    total = 0
    for stage in stages:
        x, y = stage(x), stage(y)
        total = total + ((x - y) ** 2).mean()
    return total


# %% [perceptual_loss] one_image_normalised
# Normalises the prediction only.
def perceptual_loss(prediction, target, stages):
    x = (prediction.expand(-1, 3, -1, -1) - MEAN[:, None, None]) / DEVIATION[:, None, None]
    y = target.expand(-1, 3, -1, -1)
    total = 0
    for stage in stages:
        x, y = stage(x), stage(y)
        total = total + ((x - y) ** 2).mean()
    return total


# %% [perceptual_loss] normalised_by_itself
# Takes each image's own mean and deviation: brightness is lost.
def perceptual_loss(prediction, target, stages):
    x, y = (((image - image.mean()) / image.std()).expand(-1, 3, -1, -1) for image in (prediction, target))
    total = 0
    for stage in stages:
        x, y = stage(x), stage(y)
        total = total + ((x - y) ** 2).mean()
    return total


# %% [perceptual_loss] last_stage_only
# Compares only at the end.
def perceptual_loss(prediction, target, stages):
    x, y = (
        (image.expand(-1, 3, -1, -1) - MEAN[:, None, None]) / DEVIATION[:, None, None] for image in (prediction, target)
    )
    for stage in stages:
        x, y = stage(x), stage(y)
    return ((x - y) ** 2).mean()


# %% [perceptual_loss] stages_averaged
# The mean over the stages, not the sum.
def perceptual_loss(prediction, target, stages):
    x, y = (
        (image.expand(-1, 3, -1, -1) - MEAN[:, None, None]) / DEVIATION[:, None, None] for image in (prediction, target)
    )
    total = 0
    for stage in stages:
        x, y = stage(x), stage(y)
        total = total + ((x - y) ** 2).mean()
    return total / len(stages)


# %% [perceptual_loss] sum_of_squares
# Sums over the features: large layers and large images rule.
def perceptual_loss(prediction, target, stages):
    x, y = (
        (image.expand(-1, 3, -1, -1) - MEAN[:, None, None]) / DEVIATION[:, None, None] for image in (prediction, target)
    )
    total = 0
    for stage in stages:
        x, y = stage(x), stage(y)
        total = total + ((x - y) ** 2).sum()
    return total


# %% [perceptual_loss] absolute_differences
# L1 of the features.
def perceptual_loss(prediction, target, stages):
    x, y = (
        (image.expand(-1, 3, -1, -1) - MEAN[:, None, None]) / DEVIATION[:, None, None] for image in (prediction, target)
    )
    total = 0
    for stage in stages:
        x, y = stage(x), stage(y)
        total = total + (x - y).abs().mean()
    return total


# %% [perceptual_loss] root_of_the_mean
# Takes a root at the end of each stage.
def perceptual_loss(prediction, target, stages):
    x, y = (
        (image.expand(-1, 3, -1, -1) - MEAN[:, None, None]) / DEVIATION[:, None, None] for image in (prediction, target)
    )
    total = 0
    for stage in stages:
        x, y = stage(x), stage(y)
        total = total + ((x - y) ** 2).mean().sqrt()
    return total


# %% [perceptual_loss] pixels_added
# Adds the loss of the pixels: that is the other part of the training's loss.
def perceptual_loss(prediction, target, stages):
    x, y = (
        (image.expand(-1, 3, -1, -1) - MEAN[:, None, None]) / DEVIATION[:, None, None] for image in (prediction, target)
    )
    total = ((prediction - target) ** 2).mean()
    for stage in stages:
        x, y = stage(x), stage(y)
        total = total + ((x - y) ** 2).mean()
    return total


# %% [perceptual_loss] prediction_detached
# Computes features without gradients, to save memory: then nothing is learnt.
def perceptual_loss(prediction, target, stages):
    with torch.no_grad():
        x, y = (
            (image.expand(-1, 3, -1, -1) - MEAN[:, None, None]) / DEVIATION[:, None, None]
            for image in (prediction, target)
        )
        total = 0
        for stage in stages:
            x, y = stage(x), stage(y)
            total = total + ((x - y) ** 2).mean()
        return total


# %% [perceptual_loss] gradient_through_the_last_stage_only
# Detaches between the stages.
def perceptual_loss(prediction, target, stages):
    x, y = (
        (image.expand(-1, 3, -1, -1) - MEAN[:, None, None]) / DEVIATION[:, None, None] for image in (prediction, target)
    )
    total = 0
    for stage in stages:
        x, y = stage(x), stage(y)
        total = total + ((x - y) ** 2).mean()
        x = x.detach()
    return total


# %% [perceptual_loss] prediction_clipped
# Clips the prediction first: beyond [0, 1] it gets no gradient, and stays there.
def perceptual_loss(prediction, target, stages):
    prediction = prediction.clamp(0, 1)
    x, y = (
        (image.expand(-1, 3, -1, -1) - MEAN[:, None, None]) / DEVIATION[:, None, None] for image in (prediction, target)
    )
    total = 0
    for stage in stages:
        x, y = stage(x), stage(y)
        total = total + ((x - y) ** 2).mean()
    return total


# %% [perceptual_loss] colours_reversed
# Blue, green, red: the order of another library.
def perceptual_loss(prediction, target, stages):
    x, y = (
        (image.expand(-1, 3, -1, -1) - MEAN.flip(0)[:, None, None]) / DEVIATION.flip(0)[:, None, None]
        for image in (prediction, target)
    )
    total = 0
    for stage in stages:
        x, y = stage(x), stage(y)
        total = total + ((x - y) ** 2).mean()
    return total


# %% [noise_sweep] calls_the_library
# Lets the library sweep.
def noise_sweep(denoise, images, levels, seed):
    from course_lib import evaluation, noise

    found = evaluation.sweep(
        {"network": lambda noisy, sigma: denoise(noisy)}, images, noise.gaussian, levels, seed=seed
    )
    return np.stack([comparison.per_slice("network") for comparison in found.comparisons])


# %% [noise_sweep] new_noise_for_every_level
# Draws anew at each level: the curve shows the luck of the draw, too.
def noise_sweep(denoise, images, levels, seed):
    generator, scores = torch.Generator().manual_seed(seed), []
    for level in levels:
        pattern = torch.randn(images.shape, generator=generator)
        answer = denoise(images + level * pattern).clamp(0, 1)
        error = ((answer - images) ** 2).mean((1, 2, 3))
        scores.append(-10 * torch.log10(error).numpy())
    return np.stack(scores)


# %% [noise_sweep] clips_the_noisy_image
# Clips the input: the air gets a bias, and every method loses.
def noise_sweep(denoise, images, levels, seed):
    pattern = torch.randn(images.shape, generator=torch.Generator().manual_seed(seed))
    scores = []
    for level in levels:
        answer = denoise((images + level * pattern).clamp(0, 1)).clamp(0, 1)
        error = ((answer - images) ** 2).mean((1, 2, 3))
        scores.append(-10 * torch.log10(error).numpy())
    return np.stack(scores)


# %% [noise_sweep] answer_not_clipped
# Scores values that no image can have.
def noise_sweep(denoise, images, levels, seed):
    pattern = torch.randn(images.shape, generator=torch.Generator().manual_seed(seed))
    scores = []
    for level in levels:
        answer = denoise(images + level * pattern)
        error = ((answer - images) ** 2).mean((1, 2, 3))
        scores.append(-10 * torch.log10(error).numpy())
    return np.stack(scores)


# %% [noise_sweep] mean_error_first
# One PSNR for all images: that of the mean MSE.
def noise_sweep(denoise, images, levels, seed):
    pattern = torch.randn(images.shape, generator=torch.Generator().manual_seed(seed))
    scores = []
    for level in levels:
        answer = denoise(images + level * pattern).clamp(0, 1)
        error = ((answer - images) ** 2).mean().expand(len(images))
        scores.append(-10 * torch.log10(error).numpy())
    return np.stack(scores)


# %% [noise_sweep] one_number_a_level
# Averages the PSNRs away: nobody can pair them any more.
def noise_sweep(denoise, images, levels, seed):
    pattern = torch.randn(images.shape, generator=torch.Generator().manual_seed(seed))
    scores = []
    for level in levels:
        answer = denoise(images + level * pattern).clamp(0, 1)
        error = ((answer - images) ** 2).mean((1, 2, 3))
        scores.append(-10 * torch.log10(error).mean().numpy())
    return np.stack(scores)


# %% [noise_sweep] compared_with_the_noisy_image
# Measures how much was changed, not how wrong it is.
def noise_sweep(denoise, images, levels, seed):
    pattern = torch.randn(images.shape, generator=torch.Generator().manual_seed(seed))
    scores = []
    for level in levels:
        answer = denoise(images + level * pattern).clamp(0, 1)
        error = ((answer - images - level * pattern) ** 2).mean((1, 2, 3))
        scores.append(-10 * torch.log10(error).numpy())
    return np.stack(scores)


# %% [noise_sweep] level_is_the_variance
# Takes the level for sigma².
def noise_sweep(denoise, images, levels, seed):
    pattern = torch.randn(images.shape, generator=torch.Generator().manual_seed(seed))
    scores = []
    for level in levels:
        answer = denoise(images + level**0.5 * pattern).clamp(0, 1)
        error = ((answer - images) ** 2).mean((1, 2, 3))
        scores.append(-10 * torch.log10(error).numpy())
    return np.stack(scores)


# %% [noise_sweep] twenty_in_place_of_ten
# 20·log10 belongs to the root of the MSE.
def noise_sweep(denoise, images, levels, seed):
    pattern = torch.randn(images.shape, generator=torch.Generator().manual_seed(seed))
    scores = []
    for level in levels:
        answer = denoise(images + level * pattern).clamp(0, 1)
        error = ((answer - images) ** 2).mean((1, 2, 3))
        scores.append(-20 * torch.log10(error).numpy())
    return np.stack(scores)


# %% [noise_sweep] natural_logarithm
# ln in place of log10.
def noise_sweep(denoise, images, levels, seed):
    pattern = torch.randn(images.shape, generator=torch.Generator().manual_seed(seed))
    scores = []
    for level in levels:
        answer = denoise(images + level * pattern).clamp(0, 1)
        error = ((answer - images) ** 2).mean((1, 2, 3))
        scores.append(-10 * torch.log(error).numpy())
    return np.stack(scores)


# %% [noise_sweep] uniform_noise
# torch.rand draws from 0 to 1.
def noise_sweep(denoise, images, levels, seed):
    pattern = torch.rand(images.shape, generator=torch.Generator().manual_seed(seed))
    scores = []
    for level in levels:
        answer = denoise(images + level * pattern).clamp(0, 1)
        error = ((answer - images) ** 2).mean((1, 2, 3))
        scores.append(-10 * torch.log10(error).numpy())
    return np.stack(scores)


# %% [noise_sweep] one_pattern_for_all_images
# The same noise in every image of the batch.
def noise_sweep(denoise, images, levels, seed):
    pattern = torch.randn(images.shape[1:], generator=torch.Generator().manual_seed(seed))
    scores = []
    for level in levels:
        answer = denoise(images + level * pattern).clamp(0, 1)
        error = ((answer - images) ** 2).mean((1, 2, 3))
        scores.append(-10 * torch.log10(error).numpy())
    return np.stack(scores)


# %% [noise_sweep] global_generator
# Seeds PyTorch for everybody.
def noise_sweep(denoise, images, levels, seed):
    torch.manual_seed(seed)
    pattern, scores = torch.randn(images.shape), []
    for level in levels:
        answer = denoise(images + level * pattern).clamp(0, 1)
        error = ((answer - images) ** 2).mean((1, 2, 3))
        scores.append(-10 * torch.log10(error).numpy())
    return np.stack(scores)


# %% [noise_sweep] seed_ignored
# Always the same pattern.
def noise_sweep(denoise, images, levels, seed):
    pattern = torch.randn(images.shape, generator=torch.Generator().manual_seed(0))
    scores = []
    for level in levels:
        answer = denoise(images + level * pattern).clamp(0, 1)
        error = ((answer - images) ** 2).mean((1, 2, 3))
        scores.append(-10 * torch.log10(error).numpy())
    return np.stack(scores)


# %% [noise_sweep] divided_by_the_brightest_pixel
# The peak of each image in place of the data range 1.
def noise_sweep(denoise, images, levels, seed):
    pattern = torch.randn(images.shape, generator=torch.Generator().manual_seed(seed))
    scores = []
    for level in levels:
        answer = denoise(images + level * pattern).clamp(0, 1)
        error = ((answer - images) ** 2).mean((1, 2, 3))
        scores.append(-10 * torch.log10(error / images.amax((1, 2, 3)) ** 2).numpy())
    return np.stack(scores)


# %% [noise_sweep] noise_added_in_place
# Adds the noise to the clean images, level upon level.
def noise_sweep(denoise, images, levels, seed):
    pattern = torch.randn(images.shape, generator=torch.Generator().manual_seed(seed))
    scores = []
    images = images
    clean = images.clone()
    for level in levels:
        images += level * pattern
        answer = denoise(images).clamp(0, 1)
        error = ((answer - clean) ** 2).mean((1, 2, 3))
        scores.append(-10 * torch.log10(error).numpy())
    return np.stack(scores)


# %% [noise_sweep] transposed
# One row an image: (N, levels).
def noise_sweep(denoise, images, levels, seed):
    pattern = torch.randn(images.shape, generator=torch.Generator().manual_seed(seed))
    scores = []
    for level in levels:
        answer = denoise(images + level * pattern).clamp(0, 1)
        error = ((answer - images) ** 2).mean((1, 2, 3))
        scores.append(-10 * torch.log10(error).numpy())
    return np.stack(scores, axis=1)


# %% [noise_sweep] uniform_of_the_right_deviation
# Uniform noise, scaled to the deviation 1.
def noise_sweep(denoise, images, levels, seed):
    pattern = (torch.rand(images.shape, generator=torch.Generator().manual_seed(seed)) - 0.5) * 12**0.5
    scores = []
    for level in levels:
        answer = denoise(images + level * pattern).clamp(0, 1)
        error = ((answer - images) ** 2).mean((1, 2, 3))
        scores.append(-10 * torch.log10(error).numpy())
    return np.stack(scores)


# %% [noise_sweep] clipped_to_the_range_of_the_images
# Clips the answer to the values that the clean images have: it has seen the truth.
def noise_sweep(denoise, images, levels, seed):
    pattern = torch.randn(images.shape, generator=torch.Generator().manual_seed(seed))
    scores = []
    for level in levels:
        answer = denoise(images + level * pattern).clamp(float(images.min()), float(images.max()))
        error = ((answer - images) ** 2).mean((1, 2, 3))
        scores.append(-10 * torch.log10(error).numpy())
    return np.stack(scores)
