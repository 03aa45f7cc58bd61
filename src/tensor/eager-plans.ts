/**
 * The plans of single operations, by operation, attributes and layouts.
 *
 * A loop runs the same few operations over and over, so what ran last is found by comparing ids, without a key being built; everything
 * else is looked up by its key in a cache that has an end.
 */
import type { Layout } from '../base/layout.ts';
import { Recent } from '../base/recent.ts';
import { sameDims } from '../base/shape.ts';
import { Graph } from '../compiler/graph.ts';
import { Plan } from '../compiler/plan.ts';
import type { Device, Holding } from '../devices/device.ts';
import type { Attrs } from '../geometry/attrs.ts';
import { signOf } from './backend.ts';
import { beginOf, lowerOf, ruleOf } from './graph-op.ts';
import { isReduced } from './matmul-precision.ts';
import { needsWide } from './narrow.ts';
import { inPlaceMismatch } from './op-errors.ts';
import type { OpName } from './ops/index.ts';
import type { OpRule } from './ops/rule.ts';
import type { Tensor } from './tensor.ts';

/** The plan of one operation, and what its results look like. */
export interface EagerPlan {
  readonly plan: Plan;
  readonly results: readonly Layout[];
}

/** Where results go; undefined for those that are made anew. */
export type Outs = readonly (Tensor | undefined)[];

/** Plans are few; where signatures vary without end, those go that have not run for long, also when they hold much: tables, argument blocks. */
const plans = new Recent<string, EagerPlan>(4096, ({ plan }) => {
  plan.dispose();
});
/** What they hold at most of the device's memory, in bytes, and what they do hold. Tests make it small. */
export const PLANS = { most: 128 * 1024 * 1024, held: 0 };
/** How many plans there are, for tests. */
export const planCount = (): number => plans.size;

/** Takes memory for a plan here, which is counted. A function of its own: one made where a plan is made might hold that call's tensors. */
const countedOn =
  (device: Device) =>
  (bytes: number): Holding => {
    const block = device.hold(bytes);
    PLANS.held += bytes;
    const free = (): void => {
      PLANS.held -= bytes;
      block.free();
    };
    return { buffer: block.buffer, bytes, free };
  };

function makePlan(name: OpName, inputs: readonly Tensor[], attrs: Attrs, outs: Outs, device: Device): EagerPlan {
  const results = resultLayouts(name, inputs, attrs, outs);
  const graph = new Graph();
  const ids = inputs.map(({ layout }) => graph.input(layout));
  for (const id of graph.node(name, lowerOf(name, attrs, device.kind), ids, results)) graph.output(id);
  return { plan: new Plan(device, graph, { begin: beginOf(device.kind), hold: countedOn(device) }), results };
}

/** What the results look like: as the rule says, or where they go. */
export function resultLayouts(name: OpName, inputs: readonly Tensor[], attrs: Attrs, outs: Outs): Layout[] {
  const layouts = inputs.map((input) => input.layout);
  return ruleOf(name)
    .shape(layouts, attrs)
    .map((layout, i) => {
      const out = outs[i]?.layout;
      if (out === undefined) return layout;
      if (out.dtype !== layout.dtype || !sameDims(out.shape, layout.shape)) throw inPlaceMismatch(name, out, layout);
      return out;
    });
}

/** A plan that ran lately, and for what. */
interface Ran {
  readonly device: Device;
  readonly attrs: Attrs;
  /** The ids of the layouts of inputs, then of outs. */
  readonly ids: readonly number[];
  readonly found: EagerPlan;
  /** In which generation of the cache: in the next one it must be asked for there, or it would be forgotten. */
  readonly generation: number;
  /** Whether products of less precision were allowed. */
  readonly reduced: boolean;
}

/** For an out that is to be made. */
const NONE = -1;
/** A power of two. */
const PLACES = 32;

/** An operation: its rule, and its plans. */
export class Operation {
  readonly name: OpName;
  readonly rule: OpRule<Attrs>;
  /** Whether it takes no narrow elements (`narrow.ts`). */
  readonly wide: boolean;
  readonly #ran: (Ran | undefined)[] = new Array<Ran | undefined>(PLACES).fill(undefined);

  constructor(name: OpName) {
    this.name = name;
    this.rule = ruleOf(name);
    this.wide = needsWide(name, this.rule);
  }

  /** The plan for these inputs on their device, and for results in `outs` where they are given. */
  planFor(inputs: readonly Tensor[], attrs: Attrs, outs: Outs, device: Device): EagerPlan {
    const place = placeOf(inputs);
    const ran = this.#ran[place];
    if (ran?.generation === plans.generation && ran.device === device && ran.reduced === isReduced() && isFor(ran, inputs, attrs, outs))
      return ran.found;
    const found = this.#lookUp(inputs, attrs, outs, device);
    const ids = [...inputs.map(({ layout }) => layout.id), ...outs.map((out) => out?.layout.id ?? NONE)];
    this.#ran[place] = { device, attrs, ids, found, generation: plans.generation, reduced: isReduced() };
    return found;
  }

  #lookUp(inputs: readonly Tensor[], attrs: Attrs, outs: Outs, device: Device): EagerPlan {
    let key = `${signOf(device)}${isReduced() ? '~' : ''}${this.name}|${attrs.key}`;
    for (const input of inputs) key += `|${input.layout.id}`;
    for (const out of outs) key += out === undefined ? '>' : `>${out.layout.id}`;
    let plan = plans.get(key);
    if (plan === undefined) {
      plan = makePlan(this.name, inputs, attrs, outs, device);
      if (PLANS.held > PLANS.most) plans.age();
      plans.set(key, plan);
    }
    return plan;
  }
}

/** Ids count up, so neighbours among them are what meets in an operation. */
function placeOf(inputs: readonly Tensor[]): number {
  let sum = 0;
  for (const { layout } of inputs) sum = (sum * 5 + layout.id) | 0;
  return sum & (PLACES - 1);
}

function isFor({ ids, attrs: of }: Ran, inputs: readonly Tensor[], attrs: Attrs, outs: Outs): boolean {
  const count = inputs.length;
  if (of !== attrs || ids.length !== count + outs.length) return false;
  for (let i = 0; i < count; i++) if (ids[i] !== inputs[i]!.layout.id) return false;
  for (let i = 0; i < outs.length; i++) {
    const out = outs[i];
    if (ids[count + i] !== (out === undefined ? NONE : out.layout.id)) return false;
  }
  return true;
}

const operations = new Map<OpName, Operation>();

/** An operation by its name. */
export function operationOf(name: OpName): Operation {
  let operation = operations.get(name);
  if (operation === undefined) operations.set(name, (operation = new Operation(name)));
  return operation;
}
