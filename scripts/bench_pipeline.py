"""Item of bench.py on the data pipeline: slices/s from NIfTI files to batches, beside MONAI's and TorchIO's loaders.

`python scripts/bench_pipeline.py [--quick]` prints the section by itself. Peers take part where they are installed.
"""

from __future__ import annotations

import argparse
import functools
import importlib.metadata
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

from bench_speed import interleaved, ratios, spread, table, timed

BATCH, SIZE = 32, 256
LOW, HIGH = 0.5, 99.9  # percentiles that become 0 and 1


def pipeline(quick: bool) -> str:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return _measured(quick)
    finally:
        torch.set_num_threads(threads)


def _measured(quick: bool) -> str:
    volumes, repeats = (1, 1) if quick else (4, 5)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = _files(folder, volumes, quick)
        slices = volumes * _planes(paths[0])
        loaders: dict[str, Callable[[], Iterator]] = {"course_lib": functools.partial(_ours, paths)}
        warm: dict[str, Callable[[], Iterator]] = {}
        missing = []
        for peer, make in (("monai", _monai), ("torchio", _torchio)):
            try:
                loaders[f"{peer} {importlib.metadata.version(peer)}"] = make(paths)
            except ImportError as error:
                missing.append(f"{peer} ({type(error).__name__})")
        same = _agree(loaders)
        found = interleaved(
            {name: functools.partial(_drain, loader, slices) for name, loader in loaders.items()}, repeats
        )
        ours_kept = _ours_kept(paths, folder)
        warm["course_lib, `brain_slices` kept"] = lambda: _batches(ours_kept)
        if any(name.startswith("monai") for name in loaders):
            warm["monai, PersistentDataset"] = _monai_persistent(paths, folder / "monai")
        kept = interleaved({name: functools.partial(_rate, loader) for name, loader in warm.items()}, repeats)
        first_time = [_first_time(paths, folder / f"first{k}") for k in range(repeats)]
    speeds = {name: [slices / seconds for seconds in values] for name, values in found.items()}
    rows = [[name, spread(values), spread(ratios(values, speeds["course_lib"]))] for name, values in speeds.items()]
    shape = "a small head" if quick else "150×256×256 voxels as IXI's, int16, sagittal storage"
    text = (
        f"{volumes} packed NIfTI files ({shape}; Colin27 with Rician noise), one process, one thread, files in the"
        " system's cache. From the file to float32 batches of 32 axial slices: unpack, turn to RAS, scale percentiles"
        f" {LOW} and {HIGH} to [0, 1] (ours takes them from a regular sample of the voxels, the peers from all),"
        f" crop or pad to {SIZE}×{SIZE}; all planes, no resampling, no brain extraction. {repeats} repeats. {same}\n\n"
    )
    text += table(["from NIfTI", "slices/s", "ratio to course_lib"], rows)
    first = kept["course_lib, `brain_slices` kept"]
    rows = [[name, spread(values), spread(ratios(values, first))] for name, values in kept.items()]
    text += (
        "\n\nThe second epoch, from what each keeps on the disk. Ours comes in random order, slice by slice; MONAI's"
    )
    text += " PersistentDataset keeps whole volumes, and they came in order. TorchIO reads the files again.\n\n"
    text += table(["from the disk", "slices/s", "ratio to course_lib"], rows)
    text += (
        "\n\nThe first time, `brain_slices` also finds the brain, resamples to pixels of 1 mm and keeps the slices with"
    )
    text += f" brain: {spread(first_time)} of these slices/s, once for each volume."
    return text + (f"\n\nNot measured: {', '.join(missing)}." if missing else "")


def _files(folder: Path, count: int, quick: bool) -> list[Path]:
    import nibabel
    import numpy as np
    from nibabel import orientations

    from course_lib import noise
    from course_lib.data import brains, planes

    size = (4.0, 4.0, 4.0) if quick else (1.2, 0.9375, 0.9375)
    head = planes.resample(brains.colin27().data, (1, 1, 1), size)
    if not quick:  # the field of view of an IXI scan
        whole = np.zeros((150, 256, 256), np.float32)
        x, y, z = (min(a, b) for a, b in zip(head.shape, whole.shape, strict=True))
        whole[:x, 12 : 12 + y, 30 : 30 + z] = head[:x, :y, :z]
        head = whole
    turn = orientations.ornt_transform(orientations.axcodes2ornt("RAS"), orientations.axcodes2ornt("PSR"))
    paths = []
    for number in range(count):
        data = noise.rician(head, 0.02, generator=np.random.default_rng(number))
        scan = nibabel.Nifti1Image((1000 * data).astype(np.int16), np.diag([*size, 1]))
        paths.append(folder / f"head{number}.nii.gz")
        nibabel.save(scan.as_reoriented(turn), paths[-1])
    return paths


