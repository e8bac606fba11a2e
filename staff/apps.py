from django.apps import AppConfig
from django.db.models.signals import post_migrate


class StaffConfig(AppConfig):
    name = "staff"

    def ready(self) -> None:
        from staff import guards

        # Django rebuilds SQLite tables on migrate and silently drops their triggers; so they are put back after it.
        post_migrate.connect(guards.install_after_migrate, dispatch_uid="guards")
