"""The leaderboard: ranks by hand, the same hidden noise for all, bad submissions beside good ones, names and files."""

from __future__ import annotations

import csv
import io
import os
import pickle
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from course_lib import cli, evaluation, leaderboard, metrics, models, noise
from course_lib.data.brains import BrainSlices
from course_lib.leaderboard import ranking
from course_lib.leaderboard.board import names_of, one_line
from course_lib.models.attention import ChannelSE
from course_lib.models.cascade import DeepCascade
from course_lib.models.dae import DenseDAE
from course_lib.models.dncnn import DnCNN
from course_lib.models.noise_map import NoiseMapUNet, noise_floor
from course_lib.profiles import seeded

WORDS = {"data": "nothing at all", "noise": "none", "stop": "fixed", "seed": 0}
SHAPE = {"depth": 2, "width": 1, "batch_norm": False}
quiet = {"progress": False}


@pytest.fixture(scope="module")
def head() -> BrainSlices:
    rows, columns = torch.meshgrid(torch.arange(29.0), torch.arange(26.0), indexing="ij")
    waves = [0.5 + 0.3 * torch.sin(rows / (4 + k)) * torch.cos(columns / 5) for k in range(3)]
    masks = torch.zeros(3, 1, 29, 26, dtype=torch.bool)
    masks[..., 4:25, 3:22] = True
    images = torch.stack(waves)[:, None]
    return BrainSlices(torch.where(masks, images, 0), masks, torch.zeros(3, dtype=torch.int64))


def blur(path: Path, weight: float) -> Path:
    """A saved model that moves each pixel towards the mean of its 3×3 neighbourhood by this weight."""
    model = DnCNN(**SHAPE)
    with torch.no_grad():
        first, last = model.layers[0], model.layers[2]
        first.weight.zero_(), last.weight.zero_()
        first.weight[..., 1, 1], first.bias[:] = 1, 5  # x + 5 is above 0, so the ReLU lets all pass
        last.weight[..., 1, 1] = 1
        last.weight -= 1 / 9
        last.weight *= weight
        last.bias[:] = 0
    models.save(model, path, arguments=SHAPE, **WORDS)
    return path


def test_values_are_those_of_each_slice_by_hand_and_rank_by_the_brain(head, tmp_path):
    paths = [blur(tmp_path / f"{name}.safetensors", w) for name, w in (("weak", 0.3), ("none", 0.0), ("good", 0.9))]
    board = leaderboard.evaluate(paths, images=head, seed=3, baselines=False, **quiet)
    assert list(board.cards) == ["good", "weak", "none"] and not board.refused and board.seed == 3
    assert board.comparisons["rician"].methods == [evaluation.NOISY, "good", "weak", "none"]
    for kind, (function, sigma) in {"gaussian": (noise.gaussian, 0.1), "rician": (noise.rician, 0.11)}.items():
        for path in paths:
            expected = {"whole image": [], "brain": []}
            for index in range(3):
                clean = head.images[index : index + 1]
                generator = torch.Generator().manual_seed(seeded(3, "noise", index))
                with torch.no_grad():
                    output = models.load(path)(function(clean, sigma, generator=generator)).clamp(0, 1)
                expected["whole image"].append(metrics.psnr(output, clean, data_range=1))
                mask = head.brain_masks[index : index + 1]
                expected["brain"].append(metrics.psnr(output, clean, data_range=1, mask=mask))
            for region, values in expected.items():
                assert board.value(path.stem, kind, "PSNR", region) == pytest.approx(float(np.mean(values)), abs=1e-4)
    by_noise = [board.value("good", kind) for kind in ("gaussian", "rician")]
    assert board.score("good") == pytest.approx(sum(by_noise) / 2)


