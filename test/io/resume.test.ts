/**
 * Training goes on where it was broken off: every optimizer and every schedule, from PyTorch's file with the state of the network, the optimizer
 * and the schedule after three steps, and the other way round (test/fixtures/resume.py).
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { F, nn, optim, type Tensor } from 'flambeau';
import { deserialize, serialize, type CheckpointInput, type CheckpointValue } from 'flambeau/files';
import { expect, test } from 'vitest';
import { pythonWithTorch, statedTorch } from '../support/python-packages.ts';
import { fixture } from './pt-support.ts';

type Saved = Map<string, CheckpointValue>;
/** PyTorch's name of something, and its arguments. */
type Made = [name: string, kwargs: Record<string, unknown>];
type Scheduler = optim.LRScheduler;
interface Run {
  readonly net: Net;
  readonly optimizer: optim.Optimizer;
  readonly scheduler: Scheduler | null;
}

class Net extends nn.Module {
  conv = new nn.Conv2d(1, 2, 3);
  fc = new nn.Linear(18, 3);
  override forward(x: Tensor): Tensor {
    return this.fc(this.conv(x).tanh().flatten(1));
  }
}

const file = deserialize<Saved>(gunzipSync(fixture('resume.pt.gz')));
const cases = file.get('cases') as Map<string, Saved>;
const [x, y] = [file.get('x') as Tensor, file.get('y') as Tensor];
const names = [...cases.keys()];

/** Arguments under our names: `T_max` is `tMax`. */
const ours = (kwargs: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(kwargs).map(([key, value]) => [
      key.replace(/^T_/, 't_').replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase()),
      value,
    ]),
  );

const OPTIMIZERS = optim as unknown as Record<string, new (...args: unknown[]) => optim.Optimizer>;
const SCHEDULERS = { ...optim.lrScheduler, ...optim.swaUtils } as unknown as Record<string, new (...args: unknown[]) => Scheduler>;

function schedule(optimizer: optim.Optimizer, [name, kwargs]: Made): Scheduler {
  const options = ours(kwargs);
  if ('lrLambda' in options) options['lrLambda'] = (epoch: number) => 1 / (1 + epoch / 4);
  if ('schedulers' in options) options['schedulers'] = (options['schedulers'] as Made[]).map((inner) => schedule(optimizer, inner));
  if (name === 'ChainedScheduler') return new SCHEDULERS[name]!(options['schedulers']);
  return new SCHEDULERS[name]!(optimizer, options);
}

function begin(name: string, state: CheckpointValue): Run {
  const [[kind, kwargs], scheduler] = JSON.parse(cases.get(name)!.get('case') as string) as [Made, Made | null];
  const net = new Net();
  net.loadStateDict(state as never);
  const trained = [...net.parameters()].filter((p) => kind !== 'Muon' || p.ndim === 2);
  const optimizer = new OPTIMIZERS[kind]!(trained, ours(kwargs));
  return { net, optimizer, scheduler: scheduler && schedule(optimizer, scheduler) };
}

function steps({ net, optimizer, scheduler }: Run, count: number): number[] {
  return Array.from({ length: count }, () => {
    const loss = (optimizer as optim.LBFGS).step(() => {
      optimizer.zeroGrad();
      const value = F.crossEntropy(net(x), y);
      value.backward();
      return value;
    }) as Tensor;
    const value = loss.item();
    if (scheduler instanceof optim.lrScheduler.ReduceLROnPlateau) scheduler.step(value);
    else scheduler?.step();
    return value;
  });
}

const packed = ({ net, optimizer, scheduler }: Run): CheckpointInput => ({
  model: net.stateDict(),
  optimizer: optimizer.stateDict(),
  ...(scheduler === null ? {} : { scheduler: scheduler.stateDict() }),
});

/** Losses of float32 after up to eight steps; those of a line search are the roundest. */
function expectLosses(found: readonly number[], wanted: CheckpointValue | undefined): void {
  const losses = wanted as number[];
  expect(found).toHaveLength(losses.length);
  found.forEach((loss, i) => expect(Math.abs(loss - losses[i]!)).toBeLessThan(2e-5 * (1 + Math.abs(losses[i]!))));
}

test.each(names)('%s: from PyTorch’s file', (name) => {
  const saved = cases.get(name)!;
  const run = begin(name, saved.get('model')!);
  run.optimizer.loadStateDict(saved.get('optimizer'));
  run.scheduler?.loadStateDict(saved.get('scheduler'));
  expectLosses(steps(run, 5), saved.get('after'));
});

const python = pythonWithTorch(2);
test(`PyTorch goes on from our file (${statedTorch(python, 'needs PyTorch 2: tools/python-env.sh')})`, () => {
  const half = names.map((name): [string, CheckpointInput] => {
    const run = begin(name, file.get('start')!);
    expectLosses(steps(run, 3), cases.get(name)!.get('before'));
    return [name, packed(run)];
  });
  if (python === undefined) return;
  const folder = mkdtempSync(join(tmpdir(), 'flambeau-resume-'));
  try {
    const path = join(folder, 'ours.pt');
    writeFileSync(path, serialize({ x, y, cases: new Map(half) }));
    const script = fileURLToPath(new URL('../fixtures/resume.py', import.meta.url));
    const { status, stdout, stderr } = spawnSync(python, [script, 'resume', path], { encoding: 'utf8' });
    expect(status, stderr).toBe(0);
    const losses = JSON.parse(stdout) as Record<string, number[]>;
    for (const name of names) expectLosses(losses[name]!, cases.get(name)!.get('after'));
  } finally {
    rmSync(folder, { recursive: true });
  }
});
