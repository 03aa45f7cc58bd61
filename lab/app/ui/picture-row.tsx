/** Pictures in a row on one canvas: a canvas for each would be too slow where there are hundreds. */
import { useLayoutEffect, useRef } from 'preact/hooks';
import type { Picture } from '../../core/spec.ts';

type Shown = Pick<Picture, 'rgb' | 'size'>;

export interface PictureRowProps {
  readonly pictures: readonly Shown[];
  /** Side of a picture, and from the beginning of one to that of the next, in pixels of the page. */
  readonly side: number;
  readonly step: number;
}

/** One picture into an image, smaller or larger: each pixel is the mean of four that lie in its place. */
function paint(image: ImageData, { rgb, size }: Shown, left: number, side: number): void {
  const { data, width } = image;
  const low = Array.from({ length: side }, (_, i) => Math.floor(((i + 0.25) * size) / side));
  const high = Array.from({ length: side }, (_, i) => Math.floor(((i + 0.75) * size) / side));
  for (let y = 0; y < side; y++) {
    const [top, bottom] = [low[y]! * size, high[y]! * size];
    let to = 4 * (y * width + left);
    for (let x = 0; x < side; x++, to += 4) {
      const [a, b] = [low[x]!, high[x]!];
      const [p, q, r, s] = [3 * (top + a), 3 * (top + b), 3 * (bottom + a), 3 * (bottom + b)];
      for (let c = 0; c < 3; c++) data[to + c] = (rgb[p + c]! + rgb[q + c]! + rgb[r + c]! + rgb[s + c]! + 2) >> 2;
      data[to + 3] = 255;
    }
  }
}

export function PictureRow({ pictures, side, step }: PictureRowProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const drawn = useRef<readonly Uint8Array[]>([]);
  const [pixels, stride] = [Math.round(side * devicePixelRatio), Math.round(step * devicePixelRatio)];
  const width = Math.max(1, (pictures.length - 1) * stride + pixels);
  useLayoutEffect(() => {
    const now = pictures.map(({ rgb }) => rgb);
    const context = canvas.current?.getContext('2d', { willReadFrequently: true });
    if (context === null || context === undefined) return;
    const same = context.canvas.width === width && now.length === drawn.current.length && now.every((rgb, i) => rgb === drawn.current[i]); // prettier-ignore
    if (same) return;
    context.canvas.width = width;
    context.canvas.height = pixels;
    const image = new ImageData(width, pixels);
    pictures.forEach((picture, i) => paint(image, picture, i * stride, pixels));
    context.putImageData(image, 0, 0);
    drawn.current = now;
  });
  return (
    <canvas
      ref={canvas}
      class="picture-row"
      aria-hidden="true"
      style={{ width: `${width / devicePixelRatio}px`, height: `${side}px` }}
    />
  );
}
