"""Questions asked of regrades: which key can be applied to old answers, and by what an item now counts."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db.models import Exists, OuterRef, QuerySet
from django.urls import reverse

from quizzes import kinds
from quizzes.models import Attempt, AttemptItem, Mark, QuestionVersion, Regrade
from staff.access import clinics_as
from staff.models import Clinic, StaffMember
from staff.models.clinics import Role


def regrades_of(attempts: Collection[Attempt]) -> dict[int, dict[int, Regrade]]:
    """By attempt and position: the regrade behind the mark that counts, where there is one. Two queries at most."""
    marks = Mark.objects.counting().filter(
        item__attempt__in=[attempt.pk for attempt in attempts], cause__startswith=Regrade.CAUSE
    )
    causes = list(marks.values_list("item__attempt", "item__position", "cause"))
    if not causes:
        return {}
    wanted = {cause.removeprefix(Regrade.CAUSE) for _, _, cause in causes}
    rows = Regrade.objects.filter(public_id__in=wanted).select_related("corrected__question", "signature")
    by_cause = {row.cause: row for row in rows}
    found: dict[int, dict[int, Regrade]] = {}
    for attempt, position, cause in causes:
        found.setdefault(attempt, {})[position] = by_cause[cause]
    return found


def asks(version: QuestionVersion) -> list[Any]:
    """What the taker is asked and may answer, under the ids that answers are kept by; whatever else may differ."""
    kind, content = kinds.of(version.question.kind), version.content
    return [content["stem"], content.get("label"), kind.texts(content), kind.sealed(content)]


def key_of(version: QuestionVersion) -> Any:
    return kinds.of(version.question.kind).key(version.content)


def corrected_version(version: QuestionVersion) -> tuple[QuestionVersion | None, str]:
    """The newest later version that asks the same and has another key; else why there is none, for the physician."""
    later = QuestionVersion.objects.filter(
        question=version.question_id, number__gt=version.number, approved_at__isnull=False
    ).exclude(state=QuestionVersion.State.DRAFT)
    rows = list(later.select_related("question").order_by("-number"))
    if not rows:
        return None, "No later version of this question is approved: an author has to correct its key first."
    alike = next((row for row in rows if asks(row) == asks(version)), None)
    if alike is None:
        return None, "The later versions ask something else, so that their key says nothing about these answers."
    if key_of(alike) == key_of(version):
        return None, f"Version {alike.number} asks the same and has the same key."
    return alike, ""


def versions_taken(code: str, clinics: Collection[Clinic], *, but_of: StaffMember) -> list[QuestionVersion]:
    """The versions of a certifying question that finished attempts for these clinics had, the newest first."""
    drawn = AttemptItem.objects.filter(
        question_version=OuterRef("pk"),
        attempt__state__in=Attempt.FINISHED,
        attempt__candidacy__clinic__in=[clinic.pk for clinic in clinics],
    ).exclude(attempt__candidacy__person=but_of)
    rows = QuestionVersion.objects.filter(Exists(drawn), question__code=code).select_related(
        "question__section__module"
    )
    return list(rows.order_by("-number"))


def visible_to(viewer: StaffMember) -> QuerySet[Regrade]:
    """Those of the clinics whose physician she is; an author's are all."""
    rows = Regrade.objects.select_related("question_version__question__section__module", "clinic", "corrected")
    if "author" in viewer.installation_roles:
        return rows
    return rows.filter(clinic__in=clinics_as(viewer, Role.PHYSICIAN))


@dataclass(frozen=True)
class Since:
    """Attempts that ended after a version they had was scored anew for their clinic, and were scored by the first key."""

    clinic: Clinic
    version: QuestionVersion
    option: str
    attempts: int

    @property
    def url(self) -> str:
        asked = {
            "question": self.version.question.code,
            "version": self.version.number,
            "clinic": self.clinic.public_id,
            "option": self.option,
        }
        return f"{reverse('certificates:regrade-new')}?{urlencode(asked)}"


def since_regrades(clinics: Collection[Clinic], *, but_of: StaffMember) -> list[Since]:
    """By version and clinic, with the option of the last regrade. Two queries."""
    last: dict[tuple[int, int], Regrade] = {}
    for row in (
        Regrade.objects.filter(clinic__in=clinics)
        .select_related("clinic", "question_version__question")
        .defer("listed")
        .order_by("pk")
    ):
        last[row.question_version_id, row.clinic_id] = row
    if not last:
        return []
    anew = Mark.objects.filter(item=OuterRef("pk"), cause__startswith=Regrade.CAUSE)
    items = AttemptItem.objects.filter(
        ~Exists(anew),
        attempt__state__in=Attempt.FINISHED,
        attempt__candidacy__clinic__in=clinics,
        question_version__in={version for version, _ in last},
    ).exclude(attempt__candidacy__person=but_of)
    counted = Counter(items.order_by().values_list("question_version", "attempt__candidacy__clinic"))
    return [
        Since(row.clinic, row.question_version, row.option, counted[pair])
        for pair, row in last.items()
        if counted[pair]
    ]
