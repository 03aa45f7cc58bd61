/** Numbers and names in sentences. */

export const counted = (count: number, what = 'picture', many = `${what}s`): string => `${count} ${count === 1 ? what : many}`;

/** “a”, “b” and “c”. */
export function listed(names: readonly string[], most = 4): string {
  const quoted = names.slice(0, most).map((name) => `“${name}”`);
  if (names.length > most) quoted.push(`${names.length - most} more`);
  return quoted.length < 2 ? quoted.join('') : `${quoted.slice(0, -1).join(', ')} and ${quoted.at(-1)}`;
}

/** Seconds: `4 s`, `2 min 5 s`, `1 h 10 min`. */
export function timeInWords(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

export const percent = (share: number): string => `${(100 * share).toFixed(share > 0 && share < 0.1 ? 1 : 0)} %`;
