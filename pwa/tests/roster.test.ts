/** People are found by name, initials, building, block and tag, in the order of doors. */
import { expect, test } from "vitest";
import { initials_of } from "../src/components/pinyin";
import type { Rec } from "../src/engine";
import { Roster, search_roster } from "../src/screens/field/roster";
import { count_roster } from "../src/screens/field/roster_check";

const person = (name: string, more: Record<string, unknown> = {}) =>
  ({ id: name, v: { name, ...more } }) as unknown as Rec;
const found = (people: Rec[], asked: string) =>
  search_roster(new Roster((code) => (code === "001" ? "东块" : String(code ?? ""))).lines(people), asked).map(
    (one) => one.rec.id,
  );

test("initials of a name, without any table of readings", () => {
  const names = {
    王秀英: "wxy",
    李国强: "lgq",
    张建华: "zjh",
    欧阳小妹: "oyxm",
    曾阿根: "zag",
    单福生: "sfs",
    赵芳: "zf",
    陈Anna2: "canna2",
    "": "",
    安: "a",
    八: "b",
    草: "c",
    大: "d",
    鹅: "e",
    发: "f",
    高: "g",
    海: "h",
    家: "j",
    开: "k",
    兰: "l",
    梅: "m",
    宁: "n",
    平: "p",
    桥: "q",
    荣: "r",
    石: "s",
    唐: "t",
    文: "w",
    夏: "x",
    叶: "y",
    钟: "z",
  };
  for (const [name, initials] of Object.entries(names)) expect([name, initials_of(name)]).toEqual([name, initials]);
});

test("a person is found by each of the five, whatever the case, and by nothing else", () => {
  const people = [
    person("王秀英", { building: "12号楼", block: "001", tag_code: "T010007" }),
    person("李国强", { building: "3号楼" }),
  ];
  for (const asked of ["秀英", "WXY", "xy", "12号", "东块", "t010007", " 王 "])
    expect([asked, found(people, asked)]).toEqual([asked, ["王秀英"]]);
  expect(found(people, "")).toHaveLength(2);
  expect(found(people, "zzz")).toEqual([]);
});

test("initials somebody typed count beside those computed", () => {
  expect(found([person("重阳", { pinyin: "zy" })], "zy")).toEqual(["重阳"]);
});

test("the list goes by block, building as a number, and reading", () => {
  const people = [
    person("张", { block: "002", building: "2号楼" }),
    person("李", { block: "001", building: "10号楼" }),
    person("王", { block: "001", building: "9号楼" }),
    person("安", { block: "001", building: "9号楼" }),
  ];
  expect(found(people, "")).toEqual(["张", "安", "王", "李"]);
});

test("a roster is counted in pieces, deleted people left out, and a newer count ends an older one", async () => {
  const held = Array.from({ length: 120 }, (_, i) =>
    person(`p${i}`, { last_confirmed: i % 3 === 0 ? "2025-01-01" : "2026-11-20" }),
  );
  const engine = {
    ids: () => held.map((rec) => rec.id).concat("deleted"),
    record: (id: string) => held.find((rec) => (rec.v.name as string) === id),
    now: () => Date.parse("2026-11-28"),
  };
  for (const rec of held) Object.assign(rec, { id: rec.v.name });
  let pauses = 0;
  const pause = async () => {
    pauses += 1;
  };
  expect(await count_roster(engine, () => true, pause)).toEqual({ people: 120, stale: 40 });
  expect(pauses).toBe(3);
  expect(await count_roster(engine, () => false, pause)).toBeNull();
});
