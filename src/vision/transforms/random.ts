/** The random draws of torchvision's transforms, from the default generator, one number a call as there. */
import { fillRandint, fillUniform } from '../../tensor/random/index.ts';

const one = new Float32Array(1);
const whole = new Int32Array(1);

/** `torch.rand(1) < p`, which compares in float32. */
export function happens(p: number): boolean {
  fillUniform(one);
  return one[0]! < Math.fround(p);
}

/** `torch.empty(1).uniform_(from, to)` */
export function uniform(from: number, to: number): number {
  fillUniform(one, from, to);
  return one[0]!;
}

/** `torch.randint(0, end, (1,))` */
export function below(end: number): number {
  fillRandint(whole, 0, end);
  return whole[0]!;
}
