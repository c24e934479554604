"""Measure the course and write BENCHMARKS.md; `make bench` calls it.

`python scripts/bench.py --only ssim` measures one section anew and keeps the others of the file.
`--quick --out FILE` proves in seconds that everything runs: its numbers mean nothing.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import os
import platform
import re
from pathlib import Path

from bench_attention import attention
from bench_classical import bm3d, filters, nlm
from bench_ct import ct
from bench_grading import grading
from bench_lab02 import lab02
from bench_losses import msssim
from bench_pipeline import pipeline
from bench_reconstruction import consistency, reconstruction
from bench_scans import volumes
from bench_small_model import small_model
from bench_speed import cohort, imports, training
from bench_ssim import ssim
from bench_surfaces import surfaces

ROOT = Path(__file__).resolve().parents[1]
ITEMS = {
    "imports": ("Import time", imports),
    "ssim": ("SSIM, forward and backward", ssim),
    "msssim": ("MS-SSIM and SSIM as losses, forward and backward", msssim),
    "bm3d": ("BM3D beside PyPI's binary", bm3d),
    "nlm": ("Non-local means beside scikit-image", nlm),
    "filters": ("Classical filters at their defaults, and tuned", filters),
    "pipeline": ("From NIfTI to batch", pipeline),
    "training": ("Training the BrainCDAE", training),
    "cohort": ("Making the synthetic heads", cohort),
    "reconstruction": ("Compressed sensing beside sigpy", reconstruction),
    "consistency": ("Data consistency beside MONAI, and the deep cascade", consistency),
    "ct": ("CT: projection and reconstruction beside scikit-image", ct),
    "surfaces": ("Distances of surfaces beside MONAI, medpy and SimpleITK", surfaces),
    "attention": ("The attention U-Net beside networks of its kind", attention),
    "small_model": ("Minutes until the small attention U-Net beats BM3D", small_model),
    "scans": ("A volume through the network, BM3D and non-local means", volumes),
    "grading": ("Grading a class beside stock nbgrader", grading),
    "lab02": ("Minutes until the BrainCDAE of lab 02 beats the best classical filter", lab02),
}
HEADER = """\
# Benchmarks

Written by `make bench`; do not edit by hand. Each section says where and when it was measured, and
how to measure it anew.

What is compared ran in turn, A B A B …, in one run: a number is the median over the repeats, with (minimum–maximum).
A ratio is taken within each repeat, so that it holds on other machines and under other load far better than seconds do.
"""
SECTION = "<!-- begin {0} -->\n{1}\n<!-- end {0} -->\n"


def machine() -> str:
    """This machine in general words."""
    import psutil
    import torch

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return (
        f"{cores} CPU cores ({platform.machine()}), {psutil.virtual_memory().total / 2**30:.0f} GiB,"
        f" {torch.cuda.get_device_name() if torch.cuda.is_available() else 'no GPU'}, {platform.system()};"
        f" Python {platform.python_version()}, torch {importlib.metadata.version('torch')}"
        f" with {torch.get_num_threads()} threads unless stated otherwise"
    )


def sections(text: str) -> dict[str, str]:
    """The measured sections of an existing file, by name."""
    return {name: body for name, body in re.findall(r"<!-- begin (\w+) -->\n(.*?)\n<!-- end \1 -->\n", text, re.DOTALL)}


def write(path: Path, found: dict[str, str]) -> None:
    parts = [SECTION.format(name, found[name]) for name in ITEMS if name in found]
    path.write_text("\n".join([HEADER, *parts]), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=list(ITEMS), help="measure this section, keep the others of the file")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: proves that it runs (needs --out)")
    parser.add_argument("--out", type=Path, help="file to write (default: BENCHMARKS.md)")
    options = parser.parse_args()
    if options.quick and options.out is None:
        parser.error("--quick measures nothing of worth: name another file than BENCHMARKS.md with --out")
    path = options.out or ROOT / "BENCHMARKS.md"

    found = sections(path.read_text(encoding="utf-8")) if options.only and path.exists() else {}
    for name in [options.only] if options.only else ITEMS:
        title, measure = ITEMS[name]
        print(f"{title} …", flush=True)
        body = measure(options.quick)
        warning = "**Smoke run with tiny sizes: the numbers mean nothing.**\n\n" if options.quick else ""
        today = datetime.datetime.now(datetime.UTC).date()
        footer = f"Measured {today} by `python scripts/bench.py --only {name}` on {machine()}."
        found[name] = f"## {title}\n\n{warning}{body}\n\n{footer}"
        print(body, end="\n\n", flush=True)
        write(path, found)  # after each item: a later one that fails does not lose the earlier ones
    print(f"written: {path.name}")


if __name__ == "__main__":
    main()
