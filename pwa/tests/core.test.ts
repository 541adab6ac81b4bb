/** Properties of the core itself: order-free fold, exact overlay, bounds that equal the server's. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { expect, test } from "vitest";
import { fold_all, fold_op } from "../src/core/fold";
import * as limits from "../src/core/limits";
import { type Op, parse_op } from "../src/core/op";
import { from_wire, known_n, to_wire } from "../src/core/record";
import { chain, digest64, GENESIS, hex, make_stamp, new_dev, sha256_hex, utf8, xor_hex } from "../src/core/stamp";

const repo = (path: string) => readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), "utf8");

test("limits are those of sync/limits.py, name by name", () => {
  const python = new Map<string, number>();
  for (const [, name, value] of repo("sync/limits.py").matchAll(/^([A-Z_]+): Final = (.+)$/gm)) {
    python.set(name!, Number(new Function(`return ${value}`)()));
  }
  expect(python.size).toBeGreaterThan(10);
  expect(Object.fromEntries(python)).toEqual({ ...limits });
});

test("stamps, digests and the chain agree with values computed by Python", () => {
  expect(new_dev(Uint8Array.from([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]))).toBe("aaaqeayeaudaocaj");
  expect(hex(utf8("隐患😀é"))).toBe("e99a90e682a3f09f9880c3a9");
  expect(sha256_hex(utf8("abc")).slice(0, 8)).toBe("ba7816bf");
  expect(chain(GENESIS, utf8("{}"))).toBe(sha256_hex(utf8("00000000{}")).slice(0, 8));
  expect(xor_hex(digest64("a", 1), digest64("a", 1))).toBe("0000000000000000");
});

const DEVS = ["a", "b", "c"].map((letter) => letter.repeat(16));

/** A random world of three devices writing one record, each seeing a random prefix of the others. */
const history = fc
  .array(
    fc.record({
      dev: fc.integer({ min: 0, max: 2 }),
      verb: fc.constantFrom("reg", "reg", "reg", "inc", "count", "add", "rem", "log", "retract", "del", "undel"),
      value: fc.integer({ min: 0, max: 3 }),
      look: fc.integer({ min: 0, max: 2 }),
    }),
    { minLength: 1, maxLength: 24 },
  )
  .map((steps) => {
    const views = DEVS.map(() => [] as [Op, number][]);
    const tails = DEVS.map(() => ({ n: 0, h: GENESIS }));
    const all: [Op, number][] = [];
    steps.forEach((step, i) => {
      const view = views[step.dev]!;
      // See everything another device has written so far, in its order.
      for (const entry of views[step.look]!) if (!view.includes(entry)) view.push(entry);
      const seen = view.length > 0 ? fold_all(view) : null;
      const stamps = (entries: readonly (readonly [string, ...unknown[]])[] | undefined) =>
        (entries ?? []).map((entry) => entry[0]);
      const vv = seen === null ? {} : Object.fromEntries(seen.vv);
      const fop = {
        reg: { k: "reg", v: step.value, b: stamps(seen?.reg.get("f")) },
        inc: { k: "inc", v: step.value - 1, b: stamps(seen?.ctr.get("c")?.counts) },
        count: { k: "count", v: step.value, b: stamps(seen?.ctr.get("c")?.counts), seen: vv },
        add: { k: "add", v: step.value },
        rem: { k: "rem", b: stamps(seen?.sets.get("s")).slice(0, 2) },
        log: { k: "log", v: step.value },
        retract: { k: "retract", b: stamps(seen?.log.get("l")).slice(0, 1) },
        del: { k: "life", v: "deleted", b: stamps(seen?.life), seen: vv },
        undel: { k: "life", v: "alive", b: stamps(seen?.life), seen: vv },
      }[step.verb]!;
      const field = {
        reg: "f",
        inc: "c",
        count: "c",
        add: "s",
        rem: "s",
        log: "l",
        retract: "l",
        del: "life",
        undel: "life",
      }[step.verb]!;
      const dev = DEVS[step.dev]!;
      const tail = tails[step.dev]!;
      const n = tail.n + 1;
      const object = {
        n,
        rec: "r1",
        kind: "hazard",
        scope: "town",
        f: { [field]: fop },
        at: "2026-11-22T05:10:33.120+08:00",
        user: "u1",
      };
      const h = chain(tail.h, utf8(JSON.stringify(object)));
      tails[step.dev] = { n, h };
      const entry: [Op, number] = [parse_op(object, dev, n, h), 1_000 + i];
      view.push(entry);
      all.push(entry);
    });
    return all;
  });

/** Any merge of the devices' own orders. */
function interleave(all: readonly [Op, number][], picks: readonly number[]): [Op, number][] {
  const queues = DEVS.map((dev) => all.filter(([op]) => op.dev === dev));
  const out: [Op, number][] = [];
  for (let i = 0; out.length < all.length; i += 1) {
    const at = picks.length === 0 ? 0 : picks[i % picks.length]!;
    const queue = [at, 0, 1, 2].map((one) => queues[one % 3]!).find((one) => one.length > 0)!;
    out.push(queue.shift()!);
  }
  return out;
}

test("every arrival order gives the same state (fold is order-free)", () => {
  fc.assert(
    fc.property(history, fc.array(fc.nat(2), { maxLength: 12 }), (all, picks) => {
      const [first, ...rest] = interleave(all, picks);
      const record = fold_all([first!]);
      for (const [op, at] of rest) fold_op(record, op, at);
      expect(to_wire(record)).toEqual(to_wire(fold_all(all)));
    }),
    { numRuns: 300, seed: 20261122 },
  );
});

test("a state survives the wire, and folding again changes nothing (P-21)", () => {
  fc.assert(
    fc.property(history, (all) => {
      const wire = to_wire(fold_all(all));
      const copy = from_wire(JSON.parse(JSON.stringify(wire)));
      for (const [op, at] of all) fold_op(copy, op, at);
      expect(to_wire(copy)).toEqual(wire);
    }),
    { numRuns: 200, seed: 20261122 },
  );
});

test("pulled state ⊕ own ops beyond its vv equals the fold of everything, wherever the pull was cut (contract §3)", () => {
  fc.assert(
    fc.property(history, fc.nat(), (all, cut) => {
      const own = DEVS[0]!;
      // The server has everything of the others and the first own ops; the rest is still pending here.
      const mine = all.filter(([op]) => op.dev === own);
      const kept = mine.slice(0, mine.length === 0 ? 0 : cut % (mine.length + 1));
      const at_server = all.filter(([op]) => op.dev !== own || kept.some(([one]) => one === op));
      fc.pre(at_server.length > 0);
      const pulled = from_wire(to_wire(fold_all(at_server)));
      const known = known_n(pulled, own);
      for (const [op, at] of mine) if (op.n > known) fold_op(pulled, op, at);
      expect(to_wire(pulled)).toEqual(to_wire(fold_all(all)));
    }),
    { numRuns: 300, seed: 20261122 },
  );
});

test("a stamp with another h is another op: clones never merge by accident (P-03)", () => {
  expect(make_stamp(DEVS[0]!, 1, "00000001")).not.toBe(make_stamp(DEVS[0]!, 1, "00000002"));
});
