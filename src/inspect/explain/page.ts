/** An explanation as one page of HTML: figures first, formulas beside them, a table at the end. No scripts, no other files. */
import type { TracedStep } from '../trace.ts';
import type { ExplainedStep, Explanation } from './explanation.ts';
import { fit, filtersFigure } from './figure-filters.ts';
import { mapsFigure } from './figure-maps.ts';
import { slideFigure } from './figure-slide.ts';
import { flattenFigure, linearFigure } from './figure-vector.ts';
import { isFlatten, mergedSizes } from './formulas.ts';
import { bytes, counted, grouped, inWords, times } from './notation.ts';
import { STYLE } from './style.ts';
import { element, escaped, figure, label, rect } from './svg.ts';
import { batchOf, fieldNote, sourceNote } from './text.ts';
import { convFacts, poolWindow } from './window.ts';

/** Up to this many steps, all stand open. */
const OPEN = 24;

export function explanationPage(explanation: Explanation): string {
  const { error, inputShape, name, steps, traced } = explanation;
  const motion = new Set<string>();
  const batch = batchOf(explanation);
  const sample = times(explanation.sample(inputShape));
  const cards = steps.map((step, i) => card(explanation, step, traced[i]!, i, motion));
  const body = [
    `<h1>${escaped(name)}</h1>`,
    `<p class="lead">What each layer does to ${batch === 1 ? 'an input' : `${batch} inputs`} of ${sample}, with the numbers in the formulas.</p>`,
    tiles(explanation),
    ...(steps.length === 0
      ? []
      : [
          '<h2>From layer to layer</h2>',
          `<div class="wide">${mapsFigure(traced, inputShape, (shape) => explanation.sample(shape))}</div>`,
        ]),
    '<h2>Layer by layer</h2>',
    ...cards,
    ...(error === undefined
      ? []
      : [`<div class="stop"><b>Here it stops.</b> ${escaped(error.message)} ${escaped(explanation.remedy)}</div>`]),
    '<h2>In a table</h2>',
    `<div class="wide">${table(explanation)}</div>`,
    '<footer>Multiply-adds are those of convolutions, linear layers and matrix products. Memory is what the layers give, for the whole batch. Receptive fields are counted as if the image went on beyond its border.</footer>',
  ];
  return [
    '<!doctype html>',
    '<html lang="en">',
    '<head>',
    '<meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width,initial-scale=1">',
    `<title>${escaped(name)} for ${sample}</title>`,
    `<style>${STYLE}${[...motion].join('\n')}</style>`,
    '</head>',
    '<body>',
    gradients(),
    '<main>',
    ...body,
    '</main>',
    '</body>',
    '</html>',
    '',
  ].join('\n');
}

/** The fades where pictures are cut off, defined once for all figures. */
function gradients(): string {
  const fade = (id: string, x2: number, y2: number): string =>
    element(
      'linearGradient',
      { id, x1: 0, y1: 0, x2, y2 },
      element('stop', { offset: 0, class: 'fade-stop', 'stop-opacity': 0 }),
      element('stop', { offset: 1, class: 'fade-stop' }),
    );
  return `<svg width="0" height="0" style="position:absolute" aria-hidden="true"><defs>${fade('fade-right', 1, 0)}${fade('fade-below', 0, 1)}</defs></svg>`;
}

// ---------------------------------------------------------------------------------------------- the head

function tiles(explanation: Explanation): string {
  const { flattened, outputBytes, outputShape, parameterBytes, steps, totalMultiplyAdds, totalParameters } = explanation;
  const sample = explanation.sample(outputShape);
  const parts = steps.filter((step) => step.parameters.count > 0).map((step) => grouped(step.parameters.count));
  const sum = parts.length > 1 && parts.length <= 6 && explanation.unused.length === 0 ? parts.join(' + ') : 'weights and biases';
  const tile = (value: string, text: string): string => `<div class="tile"><b>${escaped(value)}</b><span>${escaped(text)}</span></div>`;
  return `<div class="tiles">${[
    tile(
      sample.length === 1 ? grouped(sample[0]!) : times(sample),
      sample.length > 1 ? `output; flattened ${flattened.formula} numbers` : 'outputs',
    ),
    tile(grouped(totalParameters), `parameters: ${sum}`),
    tile(inWords(totalMultiplyAdds), `multiply-adds for ${counted(batchOf(explanation), 'input')}`),
    tile(bytes(parameterBytes + outputBytes), `${bytes(parameterBytes)} of parameters, ${bytes(outputBytes)} of outputs`),
  ].join('')}</div>`;
}

// ---------------------------------------------------------------------------------------------- a layer

