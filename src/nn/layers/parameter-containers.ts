/** Modules that hold modules or parameters by name: ModuleDict, ParameterList, ParameterDict. */
import { isRecord, ITERABLE, kind, listOf, requireKind, WHOLE } from '../../base/arguments.ts';
import { ArgumentError, IndexError } from '../../base/errors.ts';
import { requireTensor } from '../../tensor/arguments.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { addedNames, ModuleBase, type AnyModule } from '../module-base.ts';
import { Module } from '../module.ts';
import { Parameter } from '../parameter.ts';

/** Entries of a Map, of pairs, or of a plain object. */
type Entries<T> = Iterable<readonly [string, T]> | Readonly<Record<string, T>>;
const ENTRIES = kind('a Map, pairs or an object', (value) => ITERABLE.accepts(value) || isRecord(value));

function entriesOf<T>(op: string, entries: Entries<T>): [string, T][] {
  requireKind(op, 'the entries', entries, ENTRIES, `write new nn.${op}({ name: value })`);
  const list = Symbol.iterator in entries ? listOf(op, 'the entries', entries as Iterable<readonly [string, T]>) : Object.entries(entries);
  for (const entry of list as unknown[]) {
    if (!Array.isArray(entry) || entry.length !== 2) throw new ArgumentError(`${op}: expected pairs of a name and a value`);
  }
  return list as [string, T][];
}

const fieldsOf = <T>(module: ModuleBase): Record<string, T> => module as unknown as Record<string, T>;

/**
 * Modules by name, which their owner calls as it likes (https://pytorch.org/docs/stable/generated/torch.nn.ModuleDict.html).
 * @example
 * import { nn } from 'flambeau';
 * const choices = new nn.ModuleDict({ conv: new nn.Conv2d(3, 3, 1), pool: new nn.MaxPool2d(2) });
 * console.log(choices.has('conv'), [...choices.keys()].join()); // true conv,pool
 */
export class ModuleDict extends Module<(...args: never[]) => never> {
  constructor(modules: Entries<ModuleBase> = {}) {
    super();
    this.update(modules);
  }

  /** @throws ArgumentError always: call the modules in it */
  override forward(): never {
    throw new ArgumentError('ModuleDict: a dictionary has no forward; call the modules in it');
  }

  get size(): number {
    return [...this.children()].length;
  }
  /** The same, by the name that arrays have. */
  override get length(): number {
    return this.size;
  }

  /** @throws IndexError where there is no such module */
  get(name: string): AnyModule {
    if (!this.has(name)) throw new IndexError(`ModuleDict: no module '${name}'; there are ${[...this.keys()].join(', ')}`);
    return fieldsOf<AnyModule>(this)[name]!;
  }

  has(name: string): boolean {
    return addedNames(this).has(name);
  }

  /** Adds a module, or takes another in a name's place. */
  set(name: string, module: ModuleBase): this {
    this.addModule(name, module);
    return this;
  }

  /** Takes a module out. @throws IndexError where there is no such module */
  pop(name: string): AnyModule {
    const module = this.get(name);
    addedNames(this).delete(name);
    Reflect.deleteProperty(this, name);
    return module;
  }

  clear(): void {
    for (const name of [...this.keys()]) this.pop(name);
  }

  *keys(): Generator<string> {
    yield* addedNames(this);
  }

  *values(): Generator<AnyModule> {
    yield* this.children();
  }

  *items(): Generator<[string, AnyModule]> {
    yield* this.namedChildren();
  }

  update(modules: Entries<ModuleBase>): void {
    for (const [name, module] of entriesOf('ModuleDict', modules)) this.addModule(name, module);
  }

  *[Symbol.iterator](): Generator<string> {
    yield* this.keys();
  }
}

/** A parameter, made of a tensor where it is none. */
function parameterOf(op: string, value: Tensor): Parameter {
  requireTensor(op, 'every value', value);
  return value instanceof Parameter ? value : new Parameter(value);
}

/** Of one parameter, as both containers print it. */
function lines(entries: Iterable<readonly [string, Parameter]>, type: (x: Parameter) => string): string {
  const all = [...entries].map(([name, x]) => `    (${name}): Parameter containing: [${type(x)} of size ${x.layout.shape.join('x')}]`);
  return all.length === 0 ? '' : `\n${all.join('\n')}\n`;
}

