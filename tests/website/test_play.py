"""The page without a kernel: its numbers are those of the library, its strips hold what it says, its law is Rice's."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html import escape
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import special, stats

from course_lib.data.brains import brain_slices
from website import play
from website.play import frames, noise, page, sampling, strength

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "website" / "play" / "static"


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The source folder after `write`, with few steps on each slider, so that it takes a second or two."""
    source = tmp_path_factory.mktemp("source")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_SITE_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setattr(noise, "SIGMAS", (0.0, 0.1))
        patch.setattr(noise, "START", ("gaussian", 1))
        patch.setattr(sampling, "ACCELERATIONS", (1, 4))
        patch.setattr(sampling, "START", ("regular-centre", 1))
        patch.setattr(sampling, "DRAWS", 3)
        patch.setattr(strength, "STRENGTHS", (0.0, 1.0, 2.0, 3.0))
        patch.setattr(strength, "START", ("nlm", 1))
        patch.setattr(strength, "METHODS", {name: strength.METHODS[name] for name in ("nlm", "bm3d")})
        play.write(ROOT, source)
        found = json.loads((frames.computed(ROOT) / "play.json").read_text())
    return source, found


@pytest.fixture(scope="module")
def html(written):
    return (written[0] / "play" / "index.md").read_text()


@pytest.fixture(scope="module")
def slice_of_colin():
    slices = brain_slices("colin27", slices=9, progress=False)
    return slices.images[4, 0].double().numpy(), slices.brain_masks[4, 0].numpy()


def psnr(image, clean):
    return -10 * np.log10(np.mean((image - clean) ** 2))


@pytest.mark.parametrize("kind", ["gaussian", "rician"])
def test_noise_numbers_follow_from_the_definitions(written, slice_of_colin, kind):
    clean, brain = slice_of_colin
    numbers = written[1]["noise"]["numbers"][kind]
    assert numbers["sigma"] == [0.0, 0.1]
    assert numbers["psnr"][0] is None and numbers["air"][0] == 0
    draws = np.random.default_rng(1).normal(0, 0.1, (2, 40, *clean.shape))  # other noise than the page's
    pictures = clean + draws[0] if kind == "gaussian" else np.hypot(clean + draws[0], draws[1])
    # one slice has 10,000 pixels of air: its mean has a standard deviation of at most 0.001
    assert numbers["air"][1] == pytest.approx(pictures[:, clean == 0].mean(), abs=0.005)
    assert numbers["brain"][1] == pytest.approx(pictures[:, brain].mean(), abs=0.005)
    assert numbers["psnr"][1] == pytest.approx(psnr(pictures, clean), abs=0.15)
    if kind == "rician":
        assert numbers["air"][1] == pytest.approx(0.1 * np.sqrt(np.pi / 2), abs=0.005)


@pytest.mark.parametrize("choice", ["regular-centre", "random"])
def test_sampling_numbers_follow_from_the_mask_in_the_picture(written, slice_of_colin, choice):
    clean, _ = slice_of_colin
    source, found = written
    told = found["sampling"]
    height, width = clean.shape
    strip = np.asarray(Image.open(source / "_static" / "play" / told["strips"]["mask"][choice]).convert("L"))
    mask = strip[:, width : 2 * width] > 127
    assert mask[0].sum() == told["numbers"][choice]["lines"][1] == round(width / 4)
    image = sampling.scan(noise.Head(clean.astype(np.float32), clean > 0, clean == 0, 1.0))
    axes, centred = (-2, -1), np.fft.fftshift
    kspace = centred(np.fft.fft2(np.fft.ifftshift(image, axes=axes)), axes=axes) * mask
    answer = np.abs(centred(np.fft.ifft2(np.fft.ifftshift(kspace, axes=axes)), axes=axes))
    assert told["numbers"][choice]["psnr"][1] == pytest.approx(psnr(answer.clip(0, 1), clean), abs=0.01)
    assert told["numbers"][choice]["psnr"][0] is None
    draws = told["numbers"][choice]["draws"][1]
    assert len(draws) == 3 and draws == sorted(draws) and told["numbers"][choice]["psnr"][1] in draws
    # the largest value of the point spread beside its peak
    spread = np.abs(np.fft.ifft(mask[0]))
    lobe = spread[1:].max() / spread[0]
    assert told["numbers"][choice]["lobe"][1] == pytest.approx(lobe, abs=0.01)


