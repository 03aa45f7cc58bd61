/** What a run is told, and what it decides itself: from options and data to settings, said in a few lines. */
import { choose, assumedPace, isWorthMeasuring, measuredPace, type Choice } from '../train/choose.ts';
import { factsOf, type DataFacts } from '../train/facts.ts';
import { secondsPerImage } from '../train/measure-speed.ts';
import type { ModelName } from '../train/models.ts';
import type { DataSource } from '../train/open-data.ts';
import type { Augmentation } from '../train/preprocess.ts';
import { partOf } from '../train/share.ts';
import type { Candidate, Wishes } from '../train/recipes.ts';
import type { ScheduleName } from '../train/planned-lr.ts';
import type { OptimizerName } from '../train/optimizers.ts';
import { UsageError } from './options.ts';
import type { Terminal } from './terminal.ts';
import type { TrainOptions } from './train-options.ts';

/** What keeps a run within its time. */
export interface TimePlan {
  /** Seconds for all of it. */
  readonly limit: number;
  /** Epochs if there is time. */
  readonly wanted: number;
  /** What comes after the last epoch: seconds, and the part of an epoch's time. */
  readonly reserve: { readonly seconds: number; readonly epochs: number };
}

/** The options, with everything decided. Runs of before lack what came later. */
export type TrainSettings = Omit<TrainOptions, 'lr' | 'config'> & {
  readonly model: ModelName;
  readonly epochs: number;
  readonly batchSize: number;
  readonly validSize: number;
  readonly optimizer: OptimizerName;
  readonly lr: number | undefined;
  readonly momentum: number;
  readonly weightDecay: number;
  readonly schedule: ScheduleName;
  readonly labelSmoothing: number;
  readonly freeze: number;
  readonly rotation: number;
  readonly time?: TimePlan | undefined;
};

/** What of the options takes part in the choice. */
function wishesOf(given: TrainOptions, pretrained: ModelName | undefined): Wishes {
  const { minutes, model, epochs, batchSize, validSize, optimizer, momentum, nesterov, weightDecay, schedule, warmup, labelSmoothing, freeze, headRate, resize } = given; // prettier-ignore
  const [height, width = height] = given.size ?? [];
  const size = height === undefined ? undefined : { height, width: width! };
  const lr = given.lr === 'find' ? undefined : given.lr;
  return { minutes, model, epochs, batchSize, validSize, optimizer, lr, momentum, nesterov, weightDecay, schedule, warmup, labelSmoothing, freeze, headRate, resize, size, pretrained }; // prettier-ignore
}

/** Decides, measuring on this machine what a step takes where that matters. @param start - when the run began */
export async function chosenSettings(
  source: DataSource,
  given: TrainOptions,
  pretrained: ModelName | undefined,
  start: number,
  terminal: Terminal,
): Promise<{ readonly settings: TrainSettings; readonly choice: Choice }> {
  if (given.randaugment === true && given.trivialAugment === true)
    throw new UsageError('flambeau train: --randaugment and --trivial-augment are two ways of the same; choose one');
  const facts = await factsOf(source);
  const wishes = wishesOf(given, pretrained);
  const spent = (): number => (performance.now() - start) / 1000;
  let choice = choose(facts, wishes, assumedPace, spent());
  const measured = new Set<string>();
  while (isWorthMeasuring(choice) && measured.size < 3) {
    const { model, size, batchSize } = choice.recipe;
    const key = `${model} ${size.height}×${size.width}`;
    if (measured.has(key)) break;
    measured.add(key);
    terminal.progress({ label: `Measuring ${key}`, done: measured.size, total: 3, details: [] });
    const share = { rank: 0, size: given.processes ?? 1 };
    const seconds = (await measure({ model, size }, facts, Math.min(partOf(batchSize, share), 64), given)) / share.size;
    choice = choose(facts, wishes, measuredPace({ model, size }, seconds), spent());
  }
  const { size, resize } = choice.recipe;
  const edge = Math.min(size.height, size.width);
  if (resize !== undefined && resize < edge)
    throw new UsageError(
      `--resize: expected at least ${edge}, so that ${size.height}×${size.width} can be cut out, but got ${resize}; give a smaller --size with it`,
    );
  return { settings: settingsOf(given, choice), choice };
}

async function measure({ model, size }: Candidate, facts: DataFacts, batch: number, given: TrainOptions): Promise<number> {
  const { channels, classes } = facts;
  const compile = given.compile && { memoryLimit: given.memoryLimit && given.memoryLimit * 1e6 };
  return await secondsPerImage(model, { channels, ...size, classes }, batch, { compile });
}

function settingsOf(given: TrainOptions, { recipe, limit, wanted, after }: Choice): TrainSettings {
  const { augmentation, size, ...chosen } = recipe;
  const { config: _, ...rest } = given;
  const time = limit === undefined ? undefined : { limit, wanted, reserve: after };
  return {
    ...rest,
    ...chosen,
    ...augmented(given, augmentation),
    size: [size.height, size.width],
    minutes: undefined,
    time,
  };
}

/** The random changes, each as it was wished for or chosen. */
function augmented(given: TrainOptions, chosen: Augmentation) {
  const isSaid = given.randaugment !== undefined || given.trivialAugment !== undefined;
  return {
    flip: given.flip ?? chosen.flip,
    rotation: given.rotation ?? chosen.rotation,
    shift: given.shift ?? chosen.shift ?? 0,
    crop: given.crop ?? chosen.crop ?? 1,
    randaugment: isSaid ? given.randaugment : chosen.policy === 'randaugment',
    trivialAugment: isSaid ? given.trivialAugment : chosen.policy === 'trivial-augment',
  };
}

/** What the settings say of random changes; undefined for none. */
export function augmentationOf(source: DataSource, settings: TrainSettings): Augmentation | undefined {
  if (!settings.augment) return undefined;
  const { flip, rotation, shift, crop, randaugment, trivialAugment } = settings;
  const policy = randaugment === true ? 'randaugment' : trivialAugment === true ? 'trivial-augment' : undefined;
  return { flip: flip ?? source.mirrors, rotation, shift, crop, policy };
}

/** The choice for people. */
export function choiceLines({ reasons, better }: Choice): string[] {
  const rows = [...reasons, ...better.map((text, i) => [i === 0 ? 'better' : '', text] as const)];
  return ['Chosen:', ...rows.map(([topic, text]) => `  ${topic.padEnd(8)} ${text}`)];
}
