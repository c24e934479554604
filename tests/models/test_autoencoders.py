"""The autoencoders of lab 06: golden counts, blocks recomputed by hand, skips, odd sizes, gradients, the VAE's laws."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch.distributions import Normal
from torch.distributions import kl_divergence as kl_oracle

from course_lib.losses import kl_divergence
from course_lib.models import autoencoders, residual_blocks
from course_lib.models.autoencoders import MyronenkoCAE, ResidualUNet, ShallowResidualAE, SkipCAE
from course_lib.models.residual_blocks import OriginalBlock, PreActivationBlock
from course_lib.models.vae import MyronenkoVAE, reparameterise
from course_lib.training import fit, fixed_seed


def original(**sizes):
    return ShallowResidualAE("original", **sizes)


MODELS = {
    "shallow, original": original, "shallow, full pre-activation": ShallowResidualAE, "skip": SkipCAE,
    "Myronenko": MyronenkoCAE, "Myronenko, VAE": MyronenkoVAE, "residual U-Net": ResidualUNet,
}  # fmt: skip
every_model = pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)


def noise(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def lively(module, seed=0):
    """In eval mode, with statistics, scales and shifts in every BN that are neither 0 nor 1."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in sorted(module.state_dict().items()):
            if tensor.is_floating_point() and tensor.ndim == 1:
                low = 0.5 if "running_var" in name or "weight" in name else -0.5
                tensor.copy_(low + torch.rand(tensor.shape, generator=generator))
    return module.eval()


# --- counts -----------------------------------------------------------------------------------------------------


def conv(inputs, outputs, side=3):
    return inputs * outputs * side**2 + outputs


def bn(features):
    return 2 * features


def myronenko_block(inputs, outputs):
    residual = bn(inputs) + conv(inputs, outputs) + bn(outputs) + conv(outputs, outputs)
    return conv(inputs, outputs, side=1) + residual


MYRONENKO = (
    conv(1, 32)
    + myronenko_block(32, 32) + conv(32, 32)
    + myronenko_block(32, 64) + myronenko_block(64, 64) + conv(64, 64)
    + myronenko_block(64, 128) + myronenko_block(128, 128) + conv(128, 128)
    + conv(128, 64) + bn(64) + conv(64, 32) + bn(32) + conv(32, 16) + bn(16)
    + conv(16, 1)
)  # fmt: skip
GOLDEN = {
    "shallow, original": 459_745, "shallow, full pre-activation": 459_553, "skip": 190_369, "residual U-Net": 482_593,
    "Myronenko": MYRONENKO, "Myronenko, VAE": MYRONENKO + conv(128, 2 * 16, side=1) + conv(16, 128, side=1),
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_golden_parameter_counts(name):
    model = MODELS[name]()
    assert sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad) == GOLDEN[name]


@pytest.mark.parametrize("make", [ShallowResidualAE, SkipCAE, MyronenkoCAE, MyronenkoVAE, ResidualUNet])
def test_docstrings_state_the_counts(make):
    name = next(name for name, model in MODELS.items() if model is make)
    assert f"{GOLDEN[name]:,} parameters" in make.__doc__


def test_the_counts_are_those_that_the_docstrings_print():
    assert MYRONENKO == 989_345 and "459,745" in ShallowResidualAE.__doc__


# --- blocks -----------------------------------------------------------------------------------------------------


def batch_norm(x, layer):
    """Written out: eval mode."""
    shape = (1, -1, 1, 1)
    scale = (layer.weight / torch.sqrt(layer.running_var + layer.eps)).view(shape)
    return (x - layer.running_mean.view(shape)) * scale + layer.bias.view(shape)


def layers(module, kind):
    return [layer for layer in module.residual if isinstance(layer, kind)]


def shortcut_by_hand(block, x, stride):
    if isinstance(block.shortcut, torch.nn.Identity):
        return x
    return F.conv2d(x[..., ::stride, ::stride], block.shortcut.weight, block.shortcut.bias)


SHAPES = {"same": (4, 4, 1), "halved": (3, 5, 2), "wider": (3, 5, 1), "halved, as wide": (4, 4, 2)}


