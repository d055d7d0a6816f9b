"""The environment, read strictly.

Every variable that the platform reads stands in ``VARIABLES``. A bad value, a variable that is needed and missing, and
a name that looks like one of ours but is not are all problems, told together and by name before anything starts.

The local start (``annotate.local``) writes what it chose (addresses of its servers, the secret key) to the file ``env``
in its home folder. Any command run on that home reads the file, so ``manage.py`` finds the running servers by itself.
"""

import os
import re
import shlex
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

ROOT = Path(__file__).resolve().parent.parent

VARIABLES = {
    "SECRET_KEY": "signs sessions and links; 50 random characters or more",
    "DATABASE_URL": "PostgreSQL, as a libpq address: postgresql://user@host:5432/name",
    "DATABASE_PASSWORD": "the database password, where it is not part of DATABASE_URL",
    "DATABASE_POOL": "connections that one process keeps at most; 0 opens one when needed (the web server sets it)",
    "BROKER_URL": "Redis or Valkey: redis://…, rediss://… or redis+socket:///path",
    "ALLOWED_HOSTS": "names that the site answers to, separated by commas; no *",
    "CSRF_TRUSTED_ORIGINS": "origins that may send forms, such as https://labels.example.org",
    "DEBUG": "1 shows errors in the browser; never where others can reach it",
    "PLAIN_HTTP": "1 serves without TLS: cookies travel readable; for a loopback address or a closed network",
    "TRUST_PROXY": "1 believes X-Forwarded-Proto; only behind a proxy that always sets it",
    "HSTS_SECONDS": "how long browsers insist on https; 0 for not at all",
    "LOG_LEVEL": "DEBUG, INFO, WARNING or ERROR",
    "PORT": "port of the web server",
    "WEB_HOST": "address that the web server listens on",
    "WEB_WORKERS": "web processes",
    "WEB_THREADS": "threads in each web process",
    "GENERATION_BATCH": "how many candidates a generation worker makes at once at most; 0 leaves it to the backend",
    "GENERATION_MODELS": "how many models one generation worker keeps in memory",
    "GENERATION_CODE_FROM": "models that may run code that came with them, by name, separated by commas",
    "GENERATION_ENDPOINTS": "endpoints that generators may use, as name=https://address/v1, separated by commas",
    "IMPORT_MAX_MB": "how many megabytes a file of prompts may have that is stored for a worker",
    "FILES_BUCKET": "bucket of an S3-compatible storage for uploads and releases; without it they lie in the home",
    "FILES_ENDPOINT": "address of that storage, where it is not Amazon's",
    "FILES_REGION": "region of the bucket, where the storage asks for one",
    "FILES_PREFIX": "folder within the bucket",
    "FILES_ACCESS_KEY": "name of the key for the bucket; without it the machine's own role is used",
    "FILES_SECRET_KEY": "the key itself",
    "WEBHOOKS_TO": "hosts and networks inside that webhooks may be sent to besides public addresses, with commas",
    "ANNOTATE_HOME": "folder of everything that is kept outside the database",
    "ANNOTATE_STATIC": "folder that collectstatic fills and the web server serves",
    "ANNOTATE_DEMO": "0 leaves the demo project out of the first local start",
}
# Each of these is also read from the file named by NAME_FILE, which is how container secrets arrive.
SECRETS = ("SECRET_KEY", "DATABASE_URL", "DATABASE_PASSWORD", "BROKER_URL", "FILES_SECRET_KEY")
# GENERATION_KEY_NAME is the key of the endpoint of that name. The backend that sends it reads it, and nothing else.
KEY_OF_AN_ENDPOINT = "GENERATION_KEY_"

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off"}
# Kubernetes adds variables like ANNOTATE_SERVICE_HOST and ANNOTATE_PORT_80_TCP for a service of that name.
_SERVICE_LINK = re.compile(r"_SERVICE_(HOST|PORT)(_|$)|_PORT(_\d+_(TCP|UDP).*)?$")


class ConfigurationError(ImproperlyConfigured):
    """The environment does not describe a platform that can start. The message is for the person who set it."""


def home(values: Mapping[str, str] | None = None) -> Path:
    """The folder for data outside the database: ``ANNOTATE_HOME``, or ``.annotate`` beside the code."""
    values = os.environ if values is None else values
    return Path(values.get("ANNOTATE_HOME") or ROOT / ".annotate").expanduser().absolute()


