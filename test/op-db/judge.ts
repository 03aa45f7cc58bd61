/** Runs samples, eagerly and compiled, and says what came of each. */
import { compile, FlambeauError, InternalError, manualSeed, Tensor, type nn } from 'flambeau';
import { hasWholeFloat, tensorOf, tensorsOf, type Case, type Container, type Encoded, type Group } from './container.ts';
import { Inexpressible, type Adapter } from './call.ts';
import { MODULES, OPERATIONS, OPTIMIZERS } from './table.ts';
import { formDiffers, slackOf, tensorDiffers, Witness, type Slack } from './tolerance.ts';

/**
 * What came of a sample: `right`, or `wrong` with what differs; `untyped`, an error that is not the library's, or an internal one; `accepted`,
 * a call that PyTorch refuses; `refused`, a call that PyTorch accepts: the library says why not, or it cannot be written at all.
 */
export interface Verdict {
  readonly outcome: 'right' | 'wrong' | 'untyped' | 'accepted' | 'refused';
  /** What differs; the reason, without the numbers in it. */
  readonly what: string;
}

export type Mode = 'eager' | 'compiled';
export const MODES: readonly Mode[] = ['eager', 'compiled'];

const RIGHT: Verdict = { outcome: 'right', what: '' };
const wrong = (what: string): Verdict => ({ outcome: 'wrong', what });

/** The adapter of an entry; that of a variant is its operation's. */
function adapterOf(name: string): Adapter {
  const plain = name.split(':')[0]!;
  return OPERATIONS.get(plain) ?? MODULES[plain] ?? OPTIMIZERS[plain] ?? missing(name);
}

function missing(name: string): never {
  throw new Error(`op-db: nothing here is called ${name}`);
}

/** Less precise results that are not PyTorch's are judged once more by what float64 makes of the sample. */
export function judge(group: Group, sample: Case, mode: Mode): Verdict {
  const verdict = judgeOnce(group, sample, mode);
  const dtypes = [sample.dtype, ...tensorsOf([...sample.args, ...Object.values(sample.kwargs ?? {})]).map(([dtype]) => dtype)];
  if (verdict.outcome !== 'wrong' || !dtypes.some((dtype) => SHORT.includes(dtype))) return verdict;
  const witness = new Witness();
  judgeOnce({ ...group, box: group.box.precise() }, sample, 'eager', witness);
  return judgeOnce(group, sample, mode, witness.testify());
}
const SHORT: readonly string[] = ['float32', 'float16', 'bfloat16'];

function judgeOnce(group: Group, sample: Case, mode: Mode, witness?: Witness): Verdict {
  const plain = group.name.split(':')[0]!;
  try {
    if (plain in OPTIMIZERS) return judgeOptimizer(group, sample, mode);
    if (plain in MODULES) return judgeModule(group, sample, mode, witness);
    return judgeCall(group, sample, mode, witness);
  } catch (error) {
    return failed(error, sample);
  }
}

function failed(error: unknown, sample: Case): Verdict {
  if (error instanceof Inexpressible) return { outcome: 'refused', what: `cannot be written: ${error.message}` };
  if (!(error instanceof FlambeauError) || error instanceof InternalError) {
    const [text, first] = (error instanceof Error ? (error.stack ?? error.message) : String(error)).split('\n');
    return { outcome: 'untyped', what: `${text}${first ?? ''}` };
  }
  if (sample.error !== undefined) return RIGHT;
  return { outcome: 'refused', what: reason(error) };
}

/** A message without the numbers and shapes in it, so that equal reasons count together. */
export function reason(error: FlambeauError): string {
  const general = error.message
    .replace(/\[[^\]]*\]/g, '[…]')
    .replace(/-?\d+(\.\d+)?(e[+-]?\d+)?(×\d+)*/g, '#')
    .replace(/#(×#)+|#(, #)+/g, '#');
  return `${error.name}: ${general.length > 110 ? `${general.slice(0, 110)}…` : general}`;
}

// ---- calls of operations

/** The tensors that a call gives, in order; other values as they are. */
export function flat(result: unknown): unknown[] {
  if (typeof result === 'object' && result !== null && 'values' in result && 'indices' in result && !('layout' in result))
    return flat([result.values, result.indices]);
  return Array.isArray(result) ? (result as unknown[]).flatMap((r) => flat(r)) : [result];
}

