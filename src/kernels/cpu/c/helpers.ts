/**
 * The small C functions that emitted kernels call where C has no operator with the loop language's meaning: WebAssembly's
 * rules for minima and NaN, saturating conversions, shift counts, division that must not kill the process.
 *
 * Vector helpers are written lane by lane, `(f32v){f(a[0]), f(a[1]), …}`: GCC and Clang turn these into one instruction
 * (looked at: vfmadd, vsqrtps, vroundps), and the same text serves every vector width and machine. Where they do not, there is a
 * helper of its own.
 */
import { isVector, lanes, elementOf, type PackedType, type ScalarType, type Target, type ValueType, type VectorType } from '../ir.ts';

const PACKED_TYPES: readonly PackedType[] = ['u16h', 's16h', 'f16h'];
const VECTOR_TYPES: readonly VectorType[] = ['f32v', 'f64v', 'i32v', 'i64v'];

/** Types without any header, so that a kernel compiles in a few dozen milliseconds. */
export function typePrelude(target: Target): string {
  const n = target.vectorBytes;
  const scalars =
    'typedef unsigned char u8;\ntypedef signed char s8;\ntypedef __UINT16_TYPE__ u16;\ntypedef __INT16_TYPE__ s16;\ntypedef __INT32_TYPE__ i32;\ntypedef __UINT32_TYPE__ u32;\n' +
    'typedef __INT64_TYPE__ i64;\ntypedef __UINT64_TYPE__ u64;\ntypedef float f32;\ntypedef double f64;\n';
  const vectors = [...VECTOR_TYPES, 'u32v', 'u64v'].map((v) => `typedef ${v.slice(0, 3)} ${v} __attribute__((vector_size(${n})));\n`);
  const packed = n > 16 ? PACKED_TYPES : [];
  const packs = packed.map((type) => `typedef ${type.slice(0, -1).replace('f', 's')} ${type} __attribute__((vector_size(${n / 2})));\n`);
  const memory = [...packed, 'u16', 's16', 'i32', 'i64', 'f32', 'f64', ...VECTOR_TYPES].map(
    (type) => `typedef ${type} ${type}_m __attribute__((aligned(1), may_alias));\n`,
  );
  return [
    scalars,
    ...vectors,
    ...packs,
    ...memory,
    '#define AT(type, at, offset) (*(type *)(mem + (u64)(u32)(at) + (offset)))\n',
    '#define AT_INDEX(type, at, index, offset) (*(type *)(mem + (u64)(u32)(at) + (u64)(u32)(index) + (offset)))\n',
    // In a register tile an operand is loaded once and used often. Left alone, GCC loads it anew for every use.
    '#if defined(__x86_64__)\n#define KEEP(v) __asm__("" : "+x"(v))\n#else\n#define KEEP(v) ((void)0)\n#endif\n',
    '#define HELPER static inline __attribute__((always_inline, unused))\n',
  ].join('');
}

/** A helper's C text; undefined when the language has no such operation on the type. */
export type HelperText = (target: Target) => string;

const libm = { f32: 'f', f64: '' } as const;
const uns = (type: ScalarType): string => `u${type.slice(1)}`;

const define = (result: string, name: string, params: string, body: string): string => `HELPER ${result} ${name}(${params}) { ${body} }\n`;

/** `(type){of(0), of(1), …}` */
const eachLane = (target: Target, type: VectorType, of: (lane: number) => string): string =>
  `(${type}){${Array.from({ length: lanes(target, elementOf(type) as 'f32') }, (_, i) => of(i)).join(', ')}}`;

/** A binary helper on scalars, and the same on vectors, lane by lane. */
function binary(type: ValueType, name: string, body: (a: string, b: string) => string): HelperText {
  return (target) =>
    define(
      type,
      name,
      `${type} a, ${type} b`,
      `return ${isVector(type) ? eachLane(target, type, (i) => body(`a[${i}]`, `b[${i}]`)) : body('a', 'b')};`,
    );
}

