# Named wrong answers of lab 11: each is a real misconception and costs the points of its exercise and of no other. See CONTRIBUTING.md.
#
# What is tested of each exercise:
# noise2noise_loss: which image the network sees, the order of both, values below 0 and above 1, a batch of one, gradients, in place
# blind_spots: tall, wide and tiny images, boxes cut off at the rim, one hidden pixel a box, neighbours at the rim, seeds, chances, in place, neighbours of the same value, hidden neighbours
# masked_loss: masks of unequal size, values below 0, gradients
# sure: linear and curved denoisers, a neighbour's answer, small and large sigma and epsilon, several images, gradients, the probe's seed
# damp_step: M below, at and above N, a denoiser that leans on sigma, the old residual, one call, in place
# rician_floor: small and large sigma, the formula and not a draw

# %% [noise2noise_loss] calls_the_library
# Calls the function that the exercise builds.
def noise2noise_loss(network, noisy, other):
    return selfsupervised.noise2noise_loss(network, noisy, other)


# %% [noise2noise_loss] same_noise_as_target
# Compares with the image that the network sees: copying it is then perfect.
edit("(network(noisy) - other)", "(network(noisy) - noisy)")


# %% [noise2noise_loss] averages_the_targets
# Takes the mean of both images for a better target: it holds the input's own noise.
edit("- other)", "- (noisy + other) / 2)")


# %% [noise2noise_loss] averages_the_input
# Shows the network the mean of both images: at test time there is only one.
edit("network(noisy)", "network((noisy + other) / 2)")


# %% [noise2noise_loss] swaps_the_images
# Shows the network the second image and compares with the first.
edit("(network(noisy) - other)", "(network(other) - noisy)")


# %% [noise2noise_loss] compares_both_answers
# Compares two answers of the network: a constant answer is then perfect.
edit("- other)", "- network(other))")


# %% [noise2noise_loss] clips_the_target
# Clips the target to [0, 1]: its noise has mean 0 no longer.
edit("- other)", "- other.clamp(0, 1))")


# %% [noise2noise_loss] clips_the_answer
# Clips the answer, as one does before scoring: outside there is no gradient.
edit("network(noisy)", "network(noisy).clamp(0, 1)")


# %% [noise2noise_loss] absolute_error
# The absolute error: it learns the median of the targets.
edit("((network(noisy) - other) ** 2)", "(network(noisy) - other).abs()")


# %% [noise2noise_loss] sum_of_squares
# The sum instead of the mean.
edit(".mean()", ".sum()")


# %% [noise2noise_loss] mean_of_the_images_only
# Sums over pixels and averages over images.
edit(".mean()", ".sum((1, 2, 3)).mean()")


# %% [noise2noise_loss] detaches_the_answer
# Computes the number without gradients.
edit("network(noisy)", "network(noisy).detach()")


# %% [noise2noise_loss] halves
# Half the mean, as in some textbooks.
edit(".mean()", ".mean() / 2")


# %% [blind_spots] calls_the_library
# Calls the function that the exercise builds.
def blind_spots(noisy, box, radius, generator):
    return selfsupervised.blind_spots(noisy, box=box, radius=radius, generator=generator)


# %% [blind_spots] zero_in_the_hidden_pixel
# Sets hidden pixels to zero: the network learns to look for zeros.
edit("= noisy[image, 0, v, u]", "= 0")


# %% [blind_spots] may_show_itself
# The neighbour may be the pixel itself: then nothing is hidden.
edit("while (v, u) == (y, x):", "for _ in range(1):")


# %% [blind_spots] another_row_and_another_column
# Leaves out neighbours in the same row or column.
edit(
    "while (v, u) == (y, x):",
    "while (v, u) == (y, x) or (min(height, width) > 1 and (v == y or u == x)):",
)


# %% [blind_spots] neighbour_from_the_copy
# Takes the neighbour from the copy, in which others may be hidden already.
edit("= noisy[image, 0, v, u]", "= hidden[image, 0, v, u]")


# %% [blind_spots] same_places_in_all_images
# Draws the places once, for all images alike.
def blind_spots(noisy, box, radius, generator):
    hidden, mask = noisy.clone(), torch.zeros_like(noisy, dtype=torch.bool)
    height, width = noisy.shape[-2:]
    for top in range(0, height, box):
        for left in range(0, width, box):
            y = whole_number(top, min(top + box, height), generator)
            x = whole_number(left, min(left + box, width), generator)
            v, u = y, x
            while (v, u) == (y, x):
                v = whole_number(max(y - radius, 0), min(y + radius + 1, height), generator)
                u = whole_number(max(x - radius, 0), min(x + radius + 1, width), generator)
            hidden[:, 0, y, x] = noisy[:, 0, v, u]
            mask[:, 0, y, x] = True
    return hidden, mask


