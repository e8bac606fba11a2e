"""A backup is written whole, restored into a new place only, and believed once the copy adds up. On both engines."""

import json
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.urls import reverse

from compliance import backups
from staff import actions, clock
from staff.models import Clinic, Heartbeat, StaffMember


@pytest.fixture
def place(tmp_path):
    """Where copies go: a file, or a database of the same server that is dropped afterwards."""
    if connection.vendor == "sqlite":
        yield f"sqlite:///{tmp_path}/restored.sqlite3"
        return
    url = f"{backups._own_url()}_restored".replace("postgresql://", "postgres://", 1)
    yield url
    backups._drop(url)


def restored(file: Path, place: str, **options) -> str:
    out = StringIO()
    call_command("restore", str(file), to=place, stdout=out, **options)
    return out.getvalue()


@pytest.mark.django_db(transaction=True)
def test_a_backup_comes_back_and_adds_up(tmp_path, place, settings):
    site = StaffMember.objects.pinpoint()
    actions.open_clinic(name="Lakeside Skin Clinic", address="1 Lake Road", zone="America/Denver", by=site)
    file = tmp_path / "backup"
    call_command("backup", str(file), stdout=StringIO())
    actions.open_clinic(name="Harbour Aesthetics", address="2 Quay", zone="Europe/London", by=site)
    assert file.stat().st_mode & 0o077 == 0
    made = json.loads(backups.manifest_of(file).read_text())
    assert (made["engine"], made["rows"]["staff_clinic"], len(made["heads"])) == (connection.vendor, 1, 2)
    with pytest.raises(CommandError, match="is there already"):
        call_command("backup", str(file))
    own = f"sqlite:///{connection.settings_dict['NAME']}" if connection.vendor == "sqlite" else backups._own_url()
    with pytest.raises(CommandError, match="the database this site runs on"):
        restored(file, own, over=True)

    assert "everything adds up" in restored(file, place)
    with pytest.raises(CommandError, match="is there already"):
        restored(file, place)
    assert Clinic.objects.count() == 2
    manifest = backups._manifest(file)
    wrong = backups.Manifest(**(manifest.__dict__ | {"rows": manifest.rows | {"staff_clinic": 3}, "heads": []}))
    assert backups.examine(place, wrong) == [
        "staff_clinic: 3 rows when it was backed up, 1 in the copy.",
        "The heads of the chains are not those of the backup.",
    ]
    with file.open("r+b") as opened:
        opened.seek(5000)
        opened.write(b"\xff\x00\xff")
    with pytest.raises(CommandError, match="not the file that was backed up"):
        restored(file, place, over=True)


@pytest.mark.django_db(transaction=True)
def test_a_drill_is_remembered_and_asked_for(client, settings):
    assert settings.BACKUP_DRILL_DAYS == 7, "unless somebody says otherwise"
    asked = reverse("readyz")
    assert client.get(asked).json()["checks"]["drill"].startswith("no restore was ever tried")
    wrong, _ = backups.drill()
    assert wrong == []
    assert client.get(asked).json()["checks"]["drill"] == "ok"
    Heartbeat.objects.filter(name=backups.DRILL).update(beat_at=clock.now() - timedelta(days=8))
    told = client.get(asked)
    assert told.json()["checks"]["drill"] == "the last restore was tried 8 days ago: run manage.py backup_drill"
    assert told.json()["ready"] == (told.status_code == 200)
    settings.BACKUP_DRILL_DAYS = 0
    assert "drill" not in client.get(asked).json()["checks"]


@pytest.mark.django_db
def test_a_copy_of_another_release_says_so(tmp_path, monkeypatch, capsys):
    backups.tell()
    told = json.loads(capsys.readouterr().out)
    assert (told["waiting"], told["rows"]["staff_chain"], len(told["heads"])) == (False, 1, 1)

    def no_such_table():
        raise OperationalError("no such table")

    monkeypatch.setattr(backups, "rows", no_such_table)
    with pytest.raises(OperationalError):
        backups.tell()
    monkeypatch.setattr(backups.MigrationExecutor, "migration_plan", lambda *args: [("staff.0099", False)])
    backups.tell()
    told = json.loads(capsys.readouterr().out)
    assert told == {"waiting": True}
    monkeypatch.setattr(backups, "_told_by", lambda url: told)
    manifest = backups.Manifest(backups.FORMAT, connection.vendor, "2026-11-21T00:00:00.000000Z", "", {}, [])
    assert backups.examine("sqlite:////nowhere", manifest) == [
        "The backup is of another release: run migrate on the copy, then verify_records."
    ]
    if connection.vendor == "sqlite":
        monkeypatch.setattr(backups, "_path", lambda: str(tmp_path / "live"))
        (tmp_path / "live").touch()
        with pytest.raises(backups.Refused, match="another release"):
            backups.backup(tmp_path / "backup")


@pytest.mark.parametrize(
    ("url", "engine", "sentence"),
    [
        ("postgres://a:b@127.0.0.1:1/x", "sqlite", "another engine"),
        ("sqlite:////tmp/nowhere.sqlite3", "postgresql", "another engine"),
    ],
)
@pytest.mark.django_db
def test_a_backup_of_one_engine_is_not_for_the_other(tmp_path, url, engine, sentence):
    file = tmp_path / "backup"
    file.write_bytes(b"x")
    made = backups.Manifest(backups.FORMAT, engine, "2026-11-21T00:00:00.000000Z", backups.digest(file), {}, [])
    backups.manifest_of(file).write_text(made.text())
    with pytest.raises(backups.Refused, match=sentence):
        backups.restore(file, to=url)
    backups.manifest_of(file).write_text("{}")
    with pytest.raises(backups.Refused, match="not the manifest"):
        backups.restore(file, to=url)
