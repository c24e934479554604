# Named wrong answers of lab 14: each is a real misconception and loses just its exercise. See CONTRIBUTING.md.
#
# What the tests of each exercise look at:
# ScSE: channels below the reduction, one channel; tall images, one column, one image; negative, huge and tiny numbers; both
#   modes; the gradients of x and of every weight; x, the mode and the random state left alone
# grey_first_layer: kernels of 1, 2, 3, 4, 7; three outputs (as many as colours); means below 0, deviations from 0.0002 to
#   1000; single and double precision; tensors out; input left alone
# denoise_any_size: tall and wide, odd, one side that fits, less than one multiple, multiple 1; numbers beyond [0, 1], huge,
#   tiny; gradients of image and network; asked once, in the mode and with the gradients that there are; image left alone
# DecoderStep: tall, one channel; both modes; the start at 0; an attention with weights; gradients of both inputs and of every
#   weight; huge and tiny numbers; inputs, mode and random state left alone
# perceptual_loss: one to four pieces; tall, odd, one image; predictions beyond [0, 1]; tiny and huge differences; gradients of
#   the prediction and of the pieces; modes, old gradients and images left alone
# noise_sweep: levels out of order, one level, one image; tall images; 20 to 100 dB; answers beyond [0, 1]; one pattern, its
#   moments, seed and generator; numpy out; images and random states left alone

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
edit("torch.sigmoid(self.excite(torch.relu(self.squeeze(mean))))", "self.excite(torch.relu(self.squeeze(mean)))")


# %% [ScSE] sigmoid_missing_in_the_spatial_gate
# The same, for the places.
edit("torch.sigmoid(self.where(x))", "self.where(x)")


# %% [ScSE] hard_sigmoid
# Straight lines in place of the sigmoid, as on telephones: right at 0, and far out nearly.
edit("torch.sigmoid(self.where(x))", "nn.functional.hardsigmoid(self.where(x))")


# %% [ScSE] softmax_over_the_channels
# Lets the channels share a sum of 1: one gate can open only if the others close.
edit("torch.sigmoid(self.excite(torch.relu(self.squeeze(mean))))", "torch.softmax(self.excite(torch.relu(self.squeeze(mean))), 1)")


# %% [ScSE] squeezes_over_the_channels
# The mean over the wrong axis: one number a place, then stretched to all channels.
edit("x.mean((2, 3), keepdim=True)", "x.mean(1, keepdim=True).expand_as(x)")


# %% [ScSE] squeezes_over_the_batch
# The mean over the batch as well: an image's result depends on its neighbours.
edit("x.mean((2, 3), keepdim=True)", "x.mean((0, 2, 3), keepdim=True)")


# %% [ScSE] squeezes_by_the_maximum
# The largest value of a channel, not its mean.
edit("x.mean((2, 3), keepdim=True)", "x.amax((2, 3), keepdim=True)")


# %% [ScSE] squeezes_by_the_median
# The median of a channel, which a few bright pixels cannot move.
edit("x.mean((2, 3), keepdim=True)", "x.flatten(2).median(2).values[:, :, None, None]")


# %% [ScSE] squeezes_what_is_positive
# Rectifies before the mean.
edit("x.mean((2, 3)", "torch.relu(x).mean((2, 3)")


# %% [ScSE] in_sequence
# The spatial gate sees what the channel gate has left, as in CBAM.
edit("s = torch.sigmoid(self.where(x))", "s = torch.sigmoid(self.where(x * c))")
edit("x * c + x * s", "x * c * s")


# %% [ScSE] in_sequence_but_summed
# Sums, but the second gate is computed from what the first one has done.
edit("self.where(x)", "self.where(x * c)")


# %% [ScSE] gates_multiplied
# Multiplies the gates: at the start a quarter of x is left.
edit("x * c + x * s", "x * c * s")


# %% [ScSE] averaged
# Takes the mean of the two, not the sum: every step of the decoder halves its features.
edit("x * c + x * s", "(x * c + x * s) / 2")


# %% [ScSE] larger_of_both
# Takes the larger one, a later variant of the authors.
edit("x * c + x * s", "torch.maximum(x * c, x * s)")


