# Named wrong answers of lab 09: each is a real misconception and loses just its exercise. See CONTRIBUTING.md.

# %% [data_consistency] calls_the_library
# Uses the layer that the exercise builds.
def data_consistency(image, measured, mask, strength):
    strength = float(strength) if strength is not None else None
    return kspace.DataConsistency(strength)(image, measured, mask)


# %% [data_consistency] strength_inverted
# Takes λ for the trust in the network, not in the scanner: found in widely copied code.
def data_consistency(image, measured, mask, strength):
    predicted = kspace.fft2c(image)
    mixed = measured if strength is None else (strength * predicted + measured) / (1 + strength)
    return kspace.ifft2c(torch.where(mask, mixed, predicted))


# %% [data_consistency] mask_forgotten_in_the_noisy_branch
# Replaces by the mask, but with a λ mixes everywhere: also where the "measured" 0 was never measured. Found in widely copied code.
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
def data_consistency(image, measured, mask, strength):
    predicted = kspace.fft2c(image)
    mixed = measured if strength is None else predicted + strength * measured
    return kspace.ifft2c(torch.where(mask, mixed, predicted))


# %% [data_consistency] mask_inverted
# Keeps the network where the scanner measured.
def data_consistency(image, measured, mask, strength):
    predicted = kspace.fft2c(image)
    mixed = measured if strength is None else (predicted + strength * measured) / (1 + strength)
    return kspace.ifft2c(torch.where(mask, predicted, mixed))


# %% [data_consistency] zero_means_replace
# `if strength` is False for λ = 0, too.
def data_consistency(image, measured, mask, strength):
    predicted = kspace.fft2c(image)
    mixed = (predicted + strength * measured) / (1 + strength) if strength else measured
    return kspace.ifft2c(torch.where(mask, mixed, predicted))


# %% [data_consistency] none_means_zero
# No λ, so nothing is done.
def data_consistency(image, measured, mask, strength):
    strength = 0 if strength is None else strength
    predicted = kspace.fft2c(image)
    return kspace.ifft2c(torch.where(mask, (predicted + strength * measured) / (1 + strength), predicted))


# %% [data_consistency] infinity_is_ten_thousand
# A large number in place of replacement: a network that is far off still gets through.
def data_consistency(image, measured, mask, strength):
    strength = 1e4 if strength is None else strength
    predicted = kspace.fft2c(image)
    return kspace.ifft2c(torch.where(mask, (predicted + strength * measured) / (1 + strength), predicted))


# %% [data_consistency] guesses_the_mask
# Takes what is not 0 for measured: a measured 0 is a measurement, too.
def data_consistency(image, measured, mask, strength):
    predicted = kspace.fft2c(image)
    mixed = measured if strength is None else (predicted + strength * measured) / (1 + strength)
    return kspace.ifft2c(torch.where(measured != 0, mixed, predicted))


# %% [data_consistency] forgets_the_shift
# PyTorch's FFT has its zero frequency in the corner, the scanner's data has it in the middle.
def data_consistency(image, measured, mask, strength):
    predicted = torch.fft.fft2(image, norm="ortho")
    mixed = measured if strength is None else (predicted + strength * measured) / (1 + strength)
    return torch.fft.ifft2(torch.where(mask, mixed, predicted), norm="ortho")


# %% [data_consistency] magnitude_only
# Throws the phase away on the way back.
def data_consistency(image, measured, mask, strength):
    predicted = kspace.fft2c(image)
    mixed = measured if strength is None else (predicted + strength * measured) / (1 + strength)
    return kspace.ifft2c(torch.where(mask, mixed, predicted)).abs()


# %% [data_consistency] detached
# The right numbers, computed without gradient.
def data_consistency(image, measured, mask, strength):
    predicted = kspace.fft2c(image.detach())
    mixed = measured if strength is None else (predicted + strength * measured) / (1 + strength)
    return kspace.ifft2c(torch.where(mask, mixed, predicted))


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
def data_consistency(image, measured, mask, strength):
    predicted = kspace.fft2c(image)
    mixed = measured if strength is None else (predicted + float(strength) * measured) / (1 + float(strength))
    return kspace.ifft2c(torch.where(mask, mixed, predicted))


