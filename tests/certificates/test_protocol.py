"""The physician decides: one item, all defaults, the state's rule; what a change asks of the readers."""

import pytest
from django.template.loader import render_to_string
from django.urls import reverse

from compliance import records
from quizzes.models import QuestionVersion
from staff import canonical, clock, signing
from staff.models import Clinic
from tests import factories
from tests.people import PASSWORD
from training import protocol
from training.actions import confirm_reading
from training.models import ProtocolItem, ProtocolReread, ProtocolValue, StateRule
from training.queries import protocol_of


def decide(cast, code="depth-order", *, by=None, clinic=None, **fields):
    by, clinic = by or cast.physician, clinic or cast.lakeside
    item = ProtocolItem.objects.get(code=code)
    return protocol.decide(
        **{
            "clinic": clinic,
            "item": item,
            "text": protocol.table_text([["Example pen", "Cheeks", "1.0 mm"]]),
            "is_default": False,
            "reread": False,
            "seen": factories.seen(protocol.before_sha256(clinic, item), by),
            "by": by,
        }
        | fields
    )


def test_a_depth_order_is_a_table_where_it_is_read(client, cast, module):
    decide(cast)
    shown = protocol_of(cast.lakeside)["depth-order"]
    assert (shown.rows, shown.columns) == ([["Example pen", "Cheeks", "1.0 mm"]], ["device", "area", "maximum"])
    assert shown.text == "Example pen, Cheeks, 1.0 mm."
    assert protocol_of(cast.harbour)["depth-order"].rows == []
    client.force_login(cast.physician)
    page = client.get(reverse("certificates:protocol")).text
    assert 'data-label="Maximum">1.0 mm</td>' in page
    assert records.verify(everything=True).findings == []


def test_each_value_has_the_next_number_and_the_default_comes_back(cast, module):
    decide(cast)
    decide(cast, is_default=True)
    rows = ProtocolValue.objects.filter(clinic=cast.lakeside, item__code="depth-order").order_by("number")
    assert list(rows.values_list("number", "is_default")) == [(1, True), (2, False), (3, True)]
    assert protocol_of(cast.lakeside)["depth-order"].rows == []
    assert records.verify(everything=True).findings == []


def test_what_somebody_else_decided_meanwhile_is_not_overwritten(cast, module):
    before = protocol.before_sha256(cast.lakeside, ProtocolItem.objects.get(code="depth-order"))
    decide(cast)
    with pytest.raises(signing.SigningRefused, match="changed while it was on your screen"):
        decide(cast, seen=factories.seen(before, cast.physician))
    with pytest.raises(signing.SigningRefused, match="not a supervising physician"):
        decide(cast, by=cast.other_physician)


def test_whoever_read_it_reads_it_again(client, cast, module):
    factories.read_all(person=cast.aesthetician, course=module)
    item = ProtocolItem.objects.get(code="depth-order")
    point = module.version.places.get().section_version.points.first()
    assert point is not None
    point.depends_on.add(item)
    sections = protocol.sections_showing(item)
    asked = protocol.readers_of(sections, cast.lakeside)
    assert len(sections) == 1
    assert asked == [cast.aesthetician]
    decide(cast, reread=True)
    assert ProtocolReread.objects.count() == len(asked) * len(sections)
    for _, version in protocol.rereadings_open(cast.aesthetician, [cast.lakeside]):
        client.force_login(cast.aesthetician)
        assert version.title in client.get("/").text
        with clock.at(clock.now().replace(hour=20)):
            confirm_reading(person=cast.aesthetician, version=version)
    assert protocol.rereadings_open(cast.aesthetician, [cast.lakeside]) == []


