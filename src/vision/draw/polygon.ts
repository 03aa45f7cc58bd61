/** Pillow's filled polygons and wide lines, by scan lines (libImaging/Draw.c). Its places within a row are float32 numbers, and so are these. */
import { drawPoint, drawSpan, drawThinLine, type Canvas, type Ink } from './canvas.ts';

interface Edge {
  readonly x0: number;
  readonly y0: number;
  xmin: number;
  xmax: number;
  readonly ymin: number;
  readonly ymax: number;
  /** How far the edge goes sideways with each row. */
  readonly slope: number;
}

const round = Math.fround;
/** Halves go away from zero; {@link halfDown} takes them towards it. */
const halfUp = (value: number): number => (value >= 0 ? Math.floor(value + 0.5) : -Math.floor(-value + 0.5));
const halfDown = (value: number): number => (value >= 0 ? Math.ceil(value - 0.5) : -Math.ceil(-value - 0.5));

function edgeOf(x0: number, y0: number, x1: number, y1: number): Edge {
  return {
    x0,
    y0,
    xmin: Math.min(x0, x1),
    xmax: Math.max(x0, x1),
    ymin: Math.min(y0, y1),
    ymax: Math.max(y0, y1),
    slope: y0 === y1 ? 0 : round(round(x1 - x0) / round(y1 - y0)),
  };
}

/** The same of float32 numbers, whose sum is rounded first. */
const spanFrom = (value: number): number => (value >= 0 ? Math.floor(round(value + 0.5)) : -Math.floor(round(-value + 0.5)));
const spanTo = (value: number): number => (value >= 0 ? Math.ceil(round(value - 0.5)) : -Math.ceil(round(-value - 0.5)));

const placeIn = (edge: Edge, y: number): number => round(round(round(y - edge.y0) * edge.slope) + edge.x0);

/** @param points - x and y of each corner, whole numbers */
export function fillPolygon(canvas: Canvas, points: readonly number[], ink: Ink): void {
  const edges: Edge[] = [];
  const last = points.length - 2;
  for (let i = 0; i < last; i += 2) {
    const [x0, y0, x1, y1] = points.slice(i, i + 4) as [number, number, number, number];
    const before = edges.at(-1);
    // A level line right after another one in the same direction makes that one longer.
    if (y0 === y1 && before !== undefined && y0 === points[i - 1]) {
      if (x1 > x0 && x0 > points[i - 2]!) {
        before.xmax = x1;
        continue;
      }
      if (x1 < x0 && x0 < points[i - 2]!) {
        before.xmin = x1;
        continue;
      }
    }
    edges.push(edgeOf(x0, y0, x1, y1));
  }
  if (points[last] !== points[0] || points[last + 1] !== points[1]) {
    edges.push(edgeOf(points[last]!, points[last + 1]!, points[0]!, points[1]!));
  }
  fillEdges(canvas, edges, ink);
}

/** A line of a width between two pixels; one pixel wide it is a thin line with its end. */
export function drawLine(canvas: Canvas, x0: number, y0: number, x1: number, y1: number, width: number, ink: Ink): void {
  if (width === 0) return;
  if (width === 1) {
    drawThinLine(canvas, x0, y0, x1, y1, ink);
    drawPoint(canvas, x1, y1, ink);
    return;
  }
  const [dx, dy] = [x1 - x0, y1 - y0];
  if (dx === 0 && dy === 0) {
    drawPoint(canvas, x0, y0, ink);
    return;
  }
  const length = Math.hypot(dx, dy);
  const half = (width - 1) / 2;
  const [more, less] = [halfUp(half) / length, halfDown(half) / length];
  const [dxMin, dxMax, dyMin, dyMax] = [less * dy, more * dy, less * dx, more * dx].map(halfDown) as [number, number, number, number];
  const corners = [x0 - dxMin, y0 + dyMax, x1 - dxMin, y1 + dyMax, x1 + dxMax, y1 - dyMin, x0 + dxMax, y0 - dyMin];
  const edges = [0, 2, 4, 6].map((i) => edgeOf(corners[i]!, corners[i + 1]!, corners[(i + 2) % 8]!, corners[(i + 3) % 8]!));
  fillEdges(canvas, edges, ink);
}

function fillEdges(canvas: Canvas, edges: readonly Edge[], ink: Ink): void {
  const isSolid = ink.alpha === 255;
  const level = edges.filter((edge) => edge.ymin === edge.ymax);
  const sloping = edges.filter((edge) => edge.ymin !== edge.ymax);
  if (isSolid) for (const edge of level) drawSpan(canvas, edge.xmin, edge.ymin, edge.xmax, ink);
  const top = Math.max(
    0,
    edges.reduce((least, edge) => Math.min(least, edge.ymin), canvas.height - 1),
  );
  const bottom = edges.reduce((most, edge) => Math.max(most, edge.ymax), 0);
  for (let y = top; y <= Math.min(bottom, canvas.height); y++) {
    const places = crossings(sloping, y, Math.min(bottom, canvas.height)).sort((a, b) => a - b);
    if (isSolid) for (let i = 1; i < places.length; i += 2) drawSpan(canvas, spanFrom(places[i - 1]!), y, spanTo(places[i]!), ink);
    else fillOnce(canvas, places, level, y, ink);
  }
}

/** Where the edges meet a row. */
function crossings(edges: readonly Edge[], y: number, bottom: number): number[] {
  const places: number[] = [];
  edges.forEach((edge, i) => {
    if (y < edge.ymin || y > edge.ymax) return;
    const place = placeIn(edge, y);
    places.push(place);
    if (y === edge.ymax && y < bottom) places.push(place);
    else if ((y === edge.ymin || y === edge.ymax) && edge.slope !== 0) {
      places[places.length - 1] = joined(edge, edges.slice(0, i), y, place);
    }
  });
  return places;
}

/** The place of an edge's end: where two edges make a corner that would stand apart from the next row, it is drawn up to that row. */
function joined(edge: Edge, others: readonly Edge[], y: number, place: number): number {
  for (const other of others) {
    if ((y !== other.ymin && y !== other.ymax) || other.slope === 0) continue;
    if (halfUp(place) !== halfUp(placeIn(other, y))) continue;
    const next = y + (y === edge.ymax ? -1 : 1);
    if (next < other.ymin || next > other.ymax) continue;
    const [own, its] = [placeIn(edge, next), placeIn(other, next)];
    if (place > round(own + 1) && place > round(its + 1)) return halfUp(Math.max(own, its)) + 1;
    if (place < round(own - 1) && place < round(its - 1)) return halfUp(Math.min(own, its)) - 1;
    return place;
  }
  return place;
}

/** One row in an ink that does not cover: each pixel once. */
function fillOnce(canvas: Canvas, places: readonly number[], level: readonly Edge[], y: number, ink: Ink): void {
  let x = places.length === 0 ? -1 : 0;
  const drawLevel = (): void => {
    for (const edge of level) {
      if (edge.ymin !== y || (x !== -1 && x < edge.xmin)) continue;
      const from = Math.max(x, edge.xmin);
      if (x > edge.xmin && edge.xmax < from) continue;
      drawSpan(canvas, from, y, edge.xmax, ink);
      x = edge.xmax + 1;
    }
  };
  for (let i = 1; i < places.length; i += 2) {
    const end = spanTo(places[i]!);
    if (end < x) continue;
    drawLevel();
    if (end < x) continue;
    const start = Math.max(x, spanFrom(places[i - 1]!));
    if (end < start) continue;
    drawSpan(canvas, start, y, end, ink);
    x = end + 1;
  }
  drawLevel();
}
