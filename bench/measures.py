"""What is measured on one engine, in the order in which the data come to be: attempts first, then their certificates."""

import io
import statistics
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.db import connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

from bench import growth, keys, load, processes, stage
from bench.browser import HOST, TOKEN, Browser, Reply, Unexpected
from bench.processes import Family
from bench.sitting import SAVES, Sitting
from certificates.models import Certificate

KEEPS_TRANSACTIONS = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE", "ROLLBACK")
SAVERS = 16
SITTERS = 8
STRANGERS = 16
STEADY = 40
SERIES = 4
JSON = "application/json"


@dataclass(frozen=True)
class Plan:
    """How many and how long. `warm` attempts come before what is measured: each thread of each worker has its own connection,
    and a worker writes each question once. `crowd` people take the whole quiz at once; their certificates fill the ZIP.

    `probe` saves by one client tell what a save costs; `stored` answers are put in, or as many as `fill_seconds` allow.
    """

    warm: int
    attempts: int
    bare: int
    crowd: int
    save_seconds: float
    verify_seconds: float
    probe: int
    stored: int
    fill_seconds: float
    rounds: int = 2


FULL = Plan(
    warm=48, attempts=80, bare=400, crowd=200, save_seconds=20, verify_seconds=10,
    probe=600, stored=1_000_000, fill_seconds=60,
)  # fmt: skip
QUICK = Plan(
    warm=8, attempts=12, bare=48, crowd=40, save_seconds=5, verify_seconds=3, probe=150, stored=50_000, fill_seconds=10
)


@dataclass
class Servers:
    """The site and the bare views side by side; `database` is PostgreSQL's own family, none with SQLite."""

    port: int
    bare_port: int
    site: Family
    bare: Family
    database: Family | None

    def cpu(self) -> tuple[float, float]:
        return self.site.cpu_seconds(), self.database.cpu_seconds() if self.database else 0.0


