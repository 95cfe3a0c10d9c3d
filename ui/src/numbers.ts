// Numbers as people read them: rounded, exact, and evenly placed on axes.
import type { Numbers } from "./document";

/** Few digits, for axes and sentences. */
export function short(value: number, digits = 4): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  if (value === 0) return "0";
  const size = Math.abs(value);
  const extreme = size >= 1e6 || size < 1e-4;
  return minus(extreme ? trimmed(value.toExponential(digits - 1)) : String(Number(value.toPrecision(digits))));
}

/** All digits that tell this number from its neighbors, in the precision it was computed in; made to be copied. */
export function exact(values: Numbers, index: number): string {
  const value = values[index];
  if (!Number.isFinite(value)) return short(value);
  if (!(values instanceof Float32Array)) return String(value);
  for (let digits = 6; digits < 9; digits++) {
    const text = value.toPrecision(digits);
    if (Math.fround(Number(text)) === value) return String(Number(text));
  }
  return String(Number(value.toPrecision(9)));
}

/** A number as it was computed: in single precision, if that is all it has, or in double. */
export function plain(value: number): string {
  return exact(Math.fround(value) === value ? Float32Array.of(value) : Float64Array.of(value), 0);
}

/** Round numbers from `low` to `high`, about `count` of them; the ends alone, if none between can be told apart. */
export function niceTicks(low: number, high: number, count: number): number[] {
  const most = Math.max(1, count);
  const step = niceStep(Number.isFinite(high - low) ? (high - low) / most : high / most - low / most);
  const [first, last] = [Math.ceil(low / step - 1e-9), Math.floor(high / step + 1e-9)];
  if (!(step > 0) || !(Math.max(Math.abs(first), Math.abs(last)) < FINEST)) return low < high ? [low, high] : [low];
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, k) => Number(((first + k) * step).toPrecision(14)));
}

/** How many steps from 0 a tick may be, lest rounding move it. */
const FINEST = 1e13;

/** A round number of at least a rough one; 0 for what has none. */
export function niceStep(rough: number): number {
  if (!(rough > 0) || !Number.isFinite(rough)) return 0;
  const power = Number(`1e${Math.floor(Math.log10(rough))}`);
  if (!(power > 0)) return 0;
  const lead = rough / power;
  return (lead <= 1 ? 1 : lead <= 2 ? 2 : lead <= 5 ? 5 : 10) * power;
}

/** Numbers as short as tells each from its neighbors. */
export function shortest(values: number[]): string[] {
  const differ = (texts: string[]): boolean => new Set(texts).size === new Set(values).size;
  for (let digits = 4; digits < 16; digits++) {
    const texts = values.map((value) => short(value, digits));
    if (differ(texts)) return texts;
  }
  return values.map((value) => short(value, 17));
}

/** Where in ascending `values` a value falls: an index with its fraction, beyond the ends as if evenly continued. */
export function locate(values: Numbers, value: number): number {
  const last = values.length - 1;
  let low = 0;
  let high = last;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (values[middle] <= value) low = middle;
    else high = middle;
  }
  return last ? low + (value - values[low]) / (values[high] - values[low]) : 0;
}

/** Of ascending values the one nearest to another. */
export function nearest(values: Numbers, value: number): number {
  const at = clamp(Math.round(locate(values, value)), 0, values.length - 1);
  return values[at];
}

/** The last index whose value is at most `value`, or -1. */
export function lastAtMost(values: Numbers, value: number): number {
  let low = -1;
  let high = values.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (values[middle] <= value) low = middle;
    else high = middle;
  }
  return low;
}

export function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}

function trimmed(text: string): string {
  const [digits, exponent] = text.split("e");
  return `${digits.includes(".") ? digits.replace(/\.?0+$/, "") : digits}e${exponent.replace("+", "")}`;
}

function minus(text: string): string {
  return text.replace(/-/g, "−");
}
