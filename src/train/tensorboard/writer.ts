/** PyTorch's `SummaryWriter`: values of a training for TensorBoard (https://pytorch.org/docs/stable/tensorboard.html). Node only. */
import { hostname } from 'node:os';
import { join } from 'node:path';
import { arrayOf, COUNT, either, FINITE, isRecord, kind, NUMBER, oneOf, PATH, requireKind, requireOptions, SIZE, TEXT, type Kind, type OptionKinds } from '../../base/arguments.ts'; // prettier-ignore
import { encodePng } from '../../io/image/encode-png.ts';
import { ModuleBase } from '../../nn/module-base.ts';
import { isTensor } from '../../tensor/is-tensor.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { EventFile } from './event-file.ts';
import { graphEvent, histogramValue, hparamsValues, imageValue, restart, scalarValue, summaryEvent, textValue, type HParam, type When } from './events.ts'; // prettier-ignore
import { graphOf } from './graph.ts';
import { histogramOf, type HistogramBins } from './histogram.ts';
import { pictureOf } from './pictures.ts';

export interface SummaryWriterOptions {
  /** Added to the name of the usual folder, `runs/DATE_HOST`. */
  readonly comment?: string;
  /** The step from which on values of a run that broke off are hidden, since they will be written anew. */
  readonly purgeStep?: number;
  /** Added to the names of files. */
  readonly filenameSuffix?: string;
}

/** A number, or a tensor with one. */
export type ScalarValue = number | Tensor;

export interface ImageWriteOptions {
  /** Seconds since 1970, by default now. */
  readonly walltime?: number;
  /** What the dimensions are: H, W, C, and N for several pictures. Default `'CHW'`, `'NCHW'` for several. */
  readonly dataformats?: string;
}

export interface HistogramWriteOptions {
  readonly walltime?: number;
  /** Default `'tensorflow'`. */
  readonly bins?: HistogramBins;
  /** Neighbouring bins are put together until there are about as few. */
  readonly maxBins?: number;
}

export interface HParamsOptions {
  /** All values that a hyperparameter may have. */
  readonly hparamDomainDiscrete?: Readonly<Record<string, readonly HParam[]>>;
  /** The folder in the writer's, by default the time. */
  readonly runName?: string;
  readonly globalStep?: number;
}

const WRITER: OptionKinds<SummaryWriterOptions> = {
  comment: TEXT,
  purgeStep: SIZE,
  filenameSuffix: kind('text without slashes', (value) => typeof value === 'string' && !/[/\\]/.test(value)),
};
const IMAGE: OptionKinds<ImageWriteOptions> = { walltime: FINITE, dataformats: TEXT };
const GROWING: Kind = kind(
  'an array of at least two numbers that grow',
  (value) =>
    arrayOf(NUMBER, 'numbers').accepts(value) &&
    (value as number[]).length > 1 &&
    (value as number[]).every((edge, i, all) => i === 0 || edge > all[i - 1]!),
);
const HISTOGRAM: OptionKinds<HistogramWriteOptions> = {
  walltime: FINITE,
  bins: either(oneOf('tensorflow'), COUNT, GROWING),
  maxBins: COUNT,
};
const DOMAINS = kind('an object with arrays of values', (value) => isRecord(value) && Object.values(value).every(Array.isArray));
const HPARAMS: OptionKinds<HParamsOptions> = { hparamDomainDiscrete: DOMAINS, runName: PATH, globalStep: SIZE };
const TENSOR: Kind = kind('a tensor', isTensor);
const SCALAR: Kind = kind(
  'a number, or a tensor with one',
  (value) => typeof value === 'number' || (isTensor(value) && value.numel() === 1),
);
const HPARAM: Kind = kind('numbers, texts and truth values', (value) => ['number', 'string', 'boolean'].includes(typeof value));
const MODEL: Kind = kind('a module', (value) => value instanceof ModuleBase);

/**
 * Writes what TensorBoard shows: `tensorboard --logdir runs`. Each value is in the file when its method returns.
 * @example
 * import { mkdtempSync } from 'node:fs';
 * import { tmpdir } from 'node:os';
 * import { join } from 'node:path';
 * import { nn, rand, zeros } from 'flambeau';
 * import { SummaryWriter } from 'flambeau/utils/tensorboard';
 *
 * const writer = new SummaryWriter(join(mkdtempSync(join(tmpdir(), 'board-')), 'run'));
 * const conv = new nn.Conv2d(3, 8, 3);
 * const model = new nn.Sequential(conv, new nn.ReLU());
 * writer.addGraph(model, zeros(1, 3, 8, 8));
 * for (let step = 0; step < 3; step++) writer.addScalar('loss/train', 1 / (step + 1), step);
 * writer.addImages('inputs', rand(4, 3, 8, 8));
 * writer.addHistogram('weights', conv.weight, 2);
 * writer.close();
 */
