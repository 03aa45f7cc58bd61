/** A font of 5×8 dots for labels: ASCII's 95 characters. Letters with accents are drawn without, what else there is as a box. */
import { fillRectangle, type Canvas, type Ink } from './canvas.ts';

/** Five columns a character from the space on, a byte each, whose lowest bit is the uppermost dot. */
const COLUMNS =
  '000000000000005f00000007000700147f147f14242a7f2a12231308646236495620500000070000001c2241000041221c0014083e081408083e0808' +
  '00806000000808080808006060000020100804023e5149453e00427f4000625149494622414949361814127f1027454545393c4a4949300171090503' +
  '3649494936064949291e003636000000806c000008142241001414141414004122140802015109063e415d551e7c1211127c7f494949363e41414122' +
  '7f4141221c7f494949417f090909013e4149497a7f0808087f00417f41002040413f017f081422417f404040407f020c027f7f0408107f3e4141413e' +
  '7f090909063e4151215e7f09192946264949493201017f01013f4040403f1f2040201f3f4038403f631408146307087008076151494543007f414100' +
  '02040810200041417f0004020102044040404040000102040020545454787f484444383844444420384444487f3854545418087e09010218a4a4a47c' +
  '7f0804047800447d40004080847d007f1028440000417f40007c041804787c080404783844444438fc2424241818242418fc7c080404084854545420' +
  '043f4440203c4040207c1c2040201c3c4030403c44281028441ca0a0a07c4464544c44083641410000007f000000414136080804081008';
const FIRST = 0x20;
const LAST = 0x7e;
const [WIDTH, HEIGHT, ADVANCE] = [5, 8, 6];
const BOX = [0x7f, 0x41, 0x41, 0x41, 0x7f];

const columnsOf = (character: string): readonly number[] => {
  const code = character.codePointAt(0)!;
  if (code < FIRST || code > LAST) return BOX;
  return BOX.map((_, i) => Number.parseInt(COLUMNS.slice(((code - FIRST) * WIDTH + i) * 2).slice(0, 2), 16));
};
const linesOf = (text: string): string[][] =>
  text
    .normalize('NFD')
    .replaceAll(/\p{M}/gu, '')
    .split('\n')
    .map((line) => Array.from(line));

/** Left, top, right and bottom of a text whose upper left corner is at (x, y), the last two just outside. */
export function textBox(text: string, x: number, y: number, scale: number): readonly [number, number, number, number] {
  const lines = linesOf(text);
  const longest = lines.reduce((most, line) => Math.max(most, line.length), 0);
  return [x, y, x + Math.max(0, longest * ADVANCE - 1) * scale, y + (lines.length * (HEIGHT + 1) - 1) * scale];
}

/** @param scale - pixels a dot */
export function drawText(canvas: Canvas, text: string, x: number, y: number, scale: number, ink: Ink): void {
  linesOf(text).forEach((line, row) => {
    line.forEach((character, place) => {
      columnsOf(character).forEach((column, i) => {
        for (let dot = 0; dot < HEIGHT; dot++) {
          if (((column >> dot) & 1) === 0) continue;
          const left = x + (place * ADVANCE + i) * scale;
          const top = y + (row * (HEIGHT + 1) + dot) * scale;
          fillRectangle(canvas, [left, top, left + scale - 1, top + scale - 1], ink);
        }
      });
    });
  });
}
