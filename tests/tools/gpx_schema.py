"""What gpx.xsd (GPX 1.1, topografix.com) says of the elements that the centre writes, as far as it writes them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import datetime
from xml.etree.ElementTree import Element

from defusedxml.ElementTree import fromstring

NAMESPACE = "http://www.topografix.com/GPX/1/1"
# The order in which they stand.
ORDER = {"gpx": ("metadata", "wpt", "trk"), "metadata": ("name", "desc", "time"), "wpt": ("time", "name", "type"), "trk": ("name", "trkseg"), "trkseg": ("trkpt",), "trkpt": ("time",)}


def elements(parent: Element) -> Iterator[Element]:
    yield parent
    for child in parent:
        yield from elements(child)


def fits_the_schema(data: bytes) -> None:
    """Names, order and attributes as gpx.xsd has them; a time is an xsd:dateTime in UTC, a position lies in its bounds."""
    root = fromstring(data, forbid_dtd=True)
    assert root.tag == f"{{{NAMESPACE}}}gpx"
    assert root.attrib == {"version": "1.1", "creator": "Xun'an"}
    for each in elements(root):
        name, children = each.tag.rpartition("}")[2], [child.tag.rpartition("}")[2] for child in each]
        order = ORDER.get(name, ())
        assert children == sorted(children, key=order.index), name
        assert all(len(list(group)) == 1 for child, group in itertools.groupby(children) if child not in ("wpt", "trkseg", "trkpt"))
        if name in ("wpt", "trkpt"):
            assert -90 <= float(each.attrib["lat"]) <= 90
            assert -180 <= float(each.attrib["lon"]) < 180
        elif name == "time":
            assert each.text is not None
            assert each.text.endswith("Z")
            assert datetime.fromisoformat(each.text).microsecond == 0
