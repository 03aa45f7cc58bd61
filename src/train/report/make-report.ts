/** Gathers what a report shows: measures a trained classifier, and looks closely at a few images. */
import type { Evaluation } from '../class-counts.ts';
import { evaluate, type TrainableModel } from '../evaluation.ts';
import type { Progress } from '../progress.ts';
import type { EvaluationPart } from '../prepare.ts';
import type { RankTimes } from '../step-times.ts';
import type { EpochResult } from '../trainer.ts';
import { reportPage, type Example, type ReportCharts, type ReportContent } from './page.ts';
import { featureMaps, firstFilters, inputImage, lookedAt, pictureOf, type Scale } from './pictures.ts';

export interface ReportInput {
  readonly title: string;
  readonly network: TrainableModel;
  readonly classes: readonly string[];
  /** Of the network's input. */
  readonly scale: Scale;
  /** What to measure on. */
  readonly part: EvaluationPart;
  /** For people: «1,000 test images». */
  readonly measuredOn: string;
  readonly counts: ReportContent['counts'];
  readonly history: readonly EpochResult[];
  readonly bestEpoch: number;
  readonly settings: ReportContent['settings'];
  readonly notes: readonly string[];
  readonly command: string;
  readonly compile: boolean;
  readonly charts: ReportCharts;
  readonly onProgress?: (progress: Progress) => void;
  /** What is known already, instead of measuring. */
  readonly evaluation?: Evaluation;
  /** What steps took in each process, where there were several. */
  readonly ranks?: readonly RankTimes[];
}

/** Pictures of each kind, and layers of which maps are shown. */
const [MOST_MISTAKES, MOST_TYPICAL, MOST_LAYERS] = [12, 12, 14];

/** The page, and the measurement that it shows. */
export async function makeReport(input: ReportInput): Promise<{ readonly html: string; readonly evaluation: Evaluation }> {
  const { network, part, classes, scale, onProgress, compile, charts, evaluation: known, ...rest } = input;
  const evaluation = known ?? (await evaluate(network, part, { compile, ...(onProgress === undefined ? {} : { onProgress }) }));
  const filters = firstFilters(network);
  const look = async (index: number): Promise<Example> => {
    const { labels, guesses, confidences } = evaluation.predictions;
    const sample = await part.sample(index);
    const guess = guesses[index]!;
    return {
      picture: pictureOf(inputImage(sample, scale)),
      heat: filters === undefined ? undefined : lookedAt(network, sample, guess, scale), // only convolutions look
      name: part.name(index),
      actual: classes[labels[index]!]!,
      predicted: classes[guess]!,
      confidence: confidences[index]!,
    };
  };
  const all = async (indices: readonly number[]): Promise<Example[]> => {
    const examples: Example[] = [];
    for (const index of indices) examples.push(await look(index));
    return examples;
  };
  const typical = surestHits(evaluation).slice(0, MOST_TYPICAL);
  const shown = await part.sample(typical[0] ?? 0);
  const content: ReportContent = {
    ...rest,
    classes,
    evaluation,
    mistakes: await all(surestMistakes(evaluation).slice(0, MOST_MISTAKES)),
    typical: await all(typical),
    filters,
    maps: featureMaps(network, shown, MOST_LAYERS),
    mapsOf: pictureOf(inputImage(shown, scale)),
    network: String(network),
  };
  return { html: reportPage(content, charts), evaluation };
}

const bySureness =
  ({ predictions: { confidences } }: Evaluation) =>
  (a: number, b: number) =>
    confidences[b]! - confidences[a]! || a - b;

function surestMistakes(evaluation: Evaluation): number[] {
  const { labels, guesses } = evaluation.predictions;
  return [...labels.keys()].filter((i) => labels[i] !== guesses[i]).sort(bySureness(evaluation));
}

/** For each class the image that is recognised most surely. */
function surestHits(evaluation: Evaluation): number[] {
  const { labels, guesses } = evaluation.predictions;
  const hits = [...labels.keys()].filter((i) => labels[i] === guesses[i]).sort(bySureness(evaluation));
  const first = new Map<number, number>();
  for (const index of hits) if (!first.has(labels[index]!)) first.set(labels[index]!, index);
  return [...first].sort(([a], [b]) => a - b).map(([, index]) => index);
}
