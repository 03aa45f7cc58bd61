/** Numbers as people read them. */

/** 1,234,567 */
export const grouped = (value: number): string => value.toLocaleString('en-US');

/** 0.6153 is `61.53%`. */
export const percent = (part: number): string => `${(100 * part).toFixed(2)}%`;

/** `0.8 s`, `42 s`, `3 min 20 s`, `1 h 5 min`. */
export function duration(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** `1 image`, `2 images`. */
export const counted = (count: number, noun: string): string => `${grouped(count)} ${noun}${count === 1 ? '' : 's'}`;

/** A word of a command line as a shell takes it. */
export const quoted = (text: string): string => (/^[\w./:,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);
