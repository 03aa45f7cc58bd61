import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { manualSeed, nn } from 'flambeau';
import { packClassifier, save } from 'flambeau/node';
import { decodeImage } from 'flambeau/vision';
import { encodeImage } from '../../src/io/image/encode.ts';
import { Image } from '../../src/io/image/image.ts';
import { createModel, type SmallNet } from '../../src/train/models.ts';
import { flambeau, flambeauJson } from '../support/cli.ts';

const folder = mkdtempSync(join(tmpdir(), 'flambeau-explain-'));
const before = process.cwd();
afterAll(() => {
  process.chdir(before);
  rmSync(folder, { recursive: true });
});

/** A network that takes light for its second class, wherever it is: both convolutions add up, and only one output listens. */
beforeAll(() => {
  process.chdir(folder);
  manualSeed(0);
  const spec = { channels: 3, height: 32, width: 32, classes: 3 };
  const network = createModel('small', spec) as unknown as SmallNet;
  for (const parameter of network.parameters()) nn.init.constant_(parameter, 0);
  for (const layer of [network.conv1, network.conv2]) nn.init.constant_(layer.weight, 0.05);
  network.fc.weight.detach().select(0, 1).fill_(0.01);
  save(packClassifier(network, { model: 'small', spec, classes: ['night', 'lamp <b>', 'day'] }), 'lamp.pt');
  const photo = Image.filled(64, 96, 3, [0, 0, 0]);
  for (let y = 20; y < 40; y++) for (let x = 40; x < 60; x++) photo.data.fill(255, 3 * (y * 64 + x), 3 * (y * 64 + x) + 3);
  writeFileSync('lamp.png', encodeImage(photo));
  writeFileSync('bad.png', 'oops');
});

/** Mean brightness of a part of an image, given in parts of its size. */
function brightness(image: Image, left: number, top: number, right: number, bottom: number): number {
  let [sum, count] = [0, 0];
  for (let y = Math.round(top * image.height); y < bottom * image.height; y++) {
    for (let x = Math.round(left * image.width); x < right * image.width; x++) {
      sum += image.getPixel(x, y).reduce((a, b) => a + b, 0);
      count++;
    }
  }
  return sum / count;
}

describe('explain with pictures', () => {
  it('writes a page with guesses, where the network looks, and its layers’ maps', async () => {
    const { code, out } = await flambeau('explain', 'lamp.pt', 'lamp.png', '--top', '2');
    expect([code, out]).toEqual([0, expect.stringMatching(/^Wrote explanation\.html \(.*B\): 1 picture; open it in a browser\.\n$/)]);
    const page = readFileSync('explanation.html', 'utf8');
    expect(page).toMatch(/^<!doctype html>[^]*<\/html>\n$/);
    expect(page).toContain('<span>lamp &#60;b&#62;</span>');
    expect(page.match(/alt="what speaks for/g)).toHaveLength(2);
    for (const layer of ['conv1: Conv2d', 'conv2: Conv2d']) expect(page).toContain(`<code>${layer}</code>`);
    expect(page).not.toMatch(/<script|https?:/);
    expect((await flambeau('explain', 'lamp.pt', 'lamp.png')).err).toMatch(/--html: "explanation\.html" is there already/);
  });

  it('writes pictures that are bright where the evidence is, and goes on after a bad file', async () => {
    const result = await flambeau('explain', 'lamp.pt', 'bad.png', 'lamp.png', '--png', 'seen', '--top', '1', '--json');
    expect([result.code, result.err]).toEqual([1, expect.stringMatching(/^bad\.png: decodeImage: .*\n1 image of 2 could not be read\n$/)]);
    expect(JSON.parse(result.out)).toEqual({
      files: ['seen/1-lamp.png', 'seen/1-lamp-1-lamp-b-.png'],
      pictures: [{ image: 'lamp.png', guesses: [{ class: 'lamp <b>', probability: expect.any(Number) as number }] }],
    });
    expect(readdirSync('seen').sort()).toEqual(['1-lamp-1-lamp-b-.png', '1-lamp.png']);
    const [view, heat] = [await decodeImage(readFileSync('seen/1-lamp.png')), await decodeImage(readFileSync('seen/1-lamp-1-lamp-b-.png'))];
    expect([view.width, view.height, heat.width, heat.height]).toEqual([256, 256, 256, 256]);
    // The middle of the picture is seen, whose rows 20 to 40 are 4 to 24 of 64 there.
    expect(brightness(view, 0.68, 0.12, 0.88, 0.32)).toBeGreaterThan(700);
    expect(brightness(heat, 0.68, 0.12, 0.88, 0.32)).toBeGreaterThan(2 * brightness(heat, 0, 0.6, 0.5, 1));
    expect((await flambeau('explain', 'lamp.pt', 'lamp.png', '--png', 'seen')).err).toMatch(/--png: "seen" is there already and not empty/);
    expect((await flambeau('explain', 'lamp.pt', 'lamp.png', '--png', 'seen', '--force')).out).toBe('Wrote 4 pictures to seen\n');
  });

  it('takes what predict takes, and gives its probabilities', async () => {
    const { pictures } = await flambeauJson<{ pictures: unknown }>('explain', 'lamp.pt', 'l*.png', '--html', 'all.html');
    expect(pictures).toEqual(await flambeauJson('predict', 'lamp.png', '--checkpoint', 'lamp.pt'));
    expect((await flambeau('explain', 'lamp.pt', '--png', 'x')).err).toMatch(/--png goes with images: flambeau explain CHECKPOINT IMAGE/);
  });
});
