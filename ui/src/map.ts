// The surfaces as maps, drawn without WebGL: colors, iso-lines, hatched holes, paths.
import { marks } from "./axes";
import { colorTable, rgb } from "./colors";
import { Cell, cellAt, type Numbers } from "./document";
import { heightsOf, isoline } from "./isolines";
import { clamp, locate } from "./numbers";
import { type Arrow, arrowLines, arrows, beads, standing } from "./placed";
import { frameOn, type Label, type Pick, type Scene, type Stage } from "./stage";
import type { ViewState } from "./state";
import type { Theme } from "./theme";

const SIZE = 320;
const NEAR = 9;

/** What stays the same while the reader moves about. */
interface Drawn {
  picture: HTMLCanvasElement;
  lines: Path2D;
  key: string;
  losses: Numbers;
}

/** From the square to pixels of the canvas. */
interface Sheet {
  left: number;
  top: number;
  width: number;
  height: number;
  x(first: number): number;
  y(second: number): number;
  first(x: number): number;
  second(y: number): number;
}

export class MapStage implements Stage {
  readonly kind = "map";
  private readonly context: CanvasRenderingContext2D;
  private drawn: Drawn[] = [];

  constructor(private readonly canvas: HTMLCanvasElement) {
    const context = canvas.getContext("2d");
    if (!context) throw new Error("This browser cannot draw.");
    this.context = context;
  }

  /** What is drawn is kept by what it was drawn from. */
  rebuild(): void {}

  draw(scenes: Scene[], state: ViewState, theme: Theme, probe: Pick | null): Label[][] {
    const { canvas, context } = this;
    const ratio = devicePixelRatio || 1;
    const [width, height] = [Math.round(canvas.clientWidth * ratio), Math.round(canvas.clientHeight * ratio)];
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.fillStyle = theme.stage;
    context.fillRect(0, 0, canvas.clientWidth, canvas.clientHeight);
    return scenes.map((scene, index) => {
      const frame = frameOn(canvas, scene.frame);
      context.save();
      context.translate(frame.x, frame.y);
      const labels = this.drawMap(index, scene, state, theme, probe?.surface === index ? probe : null);
      context.restore();
      return labels;
    });
  }

  pick(scenes: Scene[], state: ViewState, surface: number, x: number, y: number): Pick | null {
    const scene = scenes[surface];
    const sheet = layOut(scene, state);
    let best: Pick | null = null;
    let bestAway = NEAR;
    scene.surface.paths.forEach(({ name }, path) => {
      if (state.off.has(name)) return;
      scene.points[path].forEach((point, at) => {
        const away = Math.hypot(sheet.x(point.across[0]) - x, sheet.y(point.across[1]) - y);
        if (away < bestAway) [best, bestAway] = [{ kind: "point", surface, path, at }, away];
      });
    });
    if (best) return best;
    const [first, second] = [sheet.first(x), sheet.second(y)];
    if (Math.abs(first) > 1.02 || Math.abs(second) > 1.02 || outsideSheet(sheet, x, y)) return null;
    return { kind: "cell", surface, ...scene.plane.nearest(first, second), across: [first, second] };
  }

  private drawMap(index: number, scene: Scene, state: ViewState, theme: Theme, probe: Pick | null): Label[] {
    const { context } = this;
    const sheet = layOut(scene, state);
    const { picture, lines } = this.prepared(index, scene, state, theme);
    context.save();
    context.beginPath();
    context.rect(sheet.left, sheet.top, sheet.width, sheet.height);
    context.clip();
    context.imageSmoothingEnabled = true;
    const [x, y] = [sheet.x(-1), sheet.y(1)];
    const [across, down] = [sheet.x(1) - x, sheet.y(-1) - y];
    context.drawImage(picture, x, y, across, down);
    const onSheet = new Path2D();
    onSheet.addPath(lines, new DOMMatrix([across / 2, 0, 0, down / 2, x + across / 2, y + down / 2]));
    context.strokeStyle = theme.dark ? "rgb(255 255 255 / 45%)" : "rgb(0 0 0 / 40%)";
    context.lineWidth = 1;
    context.stroke(onSheet);
    scene.surface.paths.forEach((_, path) => this.drawPath(scene, path, sheet, state, theme));
    if (probe) this.drawProbe(scene, probe, sheet, theme);
    context.restore();
    return this.frameAndLabels(scene, sheet, theme);
  }

  private prepared(index: number, scene: Scene, state: ViewState, theme: Theme): Drawn {
    const { log, lowest, highest, start } = scene.scale;
    const { losses } = scene.surface;
    const key = [state.colors, log, lowest, highest, start, theme.dark].join(" ");
    const known = this.drawn[index];
    if (known?.key === key && known.losses === losses) return known;
    const heights = heightsOf(scene);
    const drawn = { picture: paint(scene, heights, state, theme), lines: traced(scene, heights), key, losses };
    this.drawn[index] = drawn;
    return drawn;
  }

