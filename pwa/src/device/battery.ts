/** Battery level in percent, where the platform tells. Owns the one subscription; null means unknown. */
interface BatteryManager {
  level: number;
  addEventListener(type: "levelchange", cb: () => void): void;
}

let percent: number | null = null;

export function watch_battery(): void {
  const ask = (navigator as { getBattery?: () => Promise<BatteryManager> }).getBattery;
  if (typeof ask !== "function") return;
  ask.call(navigator).then(
    (battery) => {
      const read = () => {
        percent = Math.round(battery.level * 100);
      };
      read();
      battery.addEventListener("levelchange", read);
    },
    () => undefined, // not allowed here: stays unknown
  );
}

export const battery_percent = (): number | null => percent;
