/**
 * Blocks from the names and shapes of weights. A state dict says which convolutions, norms and Linear layers there are and how large, but not their strides,
 * paddings, activations and poolings: those are filled in as most networks have them, and it is said so.
 */
import type { LayerSpec, NetworkSpec } from './spec.ts';

export type Shapes = ReadonlyMap<string, readonly number[]>;

export interface Inferred {
  readonly layers: readonly LayerSpec[];
  readonly channels: NetworkSpec['channels'];
  readonly size: number;
  /** The block of each layer of the file: its name → the block's number. */
  readonly places: ReadonlyMap<string, number>;
}

type Layer =
  | { readonly kind: 'conv2d'; readonly name: string; readonly out: number; readonly per: number; readonly kernel: number; readonly bias: boolean }
  | { readonly kind: 'batchNorm2d'; readonly name: string; readonly out: number }
  | { readonly kind: 'linear'; readonly name: string; readonly out: number; readonly per: number; readonly bias: boolean }; // prettier-ignore

/** The sentence of what cannot be made blocks of. */
export class ModelError extends Error {
  override readonly name = 'ModelError';
}

/** Tensors by the layer that they belong to, in the order of the file. */
function layersIn(shapes: Shapes): Layer[] {
  const groups = new Map<string, Map<string, readonly number[]>>();
  for (const [name, shape] of shapes) {
    const dot = name.lastIndexOf('.');
    const layer = name.slice(0, Math.max(0, dot));
    const group = groups.get(layer) ?? new Map<string, readonly number[]>();
    groups.set(layer, group.set(name.slice(dot + 1), shape));
  }
  return [...groups].map(([name, parts]) => layerOf(name, parts));
}

function layerOf(name: string, parts: ReadonlyMap<string, readonly number[]>): Layer {
  const weight = parts.get('weight');
  const bias = parts.has('bias');
  const [out = 0, per = 0, kernel = 0] = weight ?? [];
  if (weight?.length === 4) {
    if (weight[3] !== kernel) throw new ModelError(`the filters of “${name}” are ${kernel} × ${weight[3]}, but blocks have square ones`);
    if (kernel > 11 || out > 512)
      throw new ModelError(`“${name}” has ${out} filters of ${kernel} × ${kernel}; blocks have at most 512 of 11 × 11`);
    return { kind: 'conv2d', name, out, per, kernel, bias };
  }
  if (weight?.length === 2) {
    if (out > 4096) throw new ModelError(`“${name}” has ${out} outputs; blocks have at most 4096`);
    return { kind: 'linear', name, out, per, bias };
  }
  if (weight?.length === 1 && parts.has('running_mean')) return { kind: 'batchNorm2d', name, out };
  const shown = [...parts]
    .map(([part, shape]) => `${part} [${shape.join(', ')}]`)
    .slice(0, 4)
    .join(', ');
  throw new ModelError(`there is no block for the layer “${name}” (${shown})`);
}

/** How many modules without weights lie between two, where names are those of a Sequential; undefined where they are not. */
function between(before: Layer, after: Layer): number | undefined {
  const [a, b] = [/^(.*?)(\d+)$/.exec(before.name), /^(.*?)(\d+)$/.exec(after.name)];
  if (a === null || b === null || a[1] !== b[1] || (a[1] !== '' && !a[1]!.endsWith('.'))) return undefined;
  return Number(b[2]) - Number(a[2]) - 1;
}

const RELU: LayerSpec = { kind: 'relu' };
const POOL: LayerSpec = { kind: 'maxPool2d', kernelSize: 2, stride: 2, padding: 0 };
const FLATTEN: LayerSpec = { kind: 'flatten' };
const GLOBAL: LayerSpec = { kind: 'adaptiveAvgPool2d', outputSize: 1 };

/** What most people put between two layers on maps. */
function betweenMaps(before: Layer, gap: number | undefined): LayerSpec[] {
  if (gap === 0) return [];
  if (gap === undefined) return before.kind === 'conv2d' && before.kernel === 1 ? [RELU] : [RELU, POOL];
  return gap === 1 ? [RELU] : [RELU, POOL];
}

