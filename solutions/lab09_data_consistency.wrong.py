# Named wrong answers of lab 09: each is a real misconception and loses just its exercise. See CONTRIBUTING.md.
#
# The kinds of inputs that tell them apart:
# data_consistency: tall, square, points, a mask for each image, λ 0 to 10000 and None, gradients for all, a measured 0,
#   tiny and huge scales, changed input, grad mode
# SoftConsistency: tall, square, points, a mask for each image, a measured 0, tiny and huge gradients, changed input
# best_strength: tall, square, points, weights below 0 and above 1, nearly 1, a measured 0, tiny scales, two dtypes, type
# Cascade: tall, square, a mask for each image, several images, gradient numbers, both modes in forward, random state
# share_neighbours: tall, reach 1 to 4, several films, points, measured zeros, complex, changed input, type

# %% [data_consistency] calls_the_library
# Uses the layer that the exercise builds.
def data_consistency(image, measured, mask, strength):
    strength = float(strength) if strength is not None else None
    return kspace.DataConsistency(strength)(image, measured, mask)


# %% [data_consistency] strength_inverted
# Takes λ for the trust in the network, not in the scanner.
edit("predicted + strength *", "strength * predicted +")


# %% [data_consistency] mask_forgotten_in_the_noisy_branch
# Replaces by the mask, but with a λ mixes everywhere: also where the "measured" 0 was never measured.
def data_consistency(image, measured, mask, strength):
    predicted = kspace.fft2c(image)
    if strength is None:
        return kspace.ifft2c(torch.where(mask, measured, predicted))
    return kspace.ifft2c((predicted + strength * measured) / (1 + strength))


# %% [data_consistency] averages_the_images
# Mixes the network's image with the zero-filled image: the gaps pull the network towards 0.
def data_consistency(image, measured, mask, strength):
    zero_filled = kspace.ifft2c(measured)
    return zero_filled if strength is None else (image + strength * zero_filled) / (1 + strength)


# %% [data_consistency] not_divided
# Forgets the 1 + λ below.
edit("(predicted + strength * measured) / (1 + strength)", "predicted + strength * measured")


# %% [data_consistency] mask_inverted
# Keeps the network where the scanner measured.
edit("mixed, predicted", "predicted, mixed")


# %% [data_consistency] zero_means_replace
# `if strength` is False for λ = 0, too.
edit("if strength is None", "if not strength")


# %% [data_consistency] none_means_zero
# No λ, so nothing is done.
edit("measured if strength is None", "predicted if strength is None")


# %% [data_consistency] infinity_is_ten_thousand
# A large number in place of replacement: a network that is far off still gets through.
edit(
    """
    mixed = measured if strength is None else (predicted
""",
    """
    strength = 1e4 if strength is None else strength
    mixed = (predicted
""",
)


# %% [data_consistency] guesses_the_mask
# Takes what is not 0 for measured: a measured 0 is a measurement, too.
edit("torch.where(mask,", "torch.where(measured != 0,")


# %% [data_consistency] forgets_the_shift
# PyTorch's FFT has its zero frequency in the corner, the scanner's data has it in the middle.
def data_consistency(image, measured, mask, strength):
    predicted = torch.fft.fft2(image, norm="ortho")
    mixed = measured if strength is None else (predicted + strength * measured) / (1 + strength)
    return torch.fft.ifft2(torch.where(mask, mixed, predicted), norm="ortho")


# %% [data_consistency] magnitude_only
# Throws the phase away on the way back.
edit("(torch.where(mask, mixed, predicted))", "(torch.where(mask, mixed, predicted)).abs()")


# %% [data_consistency] detached
# The right numbers, computed without gradient.
edit("(image)", "(image.detach())")


# %% [data_consistency] writes_into_the_measurement
# Fills the gaps of the caller's k-space.
def data_consistency(image, measured, mask, strength):
    predicted = kspace.fft2c(image)
    mixed = measured if strength is None else (predicted + strength * measured) / (1 + strength)
    answer = torch.where(mask, mixed, predicted)
    measured.copy_(answer.detach())
    return kspace.ifft2c(answer)


# %% [data_consistency] strength_detached
# Takes λ as a plain number: the image is right, but a learned λ never hears of its errors.
edit(
    "(predicted + strength * measured) / (1 + strength)",
    "(predicted + float(strength) * measured) / (1 + float(strength))",
)


# %% [data_consistency] measured_part_detached
# Cuts the gradient where measured at any λ: that is right for λ → ∞ alone.
edit("predicted +", "predicted.detach() +")


# %% [data_consistency] strength_is_the_weight
# Takes λ for the weight λ / (1 + λ) of the scanner: λ = 3 overshoots.
edit(
    "(predicted + strength * measured) / (1 + strength)",
    "(1 - strength) * predicted + strength * measured",
)


