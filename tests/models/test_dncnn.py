"""DnCNN: golden counts, recomputed by hand, the bias-free law, receptive fields by brute force and by formula."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from course_lib.models.dncnn import IRCNN_DILATIONS, DnCNN, footprint, receptive_field, receptive_field_formula
from course_lib.models.unet import UNet
from course_lib.training import fixed_seed

FORMS = {
    "BN": dict(),
    "BN-free": dict(batch_norm=False),
    "bias-free": dict(batch_norm=False, bias=False),
    "dilated": dict(depth=None, dilations=(1, 2, 3, 1)),
}
every_form = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)


def noise(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def small(form, **more):
    return DnCNN(**(dict(depth=4, width=8) | form | more))


def lively(model, seed=0):
    """In eval mode; the last convolution is not 0, and nothing in BN is 0 or 1."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        nn.init.normal_(model.layers[-1].weight, std=0.2, generator=generator)
        for name, tensor in sorted(model.state_dict().items()):
            if tensor.is_floating_point() and tensor.ndim == 1:
                low = 0.5 if "running_var" in name or "weight" in name else -0.5
                tensor.copy_(low + torch.rand(tensor.shape, generator=generator))
    return model.eval()


def count(model):
    return sum(parameter.numel() for parameter in model.parameters())


# --- counts -----------------------------------------------------------------------------------------------------


def test_golden_parameter_counts():
    first, last = 9 * 64 + 64, 9 * 64 + 1
    normalised, biased = 9 * 64 * 64 + 2 * 64, 9 * 64 * 64 + 64
    assert count(DnCNN()) == first + 15 * normalised + last == 556_097
    assert count(DnCNN(batch_norm=False)) == first + 15 * biased + last == 555_137
    assert count(DnCNN(batch_norm=False, bias=False)) == 9 * (64 + 15 * 64 * 64 + 64)
    assert count(DnCNN(dilations=IRCNN_DILATIONS)) == first + 5 * normalised + last == 186_177
    for number in ("556,097", "555,137", "186,177"):
        assert number in DnCNN.__doc__
    colour = DnCNN(20, 64, 3)
    assert count(colour) == 3 * 9 * 64 + 64 + 18 * normalised + 3 * 9 * 64 + 3
    assert count(DnCNN(dilations=IRCNN_DILATIONS)) == count(DnCNN(7)), "dilation costs no weight"


# --- what it computes -------------------------------------------------------------------------------------------


@every_form
@pytest.mark.parametrize("size", [(9, 12), (3, 2)])
def test_by_hand(form, size):
    model, image = lively(small(form, channels=2)), noise(2, 2, *size)
    convolutions = [layer for layer in model.layers if isinstance(layer, nn.Conv2d)]
    norms = [layer for layer in model.layers if isinstance(layer, nn.BatchNorm2d)]
    assert len(convolutions) == 4 and len(norms) == (2 if model.layers[-1].bias is not None and form in BN else 0)
    rates, x = form.get("dilations", (1, 1, 1, 1)), image
    for number, (layer, rate) in enumerate(zip(convolutions, rates, strict=True)):
        x = F.conv2d(F.pad(x, [rate] * 4), layer.weight, layer.bias, dilation=rate)
        if norms and 0 < number < 3:
            norm = norms[number - 1]
            mean, variance, scale, shift = (
                t.view(1, -1, 1, 1) for t in (norm.running_mean, norm.running_var, norm.weight, norm.bias)
            )
            x = (x - mean) / (variance + norm.eps).sqrt() * scale + shift
        x = x.clamp(min=0) if number < 3 else x
    assert torch.allclose(model.noise(image), x, atol=1e-4)
    assert torch.allclose(model(image), image - x, atol=1e-4), "the noise is taken away, once"
    assert x.abs().max() > 0.1


BN = (FORMS["BN"], FORMS["dilated"])


@every_form
def test_it_starts_as_the_identity(form):
    image = noise(2, 1, 7, 9)
    assert torch.equal(small(form)(image), image)


