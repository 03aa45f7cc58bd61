/**
 * A trained classifier as one value for a checkpoint: the state dict, and beside it all that is needed to use it again: which
 * network it is, for which images, and the names of the classes.
 *
 * In Python, `torch.load(f, weights_only=True)` gives a dict with `state_dict`, `classes`, `arch` and two marks. It has whole
 * numbers and text only, since PyTorch 1.13 refuses other numbers there.
 */
import '../nn/families/state-dicts.ts';

import { kind, requireKind, TEXT } from '../base/arguments.ts';
import { FormatError } from '../base/errors.ts';
import type { CheckpointInput } from '../io/checkpoint.ts';
import { isStateDict } from '../io/checkpoint-value.ts';
import { ModuleBase } from '../nn/module-base.ts';
import { fromTypedArray } from '../tensor/create.ts';
import { isTensor } from '../tensor/is-tensor.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { findState } from './find-state.ts';
import { normalizationOf } from './preprocess.ts';
import { createModel, inferModel, MODEL_NAMES, type Classifier, type ImageSpec, type ModelName } from './models.ts';

/** What a classifier is, apart from its weights. */
export interface ClassifierInfo {
  readonly model: ModelName;
  readonly spec: ImageSpec;
  /** Names by class index. */
  readonly classes: readonly string[];
  /** What is in the images that it was trained on, a number for each (CRC-32 of the files, or of the pixels), so that nobody measures it on them unawares. */
  readonly trained?: Int32Array | undefined;
}

/** A classifier that is ready for use. */
export interface TrainedClassifier extends ClassifierInfo {
  readonly network: Classifier;
  /** False when the file held weights only, and names and image size had to be guessed. */
  readonly described: boolean;
}

const FORMAT = 'flambeau-classifier';
const VERSION = 1;

const MODULE = kind('a module', (value) => value instanceof ModuleBase);
const INFO = kind('{ model, spec, classes }', (value) => {
  const { spec, classes } = (value ?? {}) as Readonly<Record<string, unknown>>;
  return typeof spec === 'object' && spec !== null && Array.isArray(classes);
});

/** `0.5` where all are alike. */
const shownList = (values: readonly number[]): string => (new Set(values).size === 1 ? String(values[0]) : `(${values.join(', ')})`);

/** The value to save. */
export function packClassifier(network: ModuleBase, info: ClassifierInfo): CheckpointInput {
  requireKind('packClassifier', 'the network', network, MODULE);
  requireKind('packClassifier', 'the description', info, INFO);
  const { channels, height, width, classes, normalization, resize } = info.spec;
  const { mean, std } = normalizationOf(info.spec);
  return {
    format: FORMAT,
    version: VERSION,
    arch: { model: info.model, channels, height, width, classes, ...(resize === undefined ? {} : { resize }) },
    classes: info.classes,
    ...(info.trained === undefined ? {} : { trained_on: fromTypedArray(info.trained) }),
    preprocess: `Resize(${resize === undefined ? 'shorter edge' : `shorter edge to ${resize}`}), CenterCrop, ToTensor, Normalize(mean ${shownList(mean)}, std ${shownList(std)})`,
    ...(normalization === undefined ? {} : { normalization }),
    state_dict: network.stateDict(),
  };
}

/**
 * The classifier in a value from a checkpoint: what {@link packClassifier} made, or the state dict of one of the networks that `flambeau train`
 * knows, alone or as an entry of a checkpoint of others.
 *
 * @param where - what messages call the file
 * @param overrides - what to take instead of what a bare state dict lets one guess
 * @throws FormatError when it is neither
 * @throws StateDictError when the weights do not fit the network
 */
export function unpackClassifier(
  value: unknown,
  where: string,
  overrides: { readonly spec?: Partial<Pick<ImageSpec, 'channels' | 'height' | 'width'>> } = {},
): TrainedClassifier {
  requireKind('unpackClassifier', 'where it is from', where, TEXT);
  const bare = isOwn(value) ? undefined : findState(value);
  const { info, state } = bare === undefined ? described(value, where) : { info: guessed(bare, where, overrides.spec), state: bare };
  const network = createModel(info.model, info.spec);
  network.loadStateDict(state);
  network.eval();
  return { ...info, network, described: bare === undefined };
}

const isOwn = (value: unknown): boolean => value instanceof Map && value.get('format') === FORMAT;

function guessed(
  state: ReadonlyMap<string, Tensor>,
  where: string,
  size: Partial<Pick<ImageSpec, 'channels' | 'height' | 'width'>> | undefined,
): ClassifierInfo {
  const found = inferModel(state);
  if (found === undefined) {
    throw new FormatError(
      `${where}: its weights are not those of a network that flambeau knows (flambeau models lists them); load it in a program of your own`,
    );
  }
  const spec = { ...found.spec, ...size };
  return { model: found.name, spec, classes: Array.from({ length: spec.classes }, (_, i) => String(i)) };
}

function described(value: unknown, where: string): { info: ClassifierInfo; state: ReadonlyMap<string, Tensor> } {
  const fail = (why: string): never => {
    throw new FormatError(`${where}: ${why}; expected a checkpoint of flambeau train, or a state dict`);
  };
  const part = (of: unknown, key: string): unknown => (of instanceof Map ? (of.get(key) as unknown) : undefined);
  if (part(value, 'format') !== FORMAT) fail('it holds something else');
  const version = part(value, 'version');
  if (version !== VERSION) fail(`it is of version ${String(version)} of the format, but this program knows ${VERSION}`);
  const arch = part(value, 'arch');
  const size = (key: string): number => {
    const n = part(arch, key);
    return Number.isSafeInteger(n) && (n as number) > 0 ? (n as number) : fail(`its arch has no whole number '${key}'`);
  };
  const name = part(arch, 'model');
  const model = MODEL_NAMES.find((known) => known === name) ?? fail(`it holds a network named '${String(name)}'`);
  const normalization = part(value, 'normalization');
  if (normalization !== undefined && normalization !== 'half' && normalization !== 'imagenet')
    return fail(`its normalization is not one that is known`);
  const sizes = { channels: size('channels'), height: size('height'), width: size('width'), classes: size('classes') };
  const resize = part(arch, 'resize') === undefined ? {} : { resize: size('resize') };
  const spec: ImageSpec = { ...sizes, ...resize, ...(normalization === undefined ? {} : { normalization }) };
  const classes = part(value, 'classes');
  if (!Array.isArray(classes) || classes.length !== spec.classes || !classes.every((item) => typeof item === 'string'))
    return fail(`its classes are not ${spec.classes} names`);
  const state = part(value, 'state_dict');
  const trained = part(value, 'trained_on'); // files of before have none
  if (trained !== undefined && !(isTensor(trained) && trained.dtype === 'int32')) fail('what it was trained on is no list of numbers');
  const images = isTensor(trained) ? { trained: trained.toTypedArray() as Int32Array } : {};
  return {
    info: { model, spec, classes, ...images },
    state: isStateDict(state) ? state : fail('it has no state_dict'),
  };
}
