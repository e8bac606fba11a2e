"""Which numbers a text states, and which its sources carry. Pure."""

import re
from decimal import ROUND_HALF_UP, Decimal

NUMBER = re.compile(r"(?<![\w.])(?<![A-Za-z]-)\d+(?:[.,]\d+)?(?!\d)")
IN_SOURCE = re.compile(r"\d+(?:\.\d+)?")
MICRONS = re.compile(r"(\d+(?:\.\d+)?)\s*(?:um|µm)")
WORDS = {
    word: str(value)
    for value, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen".split()
    )
}


def stated(text: str) -> list[str]:
    """The numbers written in digits, without those inside codes such as nd-06."""
    return [number.replace(",", "") for number in NUMBER.findall(text)]


def carried(*sources: str) -> set[str]:
    """Numbers the sources carry: digits, number words, and micrometres also as millimetres to one or two places."""
    text = " ".join(sources)
    found = set(IN_SOURCE.findall(text))
    found |= {WORDS[word] for word in re.findall(r"[a-z]+", text.lower()) if word in WORDS}
    for microns in MICRONS.findall(text):
        millimetres = Decimal(microns) / 1000
        for places in ("0.1", "0.01"):
            found.add(str(millimetres.quantize(Decimal(places), ROUND_HALF_UP)))
    return found


def uncarried(text: str, *sources: str) -> list[str]:
    known = carried(*sources)
    known |= {number.rstrip("0").rstrip(".") for number in known if "." in number}
    return [n for n in stated(text) if n not in known and (n.rstrip("0").rstrip(".") if "." in n else n) not in known]
