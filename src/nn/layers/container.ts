/** Modules made of modules. */
import { isRecord, ITERABLE, kind, listOf, refuseMore, requireKind, WHOLE } from '../../base/arguments.ts';
import { ArgumentError, IndexError } from '../../base/errors.ts';
import type { Dynamic, Shape } from '../../tensor/shapes/dims.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { addedNames, isPosition, ModuleBase, type AnyModule } from '../module-base.ts';
import { notAModule } from '../module-fields.ts';
import { INTERNALS } from '../module-internals.ts';
import { Module } from '../module.ts';
import type { CheckLayers, ModelFn, RunLayers, SequentialFn, ShapeFn } from '../shape-types.ts';
import { Layer, type AnyLayer } from './layer.ts';
import type { Input } from './linear.ts';

/** A layer, or its name and the layer. */
type Entry = ModuleBase | readonly [name: string, layer: ModuleBase];

/** What Sequential makes of shapes. An empty one will be filled by `addModule`, so nothing is known of it. */
interface LayersFn<Layers> extends ShapeFn {
  readonly out: Layers extends readonly [] ? Dynamic : RunLayers<Layers, this['in']>;
}

/** Entries without the last `Count` ones, of which `Taken` are taken already; never where there are not so many. */
type FromEnd<
  Layers extends readonly unknown[],
  Place extends number,
  Taken extends readonly unknown[] = [unknown],
> = Layers extends readonly [...infer Rest, infer Last]
  ? Taken['length'] extends Place
    ? Last
    : FromEnd<Rest, Place, [...Taken, unknown]>
  : never;
/** The entry at a place, from the end where negative; any where the place or the layers are not known. */
type EntryAt<Layers extends readonly unknown[], Place extends number> = number extends Place | Layers['length']
  ? AnyLayer
  : `${Place}` extends `-${infer Back extends number}`
    ? FromEnd<Layers, Back>
    : `${Place}` extends keyof Layers
      ? Layers[Place]
      : never;
/** The layer at a place of a {@link Sequential}; an empty one will be filled by `addModule`. */
type LayerAt<Layers extends readonly unknown[], Place extends number> = Layers extends readonly []
  ? AnyLayer
  : EntryAt<Layers, Place> extends infer Found
    ? [Found] extends [never]
      ? AnyLayer
      : Found extends readonly [string, infer Layer]
        ? Layer
        : Found
    : never;

function addEntry(owner: ModuleBase, entry: Entry, position: number): void {
  requireKind('Sequential', `entry ${position}`, entry, ENTRY, 'pass layers one by one: new nn.Sequential(a, b)');
  const [name, layer] = entry instanceof ModuleBase ? [String(position), entry] : entry;
  owner.addModule(name, layer);
}

const ENTRY = kind(
  "a layer, or a pair ['name', layer]",
  (value) => value instanceof ModuleBase || (Array.isArray(value) && value.length === 2 && value[1] instanceof ModuleBase),
);

function requireBounds(op: string, ...bounds: readonly unknown[]): void {
  for (const bound of bounds) if (bound !== undefined) requireKind(op, 'start and end', bound, WHOLE, 'write slice(1, 3)');
}

/** Places of lists that can be read and assigned whatever the layers' names are: from -64 to 63. */
const PLACES = 64;

/**
 * Brings a list in order after assignments: what was deleted is gone and the others are numbered anew, as in PyTorch.
 * @throws IndexError where a place was assigned that the list does not have, ArgumentError where something else than a module was
 */
function settle(list: ModuleBase): void {
  const names = addedNames(list);
  const fields = list as unknown as Readonly<Record<string, unknown>>;
  let present = 0;
  for (const name of Object.keys(list)) {
    if (!names.has(name)) {
      if (isPosition(name)) throw noPlace(list, name);
    } else if (!(fields[name] instanceof ModuleBase)) throw notAModule(list, name, fields[name]);
    else present++;
  }
  if (present < names.size) renumber(list, names);
}

function renumber(list: ModuleBase, names: Set<string>): void {
  const fields = list as unknown as Readonly<Record<string, ModuleBase>>;
  const left = [...names].filter((name) => Object.hasOwn(list, name)).map((name) => ({ name, module: fields[name]! }));
  for (const { name } of left) Reflect.deleteProperty(list, name);
  names.clear();
  left.forEach(({ module }, i) => list.addModule(String(i), module));
}

function noPlace(list: ModuleBase, name: string): IndexError {
  const { size } = addedNames(list);
  return new IndexError(
    `${list.typeName()}: ${name} is not one of its ${size} places; assign to one that is there, or add a module with append()`,
  );
}

/** Puts other modules in a list's place, numbered from 0. */
function refill(list: ModuleBase, modules: readonly ModuleBase[]): void {
  const names = addedNames(list);
  for (const name of names) Reflect.deleteProperty(list, name);
  names.clear();
  modules.forEach((module, i) => list.addModule(String(i), module));
}

