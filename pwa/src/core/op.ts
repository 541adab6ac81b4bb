/**
 * One operation: what an op line says once parsed. Mirrors sync/op.py.
 * Owns the shapes on the wire and the strict check of one line. Must not do I/O or know kinds.
 * Invariant: unknown kinds and fields pass; only malformed shapes are refused.
 */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type Seen = Record<string, number>;

/** One field operation, as on the wire. */
export interface Fop {
  k: "reg" | "inc" | "count" | "add" | "rem" | "log" | "retract" | "life";
  v?: any;
  b?: string[];
  p?: any;
  seen?: Seen;
}

/** A record state on the wire (contract §3). */
export interface WireState {
  seq?: number;
  id: string;
  kind: string;
  scope: string;
  ops: [stamp: string, user: string, at_c: number][];
  vv?: Seen;
  reg?: Record<string, any[]>;
  ctr?: Record<string, { c?: any[]; d?: any[] }>;
  set?: Record<string, any[]>;
  log?: Record<string, any[]>;
  life?: any[];
  wait?: [stamp: string, user: string, at_c: number, field: string, fop: Fop][];
}
