"""Items in and out: what other systems write, what is refused, and that nothing is lost on the way out and back."""

import io
import json
import os
import shutil
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.urls import reverse

from quizzes import approving, importing, kinds, material
from quizzes.exchange import FORMATS, Outgoing, Unreadable, guess, text_of, zipped
from quizzes.files import drawings
from quizzes.models import AttemptItem, QuestionVersion
from staff.models import AuditEvent
from tests import factories
from tests.quizzes.test_statements import getting
from training.queries import live_version

# As Moodle's export and people's own files look; the words are ours.
GIFT = """\
// question: 0  name: Switch category to $course$/top/nd-17 Bleeding
$CATEGORY: $course$/top/nd-17 Bleeding


// question: 31  name: Dots that join
// [id:nd-17-q9] [tag:level:analyse] [tag:summer course]
::Dots that join::[html]<p>The dots on the cheek <b>join</b>. What now?</p>{
	=<p>Stop, and press gently</p>#<p>Joined dots are running bleeding.</p>
	~%0%Go on at half the depth#Any depth adds harm.
	~Wipe, and go on &amp; watch#Wiping hides it.
	####General words.
}

::Written by hand::After a pass you see separate dots. It is {
    =the endpoint # They are what you look for.

    ~a sign to go deeper
    ~a reason to call \\: now \\{at once\\}
} and you stop there.

::Two of them::Which two belong to a record?{
	~%50%The lot of the cartridge#One.
	~%50%The depth by area#Two.
	~%-100%The weather
	~%-100%The price
}

::Depth::How deep is the order?{#
	=%100%0.75:0.05#The order says so.
	~#Read the order again.
}

::Range::How deep?{#0.7..0.8}

::Pairs::Match what you see and what you do.{
	=separate dots -> go on to the next area
	=a running line -> stop
	=a bent needle -> discard it
	= -> set it higher
	####First.\\nSecond.\\nThird.
}

Describe your last treatment.{}

Needles are sterile.{T}

What is the endpoint called?{=pinpoint bleeding =pinpoint}

Only words, and no question.
"""

XML = """\
<?xml version="1.0" encoding="UTF-8"?>
<quiz>
<!-- question: 0  -->
  <question type="category"><category><text>$course$/top/Bleeding</text></category></question>
<!-- question: 2295  -->
  <question type="multichoice">
    <name><text>Dots that join</text></name>
    <questiontext format="html">
      <text><![CDATA[<p>The dots on the cheek <b>join</b>.<br>What now?</p>]]></text></questiontext>
    <generalfeedback format="html"><text></text></generalfeedback>
    <defaultgrade>1.0000000</defaultgrade><penalty>0.3333333</penalty><hidden>0</hidden><idnumber>nd-17-q9</idnumber>
    <single>true</single><shuffleanswers>true</shuffleanswers><answernumbering>abc</answernumbering>
    <correctfeedback format="html"><text><![CDATA[<p>Your answer is correct.</p>]]></text></correctfeedback>
    <incorrectfeedback format="html"><text>Read the section again.</text></incorrectfeedback>
    <answer fraction="100" format="html"><text>&lt;p&gt;Stop, and press gently&lt;/p&gt;</text>
      <feedback format="html"><text>Joined dots are running bleeding.</text></feedback></answer>
    <answer fraction="0" format="html"><text>Go on at half the depth</text>
      <feedback format="html"><text></text></feedback></answer>
    <answer fraction="0" format="html"><text>Wipe &amp;amp; go on</text>
      <feedback><text>Wiping hides it.</text></feedback></answer>
    <tags><tag><text>level:analyse</text></tag><tag><text>summer</text></tag></tags>
  </question>
  <question type="numerical">
    <name><text>Depth</text></name><questiontext format="plain_text"><text>How deep is the order?</text></questiontext>
    <generalfeedback><text>The order says so.</text></generalfeedback>
    <answer fraction="100" format="moodle_auto_format"><text>0.7500000</text><feedback/><tolerance>0.05</tolerance></answer>
    <answer fraction="0"><text>*</text><feedback/></answer>
    <units><unit><multiplier>1</multiplier><unit_name>mm</unit_name></unit></units>
    <tags><tag><text>nd-19</text></tag></tags>
  </question>
  <question type="ordering">
    <name><text>nd-22 first and last</text></name><questiontext format="html"><text>Put them in order.</text></questiontext>
    <generalfeedback format="html"><text>Clean before you needle.</text></generalfeedback>
    <layouttype>VERTICAL</layouttype>
    <answer fraction="1.0000000" format="html"><text>Clean</text></answer>
    <answer fraction="2.0000000" format="html"><text>Needle</text></answer>
    <answer fraction="3.0000000" format="html"><text>Record</text></answer>
  </question>
  <question type="cloze">
    <name><text>nd-19 a case</text></name>
    <questiontext format="html"><text><![CDATA[<p>A patient is on her second pass.</p>
      <p>What do you see? {1:MULTICHOICE:=Dots#They are separate.~A line~%0%Nothing}</p>
      <p>What do you do? {2:MCV:%100%Go on \\} there#So says the order.~Stop~Wait}</p>]]></text></questiontext>
    <generalfeedback><text>Look first.</text></generalfeedback>
  </question>
  <question type="truefalse"><name><text>Sterile</text></name>
    <questiontext><text>They are sterile.</text></questiontext></question>
  <question type="essay"><name><text>Describe</text></name><questiontext><text>Describe it.</text></questiontext></question>
  <question type="multichoice">
    <name><text>Picture</text></name>
    <questiontext format="html"><text><![CDATA[<img src="@@PLUGINFILE@@/skin.png" alt="">What is it?]]></text>
      <file name="skin.png" encoding="base64">iVBORw0KGgo=</file></questiontext>
  </question>
</quiz>
"""


