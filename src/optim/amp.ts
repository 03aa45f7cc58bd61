/**
 * What scripts for mixed precision reach for (PyTorch: `torch.amp`, https://docs.pytorch.org/docs/stable/amp.html): {@link GradScaler}, which is here in
 * full, and {@link autocast}, which can only be off, as in PyTorch on a machine without CUDA.
 */
import { BOOL, FINITE, FUNCTION, isRecord, kind, oneOf, orNull, requireKind, show } from '../base/arguments.ts';
import { ArgumentError, DTypeError, StateDictError } from '../base/errors.ts';
import { readCall, signature } from '../base/signature.ts';
import { isDeviceName, type DeviceName } from '../tensor/backend.ts';
import type { Call } from '../tensor/calls.ts';
import { cuda } from '../tensor/cuda.ts';
import { stack } from '../tensor/functions.ts';
import { withGradMode } from '../tensor/grad-mode.ts';
import { isTensor } from '../tensor/is-tensor.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { Optimizer } from './optimizer.ts';

const DEVICE = kind("a device ('cpu', 'cuda', 'gpu')", isDeviceName);
const OPTIMIZER = kind('an optimizer', (value) => value instanceof Optimizer);

const told = new Set<string>();
/** Whether a script asks for a GPU that is not there; said once, in the way of PyTorch's warning. */
function withoutGpu(op: string, device: DeviceName): boolean {
  if (device.startsWith('cpu') || cuda.isAvailable()) return false;
  if (!told.has(op)) console.warn(`flambeau: ${op} is off, since there is no GPU`);
  told.add(op);
  return true;
}

export interface AutocastOptions {
  readonly dtype?: 'float16' | 'bfloat16' | null;
  /** Must be false, or the device a GPU that is not there. */
  readonly enabled?: boolean;
  readonly cacheEnabled?: boolean | null;
}
interface AutocastCall extends AutocastOptions {
  readonly deviceType: DeviceName;
}
const AUTOCAST = signature<AutocastCall>(
  'autocast',
  { deviceType: DEVICE, dtype: orNull(oneOf('float16', 'bfloat16')), enabled: BOOL, cacheEnabled: orNull(BOOL) },
  { required: 1, example: "autocast('cuda', { enabled: false })" },
);

/**
 * A part of a program that PyTorch would compute in 16 bits (PyTorch: `torch.autocast`). Products and convolutions are computed in float32 here, on every
 * device, so it has to be off: with `enabled: false`, or because the script asks for a GPU and there is none. Without a function, a guard for `using`.
 * @throws ArgumentError where it would have to do something
 * @see https://docs.pytorch.org/docs/stable/amp.html#torch.autocast
 * @example
 * import { amp, cuda, nn, randn } from 'flambeau';
 * const model = new nn.Linear(3, 2);
 * const useAmp = false;
 * {
 *   using _ = amp.autocast('cpu', { enabled: useAmp });
 *   console.log(model(randn(4, 3)).dtype); // float32
 * }
 */
export function autocast(deviceType: DeviceName | AutocastCall, options?: AutocastOptions): Disposable;
export function autocast<T>(deviceType: DeviceName, options: AutocastOptions, fn: () => T): T;
export function autocast<T>(first: unknown, options?: unknown, fn?: () => T): T | Disposable {
  const { deviceType, enabled = true } = readCall<AutocastCall>(AUTOCAST, options === undefined ? [first] : [first, options]);
  if (enabled && !withoutGpu('autocast', deviceType)) {
    throw new ArgumentError(
      `autocast: expected enabled: false, since ${deviceType} computes in float32 here, which costs no more than 16 bits would; pass { enabled: false }, or convert the model with model.half() to save memory`,
    );
  }
  if (fn === undefined) return { [Symbol.dispose]: () => undefined };
  requireKind('autocast', 'the function', fn, FUNCTION);
  return fn();
}

export interface GradScalerOptions {
  /** By what losses are multiplied at first. */
  readonly initScale?: number;
  /** By what the scale grows after `growthInterval` steps without an infinite gradient. Above 1. */
  readonly growthFactor?: number;
  /** By what it is multiplied after one. Below 1. */
  readonly backoffFactor?: number;
  readonly growthInterval?: number;
  readonly enabled?: boolean;
}
interface GradScalerCall extends GradScalerOptions {
  readonly device?: DeviceName;
}
const SCALER = signature<GradScalerCall>(
  'GradScaler',
  { device: DEVICE, initScale: FINITE, growthFactor: FINITE, backoffFactor: FINITE, growthInterval: FINITE, enabled: BOOL },
  { example: "new amp.GradScaler('cpu', { initScale: 1024 })" },
);

/** A scaler's state, as PyTorch saves it; empty when it is off. */
// No interface: those have no index signature, so that one could not be saved.
export type GradScalerState = {
  scale?: number;
  growth_factor?: number;
  backoff_factor?: number;
  growth_interval?: number;
  _growth_tracker?: number;
};
const FIELDS = ['scale', 'growth_factor', 'backoff_factor', 'growth_interval', '_growth_tracker'] as const;

