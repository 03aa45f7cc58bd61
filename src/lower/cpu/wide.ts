/** Algorithms for machines with vectors of more than 16 bytes: only Node has those, so browsers do not load them. */
import { provideCorrelation } from './conv/index.ts';
import { lowerProducts } from './conv/products.ts';

export function enableWide(): void {
  provideCorrelation((l, c, o) => (l.wideTarget.vectorBytes > 16 ? lowerProducts(l, c, o) : undefined));
}
