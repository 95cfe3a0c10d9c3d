import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

import { splitToken } from "../src/live/socket";
import { Kind, parseFrame } from "../src/live/wire";

interface Golden {
  name: string;
  kind: string;
  run: number;
  flags: number;
  descent: number;
  layer: number;
  step: number;
  values: (number | "nan")[][][];
  hex: string;
}

const KINDS: Record<string, Kind> = { SURFACE: 1, PATH: 2, BOUNDARY: 3, EXAMPLES: 4, UNITS: 5, SIGNALS: 6 };
const GOLDEN = JSON.parse(readFileSync(new URL("../../tests/wire_golden.json", import.meta.url), "utf8")) as Golden[];

function bytesOf(hex: string): ArrayBuffer {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16)).buffer;
}

test.each(GOLDEN)("the bytes that Python writes are read as they were meant: $name", (golden) => {
  const { values, shape, ...head } = parseFrame(bytesOf(golden.hex));
  const { run, flags, descent, layer, step } = golden;
  expect(head).toEqual({ kind: KINDS[golden.kind], run, flags, descent, layer, step });
  expect(shape).toEqual([golden.values.length, golden.values[0].length, golden.values[0][0].length]);
  const numbers = golden.values.flat(2).map((value) => Math.fround(value === "nan" ? Number.NaN : value));
  expect(Array.from(values)).toEqual(numbers);
});

test.each([GOLDEN[0].hex.slice(0, 20), GOLDEN[0].hex.slice(0, -2), `${GOLDEN[0].hex}00000000`])(
  "a frame that is cut short or too long is refused",
  (hex) => expect(() => parseFrame(bytesOf(hex))).toThrow(/frame/),
);

const TOKEN = "Zm9vYmFyLWJhel9xdXV4LTEyMzQ1Njc4OTAxMjM0NTY";

test.each([
  [`#${TOKEN}`, TOKEN, ""],
  [`#${TOKEN}&show=kind:classic,name:ravine`, TOKEN, "show=kind:classic,name:ravine"],
  ["#log=1&step=3", null, "log=1&step=3"],
  ["", null, ""],
])("the token leaves the address: %s", (fragment, token, rest) => {
  expect(splitToken(fragment)).toEqual({ token, rest });
});
