"""Paired tests against SciPy and by hand; Holm against a worked example and its own definition; tables and refusals."""

import itertools
import math
import warnings

import numpy as np
import pytest
import torch
from scipy import stats

from course_lib import evaluation, noise
from course_lib.evaluation import NOISY, holm, paired_test, paired_tests

COUNTS = (2, 3, 24, 300)


def pair(count, seed=0, ties=False):
    """Scores of two methods on the same images: images differ far more than methods do."""
    generator = np.random.default_rng(seed)
    images = 30 + 3 * generator.standard_normal(count)
    first, second = images + 0.1 + 0.3 * generator.standard_normal(count), images
    return (np.round(first), np.round(second)) if ties else (first, second)


@pytest.mark.parametrize("confidence", [0.95, 0.8])
@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("count", COUNTS)
def test_it_is_scipys(count, ties, confidence):
    first, second = pair(count, seed=count, ties=ties)
    if ties:
        first[0] += 1  # two pairs may be tied altogether
        second[-1] += 2
    found, oracle = paired_test(first, second, confidence=confidence), stats.ttest_rel(first, second)
    assert found.count == count
    assert (found.t, found.p) == pytest.approx((oracle.statistic, oracle.pvalue), rel=1e-9)
    interval = oracle.confidence_interval(confidence)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), rel=1e-9)
    d = first - second
    assert found.difference == pytest.approx(d.mean()) and found.sd == pytest.approx(np.std(d, ddof=1))
    assert found.effect_size == pytest.approx(found.t / math.sqrt(count), rel=1e-9)


def test_by_hand():
    found = paired_test([4, 6, 5, 9], [3, 3, 3, 3])  # d = 1, 3, 2, 6: mean 3, squares about it 4 + 0 + 1 + 9 = 14
    sd = math.sqrt(14 / 3)
    assert (found.difference, found.sd) == pytest.approx((3, sd))
    assert found.t == pytest.approx(3 / (sd / 2)) and found.effect_size == pytest.approx(3 / sd)
    # 95 % of Student's t with 3 degrees of freedom lies within 3.182
    assert (found.low, found.high) == pytest.approx((3 - 3.182 * sd / 2, 3 + 3.182 * sd / 2), abs=1e-3)


def test_order_turns_the_sign_and_units_do_not_matter():
    first, second = pair(24)
    one, other, scaled = paired_test(first, second), paired_test(second, first), paired_test(50 * first, 50 * second)
    assert (other.t, other.p, other.low) == pytest.approx((-one.t, one.p, -one.high))
    assert (scaled.t, scaled.p, scaled.effect_size) == pytest.approx((one.t, one.p, one.effect_size))
    assert scaled.difference == pytest.approx(50 * one.difference)


def test_pairing_finds_what_an_unpaired_test_drowns():
    first, second = pair(300)
    assert paired_test(first, second).p < 1e-4 < 0.3 < stats.ttest_ind(first, second).pvalue


@pytest.mark.parametrize("shift", [0.5, -0.5, 0.0])
def test_equal_differences_are_as_in_scipy(shift):
    second = np.arange(6.0)
    found = paired_test(second + shift, second)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        oracle = stats.ttest_rel(second + shift, second)
    assert np.array_equal([found.t, found.p], [oracle.statistic, oracle.pvalue], equal_nan=True)
    assert found.sd == 0 and (found.low, found.high) == (shift, shift)
    assert math.isnan(found.effect_size) if shift == 0 else found.effect_size == math.copysign(math.inf, shift)


def test_under_the_null_p_is_uniform_and_the_interval_holds():
    generator = np.random.default_rng(1)
    found = [paired_test(generator.standard_normal(8), np.zeros(8)) for _ in range(1500)]
    assert np.mean([test.p < 0.05 for test in found]) == pytest.approx(0.05, abs=0.02)
    assert np.mean([test.low < 0 < test.high for test in found]) == pytest.approx(0.95, abs=0.02)


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ([1, 2, math.nan], [1, 2, 3], "first: expected one finite value an image, .*, got NaN or infinity"),
        ([1, 2, 3], [1, 2, math.inf], "second: .*got NaN or infinity"),
        ([1, 2, 3], [1, 2], "at least two pairs, got 3 and 2 values"),
        ([1], [2], "at least two pairs, got 1 and 1"),
        ([[1, 2]], [1, 2], r"first: .*\(n,\), got shape \(1, 2\)"),
    ],
)
def test_bad_values_are_refused(first, second, words):
    with pytest.raises(ValueError, match=words):
        paired_test(first, second)


