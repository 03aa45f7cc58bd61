/** What is drawn against torchvision, modes of pixels against Pillow and colours against matplotlib (test/fixtures/draw.py). */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inflateSync } from 'node:zlib';
import { arange, ones, Tensor, tensor, zeros, type DType } from 'flambeau';
import { colorMap, drawBoundingBoxes, drawKeypoints, drawSegmentationMasks, flowToImage, functional as F, imageOf, ToPILImage, decodeImage, type ColorMapName, type PixelMode } from 'flambeau/vision'; // prettier-ignore
import { describe, expect, test, vi } from 'vitest';

interface Result {
  readonly shape: number[];
  readonly dtype: DType;
  readonly pixels: string;
}
interface Drawn {
  readonly size: number[];
  readonly dtype: DType;
  readonly options: Record<string, unknown>;
  readonly result: Result;
}
interface Fixtures {
  readonly boxes: (Drawn & { readonly boxes: number[][] })[];
  readonly masks: (Drawn & { readonly count: number })[];
  readonly keypoints: (Drawn & { readonly points: number[][][]; readonly visible: boolean[][] | null })[];
  readonly flows: { readonly shape: number[]; readonly result: Result }[];
  readonly modes: { readonly mode: PixelMode; readonly channels: number; readonly image: string; readonly pixels: string }[];
  readonly maps: Record<ColorMapName, string>;
  readonly scaled: string;
  readonly colours: Record<string, [number, number, number]>;
}
const fixtures = JSON.parse(readFileSync(new URL('../fixtures/vision/draw.json', import.meta.url), 'utf8')) as Fixtures;
const unpacked = (text: string): Uint8Array => Uint8Array.from(inflateSync(Buffer.from(text, 'base64')));

/** As in the generator. */
function picture(size: number[], dtype: DType): Tensor {
  const values = arange(
    size.reduce((a, b) => a * b, 1),
    { dtype: 'int64' },
  )
    .floorDivide(7)
    .mul(37)
    .remainder(256)
    .reshape(...size);
  return dtype === 'uint8' ? values.to('uint8') : values.div(255).to(dtype);
}

function expectSame(drawn: Tensor, { shape, dtype, pixels }: Result, atMost = 0): void {
  expect(drawn.shape).toEqual(shape);
  expect(drawn.dtype).toBe(dtype);
  const bytes = unpacked(pixels);
  const wanted = dtype === 'float32' ? new Float32Array(bytes.buffer) : dtype === 'float64' ? new Float64Array(bytes.buffer) : bytes;
  const got = drawn.contiguous().toTypedArray() as Uint8Array;
  const wrong = [...got].flatMap((value, i) => (value === wanted[i] ? [] : [`${i}: ${value} for ${wanted[i]!}`]));
  expect(wrong.slice(0, 5), `${wrong.length} of ${got.length}`).toEqual(wrong.length <= atMost ? wrong.slice(0, 5) : []);
}

