"""How hard a text is to read: the Flesch-Kincaid grade of its prose. Pure.

Syllables are counted by the vowels, with the ends that English does not speak; tests hold the count to words of the course.
"""

import re
from collections.abc import Sequence

from training import glossary, markdown

HARDEST_GRADE = 9.0
SENTENCE_ENDS = re.compile(r"[.!?:](?=[\s\"”')]|$)")
WORD = re.compile(r"[A-Za-z]+(?:['’][A-Za-z]+)*")
# What the rules below get wrong, as whole words.
COUNTED = {"being": 2, "people": 2, "idea": 3, "ideas": 3, "ideal": 3, "naked": 2, "quiet": 2, "fluid": 2, "ruin": 2} | {
    "union": 2, "million": 2, "every": 2, "different": 2, "several": 2, "evening": 2, "sometimes": 2, "area": 3, "areas": 3,
}  # fmt: skip
COMPOUND = re.compile(r"^(some|every)(?=thing|one|body|where|day)")
SILENT = re.compile(
    r"(?<=[^aeiouy])e(?=(?:ly|less|ness|ful|fully|ment|ments)$)"  # safely, carefully, movement
    r"|(?<=[aeiouy])(?:e(?=s?$))"  # dyes, values
    r"|(?<=[^aeioutd])e(?=d$)(?<![^aeioulry]le)"  # cleared, and not wrinkled
    r"|(?<=[^aeiouyl])e$|(?<=[aeiouyl]l)e$"  # needle keeps it, scale does not
    r"|(?<=[^aeiouylsxzcg])(?<!ch)(?<!sh)e(?=s$)|(?<=[aeiouyl]l)e(?=s$)"  # scales, and not pieces
)
APART = re.compile(
    r"(?<![cstgx])i(?=[ao])"  # patient's "ie" is one, "material" has two
    r"|[aeiouy](?=ing$)|(?<![qg])u(?=a)|e(?=o(?!u))|(?<=cr)e(?=at)|(?<=^r)e(?=u)"
)


def syllables(word: str) -> int:
    """Groups of vowels, two where a pair is spoken apart, none for a silent e; at least one."""
    word = word.lower().replace("’", "'")
    more = len(re.findall(r"[sd]n't$", word))  # does-n't
    word = word.partition("'")[0].removesuffix("n") if word.endswith("n't") else word.partition("'")[0]
    if word in COUNTED:
        return COUNTED[word] + more
    compound = COMPOUND.match(word)
    if compound:
        return (2 if compound.group() == "every" else 1) + syllables(word[compound.end() :])
    more += len(APART.findall(word))
    return max(len(re.findall(r"[aeiouy]+", SILENT.sub("", word))) + more, 1)


def prose(source: str, words: Sequence[glossary.Word] = ()) -> str:
    """What is measured of a section: its prose, without headings, citations and the words of the glossary."""
    found = [
        block.text for block in markdown.blocks(source) if block.kind == "prose" and not block.text.startswith("#")
    ]
    return "\n\n".join(glossary.without(markdown.plain(text), words) for text in found)


def grade(text: str) -> float:
    """The American school year in which one reads this; 0 for no text. A paragraph ends a sentence."""
    found = WORD.findall(text)
    if not found:
        return 0.0
    pieces = [piece for paragraph in text.split("\n\n") for piece in SENTENCE_ENDS.split(paragraph)]
    sentences = sum(bool(WORD.search(piece)) for piece in pieces)
    return round(0.39 * len(found) / sentences + 11.8 * sum(map(syllables, found)) / len(found) - 15.59, 1)
