/**
 * A machine for the pickles inside PyTorch checkpoints (https://docs.python.org/3/library/pickletools.html, protocols 0 to 5).
 *
 * A pickle is a program for a small stack machine, and Python's machine may import and call anything. This one creates nothing but plain
 * values. A name is a name (`PyGlobal`) behind which nothing is looked for; what it would mean to call it, its host says for the few that
 * checkpoints consist of, as `torch.load(weights_only=True)` has it, and the calls of all others become objects that only hold their
 * arguments (`PyObject`). The type of every operand is checked before use, and what does not hold together is refused with the record, the
 * byte and the opcode. Opcodes run, containers made, nesting, and the size that a value would have with its shared parts written out are
 * all bounded (pickle/items.ts).
 *
 * It knows nothing about tensors: what names mean and what persistent ids load is the host's affair (see pt/host.ts).
 */
import { FormatError } from '../../base/errors.ts';
import { finishValue } from './finish.ts';
import { describe, limitsFor } from './items.ts';
import type { MakeError, PickleHost, PickleItem, PickleLimits } from './items.ts';
import { KeyIndex, asKey } from './keys.ts';
import { OP, opcodeName } from './opcodes.ts';
import { asFloat, decodeFloatLine, decodeIntLine, decodeLong, decodePython2, decodeStringLine, decodeText, decodeUnicodeLine } from './text.ts'; // prettier-ignore
import { OrderedDict, PyFrozenSet, PyGlobal, PyObject, PyTuple } from '../pt/value.ts';
import type { PtKey, PtValue } from '../pt/value.ts';

export interface PickleOptions {
  /** Name of the record, for messages. */
  readonly where: string;
  /** Other limits than those that follow from the pickle's size. */
  readonly limits?: Partial<PickleLimits>;
  /** The size that limits follow from; default that of the bytes. */
  readonly budget?: number;
  /** Give floats with whole values as {@link PyFloat}, so that writing them again makes floats; default false. */
  readonly keepFloats?: boolean;
  /** Told of whole modules that were pickled, in whose place their state dicts stand. */
  readonly onModule?: ((className: string, place: string) => void) | undefined;
}

/** The bytes end in the middle of a pickle; with more of them it might go on. */
export class PickleCutOff extends FormatError {}

/**
 * Runs a pickle and returns the value it describes.
 * @throws FormatError for anything that is not a well-formed pickle of allowed parts within the limits.
 */
export function readPickle(bytes: Uint8Array, host: PickleHost, options: PickleOptions): PtValue {
  const { value, end } = readPickleAt(bytes, 0, host, options);
  if (end === bytes.length) return value;
  throw new FormatError(`pickle ${options.where}, byte ${end - 1}, STOP: ${bytes.length - end} bytes follow the end of the pickle`);
}

/**
 * As {@link readPickle}, for a pickle that begins at `from` and may be followed by other things.
 * @returns the value, and where the pickle ends
 * @throws PickleCutOff when the bytes end before the pickle does
 */
export function readPickleAt(bytes: Uint8Array, from: number, host: PickleHost, options: PickleOptions): { value: PtValue; end: number } {
  const { where, keepFloats = false, onModule } = options;
  const limits = { ...limitsFor(options.budget ?? bytes.length - from), ...options.limits };
  const machine = new Machine(bytes, from, host, where, limits);
  const root = machine.run();
  const value = finishValue(root, { where, limits, keepFloats, onModule, resolve: (object) => host.resolve(object) });
  return { value, end: machine.end };
}

