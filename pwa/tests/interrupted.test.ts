/** What breaks off half-way: an answer whose line falls silent, and the flight of a page that is frozen (properties 17, 19). */
import { expect, test, vi } from "vitest";
import { Transport } from "../src/courier/transport";
import { hazard, make_world, ready, type World } from "./rig";
import { track } from "./tracked";

/** From now on answers begin and never end; as a browser does, reading breaks when the request is broken off. */
function fall_silent(world: World): () => void {
  const whole = world.server.fetch;
  world.server.fetch = async (input, init = {}) => {
    await whole(input, init);
    const body = new ReadableStream({
      start(stream) {
        stream.enqueue(new Uint8Array([123]));
        init.signal?.addEventListener("abort", () => stream.error(new DOMException("aborted", "AbortError")));
      },
    });
    return new Response(body);
  };
  return () => {
    world.server.fetch = whole;
  };
}

/** What a page is told of its own freezing, by everything in it that asked. */
class Page {
  #asked: { freeze(): void; thaw(): void }[] = [];
  on_freeze = (freeze: () => void, thaw: () => void) => {
    this.#asked.push({ freeze, thaw });
    return () => undefined;
  };
  say(what: "freeze" | "thaw"): void {
    for (const one of this.#asked) one[what]();
  }
}

/** The port reads `fetch` once: go through the server each time. */
const ports_of = (world: World) => ({
  ...world.ports(),
  fetch: (input: string, init?: RequestInit) => world.server.fetch(input, init),
});

test("a body that falls silent is broken off after a minute, and the request fails like one without a network", async () => {
  const world = make_world();
  fall_silent(world);
  const { set_timer } = world.ports();
  const addresses = { current: () => "http://town", answered: () => undefined, silent: () => undefined } as never;
  const transport = new Transport({ fetch: ports_of(world).fetch, addresses, token: () => null, set_timer });
  const failed = transport.get_json("/api/v1/snapshots").catch((error: unknown) => error);
  await new Promise((done) => setTimeout(done));
  world.pass(60_000);
  expect(await failed).toMatchObject({ name: "AbortError" });
});

test("a page frozen in flight believes nothing of it, gives the lead to the next, and gets its turn again", async () => {
  const world = make_world();
  const pages: Page[] = [];
  const plain = world.ports;
  world.ports = () => {
    const page = new Page();
    pages.push(page);
    return { ...plain(), fetch: ports_of({ ...world, ports: plain }).fetch, on_freeze: page.on_freeze };
  };
  const first = track(await ready(world));
  const second = track(await world.open());
  await second.unlock("u_patrol07a", "123456");
  await first.sync_now();
  const restore = fall_silent(world);
  const { recs } = await first.write([hazard("冻结前")]);
  await vi.waitFor(() => expect(world.server.log).toHaveLength(1));
  pages[0]!.say("freeze");
  restore();
  await vi.waitFor(() => expect(second.status().pending_ops).toBe(0));
  await second.write([hazard("他页记下")]);
  await vi.waitFor(() => expect(world.server.log).toHaveLength(2));

  pages[0]!.say("thaw");
  await vi.waitFor(() => expect(first.records("hazard")).toHaveLength(2));
  expect(first.status().pending_ops).toBe(0);
  pages[1]!.say("freeze");
  await first.write([hazard("又轮到")]);
  await vi.waitFor(() => expect(world.server.log).toHaveLength(3));
  expect(first.record(recs[0]!)?.delivery).toBe("delivered");
  pages[1]!.say("thaw");
  expect(world.locks.holders_max).toBe(1);
  expect(world.incidents).toEqual([]);
});
