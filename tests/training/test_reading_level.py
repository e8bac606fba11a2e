import pytest

from quizzes import material
from tests.factories import course_of
from training.glossary import Word
from training.reading_level import HARDEST_GRADE, grade, prose, syllables

COUNTS = """
1: skin depth bruise pressed used asked scars cheeks made whole while scale scales one once cause change face eye eyes goes
1: does lie lies dried dye dyes hours year week heal vein freed seed bled called cleared rule due guess guide blood gloves wipes
1: the be me here are were judged edge hole holes rolled file don't stopped wiped waste dates
2: needle needles dermis pinpoint bleeding bruises patient patients label order limit needed treated rated reviewed sterile people
2: being doing tissue session surface pieces doses bridges little middle handles naked movement safely something causes changes
2: faces quiet question cartridge muscles cycle angle table doesn't isn't patient's create ruin fluid language edges licence
2: wrinkled handled wasted facial special region million minutes equal value values sequence lying colour device
3: collagen elastin fibroblast physician clinician area areas idea abnormal median serious uncommon permanent tolerance surfaces
3: carefully everything diary usual actual continue overdue regular previous various obvious quality
3: created example possible follicle video ideal expected cartridges devices licences physician's
4: epidermis temporary evaluate antiseptic bacteria material situation variation pigmentation disposable reusable usually
5: sterilisation
"""


def known() -> list[tuple[str, int]]:
    rows = [line.partition(": ") for line in COUNTS.strip().splitlines()]
    return [(word, int(count)) for count, _, words in rows for word in words.split()]


@pytest.mark.parametrize(("word", "count"), known())
def test_syllables(word, count):
    assert syllables(word) == count


def test_grade_of_a_known_text():
    """Twelve words, two sentences, 15 syllables: 0.39 × 6 + 11.8 × 15/12 - 15.59 = 1.5."""
    assert grade("The needle makes a hole. The skin heals it with new collagen.") == 1.5


def test_longer_sentences_and_words_are_harder():
    easy = "Stop at once. Press on it. Call the physician."
    assert grade(easy) < grade("Stop at once and press on it and then call the physician without waiting any longer.")
    assert grade("Discontinue immediately. Apply proportionate compression. Notify supervising personnel.") > 12


def test_grade_of_nothing():
    assert grade("") == 0.0
    assert grade("1.5 — 2.0") == 0.0


def test_a_number_or_an_abbreviation_ends_no_sentence():
    assert grade("The dermis is 1.5 mm thick there") == grade("The dermis is 15 mm thick there")


def test_paragraphs_end_sentences():
    assert grade("one two three\n\nfour five six") < grade("one two three four five six")


def test_prose_is_what_is_read_between_the_rest():
    text = (
        "---\ntitle: Not this\n---\nThe dermis is **here**. [@S0-08]\n\n## Nor this\n\n"
        "::: point nd-17\nNor this.\nSources: S0-21\n:::\n\n::: protocol depth-order\n:::\n\nAnd here.\n"
    )
    words = (Word("dermis", "Dermis", ("dermis",), "A layer."),)
    assert prose(text, words).split() == ["The", "is", "here.", "And", "here."]


def shipped() -> list:
    course = course_of(material.SHIPPED)
    words = course.library.words
    return [
        pytest.param(prose(section.text, words), id=section.file)
        for module, _, _ in course.modules
        for section in module.sections
    ]


@pytest.mark.parametrize("text", shipped())
def test_every_shipped_section_reads_at_grade_nine_or_lower(text):
    assert grade(text) <= HARDEST_GRADE
