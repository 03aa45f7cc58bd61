/**
 * Whole modules in a pickle, as `torch.save(model)` writes them: objects of classes that only exist in the program that saved them.
 * Nothing of that program is here, and nothing of it is wanted: what comes out is the state dict that the module would have given,
 * the parameters and persistent buffers of it and its children under their paths
 * (https://pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.state_dict). Its other attributes are dropped.
 */
import { describe, quote } from './items.ts';
import type { MakeError, PickleLimits } from './items.ts';
import { OrderedDict, PyObject, PyTuple, RawTensor } from '../pt/value.ts';
import type { PtKey, PtValue } from '../pt/value.ts';

/** Longest path of a parameter, and characters of all paths together: shared children could multiply them without end. */
const MAX_PATH = 4096;
const MAX_PATHS = 16e6;

/** Modules are walked by recursion; real ones are some ten deep. */
const MAX_DEPTH = 500;

interface Context {
  readonly limits: PickleLimits;
  readonly error: MakeError;
  /** The value that takes an object's place. */
  readonly resolve: (object: PyObject) => PtValue;
}

/** Whether an object is a module: it has what every module of PyTorch keeps its parts in. */
export function isModule(object: PyObject): boolean {
  const attributes = attributesOf(object);
  return ['_parameters', '_buffers', '_modules'].every((part) => attributes?.get(part) instanceof Map);
}

/** An object's attributes: its state, or that beside slots; a module of torch.fx gives them to the function that makes it. */
function attributesOf({ type, args, state }: PyObject): Map<PtKey, PtValue> | undefined {
  const [first] = state instanceof PyTuple ? state.items : [state];
  if (first instanceof Map) return first;
  const [given] = /^torch\.fx\.graph_module\.reduce_\w*graph_module$/.test(type.path) ? args.items : [];
  return given instanceof Map ? given : undefined;
}

/** The state dict of a pickled module. */
export const moduleState = (module: PyObject, context: Context): OrderedDict => new Collector(context).collect(module);

class Collector {
  readonly #context: Context;
  readonly #state = new OrderedDict();
  readonly #open = new Set<PyObject>();
  #characters = 0;
  #modules = 0;

  constructor(context: Context) {
    this.#context = context;
  }

  collect(module: PyObject): OrderedDict {
    this.#visit(module, '');
    return this.#state;
  }

  #visit(module: PyObject, prefix: string): void {
    const { error, limits } = this.#context;
    if (this.#open.has(module)) throw error(`the module ${quote(module.type.path)} contains itself`);
    if (this.#open.size >= MAX_DEPTH) throw error(`more than ${MAX_DEPTH} modules inside one another`);
    if (++this.#modules > limits.containers) throw error(`more than ${limits.containers} modules`);
    this.#open.add(module);
    const attributes = attributesOf(module)!;
    const part = (name: string): Map<PtKey, PtValue> => attributes.get(name) as Map<PtKey, PtValue>;
    for (const [name, parameter] of part('_parameters')) this.#add(prefix, name, parameter);
    const transient = attributes.get('_non_persistent_buffers_set');
    for (const [name, buffer] of part('_buffers')) {
      if (!(transient instanceof Set && transient.has(name))) this.#add(prefix, name, buffer);
    }
    for (const [name, child] of part('_modules')) {
      if (child instanceof PyObject && isModule(child)) this.#visit(child, `${this.#path(prefix, name)}.`);
      else this.#add(prefix, name, child);
    }
    this.#open.delete(module);
  }

  /** Adds a tensor; what takes the place of one and is none stands there as it is, so that nothing is left out unseen. */
  #add(prefix: string, name: PtKey, value: PtValue): void {
    const { error, limits, resolve } = this.#context;
    const settled = value instanceof PyObject ? resolve(value) : value;
    if (settled === null) return;
    const path = this.#path(prefix, name);
    if (this.#state.size >= limits.containers) throw error(`more than ${limits.containers} tensors in a module`);
    if (!(settled instanceof RawTensor)) this.#state.set(path, settled);
    else {
      // As in a state dict of PyTorch: the parameter's values, not the parameter.
      const { dtype, shape, strides, offset, storage } = settled;
      this.#state.set(path, new RawTensor({ dtype, shape, strides, offset, storage }));
    }
  }

  #path(prefix: string, name: PtKey): string {
    const { error } = this.#context;
    if (typeof name !== 'string') throw error(`a part of a module has the name ${describe(name)}; expected a string`);
    const path = prefix + name;
    this.#characters += path.length;
    if (path.length > MAX_PATH || this.#characters > MAX_PATHS) throw error('the names of parameters are too long');
    return path;
  }
}
