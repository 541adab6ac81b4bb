"""The built app stays light (targets B): what the first screen needs and what the whole handheld needs, gzipped; sizes do not depend on the machine."""

from __future__ import annotations

import pytest

from tests.bench import sizes


@pytest.fixture(autouse=True)
def built() -> None:
    assert (sizes.DIST / "index.html").exists(), "build the app first: make build"


def test_the_first_screen_needs_little() -> None:
    assert sizes.first_screen() <= sizes.FIRST_KB_MAX * 1000


def test_the_whole_field_app_stays_small() -> None:
    assert sizes.field_app() <= sizes.FIELD_KB_MAX * 1000


def test_what_is_weighed_is_what_is_built() -> None:
    """Every chunk is either the handheld's or only the centre's; a chunk no link was found to would be weighed nowhere."""
    assets = sizes.DIST / "assets"
    every = {path.name for path in assets.iterdir() if path.suffix in (".js", ".css")}
    linked = sizes.reached(sizes.entry(sizes.DIST), assets, sizes.NAMED)
    assert every - linked == set()
