/** The report's charts as small SVG texts of the laboratory's own: what draws them in Node is larger than the laboratory. Colours are those of the sheet. */
import type { ReportCharts } from '../../../src/train/report/page.ts';
import { escaped } from '../../../src/train/report/sheet.ts';

type Point = readonly [number, number];
interface Line {
  readonly name: string;
  readonly colour: string;
  readonly points: readonly Point[];
}

const [WIDTH, HEIGHT] = [520, 300];
const BOX = { left: 56, right: 500, top: 40, bottom: 256 };

const text = (x: number, y: number, content: string, more = 'text-anchor="middle"'): string =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" font-size="12" fill="var(--muted)" ${more}>${escaped(content)}</text>`;
const rect = (x: number, y: number, width: number, height: number, colour: string, more = ''): string =>
  `<rect x="${x.toFixed(1)}" y="${y.toFixed(1)}" width="${Math.max(0, width).toFixed(1)}" height="${Math.max(0, height).toFixed(1)}" fill="${colour}" ${more}/>`;
const svg = (width: number, height: number, title: string, body: string): string =>
  `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(title)}" font-family="system-ui, sans-serif">${body}</svg>`;

const least = (values: readonly number[]): number => values.reduce((a, b) => Math.min(a, b), Infinity);
const greatest = (values: readonly number[]): number => values.reduce((a, b) => Math.max(a, b), -Infinity);
const shown = (value: number): string => String(Number(value.toPrecision(3)));

/** Horizontal lines with their values, from low to high. */
function grid(low: number, high: number, y: (value: number) => number): string {
  const rows = [0, 1, 2, 3, 4].map((i) => low + ((high - low) * i) / 4);
  return rows
    .map(
      (value) =>
        `<path d="M${BOX.left} ${y(value).toFixed(1)}H${BOX.right}" stroke="var(--line)"/>${text(BOX.left - 6, y(value) + 4, shown(value), 'text-anchor="end"')}`,
    )
    .join('');
}

function legend(names: readonly (readonly [name: string, colour: string])[]): string {
  return names
    .map(([name, colour], i) => {
      const x = BOX.left + i * 150;
      return rect(x, 12, 14, 10, colour) + text(x + 20, 21, name, '');
    })
    .join('');
}

function lines(title: string, unit: string, all: readonly Line[], fixed?: Point): string {
  const points = all.flatMap((line) => line.points);
  if (points.length === 0) return svg(WIDTH, HEIGHT, title, text(WIDTH / 2, HEIGHT / 2, 'nothing was measured'));
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
  const [low, high] = fixed ?? [Math.min(0, least(ys)), greatest(ys) || 1];
  const [first, last] = [least(xs), Math.max(greatest(xs), least(xs) + 1)];
  const x = (value: number): number => BOX.left + ((value - first) / (last - first)) * (BOX.right - BOX.left);
  const y = (value: number): number => BOX.bottom - ((value - low) / (high - low)) * (BOX.bottom - BOX.top);
  const drawn = all.map(({ colour, points: own }, i) => {
    const path = own.map(([px, py], j) => `${j === 0 ? 'M' : 'L'}${x(px).toFixed(1)} ${y(py).toFixed(1)}`).join('');
    return `<path d="${path}" fill="none" stroke="${colour}" stroke-width="2"${i === 0 ? '' : ' stroke-dasharray="6 3"'}/>`;
  });
  const ends = text(BOX.left, BOX.bottom + 18, shown(first)) + text(BOX.right, BOX.bottom + 18, shown(last));
  const axes = ends + text((BOX.left + BOX.right) / 2, BOX.bottom + 34, 'epoch') + text(BOX.left - 6, 30, unit, 'text-anchor="end"');
  const names = legend(all.map(({ name, colour }) => [name, colour]));
  return svg(WIDTH, HEIGHT, title, grid(low, high, y) + drawn.join('') + axes + names);
}

const finite = (points: readonly Point[]): readonly Point[] => points.filter(([, y]) => Number.isFinite(y));

const shortened = (name: string): string => (name.length > 14 ? `${name.slice(0, 13)}…` : name);

