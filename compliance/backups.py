"""Backup and restore with the database's own means, and a restore that is believed only once the copy adds up.

SQLite is copied by its online backup, page by page from one consistent state, while the site runs. PostgreSQL is dumped and
restored by pg_dump and pg_restore. Beside the copy lies what it holds (rows of each table, heads of the chains, hash), taken from
the copy itself where that can be opened, so that a restore is compared with what was written and not with what was meant.
"""

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import psycopg
from django.apps import apps
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from psycopg import sql

from compliance import records
from compliance.trail import heads
from staff import canonical, clock
from staff.models import Heartbeat

DRILL = "backup drill"
FORMAT = "pinpoint-backup-1"
POSTGRESQL = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
)
PROBE = "import django; django.setup(); from compliance import backups; backups.tell()"


class Refused(Exception):
    """Says in a sentence what was not done, and the way out."""


@dataclass(frozen=True)
class Manifest:
    """What the copy holds."""

    format: str
    engine: str
    made_at: str
    sha256: str
    rows: dict[str, int]
    heads: list[str]

    def text(self) -> str:
        return json.dumps(asdict(self), indent=1, sort_keys=True) + "\n"


def manifest_of(file: Path) -> Path:
    return file.with_name(f"{file.name}.json")


def digest(file: Path) -> str:
    found = sha256()
    with file.open("rb") as opened:
        while piece := opened.read(2**20):
            found.update(piece)
    return found.hexdigest()


def rows() -> dict[str, int]:
    """How many rows each table of the site has now."""
    found = apps.get_models(include_auto_created=True)
    tables = [model for model in found if model._meta.managed and not model._meta.proxy]
    return {model._meta.db_table: model._base_manager.count() for model in tables}


def chains() -> list[str]:
    """Each chain's number and head, without the instant of asking."""
    return [f"{head.chain} {head.seq} {head.hash}" for head in heads.heads()]


# Making one.


