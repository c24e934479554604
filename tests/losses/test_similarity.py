"""Losses: their values against metrics and oracles, laws, gradients, refusals; the loading of VGG16; inside `fit`."""

import copy

import numpy as np
import pytest
import requests
import torch
from torch import nn
from torch.autograd import gradcheck

from course_lib import losses, metrics, training

SSIM_FAMILY = {
    "ssim": lambda: losses.SSIMLoss(1),
    "dssim": lambda: losses.DSSIMLoss(1),
    "ms-ssim": lambda: losses.MSSSIMLoss(1, scales=2),
    "mix": lambda: losses.MixLoss(1, scales=2),
}
ALL = SSIM_FAMILY | {
    "charbonnier": lambda: losses.Charbonnier(),
    "perceptual": lambda: losses.PerceptualLoss(("relu1_2", "relu2_2"), pretrained=False),
}


def pair(shape=(2, 1, 25, 28), seed=0, dtype=torch.float32, sigma=0.15):
    generator = torch.Generator().manual_seed(seed)
    rows, columns = torch.meshgrid(*(torch.arange(n, dtype=torch.float64) for n in shape[-2:]), indexing="ij")
    target = (0.5 + 0.4 * torch.sin(rows / 5) * torch.cos(columns / 7)).expand(shape)
    prediction = target + sigma * torch.randn(shape, generator=generator, dtype=torch.float64)
    return prediction.to(dtype), target.contiguous().to(dtype)


@pytest.mark.parametrize("name", ALL)
def test_laws_of_every_loss(name):
    loss = ALL[name]()
    a, b = pair()
    assert loss(b, b).item() == pytest.approx(0, abs=1e-6)
    value = loss(a, b)
    assert value.shape == () and value.dtype == torch.float32 and value.item() > 1e-3
    assert loss(b, a).item() == pytest.approx(value.item(), rel=1e-5), "symmetric"
    nearer = loss(b + 0.3 * (a - b), b).item()
    assert nearer < value.item()
    # nothing to train, nothing to save, and no mode
    assert not list(loss.parameters()) and not loss.state_dict()
    assert loss.train()(a, b).item() == loss.eval()(a, b).item() == value.item()
    assert copy.deepcopy(loss)(a, b).item() == value.item()
    assert type(loss).__name__ in repr(loss)


@pytest.mark.parametrize("name", ALL)
def test_gradients_in_double_precision(name):
    loss = ALL[name]().double()
    # 21 pixels: the smallest image for two scales. The difference is nowhere near 0, where L1 has its kink.
    a, b = pair((1, 1, 21, 22), seed=3, dtype=torch.float64)
    a = torch.where((a - b).abs() < 1e-3, b + 1e-2, a).requires_grad_()
    assert gradcheck(lambda x: loss(x, b), (a,), fast_mode=True)
    if name != "mix":  # in both arguments
        c, d = a.detach(), b.clone().requires_grad_()
        assert gradcheck(lambda y: loss(c, y), (d,), fast_mode=True)


def test_values_of_the_ssim_losses_are_those_of_the_metrics():
    a, b = pair((3, 2, 43, 50))
    ssim, ms_ssim = (f(a, b, data_range=1).mean().item() for f in (metrics.ssim, three_scales))
    assert losses.SSIMLoss(1)(a, b).item() == pytest.approx(1 - ssim, abs=1e-6)
    assert losses.DSSIMLoss(1)(a, b).item() == pytest.approx((1 - ssim) / 2, abs=1e-6)
    assert losses.MSSSIMLoss(1, scales=3)(a, b).item() == pytest.approx(1 - ms_ssim, abs=1e-6)
    uniform = metrics.ssim(a, b, data_range=1, window="uniform").mean().item()
    for loss, value in ((losses.SSIMLoss, 1 - uniform), (losses.DSSIMLoss, (1 - uniform) / 2)):
        assert loss(1, window="uniform")(a, b).item() == pytest.approx(value, abs=1e-6)
    # images and data range in other units
    for make in (losses.SSIMLoss, losses.MixLoss):
        arguments = {"scales": 3} if make is losses.MixLoss else {}
        ours, scaled = make(1, **arguments)(a, b).item(), make(255, **arguments)(255 * a, 255 * b).item()
        assert scaled == pytest.approx(ours, rel=1e-4)


