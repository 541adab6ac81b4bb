/** Runs one shared vector against the TypeScript core; the twin of tests/sync/test_vectors.py. */
import { expect } from "vitest";
import { OpError } from "../src/core/errors";
import { fold_op } from "../src/core/fold";
import { renumber } from "../src/core/fork";
import { corrected_time, judge_op } from "../src/core/judge";
import { counter_state, disputes, is_visible, shown_value } from "../src/core/merge_kinds";
import { parse_op } from "../src/core/op";
import { from_wire, new_record, to_wire } from "../src/core/record";
import { chain, conflict_id, digest64, forked_dev, GENESIS, hex, make_stamp } from "../src/core/stamp";
import { decode_track, encode_track } from "../src/device/track_codec";
import { KINDS } from "../src/generated/kinds";

/** Users are called like their role. */
const JUDGE_RIGHTS = {
  users: {
    ...Object.fromEntries(
      ["patroller", "head", "operator", "admin"].map((role) => [role, { roles: [role], scopes: ["station:1"] }]),
    ),
    head_of_2: {
      roles: ["head", "patroller"],
      scopes: ["station:1", "station:2"],
      roles_at: { "station:1": ["patroller"], "station:2": ["head"] },
    },
  },
};

interface Named {
  name: string;
}

export type Vector = Named &
  (
    | { kind: "chain"; lines_hex: string[]; h: string[] }
    | { kind: "digest"; rec: string; seq: number; digest: string }
    | { kind: "conflict_id"; rec: string; field: string; id: string }
    | { kind: "forked_dev"; stamp: string; dev: string }
    | {
        kind: "renumber";
        dev: string;
        first: number;
        lines: { h: string; line_hex: string }[];
        fresh: string;
        made_hex: string[];
      }
    | { kind: "track"; hex: string; fixes: [number, number, number, number][] | null }
    | { kind: "corrected_time"; in: [number, number, number, number]; out: number }
    | { kind: "judge"; op: unknown; why: string | null }
    | { kind: "parse"; op: unknown; code: string | null }
    | {
        kind: "fold";
        ops: { dev: string; n: number; h: string; at_c: number; op: unknown }[];
        orders: number[][];
        onto?: string;
        state: string;
        disputes: string[];
        visible: boolean;
        shown: Record<string, unknown>;
        counters: Record<string, unknown>;
      }
  );

export function run_vector(vector: Vector): void {
  switch (vector.kind) {
    case "track": {
      const bytes = Uint8Array.from(Buffer.from(vector.hex, "hex"));
      if (vector.fixes === null) {
        expect(() => decode_track(bytes)).toThrow(RangeError);
        return;
      }
      const fixes = vector.fixes.map(([t, lat_e7, lon_e7, acc_dm]) => ({ t, lat_e7, lon_e7, acc_dm }));
      expect(decode_track(bytes)).toEqual(fixes);
      expect(hex(encode_track(fixes))).toBe(vector.hex);
      return;
    }
    case "chain": {
      let h = GENESIS;
      const made = vector.lines_hex.map((line) => {
        h = chain(h, Uint8Array.from(Buffer.from(line, "hex")));
        return h;
      });
      expect(made).toEqual(vector.h);
      return;
    }
    case "digest":
      expect(digest64(vector.rec, vector.seq)).toBe(vector.digest);
      return;
    case "conflict_id":
      expect(conflict_id(vector.rec, vector.field)).toBe(vector.id);
      return;
    case "forked_dev":
      expect(forked_dev(vector.stamp)).toBe(vector.dev);
      return;
    case "renumber": {
      const lines = vector.lines.map(({ h, line_hex }, at) => ({
        dev: vector.dev,
        n: vector.first + at,
        h,
        text: Buffer.from(line_hex, "hex").toString(),
      }));
      expect(forked_dev(make_stamp(vector.dev, vector.first, lines[0]!.h))).toBe(vector.fresh);
      expect(renumber(lines, vector.fresh).map((one) => hex(one.line))).toEqual(vector.made_hex);
      return;
    }
    case "judge":
      expect(judge_op(parse_op(vector.op, "aeaqcaibaeaqcaib", 1, GENESIS), JUDGE_RIGHTS, KINDS)).toBe(vector.why);
      return;
    case "corrected_time":
      expect(corrected_time(...vector.in)).toBe(vector.out);
      return;
    case "parse":
      expect(error_of(vector.op)).toBe(vector.code);
      return;
    case "fold":
      run_fold(vector);
      return;
    default:
      throw new Error(`a kind of vector this runner does not know: ${(vector as { kind: string }).kind}`);
  }
}

function error_of(op: unknown): string | null {
  try {
    parse_op(op, "aeaqcaibaeaqcaib", 1, GENESIS);
    return null;
  } catch (error) {
    if (error instanceof OpError) return error.code;
    throw error;
  }
}

function run_fold(vector: Extract<Vector, { kind: "fold" }>): void {
  const ops = vector.ops.map((one) => [parse_op(one.op, one.dev, one.n, one.h), one.at_c] as const);
  expect(vector.orders.length).toBeGreaterThan(0);
  for (const order of vector.orders) {
    const { onto } = vector;
    const record = onto === undefined ? new_record(ops[0]![0].rec, ops[0]![0].kind) : from_wire(JSON.parse(onto));
    for (const index of order) {
      const [op, at_c] = ops[index]!;
      fold_op(record, op, at_c);
      expect(fold_op(record, op, at_c).verdict).toBe("duplicate");
    }
    expect(JSON.stringify(to_wire(record))).toBe(vector.state);
    expect(JSON.stringify(to_wire(from_wire(JSON.parse(vector.state))))).toBe(vector.state);
    expect(disputes(record)).toEqual(vector.disputes);
    expect(is_visible(record)).toBe(vector.visible);
    for (const [field, value] of Object.entries(vector.shown)) expect(shown_value(record, field)).toEqual(value);
    for (const [field, state] of Object.entries(vector.counters)) expect(counter_state(record, field)).toEqual(state);
  }
}
