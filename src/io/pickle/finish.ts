/**
 * The last step of reading a pickle: one walk over the value that the machine left. It puts values in the places of what was only an operand,
 * turns whole floats into plain numbers, and modules into their state dicts (pickle/module.ts). It makes sure that nothing is nested too deep
 * and that the value would not explode if its shared parts were written out ("billion laughs": ten lists of ten references to the one
 * before are ten billion items in a hundred bytes). A value may contain itself, as in Python.
 *
 * The walk keeps its own stack, so that no depth of nesting ends in an overflow of the engine's.
 */
import { FormatError } from '../../base/errors.ts';
import { HostItem, quote } from './items.ts';
import type { PickleItem, PickleLimits } from './items.ts';
import { isModule, moduleState } from './module.ts';
import { keyText } from '../pt/py-text.ts';
import { OrderedDict, PyFloat, PyGlobal, PyObject, PyTuple, RawTensor } from '../pt/value.ts';
import type { PtKey, PtValue } from '../pt/value.ts';

interface FinishOptions {
  readonly where: string;
  readonly limits: PickleLimits;
  readonly keepFloats: boolean;
  readonly onModule: ((className: string, place: string) => void) | undefined;
  /** The value that takes an object's place. */
  readonly resolve: (object: PyObject) => PtValue;
}

/** Size of a value: how many values it holds when shared parts are counted each time, and how deep it goes. */
interface Measure {
  readonly expanded: number;
  readonly height: number;
}

type Container = PyTuple | PtValue[] | Map<PtKey, PtValue> | Set<PtKey> | PyObject;

/**
 * @returns the same value, changed in place.
 * @throws FormatError naming the place inside the value.
 */
export function finishValue(root: PickleItem, options: FinishOptions): PtValue {
  return new Walk(options).run(root);
}

/** A part of a container: where it stands, and how another value is put there. */
interface Slot {
  readonly key: PtKey | Part;
  readonly value: PickleItem;
  readonly put: (value: PtValue) => void;
}

/** A part of an object that is no item, such as `.state`. */
class Part {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}
const PARTS = {
  args: new Part('.args'),
  kwargs: new Part('.kwargs'),
  state: new Part('.state'),
  listItems: new Part(''),
  dictItems: new Part(''),
  attributes: new Part('.__dict__'),
  keys: new Part('[key]'),
};

/** A container that is being walked. */
interface Frame {
  readonly item: Container;
  readonly slots: Iterator<Slot, undefined>;
  at: PtKey | Part;
  expanded: number;
  height: number;
}

class Walk {
  readonly #options: FinishOptions;
  /** Containers seen; undefined while they are being walked. */
  readonly #seen = new Map<object, Measure | undefined>();
  readonly #states = new Map<PyObject, PtValue>();
  readonly #stack: Frame[] = [];

  constructor(options: FinishOptions) {
    this.#options = options;
  }

  run(root: PickleItem): PtValue {
    const value = this.#settle(root);
    this.#enter(value);
    while (this.#stack.length > 0) {
      const frame = this.#stack.at(-1)!;
      const step = frame.slots.next();
      if (step.done === true) this.#leave(frame);
      else this.#visit(frame, step.value);
    }
    return value;
  }

  #visit(frame: Frame, { key, value, put }: Slot): void {
    frame.at = key;
    const settled = this.#settle(value);
    if (settled !== value) put(settled);
    if (!isContainer(settled)) {
      this.#add(frame, 1, 0);
      return;
    }
    const measure = this.#seen.get(settled);
    // What contains itself counts once.
    if (measure !== undefined) this.#add(frame, measure.expanded, measure.height);
    else if (this.#seen.has(settled)) this.#add(frame, 1, 0);
    else this.#enter(settled);
  }

  #enter(value: PtValue): void {
    if (!isContainer(value)) return;
    if (this.#stack.length >= this.#options.limits.depth) throw this.#tooDeep();
    this.#seen.set(value, undefined);
    this.#stack.push({ item: value, slots: slotsOf(value), at: PARTS.keys, expanded: 1, height: 1 });
  }

