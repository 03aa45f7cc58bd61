/** The report as one page of HTML that needs nothing else: pictures and charts are inside, there is no script. */
import type { Evaluation } from '../class-counts.ts';
import type { EpochResult } from '../trainer.ts';
import { stragglers, type RankTimes } from '../step-times.ts';
import type { LayerMaps, Picture } from './pictures.ts';
import { escaped, image, percent, section, sheet } from './sheet.ts';

/** An image that was looked at closely. */
export interface Example {
  readonly picture: Picture;
  readonly heat: Picture | undefined;
  readonly name: string;
  readonly actual: string;
  readonly predicted: string;
  readonly confidence: number;
}

/** How the report's charts are drawn: each gives an SVG picture. */
export interface ReportCharts {
  readonly loss: (history: readonly EpochResult[]) => string;
  readonly accuracy: (history: readonly EpochResult[]) => string;
  readonly rate: (history: readonly EpochResult[]) => string;
  readonly confusion: (evaluation: Evaluation, classes: readonly string[]) => string;
  readonly calibration: (evaluation: Evaluation) => string;
  readonly counts: (classes: readonly string[], counts: ReportContent['counts']) => string;
}

export interface ReportContent {
  readonly title: string;
  /** What the network was measured on: «1,000 test images». */
  readonly measuredOn: string;
  readonly classes: readonly string[];
  readonly counts: readonly { readonly part: string; readonly counts: readonly number[] }[];
  readonly history: readonly EpochResult[];
  readonly bestEpoch: number;
  readonly evaluation: Evaluation;
  readonly mistakes: readonly Example[];
  readonly typical: readonly Example[];
  readonly filters: { readonly picture: Picture; readonly shape: readonly number[] } | undefined;
  readonly maps: readonly LayerMaps[];
  readonly mapsOf: Picture | undefined;
  /** What was set, in the order to show. */
  readonly settings: readonly (readonly [string, string])[];
  readonly notes: readonly string[];
  /** The command line that does it again. */
  readonly command: string;
  readonly network: string;
  /** What steps took in each process, where there were several. */
  readonly ranks?: readonly RankTimes[];
}

const number = (value: number): string => value.toLocaleString('en-US');

const charts = (...all: readonly string[]): string =>
  `<div class="charts">${all.map((chart) => `<div class="chart">${chart}</div>`).join('')}</div>`;

function tiles({ evaluation, classes, counts, bestEpoch, history, measuredOn }: ReportContent): string {
  const images = counts.reduce((sum, part) => sum + part.counts.reduce((a, b) => a + b, 0), 0);
  const seconds = history.reduce((sum, epoch) => sum + epoch.seconds, 0);
  const all: [string, string][] = [
    [percent(evaluation.accuracy), `right of ${measuredOn}`],
    ...(classes.length > 10 ? [[percent(evaluation.top5), 'among the first five'] as [string, string]] : []),
    [evaluation.loss.toFixed(4), 'loss'],
    [number(images), `images of ${classes.length} classes`],
    [String(bestEpoch), `best of ${history.length} epochs`],
    [seconds < 90 ? `${seconds.toFixed(1)} s` : `${(seconds / 60).toFixed(1)} min`, 'of training'],
  ];
  return `<div class="tiles">${all.map(([big, small]) => `<div class="tile"><b>${big}</b><span>${escaped(small)}</span></div>`).join('')}</div>`;
}

function classTable({ evaluation, classes }: ReportContent): string {
  const rows = evaluation.classes.map((one, i) => {
    const cells = [number(one.total), percent(one.precision), percent(one.recall), percent(one.f1), mostMistakenFor(evaluation, classes, i)];
    return `<tr><th scope="row">${escaped(classes[i]!)}</th>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`;
  }); // prettier-ignore
  const heads = ['class', 'images', 'precision', 'recall', 'F1', 'most often taken for']
    .map((head) => `<th scope="col">${head}</th>`)
    .join('');
  return `<div class="scroll"><table><thead><tr>${heads}</tr></thead><tbody>${rows.join('')}</tbody></table></div>`;
}

function mostMistakenFor({ confusion }: Evaluation, classes: readonly string[], actual: number): string {
  const row = confusion[actual]!;
  let most = -1;
  row.forEach((n, c) => {
    if (c !== actual && n > 0 && (most === -1 || n > row[most]!)) most = c;
  });
  return most === -1 ? '–' : `${escaped(classes[most]!)} (${row[most]!})`;
}

function examples(list: readonly Example[]): string {
  const cards = list.map(({ picture, heat, name, actual, predicted, confidence }) => {
    const isRight = actual === predicted;
    const said = isRight ? `<b class="right">${escaped(actual)}</b>` : `<b class="wrong">${escaped(predicted)}</b> is ${escaped(actual)}`;
    const pictures = [image(picture, actual), ...(heat === undefined ? [] : [image(heat, `what speaks for ${predicted}`)])];
    return `<figure><div class="pair">${pictures.join('')}</div><figcaption>${said} <span>${percent(confidence)}</span><br><small>${escaped(name)}</small></figcaption></figure>`;
  });
  return `<div class="examples">${cards.join('')}</div>`;
}

