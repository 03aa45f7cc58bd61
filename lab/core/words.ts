/** Numbers and names in sentences. */

export const counted = (count: number, what = 'picture', many = `${what}s`): string => `${count} ${count === 1 ? what : many}`; // prettier-ignore

/** “a”, “b” and “c”. */
export function listed(names: readonly string[], most = 4): string {
  const quoted = names.slice(0, most).map((name) => `“${name}”`);
  if (names.length > most) quoted.push(`${names.length - most} more`);
  return quoted.length < 2 ? quoted.join('') : `${quoted.slice(0, -1).join(', ')} and ${quoted.at(-1)}`;
}
