/**
 * Anomaly mode (PyTorch: `torch.autograd.set_detect_anomaly`): while it is on, every recorded operation notes where it was called, and a backward
 * pass looks at each gradient and stops at the first that is not a number. It costs time: switch it on to find a mistake, then off again.
 */
import { BOOL, FUNCTION, requireKind, type OptionKinds } from '../base/arguments.ts';
import { readCall, signature, type Signature } from '../base/signature.ts';

let enabled = false;
let checksNan = true;

/** Whether recorded operations note where they were called. */
export const isAnomalyEnabled = (): boolean => enabled;
/** Whether a backward pass looks for gradients that are not numbers while anomaly mode is on. */
export const isAnomalyCheckNanEnabled = (): boolean => checksNan;

export interface DetectAnomalyOptions {
  /** Whether gradients are looked at. Without it, errors of a backward pass still say where the operation was called. Default: true. */
  readonly checkNan?: boolean | undefined;
}

const CHECK: OptionKinds<DetectAnomalyOptions> = { checkNan: BOOL };
const SET: Signature<{ mode: boolean; checkNan?: boolean }> = signature('setDetectAnomaly', { mode: BOOL, ...CHECK }, { required: 1 });
const DETECT: Signature<DetectAnomalyOptions> = signature('detectAnomaly', CHECK);

function change(to: boolean, check: boolean): () => void {
  const before = [enabled, checksNan] as const;
  enabled = to;
  checksNan = check;
  return () => {
    [enabled, checksNan] = before;
  };
}

/**
 * Switches anomaly mode on or off; with `using`, until the end of the block (https://pytorch.org/docs/stable/autograd.html#torch.autograd.set_detect_anomaly).
 * @example
 * import { autograd, tensor } from 'flambeau';
 * using _ = autograd.setDetectAnomaly(true);
 * const x = tensor([0, 4], { requiresGrad: true });
 * try {
 *   x.sqrt().mul(0).sum().backward();
 * } catch (error) {
 *   console.log(String(error).includes("'SqrtBackward0' returned nan values in its 0th output")); // true
 * }
 */
export function setDetectAnomaly(mode: boolean, checkNan: boolean | DetectAnomalyOptions = true): Disposable {
  const given = readCall(SET, [mode, checkNan]);
  const restore = change(given.mode, given.checkNan ?? true);
  return { [Symbol.dispose]: restore };
}

/**
 * Runs `fn` in anomaly mode (PyTorch: `with torch.autograd.detect_anomaly():`), an asynchronous one until its promise settles; the mode is the whole
 * program's. Without a function, a guard for `using`.
 */
export function detectAnomaly(options?: DetectAnomalyOptions): Disposable;
export function detectAnomaly<T>(fn: () => T, options?: DetectAnomalyOptions): T;
export function detectAnomaly<T>(fn?: (() => T) | DetectAnomalyOptions, options?: DetectAnomalyOptions): T | Disposable {
  if (typeof fn !== 'function') return { [Symbol.dispose]: change(true, readCall(DETECT, [fn]).checkNan ?? true) };
  requireKind('detectAnomaly', 'the argument', fn, FUNCTION);
  return until(change(true, readCall(DETECT, [options]).checkNan ?? true), fn);
}

/** Runs `fn`, and `end` when it is over: of an asynchronous one, when its promise settles. */
export function until<T>(end: () => void, fn: () => T): T {
  let asynchronous = false;
  try {
    const result = fn();
    asynchronous = result instanceof Promise;
    if (result instanceof Promise) void result.then(end, end); // before whoever waits for it
    return result;
  } finally {
    if (!asynchronous) end();
  }
}

/** Where a recorded operation is being called: the lines of the stack that are not the library's recording itself. */
export function callSite(): string {
  const lines = (new Error('here').stack ?? '').split('\n').slice(1);
  const outside = lines.findIndex((line) => !/callSite|new \w*(?:Node|Grad|Slices)\b|\b(?:apply|apply1|applyInPlace|viewOf)\b/.test(line));
  return lines.slice(Math.max(outside, 0)).join('\n');
}
