/**
 * The outbox as the courier sees it: readable lines in order, and the settlement of answers.
 * Owns rewind and fork handling on top of ops_store. Must not use the network.
 * Invariants: a fork renumbers unsent ops and their parents in one transaction; what was exported in a rescue file
 * keeps its identity; nothing here drops an op.
 */

import { renumber } from "../core/fork";
import { erased_line, forked_dev, GENESIS, make_stamp, new_dev } from "../core/stamp";
import type { Outbox } from "../courier/courier_types";
import type { OutLine } from "../courier/plan";
import type { Drawer } from "./drawer";
import type { Incarnation, OpRow } from "./open";
import type { Settlement } from "./ops_store";

const decoder = new TextDecoder();

export function make_outbox(drawer: Drawer): Outbox {
  const { ops, ports } = drawer;

  const chain_of = (dev: string): Incarnation | undefined => drawer.chains().find((one) => one.dev === dev);

  async function settle(dev: string, answer: Settlement): Promise<void> {
    await drawer.serial(async () => {
      const before = chain_of(dev)?.acked ?? 0;
      const chains = await ops.settle(dev, answer, ports.now());
      if (chains === null) return;
      drawer.self = chains.self;
      drawer.former = chains.former;
      const after = chain_of(dev)?.acked ?? answer.acked;
      if (chains.self.n > drawer.own.last_n(chains.self.dev)) await drawer.take_over();
      const verdicts = new Map(answer.verdicts.map((one) => [one.n, one]));
      const touched = new Set<string>();
      for (const one of drawer.own.all()) {
        if (one.row.dev !== dev) continue;
        const verdict = verdicts.get(one.row.n);
        const moved = one.row.n > Math.min(before, after) && one.row.n <= Math.max(before, after);
        if (verdict === undefined && !moved) continue;
        if (verdict !== undefined) {
          const v = verdict.v === "duplicate" ? (verdict.was ?? one.row.verdict ?? "applied") : verdict.v;
          one.row = { ...one.row, verdict: v, why: verdict.why ?? null };
        }
        touched.add(one.row.rec);
      }
      drawer.remember();
      // What a server set back has lost is unsent again, and unsent work shows whatever the scope (property 6).
      if (after < before) drawer.refresh_overlay();
      drawer.model.touch([...touched]);
      drawer.events.records([...touched]);
    });
    drawer.events.queue();
  }

  /** Count ops up to n as stored, whatever was believed before. */
  async function settle_at(chain: Incarnation, n: number): Promise<void> {
    const last = n > 0 ? await ops.one(chain.dev, n) : undefined;
    const acked = last === undefined ? 0 : n;
    const durable = Math.min(chain.durable, acked);
    await settle(chain.dev, { acked, acked_h: last?.h ?? GENESIS, durable, verdicts: [] });
  }

  async function fork(dev_before: string, same_to: number | null): Promise<void> {
    const parted = chain_of(dev_before);
    if (parted === undefined) return;
    if (same_to === null && parted.acked > parted.durable) return settle_at(parted, parted.durable);
    if (same_to !== null && same_to > parted.acked) await settle_at(parted, same_to);
    await drawer.serial(async () => {
      const tail = chain_of(dev_before);
      if (tail === undefined) return;
      const first = Math.max(tail.acked, tail.exported) + 1;
      const rows = await ops.range(tail.dev, first, Number.MAX_SAFE_INTEGER >>> 0);
      const lines = [];
      for (const row of rows) {
        const line =
          drawer.own.all().find((one) => one.row.dev === row.dev && one.row.n === row.n)?.line ??
          (await drawer.to_own(row)).line;
        if (line === null) throw new SealedWork();
        lines.push({ dev: row.dev, n: row.n, h: row.h, text: decoder.decode(line) });
      }
      const head = lines[0];
      const dev = head === undefined ? new_dev(ports.random(10)) : forked_dev(make_stamp(head.dev, head.n, head.h));
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
    });
    await drawer.reload();
    drawer.remember();
  }

  return {
    chains: () => drawer.chains(),
    lines: async (dev, from, limit) => {
      const out: OutLine[] = [];
      for (const row of await ops.range(dev, from, limit)) {
        if (row.n !== from + out.length) break;
        const held = drawer.own.of(row.rec).find((one) => one.row.dev === row.dev && one.row.n === row.n);
        const told = row.erased ? erased_line(row.h, row.rec) : row.line;
        const line = told ?? held?.line ?? (row.sealed === null ? null : await drawer.keys.unseal(row.sealed));
        if (line === null) break; // sealed while nobody is unlocked: it and what follows wait
        out.push({ n: row.n, h: row.h, line, group: row.group });
      }
      return out;
    },
    settle,
    rewind: async (dev, from) => {
      const chain = chain_of(dev);
      // A node that has less than its town's backups hold must catch up by itself: from here it would be sent a chain with a hole.
      if (chain !== undefined && from <= chain.n && (await ops.one(dev, from)) === undefined) return false;
      if (chain !== undefined) await settle_at(chain, from - 1);
      return true;
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