# %% [data_consistency] first_mask_for_all
# Uses the first image's mask for the whole batch.
edit("torch.where(mask,", "torch.where(mask[:1] if mask.ndim == 4 else mask,")


# %% [data_consistency] network_detached_where_replaced
# With λ → ∞ nothing passes, it thinks; but where nothing was measured all of the gradient does.
edit(
    "torch.where(mask, mixed, predicted)",
    "torch.where(mask, mixed, predicted.detach() if strength is None else predicted)",
)


# %% [data_consistency] no_gradient_when_replaced
# To replace is no learning, so it turns gradients off.
def data_consistency(image, measured, mask, strength):
    if strength is None:
        with torch.no_grad():
            return kspace.ifft2c(torch.where(mask, measured, kspace.fft2c(image)))
    predicted = kspace.fft2c(image)
    return kspace.ifft2c(torch.where(mask, (predicted + strength * measured) / (1 + strength), predicted))


# %% [data_consistency] turns_gradients_on
# Switches gradients on for good, so that they surely pass.
edit(
    """
    predicted = kspace.fft2c(image)  # (N, 1, H, W)
""",
    """
    torch.set_grad_enabled(True)
    predicted = kspace.fft2c(image)  # (N, 1, H, W)
""",
)


# %% [data_consistency] infinity_is_a_million
# A large number for infinity: not enough where the network is far too bright.
edit(
    """
    mixed = measured if strength is None else (predicted + strength * measured) / (1 + strength)
""",
    """
    strength = 1e6 if strength is None else strength
    mixed = (predicted + strength * measured) / (1 + strength)
""",
)


# %% [data_consistency] replaces_above_fifty
# A λ above 50 is as good as infinity.
edit("if strength is None", "if strength is None or strength > 50")


# %% [data_consistency] strength_at_most_ten
# Keeps λ between 0 and 10, where it thinks that all useful ones lie.
edit(
    """
    predicted = kspace.fft2c(image)  # (N, 1, H, W)
""",
    """
    strength = None if strength is None else torch.as_tensor(strength).clamp(0, 10)
    predicted = kspace.fft2c(image)  # (N, 1, H, W)
""",
)


# %% [data_consistency] whole_columns
# A scanner measures lines, so a column with one measured point is measured.
edit("torch.where(mask,", "torch.where(mask.any(-2, keepdim=True),")


# %% [data_consistency] mask_transposed
# Turns the mask, which shows only where it is a square of points.
edit("torch.where(mask,", "torch.where(mask.mT if mask.shape[-1] == mask.shape[-2] else mask,")


# %% [SoftConsistency] calls_the_library
# Lets the library's layer and autograd do it.
class SoftConsistency(torch.autograd.Function):
    @staticmethod
    def forward(ctx, image, measured, mask, strength):
        predicted = kspace.fft2c(image)
        ctx.save_for_backward(predicted, measured, mask, strength)
        mixed = (predicted + strength * measured) / (1 + strength)
        return kspace.ifft2c(torch.where(mask, mixed, predicted))

    @staticmethod
    def backward(ctx, gradient):
        predicted, measured, mask, strength = ctx.saved_tensors
        with torch.enable_grad():
            image = kspace.ifft2c(predicted).requires_grad_()
            layer = kspace.DataConsistency(float(strength), learned=True).to(strength.dtype)
            output = layer(image, measured, mask)
            for_image, for_log = torch.autograd.grad(output, [image, layer.log_strength], gradient)
        return for_image, None, None, for_log / strength


# %% [SoftConsistency] calls_autograd
# Writes the forward pass once more, and lets PyTorch find the gradients.
edit(
    """
        slope = kspace.fft2c(gradient)
        for_image = kspace.ifft2c(torch.where(mask, slope / (1 + strength), slope))
        pull = (slope.conj() * (measured - predicted)).real
        for_strength = torch.where(mask, pull, 0).sum() / (1 + strength) ** 2
""",
    """
        with torch.enable_grad():
            image, value = kspace.ifft2c(predicted).requires_grad_(), strength.detach().requires_grad_()
            s = kspace.fft2c(image)
            output = kspace.ifft2c(torch.where(mask, (s + value * measured) / (1 + value), s))
            for_image, for_strength = torch.autograd.grad(output, [image, value], gradient)
""",
)


# %% [SoftConsistency] straight_through
# Passes the gradient on as it is: as if the layer did nothing.
edit("kspace.ifft2c(torch.where(mask, slope / (1 + strength), slope))", "gradient")


