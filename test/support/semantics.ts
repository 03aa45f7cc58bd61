/**
 * Calls of single operations as PyTorch answers them (test/fixtures/semantics, written by generate.py there): eagerly and compiled, results,
 * gradients, and errors where PyTorch refuses. What an operation's name means stands in {@link OPS}, and for Python in ops.py.
 */
import { readFileSync } from 'node:fs';
import * as fl from 'flambeau';
import { AutogradError, compile, F, FlambeauError, InternalError, Tensor, type DType } from 'flambeau';
import { decode, mismatch, toTensor } from './fixtures.ts';

/** One call: operation, arguments, results, and the gradients of the results' sum. */
export type Call = readonly [
  op: string,
  args: readonly unknown[],
  results: readonly string[] | 'error',
  grads?: readonly (string | null)[] | 'error',
];

export function loadCalls(family: string): Call[] {
  const file = new URL(`../fixtures/semantics/${family}.json`, import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { calls: Call[] }).calls;
}

type Run = (...args: never[]) => unknown;
type Reduction = 'mean' | 'sum' | 'none';
type Loss = (x: Tensor, target: Tensor, options: { reduction: Reduction }) => Tensor;

const bound =
  (name: string): Run =>
  (x: Tensor, ...rest: never[]) =>
    (Reflect.get(x, name) as Run).apply(x, rest);
const inPlace =
  (run: Run): Run =>
  (x: Tensor, ...rest: never[]) =>
    run(...([x.clone(), ...rest] as never[]));
const named = (names: string): Record<string, Run> => Object.fromEntries(names.split(' ').map((name) => [name, bound(name)]));
const functional = (names: string): Record<string, Run> =>
  Object.fromEntries(names.split(' ').map((name) => [name, Reflect.get(F, name) as Run]));
const loss =
  (name: string): Run =>
  (x: Tensor, target: Tensor, reduction: Reduction) =>
    (Reflect.get(F, name) as Loss)(x, target, { reduction });
const dtyped = (dtype: DType | null): { dtype?: DType } => (dtype === null ? {} : { dtype });
const both = ({ values, indices }: { values: Tensor; indices: Tensor }): Tensor[] => [values, indices];

/** The operations of test/fixtures/semantics/ops.py. */
const OPS: Readonly<Record<string, Run>> = {
  ...named('neg abs sign exp expm1 log log1p log2 log10 sqrt rsqrt square reciprocal sin cos tan tanh sigmoid relu'),
  ...named('floor ceil round trunc isnan isinf logicalNot add sub mul div pow remainder floorDivide eq ne lt le gt ge'),
  ...named('logicalAnd logicalOr logicalXor rsub rdiv sum mean prod amax amin any all var std max min argmax argmin'),
  ...named('logsumexp cumsum softmax logSoftmax maskedFill to view reshape flatten permute transpose t unsqueeze'),
  ...named('squeeze expand narrow select split chunk clone contiguous matmul'),
  ...functional('leakyRelu relu6 hardtanh hardsigmoid hardswish silu elu gelu softplus linear pixelShuffle pad oneHot'),
  ...functional('pixelUnshuffle maxPool2d avgPool2d adaptiveAvgPool2d adaptiveMaxPool2d'),
  ...Object.fromEntries(
    'neg_ relu_ sqrt_ exp_ zero_ add_ sub_ mul_ div_ fill_ copy_ maskedFill_'.split(' ').map((name) => [name, inPlace(bound(name))]),
  ),
  maximum: fl.maximum,
  minimum: fl.minimum,
  where: fl.where as Run,
  addAlpha: (x: Tensor, y: Tensor, alpha: number) => x.add(y, { alpha }),
  subAlpha: (x: Tensor, y: Tensor, alpha: number) => x.sub(y, { alpha }),
  addAlpha_: inPlace((x: Tensor, y: Tensor, alpha: number) => x.add_(y, { alpha })),
  clamp: (x: Tensor, min: number | null, max: number | null) =>
    x.clamp({ ...(min === null ? {} : { min }), ...(max === null ? {} : { max }) }),
  sumKeep: (x: Tensor, dims: number[]) => x.sum(dims, { keepdim: true }),
  varPopulation: (x: Tensor) => x.var(undefined, { correction: 0 }),
  maxAlong: (x: Tensor, dim: number) => both(x.max(dim)),
  minAlong: (x: Tensor, dim: number) => both(x.min(dim)),
  cat: fl.cat,
  stack: fl.stack,
  broadcastTensors: fl.broadcastTensors as Run,
  squeezeDims: (x: Tensor, dims: number[]) => x.squeeze(dims),
  iterate: (x: Tensor) => [...x],
  size: (x: Tensor, dim: number) => fl.tensor(x.size(dim), { dtype: 'int64' }),
  conv2d: (x: Tensor, w: Tensor, b: Tensor | null, stride: number, padding: number) => F.conv2d(x, w, b, { stride, padding }),
  convTranspose2d: (x: Tensor, w: Tensor, b: Tensor | null, stride: number, padding: number) =>
    F.convTranspose2d(x, w, b, { stride, padding }),
  interpolate: (x: Tensor, size: [number, number], mode: 'nearest' | 'bilinear' | 'area') => F.interpolate(x, { size, mode }),
  batchNorm: (x: Tensor, mean: Tensor, variance: Tensor, weight: Tensor | null, bias: Tensor | null, training: boolean) => {
    const running = [mean.detach(), variance.detach()] as const;
    return [F.batchNorm(x, ...running, { weight, bias, training }), ...running];
  },
  crossEntropy: loss('crossEntropy'),
  nllLoss: loss('nllLoss'),
  mseLoss: loss('mseLoss'),
  l1Loss: loss('l1Loss'),
  smoothL1Loss: loss('smoothL1Loss'),
  dropout: (x: Tensor, training: boolean) => F.dropout(x, { training }),
  dropout2d: (x: Tensor, training: boolean) => F.dropout2d(x, { training }),
  hardtanhBetween: (x: Tensor, low: number, high: number) => F.hardtanh(x, low, high),
  arange: (start: number, end: number, step: number, dtype: DType | null) => fl.arange(start, end, step, dtyped(dtype)),
  linspace: (start: number, end: number, steps: number, dtype: DType | null) => fl.linspace(start, end, steps, dtyped(dtype)),
  full: (shape: number[], value: number | boolean, dtype: DType | null) => fl.full(shape, value, dtyped(dtype)),
  eye: (n: number, m: number) => fl.eye(n, m),
};

