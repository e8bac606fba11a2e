"""Rules that many tables state in the same words."""

from django.db.models import CheckConstraint, F, Q


def whole(act: str, *, name: str, since: str = "") -> CheckConstraint:
    """What was done has both its instant and its person, or neither; `since` names the instant it cannot precede."""
    at, by = f"{act}_at", f"{act}_by"
    done = {f"{at}__gte": F(since)} if since else {f"{at}__isnull": False}
    return CheckConstraint(condition=Q(**{at: None, by: None}) | Q(**done, **{f"{by}__isnull": False}), name=name)
