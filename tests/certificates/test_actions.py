import pytest

from certificates.models import Certificate
from quizzes.models import Attempt
from tests import factories


@pytest.mark.django_db
def test_submit_passing_issues_one_certificate(cast, module):
    done = factories.make_finished(person=cast.aesthetician, course=module)
    assert done.outcome.passed
    assert done.certificate is not None
    assert done.certificate.number == "PP-2026-000001"
    assert Certificate.objects.count() == 1
    assert Attempt.objects.get().state == "submitted"


@pytest.mark.django_db
def test_submit_twice_gives_the_first_outcome(cast, module):
    from certificates.actions import submit

    done = factories.make_finished(person=cast.aesthetician, course=module)
    again = submit(attempt=done.attempt, by=cast.aesthetician)
    assert again.outcome == done.outcome
    assert again.certificate == done.certificate


@pytest.mark.django_db
def test_submit_with_one_critical_miss_fails(cast, module):
    done = factories.make_finished(person=cast.aesthetician, course=module, critical_wrong=1)
    assert not done.outcome.passed
    assert done.outcome.points == 5
    assert done.certificate is None
