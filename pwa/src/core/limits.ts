/**
 * Every number the protocol bounds, in one place. Mirrors sync/limits.py; a vector test compares the two.
 */
export const OPS_PER_BATCH_MAX = 200;
export const BATCH_BYTES_MAX = 262_144;
export const LINE_BYTES_MAX = 32_768;
export const FIELDS_PER_OP_MAX = 64;
export const GROUP_SIZE_MAX = 20;
export const INT_MAX = Number.MAX_SAFE_INTEGER;
export const TEXT_MAX = 8_000;
export const DEPTH_MAX = 8;
export const PARK_DAYS_MAX = 7;
export const PULL_LIMIT_DEFAULT = 500;
export const PULL_LIMIT_MAX = 2_000;
export const OWN_OPS_KEEP_DAYS = 30;
export const PACK_SIZE = 500;
/** Evidence `p` beyond this many bytes is left out of an op. */
export const PREVIOUS_BYTES_MAX = 256;
