/** What Python returns as a named tuple: tensors by name, and taken apart by place. */
import type { Tensor } from '../tensor.ts';

/** Tensors in an order, each also by its name: `const [q, r] = qr(a)`, `qr(a).Q`. */
export type Named<Names extends readonly string[]> = { readonly [K in keyof Names]: Tensor } & {
  readonly [K in Names[number]]: Tensor;
};

export function named<const Names extends readonly string[]>(names: Names, parts: readonly Tensor[]): Named<Names> {
  const list = [...parts];
  names.forEach((name, i) => Object.defineProperty(list, name, { value: parts[i] }));
  return list as unknown as Named<Names>;
}
