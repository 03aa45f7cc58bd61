/**
 * Sweeps where the host can be asked for a collection. Part of the package's entries for Node: pages cannot, and need not download it.
 */
import { findCollector, findYoungCollector } from './collector.ts';
import { preferReclaimer } from './storage.ts';
import { Sweeper } from './sweep.ts';

let enabled = false;

/** From now on, what nothing refers to any more is found by sweeps (`sweep.ts`), if the host can. */
export function enableSweeps(): void {
  if (enabled) return; // several entries ask for it
  enabled = true;
  preferReclaimer((giveUp) => {
    const collect = findCollector();
    if (collect === undefined) return undefined;
    const orElse = (): boolean => {
      if (collect()) return true;
      giveUp();
      return false;
    };
    return new Sweeper(orElse, findYoungCollector());
  });
}
