"""Backends: what makes a candidate's text. One file each, and one line each in the table below.

``base.py`` says what a backend is. ``causal.py`` and ``seq2seq.py`` run Hugging Face models, with ``sources.py``
(finding a model's files), ``converted.py`` and ``local_model.py`` (GGUF files, and the one that comes with the
platform), ``loading.py`` (opening a model), ``chat.py`` and ``fitting.py`` (conversations into tokens that fit),
``running.py`` (requests into rows), and two engines that make rows: ``padded.py``, with ``decoding.py`` (the loop that
makes tokens) and ``picking.py`` (drawing one), and ``continuous.py``. ``echo.py`` needs no model. ``openai.py`` asks
a server that has one, with ``endpoints.py`` (which servers, and their keys), ``completions.py`` (what is said),
``calls.py`` (saying it until it is heard) and ``courier.py`` (many at once, beside the caller).

Importing this imports neither torch nor transformers, so that the web process may check a generator's settings
against it. They come in when a model is loaded.
"""

import os

from workers.backends.base import Backend, GeneratorError
from workers.backends.causal import Causal
from workers.backends.echo import Echo
from workers.backends.openai import OpenAI
from workers.backends.seq2seq import Seq2Seq

# torch's threads wait for one another at every step. Where something else runs on the same processors, spinning while
# they wait keeps the others from it, and a step of a small model takes ten times as long. Read as torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

BACKENDS: dict[str, Backend] = {
    "causal": Causal(),
    "echo": Echo(),
    "openai": OpenAI(),
    "seq2seq": Seq2Seq(),
}


def get(name: str) -> Backend:
    """The backend of this name. Raises GeneratorError that lists those there are."""
    try:
        return BACKENDS[name]
    except KeyError:
        raise GeneratorError.of(
            {"backend": f"There is no backend {name!r}. Known are {', '.join(BACKENDS)}."}
        ) from None
