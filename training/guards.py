from staff.guards import Guard, insert_only, never_deleted

_signed = "EXISTS (SELECT 1 FROM training_observation o WHERE o.id = {row}.observation_id AND o.state <> 'open')"

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
    insert_only("training_protocolreread"),
    insert_only("training_staterule"),
    insert_only("training_practicalversion"),
    insert_only("training_observerdecision"),
    insert_only("training_observedscore"),
    insert_only("training_selfevaluation"),
    insert_only("training_acknowledgement"),
    never_deleted("training_observation"),
    never_deleted("training_observedline"),
    Guard("training_observation", "sealed", ("UPDATE",), "a signed sheet does not change", when="OLD.state <> 'open'"),
    Guard(
        "training_observation",
        "identity",
        ("UPDATE",),
        "a sheet keeps whom it is about and who watched",
        when="NEW.learner_id <> OLD.learner_id OR NEW.observer_id <> OLD.observer_id OR NEW.clinic_id <> OLD.clinic_id "
        "OR NEW.public_id <> OLD.public_id OR NEW.started_at <> OLD.started_at OR NEW.observed_on <> OLD.observed_on "
        "OR NEW.setting <> OLD.setting",
    ),
    Guard(
        "training_observedline",
        "sealed",
        ("UPDATE",),
        "the lines of a signed sheet do not change",
        when=_signed.format(row="OLD"),
    ),
    Guard(
        "training_observedline",
        "criterion",
        ("UPDATE",),
        "a line keeps its criterion and its place",
        when="NEW.observation_id <> OLD.observation_id OR NEW.practical_id <> OLD.practical_id "
        "OR NEW.criterion <> OLD.criterion OR NEW.position <> OLD.position OR NEW.revision < OLD.revision",
    ),
    Guard(
        "training_observedline",
        "late",
        ("INSERT",),
        "a signed sheet takes no further line",
        when=_signed.format(row="NEW"),
    ),
    Guard(
        "training_acknowledgement",
        "after",
        ("INSERT",),
        "a sheet is acknowledged once it is signed",
        when="NOT EXISTS (SELECT 1 FROM training_observation o WHERE o.id = NEW.observation_id AND o.state = 'signed' "
        "AND o.seal_sha256 = NEW.seal_sha256)",
    ),
]
