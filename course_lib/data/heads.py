"""How one synthetic head is made: ICBM152 anatomy, deformed, with a skull and a scalp built around it.

The ICBM152 template has no skull, and networks that never saw one lose most on skull and scalp. So layers
are laid around the cranial cavity by distance, as a painter would: each covers what lies further out.
Everything is evaluated on the wanted axial planes only. Nothing here is a person: these are synthetic heads.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import ndimage
from scipy.special import expit, ndtr

from course_lib.data.anatomy import icbm152, plane_numbers, upright
from course_lib.data.warp import Deformation, random_deformation, random_field, texture_plane

#: Values of a tissue map. "scalp" is everything outside the skull: fat, skin and muscle.
TISSUES = ("background", "csf", "gray matter", "white matter", "skull", "scalp")
BACKGROUND, CSF, GRAY, WHITE, SKULL, SCALP = range(6)

#: Grid of every head, in voxels of 1 mm: that of Colin27.
SHAPE = (181, 217, 181)
#: MNI position in mm of its first voxel.
ORIGIN = (-90.0, -125.0, -71.0)

#: Thickness of each layer in mm, from the brain outwards: smallest and largest.
THICKNESS = {
    "csf": (1.0, 3.0), "inner table": (1.0, 2.0), "marrow": (1.5, 4.0), "outer table": (1.0, 2.0),
    "fat": (2.0, 7.0), "skin": (1.0, 2.0),
}  # fmt: skip

# Steepness of tissue borders: a step over about one voxel, as in a sharp scan.
_TISSUE_STEEPNESS = 5.5
_BORDER_WIDTH = 0.5  # mm
# Of the finest texture, in mm: along x and y, and through planes.
_FINEST = 2.5
# Coarser grid for the distances, which are smooth.
_COARSE = 2


@dataclass(frozen=True)
class Canvas:
    """What every synthetic head starts from; computed once. Maps in template voxels, float32.

    Attributes:
        gray: of the ICBM152 template, as `Template.gray_matter`.
        white: as `Template.white_matter`.
        brain: its brain mask.
        detail: T1 minus its piecewise constant tissue model.
        cavity: signed distance in mm to the cranial cavity, < 0 inside (every second voxel).
        shadow: the same for the cavity and everything below it.
        origin: as `Template.origin`.
    """

    gray: np.ndarray
    white: np.ndarray
    brain: np.ndarray
    detail: np.ndarray
    cavity: np.ndarray
    shadow: np.ndarray
    origin: np.ndarray


def _signed_distance(inside: np.ndarray) -> np.ndarray:
    """Distance in mm to the border of a mask on the coarse grid, negative inside."""
    outside = ndimage.distance_transform_edt(~inside) - ndimage.distance_transform_edt(inside)
    return (_COARSE * ndimage.gaussian_filter(outside, 0.7)).astype(np.float32)


@lru_cache(maxsize=1)
def canvas() -> Canvas:
    """The ICBM152 template made ready; about a second, then kept.

    Returns:
        Its maps.
    """
    template = icbm152()
    gray, white, brain = template.gray_matter, template.white_matter, template.brain_mask
    csf = np.clip(1 - gray - white, 0, 1)
    # mean intensity of each tissue where it is nearly pure
    means = [template.t1[brain & (tissue > 0.9)].mean() for tissue in (csf, gray, white)]
    model = means[0] * csf + means[1] * gray + means[2] * white
    detail = np.where(brain, template.t1 - model, 0).astype(np.float32)

    coarse = brain[::_COARSE, ::_COARSE, ::_COARSE]
    # Closing by 10 mm turns the brain into the cavity that holds it: sulci and cisterns belong to it.
    grown = ndimage.distance_transform_edt(~coarse) <= 10 / _COARSE
    closed = ndimage.distance_transform_edt(grown) > 10 / _COARSE
    # The head is at least as wide as the brain above: without this, the face would shrink to the cerebellum.
    shadow = np.maximum.accumulate(closed[:, :, ::-1], axis=2)[:, :, ::-1]
    return Canvas(
        gray, white, brain.astype(np.float32), detail, _signed_distance(closed), _signed_distance(shadow),
        np.array(template.origin),
    )  # fmt: skip


def _sample(volume: np.ndarray, points: np.ndarray, step: int = 1) -> np.ndarray:
    """Linear interpolation at template voxels (3, ...), for a map that keeps every `step`-th voxel."""
    return ndimage.map_coordinates(volume, points / step, output=np.float32, order=1, mode="nearest")


@dataclass(frozen=True)
class SyntheticHead:
    """One synthetic head, before any plane of it is painted.

    Attributes:
        key: seed and number of the subject.
        deformation: head mm → template mm, both measured from the head's first voxel.
        level: mean intensity of each tissue and layer.
        fields: they vary each layer's thickness.
    """

    key: tuple[int, int]
    deformation: Deformation
    level: dict[str, float]
    fields: dict

    def planes(self, slices: int) -> np.ndarray:
        """Numbers of evenly spaced axial planes that hold the brain; see :func:`plane_numbers`.

        Args:
            slices: how many planes.

        Returns:
            int64 (slices,).
        """
        step = 4
        lattice = [np.arange(0, SHAPE[0], step), np.arange(0, SHAPE[1], step), np.arange(SHAPE[2])]
        area = (_sample(canvas().brain, self._template_points(*lattice)) > 0.5).sum(axis=(0, 1)) * step**2
        return plane_numbers(area, SHAPE[0] * SHAPE[1], slices)

    def _template_points(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        offset = np.array(ORIGIN) - canvas().origin
        return self.deformation(x, y, z) + offset[:, None, None, None]

    def paint(self, planes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Pictures of planes.

        A plane at a time: memory stays small, and a plane is the same whichever others are asked for.

        Args:
            planes: their numbers, (N,).

        Returns:
            Pictures, float32 (N, H, W) in [0, 1]; brain masks, bool; tissue maps, uint8 (TISSUES).
        """
        painted = [self._paint_plane(int(plane)) for plane in planes]
        pictures, masks, tissues = (upright(np.concatenate(parts, axis=-1)) for parts in zip(*painted, strict=True))
        return pictures, masks, tissues

    def _paint_plane(self, plane: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Picture, brain mask and tissue map of one plane; (X, Y, 1)."""
        x, y, z = np.arange(SHAPE[0]), np.arange(SHAPE[1]), np.array([plane])
        points = self._template_points(x, y, z).astype(np.float32)
        field = {name: f.on(x, y, z).astype(np.float32) for name, f in self.fields.items()}
        # the key and 0 are those of the head itself
        fine = texture_plane((*self.key, 1), plane, *SHAPE[:2], _FINEST, _FINEST)[..., None].astype(np.float32)

        picture, label, mask = self._brain(points, field, fine)
        self._layers(picture, label, points, field, fine, plane)
        picture *= np.exp(0.10 * field["bias"])
        np.clip(picture, 0, 1, out=picture)
        # 16-bit steps: what the cache keeps, so that cached and fresh heads are the same numbers
        picture = np.round(picture * 65535).astype(np.uint16).astype(np.float32) / 65535
        return picture, mask, label

    def _brain(
        self, points: np.ndarray, field: dict[str, np.ndarray], fine: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Brain and CSF everywhere: sharpened tissue maps, half of the template's detail, texture."""
        maps, level = canvas(), self.level
        gray, white = _sample(maps.gray, points), _sample(maps.white, points)
        mask = _sample(maps.brain, points) > 0.5
        # Folds differ between people: noise moves the borders; the constant reopens averaged sulci.
        csf = 1 - gray - white + level["atrophy"] + 0.24 * field["folds"] + 0.12 * fine
        white += level["myelin"] + 0.06 * field["shape"] + 0.10 * fine
        weight_csf = expit(_TISSUE_STEEPNESS * (csf - np.maximum(gray, white)))
        weight_white = (1 - weight_csf) * expit(_TISSUE_STEEPNESS * (white - gray))
        weight_gray = 1 - weight_csf - weight_white
        label = np.where(weight_white > weight_gray, WHITE, GRAY).astype(np.uint8)
        label[weight_csf > 0.5] = CSF
        texture = 1 + level["texture"] * (fine + 0.7 * field["folds"] + field["shape"])
        picture = level["csf"] * weight_csf + level["gray"] * weight_gray + level["white"] * weight_white
        picture += 0.5 * level["white"] * _sample(maps.detail, points) * (1 - weight_csf)
        picture *= texture
        return picture, label, mask

    def _layers(
        self,
        picture: np.ndarray,
        label: np.ndarray,
        points: np.ndarray,
        field: dict[str, np.ndarray],
        fine: np.ndarray,
        plane: int,
    ) -> None:
        """CSF, bone, muscle, fat, skin and air over `picture` and `label`, in place."""
        maps, level = canvas(), self.level
        # template mm to mm of this head
        size = np.cbrt(np.linalg.det(self.deformation.matrix))
        from_brain = _sample(maps.cavity, points, _COARSE) / size
        from_head = _sample(maps.shadow, points, _COARSE) / size

        def thickness(layer: str) -> np.ndarray:
            low, high = THICKNESS[layer]
            return low + (high - low) * ndtr(field[layer] + level["thick " + layer])

        def paint(where: np.ndarray, value: np.ndarray | float, tissue: int) -> None:
            """Cover with `value` where a signed distance in mm is positive."""
            share = expit(where / _BORDER_WIDTH)
            picture[...] += share * (value - picture)
            label[where > 0] = tissue

        rough = 1 + 0.08 * fine + 0.08 * field["folds"] + 0.10 * field["shape"]
        paint(from_brain, level["csf"] * rough, CSF)
        depth = thickness("csf")
        paint(from_brain - depth, level["bone"] * rough, SKULL)
        depth += thickness("inner table")
        paint(from_brain - depth, level["marrow"] * rough * (1 + 0.2 * field["light marrow"]), SKULL)
        depth += thickness("marrow")
        paint(from_brain - depth, level["bone"] * rough, SKULL)
        depth += thickness("outer table")
        # Muscle thickens towards the neck; fat runs through it in sheets, air and bone in patches.
        muscle = 9 * expit((62 - plane) / 9) * ndtr(field["muscle"])
        sheets = level["muscle"] + (level["fat"] - level["muscle"]) * 0.7 * expit(5 * (field["sheets"] - 1.0))
        patches = expit(12 * (field["patches"] - 0.9))
        paint(from_brain - depth, rough * (sheets + patches * (level["bone"] - sheets)), SCALP)
        skin, fat = thickness("skin"), thickness("fat")
        surface = depth + muscle + fat + skin
        under = from_head - surface
        paint(under + fat + skin, level["fat"] * rough * (1 + 0.15 * field["light fat"]), SCALP)
        paint(under + skin, level["skin"] * rough, SCALP)
        paint(under, 0.0, BACKGROUND)


def synthetic_head(seed: int, subject: int) -> SyntheticHead:
    """One subject of a seed: shape, pose, contrast and layers; nothing painted yet.

    Args:
        seed: of the cohort.
        subject: number of the subject of that seed.

    Returns:
        The head.
    """
    rng = np.random.default_rng([seed, subject, 0])
    extent = (SHAPE[0] - 1.0, SHAPE[1] - 1.0, SHAPE[2] - 1.0)
    deformation = random_deformation(rng, extent)
    white = rng.uniform(0.38, 0.62)
    relative = {
        "gray": (0.70, 0.86), "csf": (0.15, 0.38), "bone": (0.05, 0.14), "marrow": (0.15, 0.60),
        "fat": (0.90, 1.40), "skin": (0.45, 0.75), "muscle": (0.40, 0.65),
    }  # fmt: skip
    level = {name: white * rng.uniform(*bounds) for name, bounds in relative.items()} | {"white": white}
    level["fat"] = min(level["fat"], 0.65)
    level |= {
        "atrophy": rng.uniform(0.10, 0.40), "myelin": rng.uniform(-0.10, 0.03),
        "texture": rng.uniform(0.015, 0.030),
    }  # fmt: skip
    level |= {"thick " + layer: 0.5 * rng.standard_normal() for layer in THICKNESS}
    spacing = {
        "folds": 6.0, "sheets": 8.0, "shape": 25.0, "patches": 18.0, "light marrow": 12.0, "light fat": 20.0,
        "muscle": 30.0, "bias": 70.0,
    } | {layer: 40.0 for layer in THICKNESS}  # fmt: skip
    fields = {name: random_field(rng, extent, step) for name, step in spacing.items()}
    return SyntheticHead((seed, subject), deformation, level, fields)
