"""Questions asked of enquiries: whose they are to see and to answer, what waits, what was objected to."""

from django.db.models import Count, F, Q, QuerySet

from quizzes.models import Attempt, Enquiry, EnquiryAnswer, QuestionVersion
from quizzes.models.enquiries import EnquiryQuerySet
from staff.access import clinics_as
from staff.models import Clinic, StaffMember
from staff.models.clinics import Role
from staff.prepared import prepared

AUTHOR = "author"


def with_subjects(rows: EnquiryQuerySet) -> EnquiryQuerySet:
    """With everything that a list says of them, and how far they are answered."""
    return rows.with_answers().select_related(
        "person",
        "clinic",
        "section_version__section__module",
        "point_version__key_point",
        "item__attempt__candidacy",
        "item__attempt__module_version__module",
        "item__question_version__question",
    )


def asked_by(person: StaffMember) -> EnquiryQuerySet:
    """Hers, the newest first."""
    rows: EnquiryQuerySet = with_subjects(Enquiry.objects.filter(person=person))
    return rows.order_by("-asked_at", "-pk")


def questioned_in(attempt: Attempt) -> dict[int, Enquiry]:
    """By position: the latest question that its taker asked about an item of this attempt."""
    return {row.item.position: row for row in _questions_in(attempt.pk) if row.item}


@prepared
def _questions_in(attempt: int) -> QuerySet[Enquiry]:
    return Enquiry.objects.filter(item__attempt=attempt).select_related("item").order_by("asked_at", "pk")


def answerable_by(person: StaffMember) -> EnquiryQuerySet:
    """Those of the clinics whose physician she is; an author's are all. Never her own. What waits longest comes first."""
    everything = AUTHOR in person.installation_roles
    supervised = Q() if everything else Q(clinic__in=clinics_as(person, Role.PHYSICIAN))
    rows: EnquiryQuerySet = with_subjects(Enquiry.objects.filter(supervised).exclude(person=person))
    return rows.order_by(F("closed_at").desc(nulls_first=True), "asked_at", "pk")


def waiting_in(clinics: list[Clinic], *, but_of: StaffMember) -> EnquiryQuerySet:
    """What the physicians of these clinics have not answered yet, the oldest first."""
    rows: EnquiryQuerySet = with_subjects(Enquiry.objects.filter(clinic__in=clinics).exclude(person=but_of))
    return rows.waiting().order_by("asked_at", "pk")


def visible_to(person: StaffMember) -> EnquiryQuerySet:
    """Hers, and those she may answer."""
    rows: EnquiryQuerySet = with_subjects(Enquiry.objects.all())
    return rows.filter(Q(person=person) | Q(pk__in=answerable_by(person).order_by().values("pk")))


def stance(person: StaffMember, enquiry: Enquiry) -> str:
    """As whom she looks at one that is visible to her: asker, physician or author. What is shown follows from it."""
    if enquiry.person_id == person.pk:
        return "asker"
    if enquiry.clinic in clinics_as(person, Role.PHYSICIAN):
        return EnquiryAnswer.Role.PHYSICIAN.value
    return EnquiryAnswer.Role.AUTHOR.value


def unseen_answers(person: StaffMember) -> QuerySet[EnquiryAnswer]:
    """Answers to her questions on a page that she has not opened since."""
    rows = EnquiryAnswer.objects.filter(enquiry__person=person, seen=None)
    return rows.select_related("enquiry", "answered_by").order_by("answered_at", "pk")


def with_objections(rows: QuerySet[QuestionVersion]) -> QuerySet[QuestionVersion]:
    """With `objections`: how many people questioned this wording on a result. Below 50 answers it is the item's signal."""
    return rows.annotate(objections=Count("drawn__enquiries__person", distinct=True))
