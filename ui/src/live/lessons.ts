// Lessons: ready scenes, each with two sentences and one thing to try; and what is on screen as Python and as a link.
import { make } from "../dom";
import { type Choice, chooser, part, pressed } from "./fields";
import type { Lesson } from "./wire";

export interface LessonActions {
  /** Show a scene; null leaves the one shown. */
  learn(lesson: Lesson | null): void;
  code(): void;
  link(): void;
  /** Save what is recorded as a page that needs no server. */
  save(): void;
}

export class Lessons {
  readonly element: HTMLDetailsElement;
  readonly sharing: HTMLDetailsElement;
  private readonly card = make("div", { id: "lesson", attributes: { "aria-live": "polite" } });
  private readonly choice;
  private readonly code = make("textarea", {
    id: "python",
    readOnly: true,
    hidden: true,
    rows: 14,
    spellcheck: false,
    wrap: "off",
    attributes: { "aria-label": "Python code of what is on screen" },
  });
  private readonly said = make("p", { className: "quiet", attributes: { role: "status" } });

  constructor(
    private readonly lessons: Lesson[],
    actions: LessonActions,
  ) {
    const choices = lessons.map(({ name, title }): Choice => [name, title]);
    this.choice = chooser("Scene", { "": [["", "none"], ...choices] }, (name) => {
      const found = lessons.find((one) => one.name === name);
      actions.learn(found ?? null);
    });
    this.element = part("lessons", "Lessons", true, this.choice.element, this.card);
    const buttons = make(
      "div",
      { className: "row" },
      pressed("Copy as Python", actions.code),
      pressed("Copy link", actions.link),
      pressed("Save as a page", actions.save),
    );
    this.sharing = part("share", "Share", false, buttons, this.said, this.code);
  }

  show(name: string): void {
    this.choice.set(name);
    const lesson = this.lessons.find((one) => one.name === name);
    if (this.card.dataset.name === name) return;
    this.card.dataset.name = name;
    this.card.replaceChildren(
      ...(lesson
        ? [make("p", { textContent: lesson.text }), make("p", { className: "try" }, make("b", { textContent: "Try: " }), lesson.to_try)]
        : []),
    );
  }

  /** Show code, and put it on the clipboard where that is allowed. */
  showCode(text: string): void {
    this.code.value = text;
    this.code.hidden = false;
    this.copy(text, "Copied.", "Select the code and copy it.");
  }

  /** Put text on the clipboard, and tell how that went. */
  copy(text: string, done: string, instead: string): void {
    navigator.clipboard?.writeText(text).then(
      () => this.tell(done),
      () => this.tell(instead),
    ) ?? this.tell(instead);
  }

  tell(words: string): void {
    this.said.textContent = words;
  }
}
