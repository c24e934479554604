"""One Jupyter kernel that grades notebook after notebook."""

from __future__ import annotations

import copy
import sys
import time
from pathlib import Path

import nbformat
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import run_sync
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from nbgrader.utils import determine_grade

from course_staff.authoring.source import SourceError, hidden_values

EXPERIMENT = "experiment"  # the tag of cells that train, draw or play: skipped when grading
CELL_TIMEOUT = 120
# Frees the names and what they held. What is left are modules: `freeze` spares the next collection the search through
# them, which would take longer than most labs. What an answer set in torch is put back, or the next would inherit it.
EMPTY = """%reset -f
__import__('gc').freeze()
[(torch.set_grad_enabled(True), torch.set_default_dtype(torch.float32))
 for torch in [__import__('sys').modules.get('torch')] if torch];
"""
# a failing test shows its last line only, and nobody asks for earlier cells
OPTIONS = ["--InteractiveShell.xmode=Minimal", "--HistoryManager.enabled=False"]

HIDDEN_VALUES = "application/x-course-values+json"  # how they come out of the kernel: as if they were a picture

Scores = dict[str, float]  # graded cell -> points earned
Values = dict[str, dict[int, list[str]]]  # graded cell -> seed -> its hidden values, encoded


class Kernel:
    """A kernel whose namespace is emptied before each notebook. Of the last one: `seconds`, how long its cells ran, and
    `values`, the hidden values of its tests."""

    def __init__(self, folder: Path):
        # sockets in a file of our own, where the system has them: no open port, no warning about one
        channels = {"transport": "ipc", "ip": str(folder / "kernel")} if sys.platform == "linux" else {}
        # nbclient notices a kernel that dies only through an asynchronous manager; a blocking one waits for ever
        self.manager = AsyncKernelManager(kernel_name="python3", **channels)
        run_sync(self.manager.start_kernel)(cwd=str(folder), extra_arguments=OPTIONS)
        self.client = NotebookClient(
            nbformat.v4.new_notebook(),
            km=self.manager,
            allow_errors=True,
            timeout=CELL_TIMEOUT,
            skip_cells_with_tag=EXPERIMENT,
            on_cell_execute=self._starts,
            on_cell_executed=self._ends,
        )
        self.seconds: dict[int, float] = {}
        self.values: Values = {}

    def grade(
        self, cells: list[NotebookNode], label: str, seeds: dict[str, list[int]] | None = None
    ) -> tuple[Scores, dict[str, str]]:
        """Run all but the experiments; returns the points of each test cell and, where one failed, its error.

        seeds: graded cell -> seeds of the hidden inputs with which its hidden values are asked for.
        """
        run = []
        for cell in copy.deepcopy(cells):
            name = cell.metadata.get("nbgrader", {}).get("grade_id")
            run += [cell, _question(cell, name, seeds[name])] if seeds and name in seeds else [cell]
        self.client.nb = nbformat.v4.new_notebook(cells=[*run, nbformat.v4.new_code_cell(EMPTY)])
        self.seconds, self.values = {}, {}
        try:
            self.client.execute()  # keeps the connection
        except DeadKernelError:
            raise SourceError(f"the kernel died while it graded {label}: run that by hand to see where") from None
        except CellTimeoutError:
            raise SourceError(f"a cell took more than {CELL_TIMEOUT} s while it graded {label}") from None
        scores, errors = {}, {}
        for cell in self.client.nb.cells:
            for output in cell.get("outputs", []):
                if "asks" in cell.metadata and HIDDEN_VALUES in output.get("data", {}):
                    found = output.data[HIDDEN_VALUES]
                    self.values[cell.metadata.asks] = {int(seed): values for seed, values in found.items()}
            meta = cell.metadata.get("nbgrader")
            if cell.cell_type == "code" and meta and meta["grade"]:
                scores[meta["grade_id"]] = determine_grade(cell)[0]
                for output in cell.outputs:
                    if output.output_type == "error":
                        errors[meta["grade_id"]] = f"{output.ename}: {output.evalue}"
        return scores, errors

    def _starts(self, cell: NotebookNode, cell_index: int) -> None:
        if "asks" not in cell.metadata:
            self.seconds[cell_index] = -time.perf_counter()

    def _ends(self, cell: NotebookNode, cell_index: int, execute_reply: dict) -> None:
        if cell_index in self.seconds:
            self.seconds[cell_index] += time.perf_counter()

    def close(self) -> None:
        if self.client.kc is not None:
            self.client.kc.stop_channels()
        run_sync(self.manager.shutdown_kernel)(now=True)


def _question(cell: NotebookNode, name: str, seeds: list[int]) -> NotebookNode:
    """A cell that asks for the hidden values of the test before it, and binds no name."""
    values = hidden_values(cell.source)
    expressions, closed = [value.expression for value in values], values[0].closed
    compute = '__import__("course_staff.sandbox.inside.values", fromlist=["compute"]).compute'
    answers = f"{compute}({expressions!r}, globals(), seed=seed, closed={closed!r})"
    found = f"{{seed: [answer.decode() for answer in {answers}] for seed in {seeds!r}}}"
    code = f'__import__("IPython").display.display({{{HIDDEN_VALUES!r}: {found}}}, raw=True)'
    return nbformat.v4.new_code_cell(code, metadata={"asks": name})
