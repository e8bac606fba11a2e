import json
import os
import random
import re
from collections.abc import Iterator
from io import StringIO

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import transaction
from django.db.models import Count, Max
from django.test import override_settings

from certificates.models import Certificate
from compliance import records
from compliance.records.finding import CHUNK
from quizzes.models import AttemptItem, Regrade, Response, Review
from staff import audit, canonical, clock, guards
from staff.models import AuditEvent, Chain, Signature
from tests import factories, people
from tests.compliance import tampering
from tests.compliance.histories import History, make_history
from tests.conftest import NOW
from training.models import Citation


@pytest.fixture(scope="module")
def kept_history(nothing_begun, django_db_blocker) -> Iterator[History]:
    """One history for the whole module, in a transaction that is rolled back, with its triggers lifted."""
    quick = override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"])
    with django_db_blocker.unblock(), quick, clock.at(NOW), transaction.atomic():
        cast = people.make_cast()
        course = factories.make_module(by=cast.pinpoint, adopted_by=cast.physician)
        made = make_history(cast, course)
        tampering.lift()
        yield made
        transaction.set_rollback(True)


@pytest.fixture
def history(kept_history, db, monkeypatch) -> History:
    """The triggers are gone on purpose, so their absence is no finding here."""
    monkeypatch.setattr(guards, "missing", list)
    made: History = kept_history
    return made


def test_verify_is_clean_on_a_whole_history(history):
    report = records.verify(everything=True)
    assert report.findings == []
    for name in (
        "audit events",
        "sealed attempts",
        "scores derived again",
        "certificates",
        "signatures",
        "stored files",
    ):
        assert report.checked[name] > 0


@pytest.mark.one_engine  # `make proof` tries the other columns on both
@pytest.mark.parametrize(("name", "column"), tampering.columns_to_try())
def test_verify_names_a_changed_column(history, name, column):
    dice = random.Random(f"{name}.{column}")
    pks = tampering.rows_on_record(name)
    assert pks, f"the history has no row of {name}"
    pk = dice.choice(pks)
    change = tampering.flip(name, column, pk, dice)
    told = tampering.tried(change) if change else "refused"
    assert told, f"{name} {pk}: {column} was changed and nothing was found"
    assert told == "refused" or re.match(tampering.NAMED[name], told), told


def test_the_operations_guide_names_what_is_not_covered():
    guide = (settings.BASE_DIR / "docs/operations.md").read_text(encoding="utf-8")
    exempt = guide.partition("Column by column")[2].partition("\n\nRename")[0]
    told = re.findall(r"`([a-z]+_[a-z]+(?:\.[a-z_]+)?)`", exempt)
    columns = [name for name in told if "." in name]
    assert sorted(columns) == sorted(tampering.NOT_COVERED)
    assert set(tampering.MAY_GO) <= {name.partition(".")[0] for name in told}


@pytest.mark.proof
@pytest.mark.one_engine
@pytest.mark.parametrize("name", [name for name in tampering.NAMED if name not in tampering.MAY_GO])
def test_verify_names_a_deleted_row(history, name):
    """The last row, on which the least rests."""
    pk = tampering.rows_on_record(name)[-1]
    told = tampering.tried(tampering.execute(f'DELETE FROM "{name}" WHERE id = %s', pk))
    assert told, f"row {pk} of {name} was deleted and nothing was found"


def test_verify_allows_an_erased_name(history):
    def change() -> None:
        tampering.execute("DELETE FROM staff_actorname")()
        tampering.execute("UPDATE staff_staffmember SET erased_at = joined_at")()

    assert tampering.tried(change) == ""


def test_verify_names_the_deleted_last_event(history):
    last = AuditEvent.objects.order_by("chain", "-seq")[0]
    told = tampering.tried(tampering.execute("DELETE FROM staff_auditevent WHERE id = %s", last.pk))
    assert "its count of events" in told


