"""Search over the live modules: FTS5 on SQLite, full text on PostgreSQL, the same words and the same order on both.

Publishing keeps the index in its own transaction (`keep_index`). A version that was published without it is never found:
`find` looks at passages of live versions only, and `stale` names the module.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.urls import reverse

from training import passages
from training.models import ModuleVersion, Passage
from training.queries import live_versions

SHOWN = 20
# Ends each word of the second column: the stemmer has no rule for it, and leaves the word whole.
UNSTEMMED = "x"


@dataclass(frozen=True)
class Hit:
    """A passage as the page of results shows it."""

    kind: str
    code: str
    critical: bool
    title: str
    module: str
    url: str
    parts: Sequence[tuple[str, bool]]

    @property
    def kind_name(self) -> str:
        return str(Passage.Kind(self.kind).label)


@dataclass(frozen=True)
class Found:
    """`state` is empty, short, none, all (every passage has all the words) or some (none has all, these have some)."""

    typed: str
    state: str
    hits: Sequence[Hit] = ()
    total: int = 0

    @property
    def rest(self) -> int:
        return self.total - len(self.hits)


def find(typed: str) -> Found:
    """One query; a second one where no passage has all the words."""
    typed = " ".join(typed.replace("\0", " ").split())
    terms = passages.terms(typed)
    if not terms:
        return Found(typed, "short" if typed else "empty")
    ways = [True, False] if len(terms) > 1 else [True]
    for every in ways:
        rows = _rows(terms, every=every)
        if rows:
            return Found(typed, "all" if every else "some", [_hit(row, terms) for row in rows], rows[0]["total"])
    return Found(typed, "none")


def _hit(row: dict[str, Any], terms: list[tuple[str, ...]]) -> Hit:
    spans = passages.marked(row["marked"]) + passages.begun(row["folded"], terms[-1])
    if row["section_slug"]:
        url = reverse("training:section-detail", args=[row["module_slug"], row["section_slug"]])
    else:
        url = reverse("training:module-detail", args=[row["module_slug"]])
    return Hit(
        kind=row["kind"],
        code=row["code"],
        critical=bool(row["critical"]),
        title=row["section_title"] or row["module_title"],
        module=row["module_title"],
        url=f"{url}#{row['anchor']}" if row["anchor"] else url,
        parts=passages.parts(row["text"], spans),
    )


# What is found is joined to its titles; only passages of live versions count.
FROM_LIVE = """
    JOIN training_moduleversion v ON v.id = p.module_version_id
        AND v.number = (SELECT MAX(n.number) FROM training_moduleversion n WHERE n.module_id = v.module_id)
    JOIN training_module m ON m.id = v.module_id
    LEFT JOIN training_sectionversion sv ON sv.id = p.section_version_id
    LEFT JOIN training_section s ON s.id = sv.section_id
"""
COLUMNS = """p.kind, p.code, p.critical, p.anchor, p.text, p.folded, m.slug AS module_slug, v.title AS module_title,
    COALESCE(s.slug, '') AS section_slug, COALESCE(sv.title, '') AS section_title, COUNT(*) OVER () AS total"""
# The inner LIMIT keeps SQLite from moving the index's own functions out to where they cannot be used.
ON_SQLITE = f"""
    SELECT {COLUMNS}, i.marked FROM (
        SELECT rowid, highlight(training_passage_words, 0, '[', ']') AS marked,
            bm25(training_passage_words, 1.0, 0.5, 2.0) AS distance
        FROM training_passage_words WHERE training_passage_words MATCH %s LIMIT -1
    ) i JOIN training_passage p ON p.id = i.rowid {FROM_LIVE}
    ORDER BY {{first}} m.position, m.slug, p.position LIMIT {SHOWN}
"""  # noqa: S608 (constants of this file)
ON_POSTGRESQL = f"""
    WITH asked AS (SELECT {{asked}} AS query), found AS (
        SELECT {COLUMNS}, asked.query, -ts_rank(p.document, asked.query) AS distance, p.tier, m.position AS place,
            p.position AS passage_place
        FROM training_passage p CROSS JOIN asked {FROM_LIVE} WHERE p.document @@ asked.query
        ORDER BY {{first}} m.position, m.slug, p.position LIMIT {SHOWN}
    )
    SELECT *, ts_headline('english', folded, query, 'HighlightAll=true, StartSel="[", StopSel="]"') AS marked
    FROM found ORDER BY {{then}} place, module_slug, passage_place
