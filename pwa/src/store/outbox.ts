/**
 * The outbox as the courier sees it: readable lines in order, and the settlement of answers.
 * Owns rewind and fork handling on top of ops_store. Must not use the network.
 * Invariants: a fork renumbers unsent ops and their parents in one transaction; what was exported in a rescue file
 * keeps its identity; nothing here drops an op.
 */

import { GENESIS, new_dev } from "../core/stamp";
import type { Outbox } from "../courier/courier";
import type { OutLine } from "../courier/plan";
import type { Drawer } from "./drawer";
import type { Incarnation, OpRow } from "./open";
import type { Settlement } from "./ops_store";
import { renumber } from "./renumber";

export function make_outbox(drawer: Drawer): Outbox {
  const { ops, ports } = drawer;

  async function settle(dev: string, answer: Settlement): Promise<void> {
    await drawer.serial(async () => {
      const before = drawer.self;
      const next = await ops.settle(dev, answer, ports.now());
      if (next === null) return;
      drawer.self = next;
      if (next.n > drawer.own.last_n(dev)) await drawer.take_over();
      const verdicts = new Map(answer.verdicts.map((one) => [one.n, one]));
      const touched = new Set<string>();
      for (const one of drawer.own.all()) {
        if (one.row.dev !== dev) continue;
        const verdict = verdicts.get(one.row.n);
        const moved =
          one.row.n > Math.min(before?.acked ?? 0, next.acked) && one.row.n <= Math.max(before?.acked ?? 0, next.acked);
        if (verdict === undefined && !moved) continue;
        if (verdict !== undefined) {
          const v = verdict.v === "duplicate" ? (verdict.was ?? one.row.verdict ?? "applied") : verdict.v;
          one.row = { ...one.row, verdict: v, why: verdict.why ?? null };
        }
        touched.add(one.row.rec);
      }
      drawer.remember();
      drawer.model.touch([...touched]);
      drawer.events.records([...touched]);
    });
    drawer.events.queue();
  }

  async function fork(): Promise<void> {
    await drawer.serial(async () => {
      const tail = await ops.incarnation();
      if (tail === null) return;
      const first = Math.max(tail.acked, tail.exported) + 1;
      const rows = await ops.range(tail.dev, first, Number.MAX_SAFE_INTEGER >>> 0);
      const lines = [];
      for (const row of rows) {
        const line =
          drawer.own.all().find((one) => one.row.dev === row.dev && one.row.n === row.n)?.line ??
          (await drawer.to_own(row)).line;
        if (line === null) throw new SealedWork();
        lines.push({ dev: row.dev, n: row.n, h: row.h, line });
      }
      const dev = new_dev(ports.random(10));
      const renumbered = renumber(lines, dev);
      const fresh_rows: OpRow[] = await Promise.all(
        renumbered.map(async (one, i) => {
          const row = rows[i]!;
          const sealed = row.sealed === null ? null : await drawer.keys.seal(one.line);
          return {
            ...row,
            dev,
            n: one.n,
            h: one.h,
            line: sealed === null ? one.line : null,
            sealed,
            bytes: one.line.length,
            verdict: null,
            why: null,
          };
        }),
      );
      const last = renumbered.at(-1);
      const fresh: Incarnation = {
        dev,
        n: last?.n ?? 0,
        h: last?.h ?? GENESIS,
        acked: 0,
        acked_h: GENESIS,
        durable: 0,
        exported: 0,
      };
      await ops.renumber(
        tail,
        rows.map((row) => row.n),
        fresh_rows,
        fresh,
      );
      drawer.self = fresh;
      drawer.remember();
    });
    await drawer.reload();
  }

  return {
    self: () => drawer.self,
    lines: async (from, limit) => {
      const self = drawer.self;
      if (self === null) return [];
      const out: OutLine[] = [];
      for (const row of await ops.range(self.dev, from, limit)) {
        if (row.n !== from + out.length) break;
        const held = drawer.own.of(row.rec).find((one) => one.row.dev === row.dev && one.row.n === row.n);
        const line = row.line ?? held?.line ?? (row.sealed === null ? null : await drawer.keys.unseal(row.sealed));
        if (line === null) break; // sealed while nobody is unlocked: it and what follows wait
        out.push({ n: row.n, line, group: row.group });
      }
      return out;
    },
    settle,
    rewind: async (from) => {
      const self = drawer.self;
      if (self === null) return;
      const before = from > 1 ? await ops.one(self.dev, from - 1) : undefined;
      const acked = before === undefined ? 0 : from - 1;
      await settle(self.dev, {
        acked,
        acked_h: before?.h ?? GENESIS,
        durable: Math.min(self.durable, acked),
        verdicts: [],
      });
    },
    fork,
    flying: (range) => {
      drawer.flying = range;
      drawer.events.queue();
    },
  };
}

/** Personal work is sealed and nobody is unlocked: the fork waits for the next unlock. */
export class SealedWork extends TypeError {
  override readonly name = "SealedWork";
}
