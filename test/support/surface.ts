/**
 * The library's public surface, found from its entry points, and values of every kind that JavaScript has to call it with.
 * `test/fuzz/public-surface.test.ts` puts the two together.
 */
import * as core from '../../src/index-node.ts';
import * as distributions from '../../src/distributions/index.ts';
import * as files from '../../src/io/index.ts';
import * as inspect from '../../src/inspect/index.ts';
import * as node from '../../src/node.ts';
import * as onnx from '../../src/onnx/index.ts';
import * as train from '../../src/train/index.ts';
import * as tensorboard from '../../src/train/tensorboard/index.ts';
import * as vision from '../../src/vision/index.ts';
import * as web from '../../src/io/web/index.ts';

const ENTRIES: Readonly<Record<string, object>> = {
  '': core,
  vision,
  inspect,
  files,
  distributions,
  onnx,
  node,
  train,
  tensorboard,
  web,
};

type Callable = (...args: unknown[]) => unknown;

/** Something public that can be called. */
export interface Target {
  /** As `nn.Conv2d` or `Tensor.add`. */
  readonly name: string;
  readonly call: Callable;
  /** The number of its parameters before the first with a default. */
  readonly length: number;
}

const isClass = (value: unknown): value is new (...args: unknown[]) => object =>
  typeof value === 'function' && /^class\b/.test(Function.prototype.toString.call(value));

/** All functions, constructors and static methods of a namespace and those below it. */
function inNamespace(prefix: string, namespace: object, seen: Set<unknown>): Target[] {
  // What stands in a namespace itself comes first: `vision.Resize`, not `vision.transforms.Resize`.
  const entries = Object.entries(namespace).sort(([, a], [, b]) => Number(typeof a !== 'function') - Number(typeof b !== 'function'));
  return entries.flatMap(([name, value]: [string, unknown]): Target[] => {
    if (seen.has(value)) return [];
    const path = prefix === '' ? name : `${prefix}.${name}`;
    if (isClass(value)) {
      seen.add(value);
      const made: Target = { name: path, call: (...args) => new value(...args), length: value.length };
      return [made, ...statics(path, value)];
    }
    if (typeof value === 'function') {
      seen.add(value);
      return [{ name: path, call: value as Callable, length: value.length }];
    }
    if (
      typeof value === 'object' &&
      value !== null &&
      (Object.getPrototypeOf(value) === null || Object.getPrototypeOf(value) === Object.prototype)
    ) {
      seen.add(value);
      return inNamespace(path, value, seen);
    }
    return [];
  });
}

function statics(path: string, owner: object): Target[] {
  return Object.getOwnPropertyNames(owner).flatMap((name): Target[] => {
    const value: unknown = Object.getOwnPropertyDescriptor(owner, name)?.value;
    if (typeof value !== 'function' || isClass(value)) return [];
    return [{ name: `${path}.${name}`, call: (...args) => Reflect.apply(value, owner, args), length: value.length }];
  });
}

/** All that the entry points give. */
export function publicFunctions(): Target[] {
  const seen = new Set<unknown>();
  return Object.entries(ENTRIES).flatMap(([prefix, namespace]) => inNamespace(prefix, namespace, seen));
}

/** The methods of an object by name, inherited ones included. */
export function methodNames(object: object): string[] {
  const names = new Set<string>();
  for (let at: unknown = object; at !== null && at !== Object.prototype && at !== Function.prototype; at = Object.getPrototypeOf(at)) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(at as object))) {
      if (name !== 'constructor' && typeof value === 'function' && !isClass(value)) names.add(name);
    }
  }
  return [...names];
}

// ---- values

/** What kind of JavaScript value it is, as far as the library tells them apart. */
export type Category =
  | 'undefined' | 'null' | 'boolean' | 'number' | 'string' | 'bigint' | 'symbol' | 'function' | 'class'
  | 'array' | 'object' | 'foreign' | 'typedarray' | 'tensor' | 'module' | 'optimizer' | 'generator' | 'image' | 'promise' | 'iterable'; // prettier-ignore

export interface Value {
  readonly label: string;
  readonly category: Category;
  readonly make: () => unknown;
}

/** What the values themselves throw when they are touched; not the library's to catch. */
export class OwnError extends Error {}
const own = (): never => {
  throw new OwnError('thrown by the value itself');
};

const value = (category: Category, label: string, make: () => unknown): Value => ({ category, label, make });
const { tensor, ones, zeros, arange, full, nn, optim } = core;