def three_scales(a, b, *, data_range):
    return metrics.ms_ssim(a, b, data_range=data_range, scales=3)


def test_ms_ssim_loss_agrees_with_pytorch_msssim():
    peer = pytest.importorskip("pytorch_msssim")
    a, b = pair((2, 1, 176, 192))
    a.requires_grad_()
    (ours,) = torch.autograd.grad(losses.MSSSIMLoss(1)(a, b), a)
    value = 1 - peer.ms_ssim(a, b, data_range=1)
    (theirs,) = torch.autograd.grad(value, a)
    assert losses.MSSSIMLoss(1)(a, b).item() == pytest.approx(value.item(), abs=1e-5)
    assert torch.allclose(ours, theirs, atol=1e-4 * theirs.abs().max().item())


def test_charbonnier_against_its_formula():
    a, b = pair(dtype=torch.float64)
    for epsilon in (1e-3, 0.5):
        expected = np.sqrt((a - b).numpy() ** 2 + epsilon**2).mean() - epsilon
        assert losses.Charbonnier(epsilon)(a, b).item() == pytest.approx(expected, rel=1e-10)
    tiny, zero = torch.full((4,), 1e-6), torch.zeros(4)
    assert losses.Charbonnier()(tiny, zero).item() == pytest.approx(1e-12 / 2e-3, rel=1e-4)  # d² / (2 epsilon)
    assert losses.Charbonnier()(zero + 100, zero).item() == pytest.approx(100, rel=1e-4)


def test_bounds_and_contrast_the_wrong_way_round():
    rng = torch.Generator().manual_seed(0)
    b = torch.rand((1, 1, 48, 48), generator=rng)
    a = (1 - b).requires_grad_()
    assert 1.5 < losses.SSIMLoss(1)(a, b).item() < 2
    assert 0.75 < losses.DSSIMLoss(1)(a, b).item() < 1
    assert metrics.ms_ssim(a, b, data_range=1, scales=3).item() == 0
    (silent,) = torch.autograd.grad(metrics.ms_ssim(a, b, data_range=1, scales=3).sum(), a)
    assert torch.equal(silent, torch.zeros_like(silent)), "the metric has gradient 0 there, not NaN"
    loss = losses.MSSSIMLoss(1, scales=3)
    value = loss(a, b)
    (gradient,) = torch.autograd.grad(value, a)
    assert 0.9 < value.item() <= 1 and gradient.isfinite().all()
    # a step against the gradient brings the prediction nearer to the target, not away
    assert (gradient * (b - a)).sum().item() < -1e-5
    assert loss(a - 0.05 * gradient / gradient.abs().max(), b) < value


def test_a_network_that_starts_inverted_learns_with_the_ms_ssim_loss():
    _, b = pair((1, 1, 41, 43))
    contrast = torch.tensor(-0.5, requires_grad=True)
    optimizer = torch.optim.Adam([contrast], lr=0.1)
    loss = losses.MSSSIMLoss(1, scales=3)
    for _ in range(40):
        optimizer.zero_grad()
        loss(0.5 + contrast * (b - 0.5), b).backward()
        optimizer.step()
    assert 0.5 < contrast.item() < 1.5, "from -0.5; with the metric's floor of 0 it would stay there"


