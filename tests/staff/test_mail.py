from datetime import timedelta
from smtplib import SMTPServerDisconnected

import pytest
from django.core import mail as outbox
from django.core.mail.backends import locmem
from django.db import transaction

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


def test_given_up_after_ten_tries(cast, now, monkeypatch):
    queue(cast.aesthetician)
    monkeypatch.setattr(locmem.EmailBackend, "send_messages", failing)
    for day in range(20):
        with clock.at(now + timedelta(days=day)):
            mail.send_due()
    row = OutgoingMail.objects.get()
    assert (row.tries, row.sent_at) == (mail.MOST_TRIES, None)


def test_a_long_subject_is_cut(cast):
    assert len(queue(cast.aesthetician, subject="a" * 300).subject) == 200
