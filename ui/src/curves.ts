// The curves beside a surface: loss, place on the plane or distance off it against the step, with the playhead.
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

import type { Document, Numbers, Path, Surface } from "./document";
import { make } from "./dom";
import { exact, lastAtMost, shortest } from "./numbers";
import { ruler, type Ruler } from "./ruler";
import type { Scene } from "./stage";
import type { Quantity, ViewState } from "./state";
import type { Theme } from "./theme";

const HEIGHT = 190;

/** Pixels between ticks, at least. */
const APART = { x: 60, y: 30 };

export class Curves {
  readonly element = make("div", { className: "curves" });
  private readonly plotted = make("div", { className: "plotted" });
  private readonly values = make("dl", { className: "values" });
  private plot: uPlot | null = null;
  private built = "";
  private drawn: Path[] = [];
  private steps: number[] = [];
  private x = ruler([], false, 1);
  private y = ruler([], false, 1);
  private hovered: number | null = null;
  private step = 0;
  private ink = "";

  constructor(
    private readonly content: Document,
    private readonly choose: (step: number) => void,
  ) {
    this.element.append(this.plotted, this.values);
  }

  update(scene: Scene, state: ViewState, theme: Theme): void {
    const { paths } = scene.surface;
    const lines = this.lines(scene, state);
    const key = JSON.stringify([state.log, state.curve, theme.dark, paths.map(({ name }) => name)]);
    const fresh = key !== this.built || paths !== this.drawn;
    if (fresh) this.measure(lines, state);
    if (key !== this.built) this.build(scene, state, theme, lines);
    else if (fresh) this.plot?.setData(this.places(lines));
    [this.built, this.drawn, this.shown] = [key, paths, scene];
    this.step = state.step;
    const { plot } = this;
    if (!plot) return;
    const width = this.plotted.clientWidth;
    if (width && width !== plot.width) plot.setSize({ width, height: HEIGHT });
    scene.surface.paths.forEach(({ name }, path) => {
      const show = !state.off.has(name);
      for (const at of [path + 1, path + 1 + paths.length]) {
        if (plot.series[at] && plot.series[at].show !== show) plot.setSeries(at, { show });
      }
    });
    plot.redraw(false, fresh);
    this.tell(scene, state);
  }

  /** What is drawn: a line for each path, and the limits of those that have one. */
  private lines({ surface: { axes, paths } }: Scene, state: ViewState): (number | null)[][] {
    this.steps = [...new Set(paths.flatMap((path) => Array.from(path.steps)))].sort((a, b) => a - b);
    const line = (path: Path, name: Place): (number | null)[] => {
      return aligned(this.steps, path, quantity(path, name), wantsLog(state), originOf(axes, name));
    };
    const limits = state.curve === "largest" ? paths.map((path) => line(path, "limit")) : [];
    return [...paths.map((path) => line(path, state.curve)), ...limits];
  }

  /** Lay the rulers along which the lines are drawn. */
  private measure(lines: (number | null)[][], state: ViewState): void {
    this.x = wholeNumbers(ruler(this.steps, false, (this.plotted.clientWidth || 320) / APART.x), this.steps);
    this.y = ruler(lines.flat(), wantsLog(state), HEIGHT / APART.y);
  }

  /** The lines as places along the rulers, as the plotting library takes them. */
  private places(lines: (number | null)[][]): uPlot.AlignedData {
    const up = (value: number | null): number | null => (value === null ? null : this.y.place(value));
    return [this.steps.map((step) => this.x.place(step)), ...lines.map((line) => line.map(up))];
  }

  private build(scene: Scene, state: ViewState, theme: Theme, lines: (number | null)[][]): void {
    this.plot?.destroy();
    const { paths } = scene.surface;
    this.ink = theme.ink;
    const grid = { stroke: theme.line, width: 1 };
    const axis = { stroke: theme.quiet, grid, ticks: { ...grid, size: 4 }, font: FONT, labelFont: FONT, labelSize: 18 };
    const options: uPlot.Options = {
      width: this.plotted.clientWidth || 320,
      height: HEIGHT,
      legend: { show: false },
      padding: [10, 10, 0, 0],
      cursor: { y: false, drag: { setScale: false }, points: { size: 7 } },
      scales: { x: { time: false, range: [0, 1] }, y: { range: [0, 1] } },
      axes: [
        { ...axis, ...ticksOf(() => this.x), label: this.content.step_label, size: 28 },
        { ...axis, ...ticksOf(() => this.y), label: quantityLabel(state.curve, scene, this.content), size: wide },
      ],
      series: [
        {},
        ...paths.map((path, at) => ({
          label: path.name,
          stroke: scene.strokes[at].color,
          dash: scene.strokes[at].dash.map((part) => part * 3),
          width: 2,
          spanGaps: true,
          points: { show: (plot: uPlot, series: number) => isShort(plot.data[series]) },
        })),
        ...lines.slice(paths.length).map((_, at) => ({
          label: `stability limit of ${paths[at].name}`,
          stroke: scene.strokes[at].color,
          dash: [2, 5],
          width: 1.5,
          spanGaps: true,
          points: { show: false },
        })),
      ],
      hooks: {
        draw: [(plot) => this.drawPlayhead(plot)],
        setCursor: [
          (plot) => {
            this.hovered = plot.cursor.idx ?? null;
            if (this.shown) this.tell(this.shown, this.lastState);
          },
        ],
      },
    };
    this.plot = new uPlot(options, this.places(lines), this.plotted);
    this.plot.over.addEventListener("click", () => {
      if (this.hovered !== null) this.choose(this.steps[this.hovered]);
    });
  }

