"""Where the roles of one person lead: five tabs, and the rest in the account menu."""

import pytest
from django.urls import reverse

from staff.navigation import ways_for
from tests.people import make_person

MANAGES = ["Home", "Compliance", "People", "Assignments", "Certificates"]
SUPERVISES = ["Home", "Reviews", "Practicals", "Protocol", "Compliance"]


@pytest.mark.parametrize(
    ("held", "tabs", "further"),
    [
        (["aesthetician"], ["Home", "Modules", "Practicals", "Certificates"], ["Questions"]),
        (["manager"], MANAGES, ["Modules", "Protocol", "Questions"]),
        (["physician"], SUPERVISES, ["Modules", "People", "Assignments", "Certificates", "Bank", "Questions"]),
        (
            ["physician", "manager"],
            SUPERVISES,
            ["People", "Assignments", "Certificates", "Modules", "Bank", "Questions"],
        ),
        (["manager", "aesthetician"], MANAGES, ["Modules", "Practicals", "Protocol", "Questions"]),
        (
            ["physician", "aesthetician"],  # who takes quizzes is refused the bank
            SUPERVISES,
            ["Modules", "Certificates", "People", "Assignments", "Questions"],
        ),
    ],
    ids="+".join,
)
def test_every_page_of_every_role_is_within_reach(client, cast, module, held, tabs, further):
    person = make_person(cast.lakeside, "Sol Vega", *held, by=cast.pinpoint)
    shown = ways_for(person, "/")
    assert [[way.title for way in ways] for ways in shown] == [tabs, further]
    if len(held) == 1:  # tests/test_access.py has what one role is shown
        return
    client.force_login(person)
    refused = [way.path for ways in shown for way in ways if client.get(way.path).status_code != 200]
    assert refused == []


def test_what_has_no_tab_stands_in_the_account_menu_and_is_marked_there(client, cast):
    sol = make_person(cast.lakeside, "Sol Vega", "physician", "manager", by=cast.pinpoint)
    client.force_login(sol)
    page = client.get(reverse("compliance:assignment-list")).text
    assert '<a href="/assignments/" aria-current="page">Assignments</a>' in page
    assert '<a href="/people/">People</a>' in page
    assert page.count('href="/people/"') == 1
    home = client.get("/").text
    assert '<a href="/assignments/">Assignments</a>' in home
