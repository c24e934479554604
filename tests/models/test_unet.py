"""The U-Net: recomputed by hand, golden counts, any size, the identity at the start, gradients, refusals."""

import pytest
import torch
import torch.nn.functional as F

from course_lib.models.unet import UNet


def noise(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def lively(model, seed=0):
    """With a head that is not 0, and scales and shifts that are neither 0 nor 1."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in sorted(model.state_dict().items()):
            if tensor.ndim == 1:
                tensor.copy_(0.5 + torch.rand(tensor.shape, generator=generator))
            elif name.startswith("head"):
                tensor.copy_(0.5 * torch.randn(tensor.shape, generator=generator))
    return model


def count(model):
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


# --- counts -----------------------------------------------------------------------------------------------------


def level(inputs, outputs):
    """Two 3×3 convolutions with bias, two scales and shifts."""
    return 9 * inputs * outputs + outputs + 9 * outputs * outputs + outputs + 2 * 2 * outputs


def golden(channels, width, depth):
    widths = [width * 2**number for number in range(depth + 1)]
    total = level(channels, width) + width * channels + channels
    for here, below in zip(widths, widths[1:], strict=False):
        total += level(here, below) + 4 * below * here + here + level(2 * here, here)
    return total


@pytest.mark.parametrize(("channels", "width", "depth"), [(1, 32, 4), (2, 16, 3), (3, 5, 1), (1, 8, 0)])
def test_golden_parameter_counts(channels, width, depth):
    assert count(UNet(channels, width=width, depth=depth)) == golden(channels, width, depth)


def test_the_docstring_states_the_count():
    assert golden(1, 32, 4) == 7_765_409 and "7,765,409 parameters" in UNet.__doc__


# --- what it computes -------------------------------------------------------------------------------------------


def group_norm(x, layer):
    """Written out: mean and variance over a group of channels of one image."""
    grouped = x.reshape(len(x), layer.num_groups, -1)
    grouped = (grouped - grouped.mean(-1, keepdim=True)) / (grouped.var(-1, keepdim=True, unbiased=False) + 1e-5).sqrt()
    return grouped.view_as(x) * layer.weight.view(1, -1, 1, 1) + layer.bias.view(1, -1, 1, 1)


def twice(x, part):
    for convolution, norm in ((part[0], part[1]), (part[3], part[4])):
        x = group_norm(F.conv2d(x, convolution.weight, convolution.bias, padding=1), norm).clamp(min=0)
    return x


def doubled(x, layer):
    return F.conv_transpose2d(x, layer.weight, layer.bias, stride=2)


@pytest.mark.parametrize("residual", [True, False])
def test_by_hand(residual):
    net, image = lively(UNet(2, width=4, depth=2, residual=residual)), noise(2, 2, 8, 12)
    fine = twice(image, net.down[0])
    middle = twice(F.max_pool2d(fine, 2), net.down[1])
    coarse = twice(F.max_pool2d(middle, 2), net.down[2])
    assert coarse.shape == (2, 16, 2, 3)

    def decoded(middle, fine):
        x = twice(torch.cat([doubled(coarse, net.doubled[0]), middle], 1), net.up[0])
        x = twice(torch.cat([doubled(x, net.doubled[1]), fine], 1), net.up[1])
        return F.conv2d(x, net.head.weight, net.head.bias) + (image if residual else 0)

    assert torch.allclose(net(image), decoded(middle, fine), atol=1e-5)
    # both joins matter
    assert (net(image) - decoded(0 * middle, fine)).abs().max() > 1e-2
    assert (net(image) - decoded(middle, 0 * fine)).abs().max() > 1e-2


def test_it_starts_as_the_identity_and_without_the_residual_at_0():
    image = noise(2, 1, 9, 13)
    assert torch.equal(UNet(width=4, depth=2)(image), image)
    assert torch.equal(UNet(width=4, depth=2, residual=False)(image), torch.zeros_like(image))


@pytest.mark.parametrize("size", [(16, 16), (15, 17), (3, 5), (1, 1), (31, 24)])
@pytest.mark.parametrize("channels", [1, 2])
def test_any_size_in_same_size_out(size, channels):
    net, image = lively(UNet(channels, width=4, depth=3)), noise(2, channels, *size)
    found = net(image)
    assert found.shape == image.shape
    # an odd image is continued at its edge, not by zeros
    height, width = -(-size[0] // 8) * 8, -(-size[1] // 8) * 8
    rows, columns = (torch.arange(length).clamp(max=own - 1) for length, own in zip((height, width), size, strict=True))
    continued = net(image[..., rows, :][..., columns])
    assert torch.allclose(found, continued[..., : size[0], : size[1]], atol=1e-6)


def test_an_image_does_not_depend_on_its_batch_nor_on_training():
    net, images = lively(UNet(width=4, depth=2)), noise(3, 1, 8, 8)
    together = net.train()(images)
    assert torch.allclose(net.eval()(images), together, atol=1e-6)
    assert torch.allclose(net(images[1:2]), together[1:2], atol=1e-5)


@pytest.mark.parametrize("width", [1, 3, 4, 6, 8, 20])
def test_any_width_has_groups(width):
    assert UNet(width=width, depth=1)(noise(1, 1, 4, 4)).shape == (1, 1, 4, 4)


def test_every_parameter_learns_once_the_head_has_moved():
    net = UNet(2, width=8, depth=2)
    net(noise(2, 2, 16, 16)).square().mean().backward()
    assert net.head.weight.grad.abs().sum() > 0, "at 0 the head itself must learn, or nothing ever will"
    net = lively(net)
    net(noise(2, 2, 16, 16)).square().mean().backward()
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in net.parameters())


@pytest.mark.parametrize("shape", [(8, 8), (1, 8, 8), (2, 3, 8, 8)])
def test_other_shapes_are_refused_in_words(shape):
    with pytest.raises(ValueError, match=r"expected a batch of images \(N, 1, H, W\)"):
        UNet(width=4, depth=1)(torch.zeros(shape))


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"width": 0}, ValueError),
        ({"depth": -1}, ValueError),
        ({"width": 2.5}, TypeError),
        ({"channels": 0}, ValueError),
    ],
)
def test_bad_settings_are_refused(settings, error):
    with pytest.raises(error, match=f"{next(iter(settings))}: expected"):
        UNet(**settings)
