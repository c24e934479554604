"""Tables by hand and by parsing; the noise of each image; grids with a known best; sweeps, panels, refusals."""

import math
from functools import partial
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from course_lib import evaluation, metrics, noise
from course_lib._tables import Table, decimals, number
from course_lib.evaluation import trial
from course_lib.profiles import seeded

quiet = {"progress": False}


class Clock:
    """Shows what the test says: a busy machine does not change it."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def images():
    rows, columns = torch.meshgrid(torch.arange(21.0), torch.arange(18.0), indexing="ij")
    waves = [0.5 + 0.3 * torch.sin(rows / (2 + k)) * torch.cos(columns / 3) for k in range(5)]
    return torch.stack(waves)[:, None]  # (5, 1, 21, 18)


def keep_it(noisy, sigma):
    return noisy


def halves(noisy, sigma):
    return noisy / 2


def smooth(noisy, sigma, weight=0.5):
    return (1 - weight) * noisy + weight * torch.nn.functional.avg_pool2d(noisy, 3, 1, 1, count_include_pad=False)


def by_hand(image, sigma, seed, index):
    generator = torch.Generator().manual_seed(seeded(seed, "noise", index))
    return image + sigma * torch.randn(image.shape, generator=generator)


def test_values_are_those_of_each_slice_computed_by_hand(images):
    found = evaluation.compare(
        {"a": smooth, "b": halves}, images, noise.gaussian, sigma=0.3, seed=4, repeats=2, batch_size=2, **quiet
    )
    assert found.methods == [evaluation.NOISY, "a", "b"]
    for name, method in (("a", smooth), ("b", halves), (evaluation.NOISY, None)):
        for metric in ("psnr", "ssim"):
            expected = np.empty((2, 5))
            for repeat in range(2):
                for index in range(5):
                    clean = images[index : index + 1]
                    output = by_hand(clean, 0.3, 4 + repeat, index)
                    if method is not None:  # outputs are clipped, the noisy image is not
                        output = method(output, 0.3).clamp(0, 1)
                    expected[repeat, index] = getattr(metrics, metric)(output, clean, data_range=1)
            values = found.values["whole image"][metric.upper()][name]
            assert np.allclose(values, expected, atol=1e-5)
            per_slice = found.per_slice(name, metric.upper())
            assert np.allclose(per_slice, expected.mean(axis=0), atol=1e-5)
            assert found.mean(name, metric.upper()) == pytest.approx(expected.mean(), abs=1e-5)
            assert found.sd(name, metric.upper()) == pytest.approx(np.std(per_slice, ddof=1), abs=1e-9)


def test_the_noise_of_an_image_depends_on_nothing_but_seed_and_index(images):
    state = torch.get_rng_state()
    first = evaluation.compare({"a": smooth}, images, noise.rician, sigma=0.1, seed=1, batch_size=2, **quiet)
    other = evaluation.compare({"b": keep_it, "a": smooth}, images[:3], noise.rician, sigma=0.1, seed=1, **quiet)
    assert np.allclose(first.per_slice("a")[:3], other.per_slice("a"), atol=1e-5)
    third = evaluation.compare({"a": smooth}, images, noise.rician, sigma=0.1, seed=2, **quiet)
    assert not np.allclose(first.per_slice("a"), third.per_slice("a"), atol=1e-3)
    assert torch.equal(state, torch.get_rng_state())


def test_a_method_that_works_in_place_spoils_nothing(images):
    def in_place(noisy, sigma):
        return noisy.zero_()

    before = images.clone()
    found = evaluation.compare({"zero": in_place, "keep": keep_it}, images, noise.gaussian, sigma=0.1, **quiet)
    alone = evaluation.compare({"keep": keep_it}, images, noise.gaussian, sigma=0.1, **quiet)
    assert np.array_equal(found.per_slice("keep"), alone.per_slice("keep"))
    assert torch.equal(images, before) and found.mean("zero") < 10


def test_regions_and_metrics_of_your_own(images):
    mask = torch.zeros(images.shape, dtype=torch.bool)
    mask[..., :6] = True

    def spoil_the_right(noisy, sigma):
        return torch.where(mask[: len(noisy)], noisy, torch.ones(()))

    def brightness(prediction, target):  # takes no mask
        return prediction.mean((1, 2, 3))

    found = evaluation.compare(
        {"a": spoil_the_right}, images, noise.gaussian, sigma=0.05, masks={"whole image": None, "left": mask},
        metrics={"MSE": metrics.mse, "brightness": brightness}, **quiet,
    )  # fmt: skip
    assert list(found.values) == ["whole image", "left"] and list(found.values["left"]) == ["MSE"]
    expected = [
        float(((by_hand(images[i], 0.05, 0, i).clamp(0, 1) - images[i])[mask[i]] ** 2).mean()) for i in range(5)
    ]
    assert np.allclose(found.per_slice("a", "MSE", "left"), expected, atol=1e-6)
    assert found.mean("a", "MSE", "whole image") > 10 * found.mean("a", "MSE", "left")
    header, rows = parse_markdown(found.markdown())
    assert header == ["method", "MSE, whole image", "brightness, whole image", "MSE, left", "s / slice"]
    # the smaller error is the better one: the noisy image wins on the whole
    assert rows[0][1].startswith("**") and not rows[1][1].startswith("**")
    assert "by region" in found.caption and "SSIM" not in found.caption


def test_seconds_are_measured_warm_and_per_slice(images, monkeypatch):
    calls, clock = [], Clock()
    monkeypatch.setattr(trial, "time", SimpleNamespace(perf_counter=clock))

    def slow(noisy, sigma):
        calls.append(len(noisy))
        clock.now += 0.5 if len(calls) == 1 else 0.01 * len(noisy)
        return noisy

    found = evaluation.compare({"slow": slow}, images, noise.gaussian, sigma=0.1, batch_size=2, repeats=2, **quiet)
    assert calls == [1, 2, 2, 1, 2, 2, 1]
    assert found.seconds["slow"] == pytest.approx(0.01)


def test_kept_pictures_are_those_of_the_first_seed_and_not_clipped(images):
    found = evaluation.compare(
        {"a": lambda x, s: x + 1},
        images,
        noise.gaussian,
        sigma=0.2,
        seed=3,
        repeats=2,
        keep=(4, 1),
        batch_size=2,
        **quiet,
    )
    assert found.kept == (4, 1) and list(found.pictures) == ["clean", "noisy", "a"]
    assert torch.equal(found.pictures["clean"], images[[4, 1]])
    noisy = torch.stack([by_hand(images[index], 0.2, 3, index) for index in (4, 1)])
    assert torch.allclose(found.pictures["noisy"], noisy) and torch.allclose(found.pictures["a"], noisy + 1)
    default = evaluation.compare({"a": keep_it}, images, noise.gaussian, sigma=0.2, **quiet)
    assert default.kept == (2,)


def test_the_caption_says_what_a_reader_needs(images):
    found = evaluation.compare({"a": smooth}, images, partial(noise.gaussian), sigma=0.15, seed=3, repeats=4, **quiet)
    for words in (
        "standard deviation over 5 slices", "whole image", "gaussian, sigma 0.15", "seeds 3 to 6", "clipped to [0, 1]",
        "noisy image not", "SSIM: Wang et al. 2004, 11×11 Gaussian window", "Bold",
    ):  # fmt: skip
        assert words in found.caption, words
    assert "ublished" not in found.caption
    uniform = {"S7": partial(metrics.ssim, data_range=1, window="uniform")}
    found = evaluation.compare({"a": smooth}, images[:1], noise.gaussian, sigma=0.1, metrics=uniform, **quiet)
    assert "S7: 7×7 uniform window" in found.caption and "One slice" in found.caption and "seed 0." in found.caption
    assert math.isnan(found.sd("a", "S7")) and "±" not in found.markdown().splitlines()[3]


# --- tables -----------------------------------------------------------------------------------------------------


NASTY = "a_b & 50% <b>|{x}$~^\\# *[1]*"


def parse_markdown(text):
    """Cells of a Markdown table whose lines must all be of one length; escapes taken back."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len({len(line) for line in lines}) == 1, "the columns do not align"
    bars = [[i for i, c in enumerate(line) if c == "|" and line[i - 1] != "\\"] for line in lines]
    assert all(place == bars[0] for place in bars), "the bars do not align"

    def cells(line, place):
        found = [line[a + 1 : b].strip() for a, b in zip(place[:-1], place[1:], strict=True)]
        for letter in "`*_|<>[]$~\\":
            found = [cell.replace("\\" + letter, letter) for cell in found]
        return found

    rule = cells(lines[1], bars[1])
    assert set(rule[0]) == {"-"} and all(set(cell) == {"-", ":"} and cell.endswith("-:") for cell in rule[1:])
    return cells(lines[0], bars[0]), [cells(line, place) for line, place in zip(lines[2:], bars[2:], strict=True)]


