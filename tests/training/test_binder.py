"""The binder: safety-critical points of every module, and the cards with the clinic's numbers."""

from dataclasses import replace

import pytest

from quizzes import material
from staff.actions import add_member
from staff.models import Signature
from tests import factories
from training import markdown
from training.models import ProtocolItem, ProtocolValue

CARDS = ("aftercare-clock", "escalation-ladder")
CODES = (("aftercare-clock", "aftercare-clock"), ("escalation-ladder", "review-times"))
OURS = "From hour 30 sunscreen <b>only</b>; the physician answers under 555 0100."


def page(client, person, path: str) -> str:
    client.force_login(person)
    response = client.get(path)
    assert response.status_code == 200
    return str(response.text).replace("\u00a0", " ").replace("&#x27;", "'")


def sign(clinic, item: str, text: str) -> None:
    """The clinic's own words, under the signature it has already given."""
    ProtocolValue.objects.create(
        item=ProtocolItem.objects.get(code=item),
        clinic=clinic,
        number=9,
        text=text,
        is_default=False,
        signature=Signature.objects.get(clinic=clinic),
    )


def with_picture(slug: str) -> material.Course:
    """The small course, one of its pictures called as the card is."""
    course = factories.course_of(factories.SLICE)
    (module, items, quiz) = course.modules[0]
    pictures = tuple(replace(row, code=slug, title="On the card") for row in module.pictures)[:1]
    text = module.sections[0].text
    for row in module.pictures:
        text = text.replace(f"::: picture {row.code}", f"::: picture {slug}")
    text = text.replace(f"::: picture {slug}\n:::\n", "", 1)
    section = replace(module.sections[0], text=text, blocks=tuple(markdown.blocks(text)))
    return material.Course(course.library, ((replace(module, pictures=pictures, sections=(section,)), items, quiz),))


def test_critical_points_of_every_module_and_no_other(client, cast):
    factories.make_modules(by=cast.pinpoint)
    found = page(client, cast.aesthetician, "/binder/")
    places = [found.index(f">{prefix}-{n}<") for prefix in ("st", "nd", "ci", "cm") for n in (17, 18)]
    assert places == sorted(places)
    assert "nd-19" not in found
    assert found.count('<table class="points">') == 4
    assert "version 1, published 2 November 2026" in found


def test_only_the_live_version_stands_in_the_binder(client, cast, module):
    (file, items, quiz) = factories.course_of(factories.SLICE).modules[0]
    text = file.sections[0].text.replace("Blood that flows or keeps coming", "Blood that runs, flows or keeps coming")
    section = replace(file.sections[0], text=text, blocks=tuple(markdown.blocks(text)))
    library = factories.course_of(factories.SLICE).library
    material.load(material.Course(library, ((replace(file, sections=(section,)), items, quiz),)), by=cast.pinpoint)
    found = page(client, cast.aesthetician, "/binder/")
    assert "Blood that runs, flows or keeps coming" in found
    assert found.count(">nd-17<") == 1
    assert "version 2, published" in found


def test_without_modules(client, cast):
    assert "No module is published yet" in page(client, cast.aesthetician, "/binder/")
    for card in CARDS:
        assert "The protocol is not loaded yet" in page(client, cast.aesthetician, f"/binder/{card}/")


@pytest.mark.parametrize("path", ["/binder/", "/binder/aftercare-clock/", "/modules/needle-depth/print/"])
def test_paper_says_when_and_that_it_is_not_controlled(client, cast, module, settings, path):
    found = page(client, cast.aesthetician, path)
    assert "Lakeside Skin Clinic. Printed on 2 November 2026 at 08:00." in found
    assert "A printed copy is not controlled" in found
    assert f"{settings.SITE_URL}{path}" in found


