"""Saved models: what is saved comes back, what was not made by `save` is refused in words, and nothing is ever run."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

from course_lib import models
from course_lib.models import saved
from course_lib.models.attention import ConcurrentSE
from course_lib.models.attention_unet import AttentionUNet
from course_lib.models.autoencoders import MyronenkoCAE, ResidualUNet, ShallowResidualAE, SkipCAE
from course_lib.models.cascade import DeepCascade, DynamicCascade, ReconstructionCNN
from course_lib.models.dae import BrainCDAE, ConvDAE, DenseDAE
from course_lib.models.dncnn import DnCNN
from course_lib.models.resolve import DeepResolve
from course_lib.models.unet import UNet
from course_lib.models.vae import MyronenkoVAE

ROOT = Path(__file__).resolve().parents[2]
WORDS = {"data": "16 synthetic heads", "noise": "Gaussian, sigma 0.1", "stop": "fixed: 1 epoch", "seed": 0}
DENOISERS = [
    (DenseDAE, {"image_size": (9, 7), "hidden": 8, "code": 3}),
    (ConvDAE, {"width": 4}),
    (BrainCDAE, {"width": 4}),
    (ShallowResidualAE, {"block": "original", "width": 4}),
    (SkipCAE, {"width": 4}),
    (MyronenkoCAE, {"width": 4, "dropout": 0.2}),
    (MyronenkoVAE, {"width": 4, "latent": 3, "decoder_sd": 0.2}),
    (ResidualUNet, {"width": 4}),
    (UNet, {"width": 3, "depth": 2, "residual": False}),
    (DnCNN, {"width": 4, "dilations": (1, 2, 1)}),
    (DnCNN, {"width": 4, "depth": 3, "batch_norm": False, "bias": False}),
    (AttentionUNet, {"encoder": "small", "width": 4, "dilations": (1, 3), "attention": "gate"}),
    (AttentionUNet, {"dilations": ()}),
    (DeepResolve, {"depth": 3, "width": 4, "dimensions": 2}),
]
CASCADES = [
    (ReconstructionCNN, {"cascades": 2, "convolutions": 2, "width": 3}),
    (DeepCascade, {"cascades": 2, "width": 3, "strength": 0.5, "learned": True, "block": "unet", "depth": 1}),
    (DynamicCascade, {"cascades": 2, "convolutions": 2, "width": 3, "sharing": 1, "periodic": False}),
]
name_of = lambda value: getattr(value, "__name__", "")  # noqa: E731


def alive(kind: type[nn.Module], arguments: dict) -> nn.Module:
    """A model whose every number differs from what its class begins with, BN's averages too."""
    generator = torch.Generator().manual_seed(1)
    model = kind(**arguments)
    with torch.no_grad():
        for tensor in model.state_dict().values():
            if tensor.is_floating_point():
                tensor.add_(0.1 * torch.rand(tensor.shape, generator=generator) - 0.02)
            else:
                tensor.fill_(7)
    return model


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "model.safetensors"


@pytest.mark.parametrize(("kind", "arguments"), DENOISERS + CASCADES, ids=name_of)
def test_what_is_saved_comes_back_bit_for_bit(path, kind, arguments):
    model = alive(kind, arguments)
    state = torch.get_rng_state()
    card = models.save(model, path, arguments=arguments, **WORDS)
    again = models.load(path)
    assert torch.equal(state, torch.get_rng_state()), "the global random state was touched"
    assert type(again) is kind and not again.training
    before, after = model.state_dict(), again.state_dict()
    assert before.keys() == after.keys() and all(torch.equal(before[name], after[name]) for name in before)
    assert card == models.read_card(path) and card.arguments == arguments
    assert card.parameters == sum(parameter.numel() for parameter in again.parameters())


@pytest.mark.parametrize(("kind", "arguments"), DENOISERS, ids=name_of)
def test_the_loaded_model_does_the_same(path, kind, arguments):
    model, image = alive(kind, arguments), torch.rand(2, 1, 9, 7, generator=torch.Generator().manual_seed(0))
    models.save(model, path, arguments=arguments, **WORDS)
    assert model.training, "saving changed the model's mode"
    with torch.no_grad():
        assert torch.equal(models.load(path)(image), model.eval()(image))