def parse_latex(text):
    body = text.split(r"\hline")
    plain = {
        r"\textbackslash{}": "\\", r"\&": "&", r"\%": "%", r"\$": "$", r"\#": "#", r"\_": "_", r"\{": "{", r"\}": "}",
        r"\textasciitilde{}": "~", r"\textasciicircum{}": "^", r"\textless{}": "<", r"\textgreater{}": ">",
        r"\textbar{}": "|", "{[}": "[", "{]}": "]", r"$\pm$": "±",
    }  # fmt: skip

    def cells(line):
        found = []
        for cell in line.replace(r"\&", "\0").split("&"):
            cell = cell.replace("\0", r"\&").strip()
            # longest first, and from left to right, so that one escape is never read as a part of another
            out = ""
            while cell:
                code = max((c for c in plain if cell.startswith(c)), key=len, default=cell[0])
                out, cell = out + plain.get(code, code), cell[len(code) :]
            found.append(out)
        return found

    rows = [line.removesuffix(r"\\") for part in body[1:3] for line in part.strip().splitlines()]
    return [cells(row) for row in rows]


class Cells(HTMLParser):
    def __init__(self):
        super().__init__()
        self.rows, self.bold, self.open, self.caption = [], [], [], ""

    def handle_starttag(self, tag, attributes):
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "caption" in self.open:
            self.caption += data
        elif self.open and self.open[-1] in ("td", "th", "b"):
            self.rows[-1][-1] += data
            if self.open[-1] == "b":
                self.bold.append(data)


