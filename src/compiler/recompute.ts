/**
 * Makes values again that would otherwise lie in memory from the forward to the backward pass, until the intermediates fit into
 * a limit. Results are the same to the bit: the same operations run on the same values, some of them twice.
 *
 * Greedy: of all values and gaps between two of their uses, the one is taken whose making again frees most for what it costs, and
 * so on. What counts as freed are the bytes above the limit, summed over all moments; the cost is that of the operations' arithmetic and
 * traffic, as their lowerings state it. So what is cheap for its size (normalisations, activations, pooling, copies) goes before convolutions.
 */
import { aligned } from './arena.ts';
import type { Graph, GraphNode } from './graph.ts';
import type { GraphNeeds, NodeNeeds } from './needs.ts';
import { overwritten } from './rename.ts';
import { Schedule, type Mode, type Step } from './schedule.ts';

/** What a core reads and computes in a nanosecond, about; only the ratio matters. */
const [BYTES_PER_NS, FLOPS_PER_NS] = [8, 40];
/** What an operation costs besides. */
const OVERHEAD_NS = 2000;

/** Values smaller than this part of the limit are not worth the search. */
const WORTHWHILE = 1 / 2000;

/** A choice is taken without looking at others that may be worth this much more; looking takes time. */
const GOOD_ENOUGH = 0.8;

/** A stretch in which a value lies in memory and nobody uses it. */
interface Gap {
  readonly value: number;
  /** The step that ends it. */
  readonly before: string;
}

type NeedsOf = ReadonlyMap<GraphNode, NodeNeeds>;

/** A graph in which some operations run again. */
export interface Recomputed {
  readonly graph: Graph;
  /** Which, and what they take. */
  readonly repeats: readonly (NodeNeeds & { readonly name: string })[];
  /** Bytes that live at the busiest moment. */
  readonly peak: number;
}

/** The same graph with values made again so that, as far as possible, its intermediates take no more than so many bytes at any moment. */
export function withValuesMadeAgain(graph: Graph, { nodes }: GraphNeeds, limit: number): Recomputed {
  const needs: NeedsOf = new Map(graph.nodes.map((node, i) => [node, nodes[i]!]));
  let schedule = Schedule.of(graph);
  const aim = Math.max(limit, leastPeak(schedule, needs));
  let over = excess(memoryUse(schedule, needs), aim);
  /** How much each choice was worth when it was last looked at. */
  const worth = new Map<string, number>();
  while (over > 0) {
    const best = bestChoice(schedule, needs, aim, over, worth);
    if (best === undefined) break;
    ({ schedule, over } = best);
  }
  schedule = withoutNeedless(schedule, needs, aim);
  const repeats = repeatsOf(schedule).map(({ node }) => ({ name: node.name, ...needs.get(node)! }));
  return { graph: schedule.graph, repeats, peak: peakOf(schedule, needs) };
}

const repeatsOf = ({ steps }: Schedule): Step[] => steps.filter(({ repeats }) => repeats);

const peakOf = (schedule: Schedule, needs: NeedsOf): number => Math.max(...memoryUse(schedule, needs));

/** What no order and no making again could do without: each step's own operands and workspace. */
function leastPeak({ graph, steps }: Schedule, needs: NeedsOf): number {
  const own = steps.map(({ node, inputs, outputs }) => {
    const buffers = new Set([...(node.elementwise === undefined ? inputs : []), ...outputs].map((id) => graph.values[id]!.buffer));
    let bytes = needs.get(node)!.workspace;
    for (const buffer of buffers) if (graph.buffers[buffer]!.kind === 'local') bytes += graph.buffers[buffer]!.bytes;
    return bytes;
  });
  return Math.max(...own);
}

/** Without what later choices have made superfluous, the dearest first. */
function withoutNeedless(schedule: Schedule, needs: NeedsOf, aim: number): Schedule {
  const allowed = Math.max(aim, peakOf(schedule, needs));
  const steps = repeatsOf(schedule).sort((a, b) => timeOf(b, needs) - timeOf(a, needs));
  let best = schedule;
  for (const { id } of steps) {
    const changed = best.copy();
    changed.undo(id);
    if (peakOf(changed, needs) <= allowed) best = changed;
  }
  return best;
}

