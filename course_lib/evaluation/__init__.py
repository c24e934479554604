"""Methods side by side: `compare` makes the table, `tune` gives each method its best chance, `sweep` varies the noise.

`compare_reconstructions` and `tune_reconstruction` do the same for k-space. `paired_tests` asks which differences of a
table are more than chance; `ablation` tests each row against the one above. `ATTENTION_DECK` is a published result.

A method is a function `f(noisy, sigma)` of a batch (N, 1, H, W) that returns the denoised batch: `filters.gaussian`,
`bm3d`, or a network, as `lambda noisy, sigma: training.denoise(network, noisy)`. `corrupt` is a noise function,
`f(image, sigma, generator=...)`, as `noise.gaussian`. Images are float tensors in [0, 1].

A reconstruction is a function `f(measured, mask)` of a batch that returns the images: a network, or
`lambda measured, mask: training.reconstruct(network, measured, mask)`. What is acquired is told by
`f(image, generator=...) -> (measured, mask)`, as `training.undersampling(4, 0.08)`.

What is scored: outputs clipped to [0, 1], the noisy image as it is; of reconstructions the magnitude, clipped. Noise
and mask of image i depend on (seed, i) alone, so every method sees the same, whatever it is compared with. The global
random state is left alone.
"""

from __future__ import annotations

from course_lib.evaluation.ablations import Ablation, ablation
from course_lib.evaluation.comparing import METRICS, compare, compare_reconstructions, sweep, tune, tune_reconstruction
from course_lib.evaluation.level_curves import level_curves
from course_lib.evaluation.paired import PairedTest, PairedTests, holm, paired_test, paired_tests
from course_lib.evaluation.published import ATTENTION_DECK
from course_lib.evaluation.results import NOISY, ZERO_FILLED, Comparison, Sweep, Tuning
from course_lib.evaluation.sufficiency import enough_images
from course_lib.evaluation.trial import Method

__all__ = [
    "ATTENTION_DECK",
    "METRICS",
    "NOISY",
    "ZERO_FILLED",
    "Ablation",
    "Comparison",
    "Method",
    "PairedTest",
    "PairedTests",
    "Sweep",
    "Tuning",
    "ablation",
    "compare",
    "compare_reconstructions",
    "enough_images",
    "holm",
    "level_curves",
    "paired_test",
    "paired_tests",
    "sweep",
    "tune",
    "tune_reconstruction",
]
