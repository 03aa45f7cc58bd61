/** Colours as Pillow and CSS write them. */
import { kind, show } from '../../base/arguments.ts';
import { ArgumentError } from '../../base/errors.ts';

/** Red, green and blue, 0 to 255. */
export type Rgb = readonly [red: number, green: number, blue: number];
/** `'red'`, `'#f0f'`, `'#ff00ff'`, `'rgb(255, 0, 255)'`, `'hsl(300, 100%, 50%)'`, `'hsv(300, 100%, 100%)'`, or `[255, 0, 255]`. */
export type Colour = string | Rgb;
/** One colour for all, or at least one for each. */
export type Colours = Colour | readonly Colour[];

// The names of CSS, and Pillow's `colormap`.
const NAMES = `
aliceblue:f0f8ff antiquewhite:faebd7 aqua:00ffff aquamarine:7fffd4 azure:f0ffff beige:f5f5dc bisque:ffe4c4 black:000000
blanchedalmond:ffebcd blue:0000ff blueviolet:8a2be2 brown:a52a2a burlywood:deb887 cadetblue:5f9ea0 chartreuse:7fff00
chocolate:d2691e coral:ff7f50 cornflowerblue:6495ed cornsilk:fff8dc crimson:dc143c cyan:00ffff darkblue:00008b darkcyan:008b8b
darkgoldenrod:b8860b darkgray:a9a9a9 darkgrey:a9a9a9 darkgreen:006400 darkkhaki:bdb76b darkmagenta:8b008b darkolivegreen:556b2f
darkorange:ff8c00 darkorchid:9932cc darkred:8b0000 darksalmon:e9967a darkseagreen:8fbc8f darkslateblue:483d8b darkslategray:2f4f4f
darkslategrey:2f4f4f darkturquoise:00ced1 darkviolet:9400d3 deeppink:ff1493 deepskyblue:00bfff dimgray:696969 dimgrey:696969
dodgerblue:1e90ff firebrick:b22222 floralwhite:fffaf0 forestgreen:228b22 fuchsia:ff00ff gainsboro:dcdcdc ghostwhite:f8f8ff
gold:ffd700 goldenrod:daa520 gray:808080 grey:808080 green:008000 greenyellow:adff2f honeydew:f0fff0 hotpink:ff69b4
indianred:cd5c5c indigo:4b0082 ivory:fffff0 khaki:f0e68c lavender:e6e6fa lavenderblush:fff0f5 lawngreen:7cfc00 lemonchiffon:fffacd
lightblue:add8e6 lightcoral:f08080 lightcyan:e0ffff lightgoldenrodyellow:fafad2 lightgreen:90ee90 lightgray:d3d3d3
lightgrey:d3d3d3 lightpink:ffb6c1 lightsalmon:ffa07a lightseagreen:20b2aa lightskyblue:87cefa lightslategray:778899
lightslategrey:778899 lightsteelblue:b0c4de lightyellow:ffffe0 lime:00ff00 limegreen:32cd32 linen:faf0e6 magenta:ff00ff
maroon:800000 mediumaquamarine:66cdaa mediumblue:0000cd mediumorchid:ba55d3 mediumpurple:9370db mediumseagreen:3cb371
mediumslateblue:7b68ee mediumspringgreen:00fa9a mediumturquoise:48d1cc mediumvioletred:c71585 midnightblue:191970 mintcream:f5fffa
mistyrose:ffe4e1 moccasin:ffe4b5 navajowhite:ffdead navy:000080 oldlace:fdf5e6 olive:808000 olivedrab:6b8e23 orange:ffa500
orangered:ff4500 orchid:da70d6 palegoldenrod:eee8aa palegreen:98fb98 paleturquoise:afeeee palevioletred:db7093 papayawhip:ffefd5
peachpuff:ffdab9 peru:cd853f pink:ffc0cb plum:dda0dd powderblue:b0e0e6 purple:800080 rebeccapurple:663399 red:ff0000
rosybrown:bc8f8f royalblue:4169e1 saddlebrown:8b4513 salmon:fa8072 sandybrown:f4a460 seagreen:2e8b57 seashell:fff5ee sienna:a0522d
silver:c0c0c0 skyblue:87ceeb slateblue:6a5acd slategray:708090 slategrey:708090 snow:fffafa springgreen:00ff7f steelblue:4682b4
tan:d2b48c teal:008080 thistle:d8bfd8 tomato:ff6347 turquoise:40e0d0 violet:ee82ee wheat:f5deb3 white:ffffff whitesmoke:f5f5f5
yellow:ffff00 yellowgreen:9acd32`;
let named: ReadonlyMap<string, Rgb> | undefined;

function byName(name: string): Rgb | undefined {
  named ??= new Map(NAMES.trim().split(/\s/).map((entry) => {
    const [key, hex] = entry.split(':') as [string, string];
    return [key, ofHex(hex)];
  })); // prettier-ignore
  return named.get(name);
}

