/**
 * Shape rules of matrix products: matmul in all its forms (vectors, matrices, batches) and linear. Types only.
 *
 * https://pytorch.org/docs/stable/generated/torch.matmul.html
 */
import type { TextOf } from './arithmetic.ts';
import type { Broadcast } from './broadcast.ts';
import type { Dynamic, IsDynamic, Same, Shape, Show, Wrong } from './dims.ts';
import type { CannotMultiply, WrongFeatures } from './messages.ts';

/** `a.matmul(b)`: the last size of A meets the second to last of B (or the only one); what is in front is a batch. */
export type MatmulShape<A, B> =
  IsDynamic<A> extends true
    ? Dynamic
    : IsDynamic<B> extends true
      ? Dynamic
      : A extends readonly [infer K]
        ? VectorTimes<K, A, B>
        : A extends readonly [...infer BatchA, infer M, infer K]
          ? MatrixTimes<BatchA, M, K, A, B>
          : NoProduct<A, B>;

type NoProduct<A, B> = Wrong<CannotMultiply<Show<A>, Show<B>>>;

type VectorTimes<K, A, B> = B extends readonly [infer KB]
  ? Same<K, KB> extends true
    ? []
    : NoProduct<A, B>
  : B extends readonly [...infer BatchB, infer KB, infer N]
    ? Same<K, KB> extends true
      ? [...BatchB, N]
      : NoProduct<A, B>
    : NoProduct<A, B>;

type MatrixTimes<BatchA extends Shape, M, K, A, B> = B extends readonly [infer KB]
  ? Same<K, KB> extends true
    ? [...BatchA, M]
    : NoProduct<A, B>
  : B extends readonly [...infer BatchB, infer KB, infer N]
    ? Same<K, KB> extends true
      ? Broadcast<BatchA, BatchB> extends infer Batch
        ? Batch extends Shape
          ? [...Batch, M, N]
          : Batch
        : never
      : NoProduct<A, B>
    : NoProduct<A, B>;

/** `F.linear(x, weight)`: the weight's shape W is [out, in]. */
export type WeightedShape<X, W> =
  IsDynamic<W> extends true ? Dynamic : W extends readonly [infer Out, infer In] ? LinearShape<X, In, Out, 'linear'> : Dynamic;

/** `x @ weightᵀ + bias`: the last size of X is In and becomes Out. `Name` is the layer or function in the message. */
export type LinearShape<X, In, Out, Name extends string = 'Linear'> =
  IsDynamic<X> extends true
    ? Dynamic
    : X extends readonly [...infer Front, infer Features]
      ? Same<Features, In> extends true
        ? [...Front, Out]
        : Wrong<WrongFeatures<Name, TextOf<In>, TextOf<Features>>>
      : Wrong<WrongFeatures<Name, TextOf<In>, 'a scalar'>>;
