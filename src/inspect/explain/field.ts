/**
 * Receptive fields: how many pixels of the input a number in a feature map depends on, and how far apart the fields of two
 * neighbours are. Along each side, a window of size k, stride s, dilation d makes of a field r and distance j
 *
 *     r' = r + (k − 1)·d·j        j' = j·s
 *
 * from r = j = 1 (Araujo, Norris, Sim, "Computing Receptive Fields of Convolutional Neural Networks", Distill 2019). Branches
 * that meet have the larger field. What mixes all places, such as a linear layer, sees the fields of all of them. Fields
 * are counted as if the image went on beyond its border.
 */
import type { Dims } from '../../base/shape.ts';
import type { TracedStep } from '../trace.ts';
import { adaptiveSides, convFacts, poolWindow, type Side } from './window.ts';

type Two = readonly [number, number];

/** The receptive field of the numbers that a step gives. */
export interface ReceptiveField {
  /** Height and width in pixels of the model's input. */
  readonly size: Two;
  /** From a number's field to its neighbour's, in pixels; 0 where there is only one place. */
  readonly distance: Two;
  /** How the size came about; empty where it stayed. */
  readonly formula: string;
}

/** A field with the number of places that it is known at. */
interface Known extends ReceptiveField {
  /** Places along height and width that the numbers lie at; kept when they are flattened. */
  readonly places: Two;
}

/** Operations that look along channels or at one place, or join what lies at the same place. */
const IN_PLACE: ReadonlySet<string> = new Set(['softmax', 'logSoftmax', 'cat', 'batchNormEval', 'batchNorm', 'lineNorm', 'where', 'lerp', 'maskedFill']); // prettier-ignore
const MIXING: ReadonlySet<string> = new Set(['linear', 'matmul', 'sum', 'mean', 'amax', 'amin', 'max', 'min', 'maxDim', 'minDim', 'prod', 'var', 'std', 'logsumexp', 'nansum', 'norm', 'argmax', 'argmin']); // prettier-ignore

/** The field of each step; undefined where nothing is known, as for inputs that are no images. */
export function receptiveFields(steps: readonly TracedStep[], input: Dims): (ReceptiveField | undefined)[] {
  const places = placesOf(input);
  const known: (Known | undefined)[] = [];
  const start: Known | undefined = places && { size: [1, 1], distance: [1, 1], formula: '', places };
  for (const step of steps) {
    const sources = step.from.map((i) => (i === -1 ? start : known[i]));
    known.push(fieldAfter(step, sources));
  }
  return known;
}

const placesOf = (shape: Dims): Two | undefined => (shape.length < 3 ? undefined : [shape.at(-2)!, shape.at(-1)!]);

function fieldAfter(step: TracedStep, sources: readonly (Known | undefined)[]): Known | undefined {
  const before = joined(sources);
  if (before === undefined) return undefined;
  const { op, output } = step;
  const window = convFacts(op) ?? poolWindow(op);
  const places = placesOf(output);
  if (window !== undefined) {
    const sides = [window.height, window.width] as const;
    return grown(
      before,
      [0, 1].map((i) => (sides[i]!.kernel - 1) * sides[i]!.dilation),
      sides.map(strideOf),
      sides.map((side) => side.output),
      (i) => windowFormula(before, sides[i], i),
    );
  }
  const adaptive = adaptiveSides(op);
  if (adaptive !== undefined) {
    const strides = adaptive.map((side) => side.input / side.output);
    return grown(
      before,
      adaptive.map((side) => side.largest - 1),
      strides,
      adaptive.map((side) => side.output),
      (i) => allFormula(before, adaptive[i].largest, i),
    );
  }
  if (op !== undefined && MIXING.has(op.name)) {
    const keeps = places !== undefined && places[0] === before.places[0] && places[1] === before.places[1];
    if (keeps && op.name !== 'linear' && op.name !== 'matmul') return unchanged(before);
    if (output.length > 2 && op.name === 'linear') return undefined; // along the last side of an image
    return grown(
      before,
      before.places.map((n) => n - 1),
      before.places,
      [1, 1],
      (i) => allFormula(before, before.places[i], i),
    );
  }
  if (op !== undefined && !IN_PLACE.has(op.name) && step.layer === undefined && !sameCount(step)) return undefined;
  // What spreads or shuffles pixels: neighbours differ in what they see.
  if (places !== undefined && (places[0] !== before.places[0] || places[1] !== before.places[1])) return undefined;
  return unchanged(before);
}

/** Elementwise operations give as many numbers as their largest input has. */
const sameCount = (step: TracedStep): boolean => {
  const count = (shape: Dims): number => shape.reduce((n, size) => n * size, 1);
  return count(step.output) === Math.max(...step.inputs.map(count));
};

const unchanged = (field: Known): Known => ({ ...field, formula: '' });

/** Where branches meet, the larger field counts, at the places of the largest map. */
function joined(sources: readonly (Known | undefined)[]): Known | undefined {
  const fields = sources.filter((field) => field !== undefined);
  const first = fields[0];
  if (first === undefined || fields.length < sources.length) return undefined;
  return fields.slice(1).reduce<Known>((a, b) => {
    const map = a.places[0] * a.places[1] >= b.places[0] * b.places[1] ? a : b;
    return { ...map, size: [Math.max(a.size[0], b.size[0]), Math.max(a.size[1], b.size[1])], formula: '' };
  }, first);
}

const strideOf = (side: Side): number => side.stride;

function grown(
  before: Known,
  steps: readonly number[],
  strides: readonly number[],
  places: readonly number[],
  formula: (i: 0 | 1) => string,
): Known {
  const at = (i: 0 | 1): number => before.size[i] + steps[i]! * before.distance[i];
  const texts = [formula(0), formula(1)] as const;
  return {
    size: [at(0), at(1)],
    distance: [places[0]! > 1 ? before.distance[0] * strides[0]! : 0, places[1]! > 1 ? before.distance[1] * strides[1]! : 0],
    places: [places[0]!, places[1]!],
    formula: texts[0] === texts[1] ? texts[0] : `height ${texts[0]}, width ${texts[1]}`,
  };
}

const short = (value: number): string => String(Number(value.toFixed(2)));

function windowFormula(before: Known, side: Side, i: 0 | 1): string {
  const [r, j] = [before.size[i], before.distance[i]];
  const spread = side.dilation === 1 ? '' : `·${side.dilation}`;
  return `${short(r)} + (${side.kernel} − 1)${spread}·${short(j)} = ${short(r + (side.kernel - 1) * side.dilation * j)}`;
}

function allFormula(before: Known, places: number, i: 0 | 1): string {
  const [r, j] = [before.size[i], before.distance[i]];
  return `${short(r)} + (${places} − 1)·${short(j)} = ${short(r + (places - 1) * j)}`;
}
