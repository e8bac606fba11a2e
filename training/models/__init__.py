from training.models.drafts import Draft
from training.models.glossary import Term
from training.models.modules import (
    KeyPoint,
    KeyPointVersion,
    Module,
    ModuleVersion,
    ModuleVersionSection,
    Picture,
    Programme,
    Section,
    SectionVersion,
)
from training.models.practicals import (
    Acknowledgement,
    Observation,
    ObservedLine,
    ObservedScore,
    ObserverDecision,
    PracticalVersion,
    SelfEvaluation,
)
from training.models.protocol import Adoption, ProtocolItem, ProtocolReread, ProtocolValue, StateRule
from training.models.reading import Reading, ReadingConfirmation, Rereading
from training.models.search import Passage
from training.models.sources import Citation, Fact, Position, Source

__all__ = [
    "Acknowledgement",
    "Adoption",
    "Citation",
    "Draft",
    "Fact",
    "KeyPoint",
    "KeyPointVersion",
    "Module",
    "ModuleVersion",
    "ModuleVersionSection",
    "Observation",
    "ObservedLine",
    "ObservedScore",
    "ObserverDecision",
    "Passage",
    "Picture",
    "Position",
    "PracticalVersion",
    "Programme",
    "ProtocolItem",
    "ProtocolReread",
    "ProtocolValue",
    "Reading",
    "ReadingConfirmation",
    "Rereading",
    "Section",
    "SectionVersion",
    "SelfEvaluation",
    "Source",
    "StateRule",
    "Term",
]
