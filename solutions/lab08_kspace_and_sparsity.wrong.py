# Named wrong answers of lab 08: each is a real misconception and loses just its exercise. See CONTRIBUTING.md.

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
def fft2c(image):
    corner = np.fft.fftshift(image, axes=(-2, -1))
    return np.fft.fftshift(np.fft.fft2(corner, norm="ortho"), axes=(-2, -1))


# %% [fft2c] ifftshift_twice
# ifftshift before and after: the zero frequency off by one for odd sizes.
def fft2c(image):
    corner = np.fft.ifftshift(image, axes=(-2, -1))
    return np.fft.ifftshift(np.fft.fft2(corner, norm="ortho"), axes=(-2, -1))


# %% [fft2c] not_orthonormal
# numpy's default: k-space has H·W times the energy of the image.
def fft2c(image):
    return np.fft.fftshift(np.fft.fft2(np.fft.ifftshift(image, axes=(-2, -1))), axes=(-2, -1))


# %% [fft2c] divides_by_the_number_of_pixels
# norm="forward": divides by H·W, where its root is due.
def fft2c(image):
    return np.fft.fftshift(np.fft.fft2(np.fft.ifftshift(image, axes=(-2, -1)), norm="forward"), axes=(-2, -1))


# %% [fft2c] inverse_transform
# Takes ifft2 for fft2: the same amplitudes for a real image, but k-space turned by 180 degrees.
def fft2c(image):
    return np.fft.fftshift(np.fft.ifft2(np.fft.ifftshift(image, axes=(-2, -1)), norm="ortho"), axes=(-2, -1))


# %% [fft2c] last_shift_without_axes
# Shifts the axis of the stack, too: the images change places.
def fft2c(image):
    return np.fft.fftshift(np.fft.fft2(np.fft.ifftshift(image, axes=(-2, -1)), norm="ortho"))


# %% [fft2c] transforms_all_axes
# Transforms the axis of the stack, too.
def fft2c(image):
    return np.fft.fftshift(np.fft.fftn(np.fft.ifftshift(image, axes=(-2, -1)), norm="ortho"), axes=(-2, -1))


# %% [fft2c] first_two_axes
# Takes the first two axes for the image: right until a stack comes.
def fft2c(image):
    return np.fft.fftshift(np.fft.fft2(np.fft.ifftshift(image, axes=(0, 1)), axes=(0, 1), norm="ortho"), axes=(0, 1))


# %% [fft2c] takes_the_real_part_of_the_image
# Thinks that images are real: the phase is lost.
def fft2c(image):
    corner = np.fft.ifftshift(np.real(image), axes=(-2, -1))
    return np.fft.fftshift(np.fft.fft2(corner, norm="ortho"), axes=(-2, -1))


# %% [fft2c] returns_the_magnitude
# Returns what one draws of k-space.
def fft2c(image):
    corner = np.fft.ifftshift(image, axes=(-2, -1))
    return np.abs(np.fft.fftshift(np.fft.fft2(corner, norm="ortho"), axes=(-2, -1)))


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
def line_mask(width, acceleration, center_fraction, generator):
    total, centre = round(width / acceleration), round(width * center_fraction)
    first = (width - centre + 1) // 2
    mask = np.zeros(width, dtype=bool)
    mask[first : first + centre] = True
    mask[generator.choice(np.flatnonzero(~mask), total, replace=False)] = True
    return mask


# %% [line_mask] draws_from_all_columns
# Some of the lines drawn fall into the middle, which is measured anyhow: too few.
def line_mask(width, acceleration, center_fraction, generator):
    total, centre = round(width / acceleration), round(width * center_fraction)
    first = (width - centre + 1) // 2
    mask = np.zeros(width, dtype=bool)
    mask[first : first + centre] = True
    mask[generator.choice(width, total - centre, replace=False)] = True
    return mask


