"""What must hold for every model, setting and template, so that new code is covered unasked."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.apps import apps
from django.db import models

ROOT = Path(__file__).resolve().parent.parent
APPS = ("staff", "training", "quizzes", "certificates", "compliance")
MODELS = [model for app in APPS for model in apps.get_app_config(app).get_models()]

# Instants without a `_by` of their own, and who it was.
NO_BY = {
    "staff.StaffMember.joined_at": "the membership's began_by",
    "staff.StaffMember.erased_at": "the audit event of the erasure",
    "staff.Clinic.opened_at": "the audit event clinic.opened",
    "staff.AuditEvent.at": "actor",
    "staff.Signature.opened_at": "signer",
    "staff.SigningAcceptance.accepted_at": "person",
    "staff.Signature.signed_at": "signer",
    "staff.StoredFile.stored_at": "the site",
    "staff.FactorRule.holds_at": "planned",
    "staff.OutgoingMail.due_at": "planned",
    "staff.OutgoingMail.sent_at": "the site",
    "staff.OutgoingMail.tried_at": "the site",
    "staff.OutgoingMail.given_up_at": "the site",
    "staff.Heartbeat.beat_at": "the site",
    "staff.SecurityEvent.at": "person, or whoever typed her address",
    "staff.SecurityEvent.until_at": "planned",
    "training.ProtocolValue.decided_at": "the signature's signer",
    "training.Adoption.adopted_at": "the signature's signer",
    "training.Reading.opened_at": "person",
    "training.ReadingConfirmation.confirmed_at": "person",
    "training.ProtocolReread.asked_at": "the value's signer",
    "training.StateRule.decided_at": "the signature's signer",
    "training.ObserverDecision.decided_at": "the signature's signer",
    "training.Observation.started_at": "observer",
    "training.Observation.ended_at": "observer",
    "training.ObservedScore.saved_at": "the sheet's observer",
    "training.SelfEvaluation.evaluated_at": "person",
    "training.Acknowledgement.acknowledged_at": "the sheet's learner",
    "quizzes.Attempt.started_at": "the candidacy's person",
    "quizzes.Attempt.deadline_at": "planned",
    "quizzes.Attempt.ended_at": "the audit event: the person, or the site when the time was over",
    "quizzes.Response.saved_at": "the candidacy's person",
    "quizzes.LateAnswer.chosen_at": "the candidacy's person, as her device says",
    "quizzes.LateAnswer.arrived_at": "the candidacy's person",
    "quizzes.Seal.sealed_at": "the site",
    "quizzes.PracticeAnswer.answered_at": "person",
    "quizzes.Rating.rated_at": "person",
    "quizzes.Review.reviewed_at": "reviewer",
    "quizzes.Enquiry.asked_at": "person",
    "quizzes.AnswerSeen.seen_at": "the enquiry's person",
    "certificates.Certificate.issued_at": "the audit event certificate.issued",
    "certificates.CertificateEvent.effective_at": "planned",
    "certificates.BadgeKey.recorded_at": "the site",
    "certificates.Badge.signed_at": "the audit event certificate.badge",
    "compliance.PeopleImport.ended_at": "the site",
    "compliance.Pack.facts_at": "planned",
    "compliance.Pack.due_at": "planned",
    "compliance.Pack.made_at": "the audit event pack.made",
    "compliance.Pack.removed_at": "the site",
    "compliance.CalendarFeed.made_at": "person",
    "compliance.PointTest.started_at": "the task's person",
    "compliance.PointTestResult.ended_at": "the task's person",
    "compliance.OutsideDecision.decided_at": "the signature's signer",
}

# Every field, as personal data (about a living person who can be told by it, herself or through the row) or not.
PERSONAL = {
    "staff.StaffMember": "password last_login public_id full_name latin_name email is_active joined_at erased_at "
    "merged_into theme",
    "staff.Membership": "person clinic job_title staff_number hired_on began_at began_by ended_at ended_by",
    "staff.MembershipRole": "membership role granted_at granted_by identity_checked_at identity_checked_by "
    "identity_checked_how ended_at ended_by",
    "staff.InstallationRole": "person role granted_at granted_by ended_at ended_by",
    "staff.Licence": "person type number authority expires_on recorded_at recorded_by",
    "staff.ActorName": "person name salt",
    "staff.AuditEvent": "at actor role action subject_type subject_id reason body",
    "staff.Signature": "signer signer_name credentials opened_at signed_at session_hash ip agent",
    "staff.SigningAcceptance": "person accepted_at",
    "staff.StoredFile": "bytes",
    "staff.RetentionRule": "set_at set_by",
    "staff.FactorRule": "set_at set_by",
    "staff.FactorReset": "person reason reset_at reset_by",
    "staff.SecurityEvent": "person kind at ip agent until_at",
    "staff.LegalHold": "person reason placed_at placed_by release_at release_by lifted_at lifted_by",
    "staff.Erasure": "person kind kept erased_at erased_by",
    "staff.OutgoingMail": "person address subject body due_at sent_at tried_at given_up_at file file_name",
    "training.SectionVersion": "created_by",
    "training.ModuleVersion": "published_by details",
    "training.KeyPoint": "retired_by",
    "training.Reading": "person section_version opened_at place",
    "training.ReadingConfirmation": "person section_version number confirmed_at",
    "training.Rereading": "person module asked_at asked_by",
    "training.Draft": "opened_by saved_by closed_by",
    "training.ProtocolReread": "person section asked_at",
    "certificates.ProgrammeSigning": "certificate physician credentials signed dossier",
    "certificates.CertificateBasis": "certificate knowledge observation",
    "training.PracticalVersion": "published_by",
    "training.ObserverDecision": "clinic person number approved decided_at",
    "training.Observation": "public_id clinic learner observer setting observed_on comment state started_at ended_at seal "
    "device device_serial cartridge_lot cartridge_expires_on areas",
    "training.ObservedLine": "observation score revision",
    "training.ObservedScore": "line revision score saved_at",
    "training.SelfEvaluation": "person practical number scores evaluated_at",
    "training.Acknowledgement": "observation agrees text acknowledged_at",
    "quizzes.QuestionVersion": "created_by approved_by stale_by",
    "quizzes.Approval": "approved_at approved_by",
    "quizzes.QuizVersion": "created_by",
    "quizzes.Candidacy": "person quiz clinic cycle reason opened_at opened_by closed_at closed_by",
    "quizzes.AttemptGrant": "candidacy kind extra reason granted_at granted_by",
    "quizzes.Attempt": "public_id candidacy kind parent number started_at deadline_at limit_minutes state ended_at",
    "quizzes.AttemptItem": "attempt flagged answer revision",
    "quizzes.Response": "item revision payload saved_at late",
    "quizzes.LateAnswer": "item number answer base_revision chosen_at arrived_at",
    "quizzes.Seal": "attempt text sealed_at",
    "quizzes.Mark": "item number points",
    "quizzes.Outcome": "attempt number passed points clauses cause",
    "quizzes.Review": "attempt candidate reviewer decision text reviewed_at",
    "quizzes.Regrade": "reason listed regraded_at regraded_by",
    "quizzes.Disposition": "outcome candidate decision reason decided_at decided_by",
    "quizzes.PracticeAnswer": "person question_version right confidence answered_at",
    "quizzes.Accommodation": "person time_percent category valid_from_on valid_until_on granted_at granted_by ended_at "
    "ended_by",
    "quizzes.ClinicClock": "set_by",
    "quizzes.Panel": "opened_by closed_by",
    "quizzes.Rating": "person percent rated_at",
    "quizzes.CutFile": "text filed_by",
    "quizzes.Enquiry": "public_id person clinic item text asked_at",
    "quizzes.EnquiryAnswer": "enquiry text role answered_at answered_by",
    "quizzes.AnswerSeen": "answer seen_at",
    "certificates.Certificate": "number code person clinic candidacy attempt holder_name printed_name name_shown issued_at "
    "passed_on valid_from_on valid_until_on facts attempt_line",
    "certificates.CertificateEvent": "certificate kind at by effective_at reason_class public_text private_note",
    "certificates.CertificateFile": "certificate file",
    "certificates.BadgeSubject": "certificate subject salt identity_hash status_list status_index",
    "certificates.Badge": "certificate credential sha256 file signed_at",
    "compliance.HeadAddress": "email added_at added_by ended_at ended_by",
    "compliance.Merge": "public_id kept alias reason proposed_at proposed_by",
    "compliance.MergeDecision": "plan decided_at decided_by",
    "compliance.PeopleImport": "sent_at sent_by began_at began_by file_name",
    "compliance.PeopleImportRow": "cells faults said membership",
    "compliance.Task": "public_id person clinic change due_on asked_at asked_by",
    "compliance.CalendarFeed": "person clinic made_at ended_at ended_by",
    "compliance.ReminderHours": "set_by",
    "compliance.ReminderMail": "person clinic day_on mail queued_at queued_by",
    "compliance.Reminder": "mail person about clinic kind requirement cycle step again title due_on",
    "compliance.Pack": "clinic dedupe_key from_on to_on asked_at asked_by",
    "compliance.PackPart": "bytes",
    "compliance.PointTest": "task number started_at",
    "compliance.PointTestItem": "test",
    "compliance.PointTestResult": "test answers right items passed ended_at",
    "compliance.Rule": "public_id person reason recorded_by end_reason ended_by",
    "compliance.Waiver": "public_id clinic person module session reason starts_on until_on recorded_at recorded_by ends_on "
    "end_reason ended_at ended_by",
    "compliance.Incident": "public_id clinic person module reason starts_on due_on recorded_at recorded_by ends_on end_reason "
    "ended_at ended_by",
    "compliance.Leave": "public_id clinic person starts_on until_on recorded_at recorded_by ends_on end_reason ended_at ended_by",
    "compliance.Cycle": "person clinic module number reason due_on opened_at opened_by incident closing certificate "
    "closed_at closed_by",
    "compliance.OutsideTraining": "public_id person clinic provider title held_on hours trainer qualification file sent_at "
    "sent_by",
    "compliance.OutsideCheck": "training text checked_at checked_by",
    "compliance.OutsideDecision": "training approved module valid_until_on text decided_at",
    "compliance.OutsideWithdrawal": "training reason withdrawn_at withdrawn_by",
    "compliance.SiteTrainer": "name qualification contact named_by",
    "compliance.SiteSession": "trainer_name trainer_qualification trainer_contact summary recorded_by",
    "compliance.SiteAttendance": "session person job_title",
    "compliance.SiteSessionWithdrawal": "reason withdrawn_by",
    "compliance.HepatitisOffer": "person clinic offered_on recorded_at recorded_by",
}
NOT_PERSONAL = {
    "staff.Clinic": "public_id name address zone opened_at",
    "staff.Tombstone": "table row label name sha256 batch",
    "staff.RetentionRule": "clinic number country basis basis_text years public_name",
    "staff.FactorRule": "clinic number of_physicians of_managers holds_at",
    "staff.FactorReset": "number clinic signature",
    "staff.LegalHold": "clinic",
    "staff.Chain": "clinic house seq head",
    "staff.ActorName": "commitment",
    "staff.AuditEvent": "chain seq actor_commitment request_id prev_hash hash",
    "staff.Signature": "public_id role clinic meaning_code meaning_text subject_type subject_id record_sha256 zone nonce "
    "auth_method key_id mac",
    "staff.SigningAcceptance": "clinic wording text",
    "staff.StoredFile": "sha256 media_type stored_at",
    "staff.OutgoingMail": "dedupe_key tries",
    "staff.Heartbeat": "name beat_at",
    "training.Module": "slug code position validity_months validity_days renewal",
    "training.Programme": "slug position title scope roles modules practicals occasions validity_months renewal_opens_days",
    "training.Section": "module slug",
    "training.Picture": "module code svg file width height cites title caption words to_scale sha256",
    "training.SectionVersion": "section number title text minutes sha256 origin created_at",
    "training.ModuleVersion": "module number title change note sha256 published_at",
    "training.ModuleVersionSection": "module_version position section_version",
    "training.KeyPoint": "module code retired_at",
    "training.KeyPointVersion": "key_point section_version position text critical content_sha256",
    "training.ProtocolItem": "code position title question default kind columns blanks",
    "training.Draft": "section base text revision origin opened_at saved_at closed_at published",
    "training.Passage": "module_version section_version position kind anchor code critical tier text folded",
    "training.Term": "code term forms meaning",
    "training.ProtocolValue": "item clinic number text is_default signature decided_at",
    "training.Adoption": "clinic module_version signature adopted_at",
    "training.ProtocolReread": "value",
    "training.StateRule": "clinic number rule licence_types signature decided_at",
    "certificates.ProgrammeSigning": "programme signature versions programme_sha256",
    "training.PracticalVersion": "code number title starred drill criteria sha256 published_at",
    "training.ObserverDecision": "signature",
    "training.Observation": "seal_sha256 signature",
    "training.ObservedLine": "position practical criterion",
    "training.ObservedScore": "client_key",
    "training.Acknowledgement": "seal_sha256",
    "training.Source": "code title publisher year kind label address",
    "training.Fact": "code source statement quote verified kind left_out",
    "training.Position": "code title priority teach differs",
    "training.Citation": "section_version point fact position",
    "quizzes.Question": "code section bank kind",
    "quizzes.QuestionVersion": "question number body sha256 state origin created_at approved_at approved_via stale_at",
    "quizzes.Approval": "question_version sha256",
    "quizzes.QuestionPoint": "question_version key_point approved_against",
    "quizzes.Quiz": "module minutes",
    "quizzes.QuizVersion": "quiz number blueprint items cut critical_rule limit_minutes open_minutes grace_seconds attempts "
    "next_day_hour retest_items scoring_rule cut_basis sha256 created_at",
    "quizzes.Panel": "quiz number opened_at closed_at",
    "quizzes.Rating": "panel question_version number",
    "quizzes.CutFile": "panel sha256 mean next_review_on filed_at",
    "quizzes.ClinicClock": "clinic number limit_minutes set_at",
    "quizzes.AttemptGrant": "signature",
    "quizzes.Attempt": "quiz_version module_version seed seal_sha256",
    "quizzes.AttemptItem": "position question_version tokens",
    "quizzes.AttemptItemPoint": "item point_version",
    "quizzes.Response": "client_key",
    "quizzes.LateAnswer": "client_key",
    "quizzes.Seal": "sha256",
    "quizzes.Mark": "max_points rule cause",
    "quizzes.Outcome": "max_points",
    "quizzes.Review": "signature",
    "quizzes.Regrade": "public_id clinic question_version option corrected key listed_sha256 signature",
    "quizzes.Disposition": "signature",
    "quizzes.Enquiry": "section_version point_version",
    "quizzes.EnquiryAnswer": "closes",
    "certificates.NumberSeries": "year last",
    "certificates.Certificate": "kind supersedes title kind_line statement scope clinic_name clinic_address "
    "module_version_number rule_line disclaimer zone renewal_days design_version site_url facts_sha256 "
    "reissued_for",
    "certificates.CertificateEvent": "signature",
    "certificates.CertificateFile": "format",
    "certificates.BadgeKey": "public recorded_at",
    "certificates.Badge": "number key",
    "compliance.Merge": "clinic",
    "compliance.MergeDecision": "merge confirmed",
    "compliance.PeopleImport": "public_id clinic key mode full_roster invites file_sha256 columns note counts ended_at",
    "compliance.PeopleImportRow": "part_of position line planned outcome",
    "compliance.Change": "module_version section_version key_point before after effect people",
    "compliance.HeadAddress": "clinic salt",
    "compliance.CalendarFeed": "address_sha256",
    "compliance.ReminderHours": "clinic number from_hour until_hour digest_weekday set_at",
    "compliance.Pack": "public_id facts_at due_at tries done steps made_at size manifest_sha256 key_fingerprint problem "
    "removed_at",
    "compliance.PackPart": "pack position",
    "compliance.OutsideTraining": "client_key",
    "compliance.OutsideDecision": "signature",
    "compliance.SiteTrainer": "clinic number plan named_at",
    "compliance.SiteSession": "public_id clinic held_on minutes place questions_answered plan signature recorded_at",
    "compliance.SiteSessionWithdrawal": "session withdrawn_at",
    "compliance.PointTest": "seed",
    "compliance.PointTestItem": "position question_version",
    "compliance.Rule": "session clinic role programme module signed days starts_on standard recorded_at ends_on ended_at",
    "compliance.CycleRun": "clinic seq ran_on",
}


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_every_act_says_who(model):
    names = {field.name for field in model._meta.concrete_fields}
    for field in model._meta.concrete_fields:
        if isinstance(field, models.DateTimeField) and field.name != "last_login":
            who = "by" if field.name == "at" else f"{field.name.removesuffix('_at')}_by"
            label = f"{model._meta.label}.{field.name}"
            assert field.name == "at" or field.name.endswith("_at"), f"{label}: an instant's name ends in _at"
            assert (who in names) != (label in NO_BY), f"{label}: has no {who} and is not listed, or has one and is"
        if isinstance(field, models.DateField) and not isinstance(field, models.DateTimeField):
            assert field.name.endswith("_on"), f"{model._meta.label}.{field.name}: a date's name ends in _on"
        if field.name.endswith("_by"):
            assert f"{field.name.removesuffix('_by')}_at" in names, f"{model._meta.label}.{field.name}: when?"


def test_the_exemptions_name_fields_that_are_there():
    labels = {f"{model._meta.label}.{field.name}" for model in MODELS for field in model._meta.concrete_fields}
    assert set(NO_BY) <= labels


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_every_field_is_personal_data_or_not(model):
    personal = set(PERSONAL.get(model._meta.label, "").split())
    other = set(NOT_PERSONAL.get(model._meta.label, "").split())
    fields = {field.name for field in model._meta.concrete_fields if not field.primary_key}
    assert not personal & other
    assert personal | other == fields, "mark each field in tests/test_project.py"


def environment_names() -> set[str]:
    """Names that settings.py asks the environment for."""
    found = set()
    for node in ast.walk(ast.parse((ROOT / "config/settings.py").read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            asked = ast.unparse(node.func)
            if asked == "required" or asked.startswith("env.") or asked in ("os.environ.get", "os.getenv"):
                found.add(str(node.args[0].value))
    return {name for name in found if re.fullmatch(r"[A-Z][A-Z0-9_]+", name)}


@pytest.mark.parametrize("name", sorted(environment_names()))
def test_every_setting_is_in_the_readme(name):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.search(rf"^\|\s*`{name}`\s*\|", readme, re.M), f"{name} has no row in the README's table of settings"


def started(*asked: str, **changes: str | None) -> subprocess.CompletedProcess[str]:
    """Django set up in a process of its own, to check or for what is asked, with a whole environment but for these changes.

    None takes one away.
    """
    whole: dict[str, str | None] = {
        "PINPOINT_ENV_FILE": "",
        "SECRET_KEY": "only-for-this-test-0123456789012345678901234567890123456789",
        "SIGNING_KEYS": "test:" + "0123456789abcdef" * 4,
        "SITE_URL": "https://training.example.com",
        "ALLOWED_HOSTS": "training.example.com",
        "DATA_DIR": os.environ["DATA_DIR"],
        "PATH": os.environ["PATH"],
    }
    environment = {name: value for name, value in (whole | changes).items() if value is not None}
    command = [sys.executable, "manage.py", *(asked or ["check"])]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def test_a_whole_environment_starts():
    run = started()
    assert run.returncode == 0, run.stderr


def test_tries_at_made_up_addresses_do_not_push_out_those_at_a_real_one():
    run = started("shell", "-v", "0", "-c", "from django.core.cache import cache; print(cache._max_entries)")
    assert run.stdout.strip() == "10000", run.stderr


@pytest.mark.parametrize("empty", [None, " "], ids=["missing", "empty"])
@pytest.mark.parametrize("name", ["SECRET_KEY", "SIGNING_KEYS", "SITE_URL", "ALLOWED_HOSTS"])
def test_without_a_required_setting_the_site_says_which_and_where(name, empty):
    run = started(**{name: empty})
    assert run.returncode != 0
    assert f"{name} is not set" in run.stderr
    assert "Set it in the environment or in the .env file" in run.stderr


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("ALLOWED_HOSTS", "*", "ALLOWED_HOSTS is *"),
        ("ALLOWED_HOSTS", "a.example.com, *", "ALLOWED_HOSTS is *"),
        ("SITE_URL", "training.example.com", "SITE_URL is training.example.com"),
        ("SIGNING_KEYS", "without-a-name", "SIGNING_KEYS"),
        ("SIGNING_KEYS", "short:abc", "SIGNING_KEYS"),
        ("TRUSTED_PROXIES", "yes", "TRUSTED_PROXIES"),
    ],
)
def test_with_a_wrong_setting_the_site_says_what_came(name, value, sentence):
    run = started(**{name: value})
    assert run.returncode != 0
    last = run.stderr.strip().splitlines()[-1]
    assert last.startswith("django.core.exceptions.ImproperlyConfigured: ")
    assert sentence in last


TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
PICTURES = sorted([*(ROOT / "training/material").rglob("*.svg"), *(ROOT / "static").rglob("*.svg")])
INLINE = {
    "a style attribute": re.compile(r"<[^>]*\sstyle\s*=", re.I),
    "a style element": re.compile(r"<style\b", re.I),
    "a script in the page": re.compile(r"<script\b(?![^>]*\bsrc\s*=)", re.I),
    "a script with a body": re.compile(r"<script\b[^>]*>(?!\s*</script>)", re.I),
    "an event attribute": re.compile(r"<[^>]*\son[a-z]+\s*=", re.I),
    "a javascript: address": re.compile(r"javascript:", re.I),
    "something from another host": re.compile(
        r"<(?:script|link|img|iframe)\b[^>]*(?:src|href)\s*=\s*[\"'](?:https?:)?//", re.I
    ),
}
COMMENTS = re.compile(r"\{#.*?#\}|\{% comment %\}.*?\{% endcomment %\}|<!--.*?-->", re.S)
TAGS = re.compile(r"\{%.*?%\}|\{\{.*?\}\}", re.S)


@pytest.mark.parametrize("path", [*TEMPLATES, *PICTURES], ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_inline(path):
    """The Content-Security-Policy would block it; what a template tag writes is between its braces."""
    text = TAGS.sub("", COMMENTS.sub("", path.read_text(encoding="utf-8")))
    for what, pattern in INLINE.items():
        found = pattern.search(text)
        assert not found, f"{what}: {found.group()[:80] if found else ''}"


def test_there_are_templates_to_look_at():
    assert len(TEMPLATES) > 10


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_stored_is_marked_safe(path):
    """Only what the sanitiser made (its name ends in html) and the drawings that the loader has checked."""
    for expression in re.findall(r"\{\{\s*([^}|]+)\|safe\b", path.read_text(encoding="utf-8")):
        assert expression.strip().endswith(("html", "picture.svg")), f"{expression}|safe"


def test_pins_carry_hashes_and_no_index():
    for name in ("requirements.txt", "requirements-dev.txt"):
        lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
        pins = [line for line in lines if re.match(r"[a-z0-9]", line)]
        assert pins
        assert all("==" in line and line.endswith("\\") for line in pins)
        assert not [line for line in lines if line.startswith(("-i", "--index", "--extra", "--find", "--trusted"))]


def test_every_dependency_says_what_it_is_for():
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    block = text[text.index("dependencies = [") : text.index("]\n\n[dependency-groups]")]
    rows = [line for line in block.splitlines()[1:] if line.strip()]
    assert all("#" in line for line in rows), [line for line in rows if "#" not in line]


def test_decision_records_are_numbered_without_a_gap_and_say_their_number():
    records = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))
    assert [path.name[:4] for path in records] == [f"{number:04}" for number in range(1, len(records) + 1)]
    assert [path.name for path in records if not path.read_text().startswith(f"# {path.name[:4]} ")] == []
