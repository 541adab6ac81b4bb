/**
 * The real engine as a device of the simulated town: commands in, answers out, one JSON line each (tests/simulation/typescript.py).
 * Owns the commands and the ports, with their share of points at which a kill may come: a request, an answer, a write to
 * local storage (transactions are lives.ts's); after a kill the next life opens a copy of exactly what was committed.
 * Must not decide anything about the protocol, and asserts nothing. All requests are answered by whoever gives the commands.
 */
import { createInterface } from "node:readline";
import type { Kinds } from "../src/core/fields";
import { add, count, inc, log, rem, remove, resolve, restore, retract, set } from "../src/desk";
import { iso_with_offset } from "../src/device/clock";
import { type Draft, open_engine } from "../src/engine";
import { KINDS } from "../src/generated/kinds";
import { Keyring } from "../src/store/keys";
import { type OpRow, open_databases } from "../src/store/open";
import { text_of } from "../src/store/pack";
import { load_bases } from "../src/store/view_load";
import { ViewStore } from "../src/store/view_store";
import { FakeServer } from "./fake_server";
import { begin, type Image, type Life, mortal, rest, step, type Tab, take_image } from "./lives";
import { make_world } from "./rig";

const PIN = "123456";

interface Device {
  name: string;
  user: string;
  scopes: string[];
  life: Life;
  now: number;
  app: string;
  schema: number;
  linked: boolean;
  failed: boolean;
  /** Whether its app is one of two releases ago, which has not heard of all kinds and fields. */
  older: boolean;
  random: (length: number) => Uint8Array<ArrayBuffer>;
}

const devices = new Map<string, Device>();
const images = new Map<string, Image>();
const asked = new Map<number, (answer: any) => void>();
/** Switched-off defences of the device, for negative controls. */
const off = new Set<string>();
let questions = 0;

const tell = (message: unknown) => process.stdout.write(`${JSON.stringify(message)}\n`);

/** Begin a life from an image and open the engine on it, offline. */
async function live(device: Device, image: Image | null): Promise<void> {
  const life = await begin(image);
  device.life = life;
  life.front = await open_tab(device, life);
  life.engine = life.front.engine;
  if (image === null) {
    device.linked = true;
    await life.engine.enrol({ code: "ABCD" });
    await life.engine.login({ username: device.user.slice(2), password: "x" });
    await life.engine.set_pin(PIN);
    device.linked = false;
  } else await life.engine.unlock(device.user, PIN);
  await settle(device);
}

async function open_tab(device: Device, life: Life): Promise<Tab> {
  const tab: Tab = { engine: null as any, frozen: false, on_freeze: [], on_thaw: [] };
  tab.engine = await open_engine(to_ports(device, life, tab));
  return tab;
}

/** A second tab comes to the front, the two change places, or the one behind is frozen, thawed or closed. */
async function change_tabs(device: Device, how: string): Promise<string> {
  const { life } = device;
  const { behind } = life;
  let done = how;
  if (behind === null) {
    life.behind = life.front;
    life.front = await open_tab(device, life);
    await life.front.engine.unlock(device.user, PIN);
    done = "opened";
  } else if (how === "closed") {
    life.behind = null;
    await behind.engine.close();
  } else if (behind.frozen) {
    behind.frozen = false;
    for (const thaw of behind.on_thaw) thaw();
    done = "thawed";
  } else if (how === "frozen") {
    behind.frozen = true;
    for (const freeze of behind.on_freeze) freeze();
  } else {
    life.behind = life.front;
    life.front = behind;
  }
  life.engine = life.front!.engine;
  await settle(device);
  return done;
}

async function settle(device: Device): Promise<void> {
  if (!device.linked) await device.life.engine?.sync_now();
  await rest(device.life);
}

/** The page dies without a word; what follows opens what it left. */
async function die_and_return(device: Device, change: (image: Image) => void = () => undefined): Promise<void> {
  device.linked = false;
  device.life.dead = true;
  await rest(device.life);
  const image = await take_image(device.life);
  if (off.has("strict saves")) image.stores.get("ops.ops")?.pop();
  change(image);
  await live(device, image);
}

// ---------------------------------------------------------------------------------------------------------------- ports

/** As tests/compat/versions.py: what an app of two releases ago had not heard of. */
const { patrol: _patrol, stock_lot: _lot, ...rest_of_kinds } = KINDS;
const hazard = rest_of_kinds.hazard!;
const without = <T>(named: Record<string, T>, names: string[]): Record<string, T> =>
  Object.fromEntries(Object.entries(named).filter(([name]) => !names.includes(name)));