# %% [SoftConsistency] strength_inverted
# λ / (1 + λ) is the share of the scanner, not that of the network.
edit(
    """
        for_image = kspace.ifft2c(torch.where(mask, slope / (1 + strength), slope))
        pull = (slope.conj() * (measured - predicted)).real
        for_strength = torch.where(mask, pull, 0).sum() / (1 + strength) ** 2
""",
    """
        for_image = kspace.ifft2c(torch.where(mask, slope * strength / (1 + strength), slope))
        for_strength = torch.where(mask, (slope.conj() * (measured - predicted)).real, 0).sum() / (1 + strength) ** 2
""",
)


# %% [SoftConsistency] mask_forgotten_for_the_image
# Divides by 1 + λ everywhere.
edit("torch.where(mask, slope / (1 + strength), slope)", "slope / (1 + strength)")


# %% [SoftConsistency] mask_forgotten_for_the_strength
# Sums over all points: where nothing was measured, λ plays no part.
edit("torch.where(mask, pull, 0).sum()", "pull.sum()")


# %% [SoftConsistency] conjugate_forgotten
# Multiplies as with real numbers.
edit("slope.conj() *", "slope *")


# %% [SoftConsistency] sign_of_the_strength
# Network minus scanner.
edit(
    """
        pull = (slope.conj() * (measured - predicted)).real
        for_strength = torch.where(mask, pull, 0).sum() / (1 + strength) ** 2
""",
    """
        for_strength = torch.where(mask, (slope.conj() * (predicted - measured)).real, 0).sum() / (1 + strength) ** 2
""",
)


# %% [SoftConsistency] square_forgotten
# Divides by 1 + λ once: d/dλ of λ / (1 + λ) has the square.
edit(
    """
        pull = (slope.conj() * (measured - predicted)).real
        for_strength = torch.where(mask, pull, 0).sum() / (1 + strength) ** 2
""",
    """
        for_strength = torch.where(mask, (slope.conj() * (measured - predicted)).real, 0).sum() / (1 + strength)
""",
)


# %% [SoftConsistency] mean_not_sum
# Averages over the points.
edit(
    """
        pull = (slope.conj() * (measured - predicted)).real
        for_strength = torch.where(mask, pull, 0).sum() / (1 + strength) ** 2
""",
    """
        for_strength = torch.where(mask, (slope.conj() * (measured - predicted)).real, 0).mean() / (1 + strength) ** 2
""",
)


# %% [SoftConsistency] gradient_left_in_the_image
# Multiplies the image's gradient with k-space's difference.
edit(
    """
        slope = kspace.fft2c(gradient)
        for_image = kspace.ifft2c(torch.where(mask, slope / (1 + strength), slope))
        pull = (slope.conj() * (measured - predicted)).real
        for_strength = torch.where(mask, pull, 0).sum() / (1 + strength) ** 2
""",
    """
        for_image = torch.where(mask, gradient / (1 + strength), gradient)
        for_strength = torch.where(mask, (gradient.conj() * (measured - predicted)).real, 0).sum() / (1 + strength) ** 2
""",
)


# %% [SoftConsistency] forward_instead_of_adjoint
# Takes F for the way back as well: the image of the gradient stands on its head.
edit(
    """
        for_image = kspace.ifft2c(torch.where(mask, slope / (1 + strength), slope))
        pull = (slope.conj() * (measured - predicted)).real
        for_strength = torch.where(mask, pull, 0).sum() / (1 + strength) ** 2
""",
    """
        for_image = kspace.fft2c(torch.where(mask, slope / (1 + strength), slope))
        for_strength = torch.where(mask, (slope.conj() * (measured - predicted)).real, 0).sum() / (1 + strength) ** 2
""",
)


# %% [SoftConsistency] strength_gets_no_gradient
# Takes λ for a constant.
edit("None, None, for_strength", "None, None, None")


# %% [SoftConsistency] squared_for_the_image
# Takes the square of the λ formula over to the image's.
edit(
    """
        for_image = kspace.ifft2c(torch.where(mask, slope / (1 + strength), slope))
        pull = (slope.conj() * (measured - predicted)).real
        for_strength = torch.where(mask, pull, 0).sum() / (1 + strength) ** 2
""",
    """
        for_image = kspace.ifft2c(torch.where(mask, slope / (1 + strength) ** 2, slope))
        for_strength = torch.where(mask, (slope.conj() * (measured - predicted)).real, 0).sum() / (1 + strength) ** 2
""",
)


# %% [SoftConsistency] one_slope_for_each_image
# Sums over each image of the batch alone: λ is one number, and gets the sum over all.
edit("torch.where(mask, pull, 0).sum()", "torch.where(mask, pull, 0).sum((1, 2, 3))")


# %% [SoftConsistency] guesses_the_mask
# Where the datum is 0, nothing was measured, it thinks.
edit(
    """
        slope = kspace.fft2c(gradient)
""",
    """
        mask = measured != 0
        slope = kspace.fft2c(gradient)
""",
)


