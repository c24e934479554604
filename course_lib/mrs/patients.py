"""Cohorts of simulated spectra: several of each patient, which share what a patient shares. A part of `mrs`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from course_lib._checks import check_count, check_number
from course_lib.mrs.artefacts import ARTEFACTS, measured
from course_lib.mrs.basis import SCANNER, Scanner, signals
from course_lib.mrs.metabolites import COMPONENTS, HEALTHY, TUMOUR

GOOD = "good"


@dataclass(frozen=True)
class Cohort:
    """Simulated spectra, several a patient.

    Attributes:
        fids: complex64 (N, points).
        kinds: "good", or the artefact of each, (N,).
        tumour: whether each is from a tumour, (N,), boolean.
        patients: number of the patient, (N,).
        amounts: what is in each voxel, (N, components).

    Lab: 13.
    """

    fids: np.ndarray
    kinds: np.ndarray
    tumour: np.ndarray
    patients: np.ndarray
    amounts: np.ndarray

    @property
    def bad(self) -> np.ndarray:
        """Whether each has an artefact, (N,), boolean."""
        return self.kinds != GOOD

    def __len__(self) -> int:
        return len(self.fids)


def simulate(
    patients: int,
    *,
    voxels: int = 8,
    tumours: float = 0.25,
    bad: float = 0.5,
    artefacts: Sequence[str] = ARTEFACTS,
    severity: tuple[float, float] = (0.2, 1.0),
    scanner: Scanner = SCANNER,
    generator: np.random.Generator | None = None,
) -> Cohort:
    """Spectra of simulated patients.

    A patient has amounts, a shim, a frequency and a phase, all of a patient's voxels vary a little around them, and
    all are of a tumour or none is. So split by patients: two voxels of one patient are nearly the same spectrum.

    Args:
        patients: how many.
        voxels: spectra of each patient.
        tumours: share of patients with a tumour.
        bad: share of spectra with an artefact; each voxel draws for itself.
        artefacts: those that occur, each equally often.
        severity: smallest and largest.
        scanner: how the spectra are recorded.
        generator: of all that is random.

    Returns:
        The cohort, (patients · voxels) spectra, sorted by patient.

    Raises:
        TypeError, ValueError: bad input.

    Lab: 13.
    """
    patients, voxels = check_count(patients, "patients"), check_count(voxels, "voxels")
    tumours = check_number(tumours, "tumours", low=0, high=1)
    bad = check_number(bad, "bad", low=0, high=1)
    low = check_number(severity[0], "severity", low=0, high=1)
    high = check_number(severity[1], "severity", low=low, high=1)
    if not artefacts or set(artefacts) - set(ARTEFACTS):
        raise ValueError(f"artefacts: expected some of {ARTEFACTS}, got {list(artefacts)}")
    rng = np.random.default_rng() if generator is None else generator

    sick = rng.random(patients) < tumours
    bounds = np.array([[HEALTHY[name] for name in COMPONENTS], [TUMOUR[name] for name in COMPONENTS]])
    least, most = np.moveaxis(bounds[sick.astype(int)], -1, 0)  # (patients, components) each
    amounts = rng.uniform(least, most)
    width, noise = rng.uniform(3, 6, patients), rng.uniform(1.5, 3.5, patients)
    shift, phase = rng.normal(0, 1.5, patients), rng.normal(0, 0.08, patients)

    owner = np.repeat(np.arange(patients), voxels)
    count = len(owner)
    amounts = amounts[owner] * np.exp(rng.normal(0, 0.1, (count, len(COMPONENTS))))
    clean = signals(
        amounts,
        width=width[owner] + rng.uniform(0, 1.5, count),
        shift=shift[owner] + rng.normal(0, 1, count),
        phase=phase[owner] + rng.normal(0, 0.08, count),
        scanner=scanner,
    )
    kinds = np.where(rng.random(count) < bad, rng.choice(list(artefacts), count), GOOD)
    strength = rng.uniform(low, high, count)
    fids = np.empty_like(clean)
    for kind in (GOOD, *artefacts):
        here = kinds == kind
        fids[here] = measured(
            clean[here], None if kind == GOOD else kind, strength[here],
            noise=noise[owner][here], scanner=scanner, generator=rng,
        )  # fmt: skip
    return Cohort(fids, kinds, sick[owner], owner, amounts)
