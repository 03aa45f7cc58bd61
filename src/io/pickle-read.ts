/**
 * An allow-list machine for the pickles inside PyTorch checkpoints, in the sense of `torch.load(weights_only=True)`
 * (https://pytorch.org/docs/stable/notes/serialization.html#weights-only).
 *
 * A pickle is a program for a small stack machine, and Python's machine may import and call anything. This one knows the opcodes
 * that checkpoints consist of, creates nothing but plain values, calls only what its host lists by name, and checks the type of
 * every operand before use. It refuses everything else with the record, the byte, the opcode and the name. Opcodes run, containers made,
 * nesting, and the size that a value would have with its shared parts written out are all bounded.
 *
 * It knows nothing about tensors: what names mean and what persistent ids load is the host's affair (see pt-host.ts).
 */
import { FormatError } from '../base/errors.ts';
import { finishValue } from './pickle-finish.ts';
import { OP, opcodeName } from './pickle-opcodes.ts';
import { GlobalRef, ObjectItem, PICKLE_LIMITS, StrangerRef, asKey, describe, quote } from './pickle-items.ts';
import type { MakeError, PickleHost, PickleItem, PickleLimits } from './pickle-items.ts';
import { OrderedDict, PyFloat, PyTuple } from './pt-value.ts';
import type { PtValue } from './pt-value.ts';

export interface PickleOptions {
  /** Name of the record, for messages. */
  readonly where: string;
  readonly limits?: PickleLimits;
  /** Give floats with whole values as {@link PyFloat}, so that writing them again makes floats; default false. */
  readonly keepFloats?: boolean;
  /** Told of whole modules that were pickled, in whose place their state dicts stand. */
  readonly onModule?: ((className: string, place: string) => void) | undefined;
}

/** The bytes end in the middle of a pickle; with more of them it might go on. */
export class PickleCutOff extends FormatError {}

/**
 * Runs a protocol 2 pickle and returns the value it describes.
 * @throws FormatError for anything that is not a well-formed pickle of allowed parts within the limits.
 */
export function readPickle(bytes: Uint8Array, host: PickleHost, options: PickleOptions): PtValue {
  const { value, end } = readPickleAt(bytes, 0, host, options);
  if (end === bytes.length) return value;
  throw new FormatError(
    `pickle ${options.where}, byte ${end - 1}, STOP: ${bytes.length - end} bytes follow the end of the pickle`,
  );
}

/**
 * As {@link readPickle}, for a pickle that begins at `from` and may be followed by other things.
 * @returns the value, and where the pickle ends
 * @throws PickleCutOff when the bytes end before the pickle does
 */
export function readPickleAt(
  bytes: Uint8Array,
  from: number,
  host: PickleHost,
  options: PickleOptions,
): { value: PtValue; end: number } {
  const { where, limits = PICKLE_LIMITS, keepFloats = false, onModule } = options;
  const machine = new Machine(bytes, from, host, where, limits);
  const root = machine.run();
  return { value: finishValue(root, { where, limits, keepFloats, onModule }), end: machine.end };
}

/** Longest module or attribute name; real ones have some dozens of characters. */
const MAX_NAME = 256;
/** Protocol 0's way to call a class; refused, but its name is worth telling. */
const INST = 0x69;
const EMPTY_TUPLE = new PyTuple<PickleItem>(Object.freeze([]));

class Machine {
  readonly host: PickleHost;
  readonly memo = new Map<number, PickleItem>();
  /** Position of the opcode being executed. */
  opcodeAt = 0;
  readonly makeError: MakeError = (problem) => this.error(problem);
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #where: string;
  readonly #limits: PickleLimits;
  readonly #stack: PickleItem[] = [];
  /** Stack heights at the open marks; what lies below the last one is out of reach. */
  readonly #marks: number[] = [];
  readonly #decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  readonly start: number;
  #at: number;
  #containers = 0;

  constructor(bytes: Uint8Array, from: number, host: PickleHost, where: string, limits: PickleLimits) {
    this.start = from;
    this.#at = from;
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.host = host;
    this.#where = where;
    this.#limits = limits;
  }

