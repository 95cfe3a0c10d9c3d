// The data with what the chosen descent makes of it now: decision boundary, units, predictions on examples.
import { rgb } from "../colors";
import { make } from "../dom";
import { short } from "../numbers";
import type { Theme } from "../theme";
import { part } from "./fields";
import { type DataView, type ExamplesView, type Frame, Kind, type PointsView } from "./wire";

const SIDE = 240;
const UNIT = 56;
/** Okabe and Ito's, in an order that keeps neighbors apart, and shapes that say the same without color. */
const COLORS = ["#0072b2", "#d55e00", "#009e73", "#e69f00", "#56b4e9", "#cc79a7", "#7a5195", "#8c8878", "#b8a100", "#a03070"];
const SHAPES = ["circle", "square", "triangle", "diamond"] as const;

export class DataPictures {
  readonly element: HTMLDetailsElement;
  readonly units: HTMLDetailsElement;
  private readonly inside = make("div");
  private readonly responses = make("div", { className: "units" });
  private shown: (Frame | DataView | Theme | null | undefined)[] = [];

  constructor(watch: () => void) {
    this.units = part("units", "Every unit's response", false, this.responses);
    this.element = part("data", "Data", true, this.inside, this.units);
    for (const details of [this.element, this.units]) details.addEventListener("toggle", watch);
  }

  show(view: DataView | null, frames: Map<string, Frame>, descent: number, theme: Theme): void {
    const boundary = frames.get(`${Kind.Boundary} ${descent} 0`);
    const examples = frames.get(`${Kind.Examples} ${descent} 0`);
    const units = [...frames.values()].filter((frame) => frame.kind === Kind.Units && frame.descent === descent);
    const now = [view, boundary, examples, theme, ...units];
    if (now.length === this.shown.length && now.every((one, at) => one === this.shown[at])) return;
    this.shown = now;
    this.element.hidden = !view || view.kind === "line";
    this.units.hidden = view?.kind !== "points";
    if (view?.kind === "points") {
      this.inside.replaceChildren(boundaryPicture(view, boundary, theme), legend(view.classes));
      this.responses.replaceChildren(...unitPictures(units));
    } else if (view?.kind === "images" || view?.kind === "series") this.inside.replaceChildren(...examplePictures(view, examples, theme));
    else if (view?.kind === "rows") {
      this.inside.replaceChildren(make("p", { textContent: `${view.count} rows of ${view.features} features.` }));
    }
  }
}

function boundaryPicture(view: PointsView, frame: Frame | undefined, theme: Theme): HTMLElement {
  const canvas = make("canvas", { width: 2 * SIDE, height: 2 * SIDE, className: "square" });
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `The data in ${view.classes.length} classes, and where the network sees each`);
  const context = canvas.getContext("2d");
  if (!context) return canvas;
  context.fillStyle = theme.stage;
  context.fillRect(0, 0, 2 * SIDE, 2 * SIDE);
  if (frame) {
    context.imageSmoothingEnabled = true;
    context.drawImage(probabilities(frame, theme), 0, 0, 2 * SIDE, 2 * SIDE);
  }
  const [xs, ys] = view.grid;
  const along = (values: typeof xs, value: number): number => (value - values[0]) / (values[values.length - 1] - values[0]);
  view.labels.forEach((label: number, row: number) => {
    const x = along(xs, view.x[2 * row]) * 2 * SIDE;
    const y = (1 - along(ys, view.x[2 * row + 1])) * 2 * SIDE;
    mark(context, x, y, label, theme, view.labels.length > 400 ? 4.5 : 6);
  });
  const names = make("p", { className: "quiet", textContent: `right: ${view.feature_names[0]}; up: ${view.feature_names[1]}` });
  const said = frame ? `at step ${frame.step}` : "the boundary comes with the first step";
  return make("figure", {}, canvas, names, make("figcaption", { className: "quiet", textContent: said }));
}

