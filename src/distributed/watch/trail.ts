/** The collectives that a process has called, in memory that its threads share: the program writes, its watch reads. */
import { DTYPES } from '../../base/dtype.ts';
import { showCollective, type Call, type ReduceOp } from '../process-group.ts';

/** `destroyProcessGroup` counts as one: all processes have to come there. */
export type Step = Omit<Call, 'kind'> & { readonly kind: Call['kind'] | 'destroyProcessGroup' };

const KINDS = ['allReduce', 'reduce', 'broadcast', 'allGather', 'reduceScatter', 'barrier', 'destroyProcessGroup', 'gather', 'scatter'] as const satisfies readonly Step['kind'][]; // prettier-ignore
const OPS = ['sum', 'product', 'min', 'max', 'band', 'bor', 'bxor'] as const satisfies readonly ReduceOp[];

/** A step as numbers: kind, op and dtype in one, the root or -1, how many elements. */
export type Signature = readonly [code: number, root: number, count: number];

export const signatureOf = ({ kind, dtype, count, op, root = -1 }: Step): Signature => [
  KINDS.indexOf(kind) | ((op === undefined ? 15 : OPS.indexOf(op)) << 4) | (DTYPES.indexOf(dtype) << 8),
  root,
  count,
];

/** As text; what no step is made of comes from a stranger, and is shown as such. */
export function showSignature([code, root, count]: Signature): string {
  const [kind, op, dtype] = [KINDS[code & 15] ?? 'unknown', OPS[(code >> 4) & 15], DTYPES[code >> 8] ?? 'float32'];
  return showCollective({ kind, dtype, count, ...(op && { op }), ...(root >= 0 && { root }) });
}

/** Steps that are kept; a watch looks several times a second, and processes are never far apart. */
const KEPT = 1024;
const FIELDS = 4;

const mixed = (hash: number, word: number): number => {
  const h = Math.imul(hash ^ word, 0x9e3779b1);
  return h ^ (h >>> 15);
};

/** Step `n` counts from 1. With each stands a hash of it and all before: equal ones say that two processes have called the same until then. */
export class Trail {
  /** How many there are, then those that are kept. */
  readonly words: Int32Array<SharedArrayBuffer>;

  constructor(words = new Int32Array(new SharedArrayBuffer(4 * (1 + KEPT * FIELDS)))) {
    this.words = words;
  }

  get length(): number {
    return Atomics.load(this.words, 0);
  }

  /** Forgets all: what a group does while it is made does not count. */
  clear(): void {
    Atomics.store(this.words, 0, 0);
  }

  add(step: Step): void {
    const before = this.length;
    const signature = signatureOf(step);
    const at = this.#at(before + 1);
    this.words.set(signature, at);
    this.words[at + 3] = signature.reduce(mixed, this.hash(before)!);
    Atomics.store(this.words, 0, before + 1);
  }

  #at(n: number): number {
    return 1 + (n % KEPT) * FIELDS;
  }

  #has(n: number): boolean {
    const { length } = this;
    return n > 0 && n <= length && n > length - KEPT + 1; // the oldest may be written over while it is read
  }

  signature(n: number): Signature | undefined {
    const at = this.#at(n);
    return this.#has(n) ? [this.words[at]!, this.words[at + 1]!, this.words[at + 2]!] : undefined;
  }

  hash(n: number): number | undefined {
    if (n === 0) return 0;
    return this.#has(n) ? this.words[this.#at(n) + 3]! : undefined;
  }
}
