// What the server has told so far, and the document that the page shows of it.
import type { Axis, Document, LineView, LivePoints, Numbers, Path, Surface } from "../document";
import {
  Column,
  type DescentAnswer,
  type Eigenvalue,
  type Frame,
  Kind,
  LAST,
  REPLACES,
  type Row,
  type SurfaceAnswer,
} from "./wire";

const COLUMNS = 14;

/** A descent: its points, column by column, and the lines of its table, exact. */
export class Walk {
  answer: DescentAnswer | null = null;
  rows: Row[] = [];
  eigenvalue: Eigenvalue | null = null;
  private columns: number[][] = Array.from({ length: COLUMNS }, () => []);
  private readonly exact = new Map<number, number>();
  private readonly measured = new Map<number, Eigenvalue>();
  private made: Path | null = null;
  private label = "";

  constructor(readonly id: number) {}

  get name(): string {
    return this.label;
  }

  /** Take the name that the reader knows it by. */
  call(label: string): void {
    if (label !== this.label) this.made = null;
    this.label = label;
  }

  get steps(): number[] {
    return this.columns[Column.Step];
  }

  take({ flags, shape: [, rows], values }: Frame): void {
    if (flags & REPLACES) this.columns = Array.from({ length: COLUMNS }, () => []);
    for (let row = 0; row < rows; row++) {
      this.columns.forEach((column, at) => column.push(values[row * COLUMNS + at]));
    }
    this.made = null;
  }

  /** Take lines of the table; `anew` if they take the place of all before. */
  tell(rows: Row[], anew: boolean): void {
    if (anew) {
      this.rows = [];
      this.exact.clear();
    }
    // a new start, in contrast to another plane for the same path
    if (anew && rows.at(-1)?.step === 0) {
      this.measured.clear();
      this.eigenvalue = null;
    }
    this.rows.push(...rows);
    for (const { step, loss } of rows) if (loss !== null) this.exact.set(step, loss);
    this.made = null;
  }

  measure(found: Eigenvalue): void {
    this.eigenvalue = found;
    this.measured.set(found.step, found);
    this.made = null;
  }

  /** Take how it stands; how much the plane shows of it is not told every time. */
  settle(answer: DescentAnswer): void {
    const moved = answer.step > 0 ? (this.answer?.explained ?? null) : null;
    this.answer = { ...answer, explained: answer.explained ?? moved };
    if (answer.loss !== null) this.exact.set(answer.step, answer.loss);
    this.made = null;
  }

  /** The path as documents have it; the same object until something changes. */
  path(): Path {
    this.made ??= this.make();
    return this.made;
  }

  private make(): Path {
    const { columns, steps } = this;
    const column = (at: Column): Float64Array => Float64Array.from(columns[at]);
    const pairs = (first: Column, second: Column, sign = 1): Float64Array =>
      Float64Array.from({ length: 2 * steps.length }, (_, k) => sign * columns[k % 2 ? second : first][k >> 1]);
    const measured = (at: Column, name: "value" | "limit"): Float64Array =>
      Float64Array.from(columns[at], (value, k) => this.measured.get(steps[k])?.[name] ?? value);
    const live: LivePoints = {
      downhill: pairs(Column.GradientA, Column.GradientB, -1),
      velocity: pairs(Column.VelocityA, Column.VelocityB),
      gradients: Float32Array.from(columns[Column.GradientNorm]),
      largest: measured(Column.Largest, "value"),
      limits: measured(Column.Limit, "limit"),
      place: this.id,
    };
    return {
      name: this.name,
      steps: Int32Array.from(steps),
      coordinates: pairs(Column.A, Column.B),
      losses: tight(Float64Array.from(columns[Column.Loss], (loss, k) => this.exact.get(steps[k]) ?? loss)),
      heights: Float32Array.from(column(Column.Height)),
      distances: Float32Array.from(column(Column.Distance)),
      explained: this.answer?.explained ?? null,
      live,
    };
  }
}

/** In single precision where that loses nothing, so that no digits are shown that were never computed. */
function tight(values: Float64Array): Numbers {
  return values.every((value) => Object.is(Math.fround(value), value)) ? Float32Array.from(values) : values;
}

export class Model {
  run = 0;
  answer: SurfaceAnswer | null = null;
  readonly walks = new Map<number, Walk>();
  readonly frames = new Map<string, Frame>();
  /** The surface before, where it is shown beside. */
  private kept: { surface: Surface; title: string } | null = null;
  private surface: Surface | null = null;
  private complete = false;
  /** The run that the surface belongs to. */
  private shown = -1;

  /** A plane is asked for under a new number; whether what is shown now is to stay beside it. */
  nextRun(keep: boolean): number {
    if (this.surface && this.answer) {
      this.kept = keep && this.complete ? { surface: this.surface, title: this.answer.title } : keep ? this.kept : null;
    }
    this.run += 1;
    return this.run;
  }

  forgetKept(): void {
    this.kept = null;
  }

  /** Whether all of the surface that was last asked for is computed. */
  get isWhole(): boolean {
    return this.complete && this.shown === this.run;
  }

  get hasKept(): boolean {
    return this.kept !== null;
  }