def by_name(found) -> dict:
    return {one.name: one for one in found}


def test_gift_as_moodle_and_people_write_it():
    found = by_name(FORMATS["gift"].read(GIFT))
    dots = found["Dots that join"]
    assert (dots.code, dots.tags) == ("nd-17-q9", ("level:analyse", "summer course"))
    assert dots.category == "$course$/top/nd-17 Bleeding"
    assert dots.row == {
        "stem": "The dots on the cheek join. What now?",
        "kind": "single",
        "options": [
            {"text": "Stop, and press gently", "key": True, "rationale": "Joined dots are running bleeding."},
            {"text": "Go on at half the depth", "rationale": "Any depth adds harm."},
            {"text": "Wipe, and go on & watch", "rationale": "Wiping hides it."},
        ],
        "order": "shuffled",
    }
    hand = found["Written by hand"].row
    assert hand["stem"] == "After a pass you see separate dots. It is _____ and you stop there."
    assert [option["text"] for option in hand["options"]][2] == "a reason to call : now {at once}"
    assert [option["rationale"] for option in hand["options"]] == ["They are what you look for.", None, None]
    two = found["Two of them"].row
    assert (two["kind"], [bool(option.get("key")) for option in two["options"]]) == (
        "multiple",
        [True, True, False, False],
    )
    pairs = found["Pairs"].row
    assert [pair["rationale"] for pair in pairs["pairs"]] == ["First.", "Second.", "Third."]
    assert (pairs["pairs"][1]["right"], pairs["others"]) == ("stop", ["set it higher"])


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Depth", "a number needs its unit"),
        ("Describe your last treatment.", "it is an essay"),
        ("Needles are sterile.", "it is true or false"),
        ("What is the endpoint called?", "its answer is typed"),
        ("Only words, and no question.", "it is a description"),
    ],
)
def test_gift_that_has_no_counterpart_says_why(name, reason):
    assert by_name(FORMATS["gift"].read(GIFT))[name].reason.startswith(reason)


def test_gift_numbers_get_their_unit_from_a_tag():
    tagged = GIFT.replace("::Depth::", "// [tag:unit:mm]\n::Depth::").replace(
        "::Range::", "// [tag:unit:mm]\n::Range::"
    )
    found = by_name(FORMATS["gift"].read(tagged))
    assert [found["Depth"].row[name] for name in ("answer", "tolerance", "unit", "rationale")] == [
        "0.75", "0.05", "mm", "The order says so.",
    ]  # fmt: skip
    assert [found["Range"].row[name] for name in ("answer", "tolerance")] == ["0.75", "0.05"]


