"""The tables of this floor, by what they record."""

from compliance.models.changes import Change, PointTest, PointTestItem, PointTestResult, Task
from compliance.models.heads import HeadAddress
from compliance.models.imports import PeopleImport, PeopleImportRow
from compliance.models.packs import Pack, PackPart
from compliance.models.reminders import Reminder, ReminderHours, ReminderMail
from compliance.models.requirements import Cycle, CycleRun, Leave, Rule, Waiver

__all__ = [
    "Change",
    "Cycle",
    "CycleRun",
    "HeadAddress",
    "Leave",
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
    "Task",
    "Waiver",
]
