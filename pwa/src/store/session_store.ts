/**
 * Who this device is and who has logged in on it.
 * Owns the stored session: device token, users, their sealed grant tokens. Must not: write a grant token in clear, or
 * forget people because a server said 401. Invariant: the device token, which lies in clear, only delivers; to receive
 * takes the token of a person who unlocked since the app was started (it stays in memory when the screen is locked).
 */
import type { Session, SessionUser, Todo } from "../engine_types";
import type { Keyring, Sealed } from "./keys";
import { change_keys, type Databases } from "./open";
import { is_full } from "./room";

export interface StoredUser {
  id: string;
  name: string;
  roles: string[];
  stations: { code: string; name: string; role: string }[];
  scopes: string[];
  grant_id: string;
  grant_token: Sealed;
  username?: string;
  todo?: Todo[];
}

export interface StoredSession {
  base: string;
  /** Every address of the server, the usual one first, as it told at the last sign-in. */
  addresses: string[];
  device: { id: string; letter: string; kind: "handheld" | "desk" } | null;
  device_token: string | null;
  town: { name: string } | null;
  station_code: string | null;
  users: Record<string, StoredUser>;
  codes: number;
  lost: number;
  skew_s: number;
  /** Names of colleagues and letters of their devices, sealed, and when they were asked for (device clock, only to ask again). */
  names: { at: number; sealed: Sealed } | null;
  lock_minutes: number;
  /** Sign-ins that ended here without a network: the server has still to be told. */
  sign_outs: string[];
}

const EMPTY: StoredSession = {
  base: "",
  addresses: [],
  device: null,
  device_token: null,
  town: null,
  station_code: null,
  users: {},
  codes: 0,
  lost: 0,
  skew_s: 0,
  names: null,
  lock_minutes: 0,
  sign_outs: [],
};

const own_origin = (): string => globalThis.location?.origin ?? "";

export class SessionStore {
  #dbs: Databases;
  #keys: Keyring;
  stored: StoredSession = EMPTY;
  /** The unlocked user; the token exists only in memory. */
  open_user: { user: StoredUser; token: string } | null = null;
  /** Whoever unlocked last, here or in another tab: with it the app goes on receiving while the screen is locked. */
  carried: { user: string; token: string } | null = null;
  needs_login = false;
  readonly face: Session;

  constructor(dbs: Databases, keys: Keyring) {
    this.#dbs = dbs;
    this.#keys = keys;
    this.face = {
      phase: "new",
      device: null,
      town: null,
      users: [],
      user: null,
      names: {},
      station: null,
      scopes: [],
      needs_login: false,
      todo: [],
      lock_minutes: 0,
      pin_wait_until_ms: 0,
    };
  }

  async load(): Promise<void> {
    const found = (await this.#dbs.keys.use((db) => db.get("kv", "session"))) as StoredSession | undefined;
    this.stored = { ...EMPTY, ...found };
    if (this.carried !== null && !(this.carried.user in this.stored.users)) this.carried = null;
    this.refresh();
  }

  /** Changes what is stored, not what this page last read: two saves at once keep both changes. */
  async save(change: Partial<StoredSession>): Promise<void> {
    this.stored = await change_keys(this.#dbs, async (tx) => {
      const held = (await tx.store.get("session")) as StoredSession | undefined;
      const next = { ...EMPTY, ...held, ...change };
      await tx.store.put(next, "session");
      return next;
    });
    this.refresh();
  }

  /** How far the clock is off; the server says it with each answer, so without room it is just said again. */
  async note_skew(skew_s: number): Promise<void> {
    if (skew_s === this.stored.skew_s) return;
    await this.save({ skew_s }).catch((error: unknown) => {
      if (!is_full(error)) throw error;
    });
  }

  /** Where to look for the server. The page's own address comes first: to it nothing has to be allowed. */
  addresses(own: string): string[] {
    const { base, addresses } = this.stored;
    const first = base || own;
    return [first, ...addresses.filter((one) => one !== first && one !== own_origin())];
  }

  /** The token for ordinary requests: the unlocked person's, else the device's own. */
  token(): string | null {
    return this.open_user?.token ?? this.stored.device_token;
  }

  /** What asks: a person who unlocked, else the device alone. */
  pull_token(): string | null {
    return this.carried?.token ?? this.stored.device_token;
  }

  has_token(): boolean {
    return this.pull_token() !== null;
  }

  reader(): string | null {
    return this.carried?.token ?? null;
  }

  /** Not whoever signed in since it was asked. */
  refused(reader: string): void {
    if (this.carried?.token === reader) this.carried = null;
  }

  signed_in(): boolean {
    return Object.keys(this.stored.users).length > 0;
  }

  /** The token that delivers: the device's own, whoever is or is not unlocked. */
  push_token(): string | null {
    return this.stored.device_token ?? this.token();
  }

  async open_for(user_id: string): Promise<boolean> {
    const user = this.stored.users[user_id];
    if (user === undefined) return false;
    const token = await this.#keys.unseal_text(user.grant_token);
    if (token === null) return false;
    this.open_user = { user, token };
    this.carried = { user: user.id, token };
    const { names } = this.stored;
    const text = names === null ? null : await this.#keys.unseal_text(names.sealed);
    this.face.names = text === null ? {} : JSON.parse(text);
    this.refresh();
    return true;
  }

  async save_names(names: Readonly<Record<string, string>>, at: number): Promise<void> {
    await this.save({ names: { at, sealed: await this.#keys.seal(JSON.stringify(names)) } });
    if (this.open_user !== null) this.face.names = names;
  }

  /** The next short code of this device; it is never given twice. */
  async next_code(): Promise<string> {
    const codes = this.stored.codes + 1;
    await this.save({ codes });
    return `${this.stored.device?.letter ?? "X"}-${String(codes).padStart(4, "0")}`;
  }

  close_user(): void {
    this.open_user = null;
    this.face.names = {};
    this.refresh();
  }

  /** Bring the face in line; screens hold this very object. */
  refresh(): void {
    const { device, town, users, station_code } = this.stored;
    const face_of = (user: StoredUser): SessionUser => ({
      id: user.id,
      username: user.username ?? "",
      name: user.name,
      roles: user.roles,
      stations: user.stations,
      has_pin: this.#keys.has_pin(user.id),
    });
    const open = this.open_user?.user ?? null;
    this.face.device = device;
    this.face.town = town;
    this.face.users = Object.values(users).map(face_of);
    this.face.user = open === null ? null : face_of(open);
    const own = open?.stations.find((one) => one.code === station_code) ?? open?.stations[0];
    this.face.station = own
      ? { code: own.code, name: own.name }
      : station_code
        ? { code: station_code, name: station_code }
        : null;
    this.face.scopes = open?.scopes ?? [];
    this.face.needs_login = this.needs_login;
    this.face.todo = open?.todo ?? [];
    this.face.lock_minutes = this.stored.lock_minutes;
    this.face.phase =
      device === null ? "new" : open !== null ? "open" : Object.keys(users).length > 0 ? "locked" : "enrolled";
  }
}
