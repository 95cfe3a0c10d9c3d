// Beside the surface: where the chosen descent is, its rule, its sharpness, its diagnosis, its layers, its table.
import { make } from "../dom";
import { plain, short } from "../numbers";
import { formula } from "./formulas";
import { part, pressed } from "./fields";
import type { Walk } from "./model";
import type { DescentAnswer, DescentSettings, Diagnosis, Frame, Welcome } from "./wire";

const SIGNALS = ["output", "gradient", "weight", "step"];
const MOST_ROWS = 200;

export interface MeasureActions {
  eigenvalue(): void;
  diagnose(): void;
  /** Which of the dearer views are open. */
  watch(): void;
}

/** What is told of the chosen descent. */
export interface Measured {
  walk: Walk | null;
  /** Null until the server has said what can be chosen. */
  welcome: Welcome | null;
  settings: DescentSettings;
  step: number;
  diagnosis: Diagnosis | null;
  signals: Frame | null;
  /** Names of the layers. */
  layers: string[];
  /** Whether the loss is over rows, in contrast to a formula. */
  hasData: boolean;
}

export class Measures {
  readonly element: HTMLElement;
  readonly signals: HTMLDetailsElement;
  private readonly state = make("dl", { className: "values", id: "now" });
  private readonly rule = make("div");
  private readonly sharp = make("p", { className: "told", id: "sharpness" });
  private readonly verdict = make("div", { className: "told", id: "verdict" });
  private readonly layers = make("div");
  private readonly table: HTMLDetailsElement;
  private readonly lines = make("tbody");
  private readonly ask: HTMLButtonElement[];
  private shown = "";

  constructor(actions: MeasureActions) {
    this.ask = [pressed("Largest eigenvalue", actions.eigenvalue), pressed("What is wrong?", actions.diagnose)];
    this.signals = part("signals", "Signals through the layers", false, this.layers);
    this.signals.addEventListener("toggle", actions.watch);
    const names = ["step", "epoch", "loss", "gradient", "rate"].map((textContent) => make("th", { textContent, scope: "col" }));
    const table = make("table", {}, make("thead", {}, make("tr", {}, ...names)), this.lines);
    this.table = part("table", "Table of the run", false, make("div", { className: "scrolls", tabIndex: 0 }, table));
    this.table.addEventListener("toggle", () => {
      this.shown = "";
      actions.watch();
    });
    this.element = make(
      "div",
      { className: "group", attributes: { "data-part": "measures" } },
      part("state", "This descent", true, this.state, make("div", { className: "row" }, ...this.ask), this.sharp, this.verdict),
      part("formula", "Its rule", true, this.rule),
      this.signals,
      this.table,
    );
  }

  show({ walk, welcome, settings, step, diagnosis, signals, layers, hasData }: Measured): void {
    const answer = walk?.answer ?? null;
    const key = JSON.stringify([welcome !== null, walk?.id, answer, settings, step, walk?.steps.length, diagnosis?.step, signals?.step, walk?.eigenvalue?.step]);
    if (key === this.shown) return;
    this.shown = key;
    this.ask.forEach((button) => (button.disabled = !answer));
    this.rule.replaceChildren(...(welcome ? [formula(welcome, settings, answer?.hyperparams ?? null)] : []));
    this.tellState(walk, step, hasData);
    this.sharp.textContent = walk?.eigenvalue ? `At step ${walk.eigenvalue.step}: ${walk.eigenvalue.text}` : "";
    this.tellVerdict(diagnosis);
    this.tellLayers(signals, layers);
    this.tellTable(walk);
  }

  private tellState(walk: Walk | null, step: number, hasData: boolean): void {
    const answer = walk?.answer;
    if (!walk || !answer) {
      this.state.replaceChildren(make("dt", { textContent: "no start yet" }), make("dd", { textContent: "click the surface" }));
      return;
    }
    const row = walk.rows.findLast((one) => one.step <= step) ?? null;
    const facts: [string, string][] = [
      ["step", `${row?.step ?? answer.step}${hasData ? `, epoch ${short(row?.epoch ?? answer.epoch, 4)}` : ""}`],
      ["true loss", told(row ? row.loss : answer.loss)],
      ...(row ? [["gradient norm", told(row.gradient_norm)] as [string, string]] : []),
      ["rate", told(row?.learning_rate ?? answer.hyperparams.learning_rate)],
      ...(hasData ? [["batch", batchWords(answer)] as [string, string]] : []),
      ...(answer.text && answer.step === step ? [["status", answer.text] as [string, string]] : []),
    ];
    this.state.replaceChildren(
      ...facts.flatMap(([name, value]) => [make("dt", { textContent: name }), make("dd", { textContent: value })]),
    );
  }

  private tellVerdict(diagnosis: Diagnosis | null): void {
    this.verdict.replaceChildren();
    if (!diagnosis) return;
    this.verdict.append(make("p", {}, make("strong", { textContent: `At step ${diagnosis.step}: ${diagnosis.verdict}` })));
    for (const { severity, statement, evidence, fix } of diagnosis.findings) {
      const words = make("p", { className: severity }, make("b", { textContent: `${severity}: ` }), `${statement} ${evidence} `);
      words.append(make("em", { textContent: fix }));
      this.verdict.append(words);
    }
  }

  private tellLayers(frame: Frame | null, layers: string[]): void {
    this.signals.hidden = layers.length === 0;
    if (!frame) {
      this.layers.replaceChildren(make("p", { className: "quiet", textContent: "Shown with the next steps." }));
      return;
    }
    const [, rows, columns] = frame.shape;
    const highest = SIGNALS.map((_, column) => {
      return Math.max(...Array.from({ length: rows }, (_, row) => frame.values[row * columns + column]).filter(Number.isFinite), 1e-30);
    });
    const body = Array.from({ length: rows }, (_, row) => {
      const cells = SIGNALS.map((_, column) => {
        const value = frame.values[row * columns + column];
        const bar = make("meter", { min: 0, max: highest[column], value: Number.isFinite(value) ? value : 0 });
        bar.setAttribute("aria-hidden", "true");
        return make("td", {}, short(value, 3), bar);
      });
      return make("tr", {}, make("th", { textContent: layers[row] ?? String(row), scope: "row" }), ...cells);
    });
    const head = make("tr", {}, make("th", { textContent: "layer" }), ...SIGNALS.map((textContent) => make("th", { textContent, scope: "col" })));
    const caption = make("caption", { textContent: `root mean squares at step ${frame.step}` });
    this.layers.replaceChildren(make("table", {}, caption, make("thead", {}, head), make("tbody", {}, ...body)));
  }

  private tellTable(walk: Walk | null): void {
    if (!this.table.open) return;
    const rows = (walk?.rows ?? []).slice(-MOST_ROWS).reverse();
    const cells = rows.map(({ step, epoch, loss, gradient_norm, learning_rate }) => {
      const texts = [String(step), short(epoch, 4), told(loss), shortly(gradient_norm), shortly(learning_rate)];
      return make("tr", {}, ...texts.map((textContent) => make("td", { textContent })));
    });
    this.lines.replaceChildren(...cells);
  }
}

function told(value: number | null | undefined): string {
  return value === null || value === undefined ? "not finite" : plain(value);
}

function batchWords({ batch_size, steps_an_epoch }: DescentAnswer): string {
  const count = (number: number, name: string): string => `${number} ${name}${number === 1 ? "" : "s"}`;
  return `${count(batch_size, "row")}, ${count(steps_an_epoch, "step")} an epoch`;
}

function shortly(value: number | null): string {
  return value === null ? "not finite" : short(value, 4);
}
