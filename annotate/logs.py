"""Logs and error pages without secrets in them."""

import logging
import re
from typing import Any

from django.views.debug import SafeExceptionReporterFilter

BLOT = "********"
_IN_TEXT = (
    # A password in an address: scheme://user:password@host
    (re.compile(r"(\w://[^\s:/@]*:)[^\s@/]+(@)"), rf"\g<1>{BLOT}\g<2>"),
    # An API key in a header, as requests are sometimes printed
    (re.compile(r"(?i)\b(authorization['\"]?\s*[:=]\s*['\"]?(?:token|bearer|basic)\s+)[^\s'\",}]+"), rf"\g<1>{BLOT}"),
    # key=value as libpq and many libraries print their settings
    (
        re.compile(r"(?i)\b((?:\w*password|\w*secret\w*|api_?key|\w*token)['\"]?\s*[=:]\s*['\"]?)[^\s'\",;&}]+"),
        rf"\g<1>{BLOT}",
    ),
)


def blot(text: str) -> str:
    """``text`` with passwords, API keys and tokens replaced by stars."""
    for pattern, replacement in _IN_TEXT:
        text = pattern.sub(replacement, text)
    return text


class BlotSecrets(logging.Filter):
    """Blots secrets out of each record's message and traceback before a handler prints it."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = blot(record.getMessage()), None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = blot(record.exc_text)
        return True


class ReportFilter(SafeExceptionReporterFilter):
    """Django's filter for error reports, which also takes addresses with a password in them for secrets."""

    hidden_settings = re.compile(SafeExceptionReporterFilter.hidden_settings.pattern + "|BROKER|DATABASE", flags=re.I)

    def cleanse_setting(self, key: str | int, value: Any) -> Any:
        cleansed = super().cleanse_setting(key, value)
        return blot(cleansed) if isinstance(cleansed, str) else cleansed
