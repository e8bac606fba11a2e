"""The demo's regrade: the item missed most often is credited to everybody who had it. Numbers are days before today."""

from datetime import timedelta

from django.db.models import Count

from certificates import regrading
from compliance.demo.member import House
from compliance.demo.stage import Story
from quizzes.models import Attempt, Mark, QuestionVersion
from staff import canonical


def credits_what_was_missed(house: House, module: str, ago: int) -> Story:
    """The physician finds the item that most people of hers missed to read in two ways, and signs the list of what follows."""
    opened = house.at(ago, "17:35")
    yield opened + timedelta(minutes=8, seconds=20)
    missed = Mark.objects.missed().filter(
        item__attempt__state__in=Attempt.FINISHED,
        item__attempt__candidacy__clinic=house.clinic,
        item__attempt__module_version__module__slug=module,
    )
    often = (
        missed.values("item__question_version").annotate(times=Count("pk")).order_by("-times", "item__question_version")
    )
    version = QuestionVersion.objects.get(pk=often[0]["item__question_version"])
    plan = regrading.Plan(house.clinic, version, "credit")
    found = regrading.consequences(plan, by=house.physician)
    regrading.regrade(
        plan=plan,
        reason="Its wording can be read in two ways. Everybody who had it gets the point, and the author words it anew.",
        seen=house.seen(canonical.sha256(regrading.listed(plan, found)), house.physician, since=opened),
        by=house.physician,
    )
