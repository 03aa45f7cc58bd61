/** The picture with a map of colours laid over it. */
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { colourOf } from '../../../core/look/colours.ts';
import type { Heat } from '../../../core/look/explain-class.ts';
import { drawRgb } from '../../ui/picture.tsx';
import { forgetPaint, paintSoon } from '../../ui/painting.ts';
import { chosen } from './state.ts';

export interface OverlayProps {
  readonly heat: Heat | undefined;
  /** The number with the strongest colour. */
  readonly most: number;
  readonly label: string;
  readonly children?: ComponentChildren;
}

export function Overlay({ heat, most, label, children }: OverlayProps) {
  const [picture, map] = [useRef<HTMLCanvasElement>(null), useRef<HTMLCanvasElement>(null)];
  const pixels = chosen.value?.pixels;
  useEffect(() => {
    const element = picture.current;
    if (element === null || pixels === undefined) return undefined;
    paintSoon(element, () => drawRgb(element, pixels.rgb, pixels.size, pixels.size));
    return () => forgetPaint(element);
  }, [pixels]);
  useEffect(() => {
    const element = map.current;
    if (element === null || heat === undefined) return undefined;
    paintSoon(element, () => paintHeat(element, heat, most));
    return () => forgetPaint(element);
  }, [heat, most]);
  return (
    <div class="overlay" role="img" aria-label={label}>
      <canvas ref={picture} />
      {heat !== undefined && <canvas ref={map} class="see-over" />}
      {children}
    </div>
  );
}

/** The stronger, the less of the picture is seen through it. */
function paintHeat(canvas: HTMLCanvasElement, { width, height, values }: Heat, most: number): void {
  canvas.width = width;
  canvas.height = height;
  const image = new ImageData(width, height);
  values.forEach((value, i) => {
    const share = Math.max(-1, Math.min(1, most > 0 ? value / most : 0));
    image.data.set([...colourOf(share < 0 ? -1 : 1, true), Math.round(230 * Math.abs(share) ** 0.8)], 4 * i);
  });
  canvas.getContext('2d')?.putImageData(image, 0, 0);
}