@pytest.mark.parametrize(("kind", "arguments"), [DENOISERS[2], DENOISERS[11]], ids=name_of)
def test_half_precision_is_half_the_size_and_rounds(path, kind, arguments):
    arguments = arguments | {"width": 32}
    model = alive(kind, arguments)
    models.save(model, path, arguments=arguments, **WORDS)
    full = path.stat().st_size
    card = models.save(model, path, arguments=arguments, half=True, **WORDS)
    assert card.stored_as == "float16" and path.stat().st_size < 0.6 * full
    again, learned = models.load(path).state_dict(), dict(model.named_parameters())
    for name, tensor in model.state_dict().items():
        assert again[name].dtype == tensor.dtype
        if name in learned:  # relative to 2⁻¹¹, and to float16's smallest numbers
            assert torch.allclose(again[name], tensor, rtol=2**-11, atol=2**-24)
        else:
            assert torch.equal(again[name], tensor), "averages of BN stay as they are"


def test_the_small_attention_unet_fits_into_five_megabytes(path):
    models.save(AttentionUNet(encoder="small"), path, arguments={"encoder": "small"}, half=True, **WORDS)
    assert path.stat().st_size < 5e6


def test_it_saves_from_other_layouts_and_precisions_and_leaves_them_alone(path):
    model = alive(ConvDAE, {}).to(dtype=torch.bfloat16, memory_format=torch.channels_last)
    models.save(model, path, **WORDS)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.bfloat16}
    before, after = model.state_dict(), models.load(path).state_dict()
    assert all(torch.equal(before[name].float(), after[name]) for name in before)


def test_the_card_says_what_it_was_told_and_what_it_found(path):
    card = models.save(
        alive(UNet, {"width": 4}), path, data=" heads,\n 16 of them ", noise="Rician", seed=None, note="first try",
        stop="best of 5 on validation", arguments={"width": 4}, metrics={"PSNR": torch.tensor(31.5), "SSIM": 0.9},
    )  # fmt: skip
    assert (card.architecture, card.arguments, card.init) == ("unet.UNet", {"width": 4}, "random")
    assert (card.data, card.noise, card.seed, card.note) == ("heads, 16 of them", "Rician", None, "first try")
    assert card.stop == "best of 5 on validation" and "\nstop          best of 5 on validation\n" in str(card)
    assert card.metrics == pytest.approx({"PSNR": 31.5, "SSIM": 0.9}) and card.stored_as == "float32"
    assert card.library == "0.2.0" and card.parameters == 122_389
    text = str(card)
    assert "unet.UNet(width=4)" in text and "122,389" in text and "PSNR 31.5, SSIM 0.9" in text
    with safe_open(str(path), framework="pt") as file:  # one file, and any reader of safetensors finds the card
        assert json.loads(file.metadata()["course_card"])["noise"] == "Rician"


def test_who_does_not_say_how_the_stop_was_chosen_is_asked(path):
    words = {name: value for name, value in WORDS.items() if name != "stop"}
    with pytest.warns(UserWarning, match="when to stop: pass stop=") as warned:
        card = models.save(ConvDAE(2), path, arguments={"width": 2}, **words)
    assert warned[0].filename == __file__
    assert card.stop is None and "stop          not said" in str(models.read_card(path))