@pytest.fixture(scope="module")
def nasty(images):
    return evaluation.compare(
        {NASTY: smooth, "[keep]": keep_it}, images, noise.gaussian, sigma=0.1, seed=2,
        published={"[keep]": {"PSNR": 29.13, "SSIM": 0.8343}, "U&Net": {"PSNR": 38.47}}, **quiet,
    )  # fmt: skip


def expected_cells(found):
    rows = []
    for name in found.methods:
        rows.append([name])
        for metric, digits in (("PSNR", 2), ("SSIM", 3)):
            rows[-1].append(f"{found.mean(name, metric):.{digits}f} ± {found.sd(name, metric):.{digits}f}")
        rows[-1] += ["29.13", "0.8343"] if name == "[keep]" else ["–", "–"]
    return [*rows, ["U&Net", "–", "–", "38.47", "–"]]


HEADER = ["method", "PSNR (dB)", "SSIM", "PSNR (dB), published", "SSIM, published", "s / slice"]


def test_markdown_is_aligned_escaped_and_complete(nasty):
    header, rows = parse_markdown(nasty.markdown())
    assert header == HEADER
    assert [[cell.strip("*") if j else cell for j, cell in enumerate(row[:-1])] for row in rows] == expected_cells(
        nasty
    )
    bold = [(i, j) for i, row in enumerate(rows) for j, cell in enumerate(row) if j and cell.startswith("**")]
    # smoothing is better than nothing; of the published ones, the best of each column
    assert bold == [(1, 1), (1, 2), (2, 4), (3, 3)]
    assert "published" in nasty.caption.lower() and "not measured here" in nasty.markdown()


