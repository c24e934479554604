"""`course denoise IN OUT`: a file, or each volume of a series, and a page that says what was done."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from course_lib.scans.denoising import Denoised, denoise_volume
from course_lib.scans.files import StoredImage, read_stored, write_stored
from course_lib.scans.page import check_page, write_page


def denoise_file(
    source: str | Path,
    target: str | Path,
    *,
    method: str = "auto",
    sigma: float | str = "auto",
    noise: str = "auto",
    plane: str = "auto",
    neighbours: bool | str = "auto",
    ensemble: bool = False,
    report: str | Path | None = None,
    progress: bool = True,
) -> list[Denoised]:
    """Denoise a NIfTI file into another with the same header, grid, units and number type.

    A volume at a time is held as numbers, so a volume of 512³ voxels needs about 3 GB.

    Args:
        source: .nii or .nii.gz, one volume or a series, any orientation.
        target: .nii or .nii.gz, not the source itself.
        method, sigma, noise, ensemble: as for `denoise_volume`; sigma in the units of the file.
        neighbours: as for `denoise_volume`; "auto" decides by the first volume of a series, for all of them.
        plane: "axial", "coronal", "sagittal", whichever way the file's axes lie; or "auto", across the longest voxels.
        report: an .html page with pictures of the first volume, or None.
        progress: show bars.

    Returns:
        What was found for each volume (without the volumes themselves: `volume` is empty).

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: bad input; nothing is written then.

    Lab: 14.
    """
    source, target = Path(source), Path(target)
    if target.exists() and source.exists() and target.samefile(source):
        raise ValueError(f"{target}: expected another file than the source, which would be lost")
    if not target.name.lower().endswith((".nii", ".nii.gz")):
        raise ValueError(f"{target}: expected a name that ends in .nii or .nii.gz")
    if report is not None:
        check_page(report)
    image = read_stored(source)
    out = np.empty(image.stored.shape, image.stored.dtype, order="F")
    found = []
    for number in range(image.volumes):
        try:
            one = denoise_volume(
                image.volume(number), image.voxel_size, method=method, sigma=sigma, noise=noise,
                plane=_file_axis(image, plane), neighbours=neighbours, ensemble=ensemble, progress=progress,
            )  # fmt: skip
            neighbours = one.neighbours > 0
        except ValueError as error:
            where = f", volume {number}" if image.volumes > 1 else ""
            raise ValueError(f"{source}{where}: {error}") from error
        into = out if out.ndim == 3 else out[..., number]
        for layer in range(into.shape[2]):  # in float64 a whole volume would need eight times a file of bytes
            into[..., layer] = image.to_stored(one.volume[..., layer])
        if report is not None and number == 0:
            shown = one
        found.append(replace(one, volume=np.empty(0, np.float32)))
    write_stored(target, image, out)
    if report is not None:
        write_page(report, image, shown)
    return found


def _file_axis(image: StoredImage, plane: str) -> str:
    """The plane of the body as the plane of `denoise_volume`, whose axes are those of the file."""
    from nibabel import orientations

    names = ("sagittal", "coronal", "axial")
    if plane not in names:
        return plane  # "auto", or a wrong name, of which denoise_volume complains
    turn = orientations.io_orientation(image.affine)  # for each axis of the file: which of x, y, z
    return names[int(np.flatnonzero(turn[:, 0] == names.index(plane))[0])]
