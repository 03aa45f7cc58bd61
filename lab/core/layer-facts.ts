/** What goes on in each block: how large its numbers are, how many of them are 0, and how strongly the loss pulls at its weights. */
import { noGrad, type nn, type Tensor } from 'flambeau';
import { Residual } from './build.ts';
import { ruleOf } from './layers.ts';
import type { LayerKind, LayerSpec } from './spec.ts';

export interface LayerFacts {
  /** Its place, such as `3`, or `4.2` for the third block within the residual block 4 (both counted from 1). */
  readonly place: string;
  readonly kind: LayerKind;
  readonly title: string;
  /** Mean absolute value of what comes out. */
  readonly size: number;
  /** Share of what comes out that is 0. */
  readonly zeros: number;
  /** Of a ReLU: maps (or numbers, behind a Linear), and those that are 0 for every picture looked at. */
  readonly units: number;
  readonly dead: number;
  /** Of a block with weights: the norm of their gradients at the last step; undefined before the first. */
  readonly gradient: number | undefined;
  /** The norm of the weights, and how many they are; 0 for a block without. */
  readonly weight: number;
  readonly weights: number;
}

/**
 * Runs the blocks one after another in evaluation mode.
 * @param x - some pictures, [N, channels, size, size], or what the blocks before made of them
 * @param before - how many blocks those are
 */
export function layerFacts(network: nn.Sequential, layers: readonly LayerSpec[], x: Tensor, before = 0): LayerFacts[] {
  const facts: LayerFacts[] = [];
  const training = network.training;
  network.eval();
  try {
    noGrad(() => through(network, layers, x, '', facts, before));
  } finally {
    network.train(training);
  }
  return facts;
}

function through(network: nn.Sequential, layers: readonly LayerSpec[], x: Tensor, prefix: string, facts: LayerFacts[], before = 0): Tensor {
  let value = x;
  [...network].forEach((module, i) => {
    const layer = layers[i]!;
    const place = `${prefix}${before + i + 1}`;
    if (module instanceof Residual && layer.kind === 'residual') {
      const made = through(module.branch, layer.layers, value, `${place}.`, facts);
      const kept: Tensor = module.shortcut(value);
      value = made.add(kept) as Tensor;
      if ([...module.shortcut.parameters()].length > 0) facts.push(factsOf(`${place} shortcut`, layer, module.shortcut, kept));
      return;
    }
    value = (module as nn.Module)(value) as Tensor;
    facts.push(factsOf(place, layer, module as nn.Module, value));
  });
  return value;
}

function factsOf(place: string, layer: LayerSpec, module: nn.Module, output: Tensor): LayerFacts {
  const { kind } = layer;
  const parameters = [...module.parameters()];
  const grads = parameters.flatMap(({ grad }) => (grad === null ? [] : [grad]));
  return {
    place,
    kind,
    title: ruleOf(layer).title,
    ...valuesOf(output, kind === 'relu'),
    gradient: grads.length === 0 ? undefined : norm(grads),
    weight: norm(parameters.map((parameter) => parameter.detach())),
    weights: parameters.reduce((sum, parameter) => sum + parameter.numel(), 0),
  };
}

/** One pass in place of some operations on the whole. */
function valuesOf(output: Tensor, isRelu: boolean): Pick<LayerFacts, 'size' | 'zeros' | 'units' | 'dead'> {
  const values = output.detach().toTypedArray() as Float32Array;
  const channels = output.size(1);
  const inMap = values.length / (output.size(0) * channels);
  const alive = new Uint8Array(channels);
  let [sum, zeros] = [0, 0];
  for (let from = 0, map = 0; from < values.length; from += inMap, map = (map + 1) % channels) {
    let zerosHere = 0;
    for (let i = from; i < from + inMap; i++) {
      const value = values[i]!;
      sum += Math.abs(value);
      if (value === 0) zerosHere += 1;
    }
    zeros += zerosHere;
    if (zerosHere < inMap) alive[map] = 1;
  }
  const dead = isRelu ? alive.reduce((count, each) => count + 1 - each, 0) : 0;
  return { size: sum / values.length, zeros: zeros / values.length, units: isRelu ? channels : 0, dead };
}

function norm(tensors: readonly Tensor[]): number {
  return Math.sqrt(tensors.reduce((sum, each) => sum + (each.square().sum() as Tensor).item(), 0));
}