export class SummaryWriter implements Disposable {
  readonly #folder: string;
  readonly #options: SummaryWriterOptions;
  /** By folder: scalars that are drawn together have one each. */
  readonly #files = new Map<string, EventFile>();

  /**
   * Makes the folder and begins a file in it.
   * @param logDir - by default `runs/DATE_HOST`
   * @throws ArgumentError for options that are none
   * @see https://pytorch.org/docs/stable/tensorboard.html#torch.utils.tensorboard.writer.SummaryWriter
   */
  constructor(logDir?: string | SummaryWriterOptions, options?: SummaryWriterOptions) {
    const isPath = typeof logDir === 'string';
    if (isPath) requireKind('SummaryWriter', 'logDir', logDir, PATH, "write new SummaryWriter('runs/first')");
    this.#options = requireOptions<SummaryWriterOptions>('SummaryWriter', isPath ? options : (logDir ?? options), WRITER, "'runs/first'");
    this.#folder = isPath ? logDir : join('runs', `${folderTime(new Date())}_${hostname()}${this.#options.comment ?? ''}`);
    const { purgeStep } = this.#options;
    const file = this.#file(this.#folder);
    if (purgeStep !== undefined) for (const event of restart({ walltime: now(), step: purgeStep })) file.add(event);
  }

  /** The folder (PyTorch: `get_logdir`). */
  getLogdir(): string {
    return this.#folder;
  }

  /**
   * A point of a curve.
   * @param walltime - seconds since 1970, by default now
   * @see https://pytorch.org/docs/stable/tensorboard.html#torch.utils.tensorboard.writer.SummaryWriter.add_scalar
   */
  addScalar(tag: string, scalar: ScalarValue, globalStep?: number, walltime?: number): void {
    this.#write('addScalar', { walltime, step: globalStep }, scalarValue(named('addScalar', tag), numberOf('addScalar', scalar)));
  }

  /** Points of several curves in one diagram, each in a folder `MAINTAG_TAG` of its own, as PyTorch does it. */
  addScalars(mainTag: string, tagScalarDict: Readonly<Record<string, ScalarValue>>, globalStep?: number, walltime?: number): void {
    named('addScalars', mainTag);
    requireKind('addScalars', 'the scalars', tagScalarDict, kind('an object with numbers', isRecord));
    const time = when('addScalars', { walltime, step: globalStep });
    for (const [tag, value] of Object.entries(tagScalarDict)) {
      const folder = join(this.#folder, `${mainTag.replaceAll('/', '_')}_${tag.replaceAll(/[/\\]/g, '_')}`);
      this.#file(folder).add(summaryEvent(time, scalarValue(mainTag, numberOf('addScalars', value))));
    }
  }

  /**
   * How values are distributed: of weights, activations, gradients.
   * @throws ArgumentError for no values, or values that are not finite
   */
  addHistogram(tag: string, values: Tensor, globalStep?: number, options: HistogramWriteOptions = {}): void {
    requireKind('addHistogram', 'values', values, TENSOR);
    const { walltime, bins = 'tensorflow', maxBins } = requireOptions<HistogramWriteOptions>('addHistogram', options, HISTOGRAM);
    const numbers = Float64Array.from(values.detach().toTypedArray() as ArrayLike<number | bigint>, Number);
    this.#write(
      'addHistogram',
      { walltime, step: globalStep },
      histogramValue(named('addHistogram', tag), histogramOf(numbers, bins, maxBins)),
    );
  }

  /**
   * A picture [C, H, W], with 1 or 3 channels; floating-point values from 0 to 1, others from 0 to 255.
   * @throws ShapeError when the dimensions are others than `dataformats` says
   */
  addImage(tag: string, imgTensor: Tensor, globalStep?: number, options: ImageWriteOptions = {}): void {
    this.#picture('addImage', 'CHW', tag, imgTensor, globalStep, options);
  }

