/** The shape rules in the types against PyTorch, and what editors and declaration files show of a model. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { afterAll, expect, test } from 'vitest';
import { compile, errorsByLine, folder } from '../support/compile-types.ts';

afterAll(() => rmSync(folder, { recursive: true, force: true }));

// ---------------------------------------------------------------------------------------------- PyTorch's shapes

test('the rules give the shapes that PyTorch gives, and a message where it raises', { timeout: 120_000 }, () => {
  const fixture = new URL('../fixtures/shape-types.json', import.meta.url);
  const cases = JSON.parse(readFileSync(fixture, 'utf8')) as [rule: string, result: string][];
  expect(cases.length).toBeGreaterThan(500);
  const head =
    "import type * as rules from '@/src/tensor/shapes/index.ts'; import { is } from '@/test/types/support.ts'; type error = 0; " +
    'type Of<R> = R extends rules.Wrong<string> ? error : R;\n';
  const lines = cases.map(([rule, result]) => `is<Of<rules.${rule}>, ${result}>();`);
  lines.push('is<Of<rules.Broadcast<[2, 3], [3]>>, [2, 4]>();'); // wrong on purpose
  const { program, file } = compile('pytorch.ts', head + lines.join('\n'));
  expect([...errorsByLine(program, file).keys()].map((at) => lines[at - 1])).toEqual([lines.at(-1)]);
});

// ---------------------------------------------------------------------------------------------- editors, .d.ts

const MODEL = `
import { Conv2d, Flatten, Linear, MaxPool2d, Module, Sequential } from '@/src/nn/index.ts';
import { randn, type Tensor } from '@/src/tensor/index.ts';
export const conv = new Conv2d(3, 16, 3, { stride: 2, padding: 1 });
export const dilated = new Conv2d(3, 16, 3, { dilation: 2 });
export const pool = new MaxPool2d(2, 2);
export const fc = new Linear(2048, 10);
export class Net extends Module {
  features = new Sequential(new Conv2d(3, 8, 3), new Flatten());
  fc = new Linear(7200, 10);
  forward<N extends number>(x: Tensor<[N, 3, 32, 32]>) {
    return this.fc(this.features(x));
  }
}
export const net = new Net();
export const out = fc(conv(randn(32, 3, 16, 16)).flatten(1).view(16, 2048));
export const logits = net(randn(32, 3, 32, 32));
`;

test('hovers are short', { timeout: 120_000 }, () => {
  const { program, file } = compile('model.ts', MODEL);
  expect([...errorsByLine(program, file).values()]).toEqual([]);
  const checker = program.getTypeChecker();
  const module = checker.getSymbolAtLocation(program.getSourceFile(file)!)!;
  const hover = (name: string): string => {
    const symbol = checker.getExportsOfModule(module).find((s) => s.name === name)!;
    return checker.typeToString(checker.getTypeOfSymbol(symbol));
  };
  expect(hover('conv')).toBe('Conv2d<3, 16, 3, 2, 1>');
  expect(hover('dilated')).toBe('Conv2d<3, 16, Dilated<3, 2>, 1, 0>');
  expect(hover('pool')).toBe('MaxPool2d<2, 2, 0>');
  expect(hover('fc')).toBe('Linear<2048, 10>');
  expect(hover('net')).toBe('Net');
  expect(hover('out')).toBe('Tensor<[16, 10]>');
  expect(hover('logits')).toBe('Tensor<[number, 10]>');
});

test('declaration files of a model can be used and are checked', { timeout: 120_000 }, () => {
  const { program, file } = compile('model-emitted.ts', MODEL, {
    noEmit: false,
    declaration: true,
    emitDeclarationOnly: true,
  });
  let declarations = '';
  const emitted = program.emit(program.getSourceFile(file), (_name, contents) => (declarations = contents));
  expect(emitted.diagnostics.map((d) => ts.flattenDiagnosticMessageText(d.messageText, '\n'))).toEqual([]);
  expect(declarations).toContain('export declare class Net extends Module {');
  expect(declarations).toContain('conv: Conv2d<3, 16, 3, 2, 1>;');
  writeFileSync(join(folder, 'model-types.d.ts'), declarations);
  const use = `
import { conv, Net } from './model-types.js';
import { randn } from '@/src/tensor/index.ts';
import { has } from '@/test/types/support.ts';
has(new Net()(randn(8, 3, 32, 32))).shape<[number, 10]>();
has(new Net().forward(randn(8, 3, 32, 32))).shape<[8, 10]>();
has(conv(randn(8, 3, 32, 32))).shape<[8, 16, 16, 16]>();
// @ts-expect-error: Conv2d expects 3 channels but receives 1 (input 1×32×32)
conv(randn(8, 1, 32, 32));
`;
  const used = compile('use.ts', use);
  for (const name of ['use.ts', 'model-types.d.ts']) {
    expect([...errorsByLine(used.program, join(folder, name)).values()]).toEqual([]);
  }
});
