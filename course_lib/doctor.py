"""`course doctor`: what works on this machine, and what to do about what does not. Lab 00 shows the same."""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import importlib.util
import os
import platform
import shutil
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from course_lib.project import PLACEHOLDER, course_address, project_root

OK, WARN, FAIL = "OK", "WARN", "FAIL"
GIB = 2**30
OLDEST_PYTHON = (3, 11)
MEMORY_NEEDED = 2 * GIB  # what a lab may use in profile cpu
DISK_NEEDED = 1 * GIB


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Attributes:
        name: the topic.
        level: "OK", "WARN" (labs run, with a limit) or "FAIL" (labs do not run).
        message: what was found.
        remedy: what to do, where there is something.
    """

    name: str
    level: str
    message: str
    remedy: str = ""


def checkup(more: Mapping[str, Callable[[], Finding]] | None = None) -> list[Finding]:
    """Examine this machine.

    Args:
        more: further checks by topic, as the instructor's in `course_staff.health`.

    Returns:
        One finding a topic.

    Lab: 00.
    """
    checks: dict[str, Callable[[], Finding]] = {
        "Python": python,
        "torch": torch_and_vision,
        "GPU": gpu,
        "memory": memory,
        "disk": disk,
        "kernel": kernel,
        "data": data,
        "weights": weights,
        "network": network,
        "address": address,
        **(more or {}),
    }
    return [_examined(name, check) for name, check in checks.items()]


def report(findings: list[Finding] | None = None) -> None:
    """Print a line a finding, with the remedy below where there is one.

    Args:
        findings: default a fresh checkup.
    """
    findings = checkup() if findings is None else findings
    for finding in findings:
        print(f"{finding.level:<5} {finding.name:<9} {finding.message}")
        if finding.remedy:
            print(f"{'':<15} -> {finding.remedy}")
    levels = [finding.level for finding in findings]
    if FAIL in levels:
        print(f"\n{levels.count(FAIL)} of {len(levels)} need attention before the labs run.")
    elif WARN in levels:
        print("\nThe labs run; WARN lines say what is limited.")
    else:
        print("\nAll is well.")


def python() -> Finding:
    """Is Python new enough?

    Returns:
        One line of the report.
    """
    message = f"{platform.python_version()} at {sys.executable}"
    if sys.version_info < OLDEST_PYTHON:
        return Finding("Python", FAIL, message, "install Python 3.11 or newer and set the course up again")
    return Finding("Python", OK, message)


def torch_and_vision() -> Finding:
    """Do torch and torchvision import together? A mismatched pair fails here.

    Returns:
        One line of the report.
    """
    try:
        torch, vision = importlib.import_module("torch"), importlib.import_module("torchvision")
    except Exception as error:  # a mismatch raises RuntimeError or OSError from compiled code
        remedy = "reinstall both together: pip install --force-reinstall torch torchvision"
        return Finding("torch", FAIL, f"{type(error).__name__}: {error}", remedy)
    return Finding("torch", OK, f"torch {torch.__version__}, torchvision {vision.__version__}")


def gpu() -> Finding:
    """Is there a GPU? All labs run without one.

    Returns:
        One line of the report.
    """
    torch = importlib.import_module("torch")
    if not torch.cuda.is_available():
        from course_lib import apple_gpu

        if not apple_gpu.available():
            return Finding("GPU", OK, "none, and none is needed: the labs choose sizes that fit your processor")
        problem = apple_gpu.problem()
        if problem:
            return Finding("GPU", OK, f"Apple GPU, left alone: the labs use your processor ({problem})")
        return Finding("GPU", OK, "Apple GPU: networks train on it (COURSE_PROFILE=cpu switches it off)")
    card = torch.cuda.get_device_properties(0)
    return Finding("GPU", OK, f"{card.name}, {card.total_memory / GIB:.1f} GiB")


def memory() -> Finding:
    """Is there enough memory, in this machine and in the container that may surround us?

    Returns:
        One line of the report.
    """
    import psutil

    size = psutil.virtual_memory()
    total = min([size.total, *_container_limits()])
    free = min(size.available, total)
    message = f"{total / GIB:.1f} GiB, {free / GIB:.1f} GiB free"
    if total < MEMORY_NEEDED / 2:
        return Finding("memory", FAIL, message, "the labs need 2 GiB: use another machine, Colab or Binder")
    if free < MEMORY_NEEDED:
        return Finding("memory", WARN, message, "labs may use 2 GiB: close other programs and notebooks")
    return Finding("memory", OK, message)


def disk() -> Finding:
    """Is there room for caches and downloads?

    Returns:
        One line of the report.
    """
    folder = _existing(_data_folder())
    free = shutil.disk_usage(folder).free
    message = f"{free / GIB:.1f} GiB free for data in {folder}"
    if not os.access(folder, os.W_OK):
        remedy = "make it writable, or set the environment variable COURSE_DATA to another folder"
        return Finding("disk", FAIL, f"{folder} cannot be written", remedy)
    if free < DISK_NEEDED / 10:
        return Finding("disk", FAIL, message, "free at least 1 GiB")
    if free < DISK_NEEDED:
        return Finding("disk", WARN, message, "free at least 1 GiB before fetching data")
    return Finding("disk", OK, message)


def kernel() -> Finding:
    """Will notebooks run in this environment? The kernel "python3" must start this very Python.

    Returns:
        One line of the report.
    """
    remedy = f"{sys.executable} -m ipykernel install --sys-prefix --name python3"
    try:
        from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

        command = KernelSpecManager().get_kernel_spec("python3").argv[0]
    except ImportError:
        remedy = f"{sys.executable} -m pip install ipykernel"
        return Finding("kernel", FAIL, "ipykernel is not installed", remedy)
    except NoSuchKernel:
        return Finding("kernel", FAIL, "no kernel called python3", remedy)
    if not os.path.isabs(command):  # Jupyter replaces a bare "python" by the Python that runs Jupyter
        return Finding("kernel", OK, "python3 starts this Python")
    if shutil.which(command) is None:
        return Finding("kernel", FAIL, f"kernel python3 starts {command}, which does not exist", remedy)
    # folders are compared, not files: the Pythons of two environments may be links to the same file
    if Path(command).parent != Path(sys.executable).parent:
        return Finding("kernel", WARN, f"kernel python3 starts another Python, {command}", remedy)
    return Finding("kernel", OK, f"python3 starts {command}")


def data() -> Finding:
    """Are the embedded files there, with the right hash?

    Returns:
        One line of the report.
    """
    from course_lib.data import sources

    wrong = []
    for sample in sources.EMBEDDED:
        path = sources.SAMPLES / sample.file
        if not path.is_file():
            wrong.append(f"{path.name} is missing")
        elif _sha256(path) != sample.sha256:
            wrong.append(f"{path.name} is damaged")
    if wrong:
        remedy = "install course_lib again; in a clone: git checkout course_lib/data/samples"
        return Finding("data", FAIL, "; ".join(wrong), remedy)
    count = len(sources.EMBEDDED)
    return Finding("data", OK, f"{count} embedded files are whole; downloads go to {_data_folder()}")


def weights() -> Finding:
    """Are the ImageNet weights where the models and the perceptual loss read them, and can they be read?

    Returns:
        One line of the report.
    """
    from course_lib.data.fetch import where
    from course_lib.data.weights import NETWORKS, state_of

    states = {name: state_of(name) for name in NETWORKS}
    named = {state: [name for name in NETWORKS if states[name] == state] for state in ("whole", "absent", "damaged")}
    if named["damaged"]:
        files = ", ".join(str(where(name)) for name in named["damaged"])
        remedy = f"delete it; to get it again: course data fetch {' '.join(named['damaged'])}"
        return Finding("weights", WARN, f"cannot be read: {files}", remedy)
    said = [f"{NETWORKS[name]} is whole, in {where(name).parent}" for name in named["whole"]]
    if named["absent"]:
        labels = " and ".join(NETWORKS[name] for name in named["absent"])
        fetch = f"course data fetch {' '.join(named['absent'])}"
        said.append(f"{labels} not downloaded: labs use random weights and say so ({fetch})")
    return Finding("weights", OK, "; ".join(said))


def network() -> Finding:
    """Do the hosts of the course and of its online data answer? Labs run without them.

    Returns:
        One line of the report.
    """
    places = _places()
    with ThreadPoolExecutor(len(places)) as pool:
        answers = dict(zip(places, pool.map(_answers, places), strict=True))
    silent = [urlsplit(place).hostname or place for place in places if not answers[place]]
    if len(silent) == len(places):
        return Finding("network", OK, "offline, and no lab needs more: go online only to fetch larger data sets")
    if silent:
        message = f"no lab needs it; no answer from {', '.join(silent)}: what is there can be fetched later"
        return Finding("network", OK, message)
    return Finding("network", OK, f"{len(places)} hosts of the course and its data answer")


def address() -> Finding:
    """Has the course been told where it is published?

    Returns:
        One line of the report.
    """
    root = project_root()
    if root is None:
        return Finding("address", OK, "installed as a library, without the course around it")
    repository, branch = course_address(root)
    if repository == PLACEHOLDER:
        return Finding("address", OK, "this copy has none: open the labs here, on your own computer")
    return Finding("address", OK, f"{repository}, branch {branch}")


def _examined(name: str, check: Callable[[], Finding]) -> Finding:
    """A check that itself breaks is a finding too: the report must always come out whole."""
    try:
        return check()
    except Exception as error:
        message = f"could not be examined: {type(error).__name__}: {error}"
        return Finding(name, FAIL, message, "set the course up again")


def _container_limits() -> list[int]:
    """Memory limits of a container, in bytes: control groups (version 2, then 1), and Binder's variable."""
    limits = []
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            limits.append(int(Path(path).read_text()))
        except (OSError, ValueError):  # no such file, or the word "max"
            continue
    if os.environ.get("MEM_LIMIT", "").isdecimal():
        limits.append(int(os.environ["MEM_LIMIT"]))
    return limits


def _data_folder() -> Path:
    from course_lib.data import fetch

    return Path(fetch.data_folder())


def _existing(folder: Path) -> Path:
    while not folder.exists():
        folder = folder.parent
    return folder


def _places() -> list[str]:
    """The server of the course's repository and those of the online data, each once: "https://host/"."""
    from course_lib.data import sources

    root = project_root()
    repository = course_address(root)[0] if root else ""
    urls = [repository if repository.startswith("http") else "https://github.com"]
    parts = [urlsplit(url) for url in urls + [source.url for source in sources.SOURCES]]
    return list(dict.fromkeys(f"{part.scheme}://{part.hostname}/" for part in parts))


def _answers(place: str) -> bool:
    request = urllib.request.Request(place, method="HEAD")
    try:
        urllib.request.urlopen(request, timeout=3).close()
    except urllib.error.HTTPError:  # any answer at all shows that the way there is open
        return True
    except OSError:
        return False
    return True


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
