"""Single changes behind the site's back, with the triggers lifted: raw SQL on one column of one row."""

import random
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, models, transaction

from compliance import records
from staff import guards

SEALED = "attempt_id IN (SELECT id FROM quizzes_attempt WHERE state <> 'open')"
SEALED_ITEM = f"item_id IN (SELECT id FROM quizzes_attemptitem WHERE {SEALED})"
SIGNED_SHEET = "observation_id IN (SELECT id FROM training_observation WHERE state = 'signed')"
DRAWN = "id IN (SELECT question_version_id FROM quizzes_attemptitem)"
# Where only part of a table is on record: what is still open is not sealed, what was never drawn never counted.
ON_RECORD = {
    "quizzes_attempt": "state <> 'open'",
    "quizzes_attemptitem": SEALED,
    "quizzes_attemptitempoint": SEALED_ITEM,
    "quizzes_response": SEALED_ITEM,
    "staff_installationrole": "ended_at IS NOT NULL",
    "staff_staffmember": "erased_at IS NULL AND id IN (SELECT person_id FROM staff_membership)",
    "training_observation": "state = 'signed'",
    "training_observedline": SIGNED_SHEET,
    "training_observedscore": f"line_id IN (SELECT id FROM training_observedline WHERE {SIGNED_SHEET})",
    "quizzes_question": "id IN (SELECT question_id FROM quizzes_questionversion WHERE " + DRAWN + ")",
    "quizzes_questionversion": DRAWN,
    "quizzes_quizversion": "id IN (SELECT quiz_version_id FROM quizzes_attempt WHERE state <> 'open')",
}
# What a finding calls a row of the table; a change may also show in a row that rests on it.
NAMED = {
    "certificates_badge": "badge|foreign keys",
    "certificates_badgekey": "badge|foreign keys",
    "certificates_badgesubject": "badge|foreign keys",
    "certificates_certificate": "certificate |foreign keys",
    "certificates_certificateevent": "certificate |signature |foreign keys",
    "certificates_certificatefile": "certificate |foreign keys|stored file",
    "certificates_numberseries": "certificate numbers",
    "compliance_change": "changes of module version |task |foreign keys",
    "compliance_pointtest": "test|foreign keys",
    "compliance_pointtestitem": "test|foreign keys",
    "compliance_pointtestresult": "test|foreign keys",
    "compliance_reminder": "reminders |foreign keys",
    "compliance_reminderhours": "hours of reminders |foreign keys",
    "compliance_remindermail": "reminders |foreign keys",
    "compliance_peopleimport": "import of people |foreign keys",
    "compliance_calendarfeed": "address of a calendar |foreign keys",
    "compliance_cycle": "cycle|foreign keys",
    "compliance_headaddress": "address of heads |foreign keys",
    "compliance_pack": "pack |foreign keys",
    "compliance_incident": "incident |cycle|foreign keys",
    "compliance_leave": "leave |foreign keys",
    "compliance_rule": "rule |foreign keys",
    "compliance_waiver": "waiver |foreign keys",
    "compliance_merge": "merge|foreign keys",
    "compliance_mergedecision": "merge|foreign keys",
    "compliance_outsidetraining": "outside training |signature |foreign keys",
    "compliance_outsidecheck": "outside training |signature |foreign keys",
    "compliance_outsidedecision": "outside training |signature |foreign keys",
    "compliance_outsidewithdrawal": "outside training |foreign keys",
    "compliance_sitetrainer": "site trainer|foreign keys",
    "compliance_sitesession": "site session |signature |foreign keys",
    "compliance_siteattendance": "site session |signature |foreign keys",
    "compliance_sitesessionwithdrawal": "site session |foreign keys",
    "compliance_hepatitisoffer": "offer |foreign keys",
    "compliance_task": "task |test|foreign keys",
    "quizzes_approval": "approval |foreign keys",
    "quizzes_attempt": "attempt |candidacy |foreign keys",
    "quizzes_attemptgrant": "candidacy |grant |signature |foreign keys",
    "quizzes_attemptitem": "attempt |foreign keys",
    "quizzes_attemptitempoint": "attempt |foreign keys",
    "quizzes_candidacy": "candidacy |attempt |foreign keys",
    "quizzes_answerseen": "answer |foreign keys",
    "quizzes_accommodation": "extra time |foreign keys",
    "quizzes_clinicclock": "clock|foreign keys",
    "quizzes_enquiry": "enquiry |answer |chain |foreign keys",
    "quizzes_enquiryanswer": "answer |chain |foreign keys",
    "quizzes_disposition": "disposition |signature |foreign keys",
    "quizzes_cutfile": "cut-score file |foreign keys",
    "quizzes_panel": "panel |versions of question |cut-score file |panels |foreign keys",
    "quizzes_rating": "cut-score file |panel |foreign keys",
    "quizzes_lateanswer": "late answer |chain |foreign keys",
    "quizzes_mark": "attempt |foreign keys",
    "quizzes_outcome": "attempt |foreign keys",
    "quizzes_question": "question |attempt |cut-score file |foreign keys",
    "quizzes_questionversion": "question |versions of question |attempt |cut-score file |foreign keys",
    "quizzes_quizversion": "quiz |attempt |cut-score file |foreign keys|rules of",
    "quizzes_regrade": "regrade |attempt |signature |foreign keys",
    "quizzes_response": "attempt |foreign keys",
    "quizzes_review": "review |signature |foreign keys",
    "quizzes_review_restudy": "review |foreign keys",
    "quizzes_seal": "attempt |foreign keys",
    "staff_actorname": "commitment of actor name |foreign keys|.*actor's commitment",
    "staff_auditevent": "chain |the house's chain|foreign keys",
    "staff_chain": "chain |the house's chain|foreign keys",
    "staff_clinic": "clinic |foreign keys",
    "staff_staffmember": "account |merge|foreign keys",
    "staff_erasure": "erasure |foreign keys",
    "staff_factorrule": "rule of second factors|rules of second factors|foreign keys",
    "staff_factorreset": "reset of second factors|signature |foreign keys",
    "staff_installationrole": "appointment|enquiry |answer |foreign keys",
    "staff_licence": "licence |foreign keys",
    "staff_membership": "membership|enquiry |foreign keys",
    "staff_membershiprole": "membership|signature |enquiry |answer |foreign keys",
    "staff_legalhold": "legal hold |foreign keys",
    "staff_retentionrule": "retention rule|foreign keys",
    "staff_tombstone": "tombstone|foreign keys",
    "staff_signature": "signature |foreign keys",
    "staff_signingacceptance": "acceptance of signing |foreign keys",
    "staff_storedfile": "stored file|certificate |badge ",
    "certificates_certificatebasis": "programme signing|basis|foreign keys",
    "certificates_programmesigning": "programme signing|certificate |signature |foreign keys",
    "training_protocolreread": "re-reading|foreign keys",
    "training_staterule": "state rule|signature |foreign keys",
    "training_acknowledgement": "sheet |foreign keys",
    "training_observation": "sheet |signature |chain |foreign keys",
    "training_observedline": "sheet |foreign keys",
    "training_observedscore": "sheet |foreign keys",
    "training_observerdecision": "decision |signature |foreign keys",
    "training_practicalversion": "practical |sheet |foreign keys",
    "training_selfevaluation": "self-evaluation|foreign keys",
    "training_adoption": "adoption |signature |foreign keys",
    "training_draft": "draft |foreign keys",
    "training_citation": "section |foreign keys",
    "training_keypoint": "key point|section |question |foreign keys|attempt ",
    "training_keypointversion": "section |foreign keys",
    "training_moduleversion": "module |foreign keys",
    "training_moduleversionsection": "module |foreign keys",
    "training_picture": "picture |section |foreign keys",
    "training_protocolvalue": "protocol value|signature |foreign keys",
    "training_rereading": "foreign keys",
    "training_readingconfirmation": "confirmations |foreign keys",
    "training_sectionversion": "section |versions of section |foreign keys",
    "training_sectionversion_pictures": "section |foreign keys",
}
PROVENANCE = "who and when, not yet told in the audit trail"
ACCESS = "how one signs in; what one may do there, roles say"
# Columns that no hash, event or other row covers, with the reason. What is not listed here is found when it changes.
NOT_COVERED = {
    "certificates_badgekey.recorded_at": PROVENANCE,
    "compliance_pack.due_at": "how far the making is",
    "compliance_pack.done": "how far the making is",
    "compliance_pack.steps": "how far the making is",
    "compliance_pack.tries": "how far the making is",
    "compliance_pack.removed_at": "not told in the audit trail",
    "certificates_certificatefile.file_id": "which drawing is whose is not told",
    "certificates_certificatefile.certificate_id": "which drawing is whose is not told",
    "quizzes_candidacy.reason": PROVENANCE,
    "quizzes_candidacy.opened_at": PROVENANCE,
    "quizzes_candidacy.opened_by_id": PROVENANCE,
    "quizzes_candidacy.closed_at": PROVENANCE,
    "quizzes_candidacy.closed_by_id": PROVENANCE,
    "quizzes_candidacy.person_id": "covered once an attempt is sealed",
    "quizzes_candidacy.cycle": "covered once an attempt is sealed",
    "quizzes_candidacy.clinic_id": "covered once an attempt is sealed",
    "quizzes_answerseen.answer_id": "not told in the audit trail",
    "quizzes_answerseen.seen_at": "not told in the audit trail",
    "quizzes_quizversion.created_at": PROVENANCE,
    "quizzes_quizversion.created_by_id": PROVENANCE,
    "quizzes_questionversion.state": "may change",
    "quizzes_questionversion.origin": PROVENANCE,
    "quizzes_questionversion.created_at": PROVENANCE,
    "quizzes_questionversion.created_by_id": PROVENANCE,
    "quizzes_questionversion.stale_at": "may change",
    "quizzes_questionversion.stale_by_id": "may change",
    "staff_storedfile.stored_at": PROVENANCE,
    "staff_staffmember.password": ACCESS,
    "staff_staffmember.last_login": ACCESS,
    "staff_staffmember.email": ACCESS,
    "staff_staffmember.theme": "no record",
    "staff_staffmember.public_id": "stands in addresses; records name people by their numbers",
    "staff_staffmember.joined_at": "each membership says when it began",
    "staff_membership.began_at": "may lie before its event",
    "staff_membershiprole.granted_at": "may lie before its event",
    "training_protocolreread.value_id": "not told in the audit trail",
    "training_protocolreread.person_id": "not told in the audit trail",
    "training_protocolreread.section_id": "not told in the audit trail",
    "training_acknowledgement.observation_id": "one a sheet",
    "training_practicalversion.published_at": PROVENANCE,
    "training_practicalversion.published_by_id": PROVENANCE,
    "training_selfevaluation.person_id": "not told in the audit trail",
    "training_selfevaluation.practical_id": "not told in the audit trail",
    "training_selfevaluation.scores": "not told in the audit trail",
    "training_selfevaluation.evaluated_at": "not told in the audit trail",
    "training_keypoint.retired_at": "may change",
    "training_keypoint.retired_by_id": "may change",
    "training_draft.revision": "rises while it is written",
    "training_draft.saved_at": "while it is written; who wrote is told when it is published",
    "training_draft.saved_by_id": "while it is written; who wrote is told when it is published",
    "training_picture.width": "of an uploaded one only, as its file is",
    "training_picture.height": "of an uploaded one only, as its file is",
    "training_rereading.person_id": "not told in the audit trail",
    "training_rereading.module_id": "not told in the audit trail",
    "training_rereading.asked_at": "not told in the audit trail",
    "training_rereading.asked_by_id": "not told in the audit trail",
    "training_readingconfirmation.person_id": "not told in the audit trail",
    "training_readingconfirmation.section_version_id": "not told in the audit trail",
    "training_readingconfirmation.confirmed_at": "not told in the audit trail",
    "training_sectionversion.minutes": "computed from the text",
    "training_sectionversion.origin": PROVENANCE,
    "training_sectionversion.created_at": PROVENANCE,
    "training_sectionversion.created_by_id": PROVENANCE,
}

