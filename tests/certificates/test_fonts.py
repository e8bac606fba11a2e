import json
import unicodedata

import pytest
import typst
from django.conf import settings

from certificates.fonts import SANS, SERIF, Fonts, Unprintable, load


@pytest.fixture(scope="module")
def shipped():
    return Fonts()


def installed(name):
    """The configured fonts, or a skip where none of them writes `name`."""
    fonts = load(settings.CERTIFICATE_FONTS)
    if fonts.script_gaps(name):
        pytest.skip(f"no Noto font for {name} installed")
    return fonts


@pytest.mark.parametrize(
    "name",
    [
        "José Nguyễn-O'Brien",
        "Nguyễn Thị Ánh Tuyết",
        unicodedata.normalize("NFD", "Nguyễn Thị Ánh"),
        "Łukasz Żółć",
        "Şule Iğdır",
        "Ελένη Παπαδοπούλου",
        "Юрій Ґалаґан",
        "D’Arcy “Dee” Smith-Jones, Jr.",
    ],
)
def test_latin_greek_and_cyrillic_need_no_further_font(shipped, name):
    assert shipped.script_gaps(name) == []
    assert shipped.printable_name(name, "unused") == name


def test_gaps_are_listed_once_in_order_with_their_marks(shipped):
    assert shipped.script_gaps("Wang 王小明 王") == ["王", "小", "明"]
    assert shipped.script_gaps("सीता") == ["सी", "ता"]


def test_mark_that_no_font_has_with_its_letter_is_a_gap_though_both_were_seen(shipped):
    """Source Serif has the long s, and Source Sans the double grave."""
    assert shipped.script_gaps("ſ") == shipped.script_gaps("\u030f") == []
    assert shipped.script_gaps("ſ\u030f") == ["ſ\u030f"]


def test_gaps_agree_with_what_typst_itself_refuses(shipped):
    source = b'#set document(title: "x")\n#set text(font: json(bytes(sys.inputs.families)), fallback: false)\n'
    source += b"#for part in json(bytes(sys.inputs.parts)) [#part#linebreak()]"

    def refused(parts):
        data = {"families": json.dumps(shipped.families), "parts": json.dumps(parts)}
        compiler = typst.Compiler(source, font_paths=shipped.typst, ignore_system_fonts=True, sys_inputs=data)
        try:
            compiler.compile(format="pdf", pdf_standards="a-2a")
        except typst.TypstError:
            return True
        return False

    seen = [chr(code) for code in range(0x20, 0x2000) if unicodedata.category(chr(code))[0] in "LNPS"]
    written = [sign for sign in seen if not shipped.script_gaps(sign)]
    gaps = [sign for sign in seen if shipped.script_gaps(sign)]
    assert len(written) > 1000
    assert not refused(written)
    assert [sign for sign in gaps[::150] if not refused([sign])] == []


def test_uncovered_name_prints_its_latin_form(shipped):
    assert shipped.printable_name("王小明", "Wang Xiaoming") == "Wang Xiaoming"


@pytest.mark.parametrize(
    ("name", "sign", "package"),
    [("王小明", "明 (U+660E)", "fonts-noto-cjk"), ("김민준", "김", "fonts-noto-cjk"), ("محمد", "م", "fonts-noto-core")],
)
def test_uncovered_name_without_latin_form_tells_the_manager_what_to_do(shipped, name, sign, package):
    with pytest.raises(Unprintable) as refusal:
        shipped.printable_name(name)
    message = str(refusal.value)
    assert name in message
    assert sign in message
    assert f"install Debian's {package} or set CERTIFICATE_FONTS" in message
    assert "Latin form" in message


def test_uncovered_latin_form_is_named_too(shipped):
    with pytest.raises(Unprintable, match="The Latin form, “Wang 明”, cannot be printed either: 明"):
        shipped.printable_name("王小明", "Wang 明")


@pytest.mark.parametrize("sign", ["\u202e", "\u00ad", "\n", "\t", "\ue000", "\u200b"])
def test_signs_that_hide_or_turn_the_text_are_no_part_of_a_name(shipped, sign):
    with pytest.raises(Unprintable, match=f"cannot be printed: U\\+{ord(sign):04X}. Type it again") as refusal:
        shipped.printable_name(f"Maya{sign}Lindqvist")
    assert sign not in str(refusal.value)


def test_folder_that_is_missing_or_holds_no_named_font_adds_nothing(tmp_path):
    (tmp_path / "NotoSansThai-Italic.ttf").write_bytes(b"no font")
    (tmp_path / "Other.ttf").write_bytes(b"no font")
    (tmp_path / "NotoSansLao-Regular.ttf").write_bytes(b"no font")
    assert Fonts(tmp_path / "missing").families == [SERIF, SANS]
    assert Fonts(tmp_path).families == [SERIF, SANS]


def test_fonts_are_loaded_once_a_process():
    assert load(settings.CERTIFICATE_FONTS) is load(settings.CERTIFICATE_FONTS)


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("محمد عبد الله", "Noto Naskh Arabic"),
        ("שרה לוי", "Noto Serif Hebrew"),
        ("सीता शर्मा", "Noto Serif Devanagari"),
        ("王小明", "Noto Serif CJK SC"),
        ("さくら", "Noto Serif CJK JP"),
        ("김민준", "Noto Serif CJK KR"),
    ],
)
def test_installed_noto_font_writes_its_script(name, family):
    fonts = installed(name)
    assert fonts.printable_name(name) == name
    assert fonts.families_for(name, first=SERIF)[:2] == [family, SERIF]


def test_shipped_fonts_lead_wherever_they_can():
    for fonts in (Fonts(), load(settings.CERTIFICATE_FONTS)):
        assert fonts.families_for("Maya Lindqvist", first=SERIF)[0] == SERIF
        assert fonts.families_for("Maya Lindqvist")[0] == SANS
        assert set(fonts.families_for("王")) == set(fonts.families)
