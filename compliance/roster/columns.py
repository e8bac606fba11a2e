"""What each column of the file may hold, and what is wrong where it does not. No database is asked."""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from compliance.roster.base import Sheet, Unreadable
from staff import clock
from staff.models.clinics import Role

# As the template names them, each with what else a payroll calls it.
COLUMNS: dict[str, tuple[str, ...]] = {
    "email": ("e-mail", "mail", "email address", "e-mail address", "work email"),
    "staff_number": ("staff no", "staff id", "employee number", "employee no", "employee id", "personnel number"),
    "full_name": ("name", "employee name"),
    "latin_name": ("name in latin letters",),
    "job_title": ("title", "job", "position"),
    "roles": ("role",),
    "hired_on": ("hired", "hire date", "date of hire", "start date", "hired date"),
}
NAMES = {
    "email": "E-mail",
    "staff_number": "Staff number",
    "full_name": "Full name",
    "latin_name": "Name in Latin letters",
    "job_title": "Job title",
    "roles": "Roles",
    "hired_on": "Hired on",
}
KEYS = ("email", "staff_number")
LONGEST = {"email": 254, "staff_number": 40, "full_name": 200, "latin_name": 200, "job_title": 120}
BEGINS_A_FORMULA = ("=", "+", "-", "@")
ROLE_WORDS = {word.casefold(): role.value for role in Role for word in (role.value, str(role.label))} | {
    "aesthetician": "aesthetician", "esthetician": "aesthetician", "support": "support", "physician": "physician",
}  # fmt: skip
MONTHS = {
    name: number
    for number, names in enumerate(
        "january jan,february feb,march mar,april apr,may,june jun,july jul,august aug,september sep sept,october oct,"
        "november nov,december dec".split(","),
        1,
    )
    for name in names.split()
}


@dataclass(frozen=True)
class Fault:
    """`code` for whoever counts them, `column` where it stands, `sentence` for whoever mends it."""

    code: str
    column: str
    sentence: str

    def plain(self) -> list[str]:
        return [self.code, self.column, self.sentence]


class Wrong(Exception):
    def __init__(self, code: str, sentence: str) -> None:
        self.code, self.sentence = code, sentence
        super().__init__(sentence)


@dataclass(frozen=True)
class Read:
    """One person of the file. `cells` has the columns that are not empty; roles as a list, the day in ISO."""

    line: int
    cells: dict[str, str]
    faults: tuple[Fault, ...]

    @property
    def roles(self) -> list[str]:
        return self.cells.get("roles", "").split()


def heads_of(sheet: Sheet, key: str) -> tuple[dict[int, str], list[str]]:
    """Which column stands where, and the heads that are not read. Raises Unreadable."""
    known = {word: name for name, words in COLUMNS.items() for word in (_folded(name), *map(_folded, words))}
    places: dict[int, str] = {}
    unread = []
    for place, head in enumerate(sheet.heads):
        name = known.get(_folded(head))
        if name is None:
            unread += [head[:60]] if head else []
        elif name in places.values():
            first = next(place for place, taken in places.items() if taken == name)
            raise Unreadable(
                f"Two columns are the {NAMES[name]}: “{sheet.heads[first][:60]}” and “{head[:60]}”. Delete or rename one."
            )
        else:
            places[place] = name
    if key not in places.values():
        raise Unreadable(
            f"No column is called {key}, which tells the people apart. The first line must name the columns, as the template "
            f"does; it begins “{', '.join(sheet.heads[:4])[:120]}”."
        )
    return places, unread


def _folded(text: str) -> str:
    return " ".join(re.sub(r"[\s_.:-]+", " ", text.casefold()).split())


def read_rows(sheet: Sheet, places: dict[int, str]) -> list[Read]:
    return [_row(line, cells, places, len(sheet.heads)) for line, cells in zip(sheet.lines, sheet.rows, strict=True)]