/** Calls `run` with tensors in place of the stored ones: the arguments', and a gradient for every output that has one. */
function execute(
  sample: Case,
  box: Container,
  mode: Mode,
  parameters: readonly Tensor[],
  run: (take: () => Tensor) => unknown,
): { outputs: unknown[]; inputs: Tensor[] } {
  const inputs = storedOf(sample).map((stored) => box.tensor(stored));
  const ups = (sample.up ?? []).map((up) => (up === null ? null : box.tensor(tensorOf(up)!)));
  const flags: boolean[] = [];
  const whole = (given: Tensor[], gradients: (Tensor | null)[]): unknown[] => {
    let next = 0;
    const outputs = flat(run(() => given[next++]!));
    flags.push(...outputs.map((y) => y instanceof Tensor && y.requiresGrad));
    outputs.forEach((y, i) => {
      const [got, up] = [y instanceof Tensor && y.requiresGrad ? y.layout.shape : undefined, gradients[i]?.layout.shape];
      if (got !== undefined && up !== undefined && got.join() !== up.join())
        throw new Wrong(`output ${i}: shape [${got.join()}], expected [${up.join()}]`);
    });
    const flowing = outputs.flatMap((y, i) =>
      y instanceof Tensor && y.requiresGrad && gradients[i] != null ? [[y, gradients[i]] as const] : [],
    );
    flowing.forEach(([y, up], i) => y.backward(up, { retainGraph: i < flowing.length - 1 }));
    return outputs.map((y) => (y instanceof Tensor ? y.detach() : y));
  };
  manualSeed(0);
  if (mode === 'eager') return { outputs: flagged(whole(inputs, ups), flags, ups), inputs };
  const compiled = compile(whole as (given: Tensor[], gradients: (Tensor | null)[]) => Tensor[]);
  compiled(inputs, ups);
  for (const leaf of [...inputs, ...parameters]) leaf.grad = null;
  const outputs = compiled(inputs, ups); // what was recorded, run again
  return { outputs: flagged(outputs, flags, ups), inputs };
}

/** Found out before the results could be compared. */
class Wrong extends Error {}

/** PyTorch and the library must agree on which outputs have a gradient. */
function flagged(outputs: unknown[], flags: readonly boolean[], ups: readonly (Tensor | null)[]): unknown[] {
  const differs = outputs.findIndex((y, i) => y instanceof Tensor && ups.length > 0 && flags[i] !== (ups[i] != null));
  if (differs !== -1) throw new Wrong(`output ${differs}: requiresGrad is ${flags[differs]!}`);
  return outputs;
}

/** The call of a sample with tensors in place of the stored ones, and those. */
export function runOf({ name, box }: Pick<Group, 'name' | 'box'>, sample: Case): { inputs: Tensor[]; run: Run } {
  const adapter = adapterOf(name);
  const run = (take: () => Tensor): unknown => {
    const args = sample.args.map((v) => box.value(v, take));
    const kwargs = Object.fromEntries(Object.entries(sample.kwargs ?? {}).map(([k, v]) => [k, box.value(v, take)]));
    return adapter.call(args, kwargs);
  };
  return { inputs: storedOf(sample).map((stored) => box.tensor(stored)), run };
}
type Run = (take: () => Tensor) => unknown;
const storedOf = (sample: Case): ReturnType<typeof tensorsOf> => [...tensorsOf(sample.args), ...tensorsOf(sample.kwargs)];

function judgeCall({ name, box }: Group, sample: Case, mode: Mode, witness?: Witness): Verdict {
  const adapter = adapterOf(name);
  const whole = hasWholeFloat(sample.args) || hasWholeFloat(sample.kwargs);
  const stored = [...tensorsOf(sample.args), ...tensorsOf(sample.kwargs)];
  const wholeTensors = stored.length > 0 && !stored.some(([dtype]) => dtype.startsWith('float'));
  if (whole && (wholeTensors || sample.error !== undefined))
    throw new Inexpressible('2.0 beside whole numbers: JavaScript does not tell it from 2');
  try {
    const { outputs, inputs } = execute(sample, box, mode, [], runOf({ name, box }, sample).run);
    if (sample.error !== undefined) return { outcome: 'accepted', what: sample.error };
    return compare(sample, box, outputs, inputs, slackOf(name, witness), adapter.random);
  } catch (error) {
    if (error instanceof Wrong) return wrong(error.message);
    throw error;
  }
}

