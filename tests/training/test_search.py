"""The same on both engines: what is typed, what is found, in which order, and that the index holds the live text."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.urls import reverse

from quizzes import material
from staff.models import StaffMember
from tests import factories
from tests.training.test_files import SECTION, made
from training import search
from training.models import ModuleVersion, ModuleVersionSection, Passage
from training.queries import live_version

pytestmark = pytest.mark.django_db


def codes(typed: str) -> list[str]:
    return [hit.code or hit.kind for hit in search.find(typed).hits]


def marked(typed: str) -> list[str]:
    return [text for hit in search.find(typed).hits for text, is_marked in hit.parts if is_marked]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        pytest.param("nd-17", ["nd-17"], id="a code"),
        pytest.param("ND 17", ["nd-17"], id="a code in two words"),
        pytest.param("spreads", ["nd-17", "prose"], id="as it stands"),
        pytest.param("spreading", ["nd-17", "prose"], id="another form"),
        pytest.param("eyelid", ["nd-18", "prose"], id="singular of a plural"),
        pytest.param("EYELIDS", ["nd-18", "prose"], id="capitals"),
        pytest.param("éyelïds", ["nd-18", "prose"], id="accents"),
        pytest.param("discolo", ["nd-20"], id="the beginning of a word"),
        pytest.param("inflammat", ["nd-22"], id="a beginning that is longer than the stem"),
        pytest.param("over-treatment", ["nd-22"], id="hyphened"),
        pytest.param("the inflammation of", ["nd-22"], id="little words are left out"),
        pytest.param("physician's eyelids", ["prose"], id="possessive"),
    ],
)
def test_found(module, typed, expected):
    assert codes(typed) == expected


def test_the_beginning_of_a_code(module):
    assert sorted(codes("nd-1")) == ["nd-17", "nd-18", "nd-19"]


def test_order(module):
    """What can harm at once, then titles, key points, headings, prose."""
    hits = search.find("bleeding").hits
    assert [hit.kind for hit in hits] == ["point", "heading", "prose", "picture"]
    assert codes("depth")[:2] == ["nd-18", "module"]
    assert codes("technique")[0] == "section"


def test_marked(module):
    assert set(marked("bleed")) == {"bleeding"}
    assert "eyelids" in marked("eyelid")
    assert marked("inflammat") == ["inflammation"]
    (hit,) = search.find("regeneration trauma inflammation").hits[:1]
    assert "".join(text for text, _ in hit.parts).startswith("Over-treatment causes inflammation")


@pytest.mark.parametrize(
    "typed",
    ['"', "'", "a OR b", "NOT bleeding", "(bleeding", "bleeding*", "bleeding AND", "text:bleeding", "-bleeding", "^x y",
     "NEAR(a b, 2)", "bleeding & ! | <->", "bleeding:*", "\\", "%s %d", "\0", "{text} : x", "ble\ud7ffeding", "🩸 blood",
     "'; DROP TABLE training_passage; --", "x" * 5000, "w " * 500],
)  # fmt: skip
def test_nothing_typed_is_an_error(client, cast, module, typed):
    client.force_login(cast.aesthetician)
    assert client.get(reverse("training:search"), {"q": typed}).status_code == 200


def test_operators_are_text(module):
    assert search.find("bleeding OR zebra").state == "some"
    assert search.find('"bleeding pinpoint"').state == "all"
    assert codes("-bleeding") == codes("bleeding")


@pytest.mark.parametrize(
    ("typed", "state"),
    [("", "empty"), (" ", "empty"), ("b", "short"), ("the", "short"), ("*", "short"), ("zebra", "none"),
     ("zebra quagga", "none"), ("zebra bleeding", "some"), ("bleeding", "all")],
)  # fmt: skip
def test_states(module, typed, state):
    assert search.find(typed).state == state


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [("", "What are you looking for?"), ("the", "That is too little to search for"), ("zebra", "Nothing was found"),
     ("zebra bleeding", "No passage has all of these words."), ("bleeding", "4 passages found")],
)  # fmt: skip
def test_each_state_has_its_sentence(client, cast, module, typed, sentence):
    client.force_login(cast.aesthetician)
    page = client.get(reverse("training:search"), {"q": typed}).text.replace("\u00a0", " ")
    assert sentence in page
    assert ("/glossary/" in page) == (sentence[0] in "WTN" and "passage" not in sentence)


def test_a_hit_leads_to_its_passage(client, cast, module):
    """Every hit's address opens a page that has the anchor."""
    client.force_login(cast.aesthetician)
    for typed in ("bleeding", "depth", "eyelids", "scar"):
        for hit in search.find(typed).hits:
            path, _, anchor = hit.url.partition("#")
            page = client.get(path).text
            assert not anchor or f'id="{anchor}"' in page, hit.url


def test_marks_are_escaped(client, cast, tmp_path):
    course = material.read(made(tmp_path, (SECTION, "Use light pressure", "Use <b>light</b> & soft pressure")))
    material.load(course, by=StaffMember.objects.pinpoint())
    client.force_login(cast.aesthetician)
    page = client.get(reverse("training:search"), {"q": "forehead <script>"}).text
    assert "<mark>forehead</mark>" in page
    assert "&lt;b&gt;light&lt;/b&gt; &amp; soft pressure" in page
    assert "<b>" not in page
    assert "<script>" not in page


