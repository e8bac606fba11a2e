"""A pack is asked for on a page, made by the tick, taken, and let go; what fails says so."""

import io
import zipfile
from datetime import date, timedelta

import pytest
from django.db import Error, transaction

from compliance.keeping import erasing
from compliance.management.commands.tick import PARTS
from compliance.models import Pack, PackPart
from compliance.packs import building, check_pack, work
from staff import clock
from staff.models import AuditEvent
from tests import factories

TODAY = date(2026, 11, 2)


def asked(cast, *, to_on=TODAY, from_on=None, by=None) -> Pack:
    return work.ask(clinic=cast.lakeside, from_on=from_on, to_on=to_on, by=by or cast.manager)


def events(clinic) -> list[str]:
    rows = AuditEvent.objects.filter(chain__clinic=clinic, action__startswith="pack.").order_by("seq")
    return list(rows.values_list("action", flat=True))


def test_from_asking_to_letting_go(client, cast, module, tmp_path, monkeypatch):
    monkeypatch.setattr(work, "PART", 4096)
    factories.make_finished(person=cast.aesthetician, course=module)
    client.force_login(cast.manager)
    sent = client.post("/packs/", {"clinic": cast.lakeside.public_id, "from_on": "", "to_on": "2026-11-02"})
    pack = Pack.objects.get()
    url = f"/packs/{pack.public_id}/"
    assert sent["Location"] == url
    assert (pack.asked_by, pack.facts_at) == (cast.manager, clock.now())
    assert "begun within a minute" in client.get(url).content.decode()
    assert client.get(f"{url}pack.zip").status_code == 404

    assert PARTS["packs made"]() == 1
    assert PARTS["packs made"]() == 0
    pack.refresh_from_db()
    assert (pack.state, pack.done) == ("ready", pack.steps)
    assert pack.parts.count() > 5
    assert pack.key_fingerprint in client.get(url).content.decode()
    whole = client.get(f"{url}pack.zip")
    data = b"".join(whole.streaming_content)
    assert (int(whole["Content-Length"]), whole["Content-Type"]) == (len(data), "application/zip")
    assert (
        whole["Content-Disposition"] == 'attachment; filename="inspector-pack-lakeside-skin-clinic-to-2026-11-02.zip"'
    )
    (tmp_path / "pack.zip").write_bytes(data)
    assert check_pack.main([str(tmp_path / "pack.zip"), "--key", pack.key_fingerprint]) == 0
    assert zipfile.ZipFile(io.BytesIO(data)).testzip() is None
    assert events(cast.lakeside) == ["pack.asked", "pack.made"]

    with clock.at(clock.now() + timedelta(days=work.KEPT_DAYS, seconds=1)):
        assert PARTS["old packs let go"]() == 1
        assert PARTS["old packs let go"]() == 0
        assert client.get(f"{url}pack.zip").status_code == 404
        assert "Ask for it again" in client.get(url).content.decode()
    assert not PackPart.objects.exists()
    assert Pack.objects.count() == 1


def test_the_same_days_are_asked_for_once_while_they_wait(cast, module):
    first = asked(cast)
    assert asked(cast) == first
    assert asked(cast, from_on=TODAY) != first
    assert asked(cast, by=cast.physician) != first
    work.make_waiting()
    assert asked(cast) != first
    assert events(cast.lakeside).count("pack.asked") == 4


def test_a_page_shows_how_far_it_is(client, cast, module):
    pack = asked(cast)
    Pack.objects.update(tries=1, steps=40, done=7)
    client.force_login(cast.physician)
    page = client.get(f"/packs/{pack.public_id}/").content.decode()
    assert "7 of 40 steps" in page
    assert '<progress class="mb-3" max="40" value="7"' in page
    part = client.get(f"/packs/{pack.public_id}/", headers={"HX-Request": "true"}).content.decode()
    assert part.lstrip().startswith("<section")
    assert "Being made" in client.get("/packs/").content.decode()


def test_progress_is_written_while_it_is_made(cast, module, monkeypatch):
    factories.make_finished(person=cast.aesthetician, course=module)
    monkeypatch.setattr(work, "TOLD_SECONDS", 0)
    pack, seen = asked(cast), []
    add = building.PackWriter.add

    def spied(self, path, pieces):
        seen.append(Pack.objects.get(pk=pack.pk).done)
        add(self, path, pieces)

    monkeypatch.setattr(building.PackWriter, "add", spied)
    work.make_waiting()
    assert seen == sorted(seen)
    assert max(seen) == Pack.objects.get().steps == Pack.objects.get().done