# %% [ScSE] no_relu
# Two layers with nothing between are one layer.
edit("torch.relu(self.squeeze(mean))", "self.squeeze(mean)")


# %% [ScSE] adds_x_once_more
# Puts a residual around it.
edit("x * c + x * s", "x + x * c + x * s")


# %% [ScSE] gates_detached
# Stops the gradient of the gates: the attention never learns.
edit("x * c + x * s", "x * c.detach() + x * s.detach()")


# %% [ScSE] writes_into_x
# Multiplies in place: the other gate sees changed features, and so does the skip.
edit("return x * c + x * s", """
y = x.data.clone()
        x.data *= c
        return x + y * s
""")


# %% [ScSE] reduction_on_the_wrong_layer
# Widens in the middle, where it should be narrow.
edit("max(channels // reduction, 1)", "channels * reduction")


# %% [ScSE] reduction_in_the_spatial_gate
# Reduces the channels of s, where one is wanted, and not those of c.
edit("nn.Conv2d(channels, hidden, 1), nn.Conv2d(hidden, channels, 1)", "nn.Conv2d(channels, channels, 1), nn.Conv2d(channels, channels, 1)")
edit("nn.Conv2d(channels, 1, 1)", "nn.Sequential(nn.Conv2d(channels, hidden, 1), nn.ReLU(), nn.Conv2d(hidden, 1, 1))")


# %% [ScSE] reduction_reaches_zero
# Divides without a floor: 4 // 8 channels are none.
edit("max(channels // reduction, 1)", "channels // reduction")


# %% [ScSE] hidden_at_least_two
# Sets the floor at 2, so that the layer has something to choose from.
edit("max(channels // reduction, 1)", "max(channels // reduction, 2)")


# %% [ScSE] hidden_rounded
# Rounds channels / reduction to the nearest, where the goal says //.
edit("channels // reduction", "round(channels / reduction)")


# %% [ScSE] input_of_the_gate_detached
# The gate c does not pass a gradient to x.
edit("x.mean(", "x.detach().mean(")


# %% [ScSE] place_detached
# The gate s learns, but passes no gradient to x.
edit("self.where(x)", "self.where(x.detach())")


# %% [ScSE] gates_learn_in_training_only
# Computes the gates without gradients in evaluation mode.
edit("mean = x.mean((2, 3), keepdim=True)", "mean = (x if self.training else x.detach()).mean((2, 3), keepdim=True)")


# %% [ScSE] dropout_in_the_gate
# Drops some of the hidden numbers in training.
edit("torch.relu(self.squeeze(mean))", "nn.functional.dropout(torch.relu(self.squeeze(mean)), 0.5, self.training)")


# %% [ScSE] rectifies_the_answer
# Rectifies the sum, as after a convolution: nothing negative passes.
edit("return x * c + x * s", "return torch.relu(x * c + x * s)")


# %% [grey_first_layer] calls_the_library
# Calls the function that the exercise builds.
def grey_first_layer(weight, mean, deviation):
    from course_lib.models import attention_unet

    return attention_unet.grey_weights(weight, tuple(mean.tolist()), tuple(deviation.tolist()))


# %% [grey_first_layer] averaged
# Averages over the colours: everything comes out three times too small.
edit("return scaled.sum(1, keepdim=True), bias", "return scaled.mean(1, keepdim=True), bias / 3")


# %% [grey_first_layer] averaged_but_bias_summed
# Averages the weights only.
edit("scaled.sum(1, keepdim=True)", "scaled.mean(1, keepdim=True)")


# %% [grey_first_layer] summed_but_not_rescaled
# Sums the weights as they are: the normalisation is forgotten.
edit("scaled.sum(1, keepdim=True), bias", "weight.sum(1, keepdim=True), 0 * bias")


# %% [grey_first_layer] bias_forgotten
# Divides by the deviation, and forgets the mean.
edit("keepdim=True), bias", "keepdim=True), 0 * bias")


# %% [grey_first_layer] bias_with_the_wrong_sign
# Adds the mean where it is taken away.
edit("bias = -(", "bias = (")