def test_latex_is_escaped_and_complete(nasty):
    text = nasty.latex()
    assert r"\begin{tabular}{lrrrrr}" in text and r"\caption{Mean $\pm$ standard" in text
    rows = parse_latex(text)
    assert rows[0] == HEADER
    clean = [
        [cell.removeprefix(r"\textbf{").removesuffix("}") if j else cell for j, cell in enumerate(row)] for row in rows
    ]
    assert [[cell.replace("--", "–") for cell in row[:-1]] for row in clean[1:]] == expected_cells(nasty)
    assert text.count(r"\textbf{") == 4
    assert not any(line.startswith("[") for line in text.splitlines()), (
        "LaTeX takes it for an argument of the row before"
    )


def test_html_is_escaped_and_complete(nasty):
    parser = Cells()
    parser.feed(nasty._repr_html_())
    assert not parser.open and parser.caption == nasty.caption
    assert parser.rows[0] == HEADER and [row[:-1] for row in parser.rows[1:]] == expected_cells(nasty)
    assert len(parser.bold) == 4 and "29.13" not in parser.bold and "<b>|" not in nasty.html()


def test_equal_means_are_all_bold_and_a_perfect_one_is_infinite(images):
    found = evaluation.compare(
        {"a": keep_it, "b": lambda noisy, sigma: images[: len(noisy)]}, images, noise.gaussian, sigma=0, **quiet
    )
    rows = parse_markdown(found.markdown())[1]
    assert [row[1] for row in rows] == ["**∞**"] * 3 and all(row[2].startswith("**1.000") for row in rows)
    assert r"$\infty$" in found.latex()


def test_digits_of_a_column():
    assert [decimals([v]) for v in (29.7, 0.838, 0.05, 3.4e-5, 0.0, math.inf)] == [2, 3, 4, 7, 2, 3]
    assert [number(v, 2) for v in (1.234, math.inf, -math.inf, math.nan)] == ["1.23", "∞", "−∞", "–"]
    assert parse_markdown(Table(["a", "b"], [["x\ny", "1"]], frozenset(), "c").markdown())[1] == [["x y", "1"]]


# --- tune -------------------------------------------------------------------------------------------------------


def scaled(noisy, sigma, factor=1.0, offset=0.0):
    return noisy * factor + offset


def test_tune_finds_the_best_of_the_grid_and_keeps_what_was_tried(images):
    grid = {"factor": [0.5, 0.9, 1.0, 1.3], "offset": (0.2, 0.0)}
    found = evaluation.tune(scaled, grid, images, noise.gaussian, sigma=0.02, batch_size=2, **quiet)
    assert found.best == {"factor": 1.0, "offset": 0.0} and found.at_edge == ()
    assert len(found.tried) == 8 and found.tried[0][0] == found.best
    scores = [score for _, score, _ in found.tried]
    assert scores == sorted(scores, reverse=True)
    output = torch.cat([by_hand(images[i : i + 1], 0.02, 0, i) for i in range(5)]).clamp(0, 1)
    assert scores[0] == pytest.approx(metrics.psnr(output, images, data_range=1).mean().item(), abs=1e-4)
    header, rows = parse_markdown(found.markdown())
    assert header == ["factor", "offset", "score", "s / slice"] and len(rows) == 8
    assert rows[0][:2] == ["1", "0"] and rows[0][2] == f"**{scores[0]:.2f}**" and "**" not in rows[1][2]
    assert "scaled: mean PSNR over 5 training slices" in found.caption and "edge" not in found.caption
    parser = Cells()
    parser.feed(found._repr_html_())
    assert parser.caption == found.caption and parser.rows[1][:2] == ["1", "0"]
    assert r"\begin{tabular}{lrrr}" in found.latex()


