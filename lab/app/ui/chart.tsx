/** Curves on a canvas: drawn once a frame at most, however fast numbers come. */
import { useEffect, useRef } from 'preact/hooks';

export interface Curve {
  readonly label: string;
  /** A custom property of the style sheet, such as `--accent`. */
  readonly colour: string;
  /** The points; or `xs` and `ys`, which may be appended to in place. */
  readonly points?: readonly (readonly [number, number])[];
  readonly xs?: readonly number[];
  readonly ys?: readonly number[];
  readonly dashed?: boolean;
  /** Behind the others, thin, and not in the legend. */
  readonly faint?: boolean;
  /** With a dot at each point. */
  readonly dots?: boolean;
}

export interface ChartProps {
  readonly title: string;
  readonly curves: readonly Curve[];
  readonly yLabel: string;
  readonly xLabel: string;
  /** Fixed bounds, where the numbers have some. */
  readonly yMin?: number;
  readonly yMax?: number;
  /** Curves that go higher than this leave the picture, so that the others can still be seen. */
  readonly yCap?: number | undefined;
  readonly xMin?: number;
  readonly xMax?: number;
  /** Logarithmic upwards. */
  readonly log?: boolean;
  /** Curves are grey behind this place. */
  readonly greyAfter?: number | undefined;
}

interface Line {
  readonly curve: Curve;
  readonly xs: readonly number[];
  readonly ys: readonly number[];
}

const PADDING = { left: 46, right: 12, top: 10, bottom: 34 };

const lineOf = (curve: Curve): Line => ({
  curve,
  xs: curve.xs ?? curve.points?.map(([x]) => x) ?? [],
  ys: curve.ys ?? curve.points?.map(([, y]) => y) ?? [],
});

/** From place and value to pixels. */
interface Scale {
  readonly x: (value: number) => number;
  readonly y: (value: number) => number;
  readonly xTicks: readonly number[];
  readonly yTicks: readonly number[];
  readonly left: number;
}

function scaleOf(lines: readonly Line[], { yMin, yMax, yCap, xMin, xMax, log }: ChartProps, width: number, height: number): Scale {
  let [low, high, first, last] = [Infinity, -Infinity, Infinity, -Infinity];
  for (const { xs, ys } of lines) {
    for (let i = 0; i < xs.length; i++) {
      const value = ys[i]!;
      if (!Number.isFinite(value) || (log === true && value <= 0)) continue;
      low = Math.min(low, value);
      high = Math.max(high, value);
      first = Math.min(first, xs[i]!);
      last = Math.max(last, xs[i]!);
    }
  }
  if (low > high) [low, high, first, last] = [0, 1, 0, 1];
  first = xMin ?? first;
  last = Math.max(last, xMax ?? last, first + 1e-6);
  const up = log === true ? Math.log10 : (value: number): number => value;
  const bottom = log === true ? Math.log10(low) - 0.05 : Math.min(0, yMin ?? low);
  const top = Math.max(log === true ? Math.log10(high) + 0.05 : (yMax ?? Math.min(high, yCap ?? high)), bottom + 1e-6);
  const inner = { width: width - PADDING.left - PADDING.right, height: height - PADDING.top - PADDING.bottom };
  return {
    x: (value) => PADDING.left + ((value - first) / (last - first)) * inner.width,
    y: (value) => height - PADDING.bottom - ((up(value) - bottom) / (top - bottom)) * inner.height,
    xTicks: ticks(first, last, Math.max(2, Math.floor(inner.width / 70))),
    yTicks: log === true ? decades(bottom, top) : ticks(bottom, top, 5),
    left: first,
  };
}

/** Round numbers between two. */
function ticks(from: number, to: number, most: number): number[] {
  const rough = (to - from) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough) ?? rough;
  const found: number[] = [];
  for (let i = Math.ceil(from / step); i * step <= to + step * 1e-9 && found.length < 20; i++) found.push(i * step);
  return found;
}
function decades(from: number, to: number): number[] {
  const found: number[] = [];
  for (let power = Math.floor(from); power <= Math.ceil(to); power++)
    for (const factor of to - from > 3 ? [1] : [1, 2, 5]) found.push(factor * 10 ** power);
  return found.filter((value) => Math.log10(value) >= from && Math.log10(value) <= to);
}

const shown = (value: number): string => String(Number(value.toPrecision(3)));

