#!/usr/bin/env python3
"""Photograph pages of a running site, signed in or not: `scripts/photograph.py [NAME=]PATH …`.

Each page is taken at each width, light and dark, as NAME-WIDTH-SCHEME.png; a picture above 200 KB keeps 256 colours. A page
that answers with an error, or is wider than its screen, is named, and the exit code is 1.
docs/operations.md shows it at work.
"""

import argparse
import io
import os
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from PIL import Image
from playwright.sync_api import Browser, StorageState, sync_playwright

Scheme = Literal["light", "dark"]
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
HEIGHTS = {390: 844}
HEIGHT = 800
MOST_BYTES = 200_000


@dataclass(frozen=True)
class Shot:
    name: str
    path: str
    width: int
    scheme: Scheme

    @property
    def file(self) -> str:
        return f"{self.name}-{self.width}-{self.scheme}.png"


def browser_path() -> str:
    """The one named in PINPOINT_CHROMIUM, or the first on PATH."""
    named = os.environ.get("PINPOINT_CHROMIUM", "")
    found = next((path for name in (named, *BROWSERS) if name and (path := shutil.which(name))), None)
    if found is None or (named and shutil.which(named) is None):
        raise SystemExit(
            f"There is no browser {named or 'called ' + ', '.join(BROWSERS)}. On Debian or Ubuntu: apt-get install chromium; "
            "elsewhere name it in PINPOINT_CHROMIUM."
        )
    return found


def named(page: str) -> tuple[str, str]:
    """`section=/modules/…` as it is; a bare path is called after itself, and / is home."""
    if page.startswith("/"):
        return re.sub(r"[^\w]+", "-", page).strip("-") or "home", page
    name, equals, path = page.partition("=")
    if not equals or not path.startswith("/"):
        raise SystemExit(f"A page is /PATH or NAME=/PATH, got {page}.")
    return name, path


def signed_in(browser: Browser, base: str, email: str, password: str) -> StorageState:
    page = browser.new_page()
    page.goto(f"{base}/accounts/login/")
    page.fill("input[name=login]", email)
    page.fill("input[name=password]", password)
    page.click("main button[type=submit]")
    page.wait_for_load_state("load")
    if "/accounts/login/" in page.url:
        raise SystemExit(f"{email} was not signed in: is the password right?")
    state = page.context.storage_state()
    page.context.close()
    return state


def small(picture: bytes) -> bytes:
    """As few bytes as it has without loss; above the limit with fewer colours."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    out = io.BytesIO()
    image.save(out, "png", optimize=True)
    if out.tell() > MOST_BYTES:
        out = io.BytesIO()
        image.quantize(256, dither=Image.Dither.NONE).save(out, "png", optimize=True)
    return out.getvalue()


def take(
    browser: Browser, base: str, state: StorageState | None, shot: Shot, *, whole: bool, click: str
) -> tuple[bytes, list[str]]:
    """The picture, and what is wrong with the page."""
    context = browser.new_context(
        storage_state=state,
        color_scheme=shot.scheme,
        reduced_motion="reduce",
        viewport={"width": shot.width, "height": HEIGHTS.get(shot.width, HEIGHT)},
    )
    page = context.new_page()
    answer = page.goto(base + shot.path, wait_until="load")
    page.wait_for_timeout(200)  # fonts and, behind a #fragment, the scrolling
    if click:
        page.click(click)
        page.wait_for_timeout(1000)  # for what the click sends
    wrong = []
    if answer and answer.status >= 400:
        wrong.append(f"answered {answer.status}")
    wide = int(page.evaluate("document.documentElement.scrollWidth"))
    if wide > shot.width:
        wrong.append(f"is {wide} pixels wide on a screen of {shot.width}")
    picture = page.screenshot(full_page=whole)
    context.close()
    return small(picture), wrong


def widths(text: str) -> list[int]:
    return [int(width) for width in text.split(",")]


def schemes(text: str) -> list[Scheme]:
    chosen: list[Scheme] = [scheme for scheme in get_args(Scheme) if scheme in text.split(",")]
    if len(chosen) != len(text.split(",")):
        raise ValueError
    return chosen


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", nargs="+", metavar="[NAME=]PATH")
    parser.add_argument("--base", default="http://127.0.0.1:8000", help="the site's address (%(default)s)")
    parser.add_argument("--email", default="", help="sign in as this person; without it the pages are seen by nobody")
    parser.add_argument(
        "--password", default=os.environ.get("PINPOINT_DEMO_PASSWORD", ""), help="else PINPOINT_DEMO_PASSWORD"
    )
    parser.add_argument("--widths", type=widths, default=[1280, 390], metavar="1280,390", help="in pixels")
    parser.add_argument("--schemes", type=schemes, default=["light", "dark"], metavar="light,dark")
    parser.add_argument("--whole", action="store_true", help="the whole page, not only its first screen")
    parser.add_argument(
        "--click", default="", metavar="SELECTOR", help="click this first, such as details.menu summary"
    )
    parser.add_argument("--out", type=Path, default=Path("pictures"), metavar="FOLDER")
    return parser.parse_args()


def main() -> int:
    asked = arguments()
    base = asked.base.rstrip("/")
    shots = [
        Shot(name, path, width, scheme)
        for name, path in map(named, asked.pages)
        for width in asked.widths
        for scheme in asked.schemes
    ]
    asked.out.mkdir(parents=True, exist_ok=True)
    failed = False
    with sync_playwright() as playwright:
        # Chromium refuses its sandbox to root, as which containers run.
        options = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=browser_path(), args=options)
        state = signed_in(browser, base, asked.email, asked.password) if asked.email else None
        for shot in shots:
            picture, wrong = take(browser, base, state, shot, whole=asked.whole, click=asked.click)
            (asked.out / shot.file).write_bytes(picture)
            failed = failed or bool(wrong)
            print(f"{shot.file}: {len(picture) // 1024} KiB{''.join(f', {thing}' for thing in wrong)}")
        browser.close()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