# %% [data_consistency] measured_part_detached
# Cuts the gradient where measured at any λ: that is right for λ → ∞ alone.
def data_consistency(image, measured, mask, strength):
    predicted = kspace.fft2c(image)
    mixed = measured if strength is None else (predicted.detach() + strength * measured) / (1 + strength)
    return kspace.ifft2c(torch.where(mask, mixed, predicted))


# %% [data_consistency] strength_is_the_weight
# Takes λ for the weight λ / (1 + λ) of the scanner: λ = 3 overshoots.
def data_consistency(image, measured, mask, strength):
    predicted = kspace.fft2c(image)
    mixed = measured if strength is None else (1 - strength) * predicted + strength * measured
    return kspace.ifft2c(torch.where(mask, mixed, predicted))


# %% [data_consistency] first_mask_for_all
# Uses the first image's mask for the whole batch.
def data_consistency(image, measured, mask, strength):
    mask = mask[:1] if mask.ndim == 4 else mask
    predicted = kspace.fft2c(image)
    mixed = measured if strength is None else (predicted + strength * measured) / (1 + strength)
    return kspace.ifft2c(torch.where(mask, mixed, predicted))


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
            image, value = kspace.ifft2c(predicted).requires_grad_(), strength.detach().requires_grad_()
            s = kspace.fft2c(image)
            output = kspace.ifft2c(torch.where(mask, (s + value * measured) / (1 + value), s))
            for_image, for_strength = torch.autograd.grad(output, [image, value], gradient)
        return for_image, None, None, for_strength


# %% [SoftConsistency] straight_through
# Passes the gradient on as it is: as if the layer did nothing.
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
        slope = kspace.fft2c(gradient)
        for_strength = torch.where(mask, (slope.conj() * (measured - predicted)).real, 0).sum() / (1 + strength) ** 2
        return gradient, None, None, for_strength


# %% [SoftConsistency] strength_inverted
# λ / (1 + λ) is the share of the scanner, not that of the network.
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
        slope = kspace.fft2c(gradient)
        for_image = kspace.ifft2c(torch.where(mask, slope * strength / (1 + strength), slope))
        for_strength = torch.where(mask, (slope.conj() * (measured - predicted)).real, 0).sum() / (1 + strength) ** 2
        return for_image, None, None, for_strength


# %% [SoftConsistency] mask_forgotten_for_the_image
# Divides by 1 + λ everywhere.
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
        slope = kspace.fft2c(gradient)
        for_strength = torch.where(mask, (slope.conj() * (measured - predicted)).real, 0).sum() / (1 + strength) ** 2
        return gradient / (1 + strength), None, None, for_strength


# %% [SoftConsistency] mask_forgotten_for_the_strength
# Sums over all points: where nothing was measured, λ plays no part.
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
        slope = kspace.fft2c(gradient)
        for_image = kspace.ifft2c(torch.where(mask, slope / (1 + strength), slope))
        return for_image, None, None, (slope.conj() * (measured - predicted)).real.sum() / (1 + strength) ** 2


# %% [SoftConsistency] conjugate_forgotten
# Multiplies as with real numbers.
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
        slope = kspace.fft2c(gradient)
        for_image = kspace.ifft2c(torch.where(mask, slope / (1 + strength), slope))
        for_strength = torch.where(mask, (slope * (measured - predicted)).real, 0).sum() / (1 + strength) ** 2
        return for_image, None, None, for_strength


# %% [SoftConsistency] sign_of_the_strength
# Network minus scanner.
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
        slope = kspace.fft2c(gradient)
        for_image = kspace.ifft2c(torch.where(mask, slope / (1 + strength), slope))
        for_strength = torch.where(mask, (slope.conj() * (predicted - measured)).real, 0).sum() / (1 + strength) ** 2
        return for_image, None, None, for_strength


# %% [SoftConsistency] square_forgotten
# Divides by 1 + λ once: d/dλ of λ / (1 + λ) has the square.
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
        slope = kspace.fft2c(gradient)
        for_image = kspace.ifft2c(torch.where(mask, slope / (1 + strength), slope))
        for_strength = torch.where(mask, (slope.conj() * (measured - predicted)).real, 0).sum() / (1 + strength)
        return for_image, None, None, for_strength