# %% [line_mask] draws_with_replacement
# The same line may be drawn twice: too few.
def line_mask(width, acceleration, center_fraction, generator):
    total, centre = round(width / acceleration), round(width * center_fraction)
    first = (width - centre + 1) // 2
    mask = np.zeros(width, dtype=bool)
    mask[first : first + centre] = True
    mask[generator.choice(np.flatnonzero(~mask), total - centre)] = True
    return mask


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
def line_mask(width, acceleration, center_fraction, generator):
    total, centre = round(width / acceleration), round(width * center_fraction)
    first = (width - centre + 1) // 2
    mask = np.zeros(width, dtype=bool)
    mask[first : first + centre] = True
    mask[generator.choice(np.flatnonzero(~mask), total - centre, replace=False)] = True
    return np.fft.ifftshift(mask)


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
def line_mask(width, acceleration, center_fraction, generator):
    total, centre = round(width / acceleration), round(width * center_fraction)
    first = (width - centre) // 2
    mask = np.zeros(width, dtype=bool)
    mask[first : first + centre] = True
    mask[generator.choice(np.flatnonzero(~mask), total - centre, replace=False)] = True
    return mask


# %% [line_mask] cuts_off_instead_of_rounding
# int() for round(): one line too few for 181 columns and R = 8.
def line_mask(width, acceleration, center_fraction, generator):
    total, centre = int(width / acceleration), int(width * center_fraction)
    first = (width - centre + 1) // 2
    mask = np.zeros(width, dtype=bool)
    mask[first : first + centre] = True
    mask[generator.choice(np.flatnonzero(~mask), total - centre, replace=False)] = True
    return mask


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
def line_mask(width, acceleration, center_fraction, generator):
    total, centre = round(width / acceleration), round(width * center_fraction)
    first = (width - centre + 1) // 2
    mask = np.zeros(width, dtype=bool)
    mask[first : first + centre] = True
    outer = np.flatnonzero(~mask)
    mask[outer[np.linspace(0, len(outer) - 1, total - centre).round().astype(int)]] = True
    return mask


# %% [line_mask] even_spacing_with_a_random_start
# One number by chance moves the whole comb: every line equally likely, but never two neighbours.
def line_mask(width, acceleration, center_fraction, generator):
    total, centre = round(width / acceleration), round(width * center_fraction)
    first = (width - centre + 1) // 2
    mask = np.zeros(width, dtype=bool)
    mask[first : first + centre] = True
    outer = np.flatnonzero(~mask)
    places = (generator.random() + np.arange(total - centre)) * len(outer) / (total - centre)
    mask[outer[places.astype(int) % len(outer)]] = True
    return mask


# %% [line_mask] prefers_the_middle
# Draws lines near the middle more often: variable density, another mask.
def line_mask(width, acceleration, center_fraction, generator):
    total, centre = round(width / acceleration), round(width * center_fraction)
    first = (width - centre + 1) // 2
    mask = np.zeros(width, dtype=bool)
    mask[first : first + centre] = True
    outer = np.flatnonzero(~mask)
    density = (1 - np.abs(outer - width / 2) / width) ** 3
    mask[generator.choice(outer, total - centre, replace=False, p=density / density.sum())] = True
    return mask


# %% [line_mask] one_side_only
# Draws right of the middle only (k-space is symmetric, it thinks; with a phase it is not).
def line_mask(width, acceleration, center_fraction, generator):
    total, centre = round(width / acceleration), round(width * center_fraction)
    first = (width - centre + 1) // 2
    mask = np.zeros(width, dtype=bool)
    mask[first : first + centre] = True
    right = np.arange(first + centre, width)
    others = right if len(right) >= total - centre else np.flatnonzero(~mask)
    mask[generator.choice(others, total - centre, replace=False)] = True
    return mask


# %% [line_mask] same_lines_each_time
# Makes its own generator: every call gives the same mask.
def line_mask(width, acceleration, center_fraction, generator):
    total, centre = round(width / acceleration), round(width * center_fraction)
    first = (width - centre + 1) // 2
    mask = np.zeros(width, dtype=bool)
    mask[first : first + centre] = True
    mask[np.random.default_rng(0).choice(np.flatnonzero(~mask), total - centre, replace=False)] = True
    return mask