const ofHex = (hex: string): Rgb => [0, 2, 4].map((i) => Number.parseInt(hex.slice(i, i + 2), 16)) as unknown as Rgb;
const isByte = (value: unknown): boolean => Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 255;
const isTriple = (value: unknown): value is Rgb => Array.isArray(value) && value.length === 3 && [...(value as unknown[])].every(isByte);
const isColour = (value: unknown): boolean => isTriple(value) || (typeof value === 'string' && parsed(value) !== undefined);

/** Of options: a {@link Colour}. */
export const COLOUR = kind("a colour such as 'red', '#ff00ff', 'rgb(255, 0, 255)' or [255, 0, 255], without transparency", isColour);
/** Of options: {@link Colours}. */
export const COLOURS = kind(
  `${COLOUR.expected}, or an array of colours`,
  (value) => isColour(value) || (Array.isArray(value) && [...(value as unknown[])].every(isColour)),
);

/** What {@link COLOUR} takes, as numbers. */
export const rgbOf = (colour: Colour): Rgb => (typeof colour === 'string' ? parsed(colour)! : colour);

/**
 * A colour for each of several things; where none is given, torchvision's palette.
 * @throws ArgumentError for fewer colours than things
 */
export function coloursFor(op: string, count: number, colours: Colours | undefined): Rgb[] {
  if (colours === undefined) return Array.from({ length: count }, (_, i) => PALETTE.map((p) => (i * p) % 255) as unknown as Rgb);
  if (typeof colours === 'string' || isTriple(colours)) return Array.from({ length: count }, () => rgbOf(colours));
  const list = colours;
  if (list.length < count)
    throw new ArgumentError(`${op}: expected at least ${count} colours, one for each, but got ${list.length}: ${show(list)}`);
  return list.slice(0, count).map(rgbOf);
}

const PALETTE = [2 ** 25 - 1, 2 ** 15 - 1, 2 ** 21 - 1];
const NUMBER = String.raw`\s*(\d+(?:\.\d*)?)`;
const PERCENT = `${NUMBER}%\\s*`;
const WHOLE = String.raw`\s*(\d+)\s*`;
const RGB = new RegExp(`^rgb\\(${WHOLE},${WHOLE},${WHOLE}\\)$`);
const SHARES = new RegExp(String.raw`^rgb\(\s*(\d+)%\s*,\s*(\d+)%\s*,\s*(\d+)%\s*\)$`);
const HUES = new RegExp(`^hs([lbv])\\(${NUMBER}\\s*,${PERCENT},${PERCENT}\\)$`);

/** Nothing of what is no colour, or would be none of a picture's. */
function parsed(text: string): Rgb | undefined {
  if (text.length > 100) return undefined;
  const colour = text.toLowerCase();
  const rgb = byName(colour) ?? hexColour(colour) ?? whole(RGB.exec(colour)) ?? shares(SHARES.exec(colour)) ?? hued(HUES.exec(colour));
  return isTriple(rgb) ? rgb : undefined;
}

function hexColour(text: string): Rgb | undefined {
  if (/^#[\da-f]{3}$/.test(text)) return ofHex(text.slice(1).replaceAll(/./g, '$&$&'));
  return /^#[\da-f]{6}$/.test(text) ? ofHex(text.slice(1)) : undefined;
}

type Found = RegExpExecArray | null;
const whole = (found: Found): Rgb | undefined => (found === null ? undefined : (found.slice(1, 4).map(Number) as unknown as Rgb));
const shares = (found: Found): Rgb | undefined =>
  found === null ? undefined : (found.slice(1, 4).map((value) => Math.trunc((Number(value) * 255) / 100 + 0.5)) as unknown as Rgb);

/** A hue in degrees, saturation, and lightness or value in hundredths, as Python's colorsys works them out. */
function hued(found: Found): Rgb | undefined {
  if (found === null) return undefined;
  const [h, s, v] = [Number(found[2]) / 360, Number(found[3]) / 100, Number(found[4]) / 100];
  const values = found[1] === 'l' ? ofLightness(h, v, s) : ofValue(h, s, v);
  return values.map((value) => Math.trunc(value * 255 + 0.5)) as unknown as Rgb;
}

function ofLightness(h: number, l: number, s: number): readonly number[] {
  if (s === 0) return [l, l, l];
  const high = l <= 0.5 ? l * (1 + s) : l + s - l * s;
  const low = 2 * l - high;
  return [h + 1 / 3, h, h - 1 / 3].map((at) => {
    const hue = at < 0 ? (at % 1) + 1 : at % 1;
    if (hue < 1 / 6) return low + (high - low) * hue * 6;
    if (hue < 0.5) return high;
    return hue < 2 / 3 ? low + (high - low) * (2 / 3 - hue) * 6 : low;
  });
}

function ofValue(h: number, s: number, v: number): readonly number[] {
  if (s === 0) return [v, v, v];
  const sector = Math.trunc(h * 6);
  const f = h * 6 - sector;
  const [p, q, t] = [v * (1 - s), v * (1 - s * f), v * (1 - s * (1 - f))];
  return [
    [v, t, p],
    [q, v, p],
    [p, v, t],
    [p, q, v],
    [t, p, v],
    [v, p, q],
  ][sector % 6]!;
}
