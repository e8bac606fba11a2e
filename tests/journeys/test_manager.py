"""A manager's month: people come by a file, a rule and a waiver, a reminder goes out, and an inspector gets a pack.

What was read and passed before is made by the factories, in the past; that has journeys of its own.
"""

import subprocess
import sys
import zipfile
from collections import defaultdict
from datetime import datetime, time, timedelta
from email import message_from_bytes, policy
from zoneinfo import ZoneInfo

import pytest
from django.urls import reverse

from certificates import actions
from compliance.packs import work as packs
from compliance.reminders import sending
from staff import clock, mail
from staff.models import StaffMember
from tests import factories, people
from tests.journeys.conftest import axe, expect, overflow

pytestmark = pytest.mark.browser
DAY = timedelta(days=1)
ROSTER = """email,full_name,job_title,hired_on,roles
nadia@lakeside.example,Nadia Brandt,Aesthetician,{today},aesthetician
owen@lakeside.example,Owen Pryce,Room assistant,{today},support
"""


@pytest.fixture
def past(transactional_db):
    """Seventy days here: Maya passed and was revoked ten days ago, Danielle never passed."""
    now = clock.now()
    with clock.at(now - 70 * DAY):
        cast = people.make_cast()
        course = factories.make_module(by=cast.pinpoint, adopted_by=cast.physician)
    with clock.at(now - 60 * DAY):
        held = factories.make_finished(person=cast.aesthetician, course=course).certificate
    with clock.at(now - 10 * DAY):
        actions.revoke(
            certificate=held,
            reason_class="retraining",
            public_text="Re-training required.",
            private_note="",
            seen=factories.seen(held.facts_sha256, cast.physician),
            by=cast.physician,
        )
    return cast


def checked(folder):
    """What the pack's own checker says, with nothing but Python."""
    return subprocess.run(
        [sys.executable, "-I", "check_pack.py"], cwd=folder, env={}, capture_output=True, text=True, check=False
    )


def mails(folder):
    """By whom they are to. Mails of one second may share a file, with a line of hyphens after each."""
    parts = [part for path in folder.iterdir() for part in path.read_bytes().split(b"-" * 79 + b"\n") if part.strip()]
    found = defaultdict(list)
    for part in parts:
        one = message_from_bytes(part, policy=policy.default)
        found[str(one["To"])].append(one.get_content())
    return found


def test_from_a_list_of_people_to_an_inspectors_pack(past, visitor, settings, tmp_path):
    cast, today = past, clock.today("America/Denver")
    page = visitor(accept_downloads=True).sign_in(cast.manager)

    # Two people come by a file, each line told before it is done.
    page.goto(reverse("compliance:people-import"))
    roster = ROSTER.format(today=today).encode()
    page.get_by_label("File", exact=True).set_input_files(
        {"name": "staff.csv", "mimeType": "text/csv", "buffer": roster}
    )
    page.get_by_role("button", name="Look at each line").click()
    expect(page.get_by_role("heading", name="Nadia Brandt")).to_be_visible()
    assert not StaffMember.objects.filter(email="nadia@lakeside.example").exists()
    page.get_by_role("button", name="Take 2").click()
    expect(page.get_by_text("Done,")).to_be_visible()
    assert StaffMember.objects.get(email="owen@lakeside.example").membership_set.get().clinic == cast.lakeside

    # Support staff are asked for one more module within five days; Danielle is excused for a month.
    page.goto(reverse("compliance:rule-add"))
    page.get_by_label("Of whom").select_option("support")
    page.get_by_label("What is asked for").select_option("module:needle-depth")
    page.get_by_label("Days", exact=True).fill("5")
    page.locator("form.measure button[type=submit]").click()
    page.wait_for_url(lambda url: "/add/" not in url)
    page.goto(reverse("compliance:waiver-add", args=[cast.colleague.public_id, cast.lakeside.public_id]))
    page.get_by_label("Reason").fill("Treats nobody while she studies.")
    page.get_by_label("Through").fill((today + 30 * DAY).isoformat())
    page.locator("form.measure button[type=submit]").click()
    page.wait_for_url(lambda url: not url.endswith("/waiver/"))

    # What goes out at noon tomorrow, read in the files that the mail was written to.
    folder = tmp_path / "mail"
    folder.mkdir()
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = folder
    noon = datetime.combine(today + DAY, time(12), tzinfo=ZoneInfo("America/Denver"))
    with clock.at(noon):
        sending.send_due()
        mail.send_due()
        sending.send_due()
        mail.send_due()
    sent = mails(folder)
    (reminder,) = sent[cast.support.email]
    assert "Needle depth" in reminder
    assert cast.colleague.email not in sent

    # Who was current a month ago, before the revocation, the file and the waiver.
    last_month = today - 30 * DAY
    matrix = reverse("compliance:matrix")
    page.goto(matrix)
    maya = page.get_by_role("row").filter(has_text=cast.aesthetician.full_name)
    expect(maya).to_contain_text("Revoked")
    expect(page.get_by_role("row").filter(has_text="Nadia Brandt")).to_have_count(1)
    expect(page.get_by_role("row").filter(has_text=cast.colleague.full_name)).to_contain_text("Waived")
    page.get_by_label("As of the end of").fill(last_month.isoformat())
    page.get_by_role("button", name="Show", exact=True).click()
    page.wait_for_url(f"**on={last_month.isoformat()}**")
    expect(maya).to_contain_text("Valid")
    expect(page.get_by_role("row").filter(has_text="Nadia Brandt")).to_have_count(0)
    expect(page.get_by_role("row").filter(has_text=cast.colleague.full_name)).not_to_contain_text("Waived")
    axe(page)
    assert overflow(page) == 0

    # The pack, checked by its own checker in a folder where nothing else is; then with one byte changed.
    page.goto(reverse("compliance:pack-list"))
    page.get_by_role("button", name="Ask for the pack").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(str(cast.lakeside))
    assert packs.make_waiting() == 1
    link = page.get_by_role("link", name="Download the pack")
    expect(link).to_be_visible()  # the page asks by itself
    with page.expect_download() as taken:
        link.click()
    empty = tmp_path / "inspector"
    with zipfile.ZipFile(taken.value.path()) as pack:
        pack.extractall(empty)
    (empty,) = empty.iterdir()
    whole = checked(empty)
    assert whole.returncode == 0, whole.stdout + whole.stderr
    (changed,) = empty.glob("certificates/*.pdf")
    data = bytearray(changed.read_bytes())
    data[len(data) // 2] ^= 1
    changed.write_bytes(data)
    found = checked(empty)
    assert found.returncode == 1
    assert changed.name in found.stdout