# %% [line_mask] global_generator
# Draws from numpy's global generator, so that no run can be repeated.
def line_mask(width, acceleration, center_fraction, generator):
    total, centre = round(width / acceleration), round(width * center_fraction)
    first = (width - centre + 1) // 2
    mask = np.zeros(width, dtype=bool)
    mask[first : first + centre] = True
    mask[np.random.choice(np.flatnonzero(~mask), total - centre, replace=False)] = True
    return mask


# %% [line_mask] numbers_instead_of_booleans
# 0.0 and 1.0: a mask that picks wrongly where it is used as an index.
def line_mask(width, acceleration, center_fraction, generator):
    total, centre = round(width / acceleration), round(width * center_fraction)
    first = (width - centre + 1) // 2
    mask = np.zeros(width)
    mask[first : first + centre] = 1
    mask[generator.choice(np.flatnonzero(mask == 0), total - centre, replace=False)] = 1
    return mask


# %% [line_mask] cuts_off_the_middle_only
# int() for the middle, where 2.8 columns are three.
def line_mask(width, acceleration, center_fraction, generator):
    total, centre = round(width / acceleration), int(width * center_fraction)
    first = (width - centre + 1) // 2
    mask = np.zeros(width, dtype=bool)
    mask[first : first + centre] = True
    mask[generator.choice(np.flatnonzero(~mask), total - centre, replace=False)] = True
    return mask


# %% [line_mask] rounds_the_middle_up
# Takes one more column into the middle, so as to be safe.
def line_mask(width, acceleration, center_fraction, generator):
    total, centre = round(width / acceleration), int(np.ceil(width * center_fraction))
    first = (width - centre + 1) // 2
    mask = np.zeros(width, dtype=bool)
    mask[first : first + centre] = True
    mask[generator.choice(np.flatnonzero(~mask), total - centre, replace=False)] = True
    return mask


# %% [line_mask] half_on_each_side
# Draws as many lines left of the middle as right of it: each is equally likely, but they are not drawn freely.
def line_mask(width, acceleration, center_fraction, generator):
    total, centre = round(width / acceleration), round(width * center_fraction)
    first = (width - centre + 1) // 2
    mask = np.zeros(width, dtype=bool)
    mask[first : first + centre] = True
    left = (total - centre) // 2
    mask[generator.choice(first, left, replace=False)] = True
    mask[first + centre + generator.choice(width - first - centre, total - centre - left, replace=False)] = True
    return mask


