/** Sums of a convolution's result with a number for each channel, which some exporters write out, as the convolution's bias. */
import { isFloating } from '../base/dtype.ts';
import type { Message } from './messages.ts';
import { elementType } from './types.ts';

type Graph = Message<'Graph'>;
type Node = Message<'Node'>;

/** The graph with such sums inside the convolutions, whose biases then have the shape that they have in the file. */
export function withBiases(graph: Graph): Graph {
  const weights = new Map(graph.initializer.map((tensor) => [tensor.name, tensor]));
  const uses = new Map<string, number>();
  const used = (name: string): void => void uses.set(name, (uses.get(name) ?? 0) + 1);
  for (const { input } of graph.node) input.forEach(used);
  for (const { name = '' } of graph.output) used(name);
  const convs = new Map(graph.node.filter(isBare).map((node) => [node.output[0]!, node]));
  const joined = new Map<Node, Node | undefined>();
  for (const sum of graph.node) {
    const [out, ...more] = sum.output;
    if (sum.opType !== 'Add' || !isOwn(sum) || sum.input.length !== 2 || out === undefined || more.length > 0) continue;
    for (const [result, bias] of [sum.input, sum.input.toReversed()] as [string, string][]) {
      const conv = convs.get(result);
      const outputs = conv && weights.get(conv.input[1])?.dims;
      if (conv === undefined || outputs === undefined || uses.get(result) !== 1) continue;
      if (!isForChannels(weights.get(bias), outputs)) continue;
      joined.set(conv, { ...conv, input: [...conv.input.slice(0, 2), bias], output: [out] });
      joined.set(sum, undefined);
      break;
    }
  }
  if (joined.size === 0) return graph;
  return { ...graph, node: graph.node.flatMap((node) => (joined.has(node) ? (joined.get(node) ?? []) : [node])) };
}

const isOwn = ({ domain = '' }: Node): boolean => domain === '' || domain === 'ai.onnx';

/** Whether a node is a convolution without a bias. */
const isBare = (node: Node): boolean => node.opType === 'Conv' && isOwn(node) && node.output.length === 1 && (node.input[2] ?? '') === '';

/** Whether a tensor has one number for each output of a weight with these sizes, and none to spread out otherwise. */
function isForChannels(tensor: Message<'Tensor'> | undefined, weight: BigInt64Array | readonly bigint[]): boolean {
  if (tensor === undefined) return false;
  const { dtype } = elementType(tensor.dataType);
  const sizes = Array.from(tensor.dims, Number);
  const channels = sizes.length - (weight.length - 1);
  if (dtype === undefined || !isFloating(dtype) || channels < 0 || channels > 1) return false;
  return sizes.every((size, d) => size === (d === channels ? Number(weight[0]) : 1));
}
