/**
 * Reading codes: the camera (platform detector, else the bundled WASM decoder) and scanners that type like a keyboard.
 * Owns the camera stream while scanning. Must not load anything from another host.
 * Invariant: a wedge is told from a person by speed: keys less than 30 ms apart, ended by Enter (field study 11).
 */
type Stop = () => void;
interface Detector {
  detect(source: CanvasImageSource): Promise<{ rawValue: string }[]>;
}
const LOOK_EVERY_MS = 180;
const WEDGE_GAP_MS = 30;
const WEDGE_MIN = 4;

async function open_detector(): Promise<Detector> {
  const platform = (globalThis as { BarcodeDetector?: new (how: { formats: string[] }) => Detector }).BarcodeDetector;
  if (platform !== undefined) {
    try {
      return new platform({ formats: ["qr_code", "ean_13", "code_128", "data_matrix"] });
    } catch {
      // Named but without its service (most Chinese handhelds): the bundled decoder does it.
    }
  }
  const [{ prepareZXingModule, readBarcodes }, { default: url }] = await Promise.all([
    import("zxing-wasm/reader"),
    import("zxing-wasm/reader/zxing_reader.wasm?url"),
  ]);
  prepareZXingModule({
    overrides: { locateFile: (path: string, prefix: string) => (path.endsWith(".wasm") ? url : prefix + path) },
  });
  const canvas = document.createElement("canvas");
  return {
    async detect(source) {
      const video = source as HTMLVideoElement;
      canvas.width = video.videoWidth;
      canvas.height = video.videoHeight;
      const paper = canvas.getContext("2d", { willReadFrequently: true });
      if (paper === null || canvas.width === 0) return [];
      paper.drawImage(video, 0, 0);
      const found = await readBarcodes(paper.getImageData(0, 0, canvas.width, canvas.height), { tryHarder: true });
      return found.filter((code) => code.isValid).map((code) => ({ rawValue: code.text }));
    },
  };
}

/** Show the back camera in `video` and report the first code seen. Rejects when there is no camera or no permission. */
export async function open_camera_scan(video: HTMLVideoElement, on_code: (text: string) => void): Promise<Stop> {
  const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" }, audio: false });
  let stopped = false;
  const stop = (): void => {
    stopped = true;
    for (const track of stream.getTracks()) track.stop();
    video.srcObject = null;
  };
  try {
    video.srcObject = stream;
    await video.play();
    const detector = await open_detector();
    const look = async (): Promise<void> => {
      if (stopped) return;
      const [first] = await detector.detect(video).catch(() => []);
      if (stopped) return;
      if (first !== undefined && first.rawValue !== "") on_code(first.rawValue);
      else setTimeout(() => void look(), LOOK_EVERY_MS);
    };
    void look();
    return stop;
  } catch (error) {
    stop();
    throw error;
  }
}

/** Listen for a scanner that types. What a person types into a field is left alone. */
export function open_wedge_scan(on_code: (text: string) => void): Stop {
  let text = "";
  let last = 0;
  const on_key = (event: KeyboardEvent): void => {
    const quick = event.timeStamp - last < WEDGE_GAP_MS;
    last = event.timeStamp;
    if (event.key === "Enter") {
      if (quick && text.length >= WEDGE_MIN) {
        event.preventDefault();
        event.stopPropagation();
        on_code(text);
      }
      text = "";
      return;
    }
    if (event.key.length !== 1) return;
    text = quick ? text + event.key : event.key;
  };
  window.addEventListener("keydown", on_key, true);
  return () => window.removeEventListener("keydown", on_key, true);
}