def test_tune_by_ssim_or_a_function_of_your_own(images):
    brightest = lambda prediction, target: prediction.mean((1, 2, 3))  # noqa: E731
    found = evaluation.tune(
        scaled, {"factor": [0.5, 1, 2]}, images, noise.gaussian, sigma=0.02, score=brightest, **quiet
    )
    assert found.best == {"factor": 2} and found.at_edge == ("factor",) and "edge of the grid" in found.caption
    found = evaluation.tune(scaled, {"factor": [0.5, 1, 2]}, images, noise.gaussian, sigma=0.02, score="ssim", **quiet)
    assert found.best == {"factor": 1} and 0.5 < found.tried[0][1] < 1
    undefined = lambda prediction, target: torch.where(prediction.mean((1, 2, 3)) < 0.4, math.nan, 1.0)  # noqa: E731
    found = evaluation.tune(scaled, {"factor": [0.1, 1]}, images, noise.gaussian, sigma=0, score=undefined, **quiet)
    assert found.best == {"factor": 1} and math.isnan(found.tried[-1][1])


def test_an_edge_is_one_of_numbers_only(images):
    def named(noisy, sigma, kind="good"):
        return noisy if kind == "good" else noisy * 0

    grid = {"kind": ["good", "bad", "worse"]}
    assert evaluation.tune(named, grid, images, noise.gaussian, sigma=0.1, **quiet).at_edge == ()
    two = {"factor": [0.5, 1.0]}
    assert evaluation.tune(scaled, two, images, noise.gaussian, sigma=0.1, **quiet).at_edge == ()


# --- sweep and pictures -------------------------------------------------------------------------------------------


def test_sweep_is_compare_at_every_level(images):
    levels = [0.05, 0.2, 0.4]
    found = evaluation.sweep({"a": smooth, "b": halves}, images, noise.gaussian, levels, seed=1, repeats=2, **quiet)
    assert found.levels == tuple(levels)
    single = evaluation.compare({"a": smooth}, images, noise.gaussian, sigma=0.2, seed=1, repeats=2, **quiet)
    for metric in ("PSNR", "SSIM"):
        values = found.values("a", metric)
        assert values.shape == (2, 3)
        assert np.allclose(values[:, 1], single.values["whole image"][metric]["a"].mean(axis=1))
    # 20 dB for every factor of ten: the same noise, only larger
    noisy = found.values(evaluation.NOISY)
    assert np.allclose(noisy[:, 0] - noisy[:, 1], 20 * math.log10(4), atol=1e-3)


def test_sweep_draws_a_curve_for_each_method(images):
    found = evaluation.sweep({"a": smooth, "b": halves}, images, noise.gaussian, [0.05, 0.2], repeats=2, **quiet)
    axes = found.figure("SSIM", title="falls").axes[0]
    assert axes.get_ylabel().startswith("SSIM, whole image") and "sigma" in axes.get_xlabel()
    lines = {container.get_label(): container.lines[0] for container in axes.containers}
    assert list(lines) == [f"{name} (2 seeds)" for name in (evaluation.NOISY, "a", "b")]
    assert np.allclose(lines["a (2 seeds)"].get_ydata(), found.values("a", "SSIM").mean(axis=0))
    assert len(found.figure(methods=["b"], region="whole image").axes[0].containers) == 1


def test_as_text_results_are_tables_and_no_dump_of_tensors(images):
    found = evaluation.compare({"a": smooth}, images, noise.gaussian, sigma=0.1, **quiet)
    assert repr(found) == found.markdown()
    tuning = evaluation.tune(smooth, {"weight": [0.3, 0.6]}, images, noise.gaussian, sigma=0.1, **quiet)
    assert repr(tuning) == tuning.markdown()
    sweep = evaluation.sweep({"a": smooth}, images, noise.gaussian, [0.1, 0.25], **quiet)
    assert repr(sweep).startswith("Sweep of 1 methods over sigma 0.1, 0.25")