/** The newest protocol there is. */
const MAX_PROTOCOL = 5;
/** Longest line of text: a string in protocol 0. */
const MAX_LINE = 2 ** 26;
const EMPTY_TUPLE = new PyTuple(Object.freeze([]));

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
  readonly keys = new KeyIndex();
  readonly #names = new Map<string, PyGlobal>();
  #at: number;
  #containers = 0;

  constructor(bytes: Uint8Array, from: number, host: PickleHost, where: string, limits: PickleLimits) {
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
        throw new PickleCutOff(`pickle ${this.#where}: ends at byte ${this.#at} without STOP; the file is cut off, fetch it again`);
      }
      if (operations >= this.#limits.operations) {
        throw this.error(`more than ${this.#limits.operations} operations; if the file is trusted, raise the option limits.operations`);
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
      throw this.error(`${this.#stack.length} values and ${this.#marks.length} open marks are left; expected one value`);
    }
    return this.#stack[0]!;
  }

  /** Where the next byte would be read: after STOP, where the pickle ends. */
  get end(): number {
    return this.#at;
  }

  #refused(code: number): FormatError {
    const known = !opcodeName(code).startsWith('opcode');
    return this.error(
      known
        ? 'needs what only the program that wrote the file has; write the file with torch.save'
        : 'there is no such opcode; the file is damaged, fetch it again',
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
      const { message } = this.error(`needs ${length} bytes, but only ${left} are left; the file is damaged, fetch it again`);
      throw new PickleCutOff(message);
    }
    this.#at = from + length;
    return from;
  }

  /** A length of eight bytes; what is beyond any file is cut down to more than there is. */
  length64(): number {
    return Number(this.#view.getBigUint64(this.#advance(8), true));
  }

  text(length: number): string {
    return decodeText(this.take(length), this.makeError);
  }

  /** The bytes up to a newline, which is passed over. */
  line(): Uint8Array {
    const ahead = this.#bytes.subarray(this.#at, this.#at + MAX_LINE);
    const end = ahead.indexOf(10);
    if (end < 0) {
      const error = this.error('a line without its end; the file is damaged, fetch it again');
      throw ahead.length === MAX_LINE ? error : new PickleCutOff(error.message);
    }
    const line = this.take(end);
    this.#at++;
    return line;
  }

  /** The name made of two lines. */
  nameLines(): PyGlobal {
    const module = decodeText(this.line(), this.makeError);
    return this.name(module, decodeText(this.line(), this.makeError));
  }

  /** A name, the same object each time. */
  name(module: string, name: string): PyGlobal {
    const today = MODULES_OF_PYTHON2.get(module) ?? module;
    const key = `${today}\n${name}`;
    let known = this.#names.get(key);
    if (known === undefined) {
      this.#counted();
      this.#names.set(key, (known = new PyGlobal(today, name)));
    }
    return known;
  }

  // The stack.

  push(item: PickleItem): void {
    if (this.#stack.length >= this.#limits.stack) {
      throw this.error(`more than ${this.#limits.stack} values on the stack; if the file is trusted, raise the option limits.stack`);
    }
    this.#stack.push(item);
  }

  /** Pushes something that takes memory of its own. */
  pushNew(item: PickleItem): void {
    this.#counted();
    this.push(item);
  }

  #counted(): void {
    if (++this.#containers > this.#limits.containers) {
      throw this.error(`more than ${this.#limits.containers} containers; if the file is trusted, raise the option limits.containers`);
    }
  }

  pop(what: string): PickleItem {
    if (this.#stack.length <= (this.#marks.at(-1) ?? 0)) throw this.error(`needs ${what}, but the stack is empty`);
    return this.#stack.pop()!;
  }

  /** POP, which also closes a mark that nothing was put on. */
  discard(): void {
    if (this.#stack.length === this.#marks.at(-1)) this.#marks.pop();
    else this.pop('a value');
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

/** Modules that Python 3 calls otherwise, of those that checkpoints name. */
const MODULES_OF_PYTHON2: ReadonlyMap<string, string> = new Map([
  ['__builtin__', 'builtins'],
  ['copy_reg', 'copyreg'],
]);

type Execute = (m: Machine) => void;

const EXECUTE: readonly (Execute | undefined)[] = makeTable({
  [OP.PROTO]: (m) => {
    const protocol = m.uint8();
    if (protocol > MAX_PROTOCOL) throw m.error(`protocol ${protocol}; expected at most ${MAX_PROTOCOL}`);
  },
  [OP.FRAME]: (m) => void m.length64(), // an advice on how much to read at once
  // Numbers and text.
  [OP.NONE]: (m) => m.push(null),
  [OP.NEWTRUE]: (m) => m.push(true),
  [OP.NEWFALSE]: (m) => m.push(false),
  [OP.BININT]: (m) => m.push(m.int32()),
  [OP.BININT1]: (m) => m.push(m.uint8()),
  [OP.BININT2]: (m) => m.push(m.uint16()),
  [OP.LONG1]: (m) => m.push(decodeLong(m.take(m.uint8()))),
  [OP.LONG4]: (m) => m.push(decodeLong(m.take(m.uint32()))),
  [OP.INT]: (m) => m.push(decodeIntLine(m.line(), false, m.makeError)),
  [OP.LONG]: (m) => m.push(decodeIntLine(m.line(), true, m.makeError)),
  [OP.BINFLOAT]: (m) => m.push(asFloat(m.float64())),
  [OP.FLOAT]: (m) => m.push(decodeFloatLine(m.line(), m.makeError)),
  [OP.BINUNICODE]: (m) => m.push(m.text(m.uint32())),
  [OP.SHORT_BINUNICODE]: (m) => m.push(m.text(m.uint8())),
  [OP.BINUNICODE8]: (m) => m.push(m.text(m.length64())),
  [OP.UNICODE]: (m) => m.push(decodeUnicodeLine(m.line(), m.makeError)),
  [OP.SHORT_BINSTRING]: (m) => m.push(decodePython2(m.take(m.uint8()))),
  [OP.BINSTRING]: (m) => m.push(decodePython2(m.take(m.uint32()))),
  [OP.STRING]: (m) => m.push(decodeStringLine(m.line(), m.makeError)),
  [OP.SHORT_BINBYTES]: (m) => m.pushNew(m.take(m.uint8()).slice()),
  [OP.BINBYTES]: (m) => m.pushNew(m.take(m.uint32()).slice()),
  [OP.BINBYTES8]: (m) => m.pushNew(m.take(m.length64()).slice()),
  [OP.BYTEARRAY8]: (m) => m.pushNew(m.take(m.length64()).slice()),
  // Containers.
  [OP.EMPTY_LIST]: (m) => m.pushNew([]),
  [OP.EMPTY_DICT]: (m) => m.pushNew(new Map()),
  [OP.EMPTY_SET]: (m) => m.pushNew(new Set()),
  [OP.EMPTY_TUPLE]: (m) => m.push(EMPTY_TUPLE),
  [OP.TUPLE1]: (m) => m.pushNew(tuple(m.popMany(1))),
  [OP.TUPLE2]: (m) => m.pushNew(tuple(m.popMany(2))),
  [OP.TUPLE3]: (m) => m.pushNew(tuple(m.popMany(3))),
  [OP.TUPLE]: (m) => m.pushNew(tuple(m.popMark())),
  [OP.LIST]: (m) => m.pushNew(m.popMark() as PtValue[]),
  [OP.DICT]: (m) => {
    const items = m.popMark();
    m.pushNew(new Map());
    setItems(m, items);
  },
  [OP.FROZENSET]: (m) => {
    const items = m.popMark();
    const set = new PyFrozenSet();
    for (const item of items) set.add(m.keys.of(set, asKey(item, m.makeError)));
    m.pushNew(set);
  },
  [OP.MARK]: (m) => m.mark(),
  [OP.APPEND]: (m) => append(m, m.popMany(1)),
  [OP.APPENDS]: (m) => append(m, m.popMark()),
  [OP.ADDITEMS]: (m) => addItems(m, m.popMark()),
  [OP.SETITEM]: (m) => setItems(m, m.popMany(2)),
  [OP.SETITEMS]: (m) => setItems(m, m.popMark()),
  // The stack and the memo.
  [OP.POP]: (m) => m.discard(),
  [OP.POP_MARK]: (m) => void m.popMark(),
  [OP.DUP]: (m) => m.push(m.top('a value')),
  [OP.PUT]: (m) => void m.memo.set(memoNumber(m), m.top('a value')),
  [OP.BINPUT]: (m) => void m.memo.set(m.uint8(), m.top('a value')),
  [OP.LONG_BINPUT]: (m) => void m.memo.set(m.uint32(), m.top('a value')),
  [OP.MEMOIZE]: (m) => void m.memo.set(m.memo.size, m.top('a value')),
  [OP.GET]: (m) => m.push(recall(m, memoNumber(m))),
  [OP.BINGET]: (m) => m.push(recall(m, m.uint8())),
  [OP.LONG_BINGET]: (m) => m.push(recall(m, m.uint32())),
  // Names and objects.
  [OP.GLOBAL]: (m) => m.push(m.nameLines()),
  [OP.STACK_GLOBAL]: (m) => {
    const name = m.pop('a name');
    const module = m.pop('a module');
    if (typeof name !== 'string' || typeof module !== 'string')
      throw m.error(`a name must be two strings, but is ${describe(module)} and ${describe(name)}`);
    m.push(m.name(module, name));
  },
  [OP.REDUCE]: (m) => {
    const args = m.pop('arguments');
    makeObject(m, m.pop('something to call'), args);
  },
  [OP.NEWOBJ]: (m) => {
    const args = m.pop('arguments');
    makeObject(m, m.pop('a class'), args);
  },
  [OP.NEWOBJ_EX]: (m) => {
    const kwargs = m.pop('named arguments');
    const args = m.pop('arguments');
    if (!(kwargs instanceof Map)) throw m.error(`named arguments must be a dict, but are ${describe(kwargs)}`);
    makeObject(m, m.pop('a class'), args, kwargs);
  },
  [OP.INST]: (m) => {
    const type = m.nameLines();
    makeObject(m, type, tuple(m.popMark()));
  },
  [OP.OBJ]: (m) => {
    const [type, ...args] = m.popMark();
    if (type === undefined) throw m.error('needs a class, but the stack is empty');
    makeObject(m, type, tuple(args));
  },
  [OP.BUILD]: build,
  [OP.PERSID]: (m) => m.push(m.host.persistentLoad(decodeText(m.line(), m.makeError), m.makeError)),
  [OP.BINPERSID]: (m) => {
    const id = m.pop('a persistent id');
    m.push(m.host.persistentLoad(id, m.makeError));
  },
});

function makeTable(byCode: Readonly<Record<number, Execute>>): (Execute | undefined)[] {
  return Array.from({ length: 256 }, (_, code) => byCode[code]);
}

/** What lies on the stack becomes a part of values before the last step has looked at all of it, which it does. */
const tuple = (items: PickleItem[]): PyTuple => new PyTuple(items as PtValue[]);

function memoNumber(m: Machine): number {
  const number = decodeIntLine(m.line(), false, m.makeError);
  if (typeof number !== 'number' || number < 0) throw m.error('a place to remember something at that is no number');
  return number;
}

function recall(m: Machine, index: number): PickleItem {
  const item = m.memo.get(index);
  if (item === undefined) throw m.error(`nothing was stored under number ${index}`);
  return item;
}

function append(m: Machine, items: readonly PickleItem[]): void {
  const list = m.top('a list');
  if (list instanceof PyObject) list.listItems ??= [];
  const target = list instanceof PyObject ? list.listItems : list;
  if (!Array.isArray(target)) throw m.error(`can only append to a list, not to ${describe(list)}`);
  for (const item of items) target.push(item as PtValue);
}

function addItems(m: Machine, items: readonly PickleItem[]): void {
  const set = m.top('a set');
  if (set instanceof PyObject) append(m, items);
  else if (!(set instanceof Set) || set instanceof PyFrozenSet) throw m.error(`can only add items to a set, not to ${describe(set)}`);
  else for (const item of items) set.add(m.keys.of(set, asKey(item, m.makeError)));
}

function setItems(m: Machine, items: readonly PickleItem[]): void {
  const dict = m.top('a dict');
  if (items.length % 2 !== 0) throw m.error(`${items.length} keys and values; expected pairs`);
  if (dict instanceof PyObject) dict.dictItems ??= new Map<PtKey, PtValue>();
  const target = dict instanceof PyObject ? dict.dictItems : dict;
  if (!(target instanceof Map)) throw m.error(`can only set items of a dict, not of ${describe(dict)}`);
  for (let i = 0; i < items.length; i += 2) {
    target.set(m.keys.of(target, asKey(items[i]!, m.makeError)), items[i + 1] as PtValue);
  }
}

/** Functions through which Python makes objects, of whose class then the object is. */
const MAKERS = /^copyreg\.(__newobj__|__newobj_ex__|_reconstructor)$/;
/** What stands for calling something that is no name itself. */
const CALL = new PyGlobal('operator', 'call');

/** The object of a class, or what a function gives. What means nothing to the host only holds its arguments: nothing is called. */
function makeObject(m: Machine, callee: PickleItem, args: PickleItem, kwargs?: Map<PtKey, PtValue>): void {
  if (!(callee instanceof PyGlobal || callee instanceof PyObject)) throw m.error(`can only call what has a name, not ${describe(callee)}`);
  if (!(args instanceof PyTuple)) throw m.error(`arguments must be a tuple, but are ${describe(args)}`);
  if (callee instanceof PyObject) {
    m.pushNew(new PyObject(CALL, tuple([callee, ...args.items]), kwargs));
    return;
  }
  const { type, given, named } = unmade(m, callee, args, kwargs);
  const made = named === undefined || named.size === 0 ? m.host.call(type, given.items, m.makeError) : undefined;
  m.pushNew(made ?? new PyObject(type, given, named));
}

interface Call {
  readonly type: PyGlobal;
  readonly given: PyTuple;
  readonly named: Map<PtKey, PtValue> | undefined;
}

/** What is made in the end, where that is one of the functions that make objects. */
function unmade(m: Machine, callee: PyGlobal, args: PyTuple, kwargs: Map<PtKey, PtValue> | undefined): Call {
  const maker = MAKERS.exec(callee.path)?.[1];
  const [type, ...rest] = args.items;
  if (maker === undefined || !(type instanceof PyGlobal)) return { type: callee, given: args, named: kwargs };
  if (maker === '__newobj__') return { type, given: tuple(rest), named: kwargs };
  if (maker === '_reconstructor') return { type, given: tuple(plainBase(rest) ? [] : rest), named: kwargs };
  const [given, named] = rest;
  if (!(given instanceof PyTuple && named instanceof Map)) throw m.error('arguments must be a tuple and a dict');
  return { type, given, named };
}

/** `_reconstructor(cls, object, None)`: an object without anything in it. */
const plainBase = ([base, state]: readonly PtValue[]): boolean =>
  state === null && base instanceof PyGlobal && base.path === 'builtins.object';

/** Sets an object's state: attributes of an OrderedDict, what the host knows of, and else only what the object holds. */
function build(m: Machine): void {
  const state = m.pop('a state');
  const target = m.top('an object');
  if (target instanceof OrderedDict) {
    setAttributes(m, target as OrderedDict<PickleItem>, state);
    return;
  }
  if (m.host.setState(target, state, m.makeError)) return;
  if (!(target instanceof PyObject)) throw m.error(`can only set the state of an object, not of ${describe(target)}`);
  if (target.state !== undefined) throw m.error(`the state of ${describe(target)} is set twice`);
  target.state = state as PtValue;
}

function setAttributes(m: Machine, target: OrderedDict<PickleItem>, state: PickleItem): void {
  if (!(state instanceof Map)) throw m.error(`attributes must be a dict, but are ${describe(state)}`);
  for (const [key, value] of state) {
    if (typeof key !== 'string') throw m.error(`an attribute name is ${describe(key)}; expected a string`);
    target.attributes.set(key, value);
  }
}
