/**
 * Memory that plans hold between runs although they could make do without: arenas, what is made of weights. When a device's memory has run
 * out, all of it that is not in use is given back; whoever runs next takes its own again.
 */

/** Something that holds such memory. */
export interface Idle {
  /** Whether it is in use now. */
  readonly busy: boolean;
  /** Gives the memory back. @returns whether there was any */
  letGo(): boolean;
}

/** Weakly referred to: what is known here is gone when its plan is. */
let known: WeakRef<Idle>[] = [];
/** At this many, those that are gone are looked for. */
let crowded = 64;

/** Says that `idle` will hold memory that it can do without. To be called once. */
export function canLetGo(idle: Idle): void {
  if (known.length >= crowded) {
    known = known.filter((ref) => ref.deref() !== undefined);
    crowded = Math.max(64, 2 * known.length);
  }
  known.push(new WeakRef(idle));
}

/** Gives back all that is not in use. @returns whether that was anything */
export function letGoOfIdle(): boolean {
  let any = false;
  for (const ref of known) {
    const idle = ref.deref();
    if (idle?.busy === false && idle.letGo()) any = true;
  }
  return any;
}
