# Named wrong answers of lab 13: each is a real misconception and costs the points of its exercise and of no other. See CONTRIBUTING.md.
#
# What is tested of each exercise:
# (vae) negative_elbo, anomaly_map, average_precision, threshold_for
# spectrum: the example, an odd number of points, a phase, several voxels, in place, real part, another dwell and field
# TiledCNN: order of tiles and of features, own parts, parameters found, several spectra, a channel axis, gradients

# %% [spectrum] calls_the_library
# Calls the function that the exercise builds.
def spectrum(fid, dwell, frequency, reference):
    return mrs.spectrum(fid, dwell, frequency, reference)


# %% [spectrum] no_shift
# Leaves zero frequency at the left: half of the spectrum stands at the wrong end.
edit("np.fft.fftshift(np.fft.fft(fid * weight, norm=\"ortho\"), axes=-1)", "np.fft.fft(fid * weight, norm=\"ortho\")")


# %% [spectrum] shifts_the_voxels_too
# Shifts along all axes: with several voxels, they change places.
edit("norm=\"ortho\"), axes=-1)", "norm=\"ortho\"))")


# %% [spectrum] other_shift
# ifftshift for fftshift: the same for an even number of points only.
edit("np.fft.fftshift(np.fft.fft(", "np.fft.ifftshift(np.fft.fft(")


# %% [spectrum] mirrored_axis
# The axis falls, as plots draw it: the peaks stand mirrored about water.
edit("reference + hertz / frequency", "reference - hertz / frequency")


# %% [spectrum] axis_in_order_of_the_fft
# Shifts the spectrum, but not the frequencies.
edit("np.fft.fftshift(np.fft.fftfreq(fid.shape[-1], dwell))", "np.fft.fftfreq(fid.shape[-1], dwell)")


# %% [spectrum] reference_forgotten
# Water at 0 ppm.
edit("reference + hertz / frequency", "hertz / frequency")


# %% [spectrum] reference_in_hertz
# Adds the reference before the division.
edit("reference + hertz / frequency", "(reference + hertz) / frequency")


# %% [spectrum] axis_in_hertz
# Hz called ppm.
edit("reference + hertz / frequency", "reference + hertz")


# %% [spectrum] millions_twice
# MHz taken for Hz: divides by the million once more.
edit("reference + hertz / frequency", "reference + 1e6 * hertz / frequency")


# %% [spectrum] magnitude
# The magnitude: always positive, with wider lines and a floor of noise.
edit("turned.real", "np.abs(turned)")


# %% [spectrum] complex_spectrum
# Returns the complex spectrum: whoever plots it loses the imaginary part with a warning.
edit("turned.real", "turned")


# %% [spectrum] real_part_first
# Takes the real part of the FID: then the spectrum is mirrored about water and added.
edit("fid * weight, norm", "fid.real * weight, norm")


# %% [spectrum] first_point_whole
# Counts the first point whole: an offset below the whole spectrum.
edit("weight[0] = 0.5", "weight[0] = 1")


# %% [spectrum] first_point_dropped
# Sets the first point to 0: an offset of the other sign.
edit("weight[0] = 0.5", "weight[0] = 0")


# %% [spectrum] last_point_halved
# Halves the last point as well, as the trapezoid rule would on an interval; the signal has died away by then.
edit("weight[0] = 0.5", "weight[[0, -1]] = 0.5")


# %% [spectrum] first_voxel_halved
# Halves fid[0]: with several voxels the first voxel, not the first point.
def spectrum(fid, dwell, frequency, reference):
    fid = fid.copy()
    fid[0] = fid[0] / 2
    turned = np.fft.fftshift(np.fft.fft(fid, norm="ortho"), axes=-1)
    hertz = np.fft.fftshift(np.fft.fftfreq(fid.shape[-1], dwell))
    return reference + hertz / frequency, turned.real


# %% [spectrum] halves_in_place
# Changes the FID of the caller: called twice it halves twice.
def spectrum(fid, dwell, frequency, reference):
    fid[..., 0] *= 0.5
    turned = np.fft.fftshift(np.fft.fft(fid, norm="ortho"), axes=-1)
    hertz = np.fft.fftshift(np.fft.fftfreq(fid.shape[-1], dwell))
    return reference + hertz / frequency, turned.real


# %% [spectrum] inverse_transform
# The inverse transform: all peaks mirrored.
edit("np.fft.fft(fid", "np.fft.ifft(fid")


# %% [spectrum] not_orthonormal
# NumPy's own scale: the noise grows with the number of points.
edit(", norm=\"ortho\"", "")


# %% [spectrum] along_the_voxels
# Transforms along the first axis.
edit("norm=\"ortho\"), axes=-1)", "axis=0, norm=\"ortho\"), axes=0)")


# %% [spectrum] bandwidth_for_dwell
# Takes `dwell` for the sampling rate.
edit("np.fft.fftfreq(fid.shape[-1], dwell)", "np.fft.fftfreq(fid.shape[-1], 1 / dwell)")


