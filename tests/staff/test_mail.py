from datetime import timedelta
from smtplib import SMTPServerDisconnected

import pytest
from django.core import mail as outbox
from django.core.mail.backends import locmem
from django.db import transaction
from django.urls import reverse

from staff import clock, mail
from staff.models import OutgoingMail

MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _backend(settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"


def queue(to, **changes) -> OutgoingMail:
    mail.queue(**({"to": to, "subject": "Your certificate", "body": "It is ready.", "key": "k"} | changes))
    return OutgoingMail.objects.latest("pk")


def test_queued_once_per_key(cast):
    for _ in range(3):
        queue(cast.aesthetician)
    queue(cast.aesthetician, key="another")
    assert OutgoingMail.objects.count() == 2


def test_without_a_key_each_is_its_own(cast):
    for _ in range(2):
        queue(cast.aesthetician, key="")
    assert OutgoingMail.objects.count() == 2


def test_queueing_sends_nothing_and_falls_with_its_transaction(cast):
    with transaction.atomic():
        queue(cast.aesthetician)
        transaction.set_rollback(True)
    assert not OutgoingMail.objects.exists()
    assert outbox.outbox == []


def test_sent_once(cast):
    queue(cast.aesthetician)
    assert (mail.send_due(), mail.send_due()) == (1, 0)
    (letter,) = outbox.outbox
    assert (letter.to, letter.subject, letter.body) == ([cast.aesthetician.email], "Your certificate", "It is ready.")
    assert OutgoingMail.objects.get().sent_at == clock.now()


def test_sent_once_by_two_at_a_time(cast, monkeypatch):
    """A second tick runs while the first is talking to the mail server, and long after it would try again."""
    queue(cast.aesthetician)
    real, inner = locmem.EmailBackend.send_messages, []

    def slow(self, messages):
        if not inner:
            inner.append(mail.send_due())
        return real(self, messages)

    monkeypatch.setattr(locmem.EmailBackend, "send_messages", slow)
    assert mail.send_due() == 1
    assert inner == [0]
    assert len(outbox.outbox) == 1


def test_not_before_it_is_due(cast, now):
    queue(cast.aesthetician, due_at=now + MINUTE)
    assert mail.send_due() == 0
    with clock.at(now + MINUTE):
        assert mail.send_due() == 1


def test_nothing_to_somebody_who_has_left(cast, now):
    queue(cast.leaver)
    for minutes in (0, 60, 6000):
        with clock.at(now + minutes * MINUTE):
            assert mail.send_due() == 0
    assert outbox.outbox == []
    assert OutgoingMail.objects.get().given_up_at == now


def test_the_others_still_get_theirs(cast, monkeypatch):
    """One address that the server refuses does not hold up the next."""
    queue(cast.aesthetician, key="1")
    queue(cast.colleague, key="2")
    real = locmem.EmailBackend.send_messages

    def picky(self, messages):
        if messages[0].to == [cast.aesthetician.email]:
            raise SMTPServerDisconnected
        return real(self, messages)

    monkeypatch.setattr(locmem.EmailBackend, "send_messages", picky)
    assert mail.send_due() == 1
    assert [letter.to for letter in outbox.outbox] == [[cast.colleague.email]]


def failing(self, messages):
    raise SMTPServerDisconnected


def test_failed_sending_is_tried_again_later_and_later(cast, now, monkeypatch):
    queue(cast.aesthetician)
    monkeypatch.setattr(locmem.EmailBackend, "send_messages", failing)
    moment, waits = now, []
    for _ in range(4):
        with clock.at(moment):
            assert mail.send_due() == 0
            assert mail.send_due() == 0
        due = OutgoingMail.objects.get().due_at
        waits.append(due - moment)
        moment = due
    assert waits == [MINUTE, 2 * MINUTE, 4 * MINUTE, 8 * MINUTE]
    monkeypatch.undo()
    with clock.at(moment):
        assert mail.send_due() == 1
    assert OutgoingMail.objects.get().tries == 5


def test_a_server_that_is_away_for_six_days_loses_nothing(cast, now, monkeypatch):
    """Tried every hour once it has been away that long, so that it arrives within an hour of the server's return."""
    queue(cast.aesthetician)
    monkeypatch.setattr(locmem.EmailBackend, "send_messages", failing)
    moment = now
    while moment < now + timedelta(days=6):
        with clock.at(moment):
            mail.send_due()
        last, moment = moment, OutgoingMail.objects.get().due_at
    assert moment - last == mail.LONGEST_PAUSE
    monkeypatch.undo()
    with clock.at(moment):
        assert mail.send_due() == 1
        assert not mail.undelivered().exists()


def test_given_up_by_age_and_told(cast, now, monkeypatch, caplog):
    queue(cast.aesthetician)
    monkeypatch.setattr(locmem.EmailBackend, "send_messages", failing)
    for days in (0, 3, 7):
        assert not mail.undelivered().exists()
        with clock.at(now + timedelta(days=days)):
            assert mail.send_due() == 0
    assert "not sent and given up" in caplog.text
    monkeypatch.undo()
    with clock.at(now + timedelta(days=8)):
        row = mail.undelivered().get()
        assert (row.tries, row.tried_at, row.given_up_at) == (3, now, now + timedelta(days=7))
        assert mail.send_due() == 0
    with clock.at(now + timedelta(days=7) + mail.TOLD_FOR):
        assert not mail.undelivered().exists()


def test_a_mail_that_waited_for_tick_alone_is_still_tried(cast, now):
    """Its age counts from the first try: what nobody tried was not given up."""
    queue(cast.aesthetician)
    with clock.at(now + timedelta(days=40)):
        assert mail.send_due() == 1


def test_what_waits_for_a_leaver_is_given_up_and_no_loss(cast, now):
    row = queue(cast.aesthetician, due_at=now + MINUTE)
    mail.give_up(cast.aesthetician)
    with clock.at(now + MINUTE):
        assert mail.send_due() == 0
    row.refresh_from_db()
    cast.aesthetician.is_active = False
    cast.aesthetician.save(update_fields=["is_active"])
    assert row.given_up_at == now
    assert not mail.undelivered().exists()


def test_readyz_tells_of_mails_that_were_given_up(client, cast, now):
    asked = reverse("readyz")
    row = queue(cast.aesthetician)
    before = client.get(asked)
    assert before.json()["checks"]["mail"] == "ok"
    OutgoingMail.objects.filter(pk=row.pk).update(given_up_at=now)
    told = client.get(asked)
    assert told.json()["checks"]["mail"] == "1 given up in the last 30 days: see Outgoing mails in /admin/"
    assert told.status_code == before.status_code


def test_a_long_subject_is_cut(cast):
    assert len(queue(cast.aesthetician, subject="a" * 300).subject) == 200
