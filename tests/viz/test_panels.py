"""Figures show the data they were given, on honest scales, and leave nothing behind."""

import io
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from course_lib import metrics, noise, viz

SHAPES = [(28, 28), (13, 31), (5, 7), (217, 181), (1, 1)]


def random_image(shape=(13, 31), seed=0):
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


def shown(axes):
    (image,) = axes.images
    return np.asarray(image.get_array())


def with_images(figure):
    return [axes for axes in figure.axes if axes.images]


def pixels(png):
    from matplotlib.image import imread

    return imread(io.BytesIO(png), format="png")


def history(epochs=6, validation=True):
    losses = [1 / (epoch + 1) for epoch in range(epochs)]
    held_out = [loss + 0.02 * epoch for epoch, loss in enumerate(losses)] if validation else []
    best = int(np.argmin(held_out)) + 1 if validation else None
    return SimpleNamespace(train_loss=losses, validation_loss=held_out, best_epoch=best)


@pytest.fixture(autouse=True)
def no_pyplot_figure():
    import matplotlib.pyplot as pyplot

    before = pyplot.get_fignums()
    yield
    assert pyplot.get_fignums() == before


# ---- importing -----------------------------------------------------------------------------------


def test_neither_importing_nor_drawing_starts_what_is_not_needed():
    program = """
import sys
import numpy as np
from course_lib import noise, viz
print([name for name in ("matplotlib", "IPython", "ipywidgets") if name in sys.modules])
image = np.full((12, 12), 0.5, "float32")
viz.panel(image, image, image)._repr_png_()
viz.noise_slider(image, noise.gaussian)
print([name for name in ("matplotlib.pyplot", "IPython", "ipywidgets") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["[]", "[]"]


# ---- panel ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
def test_panel_shows_its_input_and_the_difference(shape):
    clean, noisy, denoised = (random_image(shape, seed) for seed in range(3))
    figure = viz.panel(clean, noisy, denoised, title="A finding")
    panels = with_images(figure)[:4]
    for axes, image in zip(panels, [clean, noisy, denoised, denoised - clean], strict=True):
        np.testing.assert_array_equal(shown(axes), image)
    assert [axes.get_title() for axes in panels] == [
        "clean",
        "noisy",
        "denoised",
        "difference (denoised - clean)",
    ]
    assert [axes.images[0].get_clim() for axes in panels[:3]] == [(0, 1)] * 3
    low, high = panels[3].images[0].get_clim()
    assert low == -high < 0
    assert {axes.images[0].get_interpolation() for axes in panels} == {"nearest"}
    assert figure.get_suptitle() == "A finding"
    assert len(figure.axes) == 5 and figure.axes[4].get_ylabel() == "difference (data range 1)"
    assert pixels(figure._repr_png_()).ndim == 3


def test_panel_prints_scores_of_the_metrics_module():
    clean, noisy = random_image((33, 17)), random_image((33, 17), 1)
    denoised = noisy * 1.5 - 0.2  # leaves [0, 1]: scored clipped, shown as it is
    panels = with_images(viz.panel(clean, noisy, denoised))
    clipped = np.clip(denoised, 0, 1)
    assert not np.array_equal(clipped, denoised)
    for axes, image in [(panels[1], noisy), (panels[2], clipped)]:
        decibel = metrics.psnr(image.astype(float), clean.astype(float), data_range=1)
        similarity = metrics.ssim(image.astype(float), clean.astype(float), data_range=1)
        assert axes.get_xlabel() == f"PSNR {decibel:.2f} dB, SSIM {similarity:.3f}"
    np.testing.assert_array_equal(shown(panels[2]), denoised)
    assert panels[0].get_xlabel() == "33 × 17 pixels"


def test_panel_uses_the_data_range():
    clean, noisy = random_image(), random_image(seed=1)
    one = with_images(viz.panel(clean, noisy, noisy))
    large = with_images(viz.panel(clean * 255, noisy * 255, noisy * 255, data_range=255))
    assert large[1].images[0].get_clim() == (0, 255)
    assert large[1].get_xlabel() == one[1].get_xlabel()  # both scores are relative to the range
    limits = large[3].images[0].get_clim()[1], 255 * one[3].images[0].get_clim()[1]
    assert limits[0] == pytest.approx(limits[1], rel=1e-5)


def test_small_images_have_no_ssim_and_exact_answers_no_score():
    small = random_image((10, 40))
    panels = with_images(viz.panel(small, random_image((10, 40), 1), small))
    assert "SSIM" not in panels[1].get_xlabel() and "PSNR" in panels[1].get_xlabel()
    assert panels[2].get_xlabel() == "identical"
    low, high = panels[3].images[0].get_clim()
    assert low == -high < 0 and not shown(panels[3]).any()


def test_default_difference_range_holds_nearly_all_pixels_and_says_when_it_saturates():
    clean = np.full((50, 50), 0.5, dtype=np.float32)
    denoised = clean + np.linspace(-0.1, 0.1, 2500, dtype=np.float32).reshape(50, 50)
    denoised[0, 0] = 1.0
    figure = viz.panel(clean, clean, denoised)
    axes = with_images(figure)[3]
    limit = axes.images[0].get_clim()[1]
    assert 0.095 < limit < 0.11
    assert axes.images[0].colorbar.extend == "both"
    assert axes.get_xlabel().startswith("largest +0.5")
    wide = with_images(viz.panel(clean, clean, denoised, difference_range=0.6))[3].images[0]
    assert wide.get_clim() == (-0.6, 0.6) and wide.colorbar.extend == "neither"


def test_panel_of_several_methods_shares_one_scale():
    clean, noisy, good, bad = (random_image(seed=seed) for seed in range(4))
    figure = viz.panel(clean, noisy, {"good": good, "noisy": bad})
    panels = with_images(figure)[:7]
    images = [clean, noisy, good, bad, noisy - clean, good - clean, bad - clean]
    for axes, image in zip(panels, images, strict=True):
        np.testing.assert_array_equal(shown(axes), image)
    names = ["clean", "noisy", "good", "noisy", "noisy - clean", "good - clean", "noisy - clean"]
    assert [axes.get_title() for axes in panels] == names
    limits = {axes.images[0].get_clim() for axes in panels[4:]}
    assert len(limits) == 1
    renamed = viz.panel(clean, noisy, {"a": good}, titles=["truth", "input", "network"])
    titles = [axes.get_title() for axes in with_images(renamed)[:5]]
    assert titles == ["truth", "input", "network", "input - truth", "network - truth"]


@pytest.mark.parametrize(
    "convert",
    [
        lambda image: image[None],
        lambda image: image[None, None].astype(np.float64),
        lambda image: torch.from_numpy(image)[None, None],
        lambda image: torch.from_numpy(image).double().requires_grad_(),
        lambda image: torch.from_numpy(image).T.contiguous().T,
    ],
)
def test_panel_takes_numpy_and_torch_of_any_depth(convert):
    image = random_image()
    converted = convert(image)
    for axes in with_images(viz.panel(converted, converted, converted))[:3]:
        np.testing.assert_array_equal(shown(axes), image)


def test_panel_takes_half_precision():
    image = torch.from_numpy(random_image())
    half = image.bfloat16()
    panels = with_images(viz.panel(half, half, half))
    np.testing.assert_array_equal(shown(panels[0]), half.float().numpy())


IMAGE = np.full((12, 15), 0.5, dtype=np.float32)


@pytest.mark.parametrize(
    ("arguments", "named", "error", "message"),
    [
        ((IMAGE, IMAGE[:-1], IMAGE), {}, ValueError, r"noisy: .*\(12, 15\), got \(11, 15\)"),
        ((IMAGE, IMAGE, IMAGE.T), {}, ValueError, r"denoised: .*\(12, 15\), got \(15, 12\)"),
        ((IMAGE, IMAGE, {"median": IMAGE.T}), {}, ValueError, r"median: expected the size"),
        ((np.stack([IMAGE] * 2), IMAGE, IMAGE), {}, ValueError, r"clean: expected one image .*\(2, 12, 15\)"),
        ((IMAGE[0], IMAGE, IMAGE), {}, ValueError, r"clean: expected one image .*\(15,\)"),
        ((IMAGE, IMAGE * np.nan, IMAGE), {}, ValueError, "noisy: expected finite"),
        ((IMAGE, IMAGE, {}), {}, ValueError, "empty dict"),
        ((IMAGE, IMAGE, [[0.5]]), {}, TypeError, "denoised: .*list"),
        (((IMAGE * 255).astype(np.uint8), IMAGE, IMAGE), {}, TypeError, "clean: .*uint8"),
        ((IMAGE, IMAGE, IMAGE), {"titles": ["a", "b"]}, ValueError, "expected a list of 4 names"),
        ((IMAGE, IMAGE, IMAGE), {"titles": "abcd"}, ValueError, "expected a list of 4 names"),
        ((IMAGE, IMAGE, IMAGE), {"data_range": 0}, ValueError, "data_range"),
        ((IMAGE, IMAGE, IMAGE), {"difference_range": -1.0}, ValueError, "difference_range"),
    ],
)
def test_panel_refuses_what_it_cannot_show(arguments, named, error, message):
    with pytest.raises(error, match=message):
        viz.panel(*arguments, **named)


# ---- gallery -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "columns", "grid"), [(10, 5, (2, 5)), (11, 4, (3, 4)), (3, None, (1, 3)), (9, None, (2, 8))]
)
def test_gallery_shows_every_image_in_order(count, columns, grid):
    images = torch.rand(count, 1, 9, 7, generator=torch.Generator().manual_seed(0))
    figure = viz.gallery(images, columns=columns, titles=[f"number {i}" for i in range(count)], title="All of them")
    panels = with_images(figure)
    assert len(panels) == count
    for index, axes in enumerate(panels):
        np.testing.assert_array_equal(shown(axes), images[index, 0].numpy())
        assert axes.get_title() == f"number {index}"
        place = axes.get_subplotspec()
        assert place.get_gridspec().get_geometry() == grid
        assert (place.rowspan.start, place.colspan.start) == divmod(index, grid[1])
    assert figure.get_suptitle() == "All of them" and figure.get_supxlabel() == "each 9 × 7 pixels"
    empty = [axes for axes in figure.axes if not axes.images]
    assert len(empty) == grid[0] * grid[1] - count and not any(axes.axison for axes in empty)


def test_gallery_takes_masks_and_sizes_that_differ():
    mask = random_image((8, 5)) > 0.5
    figure = viz.gallery([random_image((20, 30)), mask, torch.from_numpy(mask)])
    panels = with_images(figure)
    np.testing.assert_array_equal(shown(panels[1]), mask)
    np.testing.assert_array_equal(shown(panels[2]), mask)
    assert figure.get_supxlabel() == "sizes differ"


def test_gallery_refuses_what_it_cannot_show():
    with pytest.raises(ValueError, match="at least one image"):
        viz.gallery([])
    with pytest.raises(ValueError, match=r"images\[1\]: expected one image"):
        viz.gallery([IMAGE, np.stack([IMAGE] * 3)])
    for columns in (0, 2.5):
        with pytest.raises(ValueError, match="columns: expected a whole number"):
            viz.gallery([IMAGE], columns=columns)
    with pytest.raises(ValueError, match="list of 1 names"):
        viz.gallery([IMAGE], titles=["a", "b"])


def test_figure_is_empty_sized_and_shows_itself():
    figure = viz.figure(3, 2, title="My own plot")
    assert not figure.axes and figure.get_suptitle() == "My own plot"
    figure.subplots().plot([1, 2])
    assert pixels(figure._repr_png_()).shape[1] == 300
    with pytest.raises(ValueError, match="height"):
        viz.figure(3, 0)


# ---- curves --------------------------------------------------------------------------------------


def test_loss_curves_show_both_losses_and_the_best_epoch():
    record = history(20)
    figure = viz.loss_curves(record, title="It overfits", ylabel="mean squared error", log=True)
    (axes,) = figure.axes
    lines = {line.get_label(): line for line in axes.lines}
    np.testing.assert_array_equal(lines["training"].get_xdata(), np.arange(1, 21))
    np.testing.assert_array_equal(lines["training"].get_ydata(), record.train_loss)
    np.testing.assert_array_equal(lines["validation"].get_ydata(), record.validation_loss)
    (best,) = [line for name, line in lines.items() if name.startswith("best")]
    assert set(best.get_xdata()) == {record.best_epoch} and 1 < record.best_epoch < 20
    assert f"{min(record.validation_loss):.4g}" in best.get_label()
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_yscale()) == ("epoch", "mean squared error", "log")
    assert figure.get_suptitle() == "It overfits"


def test_loss_curves_without_validation_and_without_epochs():
    (axes,) = viz.loss_curves(history(1, validation=False)).axes
    assert [line.get_label() for line in axes.lines] == ["training"] and axes.get_yscale() == "linear"
    with pytest.raises(ValueError, match="at least one finished epoch"):
        viz.loss_curves(history(0, validation=False))


@pytest.mark.parametrize("validation", [True, False])
def test_live_curves_print_a_line_outside_a_notebook(validation, capsys):
    on_epoch = viz.LiveCurves(ylabel="MSE")
    on_epoch(history(1, validation))
    on_epoch(history(2, validation))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[1] == "epoch 2: MSE training 0.5" + (", validation 0.52" if validation else "")


class Shell:
    """The part of a notebook kernel that the curves and the slider talk to."""

    kernel = object()

    def __init__(self):
        self.events, self.callbacks, self.sent = self, [], []

    def register(self, event, callback):
        assert event == "post_run_cell"
        self.callbacks.append(callback)

    def unregister(self, event, callback):
        self.callbacks.remove(callback)

    def end_cell(self):
        for callback in list(self.callbacks):
            callback(None)


@pytest.fixture
def notebook(monkeypatch):
    import IPython
    import IPython.display

    shell = Shell()

    def display(image, display_id):
        assert display_id is True
        number = len(shell.sent)
        shell.sent.append(("new", number, image._repr_png_()))
        return SimpleNamespace(update=lambda image: shell.sent.append(("update", number, image._repr_png_())))

    monkeypatch.delenv("COURSE_PROFILE", raising=False)
    monkeypatch.setattr(IPython, "get_ipython", lambda: shell)
    monkeypatch.setattr(IPython.display, "display", display)
    return shell


def test_live_curves_update_one_figure_and_never_lose_the_last_epoch(notebook):
    on_epoch = viz.LiveCurves(title="Learning")
    assert on_epoch.live
    record = history(1)
    for epoch in range(1, 40):  # far quicker than a drawing
        record.__dict__.update(history(epoch).__dict__)
        on_epoch(record)
    assert len(notebook.sent) < 10, "quick epochs should share a drawing"
    notebook.end_cell()
    assert [kind for kind, _, _ in notebook.sent] == ["new"] + ["update"] * (len(notebook.sent) - 1)
    final = viz.loss_curves(history(39), title="Learning")._repr_png_()
    np.testing.assert_array_equal(pixels(notebook.sent[-1][2]), pixels(final))
    assert not notebook.callbacks
    sent = len(notebook.sent)
    on_epoch.draw()
    assert len(notebook.sent) == sent, "nothing new, nothing drawn"
    on_epoch(history(2))
    assert notebook.sent[-1][0] == "new", "the next cell gets a figure of its own"


def test_profile_ci_counts_as_no_notebook(notebook, monkeypatch):
    assert viz.LiveCurves().live
    monkeypatch.setenv("COURSE_PROFILE", "ci")
    assert not viz.LiveCurves().live


def test_no_two_of_many_curves_look_alike():
    names = [f"method {index}" for index in range(15)]
    figure = viz.curve_with_errors([0.1, 0.2], {name: [[1, 2]] for name in names}, xlabel="sigma", ylabel="PSNR (dB)")
    lines = [container[0] for container in figure.axes[0].containers]
    looks = {(line.get_color(), line.get_marker(), str(line._dash_pattern)) for line in lines}
    assert len(looks) == len(names)


def test_curve_with_errors_shows_mean_and_standard_deviation():
    x = [50, 100, 400]
    values = np.random.default_rng(0).normal(30, 1, (5, 3))
    figure = viz.curve_with_errors(
        x,
        {"network": torch.from_numpy(values).requires_grad_(), "once": [[27, 28, 29]]},
        xlabel="training images",
        ylabel="PSNR (dB)",
        title="100 suffice",
        references={"median": 28.5, "NLM": 29},
        log_x=True,
    )
    (axes,) = figure.axes
    network, once = axes.containers
    np.testing.assert_allclose(network[0].get_ydata(), values.mean(0))
    ends = np.array([[point[1] for point in bar] for bar in network[2][0].get_segments()])  # (x, low and high)
    spread = np.sqrt(((values - values.mean(0)) ** 2).sum(0) / 4)
    np.testing.assert_allclose(ends[:, 1] - ends[:, 0], 2 * spread)
    assert not once[2], "one seed has no spread"
    assert [network.get_label(), once.get_label()] == ["network (5 seeds)", "once (1 seed)"]
    flat = {line.get_label(): line.get_ydata()[0] for line in axes.lines if line.get_label() in ("median", "NLM")}
    assert flat == {"median": 28.5, "NLM": 29}
    assert axes.get_xscale() == "log" and axes.get_xlabel() == "training images"
    assert axes.get_ylabel() == "PSNR (dB)\nmean ± standard deviation over seeds"
    assert [label.get_text() for label in axes.get_xticklabels()] == ["50", "100", "400"]
    linear = viz.curve_with_errors(x, {"network": values}, xlabel="x", ylabel="y")
    assert linear.axes[0].get_xscale() == "linear" and pixels(linear._repr_png_()).size


@pytest.mark.parametrize(
    ("x", "curves", "named", "message"),
    [
        ([1, 2], {"a": [[1, 2, 3]]}, {}, r"a: expected shape \(seeds, 2\).*\(1, 3\)"),
        ([1, 2], {"a": [1, 2]}, {}, r"a: expected shape"),
        ([1, 2], {"a": [[1, float("nan")]]}, {}, "a: expected finite"),
        ([1, 2], {}, {}, "curves: expected at least one"),
        ([1, float("inf")], {"a": [[1, 2]]}, {}, "x: expected a list of finite"),
        ([], {"a": [[]]}, {}, "x: expected a list"),
        ([0, 2], {"a": [[1, 2]]}, {"log_x": True}, "above 0 for a logarithmic"),
        ([1, 2], {"a": [[1, 2]]}, {"references": {"b": float("nan")}}, r"references\['b'\]"),
    ],
)
def test_curve_with_errors_refuses_what_it_cannot_show(x, curves, named, message):
    with pytest.raises(ValueError, match=message):
        viz.curve_with_errors(x, curves, xlabel="x", ylabel="y", **named)


# ---- slider --------------------------------------------------------------------------------------


@pytest.mark.parametrize("convert", [lambda image: image, lambda image: torch.from_numpy(image)[None, None]])
def test_moving_the_slider_changes_the_picture_and_moving_back_restores_it(convert):
    box = viz.noise_slider(convert(random_image((21, 18))), noise.gaussian, live=True)
    slider, picture = box.children
    assert (slider.min, slider.max, slider.value, slider.description) == (0, 0.5, 0.1, "sigma")
    first = pixels(picture.value)
    slider.value = 0.4
    assert not np.array_equal(pixels(picture.value), first)
    slider.value = 0.1
    np.testing.assert_array_equal(pixels(picture.value), first)


def test_the_slider_asks_for_the_same_noise_pattern_every_time():
    levels, patterns = [], []

    def corrupt(image, level, *, generator):
        levels.append(level)
        patterns.append((noise.gaussian(image, 1.0, generator=generator) - image) * level)
        return image + patterns[-1]

    image = torch.from_numpy(random_image())
    state = torch.get_rng_state()
    slider, _ = viz.noise_slider(image, corrupt, value=0.25, live=True, seed=3).children
    slider.value = 0.5
    assert torch.equal(torch.get_rng_state(), state)
    assert levels[-2:] == [0.25, 0.5]
    torch.testing.assert_close(patterns[-1], 2 * patterns[-2])
    seed_three = patterns[-1]
    viz.noise_slider(image, corrupt, value=0.5, live=True, seed=4)
    assert levels[-1] == 0.5 and not torch.allclose(patterns[-1], seed_three)


def test_the_slider_carries_a_picture_for_paper():
    box = viz.noise_slider(random_image((40, 30)), noise.rician, label="noise level", live=True, title="Play")
    bundle = box._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    static = viz.noise_slider(random_image((40, 30)), noise.rician, label="noise level", live=False, title="Play")
    np.testing.assert_array_equal(pixels(bundle["image/png"]), pixels(static._repr_png_()))


@pytest.mark.parametrize("corrupt", [noise.gaussian, noise.masking])
def test_static_picture_shows_four_levels(corrupt):
    image = random_image((21, 18))
    figure = viz.noise_slider(image, corrupt, label="level", maximum=0.6)
    panels = with_images(figure)
    assert [axes.get_title() for axes in panels] == ["level = 0", "level = 0.2", "level = 0.4", "level = 0.6"]
    for axes, level in zip(panels, np.linspace(0, 0.6, 4), strict=True):
        expected = corrupt(image, float(level), generator=np.random.default_rng(0))
        np.testing.assert_array_equal(shown(axes), expected)
    np.testing.assert_array_equal(shown(panels[0]), image)


def test_slider_or_static_picture(notebook, monkeypatch):
    import ipywidgets
    from matplotlib.figure import Figure

    image = random_image()
    assert isinstance(viz.noise_slider(image, noise.gaussian), ipywidgets.VBox)
    monkeypatch.setenv("COURSE_PROFILE", "CI")
    assert isinstance(viz.noise_slider(image, noise.gaussian), Figure)
    monkeypatch.delenv("COURSE_PROFILE")
    monkeypatch.setitem(sys.modules, "ipywidgets", None)  # as if it were not installed
    assert isinstance(viz.noise_slider(image, noise.gaussian), Figure)


def test_slider_with_a_minimum():
    figure = viz.noise_slider(random_image(), noise.poisson, label="photons", minimum=2, maximum=50, value=10)
    assert with_images(figure)[0].get_title() == "photons = 2"
    slider, _ = viz.noise_slider(
        random_image(), noise.poisson, minimum=2, maximum=50, value=10, step=2, live=True
    ).children
    assert (slider.min, slider.step) == (2, 2)


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({"value": 0.7}, "value: expected a number from 0 to 0.5"),
        ({"maximum": -1.0}, "minimum: expected a number below maximum"),
        ({"step": 0.0}, "step: expected a finite number above 0"),
        ({"corrupt": lambda image, level, generator: image[:-1]}, "what corrupt returns: expected the size"),
        ({"corrupt": lambda image, level, generator: image / 0}, "what corrupt returns: expected finite"),
    ],
)
@pytest.mark.parametrize("live", [True, False])
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_slider_refuses_what_it_cannot_show(named, message, live):
    with pytest.raises(ValueError, match=message):
        viz.noise_slider(IMAGE, **({"corrupt": noise.gaussian, "live": live} | named))
