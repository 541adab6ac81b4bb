/**
 * The scale of a map in words of the chosen language: Leaflet's own says "m" and "km" only.
 * Owns the label. Must not load Leaflet: whoever has a map hands it in.
 */
import type * as Leaflet from "leaflet";
import { t } from "../i18n";

type Draw = (this: Leaflet.Control.Scale, line: HTMLElement, text: string, ratio: number) => void;

export const scale_words = (text: string): string =>
  text.replace(/^(\S+) (k?)m$/, (_, n: string, kilo: string) =>
    t(kilo === "k" ? "map.kilometres" : "map.metres", { n }),
  );

export function add_scale(L: typeof Leaflet, map: Leaflet.Map, position: Leaflet.ControlPosition): void {
  const draw = (L.Control.Scale.prototype as unknown as { _updateScale: Draw })._updateScale;
  const _updateScale: Draw = function (line, text, ratio) {
    draw.call(this, line, scale_words(text), ratio);
  };
  const Scale = L.Control.Scale.extend({ _updateScale }) as typeof L.Control.Scale;
  new Scale({ imperial: false, position }).addTo(map);
}
