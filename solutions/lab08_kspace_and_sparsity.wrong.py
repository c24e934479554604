# Named wrong answers of lab 08: each is a real misconception and loses just its exercise. See CONTRIBUTING.md.
#
# The kinds of inputs that tell them apart:
# fft2c: tall, odd, stacks of 1 and of several axes, negatives, integers, tiny and huge scales, changed input, type
# line_mask: ties of round, no middle, exact number, pairs and halves of columns, one seed, global random state, type
# zero_filled: tall, odd, square with a mask of columns, points, real and complex, tiny scales, changed input, type
# soft_threshold: zeros, integers, all four quadrants, tiny scales, thresholds of other shapes, changed input, type
# ista: rounds 0, 1, 2 and 70, tall, square, points, two bands, a measured 0, tiny and huge scales, changed input
# sparse_code: negative, complex, no atom, one, several, tiny scales, more atoms than the patch has pixels, changed input
# No gradients, modes or dtypes of torch here: numpy in, numpy out.

# %% [fft2c] calls_the_library
# Calls the function that the exercise builds.
def fft2c(image):
    return kspace.fft2c(image)


# %% [fft2c] turns_the_librarys_inverse_round
# Builds the transform from the library's inverse, by conjugates.
def fft2c(image):
    return np.conj(kspace.ifft2c(np.conj(image).astype(complex)))


# %% [fft2c] measures_everything_with_the_library
# Lets the library measure with a mask that is True everywhere.
def fft2c(image):
    return kspace.undersample(image, np.ones(image.shape[-2:], dtype=bool))


# %% [fft2c] no_shift_at_all
# The plain transform: the zero frequency stays in the corner.
def fft2c(image):
    return np.fft.fft2(image, norm="ortho")


# %% [fft2c] shifts_only_after
# Forgets the image's own middle: right amplitudes, wrong phases (a chessboard of signs).
def fft2c(image):
    return np.fft.fftshift(np.fft.fft2(image, norm="ortho"), axes=(-2, -1))


# %% [fft2c] shifts_only_before
# Forgets the last shift: the zero frequency stays in the corner.
def fft2c(image):
    return np.fft.fft2(np.fft.ifftshift(image, axes=(-2, -1)), norm="ortho")


# %% [fft2c] shifts_in_the_wrong_order
# fftshift before and ifftshift after: the same for even sizes, wrong for odd ones.
def fft2c(image):
    corner = np.fft.fftshift(image, axes=(-2, -1))
    return np.fft.ifftshift(np.fft.fft2(corner, norm="ortho"), axes=(-2, -1))


# %% [fft2c] fftshift_twice
# fftshift before and after: off by one pixel for odd sizes.
edit("ifftshift", "fftshift")


# %% [fft2c] ifftshift_twice
# ifftshift before and after: the zero frequency off by one for odd sizes.
edit(".fftshift", ".ifftshift")


# %% [fft2c] not_orthonormal
# numpy's default: k-space has H·W times the energy of the image.
edit(', norm="ortho"', "")


# %% [fft2c] divides_by_the_number_of_pixels
# norm="forward": divides by H·W, where its root is due.
edit('"ortho"', '"forward"')


# %% [fft2c] inverse_transform
# Takes ifft2 for fft2: the same amplitudes for a real image, but k-space turned by 180 degrees.
edit("np.fft.fft2(", "np.fft.ifft2(")


# %% [fft2c] last_shift_without_axes
# Shifts the axis of the stack, too: the images change places.
edit('norm="ortho"), axes=(-2, -1))', 'norm="ortho"))')


# %% [fft2c] transforms_all_axes
# Transforms the axis of the stack, too.
edit("np.fft.fft2(", "np.fft.fftn(")


# %% [fft2c] first_two_axes
# Takes the first two axes for the image: right until a stack comes.
def fft2c(image):
    return np.fft.fftshift(np.fft.fft2(np.fft.ifftshift(image, axes=(0, 1)), axes=(0, 1), norm="ortho"), axes=(0, 1))


# %% [fft2c] takes_the_real_part_of_the_image
# Thinks that images are real: the phase is lost.
edit("image,", "np.real(image),")


# %% [fft2c] returns_the_magnitude
# Returns what one draws of k-space.
edit("return np.fft.fftshift(np.fft.fft2(", "return np.abs(np.fft.fftshift(np.fft.fft2(")
edit('norm="ortho"), axes=(-2, -1))', 'norm="ortho"), axes=(-2, -1)))')


# %% [fft2c] one_axis_only
# Transforms the columns and forgets the rows.
def fft2c(image):
    return np.fft.fftshift(np.fft.fft(np.fft.ifftshift(image, axes=-1), norm="ortho"), axes=-1)


# %% [fft2c] changes_the_image
# Right numbers, but the middle of the caller's image is moved into the corner.
def fft2c(image):
    image[...] = np.fft.ifftshift(image, axes=(-2, -1))
    return np.fft.fftshift(np.fft.fft2(image, norm="ortho"), axes=(-2, -1))


# %% [fft2c] divides_by_the_root_of_the_whole_stack
# Makes it orthonormal by hand, with image.size: that counts the pixels of all images of a stack.
def fft2c(image):
    corner = np.fft.ifftshift(image, axes=(-2, -1))
    return np.fft.fftshift(np.fft.fft2(corner), axes=(-2, -1)) / np.sqrt(image.size)