# Rows whose going nothing tells of.
MAY_GO = {
    "staff_actorname": "that is how a person is erased",
    "certificates_certificatefile": "a drawing is made again from the facts; it is not told in the audit trail",
    "quizzes_answerseen": "not told in the audit trail",
    "quizzes_candidacy": "one without an attempt",
    "training_readingconfirmation": "not told in the audit trail",
    "training_selfevaluation": "not told in the audit trail",
    "training_protocolreread": "not told in the audit trail",
    "training_rereading": "not told in the audit trail",
}


def table(name: str) -> type[models.Model]:
    return next(m for m in apps.get_models(include_auto_created=True) if m._meta.db_table == name)


def columns() -> list[tuple[str, str]]:
    """Every covered column of every legal table."""
    return [
        (name, str(field.column))
        for name in NAMED
        for field in table(name)._meta.concrete_fields
        if not field.primary_key and f"{name}.{field.column}" not in NOT_COVERED
    ]


def columns_to_try() -> list[Any]:
    """One column of each table in every run, the others in `make proof`."""
    found = columns()
    tried = {name: random.Random(name).choice([column for at, column in found if at == name]) for name, _ in found}
    return [
        pytest.param(name, column, marks=() if tried[name] == column else pytest.mark.proof, id=f"{name}-{column}")
        for name, column in found
    ]


