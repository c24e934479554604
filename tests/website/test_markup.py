"""Signatures without a hollow list, and ways back from the source that lead to an entry."""

from __future__ import annotations

import pytest

pytest.importorskip("sphinx", reason="Sphinx is not installed")

from website import markup

SIGNATURE = """<dt class="sig" id="f"><span class="sig-paren">(</span>

<dl>
<dd><em class="sig-param"><span>image</span></em>,</dd>
<dd><em class="sig-param"><span>sigma</span></em>,</dd>
</dl>

<span class="sig-paren">)</span></dt><dd><dl><dt>other</dt><dd>list</dd></dl></dd>"""
BACK = '<a class="viewcode-back" href="../../reference/{page}.html#course_lib.data.{name}">[docs]</a>'


def test_parameters_become_lines_and_other_lists_stay():
    mended = markup.with_lines(SIGNATURE)
    assert mended.count("<dl>") == 1 and "<dt>other</dt>" in mended
    assert mended.count('<span class="sig-line"><em') == 2
    assert mended.count("<span") == mended.count("</span>")


@pytest.mark.parametrize(
    "asked, entries, answer",
    [
        ("brains.cut", ["brains.cut"], "brains.cut"),
        ("brains.cut", ["planes.cut"], "planes.cut"),
        ("brains.Report.warn", ["volumes.Report", "volumes.Report.warn"], "volumes.Report.warn"),
        ("brains.gone", ["planes.cut", "planes.long_gone"], None),
    ],
)
def test_a_way_back_leads_to_an_entry_or_goes(asked, entries, answer):
    places = {"data.planes": {f"course_lib.data.{entry}": f"course_lib.data.{entry}" for entry in entries}}
    mended = markup.with_ways_back(f"before {BACK.format(page='data.planes', name=asked)} after", places)
    expected = BACK.format(page="data.planes", name=answer) if answer else ""
    assert mended == f"before {expected} after"


def test_a_second_name_leads_to_the_anchor_of_the_first():
    places = {"data.brains": {"course_lib.data.anatomy.Template": "course_lib.data.brains.Template"}}
    mended = markup.with_ways_back(BACK.format(page="data.brains", name="anatomy.Template"), places)
    assert mended == BACK.format(page="data.brains", name="brains.Template")
