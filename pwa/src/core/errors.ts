/** Stable error codes of the protocol core. Mirrors sync/errors.py. */
export type OpErrorCode =
  | "bad_json"
  | "bad_op"
  | "bad_field"
  | "too_large"
  | "bad_number"
  | "bad_text"
  | "bad_group"
  | (string & {});

/** An op line that cannot be understood; `code` is stable and shown to people through the error catalogue. */
export class OpError extends Error {
  readonly code: OpErrorCode;
  constructor(code: OpErrorCode, detail = "") {
    super(detail ? `${code}: ${detail}` : code);
    this.name = "OpError";
    this.code = code;
  }
}
