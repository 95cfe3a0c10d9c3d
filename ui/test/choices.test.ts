import { expect, test } from "vitest";

import { fromFragment, toFragment } from "../src/live/address";
import { type Choices, DESCENT, NETWORK, NOTHING_CHOSEN, PLANE } from "../src/live/choices";

test("where nothing is chosen the address is empty", () => {
  expect(toFragment(NOTHING_CHOSEN)).toBe("");
  expect(fromFragment("")).toEqual(NOTHING_CHOSEN);
});

const RACE: Choices = {
  subject: { ...NETWORK, data: "spirals", hidden: [32, 32], norm: "batch", normalize: null, dropout: 0.25, skip: true },
  plane: { ...PLANE, directions: "pca", size: 33, span: [0.5, 1e-5], through: 2, mode: "training" },
  startPlane: { ...PLANE, directions: "filter" },
  racers: [
    { id: 0, name: "a rate, small: 0.1", start: [-1.5, 2e-7], settings: DESCENT },
    {
      id: 3,
      name: "",
      start: [0.25, 0],
      settings: {
        ...DESCENT,
        optimizer: "adam",
        learning_rate: 1e-3,
        nesterov: true,
        batch_size: 32,
        schedule: { kind: "step_decay", factor: 0.1, every: 40 },
      },
    },
  ],
  selected: 3,
  pace: 100,
  beside: false,
  lesson: "too_large",
  hide: new Set(["network", "plane"]),
};

test.each<[string, Choices]>([
  ["a race on a network", RACE],
  ["one descent", { ...NOTHING_CHOSEN, racers: [{ id: 0, name: "", start: [1, 2], settings: DESCENT }] }],
  ["a classic", { ...NOTHING_CHOSEN, subject: { kind: "classic", name: "ravine" } }],
  ["a line", { ...NOTHING_CHOSEN, subject: { kind: "line", loss: "mean_squared_error" } }],
  ["the run", { ...NOTHING_CHOSEN, subject: { kind: "run" } }],
])("every choice comes back from the address: %s", (_, choices) => {
  expect(fromFragment(`#turn=1.0,2.0&${toFragment(choices)}&log=1`)).toEqual(choices);
});

test.each(["#show=kind:nothing", "#d9=a:1", "#pace=x&select=7", "#plane=size:x,seed:,span:a", "#show&plane&d0", "#hide=&lesson="])(
  "nonsense in the address is left out: %s",
  (fragment) => expect(fromFragment(fragment)).toEqual(NOTHING_CHOSEN),
);
