"""What careless students hand in: odd files around right answers. None of it may cost a point."""

from __future__ import annotations

import json

from classroom.hostile import as_text, submission
from classroom.scratch import picture


@submission()
def nbformat_3(paper):
    """Saved by an IPython notebook of 2013: worksheets, `input`, no ids, its own names for outputs."""
    cells = []
    for cell in paper.cells:
        old = {"cell_type": cell["cell_type"], "metadata": cell["metadata"]}
        if cell["cell_type"] == "code":
            old |= {"input": cell["source"], "language": "python", "collapsed": False, "prompt_number": 3}
            old["outputs"] = [{"output_type": "pyout", "prompt_number": 3, "text": ["9999"], "metadata": {}}]
        else:
            old["source"] = cell["source"]
        cells.append(old)
    cells.insert(0, {"cell_type": "heading", "level": 1, "metadata": {}, "source": "Mine"})
    notebook = {"metadata": {"name": "mine"}, "nbformat": 3, "nbformat_minor": 0}
    return json.dumps(notebook | {"worksheets": [{"cells": cells, "metadata": {}}]}).encode()


@submission()
def byte_order_mark_and_windows_lines(paper):
    """A byte order mark, Windows line ends in the file and in every cell."""
    for cell in paper.cells:
        cell["source"] = cell["source"].replace("\n", "\r\n")
    return b"\xef\xbb\xbf" + json.dumps(paper.content(), indent=1).replace("\n", "\r\n").encode()


@submission(rejected="or graded")
def utf_16(paper):
    """Saved as "Unicode" by a Windows editor."""
    return json.dumps(paper.content(), ensure_ascii=False).encode("utf-16")


@submission()
def sources_as_lists(paper):
    """Sources as lists of lines, as Jupyter writes them."""
    for cell in paper.cells:
        cell["source"] = cell["source"].splitlines(keepends=True)


@submission()
def not_a_number_in_metadata(paper):
    """NaN and infinity in metadata: JSON that is none."""
    paper.metadata["widgets"] = {"x": [float("nan"), float("inf")]}
    for cell in paper.cells:
        cell["metadata"]["zoom"] = float("nan")


@submission(rejected="or graded")
def number_too_long(paper):
    """A number of 5000 digits in the metadata, which Python refuses to read."""
    return paper.bytes().replace(b'"nbformat_minor": 5', b'"nbformat_minor": 5, "huge": ' + b"9" * 5000)


@submission()
def names_that_climb(paper):
    """Kernel and attachments whose names are paths out of every folder."""
    paper.metadata["kernelspec"] = {"name": "../../../../bin/sh", "display_name": "../" * 100, "language": "\x00"}
    paper.metadata["language_info"] = {"name": "../../etc", "file_extension": "../../x", "version": 3}
    text = paper.put("![x](attachment:../../../../evil.png)", kind="markdown")
    text["attachments"] = {"../../../../evil.png": {"image/png": "AAAA"}, "/etc/passwd": {"image/png": "AAAA"}}
    paper.put("print(1)")["id"] = "own-1"
    paper.cells[-1]["metadata"] = {"name": "../../..", "nbgrader": {"grade_id": "../../../evil", "schema_version": 3}}


@submission()
def hundred_thousand_cells(paper):
    """100,000 cells of nothing."""
    for number in range(100_000):
        paper.put("", kind="code" if number % 2 else "markdown")


@submission()
def a_thousand_cells_that_run(paper):
    """1000 cells of their own that do a little each."""
    for number in range(1000):
        paper.put(f"tries = {number}")


@submission()
def giant_pictures_within(paper):
    """15 MB of base64 in outputs and attachments that are there already."""
    cell = paper.put("print(1)")
    cell["outputs"] = [{"output_type": "display_data", "data": {"image/png": picture(8)}, "metadata": {}}]
    paper.put("![x](attachment:a)", kind="markdown")["attachments"] = {"a": {"image/png": picture(7)}}


@submission()
def outputs_that_are_none(paper):
    """Outputs, counts and metadata of kinds that the format does not know."""
    kinds = [None, [], 7, "x", [{"output_type": "odd"}], [None], {"a": 1}, [{"output_type": "stream", "text": 5}]]
    code = [cell for cell in paper.cells if cell["cell_type"] == "code"]
    for cell, outputs in zip(code, kinds * 3, strict=False):
        cell["outputs"], cell["execution_count"] = outputs, "three"
    paper.put("1")["metadata"] = None
    paper.put("1")["metadata"] = []
    del paper.put("1")["outputs"]


@submission()
def ids_that_are_none(paper):
    """Cell ids twice, too long, with spaces, numbers, missing."""
    for number, cell in enumerate(paper.cells):
        if number % 5 == 4:
            del cell["id"]
        else:
            cell["id"] = ["same", "x" * 1000, "a b/../c", 7][number % 5]


@submission(rejected="or graded")
def cells_that_are_none(paper):
    """Cells that are no cells, among right ones."""
    paper.cells += [None, 7, "x", [], {}, {"cell_type": "code"}, {"cell_type": "odd", "source": "1", "metadata": {}}]
    paper.cells += [{"cell_type": "code", "source": None, "metadata": {}}, {"cell_type": "code", "source": [1, None]}]


@submission()
def surrogates_in_a_cell(paper):
    """Half characters and zero bytes in cells of their own and in metadata: no file can hold the first as they are."""
    paper.put('x = "\ud83d"')
    paper.put("y = '\x00'")
    paper.put("\ud800 <script>alert(1)</script>", kind="markdown")
    paper.metadata["title"] = "\udfff"
    return as_text(paper.content())


@submission()
def half_characters_escaped(paper):
    """The same as JSON escapes, which every parser takes."""
    paper.put('x = "\ud83d"')
    paper.metadata["title"] = "\udfff"
    paper.metadata["authors"] = [{"name": "\x00"}]


@submission(rejected="or graded")
def metadata_too_deep(paper):
    """Metadata 100,000 brackets deep."""
    return paper.bytes().replace(b'"nbformat": 4', b'"deep": ' + b"[" * 100_000 + b"]" * 100_000 + b', "nbformat": 4')


@submission()
def long_names(paper):
    """Variables, tags and cells with names of 200 characters, of all alphabets."""
    name = ("größe_数据_मापन_" * 20)[:200]
    paper.put(f"{name} = 1\nprint({name})", before="double")
    paper.put("# " + name)["metadata"] = {"tags": [name, "\U0001f600"], "name": name}


@submission()
def saved_with_outputs(paper):
    """As it comes from an evening's work: outputs, errors, counts, widgets, an old kernel."""
    for number, cell in enumerate(paper.cells):
        if cell["cell_type"] == "code":
            cell["execution_count"] = 100 - number
            cell["outputs"] = [
                {"output_type": "execute_result", "data": {"text/plain": "9999"}, "metadata": {}, "execution_count": 1},
                {"output_type": "error", "ename": "E", "evalue": "e", "traceback": ["t"] * 1000},
                {"output_type": "stream", "name": "stdout", "text": ["line\n"] * 1000},
            ]
            cell["metadata"] |= {"colab": {"base_uri": "x"}, "outputId": "y", "scrolled": True}
    paper.metadata |= {"colab": {"provenance": []}, "accelerator": "GPU", "kernelspec": {"name": "python2"}}


@submission()
def colab_and_vscode(paper):
    """Ids in metadata as Colab writes them, languages as VS Code does, format 4.0."""
    paper.minor = 0
    for number, cell in enumerate(paper.cells):
        cell["metadata"] |= {"id": f"c{number}", "vscode": {"languageId": "python"}}
        cell.pop("id")