def test_only_a_network_that_asks_is_told_the_noise(head, tmp_path):
    """Its weights are drawn, so it is no good; the point is which sigma and floor reach it."""
    model = NoiseMapUNet(8, attention=None, dilations=())
    for number, parameter in enumerate(model.parameters()):
        torch.nn.init.normal_(parameter, std=0.05, generator=torch.Generator().manual_seed(number))
    path = tmp_path / "asks.safetensors"
    models.save(model, path, arguments={"width": 8, "attention": None, "dilations": ()}, **WORDS)
    board = leaderboard.evaluate(path, images=head, seed=3, baselines=False, **quiet)
    assert not board.refused
    for kind, (function, sigma) in {"gaussian": (noise.gaussian, 0.1), "rician": (noise.rician, 0.11)}.items():
        expected = []
        for index in range(3):
            clean, mask = head.images[index : index + 1], head.brain_masks[index : index + 1]
            noisy = function(clean, sigma, generator=torch.Generator().manual_seed(seeded(3, "noise", index)))
            with torch.no_grad():
                output = model(noisy, sigma, noise_floor(kind)).clamp(0, 1)
            expected.append(metrics.psnr(output, clean, data_range=1, mask=mask))
        assert board.value("asks", kind, "PSNR", "brain") == pytest.approx(float(np.mean(expected)), abs=1e-4)


def test_a_seed_is_drawn_anew_and_repeats_the_table(head, tmp_path):
    path, state = blur(tmp_path / "a.safetensors", 0.5), torch.get_rng_state()
    first, second = (leaderboard.evaluate(path, images=head, baselines=False, **quiet) for _ in range(2))
    assert first.seed != second.seed and abs(first.score("a") - second.score("a")) > 1e-6
    again = leaderboard.evaluate([path], images=head, baselines=False, seed=first.seed, **quiet)
    assert again.csv().rpartition(",")[0] == first.csv().rpartition(",")[0] and f"seed {first.seed}" in first.markdown()
    assert torch.equal(state, torch.get_rng_state())


def test_one_noise_and_one_slice(head, tmp_path):
    path = blur(tmp_path / "a.safetensors", 0.5)
    one = BrainSlices(head.images[:1], head.brain_masks[:1], head.subjects[:1])
    board = leaderboard.evaluate(str(path), images=one, noises=["rician"], baselines=False, repeats=2, **quiet)
    assert list(board.comparisons) == ["rician"] and "Gaussian noise" not in board.report()
    assert board.comparisons["rician"].values["brain"]["PSNR"]["a"].shape == (2, 1)


def test_bm3d_stands_among_them_by_its_best_form(head, tmp_path, monkeypatch):
    """Stand-ins for BM3D: what is tested is what is done with its rows."""

    def box(image, sigma, weight):
        smooth = torch.nn.functional.avg_pool2d(image, 3, 1, 1, count_include_pad=False)
        return (1 - weight) * image + weight * smooth

    forms = {
        "gaussian": {"BM3D": partial(box, weight=0.3)},
        "rician": {"BM3D, a": partial(box, weight=0.1), "BM3D, b": partial(box, weight=0.3)},
    }
    monkeypatch.setattr(ranking, "BASELINES", forms)
    paths = [blur(tmp_path / f"{name}.safetensors", w) for name, w in (("worse", 0.05), ("better", 0.6))]
    board = leaderboard.evaluate(paths, images=head, seed=0, **quiet)
    assert board.value("BM3D", "rician") == board.comparisons["rician"].mean("BM3D, b", "PSNR", "brain")
    assert board.value("BM3D", "rician") > board.comparisons["rician"].mean("BM3D, a", "PSNR", "brain")
    assert board.comparisons["rician"].methods[1:] == ["BM3D, a", "BM3D, b", "better", "worse"]
    rows = list(csv.reader(io.StringIO(board.csv())))
    assert [row[:2] for row in rows[1:]] == [["1", "better"], ["", "BM3D"], ["2", "worse"]]
    assert float(rows[1][5]) == pytest.approx(board.score("better"), rel=1e-5)
    assert rows[0][6:8] == ["gaussian PSNR brain", "gaussian SSIM brain"] and rows[1][2:5] == [
        "dncnn.DnCNN",
        "20",
        "random",
    ]
    text = board.markdown()
    assert "the best of its 2 corrected forms" in text and text.splitlines()[2].startswith("| 1    | better |")
    assert text.splitlines()[2].count("**") >= 2 and board._repr_html_().count("<tr>") == 4
    figure = board.panel("rician")
    titles = [axes.get_title() for axes in figure.axes]
    assert [title for title in titles if title] == ["clean", "noisy", "BM3D, a", "BM3D, b", "better", "worse"]
    assert [a.get_title() for a in board.panel("rician", best=1).axes].count("worse") == 0
    with pytest.raises(ValueError, match="expected one of gaussian, rician, got 'poisson'"):
        board.panel("poisson")


