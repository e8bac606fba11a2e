"""How a holder's name may stand on the paper, and whether a name that somebody types is the one. Pure."""

import unicodedata

FULL, INITIALS = "full", "initials"


def initials(name: str) -> str:
    """Maya Lindqvist: M. L."""
    return " ".join(f"{unicodedata.normalize('NFC', part)[0]}." for part in name.split())


def shown_as(name: str, choice: str) -> str:
    return initials(name) if choice == INITIALS else name


def same(typed: str, name: str) -> bool:
    """Small or capital letters, accents, hyphens and apostrophes, and the order of given and family name, make no difference."""
    return bool(_parts(typed)) and _parts(typed) == _parts(name)


def _parts(name: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", name.casefold())
    kept = "".join(
        char if char.isalnum() else " " for char in plain if not unicodedata.combining(char) and char not in "'’`."
    )
    return sorted(kept.split())