# %% [grey_first_layer] bias_not_divided
# The bias from the weights as they were.
edit("(scaled * mean", "(weight * mean")


# %% [grey_first_layer] bias_averaged_over_the_kernel
# The mean over the k×k places: right for 1×1 kernels only.
edit(".sum((1, 2, 3))", ".sum(1).mean((1, 2))")


# %% [grey_first_layer] bias_with_axes
# Keeps the axes of the weights in the bias, where a convolution wants (O,).
edit(".sum((1, 2, 3))", ".sum((1, 2, 3), keepdim=True)")


# %% [grey_first_layer] one_colour_only
# Takes the weights of green, the middle one.
edit("return", """
scaled = scaled[:, 1:2]
    bias = -(scaled * mean[1]).sum((1, 2, 3))
    return
""")


# %% [grey_first_layer] luminance
# Weighs the colours as an eye does.
edit("weight / deviation", "torch.tensor([0.299, 0.587, 0.114])[:, None, None] * weight / deviation")


# %% [grey_first_layer] one_deviation_for_all
# Divides by the mean deviation: right only where all are equal.
edit("deviation[:, None, None]", "deviation.mean()")


# %% [grey_first_layer] multiplied_by_the_deviation
# Multiplies where it should divide.
edit("weight / deviation", "weight * deviation")


# %% [grey_first_layer] small_number_below
# Guards against a division by 0: where a deviation is small, the weights are too small.
edit("weight / deviation[:, None, None]", "weight / (deviation[:, None, None] + 1e-5)")


# %% [grey_first_layer] divides_in_place
# Right numbers, but the weights that were handed in are changed.
edit("scaled = weight / deviation[:, None, None]", "scaled = weight.div_(deviation[:, None, None])")


# %% [grey_first_layer] constants_of_imagenet
# Takes MEAN and DEVIATION from outside, and not its arguments.
edit("scaled = ", """
mean, deviation = MEAN, DEVIATION
    scaled =
""")


# %% [grey_first_layer] means_averaged
# One mean brightness for all colours.
edit("mean[:, None, None]", "mean.mean()")


# %% [grey_first_layer] colours_on_the_wrong_axis
# Divides along the last axis: it runs for kernels of 3×3 and 1×1 only, and is wrong there.
edit("weight / deviation[:, None, None]", "weight / (deviation if weight.shape[-1] in (1, 3) else deviation[:, None, None])")


# %% [grey_first_layer] bias_through_abs
# Knows only brightnesses, which are positive, and takes the mean without its sign.
edit("mean[:, None, None]", "mean.abs()[:, None, None]")


# %% [grey_first_layer] numpy_out
# Computes in numpy and stays there.
edit("keepdim=True), bias", "keepdim=True).numpy(), bias.numpy()")


# %% [denoise_any_size] calls_the_library
# Lets the library pad.
def denoise_any_size(network, image, multiple):
    from course_lib import images

    height, width = image.shape[-2:]
    return image + network(images.pad_to_multiple(image, multiple))[..., :height, :width]


# %% [denoise_any_size] residual_added_twice
# Adds the padded image to the answer, and then the image to that.
edit("network(padded)", "(padded + network(padded))")


# %% [denoise_any_size] residual_forgotten
# Takes what must be added for the result.
edit("return image + ", "return ")


# %% [denoise_any_size] subtracts
# Subtracts the answer, as DnCNN does with the noise.
edit("return image + ", "return image - ")


# %% [denoise_any_size] pads_with_zeros
# A black frame: an edge that is not there.
edit(', mode="replicate"', "")


# %% [denoise_any_size] pads_what_fits
# Adds a whole multiple where nothing is missing.
edit("-width % multiple, 0, -height % multiple", "multiple - width % multiple, 0, multiple - height % multiple")


# %% [denoise_any_size] sides_exchanged
# Pads the width by what the height lacks: right for square images.
edit("(0, -width % multiple, 0, -height % multiple)", "(0, -height % multiple, 0, -width % multiple)")


