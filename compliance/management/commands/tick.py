import logging
import signal
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import close_old_connections
from django.utils.module_loading import import_string

from certificates import actions, holding, papers
from certificates.badges import issuing
from compliance.keeping import erasing
from compliance.packs import work as packs
from compliance.reminders import sending
from compliance.requirements import cycles
from compliance.roster import applying
from compliance.trail import heads
from quizzes import actions as sitting
from staff import clock, mail, notices, security
from staff.models import Heartbeat

log = logging.getLogger(__name__)


def clear_sessions() -> int:
    """Once a day: sessions that ended are removed."""
    last = Heartbeat.objects.filter(name="sessions cleared").values_list("beat_at", flat=True).first()
    if last and clock.now() - last < timedelta(days=1):
        return 0
    import_string(f"{settings.SESSION_ENGINE}.SessionStore").clear_expired()
    beat("sessions cleared")
    return 1


# Each finds what waits by itself, and may be repeated.
PARTS: dict[str, Callable[[], int]] = {
    "attempts whose time was over": actions.settle_overdue,
    "reminders of open attempts": sitting.remind_of_open,
    "renewals opened": actions.open_renewals,
    "suspensions lifted": actions.lift_restudied,
    "programmes held or let go": holding.settle_programmes,
    "people imported": applying.go_on,
    "old lists of people forgotten": applying.forget_old,
    "cycles of requirements opened and closed": cycles.settle_due,
    "papers drawn": papers.render_waiting,
    "badges baked": issuing.bake_waiting,
    "heads of the audit trail": heads.send_daily,
    "reminders queued": sending.send_due,
    "signatures told to their signers": notices.tell_of_signatures,
    "mails sent": mail.send_due,
    "letters of erasures blanked": erasing.settle_letters,
    "old sessions cleared": clear_sessions,
    "old sign-ins forgotten": security.forget_old,
    "old packs let go": packs.let_go,
    "packs made": packs.make_waiting,  # last: a large one takes minutes
}


def beat(name: str) -> None:
    Heartbeat.objects.update_or_create(name=name, defaults={"beat_at": clock.now()})


def run_once() -> list[str]:
    """Do what is due; returns the parts that failed. One that fails does not stop the others."""
    failed = []
    for name, part in PARTS.items():
        try:
            done = part()
        except Exception:
            log.exception("tick: %s failed", name)
            failed.append(name)
        else:
            if done:
                log.info("tick: %s: %s", name, done)
    try:
        beat("tick")
    except Exception:
        log.exception("tick: its heartbeat failed")
        failed.append("heartbeat")
    return failed


class Command(BaseCommand):
    help = (
        "Do what is due: end attempts, open renewals, lift suspensions, draw papers, remind, send mail, make packs. "
        "Run it every minute."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--every", type=int, metavar="SECONDS", help="repeat until SIGTERM, so often")

    def handle(self, *args: Any, **options: Any) -> None:
        every: int | None = options["every"]
        if every is None:
            failed = run_once()
            if failed:
                raise SystemExit(1)
            return
        stopped = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopped.set())
        while not stopped.is_set():
            close_old_connections()
            run_once()
            stopped.wait(max(1, every))
