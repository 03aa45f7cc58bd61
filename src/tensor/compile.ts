/**
 * `compile(fn)`: calls a function of tensors once to see what it would do (`recorder.ts`), and runs that as one plan
 * (`recording.ts`). Forward, loss, backward, clipping and the optimizer's update become one graph; parameters and state are
 * updated in place. There is no second interpreter: the plan is made of the same operations that run eagerly.
 */
import { FUNCTION, kind, requireKind, requireOptions, show, type OptionKinds } from '../base/arguments.ts';
import { ArgumentError, CompileError } from '../base/errors.ts';
import { showPlan } from '../compiler/show.ts';
import type { Device } from '../devices/device.ts';
import { cpuDevice, signOf } from './backend.ts';
import { registerFusing } from './fused.ts';
import { tensorOver } from './make-tensor.ts';
import { isGradEnabled } from './grad-mode.ts';
import { activeRecorder, Recorder } from './recorder.ts';
import { Recording, SharedMemory } from './recording.ts';
import { isTensor } from './is-tensor.ts';
import { isReduced } from './matmul-precision.ts';
import { inspectSymbol, Tensor } from './tensor.ts';
import { isPair, mappedPair } from './values-and-indices.ts';

/** A compiled function; call it as the one it was made of. */
export interface Compiled<Args extends readonly unknown[], Result> {
  (...args: Args): Result;
  /** The plans so far, as text: operations, joined ones with a +, kernels, their work, the arena. `console.log` shows it, too. */
  toString(): string;
  /** How many signatures have been recorded and are kept. */
  readonly recordings: number;
  /**
   * Gives back at once what the recordings hold: their plans and the memory of intermediate results. Results and gradients of earlier
   * calls stay. Nobody has to call it, since all of that comes back when nothing refers to the function any more. The function
   * remains usable: its next call records anew. `using step = compile(…)` calls it at the end of the block.
   */
  dispose(): void;
  [Symbol.dispose](): void;
}

/** How a function is compiled. */
export interface CompileOptions {
  /**
   * How many bytes intermediate results of one run may take; a second number beside the memory of parameters, gradients, results and optimizer
   * state, which it does not count. Where they would take more, some are computed again in the backward pass instead of
   * being kept: first what is cheap for its size, convolutions last. Results stay the same to the bit. It is a wish: what
   * cannot be met is met as far as possible, and `console.log` of the compiled function says what was reached and what it costs.
   */
  readonly memoryLimit?: number | undefined;
}

const OPTIONS: OptionKinds<CompileOptions> = {
  memoryLimit: kind('a number of bytes above 0', (value) => typeof value === 'number' && value > 0),
};

/** Calls of a compiled function inside itself, as a recursion with an end may make them. */
const MAX_INSIDE = 100;

/**
 * What is kept for one function: so many recordings, and while there are more than two, so many bytes in all. The one not used for longest goes
 * first. Tests make it small.
 */
export const RECORDINGS = { most: 16, bytes: 64 * 1024 * 1024 };

/**
 * Compiles a function of tensors, as a training step or a forward pass. The first call with arguments of new shapes, dtypes
 * or numbers records what it does; that and later ones run what was recorded, in one go and in memory laid out beforehand.
 *
 * Results are those of the function to the bit, but for batch normalisation in eval mode behind a convolution: it becomes a part of
 * that, which rounds a few times elsewhere.
 *
 * Recorded are tensor operations, gradients, optimizer steps, random draws. Other JavaScript inside runs in recorded calls
 * only. Learning rates and other hyperparameters are asked for at every call; `train()`, `eval()`, other parameters or other
 * plain arguments make a new recording. Results are detached from the graph of gradients: call `backward()` inside.
 * Gradients that the function leaves in `grad` are overwritten by its next call.
 * @param fn takes tensors, numbers, strings, booleans, and arrays and plain objects of those; gives tensors likewise
 * @throws ArgumentError for a memory limit that is not a positive number of bytes
 * @throws CompileError where `fn` reads a value (`item()`, `tolist()`, printing), is asynchronous, or steps a scheduler
 * @example
 * import { compile, F, manualSeed, nn, optim, randint, randn, type Tensor } from 'flambeau';
 * manualSeed(0);
 * const model = new nn.Linear(4, 3);
 * const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 });
 * const step = compile((x: Tensor, y: Tensor) => {
 *   optimizer.zeroGrad();
 *   const loss = F.crossEntropy(model(x), y);
 *   loss.backward();
 *   optimizer.step();
 *   return loss;
 * });
 * const [x, y] = [randn(8, 4), randint(0, 3, [8])];
 * const first = step(x, y).item();
 * for (let i = 0; i < 20; i++) step(x, y);
 * if (!(step(x, y).item() < first)) throw new Error('it learns');
 */