  #leave(frame: Frame): void {
    this.#stack.pop();
    const { item, expanded, height } = frame;
    this.#seen.set(item, { expanded, height });
    const around = this.#stack.at(-1);
    if (around !== undefined) this.#add(around, expanded, height);
  }

  #add(frame: Frame, expanded: number, height: number): void {
    frame.expanded += expanded;
    frame.height = Math.max(frame.height, height + 1);
    const { limits } = this.#options;
    if (this.#stack.length + height > limits.depth) throw this.#tooDeep();
    if (frame.expanded > limits.expanded) {
      throw this.#error(
        `more than ${limits.expanded} values when shared ones are counted each time, as in a file made to exhaust memory; if it is trusted, raise the option limits.expanded`,
      );
    }
  }

  /** What shall stand in the result for an item. */
  #settle(item: PickleItem): PtValue {
    if (item instanceof HostItem) return item.value();
    if (item instanceof PyFloat) return this.#options.keepFloats ? item : item.value;
    if (!(item instanceof PyObject)) return item;
    const value = this.#options.resolve(item);
    return value instanceof PyObject && isModule(value) ? this.#state(value) : value;
  }

  #state(module: PyObject): PtValue {
    let state = this.#states.get(module);
    if (state === undefined) {
      const { limits, resolve, onModule } = this.#options;
      state = moduleState(module, { limits, resolve, error: (problem) => this.#error(problem) });
      this.#states.set(module, state);
      onModule?.(module.type.path, this.#place());
    }
    return state;
  }

  #tooDeep(): FormatError {
    return this.#error(
      `more than ${this.#options.limits.depth} containers inside one another; if the file is trusted, raise the option limits.depth`,
    );
  }

  #error(problem: string): FormatError {
    return new FormatError(`pickle ${this.#options.where}, value${this.#place()}: ${problem}`);
  }

  #place(): string {
    return this.#stack
      .slice(0, 30)
      .map(({ at }) => (at instanceof Part ? at.name : `[${typeof at === 'string' ? quote(at) : keyText(at)}]`))
      .join('')
      .slice(0, 300);
  }
}

function isContainer(item: PtValue): item is Container {
  if (typeof item !== 'object' || item === null) return false;
  return !(item instanceof RawTensor || item instanceof PyFloat || item instanceof PyGlobal || item instanceof Uint8Array);
}

function slotsOf(item: Container): Iterator<Slot, undefined> {
  if (item instanceof Map) return mapSlots(item);
  if (item instanceof Set) return setSlots(item);
  if (item instanceof PyObject) return objectSlots(item);
  // A tuple is read-only to its users, but this one was made by the machine and nobody has it yet.
  return listSlots(item instanceof PyTuple ? (item.items as PtValue[]) : item);
}

function* listSlots(items: PtValue[]): Generator<Slot, undefined> {
  for (let i = 0; i < items.length; i++) yield { key: i, value: items[i]!, put: (value) => (items[i] = value) };
}

function* mapSlots(map: Map<PtKey, PtValue>): Generator<Slot, undefined> {
  yield* keySlots(map.keys(), (others) => {
    const entries = [...map].map(([key, value]) => [others.get(key) ?? key, value] as const);
    map.clear();
    for (const [key, value] of entries) map.set(key, value);
  });
  for (const [key, value] of map) yield { key, value, put: (settled) => map.set(key, settled) };
  if (map instanceof OrderedDict && map.hasAttributes) {
    yield { key: PARTS.attributes, value: map.attributes as Map<PtKey, PtValue>, put: () => undefined };
  }
}

function* setSlots(set: Set<PtKey>): Generator<Slot, undefined> {
  yield* keySlots(set.values(), (others) => {
    const items = [...set].map((item) => others.get(item) ?? item);
    set.clear();
    for (const item of items) set.add(item);
  });
}

/** Keys that are no plain ones; `replace` is told of those for which others are to stand. */
function* keySlots(keys: Iterable<PtKey>, replace: (others: ReadonlyMap<PtKey, PtKey>) => void): Generator<Slot, undefined> {
  const others = new Map<PtKey, PtKey>();
  for (const key of keys) {
    if (typeof key !== 'object' || key === null) continue;
    yield { key: PARTS.keys, value: key, put: (value) => others.set(key, value as PtKey) };
  }
  if (others.size > 0) replace(others);
}

function* objectSlots(object: PyObject): Generator<Slot, undefined> {
  yield { key: PARTS.args, value: object.args, put: () => undefined };
  if (object.kwargs.size > 0) yield { key: PARTS.kwargs, value: object.kwargs, put: () => undefined };
  const { state, listItems, dictItems } = object;
  if (state !== undefined) yield { key: PARTS.state, value: state, put: (value) => (object.state = value) };
  if (listItems !== undefined) yield { key: PARTS.listItems, value: listItems, put: () => undefined };
  if (dictItems !== undefined) yield { key: PARTS.dictItems, value: dictItems, put: () => undefined };
}
