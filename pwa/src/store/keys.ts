/**
 * Keys at rest: what makes personal data on a lost handheld unreadable.
 * Owns: the device key (HMAC, non-extractable), the data keys, their wrapped copies per user, and
 * what opens the sealed inbox (inbox.ts), so that personal records that arrive while nobody is unlocked are not written in clear.
 * Must not: store a PIN, the server's device secret or a data key in clear.
 * Invariants: PIN slot key = HMAC(device key, PBKDF2(PIN, salt) ‖ H("pin", secret)); login slot key = HMAC(device key,
 * H("login", secret)), which only an online login can give again; a try is counted before it is made (pin_tries.ts).
 */
import { Inbox, type Sealed } from "./inbox";
import { change_keys, type Databases } from "./open";
import { PinTries } from "./pin_tries";

export type { Sealed } from "./inbox";

interface PinSlot {
  key_id: string;
  salt: Uint8Array<ArrayBuffer>;
  wrapped: Uint8Array<ArrayBuffer>;
}

interface Slots {
  login: { key_id: string; wrapped: Uint8Array<ArrayBuffer> } | null;
  pins: Record<string, PinSlot>;
}

export const PBKDF2_ROUNDS = 600_000;

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

const AES = { name: "AES-GCM", length: 256 } as const;
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
  #tries: PinTries;
  #slots: Slots = { login: null, pins: {} };
  #pin_secret: Uint8Array<ArrayBuffer> | null = null;
  #inbox: Inbox;
  #keys = new Map<string, CryptoKey>();
  #current: string | null = null;
  /** The key used while locked; its wrapped copy is on disk before its first use. */
  #session: { id: string; key: CryptoKey } | null = null;

  private constructor(dbs: Databases, deps: KeyringDeps) {
    this.#dbs = dbs;
    this.#deps = deps;
    this.#tries = new PinTries(dbs, deps.now);
    this.#inbox = new Inbox(dbs, {
      subtle: deps.subtle,
      seal: (bytes) => this.seal(bytes),
      unseal: (sealed) => this.unseal(sealed),
    });
  }

  static async open(dbs: Databases, deps: KeyringDeps): Promise<Keyring> {
    const ring = new Keyring(dbs, deps);
    const [device_key, slots, pin_secret] = await dbs.keys.use((db) =>
      Promise.all(["device_key", "slots", "pin_secret"].map((key) => db.get("kv", key))),
    );
    if (device_key === undefined) {
      ring.#device_key = await deps.subtle.generateKey({ name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
      await ring.#put("device_key", ring.#device_key);
    } else ring.#device_key = device_key;
    ring.#slots = slots ?? ring.#slots;
    ring.#pin_secret = pin_secret ?? null;
    await ring.#inbox.load();
    return ring;
  }

  get unlocked(): boolean {
    return this.#current !== null;
  }

  has_pin(user_id: string): boolean {
    return user_id in this.#slots.pins;
  }

  pin_wait_until(user_id: string): number {
    return this.#tries.wait_until(user_id);
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
    if (!complete) await this.#inbox.make();
    await this.#read_inbox();
    return complete;
  }

  async set_pin(user_id: string, pin: string): Promise<void> {
    if (this.#current === null) throw new PinError("pin_missing");
    const salt = this.#deps.random(16);
    const kek = await this.#kek(await this.#pin_bits(pin, salt));
    const wrapped = await this.#wrap(this.#keys.get(this.#current)!, kek);
    this.#slots.pins[user_id] = { key_id: this.#current, salt, wrapped };
    await change_keys(this.#dbs, async (tx) => {
      await tx.store.put(this.#slots, "slots");
      await this.#tries.lay(tx, user_id, { fails: 0, wait_until: 0 });
    });
  }

  async unlock(user_id: string, pin: string): Promise<void> {
    const slot = this.#slots.pins[user_id];
    if (slot === undefined) throw new PinError("pin_missing");
    // Deriving is slow and opens nothing yet: it may run while the try is being counted.
    const [tried, bits] = await Promise.all([this.#tries.count(user_id), this.#pin_bits(pin, slot.salt)]);
    if (tried.refused) throw new PinError("pin_wait", tried.wait_until);
    const key = await this.#unwrap(slot.wrapped, await this.#kek(bits));
    if (key === null) throw new PinError("pin_wrong", tried.wait_until > this.#deps.now() ? tried.wait_until : 0);
    await this.#tries.forget(user_id);
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
    await change_keys(this.#dbs, async (tx) => {
      await tx.store.put(this.#slots, "slots");
      await this.#tries.drop(tx, user_id);
    });
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
    if (!this.#inbox.ready) throw new PinError("pin_missing");
    const key = await this.#deps.subtle.generateKey(AES, true, ["encrypt", "decrypt"]);
    const id = this.#new_id();
    await this.#inbox.put(id, key);
    if (this.#current !== null) return { id: this.#current, key: this.#keys.get(this.#current)! };
    this.#session = { id, key };
    return this.#session;
  }

  async #read_inbox(): Promise<void> {
    for (const [id, key] of await this.#inbox.open()) this.#keys.set(id, key);
    // The first time, and on a device whose inbox an earlier version made.
    if (!this.#inbox.ready) await this.#inbox.make();
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

  #put(key: string, value: unknown): Promise<unknown> {
    return change_keys(this.#dbs, (tx) => tx.store.put(value, key));
  }
}
