/** What to say when a state dict does not fit a model: what is wrong, why that probably is, and the code that mends it. */

/** What does not fit. */
export interface Mismatch {
  readonly missingKeys: readonly string[];
  readonly unexpectedKeys: readonly string[];
  /** Sentences about shapes. */
  readonly mismatched: readonly string[];
  /** Entries of the source that are dictionaries themselves. */
  readonly inner: readonly (readonly [string, Keys])[];
}

type Keys = ReadonlyMap<string, unknown>;

/** Keys named before the rest is only counted. */
const SHOWN = 12;

export function explainMismatch(model: string, target: Keys, source: Keys, mismatch: Mismatch): string {
  const { missingKeys, unexpectedKeys, mismatched } = mismatch;
  const lines = [
    `loadStateDict: the state dict does not fit ${model}; nothing was loaded.`,
    ...listed('missing keys', missingKeys, ', '),
    ...listed('unexpected keys', unexpectedKeys, ', '),
    ...listed('size mismatch', mismatched, '; '),
    ...(remedyOf(model, target, source, mismatch) ?? []),
  ];
  return lines.join('\n  ');
}

function listed(what: string, items: readonly string[], between: string): string[] {
  if (items.length === 0) return [];
  const more = items.length - SHOWN;
  const shown = items.slice(0, more > 1 ? SHOWN : items.length).join(between);
  return [more > 1 ? `${what}: ${shown} and ${more} more` : `${what}: ${shown}`];
}

function remedyOf(model: string, target: Keys, source: Keys, { missingKeys, unexpectedKeys, inner }: Mismatch): string[] | undefined {
  const [name] = inner.find(([, state]) => overlaps(state, target)) ?? [];
  if (name !== undefined) {
    return [`the file is a checkpoint with a state dict in it; pass that: loadStateDict(checkpoint.get('${name}'))`];
  }
  const surplus = wrapperOf(unexpectedKeys, target);
  if (surplus !== undefined) {
    const all = [...source.keys()].every((key) => key.startsWith(surplus));
    return [
      `${all ? 'every key' : 'what was expected'} starts with '${surplus}', which a wrapper puts there; remove it from the keys:`,
      `  nn.utils.consumePrefixInStateDictIfPresent(state, '${surplus}');`,
    ];
  }
  const lacking = wrapperOf(missingKeys, source);
  if (lacking !== undefined) {
    return [
      `the keys of ${model} start with '${lacking}', those of the file do not; put it in front of them:`,
      `  new Map([...state].map(([key, value]) => [\`${lacking}\${key}\`, value]))`,
    ];
  }
  if (unexpectedKeys.length === 0) return undefined;
  return ['pass { strict: false } to load only the keys that fit'];
}

const overlaps = (state: Keys, target: Keys): boolean =>
  [...state.keys()].some((key) => target.has(key) || wrapperOf([key], target) !== undefined);

/** What stands before at least half of the keys and is all that keeps them from being among the others. */
function wrapperOf(keys: readonly string[], others: Keys): string | undefined {
  for (const key of keys.slice(0, 3)) {
    for (let dot = key.indexOf('.'); dot >= 0; dot = key.indexOf('.', dot + 1)) {
      const prefix = key.slice(0, dot + 1);
      if (!others.has(key.slice(prefix.length))) continue;
      const explained = keys.filter((other) => other.startsWith(prefix) && others.has(other.slice(prefix.length)));
      if (2 * explained.length >= keys.length) return prefix;
    }
  }
  return undefined;
}
