/** The first paint says something true before any database is open, and nothing about anybody. */
import { expect, test } from "vitest";
import type { Held } from "../src/engine_types";
import {
  FIRST_SCREEN_CHARS_MAX,
  FIRST_SCREEN_KEY,
  first_line,
  read_first_screen,
  take_first_screen,
  write_first_screen,
} from "../src/first_screen";
import { make_world, ready, SCOPE } from "./rig";

const waiting = (held: Held) => `待上传 ${held.records} 条`;
const NOTHING: Held = { records: 0, photos: 0, tracks: 0, audio: 0 };

test("the first paint tells the town, the device and what is still here, and no name of anybody", async () => {
  const world = make_world();
  const { local } = world.ports();
  const engine = await ready(world);
  world.server.down = true;
  await engine.write([{ kind: "person", scope: SCOPE, f: { name: "王秀英甲乙丙", phone: "13900001111" } }]);
  write_first_screen(local, take_first_screen(engine));
  await engine.close();
  const stored = [...world.local.values()].join("");
  for (const secret of ["王秀英", "13900001111", "patrol07a", "device-token"]) expect(stored).not.toContain(secret);
  expect(first_line(read_first_screen(local)!, "正在打开", waiting)).toBe("示例镇 · K7 · 待上传 1 条 · 正在打开");
  expect(read_first_screen(local)!.pin).toBe(true);
});

test("nothing waiting is not worth a number", () => {
  expect(first_line({ town: "示例镇", letter: "K7", held: NOTHING, pin: true }, "正在打开", waiting)).toBe(
    "示例镇 · K7 · 正在打开",
  );
});

test("a broken or foreign text is as good as none, and an overlong one is not written", () => {
  const { local } = make_world().ports();
  for (const text of ["", "{", "[]", "null", '{"town":1}', '{"town":"a","letter":"b","held":{"records":"x"}}']) {
    local.setItem(FIRST_SCREEN_KEY, text);
    expect(read_first_screen(local)).toBeNull();
  }
  local.removeItem(FIRST_SCREEN_KEY);
  write_first_screen(local, { town: "长".repeat(FIRST_SCREEN_CHARS_MAX), letter: "K7", held: NOTHING, pin: true });
  expect(local.getItem(FIRST_SCREEN_KEY)).toBeNull();
});

test("a refused localStorage stops nothing", () => {
  const refused = {
    getItem: () => null,
    setItem: () => {
      throw new DOMException("full", "QuotaExceededError");
    },
    removeItem: () => undefined,
  };
  expect(() => write_first_screen(refused, { town: "示例镇", letter: "K7", held: NOTHING, pin: true })).not.toThrow();
});
