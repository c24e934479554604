# Named wrong answers of lab 10: each is a real misconception and costs the points of its exercise and of no other. See CONTRIBUTING.md.
#
# What is tested of each exercise:
# to_hounsfield: signed and unsigned up to 65535, slopes below and above 1, just below -1000, fractions, numbers that run over, padding, three windows, in place
# low_dose: none, few and many photons, mean and deviation, electronics also alone, air, seeds,
#   a second draw, shared noise, in place
# ramp_filter: odd, even, large and unlucky widths, both ends, a flat view, several views, Hann, in place
# losses: marks as (N,) and (N, 1), unequal batches, marks below 0, which gradients flow
# gradient_penalty: slopes below and above 1, a curved critic, its weights' gradient, none of the fake image,
#   two channels, alpha's place, number, seed and second draw
# roi_statistics: two windows, greys outside of it, 0 HU, few and all pixels, in place

# %% [to_hounsfield] calls_the_library
# Calls the functions that the exercise builds.
def to_hounsfield(stored, slope, intercept, centre, width):
    hounsfield = ct.rescale_stored(stored, slope, intercept)
    return hounsfield, ct.window(hounsfield, centre, width)


# %% [to_hounsfield] forgets_the_intercept
# Forgets the intercept: water is 1024.
edit(" + intercept, -1000)", ", -1000)")


# %% [to_hounsfield] slope_after_intercept
# Adds first and multiplies then.
edit("slope * stored.astype(np.float64) + intercept", "slope * (stored.astype(np.float64) + intercept)")


# %% [to_hounsfield] sixteen_bits
# Multiplies 16-bit numbers: they run over.
edit("slope * stored.astype(np.float64) + intercept", "(stored * stored.dtype.type(slope) + stored.dtype.type(intercept % 65536 if stored.dtype.kind == 'u' else intercept)).astype(float)")


# %% [to_hounsfield] divides_by_the_slope
# Divides by the slope: right where it is 1.
edit("slope * stored.astype(np.float64)", "stored.astype(np.float64) / slope")


# %% [to_hounsfield] keeps_the_padding
# Keeps what lies below air.
edit("np.maximum(slope * stored.astype(np.float64) + intercept, -1000)", "slope * stored.astype(np.float64) + intercept")


# %% [to_hounsfield] air_before_rescale
# Sets stored numbers below -1000 to -1000, before they are HU.
edit("np.maximum(slope * stored.astype(np.float64) + intercept, -1000)", "slope * np.maximum(stored.astype(np.float64), -1000) + intercept")


# %% [to_hounsfield] centre_and_width_swapped
# Takes the centre for the width.
edit("(hounsfield - centre) / width", "(hounsfield - width) / centre")


# %% [to_hounsfield] window_from_its_centre
# The centre of the window is black.
edit(" / width + 0.5", " / width")


# %% [to_hounsfield] half_a_width
# Takes the width for half of it.
edit("/ width + 0.5", "/ (2 * width) + 0.5")


# %% [to_hounsfield] not_cut_off
# Leaves greys outside of 0 to 1.
edit("np.clip((hounsfield - centre) / width + 0.5, 0, 1)", "(hounsfield - centre) / width + 0.5")


# %% [to_hounsfield] hounsfield_cut_off
# Cuts HU to the window, too: they are lost.
edit("return hounsfield, grey", "return np.clip(hounsfield, centre - width / 2, centre + width / 2), grey")


# %% [to_hounsfield] signed_only
# Reads all stored numbers as signed: above 32767 they become negative.
edit("stored.astype(np.float64)", "stored.astype(np.int16).astype(np.float64)")


# %% [to_hounsfield] whole_window
# Cuts centre and width to whole numbers.
edit("(hounsfield - centre) / width", "(hounsfield - int(centre)) / int(width)")


# %% [to_hounsfield] padding_only
# Lifts the usual padding of -1024 and below, and leaves what lies just below -1000.
def to_hounsfield(stored, slope, intercept, centre, width):
    hounsfield = slope * stored.astype(np.float64) + intercept
    hounsfield[hounsfield <= -1024] = -1000
    return hounsfield, np.clip((hounsfield - centre) / width + 0.5, 0, 1)


