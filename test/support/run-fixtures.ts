/**
 * Runs all cases of a fixture family through one function per operation, on every device and memory layout: results,
 * gradients, and that inputs stay as they were.
 */
import { inspect } from 'node:util';
import { compile, type Tensor } from 'flambeau';
import { describe, expect, test } from 'vitest';
import { onEachDevice } from './devices.ts';
import { decode, LAYOUTS, loadFixture, mismatch, toTensor, type FixtureCase, type MemoryLayout } from './fixtures.ts';

/** A case's tensors by the names that the generators give them. Those marked optional are not in every case. */
export interface Inputs {
  readonly x: Tensor;
  readonly y: Tensor;
  /** Weights of convolutions and linear layers. */
  readonly w: Tensor;
  readonly b?: Tensor;
  /** Conditions. */
  readonly c: Tensor;
  readonly index: Tensor;
  readonly source: Tensor;
  readonly mask: Tensor;
  readonly target: Tensor;
  readonly weight?: Tensor;
  readonly bias?: Tensor;
  readonly mean?: Tensor;
  readonly variance?: Tensor;
  /** All of them, in order. */
  readonly all: readonly Tensor[];
}

/** Calls an operation as users do. What the arguments look like is the fixture's business. */
export type Binding = (inputs: Inputs, args: never) => Tensor | readonly Tensor[];
export type Bindings = Readonly<Record<string, Binding>>;

export interface FamilyOptions {
  /** Inputs that the operation writes; they must lie densely. */
  readonly writes?: readonly string[];
}

/**
 * Whether only some cases of each operation and dtype run, and those of a family in one compiled function: all of its kernels are then made together, which
 * takes a C compiler seconds and not minutes.
 */
const together = process.env['FLAMBEAU_TEST_TOGETHER'] === '1';
/** Cases of each operation and dtypes. */
const SOME = 3;

/** Declares the tests of a family. Every operation in the file needs a binding, and every binding a case. */
export function testFamily(family: string, bindings: Bindings, options: FamilyOptions = {}): void {
  const { cases } = loadFixture<{ cases: FixtureCase[] }>(family);
  if (together) {
    test(`${family}: some cases of each operation and dtype, in one plan`, () => testTogether(cases, bindings));
    return;
  }
  const byOp = new Map<string, FixtureCase[]>();
  for (const c of cases) byOp.set(c.op, [...(byOp.get(c.op) ?? []), c]);
  test(`${family}: bindings and fixtures cover each other`, () => {
    expect([...byOp.keys()].sort()).toEqual(Object.keys(bindings).sort());
  });
  onEachDevice(() => {
    describe.each(LAYOUTS)('%s', (layout) => {
      for (const [op, list] of byOp) {
        const binding = bindings[op];
        if (binding === undefined) continue;
        test(`${op} (${list.length} cases)`, () => {
          const problems = list.flatMap((c) => problemsOf(c, binding, layout, options).map((text) => `${c.id}: ${text}`));
          if (problems.length > 0) throw new Error(report(problems, list.length));
        });
      }
    });
  });
}

/** Forward results of a few cases each, of different sizes where there are. */
function testTogether(cases: readonly FixtureCase[], bindings: Bindings): void {
  const taken = new Map<string, Set<number>>();
  const chosen = cases.flatMap((c) => {
    const hosts = Object.entries(c.in).map(([name, text]) => [name, decode(text)] as const);
    const size = Math.max(0, ...hosts.map(([, host]) => host.data.length));
    const key = `${c.op}|${hosts.map(([, { dtype }]) => dtype).join()}`;
    const sizes = taken.get(key) ?? new Set();
    taken.set(key, sizes);
    if (size === 0 || sizes.size >= SOME || sizes.has(size)) return [];
    sizes.add(size);
    const tensors = hosts.map(([name, host]) => [name, toTensor(host, 'dense')] as const);
    return [{ c, inputs: { ...Object.fromEntries(tensors), all: tensors.map(([, x]) => x) } as unknown as Inputs }];
  });
  const step = compile(() =>
    chosen.flatMap(({ c, inputs }): readonly Tensor[] => {
      const result = bindings[c.op]!(inputs, (c.args ?? {}) as never);
      return Array.isArray(result) ? (result as readonly Tensor[]) : [result as Tensor];
    }),
  );
  const results = step();
  let at = 0;
  const problems = chosen.flatMap(({ c }) =>
    c.out.flatMap((expected, i) => {
      const problem = mismatch(results[at++]!, decode(expected), c.tol);
      return problem === undefined ? [] : [`${c.id}: output ${i}: ${problem}`];
    }),
  );
  if (problems.length > 0) throw new Error(report(problems, chosen.length));
  const launches = inspect(step)
    .split(/\d+ launches:\n/)
    .at(-1)!
    .trim()
    .split('\n');
  expect(launches.filter((line) => !line.includes(': c-'))).toEqual([]);
}

