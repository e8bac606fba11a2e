from django.urls import path

from staff import factor_views, views

app_name = "staff"
urlpatterns = [
    path("accounts/display/", views.display, name="display"),
    path("accounts/signing-in/", factor_views.overview, name="signing-in"),
    path("accounts/signing-in/app/", factor_views.app_add, name="app-add"),
    path("accounts/signing-in/passkey/", factor_views.passkey_add, name="passkey-add"),
    path("accounts/signing-in/<int:number>/name/", factor_views.passkey_rename, name="passkey-rename"),
    path("accounts/signing-in/sign/", factor_views.sign_options, name="sign-options"),
    path("accounts/signing-in/<int:number>/remove/", factor_views.factor_remove, name="factor-remove"),
    path("accounts/signing-in/codes/", factor_views.codes, name="recovery-codes"),
    path("accounts/signing-in/codes/new/", factor_views.codes_make, name="recovery-codes-make"),
    path("accounts/signing-in/codes/file/", factor_views.codes_download, name="recovery-codes-file"),
]
