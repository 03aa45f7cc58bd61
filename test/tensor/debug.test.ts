/** What `FLAMBEAU_DEBUG` prints, stage by stage; in the project `native` once more, where kernels are C. */
import { compile, F, manualSeed, ones, randn, type Tensor } from 'flambeau';
import { afterEach, expect, test, vi } from 'vitest';
import { watchers } from '../../src/base/watchers.ts';
import { setProfiler } from '../../src/compiler/profiler.ts';
import { debug, enableDebug } from '../../src/tensor/debug.ts';

const isNative = process.env['FLAMBEAU_NATIVE'] === 'wait';

afterEach(() => {
  setProfiler(undefined);
  delete watchers.pass;
  delete watchers.plan;
  delete watchers.code;
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

/** What is printed of these stages while `fn` runs. */
function printed(stages: string, fn: () => unknown): string {
  let text = '';
  debug(stages, (part) => (text += part));
  fn();
  return text;
}

/** A convolution with its ReLU, whose second result nobody reads; sizes that no other test has, so that its kernels are new. */
function step(): void {
  manualSeed(0);
  const [x, w] = [randn(1, 3, 11, 13), randn(5, 3, 3, 3)];
  const fn = compile((input: Tensor) => {
    input.sin();
    return F.relu(F.conv2d(input, w));
  });
  for (let i = 0; i < 2; i++) fn(x);
}

test('ops: every launch, eager and compiled, with its time and traffic', () => {
  const text = printed('ops', () => {
    ones(4, 5).matmul(ones(5, 6)).relu();
    step();
  });
  const line = /^\[ops\] \S.* → [\d×, ]*: \d+\.\d{3} ms(, [\d.e-]+ GFLOP\/s)?(, [\d.e-]+ GB\/s)? \([^:]+:.+\)$/;
  for (const row of text.trimEnd().split('\n')) expect(row).toMatch(line);
  expect(text).toMatch(/^\[ops\] matmul → 4×6: /m);
  expect(text).toMatch(/^\[ops\] relu → 4×6: /m);
  expect(text.match(/^\[ops\] conv2d\+relu → 1×5×9×11: .*:conv-correlate/gm)).toHaveLength(2);
});

test('passes: what each of them changes, with counts', () => {
  const rows = printed('passes', step).trimEnd().split('\n');
  expect(rows[0]).toBe('[passes] remove dead code: 3 → 2 operations (− 1 × sin), 2 → 1 buffers of 0.0037 → 0.00198 MB');
  expect(rows).toContainEqual(
    expect.stringMatching(/^\[passes\] fuse steps: 2 → 1 operations \(− 1 × conv2d, 1 × relu; \+ 1 × conv2d\+relu\), /),
  );
  expect(rows.at(-1)).toMatch(/^\[passes\] reuse buffers: 1 operations, 0 buffers of 0 MB$/);
});

test('plan: once for each kind of kernels that it runs on', () => {
  const text = printed('plan', step);
  expect(text.match(/^\[plan\] .*$/gm)).toEqual([`[plan] cpu${isNative ? ', native' : ''}: graph {`]);
  expect(text).toMatch(/conv2d\+relu: .* × \d+, [\d.]+ kFLOP, /);
});

test(`code: ${isNative ? 'C' : 'WebAssembly'} of each kernel, once`, () => {
  const text = printed('code', () => {
    step();
    ones(7, 17, 3).exp().sum(1);
  });
  const kernels = [...text.matchAll(/^\[code\] (\S+) of (.*)$/gm)];
  expect(new Set(kernels.map(([, , name]) => name)).size).toBe(kernels.length);
  expect(kernels.map(([, language]) => language)).toContain(isNative ? 'C' : 'WebAssembly');
  if (isNative) expect(text).toMatch(/^int k[0-9a-f]{40}\(u8 \*restrict mem/m);
  else expect(text).toMatch(/^ {2}\(func \$\d+ \(export "entry"\) \(param i32 i32 i32 i32\)$/m);
  expect(text).not.toContain('unknown');
  for (const module of text.split('[code]').filter((part) => part.startsWith(' WebAssembly'))) {
    const count = (word: string): number => module.match(new RegExp(`^ +(?:${word})$`, 'gm'))?.length ?? 0;
    expect(count('end')).toBe(count('block|loop|if'));
  }
});

test('the variable names stages, and a word that is none is said', () => {
  let text = '';
  vi.spyOn(process.stderr, 'write').mockImplementation((part) => Boolean((text += String(part))));
  vi.stubEnv('FLAMBEAU_DEBUG', ' passes, flans,1');
  enableDebug();
  step();
  expect(text).toMatch(/^flambeau: FLAMBEAU_DEBUG: expected some of ops, plan, passes, code, but got flans\n\[passes\] remove dead code: /);
  expect(text).not.toMatch(/^\[(ops|plan|code)\]/m);
});
