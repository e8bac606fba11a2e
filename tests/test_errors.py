"""What people get when the site cannot answer."""

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.db import DatabaseError, InterfaceError, OperationalError, ProgrammingError
from django.test import Client

from quizzes import actions
from staff import clock
from tests import factories
from tests.people import PASSWORD


@pytest.fixture
def sent(cast, module, client: Client):
    """Saves an answer while the action raises what is given."""
    client.raise_request_exception = False
    attempt = factories.make_attempt(person=cast.aesthetician, course=module)
    assert client.login(email=cast.aesthetician.email, password=PASSWORD)

    def send(error: Exception, monkeypatch: pytest.MonkeyPatch):
        def broken(**asked):
            raise error

        monkeypatch.setattr(actions, "save_answer", broken)
        fields = {"answer": attempt.items.get(position=1).shown[0][0], "revision": "0", "key": "k"}
        return client.post(f"/attempts/{attempt.public_id}/1/", fields)

    return send


@pytest.mark.parametrize(
    "error",
    [OperationalError("database or disk is full"), InterfaceError("the connection is closed")],
    ids=["full or down", "connection gone"],
)
def test_a_database_that_is_away_is_said_with_when_to_come_back(sent, monkeypatch, error):
    reply = sent(error, monkeypatch)
    assert (reply.status_code, reply.headers["Retry-After"]) == (503, "10")
    assert "Nothing can be stored just now" in reply.content.decode()
    assert str(error) not in reply.content.decode()


@pytest.mark.parametrize("error", [ProgrammingError("no such table"), KeyError("answer")], ids=["query", "code"])
def test_a_mistake_of_the_site_stays_one(sent, monkeypatch, error):
    reply = sent(error, monkeypatch)
    assert (reply.status_code, "Retry-After" in reply.headers) == (500, False)
    assert "Something failed on our side" in reply.content.decode()


@pytest.fixture
def later_page(client, cast, now, monkeypatch):
    """What a page answers, twenty minutes on, whose session is written anew: after `act` of that writing."""

    def ask(act):
        client.force_login(cast.aesthetician)
        client.get("/")
        monkeypatch.setattr(Session, "save", act)
        with clock.at(now + timedelta(minutes=20)):
            return client.get("/")

    return ask


def test_a_session_that_the_database_did_not_take_is_no_fault_of_who_asks(later_page):
    def away(*args, **kwargs):
        raise OperationalError("the connection is lost")

    reply = later_page(away)
    assert (reply.status_code, reply.headers["Retry-After"]) == (503, "10")


def test_a_session_that_somebody_ended_meanwhile_is_told_as_such(later_page):
    def gone(*args, **kwargs):
        raise DatabaseError("Forced update did not affect any rows.")

    assert later_page(gone).status_code == 400
