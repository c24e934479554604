"""What the sliders of `viz` share: whether they are live, how wide a control is, what stands in for them on paper."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

from course_lib.viz.figures import in_notebook
from course_lib.viz.rendering import Snapshot, bundle

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Layout of a slider or a menu.
WIDE = {"width": "480px", "max_width": "95%"}


def widgets(live: bool | None) -> ModuleType | None:
    """ipywidgets, or None where a static picture is wanted: on paper, in profile ci, without ipywidgets.

    Args:
        live: overrides the choice between a notebook and elsewhere.

    Returns:
        The module, or None.
    """
    if not (in_notebook() if live is None else live):
        return None
    try:
        import ipywidgets
    except ImportError:
        return None
    return ipywidgets


def shown_picture(first: Snapshot) -> Any:
    """A widget that shows a figure, with its words as tooltip; `show_snapshot` puts another one in.

    Rendered here and sent as a picture: needs no further extension in JupyterLab, Colab or VS Code.
    """
    import ipywidgets
    from traitlets import Unicode

    natural_size = ipywidgets.Layout(max_width="100%", align_self="flex-start")
    shown = ipywidgets.Image(format="png", layout=natural_size)
    # the front end shows a tooltip only where it finds an empty description, and an image has none: it stumbles
    shown.add_traits(description=Unicode("").tag(sync=True))
    show_snapshot(shown, first)
    return shown


def show_snapshot(shown: Any, now: Snapshot) -> None:
    """Put a figure into a widget of `shown_picture`."""
    # a screen reader says the tooltip: an image widget has no alternative text of its own
    shown.value, shown.width, shown.tooltip = now.png, str(now.width), now.words


def box(parts: Sequence[Any], static: Callable[[], Figure]) -> Any:
    """The parts below each other; a saved notebook, which has no kernel, shows the figure that `static` draws."""
    import ipywidgets

    class Box(ipywidgets.VBox):
        def _repr_mimebundle_(self, **kwargs: Any) -> Any:
            return super()._repr_mimebundle_(**kwargs) | bundle(static())

    return Box(list(parts))
