"""The figures as tables, the same on the screen and in figures.md."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

HEAD = "# Figures\n\nEach run of `make bench` adds a section at the end; README.md says what the figures mean.\n"
TITLES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
Cell = Callable[[dict[str, Any]], Any]


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    cells = [[str(cell) for cell in row] for row in (head, *rows)]
    widths = [max(len(row[at]) for row in cells) for at in range(len(head))]

    def line(row: Sequence[str]) -> str:
        first, *rest = (
            cell.ljust(width) if at == 0 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        return f"| {' | '.join([first, *rest])} |"

    rule = f"|{'|'.join(['-' * (widths[0] + 2), *('-' * (width + 1) + ':' for width in widths[1:])])}|"
    return "\n".join([line(cells[0]), rule, *(line(row) for row in cells[1:])])


def goal(value: float, limit: float, *, least: bool = False) -> str:
    met = value >= limit if least else value <= limit
    return f"{value:g} ({'met' if met else 'missed'})"


def own(value: float) -> str:
    """SQLite works in the server's own processes."""
    return f"{value:g}" if value else "–"


def markdown(figures: dict[str, Any]) -> str:
    had = {name: found for name, found in figures["engines"].items() if "skipped" not in found}
    parts = [head(figures)]
    parts += [
        f"{TITLES[name]}: {found['skipped']}." for name, found in figures["engines"].items() if "skipped" in found
    ]
    if had:
        parts += [attempt(had), steps(had), statements(had), growing(had), many(had), archive(had)]
    parts.append(drawing(figures["drawing"]))
    return "\n\n".join(parts) + "\n"


def head(figures: dict[str, Any]) -> str:
    machine = figures["machine"]
    versions = [f"Python {machine['python']}", f"Django {machine['django']}", f"granian {machine['granian']}"]
    versions += [found["versions"] for found in figures["engines"].values() if "versions" in found]
    versions += [f"psycopg {machine['psycopg']}", f"typst {machine['typst']}"]
    return (
        f"## {figures['measured_at'].replace('T', ' ').replace('Z', ' UTC')}\n\n"
        f"`{figures['command']}` on {machine['cores']} cores ({machine['processor']}), {machine['busy_before']:.0%} of them busy "
        f"before the start and {machine['busy_after']:.0%} after the end; {figures['seconds']} s in all. {', '.join(versions)}."
    )


def by_engine(title: str, had: dict[str, Any], rows: Sequence[tuple[str, Cell]]) -> str:
    return table(
        [title, *(TITLES[name] for name in had)],
        [[name, *(cell(found) for found in had.values())] for name, cell in rows],
    )


def span(found: list[float]) -> str:
    return f"{min(found):.3f} to {max(found):.3f}"


def attempt(had: dict[str, Any]) -> str:
    def floor(found: dict[str, Any]) -> float:
        return float(found["bare_attempt"]["submit_cpu_s"] + found["bare_attempt"]["save_cpu_s"])

    return by_engine(
        "A whole attempt, one client, server CPU",
        had,
        [
            ("ours, CPU-s (goal 0.07)", lambda f: goal(f["attempt"]["cpu_s"], 0.07)),
            ("the least and the most of its series", lambda f: span(f["attempt"]["every_cpu_s"])),
            ("PostgreSQL's own beside it, CPU-s", lambda f: own(f["attempt"]["database_cpu_s"])),
            ("requests", lambda f: int(f["attempt"]["requests"])),
            ("bare: one request, 1 + 20 rows, CPU-s", lambda f: f"{f['bare_attempt']['submit_cpu_s']:.4f}"),
            ("bare: 20 requests, a row each, CPU-s", lambda f: f"{f['bare_attempt']['save_cpu_s']:.4f}"),
            ("ours in multiples of both bare together", lambda f: f"{f['attempt']['cpu_s'] / max(floor(f), 1e-6):.1f}"),
        ],
    )


def steps(had: dict[str, Any]) -> str:
    names = list(next(iter(had.values()))["attempt"]["steps"])

    def cell(name: str, found: dict[str, Any]) -> str:
        step = found["attempt"]["steps"][name]
        return f"{step['cpu_ms']:.1f} / {step['median_ms']:.1f}"

    return by_engine("The same by step: CPU ms / median ms", had, [(name, partial(cell, name)) for name in names])


def statements(had: dict[str, Any]) -> str:
    names = list(next(iter(had.values()))["statements"])
    limits = {"save": 5}

    def cell(name: str, found: dict[str, Any]) -> object:
        count = found["statements"][name]
        return goal(count, limits[name]) if name in limits else count

    return by_engine("Statements (a save: goal 5)", had, [(name, partial(cell, name)) for name in names])