def test_moodle_xml_as_moodle_writes_it():
    found = by_name(FORMATS["moodlexml"].read(XML))
    dots = found["Dots that join"]
    assert (dots.code, dots.tags, dots.category) == ("nd-17-q9", ("level:analyse", "summer"), "$course$/top/Bleeding")
    assert dots.row["stem"] == "The dots on the cheek join. What now?"
    assert [(option["text"], option["rationale"]) for option in dots.row["options"]] == [
        ("Stop, and press gently", "Joined dots are running bleeding."),
        ("Go on at half the depth", "Read the section again."),
        ("Wipe & go on", "Wiping hides it."),
    ]
    depth = found["Depth"].row
    assert [depth[name] for name in ("answer", "tolerance", "unit", "rationale")] == [
        "0.75", "0.05", "mm", "The order says so.",
    ]  # fmt: skip
    assert found["nd-22 first and last"].row["steps"] == ["Clean", "Needle", "Record"]
    case = found["nd-19 a case"].row
    assert (case["stem"], [part["stem"] for part in case["parts"]]) == (
        "A patient is on her second pass.", ["What do you see?", "What do you do?"],
    )  # fmt: skip
    assert case["parts"][1]["options"][0] == {"text": "Go on } there", "key": True, "rationale": "So says the order."}
    assert case["parts"][0]["options"][1] == {"text": "A line", "rationale": "Look first."}
    assert found["Sterile"].reason.startswith("it is true or false")
    assert found["Describe"].reason.startswith("it is an essay")
    assert found["Picture"].reason.startswith("it has a picture")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_other_encodings_are_read(encoding):
    text = text_of("::Ä::Naïve – or not?{=yes ~no ~perhaps}".encode(encoding))
    assert FORMATS["gift"].read(text)[0].row["stem"] == "Naïve – or not?"


# What each format cannot hold; everything else must come back as it was.
LEFT_OUT = {"gift": {"hotspot", "order", "case"}, "moodlexml": {"hotspot"}, "yaml": set()}


@pytest.mark.parametrize("form", FORMATS)
def test_the_shipped_bank_comes_back_as_it_was(form):
    rows = [
        {
            "code": item.code,
            "bank": item.bank,
            "kind": item.kind,
            "level": item.level,
            "points": list(item.points),
            "depends": list(item.depends),
            "stem": item.stem,
            **kinds.of(item.kind).written(item.content),
        }
        for _, items, _ in factories.course_of(material.SHIPPED).modules
        for item in items
    ]
    text, left_out = FORMATS[form].write([Outgoing(row) for row in rows])
    kept = [row for row in rows if row["kind"] not in LEFT_OUT[form]]
    assert {code for code, _ in left_out} == {row["code"] for row in rows} - {row["code"] for row in kept}
    # A file holds 500 items at most; the bank of one module is far below.
    found = FORMATS[form].read(text)
    assert len(kept) <= 500
    assert len(found) == len(kept)
    assert guess(text) == form
    for one, row in zip(found, kept, strict=True):
        fields = {name: row[name] for name in row if name not in ("code", "bank", "level", "points", "depends")}
        assert (one.code, one.row, one.reason) == (row["code"], fields, ""), row["code"]
        assert {*row["points"], f"level:{row['level']}", f"bank:{row['bank']}"} <= {*one.tags}


def test_every_body_is_read_again_from_what_is_written():
    """Kinds with pictures too."""
    for module, items, _ in factories.course_of(material.SHIPPED).modules:
        for item in items:
            kind, wrong = kinds.of(item.kind), []
            row = kind.written(item.content)
            again = kind.read(kinds.Source(row, wrong.append, drawings(module)))
            assert (again, wrong) == (item.content, []), item.code


def zip_of(files: dict[str, bytes], *, link: bool = False) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = (0o120777 if link else 0o100644) << 16
            archive.writestr(info, content)
    return out.getvalue()


