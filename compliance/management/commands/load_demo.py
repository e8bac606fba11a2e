from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from compliance.demo import loading
from quizzes import material


class Command(BaseCommand):
    help = "Load the demo's two clinics into an empty database and print its accounts. Safe to run twice."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.PINPOINT_DEMO:
            raise CommandError(
                "PINPOINT_DEMO is not set, so this is not a demo and nothing was loaded. On a machine of your own, set "
                "PINPOINT_DEMO=1 in the .env file beside manage.py."
            )
        password = loading.password()
        try:
            loaded = loading.load(password=password)
        except loading.DemoRefused as refused:
            raise CommandError(str(refused)) from None
        except material.MaterialError as error:
            raise CommandError(
                f"{len(error.problems)} problems in the material, nothing was loaded:\n{error}"
            ) from None
        self.stdout.write("The demo's clinics are loaded." if loaded else "The demo's clinics are there already.")
        people = loading.open_accounts(password)
        self.stdout.write(f"\nSign in at {settings.SITE_URL} with the password {password}\n\n")
        for person in people:
            self.stdout.write(f"  {person.email:<34}{loading.ACCOUNTS[person.email]}, {person.full_name}")
