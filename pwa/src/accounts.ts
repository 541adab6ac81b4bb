/**
 * Enrolment, login, PIN: who may open this device.
 * Owns the conversation with /enrol, /login, /logout and the device's signing key. Must not touch records.
 * Invariant: a grant token is stored only sealed; the server's device secret is never stored (store/keys.ts).
 */
import type { Kind } from "./core/fields";
import type { Transport } from "./courier/transport";
import type { EnrolAnswer, LoginInput, SessionUser, Todo } from "./engine_types";
import type { Ports } from "./ports";
import type { Keyring } from "./store/keys";
import type { Databases } from "./store/open";
import type { SessionStore, StoredUser } from "./store/session_store";

interface LoginAnswer {
  grant_id: string;
  grant_token: string;
  user: {
    id: string;
    username?: string;
    name: string;
    roles: string[];
    stations: { code: string; name: string; role: string }[];
  };
  scopes: string[];
  device_secret: string;
  device_id?: string | null;
  device_token?: string | null;
  letter?: string | null;
  town?: { name: string } | null;
  addresses?: string[];
  todo?: Todo[];
  lock_minutes?: number;
}

interface Colleagues {
  items: { id: string; name: string }[];
  devices?: { dev: string; letter: string }[];
}

/** So many sign-outs are told at once; the server takes no more. */
const SIGN_OUTS_MAX = 50;
/** Names are asked for again after this long: people change posts rarely, but a handheld enrolled today should have its letter. */
export const NAMES_MS = 3_600_000;
/** The same when one that is to be shown is missing. */
export const NAMES_MISSING_MS = 60_000;
const SIGN = { name: "ECDSA", namedCurve: "P-256" } as const;

const base64 = (bytes: ArrayBuffer): string => btoa(String.fromCharCode(...new Uint8Array(bytes)));

export class Accounts {
  #ports: Ports;
  #transport: Transport;
  #session: SessionStore;
  #keys: Keyring;
  #dbs: Databases;
  #telling = false;

  constructor(ports: Ports, transport: Transport, session: SessionStore, keys: Keyring, dbs: Databases) {
    this.#ports = ports;
    this.#transport = transport;
    this.#session = session;
    this.#keys = keys;
    this.#dbs = dbs;
  }

