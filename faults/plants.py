"""Faults that are planted, to see that the tool would see them. Each is put over the site in a server's own process.

`scenes` is where it shows, `found_as` the invariant that must name it.
"""

from collections.abc import Callable
from contextvars import copy_context
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import wraps
from itertools import count
from threading import Timer
from typing import Any

from django.db import DatabaseError, connection, transaction

Patch = Callable[[], None]


@dataclass(frozen=True)
class Plant:
    patch: Patch
    scenes: tuple[str, ...]
    found_as: str


PLANTS: dict[str, Plant] = {}


def planted(name: str, scenes: tuple[str, ...], found_as: str) -> Callable[[Patch], Patch]:
    def keep(patch: Patch) -> Patch:
        PLANTS[name] = Plant(patch, scenes, found_as)
        return patch

    return keep


def plant(name: str) -> None:
    if name:
        PLANTS[name].patch()


put = setattr  # a test that takes them out again puts its own here


def over(module: Any, name: str, wrapper: Callable[..., Any]) -> None:
    """`wrapper` is called in place of the function, with the function first."""
    original = getattr(module, name)

    @wraps(original)
    def planted_over(*args: Any, **kwargs: Any) -> Any:
        return wrapper(original, *args, **kwargs)

    put(module, name, planted_over)


def undone(call: Callable[[], Any]) -> Any:
    """What the call returned, with everything rolled back that it wrote."""
    with transaction.atomic():
        result = call()
        transaction.set_rollback(True)
    return result


@planted("start-lost", ("quiet",), "lost start")
def start_lost() -> None:
    """Every second start is acknowledged and not stored."""
    from quizzes import actions

    turn = count(1)

    def sometimes(start: Callable[..., Any], **asked: Any) -> Any:
        return start(**asked) if next(turn) % 2 else undone(lambda: start(**asked))

    over(actions, "start", sometimes)


@planted("acknowledged-early", ("kills",), "lost answer")
def acknowledged_early() -> None:
    """A save is acknowledged before its commit, which follows a moment later."""
    from quizzes import actions

    def afterwards(save: Callable[..., Any], **asked: Any) -> Any:
        told = undone(lambda: save(**asked))

        def work() -> None:
            try:
                save(**asked)
            except Exception:
                pass
            finally:
                connection.close()

        Timer(0.03, copy_context().run, [work]).start()
        return told

    over(actions, "save_answer", afterwards)


@planted("dropped", ("quiet",), "lost answer")
def dropped() -> None:
    """Every seventh save is acknowledged and not stored."""
    from quizzes import actions

    turn = count(1)

    def sometimes(save: Callable[..., Any], **asked: Any) -> Any:
        return save(**asked) if next(turn) % 7 else undone(lambda: save(**asked))

    over(actions, "save_answer", sometimes)


@planted("overwritten", ("tabs",), "wrong base")
def overwritten() -> None:
    """A save upon an old revision overwrites the newer answer of another tab."""
    from quizzes import actions

    def anyway(save: Callable[..., Any], **asked: Any) -> Any:
        try:
            return save(**asked)
        except actions.Stale as newer:
            return save(**asked | {"base_revision": newer.item.revision})

    over(actions, "save_answer", anyway)


@planted("counted-again", ("kills",), "phantom answer")
def counted_again() -> None:
    """A save that is repeated after a lost reply is stored as another one."""
    from quizzes import actions

    turn = count(1)

    def anew(save: Callable[..., Any], **asked: Any) -> Any:
        key = f"{asked['client_key'][:40]}-{next(turn)}"
        try:
            return save(**asked | {"client_key": key})
        except actions.Stale as newer:
            if newer.item.answer != asked["answer"]:
                raise
            return save(**asked | {"client_key": key, "base_revision": newer.item.revision})

    over(actions, "save_answer", anew)


@planted("gap", ("quiet",), "gap")
def gap() -> None:
    """A revision is left out: the question says one more than was stored."""
    from quizzes import actions
    from quizzes.models import AttemptItem

    turn = count(1)

    def further(save: Callable[..., Any], **asked: Any) -> Any:
        told = save(**asked)
        if next(turn) % 9 == 0:
            mine = AttemptItem.objects.filter(attempt__public_id=asked["attempt_id"], position=asked["position"])
            mine.filter(revision=told.revision).update(revision=told.revision + 1)
        return told

    over(actions, "save_answer", further)