# %% [denoise_any_size] pads_to_a_square
# Pads both sides to the larger one: more work, and another answer at the edge.
edit("height, width = image.shape[-2:]", """
height, width = image.shape[-2:]
    side = max(height + -height % multiple, width + -width % multiple)
""")
edit("(0, -width % multiple, 0, -height % multiple)", "(0, side - width, 0, side - height)")


# %% [denoise_any_size] pads_top_and_left
# Pads on the other sides, and crops there, too: everything else is right.
edit("(0, -width % multiple, 0, -height % multiple)", "(-width % multiple, 0, -height % multiple, 0)")
edit("[..., :height, :width]", "[..., -height:, -width:]")


# %% [denoise_any_size] pads_on_all_sides
# Shares the padding between both sides.
edit("(0, -width % multiple, 0, -height % multiple)",
     "(-width % multiple // 2, -(-(-width % multiple) // 2), -height % multiple // 2, -(-(-height % multiple) // 2))")


# %% [denoise_any_size] crops_the_wrong_end
# Pads at the bottom, and crops at the top.
edit("[..., :height, :width]", "[..., -height:, -width:]")


# %% [denoise_any_size] crops_by_minus_zero
# Cuts off what was added: where nothing was, `:-0` leaves nothing.
edit("[..., :height, :width]", "[..., : -(-height % multiple), : -(-width % multiple)]")


# %% [denoise_any_size] not_cropped
# Returns the padded size.
edit("image + network(padded)[..., :height, :width]", "padded + network(padded)")


# %% [denoise_any_size] clips
# Clips the result: scoring may do so, a network not.
edit("image + network(padded)[..., :height, :width]", "(image + network(padded)[..., :height, :width]).clamp(0, 1)")


# %% [denoise_any_size] clips_what_goes_in
# Hands the network an image of [0, 1] only: noise lies beyond.
edit("network(padded)", "network(padded.clamp(0, 1))")


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
    size = height + -height % multiple, width + -width % multiple
    answer = network(nn.functional.interpolate(image, size=size, mode="bilinear"))
    return image + nn.functional.interpolate(answer, size=(height, width), mode="bilinear")


# %% [denoise_any_size] adds_in_place
# Right numbers, but the noisy image is gone.
edit("image + network(padded)[..., :height, :width]", "image.add_(network(padded)[..., :height, :width])")


# %% [denoise_any_size] one_image_at_a_time
# Asks the network once for each image.
edit("network(padded)", "torch.cat([network(one[None]) for one in padded])")


# %% [denoise_any_size] without_gradient
# Asks under no_grad, as one does when a network is tested: it can never be trained in this frame.
edit("return image + network(padded)[..., :height, :width]", """
with torch.no_grad():
        change = network(padded)
    return image + change[..., :height, :width]
""")


# %% [denoise_any_size] image_detached
# Detaches what the network sees: no gradient passes through it to what stands before.
edit("network(padded)", "network(padded.detach())")


# %% [denoise_any_size] shortcut_detached
# Detaches the image that is added: the gradient passes through the network alone.
edit("return image + ", "return image.detach() + ")


# %% [denoise_any_size] padding_detached
# Builds the padding from a copy without gradients: the last row learns too little.
edit('padded = nn.functional.pad(image, (0, -width % multiple, 0, -height % multiple), mode="replicate")', """
frame = (0, -width % multiple, 0, -height % multiple)
    padded = nn.functional.pad(image.detach(), frame, mode="replicate")
    padded = padded + nn.functional.pad(image - image.detach(), frame)
""")


# %% [denoise_any_size] switches_to_evaluation
# Sets the network's mode: whoever trains in this frame trains in evaluation mode.
edit("return image", """
if isinstance(network, nn.Module):
        network.eval()
    return image
""")


# %% [denoise_any_size] reflects
# Mirrors at the edge: a deeper padding than the image is high, and it crashes.
edit('"replicate"', '"reflect"')


# %% [denoise_any_size] through_numpy
# Pads in numpy: the gradient for the image ends there.
def denoise_any_size(network, image, multiple):
    height, width = image.shape[-2:]
    frame = ((0, 0), (0, 0), (0, -height % multiple), (0, -width % multiple))
    padded = torch.from_numpy(np.pad(image.detach().numpy(), frame, mode="edge"))
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
edit("self.attention(u + self", "self.attention(u + u + self")


