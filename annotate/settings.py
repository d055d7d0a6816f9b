"""Settings, from the environment alone. ``annotate.environment`` names every variable and reads it strictly."""

from typing import Any
from urllib.parse import unquote, urlsplit

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from annotate import files
from annotate.environment import ROOT, Environment, home
from labeling import outgoing
from workers.backends import endpoints
from workers.backends.base import GeneratorError
from workers.schedule import BEAT_SCHEDULE

env = Environment.read()

DEBUG = env.flag("DEBUG")
PLAIN_HTTP = DEBUG or env.flag("PLAIN_HTTP")

# --- Where things are kept -------------------------------------------------------------------------------------------
BASE_DIR = ROOT
ANNOTATE_HOME = home(env.values)
STATIC_ROOT = env.folder("ANNOTATE_STATIC", ANNOTATE_HOME / "static")
MEDIA_ROOT = ANNOTATE_HOME / "files"

# --- Secrets and names: what must not be left as it came -------------------------------------------------------------
LOOPBACK = ("localhost", "127.0.0.1", "[::1]", "::1")
PLACEHOLDERS = (
    "",
    "annotate",
    "password",
    "postgres",
    "redis",
    "secret",
    "admin",
    "changeme",
    "change-me",
    "change_me",
)

SECRET_KEY = env.secret("SECRET_KEY")
if not SECRET_KEY:
    env.refuse("SECRET_KEY", "is not set. `openssl rand -base64 48` makes a good one.")
elif not DEBUG and (SECRET_KEY.startswith("django-insecure-") or SECRET_KEY.lower() in PLACEHOLDERS):
    env.refuse("SECRET_KEY", "is a placeholder. `openssl rand -base64 48` makes a good one.")
elif not DEBUG and (len(SECRET_KEY) < 50 or len(set(SECRET_KEY)) < 10):
    env.refuse("SECRET_KEY", "is too easy to guess. Use 50 random characters or more: `openssl rand -base64 48`.")

ALLOWED_HOSTS = env.names("ALLOWED_HOSTS")
if not ALLOWED_HOSTS and not DEBUG:
    env.refuse("ALLOWED_HOSTS", "is not set. Name what people type to reach the site, such as labels.example.org.")
if any("*" in host for host in ALLOWED_HOSTS):
    env.refuse("ALLOWED_HOSTS", "must not hold *: a forged Host header would be believed. Name the site.")

CSRF_TRUSTED_ORIGINS = env.names("CSRF_TRUSTED_ORIGINS")
if any("*" in name or urlsplit(name).scheme not in ("http", "https") for name in CSRF_TRUSTED_ORIGINS):
    env.refuse("CSRF_TRUSTED_ORIGINS", "must be whole origins, such as https://labels.example.org, without *.")

# --- Database --------------------------------------------------------------------------------------------------------
_database: dict[str, Any] = {}
_database_url = env.secret("DATABASE_URL")
if not _database_url:
    env.refuse("DATABASE_URL", "is not set, and no local platform runs here. Set it, or start one with `make run`.")
elif not _database_url.startswith(("postgres://", "postgresql://")):
    env.refuse("DATABASE_URL", "must start with postgresql://. Other databases cannot keep this platform's promises.")
else:
    try:
        _database = dict(conninfo_to_dict(_database_url))
    except ProgrammingError as error:
        # libpq quotes only the part that it could not read, which may be the password: leave it out.
        env.refuse("DATABASE_URL", f"cannot be read ({str(error).split(':')[0].strip()}).")
    else:
        if not _database.get("dbname"):
            env.refuse("DATABASE_URL", "names no database. It ends in /name.")
        if not _database.get("port", "5432").isdigit():
            env.refuse("DATABASE_URL", "has a port that is no number.")

