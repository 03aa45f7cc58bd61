/**
 * The networks that `flambeau train` offers, the library's own small ones made for images of any size, number of channels and
 * number of classes. Layers are made in the order in which PyTorch would make them, so that a seed gives the same weights.
 */
import { COUNT, nearest, oneOf, requireKind, requireOptions, show, TEXT, type OptionKinds } from '../base/arguments.ts';
import { ArgumentError } from '../base/errors.ts';
import * as F from '../nn/functional.ts';
import * as nn from '../nn/index.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { FastNet } from './fast-net.ts';
import { isFromMinusOne, isNetworkName, makeNetwork, NETWORK_NAMES, recogniseNetwork, usualSide, type NetworkName } from './networks.ts';

/** What a network is made for. */
export interface ImageSpec {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly classes: number;
  /** How pixels become numbers; default `'half'`. */
  readonly normalization?: Normalization;
  /** The shorter edge that images are brought to before their middle is cut out; default the size itself. */
  readonly resize?: number;
}

/** From -1 to 1, or by the mean and standard deviation of ImageNet's colours, as published weights expect. */
export type Normalization = 'half' | 'imagenet';

/**
 * Three convolutions, each followed by ReLU and 2×2 pooling, then two linear layers with dropout before each: the network
 * of Udacity's CIFAR-10 lessons. For 3×32×32 images and 10 classes it has 541,094 parameters.
 */
export class Net extends nn.Module {
  conv1: nn.Conv2d;
  conv2: nn.Conv2d;
  conv3: nn.Conv2d;
  pool: nn.MaxPool2d;
  fc1: nn.Linear;
  fc2: nn.Linear;
  dropout: nn.Dropout;

  /** @throws ArgumentError for images smaller than 8×8 */
  constructor(spec: ImageSpec) {
    super();
    requireSpec('Net', spec);
    this.conv1 = new nn.Conv2d(spec.channels, 16, 3, { padding: 1 });
    this.conv2 = new nn.Conv2d(16, 32, 3, { padding: 1 });
    this.conv3 = new nn.Conv2d(32, 64, 3, { padding: 1 });
    this.pool = new nn.MaxPool2d(2, 2);
    this.fc1 = new nn.Linear(64 * shrunk('cnn', spec.height) * shrunk('cnn', spec.width), 500);
    this.fc2 = new nn.Linear(500, spec.classes);
    this.dropout = new nn.Dropout(0.25);
  }

  override forward(x: Tensor): Tensor {
    let y = this.pool(F.relu(this.conv1(x)));
    y = this.pool(F.relu(this.conv2(y)));
    y = this.pool(F.relu(this.conv3(y)));
    y = this.dropout(y.flatten(1));
    y = this.dropout(F.relu(this.fc1(y)));
    return this.fc2(y);
  }
}

const SPEC_KINDS: OptionKinds<ImageSpec> = {
  channels: COUNT,
  height: COUNT,
  width: COUNT,
  classes: COUNT,
  normalization: oneOf('half', 'imagenet'),
  resize: COUNT,
};

/** @throws ArgumentError unless all four numbers are there */
function requireSpec(op: string, spec: unknown): void {
  const example = '{ channels: 3, height: 32, width: 32, classes: 10 }';
  const given: Partial<ImageSpec> = requireOptions<ImageSpec>(op, spec, SPEC_KINDS, example);
  for (const key of ['channels', 'height', 'width', 'classes'] as const) requireKind(op, key, given[key], COUNT, `write ${example}`);
}

/** A side of the image after three halvings. */
function shrunk(name: string, side: number): number {
  if (side < 8) throw new ArgumentError(`${name}: expected images of at least 8×8 pixels, but one side has ${side}; choose a larger size`);
  return Math.floor(side / 8);
}

/**
 * Two convolutions that halve the image by their stride, and one linear layer: the first tutorials' network. For 3×32×32
 * images and 10 classes it has 25,578 parameters and trains several times faster than {@link Net}, to a lower accuracy.
 */
export class SmallNet extends nn.Module {
  conv1: nn.Conv2d;
  conv2: nn.Conv2d;
  fc: nn.Linear;

