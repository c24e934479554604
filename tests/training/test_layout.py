"""The memory layout of training: no layer may crash or get wrong gradients in it, on any CPU."""

import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import torch
from torch import nn

from course_lib import training
from course_lib.models.attention_unet import AttentionUNet
from course_lib.models.autoencoders import ResidualUNet, ShallowResidualAE
from course_lib.models.dae import BrainCDAE
from course_lib.training.layout import memory_format

LAYERS = Path(__file__).with_name("layout_layers.py")
# takes nothing from a CPU that has no more than AVX2
AVX2 = {"ONEDNN_MAX_CPU_ISA": "AVX2", "DNNL_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"}


@pytest.mark.parametrize("instructions", [{}, AVX2], ids=["native", "avx2"])
def test_all_layers_train_in_the_layout_that_fit_takes(instructions):
    """In a process of its own: where the rule is wrong PyTorch spoils the heap, and the process dies or hangs."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"} | instructions
    done = subprocess.run([sys.executable, LAYERS], env=environment, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stdout.splitlines()) == (0, ["done"]), done.stdout + done.stderr[-2000:]


@pytest.mark.parametrize("make", [ResidualUNet, ShallowResidualAE, BrainCDAE, AttentionUNet])
def test_models_at_the_width_of_the_course_are_fast(make):
    assert memory_format(make(), "cpu") == torch.channels_last


@pytest.mark.parametrize(
    ("layer", "safe"),
    [
        (nn.Conv2d(15, 8, 1, stride=2), False),
        (nn.Conv2d(1, 8, 1, stride=(1, 3)), False),
        (nn.Conv2d(32, 64, 1, stride=2, groups=4), False),
        (nn.ConvTranspose2d(16, 4, 1, stride=2), False),
        (nn.Conv2d(8, 8, 3, padding=2, dilation=2, groups=8), False),
        (nn.Conv2d(16, 8, 1, stride=2), True),
        (nn.Conv2d(4, 8, 1), True),
        (nn.Conv2d(4, 8, 3, stride=2), True),
        (nn.Conv2d(8, 8, 3, padding=1, groups=8), True),
    ],
)
def test_the_rule(layer, safe):
    model = nn.Sequential(nn.Conv2d(1, 1, 1), layer)
    expected = torch.channels_last if safe else torch.contiguous_format
    assert memory_format(model, "cpu") == expected
    assert memory_format(model, "cuda") == torch.channels_last  # cuDNN has none of this
    assert memory_format(model, "cpu", False) == torch.contiguous_format


def test_no_convolution_no_channels_last():
    assert memory_format(nn.Linear(2, 2), "cpu") == torch.contiguous_format


def test_what_is_asked_for_and_not_safe_is_said():
    images = torch.rand(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    unsafe = nn.Sequential(nn.Conv2d(1, 3, 1), nn.Conv2d(3, 4, 1, stride=2), nn.PixelShuffle(2))
    options = {"loss": nn.functional.mse_loss, "epochs": 1, "progress": False, "device": "cpu"}
    layouts = []
    unsafe[1].register_forward_pre_hook(lambda layer, given: layouts.append(given[0].is_contiguous()))
    with pytest.warns(UserWarning, match=r"channels_last=True.* of 1: Conv2d\(3, 4"):
        training.fit(unsafe, images, channels_last=True, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        training.fit(unsafe, images, **options)
        training.fit(BrainCDAE(width=4), images, channels_last=True, **options)
    assert layouts == [True, True]
