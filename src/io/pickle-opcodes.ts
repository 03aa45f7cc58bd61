/**
 * Python's pickle opcodes by name (protocols 0 to 5, https://github.com/python/cpython/blob/main/Lib/pickletools.py): the few
 * that checkpoints are written with, and all others so that a refusal can name what it met.
 */

/** Opcodes that PyTorch's checkpoints consist of. */
export const OP = {
  MARK: 0x28,
  EMPTY_TUPLE: 0x29,
  STOP: 0x2e,
  BINFLOAT: 0x47,
  BININT: 0x4a,
  BININT1: 0x4b,
  BININT2: 0x4d,
  NONE: 0x4e,
  BINPERSID: 0x51,
  REDUCE: 0x52,
  SHORT_BINSTRING: 0x55,
  BINSTRING: 0x54,
  BINUNICODE: 0x58,
  EMPTY_LIST: 0x5d,
  APPEND: 0x61,
  BUILD: 0x62,
  GLOBAL: 0x63,
  APPENDS: 0x65,
  BINGET: 0x68,
  LONG_BINGET: 0x6a,
  BINPUT: 0x71,
  LONG_BINPUT: 0x72,
  SETITEM: 0x73,
  TUPLE: 0x74,
  SETITEMS: 0x75,
  EMPTY_DICT: 0x7d,
  PROTO: 0x80,
  NEWOBJ: 0x81,
  TUPLE1: 0x85,
  TUPLE2: 0x86,
  TUPLE3: 0x87,
  NEWTRUE: 0x88,
  NEWFALSE: 0x89,
  LONG1: 0x8a,
} as const;

/** The others, never executed. */
const REFUSED = {
  POP: 0x30,
  POP_MARK: 0x31,
  DUP: 0x32,
  FLOAT: 0x46,
  INT: 0x49,
  LONG: 0x4c,
  PERSID: 0x50,
  STRING: 0x53,
  UNICODE: 0x56,
  BINBYTES: 0x42,
  SHORT_BINBYTES: 0x43,
  DICT: 0x64,
  GET: 0x67,
  INST: 0x69,
  LIST: 0x6c,
  OBJ: 0x6f,
  PUT: 0x70,
  EXT1: 0x82,
  EXT2: 0x83,
  EXT4: 0x84,
  LONG4: 0x8b,
  SHORT_BINUNICODE: 0x8c,
  BINUNICODE8: 0x8d,
  BINBYTES8: 0x8e,
  EMPTY_SET: 0x8f,
  ADDITEMS: 0x90,
  FROZENSET: 0x91,
  NEWOBJ_EX: 0x92,
  STACK_GLOBAL: 0x93,
  MEMOIZE: 0x94,
  FRAME: 0x95,
  BYTEARRAY8: 0x96,
  NEXT_BUFFER: 0x97,
  READONLY_BUFFER: 0x98,
} as const;

const NAMES = new Map<number, string>(
  [...Object.entries(OP), ...Object.entries(REFUSED)].map(([name, code]) => [code, name]),
);

/** The name of an opcode, or its number in hexadecimal when Python has none of this number. */
export function opcodeName(code: number): string {
  return NAMES.get(code) ?? `opcode 0x${code.toString(16).padStart(2, '0')}`;
}