def test_a_card_of_before_the_question_is_read(path):
    models.save(ConvDAE(2), path, arguments={"width": 2}, **WORDS)
    with safe_open(str(path), framework="pt") as file:
        card = json.loads(file.metadata()["course_card"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}
    del card["stop"]
    save_file(tensors, path, metadata={"course_card": json.dumps(card)})
    assert models.read_card(path).stop is None and models.load(path)


def test_the_commit_is_gits_or_unknown(path, monkeypatch):
    told = {"rev-parse": "abc123\n", "status": ""}

    def git(command, **options):
        assert options["timeout"] and command[:2] == ["git", "-C"]
        return subprocess.CompletedProcess(command, 0, stdout=told[command[3]])

    monkeypatch.setattr(saved.subprocess, "run", git)
    assert models.save(ConvDAE(2), path, arguments={"width": 2}, **WORDS).commit == "abc123"
    told["status"] = " M course_lib/noise.py\n"
    assert models.save(ConvDAE(2), path, arguments={"width": 2}, **WORDS).commit == "abc123+changes"
    monkeypatch.setattr(saved.subprocess, "run", lambda *a, **k: (_ for _ in ()).throw(FileNotFoundError("git")))
    assert models.save(ConvDAE(2), path, arguments={"width": 2}, **WORDS).commit is None


def test_transferred_weights_need_no_download_and_say_where_they_began(path, monkeypatch):
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", lambda *a, **k: pytest.fail("downloaded"))
    model = alive(AttentionUNet, {"dilations": ()})
    model.init = model.encoder.init = "imagenet"
    card = models.save(model, path, arguments={"dilations": (), "pretrained": True}, **WORDS)
    assert card.init == "imagenet" and card.arguments == {"dilations": ()}
    again = models.load(path)
    assert again.init == again.encoder.init == "imagenet"


@pytest.mark.parametrize(
    ("model", "arguments", "message"),
    [
        (UNet(width=4, residual=False), {"width": 4}, "residual is False in the model and True as built"),
        (UNet(width=4), {}, r"down.0.0.out_channels is 4 in the model and 32 as"),
        (UNet(width=4, depth=2), {"width": 4}, "depth is 2 in the model and 4 as built"),
        (DnCNN(width=4, dilations=(1, 2, 1)), {"width": 4, "dilations": (1, 1, 1)}, "dilation"),
        (MyronenkoCAE(width=4, dropout=0.3), {"width": 4}, "encoder.1.p is 0.3"),
        (UNet(width=4), {"width": 4, "depht": 2}, "cannot be built: .*depht"),
        (UNet(width=4), {"width": 0}, "cannot be built: width: expected at least 1"),
        (UNet(width=4), {"width": object()}, "arguments: width: expected numbers"),
        (UNet(width=4), {"width": 10**6}, "at most 4096"),
    ],
)
def test_arguments_that_build_another_model_are_refused_in_words(path, model, arguments, message):
    with pytest.raises(ValueError, match=message):
        models.save(model, path, arguments=arguments, **WORDS)
    assert not path.exists()


class Mine(UNet):
    pass


@pytest.mark.parametrize("model", [nn.Conv2d(1, 1, 3), Mine(width=2), nn.Sequential(UNet(width=2))])
def test_only_the_courses_own_models_can_be_saved(path, model):
    with pytest.raises(TypeError, match="expected a model of course_lib.models"):
        models.save(model, path, **WORDS)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": ""}, "data: expected a text"),
        ({"noise": None}, "noise: expected a text"),
        ({"data": "\x1b[31mred"}, "printable"),
        ({"seed": 1.5}, "seed: expected a whole number"),
        ({"seed": True}, "seed: expected a whole number"),
        ({"metrics": {"PSNR": float("nan")}}, "metrics: PSNR: expected a finite number"),
        ({"metrics": {"PSNR": "high"}}, "metrics: PSNR: expected a finite number"),
        ({"metrics": [31]}, "metrics: expected {name: value}"),
        ({"arguments": [31]}, "arguments: expected {name: value}"),
        ({"note": "x" * 2001}, "at most 2000"),
    ],
)
def test_what_no_card_can_hold_is_refused_at_once(path, change, message):
    with pytest.raises((ValueError, TypeError), match=message):
        models.save(ConvDAE(2), path, **{"arguments": {"width": 2}} | WORDS | change)


def test_weights_that_are_no_numbers_are_refused(path):
    model = ConvDAE(2)
    model.encoder[0].weight.data[0] = 1e5
    with pytest.raises(ValueError, match="65504.*encoder.0.weight"):
        models.save(model, path, arguments={"width": 2}, half=True, **WORDS)
    model.encoder[0].weight.data[0] = torch.nan
    with pytest.raises(ValueError, match="NaN or infinity in encoder.0.weight"):
        models.save(model, path, arguments={"width": 2}, **WORDS)


def test_a_name_with_another_ending_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"ends in \.safetensors, got 'model.pt'"):
        models.save(ConvDAE(2), tmp_path / "model.pt", arguments={"width": 2}, **WORDS)


