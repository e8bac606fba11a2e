"""The walk over the records where it needs a database of its own; test_records.py changes one history in many ways."""

from io import StringIO
from threading import Thread

import pytest
from django.core.management import call_command
from django.db import connection

from compliance import records
from quizzes.models import Attempt
from staff import clock, guards
from staff.models import Chain, Clinic
from tests import factories
from tests.conftest import NOW


@pytest.mark.django_db
def test_verify_names_a_missing_trigger(cast, module):
    name = guards.insert_only("quizzes_seal").trigger_names()[0]
    connection.check_constraints()
    with connection.cursor() as cursor:
        cursor.execute(f'DROP TRIGGER "{name}"' + (' ON "quizzes_seal"' if connection.vendor == "postgresql" else ""))
    assert str(records.verify().findings[0]).startswith(f"trigger {name}: expected in place, found missing")


@pytest.mark.django_db
def test_verify_names_a_clinic_without_its_chain(cast):
    clinic = Clinic.objects.create(name="New", address="3 Hill", zone="UTC")
    first, opening = records.verify(everything=True).findings
    assert str(first) == f"chain of clinic {clinic.public_id}: expected one, found none"
    assert opening.what == f"clinic {clinic.public_id}, its events of opening"
    Chain.objects.create(clinic=clinic)
    assert records.verify().findings == [opening], "and nobody opened it"


@pytest.mark.django_db(transaction=True)
def test_verify_sees_one_instant_and_holds_up_no_writer(cast, module):
    factories.make_finished(person=cast.aesthetician, course=module)
    problems = []

    def write() -> None:
        try:
            with clock.at(NOW):
                factories.make_finished(person=cast.colleague, course=module)
        except BaseException as error:
            problems.append(error)
        finally:
            connection.close()

    with records.one_instant():
        before = Attempt.objects.count()
        writer = Thread(target=write)
        writer.start()
        writer.join(20)
        assert not writer.is_alive()
        assert Attempt.objects.count() == before
    assert not problems
    assert Attempt.objects.count() == before + 1
    assert records.verify().clean


@pytest.mark.django_db
def test_command_says_that_everything_adds_up(cast, module):
    factories.make_finished(person=cast.aesthetician, course=module)
    out = StringIO()
    call_command("verify_records", stdout=out)
    assert "1 sealed attempts" in out.getvalue()
    assert out.getvalue().endswith("Everything adds up.\n")