/**
 * The chain of blocks that weights belong to.
 * @throws ModelError where they are of no chain of blocks
 */
export function inferBlocks(shapes: Shapes): Inferred {
  const found = layersIn(shapes);
  const first = found[0];
  if (first?.kind !== 'conv2d') throw new ModelError('the first layer is no convolution of pictures');
  if (first.per !== 1 && first.per !== 3)
    throw new ModelError(`the first convolution takes ${first.per} channels; pictures have 1 (grey) or 3 (colour)`);
  const maps: LayerSpec[] = [];
  const places = new Map<string, number>();
  let channels: number = first.per;
  let index = 0;
  for (; found[index] !== undefined && found[index]!.kind !== 'linear'; index++) {
    const layer = found[index]!;
    const before = found[index - 1];
    if (before !== undefined && layer.kind === 'conv2d') maps.push(...betweenMaps(before, between(before, layer)));
    else if (before !== undefined) maps.push(...Array.from({ length: between(before, layer) ?? 0 }, () => RELU));
    places.set(layer.name, maps.length);
    maps.push(onMaps(layer, channels));
    channels = layer.out;
  }
  const linears = found.slice(index);
  const { end, pools } = ending(found[index - 1]!, linears, channels);
  const head = linears.flatMap((layer, i): LayerSpec[] => {
    if (layer.kind !== 'linear') throw new ModelError(`“${layer.name}” comes after a Linear layer, which no chain of blocks here has`);
    const before = linears[i - 1];
    if (before !== undefined && before.out !== layer.per) throw notChained(layer.name, layer.per, before.out);
    return [...(before === undefined ? [] : [RELU]), { kind: 'linear', outFeatures: layer.out, bias: layer.bias }];
  });
  const layers = [...maps, ...end, ...head];
  linears.forEach((layer, i) => places.set(layer.name, maps.length + end.length + 2 * i));
  const side = pools === undefined ? 1 : pools;
  const halvings = [...maps, ...end].filter(({ kind }) => kind === 'maxPool2d').length;
  const size = pools === undefined ? 32 : side * 2 ** halvings;
  if (size > 256) throw new ModelError(`it would be for pictures of ${size} × ${size}, larger than the laboratory has`);
  return { layers, channels: first.per, size: Math.max(8, size), places };
}

const notChained = (name: string, takes: number, comes: number): ModelError =>
  new ModelError(`“${name}” takes ${takes}, but the layer before it gives ${comes}: the layers of this file are no plain chain`);

function onMaps(layer: Layer, channels: number): LayerSpec {
  if (layer.kind !== 'conv2d') {
    if (layer.out !== channels) throw notChained(layer.name, layer.out, channels);
    return { kind: 'batchNorm2d' };
  }
  const groups = channels / layer.per;
  if (!Number.isInteger(groups) || layer.out % groups !== 0) throw notChained(layer.name, layer.per, channels);
  return {
    kind: 'conv2d',
    outChannels: layer.out,
    kernelSize: layer.kernel,
    stride: 1,
    padding: Math.floor(layer.kernel / 2),
    groups,
    bias: layer.bias,
  };
}

/** From the last map to the first Linear; `pools` is the side of the map that is flattened. */
function ending(last: Layer, linears: readonly Layer[], channels: number): { end: LayerSpec[]; pools: number | undefined } {
  const first = linears[0];
  if (first?.kind !== 'linear') return { end: [RELU, GLOBAL, FLATTEN], pools: undefined };
  const side = Math.sqrt(first.per / channels);
  if (!Number.isInteger(side))
    throw new ModelError(`“${first.name}” takes ${first.per} numbers, which are no square maps of ${channels} channels`);
  const gap = between(last, first);
  if (side === 1) return { end: [RELU, GLOBAL, FLATTEN], pools: undefined };
  return { end: gap === undefined || gap >= 3 ? [RELU, POOL, FLATTEN] : gap === 2 ? [RELU, FLATTEN] : [FLATTEN], pools: side };
}
