// The controls of the descents: up to four optimizers that start together, the numbers of each, what they share.
import { stroke } from "../colors";
import { make, sample } from "../dom";
import { currentTheme } from "../theme";
import { type Choices, DESCENT, labelOf, PACES, type Racer, rangeOf, selectedRacer } from "./choices";
import { type Choice, chooser, type Field, named, numbered, part, pressed, ticked } from "./fields";
import { spoken, titled } from "./names";
import { type DescentSettings, MOST_DESCENTS, type Tuned, type Welcome } from "./wire";

export interface RacerActions {
  select(id: number): void;
  add(): void;
  /** A rate that an optimizer goes well with here. */
  usualRate(optimizer: string): number;
  remove(id: number): void;
  /** Numbers that change without a reset. */
  tune(id: number, change: Tuned): void;
  /** What a descent cannot change on its way: it starts again. */
  change(id: number, change: Partial<DescentSettings>): void;
  /** What all share: batches, seed, steps. */
  share(change: Partial<DescentSettings>): void;
  again(): void;
  pace(steps: number): void;
}

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
    const fields = ["learning_rate", ...(known?.numbers ?? [])].map((name) => {
      const range = rangeOf(this.welcome, name);
      const field = numbered(range.label || titled(name), range, (value) => this.actions.tune(id, { [name]: value }));
      return this.bound(field, (now) => Number(now[name] ?? range.default));
    });
    const choices = known?.choices.map((name) => this.choice(id, name)) ?? [];
    const again = pressed(started ? "Start again" : "Start", () => this.actions.again(), "main");
    const remove = pressed("Remove", () => this.actions.remove(id));
    remove.disabled = count < 2;
    const shared = hasData ? this.batches() : [];
    this.form.replaceChildren(
      optimizer,
      ...fields,
      ...choices,
      ...this.schedule(id, settings),
      ...shared,
      this.pace.element,
      make("div", { className: "row" }, again, remove),
    );
  }

  private choice(id: number, name: string): HTMLElement {
    const field = ticked(titled(name), (on) => this.actions.change(id, { [name]: on }));
    return this.bound(field, (now) => Boolean(now[name]));
  }

  private schedule(id: number, { schedule }: DescentSettings): HTMLElement[] {
    const { schedules } = this.welcome;
    const kind = chooser("Schedule", { "": schedules.map(({ name }): Choice => [name, spoken(name)]) }, (value) => {
      const numbers = schedules.find(({ name }) => name === value)?.numbers ?? [];
      const usual = Object.fromEntries(numbers.map((range) => [range.name, range.default]));
      this.actions.change(id, { schedule: { kind: value, ...usual } });
    });
    const ranges = schedules.find(({ name }) => name === schedule.kind)?.numbers ?? [];
    const numbers = ranges.map((range) => {
      const { name } = range;
      const change = (value: number): void => this.actions.change(id, { schedule: { ...this.now.schedule, [name]: value } });
      const field = numbered(`Schedule: ${spoken(name)}`, range, change);
      return this.bound(field, (now) => Number(now.schedule[name] ?? range.default));
    });
    return [this.bound(kind, (now) => now.schedule.kind), ...numbers];
  }

  private batches(): HTMLElement[] {
    const whole = ticked("All rows in every batch", (on) => this.actions.share({ batch_size: on ? null : 32 }));
    const size = numbered("Batch size", rangeOf(this.welcome, "batch_size"), (batch_size) => this.actions.share({ batch_size }));
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
}
