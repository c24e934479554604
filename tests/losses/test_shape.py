"""The prior of shape: its value, where its gradient goes and where it never may, and what an encoder must be."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from course_lib import losses
from course_lib.models.shape import ShapeAutoencoder, ShapePredictor


def maps(number=3, classes=4, size=16, seed=0):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, classes, (number, size // 4, size // 4), generator=generator)
    labels = labels.repeat_interleave(4, 1).repeat_interleave(4, 2)
    logits = torch.randn(number, classes, size, size, generator=generator)
    return logits, F.one_hot(labels, classes).movedim(-1, 1).float()


@pytest.fixture
def encoder():
    """As alive as after a training: its codes differ from shape to shape."""
    found = ShapeAutoencoder(16, width=3, code=5).eval().encoder
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in found.parameters():
            weight.copy_(torch.randn(weight.shape, generator=generator) / max(1, weight[0].numel()) ** 0.5)
    return found


def test_it_is_the_squared_distance_of_codes_summed_over_the_code_and_averaged_over_the_batch(encoder):
    logits, target = maps()
    probabilities = logits.softmax(1)
    found = losses.shape_prior_loss(encoder, probabilities, target)
    expected = (
        sum(
            float((encoder(probabilities[n : n + 1]) - encoder(target[n : n + 1])).square().sum().detach())
            for n in range(3)
        )
        / 3
    )
    assert found == pytest.approx(expected, rel=1e-5) and expected > 1e-4
    assert losses.shape_prior_loss(encoder, target, target) == 0


def test_the_gradient_reaches_the_logits_and_never_the_encoder(encoder):
    logits, target = maps()
    logits.requires_grad_()
    losses.shape_prior_loss(encoder, logits.softmax(1), target).backward()
    assert (logits.grad.abs().flatten(1).sum(1) > 0).all()
    assert all(weight.requires_grad and weight.grad is None for weight in encoder.parameters())
    given = logits.detach().clone().requires_grad_()
    by_hand = (encoder(given.softmax(1)) - encoder(target).detach()).square().sum(1).mean()
    assert torch.allclose(logits.grad, torch.autograd.grad(by_hand, given)[0], atol=1e-7)


def test_going_down_its_gradient_brings_the_shape_nearer(encoder):
    logits, target = maps()
    before = losses.shape_prior_loss(encoder, logits.softmax(1), target)
    for _ in range(20):
        given = logits.detach().requires_grad_()
        value = losses.shape_prior_loss(encoder, given.softmax(1), target)
        logits = given - 5 * torch.autograd.grad(value, given)[0]
    assert losses.shape_prior_loss(encoder, logits.softmax(1), target) < 0.7 * before


def test_refusals(encoder):
    logits, target = maps()
    with pytest.raises(ValueError, match="eval mode"):
        losses.shape_prior_loss(encoder.train(), logits.softmax(1), target)
    encoder.eval()
    with pytest.raises(TypeError, match="nn.Module"):
        losses.shape_prior_loss(lambda one: one, logits.softmax(1), target)
    with pytest.raises(ValueError, match="codes"):
        losses.shape_prior_loss(nn.Identity().eval(), logits.softmax(1), target)
    with pytest.raises(ValueError, match="same shape"):
        losses.shape_prior_loss(encoder, logits.softmax(1), target[:1])


def test_the_loss_of_a_t_l_network_is_two_terms_that_reach_both_networks():
    generator = torch.Generator().manual_seed(0)
    _, target = maps()
    images = torch.rand(3, 1, 16, 16, generator=generator)
    shapes, predictor = ShapeAutoencoder(16, width=3, code=5), ShapePredictor(16, width=2, code=5)
    found = losses.shape_code_loss(shapes, predictor, images, target, weight=0.3)
    code, guess = shapes.encode(target), predictor(images)
    drawn = -(shapes.decode(code).log_softmax(1) * target).sum(1).mean()
    assert found.item() == pytest.approx((drawn + 0.3 * ((code - guess) ** 2).sum() / 3).item(), rel=1e-5)
    found.backward()
    for network in (shapes.encoder, shapes.decoder, predictor):
        assert all(weight.grad is not None for weight in network.parameters())
    first = shapes.encoder[0].weight.grad.clone()
    shapes.zero_grad()
    losses.shape_code_loss(shapes, predictor, images, target, weight=0).backward()
    assert not torch.allclose(first, shapes.encoder[0].weight.grad), "the distance moves the encoder too"


def test_the_codes_of_a_predictor_compare_images_for_super_resolution():
    """Blurred hearts: a step down smooth L1 plus the prior lowers both."""
    generator = torch.Generator().manual_seed(0)
    predictor = ShapePredictor(16, width=4, code=5).eval()
    sharp = torch.rand(2, 1, 16, 16, generator=generator)
    image = F.avg_pool2d(sharp, 3, 1, 1).requires_grad_()
    loss = F.smooth_l1_loss(image, sharp) + losses.shape_prior_loss(predictor, image, sharp)
    (gradient,) = torch.autograd.grad(loss, image)
    moved = image.detach() - 0.1 * gradient / gradient.norm()
    with torch.no_grad():
        assert F.smooth_l1_loss(moved, sharp) + losses.shape_prior_loss(predictor, moved, sharp) < loss
    assert losses.shape_prior_loss(predictor, sharp, sharp) == 0


def test_refusals_of_the_t_l_loss():
    _, target = maps()
    images, shapes = torch.rand(3, 1, 16, 16), ShapeAutoencoder(16, width=3, code=5)
    with pytest.raises(ValueError, match="as many of each"):
        losses.shape_code_loss(shapes, ShapePredictor(16, code=5), images[:1], target)
    with pytest.raises(ValueError, match=r"codes \(3, 5\), got \(3, 6\)"):
        losses.shape_code_loss(shapes, ShapePredictor(16, code=6), images, target)
    with pytest.raises(TypeError, match="predictor"):
        losses.shape_code_loss(shapes, lambda one: one, images, target)
    with pytest.raises(ValueError, match="weight"):
        losses.shape_code_loss(shapes, ShapePredictor(16, code=5), images, target, weight=-1)
