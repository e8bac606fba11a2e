from staff.models.clinics import Clinic, InstallationRole, Licence, Membership, MembershipRole
from staff.models.people import StaffMember
from staff.models.records import ActorName, AuditEvent, Chain, Signature, StoredFile
from staff.models.work import Heartbeat, OutgoingMail

__all__ = [
    "ActorName",
    "AuditEvent",
    "Chain",
    "Clinic",
    "Heartbeat",
    "InstallationRole",
    "Licence",
    "Membership",
    "MembershipRole",
    "OutgoingMail",
    "Signature",
    "StaffMember",
    "StoredFile",
]