function card(explanation: Explanation, step: ExplainedStep, traced: TracedStep, index: number, motion: Set<string>): string {
  const shape = (dims: readonly number[]): string => escaped(times(explanation.sample(dims)));
  const source = sourceNote(step, index);
  const figures = figuresOf(traced, motion);
  const shapes = `${step.inputs.map(shape).join(', ')} → <b>${shape(step.output)}</b>`;
  const place = step.path === '' ? '' : `<span class="path">${traced.layer === undefined ? 'in ' : ''}${escaped(step.path)}</span> `;
  const from = source === '' ? '' : ` <span class="path">(${escaped(source)})</span>`;
  const head = `<span class="number">${index + 1}</span><span class="name">${place}${escaped(step.type)}${from}</span><span class="shapes">${shapes}</span>`;
  const facts = factsOf(explanation, step);
  const description = step.description === step.type ? '' : `<p class="detail"><code>${escaped(step.description)}</code></p>`;
  const plain = figures === '' && step.parameters.count === 0;
  const open = !plain && explanation.steps.length <= OPEN ? ' open' : '';
  const field = figures === '' ? '' : fieldFigure(explanation, step, traced);
  const inside = `${description}<div class="top"><dl>${facts}</dl>${field}</div>${figures === '' ? '' : `<div class="figures">${figures}</div>`}`;
  return `<details class="step${plain ? ' plain' : ''}"${open}><summary>${head}</summary>${inside}</details>`;
}

function factsOf(explanation: Explanation, step: ExplainedStep): string {
  const facts: [string, string][] = [
    ...step.size.map((formula, i): [string, string] => [i === 0 ? 'output size' : '', formula]),
    ['', step.note],
    ['parameters', step.parameters.formula],
    ['multiply-adds', step.multiplyAdds.formula],
    ['receptive field', fieldNote(explanation, step)],
    ['memory', step.memory.formula],
  ];
  return facts
    .filter(([, formula]) => formula !== '')
    .map(([name, formula]) => `<dt>${name}</dt><dd class="formula">${escaped(formula)}</dd>`)
    .join('');
}

function figuresOf(traced: TracedStep, motion: Set<string>): string {
  const conv = convFacts(traced.op);
  const window = conv ?? poolWindow(traced.op);
  const parts: string[] = [];
  if (window !== undefined) {
    const slide = slideFigure(window, conv === undefined ? 'pool' : 'convolve');
    if (slide !== undefined) {
      parts.push(slide.html);
      if (slide.css !== '') motion.add(slide.css);
    }
    if (conv !== undefined) parts.push(filtersFigure(conv));
  } else if (isFlatten(traced)) {
    const merged = mergedSizes(traced);
    if (merged !== undefined) parts.push(flattenFigure(merged));
  } else if (traced.op?.name === 'linear') {
    const [x, weight, bias] = traced.op.inputs;
    parts.push(linearFigure(x!.at(-1)!, weight![0]!, bias !== undefined));
  }
  return parts.join('');
}

/** The input image with what one number of the output sees of it. */
function fieldFigure({ inputShape }: Explanation, { receptiveField: field }: ExplainedStep, { op }: TracedStep): string {
  if (field === undefined || inputShape.length < 3 || (convFacts(op) ?? poolWindow(op)) === undefined) return '';
  const [rows, columns] = inputShape.slice(-2) as [number, number];
  const { width, height } = fit(rows, columns, 92);
  const seen = field.size.map(Math.round) as [number, number];
  const [h, w] = [Math.min(1, seen[0] / rows) * height, Math.min(1, seen[1] / columns) * width];
  const x = Math.max(2, (150 - width) / 2);
  const y = 22;
  const content = [
    rect(x, y, width, height, 'image'),
    element('rect', { x, y, width, height, class: 'border' }),
    rect(x + (width - w) / 2, y + (height - h) / 2, Math.max(2, w), Math.max(2, h), 'window'),
    label(x + width / 2, y - 9, `image ${rows}×${columns}`),
  ].join('');
  const share = Math.min(1, (Math.min(seen[0], rows) * Math.min(seen[1], columns)) / (rows * columns));
  const percent = share >= 1 ? 'all' : share >= 0.01 ? `${Math.round(100 * share)}\u00a0%` : 'under 1\u00a0%';
  const caption = `Receptive field so far: ${seen[0]}×${seen[1]}, ${percent} of the image.`;
  return figure(Math.max(width + 4, 150), height + 30, content, caption, 'Receptive field');
}

// ---------------------------------------------------------------------------------------------- the table

function table(explanation: Explanation): string {
  const count = (value: number): string => (value === 0 ? '–' : grouped(value));
  const row = (cells: readonly string[], tag = 'td'): string =>
    `<tr>${cells.map((cell) => `<${tag}>${escaped(cell)}</${tag}>`).join('')}</tr>`;
  const rows = explanation.steps.map((step, i) => {
    const field = step.receptiveField === undefined ? '–' : times(step.receptiveField.size.map(Math.round));
    const name = step.path === '' ? step.type : `${step.path}: ${step.type}`;
    const memory = step.memory.count === 0 ? '–' : bytes(step.memory.count);
    return row([String(i + 1), name, times(explanation.sample(step.output)), count(step.parameters.count), count(step.multiplyAdds.count), memory, field]); // prettier-ignore
  });
  const parameters = explanation.steps.reduce((sum, step) => sum + step.parameters.count, 0);
  const head = row(['', 'layer', 'output', 'parameters', 'multiply-adds', 'memory', 'receptive field'], 'th');
  const sums = row(['', 'together', '', grouped(parameters), grouped(explanation.totalMultiplyAdds), bytes(explanation.outputBytes), '']);
  return `<table>${head}${rows.join('')}${sums}</table>`;
}
