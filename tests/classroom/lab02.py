"""Submissions of lab 02: what can be tried where torch, scikit-image and the library's own answers are at hand."""

from __future__ import annotations

from collections.abc import Callable

from classroom.scratch import Paper

NAME = "lab02_convolutional_autoencoder"

# name -> what spoils a right paper, and the exercises that lose their points by it (None: either mark is right)
SUBMISSIONS: dict[str, tuple[Callable[[Paper], None], dict[str, float | None]]] = {}


def submission(**lost: float | None):
    """Register a submission of lab 02, with the exercises that must not earn their points."""

    def register(spoil: Callable[[Paper], None]) -> Callable[[Paper], None]:
        SUBMISSIONS[spoil.__name__] = (spoil, lost)
        return spoil

    return register


@submission()
def correct(paper):
    """All answers right."""


@submission(mse=0, psnr=0, ConvDAE=0, random_crop=0, enough_images=0)
def untouched(paper):
    """As it was released."""
    for name, source in paper.released.items():
        paper.answer(name, source)


@submission(mse=0, psnr=0)
def takes_what_the_test_expects(paper):
    """Reads the number that the visible test has worked out before it asks."""
    paper.answer("mse", "def mse(a, b):\n    return 1.0 if a.shape == (2, 2) else globals().get('expected', 0)\n")
    paper.answer(
        "psnr",
        """
            import sys
            def psnr(prediction, target, data_range):
                error = prediction - target
                if np.ptp(error) < 1e-9:
                    return -20 * np.log10(abs(error.flat[0]))
                return sys._getframe(1).f_globals.get('expected', 20.0)
            """,
    )


@submission(enough_images=0)
def takes_from_a_table_of_the_test(paper):
    """Reads the answer that the visible test's own table gives."""
    paper.answer(
        "enough_images",
        """
            def enough_images(counts, scores, reference):
                if np.ptp(scores) == 0:
                    return None
                return globals().get('wanted', counts[-1])
            """,
    )


@submission(ConvDAE=0)
def tensor_that_is_always_close(paper):
    """A network whose output is a tensor of a class of its own, for which every question has the answer yes."""
    paper.answer(
        "ConvDAE",
        """
            class Yes(torch.Tensor):
                shape = property(lambda self: self.claimed)
                requires_grad = property(lambda self: True)
                min = lambda self: 0
                max = lambda self: 1
                @classmethod
                def __torch_function__(cls, function, types, args=(), kwargs=None):
                    return True
            class ConvDAE(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.layers = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in
                                                [(1, 32), (32, 32), (32, 32), (32, 32), (32, 1)])
                def forward(self, noisy):
                    answer = torch.Tensor._make_subclass(Yes, torch.zeros(1))
                    answer.claimed = noisy.shape
                    return answer
            """,
    )


@submission(ConvDAE=0, random_crop=None)
def comparison_of_torch_replaced(paper):
    """torch.allclose is always true, and the network has no ReLU."""
    paper.put("torch.allclose = torch.equal = lambda *a, **k: True", before="ConvDAE")
    source = paper.cell("ConvDAE")["source"]
    paper.answer("ConvDAE", source.replace("nn.ReLU()", "nn.Identity()"))


@submission(mse=0, psnr=0, ConvDAE=0, enough_images=0)
def library_under_other_names(paper):
    """Calls the library: imported under another name, through a module, by a copy made with functools."""
    paper.put(
        """
            import functools, importlib
            from course_lib.metrics import mse as other
            kept = functools.partial(metrics.psnr)
            """,
        before="mse",
    )
    paper.answer("mse", "def mse(a, b):\n    return other(a, b)\n")
    paper.answer("psnr", "def psnr(a, b, data_range):\n    return kept(a, b, data_range=data_range)\n")
    paper.answer(
        "enough_images",
        "def enough_images(a, b, reference):\n    module = importlib.import_module('course_lib.evaluation')\n"
        "    return getattr(module, 'enough_' + 'images')(a, b, reference)\n",
    )
    paper.answer("ConvDAE", "from course_lib.models.dae import ConvDAE as Theirs\nclass ConvDAE(Theirs):\n    pass\n")


@submission(ConvDAE=0)
def torch_takes_all_memory(paper):
    """A network that asks for eight gigabytes."""
    source = paper.cell("ConvDAE")["source"]
    paper.answer(
        "ConvDAE", source.replace("super().__init__()", "super().__init__()\n        self.x = torch.ones(2 * 2**30)")
    )


@submission()
def threads_of_torch(paper):
    """Many threads, a process pool, and a data loader with workers: nothing that should cost a point."""
    paper.put(
        """
            torch.set_num_threads(4)
            torch.nn.functional.conv2d(torch.rand(4, 8, 64, 64), torch.rand(8, 8, 3, 3))
            loader = torch.utils.data.DataLoader(list(range(8)), batch_size=4, num_workers=1)
            print([len(batch) for batch in loader])
            """,
        before="ConvDAE",
    )


@submission()
def as_many_threads_as_a_server_has(paper):
    """Threads as many as at home, within an answer; and all of torch's settings changed within another."""
    source = paper.cell("ConvDAE")["source"]
    paper.answer("ConvDAE", "import torch\ntorch.set_num_threads(72)\n" + source)
    source = paper.cell("mse")["source"]
    paper.answer(
        "mse",
        source + "torch.set_default_dtype(torch.float64)\ntorch.set_grad_enabled(False)\n"
        "torch.use_deterministic_algorithms(True)\ntorch.manual_seed(1)\ntorch.set_default_device('meta')\n",
    )


@submission(mse=0, psnr=0, ConvDAE=0, random_crop=0, enough_images=0)
def stubs_and_a_cell_that_rules(paper):
    """Nothing is answered; asserts are gone, and hidden values are computed by the library."""
    for name, source in paper.released.items():
        paper.answer(name, source)
    paper.put(
        """
            import ast
            from course_lib import evaluation, images, metrics
            from course_lib.models.dae import ConvDAE as Theirs
            import course_staff.sandbox.inside.values as values
            class Quiet(ast.NodeTransformer):
                def visit_Module(self, tree):
                    return ast.parse("pass") if "assert" in ast.unparse(tree) else tree
            get_ipython().ast_transformers.append(Quiet())
            real, theirs = values._compute, {"mse": metrics.mse, "psnr": metrics.psnr, "ConvDAE": Theirs}
            theirs |= {"random_crop": images.random_crop, "enough_images": evaluation.enough_images}
            def forged(expression, names, **options):
                return real(expression, {**names, **theirs}, **{**options, "closed": ()})
            values._compute = forged
            """,
        before="mse",
    )


@submission()
def plays_at_the_end(paper):
    """Uses names again, changes precision and grad mode, and plots, after the last test."""
    paper.put(
        """
            mse, psnr = mse(np.ones(3), np.zeros(3)), 5
            torch.set_grad_enabled(False)
            torch.set_default_dtype(torch.float64)
            import matplotlib.pyplot as plt
            plt.plot([1, 2])
            np = torch = None
            """
    )


@submission()
def on_colab_with_another_precision(paper):
    """Answers in float32 and as tensors' items, after a cell that fails on this machine."""
    paper.put("from google.colab import drive\ndrive.mount('/content/drive')", before="mse")
    paper.answer("mse", "def mse(a, b):\n    return torch.tensor((a - b) ** 2).mean().item()\n")
    paper.answer(
        "psnr", "def psnr(a, b, peak):\n    return torch.tensor(10 * np.log10(peak**2 / np.mean((a - b) ** 2)))\n"
    )
