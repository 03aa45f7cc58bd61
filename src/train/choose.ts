/**
 * Which training fits data that nobody has said more about: from facts and wishes to a recipe with its reasons. Nothing is opened, measured or made
 * here; how long a network takes for an image comes from outside. Every wish wins over the choice.
 */
import type { DataFacts } from './facts.ts';
import type { ModelName } from './models.ts';
import { usualRate } from './optimizers.ts';
import { KINDS, SMALL_SIDE, type Candidate, type Kind, type Recipe, type Wishes } from './recipes.ts';

/** Seconds in which a network learns from an image. */
export type Pace = (candidate: Candidate) => number;

export interface Choice {
  readonly kind: Kind;
  readonly recipe: Recipe;
  /** Epochs that it would use if there were time. */
  readonly wanted: number;
  /** What an epoch with its validation takes, and all epochs. */
  readonly secondsPerEpoch: number;
  readonly seconds: number;
  /** What comes after the last epoch, the test and the report: seconds, and as parts of an epoch's time. */
  readonly after: { readonly seconds: number; readonly epochs: number };
  /** Networks and sizes that it was chosen from. */
  readonly alternatives: number;
  /** When the run has to end, in seconds; undefined for whenever its epochs are done. */
  readonly limit: number | undefined;
  /** What was chosen and why, in pairs. */
  readonly reasons: readonly (readonly [topic: string, text: string])[];
  /** What would be better. */
  readonly better: readonly string[];
}

/** What a run may take when nobody says anything. */
const USUAL_MINUTES = 15;
/** Seconds for the page of a run. */
const REPORT = 10;
/** A pass forward is about a third of a training step. */
const FORWARD = 1 / 3;
/** So many times as long as typical: machines without a compiler, and those that are busy. */
const SLOWEST = 6;
/** What such a share of the time does not reach is not worth measuring. */
const SHARE = 0.5;

/** Multiplications and additions of a network for an image of 224×224, in thousands of millions; {@link assumedPace} takes 2 for others. */
const COSTS: { readonly [K in ModelName]?: number } = { small: 0.02, cnn: 0.16, fast: 3.2, resnet18: 1.82, resnet34: 3.67, resnet50: 4.1, mobilenet_v2: 0.31, mobilenet_v3_small: 0.06, mobilenet_v3_large: 0.22, efficientnet_lite0: 0.4, efficientnet_b0: 0.4, squeezenet1_1: 0.35, shufflenet_v2_x1_0: 0.15 }; // prettier-ignore
/** Thousands of millions of those in a second of training, on a quiet machine of two cores. */
const TYPICAL = 30;

const cost = ({ model, size }: Candidate): number => ((COSTS[model] ?? 2) * size.height * size.width) / 224 ** 2;

/** A guess, before anything is measured. */
export const assumedPace: Pace = (candidate) => (3 * cost(candidate)) / TYPICAL;

/** What follows for others from a measurement of one. */
export const measuredPace =
  (measured: Candidate, seconds: number): Pace =>
  (candidate) =>
    (seconds * cost(candidate)) / cost(measured);

/** The row of the table; the first that fits. */
export function kindOf(facts: DataFacts, { model, pretrained }: Wishes): Kind {
  const { height, width, channels, mirrors, isExample } = facts;
  const isSmall = Math.max(height, width) <= SMALL_SIDE;
  if (pretrained !== undefined) return 'tuned';
  if (model !== undefined) return model === 'fast' ? 'pictures' : model === 'cnn' || model === 'small' ? 'plain' : 'photos';
  if (isExample) return 'plain'; // the first thing that anybody sees is quick
  if (isSmall && (!mirrors || Math.min(height, width) < 16)) return 'plain'; // digits and signs
  if (isSmall || channels !== 3) return 'pictures';
  return 'photos';
}

/**
 * A recipe for the data.
 * @param spent - seconds of the run that are gone
 */
export function choose(facts: DataFacts, wishes: Wishes, pace: Pace, spent = 0): Choice {
  const kind = kindOf(facts, wishes);
  const { images } = trainedAndValid(facts, wishes);
  const row = KINDS[kind];
  const batchSize = wishes.batchSize ?? row.batchSize(images);
  const all = candidates(facts, wishes, kind);
  const limit = wishes.minutes === undefined && wishes.epochs !== undefined ? undefined : 60 * (wishes.minutes ?? USUAL_MINUTES);
  const { wanted: usual, fewest } = row.epochs(images, batchSize);
  const wanted = wishes.epochs ?? usual;
  const timed = all.map((candidate) => ({ candidate, ...timesOf(facts, wishes, pace(candidate)) }));
  const left = 60 * (wishes.minutes ?? USUAL_MINUTES) - spent;
  const fits = timed.find(({ epoch, reserve }) => Math.min(fewest, wanted) * epoch + reserve <= left);
  const chosen = fits ?? timed.at(-1)!;
  const inTime = Math.max(1, Math.floor((left - chosen.reserve) / chosen.epoch));
  const epochs = limit === undefined ? wanted : Math.min(wanted, inTime);
  const recipe = complete(facts, wishes, chosen.candidate, { kind, batchSize, epochs });
  const { epoch: secondsPerEpoch, reserve, after } = chosen;
  const made = { kind, recipe, wanted, secondsPerEpoch, seconds: epochs * secondsPerEpoch + reserve, after, alternatives: all.length, limit }; // prettier-ignore
  const larger = timed[timed.indexOf(chosen) - 1];
  const missed = larger && { ...larger.candidate, minutes: minutesFor(Math.min(fewest, wanted), larger, spent) };
  return {
    ...made,
    reasons: reasonsOf(facts, wishes, made),
    better: betterOf(facts, made, minutesFor(wanted, chosen, spent), missed),
  };
}

