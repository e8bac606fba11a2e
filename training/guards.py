from staff.guards import Guard, insert_only, never_deleted

GUARDS: list[Guard] = [
    insert_only("training_picture"),
    insert_only("training_sectionversion"),
    insert_only("training_sectionversion_pictures"),
    insert_only("training_moduleversion"),
    insert_only("training_moduleversionsection"),
    insert_only("training_keypointversion"),
    insert_only("training_keypointversion_depends_on"),
    insert_only("training_citation"),
    insert_only("training_readingconfirmation"),
    insert_only("training_rereading"),
    insert_only("training_protocolvalue"),
    insert_only("training_adoption"),
    never_deleted("training_keypoint"),
    Guard(
        "training_keypoint",
        "code",
        ("UPDATE",),
        "a key point keeps its code",
        columns=("code", "module_id"),
        when="NEW.code <> OLD.code OR NEW.module_id <> OLD.module_id",
    ),
    never_deleted("training_reading"),
    never_deleted("training_draft"),
]
