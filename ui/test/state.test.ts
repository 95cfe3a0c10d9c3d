import { expect, test } from "vitest";

import { fromFragment, HOME, toFragment, type ViewState } from "../src/state";

const DEFAULTS: ViewState = {
  camera: HOME,
  log: false,
  colors: "viridis",
  flat: false,
  step: 200,
  speed: 1,
  playing: false,
  off: new Set(),
  curve: "loss",
};

test("a state that nobody changed needs no address", () => {
  expect(toFragment({ ...DEFAULTS }, DEFAULTS)).toBe("");
  expect(fromFragment("", DEFAULTS)).toEqual(DEFAULTS);
});

test("every part of a state comes back from the address", () => {
  const state: ViewState = {
    camera: { azimuth: 100.5, elevation: 12, zoom: 2.5, pan: [0.1, -0.2, 0.3] },
    log: true,
    colors: "gray",
    flat: true,
    step: 17,
    speed: 4,
    playing: false,
    off: new Set(["a, b", "c&d=e"]),
    curve: "distance",
  };
  expect(fromFragment(`#${toFragment(state, DEFAULTS)}`, DEFAULTS)).toEqual(state);
});

test.each(["#turn=1", "#turn=a,b&zoom=&step=x", "#colors=none&view=7&speed=3", "#off=%E0%A4%A&pan=1,2"])(
  "nonsense in the address is left out: %s",
  (fragment) => {
    const read = fromFragment(fragment, DEFAULTS);
    expect({ ...read, off: DEFAULTS.off }).toEqual(DEFAULTS);
  },
);
