/**
 * Whether operations are being recorded for gradients: `noGrad`, `enableGrad`, and the modes that the library itself sets.
 *
 * Modes nest: the one that was entered last and is not over decides. A mode around an asynchronous function follows that function wherever
 * the host can say what belongs to it (`async-variable.ts`): then calls may overlap and none sees another's mode. Where it cannot, a mode
 * ends at the function's first `await`, so that nobody else's gradients are lost. Modes that end out of order leave nothing behind.
 */
import { BOOL, FUNCTION, requireKind } from '../base/arguments.ts';
import { makeAsyncVariable, type AsyncVariable } from './async-variable.ts';

interface Mode {
  enabled: boolean;
  /** Whether what is made here can never take part in gradients: `inferenceMode`. */
  readonly inference: boolean;
  /** Later modes are inside earlier ones. */
  readonly since: number;
  /** Of a call that may be asynchronous: the one around it. */
  readonly around: Mode | undefined;
  /** Whether that call is done. */
  over: boolean;
}

/** The modes in force for synchronous code, the innermost last. */
const modes: Mode[] = [{ enabled: true, inference: false, since: 0, around: undefined, over: false }];
/** What the innermost of them says. */
let recording = true;
/** Whether the innermost of them is inside `inferenceMode`. */
let inferring = false;
let clock = 0;
/** Asynchronous calls with a mode of their own that are not done. While there are none, a flag says it all. */
let pending = 0;
/** The asynchronous mode of the running code; null where the host has no such thing, undefined before the first call. */
let variable: AsyncVariable<Mode> | null | undefined;

/** Whether operations are being recorded. */
export const isGradEnabled = (): boolean => (pending === 0 ? recording : modeHere());

/** Whether this is inside {@link inferenceMode} (PyTorch: `torch.is_inference_mode_enabled`). */
export const isInferenceModeEnabled = (): boolean => (pending === 0 ? inferring : innermost().inference);

const modeHere = (): boolean => innermost().enabled;

/** The mode that decides here. */
function innermost(): Mode {
  let mode = variable?.get();
  while (mode?.over === true) mode = mode.around;
  const sync = modes.at(-1)!;
  return mode !== undefined && mode.since >= sync.since ? mode : sync;
}

/** Inside inference mode nothing is recorded, whatever else is said. */
function enter(enabled: boolean, inference = isInferenceModeEnabled(), around?: Mode): Mode {
  const mode = { enabled: enabled && !inference, inference, since: ++clock, around, over: false };
  modes.push(mode);
  recording = mode.enabled;
  inferring = inference;
  return mode;
}

/** Keeps at hand what the innermost mode of synchronous code says. */
function show(): void {
  const { enabled, inference } = modes.at(-1)!;
  recording = enabled;
  inferring = inference;
}

function leave(mode: Mode): void {
  if (modes.at(-1) === mode) modes.pop();
  else {
    const place = modes.indexOf(mode);
    if (place > 0) modes.splice(place, 1);
  }
  show();
}

/** Runs synchronous code of the library in a mode. */
export const withGradMode = <T>(enabled: boolean, fn: () => T): T => inMode(enabled, undefined, fn);

function inMode<T>(enabled: boolean, inference: boolean | undefined, fn: () => T): T {
  const mode = enter(enabled, inference);
  try {
    return fn();
  } finally {
    leave(mode);
  }
}

