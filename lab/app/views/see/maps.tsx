/** The maps of a stage as one canvas: click a pixel, or move with the arrow keys. */
import { useEffect, useMemo, useRef } from 'preact/hooks';
import { cssColour, gridOf, numberAtPixel, paintGrid, scaleOf, shareOfGrid, type Scale } from '../../../core/look/colours.ts';
import type { Stage } from '../../../core/look/look.ts';
import { indexOf, sidesOf, spotOf, type Spot } from '../../../core/look/places.ts';
import { short } from '../../../core/look/sum.ts';
import { forgetPaint, paintSoon } from '../../ui/painting.ts';
import { dark } from '../../ui/theme.ts';

/** A rectangle that is outlined in one channel. */
export interface Outline {
  readonly channel: number;
  readonly top: number;
  readonly left: number;
  readonly rows: number;
  readonly columns: number;
}

export interface MapsProps {
  readonly stage: Stage;
  readonly values: Float32Array;
  readonly scale: Scale;
  /** One channel alone. */
  readonly only?: number | undefined;
  readonly selected: number | undefined;
  readonly outlines?: readonly Outline[];
  readonly label: string;
  readonly onSelect: (at: number) => void;
}

const clamp = (value: number, size: number): number => Math.max(0, Math.min(size - 1, value));

/** Where a key leads from a place; undefined for other keys. */
function moved(key: string, { channel, row, column }: Spot, stage: Stage, listColumns: number): Spot | undefined {
  const [channels, height, width] = sidesOf(stage);
  const list = height * width === 1;
  const to = (dc: number, dr: number, dx: number): Spot => ({
    channel: clamp(channel + dc, channels),
    row: clamp(row + dr, height),
    column: clamp(column + dx, width),
  });
  switch (key) {
    case 'ArrowLeft':
      return list ? to(-1, 0, 0) : to(0, 0, -1);
    case 'ArrowRight':
      return list ? to(1, 0, 0) : to(0, 0, 1);
    case 'ArrowUp':
      return list ? to(-listColumns, 0, 0) : to(0, -1, 0);
    case 'ArrowDown':
      return list ? to(listColumns, 0, 0) : to(0, 1, 0);
    case 'PageUp':
      return to(-1, 0, 0);
    case 'PageDown':
      return to(1, 0, 0);
    case 'Home':
      return to(0, 0, -width);
    case 'End':
      return to(0, 0, width);
    default:
      return undefined;
  }
}

export function Maps({ stage, values, scale, only, selected, outlines = [], label, onSelect }: MapsProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const isDark = dark.value;
  const shape = stage.shape.join();
  const grid = useMemo(() => gridOf(stage, only), [shape, only]);
  const { most } = scale;
  useEffect(() => {
    const element = canvas.current;
    if (element === null) return undefined;
    paintSoon(element, () => {
      const { width, height, data } = paintGrid(values, grid, most, isDark);
      if (element.width !== width) element.width = width;
      if (element.height !== height) element.height = height;
      element.getContext('2d')?.putImageData(new ImageData(data, width, height), 0, 0);
    });
    return () => forgetPaint(element);
  }, [values, grid, most, isDark]);

  const onPointer = (event: MouseEvent): void => {
    const { left, top, width, height } = canvas.current!.getBoundingClientRect();
    const [w, h] = [grid.columns * (grid.width + grid.gap) - grid.gap, grid.rows * (grid.height + grid.gap) - grid.gap];
    const at = numberAtPixel(grid, ((event.clientX - left) / width) * w, ((event.clientY - top) / height) * h);
    if (at !== undefined) onSelect(at);
  };
  const onKey = (event: KeyboardEvent): void => {
    const start = selected ?? grid.first * grid.height * grid.width;
    const to = moved(event.key, spotOf(stage, start), stage, grid.columns);
    if (to === undefined && event.key !== 'Enter') return;
    event.preventDefault();
    onSelect(to === undefined ? start : indexOf(stage, to));
  };
  const spot = selected === undefined ? undefined : spotOf(stage, selected);
  const marks = [
    ...outlines.map((outline) => ({ kind: 'window', place: shareOfGrid(grid, outline.channel, outline) })),
    ...(spot === undefined
      ? []
      : [{ kind: 'chosen', place: shareOfGrid(grid, spot.channel, { top: spot.row, left: spot.column, rows: 1, columns: 1 }) }]),
  ];
  const ratio = (grid.columns * (grid.width + grid.gap) - grid.gap) / (grid.rows * (grid.height + grid.gap) - grid.gap);
  return (
    <div
      class="maps"
      role="application"
      tabIndex={0}
      aria-roledescription="feature maps"
      aria-label={`${label}. Arrow keys choose a number, Page Up and Page Down a map.`}
      style={{ aspectRatio: String(ratio) }}
      onKeyDown={onKey}
    >
      <canvas
        ref={canvas}
        onClick={onPointer}
        onPointerMove={(event) => event.pointerType === 'mouse' && event.buttons === 1 && onPointer(event)}
      />
      {marks.map(({ kind, place }, i) => (place === undefined ? null : <i key={i} class={`mark ${kind}`} style={percent(place)} />))}
    </div>
  );
}

const percent = (place: { top: number; left: number; height: number; width: number }) => ({
  top: `${place.top * 100}%`,
  left: `${place.left * 100}%`,
  height: `${place.height * 100}%`,
  width: `${place.width * 100}%`,
});

/** Short enough for two on a line of a card. */
const brief = (value: number): string =>
  value !== 0 && Math.abs(value) < 1e-3 ? value.toExponential(0).replaceAll('-', '−') : short(value);

/** What colours stand for. */
export function Legend({ scale }: { readonly scale: Scale }) {
  const { min, max, most } = scale;
  const isDark = dark.value;
  const from = min < 0 ? -1 : 0;
  const stops = Array.from({ length: 9 }, (_, i) => cssColour(from + ((1 - from) * i) / 8, isDark));
  return (
    <div
      class="scale"
      role="img"
      aria-label={`Colours from ${short(from * most)} to ${short(most)}; numbers from ${short(min)} to ${short(max)}`}
    >
      <i style={{ background: `linear-gradient(to right, ${stops.join(', ')})` }} />
      <span>
        <span>{short(from * most)}</span>
        {from < 0 && <span>0</span>}
        <span>{short(most)}</span>
      </span>
      <span class="range">
        <span>min {brief(min)}</span>
        <span>max {brief(max)}</span>
      </span>
    </div>
  );
}

/** The values or the gradients of a stage, with their scale. */
export function useShown(stage: Stage, kind: 'values' | 'gradient'): { values: Float32Array; scale: Scale } {
  const values = kind === 'gradient' ? (stage.gradient ?? stage.values) : stage.values;
  return useMemo(() => ({ values, scale: scaleOf(values) }), [values]);
}

/** In words, for those who do not see the map. */
export function describeStage(stage: Stage, kind: 'values' | 'gradient', { min, max }: Scale): string {
  const [channels, height, width] = sidesOf(stage);
  const what = height * width === 1 ? `${channels} numbers` : `${channels} ${channels === 1 ? 'map' : 'maps'} of ${height} × ${width}`;
  const zeros = kind === 'values' ? stage.values.reduce((count, value) => count + Number(value === 0), 0) : 0;
  const share = Math.round((100 * zeros) / stage.values.length);
  return `${stage.number} ${stage.title}: ${what}${kind === 'gradient' ? ', gradients' : ''}, from ${short(min)} to ${short(max)}${share > 0 ? `, ${share} % of them 0` : ''}`.trim();
}
