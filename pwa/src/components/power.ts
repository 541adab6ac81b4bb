/** Battery charge in percent where the platform tells it, else null. Owns nothing; must not be relied on. */
export async function battery_percent(): Promise<number | null> {
  const read = (navigator as Navigator & { getBattery?: () => Promise<{ level: number }> }).getBattery;
  if (read === undefined) return null;
  try {
    return Math.round((await read.call(navigator)).level * 100);
  } catch {
    // Refused by a permission policy: the same as not offered.
    return null;
  }
}
