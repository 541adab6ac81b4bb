/**
 * The engine as screens meet it: one object that keeps records, saves work, and sees to its delivery.
 * Owns opening it and its public face; the wiring is in running_engine.ts.
 */
import type { Engine } from "./engine_types";
import type { Ports } from "./ports";
import { RunningEngine } from "./running_engine";
import { Keyring } from "./store/keys";
import { open_databases } from "./store/open";

export type * from "./engine_types";

/** Open the device's databases and start the engine. Resolves when records can be read. */
export async function open_engine(ports: Ports): Promise<Engine> {
  const { engine, opened } = await begin_engine(ports);
  await opened;
  return engine;
}

/** The same in two steps: at first only the session is known, which is enough to ask for a PIN; `opened` ends the second. */
export async function begin_engine(ports: Ports): Promise<{ engine: Engine; opened: Promise<void> }> {
  const dbs = open_databases(ports.db_prefix, ports.on_freeze);
  const keys = await Keyring.open(dbs, {
    subtle: ports.subtle,
    random: ports.random,
    now: ports.now,
    ...(ports.pin_rounds === undefined ? {} : { rounds: ports.pin_rounds }),
  });
  const engine = new RunningEngine(ports, dbs, keys);
  await engine.begin();
  return { engine, opened: engine.start() };
}
