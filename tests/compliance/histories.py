"""A history with one of everything that goes on record, made by the site's own actions."""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from certificates import actions, papers, programmes
from certificates.badges import issuing
from certificates.models import Certificate
from certificates.queries import certificates_to_decide
from compliance import bloodborne, merging, outside, publishing, tasks
from compliance.keeping import deleting, erasing
from compliance.models import Leave, PointTestResult, Rule, Task, Waiver
from compliance.packs import work
from compliance.reminders import feeds, sending
from compliance.requirements import assigning, cycles, incidents
from compliance.roster import applying
from compliance.trail import heads
from quizzes import actions as sitting
from quizzes import approving, asking, kinds, late, standard
from quizzes.models import Attempt
from staff import actions as staffing
from staff import clock, factors, resetting
from staff import keeping as rules
from staff.models import Membership, StaffMember
from tests import factories, people
from tests.factories import Course
from tests.people import Cast
from training import drafting, observing, protocol
from training.actions import confirm_reading
from training.models import KeyPoint, ProtocolItem, ProtocolReread, Reading
from training.queries import live_version


@dataclass
class History:
    cast: Cast
    course: Course
    revoked: Certificate
    suspended: Certificate
    renewed: Certificate
    passed: Attempt
    failed: Attempt
    locked: Attempt
    open: Attempt


def _keep(cast: Cast) -> None:
    """A rule, a hold that two lifted, one that stands, and somebody who left and was erased."""
    for years in (6, 7):
        rules.set_rule(
            clinic=cast.lakeside,
            country="United States",
            basis="law",
            basis_text="A state's rule",
            years=years,
            public_name="initials",
            by=cast.manager,
        )
    hold = rules.place_hold(clinic=cast.lakeside, person=cast.support, reason="Case 12", by=cast.manager)
    rules.release_hold(hold=hold, by=cast.manager)
    rules.release_hold(hold=hold, by=cast.physician)
    erasing.erase(person=cast.leaver, by=cast.manager)
    rules.place_hold(clinic=cast.lakeside, person=None, reason="Case 13", by=cast.manager)


def _require(cast: Cast) -> None:
    """A second step is required of physicians, and of nobody again; Danielle's and the author's are reset."""
    day = clock.today(cast.lakeside.zone) + timedelta(days=14)
    for of_physicians in (True, False):
        factors.set_rule(
            clinic=cast.lakeside, of_physicians=of_physicians, of_managers=False, holds_on=day, by=cast.manager
        )
    factories.reset_factor(person=cast.colleague, by=cast.manager)
    factories.give_app(person=cast.author)
    resetting.reset_by_administrator(person=cast.author, reason="Phone lost.", by=cast.administrator)


def _dismiss(cast: Cast) -> None:
    """Somebody wrote for the installation for a while, and is nobody here any more."""
    author = staffing.add_account(email="once@house.example", full_name="Nils Once", by=cast.pinpoint)
    staffing.appoint(person=author, role="author", by=cast.administrator)
    staffing.dismiss(person=author, role="author", by=cast.administrator)


def _let_go(cast: Cast, course: Course) -> None:
    """Somebody left so long ago that her records are deleted."""
    with clock.at(clock.now() - timedelta(days=9 * 365)):
        row = staffing.add_member(
            clinic=cast.lakeside,
            email="longago@lakeside.example",
            full_name="Nora Longago",
            job_title="Room assistant",
            hired_on=clock.now().date(),
            roles=["support"],
            by=cast.manager,
        )
        Reading.objects.create(person=row.person, section_version=course.version.sections.all()[0])
        staffing.close_membership(membership=row, by=cast.manager)
    assert deleting.delete(person=row.person, by=cast.manager) == 1


