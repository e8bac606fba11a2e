from django.contrib.admin.apps import AdminConfig


class PinpointAdminConfig(AdminConfig):
    default_site = "config.admin.PinpointAdmin"