# %% [low_dose] calls_the_library
# Calls the function that the exercise builds.
def low_dose(line_integrals, photons, fraction, sigma_e, generator):
    return ct.low_dose(
        line_integrals, photons, fraction=fraction, sigma_electronic=sigma_e, generator=generator
    )


# %% [low_dose] gaussian_noise_on_the_line_integrals
# Adds the same noise to all lines, whatever arrives.
edit(
    "counts = torch.poisson(start * torch.exp(-line_integrals), generator=generator)",
    "counts = start * torch.exp(-line_integrals - normal_like(line_integrals, generator) / math.sqrt(start))",
)


# %% [low_dose] fraction_after_chance
# Draws at full dose and multiplies the counts: the noise shrinks with them.
edit(
    "torch.poisson(start * torch.exp(-line_integrals), generator=generator)",
    "fraction * torch.poisson(photons * torch.exp(-line_integrals), generator=generator)",
)


# %% [low_dose] full_dose_in_the_logarithm
# Divides by the photons of the full dose: all of the picture is shifted.
edit("counts.clamp(min=1) / start", "counts.clamp(min=1) / photons")


# %% [low_dose] returns_counts
# Forgets the logarithm.
edit("-torch.log(counts.clamp(min=1) / start)", "counts.clamp(min=1) / start")


# %% [low_dose] forgets_the_sign
# Forgets the minus before the logarithm.
edit("return -torch", "return torch")


# %% [low_dose] attenuation_without_its_sign
# More photons arrive than started.
edit("torch.exp(-line_integrals)", "torch.exp(line_integrals.clamp(max=20))")


# %% [low_dose] no_floor
# Takes the logarithm of 0.
edit("counts.clamp(min=1)", "counts")


# %% [low_dose] floor_at_a_thousandth
# Keeps counts above 0 only: what nobody counted looks infinitely dense.
edit("counts.clamp(min=1)", "counts.clamp(min=1e-3)")


# %% [low_dose] no_electronics
# Forgets the noise of the electronics.
edit("sigma_e * normal_like", "0 * normal_like")


# %% [low_dose] sigma_as_variance
# Takes sigma_e for the variance.
edit("sigma_e * normal_like", "math.sqrt(sigma_e) * normal_like")


# %% [low_dose] electronics_after_the_logarithm
# Adds the noise of the electronics in relative terms, to each line alike.
edit("counts = counts + sigma_e * normal_like(counts, generator)", "counts = counts * (1 + sigma_e / start * normal_like(counts, generator))")


# %% [low_dose] no_photon_noise
# The mean of the counts, with the noise of the electronics only.
edit("torch.poisson(start * torch.exp(-line_integrals), generator=generator)", "start * torch.exp(-line_integrals)")


# %% [low_dose] ignores_the_fraction
# Scans at full dose.
edit("start = fraction * photons", "start = photons")


# %% [low_dose] dose_as_its_root
# Takes the root of the fraction: that is how the deviation changes, not the beam.
edit("fraction * photons", "math.sqrt(fraction) * photons")


# %% [low_dose] global_generator
# Draws from torch's global generator.
edit("generator=generator)\n", "generator=None)\n")


# %% [low_dose] floor_before_the_electronics
# Lifts the counts to 1 before the electronics add their noise, and once more after it.
edit("counts = counts + sigma_e * normal_like(counts, generator)", "counts = counts.clamp(min=1) + sigma_e * normal_like(counts, generator)")


# %% [low_dose] never_below_zero
# Cuts negative line integrals off: through air the mean comes out too high.
edit("-torch.log(counts.clamp(min=1) / start)", "(-torch.log(counts.clamp(min=1) / start)).clamp(min=0)")


# %% [low_dose] whole_counts
# Rounds the counts after the electronics have added their noise.
edit("counts.clamp(min=1) / start", "counts.round().clamp(min=1) / start")


# %% [low_dose] no_electronics_in_the_dark
# Adds the electronics' noise only where a photon arrives.
edit("counts = counts + sigma_e * normal_like(counts, generator)", "counts = counts + sigma_e * normal_like(counts, generator) * (counts > 0)")


# %% [low_dose] negative_counts_turned_round
# Takes the size of a negative count.
edit("counts.clamp(min=1)", "counts.abs().clamp(min=1)")


