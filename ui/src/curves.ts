// The curves beside a surface: loss, place on the plane or distance off it against the step, with the playhead.
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

import type { Document, Numbers, Path, Surface } from "./document";
import { make } from "./dom";
import { exact, lastAtMost, short } from "./numbers";
import type { Scene } from "./stage";
import type { Quantity, ViewState } from "./state";
import type { Theme } from "./theme";

const HEIGHT = 190;

export class Curves {
  readonly element = make("div", { className: "curves" });
  private readonly plotted = make("div", { className: "plotted" });
  private readonly values = make("dl", { className: "values" });
  private plot: uPlot | null = null;
  private built = "";
  private drawn: Path[] = [];
  private steps: number[] = [];
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
    const key = JSON.stringify([state.log, state.curve, theme.dark, paths.map(({ name }) => name), logable(lines, state)]);
    if (key !== this.built) this.build(scene, state, theme, lines);
    else if (paths !== this.drawn) this.plot?.setData([this.steps, ...lines]);
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
    plot.redraw(false, false);
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
      scales: { x: { time: false }, y: logable(lines, state) ? { distr: 3, log: 10 } : {} },
      axes: [
        { ...axis, label: this.content.step_label, size: 28 },
        {
          ...axis,
          label: quantityLabel(state.curve, scene, this.content),
          size: 54,
          values: (_, ticks) => ticks.map((tick) => (tick === null ? "" : short(tick))),
        },
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
    this.plot = new uPlot(options, [this.steps, ...lines], this.plotted);
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
    const x = Math.round(plot.valToPos(this.step, "x", true));
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

function logable(lines: (number | null)[][], state: ViewState): boolean {
  return wantsLog(state) && lines.some((line) => line.some((value) => value !== null));
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
