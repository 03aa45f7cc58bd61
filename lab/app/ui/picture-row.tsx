/** Pictures in a row on one canvas: a canvas for each would be too slow where there are hundreds. */
import { useEffect, useRef } from 'preact/hooks';
import type { Picture } from '../../core/spec.ts';
import { forgetPaint, paintSoon } from './painting.ts';

type Shown = Pick<Picture, 'rgb' | 'size'>;

export interface PictureRowProps {
  readonly pictures: readonly Shown[];
  /** Side of a picture, and from the beginning of one to that of the next, in pixels of the page. */
  readonly side: number;
  readonly step: number;
}

let places: { readonly size: number; readonly side: number; readonly low: Int32Array; readonly high: Int32Array } | undefined;

/** Where the pixels lie that each pixel of a side is the mean of. */
function placesOf(size: number, side: number): NonNullable<typeof places> {
  if (places?.size === size && places.side === side) return places;
  const at = (share: number): Int32Array => Int32Array.from({ length: side }, (_, i) => Math.floor(((i + share) * size) / side));
  return (places = { size, side, low: at(0.25), high: at(0.75) });
}

/** One picture into an image, smaller or larger: each pixel is the mean of four that lie in its place. */
function paint(image: ImageData, { rgb, size }: Shown, left: number, side: number): void {
  const { width } = image;
  const data = new Uint32Array(image.data.buffer);
  const { low, high } = placesOf(size, side);
  for (let y = 0; y < side; y++) {
    const [top, bottom] = [low[y]! * size, high[y]! * size];
    let to = y * width + left;
    for (let x = 0; x < side; x++) {
      const [a, b] = [low[x]!, high[x]!];
      const [p, q, r, s] = [3 * (top + a), 3 * (top + b), 3 * (bottom + a), 3 * (bottom + b)];
      const red = (rgb[p]! + rgb[q]! + rgb[r]! + rgb[s]! + 2) >> 2;
      const green = (rgb[p + 1]! + rgb[q + 1]! + rgb[r + 1]! + rgb[s + 1]! + 2) >> 2;
      const blue = (rgb[p + 2]! + rgb[q + 2]! + rgb[r + 2]! + rgb[s + 2]! + 2) >> 2;
      data[to++] = 0xff000000 | (blue << 16) | (green << 8) | red;
    }
  }
}

export function PictureRow({ pictures, side, step }: PictureRowProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const drawn = useRef<readonly Uint8Array[]>([]);
  const [pixels, stride] = [Math.round(side * devicePixelRatio), Math.round(step * devicePixelRatio)];
  const width = Math.max(1, (pictures.length - 1) * stride + pixels);
  useEffect(() => {
    const element = canvas.current;
    const now = pictures.map(({ rgb }) => rgb);
    const same = element?.width === width && now.length === drawn.current.length && now.every((rgb, i) => rgb === drawn.current[i]);
    if (element === null || same) return;
    paintSoon(canvas, () => {
      const context = element.getContext('2d', { willReadFrequently: true });
      if (context === null) return;
      element.width = width;
      element.height = pixels;
      const image = new ImageData(width, pixels);
      pictures.forEach((picture, i) => paint(image, picture, i * stride, pixels));
      context.putImageData(image, 0, 0);
      drawn.current = now;
    });
  });
  useEffect(() => () => forgetPaint(canvas), []);
  return (
    <canvas ref={canvas} class="picture-row" aria-hidden="true" style={{ width: `${width / devicePixelRatio}px`, height: `${side}px` }} />
  );
}
