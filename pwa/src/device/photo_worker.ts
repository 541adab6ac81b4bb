/**
 * Makes photos smaller away from the main thread: longest side 1600, JPEG 0.8, thumbnail 320.
 * Owns one message protocol: {id, blob} in, {id, photo, thumb, width, height, facts} or {id, error} out.
 */
import { read_exif } from "./exif";
import { fit_side, JPEG_QUALITY, PHOTO_SIDE_MAX, THUMB_SIDE_MAX } from "./photo_sizes";

async function draw(bitmap: ImageBitmap, side_max: number): Promise<Blob> {
  const { width, height } = fit_side(bitmap.width, bitmap.height, side_max);
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  if (context === null) throw new Error("no canvas");
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, width, height);
  return canvas.convertToBlob({ type: "image/jpeg", quality: JPEG_QUALITY });
}

self.onmessage = async (event: MessageEvent<{ id: number; blob: Blob }>) => {
  const { id, blob } = event.data;
  try {
    const facts = read_exif(await blob.slice(0, 256 * 1024).arrayBuffer());
    const bitmap = await createImageBitmap(blob);
    const photo = await draw(bitmap, PHOTO_SIDE_MAX);
    const thumb = await draw(bitmap, THUMB_SIDE_MAX);
    const { width, height } = fit_side(bitmap.width, bitmap.height, PHOTO_SIDE_MAX);
    bitmap.close();
    self.postMessage({ id, photo, thumb, width, height, facts });
  } catch (error) {
    self.postMessage({ id, error: String(error) });
  }
};