# %% [blind_spots] whole_boxes_only
# Leaves out boxes that the rim cuts off.
edit("range(0, height, box)", "range(0, height - box + 1, box)")


# %% [blind_spots] boxes_run_over_the_rim
# Draws in whole boxes and pushes what lies outside onto the last column.
edit("x = whole_number(left, min(left + box, width), generator)", "x = min(whole_number(left, left + box, generator), width - 1)")


# %% [blind_spots] not_stratified
# As many random pixels, anywhere: they cluster, and leave boxes empty.
edit("y = whole_number(top, min(top + box, height), generator)", "y = whole_number(0, height, generator)")


# %% [blind_spots] always_the_middle
# Hides the middle of each box: a grid that the network learns.
edit("y = whole_number(top, min(top + box, height), generator)", "y = min(top + box // 2, height - 1)")


# %% [blind_spots] clamps_the_neighbour
# Clamps a neighbour outside of the image to the rim: pixels there are shown too often.
edit(
    "v = whole_number(max(y - radius, 0), min(y + radius + 1, height), generator)",
    "v = min(max(whole_number(y - radius, y + radius + 1, generator), 0), height - 1)",
)


# %% [blind_spots] radius_one_too_small
# Forgets that the end of the range is not drawn.
edit("min(y + radius + 1, height)", "min(max(y + radius, 1), height)")


# %% [blind_spots] radius_one_too_large
# Looks one row too far.
edit("max(y - radius, 0)", "max(y - radius - 1, 0)")


# %% [blind_spots] changes_its_input
# Writes into the noisy images: the loss has no target then.
edit("noisy.clone()", "noisy")


# %% [blind_spots] the_mask_turned_round
# The mask says what is seen.
edit("return hidden, mask", "return hidden, ~mask")


# %% [blind_spots] own_seed
# Draws the same places at each call.
edit("hidden, mask = noisy", "generator = torch.Generator().manual_seed(0)\n    hidden, mask = noisy")


# %% [blind_spots] global_generator
# Draws from torch's global generator.
edit("y = whole_number(top, min(top + box, height), generator)", "y = whole_number(top, min(top + box, height), None)")


# %% [blind_spots] compares_values
# Compares the values and not the places: a neighbour that happens to be equal is never shown.
edit("while (v, u) == (y, x):", "while noisy[image, 0, v, u] == noisy[image, 0, y, x]:")


# %% [blind_spots] no_hidden_neighbour
# Leaves out neighbours that are hidden already: which ones depends on the order of the boxes.
edit("while (v, u) == (y, x):", "while (v, u) == (y, x) or mask[image, 0, v, u]:")


# %% [blind_spots] starts_the_generator_anew
# Draws from a new generator with the given one's seed: each call gives the same places.
edit("hidden, mask = noisy", "generator = torch.Generator().manual_seed(generator.initial_seed())\n    hidden, mask = noisy")


# %% [masked_loss] calls_the_library
# Calls the function that the exercise builds.
def masked_loss(prediction, noisy, mask):
    return selfsupervised.masked_loss(prediction, noisy, mask)


# %% [masked_loss] all_pixels
# The mean over all pixels: the network learns to change nothing.
edit("[mask].mean()", ".mean()")


# %% [masked_loss] divided_by_all_pixels
# Hidden pixels only, but divided by all.
edit("((prediction - noisy) ** 2)[mask].mean()", "(((prediction - noisy) ** 2) * mask).mean()")


# %% [masked_loss] what_is_seen
# Looks where nothing is hidden.
edit("[mask]", "[~mask]")


# %% [masked_loss] a_mean_of_means
# Averages each image first: images with few hidden pixels count more.
edit(
    "return ((prediction - noisy) ** 2)[mask].mean()",
    "squares = (prediction - noisy) ** 2 * mask\n    return (squares.sum((1, 2, 3)) / mask.sum((1, 2, 3))).mean()",
)


# %% [masked_loss] absolute_error
# The absolute error.
edit("((prediction - noisy) ** 2)", "(prediction - noisy).abs()")


# %% [masked_loss] sum_only
# The sum over the hidden pixels.
edit(".mean()", ".sum()")


