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
    if (known) return locale.value === "en" ? known.en : known.zh;
    if (code === "wrong_pin") return t("error.wrong_pin");
    if (code === "offline" || code === "network") return t("error.offline");
  }
  if (error instanceof TypeError) return t("error.offline");
  return t("error.other", { code: typeof code === "string" ? code : "?" });
}
