"""How often somebody may do a thing within 24 hours, counted from the audit log: exact over all processes and restarts.

Owns the counting. Called in the transaction of the deed, before its own line is written. Invariant: of one account's deeds only one at
a time gets past here (its row is locked), so its figure is never passed; the figure of all together may be, by those at work at once.
"""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.accounts.models import Audit, User
from server.errors import fail

DAY_MS = 86_400_000
# All accounts together have so many times what one has.
TOGETHER_TIMES = 10


def allow(session: Session, at: int, user_id: str, action: str, most: int) -> None:
    """Raises `day_limit` when `user_id` did `action` `most` times within 24 hours, or all together ten times as often."""
    session.execute(select(User.id).where(User.id == user_id).with_for_update())
    within = (Audit.action == action) & (Audit.at > at - DAY_MS)
    for limit, whose in ((most, within & (Audit.actor == user_id)), (most * TOGETHER_TIMES, within)):
        count, oldest = session.execute(select(func.count(), func.min(Audit.at)).where(whose)).one()
        if count >= limit:
            seconds = max(1, (oldest + DAY_MS - at) // 1000)
            raise fail("day_limit", seconds=seconds, headers={"Retry-After": str(seconds)})
