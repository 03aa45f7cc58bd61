/** An explanation as plain text. */
import type { ExplainedStep, Explanation } from './explanation.ts';
import { bytes, counted, grouped, times } from './notation.ts';

const LABEL = 17;

export function explanationText(explanation: Explanation): string {
  const { inputShape, name, steps } = explanation;
  const width = String(steps.length).length;
  const batch = batchOf(explanation);
  const head = `${name} for ${batch === 1 ? 'an input' : `${batch} inputs`} of ${times(explanation.sample(inputShape))}`;
  const blocks = steps.map((step, i) => stepBlock(explanation, step, i, width));
  return [head, ...blocks, totals(explanation)].join('\n\n');
}

/** How many samples the input holds. */
export const batchOf = (explanation: Explanation): number =>
  explanation.sample(explanation.inputShape).length < explanation.inputShape.length ? explanation.inputShape[0]! : 1;

/** A step's name: `conv1: Conv2d(3, 16, …)`, `relu`. */
function stepTitle(step: ExplainedStep): string {
  const description = step.description.split('\n')[0]!;
  const isLayer = description !== step.type;
  if (step.path === '') return description;
  return isLayer ? `${step.path}: ${description}` : `${description} (in ${step.path})`;
}

/** Where the inputs come from, unless it is just the step before. */
export function sourceNote(step: ExplainedStep, index: number): string {
  if (step.from.length === 1 && step.from[0] === index - 1) return '';
  const names = step.from.map((i) => (i === -1 ? 'the input' : `step ${i + 1}`));
  return `from ${names.join(' and ')}`;
}

/** What a number of the output sees, in words; empty where nothing changed. */
export function fieldNote(explanation: Explanation, { receptiveField: field }: ExplainedStep): string {
  if (field === undefined || field.formula === '') return '';
  const [height, width] = field.size.map(Math.round) as [number, number];
  const image = explanation.inputShape.slice(-2);
  const whole = height >= image[0]! && width >= image[1]!;
  const seen = whole ? `all of the ${times(image)} image` : `${height}×${width} pixels`;
  const [down, across] = field.distance.map((n) => Number(n.toFixed(2))) as [number, number];
  const far = down === across || down === 0 || across === 0 ? Math.max(down, across) : `${down}×${across}`;
  const apart = typeof far === 'string' || far > 1 ? `, neighbours ${far} apart` : '';
  return `${field.formula}: each number sees ${seen}${apart}`;
}

function stepBlock(explanation: Explanation, step: ExplainedStep, index: number, width: number): string {
  const shape = (dims: readonly number[]): string => times(explanation.sample(dims));
  const arrow = `${step.inputs.map(shape).join(', ')} → ${shape(step.output)}`;
  const source = sourceNote(step, index);
  const lines: [string, string][] = [
    ...step.size.map((formula, i): [string, string] => [i === 0 ? 'output size' : ' ', formula]),
    [' ', step.note],
    ['parameters', step.parameters.formula],
    ['multiply-adds', step.multiplyAdds.formula],
    ['receptive field', fieldNote(explanation, step)],
    ['memory', step.memory.formula],
  ];
  const margin = ' '.repeat(width + 2);
  return [
    `${String(index + 1).padStart(width)}  ${stepTitle(step)}`,
    `${margin}${arrow}${source === '' ? '' : `   (${source})`}`,
    ...lines.filter(([, text]) => text !== '').map(([label, text]) => `${margin}${label.padEnd(LABEL)}${text}`),
  ].join('\n');
}

function totals(explanation: Explanation): string {
  const { error, flattened, outputShape, steps, unused } = explanation;
  const parts = steps.filter((step) => step.parameters.count > 0).map((step) => grouped(step.parameters.count));
  const total = grouped(explanation.totalParameters);
  const rest = unused.length === 0 ? '' : `, with ${unused.join(', ')}, which this input does not use`;
  const sum = parts.length > 1 && parts.length <= 12 && rest === '' ? `${parts.join(' + ')} = ${total}` : total;
  const image = explanation.sample(outputShape).length > 1;
  const lines: [string, string][] = [
    ['Output', times(explanation.sample(outputShape))],
    ['Flattened', image ? `${flattened.formula}: the inFeatures of a Linear behind it` : ''],
    ['Parameters', `${sum}${rest}: ${bytes(explanation.parameterBytes)}`],
    ['Multiply-adds', grouped(explanation.totalMultiplyAdds)],
    ['Outputs', `${bytes(explanation.outputBytes)} for ${counted(batchOf(explanation), 'input')}`],
  ];
  const table = lines.filter(([, text]) => text !== '').map(([label, text]) => `${label.padEnd(LABEL)}${text}`);
  if (error === undefined) return table.join('\n');
  return [`Here it stops: ${error.message}`, explanation.remedy].filter(Boolean).join('\n');
}
