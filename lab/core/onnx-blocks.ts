/** Blocks from an ONNX graph that is a chain. The graph is run once on zeros, as `explain` does, and its operations are read. */
import type { Tensor } from 'flambeau';
import { explain } from 'flambeau/inspect';
import { describeOnnx, deserializeOnnx } from 'flambeau/onnx';
import { ModelError } from './model-blocks.ts';
import { nameOf, settled, type ModelFile } from './model-settle.ts';
import { SIZE_FIELD } from './settings.ts';
import type { LayerSpec, NetworkSpec } from './spec.ts';

type Step = ReturnType<typeof explain>['traced'][number];
type Input = Pick<NetworkSpec, 'channels' | 'size'>;

/**
 * Reads an ONNX model that is a chain of what there are blocks of.
 * @throws FormatError for a damaged file, ModelError with what there is no block of
 */
export function readOnnx(bytes: Uint8Array, name: string, classes: number): ModelFile {
  const { channels, size } = inputOf(describeOnnx(bytes));
  const model = deserializeOnnx(bytes);
  const { traced, error } = explain(model as Parameters<typeof explain>[0], [1, channels, size, size]);
  if (error !== undefined) throw new ModelError(`${name} does not run: ${error.message}`);
  const weights = new Map<string, Tensor>();
  const named = new Map<string, Tensor>([...model.namedParameters(), ...model.namedBuffers()]);
  const layers: LayerSpec[] = [];
  const last = traced.at(-1)?.type;
  const softmax = last === 'softmax' || last === 'logSoftmax';
  traced.slice(0, softmax ? -1 : undefined).forEach((step, i) => {
    if (step.layer !== undefined) throw new ModelError(`${name} has only one layer that learns: make blocks of it by hand`);
    if (step.from.length !== 1 || step.from[0] !== i - 1) {
      throw new ModelError(
        `${name} is no plain chain: its “${step.type}” takes what ${step.from.length > 1 ? 'two branches give' : 'an earlier layer gives'}; only chains become blocks`,
      );
    }
    const layer = layerOf(step);
    if (layer === undefined) throw new ModelError(`${name} has an operation “${step.type}” that there is no block of`);
    collect(weights, String(layers.length), step, named);
    layers.push(layer);
  });
  if (layers.at(-1)?.kind === 'flatten' || layers.length === 0) throw new ModelError(`${name} has no layers that learn`);
  const notes = ['Every block is as the file has it.'];
  if (softmax) notes.push('The softmax at its end was left out, since training applies it by itself.');
  return settled({ name: nameOf(name), channels, size, layers }, weights, classes, notes);
}

function inputOf({ inputs }: ReturnType<typeof describeOnnx>): Input {
  const [input, ...more] = inputs;
  const [, channels, height, width] = input?.shape ?? [];
  const fits = more.length === 0 && input?.shape?.length === 4 && (channels === 1 || channels === 3);
  if (!fits || typeof height !== 'number' || height !== width || height < SIZE_FIELD.min || height > SIZE_FIELD.max) {
    const shown = inputs.map(({ shape }) => `[${shape?.map((size) => size ?? '?').join(', ') ?? '?'}]`).join(', ');
    throw new ModelError(
      `the model takes ${shown || 'nothing'}; it must take square pictures [N, 1 or 3, size, size] of a fixed size from ${SIZE_FIELD.min} to ${SIZE_FIELD.max}`,
    );
  }
  return { channels, size: height };
}

/** Weights of a step under the name of its block: its parameters in their order, and running statistics beside them. */
function collect(weights: Map<string, Tensor>, block: string, step: Step, named: ReadonlyMap<string, Tensor>): void {
  const [weight, bias] = step.parameters;
  if (weight !== undefined) weights.set(`${block}.weight`, weight[1]);
  if (bias !== undefined) weights.set(`${block}.bias`, bias[1]);
  if (step.type !== 'batchNormEval' || weight === undefined) return;
  const stem = weight[0].replace(/\.?weight$/, '');
  for (const part of ['running_mean', 'running_var']) {
    const tensor = named.get(`${stem}.${part}`);
    if (tensor !== undefined) weights.set(`${block}.${part}`, tensor);
  }
}

const PLAIN: Readonly<Record<string, LayerSpec>> = {
  relu: { kind: 'relu' },
  sigmoid: { kind: 'sigmoid' },
  tanh: { kind: 'tanh' },
  gelu: { kind: 'gelu' },
  silu: { kind: 'silu' },
  flatten: { kind: 'flatten' },
  view: { kind: 'flatten' },
};

function layerOf(step: Step): LayerSpec | undefined {
  const { op, output } = step;
  const attrs = (op?.attrs ?? {}) as unknown as Readonly<Record<string, unknown>>;
  const [, weight, bias] = op?.inputs ?? [];
  const one = (name: string): number | undefined => alike(attrs[name]);
  switch (op?.name) {
    case 'conv2d': {
      const [outChannels, , kernelSize, width] = weight ?? [];
      const [stride, padding] = [one('stride'), one('padding')];
      if (outChannels === undefined || kernelSize === undefined || kernelSize !== width) return undefined;
      if (stride === undefined || padding === undefined || one('dilation') !== 1) return undefined;
      return { kind: 'conv2d', outChannels, kernelSize, stride, padding, groups: attrs['groups'] as number, bias: bias !== undefined };
    }
    case 'linear':
      return weight === undefined ? undefined : { kind: 'linear', outFeatures: weight[0]!, bias: bias !== undefined };
    case 'maxPool2d':
    case 'avgPool2d': {
      const [kernelSize, stride, padding] = [one('kernel'), one('stride'), one('padding')];
      if (kernelSize === undefined || stride === undefined || padding === undefined || attrs['ceilMode'] === true) return undefined;
      if (op.name === 'avgPool2d' && padding > 0 && attrs['countIncludePad'] !== true) return undefined;
      return { kind: op.name, kernelSize, stride, padding };
    }
    case 'adaptiveAvgPool2d':
      return output[2] === output[3] ? { kind: 'adaptiveAvgPool2d', outputSize: output[2]! } : undefined;
    case 'mean':
      return output.slice(2).every((size) => size === 1) && output.length === 4 ? { kind: 'adaptiveAvgPool2d', outputSize: 1 } : undefined;
    case 'batchNormEval':
      return Math.abs(Number(attrs['eps']) - 1e-5) < 1e-9 ? { kind: 'batchNorm2d' } : undefined;
    default: {
      if (output.length !== 2 && (step.type === 'view' || step.type === 'flatten')) return undefined;
      return PLAIN[step.type];
    }
  }
}

/** The number that a pair is made of; undefined where its numbers differ. */
function alike(pair: unknown): number | undefined {
  const numbers = Array.isArray(pair) ? (pair as readonly unknown[]) : [pair];
  const first = numbers[0];
  return typeof first === 'number' && numbers.every((number) => number === first) ? first : undefined;
}