@pytest.mark.parametrize("confidence", [0, 1, 95])
def test_a_confidence_is_no_percentage(confidence):
    with pytest.raises(ValueError, match="confidence"):
        paired_test([1, 2], [2, 4], confidence=confidence)


# --- Holm -------------------------------------------------------------------------------------------------------


def test_holm_by_hand():
    # sorted: 0.005, 0.01, 0.03, 0.04, times 4, 3, 2, 1: 0.02, 0.03, 0.06, 0.04; the last may not fall below 0.06
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.6]) == pytest.approx([1, 1])  # 1.0, and 0.6 raised to it
    assert holm([0.9, 0.9, 0.9]) == pytest.approx([1, 1, 1]), "never more than 1"
    assert holm([0.03]) == pytest.approx([0.03]) and len(holm([])) == 0
    assert holm([0.02, 0.02, 0.5]) == pytest.approx([0.06, 0.06, 0.5])


@pytest.mark.parametrize("level", [0.01, 0.05, 0.3])
def test_holm_finds_what_the_step_down_procedure_rejects(level):
    generator = np.random.default_rng(2)
    for count in (1, 2, 5, 11):
        p = generator.uniform(size=count) ** 4
        rejected = np.zeros(count, bool)
        for step, index in enumerate(np.argsort(p)):
            if p[index] >= level / (count - step):
                break
            rejected[index] = True
        corrected = holm(p)
        assert np.array_equal(corrected < level, rejected)
        assert (corrected >= p).all() and (corrected <= np.minimum(p * count, 1) + 1e-15).all(), "Bonferroni bounds it"


def test_holm_is_the_closed_bonferroni_test():
    p = np.array([0.02, 0.3, 0.011, 0.04])
    subsets = [s for size in range(1, 5) for s in itertools.combinations(range(4), size)]
    closed = [max(min(len(s) * min(p[list(s)]), 1) for s in subsets if i in s) for i in range(4)]
    assert holm(p) == pytest.approx(closed)


def test_holm_leaves_out_what_was_not_tested():
    found = holm([0.01, math.nan, 0.04])
    assert math.isnan(found[1]) and found[[0, 2]] == pytest.approx([0.02, 0.04])


@pytest.mark.parametrize("bad", [[0.1, 1.2], [-0.1], [[0.1]], 0.1])
def test_holm_refuses_what_is_no_probability(bad):
    with pytest.raises(ValueError, match="from 0 to 1"):
        holm(bad)


# --- tables -----------------------------------------------------------------------------------------------------


def shrink(factor):
    return lambda noisy, sigma: 0.5 + factor * (noisy - 0.5)


@pytest.fixture(scope="module")
def comparison():
    images = torch.rand(12, 1, 14, 13, generator=torch.Generator().manual_seed(0))
    mask = torch.zeros(images.shape, dtype=torch.bool)
    mask[..., 2:] = True
    methods = {"plain": shrink(1.0), "a|b": shrink(0.9), "bad": shrink(0.2), "twin": shrink(1.0)}
    return evaluation.compare(
        methods, images, noise.gaussian, sigma=0.2, masks={"whole image": None, "inside": mask}, repeats=2,
        progress=False,
    )  # fmt: skip


@pytest.mark.parametrize("region", [None, "inside"])
@pytest.mark.parametrize("metric", ["PSNR", "SSIM"])
def test_each_method_against_the_reference(comparison, metric, region):
    found = paired_tests(comparison, reference="plain", metric=metric, region=region)
    assert list(found.tests) == ["a|b", "bad", "twin"], "neither the reference nor the noisy image"
    for name in ("a|b", "bad"):
        values = [comparison.per_slice(method, metric, region) for method in (name, "plain")]
        oracle = stats.ttest_rel(*values)
        assert (found.tests[name].t, found.tests[name].p) == pytest.approx((oracle.statistic, oracle.pvalue))
        assert found.means[name] == pytest.approx(values[0].mean())
    p = [found.tests[name].p for name in ("a|b", "bad")]
    assert [found.corrected[name] for name in ("a|b", "bad")] == pytest.approx(holm(p))
    assert math.isnan(found.tests["twin"].p) and math.isnan(found.corrected["twin"])
    for words in (
        f"{metric}, {region or 'whole image'}, 12 slices",
        "minus plain",
        "Holm: corrected for 2 tests",
        "0.05",
    ):
        assert words in found.caption, words
    assert "slices of one volume are not" in found.caption


