/** The report as one page of HTML that needs nothing else: pictures and charts are inside, there is no script. */
import type { Evaluation } from '../class-counts.ts';
import type { EpochResult } from '../trainer.ts';
import { accuracyChart, calibrationChart, confusionChart, countsChart, lossChart, rateChart } from './charts.ts';
import type { LayerMaps, Picture } from './pictures.ts';

/** An image that was looked at closely. */
export interface Example {
  readonly picture: Picture;
  readonly heat: Picture | undefined;
  readonly name: string;
  readonly actual: string;
  readonly predicted: string;
  readonly confidence: number;
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
}

const escaped = (text: string): string =>
  text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`).replace(/[^\P{Cc}\n\t]|\p{Cf}/gu, '\ufffd');

const percent = (part: number): string => (Number.isFinite(part) ? `${(100 * part).toFixed(1)} %` : '–');
const number = (value: number): string => value.toLocaleString('en-US');

function image({ url, width, height }: Picture, what: string, more = ''): string {
  return `<img src="${url}" width="${width}" height="${height}" alt="${escaped(what)}"${more}>`;
}

const section = (title: string, body: string, lead = ''): string =>
  `<section><h2>${title}</h2>${lead === '' ? '' : `<p class="lead">${lead}</p>`}${body}</section>`;

const charts = (...all: readonly string[]): string => `<div class="charts">${all.map((chart) => `<div class="chart">${chart}</div>`).join('')}</div>`; // prettier-ignore

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
  const heads = ['class', 'images', 'precision', 'recall', 'F1', 'most often taken for'].map((head) => `<th scope="col">${head}</th>`).join(''); // prettier-ignore
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
    const said = isRight ? `<b class="right">${escaped(actual)}</b>` : `<b class="wrong">${escaped(predicted)}</b> is ${escaped(actual)}`; // prettier-ignore
    const pictures = [image(picture, actual), ...(heat === undefined ? [] : [image(heat, `what speaks for ${predicted}`)])]; // prettier-ignore
    return `<figure><div class="pair">${pictures.join('')}</div><figcaption>${said} <span>${percent(confidence)}</span><br><small>${escaped(name)}</small></figcaption></figure>`; // prettier-ignore
  });
  return `<div class="examples">${cards.join('')}</div>`;
}

function inside({ filters, maps, mapsOf }: ReportContent): string {
  const first = filters === undefined ? '' : section('The first filters', `<div class="filters">${image(filters.picture, 'filters')}</div>`, `Weights of the first convolution, [${filters.shape.join(', ')}]: the small patterns that it looks for everywhere.`); // prettier-ignore
  if (maps.length === 0) return first;
  const rows = maps.map(({ name, shape, picture }) => `<div class="maps"><div><code>${escaped(name)}</code><br><small>[${shape.join(', ')}]</small></div>${image(picture, name)}</div>`); // prettier-ignore
  const input = mapsOf === undefined ? '' : `<div class="maps"><div><code>the image</code></div>${image(mapsOf, 'the image', ' class="small"')}</div>`; // prettier-ignore
  return `${first}${section('One image on its way through the network', input + rows.join(''), 'Up to eight channels of each layer, each from its darkest to its brightest value.')}`;
}

function settings({ settings: rows, command, network, notes }: ReportContent): string {
  const list = rows.map(([name, value]) => `<dt>${escaped(name)}</dt><dd>${escaped(value)}</dd>`).join('');
  const remarks = notes.map((note) => `<p class="note">${escaped(note)}</p>`).join('');
  return section('Settings', `${remarks}<dl>${list}</dl><p>Once more:</p><pre>${escaped(command)}</pre><details><summary>The network</summary><pre>${escaped(network)}</pre></details>`); // prettier-ignore
}

/** The page. */
export function reportPage(content: ReportContent): string {
  const { title, history, evaluation, classes, counts, mistakes, typical, measuredOn } = content;
  const wrong = evaluation.total - evaluation.correct;
  const error = percent(evaluation.calibrationError);
  const parts = [
    tiles(content),
    section('Training', charts(lossChart(history), accuracyChart(history), rateChart(history))),
    section('Which classes are mistaken for which', `<div class="chart wide" style="max-width:${Math.min(classes.length * 44 + 190, 860)}px">${confusionChart(evaluation, classes)}</div>`, `Rows are what images are, columns what they are taken for; ${escaped(measuredOn)}.`), // prettier-ignore
    section('Class by class', classTable(content)),
    mistakes.length === 0 ? '' : section('Surest mistakes', examples(mistakes), `Of ${number(wrong)} in all. On the right, what speaks for the wrong class (Grad-CAM): the network looked where it is bright.`), // prettier-ignore
    typical.length === 0 ? '' : section('Most typical', examples(typical), 'For each class the image that the network is surest of.'), // prettier-ignore
    section('How far to trust its probabilities', charts(calibrationChart(evaluation)), `Where bars end above the dashed line, the network is right more often than it says; on average they are ${error} apart.`), // prettier-ignore
    inside(content),
    section('Data', charts(countsChart(classes, counts))),
    settings(content),
  ];
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${escaped(title)}</title><style>${STYLE}</style></head>
<body><main><h1>${escaped(title)}</h1><p class="lead">Made by Flambeau; this file needs no network.</p>${parts.join('\n')}</main></body></html>
`;
}