def test_the_floor_of_ms_ssim_is_smooth():
    """Below 0.05 the loss continues a scale's mean v by 0.05² / (0.1 - v): same value, same slope."""
    _, b = pair((1, 1, 12, 12), dtype=torch.float64)
    noise = torch.randn((1, 1, 12, 12), generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    loss = losses.MSSSIMLoss(1, scales=1)

    def at(t):
        prediction = (b + 0.1 * noise - t * (b - 0.5)).requires_grad_()
        term = metrics.ssim(prediction.detach(), b, data_range=1).item()
        value = loss(prediction, b)
        return term, value.item(), torch.autograd.grad(value, prediction)[0].norm().item()

    low, high = 0.0, 3.0  # the term falls through 0.05 somewhere between
    assert at(low)[0] > 0.05 > at(high)[0]
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if at(middle)[0] > 0.05 else (low, middle)
    (_, above, slope_above), (_, below, slope_below) = at(low - 1e-6), at(high + 1e-6)
    assert above == pytest.approx(0.95, abs=1e-5) and below == pytest.approx(0.95, abs=1e-5)
    assert slope_above == pytest.approx(slope_below, rel=1e-3)
    term, value, _ = at(3.0)
    assert value == pytest.approx(1 - 0.05**2 / (0.1 - term), abs=1e-9)


def test_mix_loss_is_the_weighted_sum_of_its_parts():
    a, b = pair((2, 1, 43, 50), dtype=torch.float64)
    structure = losses.MSSSIMLoss(1, scales=3)(a, b).item()
    pixels = losses.MixLoss(1, alpha=0, scales=3)(a, b).item()
    assert losses.MixLoss(1, alpha=1, scales=3)(a, b).item() == pytest.approx(structure, abs=1e-12)
    assert losses.MixLoss(1, scales=3)(a, b).item() == pytest.approx(0.84 * structure + 0.16 * pixels, abs=1e-12)


def test_the_pixel_part_of_mix_loss_is_a_gaussian_weighted_l1():
    from scipy.ndimage import gaussian_filter

    a, b = pair((2, 1, 44, 52), dtype=torch.float64)
    difference = (a - b).abs()[:, 0].numpy()
    coarse = difference.reshape(2, 11, 4, 13, 4).mean((2, 4))  # three scales: halved twice

    def gaussian(image):
        return gaussian_filter(image, 1.5, mode="constant", radius=5)

    inside = gaussian(np.ones((11, 13)))
    expected = np.mean([gaussian(image) / inside for image in coarse])
    assert losses.MixLoss(1, alpha=0, scales=3)(a, b).item() == pytest.approx(expected, abs=1e-12)
    # a constant error costs itself, and no pixel is free
    assert losses.MixLoss(1, alpha=0, scales=3)(b + 0.1, b).item() == pytest.approx(0.1, abs=1e-12)
    x = b.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(losses.MixLoss(1, alpha=0, scales=3)(x + 0.1, b), x)
    assert gradient.min() > 0.4 * gradient.max() > 0


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_and_autocast(name, dtype):
    loss = ALL[name]()
    a, b = pair()
    expected = loss(a, b).item()
    value = loss(a.to(dtype), b.to(dtype))
    assert value.dtype == torch.float32
    assert value.item() == pytest.approx(loss(a.to(dtype).float(), b.to(dtype).float()).item(), rel=1e-5)
    with torch.autocast("cpu", torch.bfloat16):
        x = a.clone().requires_grad_()
        value = loss(x, b)
        (gradient,) = torch.autograd.grad(value, x)
    assert value.dtype == gradient.dtype == torch.float32
    # SSIM in bfloat16 would be wrong in the first digit
    assert value.item() == pytest.approx(expected, rel=0.05 if name == "perceptual" else 1e-6)
    mixed = loss(a.to(dtype), b)  # a network under autocast answers in half precision
    assert mixed.dtype == torch.float32 and mixed.isfinite()


def test_inference_mode_does_not_spoil_later_gradients():
    from course_lib.metrics import structure as _ssim

    _ssim._window.cache_clear()
    a, b = pair(dtype=torch.float64)
    with torch.inference_mode():
        value = losses.SSIMLoss(1)(a, b).item()
    a.requires_grad_()
    again = losses.SSIMLoss(1)(a, b)
    again.backward()
    assert again.item() == value and a.grad.abs().max() > 0


def test_nan_is_passed_on_not_refused():
    a, b = pair()
    a[0, 0, 12, 12] = torch.nan  # a training that diverges: fit says so
    for name, make in ALL.items():
        assert make()(a, b).isnan(), name


@pytest.mark.parametrize("name", SSIM_FAMILY)
def test_the_first_target_is_checked_against_the_data_range(name):
    loss, (a, b) = SSIM_FAMILY[name](), pair()
    with pytest.raises(ValueError, match=r"in \[0, 255\] it is 255"):
        loss(255 * a, 255 * b)
    loss(a, b)
    loss(3 * a, 3 * b)  # only the first: looking at values makes a GPU wait


@pytest.mark.parametrize("name", ALL)
def test_refusals_in_words(name):
    loss, (a, b) = ALL[name](), pair()
    with pytest.raises(TypeError, match="prediction: expected a floating-point tensor, got ndarray"):
        loss(a.numpy(), b)
    with pytest.raises(TypeError, match="target: expected a floating-point tensor, got torch.int64"):
        loss(a, b.long())
    with pytest.raises(ValueError, match="same shape"):
        loss(a, b[:1])
    if name != "charbonnier":
        with pytest.raises(ValueError, match=r"\(N, .*, H, W\)"):
            loss(a[0], b[0])
    small = {"perceptual": 1, "charbonnier": 0, "ssim": 10, "dssim": 10}.get(name, 20)
    if small:
        with pytest.raises(ValueError, match=f"expected at least {small + 1}"):
            loss(torch.rand(1, 1, small, 40), torch.rand(1, 1, small, 40))
    if name == "perceptual":
        with pytest.raises(ValueError, match=r"\(N, 1 or 3, H, W\)"):
            loss(torch.rand(1, 2, 16, 16), torch.rand(1, 2, 16, 16))


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda: losses.Charbonnier(0), ValueError, "epsilon"),
        (lambda: losses.SSIMLoss(0), ValueError, "data_range"),
        (lambda: losses.DSSIMLoss("1"), TypeError, "data_range"),
        (lambda: losses.SSIMLoss(1, window="flat"), ValueError, "'gaussian' or 'uniform'"),
        (lambda: losses.DSSIMLoss(1, window="flat"), ValueError, "'gaussian' or 'uniform'"),
        (lambda: losses.MSSSIMLoss(1, scales=6), ValueError, "1 to 5"),
        (lambda: losses.MSSSIMLoss(1, scales=2.5), TypeError, "whole number"),
        (lambda: losses.MixLoss(1, alpha=1.5), ValueError, "alpha"),
        (lambda: losses.PerceptualLoss(("relu6_1",), pretrained=False), ValueError, "relu5_3"),
        (lambda: losses.PerceptualLoss((), pretrained=False), ValueError, "layers"),
        (lambda: losses.PerceptualLoss(("relu1_1", "relu1_1"), pretrained=False), ValueError, "different names"),
        (lambda: losses.PerceptualLoss(pretrained="imagenet21k"), ValueError, "or 'if here', got 'imagenet21k'"),
        (lambda: losses.PerceptualLoss("relu1_1", pretrained=False, layer_weights=[1, 2]), ValueError, "1 numbers"),
        (lambda: losses.PerceptualLoss("relu1_1", pretrained=False, layer_weights=[-1]), ValueError, "layer_weights"),
    ],
)
def test_bad_settings_are_refused_in_words(make, error, says):
    with pytest.raises(error, match=says):
        make()