def make_history(cast: Cast, course: Course) -> History:
    """Begins at the clock's instant. Maya lets the time run out, passes, is endorsed, is revoked and
    sits again; Danielle is locked, is
    talked with and passes; Tom is returned and suspended, studies again and renews a year later; then questions are
    scored anew, which takes passes."""
    start = clock.now()
    heads.add_address(clinic=cast.lakeside, email="counsel@outside.example", by=cast.manager)
    ended = heads.add_address(clinic=cast.lakeside, email="aside@outside.example", by=cast.manager)
    heads.end_address(address=ended, by=cast.manager)
    heads.add_address(clinic=cast.lakeside, email=cast.leaver.email, by=cast.manager)
    _let_go(cast, course)
    _keep(cast)
    _require(cast)
    _dismiss(cast)
    maya, danielle, tom = cast.aesthetician, cast.colleague, cast.support
    started = factories.make_attempt(person=maya, course=course)
    _hesitate(started)
    factories.make_locked(person=danielle, course=course)
    first_of_tom = factories.make_finished(person=tom, course=course, wrong=1)
    with clock.at(start + timedelta(days=2)):
        actions.settle_overdue()
        failed = Attempt.objects.get(pk=started.pk)
        _come_late(failed)
        factories.read_all(person=maya, course=course)
    with clock.at(start + timedelta(days=3)):
        passed = factories.make_finished(person=maya, course=course, read=False)
        _review(passed.attempt, "endorsed", "Well done.", [], cast.physician)
        point = KeyPoint.objects.order_by("code")[0]
        _review(first_of_tom.attempt, "returned", "Read the endpoint again.", [point], cast.physician)
        actions.acknowledge(review=first_of_tom.attempt.reviews.get(), by=first_of_tom.attempt.candidacy.person)
        _review(failed, "returned", "Read the critical points again.", [point], cast.physician)
    with clock.at(start + timedelta(days=4)):
        locked = Attempt.objects.filter(candidacy__person=danielle).order_by("-number")[0]
        _talk(locked, cast.physician)
        factories.read_all(person=danielle, course=course)
        factories.read_all(person=tom, course=course)
        actions.lift_restudied()
        factories.make_finished(person=danielle, course=course, read=False)
        _revoke(passed.certificate, cast.physician)
    with clock.at(start + timedelta(days=5)):
        factories.read_all(person=maya, course=course)
        factories.make_finished(person=maya, course=course, read=False)
    with clock.at(start + timedelta(days=330)):
        actions.open_renewals()
        factories.read_all(person=tom, course=course)
        renewed = factories.make_finished(person=tom, course=course, read=False)
        still_open = factories.make_attempt(person=danielle, course=course)
        _hesitate(still_open)
        papers.render_waiting()
        with factories.badges():
            issuing.bake_waiting()
    with clock.at(start + timedelta(days=331)):
        _ask(cast, course, failed)
        sitting.set_clock(clinic=cast.lakeside, limit_minutes=45, by=cast.manager)
        given = factories.accommodate(person=maya, by=cast.manager)
        sitting.end_accommodation(accommodation=given, clinic=cast.lakeside, by=cast.physician)
        _watch(cast)
        _entrust(cast, course)
        _assign(cast, course)
        _train_elsewhere(cast)
        _train_on_site(cast)
    with clock.at(start + timedelta(days=331, hours=6)):
        course = _change(cast, course)
        _remind(cast)
        today = clock.today(cast.lakeside.zone)
        work.ask(clinic=cast.lakeside, from_on=today, to_on=today, by=cast.manager)
        assert work.make_waiting() == 1
    with clock.at(start + timedelta(days=332)):
        _score_anew(renewed.attempt, cast)
    with clock.at(start + timedelta(days=333)):
        _rate(cast, course)
    with clock.at(start + timedelta(days=334)):
        _merge(cast)
        _correct(cast, course)
    assert None not in (passed.certificate, first_of_tom.certificate, renewed.certificate)
    return History(
        cast,
        course,
        passed.certificate,
        first_of_tom.certificate,
        renewed.certificate,
        passed.attempt,
        failed,
        locked,
        still_open,
    )


def _remind(cast: Cast) -> None:
    """The clinic's hours are set twice, and everybody who is late hears of it, the manager too; Maya takes her days along."""
    for clinic, person in ((None, cast.aesthetician), (cast.lakeside, cast.manager), (cast.lakeside, cast.manager)):
        feeds.make(clinic=clinic, by=person)
    sending.set_hours(clinic=cast.lakeside, from_hour=7, until_hour=12, digest_weekday=2, by=cast.manager)
    sending.set_hours(clinic=cast.lakeside, from_hour=0, until_hour=24, digest_weekday=0, by=cast.manager)
    assert sending.send_due()


def _merge(cast: Cast) -> None:
    """Zoe was added twice: her accounts are made one. Another proposal is declined."""
    once, twice, other = (
        people.make_person(cast.lakeside, name, "support", by=cast.pinpoint)
        for name in ("Zoe Zell", "Z Zell", "Zara Zell")
    )
    for alias, confirmed in ((twice, True), (other, False)):
        merge = merging.propose(kept=once, alias=alias, reason="Added twice", by=cast.manager)
        shown = merging.plan(once, alias).sha256
        merging.decide(merge=merge, confirmed=confirmed, shown=shown, by=cast.administrator)