const STYLE = `
:root{--paper:#f7f5f0;--card:#fffefb;--ink:#22252e;--muted:#6b7080;--line:#dedad0;--blue:#2f6f9f;--fire:#c8431f;--green:#2c8a66}
@media (prefers-color-scheme:dark){:root{--paper:#15171c;--card:#1d2027;--ink:#e8e6e1;--muted:#9aa0ae;--line:#343842;--blue:#7db8e0;--fire:#ff8457;--green:#6fcfa8}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
main{max-width:1180px;margin:0 auto;padding:36px 24px 72px}
h1{font-size:30px;line-height:1.2;margin:0 0 4px;letter-spacing:-.02em;overflow-wrap:anywhere}
h2{font-size:19px;margin:40px 0 6px;letter-spacing:-.01em}
.lead{color:var(--muted);margin:0 0 14px;max-width:72ch}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;margin-top:20px}
.tile{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:12px 16px}
.tile b{display:block;font-size:24px;letter-spacing:-.02em}
.tile span{color:var(--muted);font-size:12.5px}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,360px),1fr));gap:12px}
.chart{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:10px;max-width:560px}
.chart.wide{max-width:860px;overflow-x:auto}
.chart svg{display:block;width:100%;height:auto}
.chart.wide svg{min-width:300px;margin:0 auto}
.scroll{overflow-x:auto;background:var(--card);border:1px solid var(--line);border-radius:12px;padding:4px 10px}
table{border-collapse:collapse;width:100%;font-size:13.5px}
th,td{text-align:right;padding:6px 10px;border-bottom:1px solid var(--line);white-space:nowrap;font-weight:400}
th:first-child,td:last-child{text-align:left}
thead th{color:var(--muted)}tbody th{font-weight:600}
tbody tr:last-child>*{border-bottom:0}
.examples{display:grid;grid-template-columns:repeat(auto-fill,minmax(190px,1fr));gap:12px}
figure{margin:0;background:var(--card);border:1px solid var(--line);border-radius:12px;padding:10px;break-inside:avoid}
.pair{display:grid;grid-template-columns:1fr 1fr;gap:6px}
.pair img{width:100%;height:auto;border-radius:6px}
img{image-rendering:pixelated}
figcaption{font-size:13px;margin-top:6px;overflow-wrap:anywhere}
figcaption span{color:var(--muted)}small{color:var(--muted)}
.wrong{color:var(--fire)}.right{color:var(--green)}
.filters img{width:min(100%,420px);height:auto;border:1px solid var(--line);border-radius:8px}
.maps{display:grid;grid-template-columns:minmax(120px,220px) 1fr;gap:8px 16px;align-items:center;padding:8px 0;border-bottom:1px solid var(--line);break-inside:avoid}
.maps img{width:100%;max-width:860px;height:auto}.maps img.small{max-width:104px}
code,pre{font:13px/1.45 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
pre{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:10px 14px;overflow-x:auto}
dl{display:grid;grid-template-columns:max-content 1fr;gap:3px 18px}dt{color:var(--muted)}dd{margin:0;overflow-wrap:anywhere}
.note{border-left:3px solid var(--fire);padding-left:10px}
summary{cursor:pointer;color:var(--blue)}
@media (max-width:640px){main{padding:22px 12px 48px}h1{font-size:24px}.maps{grid-template-columns:1fr}.examples{grid-template-columns:repeat(auto-fill,minmax(150px,1fr))}}
@media print{body{background:#fff}.chart,.tile,figure,.scroll{break-inside:avoid}details{display:none}}
`;
