from datetime import timedelta

import pytest
from django.contrib.messages import get_messages
from django.urls import reverse

from staff import clock
from tests import factories
from training import markdown
from training.models import Module, Reading, ReadingConfirmation
from training.queries import places

SECTION = ("needle-depth", "technique-and-endpoint")


@pytest.fixture
def section(module) -> str:
    return reverse("training:section-detail", args=SECTION)


def confirm(client, version: object = 1):
    return client.post(reverse("training:section-confirm", args=SECTION), {"version": version})


def test_module_list(client, cast, module):
    client.force_login(cast.aesthetician)
    page = client.get(reverse("training:module-list")).text
    assert "0 of 1 section read" in page.replace("\u00a0", " ")
    factories.read_all(person=cast.aesthetician, course=module)
    assert "1 of 1 section read" in client.get(reverse("training:module-list")).text.replace("\u00a0", " ")


def test_module_list_of_nothing(client, cast):
    client.force_login(cast.aesthetician)
    assert "No module is published yet" in client.get(reverse("training:module-list")).text


def test_module_overview(client, cast, module):
    client.force_login(cast.aesthetician)
    page = client.get(reverse("training:module-detail", args=["needle-depth"])).text
    for text in ("Needle depth", "not yet reviewed by a clinician", "Technique and endpoint", "practical P6"):
        assert text in page, text


def test_opening_a_section_is_kept_once(client, cast, section, now):
    client.force_login(cast.aesthetician)
    assert client.get(section).status_code == 200
    with clock.at(now + timedelta(hours=1)):
        client.get(section)
    row = Reading.objects.get()
    assert (row.person, row.opened_at) == (cast.aesthetician, now)


def test_section_page(client, cast, section):
    client.force_login(cast.aesthetician)
    page = client.get(section).text
    for text in ('id="nd-17"', "Safety-critical", "Blood that flows or keeps coming", "<svg", "Is Microneedling Safe?"):
        assert text in page, text


def test_confirming_the_last_section_leads_to_the_module(client, cast, module):
    client.force_login(cast.aesthetician)
    assert confirm(client)["Location"] == "/modules/needle-depth/"
    assert ReadingConfirmation.objects.get().person == cast.aesthetician


def test_confirming_an_older_text_shows_the_new_one_first(client, cast, module):
    client.force_login(cast.aesthetician)
    for version in (0, 2, "", "one"):
        got = confirm(client, version)
        assert got["Location"] == reverse("training:section-detail", args=SECTION)
    assert "This section changed while you were reading" in str(next(iter(get_messages(got.wsgi_request))))
    assert not ReadingConfirmation.objects.exists()


@pytest.mark.parametrize("who", ["physician", "manager", "author"])
def test_only_learners_confirm(client, cast, module, who):
    client.force_login(getattr(cast, who))
    assert confirm(client).status_code == 403
    assert not ReadingConfirmation.objects.exists()


def test_place_is_kept(client, cast, module, section):
    client.force_login(cast.aesthetician)
    client.get(section)
    path = reverse("training:section-place", args=SECTION)
    for place, kept in (("p8", "p8"), ("nd-20", "nd-20"), ("nowhere", "nd-20"), ("p99", "nd-20"), ("", "")):
        assert client.post(path, {"place": place}).status_code == 204
        assert Reading.objects.get().place == kept


def test_every_way_into_a_section_leads_to_the_place(client, cast, module, section):
    """Until it is confirmed; then it begins at the beginning again."""
    client.force_login(cast.aesthetician)
    client.get(section)
    client.post(reverse("training:section-place", args=SECTION), {"place": "nd-20"})
    link = f'href="{section}#nd-20"'
    for path, times in (("/", 1), ("/modules/needle-depth/", 2), (section, 2)):
        assert client.get(path).text.count(link) == times, path
    page = client.get(section).text
    assert 'href="#nd-20"' in page
    assert 'data-place="nd-20"' in page
    confirm(client)
    for path in ("/", "/modules/needle-depth/", section):
        assert link not in client.get(path).text, path


def test_every_block_can_be_led_to_and_has_one_name(client, cast, module, section):
    client.force_login(cast.aesthetician)
    page = client.get(section).text
    version = places(module.version)[0].section_version
    for anchor in markdown.anchors(markdown.blocks(version.text)):
        assert page.count(f' id="{anchor}"') == 1, anchor
    printed = client.get(reverse("training:module-print", args=["needle-depth"])).text
    assert ' id="p1"' not in printed


def test_print_view_carries_every_section_with_its_sources(client, cast, module):
    client.force_login(cast.aesthetician)
    page = client.get(reverse("training:module-print", args=["needle-depth"])).text
    for text in ("Technique and endpoint", "nd-21", "<svg", "Is Microneedling Safe?"):
        assert text in page, text


def test_one_page_of_critical_points(client, cast, module):
    client.force_login(cast.aesthetician)
    page = client.get(reverse("training:module-points", args=["needle-depth"])).text
    assert "nd-17" in page
    assert "nd-18" in page
    assert "nd-19" not in page


def test_what_is_not_there_is_404(client, cast, module):
    client.force_login(cast.aesthetician)
    Module.objects.create(slug="empty", code="em")
    for path in (
        "/modules/no-such/",
        "/modules/empty/",
        "/modules/needle-depth/no-such/",
        "/modules/needle-depth/no-such/read/",
        "/modules/no-such/print/",
        "/modules/no-such/quiz/",
        "/modules/no-such/practice/",
    ):
        method = client.post if path.endswith("/read/") else client.get
        assert method(path).status_code == 404, path
