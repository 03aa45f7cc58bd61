/** The program `flambeau`: finds the command, runs it, and turns errors into one message and an exit code. */
import { readFileSync } from 'node:fs';
import { FlambeauError } from '../base/errors.ts';
import { enableNative } from '../devices/cpu/native/native.ts';
import { enableWide } from '../lower/cpu/wide.ts';
import '../nn/families/index.ts';
import '../optim/families/optimizer-states.ts';
import '../tensor/families/index.ts';
import { enableDebug } from '../tensor/debug.ts';
import { enableSweeps } from '../tensor/sweep-here.ts';
import { checkCommand } from './check.ts';
import type { Command } from './command.ts';
import { convertCommand } from './convert.ts';
import { datasetsCommand } from './datasets.ts';
import { evaluateCommand } from './evaluate.ts';
import { explainCommand } from './explain.ts';
import { exportCommand } from './export.ts';
import { inspectCommand } from './inspect.ts';
import { modelsCommand } from './models.ts';
import { didYouMean, UsageError } from './options.ts';
import { predictCommand } from './predict.ts';
import { harmless } from '../base/shown.ts';
import { COLUMNS, isLaunched } from './launch.ts';
import { byOption } from './limits.ts';
import { isSaidElsewhere, rankHere } from './processes.ts';
import { runCommand } from './run.ts';
import { summaryCommand } from './summary.ts';
import { Terminal, type Sink } from './terminal.ts';
import { trainCommand } from './train.ts';

const COMMANDS: readonly Command[] = [
  trainCommand,
  checkCommand,
  evaluateCommand,
  predictCommand,
  exportCommand,
  summaryCommand,
  explainCommand,
  inspectCommand,
  convertCommand,
  modelsCommand,
  datasetsCommand,
  runCommand(() => COMMANDS.map(({ name }) => name)),
];

/** Exit codes. */
const FAILURE = 1;
const USAGE = 2;

/**
 * Runs a command line.
 * @returns the exit code: 0 when all went well, 1 when it failed, 2 when the command line made no sense
 */
export async function main(argv: readonly string[], out: Sink, err: Sink): Promise<number> {
  const terminal = new Terminal(out, shownOn(err));
  // To wait for native kernels costs seconds, once; to move to them while training would change the last bits of what a seed gives.
  process.env['FLAMBEAU_NATIVE'] ??= 'wait';
  enableNative();
  enableWide();
  enableSweeps();
  enableDebug();
  try {
    return await dispatch(argv, terminal);
  } catch (error) {
    terminal.done();
    if (!isSaidElsewhere(error)) err.write(`${harmless(describe(error))}\n`);
    return error instanceof UsageError ? USAGE : FAILURE;
  }
}

/** Where the progress line goes: behind `flambeau run` there may be a terminal. */
function shownOn(err: Sink): Sink {
  const columns = Number(process.env[COLUMNS] ?? 0);
  return columns > 0 && isLaunched() ? { write: (text) => err.write(text), isTTY: true, columns } : err;
}

async function dispatch([name, ...rest]: readonly string[], terminal: Terminal): Promise<number> {
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    const topic = name === 'help' ? rest[0] : undefined;
    terminal.line(topic === undefined ? overview() : find(topic).help());
    return name === undefined ? USAGE : 0;
  }
  if (name === '--version' || name === 'version') {
    terminal.line(version());
    return 0;
  }
  return await find(name).execute(rest, terminal);
}

function find(name: string): Command {
  const command = COMMANDS.find((known) => known.name === name);
  if (command !== undefined) return command;
  const names = COMMANDS.map((known) => known.name);
  if (name.startsWith('-')) throw new UsageError(`flambeau: expected a command first (${names.join(', ')}), but got the option ${name}`);
  throw new UsageError(`flambeau: there is no command '${name}'${didYouMean(name, names, '')}; there are ${names.join(', ')}`);
}

function overview(): string {
  const width = Math.max(...COMMANDS.map((command) => command.name.length));
  return [
    'Usage: flambeau COMMAND [options]',
    '',
    'Trains convolutional networks on images, and uses them. Checkpoints are PyTorch files.',
    '',
    'Commands:',
    ...COMMANDS.map((command) => `  ${command.name.padEnd(width)}  ${command.summary}`),
    '',
    'flambeau COMMAND --help says more about one; flambeau --version prints the version.',
  ].join('\n');
}

function version(): string {
  const file = new URL('../../package.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}

/** One message; with FLAMBEAU_DEBUG=1 also where it came from. */
function describe(error: unknown): string {
  const debug = process.env['FLAMBEAU_DEBUG'] === '1';
  if (debug && error instanceof Error) return `${error.stack ?? error.message}${causes(error)}`;
  const known = error instanceof FlambeauError;
  const message = error instanceof Error ? error.message : String(error);
  const who = rankHere() === 0 ? 'flambeau' : `flambeau, rank ${rankHere()}`;
  return known
    ? `${who}: ${byOption(message.replace(/^flambeau[: ] ?/, ''))}`
    : `${who}: unexpected error: ${message} (FLAMBEAU_DEBUG=1 shows where)`;
}

function causes(error: Error): string {
  if (!(error.cause instanceof Error)) return '';
  return `\ncaused by ${error.cause.stack ?? error.cause.message}${causes(error.cause)}`;
}