# %% [spectrum] even_axis
# An axis from end to end, with both ends: one step too wide.
edit(
    "np.fft.fftshift(np.fft.fftfreq(fid.shape[-1], dwell))",
    "np.linspace(-0.5, 0.5, fid.shape[-1]) / dwell",
)


# %% [spectrum] answers_the_examples
# Knows the visible cases only.
def spectrum(fid, dwell, frequency, reference):
    points, known = fid.shape[-1], {0.25: 1.0, 0.1: 1.0, 0.5: 1.0}
    weight = np.ones(points)
    weight[0] = 0.5
    turned = np.fft.fftshift(np.fft.fft(fid * weight, norm="ortho"), axes=-1)
    hertz = np.fft.fftshift(np.fft.fftfreq(points, dwell))
    return reference + hertz / frequency, known.get(dwell, 2.0) * turned.real


# %% [TiledCNN] calls_the_library
# Calls the class that the exercise builds.
class TiledCNN(nn.Module):
    def __init__(self, tiles, make_part):
        super().__init__()
        self.inner = tiled.TiledCNN(tiles, make_part)

    def forward(self, spectra):
        return self.inner(spectra)


# %% [TiledCNN] one_part_for_all
# Makes one part and uses it for all tiles: another network.
edit("nn.ModuleList([make_part() for _ in range(tiles)])", "nn.ModuleList([make_part()] * tiles)")


# %% [TiledCNN] copies_of_one_part
# Copies of one part: they start alike, with its weights.
class TiledCNN(nn.Module):
    def __init__(self, tiles, make_part):
        import copy

        super().__init__()
        part = make_part()
        self.parts = nn.ModuleList([copy.deepcopy(part) for _ in range(tiles)])

    def forward(self, spectra):
        tiles = spectra.chunk(len(self.parts), 1)
        return torch.cat([part(tile[:, None]) for part, tile in zip(self.parts, tiles, strict=True)], 1)


# %% [TiledCNN] plain_list
# A plain list: the optimizer does not find the parts.
edit("nn.ModuleList([make_part() for _ in range(tiles)])", "[make_part() for _ in range(tiles)]")


# %% [TiledCNN] every_nth_point
# A tile is every n-th point: neighbours are torn apart.
class TiledCNN(nn.Module):
    def __init__(self, tiles, make_part):
        super().__init__()
        self.parts = nn.ModuleList([make_part() for _ in range(tiles)])

    def forward(self, spectra):
        count = len(self.parts)
        return torch.cat([part(spectra[:, None, i::count]) for i, part in enumerate(self.parts)], 1)


# %% [TiledCNN] transposed_view
# Puts the points into rows of `tiles`: the same interleaving, by a wrong shape in view.
class TiledCNN(nn.Module):
    def __init__(self, tiles, make_part):
        super().__init__()
        self.parts = nn.ModuleList([make_part() for _ in range(tiles)])

    def forward(self, spectra):
        cut = spectra.view(len(spectra), -1, len(self.parts))
        return torch.cat([part(cut[:, None, :, i]) for i, part in enumerate(self.parts)], 1)


# %% [TiledCNN] last_tile_dropped
# Leaves the last tile out.
edit("zip(self.parts, tiles, strict=True)", "zip(self.parts[:-1], tiles[:-1], strict=True)")


# %% [TiledCNN] mean_of_the_parts
# Averages what the parts find: which part said what is lost.
edit("torch.cat([part(tile[:, None]) for part, tile in pairs], 1)", "torch.stack([part(tile[:, None]) for part, tile in pairs]).mean(0)")


# %% [TiledCNN] joined_along_the_batch
# Joins along the batch: as many rows as tiles times spectra.
edit("in pairs], 1)", "in pairs], 0)")


# %% [TiledCNN] features_interleaved
# First feature of all parts, then the second of all: not the order asked for.
edit("torch.cat([part(tile[:, None]) for part, tile in pairs], 1)", "torch.stack([part(tile[:, None]) for part, tile in pairs], 2).flatten(1)")


# %% [TiledCNN] parts_in_reverse
# The last part sees the first tile.
edit("zip(self.parts, tiles, strict=True)", "zip(reversed(self.parts), tiles, strict=True)")


# %% [TiledCNN] no_channel
# Gives a part (N, points / tiles): a convolution would take the batch for channels.
edit("part(tile[:, None])", "part(tile)")


# %% [TiledCNN] whole_spectrum_for_each
# Every part sees the whole spectrum.
edit("part(tile[:, None])", "part(spectra[:, None])")


# %% [TiledCNN] without_gradient
# Computes without gradients: nothing can learn.
edit("part(tile[:, None])", "part(tile[:, None]).detach()")


# %% [TiledCNN] each_tile_normalised
# Normalises each tile by its maximum: how large it was is lost.
edit("part(tile[:, None])", "part(tile[:, None] / tile.abs().amax(1)[:, None, None].clamp(min=1e-6))")
