"""Whom a weakness is reported to, as RFC 9116 has it."""

from datetime import datetime

import pytest

from tests.test_project import started

ADDRESS = "/.well-known/security.txt"


@pytest.mark.django_db
def test_contact_and_its_end_are_told_to_everybody(client, settings):
    assert client.get(ADDRESS).status_code == 404
    settings.SECURITY_CONTACT, settings.SECURITY_EXPIRES = "mailto:security@clinic.example", "2027-11-01"
    answer = client.get(ADDRESS)
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    fields = dict(line.split(": ", 1) for line in answer.text.splitlines())
    assert fields["Contact"] == "mailto:security@clinic.example"
    assert datetime.fromisoformat(fields["Expires"]).isoformat() == "2027-11-01T00:00:00+00:00"
    assert fields["Canonical"] == f"https://training.example.com{ADDRESS}"


@pytest.mark.parametrize(
    ("contact", "expires", "named"),
    [
        ("security@clinic.example", "2027-11-01", "SECURITY_CONTACT"),
        ("mailto:security@clinic.example", "", "SECURITY_EXPIRES"),
        ("mailto:security@clinic.example", "next year", "SECURITY_EXPIRES"),
    ],
)
def test_what_would_be_no_security_txt_stops_the_site_with_a_sentence(contact, expires, named):
    run = started(SECURITY_CONTACT=contact, SECURITY_EXPIRES=expires)
    assert run.returncode != 0
    assert named in run.stderr
