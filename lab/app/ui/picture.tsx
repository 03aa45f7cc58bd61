import { useEffect, useRef } from 'preact/hooks';
import type { Picture } from '../../core/spec.ts';

/** Draws bytes of red, green and blue without smoothing. */
export function drawRgb(canvas: HTMLCanvasElement, rgb: Uint8Array, width: number, height: number): void {
  canvas.width = width;
  canvas.height = height;
  const image = new ImageData(width, height);
  const { data } = image;
  for (let i = 0; i < width * height; i++) {
    data[4 * i] = rgb[3 * i]!;
    data[4 * i + 1] = rgb[3 * i + 1]!;
    data[4 * i + 2] = rgb[3 * i + 2]!;
    data[4 * i + 3] = 255;
  }
  canvas.getContext('2d')?.putImageData(image, 0, 0);
}

/** One picture. */
export function PictureView({ picture, alt }: { readonly picture: Picture; readonly alt?: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    if (canvas.current !== null) drawRgb(canvas.current, picture.rgb, picture.size, picture.size);
  }, [picture]);
  return <canvas ref={canvas} class="picture" role="img" aria-label={alt ?? picture.name} />;
}
