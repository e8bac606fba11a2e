"""Database triggers that keep records as they are, on both engines.

Each app lists its tables in a `guards.py` of its own. The triggers are put in place after every migrate, because Django
rebuilds SQLite tables on some migrations and their triggers are lost; `verify_records` and a test see that each is there.
"""

import importlib
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db import connection

# Records of a person, which go when the time they are kept is over: each only where its tombstone stands (staff/keeping.py).
# Nothing else is ever deleted: no event, no person, no membership, no text that was taught, no rule.
GATED = frozenset(
    f"{app}_{name}"
    for app, names in {
        "staff": "signature storedfile licence",
        "training": "reading readingconfirmation rereading selfevaluation protocolreread observation observedline "
        "observedscore acknowledgement",
        "quizzes": "candidacy attempt attemptitem attemptitempoint response lateanswer seal mark outcome review "
        "review_restudy attemptgrant accommodation disposition enquiry enquiryanswer answerseen",
        "certificates": "certificate certificateevent certificatefile certificatebasis programmesigning badge badgesubject",
        "compliance": "cycle rule waiver leave incident outsidetraining outsidecheck outsidedecision outsidewithdrawal "
        "hepatitisoffer",
    }.items()
    for name in names.split()
)
STANDS = 'SELECT 1 FROM staff_tombstone t WHERE t."table" = \'{table}\' AND t."row" = OLD.id'


@dataclass(frozen=True)
class Guard:
    """Refuses `events` on `table`; `when` is SQL over OLD (or NEW for an insert), true where it must be refused."""

    table: str
    name: str
    events: tuple[str, ...]
    sentence: str
    when: str = ""
    columns: tuple[str, ...] = ()

    def is_gated(self, event: str) -> bool:
        return event == "DELETE" and not self.when and self.table in GATED

    def trigger_names(self) -> list[str]:
        return [f"guard_{self.table}_{self.name}_{event.lower()}" for event in self.events]


def insert_only(table: str) -> Guard:
    return Guard(table, "insert_only", ("UPDATE", "DELETE"), f"{table} is insert-only: a correction is a new row")


def never_deleted(table: str) -> Guard:
    return Guard(table, "kept", ("DELETE",), f"{table} rows are never deleted: end them instead")


def all_guards() -> list[Guard]:
    found: list[Guard] = []
    for app in apps.get_app_configs():
        if importlib.util.find_spec(f"{app.name}.guards") and app.name != "staff":
            found += importlib.import_module(f"{app.name}.guards").GUARDS
    return STAFF_GUARDS + found


STAFF_GUARDS = [
    insert_only("staff_auditevent"),
    insert_only("staff_signingacceptance"),
    insert_only("staff_signature"),
    Guard(
        "staff_signature",
        "accepted",
        ("INSERT",),
        "whoever signs has first accepted what an electronic signature is",
        when="NOT EXISTS (SELECT 1 FROM staff_signingacceptance a WHERE a.person_id = NEW.signer_id)",
    ),
    insert_only("staff_storedfile"),
    insert_only("staff_retentionrule"),
    insert_only("staff_factorrule"),
    insert_only("staff_factorreset"),
    Guard(
        "staff_securityevent",
        "a_year",
        ("DELETE",),
        "what happened at a sign-in is kept for a year",
        when="OLD.until_at > CURRENT_TIMESTAMP AND NOT EXISTS (SELECT 1 FROM staff_staffmember p "
        "WHERE p.id = OLD.person_id AND substr(p.email, 1, 7) = 'erased-')",
    ),
    Guard("staff_securityevent", "unedited", ("UPDATE",), "what happened at a sign-in is never edited"),
    insert_only("staff_erasure"),
    insert_only("staff_tombstone"),
    never_deleted("staff_legalhold"),
    Guard(
        "staff_legalhold",
        "fixed",
        ("UPDATE",),
        "a legal hold keeps what it was placed on, and a lifted one does not change",
        when="OLD.lifted_at IS NOT NULL OR NEW.clinic_id <> OLD.clinic_id OR NEW.reason <> OLD.reason OR "
        "COALESCE(NEW.person_id, 0) <> COALESCE(OLD.person_id, 0) OR NEW.placed_at <> OLD.placed_at OR "
        "NEW.placed_by_id <> OLD.placed_by_id",
    ),
    never_deleted("staff_staffmember"),
    Guard(
        "staff_staffmember",
        "alias",
        ("UPDATE",),
        "an account that was merged stays so",
        when="OLD.merged_into_id IS NOT NULL AND (NEW.merged_into_id IS NULL OR NEW.merged_into_id <> OLD.merged_into_id)",
        columns=("merged_into_id",),
    ),
    never_deleted("staff_clinic"),
    never_deleted("staff_membership"),
    never_deleted("staff_membershiprole"),
    never_deleted("staff_installationrole"),
    never_deleted("staff_chain"),
    Guard(
        "staff_chain",
        "forward",
        ("UPDATE",),
        "a chain only grows",
        when="NEW.seq <> OLD.seq + 1 OR NEW.house <> OLD.house",
    ),
]


