/**
 * Checkpointing (PyTorch: `torch.utils.checkpoint`): what a part of a network saves for the backward pass is not kept but computed again then.
 * It is PyTorch's form without reentry: what would be saved is replaced by its number (`saved.ts`), and the first that is asked for has the
 * function run again. So `grad`, `createGraph`, hooks and parameters work as without it.
 */
import { BOOL, COUNT, FUNCTION, isRecord, kind, listOf, oneOf, requireKind, requireOptions, type OptionKinds } from '../base/arguments.ts';
import { AutogradError } from '../base/errors.ts';
import { sameDims, showShape } from '../base/shape.ts';
import { isGradEnabled, withGradMode } from './grad-mode.ts';
import { getRngState, setRngState } from './random/index.ts';
import { activeRecorder } from './recorder.ts';
import { savedTensorsHooks } from './saved.ts';
import type { Tensor } from './tensor.ts';

export interface CheckpointOptions {
  /** Only the form without reentry is there: only false. */
  readonly useReentrant?: false | undefined;
  /** Whether random numbers of the second run are those of the first, as for dropout. Default: true. */
  readonly preserveRngState?: boolean | undefined;
  /** Whether shapes and dtypes of the second run are compared with those of the first. Default: 'default', yes. */
  readonly determinismCheck?: 'default' | 'none' | undefined;
  /** Whether the second run ends when all that is needed is there. Default: true. */
  readonly earlyStop?: boolean | undefined;
}

const NOT_REENTRANT = kind('false, since only the form without reentry is there', (value) => value === false);
const OPTIONS: OptionKinds<CheckpointOptions> = {
  useReentrant: NOT_REENTRANT,
  preserveRngState: BOOL,
  determinismCheck: oneOf('default', 'none'),
  earlyStop: BOOL,
};

/** Thrown to end a run that has made all that is needed. */
class Enough extends Error {}

/** One call of a checkpointed function. */
class Frame {
  readonly #run: () => unknown;
  readonly #options: CheckpointOptions;
  readonly #random = getRngState();
  /** What the first run would have saved. */
  readonly #saved: { readonly shape: readonly number[]; readonly dtype: string }[] = [];
  /** What the second run has saved, until it is taken. */
  #again: (Tensor | undefined)[] = [];

  constructor(run: () => unknown, options: CheckpointOptions) {
    this.#run = run;
    this.#options = options;
  }