@pytest.mark.parametrize("factor", [0.1, 7.0])
def test_without_biases_brightness_does_not_matter(factor):
    image = noise(1, 1, 12, 12)
    model = lively(small(FORMS["bias-free"]))
    assert torch.allclose(model(factor * image), factor * model(image), rtol=1e-4, atol=1e-5)
    biased = lively(small(FORMS["BN-free"]))
    assert not torch.allclose(biased(factor * image), factor * biased(image), rtol=1e-2, atol=1e-2)


@every_form
@pytest.mark.parametrize("size", [(16, 16), (7, 13), (1, 1)])
def test_any_size_in_same_size_out(form, size):
    assert lively(small(form))(noise(2, 1, *size)).shape == (2, 1, *size)


@every_form
def test_every_parameter_learns(form):
    model, image = lively(small(form)), noise(2, 1, 12, 12)
    (model(image) ** 2).sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().max() > 1e-8, name
    fresh = small(form)
    (fresh(image) ** 2).sum().backward()
    assert fresh.layers[-1].weight.grad.abs().max() > 0, "at 0 the last one must learn, or nothing ever will"


@every_form
def test_overfits_one_batch(form):
    rows = torch.linspace(0, 6, 24)
    clean = torch.stack([(rows * k).sin()[:, None] * rows.cos() for k in (1, 2)])[:, None] / 2 + 0.5
    noisy = clean + 0.1 * noise(2, 1, 24, 24)
    with fixed_seed(0):
        model = small(form, width=24)
    optimizer, losses = torch.optim.Adam(model.parameters(), 3e-3), []
    for _ in range(150):
        loss = F.mse_loss(model(noisy), clean)
        optimizer.zero_grad(), loss.backward(), optimizer.step()
        losses.append(loss.item())
    assert losses[0] == pytest.approx(0.01, rel=0.2) and losses[-1] < 0.2 * losses[0]


def test_half_precision():
    model, image = lively(small({})), noise(2, 1, 16, 16)
    with torch.autocast("cpu", torch.bfloat16):
        half = model(image)
        half.square().mean().backward()
    assert half.dtype == torch.float32, "the image itself stays as precise as it is"
    assert (half - model(image)).abs().max() < 0.1
    assert all(torch.isfinite(parameter.grad).all() for parameter in model.parameters())


# --- receptive fields -------------------------------------------------------------------------------------------


def test_published_receptive_fields():
    assert receptive_field(DnCNN(width=4)) == (35, 35) and receptive_field_formula([1] * 17) == 35
    assert receptive_field(DnCNN(width=4, dilations=IRCNN_DILATIONS)) == (33, 33)
    assert receptive_field_formula(IRCNN_DILATIONS) == 33


