"""Item of bench.py: the attention U-Net beside two peers of like kind, images a second in training."""

from __future__ import annotations

import sys
from collections.abc import Callable

from bench_speed import interleaved, ratios, spread, table, timed

OURS = "course_lib, AttentionUNet(resnet18)"
SMALL = 'course_lib, AttentionUNet("small")'


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
    """One step of a plain loop, noise is there already: forward, squared error, backward, AdamW; `fit`'s layout."""
    import torch

    from course_lib.training.layout import memory_format

    layout = memory_format(network, clean.device.type)
    network = network.to(device=clean.device, memory_format=layout).train()
    optimiser = torch.optim.AdamW(network.parameters(), 1e-4)
    noisy = (clean + 0.1 * torch.randn_like(clean)).contiguous(memory_format=layout)

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
    """Images a second of a training step, in single precision and in bf16."""
    import torch

    size, batch, repeats = (32, 2, 1) if quick else (128, 16, 5)
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
            rows.append([name, f"{counts[name]:,}", "bf16" if bf16 else "float32", rate, faster])
    header = ["", "parameters", "precision", "images a second", f"× {OURS}"]
    return (
        f"Training steps (forward, backward, AdamW) on {batch} images of {size}×{size}, in the layout of `fit`, random"
        f" weights, on {device}.\n\n" + table(header, rows)
    )