def test_the_rest_is_said(client, cast, module):
    version = module.version
    Passage.objects.bulk_create(
        Passage(
            module_version=version,
            position=1000 + n,
            kind="prose",
            text="pangolin",
            folded="pangolin",
            critical=False,
            tier=4,
        )
        for n in range(25)
    )
    search._take_up(Passage.objects.filter(text="pangolin"))
    found = search.find("pangolin")
    assert (len(found.hits), found.total, found.rest) == (20, 25, 5)
    client.force_login(cast.aesthetician)
    page = client.get(reverse("training:search"), {"q": "pangolin"}).text.replace("\u00a0", " ")
    assert "25 passages found; the first 20 are shown" in page


def test_queries_are_one_for_one_and_many(module, django_assert_num_queries):
    for typed in ("nd-17", "depth", "zebra"):
        with django_assert_num_queries(1):
            search.find(typed)
    with django_assert_num_queries(2):
        assert search.find("zebra bleeding").state == "some"
    for typed in ("", "the"):
        with django_assert_num_queries(0):
            search.find(typed)


def changed(tmp_path, cast) -> material.Course:
    course = material.read(made(tmp_path, (SECTION, "Extra passes are no bonus.", "Extra passes bring nothing.")))
    material.load(course, by=cast.pinpoint)
    return course


def test_publishing_keeps_the_index(cast, module, tmp_path):
    assert codes("bonus") == ["nd-22"]
    changed(tmp_path, cast)
    assert live_version(module.module).number == 2
    assert codes("bonus") == []
    assert codes("nothing") == ["nd-22"]
    assert search.stale() == []
    assert not Passage.objects.filter(module_version=module.version).exists()


def test_publishing_that_fails_keeps_the_old_index(cast, module, tmp_path, monkeypatch):
    monkeypatch.setattr(material, "_load_items", lambda *args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        changed(tmp_path, cast)
    assert codes("bonus") == ["nd-22"]
    assert search.stale() == []


def test_a_version_published_without_its_index_is_found(module):
    """And what the index still holds is not shown as if it were live."""
    newer = ModuleVersion.objects.create(
        module=module.module, number=2, title="Needle depth", details=module.version.details, change="clinical",
        sha256="0" * 64, published_by=module.version.published_by,
    )  # fmt: skip
    place = module.version.places.get()
    ModuleVersionSection.objects.create(module_version=newer, position=1, section_version=place.section_version)
    assert search.find("bleeding").state == "none"
    assert search.stale() == [str(newer)]
    with pytest.raises(CommandError, match="run index_search"):
        call_command("index_search", "--check")
    assert command("index_search") == f"Indexed anew: {newer}."
    assert command("index_search") == "Nothing was stale."
    assert command("index_search", "--check") == "Search holds the live text of every module."
    assert search.find("bleeding").total == 4


def command(*args: str) -> str:
    out = StringIO()
    call_command(*args, stdout=out)
    return out.getvalue().strip()


def forget_a_row() -> None:
    search._forget([Passage.objects.get(code="nd-17").pk])


def change_a_row() -> None:
    Passage.objects.filter(code="nd-17").update(text="Go on.")


def lose_a_row() -> None:
    Passage.objects.filter(code="nd-17").delete()


@pytest.mark.parametrize("harm", [change_a_row, lose_a_row, forget_a_row])
def test_a_stale_index_is_found_and_loading_mends_it(module, cast, harm):
    harm()
    if harm is forget_a_row and connection.vendor == "postgresql":
        assert search.stale() == []  # its column keeps itself
        return
    assert search.stale() == ["Needle depth, version 1"]
    factories.make_module(by=cast.pinpoint)
    assert search.stale() == []
    assert codes("nd-17") == ["nd-17"]


def test_an_index_that_holds_is_left_alone(module):
    before = list(Passage.objects.values_list("pk", flat=True))
    assert search.keep_index(module.version) is False
    assert list(Passage.objects.values_list("pk", flat=True)) == before


def test_the_index_outlives_a_table_that_django_rebuilds(module):
    """As its schema editor does on SQLite: copied, dropped and renamed. PostgreSQL's index is part of the table."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("SELECT sql FROM sqlite_master WHERE name = 'training_passage'")
            (made,) = cursor.fetchone()
            cursor.execute(made.replace('"training_passage"', '"new__training_passage"', 1))
            cursor.execute("INSERT INTO new__training_passage SELECT * FROM training_passage")
            cursor.execute("DROP TABLE training_passage")
            cursor.execute("ALTER TABLE new__training_passage RENAME TO training_passage")
    assert search.stale() == []
    assert search.find("bleeding").total == 4


@pytest.mark.parametrize("who", ["aesthetician", "physician", "manager", "author"])
def test_every_page_has_the_form(client, cast, module, who):
    client.force_login(getattr(cast, who))
    for path in ("/", "/modules/", "/modules/needle-depth/", "/glossary/"):
        assert 'action="/search/"' in client.get(path).text, path


def test_nobody_is_offered_it(client, db):
    assert "/search/" not in client.get("/accounts/login/").text
