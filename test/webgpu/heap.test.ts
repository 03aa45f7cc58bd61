/** The allocator of GPU memory, without a GPU. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { OutOfMemoryError } from '../../src/base/errors.ts';
import { Heap, UNIT, type Block } from '../../src/devices/webgpu/heap.ts';

interface Fake {
  readonly bytes: number;
  gone: boolean;
}

function heapOf(pageBytes: number, maxPageBytes: number, maxBytes = Infinity): { heap: Heap<Fake>; pages: Fake[] } {
  const pages: Fake[] = [];
  const create = (bytes: number): Fake => {
    const page = { bytes, gone: false };
    pages.push(page);
    return page;
  };
  const destroy = (page: Fake): void => {
    page.gone = true;
  };
  return { heap: new Heap<Fake>({ create, destroy, pageBytes, maxPageBytes, maxBytes }), pages };
}

test('blocks never overlap, lie within their page, and all come back', () => {
  const step = fc.record({ bytes: fc.integer({ min: 0, max: 20_000 }), frees: fc.nat() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const { heap } = heapOf(16_384, 65_536);
      const live: Block<Fake>[] = [];
      for (const { bytes, frees } of steps) {
        const block = heap.allocate(bytes);
        expect(block.bytes).toBeGreaterThanOrEqual(bytes);
        expect(block.offset % UNIT).toBe(0);
        expect(block.offset + block.bytes).toBeLessThanOrEqual(block.page.bytes);
        for (const other of live) {
          if (other.page !== block.page) continue;
          expect(block.offset + block.bytes <= other.offset || other.offset + other.bytes <= block.offset).toBe(true);
        }
        live.push(block);
        if (frees % 3 > 0) heap.free(live.splice(frees % live.length, 1)[0]!);
      }
      expect(heap.inUse).toBe(live.reduce((sum, block) => sum + block.bytes, 0));
      live.forEach((block) => heap.free(block));
      expect(heap.inUse).toBe(0);
      heap.trim();
      expect(heap.reserved).toBe(0);
    }),
    { numRuns: 60 },
  );
});

test('freed neighbours become one again', () => {
  const { heap, pages } = heapOf(1024, 1024, 1024);
  const blocks = [0, 1, 2, 3].map(() => heap.allocate(UNIT));
  for (const i of [1, 3, 0, 2]) heap.free(blocks[i]!);
  expect(heap.allocate(1024).offset).toBe(0);
  expect(pages).toHaveLength(1);
});

test('a block that is given back twice is given back once', () => {
  const { heap } = heapOf(1024, 1024);
  const block = heap.allocate(UNIT);
  heap.free(block);
  heap.free(block);
  expect(heap.inUse).toBe(0);
  expect(heap.allocate(UNIT).offset).not.toBe(heap.allocate(UNIT).offset);
});

test('pages grow, empty ones go when the most there may be is reached, and then memory is out', () => {
  const { heap, pages } = heapOf(1024, 1 << 20, 8192);
  const first = heap.allocate(1024);
  const second = heap.allocate(2048);
  expect(pages.map(({ bytes }) => bytes)).toEqual([1024, 2048]);
  heap.free(first);
  heap.free(second);
  expect(heap.allocate(8192).bytes).toBe(8192);
  expect(pages.map(({ gone }) => gone)).toEqual([true, true, false]);
  expect(() => heap.allocate(1)).toThrow(OutOfMemoryError);
});
