import { useEffect, useRef } from 'preact/hooks';
import { withAlpha } from '../../core/dataset.ts';
import type { Picture } from '../../core/spec.ts';
import { forgetPaint, paintSoon } from './painting.ts';

/** Draws bytes of red, green and blue without smoothing. */
export function drawRgb(canvas: HTMLCanvasElement, rgb: Uint8Array, width: number, height: number): void {
  canvas.width = width;
  canvas.height = height;
  canvas.getContext('2d')?.putImageData(new ImageData(withAlpha(rgb), width, height), 0, 0);
}

/** One picture. */
export function PictureView({ picture, alt }: { readonly picture: Picture; readonly alt?: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const element = canvas.current;
    if (element === null) return undefined;
    paintSoon(element, () => drawRgb(element, picture.rgb, picture.size, picture.size));
    return () => forgetPaint(element);
  }, [picture]);
  return <canvas ref={canvas} class="picture" role="img" aria-label={alt ?? picture.name} />;
}
