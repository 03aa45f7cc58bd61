/**
 * Where training stands, as a value for a checkpoint: from it a run goes on to the same bits as if it had never stopped. Weights, optimizer and
 * schedule are in PyTorch's form; random states are what `torch.get_rng_state` gives.
 */
import { FormatError } from '../base/errors.ts';
import type { CheckpointInput } from '../io/checkpoint.ts';
import { fromTypedArray } from '../tensor/create.ts';
import { defaultGenerator, type Generator } from '../tensor/random/index.ts';
import { isTensor } from '../tensor/is-tensor.ts';
import type { EpochResult } from './trainer-options.ts';

/** The position of a run: everything that is not a tensor of its model, optimizer or schedule. */
export interface Position {
  /** Epochs that have ended. */
  epoch: number;
  /** Batches done in the running epoch, and what they came to. */
  batch: number;
  images: number;
  loss: number;
  /** Updates so far. */
  step: number;
  /** The best value of what is monitored, the lowest loss, and epochs since the best. */
  best: number;
  lowest: number;
  bestEpoch: number;
  stale: number;
  history: EpochResult[];
  /** Random states when the running epoch began, and now. */
  began: RandomStates | undefined;
  now: RandomStates | undefined;
}

export type RandomStates = readonly Uint8Array[];

export const newPosition = (): Position => ({ epoch: 0, batch: 0, images: 0, loss: 0, step: 0, best: Infinity, lowest: Infinity, bestEpoch: 0, stale: 0, history: [], began: undefined, now: undefined }); // prettier-ignore

export const randomStates = (others: readonly Generator[]): RandomStates =>
  [defaultGenerator, ...others].map((generator) => generator.getState());

export function setRandomStates(states: RandomStates, others: readonly Generator[]): void {
  [defaultGenerator, ...others].forEach((generator, i) => generator.setState(states[i]!));
}

const NUMBERS = ['epoch', 'batch', 'images', 'loss', 'step', 'best', 'lowest', 'bestEpoch', 'stale'] as const;
const OF_EPOCH = ['epoch', 'trainLoss', 'validLoss', 'accuracy', 'top5', 'lr', 'seconds'] as const;

export function packPosition(position: Position): { readonly [key: string]: CheckpointInput } {
  const states = (list: RandomStates | undefined): CheckpointInput =>
    list === undefined ? null : list.map((bytes) => fromTypedArray(bytes));
  return {
    ...Object.fromEntries(NUMBERS.map((name) => [name, position[name]])),
    history: position.history.map((epoch) => Object.fromEntries(OF_EPOCH.map((name) => [name, epoch[name]]))),
    began: states(position.began),
    now: states(position.now),
  };
}

/** @throws FormatError for a value that {@link packPosition} has not made, or one of a run with other generators */
export function unpackPosition(value: unknown, generators: number): Position {
  const fail = (why: string): never => {
    throw new FormatError(`Trainer.loadStateDict: ${why}; expected what stateDict() of a trainer gave`);
  };
  const numbersOf = <K extends string>(from: unknown, names: readonly K[], where: string): Record<K, number> => {
    if (!(from instanceof Map)) return fail(`${where} is not a dictionary`);
    const found = names.map((name) => [name, (from as ReadonlyMap<string, unknown>).get(name)] as const);
    const wrong = found.find(([, number]) => typeof number !== 'number');
    return wrong === undefined ? (Object.fromEntries(found) as Record<K, number>) : fail(`${where} has no number '${wrong[0]}'`);
  };
  const statesOf = (from: unknown, name: string): RandomStates | undefined => {
    if (from === null) return undefined;
    if (!Array.isArray(from) || !from.every((state) => isTensor(state) && state.dtype === 'uint8'))
      return fail(`'${name}' are not random states`);
    if (from.length !== generators + 1)
      return fail(`it is of a run with ${from.length - 1} generators of its own, this one has ${generators}`);
    return from.map((state) => (isTensor(state) ? (state.toTypedArray() as Uint8Array) : new Uint8Array()));
  };
  const numbers = numbersOf(value, NUMBERS, 'the position');
  const part = (name: string): unknown => (value as ReadonlyMap<string, unknown>).get(name);
  const history = part('history');
  if (!Array.isArray(history)) return fail("there is no 'history'");
  const epochs = history.map((epoch) => numbersOf(epoch, OF_EPOCH, 'an epoch'));
  return { ...numbers, history: epochs, began: statesOf(part('began'), 'began'), now: statesOf(part('now'), 'now') };
}
