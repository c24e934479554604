"""ImageNet's weights: fetched from a server on this machine, read by the models and the loss, told by the doctor."""

from __future__ import annotations

import hashlib
import io
import os
import socket
import sys
import threading
import time
from dataclasses import replace

import pytest
import torch
from test_fetch import Server

from course_lib import doctor, losses
from course_lib.data import commands, download, fetch, sources, weights
from course_lib.models.attention_unet import AttentionUNet


def stand_in(name: str) -> bytes:
    """A file of the keys and shapes of torchvision's, but small: each tensor repeats one number."""
    from torchvision.models import resnet18
    from torchvision.models.vgg import cfgs, make_layers

    network = resnet18() if name == "resnet18" else torch.nn.ModuleDict({"features": make_layers(cfgs["D"])})
    state = {
        key: torch.full((), 1e-3, dtype=tensor.dtype).expand(tensor.shape)
        for key, tensor in network.state_dict().items()
    }
    file = io.BytesIO()
    torch.save(state, file)
    return file.getvalue()


USERS = {
    "resnet18": lambda **choice: AttentionUNet(**choice),
    "vgg16": lambda **choice: losses.PerceptualLoss(**choice),
}
each = pytest.mark.parametrize("name", USERS)


@pytest.fixture
def server(monkeypatch, tmp_path):
    """Serves the stand-in of `server.offer(name)` in place of torchvision's file; the caches are empty."""
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "course"))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    monkeypatch.setattr(download, "WAITS", (0.01, 0.01, 0.01))
    with Server() as running:

        def offer(name: str) -> None:
            running.content = stand_in(name)
            digest = hashlib.sha256(running.content).hexdigest()[:8]
            table = tuple(
                replace(source, urls=(running.url,), hash=f"sha256-prefix:{digest}") if source.name == name else source
                for source in sources.SOURCES
            )
            monkeypatch.setattr(sources, "SOURCES", table)
            monkeypatch.setattr(fetch, "SOURCES", table)

        running.offer = offer
        thread = threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@each
def test_what_the_command_fetches_the_library_reads_and_the_doctor_sees(server, tmp_path, capfd, name):
    server.offer(name)
    assert weights.state_of(name) == "absent" and "not downloaded" in doctor.weights().message
    server.cuts = [1000]  # the connection breaks once, and the download goes on
    assert commands.main(["fetch", name]) == 0
    out, err = capfd.readouterr()
    path = tmp_path / "torch/hub/checkpoints" / sources.find(name).filename.removeprefix("weights/")
    assert out == f"{path}\n" and server.asked == [None, "bytes=1000-"]
    assert path.read_bytes() == server.content
    assert f"{path.name}:   0%|" in err, "a bar"
    assert "BSD 3-Clause (torchvision); trained on ImageNet" in err, "the licence"
    server.status, asked = 500, len(server.asked)  # from here on nobody needs the server
    for choice in (True, "if available", "if here"):
        assert USERS[name](pretrained=choice).init == "imagenet"
    found = doctor.weights()
    assert found.level == doctor.OK and f"{weights.NETWORKS[name]} is whole, in {path.parent}" in found.message
    assert len(server.asked) == asked
    user = USERS[name](pretrained=True)
    known = user.encoder.layer4[1].conv2.weight if name == "resnet18" else user.relu4_3_weight
    assert torch.equal(known, torch.full_like(known, 1e-3)), "what was served is what is used"


@each
def test_one_call_downloads_where_there_is_a_network(server, capfd, name):
    server.offer(name)
    with pytest.warns(UserWarning, match="are not here"):
        assert USERS[name](pretrained="if here").init == "random"
    assert server.asked == [] and not capfd.readouterr().err, "nothing is downloaded"
    assert USERS[name](pretrained="if available").init == "imagenet"
    assert len(server.asked) == 1 and "0%|" in capfd.readouterr().err, "with a bar"


@each
def test_a_server_that_fails_or_sends_another_file_gives_no_weights(server, name):
    server.offer(name)
    for trouble in ("error", "another file"):
        if trouble == "error":
            server.status = 404
        else:
            server.status, server.content = 0, b"a login page"
        with pytest.warns(UserWarning, match="are not here"):
            assert USERS[name](pretrained="if available").init == "random"
        with pytest.raises(FileNotFoundError, match="404" if trouble == "error" else "wrong hash"):
            USERS[name](pretrained=True)
        assert weights.state_of(name) == "absent"


def test_a_file_in_the_data_folder_is_read_too(server, tmp_path, capsys):
    server.offer("resnet18")
    assert commands.main(["fetch", "resnet18", "--folder", str(tmp_path / "course"), "--quiet"]) == 0
    path = tmp_path / "course/weights/resnet18-f37072fd.pth"
    assert capsys.readouterr() == (f"{path}\n", "")
    assert fetch.where("resnet18") == path and AttentionUNet(pretrained=True).init == "imagenet"
    assert commands.main(["fetch", "resnet18", "--folder", str(tmp_path / "elsewhere"), "--quiet"]) == 0
    assert f"only while COURSE_DATA is {tmp_path / 'elsewhere'}" in capsys.readouterr().err


def test_the_list_says_where_weights_go(server, tmp_path, capsys):
    assert commands.main(["list"]) == 0
    assert f"in {tmp_path / 'torch/hub/checkpoints'}" in capsys.readouterr().out


@pytest.mark.parametrize("variables", [{}, {"XDG_CACHE_HOME": "/tmp/cache"}, {"TORCH_HOME": "~/torches"}])
def test_the_folder_is_torchs_own_also_before_torch_is_imported(monkeypatch, variables):
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    for name in ("XDG_CACHE_HOME", "TORCH_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    known = fetch.torch_folder()
    assert str(known) == os.path.join(torch.hub.get_dir(), "checkpoints")
    monkeypatch.delitem(sys.modules, "torch")
    assert fetch.torch_folder() == known


def test_a_network_that_swallows_everything_costs_one_short_question(server, monkeypatch):
    monkeypatch.setattr(weights, "PATIENCE", 0.3)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/file.pth"
        table = tuple(replace(source, urls=(url,)) for source in sources.SOURCES)
        monkeypatch.setattr(sources, "SOURCES", table)
        start = time.monotonic()
        with pytest.warns(UserWarning, match="course data fetch vgg16"):
            assert losses.PerceptualLoss("relu1_1", pretrained="if available").init == "random"
        assert time.monotonic() - start < 5, "a download would have been tried four times, for 30 s each"
