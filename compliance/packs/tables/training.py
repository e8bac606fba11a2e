"""What was read and when, what it said, and who trained."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from compliance.models import SiteTrainer
from compliance.packs.scope import Scope, in_pieces
from compliance.packs.tables.base import NOT_RECORDED, Row, Table
from compliance.packs.tables.elsewhere import sessions_held
from quizzes.models import Attempt
from staff.models import Signature
from training.models import (
    Adoption,
    KeyPointVersion,
    ModuleVersion,
    ModuleVersionSection,
    Observation,
    ReadingConfirmation,
)


@dataclass
class Course:
    """Every published version, and which of them carried a section's version when."""

    versions: dict[int, ModuleVersion] = field(default_factory=dict)
    carried: dict[int, list[ModuleVersion]] = field(default_factory=lambda: defaultdict(list))

    def version_at(self, section_version: int, at: datetime) -> ModuleVersion | None:
        """The newest that carried it and was published by then."""
        return next((row for row in reversed(self.carried[section_version]) if row.published_at <= at), None)


def course(scope: Scope) -> Course:
    found = Course()
    for version in ModuleVersion.objects.filter(published_at__lte=scope.until).order_by("module__position", "number"):
        found.versions[version.pk] = version
    places = ModuleVersionSection.objects.filter(module_version__in=list(found.versions)).order_by(
        "module_version__number"
    )
    for carrier, section in places.values_list("module_version", "section_version"):
        found.carried[section].append(found.versions[carrier])
    return found


def _training(scope: Scope) -> Iterator[Row]:
    known = course(scope)
    for people in scope.people():
        accounts = scope.accounts(people)
        rows = ReadingConfirmation.objects.filter(person__in=accounts, **scope.within("confirmed_at"))
        read: dict[int, list[tuple[int, datetime, int, str, int, int, str]]] = defaultdict(list)
        for person, *rest in rows.order_by("confirmed_at", "pk").values_list(
            "person", "confirmed_at", "section_version", "section_version__title", "section_version__number",
            "section_version__minutes", "section_version__section__module__slug",
        ):  # fmt: skip
            read[scope.kept(person)].append((person, *rest))  # type: ignore[arg-type]
        for pk in people:
            for account, at, section, title, number, minutes, slug in read[pk]:
                job_title = scope.job_title(pk, None, at)
                if job_title is None and not scope.own:
                    continue
                version = known.version_at(section, at)
                yield (
                    *scope.who(account), job_title or NOT_RECORDED, version.title if version else slug,
                    version.number if version else None, title, number, minutes, at,
                )  # fmt: skip


TRAINING = Table(
    "training",
    "Training",
    "Each section that somebody confirmed as read while working here, with the day and hour. What it said is under Contents.",
    (
        ("person", "Key"), ("name", "Name"), ("job_title", "Job title then"), ("module", "Module"),
        ("module_version", "Version"), ("section", "Section"), ("section_version", "Section's version"),
        ("minutes", "Minutes of reading"), ("confirmed_at", "Confirmed as read"),
    ),
    _training,
)  # fmt: skip


def versions_used(scope: Scope) -> list[ModuleVersion]:
    """Those that were live on one of the days, or that an attempt or an adoption names; of one person, what she read or took.

    A certificate rests on an attempt of the same version.
    """
    known = course(scope)
    attempts = Attempt.objects.filter(candidacy__clinic__in=scope.clinic_ids, started_at__lte=scope.until)
    used = set(
        attempts.filter(**scope.of_person("candidacy__person"))
        .order_by()
        .values_list("module_version", flat=True)
        .distinct()
    )
    used |= _read_by_her(scope, known) if scope.person else _live_or_adopted(scope, known)
    return [version for pk, version in known.versions.items() if pk in used]


def _read_by_her(scope: Scope, known: Course) -> set[int]:
    rows = ReadingConfirmation.objects.filter(person__in=scope.her_accounts, **scope.within("confirmed_at"))
    read = (known.version_at(section, at) for section, at in rows.values_list("section_version", "confirmed_at"))
    return {version.pk for version in read if version}


