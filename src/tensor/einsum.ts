/** Sums of products by index (https://pytorch.org/docs/stable/generated/torch.einsum.html), as matrix products of pairs of operands. */
import { TEXT, requireKind } from '../base/arguments.ts';
import { ArgumentError, ShapeError } from '../base/errors.ts';
import { numelOf, showShape } from '../base/shape.ts';
import { TENSORS } from './arguments.ts';
import type { Tensor } from './tensor.ts';
import { diagonalView } from './views-strided.ts';

/** An operand and the index of each of its dimensions. Dimensions under `...` are indices `.0`, `.1`, … from the last. */
interface Term {
  readonly x: Tensor;
  readonly names: readonly string[];
}

const EXAMPLE = "write einsum('ij,jk->ik', a, b)";

/**
 * The sum of the products of operands' elements over all indices that the result does not have: `einsum('bij,bjk->bik', a, b)`. Each letter is
 * the index of a dimension, a repeated one takes the diagonal, `...` stands for any dimensions, which broadcast. Without `->`, the result has
 * `...` and all letters that occur once, in the alphabet's order.
 * @throws ArgumentError for an equation that does not fit its operands, ShapeError for sizes that differ
 * @example
 * import { einsum, ones } from 'flambeau';
 * if (einsum('bij,jk->bik', ones(2, 3, 4), ones(4, 5)).shape.join() !== '2,3,5') throw new Error('a batch of products');
 */
export function einsum(equation: string, ...operands: readonly Tensor[] | readonly [readonly Tensor[]]): Tensor {
  requireKind('einsum', 'the equation', equation, TEXT, EXAMPLE);
  const list: readonly unknown[] = operands.length === 1 && Array.isArray(operands[0]) ? operands[0] : operands;
  requireKind('einsum', 'the operands', list, TENSORS, EXAMPLE);
  const [left, right, more] = equation.replaceAll(' ', '').split('->');
  const parts = left!.split(',');
  if (more !== undefined) throw new ArgumentError(`einsum: '${equation}' has more than one arrow; ${EXAMPLE}`);
  if (parts.length !== list.length)
    throw new ArgumentError(`einsum: '${equation}' is about ${parts.length} operands, but got ${list.length}`);
  if (list.length === 0) throw new ArgumentError(`einsum: expected operands; ${EXAMPLE}`);
  const terms = (list as readonly Tensor[]).map((x, i) => termOf(x, parts[i]!, i));
  const wanted = right === undefined ? implied(terms) : explicit(right, terms);
  return contracted(sameSizes(terms), wanted);
}

function letters(text: string, what: string): string[] {
  const split = /^([a-zA-Z]*)(?:(\.\.\.)([a-zA-Z]*))?$/.exec(text);
  if (split === null) throw new ArgumentError(`einsum: expected letters and at most one '...' ${what}, but got '${text}'`);
  const each = (word: string): string[] => Array.from(word);
  return [...each(split[1]!), ...(split[2] === undefined ? [] : ['...', ...each(split[3]!)])];
}

/** The operand with one dimension for each of its letters. */
function termOf(x: Tensor, text: string, i: number): Term {
  const found = letters(text, `for operand ${i}`);
  const under = x.ndim - found.filter((name) => name !== '...').length;
  if (under < 0 || (under > 0 && !found.includes('...'))) {
    throw new ArgumentError(
      `einsum: operand ${i} of shape ${showShape(x.layout.shape)} has ${x.ndim} dimensions, but '${text}' names ${x.ndim - under}`,
    );
  }
  const names = found.flatMap((name) => (name === '...' ? Array.from({ length: under }, (_, k) => `.${under - 1 - k}`) : [name]));
  return diagonals({ x, names });
}

/** Repeated indices of one operand as one: its diagonal. */
function diagonals({ x, names }: Term): Term {
  const second = names.findIndex((name, i) => names.indexOf(name) < i);
  if (second === -1) return { x, names };
  const first = names.indexOf(names[second]!);
  const [a, b] = [x.layout.shape[first]!, x.layout.shape[second]!];
  if (a !== b)
    throw new ShapeError(
      `einsum: index ${names[second]!} stands for sizes ${a} and ${b} of one operand of shape ${showShape(x.layout.shape)}`,
    );
  const rest = names.filter((_, i) => i !== first && i !== second);
  return diagonals({ x: diagonalView(x, 0, first, second), names: [...rest, names[first]!] });
}