# %% [SoftConsistency] clips_the_gradient
# Keeps the gradient for λ between −10 and 10, so that training cannot explode.
edit(
    """
        for_strength = torch.where(mask, pull, 0).sum() / (1 + strength) ** 2
""",
    """
        for_strength = torch.where(mask, pull, 0).sum() / (1 + strength) ** 2
        for_strength = for_strength.clamp(-10, 10)
""",
)


# %% [best_strength] calls_the_library
# Tries λ after λ with the library's layer.
def best_strength(predicted, measured, truth, mask):
    image, wanted = kspace.ifft2c(predicted), kspace.ifft2c(truth)
    tried = np.geomspace(1e-3, 1e3, 100).tolist()
    return min(
        tried,
        key=lambda strength: (
            (kspace.DataConsistency(strength)(image, measured, mask) - wanted).abs().square().sum().item()
        ),
    )


# %% [best_strength] inverted
# (1 − w) / w: the trust in the network.
edit("return math.inf", "return 0.0")
edit("max(weight, 0) / (1 - max(weight, 0))", "(1 - weight) / weight if weight > 0 else math.inf")


# %% [best_strength] returns_the_weight
# w is λ / (1 + λ), not λ.
edit("return math.inf", "return 1")
edit("return max(weight, 0) / (1 - max(weight, 0))", "return max(weight, 0)")


# %% [best_strength] all_of_kspace
# Counts the points that nobody measured, too: there λ plays no part.
def best_strength(predicted, measured, truth, mask):
    d, t = measured - predicted, truth - predicted
    weight = ((d.conj() * t).real.sum() / d.abs().square().sum()).item()
    return math.inf if weight >= 1 else max(weight, 0) / (1 - max(weight, 0))


# %% [best_strength] not_bounded_below
# A negative weight gives a negative λ.
edit("max(weight, 0) / (1 - max(weight, 0))", "weight / (1 - weight)")


# %% [best_strength] not_bounded_above
# A weight above 1 gives a negative λ, and a weight of 1 divides by 0: it takes the absolute value and adds a little.
edit(
    """
    if weight >= 1:
        return math.inf
    return max(weight, 0) / (1 - max(weight, 0))
""",
    """
    return max(weight, 0) / (abs(1 - weight) + 1e-9)
""",
)


# %% [best_strength] assumes_independence
# The ratio of the two errors: right only if they have nothing to do with each other.
def best_strength(predicted, measured, truth, mask):
    where = mask.expand(predicted.shape)
    noise_power = (measured - truth)[where].abs().square().sum().item()
    return (predicted - truth)[where].abs().square().sum().item() / noise_power if noise_power else math.inf


# %% [best_strength] error_not_squared
# Compares the sizes of the errors, not their squares.
def best_strength(predicted, measured, truth, mask):
    where = mask.expand(predicted.shape)
    noise_size = (measured - truth)[where].abs().sum().item()
    return (predicted - truth)[where].abs().sum().item() / noise_size if noise_size else math.inf


# %% [best_strength] conjugate_forgotten
# Multiplies as with real numbers.
edit("d.conj() * t", "d * t")


# %% [best_strength] mean_of_ratios
# Takes a weight at each point, and their mean: points where d is small count most.
edit("(d.conj() * t).real.sum() / d.abs().square().sum()", "(t / d).real.mean()")


# %% [best_strength] real_parts_only
# Leaves the imaginary parts out.
edit(
    "(measured - predicted)[where], (truth - predicted)[where]",
    "(measured - predicted).real[where], (truth - predicted).real[where]",
)


# %% [best_strength] guesses_the_mask
# Takes what is not 0 for measured: a measured 0 is a measurement, too.
edit("mask.expand(predicted.shape)", "measured != 0")


# %% [best_strength] mean_over_the_images
# A weight for each image, and their mean: not the least sum of squares over all.
def best_strength(predicted, measured, truth, mask):
    weights = []
    for p, y, x in zip(predicted, measured, truth, strict=True):
        d, t = (y - p)[0][mask], (x - p)[0][mask]
        weights.append(((d.conj() * t).real.sum() / d.abs().square().sum()).item())
    weight = sum(weights) / len(weights)
    return math.inf if weight >= 1 else max(weight, 0) / (1 - max(weight, 0))


# %% [best_strength] infinity_is_a_million
# A large number in place of infinity.
edit("return math.inf", "return 1e6")


# %% [best_strength] at_most_a_hundred
# Larger than 100 is no sensible λ, it thinks.
edit(
    "return max(weight, 0) / (1 - max(weight, 0))",
    "return min(max(weight, 0) / (1 - max(weight, 0)), 100.0)",
)


