/**
 * Where a run keeps what it makes: a folder of its own with `best.pt` (the classifier), `last.pt` (to go on from), logs and a page about it. No run writes over another
 * one, or over anything else, unless it is told to.
 */
import { mkdirSync, readdirSync, statSync } from 'node:fs';
import { basename, extname, join, resolve } from 'node:path';
import { ArgumentError } from '../base/errors.ts';
import { isTaken, requireParent } from './output.ts';

/** The files of a run. */
export interface RunFolder {
  /** What `--resume` takes: the folder, or the `.pt` file that was named. */
  readonly folder: string;
  /** The classifier with the best validation. */
  readonly best: string;
  /** What `--resume` goes on from. */
  readonly last: string;
  /** An epoch a line, for programs and for tables. */
  readonly log: string;
  readonly table: string;
  /** The page. */
  readonly report: string;
}

/** Folder of the runs that nobody has named. */
export const RUNS = 'runs';

/** A folder of the run's own, or beside a `.pt` file that somebody has named further files with that name. */
export function runAt(path: string): RunFolder {
  if (!isCheckpointName(path)) return { folder: path, best: join(path, 'best.pt'), last: join(path, 'last.pt'), log: join(path, 'log.jsonl'), table: join(path, 'log.csv'), report: join(path, 'report.html') }; // prettier-ignore
  const stem = path.slice(0, -extname(path).length);
  return {
    folder: path,
    best: path,
    last: `${stem}.last.pt`,
    log: `${stem}.log.jsonl`,
    table: `${stem}.log.csv`,
    report: `${stem}.report.html`,
  };
}

const isCheckpointName = (path: string): boolean => /\.(pt|pth)$/i.test(path);

/**
 * Says now what would otherwise be found out after the first epoch.
 * @returns what makes the folder, when there is something to put into it
 * @throws ArgumentError when the place is taken, cannot be written to, or is for files of another kind
 */
export function newRun(out: string | undefined, data: string | undefined, isForced: boolean): () => RunFolder {
  if (out === undefined) return () => numbered(data === undefined ? 'shapes' : nameOf(data));
  const isFolder = statSync(out, { throwIfNoEntry: false })?.isDirectory() === true;
  if (isCheckpointName(out) ? isFolder : !isFolder && /^\.[a-z]\w*$/i.test(extname(out))) {
    throw new ArgumentError(
      `--out: expected a folder for the run, or a .pt file for the best network, but got ${JSON.stringify(out)}${isFolder ? ', which is a folder' : '; flambeau export makes other files of it'}`,
    );
  }
  const run = runAt(out);
  requireParent('--out', run.folder);
  const there = (Object.values(run) as string[]).find((path) => isTaken(path));
  if (there !== undefined && !isForced) {
    throw new ArgumentError(
      `--out: ${JSON.stringify(there)} is there already; choose another name, or write over what a run has left there with --force`,
    );
  }
  return () => {
    if (!isCheckpointName(out)) mkdirSync(out, { recursive: true });
    return run;
  };
}

/** What a run on such data is called. */
function nameOf(data: string): string {
  const name = basename(resolve(data)).replace(/(\.tar)?\.[a-z0-9]+$/i, '');
  return name.replace(/[^\p{L}\p{N}_.-]+/gu, '-').replace(/^[.-]+/, '') || 'run';
}

/** The first number that is free, also where several runs begin at once. */
function numbered(name: string): RunFolder {
  try {
    mkdirSync(RUNS, { recursive: true });
    const taken = readdirSync(RUNS).flatMap((other) => (other.startsWith(`${name}-`) ? Number(other.slice(name.length + 1)) : []));
    for (let n = Math.max(0, ...taken.filter(Number.isInteger)) + 1; ; n++) {
      const folder = join(RUNS, `${name}-${n}`);
      try {
        mkdirSync(folder);
        return runAt(folder);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
    }
  } catch (cause) {
    throw new ArgumentError(`cannot make the folder ${JSON.stringify(RUNS)} here; give a place with --out`, { cause });
  }
}

/** The best network of the newest run here. @throws ArgumentError when there is none */
export function newestCheckpoint(): string {
  const names = statSync(RUNS, { throwIfNoEntry: false })?.isDirectory() === true ? readdirSync(RUNS) : [];
  const found = names
    .map((name) => join(RUNS, name, 'best.pt'))
    .map((path) => ({ path, time: statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? -1 }))
    .sort((a, b) => b.time - a.time)[0];
  if (found === undefined || found.time < 0)
    throw new ArgumentError(`there is no network in ${RUNS}/ here; train one with flambeau train, or give its file with --checkpoint`);
  return found.path;
}
