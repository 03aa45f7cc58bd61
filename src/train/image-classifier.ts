/**
 * A trained classifier in a program of one's own: from a file or an address to the classes of a picture. In browsers and in Node; what it sees in a picture is what
 * `flambeau predict` sees.
 */
import { COUNT, isRecord, kind, requireKind, requireOptions, type OptionKinds } from '../base/arguments.ts';
import { bytesOf, type ByteInput } from '../base/bytes.ts';
import { ArgumentError, FormatError } from '../base/errors.ts';
import type { HostBlob, HostUrl } from '../base/host-types.ts';
import { isNode, nodeModule } from '../io/bytes/platform.ts';
import { readingPath } from '../io/bytes/read-path.ts';
import { deserialize } from '../io/checkpoint.ts';
import type { Checkpoint } from '../io/checkpoint-value.ts';
import { Image } from '../io/image/image.ts';
import { MAX_PIXELS } from '../io/image/limits.ts';
import { FILE_KINDS, loadFile, type LoadFileOptions } from '../io/web/load.ts';
import { compile } from '../tensor/compile.ts';
import { withGradMode } from '../tensor/grad-mode.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { imageOfDrawable, isDrawable, type Drawable } from '../vision/drawn-image.ts';
import { unpackClassifier, type TrainedClassifier } from './classifier.ts';
import type { Classifier, ImageSpec } from './models.ts';
import { preprocess } from './preprocess.ts';
import { readInput } from './read-input.ts';

/** Where a file is: an address or, in Node, a path; a `URL`, `File` or `Blob`; its bytes. */
export type ClassifierFile = string | HostUrl | HostBlob | ByteInput;

/** What {@link ImageClassifier.predict} takes: a file, or a picture that a page shows or `readImage` has read. */
export type ClassifierImage = ClassifierFile | Drawable | Image;

/** Options of {@link loadClassifier}. Those of files are for addresses. */
export interface LoadClassifierOptions extends LoadFileOptions {
  /** Names of the classes, in order; default those in the file, and for weights alone '0', '1', …. */
  readonly classes?: readonly string[];
  /** Side of the images, for weights alone; default what the network is usually trained on, often 224. */
  readonly size?: number;
}

/** A class and how sure the network is of it. */
export interface ClassGuess {
  readonly class: string;
  readonly probability: number;
}

/** Options of {@link ImageClassifier.predict}. */
export interface ClassifyOptions {
  /** How many classes to give; default all. */
  readonly top?: number;
  /** Most pixels of the picture; default 178,956,970. */
  readonly maxPixels?: number;
}

const NAMES = kind('a list of names', (value) => Array.isArray(value) && value.every((name) => typeof name === 'string'));
const CLASSIFIER = kind(
  'what unpackClassifier gives: { network, classes, spec }',
  (value) => isRecord(value) && typeof value['network'] === 'function' && NAMES.accepts(value['classes']) && isRecord(value['spec']),
);
const LOAD_OPTIONS: OptionKinds<LoadClassifierOptions> = { ...FILE_KINDS, classes: NAMES, size: COUNT };
const CLASSIFY_OPTIONS: OptionKinds<ClassifyOptions> = { top: COUNT, maxPixels: COUNT };

/** A network that says what is in pictures; made by {@link loadClassifier}. */
export class ImageClassifier {
  /** From images [N, channels, height, width], as {@link input} makes them, to logits [N, classes]; in evaluation mode. */
  readonly network: Classifier;
  /** Names by class index. */
  readonly classes: readonly string[];
  /** Channels and size of the network's images, and how pixels become numbers. */
  readonly spec: ImageSpec;
  readonly #probabilities: (x: Tensor) => Tensor;

  /** @param classifier - what `unpackClassifier` gives */
  constructor(classifier: Pick<TrainedClassifier, 'network' | 'classes' | 'spec'>) {
    requireKind('ImageClassifier', 'the classifier', classifier, CLASSIFIER);
    const { network, classes, spec } = classifier;
    [this.network, this.classes, this.spec] = [network, classes, spec];
    this.#probabilities = compile((x: Tensor) => withGradMode(false, () => network(x).softmax(1)));
  }

  /**
   * What the network takes of a picture: [channels, height, width].
   * @throws FormatError when it is damaged or no picture
   */
  async input(image: ClassifierImage, options: Pick<ClassifyOptions, 'maxPixels'> = {}): Promise<Tensor> {
    const { maxPixels } = requireOptions<ClassifyOptions>('input', options, CLASSIFY_OPTIONS, '{ maxPixels: 200e6 }');
    const most = maxPixels === undefined ? {} : { maxPixels };
    if (image instanceof Image) return this.#inputOf(image);
    if (isDrawable(image)) return this.#inputOf(imageOfDrawable(image, maxPixels ?? MAX_PIXELS));
    const { bytes, name } = await bytesFrom('predict', image, {});
    try {
      return await readInput(bytes, this.spec, { name, ...most });
    } catch (error) {
      const drawn = error instanceof FormatError ? await browsersOwn(bytes) : undefined; // AVIF, and HEIC in Safari
      if (drawn === undefined) throw error;
      return this.#inputOf(imageOfDrawable(drawn, maxPixels ?? MAX_PIXELS));
    }
  }

