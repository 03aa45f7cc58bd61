/** Every number of a network with the formula that it comes from, as `explain` of the library says it, sorted by blocks. */
import { explain, type Counted, type ExplainedStep } from 'flambeau/inspect';
import { getRngState, setRngState } from 'flambeau';
import { build } from './build.ts';
import type { LayerSpec, NetworkSpec } from './spec.ts';

export interface BlockFacts {
  /** How height and width come about; empty where they stay. */
  readonly size: readonly string[];
  /** Such as rows that no window reaches; empty if there is nothing. */
  readonly note: string;
  readonly parameters: Counted;
  readonly multiplyAdds: Counted;
  /** Pixels of the picture that a number of the output depends on, and how that comes about. */
  readonly field: { readonly size: readonly [number, number]; readonly formula: string } | undefined;
  /** The blocks within, of a residual block. */
  readonly inner: readonly BlockFacts[];
  /** The 1×1 convolution beside them, if there is one. */
  readonly shortcut: BlockFacts | undefined;
}

export interface Description {
  /** Up to the block that does not fit. */
  readonly blocks: readonly BlockFacts[];
  readonly multiplyAdds: number;
}

/** Runs the network once on zeros. Random numbers stay where they are. */
export function describe(network: NetworkSpec, classes: number): Description {
  const random = getRngState();
  try {
    const built = build(network, classes, 0);
    const known = network.layers.filter((_, i) => built.blocks[i]?.output !== undefined);
    if (known.length === 0) return { blocks: [], multiplyAdds: 0 };
    const { steps, totalMultiplyAdds } = explain(built.network, [1, network.channels, network.size, network.size]);
    return { blocks: known.map((layer, i) => factsAt(layer, String(i), steps)), multiplyAdds: totalMultiplyAdds };
  } finally {
    setRngState(random);
  }
}

const NOTHING: Counted = { count: 0, formula: '' };

function factsAt(layer: LayerSpec, path: string, steps: readonly ExplainedStep[]): BlockFacts {
  const step = steps.findLast((one) => one.path === path);
  const inner = layer.kind === 'residual' ? layer.layers.map((one, i) => factsAt(one, `${path}.branch.${i}`, steps)) : [];
  const way = steps.find((one) => one.path === `${path}.shortcut` && one.parameters.count > 0);
  const shortcut = way && factsOf(way);
  const parts = shortcut === undefined ? inner : [...inner, shortcut];
  const own = step === undefined ? EMPTY : factsOf(step);
  if (layer.kind === 'mobileNetV2') return { ...own, ...countedWithin(path, steps) };
  if (layer.kind !== 'residual') return own;
  const sum = (of: 'parameters' | 'multiplyAdds'): Counted => ({
    count: parts.reduce((total, part) => total + part[of].count, 0),
    formula: '',
  });
  return { ...own, inner, shortcut, parameters: sum('parameters'), multiplyAdds: sum('multiplyAdds') };
}

/** Of all that a block does inside. */
function countedWithin(path: string, steps: readonly ExplainedStep[]): Pick<BlockFacts, 'parameters' | 'multiplyAdds'> {
  const within = steps.filter((step) => step.path.startsWith(`${path}.`));
  const sum = (of: 'parameters' | 'multiplyAdds'): Counted => ({
    count: within.reduce((total, step) => total + step[of].count, 0),
    formula: '',
  });
  return { parameters: sum('parameters'), multiplyAdds: sum('multiplyAdds') };
}

const EMPTY: BlockFacts = { size: [], note: '', parameters: NOTHING, multiplyAdds: NOTHING, field: undefined, inner: [], shortcut: undefined }; // prettier-ignore

function factsOf({ size, note, parameters, multiplyAdds, receptiveField }: ExplainedStep): BlockFacts {
  const field = receptiveField && { size: receptiveField.size, formula: receptiveField.formula };
  return { ...EMPTY, size, note, parameters, multiplyAdds, field };
}
