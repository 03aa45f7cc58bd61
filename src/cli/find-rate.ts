/** `flambeau train --lr find`: the learning rate by a range test, before the run begins. */
import { findLearningRate, type LearningRateStep } from '../train/learning-rate.ts';
import { makeOptimizer } from '../train/optimizers.ts';
import { Interrupt } from './interrupt.ts';
import type { Step, Terminal } from './terminal.ts';
import { learningRate } from './train-report.ts';
import type { TrainSettings } from './train-plan.ts';
import type { Run } from './train-run.ts';
import { stepOptions } from './train-step.ts';

/** The settings with the rate that was found; where none was, the usual one stays. Interrupted, the exit code. The network is as it was. */
export async function withFoundRate(run: Omit<Run, 'files'>, terminal: Terminal): Promise<TrainSettings | number> {
  const { model, data, settings, processes } = run;
  using interrupt = new Interrupt(() => terminal.line('Stopping the search; once more to stop at once.'));
  const found = await findLearningRate(
    {
      ...stepOptions(model, settings, data),
      model,
      optimizer: makeOptimizer(model, { ...settings, lr: learningRate(settings) }),
      signal: interrupt.signal,
      ...(processes === undefined ? {} : { processes }),
      onStep: (step) => terminal.progress(searchStep(step)),
    },
    data.train,
  );
  const code = processes?.most(interrupt.code) ?? interrupt.code;
  if (code !== 0) return code;
  const { suggestion, steepest, lowest, steps, ended } = found;
  const lr = suggestion === undefined ? undefined : rounded(suggestion);
  const beyond = ended === 'diverged' ? ` and diverges at ${rounded(steps.at(-1)?.lr ?? NaN)}` : '';
  const what =
    lr === undefined || steepest === undefined
      ? `none found, since the loss does not fall at any of the rates tried; the usual ${learningRate(settings)} is taken`
      : `${lr}, found in a test of ${steps.length} steps, where the loss falls fastest at ${rounded(steepest)}, is lowest at ${rounded(lowest)}${beyond}`;
  terminal.line(`Learning rate: ${what}`);
  return { ...settings, lr };
}

/** Two digits are more than a test can tell. */
const rounded = (rate: number): number => Number(rate.toPrecision(2));

const searchStep = ({ step, steps, lr, smoothed }: LearningRateStep): Step => ({
  label: 'Looking for a learning rate',
  done: step,
  total: steps,
  details: [lr.toPrecision(2), `loss ${smoothed.toFixed(4)}`],
});