# %% [best_strength] infinite_from_99_percent
# Takes a weight of 0.99 for 1.
edit("weight >= 1", "weight >= 0.99")


# %% [best_strength] adds_an_epsilon
# A small number below keeps the division safe, and spoils data in small units.
edit("d.abs().square().sum()", "(d.abs().square().sum() + 1e-12)")


# %% [best_strength] whole_columns
# A scanner measures lines, so a column with one measured point is measured.
edit("mask.expand", "mask.any(0).expand")


# %% [best_strength] returns_a_tensor
# Leaves the weight a tensor.
edit(".item()", "")
edit(
    "return max(weight, 0) / (1 - max(weight, 0))",
    "return weight.clamp(min=0) / (1 - weight.clamp(min=0))",
)


# %% [sense_step] calls_the_library
# Calls the layer that the exercise builds.
def sense_step(image, measured, mask, maps):
    return kspace.DataConsistency()(image, measured, mask, maps)


# %% [sense_step] calls_cg_sense
# Solves the whole problem with the library, from 0.
def sense_step(image, measured, mask, maps):
    from course_lib.classical import sense

    return image + sense.cg_sense(measured, mask, maps, iterations=1).image


# %% [sense_step] conjugate_forgotten
# Multiplies by the maps once more, instead of turning their phase back.
edit("maps.conj() * kspace", "maps * kspace")


# %% [sense_step] mask_forgotten
# Compares the gaps with 0: the image is pulled back to the zero-filled one.
edit("torch.where(mask, measured - kspace.fft2c(maps * image), 0)", "measured - kspace.fft2c(maps * image)")


# %% [sense_step] mask_turned_round
# Takes what was not measured for what is missing.
edit(
    "torch.where(mask, measured - kspace.fft2c(maps * image), 0)",
    "torch.where(mask, 0, measured - kspace.fft2c(maps * image))",
)


# %% [sense_step] sums_the_images
# Sums over the first axis: over the images, not over the coils.
edit("change.sum(1, keepdim=True)", "change.sum(0, keepdim=True)[:, :1]")


# %% [sense_step] mean_of_the_coils
# Takes the mean over the coils: a step that is too short by their number.
edit("change.sum(1", "change.mean(1")


# %% [sense_step] root_sum_of_squares
# Combines the coils by the root of the sum of squares, which has no sign and no phase.
edit("change.sum(1, keepdim=True)", "change.abs().square().sum(1, keepdim=True).sqrt()")


# %% [sense_step] maps_not_normalised
# Scales each map to a largest magnitude of 1: their squares sum to 1 no more.
edit("change = maps.conj()", "maps = maps / maps.abs().amax((-2, -1), keepdim=True)\n    change = maps.conj()")


# %% [sense_step] maps_forgotten_on_the_way_there
# All coils see the same image.
edit("kspace.fft2c(maps * image)", "kspace.fft2c(image)")


# %% [sense_step] maps_forgotten_on_the_way_back
# Adds up what the coils miss without their weights.
edit("maps.conj() * kspace", "kspace")


# %% [sense_step] uphill
# Subtracts what is missing.
edit("image + change", "image - change")


# %% [sense_step] change_only
# Returns the change, not the image after it.
edit("image + change.sum", "change.sum")


# %% [sense_step] replaces_in_the_image
# Combines the measured k-space of all coils to one, and replaces the lines of the image: right for one coil only.
def sense_step(image, measured, mask, maps):
    combined = kspace.fft2c((maps.conj() * kspace.ifft2c(measured)).sum(1, keepdim=True))
    return kspace.ifft2c(torch.where(mask, combined, kspace.fft2c(image)))


# %% [sense_step] one_image_for_each_coil
# Forgets to combine the coils.
edit("change.sum(1, keepdim=True)", "change")


# %% [sense_step] adds_in_k_space
# Forgets the way back: adds what is missing in k-space to the image.
edit("kspace.ifft2c(missing)", "missing")


# %% [sense_step] zero_is_a_gap
# Takes a measured 0 for a gap.
edit("torch.where(mask,", "torch.where(measured != 0,")


# %% [sense_step] detached
# The numbers are right, and no gradient passes through the step.
edit("kspace.fft2c(maps * image)", "kspace.fft2c(maps * image.detach())")


# %% [sense_step] maps_of_the_first_image
# Uses the maps of the first image for all.
edit("    missing =", "    maps = maps[:1] if maps.ndim == 4 else maps\n    missing =")


# %% [sense_step] first_mask_for_all
# Uses the mask of the first image for all.
edit("torch.where(mask,", "torch.where(mask if mask.ndim == 2 else mask[:1],")


