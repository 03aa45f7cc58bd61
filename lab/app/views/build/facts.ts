/** The formulas of blocks, asked of the worker beside the runs when the network has been still for a moment. */
import { effect, signal, untracked } from '@preact/signals';
import type { BlockFacts, Description } from '../../../core/describe.ts';
import type { LayerSpec, NetworkSpec } from '../../../core/spec.ts';
import { callHelper } from '../../state/helper.ts';
import { classes, network } from '../../state/project.ts';

interface Known {
  readonly network: NetworkSpec;
  readonly classes: number;
  readonly description: Description;
}
const known = signal<Known | undefined>(undefined);
const WAIT = 120;

/** Asks whenever the network changes, until it is called off. */
export function followFacts(): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const stop = effect(() => {
    const [spec, count] = [network.value, Math.max(1, classes.value.length)];
    clearTimeout(timer);
    const last = untracked(() => known.value);
    if (last?.network === spec && last.classes === count) return;
    timer = setTimeout(() => void ask(spec, count), last === undefined ? 0 : WAIT);
  });
  return () => {
    stop();
    clearTimeout(timer);
  };
}

async function ask(spec: NetworkSpec, count: number): Promise<void> {
  try {
    const description = await callHelper('describeNetwork', spec, count);
    if (network.value === spec) known.value = { network: spec, classes: count, description };
  } catch {
    // The cards have their shapes; formulas come with the next change.
  }
}

/** What is known of the network as it stands; undefined while it is being asked for. */
export const description = (): Description | undefined => {
  const last = known.value;
  return last?.network === network.value && last.classes === Math.max(1, classes.value.length) ? last.description : undefined;
};

/** Facts of a block, also while others are being changed: those of the blocks before it are the same. */
export function factsOf(index: number): BlockFacts | undefined {
  const last = known.value;
  if (last === undefined) return undefined;
  const { layers, channels, size } = network.value;
  const same = (i: number): boolean => sameLayer(layers[i], last.network.layers[i]);
  if (last.network.channels !== channels || last.network.size !== size) return undefined;
  for (let i = 0; i <= index; i++) if (!same(i)) return undefined;
  return last.description.blocks[index];
}

const sameLayer = (a: LayerSpec | undefined, b: LayerSpec | undefined): boolean => a === b;