  private drawPath(scene: Scene, path: number, sheet: Sheet, state: ViewState, theme: Theme): void {
    const { name } = scene.surface.paths[path];
    if (state.off.has(name)) return;
    const { context } = this;
    const { color, dash } = scene.strokes[path];
    const rim = theme.dark ? "#101216" : "#ffffff";
    const points = scene.points[path];
    const at = standing(scene.surface.paths[path], state.step);
    const spots = points.map(({ across, outside }) => {
      return outside === "lost" || outside === "beside" ? null : ([sheet.x(across[0]), sheet.y(across[1])] as const);
    });
    const walk = (from: number, to: number, alpha: number): void => {
      const track = new Path2D();
      for (let k = from; k <= to; k++) {
        const spot = spots[k];
        if (!spot) continue;
        if (k > from && spots[k - 1]) track.lineTo(...spot);
        else track.moveTo(...spot);
      }
      context.globalAlpha = alpha;
      context.lineJoin = context.lineCap = "round";
      [
        { style: rim, width: 5, pattern: [] as number[] },
        { style: color, width: 3, pattern: dash.map((part) => part * 3) },
      ].forEach(({ style, width, pattern }) => {
        context.strokeStyle = style;
        context.lineWidth = width;
        context.setLineDash(pattern);
        context.stroke(track);
      });
      context.setLineDash([]);
    };
    walk(Math.max(0, at), points.length - 1, 0.3);
    walk(0, at, 1);
    for (const bead of beads(points.length)) {
      const spot = spots[bead];
      if (spot) this.dot(spot, 3, color, rim, bead > at ? 0.3 : 1);
    }
    const ball = spots[at];
    if (ball) {
      for (const arrow of arrows(scene.surface.paths[path], at, scene.plane)) this.drawArrow(ball, arrow, sheet, color, theme);
      this.dot(ball, 8, color, rim, 1);
    }
    context.globalAlpha = 1;
  }

  private drawArrow(from: readonly [number, number], arrow: Arrow, sheet: Sheet, color: string, theme: Theme): void {
    const { context } = this;
    const unit = sheet.x(1) - sheet.x(0);
    const at = ([x, y]: [number, number]): [number, number] => [from[0] + x * unit, from[1] - y * unit];
    const shape = new Path2D();
    for (const [begin, end] of arrowLines(arrow)) {
      shape.moveTo(...at(begin));
      shape.lineTo(...at(end));
    }
    context.globalAlpha = 1;
    for (const [style, width] of [
      [theme.stage, 5],
      [arrow.kind === "downhill" ? theme.ink : color, 2.4],
    ] as const) {
      context.strokeStyle = style;
      context.lineWidth = width;
      context.stroke(shape);
    }
  }

  private dot(spot: readonly [number, number], radius: number, color: string, rim: string, alpha: number): void {
    const { context } = this;
    context.globalAlpha = alpha;
    context.beginPath();
    context.arc(spot[0], spot[1], radius, 0, 2 * Math.PI);
    context.fillStyle = color;
    context.strokeStyle = rim;
    context.lineWidth = 1.2;
    context.fill();
    context.stroke();
  }

  private drawProbe(scene: Scene, probe: Pick, sheet: Sheet, theme: Theme): void {
    const [first, second] =
      probe.kind === "point"
        ? scene.points[probe.path][probe.at].across
        : [probe.i, probe.j].map((at, axis) => {
            return scene.plane.across(axis as 0 | 1, scene.surface.axes[axis].values[at]);
          });
    const [x, y] = [sheet.x(first), sheet.y(second)];
    const { context } = this;
    for (const [style, width] of [
      [theme.stage, 4],
      [theme.ink, 1.5],
    ] as const) {
      context.strokeStyle = style;
      context.lineWidth = width;
      context.beginPath();
      context.moveTo(x - 8, y);
      context.lineTo(x + 8, y);
      context.moveTo(x, y - 8);
      context.lineTo(x, y + 8);
      context.stroke();
    }
  }

  private frameAndLabels(scene: Scene, sheet: Sheet, theme: Theme): Label[] {
    const { context } = this;
    context.strokeStyle = theme.quiet;
    context.lineWidth = 1;
    context.strokeRect(sheet.left, sheet.top, sheet.width, sheet.height);
    const { plane, surface } = scene;
    const [right, bottom] = [sheet.left + sheet.width, sheet.top + sheet.height];
    const shown = (axis: 0 | 1, low: number, high: number, count: number): ReturnType<typeof marks> =>
      marks(surface.axes[axis], plane.coefficient(axis, low), plane.coefficient(axis, high), count);
    const labels: Label[] = [];
    for (const { value, text } of shown(0, sheet.first(sheet.left), sheet.first(right), sheet.width / 90)) {
      const x = sheet.x(plane.across(0, value));
      context.strokeRect(x, bottom, 0, 4);
      labels.push({ text, x, y: bottom + 13, role: "tick", align: "center" });
    }
    for (const { value, text } of shown(1, sheet.second(bottom), sheet.second(sheet.top), sheet.height / 60)) {
      const y = sheet.y(plane.across(1, value));
      context.strokeRect(sheet.left - 4, y, 4, 0);
      labels.push({ text, x: sheet.left - 8, y, role: "tick", align: "right" });
    }
    const [first, second] = surface.axes;
    labels.push({ text: first.label, x: (sheet.left + right) / 2, y: bottom + 31, role: "title", align: "center" });
    labels.push({ text: second.label, x: sheet.left, y: sheet.top - 12, role: "title", align: "left" });
    return labels;
  }
}

