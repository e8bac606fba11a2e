from certificates import models
from staff.admin import show

show(
    models.Certificate, "number", "holder_name", "title", "clinic", "issued_at", "valid_until_on",
    search=("number", "holder_name"), filters=("clinic",),
)  # fmt: skip
show(models.CertificateEvent, "certificate", "kind", "effective_at", "by", filters=("kind",))
show(models.CertificateFile, "certificate", "format", "file")
show(models.BadgeKey, "public", "recorded_at")
show(models.BadgeSubject, "certificate", "status_list", "status_index")
show(models.Badge, "certificate", "number", "key", "signed_at")
show(models.ProgrammeSigning, "certificate", "programme", "physician", search=("certificate__number",))
