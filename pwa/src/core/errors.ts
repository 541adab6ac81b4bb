/** What can be wrong with one op line. Mirrors sync/errors.py; the code is stable and shown to people. */
export type OpErrorCode =
  | "bad_json"
  | "bad_op"
  | "bad_field"
  | "bad_number"
  | "bad_text"
  | "bad_time"
  | "bad_group"
  | "too_large";

/** An op line that cannot be read; `field` names the place when one place is at fault. */
export class OpError extends Error {
  readonly code: OpErrorCode;
  readonly field: string | null;
  constructor(code: OpErrorCode, field: string | null = null) {
    super(field === null ? code : `${code}: ${field}`);
    this.name = "OpError";
    this.code = code;
    this.field = field;
  }
}
