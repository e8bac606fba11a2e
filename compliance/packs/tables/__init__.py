"""The tables of a pack, in the order in which an inspector reads them."""

from dataclasses import replace

from compliance.packs.tables.asked import INCIDENTS, LEAVES, RULES, WAIVERS
from compliance.packs.tables.base import Table
from compliance.packs.tables.elsewhere import ATTENDANCES, OFFERS, OUTSIDE, SESSIONS
from compliance.packs.tables.people import LICENCES, ROSTER
from compliance.packs.tables.records import ADOPTIONS, AUDIT, CERTIFICATES, DECISIONS, EVENTS, EXCEPTIONS, SIGNATURES
from compliance.packs.tables.results import ATTEMPTS, PRACTICALS, REVIEWS
from compliance.packs.tables.training import CONTENTS, TRAINERS, TRAINING

OF_A_CLINIC: tuple[Table, ...] = (
    ROSTER, LICENCES, RULES, EXCEPTIONS, WAIVERS, INCIDENTS, LEAVES, TRAINING, CONTENTS, SESSIONS, ATTENDANCES, OFFERS, OUTSIDE,
    TRAINERS, ATTEMPTS, REVIEWS, PRACTICALS, CERTIFICATES, EVENTS, SIGNATURES, ADOPTIONS, DECISIONS, AUDIT,
)  # fmt: skip
WORK = replace(
    ROSTER,
    title="Work",
    about="Where she works or worked, as what. A change of title is a row of its own. Roles are those of the last of the days.",
    none="No membership.",
)
OF_A_PERSON: tuple[Table, ...] = (
    WORK, LICENCES, CERTIFICATES, EVENTS, WAIVERS, INCIDENTS, LEAVES, TRAINING, SESSIONS, OFFERS, OUTSIDE, ATTEMPTS, REVIEWS,
    PRACTICALS, SIGNATURES, CONTENTS,
)  # fmt: skip
