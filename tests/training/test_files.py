"""A material folder with one mistake gives one problem, with its file and line; several mistakes give all of them."""

from functools import cache
from pathlib import Path

import pytest
import yaml

from quizzes import material
from tests.factories import SLICE

SECTION = "needle-depth/05-technique-and-endpoint.md"
MODULE = "needle-depth/module.yaml"
EXCLUSIONS = "exclusions.yaml"
PICTURE = "needle-depth/pictures/pinpoint-or-running.svg"
KEPT = ("S0-01", "S0-08", "S0-21", "S0-52", "S2-35", "V07.1", "V12.1", "V12.2", "V69.1", "V70.1", "V24.1")
POSITIONS = ("D17", "D25")


def rows_of(name):
    return yaml.load((SLICE / name).read_text(encoding="utf-8"), yaml.CSafeLoader)


@cache
def small() -> dict[str, str]:
    """The small course as texts by file; of the shared rows only those that it rests on, so that a test is quick."""
    positions = [row for row in rows_of("positions.yaml") if row["code"] in POSITIONS]
    wanted = {*KEPT, *(code for row in positions for code in row["cites"])}
    facts = [row for row in rows_of("facts.yaml") if row["code"] in wanted]
    sources = [row for row in rows_of("sources.yaml") if row["code"] in {fact["source"] for fact in facts}]
    texts = {
        str(path.relative_to(SLICE)): path.read_text(encoding="utf-8")
        for path in [*SLICE.glob("*.yaml"), *SLICE.glob("*/*.*"), *SLICE.glob("*/*/*.*")]
    }
    for name, rows in (("positions", positions), ("facts", facts), ("sources", sources)):
        texts[f"{name}.yaml"] = yaml.dump(rows, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True)
    return texts


def made(root: Path, *edits: tuple[str, str, str]) -> Path:
    """The small course under `root` with each edit (file, old text, new text) made once."""
    texts = dict(small())
    for name, old, new in edits:
        assert old in texts[name], f"{name} no longer holds {old!r}: change the edit"
        texts[name] = texts[name].replace(old, new, 1)
    for name, text in texts.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def problems(root: Path) -> list[str]:
    try:
        material.read(root)
    except material.MaterialError as error:
        return [str(problem) for problem in error.problems]
    return []


def line_of(root: Path, name: str, anchor: str) -> int:
    """The line on which `anchor` begins in the edited file."""
    text = (root / name).read_text(encoding="utf-8")
    return text[: text.index(anchor)].count("\n") + 1


def test_small_course_has_no_problem(tmp_path):
    assert problems(made(tmp_path)) == []


def case(name: str, old: str, new: str, at: str, says: str, *, id: str, file: str = ""):
    """An edit in file `name`; the one problem stands in `file` (or `name`) on the line of `at` and `says` this."""
    return pytest.param((name, old, new), file or name, at, says, id=id)