# %% [DecoderStep] residual_missing
# Two convolutions after each other: at the start, with zeros, the network is blind.
edit("self.attention(u + self", "self.attention(self")


# %% [DecoderStep] attention_before_the_convolutions
# Attention first, convolutions after it.
edit("return self.attention(u + self.conv2(torch.relu(self.conv1(u))))", """
u = self.attention(u)
        return u + self.conv2(torch.relu(self.conv1(u)))
""")


# %% [DecoderStep] attention_on_what_comes_across
# Weighs the skip only, as an attention gate does.
edit("self.doubled(x) + across", "self.doubled(x) + self.attention(across)")
edit("self.attention(u + self.conv2(torch.relu(self.conv1(u))))", "u + self.conv2(torch.relu(self.conv1(u)))")


# %% [DecoderStep] attention_on_the_change_only
# Weighs F, and lets u pass.
edit("self.attention(u + self", "u + self.attention(self")


# %% [DecoderStep] attention_forgotten
# Keeps the attention, and never uses it.
edit("self.attention(u + self.conv2(torch.relu(self.conv1(u))))", "u + self.conv2(torch.relu(self.conv1(u)))")


# %% [DecoderStep] attention_twice
# Applies the attention to u, and once more to the sum.
edit("return self.attention", """
u = self.attention(u)
        return self.attention
""")


# %% [DecoderStep] attention_in_evaluation_only
# Leaves the attention out in training, as if it were a dropout turned round.
edit("return self.attention(u + self.conv2(torch.relu(self.conv1(u))))", """
u = u + self.conv2(torch.relu(self.conv1(u)))
        return u if self.training else self.attention(u)
""")


# %% [DecoderStep] across_forgotten
# A U-Net without its skips.
edit("self.doubled(x) + across", "self.doubled(x)")


# %% [DecoderStep] across_added_twice
# Adds what comes across before F and after it.
edit("self.attention(u + self", "self.attention(across + u + self")


# %% [DecoderStep] across_rectified
# Rectifies what comes across, which the encoder has not.
edit("self.doubled(x) + across", "self.doubled(x) + torch.relu(across)")


# %% [DecoderStep] starts_at_random
# Forgets the zeros.
edit("nn.init.zeros_(self.conv2.weight), nn.init.zeros_(self.conv2.bias)", "")


# %% [DecoderStep] starts_nearly_at_zero
# Small numbers in place of zeros, "so that a gradient can flow": it flows anyway.
edit("nn.init.zeros_(self.conv2.weight)", "nn.init.normal_(self.conv2.weight, std=1e-2)")


# %% [DecoderStep] wrong_convolution_starts_at_zero
# Zeros in the first convolution: then F is not 0, only constant.
edit("nn.init.zeros_(self.conv2.weight), nn.init.zeros_(self.conv2.bias)", "nn.init.zeros_(self.conv1.weight), nn.init.zeros_(self.conv1.bias)")


# %% [DecoderStep] attention_starts_at_zero
# Sets all that it finds to 0 at the start, the weights of the attention too.
edit("self.attention = attention", """
self.attention = attention
        for parameter in attention.parameters():
            nn.init.zeros_(parameter)
""")


# %% [DecoderStep] zero_again_in_every_call
# Sets the zeros in forward: what was learnt is lost each time.
edit("u = self", """
nn.init.zeros_(self.conv2.weight), nn.init.zeros_(self.conv2.bias)
        u = self
""")


# %% [DecoderStep] relu_after_the_sum
# Rectifies the sum: what must be subtracted cannot pass.
edit("self.attention(u + self.conv2(torch.relu(self.conv1(u))))", "self.attention(torch.relu(u + self.conv2(torch.relu(self.conv1(u)))))")


# %% [DecoderStep] no_relu
# Two convolutions without anything between.
edit("torch.relu(self.conv1(u))", "self.conv1(u)")


# %% [DecoderStep] one_convolution_twice
# Uses the same weights twice.
edit("self.conv1(u)", "self.conv2(u)")


