"""Learning without clean images: a second noisy one, blind spots, or Stein's estimate in the clean image's place.

Everything here takes the network as an argument and returns numbers with gradients: the training loop stays yours.
`training.fit(..., target=...)` trains Noise2Noise; the others need the network twice, or masked, in a loop of your own.
"""

from __future__ import annotations

from course_lib.selfsupervised.blind_spots import blind_spots, masked_loss
from course_lib.selfsupervised.pairs import noise2noise_loss
from course_lib.selfsupervised.risk import monte_carlo_divergence, sure
from course_lib.selfsupervised.unknown_level import UnsureLoss

__all__ = [
    "UnsureLoss",
    "blind_spots",
    "masked_loss",
    "monte_carlo_divergence",
    "noise2noise_loss",
    "sure",
]
