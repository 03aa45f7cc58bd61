/** Addresses that open the laboratory with a setup. */
import { packSetup } from '../../core/share.ts';
import type { Setup } from '../../core/spec.ts';

/** The Build view reads what stands behind `#build/`. */
export async function linkOf(setup: Setup): Promise<string> {
  return `${location.href.split('#')[0]}#build/${await packSetup(setup)}`;
}
