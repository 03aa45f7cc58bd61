/** How many epochs a training comes to that has to end in time; a plan that is made anew after every epoch. */

export interface EpochPlan {
  /** Epochs that have ended. */
  readonly done: number;
  /** Epochs in all, by the plan so far. */
  readonly planned: number;
  /** Epochs in all that are wanted if there is time. */
  readonly wanted: number;
  /** What an epoch takes now. */
  readonly secondsPerEpoch: number;
  /** Until the training has to end. */
  readonly secondsLeft: number;
}

/** A plan grows only when it gains so much: what an epoch takes is never quite the same. */
const GAIN = 1.05;

/** Epochs in all: at least one, as many as fit, and no more than wanted. */
export function epochsInTime({ done, planned, wanted, secondsPerEpoch, secondsLeft }: EpochPlan): number {
  const fitting = done + Math.max(0, Math.floor(secondsLeft / Math.max(secondsPerEpoch, 1e-9)));
  const most = Math.max(Math.min(fitting, wanted), done, 1);
  const isWorthIt = most < planned || most === wanted || most > planned * GAIN;
  return isWorthIt ? most : planned;
}
