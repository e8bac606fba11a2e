"""`/healthz`: the process answers. `/readyz`: it can do its work (database, migrations, triggers, tick, disk, mail)."""

import shutil
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from compliance.backups import DRILL
from staff import clock, guards, mail
from staff.models import Heartbeat

LEAST_FREE_BYTES = 200 * 1024 * 1024
NO_STOP = ("tick", "mail", "drill")  # pages work without


@login_not_required
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok\n", content_type="text/plain")


def _tick() -> str:
    beat = Heartbeat.objects.filter(name="tick").first()
    if beat is None:
        return "never ran: start manage.py tick every minute"
    late = clock.now() - beat.beat_at
    return "ok" if late < timedelta(minutes=5) else f"last ran {int(late.total_seconds() // 60)} minutes ago"


def _drill() -> str:
    beat = Heartbeat.objects.filter(name=DRILL).first()
    if beat is None:
        return "no restore was ever tried: run manage.py backup_drill"
    days = (clock.now() - beat.beat_at).days
    late = days >= settings.BACKUP_DRILL_DAYS
    return f"the last restore was tried {days} days ago: run manage.py backup_drill" if late else "ok"


def _mail() -> str:
    lost = mail.undelivered().count()
    return "ok" if not lost else f"{lost} given up in the last 30 days: see Outgoing mails in /admin/"


def _migrations() -> str:
    executor = MigrationExecutor(connection)
    waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return "ok" if not waiting else f"{len(waiting)} not applied: run manage.py migrate"


def _triggers() -> str:
    gone = guards.missing()
    return "ok" if not gone else f"{len(gone)} missing, the first is {gone[0]}: run manage.py migrate"


def _disk() -> str:
    free = shutil.disk_usage(settings.DATA_DIR if settings.DATA_DIR.exists() else settings.BASE_DIR).free
    return "ok" if free > LEAST_FREE_BYTES else f"{free // 2**20} MiB free"


@login_not_required
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        checks = {
            "database": "ok",
            "migrations": _migrations(),
            "triggers": _triggers(),
            "tick": _tick(),
            "disk": _disk(),
            "mail": _mail(),
        }
        if settings.BACKUP_DRILL_DAYS:
            checks["drill"] = _drill()
    except DatabaseError as error:
        checks = {"database": f"does not answer: {type(error).__name__}"}
    ready = all(value == "ok" for name, value in checks.items() if name not in NO_STOP)
    return JsonResponse({"ready": ready, "checks": checks}, status=200 if ready else 503)