def _row(line: int, cells: list[str], places: dict[int, str], width: int) -> Read:
    found: dict[str, str] = {}
    faults = []
    if len(cells) > width:
        sentence = (
            f"The line has {len(cells)} cells and the first line {width}. Is a separator within a cell not in quotes?"
        )
        faults.append(Fault("cells", "", sentence))
    for place, name in places.items():
        given = cells[place] if place < len(cells) else ""
        if not given:
            continue
        try:
            found[name] = checked(name, given)
        except Wrong as wrong:
            faults.append(Fault(wrong.code, name, wrong.sentence))
            found[name] = given
    return Read(line, found, tuple(faults))


def checked(name: str, given: str) -> str:
    """The cell as it is kept. Raises Wrong."""
    if given.startswith(BEGINS_A_FORMULA):
        raise Wrong("formula", f"“{given[:60]}” begins like a formula. Type the text itself.")
    if any(unicodedata.category(sign) in ("Cc", "Cf", "Co", "Cs") for sign in given):
        raise Wrong("signs", f"“{_shown(given)}” holds signs that cannot be seen. Type it again.")
    if len(given) > LONGEST.get(name, 200):
        raise Wrong("long", f"This has {len(given)} letters; at most {LONGEST.get(name, 200)} are kept.")
    return CHECKS[name](given) if name in CHECKS else given


def _shown(text: str) -> str:
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in text)[:60]


def _email(given: str) -> str:
    address = given.lower()
    try:
        validate_email(address)
    except ValidationError:
        raise Wrong("email", f"“{given[:80]}” is no e-mail address. Write it as name@clinic.example.") from None
    return address


def _roles(given: str) -> str:
    """The roles' codes, in a fixed order."""
    words = [word.strip() for word in re.split(r"[,;/|+]", given) if word.strip()]
    unknown = [word for word in words if word.casefold() not in ROLE_WORDS]
    if unknown or not words:
        known = ", ".join(Role.values)
        raise Wrong(
            "roles", f"“{(unknown or [given])[0][:60]}” is no role. Write {known}; several with a semicolon between."
        )
    held = {ROLE_WORDS[word.casefold()] for word in words}
    return " ".join(role for role in Role.values if role in held)


def _day(given: str) -> str:
    found = day_of(given)
    today = clock.now().date()
    if not today.year - 70 <= found.year <= today.year + 1:
        raise Wrong("date", f"“{given}” cannot be right. Check the year.")
    return found.isoformat()


def day_of(given: str) -> date:
    """ISO, or a month by name, or numbers that can be read in one way only. Raises Wrong."""
    numbers = re.fullmatch(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4})", given)
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}(?:[T ]00:00(?::00)?)?", given):
        return _date(given, int(given[:4]), int(given[5:7]), int(given[8:10]))
    if numbers:
        return _one_way(given, int(numbers[1]), int(numbers[3]), int(numbers[4]), dotted=numbers[2] == ".")
    words = re.findall(r"[^\W\d_]+|\d+", given.casefold())
    months = [MONTHS[word] for word in words if word in MONTHS]
    digits = [int(word) for word in words if word.isdigit()]
    if len(words) == 3 and len(months) == 1 and len(digits) == 2 and digits[1] > 1000:
        return _date(given, digits[1], months[0], digits[0])
    raise Wrong("date", f"“{given[:60]}” is no day that can be read. Write it as 2026-11-02.")


def _one_way(given: str, first: int, second: int, year: int, *, dotted: bool) -> date:
    """3.4.2026 is 3 April wherever points are written; 3/4/2026 is one day in Denver and another in London."""
    if dotted or first > 12 or first == second:
        return _date(given, year, second, first)
    if second > 12:
        return _date(given, year, first, second)
    one, other = _date(given, year, second, first), _date(given, year, first, second)
    raise Wrong(
        "ambiguous",
        f"“{given}” can be {one.day} {one:%B} or {other.day} {other:%B}. Write {one.isoformat()} or {other.isoformat()}.",
    )


def _date(given: str, year: int, month: int, day: int) -> date:
    try:
        return date(year, month, day)
    except ValueError:
        raise Wrong("date", f"“{given}” is a day that does not exist.") from None


CHECKS: dict[str, Callable[[str], str]] = {"email": _email, "roles": _roles, "hired_on": _day}