/** Parameters in a row (https://pytorch.org/docs/stable/generated/torch.nn.ParameterList.html). Plain tensors become parameters. */
export class ParameterList extends Module<(...args: never[]) => never> {
  constructor(values: Iterable<Tensor> = []) {
    super();
    this.extend(values);
  }

  /** @throws ArgumentError always: use the parameters in it */
  override forward(): never {
    throw new ArgumentError('ParameterList: a list has no forward; use the parameters in it');
  }

  get size(): number {
    return this.parameters().length;
  }
  /** The same, by the name that arrays have. */
  override get length(): number {
    return this.size;
  }

  /** The field of a place. */
  private fieldAt(index: number): string {
    requireKind('ParameterList', 'index', index, WHOLE);
    const place = index < 0 ? index + this.size : index;
    if (place < 0 || place >= this.size) throw new IndexError(`ParameterList: no parameter ${index}; it has ${this.size}`);
    return String(place);
  }

  /** The parameter at a place; negative counts from the end. */
  at(index: number): Parameter {
    return fieldsOf<Parameter>(this)[this.fieldAt(index)]!;
  }

  set(index: number, value: Tensor): this {
    fieldsOf<Parameter>(this)[this.fieldAt(index)] = parameterOf('ParameterList', value);
    return this;
  }

  append(value: Tensor): this {
    this.registerParameter(String(this.size), parameterOf('ParameterList', value));
    return this;
  }

  extend(values: Iterable<Tensor>): this {
    requireKind('ParameterList', 'values', values, ITERABLE, 'write new nn.ParameterList([a, b])');
    for (const value of values) this.append(value);
    return this;
  }

  *[Symbol.iterator](): Generator<Parameter> {
    yield* this.parameters();
  }

  override toString(): string {
    return `ParameterList(${lines(this.namedParameters(), (x) => `torch.${x.dtype}`)})`;
  }
}

const TYPES: Readonly<Record<string, string>> = { float32: 'torch.FloatTensor', float64: 'torch.DoubleTensor', int64: 'torch.LongTensor' };

/** Parameters by name (https://pytorch.org/docs/stable/generated/torch.nn.ParameterDict.html). Plain tensors become parameters. */
export class ParameterDict extends Module<(...args: never[]) => never> {
  constructor(parameters: Entries<Tensor> = {}) {
    super();
    this.update(parameters);
  }

  /** @throws ArgumentError always: use the parameters in it */
  override forward(): never {
    throw new ArgumentError('ParameterDict: a dictionary has no forward; use the parameters in it');
  }

  get size(): number {
    return [...this.keys()].length;
  }
  /** The same, by the name that arrays have. */
  override get length(): number {
    return this.size;
  }

  /** @throws IndexError where there is no such parameter */
  get(name: string): Parameter {
    if (!this.has(name)) throw new IndexError(`ParameterDict: no parameter '${name}'; there are ${[...this.keys()].join(', ')}`);
    return fieldsOf<Parameter>(this)[name]!;
  }

  has(name: string): boolean {
    return Object.hasOwn(this, name) && fieldsOf<unknown>(this)[name] instanceof Parameter;
  }

  set(name: string, value: Tensor): this {
    const parameter = parameterOf('ParameterDict', value);
    if (this.has(name)) fieldsOf<Parameter>(this)[name] = parameter;
    else this.registerParameter(name, parameter);
    return this;
  }

  /** Takes a parameter out. @throws IndexError where there is no such parameter */
  pop(name: string): Parameter {
    const parameter = this.get(name);
    Reflect.deleteProperty(this, name);
    return parameter;
  }

  clear(): void {
    for (const name of [...this.keys()]) this.pop(name);
  }

  *keys(): Generator<string> {
    for (const [name] of this.items()) yield name;
  }

  *values(): Generator<Parameter> {
    for (const [, parameter] of this.items()) yield parameter;
  }

  *items(): Generator<[string, Parameter]> {
    for (const [name, value] of Object.entries(this)) if (value instanceof Parameter) yield [name, value];
  }

  update(parameters: Entries<Tensor>): void {
    for (const [name, value] of entriesOf('ParameterDict', parameters)) this.set(name, value);
  }

  *[Symbol.iterator](): Generator<string> {
    yield* this.keys();
  }

  override toString(): string {
    return `ParameterDict(${lines(this.items(), (x) => TYPES[x.dtype] ?? `torch.${x.dtype}`)})`;
  }
}