_password_in_url = _database.pop("password", None)
_database_password = env.secret("DATABASE_PASSWORD") or _password_in_url
_password_from = "DATABASE_URL" if _database_password is _password_in_url else "DATABASE_PASSWORD"
_database_host = _database.pop("host", "")
if (
    not DEBUG
    and _database_password is not None
    and _database_password.lower() in PLACEHOLDERS
    and _database_host not in LOOPBACK
    and not _database_host.startswith("/")
):
    env.refuse(_password_from, "has a default password that anyone would try first. Give the database its own.")

# Django switches prepared statements off. The few that labeling/prepared.py keeps need them, and are shaped so that one
# plan is right for everybody: to plan the claim anew each time takes ten times as long as to run it. To compile a plan
# (jit) takes longer still, and the estimates that decide on it are for far more rows than there are.
_database["options"] = f"{_database.get('options', '')} -c plan_cache_mode=force_generic_plan -c jit=off".strip()
# A pool hands connections to threads as they need them, so threads that wait for a person hold none. Processes that
# run one thing at a time (Celery, commands) do without, and may fork freely.
_pool = env.whole("DATABASE_POOL", 0, most=200)
DATABASES = {
    "default": {
        "ENGINE": "annotate.postgres",
        "NAME": _database.pop("dbname", ""),
        "USER": _database.pop("user", ""),
        "PASSWORD": _database_password or "",
        "HOST": _database_host,
        "PORT": _database.pop("port", ""),
        # A pool hands out what annotate.postgres has looked at.
        "CONN_HEALTH_CHECKS": not _pool,
        "OPTIONS": {
            "connect_timeout": 10,
            "prepare_threshold": 5,
            # Whoever drops idle connections on the way says nothing to either end.
            "keepalives_idle": 60,
            "keepalives_interval": 10,
            "keepalives_count": 3,
            **_database,
            **({"pool": {"min_size": 1, "max_size": _pool, "timeout": 10}} if _pool else {}),
        },
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Celery ----------------------------------------------------------------------------------------------------------
CELERY_BROKER_URL = env.secret("BROKER_URL")
_broker = urlsplit(CELERY_BROKER_URL)
if not CELERY_BROKER_URL:
    env.refuse("BROKER_URL", "is not set, and no local platform runs here. Set it, or start one with `make run`.")
elif _broker.scheme not in ("redis", "rediss", "redis+socket"):
    env.refuse("BROKER_URL", "must start with redis://, rediss:// or redis+socket://.")
elif not DEBUG and _broker.password is not None and unquote(_broker.password).lower() in PLACEHOLDERS:
    env.refuse("BROKER_URL", "has a password that anyone would try first. Give the broker its own.")

CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 3600, "socket_connect_timeout": 5}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_ROUTES = {"workers.jobs.generate*": {"queue": "generation"}}
# Work to be done is a row in the database and every job may run twice, so a message counts as done only after its job:
# a worker that is killed gives it back.
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 3.0
CELERY_BEAT_SCHEDULE = BEAT_SCHEDULE
CELERY_TIMEZONE = "UTC"

# Counters that all web processes share (wrong passwords). redis-py calls a socket by another name than Celery does.
_cache_url = CELERY_BROKER_URL.replace("redis+socket://", "unix://").replace("virtual_host=", "db=")
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": _cache_url,
        "KEY_PREFIX": "annotate",
    }
}

# How many candidates a generation worker makes at once; 0 leaves it to the backend.
GENERATION_BATCH = env.whole("GENERATION_BATCH", 0, most=1024)
GENERATION_MODELS = env.whole("GENERATION_MODELS", 1, least=1, most=64)
# Models that may run code of their own, by the very name that a generator gives.
GENERATION_CODE_FROM = env.names("GENERATION_CODE_FROM")
# The backend that asks them reads them itself; here they only have to be readable.
try:
    endpoints.read(env.values)
except GeneratorError as error:
    env.refuse("GENERATION_ENDPOINTS", " ".join(error.errors.values()) or str(error))
