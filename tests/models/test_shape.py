"""The autoencoder of label maps: golden count, halves that make the whole, and that a few steps learn a few shapes."""

import pytest
import torch
import torch.nn.functional as F

from course_lib.data.hearts import synthetic_hearts
from course_lib.models.shape import ShapeAutoencoder, ShapePredictor
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


def test_codes_in_a_unit_lie_one_apart_and_draw_the_same_shapes():
    with fixed_seed(0):
        model = ShapeAutoencoder(16, classes=3, width=2, code=5).eval()
    labels = torch.randint(0, 3, (7, 2, 2), generator=torch.Generator().manual_seed(0))
    maps = F.one_hot(labels.repeat_interleave(8, 1).repeat_interleave(8, 2), 3).movedim(-1, 1).float()
    with torch.no_grad():
        before = model(maps)
        model.unit_codes(maps)
        codes = model.encode(maps)
        pairs = [(a - b).square().sum().item() for k, a in enumerate(codes) for b in codes[:k]]
        assert sum(pairs) / len(pairs) == pytest.approx(1, rel=1e-4)
        assert torch.allclose(model(maps), before, atol=1e-4 * float(before.abs().max()))
    assert all(weight.requires_grad and weight.grad is None for weight in model.parameters())
    with pytest.raises(ValueError, match="different codes"):
        model.unit_codes(maps[:1])
    with pytest.raises(ValueError, match="different codes"):
        model.unit_codes(maps[:1].expand(3, -1, -1, -1))


def test_the_predictor_has_its_golden_count_and_gives_codes():
    widths = (1, 16, 32, 64, 128)
    by_hand = sum(9 * a * b + b for a, b in zip(widths[:-1], widths[1:], strict=True)) + 128 * 16 * 64 + 64
    predictor = ShapePredictor()
    assert sum(weight.numel() for weight in predictor.parameters()) == by_hand == 228_288
    assert predictor(torch.zeros(2, 1, 64, 64)).shape == (2, 64)
    assert ShapePredictor(32, width=2, code=5)(torch.zeros(3, 1, 32, 32)).shape == (3, 5)
    with pytest.raises(ValueError, match="multiple of 16, got 24"):
        ShapePredictor(24)


def test_refusals():
    with pytest.raises(ValueError, match="multiple of 8, got 20"):
        ShapeAutoencoder(20)
    with pytest.raises(ValueError, match="classes"):
        ShapeAutoencoder(16, classes=1)
    with pytest.raises(ValueError, match="16×16"):
        ShapeAutoencoder(16).encode(torch.zeros(1, 4, 24, 24))
    with pytest.raises(ValueError, match=r"\(N, 4, H, W\)"):
        ShapeAutoencoder(16)(torch.zeros(1, 3, 16, 16))