function inside({ filters, maps, mapsOf }: ReportContent): string {
  const first =
    filters === undefined
      ? ''
      : section(
          'The first filters',
          `<div class="filters">${image(filters.picture, 'filters')}</div>`,
          `Weights of the first convolution, [${filters.shape.join(', ')}]: the small patterns that it looks for everywhere.`,
        );
  if (maps.length === 0) return first;
  const rows = maps.map(
    ({ name, shape, picture }) =>
      `<div class="maps"><div><code>${escaped(name)}</code><br><small>[${shape.join(', ')}]</small></div>${image(picture, name)}</div>`,
  );
  const input =
    mapsOf === undefined ? '' : `<div class="maps"><div><code>the image</code></div>${image(mapsOf, 'the image', ' class="small"')}</div>`;
  return `${first}${section('One image on its way through the network', input + rows.join(''), 'Up to eight channels of each layer, each from its darkest to its brightest value.')}`;
}

/** Who does what in how long, and whom the others wait for. */
function processes(ranks: readonly RankTimes[]): string {
  const heads = ['process', 'threads', 'work in a step', 'of the slowest in 20', 'waiting in a step', 'machine']
    .map((head) => `<th scope="col">${head}</th>`)
    .join('');
  const ms = (value: number): string => (Number.isNaN(value) ? '–' : `${value.toFixed(value < 10 ? 2 : 1)} ms`);
  const rows = ranks.map(
    ({ rank, host, threads, work, slow, waiting }) =>
      `<tr><th scope="row">${rank}</th>${[threads, ms(work), ms(slow), ms(waiting), escaped(host)].map((cell) => `<td>${cell}</td>`).join('')}</tr>`,
  );
  const slower = stragglers(ranks).map(
    ({ rank, others }) =>
      `<p class="note">The others wait for process ${rank.rank} on ${escaped(rank.host)}: ${ms(rank.work)} of work in a step, theirs takes ${ms(others)}.</p>`,
  );
  return section(
    'Processes',
    `${slower.join('')}<div class="scroll"><table><thead><tr>${heads}</tr></thead><tbody>${rows.join('')}</tbody></table></div>`,
    'Every step ends when the slowest process is there. Medians of the latest steps; work is reading images and computing, waiting is until gradients have been exchanged.',
  );
}

function settings({ settings: rows, command, network, notes }: ReportContent): string {
  const list = rows.map(([name, value]) => `<dt>${escaped(name)}</dt><dd>${escaped(value)}</dd>`).join('');
  const remarks = notes.map((note) => `<p class="note">${escaped(note)}</p>`).join('');
  return section(
    'Settings',
    `${remarks}<dl>${list}</dl><p>Once more:</p><pre>${escaped(command)}</pre><details><summary>The network</summary><pre>${escaped(network)}</pre></details>`,
  );
}

/** The page. @param draw - the charts: ECharts' in Node, lighter ones in pages */
export function reportPage(content: ReportContent, draw: ReportCharts): string {
  const { title, history, evaluation, classes, counts, mistakes, typical, measuredOn, ranks = [] } = content;
  const wrong = evaluation.total - evaluation.correct;
  const error = percent(evaluation.calibrationError);
  const parts = [
    tiles(content),
    section('Training', charts(draw.loss(history), draw.accuracy(history), draw.rate(history))),
    section(
      'Which classes are mistaken for which',
      `<div class="chart wide" style="max-width:${Math.min(classes.length * 44 + 190, 860)}px">${draw.confusion(evaluation, classes)}</div>`,
      `Rows are what images are, columns what they are taken for; ${escaped(measuredOn)}.`,
    ),
    section('Class by class', classTable(content)),
    mistakes.length === 0
      ? ''
      : section(
          'Surest mistakes',
          examples(mistakes),
          `Of ${number(wrong)} in all. On the right, what speaks for the wrong class (Grad-CAM): the network looked where it is bright.`,
        ),
    typical.length === 0 ? '' : section('Most typical', examples(typical), 'For each class the image that the network is surest of.'),
    section(
      'How far to trust its probabilities',
      charts(draw.calibration(evaluation)),
      `Where bars end above the dashed line, the network is right more often than it says; on average they are ${error} apart.`,
    ),
    inside(content),
    section('Data', charts(draw.counts(classes, counts))),
    ranks.length === 0 ? '' : processes(ranks),
    settings(content),
  ];
  return sheet(title, 'Made by Flambeau; this file needs no network.', parts.join('\n'));
}
