#!/usr/bin/env python3
"""Keep a database of today for the upgrade test of later releases: `scripts/keep_upgrade.py NAME`, once a release.

It holds the history that the verifier is tested with, one act of each kind, and no password; it is written to
`tests/upgrade/` as SQL, which is never edited afterwards. It needs the test requirements.
"""

import lzma
import os
import re
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
KEYS = {  # of what is kept there, and of nothing else
    "SECRET_KEY": "only-for-the-upgrade-test-0123456789012345678901234567890123456789",
    "SIGNING_KEYS": "upgrade:" + "0123456789abcdef" * 4,
}


def main(name: str) -> None:
    sys.path.insert(0, str(ROOT))
    with tempfile.TemporaryDirectory(prefix="pinpoint-upgrade-") as folder:
        made = Path(folder) / "now.sqlite3"
        from tests import environment  # noqa: F401  sets the settings of the tests, of which two are changed here

        os.environ |= KEYS | {"DJANGO_SETTINGS_MODULE": "config.settings", "DATABASE_URL": f"sqlite:///{made}"}
        build()
        with closing(sqlite3.connect(made)) as database:
            dump = "\n".join(dumped(database))
    file = ROOT / "tests/upgrade" / f"{name}.sql.xz"
    file.write_bytes(lzma.compress(f"{dump}\n".encode(), preset=9))
    print(f"{file.relative_to(ROOT)}: {file.stat().st_size // 1024} KB")


def dumped(database: sqlite3.Connection) -> Iterator[str]:
    """As SQL that SQLite reads again: its own dump writes the index of search in a way that it does not."""
    virtual = database.execute("SELECT name, sql FROM sqlite_master WHERE sql LIKE 'CREATE VIRTUAL TABLE%'").fetchall()
    own = tuple(name for name, _ in virtual)
    for statement in database.iterdump():
        if statement == "COMMIT;":
            yield from (f"{made};" for _, made in virtual)
            yield from words_of(database, own)
        head = statement[:200].replace("'", '"')
        if "writable_schema" in head or any(re.search(rf'(TABLE|INTO) "{name}|"{name}"', head) for name in own):
            continue
        yield statement


def words_of(database: sqlite3.Connection, own: tuple[str, ...]) -> Iterator[str]:
    for table in own:
        for rowid, *values in database.execute(f"SELECT rowid, * FROM {table} ORDER BY rowid"):
            quoted = ", ".join("'" + value.replace("'", "''") + "'" for value in values)
            names = ", ".join(name for _, name, *_ in database.execute(f"PRAGMA table_info({table})"))
            yield f"INSERT INTO {table} (rowid, {names}) VALUES ({rowid}, {quoted});"


def build() -> None:
    import django

    django.setup()
    from django.contrib.auth.hashers import make_password
    from django.core.management import call_command
    from django.db import connections, transaction

    from staff import clock
    from staff.models import StaffMember
    from tests import factories, people
    from tests.compliance.histories import make_history
    from tests.conftest import NOW

    call_command("migrate", verbosity=0)
    with clock.at(NOW), transaction.atomic():
        cast = people.make_cast()
        course = factories.make_module(by=cast.pinpoint, adopted_by=cast.physician)
        make_history(cast, course)
        StaffMember.objects.update(password=make_password(None))
    connections.close_all()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(sys.argv[1])