def test_strength_numbers_say_that_the_truth_is_best(written, slice_of_colin):
    clean, _ = slice_of_colin
    for method in ("nlm", "bm3d"):
        numbers = written[1]["strength"]["numbers"][method]
        assert numbers["told"] == [0.0, 0.1, 0.2, 0.3]
        assert numbers["removed"][0] == 0
        assert numbers["psnr"][0] == pytest.approx(20, abs=0.15), "told 0, it leaves the noise of sigma 0.1"
        assert numbers["noise"][1] == pytest.approx(0.1, abs=0.002)
        assert numbers["psnr"][1] == max(numbers["psnr"]) > 29
        assert numbers["removed"][1] < numbers["removed"][2] < numbers["removed"][3]


def test_strips_hold_one_frame_for_each_step(written):
    source, found = written
    total = 0
    for told in found.values():
        width, height = told["size"]
        for strips in told["strips"].values():
            assert set(strips) == set(told["states"])
            for choice, name in strips.items():
                file = source / "_static" / "play" / name
                total += file.stat().st_size
                assert Image.open(file).size == (width * len(told["states"][choice]), height)
    assert total > 0


def test_pictures_show_what_the_numbers_say(written, slice_of_colin):
    """Lossy or not: the frame of the page is the picture that was measured."""
    clean, _ = slice_of_colin
    source, found = written
    height, width = clean.shape
    strip = Image.open(source / "_static" / "play" / found["noise"]["strips"]["noisy"]["rician"]).convert("L")
    shown = np.asarray(strip, float) / 255 * 0.65
    assert np.abs(shown[:, :width] - clean.clip(0, 0.65)).mean() < 0.01
    noisy = shown[:, width:]
    assert noisy[clean == 0].mean() == pytest.approx(found["noise"]["numbers"]["rician"]["air"][1], abs=0.01)
    strip = Image.open(source / "_static" / "play" / found["noise"]["strips"]["difference"]["rician"]).convert("RGB")
    red, _, blue = np.asarray(strip, float)[:, width:].transpose(2, 0, 1)
    assert (red >= blue)[clean == 0].all(), "a magnitude lies above 0: all of the air is red"
    assert 0.3 < (red > blue)[clean > 0.3].mean() < 0.7


def test_every_state_fills_every_slot_of_the_page(written, html):
    for name, told in written[1].items():
        section = html.split(f'data-widget="{name}"')[1].split("```")[0]
        slots = set(re.findall(r'data-slot="([\w-]+)"', section))
        for states in told["states"].values():
            for state in states:
                assert set(state) == slots, f"{name}: what changes on the page is what each step says"
        choice, step = told["start"]
        for slot, words in told["states"][choice][step].items():
            assert re.search(rf'data-slot="{slot}"[^<]*{re.escape(escape(words))}', section) or re.search(
                rf'[^<]*{re.escape(escape(words))}[^<]*data-slot="{slot}"', section
            ), f"{name}: the page begins as its slider stands, but not its {slot}"


def test_inputs_have_labels_and_words_for_the_ear(html):
    inputs = re.findall(r"<input [^>]+>", html)
    assert len(inputs) == 4 + 2 + 3 + 1 + 3, "four sliders, eight radio buttons, one check box"
    for one in inputs:
        name = re.search(r' id="([\w-]+)"', one)[1]
        assert f'<label for="{name}">' in html
        if 'type="range"' in one:
            assert re.search(r'aria-valuetext="[^"]+(PSNR|mean of the magnitude) [^"]+"', one), one
    ids = re.findall(r' id="([\w-]+)"', html)
    assert len(ids) == len(set(ids))
    for names in re.findall(r' for="([^"]+)"', html):
        assert set(names.split()) <= set(ids)