def growing(had: dict[str, Any]) -> str:
    """What must not grow with the quiz or with the years."""
    rows: list[tuple[str, Cell]] = []
    for items in next(iter(had.values()))["length"]:
        rows.append((f"a save, {items} items", partial(grown, save_cost, "length", items)))
    for size in ("few", "many"):
        rows += [
            (f"stored answers, {size}", partial(grown, lambda found: f"{found['answers']:,}", "stored", size)),
            (f"a save, {size} stored", partial(grown, save_cost, "stored", size)),
            (
                f"a whole attempt, {size} stored, CPU-s",
                partial(grown, lambda found: found["attempt_cpu_s"], "stored", size),
            ),
        ]
    return by_engine("Growth: server CPU ms (PostgreSQL's own), median ms", had, rows)


def grown(cell: Cell, part: str, name: str, found: dict[str, Any]) -> Any:
    return cell(found[part][name])


def save_cost(found: dict[str, Any]) -> str:
    return f"{found['save_cpu_ms']:g} ({own(found['save_database_cpu_ms'])}), {found['save_median_ms']:g}"


def steady(name: str, found: dict[str, Any]) -> str:
    return rate(found["steady"][name]) if "steady" in found else "not asked for"


def against(name: str, found: dict[str, Any]) -> str:
    ours, bare = found["saves"], found[name]
    times = [ours[name] / max(bare[name], 0.1) for name in ("median_ms", "p95_ms")]
    return ", ".join(f"{value:.1f}" for value in times)


def rate(found: dict[str, Any]) -> str:
    return f"{found['per_second']:g}/s, {found['median_ms']:g}, {found['p95_ms']:g}, {found['p99_ms']:g}, {found['errors']}"


def many(had: dict[str, Any]) -> str:
    return by_engine(
        "Many clients: per second, median ms, p95 ms, p99 ms, errors",
        had,
        [
            ("saves, 16 clients", lambda f: rate(f["saves"])),
            ("bare: a row each, 16 clients", lambda f: rate(f["bare_saves"])),
            ("bare: 1 + 20 rows and a page, 16 clients", lambda f: rate(f["bare_submits"])),
            ("our save in multiples of a bare row: median, p95", partial(against, "bare_saves")),
            ("in multiples of 1 + 20 bare rows (goal 1.5 on PostgreSQL)", partial(against, "bare_submits")),
            ("a save a second each, 40 clients (goal: p95 under 60 ms, 0 errors)", partial(steady, "paced")),
            ("40 clients without a pause", partial(steady, "unpaced")),
            (
                "server CPU ms a save (PostgreSQL's own)",
                lambda f: f"{f['saves']['cpu_ms']:g} ({own(f['saves']['database_cpu_ms'])})",
            ),
            ("whole attempts, 8 clients", lambda f: rate(f["crowd"])),
            ("whole attempts a second (goal 20)", lambda f: goal(f["crowd"]["per_second"], 20, least=True)),
            ("saves' p95 ms during these", lambda f: f["crowd"]["save_p95_ms"]),
            ("verify page, 16 clients", lambda f: rate(f["verify"])),
        ],
    )


def archive(had: dict[str, Any]) -> str:
    rows: list[tuple[str, Cell]] = []
    for name, words in (
        ("zip_undrawn", "not drawn before"),
        ("zip_drawn", "drawn before"),
        ("zip_thousand", "a thousand"),
    ):
        for what, names in (
            ("files, MB", ("files", "mb")),
            ("first byte ms, whole s", ("first_byte_ms", "total_s")),
            ("papers a second", ("per_second",)),
            ("CPU-s", ("cpu_s",)),
            ("worker's MB before, at its peak", ("before_mb", "peak_mb")),
        ):
            rows.append((f"{words}: {what}", partial(listed, name, names)))
    return by_engine("The ZIP of certificates", had, rows)


def listed(part: str, names: Sequence[str], found: dict[str, Any]) -> str:
    return ", ".join(f"{found[part][name]:g}" for name in names)


def drawing(found: dict[str, Any]) -> str:
    names = {
        "pdf": f"our PDF ({found['pdf_kb']:g} KB)",
        "pdf_typst_alone": "typst alone, the same sheet as PDF",
        "png": f"our PNG ({found['png_kb']:g} KB)",
        "png_typst_alone": "typst alone, the same sheet as PNG",
        "badge": "PNG drawn, signed and baked as a badge",
        "bake": "signed and baked into the stored PNG",
    }
    rows = [
        [
            words,
            f"{found[name]['per_core_second']:.0f}",
            f"{found[name]['cpu_ms']:.1f}",
            f"{found[name]['wall_ms']:.1f}",
        ]
        for name, words in names.items()
    ]
    share = found["pdf"]["per_core_second"] / found["pdf_typst_alone"]["per_core_second"]
    goals = [
        ["our PDF in parts of typst alone, per core (goal 0.9)", goal(round(share, 2), 0.9, least=True)],
        ["PNG drawn, signed and baked, CPU ms (goal 45)", goal(round(found["badge"]["cpu_ms"], 1), 45)],
    ]
    drawn = table(["Certificates drawn", "per second per core", "CPU ms", "ms"], rows)
    return f"{drawn}\n\n{table(['Goals', ''], goals)}"
