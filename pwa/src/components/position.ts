/** Where this device is, once, as a wire point. Gives null when the platform cannot or may not answer. */
import { one_fix } from "../device/geolocation";
import type { PointValue } from "../engine";

export async function here_once(): Promise<PointValue | null> {
  const fix = await one_fix();
  return fix === null ? null : { lat_e7: fix.lat_e7, lon_e7: fix.lon_e7, acc_dm: fix.acc_dm };
}
