// The controls of the descents: up to four optimizers that start together, the numbers of each, what they share.
import { stroke } from "../colors";
import { make, sample } from "../dom";
import { currentTheme } from "../theme";
import { type Choices, DESCENT, labelOf, PACES, type Racer, SCHEDULES, selectedRacer } from "./choices";
import { type Choice, chooser, type Field, named, numbered, part, pressed, ticked } from "./fields";
import { spoken } from "./names";
import { type DescentSettings, MOST_DESCENTS, type Range, SETTABLE, type Settable, type Welcome } from "./wire";

export interface RacerActions {
  select(id: number): void;
  add(): void;
  /** A rate that an optimizer goes well with here. */
  usualRate(optimizer: string): number;
  remove(id: number): void;
  /** Numbers that change without a reset. */
  tune(id: number, change: Partial<Record<Settable, number>>): void;
  /** What a descent cannot change on its way: it starts again. */
  change(id: number, change: Partial<DescentSettings>): void;
  /** What all share: batches, seed, steps. */
  share(change: Partial<DescentSettings>): void;
  again(): void;
  pace(steps: number): void;
}

const LABELS: Record<Settable, string> = {
  learning_rate: "Learning rate",
  momentum: "Momentum",
  b1: "β₁",
  b2: "β₂",
  decay: "Decay",
  weight_decay: "Weight decay",
};

const USUAL: Record<string, Partial<Range>> = {
  learning_rate: { high: 10, log: true, default: 0.1 },
  momentum: { high: 0.99 },
  b1: { high: 0.999 },
  b2: { high: 0.9999 },
  decay: { high: 0.9999 },
  weight_decay: { high: 1, log: true },
  batch_size: { low: 1, high: 4096, log: true, whole: true },
  steps: { low: 1, high: 100_000, log: true, whole: true, default: 2000 },
};

export class RacerControls {
  readonly element: HTMLDetailsElement;
  private readonly tabs = make("div", { className: "tabs", attributes: { role: "group", "aria-label": "Descents" } });
  private readonly form = make("div", { className: "inside" });
  private built = "";
  private setters: ((settings: DescentSettings) => void)[] = [];
  private readonly pace: Field<string>;

  constructor(
    private readonly welcome: Welcome,
    private readonly actions: RacerActions,
  ) {
    const paces = PACES.map((pace): Choice => [String(pace), pace > 1e4 ? "as they come" : `${pace} a second`]);
    this.pace = chooser("Steps", { "": paces }, (value) => actions.pace(Number(value)));
    this.element = part("optimizer", "Optimizer", true, this.tabs, this.form);
  }

  show(choices: Choices, hasData: boolean): void {
    const { racers, selected, pace } = choices;
    this.layTabs(racers, selected, currentTheme().dark);
    const { settings, start } = selectedRacer(choices);
    const key = JSON.stringify([selected, settings.optimizer, settings.schedule.kind, racers.length, start !== null, hasData]);
    if (key !== this.built) this.layForm(selected, settings, racers.length, start !== null, hasData);
    this.built = key;
    for (const set of this.setters) set(settings);
    this.pace.set(String(PACES.find((one) => one >= pace) ?? PACES[PACES.length - 1]));
  }

  private layTabs(racers: Racer[], selected: number, dark: boolean): void {
    const tabs = racers.map((racer) => {
      const { id } = racer;
      const { color, dash } = stroke(id, dark);
      const tab = pressed("", () => this.actions.select(id));
      tab.append(sample(color, dash), labelOf(racer));
      tab.setAttribute("aria-pressed", String(id === selected));
      return tab;
    });
    const add = pressed("+", () => this.actions.add());
    add.title = "Add an optimizer to the race";
    add.setAttribute("aria-label", add.title);
    const key = JSON.stringify([racers.map(labelOf), selected, dark]);
    if (this.tabs.dataset.key === key) return;
    this.tabs.dataset.key = key;
    this.tabs.replaceChildren(...tabs, ...(racers.length < MOST_DESCENTS ? [add] : []));
  }

