// The document that the page shows, as `_page_document.py` writes it down, and its arrays as numbers again.

export type Numbers = Float32Array | Float64Array | Int32Array | Uint8Array;

export interface Axis {
  label: string;
  values: Numbers;
  /** What a coefficient of 0 stands for: a parameter's own value, where the direction is its axis. */
  origin?: number;
}

/** What a coefficient along an axis stands for, which is what people read. */
export function meant({ origin = 0 }: Axis, coefficient: number): number {
  return coefficient + origin;
}

/** A path on a plane; `coordinates` holds two numbers a point. */
export interface Path {
  name: string;
  steps: Numbers;
  coordinates: Numbers;
  losses: Numbers;
  heights: Numbers;
  distances: Numbers;
  explained: number | null;
  /** Only of a path that a live server walks: more about each of its points. */
  live?: LivePoints;
}

/** More about the points of a live path: what pulls, what carries, how steep and how sharp it is there. */
export interface LivePoints {
  /** The downhill direction, the gradient with its sign turned, on the plane: two numbers a point. */
  downhill: Numbers;
  /** The step that led here, on the plane: two numbers a point. */
  velocity: Numbers;
  /** Norm of the gradient. */
  gradients: Numbers;
  /** Largest eigenvalue of the Hessian and the stability limit; not a number where nobody asked for it. */
  largest: Numbers;
  limits: Numbers;
  /** Its place among the colors, which it keeps when others go. */
  place: number;
}

/** Data and the line that each point of the ground is: intercept and slope, two numbers a point. */
export interface LineView {
  kind: "line";
  x: Numbers;
  t: Numbers;
  x_label: string;
  t_label: string;
  ground: Numbers;
  lines: { path: string; values: Numbers }[];
}

/** Losses on a plane, row by row: `losses[i * axes[1].values.length + j]`. */
export interface Surface {
  name: string;
  description: string;
  axes: [Axis, Axis];
  losses: Numbers;
  computed: Numbers | null;
  kind: string;
  left_out: string[];
  explained: number[] | null;
  standard_error: number | null;
  paths: Path[];
  view: LineView | null;
}

export interface Document {
  format: "downslope-page";
  version: 1;
  title: string;
  description: string;
  loss_label: string;
  step_label: string;
  surfaces: Surface[];
}

/** Why a cell has no height. */
export const enum Cell {
  Finite,
  NotANumber,
  Infinite,
  NotComputed,
}

/** Read JSON with arrays in it. */
export function parsePacked(text: string): unknown {
  return JSON.parse(text, (_, value) => (isPacked(value) ? unpack(value) : value));
}

export function parseDocument(text: string): Document {
  const parsed = parsePacked(text) as Document;
  if (parsed.format !== "downslope-page" || parsed.version !== 1) {
    throw new Error("This page shows documents of version 1; the one inside it is another.");
  }
  return parsed;
}

export function cellAt(surface: Surface, index: number): Cell {
  if (surface.computed && !surface.computed[index]) return Cell.NotComputed;
  const loss = surface.losses[index];
  if (Number.isNaN(loss)) return Cell.NotANumber;
  return Number.isFinite(loss) ? Cell.Finite : Cell.Infinite;
}

interface Packed {
  dtype: "float32" | "float64" | "int32" | "uint8";
  shape: number[];
  data: string;
}

function isPacked(value: unknown): value is Packed {
  return typeof value === "object" && value !== null && "dtype" in value && "data" in value && "shape" in value;
}

function unpack(packed: Packed): Numbers {
  const bytes = Uint8Array.from(atob(packed.data), (character) => character.charCodeAt(0));
  switch (packed.dtype) {
    case "float32":
      return new Float32Array(bytes.buffer);
    case "float64":
      return new Float64Array(bytes.buffer);
    case "int32":
      return new Int32Array(bytes.buffer);
    case "uint8":
      return bytes;
  }
}
