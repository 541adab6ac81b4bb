/**
 * Identity: device incarnations, op stamps, the hash chain, digests. Mirrors sync/stamp.py.
 * Hashes are over bytes as sent, never over a re-serialisation (P-03). Pure: random bytes are arguments.
 */
import { sha256 } from "@noble/hashes/sha2.js";

export const GENESIS = "00000000";
const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";
const HEX = "0123456789abcdef";
/** First byte of a line whose text was erased (P-43): no op and no sealed value begins so. */
const ERASED = 2;
const ERASED_LINE = /^([0-9a-f]{8})([A-Za-z0-9_:.-]{1,80})$/;
const STAMP = /^([a-z2-7]{16}):([1-9][0-9]*):([0-9a-f]{8})$/;

/** UTF-8 bytes of a text, without relying on TextEncoder (the core compiles without the DOM library). */
export function utf8(text: string): Uint8Array {
  const out: number[] = [];
  for (const char of text) {
    const c = char.codePointAt(0)!;
    if (c < 0x80) out.push(c);
    else if (c < 0x800) out.push(0xc0 | (c >> 6), 0x80 | (c & 63));
    else if (c < 0x10000) out.push(0xe0 | (c >> 12), 0x80 | ((c >> 6) & 63), 0x80 | (c & 63));
    else out.push(0xf0 | (c >> 18), 0x80 | ((c >> 12) & 63), 0x80 | ((c >> 6) & 63), 0x80 | (c & 63));
  }
  return Uint8Array.from(out);
}

export function hex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += HEX[byte >> 4]! + HEX[byte & 15]!;
  return text;
}

export const sha256_bytes = (bytes: Uint8Array): Uint8Array => sha256(bytes);

export function sha256_hex(bytes: Uint8Array): string {
  return hex(sha256(bytes));
}

/** h of the next op: first 8 hex digits of SHA-256(previous h ‖ line bytes). An erased line tells its own (P-43). */
export function chain(prev_h: string, line: Uint8Array): string {
  if (line[0] === ERASED && line.length < 128) {
    const told = ERASED_LINE.exec(String.fromCharCode(...line.subarray(1)));
    if (told !== null) return told[1]!;
  }
  const state = sha256.create();
  state.update(utf8(prev_h));
  state.update(line);
  return hex(state.digest().subarray(0, 4));
}

/** What stands in the place of a line whose text was erased: the hash it had and whom it spoke of. */
export const erased_line = (h: string, rec: string): Uint8Array => Uint8Array.of(ERASED, ...utf8(`${h}${rec}`));

export function make_stamp(dev: string, n: number, h: string): string {
  return `${dev}:${n}:${h}`;
}

export function split_stamp(stamp: string): readonly [dev: string, n: number, h: string] {
  const first = stamp.indexOf(":");
  const second = stamp.indexOf(":", first + 1);
  return [stamp.slice(0, first), Number(stamp.slice(first + 1, second)), stamp.slice(second + 1)];
}

export function is_stamp(value: unknown): value is string {
  return typeof value === "string" && STAMP.test(value);
}

/** A new incarnation id: 80 random bits in base32. */
export function new_dev(random: Uint8Array): string {
  if (random.length !== 10) throw new RangeError("a device incarnation needs exactly 10 random bytes");
  let text = "";
  let bits = 0;
  let held = 0;
  for (const byte of random) {
    held = (held << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += ALPHABET[(held >> bits) & 31]!;
    }
    held &= (1 << bits) - 1;
  }
  return text;
}

/**
 * The incarnation under which a fork goes on, from the stamp of its first op that goes along (P-24): copies of one disk
 * that hold the same unsent ops thereby renumber them to the same stamps, and no fact is stored twice.
 */
export function forked_dev(stamp: string): string {
  return new_dev(sha256(utf8(`fork|${stamp}`)).subarray(0, 10));
}

/** UUIDv7 text from a wall clock and ten random bytes. */
export function new_record_id(now_ms: number, random: Uint8Array): string {
  const bytes = new Uint8Array(16);
  let time = Math.trunc(now_ms);
  for (let i = 5; i >= 0; i -= 1) {
    bytes[i] = time % 256;
    time = Math.floor(time / 256);
  }
  for (let i = 0; i < 10; i += 1) bytes[6 + i] = random[i] ?? 0;
  bytes[6] = 0x70 | (bytes[6]! & 0x0f);
  bytes[8] = 0x80 | (bytes[8]! & 0x3f);
  const text = hex(bytes);
  return [text.slice(0, 8), text.slice(8, 12), text.slice(12, 16), text.slice(16, 20), text.slice(20)].join("-");
}

/** 64-bit digest of one record version, as 16 hex digits. */
export function digest64(id: string, seq: number): string {
  return hex(sha256(utf8(`${id}:${seq}`)).subarray(0, 8));
}

/** XOR of two 16-digit hex numbers; a scope digest is the XOR over its records. */
export function xor_hex(a: string, b: string): string {
  let out = "";
  for (let i = 0; i < 16; i += 1) out += HEX[Number.parseInt(a[i]!, 16) ^ Number.parseInt(b[i]!, 16)]!;
  return out;
}

export function conflict_id(rec: string, field: string): string {
  return sha256_hex(utf8(`${rec}|${field}`)).slice(0, 16);
}
