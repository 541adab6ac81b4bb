/**
 * Asking the server as the person who works here, with what may come between: an idle lock, or "is it you?" before a change of sign-in or rights, or an erasure.
 * Owns the one question that is open. Must not keep passwords: what was typed goes into one request.
 */
import { shallowRef } from "vue";
import { use_engine } from "../use";
import { cover } from "./cover";

/** Answered by ConfirmSheet.vue: true when the person showed who he is. */
export const asking = shallowRef<((shown: boolean) => void) | null>(null);

const is_you = (): Promise<boolean> =>
  new Promise((resolve) => {
    asking.value = (shown) => {
      asking.value = null;
      resolve(shown);
    };
  });

export async function ask_server(path: string, init?: RequestInit): Promise<Response> {
  const engine = use_engine();
  try {
    return await engine.api(path, init);
  } catch (error) {
    const { code } = error as { code?: unknown };
    const desk = engine.session.device?.kind === "desk" && engine.session.phase === "open";
    if (desk && code === "session_idle") cover("idle");
    if (desk && code === "login_required") cover("ended");
    if (code !== "confirm_required" || !(await is_you())) throw error;
    return await engine.api(path, init);
  }
}

export async function post_server<T>(path: string, body: unknown = {}): Promise<T> {
  const headers = { "content-type": "application/json" };
  return (await (await ask_server(path, { method: "POST", headers, body: JSON.stringify(body) })).json()) as T;
}
