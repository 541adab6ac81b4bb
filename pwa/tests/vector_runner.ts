/** Runs one shared vector against the TypeScript core; the twin of tests/sync/test_vectors.py. */
import { expect } from "vitest";
import { OpError } from "../src/core/errors";
import { fold_op, from_wire, new_record, to_wire } from "../src/core/fold";
import { corrected_time } from "../src/core/judge";
import { counter_state, disputes, is_visible, shown_value } from "../src/core/merge_kinds";
import { parse_op } from "../src/core/op";
import { chain, conflict_id, digest64, GENESIS } from "../src/core/stamp";

export interface Vector {
  name?: string;
  title?: string;
  kind: string;
  // biome-ignore lint/suspicious/noExplicitAny: the schema of the vectors is checked by pytest
  [key: string]: any;
}

const from_hex = (text: string) => Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));

function run_fold(vector: Vector): void {
  // biome-ignore lint/suspicious/noExplicitAny: as above
  const ops = vector["ops"].map((each: any) => ({ op: parse_op(each.op, each.dev, each.n, each.h), at_c: each.at_c }));
  expect(vector["orders"].length).toBeGreaterThan(0);
  for (const order of vector["orders"] as number[][]) {
    const record = new_record(ops[0].op.rec, ops[0].op.kind);
    for (const index of order) {
      fold_op(record, ops[index].op, ops[index].at_c);
      expect(fold_op(record, ops[index].op, ops[index].at_c).verdict).toBe("duplicate");
    }
    expect(JSON.stringify(to_wire(record))).toBe(vector["state"]);
    expect(JSON.stringify(to_wire(from_wire(to_wire(record))))).toBe(vector["state"]);
    expect([...disputes(record)]).toEqual(vector["disputes"]);
    expect(is_visible(record)).toBe(vector["visible"]);
    for (const [field, value] of Object.entries(vector["shown"])) expect(shown_value(record, field)).toEqual(value);
    for (const [field, state] of Object.entries(vector["counters"])) expect(counter_state(record, field)).toEqual(state);
  }
}

function run_chain(vector: Vector): void {
  let h = GENESIS;
  vector["lines_hex"].forEach((line: string, index: number) => {
    h = chain(h, from_hex(line));
    expect(h).toBe(vector["h"][index]);
  });
}

function run_parse(vector: Vector): void {
  let code: string | null = null;
  try {
    parse_op(vector["op"], "aeaqcaibaeaqcaib", 1, "00000000");
  } catch (error) {
    if (!(error instanceof OpError)) throw error;
    code = error.code;
  }
  expect(code).toBe(vector["code"]);
}

const RUN: Record<string, (vector: Vector) => void> = {
  fold: run_fold,
  chain: run_chain,
  parse: run_parse,
  digest: (v) => expect(digest64(v["rec"], v["seq"])).toBe(v["digest"]),
  conflict_id: (v) => expect(conflict_id(v["rec"], v["field"])).toBe(v["id"]),
  corrected_time: (v) => expect(corrected_time(v["in"][0], v["in"][1], v["in"][2], v["in"][3])).toBe(v["out"]),
};

export function run_vector(_file: string, vector: Vector): void {
  const run = RUN[vector.kind];
  if (run === undefined) throw new Error(`unknown vector kind ${vector.kind}`);
  run(vector);
}