def _live_or_adopted(scope: Scope, known: Course) -> set[int]:
    adopted = Adoption.objects.filter(clinic__in=scope.clinic_ids, adopted_at__lte=scope.until)
    used = set(adopted.values_list("module_version", flat=True))
    followed: dict[int, ModuleVersion] = {}
    for version in known.versions.values():
        before = followed.get(version.module_id)
        if before and version.published_at > scope.since:
            used.add(before.pk)
        followed[version.module_id] = version
    return used | {version.pk for version in followed.values()}


def _contents(scope: Scope) -> Iterator[Row]:
    for version in versions_used(scope):
        places = list(
            ModuleVersionSection.objects.filter(module_version=version)
            .select_related("section_version")
            .order_by("position")
        )
        points: dict[int, list[KeyPointVersion]] = defaultdict(list)
        sections = [place.section_version_id for place in places]
        for point in KeyPointVersion.objects.filter(section_version__in=sections).select_related("key_point"):
            points[point.section_version_id].append(point)
        for place in places:
            section = place.section_version
            head = (version.title, version.number, version.published_at, section.title, section.number, section.minutes)
            for point in sorted(points[section.pk], key=lambda point: point.position):
                yield (*head, point.key_point.code, point.critical, point.text, section.sha256)
            if not points[section.pk]:
                yield (*head, "", False, "", section.sha256)


CONTENTS = Table(
    "contents",
    "Contents of the training",
    "What each version of a module says, as a summary: its sections and the statements that are taught and asked, the "
    "safety-critical ones marked. The hash is that of the section's whole text as it was published.",
    (
        ("module", "Module"), ("module_version", "Version"), ("published_at", "Published"), ("section", "Section"),
        ("section_version", "Section's version"), ("minutes", "Minutes"), ("point", "Statement"),
        ("critical", "Safety-critical"), ("text", "It says"), ("section_sha256", "SHA-256 of the section"),
    ),
    _contents,
    none="No module was published yet.",
)  # fmt: skip


def _trainers(scope: Scope) -> Iterator[Row]:
    titles = {version.module_id: version for version in versions_used(scope)}
    for version in titles.values():
        reviewer = json.loads(version.details).get("reviewer") or NOT_RECORDED
        yield (version.title, "text and quiz on this site", NOT_RECORDED, NOT_RECORDED, f"Text reviewed by: {reviewer}")
    for clinic in scope.clinics:
        named = SiteTrainer.objects.filter(clinic=clinic, named_at__lte=scope.until).order_by("-number").first()
        if named:
            note = f"Contact: {named.contact}. Exposure control plan: {named.plan}"
            yield ("Blood-borne pathogens", f"trainer named by {clinic.name}", named.name, named.qualification, note)
        else:
            yield ("Blood-borne pathogens", f"trainer of {clinic.name}", NOT_RECORDED, NOT_RECORDED, "")
    held = Counter((row.trainer_name, row.trainer_qualification) for row in sessions_held(scope))
    for (name, qualification), count in sorted(held.items()):
        note = f"{count} sessions on site"
        yield (
            "Blood-borne pathogens",
            "trainer of sessions",
            name or NOT_RECORDED,
            qualification or NOT_RECORDED,
            note,
        )
    sheets = Observation.objects.filter(
        clinic__in=scope.clinic_ids, state=Observation.State.SIGNED, **scope.within("ended_at")
    ).filter(**scope.of_person("learner"))
    seen: dict[tuple[str, str], int] = defaultdict(int)
    for some in in_pieces(sorted(sheets.values_list("signature", flat=True)), 500):
        for name, credentials in Signature.objects.filter(pk__in=some).values_list("signer_name", "credentials"):
            seen[name, credentials] += 1
    for (name, credentials), count in sorted(seen.items()):
        yield ("Practicals", "observer", name, credentials or NOT_RECORDED, f"{count} signed sheets")


TRAINERS = Table(
    "trainers",
    "Trainers",
    "Who conducted the training. Reading and quizzes on this site have no trainer; whom the clinic named for blood-borne "
    "pathogens stands here, and whoever gave its sessions: an employer's duty to have questions answered by a person stays with "
    "the employer. Observers of practicals are named as they signed, with the licences they held that day.",
    (
        ("subject", "Subject"), ("as", "As"), ("name", "Name"), ("qualification", "Qualification"), ("note", "Note"),
    ),
    _trainers,
)  # fmt: skip
