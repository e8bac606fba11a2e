"""The histories that the demo's people have with a module. Numbers are days before today."""

from collections.abc import Callable
from datetime import timedelta

from certificates import actions as proof
from compliance.demo.member import DRILLS, TREATMENT, Member, author
from compliance.demo.stage import Story
from quizzes.actions import set_flag
from quizzes.asking import see_answers

History = Callable[[Member], Story]


def nothing(one: Member) -> Story:
    """Invited, and nothing opened yet."""
    yield from ()


def signed_in(one: Member) -> Story:
    """Has an account, and nothing to learn in this module."""
    yield from ()


def passed(ago: int, *, wrong: int | None = None, hour: str = "10:05") -> History:
    """Read one day, passed the next."""

    def story(one: Member) -> Story:
        yield from one.reads(ago + 1)
        yield from one.passes(ago, hour, wrong=wrong)

    return story


def passed_before_adoption(ago: int) -> History:
    """Passed, and without a certificate until the clinic adopts the module."""

    def story(one: Member) -> Story:
        yield from one.reads(ago + 1)
        yield from one.sits(ago, "10:05")

    return story


def passed_and_endorsed(ago: int, text: str) -> History:
    def story(one: Member) -> Story:
        yield from one.reads(ago + 2, "13:20")
        certificate = yield from one.passes(ago, "11:30")
        assert certificate.attempt is not None
        yield from one.is_reviewed(certificate.attempt, ago - 2, "16:10", text=text)

    return story


def passed_before_adoption_and_renewed(ago: int, renewed: int) -> History:
    """The certificate came with the clinic's adoption; a year later the quiz was taken again in time."""

    def story(one: Member) -> Story:
        yield from one.reads(ago, "11:00")
        yield from one.sits(ago - 1, "14:00")
        yield from one.passes(renewed, "09:30")

    return story


def renewed_early(ago: int, renewed: int) -> History:
    def story(one: Member) -> Story:
        yield from one.reads(ago + 1)
        yield from one.passes(ago)
        yield from one.passes(renewed, "12:15", wrong=0)

    return story


def renewed_in_full(ago: int, renewed: int) -> History:
    """Every section was read again before the quiz was taken again."""

    def story(one: Member) -> Story:
        yield from one.reads(ago + 1)
        yield from one.passes(ago)
        yield from one.reads(renewed + 1, "13:10")
        yield from one.passes(renewed, "11:20")

    return story


def failed_then_passed(*tries: int) -> History:
    """Below the cut but for the last, the missed passages read again before each next try."""

    def story(one: Member) -> Story:
        yield from one.reads(tries[0] + 1)
        for ago in tries[:-1]:
            done = yield from one.fails(ago, "10:20")
            yield from one.reads_again(done.attempt, ago, "15:30")
        yield from one.passes(tries[-1])

    return story


def missed_one_critical(ago: int) -> History:
    """Enough right answers, one safety-critical miss: not passed, and in the physician's queue."""

    def story(one: Member) -> Story:
        yield from one.reads(ago + 1, "14:00")
        yield from one.sits(ago, "11:10", wrong=0, critical=1)

    return story


def retest_open(ago: int) -> History:
    """The same, and the passage read again on the day: the short re-test waits for her."""

    def story(one: Member) -> Story:
        yield from one.reads(ago + 1, "14:00")
        done = yield from one.sits(ago, "11:10", wrong=0, critical=1)
        yield from one.reads_again(done.attempt, ago, "16:20")

    return story


def passed_by_retest(ago: int, again: int) -> History:
    """One safety-critical miss, the passage read again, and the three questions of the re-test all right."""

    def story(one: Member) -> Story:
        yield from one.reads(ago + 1)
        done = yield from one.sits(ago, "09:40", wrong=0, critical=1)
        yield from one.reads_again(done.attempt, ago, "12:40")
        yield from one.passes(again, "08:50", wrong=0)

    return story


def locked(first: int, second: int, third: int) -> History:
    """Three attempts failed, and nobody has talked it through yet."""

    def story(one: Member) -> Story:
        yield from one.reads(first + 2, "16:00")
        for ago in (first, second):
            done = yield from one.fails(ago, "13:00")
            yield from one.reads_again(done.attempt, ago, "16:30")
        yield from one.fails(third, "09:50", critical=1)

    return story


def locked_then_passed(first: int, second: int, third: int, *, talk: int, last: int) -> History:
    def story(one: Member) -> Story:
        yield from one.reads(first + 1)
        for ago in (first, second):
            done = yield from one.fails(ago, "13:00")
            yield from one.reads_again(done.attempt, ago, "16:30")
        done = yield from one.fails(third, "13:40")
        yield from one.is_talked_with(
            done.attempt,
            talk,
            "08:30",
            "We went through every missed question together. She had read the tables too fast and now explains them "
            "in her own words. Two more attempts are right.",
        )
        yield from one.reads_again(done.attempt, talk, "14:00")
        yield from one.passes(last, wrong=0)

    return story


