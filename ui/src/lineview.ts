// The data with the line that each path has reached, and the line that the point under the pointer is.
import type { LineView, Numbers } from "./document";
import { make } from "./dom";
import { niceTicks, short, shortest } from "./numbers";
import { standing } from "./placed";
import { fraction, range } from "./ruler";
import type { Pick, Scene } from "./stage";
import type { ViewState } from "./state";
import type { Theme } from "./theme";

const HEIGHT = 220;
const PADDING = { left: 54, right: 10, top: 10, bottom: 40 };

type Line = [intercept: number, slope: number];

export class LinePicture {
  readonly element = make("div", { className: "fitted" });
  private readonly canvas = make("canvas", { attributes: { role: "img", "aria-label": "Data with the fitted lines" } });
  private readonly words = make("dl", { className: "values" });

  constructor(private view: LineView) {
    this.element.append(this.canvas, this.words);
  }

  update(scene: Scene, state: ViewState, theme: Theme, probe: Pick | null): void {
    this.view = scene.surface.view ?? this.view;
    const ratio = devicePixelRatio || 1;
    const width = this.canvas.clientWidth || 320;
    [this.canvas.width, this.canvas.height] = [Math.round(width * ratio), Math.round(HEIGHT * ratio)];
    const context = this.canvas.getContext("2d");
    if (!context) return;
    context.scale(ratio, ratio);
    const frame = framed(this.view, width);
    drawAxes(context, frame, this.view, theme);
    context.save();
    context.beginPath();
    context.rect(PADDING.left, PADDING.top, frame.width, frame.height);
    context.clip();
    drawPoints(context, frame, this.view, theme);
    const told: [string, Line][] = [];
    const under = this.lineUnder(scene, probe);
    if (under) {
      drawLine(context, frame, under, { color: theme.ink, dash: [0.7, 1.4] }, theme);
      told.push(["under the pointer", under]);
    }
    scene.surface.paths.forEach((path, index) => {
      const at = standing(path, state.step);
      const lines = this.view.lines.find((one) => one.path === path.name);
      if (state.off.has(path.name) || at < 0 || !lines) return;
      const line: Line = [lines.values[2 * at], lines.values[2 * at + 1]];
      drawLine(context, frame, line, scene.strokes[index], theme);
      told.push([path.name, line]);
    });
    context.restore();
    this.words.replaceChildren(
      ...told.flatMap(([name, [intercept, slope]]) => [
        make("dt", { textContent: name }),
        make("dd", { textContent: `intercept ${short(intercept, 6)}, slope ${short(slope, 6)}` }),
      ]),
    );
  }

  /** The line that the cell or point under the pointer stands for. */
  private lineUnder({ surface }: Scene, probe: Pick | null): Line | null {
    if (!probe) return null;
    if (probe.kind === "point") {
      const lines = this.view.lines.find((one) => one.path === surface.paths[probe.path].name);
      return lines ? [lines.values[2 * probe.at], lines.values[2 * probe.at + 1]] : null;
    }
    const [a, b] = [surface.axes[0].values[probe.i], surface.axes[1].values[probe.j]];
    const { ground } = this.view;
    return [ground[0] + a * ground[2] + b * ground[4], ground[1] + a * ground[3] + b * ground[5]];
  }
}

interface Frame {
  width: number;
  height: number;
  xs: [number, number];
  x(value: number): number;
  y(value: number): number;
  ticks: [number[], number[]];
}

function framed(view: LineView, canvasWidth: number): Frame {
  const [width, height] = [canvasWidth - PADDING.left - PADDING.right, HEIGHT - PADDING.top - PADDING.bottom];
  const [xs, ts] = [widened(view.x), widened(view.t)];
  const [across, up] = [fraction(...xs), fraction(...ts)];
  return {
    width,
    height,
    xs,
    x: (value) => PADDING.left + across(value) * width,
    y: (value) => PADDING.top + (1 - up(value)) * height,
    ticks: [niceTicks(...xs, width / 70), niceTicks(...ts, height / 40)],
  };
}

/** The range of values, with some room beyond. */
function widened(values: Numbers): [number, number] {
  const [low, high] = range(values);
  const margin = (high / 2 - low / 2 || Math.abs(high) / 2 || 0.5) * 0.16;
  return [Math.max(-Number.MAX_VALUE, low - margin), Math.min(Number.MAX_VALUE, high + margin)];
}

function drawAxes(context: CanvasRenderingContext2D, frame: Frame, view: LineView, theme: Theme): void {
  const bottom = PADDING.top + frame.height;
  context.font = "11px system-ui, sans-serif";
  context.fillStyle = theme.quiet;
  context.strokeStyle = theme.line;
  context.textBaseline = "middle";
  const [right, up] = frame.ticks.map(shortest);
  for (const [at, tick] of frame.ticks[0].entries()) {
    context.strokeRect(frame.x(tick), PADDING.top, 0, frame.height);
    context.textAlign = "center";
    context.fillText(right[at], frame.x(tick), bottom + 11);
  }
  for (const [at, tick] of frame.ticks[1].entries()) {
    context.strokeRect(PADDING.left, frame.y(tick), frame.width, 0);
    context.textAlign = "right";
    context.fillText(up[at], PADDING.left - 6, frame.y(tick));
  }
  context.textAlign = "center";
  context.fillText(view.x_label, PADDING.left + frame.width / 2, HEIGHT - 8);
  context.save();
  context.translate(10, PADDING.top + frame.height / 2);
  context.rotate(-Math.PI / 2);
  context.fillText(view.t_label, 0, 0);
  context.restore();
}

function drawPoints(context: CanvasRenderingContext2D, frame: Frame, view: LineView, theme: Theme): void {
  context.fillStyle = theme.quiet;
  context.globalAlpha = 0.55;
  view.x.forEach((x: number, row: number) => {
    context.beginPath();
    context.arc(frame.x(x), frame.y(view.t[row]), 2.2, 0, 2 * Math.PI);
    context.fill();
  });
  context.globalAlpha = 1;
}

function drawLine(
  context: CanvasRenderingContext2D,
  frame: Frame,
  [intercept, slope]: Line,
  { color, dash }: { color: string; dash: number[] },
  theme: Theme,
): void {
  const ends = frame.xs.map((x) => [frame.x(x), frame.y(intercept + slope * x)] as const);
  for (const [style, width, pattern] of [
    [theme.paper, 5, []],
    [color, 2.5, dash.map((part) => part * 3)],
  ] as const) {
    context.strokeStyle = style;
    context.lineWidth = width;
    context.setLineDash([...pattern]);
    context.beginPath();
    context.moveTo(...ends[0]);
    context.lineTo(...ends[1]);
    context.stroke();
  }
  context.setLineDash([]);
}