# How large a file of prompts may be that is stored for a worker. One that is read as it comes in has no bound.
IMPORT_MAX_MB = env.whole("IMPORT_MAX_MB", 4096, least=1, most=1_000_000)
# What webhooks may reach besides public addresses.
WEBHOOKS_TO = outgoing.Reach()
try:
    WEBHOOKS_TO = outgoing.read_reach(env.names("WEBHOOKS_TO"))
except ValueError as error:
    env.refuse("WEBHOOKS_TO", f"{error}.")

# --- Django ----------------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "labeling",
    "labeling.exports",
    "workers",
]

MIDDLEWARE = [
    "labeling.courtesy.count_requests",
    "django.middleware.security.SecurityMiddleware",
    # Scripts and styles need no policy of their own, and a page loads dozens: it would be a fifth of their weight.
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "annotate.middleware.send_content_policy",
    "annotate.middleware.bound_json_bodies",
    "annotate.middleware.Sessions",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "annotate.urls"
WSGI_APPLICATION = "annotate.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True

# --- Static files: hashed names that never change, except while someone edits them -----------------------------------
STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = DEBUG
WHITENOISE_AUTOREFRESH = DEBUG
WHITENOISE_ALLOW_ALL_ORIGINS = False  # nobody else's pages load our files
STORAGES = {
    "default": files.storage(env),
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "annotate.static_files.HashedStaticFiles"
    },
}

# --- Who someone is --------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "labeling.User"
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "/login/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/login/"

# --- Headers, cookies, limits ----------------------------------------------------------------------------------------
SESSION_COOKIE_NAME = "annotate_session"
SESSION_COOKIE_SECURE = not PLAIN_HTTP
CSRF_COOKIE_NAME = "annotate_csrf"
CSRF_COOKIE_SECURE = not PLAIN_HTTP
SECURE_SSL_REDIRECT = not PLAIN_HTTP
SECURE_REDIRECT_EXEMPT = [r"^healthz$"]
SECURE_HSTS_SECONDS = 0 if PLAIN_HTTP else env.whole("HSTS_SECONDS", 31_536_000)
# The neighbours on our domain are not ours to speak for: no includeSubDomains, no preloading.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.flag("TRUST_PROXY") else None
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

# Forms and JSON bodies are read into memory and bounded here; prompt files are streamed from the request and are not.
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024  # a larger upload goes to a temporary file

# --- API -------------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "labeling.api.auth.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": [
        "rest_framework.parsers.JSONParser",
        "rest_framework.parsers.FormParser",
        "rest_framework.parsers.MultiPartParser",
    ],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "labeling.api.errors.handle",
    # ?format= chooses an export format here; DRF would take it for a choice of renderer and answer 404.
    "URL_FORMAT_OVERRIDE": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Annotate",
    "DESCRIPTION": "Make preference and instruction data: prompts in, candidates made, labels given, datasets out.",
    "VERSION": "0.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "OAS_VERSION": "3.1.0",
    # Choices stay where they are used: a name of its own for each set would clash between fields called `state`.
    "POSTPROCESSING_HOOKS": [],
    "SCHEMA_PATH_PREFIX": "/api/",
    "COMPONENT_SPLIT_REQUEST": True,
}

# --- Logs: to standard output, with secrets blotted out --------------------------------------------------------------
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"secrets": {"()": "annotate.logs.BlotSecrets"}},
    "formatters": {"line": {"format": "%(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["secrets"]}},
    "root": {
        "handlers": ["console"],
        "level": env.one_of("LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR"), "INFO"),
    },
    "loggers": {
        # Django's own configuration would print each line a second time.
        "django": {"handlers": [], "level": "INFO", "propagate": True},
        # Beat rings every few seconds; jobs that do something say so themselves.
        "celery.beat": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
    },
}
DEFAULT_EXCEPTION_REPORTER_FILTER = "annotate.logs.ReportFilter"

env.check()
