/**
 * Which image size a model was made for, when a linear layer refuses what this size comes to: the sizes of the layers before it,
 * worked out for other images by the same formulas.
 */
import type { ShapeError } from '../../base/errors.ts';
import { numelOf, type Dims } from '../../base/shape.ts';
import type { TracedStep } from '../trace.ts';
import { adaptiveSides, convFacts, poolWindow, reach, type Side } from './window.ts';

/** Images larger than this are not tried. */
const LARGEST = 1024;

/** Sizes that data sets and well-known models have; of several that fit, one of these is meant. */
const USUAL: ReadonlySet<number> = new Set([28, 32, 64, 96, 128, 224, 227, 240, 256, 299, 384, 512]);

/**
 * The square size at which a linear layer gets as many features as it expects: a usual one, or the nearest to the input's.
 * Undefined where the error is another, or no size helps.
 */
export function fittingSize(steps: readonly TracedStep[], input: Dims, error: ShapeError): number | undefined {
  const expected = Number(/^Linear expects (\d+) features but/i.exec(error.message)?.[1]);
  const [height, width] = [input.at(-2), input.at(-1)];
  if (Number.isNaN(expected) || input.length < 3 || height === undefined || width === undefined) return undefined;
  const sizes = Array.from({ length: LARGEST }, (_, i) => i + 1).filter((side) => features(steps, side) === expected);
  const distance = (side: number): number => Math.abs(side - height) + Math.abs(side - width);
  const usual = sizes.filter((side) => USUAL.has(side));
  const best = (usual.length > 0 ? usual : sizes).sort((a, b) => distance(a) - distance(b))[0];
  return best === height && best === width ? undefined : best;
}

/** How many numbers a sample has behind the steps, for a square image. */
function features(steps: readonly TracedStep[], side: number): number | undefined {
  const sides: (readonly [number, number])[] = [];
  for (const step of steps) {
    const source = step.from[0] ?? -1;
    const [h, w] = source === -1 ? [side, side] : sides[source]!;
    const next = sidesAfter(step, h, w);
    if (next === undefined || next[0] < 1 || next[1] < 1) return undefined;
    sides.push(next);
  }
  const maps = [...steps].reverse().find((step) => step.output.length > 2);
  return maps === undefined ? undefined : maps.output.at(-3)! * numelOf(sides.at(-1)!);
}

function sidesAfter({ op, output }: TracedStep, h: number, w: number): readonly [number, number] | undefined {
  const conv = convFacts(op);
  if (conv?.same === true) return [h, w];
  const window = conv ?? poolWindow(op);
  if (window !== undefined) return [sideAfter(window.height, h), sideAfter(window.width, w)];
  const adaptive = adaptiveSides(op);
  if (adaptive !== undefined) return [adaptive[0].output, adaptive[1].output];
  return op === undefined || output.length > 2 ? [h, w] : undefined;
}

function sideAfter(side: Side, size: number): number {
  const room = size + side.before + side.after - reach(side);
  if (room < 0) return 0;
  const steps = side.ceil ? Math.ceil(room / side.stride) : Math.floor(room / side.stride);
  return side.ceil && steps * side.stride >= size + side.before ? steps : steps + 1;
}