def field_of(name: str, column: str) -> Any:
    return next(field for field in table(name)._meta.concrete_fields if field.column == column)


def other(field: Any, value: Any, dice: random.Random) -> Any:
    """Another value of the same type, one character, bit or step away."""
    if isinstance(field, models.BooleanField):
        return not value
    if isinstance(field, models.DateTimeField):
        return value + timedelta(hours=dice.choice((-3, 3)))
    if isinstance(field, models.DateField):
        return value + timedelta(days=dice.choice((-1, 1)))
    if isinstance(field, models.BinaryField):
        data = bytearray(value)
        place = dice.randrange(len(data))
        data[place] ^= 1 << dice.randrange(8)
        return bytes(data)
    if isinstance(value, Decimal):
        return value + 1
    if isinstance(value, int):
        return value + dice.choice((-1, 1)) if value > 0 else value + 1
    if not value:
        return "x"
    place = dice.randrange(len(value))
    letter = dice.choice([char for char in "0a1bX" if char != value[place]])
    return value[:place] + letter + value[place + 1 :]


def rows_on_record(name: str) -> list[int]:
    where = ON_RECORD.get(name, "1 = 1")
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT id FROM "{name}" WHERE {where} ORDER BY id')
        return [row[0] for row in cursor.fetchall()]