# %% [SoftConsistency] mean_not_sum
# Averages over the points.
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
        slope = kspace.fft2c(gradient)
        for_image = kspace.ifft2c(torch.where(mask, slope / (1 + strength), slope))
        for_strength = torch.where(mask, (slope.conj() * (measured - predicted)).real, 0).mean() / (1 + strength) ** 2
        return for_image, None, None, for_strength


# %% [SoftConsistency] gradient_left_in_the_image
# Multiplies the image's gradient with k-space's difference.
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
        for_image = torch.where(mask, gradient / (1 + strength), gradient)
        for_strength = torch.where(mask, (gradient.conj() * (measured - predicted)).real, 0).sum() / (1 + strength) ** 2
        return for_image, None, None, for_strength


# %% [SoftConsistency] forward_instead_of_adjoint
# Takes F for the way back as well: the image of the gradient stands on its head.
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
        slope = kspace.fft2c(gradient)
        for_image = kspace.fft2c(torch.where(mask, slope / (1 + strength), slope))
        for_strength = torch.where(mask, (slope.conj() * (measured - predicted)).real, 0).sum() / (1 + strength) ** 2
        return for_image, None, None, for_strength


# %% [SoftConsistency] strength_gets_no_gradient
# Takes λ for a constant.
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
        slope = kspace.fft2c(gradient)
        return kspace.ifft2c(torch.where(mask, slope / (1 + strength), slope)), None, None, None


# %% [SoftConsistency] squared_for_the_image
# Takes the square of the λ formula over to the image's.
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
        slope = kspace.fft2c(gradient)
        for_image = kspace.ifft2c(torch.where(mask, slope / (1 + strength) ** 2, slope))
        for_strength = torch.where(mask, (slope.conj() * (measured - predicted)).real, 0).sum() / (1 + strength) ** 2
        return for_image, None, None, for_strength


# %% [SoftConsistency] one_slope_for_each_image
# Sums over each image of the batch alone: λ is one number, and gets the sum over all.
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
        slope = kspace.fft2c(gradient)
        for_image = kspace.ifft2c(torch.where(mask, slope / (1 + strength), slope))
        pull = torch.where(mask, (slope.conj() * (measured - predicted)).real, 0)
        return for_image, None, None, pull.sum((1, 2, 3)) / (1 + strength) ** 2


# %% [PositiveStrength] calls_the_library
# Asks the library's layer for its λ.
class PositiveStrength(nn.Module):
    def __init__(self, start):
        super().__init__()
        self.layer = kspace.DataConsistency(start, learned=True)

    def forward(self):
        return self.layer.log_strength.exp()


# %% [PositiveStrength] plain_parameter
# Trains λ itself: the first large step makes it negative.
class PositiveStrength(nn.Module):
    def __init__(self, start):
        super().__init__()
        self.strength = nn.Parameter(torch.tensor(float(start)))

    def forward(self):
        return self.strength


# %% [PositiveStrength] clamped
# Cuts below 0: there the gradient is 0, and λ never comes back.
class PositiveStrength(nn.Module):
    def __init__(self, start):
        super().__init__()
        self.strength = nn.Parameter(torch.tensor(float(start)))

    def forward(self):
        return self.strength.clamp(min=1e-6)


# %% [PositiveStrength] absolute_value
# Positive but for 0; and the optimiser that pulls λ down swings to and fro.
class PositiveStrength(nn.Module):
    def __init__(self, start):
        super().__init__()
        self.strength = nn.Parameter(torch.tensor(float(start)))

    def forward(self):
        return self.strength.abs()


# %% [PositiveStrength] squared
# A square is 0 at 0, with gradient 0.
class PositiveStrength(nn.Module):
    def __init__(self, start):
        super().__init__()
        self.root = nn.Parameter(torch.tensor(math.sqrt(start)))

    def forward(self):
        return self.root**2


# %% [PositiveStrength] start_not_inverted
# Puts `start` into softplus: λ begins at softplus(start).
class PositiveStrength(nn.Module):
    def __init__(self, start):
        super().__init__()
        self.raw = nn.Parameter(torch.tensor(float(start)))

    def forward(self):
        return nn.functional.softplus(self.raw)


# %% [PositiveStrength] no_parameter
# A tensor is no parameter: the optimiser never hears of it.
class PositiveStrength(nn.Module):
    def __init__(self, start):
        super().__init__()
        self.log_strength = torch.tensor(math.log(start), requires_grad=True)

    def forward(self):
        return self.log_strength.exp()