function fit(canvas: HTMLCanvasElement): { width: number; height: number } {
  const { clientWidth: width, clientHeight: height } = canvas;
  const [w, h] = [Math.round(width * devicePixelRatio), Math.round(height * devicePixelRatio)];
  if (canvas.width !== w) canvas.width = w;
  if (canvas.height !== h) canvas.height = h;
  return { width, height };
}

let colours = new Map<string, string>();
let coloursAre = '';
/** Colours of custom properties, found once for a theme: finding one has the browser work out styles. */
function coloursOf(canvas: HTMLCanvasElement): (property: string) => string {
  const theme = `${document.documentElement.dataset['theme']} ${matchMedia('(prefers-color-scheme: dark)').matches}`;
  if (theme !== coloursAre) [colours, coloursAre] = [new Map<string, string>(), theme];
  return (property) => {
    let found = colours.get(property);
    if (found === undefined) {
      canvas.style.color = `var(${property})`; // resolves light-dark()
      found = getComputedStyle(canvas).color;
      colours.set(property, found);
    }
    return found;
  };
}

/** The place that a pointer is at, in pixels from the left. */
type Pointer = number | undefined;

function draw(canvas: HTMLCanvasElement, props: ChartProps, pointer: Pointer): void {
  const context = canvas.getContext('2d');
  const { width, height } = fit(canvas);
  if (context === null || width === 0) return;
  const colourOf = coloursOf(canvas);
  const lines = props.curves.map(lineOf);
  const scale = scaleOf(lines, props, width, height);
  context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
  context.clearRect(0, 0, width, height);
  axes(context, props, scale, width, height, colourOf('--line'), colourOf('--muted'));
  const grey = props.greyAfter === undefined ? width : scale.x(props.greyAfter);
  for (const line of lines) {
    curveOf(context, line, scale, colourOf(line.curve.colour), 0, grey, height);
    if (grey < width) curveOf(context, line, scale, colourOf('--line'), grey, width, height);
  }
  if (grey < width) marker(context, grey, height, colourOf('--ink'));
  if (pointer !== undefined) {
    marker(context, pointer, height, colourOf('--muted'));
    readings(context, lines, scale, pointer, width, { colourOf, ink: colourOf('--ink'), card: colourOf('--card') });
  }
}

function axes(
  context: CanvasRenderingContext2D,
  { xLabel, yLabel }: ChartProps,
  { x, y, xTicks, yTicks }: Scale,
  width: number,
  height: number,
  line: string,
  text: string,
): void {
  context.font = '11px system-ui, sans-serif';
  context.strokeStyle = line;
  context.fillStyle = text;
  context.lineWidth = 1;
  context.setLineDash([]);
  context.textAlign = 'right';
  context.beginPath();
  for (const value of yTicks) {
    const at = Math.round(y(value)) + 0.5;
    context.moveTo(PADDING.left, at);
    context.lineTo(width - PADDING.right, at);
    context.fillText(shown(value), PADDING.left - 6, at + 3.5);
  }
  context.stroke();
  context.textAlign = 'center';
  for (const value of xTicks) context.fillText(shown(value), x(value), height - PADDING.bottom + 14);
  context.fillText(xLabel, (PADDING.left + width - PADDING.right) / 2, height - 5);
  context.save();
  context.translate(10, (height - PADDING.bottom) / 2);
  context.rotate(-Math.PI / 2);
  context.fillText(yLabel, 0, 0);
  context.restore();
}

/** The part of a curve between two places in pixels. */
function curveOf(
  context: CanvasRenderingContext2D,
  { curve, xs, ys }: Line,
  { x, y }: Scale,
  colour: string,
  from: number,
  to: number,
  height: number,
): void {
  context.save();
  context.beginPath();
  context.rect(from, PADDING.top - 2, to - from, height - PADDING.top - PADDING.bottom + 4);
  context.clip();
  context.strokeStyle = context.fillStyle = colour;
  context.globalAlpha = curve.faint === true ? 0.35 : 1;
  context.lineWidth = curve.faint === true ? 1 : 1.8;
  context.lineJoin = 'bevel'; // round ones take several times as long where there are many points
  context.setLineDash(curve.dashed === true ? [5, 4] : []);
  context.beginPath();
  let open = false;
  let drawnTo = -Infinity;
  for (let i = 0; i < xs.length; i++) {
    const [right, at] = [x(xs[i]!), y(ys[i]!)];
    if (!Number.isFinite(at)) {
      open = false;
      continue;
    }
    // More than a point in half a pixel cannot be seen.
    if (open && right - drawnTo < 0.5 && i < xs.length - 1) continue;
    if (open) context.lineTo(right, at);
    else context.moveTo(right, at);
    drawnTo = right;
    open = true;
  }
  context.stroke();
  if (curve.dots === true && xs.length <= 60) for (let i = 0; i < xs.length; i++) context.fillRect(x(xs[i]!) - 2, y(ys[i]!) - 2, 4, 4);
  context.restore();
}