def test_a_file_is_whole_or_the_old_one(path, monkeypatch):
    models.save(ConvDAE(2), path, arguments={"width": 2}, **WORDS)
    before = path.read_bytes()
    monkeypatch.setattr(os, "replace", lambda *a: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        models.save(ConvDAE(2), path, arguments={"width": 2}, **WORDS)
    assert path.read_bytes() == before and list(path.parent.iterdir()) == [path]


# what is not made by `save`


class Bomb:
    def __reduce__(self):
        return os.mkdir, ("exploded",)


@pytest.mark.parametrize("write", [torch.save, lambda value, file: Path(file).write_bytes(pickle.dumps(value))])
@pytest.mark.parametrize("name", ["model.pt", "model.safetensors"])
def test_a_pickle_is_refused_and_not_run(tmp_path, monkeypatch, write, name):
    monkeypatch.chdir(tmp_path)
    write({"weights": Bomb()}, name)
    for read in (models.load, models.read_card):
        with pytest.raises(ValueError, match=f"{name}: a pickle, .*runs whatever.*course_lib.models.save"):
            read(name)
    assert not Path("exploded").exists()
    # the bomb is live: the test could fail
    if write is not torch.save:
        pickle.loads(Path(name).read_bytes())
        assert Path("exploded").exists()


def test_no_file_and_no_safetensors(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file"):
        models.load(tmp_path / "model.safetensors")
    with pytest.raises(FileNotFoundError):
        models.load(tmp_path)
    for content in (b"", b"garbage", b"\xff" * 100):
        (tmp_path / "x.safetensors").write_bytes(content)
        with pytest.raises(ValueError, match="x.safetensors: expected a whole safetensors file"):
            models.load(tmp_path / "x.safetensors")


def test_a_header_may_begin_like_a_pickle(path):
    """The first byte of a safetensors file is the length of its header modulo 256."""
    starts = set()
    for length in range(1, 300, 8):
        models.save(ConvDAE(2), path, arguments={"width": 2}, note="x" * length, **WORDS)
        starts.add(path.read_bytes()[0])
        assert models.load(path)
    assert 0x80 in starts and 0x50 in starts


def test_a_file_cut_short_is_refused(path):
    models.save(ConvDAE(2), path, arguments={"width": 2}, **WORDS)
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(ValueError, match="expected a whole safetensors file"):
        models.load(path)


def forged(path: Path, change: dict | None = None, *, text: str | None = None, tensors: dict | None = None) -> Path:
    """A file as `save` writes it, with another card or other weights."""
    if not path.exists():
        models.save(ConvDAE(2), path, arguments={"width": 2}, **WORDS)
    with safe_open(str(path), framework="pt") as file:
        card = json.loads(file.metadata()["course_card"])
        kept = {name: file.get_tensor(name) for name in file.keys()}
    text = json.dumps(card | (change or {})) if text is None else text
    save_file(kept if tensors is None else kept | tensors, path, metadata={"course_card": text})
    return path


def test_the_forger_forges_well(path):
    assert models.load(forged(path)).encoder[0].out_channels == 2


def test_weights_without_a_card_are_refused(path):
    save_file({"weight": torch.zeros(3)}, path)
    with pytest.raises(ValueError, match="weights without a card"):
        models.load(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected JSON"),
        ("{", "expected JSON"),
        ("[1]", "expected a JSON object, got a list"),
        ("{}", "expected format 1"),
        ('{"format": 2}', "expected format 1: it was made by another version"),
        ('{"format": 1, "data": "x"}', "missing or unknown: 'architecture'"),
        ('{"format": NaN}', "finite number, got NaN"),
        ("[" * 50_000, "expected JSON"),
        ('"' + "x" * 100_000 + '"', "at most 100000"),
    ],
)
def test_a_card_that_is_none_is_refused(path, text, message):
    with pytest.raises(ValueError, match=f"model.safetensors: wrong card: .*{message}"):
        models.load(forged(path, text=text))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"more": 1}, "unknown: 'more'"),
        ({"architecture": "os.system"}, "class of course_lib.models"),
        ({"architecture": "ConvDAE"}, "class of course_lib.models"),
        ({"architecture": "dae.nn"}, "class of course_lib.models"),
        ({"architecture": "dae.torch"}, "class of course_lib.models"),
        ({"architecture": "dae.pad_to_multiple"}, "class of course_lib.models"),
        ({"architecture": "dae.ConvDAE.__init__"}, "class of course_lib.models"),
        ({"architecture": "..noise.gaussian"}, "class of course_lib.models"),
        ({"architecture": "_card.Card"}, "class of course_lib.models"),
        ({"architecture": "attention_unet._SmallEncoder"}, "class of course_lib.models"),
        ({"architecture": "attention_unet.ConcurrentSE"}, "class of course_lib.models"),
        ({"architecture": 3}, "architecture: expected a text"),
        ({"arguments": [2]}, "arguments: expected"),
        ({"arguments": {"width": {}}}, "arguments: width: expected numbers"),
        ({"arguments": {"width": "2"}}, "dae.ConvDAE.width='2'. cannot be built"),
        ({"arguments": {"width": 3}}, "weights do not fit dae.ConvDAE.width=3.: encoder.0.weight has shape"),
        ({"arguments": {"width": 2, "pretrained": True}}, "expected no 'pretrained'"),
        ({"arguments": {"width": 2, "__class__": 1}}, "cannot be built"),
        ({"arguments": {"width": 100_000}}, "at most 4096"),
        ({"arguments": {"width": [2] * 4097}}, "at most 4096"),
        ({"parameters": 5}, "it says 5 parameters, dae.ConvDAE.width=2. has 153"),
        ({"parameters": "153"}, "parameters: expected a whole number"),
        ({"init": "magic"}, "init: expected 'random' or 'imagenet'"),
        ({"init": ["random"]}, "init: expected"),
        ({"stored_as": "int8"}, "stored_as: expected"),
        ({"metrics": {"PSNR": None}}, "metrics: PSNR"),
        ({"metrics": {"PSNR": 10**400}}, "metrics: PSNR"),
        ({"data": "a\u202eb"}, "printable"),
        ({"noise": "\x1b]0;title\x07"}, "printable"),
        ({"commit": 7}, "commit: expected a text"),
    ],
)
def test_a_wrong_card_is_refused_in_words(path, change, message):
    with pytest.raises(ValueError, match=message):
        models.load(forged(path, change))


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"encoder.0.weight": torch.zeros(2, 1, 5, 5)}, r"encoder.0.weight has shape \(2, 1, 5, 5\), expected"),
        ({"encoder.0.bias": torch.zeros(2, dtype=torch.int64)}, "encoder.0.bias has type I64"),
        ({"encoder.0.bias": torch.zeros(2, dtype=torch.float64)}, "encoder.0.bias has type F64"),
        ({"encoder.0.bias": torch.tensor([0.0, torch.inf])}, "NaN or infinity in encoder.0.bias"),
        ({f"more{i}": torch.zeros(1) for i in range(5)}, "more0 is not known; .*and 2 more"),
    ],
)
def test_weights_that_do_not_fit_are_refused_in_words(path, tensors, message):
    with pytest.raises(ValueError, match=f"model.safetensors: .*{message}"):
        models.load(forged(path, tensors=tensors))


