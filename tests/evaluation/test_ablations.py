"""The ablation against SciPy and by hand; what it refuses; the published numbers against each other."""

import numpy as np
import pytest
from scipy import stats

from course_lib.evaluation import ATTENTION_DECK, ablation

ROWS = ("plain", "+ one", "+ two", "+ three")


def scores(seeds=3, slices=24):
    """Rows that rise by 0, 0.5 and 0.1 dB; slices differ far more, seeds a little."""
    generator = np.random.default_rng(7)
    head = 30 + 3 * generator.standard_normal(slices)
    rises = np.cumsum([0, 0, 0.5, 0.1])
    luck = 0.05 * generator.standard_normal((len(ROWS), seeds, slices))
    return {row: list(head + rise + one) for row, rise, one in zip(ROWS, rises, luck, strict=True)}


def test_both_tests_are_scipys():
    values = scores()
    found = ablation(values)
    for row, above in zip(ROWS[1:], ROWS[:-1], strict=True):
        upper, lower = np.array(values[row]), np.array(values[above])
        assert found.steps[row].p == pytest.approx(stats.ttest_rel(upper.mean(1), lower.mean(1)).pvalue)
        assert found.over_slices[row].p == pytest.approx(stats.ttest_rel(upper[0], lower[0]).pvalue)
        assert found.steps[row].difference == pytest.approx(upper.mean() - lower.mean())
    assert list(found.steps) == list(ROWS[1:]), "each row but the first against the one above"


def test_the_largest_step_may_go_down():
    values = {"a": [[30, 31], [30, 32]], "b": [[30.1, 31], [30, 32]], "c": [[28, 29], [28, 30]]}
    found = ablation(values)
    assert found.largest == "c" and found.steps["c"].difference == pytest.approx(-2.025)
    assert found.spread == pytest.approx(0.5), "seeds of a row: means 30.5 and 31"


def test_the_table_says_steps_predictions_and_what_is_found():
    found = ablation(scores(), predicted={"+ one": 1, "+ three": None})
    header, _, *rows = [line.strip("| ").split(" | ") for line in found.markdown().splitlines()[:6]]
    assert [cell.strip() for cell in header[:5]] == ["row", "each seed", "mean (dB)", "step", "predicted"]
    column = [row[4].strip() for row in rows]
    assert column == ["–", "+1.00", "–", "–"]
    assert "**" in rows[2][3] and "**" not in rows[1][3], "0.5 dB with 0.05 dB of luck is found, 0 is not"
    assert "predicted" not in ablation(scores()).markdown()


def test_the_figure_has_a_dot_for_each_seed_and_names_the_largest_step():
    figure = ablation(scores(seeds=4)).figure()
    (axes,) = figure.axes
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    assert [len(line.get_xdata()) for line in dots] == [4] * len(ROWS)
    assert "+ two" in figure.get_suptitle()


@pytest.mark.parametrize(
    ("values", "predicted", "message"),
    [
        ({"a": [[1, 2], [2, 3]]}, None, "two rows"),
        ({"a": [[1, 2]], "b": [[1, 2]]}, None, "two seeds"),
        ({"a": [[1, 2], [2, 3]], "b": [[1, 2, 3], [2, 3, 4]]}, None, r"\(2, 3\)"),
        ({"a": [[1, 2], [2, 3]], "b": [[1, 2], [np.inf, 3]]}, None, "infinity in 'b'"),
        ({"a": [[1, 2], [2, 3]], "b": [[1, 2], [4, 3]]}, {"a": 1}, "rows out of b, got a"),
        ({"a": [[1, 2], [2, 3]], "b": [[1, 2], [4, 3]]}, {"b": "more"}, "b: expected a number"),
    ],
)
def test_bad_input_is_refused(values, predicted, message):
    with pytest.raises((ValueError, TypeError), match=message):
        ablation(values, predicted=predicted)


def test_the_deck_s_tables_have_the_same_rows_and_its_network_last():
    gaussian, rician = ATTENTION_DECK["gaussian"], ATTENTION_DECK["rician"]
    assert list(gaussian) == list(rician) and len(gaussian) == 9
    for rows in (gaussian, rician):
        best = max(rows, key=lambda name: rows[name]["PSNR"])
        assert best == "UNet-DCTD-A" and all(0 < row["SSIM"] < 1 for row in rows.values())
    assert all(rician[name]["PSNR"] < gaussian[name]["PSNR"] for name in gaussian)
