/** Starts a program in several processes and stands for it: signals go there, its exit code comes back. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DistributedError } from '../base/errors.ts';
import { FAILED_FILE, LAUNCHED } from '../distributed/environment.ts';
import { findMpirun, mpirunArguments, mpirunEnvironment, type Job, type MpiKind } from './mpirun.ts';
import { UsageError } from './options.ts';

/** This program's own file. */
const OWN = fileURLToPath(new URL('../../bin/flambeau.js', import.meta.url));

/** What processes learn from the program that has started them: the width of the terminal, or 0 where there is none. */
export const COLUMNS = 'FLAMBEAU_COLUMNS';

export interface Start extends Omit<Job, 'command'> {
  readonly mpi?: MpiKind | undefined;
  /** Arguments of Node and the program. */
  readonly command: readonly string[];
  /** Whether the first Ctrl-C only asks the processes to come to an end, for which they listen. */
  readonly isAsked?: boolean;
  /** Milliseconds that mpirun may take to end when processes have. */
  readonly cleanUpMs?: number;
}

/** The command line of this program in each process. */
export const ownCommand = (...words: readonly string[]): string[] => [OWN, ...words];

/** @returns the exit code: that of the processes, or 128 and the number of the signal */
export async function launch({ mpi, isAsked = false, cleanUpMs = 8000, command, ...job }: Start): Promise<number> {
  const mpirun = findMpirun(mpi);
  const { env, stderr, execArgv, execPath } = process;
  const folder = mkdtempSync(join(tmpdir(), 'flambeau-run-'));
  const terminal = stderr.isTTY ? { [COLUMNS]: String(stderr.columns) } : {};
  // Open MPI writes through a terminal of its own, whatever stands behind it.
  const plain = process.stdout.isTTY ? {} : { NO_COLOR: '1' };
  const told = { ...plain, ...mpirunEnvironment(mpirun, env, process.getuid?.() === 0), ...terminal, [LAUNCHED]: folder };
  const words = mpirunArguments(mpirun, { ...job, command: [execPath, ...execArgv, ...command] }, told);
  // In a group of its own: a Ctrl-C would reach mpirun from the terminal as well, and two are one too many.
  const stdin = process.stdin.isTTY ? 'ignore' : 'inherit';
  const child = spawn(mpirun.path, words, { env: told, stdio: [stdin, 'inherit', 'inherit'], detached: true });
  let asked: NodeJS.Signals | undefined;
  const listeners = SIGNALS.map((signal) => {
    const listener = (): void => {
      const isFirst = isAsked && asked === undefined && ENDING.includes(signal);
      if (ENDING.includes(signal)) asked ??= signal;
      child.kill(isFirst ? ASKING[mpirun.kind] : signal);
    };
    process.on(signal, listener);
    return () => process.off(signal, listener);
  });
  const stopLooking = endAfterFailure(child, folder, cleanUpMs);
  try {
    return await new Promise((resolve, reject) => {
      child.on('error', (cause) => reject(new DistributedError(`${mpirun.path} cannot be started: ${cause.message}`, { cause })));
      child.on('exit', (code, signal) => {
        const own = signal === null ? (code ?? 1) : codeOf(signal);
        resolve(asked === undefined ? own : codeOf(asked)); // mpirun has codes of its own for that
      });
    });
  } finally {
    for (const off of listeners) off();
    stopLooking();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Ends mpirun where it outlives a failed job: it waits for ever for a host that is gone. What this returns takes it back. */
function endAfterFailure(mpirun: ChildProcess, folder: string, cleanUpMs: number): () => void {
  let failed: number | undefined;
  const look = setInterval(() => {
    if (failed === undefined && existsSync(join(folder, FAILED_FILE))) failed = performance.now();
    if (failed === undefined || performance.now() - failed < cleanUpMs) return;
    clearInterval(look);
    process.stderr.write('flambeau run: processes have ended, but mpirun waits, as when a host is out of reach: it is ended now\n');
    try {
      process.kill(-mpirun.pid!, 'SIGKILL');
    } catch {
      // It has ended meanwhile.
    }
  }, 500);
  return () => clearInterval(look);
}

/** Whether {@link launch} has started this process. */
export const isLaunched = (): boolean => (process.env[LAUNCHED] ?? '') !== '';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2'] as const;
/** Those by which people end a program. */
const ENDING: readonly string[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** What reaches the processes: Open MPI would end them a second after SIGINT, MPICH itself ends of SIGUSR2. */
const ASKING = { openmpi: 'SIGUSR2', mpich: 'SIGINT' } as const;

const codeOf = (signal: NodeJS.Signals): number => 128 + constants.signals[signal];

/** Arguments of Node that let it run a file. @throws UsageError for TypeScript where this Node has none */
export function nodeArguments(file: string): string[] {
  if (!/\.[cm]?tsx?$/i.test(file)) return [];
  const { features, versions, env, execArgv } = process;
  const hasTypes = Boolean((features as { readonly typescript?: unknown }).typescript);
  const isHelped = /--(import|require|loader|experimental-loader|experimental-strip-types)\b/.test(
    [env['NODE_OPTIONS'], ...execArgv].join(' '),
  );
  if (hasTypes || isHelped) return [];
  const [major = 0, minor = 0] = versions.node.split('.').map(Number);
  if (major > 22 || (major === 22 && minor >= 6)) return ['--experimental-strip-types'];
  throw new UsageError(
    `flambeau run: Node ${versions.node} does not run TypeScript (${file}); use Node 22.6 or later, or a loader, as in NODE_OPTIONS='--import tsx' flambeau run …`,
  );
}