  private shown: Scene | null = null;
  private lastState: ViewState | null = null;

  /** Write the exact values at the pointer, or else at the playhead. */
  private tell(scene: Scene, state: ViewState | null): void {
    this.lastState = state;
    if (!state) return;
    const step = this.hovered === null ? this.step : this.steps[this.hovered];
    const facts: Node[] = [
      make("dt", { textContent: this.content.step_label }),
      make("dd", { textContent: String(step) }),
    ];
    scene.surface.paths.forEach((path) => {
      const at = lastAtMost(path.steps, step);
      if (state.off.has(path.name) || at < 0) return;
      const { values, index } = quantity(path, state.curve, state.curve === "largest" ? known(path, at) : at);
      const origin = originOf(scene.surface.axes, state.curve);
      const text = origin ? String(Number((values[index] + origin).toPrecision(7))) : exact(values, index);
      facts.push(make("dt", { textContent: path.name }), make("dd", { textContent: text }));
    });
    this.values.replaceChildren(...facts);
  }

  private drawPlayhead(plot: uPlot): void {
    const { ctx, bbox } = plot;
    const x = Math.round(plot.valToPos(this.x.place(this.step), "x", true));
    if (!Number.isFinite(x)) return;
    ctx.save();
    ctx.strokeStyle = this.ink;
    ctx.lineWidth = 1.5 * devicePixelRatio;
    ctx.setLineDash([]);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.restore();
  }
}

/** A line of so few points is hard to see without them. */
function isShort(line: ArrayLike<number | null | undefined>): boolean {
  return Array.from(line).filter((value) => value != null).length < 3;
}

const FONT = "11px system-ui, sans-serif";

export function quantityLabel(name: Quantity, { surface }: Scene, content: Document): string {
  return {
    loss: content.loss_label,
    first: surface.axes[0].label,
    second: surface.axes[1].label,
    distance: "distance off the plane",
    gradient: "norm of the gradient",
    largest: "largest eigenvalue of the Hessian",
  }[name];
}

type Place = Quantity | "limit";

const EMPTY = new Float64Array();
const NOTHING = { gradients: EMPTY, largest: EMPTY, limits: EMPTY };

function wantsLog({ log, curve }: ViewState): boolean {
  return log && curve !== "first" && curve !== "second";
}

/** Pixels that the ticks of an upright axis need. */
function wide(_: uPlot, texts: string[] | null): number {
  return Math.min(140, Math.max(54, ...(texts ?? []).map((text) => 14 + 6.4 * text.length)));
}

/** The ticks of a ruler, as the plotting library takes them. */
function ticksOf(current: () => Ruler): Pick<uPlot.Axis, "splits" | "values" | "filter"> {
  return {
    splits: () => current().ticks.map((tick) => current().place(tick)),
    values: () => shortest(current().ticks),
    filter: (_, splits) => splits,
  };
}

/** A ruler for whole numbers, without ticks between them. */
function wholeNumbers(along: Ruler, values: number[]): Ruler {
  return values.every(Number.isInteger) ? { ...along, ticks: along.ticks.filter(Number.isInteger) } : along;
}

/** The last point up to one at which the largest eigenvalue is known. */
function known(path: Path, at: number): number {
  for (let back = at; back > 0; back--) if (Number.isFinite(path.live?.largest[back])) return back;
  return 0;
}

/** Where the numbers of a quantity are: in which array, at which index for a point. */
function quantity(path: Path, name: Place, at = 0): { values: Numbers; index: number; stride: number; start: number } {
  const [stride, start] = name === "first" ? [2, 0] : name === "second" ? [2, 1] : [1, 0];
  const live = path.live ?? NOTHING;
  const values = {
    loss: path.losses,
    distance: path.distances,
    first: path.coordinates,
    second: path.coordinates,
    gradient: live.gradients,
    largest: live.largest,
    limit: live.limits,
  }[name];
  return { values, index: at * stride + start, stride, start };
}

/** What 0 stands for in a quantity: for places on the plane, the origin of their axis. */
function originOf([first, second]: Surface["axes"], name: Place): number {
  return (name === "first" ? first.origin : name === "second" ? second.origin : 0) ?? 0;
}

/** Values at all steps: null where a path has no point, and where a value cannot be drawn. */
function aligned(
  steps: number[],
  path: Path,
  { values, stride, start }: ReturnType<typeof quantity>,
  positive: boolean,
  origin: number,
): (number | null)[] {
  const byStep = new Map(Array.from(path.steps, (step, at) => [step, values[at * stride + start] + origin]));
  return steps.map((step) => {
    const value = byStep.get(step);
    return value === undefined || !Number.isFinite(value) || (positive && value <= 0) ? null : value;
  });
}