LAUGHS = '<!DOCTYPE quiz [<!ENTITY a "ha">' + "".join(
    f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(12)
) + "]><quiz>&m;</quiz>"  # fmt: skip
TRICKS = {
    "a billion laughs": ("moodlexml", LAUGHS, "document type"),
    "a file of the machine": (
        "moodlexml",
        '<!DOCTYPE q [<!ENTITY x SYSTEM "file:///etc/passwd">]><quiz>&x;</quiz>',
        "type",
    ),
    "a hundred thousand deep": ("moodlexml", "<quiz>" + "<a>" * 100_000, "nests deeper"),
    "a million elements": ("moodlexml", "<quiz>" + "<a/>" * 1_000_000 + "</quiz>", "elements"),
    "never closed": ("moodlexml", "<quiz><question>", "not well-formed"),
    "not a bank": ("moodlexml", "<html></html>", "not a Moodle question bank"),
    "braces without end": ("gift", "a{" * 500_000, "its braces"),
    "no item": ("gift", "// nothing\n\n", "no item"),
    "six hundred items": ("gift", "Is it?{=a ~b ~c}\n\n" * 600, "more than 500"),
    "yaml that laughs": ("yaml", "a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]", "refers to a part of itself"),
    "yaml a thousand deep": ("yaml", "[" * 1_000, "nests deeper"),
    "yaml of an object": ("yaml", "!!python/object/apply:os.system [id]", "not readable"),
}


@pytest.mark.parametrize("trick", TRICKS)
def test_tricks_are_refused_at_once_with_a_sentence(trick):
    form, text, said = TRICKS[trick]
    began = time.process_time()
    if trick == "braces without end":  # it is one item, and that one is refused
        assert FORMATS[form].read(text)[0].reason
    else:
        with pytest.raises(Unreadable, match=said) as refusal:
            FORMATS[form].read(text)
        assert str(refusal.value).endswith(".")
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (zip_of({"../../etc/cron.yaml": b"x"}), "reaches outside"),
        (zip_of({"/etc/cron.yaml": b"x"}), "reaches outside"),
        (zip_of({"m/..\\x.yaml": b"x"}), "reaches outside"),
        (zip_of({"m/module.yaml": b"/etc/passwd"}, link=True), "a link"),
        (zip_of({"m/module.yaml": b"\0" * 15_000_000}), "swells"),
        (zip_of({f"m/{n}.yaml": b"\0" * 3_000_000 for n in range(8)}), "more than 20 MB"),
        (zip_of({f"m/{n}.yaml": b"x" for n in range(401)}), "401 files"),
        (zip_of({"m/run.py": b"x"}), "only"),
        (b"PK\x03\x04 and no more", "not a whole ZIP"),
    ],
    ids=["slip", "absolute", "backslash", "link", "bomb", "many bombs", "too many", "a program", "broken"],
)
def test_zip_tricks_are_refused_at_once(data, said):
    began = time.process_time()
    with pytest.raises(Unreadable, match=said):
        zipped.contents(data)
    assert time.process_time() - began < 1


@pytest.mark.parametrize("method", [12, 14], ids=["bzip2", "lzma"])
def test_an_uncommon_packing_is_refused_unopened(method):
    data = bytearray(zip_of({"m/module.yaml": b"title: Needle depth"}))
    data[8] = data[data.index(b"PK\x01\x02") + 10] = method
    with pytest.raises(Unreadable, match="uncommon way"):
        zipped.contents(bytes(data))


def test_a_zip_with_any_byte_changed_is_read_or_refused_in_words():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("m/module.yaml", "title: Needle depth\n" * 4 + "".join(map(chr, range(33, 126))))
    whole = out.getvalue()
    refused = 0
    for place in range(len(whole)):
        for change in (0x01, 0x80, 0xFF):
            data = bytearray(whole)
            data[place] ^= change
            try:
                zipped.contents(bytes(data))
            except Unreadable:
                refused += 1
    assert refused > len(whole)


