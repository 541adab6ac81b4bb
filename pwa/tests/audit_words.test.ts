/** The audit page speaks of deeds, answers and stations by their words, and keeps what it has no word for. */
import "./page";
import { beforeAll, expect, test } from "vitest";
import { load_words, set_locale } from "../src/i18n";
import { detail_words, type Told, target_words } from "../src/screens/centre/audit_words";

const told = (detail: Record<string, unknown>, more: Partial<Told> = {}): Told => ({
  action: "login_failed",
  target: null,
  target_name: null,
  names: {},
  detail,
  ...more,
});
beforeAll(load_words);

test("a refusal is told by what was asked and what was answered", () => {
  const line = told({ code: "login_failed", route: "/api/v1/login" });
  expect(detail_words(line)).toBe("结果：登录失败 · 办理：登录");
  set_locale("en");
  expect(detail_words(line)).toBe("answer: Sign-in failed · at: sign-in");
  set_locale("zh");
});

test("the nearest known beginning of a route gives its word, an unknown one stands as it is", () => {
  const words = (route: string): string => detail_words(told({ route }));
  expect(words("/api/v1/admin/users/<user_id>/block")).toBe("办理：用户管理");
  expect(words("/api/v1/centre/list/<kind>")).toBe("办理：中心页面");
  expect(words("unmatched")).toBe("办理：unmatched");
});

test("stations, fields and kinds are named", () => {
  const names = { "310199101007": "第七居委会", "station:310199101007": "第七居委会" };
  expect(detail_words(told({ role: "head", station: "310199101007" }, { names }))).toBe(
    "岗位：站长 · 居村：第七居委会",
  );
  expect(detail_words(told({ scope: "station:310199101007" }, { names }))).toContain("第七居委会");
  expect(detail_words(told({ fields: ["phone", "id_no"], kind: "person" }))).toBe(
    "字段：联系电话、身份证号 · 类别：人员",
  );
  expect(detail_words(told({ fields: ["username"] }, { action: "user_renamed" }))).toBe("字段：用户名");
  expect(detail_words(told({ why: "own" }))).toBe("事由：本人结束");
});

test("what it was done to is a name, a register or a rule, else its id", () => {
  expect(target_words(told({}, { target: "u_1", target_name: "张三示例" }))).toBe("张三示例");
  expect(target_words(told({}, { target: "hazard" }))).toBe("隐患");
  expect(target_words(told({}, { target: "person_gone" }))).toContain("人员");
  expect(target_words(told({}, { target: "0199c0de" }))).toBe("0199c0de");
});