# %% [PositiveStrength] returns_a_number
# .item() is a number without a gradient.
class PositiveStrength(nn.Module):
    def __init__(self, start):
        super().__init__()
        self.log_strength = nn.Parameter(torch.tensor(math.log(start)))

    def forward(self):
        return self.log_strength.exp().item()


# %% [PositiveStrength] sigmoid
# Between 0 and 1: that is the weight λ / (1 + λ), not λ.
class PositiveStrength(nn.Module):
    def __init__(self, start):
        super().__init__()
        self.raw = nn.Parameter(torch.tensor(math.log(start)))

    def forward(self):
        return self.raw.sigmoid()


# %% [PositiveStrength] factor_on_the_start
# Trains a factor: without a bound it becomes negative all the same.
class PositiveStrength(nn.Module):
    def __init__(self, start):
        super().__init__()
        self.start, self.factor = start, nn.Parameter(torch.tensor(1.0))

    def forward(self):
        return self.start * self.factor


# %% [PositiveStrength] bounded_above
# Positive, growing, and right at the beginning: but λ can never be more than twice `start`.
class PositiveStrength(nn.Module):
    def __init__(self, start):
        super().__init__()
        self.start, self.raw = start, nn.Parameter(torch.tensor(0.0))

    def forward(self):
        return 2 * self.start * self.raw.sigmoid()


# %% [PositiveStrength] with_a_floor
# Keeps away from 0 by adding half of `start`: no smaller λ can be learned.
class PositiveStrength(nn.Module):
    def __init__(self, start):
        super().__init__()
        self.floor, self.raw = start / 2, nn.Parameter(torch.tensor(math.log(start / 2)))

    def forward(self):
        return self.floor + self.raw.exp()


# %% [best_strength] calls_the_library
# Tries λ after λ with the library's layer.
def best_strength(predicted, measured, truth, mask):
    image, wanted = kspace.ifft2c(predicted), kspace.ifft2c(truth)
    tried = np.geomspace(1e-3, 1e3, 100).tolist()
    return min(tried, key=lambda strength: (kspace.DataConsistency(strength)(image, measured, mask) - wanted).abs().square().sum().item())


# %% [best_strength] inverted
# (1 − w) / w: the trust in the network.
def best_strength(predicted, measured, truth, mask):
    where = mask.expand(predicted.shape)
    d, t = (measured - predicted)[where], (truth - predicted)[where]
    weight = min(max(((d.conj() * t).real.sum() / d.abs().square().sum()).item(), 0), 1)
    return (1 - weight) / weight if weight > 0 else math.inf


# %% [best_strength] returns_the_weight
# w is λ / (1 + λ), not λ.
def best_strength(predicted, measured, truth, mask):
    where = mask.expand(predicted.shape)
    d, t = (measured - predicted)[where], (truth - predicted)[where]
    return min(max(((d.conj() * t).real.sum() / d.abs().square().sum()).item(), 0), 1)


# %% [best_strength] all_of_kspace
# Counts the points that nobody measured, too: there λ plays no part.
def best_strength(predicted, measured, truth, mask):
    d, t = measured - predicted, truth - predicted
    weight = ((d.conj() * t).real.sum() / d.abs().square().sum()).item()
    return math.inf if weight >= 1 else max(weight, 0) / (1 - max(weight, 0))


# %% [best_strength] not_bounded_below
# A negative weight gives a negative λ.
def best_strength(predicted, measured, truth, mask):
    where = mask.expand(predicted.shape)
    d, t = (measured - predicted)[where], (truth - predicted)[where]
    weight = ((d.conj() * t).real.sum() / d.abs().square().sum()).item()
    return math.inf if weight >= 1 else weight / (1 - weight)


# %% [best_strength] not_bounded_above
# A weight above 1 gives a negative λ, and a weight of 1 divides by 0: it takes the absolute value and adds a little.
def best_strength(predicted, measured, truth, mask):
    where = mask.expand(predicted.shape)
    d, t = (measured - predicted)[where], (truth - predicted)[where]
    weight = max(((d.conj() * t).real.sum() / d.abs().square().sum()).item(), 0)
    return weight / (abs(1 - weight) + 1e-9)


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
def best_strength(predicted, measured, truth, mask):
    where = mask.expand(predicted.shape)
    d, t = (measured - predicted)[where], (truth - predicted)[where]
    weight = ((d * t).real.sum() / d.abs().square().sum()).item()
    return math.inf if weight >= 1 else max(weight, 0) / (1 - max(weight, 0))