def test_bm3d_itself_and_its_corrected_forms(head, tmp_path):
    board = leaderboard.evaluate(blur(tmp_path / "a.safetensors", 0.9), images=head, seed=0, **quiet)
    one = leaderboard.BASELINES["gaussian"]["BM3D"]
    alone = evaluation.compare(
        {"x": one}, head.images, noise.gaussian, sigma=0.1, masks={"b": head.brain_masks}, **quiet
    )
    assert board.value("BM3D", "gaussian") == pytest.approx(alone.mean("x", "PSNR", "b"), abs=1e-4)
    rows = board.comparisons["rician"]
    forms = rows.methods[1:4]
    assert forms == ["BM3D, bias-corrected", "BM3D, first-moment inverse", "BM3D, stabilised"]
    assert min(rows.mean(form, "PSNR", "brain") for form in forms) > rows.mean(evaluation.NOISY, "PSNR", "brain") + 3


class Bomb:
    def __reduce__(self):
        return os.mkdir, ("exploded",)


def test_one_bad_submission_stops_nobody_and_runs_nothing(head, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "handed in"
    blur(folder / "ada" / "model.safetensors", 0.9)
    blur(folder / "bob" / "model.safetensors", 0.2)
    (folder / "eve").mkdir()
    (folder / "eve" / "pickled.pt").write_bytes(pickle.dumps(Bomb()))
    (folder / "eve" / "model.safetensors").write_bytes(pickle.dumps(Bomb()))
    (folder / "notes.txt").write_text("not a model")
    models.save(DenseDAE((9, 7)), folder / "small.safetensors", arguments={"image_size": (9, 7)}, **WORDS)
    models.save(ChannelSE(8), folder / "block.safetensors", arguments={"channels": 8}, **WORDS)
    cascade = {"cascades": 1, "convolutions": 2, "width": 2}
    models.save(DeepCascade(**cascade), folder / "cascade.safetensors", arguments=cascade, **WORDS)
    board = leaderboard.evaluate(folder, images=head, baselines=False, **quiet)
    assert list(board.cards) == ["ada/model", "bob/model"]
    assert set(board.refused) == {"eve/model", "pickled", "small", "block", "cascade"}
    assert not Path("exploded").exists()
    for name, words in {
        "pickled": "pickled.pt: a pickle",
        "eve/model": "eve/model.safetensors: a pickle",
        "small": r"small.safetensors: DenseDAE: expected images of \(9, 7\)",
        "cascade": "cascade.safetensors: TypeError: .*mask",
    }.items():
        with pytest.raises(AssertionError, match=words):
            raise AssertionError(board.refused[name])
    report = board.report()
    assert "a pickle" in report and "nothing at all" in report and "## Rician noise" in report


def test_a_model_that_gives_no_numbers_is_refused_and_leaves_no_row(head, tmp_path):
    model = DnCNN(**SHAPE)
    with torch.no_grad():
        model.layers[0].weight.fill_(3e38)  # finite, as `load` asks; its products are not
        model.layers[2].weight.fill_(3e38)
    models.save(model, tmp_path / "bad.safetensors", arguments=SHAPE, **WORDS)
    blur(tmp_path / "good.safetensors", 0.5)
    board = leaderboard.evaluate(tmp_path, images=head, baselines=False, **quiet)
    assert list(board.cards) == ["good"] and "NaN or infinity" in board.refused["bad"]
    assert "bad" not in board.comparisons["gaussian"].methods


def test_where_no_file_is_a_model_there_is_an_empty_board(head, tmp_path):
    (tmp_path / "a.safetensors").write_bytes(b"garbage")
    board = leaderboard.evaluate(tmp_path, images=head, baselines=False, **quiet)
    assert not board.cards and not board.comparisons and "No file was a model" in board.markdown()
    assert len(board.csv().splitlines()) == 1 and "whole safetensors file" in board.report()
    with pytest.raises(ValueError, match="expected one of no noise"):
        board.panel()


@pytest.mark.parametrize(
    ("paths", "options", "error", "message"),
    [
        ("missing.safetensors", {}, FileNotFoundError, "missing.safetensors: there is no such file"),
        ([], {}, ValueError, "expected at least one file"),
        (".", {}, ValueError, "expected models in this folder"),
        ("x", {"noises": ("poisson",)}, ValueError, "some of gaussian, rician, got"),
        ("x", {"noises": ()}, ValueError, "some of gaussian"),
        ("x", {"noises": "gaussian"}, ValueError, "some of gaussian"),
    ],
)
def test_what_is_no_question_is_refused(tmp_path, monkeypatch, paths, options, error, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=message):
        leaderboard.evaluate(paths, **options)


def test_a_wrong_seed_is_refused(head, tmp_path):
    with pytest.raises(ValueError, match="seed: expected at least 0"):
        leaderboard.evaluate(blur(tmp_path / "a.safetensors", 0.5), images=head, seed=-1)


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["a.safetensors", "b/c.safetensors"], ["a", "c"]),
        (["ada/m.safetensors", "bob/m.safetensors"], ["ada/m", "bob/m"]),
        (["x/ada/m.pt", "y/ada/m.pt", "z/ada/m.pt"], ["ada/m", "ada/m (2)", "ada/m (3)"]),
        (["noisy.pt", "clean.pt"], ["noisy (2)", "clean (2)"]),
        (["BM3D.safetensors", "BM3D best.pt"], ["model BM3D (2)", "model BM3D best (2)"]),
        (["=cmd()|x.pt", "-1+1.pt", "@x.pt"], ["cmd()_x", "1_1", "x"]),
        (["$\\frac$.pt", "<b>.pt", "\x1b[31m.pt"], ["frac", "b", "31m"]),
        (["$$.pt", "ü 日本.pt", "y" * 90 + ".pt"], ["model", "ü 日本", "y" * 40]),
    ],
)
def test_names_are_short_different_and_harmless(paths, names):
    assert list(names_of([Path(path) for path in paths])) == names


