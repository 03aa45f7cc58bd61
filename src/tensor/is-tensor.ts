/** Whether a value is a tensor. Apart from the class, so that what the class is made of can ask without a circle of imports. */
import type { Tensor } from './tensor.ts';

let recognise: (value: unknown) => boolean = () => false; // before the class is there, no tensor is

/** The class says how its objects are told: by a private field, which no proxy and nothing that resembles a tensor has. */
export function recogniseTensors(by: (value: unknown) => boolean): void {
  recognise = by;
}

/** Whether a value is a tensor: one that was made as such, not what resembles one, and no proxy of one. */
export const isTensor = (value: unknown): value is Tensor => recognise(value);