def test_all_defaults_under_one_signature(cast, module):
    assert protocol.undecided(cast.lakeside) == []
    items = protocol.undecided(cast.harbour)

    def take(by=cast.other_physician):
        return protocol.take_all_defaults(
            clinic=cast.harbour,
            seen=factories.seen(canonical.sha256(protocol.defaults_record(cast.harbour, items)), by),
            by=by,
        )

    signature = take()
    assert ProtocolValue.objects.filter(signature=signature, is_default=True).count() == len(items) == 10
    with pytest.raises(signing.SigningRefused, match="decided already"):
        take()
    assert records.verify(everything=True).findings == []


def test_the_rule_is_replaced_by_the_next(cast, module):
    factories.sign_rule(by=cast.physician)
    factories.sign_rule(by=cast.physician, types=["Registered nurse", "Registered nurse", " "])
    rule = protocol.state_rule(cast.lakeside)
    assert rule is not None
    assert (rule.number, rule.types) == (2, ["Registered nurse"])
    assert protocol.state_rule(cast.harbour) is None
    with pytest.raises(signing.SigningRefused, match="at least one licence type"):
        factories.sign_rule(by=cast.physician, types=[" "])
    assert StateRule.objects.count() == 2
    assert records.verify(everything=True).findings == []


def post(client, cast, name, *args, **fields):
    url = reverse(f"certificates:{name}", args=args)
    shown = client.get(url).context
    signature = {
        "shown_sha256": shown["shown_sha256"],
        "opened_at": clock.now().isoformat(),
        "email": cast.physician.email,
        "password": PASSWORD,
    }
    return client.post(url, signature | fields)


def test_pages_sign_without_javascript(client, cast, module):
    client.force_login(cast.physician)
    half = {"cell-0-0": "Example pen", "cell-0-1": "Cheeks"}
    assert "Fill every cell" in post(client, cast, "protocol-decide", "depth-order", choice="own", **half).text
    done = post(client, cast, "protocol-decide", "depth-order", choice="own", **half, **{"cell-0-2": "1.0 mm"})
    assert done.status_code == 302
    assert protocol_of(cast.lakeside)["depth-order"].rows == [["Example pen", "Cheeks", "1.0 mm"]]
    assert "Name the rule." in post(client, cast, "state-rule", rule="", licence_types="Nurse").text
    post(client, cast, "state-rule", rule="Code 1-2-3", licence_types="Nurse\r\nPhysician")
    rule = protocol.state_rule(Clinic.objects.get(pk=cast.lakeside.pk))
    assert rule is not None
    assert rule.types == ["Nurse", "Physician"]
    page = client.get(reverse("certificates:protocol-decide", args=["depth-order"])).context
    assert page["dependent"] == QuestionVersion.objects.filter(depends_on__code="depth-order", state="live").count()


def test_a_page_says_which_of_her_clinics_it_is_about(cast):
    both = {"clinics": [cast.lakeside, cast.harbour], "shown": cast.harbour, "question": "nd & 1"}
    text = render_to_string("_parts/clinics.html", both)
    assert f'clinic={cast.harbour.public_id}" aria-current="true"' in text
    assert text.count("aria-current") == 1
    assert f"?question=nd%20%26%201&amp;clinic={cast.lakeside.public_id}" in text
    assert not render_to_string("_parts/clinics.html", both | {"clinics": [cast.harbour]}).strip()


def test_a_manager_reads_the_protocol_and_decides_nothing(client, cast, module):
    decide(cast)
    url = reverse("certificates:protocol")
    client.force_login(cast.manager)
    page = client.get(url).text.partition("<main")[2]
    assert 'data-label="Maximum">1.0 mm</td>' in page
    assert "Decisions left to the physician" in page
    led = [reverse(f"certificates:{name}") for name in ("state-rule", "protocol-defaults")]
    led += [reverse("certificates:protocol-decide", args=["depth-order"]), "/protocol/adopt/", "/coverage/"]
    assert [way for way in led if way in page] == []
    assert client.get(led[2]).status_code == 403
    client.force_login(cast.physician)
    page = client.get(url).text
    assert [way for way in led if way not in page] == []
    assert client.get(f"{url}?clinic={cast.harbour.public_id}").status_code == 404