function insertAt(list: ModuleBase, index: number, module: ModuleBase): void {
  requireKind(`${list.typeName()}.insert`, 'index', index, WHOLE);
  requireKind(`${list.typeName()}.insert`, 'the module', module, MODULE);
  const modules: ModuleBase[] = [...list.children()];
  if (Math.abs(index) > modules.length) throw noPlace(list, String(index));
  modules.splice(index, 0, module);
  refill(list, modules);
}

function popAt(list: ModuleBase, index: number): ModuleBase {
  requireKind(`${list.typeName()}.pop`, 'index', index, WHOLE);
  const modules = [...list.children()];
  if (modules.at(index) === undefined) throw noPlace(list, String(index));
  const [taken] = modules.splice(index, 1);
  refill(list, modules);
  return taken!;
}

function extendBy(list: ModuleBase, modules: Iterable<ModuleBase>): void {
  requireKind(`${list.typeName()}.extend`, 'the modules', modules, ITERABLE, 'write extend([a, b])');
  const { size } = addedNames(list);
  listOf(`${list.typeName()}.extend`, 'the modules', modules).forEach((module, i) => list.addModule(String(size + i), module));
}

const MODULE = kind('a module, such as new nn.ReLU()', (value) => value instanceof ModuleBase);

/** Reads and writes by place where no module is named so: from the end, and in lists with names. */
function definePlaces(prototype: ModuleBase): void {
  for (let place = -PLACES; place < PLACES; place++) {
    Object.defineProperty(prototype, String(place), {
      configurable: true,
      get(this: ModuleBase): ModuleBase | undefined {
        return [...this.children()].at(place);
      },
      set(this: ModuleBase, module: ModuleBase) {
        settle(this);
        const name = [...addedNames(this)].at(place);
        if (name === undefined) throw noPlace(this, String(place));
        (this as unknown as Record<string, ModuleBase>)[name] = module;
      },
    });
  }
}

/**
 * Layers one after the other (https://pytorch.org/docs/stable/generated/torch.nn.Sequential.html). They are named by their
 * position, or by name: as pairs `['conv', layer]`, in an object `{ conv: layer }` or a Map, or with `addModule`. The types check that each layer takes
 * what the one before it gives, from the first one that fixes channels or features, or from {@link Input}.
 *
 * `model[i]` is the layer at a place, from the end where negative, and can be assigned; `delete model[i]` takes it out and numbers the
 * others anew.
 * @example
 * import { nn } from 'flambeau';
 * const model = new nn.Sequential();
 * model.addModule('Conv1', new nn.Conv2d(3, 16, 3, { stride: 1, padding: 1 }));
 * console.log(model);
 */
export class Sequential<const out Layers extends readonly Entry[] = readonly Entry[]> extends Layer<LayersFn<Layers>> {
  /** The layer at a place. */
  [place: number]: AnyLayer;

  constructor(layers: ReadonlyMap<string, ModuleBase> | Readonly<Record<string, ModuleBase>>);
  constructor(...layers: CheckLayers<Layers>);
  constructor(...layers: readonly unknown[]) {
    super();
    this[INTERNALS].settle = settle;
    const [first] = layers;
    const named =
      first instanceof Map
        ? (first as Map<string, ModuleBase>)
        : isRecord(first)
          ? Object.entries(first as Record<string, ModuleBase>)
          : undefined;
    if (named !== undefined) refuseMore('Sequential', layers.slice(1), 'one Map or object of layers');
    if (named !== undefined) for (const [name, layer] of named) this.addModule(name, layer);
    else (layers as readonly Entry[]).forEach((entry, i) => addEntry(this, entry, i));
  }

  protected override run(x: Tensor): Tensor {
    let value = x;
    for (const layer of this.children()) value = (layer as AnyLayer)(value);
    return value;
  }

  /** Number of layers. */
  get size(): number {
    return [...this.children()].length;
  }
  /** The same, by the name that arrays have. */
  override get length(): number {
    return this.size;
  }

  /** The layer at a position; negative counts from the end. Its type is that of the layer which the constructor was given there. */
  at<const I extends number>(index: I): LayerAt<Layers, I>;
  at(index: number): ModuleBase {
    requireKind('Sequential.at', 'index', index, WHOLE);
    const layer = [...this.children()].at(index);
    if (layer === undefined) throw new ArgumentError(`Sequential: no layer ${index}; it has ${this.size}`);
    return layer;
  }

  /** The layers from one place to another as a Sequential of their own; they are the same layers, and keep their names. */
  slice(start?: number, end?: number): Sequential {
    requireBounds('Sequential.slice', start, end);
    return new Sequential(new Map([...this.namedChildren()].slice(start, end)));
  }

