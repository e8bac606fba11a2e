"""Each kind of gap, planted in the shipped course and found; and the shipped course itself has none."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import Max
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from quizzes import coverage as covering
from quizzes import queries
from quizzes.models import QuestionPoint, QuestionVersion, Quiz, QuizVersion
from staff import actions, canonical
from staff.models import Clinic, StaffMember
from tests.quizzes.test_material import load, small
from tests.quizzes.test_statements import another_module, getting
from tests.training.test_files import SECTION
from training.models import Fact, ProtocolItem, ProtocolValue

pytestmark = pytest.mark.django_db

# Left out by exclusions.yaml.
UNTAUGHT = "S3-30"


@pytest.fixture
def whole(shipped):
    """Which has no gap."""
    return shipped


def found(*clinics: Clinic) -> covering.Coverage:
    return covering.coverage(clinics)


def live(section: str = "", *, point: str = "", bank: str = "certifying"):
    """Live items of the shipped needle depth, of one section or testing one point."""
    rows = QuestionVersion.objects.filter(state="live", question__section__module__slug="needle-depth")
    rows = rows.filter(question__bank=bank) if bank else rows
    rows = rows.filter(question__section__slug=section) if section else rows
    rows = rows.filter(points__key_point__code=point) if point else rows
    return rows.order_by("question__code")


def retire(rows) -> None:
    QuestionVersion.objects.filter(pk__in=[row.pk for row in rows]).update(state="retired")


def lacking(coverage: covering.Coverage) -> dict[str, str]:
    return {point.code: point.lacking for point in coverage.points_without_items}


def unfillable(coverage: covering.Coverage) -> dict[tuple[str, str], str]:
    """By clinic's name (nothing for the installation) and cell."""
    return {
        (plan.clinic.name if plan.clinic else "", f"{cell.kind} {cell.name}".strip()): cell.why
        for plan, cell in coverage.cells_unfillable
    }


def sign_otherwise(clinic: Clinic, code: str, *, is_default: bool = False) -> None:
    rows = ProtocolValue.objects.filter(item__code=code, clinic=clinic)
    ProtocolValue.objects.create(
        item=ProtocolItem.objects.get(code=code),
        clinic=clinic,
        number=(rows.aggregate(last=Max("number"))["last"] or 0) + 1,
        text="another value",
        is_default=is_default,
        signature=ProtocolValue.objects.all()[0].signature,
    )


def command(*args: str) -> tuple[int, str]:
    out = StringIO()
    try:
        call_command("coverage", *args, stdout=out)
    except SystemExit as leaving:
        return int(str(leaving.code)), out.getvalue()
    return 0, out.getvalue()


# The shipped material


def test_shipped_quizzes_and_key_points_have_no_gap(shipped, cast):
    coverage = found(cast.lakeside)
    assert lacking(coverage) == {}
    assert unfillable(coverage) == {}
    assert [cell.name for plan in coverage.plans for cell in plan.cells if cell.items < cell.wanted] == []


def test_shipped_facts_are_all_taught_or_left_out(shipped):
    assert [fact.code for fact in found().facts_uncited] == []


# Facts


def test_nothing_is_missing_from_a_whole_course(whole, cast):
    coverage = found(cast.lakeside, cast.harbour)
    assert not coverage.has_gap
    code, said = command()
    assert code == 0
    assert said.endswith("No gap.\n")


def test_fact_that_is_neither_cited_nor_left_out(whole):
    Fact.objects.filter(code=UNTAUGHT).update(left_out="")
    coverage = found()
    assert [fact.code for fact in coverage.facts_uncited] == [UNTAUGHT]
    assert (coverage.points_without_items, coverage.cells_unfillable) == ([], [])
    code, said = command()
    assert code == 1
    assert "1 fact neither cited nor left out" in said
    assert f"  {UNTAUGHT}  Laser resurfacing" in said


def test_only_teachable_rows_of_seed_documents_must_be_taught(whole):
    """Marketing, opinion, and rows of other documents that nothing cites are no gap."""
    codes = {fact.code: fact for fact in found().facts.values()}
    for row in ("S0-01", "S0-03"):
        assert not codes[row].cited
        assert not codes[row].is_gap
    assert any(not fact.cited and not fact.teachable and fact.code.startswith("V") for fact in codes.values())


def test_citation_of_an_earlier_version_does_not_count(tmp_path):
    load(small(tmp_path))
    assert "S0-52" not in {fact.code for fact in found().facts_uncited}
    load(small(tmp_path, (SECTION, "[@S0-52]", "[@S0-08]"), (SECTION, "Sources: S0-52", "Sources: S0-08")))
    assert "S0-52" in {fact.code for fact in found().facts_uncited}


