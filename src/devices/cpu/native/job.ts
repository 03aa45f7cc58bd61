/**
 * A command of the compiler, running in the background.
 *
 * A synchronous training loop never returns to the event loop, so the end of a command is noticed by a file, not by an
 * event: the child is a shell that renames the output once the command has succeeded, or its complaints.
 */
import type { System } from './system.ts';

/** What a command left: its output, or why there is none. */
export type JobResult = { readonly output: Uint8Array } | { readonly error: string };

/** Bytes that a compile needs for itself, roughly. */
const ROOM = 2 ** 20;

const running = new Set<CompileJob>();
let stopsAtExit = false;

export class CompileJob {
  readonly #system: System;
  readonly #folder: string;
  readonly #limit: number;
  readonly #deadline: number;
  readonly #pid: number | undefined;
  #ended = false;

  /**
   * Runs `command`, which writes the file `out`, in a folder that is removed when all is over. Files of the given texts are
   * in it. After `limit` milliseconds the command is killed, with all that it started.
   */
  constructor(system: System, folder: string, texts: ReadonlyMap<string, string>, command: readonly string[], limit: number) {
    const { join } = system.paths;
    this.#system = system;
    this.#folder = folder;
    this.#limit = limit;
    this.#deadline = performance.now() + limit;
    for (const [name, text] of texts) system.files.writeFileSync(join(folder, name), text, { mode: 0o600, flag: 'wx' });
    const script = '"$@" > log 2>&1 && mv out done || mv log failed';
    const env = { ...system.process.env, TMPDIR: folder, LC_ALL: 'C' };
    const options = { stdio: 'ignore', cwd: folder, detached: true, env } as const;
    const child = system.processes.spawn('/bin/sh', ['-c', script, 'sh', ...command], options);
    this.#pid = child.pid;
    child.unref();
    child.on('error', () => (this.#ended = true));
    child.on('exit', () => (this.#ended = true));
    running.add(this);
    if (!stopsAtExit) system.process.once('exit', stopAll);
    stopsAtExit = true;
  }

  /** What came of it; undefined while it runs. */
  poll(): JobResult | undefined {
    const { files, paths } = this.#system;
    const [ended, late] = [this.#ended, performance.now() > this.#deadline]; // before looking: a file may come in between
    const [done, failed] = ['done', 'failed'].map((name) => paths.join(this.#folder, name)) as [string, string];
    if (files.existsSync(done)) return this.#finish({ output: files.readFileSync(done) });
    if (files.existsSync(failed)) return this.#finish({ error: this.#complaint(failed) });
    if (late) return this.#finish({ error: `the compiler took longer than ${this.#limit / 1000} seconds` });
    return ended ? this.#finish({ error: this.#complaint(paths.join(this.#folder, 'log')) }) : undefined;
  }

  /** What the compiler has said. Where there is no room for what it makes, that: it may not have had any for its words either. */
  #complaint(log: string): string {
    const { files, paths } = this.#system;
    try {
      files.writeFileSync(paths.join(this.#folder, 'room'), new Uint8Array(ROOM), { mode: 0o600, flag: 'w' });
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
    const said = files.existsSync(log) ? files.readFileSync(log, 'utf8').trim() : '';
    return said === '' ? 'the compiler was stopped' : said;
  }

  #finish(result: JobResult): JobResult {
    this.stop();
    return result;
  }

  /** Ends the command if it still runs, and removes its folder. */
  stop(): void {
    running.delete(this);
    try {
      if (!this.#ended && this.#pid !== undefined) this.#system.process.kill(-this.#pid, 'SIGKILL');
    } catch {
      // It has ended already.
    }
    this.#system.files.rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Nobody would look at what commands make once the program is over. */
function stopAll(): void {
  for (const job of running) job.stop();
}
