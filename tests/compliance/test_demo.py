import stat
from collections import Counter
from datetime import timedelta
from io import StringIO

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import models, transaction
from django.test import override_settings

from certificates.models import Certificate, CertificateEvent
from certificates.queries import passes_awaiting_adoption, read_by_candidate, state_of
from compliance import records
from compliance.demo import cast, loading
from compliance.demo.stage import play
from compliance.models import Merge, PeopleImport
from compliance.queries import board_of
from quizzes.eligibility import verdict
from quizzes.models import (
    Attempt,
    AttemptGrant,
    Candidacy,
    Enquiry,
    EnquiryAnswer,
    Mark,
    Outcome,
    Quiz,
    Regrade,
    Review,
)
from quizzes.queries import standing
from staff import audit, clock, signing
from staff.models import AuditEvent, Clinic, LegalHold, Licence, Membership, OutgoingMail, Signature, StaffMember
from staff.models.people import PINPOINT_EMAIL
from tests import factories
from tests.conftest import NOW
from training.models import Adoption, ModuleVersion, Reading, ReadingConfirmation
from training.queries import places

pytestmark = pytest.mark.one_engine  # `make proof` loads it on both, and has every record checked

PASSWORD = "heron-under-the-bridge-4"
# Instants that are meant to lie ahead.
PLANNED = {"quizzes.attempt.deadline_at", "staff.outgoingmail.due_at"}


def test_command_refuses_an_installation_that_is_no_demo(settings):
    settings.PINPOINT_DEMO = False
    with pytest.raises(CommandError, match="PINPOINT_DEMO is not set"):
        call_command("load_demo")


def test_password_is_drawn_once_and_kept_for_its_owner_alone(settings, tmp_path, monkeypatch):
    monkeypatch.delenv("PINPOINT_DEMO_PASSWORD", raising=False)
    settings.DATA_DIR = tmp_path / "data"
    drawn = loading.password()
    assert len(drawn) == 23
    assert loading.password() == drawn
    assert stat.S_IMODE((tmp_path / "data" / "demo-password").stat().st_mode) == 0o600


def test_password_of_the_environment_comes_first(settings, tmp_path, monkeypatch):
    monkeypatch.setenv("PINPOINT_DEMO_PASSWORD", PASSWORD)
    settings.DATA_DIR = tmp_path
    assert loading.password() == PASSWORD
    assert list(tmp_path.iterdir()) == []


def test_play_resumes_stories_in_the_order_of_time(now):
    told = []

    def story(name, *hours):
        for hour in hours:
            yield now - timedelta(hours=hour)
            told.append((name, clock.now()))

    play([story("one", 9, 3), story("two", 7, 2)], until=now)
    assert told == [
        (name, now - timedelta(hours=hours)) for name, hours in [("one", 9), ("two", 7), ("one", 3), ("two", 2)]
    ]


@pytest.mark.parametrize(("hours", "said"), [((3, 4), "goes back"), ((3, 0), "not before")], ids=["back", "ahead"])
def test_play_refuses_a_story_that_leaves_the_past(now, hours, said):
    def story():
        for hour in hours:
            yield now - timedelta(hours=hour)

    with pytest.raises(ValueError, match=said):
        play([story()], until=now)


@pytest.mark.django_db
def test_load_refuses_a_database_that_is_in_use(module):
    clinics = Clinic.objects.count()
    with pytest.raises(loading.DemoRefused, match="in use since 02 November 2026"):
        loading.load(password=PASSWORD)
    assert Clinic.objects.count() == clinics


@pytest.mark.django_db
def test_load_that_breaks_off_leaves_nothing(now, course, monkeypatch):
    def breaks(house, first):
        yield house.at(440, "12:00")
        assert Clinic.objects.count() == 2
        raise ZeroDivisionError

    monkeypatch.setattr(loading, "tick", breaks)
    with pytest.raises(ZeroDivisionError):
        loading.load(password=PASSWORD, course=course)
    assert not Clinic.objects.exists()
    assert not ModuleVersion.objects.exists()


# From here on every test looks at the same demo, loaded once; tests that need an empty database stand above.


@pytest.fixture(scope="module")
def course():
    return factories.course_of_four()


@pytest.fixture(scope="module")
def loaded(nothing_begun, django_db_blocker, course):
    quick = override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"])
    with django_db_blocker.unblock(), transaction.atomic():
        with quick, clock.at(NOW):
            assert loading.load(password=PASSWORD, course=course)
        yield
        transaction.set_rollback(True)