# %% [fft2c] chessboard_for_the_shifts
# Signs in place of shifts, before and after: a trick for even sizes (up to a sign), wrong for odd ones.
def fft2c(image):
    signs = (-1.0) ** np.add.outer(np.arange(image.shape[-2]), np.arange(image.shape[-1]))
    return signs * np.fft.fft2(image * signs, norm="ortho")


# %% [fft2c] returns_a_tensor
# Works in torch, and hands out its tensor: the next numpy function gets something else.
edit("return np.fft.fftshift(", "return torch.from_numpy(np.fft.fftshift(")
edit('norm="ortho"), axes=(-2, -1))', 'norm="ortho"), axes=(-2, -1)))')


# %% [fft2c] no_negative_pixels
# Thinks that a real image has no negative values.
edit("ifftshift(image", "ifftshift(image if np.iscomplexobj(image) else np.maximum(image, 0)")


# %% [fft2c] cleans_small_numbers
# Takes amplitudes below a millionth for rounding errors, also where the whole image is that small.
def fft2c(image):
    corner = np.fft.ifftshift(image, axes=(-2, -1))
    lines = np.fft.fftshift(np.fft.fft2(corner, norm="ortho"), axes=(-2, -1))
    return np.where(np.abs(lines) < 1e-6, 0, lines)


# %% [fft2c] squeezes_the_stack
# A stack of one image comes back as an image.
edit("ifftshift(image", "ifftshift(np.squeeze(image)")


# %% [fft2c] small_phase_is_none
# Drops the imaginary part where it is below 0.001.
edit("fft2(corner", "fft2(corner.real if np.abs(corner.imag).max() < 1e-3 else corner")


# %% [line_mask] calls_the_library
# Calls the function that the exercise builds.
def line_mask(width, acceleration, center_fraction, generator):
    return kspace.cartesian_mask((1, width), acceleration, center_fraction, generator=generator)[0]


# %% [line_mask] one_frame_of_a_film
# Takes the library's masks for films, with one frame.
def line_mask(width, acceleration, center_fraction, generator):
    return kspace.interleaved_mask(1, (1, width), acceleration, center_fraction, generator=generator)[0, 0]


# %% [line_mask] centre_not_counted
# Draws width / acceleration lines and the middle besides: too many.
edit("total - centre", "total")


# %% [line_mask] draws_from_all_columns
# Some of the lines drawn fall into the middle, which is measured anyhow: too few.
edit("np.flatnonzero(~mask)", "width")


# %% [line_mask] draws_with_replacement
# The same line may be drawn twice: too few.
edit(", replace=False", "")


# %% [line_mask] throws_a_coin_for_each_line
# fastMRI's own way: the number is right on average only.
def line_mask(width, acceleration, center_fraction, generator):
    total, centre = round(width / acceleration), round(width * center_fraction)
    first = (width - centre + 1) // 2
    mask = generator.random(width) < (total - centre) / (width - centre)
    mask[first : first + centre] = True
    return mask


# %% [line_mask] not_shifted
# Puts the low frequencies where np.fft has them: in the corner, at both ends.
edit("return mask", "return np.fft.ifftshift(mask)")


# %% [line_mask] centre_at_the_left
# Takes the first columns for the low frequencies.
def line_mask(width, acceleration, center_fraction, generator):
    total, centre = round(width / acceleration), round(width * center_fraction)
    mask = np.zeros(width, dtype=bool)
    mask[:centre] = True
    mask[generator.choice(np.flatnonzero(~mask), total - centre, replace=False)] = True
    return mask


# %% [line_mask] centre_one_column_off
# Rounds the first column down where it is rounded up.
edit("centre + 1", "centre")


# %% [line_mask] cuts_off_instead_of_rounding
# int() for round(): one line too few for 181 columns and R = 8.
edit("round(width / acceleration), round", "int(width / acceleration), int")


# %% [line_mask] middle_alone
# Spends the whole budget on the middle: a blur that nothing undoes.
def line_mask(width, acceleration, center_fraction, generator):
    total = round(width / acceleration)
    first = (width - total + 1) // 2
    mask = np.zeros(width, dtype=bool)
    mask[first : first + total] = True
    return mask


# %% [line_mask] no_centre
# Chance alone: the line with most of the energy may be missing.
def line_mask(width, acceleration, center_fraction, generator):
    mask = np.zeros(width, dtype=bool)
    mask[generator.choice(width, round(width / acceleration), replace=False)] = True
    return mask


# %% [line_mask] evenly_spaced
# Spreads the other lines evenly: copies of the head.
edit(
    """
    mask[generator.choice(np.flatnonzero(~mask), total - centre, replace=False)] = True
""",
    """
    outer = np.flatnonzero(~mask)
    mask[outer[np.linspace(0, len(outer) - 1, total - centre).round().astype(int)]] = True
""",
)


# %% [line_mask] even_spacing_with_a_random_start
# One number by chance moves the whole comb: every line equally likely, but never two neighbours.
edit(
    """
    mask[generator.choice(np.flatnonzero(~mask), total - centre, replace=False)] = True
""",
    """
    outer = np.flatnonzero(~mask)
    places = (generator.random() + np.arange(total - centre)) * len(outer) / (total - centre)
    mask[outer[places.astype(int) % len(outer)]] = True
""",
)


