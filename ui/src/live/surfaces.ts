// The controls of what is shown: the subject, the network behind it, and how the plane is cut.
import { make } from "../dom";
import { type Choice, chooser, type Field, named, numbered, part, pressed, ticked } from "./fields";
import { spoken } from "./names";
import { type Choices, NETWORK, rangeOf } from "./choices";
import type { NetworkSubject, Plane, Subject, SurfaceAnswer, Welcome } from "./wire";

export interface SurfaceActions {
  open(subject: Subject): void;
  slice(change: Partial<Plane>): void;
  beside(on: boolean): void;
}

const MODES: Choice[] = [
  ["inference", "it predicts"],
  ["training", "it trains, with dropout"],
];

export class SurfaceControls {
  readonly subject: HTMLDetailsElement;
  readonly network: HTMLDetailsElement;
  readonly plane: HTMLDetailsElement;
  private draft: NetworkSubject = NETWORK;
  private shown: Subject | null = null;
  private readonly chosen: Field<string>;
  private readonly fields: { [K in keyof NetworkSubject]?: (subject: NetworkSubject) => void } = {};
  private readonly build = pressed("Show its surface", () => this.actions.open(this.draft), "main");
  private readonly directions: HTMLElement = make("div");
  private readonly size: Field<string>;
  private readonly mode: Field<string>;
  private readonly keep: Field<boolean>;
  private readonly here: HTMLButtonElement;
  private readonly center: HTMLButtonElement;
  private readonly others: HTMLButtonElement;

  constructor(
    private readonly welcome: Welcome,
    private readonly actions: SurfaceActions,
  ) {
    const data = welcome.data_sets.map(({ name, rows }): Choice => [`network ${name}`, `${spoken(name)}, ${rows} rows`]);
    this.chosen = chooser(
      "Surface",
      {
        ...(welcome.has_run ? { "Your run": [["run", "the run"]] as Choice[] } : {}),
        "Two parameters": welcome.classics.map((name): Choice => [`classic ${name}`, spoken(name)]),
        "A line through data": [
          ["line sum_squared_error", "Old Faithful, sum of squares"],
          ["line mean_squared_error", "Old Faithful, mean of squares"],
        ],
        "A network on data": data,
      },
      (value) => this.choose(value),
    );
    this.subject = part("subject", "What to descend", true, this.chosen.element);
    this.keep = ticked("Keep the surface before beside the new one", actions.beside);
    this.network = part("network", "Network", true, ...this.networkFields(), this.keep.element, this.build);
    this.network.hidden = true;
    const sizes = welcome.sizes.map((n): Choice => [String(n), String(n)]);
    this.size = named("size", chooser("Points a side", { "": sizes }, (value) => actions.slice({ size: Number(value) })));
    this.mode = named("mode", chooser("Network as", { "": MODES }, (value) => actions.slice({ mode: value as Plane["mode"] })));
    this.here = pressed("Cut through the ball", () => actions.slice({ through: this.selected }));
    this.center = pressed("Back through the center", () => actions.slice({ through: null }));
    this.others = pressed("Other random directions", () => actions.slice({ seed: this.seed + 1 }));
    const cuts = make("div", { className: "row" }, this.here, this.center, this.others);
    this.plane = part("plane", "Plane", false, this.directions, this.size.element, this.mode.element, cuts);
  }

  private selected = 0;
  private seed = 0;

  /** Show what is on screen. */
  show({ subject: asked, plane, selected, beside }: Choices, answer: SurfaceAnswer | null, canCutHere: boolean): void {
    [this.selected, this.seed] = [selected, plane.seed];
    const subject = asked ?? answer?.subject ?? null;
    if (subject && JSON.stringify(subject) !== JSON.stringify(this.shown)) {
      this.shown = subject;
      this.chosen.set(valueOf(subject));
      if (subject.kind === "network") this.setDraft(subject);
    }
    const network = subject?.kind === "network";
    this.network.hidden = !network;
    this.mode.element.hidden = !network;
    if (answer) this.layDirections(answer);
    this.size.set(String(plane.size));
    this.mode.set(plane.mode);
    this.keep.set(beside);
    this.here.disabled = !canCutHere;
    this.center.hidden = plane.through === null;
    this.others.hidden = answer?.plane.directions !== "filter";
  }

