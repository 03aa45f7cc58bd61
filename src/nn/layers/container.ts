/** Modules made of modules. */
import { ArgumentError } from '../../base/errors.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { ModuleBase } from '../module-base.ts';
import { Module } from '../module.ts';

/** Anything that maps one tensor to another when called. */
export type Layer = ModuleBase & ((input: Tensor) => Tensor);

/**
 * Layers one after the other (https://pytorch.org/docs/stable/generated/torch.nn.Sequential.html). They are named by their
 * position, or by name with `addModule` or a Map.
 * @example
 * import { nn } from 'flambeau';
 * const model = new nn.Sequential();
 * model.addModule('Conv1', new nn.Conv2d(3, 16, 3, { stride: 1, padding: 1 }));
 * console.log(model);
 */
export class Sequential extends Module {
  constructor(...layers: readonly Layer[] | readonly [ReadonlyMap<string, Layer>]) {
    super();
    const [first] = layers;
    if (first instanceof Map)
      for (const [name, layer] of first as ReadonlyMap<string, Layer>) this.addModule(name, layer);
    else (layers as readonly Layer[]).forEach((layer, i) => this.addModule(String(i), layer));
  }

  override forward(x: Tensor): Tensor {
    let value = x;
    for (const layer of this.children()) value = (layer as Layer)(value);
    return value;
  }

  /** Number of layers. */
  get size(): number {
    return [...this.children()].length;
  }

  /** The layer at a position; negative counts from the end. */
  at(index: number): Layer {
    const layer = [...this.children()].at(index);
    if (layer === undefined) throw new ArgumentError(`Sequential: no layer ${index}; it has ${this.size}`);
    return layer as Layer;
  }

  /** Adds a layer at the end. */
  append(layer: Layer): this {
    this.addModule(String(this.size), layer);
    return this;
  }

  *[Symbol.iterator](): Generator<Layer> {
    for (const layer of this.children()) yield layer as Layer;
  }
}

/** A list of modules that their owner calls as it likes. */
export class ModuleList extends Module<(...args: never[]) => never> {
  constructor(modules: Iterable<ModuleBase> = []) {
    super();
    for (const module of modules) this.append(module);
  }

  get size(): number {
    return [...this.children()].length;
  }

  at(index: number): ModuleBase | undefined {
    return [...this.children()].at(index);
  }

  append(module: ModuleBase): this {
    this.addModule(String(this.size), module);
    return this;
  }

  /** @throws ArgumentError always: call the modules in it */
  override forward(): never {
    throw new ArgumentError('ModuleList: a list has no forward; call the modules in it');
  }

  *[Symbol.iterator](): Generator<ModuleBase> {
    yield* this.children();
  }
}