@planted("another-option", ("quiet",), "lost answer")
def another_option() -> None:
    """Now and then another option than the one chosen is stored."""
    from quizzes import actions
    from quizzes.models import AttemptItem

    turn = count(1)

    def swapped(save: Callable[..., Any], **asked: Any) -> Any:
        if asked["answer"] and next(turn) % 8 == 0:
            item = AttemptItem.objects.get(attempt__public_id=asked["attempt_id"], position=asked["position"])
            asked["answer"] = next(token for token, _ in item.shown if token != asked["answer"])
        return save(**asked)

    over(actions, "save_answer", swapped)


@planted("shown-otherwise", ("quiet",), "shown otherwise")
def shown_otherwise() -> None:
    """The page marks another answer than the one stored."""
    from quizzes.views import sitting

    def marked(questions_of: Callable[..., Any], *given: Any) -> Any:
        return [turned(question) if question.item.position == 2 else question for question in questions_of(*given)]

    def turned(question: Any) -> Any:
        field = question.asked.fields[0]
        if not any(choice.chosen for choice in field.choices):
            return question
        choices = tuple(replace(choice, chosen=not choice.chosen) for choice in field.choices)
        return replace(question, asked=replace(question.asked, fields=[replace(field, choices=choices)]))

    over(sitting, "questions_of", marked)


@planted("flag-dropped", ("quiet",), "lost flag")
def flag_dropped() -> None:
    """A flag is acknowledged and not kept."""
    from quizzes import actions

    over(actions, "set_flag", lambda set_flag, **asked: None)


@planted("another-person", ("strangers",), "another person")
def another_person() -> None:
    """A save asks for the attempt alone, and not whose it is."""
    from quizzes import actions
    from quizzes.models import Attempt

    def for_anybody(save: Callable[..., Any], **asked: Any) -> Any:
        attempt = Attempt.objects.select_related("candidacy__person").get(public_id=asked["attempt_id"])
        return save(**asked | {"person": attempt.candidacy.person})

    over(actions, "save_answer", for_anybody)


@planted("never-late", ("clock",), "late")
def never_late() -> None:
    """The deadline is not looked at."""
    from quizzes import actions

    over(actions, "is_late", lambda is_late, *given: False)


@planted("late-by-an-hour", ("clock",), "late")
def late_by_an_hour() -> None:
    """The grace is an hour, and what comes in it is dated back."""
    from quizzes import actions
    from quizzes.models import AttemptItem
    from staff import written

    over(actions, "is_late", lambda is_late, attempt, moment, grace: is_late(attempt, moment, 3600))

    def dated_back(tell: Callable[..., Any], sql: str, values: list[Any]) -> None:
        if sql == actions.KEEP:
            item, revision, answer, key, saved_at, late = values
            deadline = AttemptItem.objects.select_related("attempt").get(pk=item).attempt.deadline_at
            values = [item, revision, answer, key, min(saved_at, written.stored(deadline)), late]
        tell(sql, values)

    over(written, "tell", dated_back)


@planted("late-dropped", ("clock",), "lost late answer")
def late_dropped() -> None:
    """What comes too late is said to be kept for the physician, and is not."""
    from quizzes import late

    over(late, "keep", lambda keep, **asked: undone(lambda: keep(**asked)))


@planted("reopened", ("clock",), "after the end")
def reopened() -> None:
    """A save to an attempt that has ended is acknowledged."""
    from quizzes import actions
    from staff import clock

    def kindly(save: Callable[..., Any], **asked: Any) -> Any:
        try:
            return save(**asked)
        except actions.AttemptEnded:
            return actions.Saved(asked["base_revision"] + 1, clock.now(), "UTC", asked["answer"])

    over(actions, "save_answer", kindly)


@planted("sealed-without-the-last", ("quiet",), "seal")
def sealed_without_the_last() -> None:
    """The seal holds every answer but the one given last."""
    from quizzes import sealing

    def all_but_one(sealed_items: Callable[..., Any], *given: Any) -> Any:
        items = sealed_items(*given)
        last = max(items, key=lambda item: (item["revision"], item["position"]))
        last |= {"answer": "", "revision": last["revision"] - 1}
        return items

    over(sealing, "sealed_items", all_but_one)


