/** Whether processes have made the same, before they work on it together. */
import { DistributedError } from '../base/errors.ts';
import { gathered } from './objects.ts';
import { requireGroup } from './world.ts';

/** How many differences are named. */
const NAMED = 5;

/**
 * Compares what each process has, by names.
 * @param whose reads on: `the processes' modules differ`
 * @throws DistributedError that says what differs, and in which ranks
 */
export function requireAlike(op: string, whose: string, described: Readonly<Record<string, string>>, remedy: string): void {
  if (requireGroup(op).size === 1) return;
  const [first, ...others] = gathered(op, described) as [Record<string, string>, ...Record<string, string>[]];
  const faults: string[] = [];
  others.forEach((other, i) => {
    for (const name of new Set([...Object.keys(first), ...Object.keys(other)])) {
      if (first[name] !== other[name])
        faults.push(`${name} is ${first[name] ?? 'missing'} in rank 0, ${other[name] ?? 'missing'} in rank ${i + 1}`);
    }
    if (Object.keys(first).join() !== Object.keys(other).join()) faults.push(`the order of names differs between rank 0 and rank ${i + 1}`);
  });
  if (faults.length === 0) return;
  const more = faults.length > NAMED ? ` (and ${faults.length - NAMED} more)` : '';
  throw new DistributedError(`${op}: the processes' ${whose} differ: ${faults.slice(0, NAMED).join('; ')}${more}; ${remedy}`);
}
