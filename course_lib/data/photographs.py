"""Photographs as training material: those that come with scikit-image, in grey, without any download.

A network that has seen only 30 brains, or synthetic ones, lacks edges and textures; photographs have plenty of both.
They are for training: no lab reports a result on them. Labs 11 and 14.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

from course_lib._checks import check_count
from course_lib.data._patches import check_smallest, cut
from course_lib.profiles import seeded

#: Name, file in scikit-image's own folder, and what is to be seen. Left out of what lies there: drawings, masks, logos,
#: images with a side under 256 pixels (pages of text, faces of 25 pixels), and the motorcycle from the other side.
#: Licences are those that the notes of `skimage.data` state; moon and motorcycle have none there.
PHOTOGRAPHS: dict[str, tuple[str, str]] = {
    "astronaut": ("astronaut.png", "Eileen Collins, NASA; public domain"),
    "brick": ("brick.png", "a brick wall; CC0"),
    "camera": ("camera.png", "a man with a camera, by Lav Varshney; CC0"),
    "cat": ("chelsea.png", "Chelsea the cat, by Stefan van der Walt; CC0"),
    "cell": ("cell.png", "a cell under a microscope; CC0"),
    "clock": ("clock_motion.png", "a clock, blurred by motion, by Stefan van der Walt; public domain"),
    "coffee": ("coffee.png", "a cup of coffee, by Rachel Michetti; CC0"),
    "coins": ("coins.png", "coins from Pompeii, Brooklyn Museum; no known restriction"),
    "grass": ("grass.png", "grass; CC0"),
    "gravel": ("gravel.png", "gravel; CC0"),
    "hubble": ("hubble_deep_field.jpg", "Hubble extreme deep field, NASA; public domain"),
    "moon": ("moon.png", "the surface of the moon"),
    "motorcycle": ("motorcycle_left.png", "a motorcycle, Middlebury stereo set, by Daniel Scharstein"),
    "retina": ("retina.jpg", "a retina, by Häggström; CC0"),
    "rocket": ("rocket.jpg", "a rocket on its pad, SpaceX; public domain"),
    "tissue": ("ihc.png", "stained tissue under a microscope; no known restriction"),
}


def photographs(names: Sequence[str] | None = None) -> list[torch.Tensor]:
    """Grey photographs, each of its own size.

    Colours are weighted as in CCIR 601 (the sum 0.299 R + 0.587 G + 0.114 B). scikit-image may change its files between
    versions.

    Args:
        names: some of PHOTOGRAPHS; default all.

    Returns:
        float32 (1, H, W) in [0, 1], in the order of `names`.

    Raises:
        ValueError: a name that is not in PHOTOGRAPHS.
        FileNotFoundError: the installed scikit-image lacks one: nothing is ever downloaded.

    Lab: 11, 14.
    """
    import skimage
    from PIL import Image

    names = list(PHOTOGRAPHS) if names is None else [names] if isinstance(names, str) else list(names)
    unknown = [name for name in names if name not in PHOTOGRAPHS]
    if unknown or not names:
        raise ValueError(f"names: expected some of {', '.join(PHOTOGRAPHS)}, got {unknown or names}")
    folder, found = Path(skimage.__file__).parent / "data", []
    for name in names:
        path = folder / PHOTOGRAPHS[name][0]
        if not path.is_file():
            raise FileNotFoundError(
                f"the photograph {name!r} did not come with scikit-image {version('scikit-image')}: expected {path}."
                " Leave it out, or install scikit-image from PyPI, whose wheels hold it"
            )
        with Image.open(path) as picture:
            grey = np.array(picture.convert("L"), dtype=np.float32)
        found.append(torch.from_numpy(grey)[None] / 255)
    return found


def patches(
    count: int, size: int, *, seed: int = 0, smallest: float = 0.35, names: Sequence[str] | None = None
) -> torch.Tensor:
    """Random squares of random photographs.

    For a training that draws anew each epoch, give `photographs()` to `mixture.Mixture`.

    Args:
        count: how many squares.
        size: pixels a side.
        seed: at least 0; patch i depends on (seed, i) alone.
        smallest: half of the squares are cut larger and averaged down, by a factor drawn from [smallest, 1]; 1 for
            none.
        names: some of PHOTOGRAPHS; default all.

    Returns:
        float32 (count, 1, size, size) in [0, 1].

    Raises:
        TypeError, ValueError: bad input, also for a size larger than a photograph.

    Lab: 11, 14.
    """
    count, size = check_count(count, "count"), check_count(size, "size")
    seed, smallest = check_count(seed, "seed", low=0), check_smallest(smallest)
    pictures = photographs(names)
    side = min(min(picture.shape[-2:]) for picture in pictures)
    if size > side:
        raise ValueError(f"size: expected at most {side}, the shortest side of these photographs, got {size}")
    found, generator = torch.empty(count, 1, size, size), torch.Generator()
    for index in range(count):
        generator.manual_seed(seeded(seed, "photograph", index))
        which = int(torch.randint(len(pictures), (), generator=generator))
        found[index] = cut(pictures[which], size, generator, smallest)
    return found