function unary(type: ValueType, name: string, body: (a: string) => string): HelperText {
  return (target) =>
    define(type, name, `${type} a`, `return ${isVector(type) ? eachLane(target, type, (i) => body(`a[${i}]`)) : body('a')};`);
}

const fixed =
  (text: string): HelperText =>
  () =>
    text;

function floatHelpers(type: ValueType): [string, HelperText][] {
  const element = elementOf(type) as 'f32' | 'f64';
  const bits = isVector(type) ? (element === 'f32' ? 'i32v' : 'i64v') : undefined;
  const f = libm[element];
  const name = (op: string): string => `${op}_${type}`;
  const rounding = Object.entries({ abs: 'fabs', sqrt: 'sqrt', floor: 'floor', ceil: 'ceil', trunc: 'trunc', nearest: 'rint' });
  const logic = { and: '&', or: '|', xor: '^' } as const;
  /** NaN if either is; of two zeros the one with the wanted sign: -0 is the bitwise or of both, +0 their and. */
  const propagating = (op: 'min' | 'max'): HelperText => {
    const [order, zero] = op === 'min' ? ['<', '|'] : ['>', '&'];
    const choose = `HELPER ${element} ${op}1_${type}(${element} a, ${element} b) { union { ${element} f; ${uns(element === 'f32' ? 'i32' : 'i64')} u; } x = {a}, y = {b}; if (a == b) { x.u = x.u ${zero} y.u; return x.f; } return a ${order} b || a != a ? a : b; }\n`;
    if (!isVector(type)) return fixed(choose + define(type, name(op), `${type} a, ${type} b`, `return ${op}1_${type}(a, b);`));
    return fixed(
      define(
        type,
        name(op),
        `${type} a, ${type} b`,
        `${bits} same = a == b, mine = (a ${order} b) | (a != a), x = (${bits})a, y = (${bits})b; ` +
          `return (${type})((same & (x ${zero} y)) | (~same & ((mine & x) | (~mine & y))));`,
      ),
    );
  };
  const pseudo = (op: 'min' | 'max'): HelperText => {
    const order = op === 'min' ? '<' : '>';
    return bits === undefined
      ? binary(type, name(`p${op}`), (a, b) => `${b} ${order} ${a} ? ${b} : ${a}`)
      : (target) => pseudoHelper(target, type, op, bits);
  };
  return [
    ...rounding.map(([op, fn]): [string, HelperText] => [name(op), unary(type, name(op), (a) => `__builtin_${fn}${f}(${a})`)]),
    [name('min'), propagating('min')],
    [name('max'), propagating('max')],
    [name('pmin'), pseudo('min')],
    [name('pmax'), pseudo('max')],
    [name('copysign'), binary(type, name('copysign'), (a, b) => `__builtin_copysign${f}(${a}, ${b})`)],
    ...(bits === undefined
      ? []
      : Object.entries(logic).map(([op, sign]): [string, HelperText] => [
          name(op),
          fixed(define(type, name(op), `${type} a, ${type} b`, `return (${type})((${bits})a ${sign} (${bits})b);`)),
        ])),
    ...(bits === undefined ? [] : [selectHelper(type, bits)]),
    [name('fma'), (target) => fmaHelper(target, type, element)],
  ];
}

function selectHelper(type: VectorType | ValueType, bits: string): [string, HelperText] {
  const name = `select_${type}`;
  const body = `return (${type})((m & (${bits})a) | (~m & (${bits})b));`;
  return [name, fixed(define(type, name, `${bits} m, ${type} a, ${type} b`, body))];
}

/**
 * WebAssembly's pmin and pmax are SSE's minps and maxps with the operands exchanged. Lane by lane, GCC makes some 40 scalar
 * instructions of them.
 */