@pytest.fixture
def demo(loaded, db, now):
    """What a test changes is undone at its end."""


def person(mailbox, domain="lakeside.example"):
    return StaffMember.objects.get(email=f"{mailbox}@{domain}")


def results(mailbox, domain="lakeside.example", module="needle-depth"):
    rows = Outcome.objects.filter(attempt__candidacy__person=person(mailbox, domain))
    return list(rows.filter(attempt__candidacy__quiz__module__slug=module).order_by("attempt__started_at"))


def outcomes(mailbox, domain="lakeside.example", module="needle-depth"):
    return [row.passed for row in results(mailbox, domain, module)]


def states(mailbox, domain="lakeside.example", module="needle-depth"):
    rows = Certificate.objects.filter(person=person(mailbox, domain), candidacy__quiz__module__slug=module)
    return [state_of(row) for row in rows.order_by("issued_at")]


def standings():
    """By person and module: what the manager's matrix says."""
    return {
        row.person.email.split("@")[0]: {cell.column.slug: cell.standing for cell in row.modules}
        for clinic in Clinic.objects.all()
        for row in board_of([clinic]).rows
    }


def every_row():
    return {model: list(model.objects.order_by("pk").values()) for model in apps.get_models()}


def test_load_tells_every_history(demo):
    # Certificates
    assert states("jose") == ["valid"]
    assert states("hana") == ["expiring"]
    assert states("marcus") == ["expired"]
    assert states("siobhan") == ["superseded", "valid"]
    assert not Candidacy.objects.filter(person=person("siobhan"), closed_at=None).exists()
    assert states("aleksandra") == ["revoked"]
    assert states("ravi") == ["suspended"]
    assert states("camila") == ["valid"]
    assert states("noor", "harbour.example") == ["superseded", "valid"]
    assert states("lea") == ["valid"]
    # Attempts
    assert outcomes("danielle") == [False, True]
    assert outcomes("fatima") == [False, False, False]
    assert outcomes("grace") == [False, False, False, True]
    (jose,) = results("jose")
    assert (jose.passed, jose.points) == (True, jose.max_points - 1)
    (tomasz,) = results("tomasz")
    assert {clause["code"]: clause["met"] for clause in tomasz.decided} == {"cut": True, "critical": False}
    expired = results("oluwaseun", "harbour.example")[0].attempt
    assert (expired.state, expired.ended_at) == ("expired", expired.deadline_at)
    assert expired.items.exclude(answer="").exists()
    running = Attempt.objects.get(state="open")
    assert running.candidacy.person == person("ngozi")
    assert running.deadline_at > clock.now()
    assert running.items.exclude(answer="").exists()
    assert running.items.filter(answer="").exists()
    # What physicians and managers did
    assert AttemptGrant.objects.get().candidacy.person == person("grace")
    decided = Counter(Review.objects.values_list("decision", flat=True))
    assert decided == {"endorsed": 3, "returned": 2}
    assert all(row.restudy.exists() for row in Review.objects.filter(decision="returned"))
    returned = Review.objects.filter(decision="returned")
    assert [*read_by_candidate(list(returned))] == [returned.get(candidate=person("camila")).pk]
    revoked = CertificateEvent.objects.get(kind="revoked")
    assert revoked.public_text
    assert revoked.signature is not None
    assert CertificateEvent.objects.get(kind="lifted").certificate.person == person("camila")
    again = person("danielle", "mail.example")
    assert {row.person for row in Membership.objects.exclude(ended_at=None)} == {person("lea"), again}
    assert not person("lea").is_active
    # Questions
    asked = {row.person: row for row in Enquiry.objects.with_answers()}
    assert set(asked) == {person("jose"), person("siobhan"), person("idris", "harbour.example")}
    assert asked[person("jose")].item.marks.get().points == 0
    assert [row.person for row in Enquiry.objects.waiting()] == [person("siobhan")]
    assert Counter(EnquiryAnswer.objects.values_list("role", flat=True)) == {"physician": 1, "author": 1}
    # Licences
    in_days = [(row.expires_on - clock.now().date()).days for row in Licence.objects.all()]
    assert sum(0 <= days <= 30 for days in in_days) >= 3
    assert all("DEMO-" in row.number for row in Licence.objects.all())


