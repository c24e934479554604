"""The leaderboard: saved models, on noise that they cannot know, beside BM3D. `course evaluate MODEL ...`; lab 14.

Two noises, those of the attention U-Net deck: Gaussian, sigma 0.1, and Rician, sigma 0.11. Two regions, for an empty
background flatters every method: the whole image and the brain. The seed is drawn anew for each evaluation, the same
for all models of it, and told afterwards. Ranked by PSNR inside the brain, the mean over the noises.

A file is data: `models.load` builds the model from this library's own classes. What a card says about training is its
maker's word, and nothing here can tell whether a model was trained on the very head that it is tested on.
"""

from __future__ import annotations

from course_lib.leaderboard.board import Leaderboard
from course_lib.leaderboard.ranking import BASELINES, NOISES, evaluate

__all__ = [
    "BASELINES",
    "NOISES",
    "Leaderboard",
    "evaluate",
]
