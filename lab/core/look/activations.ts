/** Functions of one number, with their slopes, as arithmetic that can be read. */
import { tensor } from 'flambeau';
import type { LayerSpec } from '../spec.ts';
import { bracketed, short, type Line } from './sum.ts';

export interface Activation {
  readonly sentence: string;
  readonly value: (x: number) => readonly Line[];
  /** The derivative at x. */
  readonly slope: (x: number) => readonly Line[];
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const line = (text: string, value: number): Line => ({ text, value });

const erf = (x: number): number => tensor([x], { dtype: 'float64' }).erf().item();

const leaky = (slope: number): Activation => ({
  sentence:
    slope === 0
      ? 'ReLU keeps positive numbers and makes 0 of the others.'
      : `Leaky ReLU keeps positive numbers and multiplies the others by ${short(slope)}.`,
  value: (x) => [
    slope === 0
      ? line(`max(0, ${short(x)})`, Math.max(0, x))
      : line(x > 0 ? `${short(x)}, kept` : `${short(x)} × ${short(slope)}`, x > 0 ? x : x * slope),
  ],
  slope: (x) => [line(x > 0 ? `1, since ${short(x)} > 0` : `${short(slope)}, since ${short(x)} ≤ 0`, x > 0 ? 1 : slope)],
});

const SIGMOID: Activation = {
  sentence: 'Sigmoid squeezes any number between 0 and 1: 1 ÷ (1 + e^−x).',
  value: (x) => [line(`1 ÷ (1 + e^${bracketed(-x)})`, sigmoid(x))],
  slope: (x) => {
    const s = sigmoid(x);
    return [line(`${short(s)} × (1 − ${short(s)})`, s * (1 - s))];
  },
};
const TANH: Activation = {
  sentence: 'Tanh squeezes any number between −1 and 1.',
  value: (x) => [line(`tanh(${short(x)})`, Math.tanh(x))],
  slope: (x) => [line(`1 − ${bracketed(Math.tanh(x))}²`, 1 - Math.tanh(x) ** 2)],
};
const SILU: Activation = {
  sentence: 'SiLU multiplies a number by its sigmoid.',
  value: (x) => [line(`sigmoid(${short(x)})`, sigmoid(x)), line(`${short(x)} × ${short(sigmoid(x))}`, x * sigmoid(x))],
  slope: (x) => {
    const s = sigmoid(x);
    return [line(`${short(s)} × (1 + ${bracketed(x)} × (1 − ${short(s)}))`, s * (1 + x * (1 - s)))];
  },
};
const GELU: Activation = {
  sentence: 'GELU multiplies a number by Φ, the chance that a normal number is below it.',
  value: (x) => {
    const phi = (1 + erf(x / Math.SQRT2)) / 2;
    return [line(`Φ(${short(x)})`, phi), line(`${short(x)} × ${short(phi)}`, x * phi)];
  },
  slope: (x) => {
    const phi = (1 + erf(x / Math.SQRT2)) / 2;
    const density = Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);
    return [line(`Φ + x × density = ${short(phi)} + ${bracketed(x)} × ${short(density)}`, phi + x * density)];
  },
};

/** The function of a block; undefined for blocks that are none. */
export function activationOf(layer: LayerSpec | undefined): Activation | undefined {
  switch (layer?.kind) {
    case 'relu':
      return leaky(0);
    case 'leakyRelu':
      return leaky(layer.negativeSlope);
    case 'sigmoid':
      return SIGMOID;
    case 'tanh':
      return TANH;
    case 'silu':
      return SILU;
    case 'gelu':
      return GELU;
    default:
      return undefined;
  }
}
