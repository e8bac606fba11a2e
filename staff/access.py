"""Who may do what: permissions by role, and in which clinics a person holds a role."""

from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from functools import wraps
from typing import Any
from zoneinfo import ZoneInfo

from django.core.exceptions import PermissionDenied
from django.db.models import F, FilteredRelation, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone

from staff.models import Clinic, Membership, StaffMember
from staff.models.clinics import Role
from staff.prepared import prepared


class Permission(Enum):
    READ_MODULES = "read modules"
    TAKE_QUIZZES = "take quizzes"
    HOLD_CERTIFICATES = "hold certificates"
    SEE_RESULTS = "see results"
    REVIEW_ATTEMPTS = "review attempts"
    ADOPT_MODULES = "adopt modules"
    REVOKE_CERTIFICATES = "revoke certificates"
    SEE_COMPLIANCE = "see compliance"
    SEE_TRAIL = "see the audit trail"
    MANAGE_PEOPLE = "manage people"
    DOWNLOAD_CERTIFICATES = "download certificates"
    SEE_COVERAGE = "see coverage"
    SEE_BANK = "see the bank"
    WRITE_ITEMS = "write items"
    RATE_ITEMS = "rate items"
    SEE_STYLEGUIDE = "see the style guide"
    ASK = "ask about the material"
    ANSWER_QUESTIONS = "answer questions"
    WRITE_MATERIAL = "write the material"
    APPROVE_ITEMS = "approve items"


LEARNER = frozenset(
    {
        Permission.READ_MODULES,
        Permission.TAKE_QUIZZES,
        Permission.HOLD_CERTIFICATES,
        Permission.SEE_RESULTS,
        Permission.ASK,
    }
)
PERMISSIONS: dict[str, frozenset[Permission]] = {
    Role.AESTHETICIAN: LEARNER,
    Role.SUPPORT: LEARNER,
    Role.PHYSICIAN: frozenset(
        {
            Permission.READ_MODULES,
            Permission.REVIEW_ATTEMPTS,
            Permission.ADOPT_MODULES,
            Permission.REVOKE_CERTIFICATES,
            Permission.SEE_COMPLIANCE,
            Permission.SEE_TRAIL,
            Permission.DOWNLOAD_CERTIFICATES,
            Permission.ASK,
            Permission.ANSWER_QUESTIONS,
            Permission.SEE_COVERAGE,
            Permission.SEE_BANK,
            Permission.RATE_ITEMS,
            Permission.APPROVE_ITEMS,
        }
    ),
    Role.MANAGER: frozenset(
        {
            Permission.READ_MODULES,
            Permission.SEE_COMPLIANCE,
            Permission.SEE_TRAIL,
            Permission.MANAGE_PEOPLE,
            Permission.DOWNLOAD_CERTIFICATES,
            Permission.ASK,
        }
    ),
    "author": frozenset(
        {
            Permission.READ_MODULES,
            Permission.SEE_COVERAGE,
            Permission.SEE_BANK,
            Permission.WRITE_ITEMS,
            Permission.SEE_STYLEGUIDE,
            Permission.ANSWER_QUESTIONS,
            Permission.WRITE_MATERIAL,
            Permission.APPROVE_ITEMS,
        }
    ),
    "administrator": frozenset(
        {Permission.READ_MODULES, Permission.SEE_COVERAGE, Permission.SEE_BANK, Permission.SEE_STYLEGUIDE}
    ),
}
LEARNING_ROLES = (Role.AESTHETICIAN, Role.SUPPORT)


class StaffRequest(HttpRequest):
    """A request whose user is signed in."""

    user: StaffMember


@prepared
def _open_memberships(person: int) -> "QuerySet[Any, Any]":
    """A row for each open role, and one where there is none; `held` is the role."""
    return (
        Membership.objects.filter(person=person, ended_at=None)
        .annotate(open_role=FilteredRelation("roles", condition=Q(roles__ended_at=None)))
        .annotate(held=F("open_role__role"))
        .select_related("clinic")
        .order_by("clinic__name", "pk", "held")
    )


def memberships(person: StaffMember) -> list[Membership]:
    """The person's open memberships with their clinics and open roles, in one statement; asked once per object."""
    known: list[Membership] | None = getattr(person, "_memberships", None)
    if known is None:
        by_pk: dict[int, Membership] = {}
        for row in _open_memberships(person.pk):  # one for each role, and one where there is none
            membership = by_pk.setdefault(row.pk, row)
            membership.__dict__.setdefault("open_roles", []).extend([row.held] if row.held else [])
        known = list(by_pk.values())
        person._memberships = known  # type: ignore[attr-defined]
    return known


def is_same(person: StaffMember, other_pk: int) -> bool:
    """Whether that is she herself, under this account or one that was merged into it."""
    return other_pk == person.pk or StaffMember.objects.filter(pk=other_pk, merged_into=person).exists()


def forget(person: StaffMember) -> None:
    """After a change of memberships or roles, the object must ask again."""
    for name in ("_memberships", "installation_roles"):
        person.__dict__.pop(name, None)


def clinic_roles(person: StaffMember) -> set[str]:
    return {role for membership in memberships(person) for role in membership.open_roles}  # type: ignore[attr-defined]


def roles(person: StaffMember) -> frozenset[str]:
    return frozenset(clinic_roles(person) | person.installation_roles)


def clinics_as(person: StaffMember, *wanted: str) -> list[Clinic]:
    """The clinics where the person now holds one of these roles."""
    return [m.clinic for m in memberships(person) if set(wanted) & set(m.open_roles)]  # type: ignore[attr-defined]


def asked_clinic(request: HttpRequest, clinics: Sequence[Clinic]) -> Clinic:
    """The one of these that the form or the address names, else the first; 404 for any other."""
    wanted = request.POST.get("clinic") or request.GET.get("clinic") or clinics[0].public_id
    for clinic in clinics:
        if clinic.public_id == wanted:
            return clinic
    raise Http404("no such clinic")


def has_permission(person: StaffMember, permission: Permission) -> bool:
    """What somebody holds for the installation is asked only where her clinics do not give the permission."""

    def given(held: Iterable[str]) -> bool:
        return any(permission in PERMISSIONS[role] for role in held)

    return person.is_active and (given(clinic_roles(person)) or given(person.installation_roles))


def require_permission(
    *permissions: Permission,
) -> Callable[[Callable[..., HttpResponse]], Callable[..., HttpResponse]]:
    """The view is for people who hold one of these; others get 403. Which rows they see is the access function's."""

    def decorate(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        @wraps(view)
        def guarded(request: StaffRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not any(has_permission(request.user, permission) for permission in permissions):
                raise PermissionDenied(f"needs one of: {', '.join(p.value for p in permissions)}")
            held = memberships(request.user)
            if held:
                timezone.activate(ZoneInfo(held[0].clinic.zone))
            return view(request, *args, **kwargs)

        guarded.permissions = permissions  # type: ignore[attr-defined]
        return guarded

    return decorate


def open_without_factor(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """The view stays open to whoever must set up a second factor first: what she has begun there would be lost."""
    view.open_without_factor = True  # type: ignore[attr-defined]
    return view


def people_visible_to(viewer: StaffMember) -> QuerySet[StaffMember]:
    """People who work, or worked, in a clinic that the viewer manages or supervises; and herself."""
    clinics = clinics_as(viewer, Role.MANAGER, Role.PHYSICIAN)
    return StaffMember.objects.filter(Q(membership__clinic__in=clinics) | Q(pk=viewer.pk)).distinct()
