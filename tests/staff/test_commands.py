"""The administrator's commands: a clinic with its manager, an appointment, a second person's identity check."""

from datetime import date

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction

from staff import actions
from staff.models import AuditEvent, Clinic, InstallationRole, Membership, MembershipRole, StaffMember

pytestmark = pytest.mark.django_db
HOW = "passport seen"


def new_physician(cast) -> MembershipRole:
    membership = actions.add_member(
        clinic=cast.lakeside, email="nora@lakeside.example", full_name="Nora New", job_title="Physician",
        hired_on=date(2026, 11, 1), roles=["physician"], by=cast.manager,
    )  # fmt: skip
    return membership.roles.get()


def check(cast, **changed: str) -> None:
    said = {
        "email": "Nora@lakeside.example",
        "clinic": "Lakeside Skin Clinic",
        "how": HOW,
        "by": cast.administrator.email,
    }
    said |= changed
    call_command("check_identity", said.pop("email"), **said)


def test_open_clinic(db, capsys):
    call_command(
        "open_clinic", name="New Rooms", address="3 Hill", zone="Europe/Paris", manager_email="Ann@Rooms.example",
        manager_name="Ann Manager",
    )  # fmt: skip
    assert "ann@rooms.example" in capsys.readouterr().out
    held = Membership.objects.get(clinic=Clinic.objects.get(name="New Rooms"))
    assert (held.person.full_name, held.roles.get().role) == ("Ann Manager", "manager")


def test_open_clinic_with_an_unknown_zone(db):
    with pytest.raises(CommandError, match="not an IANA time zone"):
        call_command(
            "open_clinic", name="New", address="3", zone="Moon/Sea", manager_email="a@b.example", manager_name="A"
        )
    assert not Clinic.objects.filter(name="New").exists()


def test_appoint_twice_changes_nothing(db):
    for _ in range(2):
        call_command("appoint", "ida@house.example", role="author", name="Ida Author")
    assert StaffMember.objects.get(email="ida@house.example").installationrole_set.count() == 1


def test_an_appointment_ends(db, capsys):
    call_command("appoint", "ida@house.example", role="author", name="Ida Author")
    ida = StaffMember.objects.get(email="ida@house.example")
    for said in ("can no longer sign in", "is no author; nothing was done"):
        call_command("appoint", "ida@house.example", role="author", end=True)
        assert said in capsys.readouterr().out
    ida.refresh_from_db()
    assert (ida.is_active, ida.installation_roles) == (False, frozenset())
    events = AuditEvent.objects.filter(subject_id=str(ida.pk)).order_by("seq").values_list("action", flat=True)
    assert list(events) == ["person.added", "installation.appointed", "installation.dismissed"]
    call_command("appoint", "ida@house.example", role="author")
    assert StaffMember.objects.get(pk=ida.pk).is_active


def test_who_works_in_a_clinic_stays_when_her_appointment_ends(cast):
    actions.appoint(person=cast.physician, role="author", by=cast.administrator)
    call_command("appoint", cast.physician.email, role="author", end=True)
    cast.physician.refresh_from_db()
    assert (cast.physician.is_active, cast.physician.installation_roles) == (True, frozenset())


def test_no_appointment_of_nobody_or_of_a_merged_account(cast):
    with pytest.raises(CommandError, match="Nobody is known"):
        call_command("appoint", "nobody@house.example", role="author", end=True)
    StaffMember.objects.filter(pk=cast.leaver.pk).update(merged_into=cast.support)
    with pytest.raises(CommandError, match=f"was merged into {cast.support.email}"):
        call_command("appoint", cast.leaver.email, role="author")


def test_check_identity(cast, capsys):
    role = new_physician(cast)
    check(cast)
    role.refresh_from_db()
    assert (role.identity_checked_by, role.identity_checked_how) == (cast.administrator, HOW)
    assert "Nora New can sign" in capsys.readouterr().out
    event = AuditEvent.objects.filter(chain__clinic=cast.lakeside).latest("seq")
    assert (event.action, event.reason) == ("identity.checked", HOW)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        pytest.param({"by": "author@house.example"}, "not an administrator", id="an author"),
        pytest.param({"by": "nobody@house.example"}, "not an administrator", id="nobody"),
        pytest.param({"clinic": "Harbour Aesthetics"}, "not a physician of Harbour", id="another clinic"),
        pytest.param({"how": "  "}, "--how is empty", id="without how"),
    ],
)
def test_check_identity_refused(cast, changed, said):
    role = new_physician(cast)
    with pytest.raises(CommandError, match=said):
        check(cast, **changed)
    role.refresh_from_db()
    assert role.identity_checked_at is None


def test_correct_clinic(cast, capsys):
    said = {"address": " 9 Lake Road ", "reason": "moved", "by": cast.administrator.email}
    call_command("correct_clinic", "lakeside-skin-clinic", **said)
    cast.lakeside.refresh_from_db()
    assert (cast.lakeside.name, cast.lakeside.address) == ("Lakeside Skin Clinic", "9 Lake Road")
    assert "9 Lake Road" in capsys.readouterr().out
    event = AuditEvent.objects.filter(chain__clinic=cast.lakeside).latest("seq")
    assert (event.action, event.reason) == ("clinic.corrected", "moved")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        pytest.param({"by": "author@house.example"}, "not an administrator", id="an author"),
        pytest.param({"reason": " "}, "--reason is empty", id="without a reason"),
        pytest.param({"address": ""}, "Nothing would change", id="nothing new"),
    ],
)
def test_correct_clinic_refused(cast, changed, said):
    options = {"address": "9 Lake Road", "reason": "moved", "by": cast.administrator.email} | changed
    with pytest.raises(CommandError, match=said):
        call_command("correct_clinic", "lakeside-skin-clinic", **options)
    cast.lakeside.refresh_from_db()
    assert cast.lakeside.address != "9 Lake Road"


def test_the_database_refuses_that_one_person_makes_a_signer(cast):
    role = new_physician(cast)
    rows = MembershipRole.objects.filter(pk=role.pk)
    with pytest.raises(IntegrityError, match="identity_by_another"), transaction.atomic():
        rows.update(identity_checked_at=role.granted_at, identity_checked_by=cast.manager, identity_checked_how=HOW)
    assert rows.update(
        identity_checked_at=role.granted_at, identity_checked_by=cast.administrator, identity_checked_how=HOW
    )


def test_no_command_gives_a_leavers_address_to_another(cast):
    email = cast.leaver.email
    with pytest.raises(CommandError, match=f"{cast.leaver.full_name} is on record under this address"):
        call_command(
            "open_clinic", name="New Rooms", address="3 Hill", zone="Europe/Paris", manager_email=email, manager_name="Bo Ek"
        )  # fmt: skip
    assert not Clinic.objects.filter(name="New Rooms").exists()
    with pytest.raises(CommandError, match="works nowhere now"):
        call_command("appoint", email, role="author", name="Bo Ek")
    assert not InstallationRole.objects.filter(person=cast.leaver).exists()
