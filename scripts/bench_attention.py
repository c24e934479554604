"""Item of bench.py: the attention U-Net beside two peers of like kind, images a second and memory of training."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from bench_speed import ROOT, interleaved, number, ratios, spread, table, timed

OURS = "course_lib, AttentionUNet(resnet18)"
SMALL = 'course_lib, AttentionUNet("small")'
#: Memory is measured in a process of its own: a maximum never falls again.
PEAK = """
import resource, sys, torch
sys.path.insert(0, sys.argv[1])
from bench_attention import networks, training_step
torch.manual_seed(0)
size, batch, bf16 = int(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "True"
step = training_step(networks()[sys.argv[5]](), torch.rand(batch, 1, size, size), bf16=bf16)
unit = 1 if sys.platform == "darwin" else 1024
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
step()
step()
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit - before) / 2**30)
"""


def networks() -> dict[str, Callable]:
    """Name -> what makes the network; peers that are not installed are left out."""
    from course_lib.models.attention_unet import AttentionUNet

    found: dict[str, Callable] = {OURS: AttentionUNet, SMALL: lambda: AttentionUNet(encoder="small")}
    try:
        import segmentation_models_pytorch as smp

        found["segmentation_models_pytorch, Unet(resnet18, scse)"] = lambda: smp.Unet(
            "resnet18", encoder_weights=None, in_channels=1, classes=1, decoder_attention_type="scse"
        )
    except ImportError as error:
        print(f"segmentation_models_pytorch: {error}", file=sys.stderr)
    try:
        from monai.networks.nets import AttentionUnet

        found["monai, AttentionUnet"] = lambda: AttentionUnet(2, 1, 1, (64, 128, 256, 512), (2, 2, 2))
    except ImportError as error:
        print(f"monai: {error}", file=sys.stderr)
    return found


def training_step(network, clean, *, bf16: bool) -> Callable[[], None]:
    """One step of a plain loop: noise is there already; forward, mean squared error, backward, AdamW; channels last."""
    import torch

    network = network.to(device=clean.device, memory_format=torch.channels_last).train()
    optimiser = torch.optim.AdamW(network.parameters(), 1e-4)
    noisy = (clean + 0.1 * torch.randn_like(clean)).contiguous(memory_format=torch.channels_last)

    def step() -> None:
        with torch.autocast(clean.device.type, torch.bfloat16, enabled=bf16):
            output = network(noisy)
        optimiser.zero_grad()
        torch.nn.functional.mse_loss(output.float(), clean).backward()
        optimiser.step()
        if clean.is_cuda:
            torch.cuda.synchronize()

    return step


def attention(quick: bool) -> str:
    """Images a second of a training step, single precision and bf16, and the peak memory of training."""
    import torch

    size, batch, repeats = (32, 2, 1) if quick else (128, 16, 5)
    large = (32, 2) if quick else (256, 16)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    clean = torch.rand(batch, 1, size, size, generator=torch.Generator().manual_seed(0)).to(device)
    made = networks()
    counts = {name: sum(p.numel() for p in make().parameters()) for name, make in made.items()}
    rows = []
    for bf16 in (False, True):
        steps = {name: training_step(make(), clean, bf16=bf16) for name, make in made.items()}
        seconds = interleaved({name: lambda s=step: timed(s) for name, step in steps.items()}, repeats)
        for name, values in seconds.items():
            rate = spread([batch / value for value in values])
            faster = spread(ratios(seconds[OURS], values))
            peak = number(_peak(name, *large, bf16, device))
            rows.append([name, f"{counts[name]:,}", "bf16" if bf16 else "float32", rate, faster, peak])
    header = ["", "parameters", "precision", "images a second", f"× {OURS}", "GiB"]
    return (
        f"Training steps (forward, backward, AdamW) on {batch} images of {size}×{size}, channels last, random weights,"
        f" on {device}. GiB: peak memory of training on {large[1]} images of {large[0]}×{large[0]}, "
        + ("as CUDA counts it" if device == "cuda" else "what the process grows by, in a process of its own")
        + ".\n\n"
        + table(header, rows)
    )


def _peak(name: str, size: int, batch: int, bf16: bool, device: str) -> float:
    """GiB."""
    import torch

    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        training_step(networks()[name](), torch.rand(batch, 1, size, size, device=device), bf16=bf16)()
        return torch.cuda.max_memory_allocated() / 2**30
    command = [sys.executable, "-c", PEAK, str(Path(ROOT, "scripts")), str(size), str(batch), str(bf16), name]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    if done.returncode:
        raise RuntimeError(f"{name}: {done.stderr[-2000:]}")
    return float(done.stdout.split()[-1])
