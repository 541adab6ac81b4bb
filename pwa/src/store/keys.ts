/**
 * Keys at rest: what makes personal data on a lost handheld unreadable.
 * Owns: the device key (HMAC, non-extractable), the data keys, their wrapped copies per user, the PIN try limits, and
 * a sealed inbox (RSA) so that personal records that arrive while nobody is unlocked are not written in clear.
 * Must not: store a PIN, the server's device secret or a data key in clear.
 * Invariants: PIN slot key = HMAC(device key, PBKDF2(PIN, salt) ‖ H("pin", secret)); login slot key = HMAC(device key,
 * H("login", secret)), which only an online login can give again; a failed try is counted before it is made.
 */
import type { Databases } from "./open";

export interface Sealed {
  key: string;
  iv: Uint8Array<ArrayBuffer>;
  ct: Uint8Array<ArrayBuffer>;
}

interface PinSlot {
  key_id: string;
  salt: Uint8Array<ArrayBuffer>;
  wrapped: Uint8Array<ArrayBuffer>;
  fails: number;
  wait_until: number;
}

interface Slots {
  login: { key_id: string; wrapped: Uint8Array<ArrayBuffer> } | null;
  pins: Record<string, PinSlot>;
}

interface Inbox {
  public_key: CryptoKey;
  private_sealed: Sealed;
  sessions: Record<string, Uint8Array<ArrayBuffer>>;
}

export const PBKDF2_ROUNDS = 600_000;
export const PIN_FREE_TRIES = 5;
export const PIN_WAIT_MS = 30_000;
export const PIN_WAIT_MS_MAX = 3_600_000;

export class PinError extends Error {
  readonly code: "pin_wrong" | "pin_wait" | "pin_missing";
  readonly wait_until_ms: number;
  constructor(code: "pin_wrong" | "pin_wait" | "pin_missing", wait_until_ms = 0) {
    super(code);
    this.name = "PinError";
    this.code = code;
    this.wait_until_ms = wait_until_ms;
  }
}

/** Delay after a wrong PIN: none for the first tries, then doubling. */
export function plan_pin_wait_ms(fails: number): number {
  if (fails < PIN_FREE_TRIES) return 0;
  return Math.min(PIN_WAIT_MS * 2 ** Math.min(fails - PIN_FREE_TRIES, 20), PIN_WAIT_MS_MAX);
}

const AES = { name: "AES-GCM", length: 256 } as const;
const RSA = {
  name: "RSA-OAEP",
  modulusLength: 2048,
  publicExponent: new Uint8Array([1, 0, 1]),
  hash: "SHA-256",
} as const;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

function join(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(a.length + b.length);
  out.set(a);
  out.set(b, a.length);
  return out;
}

export interface KeyringDeps {
  subtle: SubtleCrypto;
  random(length: number): Uint8Array<ArrayBuffer>;
  now(): number;
  rounds?: number;
}

export class Keyring {
  #dbs: Databases;
  #deps: KeyringDeps;
  #device_key!: CryptoKey;
  #slots: Slots = { login: null, pins: {} };
  #pin_secret: Uint8Array<ArrayBuffer> | null = null;
  #inbox: Inbox | null = null;
  #keys = new Map<string, CryptoKey>();
  #current: string | null = null;
  /** The key used while locked; its wrapped copy is on disk before its first use. */
  #session: { id: string; key: CryptoKey } | null = null;

  private constructor(dbs: Databases, deps: KeyringDeps) {
    this.#dbs = dbs;
    this.#deps = deps;
  }

  static async open(dbs: Databases, deps: KeyringDeps): Promise<Keyring> {
    const ring = new Keyring(dbs, deps);
    const [device_key, slots, pin_secret, inbox] = await dbs.keys.use((db) =>
      Promise.all(["device_key", "slots", "pin_secret", "inbox"].map((key) => db.get("kv", key))),
    );
    if (device_key === undefined) {
      ring.#device_key = await deps.subtle.generateKey({ name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
      await ring.#put("device_key", ring.#device_key);
    } else ring.#device_key = device_key;
    ring.#slots = slots ?? ring.#slots;
    ring.#pin_secret = pin_secret ?? null;
    ring.#inbox = inbox ?? null;
    return ring;
  }

  get unlocked(): boolean {
    return this.#current !== null;
  }

  has_pin(user_id: string): boolean {
    return user_id in this.#slots.pins;
  }

  pin_wait_until(user_id: string): number {
    return this.#slots.pins[user_id]?.wait_until ?? 0;
  }

