// From values to places along an axis, from 0 to 1, and the ticks beside them. Whatever the values: the plotting library
// is given places, since its own axes, a logarithmic one above all, never end on very small or very close values.
import { niceStep, niceTicks } from "./numbers";

/** Room beyond the outermost values, as a share of what lies between them. */
const MARGIN = 0.06;

export interface Ruler {
  /** Where a value is: 0 to 1 for all that the ruler was made of; not a number where it has no place. */
  place(value: number): number;
  /** Values to write beside the axis, ascending. */
  readonly ticks: number[];
}

/** A ruler for values, of which those that are not finite, or have no logarithm, do not count. */
export function ruler(values: Iterable<number | null>, log: boolean, count: number): Ruler {
  const [low, high] = range(values, log);
  return log ? logarithmic(low, high, count) : linear(low, high, count);
}

/** The lowest and the highest of values; 1 for both, if there are none. */
export function range(values: Iterable<number | null>, positive = false): [number, number] {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (value === null || !Number.isFinite(value) || (positive && value <= 0)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return low > high ? [1, 1] : [low, high];
}

/** Where between two values others are: 0 at the lower one, 1 at the higher one. All at 0, if they are the same. */
export function fraction(low: number, high: number): (value: number) => number {
  // the difference of the largest numbers is infinite, and a fraction of the smallest ones rounds to nothing
  const unit = Math.max(Math.abs(low), Math.abs(high)) < 1 ? 2 ** 500 : 0.25;
  const span = high * unit - low * unit;
  return (value) => (span > 0 ? (value * unit - low * unit) / span : 0 * value);
}

/** Round losses from one power of ten to another, a few. */
export function logTicks(bottom: number, top: number, most = 6): number[] {
  if (top - bottom < 0.7) return niceTicks(10 ** bottom, 10 ** top, Math.min(4, most));
  const leads = top - bottom < 1.6 ? [1, 2, 5] : [1];
  const every = Math.max(1, niceStep((top - bottom) / most));
  const powers = Array.from({ length: Math.floor(top) - Math.floor(bottom) + 1 }, (_, k) => Math.floor(bottom) + k);
  return powers
    .filter((power) => power % every === 0)
    .flatMap((power) => leads.map((lead) => Number(`${lead}e${power}`)))
    .filter((tick) => Math.log10(tick) >= bottom - 1e-9 && Math.log10(tick) <= top + 1e-9);
}

function linear(low: number, high: number, count: number): Ruler {
  const place = fraction(low, high);
  return { place: (value) => (low < high ? within(place(value)) : within(0.5 + 0 * value)), ticks: niceTicks(low, high, count) };
}

function logarithmic(low: number, high: number, count: number): Ruler {
  const [bottom, top] = [Math.log10(low), Math.log10(high)];
  const place = fraction(bottom, top);
  return {
    place: (value) => (bottom < top ? within(place(Math.log10(value))) : within(0.5 + 0 * Math.log10(value))),
    ticks: logTicks(bottom, top, count),
  };
}

/** A share of the range as one of the axis. */
function within(share: number): number {
  return (share + MARGIN) / (1 + 2 * MARGIN);
}
