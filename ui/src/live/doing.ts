// What the server is doing, with a way to stop it, and what went wrong: by the control it is about, or over the surface.
import { byId, make } from "../dom";
import { pressed } from "./fields";
import type { LinkState } from "./socket";
import type { Status } from "./wire";

const BUSY: ReadonlySet<string> = new Set(["opening", "slicing", "measuring"]);

export function isBusy({ state }: Status): boolean {
  return BUSY.has(state);
}

export class Doing {
  private readonly words = make("span", { id: "status", attributes: { role: "status" } });
  private readonly progress = make("progress", { max: 1, hidden: true, attributes: { "aria-label": "Progress" } });
  private readonly stop: HTMLButtonElement;
  private readonly problem = make("div", { id: "problem", hidden: true, attributes: { role: "alert" } });
  private readonly connect: HTMLButtonElement;
  private readonly start = make("p", {
    id: "hint",
    hidden: true,
    innerHTML: "Click the surface to start a descent there.<span> By keyboard: arrows, then Enter.</span>",
  });
  private readonly close = pressed("×", () => this.settle(), "close");
  private starting = false;
  private text = "";
  /** Where a problem is told by a control. */
  private beside: HTMLElement | null = null;

  constructor(cancel: () => void, connect: () => void) {
    this.stop = pressed("Cancel", cancel);
    this.stop.id = "cancel";
    this.connect = pressed("Connect again", connect, "main");
    this.close.setAttribute("aria-label", "Close");
    this.stop.hidden = true;
    byId("header").append(make("div", { className: "doing" }, this.words, this.progress, this.stop));
    byId("stage").append(this.start, this.problem);
  }

  link(state: LinkState, words: string): void {
    this.tell(state, state === "open" ? "" : words, state === "connecting", null);
    this.begun();
    if (state === "open" || state === "connecting") return this.settle();
    this.problem.replaceChildren(make("p", { textContent: words }), ...(state === "refused" ? [] : [this.connect]));
    this.problem.hidden = false;
    this.tell(state, "Not connected", false, null);
  }

  show(status: Status): void {
    this.tell(status.state, status.text, isBusy(status), status.done);
    this.stop.hidden = !isBusy(status);
  }

  /** Descents were started, and have made no step yet. */
  begin(): void {
    this.starting = true;
    this.write();
  }

  /** Say something until something else is to be said. */
  note(words: string): void {
    this.words.textContent = words;
  }

  begun(): void {
    this.starting = false;
    this.write();
  }

  /** Whether to say how a descent begins. */
  hint(wanted: boolean): void {
    this.start.hidden = !wanted;
  }

  /** Say what was refused, by the control of that name where one is in sight. */
  refuse(field: string, message: string): void {
    this.settle();
    const control = field ? document.querySelector<HTMLElement>(`#controls [data-field="${CSS.escape(field)}"]`) : null;
    if (!control?.checkVisibility()) {
      this.problem.replaceChildren(make("p", { textContent: message }), this.close);
      this.problem.hidden = false;
      return;
    }
    this.beside = make("p", { className: "refused", id: "refused", textContent: message, attributes: { role: "alert" } });
    control.append(this.beside);
    for (const input of control.querySelectorAll("input, select")) {
      input.setAttribute("aria-invalid", "true");
      input.setAttribute("aria-describedby", "refused");
    }
  }

  /** Nothing is wrong anymore. */
  settle(): void {
    this.problem.hidden = true;
    for (const input of this.beside?.parentElement?.querySelectorAll("input, select") ?? []) {
      input.removeAttribute("aria-invalid");
      input.removeAttribute("aria-describedby");
    }
    this.beside?.remove();
    this.beside = null;
  }

  private write(): void {
    this.words.textContent = this.starting ? "Starting …" : this.text;
  }

  private tell(state: string, text: string, busy: boolean, done: number | null): void {
    document.body.dataset.doing = state;
    this.text = text;
    this.starting &&= state !== "opening";
    this.write();
    this.stop.hidden = true;
    this.progress.hidden = !busy;
    if (done === null) this.progress.removeAttribute("value");
    else this.progress.value = done;
  }
}
