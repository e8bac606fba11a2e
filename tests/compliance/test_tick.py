import logging
import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.core import mail as outbox
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from certificates.models import CertificateFile
from compliance.management.commands import tick
from quizzes.models import Attempt, Candidacy
from staff import clock, mail
from staff.models import Heartbeat, OutgoingMail
from tests import factories

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.mark.django_db
def test_tick_does_all_that_is_due(cast, module, now):
    done = factories.make_finished(person=cast.aesthetician, course=module)
    overdue = factories.make_attempt(person=cast.colleague, course=module)
    waiting = OutgoingMail.objects.filter(sent_at=None).count()
    later = done.certificate.valid_until_on - now.date() - timedelta(days=30)
    with clock.at(now + later):
        call_command("tick")
        assert Attempt.objects.get(pk=overdue.pk).state == "expired"
        assert set(CertificateFile.objects.values_list("certificate", "format")) == {
            (done.certificate.pk, "pdf"),
            (done.certificate.pk, "png"),
        }
        assert Candidacy.objects.get(person=cast.aesthetician, closed_at=None).reason == "renewal"
        assert Heartbeat.objects.get(name="tick").beat_at == clock.now()
        assert len(outbox.outbox) >= waiting > 0
        sent = len(outbox.outbox)
        call_command("tick")
    assert len(outbox.outbox) == sent


@pytest.mark.django_db
def test_tick_goes_on_after_a_part_that_fails(cast, monkeypatch, caplog):
    def broken() -> int:
        raise RuntimeError("no paper left")

    mail.queue(to=cast.manager, subject="News", body="None.")
    first = next(iter(tick.PARTS))
    monkeypatch.setitem(tick.PARTS, first, broken)
    with caplog.at_level(logging.ERROR), pytest.raises(SystemExit, match="1"):
        call_command("tick")
    assert f"tick: {first} failed" in caplog.text
    assert "no paper left" in caplog.text
    assert outbox.outbox[0].subject == "News"
    assert Heartbeat.objects.filter(name="tick").exists()


@pytest.mark.django_db
def test_tick_clears_old_sessions_once_a_day(now):
    def leave_an_old_session() -> str:
        session = SessionStore()
        session.create()
        Session.objects.filter(pk=session.session_key).update(expire_date=timezone.now() - timedelta(days=1))
        return str(session.session_key)

    first = leave_an_old_session()
    call_command("tick")
    assert not Session.objects.filter(pk=first).exists()
    second = leave_an_old_session()
    call_command("tick")
    assert Session.objects.filter(pk=second).exists()
    with clock.at(now + timedelta(days=1)):
        call_command("tick")
    assert not Session.objects.filter(pk=second).exists()


@pytest.mark.django_db
def test_tick_tells_nothing_of_a_person_in_its_log(cast, module, caplog):
    factories.make_finished(person=cast.aesthetician, course=module)
    with caplog.at_level(logging.INFO):
        call_command("tick")
    assert "papers drawn: 2" in caplog.text
    assert cast.aesthetician.full_name not in caplog.text
    assert cast.aesthetician.email not in caplog.text


def _address() -> str:
    """Of this test's own database, for another process."""
    name = connection.settings_dict["NAME"]
    if connection.vendor == "sqlite":
        return f"sqlite:///{name}"
    return urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}").geturl()


def test_tick_every_stops_at_sigterm(transactional_db, tmp_path):
    """The loop of `make run`."""
    running = subprocess.Popen(
        [sys.executable, "manage.py", "tick", "--every", "3600"],
        cwd=ROOT,
        env=os.environ | {"DATA_DIR": str(tmp_path), "DATABASE_URL": _address()},
        stderr=subprocess.PIPE,
    )
    for _ in range(300):
        time.sleep(0.2)
        if Heartbeat.objects.filter(name="tick").exists():
            break
    else:
        pytest.fail("no heartbeat")
    running.send_signal(signal.SIGTERM)
    _, told = running.communicate(timeout=15)
    assert running.returncode == 0, told
