"""Item of bench.py: projecting and reconstructing CT slices beside scikit-image, and ASTRA where installed."""

from __future__ import annotations

import functools
import importlib.metadata
import warnings
from collections.abc import Callable

from bench_speed import interleaved, ratios, spread, table, timed


def ct(quick: bool) -> str:
    import numpy as np
    import torch

    from course_lib import ct
    from course_lib.data.ct import synthetic_bodies

    repeats, size, views = (1, 32, 12) if quick else (5, 256, 180)
    angles = ct.parallel_angles(views)
    degrees = np.rad2deg(angles.numpy())
    images = ct.to_attenuation(synthetic_bodies(16, size=size))
    # scikit-image wants nothing outside of the circle, and warns
    step = torch.arange(size) - (size - 1) / 2
    images = images * (step[:, None] ** 2 + step[None] ** 2 < (size / 2 - 1) ** 2)
    sinogram = ct.project(images, angles)

    def ours(number: int) -> None:
        ct.fbp(ct.project(images[:number], angles), angles)

    def scikit_image(number: int) -> None:
        from skimage.transform import iradon, radon

        for image in images[:number, 0].numpy():
            iradon(radon(image, degrees, circle=True), degrees, circle=True)

    def astra(number: int) -> None:
        import astra

        flat = astra.create_vol_geom(size, size)
        beams = astra.create_proj_geom("parallel", 1.0, size, angles.numpy())
        projector = astra.create_projector("linear", beams, flat)
        for image in images[:number, 0].numpy():
            where, views_ = astra.create_sino(image, projector)
            found = astra.data2d.create("-vol", flat)
            settings = astra.astra_dict("FBP")
            settings |= {"ReconstructionDataId": found, "ProjectionDataId": where, "ProjectorId": projector}
            algorithm = astra.algorithm.create(settings)
            astra.algorithm.run(algorithm)
            astra.algorithm.delete(algorithm)
            astra.data2d.delete([where, found])

    def gradient() -> None:
        values = sinogram.clone().requires_grad_()
        ct.fbp(values, angles).square().sum().backward()

    peers: dict[str, tuple[str, Callable[[int], None]]] = {
        "course_lib": ("course_lib", ours),
        "scikit-image": ("scikit-image", scikit_image),
        "astra-toolbox": ("astra-toolbox", astra),
    }
    rows = []
    threads = torch.get_num_threads()
    torch.set_num_threads(1 if quick else 2)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for number in (1, 16):
                actions, missing = {}, []
                for name, (package, action) in peers.items():
                    try:
                        action(1)
                    except ImportError:
                        missing.append(package)
                    else:
                        actions[name] = functools.partial(timed, functools.partial(action, number))
                found = interleaved(actions, repeats)
                for name in actions:
                    version = importlib.metadata.version(peers[name][0])
                    ratio = spread(ratios(found[name], found["course_lib"]))
                    rows.append([str(number), f"{name} {version}", spread([1000 * x for x in found[name]]), ratio])
                rows += [[str(number), package, "not installed", ""] for package in missing]
            back = interleaved({"gradient": functools.partial(timed, gradient)}, repeats)["gradient"]
            rows.append(["16", "course_lib, `fbp` and its gradient", spread([1000 * x for x in back]), ""])
    finally:
        torch.set_num_threads(threads)
    text = (
        f"Project and reconstruct (filtered, ramp) synthetic bodies of {size}×{size} pixels, {views} views, float32, on"
        f" the CPU with {1 if quick else 2} threads; {repeats} repeats. scikit-image and ASTRA (CPU, linear) take slice"
        " after slice; only ours is differentiable."
    )
    return f"{text}\n\n{table(['slices', '', 'ms', 'ratio to course_lib'], rows)}"
