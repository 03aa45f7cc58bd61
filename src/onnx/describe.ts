/** What an ONNX file holds, as plain data, without loading any weights or asking whether its operators are supported. */
import { bytesOf, type ByteInput } from '../base/bytes.ts';
import { FormatError } from '../base/errors.ts';
import { numelOf } from '../base/shape.ts';
import { bytesSource } from '../io/bytes/byte-source.ts';
import { formatOf, otherFormat } from '../io/file-format.ts';
import { withConstants } from './constants.ts';
import { sizesOf } from './data.ts';
import type { Message } from './messages.ts';
import { decodeMessage } from './protobuf.ts';
import { elementType } from './types.ts';

/** An input or output. */
export interface OnnxValue {
  readonly name: string;
  /** As ONNX has it, such as `float32`, `float16` or `int8`; `unknown` for what is no tensor. */
  readonly dtype: string;
  /** Sizes; a name such as `N` for one that may vary, null where nothing is known. Undefined if the rank is not known either. */
  readonly shape: readonly (number | string | null)[] | undefined;
}

/** Weights. */
export interface OnnxInitializer {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Bytes of its elements. */
  readonly bytes: number;
  /** The file that has them, if it is another one. */
  readonly location: string | undefined;
}

/** Made by {@link describeOnnx}. Nothing in it is an object whose keys come from the file. */
export interface OnnxDescription {
  readonly irVersion: number;
  readonly producer: string;
  readonly producerVersion: string;
  readonly modelVersion: number;
  readonly doc: string;
  readonly graph: string;
  /** Versions of the operator sets; the domain `''` is ONNX's own. */
  readonly opsets: readonly { readonly domain: string; readonly version: number }[];
  /** What the model is called with; weights that are listed as inputs too are not among them. */
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  readonly initializers: readonly OnnxInitializer[];
  /** Operators with how often they occur, the most frequent first. */
  readonly operators: readonly { readonly name: string; readonly count: number }[];
  readonly metadata: readonly { readonly key: string; readonly value: string }[];
}

/**
 * Names, shapes, dtypes, operators, versions and metadata of an ONNX model.
 * @throws FormatError when the bytes are damaged or no ONNX model
 * @example
 * import { nn, zeros } from 'flambeau';
 * import { describeOnnx, serializeOnnx } from 'flambeau/onnx';
 *
 * const { inputs, operators } = describeOnnx(serializeOnnx(new nn.Linear(4, 2), zeros(1, 4)));
 * if (inputs[0]?.shape?.join() !== 'N,4' || operators[0]?.name !== 'Gemm') throw new Error('one Gemm');
 */
export function describeOnnx(bytes: ByteInput): OnnxDescription {
  const { model, graph } = decodeModel(bytesOf('describeOnnx', bytes));
  const counts = new Map<string, number>();
  for (const { opType, domain } of graph.node) {
    const name = qualified(domain, opType);
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return {
    irVersion: Number(model.irVersion ?? 0),
    producer: model.producerName ?? '',
    producerVersion: model.producerVersion ?? '',
    modelVersion: Number(model.modelVersion ?? 0),
    doc: model.docString ?? graph.docString ?? '',
    graph: graph.name ?? '',
    opsets: model.opsetImport.map(({ domain, version }) => ({ domain: domain ?? '', version: Number(version ?? 0) })),
    inputs: inputsOf(graph).map(describeValue),
    outputs: graph.output.map(describeValue),
    initializers: withConstants(graph, nothing).initializer.map(describeInitializer),
    operators: [...counts].map(([name, count]) => ({ name, count })).sort((a, b) => b.count - a.count),
    metadata: model.metadataProps.map(({ key, value }) => ({ key: key ?? '', value: value ?? '' })),
  };
}

/** Only sparse constants are read here, and those that lie in other files stay what they are. */
const nothing = (location: string): never => {
  throw new FormatError(`onnx: a sparse constant lies in another file, ${JSON.stringify(location)}`);
};

/** Decodes a model and finds its graph. */
export function decodeModel(bytes: Uint8Array): { model: Message<'Model'>; graph: Message<'Graph'> } {
  let model: Message<'Model'>;
  try {
    model = decodeMessage('Model', bytes);
  } catch (cause) {
    if (!(cause instanceof FormatError)) throw cause;
    const other = otherThanOnnx(bytes);
    if (other === undefined) throw cause;
    throw new FormatError(`onnx: ${other}`, { cause });
  }
  const { graph } = model;
  if (graph === undefined)
    throw new FormatError(`onnx: ${otherThanOnnx(bytes) ?? 'the file has no graph; it is damaged or no ONNX model'}`);
  return { model, graph };
}

/** What a file that is no ONNX model looks like, if that is known. */
function otherThanOnnx(bytes: Uint8Array): string | undefined {
  const head = String.fromCharCode(...bytes.subarray(0, 16));
  const source = bytesSource(bytes);
  const readable = {
    zip: 'a zip archive, such as a PyTorch checkpoint',
    legacy: 'a PyTorch checkpoint',
    tar: 'a tar archive, such as a PyTorch checkpoint',
    safetensors: 'a safetensors file',
    npy: 'a NumPy array',
  } as const;
  const format = formatOf(source);
  if (format !== undefined) return `this is ${readable[format]}, not an ONNX model; what holds weights is read by load`;
  const image = /^\x89PNG|^\xff\xd8\xff|^GIF8|^RIFF[^]{4}WEBP/.exec(head);
  if (image !== null) return 'this is an image, not an ONNX model';
  const other = otherFormat(source);
  return other.startsWith('its first bytes') ? undefined : `${other}; expected an ONNX model`;
}

/** An operator's name with its domain, if that is not ONNX's own. */
export const qualified = (domain: string | undefined, op: string | undefined): string =>
  domain === undefined || domain === '' || domain === 'ai.onnx' ? (op ?? '') : `${domain}.${op ?? ''}`;

/** Inputs that are not weights: older files list both. */
export function inputsOf(graph: Message<'Graph'>): Message<'ValueInfo'>[] {
  const weights = new Set(graph.initializer.map(({ name }) => name));
  return graph.input.filter(({ name }) => !weights.has(name));
}

export function describeValue({ name, type }: Message<'ValueInfo'>): OnnxValue {
  const tensor = type?.tensorType;
  const shape = tensor?.shape?.dim.map(({ dimValue, dimParam }) => {
    if (dimParam !== undefined && dimParam !== '') return dimParam;
    return dimValue === undefined || dimValue < 0n ? null : Number(dimValue);
  });
  return { name: name ?? '', dtype: tensor === undefined ? 'unknown' : elementType(tensor.elemType).name, shape };
}

function describeInitializer(tensor: Message<'Tensor'>): OnnxInitializer {
  const name = tensor.name ?? '';
  const shape = sizesOf(tensor, `initializer ${JSON.stringify(name)}`);
  const type = elementType(tensor.dataType);
  const location = tensor.dataLocation === 1 ? tensor.externalData.find(({ key }) => key === 'location')?.value : undefined;
  return { name, dtype: type.name, shape, bytes: numelOf(shape) * type.bytes, location };
}
