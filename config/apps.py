from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class PinpointAdminConfig(AdminConfig):
    default_site = "config.admin.PinpointAdmin"


class SiteConfig(AppConfig):
    """The site itself, for the commands that stand in place of Django's."""

    name = "config"
