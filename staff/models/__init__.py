from staff.models.clinics import Clinic, InstallationRole, Licence, Membership, MembershipRole
from staff.models.factors import FactorReset, FactorRule
from staff.models.keeping import Erasure, LegalHold, RetentionRule, Tombstone
from staff.models.people import StaffMember
from staff.models.records import ActorName, AuditEvent, Chain, Signature, SigningAcceptance, StoredFile
from staff.models.security import SecurityEvent
from staff.models.work import Heartbeat, OutgoingMail

__all__ = [
    "ActorName",
    "AuditEvent",
    "Chain",
    "Clinic",
    "Erasure",
    "FactorReset",
    "FactorRule",
    "Heartbeat",
    "InstallationRole",
    "LegalHold",
    "Licence",
    "Membership",
    "MembershipRole",
    "OutgoingMail",
    "RetentionRule",
    "SecurityEvent",
    "Signature",
    "SigningAcceptance",
    "StaffMember",
    "StoredFile",
    "Tombstone",
]
