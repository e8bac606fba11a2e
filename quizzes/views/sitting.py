"""Taking a quiz. Every item is on the page, one shown; a save is one short request, with or without JavaScript."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from quizzes import actions, kinds, late
from quizzes.models import Attempt, AttemptItem
from quizzes.models.bank import read
from quizzes.views.items import Asked, answer_in, ask, in_words, pictures_for
from staff import clock
from staff.access import Permission, StaffRequest, open_without_factor, require_permission
from staff.prepared import prepared


@dataclass(frozen=True)
class Drawn:
    """One item of an attempt and how it stands. In plain values: a page has fifteen, and none of them is changed here."""

    position: int
    answer: str
    revision: int
    flagged: bool
    shown: kinds.Shown
    kind: kinds.Kind
    content: Mapping[str, Any]

    @property
    def answered(self) -> bool:
        return self.kind.is_complete(self.answer, self.shown)

    @property
    def begun(self) -> bool:
        return bool(self.answer) and not self.answered


@dataclass(frozen=True)
class Question:
    """One drawn item as the taker sees it; `tried` is an answer that was not saved, because a newer one had been.

    `number` is its place as text: templates print it a dozen times, and Django puts a number into a country's form each time.
    """

    item: Drawn
    asked: Asked
    number: str
    tried: str = ""

    @property
    def answered(self) -> bool:
        return self.asked.complete

    @property
    def begun(self) -> bool:
        return bool(self.item.answer) and not self.asked.complete


def own_attempt(request: StaffRequest, public_id: str) -> Attempt:
    found = _own_attempts(request.user.pk, public_id)
    if not found:
        raise Http404("no such attempt of yours")
    return found[0]


@prepared
def _own_attempts(person: int, public_id: str) -> QuerySet[Attempt]:
    """One at most."""
    return Attempt.objects.filter(candidacy__person=person, public_id=public_id).select_related(
        "candidacy__quiz__module", "candidacy__clinic", "quiz_version", "module_version"
    )


def items_of(attempt: Attempt) -> list[Drawn]:
    return [
        Drawn(position, answer, revision, flagged, json.loads(tokens), kinds.of(kind), read(body))
        for position, answer, revision, flagged, tokens, kind, body in _items_of(attempt.pk)
    ]


@prepared
def _items_of(attempt: int) -> "QuerySet[AttemptItem, Any]":
    rows = AttemptItem.objects.filter(attempt=attempt).order_by("position")
    asked = ("question_version__question__kind", "question_version__body")
    return rows.values_list("position", "answer", "revision", "flagged", "tokens", *asked)


def questions_of(attempt: Attempt, stale: dict[str, Any] | None = None) -> list[Question]:
    items = items_of(attempt)
    pictures = pictures_for(item.content for item in items)
    questions = []
    for item in items:
        number = str(item.position)
        asked = ask(item.content, item.kind.code, item.shown, item.answer, pictures, f"q{number}")
        tried = stale["tried"] if stale and stale["position"] == item.position else ""
        questions.append(Question(item, asked, number, in_words(asked.kind, item.content, item.shown, tried)))
    return questions


def is_over(attempt: Attempt) -> bool:
    return attempt.state != Attempt.State.OPEN or actions.is_late(
        attempt, clock.now(), attempt.quiz_version.grace_seconds
    )


@open_without_factor
@require_safe
@require_permission(Permission.TAKE_QUIZZES)
def attempt_take(request: StaffRequest, public_id: str) -> HttpResponse:
    attempt = own_attempt(request, public_id)
    if is_over(attempt):
        return redirect("certificates:attempt-result", public_id=public_id)
    stale = request.session.pop("stale", None)
    questions = questions_of(attempt, stale)
    wanted = request.GET.get("q", "")
    first_open = next((q.item.position for q in questions if not q.answered), 1)
    current = int(wanted) if wanted in {str(q.item.position) for q in questions} else first_open
    context = {
        "attempt": attempt,
        "questions": questions,
        "current": current,
        "now": clock.now(),
        "answered": sum(q.answered for q in questions),
        "flagged": sum(q.item.flagged for q in questions),
        "save_key": secrets.token_urlsafe(12),
        "saved_at": request.session.pop("saved_at", ""),
        "stale": stale,
    }
    return render(request, "quizzes/attempt_take.html", context)


@open_without_factor
@require_safe
@require_permission(Permission.TAKE_QUIZZES)
def attempt_check(request: StaffRequest, public_id: str) -> HttpResponse:
    """What is open or flagged, before handing in."""
    attempt = own_attempt(request, public_id)
    if is_over(attempt):
        return redirect("certificates:attempt-result", public_id=public_id)
    items = items_of(attempt)
    unanswered = [item for item in items if not item.answered]
    context = {
        "attempt": attempt,
        "items": items,
        "now": clock.now(),
        "unanswered": unanswered,
        "begun": sum(item.begun for item in items),
        "flagged": [item for item in items if item.flagged and item.answered],
        "answered": len(items) - len(unanswered),
    }
    return render(request, "quizzes/attempt_check.html", context)


@open_without_factor
@require_safe
@require_permission(Permission.TAKE_QUIZZES)
def attempt_clock(request: StaffRequest, public_id: str) -> HttpResponse:
    """The server's time and the deadline, which extra time may have moved; the page asks every twenty seconds."""
    attempt = own_attempt(request, public_id)
    state = "over" if is_over(attempt) else "open"
    now, deadline = int(clock.now().timestamp()), int(attempt.deadline_at.timestamp())
    return JsonResponse({"state": state, "now": now, "deadline": deadline})


