/** What the `sh` blocks of the documents need of a shell: comments, `&&`, quotes, and variables in front of a command. */

export interface ShellCommand {
  /** `FLAMBEAU_DEBUG=ops` in front. */
  readonly env: Readonly<Record<string, string>>;
  readonly words: readonly string[];
}

/** The commands of one line. */
export function commandsOf(line: string): ShellCommand[] {
  const tokens = [...line.matchAll(/#.*$|&&|(?:'[^']*'|[^\s'#]|(?<=\S)#)+/g)]
    .map(([token]) => token)
    .filter((token) => !token.startsWith('#'));
  const commands: string[][] = [[]];
  for (const token of tokens) {
    if (token === '&&') commands.push([]);
    else commands.at(-1)!.push(token.replaceAll("'", ''));
  }
  return commands.filter((words) => words.length > 0).map(split);
}

function split(all: readonly string[]): ShellCommand {
  const first = all.findIndex((word) => !/^[A-Z_]+=/.test(word));
  const pairs = all.slice(0, first).map((word) => [word.slice(0, word.indexOf('=')), word.slice(word.indexOf('=') + 1)]);
  return { env: Object.fromEntries(pairs) as Record<string, string>, words: all.slice(first) };
}