const OLDER: Kinds = {
  ...rest_of_kinds,
  hazard: { ...hazard, fields: without(hazard.fields, ["note", "place"]) },
};

const counter = new FakeServer();

async function ask(device: Device, life: Life, input: string, init: RequestInit = {}): Promise<Response> {
  const url = new URL(input);
  if (!device.linked || life.dead) throw new TypeError("fetch failed");
  let bytes = new Uint8Array(await new Response(init.body ?? null).arrayBuffer());
  if (!/sync|snapshots/.test(url.pathname)) {
    counter.scopes = device.scopes;
    return counter.answer(url.pathname, bytes, true);
  }
  if (new Headers(init.headers).get("Content-Encoding") === "gzip") {
    const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    bytes = new Uint8Array(await new Response(plain).arrayBuffer());
  }
  step(life);
  if (life.sending && !url.pathname.includes("snapshots"))
    tell({ incident: "two_at_once", device: device.name, detail: {} });
  questions += 1;
  const number = questions;
  tell({
    ask: number,
    device: device.name,
    path: decodeURIComponent(url.pathname),
    body: Buffer.from(bytes).toString("base64"),
  });
  life.sending = true;
  const answer = await new Promise<any>((done) => asked.set(number, done));
  life.sending = false;
  step(life);
  if (answer.status === 0) {
    device.failed = true;
    throw new TypeError("fetch failed");
  }
  const headers = answer.digest === "" ? {} : { "Unencoded-Digest": answer.digest };
  return new Response(Buffer.from(answer.body, "base64"), { status: answer.status, headers });
}

function to_ports(device: Device, life: Life, tab: Tab) {
  return {
    ...make_world().ports(),
    fetch: (input: string, init?: RequestInit) => ask(device, life, input, init),
    now: () => device.now,
    mono: () => 0,
    iso: (ms: number) => iso_with_offset(ms, 480),
    random: device.random,
    local: {
      getItem: (key: string) => life.local.get(key) ?? null,
      setItem: (key: string, value: string) => {
        step(life);
        life.local.set(key, value);
      },
      removeItem: (key: string) => void life.local.delete(key),
    },
    locks: life.locks as any,
    channel: (name: string) => life.channels.open(name),
    on_freeze: (freeze: () => void, thaw: () => void) => {
      tab.on_freeze.push(freeze);
      tab.on_thaw.push(thaw);
      return () => undefined;
    },
    set_timer: () => () => undefined,
    get app() {
      return device.app;
    },
    get schema() {
      return device.schema;
    },
    kinds: device.older ? OLDER : KINDS,
    db_prefix: life.prefix,
    note_incident: (code: string, detail: Record<string, unknown>) => {
      // As this tab knows it; what the other one was last told may be older.
      const pending = tab.engine?.status().pending_ops ?? 0;
      if (!life.dead) tell({ incident: code, device: device.name, detail: { ...detail, pending } });
    },
  };
}

// ------------------------------------------------------------------------------------------------------------- commands

const VERBS: Record<string, (v: any) => unknown> = {
  set,
  resolve,
  inc,
  count,
  add,
  rem,
  log,
  retract,
  life: (v) => (v === "deleted" ? remove() : restore()),
};

async function save(device: Device, command: any): Promise<unknown> {
  Object.assign(device, { app: command.app, schema: command.schema });
  const drafts: Draft[] = command.drafts.map((draft: any) => ({
    ...draft,
    f: Object.fromEntries(
      Object.entries<[string, unknown]>(draft.f).map(([name, [verb, value]]) => [name, VERBS[verb]!(value)]),
    ),
  }));
  let saved = false;
  let empty = false;
  const died = await mortal(device.life, command.kill_at ?? 0, async () => {
    try {
      await device.life.engine!.write(drafts);
      saved = true;
    } catch (error) {
      if ((error as { code?: string }).code !== "empty") throw error;
      empty = true;
    }
    await settle(device);
  });
  const { points } = device.life;
  if (died) await die_and_return(device);
  device.schema = 1;
  return { saved, empty, died, points };
}

async function sync(device: Device, command: any): Promise<unknown> {
  Object.assign(device, { linked: true, failed: false });
  const died = await mortal(device.life, command.kill_at ?? 0, async () => {
    const { front, behind } = device.life;
    await Promise.all([front, behind].map((tab) => (tab === null || tab.frozen ? undefined : tab.engine.sync_now())));
    // What one tab asked of the other may go on for another round.
    do await rest(device.life);
    while (device.life.sending && !device.life.dead);
  });
  device.linked = false;
  const { points } = device.life;
  if (died) await die_and_return(device);
  const { attention, pending_ops } = device.life.engine!.status();
  return {
    died,
    points,
    attention,
    complete: !died && !device.failed && attention !== "local_error" && pending_ops === 0,
  };
}

