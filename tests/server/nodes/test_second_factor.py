"""A second factor set up at the centre holds at the hub too: its secret travels open over the authorised line and is sealed again (ADR 0020)."""

from __future__ import annotations

from sqlalchemy.orm import Session

from server.accounts import second_factor, service
from server.accounts.models import SecondFactor
from server.db import db, unit
from server.nodes import accounts
from server.seal import MARK
from tests.server.ledger.world import World
from tests.server.nodes.conftest import NOW


def test_a_second_factor_reaches_the_hub_sealed_anew_and_its_reset_too(world: World, hub: Session) -> None:
    with unit(db.session()) as session:
        user = service.add_user(session, NOW, "test", "duty", "值班员", "tide-and-seawall-73")
        second_factor.begin(session, NOW, user, "示例镇")
        session.flush()
        made = session.get_one(SecondFactor, user.id)
        made.secret, made.pending, made.last_step = made.pending, None, 7
        user_id, sealed = user.id, bytes(made.secret or b"")
    digest, rows = accounts.told(db.session())
    accounts.copy(hub, rows)
    kept = hub.get_one(SecondFactor, user_id)
    assert kept.secret is not None
    assert kept.secret.startswith(MARK)
    assert kept.secret != sealed
    assert second_factor.open_secret(user_id, kept.secret) == second_factor.open_secret(user_id, sealed)
    kept.last_step = 9
    hub.commit()
    assert accounts.told(hub)[0] == digest, "the codes each node took are its own"
    accounts.copy(hub, rows)
    assert hub.get_one(SecondFactor, user_id).last_step == 9, "no code is opened twice by a meeting"
    with unit(db.session()) as session:
        second_factor.reset(session, NOW, "test", user_id)
    accounts.copy(hub, accounts.told(db.session())[1])
    assert not second_factor.held(hub, user_id)
