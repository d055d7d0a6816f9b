"""Backends: what makes a candidate's text. One file each, and one line each in the table below.

``base.py`` says what a backend is. ``causal.py`` runs Hugging Face models, with ``sources.py`` (finding a model's
files), ``local_model.py`` (the model that comes with the platform), ``chat.py`` (conversations into tokens) and
``decoding.py`` (the loop that makes tokens). ``echo.py`` needs no model.

Importing this imports neither torch nor transformers, so that the web process may check a generator's settings
against it. They come in when a model is loaded.
"""

from workers.backends.base import Backend, GeneratorError
from workers.backends.causal import Causal
from workers.backends.echo import Echo

BACKENDS: dict[str, Backend] = {
    "causal": Causal(),
    "echo": Echo(),
}


def get(name: str) -> Backend:
    """The backend of this name. Raises GeneratorError that lists those there are."""
    try:
        return BACKENDS[name]
    except KeyError:
        raise GeneratorError.of(
            {"backend": f"There is no backend {name!r}. Known are {', '.join(BACKENDS)}."}
        ) from None
