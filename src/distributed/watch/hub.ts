/**
 * Rank 0's watch, which all others' are connected to: it compares where they stand, and when one is gone, stuck, ends, fails or does something else,
 * finds the words for it, tells everybody, and ends the job when everybody has told its program.
 */
import { timingSafeEqual } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import { cut, isIn, MEMBER_LIMIT, numberAt, receive, send, STRANGER_LIMIT, TRAIL_SENT, UNHEARD_MS, type Fault, type Place, type ToHub, type ToMember, type Verdict } from './messages.ts'; // prettier-ignore
import { print } from './ending.ts';
import type { Trail } from './trail.ts';
import { different, differentBefore, faulty, gone, late, type Standing, type Steps } from './verdict.ts';

interface Member {
  readonly rank: number;
  readonly host: string;
  readonly send: (message: ToMember) => void;
  place: Place | undefined;
  /** Milliseconds since something was heard, by the ticks of this watch: a computer may sleep. */
  silence: number;
  state: 'here' | 'told' | 'gone' | 'left';
  trail: Steps | undefined;
  /** What it would print. */
  last: string | undefined;
}

export interface HubOptions {
  readonly size: number;
  readonly host: string;
  readonly token: string;
  /** Milliseconds that a collective may take. */
  readonly timeout: number;
  /** Rank 0's own steps, and how it gets messages. */
  readonly trail: Trail;
  /**
   * Whether the launcher is MPICH's: when a process was killed, it kills the others as soon as one of them prints, so all that they have to say has to be
   * printed in one piece.
   */
  readonly isHydra: boolean;
  readonly here: (message: ToMember) => void;
  readonly joined: () => void;
}

/** A stranger has this long to say who it is. */
const HELLO_MS = 5000;
/** How long the hub gathers what others report before it judges. */
const SETTLE_MS = 150;
const TRAILS_MS = 500;
/** A process that is silent for so long is gone. */
const SILENCE_MS = 30_000;
/** Characters that go through a pipe at once. */
const PRINTED = 60_000;
/** How long programs may take to end by themselves. */
const TELL_MS = 6000;

type Cause =
  | { readonly kind: 'fault'; readonly member: Member; readonly fault: Fault }
  | { readonly kind: 'closed' | 'silent' | 'different' | 'late'; readonly member: Member };

export class Hub {
  readonly #options: HubOptions;
  readonly #members = new Map<number, Member>();
  readonly #servers: Server[] = [];
  #phase: 'watching' | 'judging' | 'telling' | 'ended' = 'watching';

  constructor(options: HubOptions) {
    this.#options = options;
    this.#add(0, options.host, options.here);
  }

  /** Listens on these addresses, on a port that the system chooses for each. */
  listen(addresses: readonly string[]): Promise<{ readonly host: string; readonly port: number }[]> {
    const bound = addresses.map(
      (host) =>
        new Promise<{ host: string; port: number }[]>((resolve) => {
          const server = createServer((socket) => this.#meet(socket));
          server.maxConnections = this.#options.size + 64;
          server.on('error', () => resolve([]));
          server.listen({ host, port: 0 }, () => resolve([{ host, port: (server.address() as { port: number }).port }]));
          this.#servers.push(server);
        }),
    );
    return Promise.all(bound).then((lists) => lists.flat());
  }

  /** Somebody has connected: whoever has the token and a free rank is a member. */
  #meet(socket: Socket): void {
    let member: Member | undefined;
    const timer = setTimeout(() => socket.destroy(), HELLO_MS);
    socket.setNoDelay(true);
    receive(
      socket,
      () => (member === undefined ? STRANGER_LIMIT : MEMBER_LIMIT),
      (message) => {
        if (member !== undefined) {
          this.receive(member.rank, message as ToHub);
          return;
        }
        member = this.#welcome(socket, message as ToHub);
        clearTimeout(timer);
        return undefined;
      },
    );
    socket.on('close', () => {
      clearTimeout(timer);
      if (member !== undefined) this.#closed(member);
    });
  }

  #welcome(socket: Socket, hello: ToHub): Member | undefined {
    const { size, token, host } = this.#options;
    const isOurs =
      hello.type === 'hello' &&
      typeof hello.token === 'string' &&
      hello.token.length === token.length &&
      timingSafeEqual(Buffer.from(hello.token), Buffer.from(token)) &&
      Number.isInteger(hello.rank) &&
      hello.rank > 0 &&
      hello.rank < size &&
      !this.#members.has(hello.rank);
    if (!isOurs) {
      socket.destroy();
      return undefined;
    }
    send(socket, { type: 'welcome', host });
    const member = this.#add(hello.rank, hello.host, (message) => send(socket, message));
    if (this.#members.size === size) {
      for (const server of this.#servers) server.close(); // nobody else is expected
      this.#options.joined();
    }
    return member;
  }