def execute(sql: str, *values: Any) -> Callable[[], None]:
    def change() -> None:
        with connection.cursor() as cursor:
            cursor.execute(sql, values)

    return change


def flip(name: str, column: str, pk: int, dice: random.Random) -> Callable[[], None] | None:
    """A change of one column of one row; None where there is nothing to change."""
    field = field_of(name, column)
    value = table(name)._base_manager.values_list(field.attname, flat=True).get(pk=pk)
    if value is None:
        return None
    new = field.get_db_prep_value(other(field, value, dice), connection)
    return execute(f'UPDATE "{name}" SET "{column}" = %s WHERE id = %s', new, pk)


def tried(change: Callable[[], None]) -> str:
    """What came of a change: the first finding in words, "refused" by the database, or nothing at all. It is undone."""
    try:
        with transaction.atomic():
            change()
            if connection.vendor == "postgresql":
                connection.check_constraints()
            report = records.verify()
            transaction.set_rollback(True)
    except IntegrityError:
        return "refused"
    return str(report.findings[0]) if report.findings else ""


def lift() -> None:
    """Drop the triggers for the rest of the transaction, which is rolled back."""
    connection.check_constraints()
    with connection.cursor() as cursor:
        for guard in guards.all_guards():
            for trigger in guard.trigger_names():
                on = f' ON "{guard.table}"' if connection.vendor == "postgresql" else ""
                cursor.execute(f'DROP TRIGGER IF EXISTS "{trigger}"{on}')
