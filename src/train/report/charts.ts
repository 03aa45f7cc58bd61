/** The report's charts, as SVG text that needs no script: drawn by Apache ECharts on this side. */
import { BarChart, HeatmapChart, LineChart } from 'echarts/charts';
import { GridComponent, LegendComponent, VisualMapComponent } from 'echarts/components';
import { init, use } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import type { Evaluation } from '../class-counts.ts';
import type { EpochResult } from '../trainer.ts';
import type { ReportCharts } from './page.ts';

use([BarChart, GridComponent, HeatmapChart, LegendComponent, LineChart, SVGRenderer, VisualMapComponent]);

/** Colours that differ in brightness too, for print and for eyes that see fewer colours. */
const [BLUE, FIRE, GREY] = ['#2f6f9f', '#e2552b', '#8a8f9c'];
const TEXT = { color: GREY, fontSize: 12, fontFamily: 'system-ui, sans-serif' };

function svg(width: number, height: number, title: string, option: object): string {
  const chart = init(null, null, { renderer: 'svg', ssr: true, width, height });
  try {
    chart.setOption({ animation: false, textStyle: TEXT, ...option });
    // The page gives it its width; what it shows stands in words beside it for those who cannot see it.
    const text = chart.renderToSVGString().replace(/^<svg width="\d+" height="\d+"/, `<svg role="img" aria-label="${title}"`);
    return separate(text);
  } finally {
    chart.dispose();
  }
}

let drawn = 0;

/** Names in each picture that are in no other one of the page. */
function separate(text: string): string {
  const prefix = `c${drawn++}-`;
  return text.replaceAll(/\bzr\d+-/g, prefix);
}

const AXIS = {
  axisLine: { lineStyle: { color: GREY } },
  axisLabel: TEXT,
  splitLine: { lineStyle: { color: '#8a8f9c33' } },
  nameTextStyle: TEXT,
};
const GRID = { left: 56, right: 20, top: 40, bottom: 40 };

interface Line {
  readonly name: string;
  readonly points: readonly (readonly [number, number])[];
  readonly colour: string;
}

function lines(title: string, unit: string, all: readonly Line[], more: object = {}): string {
  const series = all.map(({ name, points, colour }) => ({
    type: 'line', name, data: points, symbolSize: points.length > 40 ? 0 : 6,
    lineStyle: { color: colour, width: 2 }, itemStyle: { color: colour },
  })); // prettier-ignore
  return svg(520, 300, title, {
    grid: GRID,
    legend: { top: 4, itemGap: 24, textStyle: TEXT },
    xAxis: { type: 'value', name: 'epoch', nameLocation: 'middle', nameGap: 26, minInterval: 1, min: 'dataMin', max: 'dataMax', ...AXIS },
    yAxis: { type: 'value', name: unit, scale: true, ...AXIS, ...more },
    series,
  });
}

const points = (history: readonly EpochResult[], of: keyof EpochResult, scale = 1): [number, number][] =>
  history.filter((epoch) => Number.isFinite(epoch[of])).map((epoch) => [epoch.epoch, epoch[of] * scale]);

/** Training and validation losses by epoch. */
const lossChart = (history: readonly EpochResult[]): string =>
  lines('Losses by epoch', 'loss', [
    { name: 'training', points: points(history, 'trainLoss'), colour: GREY },
    { name: 'validation', points: points(history, 'validLoss'), colour: BLUE },
  ]);

/** Validation accuracy by epoch. */
const accuracyChart = (history: readonly EpochResult[]): string =>
  lines('Accuracy by epoch', '%', [{ name: 'validation accuracy', points: points(history, 'accuracy', 100), colour: BLUE }]);

/** The learning rate by epoch. */
const rateChart = (history: readonly EpochResult[]): string =>
  lines('Learning rate by epoch', '', [{ name: 'learning rate', points: points(history, 'lr'), colour: FIRE }]);

