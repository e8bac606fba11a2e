import pytest
from django.apps import apps
from django.db import DatabaseError, transaction

from quizzes import asking, enquiries, material
from quizzes.models import AnswerSeen, Enquiry, EnquiryAnswer, QuestionVersion
from staff import actions as staff_actions
from staff import audit, mail
from staff.access import forget
from staff.models import AuditEvent, Membership, OutgoingMail
from tests import factories
from tests.people import make_person
from training.models import KeyPointVersion


class Broken(Exception):
    pass


def broken(*args, **kwargs):
    raise Broken


def rows() -> dict[str, list]:
    """Every row of the floors that an action could change."""
    tables = [model for app in ("staff", "quizzes") for model in apps.get_app_config(app).get_models()]
    return {model._meta.label: list(model._default_manager.order_by("pk").values_list()) for model in tables}


@pytest.fixture
def section(module):
    return module.version.sections.get()


@pytest.fixture
def finished(cast, module):
    """Maya's attempt, not passed."""
    return factories.make_finished(person=cast.aesthetician, course=module, wrong=2, critical_wrong=1).attempt


def ask(cast, section, text="Where is this written down?", *, by=None, **kwargs) -> Enquiry:
    return asking.ask_about(section=section, clinic=cast.lakeside, text=text, by=by or cast.aesthetician, **kwargs)


def answer(enquiry, by, text="On the sheet beside the sink.", closes=True) -> EnquiryAnswer:
    return asking.answer(enquiry=enquiry, text=text, closes=closes, by=by)


# Asking


def test_ask_about_a_section(cast, section, now):
    enquiry = ask(cast, section, "  Where?\r\nAnd when?  ")
    assert (enquiry.person, enquiry.clinic, enquiry.section_version) == (cast.aesthetician, cast.lakeside, section)
    assert (enquiry.text, enquiry.asked_at) == ("Where?\nAnd when?", now)
    event = AuditEvent.objects.get(action="enquiry.asked")
    assert (event.chain.clinic, event.actor) == (cast.lakeside, cast.aesthetician)
    assert "Where" not in event.body


def test_ask_about_a_key_point(cast, section):
    point = section.points.first()
    assert ask(cast, section, point=point).point_version == point


def test_ask_about_a_key_point_of_another_section(cast, module, section):
    factories.make_module(by=cast.pinpoint, root=material.SHIPPED)
    point = KeyPointVersion.objects.exclude(section_version=section).first()
    with pytest.raises(ValueError, match="is not in"):
        ask(cast, section, point=point)


def test_ask_twice_at_once_is_one_question(cast, section):
    assert ask(cast, section) == ask(cast, section)
    assert Enquiry.objects.count() == 1


def test_ask_the_same_after_its_answer_is_another_question(cast, section):
    first = ask(cast, section)
    answer(first, cast.physician)
    assert ask(cast, section) != first


def test_ask_up_to_the_most_that_may_wait(cast, section):
    for number in range(asking.MOST_WAITING):
        last = ask(cast, section, f"Question {number}")
    before = rows()
    with pytest.raises(asking.Refused, match="10 of your questions wait for an answer"):
        ask(cast, section, "One more")
    assert rows() == before
    ask(cast, section, "Another's own", by=cast.colleague)
    answer(last, cast.physician)
    ask(cast, section, "One more")


@pytest.mark.parametrize(
    ("text", "said"), [(" \n ", "still empty"), ("x" * 1001, "1001 characters, and at most 1000 fit")]
)
def test_ask_with_too_little_or_too_much(cast, section, text, said):
    with pytest.raises(asking.Refused, match=said):
        ask(cast, section, text)
    assert not Enquiry.objects.exists()


def test_ask_as_much_as_fits(cast, section):
    assert len(ask(cast, section, "x" * 1000).text) == 1000


@pytest.mark.parametrize("who", ["author", "administrator", "leaver", "other_aesthetician"])
def test_ask_for_a_clinic_where_one_does_not_work(cast, section, who):
    with pytest.raises(asking.Refused, match="do not work at Lakeside"):
        ask(cast, section, by=getattr(cast, who))


