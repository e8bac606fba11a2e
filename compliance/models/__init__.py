"""The tables of this floor, by what they record."""

from compliance.models.bloodborne import (
    HepatitisOffer,
    SiteAttendance,
    SiteSession,
    SiteSessionWithdrawal,
    SiteTrainer,
)
from compliance.models.changes import Change, PointTest, PointTestItem, PointTestResult, Task
from compliance.models.feeds import CalendarFeed
from compliance.models.heads import HeadAddress
from compliance.models.imports import PeopleImport, PeopleImportRow
from compliance.models.incidents import Incident
from compliance.models.merges import Merge, MergeDecision
from compliance.models.outside import OutsideCheck, OutsideDecision, OutsideTraining, OutsideWithdrawal
from compliance.models.packs import Pack, PackPart
from compliance.models.reminders import Reminder, ReminderHours, ReminderMail
from compliance.models.requirements import Cycle, CycleRun, Leave, Rule, Waiver

__all__ = [
    "CalendarFeed",
    "Change",
    "Cycle",
    "CycleRun",
    "HeadAddress",
    "HepatitisOffer",
    "Incident",
    "Leave",
    "Merge",
    "MergeDecision",
    "OutsideCheck",
    "OutsideDecision",
    "OutsideTraining",
    "OutsideWithdrawal",
    "Pack",
    "PackPart",
    "PeopleImport",
    "PeopleImportRow",
    "PointTest",
    "PointTestItem",
    "PointTestResult",
    "Reminder",
    "ReminderHours",
    "ReminderMail",
    "Rule",
    "SiteAttendance",
    "SiteSession",
    "SiteSessionWithdrawal",
    "SiteTrainer",
    "Task",
    "Waiver",
]
