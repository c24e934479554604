"""Every curve is in its panel, with its numbers, and a method has one colour."""

import pytest
import torch

from course_lib import evaluation, noise


@pytest.fixture(scope="module")
def sweeps():
    image = torch.rand(2, 1, 20, 16, generator=torch.Generator().manual_seed(0))
    methods = {"as it is": lambda noisy, sigma: noisy, "flat": lambda noisy, sigma: noisy * 0 + noisy.mean()}
    levels = [0.05, 0.1, 0.2]
    quiet = {"progress": False}
    return {
        "Gaussian": evaluation.sweep(methods, image, noise.gaussian, levels, **quiet),
        "Rician": evaluation.sweep({"flat": methods["flat"]}, image, noise.rician, levels, **quiet),
    }


def test_panels_curves_and_colours(sweeps):
    figure = evaluation.level_curves(sweeps, trained={"Gaussian": 0.1}, title="found")
    gaussian_psnr, gaussian_ssim, rician_psnr, _ = figure.axes
    assert (len(gaussian_psnr.lines), len(rician_psnr.lines)) == (4, 2), "methods, the noisy image, the level"
    curve = gaussian_ssim.lines[1]
    assert curve.get_ydata() == pytest.approx(sweeps["Gaussian"].values("as it is", "SSIM")[0])
    assert list(gaussian_psnr.lines[3].get_xdata()) == [0.1, 0.1]
    assert gaussian_psnr.lines[2].get_color() == rician_psnr.lines[1].get_color(), "`flat` has one colour"
    assert [text.get_text() for text in figure.legends[0].texts] == [evaluation.NOISY, "as it is", "flat"]
    assert figure.get_suptitle() == "found"


def test_nothing_to_draw_is_refused(sweeps):
    with pytest.raises(ValueError, match="at least one sweep"):
        evaluation.level_curves({})
    with pytest.raises(ValueError, match="metric"):
        evaluation.level_curves(sweeps, metrics=("EPI",))
