"""Django's settings. Everything that differs between installations comes from `config/env.py`."""

from __future__ import annotations

from pathlib import Path

from django.utils.csp import CSP

from config.env import read_environment
from config.logs import configure

BASE_DIR = Path(__file__).resolve().parent.parent
ENVIRONMENT = read_environment(BASE_DIR)

# -- where things are -----------------------------------------------------------------------------
# All state. Its parts: headroom.sqlite3, lake/, cache/, broker/, bundle/, static/, secret_key.
DATA_DIR = ENVIRONMENT.data_dir
# Parquet files: a folder, or an object store, of which DATA_DIR/cache keeps so many bytes.
LAKE_URL = ENVIRONMENT.lake_url
LAKE_CACHE_LIMIT = ENVIRONMENT.cache_size
# How many superseded versions of a bill keep their files, and for how many days at most.
KEEP_VERSIONS = ENVIRONMENT.keep_versions
KEEP_DAYS = ENVIRONMENT.keep_days
# How much memory DuckDB may use in one process.
DUCKDB_MEMORY_LIMIT = ENVIRONMENT.memory_limit
# How many bytes one upload of bills may have.
UPLOAD_LIMIT = ENVIRONMENT.upload_limit
# Where Azure answers: its own addresses, other ones for sovereign clouds and tests.
AZURE_ENDPOINT = ENVIRONMENT.azure_endpoint
AZURE_BLOB_ENDPOINT = ENVIRONMENT.azure_blob_endpoint
# Where people open Headroom: what links in mails begin with.
PUBLIC_URL = ENVIRONMENT.public_url
# The team's time zone. Charges and everything stored are UTC (TIME_ZONE below).
TEAM_TIME_ZONE = ENVIRONMENT.time_zone

# -- the application ------------------------------------------------------------------------------
DEBUG = ENVIRONMENT.debug
SECRET_KEY = ENVIRONMENT.secret_key
ALLOWED_HOSTS = ENVIRONMENT.allowed_hosts
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
INSTALLED_APPS = [
    "costs",
    "capacity",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django_htmx",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    # Static files leave here, before sessions and the database are asked anything.
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    # Every view asks for a sign-in unless it says @login_not_required (only /healthz does).
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "costs.errors.OutOfReachPage",
]
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
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# -- decisions: what people type. Facts are in the lake. -------------------------------------------
DATABASES = {"default": ENVIRONMENT.database}

# -- people ---------------------------------------------------------------------------------------
LOGIN_URL = "people:sign_in"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = LOGIN_URL
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
# Sessions are rows, so that signing out ends them everywhere; a request reads one and writes none.
SESSION_ENGINE = "django.contrib.sessions.backends.db"
SESSION_SAVE_EVERY_REQUEST = False
SESSION_COOKIE_AGE = 14 * 24 * 3600  # seconds: two weekly reviews
SESSION_COOKIE_NAME = "headroom_session"
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_NAME = "headroom_csrf"
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_TRUSTED_ORIGINS = ENVIRONMENT.trusted_origins
MESSAGE_STORAGE = "django.contrib.messages.storage.cookie.CookieStorage"

# -- what a browser may do ------------------------------------------------------------------------
# No inline script or style, nothing from elsewhere. `data:` images: the small icons of CSS.
SECURE_CSP = {
    "default-src": [CSP.NONE],
    "script-src": [CSP.SELF],
    "style-src": [CSP.SELF],
    "img-src": [CSP.SELF, "data:"],
    "connect-src": [CSP.SELF],
    "font-src": [CSP.SELF],
    "form-action": [CSP.SELF],
    "frame-ancestors": [CSP.NONE],
    "base-uri": [CSP.NONE],
}
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# Only where a proxy speaks HTTPS in front: on plain localhost these would lock everyone out.
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = ENVIRONMENT.behind_tls
SECURE_SSL_REDIRECT = ENVIRONMENT.behind_tls
SECURE_REDIRECT_EXEMPT = [r"^healthz$"]  # probes speak plain HTTP to the process itself
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if ENVIRONMENT.behind_tls else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if ENVIRONMENT.behind_tls else None