def test_passage_alone_teaches_a_fact(tmp_path):
    load(small(tmp_path, (SECTION, "Sources: S0-52", "Sources: S0-08")))
    fact = found().facts["S0-52"]
    assert fact.points == ()
    assert [section.slug for section in fact.passages] == ["technique-and-endpoint"]
    assert not fact.is_gap


def test_chain_from_fact_to_item(module):
    coverage = found()
    (point,) = coverage.facts["V12.2"].points
    assert point.code == "nd-21"
    assert point.url == "/modules/needle-depth/technique-and-endpoint/#nd-21"
    assert point.cites == ("V12.2",)
    assert (point.certifying, point.practice) == (("nd-21-q1",), ())
    assert {one.code: one.cites for one in coverage.modules[0].points}["nd-17"] == ("S0-21", "D25")


# Key points


def test_key_point_without_any_item(whole):
    retire(live(point="nd-16", bank=""))
    assert lacking(found()) == {"nd-16": "no live item"}
    code, said = command()
    assert code == 1
    assert "  nd-16  no live item (needle-depth/" in said


def test_practice_item_is_enough_for_an_ordinary_point(whole):
    rows = list(live(point="nd-16", bank=""))
    assert {row.question.bank for row in rows} == {"certifying", "practice"}
    retire(live(point="nd-16"))
    assert "nd-16" not in lacking(found())


def test_critical_point_that_lost_one_of_five_certifying_items(whole):
    rows = list(live(point="nd-17"))
    retire(rows[5:])
    assert lacking(found()) == {}
    retire(rows[4:])
    assert lacking(found()) == {"nd-17": "4 of 5 certifying items"}


def test_critical_point_without_practice(whole):
    retire(live(point="nd-17", bank="practice"))
    assert lacking(found()) == {"nd-17": "no practice item"}


def test_critical_point_without_anything_says_both(whole):
    retire(live(point="nd-17", bank=""))
    assert lacking(found()) == {"nd-17": "0 of 5 certifying items, no practice item"}


def test_stale_item_does_not_count(whole):
    rows = list(live(point="nd-17"))
    retire(rows[5:])
    assert lacking(found()) == {}
    QuestionPoint.objects.filter(question_version=rows[0]).update(approved_against=None)
    assert lacking(found()) == {"nd-17": "4 of 5 certifying items"}


# Cells


def test_section_short_of_items(whole, cast):
    ordinary = live("skin-in-cross-section")
    retire(ordinary[1:])
    assert unfillable(found(cast.harbour)) == {
        (clinic, "section skin-in-cross-section"): "section skin-in-cross-section has 1 items for 2 places"
        for clinic in ("", "Harbour Aesthetics")
    }
    assert command()[0] == 1


def test_section_whose_items_all_test_one_point(whole):
    rows = list(live("skin-in-cross-section"))
    point = rows[0].points.get()
    for row in rows[1:]:
        first, *others = row.points.order_by("pk")
        QuestionPoint.objects.filter(pk__in=[other.pk for other in others]).delete()
        QuestionPoint.objects.filter(pk=first.pk).update(
            key_point=point.key_point, approved_against=point.approved_against
        )
    assert list(unfillable(found())) == [("", "section skin-in-cross-section")]


def test_critical_point_that_no_form_can_ask(whole):
    retire(live(point="nd-18"))
    why = unfillable(found())
    assert why["", "critical nd-18"] == "critical key point nd-18 has no item"


def test_critical_point_in_a_section_without_places(whole):
    rules(sections={"too-deep": None})
    assert unfillable(found()) == {
        ("", "critical nd-23"): "critical key point nd-23 is never asked: the blueprint has no place for its section"
    }


def test_more_recall_than_a_form_may_hold(whole):
    for row in live():
        row.body = row.body.replace('"level":"apply"', '"level":"recall"').replace(
            '"level":"analyse"', '"level":"recall"'
        )
        row.save(update_fields=["body"])
    assert unfillable(found()) == {("", "level recall"): "no form keeps to 3 recall items: 15 are needed"}


def rules(*, sections: dict[str, int | None]) -> None:
    """A further version of needle depth's rules, with other places."""
    before = queries.live_rules(Quiz.objects.get(module__slug="needle-depth"))
    plan = json.loads(before.blueprint)
    plan["sections"] = {name: n for name, n in (plan["sections"] | sections).items() if n is not None}
    QuizVersion.objects.create(
        quiz=before.quiz,
        number=before.number + 1,
        blueprint=canonical.text(plan),
        items=sum(plan["sections"].values()),
        cut=1,
        critical_rule="all",
        attempts=3,
        sha256=canonical.sha256_of(plan),
        created_by=StaffMember.objects.pinpoint(),
    )