  /** Adds a layer at the end. */
  append(layer: ModuleBase): this {
    this.addModule(String(this.size), layer);
    return this;
  }

  /** Puts a layer in before a place; the others are numbered anew. @throws IndexError for a place that is not there */
  insert(index: number, layer: ModuleBase): this {
    insertAt(this, index, layer);
    return this;
  }

  /** Adds layers at the end, such as those of another Sequential. */
  extend(layers: Iterable<ModuleBase>): this {
    extendBy(this, layers);
    return this;
  }

  /** Takes a layer out, the last where no place is given. @throws IndexError for a place that is not there */
  pop(index = -1): AnyLayer {
    return popAt(this, index) as AnyLayer;
  }

  *[Symbol.iterator](): Generator<AnyLayer> {
    for (const layer of this.children()) yield layer as AnyLayer;
  }
}

definePlaces(Sequential.prototype);

/** A list of modules that their owner calls as it likes; `list[i]` is the one at a place, as in {@link Sequential}. */
export class ModuleList extends Module<(...args: never[]) => never> {
  /** The module at a place. */
  [place: number]: AnyModule;

  constructor(modules: Iterable<ModuleBase> = []) {
    super();
    this[INTERNALS].settle = settle;
    this[INTERNALS].folds = true;
    requireKind('ModuleList', 'modules', modules, ITERABLE, 'write new nn.ModuleList([a, b])');
    for (const module of listOf('ModuleList', 'modules', modules)) this.append(module);
  }

  get size(): number {
    return [...this.children()].length;
  }
  /** The same, by the name that arrays have. */
  override get length(): number {
    return this.size;
  }

  at(index: number): AnyModule | undefined {
    requireKind('ModuleList.at', 'index', index, WHOLE);
    return [...this.children()].at(index);
  }

  append(module: ModuleBase): this {
    this.addModule(String(this.size), module);
    return this;
  }

  /** The modules from one place to another as a list of their own; they are the same modules. */
  slice(start?: number, end?: number): ModuleList {
    requireBounds('ModuleList.slice', start, end);
    return new ModuleList([...this.children()].slice(start, end));
  }

  /** Puts a module in before a place; the others are numbered anew. @throws IndexError for a place that is not there */
  insert(index: number, module: ModuleBase): this {
    insertAt(this, index, module);
    return this;
  }

  /** Adds modules at the end. */
  extend(modules: Iterable<ModuleBase>): this {
    extendBy(this, modules);
    return this;
  }

  /** Takes a module out, the last where no place is given. @throws IndexError for a place that is not there */
  pop(index = -1): AnyModule {
    return popAt(this, index) as AnyModule;
  }

  /** @throws ArgumentError always: call the modules in it */
  override forward(): never {
    throw new ArgumentError('ModuleList: a list has no forward; call the modules in it');
  }

  *[Symbol.iterator](): Generator<AnyModule> {
    yield* this.children();
  }
}

definePlaces(ModuleList.prototype);

/** A model known by a sample of its input and of its output, without the batch: `Sealed<[3, 32, 32], [10]>`. */
export interface Sealed<In extends Shape, Out extends Shape> extends Layer<ModelFn<In, Out>> {
  readonly size: number;
  at(index: number): AnyLayer;
}

/** The sample that a list of layers begins with. */
type SampleOf<Layers> = Layers extends readonly [Input<infer Sample> | readonly [string, Input<infer Sample>], ...unknown[]]
  ? Sample
  : never;

/** The sealed form of a Sequential, or what is in the way. */
type SealedFrom<Layers extends readonly Entry[]> = number extends Layers['length']
  ? Sequential<Layers>
  : [SampleOf<Layers>] extends [never]
    ? 'seal: the first layer should be an Input'
    : RunLayers<Layers, readonly [number, ...SampleOf<Layers>]> extends readonly [number, ...infer Out]
      ? Sealed<SampleOf<Layers>, Out>
      : Layer<SequentialFn<Layers>>;

/**
 * The same model under a short type: `Sealed<[3, 32, 32], [10]>` where a Sequential's type lists all its layers. What uses the model is checked
 * against that, faster, and editors show less. The Sequential has to begin with {@link Input}.
 * @example
 * import { nn, randn } from 'flambeau';
 * const model = nn.seal(new nn.Sequential(new nn.Input(3, 8, 8), new nn.Flatten(), new nn.Linear(192, 10)));
 * if (model(randn(2, 3, 8, 8)).shape.join() !== '2,10') throw new Error('two rows of ten logits');
 */
export function seal<const Layers extends readonly Entry[]>(
  model: Sequential<Layers> & (SealedFrom<Layers> extends string ? SealedFrom<Layers> : unknown),
): SealedFrom<Layers> {
  requireKind(
    'seal',
    'the model',
    model,
    kind('a Sequential', (value) => value instanceof Sequential),
  );
  return model as unknown as SealedFrom<Layers>;
}
