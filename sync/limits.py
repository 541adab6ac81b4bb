"""Every bound of the protocol, in one place, with the relations between them asserted.

Owns numbers only. Both ends read the same ones (the TypeScript mirror is `pwa/src/core/limits.ts`).
"""

from typing import Final

PROTOCOL: Final = 1
OPS_PER_BATCH_MAX: Final = 200
BATCH_BYTES_MAX: Final = 256 * 1024
LINE_BYTES_MAX: Final = 32 * 1024
FIELDS_PER_OP_MAX: Final = 64
PARENTS_PER_FIELD_MAX: Final = 256
GROUP_SIZE_MAX: Final = 20
INT_MAX: Final = 2**53 - 1
TEXT_CHARS_MAX: Final = 8000
DEPTH_MAX: Final = 8
NAME_CHARS_MAX: Final = 80
PARK_DAYS_MAX: Final = 7
OWN_OPS_KEEP_DAYS: Final = 30
PULL_LIMIT_DEFAULT: Final = 500
PULL_LIMIT_MAX: Final = 2000
PACK_SIZE: Final = 500

assert LINE_BYTES_MAX < BATCH_BYTES_MAX, "one line must fit a batch"
assert GROUP_SIZE_MAX < OPS_PER_BATCH_MAX, "a group is never split over batches"
assert PULL_LIMIT_DEFAULT <= PULL_LIMIT_MAX
