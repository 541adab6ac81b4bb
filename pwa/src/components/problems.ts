/**
 * An error in words a person can act on: what happened, that the data is safe, what to do.
 * Owns the mapping from error codes to sentences. Invariant: no English exception text reaches the screen.
 */
import { ERRORS } from "../generated/errors";
import { locale, t } from "../i18n";

export function problem_words(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  if (typeof code === "string") {
    const known = ERRORS[code];
    if (known) {
      const [what, more] = locale.value === "en" ? [`${known.en}.`, known.detail] : [`${known.zh}。`, known.detail_zh];
      const wait_ms = (error as { retry_after_ms?: number | null }).retry_after_ms;
      if (code === "too_many_tries" && wait_ms)
        return `${what}${more.replace("{seconds}", String(Math.ceil(wait_ms / 1000)))}`;
      // A detail with places to fill belongs to the server's log, not to a person.
      return more === "" || more.includes("{") ? what : `${what}${locale.value === "en" ? " " : ""}${more}`;
    }
    if (code === "pin_wrong") return t("error.pin_wrong");
    if (code === "evicted") return t("error.evicted");
    if (code === "offline" || code === "network") return t("error.offline");
  }
  // A store that is full aborts the whole write: nothing of it is kept, and nothing else is touched.
  if (error instanceof DOMException && error.name === "QuotaExceededError") return t("error.no_room");
  if (error instanceof TypeError) return t("error.offline");
  return t("error.other", { code: typeof code === "string" ? code : "?" });
}
