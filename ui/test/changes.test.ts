import { expect, test } from "vitest";

import * as changes from "../src/live/changes";
import { type Choices, DESCENT, labelOf, NETWORK, NOTHING_CHOSEN, PLANE } from "../src/live/choices";
import { learn } from "../src/live/names";
import type { Lesson, OptimizerInfo, Welcome } from "../src/live/wire";

learn({ sgd: "SGD", adam: "Adam", rmsprop: "RMSprop" });

const OPTIMIZERS = ["sgd", "adam", "rmsprop"].map((name): OptimizerInfo => {
  return { name, numbers: [], choices: [], learning_rate: 0.5, stride: null, formula: [] };
});
const STARTED = changes.startingAt(NOTHING_CHOSEN, [1, 2]);

function race(count: number): Choices {
  let choices = STARTED;
  for (let k = 1; k < count; k++) choices = changes.withAnother(choices, OPTIMIZERS, () => 0.5)?.choices ?? choices;
  return choices;
}

test("racers start where the others do, with optimizers that none has, four at most", () => {
  const { racers, selected } = race(4);
  expect(racers.map(labelOf)).toEqual(["1 SGD", "2 Adam", "3 RMSprop", "4 SGD"]);
  expect(racers.every(({ start }) => start?.join() === "1,2")).toBe(true);
  expect(selected).toBe(3);
  expect(changes.withAnother(race(4), OPTIMIZERS, () => 0.5)).toBeNull();
});

test("a racer that leaves makes room for its number, and one always stays", () => {
  const left = changes.without(race(3), 1);
  expect(left.racers.map(({ id }) => id)).toEqual([0, 2]);
  expect(changes.withAnother(left, OPTIMIZERS, () => 1)?.racer.id).toBe(1);
  expect(changes.without(STARTED, 0)).toBe(STARTED);
});

test("a plane cut anew remembers on which one descents started, until they start again", () => {
  const cut = changes.cut(changes.cut(STARTED, { directions: "pca" }), { through: 0 });
  expect([cut.startPlane, cut.plane.through]).toEqual([PLANE, 0]);
  expect(changes.startingAt(cut, [0, 0]).startPlane).toBeNull();
  expect(changes.cut(NOTHING_CHOSEN, { size: 17 }).startPlane).toBeNull();
});

test("descents and lesson stay where only the network is another", () => {
  const learning = { ...STARTED, lesson: "raw" };
  const deeper = changes.showing(learning, { ...NETWORK, hidden: [8, 8] }, NETWORK);
  expect([deeper.lesson, deeper.racers]).toEqual(["raw", learning.racers]);
  const other = changes.showing(learning, { ...NETWORK, data: "digits" }, NETWORK);
  expect([other.lesson, other.racers[0].start]).toEqual(["", null]);
});

test("what a lesson calls a descent holds until its numbers change", () => {
  const descents = [{ name: "slow", a: 0, b: 1, settings: DESCENT }];
  const lesson = { name: "one", subject: NETWORK, plane: PLANE, descents, steps_per_second: 7 } as unknown as Lesson;
  const learning = changes.learning(race(2), lesson);
  expect([learning.racers.map(labelOf), learning.pace]).toEqual([["1 slow"], 7]);
  expect(changes.changed(learning, 0, { momentum: 0.9 }).racers.map(labelOf)).toEqual(["1 SGD + momentum"]);
});

test("the numbers that suit a subject are taken over only where nobody has started", () => {
  const fitting = { ...DESCENT, learning_rate: 3, batch_size: 8 };
  expect(changes.adopting(NOTHING_CHOSEN, fitting).racers[0].settings).toEqual(fitting);
  expect(changes.adopting(STARTED, fitting)).toBe(STARTED);
});

const RATE = { name: "rate", label: "", low: 0, high: 1, default: 0.5, log: false, whole: false };
const WELCOME = {
  descent: { ...DESCENT, momentum: 0, nesterov: false },
  schedules: [
    { name: "constant", numbers: [] },
    { name: "decay", numbers: [RATE] },
  ],
} as unknown as Welcome;

test.each([
  ["another number, another choice", { momentum: 0.9, nesterov: true }, { momentum: 0.9, nesterov: true }],
  ["one that there is not", { nothing: 3 }, { momentum: 0, nesterov: false }],
  ["a schedule's number", { schedule: { kind: "decay", rate: 0.1 } }, { schedule: { kind: "decay", rate: 0.1 } }],
  ["a schedule without", { schedule: { kind: "decay", x: 1 } }, { schedule: { kind: "decay", rate: 0.5 } }],
  ["a schedule that there is not", { schedule: { kind: "other" } }, { schedule: { kind: "constant" } }],
])("choices are completed by what the server knows: %s", (_, chosen, told) => {
  const { racers } = changes.completed(changes.changed(STARTED, 0, chosen), WELCOME);
  expect(racers[0].settings).toEqual({ ...WELCOME.descent, ...told });
});