def test_every_name_is_a_different_one_whatever_the_files_are_called():
    paths = [Path(f"{folder}/{name}.pt") for folder in "ab" for name in ("m", "m (2)", "a/m", "=m", "-m")]
    assert len(names_of(paths)) == len(paths)


def test_messages_are_one_printable_line():
    assert one_line("a\n  b\x1b[31m\tc") == "a b [31m c"
    assert len(one_line("x" * 1000)) == 400


# the command


def run(tmp_path, monkeypatch, *arguments: str) -> int:
    monkeypatch.chdir(tmp_path)
    return cli.main(["evaluate", *arguments])


def test_the_command_on_the_test_head(tmp_path, monkeypatch, capsys):
    blur(tmp_path / "mine.safetensors", 0.8)
    arguments = ["mine.safetensors", "--slices", "2", "--seed", "7", "--no-bm3d", "--out", "results"]
    assert run(tmp_path, monkeypatch, *arguments) == 0
    said = capsys.readouterr()
    assert "| 1    |" in said.out and "mine" in said.out and "seed 7" in said.out and "2 slices" in said.out
    results = tmp_path / "results"
    assert {path.name for path in results.iterdir()} == {
        "leaderboard.md", "leaderboard.csv", "gaussian.png", "rician.png"
    }  # fmt: skip
    assert (results / "gaussian.png").read_bytes().startswith(b"\x89PNG")
    report = (results / "leaderboard.md").read_text()
    assert "Rician" in report and "2 slices" in report and "nothing at all" in report
    (row,) = list(csv.DictReader((results / "leaderboard.csv").open()))
    assert 21 < float(row["gaussian PSNR brain"]) < 30 and float(row["rician PSNR whole image"]) < 22


