/**
 * The last step of reading a pickle: one walk over the value that the machine left. It makes sure that the result consists of
 * values only, contains nothing of itself, is not nested too deep, and would not explode if its shared parts were written out
 * ("billion laughs": ten lists of ten references to the one before are ten billion items in a hundred bytes). It also turns whole
 * floats into plain numbers, and modules into their state dicts (pickle-module.ts).
 */
import { FormatError } from '../base/errors.ts';
import { GlobalRef, HostItem, ObjectItem, describe, quote } from './pickle-items.ts';
import type { PickleItem, PickleLimits } from './pickle-items.ts';
import { moduleState } from './pickle-module.ts';
import { OrderedDict, PyFloat, PyTuple, RawTensor } from './pt-value.ts';
import type { PtKey, PtValue } from './pt-value.ts';

interface FinishOptions {
  readonly where: string;
  readonly limits: PickleLimits;
  readonly keepFloats: boolean;
  readonly onModule: ((className: string, place: string) => void) | undefined;
}

/** Size of a value: how many values it holds when shared parts are counted each time, and how deep it goes. */
interface Measure {
  readonly expanded: number;
  readonly height: number;
}

const LEAF: Measure = { expanded: 1, height: 0 };
const NOTHING: Measure = { expanded: 0, height: 0 };
/** The walk recurses: whatever limit is asked for, it stays well within every engine's stack. */
const RECURSION_LIMIT = 1000;

/**
 * @returns the same value, changed in place where whole floats become numbers.
 * @throws FormatError naming the place inside the value.
 */
export function finishValue(root: PickleItem, options: FinishOptions): PtValue {
  const walk = new Walk(options);
  const value = walk.settle(root);
  walk.measure(value, 0);
  // The walk has seen that no operand-only item is left.
  return value as PtValue;
}

type Container = PyTuple<PickleItem> | PickleItem[] | Map<PtKey, PickleItem>;

class Walk {
  readonly #options: FinishOptions;
  readonly #maxDepth: number;
  /** Containers seen; undefined while they are being walked, which is how a cycle shows. */
  readonly #seen = new Map<object, Measure | undefined>();
  readonly #path: PtKey[] = [];

  constructor(options: FinishOptions) {
    this.#options = options;
    this.#maxDepth = Math.min(options.limits.depth, RECURSION_LIMIT);
  }

  /** What shall stand in the result for an item. */
  settle(item: PickleItem): PickleItem {
    if (item instanceof ObjectItem) return this.#state(item);
    return item instanceof PyFloat && !this.#options.keepFloats ? item.value : item;
  }

  #state(module: ObjectItem): PickleItem {
    if (module.resolved === undefined) {
      module.resolved = moduleState(module, this.#options.limits, (problem) => this.#error(problem));
      this.#options.onModule?.(module.className, this.#place());
    }
    return module.resolved;
  }

  measure(item: PickleItem, depth: number): Measure {
    if (item === null || typeof item !== 'object' || item instanceof RawTensor || item instanceof PyFloat) return LEAF;
    if (item instanceof GlobalRef || item instanceof HostItem) {
      throw this.#error(`the value is ${describe(item)}, which can only be part of a tensor; remove it before saving`);
    }
    if (item instanceof Set) return { expanded: 1 + item.size, height: 1 };
    const measure = this.#seen.get(item) ?? this.#walk(item, depth);
    const { expanded } = this.#options.limits;
    if (depth + measure.height > this.#maxDepth) throw this.#tooDeep();
    if (measure.expanded > expanded) {
      throw this.#error(
        `more than ${expanded} values when shared ones are counted each time, as in a file made to exhaust memory`,
      );
    }
    return measure;
  }

  #walk(item: Container, depth: number): Measure {
    if (this.#seen.has(item)) throw this.#error('the value contains itself');
    if (depth >= this.#maxDepth) throw this.#tooDeep();
    this.#seen.set(item, undefined);
    const children: Measure[] = [];
    if (item instanceof Map) {
      children.push(this.#walkMap(item, depth));
      if (item instanceof OrderedDict && item.hasAttributes) {
        children.push(this.#walkMap(item.attributes as Map<PtKey, PickleItem>, depth));
      }
    } else {
      // A tuple is read-only to its users, but this one was made by the machine and nobody has it yet.
      children.push(this.#walkArray(item instanceof PyTuple ? (item.items as PickleItem[]) : item, depth));
    }
    const measure = children.reduce(combine, LEAF);
    this.#seen.set(item, measure);
    return measure;
  }

  #walkMap(map: Map<PtKey, PickleItem>, depth: number): Measure {
    let total = NOTHING;
    for (const [key, value] of map) {
      this.#path.push(key);
      const settled = this.settle(value);
      if (settled !== value) map.set(key, settled);
      total = combine(total, this.measure(settled, depth + 1));
      this.#path.pop();
    }
    return { expanded: total.expanded, height: total.height + 1 };
  }

  #walkArray(items: PickleItem[], depth: number): Measure {
    let total = NOTHING;
    for (let i = 0; i < items.length; i++) {
      this.#path.push(i);
      const settled = this.settle(items[i]!);
      if (settled !== items[i]) items[i] = settled;
      total = combine(total, this.measure(settled, depth + 1));
      this.#path.pop();
    }
    return { expanded: total.expanded, height: total.height + 1 };
  }

  #tooDeep(): FormatError {
    return this.#error(`more than ${this.#maxDepth} containers inside one another`);
  }

  #error(problem: string): FormatError {
    return new FormatError(`pickle ${this.#options.where}, value${this.#place()}: ${problem}`);
  }

  #place(): string {
    return this.#path
      .map((key) => `[${typeof key === 'string' ? quote(key) : String(key)}]`)
      .join('')
      .slice(0, 300);
  }
}

function combine(a: Measure, b: Measure): Measure {
  return { expanded: a.expanded + b.expanded, height: Math.max(a.height, b.height) };
}