@open_without_factor
@require_POST
def attempt_save(request: StaffRequest, public_id: str, position: int) -> HttpResponse:
    """Keep one answer and its flag. Authorised by attempt and person alone: at most five statements."""
    wants_json = request.headers.get("Accept") == "application/json"
    revision = request.POST.get("revision", "")
    answer = answer_in(request.POST)
    if not wants_json and not answer and revision == "0":
        answer = None  # a form that was left open as it was: there is nothing to take back
    sent: dict[str, Any] = {
        "attempt_id": public_id,
        "person": request.user,
        "position": position,
        "answer": answer,
        "base_revision": int(revision) if revision.isdecimal() else -1,
        "client_key": request.POST.get("key") or secrets.token_urlsafe(12),
    }
    try:
        saved = None
        if answer is not None:
            saved = actions.save_answer(**sent)
        if saved is None and "flag_sent" not in request.POST:
            AttemptItem.objects.get(
                attempt__public_id=public_id, attempt__candidacy__person=request.user, position=position
            )
        if "flag_sent" in request.POST:
            actions.set_flag(
                attempt_id=public_id, person=request.user, position=position, flagged=request.POST.get("flag") == "on"
            )
    except AttemptItem.DoesNotExist:
        raise Http404("no such question in an attempt of yours") from None
    except actions.AttemptEnded:
        return _ended(request, sent, wants_json)
    except actions.Stale as newer:
        return _stale(request, public_id, position, newer.item, wants_json)
    except actions.UnknownAnswer as refusal:
        return _unknown(request, public_id, position, f"{refusal} Nothing was changed; answer again.", wants_json)
    if wants_json:
        said = {"revision": saved.revision, "answer": saved.answer} if saved else {"revision": None}
        return JsonResponse({"state": "saved", **said, "at": _time(saved)})
    if saved:
        request.session["saved_at"] = _time(saved)
    return redirect(_next_page(request, public_id, position))


def _time(saved: actions.Saved | None) -> str:
    return f"{saved.saved_at.astimezone(ZoneInfo(saved.zone)):%H:%M:%S}" if saved else ""


def _next_page(request: StaffRequest, public_id: str, position: int) -> str:
    take = reverse("quizzes:attempt-take", args=[public_id])
    go = request.POST.get("go", "next")
    if go == "check":
        return reverse("quizzes:attempt-check", args=[public_id])
    if go.isdecimal():
        return f"{take}?q={go}"
    last = request.POST.get("last", "")
    if go == "next" and last.isdecimal() and position >= int(last):
        return reverse("quizzes:attempt-check", args=[public_id])
    return f"{take}?q={position + 1 if go == 'next' else max(1, position - 1)}"


def _ended(request: StaffRequest, sent: dict[str, Any], wants_json: bool) -> HttpResponse:
    """Too late to count: an answer is kept for the physician, and the page says what became of it."""
    url = reverse("certificates:attempt-result", args=[sent["attempt_id"]])
    became = {} if sent["answer"] is None else {"answer": _kept_late(sent, request.POST.get("at", ""))}
    if wants_json:
        return JsonResponse({"state": "ended", "url": url, **became}, status=409)
    if became.get("answer") in LATE_WORDS:
        messages.warning(request, LATE_WORDS[became["answer"]].format(sent["position"]))
    return redirect(url)


LATE_WORDS = {
    "kept": "Your answer to question {} arrived after the end of the attempt. It is kept for your physician and does "
    "not count.",
    "lost": "Your answer to question {} arrived too long after the end of the attempt to be kept, and does not count.",
}


def _kept_late(sent: dict[str, Any], at: str) -> str:
    """`at` is when it was chosen, in milliseconds by the device's clock."""
    chosen_at = datetime.fromtimestamp(int(at) / 1000, UTC) if at.isdecimal() and len(at) <= 13 else None
    try:
        return "kept" if late.keep(**sent, chosen_at=chosen_at) else "stored"
    except late.NotKept:
        return "lost"


def _stale(request: StaffRequest, public_id: str, position: int, item: actions.Held, wants_json: bool) -> HttpResponse:
    """A newer answer was saved elsewhere: nothing is overwritten; both answers are shown."""
    if wants_json:
        return JsonResponse({"state": "stale", "revision": item.revision, "answer": item.answer}, status=409)
    request.session["stale"] = {"position": position, "tried": answer_in(request.POST) or ""}
    return redirect(f"{reverse('quizzes:attempt-take', args=[public_id])}?q={position}")


def _unknown(request: StaffRequest, public_id: str, position: int, sentence: str, wants_json: bool) -> HttpResponse:
    if wants_json:
        return JsonResponse({"state": "unknown", "sentence": sentence}, status=400)
    messages.error(request, sentence)
    return redirect(f"{reverse('quizzes:attempt-take', args=[public_id])}?q={position}")
