import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from quizzes import material
from tests.training.test_files import made, problems
from training import markdown
from training.glossary import Word, first_uses, used, without
from training.models import KeyPointVersion, SectionVersion, Term

WORDS = (
    Word("dermis", "Dermis", ("dermis", "dermal"), "A layer."),
    Word("pih", "PIH", ("PIH", "post-inflammatory hyperpigmentation"), "Dark marks."),
    Word("scar", "Scar", ("scar",), "A mark."),
    Word("raised-scar", "Raised scar", ("raised scar",), "A mark that is raised."),
)
SECTION = reverse("training:section-detail", args=["needle-depth", "technique-and-endpoint"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The dermis.", ["dermis"]),
        ("Dermal and DERMIS", ["dermis"]),
        ("epidermis, dermis-like, sub-dermis", []),
        ("PIH, not pih", ["pih"]),
        ("pih", []),
        ("a raised scar", ["raised-scar"]),
        ("a raised\nscar, then a scar", ["raised-scar", "scar"]),
        ("", []),
    ],
)
def test_used(text, expected):
    assert used(text, WORDS) == expected


def test_no_words_are_used_where_there_are_none():
    assert used("dermis", ()) == []
    assert without("dermis", ()) == "dermis"
    assert first_uses("<p>dermis</p>", (), set()) == "<p>dermis</p>"


def test_without():
    assert without("the dermis is thin", WORDS).split() == ["the", "is", "thin"]


BUTTON = '<button type="button" class="term" popovertarget="word-dermis">{}</button>'


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<p>The dermis.</p>", f"<p>The {BUTTON.format('dermis')}.</p>"),
        ("<p>Dermal, dermis</p>", f"<p>{BUTTON.format('Dermal')}, dermis</p>"),
        ("<h2>Dermis</h2><p>dermis</p>", f"<h2>Dermis</h2><p>{BUTTON.format('dermis')}</p>"),
        ('<p><a href="x">the dermis</a> dermis</p>', f'<p><a href="x">the dermis</a> {BUTTON.format("dermis")}</p>'),
        ("<p><strong>Dermis</strong></p>", f"<p><strong>{BUTTON.format('Dermis')}</strong></p>"),
        ('<p><a href="https://dermis.example">x</a></p>', '<p><a href="https://dermis.example">x</a></p>'),
        ("<p>a &lt;dermis&gt; b</p>", f"<p>a &lt;{BUTTON.format('dermis')}&gt; b</p>"),
    ],
)
def test_first_uses(html, expected):
    assert first_uses(html, WORDS, set()) == expected


def test_a_word_is_explained_once_a_page():
    met: set[str] = set()
    assert "button" in first_uses("<p>dermis</p>", WORDS, met)
    assert "button" not in first_uses("<p>dermis</p>", WORDS, met)


@pytest.mark.django_db
def test_section_explains_each_word_once(client, cast, module):
    client.force_login(cast.aesthetician)
    page = client.get(SECTION).text
    for code in ("endpoint", "orbital-rim", "collagen"):
        assert page.count(f'class="term" popovertarget="word-{code}"') == 1, code
        assert page.count(f'id="word-{code}"') == 1, code
    assert "Words on this page (3)" in page
    assert "word-prodrome" not in page
    assert page.index('popovertarget="word-orbital-rim"') < page.index('id="nd-18"')


@pytest.mark.django_db
def test_key_points_and_what_is_stored_stay_as_they_are(client, cast, module):
    before = list(SectionVersion.objects.values_list("text", "sha256"))
    client.force_login(cast.aesthetician)
    page = client.get(SECTION).text
    assert list(SectionVersion.objects.values_list("text", "sha256")) == before
    for point in KeyPointVersion.objects.all():
        assert f"<p>{markdown.inline(point.text)}</p>" in page
    assert "<button" not in page[page.index('id="nd-18"') : page.index("</section>", page.index('id="nd-18"'))]


@pytest.mark.django_db
def test_print_view_has_the_words_at_its_end_and_no_buttons(client, cast, module):
    client.force_login(cast.aesthetician)
    page = client.get(reverse("training:module-print", args=["needle-depth"])).text
    assert "popovertarget" not in page
    assert page.index("Words in this module") > page.index("nd-21")
    assert "The bony edge of the eye socket" in page


@pytest.mark.django_db
def test_glossary_page(client, cast, module):
    client.force_login(cast.physician)
    page = client.get(reverse("training:glossary")).text
    for text in ("Prodrome", "Early signs before an illness shows.", "S0-21", "The common meaning", 'id="orbital-rim"'):
        assert text in page, text


@pytest.mark.django_db
@pytest.mark.one_engine  # as many statements on both
def test_glossary_page_costs_the_same_however_long(client, cast, module):
    client.force_login(cast.physician)
    path = reverse("training:glossary")
    client.get(path)
    with CaptureQueriesContext(connection) as few:
        client.get(path)
    material.load(material.read(), by=cast.pinpoint)
    assert Term.objects.count() > 40
    with CaptureQueriesContext(connection) as many:
        client.get(path)
    assert len(few) == len(many)


@pytest.mark.django_db
def test_glossary_of_nothing(client, cast):
    client.force_login(cast.aesthetician)
    assert "No word is explained yet" in client.get(reverse("training:glossary")).text


@pytest.mark.django_db
def test_a_word_that_goes_from_the_files_goes(cast, tmp_path):
    material.load(material.read(made(tmp_path / "a")), by=cast.pinpoint)
    assert Term.objects.filter(code="prodrome").exists()
    gone = made(tmp_path / "b")
    words = gone / "glossary.yaml"
    words.write_text(words.read_text(encoding="utf-8").partition("- code: prodrome")[0], encoding="utf-8")
    material.load(material.read(gone), by=cast.pinpoint)
    assert not Term.objects.filter(code="prodrome").exists()
    assert Term.objects.get(code="endpoint").facts.get().code == "S0-21"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            "meaning: A protein of the skin.",
            "meaning: A protein. Of the skin.",
            "collagen: the meaning is one sentence",
        ),
        ("meaning: A protein of the skin.", "meaning: A protein", "collagen: the meaning is one sentence"),
        ("A protein of the skin.", f"{'very ' * 41}long.", "the meaning has 42 words; 40 are the most"),
        ("A protein of the skin.", "A protein in 7 parts.", "collagen states 7, which no row it cites carries"),
        ("forms: [collagen]", "forms: [collagen, Endpoint]", "endpoint is a form of endpoint already"),
        ("forms: [collagen]", "forms: []", "a word of the glossary lacks forms"),
        ("cites: [V12.1]", "cites: [V99.9]", "cites V99.9, which is neither a row"),
        ("- code: collagen", "- code: endpoint", "endpoint stands twice"),
    ],
)
def test_one_mistake_is_named(tmp_path, old, new, says):
    found = problems(made(tmp_path, ("glossary.yaml", old, new)))
    assert found
    assert all(problem.startswith("glossary.yaml:") for problem in found)
    assert says in found[0]


def test_a_material_without_a_glossary_says_so(tmp_path):
    root = made(tmp_path)
    (root / "glossary.yaml").unlink()
    assert problems(root) == ["glossary.yaml:1: the file is missing"]
