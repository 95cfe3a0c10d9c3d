// The wire as `downslope/explorer/protocol/` has it: requests, answers, and the bytes of frames.
import type { LineView, Numbers, Surface } from "../document";

export const VERSION = 1;
export const PROTOCOL = "downslope.v1";
export const MOST_DESCENTS = 4;

export type ClassicSubject = { kind: "classic"; name: string };
export type LineSubject = { kind: "line"; loss: "sum_squared_error" | "mean_squared_error" };
export type RunSubject = { kind: "run" };
export interface NetworkSubject {
  kind: "network";
  data: string;
  noise: number;
  normalize: string | null;
  hidden: number[];
  activation: string;
  initializer: string;
  norm: string | null;
  dropout: number;
  skip: boolean;
  epochs: number;
  seed: number;
}
export type Subject = ClassicSubject | LineSubject | NetworkSubject | RunSubject;

export interface Plane {
  directions: string;
  size: number;
  span: [number, number] | null;
  through: number | null;
  mode: "inference" | "training";
  seed: number;
}

export type Schedule = { kind: string } & Record<string, number | string>;

export interface DescentSettings {
  optimizer: string;
  learning_rate: number;
  weight_decay: number;
  batch_size: number | null;
  schedule: Schedule;
  seed: number;
  steps: number;
  /** Other numbers and choices of the optimizer; the server's own where one is left out. */
  [setting: string]: string | number | boolean | null | Schedule | undefined;
}

/** Numbers of a descent that change without a reset. */
export type Tuned = Record<string, number>;

export type Request =
  | { type: "hello"; version: 1 }
  | { type: "open"; run: number; subject: Subject; plane: Plane }
  | { type: "slice"; run: number; plane: Plane }
  | { type: "start"; id: number; a: number; b: number; settings: DescentSettings }
  | { type: "play" | "pause" | "cancel" | "code" }
  | { type: "step"; count: number }
  | { type: "speed"; steps_per_second: number }
  | ({ type: "set"; id: number } & Record<string, number | string>)
  | { type: "remove"; id: number | null }
  | { type: "watch"; data: boolean; units: boolean; signals: boolean }
  | { type: "credit"; frames: number }
  | { type: "diagnose" | "eigenvalue"; id: number };

export interface Range {
  name: string;
  label: string;
  low: number;
  high: number;
  default: number;
  log: boolean;
  whole: boolean;
}

/** A line of an update rule in plain signs: it holds where all it needs is on, or not 0, and nothing it lacks is. */
export interface FormulaInfo {
  text: string;
  needs: string[];
  lacks: string[];
  numbers: string[];
}

export interface OptimizerInfo {
  name: string;
  /** Its numbers besides the rate, and its yes-or-no choices. */
  numbers: string[];
  choices: string[];
  learning_rate: number;
  /** The share of a plane's half-width that a good rate is; null where a rate is no length. */
  stride: number | null;
  formula: FormulaInfo[];
}

export interface ScheduleInfo {
  name: string;
  numbers: Range[];
}

/** A descent that is proposed: where it starts, in coordinates of the plane, and how it goes. */
export interface SceneStart {
  name: string;
  a: number;
  b: number;
  settings: DescentSettings;
}

export interface Lesson {
  name: string;
  title: string;
  text: string;
  to_try: string;
  subject: Subject;
  plane: Plane;
  descents: SceneStart[];
  steps_per_second: number;
}

export interface Welcome {
  type: "hello";
  version: number;
  title: string;
  opens: Subject;
  has_run: boolean;
  classics: string[];
  data_sets: { name: string; rows: number; features: number; about: string }[];
  activations: string[];
  initializers: string[];
  norms: string[];
  normalizations: string[];
  optimizers: OptimizerInfo[];
  schedules: ScheduleInfo[];
  directions: string[];
  sizes: number[];
  ranges: Range[];
  /** How people write names, and the signs of numbers in formulas. */
  labels: Record<string, string>;
  letters: Record<string, string>;
  /** What a descent is unless it is changed. */
  descent: DescentSettings;
  scenes: Lesson[];
  credit: number;
}