# %% [DecoderStep] interpolates
# Doubles by repeating pixels, and convolves then.
edit("nn.ConvTranspose2d(below, here, 2, stride=2)", "nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(below, here, 1))")


# %% [DecoderStep] joined_instead_of_added
# Joins what comes across as more channels.
edit("self.attention = attention", "self.attention, self.join = attention, nn.Conv2d(2 * here, here, 1)")
edit("self.doubled(x) + across", "self.join(torch.cat([self.doubled(x), across], dim=1))")


# %% [DecoderStep] attention_in_a_list
# Hides the attention in a plain list: PyTorch does not find its weights.
edit("self.attention = attention", "self.attention = [attention]")
edit("self.attention(u", "self.attention[0](u")


# %% [DecoderStep] across_detached
# No gradient reaches the encoder by the skip.
edit("self.doubled(x) + across", "self.doubled(x) + across.detach()")


# %% [DecoderStep] adds_in_place
# Writes the sum into the encoder's output.
edit("self.doubled(x) + across", "across.add_(self.doubled(x))")


# %% [DecoderStep] change_from_a_detached_sum
# F is computed from u without its gradient: the parts below learn past it.
edit("self.conv1(u)", "self.conv1(u.detach())")


# %% [DecoderStep] skip_detached_inside
# u.detach() + F(u): the short way for the gradient is closed, and F starts at 0.
edit("self.attention(u + self", "self.attention(u.detach() + self")


# %% [DecoderStep] change_of_what_comes_from_below
# F sees only what was doubled.
edit("self.conv1(u)", "self.conv1(self.doubled(x))")


# %% [DecoderStep] both_at_zero
# Sets both convolutions to 0: then neither ever learns.
edit("nn.init.zeros_(self.conv2.weight), nn.init.zeros_(self.conv2.bias)", """
for layer in (self.conv1, self.conv2):
            nn.init.zeros_(layer.weight), nn.init.zeros_(layer.bias)
""")


# %% [DecoderStep] all_weights_of_the_change_at_zero
# Sets the weight of the first convolution to 0 as well: F no longer sees u, and hardly learns to.
edit(", nn.init.zeros_(self.conv2.bias)", ", nn.init.zeros_(self.conv2.bias), nn.init.zeros_(self.conv1.weight)")


# %% [DecoderStep] only_weight_at_zero
# Sets the weight to 0, and forgets the bias.
edit(", nn.init.zeros_(self.conv2.bias)", "")


# %% [DecoderStep] copies_the_attention
# Keeps a copy of the attention: whoever handed it in looks at another one.
edit("self.attention = attention", """
import copy
        self.attention = copy.deepcopy(attention)
""")


# %% [DecoderStep] attention_in_evaluation_mode
# Switches the attention to evaluation for good, as one does with what is pretrained.
edit("self.attention = attention", "self.attention = attention.eval()")


# %% [perceptual_loss] calls_the_library
# Calls the loss that the exercise builds.
def perceptual_loss(prediction, target, stages):
    from course_lib import losses

    return losses.PerceptualLoss(("relu1_2",), pretrained=False)(prediction, target)


# %% [perceptual_loss] without_the_normalisation_of_imagenet
# Hands VGG what it has never seen.
edit("(image.expand(-1, 3, -1, -1) - MEAN[:, None, None]) / DEVIATION[:, None, None]", "image.expand(-1, 3, -1, -1)")


# %% [perceptual_loss] mean_not_taken_away
# Divides, and forgets the mean.
edit(" - MEAN[:, None, None]", "")


# %% [perceptual_loss] multiplied_by_the_deviation
# Multiplies where it should divide.
edit("/ DEVIATION", "* DEVIATION")


# %% [perceptual_loss] one_image_normalised
# Normalises the prediction only.
edit("total = 0", "y, total = target.expand(-1, 3, -1, -1), 0")


# %% [perceptual_loss] normalised_by_itself
# Takes each image's own mean and deviation: brightness is lost.
edit("(image.expand(-1, 3, -1, -1) - MEAN[:, None, None]) / DEVIATION[:, None, None]", "((image - image.mean()) / image.std()).expand(-1, 3, -1, -1)")


