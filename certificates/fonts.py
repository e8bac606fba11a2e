"""Which fonts write a name. No box ever reaches the paper: what no named font covers is refused before drawing."""

import os
import re
import struct
import unicodedata
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import font_source_sans_pro
import font_source_serif_pro
import typst

SERIF = "Source Serif Pro"
SANS = "Source Sans Pro"

# One line a script, the first of each line that the folder has: serif where there is one, to stand beside Source Serif.
NAMED = (
    ("NotoSerif",),
    ("NotoSans",),
    ("NotoNaskhArabic", "NotoSansArabic"),
    ("NotoSerifHebrew", "NotoSansHebrew"),
    ("NotoSerifArmenian", "NotoSansArmenian"),
    ("NotoSerifGeorgian", "NotoSansGeorgian"),
    ("NotoSerifEthiopic", "NotoSansEthiopic"),
    ("NotoSerifDevanagari", "NotoSansDevanagari"),
    ("NotoSerifBengali", "NotoSansBengali"),
    ("NotoSerifGurmukhi", "NotoSansGurmukhi"),
    ("NotoSerifGujarati", "NotoSansGujarati"),
    ("NotoSerifOriya", "NotoSansOriya"),
    ("NotoSerifTamil", "NotoSansTamil"),
    ("NotoSerifTelugu", "NotoSansTelugu"),
    ("NotoSerifKannada", "NotoSansKannada"),
    ("NotoSerifMalayalam", "NotoSansMalayalam"),
    ("NotoSerifSinhala", "NotoSansSinhala"),
    ("NotoSerifThai", "NotoSansThai"),
    ("NotoSerifLao", "NotoSansLao"),
    ("NotoSerifKhmer", "NotoSansKhmer"),
    ("NotoSerifMyanmar", "NotoSansMyanmar"),
    ("NotoSerifTibetan", "NotoSansTibetan"),
    ("NotoSansMongolian",),
    ("NotoSansSyriac",),
    ("NotoSansThaana",),
    ("NotoSansNKo",),
    ("NotoSansAdlam",),
    ("NotoSansTifinagh",),
    ("NotoSansCherokee",),
    ("NotoSansCanadianAboriginal",),
    ("NotoSerifCJK", "NotoSansCJK"),
    ("NotoSerifCJKsc", "NotoSerifSC", "NotoSansCJKsc", "NotoSansSC"),
    ("NotoSerifCJKtc", "NotoSerifTC", "NotoSansCJKtc", "NotoSansTC"),
    ("NotoSerifCJKjp", "NotoSerifJP", "NotoSansCJKjp", "NotoSansJP"),
    ("NotoSerifCJKkr", "NotoSerifKR", "NotoSansCJKkr", "NotoSansKR"),
)
UPRIGHT = re.compile(r"(Noto\w+?)(-Regular|-SemiBold|-Bold|-VF|-VariableFont_[\w,]+|\[[\w,]+\])?\.(ttf|otf|ttc)")

# The CJK fonts are one file with a family for each region. Chinese forms lead, unless the text shows another language.
REGIONS = ("SC", "TC", "HK", "JP", "KR")
LANGUAGES = (("HIRAGANA", "JP"), ("KATAKANA", "JP"), ("HANGUL", "KR"), ("BOPOMOFO", "TC"), ("CJK", "SC"))

# The joiners that some scripts are written with, and the two marks that only settle direction.
UNSEEN = frozenset("\u200c\u200d\u200e\u200f")


class Unprintable(ValueError):
    """A text that the fonts at hand cannot write. The message is for the manager."""

    def __init__(self, text: str, gaps: list[str], advice: str = "") -> None:
        self.text, self.gaps = text, gaps
        super().__init__(_refusal(text, gaps, advice))