# %% [line_mask] prefers_the_middle
# Draws lines near the middle more often: variable density, another mask.
edit(
    """
    mask[generator.choice(np.flatnonzero(~mask), total - centre, replace=False)] = True
""",
    """
    outer = np.flatnonzero(~mask)
    density = (1 - np.abs(outer - width / 2) / width) ** 3
    mask[generator.choice(outer, total - centre, replace=False, p=density / density.sum())] = True
""",
)


# %% [line_mask] prefers_the_middle_a_little
# A density that falls slowly to the rim, as many papers draw it.
def line_mask(width, acceleration, center_fraction, generator):
    count, middle = round(width / acceleration), round(width * center_fraction)
    mask = np.zeros(width, dtype=bool)
    mask[(width - middle + 1) // 2 :][:middle] = True
    outside = np.flatnonzero(~mask)
    density = np.exp(-np.abs(outside - width / 2) / width)
    mask[generator.choice(outside, count - middle, replace=False, p=density / density.sum())] = True
    return mask


# %% [line_mask] one_side_only
# Draws right of the middle only (k-space is symmetric, it thinks; with a phase it is not).
edit(
    """
    mask[generator.choice(np.flatnonzero(~mask), total - centre, replace=False)] = True
""",
    """
    right = np.arange(first + centre, width)
    others = right if len(right) >= total - centre else np.flatnonzero(~mask)
    mask[generator.choice(others, total - centre, replace=False)] = True
""",
)


# %% [line_mask] same_lines_each_time
# Makes its own generator: every call gives the same mask.
edit("generator.", "np.random.default_rng(0).")


# %% [line_mask] global_generator
# Draws from numpy's global generator, so that no run can be repeated.
edit("generator.", "np.random.")


# %% [line_mask] numbers_instead_of_booleans
# 0.0 and 1.0: a mask that picks wrongly where it is used as an index.
edit(", dtype=bool", "")
edit("[first : first + centre] = True", "[first : first + centre] = 1")
edit(
    "[generator.choice(np.flatnonzero(~mask), total - centre, replace=False)] = True",
    "[generator.choice(np.flatnonzero(mask == 0), total - centre, replace=False)] = 1",
)


# %% [line_mask] cuts_off_the_middle_only
# int() for the middle, where 2.8 columns are three.
edit(", round", ", int")


# %% [line_mask] rounds_the_middle_up
# Takes one more column into the middle, so as to be safe.
edit("round(width * center_fraction)", "int(np.ceil(width * center_fraction))")


# %% [line_mask] half_on_each_side
# Draws as many lines left of the middle as right of it: each is equally likely, but they are not drawn freely.
edit(
    """
    mask[generator.choice(np.flatnonzero(~mask), total - centre, replace=False)] = True
""",
    """
    left = (total - centre) // 2
    mask[generator.choice(first, left, replace=False)] = True
    mask[first + centre + generator.choice(width - first - centre, total - centre - left, replace=False)] = True
""",
)


# %% [line_mask] lines_in_mirrored_pairs
# Draws on the left, and mirrors: the very lines that tell the same if there is no phase.
edit(
    """
    mask[generator.choice(np.flatnonzero(~mask), total - centre, replace=False)] = True
""",
    """
    outer = np.flatnonzero(~mask)
    chosen = generator.choice(len(outer) // 2, (total - centre) // 2, replace=False)
    mask[outer[chosen]] = mask[outer[-1 - chosen]] = True
    mask[generator.choice(np.flatnonzero(~mask), total - mask.sum(), replace=False)] = True
""",
)


# %% [line_mask] one_in_each_part
# Cuts the outer columns into parts, and draws one from each: no large gaps, but the lines are not free.
edit(
    """
    mask[generator.choice(np.flatnonzero(~mask), total - centre, replace=False)] = True
""",
    """
    for part in np.array_split(np.flatnonzero(~mask), total - centre):
        mask[generator.choice(part)] = True
""",
)


# %% [line_mask] another_generator
# Draws from Python's own random module, so that a seed does not help.
def line_mask(width, acceleration, center_fraction, generator):
    import random

    total, centre = round(width / acceleration), round(width * center_fraction)
    first = (width - centre + 1) // 2
    mask = np.zeros(width, dtype=bool)
    mask[first : first + centre] = True
    mask[random.sample(np.flatnonzero(~mask).tolist(), total - centre)] = True
    return mask


# %% [line_mask] rounds_halves_up
# int(x + 0.5) for round(x): 12.5 lines become 13, where Python says 12.
edit(
    "round(width / acceleration), round(width * center_fraction)",
    "int(width / acceleration + 0.5), int(width * center_fraction + 0.5)",
)


# %% [line_mask] rounds_the_middle_half_up
# The same for the middle only: 2.5 columns become three.
edit("round(width * center_fraction)", "int(width * center_fraction + 0.5)")


# %% [line_mask] always_the_zero_frequency
# At least one line in the middle, also where the fraction is 0.
edit("round(width * center_fraction)", "max(1, round(width * center_fraction))")


# %% [line_mask] seeds_the_global_generator
# Hands a number of its generator on to numpy's global one, and so changes it for all others.
edit("generator.choice", "(np.random.seed(int(generator.integers(2**31))) or np.random.choice)")


# %% [zero_filled] calls_the_library
# Calls the functions that the exercise builds.
def zero_filled(image, mask):
    measured = kspace.undersample(image, np.broadcast_to(mask, image.shape))
    return measured, kspace.zero_filled(measured)


# %% [zero_filled] calls_forward_and_adjoint
# The same by the library's other names.
def zero_filled(image, mask):
    mask = np.broadcast_to(mask, image.shape)
    measured = kspace.forward(image, mask)
    return measured, kspace.adjoint(measured, mask)


# %% [zero_filled] mask_not_shifted
# Lays the centred mask on numpy's uncentred k-space: the low frequencies are lost.
def zero_filled(image, mask):
    measured = np.where(mask, np.fft.fft2(image, norm="ortho"), 0)
    return measured, np.fft.ifft2(measured, norm="ortho")


# %% [zero_filled] mask_turned_round
# Keeps what was not measured.
edit("np.where(mask, kspace.fft2c(image), 0)", "np.where(mask, 0, kspace.fft2c(image))")


# %% [zero_filled] masks_the_image
# Drops columns of the image, not of k-space.
edit("np.where(mask, kspace.fft2c(image), 0)", "kspace.fft2c(np.where(mask, image, 0))")


# %% [zero_filled] magnitude
# Returns the picture as one looks at it: the phase is lost.
edit("kspace.ifft2c(measured)", "np.abs(kspace.ifft2c(measured))")


# %% [zero_filled] magnitude_as_a_complex_number
# The magnitude again, hidden in a complex array.
edit("kspace.ifft2c(measured)", "np.abs(kspace.ifft2c(measured)).astype(complex)")


# %% [zero_filled] real_part
# Thinks that the picture of a real image is real: with lines that are not symmetric it is not.
edit("(measured)", "(measured).real.astype(complex)")


# %% [zero_filled] times_the_acceleration
# Multiplies by the acceleration, to make up for the missing lines.
edit("(measured)", "(measured) / np.mean(mask)")


# %% [zero_filled] fills_with_the_mean
# Puts the mean of the measured values into the gaps.
def zero_filled(image, mask):
    everything = kspace.fft2c(image)
    filled = np.where(mask, everything, everything[np.broadcast_to(mask, image.shape)].mean())
    return np.where(mask, everything, 0), kspace.ifft2c(filled)


# %% [zero_filled] fills_from_the_neighbour
# Repeats the next measured column in the gaps: smooth k-space, folded image.
def zero_filled(image, mask):
    measured = np.where(mask, kspace.fft2c(image), 0)
    filled = np.where(measured == 0, np.roll(measured, 1, axis=-1), measured)
    return measured, kspace.ifft2c(filled)


# %% [zero_filled] forward_again
# Transforms forward instead of back: the picture stands on its head.
edit("ifft2c", "fft2c")


# %% [zero_filled] everything_measured
# Returns all of k-space as measured, and masks for the picture only.
def zero_filled(image, mask):
    everything = kspace.fft2c(image)
    return everything, kspace.ifft2c(np.where(mask, everything, 0))


# %% [zero_filled] picture_only
# Returns one thing of two.
def zero_filled(image, mask):
    return kspace.ifft2c(np.where(mask, kspace.fft2c(image), 0))


# %% [zero_filled] wrong_order
# The picture first, then what was measured.
edit("measured, kspace.ifft2c(measured)", "kspace.ifft2c(measured), measured")


# %% [zero_filled] columns_as_rows
# Takes a mask of columns for one of rows where it can.
def zero_filled(image, mask):
    mask = np.resize(mask, image.shape[0])[:, None] if mask.ndim == 1 else mask
    measured = np.where(mask, kspace.fft2c(image), 0)
    return measured, kspace.ifft2c(measured)


# %% [zero_filled] the_librarys_data_consistency
# Lets the library's layer put the data into an empty image.
def zero_filled(image, mask):
    data, everywhere = torch.from_numpy(kspace.fft2c(image) * mask), np.broadcast_to(mask, image.shape).copy()
    layer = kspace.DataConsistency()
    picture = layer(torch.zeros_like(data)[None, None], data[None, None], torch.from_numpy(everywhere))[0, 0]
    return data.numpy(), picture.numpy()


# %% [zero_filled] fills_by_symmetry
# Fills the gaps with the conjugate of the value on the other side: right for an image without a phase only.
def zero_filled(image, mask):
    measured = np.where(mask, kspace.fft2c(image), 0)
    mirrored = np.conj(np.roll(measured[::-1, ::-1], [1 - size % 2 for size in image.shape], (0, 1)))
    return measured, kspace.ifft2c(np.where(np.broadcast_to(mask, image.shape), measured, mirrored))


# %% [zero_filled] mask_shifted_once_more
# Moves the mask into the corner, for a k-space that has its zero frequency in the middle already.
edit("mask, kspace", "np.fft.ifftshift(mask), kspace")


# %% [zero_filled] back_by_plain_numpy
# Goes back with numpy's ifft2, that takes k-space for uncentred, and divides by the number of pixels.
edit("kspace.ifft2c", "np.fft.ifft2")


# %% [zero_filled] columns_as_rows_if_square
# The mask of columns is turned where it happens to fit both ways.
edit("np.where(mask,", "np.where(mask[:, None] if mask.shape == image.shape[:1] else mask,")


# %% [zero_filled] returns_tensors
# Works in torch, and hands out its tensors.
edit(
    "return measured, kspace.ifft2c(measured)",
    "return torch.from_numpy(measured), torch.from_numpy(kspace.ifft2c(measured))",
)


# %% [zero_filled] small_numbers_are_noise
# Puts 0 wherever k-space is below a millionth, also where the whole image is that small.
edit(
    """
    return measured, kspace.ifft2c(measured)
""",
    """
    measured[np.abs(measured) < 1e-6] = 0
    return measured, kspace.ifft2c(measured)
""",
)


# %% [soft_threshold] calls_the_library
# Calls the function that the exercise builds.
def soft_threshold(values, threshold):
    from course_lib.classical import sparse

    return sparse.soft_threshold(values, threshold)


# %% [soft_threshold] calls_pywavelets
# Calls another library's soft threshold.
def soft_threshold(values, threshold):
    return pywt.threshold(values, threshold, mode="soft")


# %% [soft_threshold] real_part_only
# Shrinks the real part and forgets the imaginary one.
def soft_threshold(values, threshold):
    real = np.real(values)
    return np.sign(real) * np.maximum(np.abs(real) - threshold, 0)


# %% [soft_threshold] magnitude_of_the_real_part
# Asks only the real part how large a value is: 0.1 + 3j is thought small.
def soft_threshold(values, threshold):
    size = np.abs(np.real(values))
    return values * np.maximum(size - threshold, 0) / np.where(size > 0, size, 1)


# %% [soft_threshold] both_parts_for_themselves
# Shrinks the real and the imaginary part, each for itself: the phase turns.
def soft_threshold(values, threshold):
    def shrink(part):
        return np.sign(part) * np.maximum(np.abs(part) - threshold, 0)

    return shrink(np.real(values)) + 1j * shrink(np.imag(values))


# %% [soft_threshold] imaginary_part_untouched
# Shrinks the real part and keeps the imaginary one.
def soft_threshold(values, threshold):
    real = np.real(values)
    return np.sign(real) * np.maximum(np.abs(real) - threshold, 0) + 1j * np.imag(values)


# %% [soft_threshold] loses_the_phase
# Returns the shrunk magnitude.
def soft_threshold(values, threshold):
    return np.maximum(np.abs(values) - threshold, 0)


# %% [soft_threshold] hard
# Sets small values to 0 and leaves large ones alone: the hard threshold.
edit("np.maximum(magnitude - threshold, 0)", "np.where(magnitude > threshold, magnitude, 0)")


# %% [soft_threshold] no_stop_at_zero
# Subtracts without a stop: small values come out on the other side of 0.
edit("np.maximum(magnitude - threshold, 0)", "(magnitude - threshold)")


# %% [soft_threshold] divides_by_zero
# Divides by the magnitude where it is 0: NaN.
edit("np.where(magnitude > 0, magnitude, 1)", "magnitude")


# %% [soft_threshold] subtracts_the_number
# Subtracts the threshold from the complex number: from its real part, that is.
def soft_threshold(values, threshold):
    return np.where(np.abs(values) > threshold, values - threshold, 0)


# %% [soft_threshold] multiplies_by_the_new_length
# Forgets to divide by the old length: the large get larger.
def soft_threshold(values, threshold):
    return values * np.maximum(np.abs(values) - threshold, 0)


# %% [soft_threshold] squared_magnitude
# Compares the squared magnitude with the threshold, as energies.
edit("np.abs(values)", "np.abs(values) ** 2")


# %% [soft_threshold] share_of_the_largest
# Takes the threshold for a share of the largest magnitude.
edit("magnitude - threshold", "magnitude - threshold * magnitude.max()")


# %% [soft_threshold] loses_the_sign_of_real_numbers
# Takes the phase by arccos of the real part: right in the upper half plane only.
def soft_threshold(values, threshold):
    magnitude = np.abs(values)
    angle = np.arccos(np.clip(np.real(values) / np.where(magnitude > 0, magnitude, 1), -1, 1))
    return np.maximum(magnitude - threshold, 0) * np.exp(1j * angle)


# %% [soft_threshold] changes_its_input
# Works in place: the caller's array is no longer what it was.
def soft_threshold(values, threshold):
    magnitude = np.abs(values)
    values *= np.maximum(magnitude - threshold, 0) / np.where(magnitude > 0, magnitude, 1)
    return values


# %% [soft_threshold] ratio_without_care
# 1 − threshold / magnitude: 0 / 0 for a zero with threshold 0 (infinite, and so harmless, for any other threshold).
def soft_threshold(values, threshold):
    return values * np.maximum(1 - threshold / np.abs(values), 0)


# %% [soft_threshold] one_threshold_only
# Asks whether the threshold is 0: right for a number, but an array of thresholds has no answer to that.
def soft_threshold(values, threshold):
    if threshold == 0:
        return values.copy()
    magnitude = np.abs(values)
    return values * (np.maximum(magnitude - threshold, 0) / np.where(magnitude > 0, magnitude, 1))


# %% [soft_threshold] garrote
# Shrinks by threshold² / magnitude: large values are left nearly alone. Another threshold, the garrote.
edit(
    "np.maximum(magnitude - threshold, 0)",
    "np.maximum(magnitude - threshold**2 / np.where(magnitude == 0, 1, magnitude), 0)",
)


# %% [soft_threshold] adds_the_parts
# Takes |real| + |imaginary| for the magnitude.
edit("(values)", "(np.real(values)) + np.abs(np.imag(values))")


# %% [soft_threshold] phase_by_arctan
# The angle by arctan of imaginary / real part: right in the right half plane only.
def soft_threshold(values, threshold):
    angle = np.arctan(np.imag(values) / np.where(np.real(values) == 0, 1e-30, np.real(values)))
    return np.maximum(np.abs(values) - threshold, 0) * np.exp(1j * angle)


# %% [soft_threshold] adds_an_epsilon
# A small number below keeps the division safe, and spoils values that are as small.
edit("np.where(magnitude > 0, magnitude, 1)", "(magnitude + 1e-8)")


# %% [soft_threshold] tiny_values_are_zero
# What is below a millionth counts as 0.
edit("magnitude > 0", "magnitude > 1e-6")
edit("return values", "return np.where(magnitude > 1e-6, values, 0)")


# %% [soft_threshold] keeps_the_type
# Integers stay integers: 2 less 0.5 becomes 1.
edit("return values * (", "return (values * ")
edit(
    "np.where(magnitude > 0, magnitude, 1))",
    "np.where(magnitude > 0, magnitude, 1)).astype(values.dtype)",
)


# %% [soft_threshold] returns_a_list
# A list of numbers in place of an array.
edit("return values * (", "return (values * ")
edit("np.where(magnitude > 0, magnitude, 1))", "np.where(magnitude > 0, magnitude, 1)).tolist()")


# %% [soft_threshold] one_threshold_for_each_row
# Takes the thresholds for those of the rows where the values are a square.
edit("magnitude - threshold", "(magnitude.T - threshold).T")


# %% [ista] calls_the_library
# Calls the function that the exercise builds (the decimated wavelets are its own).
def ista(measured, mask, threshold, iterations, analyse, synthesise):
    from course_lib.classical import sparse

    mask = np.broadcast_to(mask, measured.shape).copy()
    return sparse.ista(measured, mask, strength=float(np.max(threshold)), iterations=max(iterations, 1), levels=1).image


# %% [ista] the_librarys_data_consistency
# Lets the library's layer do the data step.
def ista(measured, mask, threshold, iterations, analyse, synthesise):
    layer = kspace.DataConsistency()
    image, mask = kspace.ifft2c(measured), torch.from_numpy(np.broadcast_to(mask, measured.shape).copy())
    data = torch.from_numpy(measured)
    for _ in range(iterations):
        image = layer(torch.from_numpy(image)[None, None], data[None, None], mask)[0, 0].numpy()
        image = synthesise(pywt.threshold(analyse(image), threshold, mode="soft"))
    return image


# %% [ista] thresholds_the_image
# Shrinks the pixels instead of the coefficients: the head is not sparse in pixels.
edit(
    'synthesise(pywt.threshold(analyse(image), threshold, mode="soft"))',
    'pywt.threshold(image, np.max(threshold), mode="soft")',
)


# %% [ista] no_data_step
# Shrinks again and again, and never looks at the data.
edit("image - kspace.ifft2c(residual)", "image")


# %% [ista] no_threshold
# Only the data step: the zero-filled image for ever.
edit('synthesise(pywt.threshold(analyse(image), threshold, mode="soft"))', "image")


# %% [ista] walks_uphill
# Adds the difference: away from the data.
edit("image - kspace", "image + kspace")


# %% [ista] forgets_the_mask
# Takes the zeros of the gaps for data: back to zero filling in every round.
edit("np.where(mask, kspace.fft2c(image), 0)", "kspace.fft2c(image)")


# %% [ista] shrinks_first
# The data step last: what is returned is not sparse.
def ista(measured, mask, threshold, iterations, analyse, synthesise):
    image = kspace.ifft2c(measured)
    for _ in range(iterations):
        image = synthesise(pywt.threshold(analyse(image), threshold, mode="soft"))
        image = image - kspace.ifft2c(np.where(mask, kspace.fft2c(image), 0) - measured)
    return image


# %% [ista] half_a_step
# Step size ½, as if the objective had no ½ in it.
edit("image - kspace", "image - 0.5 * kspace")


# %% [ista] threshold_on_the_real_part_only
# Shrinks the real part of the coefficients and drops the imaginary one.
edit('analyse(image), threshold, mode="soft")', 'analyse(image).real, threshold, mode="soft") + 0j')


# %% [ista] both_parts_for_themselves
# Shrinks real and imaginary part, each for itself.
def ista(measured, mask, threshold, iterations, analyse, synthesise):
    image = kspace.ifft2c(measured)
    for _ in range(iterations):
        image = image - kspace.ifft2c(np.where(mask, kspace.fft2c(image), 0) - measured)
        values = analyse(image)
        shrunk = [np.sign(part) * np.maximum(np.abs(part) - threshold, 0) for part in (values.real, values.imag)]
        image = synthesise(shrunk[0] + 1j * shrunk[1])
    return image


# %% [ista] magnitude_in_every_round
# Takes the magnitude of the image in every round, since images are positive.
edit(
    'synthesise(pywt.threshold(analyse(image), threshold, mode="soft"))',
    'np.abs(synthesise(pywt.threshold(analyse(image), threshold, mode="soft"))) + 0j',
)


# %% [ista] hard_threshold
# Takes the hard threshold for the soft one.
edit('mode="soft"', 'mode="hard"')


# %% [ista] one_round_only
# Returns from inside the loop.
edit("image = synthesise", "return synthesise")


# %% [ista] starts_anew_in_every_round
# Goes from the zero-filled image in each round: ten rounds are one.
edit("image = image - kspace", "image = kspace.ifft2c(measured) - kspace")
edit("residual = np.where(mask, kspace.fft2c(image), 0)", "residual = np.where(mask, measured, 0)")


# %% [ista] threshold_shrinks_with_the_rounds
# Divides the threshold by the number of the round: another problem in each of them.
edit("for _ in", "for k in")
edit("threshold, mode", "threshold / (k + 1), mode")


# %% [ista] thresholds_k_space
# Shrinks the k-space of the image: that is sparse in its middle, but it is not the transform asked for.
def ista(measured, mask, threshold, iterations, analyse, synthesise):
    image = kspace.ifft2c(measured)
    for _ in range(iterations):
        lines = np.where(mask, measured, kspace.fft2c(image))
        image = kspace.ifft2c(pywt.threshold(lines, np.max(threshold), mode="soft"))
    return image


# %% [ista] forgets_to_synthesise
# Returns to the image by the wrong door: the adds of the coefficients as they are.
edit(
    'synthesise(pywt.threshold(analyse(image), threshold, mode="soft"))',
    'pywt.threshold(analyse(image), threshold, mode="soft").reshape(-1, *image.shape).sum(0)',
)


# %% [ista] one_threshold_for_all_bands
# Takes the largest threshold for all bands: the coarse image is shrunk, too.
edit("threshold, mode", "np.max(threshold), mode")


# %% [ista] data_put_back_at_the_end
# Replaces the measured lines once more after the last round.
edit("return image", "return kspace.ifft2c(np.where(mask, measured, kspace.fft2c(image)))")


# %% [ista] with_momentum
# FISTA already: faster, but not what is asked here.
def ista(measured, mask, threshold, iterations, analyse, synthesise):
    image = point = kspace.ifft2c(measured)
    t = 1.0
    for _ in range(iterations):
        point = point - kspace.ifft2c(np.where(mask, kspace.fft2c(point), 0) - measured)
        new = synthesise(pywt.threshold(analyse(point), threshold, mode="soft"))
        t, before = (1 + np.sqrt(1 + 4 * t**2)) / 2, t
        point, image = new + (before - 1) / t * (new - image), new
    return image


# %% [ista] changes_what_was_measured
# Collects the difference in the caller's data.
def ista(measured, mask, threshold, iterations, analyse, synthesise):
    data = measured.copy()
    image = kspace.ifft2c(data)
    for _ in range(iterations):
        measured[...] = np.where(mask, kspace.fft2c(image), 0) - data
        image = image - kspace.ifft2c(measured)
        image = synthesise(pywt.threshold(analyse(image), threshold, mode="soft"))
    return image


# %% [ista] takes_zeros_for_gaps
# Asks the data, not the mask, what was measured: a measured 0 counts as a gap.
edit("np.where(mask,", "np.where(measured != 0,")


# %% [ista] both_steps_from_the_old_image
# Computes both steps from the same image, and adds them.
edit(
    """
        image = image - kspace.ifft2c(residual)
        image = synthesise(pywt.threshold(analyse(image), threshold, mode="soft"))
""",
    '        image = synthesise(pywt.threshold(analyse(image), threshold, mode="soft")) - kspace.ifft2c(residual)',
)


# %% [ista] mask_turned_round
# Puts the data (zeros) where nothing was measured, and keeps its own image where something was.
def ista(measured, mask, threshold, iterations, analyse, synthesise):
    image = kspace.ifft2c(measured)
    for _ in range(iterations):
        image = kspace.ifft2c(np.where(mask, kspace.fft2c(image), measured))
        image = synthesise(pywt.threshold(analyse(image), threshold, mode="soft"))
    return image


# %% [ista] stops_early
# Stops as soon as the image hardly moves: fewer rounds than asked for.
def ista(measured, mask, threshold, iterations, analyse, synthesise):
    image = kspace.ifft2c(measured)
    for _ in range(iterations):
        before = image
        image = kspace.ifft2c(np.where(mask, measured, kspace.fft2c(image)))
        image = synthesise(pywt.threshold(analyse(image), threshold, mode="soft"))
        if np.linalg.norm(image - before) < 0.05 * np.linalg.norm(before):
            break
    return image


# %% [ista] mean_threshold_for_all_bands
# Makes one number of an array of thresholds: their mean.
edit("threshold, mode", "float(np.mean(threshold)), mode")


# %% [ista] stops_when_little_changes
# Small steps are no end: with small thresholds each round changes less than a thousandth.
edit(
    """
    for _ in range(iterations):
""",
    """
    for _ in range(iterations):
        before = image
""",
)
edit(
    """
        image = synthesise(pywt.threshold(analyse(image), threshold, mode="soft"))
""",
    """
        image = synthesise(pywt.threshold(analyse(image), threshold, mode="soft"))
        if np.linalg.norm(image - before) < 1e-3 * np.linalg.norm(image):
            break
""",
)


# %% [ista] at_most_fifty_rounds
# Fifty rounds are enough, it thinks.
edit("range(iterations)", "range(min(iterations, 50))")


# %% [ista] spares_large_coefficients
# Coefficients above 1000 are no noise, so they are not shrunk: in scanner units that is all of them.
edit(
    """
        image = synthesise(pywt.threshold(analyse(image), threshold, mode="soft"))
""",
    """
        values = analyse(image)
        shrunk = pywt.threshold(values, threshold, mode="soft")
        image = synthesise(np.where(np.abs(values) > 1e3, values, shrunk))
""",
)


# %% [sparse_code] calls_the_library
# Calls the function that the exercise builds.
def sparse_code(patch, dictionary, sparsity):
    from course_lib.classical import dictionary as library

    return library.sparse_code(np.array(patch)[None] + 0.0, dictionary, sparsity=max(sparsity, 1))[0]


# %% [sparse_code] calls_scikit_learn
# Lets scikit-learn do it.
def sparse_code(patch, dictionary, sparsity):
    from sklearn import linear_model

    return linear_model.orthogonal_mp(dictionary.T, patch, n_nonzero_coefs=max(sparsity, 1))


# %% [sparse_code] without_a_new_fit
# Plain matching pursuit: the old coefficients stay, a new one is added.
def sparse_code(patch, dictionary, sparsity):
    coefficients, left = np.zeros(len(dictionary), np.result_type(patch, float)), np.array(patch)
    for _ in range(sparsity):
        likeness = dictionary @ left
        likeness[coefficients != 0] = 0
        best = np.abs(likeness).argmax()
        coefficients[best] = likeness[best]
        left = left - likeness[best] * dictionary[best]
    return coefficients


# %% [sparse_code] the_largest_inner_products
# Looks once: the atoms most like the patch, though they may all say the same.
def sparse_code(patch, dictionary, sparsity):
    coefficients = np.zeros(len(dictionary), np.result_type(patch, float))
    chosen = np.argsort(-np.abs(dictionary @ patch))[:sparsity]
    if sparsity:
        coefficients[chosen] = np.linalg.lstsq(dictionary[chosen].T, patch, rcond=None)[0]
    return coefficients


# %% [sparse_code] thresholds_the_inner_products
# Keeps the largest inner products themselves: right for orthogonal atoms only.
def sparse_code(patch, dictionary, sparsity):
    coefficients = dictionary @ np.array(patch)
    coefficients[np.argsort(-np.abs(coefficients))[sparsity:]] = 0
    return coefficients


# %% [sparse_code] sign_counts
# Chooses the largest inner product, not the largest magnitude: an atom with a negative coefficient is never found.
edit("np.abs(dictionary @ left)", "(dictionary @ left).real")


# %% [sparse_code] real_part_chooses
# Compares the real parts of complex inner products.
edit("np.abs(dictionary @ left)", "np.abs((dictionary @ left).real)")


# %% [sparse_code] loses_the_imaginary_part
# Fits the real part of the patch only.
edit("dictionary[chosen].T, patch, rcond", "dictionary[chosen].T, np.real(patch), rcond")


# %% [sparse_code] one_atom_again
# Chooses among all atoms in each round, so that rounding may choose one twice, and fits it twice.
def sparse_code(patch, dictionary, sparsity):
    coefficients = np.zeros(len(dictionary), np.result_type(patch, float))
    chosen = [int(np.abs(dictionary @ patch).argmax())] * sparsity
    if sparsity:
        coefficients[chosen[0]] = dictionary[chosen[0]] @ patch
    return coefficients


# %% [sparse_code] chooses_among_all_atoms
# Trusts that a chosen atom is never the largest again: where nothing is left, rounding chooses.
edit("        likeness[chosen] = -1\n", "")


# %% [sparse_code] sets_the_chosen_to_zero
# Marks a chosen atom with 0: where nothing is left, all are 0, and the first is chosen again.
edit("likeness[chosen] = -1", "likeness[chosen] = 0")


# %% [sparse_code] dtype_of_the_patch
# Makes the coefficients of the patch's kind: those of whole numbers are cut to whole numbers.
edit("np.result_type(patch, dictionary, np.float32)", "np.asarray(patch).dtype")


# %% [sparse_code] compares_one_part_at_a_time
# Takes the larger of real and imaginary part for the magnitude.
edit("np.abs(dictionary @ left)", "np.maximum(np.abs((dictionary @ left).real), np.abs((dictionary @ left).imag))")


# %% [sparse_code] fits_to_what_is_left
# Fits all chosen atoms to what is left, and forgets what they had explained before.
edit("lstsq(dictionary[chosen].T, patch, rcond", "lstsq(dictionary[chosen].T, left, rcond")


# %% [sparse_code] all_atoms
# Least squares with all atoms: it fits, but is not sparse.
def sparse_code(patch, dictionary, sparsity):
    return np.linalg.lstsq(dictionary.T, np.array(patch), rcond=None)[0]


# %% [sparse_code] one_atom_too_many
# Counts the first atom as none.
edit("range(sparsity)", "range(sparsity + 1)")


# %% [sparse_code] returns_the_patch
# Returns the sum of the atoms, not how much of each.
edit("return coefficients", "return coefficients @ dictionary")


# %% [sparse_code] returns_the_values_only
# Returns the numbers of the chosen atoms, without saying which atoms.
edit("return coefficients", "return np.array(coefficients[chosen])")


# %% [sparse_code] stops_when_little_is_left
# Stops when less than a thousandth is left, whatever the unit of the patch.
edit(
    "    for _ in range(sparsity):\n",
    "    for _ in range(sparsity):\n        if np.abs(left).max() < 1e-3:\n            break\n",
)


# %% [sparse_code] at_most_three_atoms
# Never takes more than three atoms, as in the test.
edit("range(sparsity)", "range(min(sparsity, 3))")


# %% [sparse_code] changes_the_patch
# Subtracts from the patch that it was given.
edit(
    "        left = patch - values @ dictionary[chosen]\n",
    "        left = patch - values @ dictionary[chosen]\n    patch[...] = left\n",
)


# %% [sparse_code] rounds_the_likeness
# Rounds to six digits before it compares: of a patch in small units nothing is left.
edit("likeness = np.abs(dictionary @ left)", "likeness = np.round(np.abs(dictionary @ left), 6)")
