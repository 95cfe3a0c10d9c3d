// From losses to heights and colors: 0 at the lowest loss of a surface and its paths, 1 at the highest of the surface.
import { Cell, cellAt, type Surface } from "./document";
import { clamp, niceStep, niceTicks } from "./numbers";
import { fraction, logTicks } from "./ruler";

/** Paths are drawn up to this height; what is higher is left out, and said in words. */
export const CEILING = 1.5;

const MOST_DECADES = 8;

export interface Scale {
  readonly log: boolean;
  /** What a logarithmic scale measures from: 0, or the lowest loss where some are negative. */
  readonly offset: number;
  readonly lowest: number;
  readonly highest: number;
  /** Height of a loss; not a number for what has none. */
  height(loss: number): number;
  /** The number of the iso-line at a height is `height * density + start`. */
  readonly density: number;
  readonly start: number;
  /** Losses of the iso-lines. */
  readonly levels: number[];
  readonly ticks: number[];
}

export function makeScale(surface: Surface, log: boolean): Scale {
  const range = lossRange(surface);
  return log ? logarithmic(range) : linear(range);
}

/** Whether evenly spaced heights would press most of the surface flat. */
export function prefersLog(surface: Surface): boolean {
  const losses = finiteLosses(surface).sort();
  if (losses.length < 2) return false;
  const lowest = losses[0];
  const middle = losses[losses.length >> 1];
  return losses[losses.length - 1] - lowest > 60 * (middle - lowest);
}

interface Range {
  lowest: number;
  highest: number;
  /** The lowest of the losses that have a logarithm. */
  smallest: number;
}

function linear({ lowest, highest }: Range): Scale {
  const step = niceStep(highest / 14 - lowest / 14) || 1;
  const place = fraction(lowest, highest);
  return {
    log: false,
    offset: 0,
    lowest,
    highest,
    height: (loss) => (Number.isFinite(loss) ? place(loss) : Number.NaN),
    density: highest / step - lowest / step,
    start: lowest / step,
    levels: niceTicks(lowest, highest, highest / step - lowest / step),
    ticks: niceTicks(lowest, highest, 5),
  };
}

function logarithmic({ lowest, highest, smallest }: Range): Scale {
  const offset = Math.min(0, lowest);
  const above = logAbove(offset);
  const top = highest > offset ? above(highest) : 0;
  const bottom = Math.max(highest > offset ? above(smallest) : 0, top - MOST_DECADES);
  const span = top - bottom || 1;
  const step = [1, 0.5, 0.25, 0.1, 0.05, 0.02].find((size) => span / size >= 9) ?? 0.01;
  const first = Math.ceil(bottom / step - 1e-9);
  const levels = Array.from({ length: Math.floor((bottom + span) / step + 1e-9) - first + 1 }, (_, k) => {
    return offset + 10 ** ((first + k) * step);
  }).filter(Number.isFinite);
  return {
    log: true,
    offset,
    lowest,
    highest,
    height: (loss) => {
      if (!Number.isFinite(loss)) return Number.NaN;
      return loss > offset ? Math.max(0, (above(loss) - bottom) / span) : 0;
    },
    density: span / step,
    start: bottom / step,
    levels,
    ticks: logTicks(bottom, bottom + span).map((height) => offset + height).filter(Number.isFinite),
  };
}

/** How far above an offset a loss is, as a power of ten; also where the difference itself is too large for a number. */
function logAbove(offset: number): (loss: number) => number {
  return (loss) => {
    const above = loss - offset;
    return Number.isFinite(above) ? Math.log10(above) : Math.log10(loss / 4 - offset / 4) + Math.log10(4);
  };
}

function finiteLosses(surface: Surface): Float64Array {
  return Float64Array.from(surface.losses).filter((_, index) => cellAt(surface, index) === Cell.Finite);
}

function lossRange(surface: Surface): Range {
  let lowest = Infinity;
  let highest = -Infinity;
  const onPaths = surface.paths.flatMap((path) => Array.from(path.losses).filter(Number.isFinite));
  const onSurface = finiteLosses(surface);
  for (const loss of onSurface) {
    lowest = Math.min(lowest, loss);
    highest = Math.max(highest, loss);
  }
  for (const loss of onPaths) {
    lowest = Math.min(lowest, loss);
    if (!onSurface.length) highest = Math.max(highest, loss);
  }
  if (lowest > highest) return { lowest: 0, highest: 1, smallest: 1 };
  const offset = Math.min(0, lowest);
  let smallest = highest;
  for (const loss of [...onSurface, ...onPaths]) if (loss > offset) smallest = Math.min(smallest, loss);
  return { lowest, highest, smallest };
}

/** The plane of a surface as a square from -1 to 1: first direction to the right, second one to the back. */
export class Plane {
  private readonly center: [number, number];
  private readonly half: [number, number];

  constructor(readonly surface: Surface) {
    const ends = surface.axes.map(({ values }) => [values[0], values[values.length - 1]]);
    this.center = [ends[0][0] / 2 + ends[0][1] / 2, ends[1][0] / 2 + ends[1][1] / 2];
    this.half = [ends[0][1] / 2 - ends[0][0] / 2 || 1, ends[1][1] / 2 - ends[1][0] / 2 || 1];
  }

  across(axis: 0 | 1, coefficient: number): number {
    return (coefficient - this.center[axis]) / this.half[axis];
  }

  coefficient(axis: 0 | 1, across: number): number {
    return this.center[axis] + this.half[axis] * across;
  }

  /** The cell nearest to a point of the square. */
  nearest(first: number, second: number): { i: number; j: number } {
    const [rows, columns] = this.surface.axes;
    const near = (values: Axis["values"], value: number): number => {
      let best = 0;
      for (let k = 1; k < values.length; k++) {
        if (Math.abs(values[k] - value) < Math.abs(values[best] - value)) best = k;
      }
      return clamp(best, 0, values.length - 1);
    };
    return { i: near(rows.values, this.coefficient(0, first)), j: near(columns.values, this.coefficient(1, second)) };
  }
}

type Axis = Surface["axes"][0];
