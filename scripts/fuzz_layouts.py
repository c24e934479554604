"""Which convolutions crash, hang or give wrong numbers on this CPU, by memory layout? A table in Markdown.

    python scripts/fuzz_layouts.py --cases 2000 --instructions native avx2

Random layers and images, and in full the strided layers of kernel 1 that are known to fail; forward, and gradients of
input, weight and bias, compared with contiguous float64. Each group of cases runs in a process of its own; where one
dies, its cases run again one by one. On Linux with a C compiler a write past the end of a tensor is a crash at once
(guard_pages.c); else each case runs 100 times and glibc looks at its heap. The rule: course_lib/training/layout.py.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

# oneDNN decides by the first two, torch's own loops by the third
INSTRUCTIONS = {
    "native": {},
    "avx512_core": {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE", "DNNL_MAX_CPU_ISA": "AVX512_CORE"},
    "avx2": {"ONEDNN_MAX_CPU_ISA": "AVX2", "DNNL_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"},
    "sse41": {"ONEDNN_MAX_CPU_ISA": "SSE41", "DNNL_MAX_CPU_ISA": "SSE41", "ATEN_CPU_CAPABILITY": "default"},
}
SECONDS = 60  # more is a hang
TOLERANCE = {"float32": 1e-4, "bfloat16": 3e-2}  # of the largest number; bfloat16 itself rounds by 0.4 %


@dataclass(frozen=True)
class Case:
    transposed: bool
    inputs: int
    outputs: int
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: int
    dilation: int
    groups: int
    size: tuple[int, int, int]  # images, rows, columns
    layout: str  # of the weight and of the image: "contiguous", "channels last", "image channels last"
    dtype: str
    threads: int

    def __str__(self) -> str:
        name = "ConvTranspose2d" if self.transposed else "Conv2d"
        kernel, stride = (f"{a}×{b}" for a, b in (self.kernel, self.stride))
        return (
            f"{name} {self.inputs}→{self.outputs}, kernel {kernel}, stride {stride}, padding"
            f" {self.padding}, dilation {self.dilation}, groups {self.groups}, images {'×'.join(map(str, self.size))},"
            f" {self.layout}, {self.dtype}, threads {self.threads}"
        )


def cases(count: int, seed: int) -> Iterator[Case]:
    """Kernel 1 with stride 2 in full; then `count` at random."""
    sizes, dtypes = ((8, 12, 12), (32, 64, 64)), ("float32", "bfloat16")
    for options in itertools.product((False, True), range(1, 18), (8, 16), sizes, dtypes):
        transposed, inputs, outputs, size, dtype = options
        yield Case(transposed, inputs, outputs, (1, 1), (2, 2), 0, 1, 1, size, "channels last", dtype, 1)
    draw = random.Random(seed)
    sizes = [(2, 7, 5), (3, 1, 1), (8, 12, 12), (4, 13, 17), (2, 24, 18), (16, 32, 32)]
    layouts, dtypes = ["contiguous", "channels last", "image channels last"], ["float32", "float32", "bfloat16"]
    for _ in range(count):
        pairs = (
            draw.choice([(n, n), (n, n), (n, n), (1, n), (n, 1)])
            for n in (draw.choice([1, 1, 2, 3, 5]), draw.choice([1, 2, 3]))
        )
        kernel, stride = pairs
        inputs, outputs = draw.randint(1, 17), draw.choice([1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 24])
        groups, dilation = draw.choice([1, 1, 1, 2, inputs]), draw.choice([1, 1, 2])
        if groups > 1:
            inputs, outputs = -(-inputs // groups) * groups, groups * draw.choice([1, 2, 4, 8])
        size, padding = draw.choices(sizes, [6, 1, 6, 4, 4, 2])[0], draw.choice([0, 0, 1, 2])
        if min(size[1:]) < 2 * padding + dilation * max(kernel):  # no pixel would be left
            size, padding = (2, 24, 18), 0
        layout, dtype, threads = draw.choice(layouts), draw.choice(dtypes), draw.choice([1, 1, 1, 2])
        transposed = draw.random() < 0.35
        yield Case(transposed, inputs, outputs, kernel, stride, padding, dilation, groups, size, layout, dtype, threads)


def errors(case: Case, repeats: int) -> dict[str, float]:
    """By name: the largest difference from contiguous float64, as part of the largest number."""
    import torch
    from torch import nn

    torch.set_num_threads(case.threads)
    torch.manual_seed(0)
    dtype = getattr(torch, case.dtype)
    kind = nn.ConvTranspose2d if case.transposed else nn.Conv2d
    layer = kind(
        case.inputs, case.outputs, case.kernel, case.stride, case.padding, dilation=case.dilation, groups=case.groups
    ).to(dtype)
    count, rows, columns = case.size
    image = torch.rand(count, rows, columns, case.inputs).to(dtype)

    def gradients(layer: nn.Module, image: torch.Tensor, back: torch.Tensor | None) -> list[torch.Tensor]:
        image = image.detach().requires_grad_()
        found = layer(image)
        back = torch.rand_like(found) - 0.5 if back is None else back
        layer.zero_grad()
        found.backward(back.to(dtype=found.dtype))
        return [found, image.grad, layer.weight.grad, layer.bias.grad]

    exact = kind(
        case.inputs, case.outputs, case.kernel, case.stride, case.padding, dilation=case.dilation, groups=case.groups
    ).double()
    exact.load_state_dict(layer.state_dict())
    right = image.permute(0, 3, 1, 2).double().contiguous()
    back = (torch.rand_like(exact(right)) - 0.5).to(dtype)
    expected = gradients(exact, right, back)

    # permute, not contiguous(memory_format=…): the latter leaves a single channel as it is
    given = image.permute(0, 3, 1, 2)
    if case.layout == "contiguous":
        given = given.contiguous()
    else:
        back = back.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
    if case.layout == "channels last":
        layer.to(memory_format=torch.channels_last)
    worst: dict[str, float] = {}
    for _ in range(repeats):
        for name, a, b in zip(
            ("output", "input", "weight", "bias"), gradients(layer, given, back), expected, strict=True
        ):
            difference = float((a.detach().double() - b.detach()).abs().max() / b.detach().abs().max().clamp(min=1e-30))
            worst[name] = max(worst.get(name, 0.0), difference if difference == difference else float("inf"))
    return worst


def in_a_fork(some: list[Case], repeats: int, path: Path) -> str:
    """What became of a process that ran these cases: "" or the reason of its death. Results go to `path`."""
    child = os.fork()  # before torch has threads: it has run nothing yet
    if not child:
        sink = os.open(os.devnull, os.O_WRONLY)
        os.dup2(sink, 2)
        with path.open("w") as file:
            for case in some:
                signal.alarm(SECONDS)
                try:
                    wrong = [
                        f"{name} wrong by {error:.1g}"
                        for name, error in errors(case, repeats).items()
                        if error >= TOLERANCE[case.dtype]
                    ]
                except RuntimeError as error:  # torch says that it does not have this one
                    wrong = [f"raises {str(error).splitlines()[0][:80]}"]
                file.write(json.dumps(", ".join(wrong)) + "\n")
                file.flush()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        return "hangs" if number == signal.SIGALRM else f"dies ({signal.Signals(number).name})"
    return "" if os.WEXITSTATUS(status) == 0 else f"exit {os.WEXITSTATUS(status)}"


def worker(options: argparse.Namespace) -> None:
    """One set of instructions; prints failures as JSON."""
    import torch

    # what every fork would have to set up again; one thread, so that there is none to lose in a fork
    torch.set_num_threads(1)
    torch.manual_seed(0)
    torch.nn.Linear(1, 1)(torch.rand(1, 1)).sum().backward()
    todo, group = list(cases(options.cases, options.seed)), 50
    left = [todo[start : start + group] for start in range(0, len(todo), group)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "results"
        while left:
            some = left.pop(0)
            died = in_a_fork(some, options.repeats, path)
            reports = [json.loads(line) for line in path.read_text().splitlines()]
            if died and len(some) > 1 and not options.guarded:  # it died of any of them
                left = [[case] for case in some] + left
                continue
            if died:
                left.insert(0, some[len(reports) + 1 :])
                reports.append(died)
            for case, report in zip(some, reports, strict=False):
                if report:
                    print(json.dumps([asdict(case), report]), flush=True)
            print(sum(map(len, left)), "cases left", file=sys.stderr, flush=True)


def guard(folder: str) -> dict[str, str]:
    """The environment in which memory errors show, and whether one run is enough."""
    library, compiler = Path(folder) / "guard_pages.so", shutil.which("cc")
    if sys.platform == "linux" and compiler:
        source = Path(__file__).with_name("guard_pages.c")
        subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-o", library, source, "-ldl", "-lpthread"], check=True)
        return {"LD_PRELOAD": str(library)}
    return {"MALLOC_CHECK_": "3", "MALLOC_PERTURB_": "165"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=2000, help="random ones; 272 of kernel 1 and stride 2 on top")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--instructions", nargs="+", choices=INSTRUCTIONS, default=["native", "avx2"])
    parser.add_argument("--repeats", type=int, default=None, help="None: 1 with guard pages, else 100")
    parser.add_argument("--guarded", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        return worker(options)
    with tempfile.TemporaryDirectory() as folder:
        guarded = guard(folder)
        repeats = options.repeats or (1 if "LD_PRELOAD" in guarded else 100)
        command = [sys.executable, __file__, "--worker", "--repeats", str(repeats)]
        command += ["--guarded"] if "LD_PRELOAD" in guarded else []
        command += ["--cases", str(options.cases), "--seed", str(options.seed)]
        threads = {"OMP_NUM_THREADS": "2", "OMP_WAIT_POLICY": "passive"}
        print("| instructions | layer | what happens |\n|---|---|---|")
        for name in options.instructions:
            done = subprocess.run(
                command,
                env=os.environ | threads | INSTRUCTIONS[name] | guarded,
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
            found = [json.loads(line) for line in done.stdout.splitlines()]
            for case, report in found:
                print(f"| {name} | {Case(**case)} | {report} |")
            total = Counter(report.split(" by ")[0] for _, report in found)
            print(f"| {name} | of {len(list(cases(options.cases, options.seed)))} cases | {dict(total)} |", flush=True)


if __name__ == "__main__":
    main()
