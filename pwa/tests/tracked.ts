/** Engines a test opened are closed after it, whatever became of it. */
import { afterEach } from "vitest";
import type { Engine } from "../src/engine";

const open: Engine[] = [];

export function track(engine: Engine): Engine {
  open.push(engine);
  return engine;
}

/** This page died without a word, or all did: nobody closes what it held. */
export function untrack(engine?: Engine): void {
  if (engine === undefined) open.length = 0;
  else open.splice(open.indexOf(engine), 1);
}

/** The page is gone: what comes next opens the same databases anew. */
export async function close_all(): Promise<void> {
  for (const engine of open.splice(0)) await engine.close();
}

afterEach(close_all);