def test_load_tells_what_a_manager_did_with_people(demo):
    merge = Merge.objects.get()
    assert (merge.kept, merge.alias) == (person("danielle"), person("danielle", "mail.example"))
    assert merge.decision.confirmed
    assert merge.alias.merged_into == merge.kept
    sent = PeopleImport.objects.get()
    assert Counter(sent.rows.values_list("outcome", flat=True)) == {"updated": 3, "unchanged": 1, "error": 1}
    assert person("siobhan").latin_name == "Siobhan Ni Dhomhnaill"
    assert LegalHold.objects.get(lifted_at=None).person == person("lea")


def test_load_tells_what_else_people_learned(demo):
    # Renewed, and read in full before
    assert states("wilhelmina", module="sterilisation") == ["superseded", "valid"]
    renewal = Certificate.objects.get(person=person("wilhelmina"), candidacy__cycle=2)
    read = ReadingConfirmation.objects.filter(
        person=renewal.person,
        section_version__section__module__slug="sterilisation",
        confirmed_at__range=(renewal.candidacy.opened_at, renewal.issued_at),
    )
    assert read.count() == len(places(renewal.attempt.module_version))
    # Re-tests: one passed by, one to be taken
    assert outcomes("camila", module="contraindications") == [False, True]
    retest = results("camila", module="contraindications")[1].attempt
    assert retest.is_retest
    assert states("camila", module="contraindications") == ["valid"]
    idris = person("idris", "harbour.example")
    quiz = Quiz.objects.get(module__slug="contraindications")
    assert verdict(standing(idris, quiz, idris.membership_set.get().clinic), clock.now()).code == "retest"
    # Harbour's physician has one module left to adopt, and five certificates wait for it
    waiting = passes_awaiting_adoption()
    assert {row.candidacy.quiz.module.slug for row in waiting} == {"complications"}
    assert {row.candidacy.clinic.name for row in waiting} == {"Harbour Aesthetics"}
    assert len(waiting) == 5
    # Below the cut, then passed
    assert outcomes("danielle", module="complications") == [False, True]
    assert outcomes("meiling", "harbour.example", "contraindications") == [False, True]
    # One item was credited to everybody who had had it; nobody passes or falls by that
    regrade = Regrade.objects.get()
    again = Mark.objects.filter(cause=regrade.cause)
    assert again.exists()
    assert {mark.points for mark in again} == {1}
    assert set(Outcome.objects.filter(cause=regrade.cause).values_list("passed", flat=True)) == {True}


def test_load_shows_every_state_that_a_manager_sees(demo):
    needle = {name: cells["needle-depth"] for name, cells in standings().items()}
    assert {found.word for found in needle.values()} == {"current", "due-soon", "not-current", "not-required"}
    expected = {
        "aesthetician": "due-soon",
        "bex": "due-soon",
        "joaquin": "overdue",
        "fatima": "locked",
        "freya": "in-progress",
        "beatriz": "in-progress",
        "hana": "expiring",
        "marcus": "expired",
        "ravi": "suspended",
        "aleksandra": "revoked",
        "wilhelmina": "valid",
        "tom": "not-required",
    }
    assert {name: needle[name].state for name in expected} == expected
    assert standings()["ravi"]["sterilisation"].detail.startswith("Asked after an incident")


@pytest.mark.parametrize("slug", ["sterilisation", "needle-depth", "contraindications"])
def test_load_leaves_no_state_as_common_as_valid(demo, slug):
    assert Counter(cells[slug].state for cells in standings().values()).most_common(1)[0][0] == "valid"


def test_load_makes_lakesides_people_current_in_every_module_where_no_history_says_otherwise(demo):
    board = board_of([Clinic.objects.get(name="Lakeside Skin Clinic")])
    assert [column.slug for column in board.modules] == list(factories.ALL_MODULES)
    assert board.counted() == {"not-current": 6, "due-soon": 6, "current": 7, "not-required": 2}
    found = {name: [cell.state for cell in cells.values()] for name, cells in standings().items()}
    assert found["jose"] == ["valid"] * 4
    assert found["linh"] == ["expiring", "valid", "valid", "valid"]
    assert found["ignatius"] == ["valid", "valid", "valid", "overdue"]
    assert found["tomasz"] == ["valid", "in-progress", "valid", "due-soon"]