function pseudoHelper(target: Target, type: ValueType, op: 'min' | 'max', bits: string): string {
  const [letter, order] = [type === 'f32v' ? 'ps' : 'pd', op === 'min' ? '<' : '>'];
  const give = (body: string): string => define(type, `p${op}_${type}`, `${type} a, ${type} b`, body);
  const masked = give(`${bits} m = b ${order} a; return (${type})((m & (${bits})b) | (~m & (${bits})a));`);
  if (target.vectorBytes > 32)
    return `#if defined(__AVX512F__) && !defined(__clang__)\n${give(`return __builtin_ia32_${op}${letter}512_mask(b, a, (${type}){0}, -1, 4);`)}#else\n${masked}#endif\n`;
  const [width, macro] = target.vectorBytes === 32 ? ['256', '__AVX__'] : ['', '__SSE2__'];
  return `#ifdef ${macro}\n${give(`return __builtin_ia32_${op}${letter}${width}(b, a);`)}#else\n${masked}#endif\n`;
}

/** The intrinsic where one is known by name; else the library's function lane by lane. */
function fmaHelper(target: Target, type: ValueType, element: 'f32' | 'f64'): string {
  if (!isVector(type)) return '';
  const letter = element === 'f32' ? 'ps' : 'pd';
  const [width, macro, more] = FMA_BUILTINS[target.vectorBytes as 16];
  const lane = eachLane(target, type, (i) => `__builtin_fma${libm[element]}(a[${i}], b[${i}], c[${i}])`);
  const give = (value: string): string => define(type, `fma_${type}`, `${type} a, ${type} b, ${type} c`, `return ${value};`);
  const builtin = `__builtin_ia32_vfmadd${letter}${width}(a, b, c${more})`;
  return `#ifdef ${macro}\n${give(builtin)}#else\n${give(lane)}#endif\n`;
}

/** Ending of the name, the macro that tells of it, further arguments: all lanes, the usual rounding. */
const FMA_BUILTINS = {
  16: ['', '__FMA__', ''],
  32: ['256', '__FMA__', ''],
  64: ['512_mask', '__AVX512F__', ', -1, 4'],
} as const;

/** What a failed division or a trap leaves behind; the entry, on the same thread, returns it. WebAssembly traps there. */
export const TRAP_DECLARATION = 'static _Thread_local int trapped __attribute__((unused));\n';

function integerHelpers(type: 'i32' | 'i64'): [string, HelperText][] {
  const u = uns(type);
  const [mask, least] = type === 'i32' ? [31, '(-2147483647 - 1)'] : [63, '(-9223372036854775807LL - 1)'];
  const both = `${type} a, ${type} b`;
  const name = (op: string): string => `${op}_${type}`;
  const zero = 'if (__builtin_expect(b == 0, 0)) { trapped = 1; return 0; } ';
  const helper = (op: string, body: string): [string, HelperText] => [name(op), fixed(define(type, name(op), both, body))];
  return [
    helper('shl', `return (${type})((${u})a << (b & ${mask}));`),
    helper('shr', `return a >> (b & ${mask});`),
    helper('shrU', `return (${type})((${u})a >> (b & ${mask}));`),
    helper('div', `${zero}if (a == ${least} && b == -1) { trapped = 2; return a; } return a / b;`),
    helper('rem', `${zero}return b == -1 ? 0 : a % b;`),
    helper('divU', `${zero}return (${type})((${u})a / (${u})b);`),
    helper('remU', `${zero}return (${type})((${u})a % (${u})b);`),
  ];
}

function integerVectorHelpers(type: 'i32v' | 'i64v'): [string, HelperText][] {
  const u = type === 'i32v' ? 'u32v' : 'u64v';
  const mask = type === 'i32v' ? 31 : 63;
  const name = (op: string): string => `${op}_${type}`;
  const helper = (op: string, params: string, body: string): [string, HelperText] => [
    name(op),
    fixed(define(type, name(op), params, body)),
  ];
  const shift = (op: string, body: string): [string, HelperText] => helper(op, `${type} a, i32 b`, `b &= ${mask}; ${body}`);
  return [
    shift('shl', `return (${type})((${u})a << b);`),
    shift('shr', 'return a >> b;'),
    shift('shrU', `return (${type})((${u})a >> b);`),
    helper('abs', `${type} a`, `${type} s = a >> ${mask}; return (a ^ s) - s;`),
    selectHelper(type, type),
    ...(type === 'i64v'
      ? []
      : [
          helper('min', `${type} a, ${type} b`, `${type} m = a < b; return (a & m) | (b & ~m);`),
          helper('max', `${type} a, ${type} b`, `${type} m = a > b; return (a & m) | (b & ~m);`),
        ]),
  ];
}

