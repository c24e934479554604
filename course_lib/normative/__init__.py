"""What a model of healthy brains can say of one that may not be: maps, scores, a threshold, and a check of memory.

Models are `models.normative`, lesions of known kind and strength `data.lesions`. `normal_range` is the model that needs
no network. All maps are tensors; higher means more suspicious.
"""

from __future__ import annotations

from course_lib.normative.maps import anomaly_map, smooth_inside
from course_lib.normative.memorisation import nearest_training_image
from course_lib.normative.population import NormalRange, normal_range
from course_lib.normative.restoration import restore
from course_lib.normative.scores import area_under_curve, average_precision, best_dice, threshold_for

__all__ = [
    "NormalRange",
    "anomaly_map",
    "area_under_curve",
    "average_precision",
    "best_dice",
    "nearest_training_image",
    "normal_range",
    "restore",
    "smooth_inside",
    "threshold_for",
]
