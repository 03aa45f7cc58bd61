/** Changes of a network's blocks, as plain data. A place is the number of a block, or that of a residual block and of a block within it. */
import { LAYERS } from './layers.ts';
import type { BlockShape } from './shapes.ts';
import type { LayerKind, LayerSpec, NetworkSpec } from './spec.ts';

export type Path = readonly [number] | readonly [number, number];

export const samePath = (a: Path, b: Path): boolean => a[0] === b[0] && a[1] === b[1];

/** The blocks that a place is among. */
function siblings(layers: readonly LayerSpec[], path: Path): readonly LayerSpec[] {
  if (path.length === 1) return layers;
  const outer = layers[path[0]];
  return outer?.kind === 'residual' ? outer.layers : [];
}

export const layerAt = (layers: readonly LayerSpec[], path: Path): LayerSpec | undefined => siblings(layers, path)[path.at(-1)!];

/** The place `by` further among its siblings. */
const beside = (path: Path, by: number): Path => (path.length === 1 ? [path[0] + by] : [path[0], path[1] + by]);

function withSiblings(layers: readonly LayerSpec[], path: Path, change: (list: LayerSpec[]) => LayerSpec[]) {
  if (path.length === 1) return change([...layers]);
  return layers.map((layer, i) => (i === path[0] && layer.kind === 'residual' ? { ...layer, layers: change([...layer.layers]) } : layer));
}

/** Whether a block may stand there: residual blocks nest one level. */
export const mayStand = (layer: Pick<LayerSpec, 'kind'>, path: Path): boolean => layer.kind !== 'residual' || path.length === 1;

/** Puts a block before the one at a place. */
export const inserted = (layers: readonly LayerSpec[], path: Path, layer: LayerSpec): readonly LayerSpec[] =>
  mayStand(layer, path) ? withSiblings(layers, path, (list) => list.toSpliced(path.at(-1)!, 0, layer)) : layers;

export const removed = (layers: readonly LayerSpec[], path: Path): readonly LayerSpec[] =>
  withSiblings(layers, path, (list) => list.toSpliced(path.at(-1)!, 1));

export const replaced = (layers: readonly LayerSpec[], path: Path, layer: LayerSpec): readonly LayerSpec[] =>
  withSiblings(layers, path, (list) => list.with(path.at(-1)!, layer));

export function duplicated(layers: readonly LayerSpec[], path: Path): readonly LayerSpec[] {
  const layer = layerAt(layers, path);
  return layer === undefined ? layers : inserted(layers, beside(path, 1), layer);
}

export interface Moved {
  readonly layers: readonly LayerSpec[];
  /** Where the block is now. */
  readonly path: Path;
}

/** One place up or down among its siblings; undefined at the ends. */
export function shifted(layers: readonly LayerSpec[], path: Path, by: -1 | 1): Moved | undefined {
  const layer = layerAt(layers, path);
  const to = beside(path, by);
  if (layer === undefined || layerAt(layers, to) === undefined) return undefined;
  return { layers: inserted(removed(layers, path), to, layer), path: to };
}

/** Before the block that is at `to` now; undefined where it cannot stand, or stands already. */
export function moved(layers: readonly LayerSpec[], from: Path, to: Path): Moved | undefined {
  const layer = layerAt(layers, from);
  if (layer === undefined || !mayStand(layer, to) || (from.length === 1 && to.length === 2 && from[0] === to[0])) return undefined;
  const without = removed(layers, from);
  let target = to;
  if (from.length === to.length && (from.length === 1 || from[0] === to[0])) {
    const [a, b] = [from.at(-1)!, to.at(-1)!];
    if (b === a || b === a + 1) return undefined;
    if (b > a) target = beside(to, -1);
  } else if (from.length === 1 && from[0] < to[0]) {
    target = to.length === 1 ? [to[0] - 1] : [to[0] - 1, to[1]];
  }
  return { layers: inserted(without, target, layer), path: target };
}

/** A new block of a kind: with the channels that come in, where that is what one wants. */
export function fresh(kind: LayerKind, input: readonly number[] | undefined): LayerSpec {
  const { initial } = LAYERS[kind];
  const channels = input?.length === 3 ? input[0] : undefined;
  if (initial.kind !== 'residual' || channels === undefined) return initial;
  const layers = initial.layers.map((layer) => (layer.kind === 'conv2d' ? { ...layer, outChannels: channels } : layer));
  return { ...initial, layers };
}

/** The network with an end that gives one number for each class; undefined where a block fails before it, or it does so already. */
export function fitting(network: NetworkSpec, blocks: readonly BlockShape[], classes: number): NetworkSpec | undefined {
  const { layers } = network;
  const last = layers.at(-1);
  const output = blocks.at(-1)?.output ?? (layers.length === 0 ? [network.channels, network.size, network.size] : undefined);
  if (output === undefined || (output.length === 1 && output[0] === classes)) return undefined;
  const flatten: LayerSpec = { kind: 'flatten' };
  const linear: LayerSpec = { kind: 'linear', outFeatures: 0, bias: true };
  if (last?.kind === 'linear') {
    const between = output.length === 1 ? [] : [flatten];
    return { ...network, layers: [...layers.slice(0, -1), ...between, { ...last, outFeatures: 0 }] };
  }
  return { ...network, layers: [...layers, ...(output.length === 1 ? [] : [flatten]), linear] };
}
