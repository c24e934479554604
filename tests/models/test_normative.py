"""The models of lab 13: golden counts, shapes, codes drawn in training only, and what GAN and denoiser start as."""

import pytest
import torch

from course_lib.models.dcgan import DCGANDiscriminator, DCGANGenerator
from course_lib.models.normative import NormativeAE, NormativeVAE
from course_lib.models.skip_denoiser import SkipDenoiser


def count(model):
    return sum(parameter.numel() for parameter in model.parameters())


def test_parameter_counts_are_golden():
    assert count(NormativeVAE()) == 313_761 and count(NormativeAE()) == 280_961
    assert count(DCGANGenerator()) == 306_001 and count(DCGANDiscriminator()) == 174_577
    assert count(SkipDenoiser()) == 93_089


@pytest.mark.parametrize("size", [16, 48, 64])
def test_an_autoencoder_gives_images_back_through_its_few_numbers(size):
    torch.manual_seed(0)
    images = torch.rand(3, 1, size, size)
    plain, variational = NormativeAE(size, latent=5, width=3), NormativeVAE(size, latent=5, width=3).eval()
    assert plain(images).shape == images.shape and plain.encode(images).shape == (3, 5)
    reconstruction, mean, log_variance = variational(images)
    assert reconstruction.shape == images.shape and mean.shape == log_variance.shape == (3, 5)
    assert torch.equal(reconstruction, variational.decode(mean)), "in eval mode the code is its mean"
    assert 0 <= float(reconstruction.min()) and float(reconstruction.max()) <= 1
    variational.train()
    with torch.random.fork_rng():
        torch.manual_seed(1)
        first = variational(images)[0]
        assert not torch.equal(first, variational(images)[0]), "in train mode it is drawn"


@pytest.mark.parametrize("size", [8, 32, 64])
def test_generator_and_discriminator_fit_each_other(size):
    torch.manual_seed(0)
    fake = DCGANGenerator(size, latent=7, width=2)(torch.randn(4, 7))
    assert fake.shape == (4, 1, size, size) and 0 <= float(fake.min()) and float(fake.max()) <= 1
    discriminator = DCGANDiscriminator(size, width=2).eval()
    logits = discriminator(fake)
    assert logits.shape == (4,)
    alone = torch.stack([discriminator(image[None])[0] for image in fake])
    assert torch.allclose(logits, alone, atol=1e-6), "what else is in the batch does not matter"


def test_spectral_normalisation_bounds_what_a_layer_can_do():
    torch.manual_seed(0)
    model = DCGANDiscriminator(8, width=4)
    for _ in range(60):  # each pass in train mode is a step of the power iteration
        model(torch.rand(2, 1, 8, 8))
    for layer in (model.layers[0], model.layers[-1]):
        assert float(torch.linalg.matrix_norm(layer.weight.flatten(1), 2)) == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("size", [(16, 16), (21, 13), (1, 5)])
def test_the_denoiser_takes_any_size_and_hands_the_image_past_its_layers(size):
    model = SkipDenoiser(2, 4)
    image = torch.rand(2, 1, *size)
    assert model(image).shape == image.shape
    for weight in model.up[0][-1].parameters():
        torch.nn.init.zeros_(weight)
    assert torch.equal(model(image), image)


def test_bad_input_is_refused_in_words():
    with pytest.raises(ValueError, match="multiple of 16"):
        NormativeVAE(40)
    with pytest.raises(ValueError, match="64×64"):
        NormativeAE()(torch.zeros(1, 1, 32, 32))
    with pytest.raises(ValueError, match="8, 16, 32"):
        DCGANGenerator(24)
    with pytest.raises(ValueError, match="codes"):
        DCGANGenerator(8)(torch.zeros(1, 7))
    with pytest.raises(ValueError, match="8×8"):
        DCGANDiscriminator(8)(torch.zeros(1, 1, 16, 16))