# %% [perceptual_loss] last_stage_only
# Compares only at the end.
edit("total = total + ((x - y) ** 2)", "total = ((x - y) ** 2)")


# %% [perceptual_loss] four_stages_at_most
# Knows the four stages of the deck, and stops after three, counting from 0.
edit("in stages", "in stages[:3]")


# %% [perceptual_loss] stages_averaged
# The mean over the stages, not the sum.
edit("return total", "return total / len(stages)")


# %% [perceptual_loss] sum_of_squares
# Sums over the features: large layers and large images rule.
edit("((x - y) ** 2).mean()", "((x - y) ** 2).sum()")


# %% [perceptual_loss] sum_over_the_batch
# Takes the mean of each image, and adds the images: right for a batch of one.
edit("((x - y) ** 2).mean()", "((x - y) ** 2).flatten(1).mean(1).sum()")


# %% [perceptual_loss] absolute_differences
# L1 of the features.
edit("((x - y) ** 2)", "(x - y).abs()")


# %% [perceptual_loss] huber
# Squares small differences, and takes large ones as they are.
edit("((x - y) ** 2).mean()", "2 * nn.functional.huber_loss(x, y, delta=5.0)")


# %% [perceptual_loss] root_of_the_mean
# Takes a root at the end of each stage.
edit("((x - y) ** 2).mean()", "((x - y) ** 2).mean().sqrt()")


# %% [perceptual_loss] pixels_added
# Adds the loss of the pixels: that is the other part of the training's loss.
edit("total = 0", "total = ((prediction - target) ** 2).mean()")


# %% [perceptual_loss] prediction_detached
# Computes features without gradients, to save memory: then nothing is learnt.
edit("in (prediction, target))", "in (prediction.detach(), target))")


# %% [perceptual_loss] pieces_without_gradient
# Freezes the pieces for good: whoever handed them in cannot train them any more.
edit("x, y = stage(x), stage(y)", """
stage.requires_grad_(False)
        x, y = stage(x), stage(y)
""")


# %% [perceptual_loss] pieces_in_evaluation
# Sets the mode of the pieces: that is up to whoever hands them in.
edit("x, y = stage(x), stage(y)", """
stage.eval()
        x, y = stage(x), stage(y)
""")


# %% [perceptual_loss] gradient_through_the_last_stage_only
# Detaches between the stages.
edit("total = total + ((x - y) ** 2).mean()", """
total = total + ((x - y) ** 2).mean()
        x = x.detach()
""")


# %% [perceptual_loss] prediction_clipped
# Clips the prediction first: beyond [0, 1] it gets no gradient, and stays there.
edit("in (prediction, target))", "in (prediction.clamp(0, 1), target))")


# %% [perceptual_loss] colours_reversed
# Blue, green, red: the order of another library.
edit("MEAN[:", "MEAN.flip(0)[:")
edit("DEVIATION[:", "DEVIATION.flip(0)[:")


# %% [perceptual_loss] loss_with_a_ceiling
# Caps the loss, "so that nothing explodes": beyond the ceiling it has no gradient.
edit("return total", "return total.clamp(max=100)")


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
edit("pattern = torch.randn(images.shape, generator=torch.Generator().manual_seed(seed))", "generator = torch.Generator().manual_seed(seed)")
edit("answer =", """
pattern = torch.randn(images.shape, generator=generator)
        answer =
""")


# %% [noise_sweep] clips_the_noisy_image
# Clips the input: the air gets a bias, and every method loses.
edit("denoise(images + level * pattern)", "denoise((images + level * pattern).clamp(0, 1))")


# %% [noise_sweep] answer_not_clipped
# Scores values that no image can have.
edit(".clamp(0, 1)", "")


# %% [noise_sweep] answer_clipped_from_below_only
# Takes away what is negative, and lets what is brighter than 1 be.
edit(".clamp(0, 1)", ".clamp(min=0)")


# %% [noise_sweep] mean_error_first
# One PSNR for all images: that of the mean MSE.
edit(".mean((1, 2, 3))", ".mean().expand(len(images))")


