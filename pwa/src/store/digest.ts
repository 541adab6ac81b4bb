/**
 * What a scope holds, as the server counts it: how many records, and the XOR of their digests (P-28).
 * Owns the shape and the empty one.
 */
export interface ScopeDigest {
  count: number;
  xor: string;
}

export const EMPTY_DIGEST: ScopeDigest = { count: 0, xor: "0000000000000000" };