def _statement_on_sqlite(guard: Guard, event: str, name: str) -> str:
    of = f" OF {', '.join(guard.columns)}" if guard.columns and event == "UPDATE" else ""
    condition = f" WHERE {guard.when}" if guard.when else ""
    if guard.is_gated(event):
        condition = f" WHERE NOT EXISTS ({STANDS.format(table=guard.table)})"
    return (
        f'CREATE TRIGGER "{name}" BEFORE {event}{of} ON "{guard.table}" '
        f"BEGIN SELECT RAISE(ABORT, '{guard.sentence}'){condition}; END"
    )


def _function_on_postgresql(guard: Guard, event: str) -> str:
    """The body of the trigger's function."""
    refusal = f"RAISE EXCEPTION '{guard.sentence}';"
    body = f"IF {guard.when} THEN {refusal} END IF;" if guard.when else refusal
    if guard.is_gated(event):  # a TRUNCATE has no OLD
        stands = STANDS.format(table=guard.table)
        body = f"IF TG_OP = 'TRUNCATE' THEN {refusal} END IF; IF NOT EXISTS ({stands}) THEN {refusal} END IF;"
    return f" BEGIN {body} RETURN {'OLD' if event == 'DELETE' else 'NEW'}; END "


def _sqlite(guard: Guard, event: str, name: str) -> list[str]:
    return [f'DROP TRIGGER IF EXISTS "{name}"', _statement_on_sqlite(guard, event, name)]


def _postgresql(guard: Guard, event: str, name: str) -> list[str]:
    of = f" OF {', '.join(guard.columns)}" if guard.columns and event == "UPDATE" else ""
    on = f'ON "{guard.table}"'
    statements = [
        f'CREATE OR REPLACE FUNCTION "{name}"() RETURNS trigger LANGUAGE plpgsql AS '
        f"$guard${_function_on_postgresql(guard, event)}$guard$",
        f'DROP TRIGGER IF EXISTS "{name}" {on}',
        f'CREATE TRIGGER "{name}" BEFORE {event}{of} {on} FOR EACH ROW EXECUTE FUNCTION "{name}"()',
    ]
    if event == "DELETE" and not guard.when:  # TRUNCATE empties a table without deleting a row
        statements += [
            f'DROP TRIGGER IF EXISTS "{name}_truncate" {on}',
            f'CREATE TRIGGER "{name}_truncate" BEFORE TRUNCATE {on} FOR EACH STATEMENT EXECUTE FUNCTION "{name}"()',
        ]
    return statements


def install() -> None:
    """Put every guard in place whose table and columns are there, as they are once every migration has run; safe to repeat."""
    write = _postgresql if connection.vendor == "postgresql" else _sqlite
    tables = set(connection.introspection.table_names())
    with connection.cursor() as cursor:
        for guard in all_guards():
            if guard.table in tables and _has(cursor, guard.table, guard.columns):
                for event, name in zip(guard.events, guard.trigger_names(), strict=True):
                    for statement in write(guard, event, name):
                        cursor.execute(statement)


def _has(cursor: Any, table: str, columns: Sequence[str]) -> bool:
    if not columns:
        return True
    cursor.execute(f'SELECT * FROM "{table}" LIMIT 0')  # noqa: S608 (a table of ours)
    return {column[0] for column in cursor.description}.issuperset(columns)


def install_after_migrate(app_config: Any, **kwargs: Any) -> None:
    if app_config.name == "staff":  # once a migrate
        install()


def missing() -> list[str]:
    """Names of triggers that ought to be there and are not, are switched off, or do something else than they should."""
    present = _present()
    wanted = {
        name: _function_on_postgresql(guard, event)
        if connection.vendor == "postgresql"
        else _statement_on_sqlite(guard, event, name)
        for guard in all_guards()
        for event, name in zip(guard.events, guard.trigger_names(), strict=True)
    }
    return sorted(name for name, text in wanted.items() if present.get(name) != text)


def _present() -> dict[str, str]:
    """Each trigger's text by its name: the statement on SQLite, its function's body on PostgreSQL."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT t.tgname, p.prosrc FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid "
                "WHERE NOT t.tgisinternal AND t.tgenabled <> 'D'"
            )
        else:
            cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        return dict(cursor.fetchall())
