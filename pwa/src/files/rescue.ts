/**
 * The rescue file `*.xunan`: everything unsent, to carry by hand when no network will come (P-61).
 * Owns the layout: header.json, ops.ndjson ({"dev","n","h","line"} per line), files/<sha256>; stored, not compressed.
 * Must not change the outbox; the caller marks what was exported. Invariant: lines leave byte for byte.
 */
import { strToU8, Zip, ZipPassThrough } from "fflate";

export interface RescueOp {
  dev: string;
  n: number;
  h: string;
  line: string;
}

export interface RescueHeader {
  format: "xunan-rescue";
  version: 1;
  made_at: string;
  device_id: string | null;
  dev: string;
  from: number;
  prev_h: string;
  count: number;
  sealed_left_behind: number;
  files: { sha256: string; size: number; mime: string; role: string; name: string }[];
  ops_sha256: string;
  signature?: string;
}

export async function make_rescue(
  ops: readonly RescueOp[],
  header: Omit<RescueHeader, "count" | "ops_sha256">,
  files: readonly { sha256: string; blob: Blob }[],
  sha256_hex: (bytes: Uint8Array) => string,
  sign: ((bytes: Uint8Array<ArrayBuffer>) => Promise<string | null>) | null,
): Promise<Blob> {
  const lines = strToU8(ops.map((op) => `${JSON.stringify(op)}\n`).join(""));
  const head: RescueHeader = { ...header, count: ops.length, ops_sha256: sha256_hex(lines) };
  const signature =
    sign === null ? null : await sign(new Uint8Array(strToU8(`${head.dev}:${head.count}:${head.ops_sha256}`)));
  if (signature !== null) head.signature = signature;
  const parts: Uint8Array<ArrayBuffer>[] = [];
  const zip = new Zip((error, chunk) => {
    if (error) throw error;
    parts.push(new Uint8Array(chunk));
  });
  const put = (name: string, bytes: Uint8Array) => {
    const entry = new ZipPassThrough(name);
    zip.add(entry);
    entry.push(bytes, true);
  };
  put("header.json", strToU8(`${JSON.stringify(head)}\n`));
  put("ops.ndjson", lines);
  for (const file of files) put(`files/${file.sha256}`, new Uint8Array(await file.blob.arrayBuffer()));
  zip.end();
  return new Blob(parts, { type: "application/zip" });
}