def _correct(cast: Cast, course: Course) -> None:
    """People come by a file, one of them takes another name and another work; a text is begun and given up."""
    sent = factories.make_import(clinic=cast.lakeside, by=cast.manager)
    applying.begin(
        sent=sent, shown=applying.plan_of(sent, by=cast.manager).sha256, drop=(), invites=False, by=cast.manager
    )
    applying.work(sent)
    (membership,) = Membership.objects.filter(person__email="nia@lakeside.example")
    staffing.correct_name(
        person=membership.person,
        full_name="Nía Newman",
        latin_name="Nia Newman",
        clinic=cast.lakeside,
        reason="Marriage",
        by=cast.manager,
    )
    work: dict[str, Any] = {"hired_on": membership.hired_on, "by": cast.manager}
    membership = staffing.change_member(
        membership=membership, job_title="Lead", staff_number="N 7", roles=["aesthetician", "support"], **work
    )
    staffing.change_member(membership=membership, job_title="Lead", staff_number="N 7", roles=["support"], **work)
    staffing.correct_clinic(
        clinic=cast.lakeside, name=cast.lakeside.name, address="9 Lake Road", reason="Moved", by=cast.administrator
    )
    section = course.module.sections.get()
    live = drafting.live_section(section)
    assert live is not None
    draft = drafting.save(section=section, source=live.text, revision=0, by=cast.author)
    drafting.discard(draft=draft, revision=1, by=cast.author)


def _rate(cast: Cast, course: Course) -> None:
    """Three physicians of two clinics say how many of those who may just pass would hold each item; it is filed."""
    panel = standard.open_panel(quiz=course.quiz, by=cast.author)
    versions, _ = standard.cells_of(course.quiz)
    third = people.make_person(cast.harbour, "Mika Sato", "physician", by=cast.pinpoint)
    for percent, rater in ((70, cast.physician), (80, cast.other_physician), (91, third)):
        standard.rate(panel=panel, percents={version.pk: percent for version in versions}, by=rater)
    standard.file(panel=panel, next_review_on=date(2028, 11, 2), by=cast.author)


def _assign(cast: Cast, course: Course) -> None:
    """A rule for a role and one by hand, a waiver and a leave, one of each ended, and two incidents; cycles are opened and closed
    by them."""
    day, module = clock.today(cast.lakeside.zone), course.module
    dates: dict[str, Any] = {"starts_on": day, "until_on": day + timedelta(days=30)}
    known: dict[str, Any] = {"clinic": cast.lakeside, "by": cast.manager}
    assigning.add_rule(role="support", module=module, days=14, starts_on=day, **known)
    rule = assigning.add_rule(
        person=cast.physician, module=module, days=30, starts_on=day, reason="Covers for a week.", **known
    )
    asked: dict[str, Any] = {"clinic": cast.lakeside, "modules": [module], "due_on": dates["until_on"]}
    for person in (cast.colleague, cast.support):
        (incident,) = incidents.ask_again(person=person, reason="Needlestick.", by=cast.physician, **asked)
    incidents.end(row=incident, ends_on=day, reason="The wrong person.", by=cast.manager)
    waiver = assigning.waive(person=cast.colleague, module=module, reason="Elsewhere.", **dates, **known)
    leave = assigning.record_leave(person=cast.colleague, **dates, **known)
    assigning.waive(person=cast.aesthetician, module=module, reason="Elsewhere.", **dates, **known)
    assigning.record_leave(person=cast.aesthetician, **dates, **known)
    cycles.settle()
    entered: list[Rule | Waiver | Leave] = [rule, waiver, leave]
    for row in entered:
        assigning.end(row=row, ends_on=day, reason="Entered in error.", by=cast.manager)
    cycles.settle()


