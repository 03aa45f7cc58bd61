/** safetensors files from servers that never end, stall, cut, or send something else than they are asked for: typed errors, in time. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ArgumentError, FormatError, arange } from 'flambeau';
import { openSafetensors, serialize } from 'flambeau/files';

const bytes = serialize({ a: arange(40_000), b: arange(3) }, { format: 'safetensors' });

type Answer = (response: ServerResponse, from: number, to: number, request: IncomingMessage) => void;

/** The part asked for, with its header; what is sent may be something else. */
const part = (response: ServerResponse, from: number, to: number, sent = bytes.subarray(from, to + 1)): void => {
  response.writeHead(206, { 'Content-Range': `bytes ${from}-${Math.min(to, bytes.length - 1)}/${bytes.length}` });
  response.end(sent);
};
/** Answers as it should at first, and then otherwise. */
const later =
  (then: Answer): Answer =>
  (response, from, to, request) =>
    from === 0 ? part(response, from, to) : then(response, from, to, request);

function pour(response: ServerResponse): void {
  const more = (): void => {
    while (!response.destroyed && response.write(Buffer.alloc(65_536)));
    response.once('drain', more);
  };
  more();
}

const ANSWERS: Readonly<Record<string, Answer>> = {
  good: (response, from, to) => part(response, from, to),
  whole: (response) => response.end(bytes),
  endless: (response) => {
    response.writeHead(200);
    pour(response);
  },
  'endless part': later((response, from, to) => {
    response.writeHead(206, { 'Content-Range': `bytes ${from}-${to}/${bytes.length}` });
    pour(response);
  }),
  silent: () => undefined,
  stalls: later((response, from, to) => {
    response.writeHead(206, { 'Content-Range': `bytes ${from}-${to}/${bytes.length}` });
    response.write(bytes.subarray(from, from + 100));
  }),
  cuts: later((response, from, to) => {
    response.writeHead(206, { 'Content-Range': `bytes ${from}-${to}/${bytes.length}`, 'Content-Length': to - from + 1 });
    response.write(bytes.subarray(from, from + 100), () => response.destroy());
  }),
  'another range': later((response, from, to) => {
    part(response, from + 1, to + 1);
  }),
  short: later((response, from, to) => {
    part(response, from, to, bytes.subarray(from, to));
  }),
  'no range': later((response, from, to) => response.writeHead(206).end(bytes.subarray(from, to + 1))),
  'another size': later((response, from, to) =>
    response.writeHead(206, { 'Content-Range': `bytes ${from}-${to}/1` }).end(bytes.subarray(from, to + 1)),
  ),
  'whole later': later((response) => response.end(bytes)),
  loop: (response, _from, _to, { url }) => response.writeHead(302, { Location: url }).end(),
  error: (response) => response.writeHead(503).end(),
  huge: (response, from, to) =>
    response
      .writeHead(206, { 'Content-Range': `bytes ${from}-${to}/999999999999999` })
      .end(Buffer.concat([Buffer.from(BigUint64Array.of(90_000_000n).buffer), Buffer.alloc(65_528, '{')])),
};

const server = createServer((request, response) => {
  const [, from = '0', to = '0'] = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '') ?? [];
  response.on('error', () => undefined);
  ANSWERS[decodeURIComponent(request.url!.slice(1))]!(response, Number(from), Number(to), request);
});
let place = '';
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  place = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const fetched = async (name: string, options = {}): Promise<number> => {
  const file = await openSafetensors(`${place}/${encodeURIComponent(name)}`, { timeout: 300, maxBytes: 1e6, ...options });
  return (await file.get('a')).sum().item();
};
const SUM = (40_000 * 39_999) / 2;

describe('a server', () => {
  it.each(['good', 'whole'])('that is %s gives the tensors', async (name) => {
    expect(await fetched(name, { timeout: Infinity })).toBeCloseTo(SUM, -4);
  });

  it.each([
    ['endless', /does not know range requests, and the file has more than 1000000 bytes; raise the option maxBytes/],
    ['endless part', /sends more than the \d+ bytes asked for/],
    ['silent', /sends nothing for 300 ms; try again, or raise the option timeout/],
    ['stalls', /sends nothing for 300 ms/],
    ['cuts', /cannot be fetched/],
    ['another range', /another range/],
    ['short', /another range/],
    ['no range', /does not say which range/],
    ['another size', /the file changed meanwhile/],
    ['whole later', /no longer sends ranges/],
    ['loop', /cannot be fetched.*redirect/],
    ['error', /answers 503/],
    ['huge', /openSafetensors/],
  ])('that is %s is refused in time', async (name, message) => {
    const start = performance.now();
    const failure = await fetched(name).then(
      () => undefined,
      (error: unknown) => error as Error,
    );
    expect(failure).toBeInstanceOf(FormatError);
    expect(failure!.message).toMatch(message);
    expect(performance.now() - start).toBeLessThan(5000);
  });

  it('that is not there, too; and options that mean nothing', async () => {
    await expect(openSafetensors('http://127.0.0.1:1/x')).rejects.toThrow(FormatError);
    await expect(fetched('good', { timeout: -1 })).rejects.toThrow(ArgumentError);
    await expect(fetched('good', { maxBytes: NaN })).rejects.toThrow(ArgumentError);
  });
});