def test_the_command_says_what_it_refuses_and_still_ranks_the_rest(tmp_path, monkeypatch, capsys):
    blur(tmp_path / "good.safetensors", 0.8)
    torch.save({"weights": Bomb()}, tmp_path / "bad.pt")
    arguments = [".", "--slices", "1", "--noise", "gaussian", "--no-bm3d"]
    assert run(tmp_path, monkeypatch, *arguments) == 1
    said = capsys.readouterr()
    assert "refused: bad: bad.pt: a pickle" in said.err and "good" in said.out and "Rician" not in said.out
    assert {path.name for path in (tmp_path / "evaluation").iterdir()} == {
        "leaderboard.md", "leaderboard.csv", "gaussian.png"
    }  # fmt: skip
    assert not (tmp_path / "exploded").exists()


def test_the_command_writes_nothing_where_there_is_no_model(tmp_path, monkeypatch, capsys):
    (tmp_path / "bad.safetensors").write_bytes(b"garbage")
    assert run(tmp_path, monkeypatch, "bad.safetensors", "--slices", "1", "--no-bm3d") == 1
    said = capsys.readouterr()
    assert "refused: bad" in said.err and not said.out and not (tmp_path / "evaluation").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.safetensors"], "course evaluate: none.safetensors: there is no such file"),
        (["here.safetensors", "--slices", "0"], "slices: expected at least 1"),
        (["here.safetensors", "--seed", "-1"], "seed: expected at least 0"),
        (["here.safetensors", "--images", "mars"], 'source: expected "cohort", "colin27"'),
        (["here.safetensors", "--images", "./mars"], "mars"),
        (["here.safetensors", "--images", "ixi"], "IXI is not on this machine"),
        (["here.safetensors", "--out", "here.safetensors"], "--out: expected a folder"),
    ],
)
def test_the_command_refuses_in_one_line(tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "data"))
    blur(tmp_path / "here.safetensors", 0.5)
    assert run(tmp_path, monkeypatch, *arguments) == 1
    said = capsys.readouterr().err
    assert message in said and "Traceback" not in said


def test_the_command_hands_on_what_it_was_told(tmp_path, monkeypatch):
    seen = []

    def evaluate(paths, **options):
        seen.append((paths, options))
        return leaderboard.Leaderboard({}, {}, {}, 0, {})

    monkeypatch.setattr(leaderboard, "evaluate", evaluate)
    assert run(tmp_path, monkeypatch, "a", "b") == 0
    assert run(tmp_path, monkeypatch, "a", "--noise", "rician", "--images", "heads", "--seed", "2", "--no-bm3d") == 0
    plain = {"noises": ("gaussian", "rician"), "images": "colin27", "slices": 24, "seed": None, "baselines": True}
    plain |= {"masks": None}
    assert seen == [
        (["a", "b"], plain),
        (["a"], plain | {"noises": ("rician",), "images": "heads", "seed": 2, "baselines": False}),
    ]


def test_without_bm3d_its_row_is_asked_for_in_vain(head, tmp_path):
    board = leaderboard.evaluate(blur(tmp_path / "a.safetensors", 0.5), images=head, baselines=False, **quiet)
    with pytest.raises(ValueError, match="expected one of .*'a', got 'BM3D'"):
        board.value("BM3D", "gaussian")
    assert repr(board) == board.markdown() and "BM3D" not in board.report()