function marker(context: CanvasRenderingContext2D, at: number, height: number, colour: string): void {
  context.strokeStyle = colour;
  context.lineWidth = 1;
  context.setLineDash([2, 3]);
  context.beginPath();
  context.moveTo(at, PADDING.top);
  context.lineTo(at, height - PADDING.bottom);
  context.stroke();
  context.setLineDash([]);
}

interface Inks {
  readonly colourOf: (property: string) => string;
  readonly ink: string;
  readonly card: string;
}
/** The values of all curves at the pointer. */
function readings(
  context: CanvasRenderingContext2D,
  lines: readonly Line[],
  { x }: Scale,
  pointer: number,
  width: number,
  { colourOf, ink, card }: Inks,
): void {
  const texts = lines
    .filter(({ curve, xs }) => curve.faint !== true && xs.length > 0)
    .map(({ curve, xs, ys }) => {
      let near = 0;
      for (let i = 1; i < xs.length; i++) if (Math.abs(x(xs[i]!) - pointer) < Math.abs(x(xs[near]!) - pointer)) near = i;
      return { colour: colourOf(curve.colour), text: `${curve.label} ${ys[near]!.toPrecision(3)}` };
    });
  if (texts.length === 0) return;
  const box = Math.max(...texts.map(({ text }) => context.measureText(text).width)) + 22;
  const left = pointer + 8 + box > width ? pointer - 8 - box : pointer + 8;
  context.fillStyle = card;
  context.globalAlpha = 0.92;
  context.fillRect(left, PADDING.top, box, 15 * texts.length + 6);
  context.globalAlpha = 1;
  context.textAlign = 'left';
  texts.forEach(({ text, colour }, i) => {
    context.fillStyle = colour;
    context.fillRect(left + 5, PADDING.top + 7 + 15 * i, 8, 8);
    context.fillStyle = ink;
    context.fillText(text, left + 17, PADDING.top + 15 + 15 * i);
  });
}

export function Chart(props: ChartProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const pointer = useRef<Pointer>(undefined);
  const again = (): void => {
    if (canvas.current !== null) draw(canvas.current, props, pointer.current);
  };
  useEffect(() => {
    const frame = requestAnimationFrame(again);
    return () => cancelAnimationFrame(frame);
  });
  const latest = useRef(again);
  latest.current = again;
  useEffect(() => {
    const redraw = (): void => latest.current();
    let isFirst = true; // it is drawn in a moment anyway
    const observer = new ResizeObserver(() => {
      if (!isFirst) redraw();
      isFirst = false;
    });
    if (canvas.current !== null) observer.observe(canvas.current);
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    scheme.addEventListener('change', redraw);
    return () => {
      observer.disconnect();
      scheme.removeEventListener('change', redraw);
    };
  }, []);
  const legend = props.curves.filter(({ faint }) => faint !== true);
  const last = legend.map((curve) => {
    const value = curve.ys === undefined ? curve.points?.at(-1)?.[1] : curve.ys.at(-1);
    return `${curve.label} ${value?.toPrecision(3) ?? 'not yet known'}`;
  });
  const point = (at: Pointer): void => {
    pointer.current = at;
    again();
  };
  return (
    <figure class="chart">
      <figcaption>
        {props.title}
        <span class="legend">
          {legend.map(({ label, colour, dashed }) => (
            <span key={label}>
              <i class={dashed === true ? 'dashed' : ''} style={{ '--colour': `var(${colour})` }} />
              {label}
            </span>
          ))}
        </span>
      </figcaption>
      <canvas
        ref={canvas}
        role="img"
        aria-label={`${props.title}: ${last.join(', ')}`}
        onPointerMove={(event) => point(event.offsetX)}
        onPointerLeave={() => point(undefined)}
      />
    </figure>
  );
}