@pytest.mark.parametrize(("card", "code"), CODES)
def test_card_before_anything_is_signed(client, cast, card, code):
    factories.make_module(by=cast.pinpoint)
    item = ProtocolItem.objects.get(code=code)
    found = page(client, cast.aesthetician, f"/binder/{card}/")
    assert "Not signed for this clinic: cautious default" in found
    assert item.default.replace("\u00a0", " ") in found
    assert item.blanks
    for line in item.blanks.splitlines():
        assert f"<dt>{line}</dt>" in found


def test_card_with_the_default_taken_over_by_signature(client, cast, module):
    found = page(client, cast.aesthetician, "/binder/aftercare-clock/")
    assert "Signed for this clinic: the cautious default" in found
    assert "The cautious default holds here. Signed by Elena Ruiz, 2 November 2026 at 08:00" in found
    assert "<dt>Sunscreen, from hour</dt>" in found


@pytest.mark.parametrize(("card", "code"), CODES)
def test_card_with_the_clinic_s_own_words_has_no_blanks(client, cast, module, card, code):
    sign(cast.lakeside, code, OURS)
    found = page(client, cast.aesthetician, f"/binder/{card}/")
    assert "From hour 30 sunscreen &lt;b&gt;only&lt;/b&gt;" in found
    assert "cautious default" not in found
    assert "to fill in" not in found


def test_card_of_another_clinic(client, cast, module):
    sign(cast.lakeside, "aftercare-clock", OURS)
    other = page(client, cast.other_aesthetician, "/binder/aftercare-clock/")
    assert "From hour 30" not in other
    assert "Aftercare clock, Harbour Aesthetics" in other
    client.force_login(cast.other_aesthetician)
    for path in ("/binder/", "/binder/aftercare-clock/"):
        assert client.get(f"{path}?clinic={cast.lakeside.public_id}").status_code == 404
        assert client.get(f"{path}?clinic=").status_code == 404


def test_somebody_of_two_clinics_chooses(client, cast, module):
    sign(cast.lakeside, "aftercare-clock", OURS)
    add_member(
        clinic=cast.harbour,
        email=cast.aesthetician.email,
        full_name=cast.aesthetician.full_name,
        job_title="Aesthetician",
        hired_on=cast.aesthetician.membership_set.get().hired_on,
        roles=["aesthetician"],
        by=cast.pinpoint,
    )
    found = page(client, cast.aesthetician, "/binder/aftercare-clock/")
    assert "As Lakeside Skin Clinic has it" in found
    assert "From hour 30" not in found
    hers = page(client, cast.aesthetician, f"/binder/aftercare-clock/?clinic={cast.lakeside.public_id}")
    assert "From hour 30" in hers
    assert f"/binder/aftercare-clock/?clinic={cast.harbour.public_id}" in page(client, cast.aesthetician, "/binder/")


def test_card_of_somebody_without_a_clinic(client, cast, module):
    assert "Not signed: cautious default" in page(client, cast.author, "/binder/aftercare-clock/")


@pytest.mark.parametrize("card", CARDS)
def test_card_shows_its_picture_once_a_live_module_has_it(client, cast, card):
    factories.make_module(by=cast.pinpoint)
    assert "The picture in words" not in page(client, cast.aesthetician, f"/binder/{card}/")
    material.load(with_picture(card), by=cast.pinpoint)
    found = page(client, cast.aesthetician, f"/binder/{card}/")
    assert "On the card, in words" in found
    assert "<svg" in found[found.index("<figure") :]
    material.load(factories.course_of(factories.SLICE), by=cast.pinpoint)
    assert "The picture in words" not in page(client, cast.aesthetician, f"/binder/{card}/")


def test_no_such_card(client, cast, module):
    client.force_login(cast.aesthetician)
    assert client.get("/binder/no-such/").status_code == 404


@pytest.mark.parametrize(("who", "path"), [("aesthetician", "/"), ("manager", "/modules/")])
def test_binder_and_programmes_are_linked(client, cast, module, who, path):
    found = page(client, getattr(cast, who), path)
    assert 'href="/binder/"' in found
    assert 'href="/programmes/' in found
