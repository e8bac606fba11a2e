from staff.guards import Guard, insert_only, never_deleted

_sealed = "EXISTS (SELECT 1 FROM quizzes_attempt a WHERE a.id = {row}.attempt_id AND a.state <> 'open')"
_sitting = (
    "EXISTS (SELECT 1 FROM quizzes_attemptitem i JOIN quizzes_attempt a ON a.id = i.attempt_id "
    "WHERE i.id = NEW.item_id AND a.state = 'open')"
)
_not_over = (
    "EXISTS (SELECT 1 FROM quizzes_attemptitem i JOIN quizzes_attempt a ON a.id = i.attempt_id WHERE i.id = NEW.item_id "
    "AND (a.state = 'voided' OR (a.state = 'open' AND NEW.arrived_at <= a.deadline_at)))"
)
_own = "EXISTS (SELECT 1 FROM quizzes_enquiry e WHERE e.id = NEW.enquiry_id AND e.person_id = NEW.answered_by_id)"
_drawn = "EXISTS (SELECT 1 FROM quizzes_attemptitem i WHERE i.question_version_id = {row}.id)"

GUARDS: list[Guard] = [
    insert_only("quizzes_quizversion"),
    insert_only("quizzes_rating"),
    insert_only("quizzes_cutfile"),
    never_deleted("quizzes_panel"),
    insert_only("quizzes_approval"),
    insert_only("quizzes_attemptgrant"),
    insert_only("quizzes_clinicclock"),
    never_deleted("quizzes_accommodation"),
    insert_only("quizzes_attemptitempoint"),
    insert_only("quizzes_response"),
    insert_only("quizzes_lateanswer"),
    insert_only("quizzes_seal"),
    insert_only("quizzes_mark"),
    insert_only("quizzes_outcome"),
    insert_only("quizzes_regrade"),
    insert_only("quizzes_disposition"),
    insert_only("quizzes_review"),
    insert_only("quizzes_review_restudy"),
    insert_only("quizzes_enquiry"),
    insert_only("quizzes_enquiryanswer"),
    insert_only("quizzes_answerseen"),
    Guard("quizzes_lateanswer", "after", ("INSERT",), "an answer is late once its attempt is over", when=_not_over),
    Guard("quizzes_enquiry", "after", ("INSERT",), "an item is questioned once its attempt has ended", when=_sitting),
    Guard("quizzes_enquiryanswer", "own", ("INSERT",), "nobody answers their own question", when=_own),
    never_deleted("quizzes_question"),
    never_deleted("quizzes_candidacy"),
    never_deleted("quizzes_attempt"),
    never_deleted("quizzes_attemptitem"),
    Guard("quizzes_attempt", "sealed", ("UPDATE",), "a sealed attempt does not change", when="OLD.state <> 'open'"),
    Guard(
        "quizzes_attempt",
        "identity",
        ("UPDATE",),
        "an attempt keeps what it was started with, and its deadline never moves back",
        when="NEW.candidacy_id <> OLD.candidacy_id OR NEW.quiz_version_id <> OLD.quiz_version_id OR "
        "NEW.module_version_id <> OLD.module_version_id OR NEW.seed <> OLD.seed OR NEW.started_at <> OLD.started_at OR "
        "NEW.public_id <> OLD.public_id OR NEW.kind <> OLD.kind OR "
        "COALESCE(NEW.limit_minutes, 0) <> COALESCE(OLD.limit_minutes, 0) OR NEW.deadline_at < OLD.deadline_at",
    ),
    Guard(
        "quizzes_attemptitem",
        "sealed",
        ("UPDATE",),
        "the items of a sealed attempt do not change",
        when=_sealed.format(row="OLD"),
    ),
    Guard(
        "quizzes_attemptitem",
        "late",
        ("INSERT",),
        "a sealed attempt takes no further item",
        when=_sealed.format(row="NEW"),
    ),
    Guard(
        "quizzes_attemptitem",
        "drawn",
        ("UPDATE",),
        "a drawn item keeps its question, order and place",
        when="NEW.question_version_id <> OLD.question_version_id OR NEW.tokens <> OLD.tokens OR "
        "NEW.attempt_id <> OLD.attempt_id OR NEW.position <> OLD.position OR NEW.revision < OLD.revision",
    ),
    Guard(
        "quizzes_questionversion",
        "drawn",
        ("UPDATE",),
        "a drawn question version keeps its wording",
        when="(NEW.body <> OLD.body OR NEW.sha256 <> OLD.sha256 OR NEW.number <> OLD.number OR "
        f"NEW.question_id <> OLD.question_id) AND {_drawn.format(row='OLD')}",
    ),
    never_deleted("quizzes_questionversion"),
]