# %% [best_strength] mean_of_ratios
# Takes a weight at each point, and their mean: points where d is small count most.
def best_strength(predicted, measured, truth, mask):
    where = mask.expand(predicted.shape)
    d, t = (measured - predicted)[where], (truth - predicted)[where]
    weight = (t / d).real.mean().item()
    return math.inf if weight >= 1 else max(weight, 0) / (1 - max(weight, 0))


# %% [best_strength] real_parts_only
# Leaves the imaginary parts out.
def best_strength(predicted, measured, truth, mask):
    where = mask.expand(predicted.shape)
    d, t = (measured - predicted).real[where], (truth - predicted).real[where]
    weight = ((d * t).sum() / d.square().sum()).item()
    return math.inf if weight >= 1 else max(weight, 0) / (1 - max(weight, 0))


# %% [best_strength] guesses_the_mask
# Takes what is not 0 for measured: a measured 0 is a measurement, too.
def best_strength(predicted, measured, truth, mask):
    where = measured != 0
    d, t = (measured - predicted)[where], (truth - predicted)[where]
    weight = ((d.conj() * t).real.sum() / d.abs().square().sum()).item()
    return math.inf if weight >= 1 else max(weight, 0) / (1 - max(weight, 0))


# %% [best_strength] mean_over_the_images
# A weight for each image, and their mean: not the least sum of squares over all.
def best_strength(predicted, measured, truth, mask):
    weights = []
    for p, y, x in zip(predicted, measured, truth, strict=True):
        d, t = (y - p)[0][mask], (x - p)[0][mask]
        weights.append(((d.conj() * t).real.sum() / d.abs().square().sum()).item())
    weight = sum(weights) / len(weights)
    return math.inf if weight >= 1 else max(weight, 0) / (1 - max(weight, 0))


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
# One block, five times in the list: found in widely copied code.
class Cascade(nn.Module):
    def __init__(self, make_block, cascades, consistency):
        super().__init__()
        self.blocks = nn.ModuleList([make_block()] * cascades)
        self.consistency = consistency

    def forward(self, measured, mask):
        image = kspace.ifft2c(measured)
        for block in self.blocks:
            change = block(torch.cat([image.real, image.imag], 1))
            image = self.consistency(image + torch.complex(change[:, :1], change[:, 1:]), measured, mask)
        return image


# %% [Cascade] plain_list
# PyTorch finds no layers in a plain list: the optimiser would train nothing.
class Cascade(nn.Module):
    def __init__(self, make_block, cascades, consistency):
        super().__init__()
        self.blocks = [make_block() for _ in range(cascades)]
        self.consistency = consistency

    def forward(self, measured, mask):
        image = kspace.ifft2c(measured)
        for block in self.blocks:
            change = block(torch.cat([image.real, image.imag], 1))
            image = self.consistency(image + torch.complex(change[:, :1], change[:, 1:]), measured, mask)
        return image


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
class Cascade(nn.Module):
    def __init__(self, make_block, cascades, consistency):
        super().__init__()
        self.blocks = nn.ModuleList([make_block() for _ in range(cascades)])
        self.consistency = consistency

    def forward(self, measured, mask):
        image = kspace.ifft2c(measured)
        for block in self.blocks:
            change = block(torch.cat([image.real, image.imag], 1))
            image = self.consistency(torch.complex(change[:, :1], change[:, 1:]), measured, mask)
        return image


# %% [Cascade] consistency_once_at_the_end
# All blocks, then the layer: that is one deep CNN with the layer behind it.
class Cascade(nn.Module):
    def __init__(self, make_block, cascades, consistency):
        super().__init__()
        self.blocks = nn.ModuleList([make_block() for _ in range(cascades)])
        self.consistency = consistency

    def forward(self, measured, mask):
        image = kspace.ifft2c(measured)
        for block in self.blocks:
            change = block(torch.cat([image.real, image.imag], 1))
            image = image + torch.complex(change[:, :1], change[:, 1:])
        return self.consistency(image, measured, mask)