PROGRAMMES = "programmes.yaml"
ONE_MISTAKE = [
    case(
        PROGRAMMES,
        "    for: [support]\n",
        "",
        "  - slug: infection-control",
        "a programme lacks for",
        id="programme of nobody",
    ),
    case(
        PROGRAMMES,
        "for: [support]",
        "for: [cleaner]",
        "  - slug: infection-control",
        "infection-control names cleaner under for",
        id="programme of an unknown role",
    ),
    case(
        PROGRAMMES,
        "    modules: [sterilisation]",
        "    modules: [sterilization]",
        "  - slug: infection-control",
        "infection-control names sterilization under modules",
        id="programme with an unknown module",
    ),
    case(
        PROGRAMMES,
        "P12, P13]",
        "P12, P14]",
        "  - slug: mechanical-microneedling",
        "mechanical-microneedling names P14 under practicals",
        id="programme with an unknown practical",
    ),
    case(
        PROGRAMMES,
        "completion, renewal: full",
        "completion, renewal: half",
        "  sterilisation: {rule",
        "renewal of sterilisation is half: full or missed",
        id="unknown renewal",
    ),
    case(
        SECTION,
        "title: Technique and endpoint",
        "titel: Technique",
        "---",
        "front matter that has a title",
        id="no title",
    ),
    case(
        SECTION,
        "## More is",
        f"{'Slowly now. ' * 100}[@S0-08]\n\n## More is",
        "---",
        "words; a section has 250 to 450",
        id="too long",
    ),
    case(
        SECTION,
        "Sources: V12.2\n",
        "",
        "::: point nd-21",
        "nd-21 cites nothing: add a line Sources:",
        id="point without sources",
    ),
    case(
        SECTION,
        "Sources: S0-52",
        "Sources: S0-99",
        "::: point nd-22",
        "cites S0-99, which is neither a row",
        id="point cites the unknown",
    ),
    case(
        SECTION,
        "[@V12.2]",
        "[@V12.2; @D99]",
        "The record should",
        "cites D99, which is neither a row",
        id="prose cites the unknown",
    ),
    case(
        SECTION,
        "to bear. [@S0-52]",
        "to bear. [@S0-52; @S0-01]",
        "Our rule: when",
        "cites S0-01, which is marketing",
        id="marketing",
    ),
    case(
        SECTION,
        "each pass.\n",
        "each of 7 passes.\n",
        "::: point nd-21",
        "nd-21 states 7, which no row it cites carries",
        id="number in a point",
    ),
    case(
        SECTION,
        "Use light pressure",
        "Use 17 grams of pressure",
        "Use 17 grams",
        "states 17, which no row cited",
        id="number in prose",
    ),
    case(
        SECTION,
        "Sources: S0-21, D25\n",
        "Sources: S0-21, D25\nDepends: depth-order\n",
        "::: point nd-17",
        "nd-17 is critical and must not depend on a protocol item",
        id="critical that depends",
    ),
    case(
        SECTION,
        "Sources: V12.2\n",
        "Sources: V12.2\nDepends: moon-phase\n",
        "::: point nd-21",
        "depends on moon-phase, which is not in protocol.yaml",
        id="point depends on the unknown",
    ),
    case(
        SECTION,
        "## Bone and eyes",
        "::: protocol moon-phase\n:::\n\n## Bone and eyes",
        "::: protocol moon-phase",
        "protocol item moon-phase is not in protocol.yaml",
        id="unknown protocol item",
    ),
    case(
        SECTION,
        "::: picture orbital-no-go-zone",
        "::: picture eyelids",
        "::: picture eyelids",
        "picture eyelids is not listed in module.yaml",
        id="unknown picture",
    ),
    case(SECTION, "## Bone", "# Bone", "# Bone", "headings inside a section are level 2", id="heading too high"),
    case(
        MODULE,
        "proof: practical P6",
        "proof: practical six",
        "- text: Read label",
        "proof is practical six",
        id="unknown proof",
    ),
    case(
        MODULE,
        "slug: needle-depth",
        "slug: depth",
        "slug: depth",
        "slug is depth, the folder is needle-depth",
        id="slug and folder",
    ),
    case(
        MODULE,
        "reviewer: not yet reviewed by a clinician\n",
        "",
        "slug:",
        "module.yaml lacks reviewer",
        id="no reviewer",
    ),
    case(
        MODULE,
        "title: Needle depth\n",
        "title: Needle: depth\n",
        "title: Needle",
        "not readable as YAML",
        id="bad YAML",
    ),
    case(
        MODULE,
        "Not to scale.",
        "About 9 dots.",
        "- code: pinpoint-or",
        "states 9, which no cited row carries",
        id="number in a picture",
    ),
    case(
        PICTURE,
        "<title",
        "<script>1</script><title",
        "<script>",
        "<script is not allowed in a picture",
        id="script in a picture",
    ),
    case(
        PICTURE, "<title", '<g style="fill:red"/><title', "<g style", "style= is not allowed", id="style in a picture"
    ),
    case(
        PICTURE,
        "<title",
        '<g onclick="x()"/><title',
        "<g onclick",
        "onclick= is not allowed",
        id="handler in a picture",
    ),
    case(PICTURE, "<title", '<image href="x"/><title', "<image", "<image is not allowed", id="image in a picture"),
    case(PICTURE, "</svg>", "", "", "not well-formed", id="picture cut short"),
    case(
        PICTURE,
        'role="img"',
        'role="figure"',
        "<svg",
        'must be an svg with a viewBox and role="img"',
        id="picture without role",
    ),
    case(
        "facts.yaml",
        "source: V12\n",
        "source: V99\n",
        "- code: V12.1",
        "V12.1 names source V99",
        id="fact of no source",
    ),
    case(
        "positions.yaml",
        "- S3-21\n",
        "- S9-99\n",
        "- code: D25",
        "D25 cites S9-99, which is not in facts.yaml",
        id="position cites the unknown",
    ),
    case(
        "protocol.yaml",
        "  title: Depth order\n",
        "",
        "- code: depth-order",
        "a protocol item lacks title",
        id="protocol item without title",
    ),
    case(
        EXCLUSIONS, "S3-33", "S9-99", "- code: S9", "S9-99 is left out, but is not in facts.yaml", id="unknown left out"
    ),
    case(
        EXCLUSIONS,
        "S3-33",
        "S0-01",
        "- code: S0",
        "S0-01 is left out, but is no teachable row of a seed document",
        id="marketing left out",
    ),
    case(
        EXCLUSIONS,
        "S3-33",
        "V24.1",
        "- code: V24",
        "V24.1 is left out, but is no teachable row of a seed document",
        id="guidance left out",
    ),
    case(
        EXCLUSIONS,
        "S3-33",
        "S2-35",
        "- code: S2",
        f"S2-35 is left out, but {SECTION}:4 cites it",
        id="left out though a passage cites it",
    ),
    case(
        SECTION,
        "Sources: S0-52",
        "Sources: S0-52, S3-33",
        "- code: S3",
        f"S3-33 is left out, but {SECTION}:",
        id="left out though a key point cites it",
        file=EXCLUSIONS,
    ),
    case(
        EXCLUSIONS,
        "  reason: It is about needling at home, which this small course does not cover.\n",
        "",
        "- code: S3",
        "an exclusion lacks reason",
        id="left out without a reason",
    ),
]


