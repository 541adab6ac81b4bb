/**
 * Which shape and tone a state has, everywhere the same.
 * Owns: the map from codes to shape+tone. Must not: hold words (those are in the lists and in i18n).
 * Invariant: two states that a person must tell apart never differ by colour only.
 */
export type ShapeName =
  | "ring"
  | "dashed"
  | "half"
  | "dot"
  | "check"
  | "triangle"
  | "diamond"
  | "square"
  | "cross"
  | "clock"
  | "up"
  | "pause"
  | "play"
  | "plus"
  | "minus"
  | "back"
  | "go"
  | "camera"
  | "scan"
  | "pin"
  | "search"
  | "lock"
  | "person"
  | "eye"
  | "today"
  | "route"
  | "box"
  | "phone";
export type Tone = "ok" | "warn" | "danger" | "dispute" | "offline" | "info" | "plain";
export interface Look {
  shape: ShapeName;
  tone: Tone;
}

const look = (shape: ShapeName, tone: Tone): Look => ({ shape, tone });
export const UNKNOWN: Look = look("ring", "plain");

const BY_LIST: Record<string, Record<string, Look>> = {
  hazard_status: {
    found: look("ring", "warn"),
    registered: look("dot", "info"),
    rectifying: look("half", "info"),
    recheck: look("clock", "warn"),
    failed: look("cross", "danger"),
    closed: look("check", "ok"),
    escalated: look("up", "info"),
  },
  severity: { major: look("triangle", "danger"), general: look("ring", "plain") },
  patrol_status: {
    planned: look("ring", "plain"),
    ongoing: look("play", "info"),
    paused: look("pause", "warn"),
    done: look("check", "ok"),
    aborted: look("cross", "plain"),
  },
  inspection_status: {
    draft: look("dashed", "plain"),
    doing: look("half", "info"),
    done: look("dot", "ok"),
    reviewed: look("check", "ok"),
  },
  transfer_status: {
    missing: look("triangle", "danger"),
    refused: look("cross", "danger"),
    pending: look("ring", "warn"),
    notified: look("dot", "info"),
    moving: look("half", "info"),
    hospital: look("plus", "warn"),
    out: look("up", "warn"),
    arrived: look("check", "ok"),
    returned: look("back", "ok"),
    away: look("dashed", "plain"),
  },
  shelter_status: {
    ordinary: look("ring", "plain"),
    standby: look("clock", "info"),
    open: look("check", "ok"),
    full: look("dot", "warn"),
    closed: look("cross", "plain"),
  },
  lot_condition: {
    intact: look("check", "ok"),
    repair: look("triangle", "warn"),
    scrapped: look("cross", "plain"),
  },
  delivery: {
    draft: look("dashed", "plain"),
    local: look("ring", "offline"),
    sending: look("up", "info"),
    delivered: look("check", "ok"),
    returned: look("square", "danger"),
    conflict: look("diamond", "dispute"),
  },
};

export function state_look(list: string, code: unknown): Look {
  return (typeof code === "string" ? BY_LIST[list]?.[code] : undefined) ?? UNKNOWN;
}
