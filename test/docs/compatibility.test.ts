/** docs/compatibility.md says of every name of PyTorch whether it is there, and how it is called. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { expect, test } from 'vitest';
import { Declarations } from '../../tools/compatibility/declarations.mjs';
import { compatibilityPage, formsOf, found, type PyTorchNames } from '../../tools/compatibility/page.mjs';
import { compared, files, library, spaces } from './compatibility-sources.ts';

const at = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const names = JSON.parse(readFileSync(at('test/fixtures/pytorch-names.json'), 'utf8')) as PyTorchNames;
const declarations = new Declarations(at(''), files, spaces);

test('the page is what the library has (node tools/compatibility.mjs writes it)', async () => {
  const page = compatibilityPage(library, declarations, names, compared);
  const path = at('docs/compatibility.md');
  const formatted = await format(page, { ...(await resolveConfig(path)), parser: 'markdown' });
  expect(readFileSync(path, 'utf8') === formatted, 'run node tools/compatibility.mjs').toBe(true);
});

test.each([
  ['torch.nn.functional', 'log_softmax', 'F.logSoftmax'],
  ['torch.Tensor', 'add_', 'x.add_()'],
  ['torch.Tensor', 'grad_fn', 'x.gradFn'],
  ['torch', 'set_printoptions', 'setPrintOptions'],
  ['torch.nn.Module', 'named_parameters', 'module.namedParameters()'],
])('%s.%s is %s', (module, name, ours) => {
  expect(found(library, module, name)?.text).toBe(ours);
});

test.each([
  ['torch.nn.functional', 'pad', ['F.pad(input, pad, { mode, value })']],
  ['torch.nn', 'Linear', ['new nn.Linear(inFeatures, outFeatures, { bias })']],
  ['torch.nn', 'Module', ['class … extends nn.Module']],
  ['torch.nn', 'LPPool1d', ['new nn.LPPool1d(normType, kernelSize, { stride, ceilMode })']],
  ['torch.Tensor', 'transpose', ['x.transpose(dim0, dim1)']],
  ['torch.Tensor', 'absolute_', ['x.absolute_()']],
  ['torch', 'acosh', ['acosh(x)']],
  ['torch', 'zeros', ['zeros(...sizes, { dtype, requiresGrad, device })']],
  ['torch', 'max', ['max(x, { dim, keepdim })', 'max(x, other)']],
  ['torch', 'no_grad', ['noGrad(fn?)']],
  ['torch.Tensor', 'grad_fn', ['x.gradFn']],
])('%s.%s is called as %s', (module, name, ours) => {
  expect(formsOf(library, declarations, module, name)).toEqual(ours);
});

test.each([
  ['torch.Tensor', 'to_sparse'],
  ['torch.fft', 'fft'],
  ['torch', 'constructor'],
])('%s.%s is absent', (module, name) => {
  expect(found(library, module, name)).toBeUndefined();
});
