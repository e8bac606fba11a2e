"""The cut-score file is held to its hash, its event, its ratings and the rules that name it."""

from datetime import date

import pytest
from django.db import transaction

from compliance import records
from quizzes import standard
from quizzes.models import CutFile, QuizVersion, Rating
from tests import emptied, people

CHANGES = {
    "hash": lambda row: CutFile.objects.update(text=row.text.replace('"mean":810', '"mean":910')),
    "mean": lambda row: CutFile.objects.update(mean=700),
    "next review": lambda row: CutFile.objects.update(next_review_on=date(2040, 1, 1)),
    "ratings": lambda row: Rating.objects.filter(number=1).update(percent=10),
    "rules that name it": lambda row: QuizVersion.objects.update(cut_basis="rated by everybody"),
}


@pytest.mark.django_db
def test_verify_names_what_was_changed_of_a_cut_score_file(cast, module):
    third = people.make_person(cast.harbour, "Mika Sato", "physician", by=cast.pinpoint)
    panel = standard.open_panel(quiz=module.quiz, by=cast.author)
    for more, rater in enumerate((cast.physician, cast.other_physician, third)):
        rated = {version.pk: 80 + more for version in standard.cells_of(module.quiz)[0]}
        standard.rate(panel=panel, percents=rated, by=rater)
    row = standard.file(panel=panel, next_review_on=date(2028, 11, 2), by=cast.author)
    report = records.verify(everything=True)
    assert report.findings == []
    assert report.checked["cut-score files"] == 1
    for name, change in CHANGES.items():
        with transaction.atomic():
            with emptied.unguarded():
                change(row)
            found = [one.what for one in records.verify(everything=True).findings]
            transaction.set_rollback(True)
        assert any(what.startswith(f"cut-score file nd-1, {name}") for what in found), (name, found)
