from allauth.mfa.base import views as codes
from allauth.mfa.webauthn import views as passkeys
from django.contrib import admin
from django.contrib.auth.decorators import login_not_required
from django.urls import include, path
from django.views.generic import RedirectView

from config import health
from config.security_txt import security_txt
from config.styleguide import styleguide
from staff.factor_views import PasskeyAgain, SecondStep

handler400 = "config.errors.bad_request"
handler500 = "config.errors.server_error"

SECOND_STEP = [
    path("authenticate/", SecondStep.as_view(), name="mfa_authenticate"),
    path("reauthenticate/", codes.reauthenticate, name="mfa_reauthenticate"),
    path("passkeys/login/", passkeys.login_webauthn, name="mfa_login_webauthn"),
    path("passkeys/reauthenticate/", PasskeyAgain.as_view(), name="mfa_reauthenticate_webauthn"),
]
urlpatterns = [
    path("", include("quizzes.urls")),  # first, because a quiz asks most often, and every pattern before is tried
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path(".well-known/security.txt", security_txt, name="security-txt"),
    path("styleguide/", styleguide, name="styleguide"),
    # An address is changed by the manager, who knows the person; allauth's own page for it stays closed.
    path("accounts/email/", login_not_required(RedirectView.as_view(url="/")), name="account_email"),
    path("", include("staff.urls")),
    # allauth's own pages for changing factors stay closed: theirs change them without our trail (staff/factors.py).
    path("accounts/", include("allauth.account.urls")),
    path("accounts/sessions/", include("allauth.usersessions.urls")),
    path("accounts/2fa/", include(SECOND_STEP)),
    path("admin/", admin.site.urls),
    path("", include("training.urls")),
    path("", include("certificates.urls")),
    path("", include("compliance.urls")),
]
