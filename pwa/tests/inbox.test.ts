/** The sealed inbox: what arrives while nobody is unlocked opens for whoever unlocks, and what earlier versions sealed still does. */
import { expect, test } from "vitest";
import { Keyring } from "../src/store/keys";
import { open_databases } from "../src/store/open";
import { make_world } from "./rig";

const RSA = {
  name: "RSA-OAEP",
  modulusLength: 2048,
  publicExponent: new Uint8Array([1, 0, 1]),
  hash: "SHA-256",
} as const;

async function make(prefix: string) {
  const ports = make_world().ports();
  const dbs = open_databases(prefix, ports.on_freeze);
  const deps = { subtle: ports.subtle, random: ports.random, now: ports.now, rounds: 1 };
  const open = () => Keyring.open(dbs, deps);
  return { dbs, open, subtle: ports.subtle };
}

test("what is sealed while nobody is unlocked opens after the PIN, in this page and in the next", async () => {
  const { open } = await make("inbox-a");
  const ring = await open();
  await ring.open_with_login("secret");
  await ring.set_pin("u_a", "258369");
  ring.lock();
  const sealed = await ring.seal("名册");
  expect(await ring.unseal_text(sealed)).toBe("名册");
  const later = await open();
  expect(await later.unseal_text(sealed)).toBeNull();
  await later.unlock("u_a", "258369");
  expect(await later.unseal_text(sealed)).toBe("名册");
});

test("nothing new is sealed to an RSA-2048 inbox, and what lies in it still opens", async () => {
  const { dbs, open, subtle } = await make("inbox-b");
  const before = await open();
  await before.open_with_login("secret");
  await before.set_pin("u_a", "258369");
  // As a former version left it: an RSA pair, its private key under the data key, one session key wrapped for it.
  const pair = await subtle.generateKey(RSA, true, ["encrypt", "decrypt"]);
  const pkcs8 = new Uint8Array(await subtle.exportKey("pkcs8", pair.privateKey));
  const session = await subtle.generateKey({ name: "AES-GCM", length: 256 }, true, ["encrypt", "decrypt"]);
  const raw = await subtle.exportKey("raw", session);
  const wrapped = new Uint8Array(await subtle.encrypt({ name: "RSA-OAEP" }, pair.publicKey, raw));
  const old = { public_key: pair.publicKey, private_sealed: await before.seal(pkcs8), sessions: { s1: wrapped } };
  const iv = new Uint8Array(12);
  const ct = await subtle.encrypt({ name: "AES-GCM", iv }, session, new TextEncoder().encode("旧名册"));
  await dbs.keys.use(async (db) => {
    await db.put("kv", old, "inbox");
    await db.delete("kv", "inbox_ec");
  });
  const ring = await open();
  await ring.unlock("u_a", "258369");
  expect(await ring.unseal_text({ key: "s1", iv, ct: new Uint8Array(ct) })).toBe("旧名册");
  ring.lock();
  const fresh = await ring.seal("新名册");
  const kept = await dbs.keys.use((db) => Promise.all([db.get("kv", "inbox"), db.get("kv", "inbox_ec")]));
  expect(Object.keys(kept[0].sessions)).toEqual(["s1"]);
  expect(Object.keys(kept[1].sessions)).toEqual([fresh.key]);
  expect(kept[1].public_key.algorithm).toEqual({ name: "ECDH", namedCurve: "P-256" });
});