def test_load_has_support_staff_with_infection_control_and_one_without(demo):
    found = standings()
    assert found["tom"]["sterilisation"].state == "valid"
    assert found["gwenllian"]["sterilisation"].state == "overdue"
    for mailbox in ("tom", "gwenllian"):
        assert {cell.state for module, cell in found[mailbox].items() if module != "sterilisation"} == {"not-required"}


def test_load_leaves_the_fresh_aesthetician_everything_to_do(demo):
    maya = person("aesthetician")
    assert maya.full_name == "Maya Lindqvist"
    assert not Reading.objects.filter(person=maya).exists()
    assert not Candidacy.objects.filter(person=maya).exists()


def test_load_writes_nothing_that_lies_ahead(demo):
    ahead = [
        f"{model._meta.label_lower}.{field.name}"
        for app in ("staff", "training", "quizzes", "certificates")
        for model in apps.get_app_config(app).get_models()
        for field in model._meta.concrete_fields
        if isinstance(field, models.DateTimeField)
        # Pinpoint's own row comes with the migration, on real time.
        and model.objects.exclude(**{"email": PINPOINT_EMAIL} if model is StaffMember else {"pk": None})
        .filter(**{f"{field.name}__gt": clock.now()})
        .exists()
    ]
    assert set(ahead) <= PLANNED


def test_load_keeps_every_chain_in_the_order_of_time_and_whole(demo):
    for chain in set(AuditEvent.objects.values_list("chain", flat=True)):
        events = list(AuditEvent.objects.filter(chain=chain).order_by("seq"))
        assert [event.at for event in events] == sorted(event.at for event in events)
        assert all(event.hash == audit.event_hash(event) for event in events)
    assert all(signing.is_genuine(signature) for signature in Signature.objects.all())


def test_load_adopts_after_the_material_was_published(demo):
    for part in cast.CLINICS:
        adopted = Adoption.objects.filter(clinic__name=part.name).order_by("adopted_at")
        assert [row.module_version.module.slug for row in adopted] == list(part.adopted)
    newest = ModuleVersion.objects.latest("published_at").published_at
    assert all(row.adopted_at > newest for row in Adoption.objects.all())
    assert ReadingConfirmation.objects.earliest("confirmed_at").confirmed_at > newest
    first = Certificate.objects.filter(clinic__name="Harbour Aesthetics").earliest("issued_at")
    adoption = Adoption.objects.get(clinic=first.clinic, module_version__module__slug="needle-depth")
    assert first.issued_at == adoption.adopted_at


def test_load_has_nobody_learn_before_joining(demo):
    for membership in Membership.objects.select_related("person", "clinic"):
        opened = Reading.objects.filter(person=membership.person).order_by("opened_at").first()
        assert opened is None or opened.opened_at > membership.began_at
        assert opened is None or opened.opened_at.date() >= membership.hired_on


def test_load_adds_up(demo):
    assert records.verify(everything=True).findings == []


def test_load_leaves_no_mail_of_the_past_to_the_next_tick(demo):
    assert OutgoingMail.objects.exists()
    assert not OutgoingMail.objects.filter(sent_at=None, due_at__lte=clock.now()).exists()


def test_load_twice_changes_nothing(demo, course):
    before = every_row()
    assert not loading.load(password=PASSWORD, course=course)
    loading.open_accounts(PASSWORD)
    assert every_row() == before


def test_command_prints_the_address_and_an_account_of_each_role(demo, settings, monkeypatch):
    settings.PINPOINT_DEMO = True
    monkeypatch.setenv("PINPOINT_DEMO_PASSWORD", PASSWORD)
    out = StringIO()
    call_command("load_demo", stdout=out)
    assert f"Sign in at {settings.SITE_URL} with the password {PASSWORD}" in out.getvalue()
    for role in ("aesthetician", "physician", "manager", "author", "administrator"):
        assert f"{role}@lakeside.example" in out.getvalue()


def test_accounts_open_with_the_password_that_is_printed_and_nobody_else_does(demo):
    for email in [*loading.ACCOUNTS, *loading.SIGNERS]:
        assert StaffMember.objects.get(email=email).check_password(PASSWORD)
    others = StaffMember.objects.exclude(email__in=[*loading.ACCOUNTS, *loading.SIGNERS])
    assert not any(other.check_password(PASSWORD) for other in others)
    loading.open_accounts("another-lamp-in-the-hall-2")
    assert person("manager").check_password("another-lamp-in-the-hall-2")
