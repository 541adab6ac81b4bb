/**
 * Whether a body came as it was sent (P-31): RFC 9530 Content-Digest of what we send, Unencoded-Digest of what we get.
 * The twin of server/web/digest.py. Must not: refuse an answer that names no digest, as those of earlier servers.
 */
import { sha256_bytes } from "../core/stamp";

const FORM = /^sha-256=:([A-Za-z0-9+/=]+):$/;

export const digest_of = (body: Uint8Array): string => `sha-256=:${btoa(String.fromCharCode(...sha256_bytes(body)))}:`;

/** True when a SHA-256 was told and is not that of the body. */
export function is_damaged(told: string | null, body: Uint8Array): boolean {
  for (const part of (told ?? "").split(",")) {
    const name = part.trim();
    if (FORM.test(name)) return name !== digest_of(body);
  }
  return false;
}
