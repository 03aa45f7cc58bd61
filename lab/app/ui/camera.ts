/** The camera: opening it, what to say where that fails, and one square picture of it. */
import { LARGEST_SIDE } from '../../core/collection.ts';

/** @throws Error with a sentence that says what to do */
export async function openCamera(deviceId?: string): Promise<MediaStream> {
  // Pages without a secure connection have none, whatever types say.
  const devices = navigator.mediaDevices as MediaDevices | undefined;
  if (devices === undefined)
    throw new Error(
      'This page may not use the camera, because it did not come over a secure connection: open it from https://, from localhost or as a file on this machine.',
    );
  const which = deviceId === undefined ? { facingMode: 'user' } : { deviceId: { exact: deviceId } };
  try {
    return await devices.getUserMedia({ video: { ...which, width: { ideal: 640 }, height: { ideal: 480 } } });
  } catch (error) {
    throw new Error(cameraProblem(error instanceof DOMException ? error.name : ''), { cause: error });
  }
}

function cameraProblem(name: string): string {
  switch (name) {
    case 'NotAllowedError':
    case 'SecurityError':
      return 'The camera is not allowed for this page: allow it with the camera sign beside the address (or in the settings of your browser), then try again.';
    case 'NotFoundError':
    case 'OverconstrainedError':
      return 'No camera was found: plug one in and try again, or add picture files instead.';
    case 'NotReadableError':
    case 'AbortError':
      return 'Another program uses the camera: close it (video calls, for example), then try again.';
    default:
      return 'The camera could not be started: try again, or add picture files instead.';
  }
}

export function closeCamera(stream: MediaStream | undefined): void {
  for (const track of stream?.getTracks() ?? []) track.stop();
}

const canvas = document.createElement('canvas');

/** The middle square of what the video shows now, as the camera sees it (not mirrored); undefined before its first picture. */
export function squareOfVideo(
  video: HTMLVideoElement,
  size = LARGEST_SIDE,
): { readonly size: number; readonly rgb: Uint8Array } | undefined {
  const { videoWidth: width, videoHeight: height } = video;
  const side = Math.min(width, height);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  if (side === 0 || context === null) return undefined;
  if (canvas.width !== size) canvas.width = canvas.height = size;
  context.imageSmoothingQuality = 'high';
  context.drawImage(video, (width - side) / 2, (height - side) / 2, side, side, 0, 0, size, size);
  return { size, rgb: rgbOf(context.getImageData(0, 0, size, size).data) };
}

/** Without alpha. */
export function rgbOf(rgba: Uint8ClampedArray): Uint8Array {
  const rgb = new Uint8Array((rgba.length / 4) * 3);
  for (let i = 0, at = 0; i < rgb.length; i += 3, at += 4) {
    rgb[i] = rgba[at]!;
    rgb[i + 1] = rgba[at + 1]!;
    rgb[i + 2] = rgba[at + 2]!;
  }
  return rgb;
}