interface Choice {
  readonly schedule: Schedule;
  /** What is above the limit with it, and how much less that is for each nanosecond that it costs. */
  readonly over: number;
  readonly worth: number;
}

function bestChoice(schedule: Schedule, needs: NeedsOf, limit: number, over: number, worth: Map<string, number>): Choice | undefined {
  const cost = costOf(schedule, needs);
  const keyOf = ({ value, before }: Gap): string => `${value} ${before}`;
  const guess = (gap: Gap): number => worth.get(keyOf(gap)) ?? Infinity;
  const gaps = gapsOf(schedule, memoryUse(schedule, needs), limit).sort((a, b) => guess(b) - guess(a));
  let best: Choice | undefined;
  for (const gap of gaps) {
    // What others have freed meanwhile makes a choice worth less, not more, with few exceptions.
    if (best !== undefined && best.worth >= GOOD_ENOUGH * guess(gap)) break;
    let here: Choice | undefined;
    for (const mode of MODES) {
      const changed = schedule.copy();
      if (!changed.makeAgain(gap.value, gap.before, mode)) continue;
      const left = excess(memoryUse(changed, needs), limit);
      const choice = {
        schedule: changed,
        over: left,
        worth: (over - left) / Math.max(costOf(changed, needs) - cost, 1),
      };
      if (left < over && choice.worth > (here?.worth ?? 0)) here = choice;
      if (!changed.modeMattered) break;
    }
    worth.set(keyOf(gap), here?.worth ?? 0);
    if (here !== undefined && here.worth > (best?.worth ?? 0)) best = here;
  }
  return best;
}
const MODES: readonly Mode[] = ['keep', 'earlier', 'again'];

/** Nanoseconds of a step. */
function timeOf({ node }: Step, needs: NeedsOf): number {
  const { bytes, flops } = needs.get(node)!;
  return bytes / BYTES_PER_NS + flops / FLOPS_PER_NS + OVERHEAD_NS;
}

/** Nanoseconds of what is made again. */
const costOf = (schedule: Schedule, needs: NeedsOf): number => repeatsOf(schedule).reduce((sum, step) => sum + timeOf(step, needs), 0);

/** Bytes of local buffers and workspaces that live at each step. */
function memoryUse({ graph, steps }: Schedule, needs: NeedsOf): Float64Array {
  const lives = graph.lifetimes();
  const { first, last } = lives;
  const use = new Float64Array(steps.length + 1);
  graph.buffers.forEach(({ kind, bytes }, buffer) => {
    if (kind !== 'local' || last[buffer]! < 0) return;
    use[first[buffer]!]! += aligned(bytes);
    use[last[buffer]! + 1]! -= aligned(bytes);
  });
  for (let at = 1; at < use.length; at++) use[at]! += use[at - 1]!;
  steps.forEach(({ node }, at) => (use[at]! += needs.get(node)!.workspace));
  for (const buffer of overwritten(graph, lives).keys()) use[first[buffer]!]! -= aligned(graph.buffers[buffer]!.bytes);
  return use.subarray(0, steps.length);
}

const excess = (use: Float64Array, limit: number): number => use.reduce((sum, bytes) => sum + Math.max(bytes - limit, 0), 0);

/** The gaps in the lives of large values during which memory is above the limit. */
function gapsOf(schedule: Schedule, use: Float64Array, limit: number): Gap[] {
  const { graph, steps } = schedule;
  const lastUse = new Map<number, number>();
  const gaps: Gap[] = [];
  /** The last step so far that is above the limit. */
  const high: number[] = [];
  steps.forEach((step, at) => {
    high.push(use[at]! > limit ? at : (high[at - 1] ?? -1));
    const buffers = new Set([...step.inputs, ...step.outputs].map((id) => graph.values[id]!.buffer));
    for (const buffer of buffers) {
      const before = lastUse.get(buffer);
      lastUse.set(buffer, at);
      const { kind, bytes } = graph.buffers[buffer]!;
      if (before === undefined || kind !== 'local' || bytes < limit * WORTHWHILE || high[at - 1]! <= before) continue;
      const value = schedule.valueIn(buffer);
      if (value !== undefined) gaps.push({ value, before: step.id });
    }
  });
  return gaps;
}