# %% [sense_step] writes_into_the_image
# Changes the image that it was given.
edit(
    "    return image + change.sum(1, keepdim=True)",
    "    image.data += change.sum(1, keepdim=True)\n    return image + 0",
)


# %% [Cascade] calls_the_library
# Uses the library's cascade.
class Cascade(nn.Module):
    def __init__(self, make_block, cascades, consistency):
        super().__init__()
        from course_lib.models.cascade import DeepCascade

        self.model = DeepCascade(cascades)

    def forward(self, measured, mask):
        return self.model(measured, mask)


# %% [Cascade] shares_the_weights
# One block, several times in the list.
edit("[make_block() for _ in range(cascades)]", "[make_block()] * cascades")
edit(
    """
            image = image + torch.complex(change[:, :1], change[:, 1:])
            image = self.consistency(image, measured, mask)
""",
    """
            image = self.consistency(image + torch.complex(change[:, :1], change[:, 1:]), measured, mask)
""",
)


# %% [Cascade] plain_list
# PyTorch finds no layers in a plain list: the optimiser would train nothing.
edit(
    "nn.ModuleList([make_block() for _ in range(cascades)])",
    "[make_block() for _ in range(cascades)]",
)
edit(
    """
            image = image + torch.complex(change[:, :1], change[:, 1:])
            image = self.consistency(image, measured, mask)
""",
    """
            image = self.consistency(image + torch.complex(change[:, :1], change[:, 1:]), measured, mask)
""",
)


# %% [Cascade] makes_blocks_on_the_way
# New random blocks in each forward pass.
class Cascade(nn.Module):
    def __init__(self, make_block, cascades, consistency):
        super().__init__()
        self.make_block, self.cascades, self.consistency = make_block, cascades, consistency

    def forward(self, measured, mask):
        image = kspace.ifft2c(measured)
        for _ in range(self.cascades):
            change = self.make_block()(torch.cat([image.real, image.imag], 1))
            image = self.consistency(image + torch.complex(change[:, :1], change[:, 1:]), measured, mask)
        return image


# %% [Cascade] no_residual
# The block's answer replaces the image.
edit(
    """
            image = image + torch.complex(change[:, :1], change[:, 1:])
            image = self.consistency(image, measured, mask)
""",
    """
            image = self.consistency(torch.complex(change[:, :1], change[:, 1:]), measured, mask)
""",
)


# %% [Cascade] consistency_once_at_the_end
# All blocks, then the layer: that is one deep CNN with the layer behind it.
edit(
    """
            image = self.consistency(image, measured, mask)
        return image
""",
    """
        return self.consistency(image, measured, mask)
""",
)


# %% [Cascade] consistency_before_the_block
# The last word has a network: the measured lines are not kept.
edit(
    """
            change = block(torch.cat([image.real, image.imag], 1))  # (N, 1, H, W) complex -> (N, 2, H, W)
""",
    """
            image = self.consistency(image, measured, mask)
            change = block(torch.cat([image.real, image.imag], 1))  # (N, 1, H, W) complex -> (N, 2, H, W)
""",
)
edit(
    """
            image = image + torch.complex(change[:, :1], change[:, 1:])
            image = self.consistency(image, measured, mask)
""",
    """
            image = image + torch.complex(change[:, :1], change[:, 1:])
""",
)


# %% [Cascade] always_from_the_zero_filled_image
# Each block sees the first image: only the last one counts.
edit("image = kspace", "start = kspace")
edit(
    """
            change = block(torch.cat([image.real, image.imag], 1))  # (N, 1, H, W) complex -> (N, 2, H, W)
            image = image + torch.complex(change[:, :1], change[:, 1:])
            image = self.consistency(image, measured, mask)
""",
    """
            change = block(torch.cat([start.real, start.imag], 1))
            image = self.consistency(start + torch.complex(change[:, :1], change[:, 1:]), measured, mask)
""",
)


# %% [Cascade] drops_the_phase
# Shows the block magnitude and phase instead of real and imaginary part.
edit(
    """
            change = block(torch.cat([image.real, image.imag], 1))  # (N, 1, H, W) complex -> (N, 2, H, W)
            image = image + torch.complex(change[:, :1], change[:, 1:])
            image = self.consistency(image, measured, mask)
""",
    """
            change = block(torch.cat([image.abs(), image.angle()], 1))
            image = self.consistency(image + torch.complex(change[:, :1], change[:, 1:]), measured, mask)
""",
)


# %% [Cascade] parts_exchanged
# Adds the first channel to the imaginary part.
edit(
    """
            image = image + torch.complex(change[:, :1], change[:, 1:])
            image = self.consistency(image, measured, mask)
""",
    """
            image = self.consistency(image + torch.complex(change[:, 1:], change[:, :1]), measured, mask)
""",
)


