/** Painting takes turns: a few milliseconds of every frame, so that the page stays smooth however many canvases there are. */

const BUDGET = 5;
const waiting = new Map<object, () => void>();
let asked = false;

/** Paints with one of the next frames; a later task of the same key takes an earlier one's place. */
export function paintSoon(key: object, task: () => void): void {
  waiting.delete(key);
  waiting.set(key, task);
  if (asked) return;
  asked = true;
  // The frame that comes first has what was just made to lay out.
  requestAnimationFrame(() => requestAnimationFrame(turn));
}

export const forgetPaint = (key: object): void => void waiting.delete(key);

function turn(): void {
  const start = performance.now();
  for (const [key, task] of waiting) {
    waiting.delete(key);
    task();
    if (performance.now() - start > BUDGET) break;
  }
  asked = waiting.size > 0;
  if (asked) requestAnimationFrame(turn);
}