# --- the perceptual loss ---


@pytest.fixture(scope="module")
def vgg16_features():
    """torchvision's own VGG16 without its classifier, random: the oracle, and the source of a checkpoint."""
    from torchvision.models.vgg import cfgs, make_layers

    with training.fixed_seed(1):
        return make_layers(cfgs["D"]).eval()


def write_checkpoint(path, features, **options):
    """A file of the name, keys and shapes of torchvision's, but of 59 MB: the classifier's zeros are stored once."""
    state = {f"features.{name}": tensor for name, tensor in features.state_dict().items()}
    for number, shape in ((0, (4096, 25088)), (3, (4096, 4096)), (6, (1000, 4096))):
        state[f"classifier.{number}.weight"] = torch.zeros(1).expand(shape)
        state[f"classifier.{number}.bias"] = torch.zeros(1).expand(shape[:1])
    path.parent.mkdir(parents=True)
    torch.save(state, path, **options)


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
    return tmp_path / "hub" / "checkpoints" / "vgg16-397923af.pth", asked


@pytest.mark.parametrize("legacy", [False, True])
def test_weights_come_from_the_cache_of_torch_hub(hub, vgg16_features, legacy):
    path, asked = hub
    # the file of 2017 that is online has the format from before zip files
    write_checkpoint(path, vgg16_features, _use_new_zipfile_serialization=not legacy)
    loss = losses.PerceptualLoss()
    path.unlink()  # read, not mapped
    assert not asked
    assert sum(b.numel() for b in loss.buffers()) == 7_635_264 + 6, "cut after relu4_3, without classifier"
    a, b = pair((2, 1, 24, 27))
    values = []
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    for image in (a, b):
        x, found = (image.repeat(1, 3, 1, 1) - mean[:, None, None]) / deviation[:, None, None], []
        for index, layer in enumerate(vgg16_features[:23]):
            x = layer(x)
            if index in (3, 8, 15, 22):  # ReLUs of Johnson et al. in torchvision's list
                found.append(x.detach().clone())
        values.append(found)
    expected = sum(((x - y) ** 2).mean() for x, y in zip(*values, strict=True)).item()
    assert loss(a, b).item() == pytest.approx(expected, rel=1e-4)


