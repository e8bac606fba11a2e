"""Django's admin shows every table and changes none: what changes people goes through actions, so that it is on record."""

from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from staff import models


class ReadOnlyAdmin(admin.ModelAdmin):
    list_per_page = 50
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


def show(
    model: type[Model], *columns: str, search: tuple[str, ...] = (), filters: tuple[str, ...] = (), **more: Any
) -> None:
    """Register `model` for looking at, with these columns."""
    related = tuple(f.name for f in model._meta.fields if f.is_relation and f.name in columns)
    options = {
        "list_display": columns,
        "search_fields": search,
        "list_filter": filters,
        "list_select_related": related or False,
    }
    admin.site.register(model, type(f"{model.__name__}Admin", (ReadOnlyAdmin,), {**options, **more}))


# What packages registered by themselves could be changed there, an address being a way into an account: taken out.
for model in list(admin.site._registry):
    admin.site.unregister(model)

show(
    models.StaffMember,
    "full_name",
    "email",
    "is_active",
    "joined_at",
    search=("full_name", "email"),
    exclude=("password",),
)
show(models.Clinic, "name", "address", "zone", search=("name",))
show(
    models.Membership,
    "person",
    "clinic",
    "job_title",
    "hired_on",
    "ended_at",
    search=("person__full_name",),
    filters=("clinic",),
)
show(models.MembershipRole, "membership", "role", "granted_at", "identity_checked_at", "ended_at", filters=("role",))
show(models.InstallationRole, "person", "role", "granted_at", "ended_at", filters=("role",))
show(models.Licence, "person", "type", "authority", "expires_on", search=("person__full_name",))
show(models.Chain, "__str__", "seq", "head")
show(
    models.AuditEvent, "chain", "seq", "at", "actor", "action", "subject_type", "subject_id",
    search=("action", "subject_id"), filters=("chain",),
)  # fmt: skip
show(
    models.Signature,
    "signer_name",
    "meaning_code",
    "clinic",
    "signed_at",
    search=("signer_name",),
    filters=("meaning_code",),
)
show(models.StoredFile, "sha256", "media_type", "stored_at", exclude=("bytes",))
show(
    models.OutgoingMail,
    *("subject", "person", "due_at", "sent_at", "tries", "tried_at", "given_up_at"),
    search=("subject",),
    filters=("given_up_at",),
    exclude=("body",),
)
show(models.Heartbeat, "name", "beat_at")
show(models.RetentionRule, "clinic", "number", "country", "years", "set_at", "set_by", filters=("clinic",))
show(models.FactorRule, "clinic", "number", "of_physicians", "of_managers", "holds_at", "set_at", "set_by")
show(models.SigningAcceptance, "person", "wording", "accepted_at", "clinic", search=("person__full_name",))
show(models.FactorReset, "person", "number", "clinic", "reset_at", "reset_by", search=("person__full_name",))
show(models.SecurityEvent, "person", "kind", "at", "ip", search=("person__full_name",), filters=("kind",))
show(models.LegalHold, "clinic", "person", "placed_at", "release_at", "lifted_at", filters=("clinic",))
show(models.Erasure, "person", "kind", "erased_at", "erased_by", filters=("kind",))
show(models.Tombstone, "label", "row", "name", "sha256", "batch", search=("name", "batch"))
