/**
 * How much room this device has and whether the browser promised to keep our data.
 * Owns the repeated look. Must not decide anything: screens and the courier's report only show it.
 */
import type { Status } from "../engine_types";
import type { Ports } from "../ports";

const LOOK_MS = 60_000;

export class Space {
  persisted = false;
  storage: Status["storage"] = { used_bytes: 0, quota_bytes: null };
  #ports: Pick<Ports, "storage" | "set_timer">;
  #cancel: () => void = () => undefined;

  constructor(ports: Pick<Ports, "storage" | "set_timer">) {
    this.#ports = ports;
  }

  async start(): Promise<void> {
    this.persisted = (await this.#ports.storage?.persisted().catch(() => false)) ?? false;
    void this.#look();
  }

  /** Ask the browser not to evict us. */
  async persist(): Promise<void> {
    this.persisted = (await this.#ports.storage?.persist().catch(() => false)) ?? false;
  }

  stop(): void {
    this.#cancel();
  }

  async #look(): Promise<void> {
    const found = await this.#ports.storage?.estimate().catch(() => null);
    if (found) this.storage = { used_bytes: found.usage ?? 0, quota_bytes: found.quota ?? null };
    this.#cancel = this.#ports.set_timer(LOOK_MS, () => void this.#look());
  }
}
