"""The tables of a pack, in the order in which an inspector reads them."""

from compliance.packs.tables.base import Table
from compliance.packs.tables.people import LICENCES, ROSTER
from compliance.packs.tables.records import ADOPTIONS, AUDIT, CERTIFICATES, DECISIONS, EVENTS, EXCEPTIONS, SIGNATURES
from compliance.packs.tables.results import ATTEMPTS, PRACTICALS, REVIEWS
from compliance.packs.tables.training import CONTENTS, TRAINERS, TRAINING

OF_A_CLINIC: tuple[Table, ...] = (
    ROSTER, LICENCES, EXCEPTIONS, TRAINING, CONTENTS, TRAINERS, ATTEMPTS, REVIEWS, PRACTICALS, CERTIFICATES, EVENTS,
    SIGNATURES, ADOPTIONS, DECISIONS, AUDIT,
)  # fmt: skip
OF_A_PERSON: tuple[Table, ...] = (
    ROSTER, LICENCES, TRAINING, CONTENTS, ATTEMPTS, REVIEWS, PRACTICALS, CERTIFICATES, EVENTS, SIGNATURES,
)  # fmt: skip