# %% [Cascade] consistency_before_the_block
# The last word has a network: the measured lines are not kept.
class Cascade(nn.Module):
    def __init__(self, make_block, cascades, consistency):
        super().__init__()
        self.blocks = nn.ModuleList([make_block() for _ in range(cascades)])
        self.consistency = consistency

    def forward(self, measured, mask):
        image = kspace.ifft2c(measured)
        for block in self.blocks:
            image = self.consistency(image, measured, mask)
            change = block(torch.cat([image.real, image.imag], 1))
            image = image + torch.complex(change[:, :1], change[:, 1:])
        return image


# %% [Cascade] always_from_the_zero_filled_image
# Each block sees the first image: only the last one counts.
class Cascade(nn.Module):
    def __init__(self, make_block, cascades, consistency):
        super().__init__()
        self.blocks = nn.ModuleList([make_block() for _ in range(cascades)])
        self.consistency = consistency

    def forward(self, measured, mask):
        start = kspace.ifft2c(measured)
        for block in self.blocks:
            change = block(torch.cat([start.real, start.imag], 1))
            image = self.consistency(start + torch.complex(change[:, :1], change[:, 1:]), measured, mask)
        return image


# %% [Cascade] drops_the_phase
# Shows the block magnitude and phase instead of real and imaginary part.
class Cascade(nn.Module):
    def __init__(self, make_block, cascades, consistency):
        super().__init__()
        self.blocks = nn.ModuleList([make_block() for _ in range(cascades)])
        self.consistency = consistency

    def forward(self, measured, mask):
        image = kspace.ifft2c(measured)
        for block in self.blocks:
            change = block(torch.cat([image.abs(), image.angle()], 1))
            image = self.consistency(image + torch.complex(change[:, :1], change[:, 1:]), measured, mask)
        return image


# %% [Cascade] parts_exchanged
# Adds the first channel to the imaginary part.
class Cascade(nn.Module):
    def __init__(self, make_block, cascades, consistency):
        super().__init__()
        self.blocks = nn.ModuleList([make_block() for _ in range(cascades)])
        self.consistency = consistency

    def forward(self, measured, mask):
        image = kspace.ifft2c(measured)
        for block in self.blocks:
            change = block(torch.cat([image.real, image.imag], 1))
            image = self.consistency(image + torch.complex(change[:, 1:], change[:, :1]), measured, mask)
        return image


# %% [Cascade] detached_between_cascades
# Saves memory, and trains only the last block.
class Cascade(nn.Module):
    def __init__(self, make_block, cascades, consistency):
        super().__init__()
        self.blocks = nn.ModuleList([make_block() for _ in range(cascades)])
        self.consistency = consistency

    def forward(self, measured, mask):
        image = kspace.ifft2c(measured)
        for block in self.blocks:
            image = image.detach()
            change = block(torch.cat([image.real, image.imag], 1))
            image = self.consistency(image + torch.complex(change[:, :1], change[:, 1:]), measured, mask)
        return image


# %% [Cascade] block_input_detached
# The image is right, and every block gets a gradient: but none that passed through the blocks behind it.
class Cascade(nn.Module):
    def __init__(self, make_block, cascades, consistency):
        super().__init__()
        self.blocks = nn.ModuleList([make_block() for _ in range(cascades)])
        self.consistency = consistency

    def forward(self, measured, mask):
        image = kspace.ifft2c(measured)
        for block in self.blocks:
            change = block(torch.cat([image.real, image.imag], 1).detach())
            image = self.consistency(image + torch.complex(change[:, :1], change[:, 1:]), measured, mask)
        return image


# %% [Cascade] residual_detached
# Cuts the way past the blocks: what makes a residual chain easy to train.
class Cascade(nn.Module):
    def __init__(self, make_block, cascades, consistency):
        super().__init__()
        self.blocks = nn.ModuleList([make_block() for _ in range(cascades)])
        self.consistency = consistency

    def forward(self, measured, mask):
        image = kspace.ifft2c(measured)
        for block in self.blocks:
            change = block(torch.cat([image.real, image.imag], 1))
            image = self.consistency(image.detach() + torch.complex(change[:, :1], change[:, 1:]), measured, mask)
        return image