function compare(sample: Case, box: Container, outputs: unknown[], inputs: readonly Tensor[], slack: Slack, random = false): Verdict {
  const expected = sample.out ?? [];
  if (outputs.length !== expected.length) return wrong(`${outputs.length} outputs, expected ${expected.length}`);
  for (const [i, y] of outputs.entries()) {
    const problem = differs(y, expected[i]!, box, slack, random);
    if (problem !== undefined) return wrong(`output ${i}: ${problem}`);
  }
  if (random || sample.grads === undefined) return RIGHT;
  const leaves = inputs.filter((x) => x.requiresGrad);
  return gradientsDiffer(leaves, sample.grads, box, slack) ?? RIGHT;
}

function gradientsDiffer(leaves: readonly Tensor[], grads: readonly Encoded[], box: Container, slack: Slack): Verdict | undefined {
  for (const [i, leaf] of leaves.entries()) {
    const expected = grads[i] ?? null;
    if (expected === null || leaf.grad === null) {
      if ((expected === null) !== (leaf.grad === null) && !isZero(leaf.grad, expected, box))
        return wrong(`gradient ${i}: ${leaf.grad === null ? 'none, expected one' : 'one came, expected none'}`);
      continue;
    }
    const problem = tensorDiffers(leaf.grad, box.host(expected)!, { ...slack, times: 10 * slack.times });
    if (problem !== undefined) return wrong(`gradient ${i}: ${problem}`);
  }
  return undefined;
}

/** A gradient of zeros is as good as none. */
function isZero(got: Tensor | null, expected: Encoded, box: Container): boolean {
  const values = got?.toTypedArray() ?? box.host(expected)!.data;
  return values.every((v: number | bigint) => Number(v) === 0);
}

function differs(got: unknown, expected: Encoded, box: Container, slack: Slack, random: boolean): string | undefined {
  const host = box.host(expected);
  if (host !== undefined) {
    if (!(got instanceof Tensor)) return `${typeof got}, expected a tensor`;
    return random ? formDiffers(got, host) : tensorDiffers(got, host, slack);
  }
  const value = box.value(expected);
  const [a, b] = [Number(got), Number(value)];
  return a === b || (Number.isNaN(a) && Number.isNaN(b)) ? undefined : `${String(got)}, expected ${String(value)}`;
}

// ---- modules

type Named = ReadonlyMap<string, Tensor | null>;
type Net = nn.Module & ((...args: unknown[]) => unknown);

