"""The heads of the chains: lines that are kept outside, mailed once a day, and held against the chains later."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core import mail as outbox
from django.core.management import CommandError, call_command
from django.db import DatabaseError, transaction
from django.urls import reverse

from compliance.management.commands import tick
from compliance.models import HeadAddress
from compliance.records import outgoing
from compliance.trail import heads
from staff import actions, clock, mail
from staff.models import Chain, OutgoingMail


@pytest.fixture
def address(cast):
    return heads.add_address(clinic=cast.lakeside, email="Counsel@Outside.example ", by=cast.manager)


def act(cast) -> None:
    actions.correct_name(
        person=cast.colleague, full_name="D. Osei", latin_name="", clinic=cast.lakeside, reason="", by=cast.manager
    )


def test_a_head_is_read_from_a_quoted_mail(cast):
    kept = heads.heads()
    assert {head.chain for head in kept} == {cast.lakeside.public_id, cast.harbour.public_id, "house"}
    quoted = "Subject: Fwd\n" + "".join(f"> {head}\r\n" for head in kept)
    assert heads.read(quoted) == kept
    assert not [head for head in kept if "Lakeside" in str(head)]


def test_kept_heads_stand_while_the_chain_grows(cast):
    kept = heads.heads()
    act(cast)
    assert list(outgoing.held_against(kept)) == []
    assert heads.heads() != kept


@pytest.mark.parametrize("what", ["hash", "seq", "chain"])
def test_a_head_that_does_not_fit_is_named(cast, what):
    head = heads.heads([cast.lakeside])[0]
    changed = {"hash": "0" * 64, "seq": head.seq + 1, "chain": "nobodys"}
    (finding,) = outgoing.held_against([heads.Head(**{**head.__dict__, what: changed[what]})])
    assert finding.what.startswith("head of ")


def test_the_command_prints_and_adds_to_a_file(cast, tmp_path):
    file = tmp_path / "heads.txt"
    call_command("audit_heads", output=str(file))
    act(cast)
    call_command("audit_heads", output=str(file))
    out = StringIO()
    call_command("audit_heads", stdout=out)
    kept = heads.read(file.read_text())
    assert [(head.chain, head.seq) for head in heads.read(out.getvalue())] == [(h.chain, h.seq) for h in kept[3:]]
    assert len(kept) == 6


def test_verify_records_holds_kept_heads_against_the_chain(cast, tmp_path):
    file = tmp_path / "heads.txt"
    file.write_text("".join(f"{head}\n" for head in heads.heads()))
    out = StringIO()
    call_command("verify_records", heads=[str(file)], stdout=out)
    assert "3 kept heads" in out.getvalue()
    head = Chain.objects.get(clinic=cast.lakeside).head
    file.write_text(file.read_text().replace(head, "f" * 64))
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command("verify_records", heads=[str(file)], stdout=out)
    assert f"Does not add up: head of {cast.lakeside.public_id}" in out.getvalue()
    for text, sentence in (("nothing here", "holds no head"), (None, "cannot be read")):
        name = tmp_path / "other.txt"
        if text is not None:
            name.write_text(text)
        else:
            name.unlink()
        with pytest.raises(CommandError, match=sentence):
            call_command("verify_records", heads=[str(name)], stdout=StringIO())


def test_the_head_is_mailed_once_a_day_to_the_address_outside(cast, address, now):
    assert heads.send_daily() == 1
    assert heads.send_daily() == 0
    assert mail.send_due() == 1
    (letter,) = outbox.outbox
    assert letter.to == ["counsel@outside.example"]
    chain = Chain.objects.get(clinic=cast.lakeside)
    assert {(head.chain, head.hash) for head in heads.read(letter.body)} == {
        (cast.lakeside.public_id, chain.head),
        ("house", Chain.objects.get(house=True).head),
    }
    assert not [name for name in ("Maya", "Priya", "@") if name in letter.body]
    with clock.at(now + timedelta(days=1)):
        assert heads.send_daily() == 1
        assert heads.end_address(address=address, by=cast.manager)
    with clock.at(now + timedelta(days=2)):
        assert heads.send_daily() == 0
    assert heads.send_daily in tick.PARTS.values()
    assert OutgoingMail.objects.filter(address="counsel@outside.example").count() == 2


def test_an_address_is_one_row_and_stays_on_record(cast, address):
    assert heads.add_address(clinic=cast.lakeside, email="counsel@outside.example", by=cast.manager) == address
    with pytest.raises(DatabaseError), transaction.atomic():
        HeadAddress.objects.filter(pk=address.pk).delete()
    assert heads.end_address(address=address, by=cast.manager)
    assert not heads.end_address(address=address, by=cast.manager)
    assert heads.add_address(clinic=cast.lakeside, email="counsel@outside.example", by=cast.manager) != address


def test_the_manager_names_and_takes_back(client, cast):
    client.force_login(cast.manager)
    url = reverse("compliance:head-addresses")
    for number in range(heads.MOST_ADDRESSES):
        assert client.post(url, {"email": f"box{number}@outside.example"}).status_code == 302
    refused = client.post(url, {"email": "box9@outside.example"})
    assert "Take one back before you name another" in refused.content.decode()
    row = HeadAddress.objects.filter(clinic=cast.lakeside)[0]
    client.post(reverse("compliance:head-address-end", args=[row.pk]))
    row.refresh_from_db()
    assert row.ended_by == cast.manager
    said = client.get(url).content.decode()
    assert "taken back by Priya Raman" in said