  private layDirections({ can_redirect, plane }: SurfaceAnswer): void {
    const key = `${can_redirect} ${plane.directions}`;
    if (key === this.directions.dataset.key) return;
    const choices = can_redirect.map((name): Choice => [name, spoken(name)]);
    const directions = named(
      "directions",
      chooser("Directions", { "": choices }, (value) => this.actions.slice({ directions: value })),
    );
    directions.set(plane.directions);
    this.directions.replaceChildren(directions.element);
    this.directions.dataset.key = key;
  }

  private choose(value: string): void {
    const [kind, name] = value.split(" ");
    if (kind === "network") this.actions.open({ ...this.draft, data: name });
    else if (kind === "classic") this.actions.open({ kind, name });
    else if (kind === "line") this.actions.open({ kind, loss: name as "sum_squared_error" });
    else this.actions.open({ kind: "run" });
  }

  private setDraft(subject: NetworkSubject): void {
    this.draft = subject;
    for (const set of Object.values(this.fields)) set(subject);
    const shown = this.shown?.kind === "network" ? this.shown : null;
    this.build.disabled = JSON.stringify(shown) === JSON.stringify(subject);
  }

  private networkFields(): HTMLElement[] {
    const change = (part: Partial<NetworkSubject>): void => this.setDraft({ ...this.draft, ...part });
    const add = <T>(name: keyof NetworkSubject, field: Field<T>, read: (subject: NetworkSubject) => T): HTMLElement => {
      const others = this.fields[name];
      this.fields[name] = (subject) => {
        others?.(subject);
        field.set(read(subject));
      };
      if (!field.element.dataset.field || name === "hidden") named(name, field);
      return field.element;
    };
    const width = ({ hidden }: NetworkSubject): number => hidden[0] ?? 16;
    const number = (label: string, name: "noise" | "dropout" | "epochs"): HTMLElement => {
      const field = numbered(label, rangeOf(this.welcome, name), (value) => change({ [name]: value }));
      return add(name, field, (subject) => subject[name]);
    };
    const choice = (label: string, name: "activation" | "initializer", names: string[]): HTMLElement => {
      const choices = names.map((one): Choice => [one, spoken(one)]);
      return add(name, chooser(label, { "": choices }, (value) => change({ [name]: value })), (subject) => subject[name]);
    };
    const none = (value: string): never => (value === "none" ? null : value) as never;
    const optional = (label: string, name: "norm" | "normalize", choices: Choice[]): HTMLElement => {
      const field = chooser(label, { "": [["none", "none"], ...choices] }, (value) => change({ [name]: none(value) }));
      return add(name, field, (subject) => subject[name] ?? "none");
    };
    const depth = numbered("Hidden layers", rangeOf(this.welcome, "depth"), (layers) =>
      change({ hidden: Array.from({ length: layers }, () => width(this.draft)) }),
    );
    const wide = numbered("Units a layer", rangeOf(this.welcome, "width"), (units) =>
      change({ hidden: this.draft.hidden.map(() => units) }),
    );
    return [
      add("hidden", depth, ({ hidden }) => hidden.length),
      add("hidden", wide, width),
      choice("Activation", "activation", this.welcome.activations),
      choice("Initializer", "initializer", this.welcome.initializers),
      optional("Normalization inside", "norm", this.welcome.norms.map((name) => [name, `${spoken(name)} norm`])),
      add("skip", ticked("Skip connections", (skip) => change({ skip })), ({ skip }) => skip),
      number("Dropout", "dropout"),
      optional("Data scaled to", "normalize", this.welcome.normalizations.map((name) => [name, spoken(name)])),
      number("Noise in the data", "noise"),
      number("Trained before, epochs", "epochs"),
    ];
  }
}

function valueOf(subject: Subject): string {
  if (subject.kind === "network") return `network ${subject.data}`;
  if (subject.kind === "classic") return `classic ${subject.name}`;
  return subject.kind === "line" ? `line ${subject.loss}` : "run";
}