def test_what_is_no_text_is_refused():
    for data in (b"\x00\x01\x02\x81", b"x" * 6_000_000, b"\xff\xfe\x00"):
        with pytest.raises(Unreadable):
            text_of(data)


# The bank


def planned(module, text: str, form: str = "gift", **more) -> dict[str, importing.Verdict]:
    return {one.name: one for one in importing.plan(module.module, FORMATS[form].read(text), **more)}


ONE = """// [id:nd-19-q7] [tag:level:apply]
::nd-19-q7::You see separate dots after a pass. What do you do?{
=Stop here#It is the endpoint.
~Go one step deeper#Dots are the endpoint.
~Pass twice more#Dots are the endpoint.
}
"""


def test_each_item_gets_its_verdict(module):
    whole, _ = importing.export(module.module, "gift")
    changed = whole.replace("::nd-20-q1::[plain]", "::nd-20-q1::[plain]Once more\\: ")
    found = planned(module, changed + "\n" + ONE + "\nEssay on nd-19.{}\n\nWhich?{=a#b ~c#d ~e#f}\n")
    assert found["nd-17-q1"].verdict == "unchanged"
    assert found["nd-20-q1"].verdict == "updated"
    assert (found["nd-19-q7"].verdict, found["nd-19-q7"].code) == ("created", "nd-19-q7")
    assert found["Essay on nd-19."].verdict == "unsupported"
    assert "names no key point" in found["Which?"].reasons[0]
    assert planned(module, "Which?{=a#b ~c#d ~e#f}", point="nd-19")["Which?"].code == "nd-19-q2"
    assert {one.verdict for one in found.values()} == {"unchanged", "updated", "created", "unsupported"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (ONE.replace("nd-19", "nd-99"), "it names nd-99, which the live module does not have"),
        (ONE + "\n" + ONE.replace("You see", "You now see"), "nd-19-q7 stands twice in the file"),
        (ONE.replace("What do you do?", "What is not right?"), "the stem is negative: ask for what is right"),
        (ONE.replace("Stop here", "All of the above"), "no option may be all, none or both of the above"),
        (ONE.replace("nd-19-q7", "nd-17-p5", 1).replace("tag:level:apply", "tag:bank:practice"), ""),
        (
            ONE.replace("nd-19-q7", "nd-17-q5").replace("level:apply", "bank:certifying"),
            "nd-17-q5 is a practice item of kind single and stays so: give it a new code",
        ),
    ],
)
def test_what_is_wrong_is_said(module, text, said):
    found = importing.plan(module.module, FORMATS["gift"].read(text))
    assert (found[0].reasons[0] if found[0].reasons else "") == said


def test_what_is_missing_is_taken_from_the_key_point_and_said(module):
    one = planned(module, "::nd-19 dots::Which?{=this ~that ~both}")["nd-19 dots"]
    assert one.verdict == "created"
    assert [note.partition(":")[0] for note in one.notes][:2] == ["no level is named", "a reason is missing"]
    assert one.item.options[0]["rationale"].startswith("nd-19: ")


def test_the_rules_of_item_writing_are_told_with_the_verdict(module):
    text = ONE.replace("Stop here", "Stop here, press gently, tell the physician, and write it down")
    assert planned(module, text)["nd-19-q7"].notes == ("The key is the longest option: 62 characters, the next has 18",)


def test_proposals_wait_and_are_never_drawn(cast, module):
    """Nor does loading the files again touch them."""
    before = QuestionVersion.objects.filter(state="live").count()
    importing.propose(module.module, importing.plan(module.module, FORMATS["gift"].read(ONE)), by=cast.author)
    row = QuestionVersion.objects.get(question__code="nd-19-q7")
    assert (row.state, row.origin, row.created_by, row.approved_at) == ("draft", "site", cast.author, None)
    assert [test.key_point.code for test in row.points.all()] == ["nd-19"]
    assert planned(module, ONE)["nd-19-q7"].verdict == "unchanged"
    assert AuditEvent.objects.filter(action__in=["item.proposed", "items.imported"]).count() == 2
    course = factories.course_of(factories.SLICE)
    done = material.load(course, by=cast.pinpoint)
    assert (done.items, done.published) == (0, [])
    attempt = factories.make_attempt(person=cast.aesthetician, course=module)
    assert not AttemptItem.objects.filter(attempt=attempt, question_version=row).exists()
    assert QuestionVersion.objects.filter(state="live").count() == before