# %% [low_dose] electronics_before_chance
# Adds the electronics' noise to the mean, before the photons are drawn.
def low_dose(line_integrals, photons, fraction, sigma_e, generator):
    start = fraction * photons
    mean = start * torch.exp(-line_integrals)
    mean = (mean + sigma_e * normal_like(mean, generator)).clamp(min=0)
    return -torch.log(torch.poisson(mean, generator=generator).clamp(min=1) / start)


# %% [low_dose] even_electronics
# Draws the electronics' noise evenly, with the right standard deviation.
edit("counts = counts + sigma_e * normal_like(counts, generator)", "counts = counts + sigma_e * (2 * torch.rand(counts.shape, generator=generator) - 1) * math.sqrt(3)")


# %% [low_dose] whole_photons
# Cuts the photons that start to a whole number.
edit("start = fraction * photons", "start = int(fraction * photons)")


# %% [low_dose] seeds_anew
# Sets the generator back to its seed: each scan has the same noise.
edit("start = fraction * photons", "generator.manual_seed(generator.initial_seed())\n    start = fraction * photons")


# %% [low_dose] one_noise_for_the_batch
# Draws the electronics' noise for the first scan only, and gives it to all.
edit("counts = counts + sigma_e * normal_like(counts, generator)", "counts = counts + sigma_e * normal_like(counts[:1], generator)")


# %% [low_dose] seeds_the_electronics
# Sets the generator back between photons and electronics: all scans have the same electronics' noise.
edit("counts = counts + sigma_e * normal_like(counts, generator)", "generator.manual_seed(generator.initial_seed())\n    counts = counts + sigma_e * normal_like(counts, generator)")


# %% [ramp_filter] calls_the_library
# Calls the function that the exercise builds.
def ramp_filter(sinogram, hann):
    return ct.ramp_filter(sinogram, window="hann" if hann else "ramp")


# %% [ramp_filter] ramp_in_frequency
# Samples |ω|: the mean of the picture is lost.
edit("response = torch.fft.fft(kernel)", "response = torch.fft.fftfreq(length, dtype=torch.float64).abs()")


# %% [ramp_filter] no_padding
# One end of a view runs into the other.
edit("length = 2 * width", "length = width")


# %% [ramp_filter] along_the_angles
# Filters from view to view.
edit(
    "spectrum = torch.fft.fft(sinogram.double(), length) * response",
    "if sinogram.ndim > 1:\n        return ramp_filter(sinogram.transpose(-1, -2), hann).transpose(-1, -2)\n    spectrum = torch.fft.fft(sinogram.double(), length) * response",
)


# %% [ramp_filter] hann_upside_down
# Lets high frequencies through and stops low ones.
edit("0.5 + 0.5 * torch.cos", "0.5 - 0.5 * torch.cos")


# %% [ramp_filter] hann_over_half_the_band
# Falls to 0 at half of the highest frequency, and rises again.
edit("torch.cos(2 * math.pi", "torch.cos(4 * math.pi")


# %% [ramp_filter] always_hann
# Smooths without being asked.
edit("if hann:", "if True:")


# %% [ramp_filter] never_hann
# Does not smooth.
edit("if hann:", "if False:")


# %% [ramp_filter] even_ones_too
# Takes -1/(πn)² at even n as well.
edit("n % 2 == 1", "n != 0")


# %% [ramp_filter] kernel_of_the_wrong_sign
# Neighbours are added: the blur gets worse.
edit("-1 / (math.pi * n) ** 2", "1 / (math.pi * n) ** 2")


# %% [ramp_filter] forgets_the_square
# Falls with 1/n, not with its square.
edit("-1 / (math.pi * n) ** 2", "-1 / (math.pi * n).abs()")


# %% [ramp_filter] a_half_in_the_middle
# The middle is 1/2, as in another unit of length.
edit("kernel[0] = 1 / 4", "kernel[0] = 1 / 2")


# %% [ramp_filter] negative_n_missing
# The kernel looks to one side only.
edit("n % 2 == 1", "(n % 2 == 1) & (n > 0)")


# %% [ramp_filter] the_other_half
# Cuts out the end, where the zeros stood.
edit("[..., :width]", "[..., width:]")