def backup(file: Path) -> Manifest:
    """Write the copy and its manifest; neither is there before it is whole."""
    file = file.resolve()
    if file.exists():
        raise Refused(f"{file} is there already. Name a file that is not, so that no backup is lost to another.")
    unfinished = file.with_name(f"{file.name}.unfinished")
    try:
        os.close(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
        counted, stood = _copy(unfinished)
        made = Manifest(FORMAT, connection.vendor, canonical.instant(clock.now()), digest(unfinished), counted, stood)
        beside = manifest_of(unfinished)
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
            out.write(made.text())
        beside.replace(manifest_of(file))
        unfinished.replace(file)
    except OSError as error:
        raise Refused(f"{file} was not written: {error.strerror}.") from None
    finally:
        unfinished.unlink(missing_ok=True)
        manifest_of(unfinished).unlink(missing_ok=True)
    return made


def _copy(target: Path) -> tuple[dict[str, int], list[str]]:
    if connection.vendor == "postgresql":
        # One snapshot for the dump and the counts: what is committed in between is in neither.
        with records.one_instant(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_export_snapshot()")
            snapshot = cursor.fetchone()[0]
            counted, stood = rows(), chains()
            _tool(
                "pg_dump", "--format=custom", "--no-owner", f"--snapshot={snapshot}", f"--file={target}",
                f"--dbname={_own_url()}",
            )  # fmt: skip
        return counted, stood
    source = f"file:{quote(_path())}?mode=ro"
    with closing(sqlite3.connect(source, uri=True, timeout=30)) as live, closing(sqlite3.connect(target)) as copy:
        live.backup(copy)
    told = _told_by(f"sqlite:///{target}")
    if "rows" not in told:
        raise Refused("The database is of another release: back it up with that, or run migrate first.")
    for tail in ("-wal", "-shm", ".lock"):
        target.with_name(f"{target.name}{tail}").unlink(missing_ok=True)
    return told["rows"], told["heads"]


def _path() -> str:
    name = str(connection.settings_dict["NAME"])
    if connection.is_in_memory_db():  # type: ignore[attr-defined]
        raise Refused("The database is in memory, so there is nothing to back up.")
    return name


def tell() -> None:
    """For a process of its own that looks at a copy: what it holds, as JSON, and whether migrations wait for it. Of a copy
    whose tables are another release's, only that."""
    migrations = MigrationExecutor(connection)
    told: dict[str, Any] = {"waiting": bool(migrations.migration_plan(migrations.loader.graph.leaf_nodes()))}
    try:
        told |= {"rows": rows(), "heads": chains()}
    except DatabaseError:
        if not told["waiting"]:
            raise
    sys.stdout.write(json.dumps(told) + "\n")


def _told_by(url: str) -> dict[str, Any]:
    run = _django(url, "-c", PROBE)
    if run.returncode:
        raise Refused(f"The copy cannot be read: {run.stderr.strip().splitlines()[-1:]}")
    told: dict[str, Any] = json.loads(run.stdout.strip().splitlines()[-1])
    return told


def _django(url: str, *words: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "config.settings"}
    return subprocess.run(  # noqa: S603 (this very Python, with words of this file)
        [sys.executable, *words], cwd=settings.BASE_DIR, env=environment, capture_output=True, text=True, check=False
    )


# Bringing one back.


def restore(file: Path, *, to: str, over: bool = False, erasures: Path | None = None) -> list[str]:
    """Restore into the database at `to`, and look whether it is what was backed up and adds up. Returns what was found wrong.

    `over`: what is there is replaced. Never the database that this process itself is connected to.
    """
    manifest = _manifest(file)
    if to.startswith("sqlite:///"):
        to = f"sqlite:///{Path(to.removeprefix('sqlite:///')).resolve()}"
    if _is_own(to):
        raise Refused("That is the database this site runs on. Restore beside it, look, then point DATABASE_URL there.")
    if to.startswith("sqlite:") != (manifest.engine == "sqlite"):
        raise Refused(f"The backup is one of {manifest.engine}, and {to.split(':')[0]} is another engine.")
    if manifest.engine == "sqlite":
        _restore_file(file, Path(to.removeprefix("sqlite:///")), over)
    else:
        _restore_dump(file, to, over)
    return examine(to, manifest, erasures)


def examine(url: str, manifest: Manifest, erasures: Path | None = None) -> list[str]:
    """Is the database at `url` what the manifest says, and does it add up? In sentences, none if all is well."""
    wrong = []
    told = _told_by(url)
    if told["waiting"]:
        return ["The backup is of another release: run migrate on the copy, then verify_records."]
    counted: dict[str, int] = told["rows"]
    for table in sorted({*manifest.rows, *counted}):
        then, now = manifest.rows.get(table), counted.get(table)
        if then != now:
            wrong.append(f"{table}: {then} rows when it was backed up, {now} in the copy.")
    if told["heads"] != manifest.heads:
        wrong.append("The heads of the chains are not those of the backup.")
    if erasures is not None:
        run = _django(url, "manage.py", "erasures", "--replay", str(erasures))
        if run.returncode:
            wrong.append(f"The ledger of erasures was not carried out whole: {run.stdout}{run.stderr}".strip())
    verified = _django(url, "manage.py", "verify_records", "--all")
    if verified.returncode:
        said = [line for line in verified.stdout.splitlines() if line.startswith("Does not add up")]
        wrong += said or [f"verify_records ended with {verified.returncode}: {verified.stderr.strip()[-300:]}"]
    return wrong


def _manifest(file: Path) -> Manifest:
    try:
        said = json.loads(manifest_of(file).read_text(encoding="utf-8"))
        manifest = Manifest(**said)
        found = digest(file)
    except OSError as error:
        raise Refused(f"{error.filename} cannot be read: {error.strerror}.") from None
    except (ValueError, TypeError):
        raise Refused(f"{manifest_of(file)} is not the manifest of a backup.") from None
    if found != manifest.sha256:
        raise Refused(
            f"{file} is not the file that was backed up: its hash is {found[:16]}…, {manifest.sha256[:16]}… was written."
        )
    return manifest


def _is_own(url: str) -> bool:
    if connection.vendor == "postgresql":
        mine, asked = urlsplit(_own_url()), urlsplit(url)
        return (mine.hostname, mine.port, mine.path) == (asked.hostname, asked.port or 5432, asked.path)
    path = Path(url.removeprefix("sqlite:///"))
    return path.exists() and path.samefile(str(connection.settings_dict["NAME"]))


def _restore_file(file: Path, target: Path, over: bool) -> None:
    if target.exists() and not over:
        raise Refused(f"{target} is there already. Name a new path, or say --over if nothing runs on it.")
    target.parent.mkdir(parents=True, exist_ok=True)
    for tail in ("", "-wal", "-shm"):
        target.with_name(f"{target.name}{tail}").unlink(missing_ok=True)
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT, 0o600))
    shutil.copyfile(file, target)
    with closing(sqlite3.connect(target)) as copy:
        said = [row[0] for row in copy.execute("PRAGMA integrity_check")]
        loose = copy.execute("PRAGMA foreign_key_check").fetchall()
    if said != ["ok"] or loose:
        raise Refused(f"{target} is damaged: {(said + [str(row) for row in loose])[0]}. The backup is of no use.")