  first(): unknown {
    const pack = ({ layout }: Tensor): number => this.#saved.push({ shape: layout.shape, dtype: layout.dtype }) - 1;
    return savedTensorsHooks(pack, (place) => this.#take(place), this.#run);
  }

  #take(place: number): Tensor {
    if (this.#again[place] === undefined) this.#runAgain();
    const tensor = this.#again[place];
    if (tensor === undefined) throw this.#different(this.#again.length);
    this.#again[place] = undefined;
    return tensor;
  }

  #runAgain(): void {
    const { preserveRngState = true, earlyStop = true } = this.#options;
    const made: Tensor[] = [];
    const pack = (tensor: Tensor): Tensor => {
      this.#check(tensor, made.length);
      if (made.push(tensor) === this.#saved.length && earlyStop) throw new Enough();
      return tensor;
    };
    const here = getRngState();
    if (preserveRngState) setRngState(this.#random);
    try {
      withGradMode(true, () => savedTensorsHooks(pack, (tensor) => tensor, this.#run));
    } catch (error) {
      if (!(error instanceof Enough)) throw error;
    } finally {
      if (preserveRngState) setRngState(here);
    }
    if (made.length !== this.#saved.length) throw this.#different(made.length);
    this.#again = made;
  }

  #check({ layout: { shape, dtype } }: Tensor, place: number): void {
    const before = this.#saved[place];
    if (before === undefined) throw this.#different(place + 1);
    if (this.#options.determinismCheck === 'none' || (sameDims(before.shape, shape) && before.dtype === dtype)) return;
    throw new AutogradError(
      `checkpoint: saved tensor ${place} was ${before.dtype} ${showShape(before.shape)} in the forward pass but is ${dtype} ${showShape(shape)} when computed again; the function must do the same in both runs`,
    );
  }

  #different(count: number): AutogradError {
    return new AutogradError(
      `checkpoint: the forward pass saved ${this.#saved.length} tensors, but ${count} were saved when it was computed again; the function must do the same in both runs`,
    );
  }
}

/** What is left when options for this function stand last. */
function splitOptions(args: readonly unknown[]): readonly [readonly unknown[], CheckpointOptions] {
  const last = args.at(-1);
  const names = isRecord(last) && !('layout' in last) && typeof last !== 'function' ? Object.keys(last) : [];
  if (names.length === 0 || !names.every((name) => name in OPTIONS)) return [args, {}];
  return [args.slice(0, -1), requireOptions<CheckpointOptions>('checkpoint', last, OPTIONS, '{ preserveRngState: false }')];
}

/**
 * Calls `fn` with `args`, keeping nothing of it for the backward pass, which runs it again (https://pytorch.org/docs/stable/checkpoint.html). Inside `compile`, it is
 * a plain call: there `memoryLimit` decides what is computed again.
 * @param fn a function or module that does the same when it is called again
 * @param args its arguments; behind them, options may stand: `{ preserveRngState: false }`
 * @example
 * import { nn, ones, utils } from 'flambeau';
 * const block = new nn.Sequential(new nn.Linear(4, 8), new nn.ReLU(), new nn.Dropout(0.5));
 * const y = utils.checkpoint.checkpoint(block, ones(2, 4), { useReentrant: false });
 * y.sum().backward();
 * console.log(block.parameters()[0]?.grad?.shape); // [ 8, 4 ]
 */
export function checkpoint<A extends readonly unknown[], R>(fn: (...args: A) => R, ...args: readonly [...A, CheckpointOptions]): R;
export function checkpoint<A extends readonly unknown[], R>(fn: (...args: A) => R, ...args: A): R;
export function checkpoint<R>(fn: (...args: unknown[]) => R, ...args: readonly unknown[]): R {
  requireKind('checkpoint', 'the function', fn, FUNCTION);
  const [given, options] = splitOptions(args);
  const run = (): R => fn(...given);
  if (!isGradEnabled() || activeRecorder() !== undefined) return run();
  return new Frame(run, options).first() as R;
}

type Step = (x: never) => unknown;
interface Listed {
  children(): Iterable<unknown>;
}

const STEPS = kind(
  'an array of functions or a Sequential',
  (value) => Array.isArray(value) || (typeof value === 'function' && 'children' in value && typeof value.children === 'function'),
);

/**
 * Calls functions one after the other, all but the last of the `segments` parts with {@link checkpoint} (https://pytorch.org/docs/stable/checkpoint.html#torch.utils.checkpoint.checkpoint_sequential).
 * @param functions modules or functions in order, or a `Sequential`
 */
export function checkpointSequential(
  functions: readonly Step[] | Listed,
  segments: number,
  input: Tensor,
  options: CheckpointOptions = {},
): Tensor {
  requireKind('checkpointSequential', 'functions', functions, STEPS);
  requireKind('checkpointSequential', 'segments', segments, COUNT);
  const given = requireOptions<CheckpointOptions>('checkpointSequential', options, OPTIONS, '{ preserveRngState: false }');
  const steps: readonly unknown[] = Array.isArray(functions)
    ? functions
    : listOf('checkpointSequential', 'what children() gives', (functions as Listed).children());
  for (const step of steps) requireKind('checkpointSequential', 'every part', step, FUNCTION);
  const size = Math.floor(steps.length / segments);
  const part =
    (from: number, to: number) =>
    (x: Tensor): Tensor =>
      steps.slice(from, to).reduce<Tensor>((y, step) => (step as (x: Tensor) => Tensor)(y), x);
  let x = input;
  let start = 0;
  for (let i = 0; i < segments - 1 && size > 0; i++, start += size) x = checkpoint(part(start, start + size), x, given);
  return part(start, steps.length)(x);
}
