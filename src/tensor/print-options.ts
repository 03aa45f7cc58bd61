/** How tensors are printed: the options of `torch.set_printoptions`, shared by all tensors. */
import { ArgumentError } from '../base/errors.ts';

export interface PrintOptions {
  /** Decimals of a float. */
  readonly precision: number;
  /** A tensor of more elements is shown by its edges only. */
  readonly threshold: number;
  /** Elements shown at each end of a dimension that is cut. */
  readonly edgeitems: number;
  /** Characters in a line. */
  readonly linewidth: number;
  /** Whether floats are in scientific notation; null decides by the values. */
  readonly sciMode: boolean | null;
}

const DEFAULT: PrintOptions = { precision: 4, threshold: 1000, edgeitems: 3, linewidth: 80, sciMode: null };

/** What each profile sets; it leaves `sciMode` to the values. */
const PROFILES = {
  default: DEFAULT,
  short: { ...DEFAULT, precision: 2, edgeitems: 2 },
  full: { ...DEFAULT, threshold: Infinity },
} as const;

let current: PrintOptions = DEFAULT;

/** The options in force. */
export function printOptions(): PrintOptions {
  return current;
}

/**
 * Changes how tensors are printed, here and from now on. Options that are not given stay, except `sciMode`, which goes
 * back to automatic, as in PyTorch. A profile is applied first, the other options over it.
 *
 * @throws {@link ArgumentError} if a value makes no sense; nothing is changed then
 * @example
 * ```ts
 * import { setPrintOptions, tensor } from 'flambeau';
 *
 * setPrintOptions({ precision: 2 });
 * console.log(String(tensor([1.12345]))); // tensor([1.12])
 * setPrintOptions({ profile: 'default' });
 * ```
 * @see https://pytorch.org/docs/stable/generated/torch.set_printoptions.html
 */
export function setPrintOptions(options: {
  readonly precision?: number;
  readonly threshold?: number;
  readonly edgeitems?: number;
  readonly linewidth?: number;
  readonly profile?: 'default' | 'short' | 'full';
  readonly sciMode?: boolean | null;
}): void {
  const { profile, sciMode = null, ...given } = options;
  if (profile !== undefined && !Object.hasOwn(PROFILES, profile))
    refuse('profile', "'default', 'short' or 'full'", profile);
  const next: PrintOptions = { ...(profile === undefined ? current : PROFILES[profile]), ...given, sciMode };
  const whole = (value: number, lowest: number): boolean => Number.isInteger(value) && value >= lowest;
  if (!whole(next.precision, 0) || next.precision > 100) refuse('precision', 'an integer of [0, 100]', next.precision);
  if (!(next.threshold >= 0)) refuse('threshold', 'a number >= 0 or Infinity', next.threshold);
  if (!whole(next.edgeitems, 0)) refuse('edgeitems', 'an integer >= 0', next.edgeitems);
  if (!(whole(next.linewidth, 1) || next.linewidth === Infinity)) {
    refuse('linewidth', 'a positive integer or Infinity', next.linewidth);
  }
  current = next;
}

function refuse(option: string, expected: string, came: unknown): never {
  throw new ArgumentError(`setPrintOptions: expected ${option} to be ${expected}, but got ${String(came)}`);
}
