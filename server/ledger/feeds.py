"""What a reader is given of a scope: all of it, or the scope masked, without the kinds that are about people (P-45).

Owns the names of feeds and what they mean in SQL. The feed of a whole scope is named like the scope. The name of a masked one holds
a hash of the kinds in it: when an upgrade makes a kind known or personal it is another feed, and is sent anew. What this version
does not know counts as personal, as it does for sealing.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

from server.kinds import KINDS
from server.seal import is_sealed_kind

COMMON_KINDS = tuple(sorted(kind for kind in KINDS if not is_sealed_kind(kind)))
MASKED = f"masked-{sha256(' '.join(COMMON_KINDS).encode()).hexdigest()[:6]}:"

# A condition with `?` marks and its values, in their order.
Condition = tuple[str, tuple[str, ...]]


def masked(scope: str) -> str:
    """The feed of a scope without what is about people."""
    return MASKED + scope


def is_masked(feed: str) -> bool:
    """Whether a feed of this version leaves something out."""
    return feed.startswith(MASKED)


def scope_of(feed: str) -> str:
    """The scope a feed is of; also of a feed another version named."""
    return feed.partition(":")[2] if feed.startswith("masked-") else feed


def best(feeds: Iterable[str]) -> tuple[str, ...]:
    """One feed per scope, sorted: the whole scope where it is given as well as masked."""
    found = set(feeds)
    return tuple(sorted(feed for feed in found if not (is_masked(feed) and scope_of(feed) in found)))


def visible(feeds: Iterable[str], table: str = "record") -> Condition:
    """Which rows of `table` (with `scope` and `kind`) the feeds hold."""
    whole = tuple(feed for feed in feeds if not is_masked(feed))
    scopes = (*whole, *(scope_of(feed) for feed in feeds if is_masked(feed)))
    if not scopes:
        return "1 = 0", ()
    condition = f"{table}.scope IN ({_marks(scopes)})"
    if len(scopes) == len(whole):
        return condition, scopes
    # The scopes stay one list, which the index on (scope, seq) serves; this only drops rows of it.
    common = f"{table}.kind IN ({_marks(COMMON_KINDS)})"
    kept = f"({common} OR {table}.scope IN ({_marks(whole)}))" if whole else common
    return f"{condition} AND {kept}", (*scopes, *COMMON_KINDS, *whole)


def shows(feeds: Iterable[str], scope: str, kind: str) -> bool:
    """Whether a record of that scope and kind is in one of the feeds."""
    found = set(feeds)
    return scope in found or (masked(scope) in found and kind in COMMON_KINDS)


def _marks(values: tuple[str, ...]) -> str:
    return ", ".join("?" * len(values))
