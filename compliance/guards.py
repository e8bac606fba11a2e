from staff.guards import Guard, insert_only, never_deleted

GUARDS: list[Guard] = [
    insert_only("compliance_change"),
    insert_only("compliance_task"),
    insert_only("compliance_pointtest"),
    insert_only("compliance_pointtestitem"),
    insert_only("compliance_pointtestresult"),
    never_deleted("compliance_headaddress"),
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
]
