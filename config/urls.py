from django.contrib import admin
from django.contrib.auth.decorators import login_not_required
from django.urls import include, path
from django.views.generic import RedirectView

from config import health
from config.styleguide import styleguide

handler400 = "config.errors.bad_request"
handler500 = "config.errors.server_error"

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("styleguide/", styleguide, name="styleguide"),
    # An address is changed by the manager, who knows the person; allauth's own page for it stays closed.
    path("accounts/email/", login_not_required(RedirectView.as_view(url="/")), name="account_email"),
    path("", include("staff.urls")),
    path("accounts/", include("allauth.urls")),
    path("admin/", admin.site.urls),
    path("", include("quizzes.urls")),
    path("", include("training.urls")),
    path("", include("certificates.urls")),
    path("", include("compliance.urls")),
]
