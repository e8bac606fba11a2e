from django.contrib.admin import AdminSite
from django.http import HttpRequest


class PinpointAdmin(AdminSite):
    """Django's admin for administrators of the installation. What is on record can be looked at here, not changed."""

    site_header = "Pinpoint administration"
    site_title = "Pinpoint"
    index_title = "Tables"
    enable_nav_sidebar = False

    def has_permission(self, request: HttpRequest) -> bool:
        user = request.user
        return bool(user.is_authenticated and user.is_active and user.is_administrator)
