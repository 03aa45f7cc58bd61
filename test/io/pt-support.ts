/** Shared by the tests of PyTorch files: descriptions as test/fixtures/pt.py makes them, the fixtures, and real PyTorch if there is one. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { OrderedDict, PyFloat, PySize, PyTuple, RawTensor } from '../../src/io/pt/value.ts';
import type { PtInput, RawStorage } from '../../src/io/pt/value.ts';
import { pythonWithTorch, runMachinePython } from '../support/python-packages.ts';

const FIXTURES = new URL('../fixtures/', import.meta.url);
const SCRIPT = fileURLToPath(new URL('pt.py', FIXTURES));

export function fixture(name: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(`pt/${name}`, FIXTURES)));
}

export const expected = JSON.parse(new TextDecoder().decode(fixture('expected.json'))) as Record<string, unknown>;

/** Everything about a value as JSON, the same JSON that pt.py makes of the same value in Python. */
export function describeValue(value: PtInput, storages = new Map<RawStorage, number>()): unknown {
  const inner = (item: PtInput): unknown => describeValue(item, storages);
  if (value === null || typeof value === 'boolean') return value;
  if (typeof value === 'string') return ['str', value];
  if (typeof value === 'bigint') return ['int', String(value)];
  if (typeof value === 'number') {
    return Number.isSafeInteger(value) && !Object.is(value, -0) ? ['int', String(value)] : ['float', doubleHex(value)];
  }
  if (value instanceof PyFloat) return ['float', doubleHex(value.value)];
  if (value instanceof PySize) return ['size', value.items];
  if (value instanceof PyTuple) return ['tuple', value.items.map(inner)];
  if (Array.isArray(value)) return ['list', (value as PtInput[]).map(inner)];
  if (value instanceof RawTensor) return describeTensor(value, storages);
  if (value instanceof Set) return ['set', [...value].map((item) => pythonJson(inner(item as PtInput))).sort()];
  const isMap = value instanceof Map;
  const entries = isMap ? [...(value as Map<string, PtInput>)] : Object.entries(value as Record<string, PtInput>);
  const items = entries.map(([key, item]) => [inner(key), inner(item)]);
  if (!(value instanceof OrderedDict)) return ['dict', items, []];
  return ['OrderedDict', items, [...(value as OrderedDict<PtInput>).attributes].map(([key, item]) => [key, inner(item)])];
}

function describeTensor(tensor: RawTensor, storages: Map<RawStorage, number>): unknown {
  const { dtype, shape, strides, offset, storage, requiresGrad, parameter } = tensor;
  const empty = storage.bytes.length === 0;
  if (!empty && !storages.has(storage)) storages.set(storage, storages.size);
  const bytes = Buffer.from(storage.bytes).toString('hex');
  return {
    dtype,
    shape,
    strides,
    offset,
    storage: empty ? 'empty' : storages.get(storage),
    bytes,
    requiresGrad,
    parameter,
  };
}

/** JSON with Python's spaces. */
const pythonJson = (value: unknown): string => JSON.stringify(value).replaceAll('","', '", "');

function doubleHex(value: number): string {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(value);
  return bytes.toString('hex');
}

/** A Python that has PyTorch, if there is one. */
export const findPython = (): string | undefined => pythonWithTorch(1);

export const WITHOUT_TORCH = 'needs PyTorch: tools/python-env.sh, or python3 with PyTorch 1.13 or later';

/** Has real PyTorch open files, and describes what it finds. */
export function describedByTorch(python: string, files: readonly { path: string; weightsOnly: boolean }[]): unknown[] {
  const input = files.map(({ path, weightsOnly }) => `${weightsOnly ? 'True' : 'False'} ${path}\n`).join('');
  const run = runMachinePython(python, [SCRIPT, 'describe'], input);
  if (run.status !== 0) throw new Error(run.stderr);
  return run.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);
}