def test_question_an_item(cast, finished):
    item = finished.items.get(position=2)
    enquiry = asking.question_item(item=item, text="Two options say the same.", by=cast.aesthetician)
    assert (enquiry.item, enquiry.section_version, enquiry.clinic) == (item, None, cast.lakeside)


@pytest.mark.parametrize("who", ["colleague", "physician", "author"])
def test_question_an_item_of_somebody_else(cast, finished, who):
    with pytest.raises(asking.Refused, match="your own finished attempt"):
        asking.question_item(item=finished.items.first(), text="Why?", by=getattr(cast, who))


def test_question_an_item_before_handing_in(cast, module):
    attempt = factories.make_attempt(person=cast.aesthetician, course=module)
    item = attempt.items.first()
    with pytest.raises(asking.Refused, match="finished attempt"):
        asking.question_item(item=item, text="Why?", by=cast.aesthetician)
    with pytest.raises(DatabaseError, match="once its attempt has ended"), transaction.atomic():
        Enquiry.objects.create(person=cast.aesthetician, clinic=cast.lakeside, item=item, text="Why?")


def test_question_an_item_of_a_clinic_one_has_left(cast, finished):
    staff_actions.add_member(
        clinic=cast.harbour, email=cast.aesthetician.email, full_name="", job_title="Aesthetician",
        hired_on=finished.started_at.date(), roles=["aesthetician"], by=cast.pinpoint,
    )  # fmt: skip
    staff_actions.close_membership(
        membership=Membership.objects.get(person=cast.aesthetician, clinic=cast.lakeside), by=cast.pinpoint
    )
    forget(cast.aesthetician)
    with pytest.raises(asking.Refused, match="do not work at Lakeside"):
        asking.question_item(item=finished.items.first(), text="Why?", by=cast.aesthetician)


def test_ask_broken_at_its_last_step_keeps_nothing(cast, section, monkeypatch):
    before = rows()
    monkeypatch.setattr(audit, "record", broken)
    with pytest.raises(Broken):
        ask(cast, section)
    assert rows() == before


# Answering


def test_answer_by_the_physician_tells_the_asker(cast, section, now):
    enquiry = ask(cast, section)
    row = answer(enquiry, cast.physician)
    assert (row.role, row.closes, row.answered_by, row.answered_at) == ("physician", True, cast.physician, now)
    assert not Enquiry.objects.waiting().exists()
    event = AuditEvent.objects.get(action="enquiry.answered")
    assert (event.chain.clinic, event.actor, event.role) == (cast.lakeside, cast.physician, "physician")
    letter = OutgoingMail.objects.get(dedupe_key=f"answered:{row.pk}")
    assert letter.person == cast.aesthetician
    assert f"/questions/{enquiry.public_id}/" in letter.body
    assert "sink" not in letter.subject + letter.body
    assert "written" not in letter.subject + letter.body


def test_answer_by_an_author_stands_in_the_clinics_chain(cast, section):
    assert answer(ask(cast, section), cast.author).role == "author"
    assert AuditEvent.objects.get(action="enquiry.answered").chain.clinic == cast.lakeside


def test_answer_in_part_leaves_it_waiting(cast, section):
    enquiry = ask(cast, section)
    answer(enquiry, cast.physician, "I will look it up.", closes=False)
    assert Enquiry.objects.waiting().get() == enquiry
    assert enquiries.asked_by(cast.aesthetician).get().answered
    answer(enquiry, cast.author)
    assert not Enquiry.objects.waiting().exists()


def test_answer_sent_twice_is_one_answer_and_one_mail(cast, section):
    enquiry = ask(cast, section)
    assert answer(enquiry, cast.physician) == answer(enquiry, cast.physician)
    assert OutgoingMail.objects.filter(dedupe_key__startswith="answered:").count() == 1


