/** Large views are made a part a frame, so that no frame takes long: what one sees first first. */
import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';

const waiting: (() => void)[] = [];

function turn(): void {
  waiting.shift()?.();
  if (waiting.length > 0) requestAnimationFrame(turn);
}

/** Calls with a frame of its own, after those that came before. @returns what takes it back */
function inTurn(task: () => void): () => void {
  waiting.push(task);
  if (waiting.length === 1) requestAnimationFrame(turn);
  return () => {
    const at = waiting.indexOf(task);
    if (at > 0) waiting.splice(at, 1);
    else if (at === 0) waiting[0] = () => undefined; // its frame has been asked for
  };
}

/** Its children come a frame later. @param props.height - pixels that they will take, about, where something stands below them */
export function Later({ height = 0, children }: { readonly height?: number; readonly children: ComponentChildren }) {
  const [there, setThere] = useState(false);
  useEffect(() => inTurn(() => setThere(true)), []);
  return there ? <>{children}</> : height === 0 ? null : <div style={{ minHeight: `${height}px` }} />;
}

/** How many of a list are shown: when it appears some, then more with each frame; what is added afterwards at once. */
export function useGradually(count: number, some: number): number {
  const [shown, setShown] = useState(some);
  const whole = count > 0 && shown >= count;
  useEffect(() => {
    if (whole) setShown(Infinity);
    return whole ? undefined : inTurn(() => setShown(shown + some));
  }, [shown, whole]);
  return Math.min(shown, count);
}
