from quizzes import models
from staff.admin import show

show(models.Question, "code", "section", "bank", "kind", search=("code",), filters=("bank",))
show(
    models.QuestionVersion,
    "question",
    "number",
    "state",
    "approved_at",
    "approved_via",
    search=("question__code",),
    filters=("state",),
)
show(models.Approval, "question_version", "approved_at", "approved_by", search=("question_version__question__code",))
show(models.QuizVersion, "quiz", "number", "items", "cut", "attempts", "created_at")
show(
    models.Candidacy,
    "person",
    "quiz",
    "clinic",
    "cycle",
    "reason",
    "closed_at",
    search=("person__full_name",),
    filters=("clinic",),
)
show(
    models.Attempt, "public_id", "number", "kind", "state", "started_at", "ended_at",
    search=("public_id", "candidacy__person__full_name"), filters=("state",), exclude=("seed",),
)  # fmt: skip
show(models.Outcome, "attempt", "number", "passed", "points", "max_points")
show(models.Review, "attempt", "decision", "reviewer", "reviewed_at", filters=("decision",))
show(models.Regrade, "question_version", "clinic", "option", "regraded_at", "regraded_by", filters=("option", "clinic"))
show(models.Disposition, "outcome", "decision", "decided_at", "decided_by", filters=("decision",))
show(models.AttemptGrant, "candidacy", "kind", "extra", "granted_at", "granted_by")
show(models.ClinicClock, "clinic", "number", "limit_minutes", "set_at", "set_by", filters=("clinic",))
show(models.Accommodation, "person", "time_percent", "category", "valid_until_on")
show(models.Enquiry, "public_id", "clinic", "asked_at", search=("public_id",), filters=("clinic",))
show(models.EnquiryAnswer, "enquiry", "role", "closes", "answered_at", "answered_by", filters=("role",))
show(models.Panel, "quiz", "number", "opened_at", "closed_at")
show(models.Rating, "panel", "question_version", "percent", "rated_at")
show(models.CutFile, "panel", "mean", "next_review_on", "filed_at", "filed_by")