def test_answer_corrected_by_a_further_one(cast, section):
    enquiry = ask(cast, section)
    first = answer(enquiry, cast.physician)
    answer(enquiry, cast.author, "No: on the door.")
    assert enquiry.answers.count() == 2
    assert enquiries.asked_by(cast.aesthetician).get().closed_at == first.answered_at


@pytest.mark.parametrize(
    "who", ["aesthetician", "colleague", "support", "manager", "other_physician", "other_manager", "administrator"]
)
def test_answer_by_who_may_not(cast, section, who):
    enquiry = ask(cast, section)
    before = rows()
    with pytest.raises(asking.Refused, match="A physician of the clinic or an author answers"):
        answer(enquiry, getattr(cast, who))
    assert rows() == before


def test_nobody_answers_their_own_question(cast, section):
    enquiry = ask(cast, section, by=cast.physician)
    with pytest.raises(asking.Refused, match="nobody their own question"):
        answer(enquiry, cast.physician)
    with pytest.raises(DatabaseError, match="nobody answers their own question"), transaction.atomic():
        EnquiryAnswer.objects.create(enquiry=enquiry, text="Yes.", role="physician", answered_by=cast.physician)
    assert answer(enquiry, cast.author).role == "author"


@pytest.mark.parametrize("step", [(audit, "record"), (mail, "queue")], ids=["audit", "mail"])
def test_answer_broken_at_its_last_steps_keeps_nothing(cast, section, monkeypatch, step):
    enquiry = ask(cast, section)
    before = rows()
    monkeypatch.setattr(*step, broken)
    with pytest.raises(Broken):
        answer(enquiry, cast.physician)
    assert rows() == before


def test_seen_is_noted_once(cast, section):
    enquiry = ask(cast, section)
    answer(enquiry, cast.physician)
    assert enquiries.unseen_answers(cast.aesthetician).count() == 1
    for _ in range(2):
        asking.see_answers(enquiry=enquiry, by=cast.aesthetician)
    assert AnswerSeen.objects.count() == 1
    assert not enquiries.unseen_answers(cast.aesthetician).exists()


def test_seen_by_somebody_else_is_not_seen(cast, section):
    enquiry = ask(cast, section)
    answer(enquiry, cast.physician)
    asking.see_answers(enquiry=enquiry, by=cast.physician)
    assert not AnswerSeen.objects.exists()


# Whose they are, and what they count for


@pytest.mark.parametrize(
    ("who", "sees", "as_whom"),
    [
        ("aesthetician", True, "asker"), ("physician", True, "physician"), ("author", True, "author"),
        ("colleague", False, ""), ("manager", False, ""), ("other_physician", False, ""), ("administrator", False, ""),
    ],
)  # fmt: skip
def test_visible_to(cast, section, who, sees, as_whom):
    enquiry = ask(cast, section)
    person = getattr(cast, who)
    assert enquiries.visible_to(person).exists() == sees
    if sees:
        assert enquiries.stance(person, enquiry) == as_whom


def test_an_author_who_works_here_and_asks_is_the_asker(cast, section):
    both = make_person(cast.lakeside, "Bea Both", "aesthetician", by=cast.pinpoint)
    staff_actions.appoint(person=both, role="author", by=cast.pinpoint)
    enquiry = ask(cast, section, by=both)
    assert enquiries.stance(both, enquiry) == "asker"
    assert not enquiries.answerable_by(both).exists()


def test_objections_count_people_for_each_wording(cast, module):
    versions = QuestionVersion.objects.filter(question__bank="certifying")
    for person in (cast.aesthetician, cast.colleague):
        attempt = factories.make_finished(person=person, course=module).attempt
        item = attempt.items.order_by("question_version__question__code")[0]
        for text in ("Two options say the same.", "And the stem is long."):
            asking.question_item(item=item, text=text, by=person)
    counts = {row.pk: row.objections for row in enquiries.with_objections(versions)}
    assert counts.pop(item.question_version_id) == 2
    assert set(counts.values()) == {0}
