"""Every page of this floor and every person: who may, who may not, and who does not even see that it exists."""

import pytest
from django.urls import reverse

ALL = (
    "aesthetician",
    "colleague",
    "support",
    "physician",
    "manager",
    "other_aesthetician",
    "other_physician",
    "other_manager",
    "author",
    "administrator",
)
SEES = {"physician", "manager", "other_physician", "other_manager"}
OVER_HER = {"aesthetician": 403, "colleague": 403, "support": 403, "author": 403, "administrator": 403}


def listed(*, allowed: set[str], otherwise: int = 403) -> dict[str, int]:
    return {name: 200 if name in allowed else otherwise for name in ALL}


def about_her(path: str, *, physician: int, strangers: int = 404) -> dict[str, int]:
    """A page about the aesthetician: her manager 200, the other clinic's people never."""
    other_physician = strangers if physician == 200 else 403
    return {**OVER_HER, "other_aesthetician": 403, "physician": physician, "manager": 200,
            "other_physician": other_physician, "other_manager": strangers}  # fmt: skip


EXPECTED = {
    "home": listed(allowed=set(ALL)),
    "matrix": listed(allowed=SEES),
    "sheet": listed(allowed=SEES),
    "people-csv": listed(allowed=SEES),
    "certificates-download": listed(allowed=SEES),
    "certificates-zip": listed(allowed=SEES),
    "person-list": listed(allowed=SEES),
    "person-add": listed(allowed={"manager", "other_manager"}),
    "person-detail": about_her("person-detail", physician=200),
    "person-rename": about_her("person-rename", physician=403),
    "licence-add": about_her("licence-add", physician=403),
    "membership-end": about_her("membership-end", physician=403),
}
CASES = [(name, person, status) for name, row in EXPECTED.items() for person, status in row.items()]


def address(name: str, cast) -> str:
    her = cast.aesthetician.public_id
    args = {"person-detail": [her], "person-rename": [her], "licence-add": [her]}
    if name == "membership-end":
        return reverse("compliance:membership-end", args=[her, cast.lakeside.public_id])
    return reverse(f"compliance:{name}", args=args.get(name, []))


@pytest.mark.parametrize(("name", "person", "status"), CASES)
def test_page_by_role(client, cast, name, person, status):
    client.force_login(getattr(cast, person))
    assert client.get(address(name, cast)).status_code == status


@pytest.mark.parametrize("name", list(EXPECTED))
def test_page_when_signed_out(client, cast, name):
    response = client.get(address(name, cast))
    assert response.status_code == 302
    assert response["Location"].startswith("/accounts/login/")


@pytest.mark.parametrize(
    ("person", "status"),
    [("manager", 302), ("physician", 403), ("other_manager", 404), ("other_physician", 403), ("colleague", 403)],
)
@pytest.mark.parametrize("name", ["person-invite", "identity-check"])
def test_posts_about_her(client, cast, name, person, status):
    client.force_login(getattr(cast, person))
    her = reverse(f"compliance:{name}", args=[cast.aesthetician.public_id, cast.lakeside.public_id])
    assert client.post(her, {"how": "passport seen"}).status_code == status


def test_home_of_somebody_without_a_role(client, cast):
    cast.leaver.is_active = True
    cast.leaver.save()
    client.force_login(cast.leaver)
    assert "You work in no clinic at present" in client.get("/").text
