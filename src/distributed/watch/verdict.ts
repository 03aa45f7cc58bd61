/** What has gone wrong, in words: which rank, on which host, in which collective. Pure functions of what the processes have reported. */
import { isIn, numberAt, UNHEARD_MS, type Fault, type Place } from './messages.ts';
import { showSignature, type Signature } from './trail.ts';

/** A process as the hub sees it; without a place nothing was heard from it yet. */
export interface Standing {
  readonly rank: number;
  readonly host: string;
  readonly place: Place | undefined;
  /** Milliseconds since something was heard from it. */
  readonly silence: number;
}

/** How many ranks are named one by one. */
const NAMED = 4;
const SAME = 'All ranks must call the same collectives in the same order, with the same dtypes and sizes';

const named = ({ rank, host }: Standing): string => `rank ${rank} on ${host}`;

function listed(texts: readonly string[]): string {
  const first = texts.slice(0, NAMED);
  if (texts.length > NAMED) return `${first.join(', ')} and ${texts.length - NAMED} more`;
  return first.length < 2 ? first.join('') : `${first.slice(0, -1).join(', ')} and ${first.at(-1)!}`;
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

/** `in number 4, allReduce of 3 float32 (sum)`. */
function whereabouts(place: Place | undefined): string {
  if (place === undefined || numberAt(place) === 0) return 'before its first collective';
  return `${isIn(place) ? 'in' : 'after'} number ${numberAt(place)}, ${showSignature(place.signature)}`;
}

/** Who waits for the others, and in what. */
function waiting(all: readonly Standing[], but: readonly Standing[]): string {
  const groups = new Map<string, Standing[]>();
  for (const one of all) {
    if (but.includes(one) || one.place === undefined || !isIn(one.place)) continue;
    const where = whereabouts(one.place);
    groups.set(where, [...(groups.get(where) ?? []), one]);
  }
  return [...groups].map(([where, whose]) => `; ${listed(whose.map(named))} ${whose.length === 1 ? 'waits' : 'wait'} ${where}`).join('');
}

export function gone(all: readonly Standing[], lost: readonly Standing[], how: 'closed' | 'silent'): string {
  const why = how === 'closed' ? 'killed, or crashed' : 'nothing is heard: the process is stopped, or its host down or out of reach';
  const texts = lost.map((x) => `${named(x)}, last seen ${whereabouts(x.place)},`);
  return `${listed(texts)} ${lost.length === 1 ? 'is' : 'are'} gone (${why})${waiting(all, lost)}`;
}

export function faulty(all: readonly Standing[], who: Standing, fault: Fault): string {
  const what = {
    threw: () => `has thrown ${(fault as { text: string }).text}`,
    mpi: () => `cannot go on: ${(fault as { text: string }).text}`,
    ended: () => `has ended (exit code ${(fault as { code: number }).code}) without destroyProcessGroup()`,
  }[fault.kind]();
  return `${named(who)} ${what}, ${whereabouts(who.place)}${waiting(all, [who])}`;
}

const stand = ({ place, silence }: Standing): string =>
  silence > UNHEARD_MS
    ? `silent for ${seconds(silence)}, last seen ${whereabouts(place)}`
    : `${whereabouts(place)}, for ${seconds(place?.since ?? 0)}`;

/** A collective takes longer than it may: who has not come? */
export function late(all: readonly Standing[], timeout: number): string {
  const inside = all.filter(({ place }) => place !== undefined && isIn(place));
  const last = inside.reduce((a, b) => (numberAt(b.place!) > numberAt(a.place!) ? b : a));
  const [number, what] = [numberAt(last.place!), showSignature(last.place!.signature)];
  const before = all.filter(({ place }) => (place?.posted ?? 0) < number);
  const outside = before.filter(({ place }) => place === undefined || !isIn(place));
  const limit = `within ${timeout / 1000} s`;
  const unheard = all.filter(({ silence }) => silence > UNHEARD_MS);
  if (before.length === 0 && unheard.length > 0) return gone(all, unheard, 'silent');
  if (before.length === 0) {
    return `number ${number}, ${what}, has not ended ${limit}, though all ranks are in it: see that the hosts reach one another by MPI, or give it more time: initProcessGroup({ timeout })`;
  }
  const missing = outside.length > 0 ? outside : before;
  const texts = missing.map((x) => `${named(x)} (${stand(x)})`);
  const have = missing.length === 1 ? 'has' : 'have';
  return `${listed(texts)} ${have} not called number ${number}, ${what}, ${limit}${waiting(all, missing)}. ${SAME}; a longer time: initProcessGroup({ timeout })`;
}

export interface Steps {
  readonly who: Standing;
  /** The number of the first. */
  readonly first: number;
  readonly steps: readonly Signature[];
}

/** The first collective that is not the same in all processes; undefined where all are, as far as is known. */
export function different(trails: readonly Steps[]): string | undefined {
  const from = Math.max(1, ...trails.map(({ first }) => first));
  const to = Math.max(0, ...trails.map(({ first, steps }) => first + steps.length - 1));
  for (let n = from; n <= to; n++) {
    const groups = new Map<string, Standing[]>();
    for (const { who, first, steps } of trails) {
      const step = steps[n - first];
      if (step === undefined) continue;
      const key = showSignature(step);
      groups.set(key, [...(groups.get(key) ?? []), who]);
    }
    if (groups.size > 1) {
      const texts = [...groups].map(([text, whose]) => `${text} on ${listed(whose.map(named))}`);
      return `number ${n} is ${texts.join(', but ')}. ${SAME}`;
    }
  }
  return undefined;
}

export const differentBefore = (who: Standing, n: number): string =>
  `${named(who)} has called other collectives than rank 0 before number ${n}. ${SAME}`;