/** Modules whose forward takes much that may be left out: what the database gives by name, they get by name. */
const BY_NAME = ['nn.MultiheadAttention'];
const ourName = (name: string): string => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
/** What was given as 0.0 prints as that in Python; JavaScript does not tell it from 0. */
const withoutPoint = (text: string): string => text.replace(/([=(])(\d+)\.0\b/g, '$1$2');

function madeOf({ name, box }: Pick<Group, 'name' | 'box'>, sample: Case): Net {
  const [args, kwargs] = sample.made!.map((v) => box.value(v));
  return adapterOf(name).call(args as unknown[], kwargs as Record<string, unknown>) as Net;
}

/** A sample's module with its state, and its call. */
function filled(net: Net, { name, box }: Pick<Group, 'name' | 'box'>, sample: Case, isDouble: boolean): { net: Net; run: Run } {
  const state = Object.entries((box.value(sample.state ?? { dict: {} }) ?? {}) as Record<string, Tensor>);
  if (isDouble) net.double();
  net.loadStateDict(new Map(state));
  net.train(sample.training ?? true);
  const run = (take: () => Tensor): unknown => {
    const values = sample.args.map((v) => box.value(v, take));
    const named = Object.entries(sample.kwargs ?? {}).map(([key, v]) => [ourName(key), box.value(v, take)] as const);
    if (BY_NAME.includes(name) && named.length > 0)
      return net(...values, Object.fromEntries(named.map(([key, v]) => [key, v ?? undefined])));
    return net(...values, ...named.map(([, v]) => v));
  };
  return { net, run };
}

/** A sample's module in float64, its inputs and its call. */
export function netOf(group: Pick<Group, 'name' | 'box'>, sample: Case): { net: Net; inputs: Tensor[]; run: Run } {
  return { ...filled(madeOf(group, sample), group, sample, true), inputs: storedOf(sample).map((stored) => group.box.tensor(stored)) };
}

function judgeModule({ name, box }: Group, sample: Case, mode: Mode, witness?: Witness): Verdict {
  if (sample.error !== undefined && sample.made!.some((v) => hasWholeFloat(v)))
    throw new Inexpressible('2.0 where a whole number is wanted: JavaScript does not tell it from 2');
  const made = madeOf({ name, box }, sample);
  if (sample.error !== undefined && sample.args.length === 0) return { outcome: 'accepted', what: sample.error };
  const { net, run } = filled(made, { name, box }, sample, sample.dtype === 'float64' || witness?.notes === true);
  const parameters = [...net.namedParameters()].map(([, p]) => p as Tensor);
  try {
    const { outputs, inputs } = execute(sample, box, mode, parameters, run);
    if (sample.error !== undefined) return { outcome: 'accepted', what: sample.error };
    const verdict = compare(sample, box, outputs, inputs, slackOf(name, witness));
    if (verdict !== RIGHT) return verdict;
    const written = sample.made!.some((v) => hasWholeFloat(v)) ? withoutPoint : (text: string): string => text;
    if (sample.text !== undefined && written(String(net)) !== written(sample.text))
      return wrong(`prints as ${String(net)}, expected ${sample.text}`);
    return stateDiffers(net, sample, box, mode, slackOf(name, witness)) ?? RIGHT;
  } catch (error) {
    if (error instanceof Wrong) return wrong(error.message);
    throw error;
  }
}

function stateDiffers(net: Net, sample: Case, box: Container, mode: Mode, slack: Slack): Verdict | undefined {
  const grads = entriesOf(sample.parameters);
  const parameters: Named = new Map([...net.namedParameters()] as [string, Tensor][]);
  if (
    [...parameters.keys()].join() !==
      entriesOf(sample.parameters)
        .map(([key]) => key)
        .join() &&
    sample.parameters !== undefined
  )
    return wrong(`parameters ${[...parameters.keys()].join()}`);
  const verdict = gradientsDiffer(
    grads.map(([key]) => parameters.get(key)!),
    grads.map(([, value]) => value),
    box,
    slack,
  );
  if (verdict !== undefined) return { ...verdict, what: `parameter's ${verdict.what}` };
  if (mode === 'compiled') return undefined; // ran twice: statistics have moved on
  const buffers: Named = new Map(net.namedBuffers() as Iterable<[string, Tensor]>);
  for (const [key, value] of entriesOf(sample.after)) {
    const problem = tensorDiffers(buffers.get(key)!, box.host(value)!, slack);
    if (problem !== undefined) return wrong(`buffer ${key}: ${problem}`);
  }
  return undefined;
}

const entriesOf = (value: Encoded | undefined): [string, Encoded][] =>
  Object.entries((value as { dict?: Record<string, Encoded> } | undefined)?.dict ?? {});

// ---- optimizers

interface Stepping {
  step(): unknown;
  zeroGrad(): void;
}

function judgeOptimizer({ name, box }: Group, sample: Case, mode: Mode): Verdict {
  const known = new Map<string, Tensor>(); // where a parameter is given twice, it is one
  const args = box.value(sample.args, (stored) => {
    const key = stored.join();
    if (!known.has(key)) known.set(key, box.tensor(stored));
    return known.get(key);
  }) as unknown[];
  const kwargs = Object.fromEntries(Object.entries(sample.kwargs ?? {}).map(([k, v]) => [k, box.value(v)]));
  const parameters = (args[0] as Tensor[] | null) ?? [];
  if (sample.error === undefined) for (const p of parameters) p.requiresGrad_();
  const optimizer = adapterOf(name).call([parameters], kwargs) as Stepping;
  if (sample.error !== undefined) return { outcome: 'accepted', what: sample.error };
  const given = box.value(sample.given!) as Tensor[][];
  const expected = sample.out as unknown as readonly (readonly Encoded[])[];
  const step = (grads: Tensor[]): void => {
    parameters.forEach((p, i) => (p.grad = grads[i]!.clone()));
    optimizer.step();
  };
  const stepping = mode === 'eager' ? step : compile(step as (grads: Tensor[]) => never);
  for (const [n, grads] of given.entries()) {
    stepping(grads);
    for (const [i, p] of parameters.entries()) {
      const problem = tensorDiffers(p, box.host(expected[n]![i]!)!, slackOf(name));
      if (problem !== undefined) return wrong(`step ${n}, parameter ${i}: ${problem}`);
    }
  }
  return RIGHT;
}
