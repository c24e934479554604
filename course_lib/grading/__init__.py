"""The instructor's side: derive the notebooks (`build`), prove the graders (`check`). Imports none of the science."""