def test_cells_follow_the_rules_in_force(whole):
    rules(sections={"sessions-and-expectations": 9})
    assert list(unfillable(found())) == [("", "section sessions-and-expectations")]


def test_cells_add_up_to_the_form(whole):
    (plan,) = [plan for plan in found().plans if plan.module == "needle-depth"]
    cells = {cell.name: (cell.places, cell.wanted) for cell in plan.cells}
    assert plan.places == 15
    assert cells["technique-and-endpoint"] == (1, 2)  # three places, two of them for critical points
    assert cells["nd-17"] == cells["nd-18"] == (1, 5)
    assert cells["choosing-the-depth"] == (3, 6)  # twice as many
    assert cells["recall"] == (12, 0)


# Clinics


@pytest.fixture
def depending(whole):
    """All items of a section but one rest on the depth order."""
    item = ProtocolItem.objects.get(code="depth-order")
    for row in live("skin-in-cross-section")[1:]:
        row.depends_on.add(item)
    return whole


def test_clinic_that_signed_another_value_cannot_fill_its_quiz(depending, cast):
    assert unfillable(found(cast.lakeside, cast.harbour)) == {}
    sign_otherwise(cast.lakeside, "depth-order")
    coverage = found(cast.lakeside, cast.harbour)
    assert list(unfillable(coverage)) == [("Lakeside Skin Clinic", "section skin-in-cross-section")]
    held = {
        plan.clinic and plan.clinic.name: plan.held_back for plan in coverage.plans if plan.module == "needle-depth"
    }
    assert held == {
        None: 0,
        "Lakeside Skin Clinic": queries.held_back(depending.version, cast.lakeside),
        "Harbour Aesthetics": 0,
    }


def test_clinic_that_returned_to_the_default_fills_it_again(depending, cast):
    sign_otherwise(cast.lakeside, "depth-order")
    sign_otherwise(cast.lakeside, "depth-order", is_default=True)
    assert unfillable(found(cast.lakeside)) == {}


def test_clinic_draws_from_what_coverage_counted(depending, cast):
    """The same items as an attempt would be drawn from, those that rest on a key point's protocol item as well."""
    live(point="nd-16")[0].points.get(key_point__code="nd-16").approved_against.depends_on.add(
        ProtocolItem.objects.get(code="depth-order")
    )
    sign_otherwise(cast.lakeside, "depth-order")
    points = queries.live_points(depending.version)
    pool, _ = queries.pool(depending.version, points, cast.lakeside, cast.aesthetician)
    counted = [plan for plan in found(cast.lakeside).plans if plan.clinic and plan.module == "needle-depth"]
    whole = [plan for plan in found().plans if plan.module == "needle-depth"]
    drawn = sum(cell.items for cell in counted[0].cells if cell.kind in ("section", "critical"))
    assert drawn == len(pool)
    assert (
        drawn
        == sum(cell.items for cell in whole[0].cells if cell.kind in ("section", "critical"))
        - len(live("skin-in-cross-section")[1:])
        - live(point="nd-16").count()
    )


def test_command_for_one_clinic(depending, cast):
    sign_otherwise(cast.lakeside, "depth-order")
    assert command("--clinic", cast.harbour.public_id)[0] == 0
    code, said = command("--clinic", cast.lakeside.public_id)
    assert code == 1
    assert "needle-depth, Lakeside Skin Clinic: section skin-in-cross-section has 1 items for 2 places" in said


def test_command_refuses_a_clinic_that_is_not_there(whole, cast):
    with pytest.raises(CommandError, match=f"no clinic elsewhere.*{cast.harbour.public_id}"):
        command("--clinic", "elsewhere")


def test_command_over_nothing_is_not_a_clean_bill(db):
    with pytest.raises(CommandError, match="load_material"):
        command()


# The report


def test_json(whole, cast):
    Fact.objects.filter(code=UNTAUGHT).update(left_out="")
    retire(live(point="nd-16", bank=""))
    code, said = command("--json")
    report = json.loads(said)
    assert code == 1
    assert list(report) == ["facts_uncited", "points_without_items", "cells_unfillable", "counts"]
    assert [row["fact"] for row in report["facts_uncited"]] == [UNTAUGHT]
    (row,) = report["points_without_items"]
    assert (row["point"], row["module"], row["critical"], row["certifying"]) == ("nd-16", "needle-depth", False, 0)
    assert report["cells_unfillable"] == []
    facts = report["counts"]["facts"]
    assert facts["total"] == 181
    assert facts["cited"] + facts["excluded"] == 180
    clinics = {cell["clinic"] for cell in report["counts"]["cells"]}
    assert clinics == {None, cast.lakeside.public_id, cast.harbour.public_id}


