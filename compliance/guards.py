from staff.guards import Guard, insert_only, never_deleted


def ended_once(table: str, *kept: str) -> list[Guard]:
    """Rows whose end alone is written later, once."""
    sentence = f"{table} rows are ended, never edited"
    return [
        never_deleted(table),
        Guard(table, "unedited", ("UPDATE",), sentence, columns=kept),
        Guard(table, "ended_once", ("UPDATE",), f"{table} rows are ended once", when="OLD.ended_at IS NOT NULL"),
    ]


RECORDED = ("public_id", "clinic_id", "recorded_at", "recorded_by_id", "starts_on")

GUARDS: list[Guard] = [
    Guard(
        "compliance_peopleimport",
        "applied",
        ("DELETE",),
        "a list of people that was applied stays on record",
        when="OLD.began_at IS NOT NULL",
    ),
    Guard(
        "compliance_peopleimport",
        "sent",
        ("UPDATE",),
        "a list of people keeps what was sent and how",
        columns=(
            *("public_id", "clinic_id", "key", "mode", "full_roster", "file_name", "file_sha256", "columns", "note"),
            *("sent_at", "sent_by_id"),
        ),
    ),
    Guard(
        "compliance_peopleimport",
        "ended",
        ("UPDATE",),
        "a list of people that was carried out does not change",
        when="OLD.ended_at IS NOT NULL",
    ),
    insert_only("compliance_merge"),
    insert_only("compliance_mergedecision"),
    insert_only("compliance_change"),
    insert_only("compliance_task"),
    insert_only("compliance_pointtest"),
    insert_only("compliance_pointtestitem"),
    insert_only("compliance_pointtestresult"),
    never_deleted("compliance_headaddress"),
    Guard(
        "compliance_headaddress",
        "named",
        ("UPDATE",),
        "who named an address outside, and when, stays as it was",
        columns=("clinic_id", "added_at", "added_by_id"),
    ),
    insert_only("compliance_reminderhours"),
    insert_only("compliance_remindermail"),
    insert_only("compliance_reminder"),
    never_deleted("compliance_pack"),
    Guard(
        "compliance_pack",
        "asked",
        ("UPDATE",),
        "what was asked of a pack stays as it was",
        columns=("public_id", "clinic_id", "from_on", "to_on", "facts_at", "asked_at", "asked_by_id"),
    ),
    *ended_once(
        "compliance_rule",
        *RECORDED,
        *("role", "person_id", "programme_id", "module_id", "signed", "days", "standard", "reason", "session"),
    ),
    *ended_once("compliance_waiver", *RECORDED, "person_id", "module_id", "session", "reason", "until_on"),
    *ended_once("compliance_leave", *RECORDED, "person_id", "until_on"),
    *ended_once("compliance_incident", *RECORDED, "person_id", "module_id", "reason", "due_on"),
    never_deleted("compliance_cycle"),
    Guard(
        "compliance_cycle",
        "unedited",
        ("UPDATE",),
        "a cycle is closed, never edited",
        columns=(
            "person_id",
            "clinic_id",
            "module_id",
            "number",
            "reason",
            "due_on",
            "opened_at",
            "opened_by_id",
            "incident_id",
        ),
    ),
    Guard("compliance_cycle", "closed_once", ("UPDATE",), "a cycle is closed once", when="OLD.closed_at IS NOT NULL"),
    insert_only("compliance_outsidetraining"),
    insert_only("compliance_outsidecheck"),
    insert_only("compliance_outsidedecision"),
    insert_only("compliance_outsidewithdrawal"),
    insert_only("compliance_sitetrainer"),
    insert_only("compliance_sitesession"),
    insert_only("compliance_siteattendance"),
    insert_only("compliance_sitesessionwithdrawal"),
    insert_only("compliance_hepatitisoffer"),
    *ended_once("compliance_calendarfeed", "person_id", "clinic_id", "address_sha256", "made_at"),
]
