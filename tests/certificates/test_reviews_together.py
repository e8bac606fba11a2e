from dataclasses import replace
from datetime import timedelta

import pytest
from django.urls import reverse

from certificates import actions
from compliance.points_drawn import drawn_for
from compliance.signing_habits import habit_of
from quizzes.models import Attempt, Review
from staff import clock, signing
from tests import factories
from tests.people import PASSWORD

URL = "/reviews/together/"


@pytest.fixture
def three(cast, module):
    people = (cast.aesthetician, cast.colleague, cast.support)
    return [factories.make_finished(person=person, course=module).attempt for person in people]


def detail(attempt):
    return reverse("certificates:review-detail", args=[attempt.public_id])


def signature(cast, attempts, **fields):
    shown = {f"shown-{attempt.public_id}": attempt.seal_sha256 for attempt in attempts}
    return {
        "attempts": [attempt.public_id for attempt in attempts],
        "shown_sha256": "0" * 64,
        "opened_at": clock.now().isoformat(),
        "email": cast.physician.email,
        "password": PASSWORD,
        **shown,
        **fields,
    }


def test_only_what_was_opened_is_signed_together(client, cast, three):
    client.force_login(cast.physician)
    assert "Nothing opened" in client.get(URL).text
    for attempt in three[:2]:
        client.get(detail(attempt))
    assert [row.pk for row in client.get(URL).context["rows"]] == [row.pk for row in three[:2]]
    assert client.post(URL, signature(cast, three)).status_code == 400
    assert client.post(URL, signature(cast, three[:2], password="wrong")).status_code == 400
    assert not Review.objects.exists()
    client.post(URL, signature(cast, three[:2]))
    rows = Review.objects.select_related("signature").order_by("pk")
    assert [row.attempt_id for row in rows] == [row.pk for row in three[:2]]
    assert [row.signature.auth_method for row in rows] == ["email+password", "password"]
    assert len({row.signature.nonce for row in rows}) == 2
    assert "Nothing opened" in client.get(URL).text


def test_all_of_them_or_none(cast, three):
    seen = {
        three[0]: factories.seen(three[0].seal_sha256, cast.physician),
        three[1]: factories.seen("0" * 64, cast.physician),
    }
    with pytest.raises(signing.SigningRefused, match="changed while it was on your screen"):
        actions.endorse_together(seen=seen, by=cast.physician)
    with pytest.raises(signing.SigningRefused, match="Between 1 and 20"):
        actions.endorse_together(seen={Attempt(pk=pk): seen[three[0]] for pk in range(1, 22)}, by=cast.physician)
    assert not Review.objects.exists()


def test_next_and_previous_among_what_waits(client, cast, module):
    people = (cast.aesthetician, cast.colleague, cast.support)
    waiting = [factories.make_finished(person=person, course=module, critical_wrong=1).attempt for person in people]
    client.force_login(cast.physician)
    context = client.get(detail(waiting[1])).context
    assert (context["previous"].pk, context["following"].pk) == (waiting[0].pk, waiting[2].pk)
    assert client.get(detail(waiting[2])).context["following"] is None


def test_a_manager_sees_how_fast_was_signed(client, cast, three, now):
    opened = clock.now()
    for attempt, seconds in zip(three, (5, 5, 60), strict=True):
        with clock.at(now + timedelta(seconds=seconds)):
            seen = replace(factories.seen(attempt.seal_sha256, cast.physician), opened_at=opened)
            actions.endorse_together(seen={attempt: seen}, by=cast.physician)
    with clock.at(now + timedelta(days=1)):
        habit = habit_of(cast.physician, [cast.lakeside])
        assert habit.fast >= 2
        assert habit.signed - habit.fast >= 1
        assert habit_of(cast.physician, [cast.harbour]).signed == 0
        client.force_login(cast.manager)
        page = client.get(reverse("compliance:person-detail", args=[cast.physician.public_id])).text
        assert "within 20 seconds of opening it" in page


def test_key_points_are_drawn_for_the_physician_alone(client, cast, module):
    factories.make_finished(person=cast.aesthetician, course=module, critical_wrong=1)
    (drawn,) = drawn_for(cast.aesthetician, [cast.lakeside])
    assert len(drawn.columns) == 1
    assert sum(row.missed for row in drawn.rows) == 1
    assert "missed 1 of 1 times" in drawn.words
    assert drawn_for(cast.aesthetician, []) == []
    url = reverse("compliance:person-detail", args=[cast.aesthetician.public_id])
    for viewer, seen in ((cast.physician, True), (cast.manager, False)):
        client.force_login(viewer)
        assert ("Key points over the attempts" in client.get(url).text) is seen