def test_pictures_have_words_a_size_and_wait_their_turn(html):
    for one in re.findall(r"<img [^>]+>", html):
        assert re.search(r'alt="[^"]{15,}"', one) and 'loading="lazy"' in one and " width=" in one, one
    for one in re.findall(r"<svg [^>]+>", html):
        assert 'role="img"' in one and re.search(r'aria-label="[^"]{15,}"', one), one


def test_links_name_pages_of_the_site(html):
    links = re.findall(r"\{doc\}`/(\w+)/(\w+)`", html)
    assert len(links) == 10
    for folder, name in links:
        assert (ROOT / {"labs": "solutions"}.get(folder, folder) / f"{name}.py").is_file()


def test_no_number_of_the_text_is_left_out():
    """A field that nothing fills, or a number that no field asks for, is a mistake."""
    text = (ROOT / "website" / "play" / "page.md").read_text()
    assert not re.search(r"\d\.\d", text), "a measured number is typed by hand"
    assert page.raw("x").count("```") == 2


def test_a_change_of_a_widget_changes_the_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_SITE_CACHE", str(tmp_path))
    made = []

    def compute(folder):
        folder.mkdir(parents=True)
        (folder / "play.json").write_text("{}")
        made.append(folder)

    monkeypatch.setattr(frames, "compute", compute)
    first = frames.computed(ROOT)
    assert frames.computed(ROOT) == first and len(made) == 1, "the second time it comes from the cache"
    monkeypatch.setattr(frames, "MODULES", frames.MODULES[:-1])
    assert frames.computed(ROOT) != first and len(made) == 2
    assert not first.exists(), "what nobody needs any more is deleted"


@pytest.fixture(scope="module")
def in_javascript():
    """What the page's JavaScript computes, for signals and magnitudes."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")

    def run(expression, *values):
        script = (
            f"const rician = require({json.dumps(str(STATIC / 'rician.js'))});"
            f"const given = {json.dumps([np.asarray(value).tolist() for value in values])};"
            f"console.log(JSON.stringify({expression}))"
        )
        done = subprocess.run([node, "-e", script], capture_output=True, text=True, check=True, timeout=60)
        return np.array(json.loads(done.stdout), float)

    return run


@pytest.mark.parametrize(("order", "oracle"), [(0, special.ive), (1, special.ive)])
def test_bessel_functions_match_scipy(in_javascript, order, oracle):
    # on both sides of the seam at 30, where the series hands over
    x = np.concatenate([np.linspace(0, 29.99, 300), np.linspace(30, 31, 11), np.geomspace(31, 1e4, 50)])
    found = in_javascript(f"given[0].map((x) => rician.scaledBessel({order}, x))", x)
    np.testing.assert_allclose(found, oracle(order, x), rtol=1e-13, atol=1e-300)


def test_density_and_mean_match_scipy(in_javascript):
    magnitudes = np.linspace(0, 12, 241)
    for signal in (0.0, 0.3, 1.0, 3.0, 6.0):
        found = in_javascript(f"given[0].map((m) => rician.density(m, {signal}))", magnitudes)
        np.testing.assert_allclose(found, stats.rice(signal).pdf(magnitudes), rtol=1e-12, atol=1e-15)
    signals = np.linspace(0, 20, 201)  # further out SciPy's own mean overflows
    means = in_javascript("given[0].map((a) => rician.mean(a))", signals)
    np.testing.assert_allclose(means, stats.rice(signals).mean(), rtol=1e-9)
    corrected = in_javascript("given[0].map((a) => rician.corrected(a))", means)
    np.testing.assert_allclose(corrected, np.sqrt(means**2 - 1))
