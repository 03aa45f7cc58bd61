/**
 * Whole modules in a pickle, as `torch.save(model)` writes them: objects of classes that only exist in the program that saved them.
 * Nothing of that program is here, and nothing of it is wanted: what comes out is the state dict that the module would have given,
 * the parameters and persistent buffers of it and its children under their paths
 * (https://pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.state_dict). Its other attributes are dropped.
 */
import { ObjectItem, describe, quote } from './pickle-items.ts';
import type { MakeError, PickleItem, PickleLimits } from './pickle-items.ts';
import { OrderedDict, RawTensor } from './pt-value.ts';
import type { PtKey } from './pt-value.ts';

/** Longest path of a parameter, and characters of all paths together: shared children could multiply them without end. */
const MAX_PATH = 4096;
const MAX_PATHS = 16e6;

/** The state dict of a pickled module. */
export function moduleState(module: ObjectItem, limits: PickleLimits, error: MakeError): OrderedDict<PickleItem> {
  return new Collector(limits, error).collect(module);
}

class Collector {
  readonly #limits: PickleLimits;
  readonly #error: MakeError;
  readonly #state = new OrderedDict<PickleItem>();
  readonly #open = new Set<ObjectItem>();
  #characters = 0;
  #modules = 0;

  constructor(limits: PickleLimits, error: MakeError) {
    this.#limits = limits;
    this.#error = error;
  }

  collect(module: ObjectItem): OrderedDict<PickleItem> {
    this.#visit(module, '');
    return this.#state;
  }

  #visit(module: ObjectItem, prefix: string): void {
    const { containers, depth } = this.#limits;
    if (this.#open.has(module)) throw this.#error(`the module ${quote(module.className)} contains itself`);
    if (this.#open.size >= depth) throw this.#error(`more than ${depth} modules inside one another`);
    if (++this.#modules > containers) throw this.#error(`more than ${containers} modules`);
    this.#open.add(module);
    for (const [name, parameter] of this.#part(module, '_parameters')) this.#tensor(prefix, name, parameter);
    const transient = module.attributes?.get('_non_persistent_buffers_set');
    for (const [name, buffer] of this.#part(module, '_buffers')) {
      if (!(transient instanceof Set && transient.has(name))) this.#tensor(prefix, name, buffer);
    }
    for (const [name, child] of this.#part(module, '_modules')) {
      if (child === null) continue;
      if (!(child instanceof ObjectItem))
        throw this.#error(`the child ${quote(String(name))} of a module is ${describe(child)}`);
      this.#visit(child, `${this.#path(prefix, name)}.`);
    }
    this.#open.delete(module);
  }

  #part(module: ObjectItem, attribute: string): Map<PtKey, PickleItem> {
    const part = module.attributes?.get(attribute);
    if (part instanceof Map) return part;
    throw this.#error(
      `an object of class ${quote(module.className)}, which has no ${attribute} and so is no module; save tensors and plain values only, for example state_dict()`,
    );
  }

  #tensor(prefix: string, name: PtKey, tensor: PickleItem): void {
    if (tensor === null) return;
    const path = this.#path(prefix, name);
    if (!(tensor instanceof RawTensor))
      throw this.#error(`the parameter or buffer ${quote(path)} is ${describe(tensor)}`);
    if (this.#state.size >= this.#limits.containers)
      throw this.#error(`more than ${this.#limits.containers} tensors in a module`);
    // As in a state dict of PyTorch: the parameter's values, not the parameter.
    const { dtype, shape, strides, offset, storage } = tensor;
    this.#state.set(path, new RawTensor({ dtype, shape, strides, offset, storage }));
  }

  #path(prefix: string, name: PtKey): string {
    if (typeof name !== 'string')
      throw this.#error(`a part of a module has the name ${describe(name)}; expected a string`);
    const path = prefix + name;
    this.#characters += path.length;
    if (path.length > MAX_PATH || this.#characters > MAX_PATHS)
      throw this.#error('the names of parameters are too long');
    return path;
  }
}
