/**
 * What a kernel of a GPU is, and its text in WGSL.
 *
 * A kernel names its operands and parameters; the body reads and writes operands by functions that are made here: `x_at(i)` gives
 * element i of operand `x`, `x_put(i, v)` writes it, in the type that its dtype has in WGSL. Sizes, strides and the like are parameters, so that a kernel
 * serves all shapes.
 *
 * **Memory.** Operands lie anywhere in the pages of the device's heap (`devices/webgpu/heap.ts`), bytes as on the host: float32 and int32 in
 * a word, uint8 and bool in a byte, int64 in two words, of which kernels compute with the low one (the device refuses numbers beyond it). A launch binds each page once, as
 * words that it reads and writes, because WebGPU refuses one buffer in two bindings of which one writes; so operands may be the same memory.
 * Where an operand lies within its page is a parameter of the launch; in which of the bound pages, is a variant of the text (`slots`).
 *
 * **Bytes.** Two threads may not write parts of one word. A kernel that writes bytes either has each thread write four that share a word (`quad`, made
 * for results in order: see `walk.ts`), or writes them by atomics (`atomic`), wherever they lie.
 */
import type { DType } from '../../base/dtype.ts';
import { invariant } from '../../base/errors.ts';

/** The dtypes that kernels know. */
export type GpuDType = Exclude<DType, 'float64'>;

export interface WgslOperand {
  readonly name: string;
  readonly dtype: GpuDType;
  /** How bytes are written, where they are. */
  readonly bytes?: 'quad' | 'atomic';
}

export type WgslParamType = 'u32' | 'i32' | 'f32';

export interface WgslParam {
  readonly name: string;
  readonly type: WgslParamType;
}

export interface WgslKernel {
  /** Names everything that the text depends on. */
  readonly key: string;
  readonly operands: readonly WgslOperand[];
  readonly params: readonly WgslParam[];
  /** Threads of a workgroup. */
  readonly workgroup: readonly [number, number, number];
  /**
   * Where the kernel does the same to several sets of operands, how many sets: operands and params then are those of one set, set by set. `begin_(set)` turns to
   * a set, whose operands the functions then mean; `param_(set, k)` is a set's k-th parameter, as a word.
   */
  readonly sets?: number;
  /** Declarations, and `fn run(group: u32, local: vec3u, thread: u32)`: the number of the workgroup, the thread's place in it, the same as one number. */
  readonly body: string;
}

/** An argument for a parameter: a number, or which of a run's scalars it is. */
export type WgslArg = number | { readonly scalar: number };

/** A kernel with its arguments but for the operands, which the caller knows by their order. */
export interface WgslLaunch {
  readonly kernel: WgslKernel;
  readonly args: readonly WgslArg[];
  /** Workgroups. */
  readonly groups: number;
}

/** Bytes of parameters that a launch may have, offsets of operands included: enough for an optimizer's step over 160 parameters. */
export const PARAM_BYTES = 16384;
/** Workgroups along one dimension of a launch. */
export const MAX_GROUPS = 65535;

/** The type of an element in expressions. */
export const wgslType = (dtype: GpuDType): WgslParamType =>
  dtype === 'float32' ? 'f32' : dtype === 'uint8' || dtype === 'bool' ? 'u32' : 'i32';

/** Bytes are addressed as such, everything else by words. */
export const isByte = (dtype: DType): boolean => dtype === 'uint8' || dtype === 'bool';

/** How far an operand's bytes lie from the page's start, in the unit that its functions count in. */
export const unitsOf = (dtype: DType, bytes: number): number => (isByte(dtype) ? bytes : bytes / 4);

const made = new Map<string, WgslKernel>();
const MOST = 4096;

/** A kernel by its key: the same object for equal keys. `make` is asked for the rest where it is new. */
export function wgslKernel(key: string, make: () => Omit<WgslKernel, 'key'>): WgslKernel {
  let kernel = made.get(key);
  if (kernel === undefined) {
    kernel = { key, ...make() };
    invariant((kernel.operands.length + kernel.params.length) * 4 + 4 <= PARAM_BYTES, `${key}: the parameters fit`);
    if (made.size >= MOST) made.clear();
    made.set(key, kernel);
  }
  return kernel;
}

/** The whole module. `slots` says for each operand which of the bound pages it lies in. */
export function wgslText(kernel: WgslKernel, slots: readonly number[]): string {
  if (kernel.sets !== undefined) return setsText(kernel, kernel.sets, slots);
  const pages = Math.max(0, ...slots) + 1;
  const atomic = (page: number): boolean => kernel.operands.some(({ bytes }, i) => bytes === 'atomic' && slots[i] === page);
  const lines: string[] = [];
  for (let page = 0; page < pages; page++) {
    const word = atomic(page) ? 'atomic<u32>' : 'u32';
    lines.push(`@group(0) @binding(${page}) var<storage, read_write> h${page}: array<${word}>;`);
  }
  const fields = [
    'groups_: u32',
    ...kernel.operands.map(({ name }) => `${name}_: u32`),
    ...kernel.params.map(({ name, type }) => `${name}: ${type}`),
  ];
  lines.push(`struct Params { ${fields.join(', ')} }`, '@group(1) @binding(0) var<uniform> p: Params;');
  kernel.operands.forEach((operand, i) => lines.push(access(operand, slots[i]!, atomic(slots[i]!))));
  lines.push(kernel.body.trim(), mainText(kernel, 'p.groups_'));
  return lines.join('\n');
}

const mainText = ({ workgroup: [x, y, z] }: WgslKernel, groups: string): string => `@compute @workgroup_size(${x}, ${y}, ${z})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) local: vec3u, @builtin(local_invocation_index) thread: u32) {
  let number = group.y * ${MAX_GROUPS}u + group.x;
  if (number < ${groups}) { run(number, local, thread); }
}`;

