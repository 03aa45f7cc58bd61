/**
 * `FLAMBEAU_DEBUG=ops,plan,passes,code`: prints to standard error what happens at each stage, from the operations that a program runs down to the code of
 * their kernels. Node's entry points load it; where the variable names no stage, nothing is watched and nothing is paid.
 */
import { shown } from '../base/shown.ts';
import { watchers } from '../base/watchers.ts';
import type { Graph } from '../compiler/graph.ts';
import { setProfiler, type LaunchRecord } from '../compiler/profiler.ts';
import { showPlan } from '../compiler/show.ts';
import type { Plan } from '../compiler/plan.ts';
import { wasmText } from '../kernels/cpu/wasm/text.ts';

export type Stage = 'ops' | 'plan' | 'passes' | 'code';
type Write = (text: string) => void;

/** What prints a stage, once it is asked for. */
const STAGES: { readonly [S in Stage]: (write: Write) => void } = {
  ops: (write) => {
    setProfiler({ record: (launch) => write(showLaunch(launch)) });
  },
  plan: (write) => {
    watchers.plan = (plan) => write(`[plan] ${kindOf(plan)}: ${showPlan(plan)}\n`);
  },
  passes: (write) => {
    watchers.pass = (name, before, after) => write(`[passes] ${name}: ${showChange(before, after)}\n`);
  },
  code: (write) => {
    watchers.code = (language, kernel, code) => {
      write(`[code] ${language} of ${kernel}\n${typeof code === 'string' ? code : wasmText(code)}\n`);
    };
  },
};

const isStage = (word: string): word is Stage => Object.hasOwn(STAGES, word);

/** Prints the stages that are named, with commas between them; `1` is for errors (the command, native kernels) and names none. */
export function debug(stages: string, write: Write): void {
  for (const word of stages.split(',').map((part) => part.trim())) {
    if (isStage(word)) STAGES[word](write);
    else if (!['', '0', '1'].includes(word))
      write(`flambeau: FLAMBEAU_DEBUG: expected some of ${Object.keys(STAGES).join(', ')}, but got ${shown(word)}\n`);
  }
}

/** What was asked for when it was last looked at: every entry point of the package looks. */
let enabled: string | undefined;

/** Prints what FLAMBEAU_DEBUG asks for. */
export function enableDebug(): void {
  const asked = variable();
  if (asked === enabled) return;
  enabled = asked;
  if (asked !== undefined) debug(asked, (text) => void process.stderr.write(text));
}

/** A host may keep the environment from programs (Deno, unless permitted). */
function variable(): string | undefined {
  try {
    return process.env['FLAMBEAU_DEBUG'];
  } catch {
    return undefined;
  }
}

/** `[ops] conv2d → 8×16×30×30: 0.120 ms, 88.2 GFLOP/s, 3.1 GB/s (c32f:pixels)` */
function showLaunch({ operation, shape, ms, flops, bytes, target, kernel }: LaunchRecord): string {
  const speed = flops === 0 || ms === 0 ? '' : `, ${digits(flops / ms / 1e6)} GFLOP/s`;
  const traffic = ms === 0 ? '' : `, ${digits(bytes / ms / 1e6)} GB/s`;
  return `[ops] ${operation} → ${shape}: ${ms.toFixed(3)} ms${speed}${traffic} (${target}:${kernel})\n`;
}

const kindOf = ({ device, isNative }: Plan): string => `${device.name}${isNative ? ', native' : ''}`;

/** `21 → 17 operations (− 4 × relu, 4 × conv2d; + 4 × conv2d+relu), 30 → 26 buffers of 4.2 → 3.6 MB` */
function showChange(before: Graph, after: Graph): string {
  const [was, is] = [countsOf(before), countsOf(after)];
  const gone = difference(was, is);
  const come = difference(is, was);
  const changes = [...(gone === '' ? [] : [`− ${gone}`]), ...(come === '' ? [] : [`+ ${come}`])];
  const detail = changes.length === 0 ? '' : ` (${changes.join('; ')})`;
  const [old, now] = [localsOf(before), localsOf(after)];
  return `${change(before.nodes.length, after.nodes.length)} operations${detail}, ${change(old.count, now.count)} buffers of ${change(megabytes(old.bytes), megabytes(now.bytes))} MB`;
}

const change = (before: number, after: number): string => (before === after ? String(after) : `${before} → ${after}`);
const digits = (value: number): number => Number(value.toPrecision(3));
const megabytes = (bytes: number): number => digits(bytes / 1e6);

/** How often each operation is there. */
function countsOf({ nodes }: Graph): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { name } of nodes) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}

/** What there is more of in the one than in the other. */
function difference(counts: ReadonlyMap<string, number>, others: ReadonlyMap<string, number>): string {
  const more = [...counts].map(([name, count]) => [name, count - (others.get(name) ?? 0)] as const);
  return more.flatMap(([name, count]) => (count > 0 ? [`${count} × ${name}`] : [])).join(', ');
}

/** The buffers that live within a run only. */
function localsOf(graph: Graph): { readonly count: number; readonly bytes: number } {
  const { first } = graph.lifetimes();
  const locals = graph.buffers.filter(({ kind }, buffer) => kind === 'local' && first[buffer]! >= 0);
  return { count: locals.length, bytes: locals.reduce((sum, { bytes }) => sum + bytes, 0) };
}