def revoked(ago: int, when: int) -> History:
    def story(one: Member) -> Story:
        yield from one.reads(ago + 1)
        certificate = yield from one.passes(ago)
        yield from one.is_revoked(
            certificate,
            when,
            "17:10",
            reason_class="conduct",
            public_text="The quiz was taken with the material open; it has to be passed again.",
            private_note="She told us so herself at the team meeting.",
        )

    return story


def returned_and_suspended(ago: int, returned: int) -> History:
    """A pass sent back: its certificate is held until the named passages are read again."""

    def story(one: Member) -> Story:
        yield from one.reads(ago + 1)
        certificate = yield from one.passes(ago, wrong=1)
        assert certificate.attempt is not None
        yield from one.is_reviewed(
            certificate.attempt,
            returned,
            "12:30",
            returned=True,
            suspend=True,
            text="The point you missed came up in the treatment room as well. Please read the passage again, then come "
            "and see me before your next patient.",
        )

    return story


def returned_and_read_again(ago: int, returned: int, again: int) -> History:
    def story(one: Member) -> Story:
        yield from one.reads(ago + 1)
        certificate = yield from one.passes(ago, wrong=1)
        attempt = certificate.attempt
        assert attempt is not None
        yield from one.is_reviewed(
            attempt,
            returned,
            "17:20",
            returned=True,
            suspend=True,
            text="Passed, but please read the passage behind your one wrong answer once more.",
        )
        yield one.at(returned - 1, "08:20")
        proof.acknowledge(review=attempt.reviews.get(), by=one.person)
        yield from one.reads_again(attempt, again)
        proof.lift_restudied(one.person)

    return story


def then_asks(
    history: History, ago: int, point: str, text: str, *, answered: int | None = None, answer: str = ""
) -> History:
    """Asks about a key point afterwards; an author answers, or nobody has yet."""

    def story(one: Member) -> Story:
        yield from history(one)
        enquiry = yield from one.asks(ago, "12:50", point, text)
        if answered is not None:
            yield from one.is_answered(enquiry, answered, "15:10", answer, by=author())

    return story


def then_questions_item(history: History, ago: int, text: str, *, answered: int, answer: str) -> History:
    """Questions an item she missed; her physician answers, and she reads it the day after."""

    def story(one: Member) -> Story:
        yield from history(one)
        enquiry = yield from one.questions_item(ago, "16:20", text)
        yield from one.is_answered(enquiry, answered, "08:40", answer, by=one.house.physician)
        yield one.at(answered - 1, "09:15")
        see_answers(enquiry=enquiry, by=one.person)

    return story


def ran_out_overnight(ago: int) -> History:
    """Started late in the day, four answers saved, never handed in: scored as stored a day later.

    Two more, chosen on a phone without a connection, reached the site the morning after that.
    """

    def story(one: Member) -> Story:
        yield from one.reads(ago + 1, "15:40")
        at = one.at(ago, "17:30")
        attempt = yield from one.starts(at)
        yield from one.answers(attempt, at, share=0.27)
        yield attempt.deadline_at + timedelta(seconds=attempt.quiz_version.grace_seconds + 40)
        proof.settle_overdue()
        yield attempt.deadline_at + timedelta(hours=14)
        one.brings_late(attempt, chosen_at=at + timedelta(minutes=9))

    return story


def attempt_open(hours: int) -> History:
    """In the middle of an attempt now, with one question flagged."""

    def story(one: Member) -> Story:
        yield from one.reads(1, "14:10")
        at = one.house.now - timedelta(hours=hours)
        attempt = yield from one.starts(at)
        yield from one.answers(attempt, at, share=0.5)
        set_flag(attempt_id=attempt.public_id, person=one.person, position=2, flagged=True)

    return story


def read_half(ago: int) -> History:
    def story(one: Member) -> Story:
        yield from one.reads_half(ago, "12:40")

    return story


def read_all(ago: int) -> History:
    """Everything confirmed, the quiz not begun."""

    def story(one: Member) -> Story:
        yield from one.reads(ago, "10:50")

    return story


def passed_and_left(ago: int, left: int) -> History:
    def story(one: Member) -> Story:
        yield from one.reads(ago + 1)
        yield from one.passes(ago)
        yield from one.leaves(left, "16:45", "Moved to another town.")

    return story


def practised(drills: int, first: int, second: int) -> History:
    """The drills, then two treatments, both watched: every practical is passed."""

    def story(one: Member) -> Story:
        yield from one.is_watched(drills, "09:30", "simulated", DRILLS)
        yield from one.is_watched(first, "11:00", "supervised", TREATMENT)
        yield from one.is_watched(second, "14:10", "observed", TREATMENT)

    return story


def practised_and_entrusted(drills: int, first: int, second: int, signed: int) -> History:
    """The same, and her physician signs the programme."""

    def story(one: Member) -> Story:
        yield from practised(drills, first, second)(one)
        yield from one.is_entrusted(signed, "17:20")

    return story


def failed_one_practical(drills: int, first: int) -> History:
    """A prompt at the depth: P6 waits for another day."""

    def story(one: Member) -> Story:
        yield from one.is_watched(drills, "09:30", "simulated", DRILLS)
        yield from one.is_watched(first, "11:00", "supervised", TREATMENT, prompted="P6")

    return story
