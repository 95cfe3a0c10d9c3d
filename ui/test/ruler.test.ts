import { expect, test } from "vitest";

import { marks } from "../src/axes";
import { niceStep, niceTicks, shortest } from "../src/numbers";
import { fraction, logTicks, range, ruler } from "../src/ruler";
import { makeScale, Plane, prefersLog } from "../src/scale";
import { surface } from "./surfaces";

const TINY = Number.MIN_VALUE;
const HUGE = Number.MAX_VALUE;

/** What any axis may be given: over the whole range of numbers, equal, a single one, close to each other, none at all. */
const SAMPLES: Record<string, number[]> = {
  zero: [0, 0, 0, 0],
  "a single value": [3],
  nothing: [],
  "nothing finite": [Number.NaN, Infinity, -Infinity],
  "a constant": [2.5, 2.5, 2.5, 2.5],
  "a negative constant": [-1e30, -1e30, -1e30, -1e30],
  "a huge constant": [1e300, 1e300, 1e300, 1e300],
  "a subnormal constant": [TINY, TINY, TINY, TINY],
  subnormal: [TINY, 2e-320, 1e-310, 3e-309],
  "1e-300": [1e-300, 2e-300, 5e-301, 1e-299],
  "around 1e-22": [1e-21, 1e-22, 9e-23, 1e-23],
  "down to 0": [1, 1e-10, 1e-30, 0],
  "down to the smallest": [1, 1e-100, 1e-200, TINY],
  "1e22": [1e22, 2e22, 5e22, 1e21],
  "1e300": [1e300, 2e300, 5e299, 1e299],
  "the largest": [HUGE, HUGE / 2, 1, 0],
  "all there is": [-HUGE, HUGE, 0, 1],
  negative: [-1, -2, -1e10, -1e-10],
  "both signs": [-1e-300, 1e-300, 0, 5],
  "neighbors at 1": [1, 1 + 2 ** -52, 1 + 2 ** -51, 1],
  "neighbors at 1e22": [1e22, 1e22 + 2097152, 1e22 + 4194304, 1e22],
  "a plateau at 1e6": [1e6, 1e6 + 1e-9, 1e6 + 2e-9, 1e6],
  "a hole": [1e-25, Number.NaN, Infinity, 1e-24],
};
const MOST = 40;

function finite(values: number[]): number[] {
  return values.filter(Number.isFinite);
}

test.each(Object.entries(SAMPLES))("e4: a ruler for %s has a place for each value, and few ticks", (_, values) => {
  for (const log of [false, true]) {
    const { place, ticks } = ruler(values, log, 6);
    const drawn = finite(values).filter((value) => !log || value > 0);
    for (const value of drawn) expect(place(value)).toSatisfy((at: number) => at >= 0 && at <= 1);
    expect([...drawn].sort((a, b) => place(a) - place(b)).map(place)).toEqual([...drawn].sort((a, b) => a - b).map(place));
    expect(ticks.length).toBeGreaterThan(0);
    expect(ticks.length).toBeLessThan(MOST);
    expect(ticks).toEqual([...new Set(ticks)].sort((a, b) => a - b));
    for (const tick of ticks) expect(place(tick)).toSatisfy((at: number) => at >= -1e-9 && at <= 1 + 1e-9);
    expect(new Set(shortest(ticks)).size).toBe(ticks.length);
  }
});

test.each(Object.entries(SAMPLES))("e4: the scale of a surface with %s has heights, and few lines and ticks", (_, values) => {
  const losses = [0, 1, 2, 3].map((at) => values[at % Math.max(1, values.length)] ?? Number.NaN);
  const path = surface(losses, 2, values);
  prefersLog(path);
  for (const log of [false, true]) {
    const scale = makeScale(path, log);
    for (const loss of finite(losses)) expect(scale.height(loss)).toSatisfy((at: number) => at >= 0 && at <= 1 + 1e-12);
    expect(Number.isFinite(scale.density + scale.start)).toBe(true);
    for (const many of [scale.levels, scale.ticks]) {
      expect(many.length).toBeLessThan(1000);
      expect(many.every(Number.isFinite)).toBe(true);
    }
    expect(scale.ticks.length).toBeLessThan(MOST);
  }
});

test.each(Object.entries(SAMPLES))("e4: an axis of the plane from %s is marked", (_, values) => {
  const [low, high] = range(values);
  const plane = new Plane({ ...surface([1, 1, 1, 1], 2), axes: [0, 1].map(() => ({ label: "", values: Float64Array.of(low, high) })) as never });
  expect(Number.isFinite(plane.across(0, low) + plane.across(1, high))).toBe(true);
  for (const origin of [0, 1, -1e300]) expect(marks({ label: "", values: Float64Array.of(low, high), origin }, low, high, 5).length).toBeLessThan(MOST);
});

test("places are shares of the range, also where differences are infinite or next to nothing", () => {
  expect([-HUGE, 0, HUGE].map(fraction(-HUGE, HUGE))).toEqual([0, 0.5, 1]);
  expect([TINY, 2 * TINY, 3 * TINY].map(fraction(TINY, 3 * TINY))).toEqual([0, 0.5, 1]);
  expect([3, 4].map(fraction(3, 3))).toEqual([0, 0]);
  const { place } = ruler([1e-300, 1e-200], true, 5);
  expect(place(1e-250)).toBeCloseTo(0.5, 12);
  expect([0, -1, Number.NaN].map(place).some(Number.isFinite)).toBe(false);
});

test("steps and ticks are round, or the ends alone where no others can be told apart", () => {
  expect([3e-308, TINY, 0, Infinity, Number.NaN].map(niceStep)).toEqual([5e-308, 0, 0, 0, 0]);
  expect(niceTicks(1e22, 1e22 + 2097152, 5)).toEqual([1e22, 1e22 + 2097152]);
  expect(niceTicks(-HUGE, HUGE, 4)).toEqual([-1.5e308, -1e308, -5e307, 0, 5e307, 1e308, 1.5e308].filter((tick) => tick % 1e308 === 0));
  expect(niceTicks(1e6, 1e6 + 1e-3, 3)).toEqual([1e6, 1e6 + 5e-4, 1e6 + 1e-3]);
  expect(shortest([1e6, 1e6 + 5e-4, 1e6 + 1e-3])).toEqual(["1e6", "1.0000000005e6", "1.000000001e6"]);
});

test("ticks of a logarithmic axis are powers of ten, with some between where the axis is short", () => {
  expect(logTicks(-30, 0)).toEqual([1e-30, 1e-25, 1e-20, 1e-15, 1e-10, 1e-5, 1]);
  expect(logTicks(-0.1, 1.1)).toEqual([1, 2, 5, 10]);
  expect(logTicks(Math.log10(TINY), 308).length).toBeLessThan(8);
});
