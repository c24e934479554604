"""The autoencoders: golden parameter counts, odd sizes, gradients everywhere, refusals."""

import pytest
import torch

from course_lib.models.dae import BrainCDAE, ConvDAE, DenseDAE

GOLDEN = {DenseDAE: 435_536, ConvDAE: 28_353, BrainCDAE: 98_905}


@pytest.mark.parametrize(("model", "count"), GOLDEN.items(), ids=lambda value: getattr(value, "__name__", value))
def test_golden_parameter_counts(model, count):
    assert sum(parameter.numel() for parameter in model().parameters() if parameter.requires_grad) == count


@pytest.mark.parametrize("model", [ConvDAE, BrainCDAE])
@pytest.mark.parametrize("size", [(28, 28), (27, 31), (5, 64), (217, 181)])
def test_any_size_in_same_size_out(model, size):
    network = model(width=4).eval()
    assert network(torch.rand(2, 1, *size)).shape == (2, 1, *size)


@pytest.mark.parametrize("model", [ConvDAE, BrainCDAE])
def test_padding_does_not_change_an_image_that_fits(model):
    network, image = model(width=4).eval(), torch.rand(1, 1, 16, 24)
    assert torch.equal(network(image), network.decoder(network.encoder(image)))


@pytest.mark.parametrize("model", [ConvDAE, BrainCDAE])
def test_an_odd_image_is_continued_at_its_edge_not_by_zeros(model):
    network, image = model(width=4).eval(), torch.rand(1, 1, 13, 17)
    continued = torch.nn.functional.pad(image, (0, 3, 0, 3), mode="replicate")  # 16 × 20, a multiple of 4 and of 2
    if model is BrainCDAE:
        continued = continued[..., :14, :18]
    assert torch.equal(network(image), network(continued)[..., :13, :17])


@pytest.mark.parametrize("model", GOLDEN)
def test_every_parameter_learns(model):
    torch.manual_seed(0)
    network = model()
    network(torch.rand(4, 1, 28, 28)).square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in network.parameters())


def test_dense_is_made_for_one_size():
    assert DenseDAE((9, 7), hidden=8, code=3)(torch.rand(2, 1, 9, 7)).shape == (2, 1, 9, 7)
    with pytest.raises(ValueError, match=r"\(28, 28\)"):
        DenseDAE()(torch.rand(2, 1, 27, 28))


@pytest.mark.parametrize("model", GOLDEN)
@pytest.mark.parametrize("shape", [(28, 28), (1, 28, 28), (2, 3, 28, 28)])
def test_other_shapes_are_refused_in_words(model, shape):
    with pytest.raises(ValueError, match=r"\(N, 1, H, W\)"):
        model()(torch.rand(shape))


def test_outputs_of_the_small_models_are_images():
    for network in (DenseDAE(), ConvDAE()):
        output = network(100 * torch.randn(3, 1, 28, 28))
        assert output.min() >= 0 and output.max() <= 1