const ellipsis = (terms: readonly Term[]): string[] => {
  const depth = Math.max(0, ...terms.map(({ names }) => names.filter((name) => name.startsWith('.')).length));
  return Array.from({ length: depth }, (_, k) => `.${depth - 1 - k}`);
};

function implied(terms: readonly Term[]): string[] {
  const counts = new Map<string, number>();
  for (const { names } of terms) for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [
    ...ellipsis(terms),
    ...[...counts]
      .filter(([name, n]) => n === 1 && !name.startsWith('.'))
      .map(([name]) => name)
      .sort(),
  ];
}

function explicit(text: string, terms: readonly Term[]): string[] {
  const names = letters(text, 'for the result').flatMap((name) => (name === '...' ? ellipsis(terms) : [name]));
  names.forEach((name, i) => {
    if (names.indexOf(name) < i) throw new ArgumentError(`einsum: the result has index ${name} twice`);
    if (!terms.some((term) => term.names.includes(name)))
      throw new ArgumentError(`einsum: the result's index ${name} is one of no operand`);
  });
  return names;
}

/** Operands whose sizes of 1 are as large as those of others with the same index. */
function sameSizes(terms: readonly Term[]): Term[] {
  const sizes = new Map<string, number>();
  terms.forEach(({ x, names }, operand) => {
    names.forEach((name, i) => {
      const size = x.layout.shape[i]!;
      const known = sizes.get(name) ?? 1;
      if (known !== 1 && size !== 1 && known !== size)
        throw new ShapeError(
          `einsum: index ${name.startsWith('.') ? 'under ...' : name} stands for sizes ${known} and ${size} (operand ${operand})`,
        );
      if (known === 1) sizes.set(name, size);
    });
  });
  return terms.map(({ x, names }) => ({
    x: names.some((name, i) => x.layout.shape[i] !== sizes.get(name)) ? x.expand(names.map((name) => sizes.get(name)!)) : x,
    names,
  }));
}

/** All operands multiplied, one after the other; an index goes when nobody needs it any more. */
function contracted(terms: readonly Term[], wanted: readonly string[]): Tensor {
  let result = terms[0]!;
  for (let i = 1; i < terms.length; i++) {
    const later = new Set([...wanted, ...terms.slice(i + 1).flatMap(({ names }) => names)]);
    result = product(result, terms[i]!, later);
  }
  const left = summed(result, (name) => wanted.includes(name));
  const order = wanted.map((name) => left.names.indexOf(name));
  return order.every((dim, i) => dim === i) ? left.x : left.x.permute(order);
}

/** A term without the indices that are not kept. */
function summed({ x, names }: Term, kept: (name: string) => boolean): Term {
  const gone = names.flatMap((name, i) => (kept(name) ? [] : [i]));
  return gone.length === 0 ? { x, names } : { x: x.sum(gone, false, { dtype: x.dtype }), names: names.filter(kept) };
}

function product(a: Term, b: Term, later: ReadonlySet<string>): Term {
  const left = summed(a, (name) => later.has(name) || b.names.includes(name));
  const right = summed(b, (name) => later.has(name) || a.names.includes(name));
  const shared = left.names.filter((name) => right.names.includes(name));
  const batch = shared.filter((name) => later.has(name));
  const over = shared.filter((name) => !later.has(name));
  const [rows, columns] = [left, right].map(({ names }) => names.filter((name) => !shared.includes(name))) as [string[], string[]];
  const sizes = ({ x, names }: Term, of: readonly string[]): number[] => of.map((name) => x.layout.shape[names.indexOf(name)]!);
  const ordered = ({ x, names }: Term, order: readonly string[]): Tensor => x.permute(order.map((name) => names.indexOf(name)));
  const [m, n] = [sizes(left, rows), sizes(right, columns)];
  const shape = [...sizes(left, batch), ...m, ...n];
  const names = [...batch, ...rows, ...columns];
  const both = [numelOf(sizes(left, batch)), numelOf(sizes(left, over))] as const;
  const one = ordered(left, [...batch, ...rows, ...over]).reshape([both[0], numelOf(m), both[1]]);
  const other = ordered(right, [...batch, ...over, ...columns]).reshape([both[0], both[1], numelOf(n)]);
  const result = over.length === 0 ? one.mul(other) : one.matmul(other);
  return { x: result.reshape(shape), names };
}
