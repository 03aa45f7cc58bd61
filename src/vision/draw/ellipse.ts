/** Pillow's filled ellipses (libImaging/Draw.c): a quarter of the curve by Bresenham's way, on a grid with two steps a pixel. */
import { drawSpan, type Canvas, type Ink } from './canvas.ts';

/** Points of the upper right quarter, from the side to the top. */
function* quarter(a: number, b: number): Generator<readonly [x: number, y: number]> {
  // How far a point is from the curve, the point put into the ellipse's equation.
  const off = (x: number, y: number): number => Math.abs(a * a * y * y + b * b * x * x - a * a * b * b);
  let [x, y] = [a, b % 2];
  for (;;) {
    yield [x, y];
    if (x === a % 2 && y === b) return;
    let [nextX, nextY, least] = [x, y + 2, off(x, y + 2)];
    if (x > 1) {
      if (off(x - 2, y + 2) < least) [nextX, nextY, least] = [x - 2, y + 2, off(x - 2, y + 2)];
      if (off(x - 2, y) < least) [nextX, nextY] = [x - 2, y];
    }
    [x, y] = [nextX, nextY];
  }
}

/** @param box - left, top, right and bottom, which are pixels of the ellipse */
export function fillEllipse(canvas: Canvas, box: readonly number[], ink: Ink): void {
  const [x0, y0, x1, y1] = box as [number, number, number, number];
  const [a, b] = [x1 - x0, y1 - y0];
  if (a < 0 || b < 0 || a + b === 0) return; // a single pixel is none
  // In a row of the grid the first point that comes is the outermost one.
  let row = -1;
  for (const [x, y] of quarter(a, b)) {
    if (y === row) continue;
    row = y;
    drawSpan(canvas, x0 + (a - x) / 2, y0 + (b - y) / 2, x0 + (a + x) / 2, ink);
    if (y > 0) drawSpan(canvas, x0 + (a - x) / 2, y0 + (b + y) / 2, x0 + (a + x) / 2, ink);
  }
}