class Fonts:
    """The shipped fonts and the named ones found in `folder`, loaded once and shared by every drawing.

    Typst takes folders only, and where one holds a face twice (the packages ship .otf and .ttf) it takes what the disk
    lists first. So the chosen files are gathered in a folder of links: the same data give the same bytes.
    """

    def __init__(self, folder: Path | None = None) -> None:
        chosen = list(dict.fromkeys(_shipped() + (_named(folder) if folder else [])))
        place = {path: at for at, path in enumerate(chosen)}
        with TemporaryDirectory() as links:  # typst follows them at once and remembers where they lead
            for path, at in place.items():
                Path(links, f"{at}-{path.name}").symlink_to(path)
            self.typst = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[links])
        faces = [(Path(face.path), face) for face in self.typst.fonts() if face.path]
        faces.sort(key=lambda pair: (place[pair[0]], _region_at(pair[1].family)))
        self._written: set[str] = set()
        self._faces: dict[str, list[tuple[Path, int]]] = {}
        for path, face in faces:
            self._faces.setdefault(face.family, []).append((path, face.index))

    @property
    def families(self) -> list[str]:
        """Every family that may be printed, shipped ones first."""
        return list(self._faces)

    def script_gaps(self, text: str) -> list[str]:
        """What no font here can write, each once: characters, or a letter together with the marks upon it."""
        if self._written.issuperset(unicodedata.normalize("NFC", text)):
            return []
        return [part for part in _parts(text) if part not in self._written and not self._is_written(part)]

    def families_for(self, text: str, *, first: str = SANS) -> list[str]:
        """The families to set `text` in: `first` leads, unless it lacks a letter and another has them all."""
        region, parts = _region(text), _parts(text)
        order = sorted(self._faces, key=lambda family: (family != first, not family.endswith(region)))
        whole = next((family for family in order if all(self._writes(family, part) for part in parts)), first)
        return sorted(order, key=lambda family: family != whole)

    def printable_name(self, full_name: str, latin_name: str = "") -> str:
        """The name a certificate carries: the full name or, where the fonts lack its script, the Latin form."""
        gaps = self.script_gaps(full_name)
        if not gaps:
            return full_name
        latin_gaps = self.script_gaps(latin_name)
        if latin_name and not latin_gaps:
            return latin_name
        advice = "Until then, enter the name's Latin form as well: the certificate prints that."
        if latin_name:
            advice = f"The Latin form, “{latin_name}”, cannot be printed either: {_listed(latin_gaps)}."
        raise Unprintable(full_name, gaps, advice)

    def _is_written(self, part: str) -> bool:
        """By some font. What is, is remembered: a certificate asks about the same hundred letters again and again.

        But not a mark without its letter: that one font has the one and another the other writes nothing.
        """
        if not any(self._writes(family, part) for family in self._faces):
            return False
        if not unicodedata.category(part[0]).startswith("M"):
            self._written.add(part)
        return True

    def _writes(self, family: str, part: str) -> bool:
        """Whether the family alone has every sign of `part`, composed or taken apart: shaping looks for either."""
        covered = self._covered(family)
        return not _strange(part) and any(covered.issuperset(map(ord, form)) for form in _forms(part))

    def _covered(self, family: str) -> frozenset[int]:
        return _common(tuple(self._faces[family]))


@cache
def load(folder: str = "") -> Fonts:
    """The fonts of this process, with those of `folder` (settings.CERTIFICATE_FONTS; it need not exist)."""
    return Fonts(Path(folder) if folder else None)


def _shipped() -> list[Path]:
    sans = Path(font_source_sans_pro.__path__[0], "files")
    serif = Path(font_source_serif_pro.__path__[0], "files")
    files = [
        serif / "SourceSerifPro-Semibold.ttf",
        sans / "SourceSansPro-Regular.ttf",
        sans / "SourceSansPro-Semibold.ttf",
    ]
    return [path.resolve() for path in files]


def _named(folder: Path) -> list[Path]:
    """The upright files of the named families under `folder`, in the order of NAMED, each file name once."""
    stems: dict[str, dict[str, Path]] = {}
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            if match := UPRIGHT.fullmatch(name):
                stems.setdefault(match[1], {}).setdefault(name, Path(place, name).resolve())
    taken = (next((stem for stem in line if stem in stems), None) for line in NAMED)
    return [path for stem in taken if stem for path in stems[stem].values()]


def _parts(text: str) -> list[str]:
    """The letters of `text`, each once, together with the marks that stand on them."""
    found: list[str] = []
    for sign in unicodedata.normalize("NFC", text):
        if found and unicodedata.category(sign).startswith("M"):
            found[-1] += sign
        elif sign not in UNSEEN:
            found.append(sign)
    return list(dict.fromkeys(found))


def _forms(part: str) -> tuple[str, str]:
    """Composed and taken apart; a variation selector only picks a drawing of its letter, so no font must have it."""
    bare = "".join(sign for sign in part if not _selects(sign))
    return bare, unicodedata.normalize("NFD", bare)


def _selects(sign: str) -> bool:
    return "\ufe00" <= sign <= "\ufe0f" or "\U000e0100" <= sign <= "\U000e01ef"