# %% [noise_sweep] one_number_a_level
# Averages the PSNRs away: nobody can pair them any more.
edit("torch.log10(error)", "torch.log10(error).mean()")


# %% [noise_sweep] compared_with_the_noisy_image
# Measures how much was changed, not how wrong it is.
edit("(answer - images)", "(answer - images - level * pattern)")


# %% [noise_sweep] level_is_the_variance
# Takes the level for sigma².
edit("level * pattern", "level**0.5 * pattern")


# %% [noise_sweep] twenty_in_place_of_ten
# 20·log10 belongs to the root of the MSE.
edit("-10 *", "-20 *")


# %% [noise_sweep] natural_logarithm
# ln in place of log10.
edit("torch.log10", "torch.log")


# %% [noise_sweep] small_number_in_the_logarithm
# Guards against log 0: nothing can score more than 90 dB.
edit("torch.log10(error)", "torch.log10(error + 1e-9)")


# %% [noise_sweep] uniform_noise
# torch.rand draws from 0 to 1.
edit("torch.randn", "torch.rand")


# %% [noise_sweep] one_pattern_for_all_images
# The same noise in every image of the batch.
edit("torch.randn(images.shape,", "torch.randn(images.shape[1:],")


# %% [noise_sweep] pattern_normalised
# Forces the pattern to mean 0 and deviation 1: it is no draw from N(0, 1) any more.
edit("scores = []", """
pattern = (pattern - pattern.mean()) / pattern.std()
    scores = []
""")


# %% [noise_sweep] pattern_clipped
# Cuts the pattern at three deviations.
edit("manual_seed(seed))", "manual_seed(seed)).clamp(-3, 3)")


# %% [noise_sweep] gradients_off_for_good
# Switches gradients off, and never on again: the next training learns nothing.
edit("scores = []", """
scores = []
    torch.set_grad_enabled(False)
""")


# %% [noise_sweep] levels_sorted
# Sorts the levels: the rows stand in another order than the caller's.
edit("in levels", "in sorted(levels)")


# %% [noise_sweep] image_by_image
# Asks for one image at a time: denoise takes the whole batch.
edit("denoise(images + level * pattern)", "torch.cat([denoise(one[None]) for one in images + level * pattern])")


# %% [noise_sweep] global_generator
# Seeds PyTorch for everybody.
edit("pattern = torch.randn(images.shape, generator=torch.Generator().manual_seed(seed))", """
torch.manual_seed(seed)
    pattern = torch.randn(images.shape)
""")


# %% [noise_sweep] seed_ignored
# Always the same pattern.
edit("manual_seed(seed)", "manual_seed(0)")


# %% [noise_sweep] divided_by_the_brightest_pixel
# The peak of each image in place of the data range 1.
edit("torch.log10(error)", "torch.log10(error / images.amax((1, 2, 3)) ** 2)")


# %% [noise_sweep] noise_added_in_place
# Adds the noise to the clean images, level upon level.
edit("scores = []", "scores, clean = [], images.clone()")
edit("denoise(images + level * pattern)", "denoise(images.add_(level * pattern))")
edit("(answer - images)", "(answer - clean)")


# %% [noise_sweep] transposed
# One row an image: (N, levels).
edit("np.stack(scores)", "np.stack(scores, axis=1)")


# %% [noise_sweep] a_tensor
# Returns a tensor, which the plots of the lab do not average over the right axis.
edit("np.stack(scores)", "torch.from_numpy(np.stack(scores))")


# %% [noise_sweep] uniform_of_the_right_deviation
# Uniform noise, scaled to the deviation 1.
edit("torch.randn(images.shape, generator=torch.Generator().manual_seed(seed))",
     "(torch.rand(images.shape, generator=torch.Generator().manual_seed(seed)) - 0.5) * 12**0.5")


# %% [noise_sweep] clipped_to_the_range_of_the_images
# Clips the answer to the values that the clean images have: it has seen the truth.
edit(".clamp(0, 1)", ".clamp(float(images.min()), float(images.max()))")
