/** Numbers as a small picture, and as a table that can be read. */
import { useEffect, useRef } from 'preact/hooks';
import type { Grid } from '../../../../core/learn/live.ts';
import { drawRgb } from '../../../ui/picture.tsx';

interface MapProps {
  readonly values: Grid;
  readonly title: string;
  /** Grey from 0 to 1, or orange above and blue below zero. */
  readonly colours: 'grey' | 'signed';
}

const ABOVE = [234, 88, 12] as const;
const BELOW = [37, 99, 235] as const;

/** From a number to red, green and blue; white is 0 of signed numbers. */
function rgbOf(values: Grid, colours: MapProps['colours']): Uint8Array {
  const flat = values.flat();
  const most = colours === 'grey' ? 1 : flat.reduce((a, b) => Math.max(a, Math.abs(b)), 1e-6);
  const rgb = new Uint8Array(flat.length * 3);
  flat.forEach((value, i) => {
    const part = Math.min(1, Math.abs(value) / most);
    const end = value < 0 ? BELOW : ABOVE;
    for (let c = 0; c < 3; c++) rgb[3 * i + c] = colours === 'grey' ? 255 * part : 255 + (end[c]! - 255) * part;
  });
  return rgb;
}

export function MapPicture({ values, title, colours }: MapProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    if (canvas.current !== null) drawRgb(canvas.current, rgbOf(values, colours), values[0]?.length ?? 1, values.length);
  }, [values, colours]);
  const flat = values.flat();
  const range = `${short(Math.min(...flat))} to ${short(Math.max(...flat))}`;
  return (
    <figure class="map">
      <canvas ref={canvas} class="picture" role="img" aria-label={`${title}, numbers from ${range}`} />
      <figcaption>
        {title}
        <span class="muted">
          {values.length} × {values[0]?.length}, {range}
        </span>
      </figcaption>
    </figure>
  );
}

export const short = (value: number): string => String(Number(value.toFixed(2))).replace('-', '−');

interface NumberGridProps {
  readonly values: Grid;
  readonly caption: string;
  /** Cells that stand out. */
  readonly marked?: (row: number, column: number) => boolean;
  /** What is asked for when a cell is pointed at or chosen. */
  readonly onPoint?: (row: number, column: number) => void;
  readonly onChange?: (row: number, column: number, value: number) => void;
}

/** A table of numbers: to read, to point at, or to fill in. */
export function NumberGrid({ values, caption, marked, onPoint, onChange }: NumberGridProps) {
  const cell = (value: number, row: number, column: number) => {
    const name = `${caption}, row ${row + 1}, column ${column + 1}`;
    if (onChange !== undefined) {
      const read = (text: string): void => {
        const number = Number(text.replace(',', '.').replace('−', '-'));
        if (Number.isFinite(number)) onChange(row, column, Math.min(99, Math.max(-99, number)));
      };
      return <input type="number" step="any" aria-label={name} value={value} onInput={(event) => read(event.currentTarget.value)} />;
    }
    if (onPoint === undefined) return short(value);
    const point = (): void => onPoint(row, column);
    return (
      <button type="button" aria-label={`${name}: ${short(value)}`} onClick={point} onFocus={point} onPointerEnter={point}>
        {short(value)}
      </button>
    );
  };
  return (
    <table class="number-grid">
      <caption>{caption}</caption>
      <tbody>
        {values.map((line, row) => (
          <tr key={row}>
            {line.map((value, column) => (
              <td key={column} class={marked?.(row, column) === true ? 'marked' : undefined}>
                {cell(value, row, column)}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

interface StepperProps {
  readonly label: string;
  readonly value: number;
  readonly min: number;
  readonly max: number;
  readonly onChange: (value: number) => void;
}

/** A whole number between two bounds. */
export function Stepper({ label, value, min, max, onChange }: StepperProps) {
  return (
    <label class="stepper">
      <span>{label}</span>
      <input type="range" min={min} max={max} value={value} onInput={(event) => onChange(Number(event.currentTarget.value))} />
      <output>{value}</output>
    </label>
  );
}
