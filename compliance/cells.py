"""What the matrix is made of: a column for what can be asked, and a cell for how one person stands in it."""

from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property

from django.urls import reverse

from certificates.models import Certificate
from compliance import standing
from compliance.models import Incident, Waiver
from compliance.requirements.asking import Ask
from staff.models import Membership
from staff.templatetags.look import STATES
from training.models import ModuleVersion, Programme

MODULE, PROGRAMME, SESSION = "module", "programme", "session"


@dataclass(frozen=True)
class Column:
    """What can be asked: a published module of a programme, or (by `kind`) something else that has a title of its own."""

    kind: str
    slug: str
    title: str
    published_at: datetime | None = None
    module_version: ModuleVersion | None = None
    programme: Programme | None = None
    sections: int = 0
    minutes: int = 0

    @property
    def version(self) -> ModuleVersion:
        if self.module_version is None:
            raise LookupError(f"the column {self.slug} is no module")
        return self.module_version

    @property
    def module_id(self) -> int:
        return self.version.module_id


@dataclass(frozen=True)
class Cell:
    """`certificate` is the one that counts, wherever it was issued; it is linked where the viewer may open it.

    `asks` are the rules that ask for it, the one whose day comes first in front; `waiver` is the one in force, and
    `incident` what is asked after one and was not met yet: nothing while it is waived.
    """

    column: Column
    membership: Membership
    standing: standing.Standing
    certificate: Certificate | None
    linked: bool
    asks: tuple[Ask, ...] = ()
    waiver: Waiver | None = None
    on: date | None = None
    incident: Incident | None = None

    @cached_property
    def url(self) -> str:
        """The certificate where the viewer may open it, else the person."""
        if self.certificate and self.linked:
            return self.certificate.get_absolute_url()
        return reverse("compliance:person-detail", args=[self.membership.person.public_id])

    @cached_property
    def page(self) -> str:
        """Where its reasons and the next action stand."""
        args = [self.membership.person.public_id, self.membership.clinic.public_id, self.column.slug]
        then = f"?on={self.on.isoformat()}" if self.on else ""
        return f"{reverse('compliance:cell', args=args)}{then}"

    @property
    def required(self) -> bool:
        """Asked for by a rule, waived or not, or after an incident."""
        return bool(self.asks) or self.incident is not None

    @property
    def icon(self) -> str:
        return STATES[self.standing.state][1]

    @property
    def tone(self) -> str:
        return STATES[self.standing.state][2]
