"""Django's sessions in the database, found by a written-out statement.

Every request begins with its session and its person; the person is found in `staff.accounts`.
"""

from typing import Any

from django.contrib.sessions.backends import db
from django.utils import timezone

from staff import written

FIND = "SELECT session_data FROM django_session WHERE session_key = %s AND expire_date > %s"


class SessionStore(db.SessionStore):
    def load(self) -> dict[str, Any]:
        found = written.ask(FIND, [self.session_key, written.stored(timezone.now())])
        if found is None:
            self._session_key = None
            return {}
        data: dict[str, Any] = self.decode(found[0])
        return data
