/**
 * Shape rules of losses: does the target belong to the prediction, and what comes out. Types only.
 *
 * https://pytorch.org/docs/stable/nn.functional.html#loss-functions
 */
import type { Broadcast } from './broadcast.ts';
import type { Dynamic, IsDynamic, SameShape, Show, Wrong } from './dims.ts';
import type { WrongTarget } from './messages.ts';

/** How a loss is combined over its elements. */
export type Reduction = 'mean' | 'sum' | 'none';

/** A scalar, or with `'none'` one value per element of S. */
export type LossShape<S, R> = [R] extends ['none'] ? S : 'none' extends R ? Dynamic : [];

/**
 * `crossEntropy(input, target)` and, without probabilities, `nllLoss`: for an input `[N, C, …]` the target is `[N, …]`
 * (class numbers) or the input's own shape (probabilities); for `[C]` it is a scalar or `[C]`.
 */
export type ClassTarget<X, T, Name extends string, Probabilities = true> =
  IsDynamic<X> extends true
    ? Dynamic
    : IsDynamic<T> extends true
      ? Dynamic
      : LabelsOf<X> extends infer Labels
        ? SameShape<Labels, T> extends true
          ? Labels
          : Probabilities extends true
            ? SameShape<X, T> extends true
              ? Labels
              : WrongLabels<Labels, T, Name>
            : WrongLabels<Labels, T, Name>
        : never;

type WrongLabels<Labels, T, Name extends string> = Wrong<WrongTarget<Name, Show<Labels>, Show<T>>>;

type LabelsOf<X> = X extends readonly [infer N, unknown, ...infer Rest] ? [N, ...Rest] : [];

/** `mseLoss(input, target)` and its like: the shapes broadcast. */
export type ElementTarget<X, T> = Broadcast<X, T>;
