/** What a command of `flambeau` is: a name, a table of options, and what it does; and the running of one. */
import { describeOptions, flag, parseOptions, UsageError, type Options, type Parsed } from './options.ts';
import type { Terminal } from './terminal.ts';

/** A command as its file states it. */
export interface CommandDefinition<O extends Options> {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** What follows `flambeau` in the usage line. */
  readonly usage: string;
  /** More for its `--help`. */
  readonly details: string;
  readonly options: O;
  /** How many arguments that are no options it takes. */
  readonly arguments: { readonly min: number; readonly max: number };
  /** Does it; the exit code. `argv` is the command line as it came. */
  readonly run: (parsed: Parsed<O>, terminal: Terminal, argv: readonly string[]) => Promise<number>;
}

/** A command that can be run, whatever its options. */
export interface Command {
  readonly name: string;
  readonly summary: string;
  help(): string;
  /** @throws UsageError when the command line does not fit */
  execute(argv: readonly string[], terminal: Terminal): Promise<number>;
}

export function command<O extends Options>(definition: CommandDefinition<O>): Command {
  const { name, summary, usage, details, arguments: counts } = definition;
  const options = { ...definition.options, help: flag('Print this help.') };
  const help = (): string => [`Usage: flambeau ${usage}`, '', details, '', 'Options:', describeOptions(options)].join('\n');
  return {
    name,
    summary,
    help,
    async execute(argv, terminal) {
      const parsed = parseOptions(
        options,
        argv.map((word) => (word === '-h' ? '--help' : word)),
      );
      if (parsed.values['help'] === true) {
        terminal.line(help());
        return 0;
      }
      const count = parsed.positionals.length;
      if (count < counts.min) throw new UsageError(`flambeau ${name}: an argument is missing; usage: flambeau ${usage}`);
      if (count > counts.max)
        throw new UsageError(`flambeau ${name}: too many arguments ('${parsed.positionals[counts.max]!}'); usage: flambeau ${usage}`);
      return await definition.run(parsed, terminal, argv);
    },
  };
}
