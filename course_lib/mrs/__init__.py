"""Proton spectra of the brain: what a voxel is made of, as peaks along a ppm axis. Simulated, with artefacts on demand.

A scanner that records a voxel without gradients measures a decaying signal in time, the FID. Its Fourier transform is
the spectrum: each molecule has peaks at places of its own, and their areas count its protons. Spectra here are
simulated: chemical shifts and couplings are measured ones, concentrations and artefacts are chosen.

FIDs are complex64 (…, points), numpy. A peak at a higher ppm turns faster in the positive sense, and all ppm axes
rise; plots turn them round, as spectroscopists do. Noise is a standard deviation of real and imaginary part each; the
Fourier transform is orthonormal, so it is the same in the spectrum.

`spins` computes what coupled protons do in a spin echo, `metabolites` holds the molecules, `basis` their FIDs,
`transform` the way to the spectrum, `artefacts` what goes wrong, `patients` draws cohorts, and `quality` measures what
a spectroscopist looks at.
"""

from __future__ import annotations

from course_lib.mrs.artefacts import ARTEFACTS, measured
from course_lib.mrs.basis import SCANNER, Scanner, basis, signals
from course_lib.mrs.metabolites import COMPONENTS, HEALTHY, TUMOUR
from course_lib.mrs.patients import Cohort, simulate
from course_lib.mrs.quality import linewidth, quality_numbers, signal_to_noise
from course_lib.mrs.spins import Transitions, spin_echo
from course_lib.mrs.transform import PPM, compressed, spectrum, spectrum_at

__all__ = [
    "ARTEFACTS",
    "COMPONENTS",
    "HEALTHY",
    "PPM",
    "SCANNER",
    "TUMOUR",
    "Cohort",
    "Scanner",
    "Transitions",
    "basis",
    "compressed",
    "linewidth",
    "measured",
    "quality_numbers",
    "signal_to_noise",
    "signals",
    "simulate",
    "spectrum",
    "spectrum_at",
    "spin_echo",
]
