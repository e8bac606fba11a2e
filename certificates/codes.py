"""Verification codes: 20 random characters (100 bits) and a check character, in groups, without look-alikes."""

import secrets

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32
LENGTH = 20
_ALIKE = str.maketrans({"O": "0", "I": "1", "L": "1"})


def new() -> str:
    body = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    return body + check(body)


def check(body: str) -> str:
    """A sum with odd weights, modulo 32: it changes with any one character mistyped."""
    total = sum((place * 2 + 1) * ALPHABET.index(char) for place, char in enumerate(body))
    return ALPHABET[total % 32]


def grouped(code: str) -> str:
    """ABCD-EFGH-JKMN-PQRS-TVWX-Y, as it is printed."""
    return "-".join(code[n : n + 4] for n in range(0, len(code), 4))


def cleaned(typed: str) -> str:
    """What was typed, as a code: any case, spaces and dashes; O, I and L read as digits. Empty if it cannot be one."""
    code = "".join(char for char in typed.upper().translate(_ALIKE) if char not in "- \u2013\u2014\u00a0\t\n.")
    if len(code) != LENGTH + 1 or any(char not in ALPHABET for char in code):
        return ""
    return code if check(code[:-1]) == code[-1] else ""
