/** Names of files that every system takes, made of what people call things. */

/** Names that Windows keeps for its devices. */
const RESERVED = /^(con|prn|aux|nul|com\d|lpt\d)$/;
const LONGEST = 60;

/** Letters, digits and hyphens of a text: `Cat & Dog` is `cat-dog`; what has none of them is called `otherwise`. */
export function safeName(text: string, otherwise: string): string {
  const plain = text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();
  const name = plain
    .replace(/[^\p{L}\p{N}]+/gu, '-')
    .slice(0, LONGEST)
    .replace(/^-+|-+$/g, '');
  return name === '' || RESERVED.test(name) ? otherwise : name;
}

/** The network and its classes, the first few of them: `lenet-5-cat-dog`. */
export function fileName(network: string, classes: readonly string[]): string {
  const few = classes.length <= 3 ? classes.map((name) => safeName(name, 'class')) : [`${classes.length}-classes`];
  return safeName([network, ...few].join(' '), 'network');
}