@pytest.mark.parametrize(("edit", "file", "at", "says"), ONE_MISTAKE)
def test_one_mistake_is_one_problem(tmp_path, edit, file, at, says):
    root = made(tmp_path, edit)
    found = problems(root)
    assert len(found) == 1, found
    assert says in found[0]
    if at:
        assert found[0].startswith(f"{file}:{line_of(root, file, at)}: ")
    else:
        assert found[0].startswith(f"{file}:")


def test_front_matter_that_is_no_yaml_is_a_problem_too(tmp_path):
    """A colon in a title is the likeliest slip of all."""
    root = made(tmp_path, (SECTION, "title: Technique and endpoint", "title: Technique: and endpoint"))
    found = problems(root)
    assert len(found) == 1
    assert found[0].startswith(f"{SECTION}:2: ")


def test_all_problems_at_once_in_order(tmp_path):
    root = made(
        tmp_path,
        (SECTION, "Sources: V12.2\n", ""),
        (SECTION, "Use light pressure", "Use 17 grams of pressure"),
        (MODULE, "proof: practical P6", "proof: practical six"),
        ("facts.yaml", "source: V12\n", "source: V99\n"),
    )
    found = problems(root)
    assert [problem.split(":")[0] for problem in found] == ["facts.yaml", SECTION, SECTION, MODULE]


def test_empty_folder(tmp_path):
    """Nothing to read is no course: the shared files and a module are asked for."""
    found = problems(tmp_path)
    assert "sources.yaml:1: the file is missing" in found


def test_unverified_facts_are_not_taught(tmp_path):
    root = made(tmp_path, ("facts.yaml", "- code: S2-35\n", "- code: S2-35\n  verified: 'no'\n"))
    found = problems(root)
    assert found
    assert all("cites S2-35, which could not be verified and is not taught" in problem for problem in found)


def test_a_section_keeps_its_blocks_and_lines(tmp_path):
    ((module, _, _),) = material.read(made(tmp_path)).modules
    (section,) = module.sections
    assert (section.slug, section.title) == ("technique-and-endpoint", "Technique and endpoint")
    assert [point.code for point in section.points] == ["nd-17", "nd-19", "nd-22", "nd-20", "nd-18", "nd-21"]
    assert [point.code for point in section.points if point.critical] == ["nd-17", "nd-18"]
    assert [p.code for p in module.pictures] == ["pinpoint-or-running", "orbital-no-go-zone"]
    for point in section.points:
        assert point.line == line_of(tmp_path, SECTION, f"::: point {point.code}")
