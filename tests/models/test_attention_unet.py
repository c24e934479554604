"""The attention U-Net: golden counts, by hand, every part switched, any size, transfer of weights, freezing."""

import copy

import pytest
import requests
import torch
import torch.nn.functional as F
from torch import nn

from course_lib.models.attention_unet import (
    IMAGENET_DEVIATION,
    IMAGENET_MEAN,
    AttentionUNet,
    DecoderBlock,
    ResidualBlock,
    freeze,
    grey_weights,
    unfreeze,
)
from course_lib.models.dncnn import receptive_field
from course_lib.models.unet import UNet
from course_lib.training import fixed_seed


def noise(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def small(channels=1, width=8, **settings):
    return AttentionUNet(channels, encoder="small", width=width, **settings)


def lively(model, seed=0):
    """In eval mode; nothing that starts at 0 is 0."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
                scale = (1 / module.weight[0].numel()) ** 0.5
                module.weight.copy_(scale * torch.randn(module.weight.shape, generator=generator))
                if module.bias is not None:
                    module.bias.copy_(0.1 * torch.randn(module.bias.shape, generator=generator))
    return model.eval()


def count(model):
    return sum(parameter.numel() for parameter in model.parameters())


# --- counts -----------------------------------------------------------------------------------------------------


def conv(inputs, outputs, side=3, bias=True):
    return inputs * outputs * side**2 + bias * outputs


def residual(features, hidden=None):
    return conv(features, hidden or features) + conv(hidden or features, features)


def scse(features, reduction=8):
    hidden = max(features // reduction, 1)
    return conv(features, hidden, 1) + conv(hidden, features, 1) + conv(features, 1, 1)


def gate(features, below):
    hidden = features // 2
    return conv(features, hidden, 2, bias=False) + conv(below, hidden, 1) + conv(hidden, 1, 1)


def basic(inputs, outputs):
    """torchvision's BasicBlock: convolutions without bias, each with BN; a 1×1 one where the width changes."""
    shortcut = conv(inputs, outputs, 1, bias=False) + 2 * outputs if inputs != outputs else 0
    return conv(inputs, outputs, bias=False) + conv(outputs, outputs, bias=False) + 4 * outputs + shortcut


def resnet18(channels=1):
    first = conv(channels, 64, 7, bias=False) + 2 * 64
    return first + sum(basic(a, b) + basic(b, b) for a, b in ((64, 64), (64, 128), (128, 256), (256, 512)))


RESNET = (64, 64, 512)


def golden(encoder, widths, *, channels=1, dilations=3, attention="scse", hidden=None, finest=1):
    total = conv(4 * channels, widths[0]) + encoder + dilations * residual(widths[-1], hidden)
    for number, (here, below) in enumerate(zip(widths, widths[1:], strict=False)):
        total += conv(below, here, 2) + (finest if number == 0 else 1) * residual(here)
        total += {"scse": scse(here), "gate": gate(here, below), None: 0}[attention]
    return total + conv(widths[0], 4 * channels)


def small_encoder(w):
    return 2 * residual(w) + conv(w, 2 * w, 2) + 2 * residual(2 * w) + conv(2 * w, 3 * w, 2)


@pytest.mark.parametrize(
    "settings", [{}, {"attention": None}, {"attention": "gate"}, {"dilations": ()}, {"channels": 2}]
)
def test_golden_parameter_counts(settings):
    expected = settings | ({"dilations": 0} if "dilations" in settings else {})
    channels = settings.get("channels", 1)
    assert count(AttentionUNet(**settings)) == golden(resnet18(channels), RESNET, hidden=128, **expected)
    w = 48
    assert count(small(width=w, **settings)) == golden(small_encoder(w), (w, 2 * w, 3 * w), finest=2, **expected)


def test_the_counts_are_those_that_the_docstring_prints():
    # 2,054,066 fewer than when the encoder went down to 1/32: one step of the decoder, 512 -> 64, replaces three
    assert golden(resnet18(), RESNET, hidden=128) == 15_013_398
    assert golden(small_encoder(48), (48, 96, 144), finest=2) == 1_939_656
    assert "15,013,398 parameters" in AttentionUNet.__doc__ and "1,939,656 parameters" in AttentionUNet.__doc__
    assert resnet18(3) == 11_689_512 - 513_000, "torchvision's number, less the classifier"
    assert count(small(dilations=(1, 1, 1))) == count(small()), "dilation costs no weight"


# --- what it computes -------------------------------------------------------------------------------------------


def by_hand(x, layer, **options):
    return F.conv2d(x, layer.weight, layer.bias, **options)


@pytest.mark.parametrize("dilation", [1, 3])
def test_residual_block(dilation):
    block, x = ResidualBlock(4, dilation, 3), noise(2, 4, 9, 7)
    assert torch.equal(block(x), x), "it starts as the identity"
    lively(block)
    y = by_hand(x, block.conv1, padding=dilation, dilation=dilation).clamp(min=0)
    assert torch.allclose(block(x), x + by_hand(y, block.conv2, padding=dilation, dilation=dilation), atol=1e-5)


@pytest.mark.parametrize("attention", ["scse", "gate", None])
def test_decoder_block(attention):
    block, coarse, fine = lively(DecoderBlock(6, 4, attention, 2, blocks=2)), noise(2, 6, 3, 5), noise(2, 4, 6, 10)
    across = fine * block.gate.gate(fine, coarse) if attention == "gate" else fine
    x = F.conv_transpose2d(coarse, block.doubled.weight, block.doubled.bias, stride=2) + across
    for part in block.blocks:
        x = part(x)
    if attention == "scse":
        x = block.attention.channel(x) + block.attention.spatial(x)
    assert torch.allclose(block(coarse, fine), x, atol=1e-5)


def unshuffled(image):
    """2×2 pixels into channels: row by row."""
    return torch.stack([image[:, c, i::2, j::2] for c in range(image.shape[1]) for i in (0, 1) for j in (0, 1)], 1)


def shuffled(x):
    image = torch.empty(len(x), x.shape[1] // 4, 2 * x.shape[2], 2 * x.shape[3])
    for number in range(x.shape[1]):
        c, i, j = number // 4, number // 2 % 2, number % 2
        image[:, c, i::2, j::2] = x[:, number]
    return image


@pytest.mark.parametrize("residual", [True, False])
def test_the_small_one_by_hand(residual):
    net, image = lively(small(2, width=4, residual=residual)), noise(2, 2, 16, 24)
    fine = by_hand(unshuffled(image), net.stem, padding=1)
    large = net.encoder.level1(fine)
    middle = net.encoder.level2[0](large)
    for block in list(net.encoder.level2)[1:]:
        middle = block(middle)
    x = by_hand(middle, net.encoder.level3, stride=2)
    assert x.shape == (2, 12, 2, 3)
    for block, rate in zip(net.bottleneck, (1, 2, 4), strict=True):
        y = by_hand(x, block.conv1, padding=rate, dilation=rate).clamp(min=0)
        x = x + by_hand(y, block.conv2, padding=rate, dilation=rate)
    x = net.decoder[1](net.decoder[0](x, middle), large)
    expected = shuffled(by_hand(x + fine, net.head, padding=1)) + (image if residual else 0)
    assert torch.allclose(net(image), expected, atol=1e-4)
    assert (expected - image if residual else expected).abs().max() > 0.1


def test_the_large_one_by_hand_has_torchvisions_encoder():
    net, image = lively(AttentionUNet()), torch.rand(1, 1, 32, 64, generator=torch.Generator().manual_seed(0))
    encoder = net.encoder
    fine = by_hand(unshuffled(image), net.stem, padding=1)
    first = encoder.bn1(by_hand(image, encoder.conv1, stride=2, padding=3)).clamp(min=0)
    large, small = first + fine, encoder.layer1(F.max_pool2d(first, 3, 2, 1))
    x = encoder.layer4(encoder.layer3(encoder.layer2(small)))
    assert [tuple(level.shape[1:]) for level in (large, small, x)] == [(64, 16, 32), (64, 8, 16), (512, 4, 8)]
    x = net.decoder[1](net.decoder[0](net.bottleneck(x), small), large)
    expected = image + shuffled(by_hand(x + fine, net.head, padding=1))
    assert torch.allclose(net(image), expected, atol=1e-3, rtol=1e-4)


def test_dilation_widens_what_is_seen_and_attention_sees_all():
    plain = {name: small(width=2, attention=None, dilations=rates) for name, rates in
             {"none": (), "undilated": (1, 1, 1), "dilated": (1, 2, 4)}.items()}  # fmt: skip
    sides = {name: receptive_field(net)[0] for name, net in plain.items()}
    # 8 pixels of the image are 1 there; six convolutions of 2 · rate more each
    assert sides["undilated"] - sides["none"] == 8 * 2 * 2 * 3 and sides["dilated"] - sides["none"] == 8 * 2 * 2 * 7
    with pytest.raises(ValueError, match="fills the image"):
        receptive_field(small(width=2))


# --- sizes, the start, precision --------------------------------------------------------------------------------


MODELS = {
    "small": lambda **settings: small(**settings),
    "small, gate": lambda **settings: small(attention="gate", **settings),
    "small, plain": lambda **settings: small(attention=None, dilations=(), **settings),
    "ResNet-18": lambda **settings: AttentionUNet(**settings),
}
every_model = pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)


@every_model
@pytest.mark.parametrize("size", [(16, 16), (17, 31), (1, 1), (5, 40)])
def test_any_size_in_same_size_out_continued_at_the_edge(make, size):
    net, image = lively(make()), noise(2, 1, *size)
    found = net(image)
    assert found.shape == image.shape
    rows, columns = (torch.arange(-(-side // net.multiple) * net.multiple).clamp(max=side - 1) for side in size)
    continued = net(image[..., rows, :][..., columns])
    assert torch.allclose(found, continued[..., : size[0], : size[1]], atol=1e-4)


@every_model
def test_it_starts_as_the_identity_and_without_the_residual_at_0(make):
    image = noise(2, 1, 33, 41)
    assert torch.equal(make()(image), image)
    assert torch.equal(make(residual=False)(image), torch.zeros_like(image))


@every_model
def test_every_parameter_learns(make):
    wide = (
        {} if make is MODELS["ResNet-18"] else {"width": 24}
    )  # cSE of 8 channels has one hidden feature: it may be dead
    net, image = make(**wide), noise(2, 1, 64, 64)
    (net(image) ** 2).mean().backward()
    assert net.head.bias.grad.abs().max() > 0, "at 0 the head must learn, or nothing ever will"
    net = lively(make(**wide))
    (net(image) ** 2).sum().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().max() > 1e-9, name


@every_model
def test_half_precision_and_channels_last(make):
    net, image = lively(make()), torch.rand(2, 1, 40, 40, generator=torch.Generator().manual_seed(0))
    single = net(image)
    assert torch.allclose(net.to(memory_format=torch.channels_last)(image), single, atol=1e-3, rtol=1e-3)
    with torch.autocast("cpu", torch.bfloat16):
        half = net(image)
        half.square().mean().backward()
    assert half.dtype == torch.float32, "the image itself stays as precise as it is"
    learned = single - image
    assert (half - single).square().mean() < 0.01 * learned.square().mean()
    assert all(torch.isfinite(parameter.grad).all() for parameter in net.parameters())


OVERFITTED = MODELS | {"UNet": lambda: UNet(width=8, depth=2), "small, no residual": lambda: small(residual=False)}


@pytest.mark.parametrize("name", OVERFITTED)
def test_overfits_one_batch(name):
    rate, steps = (3e-4, 30) if name == "ResNet-18" else (4e-3, 60)
    rows = torch.linspace(0, 6, 48)
    clean = torch.stack([(rows * k).sin()[:, None] * rows.cos() for k in (1, 2)])[:, None] / 2 + 0.5
    noisy = clean + 0.1 * noise(2, 1, 48, 48)
    with fixed_seed(0):
        net = OVERFITTED[name]()
    optimizer, losses = torch.optim.Adam(net.parameters(), rate), []
    for _ in range(steps):
        loss = F.mse_loss(net(noisy), clean)
        optimizer.zero_grad(), loss.backward(), optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.2 * 0.01, "a fifth of the noise"


# --- transfer ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def torchvisions():
    """torchvision's own ResNet-18 with random weights and lively BN: the oracle, and the source of a checkpoint."""
    from torchvision.models import resnet18

    with fixed_seed(1):
        net = resnet18().eval()
        for module in net.modules():
            if isinstance(module, nn.BatchNorm2d):
                for tensor in (module.weight.data, module.bias.data, module.running_mean, module.running_var):
                    tensor.copy_(0.5 + torch.rand(tensor.shape))
    return net


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """An empty cache of torch.hub; whatever asks the network is refused and noted."""
    asked = []

    def offline(session, method, url, **kwargs):
        asked.append(url)
        raise requests.exceptions.ConnectionError("no network here")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    monkeypatch.setattr(requests.Session, "request", offline)
    path = tmp_path / "hub" / "checkpoints" / "resnet18-f37072fd.pth"
    path.parent.mkdir(parents=True)
    return path, asked


def normalised(grey):
    """The grey image as RGB, as ImageNet's images were normalised."""
    rgb = grey.repeat(1, 3, 1, 1)
    return (rgb - torch.tensor(IMAGENET_MEAN)[:, None, None]) / torch.tensor(IMAGENET_DEVIATION)[:, None, None]


def test_the_numbers_are_torchvisions():
    from torchvision.models import ResNet18_Weights

    preset = ResNet18_Weights.IMAGENET1K_V1.transforms()
    assert IMAGENET_MEAN == tuple(preset.mean) and IMAGENET_DEVIATION == tuple(preset.std)


def test_a_grey_image_gives_the_features_of_its_rgb_copy(hub, torchvisions):
    path, asked = hub
    torch.save(torchvisions.state_dict(), path)
    net = AttentionUNet(pretrained=True)
    assert net.init == "imagenet" and not asked
    path.unlink()  # read, not mapped
    grey = torch.rand(2, 1, 64, 48, generator=torch.Generator().manual_seed(0))
    inside = (..., slice(2, -2), slice(2, -2))  # at the border zeros mean black here, the mean colour there
    expected = torchvisions.relu(torchvisions.bn1(torchvisions.conv1(normalised(grey))))
    assert expected.std() > 0.1
    assert torch.allclose(net.eval().encoder.first(grey)[inside], expected[inside], atol=1e-4)
    black = net.encoder.first(torch.zeros(1, 1, 32, 32))
    assert torch.equal(black, black[..., :1, :1].expand_as(black)), "a black image has no edge at its border"
    # everything behind the first convolution is torchvision's
    state = torchvisions.state_dict()
    fresh = {
        name: tensor
        for name, tensor in net.encoder.state_dict().items()
        if "running" not in name and "num_" not in name
    }
    assert set(fresh) == {
        name for name in state if not name.startswith("fc") and "running" not in name and "num_" not in name
    }
    assert all(torch.equal(tensor, state[name]) for name, tensor in fresh.items() if name != "conv1.weight")


def test_dilation_instead_of_strides_keeps_what_imagenet_taught(torchvisions):
    """Every second place of layer 3 and every fourth of layer 4 is torchvision's own feature, borders and all."""
    net = AttentionUNet().eval()
    net.encoder.load_state_dict(torchvisions.state_dict() | {"conv1.weight": net.encoder.conv1.weight}, strict=False)
    # in double precision: how a processor sums up in single precision is another for each instruction set
    net, torchvisions = net.double(), copy.deepcopy(torchvisions).double()
    x = noise(2, 128, 16, 24).clamp(min=0).double()
    third, fourth = net.encoder.layer3(x), net.encoder.layer4(net.encoder.layer3(x))
    assert third.shape == (2, 256, 16, 24) and fourth.shape == (2, 512, 16, 24)
    expected = torchvisions.layer3(x)
    assert torch.allclose(third[..., ::2, ::2], expected, atol=1e-10, rtol=1e-10)
    assert torch.allclose(fourth[..., ::4, ::4], torchvisions.layer4(expected), atol=1e-10, rtol=1e-10)
    assert not torch.allclose(third[..., 1::2, 1::2], expected, atol=0.1), "the places between are new"


def test_grey_weights_fold_the_normalisation_in():
    weight, grey = noise(5, 3, 7, 7), torch.rand(1, 1, 20, 20, generator=torch.Generator().manual_seed(1))
    expected = F.conv2d(normalised(grey), weight)
    folded, bias = grey_weights(weight)
    assert folded.shape == (5, 1, 7, 7) and bias.shape == (5,)
    assert torch.allclose(F.conv2d(grey, folded, bias), expected, atol=1e-4)
    # summed and not rescaled, or averaged, or without the mean: other features
    wrong = [(weight.sum(1, keepdim=True), bias), (weight.mean(1, keepdim=True), bias), (folded, None)]
    assert all((F.conv2d(grey, *pair) - expected).abs().max() > 1 for pair in wrong)
    summed, none = grey_weights(weight, (0, 0, 0), (1, 1, 1))
    assert torch.allclose(summed, weight.sum(1, keepdim=True)) and none.abs().max() == 0


def test_offline_it_says_what_to_do(hub):
    path, asked = hub
    with pytest.raises(FileNotFoundError) as caught:
        AttentionUNet(pretrained=True)
    message = str(caught.value)
    for part in (
        str(path),
        "44.7 MB",
        "no network here",
        "TORCH_HOME",
        '"if available"',
        "pytorch.org",
        "fetch resnet18",
    ):
        assert part in message, part
    assert len(asked) == 1
    for choice, questions in (("if here", 1), ("if available", 2)):
        with pytest.warns(UserWarning, match='at random instead, and init is "random".*fetch resnet18') as warned:
            net = AttentionUNet(pretrained=choice)
        assert net.init == "random" and warned[0].filename == __file__ and len(asked) == questions
    assert AttentionUNet().init == small().init == "random" and len(asked) == 2
    assert not path.exists()


def test_a_file_that_is_here_is_used_if_available(hub, torchvisions):
    path, asked = hub
    torch.save(torchvisions.state_dict(), path)
    net = AttentionUNet(pretrained="if available")
    assert net.init == "imagenet" and not asked
    assert torch.equal(net.encoder.layer4[1].conv2.weight, torchvisions.layer4[1].conv2.weight)
    with pytest.raises(ValueError, match="pretrained: expected channels=1"):
        AttentionUNet(2, pretrained=True)


def test_bad_files_in_the_cache_are_named(hub):
    path, asked = hub
    path.write_bytes(b"PK\x03\x04 cut short")
    for choice in (True, "if available", "if here"):
        with pytest.raises(ValueError, match="cannot be read"):
            AttentionUNet(pretrained=choice)
    torch.save({"conv1.weight": torch.zeros(64, 1, 7, 7)}, path)
    with pytest.raises(ValueError, match="not those of ResNet-18"):
        AttentionUNet(pretrained=True)
    assert not asked


# --- stages -----------------------------------------------------------------------------------------------------


def step(net):
    """One step of training; names of what has changed, BN's averages too."""
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    optimizer = torch.optim.AdamW(net.parameters(), 1e-2, weight_decay=0.1)
    image = noise(2, 1, 64, 64)
    net.train()
    (net(image) - 1).square().mean().backward()
    optimizer.step()
    return {name for name, tensor in net.state_dict().items() if not torch.equal(tensor, before[name])}


def test_what_is_frozen_stays_bn_too():
    net = lively(AttentionUNet())
    freeze(net)
    changed = step(net)
    assert changed and not any(name.startswith("encoder") for name in changed)
    assert {name.split(".")[0] for name in changed} == {"stem", "bottleneck", "decoder", "head"}
    assert net.training and net.decoder.training and not net.encoder.bn1.training
    unfreeze(net, "layer4")
    assert net.encoder.layer4[0].bn1.training and not net.encoder.layer3[0].bn1.training
    assert {name.split(".")[1] for name in step(net) if name.startswith("encoder")} == {"layer4"}
    unfreeze(net)
    changed = step(net)
    assert {"encoder.bn1.running_mean", "encoder.conv1.weight", "encoder.layer1.0.conv1.weight"} <= changed
    assert all(parameter.requires_grad for parameter in net.parameters())
    net.eval()
    freeze(net, "conv1", "decoder")
    assert (
        not net.training
        and not net.encoder.conv1.weight.requires_grad
        and net.encoder.layer1[0].conv1.weight.requires_grad
    )


def test_stages_are_the_whole_network():
    for net, names in (
        (AttentionUNet(), ["conv1", "layer1", "layer2", "layer3", "layer4"]), (small(), ["level1", "level2", "level3"]),
    ):  # fmt: skip
        stages = net.stages()
        assert list(stages) == ["stem", *names, "encoder", "bottleneck", "decoder", "head"]
        parts = [p for name, modules in stages.items() if name != "encoder" for m in modules for p in m.parameters()]
        assert sum(p.numel() for p in parts) == count(net)
        freeze(net, *stages)
        assert not any(parameter.requires_grad for parameter in net.parameters())
    with pytest.raises(ValueError, match="stages: expected names out of stem, level1.*got 'layer1'"):
        freeze(net, "stem", "layer1")


# --- refusals ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(16, 16), (1, 16, 16), (2, 3, 16, 16)])
def test_other_shapes_are_refused_in_words(shape):
    with pytest.raises(ValueError, match=r"\(N, 1, H, W\)"):
        small()(torch.zeros(shape))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (dict(encoder="resnet50"), "'resnet18' or 'small', got 'resnet50'"),
        (dict(pretrained="yes"), "expected False, True, 'if available' or 'if here', got 'yes'"),
        (dict(pretrained=1), "or 'if here', got 1"),
        (dict(encoder="small", pretrained=True), "expected False for the small encoder"),
        (dict(encoder="small", width=0), "width: expected at least 1"),
        (dict(channels=0), "channels: expected at least 1"),
        (dict(dilations=(1, 0)), "dilations: expected at least 1"),
        (dict(attention="cbam"), "'scse', 'gate' or None, got 'cbam'"),
        (dict(reduction=0), "reduction: expected at least 1"),
    ],
)
def test_bad_settings_are_refused(settings, words):
    with pytest.raises((TypeError, ValueError), match=words):
        AttentionUNet(**settings)


@pytest.mark.parametrize("shape", [(5, 1, 7, 7), (3, 7, 7)])
def test_what_is_no_weight_of_rgb_is_refused(shape):
    with pytest.raises(ValueError, match=r"weight: expected \(O, 3, k, k\)"):
        grey_weights(torch.zeros(shape))


def test_a_block_of_your_own_stands_where_scse_stands():
    made = []

    def own(features, reduction):
        made.append((features, reduction))
        return nn.Conv2d(features, features, 1)

    net = small(attention=own, reduction=4)
    assert made == [(16, 4), (8, 4)], "one for each step of the decoder, from the coarse one on"
    assert all(isinstance(block.attention, nn.Conv2d) for block in net.decoder)
    assert net(noise(1, 1, 11, 13)).shape == (1, 1, 11, 13)
