/** Names and shapes of a network's weights, as its state dict has them, by rules. */
import { mobileNetShapes } from './mobilenet.ts';
import { shortcutOf } from './modules.ts';
import { check, type BlockShape } from './shapes.ts';
import type { LayerSpec, NetworkSpec } from './spec.ts';

type Shape = readonly number[];

/** Name → shape, in the order of the state dict. Blocks that do not fit are left out. */
export function stateShapes(network: NetworkSpec, classes: number): Map<string, Shape> {
  const found = new Map<string, Shape>();
  const { blocks } = check(network, classes);
  network.layers.forEach((layer, i) => addShapes(found, `${i}`, layer, blocks[i], classes));
  return found;
}

function addShapes(
  found: Map<string, Shape>,
  name: string,
  layer: LayerSpec,
  block: Pick<BlockShape, 'input' | 'output' | 'inner'> | undefined,
  classes: number,
): void {
  if (block?.input === undefined || block.output === undefined) return;
  const { input, output } = block;
  switch (layer.kind) {
    case 'conv2d':
      found.set(`${name}.weight`, [layer.outChannels, input[0]! / layer.groups, layer.kernelSize, layer.kernelSize]);
      if (layer.bias) found.set(`${name}.bias`, [layer.outChannels]);
      break;
    case 'linear':
      found.set(`${name}.weight`, [output.at(-1)!, input.at(-1)!]);
      if (layer.bias) found.set(`${name}.bias`, [output.at(-1)!]);
      break;
    case 'batchNorm2d':
      for (const part of ['weight', 'bias', 'running_mean', 'running_var']) found.set(`${name}.${part}`, [input[0]!]);
      found.set(`${name}.num_batches_tracked`, []);
      break;
    case 'mobileNetV2':
      for (const [part, shape] of mobileNetShapes()) found.set(`${name}.${part}`, shape);
      break;
    case 'residual': {
      layer.layers.forEach((one, i) => addShapes(found, `${name}.branch.${i}`, one, block.inner[i], classes));
      const way = shortcutOf(input, output);
      if (way !== undefined) addShapes(found, `${name}.shortcut`, way, { input, output, inner: [] }, classes);
    }
  }
}

/** How weights fit a network. */
export interface Fit {
  /** Every tensor of one is there in the other. */
  readonly all: boolean;
  /** What can be taken over: all of it, or all but the last block that learns, as for other classes; undefined where less fits. */
  readonly usable: readonly string[] | undefined;
}

/** @param shapes name → shape of the weights */
export function fitOf(shapes: ReadonlyMap<string, Shape>, network: NetworkSpec, classes: number): Fit {
  const wanted = stateShapes(network, classes);
  const names = [...wanted.keys()];
  const fits = (name: string): boolean => shapes.has(name) && shapes.get(name)!.join() === wanted.get(name)!.join();
  const fitting = names.filter(fits);
  const last = network.layers.findLastIndex(({ kind }) => kind === 'linear' || kind === 'conv2d' || kind === 'residual');
  const free = (name: string): boolean => name.startsWith(`${last}.`) || name.endsWith('.num_batches_tracked');
  const usable = fitting.length > 0 && names.every((name) => fits(name) || free(name));
  return { all: fitting.length === names.length && shapes.size === names.length, usable: usable ? fitting : undefined };
}
