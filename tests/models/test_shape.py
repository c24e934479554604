"""The autoencoder of label maps: golden count, halves that make the whole, and that a few steps learn a few shapes."""

import pytest
import torch
import torch.nn.functional as F

from course_lib.data.hearts import synthetic_hearts
from course_lib.models.shape import ShapeAutoencoder
from course_lib.training import fixed_seed


def one_hot(labels):
    return F.one_hot(labels.long(), 4).movedim(-1, 1).float()


def test_golden_parameter_count():
    convolutions = sum(9 * a * b + b for a, b in ((4, 8), (8, 16), (16, 32)))
    back = sum(16 * a * b + b for a, b in ((32, 16), (16, 8), (8, 4)))
    linear = 32 * 8 * 8 * 64
    by_hand = convolutions + back + 2 * linear + 64 + 32 * 8 * 8
    assert sum(weight.numel() for weight in ShapeAutoencoder().parameters()) == by_hand == 281_140


def test_its_halves_make_the_whole():
    with fixed_seed(0):
        model = ShapeAutoencoder(24, classes=3, width=2, code=7)
    maps = torch.rand(2, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    codes = model.encode(maps)
    assert codes.shape == (2, 7) and torch.equal(codes, model.encoder(maps))
    assert model(maps).shape == maps.shape and torch.equal(model(maps), model.decode(codes))
    assert model(maps).min() < 0, "logits: nothing after the last layer"


def test_a_few_steps_learn_a_few_hearts():
    _, labels, _ = synthetic_hearts(2, 0, size=32).slices()
    with fixed_seed(0):
        model = ShapeAutoencoder(32, code=16)
    optimizer = torch.optim.Adam(model.parameters(), 5e-3)
    for _ in range(120):
        loss = F.cross_entropy(model(one_hot(labels)), labels.long())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    right = (model(one_hot(labels)).argmax(1) == labels)[labels > 0].float().mean()
    assert right > 0.8, "of the voxels that are not background"


def test_refusals():
    with pytest.raises(ValueError, match="multiple of 8, got 20"):
        ShapeAutoencoder(20)
    with pytest.raises(ValueError, match="classes"):
        ShapeAutoencoder(16, classes=1)
    with pytest.raises(ValueError, match="16×16"):
        ShapeAutoencoder(16).encode(torch.zeros(1, 4, 24, 24))
    with pytest.raises(ValueError, match=r"\(N, 4, H, W\)"):
        ShapeAutoencoder(16)(torch.zeros(1, 3, 16, 16))
