"""One's own data leave no table out that says something of a person."""

import re

from django.apps import apps
from django.db import connection
from django.test.utils import CaptureQueriesContext

from compliance import trail
from compliance.keeping import own_data
from staff.models import StaffMember

# What a person did herself stands under "done", by the audit trail; so do these, which no name ends with "_by" tells.
BY_HER = {"training.Observation.observer", "quizzes.Review.reviewer"}
# What hangs on a row that is in the collection, and where it is told; or why it is not.
TOLD_WITH = {
    "admin.LogEntry": "Django's admin changes nothing here, so it writes none",
    "training.ObservedLine": "in the seal of the sheet",
    "training.ObservedScore": "in the seal of the sheet",
    "quizzes.AttemptItem": "in the seal of the attempt",
    "quizzes.AttemptItemPoint": "in the seal of the attempt",
    "quizzes.Response": "the last one in the seal of the attempt; how it came about goes 90 days later",
    "quizzes.Mark": "the key of an item that is still asked",
    "quizzes.Outcome": "with its attempt",
    "quizzes.Review": "with its attempt",
    "quizzes.EnquiryAnswer": "with its question",
    "quizzes.AnswerSeen": "when she opened her own page",
    "certificates.CertificateEvent": "with its certificate",
    "certificates.CertificateFile": "the papers themselves",
    "certificates.CertificateBasis": "in the certificate's facts",
    "certificates.ProgrammeSigning": "in the certificate's facts",
    "certificates.Badge": "downloaded with the certificate",
    "certificates.BadgeSubject": "downloaded with the certificate",
    "compliance.PointTestItem": "with its test",
}


def test_every_table_about_a_person_is_asked(cast):
    with CaptureQueriesContext(connection) as asked:
        own_data.collected(cast.aesthetician)
    asked_of = {
        (table, column)
        for query in asked
        for table, column in re.findall(r'"(\w+)"\."(\w+)" = ', query["sql"].partition(" WHERE ")[2])
    }
    said = " ".join(query["sql"] for query in asked)
    missing = []
    for model in apps.get_models():
        label = model._meta.label
        if model is StaffMember or label in TOLD_WITH:
            continue
        links = [
            field for field in model._meta.concrete_fields
            if field.related_model is StaffMember and not field.name.endswith("_by") and f"{label}.{field.name}" not in BY_HER
        ]  # fmt: skip
        missing += [f"{label}.{field.name}" for field in links if (model._meta.db_table, field.column) not in asked_of]
        if not links and trail.path_to_person(model) and f'"{model._meta.db_table}"' not in said:
            missing.append(label)
    assert missing == []


def test_what_is_told_elsewhere_still_exists():
    for label in TOLD_WITH:
        apps.get_model(label)
