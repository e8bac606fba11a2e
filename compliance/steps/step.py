"""One next step in words: what, why, how long, until when."""

from dataclasses import dataclass

# In this order they are offered; what waits for somebody else comes after everything one can do oneself.
RUNNING, AGAIN, OPEN, RENEW, WAITING, DONE = range(6)


@dataclass(frozen=True)
class Step:
    """`acts` is false where the person can only wait, or has nothing to do."""

    title: str
    text: str
    url: str = ""
    action: str = ""
    kicker: str = ""
    second_url: str = ""
    second: str = ""
    rank: int = OPEN

    @property
    def acts(self) -> bool:
        return self.rank < WAITING