  /** Pictures [N, C, H, W] side by side. */
  addImages(tag: string, imgTensor: Tensor, globalStep?: number, options: ImageWriteOptions = {}): void {
    this.#picture('addImages', 'NCHW', tag, imgTensor, globalStep, options);
  }

  #picture(op: string, usual: string, tag: string, tensor: Tensor, step: number | undefined, options: ImageWriteOptions): void {
    requireKind(op, 'the image', tensor, TENSOR);
    const { walltime, dataformats = usual } = requireOptions<ImageWriteOptions>(op, options, IMAGE);
    const image = pictureOf(op, tensor, dataformats);
    this.#write(op, { walltime, step }, imageValue(named(op, tag), image.height, image.width, 3, encodePng(image)));
  }

  /** A text, which may be Markdown. */
  addText(tag: string, textString: string, globalStep?: number, walltime?: number): void {
    requireKind('addText', 'the text', textString, TEXT);
    this.#write('addText', { walltime, step: globalStep }, textValue(named('addText', tag), textString));
  }

  /**
   * The network's graph, found by running it once on zeros like the input, in evaluation mode and without gradients.
   * @throws ShapeError when the model does not take such an input
   */
  addGraph(model: ModuleBase & ((input: Tensor) => unknown), inputToModel: Tensor): void {
    requireKind('addGraph', 'the model', model, MODEL);
    requireKind('addGraph', 'the input', inputToModel, TENSOR);
    this.#file(this.#folder).add(graphEvent({ walltime: now() }, graphOf(model, inputToModel)));
  }

  /** Hyperparameters and what came of them, as a run of its own below this one. */
  addHparams(
    hparamDict: Readonly<Record<string, HParam>>,
    metricDict: Readonly<Record<string, ScalarValue>>,
    options: HParamsOptions = {},
  ): void {
    const {
      hparamDomainDiscrete: domains = {},
      runName = String(now()),
      globalStep,
    } = requireOptions<HParamsOptions>('addHparams', options, HPARAMS);
    for (const dictionary of [hparamDict, metricDict])
      requireKind('addHparams', 'hyperparameters and metrics', dictionary, kind('objects', isRecord));
    for (const value of Object.values(hparamDict)) requireKind('addHparams', 'hyperparameters', value, HPARAM);
    const file = new EventFile(join(this.#folder, runName), this.#options.filenameSuffix ?? '');
    try {
      const time = when('addHparams', { step: globalStep });
      for (const value of hparamsValues(hparamDict, Object.keys(metricDict), domains)) file.add(summaryEvent(time, value));
      for (const [tag, value] of Object.entries(metricDict)) file.add(summaryEvent(time, scalarValue(tag, numberOf('addHparams', value))));
    } finally {
      file.close();
    }
  }

  /** Waits until all of it is on the disk. */
  flush(): void {
    for (const file of this.#files.values()) file.flush();
  }

  /** Ends the files; another value begins a new one. */
  close(): void {
    for (const file of this.#files.values()) file.close();
    this.#files.clear();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #file(folder: string): EventFile {
    let file = this.#files.get(folder);
    if (file === undefined) this.#files.set(folder, (file = new EventFile(folder, this.#options.filenameSuffix ?? '')));
    return file;
  }

  #write(op: string, time: Time, value: Uint8Array): void {
    this.#file(this.#folder).add(summaryEvent(when(op, time), value));
  }
}

const now = (): number => Date.now() / 1000;

interface Time {
  readonly walltime?: number | undefined;
  readonly step?: number | undefined;
}

function when(op: string, { walltime, step }: Time): When {
  if (walltime !== undefined) requireKind(op, 'walltime', walltime, FINITE);
  if (step !== undefined) requireKind(op, 'globalStep', step, kind('a whole number', Number.isSafeInteger));
  return { walltime: walltime ?? now(), step };
}

function named(op: string, tag: string): string {
  requireKind(
    op,
    'the tag',
    tag,
    kind('a name that is not empty', (value) => typeof value === 'string' && value !== ''),
  );
  return tag;
}

function numberOf(op: string, value: ScalarValue): number {
  requireKind(op, 'the scalar', value, SCALAR);
  return typeof value === 'number' ? value : value.item();
}

/** `May04_22-14-54`, as PyTorch's usual folder. */
function folderTime(date: Date): string {
  const month = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'][date.getMonth()]!;
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${month}${two(date.getDate())}_${[date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join('-')}`;
}
