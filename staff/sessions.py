"""Django's sessions in the database, found by a written-out statement.

Every request begins with its session and its person. The ORM takes three times as long to put either question together as
both take to be answered; the statement of the person is in `staff.accounts`.
"""

from django.contrib.sessions.backends import db
from django.contrib.sessions.models import Session
from django.utils import timezone

FIND = "SELECT session_key, session_data, expire_date FROM django_session WHERE session_key = %s"


class SessionStore(db.SessionStore):
    def _get_session_from_db(self) -> Session | None:
        found: Session | None = next(iter(Session.objects.raw(FIND, [self.session_key])), None)
        if found and found.expire_date > timezone.now():
            return found
        self._session_key = None
        return None
