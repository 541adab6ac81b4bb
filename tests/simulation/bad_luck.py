"""The bad days of issue 3, by what counts each in a history; which world's fixed histories have to have seen which.

Owns these lists. The tests of each world hold their fixed histories to them, and a house test holds the lists to each other.
"""

from __future__ import annotations

# What the issue names, by the names under which a town counts it.
BAD_DAYS: dict[str, tuple[str, ...]] = {
    "from two to seven devices": ("town of 2", "town of 7"),
    "the wire drops": ("dropped",),
    "the wire duplicates": ("duplicated", "late copy"),
    "the wire delays": ("delayed",),
    "the wire reorders": ("overtaken",),
    "the wire cuts after the commit": ("answer cut",),
    "the wire corrupts": ("request damaged", "answer damaged"),
    "a device is killed at an await": ("device killed",),
    "the server is killed between two statements": ("server killed",),
    "the disk is full": ("disk full",),
    "a device is cloned": ("cloned",),
    "a device is restored": ("device set back",),
    "the server goes back to a backup": ("backup", "server rolled back", "rebase"),
    "a clock is wrong by ten years": ("clock wrong by years",),
    "a clock jumps": ("clock jumped",),
    "a scope is revoked with unsent work": ("reassigned", "revoked with unsent work", "mask moved"),
    "the server was two releases behind": ("server upgraded", "brought into its table"),
    "the app was two releases behind": ("app upgraded", "app upgraded with a full queue"),
    "two tabs": ("tab opened", "tab swapped"),
    "a tab is closed": ("tab closed",),
    "a frozen page is thawed": ("tab frozen", "tab thawed"),
    "the browser throws the view away": ("view evicted",),
    "an op is quarantined": ("quarantined", "released"),
    "an op is parked": ("parked", "parked let go"),
    "an op is poison": ("poison unreadable", "poison wrong type", "poison defect"),
    "a batch is too large": ("413",),
    "an edit meets its own push": ("edited in flight",),
    "an edit is disputed and decided": ("decided",),
    "a record moves": ("record moved",),
    "a photo is sent over the same wire": (
        "photo attached", "file delivered", "file drop", "file cut answer", "file duplicate", "file torn", "file damaged request", "file power cut", "file disk full",
        "file store down", "server killed under a file", "device killed under a file", "file refused 460", "file refused 503",
    ),
    "hub and centre meet, and are cut off": ("nodes met", "meeting cut", "notes compared", "chain given up by the hub", "released at the hub"),
    "a hub is lost": ("hub lost",),
}
# Only the real engine has tabs and an older version of itself.
OF_ENGINES = frozenset({"app upgraded", "app upgraded with a full queue", "snapshot", "tab closed", "tab frozen", "tab opened", "tab swapped", "tab thawed"})
OF_HUBS = frozenset({"chain given up by the hub", "hub lost", "meeting cut", "nodes met", "notes compared", "released at the hub"})
MUST_HAPPEN: dict[str, frozenset[str]] = {
    "models": frozenset(name for names in BAD_DAYS.values() for name in names) - OF_ENGINES - OF_HUBS,
    "engines": OF_ENGINES | {
        "413", "answer cut", "answer damaged", "cloned", "decided", "device killed", "device set back", "dropped", "duplicated", "edited in flight",
        "overtaken", "reassigned", "rebase", "released", "server killed", "server rolled back", "view evicted",
    },
    "hub": OF_HUBS | {"cloned", "device killed", "disk full", "rebase", "server killed", "server rolled back"},
}  # fmt: skip
