/** The report of a run: the library's page, with charts of the laboratory's own. */
import { getRngState, setRngState, type nn, type Tensor } from 'flambeau';
import type { EpochResult } from '../../../src/train/trainer.ts';
import { makeReport } from '../../../src/train/report/make-report.ts';
import { normalised, type PictureSet } from '../dataset.ts';
import type { NetworkSpec, TrainingSpec } from '../spec.ts';
import { SMALL_CHARTS } from './charts.ts';

/** What a report tells besides what it measures; plain data. */
export interface ReportRequest {
  readonly title: string;
  readonly classes: readonly string[];
  readonly network: NetworkSpec;
  readonly training: TrainingSpec;
  readonly history: readonly EpochResult[];
  /** What people call pictures, by id. */
  readonly names: Readonly<Record<string, string>>;
  /** A link that opens the same setup; empty if there is none. */
  readonly link: string;
}

const BATCH = 64;

function partOf({ images, labels, ids }: PictureSet, names: ReportRequest['names']) {
  const inputs = normalised(images);
  return {
    length: Math.ceil(ids.length / BATCH),
    targets: labels.tolist() as unknown as number[],
    sample: (index: number) => Promise.resolve<Tensor>(inputs.select(0, index)),
    name: (index: number) => names[ids[index]!] ?? ids[index]!,
    async *[Symbol.asyncIterator]() {
      for (let from = 0; from < ids.length; from += BATCH) {
        const count = Math.min(BATCH, ids.length - from);
        yield await Promise.resolve([inputs.narrow(0, from, count), labels.narrow(0, from, count)] as [Tensor, Tensor]);
      }
    },
  };
}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;

/** By validation loss, else by that of training. */
function bestOf(history: readonly EpochResult[]): number {
  const lossOf = ({ validLoss, trainLoss }: EpochResult): number => (Number.isFinite(validLoss) ? validLoss : trainLoss);
  const best = history.reduce<EpochResult | undefined>((a, b) => (a === undefined || lossOf(b) < lossOf(a) ? b : a), undefined);
  return best?.epoch ?? 0;
}

function settingsOf({ network, training }: ReportRequest): (readonly [string, string])[] {
  const { optimizer, lr, momentum, weightDecay, batchSize, seed } = training;
  return [
    ['network', network.name],
    ['pictures', `${network.channels}×${network.size}×${network.size}`],
    ['optimizer', optimizer === 'sgd' ? `SGD, momentum ${momentum}` : optimizer === 'adam' ? 'Adam' : 'AdamW'],
    ['learning rate', String(lr)],
    ['weight decay', String(weightDecay)],
    ['batch size', String(batchSize)],
    ['seed', String(seed)],
  ];
}

/**
 * The page. Pictures kept aside are measured on; without any, those that were trained on, with a note of it.
 * @param network - a copy: it is measured while the run may go on
 */
export async function reportFile(network: nn.Sequential, train: PictureSet, valid: PictureSet, request: ReportRequest): Promise<string> {
  const { classes, history, title, link } = request;
  const aside = valid.ids.length > 0;
  const set = aside ? valid : train;
  const perClass = ({ labels }: PictureSet): number[] => {
    const list = labels.tolist() as unknown as number[];
    return classes.map((_, c) => list.filter((label) => label === c).length);
  };
  const half = new Array<number>(request.network.channels).fill(0.5);
  const random = getRngState(); // measuring must not move the run's draws
  try {
    const { html } = await makeReport({
      title,
      network,
      classes,
      scale: { mean: half, std: half },
      part: partOf(set, request.names),
      measuredOn: `${counted(set.ids.length, aside ? 'picture' : 'training picture')}${aside ? ' kept aside' : ''}`,
      counts: [
        { part: 'training', counts: perClass(train) },
        { part: 'kept aside', counts: perClass(valid) },
      ],
      history,
      bestEpoch: bestOf(history),
      settings: settingsOf(request),
      notes: aside ? [] : ['No pictures were kept aside, so the figures are of those that were trained on, and too good.'],
      command: link === '' ? 'Open the laboratory with the same pictures and these settings.' : link,
      compile: true,
      charts: SMALL_CHARTS,
    });
    return html;
  } finally {
    setRngState(random);
  }
}
