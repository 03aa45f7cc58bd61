/**
 * Window functions of signal processing, also used to blur and to blend tiles (https://pytorch.org/docs/stable/generated/torch.hann_window.html): sums of cosines,
 * a triangle, Kaiser's.
 */
import { BOOL, NUMBER, SIZE, type OptionKinds } from '../base/arguments.ts';
import { isFloating } from '../base/dtype.ts';
import { DTypeError } from '../base/errors.ts';
import { readCall, signature } from '../base/signature.ts';
import type { Call } from './calls.ts';
import { finish, ones, TENSOR_OPTIONS, type TensorOptions } from './create.ts';
import { cat } from './functions.ts';
import { arange } from './ranges.ts';
import { i0 } from './special-host.ts';
import type { Tensor } from './tensor.ts';
import './families/mathematics.ts';

interface WindowCall extends TensorOptions {
  readonly windowLength: number;
  /** For the analysis of spectra, one period; else symmetric. */
  readonly periodic?: boolean;
}
type Parameters<Name extends string> = WindowCall & { readonly [K in Name]?: number };
/** The arguments of a window with further numbers. */
type Arguments<P extends readonly unknown[], Name extends string> = Call<
  [windowLength: number, periodic?: boolean, ...P],
  Parameters<Name>
>;

/** @param shape makes the window of places 0, 1, …, last */
function window<Name extends string, P extends readonly unknown[] = []>(
  op: string,
  numbers: readonly Name[],
  shape: (places: Tensor, last: number, given: Readonly<Partial<Record<Name, number>>>) => Tensor,
): (...args: Arguments<P, Name> | [...Arguments<P, Name>, TensorOptions]) => Tensor<[number]> {
  const more = Object.fromEntries(numbers.map((name) => [name, NUMBER])) as { readonly [K in Name]: typeof NUMBER };
  const kinds = { windowLength: SIZE, periodic: BOOL, ...more, ...TENSOR_OPTIONS } as unknown as OptionKinds<Parameters<Name>>;
  const table = signature<Parameters<Name>>(op, kinds, { required: 1, positional: 2 + numbers.length, example: `${op}(16)` });
  return (...args) => {
    const call = readCall<Parameters<Name>>(table, args);
    const { windowLength, periodic = true, dtype = 'float32', device } = call;
    if (!isFloating(dtype)) throw new DTypeError(`${op}: expected a floating-point dtype, but got ${dtype}; use float32 or float64`);
    const options = device === undefined ? { dtype } : { dtype, device };
    if (windowLength < 2) return finish(ones([windowLength], options), call);
    const last = periodic ? windowLength : windowLength - 1;
    const made = shape(arange(last + 1, options), last, call);
    return finish(periodic ? made.narrow(0, 0, windowLength).clone() : made, call);
  };
}

const raised = (places: Tensor, last: number, alpha: number, beta: number): Tensor =>
  places
    .mul((2 * Math.PI) / last)
    .cos()
    .mul(-beta)
    .add(alpha);

/**
 * Hann's window, ½ − ½·cos(2πi/N): of period `windowLength`, or symmetric where `periodic` is false.
 * @throws DTypeError for a dtype that is no floating-point one
 * @example
 * import { hannWindow } from 'flambeau';
 * console.log(hannWindow(4), hannWindow(3, false)); // tensor([0.0000, 0.5000, 1.0000, 0.5000]) tensor([0., 1., 0.])
 */
export const hannWindow = /* @__PURE__ */ window('hannWindow', [], (places, last) => raised(places, last, 0.5, 0.5));

/** Hamming's window, alpha − beta·cos(2πi/N), by default 0.54 and 0.46 (https://pytorch.org/docs/stable/generated/torch.hamming_window.html). */
export const hammingWindow = /* @__PURE__ */ window<'alpha' | 'beta', [alpha?: number, beta?: number]>(
  'hammingWindow',
  ['alpha', 'beta'],
  (places, last, { alpha = 0.54, beta = 0.46 }) => raised(places, last, alpha, beta),
);

/** Blackman's window, 0.42 − ½·cos(2πi/N) + 0.08·cos(4πi/N) (https://pytorch.org/docs/stable/generated/torch.blackman_window.html). */
export const blackmanWindow = /* @__PURE__ */ window('blackmanWindow', [], (places, last) => {
  const angles = places.mul(Math.PI / last);
  return angles.mul(4).cos().mul(0.08).sub(angles.mul(2).cos().mul(0.5)).add(0.42);
});

/** Bartlett's window, a triangle (https://pytorch.org/docs/stable/generated/torch.bartlett_window.html). */
export const bartlettWindow = /* @__PURE__ */ window('bartlettWindow', [], (places, last) => {
  const rising = places.mul(2 / last);
  const first = (last >> 1) + 1;
  return cat([
    rising.narrow(0, 0, first),
    rising
      .narrow(0, first, last + 1 - first)
      .mul(-1)
      .add(2),
  ]);
});

/** Kaiser's window, of I₀ with `beta`, by default 12 (https://pytorch.org/docs/stable/generated/torch.kaiser_window.html). */
export const kaiserWindow = /* @__PURE__ */ window<'beta', [beta?: number]>('kaiserWindow', ['beta'], (places, last, { beta = 12 }) => {
  const half = last / 2;
  const inside = places.to('float64').sub(half).div(half).square().rsub(1).clamp(0);
  const shape = i0(inside.sqrt().mul(beta));
  return shape.div(i0(shape.newTensor(beta))).to(places.dtype);
});