def test_json_counts(whole):
    counts = json.loads(command("--json")[1])["counts"]
    depth = [cell for cell in counts["cells"] if cell["module"] == "needle-depth" and cell["clinic"] is None]
    assert sum(cell["places"] for cell in depth if cell["kind"] != "level") == 15
    assert {"kind": "critical", "cell": "nd-17", "places": 1, "wanted": 5}.items() <= next(
        cell.items() for cell in depth if cell["cell"] == "nd-17"
    )
    assert all(cell["percent"] >= 100 for cell in depth if cell["wanted"])
    assert (
        counts["items"]["certifying"]
        == QuestionVersion.objects.filter(state="live", question__bank="certifying").count()
    )


# What it costs


def more_of_everything(cast, version) -> None:
    for number in range(1, 4):
        another_module(version, number)
        clinic = actions.open_clinic(name=f"Clinic {number}", address="1 Road", zone="Europe/London", by=cast.pinpoint)
        sign_otherwise(clinic, "depth-order")


def test_coverage_costs_the_same_for_one_and_for_many(cast, module):
    def cost() -> int:
        with CaptureQueriesContext(connection) as captured:
            covering.coverage(list(Clinic.objects.all()))
        return len(captured)

    one = cost()
    more_of_everything(cast, module.version)
    assert cost() == one


def test_page_costs_the_same_for_one_and_for_many(cast, module):
    one = getting(cast.author, "quizzes:coverage")
    more_of_everything(cast, module.version)
    assert len(getting(cast.author, "quizzes:coverage")) == len(one)


# The page


def page(client, person: StaffMember, **asked: str) -> str:
    client.force_login(person)
    answer = client.get(reverse("quizzes:coverage"), asked)
    assert answer.status_code == 200
    return " ".join(answer.text.replace("\u00a0", " ").split())


def test_page_without_a_gap(client, cast, whole):
    text = page(client, cast.author)
    assert "<h1>No gap in what is taught and asked</h1>" in text
    assert "Cannot be filled" not in text
    assert "It compares recovery with that of laser resurfacing." in text


def test_page_names_every_gap_first(client, cast, depending):
    Fact.objects.filter(code=UNTAUGHT).update(left_out="")
    retire(live(point="nd-17", bank="practice"))
    sign_otherwise(cast.lakeside, "depth-order")
    text = page(client, cast.author)
    assert "<h1>3 gaps in what is taught and asked</h1>" in text
    gaps = text[: text.index('id="quizzes"')]
    for sentence in (
        "1 fact neither cited nor left out",
        "no practice item",
        'href="/modules/needle-depth/technique-and-endpoint/#nd-17"',
        "Lakeside Skin Clinic: section skin-in-cross-section has 1 items for 2 places",
    ):
        assert sentence in gaps, sentence


def test_page_says_once_what_no_clinic_can_fill(client, cast, whole):
    rules(sections={"sessions-and-expectations": 9})
    assert "<h1>1 gap in" in page(client, cast.author)
    assert "<h1>1 gap in" in page(client, cast.author, clinic=cast.harbour.public_id)


def test_page_gaps_only(client, cast, whole):
    text = page(client, cast.author, show="gaps")
    assert "No gap" in text
    assert "From fact to item" not in text


def test_page_of_one_module(client, cast, whole):
    Fact.objects.filter(code=UNTAUGHT).update(left_out="")
    another_module(whole.version, 7)
    text = page(client, cast.author, module="module-7")
    assert "<h1>No gap in Module 7</h1>" in text
    assert "Technique and endpoint" not in text
    assert "all modules" in text


def test_physician_sees_her_clinic_only(client, cast, depending):
    sign_otherwise(cast.lakeside, "depth-order")
    assert "<h1>1 gap in" in page(client, cast.physician)
    other = page(client, cast.other_physician)
    assert "<h1>No gap in" in other
    assert "Lakeside" not in other.replace("lakeside", "")
    client.force_login(cast.other_physician)
    assert client.get(reverse("quizzes:coverage"), {"clinic": cast.lakeside.public_id}).status_code == 404


def test_page_before_anything_is_published(client, cast):
    assert "No module is published yet" in page(client, cast.author)


def test_page_is_found_from_home_and_protocol(client, cast, module):
    link = f'href="{reverse("quizzes:coverage")}"'
    client.force_login(cast.author)
    assert link in client.get("/").text
    client.force_login(cast.physician)
    assert link in client.get("/protocol/").text