def test_a_live_item_stays_live_while_its_new_wording_waits(cast, module):
    whole, _ = importing.export(module.module, "moodlexml")
    text = whole.replace("nd-20-q1</text></name>", "x</text></name>").replace("&lt;p&gt;", "&lt;p&gt;Now: ", 1)
    importing.propose(module.module, importing.plan(module.module, FORMATS["moodlexml"].read(text)), by=cast.author)
    rows = QuestionVersion.objects.filter(question__code="nd-17-q1").order_by("number")
    assert [row.state for row in rows] == ["live", "draft"]
    material.load(factories.course_of(factories.SLICE), by=cast.pinpoint)
    assert [row.state for row in rows.all()] == ["live", "draft"]
    assert importing.export(module.module, "moodlexml")[0] == whole


def test_nothing_is_imported_on_error_unless_told_to(cast, module):
    text = ONE + "\nEssay on nd-19.{}\n"
    verdicts = importing.plan(module.module, FORMATS["gift"].read(text))
    with pytest.raises(importing.Refused):
        importing.propose(module.module, verdicts, by=cast.author)
    assert not QuestionVersion.objects.filter(state="draft").exists()
    assert importing.propose(module.module, verdicts, by=cast.author, skip=True) == 1


def command(capsys, *args) -> tuple[int, str]:
    try:
        call_command(*args)
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    return code, capsys.readouterr().out


def test_commands(cast, module, capsys, tmp_path):
    file = tmp_path / "items.txt"
    file.write_text(ONE + "\nEssay on nd-19.{}\n", encoding="utf-8")
    ask = ("import_questions", str(file), "--module", "needle-depth", "--format", "gift")
    code, said = command(capsys, *ask, "--dry-run", "--json")
    report = json.loads(said)
    assert code == 1
    assert report["counts"] == {"created": 1, "updated": 0, "unchanged": 0, "unsupported": 1}
    assert [one["verdict"] for one in report["items"]] == ["created", "unsupported"]
    assert command(capsys, *ask)[0] == 1
    assert not QuestionVersion.objects.filter(state="draft").exists()
    code, said = command(capsys, *ask, "--skip-unsupported", "--by", cast.author.email)
    assert (code, said.splitlines()[-1]) == (0, "1 item waits for a second person.")
    assert QuestionVersion.objects.get(state="draft").created_by == cast.author
    for wrong in (("--module", "nowhere"), ("--by", "nobody@house.example")):
        with pytest.raises(CommandError):
            call_command(*ask, *wrong)
    file.write_bytes(b"<!DOCTYPE x><quiz/>")
    with pytest.raises(CommandError, match="document type"):
        call_command("import_questions", str(file), "--module", "needle-depth", "--format", "moodlexml")
    out = tmp_path / "out.xml"
    call_command("export_questions", str(out), "--module", "needle-depth", "--format", "moodlexml")
    again = ("import_questions", str(out), "--module", "needle-depth", "--format", "moodlexml", "--dry-run", "--json")
    code, said = command(capsys, *again)
    assert (code, {one["verdict"] for one in json.loads(said)["items"]}) == (0, {"unchanged"})


