/**
 * The open ear for hints of the server: one stream at most, only for the tab that syncs.
 * Owns when it is open. Must not matter: everything is correct without it (P-30).
 */
import type { Ports } from "../ports";

export interface HintsDeps {
  open_live: Ports["open_live"];
  base(): string;
  token(): string | null;
  leading(): boolean;
  heard(): void;
}

export class Hints {
  #deps: HintsDeps;
  #close: () => void = () => undefined;

  constructor(deps: HintsDeps) {
    this.#deps = deps;
  }

  /** Listen anew, as the present person at the present address; not at all without a token or the lead. */
  open(): void {
    this.close();
    const token = this.#deps.token();
    if (token === null || !this.#deps.leading()) return;
    this.#close = this.#deps.open_live(`${this.#deps.base()}/api/v1/live`, token, this.#deps.heard);
  }

  close(): void {
    this.#close();
    this.#close = () => undefined;
  }
}
