/** `flambeau run`: starts a program in several processes by the machine's MPI. */
import { statSync } from 'node:fs';
import { launchOf } from '../distributed/environment.ts';
import type { Command } from './command.ts';
import { launch, nodeArguments, ownCommand } from './launch.ts';
import { choice, describeOptions, flag, number, parseOptions, text, UsageError, type Options } from './options.ts';

const OPTIONS = {
  processes: number('N', 'How many; -n N is the same.', { whole: true, min: 1, max: 100_000 }),
  mpi: choice(['openmpi', 'mpich'], 'Which MPI, where the machine has both (default: the one whose mpirun is found).'),
  hosts: text('A,B', 'Machines to run on, each reached by ssh; A:4,B:8 says how many run on each.'),
  hostfile: text('FILE', 'A file that lists them, as mpirun reads it.'),
  tag: flag('Say before each line which process has written it.', false),
  help: flag('Print this help.'),
};

const USAGE = 'run -n N [options] PROGRAM [arguments]';
const DETAILS = `Starts PROGRAM, a file of JavaScript (or TypeScript, where Node runs that), in N processes that find each other by flambeau/distributed:

  flambeau run -n 4 train.mjs
  flambeau run -n 8 --hosts one,two train.mjs --epochs 10
  flambeau run -n 4 train photos/            the same as flambeau train --processes 4 photos/

It is mpirun, of Open MPI or MPICH, with what Node programs need: allowed as root, more processes than processors, none bound to a part of
them, and processes that wait let others run. Each takes its part of the processors for threads. Signals go to the processes, and the exit code is theirs.`;

const help = (): string => [`Usage: flambeau ${USAGE}`, '', DETAILS, '', 'Options:', describeOptions(OPTIONS)].join('\n');

/** Where the program begins: options before it are ours, those behind it its own. */
function splitAtProgram(argv: readonly string[], options: Options): number {
  const dashed = (word: string): string => word.replace(/^--?/, '');
  let at = 0;
  while (at < argv.length && argv[at]!.startsWith('-') && argv[at] !== '--') {
    const option = options[dashed(argv[at]!)];
    at += option?.value !== undefined && !argv[at]!.includes('=') ? 2 : 1;
  }
  return Math.min(at, argv.length);
}

const LONG: Readonly<Record<string, string>> = { '-n': '--processes', '-np': '--processes', '-h': '--help' };

/** Commands of this program that work in several processes. */
const OWN_COMMANDS = ['train'];

/** The program as Node is told of it. @throws UsageError where there is no such file */
function programOf([file, ...rest]: readonly string[], commands: readonly string[]): { readonly words: string[]; readonly isOwn: boolean } {
  if (file === undefined) throw new UsageError(`flambeau run: which program? usage: flambeau ${USAGE}`);
  const isFile = statSync(file, { throwIfNoEntry: false })?.isFile() === true;
  if (isFile) return { words: [...nodeArguments(file), file, ...rest], isOwn: false };
  if (OWN_COMMANDS.includes(file)) return { words: ownCommand(file, ...rest), isOwn: true };
  if (commands.includes(file))
    throw new UsageError(`flambeau run: flambeau ${file} works in one process; only ${OWN_COMMANDS.join(', ')} in several`);
  throw new UsageError(`flambeau run: there is no file '${file}'; expected a program of JavaScript, or train`);
}

/** @param commands - names of all commands, for messages */
export function runCommand(commands: () => readonly string[]): Command {
  return {
    name: 'run',
    summary: 'Start a program, or train, in several processes.',
    help,
    async execute(argv, terminal) {
      const words = [...argv];
      let at = splitAtProgram(
        words.map((word) => LONG[word] ?? word),
        OPTIONS,
      );
      const { values } = parseOptions(
        OPTIONS,
        words.slice(0, at).map((word) => LONG[word] ?? word),
      );
      if (values.help === true) {
        terminal.line(help());
        return 0;
      }
      if (words[at] === '--') at++;
      const { processes, mpi, hosts, hostfile, tag } = values;
      if (processes === undefined) throw new UsageError(`flambeau run: how many processes? say -n 4; usage: flambeau ${USAGE}`);
      if (hosts !== undefined && hostfile !== undefined)
        throw new UsageError('flambeau run: --hosts and --hostfile say the same; give one of them');
      const launcher = launchOf(process.env)?.launcher;
      if (launcher === 'Open MPI' || launcher === 'MPICH')
        throw new UsageError(`flambeau run: ${launcher} has started this process already; call the program itself`);
      const { words: command, isOwn } = programOf(words.slice(at), commands());
      return await launch({ processes, mpi, hosts, hostfile, tag, command, isAsked: isOwn });
    },
  };
}
