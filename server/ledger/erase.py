"""Carrying erasures out on this node: record, log, quarantine and feed in one transaction (P-43).

Owns the order of that transaction; which records, why and who decides is told by `server.erasure`. Invariant: a reader of the feed
gets the erased state as any other change, so no device and no hub can miss it, whatever it held before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from server.ledger import erasures, store
from server.ledger.apply import Touched
from server.ledger.bulk import Bulk
from server.ledger.chains import forget_digest
from server.ledger.erasures import Erasure
from server.ledger.refold import touch_anew


@dataclass(slots=True)
class Done:
    """What was new: records, and the texts taken out of the log."""

    recs: list[str] = field(default_factory=list)
    texts: list[bytes] = field(default_factory=list)


def carry_out(bulk: Bulk, wanted: Sequence[Erasure], rx_at: int) -> Done:
    """Take the text of these records out of this node. In an open unit of work; twice changes nothing."""
    done = Done()
    touched: list[Touched] = []
    devs: set[str] = set()
    store.read_records(bulk, [each.rec for each in wanted])
    joined: dict[str, Erasure] = {}
    for each in wanted:
        joined[each.rec] = each.joined(joined.get(each.rec))
    for _, each in sorted(joined.items()):
        made = erasures.put(bulk, each)
        if made is None:
            continue
        texts, authors = erasures.wipe(bulk, made, rx_at)
        done.recs.append(made.rec)
        done.texts += texts
        devs |= authors
        if (found := touch_anew(bulk, made.rec)) is not None:
            touched.append(found)
    store.write_records(bulk, touched, rx_at)
    for dev in sorted(devs):
        forget_digest(bulk, dev)
    return done
