"""How figures and bars arrive: alternative text on the page, nothing wider than it, legends off curves, no bar kept."""

import ast
import io
import re
from base64 import b64decode
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from PIL import Image

from course_lib import noise, viz
from course_lib.viz.figures import COLOURS, WIDEST
from course_lib.viz.rendering import _covers

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(
    path for folder in ("solutions", "lectures") for path in (ROOT / folder).glob("*.py") if ".wrong" not in path.name
)

DRAWING = (
    """\
import numpy as np
from types import SimpleNamespace
from course_lib import viz
image = np.linspace(0, 1, 400, dtype=np.float32).reshape(20, 20)
viz.panel(image, image, image * 0.5, title='Half as "bright"')
""",
    """\
live = viz.LiveCurves(title="It learns", live=True)
for epoch in range(1, 3):
    live(SimpleNamespace(train_loss=[0.5, 0.25][:epoch], validation_loss=[], best_epoch=None))
""",
    """\
figure = viz.figure(3, 2, title="Mine", alt="A line that rises")
figure.subplots().plot([1, 2])
figure
""",
)

BAR = """\
from time import sleep
from course_lib.training.progress import Bar
with Bar(1, 3, 0, True) as bar:
    bar.epoch(1)
    for _ in range(3):
        bar.batch(0.5)
        sleep(0.2)
print("done")
"""