function report(problems: readonly string[], cases: number): string {
  const shown = problems.slice(0, 12);
  const more = problems.length > shown.length ? [`… and ${problems.length - shown.length} more`] : [];
  return [`${problems.length} problems in ${cases} cases:`, ...shown, ...more].join('\n  ');
}

/** Runs one case; an empty list when everything is as in PyTorch. */
function problemsOf(c: FixtureCase, binding: Binding, layout: MemoryLayout, options: FamilyOptions): string[] {
  const hosts = Object.entries(c.in).map(([name, text]) => [name, decode(text)] as const);
  const tensors = hosts.map(([name, host]) => [name, toTensor(host, options.writes?.includes(name) === true ? 'dense' : layout)] as const);
  for (const [name, tensor] of tensors) if (c.grads?.[name] !== undefined) tensor.requiresGrad_();
  const problems: string[] = [];
  const check = (what: string, problem: string | undefined): void => {
    if (problem !== undefined) problems.push(`${what}: ${problem}`);
  };
  try {
    const inputs = { ...Object.fromEntries(tensors), all: tensors.map(([, tensor]) => tensor) } as unknown as Inputs;
    const result = binding(inputs, (c.args ?? {}) as never);
    const outputs = Array.isArray(result) ? (result as readonly Tensor[]) : [result as Tensor];
    check('number of outputs', outputs.length === c.out.length ? undefined : `${outputs.length}, expected ${c.out.length}`);
    outputs.forEach((y, i) => {
      const expected = c.out[i];
      if (expected !== undefined) check(`output ${i}`, mismatch(y, decode(expected), c.tol));
    });
    for (const [name, host] of hosts) {
      if (options.writes?.includes(name) === true) continue;
      check(`input ${name} afterwards`, mismatch(new Map(tensors).get(name)!, host, 'special'));
    }
    if (problems.length === 0) problems.push(...gradientProblems(c, new Map(tensors), outputs, layout));
  } catch (error) {
    problems.push(error instanceof Error ? (error.stack ?? error.message).split('\n').slice(0, 4).join(' ') : String(error));
  }
  return problems;
}

function gradientProblems(c: FixtureCase, inputs: ReadonlyMap<string, Tensor>, outputs: readonly Tensor[], layout: MemoryLayout): string[] {
  const { up = [], grads = {} } = c;
  const problems: string[] = [];
  outputs.forEach((y, i) => {
    const flows = typeof up[i] === 'string';
    if (y.requiresGrad !== flows) problems.push(`output ${i}: requiresGrad is ${y.requiresGrad}, expected ${flows}`);
  });
  if (problems.length > 0) return problems;
  const flowing = outputs.flatMap((y, i) => (typeof up[i] === 'string' ? [[y, decode(up[i])] as const] : []));
  flowing.forEach(([y, g], i) => y.backward(toTensor(g, layout), { retainGraph: i < flowing.length - 1 }));
  for (const [name, text] of Object.entries(grads)) {
    const got = inputs.get(name)!.grad;
    const problem = got === null ? 'no gradient came' : mismatch(got, decode(text), c.tol);
    if (problem !== undefined) problems.push(`gradient of ${name}: ${problem}`);
  }
  return problems;
}
