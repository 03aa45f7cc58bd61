/** What a page has that shows pictures, as tensors: called by pixels.test.ts. */
import { deserialize } from '../../src/io/checkpoint.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { fromPixels, fromPixelsAsync, type FromFileOptions } from '../../src/vision/from-pixels.ts';
import { toPixels } from '../../src/vision/to-pixels.ts';

const bytesOf = (base64: string): Uint8Array<ArrayBuffer> => Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
const told = (tensor: Tensor): { shape: number[]; values: number[] } => ({
  shape: [...(tensor.shape as number[])],
  values: tensor.flatten().tolist() as number[],
});
const messageOf = async (fn: () => unknown): Promise<string> => {
  try {
    await fn();
    return 'nothing thrown';
  } catch (error) {
    return String(error);
  }
};

/** A video whose frame is what a canvas shows. */
async function videoOf(canvas: HTMLCanvasElement): Promise<HTMLVideoElement> {
  const video = document.createElement('video');
  video.muted = true;
  video.srcObject = canvas.captureStream(30);
  const first = new Promise((resolve) => video.requestVideoFrameCallback(resolve));
  await video.play();
  canvas.getContext('2d')!.fillRect(0, 0, 0, 0);
  await first;
  return video;
}

const page = {
  /** The same picture from everything that can show it. */
  async sources(png: string) {
    const blob = new Blob([bytesOf(png)], { type: 'image/png' });
    const bitmap = await createImageBitmap(blob);
    const { width, height } = bitmap;
    const canvas = Object.assign(document.createElement('canvas'), { width, height });
    canvas.getContext('2d')!.drawImage(bitmap, 0, 0);
    const offscreen = new OffscreenCanvas(width, height);
    offscreen.getContext('2d')!.drawImage(bitmap, 0, 0);
    const img = new Image();
    const early = await messageOf(() => fromPixels(img));
    img.src = URL.createObjectURL(blob);
    await img.decode();
    const frame = new VideoFrame(canvas, { timestamp: 0 });
    const data = canvas.getContext('2d')!.getImageData(0, 0, width, height);
    const shown = Object.entries({ bitmap, canvas, offscreen, img, frame, data });
    const files = Object.entries({ blob, file: new File([blob], 'a.png'), url: new URL(img.src) });
    return {
      exact: [
        ...shown.map(([name, source]) => [name, told(fromPixels(source))] as const),
        ...(await Promise.all(files.map(async ([name, source]) => [name, told(await fromPixelsAsync(source))] as const))),
      ],
      early,
      wrong: await messageOf(() => fromPixels(document.body as never)),
      noPicture: await messageOf(() => fromPixelsAsync(new Blob(['no picture']))),
      notThere: await messageOf(() => fromPixelsAsync(new URL('not-there.png', location.href))),
    };
  },

  /** In a worker, which has no page: of everything that can be posted to it. */
  async inWorker(png: string) {
    const blob = new Blob([bytesOf(png)], { type: 'image/png' });
    const bitmap = await createImageBitmap(blob);
    const { width, height } = bitmap;
    const canvas = new OffscreenCanvas(width, height);
    canvas.getContext('2d')!.drawImage(bitmap, 0, 0);
    const data = canvas.getContext('2d')!.getImageData(0, 0, width, height);
    const frame = new VideoFrame(canvas, { timestamp: 0 });
    const worker = new Worker('worker.js', { type: 'module' });
    const answer = new Promise<unknown>((resolve) => (worker.onmessage = (event) => resolve(event.data)));
    worker.postMessage({ bitmap, data, frame, blob, file: new File([blob], 'a.png') }, [bitmap, frame]);
    return (await answer.finally(() => worker.terminate())) as [string, { shape: number[]; values: number[] }][];
  },

  /** A video's frame: its colours have gone through another space. */
  async video(colour: string) {
    const canvas = Object.assign(document.createElement('canvas'), { width: 64, height: 32 });
    const context = canvas.getContext('2d')!;
    context.fillStyle = colour;
    context.fillRect(0, 0, 64, 32);
    const empty = await messageOf(() => fromPixels(document.createElement('video')));
    return { ...told(fromPixels(await videoOf(canvas))), empty };
  },

  async file(base64: string, options: FromFileOptions) {
    return told(await fromPixelsAsync(new Blob([bytesOf(base64)]), options));
  },

  /** Draws a tensor and reads it back; and what a canvas with another context says. */
  async drawn(saved: string) {
    const tensor = deserialize<Map<string, Tensor>>(bytesOf(saved)).get('x')!;
    const canvas = document.createElement('canvas');
    const pixels = toPixels(tensor, canvas);
    const bitmapOnly = document.createElement('canvas');
    bitmapOnly.getContext('bitmaprenderer');
    return {
      isImageData: pixels instanceof ImageData,
      size: [canvas.width, canvas.height],
      again: told(fromPixels(canvas)),
      taken: await messageOf(() => toPixels(tensor, bitmapOnly)),
    };
  },
};

export type PixelsPage = typeof page;
Object.assign(globalThis, { page });
