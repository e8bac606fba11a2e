from typing import Any, ClassVar
from urllib.parse import quote

from allauth.account.adapter import DefaultAccountAdapter, get_adapter
from allauth.account.auth_backends import AuthenticationBackend
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, PermissionDenied, ValidationError
from django.http import HttpRequest
from django.urls import reverse

from staff import mail, security, written
from staff.models import StaffMember

WAYS = {
    "reauthenticate": "Use your password",
    "mfa_reauthenticate": "Use a code",
    "mfa_reauthenticate:webauthn": "Use a passkey",
}


class Backend(AuthenticationBackend):
    """By e-mail and password. Who a session belongs to is asked in every request, so that statement is written out.

    `factor_due_at` is when a clinic of hers begins to require a second factor that she has not; NULL where nothing is asked.
    """

    FIND = written.Row(
        StaffMember,
        "id",
        factor_due_at="""(
            SELECT MIN(r.holds_at) FROM staff_membership m JOIN staff_factorrule r ON r.clinic_id = m.clinic_id
            WHERE m.person_id = staff_staffmember.id AND m.ended_at IS NULL
            AND NOT EXISTS (SELECT 1 FROM staff_factorrule l WHERE l.clinic_id = r.clinic_id AND l.number > r.number)
            AND EXISTS (SELECT 1 FROM staff_membershiprole x WHERE x.membership_id = m.id AND x.ended_at IS NULL
                AND (x.role = 'physician' AND r.of_physicians OR x.role = 'manager' AND r.of_managers))
            AND NOT EXISTS (SELECT 1 FROM mfa_authenticator a
                WHERE a.user_id = staff_staffmember.id AND a.type <> 'recovery_codes')
        )""",
    )

    def get_user(self, user_id: Any) -> StaffMember | None:
        found = self.FIND.get(user_id)
        return found if found and self.user_can_authenticate(found) else None


def client_address(request: HttpRequest) -> str:
    """The visitor's address: behind TRUSTED_PROXIES proxies, what the outermost of them saw."""
    try:
        return str(get_adapter(request).get_client_ip(request))
    except (ImproperlyConfigured, PermissionDenied):  # fewer proxies than promised: the address next to us is true
        return str(request.META.get("REMOTE_ADDR", ""))


def where(request: HttpRequest | None) -> dict[str, str]:
    """From where a request came, as a security event keeps it."""
    if request is None:
        return {"ip": "", "agent": ""}
    return {"ip": client_address(request), "agent": request.headers.get("User-Agent", "")}


class AccountAdapter(DefaultAccountAdapter):
    """People are added by a manager, never by signing up; sign-in mail goes through the outbox like all mail."""

    error_messages: ClassVar[dict[str, Any]] = {
        **DefaultAccountAdapter.error_messages,
        "email_password_mismatch": "The e-mail or the password is not right. Type both again, or choose a new password.",
        "too_many_login_attempts": "Five tries failed. Wait five minutes, or choose a new password; the account is not locked.",
        "incorrect_password": "The password is not right. Type it again.",
        "enter_current_password": "The present password is not right. Type it again.",
    }

    def get_reauthentication_methods(self, user: Any) -> list[dict[str, Any]]:
        methods: list[dict[str, Any]] = super().get_reauthentication_methods(user)
        for method in methods:
            method["description"] = WAYS.get(method["id"], method["description"])
        return methods

    def login(self, request: HttpRequest, user: Any) -> None:
        super().login(request, user)
        security.note(person=user, kind=security.Kind.SIGNED_IN, **where(request))

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        super().authentication_failed(request, **credentials)
        security.note_failed(email=credentials.get("email") or "", **where(request))

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        try:
            super().pre_authenticate(request, **credentials)
        except ValidationError:
            security.note_locked_out(email=credentials.get("email") or "", **where(request))
            raise

    def set_password(self, user: Any, password: str) -> None:
        """Only the page that changes it has asked for the present one; every other way counts as a reset."""
        request = self.request
        match = request.resolver_match if request else None
        knew = bool(match and match.view_name == "account_change_password")
        security.set_password(person=user, password=password, knew_present=knew, **where(request))

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_reset_password_from_key_url(self, key: str) -> str:
        """From SITE_URL, never from the Host header."""
        path = reverse("account_reset_password_from_key", kwargs={"uidb36": "UID", "key": "KEY"})
        return str(settings.SITE_URL) + path.replace("UID-KEY", quote(key))

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        message = self.render_mail(template_prefix, email, context)
        person = StaffMember.objects.filter(email=email.lower(), is_active=True).first()
        if person:
            mail.queue(to=person, subject=message.subject, body=str(message.body))
