/** The watch without MPI: trails, verdicts, and who may speak to the hub. */
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { Hub } from '../../src/distributed/watch/hub.ts';
import { joinHub, type Lifeline } from '../../src/distributed/watch/lifeline.ts';
import { STRANGER_LIMIT, type Place, type ToMember } from '../../src/distributed/watch/messages.ts';
import { showSignature, Trail, type Step } from '../../src/distributed/watch/trail.ts';
import { different, faulty, gone, late, type Standing } from '../../src/distributed/watch/verdict.ts';

const sum = (count: number, dtype: Step['dtype'] = 'float32'): Step => ({ kind: 'allReduce', dtype, count, op: 'sum' });

describe('trails', () => {
  it('keep what was called as words, the last thousand of it', () => {
    const trail = new Trail();
    const steps: Step[] = [
      sum(3),
      { kind: 'broadcast', dtype: 'int64', count: 2, root: 7 },
      { kind: 'reduce', dtype: 'bool', count: 0, op: 'max', root: 0 },
      { kind: 'barrier', dtype: 'uint8', count: 0 },
    ];
    for (const step of steps) trail.add(step);
    expect([1, 2, 3, 4].map((n) => showSignature(trail.signature(n)!))).toEqual([
      'allReduce of 3 float32 (sum)',
      'broadcast of 2 int64 (from rank 7)',
      'reduce of 0 bool (max, to rank 0)',
      'barrier',
    ]);
    for (let i = 0; i < 2000; i++) trail.add(sum(i));
    expect(trail.length).toBe(2004);
    expect(trail.signature(4)).toBeUndefined();
    expect(showSignature(trail.signature(2004)!)).toBe('allReduce of 1999 float32 (sum)');
  });

  it('have hashes of all that was called', () => {
    const [a, b, c] = [new Trail(), new Trail(), new Trail()];
    for (const trail of [a, b]) trail.add(sum(3));
    c.add(sum(4));
    expect(a.hash(1)).toBe(b.hash(1));
    expect(a.hash(1)).not.toBe(c.hash(1));
    a.add(sum(5));
    c.add(sum(5));
    expect(a.hash(2)).not.toBe(c.hash(2));
    expect(a.signature(2)).toEqual(c.signature(2));
  });
});

function standing(rank: number, posted: number, done: number, silence = 0): Standing {
  const trail = new Trail();
  for (let i = 0; i < posted; i++) trail.add(sum(10 + i));
  const n = posted > done ? done + 1 : done;
  const place: Place = {
    posted,
    done,
    hash: trail.hash(posted)!,
    signature: trail.signature(n) ?? [0, -1, 0],
    signatureHash: trail.hash(n)!,
    since: 2000,
  };
  return { rank, host: `h${rank}`, place, silence };
}

describe('verdicts', () => {
  it('name who has not come', () => {
    expect(late([standing(0, 5, 3), standing(1, 3, 3), standing(2, 4, 3)], 1500)).toBe(
      'rank 1 on h1 (after number 3, allReduce of 12 float32 (sum), for 2.0 s) has not called number 4, allReduce of 13 float32 (sum), within 1.5 s; rank 0 on h0 and rank 2 on h2 wait in ' +
        'number 4, allReduce of 13 float32 (sum). All ranks must call the same collectives in the same order, with the same dtypes and sizes; a longer time: initProcessGroup({ timeout })',
    );
    expect(late([standing(0, 1, 0), standing(1, 0, 0, 3000)], 1000)).toContain(
      'rank 1 on h1 (silent for 3.0 s, last seen before its first collective) has not called number 1',
    );
  });

  it('say when all are there, or one is silent', () => {
    expect(late([standing(0, 1, 0), standing(1, 1, 0)], 1000)).toContain('has not ended within 1 s, though all ranks are in it');
    expect(late([standing(0, 1, 0), standing(1, 1, 0, 4000)], 1000)).toContain(
      'rank 1 on h1, last seen in number 1, allReduce of 10 float32 (sum), is gone (nothing is heard',
    );
  });

  it('name few ranks of many', () => {
    const all = Array.from({ length: 9 }, (_, rank) => standing(rank, rank === 3 ? 0 : 1, 0));
    expect(gone(all, [all[3]!], 'closed')).toBe(
      'rank 3 on h3, last seen before its first collective, is gone (killed, or crashed); rank 0 on h0, rank 1 on h1, rank 2 on h2, rank 4 on h4 and 4 more wait in number 1, allReduce of 10 float32 (sum)',
    );
    expect(faulty(all, all[3]!, { kind: 'threw', text: 'Error: no' })).toContain(
      'rank 3 on h3 has thrown Error: no, before its first collective; rank 0',
    );
  });

  it('find the first call that differs', () => {
    const steps = (...list: Step[]): Trail => {
      const trail = new Trail();
      for (const step of list) trail.add(step);
      return trail;
    };
    const sent = (rank: number, trail: Trail, first: number): Parameters<typeof different>[0][number] => ({
      who: standing(rank, 0, 0),
      first,
      steps: Array.from({ length: trail.length - first + 1 }, (_, i) => trail.signature(first + i)!),
    });
    const [a, b] = [steps(sum(1), sum(2), sum(3)), steps(sum(1), sum(2), sum(3, 'float64'), sum(4))];
    expect(different([sent(0, a, 1), sent(1, b, 2)])).toContain(
      'number 3 is allReduce of 3 float32 (sum) on rank 0 on h0, but allReduce of 3 float64 (sum) on rank 1 on h1',
    );
    expect(different([sent(0, a, 1), sent(1, a, 3)])).toBeUndefined();
  });
});

