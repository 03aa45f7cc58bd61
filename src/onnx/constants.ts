/**
 * Weights that stand in `Constant` nodes, or sparse, as initializers: importing, describing and converting a model see them like all
 * others. What is one number, a whole number, or is needed as a plain number (a shape, the scales of a Resize) stays a constant.
 */
import { isFloating } from '../base/dtype.ts';
import { FormatError } from '../base/errors.ts';
import { numelOf } from '../base/shape.ts';
import { readTensor, sizesOf, type ReadExternal, type TensorData } from './data.ts';
import type { Message } from './messages.ts';
import { Unsupported } from './node.ts';
import { OPERATORS } from './operators/index.ts';
import { decodeMessage } from './protobuf.ts';
import { ATTRIBUTE, codeOfDType, elementType } from './types.ts';

type Graph = Message<'Graph'>;
type Tensor = Message<'Tensor'>;

/** Operators whose inputs are weights even where they are one number. */
const WEIGHTED = ['Conv', 'ConvTranspose', 'Gemm', 'MatMul', 'BatchNormalization', 'InstanceNormalization', 'GroupNormalization', 'LayerNormalization', 'RMSNormalization', 'PRelu']; // prettier-ignore

/** Elements that a sparse tensor may have once it is spread out. */
const MAX_SPARSE = 2 ** 24;

const isOwn = ({ domain = '' }: Message<'Node'>): boolean => domain === '' || domain === 'ai.onnx';

/** The graph with weights of `Constant` nodes, and sparse ones, among its initializers. */
export function withConstants(graph: Graph, external: ReadExternal): Graph {
  const plain = hostNames(graph);
  const weighted = new Set(graph.node.flatMap(({ opType = '', input }) => (WEIGHTED.includes(opType) ? input : [])));
  const taken = new Set([...graph.input.map(({ name }) => name), ...graph.initializer.map(({ name }) => name)]);
  const found: Tensor[] = [];
  const node = graph.node.filter((message) => {
    const name = message.output[0] ?? '';
    const isConstant = message.opType === 'Constant' && isOwn(message) && name !== '' && !taken.has(name);
    const tensor = isConstant && !plain.has(name) ? tensorOf(message, name, external) : undefined;
    if (tensor === undefined || !isWeight(tensor, weighted.has(name))) return true;
    taken.add(name);
    found.push(tensor);
    return false;
  });
  const sparse = graph.sparseInitializer.map((values) => {
    const name = values.values?.name ?? '';
    return spread(values, name, `sparse initializer ${JSON.stringify(name)}`, external);
  });
  if (found.length === 0 && sparse.length === 0) return graph;
  return { ...graph, node, initializer: [...graph.initializer, ...sparse, ...found], sparseInitializer: [] };
}

function isWeight(tensor: Tensor, weighted: boolean): boolean {
  const { dtype } = elementType(tensor.dataType);
  if (dtype === undefined || !isFloating(dtype) || tensor.dims.length === 0) return false;
  return weighted || numelOf(Array.from(tensor.dims, Number)) > 1;
}

/** The tensor that a `Constant` node holds, if it holds one. */
function tensorOf({ attribute }: Message<'Node'>, name: string, external: ReadExternal): Tensor | undefined {
  const given = attribute.length === 1 ? attribute[0]! : undefined;
  const is = (type: number): boolean => given?.type === undefined || given.type === 0 || given.type === type;
  if (given?.name === 'value' && is(ATTRIBUTE.TENSOR) && given.t !== undefined) return { ...given.t, name };
  if (given?.name === 'sparse_value' && is(ATTRIBUTE.SPARSE_TENSOR) && given.sparseTensor !== undefined) {
    return spread(given.sparseTensor, name, `constant ${JSON.stringify(name)}`, external);
  }
  if (given?.name !== 'value_floats' || !is(ATTRIBUTE.FLOATS)) return undefined;
  return { ...EMPTY(), name, dims: BigInt64Array.of(BigInt(given.floats.length)), dataType: 1, floatData: given.floats };
}

const EMPTY = (): Tensor => decodeMessage('Tensor', new Uint8Array(0));

/** A sparse tensor, spread out. */
function spread(sparse: Message<'SparseTensor'>, name: string, what: string, external: ReadExternal): Tensor {
  const { values, indices } = sparse;
  if (values === undefined || indices === undefined) throw new FormatError(`onnx: ${what}: values or indices are missing`);
  const dims = sizesOf({ ...EMPTY(), dims: sparse.dims }, what);
  const count = numelOf(dims);
  if (count > MAX_SPARSE)
    throw new FormatError(`onnx: ${what}: ${count} elements are more than the ${MAX_SPARSE} that a sparse tensor may have`);
  const given = read(values, what, external);
  const places = read(indices, what, external);
  const full = new (given.data.constructor as new (length: number) => TensorData['data'])(count);
  positions(places, dims, given.data.length, what).forEach((at, i) => {
    full[at] = given.data[i]!;
  });
  return { ...EMPTY(), name, dims: sparse.dims, dataType: codeOfDType(given.dtype), rawData: new Uint8Array(full.buffer) };
}

function read(tensor: Tensor, what: string, external: ReadExternal): TensorData {
  try {
    return readTensor(tensor, what, external);
  } catch (error) {
    if (error instanceof Unsupported) throw new FormatError(`onnx: ${what}: ${error.message} are not supported`, { cause: error });
    throw error;
  }
}

/** Where values lie: by one number each, or by one for each dimension. */
function positions({ data, shape }: TensorData, dims: readonly number[], count: number, what: string): number[] {
  const width = shape.length === 1 ? 1 : dims.length;
  const sizes = shape.length === 1 ? [numelOf(dims)] : dims;
  if (data.length !== count * width || shape.length > 2)
    throw new FormatError(`onnx: ${what}: ${count} values do not fit indices of shape [${shape.join(', ')}]`);
  return Array.from({ length: count }, (_, i) =>
    sizes.reduce((at, size, d) => {
      const index = Number(data[i * width + d]);
      if (!(index >= 0 && index < size)) throw new FormatError(`onnx: ${what}: index ${index} is out of range for size ${size}`);
      return at * size + index;
    }, 0),
  );
}

/** Values that have to be known as plain numbers: inputs that operators read, and what those are computed of. */
export function hostNames(graph: Graph): ReadonlySet<string> {
  const names = new Set<string>();
  for (const node of graph.node.toReversed()) {
    const operator = isOwn(node) ? OPERATORS.get(node.opType ?? '') : undefined;
    const wanted = operator?.host !== undefined && node.output.some((name) => names.has(name));
    const ofShape = node.opType === 'Shape' || node.opType === 'Size';
    node.input.forEach((name, i) => {
      if (operator?.hostInputs?.includes(i) === true || (wanted && !ofShape)) names.add(name);
    });
  }
  names.delete('');
  return names;
}