def test_missing_weights_are_refused(path):
    models.save(ConvDAE(2), path, arguments={"width": 2}, **WORDS)
    with safe_open(str(path), framework="pt") as file:
        text = file.metadata()["course_card"]
        kept = {name: file.get_tensor(name) for name in list(file.keys())[1:]}
    save_file(kept, path, metadata={"course_card": text})
    with pytest.raises(ValueError, match="is missing"):
        models.load(path)


@pytest.mark.parametrize(
    ("architecture", "arguments"),
    [
        ("dncnn.DnCNN", {"depth": 4096, "width": 4096}),
        ("cascade.DeepCascade", {"cascades": 4096, "convolutions": 4096, "width": 4096}),
        ("attention_unet.AttentionUNet", {"dilations": [4096] * 4096}),
        ("unet.UNet", {"width": 4096, "depth": 4096}),
        ("dae.DenseDAE", {"image_size": [4096, 4096], "hidden": 4096}),
    ],
)
def test_a_card_that_asks_for_a_giant_is_refused_before_it_is_built(path, architecture, arguments):
    started = time.process_time()
    with pytest.raises(ValueError, match="do not fit|cannot be built"):
        models.load(forged(path, {"architecture": architecture, "arguments": arguments}))
    assert time.process_time() - started < 20
    UNet(width=2)  # what counts the parts is gone again
    assert not torch.nn.modules.module._global_parameter_registration_hooks


def test_a_building_block_comes_back_too(path):
    models.save(alive(ConcurrentSE, {"channels": 8}), path, arguments={"channels": 8}, **WORDS)
    assert isinstance(models.load(path), ConcurrentSE)


def test_the_package_stays_light():
    code = "import sys, course_lib.models as m; m.load; print(*({'torch', 'safetensors', 'numpy'} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.split() == []