describe('the hub', () => {
  const open: (Socket | Lifeline)[] = [];
  afterEach(() => {
    for (const one of open.splice(0)) one.end();
  });

  async function hubOf(
    size: number,
  ): Promise<{ hub: Hub; at: { host: string; port: number }[]; heard: ToMember[]; joined: () => boolean }> {
    const heard: ToMember[] = [];
    let isJoined = false;
    const hub = new Hub({ size, host: 'h0', token: 'secret', timeout: 1000, trail: new Trail(), isHydra: false, here: (message) => heard.push(message), joined: () => (isJoined = true) }); // prettier-ignore
    return { hub, at: await hub.listen(['127.0.0.1']), heard, joined: () => isJoined };
  }
  const ended = (socket: Socket): Promise<void> => new Promise((resolve) => socket.on('close', () => resolve()));

  it('speaks to nobody without the token, nor to who says too much', async () => {
    const { hub, at, joined } = await hubOf(2);
    const { port } = at[0]!;
    const hello = (token: string, rank: number): string => `${JSON.stringify({ type: 'hello', token, rank, host: 'x' })}\n`;
    for (const text of [hello('guess', 1), hello('secret', 2), 'no json\n', '1\n', 'x'.repeat(STRANGER_LIMIT + 1)]) {
      const socket = connect(port, '127.0.0.1', () => socket.write(text));
      socket.on('error', () => undefined);
      const said: string[] = [];
      socket.on('data', (data) => said.push(String(data)));
      await ended(socket);
      expect(said).toEqual([]);
    }
    expect(joined()).toBe(false);
    hub.leave();
  });

  it('says to all which rank is gone, and has all end when all are told', async () => {
    const { hub, at, heard, joined } = await hubOf(3);
    const events: string[] = [];
    const line = (rank: number): Promise<Lifeline> =>
      joinHub(
        at,
        { type: 'hello', token: 'secret', rank, host: `h${rank}` },
        { message: (message) => events.push(message.type), lost: () => undefined },
        2000,
      );
    const [one, two] = await Promise.all([line(1), line(2)]);
    open.push(one, two);
    expect([joined(), one.hubHost]).toEqual([true, 'h0']);
    two.end();
    await expect.poll(() => heard.find(({ type }) => type === 'verdict')).toMatchObject({ verdict: { text: 'rank 2 on h2, last seen before its first collective, is gone (killed, or crashed)', isUrgent: true, together: false } }); // prettier-ignore
    await expect.poll(() => events).toContain('verdict');
    hub.receive(0, { type: 'told' });
    expect(heard.at(-1)!.type).not.toBe('end');
    one.send({ type: 'told' });
    await expect.poll(() => [heard.at(-1)!.type, events.at(-1)]).toEqual(['end', 'end']);
  });
});