def test_on_the_site_the_verdicts_come_first(client, cast, module):
    client.force_login(cast.author)
    path = reverse("quizzes:bank-import", args=["needle-depth"])
    text = ONE + "\nEssay on nd-19.{}\n"
    page = client.post(path, {"file": SimpleUploadedFile("items.txt", text.encode())})
    shown = page.context["shown"]
    assert "1 new, 0 changed, 0 unchanged, 1 not supported. Nothing was changed yet." in page.text
    assert "It is an essay: nobody marks essays here." in page.text
    send = {"text": text.replace("\n", "\r\n"), "kind": "gift", "point": "", "shown": shown}
    assert "nothing was imported" in client.post(path, send, follow=True).text
    assert not QuestionVersion.objects.filter(state="draft").exists()
    assert "so nothing was imported. Look again." in client.post(path, send | {"shown": "x"}, follow=True).text
    done = client.post(path, send | {"skip": "yes"}, follow=True)
    assert "1\u00a0item waits for a second person." in done.text
    assert QuestionVersion.objects.get(state="draft").question.code == "nd-19-q7"
    wrong = client.post(path, {"file": SimpleUploadedFile("x.xml", LAUGHS.encode())}).text
    assert "declares a document type" in wrong
    client.force_login(cast.physician)
    assert client.post(path, send).status_code == 403
    costs = len(getting(cast.author, "quizzes:bank-import", "needle-depth"))
    QuestionVersion.objects.exclude(question__code="nd-17-q1").update(state="retired")
    assert len(getting(cast.author, "quizzes:bank-import", "needle-depth")) == costs


@pytest.mark.parametrize("form", FORMATS)
def test_download_holds_what_the_bank_holds(client, cast, module, form):
    client.force_login(cast.author)
    answer = client.get(reverse("quizzes:bank-export", args=["needle-depth", form]))
    assert answer["Content-Disposition"].startswith('attachment; filename="needle-depth-items.')
    found = importing.plan(module.module, FORMATS[form].read(text_of(answer.content)))
    assert [one.verdict for one in found] == ["unchanged"] * 8


def material_zip() -> bytes:
    """The tests' own material, whose pictures are linked into it."""
    root = factories.SLICE
    files = [Path(folder) / name for folder, _, names in os.walk(root, followlinks=True) for name in names]
    return zip_of({str(path.relative_to(root)): path.read_bytes() for path in files})


def test_a_module_comes_as_a_zip(client, cast, module, tmp_path, capsys):
    """On the site its items, in the shell all of it."""
    file = tmp_path / "material.zip"
    file.write_bytes(material_zip())
    call_command("load_material", str(file))
    assert capsys.readouterr().out == "Nothing changed.\n"
    client.force_login(cast.author)
    path = reverse("quizzes:bank-import", args=["needle-depth"])
    page = client.post(path, {"file": SimpleUploadedFile("material.zip", material_zip())})
    assert "0 new, 0 changed, 8 unchanged, 0 not supported." in page.text
    file.write_bytes(zip_of({"../module.yaml": b"x"}))
    with pytest.raises(CommandError, match=r"reaches outside it: \.\./module\.yaml\. Nothing was loaded"):
        call_command("load_material", str(file))


def test_a_module_goes_out_as_a_zip_and_comes_back(client, cast, module, tmp_path, capsys, monkeypatch):
    """As it stands on the site: a live item that was drafted from the material keeps its passage."""
    shipped = tmp_path / "material"
    shutil.copytree(factories.SLICE, shipped)  # with the pictures that are linked into it
    monkeypatch.setattr(material, "SHIPPED", shipped)
    row = QuestionVersion.objects.get(question__code="nd-19-q1", state="live")
    source = {"point": "nd-19", "start": 0, "end": 17, "quote": "Pinpoint bleeding"}
    item = next(one for one in factories.course_of(factories.SLICE).modules[0][1] if one.code == "nd-19-q1")
    drafted = replace(item, stem="You see separate dots after the second pass. What now?", source=source)
    importing.propose_item(drafted, row.question.section, by=cast.author)
    waiting = approving.find("nd-19-q1")
    approving.approve(waiting=waiting, seen_sha256=waiting.sha256, by=cast.physician)
    client.force_login(cast.author)
    answer = client.get(reverse("quizzes:bank-export", args=["needle-depth", "zip"]))
    file = tmp_path / "needle-depth.zip"
    file.write_bytes(answer.content)
    text = zipped.contents(answer.content)["needle-depth/questions/05-technique-and-endpoint.yaml"].decode()
    assert "quote: Pinpoint bleeding" in text
    call_command("load_material", str(file))
    assert capsys.readouterr().out == "Nothing changed.\n"
    assert live_version(module.module) == module.version