export interface PointsView {
  kind: "points";
  x: Numbers;
  labels: Numbers;
  classes: string[];
  feature_names: [string, string];
  grid: [Numbers, Numbers];
}

/** Rows to show predictions for; `shape` is that of `values`: rows, height, width. */
export interface ExamplesView {
  kind: "images" | "series";
  rows: Numbers;
  values: Numbers;
  labels: Numbers;
  classes: string[];
}

export interface RowsView {
  kind: "rows";
  count: number;
  features: number;
}

export type DataView = LineView | PointsView | ExamplesView | RowsView;

export interface SurfaceAnswer {
  type: "surface";
  run: number;
  subject: Subject;
  plane: Plane;
  title: string;
  description: string;
  loss_label: string;
  surface: Surface;
  can_redirect: string[];
  rows: number | null;
  parameters: number;
  layers: string[];
  suggested: SceneStart;
  beside: DataView | null;
}

export interface DescentAnswer {
  type: "descent";
  run: number;
  id: number;
  a: number;
  b: number;
  settings: DescentSettings;
  hyperparams: Record<string, number>;
  step: number;
  epoch: number;
  batch_size: number;
  steps_an_epoch: number;
  loss: number | null;
  ended: "" | "completed" | "diverged";
  text: string;
  explained: number | null;
}

export interface Row {
  step: number;
  epoch: number;
  loss: number | null;
  gradient_norm: number | null;
  learning_rate: number | null;
}

export interface Diagnosis {
  type: "diagnosis";
  id: number;
  step: number;
  verdict: string;
  findings: { code: string; severity: "severe" | "warning" | "note"; statement: string; evidence: string; fix: string }[];
}

export interface Eigenvalue {
  type: "eigenvalue";
  id: number;
  step: number;
  value: number | null;
  residual: number | null;
  converged: boolean;
  limit: number | null;
  text: string;
}

export interface Status {
  type: "status";
  run: number;
  state: "opening" | "slicing" | "playing" | "paused" | "idle" | "measuring";
  text: string;
  done: number | null;
}

export type Answer =
  | Welcome
  | SurfaceAnswer
  | Status
  | DescentAnswer
  | Diagnosis
  | Eigenvalue
  | { type: "error"; field: string; message: string }
  | { type: "removed"; id: number }
  | { type: "rows"; run: number; id: number; replaces: boolean; rows: Row[] }
  | { type: "code"; text: string }
  | { type: "done"; run: number; what: "surface" | "descents"; cancelled: boolean };

export const enum Kind {
  Surface = 1,
  Path,
  Boundary,
  Examples,
  Units,
  Signals,
}

/** Of the surface: its last frame. Of a path: what was drawn so far is replaced. */
export const LAST = 1;
export const REPLACES = 1;

/** Columns of a path frame. */
export const enum Column {
  Step,
  A,
  B,
  Loss,
  Height,
  Distance,
  GradientNorm,
  GradientA,
  GradientB,
  VelocityA,
  VelocityB,
  LearningRate,
  Largest,
  Limit,
}

export interface Frame {
  kind: Kind;
  flags: number;
  descent: number;
  layer: number;
  run: number;
  step: number;
  shape: [depth: number, rows: number, columns: number];
  values: Float32Array;
}

const HEADER = 24;

/** Read a frame; throws where its length is not what its header says. */
export function parseFrame(bytes: ArrayBuffer): Frame {
  if (bytes.byteLength < HEADER) throw new Error("A frame is shorter than its header.");
  const view = new DataView(bytes);
  const long = (at: number): number => view.getUint32(at, true);
  const shape: Frame["shape"] = [long(12), long(16), long(20)];
  const count = shape[0] * shape[1] * shape[2];
  if (bytes.byteLength !== HEADER + 4 * count) throw new Error("A frame is not as long as its header says.");
  return {
    kind: view.getUint8(0),
    flags: view.getUint8(1),
    descent: view.getUint8(2),
    layer: view.getUint8(3),
    run: long(4),
    step: long(8),
    shape,
    values: new Float32Array(bytes, HEADER, count),
  };
}
