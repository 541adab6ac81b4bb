/**
 * Files at rest: every photo, track chunk and thumbnail is AES-GCM under its own key, which the data key seals.
 * Owns the file keys held in memory. Must not: store anything, or know the queue. Invariants: each part is bound to
 * its sha256 and role (AAD), so swapped rows never open; a file's name stays the hash of its plain bytes; while locked
 * only files that still have to leave keep their key in memory, as unsent ops keep their line.
 */
import { utf8 } from "../core/stamp";
import type { Keyring, Sealed } from "./keys";

export interface FileSeal {
  /** The file's own key, sealed with the data key. */
  key: Sealed;
  iv: Uint8Array<ArrayBuffer>;
  thumb_iv: Uint8Array<ArrayBuffer>;
}

export type FilePart = "body" | "thumb";

export interface SealedFile {
  blob: Blob;
  thumb: Blob | null;
  seal: FileSeal;
}

export interface VaultDeps {
  subtle: SubtleCrypto;
  random(length: number): Uint8Array<ArrayBuffer>;
}

const bound_to = (sha256: string, part: FilePart): Uint8Array<ArrayBuffer> => new Uint8Array(utf8(`${sha256}:${part}`));

export class FileVault {
  #keys: Keyring;
  #deps: VaultDeps;
  #held = new Map<string, CryptoKey>();

  constructor(keys: Keyring, deps: VaultDeps) {
    this.#keys = keys;
    this.#deps = deps;
  }

  async seal(sha256: string, blob: Blob, thumb: Blob | null): Promise<SealedFile> {
    const raw = this.#deps.random(32);
    const seal: FileSeal = {
      key: await this.#keys.seal(raw),
      iv: this.#deps.random(12),
      thumb_iv: this.#deps.random(12),
    };
    const key = await this.#import(raw);
    const lock = async (plain: Blob, iv: Uint8Array<ArrayBuffer>, part: FilePart): Promise<Blob> => {
      const how = { name: "AES-GCM", iv, additionalData: bound_to(sha256, part) };
      return new Blob([await this.#deps.subtle.encrypt(how, key, await plain.arrayBuffer())]);
    };
    const sealed: SealedFile = {
      blob: await lock(blob, seal.iv, "body"),
      thumb: thumb === null ? null : await lock(thumb, seal.thumb_iv, "thumb"),
      seal,
    };
    this.#held.set(sha256, key);
    return sealed;
  }

  /** The plain bytes, or null while the key is not at hand. Throws when they are not what was sealed. */
  async open(sha256: string, sealed: Blob, part: FilePart, seal: FileSeal, mime: string): Promise<Blob | null> {
    const key = await this.#key(sha256, seal);
    if (key === null) return null;
    const iv = part === "body" ? seal.iv : seal.thumb_iv;
    const how = { name: "AES-GCM", iv, additionalData: bound_to(sha256, part) };
    const plain = await this.#deps.subtle.decrypt(how, key, await sealed.arrayBuffer());
    return new Blob([plain], { type: mime });
  }

  /** Keep the key of a file that still has to leave, for the time after locking. */
  async hold(sha256: string, seal: FileSeal): Promise<void> {
    const key = await this.#key(sha256, seal);
    if (key !== null) this.#held.set(sha256, key);
  }

  /** Forget every key but those of files that still have to leave. */
  forget(leaving: ReadonlySet<string>): void {
    for (const sha256 of [...this.#held.keys()]) if (!leaving.has(sha256)) this.#held.delete(sha256);
  }

  async #key(sha256: string, seal: FileSeal): Promise<CryptoKey | null> {
    const held = this.#held.get(sha256);
    if (held !== undefined) return held;
    const raw = await this.#keys.unseal(seal.key);
    return raw === null ? null : this.#import(raw);
  }

  #import(raw: Uint8Array<ArrayBuffer>): Promise<CryptoKey> {
    return this.#deps.subtle.importKey("raw", raw, "AES-GCM", false, ["encrypt", "decrypt"]);
  }
}
