/** The training of a run, from its first epoch or from where it stopped, to its end or to the end of its time. */
import { save } from '../io/checkpoint-node.ts';
import type { Optimizer } from '../optim/optimizer.ts';
import { packClassifier } from '../train/classifier.ts';
import { epochsInTime } from '../train/deadline.ts';
import { mixing } from '../train/mix.ts';
import { makeOptimizer } from '../train/optimizers.ts';
import { PlannedLR } from '../train/planned-lr.ts';
import type { TrainingProcesses } from '../train/processes.ts';
import { Trainer, type EpochResult, type FitResult } from '../train/trainer.ts';
import { epochLog } from './epoch-log.ts';
import { duration } from './format.ts';
import { Interrupt } from './interrupt.ts';
import { epochLine, progressStep, savingLine } from './report.ts';
import type { Terminal } from './terminal.ts';
import type { TrainSettings } from './train-plan.ts';
import { writeEvents } from './tensorboard.ts';
import { learningRate } from './train-report.ts';
import type { Run } from './train-run.ts';
import { packRun } from './train-saved.ts';
import { stepOptions } from './train-step.ts';

/** A run that goes on: the trainer's state, and the seconds that the run took before. */
export interface Before {
  readonly trainer: unknown;
  readonly seconds: number;
}

/** Trains, saving every network that is better than those before, and after every epoch what is needed to go on. */
export async function fit(
  run: Run,
  before: Before | undefined,
  start: number,
  terminal: Terminal,
): Promise<{ fitted: FitResult; code: number }> {
  const { model, info, data, settings, files, processes } = run;
  const isFirst = processes?.isFirst ?? true;
  const { patience, ema, monitor } = settings;
  const optimizer = makeOptimizer(model, { ...settings, lr: learningRate(settings) });
  const stepsPerEpoch = Math.ceil(data.train.length / settings.accumulate);
  const scheduler = makeSchedule(optimizer, settings, stepsPerEpoch);
  const seconds = (): number => (before?.seconds ?? 0) + (performance.now() - start) / 1000;
  const keeper = new TimeKeeper(settings, seconds, processes, (epochs, done, last) => {
    scheduler?.endAfter((epochs - done) * stepsPerEpoch);
    terminal.line(`An epoch takes ${duration(last)} now, so training ends after ${epochs}.`);
  });
  const mix = mixing(settings, info.classes.length);
  let ended: EpochResult | undefined;
  using interrupt = new Interrupt(() => terminal.line('Stopping after this batch; once more to stop at once.'));
  const events = settings.tensorboard && isFirst ? [await writeEvents(run, before?.trainer)] : [];
  const trainer = new Trainer({
    model,
    optimizer,
    ...stepOptions(model, settings, data),
    ...(scheduler === undefined ? {} : { scheduler, schedulerSteps: 'batch' as const }),
    ...(patience === undefined ? {} : { earlyStopping: patience }),
    ...(ema === undefined ? {} : { ema }),
    ...(mix === undefined ? {} : { mix }),
    monitor,
    signal: interrupt.signal,
    ...(processes === undefined ? {} : { processes }),
    onProgress: (progress) => terminal.progress(progressStep(progress)),
    onEpoch: (result) => {
      terminal.line(epochLine(result));
      ended = result;
    },
    onBest: (best) => {
      terminal.line(savingLine(best));
      if (isFirst) save(packClassifier(best.model, info), files.best);
    },
    onState: () => {
      if (ended !== undefined) keeper.ended(ended);
      ended = undefined; // an interrupted epoch says nothing of the time
      if (isFirst) save(packRun(run, trainer, { epochs: keeper.epochs, seconds: seconds() }), files.last);
    },
    callbacks: isFirst ? [epochLog(files, before !== undefined, processes), ...events] : [],
  });
  if (before !== undefined) trainer.loadStateDict(before.trainer);
  const fitted = await trainer.fit(data.train, data.valid, () => keeper.epochs);
  return { fitted, code: processes?.most(interrupt.code) ?? interrupt.code };
}

/** Undefined for a rate that stays. */
function makeSchedule(optimizer: Optimizer, settings: TrainSettings, stepsPerEpoch: number): PlannedLR | undefined {
  const { schedule: shape, warmup, epochs } = settings;
  if (shape === 'none' && (warmup ?? 0) === 0) return undefined;
  return new PlannedLR(optimizer, { shape, totalSteps: epochs * stepsPerEpoch, warmupSteps: warmup && warmup * stepsPerEpoch });
}

/** Plans anew after every epoch how many there will be, so that the run ends in its time. */
class TimeKeeper {
  epochs: number;
  readonly #settings: TrainSettings;
  readonly #seconds: () => number;
  readonly #processes: TrainingProcesses | undefined;
  readonly #onChange: (epochs: number, done: number, secondsPerEpoch: number) => void;

  constructor(
    settings: TrainSettings,
    seconds: () => number,
    processes: TrainingProcesses | undefined,
    onChange: (epochs: number, done: number, secondsPerEpoch: number) => void,
  ) {
    this.#settings = settings;
    this.#seconds = seconds;
    this.#processes = processes;
    this.#onChange = onChange;
    this.epochs = settings.epochs;
  }

  ended({ epoch, seconds }: EpochResult): void {
    const { time } = this.#settings;
    if (time === undefined) return;
    const { limit, wanted, reserve } = time;
    const left = limit - this.#seconds() - reserve.seconds - reserve.epochs * seconds;
    const own = epochsInTime({ done: epoch, planned: this.epochs, wanted, secondsPerEpoch: seconds, secondsLeft: left });
    const epochs = this.#processes?.most(own) ?? own; // all go by one clock
    // Epochs of the last layer alone are shorter than those that follow.
    if (epochs === this.epochs || (epochs > this.epochs && epoch <= this.#settings.freeze)) return;
    this.epochs = epochs;
    this.#onChange(epochs, epoch, seconds);
  }
}