  #add(rank: number, host: string, sendIt: Member['send']): Member {
    const member: Member = {
      rank,
      host,
      send: sendIt,
      place: undefined,
      silence: 0,
      state: 'here',
      trail: undefined,
      last: undefined,
    };
    this.#members.set(rank, member);
    return member;
  }

  /** What a member says. */
  receive(rank: number, message: ToHub): void {
    const member = this.#members.get(rank)!;
    member.silence = 0;
    switch (message.type) {
      case 'place':
        member.place = message.place;
        this.#compare(member);
        return;
      case 'fault':
        member.place = message.place;
        this.#fail({ kind: 'fault', member, fault: message.fault });
        return;
      case 'trail':
        member.trail = { who: member, first: message.first, steps: message.steps.slice(0, TRAIL_SENT) };
        return;
      case 'told':
        member.state = 'told';
        member.last = message.text;
        this.#endWhenTold();
        return;
      case 'bye':
        member.state = 'left';
        this.#endWhenTold();
        return;
      default:
        return;
    }
  }

  /** Another process than rank 0 has called something else? */
  #compare(member: Member): void {
    const { trail } = this.#options;
    const { place } = member;
    if (member.rank === 0 || place === undefined) return;
    for (const [n, hash] of [[place.posted, place.hash], [numberAt(place), place.signatureHash]] as const) {
      const own = trail.hash(n);
      if (own !== undefined && own !== hash) this.#fail({ kind: 'different', member });
    } // prettier-ignore
  }

  #closed(member: Member): void {
    if (member.state === 'left') return;
    member.state = 'gone';
    if (this.#phase === 'watching') this.#fail({ kind: 'closed', member });
    else this.#endWhenTold();
  }

  /** Called every so many milliseconds: looks who is late or silent. */
  tick(ms: number): void {
    const own = this.#members.get(0)!;
    for (const member of this.#members.values()) {
      if (member.rank !== 0) member.silence += ms;
      if (member.state !== 'here' || this.#phase !== 'watching') continue;
      const { place, silence } = member;
      if (place !== undefined && isIn(place) && place.since + silence > this.#options.timeout) this.#fail({ kind: 'late', member });
      else if (silence > SILENCE_MS) this.#fail({ kind: 'silent', member });
      else this.#compare(member); // it may have been ahead of rank 0
      if (own.place !== undefined && member !== own) member.send({ type: 'place', place: own.place });
    }
  }

  #fail(cause: Cause): void {
    if (this.#phase !== 'watching') return;
    this.#phase = 'judging';
    for (const member of this.#open()) member.send({ type: 'trail' });
    const start = performance.now();
    const look = setInterval(() => {
      const taken = performance.now() - start;
      const isWhole = this.#open().every((member) => member.trail !== undefined);
      if (taken < SETTLE_MS || (!isWhole && taken < TRAILS_MS)) return;
      clearInterval(look);
      const isUrgent = cause.kind === 'closed';
      this.#tell({ text: cut(this.#verdict(cause)), isUrgent, together: this.#options.isHydra && isUrgent });
    }, 25);
  }

  #open(): Member[] {
    return [...this.#members.values()].filter(({ state }) => state === 'here' || state === 'told');
  }

  #verdict(cause: Cause): string {
    const all: Standing[] = [...this.#members.values()];
    const trails = [...this.#members.values()].flatMap(({ trail }) => trail ?? []);
    const { member } = cause;
    const difference = different(trails);
    if (difference !== undefined) return difference;
    switch (cause.kind) {
      case 'fault':
        return faulty(all, member, cause.fault);
      case 'different':
        return differentBefore(member, member.place!.posted);
      case 'late':
        return late(all, this.#options.timeout);
      case 'silent':
        return gone(all, [member], 'silent');
      case 'closed':
        return gone(
          all,
          [...this.#members.values()].filter(({ state }) => state === 'gone'),
          'closed',
        );
    }
  }

  #tell(verdict: Verdict): void {
    this.#phase = 'telling';
    for (const member of this.#open()) member.send({ type: 'verdict', verdict });
    setTimeout(() => this.#end(), TELL_MS);
    setTimeout(() => this.#endWhenTold(), UNHEARD_MS);
    this.#endWhenTold();
  }

  #endWhenTold(): void {
    if (this.#phase !== 'telling') return;
    const waits = [...this.#members.values()].some(({ state, silence }) => state === 'here' && silence < UNHEARD_MS);
    if (!waits) this.#end();
  }

  #end(): void {
    if (this.#phase === 'ended') return;
    this.#phase = 'ended';
    const lines = [...this.#members.values()].map(({ last }) => last ?? '').filter((line) => line !== '');
    if (lines.length > 0) print(lines.join('\n').slice(0, PRINTED));
    for (const member of this.#open()) member.send({ type: 'end' });
  }

  /** Rank 0 leaves: that is no failure. */
  leave(): void {
    this.#phase = 'ended';
    for (const server of this.#servers) server.close();
    for (const member of this.#open()) member.send({ type: 'bye' });
  }
}
