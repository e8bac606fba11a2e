"""One settings file for every installation, filled from the environment. Each variable is described in the README.

Safe by default: without its variables the site does not start, and says which one is missing and where to set it.
"""

import os
import re
from pathlib import Path
from urllib.parse import urlsplit

import environ
import font_source_sans_pro
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
ENV_FILE = os.environ.get("PINPOINT_ENV_FILE", str(BASE_DIR / ".env"))
if ENV_FILE and Path(ENV_FILE).is_file():
    environ.Env.read_env(ENV_FILE)


def required(name: str, what: str) -> str:
    value = str(env.str(name, default="")).strip()
    if not value:
        raise ImproperlyConfigured(
            f"{name} is not set: {what}. Set it in the environment or in the .env file beside manage.py; "
            "the README's table of settings shows an example."
        )
    return value


# Core
DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = required("SECRET_KEY", "a long random text that signs sessions and links")
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
SITE_URL = required("SITE_URL", "the address people type, such as https://training.example.com").rstrip("/")
ALLOWED_HOSTS = [h.strip() for h in required("ALLOWED_HOSTS", "the exact host names, comma-separated").split(",")]
if "*" in ALLOWED_HOSTS:
    raise ImproperlyConfigured("ALLOWED_HOSTS is *: name each host, such as training.example.com.")
if not SITE_URL.startswith(("http://", "https://")):
    raise ImproperlyConfigured(f"SITE_URL is {SITE_URL}: it must begin with https:// (or http:// on your own machine).")
PINPOINT_DEMO = env.bool("PINPOINT_DEMO", default=False)
# Signatures and the chain of the audit trail are authenticated with a key that is not in the database.
_keys = required("SIGNING_KEYS", "name:key pairs, the newest first, such as 2026a:<64 random characters>").split(",")
if not all(":" in pair for pair in _keys):
    raise ImproperlyConfigured("SIGNING_KEYS must hold name:key pairs with commas between them, the newest first.")
SIGNING_KEYS = {name: key for name, _, key in (pair.strip().partition(":") for pair in _keys)}
for key_name, key in SIGNING_KEYS.items():
    if len(key) < 32:
        raise ImproperlyConfigured(
            f"SIGNING_KEYS: the key {key_name} has {len(key)} characters, at least 32 are needed."
        )
if not env.str("TRUSTED_PROXIES", default="0").isdecimal():
    raise ImproperlyConfigured(
        f"TRUSTED_PROXIES is {env.str('TRUSTED_PROXIES')}: it must be a whole number, such as 1."
    )
TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", default=0)

INSTALLED_APPS = [
    "config.apps.SiteConfig",  # first: its command stands in place of Django's own of that name
    "config.apps.PinpointAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.forms",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "crispy_forms",
    "crispy_bootstrap5",
    "django_guid",
    "django_htmx",
    "heroicons",
    "js_lib_bootstrap5",
    "staff",
    "training",
    "quizzes",
    "certificates",
    "compliance",
]

MIDDLEWARE = [
    "config.middleware.request_id",
    "django.middleware.security.SecurityMiddleware",
    "config.middleware.content_security_policy",
    "django_permissions_policy.PermissionsPolicyMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.middleware.never_cached",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "staff.middleware.clinic_time",
    "staff.middleware.sliding_session",
    "staff.middleware.second_factor",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
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
                "staff.context.frame",
            ],
            "builtins": [
                "staff.templatetags.look",
                "training.templatetags.material",
                "heroicons.templatetags.heroicons",
            ],
        },
    }
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"
CRISPY_ALLOWED_TEMPLATE_PACKS = "bootstrap5"
CRISPY_TEMPLATE_PACK = "bootstrap5"
CRISPY_FAIL_SILENTLY = False

# Database: SQLite is the embedded default, PostgreSQL by DATABASE_URL.
DATA_DIR = Path(env.str("DATA_DIR", default=str(BASE_DIR / "var")))
DATABASE_URL = env.str("DATABASE_URL", default=f"sqlite:///{DATA_DIR / 'pinpoint.sqlite3'}")
_database = env.db_url_config(DATABASE_URL)
if "sqlite" in _database["ENGINE"]:
    Path(_database["NAME"]).parent.mkdir(parents=True, exist_ok=True)
    _database |= {
        "ENGINE": "config.sqlite",
        "CONN_MAX_AGE": None,
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 30,
            # Triggers must be recursive, or INSERT OR REPLACE deletes past them.
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; "
            "PRAGMA recursive_triggers=ON; PRAGMA secure_delete=ON; PRAGMA cache_size=-16000;",
        },
        "TEST": {"NAME": str(DATA_DIR / "test.sqlite3")},
    }
