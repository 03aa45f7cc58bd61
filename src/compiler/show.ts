/** Graphs and plans as text, for `console.log` and debugging. */
import type { Graph } from './graph.ts';
import type { Plan } from './plan.ts';
import type { LoweredStep } from './lowering.ts';
import { bytesOf } from './needs.ts';

/** One line for each operation: `%4: float32[20, 16] = relu(%3)`. External buffers are `$3`, constants `#3`. */
function showGraph(graph: Graph): string {
  const lines = graph.nodes.map(({ name, inputs, outputs }) => {
    const results = outputs.map((id) => showValue(graph, id, true)).join(', ');
    return `  ${results} = ${name}(${inputs.map((id) => showValue(graph, id, false)).join(', ')})`;
  });
  return ['graph {', ...lines, '}'].join('\n');
}

function showValue(graph: Graph, id: number, typed: boolean): string {
  const { buffer, layout, offset } = graph.values[id]!;
  const mark = { external: '$', local: '%', constant: '#' }[graph.buffers[buffer]!.kind];
  const place = `${mark}${buffer}${offset === 0 ? '' : `+${offset}`}`;
  return typed ? `${place}: ${layout.dtype}[${layout.shape.join(', ')}]` : place;
}

/** The graph, the arena's size, and the kernel launches: of what operation, units of work, floating-point operations, bytes. */
export function showPlan(plan: Plan): string {
  const show = (step: LoweredStep): string => {
    const { name, node, work: size, flops } = step;
    const work = flops === 0 ? '' : `${amount(flops)}FLOP, `;
    return `  ${plan.graph.nodes[node]!.name}: ${name} × ${size}, ${work}${amount(bytesOf(step))}B`;
  };
  const kept = plan.kept.flatMap(({ steps }) => steps.map(show));
  const keptBytes = plan.kept.reduce((sum, { bytes }) => sum + bytes, 0);
  const once = kept.length === 0 ? [] : [`kept until weights change: ${keptBytes} bytes, ${kept.length} launches:`, ...kept];
  const steps = plan.steps.map(show);
  return [showGraph(plan.graph), showMemory(plan), ...once, `${steps.length} launches:`, ...steps].join('\n');
}

/** The arena's size, and what a limit of it has led to. */
function showMemory({ tempBytes, graph: { memory } }: Plan): string {
  const arena = `arena: ${tempBytes} bytes`;
  if (memory === undefined) return arena;
  const { limit, without, repeated, flops, bytes } = memory;
  const counts = new Map<string, number>();
  for (const name of repeated) counts.set(name, (counts.get(name) ?? 0) + 1);
  const again = [...counts].map(([name, count]) => `${count} × ${name}`).join(', ');
  const met = tempBytes <= limit ? '' : '; warning: the limit is not met, nothing more could be made again to any effect';
  const cost = `made again: ${again}, which costs ${amount(flops)}FLOP and ${amount(bytes)}B more at every run`;
  return `${arena}, ${without} without the limit of ${limit}${met}${again === '' ? '' : `\n${cost}`}`;
}

/** Three digits and a thousandfold: `1.23 M`. */
function amount(value: number): string {
  const step = Math.min(Math.floor(Math.log10(Math.max(value, 1)) / 3), 4);
  return `${Number((value / 1000 ** step).toPrecision(3))} ${['', 'k', 'M', 'G', 'T'][step]!}`;
}
