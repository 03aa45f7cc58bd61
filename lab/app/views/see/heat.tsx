/** Numbers in rows as a small picture. */
import { useEffect, useRef } from 'preact/hooks';
import { paintGrid, scaleOf } from '../../../core/look/colours.ts';
import { short } from '../../../core/look/sum.ts';
import { forgetPaint, paintSoon } from '../../ui/painting.ts';
import { dark } from '../../ui/theme.ts';

export interface HeatProps {
  readonly columns: number;
  readonly values: ArrayLike<number>;
  readonly caption: string;
  /** The number with the strongest colour; default the largest there is. */
  readonly most?: number;
  readonly chosen?: number | undefined;
  readonly onPick?: ((at: number) => void) | undefined;
}

export function HeatCanvas({ columns, values, caption, most, onPick }: HeatProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const isDark = dark.value;
  const rows = Math.max(1, Math.ceil(values.length / columns));
  const scale = scaleOf(Array.from(values, (value) => (Number.isNaN(value) ? 0 : value)));
  const strongest = most ?? scale.most;
  useEffect(() => {
    const element = canvas.current;
    if (element === null) return undefined;
    paintSoon(element, () => {
      const all = new Float32Array(rows * columns);
      for (let i = 0; i < values.length; i++) all[i] = Number.isNaN(values[i]) ? 0 : values[i]!;
      const grid = { first: 0, count: 1, columns: 1, rows: 1, height: rows, width: columns, gap: 0 };
      const { width, height, data } = paintGrid(all, grid, strongest, isDark);
      element.width = width;
      element.height = height;
      element.getContext('2d')?.putImageData(new ImageData(data, width, height), 0, 0);
    });
    return () => forgetPaint(element);
  }, [values, rows, columns, strongest, isDark]);
  const pick = (event: PointerEvent): void => {
    const { left, top, width, height } = canvas.current!.getBoundingClientRect();
    const [x, y] = [Math.floor(((event.clientX - left) / width) * columns), Math.floor(((event.clientY - top) / height) * rows)];
    const at = y * columns + x;
    if (at >= 0 && at < values.length) onPick?.(at);
  };
  return (
    <figure class="heat">
      <figcaption>{caption}</figcaption>
      <canvas
        ref={canvas}
        role="img"
        aria-label={`${caption}: ${values.length} numbers from ${short(scale.min)} to ${short(scale.max)}`}
        style={{ aspectRatio: `${columns} / ${rows}` }}
        onPointerDown={onPick === undefined ? undefined : pick}
      />
    </figure>
  );
}