describe('boxes', () => {
  test.each(fixtures.boxes)('$boxes with $options on $size of $dtype', ({ size, dtype, boxes, options, result }) => {
    expectSame(drawBoundingBoxes(picture(size, dtype), tensor(boxes), options), result);
  });

  test('labels are texts of dots beside the corner, on a ground if wished', () => {
    const image = zeros(3, 24, 60, { dtype: 'uint8' });
    const boxes = tensor([[1, 1, 58, 22]]);
    const red = drawBoundingBoxes(image, boxes, { labels: ['Il'], colors: 'red' }).at(0);
    const rows = red.narrow(0, 3, 8).narrow(1, 3, 11).gt(0).tolist() as boolean[][];
    expect(rows.map((row) => row.map((dot) => (dot ? '#' : '.')).join(''))).toEqual([
      '.###...##..', '..#.....#..', '..#.....#..', '..#.....#..', '..#.....#..', '..#.....#..', '.###...###.', '...........',
    ]); // prettier-ignore
    const options = {
      labels: ['é\nß'],
      colors: 'red',
      fillLabels: true,
      labelBackgroundColors: 'blue',
      labelColors: 'white',
      fontSize: 20,
    } as const;
    const filled = drawBoundingBoxes(zeros(3, 60, 60, { dtype: 'uint8' }), tensor([[1, 1, 58, 58]]), options);
    expect(filled.at(2).sum().item()).toBe(255 * (12 * 36));
    expect(filled.at(1).gt(0).sum().item()).toBe(4 * (14 + 20));
    expect(drawBoundingBoxes(image, boxes, [null]).equal(drawBoundingBoxes(image, boxes))).toBe(true);
  });

  test('what is none is refused', () => {
    const image = zeros(3, 8, 8);
    expect(drawBoundingBoxes(image, zeros(0, 4))).toBe(image);
    expect(() => drawBoundingBoxes(zeros(2, 3, 8, 8), zeros(1, 4))).toThrow(/one picture.*\[2, 3, 8, 8\].*select/);
    expect(() => drawBoundingBoxes(zeros(3, 8, 8, { dtype: 'int64' }), zeros(1, 4))).toThrow(/uint8, or of floats/);
    expect(() => drawBoundingBoxes(image, tensor([[5, 1, 2, 3]]))).toThrow(/boxConvert/);
    expect(() => drawBoundingBoxes(image, tensor([[0, 0, NaN, 3]]))).toThrow(/coordinates in pixels.*NaN/);
    expect(() => drawBoundingBoxes(image, zeros(2, 4), { labels: ['one'] })).toThrow(/each of 2 boxes, but got 1/);
    expect(() => drawBoundingBoxes(image, zeros(2, 4), { colors: ['red'] })).toThrow(/at least 2 colours/);
    expect(() => drawBoundingBoxes(image, zeros(1, 4), { colors: 'reddish' })).toThrow(/colour such as 'red'/);
    expect(() => drawBoundingBoxes(image, zeros(1, 4), { font: 'a.ttf' } as never)).toThrow(/built-in font/);
  });

  test('colours are Pillow’s', () => {
    for (const [text, rgb] of Object.entries(fixtures.colours)) {
      const drawn = drawBoundingBoxes(zeros(3, 1, 1, { dtype: 'uint8' }), zeros(1, 4), { colors: text });
      expect([text, drawn.flatten().tolist()]).toEqual([text, rgb]);
    }
  });
});

describe('masks', () => {
  test.each(fixtures.masks)('$count with $options on $dtype', ({ size, dtype, count, options, result }) => {
    const [, height, width] = size as [number, number, number];
    const given = arange(Math.max(count, 1) * height * width, { dtype: 'int64' })
      .mul(7919)
      .remainder(101)
      .lt(40);
    const masks = given.reshape(-1, height, width).narrow(0, 0, count);
    expectSame(drawSegmentationMasks(picture(size, dtype), masks, options), result);
  });

  test('what is none is refused', () => {
    expect(() => drawSegmentationMasks(zeros(3, 4, 4), ones(4, 4))).toThrow(/bool, but got float32; write masks\.gt/);
    expect(() => drawSegmentationMasks(zeros(3, 4, 4), ones(4, 5).gt(0))).toThrow(/as large as the picture/);
    expect(() => drawSegmentationMasks(zeros(1, 4, 4), ones(4, 4).gt(0))).toThrow(/\[3, H, W\]/);
  });
});

describe('points', () => {
  test.each(fixtures.keypoints)('$points with $options', ({ size, dtype, points, visible, options, result }) => {
    const visibility = visible === null ? {} : { visibility: tensor(visible) };
    expectSame(drawKeypoints(picture(size, dtype), tensor(points), { ...options, ...visibility }), result);
  });

  test('what is none is refused', () => {
    expect(() => drawKeypoints(zeros(3, 4, 4), zeros(2, 2))).toThrow(/\[N, K, 2\]/);
    expect(() => drawKeypoints(zeros(3, 4, 4), zeros(1, 2, 2), [[0, 2]])).toThrow(/points below 2, but got 2/);
    expect(() => drawKeypoints(zeros(3, 4, 4), zeros(1, 2, 2), { visibility: ones(1, 3) })).toThrow(/\[1, 2\]/);
    expect(() => drawKeypoints(zeros(3, 4, 4), tensor([[[1e9, 0]]]))).toThrow(/coordinates in pixels/);
  });
});

