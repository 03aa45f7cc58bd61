/** A picture on its way through a network: what every stage made of it, and how the loss would change with each of those numbers. Plain data for a page. */
import { functional as F } from 'flambeau/nn';
import { grad, nn, noGrad, tensor, type Tensor } from 'flambeau';
import { Residual, shortcutOf } from '../modules.ts';
import { ruleOf } from '../layers.ts';
import type { LayerKind, LayerSpec } from '../spec.ts';

export type StageKind = LayerKind | 'input' | 'add' | 'probabilities';

/** What one block made: maps [channels, height, width], or a list of numbers. */
export interface Stage {
  readonly index: number;
  /** Counted as people do: 1, 2, 3; 4.1 within the fourth block. */
  readonly number: string;
  readonly title: string;
  readonly kind: StageKind;
  /** As the state dict calls its module; empty where there is none. */
  readonly path: string;
  readonly layer: LayerSpec | undefined;
  /** The stages that it computes from. */
  readonly from: readonly number[];
  readonly shape: readonly number[];
  readonly values: Float32Array;
  /** ∂loss/∂value for each number; undefined where it was not asked for. */
  readonly gradient: Float32Array | undefined;
  readonly min: number;
  readonly max: number;
}

export interface Look {
  /** The picture first, the probabilities last. */
  readonly stages: readonly Stage[];
  /** The class that the loss is about. */
  readonly label: number;
  readonly loss: number;
  readonly probabilities: readonly number[];
  /** The most probable class. */
  readonly predicted: number;
}

/** Weights as they were when the picture went through. */
export interface StageParameters {
  readonly weight: Float32Array | undefined;
  readonly bias: Float32Array | undefined;
  readonly weightShape: readonly number[];
  readonly weightGradient: Float32Array | undefined;
  readonly biasGradient: Float32Array | undefined;
  /** Of batch norm: what it has learned of mean and variance. */
  readonly mean: Float32Array | undefined;
  readonly variance: Float32Array | undefined;
  readonly eps: number;
}

/** A look with the weights that it was made with, from which every number can be worked out again. */
export interface FullLook extends Look {
  readonly parameters: ReadonlyMap<number, StageParameters>;
}

interface Draft extends Omit<Stage, 'values' | 'gradient' | 'min' | 'max' | 'index'> {
  readonly output: Tensor;
  readonly module: nn.Module | undefined;
}

/** The numbers of a tensor, copied. */
export const floats = (x: Tensor): Float32Array => new Float32Array(x.detach().contiguous().toTypedArray() as Float32Array);

const shapeOf = (x: Tensor): readonly number[] => (x.shape as readonly number[]).slice(1);

/** Runs something with the network in evaluation mode, and leaves the network as it was. */
export function evaluated<T>(network: nn.Module, run: () => T): T {
  const modules = [...network.modules()];
  const modes = modules.map(({ training }) => training);
  network.eval();
  try {
    return run();
  } finally {
    modules.forEach((module, i) => (module.training = modes[i]!));
  }
}

/** Goes through blocks one after another; gives the stage that the last one is. */
function walk(
  drafts: Draft[],
  layers: readonly LayerSpec[],
  network: nn.Sequential,
  source: number,
  prefix: readonly [number: string, path: string],
): number {
  const modules = [...network.children()] as nn.Module[];
  let last = source;
  layers.forEach((layer, i) => {
    const module = modules[i]!;
    const [number, path] = [`${prefix[0]}${i + 1}`, `${prefix[1]}${i}`];
    const { title } = ruleOf(layer);
    if (module instanceof Residual && layer.kind === 'residual') {
      last = walkResidual(drafts, layer.layers, module, last, [number, path]);
      return;
    }
    const output = module(drafts[last]!.output);
    drafts.push({ number, path, title, kind: layer.kind, layer, from: [last], shape: shapeOf(output), output, module });
    last = drafts.length - 1;
  });
  return last;
}

function walkResidual(
  drafts: Draft[],
  layers: readonly LayerSpec[],
  { branch, shortcut }: Residual,
  source: number,
  [number, path]: readonly [string, string],
): number {
  const end = walk(drafts, layers, branch, source, [`${number}.`, `${path}.branch.`]);
  let kept = source;
  const layer = shortcutOf(drafts[source]!.shape, drafts[end]!.shape);
  if (layer !== undefined) {
    const output = shortcut(drafts[source]!.output);
    drafts.push({ number: `${number} shortcut`, path: `${path}.shortcut`, title: layer.kind === 'conv2d' ? '1×1 convolution' : ruleOf(layer).title, kind: layer.kind, layer, from: [source], shape: shapeOf(output), output, module: shortcut }); // prettier-ignore
    kept = drafts.length - 1;
  }
  const output = drafts[end]!.output.add(drafts[kept]!.output);
  drafts.push({ number: `${number} sum`, path: '', title: 'Branch plus shortcut', kind: 'add', layer: undefined, from: [end, kept], shape: shapeOf(output), output, module: undefined }); // prettier-ignore
  return drafts.length - 1;
}

/**
 * What the network makes of one picture, in evaluation mode.
 *
 * @param x - float32 [1, channels, size, size], as the network is trained with
 * @param label - the class that the loss is about; without one, the most probable
 */
