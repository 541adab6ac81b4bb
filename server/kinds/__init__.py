"""Registry of record kinds: the one list of what the town records.

Owns `MODELS` (typed tables by kind name), `KINDS` (their declarations, derived from the models) and `SUBJECTS` (the field in which
a kind that only speaks of another record names it).
To add a kind: write its file, add one line here, run `python -m server.generate`, make a migration, add its seed ops.
"""

from __future__ import annotations

from typing import Any

from server.kinds.attachment import Attachment
from server.kinds.catalogue_item import CatalogueItem
from server.kinds.columns import kind_of
from server.kinds.conflict_case import ConflictCase
from server.kinds.event import Event
from server.kinds.grid_cell import GridCell
from server.kinds.hazard import Hazard
from server.kinds.inspection import Inspection
from server.kinds.lists import LISTS
from server.kinds.patrol import Patrol
from server.kinds.patrol_plan import PatrolPlan
from server.kinds.person import Person
from server.kinds.setting import Setting
from server.kinds.shelter import Shelter
from server.kinds.station import Station
from server.kinds.stock_count import StockCount
from server.kinds.stock_item import StockItem
from server.kinds.stock_lot import StockLot
from server.kinds.stock_movement import StockMovement
from server.kinds.template import Template
from server.kinds.transfer import Transfer
from server.kinds.unmask import Unmask
from sync.fields import Kind

__all__ = ["KINDS", "LISTS", "MODELS", "SUBJECTS"]

_IN_ORDER: tuple[type[Any], ...] = (
    Station,
    GridCell,
    Template,
    CatalogueItem,
    Shelter,
    PatrolPlan,
    Setting,
    Event,
    Patrol,
    Hazard,
    Inspection,
    StockItem,
    StockLot,
    StockMovement,
    StockCount,
    Person,
    Transfer,
    Attachment,
    ConflictCase,
    Unmask,
)

MODELS: dict[str, type[Any]] = {model.__tablename__.removeprefix("k_"): model for model in _IN_ORDER}
KINDS: dict[str, Kind] = {name: kind_of(model) for name, model in MODELS.items()}
SUBJECTS: dict[str, str] = {name: model.__kind__.subject for name, model in MODELS.items() if model.__kind__.subject}
