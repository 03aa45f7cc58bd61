/**
 * Settings of how exactly PyTorch computes (https://pytorch.org/docs/stable/generated/torch.use_deterministic_algorithms.html). Everything here is computed
 * in one way only, with the same bits whatever the number of threads: each of these settings is already met, and is remembered.
 */
import { BOOL, requireKind, requireOptions } from '../base/arguments.ts';

let deterministic = false;
let warnsOnly = false;

export interface DeterministicOptions {
  /** Whether what is not deterministic is only warned of; nothing is. Default false. */
  readonly warnOnly?: boolean;
}
const OPTIONS = { warnOnly: BOOL };

/** Whether only deterministic algorithms are used: they always are, whatever is said here. */
export function useDeterministicAlgorithms(mode: boolean, options?: DeterministicOptions): void {
  requireKind('useDeterministicAlgorithms', 'mode', mode, BOOL);
  const { warnOnly = false } = requireOptions<DeterministicOptions>('useDeterministicAlgorithms', options, OPTIONS, '{ warnOnly: true }');
  deterministic = mode;
  warnsOnly = warnOnly;
}
/** What {@link useDeterministicAlgorithms} was told. */
export const areDeterministicAlgorithmsEnabled = (): boolean => deterministic;
/** Whether {@link useDeterministicAlgorithms} was told to warn only. */
export const isDeterministicAlgorithmsWarnOnlyEnabled = (): boolean => warnsOnly;
