// Where documents come from. The page knows this interface alone: today a document inside the file, later a live server.
import { type Document, parseDocument } from "./document";

export type Message = { kind: "document"; document: Document };

export interface Transport {
  /** Begin, and hand every message to `receive`, in order. */
  open(receive: (message: Message) => void): void;
  close(): void;
}

/** A document written into the page itself. */
export class EmbeddedTransport implements Transport {
  constructor(private readonly element: HTMLElement) {}

  open(receive: (message: Message) => void): void {
    receive({ kind: "document", document: parseDocument(this.element.textContent ?? "") });
  }

  close(): void {}
}