/** Ends a mode when disposed: `using guard = noGrad();`. */
class ModeGuard implements Disposable {
  readonly #mode: Mode;
  constructor(enabled: boolean, inference?: boolean) {
    this.#mode = enter(enabled, inference);
  }
  [Symbol.dispose](): void {
    leave(this.#mode);
  }
}

const GUARD = 'leave it out for a guard: using guard =';

/** Runs a function that may be asynchronous in a mode. */
function around<T>(op: string, fn: () => T, enabled: boolean, inference?: boolean): T {
  requireKind(op, 'the function', fn, FUNCTION, `${GUARD} ${op}()`);
  variable ??= makeAsyncVariable<Mode>() ?? null;
  if (variable === null) return inMode(enabled, inference, fn);
  const mode = enter(enabled, inference, variable.get());
  let asynchronous = false;
  try {
    const result = variable.run(mode, fn);
    if (result instanceof Promise) {
      asynchronous = true;
      pending++;
      const end = (): void => {
        mode.over = true;
        pending--;
      };
      void result.then(end, end); // before whoever waits for it
    }
    return result;
  } finally {
    leave(mode);
    if (!asynchronous) mode.over = true;
  }
}

/**
 * Runs `fn` without recording operations (PyTorch: `torch.no_grad()`); without a function, a guard for `using`.
 *
 * Around an asynchronous function, operations are not recorded until its promise settles, in that function and in all that it awaits; other
 * code that runs meanwhile is not concerned. Browsers cannot tell what belongs to a function once it has waited: there the mode
 * ends at the first `await`, so put `noGrad` around the synchronous parts. A guard is for synchronous code: do not hold it across an `await`.
 * @example
 * import { noGrad, ones } from 'flambeau';
 * const w = ones(2, { requiresGrad: true });
 * const y = noGrad(() => w.mul(2));
 * if (y.requiresGrad) throw new Error('nothing was recorded');
 */
export function noGrad(): Disposable;
export function noGrad<T>(fn: () => T): T;
export function noGrad<T>(fn?: () => T): T | Disposable {
  return fn === undefined ? new ModeGuard(false) : around('noGrad', fn, false);
}

/** Records again inside {@link noGrad} (PyTorch: `torch.enable_grad()`), by the same rules. */
export function enableGrad(): Disposable;
export function enableGrad<T>(fn: () => T): T;
export function enableGrad<T>(fn?: () => T): T | Disposable {
  return fn === undefined ? new ModeGuard(true) : around('enableGrad', fn, true);
}

/**
 * Switches the recording of operations on or off (PyTorch: `torch.set_grad_enabled`): from here on, as a guard until the end of a block, or for a function.
 *
 * It changes the mode that is in force: inside `noGrad(fn)`, for example, until that is over.
 * @example
 * import { ones, setGradEnabled } from 'flambeau';
 * const w = ones(2, { requiresGrad: true });
 * const train = false;
 * const y = setGradEnabled(train, () => w.mul(2));
 * console.log(y.requiresGrad); // false
 * {
 *   using _ = setGradEnabled(false);
 *   console.log(w.mul(2).requiresGrad); // false
 * }
 * console.log(w.mul(2).requiresGrad); // true
 */
export function setGradEnabled(mode: boolean): Disposable;
export function setGradEnabled<T>(mode: boolean, fn: () => T): T;
export function setGradEnabled<T>(mode: boolean, fn?: () => T): T | Disposable {
  requireKind('setGradEnabled', 'the mode', mode, BOOL);
  if (fn !== undefined) return around('setGradEnabled', fn, mode);
  const here = innermost();
  const before = here.enabled;
  const put = (enabled: boolean): void => {
    here.enabled = enabled && !here.inference;
    show();
  };
  put(mode);
  return { [Symbol.dispose]: () => put(before) };
}

/**
 * Runs `fn` without recording operations, as {@link noGrad} does, and marks what it makes (PyTorch: `torch.inference_mode`): such tensors never take
 * part in gradients, so that a mistake is found where it is made. `clone()` gives one that may. Without a function, a guard for `using`;
 * `inferenceMode(false, fn)` leaves the mode again.
 * @example
 * import { inferenceMode, ones } from 'flambeau';
 * const w = ones(2, { requiresGrad: true });
 * const y = inferenceMode(() => w.mul(2));
 * console.log(y.requiresGrad, y.isInference()); // false true
 */
export function inferenceMode(mode?: boolean): Disposable;
export function inferenceMode<T>(fn: () => T): T;
export function inferenceMode<T>(mode: boolean, fn: () => T): T;
export function inferenceMode<T>(mode: boolean | (() => T) = true, fn?: () => T): T | Disposable {
  if (typeof mode === 'function') return around('inferenceMode', mode, false, true);
  requireKind('inferenceMode', 'the mode', mode, BOOL, `${GUARD} inferenceMode()`);
  return fn === undefined ? new ModeGuard(!mode, mode) : around('inferenceMode', fn, !mode, mode);
}