function saturating(from: 'f32' | 'f64', to: 'i32' | 'i64'): [string, HelperText] {
  const name = `cast_${from}_${to}`;
  const [limit, most, least] =
    to === 'i32'
      ? ['2147483648.0', '2147483647', '(-2147483647 - 1)']
      : ['9223372036854775808.0', '9223372036854775807LL', '(-9223372036854775807LL - 1)'];
  const f = libm[from];
  // f64 values just below -2³¹ truncate into range, so the lower bound is asked of the truncated value.
  const cut = `__builtin_trunc${f}(a)`;
  return [
    name,
    fixed(define(to, name, `${from} a`, `return a != a ? 0 : a >= ${limit}${f} ? ${most} : ${cut} < -${limit}${f} ? ${least} : (${to})a;`)),
  ];
}

/** NaN becomes 0 and values out of range the nearest integer, before a conversion that has no meaning for them in C. */
const vectorSaturating = fixed(
  define(
    'i32v',
    'cast_f32v_i32v',
    'f32v a',
    'i32v over = a >= 2147483648.0f, fine = (a >= -2147483648.0f) & ~over, under = a < -2147483648.0f; ' +
      'i32v whole = __builtin_convertvector((f32v)((i32v)a & fine), i32v); ' +
      'return whole | (over & 2147483647) | (under & (-2147483647 - 1));',
  ),
);

/** Four halves in 64 bits as single precision: one instruction where there is one, else what is given. Registers of 16 bytes. */
const HALVES = `#if defined(__F16C__)
typedef i16 i16x8 __attribute__((vector_size(16)));
HELPER f32v halves4(i64 four) { i64v both = {four, 0}; return (f32v)__builtin_ia32_vcvtph2ps((i16x8)both); }
#define HALVES(four, otherwise) halves4(four)
#else
#define HALVES(four, otherwise) (otherwise)
#endif
`.replaceAll('i16', 's16');

/** The other way, rounded to nearest; NaN becomes the quiet one. */
const PACK_HALVES = `#if defined(__F16C__)
typedef s16 s16x8 __attribute__((vector_size(16)));
HELPER i64 pack_halves4(f32v a) {
  i32v nan = a != a;
  f32v quiet = (f32v)((nan & (((i32v)a & (-2147483647 - 1)) | 0x7fc00000)) | (~nan & (i32v)a));
  return ((i64v)__builtin_ia32_vcvtps2ph(quiet, 0))[0];
}
#define PACK_HALVES(four, otherwise) pack_halves4(four)
#else
#define PACK_HALVES(four, otherwise) (otherwise)
#endif
`;

