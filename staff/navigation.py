"""The tabs of each role, five at most: on a phone they are the thumb bar."""

from dataclasses import dataclass

from staff.access import roles
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


def tabs_for(person: StaffMember, path: str) -> list[Tab]:
    held = roles(person)
    chosen: list[tuple[str, str, str]] = []
    for role, tabs in BY_ROLE.items():
        if role in held:
            chosen += [tab for tab in tabs if tab not in chosen]
    chosen = (chosen or [HOME, CERTIFICATES])[:5]
    return [
        Tab(title, href, icon, current=path == href or (href != "/" and path.startswith(href)))
        for title, href, icon in chosen
    ]
