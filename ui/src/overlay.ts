// What lies over a surface as text: labels along its axes, the legend, and the values under the pointer.
import { colorTable, type ColorsName } from "./colors";
import { Cell } from "./document";
import { make } from "./dom";
import { clamp, shortest } from "./numbers";
import type { Label, Scene } from "./stage";
import { CELL_WORDS, holes } from "./words";

const BAR = 132;
/** The style sheet lets titles be so wide, and so near to the edge. */
const TITLE_WIDTH = 168;
const EDGE = 8;
/** Ticks nearer than this, in pixels, would overlap. */
const APART = 14;

export class Overlay {
  readonly frame = make("div", { className: "frame", tabIndex: 0, attributes: { role: "application" } });
  private readonly labels = make("div", { className: "labels", attributes: { "aria-hidden": "true" } });
  private readonly legend = make("div", { className: "legend", attributes: { "aria-hidden": "true" } });
  private shown: { scene: Scene | null; colors: ColorsName | null } = { scene: null, colors: null };
  private readonly missing = make("ul", { className: "missing", attributes: { "aria-hidden": "true" } });
  private readonly readout = make("dl", { className: "readout" });

  private readonly heading = make("div", { className: "heading" });

  constructor() {
    this.frame.append(this.labels, this.heading, this.legend, this.missing, this.readout);
    this.frame.setAttribute("aria-describedby", "summary");
  }

  setHeading(name: string, description: string): void {
    this.frame.setAttribute("aria-label", `${name || "Surface"}. Arrow keys read values; press ? for all keys.`);
    this.heading.replaceChildren(
      ...(name ? [make("h2", { textContent: name })] : []),
      ...(description ? [make("p", { className: "quiet", textContent: description })] : []),
    );
  }

  setLabels(labels: Label[]): void {
    while (this.labels.children.length < labels.length) this.labels.append(make("span"));
    const titles = labels.filter(({ role }) => role === "title").map((label) => this.box(label));
    [...this.labels.children].forEach((child, at) => {
      const span = child as HTMLSpanElement;
      const label = labels[at];
      span.hidden = !label || (label.role === "tick" && titles.some((box) => covers(box, label)));
      if (span.hidden) return;
      if (span.textContent !== label.text) span.textContent = label.text;
      span.className = label.role;
      const shift = { left: "0", center: "-50%", right: "-100%" }[label.align];
      const x = label.role === "title" ? this.kept(label) : label.x;
      span.style.transform = `translate(${x.toFixed(1)}px, ${label.y.toFixed(1)}px) translate(${shift}, -50%)`;
    });
  }

  /** Left, right and half the height of a title, with some air. */
  private box(label: Label): { left: number; right: number; y: number; half: number } {
    const full = textWidth(label.text);
    const width = Math.min(TITLE_WIDTH, full);
    const left = this.kept(label) - width * { left: 0, center: 0.5, right: 1 }[label.align];
    return { left: left - 8, right: left + width + 8, y: label.y, half: 8 * Math.ceil(full / TITLE_WIDTH) + 7 };
  }

  /** Where a title stands that would otherwise be cut off by the frame. */
  private kept({ text, x, align }: Label): number {
    const width = Math.min(TITLE_WIDTH, textWidth(text)) + EDGE;
    const [before, after] = { left: [EDGE, width], center: [width / 2, width / 2], right: [width, EDGE] }[align];
    return clamp(x, before, Math.max(before, this.frame.clientWidth - after));
  }

  setLegend(scene: Scene, colors: ColorsName): void {
    if (this.shown.scene === scene && this.shown.colors === colors) return;
    this.shown = { scene, colors };
    const { scale, surface, lossLabel } = scene;
    const bar = make("div", { className: "bar" }, colorBar(colors));
    let last = Infinity;
    const ticks = [...scale.ticks].sort((a, b) => a - b);
    const texts = shortest(ticks);
    for (const [at, tick] of ticks.entries()) {
      const y = BAR * (1 - scale.height(tick));
      if (y < -1 || y > BAR + 1 || last - y < APART) continue;
      last = y;
      const mark = make("span", { textContent: texts[at] });
      mark.style.top = `${y.toFixed(1)}px`;
      bar.append(mark);
    }
    const missing = holes(surface).map(([cell, count]) =>
      make("li", {}, make("span", { className: `hatch hatch-${HATCHES[cell]}` }), `${CELL_WORDS[cell]}: ${count}`),
    );
    this.legend.replaceChildren(make("p", { textContent: lossLabel }), bar);
    this.missing.replaceChildren(...missing);
  }

  setReadout(facts: [string, string][]): void {
    this.readout.replaceChildren(
      ...facts.flatMap(([name, value]) => [make("dt", { textContent: name }), make("dd", { textContent: value })]),
    );
    this.readout.hidden = facts.length === 0;
  }
}

const HATCHES: Record<Exclude<Cell, Cell.Finite>, string> = {
  [Cell.NotANumber]: "nan",
  [Cell.Infinite]: "infinite",
  [Cell.NotComputed]: "pending",
};

function covers(box: { left: number; right: number; y: number; half: number }, { x, y }: Label): boolean {
  return x > box.left && x < box.right && Math.abs(y - box.y) < box.half;
}

const ruler = make("canvas").getContext("2d");
const widths = new Map<string, number>();

function textWidth(text: string): number {
  if (!ruler) return TITLE_WIDTH;
  ruler.font = "600 12px system-ui, sans-serif";
  const width = widths.get(text) ?? ruler.measureText(text).width;
  widths.set(text, width);
  return width;
}

function colorBar(colors: ColorsName): HTMLCanvasElement {
  const canvas = make("canvas", { width: 1, height: 256 });
  const context = canvas.getContext("2d");
  const image = context?.createImageData(1, 256);
  if (!context || !image) return canvas;
  const table = colorTable(colors);
  for (let row = 0; row < 256; row++) image.data.set(table.subarray((255 - row) * 4, (256 - row) * 4), row * 4);
  context.putImageData(image, 0, 0);
  return canvas;
}
