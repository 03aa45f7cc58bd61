/**
 * Numbers, booleans and tuples as Python writes them: what tensors and layers print must read as in PyTorch.
 *
 * Not here: the layout of tensors (tensor/print.ts).
 *
 * JavaScript's own conversions find the shortest digits and round exactly, as Python's do, but they break ties away from
 * zero (Python: to the even digit), switch notation at other exponents, and `toFixed` gives up at 1e21.
 */

/**
 * A float as Python's `repr` writes it: `1.0`, `0.1`, `1e-05`, `1e+16`, `inf`, `nan`, `-0.0`.
 *
 * @see https://docs.python.org/3/library/functions.html#repr
 */
export function pythonFloat(value: number): string {
  if (!Number.isFinite(value)) return notFinite(value);
  const [digits = '', power = ''] = Math.abs(value).toExponential().split('e');
  const exponent = Number(power);
  const sign = isNegative(value) ? '-' : '';
  if (value !== 0 && (exponent < -4 || exponent >= 16)) return `${sign}${digits}${exponentSuffix(exponent)}`;
  const figures = digits.replace('.', '');
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${figures}`;
  const whole = figures.slice(0, exponent + 1).padEnd(exponent + 1, '0');
  return `${sign}${whole}.${figures.slice(exponent + 1) || '0'}`;
}

/**
 * A float with a fixed number of decimals, as Python's `f'{value:.4f}'` for `digits` 4: the exact value rounded, a tie
 * to the even digit.
 *
 * @param digits - decimals, 0 to 100
 */
export function formatFixed(value: number, digits: number): string {
  if (!Number.isFinite(value)) return notFinite(value);
  const size = Math.abs(value);
  const sign = isNegative(value) ? '-' : '';
  if (size >= 1e21) return `${sign}${BigInt(size)}${digits > 0 ? `.${'0'.repeat(digits)}` : ''}`;
  // size·10^digits = n + ½ means that size·2^(digits + 1) is an odd integer (multiply by 5^digits, also odd).
  const scaled = size * 2 ** (digits + 1);
  return sign + (scaled % 2 === 1 ? evenDigit(size.toFixed(digits)) : size.toFixed(digits));
}

/**
 * A float in scientific notation, as Python's `f'{value:.4e}'` for `digits` 4: `1.2346e+02`.
 *
 * @param digits - decimals of the mantissa, 0 to 100
 */
export function formatExponential(value: number, digits: number): string {
  if (!Number.isFinite(value)) return notFinite(value);
  const size = Math.abs(value);
  const sign = isNegative(value) ? '-' : '';
  const [mantissa = '', power = ''] = size.toExponential(digits).split('e');
  const exponent = Number(power);
  const tie = isHalfway(size, exponent - digits);
  return `${sign}${tie ? evenDigit(mantissa) : mantissa}${exponentSuffix(exponent)}`;
}

/** `True` or `False`. */
export function pythonBool(value: boolean): string {
  return value ? 'True' : 'False';
}

/** Whole numbers as a tuple: `(2, 3)`, `(5,)`, `()`. */
export function pythonTuple(values: readonly (number | bigint)[]): string {
  return values.length === 1 ? `(${values[0]!},)` : `(${values.join(', ')})`;
}

/** Whether `size` lies halfway between two multiples of 10^power. */
function isHalfway(size: number, power: number): boolean {
  if (power <= 0) return (size * 2 ** (1 - power)) % 2 === 1; // as in formatFixed
  // Beyond 10²² no double has enough factors of 5, and up to there the power is exact.
  return power <= 22 && size % 10 ** power === 10 ** power / 2;
}

/** JavaScript rounded a tie up; where that gave an odd last digit, the even one is just below. */
function evenDigit(text: string): string {
  const last = Number(text.at(-1));
  return last % 2 === 0 ? text : text.slice(0, -1) + String(last - 1);
}

function exponentSuffix(exponent: number): string {
  return `e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;
}

function isNegative(value: number): boolean {
  return value < 0 || Object.is(value, -0);
}

function notFinite(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  return value > 0 ? 'inf' : '-inf';
}
