"""One person takes the quiz over HTTP, step by step, as the page and its script do."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from bench import keys
from bench.browser import Browser, Unexpected

SAVES = 20
JSON = "application/json"
ITEM = re.compile(r'<form\b[^>]*? action="([^"]+)"[^>]* data-item>(.*?)</form>', re.DOTALL)
HIDDEN = re.compile(r'<input type="hidden" name="(revision|key)" value="([^"]*)"')


@dataclass
class Item:
    path: str
    revision: int
    key: str
    right: str
    wrong: str


@dataclass
class Sitting:
    """`answers` are known by the wording of each question; `saves`: seconds each acknowledged save took."""

    browser: Browser
    answers: Mapping[str, keys.Known]
    slug: str = "needle-depth"
    url: str = ""
    items: list[Item] = field(default_factory=list)
    saves: list[float] = field(default_factory=list)

    def quiz_page(self) -> None:
        self.browser.get(f"/modules/{self.slug}/quiz/").expect(200)

    def start(self) -> None:
        reply = self.browser.post(f"/modules/{self.slug}/quiz/", {"declared": "yes"}).expect(302)
        self.url = reply.headers["location"]
        if not self.url.startswith("/attempts/"):
            raise Unexpected(f"the quiz did not start; the site leads to {self.url}")

    def question_page(self) -> None:
        page = self.browser.get(self.url).expect(200).text
        self.items = [self._item(path, form) for path, form in ITEM.findall(page)]
        if len(self.items) < SAVES // 2:
            raise Unexpected(f"{len(self.items)} items on the page of {self.url}")

    def _item(self, path: str, form: str) -> Item:
        hidden, answers = dict(HIDDEN.findall(form)), self.answers[keys.stem_of(form)]
        right, wrong = keys.as_sent(answers.right, form), keys.as_sent(answers.wrong, form)
        return Item(path, int(hidden["revision"]), hidden["key"], right, wrong)

    def save(self, item: Item, answer: str) -> None:
        fields = {"key": f"{item.key}-{item.revision}", "answer": answer, "revision": str(item.revision)}
        reply = self.browser.post(item.path, fields, accept=JSON).expect(200)
        said = json.loads(reply.body)
        if said["state"] != "saved" or said["revision"] != item.revision + 1:
            raise Unexpected(f"a save was answered with {said}")
        item.revision += 1
        self.saves.append(reply.done)

    def answer(self) -> None:
        """Every item once; the first few wrongly, and then changed."""
        changed = max(0, SAVES - len(self.items))
        for number, item in enumerate(self.items):
            self.save(item, item.wrong if number < changed else item.right)
        for item in self.items[:changed]:
            self.save(item, item.right)

    def check_page(self) -> None:
        self.browser.get(f"{self.url}check/").expect(200)

    def submit(self) -> None:
        self.browser.post(f"{self.url}submit/", {}).expect(302)

    def result_page(self) -> None:
        page = self.browser.get(f"{self.url}result/").expect(200).text
        if ": passed</h1>" not in page:
            raise Unexpected(f"{self.url} was not passed")

    def begin(self, before_opening: Callable[[str], None] | None = None) -> None:
        """As far as the questions; `before_opening` gets the attempt's id while nobody has looked at it."""
        self.quiz_page()
        self.start()
        if before_opening:
            before_opening(self.url.strip("/").split("/")[1])
        self.question_page()

    @property
    def steps(self) -> dict[str, Callable[[], None]]:
        return {
            "quiz page": self.quiz_page,
            "start": self.start,
            "question page": self.question_page,
            f"{SAVES} saves": self.answer,
            "check page": self.check_page,
            "submit": self.submit,
            "result page": self.result_page,
        }

    def whole(self) -> None:
        for step in self.steps.values():
            step()