# %% [ramp_filter] a_length_from_the_lab
# Pads to a length that is enough for the scans of this lab only.
edit("length = 2 * width", "length = 1024")


# %% [ramp_filter] not_rounded
# Takes what fftfreq gives for whole numbers: at some lengths hardly any n counts as odd.
edit(".round()", "")


# %% [losses] calls_the_library
# Calls the functions that the exercise builds.
def critic_loss(critic, real, fake):
    return losses.critic_loss(critic, real, fake)


def generator_loss(critic, fake):
    return losses.generator_loss(critic, fake)


# %% [losses] critic_turned_round
# Gives fake images high marks.
edit("critic(fake.detach()).mean() - critic(real).mean()", "critic(real).mean() - critic(fake.detach()).mean()")


# %% [losses] generator_turned_round
# The generator wants low marks.
edit("return -critic(fake).mean()", "return critic(fake).mean()")


# %% [losses] marks_as_probabilities
# A sigmoid before the mean: the marks saturate.
edit("return -critic(fake).mean()", "return -torch.sigmoid(critic(fake)).mean()")


# %% [losses] cross_entropy
# The game of 2014: logarithms of probabilities.
edit("critic(fake.detach()).mean() - critic(real).mean()", "F.softplus(critic(fake.detach())).mean() + F.softplus(-critic(real)).mean()")


# %% [losses] not_detached
# The critic's loss teaches the generator to lose.
edit("fake.detach()", "fake")


# %% [losses] detached_in_the_generator
# The generator never learns.
edit("-critic(fake).mean()", "-critic(fake.detach() + 0 * fake.detach().requires_grad_()).mean()")


# %% [losses] marks_detached
# Detaches the mark, not the image: the critic learns from real images only.
edit("critic(fake.detach()).mean()", "critic(fake).detach().mean()")


# %% [losses] sums
# Sums where the means belong.
edit("critic(fake.detach()).mean() - critic(real).mean()", "critic(fake.detach()).sum() - critic(real).sum()")


# %% [losses] pairs_each_to_each
# Divides both sums by the number of real images.
edit("critic(fake.detach()).mean()", "critic(fake.detach()).sum() / len(real)")


# %% [losses] absolute_difference
# The distance of both means: who is better does not count.
edit("return critic(fake.detach()).mean() - critic(real).mean()", "return (critic(fake.detach()).mean() - critic(real).mean()).abs()")


# %% [losses] size_of_the_marks
# Takes the size of the fake images' marks: right only while they are above 0.
edit("-critic(fake).mean()", "-critic(fake).mean().abs()")


# %% [gradient_penalty] calls_the_library
# Calls the function that the exercise builds.
def gradient_penalty(critic, real, fake, generator):
    return losses.gradient_penalty(critic, real, fake, generator=generator)


# %% [gradient_penalty] norm_over_rows
# One norm for each row of pixels: the published code.
edit("slope.flatten(1).norm(dim=1)", "slope.norm(dim=2)")


# %% [gradient_penalty] norm_over_the_batch
# One norm for all images.
edit("slope.flatten(1).norm(dim=1)", "slope.norm()")


# %% [gradient_penalty] norm_over_channels
# One norm for each pixel.
edit("slope.flatten(1).norm(dim=1)", "slope.norm(dim=1)")


# %% [gradient_penalty] square_minus_one
# Compares the squared norm with 1, and forgets the outer square.
edit("((slope.flatten(1).norm(dim=1) - 1) ** 2).mean()", "(slope.flatten(1).norm(dim=1) ** 2 - 1).mean()")


# %% [gradient_penalty] one_sided
# Slopes below 1 cost nothing.
edit("norm(dim=1) - 1) ** 2", "norm(dim=1) - 1).clamp(min=0) ** 2")


# %% [gradient_penalty] wants_no_slope
# Drives the slope to 0, as other penalties do.
edit("norm(dim=1) - 1) ** 2", "norm(dim=1)) ** 2")


# %% [gradient_penalty] square_of_the_mean
# Squares after the mean: images with steep and flat slopes cancel.
edit("((slope.flatten(1).norm(dim=1) - 1) ** 2).mean()", "(slope.flatten(1).norm(dim=1).mean() - 1) ** 2")