# %% [Cascade] feeds_its_own_measurement
# Gives the next layer the k-space of its own image for the scanner's.
class Cascade(nn.Module):
    def __init__(self, make_block, cascades, consistency):
        super().__init__()
        self.blocks = nn.ModuleList([make_block() for _ in range(cascades)])
        self.consistency = consistency

    def forward(self, measured, mask):
        image = kspace.ifft2c(measured)
        for block in self.blocks:
            change = block(torch.cat([image.real, image.imag], 1))
            image = self.consistency(image + torch.complex(change[:, :1], change[:, 1:]), measured, mask)
            measured = kspace.fft2c(image) * mask
        return image


# %% [share_neighbours] calls_the_library
# Uses the function that the exercise builds.
def share_neighbours(measured, mask, reach):
    from course_lib.models.cascade import share_frames

    return share_frames(measured, mask, reach)


# %% [share_neighbours] unmeasured_counts_as_zero
# Divides by the number of neighbours: those who measured nothing pull towards 0.
def share_neighbours(measured, mask, reach):
    total, known = torch.zeros_like(measured), mask.clone()
    for step in range(-reach, reach + 1):
        if step:
            total = total + torch.roll(measured, step, dims=1)
            known = known | torch.roll(mask, step, dims=1)
    return torch.where(mask, measured, total / (2 * reach)), known


# %% [share_neighbours] sum_of_the_neighbours
# Adds up and does not divide.
def share_neighbours(measured, mask, reach):
    total, known = torch.zeros_like(measured), mask.clone()
    for step in range(-reach, reach + 1):
        if step:
            total = total + torch.roll(measured, step, dims=1)
            known = known | torch.roll(mask, step, dims=1)
    return torch.where(mask, measured, total), known


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
def share_neighbours(measured, mask, reach):
    total, count = torch.zeros_like(measured), torch.zeros(measured.shape)
    for step in range(-reach, reach + 1):
        if step:
            total = total + torch.roll(measured, step, dims=0)
            count = count + torch.roll(mask, step, dims=0)
    return torch.where(mask, measured, total / count.clamp(min=1)), mask | (count > 0)


# %% [share_neighbours] divides_by_zero
# 0 / 0 where nobody measured.
def share_neighbours(measured, mask, reach):
    total, count = torch.zeros_like(measured), torch.zeros(measured.shape)
    for step in range(-reach, reach + 1):
        if step:
            total = total + torch.roll(measured, step, dims=1)
            count = count + torch.roll(mask, step, dims=1)
    return torch.where(mask, measured, total / count), mask | (count > 0)


# %% [share_neighbours] zero_is_a_gap
# Takes a measured 0 for a gap, and fills it.
def share_neighbours(measured, mask, reach):
    total, count = torch.zeros_like(measured), torch.zeros(measured.shape)
    for step in range(-reach, reach + 1):
        if step:
            total = total + torch.roll(measured, step, dims=1)
            count = count + torch.roll(measured != 0, step, dims=1)
    return torch.where(measured != 0, measured, total / count.clamp(min=1)), (measured != 0) | (count > 0)


# %% [share_neighbours] known_is_the_old_mask
# Says that only its own points are known.
def share_neighbours(measured, mask, reach):
    total, count = torch.zeros_like(measured), torch.zeros(measured.shape)
    for step in range(-reach, reach + 1):
        if step:
            total = total + torch.roll(measured, step, dims=1)
            count = count + torch.roll(mask, step, dims=1)
    return torch.where(mask, measured, total / count.clamp(min=1)), mask


# %% [share_neighbours] writes_into_the_measurement
# Fills the caller's k-space: the data-consistency layer would then keep what was only borrowed.
def share_neighbours(measured, mask, reach):
    total, count = torch.zeros_like(measured), torch.zeros(measured.shape)
    for step in range(-reach, reach + 1):
        if step:
            total = total + torch.roll(measured, step, dims=1)
            count = count + torch.roll(mask, step, dims=1)
    measured[~mask] = (total / count.clamp(min=1))[~mask]
    return measured, mask | (count > 0)


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
def share_neighbours(measured, mask, reach):
    total, count = torch.zeros_like(measured), torch.zeros(measured.shape)
    for step in range(-reach, reach + 1):
        if step:
            total = total + torch.roll(measured, step, dims=1)
            count = count + torch.roll(mask, step, dims=1)
    filled = torch.where(mask, measured, total / count.clamp(min=1))
    return filled, filled != 0