def test_without_file_and_network_it_says_what_to_do_and_what_is_used_instead(hub):
    path, asked = hub
    with pytest.raises(FileNotFoundError) as caught:
        losses.PerceptualLoss()
    message = str(caught.value)
    for part in ("VGG16", str(path), "no network here", "random features", "TORCH_HOME", "download.pytorch.org"):
        assert part in message, part
    assert "course data fetch vgg16" in message and len(asked) == 1
    for choice, questions in (("if here", 1), ("if available", 2)):
        with pytest.warns(UserWarning, match="VGG16 are not here.*random features instead.*fetch vgg16") as warned:
            loss = losses.PerceptualLoss("relu1_1", pretrained=choice)
        assert loss.init == "random" and warned[0].filename == __file__ and len(asked) == questions
    assert torch.equal(loss.relu1_1_weight, losses.PerceptualLoss("relu1_1", pretrained=False).relu1_1_weight)
    assert not path.exists()


def test_bad_files_in_the_cache_are_named(hub, vgg16_features):
    path, asked = hub
    path.parent.mkdir(parents=True)
    path.write_bytes(b"PK\x03\x04 cut short")
    for choice in (True, "if available", "if here"):
        with pytest.raises(ValueError, match="cannot be read(.|\n)*course data fetch vgg16"):
            losses.PerceptualLoss(pretrained=choice)
    torch.save({"features.0.weight": torch.zeros(64, 1, 3, 3)}, path)
    with pytest.raises(ValueError, match=r"features.0.weight of shape \(64, 3, 3, 3\), got \(64, 1, 3, 3\)"):
        losses.PerceptualLoss("relu1_1")
    torch.save({"features.0.weight": torch.zeros(64, 3, 3, 3)}, path)
    with pytest.raises(ValueError, match="features.0.bias of shape .64,., got nothing"):
        losses.PerceptualLoss("relu1_1")
    torch.save({"features.0.weight": torch.zeros(64, 3, 3, 3), "features.0.bias": torch.ones(64)}, path)
    assert losses.PerceptualLoss("relu1_1")(*pair()).item() == 0
    assert not asked


