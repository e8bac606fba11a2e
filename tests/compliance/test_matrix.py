"""Staff against modules: words, exact states, filters in the address, paging; and nothing of another clinic."""

import re
from datetime import timedelta

import pytest

from certificates import actions as proof
from compliance.queries import board_for, board_of
from compliance.views.matrix import bars
from staff import clock
from staff.actions import add_member, record_licence
from tests import factories
from tests.people import make_person

OTHERS = ("Noor Haddad", "Hugh Brandt", "Ada Quist", "Harbour Aesthetics", "harbour.example")


@pytest.fixture
def passed(cast, module):
    return factories.make_finished(person=cast.aesthetician, course=module).certificate


def text(response) -> str:
    assert response.status_code == 200
    return str(response.text).replace("\u00a0", " ")


def standings(cast) -> dict[str, tuple[str, str]]:
    found = {}
    for row in board_of([cast.lakeside]).rows:
        (cell,) = row.cells
        found[row.person.full_name] = (cell.standing.word, cell.standing.state)
    return found


def test_states_of_everybody(cast, passed):
    assert standings(cast) == {
        "Maya Lindqvist": ("current", "valid"),
        "Danielle Osei": ("not-current", "overdue"),
        "Tom Reyes": ("not-required", "not-required"),
        "Elena Ruiz": ("not-required", "not-required"),
        "Priya Raman": ("not-required", "not-required"),
    }


def test_states_over_time(cast, module, passed, now):
    with clock.at(now + timedelta(days=310)):
        assert standings(cast)["Maya Lindqvist"] == ("due-soon", "expiring")
    with clock.at(now + timedelta(days=365)):
        assert standings(cast)["Maya Lindqvist"] == ("not-current", "expired")
    proof.suspend(certificate=passed, reason_class="other", public_text="Held", private_note="", by=cast.manager)
    assert standings(cast)["Maya Lindqvist"] == ("not-current", "suspended")


def test_locked_until_the_talk(cast, module, now):
    last = factories.make_locked(person=cast.colleague, course=module)
    assert standings(cast)["Danielle Osei"] == ("not-current", "locked")
    with clock.at(now + timedelta(days=3)):
        proof.record_talk(
            candidacy=last.candidacy,
            text="Talked the endpoint through.",
            seen=factories.seen(last.seal_sha256, cast.physician),
            by=cast.physician,
        )
        assert standings(cast)["Danielle Osei"] == ("not-current", "overdue")


def test_passed_before_adoption(cast):
    course = factories.make_module(by=cast.pinpoint)
    factories.make_finished(person=cast.aesthetician, course=course)
    assert standings(cast)["Maya Lindqvist"] == ("not-current", "awaiting-adoption")


def test_page_names_states_and_links(client, cast, passed):
    client.force_login(cast.manager)
    page = text(client.get("/compliance/"))
    assert "<h1>1 of 2 people is not current</h1>" in page
    hers = f"/compliance/of/{cast.aesthetician.public_id}/{cast.lakeside.public_id}/needle-depth/"
    assert f'href="{hers}"' in page
    assert f'href="/certificates/{passed.number}/"' in text(client.get(hers))
    assert f'href="/people/{cast.colleague.public_id}/"' in page
    assert page.index("Danielle Osei") < page.index("Maya Lindqvist") < page.index("Tom Reyes")
    assert "Overdue, was due 4 Feb 2026" in page
    assert 'aria-label="1 not current, 0 due soon, 1 current"' in page
    assert not [name for name in OTHERS if name in page]


def test_page_of_the_other_clinic(client, cast, passed):
    client.force_login(cast.other_manager)
    page = text(client.get("/compliance/"))
    assert "Noor Haddad" in page
    assert "Maya" not in page
    assert passed.number not in page


def test_a_leaver_is_gone(client, cast, passed):
    client.force_login(cast.manager)
    assert "Lea Leaver" not in text(client.get("/compliance/"))


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("q=LINDQ", {"Maya Lindqvist"}),
        ("q=registered+nurse", {"Danielle Osei"}),
        ("q=osei+danielle", {"Danielle Osei"}),
        ("q=nobody", set()),
        ("word=not-current", {"Danielle Osei"}),
        ("word=current", {"Maya Lindqvist"}),
        ("word=not-required", {"Tom Reyes", "Elena Ruiz", "Priya Raman"}),
        ("state=overdue", {"Danielle Osei"}),
        ("state=locked", set()),
        ("role=physician", {"Elena Ruiz"}),
        ("role=aesthetician&word=current", {"Maya Lindqvist"}),
        ("word=nonsense&role=nonsense", {"Maya Lindqvist", "Danielle Osei", "Tom Reyes", "Elena Ruiz", "Priya Raman"}),
    ],
)
def test_filters(client, cast, passed, query, shown):
    client.force_login(cast.manager)
    page = text(client.get(f"/compliance/?{query}"))
    assert set(re.findall(r"Select ([^<]+)</span></label>", page)) == shown


