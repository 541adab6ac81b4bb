/** Which time an attachment gets. Owns what is believed of a photo; pure. */
const CAMERAS_SINCE_MS = Date.UTC(2000, 0, 1);
const AHEAD_MS_MAX = 86_400_000;

/**
 * The time a photo claims, where a camera can have meant it: a clock that was never set, or set years ahead, says nothing of when
 * the photo was taken, and the moment of attaching is then the better fact. The file itself keeps what it claims.
 */
export function believed(taken_at: string | null, now_ms: number): string | null {
  const at = taken_at === null ? Number.NaN : Date.parse(taken_at);
  return at >= CAMERAS_SINCE_MS && at <= now_ms + AHEAD_MS_MAX ? taken_at : null;
}