# %% [line_mask] lines_in_mirrored_pairs
# Draws on the left, and mirrors: the very lines that tell the same if there is no phase.
def line_mask(width, acceleration, center_fraction, generator):
    total, centre = round(width / acceleration), round(width * center_fraction)
    first = (width - centre + 1) // 2
    mask = np.zeros(width, dtype=bool)
    mask[first : first + centre] = True
    outer = np.flatnonzero(~mask)
    chosen = generator.choice(len(outer) // 2, (total - centre) // 2, replace=False)
    mask[outer[chosen]] = mask[outer[-1 - chosen]] = True
    mask[generator.choice(np.flatnonzero(~mask), total - mask.sum(), replace=False)] = True
    return mask


# %% [line_mask] one_in_each_part
# Cuts the outer columns into parts, and draws one from each: no large gaps, but the lines are not free.
def line_mask(width, acceleration, center_fraction, generator):
    total, centre = round(width / acceleration), round(width * center_fraction)
    first = (width - centre + 1) // 2
    mask = np.zeros(width, dtype=bool)
    mask[first : first + centre] = True
    for part in np.array_split(np.flatnonzero(~mask), total - centre):
        mask[generator.choice(part)] = True
    return mask


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
def zero_filled(image, mask):
    measured = np.where(mask, 0, kspace.fft2c(image))
    return measured, kspace.ifft2c(measured)


# %% [zero_filled] masks_the_image
# Drops columns of the image, not of k-space.
def zero_filled(image, mask):
    measured = kspace.fft2c(np.where(mask, image, 0))
    return measured, kspace.ifft2c(measured)


# %% [zero_filled] magnitude
# Returns the picture as one looks at it: the phase is lost.
def zero_filled(image, mask):
    measured = np.where(mask, kspace.fft2c(image), 0)
    return measured, np.abs(kspace.ifft2c(measured))


# %% [zero_filled] magnitude_as_a_complex_number
# The magnitude again, hidden in a complex array.
def zero_filled(image, mask):
    measured = np.where(mask, kspace.fft2c(image), 0)
    return measured, np.abs(kspace.ifft2c(measured)).astype(complex)


# %% [zero_filled] real_part
# Thinks that the picture of a real image is real: with lines that are not symmetric it is not.
def zero_filled(image, mask):
    measured = np.where(mask, kspace.fft2c(image), 0)
    return measured, kspace.ifft2c(measured).real.astype(complex)


# %% [zero_filled] times_the_acceleration
# Multiplies by the acceleration, to make up for the missing lines.
def zero_filled(image, mask):
    measured = np.where(mask, kspace.fft2c(image), 0)
    return measured, kspace.ifft2c(measured) / np.mean(mask)


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
def zero_filled(image, mask):
    measured = np.where(mask, kspace.fft2c(image), 0)
    return measured, kspace.fft2c(measured)


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
def zero_filled(image, mask):
    measured = np.where(mask, kspace.fft2c(image), 0)
    return kspace.ifft2c(measured), measured


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
def zero_filled(image, mask):
    measured = np.where(np.fft.ifftshift(mask), kspace.fft2c(image), 0)
    return measured, kspace.ifft2c(measured)


# %% [zero_filled] back_by_plain_numpy
# Goes back with numpy's ifft2, that takes k-space for uncentred, and divides by the number of pixels.
def zero_filled(image, mask):
    measured = np.where(mask, kspace.fft2c(image), 0)
    return measured, np.fft.ifft2(measured)


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
def soft_threshold(values, threshold):
    return np.where(np.abs(values) > threshold, values, 0)


# %% [soft_threshold] no_stop_at_zero
# Subtracts without a stop: small values come out on the other side of 0.
def soft_threshold(values, threshold):
    magnitude = np.abs(values)
    return values * (magnitude - threshold) / np.where(magnitude > 0, magnitude, 1)


# %% [soft_threshold] divides_by_zero
# Divides by the magnitude where it is 0: NaN.
def soft_threshold(values, threshold):
    magnitude = np.abs(values)
    return values / magnitude * np.maximum(magnitude - threshold, 0)


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
def soft_threshold(values, threshold):
    energy = np.abs(values) ** 2
    return values * np.maximum(energy - threshold, 0) / np.where(energy > 0, energy, 1)


# %% [soft_threshold] share_of_the_largest
# Takes the threshold for a share of the largest magnitude.
def soft_threshold(values, threshold):
    magnitude = np.abs(values)
    return values * np.maximum(magnitude - threshold * magnitude.max(), 0) / np.where(magnitude > 0, magnitude, 1)


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
def soft_threshold(values, threshold):
    magnitude = np.abs(values)
    return values * np.maximum(1 - (threshold / np.where(magnitude > 0, magnitude, 1)) ** 2, 0)


# %% [soft_threshold] adds_the_parts
# Takes |real| + |imaginary| for the magnitude.
def soft_threshold(values, threshold):
    magnitude = np.abs(np.real(values)) + np.abs(np.imag(values))
    return values * (np.maximum(magnitude - threshold, 0) / np.where(magnitude > 0, magnitude, 1))


# %% [soft_threshold] phase_by_arctan
# The angle by arctan of imaginary / real part: right in the right half plane only.
def soft_threshold(values, threshold):
    angle = np.arctan(np.imag(values) / np.where(np.real(values) == 0, 1e-30, np.real(values)))
    return np.maximum(np.abs(values) - threshold, 0) * np.exp(1j * angle)


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
def ista(measured, mask, threshold, iterations, analyse, synthesise):
    image = kspace.ifft2c(measured)
    for _ in range(iterations):
        image = image - kspace.ifft2c(np.where(mask, kspace.fft2c(image), 0) - measured)
        image = pywt.threshold(image, np.max(threshold), mode="soft")
    return image


# %% [ista] no_data_step
# Shrinks again and again, and never looks at the data.
def ista(measured, mask, threshold, iterations, analyse, synthesise):
    image = kspace.ifft2c(measured)
    for _ in range(iterations):
        image = synthesise(pywt.threshold(analyse(image), threshold, mode="soft"))
    return image


# %% [ista] no_threshold
# Only the data step: the zero-filled image for ever.
def ista(measured, mask, threshold, iterations, analyse, synthesise):
    image = kspace.ifft2c(measured)
    for _ in range(iterations):
        image = image - kspace.ifft2c(np.where(mask, kspace.fft2c(image), 0) - measured)
    return image


# %% [ista] walks_uphill
# Adds the difference: away from the data.
def ista(measured, mask, threshold, iterations, analyse, synthesise):
    image = kspace.ifft2c(measured)
    for _ in range(iterations):
        image = image + kspace.ifft2c(np.where(mask, kspace.fft2c(image), 0) - measured)
        image = synthesise(pywt.threshold(analyse(image), threshold, mode="soft"))
    return image


# %% [ista] forgets_the_mask
# Takes the zeros of the gaps for data: back to zero filling in every round.
def ista(measured, mask, threshold, iterations, analyse, synthesise):
    image = kspace.ifft2c(measured)
    for _ in range(iterations):
        image = image - kspace.ifft2c(kspace.fft2c(image) - measured)
        image = synthesise(pywt.threshold(analyse(image), threshold, mode="soft"))
    return image


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
def ista(measured, mask, threshold, iterations, analyse, synthesise):
    image = kspace.ifft2c(measured)
    for _ in range(iterations):
        image = image - 0.5 * kspace.ifft2c(np.where(mask, kspace.fft2c(image), 0) - measured)
        image = synthesise(pywt.threshold(analyse(image), threshold, mode="soft"))
    return image


# %% [ista] threshold_on_the_real_part_only
# Shrinks the real part of the coefficients and drops the imaginary one.
def ista(measured, mask, threshold, iterations, analyse, synthesise):
    image = kspace.ifft2c(measured)
    for _ in range(iterations):
        image = image - kspace.ifft2c(np.where(mask, kspace.fft2c(image), 0) - measured)
        image = synthesise(pywt.threshold(analyse(image).real, threshold, mode="soft") + 0j)
    return image


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
def ista(measured, mask, threshold, iterations, analyse, synthesise):
    image = kspace.ifft2c(measured)
    for _ in range(iterations):
        image = image - kspace.ifft2c(np.where(mask, kspace.fft2c(image), 0) - measured)
        image = np.abs(synthesise(pywt.threshold(analyse(image), threshold, mode="soft"))) + 0j
    return image


# %% [ista] hard_threshold
# Takes the hard threshold for the soft one.
def ista(measured, mask, threshold, iterations, analyse, synthesise):
    image = kspace.ifft2c(measured)
    for _ in range(iterations):
        image = image - kspace.ifft2c(np.where(mask, kspace.fft2c(image), 0) - measured)
        values = analyse(image)
        image = synthesise(np.where(np.abs(values) > threshold, values, 0))
    return image


# %% [ista] one_round_only
# Returns from inside the loop.
def ista(measured, mask, threshold, iterations, analyse, synthesise):
    image = kspace.ifft2c(measured)
    for _ in range(iterations):
        image = image - kspace.ifft2c(np.where(mask, kspace.fft2c(image), 0) - measured)
        return synthesise(pywt.threshold(analyse(image), threshold, mode="soft"))
    return image


# %% [ista] starts_anew_in_every_round
# Goes from the zero-filled image in each round: ten rounds are one.
def ista(measured, mask, threshold, iterations, analyse, synthesise):
    start = image = kspace.ifft2c(measured)
    for _ in range(iterations):
        image = start - kspace.ifft2c(np.where(mask, kspace.fft2c(start), 0) - measured)
        image = synthesise(pywt.threshold(analyse(image), threshold, mode="soft"))
    return image


# %% [ista] threshold_shrinks_with_the_rounds
# Divides the threshold by the number of the round: another problem in each of them.
def ista(measured, mask, threshold, iterations, analyse, synthesise):
    image = kspace.ifft2c(measured)
    for k in range(iterations):
        image = image - kspace.ifft2c(np.where(mask, kspace.fft2c(image), 0) - measured)
        image = synthesise(pywt.threshold(analyse(image), threshold / (k + 1), mode="soft"))
    return image


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
def ista(measured, mask, threshold, iterations, analyse, synthesise):
    image = kspace.ifft2c(measured)
    for _ in range(iterations):
        image = image - kspace.ifft2c(np.where(mask, kspace.fft2c(image), 0) - measured)
        values = pywt.threshold(analyse(image), threshold, mode="soft")
        image = values.reshape(-1, *image.shape).sum(0)
    return image


# %% [ista] one_threshold_for_all_bands
# Takes the largest threshold for all bands: the coarse image is shrunk, too.
def ista(measured, mask, threshold, iterations, analyse, synthesise):
    image = kspace.ifft2c(measured)
    for _ in range(iterations):
        image = image - kspace.ifft2c(np.where(mask, kspace.fft2c(image), 0) - measured)
        image = synthesise(pywt.threshold(analyse(image), np.max(threshold), mode="soft"))
    return image


# %% [ista] data_put_back_at_the_end
# Replaces the measured lines once more after the last round.
def ista(measured, mask, threshold, iterations, analyse, synthesise):
    image = kspace.ifft2c(measured)
    for _ in range(iterations):
        image = image - kspace.ifft2c(np.where(mask, kspace.fft2c(image), 0) - measured)
        image = synthesise(pywt.threshold(analyse(image), threshold, mode="soft"))
    return kspace.ifft2c(np.where(mask, measured, kspace.fft2c(image)))


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
def ista(measured, mask, threshold, iterations, analyse, synthesise):
    image = kspace.ifft2c(measured)
    for _ in range(iterations):
        image = kspace.ifft2c(np.where(measured != 0, measured, kspace.fft2c(image)))
        image = synthesise(pywt.threshold(analyse(image), threshold, mode="soft"))
    return image


# %% [ista] both_steps_from_the_old_image
# Computes both steps from the same image, and adds them.
def ista(measured, mask, threshold, iterations, analyse, synthesise):
    image = kspace.ifft2c(measured)
    for _ in range(iterations):
        step = kspace.ifft2c(np.where(mask, kspace.fft2c(image), 0) - measured)
        image = synthesise(pywt.threshold(analyse(image), threshold, mode="soft")) - step
    return image


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
def ista(measured, mask, threshold, iterations, analyse, synthesise):
    image = kspace.ifft2c(measured)
    for _ in range(iterations):
        image = kspace.ifft2c(np.where(mask, measured, kspace.fft2c(image)))
        image = synthesise(pywt.threshold(analyse(image), float(np.mean(threshold)), mode="soft"))
    return image


# %% [fista] calls_the_library
# Calls the library's FISTA, which knows its own step only.
def fista(step, start, iterations):
    from course_lib.classical import sparse

    return sparse.fista(start + 0j, np.ones(start.shape, dtype=bool), iterations=max(iterations, 1)).image


# %% [fista] no_momentum
# Repeats the step: that is ISTA.
def fista(step, start, iterations):
    image = start
    for _ in range(iterations):
        image = step(image)
    return image


# %% [fista] momentum_constant
# One factor for all rounds, 0.9, as in an optimiser for networks.
def fista(step, start, iterations):
    image, point = start, start
    for _ in range(iterations):
        before, image = image, step(point)
        point = image + 0.9 * (image - before)
    return image


# %% [fista] t_never_grows
# Forgets to hand the new t on: the factor stays 0.
def fista(step, start, iterations):
    image, point, t = start, start, 1.0
    for _ in range(iterations):
        before, image = image, step(point)
        following = (1 + np.sqrt(1 + 4 * t**2)) / 2
        point = image + (t - 1) / following * (image - before)
    return image


# %% [fista] old_t_above_and_below
# Divides by the old t: the factor is too large.
def fista(step, start, iterations):
    image, point, t = start, start, 1.0
    for _ in range(iterations):
        before, image = image, step(point)
        point = image + (t - 1) / t * (image - before)
        t = (1 + np.sqrt(1 + 4 * t**2)) / 2
    return image


# %% [fista] new_t_above_and_below
# Updates t before it is used above: momentum from the first round on.
def fista(step, start, iterations):
    image, point, t = start, start, 1.0
    for _ in range(iterations):
        before, image = image, step(point)
        t = (1 + np.sqrt(1 + 4 * t**2)) / 2
        point = image + (t - 1) / t * (image - before)
    return image


# %% [fista] forgets_the_four
# √(1 + t²): t hardly grows.
def fista(step, start, iterations):
    image, point, t = start, start, 1.0
    for _ in range(iterations):
        before, image = image, step(point)
        t_before, t = t, (1 + np.sqrt(1 + t**2)) / 2
        point = image + (t_before - 1) / t * (image - before)
    return image


# %% [fista] nesterovs_simple_factor
# (k − 1) / (k + 2): a good factor as well, but another one.
def fista(step, start, iterations):
    image, point = start, start
    for k in range(1, iterations + 1):
        before, image = image, step(point)
        point = image + (k - 1) / (k + 2) * (image - before)
    return image


# %% [fista] backwards
# Subtracts the move: a brake.
def fista(step, start, iterations):
    image, point, t = start, start, 1.0
    for _ in range(iterations):
        before, image = image, step(point)
        t_before, t = t, (1 + np.sqrt(1 + 4 * t**2)) / 2
        point = image - (t_before - 1) / t * (image - before)
    return image


# %% [fista] steps_from_the_image
# Computes the point further on, and then does not go from there.
def fista(step, start, iterations):
    image, points, t = start, [start], 1.0
    for _ in range(iterations):
        before, image = image, step(image)
        t_before, t = t, (1 + np.sqrt(1 + 4 * t**2)) / 2
        points.append(image + (t_before - 1) / t * (image - before))
    return image


# %% [fista] returns_the_point
# Returns the point further on, which no step has been to.
def fista(step, start, iterations):
    image, point, t = start, start, 1.0
    for _ in range(iterations):
        before, image = image, step(point)
        t_before, t = t, (1 + np.sqrt(1 + 4 * t**2)) / 2
        point = image + (t_before - 1) / t * (image - before)
    return point


# %% [fista] move_between_points
# Takes the move from the last point to the image, not from image to image.
def fista(step, start, iterations):
    image, point, t = start, start, 1.0
    for _ in range(iterations):
        image = step(point)
        t_before, t = t, (1 + np.sqrt(1 + 4 * t**2)) / 2
        point = image + (t_before - 1) / t * (image - point)
    return image


# %% [fista] forgets_the_image_before
# Compares with the start in every round.
def fista(step, start, iterations):
    image, point, t = start, start, 1.0
    for _ in range(iterations):
        image = step(point)
        t_before, t = t, (1 + np.sqrt(1 + 4 * t**2)) / 2
        point = image + (t_before - 1) / t * (image - start)
    return image


# %% [fista] one_step_too_many
# Takes a step to get the first image, and then counts.
def fista(step, start, iterations):
    image = point = step(start)
    t = 1.0
    for _ in range(iterations):
        before, image = image, step(point)
        t_before, t = t, (1 + np.sqrt(1 + 4 * t**2)) / 2
        point = image + (t_before - 1) / t * (image - before)
    return image


# %% [fista] two_steps_a_round
# Calls step once for the image and once more for the move.
def fista(step, start, iterations):
    image, point, t = start, start, 1.0
    for _ in range(iterations):
        before, image = image, step(point)
        t_before, t = t, (1 + np.sqrt(1 + 4 * t**2)) / 2
        point = image + (t_before - 1) / t * (step(point) - before)
    return image


# %% [fista] real_part
# Keeps the real part of the point: the phase is lost on the way.
def fista(step, start, iterations):
    image, point, t = start, start, 1.0
    for _ in range(iterations):
        before, image = image, step(point)
        t_before, t = t, (1 + np.sqrt(1 + 4 * t**2)) / 2
        point = np.real(image + (t_before - 1) / t * (image - before))
    return image


# %% [fista] stops_early
# Stops as soon as the image hardly moves: fewer rounds than asked for.
def fista(step, start, iterations):
    image, point, t = start, start, 1.0
    for _ in range(iterations):
        before, image = image, step(point)
        t_before, t = t, (1 + np.sqrt(1 + 4 * t**2)) / 2
        point = image + (t_before - 1) / t * (image - before)
        if np.abs(image - before).max() < 0.1:
            break
    return image


# %% [fista] changes_the_start
# Moves the caller's array along.
def fista(step, start, iterations):
    point, t = start.copy(), 1.0
    for _ in range(iterations):
        before = start.copy()
        start[...] = step(point)
        t_before, t = t, (1 + np.sqrt(1 + 4 * t**2)) / 2
        point = start + (t_before - 1) / t * (start - before)
    return start


# %% [fista] momentum_with_a_ceiling
# Lets the factor grow to 0.9 only, as in an optimiser: the same for the first thirty rounds.
def fista(step, start, iterations):
    image, point, t = start, start, 1.0
    for _ in range(iterations):
        before, image = image, step(point)
        t_before, t = t, (1 + np.sqrt(1 + 4 * t**2)) / 2
        point = image + min((t_before - 1) / t, 0.9) * (image - before)
    return image


# %% [fista] restarts
# Sets t back to 1 where the move turns against the step: often a good idea (O'Donoghue and Candès 2015), but not this algorithm.
def fista(step, start, iterations):
    image, point, t = start, start, 1.0
    for _ in range(iterations):
        before, image = image, step(point)
        if np.vdot(point - image, image - before).real > 0:
            t = 1.0
        t_before, t = t, (1 + np.sqrt(1 + 4 * t**2)) / 2
        point = image + (t_before - 1) / t * (image - before)
    return image


# %% [fista] moves_the_image_along
# += on the point, which is the same array as the image: both are moved.
def fista(step, start, iterations):
    image, point, t = start, start, 1.0
    for _ in range(iterations):
        before, image = image, step(point)
        t_before, t = t, (1 + np.sqrt(1 + 4 * t**2)) / 2
        point = image
        point += (t_before - 1) / t * (image - before)
    return image


# %% [fista] starts_with_t_0
# t starts at 0: a first move backwards, and every factor one round late.
def fista(step, start, iterations):
    image, point, t = start, start, 0.0
    for _ in range(iterations):
        before, image = image, step(point)
        t_before, t = t, (1 + np.sqrt(1 + 4 * t**2)) / 2
        point = image + (t_before - 1) / t * (image - before)
    return image


# %% [fista] keeps_the_best
# Returns the image after the smallest move, not the last one.
def fista(step, start, iterations):
    image, point, t, best, smallest = start, start, 1.0, start, np.inf
    for _ in range(iterations):
        before, image = image, step(point)
        t_before, t = t, (1 + np.sqrt(1 + 4 * t**2)) / 2
        if np.abs(image - point).max() < smallest:
            best, smallest = image, np.abs(image - point).max()
        point = image + (t_before - 1) / t * (image - before)
    return best
