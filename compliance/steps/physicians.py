"""The one next step of a physician, and what waits for an author."""

from django.urls import reverse

from compliance import waiting
from compliance.steps.step import AGAIN, DONE, OPEN, RUNNING, Step
from staff.templatetags.look import ago, day, plural


def physician_step(work: waiting.Waiting) -> Step:
    more = _more(work.total - 1)
    if work.locked:
        return _talk(work, more)
    if work.decisions:
        return _decide(work, more)
    if work.critical:
        return _review(work, more)
    if work.programmes:
        return _sign(work, more)
    if work.regrades:
        return _score(work, more)
    if work.questions.count:
        return questions_step(work.questions, "from your clinic", more=more)
    if work.items.count:
        return items_step(work.items, more=more)
    if work.adoptions:
        return _adopt(work)
    if work.practicals.people:
        return _watch(work)
    return Step(
        "Nothing waits for you",
        "Nobody is locked, no safety-critical miss is unreviewed, no question and no item waits, and every published "
        "module is adopted. "
        "Clean passes are never a task; you find them under Reviews.",
        reverse("certificates:review-queue"),
        "See all attempts",
        rank=DONE,
    )


def _talk(work: waiting.Waiting, more: str) -> Step:
    first = work.locked[0]
    return Step(
        f"Talk {first.title} through with {first.person.full_name}",
        f"All attempts are used. When you have recorded the talk, two more open.{more}",
        first.url,
        "Open the last attempt",
        second_url=reverse("certificates:review-queue"),
        second="All reviews",
        rank=RUNNING,
    )


def _decide(work: waiting.Waiting, more: str) -> Step:
    certificate = work.decisions[0].certificate
    return Step(
        f"Decide about {certificate.holder_name}’s certificate, {certificate.title}",
        f"A corrected question took the pass away. {certificate.number} stays in force until you keep it, suspend it or "
        f"revoke it.{more}",
        work.decisions[0].url,
        "Look and decide",
        second_url=reverse("certificates:review-queue"),
        second="All reviews",
        rank=AGAIN,
    )


def _review(work: waiting.Waiting, more: str) -> Step:
    first = work.critical[0]
    why = (
        f"{plural(first.critical, 'safety-critical answer,safety-critical answers')} wrong"
        if first.critical
        else f"{plural(first.late, 'answer,answers')} that came after the end"
    )
    return Step(
        f"Review {first.person.full_name}, {first.title}",
        f"{first.score}, and {why}. Handed in on {day(first.ended_at)}.{more}",
        first.url,
        "Open the review",
        second_url=reverse("certificates:review-queue"),
        second="All reviews",
        rank=AGAIN,
    )


def _sign(work: waiting.Waiting, more: str) -> Step:
    sign = work.programmes[0]
    return Step(
        f"{'Take over the supervision of' if sign.pending else 'Sign the programme of'} {sign.person.full_name}",
        f"{sign.title}. {sign.text}{more}",
        sign.url,
        "Read and sign",
        rank=AGAIN,
    )


def _score(work: waiting.Waiting, more: str) -> Step:
    since = work.regrades[0]
    handed_in = plural(since.attempts, "attempt was,attempts were")
    return Step(
        f"Score {since.version.question.code} anew once more",
        f"{handed_in} handed in since, and scored by the first key.{more}",
        since.url,
        "See what it does",
        second_url=reverse("certificates:regrade-list"),
        second="All regrades",
        rank=OPEN,
    )


def _adopt(work: waiting.Waiting) -> Step:
    adopt = work.adoptions[0]
    passes = f"{plural(adopt.passes, 'pass waits,passes wait')} for it. " if adopt.passes else ""
    return Step(
        f"Adopt {adopt.version.title} for {adopt.clinic}",
        f"{passes}Before a physician of the clinic has signed this version, people read and take the quiz, but no "
        "certificate is issued.",
        adopt.url,
        "Read and adopt",
        rank=AGAIN if adopt.passes else OPEN,
    )


def _watch(work: waiting.Waiting) -> Step:
    watched = work.practicals.people
    some = ", ".join(person.full_name for person in watched[:3])
    return Step(
        f"Watch {plural(len(watched), 'person,people')} at work",
        f"{some}{' and others' if len(watched) > 3 else ''}: every module is held, and practicals are what the programme "
        "still lacks. You watch, or an observer whom you approved.",
        work.practicals.url,
        "To the practicals",
        rank=OPEN,
    )


def questions_step(questions: waiting.QuestionsWaiting, where: str, *, more: str = "") -> Step:
    count = plural(questions.count, f"question {where},questions {where}")
    oldest = f"The oldest was asked {ago(questions.oldest_at)}. " if questions.oldest_at else ""
    return Step(
        f"Answer {count}",
        f"{oldest}Whoever asked reads the answer on the site and is told by mail.{more}",
        questions.url,
        "Read and answer",
        rank=OPEN,
    )


def items_step(items: waiting.ItemsWaiting, *, more: str = "") -> Step:
    oldest = f"The oldest waits since {ago(items.oldest_at)}. " if items.oldest_at else ""
    return Step(
        f"Approve {plural(items.count, 'quiz item,quiz items')}",
        f"{oldest}An item is drawn only after a second person found it right.{more}",
        items.url,
        "See what waits",
        rank=OPEN,
    )


def _more(count: int) -> str:
    return f" {plural(count, 'more thing waits,more things wait')} below." if count > 0 else ""
