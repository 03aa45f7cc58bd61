/**
 * The program of the watch's thread: it looks every so often where the program stands, tells rank 0's (which is the hub), and when it hears that a rank has
 * failed, gives the program a moment to end by itself, then ends the process.
 */
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { workerData } from 'node:worker_threads';
import { STATE, WORDS } from '../mpi/protocol.ts';
import { exitNow, print } from './ending.ts';
import { Hub } from './hub.ts';
import { addressesHere, joinHub, type Lifeline } from './lifeline.ts';
import { isIn, numberAt, PLACE_MS, TRAIL_SENT, type Place, type ToHub, type ToMember, type Verdict } from './messages.ts';
import { END_MS, JOIN, JOIN_MS, TAKEN_MS, UNTAKEN_MS, URGENT_MS, WATCH, type Meeting, type Role, type WatchOrder, type WatchReport, type WatchSetup } from './protocol.ts'; // prettier-ignore
import { Trail, type Signature } from './trail.ts';
import { gone } from './verdict.ts';

const { words, mpi, trail: trailWords, port, fromMpi, timeout } = workerData as WatchSetup;
const trail = new Trail(trailWords);
const host = hostname();
let role: Role = { rank: 0, size: 1, isOneMachine: true };
let hub: Hub | undefined;
let line: Lifeline | undefined;
/** Rank 0 has left, as it should, or is gone. */
let [hubHasLeft, hubIsGone] = [false, false];
/** A verdict is there; the program may end. */
let [isOver, isReleased] = [false, false];
/** What the program would print last. */
let last: string | undefined;
let ticker: NodeJS.Timeout | undefined;

const report = (what: WatchReport): void => port.postMessage(what);

function set(word: number, value: number): void {
  Atomics.store(words, word, value);
  Atomics.notify(words, word);
}

function say(message: ToHub): void {
  if (hub === undefined) line?.send(message);
  else hub.receive(0, message);
}

let [standing, changed, said] = ['', 0, 0];

/** Where the program stands. */
function place(): Place {
  const [posted, done] = [trail.length, Math.min(Atomics.load(mpi, WORDS.done), trail.length)];
  const number = numberAt({ posted, done });
  const now = performance.now();
  const where = `${isIn({ posted, done })} ${number}`;
  if (where !== standing) [standing, changed] = [where, now];
  const nothing: Signature = [0, -1, 0];
  return {
    posted,
    done,
    hash: trail.hash(posted) ?? 0,
    signature: trail.signature(number) ?? nothing,
    signatureHash: trail.hash(number) ?? 0,
    since: Math.round(now - changed),
  };
}

function look(): void {
  const before = standing;
  const now = place();
  if (standing !== before || performance.now() - said >= PLACE_MS) {
    said = performance.now();
    say({ type: 'place', place: now });
  }
  hub?.tick(interval());
}

/** Milliseconds between two looks: rank 0 has as many to hear as there are ranks. */
const interval = (): number => Math.max(100, Math.min(500, 4 * role.size));

function hear(message: ToMember): void {
  if (message.type === 'trail') sendTrail();
  else if (message.type === 'verdict') accept(message.verdict);
  else if (message.type === 'end') release();
  else if (message.type === 'bye') hubHasLeft = true;
}

function sendTrail(): void {
  const first = Math.max(1, trail.length - TRAIL_SENT + 1);
  const steps: Signature[] = [];
  for (let n = first; n <= trail.length; n++) steps.push(trail.signature(n)!);
  say({ type: 'trail', first, steps });
}

function lost(): void {
  if (hubHasLeft) return;
  hubIsGone = true;
  if (isOver) {
    release();
    return;
  }
  const all = [{ rank: 0, host: line!.hubHost, place: line!.hubPlace, silence: 0 }];
  const own = { rank: role.rank, host, place: place(), silence: 0 };
  accept({ text: gone([...all, own], all, 'closed'), isUrgent: true, together: false });
}

/** Something has failed: the program gets it from its present or next collective, or this prints it. */
function accept(verdict: Verdict): void {
  const state = Atomics.load(mpi, WORDS.state);
  if (isOver || state === STATE.closing || state === STATE.ended) return; // all have come to the end, after which each may leave
  isOver = true;
  report({ verdict });
  Atomics.compareExchange(mpi, WORDS.state, STATE.ready, STATE.failed);
  for (const word of [WORDS.state, WORDS.done, WORDS.waiting, WORDS.posted]) Atomics.notify(mpi, word);
  const start = performance.now();
  const wait = setInterval(() => {
    const limit = Atomics.load(words, WATCH.taken) === 1 ? TAKEN_MS : verdict.isUrgent ? URGENT_MS : UNTAKEN_MS;
    const hasSaid = verdict.together ? last !== undefined : Atomics.load(words, WATCH.said) === 1;
    if (!hasSaid && performance.now() - start < limit) return;
    clearInterval(wait);
    const own = `DistributedError: rank ${role.rank} on ${host} ends: ${verdict.text}`;
    if (!hasSaid && !verdict.together) print(own);
    if (hubIsGone) release();
    else say({ type: 'told', ...(verdict.together && { text: last ?? own }) });
  }, 10);
  setTimeout(release, END_MS);
}

/** All know: the program ends, or is ended. */
function release(): void {
  if (isReleased) return;
  isReleased = true;
  set(WATCH.released, 1);
  setTimeout(() => exitNow(1), 500);
}

async function take(given: Role): Promise<void> {
  role = given;
  if (role.rank !== 0) return;
  const token = randomBytes(24).toString('hex');
  hub = new Hub({
    size: role.size,
    host,
    token,
    timeout,
    trail,
    isHydra: process.env['PMI_FD'] !== undefined,
    here: hear,
    joined: () => set(WATCH.join, JOIN.joined),
  });
  const addresses = await hub.listen(addressesHere(role.isOneMachine));
  report({ meeting: { token, addresses } });
  set(WATCH.join, JOIN.listening);
}

async function meet({ token, addresses }: Meeting): Promise<void> {
  ticker = setInterval(look, interval());
  if (hub !== undefined) return;
  try {
    line = await joinHub(addresses, { type: 'hello', token, rank: role.rank, host }, { message: hear, lost }, JOIN_MS);
    set(WATCH.join, JOIN.joined);
  } catch (error) {
    report({ error: (error as Error).message });
    set(WATCH.join, JOIN.refused);
  }
}

/** Nothing more is to be watched. */
function leave(): void {
  clearInterval(ticker);
  hubHasLeft = true;
  if (hub === undefined) {
    say({ type: 'bye' });
    line?.end();
  } else {
    hub.leave();
  }
  port.close();
  fromMpi.close();
  set(WATCH.join, JOIN.left);
}

port.on('message', (order: WatchOrder) => {
  if (order === 'leave') leave();
  else if ('role' in order) void take(order.role);
  else if ('meeting' in order) void meet(order.meeting);
  else if ('last' in order) last = order.last;
  else say({ type: 'fault', fault: order.fault, place: place() });
});
fromMpi.on('message', (text: string) => say({ type: 'fault', fault: { kind: 'mpi', text }, place: place() }));
