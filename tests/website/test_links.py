"""Links of the repository's texts become links of the site."""

from __future__ import annotations

from pathlib import Path

import pytest

from website import links
from website.address import SiteAddress

ROOT = Path(__file__).resolve().parents[2]
NOWHERE = SiteAddress("", "", "main")
LINKED = SiteAddress("https://owner.github.io/name/", "https://github.com/owner/name", "main")


@pytest.mark.parametrize(
    ("text", "folder", "expected"),
    [
        ("[it](../lab02_x/lab02_x.ipynb)", "labs/lab04_y", "[it](/labs/lab02_x.ipynb)"),
        ("[it](../../lectures/08b_x.ipynb)", "labs/lab04_y", "[it](/lectures/08b_x.ipynb)"),
        ("[words](glossary.md#t)", "lectures", "[words](/glossary.md#t)"),
        ("[the `why`](docs/decisions.md)", "", "[the `why`](/decisions.md)"),
        ("[all](lectures)", "", "[all](/lectures/index.md)"),
        ("[above](#once)", "", "[above](#once)"),
        ("[out](https://doi.org/10.1)", "", "[out](https://doi.org/10.1)"),
        ("`[not](a/link.py)`", "", "`[not](a/link.py)`"),
        ("```\n[not](a/link.py)\n```", "", "```\n[not](a/link.py)\n```"),
        ("``[a](`x`.py)``", "", "``[a](`x`.py)``"),
    ],
)
def test_a_link_to_a_file_with_a_page_leads_to_the_page(text, folder, expected):
    assert links.rewritten(text, folder, NOWHERE) == expected
    assert links.rewritten(text, folder, LINKED) == expected


def test_a_link_to_another_file_leads_to_github_or_is_no_link():
    text = "see [test_dae](tests/models/test_dae.py) and [`bench`](scripts/bench.py)"
    assert links.rewritten(text, "", NOWHERE) == "see `test_dae` and `bench`"
    assert "[test_dae](https://github.com/owner/name/blob/main/tests/models/test_dae.py)" in links.rewritten(
        text, "", LINKED
    )


def test_the_pages_that_links_lead_to_are_of_files_that_exist():
    for path in links.PAGES:
        assert (ROOT / path).exists(), path


def test_the_address_is_that_of_github_pages():
    assert LINKED.root == "/name/" and NOWHERE.root == "/"
    assert NOWHERE.file("README.md") == ""


def test_a_section_ends_at_the_next_heading_of_its_level():
    text = "# A\n\n## B\n<!-- systems:begin -->\nb\n\n### C\nc\n\n## D\nd\n"
    assert links.section(text, "## B") == "b\n\n### C\nc"
    with pytest.raises(ValueError, match="## E"):
        links.section(text, "## E")
