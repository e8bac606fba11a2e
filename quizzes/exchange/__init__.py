"""Items in the formats of other systems. Pure: text in, items found out, and the other way round. docs/exchange.md."""

from quizzes.exchange import gift, moodlexml, ours, zipped
from quizzes.exchange.base import Found, Outgoing, Unreadable, text_of

FORMATS = {"gift": gift, "moodlexml": moodlexml, "yaml": ours}
ENDINGS = {"gift": "txt", "moodlexml": "xml", "yaml": "yaml"}
MEDIA_TYPES = {"gift": "text/plain; charset=utf-8", "moodlexml": "application/xml", "yaml": "text/plain; charset=utf-8"}

NAMES = {"gift": "GIFT", "moodlexml": "Moodle XML", "yaml": "our own files (YAML)"}


def guess(text: str) -> str:
    """Which format a text is in, by how it begins."""
    start = text.lstrip()[:2000]
    if start.startswith("<"):
        return "moodlexml"
    return "yaml" if start.startswith(("- code:", "- {", "- bank:", "#")) else "gift"


__all__ = [
    "ENDINGS",
    "FORMATS",
    "MEDIA_TYPES",
    "NAMES",
    "Found",
    "Outgoing",
    "Unreadable",
    "guess",
    "text_of",
    "zipped",
]
