"""The tabs of each role, five at most: on a phone they are the thumb bar. What is left over stands in the account menu."""

from dataclasses import dataclass

from staff.access import LEARNING_ROLES, roles
from staff.models import StaffMember
from staff.models.clinics import Role


@dataclass(frozen=True)
class Tab:
    title: str
    path: str
    icon: str
    current: bool = False


HOME = ("Home", "/", "home")
MODULES = ("Modules", "/modules/", "book-open")
PRACTICALS = ("Practicals", "/practicals/", "hand-raised")
CERTIFICATES = ("Certificates", "/certificates/", "check-badge")
REVIEWS = ("Reviews", "/reviews/", "clipboard-document-check")
PROTOCOL = ("Protocol", "/protocol/", "adjustments-horizontal")
COMPLIANCE = ("Compliance", "/compliance/", "table-cells")
PEOPLE = ("People", "/people/", "users")
ASSIGNMENTS = ("Assignments", "/assignments/", "clipboard-document-list")
QUESTIONS = ("Questions", "/questions/", "chat-bubble-left-right")
BANK = ("Bank", "/bank/", "rectangle-stack")
STYLE = ("Style guide", "/styleguide/", "swatch")
AUTHORING = ("Authoring", "/authoring/", "pencil-square")
BY_ROLE: dict[str, list[tuple[str, str, str]]] = {
    Role.PHYSICIAN: [HOME, REVIEWS, PRACTICALS, PROTOCOL, COMPLIANCE],
    Role.MANAGER: [HOME, COMPLIANCE, PEOPLE, ASSIGNMENTS, CERTIFICATES],
    Role.AESTHETICIAN: [HOME, MODULES, PRACTICALS, CERTIFICATES],
    Role.SUPPORT: [HOME, MODULES, CERTIFICATES],
    "author": [HOME, MODULES, AUTHORING, BANK, QUESTIONS],
    "administrator": [HOME, MODULES, BANK, STYLE, ("Admin", "/admin/", "wrench-screwdriver")],
}
# Pages that a role sees beside its tabs.
BESIDE: dict[str, list[tuple[str, str, str]]] = {
    Role.PHYSICIAN: [MODULES, PEOPLE, ASSIGNMENTS, CERTIFICATES, BANK, QUESTIONS],
    Role.MANAGER: [MODULES, PROTOCOL, QUESTIONS],
    Role.AESTHETICIAN: [QUESTIONS],
    Role.SUPPORT: [QUESTIONS],
}
MOST = 5


def ways_for(person: StaffMember, path: str) -> tuple[list[Tab], list[Tab]]:
    """The tabs, and for the account menu those that have no place among them and what stands beside them."""
    held = roles(person)
    tabs = _of(BY_ROLE, held) or [HOME, CERTIFICATES]
    ways = dict.fromkeys([*tabs, *_of(BESIDE, held)])
    further = [way for way in ways if way not in tabs[:MOST]]
    return _shown(tabs[:MOST], path), _shown(further, path)


def _of(ways: dict[str, list[tuple[str, str, str]]], held: frozenset[str]) -> list[tuple[str, str, str]]:
    refused = {BANK} if held & set(LEARNING_ROLES) else set()  # whoever takes quizzes does not see the bank
    found = dict.fromkeys(way for role, of_role in ways.items() if role in held for way in of_role)
    return [way for way in found if way not in refused]


def _shown(ways: list[tuple[str, str, str]], path: str) -> list[Tab]:
    return [
        Tab(title, href, icon, current=path == href or (href != "/" and path.startswith(href)))
        for title, href, icon in ways
    ]