/** How far a step has come. */
interface Stage {
  readonly at: 'unscaled' | 'stepped';
  /** Whether a gradient was infinite or NaN. */
  readonly overflow: boolean;
}

/**
 * Multiplies losses so that small gradients of 16-bit parameters do not become 0, and passes over steps in which a gradient is infinite or NaN
 * (PyTorch: `torch.amp.GradScaler`). Off (`enabled: false`, or for a GPU where there is none), it does nothing, so that one script serves both.
 * @throws ArgumentError for factors on the wrong side of 1, or methods in an order that would lose a scale
 * @see https://docs.pytorch.org/docs/stable/amp.html#gradient-scaling
 * @example
 * import { amp, nn, optim, randn } from 'flambeau';
 * const model = new nn.Linear(3, 1);
 * const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 });
 * const scaler = new amp.GradScaler('cpu', { initScale: 8 });
 * optimizer.zeroGrad();
 * const loss = model(randn(4, 3)).pow(2).mean();
 * scaler.scale(loss).backward();
 * scaler.unscale_(optimizer); // to clip gradients, say
 * nn.utils.clipGradNorm_(model.parameters(), 1);
 * scaler.step(optimizer);
 * scaler.update();
 * if (scaler.getScale() !== 8) throw new Error('nothing was infinite');
 */
export class GradScaler {
  readonly #enabled: boolean;
  #scale: number;
  #growthFactor: number;
  #backoffFactor: number;
  #growthInterval: number;
  /** Steps without an overflow since the scale last changed. */
  #tracker = 0;
  #stages = new Map<Optimizer, Stage>();

