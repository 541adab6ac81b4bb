/**
 * The engine as screens meet it: one object that keeps records, saves work, and sees to its delivery.
 * Owns opening and the exported types. Must not paint anything.
 */
import type { Engine } from "./engine_types";
import type { Ports } from "./ports";

export type * from "./engine_types";

export async function open_engine(_ports: Ports): Promise<Engine> {
  throw new Error("not wired yet");
}
