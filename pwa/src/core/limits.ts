/**
 * Every bound of the protocol, in one place. Mirrors sync/limits.py name by name; tests/limits.test.ts compares them.
 */
export const PROTOCOL = 1;
export const OPS_PER_BATCH_MAX = 200;
export const BATCH_BYTES_MAX = 256 * 1024;
export const LINE_BYTES_MAX = 32 * 1024;
export const FIELDS_PER_OP_MAX = 64;
export const PARENTS_PER_FIELD_MAX = 256;
export const GROUP_SIZE_MAX = 20;
export const INT_MAX = Number.MAX_SAFE_INTEGER;
export const TEXT_CHARS_MAX = 8000;
export const DEPTH_MAX = 8;
export const NAME_CHARS_MAX = 80;
export const PARK_DAYS_MAX = 7;
export const OWN_OPS_KEEP_DAYS = 30;
export const PULL_LIMIT_DEFAULT = 500;
export const PULL_LIMIT_MAX = 2000;
export const PACK_SIZE = 500;