# --- several heads ---


def two_heads(head: BrainSlices) -> BrainSlices:
    """Slice 0 is one head, slices 1 and 2 another."""
    return BrainSlices(head.images, head.brain_masks, torch.tensor([0, 1, 1]), ("Ann", "Bob"))


def test_a_row_a_head_by_hand(head, tmp_path, monkeypatch):
    monkeypatch.setattr(ranking, "BASELINES", {"gaussian": {"BM3D": lambda x, sigma: x * 0.9}})
    paths = [blur(tmp_path / f"{name}.safetensors", weight) for name, weight in (("a", 0.5), ("b", 0.05))]
    board = leaderboard.evaluate(paths, images=two_heads(head), noises=["gaussian"], seed=3, **quiet)
    assert board.heads == ("Ann", "Bob", "Bob")
    per_slice = {name: board.comparisons["gaussian"].per_slice(name, "PSNR", "brain") for name in ("a", "b", "BM3D")}
    for name, values in per_slice.items():
        assert board.value_of_head(name, "gaussian", "Ann") == pytest.approx(values[0])
        assert board.value_of_head(name, "gaussian", "Bob") == pytest.approx(values[1:].mean())
    table = board.by_head("gaussian")
    assert [row[0] for row in table.rows] == ["Ann", "Bob", "mean", "sd"]
    assert set(table.header) == {"head", evaluation.NOISY, "BM3D", "a", "b"}
    best, column = list(board.cards)[0], table.header.index
    mean = (per_slice[best][0] + per_slice[best][1:].mean()) / 2
    spread = abs(per_slice[best][0] - per_slice[best][1:].mean()) / 2**0.5
    assert float(table.rows[2][column(best)]) == pytest.approx(mean, abs=0.006)
    # what ranks counts heads, not slices
    assert board.value(best, "gaussian") == board.score(best) == pytest.approx(mean)
    assert board.value("BM3D", "gaussian") == pytest.approx((per_slice["BM3D"][0] + per_slice["BM3D"][1:].mean()) / 2)
    assert "3 slices of 2 heads, each of which counts" in board.markdown()
    assert float(table.rows[3][column(best)]) == pytest.approx(spread, abs=0.006)
    with pytest.raises(ValueError, match="head: expected one of Ann, Bob, got 'Eve'"):
        board.value_of_head("a", "gaussian", "Eve")


def test_a_row_a_head_is_written_and_one_head_needs_none(head, tmp_path):
    path = blur(tmp_path / "a.safetensors", 0.5)
    board = leaderboard.evaluate(path, images=two_heads(head), seed=0, baselines=False, **quiet)
    assert [file.name for file in board.write(tmp_path / "out")][:3] == [
        "leaderboard.md",
        "leaderboard.csv",
        "heads.csv",
    ]
    lines = (tmp_path / "out" / "heads.csv").read_text().splitlines()
    assert lines[0].startswith("head,slices,noise,model,PSNR brain") and len(lines) == 1 + 2 * 2 * 2
    assert lines[1].startswith("Ann,1,gaussian,noisy") and lines[-1].startswith("Bob,2,rician,a,")
    assert "| Ann" in board.report() and "2 heads" in board.report()
    alone = leaderboard.evaluate(path, images=head, seed=0, baselines=False, **quiet)
    assert alone.heads == ("head 0",) * 3 and "1 heads" not in alone.report()
    assert "heads.csv" not in [file.name for file in alone.write(tmp_path / "alone")]


def test_two_heads_of_one_name_are_two_and_none_is_a_command(head, tmp_path):
    same = BrainSlices(head.images, head.brain_masks, torch.tensor([0, 1, 1]), ("scan", "=scan"))
    path = blur(tmp_path / "a.safetensors", 0.5)
    board = leaderboard.evaluate(path, images=same, noises=["gaussian"], seed=0, baselines=False, **quiet)
    assert board.heads == ("scan (0)", "scan (1)", "scan (1)")
