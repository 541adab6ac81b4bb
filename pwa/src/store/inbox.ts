/**
 * The sealed inbox: what arrives while nobody is unlocked is sealed under a key that only an unlocking person can open again.
 * Owns its key pair (ECDH P-256) and the wrapped session keys. Must not: hold a private key or a session key in clear on disk.
 * Invariants: a session key is on disk, wrapped, before its first use; an RSA-2048 inbox of an earlier version is only opened, never sealed to.
 */
import { change_keys, type Databases } from "./open";

export interface Sealed {
  key: string;
  iv: Uint8Array<ArrayBuffer>;
  ct: Uint8Array<ArrayBuffer>;
}

/** A session key wrapped for the inbox: the one-time public key it was agreed with, and AES-KW text. */
interface Letter {
  from: Uint8Array<ArrayBuffer>;
  wrapped: Uint8Array<ArrayBuffer>;
}

interface Stored {
  public_key: CryptoKey;
  private_sealed: Sealed;
  sessions: Record<string, Letter>;
}

/** As earlier versions kept it. */
interface OldStored {
  private_sealed: Sealed;
  sessions: Record<string, Uint8Array<ArrayBuffer>>;
}

export interface InboxDeps {
  subtle: SubtleCrypto;
  seal(bytes: Uint8Array): Promise<Sealed>;
  unseal(sealed: Sealed): Promise<Uint8Array<ArrayBuffer> | null>;
}

const AES = { name: "AES-GCM", length: 256 } as const;
/** 128 bits of strength, as the AES and the signing key beside it have at least. */
const EC = { name: "ECDH", namedCurve: "P-256" } as const;
const KEY = "inbox_ec";
const OLD_KEY = "inbox";
const INFO = new TextEncoder().encode("xunan inbox");

export class Inbox {
  #dbs: Databases;
  #deps: InboxDeps;
  #held: Stored | null = null;

  constructor(dbs: Databases, deps: InboxDeps) {
    this.#dbs = dbs;
    this.#deps = deps;
  }

  async load(): Promise<void> {
    this.#held = (await this.#dbs.keys.use((db) => db.get("kv", KEY))) ?? this.#held;
  }

  get ready(): boolean {
    return this.#held !== null;
  }

  /** A fresh pair; its private key is sealed with the key now in use. */
  async make(): Promise<void> {
    const { subtle } = this.#deps;
    const pair = await subtle.generateKey(EC, true, ["deriveBits"]);
    const pkcs8 = new Uint8Array(await subtle.exportKey("pkcs8", pair.privateKey));
    const made: Stored = { public_key: pair.publicKey, private_sealed: await this.#deps.seal(pkcs8), sessions: {} };
    await change_keys(this.#dbs, (tx) => tx.store.put(made, KEY));
    this.#held = made;
  }

  /** Put a session key in. Another page may have added its own since we read: one transaction reads, adds and writes. */
  async put(id: string, key: CryptoKey): Promise<void> {
    const { subtle } = this.#deps;
    const held = this.#held!;
    const once = await subtle.generateKey(EC, true, ["deriveBits"]);
    const from = new Uint8Array(await subtle.exportKey("raw", once.publicKey));
    const kek = await this.#kek(held.public_key, once.privateKey, from);
    const letter: Letter = { from, wrapped: new Uint8Array(await subtle.wrapKey("raw", key, kek, "AES-KW")) };
    await this.#dbs.keys.use(async (db) => {
      const tx = db.transaction("kv", "readwrite", { durability: "strict" });
      const found: Stored = (await tx.store.get(KEY)) ?? held;
      found.sessions[id] = letter;
      await tx.store.put(found, KEY);
      await tx.done;
      this.#held = found;
    });
  }

  /** Every session key the unlocked person can open; one sealed with another's data key is readable after he unlocks. */
  async open(): Promise<Map<string, CryptoKey>> {
    await this.load();
    const found = await this.#open_old();
    const held = this.#held;
    if (held === null || Object.keys(held.sessions).length === 0) return found;
    const pkcs8 = await this.#deps.unseal(held.private_sealed);
    if (pkcs8 === null) return found;
    const { subtle } = this.#deps;
    const own = await subtle.importKey("pkcs8", pkcs8, EC, false, ["deriveBits"]);
    for (const [id, { from, wrapped }] of Object.entries(held.sessions)) {
      const theirs = await subtle.importKey("raw", from, EC, false, []);
      const kek = await this.#kek(theirs, own, from);
      found.set(id, await subtle.unwrapKey("raw", wrapped, kek, "AES-KW", AES, false, ["encrypt", "decrypt"]));
    }
    return found;
  }

  async #open_old(): Promise<Map<string, CryptoKey>> {
    const found = new Map<string, CryptoKey>();
    const old: OldStored | undefined = await this.#dbs.keys.use((db) => db.get("kv", OLD_KEY));
    const pkcs8 = old === undefined ? null : await this.#deps.unseal(old.private_sealed);
    if (old === undefined || pkcs8 === null) return found;
    const { subtle } = this.#deps;
    const key = await subtle.importKey("pkcs8", pkcs8, { name: "RSA-OAEP", hash: "SHA-256" }, false, ["decrypt"]);
    for (const [id, wrapped] of Object.entries(old.sessions)) {
      const raw = await subtle.decrypt({ name: "RSA-OAEP" }, key, wrapped);
      found.set(id, await subtle.importKey("raw", raw, AES, false, ["encrypt", "decrypt"]));
    }
    return found;
  }

  /** HKDF over the agreed secret, bound to the one-time key (NIST SP 800-56A, 56C). */
  async #kek(theirs: CryptoKey, own: CryptoKey, salt: Uint8Array<ArrayBuffer>): Promise<CryptoKey> {
    const { subtle } = this.#deps;
    const agreed = await subtle.deriveBits({ name: "ECDH", public: theirs }, own, 256);
    const base = await subtle.importKey("raw", agreed, "HKDF", false, ["deriveKey"]);
    const how = { name: "HKDF", hash: "SHA-256", salt, info: INFO };
    return subtle.deriveKey(how, base, { name: "AES-KW", length: 256 }, false, ["wrapKey", "unwrapKey"]);
  }
}
