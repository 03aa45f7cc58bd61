/** Child processes that answer one line of JSON for one, with a limit on how long they may take; one that ends or hangs is started anew when it is asked again. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { clearTimeout } from 'node:timers';

const KEPT_LINES = 12;

/** A child that has been started, and the lines it has still to give. */
function start({ command, args, env, cwd }) {
  const child = spawn(command, args, { env: { ...process.env, ...env }, cwd, stdio: ['pipe', 'pipe', 'pipe'] });
  const complaints = [];
  let ended = false;
  let wake = () => undefined;
  const answers = [];
  createInterface({ input: child.stderr }).on('line', (line) => {
    complaints.push(line);
    if (complaints.length > KEPT_LINES) complaints.shift();
  });
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (!/^[[{]/.test(line)) return; // libraries greet on the same stream
    answers.push(JSON.parse(line));
    wake();
  });
  const onEnd = () => {
    ended = true;
    wake();
  };
  child.on('error', onEnd); // no such command
  child.on('close', onEnd);
  child.stdin.on('error', () => undefined); // it has ended: said by what is read
  return {
    complaints,
    stop: () => child.kill('SIGKILL'),
    ask: (request) => child.stdin.write(`${JSON.stringify(request)}\n`),
    /** The next answer, or `{ error }` when it has ended or time is up. */
    async next(seconds) {
      if (answers.length === 0 && !ended) {
        let timer;
        await new Promise((resolve) => {
          wake = resolve;
          timer = setTimeout(resolve, seconds * 1000);
        });
        clearTimeout(timer);
      }
      if (answers.length > 0) return answers.shift();
      if (!ended) return { error: `no answer within ${Math.round(seconds)} s`, gone: true };
      return { error: `the process ended${complaints.length > 0 ? `: ${complaints.at(-1)}` : ''}`, gone: true };
    },
  };
}

export class Child {
  #how;
  #running;
  #greetings;

  /** @param greetings lines that it says before it is asked anything */
  constructor(how, greetings = 1) {
    this.#how = how;
    this.#greetings = greetings;
  }

  /** Starts it. @returns its greetings in one object, or `{ error, complaints }` */
  async open(seconds) {
    const running = start(this.#how);
    this.#running = running;
    const hello = {};
    for (let i = 0; i < this.#greetings; i++) {
      Object.assign(hello, await running.next(seconds));
      if (hello.error !== undefined) {
        this.close();
        return { ...hello, complaints: running.complaints };
      }
    }
    return hello;
  }

  /** Its answer, or `{ error }`. */
  async ask(request, seconds) {
    if (this.#running === undefined) {
      const { error } = await this.open(seconds);
      if (error !== undefined) return { error };
    }
    this.#running.ask(request);
    const answer = await this.#running.next(seconds);
    if (answer.gone) this.close();
    return answer;
  }

  close() {
    this.#running?.stop();
    this.#running = undefined;
  }
}
