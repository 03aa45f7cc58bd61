/**
 * Pixels to draw on, and Pillow's arithmetic of lines and rectangles (libImaging/Draw.c), so that what is drawn is what torchvision draws.
 * What lies outside of the picture is left out.
 */
import type { Rgb } from './colours.ts';

/** Red, green, blue side by side, rows from the top. */
export interface Canvas {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** What is drawn with: a colour, and how much of it covers what was there, of 255. */
export interface Ink {
  readonly colour: Rgb;
  readonly alpha: number;
}

export const opaque = (colour: Rgb): Ink => ({ colour, alpha: 255 });

/** Pillow's `in1 * (255 - alpha) + in2 * alpha`, divided by 255 and rounded. */
function blend(alpha: number, under: number, over: number): number {
  const sum = under * (255 - alpha) + over * alpha + 128;
  return ((sum >> 8) + sum) >> 8;
}

export function drawPoint(canvas: Canvas, x: number, y: number, ink: Ink): void {
  if (x >= 0 && x < canvas.width && y >= 0 && y < canvas.height) drawSpan(canvas, x, y, x, ink);
}

/** Pixels of a row from `x0` to `x1`, both of them included. */
export function drawSpan(canvas: Canvas, x0: number, y: number, x1: number, { colour, alpha }: Ink): void {
  const { width, height, data } = canvas;
  if (y < 0 || y >= height || x0 >= width || x1 < 0) return;
  const last = (y * width + Math.min(x1, width - 1)) * 3;
  for (let at = (y * width + Math.max(x0, 0)) * 3; at <= last; at += 3) {
    for (let c = 0; c < 3; c++) data[at + c] = alpha === 255 ? colour[c]! : blend(alpha, data[at + c]!, colour[c]!);
  }
}

/** Bresenham's line of one pixel, without its end. */
export function drawThinLine(canvas: Canvas, x0: number, y0: number, x1: number, y1: number, ink: Ink): void {
  const [dx, dy] = [Math.abs(x1 - x0), Math.abs(y1 - y0)];
  const [stepX, stepY] = [x1 < x0 ? -1 : 1, y1 < y0 ? -1 : 1];
  const isFlat = dx > dy;
  const [long, short] = isFlat ? [dx, dy] : [dy, dx];
  let [x, y, error] = [x0, y0, 2 * short - long];
  for (let i = 0; i < long; i++) {
    drawPoint(canvas, x, y, ink);
    if (error >= 0) {
      if (isFlat) y += stepY;
      else x += stepX;
      error -= 2 * long;
    }
    error += 2 * short;
    if (isFlat) x += stepX;
    else y += stepY;
  }
}

/** A filled rectangle, corners included. */
export function fillRectangle(canvas: Canvas, box: readonly number[], ink: Ink): void {
  const [x0, top, x1, bottom] = box as [number, number, number, number];
  const last = Math.min(bottom, canvas.height - 1);
  for (let y = Math.max(top, 0); y <= last; y++) drawSpan(canvas, x0, y, x1, ink);
}

/** The outline of a rectangle, as wide as said, inwards. */
export function strokeRectangle(canvas: Canvas, box: readonly number[], width: number, ink: Ink): void {
  const [x0, y0, x1, y1] = box as [number, number, number, number];
  for (let i = 0; i < width; i++) {
    drawSpan(canvas, x0, y0 + i, x1, ink);
    drawSpan(canvas, x0, y1 - i, x1, ink);
    drawThinLine(canvas, x1 - i, y0 + width, x1 - i, y1 - width + 1, ink);
    drawThinLine(canvas, x0 + i, y0 + width, x0 + i, y1 - width + 1, ink);
  }
}