describe('flows', () => {
  test.each(fixtures.flows)('$shape', ({ shape, result }) => {
    const flow = arange(shape.reduce((a, b) => a * b, 1), { dtype: 'int64' }).mul(7919).remainder(1009).sub(504).to('float32').div(64); // prettier-ignore
    expectSame(flowToImage(flow.reshape(...shape)), result);
  });

  test('what is none is refused', () => {
    expect(() => flowToImage(zeros(3, 4, 4))).toThrow(/\[2, H, W\]/);
    expect(() => flowToImage(zeros(2, 4, 4, { dtype: 'float64' }))).toThrow(/float32, but got float64/);
    expect(() => flowToImage(zeros(2, 4, 4).add(NaN))).toThrow(/nanToNum/);
    expect(
      flowToImage(zeros(2, 4, 4))
        .min()
        .item(),
    ).toBe(255);
  });
});

describe('colour maps', () => {
  test.each(Object.entries(fixtures.maps) as [ColorMapName, string][])('%s', (name, pixels) => {
    const mapped = colorMap(arange(256).to('uint8').reshape(1, 256), name);
    expect([...(mapped.permute(1, 2, 0).contiguous().toTypedArray() as Uint8Array)]).toEqual([...unpacked(pixels)]);
  });

  test('numbers are stretched as matplotlib stretches them', () => {
    const heat = arange(60).mul(37).remainder(61).div(16).sub(1).reshape(1, 6, 10);
    const mapped = colorMap(heat, { name: 'magma' });
    expect([...(mapped.permute(1, 2, 0).contiguous().toTypedArray() as Uint8Array)]).toEqual([...unpacked(fixtures.scaled)]);
    expect(colorMap(heat.unsqueeze(0)).shape).toEqual([1, 3, 6, 10]);
    expect(
      colorMap(tensor([[-1, 0, 0.5, 2, NaN]]), 'gray', [0, 1])
        .at(0)
        .tolist(),
    ).toEqual([[0, 0, 128, 255, 0]]);
    expect(() => colorMap(zeros(3, 2, 2))).toThrow(/one channel/);
    expect(() => colorMap(zeros(2, 2), 'rainbow' as never)).toThrow(/'viridis'/);
  });
});

describe('modes', () => {
  test.each(fixtures.modes)('$mode', ({ mode, channels, image, pixels }) => {
    const bytes = Uint8Array.from({ length: channels * 48 * 64 }, (_, i) => Number(((BigInt(i) * 2654435761n) % 4294967296n) / 16777216n));
    const values = tensor(bytes).reshape(channels, 48, 64);
    const made = imageOf(values, mode);
    expect(made.mode).toBe(image);
    expect(Buffer.compare(made.data, unpacked(pixels))).toBe(0);
    expect(Buffer.compare(new ToPILImage(mode)(values).data, made.data)).toBe(0);
  });

  test('what has no 8 bits is refused, and says what to write', () => {
    expect(() => imageOf(zeros(1, 2, 2), 'I;16' as never)).toThrow(/8 bits a channel; write x\.to\('float32'\)\.div\(65535\)/);
    expect(() => F.toPilImage(zeros(1, 2, 2), 'F' as never)).toThrow(/0 … 1/);
    expect(() => new ToPILImage('P' as never)).toThrow(/palette\.at/);
    expect(() => imageOf(zeros(1, 2, 2), 'XYZ' as never)).toThrow(/'YCbCr'/);
    expect(() => imageOf(zeros(3, 2, 2), 'CMYK')).toThrow(/'CMYK' has 4 channels/);
    expect(() => imageOf(zeros(4, 2, 2))).toThrow(/'RGBA'/);
  });
});

test('the example draws all of it in one picture', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'flambeau-draw-'));
  const log = vi.spyOn(console, 'log').mockImplementation(() => undefined);
  const argv = process.argv;
  try {
    process.argv = ['node', 'draw.ts', join(folder, 'all.png')];
    await import('../../examples/draw.ts');
    expect(log).toHaveBeenCalledExactlyOnceWith(expect.stringContaining('boxes, masks, points'));
    const drawn = await decodeImage(readFileSync(join(folder, 'all.png')));
    expect(String(drawn)).toBe('Image(296x198, RGB)');
    // Gold of the first box, red of a point, white of a line, and viridis' first and last colour.
    const colours = new Set(Array.from({ length: 296 * 198 }, (_, i) => drawn.getPixel(i % 296, Math.floor(i / 296)).join()));
    for (const colour of ['255,215,0', '255,0,0', '255,255,255', '68,1,84', '253,231,36']) expect(colours).toContain(colour);
  } finally {
    process.argv = argv;
    log.mockRestore();
    rmSync(folder, { recursive: true });
  }
});
