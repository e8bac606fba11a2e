"""The site's own settings, over databases that can be told to die at a commit."""

import os

from config.settings import *  # noqa: F403
from config.settings import DATABASES, INSTALLED_APPS

DATABASES["default"]["ENGINE"] = {
    "config.sqlite": "faults.backends.sqlite",
    "config.postgresql": "faults.backends.postgresql",
}[DATABASES["default"]["ENGINE"]]
# The next release, for a restart with a migration in the middle.
if os.environ.get("FAULTS_RELEASE") == "next":
    INSTALLED_APPS += ["faults.upgrade"]
# Pages are taken over HTTP and nobody looks at them: nothing need be collected before.
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