# %% [gradient_penalty] no_graph
# The penalty is a constant for the critic.
edit("create_graph=True", "retain_graph=True")


# %% [gradient_penalty] alpha_for_each_pixel
# Mixes each pixel differently.
edit("torch.rand(len(real), 1, 1, 1, generator=generator)", "torch.rand(real.shape, generator=generator)")


# %% [gradient_penalty] one_alpha_for_all
# One alpha for the batch.
edit("torch.rand(len(real), 1, 1, 1, generator=generator)", "torch.rand(1, 1, 1, 1, generator=generator)")


# %% [gradient_penalty] normal_alpha
# Draws alpha from a normal distribution: x̂ lies anywhere.
edit("torch.rand(len", "torch.randn(len")


# %% [gradient_penalty] always_the_middle
# Looks halfway only.
edit("torch.rand(len(real), 1, 1, 1, generator=generator)", "torch.full((len(real), 1, 1, 1), 0.5)")


# %% [gradient_penalty] at_real_images_only
# Looks at the real images only.
edit("(alpha * real + (1 - alpha) * fake)", "real.clone()")


# %% [gradient_penalty] a_sum_of_both
# Adds real and fake instead of mixing them.
edit("(1 - alpha) * fake", "fake")


# %% [gradient_penalty] global_generator
# Draws from torch's global generator.
edit("generator=generator", "generator=None")


# %% [gradient_penalty] mean_mark
# Differentiates the mean mark: slopes shrink with the batch.
edit("critic(between).sum()", "critic(between).mean()")


# %% [gradient_penalty] a_seed_of_its_own
# Draws from a generator of its own: alpha is the same in each step.
edit("generator=generator", "generator=torch.Generator().manual_seed(0)")


# %% [gradient_penalty] not_detached
# The penalty reaches the generator through the fake image.
edit(".detach().requires_grad_()", ".requires_grad_()")


# %% [gradient_penalty] first_channel
# Looks at the first channel only.
edit("slope.flatten(1)", "slope[:, 0].flatten(1)")


# %% [gradient_penalty] seeds_anew
# Sets the generator back to its seed: alpha is the same in each step.
edit("    alpha = torch.rand", "    generator.manual_seed(generator.initial_seed())\n    alpha = torch.rand")


# %% [roi_statistics] calls_the_library
# Calls the function that the exercise builds.
def roi_statistics(grey, mask, centre, width):
    return ct.roi_statistics(ct.unwindow(grey, centre, width), mask)


# %% [roi_statistics] stays_in_greys
# Returns greys of the window.
edit("(grey[mask] - 0.5) * width + centre", "grey[mask]")


# %% [roi_statistics] clips_first
# Cuts off what lies outside the window: the tails are lost.
edit("(grey[mask] - 0.5)", "(grey[mask].clamp(0, 1) - 0.5)")


# %% [roi_statistics] forgets_the_half
# Takes the centre for the lower end.
edit("(grey[mask] - 0.5)", "grey[mask]")


# %% [roi_statistics] all_pixels
# Ignores the mask.
edit("grey[mask]", "grey.flatten()")


# %% [roi_statistics] outside_the_mask
# Looks at the rest.
edit("grey[mask]", "grey[~mask]")


# %% [roi_statistics] divides_by_n
# Divides by n.
edit("inside.std()", "inside.std(correction=0)")


# %% [roi_statistics] variance
# The variance.
edit("inside.std()", "inside.var()")


# %% [roi_statistics] half_a_width
# Takes the width for half of it.
edit("* width + centre", "* 2 * width + centre")


# %% [roi_statistics] masked_by_zeros
# Multiplies by the mask: the zeros outside join in.
edit("grey[mask]", "(grey * mask).flatten()")


# %% [roi_statistics] zero_is_outside
# Takes what is 0 after masking for outside, water too.
def roi_statistics(grey, mask, centre, width):
    inside = ((grey - 0.5) * width + centre) * mask
    inside = inside[inside != 0]
    return inside.mean(), inside.std()


# %% [roi_statistics] in_place
# Turns the given greys into HU in place: whoever draws them next sees others.
def roi_statistics(grey, mask, centre, width):
    grey -= 0.5
    grey *= width
    grey += centre
    return grey[mask].mean(), grey[mask].std()