def test_panel_shows_every_method_with_its_difference_on_a_grid(images):
    methods = {f"method {k}": partial(scaled, factor=1 - k / 20) for k in range(9)}
    found = evaluation.compare(methods, images, noise.gaussian, sigma=0.1, keep=[1, 3], **quiet)
    drawn = found.panel(3, columns=4)
    shown = {axes.get_title(): axes for axes in drawn.axes if axes.get_title()}
    assert list(shown) == ["clean", "noisy", *methods]
    grid = drawn.axes[0].get_gridspec()
    assert (grid.nrows, grid.ncols) == (6, 4)
    clean, output = found.pictures["clean"][1, 0], found.pictures["method 8"][1, 0]
    assert np.allclose(shown["method 8"].images[0].get_array(), output)
    score = metrics.psnr(output.clamp(0, 1), clean, data_range=1).item()
    similar = metrics.ssim(output.clamp(0, 1), clean, data_range=1).item()
    assert shown["method 8"].get_xlabel() == f"{score:.2f} dB / {similar:.3f}"
    noisy = metrics.psnr(found.pictures["noisy"][1, 0], clean, data_range=1).item()
    assert shown["noisy"].get_xlabel().startswith(f"{noisy:.2f} dB")
    maps = [axes for axes in drawn.axes if not axes.get_title() and axes.images]
    assert len(maps) == 10 and len({axes.images[0].get_clim() for axes in maps}) == 1
    assert np.allclose(maps[-1].images[0].get_array(), output - clean)
    assert "slice 3" in drawn.get_suptitle() and found.panel(title="mine").get_suptitle() == "mine"
    assert drawn.axes[-1].get_ylabel().startswith("difference")


def test_panel_of_an_exact_answer_and_a_chosen_range(images):
    small = images[..., :9, :8]
    perfect = {"perfect": lambda noisy, sigma: small[:1].expand(len(noisy), -1, -1, -1)}
    found = evaluation.compare(
        perfect, small[:1], noise.gaussian, sigma=0.1, metrics={"PSNR": evaluation.METRICS["PSNR"]}, **quiet
    )
    drawn = found.panel(difference_range=0.25)
    notes = [axes.get_xlabel() for axes in drawn.axes]
    assert "identical" in notes and not any("/" in note for note in notes)  # too small for an SSIM
    assert drawn.axes[-2].images == [] or drawn.axes[-2].images[0].get_clim() == (-0.25, 0.25)
    assert found.panel().axes


# --- progress and refusals ----------------------------------------------------------------------------------------


def test_a_bar_comes_only_where_it_takes_long(images, capfd, monkeypatch):
    clock = Clock()
    monkeypatch.setattr("tqdm.std.time", clock)
    evaluation.compare({"a": keep_it}, images, noise.gaussian, sigma=0.1)
    assert "batch" not in capfd.readouterr().err

    def slow(noisy, sigma):
        clock.now += 0.45
        return noisy

    evaluation.compare({"slow": slow}, images[:3], noise.gaussian, sigma=0.1, batch_size=1)
    assert "slow" in capfd.readouterr().err
    evaluation.compare({"slow": slow}, images[:3], noise.gaussian, sigma=0.1, batch_size=1, progress=False)
    assert capfd.readouterr().err == ""


