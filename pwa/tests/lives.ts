/**
 * Lives of simulated devices: one life is one opening of a device's databases, until a kill before a numbered point ends it.
 * Owns the points (every transaction and whoever calls `step`), the image of what was committed, and its copies.
 * Must not know the engine. Invariant: after its death a life begins nothing more; what it left is read as committed.
 */
import "fake-indexeddb/auto";
import type { Engine } from "../src/engine";
import { open_databases } from "../src/store/open";
import { FakeChannels, FakeLocks } from "./rig";

const QUIET_TURNS = 4;
const PARTS = ["ops", "view", "blobs", "drafts", "keys"] as const;
const lives = new Map<string, Life>();
let births = 0;

/** What a power cut leaves: rows of every store, and local storage. */
export interface Image {
  stores: Map<string, [key: IDBValidKey, value: unknown][]>;
  local: Map<string, string>;
}

/** One page of a life. */
export interface Tab {
  engine: Engine;
  frozen: boolean;
  on_freeze: (() => void)[];
  on_thaw: (() => void)[];
}

export interface Life {
  prefix: string;
  /** Of the tab its user has in front. */
  engine: Engine | null;
  /** The other tab, and how to freeze and thaw it. */
  behind: Tab | null;
  front: Tab | null;
  locks: FakeLocks;
  channels: FakeChannels;
  local: Map<string, string>;
  dead: boolean;
  active: number;
  /** Whether a request is under way. */
  sending: boolean;
  points: number;
  kill_at: number;
  die: () => void;
}

/** Thrown into a dead life; nobody there is left to care. */
class Killed extends Error {}

process.on("unhandledRejection", (error) => {
  if (!(error instanceof Killed)) throw error;
});

/** A point at which power may fail. */
export function step(life: Life): void {
  if (life.dead) throw new Killed("this life is over");
  life.points += 1;
  if (life.points !== life.kill_at) return;
  life.dead = true;
  life.die();
  throw new Killed("killed");
}

const plain_transaction = IDBDatabase.prototype.transaction;
IDBDatabase.prototype.transaction = function (this: IDBDatabase, ...args: Parameters<typeof plain_transaction>) {
  const life = lives.get(this.name.slice(0, this.name.lastIndexOf("-")));
  if (life !== undefined) step(life);
  const tx = plain_transaction.apply(this, args);
  if (life !== undefined) {
    life.active += 1;
    const ended = () => {
      life.active -= 1;
    };
    tx.addEventListener("complete", ended);
    tx.addEventListener("abort", ended);
  }
  return tx;
};

const turn = () => new Promise<void>((done) => setImmediate(done));

/** Until no transaction is open and none begins. */
export async function rest(life: Life): Promise<void> {
  for (let quiet = 0; quiet < QUIET_TURNS; quiet = life.active === 0 ? quiet + 1 : 0) await turn();
}

/** Do it with a death planned; true when it died. */
export async function mortal(life: Life, kill_at: number, work: () => Promise<void>): Promise<boolean> {
  const death = new Promise<"died">((done) => {
    life.die = () => done("died");
  });
  life.points = 0;
  life.kill_at = kill_at;
  const ended = await Promise.race([
    work().then(
      () => "lived",
      (error: unknown) => ({ error }),
    ),
    death,
  ]);
  // Who lived on only because nobody looked: what was written after the point is not there.
  if (life.dead || ended === "died") return true;
  life.kill_at = 0;
  if (typeof ended === "object") throw ended.error;
  return false;
}

// -------------------------------------------------------------------------------------------------------------- storage

async function with_stores(
  prefix: string,
  mode: IDBTransactionMode,
  work: (name: string, store: any) => Promise<void>,
): Promise<void> {
  const dbs = open_databases(prefix);
  for (const part of PARTS) {
    await (dbs[part] as any).use(async (db: any) => {
      const tx = db.transaction([...db.objectStoreNames], mode);
      for (const name of db.objectStoreNames) await work(`${part}.${name}`, tx.objectStore(name));
      await tx.done;
    });
  }
  dbs.close();
}

/** The committed state of a life that ended; its databases are dropped. */
export async function take_image(life: Life, keep = false): Promise<Image> {
  const image: Image = { stores: new Map(), local: new Map(life.local) };
  lives.delete(life.prefix);
  await with_stores(life.prefix, "readonly", async (name, store) => {
    const [keys, values] = await Promise.all([store.getAllKeys(), store.getAll()]);
    image.stores.set(
      name,
      keys.map((key: IDBValidKey, i: number) => [key, values[i]]),
    );
  });
  if (keep) lives.set(life.prefix, life);
  else for (const part of PARTS) indexedDB.deleteDatabase(`${life.prefix}-${part}`);
  return image;
}

/** A life from what another left; null: from nothing. */
export async function begin(image: Image | null): Promise<Life> {
  births += 1;
  const life: Life = {
    prefix: `life${births}`,
    engine: null,
    behind: null,
    front: null,
    locks: new FakeLocks(),
    channels: new FakeChannels(),
    local: new Map(),
    dead: false,
    active: 0,
    sending: false,
    points: 0,
    kill_at: 0,
    die: () => undefined,
  };
  if (image !== null) {
    // The sentinel is named after the database.
    for (const [key, value] of image.local) life.local.set(key.replace(/^life\d+/, life.prefix), value);
    await with_stores(life.prefix, "readwrite", async (name, store) => {
      const rows = image.stores.get(name) ?? [];
      await Promise.all(
        rows.map(([key, value]) => (store.keyPath === null ? store.put(value, key) : store.put(value))),
      );
    });
  }
  lives.set(life.prefix, life);
  return life;
}