/** Four bytes in 32 bits as four lanes, and back. Vectors of four bytes would do by the language, but compilers take them apart. */
const FOUR_BYTES = `#if defined(__SSE4_1__) && !defined(__clang__)
typedef char c8x16 __attribute__((vector_size(16)));
`;
const BYTES = `${FOUR_BYTES}HELPER i32v bytes4(i32 four) { i32v x = {four}; return (i32v)__builtin_ia32_pmovzxbd128((c8x16)x); }
#define BYTES(four, otherwise) bytes4(four)
#else
#define BYTES(four, otherwise) (otherwise)
#endif
`;
const FOUR_SHORTS = FOUR_BYTES.replaceAll('c8x16', 'w16x8').replace('char', 's16');
const SHORTS = `${FOUR_SHORTS}HELPER i32v shorts4(i64 four) { i64v x = {four}; return (i32v)__builtin_ia32_pmovsxwd128((w16x8)x); }
#define SHORTS(four, otherwise) shorts4(four)
#else
#define SHORTS(four, otherwise) (otherwise)
#endif
`;
const PACK_SHORTS = `${FOUR_SHORTS}HELPER i64 pack_shorts4(i32v a) { return ((i64v)__builtin_ia32_packusdw128(a, a))[0]; }
#define PACK_SHORTS(four, otherwise) pack_shorts4(four)
#else
#define PACK_SHORTS(four, otherwise) (otherwise)
#endif
`;
/** Registers of 64 bytes; each compiler has its own builtin. */
const STREAM = `#if defined(__clang__)
#define STREAM(to, value) __builtin_nontemporal_store(value, (f32v *)(to))
#elif defined(__AVX512F__)
#define STREAM(to, value) __builtin_ia32_movntps512((f32 *)(to), value)
#else
#define STREAM(to, value) (*(to) = (value))
#endif
`;
/** Singles times powers of two by whole numbers, rounded once. */
const scaled = ({ vectorBytes }: Target): string => `#if defined(__AVX512F__) && ${vectorBytes} == 64
#define SCALED(value, power, otherwise) ((f32v)__builtin_ia32_scalefps512_mask(value, power, (f32v){0}, -1, 4))
#else
#define SCALED(value, power, otherwise) (otherwise)
#endif
`;
const DRAIN = `#if defined(__x86_64__)
#define DRAIN() __builtin_ia32_sfence()
#else
#define DRAIN() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#endif
`;
const PACK_BYTES = `${FOUR_BYTES}HELPER i32 pack_bytes4(i32v a) {
  c8x16 places = {0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1};
  return ((i32v)__builtin_ia32_pshufb128((c8x16)a, places))[0];
}
#define PACK_BYTES(four, otherwise) pack_bytes4(four)
#else
#define PACK_BYTES(four, otherwise) (otherwise)
#endif
`;

/** Wide registers of narrow elements. */
function packedHelpers(type: PackedType): [string, HelperText][] {
  const [unpack, pack] = [`unpack_${type}`, `pack_${type}`];
  if (type === 'f16h') {
    return [
      [unpack, (target) => halvesHelper(target, define('f32v', unpack, `${type} a`, `return ${eachLane(target, 'f32v', (i) => `(f32)((union { s16 bits; _Float16 half; }){a[${i}]}).half`)};`), (name, more) => define('f32v', unpack, `${type} a`, `return (f32v)__builtin_ia32_vcvtph2ps${name}(a${more});`), ', (f32v){0}, -1, 4')], // prettier-ignore
      [
        pack,
        (target) =>
          `${quiet(pack)}${halvesHelper(target, define(type, pack, 'f32v a', `${type} r; for (int i = 0; i < ${lanes(target, 'f32')}; i++) r[i] = ((union { _Float16 half; s16 bits; }){(_Float16)quiet_${pack}(a)[i]}).bits; return r;`), (name, more) => define(type, pack, 'f32v a', `return (${type})__builtin_ia32_vcvtps2ph${name}(quiet_${pack}(a), 0${more});`), `, (${type}){0}, -1`)}`,
      ],
    ];
  }
  return [
    [unpack, (target) => wideningHelper(target, type, unpack)],
    [pack, fixed(define(type, pack, 'i32v a', `return __builtin_convertvector(a, ${type});`))],
  ];
}

/** Of halves, two in each lane: one instruction of the widest registers, where there is one; else one by one, so that tests can run the kernels. */
const fmaHalves = ({ vectorBytes }: Target): string =>
  `#if defined(__AVX512FP16__) && ${vectorBytes} == 64
typedef _Float16 halves_v __attribute__((vector_size(64)));
HELPER i32v fma_halves(i32v a, i32v b, i32v c) { return (i32v)__builtin_ia32_vfmaddph512_mask((halves_v)a, (halves_v)b, (halves_v)c, -1, 4); }
#else
HELPER i32v fma_halves(i32v a, i32v b, i32v c) {
  union { i32v v; _Float16 half[${vectorBytes / 2}]; } x = {a}, y = {b}, z = {c};
  for (int i = 0; i < ${vectorBytes / 2}; i++) z.half[i] = (_Float16)((f64)x.half[i] * (f64)y.half[i] + (f64)z.half[i]);
  return z.v;
}
#endif
`;

