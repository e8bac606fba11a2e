"""How far a person is in each module: what decides her next step there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from django.urls import reverse

from certificates.actions import restudy_done
from compliance import waiting
from compliance.cells import Cell, Column
from quizzes import eligibility
from quizzes.models import Attempt, Candidacy, Outcome, Quiz, Review
from quizzes.queries import live_sections
from quizzes.queries import standings as quiz_standings
from staff import clock
from staff.models import Clinic, StaffMember
from training.models import SectionVersion
from training.queries import confirmed, places_in


@dataclass(frozen=True)
class Progress:
    """What decides a person's next step in one module."""

    person: StaffMember
    clinic: Clinic
    cell: Cell
    quiz: Quiz
    sections: Sequence[SectionVersion]
    unread: Sequence[SectionVersion]
    where: eligibility.Standing
    verdict: eligibility.Verdict
    open_attempt: Attempt | None = None
    last: Attempt | None = None
    outcome: Outcome | None = None
    returned: Review | None = None
    restudy: Sequence[SectionVersion] = field(default_factory=tuple)
    places: Mapping[int, str] = field(default_factory=dict)

    @property
    def column(self) -> Column:
        return self.cell.column

    @property
    def slug(self) -> str:
        return self.column.slug

    @property
    def quiz_url(self) -> str:
        return reverse("quizzes:quiz-detail", args=[self.slug])

    def section_url(self, section: SectionVersion) -> str:
        """A section that was begun and not confirmed opens where the reader stopped."""
        url = reverse("training:section-detail", args=[self.slug, section.section.slug])
        place = self.places.get(section.pk, "") if section in self.unread else ""
        return f"{url}#{place}" if place else url


def progress(person: StaffMember, clinic: Clinic, cells: Sequence[Cell]) -> dict[int, Progress]:
    """By the module's id, those that have a quiz; what is asked of the database does not grow with the modules."""
    modules = [cell.column.module_id for cell in cells]
    rows = Quiz.objects.filter(module__in=modules, versions__isnull=False).select_related("module").distinct()
    quizzes = {quiz.module_id: quiz for quiz in rows}
    found = quiz_standings(person, list(quizzes.values()), clinic)
    sections = live_sections(modules)
    read = confirmed(person, [section for group in sections.values() for section in group])
    attempts: dict[int, list[Attempt]] = {}
    cycles = Attempt.objects.filter(candidacy__person=person, candidacy__closed_at=None)
    for row in cycles.select_related("candidacy__clinic").order_by("-started_at"):
        attempts.setdefault(row.candidacy.quiz_id, []).append(row)
    clinics = {
        row.quiz_id: row.clinic
        for row in Candidacy.objects.filter(person=person, closed_at=None).select_related("clinic")
    }
    last: dict[int, Attempt] = {}
    for quiz_id, group in attempts.items():
        finished = next((row for row in group if row.state in Attempt.FINISHED), None)
        if finished:
            last[quiz_id] = finished
    outcomes = waiting.latest_outcomes(list(last.values()))
    stopped = places_in(person, [section for group in sections.values() for section in group])
    now = {}
    for cell in cells:
        quiz = quizzes.get(cell.column.module_id)
        if quiz is None:
            continue
        mine = sections.get(quiz.module_id, [])
        returned = _returned(person, cell)
        now[quiz.module_id] = Progress(
            person=person,
            clinic=clinics.get(quiz.pk, clinic),
            cell=cell,
            quiz=quiz,
            sections=mine,
            unread=[section for section in mine if section.pk not in read],
            where=found[quiz.pk],
            verdict=eligibility.verdict(found[quiz.pk], clock.now()),
            open_attempt=next((row for row in attempts.get(quiz.pk, ()) if row.state == Attempt.State.OPEN), None),
            last=last.get(quiz.pk),
            outcome=outcomes.get(last[quiz.pk].pk) if quiz.pk in last else None,
            returned=returned,
            restudy=_restudy(returned, mine) if returned and not restudy_done(returned) else (),
            places=stopped,
        )
    return now


def _returned(person: StaffMember, cell: Cell) -> Review | None:
    """The review that suspended the certificate."""
    if cell.certificate is None or cell.standing.state != "suspended":
        return None
    rows = Review.objects.filter(
        candidate=person, decision=Review.Decision.RETURNED, attempt__certificates=cell.certificate
    )
    return rows.select_related("reviewer", "attempt").prefetch_related("restudy").first()


def _restudy(review: Review, sections: Sequence[SectionVersion]) -> list[SectionVersion]:
    """The returned passages of the live version that were not confirmed since the review."""
    wanted = set(review.restudy.values_list("versions__section_version__section", flat=True))
    read = confirmed(review.candidate, sections)
    return [
        section
        for section in sections
        if section.section_id in wanted
        and (section.pk not in read or read[section.pk].confirmed_at <= review.reviewed_at)
    ]
