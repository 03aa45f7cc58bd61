/** Counts verdicts: faults one by one, refusals by operation and reason. */
import type { Case, Group } from './container.ts';
import { judge, type Mode, type Verdict } from './judge.ts';
import { judgeSecond, type SecondVerdict } from './second.ts';

/** How often each operation refuses what PyTorch takes, by reason. */
export type Refusals = Record<string, Record<string, number>>;

export interface Fault {
  readonly name: string;
  /** Place in the entry's samples. */
  readonly index: number;
  readonly mode: Mode | 'second';
  readonly outcome: Verdict['outcome'] | SecondVerdict['outcome'];
  readonly what: string;
  readonly call: string;
}

export interface Tally {
  samples: number;
  right: number;
  /** Second derivatives that differences say nothing of. */
  undecided: number;
  readonly refusals: Refusals;
  readonly faults: Fault[];
}

export const newTally = (): Tally => ({ samples: 0, right: 0, undecided: 0, refusals: {}, faults: [] });

/** Runs all samples of a group. What is refused eagerly need not be run again; only what `compile` adds counts for it. */
export function tallyGroup(tally: Tally, group: Group, modes: readonly Mode[]): void {
  group.cases.forEach((sample, index) => {
    let before: Verdict | undefined;
    for (const mode of modes) {
      if (before?.outcome === 'refused') continue;
      const verdict = judge(group, sample, mode);
      before ??= verdict;
      tally.samples++;
      if (verdict.outcome === 'right') tally.right++;
      else if (verdict.outcome === 'refused') count(tally.refusals, group.name, mode, verdict.what);
      else tally.faults.push({ name: group.name, index, mode, ...verdict, call: shown(sample) });
    }
  });
}

/** Second derivatives of a group's samples, all in float64. */
export function tallySecond(tally: Tally, group: Group, wanted: (sample: Case) => boolean): void {
  const precise: Group = { ...group, box: group.box.precise() };
  group.cases.forEach((sample, index) => {
    if (!wanted(sample)) return;
    const { outcome, what } = judgeSecond(precise, sample);
    if (outcome === 'none') return;
    tally.samples++;
    if (outcome === 'right') tally.right++;
    else if (outcome === 'undecided') tally.undecided++;
    else if (outcome === 'refused') count(tally.refusals, group.name, 'eager', what);
    else tally.faults.push({ name: group.name, index, mode: 'second', outcome, what, call: shown(sample) });
  });
}

function count(refusals: Refusals, name: string, mode: Mode, reason: string): void {
  const reasons = (refusals[name] ??= {});
  const key = mode === 'eager' ? reason : `compiled: ${reason}`;
  reasons[key] = (reasons[key] ?? 0) + 1;
}

export function addTally(to: Tally, from: Tally): void {
  to.samples += from.samples;
  to.right += from.right;
  to.undecided += from.undecided;
  to.faults.push(...from.faults);
  for (const [name, reasons] of Object.entries(from.refusals)) {
    for (const [reason, n] of Object.entries(reasons)) {
      const mine = (to.refusals[name] ??= {});
      mine[reason] = (mine[reason] ?? 0) + n;
    }
  }
}

/** Refusals in a fixed order, for the file. */
export function sorted(refusals: Refusals): Refusals {
  const order = <T>(record: Readonly<Record<string, T>>): [string, T][] => Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(order(refusals).map(([name, reasons]) => [name, Object.fromEntries(order(reasons))]));
}

/** What is new and what has gone, a line for each. */
export function refusalChanges(expected: Refusals, found: Refusals): string[] {
  const names = [...new Set([...Object.keys(expected), ...Object.keys(found)])].sort();
  return names.flatMap((name) => {
    const [was, is] = [expected[name] ?? {}, found[name] ?? {}];
    const reasons = [...new Set([...Object.keys(was), ...Object.keys(is)])].sort();
    return reasons
      .filter((reason) => was[reason] !== is[reason])
      .map((reason) => `${name}: ${is[reason] ?? 0}, expected ${was[reason] ?? 0} (${reason})`);
  });
}

export const showFault = ({ name, index, mode, outcome, what, call }: Fault): string =>
  `${outcome}: ${name}[${index}] ${mode}: ${what}\n    ${call}`;

/** A sample in a line: kinds, dtypes and shapes. */
function shown({ kind, dtype, args, kwargs, made, training }: Case): string {
  const text = JSON.stringify([args, kwargs, made, training])
    .replace(
      /\{"tensor":\["(\w+)",(\[[^\]]*\]),(null|\[[^\]]*\]),\d+,\d+,\d+,\d\]\}/g,
      (_, type: string, shape: string, strides: string) => `${type}${shape}${strides === 'null' ? '' : `/${strides}`}`,
    )
    .replace(/\{"(?:float|tuple|dtype|other)":([^}]*)\}/g, '$1');
  return `${kind} (${dtype}) ${text.length > 300 ? `${text.slice(0, 300)}…` : text}`;
}