export function compile<Args extends readonly unknown[], Result>(
  fn: (...args: Args) => Result,
  options: CompileOptions = {},
): Compiled<Args, Result> {
  requireKind('compile', 'the first argument', fn, FUNCTION);
  const { memoryLimit } = requireOptions<CompileOptions>('compile', options, OPTIONS, '{ memoryLimit: 1e9 }');
  const step = new Step(fn, memoryLimit);
  const call = (...args: Args): Result => step.call(args);
  Object.defineProperties(call, {
    toString: { value: () => step.toString() },
    [inspectSymbol]: { value: () => step.toString() },
    recordings: { get: () => step.size },
    dispose: { value: () => step.dispose() },
    [Symbol.dispose]: { value: () => step.dispose() },
  });
  return call as unknown as Compiled<Args, Result>;
}

registerFusing((fn) => compile(fn as (...args: unknown[]) => unknown) as never);

/** A recording with what rebuilds the function's result from its tensors. */
interface Entry<Result> {
  readonly key: string;
  readonly recording: Recording;
  readonly rebuild: (tensors: readonly Tensor[]) => Result;
}

class Step<Args extends readonly unknown[], Result> {
  readonly #fn: (...args: Args) => Result;
  /** The one used last stands last. */
  #entries: Entry<Result>[] = [];
  readonly #memoryLimit: number | undefined;
  /** By the device that recordings run on. */
  readonly #shared = new Map<Device, SharedMemory>();
  #inside = 0;

  constructor(fn: (...args: Args) => Result, memoryLimit: number | undefined) {
    this.#fn = fn;
    this.#memoryLimit = memoryLimit;
  }

  get size(): number {
    return this.#entries.length;
  }

  call(args: Args): Result {
    if (activeRecorder() !== undefined) return this.#callInside(args);
    const tensors: Tensor[] = [];
    const key = `${signature(args, tensors, 'argument')}${aliases(tensors)}${isGradEnabled() ? '' : ' no grad'}${isReduced() ? ' reduced' : ''}`;
    for (let i = this.#entries.length - 1; i >= 0; i--) {
      const entry = this.#entries[i]!;
      if (entry.key !== key || !entry.recording.validFor(tensors)) continue;
      if (i < this.#entries.length - 1) this.#entries.push(...this.#entries.splice(i, 1));
      return entry.rebuild(entry.recording.run(tensors));
    }
    return this.#record(key, args, tensors);
  }

  /** Inside another compiled function, this is part of what is being recorded. */
  #callInside(args: Args): Result {
    if (this.#inside >= MAX_INSIDE)
      throw new CompileError(
        `compile: a compiled function calls itself without end (${MAX_INSIDE} calls inside each other); call the plain function inside`,
      );
    this.#inside++;
    try {
      return this.#fn(...args);
    } finally {
      this.#inside--;
    }
  }

  #sharedOn(device: Device = cpuDevice()): SharedMemory {
    let shared = this.#shared.get(device);
    if (shared === undefined) this.#shared.set(device, (shared = new SharedMemory(device)));
    return shared;
  }