class Holder {
  readonly lr = 0.1;
}

function cyclicArray(): unknown[] {
  const a: unknown[] = [];
  a.push(a);
  return a;
}

function nested(depth: number): unknown {
  let a: unknown = 1;
  for (let i = 0; i < depth; i++) a = [a];
  return a;
}

function cyclicObject(): object {
  const o: Record<string, unknown> = {};
  o['self'] = o;
  return o;
}

function detached(): Float32Array {
  const array = new Float32Array(4);
  structuredClone(array.buffer, { transfer: [array.buffer] });
  return array;
}

const NUMBERS = [0, 1, 2, 3, 4, 7, -1, -2, -0, 0.5, 1.5, -0.5, 1e-300, 1e12, -1e12, 1e308, 2 ** 32, 2 ** 53, NaN, Infinity, -Infinity];
const STRINGS = [
  '',
  '2',
  'x',
  'same',
  'mean',
  'none',
  'float32',
  'int64',
  'bilinear',
  'constructor',
  '__proto__',
  'nö\u0000\u001b[31m',
  '...',
  ':',
  '1:',
  'a'.repeat(300),
];

export const VALUES: readonly Value[] = [
  value('undefined', 'undefined', () => undefined),
  value('null', 'null', () => null),
  value('boolean', 'true', () => true),
  value('boolean', 'false', () => false),
  ...NUMBERS.map((n) => value('number', Object.is(n, -0) ? '-0' : String(n), () => n)),
  ...STRINGS.map((text) => value('string', JSON.stringify(text.slice(0, 20)), () => text)),
  value('bigint', '5n', () => 5n),
  value('bigint', '2n**70n', () => 2n ** 70n),
  value('symbol', 'Symbol()', () => Symbol('s')),
  value('symbol', 'Symbol.iterator', () => Symbol.iterator),
  value('function', '() => {}', () => () => undefined),
  value('function', '(x) => x', () => (x: unknown) => x),
  value('function', 'async () => 1', () => () => Promise.resolve(1)),
  value('function', '() => { throw }', () => own),
  value('class', 'class {}', () => Holder),
  value('array', '[]', () => []),
  value('array', '[1, 2]', () => [1, 2]),
  value('array', '[2]', () => [2]),
  value('array', '[1, 1]', () => [1, 1]),
  value('array', '[-1]', () => [-1]),
  value('array', '[0.5, NaN]', () => [0.5, NaN]),
  value('array', '[1e12, 1e12]', () => [1e12, 1e12]),
  value('array', "['a', null]", () => ['a', null]),
  value('array', '[Symbol()]', () => [Symbol('in')]),
  value('array', '[[1, 2], [3]]', () => [[1, 2], [3]]),
  value('array', '[[[[1]]]]', () => [[[[1]]]]),
  value('array', 'a hole', () => new Array<number>(3)),
  value('array', '[tensor]', () => [ones(2)]),
  value('array', '[tensor, tensor]', () => [ones(2, 2), ones(2, 2)]),
  value('array', '[tensor, null]', () => [ones(2), null]),
  value('array', '[layer]', () => [new nn.ReLU()]),
  value('array', 'a cyclic array', cyclicArray),
  value('array', 'nested 20000 deep', () => nested(20_000)),
  value('array', 'a frozen array', () => Object.freeze([1, 2])),
  value('array', '500 numbers', () => new Array(500).fill(1)),
  value('object', '{}', () => ({})),
  value('object', '{ no_such_option: 1 }', () => ({ no_such_option: 1 })),
  value('object', '{ lr: 0.1 }', () => ({ lr: 0.1 })),
  value('object', '{ stride: 2 }', () => ({ stride: 2 })),
  value('object', '{ dim: 0 }', () => ({ dim: 0 })),
  value('object', '{ layout }', () => ({ layout: { id: 1, shape: [2], dtype: 'float32' }, dtype: 'float32', shape: [2], ndim: 1 })),
  value('object', '{ length, get }', () => ({ length: 3, get: (i: number) => i })),
  value('object', '{ params }', () => ({ params: [ones(2)] })),
  value('object', 'a cyclic object', cyclicObject),
  value('object', 'Object.create(null)', () => Object.create(null) as object),
  value('object', 'frozen {}', () => Object.freeze({ dtype: 'float64' })),
  value('foreign', 'a throwing getter', () =>
    Object.defineProperties(
      {},
      Object.fromEntries(['length', 'shape', 'layout', 'dtype', 'lr', 'name', 'get'].map((name) => [name, { get: own, enumerable: true }])),
    ),
  ),
  value('foreign', 'a throwing toString', () => ({ toString: own, valueOf: own, [Symbol.toPrimitive]: own })),
  value('foreign', 'a throwing proxy', () => new Proxy({}, { get: own, has: own, ownKeys: own, getPrototypeOf: own })),
  value('foreign', 'a proxy of a tensor', () => new Proxy(ones(2), {})),
  value('foreign', 'an instance of a class', () => new Holder()),
  value('foreign', 'a Date', () => new Date(0)),
  value('foreign', 'a RegExp', () => /x/),
  value('foreign', 'an Error', () => new Error('an error')),
  value('foreign', 'a WeakMap', () => new WeakMap()),
  value('iterable', 'a Map', () => new Map([['a', 1]])),
  value('iterable', 'a Map of tensors', () => new Map([['weight', ones(2)]])),
  value('iterable', 'a Set', () => new Set([1])),
  value('promise', 'a promise', () => Promise.resolve(1)),
  value('typedarray', 'Float32Array', () => new Float32Array([1, 2])),
  value('typedarray', 'Float64Array', () => new Float64Array([1, 2])),
  value('typedarray', 'Int8Array', () => new Int8Array([1, 2])),
  value('typedarray', 'Uint8Array', () => new Uint8Array([1, 2])),
  value('typedarray', 'Uint8ClampedArray', () => new Uint8ClampedArray([1, 2])),
  value('typedarray', 'Uint16Array', () => new Uint16Array([1, 2])),
  value('typedarray', 'BigInt64Array', () => new BigInt64Array([1n, 2n])),
  value('typedarray', 'BigUint64Array', () => new BigUint64Array([1n])),
  value('typedarray', 'a shared Float32Array', () => new Float32Array(new SharedArrayBuffer(8))),
  value('typedarray', 'a detached Float32Array', detached),
  value('typedarray', 'a DataView', () => new DataView(new ArrayBuffer(8))),
  value('foreign', 'an ArrayBuffer', () => new ArrayBuffer(8)),
  value('foreign', 'a detached ArrayBuffer', () => detached().buffer),
  value('tensor', 'float32 [2, 3]', () => ones(2, 3)),
  value('tensor', 'float32 [4]', () => arange(4).float()),
  value('tensor', 'float32 []', () => tensor(1.5)),
  value('tensor', 'float32 [0]', () => zeros(0)),
  value('tensor', 'float32 [0, 3]', () => zeros(0, 3)),
  value('tensor', 'float32 [1, 3, 8, 8]', () => ones(1, 3, 8, 8)),
  value('tensor', 'float32 [4, 3, 3, 3]', () => ones(4, 3, 3, 3)),
  value('tensor', 'float64 [2, 3]', () => ones([2, 3], { dtype: 'float64' })),
  value('tensor', 'int64 [2]', () => arange(2)),
  value('tensor', 'int64 []', () => full([], 1, { dtype: 'int64' })),
  value('tensor', 'int32 [2, 3]', () => ones([2, 3], { dtype: 'int32' })),
  value('tensor', 'uint8 [3]', () => ones([3], { dtype: 'uint8' })),
  value('tensor', 'bool [2, 3]', () => full([2, 3], true)),
  value('tensor', 'a leaf [2, 3]', () => ones(2, 3, { requiresGrad: true })),
  value('tensor', 'a result [2, 3]', () => ones(2, 3, { requiresGrad: true }).mul(2)),
  value('tensor', 'a transpose', () => ones(3, 2).t()),
  value('tensor', 'expanded', () => ones(1, 3).expand(2, 3)),
  value('tensor', 'a freed tensor', () => {
    const x = ones(2);
    x.storage.free();
    return x;
  }),
  value('tensor', 'a Parameter', () => new nn.Parameter(ones(2, 3))),
  value('module', 'a Linear', () => new nn.Linear(3, 2)),
  value('module', 'a Sequential', () => new nn.Sequential(new nn.Conv2d(3, 4, 3), new nn.ReLU())),
  value('module', 'a ReLU', () => new nn.ReLU()),
  value('optimizer', 'an SGD', () => new optim.SGD([new nn.Parameter(ones(2))], { lr: 0.1 })),
  value('generator', 'a Generator', () => new core.Generator()),
  value('image', 'an Image', () => new vision.Image(4, 3, 3, new Uint8Array(36))),
];