/** Each place in the color of its likeliest class, paler where that is less sure; row 0 is the bottom. */
function probabilities({ shape: [depth, rows, columns], values }: Frame, theme: Theme): HTMLCanvasElement {
  const canvas = make("canvas", { width: columns, height: rows });
  const context = canvas.getContext("2d");
  if (!context) return canvas;
  const image = context.createImageData(columns, rows);
  const paper = rgb(theme.stage);
  for (let at = 0; at < rows * columns; at++) {
    const [likeliest, probability] = best(values, depth, rows * columns, at);
    const color = rgb(COLORS[likeliest % COLORS.length]);
    const classes = Math.max(2, depth);
    const sure = Number.isFinite(probability) ? 0.12 + (0.5 * (probability - 1 / classes)) / (1 - 1 / classes) : 0;
    const place = ((rows - 1 - Math.floor(at / columns)) * columns + (at % columns)) * 4;
    for (let channel = 0; channel < 3; channel++) {
      image.data[place + channel] = paper[channel] + (color[channel] - paper[channel]) * sure;
    }
    image.data[place + 3] = 255;
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

function best(values: Float32Array, depth: number, size: number, at: number): [number, number] {
  if (depth === 1) return values[at] > 0.5 ? [1, values[at]] : [0, 1 - values[at]];
  let found = 0;
  for (let one = 1; one < depth; one++) if (values[one * size + at] > values[found * size + at]) found = one;
  return [found, values[found * size + at]];
}

function mark(context: CanvasRenderingContext2D, x: number, y: number, label: number, theme: Theme, size = 6): void {
  const shape = new Path2D();
  const kind = SHAPES[label % SHAPES.length];
  if (kind === "circle") shape.arc(x, y, size, 0, 2 * Math.PI);
  else if (kind === "square") shape.rect(x - size * 0.9, y - size * 0.9, size * 1.8, size * 1.8);
  else {
    const corners = kind === "triangle" ? [[0, -1.2], [1.1, 0.9], [-1.1, 0.9]] : [[0, -1.3], [1.1, 0], [0, 1.3], [-1.1, 0]];
    corners.forEach(([right, down], at) => shape[at ? "lineTo" : "moveTo"](x + right * size, y + down * size));
    shape.closePath();
  }
  context.fillStyle = COLORS[label % COLORS.length];
  context.strokeStyle = theme.paper;
  context.lineWidth = 1.5;
  context.fill(shape);
  context.stroke(shape);
}

function legend(classes: string[]): HTMLElement {
  const items = classes.map((name, label) => {
    const canvas = make("canvas", { width: 28, height: 28, className: "mark" });
    const context = canvas.getContext("2d");
    if (context) mark(context, 14, 14, label, { paper: "#fff" } as Theme, 9);
    return make("li", {}, canvas, name);
  });
  return make("ul", { className: "classes" }, ...items);
}

function unitPictures(frames: Frame[]): HTMLElement[] {
  return frames
    .sort((one, other) => one.layer - other.layer)
    .map(({ layer, shape: [depth, rows, columns], values }) => {
      const size = rows * columns;
      const units = Array.from({ length: depth }, (_, unit) => response(values.subarray(unit * size, (unit + 1) * size), rows, columns));
      return make("div", {}, make("p", { className: "quiet", textContent: `layer ${layer}` }), ...units);
    });
}

/** One unit over the grid: blue below zero, orange above, white at zero; its largest size is in the title. */
function response(values: Float32Array, rows: number, columns: number): HTMLCanvasElement {
  const canvas = make("canvas", { width: columns, height: rows, className: "unit" });
  canvas.style.width = canvas.style.height = `${UNIT}px`;
  const most = values.reduce((top, value) => Math.max(top, Math.abs(value)), 0) || 1;
  canvas.title = `between ${short(-most, 2)} and ${short(most, 2)}`;
  const context = canvas.getContext("2d");
  if (!context) return canvas;
  const image = context.createImageData(columns, rows);
  values.forEach((value, at) => {
    const share = Math.min(1, Math.abs(value) / most);
    const color = value < 0 ? [0, 114, 178] : [213, 94, 0];
    const place = ((rows - 1 - Math.floor(at / columns)) * columns + (at % columns)) * 4;
    color.forEach((part, channel) => (image.data[place + channel] = 255 + (part - 255) * share));
    image.data[place + 3] = 255;
  });
  context.putImageData(image, 0, 0);
  return canvas;
}

function examplePictures(view: ExamplesView, frame: Frame | undefined, theme: Theme): HTMLElement[] {
  const count = view.rows.length;
  const size = view.values.length / count;
  const side = view.kind === "images" ? Math.round(Math.sqrt(size)) : size;
  const pictures = Array.from({ length: count }, (_, at) => {
    const values = view.values.subarray(at * size, (at + 1) * size) as Float32Array;
    const canvas = view.kind === "images" ? image(values, side) : series(values, theme);
    const found = frame ? Array.from({ length: frame.shape[1] }, (_, k) => k).find((k) => frame.values[3 * k] === view.rows[at]) : undefined;
    if (!frame || found === undefined) return make("figure", {}, canvas, make("figcaption", { textContent: view.classes[view.labels[at]] }));
    const [predicted, probability] = [frame.values[3 * found + 1], frame.values[3 * found + 2]];
    const right = predicted === view.labels[at];
    const words = `${right ? "✓" : "✗"} ${view.classes[predicted]} ${Math.round(100 * probability)}%`;
    const caption = make("figcaption", { textContent: words, title: `is ${view.classes[view.labels[at]]}` });
    return make("figure", { className: right ? "right" : "wrong" }, canvas, caption);
  });
  return [make("div", { className: "examples" }, ...pictures)];
}

function image(values: Float32Array, side: number): HTMLCanvasElement {
  const canvas = make("canvas", { width: side, height: Math.ceil(values.length / side) });
  const context = canvas.getContext("2d");
  if (!context) return canvas;
  const pixels = context.createImageData(canvas.width, canvas.height);
  values.forEach((value, at) => pixels.data.set([255 * value, 255 * value, 255 * value, 255], 4 * at));
  context.putImageData(pixels, 0, 0);
  return canvas;
}

function series(values: Float32Array, theme: Theme): HTMLCanvasElement {
  const canvas = make("canvas", { width: 96, height: 96 });
  const context = canvas.getContext("2d");
  if (!context) return canvas;
  const [low, high] = [Math.min(...values), Math.max(...values)];
  context.strokeStyle = theme.ink;
  context.lineWidth = 2;
  context.beginPath();
  values.forEach((value, at) => context.lineTo((96 * at) / (values.length - 1), 90 - (84 * (value - low)) / (high - low || 1)));
  context.stroke();
  return canvas;
}
