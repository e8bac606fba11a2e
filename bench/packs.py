"""What an inspector's pack of a large clinic costs: `python -m bench.packs [--people 1000]`.

One process fills a database (per person: every section read, four quizzes passed, four certificates with stored papers, 25
events of the trail), another one makes the pack as `tick` does and tells its peak of resident memory.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

PAPER = 33_000  # bytes of a certificate's PDF
EVENTS = 25
ROOT = Path(__file__).resolve().parent.parent


def fill(people: int) -> None:
    from django.core.management import call_command
    from django.db import transaction

    from bench import stage
    from bench.names import NAMES
    from certificates import codes
    from certificates.models import Certificate, CertificateFile
    from quizzes.models import Attempt, Candidacy, Outcome, Quiz
    from staff import audit, canonical, clock
    from staff.models import AuditEvent, Chain, Licence, Membership, MembershipRole, StaffMember, StoredFile
    from training.models import ModuleVersion, ReadingConfirmation, SectionVersion

    call_command("migrate", interactive=False, verbosity=0)
    cast = stage.build().cast
    clinic, site, now = cast.lakeside, cast.pinpoint, clock.now()
    with transaction.atomic():
        crowd = StaffMember.objects.bulk_create(
            StaffMember(email=f"{n}@bench.example", full_name=f"{NAMES[n % len(NAMES)]} {n}", password="!")
            for n in range(people)
        )
        members = Membership.objects.bulk_create(
            Membership(
                person=person, clinic=clinic, job_title="Aesthetician", hired_on=date(2026, 1, 5), began_by=site,
                began_at=now - timedelta(days=300),
            )
            for person in crowd
        )  # fmt: skip
        MembershipRole.objects.bulk_create(
            MembershipRole(membership=row, role="aesthetician", granted_by=site, granted_at=row.began_at)
            for row in members
        )
        Licence.objects.bulk_create(
            Licence(
                person=person, type="Esthetician", number=f"B-{person.pk}", authority="Example Board",
                expires_on=date(2030, 1, 1), recorded_by=site,
            )
            for person in crowd
        )  # fmt: skip
        read = now - timedelta(days=200)
        sections = list(SectionVersion.objects.values_list("pk", flat=True))
        ReadingConfirmation.objects.bulk_create(
            (
                ReadingConfirmation(person=person, section_version_id=pk, number=1, confirmed_at=read)
                for person in crowd
                for pk in sections
            ),
            batch_size=2000,
        )
        number = 0
        for quiz in Quiz.objects.select_related("module"):
            version = ModuleVersion.objects.get(module=quiz.module)
            rules = quiz.versions.get()
            candidacies = Candidacy.objects.bulk_create(
                Candidacy(person=person, quiz=quiz, clinic=clinic, cycle=1, reason="initial", opened_by=site)
                for person in crowd
            )
            attempts = Attempt.objects.bulk_create(
                Attempt(
                    candidacy=row, quiz_version=rules, module_version=version, number=1, seed=str(row.pk),
                    started_at=read, deadline_at=read + timedelta(days=1), ended_at=read, state="submitted",
                    seal_sha256=canonical.sha256(str(row.pk)),
                )
                for row in candidacies
            )  # fmt: skip
            clauses = canonical.text(
                [
                    {"code": "cut", "met": True, "have": 14, "need": 12, "missed": []},
                    {"code": "critical", "met": True, "have": 5, "need": 5, "missed": []},
                ]
            )
            Outcome.objects.bulk_create(
                Outcome(attempt=row, passed=True, points=14, max_points=15, clauses=clauses, cause="submit")
                for row in attempts
            )
            certificates = []
            for attempt in attempts:
                number += 1
                person = attempt.candidacy.person
                certificates.append(
                    Certificate(
                        number=f"PP-2026-{number:06d}", code=codes.new(), kind="knowledge", person=person, clinic=clinic,
                        candidacy=attempt.candidacy, attempt=attempt, holder_name=person.full_name,
                        printed_name=person.full_name, title=version.title, kind_line="Certificate of knowledge",
                        statement="has passed the knowledge quiz in", scope="Mechanical microneedling",
                        clinic_name=clinic.name, clinic_address=clinic.address, module_version_number=1,
                        rule_line="12 of 15", disclaimer="Not a permit to treat.", issued_at=read, passed_on=read.date(),
                        valid_from_on=read.date(), valid_until_on=read.date() + timedelta(days=364), zone=clinic.zone,
                        design_version="2", site_url="http://127.0.0.1:8000", facts="{}" * 1000, facts_sha256="0" * 64,
                    )
                )  # fmt: skip
            Certificate.objects.bulk_create(certificates, batch_size=200)
            for start in range(0, len(certificates), 200):
                some = certificates[start : start + 200]
                papers = [os.urandom(PAPER) for _ in some]
                files = StoredFile.objects.bulk_create(
                    StoredFile(sha256=canonical.sha256(data), bytes=data, media_type="application/pdf")
                    for data in papers
                )
                CertificateFile.objects.bulk_create(
                    CertificateFile(certificate=row, format="pdf", file=file)
                    for row, file in zip(some, files, strict=True)
                )
        chain = Chain.objects.get(clinic=clinic)
        last = AuditEvent.objects.get(chain=chain, seq=chain.seq)
        events = []
        for _ in range(people * EVENTS):
            last = AuditEvent(
                chain=chain, seq=last.seq + 1, at=now, actor=site, actor_commitment=last.actor_commitment,
                action="attempt.submitted", subject_type="quizzes.attempt", subject_id="1", body="{}", prev_hash=last.hash,
            )  # fmt: skip
            last.hash = audit.event_hash(last)
            events.append(last)
        AuditEvent.objects.bulk_create(events, batch_size=2000)
        for event in events:  # a chain grows by one at a time
            Chain.objects.filter(pk=chain.pk).update(seq=event.seq, head=event.hash)
    print(f"{people} people, {number} certificates, {len(events)} further events.", flush=True)


def make(people: int) -> None:
    from compliance.models import Pack
    from compliance.packs import work
    from staff import clock
    from staff.models import Clinic, StaffMember

    clinic = Clinic.objects.get(name="Lakeside Skin Clinic")
    manager = StaffMember.objects.get(full_name="Priya Raman")
    work.ask(clinic=clinic, from_on=None, to_on=clock.today(clinic.zone), by=manager)
    before = resource.getrusage(resource.RUSAGE_SELF)
    began = time.perf_counter()
    if work.make_waiting() != 1:
        raise SystemExit("The pack was not made.")
    seconds = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_SELF)
    pack = Pack.objects.get()
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(
        f"pack of {pack.size:,} bytes in {seconds:.1f} s ({cpu:.1f} s of CPU); peak of resident memory "
        f"{after.ru_maxrss // 1024} MiB, {before.ru_maxrss // 1024} MiB before it began"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=1000)
    parser.add_argument("--part", choices=("fill", "make"), help="what the processes in between are asked for")
    asked = parser.parse_args()
    if asked.part:
        import django

        django.setup()
        {"fill": fill, "make": make}[asked.part](asked.people)
        return
    from bench.run import environment

    with tempfile.TemporaryDirectory(prefix="pinpoint-bench-") as folder:
        values = environment(Path(folder), "sqlite")
        for part in ("fill", "make"):
            command = [sys.executable, "-m", "bench.packs", "--people", str(asked.people), "--part", part]
            subprocess.run(command, cwd=ROOT, env=values, check=True)


if __name__ == "__main__":
    main()
