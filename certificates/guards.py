from staff.guards import Guard, insert_only, never_deleted

GUARDS: list[Guard] = [
    insert_only("certificates_certificate"),
    insert_only("certificates_certificateevent"),
    insert_only("certificates_programmesigning"),
    insert_only("certificates_certificatebasis"),
    insert_only("certificates_certificatefile"),
    insert_only("certificates_badgekey"),
    insert_only("certificates_badgesubject"),
    insert_only("certificates_badge"),
    never_deleted("certificates_numberseries"),
    Guard(
        "certificates_numberseries",
        "forward",
        ("UPDATE",),
        "certificate numbers only rise",
        when="NEW.last <= OLD.last",
    ),
]
