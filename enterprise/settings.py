"""Settings of every role. All that differs between installations comes from the environment (see README)."""

import contextlib
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from enterprise.env import BASE_DIR, data_dir, env, secret_key

VERSION = "0.1.0"

DATA_DIR: Path = data_dir()
DEBUG: bool = env.bool("DEBUG", default=False)
SECRET_KEY = secret_key()
# An installation on one machine is reached as localhost; behind a name, ALLOWED_HOSTS says so.
ALLOWED_HOSTS: list[str] = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", default=[])
HOST: str = env.str("HOST", default="127.0.0.1")  # 0.0.0.0 lets other machines in
PORT: int = env.int("PORT", default=5002)
ROLES: list[str] = env.list("ROLES", default=["migrate", "events", "web"])
RASA_X_TOKEN: str = env.str("RASA_X_TOKEN", default="")
ADMIN_USERNAME: str = env.str("ADMIN_USERNAME", default="admin")
ADMIN_PASSWORD: str = env.str("ADMIN_PASSWORD", default="")
# Images in bot messages come from anywhere and tell that place who reads: "click" loads one when asked for, with "never"
# the browser is told to load none.
MESSAGE_IMAGES: str = env.choice("MESSAGE_IMAGES", ("click", "never"))
# How many proxies of our own stand in front and append to X-Forwarded-For: what the audit log takes for the address.
PROXIES: int = env.int("PROXIES", default=0)
# Bots set tags from custom actions without a login, as they did upstream; "false" asks them for RASA_X_TOKEN.
OPEN_TAGS: bool = env.bool("OPEN_TAGS", default=True)

# The file that a Rasa on this machine with the `sql` broker fills; always listened to on embedded defaults.
EMBEDDED_EVENTS_DB = DATA_DIR / "rasa-events.db"
EVENT_BROKER_URLS: list[str] = env.str("EVENT_BROKER_URL", default="").split()

INSTALLED_APPS = [
    "enterprise",
    "conversations",
    "events",
    "training",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_htmx",
    "django_filters",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "enterprise.middleware.ContentSecurityPolicy",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "enterprise.middleware.SchemaGate",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "enterprise.middleware.PersonTimeZone",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "enterprise.urls"
WSGI_APPLICATION = "enterprise.wsgi.application"

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
                "enterprise.context.house",
            ],
        },
    },
]


def database(url: str) -> dict[str, Any]:
    """Django's database dictionary for `DATABASE_URL`, with what each kind of database needs to be safe here."""
    # What the library says of a URL that it cannot read quotes the password.
    if not url.startswith(("postgresql://", "postgres://", "psql://", "pgsql://", "sqlite://")):
        raise ImproperlyConfigured(
            "DATABASE_URL begins with postgresql:// or sqlite:///, as in postgresql://user:password@host/name."
        )
    try:
        config: dict[str, Any] = env.db_url_config(url)
    except ValueError:
        raise ImproperlyConfigured(
            "DATABASE_URL cannot be read: percent-encode special characters in user and password, check the port."
        ) from None
    if config["ENGINE"].endswith("sqlite3"):
        config["ENGINE"] = "enterprise.sqlite3"  # writers wait fairly
        config["OPTIONS"] = {
            # A transaction that reads first and writes later would fail at once when another one wrote meanwhile.
            "transaction_mode": "IMMEDIATE",
            "timeout": 30,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-32000;",
        }
    else:
        config["CONN_MAX_AGE"] = 600
        config["CONN_HEALTH_CHECKS"] = True
        # Health must say within seconds that a host which drops packets does not answer.
        options = config.setdefault("OPTIONS", {})
        options.setdefault("connect_timeout", 5)
        # A query of many conditions is planned in milliseconds, and compiling it took up to 46 seconds.
        options.setdefault("options", "-c jit=off")
    return config


DATABASES = {
    "default": database(env.str("DATABASE_URL", default="") or f"sqlite:///{DATA_DIR / 'enterprise.db'}")
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CACHE_URL: str = env.str("CACHE_URL", default="")
CACHES: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": CACHE_URL,
        "KEY_PREFIX": "enterprise",
        # Redis away makes the product slower, never wrong.
        "OPTIONS": {"IGNORE_EXCEPTIONS": True, "SOCKET_CONNECT_TIMEOUT": 1, "SOCKET_TIMEOUT": 1},
    }
    if CACHE_URL
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
}

AUTH_USER_MODEL = "enterprise.User"
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "conversations:session-list"
LOGOUT_REDIRECT_URL = "sign-in"

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English")]
LOCALE_PATHS = [BASE_DIR / "enterprise" / "locale"]
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
# Without collectstatic (bin/run, runserver) files are served straight from static/ and the apps.
WHITENOISE_USE_FINDERS = not (STATIC_ROOT / "staticfiles.json").exists()
if WHITENOISE_USE_FINDERS:
    STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    with contextlib.suppress(OSError):  # whitenoise warns of a folder that is not there
        STATIC_ROOT.mkdir(exist_ok=True)

# Behind a proxy that ends TLS: HTTPS=true turns on what a browser on TLS can be told.
HTTPS: bool = env.bool("HTTPS", default=False)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_REFERRER_POLICY = "same-origin"
# Probes, Rasa servers and bots' custom actions inside the cluster speak plain HTTP, and follow no redirect of a POST.
SECURE_REDIRECT_EXEMPT = [
    r"^api/health/?$",
    r"^api/version/?$",
    r"^api/conversations/.+/(tags|data_tags|data-tags)/?$",
]
if HTTPS:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_NAME = "enterprise_session"
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_621_440

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "enterprise.api.authentication.AccessToken",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["enterprise.api.permissions.ByCategory"],
    "DEFAULT_RENDERER_CLASSES": ["enterprise.api.renderers.StrictJSON"],
    "DEFAULT_PARSER_CLASSES": ["enterprise.api.parsers.AnyTypeJSON"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "enterprise.api.errors.envelope",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Enterprise",
    "DESCRIPTION": "Conversations of Rasa assistants: find, review, tag, learn.",
    "VERSION": VERSION,
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api",
    "PATH_CONVERTER_OVERRIDES": {"sender": str},
    "SERVE_PERMISSIONS": ["enterprise.api.permissions.Open"],
    "SERVE_AUTHENTICATION": [],
    "DISABLE_ERRORS_AND_WARNINGS": False,
}

LOG_FORMAT: str = env.choice("LOG_FORMAT", ("text", "json"))
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "text": {"format": "{asctime} {levelname:.1} {name}: {message}", "style": "{"},
        "json": {
            "()": "pythonjsonlogger.json.JsonFormatter",
            "format": "{asctime} {levelname} {name} {message}",
            "style": "{",
        },
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT}},
    "root": {
        "handlers": ["console"],
        "level": env.choice("LOG_LEVEL", ("INFO", "DEBUG", "WARNING", "ERROR")),
    },
    "loggers": {"pika": {"level": "ERROR"}},
}