def test_verify_names_a_shortened_chain_by_what_it_no_longer_tells(history):
    """Who can write the chain's head too still cannot hide what the event was about."""
    event = AuditEvent.objects.filter(action="attempt.started").order_by("-chain", "-seq")[0]
    chain = event.chain

    def change() -> None:
        tampering.execute("DELETE FROM staff_auditevent WHERE chain_id = %s AND seq >= %s", chain.pk, event.seq)()
        tampering.execute(
            "UPDATE staff_chain SET seq = %s, head = %s WHERE id = %s", event.seq - 1, event.prev_hash, chain.pk
        )()

    assert re.match(r"attempt .*, (its events|mark of item .* attempt\.regraded)", tampering.tried(change))


def test_verify_names_swapped_signatures(history):
    one, two = Review.objects.filter(decision="returned").order_by("pk").values_list("pk", "signature_id")

    def change() -> None:
        # Through a third value, since a signature signs one row only.
        spare = Signature.objects.filter(review=None).order_by("pk")[0].pk
        for pk, signature in ((one[0], spare), (two[0], one[1]), (one[0], two[1])):
            tampering.execute("UPDATE quizzes_review SET signature_id = %s WHERE id = %s", signature, pk)()

    assert re.match("signature .*, hash of what was signed", tampering.tried(change))


def test_verify_names_a_signature_copied_to_another_attempt(history):
    row = Signature.objects.filter(meaning_code="endorse").get()
    told = tampering.tried(
        tampering.execute("UPDATE staff_signature SET subject_id = %s WHERE id = %s", str(history.failed.pk), row.pk)
    )
    assert "authentication over every field" in told


def test_verify_names_swapped_answers(history):
    one, two = AttemptItem.objects.filter(attempt=history.passed).order_by("position")[:2]

    def change() -> None:
        for item, answer in ((one, two.answer), (two, one.answer)):
            tampering.execute("UPDATE quizzes_attemptitem SET answer = %s WHERE id = %s", answer, item.pk)()

    assert tampering.tried(change).startswith(f"attempt {history.passed.public_id}, item 1, answer")


def test_verify_names_an_answer_changed_in_every_row_but_the_seal(history):
    item = AttemptItem.objects.filter(attempt=history.locked).order_by("position")[0]
    answer = next(token for token, _ in item.shown if token != item.answer)

    def change() -> None:
        tampering.execute("UPDATE quizzes_attemptitem SET answer = %s WHERE id = %s", answer, item.pk)()
        tampering.execute("UPDATE quizzes_response SET payload = %s WHERE item_id = %s", answer, item.pk)()

    assert f"attempt {history.locked.public_id}, seal against row, items, number 1, answer" in tampering.tried(change)


def test_verify_names_a_seal_written_anew(history):
    """Rows and seal changed together, with fitting hashes: the event of the submit still has the old one."""
    attempt = history.failed
    text = attempt.seal.text.replace('"passed":false', '"passed":true')
    sha256 = canonical.sha256(text)

    def change() -> None:
        tampering.execute(
            "UPDATE quizzes_seal SET text = %s, sha256 = %s WHERE attempt_id = %s", text, sha256, attempt.pk
        )()
        tampering.execute("UPDATE quizzes_attempt SET seal_sha256 = %s WHERE id = %s", sha256, attempt.pk)()
        tampering.execute("UPDATE quizzes_outcome SET passed = %s WHERE attempt_id = %s", True, attempt.pk)()

    assert f"attempt {attempt.public_id}, as attempt.expired says" in tampering.tried(change)


@pytest.mark.parametrize("cause", ["regraded", "of a regrade"])
def test_verify_names_an_outcome_slipped_in(history, cause):
    """A pass that no regrade gave, and one that names a regrade which said otherwise."""
    number = 1 + history.failed.outcomes.count()
    named = cause if cause == "regraded" else Regrade.objects.order_by("pk")[0].cause
    told = tampering.tried(
        tampering.execute(
            "INSERT INTO quizzes_outcome (attempt_id, number, passed, points, max_points, clauses, cause) "
            "VALUES (%s, %s, %s, 6, 6, '[]', %s)",
            history.failed.pk,
            number,
            True,
            named,
        )
    )
    assert re.match(f"attempt {history.failed.public_id}, outcome", told), told