const isEncoded = (value: unknown): value is string => typeof value === 'string' && /^[bfgiu][1248]\[/.test(value);

/** The arguments with tensors in place of what stands for them. */
function argumentsOf(args: readonly unknown[]): { values: unknown[]; tensors: Tensor[] } {
  const tensors: Tensor[] = [];
  const made = (value: unknown): unknown => {
    if (isEncoded(value)) {
      const x = toTensor(decode(value));
      tensors.push(x);
      return x;
    }
    if (Array.isArray(value)) return value.map(made);
    if (typeof value === 'object' && value !== null)
      return { nan: NaN, inf: Infinity, '-inf': -Infinity }[(value as { number: 'nan' | 'inf' | '-inf' }).number];
    return value;
  };
  return { values: args.map(made), tensors };
}

const listed = (result: unknown): Tensor[] => (Array.isArray(result) ? (result as Tensor[]) : [result as Tensor]);

/** Replaces the tensors in arguments, in order. */
function withTensors(args: readonly unknown[], tensors: readonly Tensor[]): unknown[] {
  let next = 0;
  const replace = (value: unknown): unknown =>
    value instanceof Tensor ? tensors[next++]! : Array.isArray(value) ? value.map(replace) : value;
  return args.map(replace);
}

/** What is wrong with the answer to a call; undefined if all is as in PyTorch. */
export function problemOf([op, args, results, grads]: Call, how: 'eager' | 'compiled'): string | undefined {
  const { values, tensors } = argumentsOf(args);
  if (grads !== undefined) for (const t of tensors) if (t.isFloatingPoint()) t.requiresGrad = true;
  const run = OPS[op];
  if (run === undefined) return 'no such operation in test/support/semantics.ts';
  try {
    let got: Tensor[];
    if (how === 'eager') {
      got = listed(run(...(values as never[])));
      if (grads !== undefined) sumOf(got)?.backward();
    } else {
      got = compile((...given: Tensor[]) => {
        const made = listed(run(...(withTensors(values, given) as never[])));
        if (grads !== undefined) sumOf(made)?.backward();
        return made.map((y) => y.detach());
      })(...tensors);
    }
    if (results === 'error') return `PyTorch refuses, but got ${describe(got)}`;
    if (grads === 'error') return 'PyTorch has no gradient, but one came';
    return differences(got, results) ?? (Array.isArray(grads) ? gradientDifferences(tensors, grads) : undefined);
  } catch (error) {
    if (!(error instanceof FlambeauError)) return `raw error: ${String(error instanceof Error ? error.stack?.slice(0, 400) : error)}`;
    if (error instanceof InternalError) return error.message;
    return results === 'error' || (grads === 'error' && error instanceof AutogradError) ? undefined : `refused: ${error.message}`;
  }
}

/** The sum of the squares of all results that have gradients. */
function sumOf(results: readonly Tensor[]): Tensor | undefined {
  return results
    .filter((y) => y.requiresGrad)
    .map((y) => y.mul(y).sum())
    .reduce<Tensor | undefined>((a, b) => (a === undefined ? b : a.add(b)), undefined);
}

const describe = (tensors: readonly Tensor[]): string =>
  tensors.map((t) => `${t.dtype} [${t.layout.shape.join(', ')}] ${t.numel() < 9 ? String(t.tolist()) : ''}`).join('; ');

function differences(got: readonly Tensor[], results: readonly string[]): string | undefined {
  if (got.length !== results.length) return `${got.length} results, expected ${results.length}`;
  for (const [i, y] of got.entries()) {
    const problem = mismatch(y, decode(results[i]!), 'sum');
    if (problem !== undefined) return `result ${i}: ${problem}`;
  }
  return undefined;
}

function gradientDifferences(tensors: readonly Tensor[], grads: readonly (string | null)[]): string | undefined {
  for (const [i, expected] of grads.entries()) {
    const got = tensors[i]!.grad;
    if (expected === null) {
      if (got !== null && got.abs().sum().item() !== 0) return `gradient ${i}: got one, expected none`;
      continue;
    }
    if (got === null) return `gradient ${i}: none came`;
    const problem = mismatch(got, decode(expected), 'sum');
    if (problem !== undefined) return `gradient ${i}: ${problem}`;
  }
  return undefined;
}