const rings = new WeakMap<Life, Keyring>();

/** What is sealed, read as the device's user would; one unlocking per life. */
async function ring_of(device: Device): Promise<Keyring> {
  const held = rings.get(device.life);
  if (held !== undefined) return held;
  const { subtle, random, now, pin_rounds } = make_world().ports();
  const dbs = open_databases(device.life.prefix);
  const ring = await Keyring.open(dbs, { subtle, random, now, rounds: pin_rounds! });
  await ring.unlock(device.user, PIN);
  dbs.close();
  rings.set(device.life, ring);
  return ring;
}

/** What the stores hold, in the words of the simulation. */
async function disk(device: Device): Promise<unknown> {
  const ring = await ring_of(device);
  const image = await take_image(device.life, true);
  const values = (name: string): any[] => image.stores.get(name)!.map(([, value]) => value);
  const meta = new Map(image.stores.get("ops.meta") as [string, any][]);
  const dbs = open_databases(device.life.prefix);
  const { packs, rows, meta: view } = await new ViewStore(dbs).load();
  dbs.close();
  const { bases } = await load_bases(packs, rows, ring);
  const lines = await Promise.all(
    (values("ops.ops") as OpRow[]).map((row) => row.line ?? (row.sealed && ring.unseal(row.sealed))),
  );
  return {
    own: meta.get("incarnation"),
    former: meta.get("former") ?? [],
    rows: (values("ops.ops") as OpRow[]).map(({ line: _, sealed: __, ...row }, i) => ({
      ...row,
      line: new TextDecoder().decode(lines[i] ?? new Uint8Array()),
    })),
    states: bases.flatMap(({ base }) => (base?.text ? [JSON.parse(text_of(base.text))] : [])),
    cursor: view.cursor,
  };
}

async function run(command: any): Promise<unknown> {
  if (command.do === "off") {
    off.clear();
    for (const name of command.names) off.add(name);
    return {};
  }
  if (command.do === "end") {
    for (const device of devices.values()) {
      device.life.dead = true;
      await rest(device.life);
      await take_image(device.life);
    }
    devices.clear();
    images.clear();
    return {};
  }
  let device = devices.get(command.device)!;
  if (command.do === "fresh" || command.do === "twin") {
    const { user, scopes } = command;
    const { random } = make_world(command.seed).ports();
    const born: Device = {
      name: command.name,
      user,
      scopes,
      now: command.now,
      random,
      life: null as any,
      app: "",
      schema: 1,
      linked: false,
      failed: false,
      older: command.older || device?.older === true,
    };
    devices.set(command.name, born);
    const image = command.do === "twin" ? await take_image(device.life, true) : null;
    await live(born, image);
    return {};
  }
  device = devices.get(command.device)!;
  device.now = command.now;
  device.scopes = command.scopes;
  switch (command.do) {
    case "save":
      return save(device, command);
    case "sync":
      return sync(device, command);
    case "disk":
      return disk(device);
    case "shown": {
      const { engine } = device.life;
      return {
        states: command.recs.map((id: string) => engine!.record(id)?.state ?? null),
        conflicts: engine!.conflicts().length,
      };
    }
    case "image":
      images.set(command.image, await take_image(device.life, true));
      return {};
    case "set_back":
      await die_and_return(device, (image) => Object.assign(image, images.get(command.image)));
      return {};
    case "upgrade": {
      const upgraded = device.older;
      device.older = false;
      if (upgraded)
        await die_and_return(device, (image) => {
          if (off.has("upgrades keep the queue")) image.stores.set("ops.ops", []);
        });
      return { upgraded };
    }
    case "tabs":
      return { tabs: await change_tabs(device, command.how) };
    case "evict":
      await die_and_return(device, (image) => {
        for (const name of image.stores.keys()) if (name.startsWith("view.")) image.stores.set(name, []);
      });
      return {};
    default:
      throw new Error(`no such command: ${command.do}`);
  }
}

createInterface({ input: process.stdin }).on("line", (line) => {
  const message = JSON.parse(line);
  if (message.answer !== undefined) {
    asked.get(message.answer)?.(message);
    asked.delete(message.answer);
    return;
  }
  run(message).then(
    (result) => tell({ done: message.id, ...(result as object) }),
    (error: unknown) => tell({ done: message.id, error: String((error as Error)?.stack ?? error) }),
  );
});
