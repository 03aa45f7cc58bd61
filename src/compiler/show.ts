/** Graphs and plans as text, for `console.log` and debugging. */
import type { Graph } from './graph.ts';
import type { Plan } from './plan.ts';

/** One line for each operation: `%4: float32[20, 16] = relu(%3)`. External buffers are `$3`, constants `#3`. */
export function showGraph(graph: Graph): string {
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

/** The graph, the arena's size, and the kernel launches with their units of work. */
export function showPlan(plan: Plan): string {
  const steps = plan.steps.map(({ name, launch }) => `  ${name} × ${launch.size}`);
  return [showGraph(plan.graph), `arena: ${plan.tempBytes} bytes`, `${steps.length} launches:`, ...steps].join('\n');
}