else:
    _database |= {
        "ENGINE": "config.postgresql",
        "CONN_MAX_AGE": 0,
        "OPTIONS": {
            # Planned once in each connection, where the ORM's statements cost more to plan than to answer.
            "server_side_binding": True,
            "prepare_threshold": 2,
            **_database.get("OPTIONS", {}),
            "pool": {"min_size": 1, "max_size": env.int("DATABASE_POOL", default=8), "timeout": 20},
        },
    }
DATABASES = {"default": _database}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# One cache that all workers share: rate limits must count across them.
CACHES = {"default": env.cache_url("CACHE_URL", default="dbcache://cache")}
if CACHES["default"]["BACKEND"].endswith("DatabaseCache"):
    # Django keeps 300: whoever tries a few hundred made-up addresses would push out the failed tries at a real one.
    CACHES["default"] = {"OPTIONS": {"MAX_ENTRIES": 10_000}} | CACHES["default"]

# Mail: rows in the database, sent by tick. Files until a server is named.
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="Pinpoint <pinpoint@localhost>")
SERVER_EMAIL = DEFAULT_FROM_EMAIL
if env.str("EMAIL_URL", default=""):
    vars().update(env.email_url("EMAIL_URL"))
else:
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    EMAIL_FILE_PATH = DATA_DIR / "mail"
EMAIL_TIMEOUT = 10

# People and sign-in
AUTH_USER_MODEL = "staff.StaffMember"
AUTHENTICATION_BACKENDS = ["staff.accounts.Backend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("full_name", "email")},
    },
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "staff.accounts.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_USER_MODEL_EMAIL_FIELD = "email"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_PASSWORD_CHANGE_REDIRECT_URL = "/"
PASSWORD_RESET_TIMEOUT = 3 * 24 * 60 * 60
ACCOUNT_REAUTHENTICATION_TIMEOUT = 900
ACCOUNT_SESSION_REMEMBER = True
# By account, not by address: a whole clinic sits behind one address and must not be locked out together.
ACCOUNT_RATE_LIMITS = {
    "login": "600/m/ip",
    "login_failed": "120/m/ip,5/5m/key",
    "reset_password": "60/m/ip,5/h/key",
    "reset_password_from_key": "60/m/ip",
    "reauthenticate": "10/h/user",
    "change_password": "10/h/user",  # it asks for the present one, so it would be a door to guess it at
}
MFA_ADAPTER = "staff.mfa.MFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_FORMS = {
    "authenticate": "staff.mfa.CodeForm",
    "reauthenticate": "staff.mfa.CodeAgainForm",
    "authenticate_webauthn": "staff.mfa.PasskeyForm",
    "login_webauthn": "staff.mfa.PasskeyLoginForm",
    "reauthenticate_webauthn": "staff.mfa.PasskeyAgainForm",
}
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_WEBAUTHN_USER_VERIFICATION = "required"
MFA_TOTP_TOLERANCE = 1  # half minutes; staff/factors.py sees that no code is taken twice in them
# A passkey cannot be guessed, so this limit only spares the server: a whole clinic sits behind one address.
MFA_RATE_LIMITS = {"webauthn_login": "600/m/ip"}
ALLAUTH_TRUSTED_PROXY_COUNT = TRUSTED_PROXIES
USERSESSIONS_TRACK_ACTIVITY = False
SESSION_ENGINE = "staff.sessions"
SESSION_COOKIE_AGE = 12 * 60 * 60
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "config.errors.csrf_failure"

# Transport and headers
SECURE_TLS = env.bool("SECURE_TLS", default=True)
SECURE_SSL_REDIRECT = SECURE_TLS
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SESSION_COOKIE_SECURE = SECURE_TLS
CSRF_COOKIE_SECURE = SECURE_TLS
SECURE_HSTS_SECONDS = 365 * 24 * 60 * 60 if SECURE_TLS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_TLS
SECURE_HSTS_PRELOAD = SECURE_TLS
if TRUSTED_PROXIES:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CSRF_TRUSTED_ORIGINS = [SITE_URL]
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "manifest-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "object-src": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
}
PERMISSIONS_POLICY: dict[str, list[str]] = {
    name: [] for name in ("camera", "geolocation", "microphone", "payment", "usb")
}

