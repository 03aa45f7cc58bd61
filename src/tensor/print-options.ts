/** How tensors are printed: the options of `torch.set_printoptions`, shared by all tensors. */
import { BOOL, kind, oneOf, orNull, requireOptions, type OptionKinds } from '../base/arguments.ts';

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

type SettableOptions = Partial<PrintOptions> & { readonly profile?: 'default' | 'short' | 'full' };

const OPTIONS: OptionKinds<SettableOptions> = {
  precision: kind('an integer of [0, 100]', (value) => Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 100),
  threshold: kind('a number >= 0 or Infinity', (value) => typeof value === 'number' && value >= 0),
  edgeitems: kind('an integer >= 0', (value) => Number.isSafeInteger(value) && (value as number) >= 0),
  linewidth: kind('a positive integer or Infinity', (value) => value === Infinity || (Number.isInteger(value) && (value as number) >= 1)),
  profile: oneOf('default', 'short', 'full'),
  sciMode: orNull(BOOL),
};

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
export function setPrintOptions(options: SettableOptions): void {
  const checked = requireOptions<SettableOptions>('setPrintOptions', options, OPTIONS, '{ precision: 2 }');
  const { profile, sciMode = null, ...given } = checked;
  const next: PrintOptions = { ...(profile === undefined ? current : PROFILES[profile]), ...given, sciMode };
  current = next;
}