  constructor(
    ...args: Call<
      [device?: DeviceName, initScale?: number, growthFactor?: number, backoffFactor?: number, growthInterval?: number, enabled?: boolean],
      GradScalerCall
    >
  );
  constructor(...args: readonly unknown[]) {
    const given = readCall<GradScalerCall>(SCALER, args);
    this.#enabled = (given.enabled ?? true) && !withoutGpu('GradScaler', given.device ?? 'cuda');
    this.#scale = Math.fround(given.initScale ?? 65536);
    this.#growthFactor = given.growthFactor ?? 2;
    this.#backoffFactor = given.backoffFactor ?? 0.5;
    this.#growthInterval = given.growthInterval ?? 2000;
    if (!this.#enabled) return;
    if (this.#growthFactor <= 1) throw new ArgumentError(`GradScaler: expected a growthFactor above 1, but got ${this.#growthFactor}`);
    if (this.#backoffFactor >= 1) throw new ArgumentError(`GradScaler: expected a backoffFactor below 1, but got ${this.#backoffFactor}`);
  }

  isEnabled(): boolean {
    return this.#enabled;
  }

  /** A loss, or several, multiplied by the scale. */
  scale(outputs: Tensor): Tensor;
  scale(outputs: readonly Tensor[]): Tensor[];
  scale(outputs: Tensor | readonly Tensor[]): Tensor | Tensor[] {
    if (!isTensor(outputs) && !(Array.isArray(outputs) && outputs.every((output) => isTensor(output)))) {
      throw new ArgumentError(`GradScaler.scale: expected a tensor or an array of tensors, but got ${show(outputs)}`);
    }
    if (!this.#enabled) return outputs as Tensor;
    return isTensor(outputs) ? outputs.mul(this.#scale) : outputs.map((output) => output.mul(this.#scale));
  }

  /**
   * Divides the gradients of an optimizer's parameters by the scale, in place: before they are clipped or looked at. `step` does it otherwise.
   * @throws ArgumentError a second time before `update()`, or after `step()`; DTypeError for float16 gradients, which would lose what scaling has saved
   */
  unscale_(optimizer: Optimizer): void {
    requireKind('GradScaler.unscale_', 'the argument', optimizer, OPTIMIZER);
    if (!this.#enabled) return;
    const at = this.#stages.get(optimizer)?.at;
    if (at === 'unscaled')
      throw new ArgumentError(
        'GradScaler.unscale_: this has been called for the optimizer already since the last update(); call update() after step()',
      );
    if (at === 'stepped') throw new ArgumentError('GradScaler.unscale_: this is called after step(); call update() first');
    this.#unscale(optimizer);
  }

  #unscale(optimizer: Optimizer): Stage {
    const grads = optimizer.paramGroups.flatMap(({ params }) => params.flatMap(({ grad }) => grad ?? []));
    if (grads.some(({ dtype }) => dtype === 'float16'))
      throw new DTypeError('GradScaler.unscale_: expected gradients of float32, but got float16; keep the parameters in float32');
    const inverse = Math.fround(1 / this.#scale);
    const stage: Stage = { at: 'unscaled', overflow: withGradMode(false, () => unscaled(grads, inverse)) };
    this.#stages.set(optimizer, stage);
    return stage;
  }

  /**
   * Steps, unless a gradient is infinite or NaN; unscales first where that has not been done.
   * @returns what the optimizer's step returned
   * @throws ArgumentError for a closure, an optimizer without gradients, or a second call before `update()`
   */
  step(optimizer: Optimizer, ...more: readonly unknown[]): unknown {
    requireKind('GradScaler.step', 'the argument', optimizer, OPTIMIZER);
    if (!this.#enabled) return optimizer.step<unknown>(...(more as []));
    if (more.length > 0)
      throw new ArgumentError(
        'GradScaler.step: a closure cannot be used while the scaler is on; compute the loss before, or use enabled: false',
      );
    const before = this.#stages.get(optimizer);
    if (before?.at === 'stepped')
      throw new ArgumentError(
        'GradScaler.step: this has been called for the optimizer already since the last update(); call update() after each step',
      );
    if (optimizer.paramGroups.every(({ params }) => params.every(({ grad }) => grad === null)))
      throw new ArgumentError('GradScaler.step: no parameter of the optimizer has a gradient; call scaler.scale(loss).backward() first');
    const { overflow } = before ?? this.#unscale(optimizer);
    const result = overflow ? undefined : optimizer.step<unknown>();
    this.#stages.set(optimizer, { at: 'stepped', overflow });
    return result;
  }

  /**
   * Adapts the scale after the steps of an iteration, or sets it.
   * @throws ArgumentError when nothing was unscaled since the last time
   */
  update(newScale?: number | Tensor | null): void {
    if (!this.#enabled) return;
    if (newScale !== undefined && newScale !== null) this.#scale = Math.fround(isTensor(newScale) ? newScale.item() : newScale);
    else if (this.#stages.size === 0)
      throw new ArgumentError('GradScaler.update: no gradients were looked at since the last time; call step(optimizer) first');
    else this.#adapt([...this.#stages.values()].some(({ overflow }) => overflow));
    this.#stages = new Map();
  }

  #adapt(overflow: boolean): void {
    if (overflow) {
      this.#scale = Math.fround(this.#scale * this.#backoffFactor);
      this.#tracker = 0;
    } else if (++this.#tracker === this.#growthInterval) {
      const grown = Math.fround(this.#scale * this.#growthFactor);
      if (Number.isFinite(grown)) this.#scale = grown;
      this.#tracker = 0;
    }
  }

  /** The scale; 1 when it is off. */
  getScale(): number {
    return this.#enabled ? this.#scale : 1;
  }

  getGrowthFactor(): number {
    return this.#growthFactor;
  }

  setGrowthFactor(factor: number): void {
    requireKind('GradScaler.setGrowthFactor', 'the factor', factor, FINITE);
    this.#growthFactor = factor;
  }

  getBackoffFactor(): number {
    return this.#backoffFactor;
  }

  setBackoffFactor(factor: number): void {
    requireKind('GradScaler.setBackoffFactor', 'the factor', factor, FINITE);
    this.#backoffFactor = factor;
  }

  getGrowthInterval(): number {
    return this.#growthInterval;
  }

  setGrowthInterval(interval: number): void {
    requireKind('GradScaler.setGrowthInterval', 'the interval', interval, FINITE);
    this.#growthInterval = interval;
  }

  /** What PyTorch's `load_state_dict` takes; empty when it is off. */
  stateDict(): GradScalerState {
    if (!this.#enabled) return {};
    return {
      scale: this.#scale,
      growth_factor: this.#growthFactor,
      backoff_factor: this.#backoffFactor,
      growth_interval: this.#growthInterval,
      _growth_tracker: this.#tracker,
    };
  }

  /**
   * @param saved what {@link stateDict} or PyTorch's gave, as an object or as a Map from a file
   * @throws StateDictError for the state of a scaler that was off, or what is none; nothing is changed then
   */
  loadStateDict(saved: GradScalerState | ReadonlyMap<string, unknown>): void {
    if (!this.#enabled) return;
    const [scale, growth, backoff, interval, tracker] = numbersOf(saved);
    this.#scale = Math.fround(scale!);
    this.#growthFactor = growth!;
    this.#backoffFactor = backoff!;
    this.#growthInterval = interval!;
    this.#tracker = tracker!;
  }
}

/** Multiplies gradients in place. @returns whether one of them had an infinite or NaN element */
function unscaled(grads: readonly Tensor[], by: number): boolean {
  if (grads.length === 0) return false;
  const finite = grads.map((grad) => grad.isfinite().all());
  for (const grad of grads) if (by !== 1) grad.mul_(by);
  const [first] = finite;
  const here = finite.map((flag) => flag.to(first!.device));
  return stack(here).all().item() === 0;
}

function numbersOf(saved: unknown): number[] {
  const values = saved instanceof Map ? Object.fromEntries(saved as Map<string, unknown>) : saved;
  if (!isRecord(values)) throw new StateDictError(`GradScaler.loadStateDict: expected a state dict, but got ${show(saved)}`);
  if (Object.keys(values).length === 0)
    throw new StateDictError('GradScaler.loadStateDict: the state dict is empty; it may be of a scaler that was off (enabled: false)');
  return FIELDS.map((name) => {
    const value = values[name];
    if (typeof value === 'number' && Number.isFinite(value)) return value;
    throw new StateDictError(`GradScaler.loadStateDict: expected a number as ${name}, but got ${show(value)}; nothing was loaded`);
  });
}
