"""*Ask about this*, *Question this item*, and the answers."""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from certificates.forms import AnswerForm, AskForm, QuestionForm
from certificates.results import result_of
from quizzes import asking, kinds
from quizzes.enquiries import answerable_by, asked_by, stance, visible_to
from quizzes.models import Attempt, Enquiry, EnquiryAnswer
from staff.access import Permission, StaffRequest, has_permission, memberships, require_permission
from training.models import Module
from training.queries import live_version, places, shown
from training.reading import progress

SENT = "Sent. The answer comes to this page; a mail and your home page tell you when it is there."


@dataclass(frozen=True)
class Shown:
    """An enquiry as somebody may see it. An author learns the clinic, never who asked or in which attempt."""

    enquiry: Enquiry
    stance: str

    @property
    def who(self) -> str:
        if self.stance == "asker":
            return "You"
        if self.stance == "author":
            return f"A learner at {self.enquiry.clinic}"
        return self.enquiry.person.full_name

    @property
    def subject(self) -> str:
        """Never the item's code to the asker: it names the key point that holds the answer."""
        enquiry = self.enquiry
        if enquiry.item is None:
            assert enquiry.section_version is not None
            title = enquiry.section_version.title
            return f"{enquiry.point_version.key_point.code} in {title}" if enquiry.point_version else title
        if self.stance == "author":
            version = enquiry.item.question_version
            return f"item {version.question.code}, version {version.number}"
        attempt = enquiry.item.attempt
        which = f"attempt {attempt.number}" if attempt.number else "the re-test"
        return f"question {enquiry.item.position} of {which}, {attempt.module_version.title}"

    @property
    def state(self) -> str:
        if self.enquiry.closed_at:
            return "answered"
        return "answered-in-part" if self.enquiry.answered else "unanswered"


@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.ASK)
def section_ask(request: StaffRequest, slug: str, section: str) -> HttpResponse:
    reading = progress(request.user, get_object_or_404(Module, slug=slug))
    step = reading.step(section)
    points = list(step.version.points.select_related("key_point").order_by("position"))
    clinics = [membership.clinic for membership in memberships(request.user)]
    form = AskForm(
        request.POST or None,
        points=points,
        clinics=clinics,
        version=step.version.number,
        point=request.GET.get("point", ""),
    )
    if form.is_valid():
        data = form.cleaned_data
        try:
            enquiry = asking.ask_about(
                section=step.version,
                point=next((row for row in points if row.key_point.code == data["point"]), None),
                clinic=next(clinic for clinic in clinics if clinic.public_id == data["clinic"]),
                text=data["text"],
                by=request.user,
            )
        except asking.Refused as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, SENT)
            return redirect(enquiry)
    return render(request, "certificates/section_ask.html", {"reading": reading, "step": step, "form": form})


@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.SEE_RESULTS)
def item_question(request: StaffRequest, public_id: str, position: int) -> HttpResponse:
    """About an item of her own finished attempt, shown as her result shows it."""
    attempts = Attempt.objects.of(request.user).finished()
    attempt = get_object_or_404(
        attempts.select_related("candidacy__clinic", "module_version", "seal"), public_id=public_id
    )
    item = get_object_or_404(attempt.items, position=position)
    form = QuestionForm(request.POST or None)
    if form.is_valid():
        try:
            enquiry = asking.question_item(item=item, text=form.cleaned_data["text"], by=request.user)
        except asking.Refused as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, SENT)
            return redirect(enquiry)
    return render(request, "certificates/item_question.html", _own_item(attempt, position) | {"form": form})


def _own_item(attempt: Attempt, position: int) -> dict[str, Any]:
    """What the taker's result says of this item, and no more."""
    result = result_of(attempt)
    answer = next((answer for answer in result.answers if answer.position == position), None)
    if answer is None:
        raise Http404("the attempt has no such item")
    return {"attempt": attempt, "result": result, "answer": answer}


@require_safe
@require_permission(Permission.ASK, Permission.ANSWER_QUESTIONS)
def enquiry_list(request: StaffRequest) -> HttpResponse:
    """Who answers sees what waits, the oldest first, then what is answered; everybody else, and on `?mine=1`, her own."""
    person = request.user
    answers = has_permission(person, Permission.ANSWER_QUESTIONS)
    asks = has_permission(person, Permission.ASK)
    mine = not answers or (asks and request.GET.get("mine") == "1")
    rows = asked_by(person) if mine else answerable_by(person)
    page = Paginator(rows, 25).get_page(request.GET.get("page"))
    context = {
        "mine": mine,
        "chooses": answers and asks,
        "supervises": has_permission(person, Permission.REVIEW_ATTEMPTS),
        "waiting": rows.waiting().count(),
        "page_obj": page,
        "lines": [Shown(row, stance(person, row)) for row in page],
    }
    return render(request, "certificates/enquiry_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.ASK, Permission.ANSWER_QUESTIONS)
def enquiry_detail(request: StaffRequest, public_id: str) -> HttpResponse:
    person = request.user
    enquiry = get_object_or_404(visible_to(person), public_id=public_id)
    line = Shown(enquiry, stance(person, enquiry))
    form = None if line.stance == "asker" else AnswerForm(request.POST or None, closed=bool(enquiry.closed_at))
    if request.method == "POST":
        if form is None:
            raise PermissionDenied("nobody answers their own question")
        if form.is_valid() and _answer(request, enquiry, form):
            return redirect("certificates:enquiry-list")
    answers = list(EnquiryAnswer.objects.filter(enquiry=enquiry).select_related("answered_by"))
    if line.stance == "asker":
        asking.see_answers(enquiry=enquiry, by=person)
    context = {"line": line, "enquiry": enquiry, "answers": answers, "form": form, **_subject(line)}
    return render(request, "certificates/enquiry_detail.html", context)


def _answer(request: StaffRequest, enquiry: Enquiry, form: AnswerForm) -> bool:
    closes = form.cleaned_data.get("closes", True)
    try:
        asking.answer(enquiry=enquiry, text=form.cleaned_data["text"], closes=closes, by=request.user)
    except asking.Refused as refusal:
        form.add_error(None, str(refusal))
        return False
    kept = "" if closes else " The question stays open for the rest."
    messages.success(request, f"Sent. Whoever asked is told by mail where to read it.{kept}")
    return True


def _subject(line: Shown) -> dict[str, Any]:
    """What was asked about, as it was: the passage, or the item as far as this viewer may see it."""
    enquiry = line.enquiry
    if enquiry.item is None:
        return _passage(line)
    if line.stance == "author":
        version = enquiry.item.question_version
        kind = kinds.of(version.question.kind)
        return {"content": version.content, "told": kind.told_right(version.content)}
    return _own_item(enquiry.item.attempt, enquiry.item.position)


def _passage(line: Shown) -> dict[str, Any]:
    """`place` is the section in the live version, `then` the text that was read where another is live now."""
    version = line.enquiry.section_version
    assert version is not None
    live = live_version(version.section.module)
    now = {row.section_version.section_id: row.section_version for row in places(live)} if live else {}
    place = now.get(version.section_id)
    clinic = None if line.stance == "author" else line.enquiry.clinic
    then = [] if place == version else shown(version, clinic)
    return {"version": version, "place": place, "then": then}