# Language and time: pages show the clinic's own zone.
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False
FORMAT_MODULE_PATH = ["config.formats"]

# Static files, hashed and served by the workers themselves
STATIC_URL = "static/"
STATIC_ROOT = Path(env.str("STATIC_ROOT", default=str(BASE_DIR / "staticfiles")))
STATICFILES_DIRS = [BASE_DIR / "static", ("fonts", Path(font_source_sans_pro.__file__).parent / "files")]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
WHITENOISE_KEEP_ONLY_HASHED_FILES = True

# Uploads and bodies
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 3000

# Certificates: a further folder of fonts, for scripts that the shipped ones do not cover
CERTIFICATE_FONTS = env.str("CERTIFICATE_FONTS", default="/usr/share/fonts")

# Open Badges: off until the installation sets the address it will keep, and the keys that sign there
BADGE_URL = env.str("BADGE_URL", default="").rstrip("/")
BADGE_ISSUER_NAME = env.str("BADGE_ISSUER_NAME", default="") or f"Pinpoint at {urlsplit(BADGE_URL).netloc}"
BADGE_ISSUER_FORM = env.str("BADGE_ISSUER_FORM", default="did:web")
BADGE_KEYS = env.list("BADGE_KEYS", default=[])  # Ed25519 seeds, the newest first
BADGE_KEYS_WITHDRAWN = env.list("BADGE_KEYS_WITHDRAWN", default=[])  # public keys, as the issuer's document lists them
if BADGE_URL and (not BADGE_URL.startswith("https://") or urlsplit(BADGE_URL).path):
    raise ImproperlyConfigured(f"BADGE_URL is {BADGE_URL}: it must be https:// and a host name, and no more.")
if BADGE_URL and not BADGE_KEYS:
    raise ImproperlyConfigured(
        "BADGE_URL is set and BADGE_KEYS is not: badges need a key of 64 hexadecimal characters."
    )
for number, seed in enumerate(BADGE_KEYS, 1):
    if not re.fullmatch("[0-9a-f]{64}", seed):
        raise ImproperlyConfigured(f"BADGE_KEYS: key {number} must be 64 hexadecimal characters.")
if BADGE_ISSUER_FORM not in ("did:web", "https"):
    raise ImproperlyConfigured(f"BADGE_ISSUER_FORM is {BADGE_ISSUER_FORM}: it must be did:web or https.")

# Backups: how old the last drill may be before /readyz says so; 0 does not ask
BACKUP_DRILL_DAYS = env.int("BACKUP_DRILL_DAYS", default=0 if DEBUG or PINPOINT_DEMO else 7)

# Whom a weakness of this installation is reported to, at /.well-known/security.txt (RFC 9116); off until set
SECURITY_CONTACT = env.str("SECURITY_CONTACT", default="")
SECURITY_EXPIRES = env.str("SECURITY_EXPIRES", default="")
if SECURITY_CONTACT and not re.fullmatch(r"(mailto:[^\s@]+@[^\s@]+|https://\S+)", SECURITY_CONTACT):
    raise ImproperlyConfigured(f"SECURITY_CONTACT is {SECURITY_CONTACT}: it must begin with mailto: or https://.")
if SECURITY_CONTACT and not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])", SECURITY_EXPIRES):
    raise ImproperlyConfigured(
        f"SECURITY_EXPIRES is {SECURITY_EXPIRES or 'missing'}: with SECURITY_CONTACT it must be a day such as 2027-11-01."
    )

# Logs: one line an event, with the request's id, without personal data
LOG_LEVEL = env.str("LOG_LEVEL", default="INFO")
DJANGO_GUID = {"GUID_HEADER_NAME": "X-Request-ID", "VALIDATE_GUID": True, "RETURN_HEADER": True, "UUID_FORMAT": "hex"}
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"request_id": {"()": "django_guid.log_filters.CorrelationId"}},
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s [%(correlation_id)s] %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["request_id"]}},
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {"django_guid": {"level": "WARNING"}, "django.server": {"level": "WARNING"}},
}
