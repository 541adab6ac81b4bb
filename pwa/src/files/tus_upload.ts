/**
 * One file over tus 1.0. Owns the adaptation of tus-js-client to our port.
 * Must not keep URLs itself: the queue stores them in IndexedDB (tus-js-client would use localStorage).
 * After 409, 423 or 460 the offset is asked again (HEAD) by resuming from the known URL.
 */
import { DetailedError, Upload } from "tus-js-client";
import type { UploadPort } from "../ports";
import { UploadError } from "./upload_queue";

const CHUNK_BYTES = 256 * 1024;
const RESUME_DELAYS_MS = [500, 2_000, 5_000];

export const tus_upload: UploadPort = (job, signal) =>
  new Promise((resolve, reject) => {
    const upload = new Upload(job.blob as File, {
      endpoint: job.url,
      uploadUrl: job.upload_url,
      chunkSize: CHUNK_BYTES,
      retryDelays: RESUME_DELAYS_MS,
      storeFingerprintForResuming: false,
      removeFingerprintOnSuccess: true,
      headers: { Authorization: `Bearer ${job.token}` },
      metadata: { sha256: job.sha256, mime: job.mime, role: job.role },
      onShouldRetry: (error) => {
        const status = error.originalResponse?.getStatus() ?? 0;
        return status === 409 || status === 423 || status === 460;
      },
      onUploadUrlAvailable: () => {
        if (upload.url !== null) job.on_url(upload.url);
      },
      onProgress: (sent) => job.on_progress(sent),
      onSuccess: () => resolve(),
      onError: (error) => {
        const answer = error instanceof DetailedError ? error.originalResponse : null;
        const status = answer?.getStatus() ?? 0;
        const after_ms = Number(answer?.getHeader("Retry-After")) * 1000 || 0;
        reject(status > 0 ? new UploadError(status, error.message, after_ms) : error);
      },
    });
    signal.addEventListener("abort", () => {
      void upload.abort().catch(() => undefined); // the page is closing; the stored URL resumes it next time
      reject(new DOMException("upload stopped", "AbortError"));
    });
    upload.start();
  });