def test_a_making_that_fails_is_tried_again_and_then_says_so(client, cast, module, monkeypatch):
    pack = asked(cast)
    whole = building.build
    monkeypatch.setattr(work.building, "build", lambda *args, **more: (whole(*args, **more), 1 / 0))
    for minutes, tries in ((0, 1), (1, 1), (2, 2), (5, 2), (6, 3)):  # waits two minutes, then four
        assert Pack.objects.get().state == "waiting"
        with clock.at(clock.now() + timedelta(minutes=minutes)):
            assert work.make_waiting() == 0
        assert Pack.objects.get().tries == tries
        assert not PackPart.objects.exists()
    pack.refresh_from_db()
    assert (pack.state, pack.tries) == ("failed", 3)
    client.force_login(cast.manager)
    page = client.get(f"/packs/{pack.public_id}/").content.decode()
    assert "begun three times and not finished" in page
    assert "Ask for it again" in page
    assert events(cast.lakeside) == ["pack.asked", "pack.failed"]
    monkeypatch.undo()
    assert asked(cast) != pack
    assert work.make_waiting() == 1


def test_a_making_that_was_killed_is_begun_again_and_given_up_after_three(cast, module):
    pack = asked(cast)
    PackPart.objects.create(pack=pack, position=0, bytes=b"half")
    Pack.objects.update(tries=1, steps=40, due_at=clock.now() + work.LEASE)
    assert work.make_waiting() == 0
    with clock.at(clock.now() + work.LEASE):
        assert work.make_waiting() == 1
        pack.refresh_from_db()
        assert (pack.state, pack.tries) == ("ready", 2)
    assert b"".join(work.stream(pack)).startswith(b"PK")

    lost = asked(cast, from_on=TODAY)
    Pack.objects.filter(pk=lost.pk).update(tries=work.MOST_TRIES)
    assert work.make_waiting() == 0
    lost.refresh_from_db()
    assert lost.state == "failed"


def test_whoever_was_overtaken_leaves_the_parts_alone(cast, module, monkeypatch):
    pack = asked(cast)
    whole = building.build

    def overtaken(scope, out, **more):
        made = whole(scope, out, **more)
        Pack.objects.filter(pk=pack.pk).update(tries=2)
        return made

    monkeypatch.setattr(work.building, "build", overtaken)
    assert work.make_waiting() == 0
    assert PackPart.objects.exists()
    assert Pack.objects.get().made_at is None


def test_an_erased_person_is_in_no_kept_pack(cast, module):
    ready, waits = asked(cast), asked(cast, from_on=TODAY)
    assert work.make_waiting() == 1
    erasing.erase(person=cast.leaver, by=cast.manager)
    ready.refresh_from_db()
    assert (ready.state, ready.parts.count()) == ("removed", 0)
    assert work.make_waiting() == 1
    assert cast.leaver.full_name.encode() not in whole_text(waits)


def whole_text(pack: Pack) -> bytes:
    archive = zipfile.ZipFile(io.BytesIO(b"".join(work.stream(pack))))
    return b"".join(archive.read(name) for name in archive.namelist() if not name.endswith(".pdf"))


def test_what_was_asked_stays_as_it_was(cast):
    asked(cast)
    for change in (lambda: Pack.objects.update(to_on=date(2026, 1, 1)), lambda: Pack.objects.all().delete()):
        with pytest.raises(Error), transaction.atomic():
            change()


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        ({"to_on": ""}, "This is still empty."),
        ({"to_on": "2026-11-03"}, "This day is still to come."),
        ({"from_on": "2026-11-02", "to_on": "2026-11-01"}, "This day is after the last one."),
        ({"to_on": "soon"}, "Enter a valid date."),
    ],
)
def test_days_that_cannot_be_are_refused(client, cast, sent, sentence):
    client.force_login(cast.manager)
    page = client.post("/packs/", {"clinic": cast.lakeside.public_id, "from_on": "", "to_on": "2026-11-02"} | sent)
    assert page.status_code == 200
    assert sentence in page.content.decode()
    assert not Pack.objects.exists()


def test_another_clinics_pack_is_not_there(client, cast, module):
    pack = asked(cast)
    work.make_waiting()
    client.force_login(cast.other_manager)
    for path in (f"/packs/{pack.public_id}/", f"/packs/{pack.public_id}/pack.zip"):
        assert client.get(path).status_code == 404
    sent = client.post("/packs/", {"clinic": cast.lakeside.public_id, "to_on": "2026-11-02"})
    assert sent.status_code == 404
    assert pack.public_id not in client.get("/packs/").content.decode()
    client.force_login(cast.aesthetician)
    assert client.post("/packs/", {"clinic": cast.lakeside.public_id, "to_on": "2026-11-02"}).status_code == 403
    assert Pack.objects.count() == 1


def test_the_list_asks_the_same_for_one_and_for_many(client, cast, crowd):
    client.force_login(cast.manager)
    asked(cast)
    client.get("/packs/")
    few = crowd.count(lambda: client.get("/packs/"))
    for day in range(1, 9):
        asked(cast, from_on=date(2026, 10, day))
    assert crowd.count(lambda: client.get("/packs/")) == few


def test_a_stranger_compares_the_key_and_takes_the_checker(client, cast):
    page = client.get("/packs/keys/")
    assert building.signing_key().fingerprint in page.content.decode()
    taken = client.get("/packs/check_pack.py")
    assert taken.content == building.CHECKER.read_bytes()
    assert taken["Content-Disposition"] == 'attachment; filename="check_pack.py"'