@pytest.mark.parametrize("size", [(8, 6), (7, 5)])
@pytest.mark.parametrize(("inputs", "outputs", "stride"), SHAPES.values(), ids=SHAPES)
def test_original_block_by_hand(inputs, outputs, stride, size):
    block, x = lively(OriginalBlock(inputs, outputs, stride)), noise(2, inputs, *size)
    (conv1, conv2), (bn1, bn2) = layers(block, torch.nn.Conv2d), layers(block, torch.nn.BatchNorm2d)
    y = F.relu(batch_norm(F.conv2d(x, conv1.weight, conv1.bias, stride, padding=1), bn1))
    y = batch_norm(F.conv2d(y, conv2.weight, conv2.bias, padding=1), bn2)
    expected = F.relu(y + shortcut_by_hand(block, x, stride))
    assert torch.allclose(block(x), expected, atol=1e-5)
    # the ReLU comes after the sum: before it, the result would be another one
    assert not torch.allclose(expected, F.relu(y) + shortcut_by_hand(block, x, stride), atol=1e-2)
    assert expected.min() == 0


@pytest.mark.parametrize("size", [(8, 6), (7, 5)])
@pytest.mark.parametrize(("inputs", "outputs", "stride"), SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("always", [False, True])
def test_preactivation_block_by_hand(inputs, outputs, stride, size, always):
    block = lively(PreActivationBlock(inputs, outputs, stride, always_project=always))
    x = noise(2, inputs, *size)
    (conv1, conv2), (bn1, bn2) = layers(block, torch.nn.Conv2d), layers(block, torch.nn.BatchNorm2d)
    y = F.conv2d(F.relu(batch_norm(x, bn1)), conv1.weight, conv1.bias, stride, padding=1)
    y = F.conv2d(F.relu(batch_norm(y, bn2)), conv2.weight, conv2.bias, padding=1)
    found = block(x)
    assert torch.allclose(found, y + shortcut_by_hand(block, x, stride), atol=1e-5)
    assert found.min() < 0, "nothing rectifies the sum"
    projected = always or stride != 1 or inputs != outputs
    assert isinstance(block.shortcut, torch.nn.Conv2d if projected else torch.nn.Identity)


@pytest.mark.parametrize("kind", [OriginalBlock, PreActivationBlock])
def test_without_its_residual_a_block_passes_x(kind):
    block, x = kind(3, 3).eval(), noise(1, 3, 5, 4)
    with torch.no_grad():
        for layer in layers(block, torch.nn.Conv2d)[1], layers(block, torch.nn.BatchNorm2d)[1]:
            for parameter in layer.parameters():
                parameter.zero_()
    assert torch.equal(block(x), x.relu() if kind is OriginalBlock else x)


@pytest.mark.parametrize("size", [(4, 6), (3, 5), (1, 1)])
def test_up_block_doubles_and_ends_in_a_relu(size):
    block, x = lively(residual_blocks.up_block(3, 2)), noise(2, 3, *size)
    y = F.conv_transpose2d(x, block[0].weight, block[0].bias, stride=2)[..., 1:, 1:]  # 2·H + 1 -> 2·H
    assert torch.allclose(block(x), F.relu(batch_norm(y, block[1])), atol=1e-5)
    assert block(x).shape == (2, 2, 2 * size[0], 2 * size[1])


# --- architectures ----------------------------------------------------------------------------------------------


def conv_bn(x, part):
    return batch_norm(F.conv2d(x, part[0].weight, part[0].bias, 2, 1), part[1])


def up_bn(x, part):
    kwargs = dict(stride=2, padding=1, output_padding=1)
    return batch_norm(F.conv_transpose2d(x, part[0].weight, part[0].bias, **kwargs), part[1])


def head(x, layer):
    return torch.sigmoid(F.conv2d(x, layer.weight, layer.bias, padding=1))


def test_skip_cae_by_hand_adds_before_the_relu():
    net, image = lively(SkipCAE(width=8)), noise(2, 1, 16, 24)
    a = conv_bn(image, net.down1)
    b = conv_bn(a.relu(), net.down2)
    code = conv_bn(b.relu(), net.down3).relu()

    def decoded(small, large):
        x = (up_bn(code, net.up1) + small).relu()
        x = (up_bn(x, net.up2) + large).relu()
        return head(up_bn(x, net.up3).relu(), net.head[0])

    assert torch.allclose(net(image), decoded(b, a), atol=1e-5)
    # each of the two added after its ReLU, or left out, is another network
    for wrong in ((b.relu(), a), (b, a.relu()), (0, a), (b, 0)):
        assert (net(image) - decoded(*wrong)).abs().max() > 1e-3


def test_residual_unet_by_hand_is_the_shallow_one_with_concatenations():
    net, image = lively(ResidualUNet(width=8)), noise(2, 1, 16, 24)
    large = F.conv2d(image, net.first.weight, net.first.bias, 2, 1)  # before any BN or ReLU
    small = net.block2(net.block1(large))
    x = up_bn(net.block3(small), net.up1).relu()
    x = up_bn(torch.cat([x, small], 1), net.up2).relu()
    x = up_bn(torch.cat([x, large], 1), net.up3).relu()
    assert torch.allclose(net(image), head(x, net.head[0]), atol=1e-5)
    # with no weight on what is concatenated, what is left is the shallow autoencoder
    shallow = ShallowResidualAE(width=8).eval()
    with torch.no_grad():
        net.up2[0].weight[16:], net.up3[0].weight[8:] = 0, 0
        pairs = [(net.first, 0), (net.block1, 1), (net.block2, 2), (net.block3, 3)]
        for part, place in pairs:
            shallow.encoder[place].load_state_dict(part.state_dict())
        for part, place, kept in ((net.up1, 0, 32), (net.up2, 1, 16), (net.up3, 2, 8)):
            state = part.state_dict()
            shallow.decoder[place].load_state_dict(state | {"0.weight": state["0.weight"][:kept]})
        shallow.decoder[3].load_state_dict(net.head[0].state_dict())
    assert torch.allclose(net(image), shallow(image), atol=1e-6)


def test_shallow_autoencoder_has_the_blocks_that_were_asked_for():
    for block, kind in (("preactivation", PreActivationBlock), ("original", OriginalBlock)):
        net, image = lively(ShallowResidualAE(block, width=8)), noise(1, 1, 16, 16)
        assert [type(part) for part in net.encoder] == [torch.nn.Conv2d, kind, kind, kind]
        shapes, x = [], image
        for part in net.encoder:
            x = part(x)
            shapes.append(tuple(x.shape[1:]))
        assert shapes == [(8, 8, 8), (16, 4, 4), (16, 4, 4), (32, 2, 2)]
        for part in net.decoder[:3]:
            x = up_bn(x, part).relu()
        assert torch.allclose(net(image), head(x, net.decoder[3]), atol=1e-5)
    assert isinstance(ShallowResidualAE(width=4).encoder[1], PreActivationBlock)


def test_myronenko_groups_and_spatial_dropout():
    net = MyronenkoCAE(width=4)
    shapes, x = [], noise(1, 1, 16, 16)
    for part in net.encoder:
        x = part(x)
        shapes.append(tuple(x.shape[1:]))
    first, small, tiny = [(4, 16, 16)] * 3, [(8, 8, 8)] * 2, [(16, 4, 4)] * 2
    assert shapes == [*first, (4, 8, 8), *small, (8, 4, 4), *tiny, (16, 2, 2)]
    blocks = [part for part in net.encoder if isinstance(part, PreActivationBlock)]
    assert len(blocks) == 5 and all(isinstance(block.shortcut, torch.nn.Conv2d) for block in blocks)
    drop = net.encoder[1]
    with fixed_seed(0):
        dropped = drop(torch.ones(500, 4, 3, 3))
    whole = dropped.flatten(2)
    assert torch.equal(whole.min(-1).values, whole.max(-1).values), "whole feature maps go, not pixels"
    assert (whole[..., 0] == 0).float().mean() == pytest.approx(0.1, abs=0.03)
    image = noise(8, 1, 16, 16)
    with fixed_seed(1):
        one = net(image)
    with fixed_seed(2):
        other = net(image)
    assert not torch.equal(one, other) and torch.equal(net.eval()(image), net(image))


# --- all of them ------------------------------------------------------------------------------------------------


@every_model
@pytest.mark.parametrize("size", [(16, 24), (17, 31), (5, 40), (1, 1), (63, 57)])
def test_any_size_in_same_size_out_in_the_unit_interval(make, size):
    net = lively(make(width=4))
    output = net(10 * noise(2, 1, *size))
    assert output.shape == (2, 1, *size) and 0 <= output.min() and output.max() <= 1


@every_model
def test_an_odd_image_is_continued_at_its_edge_not_by_zeros(make):
    net, image = lively(make(width=4)), noise(1, 1, 13, 17)
    continued = F.pad(image, (0, 7, 0, 3), mode="replicate")  # 16 × 24
    assert torch.equal(net(image), net(continued)[..., :13, :17])


@every_model
def test_several_channels(make):
    net = make(channels=3, width=4)
    assert net(torch.rand(2, 3, 9, 9)).shape == (2, 3, 9, 9)
    with pytest.raises(ValueError, match=r"\(N, 3, H, W\), got \(2, 1, 9, 9\)"):
        net(torch.rand(2, 1, 9, 9))


@every_model
def test_every_parameter_learns(make):
    net = lively(make(width=8))  # BN in train mode takes the mean away, and with it the biases before it
    target = torch.rand(4, 1, 16, 16, generator=torch.Generator().manual_seed(1))
    prediction = net(target)
    loss = net.loss(prediction, target).sum() if make is MyronenkoVAE else ((prediction - target) ** 2).sum()
    loss.backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().max() > 1e-8, name


@every_model
@pytest.mark.parametrize("shape", [(16, 16), (1, 16, 16), (2, 3, 16, 16)])
def test_other_shapes_are_refused_in_words(make, shape):
    with pytest.raises(ValueError, match=r"\(N, 1, H, W\)"):
        make(width=4)(torch.rand(shape))


@every_model
def test_sizes_that_make_no_sense_are_refused(make):
    with pytest.raises(ValueError, match="width: expected at least 2, got 1"):
        make(width=1)
    with pytest.raises(TypeError, match="width: expected a whole number"):
        make(width=8.0)
    with pytest.raises(ValueError, match="channels: expected at least 1, got 0"):
        make(channels=0)


def test_an_unknown_block_is_refused():
    with pytest.raises(ValueError, match="'preactivation' or 'original', got 'pre'"):
        ShallowResidualAE("pre")
    assert set(autoencoders.BLOCKS) == {"preactivation", "original"}


# --- variational ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(5, 7), (3, 4, 2, 6)])
def test_kl_is_that_of_torch_distributions(shape):
    mean, log_variance = noise(*shape, seed=1).double(), 2 * noise(*shape, seed=2).double()
    theirs = kl_oracle(Normal(mean, torch.exp(log_variance / 2)), Normal(0.0, 1.0)).flatten(1).sum(1)
    assert torch.allclose(kl_divergence(mean, log_variance), theirs, rtol=1e-10)


def test_kl_by_hand_and_its_laws():
    zero = torch.zeros(2, 3)
    assert torch.equal(kl_divergence(zero, zero), torch.zeros(2))
    assert torch.allclose(kl_divergence(zero + 2, zero), torch.tensor([6.0, 6.0]))  # three times ½ · 2²
    one = kl_divergence(zero, zero + math.log(4))
    assert torch.allclose(one, torch.full((2,), 3 * (4 - 1 - math.log(4)) / 2))
    nearly = kl_divergence(zero[:1].half() + 0.01, zero[:1].half())
    assert nearly.dtype == torch.float32 and nearly.item() == pytest.approx(1.5e-4, rel=1e-2)
    assert kl_divergence(zero[:1], zero[:1] + 1e-4).item() == pytest.approx(3 * 1e-8 / 4, rel=1e-3)
    mean = noise(2, 5).double().requires_grad_()
    assert torch.autograd.gradcheck(kl_divergence, (mean, noise(2, 5, seed=3).double().requires_grad_()))


@pytest.mark.parametrize("function", [kl_divergence, reparameterise])
def test_what_is_no_code_is_refused(function):
    with pytest.raises(ValueError, match=r"mean and log_variance: expected the same shape, got \(2, 3\) and \(2, 1\)"):
        function(torch.zeros(2, 3), torch.zeros(2, 1))
    with pytest.raises(TypeError, match="log_variance: expected a floating-point tensor, got torch.int64"):
        function(torch.zeros(2, 3), torch.zeros(2, 3, dtype=torch.long))


def test_kl_wants_one_code_a_row():
    with pytest.raises(ValueError, match=r"\(N, ...\)"):
        kl_divergence(torch.zeros(3), torch.zeros(3))


def test_draws_have_the_mean_and_the_variance_that_were_asked_for():
    mean = torch.tensor([0.0, 3.0, -1.0]).expand(100_000, 3)
    log_variance = torch.tensor([0.0, math.log(0.25), math.log(9.0)]).expand(100_000, 3)
    draws = reparameterise(mean, log_variance, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(draws.mean(0), mean[0], atol=0.04)  # four standard errors of the widest one
    assert torch.allclose(draws.std(0), torch.tensor([1.0, 0.5, 3.0]), rtol=0.01)
    assert torch.corrcoef(draws.T).fill_diagonal_(0).abs().max() < 0.02


def test_gradients_pass_through_a_draw():
    mean, log_variance = noise(4, 3).requires_grad_(), noise(4, 3, seed=1).requires_grad_()
    draw = reparameterise(mean, log_variance, generator=torch.Generator().manual_seed(5))
    draw.sum().backward()
    n = torch.randn(4, 3, generator=torch.Generator().manual_seed(5))
    assert torch.equal(mean.grad, torch.ones(4, 3))
    assert torch.allclose(log_variance.grad, n * torch.exp(log_variance / 2).detach() / 2)


def test_seeds_of_draws():
    mean = torch.zeros(2, 3, dtype=torch.float64)
    state = torch.get_rng_state()
    one, other = (reparameterise(mean, mean, generator=torch.Generator().manual_seed(7)) for _ in range(2))
    assert torch.equal(one, other) and one.dtype == torch.float64 and torch.equal(state, torch.get_rng_state())
    with fixed_seed(1):
        one = reparameterise(mean, mean)
    with fixed_seed(1):
        assert torch.equal(one, reparameterise(mean, mean))
    assert torch.equal(state, torch.get_rng_state())


def test_the_vae_draws_in_training_and_not_in_eval():
    net, image = MyronenkoVAE(width=4, latent=3, dropout=0), torch.rand(2, 1, 16, 16)
    with torch.no_grad():
        with fixed_seed(1):
            one = net(image)
        with fixed_seed(1):
            same = net(image)
        with fixed_seed(2):
            other = net(image)
        assert torch.equal(one, same) and not torch.equal(one, other)
        net.eval()
        assert torch.equal(net(image), net(image))
        mean, log_variance = net.encode(image)
        assert mean.shape == log_variance.shape == (2, 3, 2, 2)
        assert torch.equal(net(image), net.decode(mean))
        assert net.decode(torch.randn(5, 3, 4, 2)).shape == (5, 1, 32, 16)
        assert net.encode(torch.rand(1, 1, 17, 9))[0].shape == (1, 3, 3, 2)


def test_the_vae_in_train_mode_decodes_mean_plus_noise():
    net, image = MyronenkoVAE(width=4, latent=3, dropout=0), torch.rand(4, 1, 16, 16)
    with torch.no_grad(), fixed_seed(3):
        found = net(image)
    with torch.no_grad(), fixed_seed(3):
        mean, log_variance = net.encode(image)
        code = mean + torch.exp(log_variance / 2) * torch.randn(mean.shape)
        assert torch.allclose(found, net.decode(code), atol=1e-6)


@pytest.mark.parametrize("decoder_sd", [0.1, 0.5])
def test_the_vae_minimises_the_negative_evidence_lower_bound(decoder_sd):
    net = lively(MyronenkoVAE(width=4, decoder_sd=decoder_sd)).double()
    target = torch.rand(3, 1, 9, 11, generator=torch.Generator().manual_seed(1)).double()
    prediction = net(target)
    mean, log_variance = net.encode(target)
    kl = kl_oracle(Normal(mean, torch.exp(log_variance / 2)), Normal(0.0, 1.0)).flatten(1).sum(1)
    likelihood = Normal(prediction, decoder_sd).log_prob(target).flatten(1).sum(1)
    pixels, constant = 99, 99 * math.log(2 * math.pi * decoder_sd**2) / 2
    found = net.loss(prediction, target)
    assert found.shape == (3,) and (kl > 0.1).all()
    assert torch.allclose(found * pixels / (2 * decoder_sd**2) + constant, kl - likelihood)
    # each pass serves one call, that of its own batch
    assert torch.allclose(net.loss(prediction, target), ((prediction - target) ** 2).mean((1, 2, 3)))
    net(target)
    with pytest.raises(ValueError, match="last pass, 3 images, got 2"):
        net.loss(prediction[:2], target[:2])


def test_the_vae_is_trained_by_fit_and_resumes(tmp_path):
    rows = torch.linspace(0, 3, 16)
    images = torch.stack([0.5 + 0.4 * torch.sin(rows * k)[:, None] * torch.ones(16) for k in range(1, 9)])[:, None]
    options = dict(batch_size=4, progress=False, device="cpu", seed=3)

    def run(name, *epochs):
        with fixed_seed(0):
            net = MyronenkoVAE(width=8, latent=4)
        for count in epochs:
            history = fit(net, images, images[:3], loss=net.loss, epochs=count, checkpoint=tmp_path / name, **options)
            net.eval()(images[:1])  # a pass that no loss asks about, as a look at a picture is
        return net, history

    net, history = run("whole", 8)
    assert history.train_loss[-1] < 0.9 * history.train_loss[0]
    resumed, other = run("parts", 2, 8)
    assert other.train_loss == history.train_loss and other.validation_loss == history.validation_loss
    for name, tensor in net.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name


@pytest.mark.parametrize(
    ("bad", "words"),
    [(dict(latent=0), "latent"), (dict(decoder_sd=0), "decoder_sd"), (dict(decoder_sd="a"), "decoder_sd")],
)
def test_bad_settings_of_the_vae(bad, words):
    with pytest.raises((TypeError, ValueError), match=words):
        MyronenkoVAE(width=4, **bad)
