/** Makes files of what stands now: of the current run, or before any of the initial weights. The network's part is made in a worker. */
import { saveFile } from 'flambeau/files/web';
import { pageDocument } from '../../../../src/train/export/page-document.ts';
import { pictureSets } from '../../../core/dataset.ts';
import type { Setup } from '../../../core/spec.ts';
import { picturesFile } from '../../../core/take/files.ts';
import type { OfferKind } from '../../../core/take/offers.ts';
import type { ReportRequest } from '../../../core/take/report.ts';
import { pageHash, pageScript } from '../../../page/source.ts';
import type { RunFunctions } from '../../../worker/functions.ts';
import { callHelper } from '../../state/helper.ts';
import { linkOf } from '../../state/link.ts';
import { currentRun, pictures, setup } from '../../state/project.ts';
import type { Run } from '../../state/run.ts';

/** What is taken away: the run's own setup, since the project may have been changed after it was begun. */
export function takenSetup(run: Run | undefined): Setup {
  if (run === undefined) return setup.value;
  return { version: 1, classes: run.classes, network: run.network, training: run.training.value };
}

type Name = 'takeFile' | 'takePage' | 'takeReport';

/** Asks the run's worker, or the helper that every page has. */
async function ask<N extends Name>(name: N, ...args: Parameters<RunFunctions[N]>): Promise<Awaited<ReturnType<RunFunctions[N]>>> {
  const run = currentRun.value;
  if (run !== undefined) {
    await run.opened;
    return run.call(name, ...args);
  }
  return callHelper(name, ...args);
}

async function reportRequest(run: Run, taken: Setup): Promise<ReportRequest> {
  const epochs = run.epochs.value;
  const seconds = run.pace.seconds / Math.max(1, epochs.length);
  const history = epochs.map(({ epoch, trainLoss, lr, valid }) => ({
    epoch,
    trainLoss,
    validLoss: valid?.loss ?? NaN,
    accuracy: valid?.accuracy ?? NaN,
    top5: NaN,
    lr,
    seconds,
  }));
  return {
    title: `${taken.network.name}: ${taken.classes.join(', ')}`,
    classes: taken.classes,
    network: taken.network,
    training: taken.training,
    history,
    names: Object.fromEntries(run.pictures.map(({ id, name }) => [id, name])),
    link: await linkOf(taken),
  };
}

async function page(taken: Setup): Promise<Uint8Array> {
  const { description, weights } = await ask('takePage', taken);
  const { name, size } = taken.network;
  const about = `${name}, ${size}×${size} pixels`;
  const parts = { script: pageScript, hash: pageHash, description, weights, classes: taken.classes, about };
  return new TextEncoder().encode(pageDocument(parts));
}

/** The bytes of a file. @throws Error with what is missing */
export async function makeFile(kind: OfferKind): Promise<Uint8Array> {
  const run = currentRun.value;
  const taken = takenSetup(run);
  switch (kind) {
    case 'pt':
    case 'safetensors':
    case 'onnx':
      return ask('takeFile', kind, taken);
    case 'html':
      return page(taken);
    case 'report': {
      if (run === undefined) throw new Error('there is no run to report on: train first');
      return new TextEncoder().encode(await ask('takeReport', taken, await reportRequest(run, taken)));
    }
    case 'pictures': {
      const { train, valid } = pictureSets(run?.pictures ?? pictures.value, taken.network);
      return picturesFile(train, valid, taken.classes);
    }
  }
}

/** To the visitor's disk. */
export const download = (bytes: Uint8Array, name: string): Promise<void> => saveFile(bytes, name);
