"""That the guards are there, come back, and outlive the emptying between tests. What they refuse: test_guards.py."""

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from quizzes.models import AttemptItem, QuestionVersion, Response, Seal
from staff import guards
from staff.models import Chain, StaffMember
from tests import factories, people


@pytest.mark.django_db
def test_none_is_missing_after_migrate():
    assert guards.missing() == []
    names = [name for guard in guards.all_guards() for name in guard.trigger_names()]
    assert len(set(names)) == len(names) > 50


@pytest.mark.django_db
def test_missing_names_what_was_dropped_and_migrate_puts_it_back():
    name = guards.insert_only("quizzes_seal").trigger_names()[0]
    with connection.cursor() as cursor:
        cursor.execute(f'DROP TRIGGER "{name}"' + (' ON "quizzes_seal"' if connection.vendor == "postgresql" else ""))
    assert guards.missing() == [name]
    call_command("migrate", verbosity=0)
    assert guards.missing() == []


@pytest.mark.django_db
def test_missing_names_a_trigger_that_does_nothing():
    """Under the right name, but empty."""
    name = guards.insert_only("quizzes_seal").trigger_names()[0]
    empty = f'CREATE TRIGGER "{name}" BEFORE UPDATE ON "quizzes_seal" BEGIN SELECT 1; END'
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                f'CREATE OR REPLACE FUNCTION "{name}"() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$'
            )
        else:
            cursor.execute(f'DROP TRIGGER "{name}"')
            cursor.execute(empty)
    assert guards.missing() == [name]
    guards.install()
    assert guards.missing() == []


@pytest.mark.django_db
def test_install_may_be_repeated():
    guards.install()
    guards.install()
    assert guards.missing() == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("model", "name"), [(AttemptItem, "answer"), (Response, "payload"), (QuestionVersion, "origin"), (Seal, "sha256")]
)
def test_a_guarded_table_with_rows_can_be_altered(cast, module, model, name):
    """SQLite makes the table anew, though triggers of others speak of it; no row is lost and no guard is down after."""
    factories.make_finished(person=cast.aesthetician, course=module)
    rows = model.objects.count()
    old = model._meta.get_field(name)
    wider = old.clone()
    wider.max_length += 1
    wider.set_attributes_from_name(name)
    wider.model = model
    for before, after in ((old, wider), (wider, old)):
        with connection.schema_editor() as editor:
            editor.alter_field(model, before, after)
        assert guards.missing() == []
    assert model.objects.count() == rows > 0


@pytest.mark.django_db(transaction=True)
def test_flush_is_refused_while_the_guards_are_there(cast):
    """Emptying the database is for the tests, and past the guards (tests/emptied.py)."""
    with pytest.raises(CommandError):
        call_command("flush", interactive=False, verbosity=0)
    assert StaffMember.objects.filter(pk=cast.physician.pk).exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("time", [1, 2])
def test_transactional_tests_begin_as_after_migrate(time):
    """The first leaves rows behind, the second must not meet them."""
    assert list(StaffMember.objects.values_list("full_name", flat=True)) == ["Pinpoint"]
    assert Chain.objects.get().house
    assert guards.missing() == []
    people.make_cast()
