from staff.admin import show
from training import models

show(models.Source, "code", "title", "label", search=("code", "title"), filters=("label",))
show(models.Fact, "code", "statement", "verified", search=("code", "statement"), filters=("verified", "kind"))
show(models.Position, "code", "title", "priority", search=("code", "title"))
show(models.Term, "term", "code", search=("term", "code"))
show(models.Module, "slug", "code", "position")
show(models.Programme, "slug", "title")
show(models.ModuleVersion, "title", "number", "change", "published_at", "published_by", filters=("module",))
show(models.SectionVersion, "section", "number", "title", "origin", "created_at", filters=("section__module",))
show(models.KeyPoint, "code", "module", "retired_at", search=("code",), filters=("module",))
show(
    models.KeyPointVersion,
    "key_point",
    "section_version",
    "critical",
    search=("key_point__code", "text"),
    filters=("critical",),
)
show(models.ProtocolItem, "code", "title")
show(models.ProtocolValue, "item", "clinic", "number", "is_default", "decided_at", filters=("clinic",))
show(models.Adoption, "clinic", "module_version", "adopted_at", filters=("clinic",))
show(models.ReadingConfirmation, "person", "section_version", "number", "confirmed_at", search=("person__full_name",))
show(models.Rereading, "person", "module", "asked_at", "asked_by", search=("person__full_name",), filters=("module",))
show(models.Draft, "section", "revision", "origin", "saved_at", "saved_by", "closed_at", filters=("origin",))
show(models.PracticalVersion, "code", "number", "title", "starred", search=("code", "title"))
show(models.ObserverDecision, "clinic", "person", "number", "approved", "decided_at", filters=("clinic",))
show(
    models.Observation,
    "public_id",
    "learner",
    "observer",
    "setting",
    "state",
    "observed_on",
    filters=("clinic", "state"),
)
show(models.SelfEvaluation, "person", "practical", "number", "evaluated_at", search=("person__full_name",))
show(models.StateRule, "clinic", "number", "decided_at", filters=("clinic",))
show(models.ProtocolReread, "person", "section", "asked_at", search=("person__full_name",))