  /**
   * The classes of a picture, the most probable first.
   * @throws FormatError when it is damaged or no picture
   */
  async predict(image: ClassifierImage, options: ClassifyOptions = {}): Promise<ClassGuess[]> {
    const { top, ...rest } = requireOptions<ClassifyOptions>('predict', options, CLASSIFY_OPTIONS, '{ top: 3 }');
    const values = this.#probabilities((await this.input(image, rest)).unsqueeze(0)).toTypedArray();
    const guesses = this.classes.map((name, i) => ({ class: name, probability: Number(values[i]) }));
    return guesses.sort((a, b) => b.probability - a.probability).slice(0, top);
  }

  #inputOf(image: Image): Tensor {
    return preprocess(this.spec)(image.convert(this.spec.channels === 1 ? 'L' : 'RGB'));
  }
}

/**
 * Loads a classifier that `flambeau train` has saved, or the weights of one of torchvision's classifiers (alone, in a checkpoint, or in a whole module that was saved), which are
 * recognised by their names and shapes.
 *
 * @param source - the file, or what `load` and `deserialize` made of one; in Node also the folder of a run
 * @throws FormatError for weights of another network: load these into a module of your own
 * @throws FetchError when an address gives no file
 * @example
 * import { serialize } from 'flambeau/files';
 * import { loadClassifier } from 'flambeau/train';
 * import { models } from 'flambeau/vision';
 *
 * const file = serialize(models.squeezenet1_1({ numClasses: 2 }).stateDict()); // 'best.pt', '/models/best.pt', a File, …
 * const classifier = await loadClassifier(file, { classes: ['cat', 'dog'], size: 64 });
 *
 * const picture = new TextEncoder().encode('P5 2 1 255 \u0000~'); // 'cat.jpg', a File, an <img>, a canvas, …
 * const [best] = await classifier.predict(picture);
 * console.log(classifier.classes.includes(best!.class), best!.probability >= 0.5); // true true
 */
export async function loadClassifier(source: ClassifierFile | Checkpoint, options: LoadClassifierOptions = {}): Promise<ImageClassifier> {
  const { classes, size, ...files } = requireOptions<LoadClassifierOptions>(
    'loadClassifier',
    options,
    LOAD_OPTIONS,
    "{ classes: ['cat', 'dog'] }",
  );
  const { name, value } = await valueOf(source, files);
  const own = size === undefined ? {} : { spec: { height: size, width: size } };
  const found = unpackClassifier(value, name, own);
  if (size !== undefined && found.described)
    throw new ArgumentError(
      `loadClassifier: size is for weights alone; ${name} says that its images are ${found.spec.height}×${found.spec.width}`,
    );
  if (classes !== undefined && classes.length !== found.classes.length)
    throw new ArgumentError(`loadClassifier: the network has ${found.classes.length} classes, but classes has ${classes.length} names`);
  return new ImageClassifier({ ...found, classes: classes ?? found.classes });
}

async function valueOf(source: ClassifierFile | Checkpoint, files: LoadFileOptions): Promise<{ name: string; value: unknown }> {
  if (source instanceof Map) return { name: 'loadClassifier', value: source };
  const { bytes, name } = await bytesFrom('loadClassifier', source, files);
  return { name, value: deserialize(bytes) };
}

/** The bytes of a file wherever it is, and what messages call it. */
async function bytesFrom(op: string, file: ClassifierFile, options: LoadFileOptions): Promise<{ bytes: Uint8Array; name: string }> {
  if (typeof file === 'string' && options.from === undefined && isNode && !/^[a-z][\w+.-]+:/i.test(file))
    return { bytes: readPath(op, file), name: file };
  if (file instanceof URL && file.protocol === 'file:' && isNode)
    return { bytes: readPath(op, nodeModule('url', op, '').fileURLToPath(file)), name: file.href };
  if (typeof file === 'string' || file instanceof URL) return { bytes: await loadFile(file, options), name: String(file).slice(0, 200) };
  if (file instanceof Blob)
    return { bytes: new Uint8Array(await file.arrayBuffer()), name: 'name' in file ? String(file.name) : 'the file' };
  return { bytes: bytesOf(op, file), name: 'the file' };
}

/** A file by its path, or the best network in the folder of a run. */
function readPath(op: string, path: string): Uint8Array {
  const fs = nodeModule('fs', op, 'pass an address');
  return readingPath(op, path, () => {
    const isFolder = fs.statSync(path).isDirectory();
    return fs.readFileSync(isFolder ? nodeModule('path', op, '').join(path, 'best.pt') : path);
  });
}

/** The picture in a file as the browser decodes it, turned as the camera was held; undefined where it cannot. */
async function browsersOwn(bytes: Uint8Array): Promise<Drawable | undefined> {
  const host = globalThis as { readonly createImageBitmap?: (file: Blob) => Promise<Drawable> };
  return host.createImageBitmap?.(new Blob([bytes.slice()])).catch(() => undefined);
}
