"""The molecules that a brain spectrum shows: shifts and couplings as measured, amounts and decay as chosen here."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Group:
    """Protons that are coupled with each other and with no other proton.

    Attributes:
        shifts: in ppm, one for each spin.
        couplings: {(i, j): J in Hz}.
        protons: how many equal protons each spin stands for: 3 for a methyl group without partners.
    """

    shifts: tuple[float, ...]
    couplings: dict[tuple[int, int], float] = field(default_factory=dict)
    protons: int = 1


# Govindaraju, Young & Maudsley, NMR in Biomedicine 13, 129-153, 2000, as FID-A (Simpson et al. 2017) and from there
# mrsandbox 0.1.3 (MIT licence) store them. Left out: what exchanges with water (NH of creatine, of NAA and of
# glutamine), couplings to nitrogen and phosphorus. "Cr" stands for creatine and phosphocreatine, "Cho" (as
# phosphocholine) for all cholines.
SPINS: dict[str, tuple[Group, ...]] = {
    "NAA": (
        Group((2.008,), protons=3),
        Group((4.3817, 2.6727, 2.4863), {(0, 1): 3.861, (0, 2): 9.821, (1, 2): -15.592}),
    ),
    "Cr": (Group((3.027,), protons=3), Group((3.913,), protons=2)),
    "Cho": (
        Group((3.208,), protons=9),
        Group(
            (4.2805, 4.2805, 3.641, 3.641),
            {(0, 1): -14.89, (0, 2): 2.284, (0, 3): 7.231, (1, 2): 7.326, (1, 3): 2.235, (2, 3): -14.19},
        ),
    ),
    "Ins": (
        Group(
            (3.5217, 4.0538, 3.5217, 3.6144, 3.269, 3.6144),
            {(0, 1): 2.889, (0, 5): 9.998, (1, 2): 3.006, (2, 3): 9.997, (3, 4): 9.485, (4, 5): 9.482},
        ),
    ),
    "Glu": (
        Group(
            (3.7433, 2.0375, 2.12, 2.3378, 2.352),
            {
                (0, 1): 7.331, (0, 2): 4.651, (1, 2): -14.849, (1, 3): 6.413,
                (1, 4): 8.406, (2, 3): 8.478, (2, 4): 6.875, (3, 4): -15.915,
            },
        ),
    ),
    "Gln": (
        Group(
            (3.753, 2.129, 2.109, 2.432, 2.454),
            {
                (0, 1): 5.847, (0, 2): 6.5, (1, 2): -14.504, (1, 3): 9.165,
                (1, 4): 6.347, (2, 3): 6.324, (2, 4): 9.209, (3, 4): -15.371,
            },
        ),
    ),
    "Lac": (Group((4.0974, 1.3142, 1.3142, 1.3142), {(0, 1): 6.933, (0, 2): 6.933, (0, 3): 6.933}),),
}  # fmt: skip

# T2 in s at 3 T. Chosen, of a typical size.
T2 = {"NAA": 0.25, "Cr": 0.15, "Cho": 0.21, "Ins": 0.18, "Glu": 0.16, "Gln": 0.16, "Lac": 0.24}
MACROMOLECULE_T2 = 0.03

# Macromolecules: broad peaks below all others, (ppm, amplitude, full width at half maximum in Hz). Places: Cudalbu et
# al., NMR in Biomedicine 34, e4393, 2021; amplitudes and widths are chosen.
MACROMOLECULES = (
    (0.94, 12.0, 14.0), (1.22, 10.0, 18.0), (1.43, 12.0, 18.0), (1.70, 7.0, 20.0),
    (2.05, 14.0, 22.0), (2.27, 7.0, 20.0), (3.00, 7.0, 20.0), (3.21, 6.0, 20.0),
)  # fmt: skip

#: Rows of `basis`, and the order of all amounts: seven metabolites in mM, then macromolecules and mobile lipids.
COMPONENTS = (*SPINS, "macromolecules", "lipids")

#: Smallest and largest amount of each in healthy tissue. Chosen, near the ranges for the healthy adult brain in de
#: Graaf's *In Vivo NMR Spectroscopy*, 3rd edition, 2019.
HEALTHY = {
    "NAA": (7.5, 12.0), "Cr": (6.0, 10.0), "Cho": (1.0, 2.2), "Ins": (4.0, 9.0), "Glu": (6.0, 12.5), "Gln": (3.0, 6.0),
    "Lac": (0.2, 1.0), "macromolecules": (0.6, 1.4), "lipids": (0.0, 2.0),
}  # fmt: skip

#: The same in a tumour. Chosen: little NAA, much choline, often lactate and some lipid.
TUMOUR = {
    "NAA": (1.0, 6.0), "Cr": (2.0, 7.0), "Cho": (2.5, 5.5), "Ins": (3.0, 9.0), "Glu": (3.0, 9.0), "Gln": (3.0, 8.0),
    "Lac": (0.0, 8.0), "macromolecules": (0.6, 1.4), "lipids": (0.0, 10.0),
}  # fmt: skip
