import { expect, test } from "vitest";

import { marks } from "../src/axes";
import { heightsOf, isoline } from "../src/isolines";
import { makeScale, Plane, prefersLog } from "../src/scale";
import type { Scene } from "../src/stage";
import { planeWords } from "../src/words";
import { surface } from "./surfaces";

test("axes of parameters are written as the parameters, and captions tell the loss at the center", () => {
  const bowl = { ...surface([3, 2, 3, 2, 1, 2, 3, 2, 3], 3), description: "a loss over 9 rows" };
  expect(marks({ ...bowl.axes[0], origin: 0.9 }, -1, 1, 4).map(({ text }) => text)).toEqual(["0", "0.5", "1", "1.5"]);
  expect(marks({ ...bowl.axes[0], origin: 0.9 }, -1, 1, 4)[0].value).toBeCloseTo(-0.9);
  expect(planeWords(bowl)).toBe("a loss over 9 rows; loss at the center 1");
  expect(planeWords({ ...bowl, standard_error: 0.25 })).toContain("loss at the center 1 ± 0.25 (standard error)");
});

test("heights go from 0 to 1, and what is not finite has none", () => {
  const bowl = surface([3, 2, 3, 2, 1, 2, Number.NaN, Infinity, 3], 3);
  for (const log of [false, true]) {
    const scale = makeScale(bowl, log);
    expect(scale.height(1)).toBeCloseTo(0, 12);
    expect(scale.height(3)).toBeCloseTo(1, 12);
    expect(scale.height(Number.NaN)).toBeNaN();
    expect(scale.height(Infinity)).toBeNaN();
    for (const level of scale.levels) {
      const number = scale.height(level) * scale.density + scale.start;
      expect(Math.abs(number - Math.round(number))).toBeLessThan(1e-9);
    }
  }
});

test("losses of zero and below have a place on the logarithmic scale", () => {
  const zero = makeScale(surface([0, 1, 10, 100], 2), true);
  expect([zero.offset, zero.height(0), zero.height(1), zero.height(100)]).toEqual([0, 0, 0, 1]);
  const negative = makeScale(surface([-5, -4, 5, 95], 2), true);
  expect([negative.offset, negative.height(-5), negative.height(95)]).toEqual([-5, 0, 1]);
});

test("a constant surface is drawn flat, and one without a finite loss not at all", () => {
  expect(makeScale(surface([2, 2, 2, 2], 2), false).height(2)).toBe(0);
  expect(makeScale(surface([Number.NaN, Infinity, Number.NaN, Number.NaN], 2), true).height(Number.NaN)).toBeNaN();
});

test("a wall far above the rest asks for the logarithmic scale", () => {
  expect(prefersLog(surface([1, 2, 3, 4], 2))).toBe(false);
  expect(prefersLog(surface([1, 2, 3, 1e6], 2))).toBe(true);
});

test("the nearest cell of a place on the square", () => {
  const plane = new Plane(surface(Array(9).fill(1), 3));
  expect(plane.nearest(-0.9, 0.6)).toEqual({ i: 0, j: 2 });
  expect(plane.coefficient(0, plane.across(0, 0.25))).toBeCloseTo(0.25, 12);
});

test("an iso-line of a slope is straight, and stops at a hole", () => {
  const slope = surface([0, 1, 2, 0, 1, 2, 0, 1, Number.NaN], 3);
  const heights = heightsOf({ surface: slope, scale: makeScale(slope, false) } as Scene);
  const segments = isoline(heights, 3, 0.75);
  expect(segments.length).toBe(4);
  expect([segments[1], segments[3]]).toEqual([1.5, 1.5]);
});
