/** Curves on a canvas: drawn once a frame at most, however fast numbers come. */
import { useEffect, useRef } from 'preact/hooks';

export interface Curve {
  readonly label: string;
  /** A custom property of the style sheet, such as `--accent`. */
  readonly colour: string;
  readonly points: readonly (readonly [number, number])[];
  readonly dashed?: boolean;
}

export interface ChartProps {
  readonly title: string;
  readonly curves: readonly Curve[];
  readonly yLabel: string;
  readonly xLabel: string;
  /** Fixed bounds, where the numbers have some. */
  readonly yMin?: number;
  readonly yMax?: number;
}

const PADDING = { left: 46, right: 10, top: 10, bottom: 26 };

function draw(canvas: HTMLCanvasElement, { curves, yMin, yMax }: ChartProps): void {
  const colourOf = (property: string): string => {
    canvas.style.color = `var(${property})`; // resolves light-dark()
    return getComputedStyle(canvas).color;
  };
  const { width, height } = canvas.getBoundingClientRect();
  const ratio = devicePixelRatio;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const context = canvas.getContext('2d');
  if (context === null) return;
  context.scale(ratio, ratio);
  const all = curves.flatMap(({ points }) => points).filter(([, y]) => Number.isFinite(y));
  const xs = all.map(([x]) => x);
  const ys = all.map(([, y]) => y);
  const low = yMin ?? Math.min(0, least(ys));
  const high = Math.max(yMax ?? greatest(ys), low + 1e-6);
  const [first, last] = [least(xs), Math.max(greatest(xs), least(xs) + 1)];
  const x = (value: number): number =>
    PADDING.left + ((value - first) / (last - first)) * (width - PADDING.left - PADDING.right);
  const y = (value: number): number =>
    height - PADDING.bottom - ((value - low) / (high - low)) * (height - PADDING.top - PADDING.bottom);
  context.font = '11px system-ui, sans-serif';
  context.strokeStyle = colourOf('--line');
  context.fillStyle = colourOf('--muted');
  context.textAlign = 'right';
  for (let i = 0; i <= 4; i++) {
    const value = low + ((high - low) * i) / 4;
    context.beginPath();
    context.moveTo(PADDING.left, y(value));
    context.lineTo(width - PADDING.right, y(value));
    context.stroke();
    context.fillText(value.toPrecision(2), PADDING.left - 6, y(value) + 4);
  }
  context.textAlign = 'center';
  if (all.length > 0)
    for (const value of [first, last]) context.fillText(String(Math.round(value)), x(value), height - 8);
  for (const { points, colour, dashed } of curves) {
    context.strokeStyle = colourOf(colour);
    context.lineWidth = 1.8;
    context.setLineDash(dashed === true ? [5, 4] : []);
    context.beginPath();
    points.forEach(([px, py], i) => (i === 0 ? context.moveTo(x(px), y(py)) : context.lineTo(x(px), y(py))));
    context.stroke();
  }
  context.setLineDash([]);
}

const least = (values: readonly number[]): number => values.reduce((a, b) => Math.min(a, b), Infinity) || 0;
const greatest = (values: readonly number[]): number => values.reduce((a, b) => Math.max(a, b), -Infinity) || 0;

export function Chart(props: ChartProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const frame = requestAnimationFrame(() => canvas.current !== null && draw(canvas.current, props));
    return () => cancelAnimationFrame(frame);
  });
  const last = props.curves.map(
    ({ label, points }) => `${label} ${points.at(-1)?.[1].toPrecision(3) ?? 'not yet known'}`,
  );
  return (
    <figure class="chart">
      <figcaption>
        {props.title}
        <span class="legend">
          {props.curves.map(({ label, colour }) => (
            <span key={label}>
              <i style={{ background: `var(${colour})` }} />
              {label}
            </span>
          ))}
        </span>
      </figcaption>
      <canvas ref={canvas} role="img" aria-label={`${props.title}: ${last.join(', ')}`} />
    </figure>
  );
}
