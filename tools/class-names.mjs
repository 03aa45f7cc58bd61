// Names of classes in bundles, which objects print.

/** The head of a class in a bundle: `class Name …{`, `var Name = class …{`; not one of Python's in a text. */
export const CLASS = /^\s*(?:var (\w+) = class(?: \w+)?|class (\w+))\s*(?:extends\b[^{;]*)?\{/gm;

/**
 * Classes that mention themselves come out as `var Name = class _Name`; objects print their class's name, so it is put right.
 */
export function restoreClassNames(text) {
  let result = text;
  for (const [, name] of text.matchAll(/^\s*(?:var|let|const) (\w+) = class _\1\b/gm)) {
    result = result.replaceAll(new RegExp(`\\b_${name}\\b`, 'g'), name);
  }
  return result;
}

/**
 * Objects print their class's name, and workers find transforms by it. Whoever minifies a program renames classes, so exported ones carry
 * their names as data. (A static field and not a block that defines the property: bundlers leave out classes with fields that nobody uses.)
 */
export function keepClassNames(text, sources) {
  const exported = [...sources].flatMap((source) => [...source.matchAll(/^export (?:abstract )?class (\w+)/gm)]);
  const names = new Set(exported.map(([, name]) => name));
  return text.replace(CLASS, (head, assigned, declared, at) => {
    const given = assigned ?? declared;
    const name = names.has(given) ? given : given.replace(/\d+$/, ''); // a host's name was in the way: Buffer
    const hasOwn = /^\s*static name\b/.test(text.slice(at + head.length, at + head.length + 100)); // bundlers warn of two
    return names.has(name) && !hasOwn ? `${head} static name = ${JSON.stringify(name)};` : head;
  });
}