def _restore_dump(file: Path, url: str, over: bool) -> None:
    server, name = _server_of(url)
    with psycopg.connect(server, autocommit=True) as admin:
        there = admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
        if there and not over:
            raise Refused(f"A database {name} is there already. Name a new one, or say --over if nothing runs on it.")
        if there:
            admin.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    _tool("pg_restore", f"--dbname={url}", "--no-owner", "--exit-on-error", "--single-transaction", str(file))


def _drop(url: str) -> None:
    server, name = _server_of(url)
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))


def _server_of(url: str) -> tuple[str, str]:
    """Where databases are made and dropped, and the name of this one."""
    server, _, name = url.rpartition("/")
    if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
        raise Refused(f"{name} is no plain name of a database: letters, digits, - and _ only.")
    return f"{server}/postgres", name


def _own_url() -> str:
    said = connection.settings_dict
    who = quote(str(said["USER"])) + (f":{quote(str(said['PASSWORD']))}" if said["PASSWORD"] else "")
    return f"postgresql://{who}@{said['HOST']}:{said['PORT'] or 5432}/{said['NAME']}"


def _tool(name: str, *words: str) -> str:
    found = shutil.which(name)
    for pattern in POSTGRESQL if found is None else ():
        places = sorted(Path("/").glob(f"{pattern.lstrip('/')}/{name}"), reverse=True)
        found = str(places[0]) if places else found
    if found is None:
        raise Refused(f"{name} is not on this machine. On Debian or Ubuntu: apt-get install postgresql-client.")
    environment = os.environ | {"LC_ALL": "C"}
    plain = []
    for word in words:
        match = re.fullmatch(r"(.*?postgres(?:ql)?://[^:@/]+)(?::([^@/]*))?(@.*)", word)
        plain.append(f"{match[1]}{match[3]}" if match else word)
        if match and match[2]:
            environment["PGPASSWORD"] = unquote(match[2])  # whoever lists the processes does not see it
    run = subprocess.run(  # noqa: S603 (PostgreSQL's own tool, with words of this file and the operator's)
        [found, *plain], capture_output=True, text=True, check=False, env=environment
    )
    if run.returncode:
        raise Refused(f"{name} ended with {run.returncode}: {run.stderr.strip()[-500:]}")
    return run.stdout


# Trying it.


def drill(*, beside: str = "") -> tuple[list[str], timedelta]:
    """Back up, restore into a new place, look, and throw it away. What was found wrong, and how long it took.

    `beside`: on PostgreSQL the address of a database that does not exist yet.
    """
    began = datetime.now()
    place = settings.DATA_DIR if settings.DATA_DIR.exists() else None
    with tempfile.TemporaryDirectory(prefix="drill-", dir=place) as folder:
        file = Path(folder) / "backup"
        backup(file)
        url = beside or (
            f"sqlite:///{folder}/restored.sqlite3"
            if connection.vendor == "sqlite"
            else f"{_own_url()}_drill".replace("postgresql://", "postgres://", 1)
        )
        try:
            wrong = restore(file, to=url)
        finally:
            if connection.vendor == "postgresql":
                _drop(url)
    if not wrong:
        Heartbeat.objects.update_or_create(name=DRILL, defaults={"beat_at": clock.now()})
    return wrong, datetime.now() - began