function layOut({ frame }: Scene, state: ViewState): Sheet {
  const { clientWidth, clientHeight } = frame;
  const narrow = clientWidth < 600;
  const [before, after, above, below] = narrow ? [50, 78, 118, 72] : [64, 150, 104, 50];
  const [across, down] = [Math.max(40, clientWidth - before - after), Math.max(40, clientHeight - above - below)];
  const width = Math.min(across, down);
  const height = width;
  const [left, top] = [before + (across - width) / 2, above];
  const { zoom, pan } = state.camera;
  // a little more than the square, where paths may leave it
  const unit = (width / 2.06) * zoom;
  const [middleX, middleY] = [left + width / 2, top + height / 2];
  return {
    left,
    top,
    width,
    height,
    x: (first) => middleX + (first - pan[0]) * unit,
    y: (second) => middleY - (second + pan[2]) * unit,
    first: (x) => pan[0] + (x - middleX) / unit,
    second: (y) => -pan[2] - (y - middleY) / unit,
  };
}

function outsideSheet(sheet: Sheet, x: number, y: number): boolean {
  return x < sheet.left || y < sheet.top || x > sheet.left + sheet.width || y > sheet.top + sheet.height;
}

/** The colors of the whole square, holes hatched. */
function paint({ surface, plane }: Scene, heights: Float64Array, state: ViewState, theme: Theme): HTMLCanvasElement {
  const picture = document.createElement("canvas");
  [picture.width, picture.height] = [SIZE, SIZE];
  const context = picture.getContext("2d") as CanvasRenderingContext2D;
  const image = context.createImageData(SIZE, SIZE);
  const table = colorTable(state.colors);
  const [rows, columns] = surface.axes.map(({ values }) => values);
  const [paper, ink] = [rgb(theme.stage), rgb(theme.ink)];
  const place = (values: typeof rows, axis: 0 | 1, part: number): number =>
    clamp(locate(values, plane.coefficient(axis, part)), 0, values.length - 1);
  const across = Array.from({ length: SIZE }, (_, k) => place(rows, 0, (2 * (k + 0.5)) / SIZE - 1));
  const up = Array.from({ length: SIZE }, (_, k) => place(columns, 1, 1 - (2 * (k + 0.5)) / SIZE));
  for (let y = 0; y < SIZE; y++) {
    for (let x = 0; x < SIZE; x++) {
      const corners = around(across[x], up[y], rows.length, columns.length);
      const height = corners.reduce((sum, { index, weight }) => sum + (weight && weight * heights[index]), 0);
      const color = Number.isFinite(height)
        ? table.subarray(Math.round(clamp(height, 0, 1) * 255) * 4)
        : hatched(Math.max(...corners.map(({ index }) => cellAt(surface, index))), x, y, paper, ink);
      image.data.set([color[0], color[1], color[2], 255], (y * SIZE + x) * 4);
    }
  }
  context.putImageData(image, 0, 0);
  return picture;
}

function around(i: number, j: number, rows: number, columns: number): { index: number; weight: number }[] {
  const [top, left] = [Math.min(Math.floor(i), rows - 2), Math.min(Math.floor(j), columns - 2)];
  const [down, right] = [i - top, j - left];
  return [
    { index: top * columns + left, weight: (1 - down) * (1 - right) },
    { index: top * columns + left + 1, weight: (1 - down) * right },
    { index: (top + 1) * columns + left, weight: down * (1 - right) },
    { index: (top + 1) * columns + left + 1, weight: down * right },
  ];
}

function hatched(cell: Cell, x: number, y: number, paper: number[], ink: number[]): number[] {
  const along = (x + y) % 8 < 2;
  const across = (x - y + 8 * SIZE) % 8 < 2;
  const marked = cell === Cell.NotANumber ? along || across : cell === Cell.Infinite ? along : along && across;
  const share = marked ? 0.5 : 0.08;
  return [0, 1, 2].map((channel) => paper[channel] + (ink[channel] - paper[channel]) * share);
}

/** All iso-lines on the square, right and down. */
function traced({ surface, plane, scale }: Scene, heights: Float64Array): Path2D {
  const [rows, columns] = surface.axes.map(({ values }) => values);
  const coefficient = (values: typeof rows, at: number): number => {
    const below = Math.min(Math.floor(at), values.length - 2);
    return values[below] + (at - below) * (values[below + 1] - values[below]);
  };
  const lines = new Path2D();
  for (const level of scale.levels) {
    const segments = isoline(heights, columns.length, scale.height(level));
    for (let at = 0; at < segments.length; at += 4) {
      const spot = (k: number): [number, number] => [
        plane.across(0, coefficient(rows, segments[at + k])),
        -plane.across(1, coefficient(columns, segments[at + k + 1])),
      ];
      lines.moveTo(...spot(0));
      lines.lineTo(...spot(2));
    }
  }
  return lines;
}
