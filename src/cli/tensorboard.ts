/** `flambeau train --tensorboard`: a run's event files, beside what else it leaves. */
import { readdirSync, rmSync, statSync } from 'node:fs';
import { extname, join } from 'node:path';
import { zeros } from '../tensor/create.ts';
import { noGrad } from '../tensor/grad-mode.ts';
import type { PreparedData } from '../train/prepare.ts';
import { randomStates, setRandomStates } from '../train/trainer-state.ts';
import { SummaryWriter, tensorBoardCallback } from '../train/tensorboard/index.ts';
import type { TrainerCallback } from '../train/trainer.ts';
import { learningRate } from './train-report.ts';
import type { TrainSettings } from './train-plan.ts';
import type { Run } from './train-run.ts';

/** Training images that are shown. */
const SHOWN = 16;

/** In the run's folder, or beside a `.pt` file in one with its name. */
const eventFolder = (folder: string): string =>
  statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true ? folder : `${folder.slice(0, -extname(folder).length)}.tensorboard`;

/**
 * Writes the settings, the network's graph and some images, and gives the callback that writes the rest.
 * @param state - what a run goes on from; undefined for a new one, which is alone in its folder
 */
export async function writeEvents({ files, model, data, settings }: Run, state: unknown): Promise<TrainerCallback> {
  const folder = eventFolder(files.folder);
  if (state === undefined) removeEvents(folder);
  const writer = new SummaryWriter(folder, state === undefined ? {} : { purgeStep: updatesIn(state) + 1 });
  if (state === undefined) {
    const { channels, height, width } = data.spec;
    writer.addText('settings', settingsText(settings));
    writer.addGraph(model, zeros(1, channels, height, width));
    await addImages(writer, data);
  }
  const callback = tensorBoardCallback(writer, { model });
  return { ...callback, onEnd: () => writer.close() };
}

/** How many updates a trainer's state has behind it: what came later was lost, and comes again. */
function updatesIn(state: unknown): number {
  const position: unknown = state instanceof Map ? (state as ReadonlyMap<string, unknown>).get('position') : undefined;
  return position instanceof Map ? Number((position as ReadonlyMap<string, unknown>).get('step') ?? 0) : 0;
}

/** What a run that `--force` writes over has left: TensorBoard would show both as one. */
function removeEvents(folder: string): void {
  if (statSync(folder, { throwIfNoEntry: false }) === undefined) return;
  for (const name of readdirSync(folder)) if (name.startsWith('events.out.tfevents.')) rmSync(join(folder, name));
}

async function addImages(writer: SummaryWriter, { valid }: PreparedData): Promise<void> {
  const random = randomStates([]);
  for await (const [images] of valid) {
    setRandomStates(random, []); // a loader that begins draws a seed: training is to be the same with and without this
    const some = noGrad(() => images!.narrow(0, 0, Math.min(images!.size(0), SHOWN)));
    const [low, high] = [some.min().item(), some.max().item()];
    writer.addImages('images', some.sub(low).div(high > low ? high - low : 1)); // as the network gets them, brought to what can be shown
    return;
  }
}

function settingsText({ time: _, ...settings }: TrainSettings): string {
  const rows = Object.entries({ ...settings, lr: learningRate(settings) })
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `| ${name} | ${String(value)} |`);
  return ['| setting | value |', '| --- | --- |', ...rows].join('\n');
}
