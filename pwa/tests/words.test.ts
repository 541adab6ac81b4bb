/** Spans, distances and authors read as people say them. */
import "./page";
import { afterEach, beforeAll, expect, test } from "vitest";
import { scale_words } from "../src/components/map_scale";
import { both_texts, writer_words } from "../src/components/record_words";
import type { Engine } from "../src/engine";
import { duration, load_words, set_locale } from "../src/i18n";

const MINUTE = 60_000;
beforeAll(load_words);
afterEach(() => set_locale("zh"));

test("a span that is over is told in minutes and hours, in both languages", () => {
  const spans = [20_000, 46 * MINUTE, 60 * MINUTE, 95 * MINUTE, 3 * 1440 * MINUTE];
  expect(spans.map(duration)).toEqual(["不到 1 分钟", "46 分钟", "1 小时", "1 小时 35 分钟", "3 天"]);
  set_locale("en");
  expect(duration(46 * MINUTE)).toBe("46 min");
});

test("the scale of a map speaks the chosen language", () => {
  expect(["300 m", "5 km", "?"].map(scale_words)).toEqual(["300 米", "5 公里", "?"]);
  set_locale("en");
  expect(scale_words("300 m")).toBe("300 m");
});

test("two texts kept as one are joined as Chinese is written, each once", () => {
  expect(both_texts(["东侧", "西侧", "东侧", null])).toBe("东侧；西侧");
});

test("an author is a person and the letter of his device; the name a device writes under comes last", () => {
  const names = { u_head: "站长甲", abcdefgh: "K7" };
  const engine = {
    session: { names, users: [], device: { id: "d", letter: "A2", kind: "handheld" } },
  } as unknown as Engine;
  const words = (user: string, dev: string, mine = false) => writer_words(engine, { user, dev, mine });
  expect(words("u_head", "abcdefgh")).toBe("站长甲 · K7 号终端");
  expect(words("u_head", "ix6nzzzz")).toBe("站长甲");
  expect(words("u_head", "ix6nzzzz", true)).toBe("站长甲 · A2 号终端");
  expect(words("", "ix6nzzzz")).toBe("IX6N 号终端");
});
