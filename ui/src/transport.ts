// Where documents come from: one written into the page itself, or, see `live/socket`, a live server.
import { type Document, parseDocument } from "./document";

/** Whether a live server serves the page: then it says so in place of a document. */
export function isLive(element: HTMLElement): boolean {
  const { format, version } = JSON.parse(element.textContent ?? "") as { format?: string; version?: number };
  return format === "downslope-live" && version === 1;
}

/** A document written into the page itself. */
export class EmbeddedTransport {
  constructor(private readonly element: HTMLElement) {}

  open(receive: (document: Document) => void): void {
    receive(parseDocument(this.element.textContent ?? ""));
  }
}
