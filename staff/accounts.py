from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest

from staff import mail
from staff.models import StaffMember


class AccountAdapter(DefaultAccountAdapter):
    """People are added by a manager, never by signing up; sign-in mail goes through the outbox like all mail."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def send_mail(self, template_prefix: str, email: str, context: dict[str, object]) -> None:
        message = self.render_mail(template_prefix, email, context)
        person = StaffMember.objects.filter(email=email.lower(), is_active=True).first()
        if person:
            mail.queue(to=person, subject=message.subject, body=str(message.body))