const confusion: ReportCharts['confusion'] = ({ confusion: rows }, classes) => {
  const cell = Math.max(26, Math.min(56, 420 / classes.length));
  const edge = 120;
  const end = cell * classes.length;
  const cells = rows.flatMap((row, actual) => {
    const total = row.reduce((sum, n) => sum + n, 0);
    return row.map((n, predicted) => {
      const part = total === 0 ? 0 : n / total;
      const [x, y] = [edge + predicted * cell, actual * cell];
      const colour = actual === predicted ? 'var(--blue)' : 'var(--fire)';
      const label = n === 0 ? '' : text(x + cell / 2, y + cell / 2 + 4, String(n), `text-anchor="middle" style="fill:var(--ink)"`);
      return rect(x + 1, y + 1, cell - 2, cell - 2, colour, `fill-opacity="${(0.06 + 0.6 * part).toFixed(2)}"`) + label;
    });
  });
  const names = classes.map((name, i) => {
    const middle = i * cell + cell / 2;
    const turned = `text-anchor="end" transform="rotate(-45 ${(edge + middle).toFixed(1)} ${(end + 16).toFixed(1)})"`;
    return text(edge - 8, middle + 4, shortened(name), 'text-anchor="end"') + text(edge + middle, end + 16, shortened(name), turned);
  });
  return svg(edge + end + 10, end + 96, 'Confusion matrix', cells.join('') + names.join(''));
};

const calibration: ReportCharts['calibration'] = ({ calibration: bins }) => {
  const width = (BOX.right - BOX.left) / bins.length;
  const y = (part: number): number => BOX.bottom - part * (BOX.bottom - BOX.top);
  const bars = bins.map(({ accuracy, count, from, to }, i) => {
    const name = text(BOX.left + (i + 0.5) * width, BOX.bottom + 18, `${Math.round(from * 100)}–${Math.round(to * 100)}`);
    return (count === 0 ? '' : rect(BOX.left + i * width + 2, y(accuracy), width - 4, BOX.bottom - y(accuracy), 'var(--blue)')) + name;
  });
  const ideal = `<path d="M${BOX.left} ${BOX.bottom}L${BOX.right} ${BOX.top}" stroke="var(--fire)" stroke-width="2" stroke-dasharray="6 4"/>`;
  const names = legend([
    ['right', 'var(--blue)'],
    ['as sure as right', 'var(--fire)'],
  ]);
  const axis = text((BOX.left + BOX.right) / 2, BOX.bottom + 34, 'probability of the prediction, %');
  return svg(WIDTH, HEIGHT, 'Calibration', grid(0, 100, (value) => y(value / 100)) + bars.join('') + ideal + names + axis);
};

const COLOURS = ['var(--muted)', 'var(--blue)', 'var(--fire)'];

const counts: ReportCharts['counts'] = (classes, parts) => {
  const edge = 120;
  const most = greatest(classes.map((_, c) => parts.reduce((sum, part) => sum + (part.counts[c] ?? 0), 0))) || 1;
  const scale = (WIDTH - edge - 60) / most;
  const rows = classes.map((name, c) => {
    let x = edge;
    const bars = parts.map((part, i) => {
      const length = (part.counts[c] ?? 0) * scale;
      const bar = rect(x, 40 + c * 24, length, 16, COLOURS[i] ?? 'var(--green)');
      x += length;
      return bar;
    });
    const total = parts.map((part) => part.counts[c] ?? 0).join(' + ');
    return text(edge - 8, 53 + c * 24, shortened(name), 'text-anchor="end"') + bars.join('') + text(x + 6, 53 + c * 24, total, '');
  });
  const names = legend(parts.map(({ part }, i) => [part, COLOURS[i] ?? 'var(--green)']));
  return svg(WIDTH, 56 + classes.length * 24, 'Images by class', names + rows.join(''));
};

export const SMALL_CHARTS: ReportCharts = {
  loss: (history) =>
    lines('Losses by epoch', 'loss', [
      { name: 'training', colour: 'var(--muted)', points: finite(history.map((e) => [e.epoch, e.trainLoss])) },
      { name: 'kept aside', colour: 'var(--blue)', points: finite(history.map((e) => [e.epoch, e.validLoss])) },
    ]),
  accuracy: (history) => {
    const points = finite(history.map((e) => [e.epoch, e.accuracy * 100]));
    return lines('Accuracy by epoch', '%', [{ name: 'accuracy', colour: 'var(--blue)', points }], [0, 100]);
  },
  rate: (history) => {
    const points = finite(history.map((e) => [e.epoch, e.lr]));
    return lines('Learning rate by epoch', '', [{ name: 'learning rate', colour: 'var(--fire)', points }]);
  },
  confusion,
  calibration,
  counts,
};
