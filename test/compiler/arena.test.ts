/** The layout of temporary memory, and the removal of dead code. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { layoutOf } from '../../src/base/layout.ts';
import { arrange } from '../../src/compiler/arena.ts';
import { withoutDeadCode } from '../../src/compiler/dead-code.ts';
import { Graph } from '../../src/compiler/graph.ts';

const spans = fc.array(
  fc
    .record({ bytes: fc.nat(5000), first: fc.nat(20), length: fc.nat(8) })
    .map(({ bytes, first, length }) => ({ bytes, first, last: first + length })),
  { maxLength: 40 },
);

describe('the arena', () => {
  test('gives blocks that live at the same time places of their own', () => {
    fc.assert(
      fc.property(spans, fc.constantFrom(Infinity, 5056, 8192), (list, most) => {
        const { offsets, bytes, part } = arrange(list, most);
        expect(part).toBe(most);
        list.forEach((a, i) => {
          if (part < Infinity) expect((offsets[i]! % part) + a.bytes).toBeLessThanOrEqual(part);
          expect(offsets[i]! % 64).toBe(0);
          expect(offsets[i]! + a.bytes).toBeLessThanOrEqual(bytes);
          list.slice(0, i).forEach((b, j) => {
            const together = a.first <= b.last && b.first <= a.last;
            const apart = offsets[i]! >= offsets[j]! + b.bytes || offsets[j]! >= offsets[i]! + a.bytes;
            expect(!together || apart).toBe(true);
          });
        });
      }),
    );
  });

  test('is in one piece where a block is larger than the parts', () => {
    const two = [128, 64].map((bytes) => ({ bytes, first: 0, last: 1 }));
    expect(arrange(two, 64)).toEqual({ offsets: [0, 128], bytes: 192, part: Infinity });
  });

  test('uses memory again: a chain of equal blocks takes two', () => {
    const chain = Array.from({ length: 10 }, (_, i) => ({ bytes: 640, first: i, last: i + 1 }));
    expect(arrange(chain).bytes).toBe(1280);
  });

  test('needs no more than what lives at the busiest moment for nested lives', () => {
    const nested = Array.from({ length: 8 }, (_, i) => ({ bytes: 64 * (i + 1), first: i, last: 15 - i }));
    expect(arrange(nested).bytes).toBe(64 * 36);
  });
});

describe('dead code', () => {
  const layout = layoutOf('float32', [4]);
  const nothing = (): void => undefined;
  const names = (graph: Graph): string[] => withoutDeadCode(graph).nodes.map(({ name }) => name);

  test('is what leads to no external buffer', () => {
    const graph = new Graph();
    const x = graph.input(layout);
    const [a] = graph.node('a', nothing, [x], [layout]);
    graph.node('unused', nothing, [a!], [layout]);
    const [b] = graph.node('b', nothing, [a!], [layout]);
    graph.output(b!);
    expect(names(graph)).toEqual(['a', 'b']);
  });

  test('is a write that is written over before anyone reads it', () => {
    const graph = new Graph();
    const y = graph.value(graph.local(16), layout);
    graph.nodeInto({ name: 'lost', lower: nothing }, [], [y], 0);
    graph.nodeInto({ name: 'first', lower: nothing }, [], [y], 0);
    graph.nodeInto({ name: 'in place', lower: nothing }, [y], [y], 0);
    graph.output(y);
    expect(names(graph)).toEqual(['lost', 'first', 'in place']); // an external buffer may be seen at any time
    const local = new Graph();
    const z = local.value(local.local(16), layout);
    local.nodeInto({ name: 'lost', lower: nothing }, [], [z], 0);
    local.nodeInto({ name: 'first', lower: nothing }, [], [z], 0);
    local.nodeInto({ name: 'half', lower: nothing }, [], [local.value(0, layoutOf('float32', [2]), 2)], 0);
    const [out] = local.node('read', nothing, [z], [layout]);
    local.output(out!);
    expect(names(local)).toEqual(['first', 'half', 'read']);
  });
});