"""  # noqa: S608


def _rows(terms: list[tuple[str, ...]], *, every: bool) -> list[dict[str, Any]]:
    """At most `SHOWN` rows, each with the total. With all the words the kind decides first, else the engine's rank."""
    if connection.vendor == "postgresql":
        asked, values = _asked_of_postgresql(terms, every=every)
        first = "p.tier, distance," if every else "distance, p.tier,"
        sql = ON_POSTGRESQL.format(asked=asked, first=first, then=first.replace("p.tier", "tier"))
    else:
        values = [_asked_of_sqlite(terms, every=every)]
        sql = ON_SQLITE.format(first="p.tier, i.distance," if every else "i.distance, p.tier,")
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _asked_of_sqlite(terms: list[tuple[str, ...]], *, every: bool) -> str:
    """Words are letters and digits, so quotation marks around them are all the escaping there is."""
    *before, last = terms
    asked = [f'({{text code}} : "{" ".join(term)}")' for term in before]
    star = " *" if len("".join(last)) > 1 else ""
    whole = [*(word + UNSTEMMED for word in last[:-1]), last[-1] if star else last[-1] + UNSTEMMED]
    asked.append(f'(({{text code}} : "{" ".join(last)}"{star}) OR (whole : "{" ".join(whole)}"{star}))')
    return (" AND " if every else " OR ").join(asked)


def _asked_of_postgresql(terms: list[tuple[str, ...]], *, every: bool) -> tuple[str, list[str]]:
    *before, last = terms
    asked = ["phraseto_tsquery('english', %s)"] * len(before)
    asked.append("(to_tsquery('english', %s) || to_tsquery('simple', %s))")
    values = [" ".join(term) for term in before]
    begins = " <-> ".join(last) + (":*" if len("".join(last)) > 1 else "")
    return (" && " if every else " || ").join(asked), [*values, begins, begins]


def passages_of(version: ModuleVersion) -> list[Passage]:
    """What the index ought to hold of a version, not stored."""
    rows = version.places.select_related("section_version").prefetch_related("section_version__pictures")
    found: list[tuple[Any, passages.Piece]] = [(None, passages.Piece("module", _overview(version)))]
    for row in rows.order_by("position"):
        section = row.section_version
        pictures = {picture.code: f"{picture.title}. {picture.caption}" for picture in section.pictures.all()}
        found += [(section, piece) for piece in passages.of_section(section.title, section.text, pictures)]
    return [
        Passage(
            module_version=version,
            section_version=section,
            position=place,
            kind=piece.kind,
            anchor=piece.anchor,
            code=piece.code,
            critical=piece.critical,
            tier=piece.tier,
            text=piece.text,
            folded=passages.fold(piece.text),
        )
        for place, (section, piece) in enumerate(found, start=1)
    ]


def _overview(version: ModuleVersion) -> str:
    return f"{version.title}. {json.loads(version.details)['summary']}"


@transaction.atomic
def keep_index(version: ModuleVersion) -> bool:
    """The index holds this version of its module and no other. True if there was something to do."""
    wanted = passages_of(version)
    if _is_kept(version, wanted):
        return False
    held = Passage.objects.filter(module_version__module=version.module_id)
    _forget(list(held.values_list("pk", flat=True)))
    held.delete()
    Passage.objects.bulk_create(wanted)
    _take_up(Passage.objects.filter(module_version=version))
    return True


def stale() -> list[str]:
    """Live modules whose text is not what the index holds."""
    return [str(version) for version in live_versions() if not _is_kept(version, passages_of(version))]


def _is_kept(version: ModuleVersion, wanted: list[Passage]) -> bool:
    held = list(Passage.objects.filter(module_version__module=version.module_id).order_by("position"))
    return [_essence(row) for row in held] == [_essence(row) for row in wanted] and _words_are_kept(held)


def _essence(row: Passage) -> tuple[Any, ...]:
    return tuple(getattr(row, field.attname) for field in Passage._meta.concrete_fields if not field.primary_key)


def _words(row: Passage) -> tuple[int, str, str, str]:
    whole = " ".join(word + UNSTEMMED for word in row.folded.split())
    return (row.pk, row.folded, whole, passages.fold(row.code))


def _take_up(rows: Iterable[Passage]) -> None:
    """SQLite's index is a table of its own; PostgreSQL's is a column that keeps itself."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.executemany(
                "INSERT OR REPLACE INTO training_passage_words (rowid, text, whole, code) VALUES (%s, %s, %s, %s)",
                [_words(row) for row in rows],
            )


def _forget(ids: list[int]) -> None:
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.executemany("DELETE FROM training_passage_words WHERE rowid = %s", [(pk,) for pk in ids])


def _words_are_kept(rows: list[Passage]) -> bool:
    if connection.vendor != "sqlite":
        return True
    with connection.cursor() as cursor:
        cursor.execute("SELECT rowid, text, whole, code FROM training_passage_words ORDER BY rowid")
        held = {row[0]: row for row in cursor.fetchall()}
    return all(held.get(row.pk) == _words(row) for row in rows)