  /** After an online login: regain the data key with the server's device secret, or make the first one.
   *  Gives false when older sealed data cannot be read with the key now in use. */
  async open_with_login(device_secret: string): Promise<boolean> {
    const kek = await this.#kek(await this.#digest(`login|${device_secret}`));
    const login = this.#slots.login;
    let complete = true;
    if (this.#current === null) {
      const key = login === null ? null : await this.#unwrap(login.wrapped, kek);
      if (login !== null && key !== null) this.#adopt(login.key_id, key);
      else {
        complete = login === null && Object.keys(this.#slots.pins).length === 0;
        const fresh = await this.#deps.subtle.generateKey(AES, true, ["encrypt", "decrypt"]);
        this.#adopt(this.#new_id(), fresh);
      }
    }
    const current = this.#keys.get(this.#current!)!;
    this.#slots.login = { key_id: this.#current!, wrapped: await this.#wrap(current, kek) };
    this.#pin_secret = await this.#digest(`pin|${device_secret}`);
    await this.#put("pin_secret", this.#pin_secret);
    await this.#put("slots", this.#slots);
    if (this.#inbox === null || !complete) await this.#make_inbox();
    await this.#read_inbox();
    return complete;
  }

  async set_pin(user_id: string, pin: string): Promise<void> {
    if (this.#current === null) throw new PinError("pin_missing");
    const salt = this.#deps.random(16);
    const kek = await this.#kek(await this.#pin_bits(pin, salt));
    const wrapped = await this.#wrap(this.#keys.get(this.#current)!, kek);
    this.#slots.pins[user_id] = { key_id: this.#current, salt, wrapped, fails: 0, wait_until: 0 };
    await this.#put("slots", this.#slots);
  }

  async unlock(user_id: string, pin: string): Promise<void> {
    const slot = this.#slots.pins[user_id];
    if (slot === undefined) throw new PinError("pin_missing");
    const now = this.#deps.now();
    // A clock set back must neither lock a person out for years nor end the wait: it begins anew.
    if (slot.wait_until - now > PIN_WAIT_MS_MAX) {
      slot.wait_until = now + plan_pin_wait_ms(slot.fails);
      await this.#put("slots", this.#slots);
    }
    if (slot.wait_until > now) throw new PinError("pin_wait", slot.wait_until);
    slot.fails += 1;
    slot.wait_until = now + plan_pin_wait_ms(slot.fails);
    await this.#put("slots", this.#slots);
    const key = await this.#unwrap(slot.wrapped, await this.#kek(await this.#pin_bits(pin, slot.salt)));
    if (key === null) throw new PinError("pin_wrong", slot.wait_until > now ? slot.wait_until : 0);
    slot.fails = 0;
    slot.wait_until = 0;
    await this.#put("slots", this.#slots);
    this.#adopt(slot.key_id, key);
    await this.#read_inbox();
  }

  lock(): void {
    this.#keys.clear();
    this.#current = null;
    this.#session = null;
  }

  async drop_pin(user_id: string): Promise<void> {
    delete this.#slots.pins[user_id];
    await this.#put("slots", this.#slots);
  }

  async seal(data: Uint8Array | string): Promise<Sealed> {
    const { id, key } = await this.#writing_key();
    const iv = this.#deps.random(12);
    const bytes = typeof data === "string" ? encoder.encode(data) : new Uint8Array(data);
    return { key: id, iv, ct: new Uint8Array(await this.#deps.subtle.encrypt({ name: "AES-GCM", iv }, key, bytes)) };
  }

  /** The bytes, or null while the key is not at hand. */
  async unseal(sealed: Sealed): Promise<Uint8Array<ArrayBuffer> | null> {
    const key = this.#keys.get(sealed.key) ?? (this.#session?.id === sealed.key ? this.#session.key : undefined);
    if (key === undefined) return null;
    const { iv, ct } = sealed;
    return new Uint8Array(await this.#deps.subtle.decrypt({ name: "AES-GCM", iv }, key, ct));
  }

  async unseal_text(sealed: Sealed): Promise<string | null> {
    const bytes = await this.unseal(sealed);
    return bytes === null ? null : decoder.decode(bytes);
  }

  #adopt(id: string, key: CryptoKey): void {
    this.#keys.set(id, key);
    this.#current = id;
    this.#session = null;
  }

  #new_id(): string {
    return Array.from(this.#deps.random(6), (byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  async #writing_key(): Promise<{ id: string; key: CryptoKey }> {
    if (this.#current !== null) return { id: this.#current, key: this.#keys.get(this.#current)! };
    if (this.#session !== null) return this.#session;
    if (this.#inbox === null) throw new PinError("pin_missing");
    const key = await this.#deps.subtle.generateKey(AES, true, ["encrypt", "decrypt"]);
    const raw = await this.#deps.subtle.exportKey("raw", key);
    const id = this.#new_id();
    const wrapped = await this.#deps.subtle.encrypt({ name: "RSA-OAEP" }, this.#inbox.public_key, raw);
    await this.#add_session(id, new Uint8Array(wrapped));
    if (this.#current !== null) return { id: this.#current, key: this.#keys.get(this.#current)! };
    this.#session = { id, key };
    return this.#session;
  }

  async #make_inbox(): Promise<void> {
    const pair = await this.#deps.subtle.generateKey(RSA, true, ["encrypt", "decrypt"]);
    const pkcs8 = new Uint8Array(await this.#deps.subtle.exportKey("pkcs8", pair.privateKey));
    this.#inbox = { public_key: pair.publicKey, private_sealed: await this.seal(pkcs8), sessions: {} };
    await this.#put("inbox", this.#inbox);
  }

  /** Another page may have added its own since we read: one transaction reads, adds and writes. */
  async #add_session(id: string, wrapped: Uint8Array<ArrayBuffer>): Promise<void> {
    await this.#dbs.keys.use(async (db) => {
      const tx = db.transaction("kv", "readwrite", { durability: "strict" });
      const inbox: Inbox = (await tx.store.get("inbox")) ?? this.#inbox;
      inbox.sessions[id] = wrapped;
      await tx.store.put(inbox, "inbox");
      await tx.done;
      this.#inbox = inbox;
    });
  }

  async #read_inbox(): Promise<void> {
    this.#inbox = (await this.#dbs.keys.use((db) => db.get("kv", "inbox"))) ?? this.#inbox;
    if (this.#inbox === null || Object.keys(this.#inbox.sessions).length === 0) return;
    const pkcs8 = await this.unseal(this.#inbox.private_sealed);
    if (pkcs8 === null) return; // sealed with another user's data key; readable after that user unlocks
    const { subtle } = this.#deps;
    const key = await subtle.importKey("pkcs8", pkcs8, { name: "RSA-OAEP", hash: "SHA-256" }, false, ["decrypt"]);
    for (const [id, wrapped] of Object.entries(this.#inbox.sessions)) {
      const raw = await subtle.decrypt({ name: "RSA-OAEP" }, key, wrapped);
      this.#keys.set(id, await subtle.importKey("raw", raw, AES, false, ["encrypt", "decrypt"]));
    }
  }

  async #pin_bits(pin: string, salt: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
    const { subtle } = this.#deps;
    const base = await subtle.importKey("raw", encoder.encode(pin), "PBKDF2", false, ["deriveBits"]);
    const iterations = this.#deps.rounds ?? PBKDF2_ROUNDS;
    const bits = await subtle.deriveBits({ name: "PBKDF2", hash: "SHA-256", salt, iterations }, base, 256);
    return join(new Uint8Array(bits), this.#pin_secret ?? new Uint8Array(0));
  }

  async #digest(text: string): Promise<Uint8Array<ArrayBuffer>> {
    return new Uint8Array(await this.#deps.subtle.digest("SHA-256", encoder.encode(text)));
  }

  async #kek(material: Uint8Array<ArrayBuffer>): Promise<CryptoKey> {
    const bits = await this.#deps.subtle.sign("HMAC", this.#device_key, material);
    return this.#deps.subtle.importKey("raw", bits, "AES-KW", false, ["wrapKey", "unwrapKey"]);
  }

  async #wrap(key: CryptoKey, kek: CryptoKey): Promise<Uint8Array<ArrayBuffer>> {
    return new Uint8Array(await this.#deps.subtle.wrapKey("raw", key, kek, "AES-KW"));
  }

  async #unwrap(wrapped: Uint8Array<ArrayBuffer>, kek: CryptoKey): Promise<CryptoKey | null> {
    try {
      return await this.#deps.subtle.unwrapKey("raw", wrapped, kek, "AES-KW", AES, true, ["encrypt", "decrypt"]);
    } catch {
      return null; // AES-KW checks its own integrity: a failure means the wrong PIN or secret, nothing else
    }
  }

  async #put(key: string, value: unknown): Promise<void> {
    await this.#dbs.keys.use(async (db) => {
      const tx = db.transaction("kv", "readwrite", { durability: "strict" });
      await Promise.all([tx.store.put(value, key), tx.done]);
    });
  }
}
