"""After-commit listeners: who wants to know that scopes moved on.

Owns the list of callbacks; a callback gets `{scope: seq}` after the commit that caused it. A hint is never needed for
correctness (P-30), so a listener that fails is logged and must not fail the push.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog

Listener = Callable[[dict[str, int]], None]
log = structlog.get_logger(__name__)
_listeners: list[Listener] = []


def listen(listener: Listener) -> Callable[[], None]:
    """Add a listener; the result removes it again."""
    _listeners.append(listener)
    return lambda: _listeners.remove(listener)


def after_commit(seq_by_scope: dict[str, int]) -> None:
    """Tell every listener. Called by the ledger only, after a successful commit."""
    if not seq_by_scope:
        return
    for listener in tuple(_listeners):
        try:
            listener(seq_by_scope)
        except Exception:
            log.exception("hint_listener_failed")
