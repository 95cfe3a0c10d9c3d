import { expect, test } from "vitest";

import type { Surface } from "../src/document";
import { coarse, Model } from "../src/live/model";
import { type DescentAnswer, type Frame, Kind, type SurfaceAnswer } from "../src/live/wire";

const SIDE = Float64Array.from([-1, -0.5, 0, 0.5, 1]);
const AXES: Surface["axes"] = [{ label: "a", values: SIDE }, { label: "b", values: SIDE }];

const ANSWER = {
  type: "surface",
  subject: { kind: "classic", name: "bowl" },
  title: "Bowl",
  description: "",
  loss_label: "loss",
  surface: {
    name: "",
    description: "",
    axes: AXES,
    losses: new Float32Array(25).fill(Number.NaN),
    computed: new Uint8Array(25),
    kind: "given",
    left_out: [],
    explained: null,
    standard_error: null,
    paths: [],
    view: null,
  },
  beside: null,
} as unknown as SurfaceAnswer;

const HEAD = { flags: 0, descent: 0, layer: 0, run: 1, step: 0 };

function grid(known: (i: number, j: number) => boolean): Frame {
  const cells = Array.from({ length: 25 }, (_, k) => [Math.floor(k / 5), k % 5]);
  const losses = cells.map(([i, j]) => (known(i, j) ? i + 10 * j : Number.NaN));
  const values = Float32Array.from([...losses, ...cells.map(([i, j]) => Number(known(i, j)))]);
  return { ...HEAD, kind: Kind.Surface, shape: [2, 5, 5], values };
}

function points(flags: number, ...rows: [step: number, loss: number][]): Frame {
  const values = Float32Array.from(rows.flatMap(([step, loss]) => [step, step / 10, 0, loss, loss, 0, 1, 1, 0, 0, 0, 0.1, Number.NaN, Number.NaN]));
  return { ...HEAD, flags, kind: Kind.Path, shape: [1, rows.length, 14], values };
}

function opened(): Model {
  const model = new Model();
  model.begin({ ...ANSWER, run: model.nextRun(false) }, true);
  return model;
}

test("a surface known at every other place is a coarser one without holes", () => {
  const model = opened();
  model.take(grid((i, j) => i % 2 === 0 && j % 2 === 0));
  const [surface] = model.document().surfaces;
  expect(Array.from(surface.axes[0].values)).toEqual([-1, 0, 1]);
  expect(surface.computed).toBeNull();
  expect(Array.from(surface.losses)).toEqual([0, 20, 40, 2, 22, 42, 4, 24, 44]);
});

test("a surface known around its middle keeps its ends, as holes", () => {
  const values = Float64Array.from({ length: 7 }, (_, k) => k);
  const known = Uint8Array.from({ length: 49 }, (_, k) => Number(Math.floor(k / 7) % 2 && (k % 7) % 2));
  const { axes, computed, losses } = coarse([{ label: "a", values }, { label: "b", values }], known, known);
  expect(Array.from(axes[0].values)).toEqual([0, 1, 3, 5, 6]);
  const inside = [0, 1, 1, 1, 0];
  expect(Array.from(computed ?? [])).toEqual(inside.flatMap((i) => inside.map((j) => i * j)));
  expect(losses[6]).toBe(1);
});

test("a surface known in another part keeps its holes", () => {
  const frame = grid((i) => i < 3);
  const { computed, axes } = coarse(AXES, frame.values.subarray(0, 25), Uint8Array.from(frame.values.subarray(25)));
  expect(computed).not.toBeNull();
  expect(axes[0].values).toHaveLength(5);
});

test("a path holds the exact losses, grows, and begins anew", () => {
  const model = opened();
  const row = { epoch: 0, gradient_norm: 1, learning_rate: 0.1 };
  const walk = model.walk(0);
  walk.call("1 SGD");
  walk.settle({ id: 0, step: 0, loss: 0.1, settings: { optimizer: "sgd" }, explained: 1 } as DescentAnswer);
  walk.tell([{ ...row, step: 0, loss: 0.1 }], true);
  model.take(points(1, [0, 0.1]));
  walk.tell([{ ...row, step: 1, loss: 0.05 }], false);
  model.take(points(0, [1, 0.05]));
  const [{ paths }] = model.document().surfaces;
  expect(Array.from(paths[0].losses)).toEqual([0.1, 0.05]);
  expect(paths[0].name).toBe("1 SGD");
  expect(model.document().surfaces[0].paths).toBe(paths);
  expect(Array.from(paths[0].live?.downhill ?? [])).toEqual([-1, -0, -1, -0]);
  walk.tell([{ ...row, step: 0, loss: 0.7 }], true);
  model.take(points(1, [0, 0.7]));
  expect(Array.from(model.document().surfaces[0].paths[0].losses)).toEqual([0.7]);
  expect(walk.rows).toHaveLength(1);
});

test("the surface before stays beside only once it was whole", () => {
  const model = opened();
  model.take(grid((i) => i < 3));
  model.begin({ ...ANSWER, run: model.nextRun(true) }, true);
  expect(model.document().surfaces).toHaveLength(1);
  model.take({ ...grid(() => true), flags: 1 });
  model.begin({ ...ANSWER, run: model.nextRun(true) }, true);
  expect(model.document().surfaces.map(({ name }) => name)).toEqual(["before: Bowl", "now"]);
  model.forgetKept();
  expect(model.document().surfaces).toHaveLength(1);
});