# %% [masked_loss] the_root
# The root of the mean square.
edit(".mean()", ".mean().sqrt()")


# %% [masked_loss] a_number_without_gradient
# Returns a number of Python's: nothing can be learned from it.
edit(".mean()", ".mean().item()")


# %% [sure] calls_the_library
# Calls the function that the exercise builds.
def sure(denoise, noisy, sigma, epsilon, generator):
    return selfsupervised.sure(denoise, noisy, sigma, epsilon=epsilon, generator=generator).mean()


# %% [sure] forgets_the_two
# Forgets the factor 2: doing nothing then seems perfect.
edit("2 * sigma**2 * divergence", "sigma**2 * divergence")


# %% [sure] sigma_for_its_square
# Takes sigma for the variance.
edit("2 * sigma**2 * divergence", "2 * sigma * divergence")


# %% [sure] forgets_the_variance
# Forgets to take the variance off.
edit(" - sigma**2", "")


# %% [sure] adds_the_variance
# Adds the variance instead.
edit("- sigma**2 +", "+ sigma**2 +")


# %% [sure] subtracts_the_divergence
# Subtracts the divergence: copying noise seems to help.
edit("- sigma**2 + 2", "- sigma**2 - 2")


# %% [sure] without_divergence
# The distance to the noisy image, less the variance.
edit(" + 2 * sigma**2 * divergence", "")


# %% [sure] not_divided_by_epsilon
# Forgets to divide by epsilon.
edit(".mean() / epsilon", ".mean()")


# %% [sure] probe_of_size_one
# Adds the probe itself, not epsilon times it: right for linear denoisers only.
edit("(denoise(noisy + epsilon * probe) - answer)).mean() / epsilon", "(denoise(noisy + probe) - answer)).mean()")


# %% [sure] two_probes
# Another probe for the product: its mean is 0.
edit("(probe * (denoise", "(signs(noisy, generator) * (denoise")


# %% [sure] no_product_with_the_probe
# Takes the mean change for the divergence.
edit("(probe * (denoise(noisy + epsilon * probe) - answer))", "(denoise(noisy + epsilon) - answer)")


# %% [sure] sum_for_the_mean
# The divergence as a sum over pixels, the rest per pixel.
edit("- answer)).mean() / epsilon", "- answer)).sum() / epsilon")


# %% [sure] sum_over_one_image
# Divides by the pixels of one image, though there are several.
edit("- answer)).mean() / epsilon", "- answer)).sum() / epsilon / noisy[0].numel()")


# %% [sure] detaches_the_first_answer
# Takes the gradient of one call only.
edit("- answer)).mean()", "- answer.detach())).mean()")


# %% [sure] detaches_the_second_answer
# Computes the probe's answer without gradients.
edit("(denoise(noisy + epsilon * probe) - answer)", "(denoise(noisy + epsilon * probe).detach() - answer)")


# %% [sure] distance_between_the_answers
# Compares the answer with the noisy image plus the probe.
edit("((answer - noisy) ** 2)", "((answer - noisy - epsilon * probe) ** 2)")


# %% [sure] probe_from_global_state
# Draws the probe from torch's global generator.
edit("signs(noisy, generator)", "signs(noisy, None)")


# %% [sure] never_below_zero
# Cuts the estimate at 0, since no error is negative: an estimate may be, and is too large on average if it is cut.
edit("2 * sigma**2 * divergence", "max(2 * sigma**2 * divergence, sigma**2 - ((answer - noisy) ** 2).mean())")


# %% [sure] one_sign_map_for_all_images
# Draws the probe of one image for all of them.
edit("signs(noisy, generator)", "signs(noisy[:1], generator)")


# %% [sure] same_sign_everywhere
# Raises all pixels at once: what neighbours answer to one another is counted too.
edit("signs(noisy, generator)", "torch.ones_like(noisy)")


# %% [sure] step_backward
# Steps from z - epsilon·b to z.
edit("(denoise(noisy + epsilon * probe) - answer)", "(answer - denoise(noisy - epsilon * probe))")


# %% [sure] step_of_its_own
# Steps by a hundredth, whatever epsilon is.
edit("answer, probe = denoise", "epsilon = 0.01\n    answer, probe = denoise")


# %% [sure] magnitude_of_the_products
# Averages the magnitudes of the products: a pixel that answers in the other direction counts as a gain.
edit("(probe * (denoise(noisy + epsilon * probe) - answer)).mean()", "(probe * (denoise(noisy + epsilon * probe) - answer)).abs().mean()")