  constructor(spec: ImageSpec) {
    super();
    requireSpec('SmallNet', spec);
    const quarter = (side: number): number => Math.ceil(Math.ceil(side / 2) / 2);
    this.conv1 = new nn.Conv2d(spec.channels, 16, 3, { stride: 2, padding: 1 });
    this.conv2 = new nn.Conv2d(16, 32, 3, { stride: 2, padding: 1 });
    this.fc = new nn.Linear(32 * quarter(spec.height) * quarter(spec.width), spec.classes);
  }

  override forward(x: Tensor): Tensor {
    const y = F.relu(this.conv2(F.relu(this.conv1(x))));
    return this.fc(y.flatten(1));
  }
}

/** A network from images [N, channels, height, width] to logits [N, classes]. */
export type Classifier = nn.CallableModule;

/** The networks by the names that `--model` takes. */
export const MODELS = {
  cnn: (spec: ImageSpec): Classifier => new Net(spec),
  small: (spec: ImageSpec): Classifier => new SmallNet(spec),
  fast: (spec: ImageSpec): Classifier => new FastNet(spec),
} as const;

export type ModelName = keyof typeof MODELS | NetworkName;

/** The library's own small networks first, then those that torchvision has. */
export const MODEL_NAMES: readonly ModelName[] = [...(Object.keys(MODELS) as (keyof typeof MODELS)[]), ...NETWORK_NAMES];

const isOwn = (name: string): name is keyof typeof MODELS => Object.hasOwn(MODELS, name);

/**
 * Makes a network by name.
 * @throws ArgumentError for a name that is not known, or images too small for it
 */
export function createModel(name: string, spec: ImageSpec): Classifier {
  requireKind('createModel', 'the name', name, TEXT);
  if (!isOwn(name) && !isNetworkName(name)) throw unknownName(name);
  if (isOwn(name)) return MODELS[name](spec);
  requireSpec(name, spec);
  if (spec.channels !== 3)
    throw new ArgumentError(
      `${name}: expected images of three colours, but got ${spec.channels} ${spec.channels === 1 ? 'channel' : 'channels'}; take cnn or small, or colour images`,
    );
  return makeNetwork(name, spec.classes);
}

function unknownName(name: string): ArgumentError {
  const near = nearest(name, MODEL_NAMES);
  const meant = near === undefined ? '' : `; did you mean '${near}'?`;
  return new ArgumentError(
    `createModel: expected a name such as 'cnn' or 'resnet18', but got ${show(name)}; there are ${MODEL_NAMES.length}, which flambeau models lists${meant}`,
  );
}

/** What published weights of a network expect, or whoever trains it here. */
export const usualNormalization = (name: ModelName, isPretrained: boolean): Normalization =>
  isPretrained && !isOwn(name) && !isFromMinusOne(name) ? 'imagenet' : 'half';

/**
 * What a bare state dict, such as the tutorials save and torchvision publishes, was made for; undefined when it is none of these networks'. Images
 * are taken to be square, and as small as the weights allow, or as large as the published weights were trained on.
 */
export function inferModel(state: ReadonlyMap<string, Tensor>): { name: ModelName; spec: ImageSpec } | undefined {
  const known = recogniseNetwork(state);
  if (known !== undefined) {
    const side = usualSide(known.name);
    const normalization = usualNormalization(known.name, true);
    return {
      name: known.name,
      spec: { channels: 3, height: side, width: side, classes: known.classes, normalization },
    };
  }
  const whitening = state.get('whiten.weight');
  const head = state.get('head.weight');
  if (whitening !== undefined && head !== undefined && state.has('groups.0.norm1.bias'))
    return { name: 'fast', spec: { channels: whitening.size(1), height: 32, width: 32, classes: head.size(0) } };
  const channels = state.get('conv1.weight')?.size(1);
  const cnn = state.has('conv3.weight');
  const [first, last] = cnn ? ['fc1.weight', 'fc2.weight'] : ['fc.weight', 'fc.weight'];
  const features = state.get(first)?.size(1);
  const classes = state.get(last)?.size(0);
  if (channels === undefined || features === undefined || classes === undefined) return undefined;
  const side = Math.sqrt(features / (cnn ? 64 : 32)) * (cnn ? 8 : 4);
  if (!Number.isInteger(side)) return undefined;
  return { name: cnn ? 'cnn' : 'small', spec: { channels, height: side, width: side, classes } };
}
