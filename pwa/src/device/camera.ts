/**
 * The camera inside the page. Owns the media stream and one still.
 * `<input capture>` leaves the browser, and a low-memory phone may kill the page behind it: viewfinder first, input
 * only as the fallback a screen offers when `open_camera` answers null.
 */
export interface CameraView {
  readonly stream: MediaStream;
  take(): Promise<Blob>;
  /** False where the device has no lamp. */
  torch(on: boolean): Promise<boolean>;
  close(): void;
}

export async function open_camera(video: HTMLVideoElement): Promise<CameraView | null> {
  if (navigator.mediaDevices?.getUserMedia === undefined) return null;
  let stream: MediaStream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({
      video: { facingMode: { ideal: "environment" }, width: { ideal: 1920 }, height: { ideal: 1440 } },
      audio: false,
    });
  } catch {
    return null; // refused, busy or absent: the screen offers the file input
  }
  video.srcObject = stream;
  video.playsInline = true;
  video.muted = true;
  await video.play().catch(() => undefined); // autoplay rules; the picture appears with the first touch
  const track = stream.getVideoTracks()[0];
  return {
    stream,
    take: () => still(video, track),
    torch: async (on) => {
      try {
        await track?.applyConstraints({ advanced: [{ torch: on } as MediaTrackConstraintSet] });
        return track !== undefined;
      } catch {
        return false; // no lamp
      }
    },
    close: () => {
      for (const one of stream.getTracks()) one.stop();
      video.srcObject = null;
    },
  };
}

interface StillCamera {
  takePhoto(): Promise<Blob>;
}

async function still(video: HTMLVideoElement, track: MediaStreamTrack | undefined): Promise<Blob> {
  const Still = (globalThis as { ImageCapture?: new (track: MediaStreamTrack) => StillCamera }).ImageCapture;
  if (Still !== undefined && track !== undefined) {
    try {
      return await new Still(track).takePhoto();
    } catch {
      // Some drivers refuse full-size stills; the video frame below is still evidence.
    }
  }
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  canvas.getContext("2d")?.drawImage(video, 0, 0);
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob === null ? reject(new Error("no picture")) : resolve(blob)), "image/jpeg", 0.92);
  });
}
