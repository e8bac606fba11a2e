#!/usr/bin/env python3
"""Measure the matrix with many people: `bench/matrix.py [--people N] [--times N]`, on SQLite.

One clinic, the shipped course, N treating members hired on 2,000 different days, of whom three in four hold each module; the
rest read, are overdue, have let it expire or are suspended. Prints the statements and the CPU time of this process for one
request each; writes nothing.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path[:] = [str(ROOT), *(path for path in sys.path if Path(path or ".").resolve() != HERE)]

from bench.run import environment  # noqa: E402

NOW = datetime(2026, 11, 2, 15, 0, tzinfo=UTC)
PAGES = ("/compliance/", "/compliance/?word=not-current", "/compliance/?q=crowd+0042", "/compliance/?on=2026-10-20")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=10_000)
    parser.add_argument("--times", type=int, default=7)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(environment(Path(folder), "sqlite"))
        os.environ.pop("DATABASE_URL", None)
        measure(asked.people, asked.times)


def measure(people: int, times: int) -> None:
    import django
    from django.core.management import call_command

    django.setup()
    import config.wsgi  # noqa: F401  # sets the collector as each worker of the server does

    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    from django.db import connection
    from django.test import Client

    from staff import clock

    with clock.at(NOW):
        manager = stage(people)
        client = Client(headers={"host": "127.0.0.1"})
        client.force_login(manager)
        print(f"{people} people, {connection.vendor}; CPU of this process, median of {times} (least to most)")
        for page in PAGES:
            assert client.get(page).status_code == 200
            made = Counting()
            with connection.execute_wrapper(made):
                client.get(page)
            taken = []
            for _ in range(times):
                before = time.process_time()
                client.get(page)
                taken.append((time.process_time() - before) * 1000)
            spread = f"{min(taken):.0f} to {max(taken):.0f}"
            print(f"{page:34} {made.count:3} statements {statistics.median(taken):6.0f} ms ({spread})")


class Counting:
    """Counts statements."""

    count = 0

    def __call__(self, run: Callable[..., Any], *asked: Any) -> Any:
        self.count += 1
        return run(*asked)


def stage(people: int) -> Any:
    from django.db import transaction

    from quizzes import material
    from quizzes.models import Quiz
    from quizzes.queries import live_rules
    from staff.models import Membership, MembershipRole, StaffMember
    from tests.people import make_cast
    from training.models import ReadingConfirmation
    from training.queries import live_versions, places

    with transaction.atomic():
        cast = make_cast()
        material.load(material.read(), by=cast.pinpoint)
        crowd = StaffMember.objects.bulk_create(
            StaffMember(email=f"crowd{n}@lakeside.example", full_name=f"Crowd {n:05}", password="!")
            for n in range(people)
        )
        members = Membership.objects.bulk_create(
            Membership(
                person=one,
                clinic=cast.lakeside,
                job_title="Aesthetician",
                hired_on=date(2026, 1, 5) - timedelta(days=n % 2000),
                began_by=cast.pinpoint,
                began_at=NOW - timedelta(days=200),
            )
            for n, one in enumerate(crowd)
        )
        MembershipRole.objects.bulk_create(
            MembershipRole(membership=one, role="aesthetician", granted_by=cast.pinpoint, granted_at=one.began_at)
            for one in members
        )
        for place, version in enumerate(live_versions()):
            quiz = Quiz.objects.get(module=version.module)
            section = places(version)[0].section_version
            ReadingConfirmation.objects.bulk_create(
                ReadingConfirmation(person=one, section_version=section, number=1, confirmed_at=NOW) for one in crowd
            )
            holders = [(n, one) for n, one in enumerate(crowd) if (n + place) % 4]
            certify(holders, quiz, live_rules(quiz), version, cast)
    return cast.manager


def certify(holders: list[tuple[int, Any]], quiz: Any, rules: Any, version: Any, cast: Any) -> None:
    """As rows that nothing was sat for: one in forty has run out, one in a hundred is suspended."""
    from certificates.models import Certificate, CertificateEvent
    from quizzes.models import Attempt, Candidacy

    then = NOW - timedelta(days=100)
    cycles = Candidacy.objects.bulk_create(
        Candidacy(
            person=one, quiz=quiz, clinic=cast.lakeside, cycle=1, reason="initial", opened_at=then, opened_by=cast.pinpoint,
            closed_at=then, closed_by=cast.pinpoint,
        )
        for _, one in holders
    )  # fmt: skip
    attempts = Attempt.objects.bulk_create(
        Attempt(
            candidacy=cycle, quiz_version=rules, module_version=version, number=1, seed="x", started_at=then,
            deadline_at=then + timedelta(days=1), state="submitted", ended_at=then, seal_sha256="0" * 64,
        )
        for cycle in cycles
    )  # fmt: skip
    issued = Certificate.objects.bulk_create(
        Certificate(
            number=f"PP-{version.module_id}-{n:06}", code=f"{version.module_id}-{n}", kind="knowledge", person=one,
            clinic=cast.lakeside, candidacy=cycle, attempt=attempt, holder_name=one.full_name, printed_name=one.full_name,
            title=version.title, issued_at=then, passed_on=then.date(), valid_from_on=then.date(),
            valid_until_on=then.date() + timedelta(days=364 if n % 40 else 50), zone="America/Denver", design_version="1",
            facts="{}", facts_sha256="0" * 64,
        )
        for (n, one), cycle, attempt in zip(holders, cycles, attempts, strict=True)
    )  # fmt: skip
    CertificateEvent.objects.bulk_create(
        CertificateEvent(
            certificate=row, kind="suspended", at=then + timedelta(days=9), effective_at=then + timedelta(days=9),
            by=cast.manager, reason_class="other", public_text="Held",
        )
        for row in issued[::100]
    )  # fmt: skip


if __name__ == "__main__":
    main()
