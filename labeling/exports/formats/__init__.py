"""The drawer of export formats.

To add one: a file beside these with the members of `Format`, a line in the table, a page in docs/formats/.
"""

from __future__ import annotations

from labeling.errors import Fault, Invalid
from labeling.exports.formats.alpaca import Alpaca
from labeling.exports.formats.axolotl_bradley_terry import AxolotlBradleyTerry
from labeling.exports.formats.base import Format
from labeling.exports.formats.helpsteer import HelpSteer
from labeling.exports.formats.helpsteer_preference import HelpSteerPreference
from labeling.exports.formats.kto import Kto
from labeling.exports.formats.llama_factory import LlamaFactory, LlamaFactoryKto, LlamaFactoryPreference
from labeling.exports.formats.nemo_ranking import NemoRanking
from labeling.exports.formats.oasst import Oasst
from labeling.exports.formats.openai_preference import OpenAiPreference
from labeling.exports.formats.openai_sft import OpenAiSft
from labeling.exports.formats.preference import PreferencePairs
from labeling.exports.formats.prompt_completion import PromptCompletion
from labeling.exports.formats.prompts import Prompts
from labeling.exports.formats.raw import Raw
from labeling.exports.formats.reward import Reward
from labeling.exports.formats.sft import Sft
from labeling.exports.formats.sharegpt import ShareGpt
from labeling.exports.formats.spans import Spans
from labeling.exports.formats.stepwise import Stepwise

_ALL: tuple[Format, ...] = (
    Sft(),
    PromptCompletion(),
    PreferencePairs(),
    Reward(),
    Kto(),
    Prompts(),
    OpenAiSft(),
    OpenAiPreference(),
    Alpaca(),
    ShareGpt(),
    LlamaFactory(),
    LlamaFactoryPreference(),
    LlamaFactoryKto(),
    AxolotlBradleyTerry(),
    NemoRanking(),
    HelpSteer(),
    HelpSteerPreference(),
    Stepwise(),
    Spans(),
    Oasst(),
    Raw(),
)

FORMATS: dict[str, Format] = {kind.name: kind for kind in _ALL}


def get_format(name: str) -> Format:
    """The format of that name. Raises Invalid that lists those there are."""
    if name not in FORMATS:
        known = ", ".join(FORMATS)
        said = f"There is no format “{name}”." if name else "Say which format."
        raise Invalid(f"{said} Known: {known}.", errors=[Fault("format", f"Choose one of: {known}.")])
    return FORMATS[name]


__all__ = ["FORMATS", "Format", "get_format"]