  #record(key: string, args: Args, tensors: readonly Tensor[]): Result {
    cpuDevice().faster?.ready([]); // the sooner it looks for a compiler, the sooner there are kernels
    const recorder = new Recorder();
    const standIns = standInsFor(tensors, recorder);
    const results: Tensor[] = [];
    let result: Result;
    try {
      let place = 0;
      result = this.#resultOf(recorder, mapped(args, (value) => (value instanceof Tensor ? standIns[place++]! : value)) as Args);
      signature(result, results, 'result');
    } catch (error) {
      // What came before the error has been done, as if it had not been recorded.
      const sofar = new Recording(recorder, standIns, [], this.#sharedOn(recorder.device));
      sofar.run(tensors, true);
      sofar.dispose();
      throw error;
    }
    const recording = new Recording(recorder, standIns, results, this.#sharedOn(recorder.device), this.#memoryLimit);
    const rebuild = rebuilder<Result>(result);
    const rebuilt = rebuild(recording.run(tensors, true));
    if (!recording.validFor(tensors)) recording.dispose(); // it has made something that the next run will find
    this.#entries.push({ key, recording, rebuild });
    this.#forgetOld();
    return rebuilt;
  }

  #forgetOld(): void {
    const entries = this.#entries;
    let bytes = entries.reduce((sum, { recording }) => sum + recording.bytes, 0);
    const before = entries.length;
    while (entries.length > RECORDINGS.most || (entries.length > 2 && bytes > RECORDINGS.bytes)) {
      const { recording } = entries.shift()!;
      bytes -= recording.bytes;
      recording.dispose();
    }
    if (entries.length < before) for (const { arena } of this.#shared.values()) arena.letGo(); // one of them may have been what needed so much
  }

  dispose(): void {
    for (const { recording } of this.#entries.splice(0)) recording.dispose();
    for (const { arena } of this.#shared.values()) arena.letGo();
  }

  #resultOf(recorder: Recorder, args: Args): Result {
    const result = recorder.record(() => this.#fn(...args));
    if (result instanceof Promise) {
      result.catch(() => undefined); // the error below says what is wrong
      throw new CompileError('compile: expected a function that is done when it returns, but got an asynchronous one; await outside');
    }
    return result;
  }

  toString(): string {
    return this.#entries.map(({ key, recording }) => `compiled for ${key}\n${showPlan(recording.plan)}`).join('\n\n');
  }
}

/** Arrays and objects inside each other. */
const MAX_DEPTH = 100;

/** Describes a value up to its tensors, which are collected. Equal descriptions may share a recording. */
function signature(value: unknown, tensors: Tensor[], role: string, depth = 0): string {
  if (depth > MAX_DEPTH) throw new ArgumentError(`compile: an ${role} is nested more than ${MAX_DEPTH} deep, or contains itself`);
  if (isTensor(value)) {
    tensors.push(value);
    if (role === 'argument' && !value.isLeaf) {
      throw new CompileError(
        'compile: an argument is the result of recorded operations, and gradients do not flow out of a compiled function; detach() it, or compute it inside',
      );
    }
    return `${signOf(value.storage.device)}t${value.layout.id}${value.requiresGrad ? 'g' : ''} `;
  }
  if (Array.isArray(value)) return `[${value.map((item) => signature(item, tensors, role, depth + 1)).join('')}] `;
  if (typeof value === 'object' && value !== null && isPlain(value)) {
    const fields = Object.entries(value).map(([name, item]) => `${JSON.stringify(name)}:${signature(item, tensors, role, depth + 1)}`);
    return `{${fields.join('')}} `;
  }
  if (value === null || value === undefined || typeof value === 'number' || typeof value === 'boolean') return `${String(value)} `;
  if (typeof value === 'string') return `${JSON.stringify(value)} `;
  throw new ArgumentError(
    `compile: expected each ${role} to be a tensor, number, string, boolean, or an array or plain object of those, but got ${show(value)}; let the function refer to it instead`,
  );
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null || isPair(value);
}

/** What the function gets instead of its arguments while it is recorded: equal tensors over the same memory. */
function standInsFor(args: readonly Tensor[], recorder: Recorder): Tensor[] {
  const standIns = new Map<Tensor, Tensor>();
  const storages = new Map(args.map(({ storage }) => [storage, storage.alias()]));
  return args.map((argument, place) => {
    let standIn = standIns.get(argument);
    if (standIn === undefined) {
      standIn = tensorOver(storages.get(argument.storage)!, argument.layout, argument.offset).standFor(argument);
      standIns.set(argument, standIn);
      recorder.argument(argument, standIn, place);
    }
    return standIn;
  });
}

/** Which tensors share memory, and how far apart they begin. */
function aliases(tensors: readonly Tensor[]): string {
  let text = '';
  tensors.forEach((tensor, i) => {
    const first = tensors.findIndex(({ storage }) => storage === tensor.storage);
    if (first !== i) text += `${i}=${first}+${tensor.offset - tensors[first]!.offset} `;
  });
  return text;
}

/** The place of a tensor in a result. */
class Slot {
  readonly index: number;
  constructor(index: number) {
    this.index = index;
  }
}

/** Makes the same structure with other tensors. It keeps none of the result's own. */
function rebuilder<Result>(result: unknown): (tensors: readonly Tensor[]) => Result {
  let count = 0;
  const template = mapped(result, (value) => (value instanceof Tensor ? new Slot(count++) : value));
  return (tensors) => mapped(template, (value) => (value instanceof Slot ? tensors[value.index]! : value)) as Result;
}

/** Applies `fn` to everything in arrays and plain objects. */
function mapped(value: unknown, fn: (value: unknown) => unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => mapped(item, fn));
  if (typeof value !== 'object' || value === null) return fn(value);
  const pair = mappedPair(value, fn);
  if (pair !== undefined) return pair;
  if (!isPlain(value)) return fn(value);
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, mapped(item, fn)]));
}