def _entrust(cast: Cast, course: Course) -> None:
    """Danielle's programme is signed and issued again with her initials; then the depth order is decided, to be read again."""
    programme = factories.ready_for_programme(person=cast.colleague, course=course, by=cast.physician)
    signed = factories.sign_programme(person=cast.colleague, programme=programme, by=cast.physician)
    programmes.reissue(certificate=signed, name_shown="initials", by=cast.colleague)
    item = ProtocolItem.objects.get(code="depth-order")
    value = protocol.decide(
        clinic=cast.lakeside,
        item=item,
        text=protocol.table_text([["Example pen", "Cheeks", "1.0 mm"]]),
        is_default=False,
        reread=True,
        seen=factories.seen(protocol.before_sha256(cast.lakeside, item), cast.physician),
        by=cast.physician,
    )
    # No section of the small module shows this decision.
    section = course.module.sections.get()
    ProtocolReread.objects.create(value=value, person=cast.colleague, section=section, asked_at=value.decided_at)


def _train_elsewhere(cast: Cast) -> None:
    """Danielle's proof is approved, Maya's declined, and one of Tom's is withdrawn after it was checked."""
    for person, approved in ((cast.colleague, True), (cast.aesthetician, False)):
        row = factories.outside_training(person=person, by=cast.manager, checked_by=cast.manager)
        factories.decide_outside(training=row, by=cast.physician, approved=approved)
    aside = factories.outside_training(person=cast.support, by=cast.support, checked_by=cast.manager)
    outside.withdraw(training=aside, reason="The wrong file.", by=cast.support)


def _train_on_site(cast: Cast) -> None:
    """The trainer is named, and another; a session is withdrawn and recorded again; an offer has its date."""
    factories.name_trainer(by=cast.manager, name="Ada Rowan")
    factories.name_trainer(by=cast.physician)
    first = factories.site_session(people=[cast.aesthetician], by=cast.manager)
    bloodborne.withdraw(session=first, reason="Tom came too.", by=cast.manager)
    factories.site_session(people=[cast.aesthetician, cast.support], by=cast.physician)
    bloodborne.record_offer(person=cast.support, clinic=cast.lakeside, offered_on=date(2026, 1, 8), by=cast.manager)


def _watch(cast: Cast) -> None:
    """Danielle observes Maya, who sees it differently; a sheet of the physician's is put aside, another is open."""
    factories.approve_observer(person=cast.colleague, by=cast.physician)
    sheet = factories.make_sheet(learner=cast.aesthetician, by=cast.colleague, codes=["P6", "P13"])
    first = sheet.lines.get(position=1)
    for score, revision in ((1, 1), (2, 2)):
        observing.save_score(
            sheet_id=sheet.public_id,
            observer=cast.colleague,
            position=1,
            score=score,
            base_revision=revision,
            client_key=f"again-{first.pk}-{score}",
        )
    observing.write_comment(sheet=sheet, text="Reset the depth without a word.")
    sheet = factories.sign_sheet(sheet=sheet, by=cast.colleague)
    factories.acknowledge(sheet=sheet, agrees=False, text="The second pass was mine alone.")
    aside = factories.make_sheet(learner=cast.colleague, by=cast.physician, codes=["P3"], score=None)
    observing.put_aside(sheet=aside, by=cast.physician)
    factories.make_sheet(learner=cast.aesthetician, by=cast.physician, codes=["P10"], setting="simulated", score=1)
    factories.approve_observer(person=cast.colleague, by=cast.physician)  # the second decision withdraws the first


def _hesitate(attempt: Attempt) -> None:
    """The first two items answered, the first one twice, the second one flagged; the rest left open."""
    first, second = attempt.items.order_by("position")[:2]
    for item, revision, place in ((first, 0, 0), (first, 1, 1), (second, 0, 0)):
        sitting.save_answer(
            attempt_id=attempt.public_id,
            person=attempt.candidacy.person,
            position=item.position,
            answer=item.shown[place][0],
            base_revision=revision,
            client_key=f"hesitant-{item.pk}-{revision}",
        )
    sitting.set_flag(
        attempt_id=attempt.public_id, person=attempt.candidacy.person, position=second.position, flagged=True
    )


def _come_late(attempt: Attempt) -> None:
    """The third item, chosen in time by the device's clock and arrived after the end; then thought better of."""
    third = attempt.items.order_by("position")[2]
    for place in (0, 1):
        late.keep(
            attempt_id=attempt.public_id,
            person=attempt.candidacy.person,
            position=third.position,
            answer=third.shown[place][0],
            base_revision=0,
            client_key=f"late-{place}",
            chosen_at=attempt.started_at + timedelta(hours=1),
        )