def _planes(path: Path) -> int:
    from course_lib.data import volumes

    return volumes.read_volume(path).data.shape[2]


def _batched(stacks) -> Iterator:
    """Batches of 32 slices (n, 1, H, W) from stacks (N, 1, H, W), one a volume."""
    for stack in stacks:
        yield from stack.split(BATCH)


def _ours(paths: list[Path]) -> Iterator:
    import torch

    from course_lib.data import intensity, planes, volumes

    def stacks():
        for scan in volumes.read_volumes(paths):
            pictures = planes.cut(intensity.unit_range(scan.data, low=LOW, high=HIGH))
            yield torch.from_numpy(planes.crop_or_pad(pictures, SIZE))[:, None]

    return _batched(stacks())


def _upright(volume):
    """(1, X, Y, Z) -> axial pictures (Z, 1, Y, X), front up."""
    return volume.permute(3, 0, 2, 1).flip(2).contiguous()


def _plain(volume):
    """MONAI gives its own kind of tensor, and a plain one where that was kept."""
    return volume.as_tensor() if hasattr(volume, "as_tensor") else volume


def _monai_transform():
    from monai import transforms as t

    return t.Compose(
        [
            t.LoadImage(image_only=True, ensure_channel_first=True),
            t.Orientation("RAS", labels=None),
            t.ScaleIntensityRangePercentiles(LOW, HIGH, 0, 1, clip=True),
            t.ResizeWithPadOrCrop((SIZE, SIZE, -1)),
        ]
    )


def _monai(paths: list[Path]) -> Callable[[], Iterator]:
    from monai.data import Dataset

    dataset = Dataset([str(path) for path in paths], _monai_transform())
    return lambda: _batched(_upright(_plain(dataset[k])) for k in range(len(dataset)))


def _monai_persistent(paths: list[Path], folder: Path) -> Callable[[], Iterator]:
    from monai.data import PersistentDataset

    dataset = PersistentDataset([str(path) for path in paths], _monai_transform(), folder)
    for k in range(len(dataset)):
        dataset[k]
    return lambda: _batched(_upright(_plain(dataset[k])) for k in range(len(dataset)))


def _torchio(paths: list[Path]) -> Callable[[], Iterator]:
    import torchio

    transform = torchio.Compose(
        [
            torchio.ToCanonical(),
            torchio.RescaleIntensity((0, 1), percentiles=(LOW, HIGH)),
        ]
    )

    def stacks():
        # subjects are made anew: TorchIO keeps what it has loaded
        for path in paths:
            image = transform(torchio.Subject(image=torchio.ScalarImage(path)))["image"]
            size = (SIZE, SIZE, image.shape[3])
            yield _upright(torchio.CropOrPad(size)(image).data)

    return lambda: _batched(stacks())


def _ours_kept(paths: list[Path], folder: Path):
    from course_lib.data import stored

    preparation = stored.Preparation("axial", None, 1.0, (SIZE, SIZE))
    files, counts, _ = stored.store(paths, preparation, folder=folder / "ours", progress=False)
    return stored.StoredSlices(files, counts, preparation, "image")


def _batches(stack) -> Iterator:
    import torch

    order = torch.randperm(len(stack), generator=torch.Generator().manual_seed(0))
    return (stack[rows] for rows in order.split(BATCH))


def _count(loader: Callable[[], Iterator]) -> int:
    return sum(len(batch) for batch in loader())


def _drain(loader: Callable[[], Iterator], slices: int) -> float:
    def action() -> None:
        assert _count(loader) == slices

    return timed(action)


def _rate(loader: Callable[[], Iterator]) -> float:
    """slices/s"""
    count = 0

    def action() -> None:
        nonlocal count
        count = _count(loader)

    seconds = timed(action)
    return count / seconds


def _agree(loaders: dict[str, Callable[[], Iterator]]) -> str:
    """Do all give the same pictures? The largest mean difference, said in words."""
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        first = {name: torch.cat(list(loader())).float() for name, loader in loaders.items()}
    ours = first["course_lib"]
    parts = [
        f"{name} {float((pictures - ours).abs().mean()):.1e}"
        for name, pictures in first.items()
        if pictures is not ours
    ]
    return f"Mean absolute difference to our pictures: {', '.join(parts)}." if parts else ""


def _first_time(paths: list[Path], folder: Path) -> float:
    """slices/s of preparing and keeping."""
    from course_lib.data import stored

    counts = []
    preparation = stored.Preparation("axial", None, 1.0, (SIZE, SIZE))
    seconds = timed(lambda: counts.extend(stored.store(paths, preparation, folder=folder, progress=False)[1]))
    return sum(counts) / seconds


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one small head: proves that it runs")
    print(pipeline(parser.parse_args().quick))
