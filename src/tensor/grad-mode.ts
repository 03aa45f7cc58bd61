/**
 * Whether operations are being recorded for gradients: `noGrad`, `enableGrad`, and the modes that the library itself sets.
 *
 * Modes nest: the one that was entered last and is not over decides. A mode around an asynchronous function follows that function wherever
 * the host can say what belongs to it (`async-variable.ts`): then calls may overlap and none sees another's mode. Where it cannot, a mode
 * ends at the function's first `await`, so that nobody else's gradients are lost. Modes that end out of order leave nothing behind.
 */
import { FUNCTION, requireKind } from '../base/arguments.ts';
import { makeAsyncVariable, type AsyncVariable } from './async-variable.ts';

interface Mode {
  readonly enabled: boolean;
  /** Later modes are inside earlier ones. */
  readonly since: number;
}

/** The mode of an asynchronous call. */
interface AsyncMode extends Mode {
  /** The asynchronous call around it. */
  readonly around: AsyncMode | undefined;
  over: boolean;
}

/** The modes in force for synchronous code, the innermost last. */
const modes: Mode[] = [{ enabled: true, since: 0 }];
/** What the innermost of them says. */
let recording = true;
let clock = 0;
/** Asynchronous calls with a mode of their own that are not done. While there are none, a flag says it all. */
let pending = 0;
/** The asynchronous mode of the running code; null where the host has no such thing, undefined before the first call. */
let variable: AsyncVariable<AsyncMode> | null | undefined;

/** Whether operations are being recorded. */
export const isGradEnabled = (): boolean => (pending === 0 ? recording : modeHere());

function modeHere(): boolean {
  let mode = variable?.get();
  while (mode?.over === true) mode = mode.around;
  return mode !== undefined && mode.since >= modes.at(-1)!.since ? mode.enabled : recording;
}

function enter(enabled: boolean): Mode {
  const mode = { enabled, since: ++clock };
  modes.push(mode);
  recording = enabled;
  return mode;
}

function leave(mode: Mode): void {
  if (modes.at(-1) === mode) modes.pop();
  else {
    const place = modes.indexOf(mode);
    if (place > 0) modes.splice(place, 1);
  }
  recording = modes.at(-1)!.enabled;
}

/** Runs synchronous code of the library in a mode. */
export function withGradMode<T>(enabled: boolean, fn: () => T): T {
  const mode = enter(enabled);
  try {
    return fn();
  } finally {
    leave(mode);
  }
}

/** Ends a mode when disposed: `using guard = noGrad();`. */
class ModeGuard implements Disposable {
  readonly #mode: Mode;
  constructor(enabled: boolean) {
    this.#mode = enter(enabled);
  }
  [Symbol.dispose](): void {
    leave(this.#mode);
  }
}

const REMEDY = 'leave it out for a guard: using guard = noGrad()';

/** Runs a function that may be asynchronous in a mode. */
function around<T>(enabled: boolean, fn: () => T): T {
  requireKind(enabled ? 'enableGrad' : 'noGrad', 'the argument', fn, FUNCTION, REMEDY);
  variable ??= makeAsyncVariable<AsyncMode>() ?? null;
  if (variable === null) return withGradMode(enabled, fn);
  const sync = enter(enabled);
  const mode: AsyncMode = { enabled, since: sync.since, around: variable.get(), over: false };
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
    leave(sync);
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
  return fn === undefined ? new ModeGuard(false) : around(false, fn);
}

/** Records again inside {@link noGrad} (PyTorch: `torch.enable_grad()`), by the same rules. */
export function enableGrad(): Disposable;
export function enableGrad<T>(fn: () => T): T;
export function enableGrad<T>(fn?: () => T): T | Disposable {
  return fn === undefined ? new ModeGuard(true) : around(true, fn);
}