def _strange(part: str) -> bool:
    """Control, format and private signs: invisible, or different in every font, so never part of a name."""
    return unicodedata.category(part[0]) in ("Cc", "Cf", "Co", "Cs")


def _region(text: str) -> str:
    names = [unicodedata.name(sign, "") for sign in text if sign > "\u1000"]
    return next((region for start, region in LANGUAGES if any(name.startswith(start) for name in names)), "-")


def _region_at(family: str) -> int:
    return next((at for at, region in enumerate(REGIONS) if family.endswith(f" {region}")), 0)


def _refusal(text: str, gaps: list[str], advice: str) -> str:
    strange = [part for part in gaps if _strange(part)]
    if strange:
        seen = "".join(sign for sign in text if not _strange(sign))
        return f"“{seen}” holds signs that cannot be printed: {_listed(strange)}. Type it again without them."
    package = "fonts-noto-core" if _region("".join(gaps)) == "-" else "fonts-noto-cjk"
    return (
        f"The certificate's fonts cannot write {_listed(gaps)} in “{text}”. To add a font that can, install Debian's "
        f"{package} or set CERTIFICATE_FONTS to a folder with a Noto font for this script, then restart the site. "
        f"{advice}"
    ).strip()


def _listed(gaps: list[str]) -> str:
    named = [_named_part(part) for part in gaps[:8]]
    if len(gaps) > 8:
        return f"{', '.join(named)} and {len(gaps) - 8} more"
    return " and ".join(filter(None, [", ".join(named[:-1]), named[-1]]))


def _named_part(part: str) -> str:
    codes = " ".join(f"U+{ord(sign):04X}" for sign in part)
    return codes if _strange(part) else f"{part} ({codes})"


@cache
def _common(faces: tuple[tuple[Path, int], ...]) -> frozenset[int]:
    """What all weights of a family can write."""
    return frozenset.intersection(*(_codepoints(path, index) for path, index in faces))


def _codepoints(path: Path, index: int) -> frozenset[int]:
    """The characters that a font file maps to a glyph: its Unicode `cmap` tables of formats 4 and 12."""
    with path.open("rb") as file:
        start = 0
        if file.read(4) == b"ttcf":
            file.seek(12 + 4 * index)
            (start,) = struct.unpack(">I", file.read(4))
        file.seek(start + 4)
        (count,) = struct.unpack(">H", file.read(2))
        file.seek(start + 12)
        tables = {tag: (at, size) for tag, _, at, size in struct.iter_unpack(">4sIII", file.read(16 * count))}
        at, size = tables[b"cmap"]
        file.seek(at)
        cmap = file.read(size)
    (count,) = struct.unpack_from(">H", cmap, 2)
    found: set[int] = set()
    for platform, encoding, at in struct.iter_unpack(">HHI", cmap[4 : 4 + 8 * count]):
        if platform == 0 or (platform == 3 and encoding in (1, 10)):
            (form,) = struct.unpack_from(">H", cmap, at)
            found.update(_format_4(cmap[at:]) if form == 4 else _format_12(cmap[at:]) if form == 12 else ())
    return frozenset(found)


def _format_4(table: bytes) -> set[int]:
    (twice,) = struct.unpack_from(">H", table, 6)
    count = twice // 2
    ends = struct.unpack_from(f">{count}H", table, 14)
    starts = struct.unpack_from(f">{count}H", table, 16 + twice)
    deltas = struct.unpack_from(f">{count}H", table, 16 + 2 * twice)
    offsets = struct.unpack_from(f">{count}H", table, 16 + 3 * twice)
    found: set[int] = set()
    for segment, (first, last, delta, offset) in enumerate(zip(starts, ends, deltas, offsets, strict=True)):
        if not offset:
            found.update(code for code in range(first, last + 1) if (code + delta) & 0xFFFF)
            continue
        glyphs = 16 + 3 * twice + 2 * segment + offset
        found.update(
            code
            for at, code in enumerate(range(first, last + 1))
            if table[glyphs + 2 * at : glyphs + 2 * at + 2] != b"\0\0"
        )
    return found - {0xFFFF}


def _format_12(table: bytes) -> set[int]:
    (count,) = struct.unpack_from(">I", table, 12)
    found: set[int] = set()
    for first, last, glyph in struct.iter_unpack(">III", table[16 : 16 + 12 * count]):
        found.update(range(first if glyph else first + 1, last + 1))
    return found