def test_filter_by_clinic(client, cast, passed):
    client.force_login(cast.manager)
    assert "Maya Lindqvist" in text(client.get(f"/compliance/?clinic={cast.lakeside.public_id}"))
    for path in ("", "sheet/", "people.csv", "download/", "certificates.zip"):
        assert client.get(f"/compliance/{path}?clinic={cast.harbour.public_id}").status_code == 404


def test_two_clinics_of_one_manager(client, cast, passed):
    both = make_person(cast.lakeside, "Bea Both", "manager", by=cast.pinpoint)
    add_member(
        clinic=cast.harbour,
        email=both.email,
        full_name="",
        job_title="Manager",
        hired_on=both.joined_at.date(),
        roles=["manager"],
        by=cast.pinpoint,
    )
    client.force_login(both)
    page = text(client.get("/compliance/"))
    assert "Noor Haddad" in page
    assert "Maya Lindqvist" in page
    narrowed = text(client.get(f"/compliance/?clinic={cast.harbour.public_id}"))
    assert "Maya Lindqvist" not in narrowed


def test_a_certificate_of_another_clinic_counts_and_is_not_linked(client, cast, module, passed):
    add_member(
        clinic=cast.harbour, email=cast.aesthetician.email, full_name="", job_title="Aesthetician",
        hired_on=passed.valid_from_on, roles=["aesthetician"], by=cast.other_manager,
    )  # fmt: skip
    client.force_login(cast.other_manager)
    page = text(client.get("/compliance/?q=maya"))
    assert "Current" in page
    assert passed.number not in page
    (row,) = board_of([cast.harbour], cast.aesthetician).rows
    cell = text(client.get(row.cells[0].page))
    assert "a certificate of another clinic" in cell
    assert f"/certificates/{passed.number}/" not in cell


def test_pages_of_fifty(client, cast, module, crowd):
    crowd.grow(60)
    client.force_login(cast.manager)
    first, second = text(client.get("/compliance/")), text(client.get("/compliance/?page=2&word="))
    assert first.count("Select ") == 50
    assert "51 to 65 of 65" in second


@pytest.mark.one_engine  # as many statements on both
def test_the_same_queries_for_one_and_for_500(client, cast, module, crowd, django_assert_num_queries):
    client.force_login(cast.manager)
    paths = (
        "/compliance/",
        "/compliance/?word=not-current&q=crowd",
        "/compliance/?on=2026-10-20",
        "/compliance/print/",
        "/compliance/sheet/",
        "/people/",
        "/compliance/people.csv",
    )
    for path in paths:
        client.get(path)
    few = {path: crowd.count(lambda path=path: client.get(path)) for path in paths}
    crowd.grow()
    for path, expected in few.items():
        with django_assert_num_queries(expected):
            client.get(path)


def test_own_board_opens_every_certificate(cast, passed):
    (row,) = board_for(cast.aesthetician).rows
    assert row.cells[0].url == f"/certificates/{passed.number}/"


def test_sheet_puts_exceptions_first(client, cast, passed, now):
    record_licence(
        person=cast.aesthetician, type="Aesthetician", number="A-1", authority="Board", expires_on=now.date(),
        clinic=cast.lakeside, by=cast.manager,
    )  # fmt: skip
    client.force_login(cast.physician)
    page = text(client.get("/compliance/sheet/"))
    assert page.index("Exceptions: 2 people") < page.index("Danielle Osei") < page.index("In order: 3 people")
    assert page.index("In order: 3 people") < page.index("Maya Lindqvist")
    assert passed.number in page
    assert "Aesthetician, valid to 2 November 2026" in page
    assert "No licence recorded" in page
    assert "by Elena Ruiz" in page
    assert not [name for name in OTHERS if name in page]
    with clock.at(now + timedelta(days=1)):
        assert "Licence expired 2 Nov 2026" in text(client.get("/compliance/sheet/"))


@pytest.mark.parametrize(
    ("counts", "widths"),
    [
        ((1, 1, 1), ["33.3%", "33.3%", "33.4%"]),
        ((0, 0, 5), ["100.0%"]),
        ((0, 0, 0), []),
    ],
)
def test_bars_fill_the_whole(counts, widths):
    named = dict(zip(("not-current", "due-soon", "current"), counts, strict=True))
    assert [bar.width for bar in bars(named)] == widths