def test_random_features_are_fixed_labelled_and_leave_the_random_state_alone():
    state = torch.random.get_rng_state()
    short, long = (
        losses.PerceptualLoss("relu1_2", pretrained=False),
        losses.PerceptualLoss(("relu3_3", "relu1_2"), pretrained=False),
    )
    assert torch.equal(state, torch.random.get_rng_state())
    assert "random weights" in repr(short) and short.init == "random"
    a, b = pair()
    assert torch.equal(short.features(a)[0], long.features(a)[1])  # in the order asked for
    assert short(a, b).item() == losses.PerceptualLoss(["relu1_2"], pretrained=False)(a, b).item()
    sizes = [x.square().mean().item() for x in losses.PerceptualLoss(pretrained=False).features(a)]
    assert max(sizes) < 5 * min(sizes), "features keep their size from layer to layer"


def test_layer_weights_and_channels():
    a, b = pair()
    names = ("relu1_1", "relu2_1")
    each = [losses.PerceptualLoss(name, pretrained=False)(a, b).item() for name in names]
    weighted = losses.PerceptualLoss(names, pretrained=False, layer_weights=[2, 0.5])
    assert weighted(a, b).item() == pytest.approx(2 * each[0] + 0.5 * each[1], rel=1e-5)
    assert "2·relu1_1, 0.5·relu2_1" in repr(weighted)
    three = [x.repeat(1, 3, 1, 1) for x in (a, b)]
    assert weighted(*three).item() == pytest.approx(weighted(a, b).item(), rel=1e-5)


def test_perceptual_loss_is_frozen_and_moves():
    loss = losses.PerceptualLoss("relu1_2", pretrained=False)
    a, b = (x.requires_grad_() for x in pair())
    loss(a, b).backward()
    assert a.grad.abs().max() > 0 and b.grad.abs().max() > 0
    assert all(x.grad is None and not x.requires_grad for x in loss.buffers())
    holder = nn.ModuleDict({"model": nn.Conv2d(1, 1, 3), "loss": loss})
    assert set(holder.state_dict()) == {"model.weight", "model.bias"}, "a checkpoint of the model stays small"
    assert loss.double().mean.dtype == torch.float64
    assert loss(a.double(), b.double()).dtype == torch.float64
    # images elsewhere: the network follows them (the device "meta" computes nothing)
    assert loss(torch.rand(1, 1, 8, 8, device="meta"), torch.rand(1, 1, 8, 8, device="meta")).device.type == "meta"
    assert {x.device.type for x in loss.buffers()} == {"meta"}


# --- inside a training ---


@pytest.mark.parametrize("name", ALL)
def test_fit_accepts_every_loss(name):
    _, clean = pair((6, 1, 24, 24))
    with training.fixed_seed(0):
        model = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 1, 3, padding=1))
    history = training.fit(
        model,
        clean[:4],
        clean[4:],
        loss=ALL[name](),
        corrupt=lambda x, generator: x + 0.1 * torch.randn(x.shape, generator=generator),
        metrics={"psnr": lambda p, t: metrics.psnr(p, t, data_range=1)},
        epochs=12,
        batch_size=2,
        learning_rate=1e-2,
        progress=False,
        device="cpu",
        mixed_precision="bf16" if name == "ssim" else "no",
    )
    assert history.train_loss[-1] < 0.8 * history.train_loss[0]
    assert history.validation_loss[-1] < history.validation_loss[0]


@pytest.mark.parametrize("layers", [("relu1_2",), ("relu2_2", "relu1_1"), ("relu1_2", "relu3_3")])
def test_vgg_cut_in_pieces_is_the_same_loss(layers):
    loss = losses.PerceptualLoss(layers, pretrained=False)
    prediction, target = pair((2, 1, 25, 28))
    pieces = loss.stages()
    assert len(pieces) == len(layers)
    x, y = ((image.expand(-1, 3, -1, -1) - loss.mean) / loss.deviation for image in (prediction, target))
    total = 0
    for piece in pieces:
        x, y = piece(x), piece(y)
        total += float(((x - y) ** 2).mean())
    assert total == pytest.approx(float(loss(prediction, target)), rel=1e-5)
    assert not any(one.requires_grad for piece in pieces for one in piece.parameters())
    assert not list(loss.parameters()), "the loss itself still has nothing to learn"
