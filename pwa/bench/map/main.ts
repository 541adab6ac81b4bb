/**
 * The bench's page for the product's own map (tests/bench/drawn.py): 300 blocks, a track of 5,000 fixes, 2,000 marks, made up.
 * Owns the data and the two clocks. Invariant: MapView is the one that ships.
 */
import "../../src/styles/tokens.css";
import "../../src/styles/base.css";
import "../../src/styles/evidence.css";
import "../../src/styles/screens.css";
import { createApp, h } from "vue";
import MapView from "../../src/components/MapView.vue";

const BLOCKS = 300;
const CORNERS = 30;
const FIXES = 5_000;
const MARKS = 2_000;
const FRAMES = 40;
const STEP_PX = 6;
const [lat, lon] = [30.9, 121.95];
const started = performance.now();

const cells = Array.from({ length: BLOCKS }, (_, i) => {
  const middle = [lat + Math.floor(i / 20) * 0.003, lon + (i % 20) * 0.003] as const;
  const ring = Array.from({ length: CORNERS }, (_, k) => {
    const angle = (2 * Math.PI * k) / CORNERS;
    return [middle[0] + 0.0014 * Math.sin(angle), middle[1] + 0.0014 * Math.cos(angle)] as const;
  });
  return { id: `c${i}`, name: `责任块${i}`, rings: [ring] };
});
const track = Array.from({ length: FIXES }, (_, i) => {
  return [lat + 0.02 + 0.018 * Math.sin(i / 300), lon + 0.00001 * i + 0.004 * Math.cos(i / 40)] as const;
});
const marks = Array.from({ length: MARKS }, (_, i) => {
  const at = { lat: lat + (i % 47) * 0.0009, lon: lon + (i % 61) * 0.0009 };
  return { id: `m${i}`, ...at, words: `隐患${i}`, colour: i % 6 ? "#7A4F00" : "#A8201A" };
});

const frame = (): Promise<number> => new Promise((resolve) => requestAnimationFrame(resolve));

async function drawn(): Promise<number> {
  while (document.querySelector(".leaflet-overlay-pane canvas") === null) await frame();
  await frame();
  await frame();
  return performance.now() - started;
}

/** A finger that moves on with every frame; milliseconds between frames. */
async function pan(): Promise<number[]> {
  const box = document.querySelector<HTMLElement>(".map")!;
  let x = 300;
  const say = (type: string, target: EventTarget) =>
    target.dispatchEvent(new MouseEvent(type, { clientX: x, clientY: 200, button: 0, bubbles: true, cancelable: true }));
  say("mousedown", box);
  const gaps: number[] = [];
  let before = await frame();
  for (let i = 0; i < FRAMES; i += 1) {
    x += i % 20 < 10 ? -STEP_PX : STEP_PX;
    say("mousemove", document);
    const now = await frame();
    gaps.push(now - before);
    before = now;
  }
  say("mouseup", document);
  return gaps;
}

createApp({ render: () => h(MapView, { cells, marks, segments: [track], tall: true }) }).mount("#app");
Object.assign(window, { bench_drawn: drawn(), bench_pan: pan });
