/**
 * Codes: hand scanners that type (wedge), and codes seen by the camera.
 * Owns the timing that tells a scanner from a person, and the choice of decoder. Must not act on what was read.
 * BarcodeDetector may exist without support (devices without Google services): its formats are asked first; else
 * zxing-wasm, self-hosted and loaded only when first needed.
 */
export const WEDGE_KEY_MS_MAX = 10;
const WEDGE_LENGTH_MIN = 4;

/** Pure part: feed keys with their times; a finished code comes back at Enter. */
export class WedgeReader {
  #text = "";
  #last_ms = Number.NEGATIVE_INFINITY;
  #slow = false;

  /** Gives the code at the terminating Enter, else null. */
  key(key: string, at_ms: number): string | null {
    const gap = at_ms - this.#last_ms;
    this.#last_ms = at_ms;
    if (key === "Enter" || key === "Tab") {
      const code = this.#slow || gap > WEDGE_KEY_MS_MAX * 5 ? "" : this.#text;
      this.#text = "";
      this.#slow = false;
      return code.length >= WEDGE_LENGTH_MIN ? code : null;
    }
    if (key.length !== 1) return null;
    if (gap >= WEDGE_KEY_MS_MAX) {
      this.#text = key;
      this.#slow = false;
    } else this.#text += key;
    return null;
  }
}

/** Listen for a hand scanner on the whole page. The event that ends a code is swallowed, so no form is submitted. */
export function listen_wedge(on_code: (code: string) => void): () => void {
  const reader = new WedgeReader();
  const on_key = (event: KeyboardEvent) => {
    const code = reader.key(event.key, event.timeStamp);
    if (code === null) return;
    event.preventDefault();
    event.stopPropagation();
    on_code(code);
  };
  window.addEventListener("keydown", on_key, { capture: true });
  return () => window.removeEventListener("keydown", on_key, { capture: true });
}

export type Decode = (source: HTMLVideoElement) => Promise<string | null>;

interface Detector {
  detect(source: CanvasImageSource): Promise<{ rawValue: string }[]>;
}

interface DetectorClass {
  new (options: { formats: string[] }): Detector;
  getSupportedFormats(): Promise<string[]>;
}

const FORMATS = ["qr_code", "code_128", "ean_13", "code_39"];

async function native_decoder(): Promise<Decode | null> {
  const Native = (globalThis as { BarcodeDetector?: DetectorClass }).BarcodeDetector;
  if (Native === undefined) return null;
  const supported = await Native.getSupportedFormats().catch(() => [] as string[]);
  if (!supported.includes("qr_code")) return null;
  const detector = new Native({ formats: FORMATS.filter((format) => supported.includes(format)) });
  return async (video) => (await detector.detect(video))[0]?.rawValue ?? null;
}

async function wasm_decoder(): Promise<Decode> {
  const [{ prepareZXingModule, readBarcodes }, { default: wasm_url }] = await Promise.all([
    import("zxing-wasm/reader"),
    import("zxing-wasm/reader/zxing_reader.wasm?url"),
  ]);
  // Its default is a public CDN: the module must come from our own origin, also offline.
  prepareZXingModule({
    overrides: { locateFile: (path: string, prefix: string) => (path.endsWith(".wasm") ? wasm_url : prefix + path) },
  });
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d", { willReadFrequently: true });
  return async (video) => {
    if (context === null || video.videoWidth === 0) return null;
    canvas.width = video.videoWidth;
    canvas.height = video.videoHeight;
    context.drawImage(video, 0, 0);
    const image = context.getImageData(0, 0, canvas.width, canvas.height);
    const found = await readBarcodes(image, {
      formats: ["QRCode", "Code128", "EAN-13", "Code39"],
      maxNumberOfSymbols: 1,
    });
    return found[0]?.text ?? null;
  };
}

let decoder: Promise<Decode> | null = null;

export function load_decoder(): Promise<Decode> {
  decoder ??= native_decoder().then((native) => native ?? wasm_decoder());
  return decoder;
}

const LOOK_EVERY_MS = 150;

/** Look at a running camera picture until a code is seen or `stop` is called. */
export function watch_codes(
  video: HTMLVideoElement,
  on_code: (code: string) => void,
  on_error: (error: unknown) => void,
): () => void {
  let stopped = false;
  const look = async () => {
    try {
      const decode = await load_decoder();
      while (!stopped) {
        const code = video.readyState >= 2 ? await decode(video) : null;
        if (stopped) return;
        if (code !== null) {
          on_code(code);
          return;
        }
        await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
      }
    } catch (error) {
      if (!stopped) on_error(error);
    }
  };
  void look();
  return () => {
    stopped = true;
  };
}