# %% [sure] own_seed
# Draws the same probe at each call.
edit("signs(noisy, generator)", "signs(noisy, torch.Generator().manual_seed(2))")


# %% [damp_step] calls_the_library
# Calls the library's step.
def damp_step(x, z, y, forward, adjoint, denoise, divergence):
    from course_lib.classical import amp

    return amp.damp_step(x, z, y, forward, denoise)


# %% [damp_step] no_onsager_term
# Leaves the term out: iterative thresholding.
edit(" + z * divergence(r, sigma) / len(y)", "")


# %% [damp_step] divides_by_the_pixels
# Divides the divergence by the number of pixels.
edit("/ len(y)\n", "/ len(x)\n")


# %% [damp_step] the_new_residual
# Onsager's term with the new residual.
edit("residual = y - forward(image) + z * divergence", "residual = y - forward(image)\n    residual = residual + residual * divergence")


# %% [damp_step] subtracts_the_term
# Subtracts the term.
edit("+ z * divergence", "- z * divergence")


# %% [damp_step] sigma_by_the_pixels
# Divides the norm by the root of the number of pixels.
edit("np.sqrt(len(y))", "np.sqrt(len(x))")


# %% [damp_step] sigma_without_the_root
# Divides the norm by M.
edit("np.sqrt(len(y))", "len(y)")


# %% [damp_step] sigma_of_the_measurements
# Takes y for the residual.
edit("np.linalg.norm(z)", "np.linalg.norm(y)")


# %% [damp_step] standard_deviation_of_the_residual
# The standard deviation of z: its mean is taken off.
edit("np.linalg.norm(z) / np.sqrt(len(y))", "np.std(z)")


# %% [damp_step] denoises_the_old_image
# Denoises x, not r.
edit("image = denoise(r, sigma)", "image = denoise(x, sigma)")


# %% [damp_step] lays_back_the_measurements
# Lays y back, not the residual.
edit("adjoint(z)", "adjoint(y)")


# %% [damp_step] residual_of_r
# Measures what the denoiser saw, not what it answered.
edit("forward(image)", "forward(r)")


# %% [damp_step] tells_the_variance
# Tells the denoiser sigma squared.
edit("denoise(r, sigma)\n", "denoise(r, sigma**2)\n")


# %% [damp_step] divergence_without_noise
# The divergence of a denoiser that is told that there is no noise.
edit("divergence(r, sigma)", "divergence(r, 0 * sigma)")


# %% [damp_step] divergence_at_the_old_image
# The divergence at x: the denoiser worked at r.
edit("divergence(r, sigma)", "divergence(x, sigma)")


# %% [damp_step] divergence_at_the_new_image
# The divergence at the new image, which is no longer noisy.
edit("divergence(r, sigma)", "divergence(image, sigma)")


# %% [damp_step] writes_into_the_measurements
# Makes the residual out of y itself: the next step has no measurements.
edit("residual = y - forward(image)", "y -= forward(image)\n    residual = y")


# %% [damp_step] works_in_place
# Changes x on the way.
edit("r = x + adjoint(z)", "x += adjoint(z)\n    r = x")


# %% [rician_floor] calls_the_library
# Draws with the library and takes the mean.
def rician_floor(sigma):
    return float(noise.rician(np.zeros(1_000_000), sigma).mean())


# %% [rician_floor] sigma_itself
# Takes sigma for the mean.
edit("math.sqrt(math.pi / 2)", "1")


# %% [rician_floor] the_root_turned_round
# The root of 2/π: the mean of |n| for one channel.
edit("math.pi / 2", "2 / math.pi")


# %% [rician_floor] the_root_mean_square
# The root of the mean square, √2 sigma.
edit("math.pi / 2", "2")


# %% [rician_floor] the_median
# The median, which the absolute error would learn.
edit("math.pi / 2", "2 * math.log(2)")


# %% [rician_floor] the_deviation
# The standard deviation of the air.
edit("math.pi / 2", "2 - math.pi / 2")


# %% [rician_floor] draws_a_million
# Draws, as the hint says, and stops there: the third digit is chance.
edit(
    "return sigma * math.sqrt(math.pi / 2)",
    "drawn = np.random.default_rng(0).normal(0, sigma, (2, 1_000_000))\n    return float(np.hypot(*drawn).mean())",
)


# %% [rician_floor] zero
# Believes that noise has mean 0.
edit("sigma * math.sqrt(math.pi / 2)", "0 * sigma")