/** Whether a wrong guess of the pace would matter. */
export const isWorthMeasuring = ({ seconds, limit, alternatives }: Choice): boolean =>
  (limit !== undefined || alternatives > 1) && seconds * SLOWEST > SHARE * (limit ?? 60 * USUAL_MINUTES);

/** The part of the images to validate on: of many a tenth says enough. */
const validSizeOf = ({ images }: DataFacts, { validSize }: Wishes): number => validSize ?? (images >= 20_000 ? 0.1 : 0.2);

/** Images that are trained on, and those that every epoch is measured on. */
function trainedAndValid(facts: DataFacts, wishes: Wishes): { readonly images: number; readonly valid: number } {
  const split = facts.valid > 0 ? 0 : Math.floor(facts.images * validSizeOf(facts, wishes));
  return { images: Math.max(facts.images - split, 1), valid: facts.valid + split };
}

function candidates(facts: DataFacts, wishes: Wishes, kind: Kind): readonly Candidate[] {
  const all = KINDS[kind].candidates(facts, wishes);
  const { size } = wishes;
  return size === undefined ? all : [{ model: all[0]!.model, size }];
}

/** What an epoch takes, and what comes after all of them. */
function timesOf(facts: DataFacts, wishes: Wishes, perImage: number): Times {
  const { images, valid } = trainedAndValid(facts, wishes);
  const work = images + FORWARD * valid;
  const after = { seconds: REPORT, epochs: (FORWARD * (facts.test > 0 ? facts.test : valid)) / work };
  const epoch = work * perImage;
  return { epoch, after, reserve: after.seconds + after.epochs * epoch };
}

/** Seconds of an epoch, and of what comes after all of them. */
interface Times {
  readonly epoch: number;
  readonly after: Choice['after'];
  readonly reserve: number;
}

/** Whole minutes that are enough. */
const minutesFor = (epochs: number, { epoch, reserve }: Times, spent: number): number =>
  Math.floor((epochs * epoch + reserve + spent) / 60) + 1;

/** The row's settings, and over them what was wished for. */
function complete(
  facts: DataFacts,
  wishes: Wishes,
  candidate: Candidate,
  { kind, batchSize, epochs }: { readonly kind: Kind; readonly batchSize: number; readonly epochs: number },
): Recipe {
  const usual = KINDS[kind].settings(facts, candidate, batchSize);
  // A rate belongs to its optimizer, and what is cut out belongs to the size.
  const optimizer = wishes.optimizer ?? usual.optimizer;
  const lr = optimizer === usual.optimizer ? usual.lr : usualRate(optimizer);
  const given = Object.fromEntries(
    Object.entries(wishes).filter(([name, value]) => value !== undefined && name !== 'minutes' && name !== 'pretrained'),
  );
  const made: Recipe = {
    ...usual,
    ...candidate,
    batchSize,
    epochs,
    validSize: validSizeOf(facts, wishes),
    optimizer,
    lr,
    ...given,
  };
  const nesterov = wishes.nesterov ?? (made.nesterov && made.momentum > 0); // of --momentum 0 there is none
  return { ...made, nesterov, epochs, freeze: wishes.freeze ?? Math.min(made.freeze, epochs - 1) };
}

type Made = Omit<Choice, 'reasons' | 'better'>;

function reasonsOf(facts: DataFacts, wishes: Wishes, { kind, recipe, wanted, secondsPerEpoch, limit }: Made): Choice['reasons'] {
  const { model, size, epochs, batchSize, freeze } = recipe;
  const same = size.height === facts.height && size.width === facts.width;
  const came = facts.alike ? `${facts.height}×${facts.width}` : `about ${facts.height}×${facts.width}`;
  const why = (name: keyof Wishes, otherwise: string): string => (wishes[name] === undefined ? otherwise : 'as you say');
  const isShort = epochs < wanted;
  const time = `${Math.max(1, Math.round((epochs * secondsPerEpoch) / 60))} min`;
  const inTime = isShort
    ? `of the ${wanted} that it would use; about ${time} of the ${(limit ?? 0) / 60}`
    : `about ${secondsPerEpoch * epochs < 45 ? `${Math.ceil(secondsPerEpoch * epochs)} s` : time}`;
  return [
    ['network', `${model}: ${why('model', KINDS[kind].why)}`],
    [
      'images',
      `${size.height}×${size.width}: ${why('size', same ? 'as they are' : `they are ${came}`)}${freeze > 0 ? `; the last layer alone for ${freeze} of the epochs` : ''}`,
    ],
    ['batches', `${batchSize} of ${trainedAndValid(facts, wishes).images} images`],
    ['epochs', `${epochs}: ${why('epochs', inTime)}`],
  ];
}

function betterOf(
  facts: DataFacts,
  { kind, recipe, wanted }: Made,
  minutes: number,
  missed: (Candidate & { readonly minutes: number }) | undefined,
): string[] {
  const lines: string[] = [];
  if (recipe.epochs < wanted) lines.push(`--minutes ${minutes} for all ${wanted} epochs`);
  if (missed !== undefined) {
    const other = missed.model === recipe.model ? '' : `${missed.model} and `;
    lines.push(`--minutes ${missed.minutes} for ${other}images of ${missed.size.height}×${missed.size.width}`);
  }
  if (kind === 'photos' && facts.images < 20_000)
    lines.push('weights that others have trained, which help most where images are few: --pretrained FILE');
  if (facts.imbalance >= 3)
    lines.push(`--class-weights balanced: the largest class has ${Math.floor(facts.imbalance)} times the images of the smallest`);
  return lines;
}