def write_home_file(folder: Path, values: Mapping[str, str]) -> None:
    """Keep ``values`` for other commands on this home. The file is shell syntax and readable by its owner alone."""
    text = "".join(f"{name}={shlex.quote(value)}\n" for name, value in sorted(values.items()))
    new = folder / "env.new"
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)
    new.replace(folder / "env")


def read_home_file(folder: Path) -> dict[str, str]:
    """What ``write_home_file`` kept, or nothing where no local start has run."""
    try:
        text = (folder / "env").read_text()
    except FileNotFoundError:
        return {}
    except PermissionError as error:
        raise ConfigurationError(f"ANNOTATE_HOME: {folder / 'env'} belongs to another user of this machine.") from error
    return dict(word.split("=", 1) for word in shlex.split(text))


class Environment:
    """The variables of one start. Reading never raises: problems are collected, and ``check`` tells them all."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values = values
        self.problems: list[str] = []
        self._refuse_lookalikes()

    @classmethod
    def read(cls) -> "Environment":
        """The process's environment, over the home's own file where that describes the same platform.

        The file is left alone when the environment names another database: a local secret key or local cookies must
        never slip into a deployment that happens to be started from a folder with a home in it.
        """
        values = dict(os.environ)
        kept = read_home_file(home(values))
        elsewhere = "DATABASE_URL_FILE" in values or values.get("DATABASE_URL", kept.get("DATABASE_URL")) != kept.get(
            "DATABASE_URL"
        )
        return cls(values if elsewhere else {**kept, **values})

    def refuse(self, name: str, why: str) -> None:
        """Note that ``name`` stands in the way of a start."""
        self.problems.append(f"{name}: {why}")

    def check(self) -> None:
        """Raise ``ConfigurationError`` with every problem found, one a line."""
        if self.problems:
            raise ConfigurationError("Cannot start with these settings.\n  " + "\n  ".join(self.problems))

    def text(self, name: str, default: str = "") -> str:
        """The value as it stands, without space around it."""
        return self.values.get(name, "").strip() or default

    def secret(self, name: str) -> str:
        """A value from ``name``, or from the file that ``name_FILE`` points to; empty where neither is set."""
        path = self.text(f"{name}_FILE")
        if not path:
            return self.text(name)
        if self.text(name):
            self.refuse(name, f"is set and so is {name}_FILE. Set one of them.")
        try:
            value = Path(path).read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            self.refuse(f"{name}_FILE", f"cannot read {path} ({error.__class__.__name__}).")
            return ""
        if not value:
            self.refuse(f"{name}_FILE", f"{path} is empty.")
        return value

    def flag(self, name: str, default: bool = False) -> bool:
        """On or off: 1, true, yes, on or 0, false, no, off."""
        value = self.text(name).lower()
        if value and value not in _TRUE | _FALSE:
            self.refuse(name, f"must be 1 or 0, not {value!r}.")
        return value in _TRUE if value else default

    def whole(self, name: str, default: int, *, least: int = 0, most: int = 1_000_000_000) -> int:
        """A whole number from ``least`` to ``most``."""
        value = self.text(name)
        if not value:
            return default
        if not value.isascii() or not value.isdigit() or not least <= int(value) <= most:
            self.refuse(name, f"must be a whole number from {least} to {most}, not {value!r}.")
            return default
        return int(value)

    def names(self, name: str) -> list[str]:
        """Values separated by commas, without empty ones."""
        return [part.strip() for part in self.text(name).split(",") if part.strip()]

    def one_of(self, name: str, choices: tuple[str, ...], default: str) -> str:
        """One of a few words, in capitals."""
        value = self.text(name, default).upper()
        if value not in choices:
            self.refuse(name, f"must be one of {', '.join(choices)}, not {value!r}.")
            return default
        return value

    def folder(self, name: str, default: Path) -> Path:
        """A folder, made absolute. It need not exist yet."""
        value = self.text(name)
        return Path(value).expanduser().absolute() if value else default

    def _refuse_lookalikes(self) -> None:
        known = set(VARIABLES) | {f"{name}_FILE" for name in SECRETS}
        for name in self.values.keys() - known:
            if name.startswith(KEY_OF_AN_ENDPOINT):
                continue
            near = get_close_matches(name, known, n=1, cutoff=0.88) if len(name) > 5 else []
            ours = name.startswith("ANNOTATE_") and not _SERVICE_LINK.search(name)
            if near or ours:
                self.refuse(name, "is not a setting." + (f" Did you mean {near[0]}?" if near else ""))
