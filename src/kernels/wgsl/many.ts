/**
 * Kernels that apply one formula to many sets of flat operands in one launch: an optimizer's step over all of its parameters. Where operands lie, how many
 * elements a set has and its numbers are parameters of the launch; a workgroup does a unit of elements of one set, which it finds by halving.
 */
import { formulasOf, type ElementwiseSpec } from '../formula/elementwise.ts';
import { loaded, stored } from './elementwise.ts';
import { formulaText, typeOf } from './formula.ts';
import { PARAM_BYTES, wgslKernel, type GpuDType, type WgslArg, type WgslLaunch, type WgslOperand, type WgslParam } from './kernel.ts';
import { withMath } from './math.ts';
import { WALK_GROUP, WALK_THREADS } from './walk.ts';

/** Elements of a workgroup: as few as leave a set of ten numbers cheap, and so many that finding the set is little beside them. */
const MANY_UNIT = 1024;

/** How an operand lies: an element for each place, or one for all. */
export type ManySpacing = 'dense' | 'same';

export interface ManySet {
  readonly numel: number;
  readonly scalars: readonly WgslArg[];
}

/** Parameters of a set before its numbers: the first unit, the number of elements. */
const OWN = 2;

/** Sets that one launch takes: as many as its parameters have room for. */
export function setsOfLaunch({ inputs, outputs, scalars }: ElementwiseSpec): number {
  return Math.floor((PARAM_BYTES / 4 - 1) / (inputs.length + outputs.length + OWN + scalars.length));
}

/** At most {@link setsOfLaunch} sets of words, none of them empty. Operands: inputs and outputs, set by set. */
export function elementwiseManyLaunch(spec: ElementwiseSpec, spacing: readonly ManySpacing[], sets: readonly ManySet[]): WgslLaunch {
  const { inputs, outputs } = spec;
  const own: WgslOperand[] = [
    ...inputs.map(({ dtype }, k) => ({ name: `x${k}`, dtype: dtype as GpuDType })),
    ...outputs.map(({ dtype }, k) => ({ name: `y${k}`, dtype: dtype as GpuDType })),
  ];
  const params: WgslParam[] = [
    { name: 'first', type: 'u32' },
    { name: 'n', type: 'u32' },
    ...spec.scalars.map((type, k): WgslParam => ({ name: `n${k}`, type: typeOf(type) === 'f32' ? 'f32' : 'i32' })),
  ];
  let units = 0;
  const args = sets.flatMap(({ numel, scalars }): WgslArg[] => {
    const first = units;
    units += Math.ceil(numel / MANY_UNIT);
    return [first, numel, ...scalars];
  });
  const shown = own.map(({ dtype }, k) => `${dtype}:${[...inputs, ...outputs][k]!.as}`).join();
  const key = `many:${spec.name}|${shown}|${spacing.map((way) => way[0]).join('')}|${sets.length}`;
  const kernel = wgslKernel(key, () => ({
    operands: sets.flatMap(() => own),
    params: sets.flatMap(() => params),
    sets: sets.length,
    workgroup: WALK_GROUP,
    body: withMath(bodyText(spec, spacing, sets.length)),
  }));
  return { kernel, args, groups: units };
}

function bodyText(spec: ElementwiseSpec, spacing: readonly ManySpacing[], sets: number): string {
  const { inputs, outputs } = spec;
  const place = (k: number): string => (spacing[k] === 'same' ? '0u' : 'i');
  const { statements, values } = formulaText(formulasOf(spec), {
    input: (k) => `v${k}`,
    scalar: (k, type) => (typeOf(type) === 'bool' ? `(n${k} != 0)` : `n${k}`),
  });
  const numbers = spec.scalars.map(
    (type, k) => `let n${k} = bitcast<${typeOf(type) === 'f32' ? 'f32' : 'i32'}>(param_(row, ${OWN + k}u));`,
  );
  const loads = inputs.map((operand, k) => `let v${k} = ${loaded(`x${k}`, operand, place(k))};`);
  const stores = outputs.map((operand, k) => `y${k}_put(i, ${stored(operand, values[k]!)});`);
  return `fn run(unit: u32, local: vec3u, thread: u32) {
  var low = 0u; var high = ${sets}u;
  while (high - low > 1u) { let middle = (low + high) / 2u; if (param_(middle, 0u) <= unit) { low = middle; } else { high = middle; } }
  let row = low; begin_(row); ${numbers.join(' ')}
  let start = (unit - param_(row, 0u)) * ${MANY_UNIT}u; let end = min(start + ${MANY_UNIT}u, param_(row, 1u));
  for (var i = start + thread; i < end; i += ${WALK_THREADS}u) { ${loads.join(' ')} ${statements} ${stores.join(' ')} }
}`;
}
