from datetime import timedelta

import pytest

from staff import clock
from tests import factories
from training.actions import confirm_reading
from training.models import Module, ModuleVersion, ProtocolItem, ProtocolValue
from training.queries import confirmed, live_version, live_versions, places, protocol_of, shown, standing_adoption


@pytest.fixture
def course(cast) -> factories.Course:
    return factories.make_module(by=cast.pinpoint)


def next_version(course, change="clinical"):
    latest = live_version(course.module)
    version = ModuleVersion.objects.create(
        module=course.module,
        number=latest.number + 1,
        title=f"Needle depth {latest.number + 1}",
        details=latest.details,
        change=change,
        sha256=f"{latest.number + 1:064}",
        published_by=latest.published_by,
    )
    version.places.create(position=1, section_version=places(latest)[0].section_version)
    return version


def test_live_version_is_the_highest(course):
    assert live_version(course.module).number == 1
    newest = next_version(course)
    assert live_version(course.module) == newest
    assert live_versions() == [newest]


def test_module_without_a_version_is_not_live(course):
    empty = Module.objects.create(slug="empty", code="em")
    assert live_version(empty) is None
    assert [version.module for version in live_versions()] == [course.module]


@pytest.mark.parametrize(
    ("changes", "adopted", "holds"),
    [
        pytest.param([], 1, True, id="itself"),
        pytest.param(["cosmetic"], 1, True, id="a cosmetic one since"),
        pytest.param(["cosmetic", "cosmetic"], 1, True, id="two cosmetic ones since"),
        pytest.param(["clinical"], 1, False, id="a clinical one since"),
        pytest.param(["cosmetic", "clinical"], 1, False, id="cosmetic, then clinical"),
        pytest.param(["clinical", "cosmetic"], 1, False, id="clinical, then cosmetic"),
        pytest.param(["clinical", "cosmetic"], 2, True, id="the clinical one adopted"),
    ],
)
def test_standing_adoption(cast, course, changes, adopted, holds):
    for change in changes:
        next_version(course, change)
    version = ModuleVersion.objects.get(number=adopted)
    factories.adopt(
        course=factories.Course(course.module, course.quiz, version), by=cast.physician, clinic=cast.lakeside
    )
    found = standing_adoption(cast.lakeside, live_version(course.module))
    assert (found is not None) is holds
    assert standing_adoption(cast.harbour, live_version(course.module)) is None
    if holds:
        assert found.module_version == version


def test_later_adoption_does_not_reach_back(cast, course):
    later = next_version(course, "cosmetic")
    factories.adopt(course=factories.Course(course.module, course.quiz, later), by=cast.physician, clinic=cast.lakeside)
    assert standing_adoption(cast.lakeside, course.version) is None


def test_confirmed_gives_the_latest_of_each(cast, course, now):
    version = places(course.version)[0].section_version
    assert confirmed(cast.aesthetician, [version]) == {}
    confirm_reading(person=cast.aesthetician, version=version)
    with clock.at(now + timedelta(days=1)):
        confirm_reading(person=cast.aesthetician, version=version)
    assert confirmed(cast.aesthetician, [version])[version.pk].number == 2
    assert confirmed(cast.colleague, [version]) == {}


def test_protocol_of_a_clinic(cast, course):
    """The default until something is signed; the newest value after; only another value than the default differs."""
    code = "depth-order"
    item = ProtocolItem.objects.get(code=code)
    before = protocol_of(cast.lakeside)[code]
    assert (before.text, before.differs, before.value) == (item.default, False, None)
    factories.adopt(course=course, by=cast.physician, clinic=cast.lakeside)
    taken = protocol_of(cast.lakeside)[code]
    assert (taken.text, taken.differs) == (item.default, False)
    signature = taken.value.signature
    ProtocolValue.objects.create(
        item=item, clinic=cast.lakeside, number=2, text="ours", is_default=False, signature=signature
    )
    ours = protocol_of(cast.lakeside)[code]
    assert (ours.text, ours.differs) == ("ours", True)
    assert protocol_of(cast.harbour)[code].text == item.default
    assert protocol_of(None)[code].text == item.default


def test_shown_section(cast, course):
    version = places(course.version)[0].section_version
    rows = shown(version, cast.lakeside)
    points = {row.block.code: row for row in rows if row.block.kind == "point"}
    assert set(points) == {"nd-17", "nd-18", "nd-19", "nd-20", "nd-21", "nd-22"}
    assert points["nd-17"].point.critical
    assert [chip.code for chip in points["nd-17"].sources] == ["S0", "D25"]
    assert [row.picture.code for row in rows if row.block.kind == "picture"] == [
        "pinpoint-or-running",
        "orbital-no-go-zone",
    ]


def test_shown_section_says_what_no_seed_carries(cast, course):
    """V12 is a device label (official guidance), V70 is research; S0 is a seed and needs no label."""
    version = places(course.version)[0].section_version
    labels = {row.block.code: row.label for row in shown(version, None) if row.block.kind == "point"}
    assert labels["nd-17"] == ""
    assert labels["nd-18"] == "official"
    assert labels["nd-20"] in ("official", "research", "secondary")


def test_shown_section_costs_the_same_however_long(cast, course, django_assert_num_queries):
    version = places(course.version)[0].section_version
    with django_assert_num_queries(5):
        shown(version, cast.lakeside)