@pytest.mark.parametrize(
    ("dilations", "kernel", "strides", "side"),
    [
        ((1, 1), 3, None, 5),
        ((2, 2), 3, None, 9),
        ((1, 2, 4), 5, None, 29),
        ((1, 1, 1), 3, (2, 2, 1), 15),
        ((), 3, None, 1),
    ],
)
def test_formula_and_impulse_agree(dilations, kernel, strides, side):
    assert receptive_field_formula(dilations, kernel=kernel, strides=strides) == side
    steps = strides or [1] * len(dilations)
    layers = [
        nn.Conv2d(1, 1, kernel, s, padding=rate * (kernel // 2), dilation=rate)
        for rate, s in zip(dilations, steps, strict=True)
    ]
    if layers:
        assert receptive_field(nn.Sequential(*layers)) == (side, side)


def test_two_convolutions_see_a_pyramid_and_dilated_ones_leave_gaps():
    line = torch.tensor([0.0, 1, 2, 3, 2, 1, 0], dtype=torch.float64) / 9
    chain = nn.Sequential(nn.Conv2d(1, 3, 3, padding=1), nn.ReLU(), nn.Conv2d(3, 1, 3, padding=1))
    before = [parameter.clone() for parameter in chain.parameters()]
    assert torch.allclose(footprint(chain, 7), torch.outer(line, line))
    assert all(torch.equal(a, b) and b.requires_grad for a, b in zip(before, chain.parameters(), strict=True))
    gaps = footprint(DnCNN(width=2, dilations=(2, 2, 2)).layers, 17) > 0
    expected = torch.zeros(17, 17, dtype=bool)
    expected[2:15:2, 2:15:2] = True
    assert torch.equal(gaps, expected)
    assert (footprint(DnCNN(width=2, dilations=IRCNN_DILATIONS), 33) > 0).all()


def test_strides_and_maxima_against_brute_force():
    with fixed_seed(0):
        model = nn.Sequential(
            nn.Conv2d(1, 2, 3, padding=1), nn.MaxPool2d(2), nn.Conv2d(2, 2, 3, padding=1), nn.ReLU(),
            nn.ConvTranspose2d(2, 1, 2, stride=2),
        ).double()  # fmt: skip
        seen = torch.zeros(18, 18, dtype=bool)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.abs_()
            for _ in range(5):
                image = torch.rand(1, 1, 18, 18, dtype=torch.float64)
                touched = image + 100 * torch.eye(324, dtype=torch.float64).view(324, 1, 18, 18)
                seen |= (model(touched)[:, 0, 9, 9] != model(image)[0, 0, 9, 9]).view(18, 18)
    assert torch.equal(footprint(model, 18) > 0, seen)
    rows = seen.any(1).nonzero().flatten()
    assert receptive_field(model)[0] == rows[-1] - rows[0] + 1 == 8


def test_normalisation_plays_no_part_and_channels_are_asked_for():
    assert receptive_field(UNet(2, width=2, depth=0), channels=2) == (5, 5)
    model = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.BatchNorm2d(2), nn.ReLU(), nn.Conv2d(2, 1, 3, padding=1))
    assert receptive_field(model.train()) == (5, 5) and model.training and model[1].running_mean.abs().max() == 0


class Mean(nn.Module):
    def forward(self, x):
        return x + x.mean((2, 3), keepdim=True)


def test_what_sees_everything_is_told_so():
    with pytest.raises(ValueError, match="less than 513 pixels, got one that fills the image"):
        receptive_field(Mean())


# --- refusals ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(8, 8), (1, 8, 8), (2, 3, 8, 8)])
def test_other_shapes_are_refused_in_words(shape):
    with pytest.raises(ValueError, match=r"\(N, 1, H, W\)"):
        small({})(torch.zeros(shape))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: DnCNN(1), "depth: expected at least 2"),
        (lambda: DnCNN(3.0), "depth: expected a whole number"),
        (lambda: DnCNN(width=0), "width: expected at least 1"),
        (lambda: DnCNN(channels=0), "channels: expected at least 1"),
        (lambda: DnCNN(dilations=(1, 0, 1)), "dilations: expected at least 1"),
        (lambda: DnCNN(dilations=(1,)), "depth: expected at least 2"),
        (lambda: DnCNN(5, dilations=(1, 2, 1)), r"one number for each of 5 convolutions, got \(1, 2, 1\)"),
        (lambda: DnCNN(bias=False), "expected batch_norm=False"),
        (lambda: footprint(nn.Identity(), 0), "size: expected at least 1"),
        (lambda: receptive_field(nn.Identity(), channels=0), "channels: expected at least 1"),
        (lambda: receptive_field_formula((1, 0)), "dilations: expected at least 1"),
        (lambda: receptive_field_formula((1, 1), strides=(1,)), "strides: expected 2 numbers"),
        (lambda: receptive_field_formula((1,), kernel=0), "kernel: expected at least 1"),
    ],
)
def test_bad_settings_are_refused(call, words):
    with pytest.raises((TypeError, ValueError), match=words):
        call()
