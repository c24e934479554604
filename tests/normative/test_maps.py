"""Smoothing inside a mask, maps of what could not be rebuilt, the normal range, restoration, and memory."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from course_lib import losses, normative
from course_lib.models.normative import NormativeVAE


def picture(seed=0, shape=(2, 1, 23, 18)):
    generator = torch.Generator().manual_seed(seed)
    mask = torch.zeros(shape, dtype=torch.bool)
    mask[..., 3:20, 2:11] = True
    mask[0, 0, 8:10, 5:7] = False
    return torch.randn(shape, generator=generator, dtype=torch.float64), mask


@pytest.mark.parametrize("width", [0.4, 1.0, 2.5])
def test_it_is_a_quotient_of_two_of_scipys_blurs(width):
    image, mask = picture()
    reach = max(1, round(3 * width))

    def blur(a):
        return ndimage.gaussian_filter(a, width, mode="constant", radius=reach)

    inside = mask.numpy().astype(float)
    found = normative.smooth_inside(image, mask, width).numpy()
    for n in range(2):
        quotient = blur(image[n, 0].numpy() * inside[n, 0]) / np.where(mask[n, 0], blur(inside[n, 0]), 1)
        assert np.allclose(found[n, 0], np.where(mask[n, 0], quotient, 0), atol=1e-12)


def test_a_constant_stays_and_what_lies_outside_plays_no_part():
    image, mask = picture()
    flat = normative.smooth_inside(torch.full_like(image, 0.7), mask, 2.0)
    assert torch.allclose(flat[mask], torch.tensor(0.7, dtype=torch.float64)) and not flat[~mask].any()
    other = torch.where(mask, image, 99.0)
    assert torch.equal(normative.smooth_inside(image, mask, 1.5), normative.smooth_inside(other, mask, 1.5))
    assert torch.equal(normative.smooth_inside(image, mask, 0), image * mask)


def test_signs_count_before_the_smoothing():
    image, mask = picture()
    stripes = torch.zeros_like(image)
    stripes[..., ::2] = 0.2
    stripes[..., 1::2] = -0.2
    both = normative.anomaly_map(image + stripes, image, mask, width=2.0)
    assert torch.allclose(both[mask], torch.tensor(0.2, dtype=torch.float64))
    one = normative.anomaly_map(image + stripes, image, mask, width=2.0, direction="brighter")
    assert float(one.abs().max()) < 0.15
    other = normative.anomaly_map(image + stripes, image, mask, width=2.0, direction="darker")
    assert torch.allclose(one, -other)
    assert torch.equal(both, normative.anomaly_map(image, image + stripes, mask, width=2.0))


def test_z_scores_of_the_training_images_are_about_standard():
    generator = torch.Generator().manual_seed(0)
    levels = torch.arange(3).repeat(200)
    means, sds = torch.tensor([0.2, 0.5, 0.8]), torch.tensor([0.1, 0.2, 0.4])
    images = (
        torch.randn(600, 1, 12, 9, generator=generator) * sds[levels, None, None, None]
        + means[levels, None, None, None]
    )
    found = normative.normal_range(images, levels, width=0, floor=1e-3)
    for level in range(3):
        z = found.z(images[levels == level], levels[levels == level])
        assert abs(float(z.mean())) < 1e-4 and float(z.std()) == pytest.approx(1, abs=0.02)
    assert torch.allclose(
        found.z(means[:, None, None, None].expand(3, 1, 12, 9), torch.arange(3)), torch.zeros(()), atol=0.4
    )
    flat = normative.normal_range(torch.ones(4, 1, 8, 8), torch.tensor([0, 1, 0, 1]), floor=0.5)
    assert torch.allclose(flat.z(torch.full((1, 1, 8, 8), 2.0), torch.tensor([1])), torch.tensor(2.0), atol=1e-5)


def test_restoration_goes_down_and_keeps_the_model():
    torch.manual_seed(0)
    model = NormativeVAE(16, latent=2, width=2).eval()
    image = torch.rand(2, 1, 16, 16, generator=torch.Generator().manual_seed(1))
    before = [weight.clone() for weight in model.parameters()]
    found = normative.restore(model, image, decoder_sd=0.2, weight=0, steps=40, rate=0.02)

    def likely(x):
        with torch.no_grad():
            return losses.negative_elbo(x, *model(x), decoder_sd=0.2)

    assert (likely(found) < 0.5 * likely(image)).all()
    assert all(torch.equal(a, b) and b.grad is None for a, b in zip(before, model.parameters(), strict=True))
    held = normative.restore(model, image, decoder_sd=0.2, weight=1e4, steps=40, rate=0.02)

    def wanders(x):
        return float((x - image).diff(dim=-1).abs().mean())

    assert wanders(held) < 0.3 * wanders(found), "total variation holds it"
    with pytest.raises(ValueError, match="eval mode"):
        normative.restore(model.train(), image, decoder_sd=0.2)


def test_memory_is_found_out():
    generator = torch.Generator().manual_seed(0)
    training, unseen = torch.rand(9, 1, 8, 6, generator=generator), torch.rand(5, 1, 8, 6, generator=generator)
    copies = training[[4, 0, 7]] + 1e-4
    distances, numbers = normative.nearest_training_image(copies, training)
    assert numbers.tolist() == [4, 0, 7] and torch.allclose(distances, torch.tensor(1e-4), rtol=0.01)
    distances, numbers = normative.nearest_training_image(unseen, training)
    by_hand = ((unseen[:, None] - training[None]) ** 2).mean((2, 3, 4)).sqrt()
    assert torch.allclose(distances, by_hand.min(1).values) and torch.equal(numbers, by_hand.argmin(1))


def test_refusals():
    image, mask = picture()
    with pytest.raises(TypeError, match="booleans"):
        normative.smooth_inside(image, mask.double(), 1)
    with pytest.raises(ValueError, match="mask"):
        normative.smooth_inside(image, mask[:1], 1)
    with pytest.raises(ValueError, match="direction"):
        normative.anomaly_map(image, image, mask, direction="up")
    with pytest.raises(ValueError, match="two images of each level"):
        normative.normal_range(image, torch.tensor([0, 1]))
    with pytest.raises(ValueError, match="levels"):
        normative.normal_range(image, torch.tensor([0, 0])).z(image, torch.tensor([0, 1]))
    with pytest.raises(ValueError, match="training"):
        normative.nearest_training_image(image, image[..., 1:])