  private layForm(id: number, settings: DescentSettings, count: number, started: boolean, hasData: boolean): void {
    this.setters = [];
    const optimizer = this.bound(
      named(
        "optimizer",
        chooser("Rule", { "": this.welcome.optimizers.map(({ name }): Choice => [name, spoken(name)]) }, (name) =>
          this.actions.change(id, { optimizer: name, learning_rate: this.actions.usualRate(name), momentum: 0 }),
        ),
      ),
      (now) => now.optimizer,
    );
    const known = this.welcome.optimizers.find(({ name }) => name === settings.optimizer);
    const numbers = SETTABLE.filter((name) => name === "learning_rate" || known?.numbers.includes(name));
    const rest = known?.numbers.includes("weight_decay") ? numbers : [...numbers, "weight_decay" as const];
    const fields = rest.map((name) =>
      this.bound(
        numbered(LABELS[name], this.range(name), (value) => this.actions.tune(id, { [name]: value })),
        (now) => now[name],
      ),
    );
    const nesterov = settings.optimizer === "sgd" ? [this.nesterov(id)] : [];
    const again = pressed(started ? "Start again" : "Start", () => this.actions.again(), "main");
    const remove = pressed("Remove", () => this.actions.remove(id));
    remove.disabled = count < 2;
    const shared = hasData ? this.batches() : [];
    this.form.replaceChildren(
      optimizer,
      ...fields,
      ...nesterov,
      ...this.schedule(id, settings),
      ...shared,
      this.pace.element,
      make("div", { className: "row" }, again, remove),
    );
  }

  private nesterov(id: number): HTMLElement {
    const field = ticked("Nesterov", (nesterov) => this.actions.change(id, { nesterov }));
    return this.bound(field, (now) => now.nesterov);
  }

  private schedule(id: number, { schedule }: DescentSettings): HTMLElement[] {
    const kinds = Object.keys(SCHEDULES).filter((kind) => this.welcome.schedules.includes(kind));
    const kind = chooser("Schedule", { "": kinds.map((one): Choice => [one, spoken(one)]) }, (value) =>
      this.actions.change(id, { schedule: { kind: value, ...SCHEDULES[value] } }),
    );
    const numbers = Object.keys(SCHEDULES[schedule.kind] ?? {}).map((name) => {
      const whole = ["every", "steps", "period"].includes(name);
      const range: Range = whole
        ? { name, low: 2, high: 100_000, default: 100, log: true, whole }
        : { name, low: name === "factor" ? 0.01 : 1e-4, high: name === "power" ? 2 : 1, default: 0.5, log: name === "rate", whole };
      const change = (value: number): void => this.actions.change(id, { schedule: { ...this.now.schedule, [name]: value } });
      return this.bound(numbered(`Schedule: ${spoken(name)}`, range, change), (now) => Number(now.schedule[name]));
    });
    return [this.bound(kind, (now) => now.schedule.kind), ...numbers];
  }

  private batches(): HTMLElement[] {
    const whole = ticked("All rows in every batch", (on) => this.actions.share({ batch_size: on ? null : 32 }));
    const size = numbered("Batch size", this.range("batch_size"), (batch_size) => this.actions.share({ batch_size }));
    this.setters.push(({ batch_size }) => {
      size.element.hidden = batch_size === null;
    });
    return [
      this.bound(whole, (now) => now.batch_size === null),
      this.bound(size, (now) => now.batch_size ?? 32),
    ];
  }

  private now: DescentSettings = DESCENT;

  private bound<T>(field: Field<T>, read: (settings: DescentSettings) => T): HTMLElement {
    this.setters.push((settings) => {
      this.now = settings;
      field.set(read(settings));
    });
    return field.element;
  }

  private range(name: string): Range {
    const usual = { low: 0, high: 1, default: 0, log: false, whole: false, ...USUAL[name], name };
    return this.welcome.ranges.find((range) => range.name === name) ?? usual;
  }
}