def measure(*, quick: bool, minutes: float) -> dict[str, Any]:
    plan = QUICK if quick else FULL
    began = time.monotonic()
    say("preparing people and course")
    prepare()
    shown = stage.build()
    lakeside, harbour = shown.cast.lakeside, shown.cast.harbour
    heavy = max(4, plan.attempts // 4)
    alone = stage.learners(shown, harbour, 2 + plan.warm + plan.attempts + STEADY + 2 * heavy + 2, "alone")
    crowd = stage.learners(shown, lakeside, plan.crowd, "crowd")
    people = iter(alone)
    answers = stage.answers()
    database = backend_family()
    figures: dict[str, Any] = {"versions": engine_version()}
    say("counting statements")
    figures["statements"] = statements(next(people), next(people), answers)
    connections.close_all()

    def sittings(taken: Sequence[Any]) -> list[Sitting]:
        return [Sitting(browser, answers) for browser in stage.signed_in(taken, servers.port)]

    def some(count: int) -> list[Sitting]:
        return sittings(list(islice(people, count)))

    with serving(database) as servers:
        say("warming up")
        if failed := load.through([sitting.whole for sitting in some(plan.warm)], SITTERS).errors:
            raise Unexpected(f"while warming up: {dict(failed)}")
        bare_attempts(servers, 20)
        say(f"{plan.attempts} whole attempts, one after another")
        figures["attempt"], figures["bare_attempt"] = in_turns(servers, some(plan.attempts), plan.bare)
        say(f"{plan.probe} saves in a quiz of its usual length and in one of {growth.LONG} items")
        short, long = some(2)
        figures["length"] = lengths(servers, short, long, plan.probe)
        steady = some(STEADY)
        say(f"saves by {SAVERS} clients for {plan.save_seconds:g} s, and the bare view the same")
        figures |= saves(servers, steady[:SAVERS], plan)
        if minutes:
            say(f"a save a second from each of {STEADY} clients for {minutes:g} min, then as fast as they can")
            figures["steady"] = steadily(servers, steady, 60 * minutes)
        say(f"{plan.crowd} whole attempts by {SITTERS} clients")
        figures["crowd"] = whole_attempts(servers, sittings(crowd))
        say(f"the verify page by {STRANGERS} clients for {plan.verify_seconds:g} s")
        figures["verify"] = verify(servers, plan.verify_seconds)
        say("the ZIP, undrawn and drawn")
        manager = stage.signed_in([shown.cast.manager], servers.port)[0]
        figures["zip_undrawn"] = archive(servers, manager)
        figures["zip_drawn"] = archive(servers, manager)
        say("the ZIP of a thousand")
        stage.to_a_thousand(lakeside)
        figures["zip_thousand"] = archive(servers, manager)
        say(f"the same with up to {plan.stored:,} stored answers")
        few, many = some(heavy), some(heavy)
        figures["stored"] = {"few": stored(servers, short, few, plan.probe)}
        growth.fill(
            shown.cast.other_aesthetician,
            short.url.strip("/").split("/")[1],
            most=plan.stored,
            seconds=plan.fill_seconds,
        )
        tell_statistics()
        figures["stored"]["many"] = stored(servers, short, many, plan.probe)
    figures["seconds"] = round(time.monotonic() - began, 1)
    return figures


def say(what: str) -> None:
    print(f"  {connection.vendor}: {what} …", flush=True)


def prepare() -> None:
    call_command("migrate", verbosity=0)
    if not Path(settings.STATIC_ROOT, "staticfiles.json").exists():
        call_command("collectstatic", interactive=False, verbosity=0)
    subprocess.run([sys.executable, "-m", "bench.bare"], cwd=processes.ROOT, check=True)


def backend_family() -> Family | None:
    tell_statistics()
    if connection.vendor != "postgresql":
        return None
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return processes.postmaster(cursor.fetchone()[0])


def tell_statistics() -> None:
    """PostgreSQL is told its statistics, as autovacuum does in a site that has run for a while."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")


def engine_version() -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT version()" if connection.vendor == "postgresql" else "SELECT 'SQLite ' || sqlite_version()"
        )
        return str(cursor.fetchone()[0]).partition(" (")[0]


@contextmanager
def serving(database: Family | None) -> Iterator[Servers]:
    logs = Path(settings.DATA_DIR)
    port, bare_port = processes.free_port(), processes.free_port()
    with (
        processes.served(port, logs / "site.log") as site,
        processes.served(bare_port, logs / "bare.log", "bench.bare:application") as bare,
    ):
        try:
            yield Servers(port, bare_port, site, bare, database)
        except Unexpected:
            print((logs / "site.log").read_text()[-4000:], file=sys.stderr)
            raise


# Statements


class Inside(Browser):
    """The same browser without a network: Django's test client, so that this process sees the statements."""

    def __init__(self, cookies: dict[str, str]) -> None:
        super().__init__(0)
        self.client = Client(SERVER_NAME=HOST)
        for name, value in cookies.items():
            self.client.cookies[name] = value

    def get(self, path: str) -> Reply:
        reply = self._reply(self.client.get(path))
        if found := TOKEN.search(reply.text):
            self.token = found[1]
        return reply

    def post(self, path: str, fields: Any, accept: str = "text/html") -> Reply:
        return self._reply(self.client.post(path, dict(fields), headers={"Accept": accept}))

    def _reply(self, response: Any) -> Reply:
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Reply(response.status_code, headers, response.content, [])


def counted(call: Callable[[], object]) -> int:
    with CaptureQueriesContext(connection) as captured:
        call()
    return sum(not query["sql"].upper().startswith(KEEPS_TRANSACTIONS) for query in captured.captured_queries)


def statements(person: Any, other: Any, answers: Mapping[str, keys.Known]) -> dict[str, Any]:
    """Without what only opens and closes transactions."""
    sitting = Sitting(Inside(stage.cookies_of(person)), answers)
    steps = sitting.steps
    figures: dict[str, int] = {}
    for name, step in steps.items():
        if name == f"{SAVES} saves":
            item = sitting.items[0]
            figures["save"] = counted(partial(sitting.save, item, item.wrong))
            form = {"revision": "1", "key": "form", "flag_sent": "1", "last": "15", "answer": item.right}
            figures["save without script, with its flag"] = counted(partial(sitting.browser.post, item.path, form))
            item.revision = 2
        figures[name] = counted(step)
    figures["whole attempt"] = sum(figures[name] for name in steps)
    long = Sitting(Inside(stage.cookies_of(other)), answers)
    long.begin(growth.lengthen)
    figures[f"save, {growth.LONG} items"] = counted(partial(long.save, long.items[-1], long.items[-1].wrong))
    return figures


# One client


def in_turns(servers: Servers, sittings: Sequence[Sitting], bare: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Attempts and bare requests in SERIES turns, and the median of each figure over them: a machine that others use too is
    fast in one minute and slow in the next."""
    ours, floor = [], []
    for turn in range(SERIES):
        ours.append(attempts(servers, sittings[turn::SERIES]))
        floor.append(bare_attempts(servers, bare // SERIES))
    every_cpu = sorted(series["cpu_s"] for series in ours)
    return {**middle(ours), "count": len(sittings), "every_cpu_s": every_cpu}, {**middle(floor), "count": bare}


def middle(series: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The median of each figure, and of each figure beneath it."""
    return {
        name: middle([one[name] for one in series])
        if isinstance(first, Mapping)
        else round(statistics.median(one[name] for one in series), 5)
        for name, first in series[0].items()
    }


def attempts(servers: Servers, sittings: Sequence[Sitting]) -> dict[str, Any]:
    """Everybody takes the same step in turn, so that the CPU time of each step can be told apart."""
    by_step, total, total_database = {}, 0.0, 0.0
    for name in sittings[0].steps:
        before, database_before = servers.cpu()
        seconds = []
        for sitting in sittings:
            began = time.perf_counter()
            sitting.steps[name]()
            seconds.append(time.perf_counter() - began)
        after, database_after = servers.cpu()
        total += after - before
        total_database += database_after - database_before
        by_step[name] = {
            "cpu_ms": round(1000 * (after - before) / len(sittings), 1),
            "database_cpu_ms": round(1000 * (database_after - database_before) / len(sittings), 1),
            "median_ms": round(1000 * statistics.median(seconds), 1),
        }
    for sitting in sittings:
        sitting.browser.close()
    every_save = [1000 * seconds for sitting in sittings for seconds in sitting.saves]
    return {
        "count": len(sittings),
        "requests": len(sittings[0].steps) - 1 + SAVES,
        "cpu_s": round(total / len(sittings), 4),
        "database_cpu_s": round(total_database / len(sittings), 4),
        "save_median_ms": round(statistics.median(every_save), 2),
        "steps": by_step,
    }


def bare_attempts(servers: Servers, count: int) -> dict[str, Any]:
    """One request that inserts 1 + 20 rows and shows them; and 20 requests that insert one row each."""
    browsers = [Browser(servers.bare_port) for _ in range(8)]
    figures: dict[str, Any] = {"count": count}
    for name, repeats in (("submit", count), ("save", count * 4)):
        before, database_before = servers.bare.cpu_seconds(), servers.cpu()[1]
        for number in range(repeats):
            browsers[number % len(browsers)].post(f"/{name}", {"answer": "0123456789abcdef"}).expect(200)
        cpu, database = servers.bare.cpu_seconds() - before, servers.cpu()[1] - database_before
        each = 1 if name == "submit" else SAVES
        figures[f"{name}_cpu_s"] = round(each * cpu / repeats, 5)
        figures[f"{name}_database_cpu_s"] = round(each * database / repeats, 5)
    for browser in browsers:
        browser.close()
    return figures


def probe(servers: Servers, sitting: Sitting, count: int) -> dict[str, Any]:
    """What one save costs where nobody else is."""
    save = saver(sitting)
    save()
    before, database_before = servers.cpu()
    for _ in range(count):
        save()
    after, database_after = servers.cpu()
    return {
        "save_cpu_ms": round(1000 * (after - before) / count, 2),
        "save_database_cpu_ms": round(1000 * (database_after - database_before) / count, 2),
        "save_median_ms": round(1000 * statistics.median(sitting.saves[-count:]), 2),
    }


def lengths(servers: Servers, short: Sitting, long: Sitting, count: int) -> dict[str, Any]:
    short.begin()
    long.begin(growth.lengthen)
    return {str(len(sitting.items)): probe(servers, sitting, count) for sitting in (short, long)}


def stored(servers: Servers, saving: Sitting, taking: Sequence[Sitting], count: int) -> dict[str, Any]:
    """A save and a whole attempt, at so many stored answers."""
    answers = growth.stored_answers()
    connections.close_all()
    return {"answers": answers, **probe(servers, saving, count), "attempt_cpu_s": attempts(servers, taking)["cpu_s"]}


# Many clients


def saves(servers: Servers, sittings: Sequence[Sitting], plan: Plan) -> dict[str, Any]:
    """Ours and the bare views in turns, so that the machine's drift falls on all."""
    for sitting in sittings:
        sitting.begin()
    ours = [saver(sitting) for sitting in sittings]
    browsers = [Browser(servers.bare_port) for _ in sittings]
    bare = {name: [bare_caller(browser, name) for browser in browsers] for name in ("save", "submit")}
    whole, whole_bare, cpu, database = load.Counted(), {name: load.Counted() for name in bare}, 0.0, 0.0
    for _ in range(plan.rounds):
        before, database_before = servers.cpu()
        whole.add(load.for_a_while(ours, plan.save_seconds / plan.rounds))
        after, database_after = servers.cpu()
        cpu, database = cpu + after - before, database + database_after - database_before
        for name, calls in bare.items():
            whole_bare[name].add(load.for_a_while(calls, plan.save_seconds / plan.rounds))
    count = max(1, len(whole.seconds))
    per_save = {"cpu_ms": round(1000 * cpu / count, 2), "database_cpu_ms": round(1000 * database / count, 2)}
    figures = {f"bare_{name}s": counted.figures() for name, counted in whole_bare.items()}
    return {"saves": whole.figures() | per_save, **figures}


def steadily(servers: Servers, sittings: Sequence[Sitting], seconds: float) -> dict[str, Any]:
    """More people than a clinic has, each answering many times faster than anybody reads; then without any pause."""
    for sitting in sittings:
        if not sitting.items:
            sitting.begin()
    calls = [saver(sitting) for sitting in sittings]
    paced = load.for_a_while(calls, seconds, every=1)
    return {"seconds": seconds, "paced": paced.figures(), "unpaced": load.for_a_while(calls, 20).figures()}


def saver(sitting: Sitting) -> Callable[[], None]:
    """Item after item, each time the other answer."""
    turns = cycle([(item, right) for right in (True, False) for item in sitting.items])

    def save() -> None:
        item, right = next(turns)
        sitting.save(item, item.right if right else item.wrong)

    return save


def bare_caller(browser: Browser, name: str) -> Callable[[], None]:
    def call() -> None:
        browser.post(f"/{name}", {"answer": "0123456789abcdef"}, accept=JSON).expect(200)

    return call


def whole_attempts(servers: Servers, sittings: Sequence[Sitting]) -> dict[str, Any]:
    before, database_before = servers.cpu()
    done = load.through([sitting.whole for sitting in sittings], SITTERS)
    after, database_after = servers.cpu()
    count = max(1, len(done.seconds))
    each = [1000 * seconds for sitting in sittings for seconds in sitting.saves]
    for sitting in sittings:
        sitting.browser.close()
    return done.figures() | {
        "cpu_s": round((after - before) / count, 4),
        "database_cpu_s": round((database_after - database_before) / count, 4),
        "save_p95_ms": round(load.quantile(each, 0.95), 1),
    }


def verify(servers: Servers, seconds: float) -> dict[str, Any]:
    codes = list(Certificate.objects.values_list("code", flat=True))
    connections.close_all()
    before = servers.cpu()[0]
    done = load.for_a_while([looker(Browser(servers.port), codes, at) for at in range(STRANGERS)], seconds)
    cpu = servers.cpu()[0] - before
    return done.figures() | {"cpu_ms": round(1000 * cpu / max(1, len(done.seconds)), 2)}


def looker(browser: Browser, codes: Sequence[str], at: int) -> Callable[[], None]:
    turns = cycle([*codes[at:], *codes[:at]])

    def look() -> None:
        browser.get(f"/verify/{next(turns)}/").expect(200)

    return look


def archive(servers: Servers, manager: Browser) -> dict[str, Any]:
    """All certificates of the manager's clinic. `peak_mb`: the fullest worker while it is made; `before_mb` just before."""
    servers.site.forget_peaks()
    before_mb, before = servers.site.memory_mb("VmRSS"), servers.cpu()[0]
    reply = manager.get("/compliance/certificates.zip").expect(200)
    peak_mb, cpu = servers.site.memory_mb("VmHWM"), servers.cpu()[0] - before
    names = zipfile.ZipFile(io.BytesIO(reply.body)).namelist()
    files = sum(name.endswith(".pdf") for name in names)
    return {
        "files": files,
        "per_second": round(files / reply.done, 1),
        "distinct": len(set(names)),
        "mb": round(len(reply.body) / 2**20, 2),
        "first_byte_ms": round(1000 * reply.first_byte, 1),
        "total_s": round(reply.done, 2),
        "cpu_s": round(cpu, 2),
        "before_mb": round(before_mb, 1),
        "peak_mb": round(peak_mb, 1),
    }