def test_verify_names_a_save_slipped_in_after_the_seal(history):
    last = Response.objects.filter(item__attempt=history.passed).order_by("-pk")[0]
    told = tampering.tried(
        tampering.execute(
            "INSERT INTO quizzes_response (item_id, revision, payload, client_key, saved_at, late) "
            "SELECT item_id, revision + 1, payload, 'slipped', saved_at, late FROM quizzes_response WHERE id = %s",
            last.pk,
        )
    )
    assert "count of its saves" in told


def test_verify_names_a_certificate_for_a_failed_attempt(history):
    """A copy of a real one, under the next number."""
    fields = [field.column for field in Certificate._meta.concrete_fields if not field.primary_key]
    new = {"number": "'PP-2027-000099'", "code": "'0'", "attempt_id": str(history.failed.pk), "supersedes_id": "NULL"}
    told = tampering.tried(
        tampering.execute(
            f"INSERT INTO certificates_certificate ({', '.join(fields)}) "
            f"SELECT {', '.join(new.get(name, name) for name in fields)} FROM certificates_certificate WHERE id = %s",
            history.renewed.pk,
        )
    )
    assert told.startswith("certificate PP-2027-000099")


def test_verify_names_an_unknown_key(history, settings):
    settings.SIGNING_KEYS = {"other": "0" * 64}
    assert "key: expected one of SIGNING_KEYS (other), found test" in str(records.verify().findings[0])


def test_verify_asks_as_often_for_a_longer_history(history, django_assert_max_num_queries):
    """No query per row: a second candidate's attempts cost none. A chunk of the trail begins with the first candidate's, so that
    the second's stand in the same."""
    clinic = history.cast.lakeside
    with transaction.atomic(), clock.at(NOW):
        while Chain.objects.get(clinic=clinic).seq % CHUNK != 1:
            audit.record(clinic=clinic, by=history.cast.manager, action="test.filled", subject=clinic)
        factories.make_finished(person=history.cast.manager, course=history.course)
    with django_assert_max_num_queries(420) as asked:
        records.verify(everything=True)
    before = len(asked)
    with transaction.atomic(), clock.at(NOW):
        factories.make_finished(person=history.cast.physician, course=history.course)
        with django_assert_max_num_queries(before):
            assert records.verify(everything=True).findings == []
        transaction.set_rollback(True)


@pytest.mark.proof
def test_verify_finds_random_flips(history):
    """As many as FLIPS says, over every covered column of every legal table."""
    dice = random.Random(os.environ.get("SEED", "pinpoint"))
    places = tampering.columns()
    counts = {"found": 0, "refused": 0}
    while sum(counts.values()) < int(os.environ.get("FLIPS", "1000")):
        name, column = dice.choice(places)
        pk = dice.choice(tampering.rows_on_record(name))
        change = tampering.flip(name, column, pk, dice)
        if change is None:
            continue
        told = tampering.tried(change)
        assert told, f"{name} {pk}: {column} was changed and nothing was found ({counts})"
        counts["refused" if told == "refused" else "found"] += 1
    assert counts["found"] > counts["refused"]


def test_command_names_the_first_thing_and_exits_1(history):
    with transaction.atomic():
        tampering.execute("UPDATE quizzes_seal SET text = 'x' WHERE attempt_id = %s", history.passed.pk)()
        out = StringIO()
        with pytest.raises(SystemExit, match="1"):
            call_command("verify_records", "--json", stdout=out)
        transaction.set_rollback(True)
    told = json.loads(out.getvalue())
    assert told["clean"] is False
    assert [finding["what"] for finding in told["findings"]] == [
        f"attempt {history.passed.public_id}, hash of its seal's text"
    ]


def test_verify_counts_how_often_a_section_cites(history):
    """Two paragraphs rest on one fact: without the second citation the text still has both."""
    same = Citation.objects.filter(point=None, fact__isnull=False).values("section_version", "fact")
    twice = same.annotate(last=Max("pk"), n=Count("pk")).filter(n__gt=1).order_by("last").first()
    assert twice
    told = tampering.tried(tampering.execute("DELETE FROM training_citation WHERE id = %s", twice["last"]))
    assert "citations" in told
