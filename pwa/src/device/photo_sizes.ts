/** Sizes of photos. Pure. Computed from the longest side: the browser applies EXIF rotation before resizing. */
export const PHOTO_SIDE_MAX = 1600;
export const THUMB_SIDE_MAX = 320;
export const JPEG_QUALITY = 0.8;

export function fit_side(width: number, height: number, side_max: number): { width: number; height: number } {
  const scale = Math.min(1, side_max / Math.max(width, height, 1));
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}