export function look(network: nn.Sequential, layers: readonly LayerSpec[], x: Tensor, label?: number): FullLook {
  return evaluated(network, () => {
    const input = x.detach().clone().requiresGrad_();
    const drafts: Draft[] = [start(input)];
    const last = walk(drafts, layers, network, 0, ['', '']);
    const scores = drafts[last]!.output;
    const predicted = scores.detach().argmax(1).item();
    const target = label ?? predicted;
    const loss = F.crossEntropy(scores, tensor([target], { dtype: 'int64' }));
    const owners = drafts.map(({ module }) =>
      module === undefined ? [] : [...module.parameters()].filter(({ requiresGrad }) => requiresGrad),
    );
    const wanted: Tensor[] = [...drafts.map(({ output }) => output), ...owners.flat()];
    const gradients = grad(loss, wanted, { materializeGrads: true }) as readonly Tensor[];
    const parameters = new Map<number, StageParameters>();
    let next = drafts.length;
    drafts.forEach(({ module }, i) => {
      const own = gradients.slice(next, (next += owners[i]!.length));
      if (module !== undefined && owners[i]!.length > 0) parameters.set(i, parametersOf(module, owners[i]!, own));
    });
    const stages = drafts.map((draft, i) => finished(draft, i, floats(gradients[i]!)));
    const chances = floats(scores.softmax(1));
    return {
      stages: [...stages, probabilities(chances, target, last, stages.length)],
      parameters,
      label: target,
      loss: loss.item(),
      probabilities: [...chances],
      predicted,
    };
  });
}

/** Only what comes forward, as fast as it goes: for a camera. */
export function glance(network: nn.Sequential, layers: readonly LayerSpec[], x: Tensor): Look {
  return evaluated(network, () =>
    noGrad(() => {
      const drafts: Draft[] = [start(x)];
      const last = walk(drafts, layers, network, 0, ['', '']);
      const scores = drafts[last]!.output;
      const chances = floats(scores.softmax(1));
      const predicted = scores.argmax(1).item();
      const stages = drafts.map((draft, i) => finished(draft, i, undefined));
      return {
        stages: [...stages, probabilities(chances, undefined, last, stages.length)],
        label: predicted,
        loss: -Math.log(chances[predicted]!),
        probabilities: [...chances],
        predicted,
      };
    }),
  );
}

/** What every stage but the probabilities makes of pictures, as tensors that gradients go through. */
export function outputsOf(network: nn.Sequential, layers: readonly LayerSpec[], x: Tensor): readonly Tensor[] {
  const drafts: Draft[] = [start(x)];
  walk(drafts, layers, network, 0, ['', '']);
  return drafts.map(({ output }) => output);
}

const start = (input: Tensor): Draft => ({ number: '', path: '', title: 'Picture', kind: 'input', layer: undefined, from: [], shape: shapeOf(input), output: input, module: undefined }); // prettier-ignore

function finished({ output, module: _, ...stage }: Draft, index: number, gradient: Float32Array | undefined): Stage {
  const values = floats(output);
  return { ...stage, index, values, gradient, ...rangeOf(values) };
}

/** Softmax of the scores; the loss is −log of the one that should be 1. */
function probabilities(values: Float32Array, label: number | undefined, from: number, index: number): Stage {
  const gradient = label === undefined ? undefined : values.map((p, i) => (i === label ? -1 / p : 0));
  return { index, number: '', path: '', title: 'Softmax', kind: 'probabilities', layer: undefined, from: [from], shape: [values.length], values, gradient, ...rangeOf(values) }; // prettier-ignore
}

/** The least and the greatest number. */
export function rangeOf(values: ArrayLike<number>): { min: number; max: number } {
  let [min, max] = [Infinity, -Infinity];
  for (let i = 0; i < values.length; i++) {
    if (values[i]! < min) min = values[i]!;
    if (values[i]! > max) max = values[i]!;
  }
  return min > max ? { min: 0, max: 0 } : { min, max };
}

function parametersOf(module: nn.Module, own: readonly Tensor[], gradients: readonly Tensor[]): StageParameters {
  const named = module as unknown as {
    weight?: Tensor | null;
    bias?: Tensor | null;
    running_mean?: Tensor | null;
    running_var?: Tensor | null;
    eps?: number;
  };
  const of = (parameter: Tensor | null | undefined): [Float32Array | undefined, Float32Array | undefined] => {
    const i = own.findIndex((other) => other === parameter);
    return i < 0 ? [undefined, undefined] : [floats(own[i]!), floats(gradients[i]!)];
  };
  const [weight, weightGradient] = of(named.weight);
  const [bias, biasGradient] = of(named.bias);
  const statistic = (x: Tensor | null | undefined): Float32Array | undefined => (x === null || x === undefined ? undefined : floats(x));
  return {
    weight,
    bias,
    weightShape: (named.weight?.shape as readonly number[] | undefined) ?? [],
    weightGradient,
    biasGradient,
    mean: statistic(named.running_mean),
    variance: statistic(named.running_var),
    eps: named.eps ?? 0,
  };
}
