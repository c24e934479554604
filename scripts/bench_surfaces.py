"""Item of bench.py: the Hausdorff distance and the average surface distance beside MONAI, medpy and SimpleITK."""

from __future__ import annotations

import functools
import importlib.metadata
import warnings
from collections.abc import Callable
from typing import Any

from bench_speed import interleaved, ratios, spread, table, timed

Spacing = tuple[float, ...]


def blobs(shape: tuple[int, ...]) -> tuple[Any, Any]:
    """Two rough balls that mostly overlap, boolean, of this shape."""
    import numpy as np
    from scipy import ndimage

    rng = np.random.default_rng(0)
    grid = np.meshgrid(*[np.linspace(-1, 1, side) for side in shape], indexing="ij")
    radius, found = sum(axis**2 for axis in grid), []
    for _ in range(2):
        rough = ndimage.gaussian_filter(rng.standard_normal(shape), min(shape) / 12)
        found.append(radius + 0.1 * rough / rough.std() < 0.5)
    return found[0], found[1]


def surfaces(quick: bool) -> str:
    import torch

    from course_lib import metrics

    repeats = 1 if quick else 9
    cases: list[tuple[str, tuple[int, ...], Spacing]] = (
        [("a slice", (16, 17), (1.0, 1.0))]
        if quick
        else [
            ("a slice", (256, 256), (1.0, 1.0)),
            ("a heart in thick slices", (12, 128, 128), (8.0, 1.25, 1.25)),
            ("a head at 1 mm", (160, 192, 160), (1.0, 1.0, 1.0)),
        ]
    )

    def ours(a: Any, b: Any, spacing: Spacing, average: bool) -> None:
        score = metrics.average_symmetric_surface_distance if average else metrics.hausdorff_distance
        score(a, b, spacing=spacing)

    def monai(a: Any, b: Any, spacing: Spacing, average: bool) -> None:
        from monai.metrics import compute_average_surface_distance, compute_hausdorff_distance

        masks = [torch.from_numpy(mask)[None, None] for mask in (a, b)]
        if average:
            compute_average_surface_distance(*masks, include_background=True, symmetric=True, spacing=spacing)
        else:
            compute_hausdorff_distance(*masks, include_background=True, spacing=spacing)

    def medpy(a: Any, b: Any, spacing: Spacing, average: bool) -> None:
        from medpy.metric import binary

        (binary.assd if average else binary.hd)(a, b, voxelspacing=spacing)

    def simple_itk(a: Any, b: Any, spacing: Spacing, average: bool) -> None:
        import SimpleITK

        SimpleITK.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
        images = []
        for mask in (a, b):
            image = SimpleITK.GetImageFromArray(mask.view("uint8"))
            image.SetSpacing(spacing[::-1])
            images.append(image)
        SimpleITK.HausdorffDistanceImageFilter().Execute(*images)

    peers: dict[str, tuple[str, Callable[[Any, Any, Spacing, bool], None], tuple[bool, ...]]] = {
        "course_lib": ("course_lib", ours, (False, True)),
        "MONAI": ("monai", monai, (False, True)),
        "medpy": ("medpy", medpy, (False, True)),
        "SimpleITK": ("SimpleITK", simple_itk, (False,)),
    }
    rows, threads = [], torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for case, shape, spacing in cases:
                a, b = blobs(shape)
                for average in (False, True):
                    actions, missing = {}, []
                    for name, (_, action, offers) in peers.items():
                        if average not in offers:
                            continue
                        call = functools.partial(action, a, b, spacing, average)
                        try:
                            call()
                        except ImportError:
                            missing.append(name)
                        else:
                            actions[name] = functools.partial(timed, call)
                    found = interleaved(actions, repeats)
                    score = "average" if average else "Hausdorff"
                    what = f"{case}, {'×'.join(map(str, shape))}"
                    for name in actions:
                        version = importlib.metadata.version(peers[name][0])
                        ratio = spread(ratios(found[name], found["course_lib"]))
                        rows.append([what, score, f"{name} {version}", spread([1000 * x for x in found[name]]), ratio])
                    rows += [[what, score, name, "not installed", ""] for name in missing]
    finally:
        torch.set_num_threads(threads)
    text = (
        "Two rough balls that mostly overlap, boolean, with the voxel sizes of a slice, of cine MRI and of a head, one"
        f' thread; {repeats} repeats. "Average" is the symmetric one, pooled, which SimpleITK lacks; its Hausdorff'
        " distance is that of filled sets, not of borders."
    )
    return f"{text}\n\n{table(['masks', 'score', '', 'ms', 'ratio to course_lib'], rows)}"