/** GCC widens halves of the widest registers in four instructions, left alone. */
function wideningHelper({ vectorBytes }: Target, type: PackedType, name: string): string {
  const give = (value: string): string => define('i32v', name, `${type} a`, `return ${value};`);
  const plain = give('__builtin_convertvector(a, i32v)');
  if (vectorBytes < 64) return plain;
  const builtin = `__builtin_ia32_pmov${type === 'u16h' ? 'z' : 's'}xwd512_mask((s16h)a, (i32v){0}, -1)`;
  return `#if defined(__AVX512F__) && !defined(__clang__)\n${give(builtin)}#else\n${plain}#endif\n`;
}

/** The machine's conversion of wide registers of halves where it has one; `more` are the further operands of the widest. */
function halvesHelper(target: Target, otherwise: string, give: (name: string, more: string) => string, more: string): string {
  const widest = target.vectorBytes === 64;
  const builtin = widest ? give('512_mask', more) : give('256', '');
  return `#if defined(${widest ? '__AVX512F__' : '__F16C__'})\n${builtin}#else\n${otherwise}#endif\n`;
}

/** NaN as the quiet one that PyTorch writes. */
const quiet = (name: string): string =>
  define(
    'f32v',
    `quiet_${name}`,
    'f32v a',
    'i32v nan = a != a; return (f32v)((nan & (((i32v)a & (-2147483647 - 1)) | 0x7fc00000)) | (~nan & (i32v)a));',
  );

function bitCast(from: string, to: string): [string, HelperText] {
  const name = `bits_${from}_${to}`;
  return [name, fixed(define(to, name, `${from} a`, `union { ${from} from; ${to} to; } x = {a}; return x.to;`))];
}

const makeHelpers = (): ReadonlyMap<string, HelperText> =>
  new Map<string, HelperText>([
    ...(['f32', 'f64', 'f32v', 'f64v'] as const).flatMap(floatHelpers),
    ...(['i32', 'i64'] as const).flatMap(integerHelpers),
    ...(['i32v', 'i64v'] as const).flatMap(integerVectorHelpers),
    saturating('f32', 'i32'),
    saturating('f64', 'i32'),
    saturating('f32', 'i64'),
    saturating('f64', 'i64'),
    ['cast_f32v_i32v', vectorSaturating],
    ['cast_i32v_f32v', fixed(define('f32v', 'cast_i32v_f32v', 'i32v a', 'return __builtin_convertvector(a, f32v);'))],
    ['cast_f32v_f64v', (target) => define('f64v', 'cast_f32v_f64v', 'f32v a', `return ${eachLane(target, 'f64v', (i) => `a[${i}]`)};`)],
    ['cast_f64v_f32v', (target) => define('f32v', 'cast_f64v_f32v', 'f64v a', `return ${eachLane(target, 'f32v', (i) => (2 * i < lanes(target, 'f32') ? `(f32)a[${i}]` : '0'))};`)], // prettier-ignore
    ...PACKED_TYPES.flatMap(packedHelpers),
    ['fma_halves', fmaHalves],
    ['HALVES', () => HALVES],
    ['PACK_HALVES', () => PACK_HALVES],
    ['SHORTS', () => SHORTS],
    ['PACK_SHORTS', () => PACK_SHORTS],
    ['BYTES', () => BYTES],
    ['PACK_BYTES', () => PACK_BYTES],
    ['SCALED', scaled],
    ['STREAM', () => STREAM],
    ['DRAIN', () => DRAIN],
    bitCast('f32', 'i32'),
    bitCast('i32', 'f32'),
    bitCast('f64', 'i64'),
    bitCast('i64', 'f64'),
    ...VECTOR_TYPES.map((type): [string, HelperText] => [
      `splat_${type}`,
      (target) => define(type, `splat_${type}`, `${elementOf(type)} s`, `return ${eachLane(target, type, () => 's')};`),
    ]),
  ]);

let helpers: ReadonlyMap<string, HelperText> | undefined;

/** A helper by its name, `operation_type`; undefined when the language has no such operation. Made on first use: few programs emit C. */
export function helperText(name: string, target: Target): string | undefined {
  helpers ??= makeHelpers();
  return helpers.get(name)?.(target);
}
