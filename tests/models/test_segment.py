"""The segmentation U-Net: golden count, the same in training as after it, and that a few steps find a few hearts."""

import pytest
import torch
import torch.nn.functional as F

from course_lib.data.hearts import one_hot, synthetic_hearts
from course_lib.models.segment import SegmentationUNet
from course_lib.training import fixed_seed


def test_golden_parameter_count():
    pairs = [(1, 16), (16, 16), (16, 32), (32, 32), (32, 64), (64, 64), (96, 32), (48, 16)]
    by_hand = sum(9 * a * b + b + 2 * b for a, b in pairs) + 16 * 4 + 4
    assert sum(weight.numel() for weight in SegmentationUNet().parameters()) == by_hand == 107_012


def test_an_image_is_judged_alone_and_alike_in_training_and_after_it():
    with fixed_seed(0):
        model = SegmentationUNet(classes=3, width=4, channels=2)
    images = torch.rand(3, 2, 12, 20, generator=torch.Generator().manual_seed(0))
    together = model.train()(images)
    assert together.shape == (3, 3, 12, 20)
    assert torch.allclose(model.eval()(images[1:2]), together[1:2], atol=1e-5)


def test_a_few_steps_find_a_few_hearts():
    images, labels, _ = synthetic_hearts(2, 0, size=32).slices()
    with fixed_seed(0):
        model = SegmentationUNet(width=8)
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(120):
        loss = F.cross_entropy(model(images), one_hot(labels))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    right = (model(images).argmax(1) == labels)[labels > 0].float().mean()
    assert right > 0.8, "of the voxels that are not background"


def test_refusals():
    with pytest.raises(ValueError, match="multiple of 4, got 6"):
        SegmentationUNet(width=6)
    with pytest.raises(ValueError, match="multiple of 4, got 12×10"):
        SegmentationUNet()(torch.zeros(1, 1, 12, 10))
    with pytest.raises(ValueError, match=r"\(N, 1, H, W\)"):
        SegmentationUNet()(torch.zeros(1, 2, 12, 12))
    with pytest.raises(ValueError, match="classes"):
        SegmentationUNet(classes=1)