  run(): PickleItem {
    for (let operations = 0; ; operations++) {
      this.opcodeAt = this.#at;
      if (this.#at >= this.#bytes.length) {
        throw new PickleCutOff(
          `pickle ${this.#where}: ends at byte ${this.#at} without STOP; the file is cut off, fetch it again`,
        );
      }
      if (operations >= this.#limits.operations) {
        throw this.error(`more than ${this.#limits.operations} operations; raise the limit if the file is trusted`);
      }
      const code = this.#bytes[this.#at++]!;
      if (code === OP.STOP) return this.#stop();
      const execute = EXECUTE[code];
      if (execute === undefined) throw this.#refused(code);
      execute(this);
    }
  }

  #stop(): PickleItem {
    if (this.#stack.length !== 1 || this.#marks.length > 0) {
      throw this.error(
        `${this.#stack.length} values and ${this.#marks.length} open marks are left; expected one value`,
      );
    }
    return this.#stack[0]!;
  }

  /** Where the next byte would be read: after STOP, where the pickle ends. */
  get end(): number {
    return this.#at;
  }

  #refused(code: number): FormatError {
    const name = code === INST ? ` (${quote(`${this.line()}.${this.line()}`)})` : '';
    return this.error(
      `is not on the list of opcodes that checkpoints need${name}; write the file with torch.save and its default pickle protocol 2`,
    );
  }

  error(problem: string): FormatError {
    const code = this.#bytes[this.opcodeAt] ?? 0;
    return new FormatError(`pickle ${this.#where}, byte ${this.opcodeAt}, ${opcodeName(code)}: ${problem}`);
  }

  // Operands in the byte stream.

  take(length: number): Uint8Array {
    const from = this.#advance(length);
    return this.#bytes.subarray(from, from + length);
  }
  uint8(): number {
    return this.#view.getUint8(this.#advance(1));
  }
  uint16(): number {
    return this.#view.getUint16(this.#advance(2), true);
  }
  int32(): number {
    return this.#view.getInt32(this.#advance(4), true);
  }
  uint32(): number {
    return this.#view.getUint32(this.#advance(4), true);
  }
  float64(): number {
    return this.#view.getFloat64(this.#advance(8), false);
  }

  /** Where the next `length` bytes begin. */
  #advance(length: number): number {
    const from = this.#at;
    const left = this.#bytes.length - from;
    if (length > left) {
      const { message } = this.error(
        `needs ${length} bytes, but only ${left} are left; the file is damaged, fetch it again`,
      );
      throw new PickleCutOff(message);
    }
    this.#at = from + length;
    return from;
  }

  utf8(length: number): string {
    try {
      return this.#decoder.decode(this.take(length));
    } catch (error) {
      if (error instanceof FormatError) throw error;
      throw this.error('a string that is not valid UTF-8; the file is damaged, fetch it again');
    }
  }

  /** A newline-terminated name. */
  line(): string {
    const ahead = this.#bytes.subarray(this.#at, this.#at + MAX_NAME + 1);
    const end = ahead.indexOf(10);
    if (end < 0) {
      const error = this.error(`a name without its newline within ${MAX_NAME} bytes`);
      throw ahead.length > MAX_NAME ? error : new PickleCutOff(error.message);
    }
    const name = this.take(end);
    this.#at++;
    return String.fromCharCode(...name);
  }

  // The stack.

  push(item: PickleItem): void {
    if (this.#stack.length >= this.#limits.stack) {
      throw this.error(`more than ${this.#limits.stack} values on the stack; raise the limit if the file is trusted`);
    }
    this.#stack.push(item);
  }

  /** Pushes something that takes memory of its own. */
  pushNew(item: PickleItem): void {
    if (++this.#containers > this.#limits.containers) {
      throw this.error(`more than ${this.#limits.containers} containers; raise the limit if the file is trusted`);
    }
    this.push(item);
  }

  pop(what: string): PickleItem {
    if (this.#stack.length <= (this.#marks.at(-1) ?? 0)) throw this.error(`needs ${what}, but the stack is empty`);
    return this.#stack.pop()!;
  }

  top(what: string): PickleItem {
    if (this.#stack.length <= (this.#marks.at(-1) ?? 0)) throw this.error(`needs ${what}, but the stack is empty`);
    return this.#stack.at(-1)!;
  }

  /** `count` items from the top, in the order pushed. */
  popMany(count: number): PickleItem[] {
    const from = this.#stack.length - count;
    if (from < (this.#marks.at(-1) ?? 0)) throw this.error(`needs ${count} values, but the stack holds fewer`);
    return this.#stack.splice(from);
  }

  mark(): void {
    if (this.#marks.length >= this.#limits.stack) throw this.error(`more than ${this.#limits.stack} open marks`);
    this.#marks.push(this.#stack.length);
  }

  popMark(): PickleItem[] {
    const mark = this.#marks.pop();
    if (mark === undefined) throw this.error('there is no open mark');
    return this.#stack.splice(mark);
  }
}

type Execute = (m: Machine) => void;

const EXECUTE: readonly (Execute | undefined)[] = makeTable({
  [OP.PROTO]: (m) => {
    const protocol = m.uint8();
    if (m.opcodeAt !== m.start) throw m.error('the protocol may only be stated first');
    if (protocol !== 2)
      throw m.error(`protocol ${protocol}, expected 2; save again with torch.save's default pickle_protocol`);
  },
  [OP.NONE]: (m) => m.push(null),
  [OP.NEWTRUE]: (m) => m.push(true),
  [OP.NEWFALSE]: (m) => m.push(false),
  [OP.BININT]: (m) => m.push(m.int32()),
  [OP.BININT1]: (m) => m.push(m.uint8()),
  [OP.BININT2]: (m) => m.push(m.uint16()),
  [OP.LONG1]: (m) => m.push(decodeLong(m.take(m.uint8()))),
  [OP.BINFLOAT]: (m) => m.push(asFloat(m.float64())),
  [OP.BINUNICODE]: (m) => m.push(m.utf8(m.uint32())),
  // What Python 2 called strings.
  [OP.SHORT_BINSTRING]: (m) => m.push(m.utf8(m.uint8())),
  [OP.BINSTRING]: (m) => m.push(m.utf8(m.uint32())),
  [OP.EMPTY_LIST]: (m) => m.pushNew([]),
  [OP.EMPTY_DICT]: (m) => m.pushNew(new Map()),
  [OP.EMPTY_TUPLE]: (m) => m.push(EMPTY_TUPLE),
  [OP.TUPLE1]: (m) => m.pushNew(new PyTuple(m.popMany(1))),
  [OP.TUPLE2]: (m) => m.pushNew(new PyTuple(m.popMany(2))),
  [OP.TUPLE3]: (m) => m.pushNew(new PyTuple(m.popMany(3))),
  [OP.TUPLE]: (m) => m.pushNew(new PyTuple(m.popMark())),
  [OP.MARK]: (m) => m.mark(),
  [OP.APPEND]: (m) => append(m, m.popMany(1)),
  [OP.APPENDS]: (m) => append(m, m.popMark()),
  [OP.SETITEM]: (m) => setItems(m, m.popMany(2)),
  [OP.SETITEMS]: (m) => setItems(m, m.popMark()),
  [OP.BINPUT]: (m) => void m.memo.set(m.uint8(), m.top('a value')),
  [OP.LONG_BINPUT]: (m) => void m.memo.set(m.uint32(), m.top('a value')),
  [OP.BINGET]: (m) => m.push(recall(m, m.uint8())),
  [OP.LONG_BINGET]: (m) => m.push(recall(m, m.uint32())),
  [OP.GLOBAL]: (m) => {
    const found = findGlobal(m, `${m.line()}.${m.line()}`);
    if (found instanceof StrangerRef) m.pushNew(found);
    else m.push(found);
  },
  [OP.REDUCE]: reduce,
  [OP.NEWOBJ]: makeObject,
  [OP.BUILD]: build,
  [OP.BINPERSID]: (m) => {
    const id = m.pop('a persistent id');
    m.push(m.host.persistentLoad(id, m.makeError));
  },
});

function makeTable(byCode: Readonly<Record<number, Execute>>): (Execute | undefined)[] {
  return Array.from({ length: 256 }, (_, code) => byCode[code]);
}

/** Whole floats stay apart from ints until the end, so that a float cannot stand where an int is expected. */
function asFloat(value: number): number | PyFloat {
  return Number.isSafeInteger(value) ? new PyFloat(value) : value;
}

/** Two's complement, lowest byte first. */
function decodeLong(bytes: Uint8Array): number | bigint {
  let value = 0n;
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]!);
  if (bytes.length > 0) value = BigInt.asIntN(8 * bytes.length, value);
  const small = Number(value);
  return Number.isSafeInteger(small) ? small : value;
}

function recall(m: Machine, index: number): PickleItem {
  const item = m.memo.get(index);
  if (item === undefined) throw m.error(`nothing was stored under number ${index}`);
  return item;
}

function append(m: Machine, items: readonly PickleItem[]): void {
  const list = m.top('a list');
  if (!Array.isArray(list)) throw m.error(`can only append to a list, not to ${describe(list)}`);
  for (const item of items) list.push(item);
}

function setItems(m: Machine, items: readonly PickleItem[]): void {
  const dict = m.top('a dict');
  if (!(dict instanceof Map)) throw m.error(`can only set items of a dict, not of ${describe(dict)}`);
  if (items.length % 2 !== 0) throw m.error(`${items.length} keys and values; expected pairs`);
  for (let i = 0; i < items.length; i += 2) dict.set(asKey(items[i]!, m.makeError), items[i + 1]!);
}

function findGlobal(m: Machine, name: string): PickleItem {
  const found = m.host.lookup(name);
  if (found !== undefined) return found;
  throw notListed(m, name);
}

const notListed = (m: Machine, name: string): FormatError =>
  m.error(`the global ${quote(name)} is not on the list of what a checkpoint may use; ${m.host.remedy(name)}`);

function reduce(m: Machine): void {
  const args = m.pop('arguments');
  const callee = m.pop('something to call');
  if (callee instanceof StrangerRef) throw notListed(m, callee.name);
  if (!(callee instanceof GlobalRef)) throw m.error(`can only call a listed global, not ${describe(callee)}`);
  if (callee.apply === undefined) throw m.error(`the global ${quote(callee.name)} may be named but not called`);
  if (!(args instanceof PyTuple))
    throw m.error(`arguments of ${quote(callee.name)} must be a tuple, but are ${describe(args)}`);
  m.pushNew(callee.apply(args.items, m.makeError));
}

/** An object without anything in it, of a class that is only a name: how a pickled module begins. Nothing is called. */
function makeObject(m: Machine): void {
  const args = m.pop('arguments');
  const type = m.pop('a class');
  if (!(type instanceof StrangerRef))
    throw m.error(`can only make objects of a module's class, not of ${describe(type)}`);
  if (!(args instanceof PyTuple) || args.length > 0) {
    throw m.error(
      `an object of class ${quote(type.name)} made with arguments; modules have none. Save state_dict() instead`,
    );
  }
  m.pushNew(new ObjectItem(type.name));
}

/** Sets an object's `__dict__`; only an OrderedDict and a module have one here. */
function build(m: Machine): void {
  const state = m.pop('a state');
  const target = m.top('an object');
  if (!(target instanceof OrderedDict || target instanceof ObjectItem))
    throw m.error(`can only set attributes of an OrderedDict, not of ${describe(target)}`);
  if (!(state instanceof Map)) throw m.error(`attributes must be a dict, but are ${describe(state)}`);
  if (target instanceof ObjectItem) {
    if (target.attributes !== undefined) throw m.error(`the attributes of ${describe(target)} are set twice`);
    target.attributes = state;
    return;
  }
  for (const [key, value] of state) {
    if (typeof key !== 'string') throw m.error(`an attribute name is ${describe(key)}; expected a string`);
    target.attributes.set(key, value);
  }
}
