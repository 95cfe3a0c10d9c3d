import { expect, test } from "vitest";

import { exact, lastAtMost, locate, nearest, niceTicks, short } from "../src/numbers";

test("exact numbers come back as they were", () => {
  const single = Float32Array.from([0.1, 1 / 3, 16777216, 1e-30, 51.28267]);
  single.forEach((value, at) => expect(Math.fround(Number(exact(single, at)))).toBe(value));
  expect(exact(single, 0)).toBe("0.1");
  expect(exact(Float64Array.of(51.282673045782), 0)).toBe("51.282673045782");
  expect(exact(Float64Array.of(Number.NaN, -Infinity), 1)).toBe("−∞");
});

test("the nearest of evenly spaced numbers", () => {
  expect([-9, -0.6, 0.2, 0.6, 9].map((value) => nearest(Float64Array.of(-1, 0, 1), value))).toEqual([-1, -1, 0, 1, 1]);
});

test("short numbers", () => {
  expect([0, 12345, 0.00001234, -0.5, 1e6, Number.NaN].map((value) => short(value))).toEqual([
    "0",
    "12350",
    "1.234e−5",
    "−0.5",
    "1e6",
    "NaN",
  ]);
});

test("ticks are round and within", () => {
  expect(niceTicks(-1, 1, 4)).toEqual([-1, -0.5, 0, 0.5, 1]);
  expect(niceTicks(3, 3, 4)).toEqual([3]);
});

test("places in ascending values", () => {
  const values = Float64Array.of(-1, 0, 4);
  expect([-1, -0.5, 2, 4, 8].map((value) => locate(values, value))).toEqual([0, 0.5, 1.5, 2, 3]);
  expect([-2, -1, 3, 9].map((value) => lastAtMost(values, value))).toEqual([-1, 0, 1, 2]);
});