# %% [Cascade] detached_between_cascades
# Saves memory, and trains only the last block.
edit(
    """
            change = block(torch.cat([image.real, image.imag], 1))  # (N, 1, H, W) complex -> (N, 2, H, W)
""",
    """
            image = image.detach()
            change = block(torch.cat([image.real, image.imag], 1))  # (N, 1, H, W) complex -> (N, 2, H, W)
""",
)
edit(
    """
            image = image + torch.complex(change[:, :1], change[:, 1:])
            image = self.consistency(image, measured, mask)
""",
    """
            image = self.consistency(image + torch.complex(change[:, :1], change[:, 1:]), measured, mask)
""",
)


# %% [Cascade] block_input_detached
# The image is right, and every block gets a gradient: but none that passed through the blocks behind it.
edit(
    """
            change = block(torch.cat([image.real, image.imag], 1))  # (N, 1, H, W) complex -> (N, 2, H, W)
            image = image + torch.complex(change[:, :1], change[:, 1:])
            image = self.consistency(image, measured, mask)
""",
    """
            change = block(torch.cat([image.real, image.imag], 1).detach())
            image = self.consistency(image + torch.complex(change[:, :1], change[:, 1:]), measured, mask)
""",
)


# %% [Cascade] residual_detached
# Cuts the way past the blocks: what makes a residual chain easy to train.
edit(
    """
            image = image + torch.complex(change[:, :1], change[:, 1:])
            image = self.consistency(image, measured, mask)
""",
    """
            image = self.consistency(image.detach() + torch.complex(change[:, :1], change[:, 1:]), measured, mask)
""",
)


# %% [Cascade] feeds_its_own_measurement
# Gives the next layer the k-space of its own image for the scanner's.
edit(
    "image + torch.complex(change[:, :1], change[:, 1:])",
    "self.consistency(image + torch.complex(change[:, :1], change[:, 1:]), measured, mask)",
)
edit("image = self.consistency(image, measured, mask)", "measured = kspace.fft2c(image) * mask")


# %% [Cascade] no_gradient_in_evaluation
# Takes evaluation mode for no_grad().
edit("return image", "return image if self.training else image.detach()")


# %% [Cascade] blocks_begin_in_evaluation_mode
# Switches the blocks to evaluation once for all.
edit(
    """
        self.consistency = consistency
""",
    """
        self.consistency = consistency
        self.blocks.eval()
""",
)


# %% [Cascade] training_mode_always
# Switches the blocks to training in each call.
edit(
    """
        for block in self.blocks:
""",
    """
        self.blocks.train()
        for block in self.blocks:
""",
)


# %% [Cascade] evaluation_mode_for_all
# Switches itself to evaluation in each call.
edit(
    """
        for block in self.blocks:
""",
    """
        self.eval()
        for block in self.blocks:
""",
)


# %% [Cascade] seeds_each_block
# One seed before each block: all begin with the same weights.
edit(
    "[make_block() for _ in range(cascades)]",
    "[(torch.manual_seed(0), make_block())[1] for _ in range(cascades)]",
)


# %% [Cascade] masks_with_the_first_mask
# Masks the data once more, with the mask of the first image.
edit("kspace.ifft2c(measured)", "kspace.ifft2c(measured * (mask if mask.ndim == 2 else mask[:1]))")


# %% [share_neighbours] calls_the_library
# Uses the function that the exercise builds.
def share_neighbours(measured, mask, reach):
    from course_lib.models.cascade import share_frames

    return share_frames(measured, mask, reach)


# %% [share_neighbours] unmeasured_counts_as_zero
# Divides by the number of neighbours: those who measured nothing pull towards 0.
edit("total / count.clamp(min=1)", "total / (2 * reach)")


# %% [share_neighbours] sum_of_the_neighbours
# Adds up and does not divide.
edit("total / count.clamp(min=1)", "total")


# %% [share_neighbours] overwrites_its_own
# Averages its own values with the neighbours': what the frame knows best is smeared over time.
def share_neighbours(measured, mask, reach):
    total, count = torch.zeros_like(measured), torch.zeros(measured.shape)
    for step in range(-reach, reach + 1):
        total = total + torch.roll(measured, step, dims=1)
        count = count + torch.roll(mask, step, dims=1)
    return total / count.clamp(min=1), count > 0


# %% [share_neighbours] only_the_past
# Borrows from earlier frames alone.
def share_neighbours(measured, mask, reach):
    total, count = torch.zeros_like(measured), torch.zeros(measured.shape)
    for step in range(1, reach + 1):
        total = total + torch.roll(measured, step, dims=1)
        count = count + torch.roll(mask, step, dims=1)
    return torch.where(mask, measured, total / count.clamp(min=1)), mask | (count > 0)