@planted("hand-in-lost", ("quiet",), "lost hand-in")
def hand_in_lost() -> None:
    """A hand-in is acknowledged and not stored."""
    from certificates import actions

    over(actions, "submit", lambda submit, **asked: undone(lambda: submit(**asked)))


@planted("scored-kindly", ("quiet",), "score")
def scored_kindly() -> None:
    """Who misses by no more than three points gets them."""
    from quizzes import scoring

    def kindly(score_sealed: Callable[..., Any], sealed: Any) -> Any:
        found = score_sealed(sealed)
        clauses = tuple(replace(clause, met=True) for clause in found.clauses)
        return (
            replace(found, passed=True, total=found.most, clauses=clauses) if found.total >= found.most - 3 else found
        )

    over(scoring, "score_sealed", kindly)


@planted("certificate-each-press", ("submits",), "certificate")
def certificate_each_press() -> None:
    """Each press of the button issues another certificate, in place of the one before."""
    from certificates import actions

    def again(submit: Callable[..., Any], **asked: Any) -> Any:
        with transaction.atomic():
            done = submit(**asked)
            if done.certificate and asked["attempt"].state == "submitted":
                candidacy = done.attempt.candidacy
                newest = (
                    actions._of_the_quiz(candidacy.person_id, candidacy.quiz_id).order_by("-issued_at", "-pk").first()
                )
                another = actions._new_certificate(done.attempt, None)
                another.supersedes = newest
                another.save(force_insert=True)
        return done

    over(actions, "submit", again)


@planted("no-certificate", ("quiet",), "certificate")
def no_certificate() -> None:
    """Every second pass gets none."""
    from certificates import actions

    turn = count(1)
    over(actions, "issue", lambda issue, **asked: None if next(turn) % 2 else issue(**asked))


@planted("one-attempt-more", ("starts",), "too many attempts")
def one_attempt_more() -> None:
    """Who has used all attempts may start all the same."""
    from quizzes import eligibility

    over(
        eligibility,
        "verdict",
        lambda verdict, where, now: verdict(replace(where, attempts_allowed=99, last_ended_at=None, reread=()), now),
    )


@planted("second-press-fails", ("submits",), "no answer")
def second_press_fails() -> None:
    """Whoever hands in what was handed in already gets a database error."""
    from certificates import actions

    def once(submit: Callable[..., Any], **asked: Any) -> Any:
        asked["attempt"].refresh_from_db()
        if asked["attempt"].state != "open":
            raise DatabaseError("duplicate key value violates unique constraint")
        return submit(**asked)

    over(actions, "submit", once)


@planted("full-disk-unsaid", ("full disk",), "lost answer")
def full_disk_unsaid() -> None:
    """A save that the disk refused is acknowledged."""
    from quizzes import actions
    from staff import clock

    def whatever(save: Callable[..., Any], **asked: Any) -> Any:
        try:
            return save(**asked)
        except DatabaseError:
            return actions.Saved(asked["base_revision"] + 1, clock.now(), "UTC", asked["answer"])

    over(actions, "save_answer", whatever)


@planted("told-otherwise", ("quiet",), "told otherwise")
def told_otherwise() -> None:
    """The result page calls everybody passed."""
    from certificates.views import attempts

    def passed(result_of: Callable[..., Any], attempt: Any) -> Any:
        result = result_of(attempt)
        result.outcome.passed = True
        return result

    over(attempts, "result_of", passed)


@planted("unrecorded", ("quiet",), "records")
def unrecorded() -> None:
    """The end of an attempt leaves no event in the audit trail."""
    from quizzes import actions

    trail: Any = vars(actions)["audit"]

    class Silent:
        @staticmethod
        def record(**event: Any) -> None:
            if event["action"] != "attempt.submitted":
                trail.record(**event)

    put(actions, "audit", Silent)


@planted("ends-when-it-likes", ("clock",), "ends before its start")
def ends_when_it_likes() -> None:
    """An attempt's end is taken from the clock as it stands, also where that was turned back."""
    from quizzes import actions

    over(
        actions,
        "finish",
        lambda finish, **asked: finish(**asked | {"ended_at": asked["ended_at"] - timedelta(hours=2)}),
    )