/**
 * The module of a kernel with several sets of operands: parameters are an array of words. Where the operands of a role lie in several pages, which one it is
 * stands in a table.
 */
function setsText(kernel: WgslKernel, sets: number, slots: readonly number[]): string {
  const { operands, params } = kernel;
  const [roles, own] = [operands.length / sets, params.length / sets];
  const pages = Math.max(0, ...slots) + 1;
  const all = Array.from({ length: pages }, (_, page) => page);
  const words = 1 + operands.length + params.length;
  const lines = all.map((page) => `@group(0) @binding(${page}) var<storage, read_write> h${page}: array<u32>;`);
  lines.push(
    `struct Params { words: array<vec4u, ${Math.ceil(words / 4)}> }`,
    '@group(1) @binding(0) var<uniform> p: Params;',
    'fn word_(i: u32) -> u32 { return p.words[i >> 2u][i & 3u]; }',
    `fn param_(row: u32, k: u32) -> u32 { return word_(${1 + operands.length}u + row * ${own}u + k); }`,
  );
  const begin: string[] = [];
  operands.slice(0, roles).forEach(({ name, dtype }, role) => {
    const pagesOf = slots.filter((_, i) => i % roles === role);
    const isOne = pagesOf.every((page) => page === pagesOf[0]);
    lines.push(`var<private> ${name}_: u32;`);
    begin.push(`${name}_ = word_(1u + row * ${roles}u + ${role}u);`);
    const heap = isOne ? `h${pagesOf[0]!}` : undefined;
    if (heap === undefined) {
      const cases = (text: (page: number) => string): string =>
        all.map((page) => `${page < pages - 1 ? `case ${page}u:` : 'default:'} { ${text(page)} }`).join(' ');
      lines.push(
        `const ${name}_pages = array<u32, ${sets}>(${pagesOf.map((page) => `${page}u`).join(', ')});`,
        `var<private> ${name}_page: u32;`,
        `fn ${name}_load(i: u32) -> u32 { switch ${name}_page { ${cases((page) => `return h${page}[i];`)} } }`,
        `fn ${name}_store(i: u32, v: u32) { switch ${name}_page { ${cases((page) => `h${page}[i] = v;`)} } }`,
      );
      begin.push(`${name}_page = ${name}_pages[row];`);
    }
    const load = (at: string): string => (heap === undefined ? `${name}_load(${at})` : `${heap}[${at}]`);
    const store = (at: string, v: string): string => (heap === undefined ? `${name}_store(${at}, ${v});` : `${heap}[${at}] = ${v};`);
    lines.push(wordAccess(name, dtype, `${name}_`, load, store));
  });
  lines.push(`fn begin_(row: u32) { ${begin.join(' ')} }`, kernel.body.trim(), mainText(kernel, 'p.groups_'));
  return lines.join('\n').replaceAll('p.groups_', 'p.words[0].x'); // functions of `math.ts` read it, too
}

/** The functions of an operand whose elements are words. */
function wordAccess(
  name: string,
  dtype: GpuDType,
  base: string,
  load: (at: string) => string,
  store: (at: string, v: string) => string,
): string {
  const type = wgslType(dtype);
  if (dtype === 'int64') {
    return `fn ${name}_at(i: u32) -> i32 { return bitcast<i32>(${load(`${base} + 2u * i`)}); }
fn ${name}_put(i: u32, v: i32) { ${store(`${base} + 2u * i`, 'bitcast<u32>(v)')} ${store(`${base} + 2u * i + 1u`, 'bitcast<u32>(v >> 31u)')} }`;
  }
  return `fn ${name}_at(i: u32) -> ${type} { return bitcast<${type}>(${load(`${base} + i`)}); }
fn ${name}_put(i: u32, v: ${type}) { ${store(`${base} + i`, 'bitcast<u32>(v)')} }`;
}

/** The functions of an operand. */
function access({ name, dtype, bytes }: WgslOperand, slot: number, atomic: boolean): string {
  const heap = `h${slot}`;
  const load = (at: string): string => (atomic ? `atomicLoad(&${heap}[${at}])` : `${heap}[${at}]`);
  const store = (at: string, v: string): string => (atomic ? `atomicStore(&${heap}[${at}], ${v});` : `${heap}[${at}] = ${v};`);
  if (!isByte(dtype)) return wordAccess(name, dtype, `p.${name}_`, load, store);
  const at = `fn ${name}_at(i: u32) -> u32 { let b = p.${name}_ + i; return (${load('b >> 2u')} >> ((b & 3u) * 8u)) & 255u; }`;
  if (bytes === 'atomic') {
    return `${at}
fn ${name}_put(i: u32, v: u32) { let b = p.${name}_ + i; let s = (b & 3u) * 8u; atomicAnd(&${heap}[b >> 2u], ~(255u << s)); atomicOr(&${heap}[b >> 2u], (v & 255u) << s); }`;
  }
  if (bytes !== 'quad') return at;
  return `${at}
var<private> ${name}_word: u32; var<private> ${name}_mask: u32;
fn ${name}_put(i: u32, v: u32) { let s = ((p.${name}_ + i) & 3u) * 8u; ${name}_word |= (v & 255u) << s; ${name}_mask |= 255u << s; }
fn ${name}_flush(i: u32) { if (${name}_mask != 0u) { let a = (p.${name}_ + i) >> 2u;
  if (${name}_mask == 0xffffffffu) { ${store('a', `${name}_word`)} } else { ${store('a', `(${load('a')} & ~${name}_mask) | ${name}_word`)} } }
  ${name}_word = 0u; ${name}_mask = 0u; }`;
}