# -- static files ---------------------------------------------------------------------------------
STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"  # filled by `serve` (collectstatic)
# The Vega bundle is generated, not kept in the repository: `serve` writes it into BUNDLE_DIR.
BUNDLE_DIR = DATA_DIR / "bundle"
BUNDLE_DIR.mkdir(exist_ok=True)
STATICFILES_DIRS = [BASE_DIR / "static", BUNDLE_DIR]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        # Names with a hash, compressed beforehand, cached by browsers for ever.
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = DEBUG
# Nothing asks for the plain names, and compressing them would take as long again.
WHITENOISE_KEEP_ONLY_HASHED_FILES = True
# A page, and the error page above all, must not fail because static files were not collected.
WHITENOISE_MANIFEST_STRICT = False

# -- time and language ----------------------------------------------------------------------------
LANGUAGE_CODE = "en"
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"

# -- mail and channels ----------------------------------------------------------------------------
MAILERS = ENVIRONMENT.mailers
DEFAULT_FROM_EMAIL = SERVER_EMAIL = ENVIRONMENT.mail_from
# Apprise addresses by name. They hold secrets: pages and logs only know the names.
CHANNELS = ENVIRONMENT.channels

# -- background work ------------------------------------------------------------------------------
QUEUE_APP = "config.celery.app"  # who rings for background work imports this
CELERY_BROKER_URL = ENVIRONMENT.broker_url
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, object] = {}
if CELERY_BROKER_URL.startswith("filesystem:"):
    CELERY_BROKER_URL = "filesystem://localhost"  # kombu warns where no host is named
    _broker = DATA_DIR / "broker"
    for _folder in ("messages", "control"):
        (_broker / _folder).mkdir(parents=True, exist_ok=True)
    CELERY_BROKER_TRANSPORT_OPTIONS |= {
        "data_folder_in": str(_broker / "messages"),
        "data_folder_out": str(_broker / "messages"),
        "control_folder": str(_broker / "control"),
    }
elif CELERY_BROKER_URL.startswith("redis"):
    CELERY_BROKER_TRANSPORT_OPTIONS |= {
        "global_keyprefix": "headroom:",  # a database may be shared with others
        # Who rings waits for no server that does not answer (seconds).
        "socket_connect_timeout": 4,
        "socket_keepalive": True,
    }
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# A worker that has lost its broker looks for it until it is back.
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
# A process of the long worker that has grown beyond this (KB) is replaced after its task.
CELERY_WORKER_MAX_MEMORY_PER_CHILD = 800_000
CELERY_TASK_DEFAULT_QUEUE = "short"
# A long load waits in its own queue, so that alerts need not wait behind it.
CELERY_TASK_QUEUES: dict[str, dict[str, object]] = {"short": {}, "long": {}}
CELERY_TASK_CREATE_MISSING_QUEUES = False
CELERY_TASK_SERIALIZER = "json"
CELERY_RESULT_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_IGNORE_RESULT = True
# A message is done when it is taken: it only rings, and the sweep brings back the work of whoever
# died. Acknowledged after the work, it could be lost with its broker just then, and a worker that
# still counts it as its one message asks Redis for no other, deaf until somebody starts it again.
CELERY_TASK_ACKS_LATE = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE_FILENAME = str(DATA_DIR / "beat-schedule")
# The schedule is code: times in seconds.
CELERY_BEAT_SCHEDULE: dict[str, dict[str, object]] = {
    # Expires before the next one: a worker that was away does not sweep twice.
    "sweep jobs": {"task": "jobs.sweep", "schedule": 60.0, "options": {"expires": 50}},
    "tidy the lake": {"task": "lake.tidy", "schedule": 3600.0, "options": {"expires": 3000}},
}

# -- logs -----------------------------------------------------------------------------------------
LOGGING = configure(ENVIRONMENT.log_level, ENVIRONMENT.log_format)
