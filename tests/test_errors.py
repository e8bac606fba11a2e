"""What people get when the site cannot answer."""

import pytest
from django.db import InterfaceError, OperationalError, ProgrammingError
from django.test import Client

from quizzes import actions
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
