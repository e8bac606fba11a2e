"""A real browser against the real site. Journeys run on real time: the server's threads do not see the tests' clock."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Literal

import axe_core_python
import pytest
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.core.servers.basehttp import ThreadedWSGIServer
from django.db import connection
from django.test import Client
from django.test.testcases import QuietWSGIRequestHandler
from playwright.sync_api import Browser, Page, expect, sync_playwright

from staff.models import StaffMember
from tests import environment, people

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
SIZES = {1280: (1280, 900), 390: (390, 844)}
PATIENCE = 30_000  # ms; two workers, their servers and their browsers share two cores
expect.set_options(timeout=PATIENCE)


class Visitor:
    """One browser window of its own, cookies and all. What its pages complain about fails the test."""

    def __init__(self, browser: Browser, site: str, **options: Any) -> None:
        self.site = site
        self.complaints: list[str] = []
        self._forgiven: list[re.Pattern[str]] = []
        options.setdefault("reduced_motion", "reduce")
        options.setdefault("viewport", dict(zip(("width", "height"), SIZES[1280], strict=True)))
        self.context = browser.new_context(base_url=site, **options)
        self.context.set_default_timeout(PATIENCE)
        self.context.on("page", self._listen)
        self.page = self.context.new_page()

    def _listen(self, page: Page) -> None:
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url}: {error}"))
        page.on(
            "console",
            lambda line: (
                self.complaints.append(f"{page.url}: {line.text} {line.location.get('url', '')}")
                if line.type in ("error", "warning")
                else None
            ),
        )

    def forgive(self, *patterns: str) -> None:
        """Complaints that a test means to cause: a request cut off, a refused save."""
        self._forgiven += [re.compile(pattern) for pattern in patterns]

    @contextmanager
    def offline(self) -> Iterator[None]:
        """No connection within. Whatever the window asks for meanwhile, its icon included, fails as it should."""
        self.forgive(r"net::ERR_INTERNET_DISCONNECTED")
        self.context.set_offline(True)
        yield
        self.context.set_offline(False)

    def sign_in(self, person: StaffMember) -> Page:
        """As after signing in, without its form; `sign_in` below goes through that."""
        client = Client()
        client.force_login(person)
        cookie = client.cookies[settings.SESSION_COOKIE_NAME]
        self.context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": self.site}])
        return self.page

    def close(self) -> None:
        self.context.close()
        unforgiven = [line for line in self.complaints if not any(known.search(line) for known in self._forgiven)]
        assert not unforgiven, "the pages complained:\n" + "\n".join(unforgiven)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=environment.chromium(), args=FLAGS)
        yield running
        running.close()


@pytest.fixture(scope="session")
def _server(static_files, django_db_setup) -> Iterator[str]:
    """The site as it runs, with its hashed static files; one thread a connection."""
    server = ThreadedWSGIServer(("127.0.0.1", 0), QuietWSGIRequestHandler)
    server.set_app(WSGIHandler())
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def site(_server: str, transactional_db, settings) -> str:
    """The address of the running site."""
    settings.SITE_URL = _server
    settings.CSRF_TRUSTED_ORIGINS = [_server]
    return _server


@pytest.fixture
def visitor(browser: Browser, site: str) -> Iterator[Callable[..., Visitor]]:
    """`visitor()` opens a window nobody is signed in to; options are those of a Playwright context."""
    came: list[Visitor] = []

    def come(**options: Any) -> Visitor:
        came.append(Visitor(browser, site, **options))
        return came[-1]

    yield come
    for one in came:
        one.close()


@pytest.fixture
def cast(_begun_with, transactional_db) -> people.Cast:
    """The same people as everywhere, hired by real time."""
    found: people.Cast = _begun_with["cast"]
    return found


def sign_in(page: Page, person: StaffMember) -> None:
    page.goto("/accounts/login/")
    page.get_by_label("Work e-mail").fill(person.email)
    page.get_by_label("Password", exact=True).fill(people.PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(lambda url: "/accounts/login/" not in url)


@cache
def _axe() -> str:
    return (Path(axe_core_python.__file__).parent / "axe.min.js").read_text()


def shown(page: Page, script: str, given: object = None) -> Any:
    """What `script` says of the page, once it is there whole: a click returns as soon as the next page has begun."""
    page.wait_for_load_state()
    return page.evaluate(script, given)


def axe(page: Page, only: str = "") -> None:
    """No finding of axe on what is shown now; of one rule alone, if it is named."""
    if not shown(page, "() => Boolean(window.axe)"):
        page.evaluate(_axe())
    found = page.evaluate(
        """async (only) => (await axe.run(document, {resultTypes: ["violations"], ...(only ? {runOnly: [only]} : {})}))
             .violations.map((v) =>
             `${v.id} (${v.impact}): ${v.help}\\n` +
             v.nodes.map((n) => `    ${n.target.join(" ")}: ${n.failureSummary}`).join("\\n"))""",
        only,
    )
    assert not found, f"{page.url} at {page.viewport_size}:\n" + "\n".join(found)


def overflow(page: Page) -> int:
    """How many pixels the page is wider than its window."""
    return int(shown(page, "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"))


def small_targets(page: Page) -> list[str]:
    """Controls under 44 pixels. A box inside a label is as large as its label; a link in a sentence is exempt."""
    return list(
        shown(
            page,
            """() => [...document.querySelectorAll("a, button, input:not([type=hidden]), summary, select")]
              .filter((e) => e.checkVisibility() && !e.closest("p:has(> a)") || e.matches(".btn") && e.checkVisibility())
              .filter((e) => !e.matches(".skip"))
              .map((e) => [e, (e.closest("label") ?? e.closest(".form-check") ?? (e.matches(".btn-check") ? e.labels[0] : e))])
              .map(([e, shown]) => [e, shown.getBoundingClientRect()])
              .filter(([, box]) => box.height < 43.5 || box.width < 43.5)
              .map(([e, box]) => `${e.outerHTML.slice(0, 80)} ${box.width}×${box.height}`)""",
        )
    )


def in_every_look(page: Page, check: Callable[[str], None]) -> None:
    """`check` at 1280 and 390, light and dark, and once at 320; the window is put back. A page looks alike whatever database
    is behind it: on PostgreSQL, which is the second engine, at 390 in light alone."""
    before = page.viewport_size
    again = connection.vendor != "sqlite"
    schemes: tuple[Literal["light", "dark"], ...] = ("light",) if again else ("light", "dark")
    for width, (w, h) in SIZES.items():
        if again and width != 390:
            continue
        page.set_viewport_size({"width": w, "height": h})
        for scheme in schemes:
            page.emulate_media(color_scheme=scheme)
            axe(page, "color-contrast" if scheme == "dark" else "")  # nothing else of a page depends on it
            check(f"{width}-{scheme}")
    page.set_viewport_size({"width": 320, "height": 640})
    assert overflow(page) == 0, f"{page.url} is wider than 320 pixels"
    page.emulate_media(color_scheme="light")
    if before:
        page.set_viewport_size(before)


__all__ = ["Visitor", "axe", "expect", "in_every_look", "overflow", "shown", "sign_in", "small_targets"]
