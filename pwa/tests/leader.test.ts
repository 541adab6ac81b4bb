/** Who leads when pages freeze and thaw in quick turns (property 17). */
import { expect, test } from "vitest";
import { take_lead } from "../src/courier/leader";
import { FakeLocks } from "./rig";

function tab(locks: FakeLocks, rise: () => Promise<unknown> = async () => undefined) {
  const hooks = { freeze: () => undefined as unknown, thaw: () => undefined as unknown };
  const leader = take_lead(
    {
      locks: locks as never,
      channel: () => null,
      db_prefix: "test",
      on_freeze: (freeze: () => void, thaw: () => void) => {
        Object.assign(hooks, { freeze, thaw });
        return () => undefined;
      },
    } as never,
    { lead: () => undefined, rest: async () => undefined, rise, note: () => undefined },
  );
  return { leader, ...hooks };
}

const settle = async () => {
  for (let i = 0; i < 10; i += 1) await new Promise((done) => setImmediate(done));
};

test("a page that freezes again while it wakes up asks for nothing, and the next page leads", async () => {
  const locks = new FakeLocks();
  const first = tab(locks);
  await settle();
  let woken: () => void = () => undefined;
  const second = tab(locks, () => new Promise<void>((done) => { woken = done; })); // biome-ignore format: one line
  second.freeze();
  second.thaw();
  await settle();
  second.freeze();
  woken();
  await settle();
  const third = tab(locks);
  first.leader.close();
  await settle();
  expect([second.leader.leading, third.leader.leading]).toEqual([false, true]);
});

test("a page thawed twice stands in the queue once", async () => {
  const locks = new FakeLocks();
  const first = tab(locks);
  await settle();
  const second = tab(locks);
  second.freeze();
  second.thaw();
  second.thaw();
  await settle();
  second.freeze();
  const third = tab(locks);
  first.leader.close();
  await settle();
  expect([second.leader.leading, third.leader.leading]).toEqual([false, true]);
});
