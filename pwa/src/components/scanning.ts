/**
 * Reading one code for a screen: camera picture plus decoder plus torch, as one thing to stop.
 * Owns the pairing of device/camera and device/scanner. Must not act on what was read.
 */
import { open_camera } from "../device/camera";
import { watch_codes } from "../device/scanner";

export interface CameraScan {
  torch(on: boolean): Promise<boolean>;
  stop(): void;
}

/** Null when there is no camera or it was refused; the screen then offers typing. */
export async function open_camera_scan(
  video: HTMLVideoElement,
  on_code: (text: string) => void,
  on_error: () => void,
): Promise<CameraScan | null> {
  const camera = await open_camera(video);
  if (camera === null) return null;
  const stop_looking = watch_codes(video, on_code, on_error);
  return {
    torch: (on) => camera.torch(on),
    stop: () => {
      stop_looking();
      camera.close();
    },
  };
}