/** Up to so many classes a square of the confusion matrix shows its number. */
const NUMBERED = 20;

/** Actual classes downwards, predicted ones to the right, in parts of each row. */
function confusionChart({ confusion }: Evaluation, classes: readonly string[]): string {
  const count = classes.length;
  const side = Math.min(Math.max(count * 30, 260), 760);
  const cells = confusion.flatMap((row, actual) => {
    const total = row.reduce((sum, n) => sum + n, 0);
    return row.map((n, predicted) => {
      const part = total === 0 ? 0 : n / total;
      return { value: [predicted, actual, part], n, label: { color: part > 0.45 ? '#fff' : '#4a5060' } };
    });
  });
  const names = classes.map((name) => (name.length > 14 ? `${name.slice(0, 13)}…` : name));
  const label = { show: count <= NUMBERED, formatter: ({ data }: { data: { n: number } }) => (data.n === 0 ? '' : String(data.n)) };
  const edge = Math.max(...names.map((name) => name.length)) * 7 + 24;
  return svg(side + edge + 20, side + edge, 'Confusion matrix', {
    grid: { left: edge, right: 20, top: 16, bottom: edge },
    xAxis: { type: 'category', data: names, axisLabel: { ...TEXT, rotate: 45, interval: 0 }, axisTick: { show: false } },
    yAxis: { type: 'category', data: names, inverse: true, axisLabel: { ...TEXT, interval: 0 }, axisTick: { show: false } },
    visualMap: { show: false, min: 0, max: 1, inRange: { color: ['#cfe3f122', '#7db8e0', BLUE, '#123a57'] } },
    series: [{ type: 'heatmap', data: cells, label: { ...label, fontSize: 11 } }],
  });
}

/** How often the network is right where it says that it is so sure. */
function calibrationChart({ calibration }: Evaluation): string {
  const names = calibration.map(({ from, to }) => `${Math.round(from * 100)}–${Math.round(to * 100)}`);
  return svg(520, 300, 'Calibration', {
    grid: GRID,
    legend: { top: 4, itemGap: 24, textStyle: TEXT },
    xAxis: { type: 'category', data: names, name: 'probability of the prediction, %', nameLocation: 'middle', nameGap: 26, ...AXIS },
    yAxis: { type: 'value', max: 100, name: '% right', ...AXIS },
    series: [
      { type: 'bar', name: 'right', data: calibration.map(({ accuracy, count }) => (count === 0 ? null : accuracy * 100)), itemStyle: { color: BLUE } },
      { type: 'line', name: 'as sure as right', data: calibration.map(({ from, to }) => (from + to) * 50), symbolSize: 0, lineStyle: { color: FIRE, type: 'dashed' }, itemStyle: { color: FIRE } },
    ],
  }); // prettier-ignore
}

/** Images by class in each part. */
function countsChart(classes: readonly string[], counts: readonly { readonly part: string; readonly counts: readonly number[] }[]): string {
  const colours = [GREY, BLUE, FIRE];
  const edge = Math.min(Math.max(...classes.map((name) => name.length)), 18) * 7 + 24;
  return svg(520, Math.max(160, classes.length * 22 + 70), 'Images by class', {
    grid: { left: edge, right: 30, top: 36, bottom: 30 },
    legend: { top: 4, itemGap: 24, textStyle: TEXT },
    xAxis: { type: 'value', ...AXIS },
    yAxis: { type: 'category', data: classes, inverse: true, axisLabel: { ...TEXT, interval: 0, width: edge - 12, overflow: 'truncate' } },
    series: counts.map(({ part, counts: data }, i) => ({ type: 'bar', stack: 'all', name: part, data, itemStyle: { color: colours[i]! } })),
  });
}

export const CHARTS: ReportCharts = {
  loss: lossChart,
  accuracy: accuracyChart,
  rate: rateChart,
  confusion: confusionChart,
  calibration: calibrationChart,
  counts: countsChart,
};
