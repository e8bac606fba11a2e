from compliance import models
from staff.admin import show

show(models.Change, "module_version", "key_point", "effect", "people", filters=("effect",))
show(models.Task, "person", "change", "due_on", "asked_at", "asked_by", search=("person__full_name",))
show(models.PointTest, "task", "number", "started_at", exclude=("seed",))
show(models.PointTestResult, "test", "right", "items", "passed", "ended_at")
show(models.HeadAddress, "clinic", "email", "added_at", "added_by", "ended_at")
show(models.ReminderHours, "clinic", "number", "from_hour", "until_hour", "digest_weekday", "set_at", "set_by")
show(models.ReminderMail, "person", "clinic", "day_on", "queued_at", "queued_by", search=("person__full_name",))
show(models.Reminder, "person", "about", "kind", "title", "step", "due_on", filters=("kind",))
show(
    models.Pack,
    "clinic",
    "from_on",
    "to_on",
    "asked_at",
    "asked_by",
    "tries",
    "made_at",
    "problem",
    filters=("clinic",),
)
show(
    models.Rule, "clinic", "role", "person", "programme", "module", "starts_on", "ends_on", filters=("role", "standard")
)
show(models.Waiver, "person", "module", "starts_on", "until_on", "ends_on", "recorded_by")
show(models.Leave, "person", "starts_on", "until_on", "ends_on")
show(models.Incident, "person", "module", "due_on", "ends_on", "recorded_by")
show(models.Cycle, "person", "module", "number", "reason", "due_on", "closing", filters=("reason", "closing"))
show(models.CycleRun, "clinic", "seq", "ran_on")
show(models.CalendarFeed, "person", "clinic", "made_at", "ended_at", exclude=("address_sha256",))
