"""The tables of this floor, by what they record."""

from compliance.models.changes import Change, PointTest, PointTestItem, PointTestResult, Task
from compliance.models.heads import HeadAddress
from compliance.models.imports import PeopleImport, PeopleImportRow

__all__ = [
    "Change",
    "HeadAddress",
    "PeopleImport",
    "PeopleImportRow",
    "PointTest",
    "PointTestItem",
    "PointTestResult",
    "Task",
]