  async enrol(input: { code: string; base?: string; name?: string }): Promise<EnrolAnswer> {
    const public_key = await this.#signing_public_key();
    const base = (input.base ?? "").replace(/\/+$/, "");
    if (base !== "") await this.#session.save({ base });
    const answer = await this.#transport.post_json<EnrolAnswer & { device_token: string; addresses?: string[] }>(
      "/api/v1/enrol",
      { code: input.code.trim(), name: input.name ?? "", public_key, app: this.#ports.app },
      null,
    );
    const { device_id, letter, town, station_code } = answer;
    await this.#session.save({
      device: { id: device_id, letter, kind: "handheld" },
      device_token: answer.device_token,
      addresses: answer.addresses ?? [],
      town,
      station_code: station_code ?? null,
    });
    return { device_id, letter, town, station_code };
  }

  /** `complete` is false when older sealed data on this device cannot be opened with the key now in use. */
  async login(input: LoginInput): Promise<{ user: SessionUser; complete: boolean }> {
    const token = this.#session.stored.device_token;
    const { password, code } = input;
    const body = { username: input.username.trim(), password, ...(code ? { code } : {}) };
    const answer = await this.#transport.post_json<LoginAnswer>(
      "/api/v1/login",
      token === null ? { ...body, desk: true } : body,
      token,
    );
    const complete = await this.#keys.open_with_login(answer.device_secret);
    const user: StoredUser = {
      ...answer.user,
      scopes: answer.scopes,
      grant_id: answer.grant_id,
      grant_token: await this.#keys.seal(answer.grant_token),
      todo: answer.todo ?? [],
    };
    const { stored } = this.#session;
    await this.#session.save({
      users: { ...stored.users, [user.id]: user },
      addresses: answer.addresses ?? stored.addresses,
      lock_minutes: answer.lock_minutes ?? stored.lock_minutes,
      // Only a browser without a device becomes a desk; an enrolled handheld stays what it is.
      ...(token !== null || !answer.device_token
        ? {}
        : {
            device_token: answer.device_token,
            device: { id: answer.device_id ?? "", letter: answer.letter ?? "D", kind: "desk" as const },
            town: answer.town ?? stored.town,
          }),
    });
    this.#session.needs_login = false;
    await this.#session.open_for(user.id);
    return { user: this.#session.face.user!, complete };
  }

  async settle_todo(done: Todo): Promise<void> {
    const open = this.#session.open_user;
    if (open === null) return;
    open.user = { ...open.user, todo: (open.user.todo ?? []).filter((one) => one !== done) };
    await this.#session.save({ users: { ...this.#session.stored.users, [open.user.id]: open.user } });
    // Before, the server told nobody's name: there was something else to do first.
    await this.refresh_names(NAMES_MS);
  }

  async set_pin(pin: string): Promise<void> {
    const open = this.#session.open_user;
    if (open === null) throw new Error("locked");
    await this.#keys.set_pin(open.user.id, pin);
    this.#session.refresh();
  }

  async unlock(user_id: string, pin: string): Promise<void> {
    try {
      await this.#keys.unlock(user_id, pin);
      await this.#session.open_for(user_id);
    } finally {
      this.#session.face.pin_wait_until_ms = this.#keys.pin_wait_until(user_id);
    }
  }

  /** Names to show beside what others wrote. Offline the ones kept are used; true when there is something new to show. */
  async refresh_names(age_max_ms: number): Promise<boolean> {
    const { stored, open_user } = this.#session;
    const now = this.#ports.now();
    const age = stored.names === null ? Number.POSITIVE_INFINITY : Math.abs(now - stored.names.at);
    if (open_user === null || age < age_max_ms) return false;
    try {
      const { items, devices } = await this.#transport.get_json<Colleagues>("/api/v1/colleagues");
      const names = items.map((one) => [one.id, one.name]);
      // A hub or centre of before gives no devices.
      const letters = (devices ?? []).map((one) => [one.dev, one.letter]);
      await this.#session.save_names(Object.fromEntries([...names, ...letters]), now);
      return true;
    } catch {
      return false; // offline, or a town that does not give names: ids are shown
    }
  }

  /** Ends the grant, at the next contact when the server cannot be reached now; the user leaves this device in any case. */
  async logout(): Promise<void> {
    const open = this.#session.open_user;
    if (open === null) return;
    // Noted before it is asked: a page killed in between has still signed out.
    await this.#session.save({ sign_outs: [...this.#session.stored.sign_outs, open.user.grant_id] });
    const { [open.user.id]: _left, ...users } = this.#session.stored.users;
    await this.#keys.drop_pin(open.user.id);
    this.#session.open_user = null;
    this.#session.carried = null;
    await this.#session.save({ users });
    await this.tell_sign_outs();
  }

  /** With the device's own token: whoever signed out is gone. */
  async tell_sign_outs(): Promise<void> {
    const { sign_outs, device_token } = this.#session.stored;
    if (sign_outs.length === 0 || device_token === null || this.#telling) return;
    this.#telling = true;
    try {
      const grants = sign_outs.slice(0, SIGN_OUTS_MAX);
      await this.#transport.post_json("/api/v1/sessions/ended", { grants }, device_token);
      await this.#session.save({ sign_outs: this.#session.stored.sign_outs.filter((one) => !grants.includes(one)) });
    } catch {
      // Still no network: told at the next contact.
    } finally {
      this.#telling = false;
    }
  }

  /** Where a new record of a kind belongs when the form does not say. */
  default_scope(kind: Kind | undefined): string {
    if (kind?.scope === "town") return "town";
    const station = this.#session.face.station;
    return station === null ? "" : `station:${station.code}`;
  }

  async sign(bytes: Uint8Array<ArrayBuffer>): Promise<string | null> {
    const pair = (await this.#dbs.keys.use((db) => db.get("kv", "signing"))) as CryptoKeyPair | undefined;
    if (pair === undefined) return null;
    return base64(await this.#ports.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, pair.privateKey, bytes));
  }

  async #signing_public_key(): Promise<string> {
    let pair = (await this.#dbs.keys.use((db) => db.get("kv", "signing"))) as CryptoKeyPair | undefined;
    if (pair === undefined) {
      const { privateKey, publicKey } = await this.#ports.subtle.generateKey(SIGN, false, ["sign", "verify"]);
      const fresh = { privateKey, publicKey };
      await this.#dbs.keys.use((db) => db.put("kv", fresh, "signing"));
      pair = fresh;
    }
    return base64(await this.#ports.subtle.exportKey("spki", pair.publicKey));
  }
}