  /** Take a new plane; `afresh` where another subject is opened, and descents are gone with the one before. */
  begin(answer: SurfaceAnswer, afresh: boolean): void {
    this.answer = answer;
    this.shown = this.run;
    // a formula is in the title already
    const description = answer.subject.kind === "classic" ? "" : answer.surface.description;
    this.surface = { ...answer.surface, description, paths: [] };
    this.complete = false;
    if (afresh) this.walks.clear();
    this.frames.clear();
  }

  walk(id: number): Walk {
    const walk = this.walks.get(id) ?? new Walk(id);
    this.walks.set(id, walk);
    return walk;
  }

  /** Take a frame of this run. */
  take(frame: Frame): void {
    if (frame.kind === Kind.Surface) this.refine(frame);
    else if (frame.kind === Kind.Path) this.walk(frame.descent).take(frame);
    else this.frames.set(`${frame.kind} ${frame.descent} ${frame.kind === Kind.Units ? frame.layer : 0}`, frame);
  }

  document(): Document {
    const { answer, surface, kept } = this;
    if (!answer || !surface) return { ...EMPTY };
    const walks = [...this.walks.values()].filter(({ steps }) => steps.length).sort((one, other) => one.id - other.id);
    const paths = walks.map((walk) => walk.path());
    const same = paths.length === surface.paths.length && paths.every((path, at) => path === surface.paths[at]);
    if (!same || this.surface?.view === null) {
      const view = answer.beside?.kind === "line" ? withLines(answer.beside, paths) : null;
      if (!same || view) this.surface = { ...surface, paths: same ? surface.paths : paths, view };
    }
    const now = { ...(this.surface as Surface), name: kept ? "now" : "" };
    return {
      ...EMPTY,
      title: answer.title,
      loss_label: answer.loss_label,
      surfaces: kept ? [{ ...kept.surface, name: `before: ${kept.title}`, paths: [], view: null }, now] : [now],
    };
  }

  private refine({ flags, shape: [, rows, columns], values }: Frame): void {
    if (!this.surface || !this.answer) return;
    const count = rows * columns;
    const losses = values.slice(0, count);
    const computed = Uint8Array.from(values.subarray(count, 2 * count));
    this.complete = Boolean(flags & LAST);
    const whole = this.answer.surface.axes;
    const axes: [Axis, Axis] = [resampled(whole[0], rows), resampled(whole[1], columns)];
    this.surface = { ...this.surface, ...coarse(axes, losses, computed) };
  }
}

const EMPTY: Document = {
  format: "downslope-page",
  version: 1,
  title: "Downslope",
  description: "",
  loss_label: "loss",
  step_label: "step",
  surfaces: [],
};

function resampled(axis: Axis, count: number): Axis {
  const { values } = axis;
  if (values.length === count) return axis;
  const [low, high] = [values[0], values[values.length - 1]];
  return { ...axis, values: Float64Array.from({ length: count }, (_, k) => low + ((high - low) * k) / (count - 1)) };
}

/**
 * Of a grid computed in part, the finest even one around its middle that is whole, out to the ends of the axes; all of it
 * where there is none. The server fills planes so, each time at half the distance.
 */
export function coarse(axes: [Axis, Axis], losses: Numbers, computed: Uint8Array): Pick<Surface, "axes" | "losses" | "computed"> {
  const [rows, columns] = axes.map(({ values }) => values.length);
  for (let stride = 1; stride < Math.min(rows, columns); stride *= 2) {
    const [is, js] = [places(rows, stride), places(columns, stride)];
    if (Math.min(is.length, js.length) < LEAST) break;
    if (!is.every((i) => js.every((j) => computed[i * columns + j]))) continue;
    if (stride === 1) return { axes, losses, computed: null };
    return part(axes, losses, computed, toEnds(is, rows), toEnds(js, columns));
  }
  return { axes, losses, computed };
}

/** Points a side that make a surface. */
const LEAST = 3;

/** Every so many places of an axis, its middle among them. */
function places(count: number, stride: number): number[] {
  const first = (count >> 1) % stride;
  return Array.from({ length: Math.ceil((count - first) / stride) }, (_, k) => first + k * stride);
}

function toEnds(at: number[], count: number): number[] {
  return [...new Set([0, ...at, count - 1])];
}

function part(axes: [Axis, Axis], losses: Numbers, computed: Uint8Array, is: number[], js: number[]): Pick<Surface, "axes" | "losses" | "computed"> {
  const columns = axes[1].values.length;
  const cells = is.flatMap((i) => js.map((j) => i * columns + j));
  const along = (axis: Axis, at: number[]): Axis => ({ ...axis, values: Float64Array.from(at, (k) => axis.values[k]) });
  const known = Uint8Array.from(cells, (cell) => computed[cell]);
  return {
    axes: [along(axes[0], is), along(axes[1], js)],
    losses: Float32Array.from(cells, (cell) => losses[cell]),
    computed: known.every(Boolean) ? null : known,
  };
}

/** The line of every point of every path, as coefficients of the plane give it. */
function withLines(view: LineView, paths: Path[]): LineView {
  const { ground } = view;
  const lines = paths.map(({ name, coordinates }) => {
    const values = Float64Array.from(coordinates, (_, k) => {
      const [a, b] = [coordinates[k & ~1], coordinates[k | 1]];
      return ground[k & 1] + a * ground[2 + (k & 1)] + b * ground[4 + (k & 1)];
    });
    return { path: name, values };
  });
  return { ...view, lines };
}