def test_volumes_are_the_pairs_where_slices_are_grouped(comparison):
    groups = ["c", "a", "b"] * 4
    found = paired_tests(comparison, reference="plain", groups=groups)
    by_volume = [
        [
            np.mean([v for v, g in zip(comparison.per_slice(name), groups, strict=True) if g == volume])
            for volume in "abc"
        ]
        for name in ("bad", "plain")
    ]
    oracle = stats.ttest_rel(*by_volume)
    assert found.tests["bad"].count == 3 and found.tests["bad"].t == pytest.approx(oracle.statistic)
    assert "3 volumes (means over their slices)" in found.caption and "independent" not in found.caption
    alone = paired_tests(comparison, reference="plain", groups=range(12))
    for name, test in paired_tests(comparison, reference="plain").tests.items():
        assert np.array_equal(alone.tests[name].t, test.t, equal_nan=True)


def test_the_noisy_image_can_be_the_reference(comparison):
    found = paired_tests(comparison, reference=NOISY)
    assert list(found.tests) == ["plain", "a|b", "bad", "twin"] and NOISY in found.means


def test_the_table(comparison):
    found = paired_tests(comparison, reference="plain")
    assert repr(found) == found.markdown()
    lines = found.markdown().splitlines()
    cells = [[cell.strip() for cell in line.replace(r"\|", "/").strip("|").split("|")] for line in lines[:6]]
    header = ["method", "PSNR (dB)", "difference (dB)", "sd", "95 % interval", "t", "p", "p (Holm)", r"d\_z"]
    assert cells[0] == header and [row[0] for row in cells[2:]] == ["plain", "a/b", "bad", "twin"]
    assert cells[2][2:] == ["–"] * 7 and cells[2][1] == f"{found.means['plain']:.2f}"
    bad = found.tests["bad"]
    assert cells[4] == [
        "bad", f"{found.means['bad']:.2f}", f"**{bad.difference:+.3f}**", f"{bad.sd:.3f}",
        f"{bad.low:+.3f} to {bad.high:+.3f}", f"{bad.t:.2f}", f"{bad.p:.2g}", f"{found.corrected['bad']:.2g}",
        f"{bad.effect_size:.2f}",
    ]  # fmt: skip
    # one that could not be tested: no difference at all
    assert cells[5][2:] == ["+0.000", "0.000", "+0.000 to +0.000", "–", "–", "–", "–"]
    assert found.caption in found.html() and found._repr_html_() == found.html() and "<b>" in found.html()
    assert r"\textbf{" in found.latex() and "a\\textbar{}b" in found.latex()
    assert "99.5 % interval" in paired_tests(comparison, reference="plain", confidence=0.995).markdown()


def test_bold_is_what_holm_finds_at_this_level(comparison):
    found = paired_tests(comparison, reference="plain")
    strict = paired_tests(comparison, reference="plain", confidence=1 - found.corrected["bad"] / 2)
    assert found.markdown().count("**") > strict.markdown().count("**")


def test_tiny_p_are_bounds_not_zero(comparison):
    values = {
        "PSNR": {
            NOISY: np.zeros((1, 400)),
            "a": np.zeros((1, 400)),
            "b": 1 + 1e-3 * np.random.default_rng(0).random((1, 400)),
        }
    }
    clear = evaluation.Comparison({"all": values}, {"a": 0.0, "b": 0.0}, (), {}, "", {}, ())
    assert r"\<1e-99" in paired_tests(clear, reference="a").markdown()


def test_what_cannot_be_tested_is_refused(comparison):
    with pytest.raises(ValueError, match="reference: expected one of 'noisy.*'plain'.*got 'best'"):
        paired_tests(comparison, reference="best")
    with pytest.raises(ValueError, match="metric: expected one of 'PSNR', 'SSIM', got 'MSE'"):
        paired_tests(comparison, reference="plain", metric="MSE")
    with pytest.raises(ValueError, match="region: expected one of .*, got 'brain'"):
        paired_tests(comparison, reference="plain", region="brain")
    with pytest.raises(ValueError, match=r"groups: expected one volume a slice \(12\), got \(5,\)"):
        paired_tests(comparison, reference="plain", groups=range(5))
    images = torch.rand(3, 1, 12, 12)
    alone = evaluation.compare({"a": shrink(1.0)}, images, noise.gaussian, sigma=0.1, progress=False)
    with pytest.raises(ValueError, match="at least one method beside the reference 'a'"):
        paired_tests(alone, reference="a")
    perfect = {"a": shrink(1.0), "perfect": lambda noisy, sigma: images[: len(noisy)]}
    found = evaluation.compare(perfect, images, noise.gaussian, sigma=0.1, progress=False)
    with pytest.raises(ValueError, match="PSNR of 'perfect': expected one finite value an image"):
        paired_tests(found, reference="a")