class Anything:
    def __call__(self, noisy, sigma):
        return noisy.numpy()


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"methods": {}}, ValueError, "methods: expected at least one"),
        ({"methods": {"a": 3}}, TypeError, r"methods\['a'\]: expected a function"),
        ({"methods": {"noisy": keep_it}}, ValueError, "another name"),
        ({"methods": {"a": lambda x, s: x[..., 1:]}}, ValueError, r"a: expected it to return .* got \(5, 1, 21, 17\)"),
        ({"methods": {"a": Anything()}}, ValueError, "got ndarray"),
        ({"methods": {"a": lambda x, s: x * math.nan}}, ValueError, "a: expected finite values"),
        ({"images": np.ones((2, 1, 20, 20))}, TypeError, "images: expected a tensor"),
        ({"images": torch.ones(20, 20)}, ValueError, r"\(N, C, H, W\)"),
        ({"images": torch.full((1, 1, 20, 20), 2.0)}, ValueError, r"in \[0, 1\], got values from 2 to 2"),
        ({"corrupt": lambda x, s, generator: x[..., 1:]}, ValueError, "corrupt: expected it to keep the shape"),
        ({"corrupt": lambda x, s, generator: x / 0}, ValueError, "what corrupt returned: expected finite"),
        ({"sigma": -1}, ValueError, "sigma"),
        ({"metrics": {}}, ValueError, "metrics: expected at least one"),
        ({"metrics": {"m": lambda p, t: 1.0}}, ValueError, "m: expected one value an image, .* got float"),
        ({"metrics": {"m": lambda p, t: p}}, ValueError, "m: expected one value an image, .* got"),
        ({"masks": {}}, ValueError, "masks: expected at least one"),
        ({"masks": {"half": torch.ones(5, 1, 3, 3, dtype=torch.bool)}}, ValueError, "the image's shape"),
        (
            {"masks": {"all": torch.ones(5, 1, 21, 18, dtype=torch.bool)}, "metrics": {"m": lambda p, t: p}},
            ValueError, "one that takes mask=, got m",
        ),
        ({"repeats": 0}, ValueError, "repeats"),
        ({"batch_size": 0}, ValueError, "batch_size"),
        ({"keep": [5]}, ValueError, "keep: expected numbers of slices below 5"),
        ({"keep": [-1]}, ValueError, "keep: expected at least 0"),
    ],
)  # fmt: skip
def test_compare_refuses_in_words(images, change, error, says):
    arguments = {"methods": {"a": keep_it}, "images": images, "corrupt": noise.gaussian, "sigma": 0.1} | change
    with pytest.raises(error, match=says):
        evaluation.compare(**arguments, **quiet)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"grid": {}}, "grid: expected at least one"),
        ({"grid": {"factor": []}}, r"grid\['factor'\]"),
        ({"grid": {"factor": "12"}}, r"grid\['factor'\]"),
        ({"score": "beauty"}, "'psnr', 'ssim' or a function"),
    ],
)
def test_tune_refuses_in_words(images, change, says):
    arguments = {"grid": {"factor": [1]}, "sigma": 0.1} | change
    with pytest.raises(ValueError, match=says):
        evaluation.tune(scaled, images=images, corrupt=noise.gaussian, **arguments, **quiet)


@pytest.mark.parametrize("levels", [[], [0.1, 0]])
def test_sweep_refuses_in_words(images, levels):
    with pytest.raises(ValueError, match="levels"):
        evaluation.sweep({"a": keep_it}, images, noise.gaussian, levels, **quiet)


def test_unknown_names_are_told_the_known_ones(images):
    found = evaluation.compare({"a": keep_it}, images, noise.gaussian, sigma=0.1, keep=(), **quiet)
    with pytest.raises(ValueError, match="method: expected one of 'noisy .not clipped.', 'a', got 'b'"):
        found.mean("b")
    with pytest.raises(ValueError, match="metric: expected one of 'PSNR', 'SSIM', got 'EPI'"):
        found.mean("a", "EPI")
    with pytest.raises(ValueError, match="region: expected one of 'whole image', got 'brain'"):
        found.mean("a", "PSNR", "brain")
    with pytest.raises(ValueError, match=r"expected one of the kept slices \[\], got None"):
        found.panel()