class Pictures(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        if tag == "img":
            self.found.append(dict(attributes))


@pytest.fixture(scope="module")
def executed():
    cells = [nbformat.v4.new_code_cell(source) for source in (*DRAWING, BAR)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    return notebook


def sharp(bundle):
    return Image.open(io.BytesIO(b64decode(re.search(r'base64,([^"]+)', bundle["text/html"])[1])))


def test_each_picture_of_a_converted_notebook_has_its_words(executed):
    page, _ = HTMLExporter().from_notebook_node(executed)
    texts = [picture["alt"] for picture in Pictures(page).found]
    assert len(texts) == 3
    panel = executed.cells[0].outputs[0].data
    score = re.search(r"denoised: (PSNR [\d.]+ dB, SSIM [\d.]+)", texts[0])
    assert texts[0].startswith('Half as "bright". clean: 20 × 20 pixels. noisy: identical. ') and score
    assert panel["text/plain"] == texts[0], "front ends without pictures show the words"
    assert texts[1] == "It learns. loss over epoch: training: from 0.5 at 1 to 0.25 at 2"
    assert texts[2] == "A line that rises"


def test_a_bar_leaves_nothing_in_a_saved_notebook(executed):
    outputs = executed.cells[3].outputs
    assert "".join(output.text for output in outputs if output.output_type == "stream") == "done\n"
    kept = [output.data for output in outputs if output.output_type == "display_data"]
    assert kept == [{"text/plain": ""}], "it was shown, and emptied"
    assert "batch" not in nbformat.writes(executed).replace(BAR, "").replace("batch(0.5)", "")


def test_a_bar_wipes_its_line_in_a_terminal(capsys):
    from course_lib.training.progress import Bar

    with Bar(1, 3, 0, True) as bar:
        for _ in range(3):
            bar.batch(0.5)
    written = capsys.readouterr().err
    assert "0/3" in written and "\n" not in written and not written.rsplit("\r", 2)[1].strip()


@pytest.mark.parametrize(("wide", "dots"), [(3, 300), (9, 900), (20, 900)])
def test_a_figure_is_twice_as_sharp_as_the_page_and_never_wider(wide, dots):
    bundle = viz.figure(wide, 2, title="Wide")._repr_mimebundle_()
    (picture,) = Pictures(bundle["text/html"]).found
    assert int(picture["width"]) == dots
    assert sharp(bundle).size == (2 * int(picture["width"]), 2 * int(picture["height"]))
    assert Image.open(io.BytesIO(bundle["image/png"])).size == (dots, int(picture["height"])), "what graders keep"


@pytest.mark.parametrize("shape", [(28, 28), (217, 181), (60, 320), (256, 256)])
@pytest.mark.parametrize("count", [1, 3, 7])
def test_many_images_wrap_and_methods_stay_above_their_maps(shape, count):
    clean = np.random.default_rng(0).random(shape, dtype=np.float32)
    answers = {f"method {index}, of a long name": clean * 0.9 for index in range(count)}
    wrapping = viz.panel(clean, clean, answers, title="Many")
    pairs = viz.method_panel(clean, {"noisy": clean} | answers, title="Many")
    many = viz.gallery([clean] * (2 + count), titles=["clean", "noisy", *answers], title="Many")
    for figure in (wrapping, pairs, many, viz.blind_test(clean, answers | {"a": clean}, title="Which?")):
        assert figure.get_figwidth() <= WIDEST
        figure.draw_without_rendering()
        for axes in figure.axes:
            for text in (axes.title, axes.xaxis.label):
                if text.get_text() and axes.images:
                    box, own = text.get_window_extent(), axes.get_window_extent()
                    room = figure.bbox.width / axes.get_subplotspec().get_gridspec().ncols
                    assert box.width <= max(room, own.width) * 1.03, f"{text.get_text()!r} runs into its neighbour"
    places = {axes.get_title().replace("\n", " "): axes.get_subplotspec() for axes in wrapping.axes if axes.get_title()}
    for name in ("noisy", *answers):
        above, below = places[name], places[f"{name} - clean"]
        assert above.colspan == below.colspan and above.rowspan.stop == below.rowspan.start


def test_the_window_fits_a_head_and_changes_no_score():
    clean = np.zeros((40, 40), np.float32)
    clean[10:30, 10:30] = np.linspace(0.2, 0.62, 400, dtype=np.float32).reshape(20, 20)
    clean[0, 0] = 1.0  # one bright point of 401
    fitted = viz.window(clean)
    assert fitted == (0.0, 0.65)
    assert viz.window(255 * clean, data_range=255) == (0.0, pytest.approx(0.65 * 255))
    assert viz.window(0 * clean) == (0.0, 1.0)
    noisy = noise.gaussian(clean, 0.1, generator=np.random.default_rng(0))
    whole, narrow = (viz.panel(clean, noisy, 0.9 * noisy, window=window) for window in (None, fitted))
    assert [axes.images[0].get_clim() for axes in narrow.axes[:3]] == [fitted] * 3
    assert [axes.get_xlabel() for axes in whole.axes] == [axes.get_xlabel() for axes in narrow.axes]
    assert whole.axes[3].images[0].get_clim() == narrow.axes[3].images[0].get_clim()
    assert narrow.get_supxlabel().endswith("shown from 0 (black) to 0.65 (white)")
    assert "shown" not in whole.get_supxlabel()
    for slider in (viz.noise_slider, viz.sampling_slider):
        more = {"corrupt": noise.gaussian} if slider is viz.noise_slider else {}
        drawn = slider(clean, window=fitted, live=False, **more)
        assert fitted in [image.get_clim() for axes in drawn.axes for image in axes.images]
        assert "0.65 (white)" in drawn.get_supxlabel()
    for wrong in ((1, 0), (0, 0), (0, 1, 2)):
        with pytest.raises(ValueError, match="window"):
            viz.gallery([clean], window=wrong)


@pytest.mark.parametrize("place", ["best", "upper right", "center"])
def test_a_legend_moves_off_the_curves(place):
    figure = viz.figure(6, 3, title="Waves")
    axes = figure.subplots()
    for index in range(5):
        axes.plot(np.sin(np.arange(60) / 3 + index), label=f"curve {index}")
    legend = axes.legend(loc=place)
    figure.draw_without_rendering()
    assert _covers(axes, legend), "nothing to prove"
    figure._repr_png_()
    assert not _covers(axes, legend)
    empty = viz.figure(6, 3)
    axes = empty.subplots()
    axes.plot([0, 1], [0, 1], label="rises")
    axes.legend(loc="upper left")
    before = axes.legend_._loc_used if hasattr(axes.legend_, "_loc_used") else axes.legend_._loc
    empty._repr_png_()
    assert axes.legend_._loc == before, "a legend that covers nothing stays"


def test_curves_have_okabe_and_itos_colours_by_themselves():
    first, second = viz.figure(6, 3).subplots(1, 2)
    for axes in (first, second):
        assert [axes.plot([0, 1])[0].get_color() for _ in COLOURS] == list(COLOURS)


def test_words_of_bars_and_marks():
    figure = viz.figure(6, 3, title="Which wins?")
    axes = figure.subplots()
    axes.bar(["BM3D", "DnCNN"], [30.25, 31.5])
    axes.axhline(29, label="noisy")
    axes.set(ylabel="PSNR (dB)")
    assert (
        figure._repr_mimebundle_()["text/plain"]
        == "Which wins? PSNR (dB): noisy: 29 everywhere; BM3D 30.25, DnCNN 31.5"
    )


def sliders():
    image = np.random.default_rng(0).random((64, 64), dtype=np.float32)
    mask = np.random.default_rng(1).random((64, 64)) < 0.5
    same = {"one": lambda given, sigma: given, "two": lambda given, sigma: given * 0.9}
    return {
        "noise": lambda: viz.noise_slider(image, noise.gaussian, live=True),
        "filter": lambda: viz.filter_slider(image, same, live=True),
        "level": lambda: viz.level_slider(image, same, live=True),
        "plane": lambda: viz.plane_slider(np.stack([image] * 9), (1, 1, 1), live=True),
        "receptive": lambda: viz.receptive_field_slider(image, live=True),
        "sampling": lambda: viz.sampling_slider(image, live=True),
        "consistency": lambda: viz.consistency_slider(image, image * 0.9, mask, live=True),
        "blind": lambda: viz.blind_test(image, {"a": image, "b": image * 0.9}, live=True),
    }


@pytest.mark.parametrize("name", sliders())
def test_each_control_has_a_name_to_see_and_to_hear_and_the_picture_its_words(name):
    import ipywidgets

    def below(widget):
        for child in getattr(widget, "children", ()):
            yield child
            yield from below(child)

    box = sliders()[name]()
    controls = [part for part in below(box) if isinstance(part, ipywidgets.DOMWidget) and hasattr(part, "disabled")]
    assert controls and all(control.description and control.tooltip for control in controls)
    (picture,) = [part for part in below(box) if isinstance(part, ipywidgets.Image)]
    assert picture.tooltip and int(picture.width) <= 900
    first = picture.tooltip
    moving = [control for control in controls if hasattr(control, "max") or hasattr(control, "index")]
    if name != "blind":
        control = moving[-1]
        if hasattr(control, "max"):
            control.value = control.min if control.value == control.max else control.max
        else:
            control.index = 0 if control.index else 1
        assert picture.tooltip != first, "the words follow the picture"


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_labs_and_lectures_draw_with_viz_and_each_figure_has_a_title(source):
    text = source.read_text(encoding="utf-8")
    assert not re.search(r"^[^#\n]*\b(plt\.|pyplot)", text, re.MULTILINE), "use viz.figure, never bare pyplot"
    for cell in re.split(r"^# %%", text, flags=re.MULTILINE)[1:]:
        head, _, code = cell.partition("\n")
        if "[markdown]" in head or "viz." not in code:
            continue
        code = re.sub(r"^\s*[%!].*$", "", code, flags=re.MULTILINE)
        for call in ast.walk(ast.parse(code)):
            if not (
                isinstance(call, ast.Call) and ast.unparse(call.func) in ("viz.figure", "viz.panel", "viz.gallery")
            ):
                continue
            titled = {word.arg for word in call.keywords} & {"title", None} or re.search(r"suptitle\(|title[=(]", code)
            assert titled, f"no title, in words what the picture shows: {ast.unparse(call)}"
