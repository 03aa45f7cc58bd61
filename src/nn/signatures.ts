/** Tables of arguments of functions and layers (`base/signature.ts`), so that errors name them as users write them. */
import type { OptionKinds } from '../base/arguments.ts';
import { signature, type Signature } from '../base/signature.ts';
import { TENSOR } from '../tensor/arguments.ts';
import type { Tensor } from '../tensor/tensor.ts';

interface Counts {
  /** How many must be given; of functions, besides the input. */
  readonly required?: number;
  /** How many have a position; of functions, besides the input. All by default. */
  readonly positional?: number;
}

export interface OfInput {
  readonly input: Tensor;
}

/** The arguments of `F.name(input, …)`. */
export function functionOf<O>(
  name: string,
  kinds: OptionKinds<O>,
  { required = 0, positional = Object.keys(kinds).length }: Counts = {},
): Signature<OfInput & O> {
  const all = { input: TENSOR, ...kinds } as unknown as OptionKinds<OfInput & O>;
  return signature<OfInput & O>(`F.${name}`, all, { required: required + 1, positional: positional + 1 });
}

/** The arguments of `new nn.Name(…)`. */
export function layerOf<O>(name: string, kinds: OptionKinds<O>, counts: Counts = {}): Signature<O> {
  return { ...signature<O>(`new nn.${name}`, kinds, counts), op: name };
}
