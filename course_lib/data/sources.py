"""Where the course's data comes from: a row for everything that can be downloaded, and for what is embedded.

No lab needs a download to be useful: every row says what stands in for it offline.
Hashes: `md5:` and `sha256:` are sums of the whole file; `sha256-prefix:` is the first 8 digits of the sha256
that torchvision writes into the names of its weights; None where no hash is known, and then every download is
reported as unverified. Sizes are in bytes, and only those that are certain.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path

SAMPLES = Path(__file__).parent / "samples"


@dataclass(frozen=True)
class Source:
    """One file that can be downloaded.

    Attributes:
        name: what `fetch` calls it.
        what: it is, in words.
        urls: addresses of the same file, tried in this order.
        filename: place in the data folder.
        hash: see the module.
        size: bytes; see the module.
        licence: of the file.
        citation: what to cite.
        lab: the first lab that uses it.
        offline: its stand-in.
        for_torch: kept in the cache of torch.hub, where torchvision looks too, and not in the data folder.
    """

    name: str
    what: str
    urls: tuple[str, ...]
    filename: str
    hash: str | None
    size: int | None
    licence: str
    citation: str
    lab: str
    offline: str
    for_torch: bool = False

    @property
    def url(self) -> str:
        """The first address."""
        return self.urls[0]


@dataclass(frozen=True)
class Embedded:
    """One file in the folder `samples`, whose README has the notices.

    Attributes:
        file: its name.
        what: it is, in words.
        sha256: of the file.
        size: bytes.
        licence: of the file.
    """

    file: str
    what: str
    sha256: str
    size: int
    licence: str


#: All that is embedded.
EMBEDDED = (
    Embedded(
        file="mnist_subset.npz",
        what="handwritten digits: 6000 to train with, 1000 to test on, classes balanced",
        sha256="40a023bc1c5253d7d4f9fb40ea703cc35cf717161617d85f5e564e5f016239c4",
        size=1_125_849,
        licence="CC BY-SA 3.0",
    ),
    Embedded(
        file="colin27_t1.nii.gz",
        what="Colin27: T1-weighted head, 1 mm, 181x217x181, one man averaged 27 times (the test head)",
        sha256="a009051127f64dc3dd554d5f5b589870ea72106d9642c21b4e7093e478cfc309",
        size=3_510_351,
        licence="MNI notice, see samples/README.md",
    ),
    Embedded(
        file="colin27_brain_mask.nii.gz",
        what="Colin27: brain mask, 1 mm, 181x217x181",
        sha256="4a394a6729b9af58472fc9fa12dd0feafebb293aa52d8f037c735135a4efc500",
        size=64_177,
        licence="MNI notice, see samples/README.md",
    ),
    Embedded(
        file="radiographs.npz",
        what="X-ray pictures: one chest, 953x904, and one lower leg, 880x364",
        sha256="f787b503308331bfa325599ca9649b48c2b443e802856ec462c48e4aa424e3be",
        size=675_561,
        licence="MIT, see samples/README.md",
    ),
    Embedded(
        file="ct_abdomen.npz",
        what="CT slice of an abdomen, 256x256, 1.72 mm, Hounsfield units: one person (the test slice of lab 10)",
        sha256="93ca25b4bf9a2a3ec87ff404bb5e4dd15069d03751cad696eb85d45efb7e1d1e",
        size=69_178,
        licence="CC BY 3.0, see samples/README.md",
    ),
    Embedded(
        file="real_heads.npz",
        what="two heads for training: T1, 2 mm, 91x109x91; proton density, 20 slices 256x256 of 0.86 mm",
        sha256="2d384253af59bc28ce14cdd509f21260e13aa0a95f72bd19e8a7cb226578d991",
        size=1_226_018,
        licence="Apache 2.0 (T1) and BSD (proton density), see samples/README.md",
    ),
)


def _mnist(name: str, what: str, filename: str, md5: str, size: int) -> Source:
    return Source(
        name=name,
        what=f"MNIST handwritten digits, {what}",
        urls=(
            f"https://ossci-datasets.s3.amazonaws.com/mnist/{filename}",
            f"http://yann.lecun.com/exdb/mnist/{filename}",
        ),
        filename=f"MNIST/raw/{filename}",  # where torchvision.datasets.MNIST looks
        hash=f"md5:{md5}",
        size=size,
        licence="CC BY-SA 3.0",
        citation="LeCun, Bottou, Bengio, Haffner: Gradient-based learning applied to document recognition. "
        "Proceedings of the IEEE 86(11), 2278-2324, 1998",
        lab="01",
        offline="digits(...) gives the embedded 6000 train and 1000 test digits",
    )


def _medmnist(name: str, what: str, md5: str, origin: str, lab: str, offline: str) -> Source:
    return Source(
        name=name,
        what=f"MedMNIST+ {what}, 128x128",
        urls=(f"https://zenodo.org/records/10519652/files/{name}.npz",),
        filename=f"{name}.npz",
        hash=f"md5:{md5}",
        size=None,
        licence="CC BY 4.0",
        citation=f"Yang et al.: MedMNIST v2. Scientific Data 10, 41, 2023; images from {origin}",
        lab=lab,
        offline=offline,
    )


def _weights(name: str, what: str, filename: str, citation: str, lab: str, offline: str) -> Source:
    return Source(
        name=name,
        what=what,
        urls=(f"https://download.pytorch.org/models/{filename}",),
        filename=f"weights/{filename}",
        hash=f"sha256-prefix:{filename.removesuffix('.pth').rpartition('-')[2]}",
        size=None,
        licence="BSD 3-Clause (torchvision); trained on ImageNet, whose own terms may bear on the use",
        citation=citation,
        lab=lab,
        offline=offline,
        for_torch=True,
    )


_RANDOM_FEATURES = 'pretrained="if available" or False compares random features, another loss: label the result so'
_IXI = "http://biomedic.doc.ic.ac.uk/brain-development/downloads/IXI/"
_IXI_CITATION = "IXI dataset, brain-development.org/ixi-dataset (EPSRC grant GR/S21533/02)"
_XRAY_OFFLINE = "xrays(...) cuts patches from the embedded chest (to train with) and lower leg (to test on)"

#: All that can be downloaded.
SOURCES = (
    _mnist(
        "mnist_train_images",
        "60000 training images",
        "train-images-idx3-ubyte.gz",
        "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        9_912_422,
    ),
    _mnist(
        "mnist_train_labels",
        "60000 training labels",
        "train-labels-idx1-ubyte.gz",
        "d53e105ee54ea40749a09fcbcd1e9432",
        28_881,
    ),
    _mnist(
        "mnist_test_images",
        "10000 test images",
        "t10k-images-idx3-ubyte.gz",
        "9fb629c4189551a2d022fa330f9573f3",
        1_648_877,
    ),
    _mnist(
        "mnist_test_labels",
        "10000 test labels",
        "t10k-labels-idx1-ubyte.gz",
        "ec29112dd5afa0611ce80d1b7f02629c",
        4_542,
    ),
    Source(
        name="ixi_t1",
        what="IXI: T1-weighted heads of 581 healthy subjects, NIfTI files in one tar, about 4.5 GB",
        urls=(f"{_IXI}IXI-T1.tar",),
        filename="IXI-T1.tar",
        hash="md5:34901a0593b41dd19c1a1f746eac2d58",
        size=None,
        licence="CC BY-SA 3.0",
        citation=_IXI_CITATION,
        lab="03",
        offline="brain_slices(...): synthetic subjects to train with, Colin27 to test on",
    ),
    Source(
        name="ixi_demographics",
        what="IXI: age, sex, ethnicity and more, 619 rows of a spreadsheet (repeated and missing entries)",
        urls=(f"{_IXI}IXI.xls",),
        filename="IXI.xls",
        # the project publishes no hash: this one was measured on a copy of the file
        hash="sha256:d7ce0b9e973117bf57f51c746ba45f039555bcc66cd208d27d77acdf80c2195f",
        size=210_432,
        licence="CC BY-SA 3.0",
        citation=_IXI_CITATION,
        lab="03",
        offline="none",
    ),
    Source(
        name="mini_mias",
        what="mini-MIAS: 322 mammograms, 1024x1024, PGM files in one tar.gz",
        urls=("http://peipa.essex.ac.uk/pix/mias/all-mias.tar.gz",),
        filename="all-mias.tar.gz",
        hash=None,
        size=None,
        licence="its own, for research only: see peipa.essex.ac.uk/info/mias.html; not to be passed on",
        citation="Suckling et al.: The Mammographic Image Analysis Society digital mammogram database. "
        "Excerpta Medica International Congress Series 1069, 375-378, 1994",
        lab="07",
        offline="synthetic_mammograms(...): breast texture by formula, with masses and calcifications",
    ),
    _medmnist(
        "chestmnist_128",
        "chest radiographs",
        "db107e5590b27930b62dbaf558aebee3",
        "Wang et al.: ChestX-ray8. CVPR 2017",
        "07",
        _XRAY_OFFLINE,
    ),
    _medmnist(
        "pneumoniamnist_128",
        "chest radiographs of children",
        "05b46931834c231683c68f40c47b2971",
        "Kermany et al., Cell 172(5), 1122-1131, 2018",
        "07",
        _XRAY_OFFLINE,
    ),
    _medmnist(
        "organamnist_128",
        "axial CT of abdominal organs",
        "eeae80d0a227a8d099027e1b3cfd3b60",
        "Bilic et al.: The liver tumor segmentation benchmark. Medical Image Analysis 84, 2023",
        "10",
        "the CT slices of the PyPI packages pydicom and pydicom-data",
    ),
    _weights(
        "resnet18",
        "ResNet-18 trained on ImageNet, weights for torchvision, 44.7 MB",
        "resnet18-f37072fd.pth",
        "He, Zhang, Ren, Sun: Deep residual learning for image recognition. CVPR 2016",
        "14",
        'pretrained="if available" or False starts the encoder at random: label the result so',
    ),
    _weights(
        "vgg16",
        "VGG-16 trained on ImageNet, weights for torchvision, 527.8 MB",
        "vgg16-397923af.pth",
        "Simonyan, Zisserman: Very deep convolutional networks for large-scale image recognition. ICLR 2015",
        "05",
        _RANDOM_FEATURES,
    ),
    _weights(
        "vgg16_features",
        "VGG-16, only the convolutional part, for inputs from 0 to 255 less a mean, 527.8 MB",
        "vgg16_features-amdegroot-88682ab5.pth",
        "Liu, Rabinovich, Berg: ParseNet. arXiv:1506.04579, 2015; ported by amdegroot/ssd.pytorch",
        "10",
        _RANDOM_FEATURES,
    ),
)


def find(name: str) -> Source:
    """The source of a name.

    Args:
        name: what it is called.

    Returns:
        The source.

    Raises:
        ValueError: no source is called so; the message suggests near names.
    """
    table = {source.name: source for source in SOURCES}
    if name in table:
        return table[name]
    wanted = str(name).lower().replace("-", "_")
    near = [known for known in table if wanted and known.startswith(wanted)]
    near = near or difflib.get_close_matches(wanted, table, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known names: {', '.join(table)}"
    raise ValueError(f"name: expected a source of the course's data, got {name!r}; {hint}")
