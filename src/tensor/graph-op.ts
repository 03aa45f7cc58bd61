/** Operations as the compiler sees them: what their rules say, together with the lowerings of the device. */
import { DeviceError } from '../base/errors.ts';
import { layoutOf, type Layout } from '../base/layout.ts';
import type { GraphOp, Lower } from '../compiler/graph.ts';
import type { ElementwiseLowering } from '../compiler/elementwise.ts';
import type { DeviceKind } from '../devices/device.ts';
import type { Attrs } from '../geometry/attrs.ts';
import { known } from '../kernels/formula/epilogue.ts';
import { constantOf, type Formula } from '../kernels/formula/formula.ts';
import { missingFamily } from './family.ts';
import { loweringsOf } from '../lower/index.ts';
import type { DeviceLowerings, OpLowering, Refusal } from '../lower/table.ts';
import { isReduced } from './matmul-precision.ts';
import { RULES, type OpName } from './ops/index.ts';
import type { FormulaRule, OpRule } from './ops/rule.ts';

/**
 * The rule of an operation whose attributes' type is not known.
 * @throws ArgumentError when it belongs to a family that the program has not imported
 */
export function ruleOf(name: OpName): OpRule<Attrs> {
  const rule = RULES[name] as unknown as OpRule<Attrs> | undefined;
  if (rule === undefined) throw missingFamily(name, 'index');
  return rule;
}

/** What makes empty lowerings for the device, of the precision that holds now. */
export function beginOf(kind: DeviceKind): DeviceLowerings['begin'] {
  const { begin } = loweringsOf(kind);
  return isReduced() ? (...args) => Object.assign(begin(...args), { reduced: true }) : begin;
}

/** What the device computes formulas with. */
export const elementwiseLowering = (kind: DeviceKind): ElementwiseLowering => loweringsOf(kind).elementwise;

/** The entry of the device's table; undefined for formulas. */
function entryOf(name: OpName, kind: DeviceKind): OpLowering<Attrs> | undefined {
  const entries = loweringsOf(kind).operations as { readonly [name: string]: OpLowering<Attrs> | Refusal };
  const entry = entries[name];
  if (entry !== undefined && 'refusal' in entry) throw new DeviceError(`${name}: ${entry.refusal}`);
  return entry;
}

/** How an operation is lowered. */
export function lowerOf(name: OpName, attrs: Attrs, kind: DeviceKind = 'cpu'): Lower {
  const entry = entryOf(name, kind);
  if (entry !== undefined) return withAttrs(entry.lower, attrs);
  const { elementwise } = ruleOf(name);
  if (elementwise === undefined) throw missingFamily(name, 'training');
  return ofFormula(elementwise, attrs, elementwiseLowering(kind));
}

/** A function of its own: a closure made where an operation runs would hold that call's tensors as long as its plan lives. */
const withAttrs =
  (lower: OpLowering<Attrs>['lower'], attrs: Attrs): Lower =>
  (l, inputs, outputs) =>
    lower(l, inputs, outputs, attrs);

const ofFormula =
  (formula: FormulaRule<Attrs>['elementwise'], attrs: Attrs, { one }: ElementwiseLowering): Lower =>
  (l, inputs, outputs) => {
    const spec = formula(inputs.map(layoutIn), outputs.map(layoutIn), attrs);
    one(
      l,
      spec,
      inputs,
      outputs,
      spec.scalars.map((_, i) => l.scalar(i)),
    );
  };

/** The formula of an operation whose operands and result are of one type, with its numbers in it. */
const fixedFormula =
  (rule: FormulaRule<Attrs>['elementwise'], attrs: Attrs, scalars: readonly number[]) =>
  (operands: readonly Formula[]): Formula => {
    const { type } = operands[0]!;
    const layout = layoutOf(type === 'f64' ? 'float64' : 'float32', []);
    const spec = rule(
      operands.map(() => layout),
      [layout],
      attrs,
    );
    return spec.results(
      operands,
      scalars.map((value) => constantOf(type, value)),
    )[0]!;
  };

const layoutIn = ({ layout }: { readonly layout: Layout }): Layout => layout;

/** `scalars`: the operation's numbers, where they are the same at every run. */
export function graphOp(name: OpName, attrs: Attrs, kind: DeviceKind, scalars?: readonly number[]): GraphOp {
  const { step, choice, gates, elementwise } = ruleOf(name);
  const entry: Partial<OpLowering<Attrs>> = entryOf(name, kind) ?? {};
  const { finish, again, alone, stage, remade, partner, affine, gated, coefficients, byChannels } = entry;
  const own = typeof step === 'function' ? step(attrs) : step;
  const formula = elementwise && scalars && fixedFormula(elementwise, attrs, scalars);
  const fixed = [name, ...(scalars ?? [])].join(' ');
  return {
    name,
    key: attrs.key,
    lower: lowerOf(name, attrs, kind),
    step:
      own === 'affine' ? affine?.(attrs) : own === 'activation' ? formula && known({ name: `act ${fixed}`, of: (x) => formula([x]) }) : own,
    fixed: formula && { name: [fixed, attrs.key].join(' ').trim(), of: formula },
    gate: gates === true ? formula && { name: fixed, of: (g, saved) => formula([g, saved]) } : undefined,
    gated: gated && ((gate) => gated(attrs, gate)),
    coefficients,
    byChannels: byChannels && ((inputs, outputs) => byChannels(inputs, outputs, attrs)),
    finish: finish && ((steps) => finish(steps, attrs)),
    again: again && ((steps) => again(steps, attrs)),
    alone: alone?.(attrs),
    stage: stage && ((steps) => stage(steps, attrs, scalars)),
    remade,
    partner: partner?.(attrs),
    choice,
    elementwise: elementwise && ((inputs, outputs) => elementwise(inputs, outputs, attrs)),
  };
}