def _ask(cast: Cast, course: Course, attempt: Attempt) -> None:
    """Maya asks about a key point and questions an item; the physician answers one in two parts, an author the other."""
    section = course.version.sections.first()
    assert section is not None
    about = asking.ask_about(
        section=section,
        point=section.points.first(),
        clinic=cast.lakeside,
        text="Where is this written down?",
        by=cast.aesthetician,
    )
    item = attempt.items.order_by("position")[0]
    questioned = asking.question_item(item=item, text="Two options say the same.", by=cast.aesthetician)
    asking.ask_about(section=section, clinic=cast.lakeside, text="And in the other room?", by=cast.colleague)
    asking.answer(enquiry=about, text="I will look it up.", closes=False, by=cast.physician)
    asking.answer(enquiry=about, text="On the sheet beside the sink.", closes=True, by=cast.physician)
    asking.answer(enquiry=questioned, text="They differ in the depth.", closes=True, by=cast.author)
    asking.see_answers(enquiry=about, by=cast.aesthetician)


def _score_anew(attempt: Attempt, cast: Cast) -> None:
    """Two questions of it are withdrawn or get another key, which takes the pass; its certificate is suspended."""
    items = attempt.items.filter(points__point_version__critical=False).select_related("question_version__question")
    first, second, third = items.order_by("position")[:3]
    factories.make_regrade(plan=factories.plan_for(first, "withdraw"), by=cast.physician)
    for item in (second, third):
        given = dict(item.shown)[item.answer]
        later = factories.correct(version=item.question_version, by=cast.author, answered=given, wrongly=True)
        factories.make_regrade(plan=factories.plan_for(item, "new", corrected=later), by=cast.physician)
    for certificate in certificates_to_decide([cast.lakeside], but_of=cast.physician):
        factories.decide(certificate=certificate, decision="suspend", by=cast.physician)


def _change(cast: Cast, course: Course) -> Course:
    """A critical point says more; its item is approved ahead, its practice item afterwards, and the physician adopts it.
    Tom reads and answers twice."""
    section = course.module.sections.get()
    live = drafting.live_section(section)
    assert live is not None
    text = live.text.replace("means stop. Press gently", "means stop. Lift off, press gently")
    draft = drafting.save(section=section, source=text, revision=0, by=cast.author)
    for code, ahead in (("nd-17-q1", draft), ("nd-17-q5", None)):
        if ahead is None:
            note = "The order of the steps is said now."
            publishing.publish(draft=draft, revision=1, note=note, effects={"nd-17": "retest"}, by=cast.author)
        waiting = approving.find(code, ahead)
        assert waiting is not None
        approving.approve(waiting=waiting, seen_sha256=waiting.sha256 or "", by=cast.physician)
    for hour, right in ((1, False), (2, True)):
        with clock.at(clock.now() + timedelta(hours=hour)):
            answer_task(Task.objects.get(person=cast.support), right=right)
    version = live_version(course.module)
    assert version is not None
    changed = replace(course, version=version)
    factories.adopt(course=changed, by=cast.physician, clinic=cast.lakeside)
    return changed


def answer_task(task: Task, *, right: bool) -> PointTestResult:
    """She reads the passage again and answers on it, all of it right or all of it wrong."""
    live = drafting.live_section(task.change.section_version.section)
    assert live is not None
    confirm_reading(person=task.person, version=live)
    test = tasks.start(task=task)
    answers = []
    for row, shown in tasks.shown(test):
        kind, content = kinds.of(row.question_version.question.kind), row.question_version.content
        answers.append(kind.right_answer(content, shown) if right else kind.wrong_answers(content, shown)[0])
    return tasks.hand_in(test=test, answers=answers)


def _review(attempt: Attempt, decision: str, text: str, restudy: list[KeyPoint], by: StaffMember) -> None:
    actions.review(
        attempt=attempt,
        decision=decision,
        text=text,
        restudy=restudy,
        suspend=True,
        seen=factories.seen(attempt.seal_sha256, by),
        by=by,
    )


def _talk(attempt: Attempt, by: StaffMember) -> None:
    actions.record_talk(
        candidacy=attempt.candidacy,
        text="We went through the three attempts.",
        seen=factories.seen(attempt.seal_sha256, by),
        by=by,
    )


def _revoke(certificate: Certificate, by: StaffMember) -> None:
    actions.revoke(
        certificate=certificate,
        reason_class="retraining",
        public_text="Re-training required",
        private_note="After an incident.",
        seen=factories.seen(certificate.facts_sha256, by),
        by=by,
    )