# %% [share_neighbours] only_the_farthest
# Looks `reach` frames away and leaves out those between.
def share_neighbours(measured, mask, reach):
    total, count = torch.zeros_like(measured), torch.zeros(measured.shape)
    for step in (-reach, reach):
        total = total + torch.roll(measured, step, dims=1)
        count = count + torch.roll(mask, step, dims=1)
    return torch.where(mask, measured, total / count.clamp(min=1)), mask | (count > 0)


# %% [share_neighbours] film_with_two_ends
# The first frame has no frame before it: right for a breath, wrong for a heart that beats on.
def share_neighbours(measured, mask, reach):
    filled, known, frames = measured.clone(), mask.clone(), measured.shape[1]
    for t in range(frames):
        others = [other for other in range(max(0, t - reach), min(frames, t + reach + 1)) if other != t]
        count = mask[:, others].sum(1)
        lent = measured[:, others].sum(1) / count.clamp(min=1)
        filled[:, t] = torch.where(mask[:, t], measured[:, t], lent)
        known[:, t] = mask[:, t] | (count > 0)
    return filled, known


# %% [share_neighbours] rolls_the_subjects
# Rolls the first axis: one patient lends to the next.
edit("torch.roll(measured, step, dims=1)", "torch.roll(measured, step, dims=0)")
edit("torch.roll(mask, step, dims=1)", "torch.roll(mask, step, dims=0)")


# %% [share_neighbours] divides_by_zero
# 0 / 0 where nobody measured.
edit(
    """
    filled = torch.where(mask, measured, total / count.clamp(min=1))
    return filled, mask | (count > 0)
""",
    """
    return torch.where(mask, measured, total / count), mask | (count > 0)
""",
)


# %% [share_neighbours] zero_is_a_gap
# Takes a measured 0 for a gap, and fills it.
edit("torch.roll(mask, step, dims=1)", "torch.roll(measured != 0, step, dims=1)")
edit("torch.where(mask, measured,", "torch.where(measured != 0, measured,")
edit("mask | (count > 0)", "(measured != 0) | (count > 0)")


# %% [share_neighbours] always_single_precision
# Adds up in complex64, whatever came: the own values are rounded, too.
edit("torch.zeros_like(measured), ", "torch.zeros(measured.shape, dtype=torch.complex64), ")
edit("total + torch.roll(measured, step", "total + torch.roll(measured.to(torch.complex64), step")
edit("torch.where(mask, measured,", "torch.where(mask, measured.to(torch.complex64),")


# %% [share_neighbours] known_is_the_old_mask
# Says that only its own points are known.
edit(
    """
    filled = torch.where(mask, measured, total / count.clamp(min=1))
    return filled, mask | (count > 0)
""",
    """
    return torch.where(mask, measured, total / count.clamp(min=1)), mask
""",
)


# %% [share_neighbours] writes_into_the_measurement
# Fills the caller's k-space: the data-consistency layer would then keep what was only borrowed.
edit(
    "filled = torch.where(mask, measured, total / count.clamp(min=1))",
    "measured[~mask] = (total / count.clamp(min=1))[~mask]",
)
edit("filled,", "measured,")


# %% [share_neighbours] fills_from_the_filled
# Lets each step borrow from what was borrowed before: it reaches further than `reach`.
def share_neighbours(measured, mask, reach):
    filled, known = measured, mask
    for _ in range(reach):
        before, after = (torch.roll(filled, step, dims=1) for step in (1, -1))
        first, second = (torch.roll(known, step, dims=1) for step in (1, -1))
        count = first.float() + second
        filled = torch.where(known, filled, (before + after) / count.clamp(min=1))
        known = known | (count > 0)
    return filled, known


# %% [share_neighbours] nearest_first
# Lets a near neighbour win over a far one: sensible, but not the mean that was asked for.
def share_neighbours(measured, mask, reach):
    filled, known = measured, mask
    for step in range(1, reach + 1):
        count = torch.roll(mask, step, dims=1).float() + torch.roll(mask, -step, dims=1)
        lent = (torch.roll(measured, step, dims=1) + torch.roll(measured, -step, dims=1)) / count.clamp(min=1)
        filled, known = torch.where(known, filled, lent), known | (count > 0)
    return filled, known


# %% [share_neighbours] known_is_not_zero
# Reads `known` off the values: a measured 0 is known, too.
edit("mask | (count > 0)", "filled != 0")


# %% [share_neighbours] returns_arrays
# Hands out numpy arrays, where tensors are asked.
edit("return filled, mask | (count > 0)", "return filled.numpy(), (mask | (count > 0)).numpy()")


# %% [share_neighbours] mask_written_into
# Fills in the caller's mask.
edit("return filled, mask | (count > 0)", "return filled, mask.logical_or_(count > 0)")
